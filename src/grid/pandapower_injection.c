/* Fixed injections, storages and shunts of a pandapower network. pandapower counts loads, storages, wards and shunts as
 * consumption and static generators as generation; the network counts injections. */
#include "grid/pandapower_reader.h"

#include <math.h>
#include <stdio.h>

static enum fg_code add_injection(struct fg_pp_reader *reader, struct fg_pp_row *row, enum fg_injection_kind kind,
                                  int32_t bus, double p_mw, double q_mvar, bool in_service, struct fg_injection **added)
{
    char id[FG_PP_ID];
    if (row->code != FG_OK)
        return row->code;
    struct fg_injection *item = fg_network_add_injection(reader->network, fg_pp_id(row, id), kind, bus, p_mw, q_mvar);
    if (item == NULL)
        return fg_fail_memory(reader->err);
    item->name = fg_pp_name(reader, row);
    item->in_service = in_service;
    if (added != NULL)
        *added = item;
    return row->code;
}

enum fg_code fg_pp_load(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double scaling = fg_pp_number(row, "scaling", 1);
    double p_mw = -fg_pp_need(row, "p_mw") * scaling, q_mvar = -fg_pp_number(row, "q_mvar", 0) * scaling;
    /* Before format 3.1 one share held for P and Q. */
    double z_percent = fg_pp_number(row, "const_z_percent", 0), i_percent = fg_pp_number(row, "const_i_percent", 0);
    double p_z = fg_pp_number(row, "const_z_p_percent", z_percent) / 100;
    double p_i = fg_pp_number(row, "const_i_p_percent", i_percent) / 100;
    double q_z = fg_pp_number(row, "const_z_q_percent", z_percent) / 100;
    double q_i = fg_pp_number(row, "const_i_q_percent", i_percent) / 100;
    bool in_service = fg_pp_bool(row, "in_service", true);
    bool depends_on_voltage = p_z != 0 || p_i != 0 || q_z != 0 || q_i != 0, is_generator = false;
    enum fg_code code = row->code;
    if (code == FG_OK && depends_on_voltage && fg_pp_bool(row, "controllable", false))
        code = fg_pp_note(reader, row, FG_NOTE_IGNORED,
                          "controllability of a load that depends on voltage: kept as a fixed load");
    else if (code == FG_OK)
        code = fg_pp_controllable(reader, row, bus, p_mw, q_mvar, -1, &is_generator);
    if (code != FG_OK || is_generator)
        return code;
    struct fg_injection *load = NULL;
    code = add_injection(reader, row, FG_INJECTION_LOAD, bus, p_mw, q_mvar, in_service, &load);
    if (code == FG_OK) {
        load->p_impedance_share = p_z, load->p_current_share = p_i;
        load->q_impedance_share = q_z, load->q_current_share = q_i;
    }
    return code;
}

enum fg_code fg_pp_sgen(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double scaling = fg_pp_number(row, "scaling", 1);
    double p_mw = fg_pp_need(row, "p_mw") * scaling, q_mvar = fg_pp_number(row, "q_mvar", 0) * scaling;
    bool in_service = fg_pp_bool(row, "in_service", true), is_generator = false;
    enum fg_code code = row->code;
    if (code == FG_OK)
        code = fg_pp_controllable(reader, row, bus, p_mw, q_mvar, 1, &is_generator);
    return code != FG_OK || is_generator
               ? code
               : add_injection(reader, row, FG_INJECTION_STATIC_GENERATOR, bus, p_mw, q_mvar, in_service, NULL);
}

/* asymmetric_load and asymmetric_sgen: the three phases together. */
enum fg_code fg_pp_asymmetric(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    bool is_load = row->table->name[sizeof "asymmetric_" - 1] == 'l';
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double factor = fg_pp_number(row, "scaling", 1) * (is_load ? -1 : 1);
    double p_mw = fg_pp_number(row, "p_a_mw", 0) + fg_pp_number(row, "p_b_mw", 0) + fg_pp_number(row, "p_c_mw", 0);
    double q_mvar =
        fg_pp_number(row, "q_a_mvar", 0) + fg_pp_number(row, "q_b_mvar", 0) + fg_pp_number(row, "q_c_mvar", 0);
    enum fg_code code = add_injection(reader, row, is_load ? FG_INJECTION_LOAD : FG_INJECTION_STATIC_GENERATOR, bus,
                                      p_mw * factor, q_mvar * factor, fg_pp_bool(row, "in_service", true), NULL);
    return code == FG_OK
               ? fg_pp_note(reader, row, FG_NOTE_CONVERTED, "%s: the sum of its phases, balanced", row->table->name)
               : code;
}

