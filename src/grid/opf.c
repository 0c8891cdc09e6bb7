#include "grid/opf.h"

#include "grid/opf_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *fg_opf_status_text(enum fg_opf_status status)
{
    static const char *const texts[] = {
        [FG_OPF_OPTIMAL] = "optimal",
        [FG_OPF_LOCALLY_INFEASIBLE] = "locally_infeasible",
        [FG_OPF_INFEASIBLE_PROVED] = "infeasible_proved",
        [FG_OPF_ITERATION_LIMIT] = "iteration_limit",
        [FG_OPF_TIME_LIMIT] = "time_limit",
        [FG_OPF_INTERRUPTED] = "interrupted",
    };
    return (unsigned)status < sizeof texts / sizeof *texts ? texts[status] : "unknown";
}

enum fg_code fg_opf_create(struct fg_opf **opf, struct fg_error *err)
{
    *opf = fg_alloc(1, sizeof **opf);
    if (*opf == NULL)
        return fg_fail_memory(err);
    fg_arena_init(&(*opf)->arena);
    return FG_OK;
}

static void block_release(struct opf_block *block)
{
    fg_free(block->vm_min);
    fg_free(block->vm_max);
    fg_free(block->band_price);
    fg_free(block->rate_mva);
    fg_free(block->rate_price);
    fg_free(block->injection);
    fg_free(block->vm_start);
    fg_free(block->va_start);
    fg_free(block->injects);
    fg_free(block->edges);
    fg_free(block->p_row);
    fg_free(block->q_row);
    fg_free(block->v_variable);
    fg_free(block->a_variable);
    fg_free(block->band_row);
    fg_free(block->band_low_row);
    fg_free(block->rate_row);
    fg_free(block->angle_row);
    fg_free(block->flow_variable);
    fg_free(block->cone_row);
    fg_free(block->product_row);
    fg_free(block->pair_edge);
    fg_free(block->edge_jacobian);
    fg_free(block->edge_hessian);
    fg_free(block->node_jacobian);
    fg_free(block->node_hessian);
}

void fg_opf_destroy(struct fg_opf *opf)
{
    if (opf == NULL)
        return;
    fg_opf_unbuild(opf);
    for (size_t b = 0; b < opf->block_count; b++)
        block_release(&opf->blocks[b]);
    fg_free(opf->variables);
    fg_free(opf->rows);
    fg_free(opf->terms);
    fg_free(opf->circles);
    fg_free(opf->blocks);
    fg_free(opf->x_lower);
    fg_free(opf->x_upper);
    fg_free(opf->x_start);
    fg_free(opf->x_label);
    fg_free(opf->g_lower);
    fg_free(opf->g_upper);
    fg_free(opf->g_price);
    fg_free(opf->g_label);
    fg_free(opf->jacobian_row);
    fg_free(opf->jacobian_column);
    fg_free(opf->hessian_row);
    fg_free(opf->hessian_column);
    fg_free(opf->linear_value);
    fg_arena_release(&opf->arena);
    fg_free(opf);
}

/* Append a zeroed item; NULL when out of memory. Adding a part makes the next solve analyse again. */
static void *append(struct fg_opf *opf, void **items, size_t *count, size_t *capacity, size_t size_bytes)
{
    if (fg_grow(items, *count, capacity, size_bytes))
        return NULL;
    opf->is_built = false;
    void *item = (char *)*items + *count * size_bytes;
    memset(item, 0, size_bytes);
    (*count)++;
    return item;
}
#define APPEND(opf, array, count, capacity)                                                                            \
    append((opf), (void **)&(opf)->array, &(opf)->count, &(opf)->capacity, sizeof *(opf)->array)

/* -- variables ---------------------------------------------------------------------------------------------------- */

