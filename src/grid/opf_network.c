#include "grid/opf_network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct fg_opf_network_options fg_opf_network_defaults(void)
{
    return (struct fg_opf_network_options){ .physics = FG_PHYSICS_AC, .rating = FG_OPF_RATING_NORMAL, .relaxation = true,
                                            .solver = fg_opf_defaults() };
}

const char *fg_opf_limit_text(enum fg_opf_limit limit)
{
    static const char *const texts[] = { "vm_min", "vm_max", "rating", "p_min", "p_max", "q_min", "q_max" };
    return (unsigned)limit < sizeof texts / sizeof *texts ? texts[limit] : "unknown";
}

void fg_opf_network_result_release(struct fg_opf_network_result *result)
{
    fg_free(result->vm_pu);
    fg_free(result->va_rad);
    fg_free(result->price_p);
    fg_free(result->price_q);
    fg_free(result->pg_mw);
    fg_free(result->qg_mvar);
    fg_free(result->pf_mw);
    fg_free(result->qf_mvar);
    fg_free(result->pt_mw);
    fg_free(result->qt_mvar);
    fg_free(result->rating_price);
    fg_free(result->broken);
    memset(result, 0, sizeof *result);
}

/* One composition of the network, with the numbers of its generators' variables. */
struct model {
    struct fg_opf *opf;
    const struct fg_topology *topology;
    int32_t *p, *q;             /* per generator: variable, -1 when not dispatched */
    int32_t *p_limit, *q_limit; /* per generator: elastic row of the limits; -1 when hard */
    bool elastic;
};

static void model_release(struct model *model)
{
    fg_opf_destroy(model->opf);
    fg_free(model->p);
    fg_free(model->q);
    fg_free(model->p_limit);
    fg_free(model->q_limit);
}

/* Fixed injections per node, voltage dependence kept. */
static enum fg_code add_injections(struct model *model, const struct fg_network *network, struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    struct fg_opf_injection *sum = fg_alloc((size_t)topology->node_count, sizeof *sum);
    if (sum == NULL)
        return fg_fail_memory(err);
    for (size_t k = 0; k < network->injection_count; k++) {
        const struct fg_injection *item = &network->injections[k];
        int32_t node = item->in_service ? topology->node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        sum[node].p_mw += item->p_mw * (1 - item->p_current_share - item->p_impedance_share);
        sum[node].q_mvar += item->q_mvar * (1 - item->q_current_share - item->q_impedance_share);
        sum[node].p_current_mw += item->p_mw * item->p_current_share;
        sum[node].q_current_mvar += item->q_mvar * item->q_current_share;
        sum[node].p_impedance_mw += item->p_mw * item->p_impedance_share;
        sum[node].q_impedance_mvar += item->q_mvar * item->q_impedance_share;
    }
    for (size_t k = 0; k < network->storage_count; k++) {
        const struct fg_storage *item = &network->storages[k];
        int32_t node = item->in_service ? topology->node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        sum[node].p_mw += item->p_mw;
        sum[node].q_mvar += item->q_mvar;
    }
    for (int32_t node = 0; node < topology->node_count; node++)
        fg_opf_set_injection(model->opf, 0, node, &sum[node]);
    fg_free(sum);
    return FG_OK;
}

/* Lower convex hull of count points (x, cost), x ascending, into `hull`; returns how many remain (monotone chain). */
static int32_t lower_hull(int32_t count, const double *points, double *hull)
{
    int32_t kept = 0;
    for (int32_t k = 0; k < count; k++) {
        double x = points[2 * k], c = points[2 * k + 1];
        for (; kept >= 2; kept--) { /* drop what lies above the line to the new point */
            const double *a = hull + 2 * (kept - 2), *b = a + 2;
            if ((b[1] - a[1]) * (x - b[0]) <= (c - b[1]) * (b[0] - a[0]))
                break;
        }
        hull[2 * kept] = x;
        hull[2 * kept++ + 1] = c;
    }
    return kept;
}

/* Cost at x on the curve through the points, its first and last piece prolonged. */
static double on_curve(int32_t count, const double *points, double x)
{
    int32_t k = 0;
    while (k + 2 < count && x > points[2 * k + 2])
        k++;
    const double *a = points + 2 * k;
    return a[1] + (a[3] - a[1]) / (a[2] - a[0]) * (x - a[0]);
}

