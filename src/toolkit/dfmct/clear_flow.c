/* Power flow of a schedule by the independent solver (grid/powerflow.h), and what its states violate. */
#include "grid/powerflow.h"
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

struct clear_flow {
    const struct clear_model *model;
    struct { /* per variant of the network */
        struct fg_powerflow *powerflow;
        struct fg_powerflow_result *result;
    } *solvers;
    struct clear_elements elements;
    struct fg_arena arena;
};

enum fg_code clear_flow_create(const struct clear_model *model, struct clear_flow **out, struct fg_error *err)
{
    struct clear_flow *flow = fg_alloc(1, sizeof *flow);
    struct fg_powerflow_options options = fg_powerflow_options_default();
    *out = NULL;
    if (flow == NULL)
        return fg_fail_memory(err);
    flow->model = model;
    fg_arena_init(&flow->arena);
    options.tolerance_pu = 1e-9;
    options.without_violations = true;
    enum fg_code code = clear_elements_create(model->network, &flow->arena, &flow->elements, err);
    flow->solvers = fg_alloc(model->variant_count, sizeof *flow->solvers);
    if (code == FG_OK && flow->solvers == NULL)
        code = fg_fail_memory(err);
    for (size_t v = 0; v < model->variant_count && code == FG_OK; v++) {
        const struct fg_network *network = model->variants[v].network != NULL ? model->variants[v].network : model->network;
        code = fg_powerflow_create(network, &options, &flow->solvers[v].powerflow, err);
        if (code == FG_OK)
            code = fg_powerflow_result_create(network, &flow->solvers[v].result, err);
    }
    if (code == FG_OK)
        *out = flow;
    else
        clear_flow_destroy(flow);
    return code;
}

void clear_flow_destroy(struct clear_flow *flow)
{
    if (flow == NULL)
        return;
    for (size_t v = 0; v < flow->model->variant_count && flow->solvers != NULL; v++) {
        fg_powerflow_destroy(flow->solvers[v].powerflow);
        fg_powerflow_result_destroy(flow->solvers[v].result);
    }
    fg_free(flow->solvers);
    fg_arena_release(&flow->arena);
    fg_free(flow);
}

enum fg_code clear_flow_state_create(const struct fg_network *network, struct fg_arena *arena,
                                     struct fg_clear_state *state, struct fg_error *err)
{
    double **arrays[6] = { &state->vm_pu, &state->va_rad, &state->p_from_mw, &state->q_from_mvar, &state->p_to_mw,
                           &state->q_to_mvar };
    for (int i = 0; i < 6; i++) {
        *arrays[i] = fg_arena_alloc(arena, (i < 2 ? network->bus_count : network->branch_count) + 1, sizeof(double));
        if (*arrays[i] == NULL)
            return fg_fail_memory(err);
    }
    return FG_OK;
}

void clear_flow_forget(const struct fg_network *network, struct fg_clear_state *state)
{
    double *arrays[6] = { state->vm_pu, state->va_rad, state->p_from_mw, state->q_from_mvar, state->p_to_mw,
                          state->q_to_mvar };
    state->slack_p_mw = state->slack_q_mvar = state->losses_mw = NAN;
    for (int i = 0; i < 6; i++)
        for (size_t k = 0; k < (i < 2 ? network->bus_count : network->branch_count); k++)
            arrays[i][k] = NAN;
}

