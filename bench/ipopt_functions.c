/* Functions of the reference model and their derivatives. Rows as in ipopt_model.c:
 *
 *   balance    sum of injections - sum of branch flows - shunt Vm^2 = 0, P and Q interleaved by node
 *   flow       flow function(V) - flow variable = 0                     (branch-flow form)
 *   limit      P^2 + Q^2 <= rate^2, or |I|^2 <= rate^2
 *   angle      Va_f - Va_t within its limits
 *   epigraph   y - slope P >= intercept, currency per hour
 *   pv         p^2 + q^2 <= s^2
 *   battery    energy balance;  (d - c)^2 + q^2 <= s^2
 *
 * Each derivative is written once as a sequence of additions, which records the pattern first and adds values later. */
#include "ipopt_model.h"

#include "base/memory.h"
#include "grid/flow.h"

#include <math.h>
#include <string.h>

/* -- objective ------------------------------------------------------------------------------------------------- */

/* order-th derivative (0, 1, 2) of sum c[k] p^k. */
static double polynomial(const struct fg_cost *cost, double p, int order)
{
    double sum = 0;
    for (int32_t k = cost->count - 1; k >= order; k--) {
        double factor = order == 0 ? 1 : order == 1 ? k : (double)k * (k - 1);
        sum = sum * p + factor * cost->values[k];
    }
    return sum;
}

/* Derivative of the cost with respect to the generator's p.u. power; order 0 is the cost itself. */
static double cost_derivative(const struct ipopt_model *model, int32_t t, int32_t k, const double *x, int order)
{
    const struct bench_problem *problem = model->problem;
    const struct fg_generator *element = model->generators[k].element;
    double base = problem->topology->network->base_mva;
    double p_mw = base * x[t * model->columns_per_period + model->at_pg + k];
    double unit = problem->hours * (order == 0 ? 1 : order == 1 ? base : base * base);
    if (problem->price != NULL)
        return unit * problem->price[t] * (order == 0 ? p_mw : order == 1 ? 1 : 0);
    if (element->cost.kind != FG_COST_POLYNOMIAL)
        return 0;
    return unit * polynomial(&element->cost, p_mw, order);
}

double ipopt_model_objective(const struct ipopt_model *model, const double *x)
{
    double sum = 0;
    for (int32_t t = 0; t < model->problem->period_count; t++) {
        for (int32_t k = 0; k < model->generator_count; k++)
            sum += cost_derivative(model, t, k, x, 0);
        for (int32_t k = 0; k < model->epigraph_count; k++)
            sum += model->problem->hours * x[t * model->columns_per_period + model->at_epigraph + k];
    }
    return sum;
}

