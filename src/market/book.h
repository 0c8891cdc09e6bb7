/* The continuous order book of one market area: commands in, events out. Pure integers; no I/O, no clock.
 *
 * Rules (docs/models/continuous.md has them with examples and literature):
 *   - price-time priority; of two orders that trade the one with the earlier priority is the initiator and its price is
 *     the trade's price (pay-as-bid); the other one is the aggressor
 *   - a plain order trades period by period; a block has one fraction in all its periods; linked orders and groups keep
 *     their rule after every trade; such conditional orders (blocks of two and more periods, linked, grouped) trade
 *     after the plain ones that are resting
 *   - minimum acceptance: what is accepted of an order in a period is 0 or >= its minimum fraction of the quantity
 *   - an incoming order that reaches an order of the same beneficial organisation loses its remainder
 *   - per portfolio, product, direction and period: open + traded + reserved + contracted + forwarded <= approved
 *     capability; what is held for contracts (contracted) is given up to the orders that stem from them
 *   - what is entered keeps the market operator's limits (struct fg_book_limit)
 *   - time is part of every command and never decreases; validity that has run out is removed before a command acts
 *   - after each command no two resting orders could still trade under all rules
 *
 * Every command is applied whole, or refused and nothing is changed: the refusal is the return value, `err` (may be
 * NULL) holds its key in brackets and what to change. Running out of memory is FG_REFUSAL_OUT_OF_MEMORY. A refused
 * command sends one event, FG_BOOK_REFUSED; the only state it moves is the book's time and, with it, expiries.
 *
 * Identities: orders and groups are numbered by the caller (> 0, never used again while the order or one of its trades
 * is in the book), trades by the book. Participants, organisations, portfolios and locations are the caller's indices,
 * buses the network's. A period is the index of a market time unit: start instant / length of the unit.
 *
 * Thread rule: a book belongs to one thread. Cost: a plain order that does not trade takes O(periods x log(orders at
 * its location)), plus the number of locations with orders of the other side in those periods. */
#ifndef FG_MARKET_BOOK_H
#define FG_MARKET_BOOK_H

#include "market/order.h"
#include "market/refusal.h"

#include <stddef.h>

#define FG_BOOK_ID_MAX INT64_MAX   /* ids of orders, groups and sessions */
#define FG_BOOK_INDEX_MAX 16777215 /* participants, organisations, portfolios */
#define FG_BOOK_LOCATIONS_MAX 1000000
#define FG_BOOK_PERIODS_MAX 35136 /* from the first to the last period that is open */
#define FG_BOOK_POINTS_MAX 1000   /* price points of one order */
#define FG_BOOK_GROUP_MAX 100     /* orders of one submission */
#define FG_BOOK_PRODUCTS 4        /* enum fg_product */

struct fg_book;

/* ---- Settings ---- */

struct fg_book_settings {
    int32_t period_s;           /* length of a market time unit, > 0 */
    struct fg_power tick;       /* quantities are multiples, > 0 */
    struct fg_price price_step; /* prices are multiples, > 0 */
    struct fg_price price_min, price_max;
    struct fg_power size_max; /* of one order in one period */
};
/* 15 min, 0.001 MW, 0.01 per MWh, +-1,000,000 per MWh, 1 TW. */
struct fg_book_settings fg_book_settings_default(void);

/* The published locations: a forest, and links that let two locations trade with each other (both ways). An offer at M
 * meets a request at L when M lies in the reach of L. Reach of a `need`: L and everything below it, and every linked
 * location with everything below that. An `exchange` also reaches the locations above L. */
struct fg_book_locations {
    int32_t count;
    const int32_t *parent; /* count entries, -1: a root; a parent's index is smaller than its child's */
    int32_t link_count;
    const int32_t (*links)[2];
};

/* ---- Network ---- */

/* What a trade would change in one period. Sellers inject +quantity (regulation up) or -quantity at sell_bus; the buyer
 * of an exchange the opposite at buy_bus; buses are -1 where the order names none. A conditional request does not move
 * the set-point when it is accepted: the network must hold whether it is called or not. */
struct fg_book_flow {
    enum fg_product product;
    enum fg_regulation regulation;
    enum fg_request_kind kind;
    bool conditional;
    int32_t period;
    int32_t sell_bus, buy_bus;
    int32_t sell_location, buy_location;
};

