/* Properties that hold for every network, on random feeders and meshes (seeds are printed with a failure) and on the
 * published cases. */
#include "base/random.h"
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/powerflow.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cmocka.h>

#include "near.h"

enum { FEEDERS = 60 };

/* A random tree of 2 to 80 buses, sometimes in two islands, with lines, cables, transformers (either orientation, with
 * ratio and shift), open ends, switches, shunts, all kinds of loads and storages. */
static struct fg_network *random_feeder(uint64_t seed)
{
    struct fg_random random;
    fg_random_init(&random, seed);
    struct fg_network *network = fg_network_create();
    network->base_mva = fg_random_between(&random, 0.5, 20);
    int buses = 2 + (int)fg_random_below(&random, 79);
    bool has_second_island = fg_random_below(&random, 4) == 0;
    double load = 0.4 / buses; /* p.u. per bus */
    char id[32];
    for (int i = 0; i < buses; i++) {
        snprintf(id, sizeof id, "%d", i);
        fg_network_add_bus(network, id, 10);
        bool is_root = i == 0 || (has_second_island && i == buses / 2);
        if (is_root) {
            struct fg_generator *source = fg_network_add_generator(network, id, FG_GENERATOR_SOURCE, i);
            source->vm_set_pu = fg_random_between(&random, 0.98, 1.05);
            source->va_set_rad = fg_random_between(&random, -1, 1);
            continue;
        }
        int lowest = has_second_island && i > buses / 2 ? buses / 2 : 0;
        int parent = lowest + (int)fg_random_below(&random, (uint64_t)(i - lowest));
        if (fg_random_below(&random, 8) == 0) {
            fg_network_add_switch(network, id, i, parent, true);
        } else {
            bool turned = fg_random_below(&random, 2) == 0;
            struct fg_branch *branch = fg_network_add_branch(network, id, turned ? i : parent, turned ? parent : i);
            branch->r_pu = fg_random_between(&random, 0.001, 0.03);
            branch->x_pu = fg_random_between(&random, 0.001, 0.05);
            branch->b_from_pu = fg_random_between(&random, 0, 0.02);
            branch->b_to_pu = fg_random_between(&random, 0, 0.02);
            if (fg_random_below(&random, 6) == 0) {
                branch->ratio = fg_random_between(&random, 0.97, 1.03);
                branch->shift_rad = fg_random_between(&random, -3, 3);
                branch->g_from_pu = fg_random_between(&random, 0, 0.001);
            }
        }
        struct fg_injection *item = fg_network_add_injection(
            network, id, FG_INJECTION_LOAD, i, -network->base_mva * load * fg_random_between(&random, -0.5, 2),
            -network->base_mva * load * fg_random_between(&random, -0.5, 1));
        if (fg_random_below(&random, 3) == 0) {
            item->p_current_share = fg_random_between(&random, 0, 0.5);
            item->p_impedance_share = fg_random_between(&random, 0, 0.5);
            item->q_current_share = fg_random_between(&random, 0, 0.5);
            item->q_impedance_share = fg_random_between(&random, 0, 0.5);
        }
        if (fg_random_below(&random, 10) == 0)
            fg_network_add_shunt(network, id, i, 0, network->base_mva * load * fg_random_unit(&random));
        if (fg_random_below(&random, 10) == 0)
            fg_network_add_storage(network, id, i)->p_mw = network->base_mva * load * fg_random_unit(&random);
        if (fg_random_below(&random, 10) == 0) {
            snprintf(id, sizeof id, "open %d", i);
            struct fg_branch *open = fg_network_add_branch(network, id, i, parent);
            open->r_pu = 0.01, open->x_pu = 0.02, open->b_from_pu = open->b_to_pu = 0.02;
            open->from_closed = fg_random_below(&random, 2) == 0;
            open->to_closed = !open->from_closed;
        }
    }
    return network;
}

