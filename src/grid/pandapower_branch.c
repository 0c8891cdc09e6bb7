/* Lines, impedances and switches of a pandapower network.
 *
 *   r, x = (r, x per km) length / parallel / Zb      g, b = (g, 2 pi f c per km) length parallel Zb, half at each end
 *
 * with Zb = vn_kv(from)^2 / sn_mva (pandapower documentation, "Line"). An open bus-branch switch opens that end. */
#include "grid/pandapower_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846

static struct fg_branch branch_between(int32_t from, int32_t to, enum fg_branch_kind kind)
{
    return (struct fg_branch){.kind = kind,
                              .from = from,
                              .to = to,
                              .ratio = 1,
                              .angle_min_rad = -INFINITY,
                              .angle_max_rad = INFINITY,
                              .rate_normal_mva = INFINITY,
                              .rate_emergency_mva = INFINITY,
                              .in_service = true,
                              .from_closed = true,
                              .to_closed = true};
}

static enum fg_code add_branch(struct fg_pp_reader *reader, struct fg_pp_row *row, const struct fg_branch *data)
{
    char id[FG_PP_ID];
    if (row->code != FG_OK)
        return row->code;
    struct fg_branch *branch = fg_network_add_branch(reader->network, fg_pp_id(row, id), data->from, data->to);
    if (branch == NULL)
        return fg_fail_memory(reader->err);
    const char *own_id = branch->id;
    struct fg_tap_changer tap = branch->tap;
    *branch = *data;
    branch->id = own_id;
    branch->tap = tap;
    branch->name = fg_pp_name(reader, row);
    if (fg_names_add(&reader->branches, own_id, (int32_t)reader->network->branch_count - 1))
        return fg_fail_memory(reader->err);
    return row->code;
}

enum fg_code fg_pp_line(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    const struct fg_bus *buses = reader->network->buses;
    int32_t from = fg_pp_bus(reader, row, "from_bus"), to = fg_pp_bus(reader, row, "to_bus");
    struct fg_branch line = branch_between(from, to, FG_BRANCH_LINE);
    line.rating_kind = FG_RATING_CURRENT;
    double length_km = fg_pp_need(row, "length_km"), parallel = fg_pp_number(row, "parallel", 1);
    double r_ohm_per_km = fg_pp_need(row, "r_ohm_per_km"), x_ohm_per_km = fg_pp_need(row, "x_ohm_per_km");
    double c_nf_per_km = fg_pp_need(row, "c_nf_per_km"), g_us_per_km = fg_pp_number(row, "g_us_per_km", 0);
    double max_i_ka = fg_pp_number(row, "max_i_ka", INFINITY), df = fg_pp_number(row, "df", 1);
    double max_loading_percent = fg_pp_number(row, "max_loading_percent", 100);
    line.in_service = fg_pp_bool(row, "in_service", true);
    if (row->code == FG_OK && !(parallel > 0))
        fg_pp_refuse(row, "parallel", FG_ERR_VALUE, "%g lines in parallel; give at least 1", parallel);
    if (row->code == FG_OK && !(df > 0))
        fg_pp_refuse(row, "df", FG_ERR_VALUE, "derating factor is %g; give a positive one", df);
    if (row->code != FG_OK)
        return row->code;

    double base_ohm = fg_pp_base_ohm(reader, line.from);
    line.r_pu = r_ohm_per_km * length_km / parallel / base_ohm;
    line.x_pu = x_ohm_per_km * length_km / parallel / base_ohm;
    line.g_from_pu = line.g_to_pu = g_us_per_km * 1e-6 * length_km * parallel * base_ohm / 2;
    line.b_from_pu = line.b_to_pu = 2 * PI * reader->f_hz * c_nf_per_km * 1e-9 * length_km * parallel * base_ohm / 2;
    double rate_mva = sqrt(3) * buses[line.from].vn_kv * max_i_ka * df * parallel * max_loading_percent / 100;
    if (rate_mva > 0)
        line.rate_normal_mva = rate_mva;
    /* A bus out of service at one end leaves the line hanging there, charged from the other end. */
    if (buses[line.from].in_service != buses[line.to].in_service) {
        line.from_closed = buses[line.from].in_service;
        line.to_closed = buses[line.to].in_service;
    }
    enum fg_code code = add_branch(reader, row, &line);
    if (code == FG_OK && !(rate_mva > 0))
        code = fg_pp_note(reader, row, FG_NOTE_DEFAULTED, "line whose rating is not positive: no limit");
    if (code == FG_OK && fg_pp_bool(row, "tdpf", false))
        code = fg_pp_note(reader, row, FG_NOTE_IGNORED, "temperature dependence of a line's resistance (tdpf)");
    return code;
}

