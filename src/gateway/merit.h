/* From offers to the bids of a balancing market, and from a call back to the offers.
 *
 * A piece is what is left of one price step of an offer in one period (of a block: in all its periods). Bids:
 *   - a piece of at least the market's minimum is a bid of its own
 *   - smaller pieces without a minimum of their own are put together when balance responsible party, zone, direction and
 *     periods are equal: cheapest first, a bid is closed as soon as it reaches the minimum; a rest below the minimum joins the
 *     bid before it. The bid's price is that of its dearest piece, so that nobody is paid less than asked.
 *   - what still does not reach the minimum is not bid
 * Merit order: lower price first, then the earlier bid.
 * A call is split over what is left of the pieces in proportion, in whole ticks, by largest remainder: the parts add up,
 * and no part is above what is left of its piece. Thread rule: pure functions. */
#ifndef FG_GATEWAY_MERIT_H
#define FG_GATEWAY_MERIT_H

#include "base/error.h"
#include "base/units.h"

#include <stddef.h>
#include <stdint.h>

struct fg_piece {
    uint64_t order;
    int64_t portfolio, organisation;
    int64_t zone, brp; /* location; balance responsible party, 0: not known */
    int32_t regulation, first_period, period_count;
    int64_t quantity_w; /* in each period */
    int64_t least_w;    /* it may not be called with less; 0: any tick */
    int64_t price_u;
    int32_t bid;        /* out: index of its bid; -1: none */
};
struct fg_bid_draft {
    size_t first, count; /* its pieces, after fg_bids_form */
    int64_t quantity_w, least_w, price_u;
};
/* Sorts the pieces so that those of a bid are together, in the order of calling, and those without bid are last. `drafts`
 * has room for `count`. FG_ERR_OVERFLOW. */
enum fg_code fg_bids_form(struct fg_piece *pieces, size_t count, int64_t bid_min_w, struct fg_bid_draft *drafts,
                          size_t *draft_count, struct fg_error *err);

/* Split `called_w` (a multiple of the tick, at most the sum of `left_w`, which are multiples too). */
enum fg_code fg_call_split(int64_t called_w, int64_t tick_w, const int64_t *left_w, size_t count, int64_t *parts_w,
                           struct fg_error *err);

#endif
