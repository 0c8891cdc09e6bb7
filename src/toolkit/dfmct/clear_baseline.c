/* Operating point: what every element injects in each period when no order is accepted.
 *
 * Loads and static generators follow the network file times the period's scaling, unless a baseline row gives them (or
 * the whole bus, or a generator or store) a value of their own. */
#include "toolkit/dfmct/clear_model.h"

#include <math.h>
#include <string.h>

enum fg_code clear_elements_create(const struct fg_network *network, struct fg_arena *arena,
                                   struct clear_elements *elements, struct fg_error *err)
{
    size_t counts[4] = { network->injection_count, network->generator_count, network->storage_count,
                         network->bus_count };
    double **arrays[8] = { &elements->injection_p, &elements->injection_q, &elements->generator_p,
                           &elements->generator_q, &elements->storage_p, &elements->storage_q, &elements->bus_p,
                           &elements->bus_q };
    for (int i = 0; i < 8; i++) {
        *arrays[i] = fg_arena_alloc(arena, counts[i / 2] + 1, sizeof(double));
        if (*arrays[i] == NULL)
            return fg_fail_memory(err);
    }
    return FG_OK;
}

/* Rows of baselines, resolved to indices once. */
static int32_t find_element(const struct clear_model *model, const struct fg_baseline *row)
{
    const struct fg_network *network = model->network;
    switch (row->kind) {
    case FG_BASELINE_BUS:
        return fg_names_find(&model->bus_names, row->id);
    case FG_BASELINE_INJECTION:
        for (size_t i = 0; i < network->injection_count; i++)
            if (strcmp(network->injections[i].id, row->id) == 0)
                return (int32_t)i;
        break;
    case FG_BASELINE_GENERATOR:
        for (size_t i = 0; i < network->generator_count; i++)
            if (strcmp(network->generators[i].id, row->id) == 0)
                return (int32_t)i;
        break;
    case FG_BASELINE_STORAGE:
        for (size_t i = 0; i < network->storage_count; i++)
            if (strcmp(network->storages[i].id, row->id) == 0)
                return (int32_t)i;
        break;
    }
    return -1;
}

void clear_elements_fill(const struct clear_model *model, int32_t period, struct clear_elements *elements)
{
    const struct fg_network *network = model->network;
    const struct fg_market *market = model->market;
    double load = (double)market->scale_load_u[period] / FG_FRACTION_ONE;
    double generation = (double)market->scale_generation_u[period] / FG_FRACTION_ONE;
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *injection = &network->injections[i];
        double scale = injection->kind == FG_INJECTION_LOAD ? load : generation;
        elements->injection_p[i] = scale * injection->p_mw;
        elements->injection_q[i] = scale * injection->q_mvar;
    }
    for (size_t g = 0; g < network->generator_count; g++) {
        elements->generator_p[g] = network->generators[g].p_mw;
        elements->generator_q[g] = network->generators[g].q_mvar;
    }
    for (size_t s = 0; s < network->storage_count; s++) {
        elements->storage_p[s] = network->storages[s].p_mw;
        elements->storage_q[s] = network->storages[s].q_mvar;
    }
    memset(elements->bus_p, 0, network->bus_count * sizeof(double));
    memset(elements->bus_q, 0, network->bus_count * sizeof(double));
    for (size_t r = 0; r < market->baseline_count; r++) {
        const struct fg_baseline *row = &market->baselines[r];
        int32_t index = model->baseline_element[r];
        double p = fg_mw(row->p[period]);
        switch (row->kind) {
        case FG_BASELINE_BUS:
            for (int32_t i = model->bus_injection_start[index]; i < model->bus_injection_start[index + 1]; i++) {
                int32_t e = model->bus_injections[i];
                elements->injection_p[e] = 0;
                if (row->q != NULL)
                    elements->injection_q[e] = 0;
            }
            elements->bus_p[index] += p;
            if (row->q != NULL)
                elements->bus_q[index] += fg_mw(row->q[period]);
            break;
        case FG_BASELINE_INJECTION:
            elements->injection_p[index] = p;
            if (row->q != NULL)
                elements->injection_q[index] = fg_mw(row->q[period]);
            break;
        case FG_BASELINE_GENERATOR:
            elements->generator_p[index] = p;
            if (row->q != NULL)
                elements->generator_q[index] = fg_mw(row->q[period]);
            break;
        case FG_BASELINE_STORAGE:
            elements->storage_p[index] = p;
            if (row->q != NULL)
                elements->storage_q[index] = fg_mw(row->q[period]);
            break;
        }
    }
}

