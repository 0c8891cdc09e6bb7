/* Properties of the optimal power flow that hold for every network: derivatives are those of the functions, multipliers are
 * changes of the cost, relaxations bound, a kept composition gives what a fresh one gives, and small cases equal hand
 * calculations. Random networks are seeded; the seed is printed when one fails. */
#include "base/memory.h"
#include "grid/check.h"
#include "grid/opf.h"
#include "grid/opf_internal.h"
#include "grid/opf_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "near.h"
#include "random_network.h"

enum { SEEDS = 12 };

static const struct random_network_options feeder = {.buses = 14, .generators = 4, .transformers = true,
                                                     .voltage_dependent = true, .rated = true, .narrow = true};
static const struct random_network_options meshed = {.buses = 12, .extra_branches = 5, .generators = 4,
                                                     .transformers = true, .voltage_dependent = true, .rated = true};

static struct fg_topology *topology_of(const struct fg_network *network)
{
    struct fg_topology *topology;
    struct fg_error err;
    if (fg_topology_create(network, &topology, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return topology;
}

static struct fg_opf *opf_create(void)
{
    struct fg_opf *opf;
    assert_int_equal(fg_opf_create(&opf, NULL), FG_OK);
    return opf;
}

static struct fg_opf_result opf_solve(struct fg_opf *opf, double tolerance, bool warm)
{
    struct fg_opf_options options = fg_opf_defaults();
    struct fg_opf_result result;
    struct fg_error err;
    options.tolerance = tolerance;
    options.warm_start = warm;
    if (fg_opf_solve(opf, &options, &result, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return result;
}

/* The network's loads and generators in one block; variables 2k, 2k + 1 are P and Q of generator k. */
static int32_t add_network(struct fg_opf *opf, const struct fg_topology *topology,
                           const struct fg_opf_block_options *options)
{
    const struct fg_network *network = topology->network;
    struct fg_error err;
    int32_t block = fg_opf_add_block(opf, topology, options, &err);
    if (block < 0)
        fail_msg("%s: %s", err.place, err.text);
    for (size_t k = 0; k < network->injection_count; k++) {
        const struct fg_injection *load = &network->injections[k];
        double pc = load->p_current_share, pz = load->p_impedance_share, qc = load->q_current_share,
               qz = load->q_impedance_share;
        struct fg_opf_injection injection = {load->p_mw * (1 - pc - pz), load->q_mvar * (1 - qc - qz), load->p_mw * pc,
                                             load->q_mvar * qc, load->p_mw * pz, load->q_mvar * qz};
        fg_opf_set_injection(opf, block, topology->node_of_bus[load->bus], &injection);
    }
    for (size_t k = 0; k < network->generator_count; k++) {
        const struct fg_generator *g = &network->generators[k];
        int32_t p = fg_opf_add_variable(opf, g->p_min_mw, g->p_max_mw, 0, 1);
        int32_t q = fg_opf_add_variable(opf, g->q_min_mvar, g->q_max_mvar, 0, 1);
        fg_opf_set_cost(opf, p, g->cost.values[1], g->cost.values[2]);
        assert_int_equal(fg_opf_inject(opf, block, topology->node_of_bus[g->bus], p, 1, 0, NULL), FG_OK);
        assert_int_equal(fg_opf_inject(opf, block, topology->node_of_bus[g->bus], q, 0, 1, NULL), FG_OK);
    }
    return block;
}

/* -- derivatives ---------------------------------------------------------------------------------------------------- */

/* Gradient of sigma f + y'g along with J d, from one call of the derivatives. */
static void lagrangian(const struct fg_opf *opf, const double *x, double sigma, const double *y, double *gradient,
                       const double *d, double *jd, double *hd)
{
    const struct fg_nlp_problem *p = &opf->problem;
    double *jacobian = calloc((size_t)p->jacobian_nnz + 1, sizeof *jacobian);
    double *hessian = calloc((size_t)p->hessian_nnz + 1, sizeof *hessian);
    p->derivatives(p->user, x, sigma, y, gradient, jacobian, hessian);
    for (int32_t i = 0; i < p->n; i++)
        gradient[i] *= sigma;
    for (int32_t r = 0; jd != NULL && r < p->m; r++)
        jd[r] = 0;
    for (int32_t i = 0; hd != NULL && i < p->n; i++)
        hd[i] = 0;
    for (int64_t e = 0; e < p->jacobian_nnz; e++) {
        int32_t r = p->jacobian_row[e], c = p->jacobian_column[e];
        gradient[c] += y[r] * jacobian[e];
        if (jd != NULL)
            jd[r] += jacobian[e] * d[c];
    }
    for (int64_t e = 0; hd != NULL && e < p->hessian_nnz; e++) {
        int32_t r = p->hessian_row[e], c = p->hessian_column[e];
        hd[r] += hessian[e] * d[c];
        if (r != c)
            hd[c] += hessian[e] * d[r];
    }
    free(jacobian);
    free(hessian);
}

static void check_derivatives(struct fg_opf *opf, struct fg_random *random)
{
    struct fg_error err;
    if (fg_opf_build(opf, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    fg_opf_refresh(opf);
    const struct fg_nlp_problem *p = &opf->problem;
    size_t n = (size_t)p->n, m = (size_t)p->m;
    double *memory = calloc(6 * n + 5 * m, sizeof *memory);
    double *x = memory, *d = x + n, *moved = d + n, *hd = moved + n, *plus = hd + n, *minus = plus + n;
    double *y = minus + n, *jd = y + m, *g_plus = jd + m, *g_minus = g_plus + m;
    const double h = 3e-7; /* elastic ratings of short branches are strongly curved */
    for (int trial = 0; trial < 5; trial++) {
        for (size_t i = 0; i < n; i++) {
            x[i] = opf->x_start[i] + fg_random_between(random, 0.01, 0.1); /* away from the kinks of elastic ratings */
            d[i] = fg_random_between(random, -1, 1);
        }
        for (size_t r = 0; r < m; r++)
            y[r] = fg_random_between(random, -2, 2);
        double f_plus, f_minus, slope = 0;
        lagrangian(opf, x, 0.7, y, moved, d, jd, hd);
        for (size_t i = 0; i < n; i++)
            slope += moved[i] * d[i];
        for (size_t i = 0; i < n; i++)
            moved[i] = x[i] + h * d[i];
        p->functions(p->user, moved, &f_plus, g_plus);
        lagrangian(opf, moved, 0.7, y, plus, NULL, NULL, NULL);
        for (size_t i = 0; i < n; i++)
            moved[i] = x[i] - h * d[i];
        p->functions(p->user, moved, &f_minus, g_minus);
        lagrangian(opf, moved, 0.7, y, minus, NULL, NULL, NULL);
        double along = 0.7 * (f_plus - f_minus) / (2 * h);
        for (size_t r = 0; r < m; r++) {
            double difference = (g_plus[r] - g_minus[r]) / (2 * h);
            assert_near(jd[r], difference, 1e-5 * fmax(1, fabs(difference)));
            along += y[r] * difference;
        }
        assert_near(slope, along, 1e-5 * fmax(1, fabs(along)));
        for (size_t i = 0; i < n; i++) {
            double difference = (plus[i] - minus[i]) / (2 * h);
            assert_near(hd[i], difference, 2e-5 * fmax(1, fabs(difference)));
        }
    }
    free(memory);
}

static void derivatives_are_those_of_the_functions(void **state)
{
    (void)state;
    static const enum fg_physics physics[] = {FG_PHYSICS_AC, FG_PHYSICS_SOC, FG_PHYSICS_LINDISTFLOW, FG_PHYSICS_DC,
                                              FG_PHYSICS_NONE};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (size_t k = 0; k < sizeof physics / sizeof *physics; k++)
            for (int elastic = 0; elastic < 2; elastic++) {
                bool needs_tree = physics[k] == FG_PHYSICS_LINDISTFLOW || seed % 2 == 0;
                struct random_network_options of = needs_tree ? feeder : meshed;
                of.voltage_dependent = physics[k] != FG_PHYSICS_SOC; /* constant currents have no cone form */
                struct fg_network *network = random_network(seed, &of);
                if (seed % 3 == 0)
                    for (size_t b = 0; b < network->branch_count; b++)
                        network->branches[b].rating_kind = FG_RATING_CURRENT;
                struct fg_topology *topology = topology_of(network);
                struct fg_opf *opf = opf_create();
                struct fg_opf_block_options options = fg_opf_block_defaults();
                options.physics = physics[k];
                if (elastic)
                    options.voltage_price = 1000, options.rating_price = 100;
                int32_t block = add_network(opf, topology, &options);
                double cubic[4] = {1, 2, 0.3, 0.04};
                assert_int_equal(fg_opf_set_polynomial(opf, 2, 4, cubic, NULL), FG_OK);
                fg_opf_set_proximal(opf, 4, 2, 0.5);
                fg_opf_add_circle(opf, 2, 3, 2);
                assert_true(block == 0);
                struct fg_random random;
                fg_random_init(&random, seed * 100 + k);
                check_derivatives(opf, &random);
                fg_opf_destroy(opf);
                fg_topology_destroy(topology);
                fg_network_destroy(network);
            }
}

/* -- solutions of random networks ------------------------------------------------------------------------------------ */

static struct fg_opf_network_result network_solve(const struct fg_network *network, double tolerance, bool relaxation)
{
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct fg_opf_network_result result;
    struct fg_error err;
    options.solver.tolerance = tolerance;
    options.relaxation = relaxation;
    if (fg_opf_network_solve(network, &options, &result, &err) != FG_OK)
        fail_msg("%s: %s", err.place, err.text);
    return result;
}

static void solutions_hold_on_the_original_network_and_the_relaxation_bounds(void **state)
{
    (void)state;
    int radial = 0, optimal = 0;
    for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
        struct random_network_options options = seed % 3 == 0 ? meshed : feeder;
        options.voltage_dependent = false; /* constant currents have no cone form */
        struct fg_network *network = random_network(seed, &options);
        struct fg_opf_network_result result = network_solve(network, 1e-7, true);
        if (result.status == FG_OPF_OPTIMAL) {
            optimal++;
            struct fg_check_state at = {.vm_pu = result.vm_pu,
                                        .va_rad = result.va_rad,
                                        .generator_p_mw = result.pg_mw,
                                        .generator_q_mvar = result.qg_mvar};
            struct fg_check_report report;
            assert_int_equal(fg_check_run(network, &at, 1e-6, &report, NULL), FG_OK);
            if (report.max_violation > 1e-6 || !result.has_bound || result.soc_bound > result.objective * (1 + 1e-6))
                fail_msg("seed %llu: violation %g, bound %.10g, objective %.10g", (unsigned long long)seed,
                         report.max_violation, result.soc_bound, result.objective);
            fg_check_report_release(&report);
            if (seed % 3 != 0)
                radial++;
        } else { /* the narrow band may be out of reach; then some limit is named */
            assert_true(result.status == FG_OPF_LOCALLY_INFEASIBLE || result.status == FG_OPF_INFEASIBLE_PROVED);
            assert_true(result.broken_count > 0);
        }
        fg_opf_network_result_release(&result);
        fg_network_destroy(network);
    }
    assert_true(optimal >= 2 * SEEDS && radial >= SEEDS); /* the property was seen often enough to mean something */
}

/* On a feeder that only consumes, with no upper voltage limit near, the cone is exact (L. Gan, N. Li, U. Topcu,
 * S. H. Low, "Exact convex relaxation of optimal power flow in radial networks", 2015). */
static void relaxation_is_exact_on_consuming_feeders(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random_network_options options = {.buses = 15};
        struct fg_network *network = random_network(seed, &options);
        struct fg_opf_network_result result = network_solve(network, 1e-8, true);
        assert_int_equal(result.status, FG_OPF_OPTIMAL);
        assert_true(result.has_bound);
        if (!(result.soc_gap <= 1e-5 && result.soc_gap >= -1e-6))
            fail_msg("seed %llu: gap %g", (unsigned long long)seed, result.soc_gap);
        fg_opf_network_result_release(&result);
        fg_network_destroy(network);
    }
}

static double cost_with(struct fg_network *network, double *value, double moved)
{
    double kept = *value;
    *value = moved;
    struct fg_opf_network_result result = network_solve(network, 1e-10, false);
    double objective = result.status == FG_OPF_OPTIMAL ? result.objective : NAN;
    *value = kept;
    fg_opf_network_result_release(&result);
    return objective;
}

/* Nodal prices and prices of ratings are the changes of the cost. Where the set of binding limits changes within the step
 * the cost has a kink; the price then lies between the one-sided changes. */
static void prices_are_changes_of_the_cost(void **state)
{
    (void)state;
    const double step = 1e-3;
    int compared = 0, binding = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random_network_options options = seed % 2 ? meshed : feeder;
        options.voltage_dependent = false;
        struct fg_network *network = random_network(seed, &options);
        struct fg_opf_network_result base = network_solve(network, 1e-10, false);
        for (size_t k = 0; base.status == FG_OPF_OPTIMAL && k < network->injection_count; k += 3)
            for (int reactive = 0; reactive < 2; reactive++) {
                struct fg_injection *load = &network->injections[k];
                double *value = reactive ? &load->q_mvar : &load->p_mw;
                double price = reactive ? base.price_q[load->bus] : base.price_p[load->bus];
                double more = (cost_with(network, value, *value - step) - base.objective) / step;
                double less = (base.objective - cost_with(network, value, *value + step)) / step;
                assert_true(price >= fmin(less, more) - 2e-2 && price <= fmax(less, more) + 2e-2);
                compared++;
            }
        for (size_t k = 0; base.status == FG_OPF_OPTIMAL && k < network->branch_count; k++) {
            if (base.rating_price[k] < 1e-2)
                continue;
            double *rate = &network->branches[k].rate_normal_mva;
            double tighter = (cost_with(network, rate, *rate - step) - base.objective) / step;
            double wider = (base.objective - cost_with(network, rate, *rate + step)) / step;
            assert_true(base.rating_price[k] >= fmin(tighter, wider) - 2e-2);
            assert_true(base.rating_price[k] <= fmax(tighter, wider) + 2e-2);
            binding++;
        }
        fg_opf_network_result_release(&base);
        fg_network_destroy(network);
    }
    print_message("%d nodal prices, %d binding ratings\n", compared, binding);
    assert_true(compared >= 50 && binding >= 3);
}

/* -- compositions ------------------------------------------------------------------------------------------------------ */

/* After changes of bounds, costs, injections, bands and ratings the kept composition gives what a fresh one gives. */
static void kept_composition_equals_a_fresh_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fg_network *network = random_network(seed, &meshed);
        struct fg_topology *topology = topology_of(network);
        struct fg_opf_block_options options = fg_opf_block_defaults();
        options.voltage_price = 1e4;
        options.rating_price = 500;
        double objective[3];
        for (int variant = 0; variant < 3; variant++) { /* fresh, kept, kept and warm */
            struct fg_opf *opf = opf_create();
            int32_t block = add_network(opf, topology, &options);
            int32_t row = fg_opf_add_row(opf, -INFINITY, 3, 80);
            assert_int_equal(fg_opf_add_term(opf, row, 0, 1, NULL), FG_OK);
            assert_int_equal(fg_opf_add_term(opf, row, 2, 1, NULL), FG_OK);
            if (variant > 0)
                opf_solve(opf, 1e-8, false);
            fg_opf_set_bounds(opf, 2, 0, 0.7);
            fg_opf_set_cost(opf, 4, 20, 1);
            fg_opf_set_injection(opf, block, 3, &(struct fg_opf_injection){.p_mw = -1.5, .q_mvar = -0.2});
            fg_opf_set_band(opf, block, 5, 0.99, 1.01, 2e4);
            fg_opf_set_rating(opf, block, 1, 2, 300);
            fg_opf_set_row(opf, row, 1, 2.5, 90);
            fg_opf_set_term(opf, row, 1, 0.5);
            struct fg_opf_result result = opf_solve(opf, 1e-8, variant == 2);
            assert_int_equal(result.status, FG_OPF_OPTIMAL);
            objective[variant] = result.objective;
            fg_opf_destroy(opf);
        }
        assert_near(objective[1], objective[0], 1e-6 * fabs(objective[0]));
        assert_near(objective[2], objective[0], 1e-6 * fabs(objective[0]));
        fg_topology_destroy(topology);
        fg_network_destroy(network);
    }
}

/* Two buses, one line, load at the far end. */
static struct fg_network *two_buses(double r, double x, double load_mw)
{
    struct fg_network *network = fg_network_create();
    random_network_must(network);
    network->base_mva = 1;
    random_network_must(fg_network_add_bus(network, "a", 10));
    random_network_must(fg_network_add_bus(network, "b", 10));
    for (int i = 0; i < 2; i++)
        network->buses[i].vm_min_pu = 0.5, network->buses[i].vm_max_pu = 1.5;
    struct fg_branch *line = fg_network_add_branch(network, "l", 0, 1);
    random_network_must(line);
    line->r_pu = r;
    line->x_pu = x;
    random_network_must(fg_network_add_injection(network, "d", FG_INJECTION_LOAD, 1, -load_mw, 0));
    struct fg_generator *source = fg_network_add_generator(network, "s", FG_GENERATOR_SOURCE, 0);
    random_network_must(source);
    source->p_min_mw = source->q_min_mvar = -10;
    source->p_max_mw = source->q_max_mvar = 10;
    double cost[2] = {0, 30};
    if (fg_network_set_cost(network, &source->cost, FG_COST_POLYNOMIAL, 2, cost, NULL) != FG_OK)
        abort();
    return network;
}

/* Power that enters the line at 1 p.u. for p drawn at its end without reactive power: with u = V^2,
 * u^2 - (1 - 2 r p) u + (r^2 + x^2) p^2 = 0, upper root, and the loss r p^2 / u. */
static double drawn_at_source(double r, double x, double p)
{
    double b = 1 - 2 * r * p, u = (b + sqrt(b * b - 4 * (r * r + x * x) * p * p)) / 2;
    return p + r * p * p / u;
}

/* A store at the far bus over two periods at 10 and 50 per MWh, round trip 0.81, capacity 0.5 MWh: one free number, the
 * charge; the optimum by a fine search over exact line losses. */
static void storage_over_two_periods_equals_a_search(void **state)
{
    (void)state;
    const double r = 0.05, x = 0.03, load = 1, price[2] = {10, 50}, efficiency = 0.9, capacity = 0.5;
    double best = INFINITY, best_charge = 0;
    for (int k = 0; k <= 100000; k++) {
        double charge = capacity / efficiency * k / 100000, discharge = efficiency * efficiency * charge;
        double cost = price[0] * drawn_at_source(r, x, load + charge) + price[1] * drawn_at_source(r, x, load - discharge);
        if (cost < best)
            best = cost, best_charge = charge;
    }
    struct fg_network *network = two_buses(r, x, load);
    struct fg_topology *topology = topology_of(network);
    struct fg_opf *opf = opf_create();
    struct fg_opf_block_options options = fg_opf_block_defaults();
    options.reference_vm_pu = 1;
    int32_t charge[2], discharge[2], energy[2];
    for (int t = 0; t < 2; t++) {
        struct fg_error err;
        int32_t block = fg_opf_add_block(opf, topology, &options, &err);
        assert_int_equal(block, t);
        fg_opf_set_injection(opf, block, 1, &(struct fg_opf_injection){.p_mw = -load});
        int32_t p = fg_opf_add_variable(opf, -10, 10, 0, 1), q = fg_opf_add_variable(opf, -10, 10, 0, 1);
        fg_opf_set_cost(opf, p, price[t], 0);
        fg_opf_inject(opf, block, 0, p, 1, 0, NULL);
        fg_opf_inject(opf, block, 0, q, 0, 1, NULL);
        charge[t] = fg_opf_add_variable(opf, 0, 1, 0, 1);
        discharge[t] = fg_opf_add_variable(opf, 0, 1, 0, 1);
        energy[t] = fg_opf_add_variable(opf, 0, capacity, 0, 1);
        fg_opf_inject(opf, block, 1, charge[t], -1, 0, NULL);
        fg_opf_inject(opf, block, 1, discharge[t], 1, 0, NULL);
        int32_t row = fg_opf_add_row(opf, 0, 0, INFINITY);
        fg_opf_add_term(opf, row, energy[t], 1, NULL);
        if (t > 0)
            fg_opf_add_term(opf, row, energy[t - 1], -1, NULL);
        fg_opf_add_term(opf, row, charge[t], -efficiency, NULL);
        fg_opf_add_term(opf, row, discharge[t], 1 / efficiency, NULL);
    }
    struct fg_opf_result result = opf_solve(opf, 1e-8, false);
    assert_int_equal(result.status, FG_OPF_OPTIMAL);
    assert_near(result.objective, best, 1e-5);
    assert_near(fg_opf_value(opf, charge[0]), best_charge, 1e-4);
    assert_near(fg_opf_value(opf, discharge[1]), efficiency * efficiency * best_charge, 1e-4);
    assert_near(fg_opf_value(opf, charge[1]), 0, 1e-4);
    assert_near(fg_opf_value(opf, energy[0]), efficiency * best_charge, 1e-4);
    fg_opf_destroy(opf);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

/* Every physics on the two buses by hand, 1 MW drawn, no reactive power, 1 p.u. at the source. */
static void two_buses_by_hand_in_every_physics(void **state)
{
    (void)state;
    const double r = 0.05, x = 0.03, load = 1;
    double u = 1 - 2 * r * load; /* squared voltage of LinDistFlow */
    double exact = drawn_at_source(r, x, load), b = 1 - 2 * r * load;
    double vm = sqrt((b + sqrt(b * b - 4 * (r * r + x * x) * load * load)) / 2);
    struct {
        enum fg_physics physics;
        double p_mw, vm_pu;
    } expected[] = {{FG_PHYSICS_AC, exact, vm},
                    {FG_PHYSICS_SOC, exact, vm},
                    {FG_PHYSICS_LINDISTFLOW, load, sqrt(u)},
                    {FG_PHYSICS_DC, load, NAN},
                    {FG_PHYSICS_NONE, load, NAN}};
    struct fg_network *network = two_buses(r, x, load);
    struct fg_topology *topology = topology_of(network);
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        struct fg_opf *opf = opf_create();
        struct fg_opf_block_options options = fg_opf_block_defaults();
        options.physics = expected[k].physics;
        options.reference_vm_pu = 1;
        int32_t block = fg_opf_add_block(opf, topology, &options, NULL);
        int32_t p = fg_opf_add_variable(opf, -10, 10, 0, 1), q = fg_opf_add_variable(opf, -10, 10, 0, 1);
        fg_opf_set_injection(opf, block, 1, &(struct fg_opf_injection){.p_mw = -load});
        fg_opf_inject(opf, block, 0, p, 1, 0, NULL);
        fg_opf_inject(opf, block, 0, q, 0, 1, NULL);
        fg_opf_set_cost(opf, p, 30, 0);
        struct fg_opf_result result = opf_solve(opf, 1e-9, false);
        assert_int_equal(result.status, FG_OPF_OPTIMAL);
        assert_near(fg_opf_value(opf, p), expected[k].p_mw, 1e-6);
        assert_near(result.objective, 30 * expected[k].p_mw, 1e-4);
        if (!isnan(expected[k].vm_pu))
            assert_near(fg_opf_node(opf, block, 1).vm_pu, expected[k].vm_pu, 1e-6);
        double price = fg_opf_node(opf, block, 1).price_p; /* d/dp of 30 times what is drawn at the source */
        bool is_exact = expected[k].physics == FG_PHYSICS_AC || expected[k].physics == FG_PHYSICS_SOC;
        double step = 1e-5, marginal = (drawn_at_source(r, x, load + step) - drawn_at_source(r, x, load - step)) / (2 * step);
        assert_near(price, is_exact ? 30 * marginal : 30, 2e-3);
        if (expected[k].physics != FG_PHYSICS_AC) /* the dual bound is the optimum */
            assert_near(result.bound, result.objective, 1e-3);
        if (expected[k].physics != FG_PHYSICS_NONE)
            assert_near(fg_opf_edge(opf, block, 0).pf_mw, expected[k].p_mw, 1e-6);
        fg_opf_destroy(opf);
    }
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

/* Elastic limits pay exactly their price: the voltage at the end is 1 - what the load takes, whatever it costs. */
static void elastic_limits_pay_for_what_they_give_way(void **state)
{
    (void)state;
    const double r = 0.05, x = 0.03, load = 1;
    double b = 1 - 2 * r * load, vm = sqrt((b + sqrt(b * b - 4 * (r * r + x * x) * load * load)) / 2);
    struct fg_network *network = two_buses(r, x, load);
    network->buses[1].vm_min_pu = 0.98;
    network->branches[0].rate_normal_mva = 0.8;
    struct fg_topology *topology = topology_of(network);
    struct fg_opf *opf = opf_create();
    struct fg_opf_block_options options = fg_opf_block_defaults();
    options.reference_vm_pu = 1;
    options.voltage_price = 1000;
    options.rating_price = 70;
    int32_t block = fg_opf_add_block(opf, topology, &options, NULL);
    int32_t p = fg_opf_add_variable(opf, -10, 10, 0, 1), q = fg_opf_add_variable(opf, -10, 10, 0, 1);
    fg_opf_set_injection(opf, block, 1, &(struct fg_opf_injection){.p_mw = -load});
    fg_opf_inject(opf, block, 0, p, 1, 0, NULL);
    fg_opf_inject(opf, block, 0, q, 0, 1, NULL);
    fg_opf_set_cost(opf, p, 30, 0);
    struct fg_opf_result result = opf_solve(opf, 1e-8, false);
    assert_int_equal(result.status, FG_OPF_OPTIMAL);
    struct fg_opf_node end = fg_opf_node(opf, block, 1);
    struct fg_opf_edge line = fg_opf_edge(opf, block, 0);
    double from_mva = hypot(line.pf_mw, line.qf_mvar), to_mva = hypot(line.pt_mw, line.qt_mvar);
    assert_near(end.vm_pu, vm, 1e-6);
    assert_near(end.vm_excess_pu, vm - 0.98, 1e-5);
    assert_near(line.excess_from_mva, from_mva - 0.8, 1e-4);
    assert_near(line.excess_to_mva, to_mva - 0.8, 1e-4);
    double paid = 1000 * (0.98 - vm) + 70 * (from_mva - 0.8 + to_mva - 0.8);
    assert_near(result.elastic_cost, paid, 1e-2);
    assert_near(result.objective, 30 * drawn_at_source(r, x, load) + paid, 1e-2);
    assert_near(end.vm_dual, 1000, 1);
    assert_near(line.dual_from, -70, 0.5);
    fg_opf_destroy(opf);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

/* The minorant of a convex block lies below the block's cost at any injection. */
static void minorant_lies_below_the_cost_everywhere(void **state)
{
    (void)state;
    static const enum fg_physics physics[] = {FG_PHYSICS_SOC, FG_PHYSICS_LINDISTFLOW, FG_PHYSICS_DC};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (size_t k = 0; k < sizeof physics / sizeof *physics; k++) {
            struct random_network_options of = feeder;
            of.voltage_dependent = of.transformers = false;
            struct fg_network *network = random_network(seed, &of);
            struct fg_topology *topology = topology_of(network);
            struct fg_opf *opf = opf_create();
            struct fg_opf_block_options options = fg_opf_block_defaults();
            options.physics = physics[k];
            options.voltage_price = 5000;
            options.rating_price = 200;
            int32_t block = add_network(opf, topology, &options);
            assert_int_equal(opf_solve(opf, 1e-7, false).status, FG_OPF_OPTIMAL);
            size_t n = (size_t)topology->node_count;
            double constant, *slope = calloc(2 * n, sizeof *slope);
            struct fg_error err;
            if (fg_opf_block_minorant(opf, block, &constant, slope, slope + n, &err) != FG_OK)
                fail_msg("%s: %s", err.place, err.text);
            double paid = 0; /* the minorant touches the cost where it was made */
            for (size_t v = 0; v < network->generator_count; v++) {
                int32_t node = topology->node_of_bus[network->generators[v].bus];
                paid += slope[node] * fg_opf_value(opf, (int32_t)(2 * v)) +
                        slope[n + (size_t)node] * fg_opf_value(opf, (int32_t)(2 * v + 1));
            }
            struct fg_opf_result there = opf_solve(opf, 1e-7, false);
            assert_near(constant + paid, there.elastic_cost, 1e-2 + 1e-3 * there.elastic_cost);
            struct fg_random random;
            fg_random_init(&random, seed);
            for (int trial = 0; trial < 4; trial++) {
                double below = constant;
                for (size_t v = 1; v < network->generator_count; v++) /* the source balances; the others are drawn */
                    for (int32_t reactive = 0; reactive < 2; reactive++) {
                        double value = fg_random_between(&random, -1.5, 1.5);
                        fg_opf_set_bounds(opf, (int32_t)(2 * v) + reactive, value, value);
                    }
                struct fg_opf_result result = opf_solve(opf, 1e-7, false);
                if (result.status != FG_OPF_OPTIMAL)
                    continue;
                for (size_t v = 0; v < network->generator_count; v++) {
                    int32_t node = topology->node_of_bus[network->generators[v].bus];
                    below += slope[node] * fg_opf_value(opf, (int32_t)(2 * v)) +
                             slope[n + (size_t)node] * fg_opf_value(opf, (int32_t)(2 * v + 1));
                }
                if (!(below <= result.elastic_cost + 1e-3 + 1e-4 * result.elastic_cost))
                    fail_msg("seed %llu, physics %d: %g above %g", (unsigned long long)seed, (int)physics[k], below,
                             result.elastic_cost);
            }
            free(slope);
            fg_opf_destroy(opf);
            fg_topology_destroy(topology);
            fg_network_destroy(network);
        }
}

/* A convex piecewise-linear cost, 20 up to 0.5 MW and 60 beyond: what is drawn at the source beyond 0.5 costs 60. */
static void piecewise_cost_is_that_of_its_pieces(void **state)
{
    (void)state;
    const double r = 0.05, x = 0.03;
    struct fg_network *network = two_buses(r, x, 1);
    const double points[6] = {0, 0, 0.5, 10, 4, 220};
    network->buses[0].vm_min_pu = network->buses[0].vm_max_pu = 1;
    assert_int_equal(fg_network_set_cost(network, &network->generators[0].cost, FG_COST_PIECEWISE, 3, points, NULL), FG_OK);
    struct fg_opf_network_result result = network_solve(network, 1e-9, true);
    assert_int_equal(result.status, FG_OPF_OPTIMAL);
    assert_near(result.objective, 10 + 60 * (drawn_at_source(r, x, 1) - 0.5), 1e-5);
    assert_near(result.price_p[0], 60, 1e-3);
    fg_opf_network_result_release(&result);
    fg_network_destroy(network);
}

/* A curve that falls off is dispatched by its lower convex hull and paid by itself. By hand: hull of (0, 0), (0.5, 40),
 * (4, 110) is the chord with slope 27.5; at the drawn power p the curve costs 40 + 20 (p - 0.5). */
static void cost_that_is_not_convex_is_dispatched_by_its_hull(void **state)
{
    (void)state;
    const double r = 0.05, x = 0.03;
    struct fg_network *network = two_buses(r, x, 1);
    const double points[6] = {0, 0, 0.5, 40, 4, 110};
    network->buses[0].vm_min_pu = network->buses[0].vm_max_pu = 1;
    assert_int_equal(fg_network_set_cost(network, &network->generators[0].cost, FG_COST_PIECEWISE, 3, points, NULL), FG_OK);
    struct fg_opf_network_result result = network_solve(network, 1e-9, true);
    double drawn = drawn_at_source(r, x, 1);
    assert_int_equal(result.status, FG_OPF_OPTIMAL);
    assert_int_equal(result.convexified_count, 1);
    assert_near(result.objective, 40 + 20 * (drawn - 0.5), 1e-5);
    assert_near(result.price_p[0], 27.5, 1e-3);
    assert_near(result.soc_bound, 27.5 * drawn, 1e-3);
    fg_opf_network_result_release(&result);
    fg_network_destroy(network);
}

/* -- limits, memory ------------------------------------------------------------------------------------------------------ */

static void interrupt_time_and_iterations_end_the_solve(void **state)
{
    (void)state;
    struct fg_network *network = random_network(5, &meshed);
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct fg_opf_network_result result;
    atomic_int stop = 1;
    options.relaxation = false;
    options.solver.interrupt = &stop;
    assert_int_equal(fg_opf_network_solve(network, &options, &result, NULL), FG_OK);
    assert_int_equal(result.status, FG_OPF_INTERRUPTED);
    assert_string_equal(fg_opf_status_text(result.status), "interrupted");
    fg_opf_network_result_release(&result);
    options.solver.interrupt = NULL;
    options.solver.time_limit_s = 0;
    assert_int_equal(fg_opf_network_solve(network, &options, &result, NULL), FG_OK);
    assert_int_equal(result.status, FG_OPF_TIME_LIMIT);
    fg_opf_network_result_release(&result);
    options.solver.time_limit_s = INFINITY;
    options.solver.max_iterations = 1;
    assert_int_equal(fg_opf_network_solve(network, &options, &result, NULL), FG_OK);
    assert_int_equal(result.status, FG_OPF_ITERATION_LIMIT);
    fg_opf_network_result_release(&result);
    fg_network_destroy(network);
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    struct random_network_options of = feeder;
    of.voltage_dependent = of.narrow = false;
    struct fg_network *network = random_network(7, &of);
    struct fg_opf_network_options options = fg_opf_network_defaults();
    long n = 1;
    for (; n < 100000; n++) {
        struct fg_opf_network_result result;
        struct fg_error err = {0};
        fg_alloc_fail_after(n);
        enum fg_code code = fg_opf_network_solve(network, &options, &result, &err);
        fg_alloc_fail_after(0);
        bool done = code == FG_OK && result.has_bound; /* without memory for the relaxation there is merely no bound */
        if (code != FG_OK)
            assert_int_equal(code, FG_ERR_MEMORY);
        fg_opf_network_result_release(&result);
        if (done)
            break;
    }
    assert_true(n > 50 && n < 100000);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_the_functions),
        cmocka_unit_test(solutions_hold_on_the_original_network_and_the_relaxation_bounds),
        cmocka_unit_test(relaxation_is_exact_on_consuming_feeders),
        cmocka_unit_test(prices_are_changes_of_the_cost),
        cmocka_unit_test(kept_composition_equals_a_fresh_one),
        cmocka_unit_test(storage_over_two_periods_equals_a_search),
        cmocka_unit_test(two_buses_by_hand_in_every_physics),
        cmocka_unit_test(elastic_limits_pay_for_what_they_give_way),
        cmocka_unit_test(minorant_lies_below_the_cost_everywhere),
        cmocka_unit_test(piecewise_cost_is_that_of_its_pieces),
        cmocka_unit_test(cost_that_is_not_convex_is_dispatched_by_its_hull),
        cmocka_unit_test(interrupt_time_and_iterations_end_the_solve),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
