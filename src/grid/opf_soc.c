/* Blocks in the second-order-cone relaxation (Jabr 2006; bus-pair form): variables w_i ~ Vm_i^2 per node and
 * wr ~ Vm_i Vm_j cos d, wi ~ Vm_i Vm_j sin d per bus pair. Branch flows are linear in them:
 *
 *   Pf =  Gff w_f + Gft wr + Bft wi      Qf = -Bff w_f + Gft wi - Bft wr
 *   Pt =  Gtt w_t + Gtf wr - Btf wi      Qt = -Btt w_t - Gtf wi - Btf wr
 *   cone:    (wr^2 + wi^2) / w_t <= w_f             (a convex function, w_t > 0)
 *   angles:  tan(min) wr <= wi <= tan(max) wr, wr >= 0   where the limits lie within a quarter turn
 *
 * Everything is convex, so the optimum is a lower bound for the exact block with the same limits and prices. Elastic
 * limits are priced from below: a band violation through w by the chord of the square root, a current rating through
 * the apparent power at the highest voltage. */
#include "grid/opf_internal.h"

#include <math.h>

static enum fg_code check(const struct fg_opf *opf, const struct opf_block *block, struct fg_error *err)
{
    (void)opf;
    for (int32_t i = 0; i < block->node_count; i++)
        if (block->injection[i].p_current_mw != 0 || block->injection[i].q_current_mvar != 0)
            return fg_fail(err, FG_ERR_UNSUPPORTED, "soc", "constant-current loads are not convex in squared voltages; "
                           "no relaxation is defined for them");
    return FG_OK;
}

/* Lower end of w that keeps the quotient smooth where a band allows zero voltage. */
static double w_floor(const struct opf_block *block, int32_t i)
{
    double low = block->band_row[i] >= 0 ? fg_opf_vm_floor(block, i) : fmax(block->vm_min[i], 1e-2);
    return low * low;
}

static double w_ceiling(const struct opf_block *block, int32_t i)
{
    double high = block->band_row[i] >= 0 || !isfinite(block->vm_max[i]) ? fg_opf_vm_ceiling(block, i) : block->vm_max[i];
    return high * high;
}

/* Linear form of a flow in (w_f, w_t, wr, wi of the pair). */
struct form {
    double wf, wt, wr, wi;
};

static void flow_forms(const struct fg_edge *e, bool reversed, struct form flow[4])
{
    double s = reversed ? -1 : 1; /* the pair's wi turns its sign with the direction */
    flow[0] = (struct form){ e->gff, 0, e->gft, s * e->bft };
    flow[1] = (struct form){ -e->bff, 0, -e->bft, s * e->gft };
    flow[2] = (struct form){ 0, e->gtt, e->gtf, -s * e->btf };
    flow[3] = (struct form){ 0, -e->btt, -e->btf, -s * e->gtf };
}

static double form_value(const struct form *form, const double w[4])
{
    return form->wf * w[0] + form->wt * w[1] + form->wr * w[2] + form->wi * w[3];
}

static void edge_variables(const struct opf_block *block, int32_t k, int32_t variable[4])
{
    int32_t pair = block->pair_of_edge[k];
    variable[0] = block->v_variable[block->edges[k].from];
    variable[1] = block->v_variable[block->edges[k].to];
    variable[2] = block->pair_variable[pair];
    variable[3] = block->pair_variable[pair] + 1;
}

