/* Two- and three-winding transformers of a pandapower network (model in transformer_t.h). Three-winding transformers
 * become the star of their pairwise short-circuit voltages. (pandapower documentation, "Transformer", "Three Winding
 * Transformer"; default trafo_model "t".) */
#include "grid/pandapower_reader.h"
#include "grid/transformer_t.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Read the tap columns with a prefix "tap" or "tap2"; `side` receives "hv", "mv", "lv" or NULL. */
static void read_tap(struct fg_pp_row *row, const char *prefix, struct fg_transformer_tap *tap, const char **side)
{
    char column[40];
#define COLUMN(suffix) (snprintf(column, sizeof column, "%s%s", prefix, suffix), column)
    *side = fg_pp_string(row, COLUMN("_side"));
    tap->position = fg_pp_number(row, COLUMN("_pos"), NAN);
    tap->neutral = fg_pp_number(row, COLUMN("_neutral"), NAN);
    tap->minimum = fg_pp_number(row, COLUMN("_min"), NAN);
    tap->maximum = fg_pp_number(row, COLUMN("_max"), NAN);
    tap->step_percent = fg_pp_number(row, COLUMN("_step_percent"), 0);
    tap->step_degree = fg_pp_number(row, COLUMN("_step_degree"), 0);
    const char *type = fg_pp_string(row, COLUMN("_changer_type"));
    bool is_typed = fg_pp_table_has(row->table, column);
    bool is_shifter = !is_typed && fg_pp_bool(row, COLUMN("_phase_shifter"), false);
#undef COLUMN
    tap->kind = FG_TAP_NONE;
    if (isnan(tap->position) || isnan(tap->neutral) || *side == NULL)
        return;
    if (!is_typed) /* before format 3.0 */
        tap->kind = is_shifter || (tap->step_percent == 0 && tap->step_degree != 0) ? FG_TAP_IDEAL : FG_TAP_COMPLEX;
    else if (type != NULL && strcmp(type, "Ideal") == 0)
        tap->kind = FG_TAP_IDEAL;
    else if (type != NULL && (strcmp(type, "Ratio") == 0 || strcmp(type, "Symmetrical") == 0))
        tap->kind = FG_TAP_COMPLEX;
    else if (type != NULL && strcmp(type, "None") != 0 && *type != '\0')
        fg_pp_refuse(row, "tap_changer_type", FG_ERR_UNSUPPORTED,
                     "tap changer type \"%s\"; \"Ratio\", \"Symmetrical\", \"Ideal\" and none are known", type);
    if (tap->kind == FG_TAP_IDEAL && tap->step_percent != 0 && tap->step_degree != 0)
        fg_pp_refuse(row, "tap_step_degree", FG_ERR_VALUE,
                     "an ideal phase shifter has either tap_step_degree or tap_step_percent; drop one");
}

static enum fg_code add_transformer(struct fg_pp_reader *reader, const struct fg_pp_row *row, const char *id,
                                    int32_t from, int32_t to, const struct fg_transformer_t *t,
                                    struct fg_branch **added)
{
    struct fg_branch *branch = fg_network_add_branch(reader->network, id, from, to);
    if (branch == NULL || fg_names_add(&reader->branches, branch->id, (int32_t)reader->network->branch_count - 1))
        return fg_fail_memory(reader->err);
    *added = branch;
    bool is_fixed;
    enum fg_code code = fg_transformer_apply(t, reader->network, branch, &is_fixed, reader->err);
    return code == FG_OK && is_fixed
               ? fg_pp_note(
                     reader, row, FG_NOTE_CONVERTED,
                     "tap changer whose position is not a whole number within its range of at most %d positions: "
                     "fixed where it stands",
                     FG_TRANSFORMER_MOST_TAPS)
               : code;
}

static enum fg_code refuse_tap_table(struct fg_pp_row *row)
{
    static const char *const flags[] = {"tap_dependency_table", "tap_dependent_impedance"};
    for (int k = 0; k < 2 && row->code == FG_OK; k++)
        if (fg_pp_bool(row, flags[k], false))
            fg_pp_refuse(row, flags[k], FG_ERR_UNSUPPORTED,
                         "impedance or ratio from a characteristic; set it to false and give the values of the present "
                         "position");
    return row->code;
}

