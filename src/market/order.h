/* Orders: FlexRequests (buy) and FlexOffers (sell), as an auction needs them.
 *
 * Integers only. A quantity is a change of net injection against the baseline, in whole watt (or var), always >= 0;
 * `regulation` gives its direction: up = more net injection, down = less. A price is what one MWh (Mvarh) of accepted
 * quantity is worth in its own direction: a seller is paid at least that, a buyer pays at most that. So a seller of
 * `down` who would pay for extra consumption bids a negative price.
 *
 * What an accepted quantity a(t) of an order does in period t of h hours:
 *
 *   order               change of injection              cost or value in the objective
 *   sell up             + a at the order's bus           + h price a
 *   sell down           - a at the order's bus           + h price a
 *   exchange, up        - a at the buyer's bus           - h price a     (the buyer moves against what it asks for)
 *   exchange, down      + a at the buyer's bus           - h price a
 *   need at bus/zone    none                             - h price a     (a is limited by the net change there)
 *   need, covers limit  none                             h price violation, in place of the scarcity price
 *
 * Need at a bus or zone Z: up requests share the net change of injections in Z, down requests its negative part:
 *     sum of a(up) <= max(net(Z), 0),   sum of a(down) <= max(-net(Z), 0).
 * A kW counts once: zones are nested or disjoint, and a request in Z also uses up the net change of every zone around
 * Z, so the sums run over all need requests at buses and zones inside Z. Net means: sum over the buses of Z of the
 * changes caused by offers, exchange requests and rebound. Where up and down requests meet in one zone and period,
 * the value is not concave and the clearing decides the direction by an integer.
 *
 * Need that covers a limit: in periods with quantity(t) > 0 the whole violation costs `price` in place of the market's
 * scarcity price; of several requests the highest counts. For a branch the violation and quantity are MVA over rating,
 * regulation is BOTH; for a bus voltage they are p.u. in millionths (quantity.w = 10000 is 0.01 p.u.), regulation up covers the lower limit (more injection
 * lifts the voltage) and down the upper one; prices are per MVA and hour, per p.u. and hour.
 *
 * Acceptance: the fraction of an order in a period is a(t) / quantity(t), 0 where quantity(t) is 0.
 *   plain order   periods are accepted independently; per period a(t) = 0 or a(t) >= minimum fraction x quantity(t)
 *   block         one fraction for all periods, 0 or >= minimum fraction
 *   all-or-none   minimum fraction 1 (1000000)
 *   linked        fraction <= fraction of the parent order (EUPHEMIA public description, linked block orders)
 *   groups        see struct fg_group; members and parents are blocks or have one period
 *
 * Sources: UMEI API (price points), UFTP/USEF flex offer options, IEC 62325-451-7 (linked, exclusive, multipart bids),
 * NEMO Committee, "EUPHEMIA Public Description" (blocks, linked and exclusive groups). */
#ifndef FG_MARKET_ORDER_H
#define FG_MARKET_ORDER_H

#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>

#define FG_FRACTION_ONE 1000000 /* fractions, p.u. voltages and factors are in millionths */

enum fg_side { FG_SIDE_SELL, FG_SIDE_BUY };
enum fg_product {
    FG_PRODUCT_ACTIVE,
    FG_PRODUCT_REACTIVE,
    FG_PRODUCT_ACTIVE_RESERVE, /* capacity held ready, per MW and hour; continuous book only */
    FG_PRODUCT_REACTIVE_RESERVE
};
enum fg_regulation { FG_REGULATION_UP, FG_REGULATION_DOWN, FG_REGULATION_BOTH };
enum fg_request_kind {
    FG_REQUEST_NONE, /* every sell order */
    FG_REQUEST_NEED,
    FG_REQUEST_EXCHANGE
};
enum fg_location_kind {
    FG_LOCATION_BUS,          /* location = bus id (for an asset: the asset's bus) */
    FG_LOCATION_ZONE,         /* zone = index; need requests only */
    FG_LOCATION_BRANCH_LIMIT, /* location = branch id; need requests only */
    FG_LOCATION_VOLTAGE_LIMIT /* location = bus id; need requests only */
};

/* Merit step: quantity between the previous point's up_to (0 for the first) and this one's has this price. The curve
 * is in absolute power and the same in every period; quantity(t) cuts it off. Prices never fall along a sell curve
 * and never rise along a buy curve. */
struct fg_price_point {
    struct fg_power up_to;
    struct fg_price price;
};

struct fg_order {
    const char *id;
    const char *place;   /* where it was read: "file#/orders/3", "orders.csv:12"; may be NULL */
    int32_t participant; /* index in the market */
    enum fg_side side;
    enum fg_product product;
    enum fg_regulation regulation;
    enum fg_request_kind kind;
    enum fg_location_kind location_kind;
    const char *location; /* bus or branch id; NULL for a zone */
    int32_t zone;         /* index; -1 unless location_kind is FG_LOCATION_ZONE */
    int32_t asset;        /* index; sell orders always have one (an implicit one if need be), buy orders -1 */
    int32_t first_period, period_count; /* periods first_period .. first_period + period_count - 1 of the market */
    const struct fg_power *quantity;    /* period_count values, >= 0 */
    size_t offset; /* of the order's first period in flat arrays over all orders and their periods */
    const struct fg_price_point *points; /* point_count >= 1; one price is one point with up_to = largest quantity */
    int32_t point_count;
    bool block;             /* one fraction in all periods */
    int64_t min_fraction_u; /* 0 ... FG_FRACTION_ONE */
    int32_t parent;         /* order index it is linked to; -1 */
    int32_t group;          /* group index; -1 */
};

enum fg_group_kind {
    FG_GROUP_EXCLUSIVE_ONE, /* at most one member has a fraction > 0 */
    FG_GROUP_EXCLUSIVE_SUM, /* the members' fractions sum to at most 1 */
    FG_GROUP_MULTIPART      /* all members have the same fraction */
};
struct fg_group {
    const char *id;
    enum fg_group_kind kind;
    int32_t participant; /* of its first member; -1 before */
};

/* Words of the file format; NULL-terminated tables indexed by the enums. */
extern const char *const fg_side_words[];
extern const char *const fg_product_words[];
extern const char *const fg_regulation_words[];
extern const char *const fg_request_kind_words[];
extern const char *const fg_group_kind_words[];

/* True when one fraction holds in all periods: a block, or an order of one period. */
bool fg_order_has_one_fraction(const struct fg_order *order);

/* Direction of the change of injection that an accepted quantity causes: +1, -1, or 0 for need requests. */
int fg_order_injection_sign(const struct fg_order *order);

/* Cost of a sell order or value of a buy order for an accepted power held for `seconds`: the integral of the price
 * curve, in money. Rounded once (half away from zero). FG_ERR_ARGUMENT when accepted is negative or above the curve,
 * FG_ERR_OVERFLOW when money cannot hold it. */
enum fg_code fg_order_limit_money(const struct fg_order *order, struct fg_power accepted, int64_t seconds,
                                  struct fg_money *out, struct fg_error *err);

/* Price of the last accepted watt (of the first one when accepted is 0). */
struct fg_price fg_order_marginal_price(const struct fg_order *order, struct fg_power accepted);

#endif