static struct fg_powerflow_result *solve(const struct fg_network *network, enum fg_powerflow_method method,
                                         double tolerance_pu, bool enforce_q_limits)
{
    struct fg_powerflow_options options = fg_powerflow_options_default();
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    struct fg_error err = {0};
    options.method = method;
    options.tolerance_pu = tolerance_pu;
    options.enforce_q_limits = enforce_q_limits;
    if (fg_powerflow_create(network, &options, &powerflow, &err) != FG_OK)
        fail_msg("%s: %s: %s", network->name, err.place, err.text);
    assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
    assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
    fg_powerflow_destroy(powerflow);
    return result;
}

static double balance_of(const struct fg_network *network, const struct fg_powerflow_result *result)
{
    struct fg_check_state state = {.vm_pu = result->vm_pu,
                                   .va_rad = result->va_rad,
                                   .generator_p_mw = result->generator_p_mw,
                                   .generator_q_mvar = result->generator_q_mvar};
    struct fg_check_report report;
    assert_int_equal(fg_check_run(network, &state, INFINITY, &report, NULL), FG_OK);
    fg_check_report_release(&report);
    return fmax(report.worst[FG_CHECK_P_BALANCE].size, report.worst[FG_CHECK_Q_BALANCE].size);
}

static double wrapped(double angle)
{
    return remainder(angle, 2 * acos(-1.0));
}

static void test_methods_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= FEEDERS; seed++) {
        struct fg_network *network = random_feeder(seed);
        struct fg_powerflow_result *newton = solve(network, FG_POWERFLOW_NEWTON, 1e-11, false);
        struct fg_powerflow_result *sweep = solve(network, FG_POWERFLOW_SWEEP, 1e-11, false);
        if (newton->status != FG_POWERFLOW_CONVERGED || sweep->status != FG_POWERFLOW_CONVERGED)
            fail_msg("seed %d: %s, %s", (int)seed, newton->explanation, sweep->explanation);
        for (size_t i = 0; i < network->bus_count; i++) {
            if (fabs(newton->vm_pu[i] - sweep->vm_pu[i]) > 1e-9 ||
                fabs(wrapped(newton->va_rad[i] - sweep->va_rad[i])) > 1e-9)
                fail_msg("seed %d, bus %d: %.12g against %.12g p.u.", (int)seed, (int)i, newton->vm_pu[i],
                         sweep->vm_pu[i]);
        }
        for (size_t i = 0; i < network->branch_count; i++)
            assert_near(newton->p_from_mw[i], sweep->p_from_mw[i], 1e-8 * network->base_mva);
        if (balance_of(network, newton) > 1e-10 || balance_of(network, sweep) > 1e-10)
            fail_msg("seed %d: balances %g and %g", (int)seed, balance_of(network, newton), balance_of(network, sweep));
        fg_powerflow_result_destroy(newton);
        fg_powerflow_result_destroy(sweep);
        fg_network_destroy(network);
    }
}

/* What all elements inject together is what branches and shunts take. */
static void test_power_balance(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= FEEDERS; seed++) {
        struct fg_network *network = random_feeder(seed);
        struct fg_powerflow_result *result = solve(network, FG_POWERFLOW_NEWTON, 1e-11, false);
        double p = 0, q = 0, flows = 0;
        for (size_t i = 0; i < network->generator_count; i++) {
            p += result->generator_p_mw[i];
            q += result->generator_q_mvar[i];
        }
        for (size_t i = 0; i < network->storage_count; i++)
            p += network->storages[i].p_mw;
        for (size_t i = 0; i < network->injection_count; i++) {
            const struct fg_injection *item = &network->injections[i];
            double v = result->vm_pu[item->bus];
            p += item->p_mw * (1 + item->p_current_share * (v - 1) + item->p_impedance_share * (v * v - 1));
            q += item->q_mvar * (1 + item->q_current_share * (v - 1) + item->q_impedance_share * (v * v - 1));
        }
        for (size_t i = 0; i < network->branch_count; i++)
            flows += result->p_from_mw[i] + result->p_to_mw[i];
        assert_near(p, result->losses_mw + result->shunt_mw, 1e-8 * network->base_mva);
        assert_near(q, result->losses_mvar + result->shunt_mvar, 1e-8 * network->base_mva);
        assert_near(flows, result->losses_mw, 1e-9 * network->base_mva);
        fg_powerflow_result_destroy(result);
        fg_network_destroy(network);
    }
}