enum fg_code clear_flow_solve(struct clear_flow *flow, int32_t period, const double *deviation_p,
                              const double *deviation_q, struct fg_clear_state *state, struct fg_error *err)
{
    const struct clear_model *model = flow->model;
    const struct fg_topology *topology = model->topology;
    struct clear_elements *elements = &flow->elements;
    clear_elements_fill(model, period, elements);
    for (int32_t n = 0; n < topology->node_count; n++) {
        int32_t bus = topology->bus_of_node[n];
        if (bus >= 0) {
            elements->bus_p[bus] += deviation_p[n];
            elements->bus_q[bus] += deviation_q[n];
        }
    }
    struct fg_powerflow_input input = {
        .injection_p_mw = elements->injection_p, .injection_q_mvar = elements->injection_q,
        .generator_p_mw = elements->generator_p, .generator_q_mvar = elements->generator_q,
        .storage_p_mw = elements->storage_p,     .storage_q_mvar = elements->storage_q,
        .bus_p_mw = elements->bus_p,             .bus_q_mvar = elements->bus_q,
    };
    struct fg_powerflow *powerflow = flow->solvers[model->variant_at[period]].powerflow;
    struct fg_powerflow_result *result = flow->solvers[model->variant_at[period]].result;
    fg_powerflow_set_injections(powerflow, &input);
    enum fg_code code = FG_OK;
    for (size_t k = 0; k < model->tap_count && code == FG_OK; k++)
        code = fg_powerflow_set_tap(powerflow, model->taps[k].branch,
                                    model->tap_position[(size_t)period * model->tap_count + k], err);
    if (code == FG_OK)
        code = fg_powerflow_solve(powerflow, result, err);
    if (code != FG_OK)
        return code;
    size_t buses = model->network->bus_count, branches = model->network->branch_count;
    state->converged = result->status == FG_POWERFLOW_CONVERGED;
    state->losses_mw = result->losses_mw;
    memcpy(state->vm_pu, result->vm_pu, buses * sizeof(double));
    memcpy(state->va_rad, result->va_rad, buses * sizeof(double));
    memcpy(state->p_from_mw, result->p_from_mw, branches * sizeof(double));
    memcpy(state->q_from_mvar, result->q_from_mvar, branches * sizeof(double));
    memcpy(state->p_to_mw, result->p_to_mw, branches * sizeof(double));
    memcpy(state->q_to_mvar, result->q_to_mvar, branches * sizeof(double));
    state->slack_p_mw = state->slack_q_mvar = 0;
    for (size_t g = 0; g < model->network->generator_count; g++) {
        const struct fg_generator *generator = &model->network->generators[g];
        int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
        if (node >= 0 && topology->reference_of_island[topology->island_of_node[node]] == node) {
            state->slack_p_mw += result->generator_p_mw[g];
            state->slack_q_mvar += result->generator_q_mvar[g];
        }
    }
    return FG_OK;
}

void clear_node_state(const struct clear_model *model, const struct fg_clear_state *state, double *vm, double *va)
{
    const struct fg_topology *topology = model->topology;
    for (int32_t n = 0; n < topology->node_count; n++) {
        int32_t bus = topology->bus_of_node[n];
        vm[n] = bus >= 0 ? state->vm_pu[bus] : 1;
        va[n] = bus >= 0 ? state->va_rad[bus] : 0;
    }
    /* The free end of a branch carries no current to speak of: it has the voltage of the other end. */
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const struct fg_edge *edge = &topology->edges[e];
        int32_t from = topology->bus_of_node[edge->from], to = topology->bus_of_node[edge->to];
        double shift = model->network->branches[edge->branch].shift_rad;
        if (from >= 0 && to < 0) {
            vm[edge->to] = vm[edge->from];
            va[edge->to] = va[edge->from] - shift;
        } else if (to >= 0 && from < 0) {
            vm[edge->from] = vm[edge->to];
            va[edge->from] = va[edge->to] + shift;
        }
    }
}

double clear_limit_price(const struct clear_model *model, int32_t period, struct clear_quantity quantity, bool is_lower)
{
    const struct fg_market *market = model->market;
    bool is_voltage = quantity.kind == CLEAR_VOLTAGE;
    double price = fg_per_mwh(is_voltage ? market->scarcity_voltage : market->scarcity_overload), covered = -INFINITY;
    for (size_t i = 0; i < model->cover_count; i++) {
        const struct clear_cover *cover = &model->covers[i];
        int side = is_voltage ? (is_lower ? -1 : 1) : 0;
        if (cover->period == period && cover->element == quantity.index && cover->side == side)
            covered = fmax(covered, cover->price);
    }
    return isfinite(covered) ? covered : price;
}