enum fg_code fg_pp_motor(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double efficiency = fg_pp_number(row, "efficiency_percent", 100) / 100, cos_phi = fg_pp_need(row, "cos_phi");
    double share = fg_pp_number(row, "loading_percent", 100) / 100 * fg_pp_number(row, "scaling", 1);
    if (row->code == FG_OK && !(efficiency > 0 && cos_phi > 0 && cos_phi <= 1))
        fg_pp_refuse(row, "cos_phi", FG_ERR_VALUE, "efficiency %g and power factor %g must lie above 0 and up to 1",
                     efficiency, cos_phi);
    double p_mw = fg_pp_need(row, "pn_mech_mw") / efficiency * share;
    double q_mvar = fabs(p_mw) * sqrt(1 / (cos_phi * cos_phi) - 1);
    return add_injection(reader, row, FG_INJECTION_LOAD, bus, -p_mw, -q_mvar, fg_pp_bool(row, "in_service", true),
                         NULL);
}

enum fg_code fg_pp_storage(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    char id[FG_PP_ID];
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double scaling = fg_pp_number(row, "scaling", 1), sn_mva = fg_pp_number(row, "sn_mva", INFINITY);
    double p_mw = -fg_pp_need(row, "p_mw") * scaling, q_mvar = -fg_pp_number(row, "q_mvar", 0) * scaling;
    double charge_mw = fg_pp_number(row, "max_p_mw", isfinite(sn_mva) ? sn_mva : fmax(-p_mw, 0));
    double discharge_mw = -fg_pp_number(row, "min_p_mw", isfinite(sn_mva) ? -sn_mva : -fmax(p_mw, 0));
    double q_max = -fg_pp_number(row, "min_q_mvar", -q_mvar), q_min = -fg_pp_number(row, "max_q_mvar", -q_mvar);
    double energy_max = fg_pp_number(row, "max_e_mwh", NAN), energy_min = fg_pp_number(row, "min_e_mwh", 0);
    double soc_percent = fg_pp_number(row, "soc_percent", NAN);
    bool in_service = fg_pp_bool(row, "in_service", true), knows_energy = isfinite(energy_max) && isfinite(soc_percent);
    if (row->code != FG_OK)
        return row->code;
    struct fg_storage *storage = fg_network_add_storage(reader->network, fg_pp_id(row, id), bus);
    if (storage == NULL)
        return fg_fail_memory(reader->err);
    storage->name = fg_pp_name(reader, row);
    storage->in_service = in_service;
    storage->p_mw = p_mw;
    storage->q_mvar = q_mvar;
    storage->charge_max_mw = fmax(charge_mw, 0);
    storage->discharge_max_mw = fmax(discharge_mw, 0);
    storage->q_min_mvar = q_min;
    storage->q_max_mvar = q_max;
    storage->s_max_mva = sn_mva > 0 ? sn_mva : INFINITY;
    storage->energy_max_mwh = isfinite(energy_max) ? energy_max : energy_min;
    storage->energy_min_mwh = energy_min;
    storage->energy_mwh = knows_energy ? energy_max * soc_percent / 100 : energy_min;
    enum fg_code code = row->code;
    if (code == FG_OK && !knows_energy)
        code = fg_pp_note(reader, row, FG_NOTE_DEFAULTED, "storage without max_e_mwh or soc_percent: taken as empty");
    return code == FG_OK ? fg_pp_note(reader, row, FG_NOTE_DEFAULTED, "storage efficiencies: 1, no standing loss")
                         : code;
}

