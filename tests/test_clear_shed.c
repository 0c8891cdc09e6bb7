/* Grids that cannot carry their load: power not served. */
#include "clear_fixture.h"

/* One line of reactance x feeds P at unity power factor from 1.0 p.u.: no power flow exists beyond P = 1 / (2 x) (power
 * transfer limit, e.g. T. Van Cutsem, C. Vournas, "Voltage Stability of Electric Power Systems", ch. 2). x = 0.2 on 1 MVA:
 * 2.5 MW; with the lower voltage limit V: P = V sqrt(1 - V^2) / x for unity power factor. */
static void what_a_line_cannot_carry_is_not_served(void **state)
{
    (void)state;
    struct fg_network *network = feeder(1, 0, 0.2, 100);
    load(network, "d", 1, 4, 0);
    struct fg_market *market = market_of(1, 20, FG_MARKET_AC);
    market->scarcity_voltage.uper_mwh = INT64_C(1000000000000); /* a million per p.u.: held */
    struct fg_clear_result *result = cleared(network, market);
    double most = 0.9 * sqrt(1 - 0.81) / 0.2;
    printf("%s %s\n", fg_clear_status_word(result->status), result->explanation);
    assert_int_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
    assert_non_null(result->not_served);
    assert_near(fg_mw(result->not_served[1]), 4 - most, 2e-3);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_line_cannot_carry_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
