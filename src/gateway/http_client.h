/* Calls to other systems over HTTPS: the one place that knows libcurl.
 *
 * The URL may come from a participant, so a call can reach what the policy allows and nothing else: https only, public
 * addresses only (address.h, judged at the moment of connecting), no redirects, no proxy from the environment, no user and
 * password in the URL, certificates verified, the answer bounded in size and time.
 * Thread rule: fg_http_init once, before threads start; then any thread, one call at a time each. */
#ifndef FG_GATEWAY_HTTP_CLIENT_H
#define FG_GATEWAY_HTTP_CLIENT_H

#include "base/error.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fg_http_policy {
    bool plain_http;        /* http is allowed too: for tests */
    bool private_addresses; /* every address may be called: for tests and for markets inside the own network */
    const char *ca_file;    /* PEM: trust these certificates; NULL: the system's */
};

struct fg_http_request {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    const char *body;           /* NULL: none */
    size_t body_length;
    int timeout_ms;   /* of the whole call; 0: 15000 */
    size_t max_bytes; /* of the answer's body; 0: 1 MiB */
    const char *pin;  /* "sha256//...": the public key that the other side must have, whoever has signed its certificate; https only;
                         NULL: the certificate is verified */
    const atomic_bool *stop; /* ends the call when it becomes true; NULL: nothing does */
};
struct fg_http_answer {
    long status;
    struct fg_text body; /* initialised by the call, released by the caller in every case */
    /* Headers; "" without, when longer, or with other than printable ASCII. */
    char tag[200], media[100], retry_after[16], replayed[8]; /* ETag, Content-Type, Retry-After, Idempotent-Replayed */
};

void fg_http_init(void);
/* FG_OK: there is an answer, whatever its status. FG_ERR_VALUE: not a URL that may be called; FG_ERR_DENIED: its name stands for
 * an address that may not be called; FG_ERR_TOO_LARGE: the answer is longer than allowed; FG_ERR_INTERRUPTED: `stop`;
 * FG_ERR_UNAVAILABLE: no connection, TLS failure, time-out. Texts name the host, never headers or bodies. */
enum fg_code fg_http_call(const struct fg_http_policy *policy, const struct fg_http_request *request,
                          struct fg_http_answer *answer, struct fg_error *err);

/* Cut a text that came from elsewhere, or was cut to fit, before the first byte that is no UTF-8: the database takes no other. */
void fg_http_clip(char *text);

/* Is it a URL that fg_http_call would try to reach? FG_ERR_VALUE says why not. A literal address is judged too. */
enum fg_code fg_http_check_url(const struct fg_http_policy *policy, const char *url, struct fg_error *err);

#endif