/* The choice of base_mva is one of units: impedances and admittances rescaled, nothing physical changes. */
static void test_base_invariance(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= FEEDERS; seed++) {
        struct fg_network *network = random_feeder(seed), *scaled = random_feeder(seed);
        double factor = 37.5;
        scaled->base_mva *= factor;
        for (size_t i = 0; i < scaled->branch_count; i++) {
            struct fg_branch *branch = &scaled->branches[i];
            branch->r_pu *= factor, branch->x_pu *= factor;
            branch->g_from_pu /= factor, branch->b_from_pu /= factor;
            branch->g_to_pu /= factor, branch->b_to_pu /= factor;
        }
        struct fg_powerflow_result *a = solve(network, FG_POWERFLOW_NEWTON, 1e-11, false);
        struct fg_powerflow_result *b = solve(scaled, FG_POWERFLOW_NEWTON, 1e-11 / factor, false);
        assert_int_equal(b->status, FG_POWERFLOW_CONVERGED);
        for (size_t i = 0; i < network->bus_count; i++)
            assert_near(a->vm_pu[i], b->vm_pu[i], 1e-9);
        assert_near(a->losses_mw, b->losses_mw, 1e-8 * network->base_mva);
        fg_powerflow_result_destroy(a);
        fg_powerflow_result_destroy(b);
        fg_network_destroy(network);
        fg_network_destroy(scaled);
    }
}

/* Scenario i of a batch equals a solve of its own, whatever came before it. */
struct batch {
    const struct fg_network *network;
    const double *p_mw, *q_mvar;
    enum fg_powerflow_method method;
    size_t seen;
};

static enum fg_code compare_scenario(void *context, size_t scenario, const struct fg_powerflow_result *result)
{
    struct batch *batch = context;
    struct fg_powerflow_options options = fg_powerflow_options_default();
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *alone;
    size_t row = scenario * batch->network->injection_count;
    options.tolerance_pu = 1e-11;
    assert_int_equal(batch->seen++, scenario);
    assert_int_equal(fg_powerflow_create(batch->network, &options, &powerflow, NULL), FG_OK);
    assert_int_equal(fg_powerflow_result_create(batch->network, &alone, NULL), FG_OK);
    struct fg_powerflow_input input = {.injection_p_mw = batch->p_mw + row, .injection_q_mvar = batch->q_mvar + row};
    fg_powerflow_set_injections(powerflow, &input);
    assert_int_equal(fg_powerflow_solve(powerflow, alone, NULL), FG_OK);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    for (size_t i = 0; i < batch->network->bus_count; i++)
        assert_near(result->vm_pu[i], alone->vm_pu[i], 1e-9);
    assert_near(result->losses_mw, alone->losses_mw, 1e-8 * batch->network->base_mva);
    fg_powerflow_result_destroy(alone);
    fg_powerflow_destroy(powerflow);
    return scenario == 7 ? FG_ERR_INTERRUPTED : FG_OK;
}