/* The caller's network check; `take` answers for the state after all commits so far, and for a period from what was
 * committed in that period alone. It must be deterministic. `commit`
 * and `undo` cannot fail: what they need is reserved by `take`. undo takes back the latest commit that is not undone
 * (`is_reversal` false), or the volume of an older trade that is cancelled (true; that cannot be refused). */
struct fg_book_network {
    void *context;
    /* Largest quantity <= wanted that neither creates a violation nor makes one worse; -1: out of memory. With wanted 0 nothing is
     * judged: a commit follows that was judged elsewhere, and only what it needs is reserved. */
    int64_t (*take)(void *context, const struct fg_book_flow *flow, int64_t wanted_w);
    void (*commit)(void *context, const struct fg_book_flow *flow, int64_t quantity_w);
    void (*undo)(void *context, const struct fg_book_flow *flow, int64_t quantity_w, bool is_reversal);
};

/* ---- Orders ---- */

enum fg_validity {
    FG_VALIDITY_GTC, /* good till cancelled (or till its periods close) */
    FG_VALIDITY_GTT, /* good till expires_us: not at or after it */
    FG_VALIDITY_IOC, /* immediate or cancel: what does not trade at once is cancelled */
    FG_VALIDITY_FOK  /* fill or kill: all of it at once, or nothing. Judged against plain orders, except for blocks */
};
extern const char *const fg_validity_words[];

/* What a seller offers (sell orders) or what a buyer asks for (buy orders). */
struct fg_book_attributes {
    uint64_t technologies;  /* bits of market/technology.h; sell: all its own (0: not said), buy: accepted ones (0: any) */
    int64_t activation_s;   /* sell: time it needs; buy: longest time accepted (0: any) */
    int64_t duration_min_s; /* sell: shortest activation it accepts; buy: the duration it will call (0: any), */
    int64_t duration_max_s; /* sell: longest activation (0: no limit); buy: 0 */
    int64_t ramp_w_per_min; /* sell: its ramp (0: not said); buy: least ramp accepted (0: any) */
};

struct fg_book_order {
    uint64_t id;
    uint64_t session;     /* 0: none; for mass-cancel when a session ends */
    uint64_t contract;    /* it stems from; 0: none */
    uint64_t parent;      /* id of the open order it is linked to: its fraction <= the parent's; 0: none */
    int32_t participant;  /* >= 0 */
    int32_t organisation; /* beneficial organisation, >= 0: orders of one do not trade with each other */
    int32_t portfolio;    /* >= 0 for sell orders: its capability counts; -1: none */
    int32_t location;
    int32_t bus; /* of the network; -1: none */
    enum fg_side side;
    enum fg_product product;
    enum fg_regulation regulation; /* up or down */
    enum fg_request_kind kind;     /* buy: need or exchange; sell: none */
    bool conditional;              /* buy: the request may or may not be called */
    bool block;                    /* one fraction in all periods */
    bool forward_to_tso;           /* sell: may be forwarded when unmatched */
    int64_t min_fraction_u;        /* minimum acceptance, 0 ... FG_FRACTION_ONE (all-or-none); 0 for price curves */
    enum fg_validity validity;
    int64_t expires_us; /* GTT only, else 0 */
    int32_t first_period, period_count;
    const struct fg_power *quantity;     /* period_count values >= 0; blocks: > 0 */
    const struct fg_price_point *points; /* merit steps as in market/order.h; blocks and conditional orders: one */
    int32_t point_count;
    struct fg_book_attributes attributes;
};

struct fg_book_group {
    uint64_t id;
    enum fg_group_kind kind;
};

/* ---- Trades ---- */

struct fg_book_trade {
    uint64_t id;            /* 1, 2, ... in order of conclusion */
    uint64_t sell, buy;     /* order ids */
    enum fg_side initiator; /* the resting side */
    int32_t seller, buyer;  /* participants */
    int32_t portfolio;      /* the seller's */
    int32_t buyer_portfolio;
    uint64_t sell_contract, buy_contract;
    struct fg_book_flow flow;
    struct fg_power quantity;  /* what is left of it after reversals */
    struct fg_power concluded; /* what was agreed */
    struct fg_price price;     /* the initiator's; of an auction: what the seller is paid */
    int64_t time_us;
    uint64_t auction; /* that concluded it; 0: the book. The orders are then not the book's, `buy` 0: the market's operator */
};
/* quantity x period length x price, rounded once. */
enum fg_code fg_book_trade_money(const struct fg_book *book, const struct fg_book_trade *trade, struct fg_money *money,
                                 struct fg_error *err);

