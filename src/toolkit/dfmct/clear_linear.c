#include "toolkit/dfmct/clear_linear.h"

#include "grid/flow.h"

#include <klu.h>
#include <math.h>
#include <string.h>

struct clear_linear {
    const struct clear_model *model;
    enum fg_physics physics;
    double base;                 /* MVA */
    int32_t n, e, islands, size; /* nodes, edges, order of A */
    int32_t *p_row, *q_row;      /* per node; q_row -1 in dc */
    int32_t angle, magnitude, flow_p, flow_q, slack_p, slack_q; /* first unknown of each family; -1: none */
    int32_t *held, held_count, held_q; /* nodes whose voltage a generator holds; first unknown of their Q */
    int32_t *edge_row;           /* lindistflow: voltage drop */

    /* A by columns; the pattern is fixed, values are collected by triplets in the same order each time. */
    int32_t triplet_count, triplet_capacity, cursor;
    int32_t *triplet_row, *triplet_column, *triplet_place;
    int32_t *start, *row;
    double *value;
    klu_common common;
    klu_symbolic *symbolic;
    klu_numeric *numeric;

    double *z, *rhs, *work;      /* state, right-hand side */
    double *vm, *va;             /* ac */
    int32_t period;
};

static void put(struct clear_linear *linear, int32_t row, int32_t column, double value)
{
    if (linear->start == NULL) { /* collecting the pattern */
        if (linear->triplet_count < linear->triplet_capacity) {
            linear->triplet_row[linear->triplet_count] = row;
            linear->triplet_column[linear->triplet_count] = column;
        }
        linear->triplet_count++;
        return;
    }
    linear->value[linear->triplet_place[linear->cursor++]] += value;
}

/* The grid of the period that is linearised, with its tap positions. */
static const struct fg_topology *grid_of(const struct clear_linear *linear)
{
    return linear->model->topology_at[linear->period];
}

/* Out of service in the period. */
static bool is_out(const struct clear_linear *linear, int32_t k)
{
    return linear->model->variants[linear->model->variant_at[linear->period]].is_out[k];
}

/* The edge between its nodes, though it is out in the period and then without admittance: the pattern of A is that of all periods. */
static struct fg_edge edge_at(const struct clear_linear *linear, int32_t k)
{
    struct fg_edge edge = grid_of(linear)->edges[k];
    edge.from = linear->model->topology->edges[k].from;
    edge.to = linear->model->topology->edges[k].to;
    return edge;
}

static const struct fg_opf_injection *baseline(const struct clear_linear *linear, int32_t node)
{
    return &linear->model->baseline[(size_t)linear->period * (size_t)linear->n + (size_t)node];
}

/* -- the equations of each physics: outflow - voltage-dependent injection - slack = constant injection -------------- */