int32_t fg_opf_add_variable(struct fg_opf *opf, double lower, double upper, double start, double unit)
{
    struct opf_variable *v = APPEND(opf, variables, variable_count, variable_capacity);
    if (v == NULL)
        return -1;
    v->lower = lower;
    v->upper = upper;
    v->start = start;
    v->unit = unit > 0 && isfinite(unit) ? unit : 1;
    return (int32_t)opf->variable_count - 1;
}

void fg_opf_set_bounds(struct fg_opf *opf, int32_t variable, double lower, double upper)
{
    opf->variables[variable].lower = lower;
    opf->variables[variable].upper = upper;
}

void fg_opf_set_start(struct fg_opf *opf, int32_t variable, double start)
{
    opf->variables[variable].start = start;
}

void fg_opf_set_cost(struct fg_opf *opf, int32_t variable, double linear, double quadratic)
{
    opf->variables[variable].linear = linear;
    opf->variables[variable].quadratic = quadratic;
}

enum fg_code fg_opf_set_polynomial(struct fg_opf *opf, int32_t variable, int32_t count, const double *coefficients,
                                   struct fg_error *err)
{
    double *copy = fg_arena_alloc(&opf->arena, (size_t)count, sizeof *copy);
    if (copy == NULL)
        return fg_fail_memory(err);
    memcpy(copy, coefficients, (size_t)count * sizeof *copy);
    opf->variables[variable].polynomial = copy;
    opf->variables[variable].polynomial_count = count;
    return FG_OK;
}

enum fg_code fg_opf_add_piecewise(struct fg_opf *opf, int32_t variable, int32_t count, const double *points,
                                  double weight, struct fg_error *err)
{
    double before = -INFINITY, steepest = 1e-3;
    if (count < 2)
        return fg_fail(err, FG_ERR_VALUE, "piecewise cost", "a piecewise-linear cost needs at least two points");
    for (int32_t k = 0; k + 1 < count; k++) {
        double width = points[2 * k + 2] - points[2 * k], slope = (points[2 * k + 3] - points[2 * k + 1]) / width;
        if (!(width > 0))
            return fg_fail(err, FG_ERR_VALUE, "piecewise cost", "points %d and %d are not in ascending order", k + 1, k + 2);
        if (slope < before - 1e-9 * fmax(1, fabs(before)))
            return fg_fail(err, FG_ERR_UNSUPPORTED, "piecewise cost", "the slope falls at point %d: the curve is not convex; "
                           "use a convex curve or separate orders", k + 1);
        before = slope;
        steepest = fmax(steepest, fabs(slope));
    }
    double unit = opf->variables[variable].unit * steepest;
    int32_t epigraph = fg_opf_add_variable(opf, -INFINITY, INFINITY, points[1], unit);
    if (epigraph < 0)
        return fg_fail_memory(err);
    fg_opf_set_cost(opf, epigraph, weight, 0);
    for (int32_t k = 0; k + 1 < count; k++) {
        double slope = (points[2 * k + 3] - points[2 * k + 1]) / (points[2 * k + 2] - points[2 * k]);
        /* epigraph - slope x >= cost_k - slope x_k, divided by the unit to keep the row's size near 1 */
        int32_t row = fg_opf_add_row(opf, (points[2 * k + 1] - slope * points[2 * k]) / unit, INFINITY, INFINITY);
        if (row < 0 || fg_opf_add_term(opf, row, epigraph, 1 / unit, NULL) != FG_OK ||
            fg_opf_add_term(opf, row, variable, -slope / unit, NULL) != FG_OK)
            return fg_fail_memory(err);
    }
    return FG_OK;
}

void fg_opf_set_proximal(struct fg_opf *opf, int32_t variable, double weight, double centre)
{
    opf->variables[variable].proximal_weight = weight;
    opf->variables[variable].proximal_centre = centre;
}

/* -- rows and circles --------------------------------------------------------------------------------------------- */

