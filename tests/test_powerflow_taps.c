/* Automatic tap changers on transformers without load, where the voltages are those of the ratios: V2 = V1 / ratio. */
#include "grid/powerflow.h"

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

/* Source (1 p.u.) - T0 - b1 - T1 - b2; each transformer has positions -8..8 of 1 % at its from side. */
static struct fg_network *chain(double v_set, double v_band)
{
    struct fg_network *network = fg_network_create();
    char id[8];
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "b%d", i);
        assert_non_null(fg_network_add_bus(network, id, 20));
    }
    for (int i = 0; i < 2; i++) {
        snprintf(id, sizeof id, "T%d", i);
        struct fg_branch *branch = fg_network_add_branch(network, id, i, i + 1);
        assert_non_null(branch);
        branch->kind = FG_BRANCH_TRANSFORMER;
        branch->x_pu = 0.05;
        branch->tap = (struct fg_tap_changer){.exists = true,
                                              .minimum = -8,
                                              .maximum = 8,
                                              .step_ratio = 0.01,
                                              .on_from_side = true,
                                              .regulates = i == 0,
                                              .regulated_bus = i + 1,
                                              .v_set_pu = v_set,
                                              .v_band_pu = v_band};
    }
    assert_non_null(fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0));
    return network;
}

static struct fg_powerflow_result *solve(const struct fg_network *network, enum fg_tap_strategy taps,
                                         enum fg_powerflow_method method)
{
    struct fg_powerflow_options options = fg_powerflow_options_default();
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    options.taps = taps;
    options.method = method;
    assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
    assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
    assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
    fg_powerflow_destroy(powerflow);
    return result;
}

static void expect_position(const struct fg_network *network, enum fg_tap_strategy taps, int32_t position)
{
    for (int method = FG_POWERFLOW_NEWTON; method <= FG_POWERFLOW_SWEEP; method++) {
        struct fg_powerflow_result *result = solve(network, taps, (enum fg_powerflow_method)method);
        assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
        assert_int_equal(result->tap_position[0], position);
        assert_near(result->vm_pu[1], 1 / (1 + 0.01 * position), 1e-8);
        fg_powerflow_result_destroy(result);
    }
}