void ipopt_model_gradient(const struct ipopt_model *model, const double *x, double *gradient)
{
    memset(gradient, 0, (size_t)model->variable_count * sizeof *gradient);
    for (int32_t t = 0; t < model->problem->period_count; t++) {
        double *at = gradient + t * model->columns_per_period;
        for (int32_t k = 0; k < model->generator_count; k++)
            at[model->at_pg + k] = cost_derivative(model, t, k, x, 1);
        for (int32_t k = 0; k < model->epigraph_count; k++)
            at[model->at_epigraph + k] = model->problem->hours;
    }
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

struct ends {
    double va_f, va_t, vm_f, vm_t;
};
static struct ends ends_of(const struct ipopt_model *model, const double *x, const struct fg_edge *edge)
{
    return (struct ends){x[model->at_va + edge->from], x[model->at_va + edge->to], x[model->at_vm + edge->from],
                         x[model->at_vm + edge->to]};
}

static bool is_current_limit(const struct ipopt_model *model, const struct fg_edge *edge)
{
    return model->problem->topology->network->branches[edge->branch].rating_kind == FG_RATING_CURRENT;
}

/* x and g are those of the period. */
static void rows_of_edges(const struct ipopt_model *model, const double *x, double *g)
{
    const struct fg_topology *topology = model->problem->topology;
    double *balance = g + model->row_balance;
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const struct fg_edge *edge = &topology->edges[e];
        struct ends v = ends_of(model, x, edge);
        double of_voltage[FG_FLOW_COUNT];
        const double *flow = of_voltage;
        fg_flow_values(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, of_voltage);
        if (model->formulation == IPOPT_BRANCH_FLOWS) {
            flow = x + model->at_flow + FG_FLOW_COUNT * e;
            for (int k = 0; k < FG_FLOW_COUNT; k++)
                g[model->row_flow + FG_FLOW_COUNT * e + k] = of_voltage[k] - flow[k];
        }
        balance[2 * edge->from] -= flow[FG_FLOW_PF];
        balance[2 * edge->from + 1] -= flow[FG_FLOW_QF];
        balance[2 * edge->to] -= flow[FG_FLOW_PT];
        balance[2 * edge->to + 1] -= flow[FG_FLOW_QT];
        if (model->limit_row[e] >= 0) {
            double squared[2] = {flow[0] * flow[0] + flow[1] * flow[1], flow[2] * flow[2] + flow[3] * flow[3]};
            double unused[2][FG_FLOW_VARIABLES];
            if (is_current_limit(model, edge))
                fg_flow_current(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, squared, unused);
            g[model->row_limit + model->limit_row[e]] = squared[0];
            g[model->row_limit + model->limit_row[e] + 1] = squared[1];
        }
        if (model->angle_row[e] >= 0)
            g[model->row_angle + model->angle_row[e]] = v.va_f - v.va_t;
    }
}

static double above_slope(const struct fg_generator *g)
{
    return (g->qc2_max_mvar - g->qc1_max_mvar) / (g->pc2_mw - g->pc1_mw);
}
static double below_slope(const struct fg_generator *g)
{
    return (g->qc2_min_mvar - g->qc1_min_mvar) / (g->pc2_mw - g->pc1_mw);
}
static double piece_slope(const struct fg_cost *cost, int32_t piece)
{
    const double *a = cost->values + 2 * piece;
    return (a[3] - a[1]) / (a[2] - a[0]);
}

static void rows_of_generators(const struct ipopt_model *model, const double *x, double *g)
{
    double base = model->problem->topology->network->base_mva;
    int32_t piece = 0;
    for (int32_t k = 0; k < model->generator_count; k++) {
        const struct ipopt_generator *generator = &model->generators[k];
        double p = x[model->at_pg + k], q = x[model->at_qg + k];
        g[model->row_balance + 2 * generator->node] += p;
        g[model->row_balance + 2 * generator->node + 1] += q;
        if (generator->capability_rows >= 0) {
            double *row = g + model->row_capability + generator->capability_rows;
            row[0] = q - above_slope(generator->element) * p;
            row[1] = q - below_slope(generator->element) * p;
        }
        if (generator->epigraph >= 0)
            for (int32_t s = 0; s + 1 < generator->element->cost.count; s++, piece++)
                g[model->row_epigraph + piece] = x[model->at_epigraph + generator->epigraph] -
                                                 piece_slope(&generator->element->cost, s) * base * p;
    }
}

static void rows_of_devices(const struct ipopt_model *model, int32_t t, const double *x, double *g)
{
    const struct bench_problem *problem = model->problem;
    for (int32_t k = 0; k < problem->pv_count; k++) {
        const double *pv = x + model->at_pv + 2 * k;
        int32_t node = problem->pvs[k].node;
        g[model->row_balance + 2 * node] += pv[0];
        g[model->row_balance + 2 * node + 1] += pv[1];
        g[model->row_pv + k] = pv[0] * pv[0] + pv[1] * pv[1];
    }
    for (int32_t k = 0; k < problem->battery_count; k++) {
        const double *b = x + model->at_battery + 4 * k; /* charge, discharge, reactive power, energy */
        const struct bench_battery *battery = &problem->batteries[k];
        double before = t == 0 ? 0 : b[3 - model->columns_per_period];
        g[model->row_balance + 2 * battery->node] += b[1] - b[0];
        g[model->row_balance + 2 * battery->node + 1] += b[2];
        double *row = g + model->row_battery + 2 * k;
        row[0] = b[3] - before - problem->hours * (battery->efficiency * b[0] - b[1] / battery->efficiency);
        row[1] = (b[1] - b[0]) * (b[1] - b[0]) + b[2] * b[2];
    }
}

