/* Loads, generation, storages, shunts and external grids of a SimBench data set. Loads, storages and shunts count
 * consumption, the others generation. calc_type says what is held: vavm (voltage and angle), pvm (P and voltage), pq;
 * Ward and xWard are those of pandapower. */
#include "grid/simbench_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum calculation { HOLDS_VA_VM, HOLDS_P_VM, HOLDS_P_Q, WARD, EXTENDED_WARD };

static enum calculation read_calculation(struct fg_sb_row *row, enum calculation fallback)
{
    static const struct {
        const char *name;
        enum calculation calculation;
    } words[] = {
        {"vavm", HOLDS_VA_VM},    {"VaVm", HOLDS_VA_VM},    {"vmva", HOLDS_VA_VM},    {"VmVa", HOLDS_VA_VM},
        {"slack", HOLDS_VA_VM},   {"Slack", HOLDS_VA_VM},   {"sl", HOLDS_VA_VM},      {"pvm", HOLDS_P_VM},
        {"PVm", HOLDS_P_VM},      {"vmp", HOLDS_P_VM},      {"VmP", HOLDS_P_VM},      {"pv", HOLDS_P_VM},
        {"PV", HOLDS_P_VM},       {"Pv", HOLDS_P_VM},       {"pq", HOLDS_P_Q},        {"PQ", HOLDS_P_Q},
        {"Pq", HOLDS_P_Q},        {"Ward", WARD},           {"ward", WARD},           {"WARD", WARD},
        {"xWard", EXTENDED_WARD}, {"xward", EXTENDED_WARD}, {"XWard", EXTENDED_WARD}, {"XWARD", EXTENDED_WARD},
    };
    const char *name = fg_sb_text(row, "calc_type");
    for (size_t i = 0; name != NULL && i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i].name) == 0)
            return words[i].calculation;
    if (name != NULL)
        fg_sb_refuse(row, "calc_type", FG_ERR_VALUE, "\"%.20s\"; give vavm, pvm, pq, Ward or xWard", name);
    return fallback;
}

static enum fg_code add_injection(struct fg_sb_reader *reader, struct fg_sb_row *row, enum fg_injection_kind kind,
                                  int32_t bus, double p_mw, double q_mvar, const char *profiles, enum fg_sb_role role)
{
    const char *id = fg_sb_need_text(row, "id");
    if (row->code != FG_OK)
        return row->code;
    return fg_network_add_injection(reader->network, id, kind, bus, p_mw, q_mvar) == NULL
               ? fg_fail_memory(reader->err)
               : fg_sb_follow_injection(reader, row, profiles, role);
}

/* A generator that holds its node's voltage set point. */
static enum fg_code add_generator(struct fg_sb_reader *reader, struct fg_sb_row *row, enum fg_generator_kind kind,
                                  int32_t bus, double p_mw, const char *profiles, enum fg_sb_role role)
{
    const char *id = fg_sb_need_text(row, "id");
    double p_min = fg_sb_number(row, "pMin", -INFINITY), p_max = fg_sb_number(row, "pMax", INFINITY);
    double q_min = fg_sb_number(row, "qMin", -INFINITY), q_max = fg_sb_number(row, "qMax", INFINITY);
    if (row->code != FG_OK)
        return row->code;
    double vm_pu = reader->vm_set_pu[bus], va_rad = reader->va_set_rad[bus];
    struct fg_generator *generator = fg_network_add_generator(reader->network, id, kind, bus);
    if (generator == NULL)
        return fg_fail_memory(reader->err);
    generator->p_mw = p_mw;
    generator->p_min_mw = p_min, generator->p_max_mw = p_max;
    generator->q_min_mvar = q_min, generator->q_max_mvar = q_max;
    generator->vm_set_pu = isnan(vm_pu) ? 1 : vm_pu;
    generator->va_set_rad = isnan(va_rad) ? 0 : va_rad;
    enum fg_code code = fg_sb_follow_generator(reader, row, profiles, role);
    return code == FG_OK && isnan(vm_pu)
               ? fg_sb_note(reader, row, FG_NOTE_DEFAULTED, "held voltage at a node without vmSetp: 1 p.u.")
               : code;
}

