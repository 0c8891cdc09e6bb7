/* Sources, generators, controllable injections and costs of a pandapower network.
 *
 * Costs are those of the element's own p_mw (pandapower documentation, "Optimal Power Flow"): a load's cost at
 * consumption p becomes the cost of the injection -p. */
#include "grid/pandapower_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAD_PER_DEGREE (3.14159265358979323846 / 180)

static enum fg_code add_generator(struct fg_pp_reader *reader, const char *id, enum fg_generator_kind kind, int32_t bus,
                                  struct fg_generator **added)
{
    struct fg_generator *item = fg_network_add_generator(reader->network, id, kind, bus);
    if (item == NULL || fg_names_add(&reader->generators, item->id, (int32_t)reader->network->generator_count - 1))
        return fg_fail_memory(reader->err);
    *added = item;
    return FG_OK;
}

enum fg_code fg_pp_ext_grid(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    char id[FG_PP_ID];
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double vm_pu = fg_pp_number(row, "vm_pu", 1), va_degree = fg_pp_number(row, "va_degree", 0);
    double p_min = fg_pp_number(row, "min_p_mw", -INFINITY), p_max = fg_pp_number(row, "max_p_mw", INFINITY);
    double q_min = fg_pp_number(row, "min_q_mvar", -INFINITY), q_max = fg_pp_number(row, "max_q_mvar", INFINITY);
    bool in_service = fg_pp_bool(row, "in_service", true);
    if (row->code != FG_OK)
        return row->code;
    struct fg_generator *source = NULL;
    enum fg_code code = add_generator(reader, fg_pp_id(row, id), FG_GENERATOR_SOURCE, bus, &source);
    if (code != FG_OK)
        return code;
    source->name = fg_pp_name(reader, row);
    source->vm_set_pu = vm_pu;
    source->va_set_rad = va_degree * RAD_PER_DEGREE;
    source->p_min_mw = p_min, source->p_max_mw = p_max;
    source->q_min_mvar = q_min, source->q_max_mvar = q_max;
    source->in_service = in_service;
    return row->code;
}

enum fg_code fg_pp_gen(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    char id[FG_PP_ID];
    int32_t bus = fg_pp_bus(reader, row, "bus");
    double p_mw = fg_pp_need(row, "p_mw") * fg_pp_number(row, "scaling", 1), vm_pu = fg_pp_number(row, "vm_pu", 1);
    double p_min = fg_pp_number(row, "min_p_mw", -INFINITY), p_max = fg_pp_number(row, "max_p_mw", INFINITY);
    double q_min = fg_pp_number(row, "min_q_mvar", -INFINITY), q_max = fg_pp_number(row, "max_q_mvar", INFINITY);
    bool is_slack = fg_pp_bool(row, "slack", false), in_service = fg_pp_bool(row, "in_service", true);
    bool is_controllable = fg_pp_bool(row, "controllable", true);
    if (row->code != FG_OK)
        return row->code;
    struct fg_generator *generator = NULL;
    enum fg_code code = add_generator(reader, fg_pp_id(row, id),
                                      is_slack ? FG_GENERATOR_SOURCE : FG_GENERATOR_DISPATCHABLE, bus, &generator);
    if (code != FG_OK)
        return code;
    generator->name = fg_pp_name(reader, row);
    generator->p_mw = p_mw;
    generator->vm_set_pu = vm_pu;
    generator->p_min_mw = is_controllable ? p_min : p_mw;
    generator->p_max_mw = is_controllable ? p_max : p_mw;
    generator->q_min_mvar = q_min, generator->q_max_mvar = q_max;
    generator->in_service = in_service;
    code = row->code;
    if (code == FG_OK && (fg_pp_number(row, "min_vm_pu", 0) > 0 || isfinite(fg_pp_number(row, "max_vm_pu", INFINITY))))
        code = fg_pp_note(reader, row, FG_NOTE_IGNORED, "voltage limits of a generator: those of its bus hold");
    return code == FG_OK ? row->code : code;
}

