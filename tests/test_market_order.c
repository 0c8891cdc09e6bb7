/* Orders and their validation: every refusal by its key, costs along price curves, zones, groups and links. */
#include "market/auction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Four quarter-hours, two participants, a zone, an asset, a group, and an order to start from. */
struct fixture {
    struct fg_market *market;
    struct fg_power quantity[4];
    struct fg_price_point points[3];
    struct fg_order order;
};

static struct fixture make_fixture(void)
{
    struct fixture fixture = {.market = fg_market_create("m"),
                              .quantity = {{500000}, {250000}, {0}, {500000}},
                              .points = {{{500000}, {40000000}}}};
    struct fg_market *market = fixture.market;
    assert_int_equal(fg_market_set_horizon(market, 0, 900, 4, NULL), FG_OK);
    assert_int_equal(fg_market_participant(market, "agg"), 0);
    assert_int_equal(fg_market_participant(market, "dso"), 1);
    const char *buses[] = {"b2", "b1", "b2"};
    assert_int_equal(fg_market_add_zone(market, "z", buses, 3)->bus_count, 2);
    assert_non_null(fg_market_add_asset(market, "bat", 0, "b1"));
    assert_non_null(fg_market_add_group(market, "g", FG_GROUP_EXCLUSIVE_SUM));
    fixture.order = (struct fg_order){.id = "o",
                                      .side = FG_SIDE_SELL,
                                      .regulation = FG_REGULATION_UP,
                                      .location_kind = FG_LOCATION_BUS,
                                      .location = "b1",
                                      .zone = -1,
                                      .asset = 0,
                                      .period_count = 4,
                                      .point_count = 1,
                                      .parent = -1,
                                      .group = -1};
    return fixture;
}

static void add(struct fixture *fixture)
{
    struct fg_error err;
    fixture->order.quantity = fixture->quantity;
    fixture->order.points = fixture->points;
    if (fg_market_add_order(fixture->market, &fixture->order, &err) != FG_OK)
        fail_msg("%s", err.text);
}

static void expect_refusal(struct fixture *fixture, enum fg_refusal refusal)
{
    struct fg_error err = {0};
    char key[64];
    add(fixture);
    const struct fg_order *order = &fixture->market->orders[fixture->market->order_count - 1];
    enum fg_refusal given = fg_order_check(fixture->market, order, &err);
    if (given != refusal)
        fail_msg("expected %s, got %s: %s", fg_refusal_key(refusal), fg_refusal_key(given), err.text);
    if (refusal != FG_REFUSAL_NONE) {
        snprintf(key, sizeof key, "[%s]", fg_refusal_key(refusal));
        assert_non_null(strstr(err.text, key));
        assert_int_equal(fg_market_validate(fixture->market, &err), FG_ERR_VALUE);
        assert_non_null(strstr(err.text, key));
    } else {
        assert_int_equal(fg_market_validate(fixture->market, &err), FG_OK);
    }
    fg_market_destroy(fixture->market);
}

#define WITH(refusal, ...)                 \
    do {                                   \
        struct fixture f = make_fixture(); \
        __VA_ARGS__;                       \
        expect_refusal(&f, refusal);       \
    } while (0)

static void sound_orders_pass(void **state)
{
    (void)state;
    WITH(FG_REFUSAL_NONE, (void)f);
    WITH(FG_REFUSAL_NONE, f.order.block = true; f.order.min_fraction_u = FG_FRACTION_ONE; f.order.group = 0);
    WITH(FG_REFUSAL_NONE, f.order.asset = -1; f.order.location = "elsewhere");
    WITH(FG_REFUSAL_NONE, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_EXCHANGE;
         f.order.participant = 1);
    WITH(FG_REFUSAL_NONE, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_ZONE; f.order.location = NULL; f.order.zone = 0);
    /* Voltage limits are in millionths of p.u., off the tick of power. */
    WITH(FG_REFUSAL_NONE, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_VOLTAGE_LIMIT; f.quantity[0].w = 12345; f.quantity[1].w = 1);
    WITH(FG_REFUSAL_NONE, f.points[0].up_to.w = 100000; f.points[1] = (struct fg_price_point){{500000}, {40000000}};
         f.points[2] = (struct fg_price_point){{800000}, {90000000}}; f.order.point_count = 3);
}