/* Loading at both ends, in the unit of the rating. */
static void branch_ends(const struct clear_model *model, const struct fg_clear_state *state, int32_t edge, double ends[2])
{
    const struct fg_edge *e = &model->topology->edges[edge];
    const struct fg_branch *branch = &model->network->branches[e->branch];
    ends[0] = hypot(state->p_from_mw[e->branch], state->q_from_mvar[e->branch]);
    ends[1] = hypot(state->p_to_mw[e->branch], state->q_to_mvar[e->branch]);
    if (model->rate_is_current[edge]) {
        ends[0] /= branch->from_closed ? state->vm_pu[branch->from] : 1;
        ends[1] /= branch->to_closed ? state->vm_pu[branch->to] : 1;
    }
}

double clear_branch_loading(const struct clear_model *model, const struct fg_clear_state *state, int32_t edge)
{
    double ends[2];
    branch_ends(model, state, edge, ends);
    return fmax(ends[0], ends[1]);
}

double clear_branch_excess(const struct clear_model *model, int32_t period, const struct fg_clear_state *state, int32_t edge)
{
    double ends[2], rate = clear_rate(model, period, edge);
    branch_ends(model, state, edge, ends);
    return 0.5 * (fmax(ends[0] - rate, 0) + fmax(ends[1] - rate, 0));
}

static void raise_worst(struct clear_worst *worst, double size, double tolerance)
{
    if (worst == NULL)
        return;
    worst->size = fmax(worst->size, size);
    worst->tolerances = fmax(worst->tolerances, size / tolerance);
}

double clear_state_violation_cost(const struct clear_model *model, int32_t period, const struct fg_clear_state *state,
                                  struct clear_worst *worst)
{
    const struct fg_topology *topology = model->topology;
    double cost = 0;
    for (int32_t n = 0; n < topology->node_count; n++) {
        int32_t bus = topology->bus_of_node[n];
        if (bus < 0 || !isnan(model->vm_held[n]))
            continue;
        struct clear_quantity quantity = { CLEAR_VOLTAGE, n };
        double below = clear_vm_min(model, period, n) - state->vm_pu[bus], above = state->vm_pu[bus] - clear_vm_max(model, period, n);
        if (below > FG_CLEAR_VOLTAGE_TOLERANCE_PU)
            cost += below * clear_limit_price(model, period, quantity, true);
        if (above > FG_CLEAR_VOLTAGE_TOLERANCE_PU)
            cost += above * clear_limit_price(model, period, quantity, false);
        raise_worst(worst, fmax(below, above), FG_CLEAR_VOLTAGE_TOLERANCE_PU);
    }
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const double rate = clear_rate(model, period, e);
        if (!isfinite(rate))
            continue;
        double over = clear_branch_loading(model, state, e) - rate;
        if (over > FG_CLEAR_RATING_TOLERANCE * rate)
            cost += clear_branch_excess(model, period, state, e) *
                    clear_limit_price(model, period, (struct clear_quantity){ CLEAR_FLOW_FROM, e }, false);
        raise_worst(worst, over / fmax(rate, 1e-9), FG_CLEAR_RATING_TOLERANCE);
    }
    const struct fg_market *market = model->market;
    const struct { struct fg_power low, high; double value; } substation[2] = {
        { market->substation_p_min, market->substation_p_max, state->slack_p_mw },
        { market->substation_q_min, market->substation_q_max, state->slack_q_mvar },
    };
    for (int i = 0; i < 2; i++) {
        double below = substation[i].low.w > -FG_NO_LIMIT ? fg_mw(substation[i].low) - substation[i].value : 0;
        double above = substation[i].high.w < FG_NO_LIMIT ? substation[i].value - fg_mw(substation[i].high) : 0;
        double over = fmax(fmax(below, above), 0);
        double bound = fg_mw(below > above ? substation[i].low : substation[i].high);
        if (over > FG_CLEAR_RATING_TOLERANCE * fmax(fabs(bound), 1e-3))
            cost += over * fg_per_mwh(market->scarcity_overload);
        if (over > 0)
            raise_worst(worst, over / fmax(fabs(bound), 1e-3), FG_CLEAR_RATING_TOLERANCE);
    }
    return cost * model->hours;
}
