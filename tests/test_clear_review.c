/* Clearing against hand calculation: limits that cannot be met, apparent-power circles, coupling over time, requests of
 * both directions, and what the operator is charged with. Losses and voltages play no part where physics is `none`. */
#include "clear_fixture.h"

#include "base/text.h"

#include <stdlib.h>

static struct fg_asset *asset_of(struct fg_market *market, const char *bus)
{
    struct fg_asset *asset = fg_market_add_asset(market, "plant", fg_market_participant(market, "owner"), bus);
    assert_non_null(asset);
    return asset;
}

static int32_t offer_of_asset(struct fg_market *market, const char *id, enum fg_product product,
                              enum fg_regulation regulation, int first, int count, double mw, double price)
{
    struct draft draft = draft_of(market, id, "owner", FG_SIDE_SELL, regulation, NULL, first, count, mw, price);
    draft.order.product = product;
    draft.order.asset = 0;
    return submit(market, &draft);
}

static int32_t need(struct fg_market *market, const char *id, enum fg_regulation regulation, const char *bus, double mw,
                    double price)
{
    struct draft draft = draft_of(market, id, id, FG_SIDE_BUY, regulation, bus, 0, 1, mw, price);
    draft.order.kind = FG_REQUEST_NEED;
    return submit(market, &draft);
}

static void import_prices(struct fg_market *market, const double *prices)
{
    for (int t = 0; t < market->period_count; t++)
        market->import_price[t].uper_mwh = llround(prices[t] * 1e6);
}

static void finish(struct fg_clear_result *result, struct fg_market *market, struct fg_network *network)
{
    assert_true(result->bound <= result->cost + 1e-6 * fmax(1, fabs(result->cost)));
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* Imports at 100 per MWh and 50 per Mvarh, offers at 10 and 1: the gain 90 p + 49 q is largest on the circle of
 * 0.5 MVA at 0.5 x |(90, 49)|. A polygon around the circle would promise more. */
static void a_circle_gives_no_more_than_its_radius(void **state)
{
    (void)state;
    for (int physics = 0; physics < 2; physics++) {
        struct fg_network *network = feeder(1, 0.001, 0.001, 10);
        load(network, "d", 1, 1, 0.5);
        struct fg_market *market = market_of(1, 100, physics == 0 ? FG_MARKET_NONE : FG_MARKET_LINDISTFLOW);
        market->import_price_reactive[0].uper_mwh = 50000000;
        asset_of(market, "1")->s_max.w = 500000;
        int32_t p = offer_of_asset(market, "p", FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 1, 1, 10);
        int32_t q = offer_of_asset(market, "q", FG_PRODUCT_REACTIVE, FG_REGULATION_UP, 0, 1, 1, 1);
        struct fg_clear_result *result = cleared(network, market);
        const double gain = hypot(90, 49);
        assert_near(result->cost, -0.5 * gain, 1e-3);
        assert_near(accepted_mw(result, p, 0), 0.5 * 90 / gain, 2e-3);
        assert_near(accepted_mw(result, q, 0), 0.5 * 49 / gain, 2e-3);
        finish(result, market, network);
    }
}

/* A request covers the line at 70 per MVA and hour: relief at 60 - 20 is worth it, at 120 - 20 it is not. What stays
 * over the rating is priced once, not once per end, and its size is told as a share of the rating. */
static void a_violated_branch_is_priced_once(void **state)
{
    (void)state;
    for (int physics = 0; physics < 2; physics++) {
        struct fg_network *network = feeder(1, 0.001, 0.001, 1);
        load(network, "d", 1, 1.5, 0);
        struct fg_market *market = market_of(1, 20, physics == 0 ? FG_MARKET_AC : FG_MARKET_DC);
        struct draft cover = draft_of(market, "cover", "operator", FG_SIDE_BUY, FG_REGULATION_BOTH, "l1", 0, 1, 1, 70);
        cover.order.kind = FG_REQUEST_NEED;
        cover.order.location_kind = FG_LOCATION_BRANCH_LIMIT;
        submit(market, &cover);
        int32_t cheap = offer(market, "cheap", FG_REGULATION_UP, "1", 0, 1, 0.3, 60);
        int32_t dear = offer(market, "dear", FG_REGULATION_UP, "1", 0, 1, 0.3, 120);
        struct fg_clear_result *result = cleared(network, market);
        assert_near(accepted_mw(result, cheap, 0), 0.3, 1e-9);
        assert_near(accepted_mw(result, dear, 0), 0, 1e-9);
        assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
        /* 0.3 x (60 - 20) + 70 x 0.2; losses of 0.0014 MW and the ends' difference are 0.03 */
        assert_near(result->cost, 26, 0.05);
        assert_near(result->published_cost, 26, 0.1);
        assert_near(price_p(result, 0, 1)->total, 90, 0.2);
        double over = hypot(result->after[0].p_from_mw[0], result->after[0].q_from_mvar[0]) - 1;
        assert_near(result->max_violation, over, 1e-6);
        assert_near(result->limits[0].remaining_cost, result->violation_cost, 1e-6);
        finish(result, market, network);
    }
}

/* 1.5 + j0.5 MVA over a line of 1 MVA, with 0.1 MW and 0.1 Mvar on offer: both are taken, and the limit's price stays
 * on the rest. Several tangents of the rating must not charge the same excess several times. */
static void what_cannot_be_met_is_charged_once(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 1);
    load(network, "d", 1, 1.5, 0.5);
    struct fg_market *market = market_of(1, 20, FG_MARKET_LINDISTFLOW);
    offer(market, "p", FG_REGULATION_UP, "1", 0, 1, 0.1, 60);
    struct draft reactive = draft_of(market, "q", "q", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 0.1, 6);
    reactive.order.product = FG_PRODUCT_REACTIVE;
    submit(market, &reactive);
    struct fg_clear_result *result = cleared(network, market);
    double expected = 0.1 * (60 - 20) + 0.1 * 6 + 5000 * (hypot(1.4, 0.4) - 1);
    assert_near(result->cost, expected, 1e-3);
    assert_near(result->bound, expected, 1e-3);
    assert_true(result->integer_rounds <= 10);
    assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
    finish(result, market, network);
}

