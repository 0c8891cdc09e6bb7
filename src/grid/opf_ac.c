/* Blocks in polar coordinates, exact: variables Va, Vm per node.
 *
 *   P_i:  sum of branch flows + G_i Vm^2 - P_current_i Vm - P_impedance_i Vm^2 - sum factor_v x_v = P_fixed_i
 *   Q_i:  likewise with -B_i
 *   ratings at both ends: |S|^2 / rate <= rate (|I| likewise for current ratings); angle limits: linear
 *
 * The flow functions and derivatives are those of grid/flow.h. */
#include "grid/flow.h"
#include "grid/opf_internal.h"

#include <math.h>

static void variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t label = opf->label_count++;
        block->a_variable[i] = fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, label);
        block->v_variable[i] = fg_opf_new_variable(opf, 0, INFINITY, 1, label);
        block->p_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, label);
        block->q_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, label);
    }
    for (int32_t i = 0; i < block->node_count; i++)
        if (isfinite(block->band_price[i])) {
            block->band_row[i] = fg_opf_new_row(opf, 0, 0, block->band_price[i], -1);
            fg_opf_new_linear(opf, block->band_row[i], block->v_variable[i], 1);
        }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        if (fg_opf_edge_is_rated(block, k)) {
            block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
            fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
        }
        const struct fg_branch *branch = &topology->network->branches[edge->branch];
        if (block->options.angle_limits && edge->from != edge->to &&
            (isfinite(branch->angle_min_rad) || isfinite(branch->angle_max_rad))) {
            block->angle_row[k] = fg_opf_new_row(opf, branch->angle_min_rad, branch->angle_max_rad, INFINITY, -1);
            fg_opf_new_linear(opf, block->angle_row[k], block->a_variable[edge->from], 1);
            fg_opf_new_linear(opf, block->angle_row[k], block->a_variable[edge->to], -1);
        }
    }
}

static void edge_variables(const struct opf_block *block, const struct fg_edge *edge, int32_t variable[4])
{
    variable[FG_FLOW_VA_F] = block->a_variable[edge->from];
    variable[FG_FLOW_VA_T] = block->a_variable[edge->to];
    variable[FG_FLOW_VM_F] = block->v_variable[edge->from];
    variable[FG_FLOW_VM_T] = block->v_variable[edge->to];
}

static void entries(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        block->node_jacobian[i] = fg_opf_new_jacobian(opf, block->p_row[i], block->v_variable[i]);
        fg_opf_new_jacobian(opf, block->q_row[i], block->v_variable[i]);
        block->node_hessian[i] = fg_opf_new_hessian(opf, block->v_variable[i], block->v_variable[i]);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        int32_t variable[4], row[4] = { block->p_row[edge->from], block->q_row[edge->from], block->p_row[edge->to],
                                        block->q_row[edge->to] };
        edge_variables(block, edge, variable);
        block->edge_jacobian[k] = opf->problem.jacobian_nnz;
        for (int f = 0; f < 4; f++)
            for (int v = 0; v < 4; v++)
                fg_opf_new_jacobian(opf, row[f], variable[v]);
        if (block->rate_row[k] >= 0)
            for (int end = 0; end < 2; end++)
                for (int v = 0; v < 4; v++)
                    fg_opf_new_jacobian(opf, block->rate_row[k] + end, variable[v]);
        block->edge_hessian[k] = opf->problem.hessian_nnz;
        for (int v = 0; v < 4; v++)
            for (int w = 0; w <= v; w++)
                fg_opf_new_hessian(opf, variable[v], variable[w]);
    }
}

static void refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t v = block->v_variable[i], a = block->a_variable[i];
        bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
        bool elastic = block->band_row[i] >= 0;
        opf->x_lower[v] = elastic ? fg_opf_vm_floor(block, i) : block->vm_min[i];
        opf->x_upper[v] = elastic ? fg_opf_vm_ceiling(block, i) : block->vm_max[i];
        if (elastic) {
            opf->g_lower[block->band_row[i]] = block->vm_min[i];
            opf->g_upper[block->band_row[i]] = block->vm_max[i];
            opf->g_price[block->band_row[i]] = block->band_price[i];
        }
        opf->x_start[v] = fmin(fmax(block->vm_start[i], block->vm_min[i]), block->vm_max[i]);
        opf->x_start[a] = block->va_start[i];
        opf->x_lower[a] = reference ? block->va_start[i] : -INFINITY;
        opf->x_upper[a] = reference ? block->va_start[i] : INFINITY;
        if (reference && !isnan(block->options.reference_vm_pu))
            opf->x_lower[v] = opf->x_upper[v] = opf->x_start[v] = block->options.reference_vm_pu;
        const struct fg_opf_injection *injection = &block->injection[i];
        opf->g_lower[block->p_row[i]] = opf->g_upper[block->p_row[i]] = injection->p_mw / opf->base;
        opf->g_lower[block->q_row[i]] = opf->g_upper[block->q_row[i]] = injection->q_mvar / opf->base;
    }
    for (int32_t k = 0; k < block->edge_count; k++)
        if (block->rate_row[k] >= 0)
            for (int end = 0; end < 2; end++) {
                int32_t row = block->rate_row[k] + end;
                double rate = block->rate_mva[k] / opf->base;
                bool elastic = isfinite(block->rate_price[k]);
                opf->g_upper[row] = isfinite(rate) ? fg_opf_rating_limit(rate, elastic) : INFINITY;
                opf->g_price[row] = elastic ? block->rate_price[k] * opf->base : INFINITY;
            }
}