int32_t fg_opf_add_row(struct fg_opf *opf, double lower, double upper, double price)
{
    struct opf_row *row = APPEND(opf, rows, row_count, row_capacity);
    if (row == NULL)
        return -1;
    *row = (struct opf_row){ lower, upper, price, -1, -1 };
    return (int32_t)opf->row_count - 1;
}

enum fg_code fg_opf_add_term(struct fg_opf *opf, int32_t row, int32_t variable, double coefficient, struct fg_error *err)
{
    struct opf_term *term = APPEND(opf, terms, term_count, term_capacity);
    if (term == NULL)
        return fg_fail_memory(err);
    *term = (struct opf_term){ variable, -1, coefficient, 0 };
    int32_t index = (int32_t)opf->term_count - 1;
    if (opf->rows[row].first_term < 0)
        opf->rows[row].first_term = index;
    else
        opf->terms[opf->rows[row].last_term].next = index;
    opf->rows[row].last_term = index;
    return FG_OK;
}

void fg_opf_set_row(struct fg_opf *opf, int32_t row, double lower, double upper, double price)
{
    struct opf_row *r = &opf->rows[row];
    /* What the linear system keeps or condenses depends on these two. */
    if (isfinite(r->price) != isfinite(price) || (r->lower == r->upper) != (lower == upper))
        opf->is_built = false;
    r->lower = lower;
    r->upper = upper;
    r->price = price;
}

void fg_opf_set_term(struct fg_opf *opf, int32_t row, int32_t term, double coefficient)
{
    int32_t t = opf->rows[row].first_term;
    for (; term > 0 && t >= 0; term--)
        t = opf->terms[t].next;
    if (t >= 0)
        opf->terms[t].coefficient = coefficient;
}

int32_t fg_opf_add_circle(struct fg_opf *opf, int32_t variable_p, int32_t variable_q, double radius)
{
    struct opf_circle *circle = APPEND(opf, circles, circle_count, circle_capacity);
    if (circle == NULL)
        return -1;
    *circle = (struct opf_circle){ variable_p, variable_q, radius };
    return (int32_t)opf->circle_count - 1;
}

/* -- blocks ------------------------------------------------------------------------------------------------------- */

struct fg_opf_block_options fg_opf_block_defaults(void)
{
    return (struct fg_opf_block_options){ .physics = FG_PHYSICS_AC,
                                          .rating = FG_OPF_RATING_NORMAL,
                                          .angle_limits = true,
                                          .voltage_price = INFINITY,
                                          .rating_price = INFINITY,
                                          .reference_vm_pu = NAN };
}

/* Edges between the same two nodes: the one of least impedance stands for all. Found by sorting. */
struct keyed_edge {
    int32_t low, high, edge;
    double impedance;
};

static int compare_keyed(const void *left, const void *right)
{
    const struct keyed_edge *l = left, *r = right;
    if (l->low != r->low)
        return l->low < r->low ? -1 : 1;
    if (l->high != r->high)
        return l->high < r->high ? -1 : 1;
    if (l->impedance != r->impedance)
        return l->impedance < r->impedance ? -1 : 1;
    return (l->edge > r->edge) - (l->edge < r->edge);
}

static int find_pairs(struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    struct keyed_edge *keyed = fg_alloc((size_t)block->edge_count, sizeof *keyed);
    if (keyed == NULL)
        return 1;
    int32_t count = 0;
    for (int32_t k = 0; k < block->edge_count; k++) {
        int32_t from = topology->edges[k].from, to = topology->edges[k].to;
        const struct fg_branch *branch = &topology->network->branches[topology->edges[k].branch];
        block->pair_edge[k] = -1;
        if (from != to)
            keyed[count++] = (struct keyed_edge){ from < to ? from : to, from < to ? to : from, k,
                                                  hypot(branch->r_pu, branch->x_pu) };
    }
    qsort(keyed, (size_t)count, sizeof *keyed, compare_keyed);
    for (int32_t k = 0, first = 0; k < count; k++) {
        if (keyed[k].low != keyed[first].low || keyed[k].high != keyed[first].high)
            first = k;
        block->pair_edge[keyed[k].edge] = keyed[first].edge;
    }
    fg_free(keyed);
    return 0;
}

