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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overload_is_relieved_at_least_cost),
        cmocka_unit_test(overload_in_ac_is_cleared_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