void ipopt_model_rows(const struct ipopt_model *model, const double *x, double *g)
{
    const struct bench_problem *problem = model->problem;
    const struct fg_topology *topology = problem->topology;
    const struct bench_injections *injections = &model->injections;
    for (int32_t t = 0; t < problem->period_count; t++) {
        const double *xt = x + t * model->columns_per_period;
        double *gt = g + t * model->rows_per_period;
        double load = problem->load != NULL ? problem->load[t] : 1;
        for (int32_t i = 0; i < topology->node_count; i++) {
            double vm = xt[model->at_vm + i];
            gt[model->row_balance + 2 * i] =
                load * (injections->p[0][i] + vm * (injections->p[1][i] + vm * injections->p[2][i])) -
                topology->g_shunt_pu[i] * vm * vm;
            gt[model->row_balance + 2 * i + 1] =
                load * (injections->q[0][i] + vm * (injections->q[1][i] + vm * injections->q[2][i])) +
                topology->b_shunt_pu[i] * vm * vm;
        }
        rows_of_edges(model, xt, gt);
        rows_of_generators(model, xt, gt);
        rows_of_devices(model, t, xt, gt);
    }
}

/* -- sparse derivatives ---------------------------------------------------------------------------------------- */

struct sink {
    struct ipopt_pattern *pattern;
    double *values; /* NULL while recording */
    size_t cursor;
    int32_t row, column; /* offsets of the period */
};

static void record(struct ipopt_pattern *pattern, int32_t row, int32_t column)
{
    if (pattern->entry_count == pattern->entry_capacity && !pattern->has_failed) {
        size_t wanted = pattern->entry_capacity ? 2 * pattern->entry_capacity : 1024;
        int32_t *rows = fg_realloc(pattern->row, wanted, sizeof *rows);
        if (rows != NULL)
            pattern->row = rows;
        int32_t *columns = fg_realloc(pattern->column, wanted, sizeof *columns);
        if (columns != NULL)
            pattern->column = columns;
        pattern->has_failed = rows == NULL || columns == NULL;
        pattern->entry_capacity = wanted;
    }
    if (pattern->has_failed)
        return;
    pattern->row[pattern->entry_count] = row;
    pattern->column[pattern->entry_count++] = column;
}

static void put(struct sink *sink, int32_t row, int32_t column, double value)
{
    if (sink->values == NULL)
        record(sink->pattern, sink->row + row, sink->column + column);
    else
        sink->values[sink->pattern->slot[sink->cursor++]] += value;
}

static struct sink sink_start(struct ipopt_pattern *pattern, double *values)
{
    if (values != NULL)
        memset(values, 0, (size_t)pattern->count * sizeof *values);
    return (struct sink){.pattern = pattern, .values = values};
}

/* Columns of an edge's four voltage variables, in the order of grid/flow.h. */
static void edge_columns(const struct ipopt_model *model, const struct fg_edge *edge, int32_t column[FG_FLOW_VARIABLES])
{
    column[FG_FLOW_VA_F] = model->at_va + edge->from;
    column[FG_FLOW_VA_T] = model->at_va + edge->to;
    column[FG_FLOW_VM_F] = model->at_vm + edge->from;
    column[FG_FLOW_VM_T] = model->at_vm + edge->to;
}

