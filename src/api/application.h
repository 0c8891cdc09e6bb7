/* The application behind the server's operations: what handlers find in fg_call_context, and the callbacks that the server
 * needs (server.h) connected to the platform. Thread rule: create and destroy from one thread; the rest from any. */
#ifndef FG_API_APPLICATION_H
#define FG_API_APPLICATION_H

#include "api/server.h"
#include "atp/authenticator.h"
#include "atp/exchange.h"
#include "atp/organisation.h"
#include "gateway/gateway.h"
#include "atp/run.h"

#include <pthread.h>

struct fg_application {
    struct fg_platform *platform;
    struct fg_authenticator_memory *authenticator;
    struct fg_exchange *exchange; /* NULL before fg_application_trade */
    struct fg_gateway *gateway;   /* NULL before fg_application_reach_out */
    const char *node_ca_file;     /* PEM: other servers' certificates are signed by these; NULL: they have the key that they announced. Set
                                     before the server starts */
    struct fg_http_policy outbound; /* what may be called when a participant names the address */
    struct fg_runs *runs;         /* likewise */
    atomic_ulong relayed, relay_failures; /* requests passed on to other servers; of those without an answer */
    int run_threads;              /* that work on runs; 0: 1. Set before fg_application_trade */
    const char *data_folder; /* for files while they are read */
    bool is_demonstration;
    pthread_mutex_t mutex;   /* of `server` and `gateway` */
    struct fg_server *server; /* told of new events; NULL: none */
};

/* Open the database `url` (NULL: a data folder's own) with the installation's secret from `data_folder`, which is made when
 * it is not there. `clock_us` NULL: the system's. */
enum fg_code fg_application_open(const char *url, const char *data_folder, const char *node,
                                 int64_t (*clock_us)(void *context), void *clock_context, struct fg_application *application,
                                 struct fg_error *err);
/* A database that is marked as a demonstration's is refused (FG_ERR_DENIED): its passwords are known to everybody. This one opens
 * such a database and no other, once it is completely loaded; the server on it listens on loopback addresses only. */
enum fg_code fg_application_open_demonstration(const char *data_folder, const char *node, struct fg_application *application,
                                               struct fg_error *err);
void fg_application_close(struct fg_application *application);

/* The first organisation, whose market operator accepts all others, and its administrator. Its roles have FMO in them. */
struct fg_first_user {
    const char *name, *email, *password;
};
enum fg_code fg_application_found(struct fg_application *application, const struct fg_organisation *organisation,
                                  const struct fg_first_user *administrator, struct fg_error *err);

/* Serve the market areas: start the engines of those that no other node has. Until then, and without it, trading
 * operations must not be called. */
enum fg_code fg_application_trade(struct fg_application *application, struct fg_error *err);

/* Talk with other systems (balancing markets, webhooks, market data) within `policy`, whose texts must stay; after
 * fg_application_trade. Without it nothing is sent and nothing is heard. */
enum fg_code fg_application_reach_out(struct fg_application *application, const struct fg_http_policy *policy,
                                      struct fg_error *err);

/* Fill context, access table, authenticator, idempotency store and event source of a server's options. */
void fg_application_connect(struct fg_application *application, struct fg_server_options *options);

/* Tell the other servers of the database where this one, which is `server`, is reached by them (NULL: it is not) and what it is
 * recognised by. When it starts, and again when its certificate has changed. */
enum fg_code fg_application_reachable(struct fg_application *application, const struct fg_server *server, const char *url,
                                      struct fg_error *err);

/* The server that is told of new events: after it has started, and NULL before it is stopped. */
void fg_application_announce(struct fg_application *application, struct fg_server *server);

#endif
