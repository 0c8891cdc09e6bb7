#include "toolkit/dfmct/opf_json.h"

#include "base/json.h"
#include "grid/check.h"

#include <math.h>

#define DEGREES (180.0 / 3.14159265358979323846)

const char *fg_opf_broken_element(const struct fg_network *network, const struct fg_opf_broken *broken)
{
    switch (broken->limit) {
    case FG_OPF_LIMIT_VM_MIN:
    case FG_OPF_LIMIT_VM_MAX: return network->buses[broken->element].id;
    case FG_OPF_LIMIT_RATING: return network->branches[broken->element].id;
    default: return network->generators[broken->element].id;
    }
}

const char *fg_opf_broken_unit(enum fg_opf_limit limit)
{
    switch (limit) {
    case FG_OPF_LIMIT_VM_MIN:
    case FG_OPF_LIMIT_VM_MAX: return "p.u.";
    case FG_OPF_LIMIT_RATING: return "MVA";
    case FG_OPF_LIMIT_P_MIN:
    case FG_OPF_LIMIT_P_MAX: return "MW";
    default: return "Mvar";
    }
}

enum fg_code fg_opf_outcome_json(const struct fg_opf_outcome *outcome, struct fg_text *text, struct fg_error *err)
{
    const struct fg_network *network = outcome->network;
    const struct fg_opf_network_result *result = &outcome->result;
    struct fg_json_writer json;
    fg_json_writer_init(&json, text, true);
    fg_json_begin_object(&json, NULL);
    fg_json_put_string(&json, "status", fg_opf_status_text(result->status));
    fg_json_put_number(&json, "objective", result->objective);
    fg_json_put_integer(&json, "iterations", result->iterations);
    fg_json_put_number(&json, "seconds", result->seconds);
    fg_json_put_number(&json, "max_violation", outcome->max_violation);
    fg_json_put_string(&json, "max_violation_at", outcome->worst[0] != '\0' ? outcome->worst : NULL);
    fg_json_put_number(&json, "soc_bound", result->has_bound ? result->soc_bound : NAN);
    fg_json_put_number(&json, "soc_gap", result->has_bound ? result->soc_gap : NAN);
    fg_json_put_number(&json, "soc_seconds", result->has_bound ? result->soc_seconds : NAN);
    fg_json_put_integer(&json, "convexified_costs", result->convexified_count);
    fg_json_begin_array(&json, "broken_limits");
    for (size_t i = 0; i < result->broken_count; i++) {
        const struct fg_opf_broken *broken = &result->broken[i];
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "limit", fg_opf_limit_text(broken->limit));
        fg_json_put_string(&json, "element", fg_opf_broken_element(network, broken));
        fg_json_put_number(&json, "value", broken->value);
        fg_json_put_number(&json, "bound", broken->bound);
        fg_json_put_number(&json, "excess", broken->excess);
        fg_json_put_string(&json, "unit", fg_opf_broken_unit(broken->limit));
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "buses");
    for (size_t b = 0; b < network->bus_count; b++) {
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "id", network->buses[b].id);
        fg_json_put_number(&json, "vm_pu", result->vm_pu[b]);
        fg_json_put_number(&json, "va_deg", result->va_rad[b] * DEGREES);
        fg_json_put_number(&json, "price_p", result->price_p[b]);
        fg_json_put_number(&json, "price_q", result->price_q[b]);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "branches");
    for (size_t k = 0; k < network->branch_count; k++) {
        const struct fg_branch *branch = &network->branches[k];
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "id", branch->id);
        fg_json_put_string(&json, "from", network->buses[branch->from].id);
        fg_json_put_string(&json, "to", network->buses[branch->to].id);
        fg_json_put_number(&json, "p_from_mw", result->pf_mw[k]);
        fg_json_put_number(&json, "q_from_mvar", result->qf_mvar[k]);
        fg_json_put_number(&json, "p_to_mw", result->pt_mw[k]);
        fg_json_put_number(&json, "q_to_mvar", result->qt_mvar[k]);
        fg_json_put_number(&json, "rating_price", result->rating_price[k]);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_begin_array(&json, "generators");
    for (size_t g = 0; g < network->generator_count; g++) {
        fg_json_begin_row_object(&json, NULL);
        fg_json_put_string(&json, "id", network->generators[g].id);
        fg_json_put_string(&json, "bus", network->buses[network->generators[g].bus].id);
        fg_json_put_number(&json, "p_mw", result->pg_mw[g]);
        fg_json_put_number(&json, "q_mvar", result->qg_mvar[g]);
        fg_json_end_object(&json);
    }
    fg_json_end_array(&json);
    fg_json_end_object(&json);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}

enum fg_code fg_opf_outcome_check(struct fg_opf_outcome *outcome, enum fg_physics physics, struct fg_error *err)
{
    outcome->max_violation = NAN;
    if (physics != FG_PHYSICS_AC)
        return FG_OK; /* only the exact physics gives a state that could be checked */
    const struct fg_opf_network_result *result = &outcome->result;
    const struct fg_check_state state = {.vm_pu = result->vm_pu,
                                         .va_rad = result->va_rad,
                                         .generator_p_mw = result->pg_mw,
                                         .generator_q_mvar = result->qg_mvar};
    struct fg_check_report report = {0};
    enum fg_code code = fg_check_run(outcome->network, &state, 1e-6, &report, err);
    if (code == FG_OK) {
        outcome->max_violation = report.max_violation;
        if (report.max_violation > 0.0)
            fg_check_item_text(outcome->network, &report.worst[report.max_kind], outcome->worst, sizeof outcome->worst);
    }
    fg_check_report_release(&report);
    return code;
}
