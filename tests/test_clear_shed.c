/* Grids that cannot carry their load: power not served. */
#include "base/json.h"
#include "clear_fixture.h"
#include "random_network.h"

static const enum fg_market_physics all_physics[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW, FG_MARKET_DC, FG_MARKET_NONE };

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

static double not_served_all(const struct fg_clear_result *result, int32_t t)
{
    double sum = 0;
    for (int32_t b = 0; b < (int32_t)result->network->bus_count; b++)
        sum += not_served(result, t, b);
    return sum;
}

/* One line of reactance x = 0.2 on 1 MVA feeds 4 MW at unity power factor from 1.0 p.u. With receiving voltage V,
 * P = V sqrt(1 - V^2) / x, so that nothing beyond 1 / (2 x) = 2.5 MW has a power flow (T. Van Cutsem, C. Vournas,
 * "Voltage Stability of Electric Power Systems", ch. 2). A voltage held at 0.9 leaves P(0.9) = 1.9615 MW; a voltage
 * priced k per p.u. sinks until k = 10000 |dP/dV|, dP/dV = (1 - 2 V^2) / (x sqrt(1 - V^2)): k = 50000 at V = 0.84645,
 * the root of 2 V^2 - 1 = sqrt(1 - V^2). */
static void what_a_line_cannot_carry_is_not_served(void **state)
{
    (void)state;
    double v = 0.85;
    for (int i = 0; i < 60; i++) /* the root by Newton */
        v -= (2 * v * v - 1 - sqrt(1 - v * v)) / (4 * v + v / sqrt(1 - v * v));
    const struct { int64_t price; double voltage; } cases[] = { { 1000000, 0.9 }, { 50000, v } };
    for (int i = 0; i < 2; i++) {
        struct fg_network *network = feeder(1, 0, 0.2, 100);
        load(network, "d", 1, 4, 0);
        struct fg_market *market = market_of(1, 20, FG_MARKET_AC);
        market->scarcity_voltage.uper_mwh = cases[i].price * 1000000;
        struct fg_clear_result *result = cleared(network, market);
        double served = cases[i].voltage * sqrt(1 - cases[i].voltage * cases[i].voltage) / 0.2, shed = 4 - served;
        assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
        assert_near(not_served(result, 0, 1), shed, 2e-3);
        assert_near(result->after[0].vm_pu[1], cases[i].voltage, 2e-3);
        double low = (double)cases[i].price * (0.9 - cases[i].voltage);
        assert_near(result->cost, 10000 * shed + low - 20 * shed, 20);
        assert_near(result->violation_cost, 10000 * shed + low, 30);
        assert_near(result->published_cost, result->cost, 20);
        /* lossless: the bound's cone is tight here */
        assert_true(result->bound <= result->cost + 1e-3);
        assert_true(result->gap < 0.02);
        /* at the margin a MWh consumed costs what one more MWh not served does */
        assert_near(price_p(result, 0, 1)->total, 10000, 1);
        assert_parts_add_up(result);
        assert_ledger_closes(result);
        /* what was bought for the energy comes back; the line is lossless */
        assert_near((double)balance_u(result, FG_ACCOUNT_NOT_SERVED) * 1e-6, 20 * not_served(result, 0, 1), 1e-6);
        assert_near((double)balance_u(result, FG_ACCOUNT_SLACK) * 1e-6, -20 * not_served(result, 0, 1), 1e-3);
        assert_near((double)balance_u(result, FG_ACCOUNT_LOSSES) * 1e-6, 0, 1e-3);
        finish(result, market, network);
    }
}

/* The reactive power of a load goes with it: 3 + j1.5 over x = 0.2 leaves, at a voltage held to 0.9 and Q = P / 2,
 * (V^2 + x Q)^2 + (x P)^2 = V^2 (the circle of the two-bus power flow): 0.05 P^2 + 0.162 P - 0.1539 = 0 in p.u. */
