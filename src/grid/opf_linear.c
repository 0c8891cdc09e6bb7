/* Blocks whose equations are linear.
 *
 * dc:           P_ft = b (Va_f - Va_t - shift), b = 1 / (x ratio); balance of P per node; no Q, no losses
 * lindistflow:  lossless branch flows P, Q and squared voltages w on a radial graph (Baran and Wu 1989, linearised):
 *               w_f / ratio^2 - w_t = 2 (r P + x Q);  shunts and charging act on w
 * none:         one balance of P and one of Q per island (copper plate)
 *
 * Elastic voltage bands of lindistflow act on w at half the price per p.u., the slope of V = sqrt(w) at 1 p.u. */
#include "grid/opf_internal.h"

#include <math.h>

static const double ANGLE_RANGE = 100; /* rad; and flows in multiples of the base: boxes that no solution reaches, */
static const double FLOW_RANGE = 1000; /* needed so that dual bounds are finite */

/* Series impedance of an edge per unit of the composition's base. */
static void series_impedance(const struct fg_opf *opf, const struct opf_block *block, int32_t k, double *r, double *x,
                             double *ratio, double *shift)
{
    const struct fg_network *network = block->topology->network;
    const struct fg_branch *branch = &network->branches[block->edges[k].branch];
    double scale = opf->base / network->base_mva;
    *r = branch->r_pu * scale;
    *x = branch->x_pu * scale;
    *ratio = branch->ratio;
    *shift = branch->shift_rad;
}

static double dc_susceptance(const struct fg_opf *opf, const struct opf_block *block, int32_t k, double *shift)
{
    double r, x, ratio;
    series_impedance(opf, block, k, &r, &x, &ratio, shift);
    if (fabs(x) < 1e-9) /* a purely resistive branch: its impedance stands in for the reactance */
        x = hypot(r, x);
    return 1 / (x * ratio);
}

/* -- dc --------------------------------------------------------------------------------------------------------- */

static void dc_variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t label = opf->label_count++;
        block->a_variable[i] = fg_opf_new_variable(opf, -ANGLE_RANGE, ANGLE_RANGE, 0, label);
        block->p_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, label);
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        if (edge->from == edge->to)
            continue;
        double shift, b = dc_susceptance(opf, block, k, &shift);
        int32_t from = block->a_variable[edge->from], to = block->a_variable[edge->to];
        fg_opf_new_linear(opf, block->p_row[edge->from], from, b);
        fg_opf_new_linear(opf, block->p_row[edge->from], to, -b);
        fg_opf_new_linear(opf, block->p_row[edge->to], from, -b);
        fg_opf_new_linear(opf, block->p_row[edge->to], to, b);
        if (fg_opf_edge_is_rated(block, k)) {
            block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, INFINITY, block->rate_price[k], -1);
            fg_opf_new_linear(opf, block->rate_row[k], from, b);
            fg_opf_new_linear(opf, block->rate_row[k], to, -b);
        }
        const struct fg_branch *branch = &block->topology->network->branches[edge->branch];
        if (block->options.angle_limits && (isfinite(branch->angle_min_rad) || isfinite(branch->angle_max_rad))) {
            block->angle_row[k] = fg_opf_new_row(opf, branch->angle_min_rad, branch->angle_max_rad, INFINITY, -1);
            fg_opf_new_linear(opf, block->angle_row[k], from, 1);
            fg_opf_new_linear(opf, block->angle_row[k], to, -1);
        }
    }
}

static void dc_refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        const struct fg_opf_injection *injection = &block->injection[i];
        double fixed = (injection->p_mw + injection->p_current_mw + injection->p_impedance_mw -
                        topology->g_shunt_pu[i] * topology->network->base_mva) / opf->base;
        opf->g_lower[block->p_row[i]] = opf->g_upper[block->p_row[i]] = fixed;
        bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
        opf->x_lower[block->a_variable[i]] = reference ? 0 : -ANGLE_RANGE;
        opf->x_upper[block->a_variable[i]] = reference ? 0 : ANGLE_RANGE;
        opf->x_start[block->a_variable[i]] = 0;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        double shift, b = dc_susceptance(opf, block, k, &shift);
        if (edge->from == edge->to)
            continue;
        opf->g_lower[block->p_row[edge->from]] += b * shift;
        opf->g_lower[block->p_row[edge->to]] -= b * shift;
        opf->g_upper[block->p_row[edge->from]] = opf->g_lower[block->p_row[edge->from]];
        opf->g_upper[block->p_row[edge->to]] = opf->g_lower[block->p_row[edge->to]];
        if (block->rate_row[k] >= 0) {
            double rate = block->rate_mva[k] / opf->base;
            opf->g_lower[block->rate_row[k]] = -rate + b * shift;
            opf->g_upper[block->rate_row[k]] = rate + b * shift;
            opf->g_price[block->rate_row[k]] = block->rate_price[k] * opf->base;
        }
    }
}