/* ---- Limits ---- */

/* What the market operator allows, of a participant or of each one alike. A row is named by participant, product and
 * regulation; an order has to keep every row that it falls under.
 *   price      every price of the order lies within price_min ... price_max
 *   band       ... and within reference +- band; the reference is the price given with the row until something of the
 *              row's product and direction trades, then the price of the last such trade
 *   size       no period of the order has more
 *   orders     the participant has at most so many open orders of the row's kind, this one included
 *   exposure   of the participant, over the row's kinds, this order included: value of its open buy orders (what is left
 *              in each period at the order's prices) + value of what it has bought for periods that are not settled yet;
 *              negative prices count as zero
 * Rows are asked in the order of participant (those for each one first), product, regulation, and inside a row in the
 * order above; the first one that is broken gives the refusal's key.
 *
 * Rules: a row counts for what is entered after it. It cancels nothing: orders that rest stay and trade, whatever they
 * would be refused for now. Lowering a quantity in place is always allowed; any other amendment is held against price,
 * band and size as if entered anew, against exposure when it raises the order's value, never against the number of
 * orders. Orders that stem from a contract keep what the contract says: of the limits only exposure can concern them.
 * Orders that are sealed in auctions count as open orders (fg_book_seal). */
struct fg_book_limit {
    int32_t participant; /* -1: each participant */
    int32_t product;     /* enum fg_product; -1: all of them together */
    int32_t regulation;  /* -1: both directions together */
    bool has_price, has_band;
    struct fg_price price_min, price_max;
    struct fg_price band, reference; /* has_band: needs a product, a direction and participant -1 */
    struct fg_power size_max;        /* -1: none */
    int64_t orders_max;              /* -1: none */
    struct fg_money exposure_max;    /* -1: none */
};
#define FG_BOOK_LIMITS_MAX 100000

/* ---- Events ---- */

enum fg_book_event_kind {
    FG_BOOK_REFUSED,       /* reason; order where the command names one */
    FG_BOOK_ACCEPTED,      /* a new order entered; priority */
    FG_BOOK_AMENDED,       /* priority is the new one when it was lost */
    FG_BOOK_TRADED,        /* trade */
    FG_BOOK_REDUCED,       /* the order's quantity in `period` became `quantity` (traded part included); cause */
    FG_BOOK_FILLED,        /* nothing is left; the order leaves the book */
    FG_BOOK_CANCELLED,     /* what is left is withdrawn; cause; the order leaves the book */
    FG_BOOK_FORWARDED,     /* locked */
    FG_BOOK_RETURNED,      /* lock released */
    FG_BOOK_ACTIVATED,     /* `quantity` of the forwarded order in `period` was called */
    FG_BOOK_TRADE_REDUCED, /* trade, whose quantity is the new one; `quantity` what was taken back */
    FG_BOOK_OPENED,        /* product, period, count */
    FG_BOOK_CLOSED,
    FG_BOOK_HALTED, /* scope, index */
    FG_BOOK_RESUMED,
    FG_BOOK_CAPABILITY_SET, /* portfolio (index), product, regulation, period, quantity */
    FG_BOOK_CONTRACTED_SET, /* portfolio (index), product, regulation, period, quantity */
    FG_BOOK_LIMIT_SET,      /* limit */
    FG_BOOK_EVENT_KINDS
};
enum fg_book_cause {
    FG_BOOK_CAUSE_NONE,
    FG_BOOK_CAUSE_OWNER,    /* cancel */
    FG_BOOK_CAUSE_MASS,     /* mass cancel */
    FG_BOOK_CAUSE_VALIDITY, /* expired, or the remainder of IOC and FOK */
    FG_BOOK_CAUSE_SELF_TRADE,
    FG_BOOK_CAUSE_GATE,       /* the period closed */
    FG_BOOK_CAUSE_CAPABILITY, /* the approved capability was lowered */
    FG_BOOK_CAUSE_GROUP,      /* an exclusive alternative traded, or another member of a multipart group left */
    FG_BOOK_CAUSE_PARENT,     /* the parent left the book */
    FG_BOOK_CAUSE_FORWARD,    /* expired or closed at the balancing market */
    FG_BOOK_CAUSE_OUTSIDE,    /* the buyer has solved it outside the market */
    FG_BOOK_CAUSE_CONTRACT,   /* the contract that it stems from is suspended or over */
    FG_BOOK_CAUSES
};
const char *fg_book_event_word(enum fg_book_event_kind kind);
const char *fg_book_cause_word(enum fg_book_cause cause);
extern const char *const fg_book_cause_words[];

