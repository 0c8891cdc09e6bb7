/* Plain optimal power flow against published and independently computed results: objectives and nodal prices (MATPOWER's
 * interior point solver at 1e-8), the objectives of PGLib-OPF, and cases known to be infeasible with their reason. */
#include "base/csv.h"
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/opf_network.h"
#include "grid/powerflow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "near.h"

static const char *shared(void)
{
    const char *folder = getenv("FG_SHARED_DIR");
    if (folder == NULL)
        folder = FG_SHARED_DIR;
    if (access(folder, R_OK) != 0) {
        printf("skipped: folder absent (%s)\n", folder);
        skip();
    }
    return folder;
}

static struct fg_network *read_case(const char *folder, const char *name)
{
    char path[4096];
    struct fg_network *network;
    struct fg_error err;
    snprintf(path, sizeof path, "%s/data/cases/%s/%s.m", shared(), folder, name);
    if (fg_matpower_read(path, &network, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return network;
}

static struct fg_opf_network_result solve(const struct fg_network *network, bool relaxation)
{
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct fg_opf_network_result result;
    struct fg_error err;
    options.relaxation = relaxation;
    if (fg_opf_network_solve(network, &options, &result, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return result;
}

static double violation(const struct fg_network *network, const struct fg_opf_network_result *result)
{
    struct fg_check_state state = {.vm_pu = result->vm_pu,
                                   .va_rad = result->va_rad,
                                   .generator_p_mw = result->pg_mw,
                                   .generator_q_mvar = result->qg_mvar};
    struct fg_check_report report;
    struct fg_error err;
    assert_int_equal(fg_check_run(network, &state, 1e-6, &report, &err), FG_OK);
    double worst = report.max_violation;
    fg_check_report_release(&report);
    return worst;
}

/* -- objectives and prices ---------------------------------------------------------------------------------------- */

struct priced {
    const char *name;
    double objective;
    double p_max, p_min, q_max, q_min; /* per MWh, Mvarh; NAN: not given */
    const char *p_max_bus, *p_min_bus;
};
static const struct priced priced_cases[] = {
    {"case33bw", 78.35354253, 22.943929, 20, 2.048026, 0, "18", NULL},
    {"case69", 80.54183388, 23.402689, 20, 2.339132, 0, "65", NULL},
    {"case118", 129660.694, 41.247691, 36.535227, 0.444640, -0.215051, "41", "89"},
    {"case300", 719725.107, NAN, NAN, NAN, NAN, NULL, NULL},
};

static size_t extreme(const double *price, size_t count, double sign)
{
    size_t at = 0;
    for (size_t k = 1; k < count; k++)
        if (sign * price[k] > sign * price[at])
            at = k;
    return at;
}

static void objectives_and_prices_to_four_digits(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof priced_cases / sizeof *priced_cases; k++) {
        const struct priced *expected = &priced_cases[k];
        struct fg_network *network = read_case("matpower", expected->name);
        struct fg_opf_network_result result = solve(network, false);
        size_t n = network->bus_count;
        assert_int_equal(result.status, FG_OPF_OPTIMAL);
        assert_near(result.objective, expected->objective, 5e-5 * expected->objective);
        assert_true(violation(network, &result) <= 1e-6);
        if (!isnan(expected->p_max)) {
            size_t p_max = extreme(result.price_p, n, 1), p_min = extreme(result.price_p, n, -1);
            assert_near(result.price_p[p_max], expected->p_max, 5e-5 * expected->p_max);
            assert_near(result.price_p[p_min], expected->p_min, 5e-5 * expected->p_min);
            assert_near(result.price_q[extreme(result.price_q, n, 1)], expected->q_max, 5e-5 * expected->q_max + 5e-5);
            assert_near(result.price_q[extreme(result.price_q, n, -1)], expected->q_min,
                        5e-5 * fabs(expected->q_min) + 5e-5);
            assert_string_equal(network->buses[p_max].id, expected->p_max_bus);
            if (expected->p_min_bus != NULL)
                assert_string_equal(network->buses[p_min].id, expected->p_min_bus);
        }
        fg_opf_network_result_release(&result);
        fg_network_destroy(network);
    }
}

/* Nodal prices of case33bw are the change of the cost of the problem solved again with more or less load. */
static void prices_of_case33bw_are_finite_differences(void **state)
{
    (void)state;
    struct fg_network *network = read_case("matpower", "case33bw");
    struct fg_opf_network_options options = fg_opf_network_defaults();
    options.relaxation = false;
    options.solver.tolerance = 1e-10;
    struct fg_opf_network_result base, moved;
    struct fg_error err;
    assert_int_equal(fg_opf_network_solve(network, &options, &base, &err), FG_OK);
    const double step = 1e-3; /* MW, Mvar */
    for (size_t k = 0; k < network->injection_count; k++) {
        struct fg_injection *load = &network->injections[k];
        for (int reactive = 0; reactive < 2; reactive++) {
            double *value = reactive ? &load->q_mvar : &load->p_mw, kept = *value, cost[2];
            for (int side = 0; side < 2; side++) {
                *value = side == 0 ? kept - step : kept + step; /* injection: minus is more load */
                assert_int_equal(fg_opf_network_solve(network, &options, &moved, &err), FG_OK);
                assert_int_equal(moved.status, FG_OPF_OPTIMAL);
                cost[side] = moved.objective;
                fg_opf_network_result_release(&moved);
            }
            *value = kept;
            double price = reactive ? base.price_q[load->bus] : base.price_p[load->bus];
            assert_near(price, (cost[0] - cost[1]) / (2 * step), 2e-4);
        }
    }
    fg_opf_network_result_release(&base);
    fg_network_destroy(network);
}

/* The smaller cases of PGLib-OPF; `make bench` measures all of them. */
static void pglib_objectives_bounds_and_feasibility(void **state)
{
    (void)state;
    char path[4096];
    struct fg_csv table;
    struct fg_error err;
    snprintf(path, sizeof path, "%s/ref/pglib_baseline.csv", shared());
    assert_int_equal(fg_csv_read(&table, path, &err), FG_OK);
    size_t solved = 0;
    for (size_t row = 0; row < table.row_count; row++) {
        double buses, objective, gap;
        assert_int_equal(fg_csv_number(&table, row, 1, &buses, &err), FG_OK);
        assert_int_equal(fg_csv_number(&table, row, 4, &objective, &err), FG_OK);
        assert_int_equal(fg_csv_number(&table, row, 5, &gap, &err), FG_OK);
        if (buses > 300)
            continue;
        const char *name = fg_csv_field(&table, row, 0);
        struct fg_network *network = read_case("pglib", name);
        struct fg_opf_network_result result = solve(network, true);
        if (result.status != FG_OPF_OPTIMAL)
            fail_msg("%s: %s", name, fg_opf_status_text(result.status));
        assert_true(result.objective <= objective * (1 + 1e-4));
        assert_true(violation(network, &result) <= 1e-6);
        assert_true(result.has_bound);
        assert_true(result.soc_bound <= result.objective * (1 + 1e-6));
        assert_true(result.soc_gap <= gap / 100 + 0.001);
        assert_near(result.soc_gap, (result.objective - result.soc_bound) / result.objective, 1e-9);
        fg_opf_network_result_release(&result);
        fg_network_destroy(network);
        solved++;
    }
    assert_int_equal(solved, 18);
    fg_csv_release(&table);
}

/* -- infeasible cases ---------------------------------------------------------------------------------------------- */

/* Kinds of limits, as the causes are known: lifting the substation's voltage above its set value and accepting low
 * voltages at the far end are two ways of breaking the same band, and least violation chooses. */
enum cause { CAUSE_VOLTAGE = 1, CAUSE_RATING = 2, CAUSE_P_MIN = 4, CAUSE_P_MAX = 8, CAUSE_Q_MIN = 16, CAUSE_Q_MAX = 32 };
static unsigned cause_of(enum fg_opf_limit limit)
{
    switch (limit) {
    case FG_OPF_LIMIT_VM_MIN:
    case FG_OPF_LIMIT_VM_MAX: return CAUSE_VOLTAGE;
    case FG_OPF_LIMIT_RATING: return CAUSE_RATING;
    case FG_OPF_LIMIT_P_MIN: return CAUSE_P_MIN;
    case FG_OPF_LIMIT_P_MAX: return CAUSE_P_MAX;
    case FG_OPF_LIMIT_Q_MIN: return CAUSE_Q_MIN;
    case FG_OPF_LIMIT_Q_MAX: return CAUSE_Q_MAX;
    }
    return 0;
}

struct expected_break {
    const char *name;
    unsigned causes;
};
static const struct expected_break infeasible_cases[] = {
    {"case85", CAUSE_VOLTAGE},
    {"case118zh", CAUSE_VOLTAGE | CAUSE_P_MAX | CAUSE_Q_MAX},
    {"case136ma", CAUSE_P_MAX},
    {"case1197", CAUSE_P_MIN},
};

static void infeasible_cases_name_the_limits_that_cannot_be_met(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof infeasible_cases / sizeof *infeasible_cases; k++) {
        const struct expected_break *expected = &infeasible_cases[k];
        struct fg_network *network = read_case("matpower", expected->name);
        struct fg_opf_network_result result = solve(network, true);
        if (result.status != FG_OPF_LOCALLY_INFEASIBLE && result.status != FG_OPF_INFEASIBLE_PROVED)
            fail_msg("%s: %s", expected->name, fg_opf_status_text(result.status));
        unsigned causes = 0;
        for (size_t b = 0; b < result.broken_count; b++) {
            const struct fg_opf_broken *broken = &result.broken[b];
            causes |= cause_of(broken->limit);
            assert_true(broken->excess > 0);
            assert_near(broken->excess, fabs(broken->value - broken->bound), 1e-12);
            if (broken->limit == FG_OPF_LIMIT_P_MAX && strcmp(expected->name, "case136ma") == 0)
                assert_true(broken->bound == 10 && broken->value > 18.3); /* the load and what is lost */
            if (broken->limit == FG_OPF_LIMIT_P_MIN) /* 10 MW against a load of 1.75 MW */
                assert_true(broken->bound == 10 && broken->value < 10 && broken->value > 1.7);
        }
        if (causes != expected->causes)
            fail_msg("%s: causes %x, expected %x", expected->name, causes, expected->causes);
        fg_opf_network_result_release(&result);
        fg_network_destroy(network);
    }
}

/* The least-violation state of case85 is physical, breaks the band by what it says, and in sum no more than the plain
 * power flow with the substation at 1 p.u., whose lowest voltage is 0.874 against 0.90. */
static void least_violation_of_case85_is_physical_and_least(void **state)
{
    (void)state;
    struct fg_error err;
    struct fg_network *network = read_case("matpower", "case85");
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *flow;
    assert_int_equal(fg_powerflow_create(network, NULL, &powerflow, &err), FG_OK);
    assert_int_equal(fg_powerflow_result_create(network, &flow, &err), FG_OK);
    assert_int_equal(fg_powerflow_solve(powerflow, flow, &err), FG_OK);
    assert_near(flow->vm_min_pu, 0.874, 5e-4);
    double alternative = 0, least = 0;
    for (size_t i = 0; i < network->bus_count; i++)
        alternative += fmax(0, network->buses[i].vm_min_pu - flow->vm_pu[i]);

    struct fg_opf_network_result result = solve(network, false);
    double largest = 0;
    for (size_t b = 0; b < result.broken_count; b++) {
        least += result.broken[b].excess;
        largest = fmax(largest, result.broken[b].excess);
    }
    assert_true(least > 0.01 && least <= alternative);
    assert_near(violation(network, &result), largest, 1e-6); /* balances hold, and the band is broken by so much */
    fg_opf_network_result_release(&result);
    fg_powerflow_result_destroy(flow);
    fg_powerflow_destroy(powerflow);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objectives_and_prices_to_four_digits),
        cmocka_unit_test(prices_of_case33bw_are_finite_differences),
        cmocka_unit_test(pglib_objectives_bounds_and_feasibility),
        cmocka_unit_test(infeasible_cases_name_the_limits_that_cannot_be_met),
        cmocka_unit_test(least_violation_of_case85_is_physical_and_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
