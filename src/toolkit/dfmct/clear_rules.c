/* Rules between orders: links, groups, balance, matching of requests, and need requests.
 *
 * Need requests at a place Z (bus or zone) with net change n(Z) of its injections:
 *     sum of accepted up   <= max(n, 0):   sum a_up   - n <= M (1 - d),   sum a_up   <= A d
 *     sum of accepted down <= max(-n, 0):  sum a_down + n <= M' d,        sum a_down <= A' (1 - d)
 * d is left out where one direction cannot occur. Sums run over requests at Z and inside it: a kW counts once. */
#include "toolkit/dfmct/clear_model.h"

#include <math.h>
#include <string.h>

static bool takes_part(const struct clear_model *model, int32_t order)
{
    int32_t first, count;
    if (model->order_fraction[order] >= 0)
        return true;
    clear_model_order_columns(model, order, 0, &first, &count);
    return count > 0;
}

static void add_links(struct clear_model *model)
{
    const struct fg_market *market = model->market;
    for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
        int32_t parent = market->orders[o].parent;
        if (parent < 0 || !takes_part(model, o))
            continue;
        clear_model_add_row(model, -INFINITY, 0, CLEAR_BOTH);
        clear_model_add_fraction_terms(model, o, 1);
        if (takes_part(model, parent))
            clear_model_add_fraction_terms(model, parent, -1);
    }
}

static const struct clear_choice *choice_of_order(const struct clear_model *model, int32_t order)
{
    for (size_t i = 0; i < model->choice_count; i++)
        if (model->choices[i].kind == CLEAR_ACCEPT && model->columns[model->choices[i].first_column].order == order)
            return &model->choices[i];
    return NULL;
}

static void add_groups(struct clear_model *model)
{
    const struct fg_market *market = model->market;
    for (int32_t g = 0; g < (int32_t)market->group_count; g++) {
        enum fg_group_kind kind = market->groups[g].kind;
        int32_t first = -1;
        if (kind != FG_GROUP_MULTIPART)
            clear_model_add_row(model, -INFINITY, 1, kind == FG_GROUP_EXCLUSIVE_ONE ? CLEAR_RELAXED : CLEAR_BOTH);
        for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
            if (market->orders[o].group != g || !takes_part(model, o))
                continue;
            if (kind == FG_GROUP_MULTIPART && first >= 0) {
                clear_model_add_row(model, 0, 0, CLEAR_BOTH);
                clear_model_add_fraction_terms(model, o, 1);
                clear_model_add_fraction_terms(model, first, -1);
            } else if (kind != FG_GROUP_MULTIPART) {
                clear_model_add_fraction_terms(model, o, 1);
            }
            first = first < 0 ? o : first;
        }
        if (kind != FG_GROUP_EXCLUSIVE_ONE)
            continue;
        clear_model_add_row(model, -INFINITY, 1, CLEAR_INTEGER);
        for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
            const struct clear_choice *choice = market->orders[o].group == g ? choice_of_order(model, o) : NULL;
            if (choice != NULL)
                clear_model_add_term(model, choice->variable, 1);
        }
    }
}

static void add_matching(struct clear_model *model)
{
    const struct fg_market *market = model->market;
    size_t rows = (size_t)model->periods * 4;
    int32_t *row_orders = fg_alloc(market->order_period_count + 1, sizeof *row_orders);
    size_t *start = fg_alloc(rows + 2, sizeof *start);
    if (row_orders == NULL || start == NULL) {
        model->failed = true;
        fg_free(row_orders);
        fg_free(start);
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
            const struct fg_order *order = &market->orders[o];
            if (order->regulation == FG_REGULATION_BOTH || order->location_kind == FG_LOCATION_VOLTAGE_LIMIT)
                continue;
            for (int32_t k = 0; k < order->period_count; k++) {
                size_t row = (size_t)(order->first_period + k) * 4 + (size_t)order->product * 2 + (size_t)order->regulation;
                if (pass == 0)
                    start[row + 2]++;
                else
                    row_orders[start[row + 1]++] = o;
            }
        }
        for (size_t r = 2; r < rows + 2 && pass == 0; r++)
            start[r] += start[r - 1];
    }
    for (size_t r = 0; r < rows; r++) {
        if (start[r] == start[r + 1])
            continue;
        int32_t row = clear_model_add_row(model, 0, 0, CLEAR_BOTH);
        if (row < 0)
            break;
        model->rows[row].kind = CLEAR_ROW_MATCH;
        model->rows[row].period = (int32_t)(r / 4);
        model->rows[row].subject = (int32_t)(r % 4);
        for (size_t i = start[r]; i < start[r + 1]; i++) {
            int32_t o = row_orders[i], first, count, k = (int32_t)(r / 4) - market->orders[o].first_period;
            double sign = market->orders[o].side == FG_SIDE_SELL ? 1 : -1;
            clear_model_order_columns(model, o, k, &first, &count);
            for (int32_t c = first; c < first + count; c++)
                clear_model_add_term(model, c, sign * clear_model_amount(model, c, k));
        }
    }
    fg_free(row_orders);
    fg_free(start);
}

