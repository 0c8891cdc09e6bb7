/* Switch states, outages and limits that hold in some periods of a market. A ring of four buses with alike lines of 1 MVA, 0.6 MW drawn
 * at each of 1, 2 and 3: closed, each way from the source carries 0.9 MW; open at "tie", line l1 would carry 1.8 MW. */
#include "clear_fixture.h"

static struct fg_network *ring(double r)
{
    struct fg_network *network = feeder(3, r, 0.002, 1);
    struct fg_branch *tie = fg_network_add_branch(network, "tie", 0, 3);
    assert_non_null(tie);
    tie->r_pu = r;
    tie->x_pu = 0.002;
    tie->rate_normal_mva = 1;
    load(network, "d1", 1, 0.6, 0);
    load(network, "d2", 2, 0.6, 0);
    load(network, "d3", 3, 0.6, 0);
    return network;
}

static struct fg_condition *condition(struct fg_market *market, enum fg_condition_kind kind, const char *element, int first, int count)
{
    struct fg_condition *c = fg_market_add_condition(market, kind, element);
    assert_non_null(c);
    c->first_period = first;
    c->period_count = count;
    return c;
}

static double loading(const struct fg_clear_state *state, int branch)
{
    return hypot(state->p_from_mw[branch], state->q_from_mvar[branch]);
}

