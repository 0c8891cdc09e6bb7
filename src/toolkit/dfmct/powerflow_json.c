#include "toolkit/dfmct/powerflow_json.h"

#include <math.h>

#define DEGREES (180.0 / 3.14159265358979323846)

/* Net injection at each bus: what its branches and shunts carry away. */
void fg_powerflow_bus_injections(const struct fg_powerflow_result *result, double *p_mw, double *q_mvar)
{
    const struct fg_network *network = result->network;
    for (size_t k = 0; k < network->branch_count; k++) {
        const struct fg_branch *branch = &network->branches[k];
        p_mw[branch->from] += result->p_from_mw[k];
        q_mvar[branch->from] += result->q_from_mvar[k];
        p_mw[branch->to] += result->p_to_mw[k];
        q_mvar[branch->to] += result->q_to_mvar[k];
    }
    for (size_t s = 0; s < network->shunt_count; s++) {
        const struct fg_shunt *shunt = &network->shunts[s];
        double vm = result->vm_pu[shunt->bus];
        if (!shunt->in_service || !isfinite(vm))
            continue;
        p_mw[shunt->bus] += shunt->g_mw * vm * vm;
        q_mvar[shunt->bus] -= shunt->b_mvar * vm * vm;
    }
}

const char *fg_powerflow_violation_element(const struct fg_network *network, const struct fg_violation *violation)
{
    switch (violation->kind) {
    case FG_VIOLATION_BRANCH_NORMAL:
    case FG_VIOLATION_BRANCH_EMERGENCY: return network->branches[violation->element].id;
    case FG_VIOLATION_GENERATOR_P:
    case FG_VIOLATION_GENERATOR_Q: return network->generators[violation->element].id;
    default: return network->buses[violation->element].id;
    }
}

void fg_powerflow_put_bus(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t b, double p_mw,
                          double q_mvar)
{
    const struct fg_bus *bus = &result->network->buses[b];
    fg_json_begin_row_object(json, NULL);
    fg_json_put_string(json, "id", bus->id);
    fg_json_put_number(json, "vm_pu", result->vm_pu[b]);
    fg_json_put_number(json, "va_deg", result->va_rad[b] * DEGREES);
    fg_json_put_number(json, "p_mw", p_mw);
    fg_json_put_number(json, "q_mvar", q_mvar);
    fg_json_end_object(json);
}

void fg_powerflow_put_branch(struct fg_json_writer *json, const struct fg_powerflow_result *result, size_t k)
{
    const struct fg_branch *branch = &result->network->branches[k];
    fg_json_begin_row_object(json, NULL);
    fg_json_put_string(json, "id", branch->id);
    fg_json_put_string(json, "from", result->network->buses[branch->from].id);
    fg_json_put_string(json, "to", result->network->buses[branch->to].id);
    fg_json_put_number(json, "p_from_mw", result->p_from_mw[k]);
    fg_json_put_number(json, "q_from_mvar", result->q_from_mvar[k]);
    fg_json_put_number(json, "p_to_mw", result->p_to_mw[k]);
    fg_json_put_number(json, "q_to_mvar", result->q_to_mvar[k]);
    fg_json_put_number(json, "i_from_pu", result->i_from_pu[k]);
    fg_json_put_number(json, "i_to_pu", result->i_to_pu[k]);
    bool is_rated = isfinite(branch->rate_normal_mva);
    fg_json_put_number(json, "loading", is_rated ? result->loading_normal[k] : NAN);
    if (branch->tap.exists)
        fg_json_put_integer(json, "tap_position", result->tap_position[k]);
    fg_json_end_object(json);
}

enum fg_code fg_powerflow_result_json(const struct fg_powerflow_result *result, struct fg_text *text, struct fg_error *err)
{
    const struct fg_network *network = result->network;
    double *p_mw = fg_alloc(network->bus_count, sizeof *p_mw), *q_mvar = fg_alloc(network->bus_count, sizeof *q_mvar);
    if (p_mw == NULL || q_mvar == NULL) {
        fg_free(p_mw);
        fg_free(q_mvar);
        return fg_fail_memory(err);
    }
    fg_powerflow_bus_injections(result, p_mw, q_mvar);
    struct fg_json_writer json;
    fg_json_writer_init(&json, text, true);
    fg_json_begin_object(&json, NULL);
    fg_json_put_string(&json, "status", fg_powerflow_status_name(result->status));
    if (result->explanation[0] != '\0')
        fg_json_put_string(&json, "explanation", result->explanation);
    fg_json_put_integer(&json, "iterations", result->iterations);
    fg_json_put_number(&json, "losses_mw", result->losses_mw);
    fg_json_put_number(&json, "losses_mvar", result->losses_mvar);
    fg_json_put_number(&json, "vm_min_pu", result->vm_min_pu);
    fg_json_put_string(&json, "vm_min_bus", result->vm_min_bus >= 0 ? network->buses[result->vm_min_bus].id : NULL);
    fg_json_put_number(&json, "vm_max_pu", result->vm_max_pu);
    fg_json_put_string(&json, "vm_max_bus", result->vm_max_bus >= 0 ? network->buses[result->vm_max_bus].id : NULL);
    bool is_loaded = result->loading_max_branch >= 0;
    fg_json_put_number(&json, "loading_max", is_loaded ? result->loading_max : NAN);
    fg_json_put_string(&json, "loading_max_branch",
                       is_loaded ? network->branches[result->loading_max_branch].id : NULL);
    fg_json_put_number(&json, "max_mismatch_pu", result->max_mismatch_pu);
    fg_json_begin_array(&json, "violations");
    for (size_t i = 0; i < result->violation_count; i++) {
        const struct fg_violation *violation = &result->violations[i];
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "kind", fg_violation_name(violation->kind));
        fg_json_put_string(&json, "element", fg_powerflow_violation_element(network, violation));
        fg_json_put_number(&json, "value", violation->value);
        fg_json_put_number(&json, "limit", violation->limit);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "buses");
    for (size_t b = 0; b < network->bus_count; b++)
        fg_powerflow_put_bus(&json, result, b, p_mw[b], q_mvar[b]);
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "branches");
    for (size_t k = 0; k < network->branch_count; k++)
        fg_powerflow_put_branch(&json, result, k);
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "generators");
    for (size_t g = 0; g < network->generator_count; g++) {
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "id", network->generators[g].id);
        fg_json_put_string(&json, "bus", network->buses[network->generators[g].bus].id);
        fg_json_put_number(&json, "p_mw", result->generator_p_mw[g]);
        fg_json_put_number(&json, "q_mvar", result->generator_q_mvar[g]);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_end_object(&json);
    fg_free(p_mw);
    fg_free(q_mvar);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}
