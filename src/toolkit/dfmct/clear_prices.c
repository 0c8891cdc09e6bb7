/* Nodal prices and their parts, from the optimality conditions at the solution with the integer decisions fixed.
 *
 * With pi the slack's prices, mu_L = d cost / d limit L, and S, F_L the slack's power and the limited quantities as
 * functions of the nodal injections, the price of consumption at node n is
 *
 *     price(n) = -sum pi dS/dinj(n) + sum_L mu_L dF_L/dinj(n) + zone terms
 *     energy   = pi (closed balance: plus the multiplier of the balance)
 *     loss     = -sum pi dS/dinj(n) - pi
 *     congestion, voltage = the sums over ratings (and the substation) and over voltage limits
 *     zone     = multipliers of need requests at the bus and in the zones around it
 *
 * (F. Li, R. Bo, "DCOPF-based LMP simulation", IEEE Trans. Power Syst. 22 (2007), for the parts; the sensitivities are
 * exact here, by one transposed solve per limit that binds.) */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static struct fg_clear_price *price_at(const struct clear_run *run, int product, int32_t period, size_t bus)
{
    struct fg_clear_price *prices = product == 0 ? run->result->price_p : run->result->price_q;
    return &prices[(size_t)period * run->model->network->bus_count + bus];
}

/* part += factor x slope, for every bus of a node. */
static void add_slopes(const struct clear_run *run, int32_t period, int part, double factor)
{
    const struct clear_model *model = run->model;
    for (size_t b = 0; b < model->network->bus_count; b++) {
        int32_t node = model->topology->node_of_bus[b];
        if (node < 0)
            continue;
        price_at(run, 0, period, b)->part[part] += factor * run->slope_p[node] / model->hours;
        price_at(run, 1, period, b)->part[part] += factor * run->slope_q[node] / model->hours;
    }
}

static void add_everywhere(const struct clear_run *run, int product, int32_t period, int part, double amount)
{
    const struct clear_model *model = run->model;
    for (size_t b = 0; b < model->network->bus_count; b++)
        if (model->topology->node_of_bus[b] >= 0)
            price_at(run, product, period, b)->part[part] += amount;
}

static enum fg_code add_slack(struct clear_run *run, int32_t t, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const double prices[2] = { model->hours * fg_per_mwh(model->market->import_price[t]),
                               model->hours * fg_per_mwh(model->market->import_price_reactive[t]) };
    double substation[2] = { 0, 0 };
    for (size_t r = 0; r < model->row_count; r++)
        if (model->rows[r].kind == CLEAR_ROW_SUBSTATION && model->rows[r].period == t)
            substation[model->rows[r].subject] = fg_opf_row_dual(run->grid->opf, run->grid->row[r]);
    for (int product = 0; product < 2; product++) {
        for (int32_t i = 0; i < model->topology->island_count; i++) {
            struct clear_quantity slack = { product == 0 ? CLEAR_SLACK_P : CLEAR_SLACK_Q, i };
            if (prices[product] == 0 && substation[product] == 0)
                continue;
            enum fg_code code = clear_linear_slopes(run->linear, slack, run->slope_p, run->slope_q, err);
            if (code != FG_OK)
                return code;
            add_slopes(run, t, FG_PART_LOSS, -prices[product]);
            add_slopes(run, t, FG_PART_CONGESTION, substation[product]);
        }
        bool has_product = product == 0 || run->physics != FG_PHYSICS_DC;
        if (has_product) {
            add_everywhere(run, product, t, FG_PART_ENERGY, prices[product] / model->hours);
            add_everywhere(run, product, t, FG_PART_LOSS, -prices[product] / model->hours);
        }
    }
    return FG_OK;
}

static enum fg_code add_limits(struct clear_run *run, int32_t t, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_topology *topology = model->topology;
    const double none = 1e-9 * model->hours; /* multipliers of limits that do not bind */
    for (int32_t n = 0; n < topology->node_count; n++) {
        if (run->physics == FG_PHYSICS_DC || run->physics == FG_PHYSICS_NONE || !isnan(model->vm_held[n]) ||
            topology->reference_of_island[topology->island_of_node[n]] == n)
            continue;
        struct fg_opf_node node = fg_opf_node(run->grid->opf, t, n);
        if (fabs(node.vm_dual) <= none)
            continue;
        enum fg_code code = clear_linear_slopes(run->linear, (struct clear_quantity){ CLEAR_VOLTAGE, n }, run->slope_p,
                                                run->slope_q, err);
        if (code != FG_OK)
            return code;
        double squared = run->physics == FG_PHYSICS_LINDISTFLOW ? 1 / (2 * node.vm_pu) : 1;
        add_slopes(run, t, FG_PART_VOLTAGE, node.vm_dual * squared);
    }
    for (int32_t e = 0; e < topology->edge_count; e++) {
        if (!isfinite(clear_rate(model, t, e)) || run->physics == FG_PHYSICS_NONE)
            continue;
        struct fg_opf_edge edge = fg_opf_edge(run->grid->opf, t, e);
        const double duals[2] = { edge.dual_from, edge.dual_to };
        for (int end = 0; end < 2; end++) {
            if (fabs(duals[end]) <= none)
                continue;
            struct clear_quantity flow = { end == 0 ? CLEAR_FLOW_FROM : CLEAR_FLOW_TO, e };
            enum fg_code code = clear_linear_slopes(run->linear, flow, run->slope_p, run->slope_q, err);
            if (code != FG_OK)
                return code;
            add_slopes(run, t, FG_PART_CONGESTION, duals[end]);
        }
    }
    return FG_OK;
}