/* 0.8 MW must come from behind l1 while the tie is out: 0.5 at 60, then 0.3 at 70, in place of import at 20. */
static void outage_of_one_period(void **state)
{
    (void)state;
    struct fg_network *network = ring(0);
    struct fg_market *market = market_of(2, 20, FG_MARKET_DC);
    int32_t far = offer(market, "far", FG_REGULATION_UP, "3", 0, 2, 0.5, 60), near = offer(market, "near", FG_REGULATION_UP, "1", 0, 2, 1, 70);
    condition(market, FG_CONDITION_OUTAGE, "tie", 1, 1);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_near(accepted_mw(result, far, 0), 0, 1e-9);
    assert_near(accepted_mw(result, near, 0), 0, 1e-9);
    assert_near(accepted_mw(result, far, 1), 0.5, 1e-9);
    assert_near(accepted_mw(result, near, 1), 0.3, 1e-9);
    assert_near(result->cost, 0.5 * 60 + 0.3 * 70 - 0.8 * 20, 1e-3);
    for (int bus = 1; bus <= 3; bus++) {
        assert_near(price_p(result, 0, bus)->total, 20, 1e-3);
        assert_near(price_p(result, 1, bus)->total, 70, 1e-2);
    }
    /* The power flows before and after know of it: nothing in the tie, all in l1. */
    assert_near(loading(&result->before[0], 3), 0.9, 1e-3);
    assert_near(loading(&result->before[1], 3), 0, 1e-12);
    assert_near(loading(&result->before[1], 0), 1.8, 1e-2);
    assert_near(loading(&result->after[1], 0), 1, 2e-4);
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* Injection at bus 3 relieves the tie by three quarters of it: (0.9 - 0.7) / 0.75 = 0.2667 MW, in the period of the lower rating. */
static void rating_of_one_period(void **state)
{
    (void)state;
    struct fg_network *network = ring(0);
    struct fg_market *market = market_of(3, 20, FG_MARKET_DC);
    int32_t far = offer(market, "far", FG_REGULATION_UP, "3", 0, 3, 0.5, 60);
    condition(market, FG_CONDITION_RATING, "tie", 0, 2)->rating.w = 800000;
    condition(market, FG_CONDITION_RATING, "tie", 1, 1)->rating.w = 700000; /* the later one counts */
    struct fg_clear_result *result = cleared(network, market);
    assert_near(accepted_mw(result, far, 0), 0.1 / 0.75, 1.1e-3);
    assert_near(accepted_mw(result, far, 1), 0.2 / 0.75, 1.1e-3);
    assert_near(accepted_mw(result, far, 2), 0, 1e-9);
    assert_true(loading(&result->after[1], 3) <= 0.7001 && loading(&result->after[2], 3) > 0.89);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* A band of 0.99 to 1.1 at bus 3 in the second period alone; with r = 0.02 its voltage is below that. */
static void band_of_one_period(void **state)
{
    (void)state;
    struct fg_network *network = ring(0.02);
    struct fg_market *market = market_of(2, 20, FG_MARKET_AC);
    int32_t far = offer(market, "far", FG_REGULATION_UP, "3", 0, 2, 0.6, 60);
    struct fg_condition *c = condition(market, FG_CONDITION_VOLTAGE, "3", 1, 1);
    c->vm_min_u = 990000;
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_true(result->before[1].vm_pu[3] < 0.985);
    assert_near(accepted_mw(result, far, 0), 0, 1e-9);
    assert_true(accepted_mw(result, far, 1) > 0.1);
    assert_near(result->after[1].vm_pu[3], 0.99, 1e-4);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* Four periods: as it is, the tie out, l2 out, the tie with a rating of 0.8. Orders of one period each, one of them all or none. */
enum { PERIODS = 4, OFFERS = 4 };

static void offers_of(struct fg_market *market, int from, int period, int32_t order[OFFERS])
{
    static const struct {
        const char *bus;
        double mw, price;
        bool all_or_none;
    } offers[OFFERS] = {{"1", 0.7, 70, false}, {"2", 0.35, 55, true}, {"3", 0.4, 60, false}, {"3", 0.9, 64, false}};
    char id[16];
    for (int o = 0; o < OFFERS; o++) {
        snprintf(id, sizeof id, "o%d-%d", o, from);
        struct draft draft = draft_of(market, id, id, FG_SIDE_SELL, FG_REGULATION_UP, offers[o].bus, period, 1, offers[o].mw,
                                      offers[o].price + from);
        if (offers[o].all_or_none)
            draft.order.min_fraction_u = FG_FRACTION_ONE;
        order[o] = submit(market, &draft);
    }
}

/* All periods together, under conditions, against each by itself on a network that was changed by hand. */
static void as_if_alone(enum fg_market_physics physics)
{
    const double r = physics == FG_MARKET_AC ? 0.01 : 0; /* dc knows no losses */
    struct fg_network *network = ring(r);
    struct fg_market *market = market_of(PERIODS, 20, physics);
    int32_t order[PERIODS][OFFERS], alone[OFFERS];
    for (int t = 0; t < PERIODS; t++)
        offers_of(market, t, t, order[t]);
    condition(market, FG_CONDITION_SWITCH, "tie", 1, 1); /* open */
    condition(market, FG_CONDITION_OUTAGE, "l2", 2, 1);
    condition(market, FG_CONDITION_RATING, "tie", 3, 1)->rating.w = 800000;
    struct fg_clear_result *together = cleared(network, market);
    assert_int_equal(together->status, FG_CLEAR_CLEARED);
    double cost = 0, sum = 0;
    for (int t = 0; t < PERIODS; t++) {
        struct fg_network *changed = ring(r);
        if (t == 1)
            changed->branches[3].in_service = false;
        if (t == 2)
            changed->branches[1].in_service = false;
        if (t == 3)
            changed->branches[3].rate_normal_mva = 0.8;
        struct fg_market *one = market_of(1, 20, physics);
        offers_of(one, t, 0, alone);
        struct fg_clear_result *result = cleared(changed, one);
        for (int o = 0; o < OFFERS; o++) {
            assert_near(accepted_mw(together, order[t][o], 0), accepted_mw(result, alone[o], 0), 2.1e-3);
            sum += accepted_mw(result, alone[o], 0);
        }
        for (int b = 0; b < 4; b++) {
            assert_near(together->before[t].vm_pu[b], result->before[0].vm_pu[b], 1e-9);
            assert_near(price_p(together, t, b)->total, price_p(result, 0, b)->total, 0.1);
        }
        for (int k = 0; k < 4; k++)
            assert_near(loading(&together->before[t], k), loading(&result->before[0], k), 1e-9);
        cost += result->cost;
        fg_clear_result_destroy(result);
        fg_market_destroy(one);
        fg_network_destroy(changed);
    }
    assert_near(together->cost, cost, 5e-3 * cost);
    assert_true(sum > 1); /* the conditions matter */
    assert_ledger_closes(together);
    fg_clear_result_destroy(together);
    fg_market_destroy(market);
    fg_network_destroy(network);
}
static void as_if_alone_in_dc(void **state)
{
    (void)state;
    as_if_alone(FG_MARKET_DC);
}
static void as_if_alone_in_ac(void **state)
{
    (void)state;
    as_if_alone(FG_MARKET_AC);
}

/* What holds in all periods may be anything: a ring opened for lindistflow, a bus without supply. */
static void states_of_all_periods(void **state)
{
    (void)state;
    struct fg_network *network = ring(0);
    struct fg_market *market = market_of(1, 20, FG_MARKET_LINDISTFLOW);
    int32_t far = offer(market, "far", FG_REGULATION_UP, "3", 0, 1, 1, 60);
    condition(market, FG_CONDITION_SWITCH, "tie", 0, 1)->is_closed = true;
    condition(market, FG_CONDITION_SWITCH, "tie", 0, 1);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_near(accepted_mw(result, far, 0), 0.8, 1e-3);
    fg_clear_result_destroy(result);
    condition(market, FG_CONDITION_OUTAGE, "l3", 0, 1); /* bus 3 is dark: its load and its offer are gone; 1.2 MW are left */
    int32_t near = offer(market, "near", FG_REGULATION_UP, "1", 0, 1, 1, 70);
    result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_near(accepted_mw(result, far, 0), 0, 1e-9);
    assert_near(accepted_mw(result, near, 0), 0.2, 1e-3);
    assert_true(isnan(price_p(result, 0, 3)->total));
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

static void refused(enum fg_market_physics physics, enum fg_condition_kind kind, const char *element, const char *second, const char *text)
{
    struct fg_error err = { 0 };
    struct fg_network *network = ring(0.01);
    struct fg_market *market = market_of(3, 20, physics);
    struct fg_clear_result *result = NULL;
    offer(market, "far", FG_REGULATION_UP, "1", 0, 3, 0.5, 60);
    condition(market, kind, element, 2, 1);
    if (second != NULL)
        condition(market, FG_CONDITION_OUTAGE, second, 1, 2);
    must(fg_market_validate(market, &err), &err);
    assert_int_not_equal(fg_clear(network, market, NULL, &result, &err), FG_OK);
    assert_non_null(strstr(err.text, text));
    fg_market_destroy(market);
    fg_network_destroy(network);
}

static void what_cannot_differ_is_refused(void **state)
{
    (void)state;
    refused(FG_MARKET_DC, FG_CONDITION_OUTAGE, "3", NULL, "bus 3");            /* a bus that is fed in other periods */
    refused(FG_MARKET_AC, FG_CONDITION_OUTAGE, "l1", "l2", "period 2 at bus 1"); /* cut off by two outages in one of the periods */
    refused(FG_MARKET_LINDISTFLOW, FG_CONDITION_OUTAGE, "tie", NULL, "radial");  /* not in the other periods */
    refused(FG_MARKET_DC, FG_CONDITION_OUTAGE, "l9", NULL, "the network has no l9");
    refused(FG_MARKET_DC, FG_CONDITION_RATING, "3", NULL, "the network has no 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outage_of_one_period), cmocka_unit_test(rating_of_one_period), cmocka_unit_test(band_of_one_period),
        cmocka_unit_test(as_if_alone_in_dc),    cmocka_unit_test(as_if_alone_in_ac),    cmocka_unit_test(states_of_all_periods),
        cmocka_unit_test(what_cannot_differ_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
