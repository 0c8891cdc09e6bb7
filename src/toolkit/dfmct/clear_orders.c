/* Columns of the orders and their acceptance rules.
 *
 *   plain order, per period and price point:  0 <= x <= width (MW),   a = sum x
 *   block, all-or-none:                       0 <= x <= 1,            a = quantity x
 *   minimum acceptance f with binary y:       f y total <= sum x <= y total
 * The relaxation of the last line over 0 <= y <= 1 is 0 <= sum x <= total, so that the continuous problem has no binary.
 * Covering requests only set the price of a limit. */
#include "toolkit/dfmct/clear_model.h"

#include <math.h>

static int32_t add_column(struct clear_model *model, int32_t order, int32_t first, int32_t count, bool is_fraction,
                          double width, double price, double cost)
{
    if (fg_grow((void **)&model->columns, model->column_count, &model->column_capacity, sizeof *model->columns) != 0) {
        model->failed = true;
        return -1;
    }
    int32_t variable = clear_model_add_variable(model, 0, width, cost, width);
    if (variable < 0)
        return -1;
    model->columns[model->column_count++] =
        (struct clear_column){ .order = order, .first = first, .count = count, .is_fraction = is_fraction,
                               .price = price, .width = width };
    return variable; /* columns are the first variables, so that both count alike */
}

static enum fg_code add_cover(struct clear_model *model, const struct fg_order *order, int32_t element, int side,
                              struct fg_error *err)
{
    for (int32_t k = 0; k < order->period_count; k++) {
        if (order->quantity[k].w == 0)
            continue;
        if (fg_grow((void **)&model->covers, model->cover_count, &model->cover_capacity, sizeof *model->covers) != 0)
            return fg_fail_memory(err);
        model->covers[model->cover_count++] =
            (struct clear_cover){ .period = order->first_period + k, .element = element, .side = side,
                                  .quantity = fg_mw(order->quantity[k]), .price = fg_per_mwh(order->points[0].price) };
    }
    return FG_OK;
}

static enum fg_code find_places(struct clear_model *model, int32_t o, struct fg_error *err)
{
    const struct fg_order *order = &model->market->orders[o];
    const struct fg_topology *topology = model->topology;
    model->order_node[o] = -1;
    if (order->location_kind == FG_LOCATION_ZONE)
        return FG_OK;
    const char *id = order->side == FG_SIDE_SELL ? model->market->assets[order->asset].bus : order->location;
    if (order->location_kind == FG_LOCATION_BRANCH_LIMIT) {
        int32_t branch = fg_names_find(&model->branch_names, id);
        if (branch < 0)
            return fg_fail(err, FG_ERR_VALUE, order->place, "order %s: the network has no branch %s", order->id, id);
        int32_t edge = topology->edge_of_branch[branch];
        return edge < 0 ? FG_OK : add_cover(model, order, edge, 0, err);
    }
    int32_t bus = fg_names_find(&model->bus_names, id);
    if (bus < 0)
        return fg_fail(err, FG_ERR_VALUE, order->place, "order %s: the network has no bus %s", order->id, id);
    model->order_node[o] = topology->node_of_bus[bus];
    if (order->location_kind == FG_LOCATION_VOLTAGE_LIMIT && model->order_node[o] >= 0)
        return add_cover(model, order, model->order_node[o], order->regulation == FG_REGULATION_UP ? -1 : 1, err);
    return FG_OK;
}

static bool is_exclusive(const struct fg_market *market, const struct fg_order *order)
{
    return order->group >= 0 && market->groups[order->group].kind == FG_GROUP_EXCLUSIVE_ONE;
}

