/* Feasibility check: hand-computed states, and agreement with the power flow on every published case. */
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/powerflow.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"

/* Source b0 - line x = 0.1 p.u. - b1 == switch == b2, base 10 MVA. At V1 = 1 with angle -d and V0 = 1:
 * P = sin d / 0.1, Q from each end = (1 - cos d) / 0.1. */
static struct fg_network *two_bus(double d)
{
    struct fg_network *network = fg_network_create();
    network->base_mva = 10;
    fg_network_add_bus(network, "b0", 20);
    fg_network_add_bus(network, "b1", 20);
    fg_network_add_bus(network, "b2", 20);
    fg_network_add_branch(network, "line", 0, 1)->x_pu = 0.1;
    fg_network_add_switch(network, "sw", 1, 2, true);
    struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    source->p_mw = 10 * sin(d) / 0.1;
    source->q_mvar = 10 * (1 - cos(d)) / 0.1;
    fg_network_add_injection(network, "load", FG_INJECTION_LOAD, 2, -source->p_mw, source->q_mvar);
    return network;
}

static void run(const struct fg_network *network, const struct fg_check_state *state, struct fg_check_report *report)
{
    assert_int_equal(fg_check_run(network, state, 1e-9, report, NULL), FG_OK);
}

static void test_hand(void **unused)
{
    (void)unused;
    const double d = 0.2, vm[] = {1, 1, 1}, va[] = {0, -d, -d};
    struct fg_network *network = two_bus(d);
    struct fg_check_state state = {.vm_pu = vm, .va_rad = va};
    struct fg_check_report report;
    char text[200];

    run(network, &state, &report);
    assert_true(report.max_violation < 1e-14);
    assert_int_equal(report.item_count, 0);
    fg_check_report_release(&report);

    /* Each limit broken by a known size. */
    network->buses[1].vm_min_pu = 1.02;
    network->branches[0].rate_normal_mva = 15; /* |S| = 10 |1 - exp(jd)| / 0.1 = 200 sin(d/2) */
    network->branches[0].angle_max_rad = 0.15;
    network->generators[0].p_max_mw = network->generators[0].p_mw - 1;
    network->generators[0].q_min_mvar = network->generators[0].q_mvar + 2;
    network->injections[0].p_mw += 0.5;
    network->injections[0].q_mvar -= 0.25;
    run(network, &state, &report);
    assert_near(report.worst[FG_CHECK_VOLTAGE].size, 0.02, 1e-12);
    assert_int_equal(report.worst[FG_CHECK_VOLTAGE].element, 1);
    assert_near(report.worst[FG_CHECK_BRANCH].size, (200 * sin(d / 2) - 15) / 10, 1e-12);
    assert_near(report.worst[FG_CHECK_BRANCH].value, 200 * sin(d / 2), 1e-11);
    assert_near(report.worst[FG_CHECK_ANGLE].size, 0.05, 1e-12);
    assert_near(report.worst[FG_CHECK_GENERATOR_P].size, 0.1, 1e-12);
    assert_near(report.worst[FG_CHECK_GENERATOR_Q].size, 0.2, 1e-12);
    assert_near(report.worst[FG_CHECK_P_BALANCE].size, 0.05, 1e-12);
    assert_near(report.worst[FG_CHECK_P_BALANCE].value, -0.5, 1e-11);
    assert_near(report.worst[FG_CHECK_Q_BALANCE].size, 0.025, 1e-12);
    assert_int_equal(report.worst[FG_CHECK_P_BALANCE].element, 1); /* the switch merges b2 into b1 */
    assert_int_equal(report.worst[FG_CHECK_SWITCH].element, -1);
    assert_int_equal(report.item_count, 7);
    assert_int_equal(report.max_kind, FG_CHECK_BRANCH);
    assert_near(report.max_violation, report.worst[FG_CHECK_BRANCH].size, 0);
    fg_check_item_text(network, &report.worst[FG_CHECK_VOLTAGE], text, sizeof text);
    assert_string_equal(text, "bus b1: voltage 1 p.u., limit 1.02 p.u.");
    fg_check_report_release(&report);
    fg_network_destroy(network);
}

static void test_overrides(void **unused)
{
    (void)unused;
    const double d = 0.1, vm[] = {1, 1, 1}, va[] = {0, -d, -d};
    struct fg_network *network = two_bus(d);
    double generator_p = network->generators[0].p_mw, injection_p = network->injections[0].p_mw;
    network->generators[0].p_mw = network->injections[0].p_mw = 0;
    double bus_p[] = {0, 0.4 * injection_p, 0}, own = 0.6 * injection_p;
    struct fg_check_state state = {
        .vm_pu = vm, .va_rad = va, .generator_p_mw = &generator_p, .injection_p_mw = &own, .bus_p_mw = bus_p};
    struct fg_check_report report;
    run(network, &state, &report);
    assert_true(report.max_violation < 1e-14);
    fg_check_report_release(&report);
    fg_network_destroy(network);
}

static void test_missing_voltages(void **unused)
{
    (void)unused;
    struct fg_network *network = two_bus(0.1);
    const double nothing[] = {NAN, NAN, NAN}, part[] = {1, NAN, NAN}, split[] = {1, 1, 0.99}, va[] = {0, 0, 0};
    struct fg_check_state state = {.vm_pu = nothing, .va_rad = va};
    struct fg_check_report report;
    run(network, &state, &report);
    assert_true(isinf(report.max_violation)); /* a source without voltage */
    fg_check_report_release(&report);
    state.vm_pu = part;
    run(network, &state, &report);
    assert_true(isinf(report.worst[FG_CHECK_P_BALANCE].size)); /* the line ends nowhere */
    fg_check_report_release(&report);
    state.vm_pu = split;
    run(network, &state, &report);
    assert_near(report.worst[FG_CHECK_SWITCH].size, 0.01, 1e-12);
    fg_check_report_release(&report);
    fg_network_destroy(network);
}