/* Any source of generation: what calc_type holds decides. */
static enum fg_code add_generation(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *p_column,
                                   const char *q_column, enum calculation fallback, const char *profiles,
                                   enum fg_sb_role role)
{
    int32_t bus = fg_sb_node(reader, row, "node");
    double p_mw = fg_sb_number(row, p_column, 0), q_mvar = fg_sb_number(row, q_column, 0);
    enum calculation calculation = read_calculation(row, fallback);
    if (row->code != FG_OK)
        return row->code;
    if (calculation == HOLDS_P_Q)
        return add_injection(reader, row, FG_INJECTION_STATIC_GENERATOR, bus, p_mw, q_mvar, profiles, role);
    if (calculation == WARD || calculation == EXTENDED_WARD)
        return fg_sb_refuse(row, "calc_type", FG_ERR_VALUE, "only an ExternalNet can be a Ward equivalent");
    return add_generator(reader, row, calculation == HOLDS_VA_VM ? FG_GENERATOR_SOURCE : FG_GENERATOR_DISPATCHABLE, bus,
                         p_mw, profiles, role);
}

static enum fg_code add_shunt(struct fg_sb_reader *reader, const char *id, int32_t bus, double p_mw, double q_mvar)
{
    return fg_network_add_shunt(reader->network, id, bus, p_mw, -q_mvar) == NULL ? fg_fail_memory(reader->err) : FG_OK;
}

/* Constant power and constant impedance; extended: and a voltage behind an impedance that gives no active power. */
static enum fg_code add_ward(struct fg_sb_reader *reader, struct fg_sb_row *row, bool is_extended)
{
    struct fg_network *network = reader->network;
    int32_t bus = fg_sb_node(reader, row, "node");
    const char *id = fg_sb_need_text(row, "id");
    double ps = fg_sb_number(row, "pExtNet", 0), qs = fg_sb_number(row, "qExtNet", 0);
    double pz = fg_sb_number(row, "pWardShunt", 0), qz = fg_sb_number(row, "qWardShunt", 0);
    enum fg_code code = add_injection(reader, row, FG_INJECTION_LOAD, bus, -ps, -qs, NULL, FG_SB_OTHER);
    if (code == FG_OK)
        code = row->code == FG_OK ? add_shunt(reader, id, bus, pz, qz) : row->code;
    if (code != FG_OK || !is_extended)
        return code;
    double r_ohm = fg_sb_need(row, "rXWard"), x_ohm = fg_sb_need(row, "xXWard"), vm_pu = fg_sb_need(row, "vmXWard");
    if (row->code != FG_OK)
        return row->code;
    char inner_id[160];
    snprintf(inner_id, sizeof inner_id, "%.140s inner", id);
    double vn_kv = network->buses[bus].vn_kv, base_ohm = vn_kv * vn_kv / network->base_mva;
    struct fg_bus *inner = fg_network_add_bus(network, inner_id, vn_kv);
    if (inner == NULL)
        return fg_fail_memory(reader->err);
    inner->is_internal = true;
    int32_t inner_bus = (int32_t)network->bus_count - 1;
    struct fg_branch *branch = fg_network_add_branch(network, id, inner_bus, bus);
    struct fg_generator *source = fg_network_add_generator(network, id, FG_GENERATOR_DISPATCHABLE, inner_bus);
    if (branch == NULL || source == NULL || (branch->origin = fg_network_string(network, id)) == NULL)
        return fg_fail_memory(reader->err);
    branch->kind = FG_BRANCH_GENERIC;
    branch->r_pu = r_ohm / base_ohm;
    branch->x_pu = x_ohm / base_ohm;
    source->p_min_mw = source->p_max_mw = 0;
    source->vm_set_pu = vm_pu;
    return fg_sb_follow_generator(reader, row, NULL, FG_SB_OTHER);
}

enum fg_code fg_sb_external_net(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    enum calculation calculation = read_calculation(row, HOLDS_VA_VM);
    if (row->code != FG_OK)
        return row->code;
    if (calculation == WARD || calculation == EXTENDED_WARD)
        return add_ward(reader, row, calculation == EXTENDED_WARD);
    return add_generation(reader, row, "pExtNet", "qExtNet", HOLDS_VA_VM, NULL, FG_SB_OTHER);
}

enum fg_code fg_sb_power_plant(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    return add_generation(reader, row, "pPP", "qPP", HOLDS_P_VM, "PowerPlant", FG_SB_OTHER);
}