static void reactive_power_is_shed_in_proportion(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0, 0.2, 100);
    load(network, "d", 1, 3, 1.5);
    struct fg_market *market = market_of(1, 0, FG_MARKET_AC);
    struct fg_clear_result *result = cleared(network, market);
    /* (0.81 + 0.1 P)^2 + 0.04 P^2 = 0.81 */
    double served = (-0.162 + sqrt(0.162 * 0.162 + 4 * 0.05 * (0.81 - 0.6561))) / (2 * 0.05);
    assert_near(not_served(result, 0, 1), 3 - served, 2e-3);
    assert_near(result->after[0].p_from_mw[0], served, 2e-3);
    assert_near(result->after[0].q_to_mvar[0], -served / 2, 2e-3);
    finish(result, market, network);
}

/* Linear physics by hand. lindistflow over r = 0.1: w = 1 - 2 r P >= 0.81 at P = 0.95. dc and none: a rating and the
 * substation's limit of 1 MW at 20,000 per MVA, dearer than 10,000 per MWh not served. */
static void linear_physics_by_hand(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        for (int closed = 0; closed < 2; closed++) {
            struct fg_network *network = feeder(1, i == 1 ? 0.1 : 0.001, 0.0001, i == 2 ? 1 : 100);
            load(network, "d", 1, 4, 0);
            struct fg_market *market = market_of(2, 20, all_physics[i]);
            if (i == 3)
                market->substation_p_max.w = 1000000;
            market->balance = closed ? FG_BALANCE_CLOSED : FG_BALANCE_IMBALANCE;
            market->scarcity_overload.uper_mwh = INT64_C(20000000000);
            int32_t up = offer(market, "up", FG_REGULATION_UP, "1", 0, 1, 0.5, 100); /* in the first period */
            struct fg_clear_result *result = cleared(network, market);
            double carried = i == 1 ? 0.95 : 1;
            /* closed: nothing balances the offer, and power not served balances no orders */
            double taken = closed ? 0 : 0.5;
            assert_near(accepted_mw(result, up, 0), taken, 1e-9);
            assert_near(not_served(result, 0, 1), 4 - carried - taken, 1.1e-3);
            assert_near(not_served(result, 1, 1), 4 - carried, 1.1e-3);
            double shed = 8 - 2 * carried - taken;
            assert_near(result->cost, 100 * taken + 10000 * shed - 20 * (shed + taken), 0.5);
            assert_near(result->bound, result->cost, 0.5);
            assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
            if (!closed) /* else the balance, which no second order can move, has no one price */
                assert_near(price_p(result, 0, 1)->total, 10000, 1);
            assert_parts_add_up(result);
            assert_ledger_closes(result);
            finish(result, market, network);
        }
}

/* 1.5 MW over a line of 1 MVA: at 5,000 per MVA the excess is cheaper than 10,000 per MWh, at 20,000 it is not. An
 * offer at 300 goes before both. */
static void the_cheaper_scarcity_comes_first(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int dear = 0; dear < 2; dear++) {
            struct fg_network *network = feeder(1, 0.001, 0.001, 1);
            load(network, "d", 1, 1.5, 0);
            struct fg_market *market = market_of(1, 20, all_physics[i]);
            market->scarcity_overload.uper_mwh = INT64_C(1000000) * (dear ? 20000 : 5000);
            int32_t up = offer(market, "up", FG_REGULATION_UP, "1", 0, 1, 0.2, 300);
            struct fg_clear_result *result = cleared(network, market);
            assert_near(accepted_mw(result, up, 0), 0.2, 1e-9);
            assert_near(not_served(result, 0, 1), dear ? 0.3 : 0, 3e-3);
            assert_true(dear || result->not_served == NULL);
            assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
            finish(result, market, network);
        }
}

/* A block of 2 MW for 30,000 or 1 MW not served for 10,000: the integer program must know of the second, although the
 * relaxation would take half the block. Enough flexibility in one piece for 8,000 is taken instead. */
