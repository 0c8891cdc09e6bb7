/* A market to be cleared: rules, operating point, zones, assets, orders. Integers only, external ids as strings.
 *
 * The market knows the grid only by the ids of buses, branches and elements; the toolkit resolves them. All arrays and
 * strings live in the market's arena; readers and generators build it with the fg_market_add_ functions and finish
 * with fg_market_validate, after which it is read-only. Thread rule: building belongs to one thread, reading to many.
 *
 * Objective, per period of h hours (section "Clearing" of docs/models/market.md):
 *   min  sum of offer costs - sum of accepted request values
 *      + h * import price * (slack import - baseline import) + h * sum of scarcity price * violation */
#ifndef FG_MARKET_AUCTION_H
#define FG_MARKET_AUCTION_H

#include "base/memory.h"
#include "base/names.h"
#include "market/order.h"
#include "market/refusal.h"

#include <stddef.h>

/* Bounds that keep every sum inside 64 bits and every file in memory. */
#define FG_MARKET_PERIODS_MAX 35136 /* a leap year of quarter-hours */
#define FG_MARKET_ORDERS_MAX 1000000
#define FG_MARKET_ORDER_PERIODS_MAX 20000000         /* sum of period_count over all orders */
#define FG_MARKET_POINTS_MAX 1000                    /* price points of one order */
#define FG_MARKET_POWER_MAX_W INT64_C(1000000000000) /* 1 TW */
#define FG_MARKET_PRICE_MAX_U INT64_C(1000000000000) /* 1,000,000 per MWh */

enum fg_market_physics { FG_MARKET_AC, FG_MARKET_LINDISTFLOW, FG_MARKET_DC, FG_MARKET_NONE };
enum fg_balance {
    FG_BALANCE_IMBALANCE, /* the slack takes the change at the import price */
    FG_BALANCE_CLOSED     /* deviations sum to zero per period; the change of losses is bought at the slack */
};
enum fg_pricing { FG_PRICING_NODAL, FG_PRICING_ZONAL, FG_PRICING_PAY_AS_BID };

/* Defaults of the scarcity prices: above the harmonised maximum clearing price of the European day-ahead market (4000
 * EUR/MWh), so that no ordinary offer is left unused while a limit is violated; load is shed last. */
#define FG_SCARCITY_OVERLOAD_U INT64_C(5000000000)    /* 5,000 per MVA over rating and hour */
#define FG_SCARCITY_VOLTAGE_U INT64_C(500000000000)   /* 500,000 per p.u. outside the band and hour */
#define FG_SCARCITY_NOT_SERVED_U INT64_C(10000000000) /* 10,000 per MWh not served */

struct fg_participant {
    const char *id;
    const char *name; /* may be NULL */
};

/* A set of buses. Zones are nested or disjoint. For zonal prices a bus belongs to the smallest zone that holds it;
 * buses outside all zones form one zone of their own. */
struct fg_zone {
    const char *id;
    const char **buses; /* bus_count ids, sorted by strcmp, each once */
    size_t bus_count;
    int32_t parent; /* smallest zone around this one, -1: none; set by fg_market_validate */
};

#define FG_NO_LIMIT INT64_MAX /* (and -FG_NO_LIMIT) in the limits below */

/* A flexible asset: what its orders have in common physically. With p(t), q(t) = baseline + sum of accepted changes
 * (P and Q, up and down, rebound) of all its sell orders, in every period:
 *     p_min <= p <= p_max,  q_min <= q <= q_max,  p^2 + q^2 <= s_max^2
 *     |q| <= |p| tan(acos(power factor))            when power_factor_u > 0; p must not change sign (checked)
 *     change of q = q_per_p * change of p           when follows_ratio (then it has no reactive orders)
 *     |p(t) - p(t-1)| <= max(ramp * h, |baseline step|)
 *     sum over t of h * accepted up <= energy_up, the same for down
 *     energy_min <= sum over tau <= t of h * change of p(tau) <= energy_max      for every t (a store's swing)
 *     change(t) = net accepted(t) - sum over k of rebound[k-1] * net accepted(t - k)
 * Up and down are netted: in one period an asset's accepted changes have one direction per product, so that inverted
 * bids (price up + price down < 0) cannot earn by themselves. Rebound is part of the deviation and is settled at the
 * nodal price of the period in which it falls; rebound after the last period is outside the market. */