static enum fg_code index_rows(struct clear_model *model, struct fg_error *err)
{
    const struct fg_network *network = model->network;
    const struct fg_market *market = model->market;
    int32_t *start = fg_arena_alloc(&model->arena, network->bus_count + 2, sizeof *start);
    int32_t *items = fg_arena_alloc(&model->arena, network->injection_count + 1, sizeof *items);
    model->baseline_element = fg_arena_alloc(&model->arena, market->baseline_count + 1, sizeof(int32_t));
    if (start == NULL || items == NULL || model->baseline_element == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < network->injection_count; i++)
        start[network->injections[i].bus + 2]++;
    for (size_t b = 2; b < network->bus_count + 2; b++)
        start[b] += start[b - 1];
    for (size_t i = 0; i < network->injection_count; i++)
        items[start[network->injections[i].bus + 1]++] = (int32_t)i;
    model->bus_injection_start = start;
    model->bus_injections = items;
    for (size_t r = 0; r < market->baseline_count; r++) {
        const struct fg_baseline *row = &market->baselines[r];
        model->baseline_element[r] = find_element(model, row);
        if (model->baseline_element[r] < 0)
            return fg_fail(err, FG_ERR_VALUE, row->place, "the network has no %s %s for a baseline",
                           fg_baseline_kind_words[row->kind], row->id);
    }
    return FG_OK;
}

enum fg_code clear_model_add_baseline(struct clear_model *model, struct fg_error *err)
{
    const struct fg_network *network = model->network;
    const struct fg_topology *topology = model->topology;
    struct clear_elements elements = model->elements;
    enum fg_code code = index_rows(model, err);
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        struct fg_opf_injection *nodes = model->baseline + (size_t)t * (size_t)topology->node_count;
        clear_elements_fill(model, t, &elements);
        for (size_t i = 0; i < network->injection_count; i++) {
            const struct fg_injection *injection = &network->injections[i];
            int32_t node = injection->in_service ? topology->node_of_bus[injection->bus] : -1;
            if (node < 0)
                continue;
            double p = elements.injection_p[i], q = elements.injection_q[i];
            nodes[node].p_mw += p * (1 - injection->p_current_share - injection->p_impedance_share);
            nodes[node].p_current_mw += p * injection->p_current_share;
            nodes[node].p_impedance_mw += p * injection->p_impedance_share;
            nodes[node].q_mvar += q * (1 - injection->q_current_share - injection->q_impedance_share);
            nodes[node].q_current_mvar += q * injection->q_current_share;
            nodes[node].q_impedance_mvar += q * injection->q_impedance_share;
        }
        for (size_t g = 0; g < network->generator_count; g++) {
            const struct fg_generator *generator = &network->generators[g];
            int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
            if (node < 0 || topology->reference_of_island[topology->island_of_node[node]] == node)
                continue; /* the slack variable stands for whatever feeds the reference */
            nodes[node].p_mw += elements.generator_p[g];
            if (isnan(generator->vm_set_pu))
                nodes[node].q_mvar += elements.generator_q[g];
        }
        for (size_t s = 0; s < network->storage_count; s++) {
            const struct fg_storage *storage = &network->storages[s];
            int32_t node = storage->in_service ? topology->node_of_bus[storage->bus] : -1;
            if (node >= 0) {
                nodes[node].p_mw += elements.storage_p[s];
                nodes[node].q_mvar += elements.storage_q[s];
            }
        }
        for (size_t b = 0; b < network->bus_count; b++) {
            int32_t node = topology->node_of_bus[b];
            if (node >= 0) {
                nodes[node].p_mw += elements.bus_p[b];
                nodes[node].q_mvar += elements.bus_q[b];
            }
        }
    }
    return code;
}
