/* The network check of the continuous book on a grid state: what has been traded, on top of the base of each period.
 *
 * Unconditional trades move the set-point; accepted conditional requests may or may not be called, and count by what they
 * could do at worst (docs/network-aware.md has the equations):
 *   dc   per line an upper and a lower envelope of the flow, exact over all subsets of calls
 *   ac   per limit a reserve: the sum of the adverse changes of all conditional trades, enlarged by a quarter
 * A trade is taken as far as no limit is broken that holds, and none that is broken gets worse. In ac the answer is
 * confirmed by a power flow of the period with the trade; where the whole quantity does not hold, the largest multiple of
 * the tick is sought by chords and bisections, each of them a power flow that starts from the present state.
 *
 * A new state replaces the old one; what was traded stays and is put on top, period by period when it is next asked for.
 * Buses are the area's bus numbers. A trade of the past without a bus moves nothing; an order without a bus, or at
 * one that the network does not have or that is not supplied, takes nothing in a checked period; periods outside the state
 * take nothing. Reserve products are not checked.
 *
 * take() allocates only when it meets a period, or a pair of buses of a conditional request, for the first time.
 * Thread rule: one thread, that of the book; so do the states handed over. */
#ifndef FG_TOOLKIT_DFMCT_MATCH_GRID_H
#define FG_TOOLKIT_DFMCT_MATCH_GRID_H

#include "market/book.h"
#include "toolkit/dfmct/grid_state.h"

struct fg_match_grid;
enum fg_code fg_match_grid_create(struct fg_power tick, struct fg_match_grid **match, struct fg_error *err);
void fg_match_grid_destroy(struct fg_match_grid *match); /* NULL is allowed; the state too */

/* Put a state in place; it is owned from here on and the old one is destroyed. Tell the book by fg_book_network_changed. */
enum fg_code fg_match_grid_set_state(struct fg_match_grid *match, struct fg_grid_state *state, struct fg_error *err);

/* Forget what was traded; then put trades of the past in place. */
void fg_match_grid_clear(struct fg_match_grid *match);
enum fg_code fg_match_grid_restore(struct fg_match_grid *match, const struct fg_book_flow *flow, int64_t quantity_w,
                                   struct fg_error *err);

struct fg_book_network fg_match_grid_interface(struct fg_match_grid *match);

/* What a bus can still inject more (up) and less (down) in a period: estimated by sensitivities, at most `most_w`.
 * `is_broken`: a limit that an injection at this bus would move is broken. */
struct fg_grid_headroom {
    int64_t up_w, down_w;
    bool is_broken;
    enum fg_grid_check check;
};
void fg_match_grid_headroom(struct fg_match_grid *match, int32_t bus, int32_t period, int64_t most_w,
                            struct fg_grid_headroom *headroom);

struct fg_match_grid_figures {
    uint64_t takes, power_flows, cuts, refusals;
};
struct fg_match_grid_figures fg_match_grid_figures(const struct fg_match_grid *match);

#endif