static void each_refusal_has_its_key(void **state)
{
    (void)state;
    WITH(FG_REFUSAL_QUANTITY_TICK, f.quantity[1].w = 250500);
    WITH(FG_REFUSAL_QUANTITY_RANGE, f.quantity[1].w = -1000);
    WITH(FG_REFUSAL_QUANTITY_RANGE, memset(f.quantity, 0, sizeof f.quantity));
    WITH(FG_REFUSAL_QUANTITY_RANGE, f.quantity[0].w = FG_MARKET_POWER_MAX_W + 1000);
    WITH(FG_REFUSAL_PRICE_STEP, f.points[0].price.uper_mwh = 40005000);
    WITH(FG_REFUSAL_PRICE_RANGE, f.points[0].price.uper_mwh = FG_MARKET_PRICE_MAX_U + 10000);
    WITH(FG_REFUSAL_PRICE_SHORT, f.points[0].up_to.w = 499000);
    WITH(FG_REFUSAL_PRICE_ORDER, f.order.point_count = 2; f.points[1] = (struct fg_price_point){{600000}, {39990000}});
    WITH(FG_REFUSAL_PRICE_ORDER, f.order.point_count = 2; f.points[1] = (struct fg_price_point){{500000}, {50000000}});
    WITH(FG_REFUSAL_PRICE_ORDER, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_EXCHANGE;
         f.order.point_count = 2; f.points[1] = (struct fg_price_point){{600000}, {40010000}});
    WITH(FG_REFUSAL_PRICE_BLOCK, f.order.block = true; f.order.point_count = 2;
         f.points[1] = (struct fg_price_point){{600000}, {50000000}});
    WITH(FG_REFUSAL_PERIOD_RANGE, f.order.first_period = 1);
    WITH(FG_REFUSAL_PERIOD_RANGE, f.order.first_period = -1);
    WITH(FG_REFUSAL_FRACTION_RANGE, f.order.min_fraction_u = FG_FRACTION_ONE + 1);
    WITH(FG_REFUSAL_KIND_SIDE, f.order.kind = FG_REQUEST_NEED);
    WITH(FG_REFUSAL_KIND_SIDE, f.order.side = FG_SIDE_BUY; f.order.asset = -1);
    WITH(FG_REFUSAL_LOCATION, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_EXCHANGE;
         f.order.location_kind = FG_LOCATION_ZONE; f.order.location = NULL; f.order.zone = 0);
    WITH(FG_REFUSAL_LOCATION, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_ZONE; f.order.zone = 7);
    WITH(FG_REFUSAL_REGULATION, f.order.regulation = FG_REGULATION_BOTH);
    WITH(FG_REFUSAL_REGULATION, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_BRANCH_LIMIT);
    WITH(FG_REFUSAL_ACCEPTANCE, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_BRANCH_LIMIT; f.order.regulation = FG_REGULATION_BOTH;
         f.order.min_fraction_u = 1);
    WITH(FG_REFUSAL_PRICE_RANGE, f.order.side = FG_SIDE_BUY; f.order.asset = -1; f.order.kind = FG_REQUEST_NEED;
         f.order.location_kind = FG_LOCATION_BRANCH_LIMIT; f.order.regulation = FG_REGULATION_BOTH;
         f.points[0].price.uper_mwh = -10000);
    WITH(FG_REFUSAL_ASSET, f.order.participant = 1);
    WITH(FG_REFUSAL_ASSET_REACTIVE, f.market->assets[0].follows_ratio = true; f.order.product = FG_PRODUCT_REACTIVE);
    WITH(FG_REFUSAL_GROUP_FRACTION, f.order.group = 0);
    WITH(FG_REFUSAL_LINK_FRACTION, add(&f); f.order.id = "child"; f.order.parent = 0);
    WITH(FG_REFUSAL_LINK_PARTICIPANT, f.order.block = true; add(&f); f.order.id = "child"; f.order.parent = 0;
         f.order.participant = 1; f.order.asset = -1);
    WITH(FG_REFUSAL_LINK_PARTICIPANT, f.order.block = true; f.order.group = 0; add(&f); f.order.id = "second";
         f.order.participant = 1; f.order.asset = -1);
}