static void variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        block->v_variable[i] = fg_opf_new_variable(opf, 0, INFINITY, 1, -1);
        block->p_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
        block->q_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
        if (isfinite(block->band_price[i])) {
            block->band_row[i] = fg_opf_new_row(opf, -INFINITY, 0, block->band_price[i], -1);
            block->band_low_row[i] = fg_opf_new_row(opf, 0, INFINITY, block->band_price[i], -1);
            fg_opf_new_linear(opf, block->band_row[i], block->v_variable[i], 1);
            fg_opf_new_linear(opf, block->band_low_row[i], block->v_variable[i], 1);
        }
        const struct fg_opf_injection *injection = &block->injection[i];
        double base_mva = block->topology->network->base_mva;
        double g = block->topology->g_shunt_pu[i] * base_mva - injection->p_impedance_mw;
        double b = block->topology->b_shunt_pu[i] * base_mva + injection->q_impedance_mvar;
        fg_opf_new_linear(opf, block->p_row[i], block->v_variable[i], g / opf->base);
        fg_opf_new_linear(opf, block->q_row[i], block->v_variable[i], -b / opf->base);
    }
    for (int32_t p = 0; p < block->pair_count; p++) {
        block->pair_variable[p] = fg_opf_new_variable(opf, -INFINITY, INFINITY, 1, -1);
        fg_opf_new_variable(opf, -INFINITY, INFINITY, 0, -1);
        block->cone_row[p] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
        fg_opf_new_linear(opf, block->cone_row[p], block->v_variable[block->pairs[p].from], -1);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        struct form flow[4];
        int32_t v[4], row[4] = { block->p_row[edge->from], block->q_row[edge->from], block->p_row[edge->to],
                                 block->q_row[edge->to] };
        flow_forms(edge, block->pair_reversed[k], flow);
        if (edge->from == edge->to) { /* wr = w, wi = 0 */
            for (int f = 0; f < 4; f++)
                fg_opf_new_linear(opf, row[f], block->v_variable[edge->from], flow[f].wf + flow[f].wt + flow[f].wr);
            continue;
        }
        edge_variables(block, k, v);
        for (int f = 0; f < 4; f++) {
            fg_opf_new_linear(opf, row[f], f < 2 ? v[0] : v[1], f < 2 ? flow[f].wf : flow[f].wt);
            fg_opf_new_linear(opf, row[f], v[2], flow[f].wr);
            fg_opf_new_linear(opf, row[f], v[3], flow[f].wi);
        }
        if (fg_opf_edge_is_rated(block, k)) {
            block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
            fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
        }
        const struct fg_branch *branch = &block->topology->network->branches[edge->branch];
        double low = branch->angle_min_rad, high = branch->angle_max_rad, quarter = 1.5;
        if (block->options.angle_limits && low > -quarter && high < quarter) {
            double s = block->pair_reversed[k] ? -1 : 1;
            block->angle_row[k] = fg_opf_new_row(opf, -INFINITY, 0, INFINITY, -1);
            fg_opf_new_linear(opf, block->angle_row[k], v[3], s);
            fg_opf_new_linear(opf, block->angle_row[k], v[2], -tan(high));
            int32_t second = fg_opf_new_row(opf, 0, INFINITY, INFINITY, -1);
            fg_opf_new_linear(opf, second, v[3], s);
            fg_opf_new_linear(opf, second, v[2], -tan(low));
        }
    }
}

static void entries(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t p = 0; p < block->pair_count; p++) {
        int32_t wt = block->v_variable[block->pairs[p].to], wr = block->pair_variable[p], wi = wr + 1;
        block->cone_jacobian[p] = fg_opf_new_jacobian(opf, block->cone_row[p], wt);
        fg_opf_new_jacobian(opf, block->cone_row[p], wr);
        fg_opf_new_jacobian(opf, block->cone_row[p], wi);
        block->cone_hessian[p] = fg_opf_new_hessian(opf, wt, wt);
        fg_opf_new_hessian(opf, wr, wt);
        fg_opf_new_hessian(opf, wi, wt);
        fg_opf_new_hessian(opf, wr, wr);
        fg_opf_new_hessian(opf, wi, wi);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0)
            continue;
        int32_t v[4];
        edge_variables(block, k, v);
        block->edge_jacobian[k] = opf->problem.jacobian_nnz;
        block->edge_hessian[k] = opf->problem.hessian_nnz;
        for (int end = 0; end < 2; end++) {
            int32_t own[3] = { v[end], v[2], v[3] };
            for (int a = 0; a < 3; a++)
                fg_opf_new_jacobian(opf, block->rate_row[k] + end, own[a]);
            for (int a = 0; a < 3; a++)
                for (int b = 0; b <= a; b++)
                    fg_opf_new_hessian(opf, own[a], own[b]);
        }
    }
}

/* Rating of one end as apparent power: a current rating allows at most rate times the highest voltage. */
static double apparent_rate(const struct fg_opf *opf, const struct opf_block *block, int32_t k, int end)
{
    double rate = isfinite(block->rate_mva[k]) ? block->rate_mva[k] / opf->base : 1;
    if (fg_opf_edge_by_current(block, k))
        rate *= sqrt(w_ceiling(block, end == 0 ? block->edges[k].from : block->edges[k].to));
    return rate;
}