/* Up is worth 100 - 10 for 0.3 MW, down 90 - 20 for 0.4 MW: down wins, 28 against 27. What the request pays is what the
 * offer receives; nothing is left over. */
static void requests_of_both_directions(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = market_of(1, 0, FG_MARKET_NONE);
    int32_t rise = offer(market, "rise", FG_REGULATION_UP, "1", 0, 1, 0.4, 10);
    int32_t fall = offer(market, "fall", FG_REGULATION_DOWN, "1", 0, 1, 0.4, 20);
    need(market, "need_up", FG_REGULATION_UP, "1", 0.3, 100);
    int32_t down = need(market, "need_down", FG_REGULATION_DOWN, "1", 0.4, 90);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -28, 1e-4);
    assert_near(accepted_mw(result, rise, 0), 0, 1e-9);
    assert_near(accepted_mw(result, fall, 0), 0.4, 1e-9);
    assert_int_equal(result->settlement.orders[fall].settled.u, -result->settlement.orders[down].settled.u);
    assert_int_equal(balance_u(result, FG_ACCOUNT_ROUNDING), 0);
    finish(result, market, network);
}

/* In a closed balance a block up is held at fraction 0.41 by a need of 0.082 MW, and two blocks down with it. In the second
 * period, 14.35 kW against 6.56 and 7.79, the ticks 14 and 7 + 8 cannot be balanced, since blocks stay. The repair that
 * tries must not sell downward change, dear as it is asked for, at a bus whose net change is upward. */
static void a_repair_sells_no_change_that_is_not_there(void **state)
{
    (void)state;
    static const double quantity[3][2] = { { 0.2, 0.035 }, { 0.1, 0.016 }, { 0.1, 0.019 } };
    static const int64_t ticks[3][2] = { { 82, 14 }, { 41, 7 }, { 41, 8 } };
    static const char *const names[3] = { "up", "down", "down too" };
    struct fg_network *network = feeder(2, 0.001, 0.001, 10);
    struct fg_market *market = market_of(2, 0, FG_MARKET_NONE);
    int32_t blocks[3];
    market->balance = FG_BALANCE_CLOSED;
    for (int i = 0; i < 3; i++) {
        struct draft draft = draft_of(market, names[i], names[i], FG_SIDE_SELL, i == 0 ? FG_REGULATION_UP : FG_REGULATION_DOWN,
                                      i == 0 ? "1" : "2", 0, 2, quantity[i][0], i == 0 ? 50 : 1);
        draft.order.block = true;
        draft.quantity[1].w = llround(quantity[i][1] * 1e6);
        blocks[i] = submit(market, &draft);
    }
    need(market, "need", FG_REGULATION_UP, "1", 0.082, 200);
    struct draft draft = draft_of(market, "other way", "operator", FG_SIDE_BUY, FG_REGULATION_DOWN, "1", 1, 1, 0.5, 500);
    draft.order.kind = FG_REQUEST_NEED;
    int32_t other = submit(market, &draft);
    struct fg_clear_result *result = cleared(network, market);
    for (int i = 0; i < 3; i++)
        for (int t = 0; t < 2; t++)
            assert_int_equal(result->accepted[market->orders[blocks[i]].offset + (size_t)t].w, 1000 * ticks[i][t]);
    assert_near(accepted_mw(result, other, 0), 0, 1e-9);
    finish(result, market, network);
}