static void assemble_ac(struct clear_linear *linear)
{
    const struct fg_topology *topology = grid_of(linear);
    int32_t a = linear->angle, m = linear->magnitude;
    for (int32_t k = 0; k < linear->e; k++) {
        const struct fg_edge whole = edge_at(linear, k), *edge = &whole;
        double flow[FG_FLOW_COUNT], g[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
        if (edge->from == edge->to)
            continue;
        fg_flow_gradient(edge, linear->va[edge->from], linear->va[edge->to], linear->vm[edge->from],
                         linear->vm[edge->to], flow, g);
        int32_t rows[4] = { linear->p_row[edge->from], linear->q_row[edge->from], linear->p_row[edge->to],
                            linear->q_row[edge->to] };
        int32_t columns[4] = { a + edge->from, a + edge->to, m + edge->from, m + edge->to };
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                put(linear, rows[i], columns[j], g[i][j]);
    }
    for (int32_t i = 0; i < linear->n; i++) {
        const struct fg_opf_injection *fixed = baseline(linear, i);
        double v = linear->vm[i];
        double g = topology->g_shunt_pu[i], b = topology->b_shunt_pu[i];
        put(linear, linear->p_row[i], m + i,
            2 * g * v - (fixed->p_current_mw + 2 * fixed->p_impedance_mw * v) / linear->base);
        put(linear, linear->q_row[i], m + i,
            -2 * b * v - (fixed->q_current_mvar + 2 * fixed->q_impedance_mvar * v) / linear->base);
    }
    for (int32_t i = 0; i < linear->islands; i++) {
        int32_t reference = topology->reference_of_island[i], row = 2 * linear->n + 2 * i;
        put(linear, linear->p_row[reference], linear->slack_p + i, -1);
        put(linear, linear->q_row[reference], linear->slack_q + i, -1);
        put(linear, row, a + reference, 1);
        put(linear, row + 1, m + reference, 1);
    }
    for (int32_t i = 0; i < linear->held_count; i++) {
        put(linear, linear->q_row[linear->held[i]], linear->held_q + i, -1);
        put(linear, 2 * linear->n + 2 * linear->islands + i, m + linear->held[i], 1);
    }
}

static void assemble_dc(struct clear_linear *linear)
{
    const struct fg_topology *topology = grid_of(linear);
    for (int32_t k = 0; k < linear->e; k++) {
        const struct fg_edge whole = edge_at(linear, k), *edge = &whole;
        const struct fg_branch *branch = &topology->network->branches[edge->branch];
        if (edge->from == edge->to)
            continue;
        double x = fabs(branch->x_pu) < 1e-9 ? hypot(branch->r_pu, branch->x_pu) : branch->x_pu;
        double b = is_out(linear, k) ? 0 : 1 / (x * branch->ratio);
        put(linear, edge->from, edge->from, b);
        put(linear, edge->from, edge->to, -b);
        put(linear, edge->to, edge->from, -b);
        put(linear, edge->to, edge->to, b);
        linear->rhs[edge->from] += b * branch->shift_rad;
        linear->rhs[edge->to] -= b * branch->shift_rad;
    }
    for (int32_t i = 0; i < linear->n; i++)
        linear->rhs[i] -= topology->g_shunt_pu[i];
    for (int32_t i = 0; i < linear->islands; i++) {
        int32_t reference = topology->reference_of_island[i];
        put(linear, reference, linear->slack_p + i, -1);
        put(linear, linear->n + i, reference, 1);
    }
}

static void assemble_lindistflow(struct clear_linear *linear)
{
    const struct fg_topology *topology = grid_of(linear);
    int32_t w = linear->magnitude;
    for (int32_t i = 0; i < linear->n; i++) {
        const struct fg_opf_injection *fixed = baseline(linear, i);
        put(linear, linear->p_row[i], w + i, topology->g_shunt_pu[i] - fixed->p_impedance_mw / linear->base);
        put(linear, linear->q_row[i], w + i, -topology->b_shunt_pu[i] - fixed->q_impedance_mvar / linear->base);
    }
    for (int32_t k = 0; k < linear->e; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        const struct fg_branch *branch = &topology->network->branches[edge->branch];
        int32_t p = linear->flow_p + k, q = linear->flow_q + k, f = edge->from, t = edge->to;
        double square = branch->ratio * branch->ratio;
        if (f == t) {
            put(linear, linear->edge_row[k], p, 1);
            put(linear, 2 * linear->n + linear->e + k, q, 1);
            continue;
        }
        put(linear, linear->p_row[f], p, 1);
        put(linear, linear->p_row[t], p, -1);
        put(linear, linear->q_row[f], q, 1);
        put(linear, linear->q_row[t], q, -1);
        put(linear, linear->edge_row[k], w + f, 1 / square);
        put(linear, linear->edge_row[k], w + t, -1);
        put(linear, linear->edge_row[k], p, -2 * branch->r_pu);
        put(linear, linear->edge_row[k], q, -2 * branch->x_pu);
        put(linear, linear->p_row[f], w + f, branch->g_from_pu / square);
        put(linear, linear->p_row[t], w + t, branch->g_to_pu);
        put(linear, linear->q_row[f], w + f, -branch->b_from_pu / square);
        put(linear, linear->q_row[t], w + t, -branch->b_to_pu);
    }
    for (int32_t i = 0; i < linear->islands; i++) {
        int32_t reference = topology->reference_of_island[i], row = 2 * linear->n + linear->e + i;
        put(linear, linear->p_row[reference], linear->slack_p + i, -1);
        put(linear, linear->q_row[reference], linear->slack_q + i, -1);
        put(linear, row, w + reference, 1);
        linear->rhs[row] = linear->model->vm_reference[i] * linear->model->vm_reference[i];
    }
    for (int32_t i = 0; i < linear->held_count; i++) {
        int32_t node = linear->held[i], row = 2 * linear->n + linear->e + linear->islands + i;
        put(linear, linear->q_row[node], linear->held_q + i, -1);
        put(linear, row, w + node, 1);
        linear->rhs[row] = linear->model->vm_held[node] * linear->model->vm_held[node];
    }
}

static void assemble_none(struct clear_linear *linear)
{
    const struct fg_topology *topology = grid_of(linear);
    for (int32_t i = 0; i < linear->islands; i++) {
        put(linear, i, linear->slack_p + i, -1);
        put(linear, linear->islands + i, linear->slack_q + i, -1);
    }
    for (int32_t i = 0; i < linear->n; i++) {
        linear->rhs[linear->p_row[i]] -= topology->g_shunt_pu[i];
        linear->rhs[linear->q_row[i]] += topology->b_shunt_pu[i];
    }
}

static void assemble(struct clear_linear *linear)
{
    memset(linear->rhs, 0, (size_t)linear->size * sizeof(double));
    linear->cursor = 0;
    switch (linear->physics) {
    case FG_PHYSICS_AC:
    case FG_PHYSICS_SOC:
        assemble_ac(linear);
        break;
    case FG_PHYSICS_LINDISTFLOW:
        assemble_lindistflow(linear);
        break;
    case FG_PHYSICS_DC:
        assemble_dc(linear);
        break;
    case FG_PHYSICS_NONE:
        assemble_none(linear);
        break;
    }
}

/* -- layout and symbolic analysis ------------------------------------------------------------------------------------ */

static enum fg_code lay_out(struct clear_linear *linear, struct fg_error *err)
{
    const struct clear_model *model = linear->model;
    int32_t n = linear->n, e = linear->e, islands = linear->islands;
    linear->p_row = fg_alloc((size_t)n, sizeof(int32_t));
    linear->q_row = fg_alloc((size_t)n, sizeof(int32_t));
    linear->held = fg_alloc((size_t)n, sizeof(int32_t));
    linear->edge_row = fg_alloc((size_t)e, sizeof(int32_t));
    if (linear->p_row == NULL || linear->q_row == NULL || linear->held == NULL || linear->edge_row == NULL)
        return fg_fail_memory(err);
    bool has_voltages = linear->physics == FG_PHYSICS_AC || linear->physics == FG_PHYSICS_LINDISTFLOW;
    for (int32_t i = 0; i < n; i++)
        if (has_voltages && !isnan(model->vm_held[i]))
            linear->held[linear->held_count++] = i;
    linear->angle = linear->magnitude = linear->flow_p = linear->flow_q = linear->slack_q = linear->held_q = -1;
    switch (linear->physics) {
    case FG_PHYSICS_AC:
    case FG_PHYSICS_SOC:
        linear->angle = 0;
        linear->magnitude = n;
        linear->slack_p = 2 * n;
        break;
    case FG_PHYSICS_LINDISTFLOW:
        linear->magnitude = 0;
        linear->flow_p = n;
        linear->flow_q = n + e;
        linear->slack_p = n + 2 * e;
        break;
    case FG_PHYSICS_DC:
        linear->angle = 0;
        linear->slack_p = n;
        break;
    case FG_PHYSICS_NONE:
        linear->slack_p = 0;
        break;
    }
    linear->size = linear->slack_p + islands;
    if (linear->physics != FG_PHYSICS_DC) {
        linear->slack_q = linear->size;
        linear->held_q = linear->size + islands;
        linear->size += islands + linear->held_count;
    }
    for (int32_t i = 0; i < n; i++) {
        bool none = linear->physics == FG_PHYSICS_NONE;
        int32_t island = model->topology->island_of_node[i];
        linear->p_row[i] = none ? island : i;
        linear->q_row[i] = linear->physics == FG_PHYSICS_DC ? -1 : none ? islands + island : n + i;
    }
    for (int32_t k = 0; k < e; k++)
        linear->edge_row[k] = 2 * n + k;
    return FG_OK;
}

static enum fg_code build_pattern(struct clear_linear *linear, struct fg_error *err)
{
    assemble(linear); /* counts the entries */
    size_t count = (size_t)linear->triplet_count, size = (size_t)linear->size;
    linear->triplet_capacity = linear->triplet_count;
    linear->triplet_count = 0;
    linear->triplet_row = fg_alloc(count, sizeof(int32_t));
    linear->triplet_column = fg_alloc(count, sizeof(int32_t));
    linear->triplet_place = fg_alloc(count, sizeof(int32_t));
    linear->row = fg_alloc(count, sizeof(int32_t));
    linear->value = fg_alloc(count, sizeof(double));
    int32_t *order = fg_alloc(count, sizeof(int32_t)), *start = fg_alloc(size + 2, sizeof(int32_t));
    int32_t *last = fg_alloc(size, sizeof(int32_t));
    enum fg_code code = FG_OK;
    if (linear->triplet_row == NULL || linear->triplet_column == NULL || linear->triplet_place == NULL ||
        linear->row == NULL || linear->value == NULL || order == NULL || start == NULL || last == NULL) {
        code = fg_fail_memory(err);
        fg_free(start);
    } else {
        assemble(linear); /* keeps the places */
        /* Bucket by column; within a column equal rows share a place. */
        for (size_t i = 0; i < count; i++)
            start[linear->triplet_column[i] + 2]++;
        for (size_t j = 2; j < size + 2; j++)
            start[j] += start[j - 1];
        for (size_t i = 0; i < count; i++)
            order[start[linear->triplet_column[i] + 1]++] = (int32_t)i;
        memset(last, -1, size * sizeof *last);
        int32_t filled = 0, begin = 0;
        for (size_t j = 0; j < size; j++) {
            int32_t first = filled;
            for (int32_t i = begin; i < (int32_t)count && linear->triplet_column[order[i]] == (int32_t)j; i++, begin++) {
                int32_t row = linear->triplet_row[order[i]];
                if (last[row] < first) {
                    last[row] = filled;
                    linear->row[filled++] = row;
                }
                linear->triplet_place[order[i]] = last[row];
            }
            start[j] = first;
        }
        start[size] = filled;
        linear->start = start;
        linear->symbolic = klu_analyze(linear->size, linear->start, linear->row, &linear->common);
        if (linear->symbolic == NULL)
            code = fg_fail(err, FG_ERR_NUMERIC, NULL, "the network equations are structurally singular");
    }
    fg_free(order);
    fg_free(last);
    return code;
}

enum fg_code clear_linear_create(const struct clear_model *model, enum fg_physics physics, struct clear_linear **out,
                                 struct fg_error *err)
{
    struct clear_linear *linear = fg_alloc(1, sizeof *linear);
    *out = NULL;
    if (linear == NULL)
        return fg_fail_memory(err);
    linear->model = model;
    linear->physics = physics == FG_PHYSICS_SOC ? FG_PHYSICS_AC : physics;
    linear->base = model->network->base_mva;
    linear->n = model->topology->node_count;
    linear->e = model->topology->edge_count;
    linear->islands = model->topology->island_count;
    klu_defaults(&linear->common);
    enum fg_code code = lay_out(linear, err);
    if (code == FG_OK) {
        linear->z = fg_alloc((size_t)linear->size, sizeof(double));
        linear->rhs = fg_alloc((size_t)linear->size, sizeof(double));
        linear->work = fg_alloc((size_t)linear->size, sizeof(double));
        linear->vm = fg_alloc((size_t)linear->n, sizeof(double));
        linear->va = fg_alloc((size_t)linear->n, sizeof(double));
        if (linear->z == NULL || linear->rhs == NULL || linear->work == NULL || linear->vm == NULL || linear->va == NULL)
            code = fg_fail_memory(err);
    }
    for (int32_t i = 0; i < linear->n && code == FG_OK; i++)
        linear->vm[i] = 1;
    if (code == FG_OK)
        code = build_pattern(linear, err);
    if (code == FG_OK)
        *out = linear;
    else
        clear_linear_destroy(linear);
    return code;
}

void clear_linear_destroy(struct clear_linear *linear)
{
    if (linear == NULL)
        return;
    if (linear->numeric != NULL)
        klu_free_numeric(&linear->numeric, &linear->common);
    if (linear->symbolic != NULL)
        klu_free_symbolic(&linear->symbolic, &linear->common);
    void *blocks[] = { linear->p_row, linear->q_row, linear->held, linear->edge_row, linear->triplet_row,
                       linear->triplet_column, linear->triplet_place, linear->start, linear->row, linear->value,
                       linear->z, linear->rhs, linear->work, linear->vm, linear->va };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(linear);
}

static enum fg_code factorise(struct clear_linear *linear, struct fg_error *err)
{
    bool done = linear->numeric != NULL &&
                klu_refactor(linear->start, linear->row, linear->value, linear->symbolic, linear->numeric,
                             &linear->common) && linear->common.status == KLU_OK &&
                klu_rcond(linear->symbolic, linear->numeric, &linear->common) && linear->common.rcond > 1e-14;
    if (done)
        return FG_OK;
    if (linear->numeric != NULL)
        klu_free_numeric(&linear->numeric, &linear->common);
    linear->numeric = klu_factor(linear->start, linear->row, linear->value, linear->symbolic, &linear->common);
    if (linear->numeric == NULL || linear->common.status != KLU_OK)
        return fg_fail(err, FG_ERR_NUMERIC, NULL, "the network equations of period %d are singular",
                       linear->period + 1);
    return FG_OK;
}

enum fg_code clear_linear_at(struct clear_linear *linear, int32_t period, const double *vm, const double *va,
                             const double *deviation_p, const double *deviation_q, struct fg_error *err)
{
    linear->period = period;
    if (linear->physics == FG_PHYSICS_AC) {
        memcpy(linear->vm, vm, (size_t)linear->n * sizeof(double));
        memcpy(linear->va, va, (size_t)linear->n * sizeof(double));
    }
    memset(linear->value, 0, (size_t)linear->start[linear->size] * sizeof(double));
    assemble(linear);
    enum fg_code code = factorise(linear, err);
    if (code != FG_OK || linear->physics == FG_PHYSICS_AC)
        return code;
    for (int32_t i = 0; i < linear->n; i++) {
        const struct fg_opf_injection *fixed = baseline(linear, i);
        /* constant impedance is proportional to w in lindistflow, and taken at 1 p.u. elsewhere */
        bool lin = linear->physics == FG_PHYSICS_LINDISTFLOW;
        linear->rhs[linear->p_row[i]] +=
            (fixed->p_mw + fixed->p_current_mw + (lin ? 0 : fixed->p_impedance_mw) + deviation_p[i]) / linear->base;
        if (linear->q_row[i] >= 0)
            linear->rhs[linear->q_row[i]] += (fixed->q_mvar + fixed->q_current_mvar +
                                              (lin ? 0 : fixed->q_impedance_mvar) + deviation_q[i]) / linear->base;
    }
    memcpy(linear->z, linear->rhs, (size_t)linear->size * sizeof(double));
    klu_solve(linear->symbolic, linear->numeric, linear->size, 1, linear->z, &linear->common);
    return FG_OK;
}

/* -- quantities --------------------------------------------------------------------------------------------------------- */

static double dc_flow(const struct clear_linear *linear, int32_t k, double *susceptance)
{
    const struct fg_edge *edge = &grid_of(linear)->edges[k];
    const struct fg_branch *branch = &grid_of(linear)->network->branches[edge->branch];
    double x = fabs(branch->x_pu) < 1e-9 ? hypot(branch->r_pu, branch->x_pu) : branch->x_pu;
    *susceptance = 1 / (x * branch->ratio);
    return edge->from == edge->to ? 0
                                  : *susceptance * (linear->z[edge->from] - linear->z[edge->to] - branch->shift_rad);
}

/* Size of the flow at one end (p.u.) and its gradient over (va_f, va_t, vm_f, vm_t). */
static double ac_flow(const struct clear_linear *linear, int32_t k, bool at_to, double gradient[4])
{
    const struct fg_edge *edge = &grid_of(linear)->edges[k];
    double flow[FG_FLOW_COUNT], g[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
    fg_flow_gradient(edge, linear->va[edge->from], linear->va[edge->to], linear->vm[edge->from], linear->vm[edge->to],
                     flow, g);
    int p = at_to ? FG_FLOW_PT : FG_FLOW_PF, q = at_to ? FG_FLOW_QT : FG_FLOW_QF;
    double size = hypot(flow[p], flow[q]);
    for (int j = 0; j < 4; j++)
        gradient[j] = size > 0 ? (flow[p] * g[p][j] + flow[q] * g[q][j]) / size : 0;
    if (linear->model->rate_is_current[k]) { /* |I| = |S| / V */
        int own = at_to ? 3 : 2;
        double v = linear->vm[at_to ? edge->to : edge->from];
        for (int j = 0; j < 4; j++)
            gradient[j] /= v;
        size /= v;
        gradient[own] -= size / v;
    }
    return size;
}

double clear_linear_value(const struct clear_linear *linear, struct clear_quantity quantity)
{
    double unused[4], b;
    bool ac = linear->physics == FG_PHYSICS_AC;
    switch (quantity.kind) {
    case CLEAR_SLACK_P:
        return ac ? NAN : linear->z[linear->slack_p + quantity.index] * linear->base;
    case CLEAR_SLACK_Q:
        return linear->slack_q < 0 ? 0 : ac ? NAN : linear->z[linear->slack_q + quantity.index] * linear->base;
    case CLEAR_VOLTAGE:
        return ac ? linear->vm[quantity.index]
                  : linear->physics == FG_PHYSICS_LINDISTFLOW ? linear->z[linear->magnitude + quantity.index] : 1;
    case CLEAR_FLOW_FROM:
    case CLEAR_FLOW_TO:
        if (ac)
            return ac_flow(linear, quantity.index, quantity.kind == CLEAR_FLOW_TO, unused) * linear->base;
        if (linear->physics == FG_PHYSICS_DC)
            return fabs(dc_flow(linear, quantity.index, &b)) * linear->base;
        if (linear->physics == FG_PHYSICS_LINDISTFLOW)
            return hypot(linear->z[linear->flow_p + quantity.index], linear->z[linear->flow_q + quantity.index]) *
                   linear->base;
        return 0;
    }
    return 0;
}

enum fg_code clear_linear_slopes(struct clear_linear *linear, struct clear_quantity quantity, double *slope_p,
                                 double *slope_q, struct fg_error *err)
{
    const struct fg_topology *topology = grid_of(linear);
    double *f = linear->work, scale = 1; /* of MW per MW */
    int32_t k = quantity.index;
    memset(f, 0, (size_t)linear->size * sizeof(double));
    memset(slope_p, 0, (size_t)linear->n * sizeof(double));
    memset(slope_q, 0, (size_t)linear->n * sizeof(double));
    switch (quantity.kind) {
    case CLEAR_SLACK_P:
        f[linear->slack_p + k] = 1;
        break;
    case CLEAR_SLACK_Q:
        if (linear->slack_q < 0)
            return FG_OK;
        f[linear->slack_q + k] = 1;
        break;
    case CLEAR_VOLTAGE:
        if (linear->magnitude < 0)
            return FG_OK;
        f[linear->magnitude + k] = 1;
        scale = 1 / linear->base;
        break;
    case CLEAR_FLOW_FROM:
    case CLEAR_FLOW_TO: {
        const struct fg_edge *edge = &topology->edges[k];
        if (linear->physics == FG_PHYSICS_AC) {
            double g[4];
            ac_flow(linear, k, quantity.kind == CLEAR_FLOW_TO, g);
            f[linear->angle + edge->from] += g[0];
            f[linear->angle + edge->to] += g[1];
            f[linear->magnitude + edge->from] += g[2];
            f[linear->magnitude + edge->to] += g[3];
        } else if (linear->physics == FG_PHYSICS_DC) {
            double b, sign = copysign(1, dc_flow(linear, k, &b));
            f[edge->from] += sign * b;
            f[edge->to] -= sign * b;
        } else if (linear->physics == FG_PHYSICS_LINDISTFLOW) {
            double p = linear->z[linear->flow_p + k], q = linear->z[linear->flow_q + k], s = hypot(p, q);
            f[linear->flow_p + k] = s > 0 ? p / s : 0;
            f[linear->flow_q + k] = s > 0 ? q / s : 0;
        } else {
            return FG_OK;
        }
        break;
    }
    }
    if (!klu_tsolve(linear->symbolic, linear->numeric, linear->size, 1, f, &linear->common))
        return fg_fail(err, FG_ERR_NUMERIC, NULL, "the sensitivities of period %d cannot be computed",
                       linear->period + 1);
    for (int32_t i = 0; i < linear->n; i++) {
        slope_p[i] = f[linear->p_row[i]] * scale;
        if (linear->q_row[i] >= 0)
            slope_q[i] = f[linear->q_row[i]] * scale;
    }
    return FG_OK;
}