/* A rate for the row's scaling also where a rating has been lifted after building. */
static double scaling_rate(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    return isfinite(block->rate_mva[k]) ? block->rate_mva[k] / opf->base : 1;
}

/* Squared current over the rate, or its smoothed root: a function of one quantity u = |I|^2. */
static void current_rating(double squared, double rate, bool elastic, double *value, double *first, double *second)
{
    if (!elastic) {
        *value = squared / rate;
        *first = 1 / rate;
        *second = 0;
        return;
    }
    struct opf_rating at = fg_opf_rating_of(sqrt(fmax(squared, 0)), 0, rate, true);
    *value = at.value;
    *first = 0.5 / at.value;
    *second = -0.25 / (at.value * at.value * at.value);
}

static void functions(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        double vm = x[block->v_variable[i]], vv = vm * vm;
        const struct fg_opf_injection *injection = &block->injection[i];
        double gs = block->topology->g_shunt_pu[i] * block->topology->network->base_mva,
               bs = block->topology->b_shunt_pu[i] * block->topology->network->base_mva;
        g[block->p_row[i]] += ((gs - injection->p_impedance_mw) * vv - injection->p_current_mw * vm) / opf->base;
        g[block->q_row[i]] += ((-bs - injection->q_impedance_mvar) * vv - injection->q_current_mvar * vm) / opf->base;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        int32_t v[4];
        double flow[FG_FLOW_COUNT];
        edge_variables(block, edge, v);
        fg_flow_values(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], flow);
        g[block->p_row[edge->from]] += flow[FG_FLOW_PF];
        g[block->q_row[edge->from]] += flow[FG_FLOW_QF];
        g[block->p_row[edge->to]] += flow[FG_FLOW_PT];
        g[block->q_row[edge->to]] += flow[FG_FLOW_QT];
        int32_t row = block->rate_row[k];
        if (row < 0)
            continue;
        double rate = scaling_rate(opf, block, k);
        bool elastic = isfinite(block->rate_price[k]);
        if (fg_opf_edge_by_current(block, k)) {
            double squared[2], gradient[2][4], first, second;
            fg_flow_current(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], squared, gradient);
            for (int end = 0; end < 2; end++)
                current_rating(squared[end], rate, elastic, &g[row + end], &first, &second);
        } else {
            g[row] = fg_opf_rating_of(flow[FG_FLOW_PF], flow[FG_FLOW_QF], rate, elastic).value;
            g[row + 1] = fg_opf_rating_of(flow[FG_FLOW_PT], flow[FG_FLOW_QT], rate, elastic).value;
        }
    }
}

/* hessian += weight * left right' + weight * right left' over 2 for left != right; symmetric 4 x 4. */
static void add_outer(double hessian[4][4], double weight, const double left[4], const double right[4])
{
    for (int v = 0; v < 4; v++)
        for (int w = 0; w < 4; w++)
            hessian[v][w] += 0.5 * weight * (left[v] * right[w] + right[v] * left[w]);
}