static void balance_rows(const struct ipopt_model *model, const struct fg_edge *edge, int32_t row[FG_FLOW_COUNT])
{
    row[FG_FLOW_PF] = model->row_balance + 2 * edge->from;
    row[FG_FLOW_QF] = model->row_balance + 2 * edge->from + 1;
    row[FG_FLOW_PT] = model->row_balance + 2 * edge->to;
    row[FG_FLOW_QT] = model->row_balance + 2 * edge->to + 1;
}

static void jacobian_of_edge(const struct ipopt_model *model, int32_t e, const double *x, struct sink *sink)
{
    const struct fg_edge *edge = &model->problem->topology->edges[e];
    struct ends v = ends_of(model, x, edge);
    double flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
    int32_t column[FG_FLOW_VARIABLES], balance[FG_FLOW_COUNT];
    fg_flow_gradient(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, flow, gradient);
    edge_columns(model, edge, column);
    balance_rows(model, edge, balance);
    bool has_flows = model->formulation == IPOPT_BRANCH_FLOWS;
    int32_t at_flow = model->at_flow + FG_FLOW_COUNT * e;
    for (int k = 0; k < FG_FLOW_COUNT; k++) {
        int32_t row = has_flows ? model->row_flow + FG_FLOW_COUNT * e + k : balance[k];
        for (int i = 0; i < FG_FLOW_VARIABLES; i++)
            put(sink, row, column[i], has_flows ? gradient[k][i] : -gradient[k][i]);
        if (has_flows) {
            put(sink, row, at_flow + k, -1);
            put(sink, balance[k], at_flow + k, -1);
        }
    }
    if (model->limit_row[e] >= 0) {
        bool is_current = is_current_limit(model, edge);
        double squared[2], of_current[2][FG_FLOW_VARIABLES];
        if (is_current)
            fg_flow_current(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, squared, of_current);
        for (int end = 0; end < 2; end++) {
            int32_t row = model->row_limit + model->limit_row[e] + end;
            int p = 2 * end, q = p + 1;
            if (has_flows && !is_current) {
                put(sink, row, at_flow + p, 2 * x[at_flow + p]);
                put(sink, row, at_flow + q, 2 * x[at_flow + q]);
                continue;
            }
            for (int i = 0; i < FG_FLOW_VARIABLES; i++)
                put(sink, row, column[i],
                    is_current ? of_current[end][i] : 2 * (flow[p] * gradient[p][i] + flow[q] * gradient[q][i]));
        }
    }
    if (model->angle_row[e] >= 0) {
        put(sink, model->row_angle + model->angle_row[e], column[FG_FLOW_VA_F], 1);
        put(sink, model->row_angle + model->angle_row[e], column[FG_FLOW_VA_T], -1);
    }
}

static void jacobian_of_generators(const struct ipopt_model *model, struct sink *sink)
{
    double base = model->problem->topology->network->base_mva;
    int32_t piece = 0;
    for (int32_t k = 0; k < model->generator_count; k++) {
        const struct ipopt_generator *generator = &model->generators[k];
        int32_t p = model->at_pg + k, q = model->at_qg + k;
        put(sink, model->row_balance + 2 * generator->node, p, 1);
        put(sink, model->row_balance + 2 * generator->node + 1, q, 1);
        if (generator->capability_rows >= 0) {
            int32_t row = model->row_capability + generator->capability_rows;
            put(sink, row, q, 1);
            put(sink, row, p, -above_slope(generator->element));
            put(sink, row + 1, q, 1);
            put(sink, row + 1, p, -below_slope(generator->element));
        }
        if (generator->epigraph >= 0)
            for (int32_t s = 0; s + 1 < generator->element->cost.count; s++, piece++) {
                put(sink, model->row_epigraph + piece, model->at_epigraph + generator->epigraph, 1);
                put(sink, model->row_epigraph + piece, p, -base * piece_slope(&generator->element->cost, s));
            }
    }
}