static struct fg_opf_node dc_node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    return (struct fg_opf_node){ .vm_pu = 1,
                                 .va_rad = fg_nlp_x(opf->nlp)[block->a_variable[i]],
                                 .price_p = fg_nlp_y(opf->nlp)[block->p_row[i]] / opf->base };
}

static struct fg_opf_edge dc_edge(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    const struct fg_edge *edge = &block->edges[k];
    if (edge->from == edge->to)
        return (struct fg_opf_edge){ 0 };
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    double shift, b = dc_susceptance(opf, block, k, &shift);
    double p = b * (x[block->a_variable[edge->from]] - x[block->a_variable[edge->to]] - shift) * opf->base;
    struct fg_opf_edge out = { .pf_mw = p, .pt_mw = -p };
    if (block->rate_row[k] >= 0) {
        out.excess_from_mva = out.excess_to_mva = fmax(fabs(p) - block->rate_mva[k], 0);
        out.dual_from = -fabs(y[block->rate_row[k]]) / opf->base;
    }
    if (block->angle_row[k] >= 0)
        out.angle_dual = -y[block->angle_row[k]];
    return out;
}

const struct opf_physics fg_opf_dc = { NULL, dc_variables_and_rows, NULL, dc_refresh, NULL, NULL, dc_node, dc_edge };

/* -- none ------------------------------------------------------------------------------------------------------- */

static void none_variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t k = 0; k < topology->island_count; k++) {
        int32_t head = topology->reference_of_island[k];
        block->p_row[head] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
        block->q_row[head] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
    }
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t head = topology->reference_of_island[topology->island_of_node[i]];
        block->p_row[i] = block->p_row[head];
        block->q_row[i] = block->q_row[head];
    }
}

static void none_refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++)
        opf->g_lower[block->p_row[i]] = opf->g_lower[block->q_row[i]] = 0;
    for (int32_t i = 0; i < block->node_count; i++) {
        const struct fg_opf_injection *injection = &block->injection[i];
        double base_mva = topology->network->base_mva;
        opf->g_lower[block->p_row[i]] += (injection->p_mw + injection->p_current_mw + injection->p_impedance_mw -
                                          topology->g_shunt_pu[i] * base_mva) / opf->base;
        opf->g_lower[block->q_row[i]] += (injection->q_mvar + injection->q_current_mvar + injection->q_impedance_mvar +
                                          topology->b_shunt_pu[i] * base_mva) / opf->base;
    }
    for (int32_t i = 0; i < block->node_count; i++) {
        opf->g_upper[block->p_row[i]] = opf->g_lower[block->p_row[i]];
        opf->g_upper[block->q_row[i]] = opf->g_lower[block->q_row[i]];
    }
}

static struct fg_opf_node none_node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    const double *y = fg_nlp_y(opf->nlp);
    return (struct fg_opf_node){ .vm_pu = 1,
                                 .price_p = y[block->p_row[i]] / opf->base,
                                 .price_q = y[block->q_row[i]] / opf->base };
}

static struct fg_opf_edge none_edge(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    (void)opf;
    (void)block;
    (void)k;
    return (struct fg_opf_edge){ 0 };
}

const struct opf_physics fg_opf_none = { NULL, none_variables_and_rows, NULL, none_refresh, NULL, NULL, none_node, none_edge };

/* -- lindistflow ------------------------------------------------------------------------------------------------ */

static enum fg_code lin_check(const struct fg_opf *opf, const struct opf_block *block, struct fg_error *err)
{
    (void)opf;
    if (!block->topology->is_radial)
        return fg_fail(err, FG_ERR_NETWORK, "lindistflow", "the network has meshes, for which LinDistFlow is not "
                       "defined; open the loops or use physics ac or dc");
    return FG_OK;
}

