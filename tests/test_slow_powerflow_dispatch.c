/* The optimal dispatch of published cases, fed back from a flat start: the power flow must find the state that the
 * optimisation found. They share the flow functions only; the state is also checked by code that shares nothing with
 * either. The cases are those where a plain iteration fails or ends elsewhere: phase shifters in loops, negative
 * reactances, ten thousand buses. */
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/opf_network.h"
#include "grid/powerflow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "near.h"

#define CASES FG_SHARED_DIR "/data/cases/pglib/pglib_opf_case"

static void dispatch(struct fg_network *network, const struct fg_opf_network_result *optimum)
{
    for (size_t g = 0; g < network->generator_count; g++) {
        struct fg_generator *generator = &network->generators[g];
        if (!generator->in_service)
            continue;
        generator->p_mw = optimum->pg_mw[g];
        generator->q_mvar = optimum->qg_mvar[g];
        generator->vm_set_pu = optimum->vm_pu[generator->bus];
        if (generator->kind == FG_GENERATOR_SOURCE)
            generator->va_set_rad = optimum->va_rad[generator->bus];
    }
}

static void test_optimal_dispatch(void **state)
{
    (void)state;
    static const char *const names[] = {"1888_rte", "1951_rte", "2848_rte", "2868_rte", "2742_goc", "10000_goc"};
    if (access(CASES "1888_rte.m", R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", FG_SHARED_DIR);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        struct fg_network *network;
        struct fg_error err;
        struct fg_opf_network_result optimum;
        struct fg_opf_network_options options = fg_opf_network_defaults();
        options.relaxation = false;
        snprintf(path, sizeof path, CASES "%s.m", names[i]);
        assert_int_equal(fg_matpower_read(path, &network, &err), FG_OK);
        assert_int_equal(fg_opf_network_solve(network, &options, &optimum, &err), FG_OK);
        assert_int_equal(optimum.status, FG_OPF_OPTIMAL);
        dispatch(network, &optimum);
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        assert_int_equal(fg_powerflow_create(network, NULL, &powerflow, &err), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, &err), FG_OK);
        assert_int_equal(fg_powerflow_solve(powerflow, result, &err), FG_OK);
        print_message("%s: %s, %d iterations in %d attempts\n", names[i], fg_powerflow_status_name(result->status),
                      result->iterations, result->attempts);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_string_equal(result->explanation, "");
        for (size_t b = 0; b < network->bus_count; b++) {
            assert_near(result->vm_pu[b], optimum.vm_pu[b], 1e-6);
            assert_near(remainder(result->va_rad[b] - optimum.va_rad[b], 6.28318530717958647692), 0, 1e-6);
        }
        struct fg_check_state found = {.vm_pu = result->vm_pu,
                                       .va_rad = result->va_rad,
                                       .generator_p_mw = result->generator_p_mw,
                                       .generator_q_mvar = result->generator_q_mvar};
        struct fg_check_report report;
        assert_int_equal(fg_check_run(network, &found, INFINITY, &report, &err), FG_OK);
        assert_true(report.worst[FG_CHECK_P_BALANCE].size < 1e-7);
        assert_true(report.worst[FG_CHECK_Q_BALANCE].size < 1e-7);
        fg_check_report_release(&report);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
        fg_opf_network_result_release(&optimum);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_optimal_dispatch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
