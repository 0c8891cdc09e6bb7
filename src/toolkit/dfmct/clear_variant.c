/* Conditions of a market (switch states, outages, limits of some periods) in its model.
 *
 * Periods under the same conditions share a variant: a copy of the network in which they hold, with its topology. What all
 * periods have in common is the model's own network: a branch is in service there when it is in any variant. Variables, rows and
 * linear equations are numbered by its nodes and edges, so that every variant must have the same nodes, islands and references; it
 * may lack edges. In the topology of a period that lacks one (clear_setting.c) the edge is a loop at its first node without
 * admittance, which carries nothing and couples nothing. The power flow that checks a schedule does not know of that: it runs on the
 * variant's network (clear_flow.c). */
#include "toolkit/dfmct/clear_model.h"
#include "toolkit/dfmct/grid_state_internal.h"

#include <math.h>
#include <string.h>

static bool holds(const struct fg_condition *condition, int32_t period)
{
    return condition->first_period <= period && period < condition->first_period + condition->period_count;
}

static struct fg_grid_condition grid_condition(const struct fg_condition *condition)
{
    struct fg_grid_condition out = { .element = condition->element, .is_closed = condition->is_closed };
    switch (condition->kind) {
    case FG_CONDITION_SWITCH:
        out.kind = FG_GRID_SWITCH;
        break;
    case FG_CONDITION_OUTAGE:
        out.kind = FG_GRID_OUTAGE;
        break;
    case FG_CONDITION_RATING:
        out.kind = FG_GRID_RATING;
        out.limit[0] = condition->rating.w;
        break;
    case FG_CONDITION_VOLTAGE:
    case FG_CONDITION_KINDS:
        out.kind = FG_GRID_VOLTAGE;
        out.limit[0] = condition->vm_min_u;
        out.limit[1] = condition->vm_max_u;
        break;
    }
    return out;
}

static enum fg_code check_elements(const struct fg_network *network, const struct fg_market *market, struct fg_error *err)
{
    for (size_t i = 0; i < market->condition_count; i++) {
        const struct fg_condition *condition = &market->conditions[i];
        const struct fg_grid_condition c = grid_condition(condition);
        if (!grid_condition_has(network, c.kind, c.element))
            return fg_fail(err, FG_ERR_VALUE, condition->place, "the network has no %s for a condition of kind %s", c.element,
                           fg_condition_words[condition->kind]);
    }
    return FG_OK;
}

/* Outages come last, so that they win over switches that are said to be closed. */
static enum fg_code add_variant(struct clear_model *model, const struct fg_network *network, const unsigned char *active,
                                struct fg_error *err)
{
    const struct fg_market *market = model->market;
    struct clear_variant *variant = &model->variants[model->variant_count++];
    variant->active = fg_arena_alloc(&model->arena, market->condition_count + 1, 1);
    variant->network = fg_network_clone(network);
    if (variant->active == NULL || variant->network == NULL)
        return fg_fail_memory(err);
    memcpy(variant->active, active, market->condition_count);
    for (int is_outage = 0; is_outage < 2; is_outage++)
        for (size_t i = 0; i < market->condition_count; i++)
            if (active[i] && (market->conditions[i].kind == FG_CONDITION_OUTAGE) == is_outage) {
                const struct fg_grid_condition condition = grid_condition(&market->conditions[i]);
                grid_condition_apply(variant->network, &condition);
                if (condition.kind == FG_GRID_VOLTAGE && condition.limit[1] == FG_NO_LIMIT)
                    variant->network->buses[fg_network_find_bus(variant->network, condition.element)].vm_max_pu = INFINITY;
            }
    return fg_topology_create(variant->network, &variant->topology, err);
}

/* A branch is in service, and closed at an end, where it is in any variant; switches and buses are those of the first one. Whether
 * that fits the others is seen in clear_model_check_variants. Limits are the network's own. */
static enum fg_code unite(struct clear_model *model, struct fg_error *err)
{
    const struct fg_network *first = model->variants[0].network;
    struct fg_network *united = model->united = fg_network_clone(model->network);
    if (united == NULL)
        return fg_fail_memory(err);
    for (size_t s = 0; s < united->switch_count; s++)
        united->switches[s].closed = first->switches[s].closed;
    for (size_t b = 0; b < united->bus_count; b++)
        united->buses[b].in_service = first->buses[b].in_service;
    for (size_t b = 0; b < united->branch_count; b++) {
        struct fg_branch *out = &united->branches[b];
        out->in_service = out->from_closed = out->to_closed = false;
        for (size_t v = 0; v < model->variant_count; v++) {
            const struct fg_branch *branch = &model->variants[v].network->branches[b];
            out->in_service = out->in_service || branch->in_service;
            out->from_closed = out->from_closed || branch->from_closed;
            out->to_closed = out->to_closed || branch->to_closed;
        }
    }
    model->network = united;
    return FG_OK;
}

