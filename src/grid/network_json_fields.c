#include "grid/network_json_fields.h"

#define FIELD(type_, owner, member)                                 \
    {                                                               \
#member, type_, offsetof(struct owner, member), false, NULL \
    }
#define NEED(type_, owner, member)                                 \
    {                                                              \
#member, type_, offsetof(struct owner, member), true, NULL \
    }
#define WORD(owner, member, words_)                                           \
    {                                                                         \
#member, FG_FIELD_WORD, offsetof(struct owner, member), false, words_ \
    }
#define END                                 \
    {                                       \
        NULL, FG_FIELD_TEXT, 0, false, NULL \
    }

static const char *const branch_words[] = {"line", "transformer", "link", "generic", NULL};
static const char *const rating_words[] = {"apparent", "current", NULL};
static const char *const injection_words[] = {"load", "static_generator", NULL};
static const char *const generator_words[] = {"dispatchable", "source", NULL};
const char *const fg_note_words[] = {"ignored", "defaulted", "converted", "warning", NULL};

const struct fg_field fg_bus_fields[] = {
    FIELD(FG_FIELD_TEXT, fg_bus, name),          NEED(FG_FIELD_NUMBER, fg_bus, vn_kv),
    FIELD(FG_FIELD_NUMBER, fg_bus, vm_min_pu),   FIELD(FG_FIELD_NUMBER, fg_bus, vm_max_pu),
    FIELD(FG_FIELD_NUMBER, fg_bus, vm_start_pu), FIELD(FG_FIELD_NUMBER, fg_bus, va_start_rad),
    FIELD(FG_FIELD_TEXT, fg_bus, zone),          FIELD(FG_FIELD_NULLABLE, fg_bus, x),
    FIELD(FG_FIELD_NULLABLE, fg_bus, y),         FIELD(FG_FIELD_BOOL, fg_bus, in_service),
    FIELD(FG_FIELD_BOOL, fg_bus, is_internal),   END,
};

const struct fg_field fg_branch_fields[] = {
    FIELD(FG_FIELD_TEXT, fg_branch, name),
    WORD(fg_branch, kind, branch_words),
    NEED(FG_FIELD_BUS, fg_branch, from),
    NEED(FG_FIELD_BUS, fg_branch, to),
    NEED(FG_FIELD_NUMBER, fg_branch, r_pu),
    NEED(FG_FIELD_NUMBER, fg_branch, x_pu),
    FIELD(FG_FIELD_NUMBER, fg_branch, g_from_pu),
    FIELD(FG_FIELD_NUMBER, fg_branch, b_from_pu),
    FIELD(FG_FIELD_NUMBER, fg_branch, g_to_pu),
    FIELD(FG_FIELD_NUMBER, fg_branch, b_to_pu),
    FIELD(FG_FIELD_NUMBER, fg_branch, ratio),
    FIELD(FG_FIELD_NUMBER, fg_branch, shift_rad),
    FIELD(FG_FIELD_NUMBER, fg_branch, rate_normal_mva),
    FIELD(FG_FIELD_NUMBER, fg_branch, rate_emergency_mva),
    WORD(fg_branch, rating_kind, rating_words),
    FIELD(FG_FIELD_NUMBER, fg_branch, angle_min_rad),
    FIELD(FG_FIELD_NUMBER, fg_branch, angle_max_rad),
    FIELD(FG_FIELD_BOOL, fg_branch, in_service),
    FIELD(FG_FIELD_BOOL, fg_branch, from_closed),
    FIELD(FG_FIELD_BOOL, fg_branch, to_closed),
    FIELD(FG_FIELD_TEXT, fg_branch, origin),
    END,
};

const struct fg_field fg_tap_fields[] = {
    NEED(FG_FIELD_INTEGER, fg_tap_changer, position),
    NEED(FG_FIELD_INTEGER, fg_tap_changer, neutral),
    NEED(FG_FIELD_INTEGER, fg_tap_changer, minimum),
    NEED(FG_FIELD_INTEGER, fg_tap_changer, maximum),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, step_ratio),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, step_shift_rad),
    FIELD(FG_FIELD_BOOL, fg_tap_changer, on_from_side),
    FIELD(FG_FIELD_INTEGER, fg_tap_changer, point_first),
    FIELD(FG_FIELD_BOOL, fg_tap_changer, regulates),
    FIELD(FG_FIELD_BUS, fg_tap_changer, regulated_bus),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, v_set_pu),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, v_band_pu),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, drop_r_pu),
    FIELD(FG_FIELD_NUMBER, fg_tap_changer, drop_x_pu),
    END,
};

const struct fg_field fg_tap_point_fields[] = {
    NEED(FG_FIELD_NUMBER, fg_tap_point, ratio),
    NEED(FG_FIELD_NUMBER, fg_tap_point, shift_rad),
    NEED(FG_FIELD_NUMBER, fg_tap_point, r_pu),
    NEED(FG_FIELD_NUMBER, fg_tap_point, x_pu),
    NEED(FG_FIELD_NUMBER, fg_tap_point, g_from_pu),
    NEED(FG_FIELD_NUMBER, fg_tap_point, b_from_pu),
    NEED(FG_FIELD_NUMBER, fg_tap_point, g_to_pu),
    NEED(FG_FIELD_NUMBER, fg_tap_point, b_to_pu),
    END,
};