static void refusals_across_orders(void **state)
{
    (void)state;
    struct fixture f = make_fixture();
    struct fg_error err;
    add(&f);
    add(&f);
    assert_int_equal(fg_market_validate(f.market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "[id_duplicate]"));
    fg_market_destroy(f.market);

    f = make_fixture();
    f.order.block = true;
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (int32_t i = 0; i < 4; i++) {
        f.order.id = ids[i];
        add(&f);
    }
    f.market->orders[1].parent = 0; /* chain a <- b <- c <- d */
    f.market->orders[2].parent = 1;
    f.market->orders[3].parent = 2;
    assert_int_equal(fg_market_validate(f.market, &err), FG_OK);
    f.market->orders[0].parent = 2; /* a -> c closes the ring a, c, b; d hangs on it */
    assert_int_equal(fg_market_validate(f.market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "[link_cycle]"));
    f.market->orders[0].parent = 0;
    assert_int_equal(fg_market_validate(f.market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "[link_cycle]"));
    fg_market_destroy(f.market);
}

static void keys_are_stable_and_distinct(void **state)
{
    (void)state;
    for (int a = 0; a < FG_REFUSAL_COUNT; a++) {
        assert_true(strspn(fg_refusal_key((enum fg_refusal)a), "abcdefghijklmnopqrstuvwxyz_") ==
                    strlen(fg_refusal_key((enum fg_refusal)a)));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(fg_refusal_key((enum fg_refusal)a), fg_refusal_key((enum fg_refusal)b));
    }
    assert_string_equal(fg_refusal_key(FG_REFUSAL_COUNT), "unknown");
}

static void cost_is_the_integral_of_the_price_curve(void **state)
{
    (void)state;
    /* 0.2 MW at 40, then up to 0.5 MW at 60; a quarter-hour:
     * 0.1 MW: 0.1 * 40 / 4 = 1;  0.5 MW: (0.2 * 40 + 0.3 * 60) / 4 = 6.5. */
    const struct fg_price_point points[] = {{{200000}, {40000000}}, {{500000}, {60000000}}};
    struct fg_order order = {.id = "o", .points = points, .point_count = 2};
    struct fg_money money;
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){100000}, 900, &money, NULL), FG_OK);
    assert_int_equal(money.u, 1000000);
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){500000}, 900, &money, NULL), FG_OK);
    assert_int_equal(money.u, 6500000);
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){0}, 900, &money, NULL), FG_OK);
    assert_int_equal(money.u, 0);
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){500001}, 900, &money, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){-1}, 900, &money, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_order_marginal_price(&order, (struct fg_power){0}).uper_mwh, 40000000);
    assert_int_equal(fg_order_marginal_price(&order, (struct fg_power){200000}).uper_mwh, 40000000);
    assert_int_equal(fg_order_marginal_price(&order, (struct fg_power){200001}).uper_mwh, 60000000);
    /* One watt for five minutes at 0.01 is 1e-6 * 300 / 3600 * 0.01 = 8.3e-10: rounds to nothing; at -1e6 it is
     * -8.33e-2, that is -83333.3 millionths. */
    const struct fg_price_point tiny[] = {{{1}, {10000}}}, huge[] = {{{1}, {-1000000000000}}};
    order.points = tiny;
    order.point_count = 1;
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){1}, 300, &money, NULL), FG_OK);
    assert_int_equal(money.u, 0);
    order.points = huge;
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){1}, 300, &money, NULL), FG_OK);
    assert_int_equal(money.u, -83333);
    /* 1 TW for a year at 1e6 per MWh is 8.8e18 in units of money, 8.8e24 millionths: refused, not wrapped. */
    const struct fg_price_point whale[] = {{{FG_MARKET_POWER_MAX_W}, {FG_MARKET_PRICE_MAX_U}}};
    order.points = whale;
    assert_int_equal(fg_order_limit_money(&order, (struct fg_power){FG_MARKET_POWER_MAX_W}, 31536000, &money, NULL),
                     FG_ERR_OVERFLOW);
}

