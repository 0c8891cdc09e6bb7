/* The HTTP server: libmicrohttpd with a pool of epoll threads, a pool of workers for handlers, and the hub of event
 * streams. It knows the domain only through the callbacks below.
 *
 * Thread rule: create, start, stop and destroy from one thread; reload from any. Callbacks are called from many threads
 * at once. */
#ifndef FG_API_SERVER_H
#define FG_API_SERVER_H

#include "atp/access.h"
#include "api/call.h"
#include "api/operation.h"

#include <stdatomic.h>

/* How a caller shows who it is. */
enum fg_credential_kind {
    FG_CREDENTIAL_BEARER, /* Authorization: Bearer ... (API key or session token) */
    FG_CREDENTIAL_COOKIE, /* cookie of a browser session; changes are only taken from the same site */
};
struct fg_credentials {
    enum fg_credential_kind kind;
    const char *secret;       /* never to be logged */
    const char *on_behalf_of; /* header On-Behalf-Of: organisation; NULL when absent */
    const char *address;      /* of the client */
};
/* Who has these credentials. FG_OK and the principal; FG_ERR_DENIED when they are unknown, expired or may not act for
 * the organisation named (answered with 401); another code is a failure of the storage (503). Called on a network thread
 * for each request: keep it in memory. */
struct fg_authenticator {
    void *context;
    enum fg_code (*authenticate)(void *context, const struct fg_credentials *credentials, struct fg_principal *principal,
                                 struct fg_error *err);
};

/* Answers kept under (owner, key) for 48 hours. Called on worker threads. */
enum fg_idempotency_state { FG_KEY_NEW, FG_KEY_SAME, FG_KEY_OTHER };
struct fg_saved_answer {
    int status;
    char media[64];
    struct fg_text body; /* released by the caller */
};
struct fg_idempotency_store {
    void *context;
    /* What is kept: nothing (NEW), an answer to the same request (SAME, fills `answer`), or another request (OTHER). */
    enum fg_code (*load)(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                         enum fg_idempotency_state *state, struct fg_saved_answer *answer, struct fg_error *err);
    /* Keep the answer until `expires` (seconds since 1970). */
    enum fg_code (*save)(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                         int status, const char *media, const char *body, size_t length, int64_t expires,
                         struct fg_error *err);
};

/* Committed events, numbered 1, 2, 3 ... without gaps in each area. Called on the hub's and on network threads. */
struct fg_event {
    uint64_t sequence;
    const char *type;  /* "trade": [a-z_.]+ */
    const char *data;  /* one JSON document without line feeds */
    size_t data_length;
    const char *scope; /* given to may_read: organisation, "public", ...; NULL: everybody who may read the area */
};
struct fg_event_source {
    void *context;
    /* Call `take` for events after `after` in order, at most `most`, until it returns false. */
    enum fg_code (*read)(void *context, const char *area, uint64_t after, size_t most,
                         bool (*take)(void *take_context, const struct fg_event *event), void *take_context,
                         struct fg_error *err);
    /* Oldest sequence still kept (newest + 1 when none is), newest committed one, and the area's epoch, which changes
     * when the area is restored from a backup. FG_ERR_NOT_FOUND: no such area. */
    enum fg_code (*range)(void *context, const char *area, uint64_t *oldest, uint64_t *newest, uint64_t *epoch,
                          struct fg_error *err);
    /* May the principal (as it is now) see an event of this scope? Asked for every event when it is sent. */
    bool (*may_read)(void *context, const struct fg_principal *principal, const char *area, const char *scope);
};

