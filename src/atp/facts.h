/* What the registry says about a market area, as orders are checked against it: a snapshot in memory.
 *
 * Loaded in one read transaction; never changed afterwards, so any thread may read it while it holds a reference. The
 * exchange loads it anew every FG_FACTS_REFRESH_US, and at once when it is told of a change (fg_exchange_refresh), so
 * that a suspension counts after that time at the latest. */
#ifndef FG_ATP_FACTS_H
#define FG_ATP_FACTS_H

#include "atp/gate.h"
#include "base/json.h"
#include "base/memory.h"
#include "market/order.h"
#include "store/store.h"

#include <stdatomic.h>

#define FG_FACTS_REFRESH_US INT64_C(2000000)
#define FG_ZONE_TEXT 64

struct fg_organisation_facts {
    int64_t id, owner; /* beneficial owner: itself or another organisation */
    uint32_t roles;
    bool is_active;
};
struct fg_portfolio_facts {
    int64_t id, organisation, location;
    bool is_approved;
};
struct fg_location_facts {
    int64_t id, parent, operator; /* parent 0: none */
    bool is_published;
    bool forwards; /* a balancing market takes offers of its control area, which is its own or that of its parent */
};
struct fg_product_facts {
    int64_t id;
    enum fg_product kind;
    struct fg_gate_rule gate;
};
/* A bus of the area; loaded where trading is network-aware. */
struct fg_bus_facts {
    const char *name;
    int32_t number;   /* what orders and trades name */
    int64_t location; /* published location whose set it is in, 0: none; a bus in several has a row for each */
};
/* An asset of a portfolio at a bus. */
struct fg_holding_facts {
    int64_t portfolio;
    int32_t bus;
    int64_t from_us, until_us;
};
/* Technology of a portfolio's assets, from the first joining to the last leaving. */
struct fg_technology_facts {
    int64_t portfolio;
    uint64_t bit; /* market/technology.h */
    int64_t from_us, until_us;
};
enum fg_prequalification_kind { FG_PREQUALIFIED_PRODUCT, FG_PREQUALIFIED_GRID };
struct fg_prequalification_facts {
    int64_t id, portfolio, product;
    enum fg_prequalification_kind kind;
    bool is_suspended; /* else approved */
    int64_t up_w, down_w, from_us, until_us;
};

struct fg_contract_terms; /* atp/contract.h */

struct fg_facts {
    int64_t area, operator;
    char zone[FG_ZONE_TEXT];
    int32_t period_s;
    int64_t tick_w;
    bool is_network_aware;
    struct fg_arena names;
    struct fg_bus_facts *buses;         /* by name, location */
    struct fg_holding_facts *holdings;  /* by portfolio, bus */
    struct fg_technology_facts *technologies; /* by portfolio */
    size_t bus_count, holding_count, technology_count;
    struct fg_organisation_facts *organisations; /* each list by id; prequalifications by portfolio, product, id */
    struct fg_portfolio_facts *portfolios;
    struct fg_location_facts *locations;
    struct fg_product_facts *products;
    struct fg_prequalification_facts *prequalifications;
    size_t organisation_count, portfolio_count, location_count, product_count, prequalification_count, link_count;
    struct fg_contract_terms *contracts; /* in force, by id */
    size_t contract_count;
    uint64_t prequalification_digest; /* changes when products, portfolios or prequalifications do */
    atomic_int references;
};

enum fg_code fg_facts_load(struct fg_store *store, int64_t area, struct fg_facts **facts, struct fg_error *err);
struct fg_facts *fg_facts_hold(struct fg_facts *facts);
void fg_facts_release(struct fg_facts *facts); /* NULL is allowed */

/* NULL: no such object in the area. Binary search. */
const struct fg_organisation_facts *fg_facts_organisation(const struct fg_facts *facts, int64_t id);
const struct fg_portfolio_facts *fg_facts_portfolio(const struct fg_facts *facts, int64_t id);
const struct fg_location_facts *fg_facts_location(const struct fg_facts *facts, int64_t id);
/* `location` is `around` or lies below it. */
bool fg_facts_lies_in(const struct fg_facts *facts, int64_t location, int64_t around);

/* Technologies of the assets that a portfolio has at some time from `from_us` until `until_us`; 0: it has none. */
uint64_t fg_facts_technologies(const struct fg_facts *facts, int64_t portfolio, int64_t from_us, int64_t until_us);
/* A set as the member "technologies": an array of words. */
void fg_technologies_put(struct fg_json_writer *out, uint64_t set);

/* Where an order acts in a network-aware area. `name` NULL: the order names no bus; then it is the one bus of the
 * portfolio's assets at `now_us`, or without a portfolio the one bus of the location. -1 and why not in `reason` (constant):
 * the order has to name another one. A bus that is named lies in the location or below it, and a portfolio has an asset
 * there. */
int32_t fg_facts_bus(const struct fg_facts *facts, const char *name, int64_t portfolio, int64_t location, int64_t now_us,
                     const char **reason);

/* Approved capability of a portfolio in a period, in watt: of each product of that kind the lower of what the market
 * operator (product) and the grid operator (grid) have approved, each by its newest approval whose validity covers the
 * whole period, nothing while that one is suspended; the largest over the products, for the same kW is sold once. */
int64_t fg_facts_capability(const struct fg_facts *facts, int64_t portfolio, enum fg_product kind,
                            enum fg_regulation regulation, int32_t period);

#endif