/* pandapower: a generator at each end, joined by the loss formula; each holds its voltage. */
enum fg_code fg_pp_dcline(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    static const char *const ends[] = {"from", "to"};
    int32_t bus[2] = {fg_pp_bus(reader, row, "from_bus"), fg_pp_bus(reader, row, "to_bus")};
    double set_mw = fg_pp_need(row, "p_mw"), sent_mw = fabs(set_mw);
    double received_mw = sent_mw * (1 - fg_pp_number(row, "loss_percent", 0) / 100) - fg_pp_number(row, "loss_mw", 0);
    double p_mw[2] = {set_mw > 0 ? -sent_mw : received_mw, set_mw > 0 ? received_mw : -sent_mw};
    bool in_service = fg_pp_bool(row, "in_service", true);
    char id[FG_PP_ID], end_id[FG_PP_ID + 8], column[32];
    fg_pp_id(row, id);
    for (int i = 0; i < 2; i++) {
#define COLUMN(format) (snprintf(column, sizeof column, format, ends[i]), column)
        double vm_pu = fg_pp_number(row, COLUMN("vm_%s_pu"), 1);
        double q_min = fg_pp_number(row, COLUMN("min_q_%s_mvar"), -INFINITY);
        double q_max = fg_pp_number(row, COLUMN("max_q_%s_mvar"), INFINITY);
#undef COLUMN
        if (row->code != FG_OK)
            return row->code;
        struct fg_generator *end = NULL;
        snprintf(end_id, sizeof end_id, "%s_%s", id, ends[i]);
        enum fg_code code = add_generator(reader, end_id, FG_GENERATOR_DISPATCHABLE, bus[i], &end);
        if (code != FG_OK)
            return code;
        end->name = fg_pp_name(reader, row);
        end->p_mw = end->p_min_mw = end->p_max_mw = p_mw[i];
        end->vm_set_pu = vm_pu;
        end->q_min_mvar = q_min, end->q_max_mvar = q_max;
        end->in_service = in_service;
    }
    return row->code != FG_OK ? row->code
                              : fg_pp_note(reader, row, FG_NOTE_CONVERTED,
                                           "dcline: a generator at each end, its power fixed at the set point");
}

enum fg_code fg_pp_controllable(struct fg_pp_reader *reader, struct fg_pp_row *row, int32_t bus, double p_mw,
                                double q_mvar, double sign, bool *is_generator)
{
    *is_generator = false;
    if (!fg_pp_bool(row, "controllable", false))
        return row->code;
    double p_low = sign * fg_pp_number(row, sign > 0 ? "min_p_mw" : "max_p_mw", NAN);
    double p_high = sign * fg_pp_number(row, sign > 0 ? "max_p_mw" : "min_p_mw", NAN);
    double q_low = sign * fg_pp_number(row, sign > 0 ? "min_q_mvar" : "max_q_mvar", NAN);
    double q_high = sign * fg_pp_number(row, sign > 0 ? "max_q_mvar" : "min_q_mvar", NAN);
    bool in_service = fg_pp_bool(row, "in_service", true);
    if (row->code != FG_OK)
        return row->code;
    if (isnan(p_low) || isnan(p_high))
        return fg_pp_note(reader, row, FG_NOTE_IGNORED, "controllability of a %s without limits of p_mw: kept fixed",
                          row->table->name);
    char id[FG_PP_ID];
    struct fg_generator *generator = NULL;
    enum fg_code code = add_generator(reader, fg_pp_id(row, id), FG_GENERATOR_DISPATCHABLE, bus, &generator);
    if (code != FG_OK)
        return code;
    *is_generator = true;
    generator->name = fg_pp_name(reader, row);
    generator->p_mw = p_mw;
    generator->q_mvar = q_mvar;
    generator->vm_set_pu = NAN;
    generator->p_min_mw = p_low, generator->p_max_mw = p_high;
    generator->q_min_mvar = isnan(q_low) ? q_mvar : q_low;
    generator->q_max_mvar = isnan(q_high) ? q_mvar : q_high;
    generator->in_service = in_service;
    code = row->code;
    if (code == FG_OK && (isnan(q_low) || isnan(q_high)))
        code = fg_pp_note(reader, row, FG_NOTE_DEFAULTED,
                          "controllable %s without limits of q_mvar: reactive power fixed at its set point",
                          row->table->name);
    return code == FG_OK ? fg_pp_note(reader, row, FG_NOTE_CONVERTED,
                                      "controllable %s: becomes a generator that holds no voltage", row->table->name)
                         : code;
}

