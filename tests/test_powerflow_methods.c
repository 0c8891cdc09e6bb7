/* Newton's method and the sweep on networks small enough for closed formulas, and how both end when there is no result.
 */
#include "grid/check.h"
#include "grid/powerflow.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cmocka.h>

#include "near.h"

static struct fg_powerflow_result *solve_with(const struct fg_network *network, struct fg_powerflow_options options)
{
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    struct fg_error err = {0};
    if (fg_powerflow_create(network, &options, &powerflow, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
    assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
    fg_powerflow_destroy(powerflow);
    return result;
}

static struct fg_powerflow_result *solve(const struct fg_network *network, enum fg_powerflow_method method)
{
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.method = method;
    options.tolerance_pu = 1e-12;
    return solve_with(network, options);
}

/* Every balance of the original network holds, by code that shares nothing with the power flow. */
static void assert_balanced(const struct fg_network *network, const struct fg_powerflow_result *result,
                            double tolerance)
{
    struct fg_check_state state = {.vm_pu = result->vm_pu,
                                   .va_rad = result->va_rad,
                                   .generator_p_mw = result->generator_p_mw,
                                   .generator_q_mvar = result->generator_q_mvar};
    struct fg_check_report report;
    assert_int_equal(fg_check_run(network, &state, INFINITY, &report, NULL), FG_OK);
    assert_true(report.worst[FG_CHECK_P_BALANCE].size <= tolerance);
    assert_true(report.worst[FG_CHECK_Q_BALANCE].size <= tolerance);
    fg_check_report_release(&report);
}

/* Source - line r + jx - load P + jQ, base 10 MVA. */
static struct fg_network *two_bus(double r, double x, double p_pu, double q_pu)
{
    struct fg_network *network = fg_network_create();
    network->base_mva = 10;
    fg_network_add_bus(network, "b0", 20);
    fg_network_add_bus(network, "b1", 20);
    struct fg_branch *line = fg_network_add_branch(network, "line", 0, 1);
    line->r_pu = r;
    line->x_pu = x;
    fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0)->vm_set_pu = 1.02;
    fg_network_add_injection(network, "load", FG_INJECTION_LOAD, 1, -10 * p_pu, -10 * q_pu);
    return network;
}

/* V2^4 + (2 (rP + xQ) - V1^2) V2^2 + |z|^2 |S|^2 = 0, upper root. */
static void test_two_bus(void **state)
{
    (void)state;
    double r = 0.03, x = 0.05, p = 0.8, q = 0.4, v1 = 1.02;
    struct fg_network *network = two_bus(r, x, p, q);
    double half = 0.5 * v1 * v1 - (r * p + x * q);
    double v2 = half + sqrt(half * half - (r * r + x * x) * (p * p + q * q));
    double loss = r * (p * p + q * q) / v2; /* v2 is the square */
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->vm_pu[1], sqrt(v2), 1e-11);
        assert_near(result->va_rad[1], -asin((x * p - r * q) / (v1 * sqrt(v2))), 1e-11);
        assert_near(result->losses_mw, 10 * loss, 1e-10);
        assert_near(result->losses_mvar, 10 * loss * x / r, 1e-10);
        assert_near(result->generator_p_mw[0], 10 * (p + loss), 1e-10);
        assert_near(result->p_from_mw[0], 10 * (p + loss), 1e-10);
        assert_near(result->p_to_mw[0], -10 * p, 1e-10);
        assert_near(result->q_to_mvar[0], -10 * q, 1e-10);
        assert_near(result->i_to_pu[0], hypot(p, q) / sqrt(v2), 1e-10);
        assert_near(result->i_from_pu[0], hypot(p, q) / sqrt(v2), 1e-10);
        assert_int_equal(result->vm_min_bus, 1);
        assert_int_equal(result->loading_max_branch, -1);
        assert_balanced(network, result, 1e-11);
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

/* Constant impedance: a voltage divider. Constant current: |I| = S at any voltage. */
static void test_voltage_dependence(void **state)
{
    (void)state;
    double r = 0.03, x = 0.05, p = 0.8, q = 0.4;
    struct fg_network *network = two_bus(r, x, p, q);
    struct fg_injection *load = &network->injections[0];
    for (int method = 0; method < 2; method++) {
        load->p_impedance_share = load->q_impedance_share = 1;
        load->p_current_share = load->q_current_share = 0;
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        double complex v2 = 1.02 / (1 + CMPLX(r, x) * CMPLX(p, -q));
        assert_near(result->vm_pu[1], cabs(v2), 1e-11);
        assert_near(result->va_rad[1], carg(v2), 1e-11);
        assert_balanced(network, result, 1e-11);
        fg_powerflow_result_destroy(result);

        load->p_impedance_share = load->q_impedance_share = 0;
        load->p_current_share = load->q_current_share = 1;
        result = solve(network, (enum fg_powerflow_method)method);
        assert_near(result->i_to_pu[0], hypot(p, q), 1e-11);
        assert_balanced(network, result, 1e-11);
        fg_powerflow_result_destroy(result);

        load->p_current_share = 0.3, load->p_impedance_share = 0.5;
        load->q_current_share = 0.6, load->q_impedance_share = 0.1;
        result = solve(network, (enum fg_powerflow_method)method);
        double v = result->vm_pu[1];
        assert_near(-result->p_to_mw[0], 8 * (0.2 + 0.3 * v + 0.5 * v * v), 1e-10);
        assert_near(-result->q_to_mvar[0], 4 * (0.3 + 0.6 * v + 0.1 * v * v), 1e-10);
        assert_balanced(network, result, 1e-11);
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

/* A cable open at its far end, a capacitor, a Dyn5 transformer (150 degrees) at ratio 1.05 and buses joined by a
 * switch. */
static void test_elements(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.02, 0.06, 0.3, 0.1);
    fg_network_add_bus(network, "b2", 0.4);
    fg_network_add_bus(network, "b3", 0.4);
    fg_network_add_bus(network, "b4", 20)->in_service = false;
    fg_network_add_bus(network, "dead", 20);
    struct fg_branch *transformer = fg_network_add_branch(network, "transformer", 1, 2);
    transformer->r_pu = 0.01, transformer->x_pu = 0.08;
    transformer->ratio = 1.05, transformer->shift_rad = 150 * acos(-1.0) / 180;
    transformer->g_from_pu = 0.002, transformer->b_from_pu = -0.01;
    struct fg_branch *cable = fg_network_add_branch(network, "cable", 2, 4);
    cable->r_pu = 0.05, cable->x_pu = 0.1, cable->b_from_pu = cable->b_to_pu = 0.2;
    cable->to_closed = false;
    fg_network_add_switch(network, "coupler", 2, 3, true);
    fg_network_add_shunt(network, "capacitor", 3, 0.1, 2);
    fg_network_add_injection(network, "load 3", FG_INJECTION_LOAD, 3, -2, -1);
    fg_network_add_injection(network, "load dead", FG_INJECTION_LOAD, 5, -2, -1);
    struct fg_storage *storage = fg_network_add_storage(network, "battery", 2);
    storage->p_mw = 0.5, storage->q_mvar = -0.2;
    double vm[2][6], va[2][6];
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_balanced(network, result, 1e-11);
        assert_near(result->vm_pu[2], result->vm_pu[3], 0);
        assert_true(isnan(result->vm_pu[4]) && isnan(result->vm_pu[5]));
        assert_near(result->va_rad[2], result->va_rad[1] - transformer->shift_rad, 0.1);
        assert_near(result->p_to_mw[2], 0, 1e-10);
        assert_near(result->i_to_pu[2], 0, 1e-11);
        /* What enters leaves: source + battery = loads + losses + shunts. */
        assert_near(result->generator_p_mw[0] + 0.5, 3 + 2 + result->losses_mw + result->shunt_mw, 1e-10);
        assert_near(result->generator_q_mvar[0] - 0.2, 1 + 1 + result->losses_mvar + result->shunt_mvar, 1e-10);
        assert_near(result->shunt_mvar, -2 * result->vm_pu[3] * result->vm_pu[3], 1e-10);
        memcpy(vm[method], result->vm_pu, sizeof vm[method]);
        memcpy(va[method], result->va_rad, sizeof va[method]);
        fg_powerflow_result_destroy(result);
    }
    for (int i = 0; i < 4; i++) {
        assert_near(vm[0][i], vm[1][i], 1e-10);
        assert_near(va[0][i], va[1][i], 1e-10);
    }
    fg_network_destroy(network);
}

/* Bus b1 with a generator: PV. V1 = V2 = v, so P = v^2 sin(d) / x and Q2 = v^2 (1 - cos d) / x. */
static struct fg_network *generator_network(void)
{
    struct fg_network *network = two_bus(0, 0.2, 0, 0);
    network->generators[0].vm_set_pu = 1;
    struct fg_generator *generator = fg_network_add_generator(network, "G", FG_GENERATOR_DISPATCHABLE, 1);
    generator->p_mw = 20;
    return network;
}

static void test_held_voltage(void **state)
{
    (void)state;
    struct fg_network *network = generator_network();
    double d = asin(2 * 0.2);
    struct fg_powerflow_result *result = solve(network, FG_POWERFLOW_NEWTON);
    assert_near(result->va_rad[1], d, 1e-11);
    assert_near(result->vm_pu[1], 1, 0);
    assert_near(result->generator_q_mvar[1], 10 * (1 - cos(d)) / 0.2, 1e-9);
    assert_near(result->generator_p_mw[0], -20, 1e-9);
    fg_powerflow_result_destroy(result);

    /* Three generators share in proportion to their ranges, counted from their lower limits. */
    struct fg_generator *second = fg_network_add_generator(network, "G2", FG_GENERATOR_DISPATCHABLE, 1);
    second->q_min_mvar = 0, second->q_max_mvar = 9;
    second->vm_set_pu = 1;
    network->generators[1].q_min_mvar = -1, network->generators[1].q_max_mvar = 2;
    struct fg_generator *fixed = fg_network_add_generator(network, "fixed", FG_GENERATOR_DISPATCHABLE, 1);
    fixed->vm_set_pu = NAN, fixed->q_mvar = 0.5;
    result = solve(network, FG_POWERFLOW_NEWTON);
    double needed = 10 * (1 - cos(d)) / 0.2 - 0.5;
    assert_near(result->generator_q_mvar[1], -1 + (needed + 1) / 12 * 3, 1e-9);
    assert_near(result->generator_q_mvar[2], (needed + 1) / 12 * 9, 1e-9);
    assert_near(result->generator_q_mvar[3], 0.5, 0);
    assert_balanced(network, result, 1e-11);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static void test_reactive_limits(void **state)
{
    (void)state;
    struct fg_network *network = generator_network();
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.tolerance_pu = 1e-11;
    network->generators[1].q_min_mvar = -5, network->generators[1].q_max_mvar = 2; /* needs 4.17 */
    struct fg_powerflow_result *result = solve_with(network, options);
    assert_near(result->vm_pu[1], 1, 0);
    assert_int_equal(result->violation_count, 1); /* reported while limits are not enforced */
    assert_int_equal(result->violations[0].kind, FG_VIOLATION_GENERATOR_Q);
    assert_int_equal(result->violations[0].element, 1);
    fg_powerflow_result_destroy(result);

    options.enforce_q_limits = true;
    result = solve_with(network, options);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_near(result->generator_q_mvar[1], 2, 1e-9);
    assert_true(result->vm_pu[1] < 1);
    assert_int_equal(result->violation_count, 0);
    assert_balanced(network, result, 1e-10);
    fg_powerflow_result_destroy(result);

    /* A second generator that supports the voltage from next door makes the limit unnecessary: the first must return.
     */
    fg_network_add_bus(network, "b2", 20);
    fg_network_add_branch(network, "tie", 1, 2)->x_pu = 0.01;
    struct fg_generator *support = fg_network_add_generator(network, "support", FG_GENERATOR_DISPATCHABLE, 2);
    support->vm_set_pu = 1.01;
    result = solve_with(network, options);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_true(result->generator_q_mvar[1] >= -5 - 1e-9 && result->generator_q_mvar[1] <= 2 + 1e-9);
    /* Complementarity: at the upper limit only below the set-point, at the lower one only above it. */
    if (result->generator_q_mvar[1] > 2 - 1e-9)
        assert_true(result->vm_pu[1] <= 1 + 1e-9);
    else if (result->generator_q_mvar[1] < -5 + 1e-9)
        assert_true(result->vm_pu[1] >= 1 - 1e-9);
    else
        assert_near(result->vm_pu[1], 1, 1e-12);
    assert_balanced(network, result, 1e-10);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static void test_islands_and_references(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.01, 0.1, 0.5, 0.2);
    fg_network_add_bus(network, "c0", 20);
    fg_network_add_bus(network, "c1", 20);
    struct fg_branch *line = fg_network_add_branch(network, "second line", 2, 3);
    line->x_pu = 0.1;
    struct fg_generator *generator = fg_network_add_generator(network, "island", FG_GENERATOR_DISPATCHABLE, 2);
    generator->vm_set_pu = 1.01, generator->p_mw = 3;
    network->buses[2].va_start_rad = 0.3;
    fg_network_add_injection(network, "far load", FG_INJECTION_LOAD, 3, -4, 0);
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->va_rad[2], 0.3, 1e-12); /* no source: the largest generator stands at the file's angle */
        assert_near(result->generator_p_mw[1], 4, 1e-9);
        assert_balanced(network, result, 1e-11);
        fg_powerflow_result_destroy(result);
    }
    /* Two sources in one island: both hold voltage and angle. */
    line->x_pu = 0.1;
    fg_network_add_branch(network, "tie", 1, 3)->x_pu = 0.3;
    network->generators[1].kind = FG_GENERATOR_SOURCE;
    network->generators[1].va_set_rad = 0.1;
    struct fg_powerflow_result *result = solve(network, FG_POWERFLOW_NEWTON);
    assert_near(result->va_rad[0], 0, 0);
    assert_near(result->va_rad[2], 0.1, 0);
    assert_balanced(network, result, 1e-11);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static void expect_refusal(const struct fg_network *network, struct fg_powerflow_options options, enum fg_code code,
                           const char *name)
{
    struct fg_powerflow *powerflow;
    struct fg_error err = {0};
    assert_int_equal(fg_powerflow_create(network, &options, &powerflow, &err), code);
    assert_null(powerflow);
    if (strstr(err.text, name) == NULL && strstr(err.place, name) == NULL)
        fail_msg("'%s' is not named in: %s: %s", name, err.place, err.text);
}

static void test_refusals(void **state)
{
    (void)state;
    struct fg_network *network = generator_network();
    struct fg_powerflow_options sweep = fg_powerflow_options_default(), newton = sweep;
    sweep.method = FG_POWERFLOW_SWEEP;
    expect_refusal(network, sweep, FG_ERR_UNSUPPORTED, "bus b1");
    network->generators[1].vm_set_pu = NAN;
    fg_network_add_branch(network, "parallel", 0, 1)->x_pu = 0.3;
    expect_refusal(network, sweep, FG_ERR_UNSUPPORTED, "branch parallel");
    newton.tolerance_pu = 0;
    expect_refusal(network, newton, FG_ERR_ARGUMENT, "tolerance_pu");
    newton = fg_powerflow_options_default();
    newton.max_iterations = -1;
    expect_refusal(network, newton, FG_ERR_ARGUMENT, "max_iterations");
    network->generators[0].in_service = network->generators[1].in_service = false;
    newton = fg_powerflow_options_default();
    expect_refusal(network, newton, FG_ERR_NETWORK, "no bus is supplied");
    fg_network_destroy(network);
}

/* Beyond the maximum power V^2 / (2 |z| (1 + cos(phi))) nothing solves the equations: both methods say where and what.
 */
static void test_no_solution(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0, 0.2, 3, 0); /* limit: 1.02^2 / 0.4 = 2.6 */
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        assert_int_not_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_non_null(strstr(result->explanation, "bus b1"));
        assert_true(result->max_mismatch_pu > 1e-3);
        if (method == FG_POWERFLOW_NEWTON) { /* 2.601 / 3 = 86.7 % */
            double percent = 0;
            const char *followed = strstr(result->explanation, "with ");
            assert_non_null(followed);
            assert_int_equal(sscanf(followed, "with %lf %% of all injections", &percent), 1);
            assert_near(percent, 86.5, 0.75);
        }
        fg_powerflow_result_destroy(result);
    }
    network->injections[0].p_mw = -10 * 2.6; /* just below: the nose, hard but solvable */
    struct fg_powerflow_options options = fg_powerflow_options_default();
    struct fg_powerflow_result *result = solve_with(network, options);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

