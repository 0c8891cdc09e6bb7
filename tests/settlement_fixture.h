/* A small market for the tests of delivery and settlement: an operator, a grid, a supplier with a battery and a heat pump
 * under another balance responsible party, in Athens; trades and meters as rows. */
#ifndef FG_TESTS_SETTLEMENT_FIXTURE_H
#define FG_TESTS_SETTLEMENT_FIXTURE_H

#include "support/store_fixture.h"

#include "atp/delivery.h"
#include "atp/metering.h"
#include "atp/query.h"

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

enum { AREA = 1, FMO = 1, DSO = 2, SUPPLIER = 3, RETAILER = 4, BRP_A = 5, BRP_B = 6, STRANGER = 7, PORTFOLIO = 10, OTHER = 11 };
enum { BATTERY = 20, HEAT_PUMP = 21, LONE = 22 };
#define MW INT64_C(1000000)
#define EUR INT64_C(1000000)
#define KWH INT64_C(3600000)
#define QUARTER 900

struct world {
    char url[200];
    struct fg_store *store; /* for rows and looks */
    struct fg_platform *platform;
    int64_t now_us;
};

static inline int64_t world_clock(void *context)
{
    return ((struct world *)context)->now_us;
}

static const char *const world_rows[] = {
    "INSERT INTO organisation (id, name, roles, status, country, vat_number, address, iban, created_us, version) VALUES "
    "(1, 'Aegean Flex Market', 1, 'active', 'GR', 'EL090000045', 'Odos Agoras 1, 10553 Athens', 'GR1601101250000000012300695', 0, 1), "
    "(2, 'Grid Company', 2, 'active', 'GR', 'EL094349850', 'Odos Diktyou 5, 11743 Athens', NULL, 0, 1), "
    "(3, 'Flex Supply GmbH', 32, 'active', 'DE', 'DE811907980', 'Hauptstr. 3, 10827 Berlin', 'DE89370400440532013000', 0, 1), "
    "(4, 'Retail', 64, 'active', 'GR', 'EL094019245', 'Patras', NULL, 0, 1), "
    "(5, 'Balance A', 128, 'active', 'GR', 'EL1', 'Athens', NULL, 0, 1), (6, 'Balance B', 128, 'active', 'GR', 'EL2', 'Volos', NULL, 0, 1), "
    "(7, 'Stranger', 32, 'active', 'GR', NULL, 'Larissa', NULL, 0, 1)",
    "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, "
    "price_max_u, size_max_w, network_mode, stale_rule, created_us, version) VALUES (1, 'Athens', 1, 'EUR', "
    "'Europe/Athens', 900, 1000, 10000, -1000000000, 5000000000, 100000000, 'off', 'block', 0, 1)",
    "INSERT INTO location (id, area_id, name, parent_id, operator_id, status, created_us, version) VALUES "
    "(1, 1, 'Feeder', NULL, 2, 'published', 0, 1)",
    /* 10 % tolerance; a missing MWh costs half the price and 20 EUR; the gate closes an hour before */
    "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, tolerance_share_u, "
    "tolerance_w, penalty_factor_u, penalty_u, baseline_rule, version) VALUES (1, 1, 'Active', 'active', 1, 0, 3600, 100000, "
    "0, 500000, 20000000, '{\"method\":\"submitted\"}', 1), (2, 1, 'Reserve', 'capacity_active', 1, 0, 3600, 0, 0, 0, 0, "
    "'{\"method\":\"submitted\"}', 1)",
    "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES "
    "(10, 3, 1, 'Homes', 1, 'approved', 0, 1), (11, 4, 1, 'Shops', 1, 'approved', 0, 1)",
    "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, p_min_w, p_max_w, s_max_va, grid_status, "
    "created_us, version) VALUES (20, 3, 1, 'Battery', 'battery', 1, -1000000, 1000000, 1000000, 'approved', 0, 1), "
    "(21, 3, 1, 'Heat pump', 'heat_pump', 1, -2000000, 0, 2000000, 'approved', 0, 1), "
    "(22, 4, 1, 'Cold store', 'shiftable', 1, -2000000, 0, 2000000, 'approved', 0, 1)",
    "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (20, 0, 10), (21, 0, 10), (22, 0, 11)",
    "INSERT INTO brp_assignment (asset_id, valid_from_us, brp_id, assigned_by) VALUES (20, 0, 5, 1), (21, 0, 5, 1), (22, 0, 6, 1)",
    "INSERT INTO balance_responsible (organisation_id, area_id, brp_id) VALUES (3, 1, 6), (4, 1, 6)",
    "INSERT INTO settlement_rule (area_id, from_day, fee_buyer_u, fee_seller_u, fee_monthly_u, compensation_u, "
    "transfer_price_u, tax_rate_u, domestic_reverse, decimals, payment_days, set_by, set_us) VALUES (1, 0, 10000, 20000, 0, "
    "1000000, 60000000, 240000, 0, 2, 30, 1, 0)",
};