static void test_batch(void **state)
{
    (void)state;
    for (int method = 0; method < 2; method++) {
        struct fg_network *network = random_feeder(5);
        struct fg_random random;
        size_t count = network->injection_count;
        double *p_mw = fg_alloc(10 * count, sizeof *p_mw), *q_mvar = fg_alloc(10 * count, sizeof *q_mvar);
        fg_random_init(&random, 99);
        for (size_t i = 0; i < 10 * count; i++) {
            p_mw[i] = network->injections[i % count].p_mw * fg_random_between(&random, -1, 2);
            q_mvar[i] = network->injections[i % count].q_mvar * fg_random_between(&random, -1, 2);
        }
        struct batch batch = {network, p_mw, q_mvar, (enum fg_powerflow_method)method, 0};
        struct fg_powerflow_options options = fg_powerflow_options_default();
        struct fg_powerflow_input inputs = {.injection_p_mw = p_mw, .injection_q_mvar = q_mvar};
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        options.method = batch.method;
        options.tolerance_pu = 1e-11;
        assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
        assert_int_equal(fg_powerflow_batch(powerflow, 10, &inputs, compare_scenario, &batch, result, NULL),
                         FG_ERR_INTERRUPTED); /* the sink may stop it */
        assert_int_equal(batch.seen, 8);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
        fg_free(p_mw);
        fg_free(q_mvar);
        fg_network_destroy(network);
    }
}

/* With reactive limits, every generator bus is either at its set-point and inside its range, at the upper limit and not
 * above the set-point, or at the lower limit and not below it. */
static size_t check_complementarity(const struct fg_network *network, const struct fg_powerflow_result *result)
{
    size_t at_limit = 0;
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *g = &network->generators[i];
        if (!g->in_service || g->kind == FG_GENERATOR_SOURCE || isnan(g->vm_set_pu) || isnan(result->vm_pu[g->bus]))
            continue;
        double q = result->generator_q_mvar[i], vm = result->vm_pu[g->bus], margin = 1e-6 * network->base_mva;
        bool beside_source = false; /* at a reference's bus limits are reported, not enforced */
        for (size_t k = 0; k < network->generator_count; k++)
            beside_source =
                beside_source || (network->generators[k].kind == FG_GENERATOR_SOURCE &&
                                  network->generators[k].in_service && network->generators[k].bus == g->bus);
        if (beside_source)
            continue;
        bool holds = fabs(vm - g->vm_set_pu) < 1e-7;
        bool is_upper = q > g->q_max_mvar - margin, is_lower = q < g->q_min_mvar + margin;
        if (q > g->q_max_mvar + margin || q < g->q_min_mvar - margin)
            fail_msg("%s: generator %s gives %g Mvar, limits %g to %g", network->name, g->id, q, g->q_min_mvar,
                     g->q_max_mvar);
        if (!holds && !(is_upper && vm < g->vm_set_pu) && !(is_lower && vm > g->vm_set_pu))
            fail_msg("%s: generator %s at %g Mvar (%g to %g) holds %g instead of %g p.u.", network->name, g->id, q,
                     g->q_min_mvar, g->q_max_mvar, vm, g->vm_set_pu);
        at_limit += !holds;
    }
    return at_limit;
}

static void test_reactive_limits(void **state)
{
    (void)state;
    const char *names[] = {"case14",  "case30",          "case39",        "case57",        "case118",
                           "case300", "case24_ieee_rts", "case_RTS_GMLC", "case1354pegase"};
    if (access(FG_SHARED_DIR "/data/cases/matpower", R_OK) != 0) {
        print_message("skipped: %s/data/cases/matpower is absent\n", FG_SHARED_DIR);
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        struct fg_network *network;
        snprintf(path, sizeof path, "%s/data/cases/matpower/%s.m", FG_SHARED_DIR, names[i]);
        assert_int_equal(fg_matpower_read(path, &network, NULL), FG_OK);
        struct fg_powerflow_result *result = solve(network, FG_POWERFLOW_NEWTON, 1e-9, true);
        if (result->status != FG_POWERFLOW_CONVERGED)
            fail_msg("%s: %s", names[i], result->explanation);
        size_t at_limit = check_complementarity(network, result);
        print_message("%-16s %3d iterations, %zu generators at a limit\n", names[i], result->iterations, at_limit);
        fg_powerflow_result_destroy(result);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_agree),   cmocka_unit_test(test_power_balance),
        cmocka_unit_test(test_base_invariance), cmocka_unit_test(test_batch),
        cmocka_unit_test(test_reactive_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