enum fg_book_scope { FG_BOOK_SCOPE_AREA, FG_BOOK_SCOPE_LOCATION, FG_BOOK_SCOPE_PARTICIPANT };

struct fg_book_event {
    uint64_t sequence; /* gap-free from 1 */
    int64_t time_us;
    enum fg_book_event_kind kind;
    enum fg_book_cause cause;
    enum fg_refusal reason;
    uint64_t order; /* 0: none */
    uint64_t priority;
    uint64_t group;    /* the order's; 0: none */
    int32_t portfolio; /* the order's; -1: none */
    int32_t period, period_count;
    struct fg_power quantity;
    enum fg_product product;
    enum fg_regulation regulation;
    enum fg_book_scope scope;
    int32_t index;
    const struct fg_book_trade *trade; /* NULL but for trade events; valid during the call */
    const struct fg_book_limit *limit; /* LIMIT_SET, valid during the call */
};
/* Called at the end of a command, once per event, in order; must not call the book. */
typedef void fg_book_sink(void *context, const struct fg_book_event *event);

/* ---- Life ---- */

/* An empty book: nothing is open, nobody has capability. `locations` is copied; `network` (NULL: off) too. */
enum fg_code fg_book_create(const struct fg_book_settings *settings, const struct fg_book_locations *locations,
                            const struct fg_book_network *network, fg_book_sink *sink, void *sink_context,
                            struct fg_book **book, struct fg_error *err);
void fg_book_destroy(struct fg_book *book); /* NULL is allowed */

/* ---- Commands ---- */

/* Enter orders. One order with group NULL, or a group of two and more (entered whole or not at all), each a block or of
 * one period. A parent is an order in the book or an earlier one of the same submission. */
enum fg_refusal fg_book_submit(struct fg_book *book, int64_t time_us, const struct fg_book_order *orders, size_t count,
                               const struct fg_book_group *group, struct fg_error *err);

/* NULL or negative members keep what is. Quantities are totals, traded part included, never below what is traded. If
 * nothing but quantities change and none rises, priority is kept; else the order comes in anew behind all others.
 * Linked and grouped orders, and blocks that have traded, are cancelled and entered anew instead. */
struct fg_book_amendment {
    uint64_t order;
    const struct fg_power *quantity; /* as many as the order has periods */
    const struct fg_price_point *points;
    int32_t point_count;
    int64_t min_fraction_u; /* -1: keep */
    int64_t expires_us;     /* -1: keep; 0: good till cancelled; else good till */
};
enum fg_refusal fg_book_amend(struct fg_book *book, int64_t time_us, const struct fg_book_amendment *amendment,
                              struct fg_error *err);
enum fg_refusal fg_book_cancel(struct fg_book *book, int64_t time_us, uint64_t order, struct fg_error *err);

/* As cancel, for a stated cause: FG_BOOK_CAUSE_OUTSIDE of a request, FG_BOOK_CAUSE_CONTRACT of an order that stems from a
 * contract; FG_REFUSAL_KIND_SIDE of others. */
enum fg_refusal fg_book_withdraw(struct fg_book *book, int64_t time_us, uint64_t order, enum fg_book_cause cause,
                                 struct fg_error *err);

/* All conditions must hold; forwarded orders stay. Not refused when nothing matches. */
struct fg_book_filter {
    int32_t participant, portfolio; /* -1: any */
    int32_t location;               /* it and everything below; -1: any */
    uint64_t session;               /* 0: any */
    bool spares_contracts;          /* orders that stem from a contract stay */
};
enum fg_refusal fg_book_mass_cancel(struct fg_book *book, int64_t time_us, const struct fg_book_filter *filter,
                                    size_t *cancelled, struct fg_error *err);