/* Does the need's place contain the bus? */
static bool need_has_bus(const struct clear_model *model, const struct clear_need *need, size_t bus)
{
    if (need->zone < 0)
        return model->topology->node_of_bus[bus] == need->node;
    return fg_zone_has_bus(&model->market->zones[need->zone], model->network->buses[bus].id);
}

static bool need_contains(const struct clear_model *model, const struct clear_need *outer, const struct clear_need *inner)
{
    if (inner->zone >= 0) {
        int32_t zone = inner->zone;
        while (zone >= 0 && zone != outer->zone)
            zone = model->market->zones[zone].parent;
        return outer->zone >= 0 && zone == outer->zone;
    }
    int32_t bus = model->topology->bus_of_node[inner->node];
    return outer->zone < 0 ? outer->node == inner->node : bus >= 0 && need_has_bus(model, outer, (size_t)bus);
}

/* Rows between orders: balance, matching, needs. */
static void add_market_rows(struct clear_run *run)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    for (size_t r = 0; r < model->row_count; r++) {
        const struct clear_row *row = &model->rows[r];
        if (row->kind == CLEAR_ROW_RULE || row->kind == CLEAR_ROW_SUBSTATION || row->scope == CLEAR_INTEGER)
            continue;
        double dual = fg_opf_row_dual(run->grid->opf, run->grid->row[r]) / model->hours;
        if (row->kind == CLEAR_ROW_BALANCE) {
            add_everywhere(run, row->subject, row->period, FG_PART_ENERGY, dual);
        } else if (row->kind == CLEAR_ROW_MATCH) {
            (row->subject < 2 ? run->result->match_p : run->result->match_q)[2 * row->period + row->subject % 2] = dual;
        } else {
            const struct clear_need *need = &model->needs[row->subject];
            for (size_t b = 0; b < model->network->bus_count; b++)
                if (model->topology->node_of_bus[b] >= 0 && need_has_bus(model, need, b))
                    price_at(run, need->product, row->period, b)->part[FG_PART_ZONE] -= row->need_sign * dual;
            for (size_t o = 0; o < market->order_count; o++) {
                const struct fg_order *order = &market->orders[o];
                int32_t k = row->period - order->first_period;
                bool is_up = order->regulation == FG_REGULATION_UP;
                if (model->need_of_order[o] < 0 || k < 0 || k >= order->period_count || is_up != (row->need_sign > 0))
                    continue;
                const struct clear_need *own = &model->needs[model->need_of_order[o]];
                if (own->product == need->product && need_contains(model, need, own))
                    run->result->need_price[order->offset + (size_t)k].uper_mwh -= llround(dual * 1e6);
            }
        }
    }
}

enum fg_code clear_price_schedule(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const size_t nodes = (size_t)model->topology->node_count, buses = model->network->bus_count;
    enum fg_code code = FG_OK;
    double *state = fg_alloc(2 * nodes, sizeof *state);
    if (state == NULL)
        return fg_fail_memory(err);
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        clear_grid_state(run->grid, t, state, state + nodes);
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        clear_schedule_deviation(model, run->grid->x, t, run->node_p, run->node_q);
        code = clear_linear_at(run->linear, t, state, state + nodes, run->node_p, run->node_q, err);
        if (code == FG_OK)
            code = add_slack(run, t, err);
        if (code == FG_OK)
            code = add_limits(run, t, err);
    }
    fg_free(state);
    if (code != FG_OK)
        return code;
    add_market_rows(run);
    for (int product = 0; product < 2; product++)
        for (int32_t t = 0; t < model->periods; t++)
            for (size_t b = 0; b < buses; b++) {
                struct fg_clear_price *price = price_at(run, product, t, b);
                price->total = model->topology->node_of_bus[b] < 0 ? NAN : 0;
                price->settled.uper_mwh = 0;
                for (int part = 0; part < FG_PART_COUNT; part++) {
                    price->total += price->part[part];
                    price->settled.uper_mwh += llround(price->part[part] * 1e6);
                }
            }
    return FG_OK;
}