struct fg_asset {
    const char *id;
    const char *place;
    int32_t participant;
    const char *bus;
    const char *technology; /* free word that buyers read, e.g. "battery"; may be NULL */
    bool is_implicit;       /* made for orders that name a bus only; has no limits and is not written to files */
    const struct fg_power *baseline_p, *baseline_q; /* market period_count each, part of the bus's baseline; NULL: 0 */
    struct fg_power s_max;                          /* FG_NO_LIMIT: none; so below */
    struct fg_power p_min, p_max, q_min, q_max;
    int64_t power_factor_u; /* 0: none; else 1 ... FG_FRACTION_ONE */
    bool follows_ratio;
    int64_t q_per_p_u;
    struct fg_power ramp_per_hour;
    struct fg_energy energy_up, energy_down; /* >= 0 */
    struct fg_energy energy_min, energy_max; /* <= 0, >= 0 */
    const int64_t *rebound_u;                /* rebound_count fractions of FG_FRACTION_ONE, each >= 0 */
    int32_t rebound_count;
};

/* Operating point: what a network element injects in each period when no order is accepted. A row for a bus stands for
 * the sum of its loads and static generators and replaces them; a row for one element replaces that element. Elements
 * without a row keep the network file's value times the scaling of the period. */
enum fg_baseline_kind {
    FG_BASELINE_BUS,       /* all loads and static generators of the bus together */
    FG_BASELINE_INJECTION, /* one load or static generator */
    FG_BASELINE_GENERATOR, /* a dispatchable generator's fixed output */
    FG_BASELINE_STORAGE
};
struct fg_baseline {
    enum fg_baseline_kind kind;
    const char *id;
    const char *place;
    const struct fg_power *p; /* market period_count values, injection positive */
    const struct fg_power *q; /* NULL: reactive power keeps the network file's value and scaling */
};

struct fg_bus_limit {
    const char *bus, *place;
    int64_t vm_min_u, vm_max_u; /* millionths p.u.; 0 and FG_NO_LIMIT: none */
};
struct fg_branch_limit {
    const char *branch, *place;
    struct fg_power rating; /* VA at both ends, replaces the network file's; FG_NO_LIMIT: none */
};
struct fg_controllable_tap {
    const char *branch, *place;
};

/* What differs from the network in some periods; a later one counts where several say something of the same element, but an
 * outage always does. */
enum fg_condition_kind {
    FG_CONDITION_SWITCH,  /* a switch, else a branch: open or closed */
    FG_CONDITION_OUTAGE,  /* a branch or a bus is out of service */
    FG_CONDITION_RATING,  /* of a branch, in place of the network's and the market's */
    FG_CONDITION_VOLTAGE, /* band of a bus, likewise */
    FG_CONDITION_KINDS
};
extern const char *const fg_condition_words[]; /* "switch", "outage", "rating", "voltage" */
struct fg_condition {
    enum fg_condition_kind kind;
    const char *element, *place;
    bool is_closed;             /* switch */
    struct fg_power rating;     /* VA */
    int64_t vm_min_u, vm_max_u; /* millionths p.u.; FG_NO_LIMIT: none above */
    int32_t first_period, period_count;
};

struct fg_market {
    struct fg_arena arena;
    const char *id, *name, *currency; /* id and currency never NULL; currency is ISO 4217 */
    const char *source;               /* file it came from, for messages; may be NULL */
    const char *operator_id;          /* participant charged with scarcity, make-whole and loss remainders */

    struct fg_power tick;       /* quantities are multiples of it */
    struct fg_price price_step; /* prices are multiples of it */
    int64_t start_s;            /* instant of the first period */
    int32_t period_s;           /* 300, 900, 1800 or 3600 */
    int32_t period_count;

    enum fg_market_physics physics;
    enum fg_balance balance;          /* of active power */
    enum fg_balance balance_reactive; /* of reactive power */
    enum fg_pricing pricing;
    bool match_requests; /* per period, direction and product: accepted offers = accepted requests at buses and zones */

    /* Per period (period_count values each, never NULL after fg_market_set_horizon). */
    struct fg_price *import_price;              /* per MWh at the slack; 0 by default, may be negative */
    struct fg_price *import_price_reactive;     /* per Mvarh; 0 by default */
    int64_t *scale_load_u, *scale_generation_u; /* factors on the network file's loads and static generators */

    struct fg_price scarcity_overload;   /* per MVA over rating and hour */
    struct fg_price scarcity_voltage;    /* per p.u. outside the band and hour */
    struct fg_price scarcity_not_served; /* per MWh of consumption that the least-violation schedule sheds */

    int64_t vm_min_u, vm_max_u; /* band for all buses but the reference; 0 and FG_NO_LIMIT: the network file's */
    struct fg_power substation_p_min, substation_p_max; /* slack injection into the grid; +-FG_NO_LIMIT: none */
    struct fg_power substation_q_min, substation_q_max;
    struct fg_bus_limit *bus_limits;
    size_t bus_limit_count, bus_limit_capacity;
    struct fg_branch_limit *branch_limits;
    size_t branch_limit_count, branch_limit_capacity;
    struct fg_controllable_tap *controllable_taps; /* the operator may move them before it buys */
    size_t controllable_tap_count, controllable_tap_capacity;
    struct fg_condition *conditions;
    size_t condition_count, condition_capacity;

