#include "cmd/powerflow_rows.h"

#include "cmd/output.h"

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

/* The cell of the step that a row belongs to; none for a single power flow. */
static void step_cell(struct fg_text *text, const char *step)
{
    if (step != NULL)
        fg_output_field(text, step, false);
}

const char *const fg_powerflow_bus_header = "id,vm_pu,va_deg\n";
const char *const fg_powerflow_branch_header =
    "id,from,to,p_from_mw,q_from_mvar,p_to_mw,q_to_mvar,i_from_pu,i_to_pu,loading\n";
const char *const fg_powerflow_violation_header = "kind,element,value,limit\n";

void fg_powerflow_bus_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text)
{
    for (size_t b = 0; b < result->network->bus_count; b++) {
        step_cell(text, step);
        fg_output_field(text, result->network->buses[b].id, false);
        fg_output_number(text, result->vm_pu[b], false);
        fg_output_number(text, result->va_rad[b] * DEGREES, true);
    }
}

void fg_powerflow_branch_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text)
{
    const struct fg_network *network = result->network;
    for (size_t k = 0; k < network->branch_count; k++) {
        const struct fg_branch *branch = &network->branches[k];
        step_cell(text, step);
        fg_output_field(text, branch->id, false);
        fg_output_field(text, network->buses[branch->from].id, false);
        fg_output_field(text, network->buses[branch->to].id, false);
        fg_output_number(text, result->p_from_mw[k], false);
        fg_output_number(text, result->q_from_mvar[k], false);
        fg_output_number(text, result->p_to_mw[k], false);
        fg_output_number(text, result->q_to_mvar[k], false);
        fg_output_number(text, result->i_from_pu[k], false);
        fg_output_number(text, result->i_to_pu[k], false);
        fg_output_number(text, isfinite(branch->rate_normal_mva) ? result->loading_normal[k] : NAN, true);
    }
}

void fg_powerflow_violation_rows(const struct fg_powerflow_result *result, const char *step, struct fg_text *text)
{
    for (size_t i = 0; i < result->violation_count; i++) {
        const struct fg_violation *violation = &result->violations[i];
        step_cell(text, step);
        fg_output_field(text, fg_violation_name(violation->kind), false);
        fg_output_field(text, fg_powerflow_violation_element(result->network, violation), false);
        fg_output_number(text, violation->value, false);
        fg_output_number(text, violation->limit, true);
    }
}
