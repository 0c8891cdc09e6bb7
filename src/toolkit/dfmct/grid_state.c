#include "toolkit/dfmct/grid_state_internal.h"

#include "grid/network_read.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_grid_condition_words[] = {"switch", "outage", "rating", "voltage", NULL};

/* ---- models ---- */

struct fg_grid_model {
    struct fg_network *network;
    double *own_p_mw, *own_q_mvar; /* per bus */
    const struct fg_bus **by_name; /* its buses in the order of their ids */
    atomic_int references;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct fg_bus *const *)a)->id, (*(const struct fg_bus *const *)b)->id);
}

static int32_t find_bus(const struct fg_grid_model *model, const char *id)
{
    const struct fg_bus key = {.id = id}, *pointer = &key;
    const struct fg_bus **found =
        bsearch(&pointer, model->by_name, model->network->bus_count, sizeof *model->by_name, compare_names);
    return found != NULL ? (int32_t)(*found - model->network->buses) : -1;
}

static void sum_own_powers(struct fg_grid_model *model)
{
    const struct fg_network *n = model->network;
    for (size_t i = 0; i < n->injection_count; i++)
        if (n->injections[i].in_service) {
            model->own_p_mw[n->injections[i].bus] += n->injections[i].p_mw;
            model->own_q_mvar[n->injections[i].bus] += n->injections[i].q_mvar;
        }
    for (size_t i = 0; i < n->storage_count; i++)
        if (n->storages[i].in_service) {
            model->own_p_mw[n->storages[i].bus] += n->storages[i].p_mw;
            model->own_q_mvar[n->storages[i].bus] += n->storages[i].q_mvar;
        }
    for (size_t i = 0; i < n->generator_count; i++)
        if (n->generators[i].in_service && n->generators[i].kind != FG_GENERATOR_SOURCE) {
            model->own_p_mw[n->generators[i].bus] += n->generators[i].p_mw;
            if (isnan(n->generators[i].vm_set_pu))
                model->own_q_mvar[n->generators[i].bus] += n->generators[i].q_mvar;
        }
}

enum fg_code fg_grid_model_read(const char *bytes, size_t length, const char *format, struct fg_grid_model **out,
                                struct fg_error *err)
{
    struct fg_network *network;
    *out = NULL;
    enum fg_code code = fg_network_read_bytes(bytes, length, format, "network", &network, err);
    if (code != FG_OK)
        return code;
    struct fg_grid_model *model = fg_alloc(1, sizeof *model);
    if (model == NULL) {
        fg_network_destroy(network);
        return fg_fail_memory(err);
    }
    model->network = network;
    atomic_init(&model->references, 1);
    model->own_p_mw = fg_alloc(network->bus_count, sizeof *model->own_p_mw);
    model->own_q_mvar = fg_alloc(network->bus_count, sizeof *model->own_q_mvar);
    model->by_name = fg_alloc(network->bus_count, sizeof *model->by_name);
    if (model->own_p_mw == NULL || model->own_q_mvar == NULL || model->by_name == NULL) {
        fg_grid_model_release(model);
        return fg_fail_memory(err);
    }
    for (size_t b = 0; b < network->bus_count; b++)
        model->by_name[b] = &network->buses[b];
    qsort(model->by_name, network->bus_count, sizeof *model->by_name, compare_names);
    sum_own_powers(model);
    *out = model;
    return FG_OK;
}

