/* TLS: the certificate in use, which can be exchanged while connections go on.
 *
 * libmicrohttpd asks for the certificate at each handshake through a callback without a context, so a process has one
 * certificate. Thread rule: load from one thread at a time; the callback from any. */
#ifndef FG_API_TLS_H
#define FG_API_TLS_H

#include "base/error.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

/* Make certificate and key in the folder when there are none, or when they have expired: ECDSA P-256, valid for two years for
 * localhost, this host's name and the loopback addresses. The key has mode 0600. */
enum fg_code fg_tls_self_sign(const char *certificate_file, const char *key_file, struct fg_error *err);

/* Read certificate chain and key (PEM), check that they belong together, and use them for handshakes from now on. On
 * failure the certificate before stays in use. */
enum fg_code fg_tls_load(const char *certificate_file, const char *key_file, struct fg_error *err);
/* Of the certificate in use: "sha256//" and the base64 of its public key's hash (RFC 7469, section 2.4). */
#define FG_TLS_PIN 64
enum fg_code fg_tls_pin(char pin[FG_TLS_PIN], struct fg_error *err);
/* Forget all certificates; no connection may be open. */
void fg_tls_release(void);

/* gnutls_certificate_retrieve_function2 */
int fg_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                    unsigned int *chain_length, gnutls_privkey_t *key);

#define FG_TLS_PRIORITIES "SECURE192:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

#endif
