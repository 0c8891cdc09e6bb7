/* Published markets: what the importers make of them, and the published welfare by an independent linear program. */
#include "grid/powerflow.h"
#include "market_import.h"
#include "market_reference.h"
#include "toolkit/dfmct/market_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER FG_SHARED_DIR "/data/market"

static void need_folder(void)
{
    if (access(FOLDER, R_OK) == 0)
        return;
    print_message("skipped: folder %s absent\n", FOLDER);
    skip();
}

#define assert_ok(call)                                         \
    do {                                                        \
        if ((call) != FG_OK)                                    \
            fail_msg("%s: %s: %s", #call, err.place, err.text); \
    } while (0)

#define assert_near(actual, expected, tolerance)                                  \
    do {                                                                          \
        double actual_ = (actual), expected_ = (expected);                        \
        if (!(fabs(actual_ - expected_) <= (tolerance)))                          \
            fail_msg("%s is %.12g, expected %.12g", #actual, actual_, expected_); \
    } while (0)

/* Welfare of the three periods as published: 1.42, 1.13, 1.11. */
static void dtu15_has_the_published_welfare(void **state)
{
    (void)state;
    need_folder();
    struct fg_network *network;
    struct fg_market *market;
    struct fg_error err;
    assert_ok(fg_import_dtu15(FOLDER, 1, &network, &market, &err));
    assert_int_equal(network->bus_count, 15);
    assert_int_equal(network->branch_count, 14);
    assert_int_equal(market->order_count, 78);
    assert_int_equal(market->baseline_count, 14);
    const double published[] = {1.42, 1.13, 1.11};
    for (int32_t t = 0; t < 3; t++) {
        struct fg_reference_result free_result, grid_result;
        assert_ok(fg_reference_lindistflow(network, market, t, false, NULL, &free_result, &err));
        assert_near(free_result.welfare, published[t], 1e-9);
        assert_ok(fg_reference_lindistflow(network, market, t, true, NULL, &grid_result, &err));
        assert_near(grid_result.welfare, published[t], 1e-9);
    }
    fg_network_destroy(network);
    fg_market_destroy(market);
}

/* With less headroom lines bind, two and more at once, and the welfare falls step by step. */
static void dtu15_with_tight_lines_differs(void **state)
{
    (void)state;
    need_folder();
    struct fg_error err;
    double previous[] = {1.42, 1.13, 1.11};
    for (int step = 10; step >= 1; step--) {
        struct fg_network *network;
        struct fg_market *market;
        assert_ok(fg_import_dtu15(FOLDER, step / 10.0, &network, &market, &err));
        for (int32_t t = 0; t < 3; t++) {
            struct fg_reference_result result;
            assert_ok(fg_reference_lindistflow(network, market, t, true, NULL, &result, &err));
            assert_true(result.welfare <= previous[t] + 1e-6);
            previous[t] = result.welfare;
            if (step == 3) {
                assert_true(result.binding_lines >= 2);
                assert_true(result.welfare < (t == 0 ? 1.42 : t == 1 ? 1.13 : 1.11) - 0.01);
            }
        }
        fg_network_destroy(network);
        fg_market_destroy(market);
    }
}

/* The auction does at least as well as the continuous matching, whose trades are all feasible together, and no better
 * than merit order without lines, which gives 0.74 for up and 0.46 for down. */
static void lfm15_auction_beats_continuous_matching(void **state)
{
    (void)state;
    need_folder();
    struct fg_network *network;
    struct fg_market *market;
    struct fg_error err;
    struct fg_reference_result without_grid, with_grid;
    assert_ok(fg_import_lfm15(FOLDER, &network, &market, &err));
    assert_int_equal(market->order_count, 59 + 6);
    assert_ok(fg_reference_lindistflow(network, market, 0, false, NULL, &without_grid, &err));
    assert_ok(fg_reference_lindistflow(network, market, 0, true, NULL, &with_grid, &err));
    print_message("welfare %.4f without lines, %.4f with lines (%d bind), 0.77 continuous\n", without_grid.welfare,
                  with_grid.welfare, with_grid.binding_lines);
    assert_near(without_grid.welfare, 0.74 + 0.46, 1e-9);
    assert_true(with_grid.welfare >= 0.77 - 1e-6);
    assert_true(with_grid.welfare <= without_grid.welfare + 1e-9);
    fg_network_destroy(network);
    fg_market_destroy(market);
}

/* Load of the base day at hour h is factor(h) times the nominal load; S at full factor is in TB 575 (15.3 MVA at buses
 * 1 and 12, 0.285 MVA residential at bus 3). */
static void cyprus_has_its_loads_and_offers(void **state)
{
    (void)state;
    need_folder();
    struct fg_network *network;
    struct fg_market *market, *again;
    struct fg_error err;
    assert_ok(fg_import_cyprus(FOLDER, false, true, &network, &market, &err));
    assert_int_equal(network->bus_count, 29);
    assert_int_equal(network->branch_count, 15 + 2 + 14);
    assert_int_equal(market->order_count, 336);
    assert_int_equal(market->baseline_count, 21);
    assert_int_equal(market->import_price[0].uper_mwh, 240000000);
    for (size_t i = 0; i < market->baseline_count; i++) {
        const struct fg_baseline *row = &market->baselines[i];
        if (strcmp(row->id, "load_8") == 0)
            assert_near(hypot(fg_mw(row->p[0]), fg_mw(row->q[0])) / 0.792, 15.3, 1e-5);
        if (strcmp(row->id, "load_18") == 0)
            assert_near(hypot(fg_mw(row->p[0]), fg_mw(row->q[0])) / 0.792, 0.285, 1e-5);
    }
    /* The own format carries it. */
    struct fg_text text;
    fg_text_init(&text);
    assert_ok(fg_market_write_json(market, &text, &err));
    assert_ok(fg_market_read_json_text(text.data, text.length, "cyprus", NULL, &again, &err));
    assert_int_equal(again->order_count, 336);
    fg_market_destroy(again);
    fg_text_release(&text);
    fg_network_destroy(network);
    fg_market_destroy(market);
}

static void set_loads(const struct fg_market *market, struct fg_network *network, int32_t period)
{
    for (size_t i = 0; i < market->baseline_count; i++)
        for (size_t k = 0; k < network->injection_count; k++)
            if (strcmp(network->injections[k].id, market->baselines[i].id) == 0) {
                network->injections[k].p_mw = fg_mw(market->baselines[i].p[period]);
                network->injections[k].q_mvar = fg_mw(market->baselines[i].q[period]);
            }
}

/* Power flow of both days against pandapower 3.5.6 (create_cigre_network_mv with the secondary substations and loads
 * of the data set, trafo_model "pi", tolerance 1e-9 MVA): lowest voltage, import. The stress day is the harder one. */
static const struct {
    bool stress;
    int32_t hour;
    double vm_min_pu, import_mw, import_mvar;
} cyprus_states[] = {
    {false, 0, 0.923108, 35.714210, 12.038321},  {false, 12, 0.944433, 29.735601, 9.440260},
    {false, 19, 0.888221, 44.718931, 16.403743}, {true, 0, 0.923045, 35.736024, 12.050767},
    {true, 18, 0.874937, 44.221735, 16.303957},  {true, 19, 0.870515, 45.376961, 16.954857},
};

static void cyprus_power_flow_matches_pandapower(void **state)
{
    (void)state;
    need_folder();
    for (size_t i = 0; i < sizeof cyprus_states / sizeof *cyprus_states; i++) {
        struct fg_network *network;
        struct fg_market *market;
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        struct fg_error err;
        assert_ok(fg_import_cyprus(FOLDER, cyprus_states[i].stress, false, &network, &market, &err));
        set_loads(market, network, cyprus_states[i].hour);
        assert_ok(fg_powerflow_create(network, NULL, &powerflow, &err));
        assert_ok(fg_powerflow_result_create(network, &result, &err));
        assert_ok(fg_powerflow_solve(powerflow, result, &err));
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->vm_min_pu, cyprus_states[i].vm_min_pu, 2e-6);
        assert_near(result->generator_p_mw[0], cyprus_states[i].import_mw, 2e-5);
        assert_near(result->generator_q_mvar[0], cyprus_states[i].import_mvar, 2e-5);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
        fg_network_destroy(network);
        fg_market_destroy(market);
    }
}

static void missing_folder_is_an_error(void **state)
{
    (void)state;
    struct fg_network *network;
    struct fg_market *market;
    struct fg_error err;
    assert_int_equal(fg_import_dtu15("/nonexistent", 1, &network, &market, &err), FG_ERR_IO);
    assert_true(network == NULL && market == NULL);
    assert_int_equal(fg_import_cyprus("/nonexistent", true, true, &network, &market, &err), FG_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtu15_has_the_published_welfare),         cmocka_unit_test(dtu15_with_tight_lines_differs),
        cmocka_unit_test(lfm15_auction_beats_continuous_matching), cmocka_unit_test(cyprus_has_its_loads_and_offers),
        cmocka_unit_test(cyprus_power_flow_matches_pandapower),    cmocka_unit_test(missing_folder_is_an_error),
    };
    return cmocka_run_group_tests_name("published markets", tests, NULL, NULL);
}