static void orders_at_one_bus_share_the_implicit_asset(void **state)
{
    (void)state;
    struct fixture f = make_fixture();
    f.order.asset = -1;
    add(&f);
    f.order.regulation = FG_REGULATION_DOWN;
    add(&f);
    f.order.location = "b2";
    add(&f);
    f.order.participant = 1;
    add(&f);
    const struct fg_order *orders = f.market->orders;
    assert_int_equal(orders[0].asset, orders[1].asset); /* netted there */
    assert_int_not_equal(orders[1].asset, orders[2].asset);
    assert_int_not_equal(orders[2].asset, orders[3].asset);
    assert_string_equal(f.market->assets[orders[3].asset].id, "dso@b2");
    assert_int_equal(f.market->order_period_count, 16);
    assert_int_equal(orders[3].offset, 12);
    fg_market_destroy(f.market);
}

static void horizon_rules(void **state)
{
    (void)state;
    struct fg_market *market = fg_market_create("m");
    struct fg_error err;
    assert_int_equal(fg_market_set_horizon(market, 0, 1200, 4, &err), FG_ERR_VALUE);
    assert_int_equal(fg_market_set_horizon(market, 60, 900, 4, &err), FG_ERR_VALUE);
    assert_int_equal(fg_market_set_horizon(market, 0, 900, 0, &err), FG_ERR_VALUE);
    assert_int_equal(fg_market_set_horizon(market, 0, 900, FG_MARKET_PERIODS_MAX + 1, &err), FG_ERR_VALUE);
    assert_int_equal(fg_market_validate(market, &err), FG_ERR_VALUE);
    assert_int_equal(fg_market_set_horizon(market, -900, 900, 92, &err), FG_OK);
    assert_int_equal(fg_market_set_horizon(market, 0, 900, 4, &err), FG_ERR_ARGUMENT);
    fg_market_destroy(market);
}

static void zones_nest_or_stay_apart(void **state)
{
    (void)state;
    const char *all[] = {"1", "2", "3", "4", "5"}, *pair[] = {"2", "3"}, *one[] = {"3"}, *apart[] = {"5"},
               *across[] = {"3", "4"};
    struct fg_market *market = fg_market_create("m");
    struct fg_error err;
    assert_int_equal(fg_market_set_horizon(market, 0, 900, 1, &err), FG_OK);
    fg_market_add_zone(market, "one", one, 1);
    fg_market_add_zone(market, "all", all, 5);
    fg_market_add_zone(market, "pair", pair, 2);
    fg_market_add_zone(market, "apart", apart, 1);
    assert_int_equal(fg_market_validate(market, &err), FG_OK);
    assert_int_equal(market->zones[0].parent, 2);
    assert_int_equal(market->zones[1].parent, -1);
    assert_int_equal(market->zones[2].parent, 1);
    assert_int_equal(market->zones[3].parent, 1);
    assert_int_equal(fg_market_zone_of_bus(market, "3"), 0);
    assert_int_equal(fg_market_zone_of_bus(market, "2"), 2);
    assert_int_equal(fg_market_zone_of_bus(market, "4"), 1);
    fg_market_add_zone(market, "across", across, 2);
    assert_int_equal(fg_market_validate(market, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "nested or disjoint"));
    fg_market_destroy(market);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_orders_pass),
        cmocka_unit_test(each_refusal_has_its_key),
        cmocka_unit_test(refusals_across_orders),
        cmocka_unit_test(keys_are_stable_and_distinct),
        cmocka_unit_test(cost_is_the_integral_of_the_price_curve),
        cmocka_unit_test(orders_at_one_bus_share_the_implicit_asset),
        cmocka_unit_test(horizon_rules),
        cmocka_unit_test(zones_nest_or_stay_apart),
    };
    return cmocka_run_group_tests_name("market orders", tests, NULL, NULL);
}