/* Limits and signs of one winding pair's data. */
static enum fg_code check_transformer(struct fg_pp_row *row, const struct fg_transformer_t *t)
{
    if (row->code == FG_OK && !(t->vn_hv_kv > 0 && t->vn_lv_kv > 0 && t->sn_mva > 0 && t->parallel > 0))
        fg_pp_refuse(row, NULL, FG_ERR_VALUE,
                     "rated voltages %g and %g kV, rated power %g MVA and %g in parallel must be positive", t->vn_hv_kv,
                     t->vn_lv_kv, t->sn_mva, t->parallel);
    if (row->code == FG_OK && fabs(t->vkr_percent) > fabs(t->vk_percent) * (1 + 1e-9))
        fg_pp_refuse(row, NULL, FG_ERR_VALUE,
                     "short-circuit voltage %g %% is below its real part %g %%; correct vk_percent or vkr_percent",
                     t->vk_percent, t->vkr_percent);
    return row->code;
}

/* A negative i0 stood for a capacitive branch up to pandapower 2; from format 3.0 on only its magnitude counts. */
static double magnetising_percent(struct fg_pp_reader *reader, const struct fg_pp_row *row, double i0_percent,
                                  enum fg_code *code)
{
    *code = FG_OK;
    if (i0_percent >= 0 || reader->format_version < 3)
        return i0_percent;
    *code = fg_pp_note(reader, row, FG_NOTE_WARNING,
                       "negative i0_percent: only its magnitude counts, as in pandapower 3; where it was meant as a "
                       "capacitive branch (pandapower 2), add a shunt instead");
    return -i0_percent;
}

static enum fg_code note_idle_tap(struct fg_pp_reader *reader, const struct fg_pp_row *row,
                                  const struct fg_transformer_tap *tap)
{
    bool is_idle = tap->kind == FG_TAP_NONE && isfinite(tap->position) && isfinite(tap->neutral) &&
                   tap->position != tap->neutral && (tap->step_percent != 0 || tap->step_degree != 0);
    return is_idle
               ? fg_pp_note(reader, row, FG_NOTE_WARNING,
                            "tap position of a transformer without tap_changer_type or tap_side: has no effect, as in "
                            "pandapower 3")
               : FG_OK;
}

enum fg_code fg_pp_trafo(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_transformer_t t = {0};
    const char *side;
    int32_t from = fg_pp_bus(reader, row, "hv_bus"), to = fg_pp_bus(reader, row, "lv_bus");
    t.sn_mva = fg_pp_need(row, "sn_mva");
    t.vn_hv_kv = fg_pp_need(row, "vn_hv_kv");
    t.vn_lv_kv = fg_pp_need(row, "vn_lv_kv");
    t.vk_percent = fg_pp_need(row, "vk_percent");
    t.vkr_percent = fg_pp_need(row, "vkr_percent");
    t.pfe_kw = fg_pp_need(row, "pfe_kw");
    t.i0_percent = fg_pp_need(row, "i0_percent");
    t.shift_degree = fg_pp_number(row, "shift_degree", 0);
    t.parallel = fg_pp_number(row, "parallel", 1);
    t.r_share_hv = fg_pp_number(row, "leakage_resistance_ratio_hv", 0.5);
    t.x_share_hv = fg_pp_number(row, "leakage_reactance_ratio_hv", 0.5);
    double df = fg_pp_number(row, "df", 1), loading_percent = fg_pp_number(row, "max_loading_percent", 100);
    bool in_service = fg_pp_bool(row, "in_service", true);
    static const char *const prefixes[] = {"tap", "tap2"};
    for (int k = 0; k < 2; k++) {
        read_tap(row, prefixes[k], &t.taps[k], &side);
        t.taps[k].on_hv = side != NULL && strcmp(side, "hv") == 0;
        if (!t.taps[k].on_hv && (side == NULL || strcmp(side, "lv") != 0))
            t.taps[k].kind = FG_TAP_NONE;
    }
    refuse_tap_table(row);
    if (row->code == FG_OK && !(df > 0))
        fg_pp_refuse(row, "df", FG_ERR_VALUE, "derating factor is %g; give a positive one", df);
    if (check_transformer(row, &t) != FG_OK)
        return row->code;

    t.bus_hv_kv = reader->network->buses[from].vn_kv;
    t.bus_lv_kv = reader->network->buses[to].vn_kv;
    char id[FG_PP_ID];
    struct fg_branch *branch;
    enum fg_code code;
    t.i0_percent = magnetising_percent(reader, row, t.i0_percent, &code);
    if (code == FG_OK)
        code = note_idle_tap(reader, row, &t.taps[0]);
    if (code == FG_OK)
        code = add_transformer(reader, row, fg_pp_id(row, id), from, to, &t, &branch);
    if (code != FG_OK)
        return code;
    branch->name = fg_pp_name(reader, row);
    branch->in_service = in_service;
    double rate_mva = t.sn_mva * t.parallel * df * loading_percent / 100;
    branch->rate_normal_mva = rate_mva > 0 ? rate_mva : INFINITY;
    return row->code;
}

