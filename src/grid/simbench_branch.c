/* Lines, transformers and switches of a SimBench data set. Lines are r + jx with half of b at each end; types hold the
 * values per km. */
#include "grid/simbench_reader.h"
#include "grid/transformer_t.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The row of a type table that a column names. */
static struct fg_sb_row type_of(struct fg_sb_row *row, const char *column, const struct fg_sb_table *table,
                                const struct fg_names *names, const char *file)
{
    const char *name = fg_sb_need_text(row, column);
    int32_t at = name == NULL ? -1 : fg_names_find(names, name);
    if (row->code == FG_OK && at < 0)
        fg_sb_refuse(row, column, FG_ERR_NETWORK, "type \"%.80s\" is not in %s; add it or correct the name", name,
                     file);
    struct fg_sb_row type = fg_sb_row_at(table, at < 0 ? 0 : (size_t)at, row->err);
    type.code = row->code;
    return type;
}

/* As in pandapower: a generator at each end, each holding its node's voltage set point. */
static enum fg_code add_dc_line(struct fg_sb_reader *reader, struct fg_sb_row *row, const int32_t bus[2])
{
    static const char *const ends[] = {"A", "B"};
    struct fg_sb_row type = type_of(row, "type", &reader->dc_line_types, &reader->dc_line_type_names, "DCLineType.csv");
    double set_mw = fg_sb_need(&type, "pDCLine"), sent_mw = fabs(set_mw);
    double received_mw =
        sent_mw * (1 - fg_sb_number(&type, "relPLosses", 0) / 100) - fg_sb_number(&type, "fixPLosses", 0);
    double p_mw[2] = {set_mw > 0 ? -sent_mw : received_mw, set_mw > 0 ? received_mw : -sent_mw};
    const char *id = fg_sb_need_text(row, "id");
    if (type.code != FG_OK || row->code != FG_OK)
        return type.code != FG_OK ? type.code : row->code;
    for (int i = 0; i < 2; i++) {
        char end_id[160], low[16], high[16];
        snprintf(end_id, sizeof end_id, "%.120s %s", id, ends[i]);
        snprintf(low, sizeof low, "qMin%s", ends[i]);
        snprintf(high, sizeof high, "qMax%s", ends[i]);
        struct fg_generator *end = fg_network_add_generator(reader->network, end_id, FG_GENERATOR_DISPATCHABLE, bus[i]);
        if (end == NULL)
            return fg_fail_memory(reader->err);
        end->p_mw = end->p_min_mw = end->p_max_mw = p_mw[i];
        end->q_min_mvar = fg_sb_number(&type, low, -INFINITY);
        end->q_max_mvar = fg_sb_number(&type, high, INFINITY);
        double vm_pu = reader->vm_set_pu[bus[i]];
        end->vm_set_pu = isnan(vm_pu) ? 1 : vm_pu;
        enum fg_code code = type.code == FG_OK ? fg_sb_follow_generator(reader, row, NULL, FG_SB_OTHER) : type.code;
        if (code != FG_OK)
            return code;
    }
    return fg_sb_note(reader, row, FG_NOTE_CONVERTED,
                      "DC line: a generator at each end, its power fixed at the set point");
}