static int block_allocate(struct opf_block *block)
{
    size_t nodes = (size_t)block->node_count, edges = (size_t)block->edge_count;
    return (block->vm_min = fg_alloc(nodes, sizeof(double))) == NULL ||
           (block->vm_max = fg_alloc(nodes, sizeof(double))) == NULL ||
           (block->band_price = fg_alloc(nodes, sizeof(double))) == NULL ||
           (block->rate_mva = fg_alloc(edges, sizeof(double))) == NULL ||
           (block->rate_price = fg_alloc(edges, sizeof(double))) == NULL ||
           (block->injection = fg_alloc(nodes, sizeof *block->injection)) == NULL ||
           (block->vm_start = fg_alloc(nodes, sizeof(double))) == NULL ||
           (block->va_start = fg_alloc(nodes, sizeof(double))) == NULL ||
           (block->edges = fg_alloc(edges, sizeof *block->edges)) == NULL ||
           (block->p_row = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->q_row = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->v_variable = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->a_variable = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->band_row = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->band_low_row = fg_alloc(nodes, sizeof(int32_t))) == NULL ||
           (block->rate_row = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->angle_row = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->flow_variable = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->cone_row = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->product_row = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->pair_edge = fg_alloc(edges, sizeof(int32_t))) == NULL ||
           (block->edge_jacobian = fg_alloc(edges, sizeof(int64_t))) == NULL ||
           (block->edge_hessian = fg_alloc(edges, sizeof(int64_t))) == NULL ||
           (block->node_jacobian = fg_alloc(nodes, sizeof(int64_t))) == NULL ||
           (block->node_hessian = fg_alloc(nodes, sizeof(int64_t))) == NULL;
}

int32_t fg_opf_add_block(struct fg_opf *opf, const struct fg_topology *topology,
                         const struct fg_opf_block_options *options, struct fg_error *err)
{
    if (topology->node_count == 0) {
        fg_fail(err, FG_ERR_NETWORK, "opf", "the network has no energised bus: connect a source");
        return -1;
    }
    struct opf_block *block = APPEND(opf, blocks, block_count, block_capacity);
    if (block == NULL) {
        fg_fail_memory(err);
        return -1;
    }
    block->topology = topology;
    block->options = *options;
    block->node_count = topology->node_count;
    block->edge_count = topology->edge_count;
    if (block_allocate(block) || find_pairs(block)) {
        block_release(block);
        opf->block_count--;
        fg_fail_memory(err);
        return -1;
    }
    for (int32_t i = 0; i < block->node_count; i++) {
        block->vm_min[i] = topology->vm_min_pu[i];
        block->vm_max[i] = topology->vm_max_pu[i];
        block->band_price[i] = options->voltage_price;
        block->vm_start[i] = 1;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_branch *branch = &topology->network->branches[topology->edges[k].branch];
        block->rate_mva[k] = options->rating == FG_OPF_RATING_NONE      ? INFINITY
                             : options->rating == FG_OPF_RATING_NORMAL ? branch->rate_normal_mva
                                                                       : branch->rate_emergency_mva;
        block->rate_price[k] = options->rating_price;
    }
    return (int32_t)opf->block_count - 1;
}

enum fg_code fg_opf_inject(struct fg_opf *opf, int32_t block, int32_t node, int32_t variable, double p_factor,
                           double q_factor, struct fg_error *err)
{
    struct opf_block *b = &opf->blocks[block];
    if (node < 0 || node >= b->node_count || variable < 0 || (size_t)variable >= opf->variable_count)
        return fg_fail(err, FG_ERR_ARGUMENT, "opf", "no such node or variable to inject");
    struct opf_inject *inject = append(opf, (void **)&b->injects, &b->inject_count, &b->inject_capacity, sizeof *inject);
    if (inject == NULL)
        return fg_fail_memory(err);
    *inject = (struct opf_inject){ node, variable, p_factor, q_factor };
    return FG_OK;
}