/* The generator that a cost row speaks of; NULL and a note when the element has no choice to make. */
static enum fg_code cost_owner(struct fg_pp_reader *reader, struct fg_pp_row *row, struct fg_generator **owner,
                               double *sign)
{
    const char *type = fg_pp_string(row, "et");
    long long element = (long long)fg_pp_need_integer(row, "element");
    *owner = NULL;
    if (row->code == FG_OK && type == NULL)
        fg_pp_refuse(row, "et", FG_ERR_SCHEMA, "is missing; name the element's table");
    if (row->code != FG_OK)
        return row->code;
    char id[FG_PP_ID];
    snprintf(id, sizeof id, "%.32s_%lld", type, element);
    *sign = strcmp(type, "load") == 0 ? -1 : 1;
    int32_t index = fg_names_find(&reader->generators, id);
    if (index < 0)
        return fg_pp_note(reader, row, FG_NOTE_IGNORED, "cost of an element that is not a controllable generator");
    *owner = &reader->network->generators[index];
    return FG_OK;
}

enum fg_code fg_pp_poly_cost(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_generator *owner;
    double sign;
    enum fg_code code = cost_owner(reader, row, &owner, &sign);
    if (code != FG_OK || owner == NULL)
        return code;
    double p[3] = {fg_pp_number(row, "cp0_eur", 0), sign * fg_pp_number(row, "cp1_eur_per_mw", 0),
                   fg_pp_number(row, "cp2_eur_per_mw2", 0)};
    double q[3] = {fg_pp_number(row, "cq0_eur", 0), sign * fg_pp_number(row, "cq1_eur_per_mvar", 0),
                   fg_pp_number(row, "cq2_eur_per_mvar2", 0)};
    if (row->code != FG_OK)
        return row->code;
    code = fg_network_set_cost(reader->network, &owner->cost, FG_COST_POLYNOMIAL, 3, p, reader->err);
    if (code == FG_OK && (q[0] != 0 || q[1] != 0 || q[2] != 0))
        code = fg_network_set_cost(reader->network, &owner->cost_reactive, FG_COST_POLYNOMIAL, 3, q, reader->err);
    return code;
}

/* Points from areas (from, to, slope); the cost at the first point is from * slope, as in pandapower. */
static enum fg_code points_of_areas(struct fg_pp_row *row, const struct fg_json_cursor *areas, double *points)
{
    size_t count = fg_json_count(areas);
    double before = NAN;
    for (size_t i = 0; i < count; i++) {
        double area[3];
        struct fg_json_cursor item = fg_json_item(areas, i);
        for (size_t k = 0; k < 3; k++) {
            const json_t *number = json_array_get(item.value, k);
            if (!json_is_number(number))
                return fg_pp_refuse(row, "points", FG_ERR_SCHEMA, "area %zu must be [from, to, slope]", i);
            area[k] = json_number_value(number);
        }
        if (i > 0 && area[0] != before)
            return fg_pp_refuse(row, "points", FG_ERR_VALUE,
                                "area %zu starts at %g, but the one before ends at %g; make them meet", i, area[0],
                                before);
        if (i == 0) {
            points[0] = area[0];
            points[1] = area[0] * area[2];
        }
        points[2 * i + 2] = area[1];
        points[2 * i + 3] = points[2 * i + 1] + (area[1] - area[0]) * area[2];
        before = area[1];
    }
    return FG_OK;
}

enum fg_code fg_pp_pwl_cost(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_generator *owner;
    double sign;
    enum fg_code code = cost_owner(reader, row, &owner, &sign);
    if (code != FG_OK || owner == NULL)
        return code;
    const char *power = fg_pp_string(row, "power_type");
    bool is_reactive = power != NULL && strcmp(power, "q") == 0;
    struct fg_json_cursor areas = fg_pp_cell(row, "points");
    size_t count = json_array_size(areas.value);
    if (count == 0 || count > INT32_MAX / 4)
        return fg_pp_refuse(row, "points", FG_ERR_SCHEMA, "must be an array of [from, to, slope]");
    double *points = fg_alloc(2 * (count + 1), sizeof *points);
    if (points == NULL)
        return fg_fail_memory(reader->err);
    code = points_of_areas(row, &areas, points);
    if (code == FG_OK && sign < 0) /* mirror: the injection is minus the consumption */
        for (size_t low = 0, high = count; low <= high; low++, high--) {
            double p = points[2 * low], cost = points[2 * low + 1];
            points[2 * low] = -points[2 * high], points[2 * low + 1] = points[2 * high + 1];
            points[2 * high] = -p, points[2 * high + 1] = cost;
            if (high == 0)
                break;
        }
    if (code == FG_OK)
        code = fg_network_set_cost(reader->network, is_reactive ? &owner->cost_reactive : &owner->cost,
                                   FG_COST_PIECEWISE, (int32_t)count + 1, points, reader->err);
    fg_free(points);
    return code;
}