struct fg_grid_model *fg_grid_model_hold(struct fg_grid_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void fg_grid_model_release(struct fg_grid_model *model)
{
    if (model == NULL || atomic_fetch_sub(&model->references, 1) != 1)
        return;
    fg_network_destroy(model->network);
    fg_free(model->own_p_mw);
    fg_free(model->own_q_mvar);
    fg_free(model->by_name);
    fg_free(model);
}

static int32_t find_switch(const struct fg_network *network, const char *id)
{
    for (size_t i = 0; i < network->switch_count; i++)
        if (strcmp(network->switches[i].id, id) == 0)
            return (int32_t)i;
    return -1;
}

bool fg_grid_model_has(const struct fg_grid_model *model, enum fg_grid_condition_kind kind, const char *element)
{
    return model != NULL && grid_condition_has(model->network, kind, element);
}

bool grid_condition_has(const struct fg_network *network, enum fg_grid_condition_kind kind, const char *element)
{
    switch (kind) {
    case FG_GRID_SWITCH:
        return find_switch(network, element) >= 0 || fg_network_find_branch(network, element) >= 0;
    case FG_GRID_OUTAGE:
        return fg_network_find_branch(network, element) >= 0 || fg_network_find_bus(network, element) >= 0;
    case FG_GRID_RATING:
        return fg_network_find_branch(network, element) >= 0;
    case FG_GRID_VOLTAGE:
        return fg_network_find_bus(network, element) >= 0;
    case FG_GRID_CONDITION_KINDS:
        break;
    }
    return false;
}

bool fg_grid_model_own(const struct fg_grid_model *model, const char *bus, int64_t *p_w, int64_t *q_var)
{
    int32_t at = find_bus(model, bus);
    if (at < 0)
        return false;
    *p_w = llround(model->own_p_mw[at] * 1e6);
    *q_var = llround(model->own_q_mvar[at] * 1e6);
    return true;
}

/* ---- variants ---- */

static void variant_release(struct grid_variant *variant)
{
    fg_powerflow_result_destroy(variant->trial);
    fg_powerflow_destroy(variant->powerflow);
    fg_distribution_destroy(variant->distribution);
    fg_network_destroy(variant->network);
    fg_free(variant->active);
}

void fg_grid_state_destroy(struct fg_grid_state *state)
{
    if (state == NULL)
        return;
    for (int32_t i = 0; state->periods != NULL && i < state->period_count; i++) {
        fg_free(state->periods[i].p_mw);
        fg_free(state->periods[i].q_mvar);
        fg_free(state->periods[i].flow_mw);
        fg_free(state->periods[i].state);
    }
    for (int32_t i = 0; i < state->variant_count; i++)
        variant_release(&state->variants[i]);
    fg_free(state->periods);
    fg_free(state->variants);
    fg_free(state->bus_of_number);
    fg_grid_model_release(state->model);
    fg_free(state);
}

static void set_closed(struct fg_branch *branch, bool is_closed)
{
    branch->in_service = is_closed;
    if (is_closed)
        branch->from_closed = branch->to_closed = true;
}

void grid_condition_apply(struct fg_network *network, const struct fg_grid_condition *condition)
{
    int32_t branch = fg_network_find_branch(network, condition->element);
    int32_t bus = fg_network_find_bus(network, condition->element);
    int32_t at = find_switch(network, condition->element);
    switch (condition->kind) {
    case FG_GRID_SWITCH:
        if (at >= 0)
            network->switches[at].closed = condition->is_closed;
        else if (branch >= 0)
            set_closed(&network->branches[branch], condition->is_closed);
        break;
    case FG_GRID_OUTAGE:
        if (branch >= 0)
            network->branches[branch].in_service = false;
        else if (bus >= 0)
            network->buses[bus].in_service = false;
        break;
    case FG_GRID_RATING:
        if (branch >= 0)
            network->branches[branch].rate_normal_mva = (double)condition->limit[0] * 1e-6;
        break;
    case FG_GRID_VOLTAGE:
        if (bus >= 0) {
            network->buses[bus].vm_min_pu = (double)condition->limit[0] * 1e-6;
            network->buses[bus].vm_max_pu = (double)condition->limit[1] * 1e-6;
        }
        break;
    case FG_GRID_CONDITION_KINDS:
        break;
    }
}

/* Outages come last, so that they win over switches that are said to be closed. */
static void apply_conditions(struct fg_network *network, const struct fg_grid_point *point, const unsigned char *active)
{
    for (int is_outage = 0; is_outage < 2; is_outage++)
        for (size_t i = 0; i < point->condition_count; i++)
            if (active[i] && (point->conditions[i].kind == FG_GRID_OUTAGE) == is_outage)
                grid_condition_apply(network, &point->conditions[i]);
}

static enum fg_code variant_create(struct grid_variant *variant, const struct fg_grid_model *model,
                                   const struct fg_grid_point *point, const unsigned char *active, struct fg_error *err)
{
    variant->active = fg_alloc(point->condition_count, 1);
    variant->network = fg_network_clone(model->network);
    if (variant->active == NULL || variant->network == NULL)
        return fg_fail_memory(err);
    memcpy(variant->active, active, point->condition_count);
    apply_conditions(variant->network, point, active);
    return fg_distribution_create(variant->network, &variant->distribution, err);
}

/* The sweep on trees with one source each, else Newton's method. */
static enum fg_code variant_add_powerflow(struct grid_variant *variant, struct fg_error *err)
{
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.without_violations = true;
    options.is_plain = true;
    options.method = FG_POWERFLOW_SWEEP;
    options.max_iterations = 100;
    enum fg_code code = fg_powerflow_create(variant->network, &options, &variant->powerflow, err);
    if (code == FG_ERR_UNSUPPORTED) {
        options.method = FG_POWERFLOW_NEWTON;
        options.max_iterations = 20;
        code = fg_powerflow_create(variant->network, &options, &variant->powerflow, err);
    }
    variant->is_swept = options.method == FG_POWERFLOW_SWEEP && variant->distribution->is_radial;
    if (code == FG_OK)
        code = fg_powerflow_result_create(variant->network, &variant->trial, err);
    if (code == FG_OK)
        variant->state_size = fg_powerflow_state_size(variant->powerflow);
    return code;
}

/* The variant for the conditions of a period, of those whose element is known; made when it is the first one. */
static enum fg_code find_variant(struct fg_grid_state *state, const struct fg_grid_point *point, int32_t period,
                                 const unsigned char *known, unsigned char *active, int32_t *index, struct fg_error *err)
{
    for (size_t i = 0; i < point->condition_count; i++) {
        const struct fg_grid_condition *condition = &point->conditions[i];
        active[i] = known[i] && condition->first_period <= period && period < condition->end_period;
    }
    for (int32_t v = 0; v < state->variant_count; v++)
        if (memcmp(state->variants[v].active, active, point->condition_count) == 0) {
            *index = v;
            return FG_OK;
        }
    struct grid_variant *wider = fg_realloc(state->variants, (size_t)state->variant_count + 1, sizeof *wider);
    if (wider == NULL)
        return fg_fail_memory(err);
    state->variants = wider;
    memset(&wider[state->variant_count], 0, sizeof *wider);
    *index = state->variant_count++;
    return variant_create(&wider[*index], state->model, point, active, err);
}

/* ---- periods ---- */

/* What the point's values add to the network's own powers. */
static enum fg_code add_values(const struct fg_grid_state *state, const struct fg_grid_point *point, int32_t index,
                               struct grid_period *period, struct fg_error *err)
{
    const struct fg_grid_model *model = state->model;
    size_t buses = model->network->bus_count;
    for (int32_t number = 0; number < point->bus_count; number++) {
        size_t at = (size_t)index * (size_t)point->bus_count + (size_t)number;
        int32_t bus = state->bus_of_number[number];
        if (bus < 0 || (point->p_w[at] == FG_GRID_OWN && point->q_var[at] == FG_GRID_OWN))
            continue;
        if (period->p_mw == NULL) {
            period->p_mw = fg_alloc(buses, sizeof *period->p_mw);
            period->q_mvar = fg_alloc(buses, sizeof *period->q_mvar);
            if (period->p_mw == NULL || period->q_mvar == NULL)
                return fg_fail_memory(err);
        }
        if (point->p_w[at] != FG_GRID_OWN)
            period->p_mw[bus] = (double)point->p_w[at] * 1e-6 - model->own_p_mw[bus];
        if (point->q_var[at] != FG_GRID_OWN)
            period->q_mvar[bus] = (double)point->q_var[at] * 1e-6 - model->own_q_mvar[bus];
    }
    return FG_OK;
}

static enum fg_code base_flows(const struct fg_grid_state *state, struct grid_period *period, struct fg_error *err)
{
    const struct grid_variant *variant = &state->variants[period->variant];
    const struct fg_network *network = variant->network;
    double *total = fg_alloc(network->bus_count, sizeof *total);
    period->flow_mw = fg_alloc(network->branch_count, sizeof *period->flow_mw);
    if (total == NULL || period->flow_mw == NULL) {
        fg_free(total);
        return fg_fail_memory(err);
    }
    for (size_t b = 0; b < network->bus_count; b++)
        total[b] = state->model->own_p_mw[b] + (period->p_mw != NULL ? period->p_mw[b] : 0);
    for (size_t i = 0; i < network->shunt_count; i++)
        if (network->shunts[i].in_service)
            total[network->shunts[i].bus] -= network->shunts[i].g_mw;
    fg_distribution_flows(variant->distribution, total, period->flow_mw);
    fg_free(total);
    return FG_OK;
}

static enum fg_code base_power_flow(struct fg_grid_state *state, struct grid_period *period, struct fg_error *err)
{
    struct grid_variant *variant = &state->variants[period->variant];
    enum fg_code code = variant->powerflow == NULL ? variant_add_powerflow(variant, err) : FG_OK;
    if (code != FG_OK)
        return code;
    period->state = fg_alloc(variant->state_size, sizeof *period->state);
    if (period->state == NULL)
        return fg_fail_memory(err);
    fg_powerflow_set_injections(variant->powerflow,
                                &(struct fg_powerflow_input){.bus_p_mw = period->p_mw, .bus_q_mvar = period->q_mvar});
    code = fg_powerflow_solve(variant->powerflow, variant->trial, err);
    if (code == FG_OK && variant->trial->status != FG_POWERFLOW_CONVERGED) {
        period->check = FG_GRID_BLOCKED;
        state->unsolved_count++;
    }
    fg_powerflow_keep_state(variant->powerflow, period->state);
    return code;
}

static enum fg_code make_period(struct fg_grid_state *state, const struct fg_grid_point *point, int32_t index,
                                const unsigned char *known, unsigned char *active, struct fg_error *err)
{
    struct grid_period *period = &state->periods[index];
    period->check = point->check[index];
    if (period->check == FG_GRID_FREE || period->check == FG_GRID_BLOCKED)
        return FG_OK;
    enum fg_code code = find_variant(state, point, state->first_period + index, known, active, &period->variant, err);
    if (code == FG_OK)
        code = add_values(state, point, index, period, err);
    if (code == FG_OK)
        code = period->check == FG_GRID_DC ? base_flows(state, period, err) : base_power_flow(state, period, err);
    return code;
}

enum fg_code fg_grid_state_create(struct fg_grid_model *model, const struct fg_grid_point *point,
                                  struct fg_grid_state **out, struct fg_error *err)
{
    *out = NULL;
    bool is_checked = false;
    for (int32_t i = 0; i < point->period_count; i++)
        is_checked = is_checked || point->check[i] == FG_GRID_DC || point->check[i] == FG_GRID_AC;
    if (point->period_count < 1 || (model == NULL && is_checked))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a grid state has periods, and a network where trades are checked");
    struct fg_grid_state *state = fg_alloc(1, sizeof *state);
    if (state == NULL)
        return fg_fail_memory(err);
    state->model = model != NULL ? fg_grid_model_hold(model) : NULL;
    state->first_period = point->first_period;
    state->period_count = point->period_count;
    state->number_count = point->bus_count;
    state->periods = fg_alloc((size_t)point->period_count, sizeof *state->periods);
    state->bus_of_number = fg_alloc((size_t)point->bus_count, sizeof *state->bus_of_number);
    unsigned char *active = fg_alloc(point->condition_count, 1), *known = fg_alloc(point->condition_count, 1);
    enum fg_code code = state->periods && state->bus_of_number && active && known ? FG_OK : fg_fail_memory(err);
    for (int32_t number = 0; code == FG_OK && number < point->bus_count; number++)
        state->bus_of_number[number] = model != NULL ? find_bus(model, point->buses[number]) : -1;
    for (size_t i = 0; code == FG_OK && i < point->condition_count; i++) {
        known[i] = fg_grid_model_has(model, point->conditions[i].kind, point->conditions[i].element);
        state->ignored_count += !known[i];
    }
    for (int32_t i = 0; code == FG_OK && i < point->period_count; i++)
        code = make_period(state, point, i, known, active, err);
    fg_free(active);
    fg_free(known);
    if (code != FG_OK) {
        fg_grid_state_destroy(state);
        return code;
    }
    *out = state;
    return FG_OK;
}

enum fg_grid_check fg_grid_state_check(const struct fg_grid_state *state, int32_t period)
{
    const struct grid_period *at = grid_period_at(state, period);
    return at != NULL ? at->check : FG_GRID_BLOCKED;
}

size_t fg_grid_state_ignored(const struct fg_grid_state *state)
{
    return state->ignored_count;
}

int32_t fg_grid_state_unsolved(const struct fg_grid_state *state)
{
    return state->unsolved_count;
}
