/* The insides of a call and of the server, shared by the files that carry a request through: request.c (what was sent),
 * dispatch.c (idempotency and handler), answer.c (what is sent back), hub.c (streams), server.c (libmicrohttpd). */
#ifndef FG_API_INTERNAL_H
#define FG_API_INTERNAL_H

#include "api/call.h"
#include "api/files.h"
#include "api/guard.h"
#include "api/hub.h"
#include "api/limiter.h"
#include "api/metrics.h"
#include "api/router.h"
#include "api/seal.h"
#include "api/server.h"
#include "api/validate.h"
#include "api/workers.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define FG_OPERATION_SETS_MAX 32
#define FG_ADDRESS_TEXT 64

struct fg_server {
    struct fg_server_options options;
    struct MHD_Daemon *daemon;
    struct fg_router router;
    const struct fg_operation_set *sets[FG_OPERATION_SETS_MAX];
    size_t set_count;
    struct fg_access_rule *rules; /* the server's and the application's */
    struct fg_access_table access;
    struct fg_limiter *limiter;
    struct fg_workers *workers;
    struct fg_relays *relays; /* requests that wait for other servers; NULL: none */
    atomic_bool relays_stop;
    struct fg_guard *guard;
    struct fg_hub *hub; /* NULL: no event source */
    struct fg_metrics *metrics;
    struct fg_files files;
    struct fg_seal_key seal_key;
    struct MHD_Response *out_of_memory; /* prepared, so that it can always be sent */
    struct fg_text openapi, reference;  /* rendered at the start */
    char certificate_file[4096], key_file[4096];
    char start_message[200]; /* libmicrohttpd's last word before it gave up */
    atomic_bool is_stopping;
    atomic_long holders;
    atomic_ulong request_number;
    char instance[12]; /* random; begins request ids */

    /* Calls whose handler has not ended; and their idempotency keys, so that one key is not answered twice at once. */
    pthread_mutex_t calls_lock;
    pthread_cond_t calls_changed;
    struct fg_call *running;
    size_t running_count;
};

struct fg_value {
    const char *text; /* NULL: absent */
    int64_t integer;
};

struct fg_answer_header {
    const char *name, *value;
    struct fg_answer_header *next;
};

enum fg_call_phase {
    FG_CALL_NEW,     /* headers are not looked at yet */
    FG_CALL_READING, /* the body comes in */
    FG_CALL_RUNNING, /* with a worker or whoever deferred it */
    FG_CALL_READY    /* there is a response */
};

struct fg_call {
    struct fg_job job; /* first: the worker's job is the call */
    struct fg_server *server;
    struct MHD_Connection *connection;
    struct fg_socket *socket;
    enum fg_call_phase phase;
    struct fg_arena arena;
    char request_id[24];
    char address[FG_ADDRESS_TEXT];
    double started;

    /* the request */
    const char *target; /* as in the request line; NULL: it holds bytes that must not be there */
    const char *target_end; /* in libmicrohttpd's buffer; only valid while the headers are looked at */
    bool is_head, is_options, has_body, must_close, is_body_too_large;
    const char *method;
    const struct fg_operation *operation; /* NULL: none fits */
    struct fg_value path_values[FG_PATH_PARAMS_MAX];
    struct fg_value *query_values; /* in the order of query_params */
    int64_t limit;
    const char *position; /* NULL: first page */
    struct fg_principal principal;
    bool has_principal;
    char *secret; /* wiped in the end */
    const char *on_behalf_of; /* both for a server that it is passed on to; secret NULL: nobody has logged in */
    bool is_relayed;                   /* another server has passed it on to this one */
    char owner[FG_RELAY_NAME];         /* of the area, while it is passed on */
    double relay_until;                /* then whoever waits for it has its answer (fg_clock_seconds) */
    const char *if_match, *if_none_match, *key, *last_event_id, *origin;
    bool accepts_gzip;
    unsigned char hash[FG_HASH_BYTES];
    struct fg_text body;
    json_t *json;
    struct fg_problem_list problems;

    /* the answer */
    int status; /* 0: none yet */
    struct fg_text out;
    struct fg_json_writer writer;
    const char *media; /* NULL: no body */
    const char *etag;
    struct fg_answer_header *headers;
    const struct fg_problem_kind *problem; /* set: the answer is a problem document */
    bool is_problem_written; /* `out` holds it */
    char detail[768];
    double retry_seconds;
    bool answer_failed; /* out of memory while it was made */
    struct fg_subscriber *subscriber; /* owned until the response has it */
    struct fg_subscriber *stream;     /* the response's; to be attached when it is sent */
    struct MHD_Response *response;
    const struct fg_file *file; /* static file: its body is shared */

    /* who still holds it */
    bool is_deferred, is_kept_key;
    struct fg_call *next_running, *previous_running;
    bool is_listed;
    atomic_int holders; /* the connection, and the handler while it runs */
    bool is_abandoned;  /* guarded by calls_lock: answered without the handler at the stop */
};

/* request.c: everything that can be decided from the headers. FG_OK: go on with the body; else the call has a problem. */
enum fg_code fg_request_begin(struct fg_call *call, const char *method, struct fg_error *err);
/* JSON body, parsed and validated together with the parameters. False: the call has a problem. */
bool fg_request_complete(struct fg_call *call);

/* server.c: a call holds its server, so that one that ends late finds it. */
void fg_server_release(struct fg_server *server);

/* "__Host-flexgrid", or "flexgrid" where there is no TLS at all. */
const char *fg_session_cookie_name(const struct fg_server *server);
#define FG_KEY_MAX 255 /* characters of an idempotency key */

/* dispatch.c */
void fg_key_owner(const struct fg_principal *who, char owner[4 * FG_PRINCIPAL_ID]); /* of idempotency keys */
void fg_dispatch_start(struct fg_call *call);                 /* hand to a worker; a place is reserved */
void fg_dispatch_inline(struct fg_call *call);                /* on the network thread; the call is READY afterwards */
void fg_dispatch_abandon(struct fg_server *server);           /* answer what still runs with 503 */
void fg_call_release(struct fg_call *call);                   /* drop one holder */

/* answer.c */
void fg_answer_problem(struct fg_call *call, enum fg_problem problem, const char *format, ...) FG_PRINTF(3, 4);
void fg_answer_code(struct fg_call *call, enum fg_code code, const struct fg_error *err);
void fg_answer_add_header(struct fg_call *call, const char *name, const char *value);
/* Build call->response; NULL when out of memory (the caller sends the prepared one). */
void fg_answer_build(struct fg_call *call);
void fg_answer_write_problem(struct fg_call *call); /* into call->out, when there is one */
/* Is `tag` in the list of an If-Match or If-None-Match? `weak`: weak tags count, too. */
bool fg_etag_is_listed(const char *list, const char *tag, bool weak);
enum fg_code fg_answer_prepare(struct fg_server *server, struct fg_error *err); /* server->out_of_memory */

#define FG_MEDIA_JSON "application/json"
#define FG_MEDIA_PROBLEM "application/problem+json"

#endif