static enum fg_code add_shunt(struct fg_pp_reader *reader, struct fg_pp_row *row, int32_t bus, double p_mw,
                              double q_mvar, bool in_service)
{
    char id[FG_PP_ID];
    if (row->code != FG_OK)
        return row->code;
    struct fg_shunt *shunt = fg_network_add_shunt(reader->network, fg_pp_id(row, id), bus, p_mw, -q_mvar);
    if (shunt == NULL)
        return fg_fail_memory(reader->err);
    shunt->in_service = in_service;
    return FG_OK;
}

enum fg_code fg_pp_shunt(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double p_mw = fg_pp_number(row, "p_mw", 0), q_mvar = fg_pp_need(row, "q_mvar"), step = fg_pp_number(row, "step", 1);
    if (row->code != FG_OK)
        return row->code;
    double bus_kv = reader->network->buses[bus].vn_kv, vn_kv = fg_pp_number(row, "vn_kv", bus_kv);
    if (row->code == FG_OK && !(vn_kv > 0))
        fg_pp_refuse(row, "vn_kv", FG_ERR_VALUE, "rated voltage is %g kV; give a positive one", vn_kv);
    if (row->code == FG_OK && fg_pp_bool(row, "step_dependency_table", false))
        fg_pp_refuse(row, "step_dependency_table", FG_ERR_UNSUPPORTED,
                     "steps from a characteristic table; give p_mw and q_mvar of the present step instead");
    double factor = step * (bus_kv / vn_kv) * (bus_kv / vn_kv);
    return add_shunt(reader, row, bus, p_mw * factor, q_mvar * factor, fg_pp_bool(row, "in_service", true));
}

/* Constant power and constant impedance in parallel. */
enum fg_code fg_pp_ward(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double ps_mw = fg_pp_need(row, "ps_mw"), qs_mvar = fg_pp_need(row, "qs_mvar");
    double pz_mw = fg_pp_need(row, "pz_mw"), qz_mvar = fg_pp_need(row, "qz_mvar");
    bool in_service = fg_pp_bool(row, "in_service", true);
    enum fg_code code = add_injection(reader, row, FG_INJECTION_LOAD, bus, -ps_mw, -qs_mvar, in_service, NULL);
    return code == FG_OK ? add_shunt(reader, row, bus, pz_mw, qz_mvar, in_service) : code;
}

/* A ward and, behind an impedance, a voltage source that gives no active power. */
enum fg_code fg_pp_xward(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    enum fg_code code = fg_pp_ward(reader, row);
    if (code != FG_OK)
        return code;
    struct fg_network *network = reader->network;
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double r_ohm = fg_pp_need(row, "r_ohm"), x_ohm = fg_pp_need(row, "x_ohm"), vm_pu = fg_pp_need(row, "vm_pu");
    bool in_service = fg_pp_bool(row, "in_service", true);
    if (row->code != FG_OK)
        return row->code;
    char id[FG_PP_ID], inner_id[FG_PP_ID + 8];
    fg_pp_id(row, id);
    snprintf(inner_id, sizeof inner_id, "%s_source", id);
    double vn_kv = network->buses[bus].vn_kv;
    struct fg_bus *inner = fg_network_add_bus(network, inner_id, vn_kv);
    if (inner == NULL)
        return fg_fail_memory(reader->err);
    inner->is_internal = true;
    inner->in_service = in_service;
    int32_t inner_bus = (int32_t)network->bus_count - 1;
    struct fg_branch *branch = fg_network_add_branch(network, id, bus, inner_bus);
    struct fg_generator *source = fg_network_add_generator(network, id, FG_GENERATOR_DISPATCHABLE, inner_bus);
    const char *origin = fg_network_string(network, id);
    if (branch == NULL || source == NULL || origin == NULL)
        return fg_fail_memory(reader->err);
    branch->kind = FG_BRANCH_GENERIC;
    branch->r_pu = r_ohm / fg_pp_base_ohm(reader, bus);
    branch->x_pu = x_ohm / fg_pp_base_ohm(reader, bus);
    branch->in_service = in_service;
    branch->origin = origin;
    source->p_min_mw = source->p_max_mw = 0;
    source->vm_set_pu = vm_pu;
    source->in_service = in_service;
    return FG_OK;
}
