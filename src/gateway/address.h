/* Which addresses the platform calls when somebody else has named the URL: those of the public internet only.
 *
 * Refused are all special-purpose blocks of the IANA registries (RFC 6890 and its updates): this host and loopback, private
 * and shared space, link-local, documentation, benchmarking, multicast, reserved and broadcast; in IPv6 everything outside
 * 2000::/3 (so unique-local, link-local, multicast, IPv4-mapped and -compatible, NAT64) and in it what is special: Teredo,
 * benchmarking, ORCHID, documentation, and 6to4, which carries an IPv4 address. It is asked for the address that is about
 * to be connected to, after the name was resolved, so that a name that changes its address (DNS rebinding) gains nothing.
 * Thread rule: pure functions. */
#ifndef FG_GATEWAY_ADDRESS_H
#define FG_GATEWAY_ADDRESS_H

#include <stdbool.h>

struct sockaddr;
bool fg_address_is_public(const struct sockaddr *address);
/* The same for text ("10.0.0.1", "::1", without brackets); false when it is no address. */
bool fg_address_text_is_public(const char *text);

#endif