static void jacobian_of_devices(const struct ipopt_model *model, int32_t t, const double *x, struct sink *sink)
{
    const struct bench_problem *problem = model->problem;
    for (int32_t k = 0; k < problem->pv_count; k++) {
        int32_t at = model->at_pv + 2 * k, node = problem->pvs[k].node;
        put(sink, model->row_balance + 2 * node, at, 1);
        put(sink, model->row_balance + 2 * node + 1, at + 1, 1);
        put(sink, model->row_pv + k, at, 2 * x[at]);
        put(sink, model->row_pv + k, at + 1, 2 * x[at + 1]);
    }
    for (int32_t k = 0; k < problem->battery_count; k++) {
        const struct bench_battery *battery = &problem->batteries[k];
        int32_t at = model->at_battery + 4 * k, energy = model->row_battery + 2 * k;
        double net = x[at + 1] - x[at];
        put(sink, model->row_balance + 2 * battery->node, at, -1);
        put(sink, model->row_balance + 2 * battery->node, at + 1, 1);
        put(sink, model->row_balance + 2 * battery->node + 1, at + 2, 1);
        put(sink, energy, at + 3, 1);
        if (t > 0)
            put(sink, energy, at + 3 - model->columns_per_period, -1);
        put(sink, energy, at, -problem->hours * battery->efficiency);
        put(sink, energy, at + 1, problem->hours / battery->efficiency);
        put(sink, energy + 1, at, -2 * net);
        put(sink, energy + 1, at + 1, 2 * net);
        put(sink, energy + 1, at + 2, 2 * x[at + 2]);
    }
}

void ipopt_model_jacobian(struct ipopt_model *model, const double *x, double *values)
{
    const struct bench_problem *problem = model->problem;
    const struct fg_topology *topology = problem->topology;
    const struct bench_injections *injections = &model->injections;
    struct sink sink = sink_start(&model->jacobian, values);
    for (int32_t t = 0; t < problem->period_count; t++) {
        sink.row = t * model->rows_per_period;
        sink.column = t * model->columns_per_period;
        const double *xt = x + sink.column;
        double load = problem->load != NULL ? problem->load[t] : 1;
        for (int32_t i = 0; i < topology->node_count; i++) {
            double vm = xt[model->at_vm + i];
            double p1 = load * injections->p[1][i], p2 = load * injections->p[2][i] - topology->g_shunt_pu[i];
            double q1 = load * injections->q[1][i], q2 = load * injections->q[2][i] + topology->b_shunt_pu[i];
            put(&sink, model->row_balance + 2 * i, model->at_vm + i, p1 + 2 * p2 * vm);
            put(&sink, model->row_balance + 2 * i + 1, model->at_vm + i, q1 + 2 * q2 * vm);
        }
        for (int32_t e = 0; e < topology->edge_count; e++)
            jacobian_of_edge(model, e, xt, &sink);
        jacobian_of_generators(model, &sink);
        jacobian_of_devices(model, t, xt, &sink);
    }
}