static void integer_decisions_see_it(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int cheap = 0; cheap < 2; cheap++) {
            struct fg_network *network = feeder(1, 0.001, 0.001, 1);
            load(network, "d", 1, 2, 0);
            struct fg_market *market = market_of(1, 0, all_physics[i]);
            market->scarcity_overload.uper_mwh = INT64_C(50000000000);
            struct draft draft = draft_of(market, "block", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 2,
                                          cheap ? 4000 : 8000);
            draft.order.min_fraction_u = FG_FRACTION_ONE;
            draft.order.block = true;
            int32_t block = submit(market, &draft);
            struct fg_clear_result *result = cleared(network, market);
            double expected = cheap ? 8000 : 10000;
            assert_near(accepted_mw(result, block, 0), cheap ? 2 : 0, 1e-9);
            assert_near(not_served(result, 0, 1), cheap ? 0 : 1, 3e-3);
            assert_near(result->cost, expected, 30);
            assert_true(result->bound <= expected + 30);
            assert_int_equal(result->status, cheap ? FG_CLEAR_CLEARED : FG_CLEAR_PARTLY_SOLVED);
            finish(result, market, network);
        }
}

/* An asset that only consumes sells its own 0.5 MW of a bus's 1.5 MW; what it gives up cannot be shed a second time. */
static void a_load_is_not_shed_twice(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fg_network *network = feeder(1, 0.001, 0.001, 0.1);
        load(network, "d", 1, 1.5, 0);
        struct fg_market *market = market_of(1, 0, all_physics[i]);
        market->scarcity_overload.uper_mwh = INT64_C(50000000000);
        int32_t who = fg_market_participant(market, "seller");
        struct fg_asset *asset = fg_market_add_asset(market, "heat", who, "1");
        struct fg_power *base = fg_market_profile(market);
        assert_non_null(base);
        base[0].w = -500000;
        asset->baseline_p = base;
        asset->p_max.w = 0;
        struct draft draft = draft_of(market, "up", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 0.5, 300);
        draft.order.asset = fg_market_find_asset(market, "heat");
        int32_t up = submit(market, &draft);
        struct fg_clear_result *result = cleared(network, market);
        assert_near(accepted_mw(result, up, 0), 0.5, 1e-9);
        assert_near(not_served(result, 0, 1), 0.9, 3e-3);
        finish(result, market, network);
    }
}

/* Without a solution before there are no values before: the document says so with null, and the market clears. */
static void no_baseline_is_told(void **state)
{
    (void)state;
    struct fg_error err = { 0 };
    for (int i = 0; i < 4; i++) {
        struct fg_network *network = feeder(2, 0.1, 0.1, 1);
        load(network, "d1", 1, 1, 0.2);
        load(network, "d2", 2, 2, 0.5);
        struct fg_market *market = market_of(2, 30, all_physics[i]);
        market->substation_p_max.w = 1000000;
        market->scale_load_u[0] = FG_FRACTION_ONE / 10;
        offer(market, "up", FG_REGULATION_UP, "2", 0, 2, 0.4, 100);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
        assert_true(result->before[0].converged && !result->before[1].converged);
        assert_true(isnan(result->before[1].vm_pu[1]) && isnan(result->baseline_cost));
        assert_true(result->after[0].converged && result->after[1].converged);
        assert_near(not_served_all(result, 0), 0, 1e-9);
        assert_true(not_served_all(result, 1) > 0.5);
        assert_non_null(strstr(result->explanation, "baseline"));
        struct fg_text text;
        fg_text_init(&text);
        must(fg_clear_result_json(result, &text, &err), &err);
        assert_null(strstr(text.data, "nan"));
        assert_null(strstr(text.data, "inf"));
        assert_non_null(strstr(text.data, "\"not_served\""));
        assert_non_null(strstr(text.data, "\"losses_mw\": null"));
        fg_text_release(&text);
        fg_text_init(&text);
        must(fg_clear_result_csv(result, "limits", &text, &err), &err);
        assert_null(strstr(text.data, "nan"));
        assert_non_null(strstr(text.data, "not_served,"));
        fg_text_release(&text);
        assert_ledger_closes(result);
        finish(result, market, network);
    }
}