/* Let time pass: what has expired leaves. fg_book_next_expiry says when that is worth while (INT64_MAX: never). */
enum fg_refusal fg_book_expire(struct fg_book *book, int64_t time_us, struct fg_error *err);
int64_t fg_book_next_expiry(const struct fg_book *book);

/* Gate opening and closure of delivery periods. At closure plain orders lose what is left in those periods, blocks and
 * groups that touch them leave; forwarded orders stay locked. Trades and positions stay. */
enum fg_refusal fg_book_open(struct fg_book *book, int64_t time_us, enum fg_product product, int32_t first_period,
                             int32_t period_count, struct fg_error *err);
enum fg_refusal fg_book_close(struct fg_book *book, int64_t time_us, enum fg_product product, int32_t first_period,
                              int32_t period_count, struct fg_error *err);

/* While halted nothing is entered, amended or traded there (a location: and below); cancelling is allowed. */
enum fg_refusal fg_book_halt(struct fg_book *book, int64_t time_us, enum fg_book_scope scope, int32_t index,
                             struct fg_error *err);
enum fg_refusal fg_book_resume(struct fg_book *book, int64_t time_us, enum fg_book_scope scope, int32_t index,
                               struct fg_error *err);

/* The network check answers differently from now on: what it had held back is tried again in price-time order, until a
 * whole pass trades nothing. `network` replaces the interface (NULL: off); give the same one if only its state changed.
 * fg_book_relocate replaces the published locations (only more of them) and tries everything again. */
enum fg_refusal fg_book_network_changed(struct fg_book *book, int64_t time_us, const struct fg_book_network *network,
                                        struct fg_error *err);
enum fg_refusal fg_book_relocate(struct fg_book *book, int64_t time_us, const struct fg_book_locations *locations,
                                 struct fg_error *err);

/* Set the row of this participant, product and regulation; a row that sets nothing removes it (FG_REFUSAL_STATE when
 * there is none). FG_REFUSAL_LIMIT when the row contradicts itself. Cost of the first row with `orders` or `exposure`: one
 * pass over orders and trades. */
enum fg_refusal fg_book_set_limit(struct fg_book *book, int64_t time_us, const struct fg_book_limit *limit,
                                  struct fg_error *err);
/* Trades for delivery before this period are settled: they no longer count as exposure. It never goes back
 * (FG_REFUSAL_STATE). Cost: one pass over the trades. */
enum fg_refusal fg_book_set_settled(struct fg_book *book, int64_t time_us, int32_t before_period, struct fg_error *err);

/* Approved capability, and the part of it reserved elsewhere (contracts, auctions), of a portfolio for each of the
 * periods. Where less is left than is open, the newest orders lose quantity first: plain orders without minimum in
 * part, others whole. Refused when traded + reserved + contracted + forwarded alone exceed the capability. A negative `reserved`
 * keeps what is reserved. */
enum fg_refusal fg_book_set_capability(struct fg_book *book, int64_t time_us, int32_t portfolio,
                                       enum fg_product product, enum fg_regulation regulation, int32_t first_period,
                                       int32_t period_count, struct fg_power capability, struct fg_power reserved,
                                       struct fg_error *err);

/* Capability held for contracts whose orders are still to come. An order with a contract that comes in takes its quantity
 * out of it first, as far as it goes, and only the rest out of what is free; orders that leave do not give back to it.
 * Open orders and refusal as in fg_book_set_capability. */
enum fg_refusal fg_book_set_contracted(struct fg_book *book, int64_t time_us, int32_t portfolio,
                                       enum fg_product product, enum fg_regulation regulation, int32_t first_period,
                                       int32_t period_count, struct fg_power contracted, struct fg_error *err);

/* Capability of a portfolio in one period that orders of an auction bind: `change` more of it (less when negative). While
 * the period's gate is closed nobody else tells the book what is approved: then `approved` counts, but never less than what
 * is committed already; -1: as it is known. */
struct fg_book_reserve {
    int32_t portfolio;
    enum fg_product product;
    enum fg_regulation regulation;
    int32_t period;
    struct fg_power change, approved;
};
/* All of it in order, or nothing: refused where open + traded + reserved + contracted + forwarded would exceed the
 * capability. */