enum fg_code clear_model_add_rules(struct clear_model *model, struct fg_error *err)
{
    add_links(model);
    add_groups(model);
    if (model->market->match_requests)
        add_matching(model);
    return model->failed ? fg_fail_memory(err) : FG_OK;
}

/* -- rows over net changes; effects are sorted by now --------------------------------------------------------------- */

static void add_balance(struct clear_model *model, int product)
{
    for (int32_t t = 0; t < model->periods; t++) {
        double constant = 0;
        int32_t row = clear_model_add_row(model, 0, 0, CLEAR_BOTH);
        if (row < 0)
            return;
        model->rows[row].kind = CLEAR_ROW_BALANCE;
        model->rows[row].period = t;
        model->rows[row].subject = product;
        for (size_t i = model->effect_start[t]; i < model->effect_start[t + 1]; i++) {
            const struct clear_effect *e = &model->effects[i];
            double coefficient = product == 0 ? e->p : e->q;
            if (coefficient == 0)
                continue;
            clear_model_add_term(model, e->variable, coefficient);
            constant += coefficient * model->variables[e->variable].base;
        }
        model->rows[row].lower = model->rows[row].upper = constant;
    }
}

static bool zone_is_inside(const struct fg_market *market, int32_t zone, int32_t outer)
{
    while (zone >= 0 && zone != outer)
        zone = market->zones[zone].parent;
    return zone == outer;
}

/* Does a request at `inner` use up net change of `outer`? */
static bool need_is_inside(const struct clear_model *model, const struct clear_need *inner,
                           const struct clear_need *outer, const bool *in_zone)
{
    if (outer->zone < 0)
        return inner->zone < 0 && inner->node == outer->node;
    return inner->zone >= 0 ? zone_is_inside(model->market, inner->zone, outer->zone) : in_zone[inner->node];
}

static enum fg_code mark_nodes(const struct clear_model *model, const struct clear_need *need, bool *in_zone,
                               struct fg_error *err)
{
    memset(in_zone, 0, (size_t)model->topology->node_count * sizeof *in_zone);
    if (need->zone < 0) {
        in_zone[need->node] = true;
        return FG_OK;
    }
    const struct fg_zone *zone = &model->market->zones[need->zone];
    for (size_t i = 0; i < zone->bus_count; i++) {
        int32_t bus = fg_names_find(&model->bus_names, zone->buses[i]);
        if (bus < 0)
            return fg_fail(err, FG_ERR_VALUE, NULL, "zone %s: the network has no bus %s", zone->id, zone->buses[i]);
        if (model->topology->node_of_bus[bus] >= 0)
            in_zone[model->topology->node_of_bus[bus]] = true;
    }
    return FG_OK;
}

struct need_period {
    const struct clear_need *need;
    const bool *in_zone;
    int32_t index, period;
};

/* Add sign x accepted quantities of requests of one regulation at and inside the place; their largest sum. */
static double add_requests(struct clear_model *model, const struct need_period *at, enum fg_regulation regulation,
                           bool count_only)
{
    const struct fg_market *market = model->market;
    double total = 0;
    for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        int32_t k = at->period - order->first_period, first, count;
        if (model->need_of_order[o] < 0 || order->regulation != regulation ||
            (int)order->product != at->need->product || k < 0 || k >= order->period_count ||
            !need_is_inside(model, &model->needs[model->need_of_order[o]], at->need, at->in_zone))
            continue;
        total += fg_mw(order->quantity[k]);
        clear_model_order_columns(model, o, k, &first, &count);
        for (int32_t c = first; c < first + count && !count_only; c++)
            clear_model_add_term(model, c, clear_model_amount(model, c, k));
    }
    return total;
}