void fg_opf_set_injection(struct fg_opf *opf, int32_t block, int32_t node, const struct fg_opf_injection *injection)
{
    struct fg_opf_injection *held = &opf->blocks[block].injection[node];
    /* Voltage-dependent parts are coefficients in the convex physics. */
    if (held->p_impedance_mw != injection->p_impedance_mw || held->q_impedance_mvar != injection->q_impedance_mvar)
        opf->is_built = false;
    *held = *injection;
}

void fg_opf_set_band(struct fg_opf *opf, int32_t block, int32_t node, double vm_min_pu, double vm_max_pu, double price)
{
    struct opf_block *b = &opf->blocks[block];
    if (isfinite(b->band_price[node]) != isfinite(price))
        opf->is_built = false;
    b->vm_min[node] = vm_min_pu;
    b->vm_max[node] = vm_max_pu;
    b->band_price[node] = price;
}

void fg_opf_set_rating(struct fg_opf *opf, int32_t block, int32_t edge, double rate_mva, double price)
{
    struct opf_block *b = &opf->blocks[block];
    if (isfinite(b->rate_price[edge]) != isfinite(price) || (isfinite(rate_mva) && !isfinite(b->rate_mva[edge])))
        opf->is_built = false;
    b->rate_mva[edge] = rate_mva;
    b->rate_price[edge] = price;
}

void fg_opf_set_voltage_start(struct fg_opf *opf, int32_t block, int32_t node, double vm_pu, double va_rad)
{
    opf->blocks[block].vm_start[node] = vm_pu;
    opf->blocks[block].va_start[node] = va_rad;
    opf->blocks[block].start_given = true;
}

/* -- solving ------------------------------------------------------------------------------------------------------ */

struct fg_opf_options fg_opf_defaults(void)
{
    return (struct fg_opf_options){ .tolerance = 1e-6, .feasibility = 1e-8, .max_iterations = 500,
                                    .time_limit_s = INFINITY };
}

static enum fg_opf_status status_of(enum fg_nlp_status status)
{
    switch (status) {
    case FG_NLP_OPTIMAL: return FG_OPF_OPTIMAL;
    case FG_NLP_ITERATION_LIMIT: return FG_OPF_ITERATION_LIMIT;
    case FG_NLP_TIME_LIMIT: return FG_OPF_TIME_LIMIT;
    case FG_NLP_INTERRUPTED: return FG_OPF_INTERRUPTED;
    case FG_NLP_LOCALLY_INFEASIBLE:
    case FG_NLP_FAILED: break;
    }
    return FG_OPF_LOCALLY_INFEASIBLE;
}

/* Violations are judged in p.u. of the network's own base: where that is smaller than the one inside, solve finer. */
static double base_share(const struct fg_opf *opf)
{
    double share = 1;
    for (size_t b = 0; b < opf->block_count; b++)
        share = fmin(share, opf->blocks[b].topology->network->base_mva / opf->base);
    return fmax(share, 1e-2);
}