enum fg_refusal fg_book_reserve(struct fg_book *book, int64_t time_us, const struct fg_book_reserve *items, size_t count,
                                struct fg_error *err);
/* The result of an auction: `released` is bound no longer, then `trades` are concluded (all members but id and time, with
 * flow locations of the book) and count as traded. The network check is told of them and cannot refuse: the auction has
 * judged them. Refused where more would be committed than the capability. */
enum fg_refusal fg_book_conclude(struct fg_book *book, int64_t time_us, const struct fg_book_reserve *released,
                                 size_t released_count, const struct fg_book_trade *trades, size_t count,
                                 struct fg_error *err);

/* ---- Sealed orders: an auction's are not in the book, but the market operator's limits count them with those that are ---- */

/* What the limits say to an order that is to be entered into an auction, with the keys of fg_book_submit; of the order the members
 * participant, side, product, regulation, points, quantity and periods are read, and id for the text (0: none yet). `former` (NULL:
 * a new order): what it replaces, released before; as in the book, an order that only asks for less is always taken, and one of
 * the same side, product and direction is not counted anew. Nothing changes. */
enum fg_refusal fg_book_check_sealed(const struct fg_book *book, const struct fg_book_order *order,
                                     const struct fg_book_order *former, struct fg_error *err);
/* It is entered (sign 1), or is no sealed order any more (-1). No command: no event, no time, not part of the book's rows, so that
 * who restores a book says it again. False: out of memory, nothing has changed. */
bool fg_book_seal(struct fg_book *book, const struct fg_book_order *order, int sign);

/* Take a trade back in whole (keep = 0) or down to `keep`: cancellation of an erroneous trade, or curtailment. The
 * capability is free again, the network change is undone; the orders do not come back. */
enum fg_refusal fg_book_reduce_trade(struct fg_book *book, int64_t time_us, uint64_t trade, struct fg_power keep,
                                     struct fg_error *err);

/* Lock an order that may be forwarded, with all that is left of it, also past the closure of its periods. While it is
 * locked parts of it may be called: `called` per period counts as traded, the rest stays locked; a block is called with one
 * fraction; refused where the network check does not take it. It ends in one of three ways: returned (it trades again,
 * with its old priority; what lies in closed periods is lost), activated (`called` counts as traded, the rest leaves the
 * book), expired (it leaves the book). An order of which everything has been called leaves as filled. */
enum fg_book_forward_end {
    FG_BOOK_FORWARD_RETURNED,
    FG_BOOK_FORWARD_ACTIVATED,
    FG_BOOK_FORWARD_EXPIRED,
    FG_BOOK_FORWARD_CALLED /* no end yet */
};
enum fg_refusal fg_book_forward(struct fg_book *book, int64_t time_us, uint64_t order, struct fg_error *err);
enum fg_refusal fg_book_forward_end(struct fg_book *book, int64_t time_us, uint64_t order, enum fg_book_forward_end end,
                                    const struct fg_power *called, struct fg_error *err);
/* Largest quantity <= wanted that a call in the order's period `index` may have as the network is now; -1: out of memory. */
int64_t fg_book_forward_room(struct fg_book *book, uint64_t order, int32_t index, int64_t wanted_w);

/* Drop what is known about periods before `before_period`, all of which must be closed and without forwarded orders: positions, and trades from the
 * oldest on up to the first one of a later period. For when settlement has taken them over. Those periods cannot be
 * opened or given capability again. */
enum fg_refusal fg_book_forget(struct fg_book *book, int64_t time_us, int32_t before_period, struct fg_error *err);

/* ---- Reading (pointers are valid until the next command) ---- */

struct fg_book_order_state {
    struct fg_book_order order; /* quantity: as amended and reduced; parent 0 once it is filled */
    uint64_t group;             /* 0: none */
    enum fg_group_kind group_kind;
    uint64_t priority;             /* lower trades first at equal price */
    const struct fg_power *filled; /* per period; NULL where no room was given */
    bool is_tied;                  /* entered linked or in a group: trades by fractions even when it stands alone now */
    bool forwarded;
    bool held_back; /* by the network check, so that it is tried again when the network changes */
};
/* False: no such order is open. `quantity` and `filled` (each may be NULL) have room for order.period_count values and
 * become those of the state. */