/* The platform on the database of w->url, which has the rows. */
static inline void world_attach(struct world *w)
{
    struct fg_error err = {0};
    struct fg_platform_options options = {.store_url = w->url, .node = "test", .clock_us = world_clock, .clock_context = w};
    fixture_expect(fg_platform_create(&options, &w->platform, &err), &err);
}

static inline void world_open(struct world *w, void **state)
{
    memset(w, 0, sizeof *w);
    w->store = fixture_open(state, w->url);
    for (size_t i = 0; i < sizeof world_rows / sizeof *world_rows; i++)
        fixture_execute(w->store, world_rows[i]);
    world_attach(w);
}

static inline void world_close(struct world *w)
{
    fg_platform_destroy(w->platform);
    fg_store_close(w->store);
}

static inline struct fg_principal somebody(int64_t organisation, int64_t user, enum fg_role role)
{
    struct fg_principal who = {.roles = FG_BIT(role), .duties = FG_DUTIES_ALL, .apis = FG_BIT(FG_API_ATP)};
    fg_id_text(FG_ID_ORGANISATION, organisation, who.organisation);
    fg_id_text(FG_ID_USER, user, who.user);
    strcpy(who.key, "key-1");
    return who;
}

static inline struct fg_principal as(int64_t organisation)
{
    static const enum fg_role roles[] = {[FMO] = FG_ROLE_FMO, [DSO] = FG_ROLE_DSO, [SUPPLIER] = FG_ROLE_AGGREGATOR,
                                         [RETAILER] = FG_ROLE_RETAILER, [BRP_A] = FG_ROLE_BRP, [BRP_B] = FG_ROLE_BRP,
                                         [STRANGER] = FG_ROLE_AGGREGATOR};
    return somebody(organisation, organisation * 10, roles[organisation]);
}

/* A trade of the portfolio's supplier to the grid operator. */
static inline void add_trade(struct world *w, int64_t id, int64_t portfolio, int regulation, int64_t period, int64_t quantity_w,
                             int64_t price_u)
{
    struct fg_error err = {0};
    fixture_expect(fg_change(w->store, NULL, &err,
                             "INSERT INTO book_trade (area_id, id, sell_order_id, buy_order_id, initiator, seller_id, buyer_id, "
                             "portfolio_id, buyer_portfolio_id, sell_contract_id, buy_contract_id, product, regulation, kind, "
                             "conditional, period, sell_bus, buy_bus, sell_location_id, buy_location_id, quantity_w, concluded_w, "
                             "price_u, time_us) VALUES (1, $1, 1, 2, 0, $2, 2, $3, 0, 0, 0, 0, $4, 1, 0, $5, -1, -1, 1, 1, $6, $6, "
                             "$7, 0)",
                             "iiiiiii", id, portfolio == PORTFOLIO ? (int64_t)SUPPLIER : (int64_t)RETAILER, portfolio,
                             (int64_t)regulation, period, quantity_w, price_u),
                   &err);
}

#endif
