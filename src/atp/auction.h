/* Auctions of a market area: sealed books that the clearing toolkit clears (docs/auctions.md).
 *
 *     open -> closed -> cleared | partly_solved | failed          failed -> closed (cleared again)
 *     open | closed | failed -> cancelled
 *
 * Everything that happens to an auction is a command of its area's engine, so that orders, closure and result have one sequence
 * with the continuous book: a command stamped at or after closure is refused, the kW that an auction order offers is bound in
 * the book (fg_book_reserve) by the command that enters it, and the result brings trades (fg_book_conclude) in the command that
 * ends the auction. The clearing itself runs elsewhere (run.h) and records its integers first; the command loads them.
 *
 * Thread rule: fg_auction_*_service are for fg_command.service, their data must stay until `done`; the rest as registry.h. */
#ifndef FG_ATP_AUCTION_H
#define FG_ATP_AUCTION_H

#include "atp/engine.h"
#include "atp/facts.h"
#include "atp/registry.h"
#include "base/date.h"
#include "market/auction.h"

#define FG_AUCTION_PERIODS_MAX 800   /* a week of quarter-hours and a day more */
#define FG_AUCTION_ORDERS_MAX 100000 /* live orders of one auction */
#define FG_AUCTION_GROUP_MAX 100
#define FG_AUCTION_TERMS_MAX 65536   /* bytes of JSON */
#define FG_AUCTION_PLACE_TEXT 208    /* a bus and its NUL */

extern const char *const fg_auction_status_words[];

/* ---- making ---- */
struct fg_auction_terms {
    int64_t area;
    const char *name;
    int32_t first_period, period_count;
    int64_t opening_us, closure_us;
    const char *terms;     /* JSON, see docs/auctions.md */
    int64_t network;       /* 0: physics none */
    int64_t rule, day;     /* of a recurring auction; 0: on demand */
    int64_t id;            /* out */
};
/* FG_REFUSAL_STATE: the rule has made this day's auction already. */
extern const struct fg_command_service fg_auction_open_service; /* data: struct fg_auction_terms */

/* ---- orders ---- */
struct fg_auction_order {
    int64_t portfolio;  /* sell; 0: none */
    int64_t location;
    const char *bus;    /* NULL: physics none, or a need of the whole location; covers: the element */
    struct fg_order order; /* first_period counts from the area's period 0; parent, group, asset, zone unused */
    int64_t parent;     /* order id; minus the place in the submission from 1; 0: none */
    const char *reference;
    const struct fg_power *approved; /* sell: capability by the registry in each period */
};
struct fg_auction_entry {
    int64_t auction;
    struct fg_auction_order *orders;
    size_t count;                  /* more than one: a group */
    enum fg_group_kind group_kind;
    int64_t replaces;              /* amend: the order whose place the only one takes; 0: new */
};
extern const struct fg_command_service fg_auction_enter_service; /* data: struct fg_auction_entry; first_order, group: out */

struct fg_auction_withdrawal {
    int64_t auction, order;
};
/* With its whole group, and with the orders that are linked to it. command->cancelled: how many. */
extern const struct fg_command_service fg_auction_withdraw_service;

struct fg_auction_limit {
    int64_t auction, portfolio;
    const char *bus;   /* "": physics none */
    const char *terms; /* JSON: an asset's members of the market file */
};
extern const struct fg_command_service fg_auction_limit_service;

/* ---- the end of the book ---- */
struct fg_auction_step {
    int64_t auction;
    const char *cause; /* cancel */
    int64_t run;       /* close, again: out */
};
extern const struct fg_command_service fg_auction_close_service;  /* at closure_us: sealed, and a run is asked for */
extern const struct fg_command_service fg_auction_again_service;  /* failed: a new run */
extern const struct fg_command_service fg_auction_cancel_service; /* open, closed, failed: everything is released */

/* ---- recurring auctions ---- */
struct fg_auction_rule {
    const char *name, *terms;
    int64_t opening_days, opening_clock_s, closure_days, closure_clock_s;
    struct fg_date first_day, last_day; /* last_day.year 0: until it is ended */
};
enum fg_code fg_auction_rule_create(struct fg_registry *registry, int64_t area, const struct fg_auction_rule *rule, int64_t *id,
                                    struct fg_error *err);
enum fg_code fg_auction_rule_end(struct fg_registry *registry, int64_t id, struct fg_error *err);

/* ---- what the terms say ---- */
/* Physics of terms that were checked when the auction was made. */
enum fg_market_physics fg_auction_physics(const char *terms);
/* Would the terms clear? By writing an empty market with them and reading it; FG_ERR_VALUE names the member. `network` out: the
 * area's network, 0 with physics none; FG_ERR_CONFLICT when the area has none. */
enum fg_code fg_auction_terms_check(struct fg_store *store, int64_t area, const char *terms, int32_t period_count,
                                    int64_t *network, struct fg_error *err);

/* ---- where an order injects ---- */
/* The bus of an order of this auction: `bus` when it lies in the location, else the only bus of the portfolio's assets (sell) or
 * of the location. With physics none the location itself is the place and `place` is its id. FG_ERR_VALUE says what to name. */
enum fg_code fg_auction_place(struct fg_store *store, int64_t auction, int64_t location, int64_t portfolio, const char *bus,
                              char place[FG_AUCTION_PLACE_TEXT], struct fg_error *err);
/* Would an asset with these limits clear in the auction? FG_ERR_VALUE says what is wrong. `place` as of fg_auction_place. */
enum fg_code fg_auction_limit_check(struct fg_store *store, int64_t area, const struct fg_auction_limit *limit, const char *place,
                                    bool *has_network, struct fg_error *err);
/* A need of a whole location: FG_ERR_VALUE when the network has no bus of it. `network` 0: physics none. */
enum fg_code fg_auction_check_zone(struct fg_store *store, int64_t network, int64_t location, struct fg_error *err);
/* A need that prices a limit of the network: FG_ERR_VALUE when it has no such branch or bus. `folder` takes a file. */
enum fg_code fg_auction_check_limit(struct fg_store *store, int64_t network, const char *element,
                                    bool is_branch, struct fg_error *err);

#endif
