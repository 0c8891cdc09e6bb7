/* Are two networks equal in every field, to the last bit (NaN equals NaN)? On a difference, prints it. */
#ifndef FG_TESTS_NETWORK_EQUAL_H
#define FG_TESTS_NETWORK_EQUAL_H

#include "grid/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool equal_number(double a, double b, const char *what, const char *id)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    fprintf(stderr, "%s of %s: %.17g and %.17g\n", what, id, a, b);
    return false;
}

static bool equal_text(const char *a, const char *b, const char *what)
{
    if ((a == NULL && b == NULL) || (a != NULL && b != NULL && strcmp(a, b) == 0))
        return true;
    fprintf(stderr, "%s: %s and %s\n", what, a ? a : "(none)", b ? b : "(none)");
    return false;
}

#define SAME_NUMBER(field) equal_number(a->field, b->field, #field, a->id)
#define SAME_TEXT(field) equal_text(a->field, b->field, #field)
#define SAME_INTEGER(field) equal_number((double)a->field, (double)b->field, #field, a->id)

static bool equal_cost(const struct fg_cost *a, const struct fg_cost *b, const char *id)
{
    if (a->kind != b->kind || a->count != b->count) {
        fprintf(stderr, "cost of %s: kinds %d and %d, counts %d and %d\n", id, (int)a->kind, (int)b->kind,
                (int)a->count, (int)b->count);
        return false;
    }
    int32_t numbers = a->kind == FG_COST_NONE ? 0 : a->count * (a->kind == FG_COST_PIECEWISE ? 2 : 1);
    for (int32_t k = 0; k < numbers; k++)
        if (!equal_number(a->values[k], b->values[k], "cost", id))
            return false;
    return true;
}

static bool equal_tap(const struct fg_branch *branch_a, const struct fg_branch *branch_b)
{
    const struct {
        const char *id;
        struct fg_tap_changer tap;
    } one = {branch_a->id, branch_a->tap}, two = {branch_b->id, branch_b->tap}, *a = &one, *b = &two;
    bool same = SAME_INTEGER(tap.exists) && SAME_INTEGER(tap.position) && SAME_INTEGER(tap.neutral) &&
                SAME_INTEGER(tap.minimum) && SAME_INTEGER(tap.maximum) && SAME_NUMBER(tap.step_ratio) &&
                SAME_NUMBER(tap.step_shift_rad) && SAME_INTEGER(tap.on_from_side) && SAME_INTEGER(tap.point_first) &&
                SAME_INTEGER(tap.point_count) && SAME_INTEGER(tap.regulates) && SAME_INTEGER(tap.regulated_bus) &&
                SAME_NUMBER(tap.v_set_pu) && SAME_NUMBER(tap.v_band_pu) && SAME_NUMBER(tap.drop_r_pu) &&
                SAME_NUMBER(tap.drop_x_pu);
    for (int32_t k = 0; same && k < a->tap.point_count; k++)
        same = memcmp(&a->tap.points[k], &b->tap.points[k], sizeof a->tap.points[k]) == 0;
    return same;
}