/* Started at the lower root of the formula above, Newton stays there when plain, and says what that is; with its means
 * it goes to the upper one. */
static void test_low_voltage_solution(void **state)
{
    (void)state;
    double r = 0.03, x = 0.05, p = 0.8, q = 0.4, v1 = 1.02;
    struct fg_network *network = two_bus(r, x, p, q);
    double half = 0.5 * v1 * v1 - (r * p + x * q), root = sqrt(half * half - (r * r + x * x) * (p * p + q * q));
    double low = sqrt(half - root), high = sqrt(half + root);
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.start = FG_POWERFLOW_FILE;
    network->buses[1].vm_start_pu = low * 1.0001;
    network->buses[1].va_start_rad = -asin((x * p - r * q) / (v1 * low));
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        options.is_plain = is_plain == 1;
        struct fg_powerflow_result *result = solve_with(network, options);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->vm_pu[1], is_plain ? low : high, 1e-8);
        assert_true((strstr(result->explanation, "low-voltage solution") != NULL) == (is_plain == 1));
        assert_balanced(network, result, 1e-8);
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

/* A bad start (opposite angle, low voltage) defeats the plain iteration or leads it astray; with help the upper
 * solution is found. */
static void test_bad_start(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.02, 0.1, 2, 0.5);
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.start = FG_POWERFLOW_FILE;
    network->buses[1].vm_start_pu = 0.05;
    network->buses[1].va_start_rad = 2.5;
    struct fg_powerflow_result *result = solve_with(network, options);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_true(result->vm_pu[1] > 0);
    assert_balanced(network, result, 1e-8);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

