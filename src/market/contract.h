/* Availability contracts (LongFlex): when they hold, who is awarded what, and what an available period is worth.
 *
 * Windows. A contract holds in the market time units that begin on a local day from ... until, on one of its weekdays, at a
 * local clock time inside one of its clock windows [from, until). The doubled hour counts twice, the missing hour not at
 * all, so a day of 23 or 25 hours has as many units as its clock shows.
 *
 * Award. A buyer needs the quantity R, over windows of H hours, and expects A hours of activation. One MW of an offer is
 * expected to cost
 *     c = H x availability price + A x activation price.
 * Offers are taken in the order of c, each as far as R goes. Of equal c, either the offer that was entered first goes first,
 * or (pro rata) all of them share what is left of R in proportion to their quantities, in whole ticks by largest remainder.
 * An offer takes no less than its minimum: when less than that is left for it, it is passed over and the next one is looked
 * at; under pro rata the one with the largest minimum among those below theirs (of equal ones the last entered) leaves the
 * round, and the rest share anew. An offer that was passed over does not come back.
 *
 * Availability of a unit of s seconds, with C contracted, O <= C offered in the market until the gate closed (traded part
 * included), and of what was traded under the contract the shortfall beyond the product's tolerance u:
 *     available   max(0, O s - u)              paid at the availability price
 *     missing     (C - O) s
 *     tolerated   min(missing, max(tolerance share x C s, tolerance power x s))
 *     penalty     (missing - tolerated) x (factor x max(price, 0) + penalty per MWh)
 * The shortfall u is not paid as available; its penalty is that of the trade (market/delivery.h), so nothing is punished
 * twice. Terms are those of the product.
 *
 * Sources: UK "Flexibility service standard agreement" (ENA, 2023) for availability windows and payments; NODES, "LongFlex"
 * (2021) for reservation contracts that oblige to offer in the short-term market. Thread rule: pure functions. */
#ifndef FG_MARKET_CONTRACT_H
#define FG_MARKET_CONTRACT_H

#include "base/timezone.h"
#include "market/delivery.h"

#define FG_CONTRACT_CLOCKS_MAX 8
#define FG_CONTRACT_DAYS_MAX 1100
#define FG_CONTRACT_BIDS_MAX 10000
#define FG_DAY_S 86400

struct fg_contract_clock {
    int32_t from_s, until_s; /* of the local clock, 0 <= from < until <= 86400 */
};
struct fg_contract_window {
    struct fg_date from, until; /* local days, both included */
    uint32_t weekdays;          /* bit 0 Monday ... bit 6 Sunday */
    struct fg_contract_clock clocks[FG_CONTRACT_CLOCKS_MAX];
    int32_t clock_count;
};

/* FG_ERR_VALUE says what to change: days in the wrong order or too many, no weekday, clock windows empty or overlapping. */
enum fg_code fg_contract_window_check(const struct fg_contract_window *window, struct fg_error *err);
bool fg_contract_window_has(const struct fg_contract_window *window, const struct fg_timezone *zone, int64_t start_s);
/* The first unit (instant / length) after `period` that the window has; false: none. Start before the first one with
 * fg_contract_window_before. Cost: the units in between on its days. */
bool fg_contract_window_next(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s,
                             int32_t *period);
int32_t fg_contract_window_before(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s);
int64_t fg_contract_window_units(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s);

enum fg_contract_ties { FG_CONTRACT_FIRST, FG_CONTRACT_PRO_RATA };
extern const char *const fg_contract_ties_words[];

struct fg_contract_demand {
    struct fg_power required, tick; /* > 0 */
    int64_t window_s, expected_s;   /* H and A in seconds, >= 0 */
    enum fg_contract_ties ties;
};
struct fg_contract_bid {
    struct fg_power quantity, minimum;      /* whole ticks, 0 < minimum <= quantity */
    struct fg_price availability, activation; /* per MW and hour; per MWh */
    int64_t rank;                           /* order of entering, unique */
};
/* Expected cost of `power` of a bid. FG_ERR_OVERFLOW. */
enum fg_code fg_contract_cost(const struct fg_contract_demand *demand, const struct fg_contract_bid *bid,
                              struct fg_power power, struct fg_money *cost, struct fg_error *err);
/* `awarded` gets one quantity per bid. FG_ERR_ARGUMENT: bounds; FG_ERR_MEMORY. Cost: count^2. */
enum fg_code fg_contract_award(const struct fg_contract_demand *demand, const struct fg_contract_bid *bids, size_t count,
                               struct fg_power *awarded, struct fg_error *err);

struct fg_availability_input {
    struct fg_power contracted, offered;
    struct fg_energy undelivered; /* u */
    int64_t seconds;
    struct fg_price price;
    struct fg_delivery_terms terms;
};
struct fg_availability {
    struct fg_energy available, missing, tolerated;
    struct fg_money paid, penalty;
};
enum fg_code fg_contract_availability(const struct fg_availability_input *input, struct fg_availability *out,
                                      struct fg_error *err);

#endif
