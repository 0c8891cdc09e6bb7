/* Layout, bounds and start of the model; the functions are in ipopt_functions.c. */
#include "ipopt_model.h"

#include "base/memory.h"
#include "grid/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum fg_code generators_collect(struct ipopt_model *model, struct fg_error *err)
{
    const struct fg_topology *topology = model->problem->topology;
    const struct fg_network *network = topology->network;
    model->generators = fg_alloc(network->generator_count, sizeof *model->generators);
    if (model->generators == NULL)
        return fg_fail_memory(err);
    for (size_t k = 0; k < network->generator_count; k++) {
        const struct fg_generator *element = &network->generators[k];
        int32_t node = element->in_service ? topology->node_of_bus[element->bus] : -1;
        if (node < 0)
            continue;
        if (element->cost_reactive.kind != FG_COST_NONE)
            return fg_fail(err, FG_ERR_UNSUPPORTED, element->id, "the reference has no costs of reactive power");
        struct ipopt_generator *generator = &model->generators[model->generator_count++];
        *generator = (struct ipopt_generator){.element = element, .node = node, .epigraph = -1, .capability_rows = -1};
        if (model->problem->price == NULL && element->cost.kind == FG_COST_PIECEWISE) {
            generator->epigraph = model->epigraph_count++;
            model->piece_count += element->cost.count - 1;
        }
        if (element->pc1_mw < element->pc2_mw) {
            generator->capability_rows = 2 * model->capability_count;
            model->capability_count++;
        }
    }
    return FG_OK;
}

static enum fg_code limits_collect(struct ipopt_model *model, int32_t *limit_count, int32_t *angle_count,
                                   struct fg_error *err)
{
    const struct fg_topology *topology = model->problem->topology;
    size_t edges = (size_t)topology->edge_count;
    model->limit_row = fg_alloc(edges, sizeof *model->limit_row);
    model->angle_row = fg_alloc(edges, sizeof *model->angle_row);
    model->rate_squared = fg_alloc(edges, sizeof *model->rate_squared);
    if (!model->limit_row || !model->angle_row || !model->rate_squared)
        return fg_fail_memory(err);
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const struct fg_branch *branch = &topology->network->branches[topology->edges[e].branch];
        double rate = branch->rate_normal_mva / topology->network->base_mva;
        model->rate_squared[e] = rate * rate;
        model->limit_row[e] = isfinite(rate) ? 2 * (*limit_count)++ : -1;
        bool has_angle = isfinite(branch->angle_min_rad) || isfinite(branch->angle_max_rad);
        model->angle_row[e] = has_angle ? (*angle_count)++ : -1;
    }
    return FG_OK;
}

static void layout(struct ipopt_model *model, int32_t limit_count, int32_t angle_count)
{
    const struct bench_problem *problem = model->problem;
    int32_t n = problem->topology->node_count;
    int32_t flows = model->formulation == IPOPT_BRANCH_FLOWS ? FG_FLOW_COUNT * problem->topology->edge_count : 0;
    model->at_va = 0;
    model->at_vm = n;
    model->at_pg = 2 * n;
    model->at_qg = model->at_pg + model->generator_count;
    model->at_flow = model->at_qg + model->generator_count;
    model->at_pv = model->at_flow + flows;
    model->at_battery = model->at_pv + 2 * problem->pv_count;
    model->at_epigraph = model->at_battery + 4 * problem->battery_count;
    model->columns_per_period = model->at_epigraph + model->epigraph_count;

    model->row_balance = 0;
    model->row_flow = 2 * n;
    model->row_limit = model->row_flow + flows;
    model->row_angle = model->row_limit + 2 * limit_count;
    model->row_capability = model->row_angle + angle_count;
    model->row_epigraph = model->row_capability + 2 * model->capability_count;
    model->row_pv = model->row_epigraph + model->piece_count;
    model->row_battery = model->row_pv + problem->pv_count;
    model->rows_per_period = model->row_battery + 2 * problem->battery_count;

    model->variable_count = model->columns_per_period * problem->period_count;
    model->row_count = model->rows_per_period * problem->period_count;
}

/* Middle of an interval, nearest to zero where it is half open. */
static double middle(double lower, double upper)
{
    if (isfinite(lower) && isfinite(upper))
        return (lower + upper) / 2;
    return fmin(fmax(0, lower), upper);
}

static void set_column(struct ipopt_model *model, int32_t column, double lower, double upper, double start)
{
    model->lower[column] = lower;
    model->upper[column] = upper;
    model->start[column] = start;
}

static void set_row(struct ipopt_model *model, int32_t row, double lower, double upper)
{
    model->row_lower[row] = lower;
    model->row_upper[row] = upper;
}