/* Weighted second derivatives of one edge's rows in its four voltage variables. */
static void hessian_of_edge(const struct ipopt_model *model, int32_t e, const double *x, const double *multiplier,
                            struct sink *sink)
{
    const struct fg_edge *edge = &model->problem->topology->edges[e];
    struct ends v = ends_of(model, x, edge);
    int32_t column[FG_FLOW_VARIABLES], balance[FG_FLOW_COUNT];
    edge_columns(model, edge, column);
    balance_rows(model, edge, balance);
    bool has_flows = model->formulation == IPOPT_BRANCH_FLOWS, has_limit = model->limit_row[e] >= 0;
    bool is_current = is_current_limit(model, edge);
    const double *limit = has_limit ? multiplier + model->row_limit + model->limit_row[e] : NULL;
    double hessian[FG_FLOW_VARIABLES][FG_FLOW_VARIABLES] = {0}, weight[FG_FLOW_COUNT];
    for (int k = 0; k < FG_FLOW_COUNT; k++)
        weight[k] = has_flows ? multiplier[model->row_flow + FG_FLOW_COUNT * e + k] : -multiplier[balance[k]];
    if (has_limit && is_current)
        fg_flow_current_hessian(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, limit, hessian);
    if (has_limit && !is_current && !has_flows) { /* d2 (P^2 + Q^2) = 2 (dP dP' + dQ dQ' + P d2P + Q d2Q) */
        double flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
        fg_flow_gradient(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, flow, gradient);
        for (int k = 0; k < FG_FLOW_COUNT; k++) {
            weight[k] += 2 * limit[k / 2] * flow[k];
            for (int i = 0; i < FG_FLOW_VARIABLES; i++)
                for (int j = 0; j < FG_FLOW_VARIABLES; j++)
                    hessian[i][j] += 2 * limit[k / 2] * gradient[k][i] * gradient[k][j];
        }
    }
    fg_flow_hessian(edge, v.va_f, v.va_t, v.vm_f, v.vm_t, weight, hessian);
    for (int i = 0; i < FG_FLOW_VARIABLES; i++)
        for (int j = 0; j <= i; j++) {
            int32_t a = column[i], b = column[j];
            double both = a == b && i != j ? 2 : 1; /* an edge whose ends are one node */
            put(sink, a > b ? a : b, a > b ? b : a, both * hessian[i][j]);
        }
    if (has_limit && !is_current && has_flows)
        for (int k = 0; k < FG_FLOW_COUNT; k++) {
            int32_t at = model->at_flow + FG_FLOW_COUNT * e + k;
            put(sink, at, at, 2 * limit[k / 2]);
        }
}

static void hessian_of_devices(const struct ipopt_model *model, const double *multiplier, struct sink *sink)
{
    const struct bench_problem *problem = model->problem;
    for (int32_t k = 0; k < problem->pv_count; k++) {
        int32_t at = model->at_pv + 2 * k;
        put(sink, at, at, 2 * multiplier[model->row_pv + k]);
        put(sink, at + 1, at + 1, 2 * multiplier[model->row_pv + k]);
    }
    for (int32_t k = 0; k < problem->battery_count; k++) {
        int32_t at = model->at_battery + 4 * k;
        double circle = 2 * multiplier[model->row_battery + 2 * k + 1];
        put(sink, at, at, circle);
        put(sink, at + 1, at, -circle);
        put(sink, at + 1, at + 1, circle);
        put(sink, at + 2, at + 2, circle);
    }
}

void ipopt_model_hessian(struct ipopt_model *model, const double *x, double objective_factor,
                         const double *multiplier, double *values)
{
    const struct bench_problem *problem = model->problem;
    const struct fg_topology *topology = problem->topology;
    const struct bench_injections *injections = &model->injections;
    struct sink sink = sink_start(&model->hessian, values);
    for (int32_t t = 0; t < problem->period_count; t++) {
        sink.row = sink.column = t * model->columns_per_period;
        const double *xt = x + sink.column, *mt = multiplier + t * model->rows_per_period;
        double load = problem->load != NULL ? problem->load[t] : 1;
        for (int32_t i = 0; i < topology->node_count; i++) {
            double p2 = load * injections->p[2][i] - topology->g_shunt_pu[i];
            double q2 = load * injections->q[2][i] + topology->b_shunt_pu[i];
            put(&sink, model->at_vm + i, model->at_vm + i,
                2 * (mt[model->row_balance + 2 * i] * p2 + mt[model->row_balance + 2 * i + 1] * q2));
        }
        for (int32_t e = 0; e < topology->edge_count; e++)
            hessian_of_edge(model, e, xt, mt, &sink);
        for (int32_t k = 0; k < model->generator_count; k++)
            if (problem->price == NULL && model->generators[k].element->cost.count > 2 && model->generators[k].epigraph < 0)
                put(&sink, model->at_pg + k, model->at_pg + k, objective_factor * cost_derivative(model, t, k, x, 2));
        hessian_of_devices(model, mt, &sink);
    }
}
