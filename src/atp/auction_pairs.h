/* From accepted quantities to trades: who sells to whom, and what money is left besides.
 *
 * Per period, product and direction, requests take from offers that can serve them: a need from offers inside its place, the
 * smallest places first (a kW counts once, and places are nested or disjoint); an exchange from any. Within a request, in the
 * order of offers. What is offered and taken by nobody goes to the market's operator, which answers for scarcity, losses and the
 * import. A trade's price is what its seller is paid.
 *
 * What buyers pay differs from what their sellers are paid (congestion, zone prices, the operator's part): the rest is money
 * besides the trades, order by order, so that each participant ends with exactly what the clearing settled:
 *
 *     buyer    (- settled) - sum of its trades      to congestion
 *     seller   settled - sum of its trades          from congestion    (rebound, rounding)
 *     each     make-whole                           from make_whole
 *
 * Thread rule: pure functions. */
#ifndef FG_ATP_AUCTION_PAIRS_H
#define FG_ATP_AUCTION_PAIRS_H

#include "atp/auction_internal.h"
#include "market/ledger.h"
#include "toolkit/dfmct/service.h"

struct auction_pair {
    int64_t sell, buy; /* orders; buy 0: the operator */
    int32_t period;    /* of the area */
    int64_t quantity_w, price_u;
};
struct auction_money {
    int32_t period;
    struct fg_ledger_party from, to;
    int64_t amount_u;
};
struct auction_settled {
    struct auction_pair *pairs;
    struct auction_money *money;
    size_t pair_count, pair_capacity, money_count, money_capacity;
};
enum fg_code auction_settle(struct auction_book *book, const struct fg_service_clearing *clearing, struct auction_settled *settled,
                            struct fg_error *err);
void auction_settled_release(struct auction_settled *settled);

#endif