/* Binary of `count` columns from `first`; an all-or-none fraction is binary itself. */
static void add_choice(struct clear_model *model, int32_t first, int32_t count, double total, double min_fraction)
{
    if (fg_grow((void **)&model->choices, model->choice_count, &model->choice_capacity, sizeof *model->choices) != 0) {
        model->failed = true;
        return;
    }
    struct clear_choice choice = { .kind = CLEAR_ACCEPT, .variable = first, .first_column = first,
                                   .column_count = count, .min_fraction = min_fraction, .row = -1, .total = total };
    if (min_fraction >= 1 && count == 1 && total == 1) {
        model->variables[first].is_binary = true;
    } else {
        choice.variable = clear_model_add_variable(model, 0, 1, 0, 1);
        if (choice.variable < 0)
            return;
        model->variables[choice.variable].is_binary = true;
        model->variables[choice.variable].in_composition = false;
        for (int upper = 0; upper < 2; upper++) {
            clear_model_add_row(model, upper ? -INFINITY : 0, upper ? 0 : INFINITY, CLEAR_INTEGER);
            for (int32_t c = first; c < first + count; c++)
                clear_model_add_term(model, c, 1);
            clear_model_add_term(model, choice.variable, upper ? -total : -min_fraction * total);
        }
        if (count > 1) {
            choice.row = clear_model_add_row(model, 0, total, CLEAR_RELAXED);
            for (int32_t c = first; c < first + count; c++)
                clear_model_add_term(model, c, 1);
        }
    }
    model->choices[model->choice_count++] = choice;
}

static void add_fraction(struct clear_model *model, int32_t o)
{
    const struct fg_order *order = &model->market->orders[o];
    double sign = order->side == FG_SIDE_SELL ? 1 : -1, energy = 0;
    for (int32_t k = 0; k < order->period_count; k++)
        energy += fg_mw(order->quantity[k]) * model->hours;
    double price = fg_per_mwh(order->points[0].price);
    model->order_fraction[o] = add_column(model, o, 0, order->period_count, true, 1, price, sign * price * energy);
}

static void add_pieces(struct clear_model *model, int32_t o, int32_t k)
{
    const struct fg_order *order = &model->market->orders[o];
    double sign = order->side == FG_SIDE_SELL ? 1 : -1, below = 0, total = fg_mw(order->quantity[k]);
    bool whole = order->min_fraction_u == FG_FRACTION_ONE && order->point_count == 1;
    int32_t *place = model->column_start + 2 * (order->offset + (size_t)k);
    place[0] = (int32_t)model->column_count;
    if (total > 0 && whole) {
        double price = fg_per_mwh(order->points[0].price);
        add_column(model, o, k, 1, true, 1, price, sign * price * model->hours * total);
    }
    for (int32_t i = 0; i < order->point_count && !whole && below < total; i++) {
        double up_to = fmin(fg_mw(order->points[i].up_to), total), price = fg_per_mwh(order->points[i].price);
        if (up_to > below)
            add_column(model, o, k, 1, false, up_to - below, price, sign * price * model->hours);
        below = fmax(below, up_to);
    }
    place[1] = (int32_t)model->column_count - place[0];
}

enum fg_code clear_model_add_orders(struct clear_model *model, struct fg_error *err)
{
    const struct fg_market *market = model->market;
    for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        enum fg_code code = find_places(model, o, err);
        if (code != FG_OK)
            return code;
        model->order_fraction[o] = -1;
        model->need_of_order[o] = -1;
        bool covers = order->location_kind == FG_LOCATION_BRANCH_LIMIT ||
                      order->location_kind == FG_LOCATION_VOLTAGE_LIMIT;
        bool has_place = model->order_node[o] >= 0 || order->location_kind == FG_LOCATION_ZONE;
        if (covers || !has_place)
            continue; /* a bus without supply takes no part */
        if (order->block)
            add_fraction(model, o);
        else
            for (int32_t k = 0; k < order->period_count; k++)
                add_pieces(model, o, k);
        if (model->failed)
            return fg_fail_memory(err);
    }
    for (int32_t o = 0; o < (int32_t)market->order_count && !model->failed; o++) {
        const struct fg_order *order = &market->orders[o];
        double min_fraction = (double)order->min_fraction_u / FG_FRACTION_ONE;
        if (order->min_fraction_u == 0 && !is_exclusive(market, order))
            continue;
        if (order->block) {
            if (model->order_fraction[o] >= 0)
                add_choice(model, model->order_fraction[o], 1, 1, min_fraction);
            continue;
        }
        for (int32_t k = 0; k < order->period_count; k++) {
            int32_t first, count;
            double total = 0;
            clear_model_order_columns(model, o, k, &first, &count);
            for (int32_t c = first; c < first + count; c++)
                total += model->columns[c].width;
            if (count > 0)
                add_choice(model, first, count, total, min_fraction);
        }
    }
    return model->failed ? fg_fail_memory(err) : FG_OK;
}
