/* A PostgreSQL server for a test program: Debian's package, a folder of its own under /tmp, fsync on, its own user.
 *
 *     struct postgres server;
 *     if (!postgres_start(&server)) skip();      says why on standard error
 *     fg_store_open(server.url, ...);
 *     postgres_kill(&server); postgres_restart(&server);
 *     postgres_remove(&server);
 *
 * A server whose test program has died is stopped and removed within seconds. */
#ifndef FG_TESTS_POSTGRES_H
#define FG_TESTS_POSTGRES_H

#include <stdbool.h>

struct postgres {
    char folder[64];
    char url[160];
};

bool postgres_start(struct postgres *server); /* false: there is no server to be had; aborts when one fails to start */
void postgres_stop(struct postgres *server);
void postgres_kill(struct postgres *server); /* SIGKILL to all its processes */
void postgres_restart(struct postgres *server);
void postgres_remove(struct postgres *server);

/* An empty database of its own on the server, for one test; writes its URL. */
void postgres_database(const struct postgres *server, const char *name, char url[200]);

#endif