    struct fg_participant *participants;
    size_t participant_count, participant_capacity;
    struct fg_zone *zones;
    size_t zone_count, zone_capacity;
    struct fg_asset *assets;
    size_t asset_count, asset_capacity;
    struct fg_group *groups;
    size_t group_count, group_capacity;
    struct fg_baseline *baselines;
    size_t baseline_count, baseline_capacity;
    struct fg_order *orders;
    size_t order_count, order_capacity;
    size_t order_period_count; /* length of flat arrays over all orders and their periods */

    /* Ids to indices; for an id used twice the first one. */
    struct fg_names participant_names, zone_names, asset_names, group_names, order_names;
    struct fg_names implicit_assets; /* by "participant index@bus" */
};

/* A market with the documented defaults: EUR, tick 0.001 MW, price step 0.01, quarter-hours, AC, imbalance, nodal, no
 * voltage band of its own, no substation limits; no horizon yet. NULL when out of memory. */
struct fg_market *fg_market_create(const char *id);
void fg_market_destroy(struct fg_market *market); /* NULL is allowed */

/* Set the horizon, once, before anything that is given per period. */
enum fg_code fg_market_set_horizon(struct fg_market *market, int64_t start_s, int32_t period_s, int32_t period_count,
                                   struct fg_error *err);

/* Copies into the market's arena; NULL when out of memory. */
const char *fg_market_string(struct fg_market *market, const char *text);

/* Append with defaults (no limits, NULL, -1, plain order); strings are copied; the pointer is valid until the next
 * append of that kind. NULL when out of memory. */
struct fg_zone *fg_market_add_zone(struct fg_market *market, const char *id, const char *const *buses,
                                   size_t bus_count);
struct fg_asset *fg_market_add_asset(struct fg_market *market, const char *id, int32_t participant, const char *bus);
struct fg_group *fg_market_add_group(struct fg_market *market, const char *id, enum fg_group_kind kind);
struct fg_baseline *fg_market_add_baseline(struct fg_market *market, enum fg_baseline_kind kind, const char *id);
struct fg_bus_limit *fg_market_add_bus_limit(struct fg_market *market, const char *bus);
struct fg_branch_limit *fg_market_add_branch_limit(struct fg_market *market, const char *branch);
struct fg_controllable_tap *fg_market_add_controllable_tap(struct fg_market *market, const char *branch);
struct fg_condition *fg_market_add_condition(struct fg_market *market, enum fg_condition_kind kind, const char *element);

/* Index of a participant by id, added when new; -1 when out of memory. */
int32_t fg_market_participant(struct fg_market *market, const char *id);

/* Append an order: the caller fills every field but `offset`, `asset` of a sell order that names a bus only (-1: the
 * implicit asset of participant and bus is found or made), and the strings and arrays, which are copied. */
enum fg_code fg_market_add_order(struct fg_market *market, const struct fg_order *order, struct fg_error *err);

/* Per-period arrays in the arena: `period_count` powers, zeroed. NULL when out of memory. */
struct fg_power *fg_market_profile(struct fg_market *market);

/* Indices by id, -1 when absent. Implicit assets (id "participant@bus") are not found. */
int32_t fg_market_find_order(const struct fg_market *market, const char *id);
int32_t fg_market_find_zone(const struct fg_market *market, const char *id);
int32_t fg_market_find_asset(const struct fg_market *market, const char *id);
int32_t fg_market_find_group(const struct fg_market *market, const char *id);
bool fg_zone_has_bus(const struct fg_zone *zone, const char *bus);
/* Smallest zone that holds the bus, -1: none. Valid after fg_market_validate. */
int32_t fg_market_zone_of_bus(const struct fg_market *market, const char *bus);

/* Judge one order alone (cost: its periods and points, and the length of its chain of parents). On refusal `err` holds
 * place, the key in brackets, what is wrong and what to change. */
enum fg_refusal fg_order_check(const struct fg_market *market, const struct fg_order *order, struct fg_error *err);

/* Check the whole market; the first violation is the error (FG_ERR_VALUE). Sets zone parents. */
enum fg_code fg_market_validate(struct fg_market *market, struct fg_error *err);

extern const char *const fg_market_physics_words[];
extern const char *const fg_balance_words[];
extern const char *const fg_pricing_words[];
extern const char *const fg_baseline_kind_words[];

#endif