enum fg_code clear_model_add_variants(struct clear_model *model, struct fg_error *err)
{
    const struct fg_market *market = model->market;
    const struct fg_network *network = model->network;
    const size_t periods = (size_t)model->periods, conditions = market->condition_count;
    model->variant_at = fg_arena_alloc(&model->arena, periods, sizeof *model->variant_at);
    model->variants = fg_arena_alloc(&model->arena, conditions > 0 ? periods : 1, sizeof *model->variants);
    unsigned char *active = fg_arena_alloc(&model->arena, conditions + 1, 1);
    if (model->variant_at == NULL || model->variants == NULL || active == NULL)
        return fg_fail_memory(err);
    if (conditions == 0) { /* all periods have the network as it is */
        model->variant_count = 1;
        return FG_OK;
    }
    enum fg_code code = check_elements(network, market, err);
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        size_t v = 0;
        for (size_t i = 0; i < conditions; i++)
            active[i] = holds(&market->conditions[i], t);
        while (v < model->variant_count && memcmp(model->variants[v].active, active, conditions) != 0)
            v++;
        if (v == model->variant_count)
            code = add_variant(model, network, active, err);
        model->variant_at[t] = (int32_t)v;
    }
    return code == FG_OK ? unite(model, err) : code;
}

static enum fg_code refuse(const struct clear_model *model, size_t variant, int32_t bus, struct fg_error *err)
{
    int32_t period = 0;
    while (model->variant_at[period] != (int32_t)variant)
        period++;
    return fg_fail(err, FG_ERR_UNSUPPORTED, model->market->source,
                   "switch states and outages differ between the periods in what they connect or feed, first seen in period %d at "
                   "bus %.60s; clear the periods under the same conditions by themselves",
                   (int)period, bus >= 0 ? model->network->buses[bus].id : model->network->buses[0].id);
}

enum fg_code clear_model_check_variants(struct clear_model *model, struct fg_error *err)
{
    const struct fg_topology *all = model->topology;
    for (size_t v = 0; v < model->variant_count; v++) {
        struct clear_variant *variant = &model->variants[v];
        variant->is_out = fg_arena_alloc(&model->arena, (size_t)all->edge_count + 1, sizeof *variant->is_out);
        if (variant->is_out == NULL)
            return fg_fail_memory(err);
        const struct fg_topology *own = variant->topology;
        if (own == NULL)
            continue;
        for (size_t b = 0; b < model->network->bus_count; b++)
            if (own->node_of_bus[b] != all->node_of_bus[b])
                return refuse(model, v, (int32_t)b, err);
        if (own->node_count != all->node_count || own->island_count != all->island_count)
            return refuse(model, v, -1, err);
        for (int32_t n = 0; n < all->node_count; n++)
            if (own->island_of_node[n] != all->island_of_node[n] || own->bus_of_node[n] != all->bus_of_node[n])
                return refuse(model, v, all->bus_of_node[n], err);
        for (int32_t i = 0; i < all->island_count; i++)
            if (own->reference_of_island[i] != all->reference_of_island[i])
                return refuse(model, v, all->bus_of_node[all->reference_of_island[i]], err);
        for (int32_t e = 0; e < all->edge_count; e++) {
            variant->is_out[e] = own->edge_of_branch[all->edges[e].branch] < 0;
            model->lacks_edges = model->lacks_edges || variant->is_out[e];
        }
    }
    return FG_OK;
}

void clear_model_variant_limits(struct clear_model *model, size_t variant)
{
    const struct fg_topology *own = model->variants[variant].topology;
    const struct fg_network *network = model->variants[variant].network;
    const struct fg_market *market = model->market;
    double *rate = model->rate_mva + variant * (size_t)model->topology->edge_count;
    const size_t nodes = variant * (size_t)model->topology->node_count;
    for (size_t i = 0; i < market->condition_count; i++) {
        const struct fg_condition *condition = &market->conditions[i];
        if (!model->variants[variant].active[i])
            continue;
        int32_t branch = fg_names_find(&model->branch_names, condition->element);
        int32_t bus = fg_names_find(&model->bus_names, condition->element);
        int32_t edge = branch >= 0 ? model->topology->edge_of_branch[branch] : -1, node = bus >= 0 ? own->node_of_bus[bus] : -1;
        if (condition->kind == FG_CONDITION_RATING && edge >= 0)
            rate[edge] = condition->rating.w == FG_NO_LIMIT ? INFINITY : network->branches[branch].rate_normal_mva;
        if (condition->kind == FG_CONDITION_VOLTAGE && node >= 0) {
            model->vm_min[nodes + (size_t)node] = own->vm_min_pu[node];
            model->vm_max[nodes + (size_t)node] = own->vm_max_pu[node];
        }
    }
    for (int32_t e = 0; e < model->topology->edge_count; e++)
        if (model->variants[variant].is_out[e])
            rate[e] = INFINITY;
}

void clear_model_release_variants(struct clear_model *model)
{
    for (size_t v = 0; v < model->variant_count; v++) {
        fg_topology_destroy(model->variants[v].topology);
        fg_network_destroy(model->variants[v].network);
    }
    fg_network_destroy(model->united);
}
