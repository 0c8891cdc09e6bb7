/* Second look at the taps: positions that are best for the baseline can stand in the way of orders. A tap that lifts a
 * sagging feeder to the upper end of the band leaves no room for offers that relieve an overload, because they lift the
 * voltages as well.
 *
 * Where the continuous relaxation keeps violations in a period, power not served among them, its optimal cost tells what
 * a step would do. With the voltages x and the multipliers lambda of the balances (the nodal prices), the envelope
 * theorem gives
 *
 *     dC = sum over P and Q at both ends of lambda_i dflow_i(x; ratio) - sum over ends of (dC / drating) d|S|
 *
 * for the flows of the transformer alone, everything else held (A. V. Fiacco, "Introduction to Sensitivity and Stability
 * Analysis in Nonlinear Programming", 1983). In each such period the step with the most negative dC is taken; the caller
 * solves again and keeps the positions only if the cost has fallen. */
#include "toolkit/dfmct/clear_run.h"

#include "grid/flow.h"

#include <math.h>

static const double LEAST_GAIN = 0.01; /* currency; below it the multipliers are noise */

static const double LEAST_SHED_MW = 1e-4; /* below it power not served is the interior point's distance from zero */

static bool has_violation(const struct clear_run *run, int32_t t)
{
    const struct clear_model *model = run->model;
    for (int32_t n = 0; n < model->topology->node_count; n++)
        if (isnan(model->vm_held[n]) && fabs(fg_opf_node(run->grid->opf, t, n).vm_excess_pu) > FG_CLEAR_VOLTAGE_TOLERANCE_PU)
            return true;
    for (int32_t e = 0; e < model->topology->edge_count; e++) {
        struct fg_opf_edge edge = fg_opf_edge(run->grid->opf, t, e);
        if (fmax(edge.excess_from_mva, edge.excess_to_mva) > FG_CLEAR_RATING_TOLERANCE * clear_rate(model, t, e))
            return true;
    }
    for (size_t i = model->load_start[t]; i < model->load_start[t + 1]; i++)
        if (run->grid->x[model->loads[i].variable] > LEAST_SHED_MW)
            return true;
    return false;
}

/* First-order change of the optimal cost when the tap goes from its position in period t to another. */
static double cost_change(const struct clear_run *run, int32_t t, const struct clear_tap *tap, int32_t position)
{
    const struct clear_model *model = run->model;
    const int32_t e = model->topology->edge_of_branch[tap->branch];
    struct fg_edge edge = model->topology->edges[e];
    const struct fg_opf_node from = fg_opf_node(run->grid->opf, t, edge.from), to = fg_opf_node(run->grid->opf, t, edge.to);
    const struct fg_opf_edge rating = fg_opf_edge(run->grid->opf, t, e);
    struct fg_branch branch = model->network->branches[tap->branch];
    const int32_t positions[2] = { model->topology_at[t]->network->branches[tap->branch].tap.position, position };
    double flow[2][FG_FLOW_COUNT];
    for (int i = 0; i < 2; i++) {
        fg_branch_set_tap(&branch, positions[i]);
        fg_edge_set_admittance(&edge, &branch, NULL);
        fg_flow_values(&edge, from.va_rad, to.va_rad, from.vm_pu, to.vm_pu, flow[i]);
        for (int k = 0; k < FG_FLOW_COUNT; k++)
            flow[i][k] *= model->network->base_mva;
    }
    double size_from = hypot(flow[1][FG_FLOW_PF], flow[1][FG_FLOW_QF]) - hypot(flow[0][FG_FLOW_PF], flow[0][FG_FLOW_QF]);
    double size_to = hypot(flow[1][FG_FLOW_PT], flow[1][FG_FLOW_QT]) - hypot(flow[0][FG_FLOW_PT], flow[0][FG_FLOW_QT]);
    return from.price_p * (flow[1][FG_FLOW_PF] - flow[0][FG_FLOW_PF]) +
           from.price_q * (flow[1][FG_FLOW_QF] - flow[0][FG_FLOW_QF]) +
           to.price_p * (flow[1][FG_FLOW_PT] - flow[0][FG_FLOW_PT]) +
           to.price_q * (flow[1][FG_FLOW_QT] - flow[0][FG_FLOW_QT]) - rating.dual_from * size_from -
           rating.dual_to * size_to;
}

bool clear_step_taps(struct clear_run *run)
{
    struct clear_model *model = run->model;
    bool has_moved = false;
    for (int32_t t = 0; t < model->periods && model->tap_count > 0; t++) {
        int32_t *positions = model->tap_position + (size_t)t * model->tap_count;
        double best = -LEAST_GAIN;
        size_t moved = model->tap_count;
        int32_t target = 0;
        if (!has_violation(run, t))
            continue;
        for (size_t k = 0; k < model->tap_count; k++)
            for (int step = -1; step <= 1; step += 2) {
                if (positions[k] == (step < 0 ? model->taps[k].low : model->taps[k].high))
                    continue;
                double change = cost_change(run, t, &model->taps[k], positions[k] + step);
                if (change < best) {
                    best = change;
                    moved = k;
                    target = positions[k] + step;
                }
            }
        if (moved < model->tap_count) {
            positions[moved] = target;
            has_moved = true;
        }
    }
    return has_moved;
}