static bool networks_equal(const struct fg_network *one, const struct fg_network *two)
{
    bool same = equal_text(one->name, two->name, "name") && one->base_mva == two->base_mva &&
                one->frequency_hz == two->frequency_hz && one->bus_count == two->bus_count &&
                one->branch_count == two->branch_count && one->switch_count == two->switch_count &&
                one->injection_count == two->injection_count && one->generator_count == two->generator_count &&
                one->storage_count == two->storage_count && one->shunt_count == two->shunt_count;
    if (!same)
        fprintf(stderr, "names, bases or counts differ\n");
    for (size_t i = 0; same && i < one->bus_count; i++) {
        const struct fg_bus *a = &one->buses[i], *b = &two->buses[i];
        same = SAME_TEXT(id) && SAME_TEXT(name) && SAME_TEXT(zone) && SAME_NUMBER(vn_kv) && SAME_NUMBER(vm_min_pu) &&
               SAME_NUMBER(vm_max_pu) && SAME_NUMBER(vm_start_pu) && SAME_NUMBER(va_start_rad) && SAME_NUMBER(x) &&
               SAME_NUMBER(y) && SAME_INTEGER(in_service) && SAME_INTEGER(is_internal);
    }
    for (size_t i = 0; same && i < one->branch_count; i++) {
        const struct fg_branch *a = &one->branches[i], *b = &two->branches[i];
        same = SAME_TEXT(id) && SAME_TEXT(name) && SAME_TEXT(origin) && SAME_INTEGER(kind) && SAME_INTEGER(from) &&
               SAME_INTEGER(to) && SAME_NUMBER(r_pu) && SAME_NUMBER(x_pu) && SAME_NUMBER(g_from_pu) &&
               SAME_NUMBER(b_from_pu) && SAME_NUMBER(g_to_pu) && SAME_NUMBER(b_to_pu) && SAME_NUMBER(ratio) &&
               SAME_NUMBER(shift_rad) && SAME_NUMBER(rate_normal_mva) && SAME_NUMBER(rate_emergency_mva) &&
               SAME_INTEGER(rating_kind) && SAME_NUMBER(angle_min_rad) && SAME_NUMBER(angle_max_rad) &&
               SAME_INTEGER(in_service) && SAME_INTEGER(from_closed) && SAME_INTEGER(to_closed) && equal_tap(a, b);
    }
    for (size_t i = 0; same && i < one->switch_count; i++) {
        const struct fg_switch *a = &one->switches[i], *b = &two->switches[i];
        same = SAME_TEXT(id) && SAME_INTEGER(from) && SAME_INTEGER(to) && SAME_INTEGER(closed);
    }
    for (size_t i = 0; same && i < one->injection_count; i++) {
        const struct fg_injection *a = &one->injections[i], *b = &two->injections[i];
        same = SAME_TEXT(id) && SAME_TEXT(name) && SAME_INTEGER(kind) && SAME_INTEGER(bus) && SAME_NUMBER(p_mw) &&
               SAME_NUMBER(q_mvar) && SAME_NUMBER(p_current_share) && SAME_NUMBER(p_impedance_share) &&
               SAME_NUMBER(q_current_share) && SAME_NUMBER(q_impedance_share) && SAME_INTEGER(in_service);
    }
    for (size_t i = 0; same && i < one->generator_count; i++) {
        const struct fg_generator *a = &one->generators[i], *b = &two->generators[i];
        same = SAME_TEXT(id) && SAME_TEXT(name) && SAME_INTEGER(kind) && SAME_INTEGER(bus) && SAME_NUMBER(p_mw) &&
               SAME_NUMBER(q_mvar) && SAME_NUMBER(p_min_mw) && SAME_NUMBER(p_max_mw) && SAME_NUMBER(q_min_mvar) &&
               SAME_NUMBER(q_max_mvar) && SAME_NUMBER(vm_set_pu) && SAME_NUMBER(va_set_rad) &&
               SAME_INTEGER(in_service) && SAME_NUMBER(pc1_mw) && SAME_NUMBER(pc2_mw) && SAME_NUMBER(qc1_min_mvar) &&
               SAME_NUMBER(qc1_max_mvar) && SAME_NUMBER(qc2_min_mvar) && SAME_NUMBER(qc2_max_mvar) &&
               SAME_NUMBER(s_max_mva) && SAME_NUMBER(ramp_mw_per_h) && equal_cost(&a->cost, &b->cost, a->id) &&
               equal_cost(&a->cost_reactive, &b->cost_reactive, a->id);
    }
    for (size_t i = 0; same && i < one->storage_count; i++) {
        const struct fg_storage *a = &one->storages[i], *b = &two->storages[i];
        same = SAME_TEXT(id) && SAME_TEXT(name) && SAME_INTEGER(bus) && SAME_NUMBER(p_mw) && SAME_NUMBER(q_mvar) &&
               SAME_NUMBER(charge_max_mw) && SAME_NUMBER(discharge_max_mw) && SAME_NUMBER(q_min_mvar) &&
               SAME_NUMBER(q_max_mvar) && SAME_NUMBER(s_max_mva) && SAME_NUMBER(energy_mwh) &&
               SAME_NUMBER(energy_min_mwh) && SAME_NUMBER(energy_max_mwh) && SAME_NUMBER(charge_efficiency) &&
               SAME_NUMBER(discharge_efficiency) && SAME_NUMBER(standing_loss_mw) && SAME_INTEGER(in_service);
    }
    for (size_t i = 0; same && i < one->shunt_count; i++) {
        const struct fg_shunt *a = &one->shunts[i], *b = &two->shunts[i];
        same =
            SAME_TEXT(id) && SAME_INTEGER(bus) && SAME_NUMBER(g_mw) && SAME_NUMBER(b_mvar) && SAME_INTEGER(in_service);
    }
    return same;
}

#endif