/* A connection of 1e-9 p.u. cannot be balanced to 1e-8 in doubles; that must not count as failure. */
static void test_tiny_impedance(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.02, 0.05, 0.5, 0.2);
    fg_network_add_bus(network, "b2", 20);
    fg_network_add_branch(network, "coupler", 1, 2)->x_pu = 1e-9;
    fg_network_add_injection(network, "load 2", FG_INJECTION_LOAD, 2, -3, -1);
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_options options = fg_powerflow_options_default();
        options.method = (enum fg_powerflow_method)method;
        struct fg_powerflow_result *result = solve_with(network, options);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->vm_pu[1], result->vm_pu[2], 1e-8);
        assert_near(result->losses_mw, 0.02 * (8 * 8 + 3 * 3) / 10 / (result->vm_pu[1] * result->vm_pu[1]), 1e-6);
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

static void test_limits(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0.8, 0.4);
    network->buses[1].vm_min_pu = 0.99;
    network->branches[0].rate_normal_mva = 5;
    network->branches[0].rate_emergency_mva = 12;
    network->generators[0].p_max_mw = 8;
    struct fg_powerflow_result *result = solve(network, FG_POWERFLOW_NEWTON);
    double from_mva = hypot(result->p_from_mw[0], result->q_from_mvar[0]);
    assert_near(result->loading_normal[0], from_mva / 5, 1e-9);
    assert_near(result->loading_emergency[0], from_mva / 12, 1e-9);
    assert_int_equal(result->loading_max_branch, 0);
    assert_int_equal(result->violation_count, 3);
    assert_int_equal(result->violations[0].kind, FG_VIOLATION_VOLTAGE_LOW);
    assert_int_equal(result->violations[1].kind, FG_VIOLATION_BRANCH_NORMAL);
    assert_near(result->violations[1].value, from_mva, 1e-9);
    assert_int_equal(result->violations[2].kind, FG_VIOLATION_GENERATOR_P);
    fg_powerflow_result_destroy(result);
    network->branches[0].rating_kind = FG_RATING_CURRENT;
    result = solve(network, FG_POWERFLOW_SWEEP);
    assert_near(result->loading_normal[0], 10 * result->i_from_pu[0] / 5, 1e-9);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

