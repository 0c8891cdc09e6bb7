/* Flow functions: values against complex arithmetic, derivatives against central finite differences, on random
 * branches with ratio, shift and shunts (seed printed on failure by the element index). */
#include "grid/flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <cmocka.h>

#include "near.h"

enum { TRIALS = 200 };

/* Numbers of a linear congruential generator (Knuth, MMIX), enough for picking test points. */
static double between(uint64_t *state, double low, double high)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(*state >> 11) / 9007199254740992.0;
}

struct point {
    struct fg_branch branch;
    struct fg_edge edge;
    double x[FG_FLOW_VARIABLES], weight[FG_FLOW_COUNT];
};

static struct point point_make(uint64_t *seed)
{
    struct point point = {.branch = {.id = "random"}};
    point.branch.r_pu = between(seed, 0.01, 0.3);
    point.branch.x_pu = between(seed, -0.2, 0.5);
    point.branch.g_from_pu = between(seed, 0, 0.1);
    point.branch.b_from_pu = between(seed, -0.3, 0.3);
    point.branch.g_to_pu = between(seed, 0, 0.1);
    point.branch.b_to_pu = between(seed, -0.3, 0.3);
    point.branch.ratio = between(seed, 0.8, 1.2);
    point.branch.shift_rad = between(seed, -1, 1);
    assert_int_equal(fg_edge_set_admittance(&point.edge, &point.branch, NULL), FG_OK);
    point.x[FG_FLOW_VA_F] = between(seed, -1, 1);
    point.x[FG_FLOW_VA_T] = between(seed, -1, 1);
    point.x[FG_FLOW_VM_F] = between(seed, 0.8, 1.2);
    point.x[FG_FLOW_VM_T] = between(seed, 0.8, 1.2);
    for (int k = 0; k < FG_FLOW_COUNT; k++)
        point.weight[k] = between(seed, -2, 2);
    return point;
}

/* Currents of the branch model at the top of grid/network.h, written from its circuit: an ideal transformer, then a pi.
 */
static void circuit(const struct point *point, double complex current[2], double complex power[2])
{
    const struct fg_branch *b = &point->branch;
    double complex vf = point->x[FG_FLOW_VM_F] * cexp(CMPLX(0, point->x[FG_FLOW_VA_F]));
    double complex vt = point->x[FG_FLOW_VM_T] * cexp(CMPLX(0, point->x[FG_FLOW_VA_T]));
    double complex t = b->ratio * cexp(CMPLX(0, b->shift_rad)), inner = vf / t;
    double complex series = (inner - vt) / CMPLX(b->r_pu, b->x_pu);
    current[0] = (series + CMPLX(b->g_from_pu, b->b_from_pu) * inner) / conj(t); /* power-invariant */
    current[1] = -series + CMPLX(b->g_to_pu, b->b_to_pu) * vt;
    power[0] = vf * conj(current[0]);
    power[1] = vt * conj(current[1]);
}

static void test_values(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < TRIALS; i++) {
        struct point point = point_make(&seed);
        double complex current[2], power[2];
        double flow[FG_FLOW_COUNT], squared[2], gradient[2][FG_FLOW_VARIABLES];
        const double *x = point.x;
        circuit(&point, current, power);
        fg_flow_values(&point.edge, x[0], x[1], x[2], x[3], flow);
        fg_flow_current(&point.edge, x[0], x[1], x[2], x[3], squared, gradient);
        double scale = 1 + cabs(power[0]) + cabs(power[1]);
        assert_near(flow[FG_FLOW_PF], creal(power[0]), 1e-11 * scale);
        assert_near(flow[FG_FLOW_QF], cimag(power[0]), 1e-11 * scale);
        assert_near(flow[FG_FLOW_PT], creal(power[1]), 1e-11 * scale);
        assert_near(flow[FG_FLOW_QT], cimag(power[1]), 1e-11 * scale);
        for (int end = 0; end < 2; end++)
            assert_near(squared[end], cabs(current[end]) * cabs(current[end]), 1e-10 * scale * scale);
    }
}

static void values_at(const struct point *point, int variable, double step, double flow[FG_FLOW_COUNT])
{
    double x[FG_FLOW_VARIABLES];
    memcpy(x, point->x, sizeof x);
    x[variable] += step;
    fg_flow_values(&point->edge, x[0], x[1], x[2], x[3], flow);
}