static void refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t v = block->v_variable[i];
        opf->x_lower[v] = w_floor(block, i);
        opf->x_upper[v] = w_ceiling(block, i);
        double low = block->vm_min[i], high = block->vm_max[i];
        opf->x_start[v] = pow(fmin(fmax(block->vm_start[i], low), high), 2);
        if (block->band_row[i] >= 0) {
            opf->g_upper[block->band_row[i]] = high * high;
            opf->g_price[block->band_row[i]] =
                isfinite(high) ? block->band_price[i] / (high + fg_opf_vm_ceiling(block, i)) : block->band_price[i];
            opf->g_lower[block->band_low_row[i]] = low * low;
            opf->g_price[block->band_low_row[i]] = block->band_price[i] / fmax(2 * low, 1e-3);
        }
        bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
        if (reference && !isnan(block->options.reference_vm_pu))
            opf->x_lower[v] = opf->x_upper[v] = opf->x_start[v] =
                block->options.reference_vm_pu * block->options.reference_vm_pu;
        const struct fg_opf_injection *injection = &block->injection[i];
        opf->g_lower[block->p_row[i]] = opf->g_upper[block->p_row[i]] = injection->p_mw / opf->base;
        opf->g_lower[block->q_row[i]] = opf->g_upper[block->q_row[i]] = injection->q_mvar / opf->base;
    }
    for (int32_t p = 0; p < block->pair_count; p++) {
        int32_t wr = block->pair_variable[p], from = block->pairs[p].from, to = block->pairs[p].to;
        double most = sqrt(opf->x_upper[block->v_variable[from]] * opf->x_upper[block->v_variable[to]]);
        opf->x_lower[wr] = opf->x_lower[wr + 1] = -most;
        opf->x_upper[wr] = opf->x_upper[wr + 1] = most;
        opf->x_start[wr] = sqrt(opf->x_start[block->v_variable[from]] * opf->x_start[block->v_variable[to]]);
        opf->x_start[wr + 1] = 0;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->edges[k].from == block->edges[k].to)
            continue;
        if (block->angle_row[k] >= 0) { /* limits on the angle bound the pair as well */
            const struct fg_branch *branch = &topology->network->branches[block->edges[k].branch];
            int32_t wr = block->pair_variable[block->pair_of_edge[k]], wi = wr + 1;
            int32_t f = block->v_variable[block->edges[k].from], t = block->v_variable[block->edges[k].to];
            double low = branch->angle_min_rad, high = branch->angle_max_rad;
            if (block->pair_reversed[k]) {
                double held = low;
                low = -high;
                high = -held;
            }
            double most = sqrt(opf->x_upper[f] * opf->x_upper[t]), least = sqrt(opf->x_lower[f] * opf->x_lower[t]);
            double cos_least = cos(fmax(fabs(low), fabs(high)));
            double cos_most = low > 0 ? cos(low) : high < 0 ? cos(high) : 1;
            opf->x_lower[wr] = fmax(opf->x_lower[wr], least * cos_least);
            opf->x_upper[wr] = fmin(opf->x_upper[wr], most * cos_most);
            opf->x_lower[wi] = fmax(opf->x_lower[wi], sin(low) * (low < 0 ? most : least));
            opf->x_upper[wi] = fmin(opf->x_upper[wi], sin(high) * (high > 0 ? most : least));
        }
        if (block->rate_row[k] < 0)
            continue;
        bool elastic = isfinite(block->rate_price[k]);
        for (int end = 0; end < 2; end++) {
            int32_t row = block->rate_row[k] + end;
            double rate = apparent_rate(opf, block, k, end);
            opf->g_upper[row] = isfinite(block->rate_mva[k]) ? fg_opf_rating_limit(rate, elastic) : INFINITY;
            double highest = fg_opf_edge_by_current(block, k) ? rate * opf->base / block->rate_mva[k] : 1;
            opf->g_price[row] = elastic ? block->rate_price[k] * opf->base / highest : INFINITY;
        }
    }
    for (int32_t p = 0; p < block->pair_count; p++) { /* limits of parallel branches may have crossed by rounding */
        int32_t wr = block->pair_variable[p];
        for (int32_t v = wr; v <= wr + 1; v++) {
            if (opf->x_lower[v] > opf->x_upper[v])
                opf->x_lower[v] = opf->x_upper[v] = (opf->x_lower[v] + opf->x_upper[v]) / 2;
            opf->x_start[v] = fmin(fmax(opf->x_start[v], opf->x_lower[v]), opf->x_upper[v]);
        }
    }
}

static void functions(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g)
{
    for (int32_t p = 0; p < block->pair_count; p++) {
        double wt = x[block->v_variable[block->pairs[p].to]], wr = x[block->pair_variable[p]],
               wi = x[block->pair_variable[p] + 1];
        g[block->cone_row[p]] += (wr * wr + wi * wi) / wt; /* - w_f is a linear entry */
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0)
            continue;
        struct form flow[4];
        int32_t v[4];
        edge_variables(block, k, v);
        flow_forms(&block->edges[k], block->pair_reversed[k], flow);
        double w[4] = { x[v[0]], x[v[1]], x[v[2]], x[v[3]] };
        for (int end = 0; end < 2; end++)
            g[block->rate_row[k] + end] =
                fg_opf_rating_of(form_value(&flow[2 * end], w), form_value(&flow[2 * end + 1], w),
                                 apparent_rate(opf, block, k, end), isfinite(block->rate_price[k])).value;
    }
}

