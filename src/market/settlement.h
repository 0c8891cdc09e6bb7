/* Settlement of a cleared auction: a ledger in integers that closes by construction.
 *
 * Every posting moves an amount from one account to another, so the balances of all accounts add up to zero whatever
 * happens; what the accounts mean is what can be checked:
 *
 *   PARTICIPANT  what each participant receives (> 0) or pays (< 0)
 *   MARKET       passes energy and zone money on; ends at zero
 *   SLACK        receives import price x change of import, per period, for P and Q
 *   CONGESTION   congestion and voltage rent: minus sum of (congestion + voltage part) x change of injection
 *   LOSSES       the second-order remainder of losses: import price x change of losses, less the loss parts collected
 *   MAKE_WHOLE   what brings orders up to their limits; charged to the market's operator
 *   PRICING      difference between nodal payments and those of the zonal or pay-as-bid rule
 *   NOT_SERVED   import price x power not served: energy that was bought outside the market and not delivered
 *   ROUNDING     rounding of money to micro-units, and the residue of tick rounding in zone and matching money
 *
 * Only deviations from the baseline are settled. With LMP(b, t) = change of cost for one more MWh consumed, an order
 * that changes the injection at b by s a(t), s = +-1, receives s LMP a h. Rebound is part of the deviation: it is
 * settled with its order at the price of the period in which it falls. Need requests pay the price of net change of
 * their zone (sum of the multipliers of the zones around it), which is the zone part of the LMP that sellers receive.
 *
 *   nodal        as above
 *   zonal        per zone, product, direction and period, the highest marginal cost among accepted offers that are not
 *                blocks (0 without one); for a need request the highest such price in the zones it pays for
 *   pay-as-bid   each order at its own limit
 *
 * Whatever the rule, an order whose total over its periods falls short of its limit gets the difference (make-whole,
 * as uplift in EUPHEMIA-like markets: O'Neill et al., "Efficient market-clearing prices in markets with
 * nonconvexities", EJOR 164 (2005)).
 * Thread rule: pure functions. */
#ifndef FG_MARKET_SETTLEMENT_H
#define FG_MARKET_SETTLEMENT_H

#include "market/auction.h"

enum fg_account {
    FG_ACCOUNT_PARTICIPANT, /* one per participant */
    FG_ACCOUNT_MARKET,
    FG_ACCOUNT_SLACK,
    FG_ACCOUNT_CONGESTION,
    FG_ACCOUNT_LOSSES,
    FG_ACCOUNT_MAKE_WHOLE,
    FG_ACCOUNT_PRICING,
    FG_ACCOUNT_NOT_SERVED,
    FG_ACCOUNT_ROUNDING,
    FG_ACCOUNT_COUNT
};
extern const char *const fg_account_words[]; /* "participant", "market", ... */

struct fg_posting {
    enum fg_account from, to;
    int32_t from_participant, to_participant; /* -1 unless the account is a participant's */
    int32_t order, period;                    /* -1: none, all */
    struct fg_money amount;                   /* may be negative */
};

/* Parts of a nodal price in micro-units per MWh (Mvarh); the price is their sum. */
enum { FG_PART_ENERGY, FG_PART_LOSS, FG_PART_CONGESTION, FG_PART_VOLTAGE, FG_PART_ZONE, FG_PART_COUNT };
struct fg_price_parts {
    int64_t part_u[FG_PART_COUNT];
};

struct fg_settlement_input {
    const struct fg_market *market;
    const struct fg_power
        *accepted;          /* order_period_count, at order->offset + k; multiples of the tick, in [0, quantity] */
    int32_t location_count; /* places with a price: buses, or only those with orders */
    const struct fg_price_parts *price_p, *price_q; /* period x location, row-major */
    const int32_t *order_location;                  /* per order: its location; -1 for need requests */
    const struct fg_price *need_price; /* order_period_count: what need requests pay per MWh; NULL: none do */
    /* Multipliers of "accepted offers = accepted requests", period x 2 (up, down): added to what offers receive and
     * requests pay; NULL: none. */
    const struct fg_price *match_price_p, *match_price_q;
    const struct fg_power *slack_change_p,
        *slack_change_q; /* per period: import with the schedule less import without */
    const struct fg_power *not_served_p, *not_served_q; /* per period: consumption that was shed; NULL: none */
};

struct fg_order_settlement {
    struct fg_energy energy;    /* accepted, all periods */
    struct fg_money limit;      /* offer cost or request value of the accepted quantities */
    struct fg_money settled;    /* > 0: the participant receives; without make-whole */
    struct fg_money make_whole; /* >= 0, received on top */
};

struct fg_settlement {
    struct fg_order_settlement *orders; /* market->order_count */
    struct fg_price *unit_price;        /* order_period_count: paid to offers, by requests, per accepted MWh */
    struct fg_posting *postings;
    size_t posting_count, posting_capacity;
};

/* FG_ERR_ARGUMENT when an accepted quantity is outside [0, quantity]; FG_ERR_OVERFLOW when money does not fit. Release
 * also after an error. Cost: linear in order-periods (times rebound length). */
enum fg_code fg_settle(const struct fg_settlement_input *input, struct fg_settlement *settlement, struct fg_error *err);
void fg_settlement_release(struct fg_settlement *settlement);

/* Balance of an account; `participant` is -1 for all participants together. Overflow is an error. */
enum fg_code fg_settlement_balance(const struct fg_settlement *settlement, enum fg_account account, int32_t participant,
                                   struct fg_money *out, struct fg_error *err);

/* Share `total` among orders of equal price, bus and direction in proportion to their quantities, in whole ticks, by
 * largest remainder; no share exceeds its quantity. FG_ERR_ARGUMENT unless 0 <= total <= sum of quantities and all are
 * multiples of the tick. */
enum fg_code fg_share_pro_rata(struct fg_power total, const struct fg_power *quantities, size_t count,
                               struct fg_power tick, struct fg_power *shares, struct fg_error *err);

#endif
