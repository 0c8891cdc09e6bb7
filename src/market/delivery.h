/* Delivery: what was delivered of what was sold, what is paid for it and what a shortfall costs.
 *
 * For one portfolio and one market time unit, all energies in Ws:
 *     d = meter - baseline          what it did (positive: more net injection)
 *     U, D                          sums of the up and down trades
 *     N = U - D                     what it owes in net
 * Trades in both directions cancel each other first: an up trade is delivered by not carrying out a down trade of the
 * same portfolio. The direction of N is short by
 *     s = min(|N|, max(0, |N| - d sign(N)))
 * and the trades of that direction share s in proportion to their quantities (largest remainder; of equal remainders the
 * earlier trade); trades of the other direction are delivered in full. With N = 0 all are delivered if d = 0, and the
 * deviation d is nobody's delivery. Delivery beyond N is capped: it is not paid, the balance responsible party has it.
 *
 *     paid            delivered energy x price
 *     tolerated       shortfall up to max(tolerance share x traded energy, tolerance power x unit); not paid, no penalty
 *     penalty         (shortfall beyond tolerance) x (factor x max(price, 0) + penalty per MWh)
 *
 * Source for netting and pro rata: the rule of settlement per portfolio in USEF, "The Framework Specifications" (2015), 3.4,
 * and Balancing Guideline (EU) 2017/2195, article 45 (finalisation per balancing service provider).
 * Thread rule: pure functions. */
#ifndef FG_MARKET_DELIVERY_H
#define FG_MARKET_DELIVERY_H

#include "base/readings.h"
#include "market/order.h"

struct fg_delivery_terms { /* of the product */
    int64_t tolerance_share_u;       /* of the traded energy, millionths, 0 ... FG_FRACTION_ONE */
    struct fg_power tolerance;       /* >= 0 */
    int64_t penalty_factor_u;        /* of the price, millionths, >= 0 */
    struct fg_price penalty;         /* per MWh short, >= 0 */
};

struct fg_delivery_trade {
    enum fg_regulation regulation; /* up or down */
    struct fg_power quantity;      /* > 0 */
    struct fg_price price;
    const struct fg_delivery_terms *terms;
};

struct fg_delivery {
    struct fg_energy traded, delivered, shortfall, tolerated; /* delivered + shortfall = traded; tolerated is part of it */
    struct fg_money paid;    /* by the buyer to the seller; negative at a negative price */
    struct fg_money penalty; /* >= 0, by the seller */
};

struct fg_delivery_net {
    struct fg_energy owed;      /* N */
    struct fg_energy deviation; /* d */
    struct fg_energy excess;    /* delivered beyond N, same sign as N; all of d when N = 0 or d has the other sign */
};

/* Trades of one portfolio in one unit of `seconds`; `deviation` is meter less baseline. `out` gets one entry per trade.
 * FG_ERR_ARGUMENT: a quantity or term outside its bounds; FG_ERR_OVERFLOW: money that does not fit. */
enum fg_code fg_delivery_settle(const struct fg_delivery_trade *trades, size_t count, struct fg_energy deviation,
                                int64_t seconds, struct fg_delivery *out, struct fg_delivery_net *net,
                                struct fg_error *err);

#endif