enum fg_code fg_sb_res(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    const char *type = fg_sb_text(row, "type");
    enum fg_sb_role role = type == NULL                                                 ? FG_SB_GENERATION
                           : strstr(type, "Wind") != NULL || strstr(type, "WP") != NULL ? FG_SB_WIND
                           : strstr(type, "PV") != NULL                                 ? FG_SB_SUN
                                                                                        : FG_SB_GENERATION;
    return add_generation(reader, row, "pRES", "qRES", HOLDS_P_Q, "RES", role);
}

enum fg_code fg_sb_load(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t bus = fg_sb_node(reader, row, "node");
    double p_mw = fg_sb_need(row, "pLoad"), q_mvar = fg_sb_number(row, "qLoad", 0);
    return add_injection(reader, row, FG_INJECTION_LOAD, bus, -p_mw, -q_mvar, "Load", FG_SB_LOAD);
}

enum fg_code fg_sb_storage(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t bus = fg_sb_node(reader, row, "node");
    const char *id = fg_sb_need_text(row, "id");
    double p_mw = -fg_sb_number(row, "pStor", 0), q_mvar = -fg_sb_number(row, "qStor", 0);
    double level = fg_sb_number(row, "chargeLevel", 0), sn_mva = fg_sb_number(row, "sR", 0);
    double energy_mwh = fg_sb_number(row, "eStore", 0), efficiency = fg_sb_number(row, "etaStore", 1);
    double p_min = fg_sb_number(row, "pMin", 0), p_max = fg_sb_number(row, "pMax", 0);
    double q_min = fg_sb_number(row, "qMin", NAN), q_max = fg_sb_number(row, "qMax", NAN);
    if (row->code == FG_OK && !(energy_mwh >= 0 && level >= 0 && level <= 1))
        fg_sb_refuse(row, "chargeLevel", FG_ERR_VALUE,
                     "charge level %g must lie in 0..1, capacity %g MWh be at least 0", level, energy_mwh);
    if (row->code == FG_OK && !(efficiency > 0 && efficiency <= 100))
        fg_sb_refuse(row, "etaStore", FG_ERR_VALUE, "efficiency is %g; give a share above 0, up to 1", efficiency);
    if (row->code != FG_OK)
        return row->code;
    struct fg_storage *storage = fg_network_add_storage(reader->network, id, bus);
    if (storage == NULL)
        return fg_fail_memory(reader->err);
    double most_mw = sn_mva > 0 ? sn_mva : fmax(fabs(p_min), fabs(p_max));
    storage->p_mw = p_mw;
    storage->q_mvar = q_mvar;
    storage->charge_max_mw = storage->discharge_max_mw = most_mw;
    storage->s_max_mva = sn_mva > 0 ? sn_mva : INFINITY;
    storage->q_min_mvar = isnan(q_max) ? q_mvar : -q_max;
    storage->q_max_mvar = isnan(q_min) ? q_mvar : -q_min;
    storage->energy_max_mwh = energy_mwh;
    storage->energy_mwh = level * energy_mwh;
    storage->charge_efficiency = storage->discharge_efficiency = efficiency > 1 ? efficiency / 100 : efficiency;
    enum fg_code code = fg_sb_follow_storage(reader, row);
    if (code == FG_OK)
        code = fg_sb_note(reader, row, FG_NOTE_CONVERTED,
                          "storage: limits from sR, etaStore counts in each direction, self-discharge sdStore ignored");
    return code;
}

enum fg_code fg_sb_shunt(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t bus = fg_sb_node(reader, row, "node");
    const char *id = fg_sb_need_text(row, "id");
    double p_mw = fg_sb_number(row, "p0", 0), q_mvar = fg_sb_need(row, "q0"), step = fg_sb_number(row, "step", 1);
    double rated_kv = fg_sb_number(row, "vmR", NAN);
    if (row->code != FG_OK)
        return row->code;
    double vn_kv = reader->network->buses[bus].vn_kv;
    if (!isnan(rated_kv) && !(rated_kv > 0))
        return fg_sb_refuse(row, "vmR", FG_ERR_VALUE, "rated voltage is %g kV; give a positive one", rated_kv);
    double factor = isnan(rated_kv) ? step : step * (vn_kv / rated_kv) * (vn_kv / rated_kv);
    return add_shunt(reader, id, bus, p_mw * factor, q_mvar * factor);
}