const struct fg_field fg_switch_fields[] = {
    NEED(FG_FIELD_BUS, fg_switch, from),
    NEED(FG_FIELD_BUS, fg_switch, to),
    NEED(FG_FIELD_BOOL, fg_switch, closed),
    END,
};

const struct fg_field fg_injection_fields[] = {
    FIELD(FG_FIELD_TEXT, fg_injection, name),
    {"kind", FG_FIELD_WORD, offsetof(struct fg_injection, kind), true, injection_words},
    NEED(FG_FIELD_BUS, fg_injection, bus),
    NEED(FG_FIELD_NUMBER, fg_injection, p_mw),
    NEED(FG_FIELD_NUMBER, fg_injection, q_mvar),
    FIELD(FG_FIELD_NUMBER, fg_injection, p_current_share),
    FIELD(FG_FIELD_NUMBER, fg_injection, p_impedance_share),
    FIELD(FG_FIELD_NUMBER, fg_injection, q_current_share),
    FIELD(FG_FIELD_NUMBER, fg_injection, q_impedance_share),
    FIELD(FG_FIELD_BOOL, fg_injection, in_service),
    END,
};

const struct fg_field fg_generator_fields[] = {
    FIELD(FG_FIELD_TEXT, fg_generator, name),
    {"kind", FG_FIELD_WORD, offsetof(struct fg_generator, kind), true, generator_words},
    NEED(FG_FIELD_BUS, fg_generator, bus),
    FIELD(FG_FIELD_NUMBER, fg_generator, p_mw),
    FIELD(FG_FIELD_NUMBER, fg_generator, q_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, p_min_mw),
    FIELD(FG_FIELD_NUMBER, fg_generator, p_max_mw),
    FIELD(FG_FIELD_NUMBER, fg_generator, q_min_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, q_max_mvar),
    FIELD(FG_FIELD_NULLABLE, fg_generator, vm_set_pu),
    FIELD(FG_FIELD_NUMBER, fg_generator, va_set_rad),
    FIELD(FG_FIELD_BOOL, fg_generator, in_service),
    FIELD(FG_FIELD_NUMBER, fg_generator, pc1_mw),
    FIELD(FG_FIELD_NUMBER, fg_generator, pc2_mw),
    FIELD(FG_FIELD_NUMBER, fg_generator, qc1_min_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, qc1_max_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, qc2_min_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, qc2_max_mvar),
    FIELD(FG_FIELD_NUMBER, fg_generator, s_max_mva),
    FIELD(FG_FIELD_NUMBER, fg_generator, ramp_mw_per_h),
    END,
};

const struct fg_field fg_storage_fields[] = {
    FIELD(FG_FIELD_TEXT, fg_storage, name),
    NEED(FG_FIELD_BUS, fg_storage, bus),
    FIELD(FG_FIELD_NUMBER, fg_storage, p_mw),
    FIELD(FG_FIELD_NUMBER, fg_storage, q_mvar),
    NEED(FG_FIELD_NUMBER, fg_storage, charge_max_mw),
    NEED(FG_FIELD_NUMBER, fg_storage, discharge_max_mw),
    FIELD(FG_FIELD_NUMBER, fg_storage, q_min_mvar),
    FIELD(FG_FIELD_NUMBER, fg_storage, q_max_mvar),
    FIELD(FG_FIELD_NUMBER, fg_storage, s_max_mva),
    FIELD(FG_FIELD_NUMBER, fg_storage, energy_mwh),
    FIELD(FG_FIELD_NUMBER, fg_storage, energy_min_mwh),
    NEED(FG_FIELD_NUMBER, fg_storage, energy_max_mwh),
    FIELD(FG_FIELD_NUMBER, fg_storage, charge_efficiency),
    FIELD(FG_FIELD_NUMBER, fg_storage, discharge_efficiency),
    FIELD(FG_FIELD_NUMBER, fg_storage, standing_loss_mw),
    FIELD(FG_FIELD_BOOL, fg_storage, in_service),
    END,
};

const struct fg_field fg_shunt_fields[] = {
    NEED(FG_FIELD_BUS, fg_shunt, bus),
    NEED(FG_FIELD_NUMBER, fg_shunt, g_mw),
    NEED(FG_FIELD_NUMBER, fg_shunt, b_mvar),
    FIELD(FG_FIELD_BOOL, fg_shunt, in_service),
    END,
};

bool fg_network_defaults_init(struct fg_network_defaults *defaults)
{
    *defaults = (struct fg_network_defaults){.network = fg_network_create()};
    struct fg_network *n = defaults->network;
    return n != NULL && (defaults->bus = fg_network_add_bus(n, "", 0)) != NULL &&
           (defaults->branch = fg_network_add_branch(n, "", -1, -1)) != NULL &&
           (defaults->item = fg_network_add_switch(n, "", -1, -1, true)) != NULL &&
           (defaults->injection = fg_network_add_injection(n, "", FG_INJECTION_LOAD, -1, 0, 0)) != NULL &&
           (defaults->generator = fg_network_add_generator(n, "", FG_GENERATOR_DISPATCHABLE, -1)) != NULL &&
           (defaults->storage = fg_network_add_storage(n, "", -1)) != NULL &&
           (defaults->shunt = fg_network_add_shunt(n, "", -1, 0, 0)) != NULL;
}

void fg_network_defaults_release(struct fg_network_defaults *defaults)
{
    fg_network_destroy(defaults->network);
    defaults->network = NULL;
}