/* Star of the pairwise values (hv-mv, mv-lv, hv-lv), each on the smaller rated power of its pair, in percent of each
 * winding's own rated power. */
static void star_of_pairs(const double pair[3], const double sn_mva[3], double star[3])
{
    double hm = pair[0] / fmin(sn_mva[0], sn_mva[1]), ml = pair[1] / fmin(sn_mva[1], sn_mva[2]);
    double hl = pair[2] / fmin(sn_mva[0], sn_mva[2]);
    star[0] = 0.5 * sn_mva[0] * (hm + hl - ml);
    star[1] = 0.5 * sn_mva[1] * (ml + hm - hl);
    star[2] = 0.5 * sn_mva[2] * (hl + ml - hm);
}

static enum fg_code add_star_losses(struct fg_pp_reader *reader, const char *owner, int32_t star, double pfe_kw,
                                    double s0_mva, double v2, bool in_service)
{
    double pfe_mw = pfe_kw * 1e-3;
    struct fg_shunt *shunt = fg_network_add_shunt(reader->network, owner, star, pfe_mw * v2,
                                                  -sqrt(fmax(s0_mva * s0_mva - pfe_mw * pfe_mw, 0)) * v2);
    if (shunt == NULL)
        return fg_fail_memory(reader->err);
    shunt->in_service = in_service;
    return FG_OK;
}