/* 1 MW at 0 o'clock saves 100 and costs 60; half of it comes back at 20 and half at 30: gain 100 - 10 - 15 - 60. */
static void rebound_is_settled_where_it_falls(void **state)
{
    (void)state;
    static const int64_t halves[2] = { 500000, 500000 };
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = market_of(3, 0, FG_MARKET_NONE);
    import_prices(market, (const double[]){ 100, 20, 30 });
    struct fg_asset *asset = asset_of(market, "1");
    asset->rebound_u = halves;
    asset->rebound_count = 2;
    int32_t up = offer_of_asset(market, "up", FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 3, 1, 60);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -15, 1e-4);
    assert_near(accepted_mw(result, up, 0), 1, 1e-9);
    assert_near(accepted_mw(result, up, 1) + accepted_mw(result, up, 2), 0, 1e-9);
    assert_near(fg_units(result->settlement.orders[up].settled), 75, 1e-4);
    finish(result, market, network);
}

/* A store that may swing from -0.3 to 0.2 MWh: out is paid 50, in costs -30 (it pays 30). At 20, 100, 10 it takes 0.3,
 * gives 0.5, takes 0.5: 3 + 25 + 10. */
static void a_store_stays_in_its_swing(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = market_of(3, 0, FG_MARKET_NONE);
    import_prices(market, (const double[]){ 20, 100, 10 });
    struct fg_asset *asset = asset_of(market, "1");
    asset->energy_min.ws = -1080000000;
    asset->energy_max.ws = 720000000;
    int32_t up = offer_of_asset(market, "out", FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 3, 1, 50);
    int32_t down = offer_of_asset(market, "in", FG_PRODUCT_ACTIVE, FG_REGULATION_DOWN, 0, 3, 1, -30);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -38, 1e-4);
    assert_near(accepted_mw(result, down, 0), 0.3, 1e-9);
    assert_near(accepted_mw(result, up, 1), 0.5, 1e-9);
    assert_near(accepted_mw(result, down, 2), 0.5, 1e-9);
    finish(result, market, network);
}

/* 0.2 MW per hour around a peak: (x, x + 0.2, x) gains -10 x + 40 (x + 0.2) - 10 x, so it rises to (0.8, 1, 0.8). */
static void ramps_hold_between_periods(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = market_of(3, 0, FG_MARKET_NONE);
    import_prices(market, (const double[]){ 50, 100, 50 });
    asset_of(market, "1")->ramp_per_hour.w = 200000;
    int32_t up = offer_of_asset(market, "up", FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 3, 1, 60);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -24, 1e-4);
    for (int t = 0; t < 3; t++)
        assert_near(accepted_mw(result, up, t), t == 1 ? 1 : 0.8, 1e-9);
    finish(result, market, network);
}

/* 1 MW or nothing at 45 with import at 20, for a need of 0.3 MW worth 100: 45 - 20 - 30. The spare net change makes the
 * zone's price 0, so the request pays nothing, the offer is paid 20, and the operator is charged with the other 25. */
static void the_operator_is_charged_with_make_whole(void **state)
{
    (void)state;
    struct fg_error err = { 0 };
    struct fg_text text;
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = market_of(1, 20, FG_MARKET_NONE);
    need(market, "need", FG_REGULATION_UP, "1", 0.3, 100);
    struct draft whole = draft_of(market, "whole", "whole", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 1, 45);
    whole.order.min_fraction_u = FG_FRACTION_ONE;
    int32_t o = submit(market, &whole);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -5, 1e-4);
    assert_near(fg_units(result->settlement.orders[o].make_whole), 25, 1e-4);
    fg_text_init(&text);
    must(fg_clear_result_json(result, &text, &err), &err);
    const char *charged = strstr(text.data, "\"operator\": {");
    assert_non_null(charged);
    assert_non_null(strstr(charged, "\"participant\": \"operator\""));
    assert_near(atof(strstr(charged, "\"make_whole\": \"") + 15), -25, 1e-4);
    fg_text_release(&text);
    finish(result, market, network);
}