static void lin_variables_and_rows(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t i = 0; i < block->node_count; i++) {
        block->v_variable[i] = fg_opf_new_variable(opf, 0, INFINITY, 1, -1);
        block->p_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
        block->q_row[i] = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
    }
    for (int32_t i = 0; i < block->node_count; i++) {
        const struct fg_opf_injection *injection = &block->injection[i];
        double base_mva = block->topology->network->base_mva;
        double g = block->topology->g_shunt_pu[i] * base_mva - injection->p_impedance_mw;
        double b = block->topology->b_shunt_pu[i] * base_mva + injection->q_impedance_mvar;
        if (g != 0)
            fg_opf_new_linear(opf, block->p_row[i], block->v_variable[i], g / opf->base);
        if (b != 0)
            fg_opf_new_linear(opf, block->q_row[i], block->v_variable[i], -b / opf->base);
        if (isfinite(block->band_price[i])) {
            block->band_row[i] = fg_opf_new_row(opf, 0, 0, block->band_price[i], -1);
            fg_opf_new_linear(opf, block->band_row[i], block->v_variable[i], 1);
        }
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        const struct fg_edge *edge = &block->edges[k];
        if (edge->from == edge->to)
            continue;
        const struct fg_branch *branch = &block->topology->network->branches[edge->branch];
        int32_t p = fg_opf_new_variable(opf, -FLOW_RANGE, FLOW_RANGE, 0, -1);
        int32_t q = fg_opf_new_variable(opf, -FLOW_RANGE, FLOW_RANGE, 0, -1);
        block->flow_variable[k] = p;
        fg_opf_new_linear(opf, block->p_row[edge->from], p, 1);
        fg_opf_new_linear(opf, block->p_row[edge->to], p, -1);
        fg_opf_new_linear(opf, block->q_row[edge->from], q, 1);
        fg_opf_new_linear(opf, block->q_row[edge->to], q, -1);
        double r, x, ratio, shift, per_base = block->topology->network->base_mva / opf->base;
        series_impedance(opf, block, k, &r, &x, &ratio, &shift);
        int32_t from = block->v_variable[edge->from], to = block->v_variable[edge->to];
        int32_t drop = fg_opf_new_row(opf, 0, 0, INFINITY, -1);
        fg_opf_new_linear(opf, drop, from, 1 / (ratio * ratio));
        fg_opf_new_linear(opf, drop, to, -1);
        fg_opf_new_linear(opf, drop, p, -2 * r);
        fg_opf_new_linear(opf, drop, q, -2 * x);
        double ends[4][2] = { { branch->g_from_pu / (ratio * ratio), 1 }, { branch->g_to_pu, 0 },
                              { -branch->b_from_pu / (ratio * ratio), 1 }, { -branch->b_to_pu, 0 } };
        for (int e = 0; e < 4; e++)
            if (ends[e][0] != 0) {
                int32_t at = ends[e][1] != 0 ? edge->from : edge->to;
                fg_opf_new_linear(opf, e < 2 ? block->p_row[at] : block->q_row[at], block->v_variable[at],
                                  ends[e][0] * per_base);
            }
        if (!fg_opf_edge_is_rated(block, k))
            continue;
        block->rate_row[k] = fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1);
        if (block->options.linear_ratings) {
            fg_opf_new_linear(opf, block->rate_row[k], p, 1);
            fg_opf_new_linear(opf, fg_opf_new_row(opf, -INFINITY, 0, block->rate_price[k], -1), q, 1);
        }
    }
}

static void lin_entries(struct fg_opf *opf, struct opf_block *block)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0 || block->options.linear_ratings)
            continue;
        int32_t p = block->flow_variable[k];
        block->edge_jacobian[k] = fg_opf_new_jacobian(opf, block->rate_row[k], p);
        fg_opf_new_jacobian(opf, block->rate_row[k], p + 1);
        block->edge_hessian[k] = fg_opf_new_hessian(opf, p, p);
        fg_opf_new_hessian(opf, p + 1, p);
        fg_opf_new_hessian(opf, p + 1, p + 1);
    }
}

static void lin_refresh(struct fg_opf *opf, struct opf_block *block)
{
    const struct fg_topology *topology = block->topology;
    for (int32_t i = 0; i < block->node_count; i++) {
        int32_t v = block->v_variable[i], band = block->band_row[i];
        double low = block->vm_min[i] * block->vm_min[i], high = block->vm_max[i] * block->vm_max[i];
        double floor = fg_opf_vm_floor(block, i), ceiling = fg_opf_vm_ceiling(block, i);
        opf->x_lower[v] = band >= 0 ? floor * floor : low;
        opf->x_upper[v] = band >= 0 ? ceiling * ceiling : isfinite(high) ? high : ceiling * ceiling;
        if (band >= 0) {
            opf->g_lower[band] = low;
            opf->g_upper[band] = high;
            opf->g_price[band] = block->band_price[i] / 2;
        }
        opf->x_start[v] = fmin(fmax(block->vm_start[i] * block->vm_start[i], low), high);
        bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
        if (reference && !isnan(block->options.reference_vm_pu))
            opf->x_lower[v] = opf->x_upper[v] = opf->x_start[v] =
                block->options.reference_vm_pu * block->options.reference_vm_pu;
        const struct fg_opf_injection *injection = &block->injection[i];
        opf->g_lower[block->p_row[i]] = opf->g_upper[block->p_row[i]] =
            (injection->p_mw + injection->p_current_mw) / opf->base;
        opf->g_lower[block->q_row[i]] = opf->g_upper[block->q_row[i]] =
            (injection->q_mvar + injection->q_current_mvar) / opf->base;
    }
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0)
            continue;
        double rate = block->rate_mva[k] / opf->base, price = block->rate_price[k] * opf->base;
        int rows = block->options.linear_ratings ? 2 : 1;
        for (int32_t row = block->rate_row[k]; row < block->rate_row[k] + rows; row++) {
            opf->g_lower[row] = rows == 2 ? -rate : -INFINITY;
            opf->g_upper[row] = rows == 2 || !isfinite(rate) ? rate : fg_opf_rating_limit(rate, isfinite(price));
            opf->g_price[row] = price;
        }
    }
}

