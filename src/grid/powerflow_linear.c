/* Linear starts of the power flow: angles that carry the active power, voltages that follow ratios, charging and shunts.
 *
 * Angles (direct-current power flow; B. Stott, J. Jardim, O. Alsac, "DC power flow revisited", IEEE Trans. Power Systems
 * 24(3), 2009), at magnitudes as they are:
 *
 *   sum over branches of  w (Va_f - Va_t - shift) = P_i,      w = Vm_f Vm_t |y| sign(x) / ratio
 *
 * with |y| for 1/x, so that a branch without reactance is none of infinite stiffness.
 *
 * Voltages: the network I = Y V with the held nodes as voltage sources and injections as currents at 1 p.u.
 *
 * Both use the Jacobian's pattern, hence its symbolic analysis. Where a matrix is singular the state stays. */
#include "grid/powerflow_newton.h"

#include <math.h>
#include <string.h>

static void clear_matrix(struct fg_newton *newton)
{
    memset(newton->value, 0, (size_t)newton->column_start[newton->unknown_count] * sizeof *newton->value);
}

static double angle_weight(const struct fg_powerflow *powerflow, const struct fg_edge *edge)
{
    const struct fg_branch *branch = &powerflow->branches[edge->branch];
    double stiffness = copysign(1 / (branch->ratio * hypot(branch->r_pu, branch->x_pu)), branch->x_pu);
    return powerflow->vm[edge->from] * powerflow->vm[edge->to] * stiffness;
}

static void fill_angle_matrix(const struct fg_powerflow *powerflow, struct fg_newton *newton)
{
    const struct fg_topology *topology = powerflow->topology;
    clear_matrix(newton);
    for (int32_t i = 0; i < powerflow->node_count; i++)
        if (newton->column_of_node[i] >= 0) /* magnitudes do not move */
            newton->value[newton->node_slot[i] + fg_newton_column_stride(newton, i) + 1] = 1;
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        const int32_t *slot = newton->edge_slot[k];
        if (edge->from == edge->to)
            continue;
        double weight = angle_weight(powerflow, edge);
        for (int block = 0; block < BLOCK_COUNT; block++)
            if (slot[block] >= 0)
                newton->value[slot[block]] += block == BLOCK_FF || block == BLOCK_TT ? weight : -weight;
    }
}

/* `part` of the injections, less the shunts, plus what shifts and references drive. */
static void fill_angle_rhs(const struct fg_powerflow *powerflow, struct fg_newton *newton, double part)
{
    const struct fg_topology *topology = powerflow->topology;
    double *rhs = newton->step;
    memset(rhs, 0, (size_t)newton->unknown_count * sizeof *rhs);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        const struct fg_node_power *power = &powerflow->power[i];
        double vm = powerflow->vm[i];
        if (newton->column_of_node[i] >= 0)
            rhs[newton->column_of_node[i]] = part * (fg_newton_power_at(power->p0, power->p1, power->p2, vm) -
                                                     topology->g_shunt_pu[i] * vm * vm);
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        if (edge->from == edge->to)
            continue;
        int32_t from = newton->column_of_node[edge->from], to = newton->column_of_node[edge->to];
        double weight = angle_weight(powerflow, edge), shift = powerflow->edge_shift[k];
        if (from >= 0)
            rhs[from] += weight * (shift + (to < 0 ? powerflow->va_set[edge->to] : 0));
        if (to >= 0)
            rhs[to] -= weight * (shift - (from < 0 ? powerflow->va_set[edge->from] : 0));
    }
}

static double widest_angle(const struct fg_powerflow *powerflow)
{
    double widest = 0;
    for (int32_t k = 0; k < powerflow->topology->edge_count; k++) {
        const struct fg_edge *edge = &powerflow->topology->edges[k];
        widest = fmax(widest, fabs(powerflow->va[edge->from] - powerflow->va[edge->to] - powerflow->edge_shift[k]));
    }
    return widest;
}

void fg_newton_set_linear_angles(struct fg_powerflow *powerflow, double scale, double most_rad)
{
    struct fg_newton *newton = powerflow->newton;
    if (newton->unknown_count == 0)
        return;
    fill_angle_matrix(powerflow, newton);
    fg_newton_forget_pivots(newton);
    if (!fg_newton_factorise(newton))
        return;
    for (int pass = 0; pass < 2; pass++) {
        fill_angle_rhs(powerflow, newton, scale);
        klu_solve(newton->symbolic, newton->numeric, newton->unknown_count, 1, newton->step, &newton->common);
        for (int32_t i = 0; i < powerflow->node_count; i++)
            if (newton->column_of_node[i] >= 0)
                powerflow->va[i] = newton->step[newton->column_of_node[i]];
        double widest = widest_angle(powerflow);
        if (widest <= most_rad)
            break;
        scale *= most_rad / widest;
    }
    fg_newton_forget_pivots(newton);
}

