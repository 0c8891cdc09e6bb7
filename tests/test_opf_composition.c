/* The composition itself: derivatives of every physics against finite differences, small problems solved by hand,
 * changes between solves against fresh compositions, bounds and minorants against sampled costs. */
#include "grid/opf.h"
#include "grid/opf_internal.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A feeder source - 1 - 2 with a tapped transformer, a side branch 3 and, for meshed physics, a parallel line and a
 * tie 3 - 2, with shunts, charging, ratings by power and by current, and angle limits. */
static struct fg_network *sample_network(bool meshed)
{
    struct fg_network *network = fg_network_create();
    network->base_mva = 10;
    for (int k = 0; k < 4; k++) {
        char id[8];
        snprintf(id, sizeof id, "b%d", k);
        struct fg_bus *bus = fg_network_add_bus(network, id, 20);
        bus->vm_min_pu = 0.9;
        bus->vm_max_pu = 1.1;
    }
    fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    static const struct {
        int from, to;
        double r, x, b, ratio, shift, rate;
        bool mesh_only, by_current;
    } lines[] = { { 0, 1, 0.01, 0.06, 0.00, 0.97, 0.03, 8, false, false }, { 1, 2, 0.05, 0.04, 0.02, 1, 0, 4, false, true },
                  { 1, 3, 0.06, 0.03, 0.01, 1, 0, 5, false, false },       { 2, 1, 0.04, 0.05, 0.01, 1, 0, 4, true, false },
                  { 3, 2, 0.07, 0.06, 0.00, 1.02, 0, 3, true, false } };
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        if (lines[k].mesh_only && !meshed)
            continue;
        char id[8];
        snprintf(id, sizeof id, "l%zu", k);
        struct fg_branch *branch = fg_network_add_branch(network, id, lines[k].from, lines[k].to);
        branch->r_pu = lines[k].r;
        branch->x_pu = lines[k].x;
        branch->b_from_pu = branch->b_to_pu = lines[k].b / 2;
        branch->ratio = lines[k].ratio;
        branch->shift_rad = lines[k].shift;
        branch->rate_normal_mva = lines[k].rate;
        branch->rating_kind = lines[k].by_current ? FG_RATING_CURRENT : FG_RATING_APPARENT;
        branch->angle_min_rad = -0.5;
        branch->angle_max_rad = 0.5;
    }
    fg_network_add_shunt(network, "s", 2, 0.05, 0.4);
    return network;
}

/* The block with loads, a slack and two controllable units, and one circle. */
struct sample {
    struct fg_network *network;
    struct fg_topology *topology;
    struct fg_opf *opf;
    int32_t slack_p, slack_q, unit_p, unit_q;
};

static void sample_init(struct sample *s, enum fg_physics physics, bool meshed, double voltage_price, double rating_price)
{
    struct fg_error err;
    s->network = sample_network(meshed);
    assert_int_equal(fg_topology_create(s->network, &s->topology, &err), FG_OK);
    assert_int_equal(fg_opf_create(&s->opf, &err), FG_OK);
    struct fg_opf_block_options options = fg_opf_block_defaults();
    options.physics = physics;
    options.voltage_price = voltage_price;
    options.rating_price = rating_price;
    options.reference_vm_pu = 1;
    assert_int_equal(fg_opf_add_block(s->opf, s->topology, &options, &err), 0);
    double load_p[4] = { 0, -1, -2.5, -2 }, load_q[4] = { 0, -0.2, -1, -0.5 };
    for (int k = 0; k < 4; k++) {
        struct fg_opf_injection injection = { .p_mw = load_p[k], .q_mvar = load_q[k] };
        if (k == 3) /* a voltage-dependent part, where the physics knows it */
            injection.p_impedance_mw = -0.3;
        if (k == 3 && physics == FG_PHYSICS_AC)
            injection.p_current_mw = -0.2;
        fg_opf_set_injection(s->opf, 0, s->topology->node_of_bus[k], &injection);
    }
    s->slack_p = fg_opf_add_variable(s->opf, -50, 50, 0, 10);
    s->slack_q = fg_opf_add_variable(s->opf, -50, 50, 0, 10);
    s->unit_p = fg_opf_add_variable(s->opf, 0, 3, 0.5, 3);
    s->unit_q = fg_opf_add_variable(s->opf, -2, 2, 0, 3);
    fg_opf_set_cost(s->opf, s->slack_p, 30, 0);
    fg_opf_set_cost(s->opf, s->unit_p, 45, 1.5);
    assert_true(fg_opf_add_circle(s->opf, s->unit_p, s->unit_q, 2.5) == 0);
    int32_t source = s->topology->node_of_bus[0], far = s->topology->node_of_bus[2];
    assert_int_equal(fg_opf_inject(s->opf, 0, source, s->slack_p, 1, 0, &err), FG_OK);
    assert_int_equal(fg_opf_inject(s->opf, 0, source, s->slack_q, 0, 1, &err), FG_OK);
    assert_int_equal(fg_opf_inject(s->opf, 0, far, s->unit_p, 1, 0, &err), FG_OK);
    assert_int_equal(fg_opf_inject(s->opf, 0, far, s->unit_q, 0, 1, &err), FG_OK);
}