/* Random feeders with their load scaled far up: every period gets a schedule with a power flow; nobody is shed beyond
 * the load; sizes, prices and costs agree; the bound holds; shedding is never dearer than shedding everything. */
static void random_feeders_beyond_loadability(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int i = 0; i < 4; i++)
            for (int closed = 0; closed < 2; closed++) {
                struct random_network_options options = { .buses = 8, .transformers = seed % 2, .rated = seed % 3 == 0,
                                                          .voltage_dependent = seed % 4 == 0 };
                struct fg_network *network = random_network(seed, &options);
                struct fg_market *market = market_of(3, 35, all_physics[i]);
                market->balance = closed ? FG_BALANCE_CLOSED : FG_BALANCE_IMBALANCE;
                market->vm_min_u = 900000;
                market->vm_max_u = 1100000;
                for (int t = 1; t < 3; t++)
                    market->scale_load_u[t] = t * 12 * FG_FRACTION_ONE;
                offer(market, "up", FG_REGULATION_UP, "b5", 0, 3, 0.5, 90);
                offer(market, "down", FG_REGULATION_DOWN, "b2", 0, 3, 0.5, -20);
                struct draft draft = draft_of(market, "block", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "b7", 0, 3, 0.3, 70);
                draft.order.block = true;
                draft.order.min_fraction_u = FG_FRACTION_ONE;
                submit(market, &draft);
                struct fg_clear_result *result = cleared(network, market);
                if (result->status == FG_CLEAR_FAILED)
                    fail_msg("seed %d physics %d closed %d: %s", (int)seed, i, closed, result->explanation);
                double cost = 0, listed = 0;
                for (int t = 0; t < 3; t++) {
                    assert_true(result->after[t].converged);
                    double *consumed = calloc(network->bus_count, sizeof *consumed);
                    assert_non_null(consumed);
                    for (size_t k = 0; k < network->injection_count; k++)
                        if (network->injections[k].p_mw < 0)
                            consumed[network->injections[k].bus] -=
                                network->injections[k].p_mw * (double)market->scale_load_u[t] / FG_FRACTION_ONE;
                    for (int32_t b = 0; b < (int32_t)network->bus_count; b++) {
                        assert_true(not_served(result, t, b) >= 0);
                        assert_true(not_served(result, t, b) <= consumed[b] + 1e-6);
                        cost += 10000 * not_served(result, t, b);
                    }
                    free(consumed);
                }
                for (size_t k = 0; k < result->limit_count; k++)
                    if (result->limits[k].kind == FG_CLEAR_LIMIT_NOT_SERVED) {
                        const struct fg_clear_limit *limit = &result->limits[k];
                        assert_near(limit->violation_after, not_served(result, limit->period, limit->element), 1e-12);
                        assert_near(limit->remaining_cost, 10000 * limit->violation_after, 1e-6);
                        listed += limit->remaining_cost;
                    }
                assert_near(listed, cost, 1e-6 * fmax(cost, 1));
                assert_true(result->violation_cost >= cost - 1e-6);
                assert_int_equal(result->status == FG_CLEAR_CLEARED, result->max_violation <= 1e-5 && cost == 0);
                assert_true(result->bound <= result->cost + 1e-6 * fabs(result->cost) + 1e-3);
                if (i == 0) /* the published schedule costs what the optimum does, up to ticks */
                    assert_true(result->published_cost <= result->cost + 1e-3 * fabs(result->cost) + 10);
                assert_parts_add_up(result);
                assert_ledger_closes(result);
                finish(result, market, network);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_line_cannot_carry_is_not_served),
        cmocka_unit_test(reactive_power_is_shed_in_proportion),
        cmocka_unit_test(linear_physics_by_hand),
        cmocka_unit_test(the_cheaper_scarcity_comes_first),
        cmocka_unit_test(integer_decisions_see_it),
        cmocka_unit_test(a_load_is_not_shed_twice),
        cmocka_unit_test(no_baseline_is_told),
        cmocka_unit_test(random_feeders_beyond_loadability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
