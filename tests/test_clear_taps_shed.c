/* Controllable taps in grids that cannot carry their load: taps first, then orders, then power not served. */
#include "base/memory.h"
#include "base/text.h"
#include "clear_fixture.h"
#include "random_network.h"

static void finish(struct fg_clear_result *result, struct fg_market *market, struct fg_network *network)
{
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

static double not_served(const struct fg_clear_result *result, int32_t t, int32_t bus)
{
    return result->not_served == NULL ? 0 : fg_mw(result->not_served[(size_t)t * result->network->bus_count + (size_t)bus]);
}

static const struct fg_clear_limit *limit_of(const struct fg_clear_result *result, enum fg_clear_limit_kind kind, int32_t t)
{
    for (size_t i = 0; i < result->limit_count; i++)
        if (result->limits[i].kind == kind && result->limits[i].period == t)
            return &result->limits[i];
    return NULL;
}

/* An ideal transformer lifts the source of 1 p.u. to E = 1 / ratio; behind it a reactance of x = 0.2 on 1 MVA carries
 * P = V sqrt(E^2 - V^2) / x at unity power factor, at most E^2 / (2 x) (T. Van Cutsem, C. Vournas, "Voltage Stability of
 * Electric Power Systems", ch. 2). */
static const double X = 0.2, STEP = 0.0125;

static double lifted(int position)
{
    return 1 / (1 + STEP * position);
}

/* Receiving voltage of a power flow with P; NAN beyond loadability. */
static double end_voltage(double e, double p)
{
    return sqrt((e * e + sqrt(e * e * e * e - 4 * X * X * p * p)) / 2);
}

static struct fg_network *weak_feeder(double mw, int lowest, int highest)
{
    struct fg_network *network = feeder(1, 0, X, 100);
    load(network, "d", 1, mw, 0);
    make_tap(network, 0, lowest, highest, 0, STEP);
    return network;
}

/* 2.6 MW are beyond the 2.5 MW of E = 1. With its taps the operator carries them, in the band, and nothing is shed. */
static void taps_come_before_shedding(void **state)
{
    (void)state;
    static const enum fg_market_physics all[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW };
    for (int i = 0; i < 2; i++) {
        int expected = 0;
        while (!(end_voltage(lifted(expected), 2.6) >= 0.9))
            expected--;
        assert_true(isnan(end_voltage(1, 2.6)) && expected < -1 && expected > -8);
        struct fg_network *network = weak_feeder(2.6, -8, 8);
        struct fg_market *market = market_of(1, 20, all[i]);
        controllable(market, "l1");
        int32_t up = offer(market, "up", FG_REGULATION_UP, "1", 0, 1, 0.5, 100);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(fg_clear_tap_position(result, 0, 0), expected);
        assert_int_equal(result->status, FG_CLEAR_CLEARED);
        assert_null(result->not_served);
        assert_near(accepted_mw(result, up, 0), 0, 0);
        assert_near(result->after[0].vm_pu[1], end_voltage(lifted(expected), 2.6), 1e-7);
        /* before: no power flow, and no cost; with taps: no violation, and the line is lossless */
        assert_true(!result->before[0].converged && isnan(result->before[0].vm_pu[1]) && isnan(result->baseline_cost));
        assert_true(result->with_taps[0].converged);
        assert_near(result->cost_with_taps, 0, 1e-6);
        assert_near(result->published_cost, 0, 1e-6);
        assert_non_null(strstr(result->explanation, "with the chosen taps it has one in 1 of them"));
        /* the model has no variable for power not served: the one of the order, its asset's none, the slack's two */
        assert_int_equal(result->variable_count, 3);
        assert_parts_add_up(result);
        assert_ledger_closes(result);
        finish(result, market, network);
    }
}

/* 4 MW in the second of two periods, a quarter of them in the first, and a tap of one step: E = 1 / 0.9875 carries
 * P(V = 0.9) where the voltage is held; the offer comes next, and what is left is not served. The first period needs no
 * step. */
static void taps_offers_and_shedding_share_the_work(void **state)
{
    (void)state;
    const double e = lifted(-1), carried = 0.9 * sqrt(e * e - 0.81) / X, taken = 0.5, shed = 4 - carried - taken;
    struct fg_network *network = weak_feeder(4, -1, 1);
    struct fg_market *market = market_of(2, 20, FG_MARKET_AC);
    market->scale_load_u[0] = FG_FRACTION_ONE / 4;
    market->scarcity_voltage.uper_mwh = INT64_C(1000000000000);
    controllable(market, "l1");
    int32_t up = offer(market, "up", FG_REGULATION_UP, "1", 0, 2, taken, 100);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
    assert_int_equal(fg_clear_tap_position(result, 0, 0), 0);
    assert_int_equal(fg_clear_tap_position(result, 0, 1), -1);
    assert_near(accepted_mw(result, up, 0), 0, 0);
    assert_near(accepted_mw(result, up, 1), taken, 1e-9);
    assert_near(not_served(result, 0, 1), 0, 0);
    assert_near(not_served(result, 1, 1), shed, 2e-3);
    assert_near(result->after[1].vm_pu[1], 0.9, 2e-4);
    assert_near(result->cost, 100 * taken + 10000 * shed - 20 * (shed + taken), 20);
    assert_near(result->published_cost, result->cost, 20);
    assert_true(result->bound <= result->cost + 1e-3 && result->gap < 0.02); /* lossless: the cone is tight */
    assert_near(price_p(result, 0, 1)->total, 20, 1e-3);
    assert_near(price_p(result, 1, 1)->total, 10000, 1);
    /* no power flow of the second baseline with any position: nothing to compare with */
    assert_true(result->before[0].converged && !result->before[1].converged);
    assert_true(result->with_taps[0].converged && !result->with_taps[1].converged);
    assert_true(isnan(result->with_taps[1].vm_pu[1]) && isnan(result->with_taps[1].slack_p_mw));
    assert_true(isnan(result->baseline_cost) && isnan(result->cost_with_taps));
    const struct fg_clear_limit *low = limit_of(result, FG_CLEAR_LIMIT_VOLTAGE_LOW, 1);
    const struct fg_clear_limit *unserved = limit_of(result, FG_CLEAR_LIMIT_NOT_SERVED, 1);
    assert_non_null(low);
    assert_non_null(unserved);
    assert_true(isnan(low->before) && isnan(low->cost) && isnan(unserved->before) && isnan(unserved->cost));
    assert_near(unserved->after, shed, 2e-3);
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    finish(result, market, network);
}

/* Where the taps give the baseline a power flow that violates its band, what orders relieve has a known cost although
 * nothing is known before: h x shadow price x (0.9 - V with taps). */
static void the_cost_of_holding_counts_from_the_taps(void **state)
{
    (void)state;
    const double eased = end_voltage(lifted(-2), 2.6);
    assert_true(eased < 0.89);
    struct fg_network *network = weak_feeder(2.6, -2, 0);
    struct fg_market *market = market_of(1, 20, FG_MARKET_AC);
    controllable(market, "l1");
    offer(market, "up", FG_REGULATION_UP, "1", 0, 1, 1, 100);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_int_equal(fg_clear_tap_position(result, 0, 0), -2);
    assert_near(result->with_taps[0].vm_pu[1], eased, 1e-7);
    assert_near(result->cost_with_taps, 500000 * (0.9 - eased), 1e-3);
    const struct fg_clear_limit *low = limit_of(result, FG_CLEAR_LIMIT_VOLTAGE_LOW, 0);
    assert_non_null(low);
    assert_true(isnan(low->before) && isnan(low->violation_before) && low->shadow_price > 1);
    assert_near(low->cost, low->shadow_price * (0.9 - eased), 0.01 * low->cost);
    finish(result, market, network);
}

/* Three buses beyond loadability with losses: the chosen position costs hardly more than the cheapest of all positions,
 * each cleared with its tap fixed. */
static void positions_cost_little_more_than_the_best_fixed_ones(void **state)
{
    (void)state;
    for (int side = -1; side <= 1; side += 2)
        for (int scale = 2; scale <= 4; scale++) {
            double least = INFINITY, stay = 0;
            for (int position = -4; position <= 5; position++) { /* 5: controllable */
                struct fg_network *network = feeder(2, 0.06, 0.14, 100);
                load(network, "d1", 1, 0.5 * scale, 0.2 * scale);
                load(network, "d2", 2, 0.4 * scale, 0.1 * scale);
                make_tap(network, side < 0 ? 0 : 1, -4, 4, position < 5 ? position : 0, STEP);
                struct fg_market *market = market_of(1, 20, FG_MARKET_AC);
                offer(market, "up", FG_REGULATION_UP, "2", 0, 1, 0.2, 100);
                if (position == 5)
                    controllable(market, side < 0 ? "l1" : "l2");
                struct fg_clear_result *result = cleared(network, market);
                assert_int_not_equal(result->status, FG_CLEAR_FAILED);
                stay = position == 0 ? result->cost : stay;
                if (position < 5) {
                    least = fmin(least, result->cost);
                } else {
                    print_message("side %d scale %d: %.1f, least %.1f, network's position %.1f\n", side, scale,
                                  result->cost, least, stay);
                    assert_true(result->cost <= least + 0.01 * fabs(least) + 1);
                    assert_true(result->bound <= result->cost + 1e-6 * fabs(result->cost));
                }
                assert_ledger_closes(result);
                finish(result, market, network);
            }
            assert_true(least < stay - 1);
        }
}

/* Random feeders with their load scaled far up and a tap at the source: whatever taps, orders and shedding do, every
 * period has a power flow at the end, costs agree, the bound holds, and what is not known is not written as a number. */
static void random_feeders_with_taps_beyond_loadability(void **state)
{
    (void)state;
    int cheaper = 0, dearer = 0;
    for (uint64_t seed = 1; seed <= 10; seed++)
        for (int i = 0; i < 2; i++) {
            double cost[2];
            for (int has_tap = 0; has_tap < 2; has_tap++) {
                struct random_network_options options = { .buses = 8, .rated = seed % 3 == 0,
                                                          .voltage_dependent = seed % 4 == 0 };
                struct fg_network *network = random_network(seed, &options);
                make_tap(network, 0, -4, 4, 0, STEP);
                struct fg_market *market = market_of(3, 35, i == 0 ? FG_MARKET_AC : FG_MARKET_LINDISTFLOW);
                market->vm_min_u = 900000;
                market->vm_max_u = 1100000;
                for (int t = 1; t < 3; t++)
                    market->scale_load_u[t] = t * 12 * FG_FRACTION_ONE;
                offer(market, "up", FG_REGULATION_UP, "b5", 0, 3, 0.5, 90);
                struct draft draft = draft_of(market, "block", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "b7", 0, 3, 0.3, 70);
                draft.order.block = true;
                draft.order.min_fraction_u = FG_FRACTION_ONE;
                submit(market, &draft);
                if (has_tap)
                    controllable(market, network->branches[0].id);
                struct fg_clear_result *result = cleared(network, market);
                if (result->status == FG_CLEAR_FAILED)
                    fail_msg("seed %d physics %d: %s", (int)seed, i, result->explanation);
                bool has_before = true, has_eased = true;
                for (int t = 0; t < 3; t++) {
                    assert_true(result->after[t].converged);
                    has_before = has_before && result->before[t].converged;
                    has_eased = has_eased && result->with_taps[t].converged;
                }
                assert_int_equal(isnan(result->baseline_cost), !has_before);
                assert_int_equal(isnan(result->cost_with_taps), !has_eased);
                assert_true(result->bound <= result->cost + 1e-6 * fabs(result->cost) + 1e-3);
                if (i == 0)
                    assert_true(result->published_cost <= result->cost + 1e-3 * fabs(result->cost) + 10);
                assert_parts_add_up(result);
                assert_ledger_closes(result);
                struct fg_error err = { 0 };
                struct fg_text text;
                fg_text_init(&text);
                must(fg_clear_result_json(result, &text, &err), &err);
                must(fg_clear_result_csv(result, "limits", &text, &err), &err);
                assert_null(strstr(text.data, "nan"));
                fg_text_release(&text);
                cost[has_tap] = result->published_cost;
                finish(result, market, network);
            }
            cheaper += cost[1] < cost[0] - 1e-3 * cost[0];
            dearer += cost[1] > cost[0] + 1e-3 * cost[0];
        }
    print_message("taps: %d of 20 markets cheaper, %d dearer\n", cheaper, dearer);
    assert_true(cheaper >= 10 && dearer == 0); /* the transformer feeds a part of the buses, sometimes a small one */
}

#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 37 };
#else
enum { STRIDE = 3 };
#endif

/* With positions that are chosen, kept and looked at again while the market is solved once more with power not served. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const enum fg_market_physics all[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW };
    for (int i = 0; i < 2; i++) {
        struct fg_network *network = weak_feeder(4, -1, 1);
        struct fg_market *market = market_of(2, 20, all[i]);
        struct fg_error err = { 0 };
        market->scale_load_u[0] = FG_FRACTION_ONE / 4;
        controllable(market, "l1");
        offer(market, "up", FG_REGULATION_UP, "1", 0, 2, 0.5, 100);
        must(fg_market_validate(market, &err), &err);
        long n = 1;
        bool is_done = false;
        for (; !is_done && n < 100000; n += n < 100 ? 1 : STRIDE) {
            struct fg_clear_result *result = NULL;
            fg_alloc_fail_after(n);
            enum fg_code code = fg_clear(network, market, NULL, &result, &err);
            fg_alloc_fail_after(0);
            is_done = code == FG_OK;
            if (!is_done) {
                assert_int_equal(code, FG_ERR_MEMORY);
                assert_null(result);
            } else {
                assert_non_null(result->not_served);
                assert_int_equal(fg_clear_tap_position(result, 0, 1), -1);
            }
            fg_clear_result_destroy(result);
        }
        assert_true(is_done && n > 100);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taps_come_before_shedding),
        cmocka_unit_test(taps_offers_and_shedding_share_the_work),
        cmocka_unit_test(the_cost_of_holding_counts_from_the_taps),
        cmocka_unit_test(positions_cost_little_more_than_the_best_fixed_ones),
        cmocka_unit_test(random_feeders_with_taps_beyond_loadability),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