static void test_gradient(void **state)
{
    (void)state;
    uint64_t seed = 2;
    double h = 1e-6;
    for (int i = 0; i < TRIALS; i++) {
        struct point point = point_make(&seed);
        const double *x = point.x;
        double flow[FG_FLOW_COUNT], values[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
        fg_flow_gradient(&point.edge, x[0], x[1], x[2], x[3], flow, gradient);
        fg_flow_values(&point.edge, x[0], x[1], x[2], x[3], values);
        for (int k = 0; k < FG_FLOW_COUNT; k++)
            assert_near(flow[k], values[k], 1e-12 * (1 + fabs(values[k])));
        for (int v = 0; v < FG_FLOW_VARIABLES; v++) {
            double up[FG_FLOW_COUNT], down[FG_FLOW_COUNT];
            values_at(&point, v, h, up);
            values_at(&point, v, -h, down);
            for (int k = 0; k < FG_FLOW_COUNT; k++)
                assert_near(gradient[k][v], (up[k] - down[k]) / (2 * h), 1e-7 * (1 + fabs(gradient[k][v])));
        }
    }
}

static void test_hessian(void **state)
{
    (void)state;
    uint64_t seed = 3;
    double h = 1e-6;
    for (int i = 0; i < TRIALS; i++) {
        struct point point = point_make(&seed);
        double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES] = {0};
        const double *x = point.x;
        fg_flow_hessian(&point.edge, x[0], x[1], x[2], x[3], point.weight, hessian);
        for (int v = 0; v < FG_FLOW_VARIABLES; v++) {
            double sums[2][FG_FLOW_VARIABLES] = {0};
            for (int side = 0; side < 2; side++) {
                double y[FG_FLOW_VARIABLES], flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
                memcpy(y, x, sizeof y);
                y[v] += side ? h : -h;
                fg_flow_gradient(&point.edge, y[0], y[1], y[2], y[3], flow, gradient);
                for (int k = 0; k < FG_FLOW_COUNT; k++)
                    for (int w = 0; w < FG_FLOW_VARIABLES; w++)
                        sums[side][w] += point.weight[k] * gradient[k][w];
            }
            for (int w = 0; w < FG_FLOW_VARIABLES; w++) {
                assert_near(hessian[v][w], (sums[1][w] - sums[0][w]) / (2 * h), 1e-6 * (1 + fabs(hessian[v][w])));
                assert_near(hessian[v][w], hessian[w][v], 1e-12 * (1 + fabs(hessian[v][w])));
            }
        }
    }
}

static void test_current(void **state)
{
    (void)state;
    uint64_t seed = 4;
    double h = 1e-6;
    for (int i = 0; i < TRIALS; i++) {
        struct point point = point_make(&seed);
        const double *x = point.x;
        double squared[2], gradient[2][FG_FLOW_VARIABLES], hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES] = {0};
        fg_flow_current(&point.edge, x[0], x[1], x[2], x[3], squared, gradient);
        fg_flow_current_hessian(&point.edge, x[0], x[1], x[2], x[3], point.weight, hessian);
        for (int v = 0; v < FG_FLOW_VARIABLES; v++) {
            double values[2][2], slopes[2][2][FG_FLOW_VARIABLES];
            for (int side = 0; side < 2; side++) {
                double y[FG_FLOW_VARIABLES];
                memcpy(y, x, sizeof y);
                y[v] += side ? h : -h;
                fg_flow_current(&point.edge, y[0], y[1], y[2], y[3], values[side], slopes[side]);
            }
            for (int end = 0; end < 2; end++)
                assert_near(gradient[end][v], (values[1][end] - values[0][end]) / (2 * h),
                            1e-6 * (1 + squared[end] + fabs(gradient[end][v])));
            for (int w = 0; w < FG_FLOW_VARIABLES; w++) {
                double difference = 0;
                for (int end = 0; end < 2; end++)
                    difference += point.weight[end] * (slopes[1][end][w] - slopes[0][end][w]) / (2 * h);
                assert_near(hessian[v][w], difference, 1e-6 * (1 + squared[0] + squared[1] + fabs(hessian[v][w])));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_hessian),
        cmocka_unit_test(test_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