static void bounds_of_grid(struct ipopt_model *model, int32_t column, int32_t row)
{
    const struct fg_topology *topology = model->problem->topology;
    const struct fg_network *network = topology->network;
    double base = network->base_mva;
    for (int32_t i = 0; i < topology->node_count; i++) {
        double low = topology->vm_min_pu[i], high = topology->vm_max_pu[i];
        set_column(model, column + model->at_va + i, -INFINITY, INFINITY, 0);
        set_column(model, column + model->at_vm + i, low, high, fmin(fmax(1, low), high));
        set_row(model, row + model->row_balance + 2 * i, 0, 0);
        set_row(model, row + model->row_balance + 2 * i + 1, 0, 0);
    }
    for (int32_t k = 0; k < topology->island_count; k++)
        set_column(model, column + model->at_va + topology->reference_of_island[k], 0, 0, 0);
    for (int32_t k = 0; k < model->generator_count; k++) {
        const struct fg_generator *g = model->generators[k].element;
        set_column(model, column + model->at_pg + k, g->p_min_mw / base, g->p_max_mw / base,
                   middle(g->p_min_mw, g->p_max_mw) / base);
        set_column(model, column + model->at_qg + k, g->q_min_mvar / base, g->q_max_mvar / base,
                   middle(g->q_min_mvar, g->q_max_mvar) / base);
        int32_t first = model->generators[k].capability_rows;
        if (first >= 0) { /* q - slope p <= intercept through (pc1, qc1_max), (pc2, qc2_max); likewise below */
            double width = g->pc2_mw - g->pc1_mw;
            double above = (g->qc2_max_mvar - g->qc1_max_mvar) / width;
            double below = (g->qc2_min_mvar - g->qc1_min_mvar) / width;
            set_row(model, row + model->row_capability + first, -INFINITY,
                    (g->qc1_max_mvar - above * g->pc1_mw) / base);
            set_row(model, row + model->row_capability + first + 1, (g->qc1_min_mvar - below * g->pc1_mw) / base,
                    INFINITY);
        }
    }
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const struct fg_edge *edge = &topology->edges[e];
        const struct fg_branch *branch = &network->branches[edge->branch];
        if (model->limit_row[e] >= 0)
            for (int end = 0; end < 2; end++)
                set_row(model, row + model->row_limit + model->limit_row[e] + end, -INFINITY, model->rate_squared[e]);
        if (model->angle_row[e] >= 0)
            set_row(model, row + model->row_angle + model->angle_row[e], branch->angle_min_rad,
                    branch->angle_max_rad);
        if (model->formulation == IPOPT_BRANCH_FLOWS) {
            const double *vm = model->start + column + model->at_vm;
            double flow[FG_FLOW_COUNT];
            fg_flow_values(edge, 0, 0, vm[edge->from], vm[edge->to], flow);
            double bound = branch->rating_kind == FG_RATING_APPARENT ? sqrt(model->rate_squared[e]) : INFINITY;
            for (int k = 0; k < FG_FLOW_COUNT; k++) {
                int32_t at = FG_FLOW_COUNT * e + k;
                set_column(model, column + model->at_flow + at, -bound, bound, fmin(fmax(flow[k], -bound), bound));
                set_row(model, row + model->row_flow + at, 0, 0);
            }
        }
    }
}

static void bounds_of_costs(struct ipopt_model *model, int32_t column, int32_t row)
{
    int32_t piece = 0;
    for (int32_t k = 0; k < model->generator_count; k++) {
        if (model->generators[k].epigraph < 0)
            continue;
        const struct fg_cost *cost = &model->generators[k].element->cost;
        double start_mw = model->start[column + model->at_pg + k] * model->problem->topology->network->base_mva;
        double start = -INFINITY;
        for (int32_t s = 0; s + 1 < cost->count; s++, piece++) {
            const double *a = cost->values + 2 * s;
            double slope = (a[3] - a[1]) / (a[2] - a[0]);
            set_row(model, row + model->row_epigraph + piece, a[1] - slope * a[0], INFINITY);
            start = fmax(start, a[1] + slope * (start_mw - a[0]));
        }
        set_column(model, column + model->at_epigraph + model->generators[k].epigraph, -INFINITY, INFINITY, start);
    }
}

static void bounds_of_devices(struct ipopt_model *model, int32_t t, int32_t column, int32_t row)
{
    const struct bench_problem *problem = model->problem;
    double base = problem->topology->network->base_mva;
    for (int32_t k = 0; k < problem->pv_count; k++) {
        const struct bench_pv *pv = &problem->pvs[k];
        double available = pv->peak_mw * problem->sun[t] / base, s = pv->s_mva / base;
        set_column(model, column + model->at_pv + 2 * k, 0, available, available / 2);
        set_column(model, column + model->at_pv + 2 * k + 1, -s, s, 0);
        set_row(model, row + model->row_pv + k, -INFINITY, s * s);
    }
    for (int32_t k = 0; k < problem->battery_count; k++) {
        const struct bench_battery *battery = &problem->batteries[k];
        int32_t at = column + model->at_battery + 4 * k;
        double power = battery->power_mw / base, s = battery->s_mva / base;
        double initial = battery->start_mwh / base;
        bool is_last = t + 1 == problem->period_count;
        set_column(model, at, 0, power, 0);
        set_column(model, at + 1, 0, power, 0);
        set_column(model, at + 2, -s, s, 0);
        set_column(model, at + 3, is_last ? initial : 0, battery->capacity_mwh / base, initial);
        double from = t == 0 ? initial : 0; /* e_t - e_(t-1) - h (eta c - d / eta) = 0; the first e_(t-1) is data */
        set_row(model, row + model->row_battery + 2 * k, from, from);
        set_row(model, row + model->row_battery + 2 * k + 1, -INFINITY, s * s);
    }
}