static void sample_release(struct sample *s)
{
    fg_opf_destroy(s->opf);
    fg_topology_destroy(s->topology);
    fg_network_destroy(s->network);
}

/* Jacobian and Hessian of the Lagrangian by central differences at a random point. */
static void check_derivatives(struct sample *s, uint64_t seed)
{
    struct fg_error err;
    assert_int_equal(fg_opf_build(s->opf, &err), FG_OK);
    const struct fg_nlp_problem *problem = &s->opf->problem;
    size_t n = (size_t)problem->n, m = (size_t)problem->m;
    struct fg_random random;
    fg_random_init(&random, seed);
    double *x = calloc(n, sizeof *x), *y = calloc(m, sizeof *y), *g = calloc(m, sizeof *g), *h = calloc(m, sizeof *h);
    double *gradient[3], *jacobian[3], *hessian[3];
    for (int k = 0; k < 3; k++) {
        gradient[k] = calloc(n, sizeof(double));
        jacobian[k] = calloc((size_t)problem->jacobian_nnz, sizeof(double));
        hessian[k] = calloc((size_t)problem->hessian_nnz, sizeof(double));
    }
    for (size_t i = 0; i < n; i++)
        x[i] = s->opf->x_start[i] + fg_random_between(&random, -0.05, 0.05);
    for (size_t r = 0; r < m; r++)
        y[r] = fg_random_between(&random, -2, 2);
    problem->derivatives(problem->user, x, 0.7, y, gradient[0], jacobian[0], hessian[0]);
    double *column = calloc(m, sizeof *column), *second = calloc(n, sizeof *second);
    for (size_t i = 0; i < n; i++) {
        double step = 1e-6, f_up, f_down, held = x[i];
        x[i] = held + step;
        problem->functions(problem->user, x, &f_up, g);
        problem->derivatives(problem->user, x, 0.7, y, gradient[1], jacobian[1], hessian[1]);
        x[i] = held - step;
        problem->functions(problem->user, x, &f_down, h);
        problem->derivatives(problem->user, x, 0.7, y, gradient[2], jacobian[2], hessian[2]);
        x[i] = held;
        assert_true(fabs((f_up - f_down) / (2 * step) - gradient[0][i]) < 1e-4 * fmax(1, fabs(gradient[0][i])));
        memset(column, 0, m * sizeof *column);
        memset(second, 0, n * sizeof *second);
        for (int64_t e = 0; e < problem->jacobian_nnz; e++) {
            if (problem->jacobian_column[e] == (int32_t)i)
                column[problem->jacobian_row[e]] += jacobian[0][e];
            second[problem->jacobian_column[e]] +=
                y[problem->jacobian_row[e]] * (jacobian[1][e] - jacobian[2][e]) / (2 * step);
        }
        for (size_t r = 0; r < m; r++)
            assert_true(fabs((g[r] - h[r]) / (2 * step) - column[r]) < 1e-5 * fmax(1, fabs(column[r])));
        for (size_t k = 0; k < n; k++)
            second[k] += 0.7 * (gradient[1][k] - gradient[2][k]) / (2 * step);
        for (int64_t e = 0; e < problem->hessian_nnz; e++) {
            if (problem->hessian_row[e] == (int32_t)i)
                second[problem->hessian_column[e]] -= hessian[0][e];
            else if (problem->hessian_column[e] == (int32_t)i)
                second[problem->hessian_row[e]] -= hessian[0][e];
        }
        for (size_t k = 0; k < n; k++)
            assert_true(fabs(second[k]) < 2e-4);
    }
    for (int k = 0; k < 3; k++) {
        free(gradient[k]);
        free(jacobian[k]);
        free(hessian[k]);
    }
    free(x);
    free(y);
    free(g);
    free(h);
    free(column);
    free(second);
}