enum fg_code fg_sb_line(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t bus[2] = {fg_sb_node(reader, row, "nodeA"), fg_sb_node(reader, row, "nodeB")};
    const char *id = fg_sb_need_text(row, "id"), *type_name = fg_sb_text(row, "type");
    if (row->code != FG_OK)
        return row->code;
    if (type_name != NULL && fg_names_find(&reader->line_type_names, type_name) < 0 &&
        fg_names_find(&reader->dc_line_type_names, type_name) >= 0)
        return add_dc_line(reader, row, bus);
    struct fg_sb_row type = type_of(row, "type", &reader->line_types, &reader->line_type_names, "LineType.csv");
    double length_km = fg_sb_need(row, "length"), loading_percent = fg_sb_number(row, "loadingMax", 100);
    double r = fg_sb_need(&type, "r"), x = fg_sb_need(&type, "x"), b_us = fg_sb_need(&type, "b");
    double i_max_a = fg_sb_number(&type, "iMax", INFINITY);
    if (row->code != FG_OK || type.code != FG_OK)
        return row->code != FG_OK ? row->code : type.code;
    struct fg_branch *line = fg_network_add_branch(reader->network, id, bus[0], bus[1]);
    if (line == NULL)
        return fg_fail_memory(reader->err);
    double vn_kv = reader->network->buses[bus[0]].vn_kv, base_ohm = vn_kv * vn_kv / reader->network->base_mva;
    line->kind = FG_BRANCH_LINE;
    line->r_pu = r * length_km / base_ohm;
    line->x_pu = x * length_km / base_ohm;
    line->b_from_pu = line->b_to_pu = b_us * 1e-6 * length_km * base_ohm / 2;
    line->rating_kind = FG_RATING_CURRENT;
    double rate_mva = sqrt(3) * vn_kv * i_max_a * 1e-3 * loading_percent / 100;
    line->rate_normal_mva = rate_mva > 0 ? rate_mva : INFINITY;
    return FG_OK;
}

/* autoTap: the tap changer holds the set point of the node at autoTapSide; the band is two steps wide. */
static enum fg_code set_control(struct fg_sb_reader *reader, struct fg_sb_row *row, struct fg_branch *branch,
                                double step_percent)
{
    if (fg_sb_number(row, "autoTap", 0) == 0 || !branch->tap.exists)
        return row->code;
    const char *side = fg_sb_text(row, "autoTapSide");
    int32_t bus = side != NULL && strcmp(side, "HV") == 0 ? branch->from : branch->to;
    double vm_pu = reader->vm_set_pu[bus];
    if (isnan(vm_pu))
        return fg_sb_note(reader, row, FG_NOTE_IGNORED,
                          "autoTap at a node without vmSetp: the tap stays where it stands");
    branch->tap.regulates = true;
    branch->tap.regulated_bus = bus;
    branch->tap.v_set_pu = vm_pu;
    branch->tap.v_band_pu = 2 * fabs(step_percent) / 100;
    return fg_sb_note(reader, row, FG_NOTE_DEFAULTED, "band of automatic tap changers: two steps around vmSetp");
}