static struct opf_rating lin_rating(const struct fg_opf *opf, const struct opf_block *block, int32_t k, const double *x)
{
    double rate = isfinite(block->rate_mva[k]) ? block->rate_mva[k] / opf->base : 1;
    int32_t p = block->flow_variable[k];
    return fg_opf_rating_of(x[p], x[p + 1], rate, isfinite(block->rate_price[k]));
}

static void lin_functions(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g)
{
    for (int32_t k = 0; k < block->edge_count; k++)
        if (block->rate_row[k] >= 0 && !block->options.linear_ratings)
            g[block->rate_row[k]] = lin_rating(opf, block, k, x).value;
}

static void lin_derivatives(const struct fg_opf *opf, const struct opf_block *block, const double *x, const double *y,
                            double *jacobian, double *hessian)
{
    for (int32_t k = 0; k < block->edge_count; k++) {
        if (block->rate_row[k] < 0 || block->options.linear_ratings)
            continue;
        struct opf_rating at = lin_rating(opf, block, k, x);
        double weight = y[block->rate_row[k]];
        jacobian[block->edge_jacobian[k]] = at.d_p;
        jacobian[block->edge_jacobian[k] + 1] = at.d_q;
        hessian[block->edge_hessian[k]] = weight * at.d_pp;
        hessian[block->edge_hessian[k] + 1] = weight * at.d_pq;
        hessian[block->edge_hessian[k] + 2] = weight * at.d_qq;
    }
}

static struct fg_opf_node lin_node(const struct fg_opf *opf, const struct opf_block *block, int32_t i)
{
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    double vm = sqrt(fmax(x[block->v_variable[i]], 0));
    struct fg_opf_node out = { .vm_pu = vm,
                               .price_p = y[block->p_row[i]] / opf->base,
                               .price_q = y[block->q_row[i]] / opf->base };
    /* d objective / d vm limit = (d objective / d w limit) * 2 vm */
    if (block->band_row[i] >= 0) {
        out.vm_excess_pu = fmax(vm - block->vm_max[i], 0) - fmax(block->vm_min[i] - vm, 0);
        out.vm_dual = -y[block->band_row[i]] * 2 * vm;
    } else {
        out.vm_dual = (fg_nlp_z_lower(opf->nlp)[block->v_variable[i]] - fg_nlp_z_upper(opf->nlp)[block->v_variable[i]]) *
                      2 * vm;
    }
    return out;
}

static struct fg_opf_edge lin_edge(const struct fg_opf *opf, const struct opf_block *block, int32_t k)
{
    if (block->flow_variable[k] < 0)
        return (struct fg_opf_edge){ 0 };
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    double p = x[block->flow_variable[k]] * opf->base, q = x[block->flow_variable[k] + 1] * opf->base;
    struct fg_opf_edge out = { .pf_mw = p, .qf_mvar = q, .pt_mw = -p, .qt_mvar = -q };
    if (block->rate_row[k] >= 0) {
        double size = block->options.linear_ratings ? fmax(fabs(p), fabs(q)) : hypot(p, q);
        bool linear = block->options.linear_ratings;
        out.excess_from_mva = out.excess_to_mva = fmax(size - block->rate_mva[k], 0);
        double factor = linear || isfinite(block->rate_price[k]) ? 1 : 2;
        out.dual_from = -factor * (fabs(y[block->rate_row[k]]) + (linear ? fabs(y[block->rate_row[k] + 1]) : 0)) / opf->base;
    }
    return out;
}

const struct opf_physics fg_opf_lindistflow = { lin_check,     lin_variables_and_rows, lin_entries, lin_refresh,
                                                lin_functions, lin_derivatives,        lin_node,    lin_edge };