static void derivatives_match_finite_differences(void **unused)
{
    (void)unused;
    static const enum fg_physics kinds[] = { FG_PHYSICS_AC, FG_PHYSICS_SOC, FG_PHYSICS_LINDISTFLOW, FG_PHYSICS_DC,
                                             FG_PHYSICS_NONE };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int elastic = 0; elastic < 2; elastic++) {
            struct sample s;
            double price = elastic ? 1000 : INFINITY;
            sample_init(&s, kinds[k], kinds[k] != FG_PHYSICS_LINDISTFLOW, price, price);
            check_derivatives(&s, 7 + k);
            sample_release(&s);
        }
}

static double solve(struct sample *s, struct fg_opf_result *result)
{
    struct fg_error err;
    struct fg_opf_options options = fg_opf_defaults();
    options.tolerance = 1e-9;
    assert_int_equal(fg_opf_solve(s->opf, &options, result, &err), FG_OK);
    assert_int_equal(result->status, FG_OPF_OPTIMAL);
    return result->objective;
}

/* Copper plate by hand: 5.8 MW of load less the shunt's 0.05 MW injection... the shunt consumes 0.05; the slack at 30 is
 * cheaper than the unit at 45, so the unit stays at zero and the price is 30 everywhere. */
static void copper_plate_by_hand(void **unused)
{
    (void)unused;
    struct sample s;
    struct fg_opf_result result;
    sample_init(&s, FG_PHYSICS_NONE, true, INFINITY, INFINITY);
    double demand = 1 + 2.5 + 2 + 0.3 + 0.05;
    assert_true(fabs(solve(&s, &result) - 30 * demand) < 1e-4);
    assert_true(fabs(fg_opf_value(s.opf, s.unit_p)) < 1e-5);
    assert_true(fabs(fg_opf_node(s.opf, 0, 2).price_p - 30) < 1e-5);
    /* A cap on the slack makes the unit the marginal one: price 45 + 2 * 1.5 * p. */
    fg_opf_set_bounds(s.opf, s.slack_p, -50, demand - 1);
    assert_true(fabs(solve(&s, &result) - (30 * (demand - 1) + 45 + 1.5)) < 1e-4);
    assert_true(fabs(fg_opf_node(s.opf, 0, 1).price_p - 48) < 1e-4);
    assert_true(fabs(fg_opf_bound_dual(s.opf, s.slack_p) + 18) < 1e-4); /* 30 - 48 per MW of the bound */
    sample_release(&s);
}

/* The relaxation never exceeds the exact optimum, its dual bound never exceeds the relaxation. */
static void bounds_are_ordered(void **unused)
{
    (void)unused;
    for (int meshed = 0; meshed < 2; meshed++)
        for (int elastic = 0; elastic < 2; elastic++) {
            double price = elastic ? 300 : INFINITY;
            struct sample exact, relaxed;
            struct fg_opf_result at_exact, at_relaxed;
            sample_init(&exact, FG_PHYSICS_AC, meshed, price, price);
            sample_init(&relaxed, FG_PHYSICS_SOC, meshed, price, price);
            for (int32_t i = 0; i < exact.topology->node_count; i++) { /* the relaxation knows no current shares */
                struct fg_opf_injection injection = exact.opf->blocks[0].injection[i];
                injection.p_current_mw = 0;
                fg_opf_set_injection(exact.opf, 0, i, &injection);
            }
            fg_opf_set_rating(exact.opf, 0, 1, 1.8, price);
            fg_opf_set_rating(relaxed.opf, 0, 1, 1.8, price);
            double cost = solve(&exact, &at_exact), least = solve(&relaxed, &at_relaxed);
            assert_true(least <= cost * (1 + 1e-7));
            assert_true(at_relaxed.bound <= least + 1e-6 * cost); /* the solver widens bounds by 1e-8 */
            assert_true(least - at_relaxed.bound < 1e-4 * cost);
            assert_true(at_exact.bound == -INFINITY);
            sample_release(&exact);
            sample_release(&relaxed);
        }
}