/* Add the complex admittance g + jb in rectangular coordinates (columns re, im; rows re, im of the current). */
static void add_admittance(struct fg_newton *newton, int32_t slot, int32_t column_node, double g, double b)
{
    if (slot < 0)
        return;
    int32_t stride = fg_newton_column_stride(newton, column_node);
    newton->value[slot] += g;
    newton->value[slot + 1] += b;
    newton->value[slot + stride] -= b;
    newton->value[slot + stride + 1] += g;
}

/* Current of a reference through the transfer admittance g + jb, moved to the right-hand side. */
static void subtract_current(const struct fg_powerflow *powerflow, double rhs[2], int32_t node, double g, double b)
{
    rhs[0] -= g * powerflow->re[node] - b * powerflow->im[node];
    rhs[1] -= g * powerflow->im[node] + b * powerflow->re[node];
}

/* Voltages of the PQ nodes from the linear network I = Y V, with the held nodes as voltage sources at their present
 * angles and injections as currents at 1 p.u.: magnitudes follow ratios, charging and shunts, which 1 p.u. everywhere
 * does not. Uses the Jacobian's pattern. Where the matrix is singular the state stays. */
void fg_newton_set_linear_voltages(struct fg_powerflow *powerflow, double scale)
{
    struct fg_newton *newton = powerflow->newton;
    const struct fg_topology *topology = powerflow->topology;
    double *rhs = newton->step, *re = powerflow->re, *im = powerflow->im;
    fg_powerflow_rectangular(powerflow);
    clear_matrix(newton);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        if (powerflow->kind[i] != FG_NODE_PQ) {
            add_admittance(newton, newton->node_slot[i], i, 1, 0);
            rhs[row] = re[i];
            rhs[row + 1] = im[i];
            continue;
        }
        const struct fg_node_power *power = &powerflow->power[i];
        double p = scale * fg_newton_power_at(power->p0, power->p1, power->p2, 1);
        double q = scale * (fg_newton_power_at(power->q0, power->q1, power->q2, 1) + powerflow->q_held[i]);
        double cosine = cos(powerflow->va[i]), sine = sin(powerflow->va[i]);
        rhs[row] = p * cosine + q * sine;
        rhs[row + 1] = p * sine - q * cosine;
        add_admittance(newton, newton->node_slot[i], i, topology->g_shunt_pu[i], topology->b_shunt_pu[i]);
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        const int32_t *slot = newton->edge_slot[k];
        if (edge->from == edge->to && powerflow->kind[edge->from] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_FF], edge->from, edge->gff + edge->gft + edge->gtf + edge->gtt,
                           edge->bff + edge->bft + edge->btf + edge->btt);
            continue;
        }
        if (powerflow->kind[edge->from] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_FF], edge->from, edge->gff, edge->bff);
            if (slot[BLOCK_FT] >= 0)
                add_admittance(newton, slot[BLOCK_FT], edge->to, edge->gft, edge->bft);
            else
                subtract_current(powerflow, &rhs[newton->column_of_node[edge->from]], edge->to, edge->gft, edge->bft);
        }
        if (powerflow->kind[edge->to] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_TT], edge->to, edge->gtt, edge->btt);
            if (slot[BLOCK_TF] >= 0)
                add_admittance(newton, slot[BLOCK_TF], edge->from, edge->gtf, edge->btf);
            else
                subtract_current(powerflow, &rhs[newton->column_of_node[edge->to]], edge->from, edge->gtf, edge->btf);
        }
    }
    if (!fg_newton_factorise(newton))
        return;
    klu_solve(newton->symbolic, newton->numeric, newton->unknown_count, 1, rhs, &newton->common);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0 || powerflow->kind[i] != FG_NODE_PQ)
            continue;
        /* A start, not a result: stay off the low solutions. */
        powerflow->vm[i] = fmax(0.8, hypot(rhs[row], rhs[row + 1]));
        powerflow->va[i] = atan2(rhs[row + 1], rhs[row]);
    }
}