static void derivatives(const struct fg_opf *opf, const struct opf_block *block, const double *x, const double *y,
                        double *jacobian, double *hessian)
{
    for (int32_t p = 0; p < block->pair_count; p++) {
        double wt = x[block->v_variable[block->pairs[p].to]], wr = x[block->pair_variable[p]],
               wi = x[block->pair_variable[p] + 1], square = wr * wr + wi * wi, weight = y[block->cone_row[p]];
        double *j = jacobian + block->cone_jacobian[p], *h = hessian + block->cone_hessian[p];
        j[0] = -square / (wt * wt);
        j[1] = 2 * wr / wt;
        j[2] = 2 * wi / wt;
        h[0] = weight * 2 * square / (wt * wt * wt);
        h[1] = -weight * 2 * wr / (wt * wt);
        h[2] = -weight * 2 * wi / (wt * wt);
        h[3] = weight * 2 / wt;
        h[4] = weight * 2 / wt;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0)
            continue;
        struct form flow[4];
        int32_t v[4];
        edge_variables(block, k, v);
        flow_forms(&block->edges[k], block->pair_reversed[k], flow);
        double w[4] = { x[v[0]], x[v[1]], x[v[2]], x[v[3]] };
        double *j = jacobian + block->edge_jacobian[k], *h = hessian + block->edge_hessian[k];
        for (int end = 0; end < 2; end++) {
            const struct form *p = &flow[2 * end], *q = &flow[2 * end + 1];
            struct opf_rating at = fg_opf_rating_of(form_value(p, w), form_value(q, w), apparent_rate(opf, block, k, end),
                                                    isfinite(block->rate_price[k]));
            double gp[3] = { end == 0 ? p->wf : p->wt, p->wr, p->wi }, gq[3] = { end == 0 ? q->wf : q->wt, q->wr, q->wi };
            double weight = y[block->rate_row[k] + end];
            for (int a = 0; a < 3; a++)
                *j++ = at.d_p * gp[a] + at.d_q * gq[a];
            for (int a = 0; a < 3; a++)
                for (int b = 0; b <= a; b++)
                    *h++ = weight * (at.d_pp * gp[a] * gp[b] + at.d_qq * gq[a] * gq[b] +
                                     at.d_pq * (gp[a] * gq[b] + gq[a] * gp[b]));
        }
    }
}

static struct fg_opf_node node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    double vm = sqrt(fmax(x[block->v_variable[i]], 0));
    struct fg_opf_node out = { .vm_pu = vm,
                               .price_p = y[block->p_row[i]] / opf->base,
                               .price_q = y[block->q_row[i]] / opf->base };
    if (block->band_row[i] >= 0) {
        out.vm_excess_pu = fmax(vm - block->vm_max[i], 0) - fmax(block->vm_min[i] - vm, 0);
        out.vm_dual = -(y[block->band_row[i]] + y[block->band_low_row[i]]) * 2 * vm;
    } else {
        out.vm_dual = (fg_nlp_z_lower(opf->nlp)[block->v_variable[i]] - fg_nlp_z_upper(opf->nlp)[block->v_variable[i]]) *
                      2 * vm;
    }
    return out;
}

static struct fg_opf_edge edge_result(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    if (block->edges[k].from == block->edges[k].to)
        return (struct fg_opf_edge){ 0 };
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    struct form flow[4];
    int32_t v[4];
    edge_variables(block, k, v);
    flow_forms(&block->edges[k], block->pair_reversed[k], flow);
    double w[4] = { x[v[0]], x[v[1]], x[v[2]], x[v[3]] };
    struct fg_opf_edge out = { .pf_mw = form_value(&flow[0], w) * opf->base, .qf_mvar = form_value(&flow[1], w) * opf->base,
                               .pt_mw = form_value(&flow[2], w) * opf->base, .qt_mvar = form_value(&flow[3], w) * opf->base };
    if (block->rate_row[k] >= 0) {
        out.excess_from_mva = fmax(hypot(out.pf_mw, out.qf_mvar) - apparent_rate(opf, block, k, 0) * opf->base, 0);
        out.excess_to_mva = fmax(hypot(out.pt_mw, out.qt_mvar) - apparent_rate(opf, block, k, 1) * opf->base, 0);
        double factor = isfinite(block->rate_price[k]) ? 1 : 2;
        out.dual_from = -factor * y[block->rate_row[k]] / opf->base;
        out.dual_to = -factor * y[block->rate_row[k] + 1] / opf->base;
    }
    return out;
}

const struct opf_physics fg_opf_soc = { check, variables_and_rows, entries, refresh, functions, derivatives, node, edge_result };