bool fg_book_find_order(const struct fg_book *book, uint64_t id, struct fg_book_order_state *state,
                        struct fg_power *quantity, struct fg_power *filled);
const struct fg_book_trade *fg_book_find_trade(const struct fg_book *book, uint64_t id);
struct fg_book_group_row {
    struct fg_book_group group;
    int64_t used_u; /* exclusive: fractions of members that have left */
};
bool fg_book_find_group(const struct fg_book *book, uint64_t id, struct fg_book_group_row *row);
/* The numbers that the next order and the next trade get. */
void fg_book_next_numbers(const struct fg_book *book, uint64_t *priority, uint64_t *trade);
size_t fg_book_order_count(const struct fg_book *book);
size_t fg_book_trade_count(const struct fg_book *book);
int64_t fg_book_time(const struct fg_book *book);
uint64_t fg_book_event_sequence(const struct fg_book *book); /* of the last event */

/* Rows in the order in which they are asked. */
size_t fg_book_limit_count(const struct fg_book *book);
const struct fg_book_limit *fg_book_limit_at(const struct fg_book *book, size_t index);
/* Sums that the limits are held against, over the kinds that product and regulation name (-1: all). False: no row needs
 * them, so they are not kept. Sums of money end at FG_BOOK_EXPOSURE_MAX. */
#define FG_BOOK_EXPOSURE_MAX INT64_C(4000000000000000000)
struct fg_book_exposure {
    int64_t orders;                /* open ones, of both sides */
    struct fg_money open, bought; /* value of open buy orders; of trades not settled */
};
bool fg_book_find_exposure(const struct fg_book *book, int32_t participant, int32_t product, int32_t regulation,
                           struct fg_book_exposure *exposure);
int32_t fg_book_settled_before(const struct fg_book *book);

struct fg_book_position {
    int32_t portfolio;
    enum fg_product product;
    enum fg_regulation regulation;
    int32_t period;
    struct fg_power capability, reserved, open, traded, forwarded, contracted;
};
bool fg_book_find_position(const struct fg_book *book, int32_t portfolio, enum fg_product product,
                           enum fg_regulation regulation, int32_t period, struct fg_book_position *position);

/* What rests in a period, best first, conditional orders after plain ones; one entry per order and price. Stops when
 * `visit` returns false. Copies and sorts: for snapshots. */
struct fg_book_entry {
    uint64_t order, priority;
    int32_t location;
    struct fg_price price;
    struct fg_power quantity;
    bool conditional_order; /* block of several periods, linked or grouped */
};
typedef bool fg_book_visit(void *context, const struct fg_book_entry *entry);
enum fg_code fg_book_each_entry(const struct fg_book *book, enum fg_product product, enum fg_regulation regulation,
                                int32_t period, enum fg_side side, fg_book_visit *visit, void *context,
                                struct fg_error *err);

/* ---- State ---- */

/* The whole state as rows. A book restored from an image goes on exactly as the one it was taken from (settings,
 * locations and network are the caller's: the network is told of no trade, it loads its own state). */
struct fg_book_gate {
    enum fg_product product;
    int32_t period;
};
struct fg_book_halt_row {
    enum fg_book_scope scope;
    int32_t index;
};
struct fg_book_image {
    int64_t time_us;
    uint64_t next_priority, next_trade, event_sequence;
    int32_t forgotten_before;   /* periods before it are gone, see fg_book_forget */
    int32_t settled_before;     /* see fg_book_set_settled */
    struct fg_book_gate *gates; /* open ones, by product and period */
    struct fg_book_halt_row *halts;
    struct fg_book_limit *limits;       /* by participant, product, regulation */
    struct fg_book_position *positions; /* by portfolio, product, regulation, period */
    struct fg_book_group_row *groups;   /* by id */
    struct fg_book_order_state *orders; /* by priority */
    struct fg_book_trade *trades;       /* by id */
    size_t gate_count, halt_count, limit_count, position_count, group_count, order_count, trade_count;
};
enum fg_code fg_book_image_create(const struct fg_book *book, struct fg_book_image **image, struct fg_error *err);
void fg_book_image_destroy(struct fg_book_image *image); /* NULL is allowed */
/* Into an empty book. FG_ERR_VALUE when the rows contradict each other; the book must then be destroyed. */
enum fg_code fg_book_restore(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err);

#endif