/* A cable (b = 0.04 at each end, z = j0.1) open at its to end draws, per unit, the current of
 * j0.04 + j0.04 / (1 - 0.1 * 0.04) = j0.0801606...: it feeds 0.08016 p.u. into the bus. */
static void test_open_end(void **unused)
{
    (void)unused;
    struct fg_network *network = fg_network_create();
    network->base_mva = 10;
    fg_network_add_bus(network, "b0", 20);
    fg_network_add_bus(network, "b1", 20)->in_service = false;
    struct fg_branch *cable = fg_network_add_branch(network, "cable", 0, 1);
    cable->x_pu = 0.1;
    cable->b_from_pu = cable->b_to_pu = 0.04;
    cable->to_closed = false;
    struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    source->q_mvar = -10 * (0.04 + 0.04 / (1 - 0.1 * 0.04));
    const double vm[] = {1, NAN}, va[] = {0, NAN};
    struct fg_check_state state = {.vm_pu = vm, .va_rad = va};
    struct fg_check_report report;
    run(network, &state, &report);
    assert_true(report.max_violation < 1e-14);
    fg_check_report_release(&report);
    fg_network_destroy(network);
}

static void test_capability(void **unused)
{
    (void)unused;
    struct fg_network *network = two_bus(0.1);
    const double vm[] = {1, 1, 1}, va[] = {0, -0.1, -0.1};
    struct fg_generator *generator = &network->generators[0];
    struct fg_check_state state = {.vm_pu = vm, .va_rad = va};
    struct fg_check_report report;
    double half = generator->p_mw / 2; /* line from (half, 4) to (2 half, 0.1): at p = 2 half the limit is 0.1 */
    generator->pc1_mw = half, generator->pc2_mw = 2 * half;
    generator->qc1_max_mvar = 4, generator->qc2_max_mvar = 0.1;
    generator->qc1_min_mvar = generator->qc2_min_mvar = -4;
    run(network, &state, &report);
    assert_near(report.worst[FG_CHECK_GENERATOR_Q].size, (generator->q_mvar - 0.1) / 10, 1e-12);
    fg_check_report_release(&report);
    generator->pc1_mw = generator->pc2_mw = 0;
    generator->s_max_mva = 9;
    run(network, &state, &report);
    assert_near(report.worst[FG_CHECK_GENERATOR_Q].size, (hypot(generator->p_mw, generator->q_mvar) - 9) / 10, 1e-12);
    fg_check_report_release(&report);
    fg_network_destroy(network);
}

/* A converged power flow balances every bus of the original network. */
static void test_powerflow_cases(void **unused)
{
    (void)unused;
    const char *folder = FG_SHARED_DIR "/data/cases/matpower";
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        print_message("skipped: %s is absent\n", folder);
        skip();
    }
    int checked = 0, found = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[600];
        struct fg_network *network;
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        snprintf(path, sizeof path, "%s/%.200s", folder, entry->d_name);
        if (!strstr(entry->d_name, ".m") || fg_matpower_read(path, &network, NULL) != FG_OK)
            continue;
        found++;
        assert_int_equal(fg_powerflow_create(network, NULL, &powerflow, NULL), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
        assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
        if (result->status == FG_POWERFLOW_CONVERGED) {
            struct fg_check_state state = {.vm_pu = result->vm_pu,
                                           .va_rad = result->va_rad,
                                           .generator_p_mw = result->generator_p_mw,
                                           .generator_q_mvar = result->generator_q_mvar};
            struct fg_check_report report;
            assert_int_equal(fg_check_run(network, &state, INFINITY, &report, NULL), FG_OK);
            /* The tolerance, and the rounding of voltages that a branch of nearly no impedance (case16am) multiplies.
             */
            double stiffest = 0;
            for (size_t i = 0; i < network->branch_count; i++)
                stiffest = fmax(stiffest, 1 / hypot(network->branches[i].r_pu, network->branches[i].x_pu));
            double bound = 1.01e-8 + 4 * DBL_EPSILON * stiffest;
            if (report.worst[FG_CHECK_P_BALANCE].size > bound || report.worst[FG_CHECK_Q_BALANCE].size > bound)
                fail_msg("%s: balance %g, %g", entry->d_name, report.worst[FG_CHECK_P_BALANCE].size,
                         report.worst[FG_CHECK_Q_BALANCE].size);
            fg_check_report_release(&report);
            checked++;
        } else {
            print_message("%s: %s: %s\n", entry->d_name, fg_powerflow_status_name(result->status), result->explanation);
        }
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
        fg_network_destroy(network);
    }
    closedir(directory);
    print_message("%d cases checked\n", checked);
    assert_int_equal(checked, found); /* every published case converges from a flat start */
}

static void test_memory(void **unused)
{
    (void)unused;
    struct fg_network *network = two_bus(0.1);
    const double vm[] = {0.5, 1, 2}, va[] = {0, 0, 0};
    struct fg_check_state state = {.vm_pu = vm, .va_rad = va};
    struct fg_check_report report;
    enum fg_code code = FG_ERR_MEMORY;
    for (long n = 1; code != FG_OK; n++) {
        fg_alloc_fail_after(n);
        code = fg_check_run(network, &state, 0, &report, NULL);
        fg_alloc_fail_after(0);
        fg_check_report_release(&report);
    }
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand),     cmocka_unit_test(test_overrides),  cmocka_unit_test(test_missing_voltages),
        cmocka_unit_test(test_open_end), cmocka_unit_test(test_capability), cmocka_unit_test(test_powerflow_cases),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
