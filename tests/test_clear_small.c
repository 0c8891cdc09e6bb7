/* Markets of two to four buses whose clearing can be done by hand. */
#include "clear_fixture.h"

/* One line of 1 MVA feeds 1.5 MW: 0.5 MW must come from the feeder's end. dc: offers at 50 replace import at 20. */
static void overload_is_relieved_at_least_cost(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0.001, 0.001, 1);
    load(network, "d", 1, 1.5, 0);
    struct fg_market *market = market_of(1, 20, FG_MARKET_DC);
    int32_t cheap = offer(market, "cheap", FG_REGULATION_UP, "1", 0, 1, 0.3, 40);
    int32_t dear = offer(market, "dear", FG_REGULATION_UP, "1", 0, 1, 0.4, 50);
    struct fg_clear_result *result = cleared(network, market);
    assert_near(accepted_mw(result, cheap, 0), 0.3, 1e-9);
    assert_near(accepted_mw(result, dear, 0), 0.2, 1e-9);
    /* 0.3 x 40 + 0.2 x 50 - 0.5 x 20 */
    assert_near(result->cost, 12, 1e-4);
    assert_near(result->bound, 12, 1e-4);
    assert_near(price_p(result, 0, 0)->total, 20, 1e-4);
    assert_near(price_p(result, 0, 1)->total, 50, 1e-3);
    assert_near(price_p(result, 0, 1)->part[FG_PART_CONGESTION], 30, 1e-3);
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    /* the cheap offer earns its 50, no make-whole */
    assert_near(fg_units(result->settlement.orders[cheap].settled), 15, 1e-3);
    assert_int_equal(result->settlement.orders[cheap].make_whole.u, 0);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

static void overload_in_ac_is_cleared_and_checked(void **state)
{
    (void)state;
    struct fg_network *network = feeder(2, 0.01, 0.01, 1);
    load(network, "d1", 1, 0.7, 0.1);
    load(network, "d2", 2, 0.7, 0.1);
    struct fg_market *market = market_of(2, 20, FG_MARKET_AC);
    offer(market, "near", FG_REGULATION_UP, "1", 0, 2, 0.3, 40);
    offer(market, "far", FG_REGULATION_UP, "2", 0, 2, 0.4, 41);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_true(result->max_violation <= FG_CLEAR_RATING_TOLERANCE);
    assert_true(result->gap <= 1e-3);
    for (int t = 0; t < 2; t++) {
        /* the line's sending end is at its rating, within a tick and the tolerance */
        double loading = hypot(result->after[t].p_from_mw[0], result->after[t].q_from_mvar[0]);
        assert_true(loading <= 1.0001 && loading > 0.995);
        assert_true(hypot(result->before[t].p_from_mw[0], result->before[t].q_from_mvar[0]) > 1.3);
    }
    assert_true(result->limit_count >= 2);
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* Absolute cost of a market whose load at one bus is changed by `more` MW: cost and the import of the baseline. */
static double absolute_cost(enum fg_market_physics physics, int bus, double more, double *price)
{
    struct fg_network *network = feeder(3, 0.02, 0.015, 1);
    for (int b = 1; b <= 3; b++)
        load(network, b == 1 ? "d1" : b == 2 ? "d2" : "d3", b, 0.45 + (b == bus ? more : 0), 0.1);
    struct fg_market *market = market_of(1, 25, physics);
    offer(market, "a", FG_REGULATION_UP, "2", 0, 1, 0.25, 60);
    offer(market, "b", FG_REGULATION_UP, "3", 0, 1, 0.9, 61.5);
    struct fg_clear_result *result = cleared(network, market);
    double cost = result->cost + 25 * result->before[0].slack_p_mw;
    if (physics != FG_MARKET_AC)
        cost = result->cost + 25 * (1.35 + more);
    *price = price_p(result, 0, bus)->total;
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
    return cost;
}

static void prices_are_finite_differences(void **state)
{
    (void)state;
    static const enum fg_market_physics all[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW, FG_MARKET_DC };
    const double step = 0.005;
    for (int i = 0; i < 3; i++)
        for (int bus = 1; bus <= 3; bus++) {
            double price, unused;
            absolute_cost(all[i], bus, 0, &price);
            double up = absolute_cost(all[i], bus, step, &unused), down = absolute_cost(all[i], bus, -step, &unused);
            assert_true(price > 26); /* the line binds */
            assert_near((up - down) / (2 * step), price, 0.02);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overload_is_relieved_at_least_cost),
        cmocka_unit_test(overload_in_ac_is_cleared_and_checked),
        cmocka_unit_test(prices_are_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