/* 1.05 +- 0.015: valid where 1.035 <= 1 / (1 + 0.01 n) <= 1.065, that is n = -6 (1.0638), -5 (1.0526), -4 (1.0417). */
static void test_strategies(void **state)
{
    (void)state;
    struct fg_network *network = chain(1.05, 0.03);
    expect_position(network, FG_TAP_FIXED, 0);
    expect_position(network, FG_TAP_ANY_VALID, -4); /* the first on the way from 0 */
    expect_position(network, FG_TAP_MIN_VOLTAGE, -4);
    expect_position(network, FG_TAP_MAX_VOLTAGE, -6);
    expect_position(network, FG_TAP_FAST_ANY, -4); /* middle of -8 and 0 */

    network->branches[0].tap.minimum = 8, network->branches[0].tap.maximum = -8; /* counted downward: ratio as before */
    network->branches[0].tap.step_ratio = -0.01;
    network->branches[0].tap.position = 0;
    struct fg_powerflow_result *result = solve(network, FG_TAP_MAX_VOLTAGE, FG_POWERFLOW_NEWTON);
    assert_near(result->vm_pu[1], 1 / (1 - 0.06), 1e-8);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static void test_own_winding(void **state)
{
    (void)state;
    /* Tap on the regulated winding: V2 = 1 + 0.01 n; 1.05 +- 0.012 allows 4, 5 and 6. */
    struct fg_network *network = chain(1.05, 0.024);
    network->branches[0].tap.on_from_side = false;
    struct fg_powerflow_result *result = solve(network, FG_TAP_ANY_VALID, FG_POWERFLOW_NEWTON);
    assert_int_equal(result->tap_position[0], 4);
    assert_near(result->vm_pu[1], 1.04, 1e-8);
    fg_powerflow_result_destroy(result);
    result = solve(network, FG_TAP_MAX_VOLTAGE, FG_POWERFLOW_NEWTON);
    assert_int_equal(result->tap_position[0], 6);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static void test_end_of_range(void **state)
{
    (void)state;
    struct fg_network *network = chain(2, 0.1); /* out of reach: rests at the highest voltage */
    for (int taps = FG_TAP_ANY_VALID; taps <= FG_TAP_FAST_ANY; taps++)
        expect_position(network, (enum fg_tap_strategy)taps, -8);
    network->branches[0].tap.v_set_pu = 0.5;
    for (int taps = FG_TAP_ANY_VALID; taps <= FG_TAP_FAST_ANY; taps++)
        expect_position(network, (enum fg_tap_strategy)taps, 8);
    fg_network_destroy(network);
}

static void test_no_valid_position(void **state)
{
    (void)state;
    struct fg_network *network = chain(1.047, 0.001); /* between 1.0417 and 1.0526 */
    for (int taps = FG_TAP_ANY_VALID; taps <= FG_TAP_FAST_ANY; taps++) {
        struct fg_powerflow_result *result = solve(network, (enum fg_tap_strategy)taps, FG_POWERFLOW_NEWTON);
        assert_int_equal(result->status, FG_POWERFLOW_TAP_LIMIT);
        assert_non_null(strstr(result->explanation, "branch T0"));
        fg_powerflow_result_destroy(result);
    }
    fg_network_destroy(network);
}

/* The second transformer sees the first one's choice: 1.0417 at b1, and 1.0417 / (1 + 0.01 m) within 0.95 +- 0.006
 * needs m = 9 or 10 of its 8; it rests at 8. With 0.98 +- 0.006, m = 6 (0.98272) is the first from 0 that fits. */
static void test_ranks(void **state)
{
    (void)state;
    struct fg_network *network = chain(1.05, 0.03);
    network->branches[1].tap.regulates = true;
    network->branches[1].tap.v_set_pu = 0.98;
    network->branches[1].tap.v_band_pu = 0.012;
    struct fg_powerflow_result *result = solve(network, FG_TAP_ANY_VALID, FG_POWERFLOW_SWEEP);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_int_equal(result->tap_position[0], -4);
    assert_int_equal(result->tap_position[1], 6);
    assert_near(result->vm_pu[2], 1 / 0.96 / 1.06, 1e-8);
    fg_powerflow_result_destroy(result);
    network->branches[1].tap.v_set_pu = 0.95;
    result = solve(network, FG_TAP_ANY_VALID, FG_POWERFLOW_NEWTON);
    assert_int_equal(result->tap_position[1], 8);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

/* Purely resistive load P at b1 = 1 p.u. (constant impedance, so V scales): the compensated voltage is V - r I. */
static void test_line_drop(void **state)
{
    (void)state;
    struct fg_network *network = chain(1, 0.04);
    network->branches[0].x_pu = 1e-6;
    struct fg_injection *load = fg_network_add_injection(network, "load", FG_INJECTION_LOAD, 1, -0.5, 0);
    load->p_impedance_share = 1;
    network->branches[0].tap.drop_r_pu =
        0.1; /* V (1 - 0.05) must lie in 0.98..1.02: n = -4 gives 0.9896 (n = -3: 0.9794) */
    struct fg_powerflow_result *result = solve(network, FG_TAP_ANY_VALID, FG_POWERFLOW_NEWTON);
    assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
    assert_int_equal(result->tap_position[0], -4);
    fg_powerflow_result_destroy(result);
    network->branches[0].tap.drop_r_pu = 0;
    result = solve(network, FG_TAP_ANY_VALID, FG_POWERFLOW_NEWTON);
    assert_int_equal(result->tap_position[0], 0);
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

static enum fg_code keep_position(void *context, size_t scenario, const struct fg_powerflow_result *result)
{
    ((int32_t *)context)[scenario] = result->tap_position[0];
    return result->status == FG_POWERFLOW_CONVERGED ? FG_OK : FG_ERR_NUMERIC;
}

/* In a batch every scenario starts from the file's position: the order does not matter, and the network is untouched.
 */
static void test_batch(void **state)
{
    (void)state;
    struct fg_network *network = chain(1, 0.03);
    network->branches[0].x_pu = 0.2;
    fg_network_add_injection(network, "load", FG_INJECTION_LOAD, 1, 0, 0);
    double q_mvar[] = {0, -0.3, 0, 0.3, -0.3};
    int32_t position[5];
    struct fg_powerflow_input inputs = {.injection_q_mvar = q_mvar};
    struct fg_powerflow_options options = fg_powerflow_options_default();
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    options.taps = FG_TAP_ANY_VALID;
    assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
    assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
    assert_int_equal(fg_powerflow_batch(powerflow, 5, &inputs, keep_position, position, result, NULL), FG_OK);
    assert_int_equal(position[0], 0);
    assert_int_equal(position[2], 0);
    assert_true(position[1] < 0 && position[3] > 0);
    assert_int_equal(position[1], position[4]);
    assert_int_equal(network->branches[0].tap.position, 0);
    assert_near(network->branches[0].ratio, 1, 0);
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    fg_network_destroy(network);
}

/* Positions that the caller sets: V2 = V1 / (ratio0 ratio1), and back; the network keeps its own. */
static void test_set_by_caller(void **state)
{
    (void)state;
    struct fg_network *network = chain(1, 0.03);
    for (int method = 0; method < 2; method++) {
        struct fg_powerflow_options options = fg_powerflow_options_default();
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
        struct fg_error err = {0};
        static const int positions[3][2] = {{4, -3}, {4, 8}, {0, 0}};
        options.method = method == 0 ? FG_POWERFLOW_NEWTON : FG_POWERFLOW_SWEEP;
        assert_int_equal(fg_powerflow_create(network, &options, &powerflow, NULL), FG_OK);
        assert_int_equal(fg_powerflow_result_create(network, &result, NULL), FG_OK);
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 2; k++)
                assert_int_equal(fg_powerflow_set_tap(powerflow, k, positions[i][k], &err), FG_OK);
            assert_int_equal(fg_powerflow_solve(powerflow, result, NULL), FG_OK);
            assert_int_equal(result->status, FG_POWERFLOW_CONVERGED);
            assert_near(result->vm_pu[2], 1 / ((1 + 0.01 * positions[i][0]) * (1 + 0.01 * positions[i][1])), 1e-7);
            assert_int_equal(result->tap_position[1], positions[i][1]);
        }
        assert_int_equal(fg_powerflow_set_tap(powerflow, 0, 9, &err), FG_ERR_ARGUMENT);
        assert_non_null(strstr(err.text, "outside -8..8"));
        assert_int_equal(fg_powerflow_set_tap(powerflow, 2, 0, &err), FG_ERR_ARGUMENT);
        assert_int_equal(network->branches[0].tap.position, 0);
        fg_powerflow_result_destroy(result);
        fg_powerflow_destroy(powerflow);
    }
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strategies),   cmocka_unit_test(test_own_winding),
        cmocka_unit_test(test_end_of_range), cmocka_unit_test(test_no_valid_position),
        cmocka_unit_test(test_ranks),        cmocka_unit_test(test_line_drop),
        cmocka_unit_test(test_batch),        cmocka_unit_test(test_set_by_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