/* What cannot be computed is told, never passed on as a result. */
static void test_senseless_injection(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0.8, 0.4);
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_options options = fg_powerflow_options_default();
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        options.method = (enum fg_powerflow_method)method;
        assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
        double p_mw = NAN;
        fg_powerflow_set_injections(powerflow, &(struct fg_powerflow_input){.injection_p_mw = &p_mw});
        assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
        assert_int_equal(result->status, FG_POWERFLOW_DIVERGED);
        assert_true(isinf(result->max_mismatch_pu));
        assert_non_null(strstr(result->explanation, "bus b1"));
        fg_powerflow_set_injections(powerflow, NULL); /* and the handle serves on */
        assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
    }
    fg_network_destroy(network);
}

/* An island whose only generator holds no voltage: it is the reference all the same, at the file's voltage. */
static void test_reference_without_set_point(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0.8, 0.4);
    network->generators[0].kind = FG_GENERATOR_DISPATCHABLE;
    network->generators[0].vm_set_pu = NAN;
    network->generators[0].p_mw = 1, network->generators[0].q_mvar = 1;
    network->buses[0].vm_start_pu = 1.02;
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_powerflow_method)method);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->vm_pu[0], 1.02, 1e-15);
        assert_near(result->generator_p_mw[0], 8 + result->losses_mw, 1e-9);
        assert_near(result->generator_q_mvar[0], 4 + result->losses_mvar, 1e-9);
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

