/* Requests for an area that another server owns (FG_OP_AT_OWNER) are passed on to it with the caller's credentials and key; its answer
 * is the answer. The owner is asked once: a request that was passed on is not passed on again, and what is not known to have been
 * carried out is answered with 503, to be repeated with the same Idempotency-Key. Threads of their own wait for the owners, a few for
 * each, and each owner has a queue of its own: one that hangs holds up neither the others nor what this server owns itself.
 *
 * A request has 10 s from when it is complete. Before it is sent it is asked again whether the area is still with that owner; one that
 * has waited too long, whose area has moved, or whose owner has just let another one wait in vain (for 3 s) is answered with 503 at once
 * and is not sent. What comes back with a status or in a media type that the operation does not have is not the owner's answer, but
 * that of something between: 503, too. One that cannot be passed on at all (its address or a header is too long) is 413 or 422. */
#ifndef FG_API_RELAY_H
#define FG_API_RELAY_H

#include "api/internal.h"

#define FG_RELAY_HEADER "Flexgrid-Relayed" /* the name of the server that passes it on */

enum fg_code fg_relays_start(struct fg_server *server, struct fg_error *err); /* nothing to do without options.relay */
void fg_relays_stop(struct fg_server *server); /* ends calls under way */

/* True: the request belongs to another server; it is on its way there, or has its answer. On the worker's thread, once the request is
 * known to be valid. */
bool fg_relay_takes(struct fg_call *call);

#endif