static void derivatives(const struct fg_opf *opf, const struct opf_block *block, const double *x, const double *y,
                        double *jacobian, double *hessian)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        double vm = x[block->v_variable[i]];
        const struct fg_opf_injection *injection = &block->injection[i];
        double gs = block->topology->g_shunt_pu[i] * block->topology->network->base_mva,
               bs = block->topology->b_shunt_pu[i] * block->topology->network->base_mva;
        double p2 = (gs - injection->p_impedance_mw) / opf->base, q2 = (-bs - injection->q_impedance_mvar) / opf->base;
        jacobian[block->node_jacobian[i]] = 2 * p2 * vm - injection->p_current_mw / opf->base;
        jacobian[block->node_jacobian[i] + 1] = 2 * q2 * vm - injection->q_current_mvar / opf->base;
        hessian[block->node_hessian[i]] = 2 * (p2 * y[block->p_row[i]] + q2 * y[block->q_row[i]]);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        int32_t v[4];
        double flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][4], h[4][4] = { { 0 } };
        edge_variables(block, edge, v);
        fg_flow_gradient(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], flow, gradient);
        double weight[FG_FLOW_COUNT] = { y[block->p_row[edge->from]], y[block->q_row[edge->from]],
                                         y[block->p_row[edge->to]], y[block->q_row[edge->to]] };
        double *out = jacobian + block->edge_jacobian[k];
        for (int f = 0; f < 4; f++)
            for (int w = 0; w < 4; w++)
                *out++ = gradient[f][w];
        int32_t row = block->rate_row[k];
        if (row >= 0) {
            double rate = scaling_rate(opf, block, k);
            bool elastic = isfinite(block->rate_price[k]);
            if (fg_opf_edge_by_current(block, k)) {
                double squared[2], slope[2][4], first[2], second, value, current_weight[2];
                fg_flow_current(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], squared, slope);
                for (int end = 0; end < 2; end++) {
                    current_rating(squared[end], rate, elastic, &value, &first[end], &second);
                    for (int w = 0; w < 4; w++)
                        *out++ = first[end] * slope[end][w];
                    current_weight[end] = y[row + end] * first[end];
                    add_outer(h, y[row + end] * second, slope[end], slope[end]);
                }
                fg_flow_current_hessian(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], current_weight, h);
            } else {
                for (int end = 0; end < 2; end++) {
                    const double *gp = gradient[2 * end], *gq = gradient[2 * end + 1];
                    struct opf_rating at = fg_opf_rating_of(flow[2 * end], flow[2 * end + 1], rate, elastic);
                    for (int w = 0; w < 4; w++)
                        *out++ = at.d_p * gp[w] + at.d_q * gq[w];
                    weight[2 * end] += y[row + end] * at.d_p;
                    weight[2 * end + 1] += y[row + end] * at.d_q;
                    add_outer(h, y[row + end] * at.d_pp, gp, gp);
                    add_outer(h, y[row + end] * at.d_qq, gq, gq);
                    if (at.d_pq != 0)
                        add_outer(h, 2 * y[row + end] * at.d_pq, gp, gq);
                }
            }
        }
        fg_flow_hessian(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], weight, h);
        double *second = hessian + block->edge_hessian[k];
        for (int a = 0; a < 4; a++)
            for (int b = 0; b <= a; b++)
                *second++ = a != b && v[a] == v[b] ? 2 * h[a][b] : h[a][b]; /* a branch from a node to itself */
    }
}

static struct fg_opf_node node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp), *g = fg_nlp_g(opf->nlp);
    const double *zl = fg_nlp_z_lower(opf->nlp), *zu = fg_nlp_z_upper(opf->nlp);
    struct fg_opf_node out = { .vm_pu = x[block->v_variable[i]], .va_rad = x[block->a_variable[i]] };
    out.price_p = y[block->p_row[i]] / opf->base;
    out.price_q = y[block->q_row[i]] / opf->base;
    if (block->band_row[i] >= 0) {
        double vm = g[block->band_row[i]];
        out.vm_excess_pu = fmax(vm - block->vm_max[i], 0) - fmax(block->vm_min[i] - vm, 0);
        out.vm_dual = -y[block->band_row[i]];
    } else {
        out.vm_dual = zl[block->v_variable[i]] - zu[block->v_variable[i]];
    }
    return out;
}

static struct fg_opf_edge edge_result(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    const struct fg_edge *edge = &block->edges[k];
    int32_t v[4];
    double flow[FG_FLOW_COUNT];
    edge_variables(block, edge, v);
    fg_flow_values(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], flow);
    struct fg_opf_edge out = { flow[FG_FLOW_PF] * opf->base, flow[FG_FLOW_QF] * opf->base, flow[FG_FLOW_PT] * opf->base,
                               flow[FG_FLOW_QT] * opf->base, 0, 0, 0, 0, 0 };
    if (block->rate_row[k] >= 0) {
        double size[2] = { hypot(out.pf_mw, out.qf_mvar), hypot(out.pt_mw, out.qt_mvar) };
        if (fg_opf_edge_by_current(block, k)) {
            double squared[2], gradient[2][4];
            fg_flow_current(edge, x[v[0]], x[v[1]], x[v[2]], x[v[3]], squared, gradient);
            size[0] = sqrt(fmax(squared[0], 0)) * opf->base;
            size[1] = sqrt(fmax(squared[1], 0)) * opf->base;
        }
        out.excess_from_mva = fmax(size[0] - block->rate_mva[k], 0);
        out.excess_to_mva = fmax(size[1] - block->rate_mva[k], 0);
        /* Hard rows read h = S^2 / rate - rate <= 0, so that dh/drate = -2 where they bind. */
        double factor = isfinite(block->rate_price[k]) ? 1 : 2;
        out.dual_from = -factor * y[block->rate_row[k]] / opf->base;
        out.dual_to = -factor * y[block->rate_row[k] + 1] / opf->base;
    }
    if (block->angle_row[k] >= 0)
        out.angle_dual = -y[block->angle_row[k]];
    return out;
}

const struct opf_physics fg_opf_ac = { NULL, variables_and_rows, entries, refresh, functions, derivatives, node, edge_result };