enum fg_code fg_pp_impedance(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    int32_t from = fg_pp_bus(reader, row, "from_bus"), to = fg_pp_bus(reader, row, "to_bus");
    struct fg_branch branch = branch_between(from, to, FG_BRANCH_GENERIC);
    double rft = fg_pp_need(row, "rft_pu"), xft = fg_pp_need(row, "xft_pu");
    double rtf = fg_pp_number(row, "rtf_pu", rft), xtf = fg_pp_number(row, "xtf_pu", xft);
    double gf = fg_pp_number(row, "gf_pu", 0), bf = fg_pp_number(row, "bf_pu", 0);
    double gt = fg_pp_number(row, "gt_pu", gf), bt = fg_pp_number(row, "bt_pu", bf);
    double sn_mva = fg_pp_need(row, "sn_mva");
    branch.in_service = fg_pp_bool(row, "in_service", true);
    if (row->code == FG_OK && !(sn_mva > 0))
        fg_pp_refuse(row, "sn_mva", FG_ERR_VALUE, "reference power is %g MVA; give a positive one", sn_mva);
    if (row->code == FG_OK && (rft != rtf || xft != xtf))
        fg_pp_refuse(
            row, "rtf_pu", FG_ERR_UNSUPPORTED,
            "impedance differs by direction (%g + j%g and %g + j%g); the model has passive two-ports only: give "
            "both directions the same",
            rft, xft, rtf, xtf);
    branch.r_pu = rft * reader->sn_mva / sn_mva;
    branch.x_pu = xft * reader->sn_mva / sn_mva;
    branch.g_from_pu = gf * sn_mva / reader->sn_mva;
    branch.b_from_pu = bf * sn_mva / reader->sn_mva;
    branch.g_to_pu = gt * sn_mva / reader->sn_mva;
    branch.b_to_pu = bt * sn_mva / reader->sn_mva;
    return add_branch(reader, row, &branch);
}

static enum fg_code open_end(struct fg_pp_reader *reader, struct fg_pp_row *row, int32_t bus, const char *id,
                             bool is_line, bool *is_end)
{
    int32_t index = fg_names_find(&reader->branches, id);
    if (index < 0)
        return fg_pp_refuse(row, "element", FG_ERR_NETWORK, "%s does not exist; correct the reference", id);
    struct fg_branch *branch = &reader->network->branches[index];
    *is_end = branch->from == bus || branch->to == bus;
    if (!*is_end || fg_pp_bool(row, "closed", true))
        return row->code;
    /* pandapower takes the to end of a line and the hv end of a transformer where both ends are at the bus. */
    bool is_to = is_line ? branch->to == bus : branch->from != bus;
    *(is_to ? &branch->to_closed : &branch->from_closed) = false;
    return row->code;
}

/* A bus-branch switch: the end of a line, or of a transformer, or of one winding of a three-winding transformer. */
static enum fg_code read_end_switch(struct fg_pp_reader *reader, struct fg_pp_row *row, int32_t bus, const char *type)
{
    char id[FG_PP_ID + 8];
    bool is_end = false;
    long long element = (long long)fg_pp_need_integer(row, "element");
    if (row->code != FG_OK)
        return row->code;
    if (strcmp(type, "t3") == 0) {
        static const char *const windings[] = {"hv", "mv", "lv"};
        for (size_t i = 0; i < 3 && !is_end; i++) {
            snprintf(id, sizeof id, "trafo3w_%lld_%s", element, windings[i]);
            open_end(reader, row, bus, id, false, &is_end);
        }
    } else {
        snprintf(id, sizeof id, "%s_%lld", strcmp(type, "l") == 0 ? "line" : "trafo", element);
        open_end(reader, row, bus, id, strcmp(type, "l") == 0, &is_end);
    }
    if (row->code == FG_OK && !is_end)
        fg_pp_refuse(row, "element", FG_ERR_NETWORK, "its bus is not an end of element %lld; correct the reference",
                     element);
    return row->code != FG_OK
               ? row->code
               : fg_pp_note(reader, row, FG_NOTE_CONVERTED,
                            "switch between a bus and a branch: becomes the open or closed end of the branch");
}

enum fg_code fg_pp_switch(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    const char *type = fg_pp_string(row, "et");
    int32_t bus = fg_pp_bus(reader, row, "bus");
    bool closed = fg_pp_bool(row, "closed", true);
    double z_ohm = fg_pp_number(row, "z_ohm", 0);
    if (row->code != FG_OK)
        return row->code;
    if (type != NULL && (strcmp(type, "l") == 0 || strcmp(type, "t") == 0 || strcmp(type, "t3") == 0))
        return read_end_switch(reader, row, bus, type);
    if (type == NULL || strcmp(type, "b") != 0)
        return fg_pp_refuse(row, "et", FG_ERR_VALUE, "switch type must be \"b\", \"l\", \"t\" or \"t3\"");
    int32_t other = fg_pp_bus(reader, row, "element");
    if (row->code != FG_OK)
        return row->code;
    if (closed && z_ohm > 0) {
        double z_pu = z_ohm / fg_pp_base_ohm(reader, bus);
        struct fg_branch link = branch_between(bus, other, FG_BRANCH_LINK);
        link.r_pu = z_pu * 2 / sqrt(5);
        link.x_pu = z_pu / sqrt(5);
        enum fg_code code = add_branch(reader, row, &link);
        return code == FG_OK ? fg_pp_note(reader, row, FG_NOTE_CONVERTED,
                                          "closed bus-bus switch with an impedance: becomes a branch with R/X = 2")
                             : code;
    }
    char id[FG_PP_ID];
    return fg_network_add_switch(reader->network, fg_pp_id(row, id), bus, other, closed) == NULL
               ? fg_fail_memory(reader->err)
               : FG_OK;
}