/* Merge the recorded entries: sort by place, number the places, keep the number of each recorded entry. */
struct keyed {
    int64_t key;
    int32_t entry;
};
static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}
static enum fg_code pattern_merge(struct ipopt_pattern *pattern, struct fg_error *err)
{
    struct keyed *keyed = fg_alloc(pattern->entry_count, sizeof *keyed);
    pattern->slot = fg_alloc(pattern->entry_count, sizeof *pattern->slot);
    if (keyed == NULL || pattern->slot == NULL || pattern->has_failed) {
        fg_free(keyed);
        return fg_fail_memory(err);
    }
    for (size_t k = 0; k < pattern->entry_count; k++)
        keyed[k] = (struct keyed){((int64_t)pattern->row[k] << 32) | pattern->column[k], (int32_t)k};
    qsort(keyed, pattern->entry_count, sizeof *keyed, by_key);
    for (size_t k = 0; k < pattern->entry_count; k++) {
        if (k == 0 || keyed[k].key != keyed[k - 1].key) {
            pattern->row[pattern->count] = (int32_t)(keyed[k].key >> 32);
            pattern->column[pattern->count] = (int32_t)(keyed[k].key & INT32_MAX);
            pattern->count++;
        }
        pattern->slot[keyed[k].entry] = pattern->count - 1;
    }
    fg_free(keyed);
    return FG_OK;
}

enum fg_code ipopt_model_create(const struct bench_problem *problem, enum ipopt_formulation formulation,
                                struct ipopt_model **out, struct fg_error *err)
{
    *out = NULL;
    struct ipopt_model *model = fg_alloc(1, sizeof *model);
    if (model == NULL)
        return fg_fail_memory(err);
    model->problem = problem;
    model->formulation = formulation;
    int32_t limit_count = 0, angle_count = 0;
    enum fg_code code = bench_injections_create(&model->injections, problem->topology, err);
    if (code == FG_OK)
        code = generators_collect(model, err);
    if (code == FG_OK)
        code = limits_collect(model, &limit_count, &angle_count, err);
    if (code != FG_OK)
        goto fail;
    layout(model, limit_count, angle_count);
    model->lower = fg_alloc((size_t)model->variable_count, sizeof(double));
    model->upper = fg_alloc((size_t)model->variable_count, sizeof(double));
    model->start = fg_alloc((size_t)model->variable_count, sizeof(double));
    model->row_lower = fg_alloc((size_t)model->row_count, sizeof(double));
    model->row_upper = fg_alloc((size_t)model->row_count, sizeof(double));
    double *zeros = fg_alloc((size_t)model->row_count, sizeof(double));
    if (!model->lower || !model->upper || !model->start || !model->row_lower || !model->row_upper || !zeros) {
        fg_free(zeros);
        code = fg_fail_memory(err);
        goto fail;
    }
    for (int32_t t = 0; t < problem->period_count; t++) {
        int32_t column = t * model->columns_per_period, row = t * model->rows_per_period;
        bounds_of_grid(model, column, row);
        bounds_of_costs(model, column, row);
        bounds_of_devices(model, t, column, row);
    }
    ipopt_model_jacobian(model, model->start, NULL);
    ipopt_model_hessian(model, model->start, 1, zeros, NULL);
    fg_free(zeros);
    code = pattern_merge(&model->jacobian, err);
    if (code == FG_OK)
        code = pattern_merge(&model->hessian, err);
    if (code != FG_OK)
        goto fail;
    *out = model;
    return FG_OK;
fail:
    ipopt_model_destroy(model);
    return code;
}

static void pattern_release(struct ipopt_pattern *pattern)
{
    fg_free(pattern->row);
    fg_free(pattern->column);
    fg_free(pattern->slot);
}

void ipopt_model_destroy(struct ipopt_model *model)
{
    if (model == NULL)
        return;
    bench_injections_release(&model->injections);
    fg_free(model->generators);
    fg_free(model->limit_row);
    fg_free(model->angle_row);
    fg_free(model->rate_squared);
    fg_free(model->lower);
    fg_free(model->upper);
    fg_free(model->start);
    fg_free(model->row_lower);
    fg_free(model->row_upper);
    pattern_release(&model->jacobian);
    pattern_release(&model->hessian);
    fg_free(model);
}