/* Add factor x net change; reach[0], reach[1]: largest decrease and increase. Returns factor x constant part. */
static double add_net_change(struct clear_model *model, const struct need_period *at, double factor, double reach[2])
{
    double constant = 0;
    reach[0] = reach[1] = 0;
    for (size_t i = model->effect_start[at->period]; i < model->effect_start[at->period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        double coefficient = at->need->product == 0 ? e->p : e->q;
        if (!at->in_zone[e->node] || coefficient == 0)
            continue;
        const struct clear_variable *v = &model->variables[e->variable];
        double low = coefficient * (v->lower - v->base), high = coefficient * (v->upper - v->base);
        reach[0] += fmax(0, -fmin(low, high));
        reach[1] += fmax(0, fmax(low, high));
        if (factor != 0)
            clear_model_add_term(model, e->variable, factor * coefficient);
        constant -= factor * coefficient * v->base;
    }
    return constant;
}

static enum fg_code add_need(struct clear_model *model, const struct need_period *at, struct fg_error *err)
{
    static const enum fg_regulation sides[2] = { FG_REGULATION_UP, FG_REGULATION_DOWN };
    double total[2], reach[2];
    int32_t direction = -1;
    for (int side = 0; side < 2; side++)
        total[side] = add_requests(model, at, sides[side], true);
    add_net_change(model, at, 0, reach);
    /* Assets with limits may have no finite reach: what is asked for bounds the change that matters on the own side. */
    for (int side = 0; side < 2; side++)
        reach[side] = fmin(reach[side], 1e6);
    bool has_direction = (total[0] > 0 && reach[0] > 0) || (total[1] > 0 && reach[1] > 0);
    if (has_direction) {
        direction = clear_model_add_variable(model, 0, 1, 0, 1);
        if (direction < 0 ||
            fg_grow((void **)&model->choices, model->choice_count, &model->choice_capacity, sizeof *model->choices) != 0)
            return fg_fail_memory(err);
        model->variables[direction].is_binary = true;
        model->choices[model->choice_count++] =
            (struct clear_choice){ .kind = CLEAR_ZONE_DIRECTION, .variable = direction, .row = -1 };
    }
    for (int side = 0; side < 2; side++) {
        /* A little beyond reach: with the direction taken, the other side's row never binds and has no price. */
        double against = 1.01 * reach[side] + 1, other[2];
        if (total[side] == 0)
            continue;
        int32_t row = clear_model_add_row(model, -INFINITY, 0, CLEAR_BOTH);
        if (row < 0)
            return fg_fail_memory(err);
        model->rows[row].kind = CLEAR_ROW_NEED;
        model->rows[row].period = at->period;
        model->rows[row].subject = at->index;
        model->rows[row].need_sign = side == 0 ? 1 : -1;
        add_requests(model, at, sides[side], false);
        double constant = add_net_change(model, at, side == 0 ? -1 : 1, other);
        double upper = -constant;
        if (has_direction) {
            clear_model_add_term(model, direction, side == 0 ? against : -against);
            upper += side == 0 ? against : 0;
            clear_model_add_row(model, -INFINITY, side == 0 ? 0 : total[1], CLEAR_BOTH);
            add_requests(model, at, sides[side], false);
            clear_model_add_term(model, direction, side == 0 ? -total[0] : total[1]);
        }
        model->rows[row].upper = upper;
    }
    return model->failed ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code collect_needs(struct clear_model *model, struct fg_error *err)
{
    const struct fg_market *market = model->market;
    for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        bool counts = order->kind == FG_REQUEST_NEED &&
                      (order->location_kind == FG_LOCATION_BUS || order->location_kind == FG_LOCATION_ZONE);
        if (!counts || (order->location_kind == FG_LOCATION_BUS && model->order_node[o] < 0))
            continue;
        struct clear_need need = { order->location_kind == FG_LOCATION_ZONE ? order->zone : -1,
                                   order->location_kind == FG_LOCATION_ZONE ? -1 : model->order_node[o],
                                   (int32_t)order->product };
        size_t i = 0;
        while (i < model->need_count && (model->needs[i].zone != need.zone || model->needs[i].node != need.node ||
                                         model->needs[i].product != need.product))
            i++;
        if (i == model->need_count) {
            if (fg_grow((void **)&model->needs, model->need_count, &model->need_capacity, sizeof *model->needs) != 0)
                return fg_fail_memory(err);
            model->needs[model->need_count++] = need;
        }
        model->need_of_order[o] = (int32_t)i;
    }
    return FG_OK;
}

enum fg_code clear_model_add_needs(struct clear_model *model, struct fg_error *err)
{
    enum fg_code code = collect_needs(model, err);
    bool *in_zone = fg_alloc((size_t)model->topology->node_count + 1, sizeof *in_zone);
    if (code == FG_OK && in_zone == NULL)
        code = fg_fail_memory(err);
    for (size_t i = 0; i < model->need_count && code == FG_OK; i++) {
        code = mark_nodes(model, &model->needs[i], in_zone, err);
        for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
            struct need_period at = { &model->needs[i], in_zone, (int32_t)i, t };
            code = add_need(model, &at, err);
        }
    }
    fg_free(in_zone);
    if (code != FG_OK)
        return code;
    if (model->market->balance == FG_BALANCE_CLOSED)
        add_balance(model, 0);
    if (model->market->balance_reactive == FG_BALANCE_CLOSED)
        add_balance(model, 1);
    return model->failed ? fg_fail_memory(err) : FG_OK;
}
