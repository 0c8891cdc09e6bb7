/* The platform: what the services of atp share. A pool of database connections, the clock, the secret, the node's name.
 *
 * A service is a set of functions that take the platform first; each does its work in one transaction through
 * fg_platform_run, which borrows a connection, repeats the transaction when another writer was in the way, and gives the
 * connection back. Trading itself does not go this way but through the engine of the market area (engine.h).
 *
 * Thread rule: create and destroy from one thread; everything else from any. */
#ifndef FG_ATP_PLATFORM_H
#define FG_ATP_PLATFORM_H

#include "atp/audit.h"

struct fg_platform_options {
    const char *store_url;
    struct fg_store_options store;
    const char *node;                        /* name of this server among those on the database */
    unsigned char secret[FG_SECRET_KEY];     /* the installation's; the same on all nodes */
    int64_t (*clock_us)(void *context);      /* NULL: the system's; tests give a virtual one */
    void *clock_context;
};

struct fg_platform;
enum fg_code fg_platform_create(const struct fg_platform_options *options, struct fg_platform **platform,
                                struct fg_error *err);
void fg_platform_destroy(struct fg_platform *platform); /* NULL is allowed; all connections must be back */

int64_t fg_platform_now_us(const struct fg_platform *platform);
const struct fg_platform_options *fg_platform_options(const struct fg_platform *platform);

/* Work inside a transaction; it may be called several times and must set its outputs anew each time. */
typedef enum fg_code fg_platform_work(struct fg_platform *platform, struct fg_store *store, void *context,
                                      struct fg_error *err);
/* FG_STORE_WRITE: a failure rolls everything back. FG_ERR_UNAVAILABLE also when the outcome of the commit is unknown: the
 * caller may repeat the request under its idempotency key. */
enum fg_code fg_platform_run(struct fg_platform *platform, enum fg_store_mode mode, fg_platform_work *work, void *context,
                             struct fg_error *err);

/* Append to the registry's audit chain; inside a write transaction. */
enum fg_code fg_platform_audit(struct fg_platform *platform, struct fg_store *store, const struct fg_actor *actor,
                               const char *action, const char *object, const char *detail, struct fg_error *err);

#endif
