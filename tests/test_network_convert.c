/* A network written as a MATPOWER case has the power flow of the network it came from: what was converted (switches,
 * branch shunts, open ends, star points) is electrically the same. */
#include "base/text.h"
#include "grid/matpower.h"
#include "grid/network_read.h"
#include "grid/powerflow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES FG_SHARED_DIR "/data/cases"

static struct fg_powerflow_result *solve(const struct fg_network *network)
{
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.tolerance_pu = 1e-11;
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    struct fg_error err = {0};
    if (fg_powerflow_create(network, &options, &powerflow, &err) != FG_OK ||
        fg_powerflow_result_create(network, &result, &err) != FG_OK ||
        fg_powerflow_solve(powerflow, result, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    if (result->status != FG_POWERFLOW_CONVERGED)
        fail_msg("%s", result->explanation);
    fg_powerflow_destroy(powerflow);
    return result;
}

static void expect_same_power_flow(const char *path, double tolerance)
{
    struct fg_network *n, *m;
    struct fg_error err = {0};
    struct fg_text text;
    fg_text_init(&text);
    if (fg_network_read(path, NULL, &n, &err) != FG_OK || fg_matpower_format(n, &text, &err) != FG_OK ||
        fg_matpower_parse(text.data, text.length, "written", &m, &err) != FG_OK)
        fail_msg("%s: %s: %s", path, err.place, err.text);
    struct fg_powerflow_result *a = solve(n), *b = solve(m);
    size_t compared = 0;
    bool by_name = false; /* ids that are not whole numbers stand in bus_name */
    for (size_t i = 0; i < n->bus_count; i++)
        by_name = by_name || n->buses[i].id[0] == '0' || strspn(n->buses[i].id, "0123456789") != strlen(n->buses[i].id);
    for (size_t i = 0; i < n->bus_count; i++) {
        int32_t k = -1;
        for (size_t j = 0; j < m->bus_count && k < 0; j++)
            if (strcmp(by_name ? m->buses[j].name : m->buses[j].id, n->buses[i].id) == 0)
                k = (int32_t)j;
        if (k < 0)
            continue;
        compared++;
        bool both_dead = isnan(a->vm_pu[i]) && isnan(b->vm_pu[k]);
        if (!both_dead &&
            !(fabs(a->vm_pu[i] - b->vm_pu[k]) <= tolerance && fabs(a->va_rad[i] - b->va_rad[k]) <= tolerance))
            fail_msg("%s: bus %s: %.12g at %.12g rad, written %.12g at %.12g rad", path, n->buses[i].id, a->vm_pu[i],
                     a->va_rad[i], b->vm_pu[k], b->va_rad[k]);
    }
    assert_true(compared >= m->bus_count); /* every bus of the case has its original */
    fg_powerflow_result_destroy(a);
    fg_powerflow_result_destroy(b);
    fg_network_destroy(n);
    fg_network_destroy(m);
    fg_text_release(&text);
}

static void written_cases_have_the_same_power_flow(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/pandapower/mv_oberrhein.json",
        "/pandapower/mv_oberrhein_substations.json",
        "/pandapower/lv_schutterwald.json",
        "/pandapower/iceland.json",
        "/pandapower/case300.json",
        "/pandapower/GBreducednetwork.json",
        "/power-grid-model/power_flow/1os2msr/input.json",
        "/matpower/case_RTS_GMLC.m",
        "/matpower/case300.m",
    };
    if (access(CASES, R_OK) != 0) {
        print_message("skipped: folder absent: %s\n", CASES);
        skip();
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s%s", CASES, paths[i]);
        expect_same_power_flow(path, 1e-8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_cases_have_the_same_power_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
