/* Lines, links and generic branches of a power-grid-model dataset.
 *
 *   line            z = r1 + j x1                 y = 2 pi f c1 (tan1 + j), half at each end
 *   generic_branch  z = r1 + j x1 on the to side  y = g1 + j b1 there, half at each end; ratio k at angle theta
 *   link            an ideal connection: power-grid-model's own link is a fixed, very high admittance
 *
 * (Power Grid Model documentation, "Components".) */
#include "grid/pgm_reader.h"

#include <math.h>
#include <stdio.h>

#define PI 3.14159265358979323846

enum fg_code fg_pgm_branch(struct fg_pgm_reader *reader, const char *id, int32_t from, int32_t to,
                           struct fg_branch **added)
{
    struct fg_network *network = reader->network;
    if (from == to) {
        char twin_id[FG_PGM_ID + 8];
        snprintf(twin_id, sizeof twin_id, "%s_twin", id);
        struct fg_bus *twin = fg_network_add_bus(network, twin_id, network->buses[from].vn_kv);
        if (twin == NULL)
            return fg_fail_memory(reader->err);
        twin->is_internal = true;
        to = (int32_t)network->bus_count - 1;
        if (fg_network_add_switch(network, twin_id, from, to, true) == NULL)
            return fg_fail_memory(reader->err);
    }
    struct fg_branch *branch = fg_network_add_branch(network, id, from, to);
    if (branch == NULL || fg_names_add(&reader->branches, branch->id, (int32_t)network->branch_count - 1))
        return fg_fail_memory(reader->err);
    *added = branch;
    return FG_OK;
}

static void set_status(struct fg_branch *branch, bool from_closed, bool to_closed)
{
    branch->from_closed = from_closed;
    branch->to_closed = to_closed;
    branch->in_service = from_closed || to_closed;
}

enum fg_code fg_pgm_line(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    int32_t from = fg_pgm_node(reader, row, "from_node"), to = fg_pgm_node(reader, row, "to_node");
    bool from_closed = fg_pgm_status(row, "from_status"), to_closed = fg_pgm_status(row, "to_status");
    double r1 = fg_pgm_need(row, "r1"), x1 = fg_pgm_need(row, "x1"), c1 = fg_pgm_need(row, "c1");
    double tan1 = fg_pgm_need(row, "tan1"), i_n = fg_pgm_number(row, "i_n", INFINITY);
    if (row->code != FG_OK)
        return row->code;
    double vn_kv = reader->network->buses[from].vn_kv, other_kv = reader->network->buses[to].vn_kv;
    if (fabs(vn_kv - other_kv) > 1e-8 * vn_kv)
        return fg_pgm_refuse(
            row, "to_node", FG_ERR_NETWORK,
            "connects nodes of %g and %g kV; a line needs equal rated voltages, use a transformer or a "
            "generic_branch",
            vn_kv, other_kv);
    char id[FG_PGM_ID];
    struct fg_branch *line;
    enum fg_code code = fg_pgm_branch(reader, fg_pgm_id(row, id), from, to, &line);
    if (code != FG_OK)
        return code;
    double base_ohm = vn_kv * vn_kv * 1e6 / FG_PGM_BASE_VA, b_pu = 2 * PI * FG_PGM_FREQUENCY_HZ * c1 * base_ohm;
    line->kind = FG_BRANCH_LINE;
    line->r_pu = r1 / base_ohm;
    line->x_pu = x1 / base_ohm;
    line->g_from_pu = line->g_to_pu = b_pu * tan1 / 2;
    line->b_from_pu = line->b_to_pu = b_pu / 2;
    line->rating_kind = FG_RATING_CURRENT;
    line->rate_normal_mva = i_n > 0 ? sqrt(3) * vn_kv * i_n * 1e-3 : INFINITY;
    set_status(line, from_closed, to_closed);
    return FG_OK;
}

enum fg_code fg_pgm_generic_branch(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    int32_t from = fg_pgm_node(reader, row, "from_node"), to = fg_pgm_node(reader, row, "to_node");
    bool from_closed = fg_pgm_status(row, "from_status"), to_closed = fg_pgm_status(row, "to_status");
    double r1 = fg_pgm_need(row, "r1"), x1 = fg_pgm_need(row, "x1");
    double g1 = fg_pgm_need(row, "g1"), b1 = fg_pgm_need(row, "b1");
    double k = fg_pgm_number(row, "k", 1), theta = fg_pgm_number(row, "theta", 0),
           sn = fg_pgm_number(row, "sn", INFINITY);
    if (row->code != FG_OK)
        return row->code;
    char id[FG_PGM_ID];
    struct fg_branch *branch;
    enum fg_code code = fg_pgm_branch(reader, fg_pgm_id(row, id), from, to, &branch);
    if (code != FG_OK)
        return code;
    double vn_kv = reader->network->buses[to].vn_kv, base_ohm = vn_kv * vn_kv * 1e6 / FG_PGM_BASE_VA;
    branch->kind = FG_BRANCH_GENERIC;
    branch->r_pu = r1 / base_ohm;
    branch->x_pu = x1 / base_ohm;
    branch->g_from_pu = branch->g_to_pu = g1 * base_ohm / 2;
    branch->b_from_pu = branch->b_to_pu = b1 * base_ohm / 2;
    branch->ratio = k;
    branch->shift_rad = theta;
    branch->rate_normal_mva = sn > 0 ? sn * 1e-6 : INFINITY;
    set_status(branch, from_closed, to_closed);
    return FG_OK;
}

enum fg_code fg_pgm_link(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    int32_t from = fg_pgm_node(reader, row, "from_node"), to = fg_pgm_node(reader, row, "to_node");
    bool from_closed = fg_pgm_status(row, "from_status"), to_closed = fg_pgm_status(row, "to_status");
    if (row->code != FG_OK)
        return row->code;
    if (from == to)
        return fg_pgm_note(reader, row, FG_NOTE_IGNORED, "link from a node to itself");
    char id[FG_PGM_ID];
    if (fg_network_add_switch(reader->network, fg_pgm_id(row, id), from, to, from_closed && to_closed) == NULL)
        return fg_fail_memory(reader->err);
    return fg_pgm_note(reader, row, FG_NOTE_CONVERTED,
                       "link: an ideal switch, closed when both ends are; no flow of its own is computed");
}