/* The minorant of a convex block lies below its cost for any injection: here the cost of re-solved problems whose unit
 * is fixed elsewhere, with the slack's energy bill added to both sides. */
static void minorants_lie_below(void **unused)
{
    (void)unused;
    static const enum fg_physics kinds[] = { FG_PHYSICS_SOC, FG_PHYSICS_LINDISTFLOW, FG_PHYSICS_DC };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct sample s;
        struct fg_opf_result result;
        struct fg_error err;
        sample_init(&s, kinds[k], false, 500, 500);
        fg_opf_set_rating(s.opf, 0, 1, 1.5, 500);
        solve(&s, &result);
        double constant, slope_p[4], slope_q[4];
        assert_int_equal(fg_opf_block_minorant(s.opf, 0, &constant, slope_p, slope_q, &err), FG_OK);
        for (int trial = 0; trial <= 10; trial++) {
            double p = 0.25 * trial;
            fg_opf_set_bounds(s.opf, s.unit_p, p, p);
            struct fg_opf_options options = fg_opf_defaults();
            assert_int_equal(fg_opf_solve(s.opf, &options, &result, &err), FG_OK);
            assert_int_equal(result.status, FG_OPF_OPTIMAL);
            int32_t source = s.topology->node_of_bus[0], far = s.topology->node_of_bus[2];
            double line = constant + slope_p[source] * fg_opf_value(s.opf, s.slack_p) +
                          slope_q[source] * fg_opf_value(s.opf, s.slack_q) + slope_p[far] * p +
                          slope_q[far] * fg_opf_value(s.opf, s.unit_q);
            assert_true(line <= result.elastic_cost + 1e-4);
        }
        sample_release(&s);
    }
}

/* Changing numbers between solves gives what a fresh composition gives; prices are finite differences of the cost. */
static void changes_equal_fresh_compositions(void **unused)
{
    (void)unused;
    struct sample s, fresh;
    struct fg_opf_result result, other;
    sample_init(&s, FG_PHYSICS_AC, true, INFINITY, INFINITY);
    solve(&s, &result);
    struct fg_opf_node before = fg_opf_node(s.opf, 0, 3);
    double cost = result.objective, step = 1e-3;
    struct fg_opf_injection injection = s.opf->blocks[0].injection[3];
    injection.p_mw -= step; /* one step more consumed */
    fg_opf_set_injection(s.opf, 0, 3, &injection);
    assert_true(s.opf->is_built);
    double more = solve(&s, &result);
    injection.p_mw += 2 * step;
    fg_opf_set_injection(s.opf, 0, 3, &injection);
    double less = solve(&s, &result);
    assert_true(fabs((more - less) / (2 * step) - before.price_p) < 1e-3);
    assert_true(cost > less && cost < more);

    sample_init(&fresh, FG_PHYSICS_AC, true, INFINITY, INFINITY);
    fg_opf_set_injection(fresh.opf, 0, 3, &injection);
    assert_true(fabs(solve(&fresh, &other) - less) < 1e-6 * less);
    sample_release(&fresh);
    sample_release(&s);
}