/* A battery whose swing couples the periods holds a voltage: the rounded schedule must hold it as well, and stay within
 * the swing, whatever rounding to coarse ticks does first. */
static void a_store_is_rounded_into_the_voltage_band(void **state)
{
    (void)state;
    for (int seed = 0; seed < 4; seed++) {
        struct fg_network *network = feeder(2, 0.02, 0.02, 10);
        network->buses[2].vm_max_pu = 1.03;
        load(network, "pv", 2, -1.1 - 0.0137 * seed, 0);
        struct fg_market *market = market_of(3, 20, FG_MARKET_AC);
        struct fg_asset *asset = asset_of(market, "2");
        asset->p_min.w = -1000000;
        asset->p_max.w = 1000000;
        asset->energy_min.ws = -7200000000;
        asset->energy_max.ws = 3600000000;
        int32_t in = offer_of_asset(market, "in", FG_PRODUCT_ACTIVE, FG_REGULATION_DOWN, 0, 3, 1, 15);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(result->status, FG_CLEAR_CLEARED);
        double swing = 0;
        for (int t = 0; t < 3; t++) {
            assert_true(result->before[t].vm_pu[2] > 1.035);
            assert_true(result->after[t].vm_pu[2] <= 1.03 + FG_CLEAR_VOLTAGE_TOLERANCE_PU);
            swing += accepted_mw(result, in, t);
        }
        assert_true(swing <= 2 + 1e-9);
        finish(result, market, network);
    }
}

/* 0.4 MW at a power factor of 0.9 carries 0.19373 Mvar: 0.193 in ticks, not 0.194. */
static void limits_of_an_asset_round_inward(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 10);
    load(network, "d", 1, 1, 0.5);
    struct fg_market *market = market_of(1, 100, FG_MARKET_NONE);
    market->import_price_reactive[0].uper_mwh = 50000000;
    struct fg_power *baseline = fg_market_profile(market);
    assert_non_null(baseline);
    baseline[0].w = 400000;
    struct fg_asset *asset = asset_of(market, "1");
    asset->baseline_p = baseline;
    asset->p_min.w = 0;
    asset->p_max.w = 400000;
    asset->power_factor_u = 900000;
    int32_t q = offer_of_asset(market, "q", FG_PRODUCT_REACTIVE, FG_REGULATION_UP, 0, 1, 1, 1);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(result->cost, -49 * 0.4 * tan(acos(0.9)), 1e-4);
    assert_near(accepted_mw(result, q, 0), 0.193, 1e-9);
    finish(result, market, network);
}

/* LinDistFlow has one equation per branch and bus: with a loop it has none to spare for it. */
static void lindistflow_refuses_a_loop(void **state)
{
    (void)state;
    struct fg_error err = { 0 };
    struct fg_clear_result *result = NULL;
    struct fg_network *network = feeder(2, 0.001, 0.001, 1);
    struct fg_branch *branch = fg_network_add_branch(network, "loop", 0, 2);
    assert_non_null(branch);
    branch->r_pu = branch->x_pu = 0.001;
    load(network, "d", 2, 0.5, 0);
    struct fg_market *market = market_of(1, 0, FG_MARKET_LINDISTFLOW);
    must(fg_market_validate(market, &err), &err);
    assert_int_equal(fg_clear(network, market, NULL, &result, &err), FG_ERR_UNSUPPORTED);
    assert_null(result);
    assert_non_null(strstr(err.text, "radial"));
    fg_market_destroy(market);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circle_gives_no_more_than_its_radius),
        cmocka_unit_test(a_violated_branch_is_priced_once),
        cmocka_unit_test(what_cannot_be_met_is_charged_once),
        cmocka_unit_test(requests_of_both_directions),
        cmocka_unit_test(a_repair_sells_no_change_that_is_not_there),
        cmocka_unit_test(rebound_is_settled_where_it_falls),
        cmocka_unit_test(a_store_stays_in_its_swing),
        cmocka_unit_test(ramps_hold_between_periods),
        cmocka_unit_test(the_operator_is_charged_with_make_whole),
        cmocka_unit_test(limits_of_an_asset_round_inward),
        cmocka_unit_test(a_store_is_rounded_into_the_voltage_band),
        cmocka_unit_test(lindistflow_refuses_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