/* By how much a curve lies above its hull at x; 0 where it is convex. */
static enum fg_code above_hull(const struct fg_cost *cost, double x, double *above, int32_t *convexified,
                               struct fg_error *err)
{
    *above = 0;
    if (cost->kind != FG_COST_PIECEWISE || cost->count < 3)
        return FG_OK;
    double *hull = fg_alloc(2 * (size_t)cost->count, sizeof *hull);
    if (hull == NULL)
        return fg_fail_memory(err);
    int32_t kept = lower_hull(cost->count, cost->values, hull);
    if (kept < cost->count) {
        *above = on_curve(cost->count, cost->values, x) - on_curve(kept, hull, x);
        (*convexified)++;
    }
    fg_free(hull);
    return FG_OK;
}

/* Cost of one dispatched quantity. */
static enum fg_code add_cost(struct model *model, const struct fg_cost *cost, int32_t variable, struct fg_error *err)
{
    if (model->elastic || cost->count == 0)
        return FG_OK;
    if (cost->kind == FG_COST_POLYNOMIAL)
        return fg_opf_set_polynomial(model->opf, variable, cost->count, cost->values, err);
    if (cost->kind != FG_COST_PIECEWISE)
        return FG_OK;
    double *hull = fg_alloc(2 * (size_t)cost->count, sizeof *hull);
    if (hull == NULL)
        return fg_fail_memory(err);
    int32_t kept = lower_hull(cost->count, cost->values, hull);
    enum fg_code code = fg_opf_add_piecewise(model->opf, variable, kept, hull, 1, err);
    fg_free(hull);
    return code;
}

/* A limited variable. In the elastic model the limits become a row whose violation is the whole objective. */
static int32_t add_limited(struct model *model, double lower, double upper, double start, double unit, int32_t *limit)
{
    *limit = -1;
    if (!model->elastic)
        return fg_opf_add_variable(model->opf, lower, upper, start, unit);
    int32_t variable = fg_opf_add_variable(model->opf, -INFINITY, INFINITY, start, unit);
    if (variable < 0 || (!isfinite(lower) && !isfinite(upper)))
        return variable;
    *limit = fg_opf_add_row(model->opf, lower, upper, 1);
    if (*limit < 0 || fg_opf_add_term(model->opf, *limit, variable, 1, NULL) != FG_OK)
        return -1;
    return variable;
}

static double middle(double lower, double upper, double fallback)
{
    if (isfinite(lower) && isfinite(upper))
        return (lower + upper) / 2;
    return isfinite(lower) ? fmax(lower, fallback) : isfinite(upper) ? fmin(upper, fallback) : fallback;
}