enum fg_code fg_pp_trafo3w(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    static const char *const windings[] = {"hv", "mv", "lv"};
    int32_t bus[3];
    double sn_mva[3], vn_kv[3], vk[3], vkr[3], vki[3], star_r[3], star_i[3], shift_degree[3] = {0};
    char column[32];
    for (int i = 0; i < 3; i++) {
#define COLUMN(format) (snprintf(column, sizeof column, format, windings[i]), column)
        bus[i] = fg_pp_bus(reader, row, COLUMN("%s_bus"));
        sn_mva[i] = fg_pp_need(row, COLUMN("sn_%s_mva"));
        vn_kv[i] = fg_pp_need(row, COLUMN("vn_%s_kv"));
        vk[i] = fg_pp_need(row, COLUMN("vk_%s_percent"));
        vkr[i] = fg_pp_need(row, COLUMN("vkr_%s_percent"));
        shift_degree[i] = i == 0 ? 0 : fg_pp_number(row, COLUMN("shift_%s_degree"), 0);
#undef COLUMN
    }
    struct fg_transformer_tap tap;
    const char *tap_side, *loss_side = fg_pp_string(row, "loss_side");
    read_tap(row, "tap", &tap, &tap_side);
    tap.at_star_point = fg_pp_bool(row, "tap_at_star_point", false);
    double pfe_kw = fg_pp_need(row, "pfe_kw"), i0_percent = fg_pp_need(row, "i0_percent");
    double loading_percent = fg_pp_number(row, "max_loading_percent", 100);
    bool in_service = fg_pp_bool(row, "in_service", true);
    refuse_tap_table(row);
    if (row->code == FG_OK && tap.at_star_point && tap.kind == FG_TAP_IDEAL)
        fg_pp_refuse(row, "tap_at_star_point", FG_ERR_UNSUPPORTED,
                     "an ideal phase shifter at the star point; put it at the winding's terminal");
    for (int i = 0; i < 3 && row->code == FG_OK; i++)
        check_transformer(row, &(struct fg_transformer_t){.vn_hv_kv = vn_kv[i],
                                                          .vn_lv_kv = vn_kv[i],
                                                          .sn_mva = sn_mva[i],
                                                          .parallel = 1,
                                                          .vk_percent = vk[i],
                                                          .vkr_percent = vkr[i]});
    if (row->code != FG_OK)
        return row->code;
    enum fg_code code;
    i0_percent = magnetising_percent(reader, row, i0_percent, &code);
    if (code == FG_OK)
        code = note_idle_tap(reader, row, &tap);
    if (code != FG_OK)
        return code;
    /* Square roots of the pairs, on one base; the star then mixes real and imaginary parts separately. */
    for (int i = 0; i < 3; i++)
        vki[i] = sqrt(fmax(vk[i] * vk[i] - vkr[i] * vkr[i], 0));
    star_of_pairs(vkr, sn_mva, star_r);
    star_of_pairs(vki, sn_mva, star_i);

    struct fg_network *network = reader->network;
    char owner[FG_PP_ID], id[FG_PP_ID + 8];
    fg_pp_id(row, owner);
    snprintf(id, sizeof id, "%s_star", owner);
    double star_kv = network->buses[bus[0]].vn_kv;
    struct fg_bus *star_bus = fg_network_add_bus(network, id, star_kv);
    const char *origin = fg_network_string(network, owner);
    if (star_bus == NULL || origin == NULL)
        return fg_fail_memory(reader->err);
    star_bus->is_internal = true;
    star_bus->in_service = in_service;
    int32_t star = (int32_t)network->bus_count - 1;
    if (loss_side == NULL)
        loss_side = "hv";
    for (int i = 0; i < 3; i++) {
        struct fg_transformer_t t = {.vn_hv_kv = vn_kv[0],
                                     .vn_lv_kv = vn_kv[i],
                                     .sn_mva = sn_mva[i],
                                     .parallel = 1,
                                     .vk_percent = copysign(hypot(star_r[i], star_i[i]), star_i[i]),
                                     .vkr_percent = star_r[i],
                                     .shift_degree = shift_degree[i],
                                     .r_share_hv = 0.5,
                                     .x_share_hv = 0.5,
                                     .bus_hv_kv = star_kv,
                                     .bus_lv_kv = network->buses[bus[i]].vn_kv};
        if (i == 0)
            t.bus_lv_kv = star_kv;
        if (strcmp(loss_side, windings[i]) == 0) {
            t.pfe_kw = pfe_kw;
            t.i0_percent = i0_percent;
        }
        if (tap.kind != FG_TAP_NONE && strcmp(tap_side, windings[i]) == 0) {
            t.taps[0] = tap;
            t.taps[0].on_hv = i == 0;
        }
        struct fg_branch *branch;
        snprintf(id, sizeof id, "%s_%s", owner, windings[i]);
        code = add_transformer(reader, row, id, i == 0 ? bus[0] : star, i == 0 ? star : bus[i], &t, &branch);
        if (code != FG_OK)
            return code;
        branch->name = fg_pp_name(reader, row);
        branch->origin = origin;
        branch->in_service = in_service;
        double rate_mva = sn_mva[i] * loading_percent / 100;
        branch->rate_normal_mva = rate_mva > 0 ? rate_mva : INFINITY;
    }
    if (strcmp(loss_side, "star") == 0)
        code = add_star_losses(reader, owner, star, pfe_kw, i0_percent / 100 * sn_mva[0],
                               star_kv * star_kv / (vn_kv[0] * vn_kv[0]), in_service);
    else if (strcmp(loss_side, "hv") != 0 && strcmp(loss_side, "mv") != 0 && strcmp(loss_side, "lv") != 0)
        code =
            fg_pp_refuse(row, "loss_side", FG_ERR_VALUE, "\"%s\"; give \"hv\", \"mv\", \"lv\" or \"star\"", loss_side);
    return code == FG_OK ? row->code : code;
}
