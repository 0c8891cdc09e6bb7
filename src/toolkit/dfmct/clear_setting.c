/* Controllable taps of a market in its model: which branches they are, and the grid of every period at their positions.
 *
 * A setting is the network with other branches: a shallow copy that shares everything else, and its topology, whose
 * admittances alone differ. Tap positions never change what is connected, and conditions take edges out of periods only where the
 * rest stays connected (clear_variant.c), so that nodes, edges and islands have the same numbers in every setting. */
#include "toolkit/dfmct/clear_model.h"

#include <string.h>

static enum fg_code refuse(const struct fg_controllable_tap *tap, const char *why, const char *remedy,
                           struct fg_error *err)
{
    return fg_fail(err, FG_ERR_VALUE, tap->place, "branch %s cannot be a controllable tap: %s; %s", tap->branch, why,
                   remedy);
}

static enum fg_code resolve(const struct clear_model *model, const struct fg_controllable_tap *declared,
                            struct clear_tap *tap, struct fg_error *err)
{
    int32_t index = fg_names_find(&model->branch_names, declared->branch);
    if (index < 0)
        return fg_fail(err, FG_ERR_VALUE, declared->place, "the network has no branch %s to be a controllable tap; "
                       "correct the id or the network", declared->branch);
    const struct fg_branch *branch = &model->network->branches[index];
    const char *remedy = "remove it from controllable_taps or correct the network";
    if (branch->kind == FG_BRANCH_LINE || branch->kind == FG_BRANCH_LINK)
        return refuse(declared, "it is no transformer", remedy, err);
    if (!branch->tap.exists)
        return refuse(declared, "it has no tap changer in the network", remedy, err);
    if (branch->tap.minimum == branch->tap.maximum)
        return refuse(declared, "its tap changer has one position only", remedy, err);
    if (!branch->in_service || !branch->from_closed || !branch->to_closed ||
        model->topology->edge_of_branch[index] < 0)
        return refuse(declared, "it is out of service, open at an end, or without supply", remedy, err);
    for (size_t v = 0; v < model->variant_count; v++)
        if (model->variants[v].is_out[model->topology->edge_of_branch[index]])
            return refuse(declared, "it is out of service in some periods", remedy, err);
    bool descending = branch->tap.minimum > branch->tap.maximum;
    *tap = (struct clear_tap){ index, descending ? branch->tap.maximum : branch->tap.minimum,
                               descending ? branch->tap.minimum : branch->tap.maximum, branch->tap.position };
    return FG_OK;
}

enum fg_code clear_model_add_taps(struct clear_model *model, struct fg_error *err)
{
    const struct fg_market *market = model->market;
    const size_t periods = (size_t)model->periods, count = market->controllable_tap_count;
    model->topology_at = fg_arena_alloc(&model->arena, periods, sizeof(struct fg_topology *));
    model->taps = fg_arena_alloc(&model->arena, count + 1, sizeof *model->taps);
    model->tap_position = fg_arena_alloc(&model->arena, periods * count + 1, sizeof *model->tap_position);
    if (model->topology_at == NULL || model->taps == NULL || model->tap_position == NULL)
        return fg_fail_memory(err);
    for (size_t t = 0; t < periods; t++)
        model->topology_at[t] = model->topology;
    for (size_t k = 0; k < count; k++) {
        enum fg_code code = resolve(model, &market->controllable_taps[k], &model->taps[k], err);
        if (code != FG_OK)
            return code;
        for (size_t t = 0; t < periods; t++)
            model->tap_position[t * count + k] = model->taps[k].initial;
    }
    model->tap_count = count;
    return model->lacks_edges ? clear_model_apply_taps(model, err) : FG_OK;
}

/* Add the setting of one row of positions, for the periods of a variant. */
static enum fg_code add_setting(struct clear_model *model, const int32_t *positions, int32_t variant, struct fg_error *err)
{
    const struct fg_network *network = model->network;
    if (fg_grow((void **)&model->settings, model->setting_count, &model->setting_capacity, sizeof *model->settings) != 0)
        return fg_fail_memory(err);
    struct clear_setting *setting = fg_alloc(1, sizeof *setting);
    struct fg_branch *branches = fg_alloc(network->branch_count, sizeof *branches);
    if (setting == NULL || branches == NULL) {
        fg_free(setting);
        fg_free(branches);
        return fg_fail_memory(err);
    }
    model->settings[model->setting_count++] = setting;
    memcpy(branches, network->branches, network->branch_count * sizeof *branches);
    for (size_t k = 0; k < model->tap_count; k++)
        fg_branch_set_tap(&branches[model->taps[k].branch], positions[k]);
    setting->network = *network;
    setting->network.branches = branches;
    enum fg_code code = fg_topology_create(&setting->network, &setting->topology, err);
    for (int32_t e = 0; code == FG_OK && e < model->topology->edge_count; e++)
        if (model->variants[variant].is_out[e]) {
            struct fg_edge *edge = &setting->topology->edges[e];
            *edge = (struct fg_edge){ .from = edge->from, .to = edge->from, .branch = edge->branch };
        }
    return code;
}

enum fg_code clear_model_apply_taps(struct clear_model *model, struct fg_error *err)
{
    const size_t periods = (size_t)model->periods, count = model->tap_count, first = model->setting_count;
    size_t *period_of = fg_alloc(periods, sizeof *period_of); /* of each new setting: one that has it */
    enum fg_code code = period_of == NULL ? fg_fail_memory(err) : FG_OK;
    for (size_t t = 0; t < periods && code == FG_OK; t++) {
        const int32_t *positions = model->tap_position + t * count;
        size_t s = first;
        while (s < model->setting_count && (model->variant_at[period_of[s - first]] != model->variant_at[t] ||
                                            memcmp(positions, model->tap_position + period_of[s - first] * count,
                                                   count * sizeof *positions) != 0))
            s++;
        if (s == model->setting_count) {
            period_of[s - first] = t;
            code = add_setting(model, positions, model->variant_at[t], err);
        }
        if (code == FG_OK)
            model->topology_at[t] = model->settings[s]->topology;
    }
    fg_free(period_of);
    return code;
}