/* Zero voltage balances a bus without injection; started there, the power flow must find the way out. */
static void test_vanishing_voltage(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0, 0);
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.start = FG_POWERFLOW_FILE;
    network->buses[1].vm_start_pu = 1e-9;
    struct fg_powerflow_result *result = solve_with(network, options);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_near(result->vm_pu[1], 1.02, 1e-8);
    fg_powerflow_result_destroy(result);
    network->branches[0].rate_normal_mva = 0; /* idle: not loaded, even without any rating */
    result = solve(network, FG_POWERFLOW_SWEEP);
    assert_near(result->loading_normal[0], 0, 1e-9);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

/* Out of memory at any point of set-up and solving: an error, nothing leaked (the sanitizer watches), no crash. */
static void test_memory(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0.8, 0.4);
    network->branches[0].tap = (struct fg_tap_changer){.exists = true,
                                                       .minimum = -2,
                                                       .maximum = 2,
                                                       .step_ratio = 0.01,
                                                       .regulates = true,
                                                       .regulated_bus = 1,
                                                       .v_set_pu = 1,
                                                       .v_band_pu = 0.1};
    for (int method = 0; method < 2; method++) {
        bool is_done = false;
        for (long n = 1; !is_done; n++) {
            struct fg_powerflow_options options = fg_powerflow_options_default();
            struct fg_powerflow *powerflow = NULL;
            struct fg_powerflow_result *result = NULL;
            options.method = (enum fg_powerflow_method)method;
            options.taps = FG_TAP_ANY_VALID;
            fg_alloc_fail_after(n);
            enum fg_code code = fg_powerflow_create(network, &options, &powerflow, NULL);
            if (code == FG_OK)
                code = fg_powerflow_result_create(network, &result, NULL);
            if (code == FG_OK)
                code = fg_powerflow_solve(powerflow, result, NULL);
            fg_alloc_fail_after(0);
            assert_true(code == FG_OK || code == FG_ERR_MEMORY);
            is_done = code == FG_OK;
            fg_powerflow_result_destroy(result);
            fg_powerflow_destroy(powerflow);
        }
    }
    fg_network_destroy(network);
}

/* After creation neither solve nor set_injections allocates: they succeed with every allocation failing. */
static void test_solve_allocates_nothing(void **state)
{
    (void)state;
    struct fg_network *network = two_bus(0.03, 0.05, 0.8, 0.4);
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_options options = fg_powerflow_options_default();
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        options.method = (enum fg_powerflow_method)method;
        assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
        fg_alloc_fail_after(1);
        double p_mw = -5;
        fg_powerflow_set_injections(powerflow, &(struct fg_powerflow_input){.injection_p_mw = &p_mw});
        assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
        fg_alloc_fail_after(0);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_near(result->p_to_mw[0], 5 * -1, 1e-6);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
    }
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_bus),
        cmocka_unit_test(test_voltage_dependence),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_held_voltage),
        cmocka_unit_test(test_reactive_limits),
        cmocka_unit_test(test_islands_and_references),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_solution),
        cmocka_unit_test(test_low_voltage_solution),
        cmocka_unit_test(test_bad_start),
        cmocka_unit_test(test_tiny_impedance),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_senseless_injection),
        cmocka_unit_test(test_reference_without_set_point),
        cmocka_unit_test(test_vanishing_voltage),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_solve_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