/* Sloping limits of the capability curve between (PC1, QC1) and (PC2, QC2): Q <= QC1max + slope (P - PC1). */
static enum fg_code add_capability(struct model *model, const struct fg_generator *g, int32_t p, int32_t q,
                                   struct fg_error *err)
{
    if (!(g->pc1_mw < g->pc2_mw) || model->elastic)
        return FG_OK;
    const double at[2][2] = { { g->qc1_min_mvar, g->qc2_min_mvar }, { g->qc1_max_mvar, g->qc2_max_mvar } };
    for (int side = 0; side < 2; side++) {
        double slope = (at[side][1] - at[side][0]) / (g->pc2_mw - g->pc1_mw), level = at[side][0] - slope * g->pc1_mw;
        int32_t row = fg_opf_add_row(model->opf, side == 0 ? level : -INFINITY, side == 1 ? level : INFINITY, INFINITY);
        enum fg_code code = row < 0 ? fg_fail_memory(err) : fg_opf_add_term(model->opf, row, q, 1, err);
        if (code == FG_OK)
            code = fg_opf_add_term(model->opf, row, p, -slope, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

static enum fg_code add_generator(struct model *model, const struct fg_network *network, size_t index,
                                  const struct fg_opf_network_options *options, struct fg_error *err)
{
    const struct fg_generator *g = &network->generators[index];
    int32_t node = g->in_service ? model->topology->node_of_bus[g->bus] : -1;
    if (node < 0)
        return FG_OK;
    double base = network->base_mva;
    double p_start = options->start_from_file ? g->p_mw : middle(g->p_min_mw, g->p_max_mw, 0);
    double q_start = options->start_from_file ? g->q_mvar : middle(g->q_min_mvar, g->q_max_mvar, 0);
    int32_t p = add_limited(model, g->p_min_mw, g->p_max_mw, p_start, base, &model->p_limit[index]);
    int32_t q = p < 0 ? -1 : add_limited(model, g->q_min_mvar, g->q_max_mvar, q_start, base, &model->q_limit[index]);
    if (q < 0)
        return fg_fail_memory(err);
    model->p[index] = p;
    model->q[index] = q;
    enum fg_code code = fg_opf_inject(model->opf, 0, node, p, 1, 0, err);
    if (code == FG_OK)
        code = fg_opf_inject(model->opf, 0, node, q, 0, 1, err);
    if (code == FG_OK)
        code = add_cost(model, &g->cost, p, err);
    if (code == FG_OK)
        code = add_cost(model, &g->cost_reactive, q, err);
    if (code == FG_ERR_UNSUPPORTED && err != NULL)
        snprintf(err->place, sizeof err->place, "cost of generator %s", g->id);
    if (code == FG_OK)
        code = add_capability(model, g, p, q, err);
    if (code == FG_OK && isfinite(g->s_max_mva) && !model->elastic && fg_opf_add_circle(model->opf, p, q, g->s_max_mva) < 0)
        code = fg_fail_memory(err);
    return code;
}

static enum fg_code build(struct model *model, const struct fg_network *network, const struct fg_topology *topology,
                          const struct fg_opf_network_options *options, enum fg_physics physics, bool elastic,
                          struct fg_error *err)
{
    *model = (struct model){ .topology = topology, .elastic = elastic };
    size_t count = network->generator_count;
    model->p = fg_alloc(count, sizeof *model->p);
    model->q = fg_alloc(count, sizeof *model->q);
    model->p_limit = fg_alloc(count, sizeof *model->p_limit);
    model->q_limit = fg_alloc(count, sizeof *model->q_limit);
    if (!model->p || !model->q || !model->p_limit || !model->q_limit)
        return fg_fail_memory(err);
    for (size_t k = 0; k < count; k++)
        model->p[k] = model->q[k] = model->p_limit[k] = model->q_limit[k] = -1;
    enum fg_code code = fg_opf_create(&model->opf, err);
    if (code != FG_OK)
        return code;
    struct fg_opf_block_options block = fg_opf_block_defaults();
    block.physics = physics;
    block.rating = options->rating;
    if (elastic) /* violations count in p.u. of voltage and of the network's base */
        block = (struct fg_opf_block_options){ physics, options->rating, false, true, network->base_mva, 1, NAN };
    if (fg_opf_add_block(model->opf, topology, &block, err) < 0)
        return err ? err->code : FG_ERR_NETWORK;
    for (int32_t node = 0; options->start_from_file && node < topology->node_count; node++)
        if (topology->bus_of_node[node] >= 0) {
            const struct fg_bus *bus = &network->buses[topology->bus_of_node[node]];
            fg_opf_set_voltage_start(model->opf, 0, node, bus->vm_start_pu, bus->va_start_rad);
        }
    code = add_injections(model, network, err);
    for (size_t k = 0; code == FG_OK && k < count; k++)
        code = add_generator(model, network, k, options, err);
    return code;
}

/* -- results ------------------------------------------------------------------------------------------------------ */

static enum fg_code allocate(struct fg_opf_network_result *result, const struct fg_network *network, struct fg_error *err)
{
    double **per_bus[] = { &result->vm_pu, &result->va_rad, &result->price_p, &result->price_q };
    double **per_generator[] = { &result->pg_mw, &result->qg_mvar };
    double **per_branch[] = { &result->pf_mw, &result->qf_mvar, &result->pt_mw, &result->qt_mvar, &result->rating_price };
    bool failed = false;
    for (int k = 0; k < 4; k++)
        failed |= (*per_bus[k] = fg_alloc(network->bus_count, sizeof(double))) == NULL;
    for (int k = 0; k < 2; k++)
        failed |= (*per_generator[k] = fg_alloc(network->generator_count, sizeof(double))) == NULL;
    for (int k = 0; k < 5; k++)
        failed |= (*per_branch[k] = fg_alloc(network->branch_count, sizeof(double))) == NULL;
    return failed ? fg_fail_memory(err) : FG_OK;
}

static void read_solution(const struct model *model, const struct fg_network *network,
                          struct fg_opf_network_result *result)
{
    const struct fg_topology *topology = model->topology;
    for (size_t k = 0; k < network->bus_count; k++) {
        int32_t node = topology->node_of_bus[k];
        struct fg_opf_node at = { NAN, NAN, 0, 0, 0, 0 };
        if (node >= 0)
            at = fg_opf_node(model->opf, 0, node);
        result->vm_pu[k] = at.vm_pu;
        result->va_rad[k] = at.va_rad;
        result->price_p[k] = at.price_p;
        result->price_q[k] = at.price_q;
    }
    for (size_t k = 0; k < network->generator_count; k++) {
        result->pg_mw[k] = model->p[k] < 0 ? 0 : fg_opf_value(model->opf, model->p[k]);
        result->qg_mvar[k] = model->q[k] < 0 ? 0 : fg_opf_value(model->opf, model->q[k]);
    }
    for (size_t k = 0; k < network->branch_count; k++) {
        int32_t edge = topology->edge_of_branch[k];
        struct fg_opf_edge at = { 0 };
        if (edge >= 0)
            at = fg_opf_edge(model->opf, 0, edge);
        result->pf_mw[k] = at.pf_mw;
        result->qf_mvar[k] = at.qf_mvar;
        result->pt_mw[k] = at.pt_mw;
        result->qt_mvar[k] = at.qt_mvar;
        result->rating_price[k] = -(at.dual_from + at.dual_to);
    }
}

static void read_outcome(const struct model *model, const struct fg_network *network, const struct fg_opf_result *solved,
                         struct fg_opf_network_result *result)
{
    result->status = solved->status;
    result->objective = solved->objective;
    result->iterations += solved->iterations;
    result->seconds += solved->seconds;
    result->infeasibility = solved->infeasibility;
    read_solution(model, network, result);
}

static const double NOTICEABLE = 1e-5; /* violations below this, p.u. or of the base, are rounding */

static void note_broken(struct fg_opf_network_result *result, enum fg_opf_limit limit, int32_t element, double value,
                        double bound)
{
    result->broken[result->broken_count++] = (struct fg_opf_broken){ limit, element, value, bound, fabs(value - bound) };
}

/* Limits that the least-violation solution breaks. */
static enum fg_code read_broken(const struct model *model, const struct fg_network *network,
                                const struct fg_opf_network_options *options, struct fg_opf_network_result *result,
                                struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    size_t most = network->bus_count + network->branch_count + 2 * network->generator_count;
    if ((result->broken = fg_alloc(most, sizeof *result->broken)) == NULL)
        return fg_fail_memory(err);
    double small = NOTICEABLE * network->base_mva;
    for (size_t k = 0; k < network->bus_count; k++) {
        double vm = result->vm_pu[k];
        if (vm < network->buses[k].vm_min_pu - NOTICEABLE)
            note_broken(result, FG_OPF_LIMIT_VM_MIN, (int32_t)k, vm, network->buses[k].vm_min_pu);
        else if (vm > network->buses[k].vm_max_pu + NOTICEABLE)
            note_broken(result, FG_OPF_LIMIT_VM_MAX, (int32_t)k, vm, network->buses[k].vm_max_pu);
    }
    for (size_t k = 0; k < network->branch_count; k++) {
        int32_t edge = topology->edge_of_branch[k];
        if (edge < 0)
            continue;
        struct fg_opf_edge at = fg_opf_edge(model->opf, 0, edge);
        const struct fg_branch *branch = &network->branches[k];
        double excess = fmax(at.excess_from_mva, at.excess_to_mva);
        double rate = options->rating == FG_OPF_RATING_EMERGENCY ? branch->rate_emergency_mva : branch->rate_normal_mva;
        if (excess > small)
            note_broken(result, FG_OPF_LIMIT_RATING, (int32_t)k, rate + excess, rate);
    }
    for (size_t k = 0; k < network->generator_count; k++) {
        const struct fg_generator *g = &network->generators[k];
        if (model->p[k] < 0)
            continue;
        if (result->pg_mw[k] < g->p_min_mw - small)
            note_broken(result, FG_OPF_LIMIT_P_MIN, (int32_t)k, result->pg_mw[k], g->p_min_mw);
        if (result->pg_mw[k] > g->p_max_mw + small)
            note_broken(result, FG_OPF_LIMIT_P_MAX, (int32_t)k, result->pg_mw[k], g->p_max_mw);
        if (result->qg_mvar[k] < g->q_min_mvar - small)
            note_broken(result, FG_OPF_LIMIT_Q_MIN, (int32_t)k, result->qg_mvar[k], g->q_min_mvar);
        if (result->qg_mvar[k] > g->q_max_mvar + small)
            note_broken(result, FG_OPF_LIMIT_Q_MAX, (int32_t)k, result->qg_mvar[k], g->q_max_mvar);
    }
    return FG_OK;
}

/* Least violation, and whether the relaxation proves that none is possible without violation. */
static enum fg_code diagnose(const struct fg_network *network, const struct fg_topology *topology,
                             const struct fg_opf_network_options *options, struct fg_opf_network_result *result,
                             struct fg_error *err)
{
    struct model model;
    struct fg_opf_result solved;
    enum fg_code code = build(&model, network, topology, options, options->physics, true, err);
    if (code == FG_OK)
        code = fg_opf_solve(model.opf, &options->solver, &solved, err);
    if (code == FG_OK) {
        read_solution(&model, network, result);
        code = read_broken(&model, network, options, result, err);
    }
    model_release(&model);
    if (code != FG_OK || result->broken_count == 0)
        return code;
    if (solved.status == FG_OPF_OPTIMAL) /* a minimum of the violation, also where the first solve ran out of iterations */
        result->status = FG_OPF_LOCALLY_INFEASIBLE;
    if (options->physics != FG_PHYSICS_AC)
        return FG_OK;
    if (build(&model, network, topology, options, FG_PHYSICS_SOC, true, NULL) == FG_OK &&
        fg_opf_solve(model.opf, &options->solver, &solved, NULL) == FG_OK &&
        solved.bound > NOTICEABLE * network->base_mva)
        result->status = FG_OPF_INFEASIBLE_PROVED;
    model_release(&model);
    return FG_OK;
}

static const double LOOSE = 1e-4; /* distance of the dual bound from the relaxation's optimum worth a second solve */

/* Start a model at a solution of another physics. */
static void start_at(struct model *model, const struct fg_network *network, const struct fg_opf_network_result *from)
{
    for (int32_t node = 0; node < model->topology->node_count; node++) {
        int32_t bus = model->topology->bus_of_node[node];
        if (bus >= 0)
            fg_opf_set_voltage_start(model->opf, 0, node, from->vm_pu[bus], from->va_rad[bus]);
    }
    for (size_t k = 0; k < network->generator_count; k++)
        if (model->p[k] >= 0) {
            fg_opf_set_start(model->opf, model->p[k], from->pg_mw[k]);
            fg_opf_set_start(model->opf, model->q[k], from->qg_mvar[k]);
        }
}

/* Bound of the cone relaxation, started at the exact solution, which it contains; what has none (not convex, not
 * solved) simply gives no bound. */
static void add_bound(const struct fg_network *network, const struct fg_topology *topology,
                      const struct fg_opf_network_options *options, struct fg_opf_network_result *result)
{
    struct model model;
    struct fg_opf_result solved;
    bool built = build(&model, network, topology, options, FG_PHYSICS_SOC, false, NULL) == FG_OK;
    if (built)
        start_at(&model, network, result);
    struct fg_opf_options rest = options->solver; /* the time limit is one for all */
    rest.time_limit_s = fmax(rest.time_limit_s - result->seconds, 0);
    if (built && fg_opf_solve(model.opf, &rest, &solved, NULL) == FG_OK && isfinite(solved.bound)) {
        result->has_bound = true;
        result->soc_bound = solved.bound;
        result->soc_seconds = solved.seconds;
        if (solved.objective - solved.bound > LOOSE * fabs(solved.objective)) { /* sharpen the multipliers */
            struct fg_opf_options sharp = rest;
            sharp.time_limit_s = fmax(rest.time_limit_s - solved.seconds, 0);
            sharp.tolerance *= 1e-2;
            sharp.max_iterations = 100;
            sharp.warm_start = true;
            if (fg_opf_solve(model.opf, &sharp, &solved, NULL) == FG_OK) {
                result->soc_bound = fmax(result->soc_bound, solved.bound);
                result->soc_seconds += solved.seconds;
            }
        }
        result->soc_gap = (result->objective - result->soc_bound) / fmax(fabs(result->objective), 1);
    }
    model_release(&model);
}

/* Iterations after which a solve that is not feasible yet is doubted: the least violation, which takes a few dozen,
 * tells what it is worth. */
enum { DOUBT = 200 };

static struct fg_opf_options rest_of(const struct fg_opf_options *all, const struct fg_opf_network_result *used)
{
    struct fg_opf_options rest = *all;
    rest.max_iterations = all->max_iterations > used->iterations ? all->max_iterations - used->iterations : 0;
    rest.time_limit_s = fmax(all->time_limit_s - used->seconds, 0);
    return rest;
}

enum fg_code fg_opf_network_solve(const struct fg_network *network, const struct fg_opf_network_options *options,
                                  struct fg_opf_network_result *result, struct fg_error *err)
{
    memset(result, 0, sizeof *result);
    struct fg_topology *topology = NULL;
    struct model model = { 0 };
    struct fg_opf_result solved;
    enum fg_code code = allocate(result, network, err);
    if (code == FG_OK)
        code = fg_topology_create(network, &topology, err);
    if (code == FG_OK)
        code = build(&model, network, topology, options, options->physics, false, err);
    struct fg_opf_options first = options->solver;
    if (first.max_iterations > DOUBT)
        first.max_iterations = DOUBT;
    if (code == FG_OK)
        code = fg_opf_solve(model.opf, &first, &solved, err);
    if (code == FG_OK && solved.status == FG_OPF_ITERATION_LIMIT && solved.infeasibility <= NOTICEABLE &&
        options->solver.max_iterations > DOUBT) { /* feasible, but slow: go on */
        read_outcome(&model, network, &solved, result);
        struct fg_opf_options rest = rest_of(&options->solver, result);
        rest.warm_start = true;
        code = fg_opf_solve(model.opf, &rest, &solved, err);
    }
    if (code == FG_OK) {
        read_outcome(&model, network, &solved, result);
        if (solved.status == FG_OPF_LOCALLY_INFEASIBLE ||
            (solved.status == FG_OPF_ITERATION_LIMIT && solved.infeasibility > NOTICEABLE)) {
            code = diagnose(network, topology, options, result, err);
            if (code == FG_OK && result->broken_count == 0) { /* it can be met: start again where it is */
                struct fg_opf_options rest = rest_of(&options->solver, result);
                start_at(&model, network, result);
                code = fg_opf_solve(model.opf, &rest, &solved, err);
                if (code == FG_OK)
                    read_outcome(&model, network, &solved, result);
            }
        }
        for (size_t k = 0; code == FG_OK && k < network->generator_count; k++) {
            double p_above = 0, q_above = 0;
            if (model.p[k] >= 0)
                code = above_hull(&network->generators[k].cost, result->pg_mw[k], &p_above, &result->convexified_count, err);
            if (code == FG_OK && model.p[k] >= 0)
                code = above_hull(&network->generators[k].cost_reactive, result->qg_mvar[k], &q_above,
                                  &result->convexified_count, err);
            result->objective += p_above + q_above;
        }
        if (code == FG_OK && result->status == FG_OPF_OPTIMAL && options->relaxation && options->physics == FG_PHYSICS_AC)
            add_bound(network, topology, options, result);
    }
    model_release(&model);
    fg_topology_destroy(topology);
    return code;
}