enum fg_code fg_sb_transformer(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t from = fg_sb_node(reader, row, "nodeHV"), to = fg_sb_node(reader, row, "nodeLV");
    const char *id = fg_sb_need_text(row, "id");
    struct fg_sb_row type =
        type_of(row, "type", &reader->transformer_types, &reader->transformer_type_names, "TransformerType.csv");
    double position = fg_sb_number(row, "tappos", NAN), loading_percent = fg_sb_number(row, "loadingMax", 100);
    struct fg_transformer_t t = {.parallel = 1, .r_share_hv = 0.5, .x_share_hv = 0.5};
    t.sn_mva = fg_sb_need(&type, "sR");
    t.vn_hv_kv = fg_sb_need(&type, "vmHV");
    t.vn_lv_kv = fg_sb_need(&type, "vmLV");
    t.shift_degree = fg_sb_number(&type, "va0", 0);
    t.vk_percent = fg_sb_need(&type, "vmImp");
    double copper_kw = fg_sb_need(&type, "pCu");
    t.pfe_kw = fg_sb_need(&type, "pFe");
    t.i0_percent = fg_sb_need(&type, "iNoLoad");
    bool is_tapable = fg_sb_number(&type, "tapable", 1) != 0;
    const char *side = fg_sb_text(&type, "tapside");
    double step_percent = fg_sb_number(&type, "dVm", 0), step_degree = fg_sb_number(&type, "dVa", 0);
    double neutral = fg_sb_number(&type, "tapNeutr", 0);
    t.taps[0] = (struct fg_transformer_tap){.kind = FG_TAP_COMPLEX,
                                            .on_hv = side == NULL || strcmp(side, "LV") != 0,
                                            .position = isnan(position) ? neutral : position,
                                            .neutral = neutral,
                                            .step_percent = step_percent,
                                            .minimum = fg_sb_number(&type, "tapMin", NAN),
                                            .maximum = fg_sb_number(&type, "tapMax", NAN)};
    if (row->code != FG_OK || type.code != FG_OK)
        return row->code != FG_OK ? row->code : type.code;
    if (!(t.sn_mva > 0 && t.vn_hv_kv > 0 && t.vn_lv_kv > 0))
        return fg_sb_refuse(&type, "sR", FG_ERR_VALUE, "rated power %g MVA and voltages %g and %g kV must be positive",
                            t.sn_mva, t.vn_hv_kv, t.vn_lv_kv);
    t.vkr_percent = copper_kw / (t.sn_mva * 1e3) * 100;
    if (fabs(t.vkr_percent) > fabs(t.vk_percent))
        return fg_sb_refuse(&type, "pCu", FG_ERR_VALUE,
                            "copper losses of %g %% exceed the short-circuit voltage of %g %%", t.vkr_percent,
                            t.vk_percent);
    if (step_degree != 0)
        return fg_sb_refuse(
            &type, "dVa", FG_ERR_UNSUPPORTED,
            "a tap step that turns the angle (%g degrees); the format does not say how it combines with "
            "dVm: set it to 0",
            step_degree);
    if (!is_tapable)
        t.taps[0].minimum = t.taps[0].maximum = t.taps[0].position;
    struct fg_network *network = reader->network;
    t.bus_hv_kv = network->buses[from].vn_kv;
    t.bus_lv_kv = network->buses[to].vn_kv;
    struct fg_branch *branch = fg_network_add_branch(network, id, from, to);
    if (branch == NULL)
        return fg_fail_memory(reader->err);
    bool is_fixed;
    enum fg_code code = fg_transformer_apply(&t, network, branch, &is_fixed, reader->err);
    double rate_mva = t.sn_mva * loading_percent / 100;
    branch->rate_normal_mva = rate_mva > 0 ? rate_mva : INFINITY;
    if (code == FG_OK && is_fixed)
        code =
            fg_sb_note(reader, row, FG_NOTE_CONVERTED, "tappos outside tapMin..tapMax: the tap stays where it stands");
    return code == FG_OK ? set_control(reader, row, branch, step_percent) : code;
}

enum fg_code fg_sb_transformer3w(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    (void)reader;
    return fg_sb_refuse(row, "id", FG_ERR_UNSUPPORTED,
                        "three-winding transformer; the format does not fix the reference of its impedances and no "
                        "published data set has one: give three Transformer rows around a node of their own");
}

enum fg_code fg_sb_switch(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    int32_t from = fg_sb_node(reader, row, "nodeA"), to = fg_sb_node(reader, row, "nodeB");
    const char *id = fg_sb_need_text(row, "id"), *condition = fg_sb_need_text(row, "cond");
    if (row->code != FG_OK)
        return row->code;
    bool closed = strcmp(condition, "1") == 0 || strcmp(condition, "True") == 0;
    if (!closed && strcmp(condition, "0") != 0 && strcmp(condition, "False") != 0)
        return fg_sb_refuse(row, "cond", FG_ERR_VALUE, "\"%.20s\"; give 1 (closed) or 0 (open)", condition);
    /* Set points stand at busbars; what hangs at the auxiliary node of a closed switch refers to them as well. */
    if (closed && isnan(reader->vm_set_pu[from]))
        reader->vm_set_pu[from] = reader->vm_set_pu[to];
    else if (closed && isnan(reader->vm_set_pu[to]))
        reader->vm_set_pu[to] = reader->vm_set_pu[from];
    return fg_network_add_switch(reader->network, id, from, to, closed) == NULL ? fg_fail_memory(reader->err) : FG_OK;
}
