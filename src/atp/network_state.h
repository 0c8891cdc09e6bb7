/* What an area's network check is made from: gathered from the registry and the operating points, stored as a document, and
 * made again from it.
 *
 * What a bus injects in a period:
 *   values of buses    the latest version that says something of the bus and period; else the network's own loads
 *   values of assets   come on top, each the latest; portfolios are split over the buses of their assets in proportion to
 *                      their apparent power. They do not where the bus's value covers everything (covers = 'all').
 * A version is stale when it is older than its source's limit. A required source is missing in a period when it has said
 * nothing by its deadline. What then happens is the area's rule: block, or fall back to the last values (stale ones
 * count; where there are none, the network's own), to the network's own loads, or to no check. Stale values of sources
 * that are not required count, or do not, as the source says.
 *
 * Thread rule: that of the connection. */
#ifndef FG_ATP_NETWORK_STATE_H
#define FG_ATP_NETWORK_STATE_H

#include "base/memory.h"
#include "store/store.h"
#include "toolkit/dfmct/grid_state.h"

#define FG_NETWORK_MODE_TEXT 4

struct fg_network_plan {
    char mode[FG_NETWORK_MODE_TEXT]; /* "off": the point is empty */
    int64_t network;                 /* version of the network: its row */
    struct fg_grid_point point;
    char *sources;                   /* per period a letter, see network_state.sources */
    uint64_t digest;                 /* of all that the state depends on */
    struct fg_arena arena;           /* owns the above */
};

/* The network of an area as it is configured, 0 when trading is not network-aware. */
enum fg_code fg_network_configured(struct fg_store *store, int64_t area, char mode[FG_NETWORK_MODE_TEXT], int64_t *network,
                                   struct fg_error *err);
/* The model of a network's row. FG_ERR_NOT_FOUND. */
enum fg_code fg_network_model_load(struct fg_store *store, int64_t network, struct fg_grid_model **model, struct fg_error *err);

/* Gather for periods first ... end - 1 at `now_us`; inside a read transaction. `model` NULL: mode off. Release it in any
 * case. */
enum fg_code fg_network_plan_gather(struct fg_store *store, int64_t area, int32_t period_s, int32_t first, int32_t end,
                                    const struct fg_grid_model *model, const char *mode, int64_t network, int64_t now_us,
                                    struct fg_network_plan *plan, struct fg_error *err);
void fg_network_plan_release(struct fg_network_plan *plan);

/* Store a plan with its document; inside a write transaction. `checks` are those of the state (periods without a power
 * flow are blocked). */
enum fg_code fg_network_plan_store(struct fg_store *store, int64_t area, const struct fg_network_plan *plan,
                                   const struct fg_grid_state *state, int64_t now_us, int64_t *version, struct fg_error *err);

/* The state of a stored version; NULL when its mode is off. FG_ERR_CORRUPT. */
enum fg_code fg_network_state_load(struct fg_store *store, int64_t area, int64_t version, struct fg_grid_state **state,
                                   struct fg_error *err);
/* Drop stored versions made before `before_us`, but for the one in force and later ones; inside a write transaction. */
enum fg_code fg_network_states_drop(struct fg_store *store, int64_t area, int64_t before_us, struct fg_error *err);

/* The area's numbers of the buses that a network brings in; part of its upload. */
enum fg_code fg_area_buses_add(struct fg_store *store, int64_t area, int64_t network, struct fg_error *err);

#endif
