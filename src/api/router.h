/* Routing: a tree of path segments built from the operations. A literal segment wins over a parameter.
 *
 * Thread rule: building from one thread, then read by many. Cost of a match: linear in the path. */
#ifndef FG_API_ROUTER_H
#define FG_API_ROUTER_H

#include "api/operation.h"
#include "base/memory.h"

#define FG_PATH_PARAMS_MAX 8

struct fg_route_node;
struct fg_router {
    struct fg_arena arena;
    struct fg_route_node *root;
};
enum fg_code fg_router_init(struct fg_router *router, const struct fg_operation_set *const *sets, size_t set_count,
                            struct fg_error *err);
void fg_router_release(struct fg_router *router);

struct fg_route {
    bool is_known;                                          /* some operation has this path */
    const struct fg_operation *operations[FG_METHOD_COUNT]; /* NULL: method not allowed */
    char *values[FG_PATH_PARAMS_MAX];                       /* decoded, in the order of the path; in `arena` */
    size_t value_count;
};
/* `path` as in the request line, without the query. FG_ERR_SYNTAX: bad percent-encoding, encoded control bytes, or bytes
 * that are not UTF-8. */
enum fg_code fg_router_match(const struct fg_router *router, const char *path, struct fg_arena *arena,
                             struct fg_route *route, struct fg_error *err);

/* Decode "%2F" (and '+' as a blank when `is_query`) into the arena; same errors. */
enum fg_code fg_percent_decode(const char *text, size_t length, bool is_query, struct fg_arena *arena, char **out,
                               struct fg_error *err);

#endif