/* A request that another server of the platform has to answer, as this one has got it, and what that one answers. */
struct fg_relayed_request {
    const char *owner;  /* name of the server */
    const char *method, *target; /* path and query */
    const char *secret; /* of the caller; never to be logged */
    const char *on_behalf_of, *key, *if_match; /* NULL: absent */
    const char *media, *body;
    size_t body_length; /* 0: no body */
    int timeout_ms;     /* of the whole call */
    const atomic_bool *stop; /* ends the call when it becomes true */
};
struct fg_relayed_answer {
    int status;
    char media[100], retry_after[16]; /* "": none */
    bool is_replayed;
    struct fg_text body; /* released by the caller */
};
#define FG_RELAY_NAME 64
struct fg_relay {
    void *context;
    /* Does another server own the area? Memory only: asked for each request of FG_OP_AT_OWNER, and again before it is sent. */
    bool (*is_elsewhere)(void *context, const char *area, char owner[FG_RELAY_NAME]);
    /* Waits for the answer, whatever it is; else FG_ERR_UNAVAILABLE, and it is not known whether it was done. FG_ERR_TOO_LARGE,
     * FG_ERR_VALUE: it cannot be passed on, and was not sent. */
    enum fg_code (*send)(void *context, const struct fg_relayed_request *request, struct fg_relayed_answer *answer,
                         struct fg_error *err);
};

struct fg_server_options {
    const char *address; /* "127.0.0.1", "::", "0.0.0.0" */
    uint16_t port;       /* 0: any; fg_server_port tells */
    bool plain_http;     /* without TLS; only on loopback addresses */
    bool is_demonstration; /* says so; only on loopback addresses and without a proxy */
    const char *certificate_file, *key_file; /* PEM; NULL: self-signed in `data_folder` */
    const char *data_folder; /* for tls/ and the server's secret; created with mode 0700 */
    const char *web_folder;  /* static pages; NULL: none */
    bool trust_proxy; /* a proxy on a loopback address gives the client's address in X-Forwarded-For, and TLS to clients */
    const char *const *cors_origins; /* NULL-terminated exact origins; NULL: CORS is off */
    int network_threads, workers;    /* 0: by the number of processors */
    size_t queue_limit;              /* calls waiting for a worker before 503; 0: 1024 */
    unsigned connection_limit, connections_per_address; /* 0: 20000 and 2000 */
    unsigned header_seconds, body_seconds, send_seconds; /* 0: 15, 60, 120 */
    double rate_per_second, rate_burst; /* calls per key; 0: 200 and 1000 */
    double anonymous_rate_per_second, anonymous_rate_burst; /* calls per address without log-in; 0: 50 and 200 */

    const struct fg_operation_set *const *operations; /* besides the server's own */
    size_t operation_set_count;
    struct fg_access_table access;
    void *context; /* fg_call_context */
    struct fg_authenticator authenticator;  /* .authenticate NULL: nobody can log in */
    struct fg_idempotency_store idempotency; /* .load NULL: Idempotency-Key is refused */
    struct fg_event_source events;          /* .read NULL: no streams */
    struct fg_relay relay;                  /* .send NULL: nothing is passed on */
    void (*metrics)(void *context, struct fg_text *text); /* append the application's metrics; NULL: none */
    /* Ready to serve? Fills `err` with what is missing when not. NULL: always. */
    enum fg_code (*ready)(void *context, struct fg_error *err);
};

#define FG_SERVER_PIN 64
struct fg_server;
/* Checks the descriptions, makes certificate and secret where there are none, listens. Errors name the option. */
enum fg_code fg_server_start(const struct fg_server_options *options, struct fg_server **server, struct fg_error *err);
uint16_t fg_server_port(const struct fg_server *server);

/* What the server is recognised by: "sha256//" and the hash of its certificate's public key; "" without TLS. */
enum fg_code fg_server_pin(const struct fg_server *server, char pin[FG_SERVER_PIN], struct fg_error *err);

/* Read the certificate again; the old one stays in use when the new one is bad. */
enum fg_code fg_server_reload(struct fg_server *server, struct fg_error *err);

/* New events have been committed in the area. Cheap; from any thread. */
void fg_server_notify(struct fg_server *server, const char *area);

/* Stop accepting, tell streams to come back, wait up to `seconds` for calls in flight, close. Frees the server. */
void fg_server_stop(struct fg_server *server, double seconds);

#endif
