#include "cmd/powerflow_rows.h"

#include "cmd/output.h"
#include "toolkit/dfmct/powerflow_json.h"

#include <math.h>

#define DEGREES (180.0 / 3.14159265358979323846)

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