enum fg_code fg_opf_solve(struct fg_opf *opf, const struct fg_opf_options *options, struct fg_opf_result *result,
                          struct fg_error *err)
{
    if (opf->is_built)
        fg_opf_refresh(opf);
    else {
        enum fg_code code = fg_opf_build(opf, err);
        if (code != FG_OK)
            return code;
    }
    bool has_proximal = false;
    for (size_t v = 0; v < opf->variable_count; v++)
        has_proximal |= opf->variables[v].proximal_weight != 0;
    if (has_proximal) {
        size_t n = (size_t)opf->problem.n;
        double *weight = fg_alloc(n, sizeof *weight), *centre = fg_alloc(n, sizeof *centre);
        if (weight == NULL || centre == NULL) {
            fg_free(weight);
            fg_free(centre);
            return fg_fail_memory(err);
        }
        for (size_t v = 0; v < opf->variable_count; v++) {
            double unit = opf->variables[v].unit;
            weight[v] = opf->variables[v].proximal_weight * unit * unit;
            centre[v] = opf->variables[v].proximal_centre / unit;
        }
        fg_nlp_set_proximal(opf->nlp, weight, centre);
        fg_free(weight);
        fg_free(centre);
    } else {
        fg_nlp_set_proximal(opf->nlp, NULL, NULL);
    }
    struct fg_nlp_options nlp_options = fg_nlp_defaults();
    nlp_options.tolerance = options->tolerance;
    nlp_options.feasibility = options->feasibility * base_share(opf);
    nlp_options.bound_relaxation *= base_share(opf);
    nlp_options.max_iterations = options->max_iterations;
    nlp_options.time_limit_s = options->time_limit_s;
    nlp_options.interrupt = options->interrupt;
    nlp_options.warm_start = options->warm_start && opf->has_result;
    nlp_options.progress = options->progress;
    nlp_options.progress_user = options->progress_user;
    struct fg_nlp_result solved;
    enum fg_code code = fg_nlp_solve(opf->nlp, opf->x_start, &nlp_options, &solved, err);
    if (code != FG_OK)
        return code;
    opf->has_result = true;
    *result = (struct fg_opf_result){ .status = status_of(solved.status),
                                      .objective = solved.objective,
                                      .bound = -INFINITY,
                                      .infeasibility = solved.infeasibility,
                                      .iterations = solved.iterations,
                                      .factorisations = solved.factorisations,
                                      .seconds = solved.seconds };
    const double *g = fg_nlp_g(opf->nlp);
    for (int32_t r = 0; r < opf->problem.m; r++)
        if (isfinite(opf->g_price[r]))
            result->elastic_cost += opf->g_price[r] * fmax(0, fmax(opf->g_lower[r] - g[r], g[r] - opf->g_upper[r]));
    return fg_opf_dual_bound(opf, &result->bound, err);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

double fg_opf_value(const struct fg_opf *opf, int32_t variable)
{
    return fg_nlp_x(opf->nlp)[variable] * opf->variables[variable].unit;
}

double fg_opf_bound_dual(const struct fg_opf *opf, int32_t variable)
{
    return (fg_nlp_z_lower(opf->nlp)[variable] - fg_nlp_z_upper(opf->nlp)[variable]) / opf->variables[variable].unit;
}

double fg_opf_row_value(const struct fg_opf *opf, int32_t row)
{
    return fg_nlp_g(opf->nlp)[row];
}

double fg_opf_row_dual(const struct fg_opf *opf, int32_t row)
{
    return -fg_nlp_y(opf->nlp)[row];
}

double fg_opf_row_excess(const struct fg_opf *opf, int32_t row)
{
    double g = fg_nlp_g(opf->nlp)[row];
    return fmax(g - opf->rows[row].upper, 0) - fmax(opf->rows[row].lower - g, 0);
}

double fg_opf_circle_dual(const struct fg_opf *opf, int32_t circle)
{
    /* The row reads (p^2 + q^2) / r^2 <= 1; where it binds, d row / d r = -2 / r. */
    return -2 * fg_nlp_y(opf->nlp)[opf->first_circle_row + circle] / opf->circles[circle].radius;
}

struct fg_opf_node fg_opf_node(const struct fg_opf *opf, int32_t block, int32_t node)
{
    const struct opf_block *b = &opf->blocks[block];
    return fg_opf_physics(b->options.physics)->node(opf, b, node);
}

struct fg_opf_edge fg_opf_edge(const struct fg_opf *opf, int32_t block, int32_t edge)
{
    const struct opf_block *b = &opf->blocks[block];
    return fg_opf_physics(b->options.physics)->edge(opf, b, edge);
}