/* Elastic limits at a huge price give the hard solution; at a price below the multiplier they give way. */
static void elastic_limits_meet_hard_ones(void **unused)
{
    (void)unused;
    struct sample hard, soft;
    struct fg_opf_result result;
    sample_init(&hard, FG_PHYSICS_AC, true, INFINITY, INFINITY);
    sample_init(&soft, FG_PHYSICS_AC, true, 1e5, 1e5);
    fg_opf_set_rating(hard.opf, 0, 0, 5.2, INFINITY);
    fg_opf_set_rating(soft.opf, 0, 0, 5.2, 1e5);
    double cost = solve(&hard, &result);
    double dual = fg_opf_edge(hard.opf, 0, 0).dual_from + fg_opf_edge(hard.opf, 0, 0).dual_to;
    assert_true(dual < -5); /* the transformer binds: the unit at 45 replaces the slack at 30 */
    assert_true(fabs(solve(&soft, &result) - cost) < 1e-4 * cost);
    assert_true(result.elastic_cost < 1e-4 * cost);
    double price = -dual / 2;
    fg_opf_set_rating(soft.opf, 0, 0, 5.2, price);
    assert_true(solve(&soft, &result) < cost);
    struct fg_opf_edge edge = fg_opf_edge(soft.opf, 0, 0);
    double excess = edge.excess_from_mva + edge.excess_to_mva;
    assert_true(excess > 1e-2);
    assert_true(fabs(result.elastic_cost - price * excess) < 1e-3 * result.elastic_cost + 1e-3);
    sample_release(&hard);
    sample_release(&soft);
}

/* Convex points are solved exactly, a curve that is not convex is refused by its place. */
static void piecewise_costs(void **unused)
{
    (void)unused;
    struct fg_opf *opf;
    struct fg_error err;
    struct fg_opf_result result;
    assert_int_equal(fg_opf_create(&opf, &err), FG_OK);
    int32_t x = fg_opf_add_variable(opf, 0, 10, 5, 10), y = fg_opf_add_variable(opf, 0, 10, 5, 10);
    static const double convex[] = { 0, 0, 4, 40, 10, 160 }; /* 10 per unit, then 20 */
    static const double concave[] = { 0, 0, 4, 80, 10, 100 };
    assert_int_equal(fg_opf_add_piecewise(opf, x, 3, convex, 1, &err), FG_OK);
    assert_int_equal(fg_opf_add_piecewise(opf, y, 3, concave, 1, &err), FG_ERR_UNSUPPORTED);
    fg_opf_set_cost(opf, y, 15, 0);
    int32_t row = fg_opf_add_row(opf, 9, 9, INFINITY); /* x + y = 9: x up to the kink, the rest from y */
    assert_int_equal(fg_opf_add_term(opf, row, x, 1, &err), FG_OK);
    assert_int_equal(fg_opf_add_term(opf, row, y, 1, &err), FG_OK);
    struct fg_opf_options options = fg_opf_defaults();
    assert_int_equal(fg_opf_solve(opf, &options, &result, &err), FG_OK);
    assert_int_equal(result.status, FG_OPF_OPTIMAL);
    assert_true(fabs(result.objective - (40 + 75)) < 1e-3);
    assert_true(fabs(fg_opf_value(opf, x) - 4) < 1e-3);
    assert_true(fabs(fg_opf_row_dual(opf, row) - 15) < 1e-3);
    assert_true(result.bound <= 115 + 1e-6 && result.bound > 114.9);
    fg_opf_destroy(opf);
}

static void survives_failing_allocations(void **unused)
{
    (void)unused;
    for (long n = 1;; n++) {
        struct sample s;
        struct fg_error err;
        struct fg_opf_result result;
        struct fg_opf_options options = fg_opf_defaults();
        sample_init(&s, FG_PHYSICS_SOC, true, 100, 100);
        fg_alloc_fail_after(n);
        enum fg_code code = fg_opf_solve(s.opf, &options, &result, &err);
        fg_alloc_fail_after(0);
        sample_release(&s);
        if (code == FG_OK)
            break;
        assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_match_finite_differences), cmocka_unit_test(copper_plate_by_hand),
        cmocka_unit_test(bounds_are_ordered),                   cmocka_unit_test(minorants_lie_below),
        cmocka_unit_test(changes_equal_fresh_compositions),     cmocka_unit_test(elastic_limits_meet_hard_ones),
        cmocka_unit_test(piecewise_costs),                      cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
