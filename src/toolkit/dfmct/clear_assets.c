/* What accepted orders inject, and the limits of the assets behind them.
 *
 * With a(t) the accepted quantities of an asset's orders, s their signs (up +1, down -1), r its rebound:
 *     p(t) = p0(t) + sum s a(t) - sum_k r_k sum s a(t - k)          q(t) likewise, or q0 + ratio (p - p0)
 * An asset without limits and rebound has no variables of its own: its orders inject themselves. A limit that the
 * baseline itself breaks is widened to the baseline, so that doing nothing stays possible.
 *
 * One direction per period and product (up and down netted) needs a binary only where both directions together could
 * pay: inverted prices, blocks and minimum acceptance, requests matched by direction, energy limits or rebound. */
#include "toolkit/dfmct/clear_model.h"

#include <math.h>

static double finite_mw(struct fg_power power)
{
    return power.w == FG_NO_LIMIT ? INFINITY : power.w == -FG_NO_LIMIT ? -INFINITY : fg_mw(power);
}

static double mwh(struct fg_energy energy)
{
    return energy.ws == FG_NO_LIMIT ? INFINITY : energy.ws == -FG_NO_LIMIT ? -INFINITY : (double)energy.ws / 3.6e9;
}

bool clear_asset_couples_time(const struct fg_asset *asset)
{
    return asset->ramp_per_hour.w != FG_NO_LIMIT || asset->rebound_count > 0 || asset->energy_up.ws != FG_NO_LIMIT ||
           asset->energy_down.ws != FG_NO_LIMIT || asset->energy_min.ws != -FG_NO_LIMIT ||
           asset->energy_max.ws != FG_NO_LIMIT;
}

static bool has_variables(const struct fg_asset *asset)
{
    return clear_asset_couples_time(asset) || asset->s_max.w != FG_NO_LIMIT || asset->p_min.w != -FG_NO_LIMIT ||
           asset->p_max.w != FG_NO_LIMIT || asset->q_min.w != -FG_NO_LIMIT || asset->q_max.w != FG_NO_LIMIT ||
           asset->power_factor_u > 0;
}

/* The sell orders of one asset. */
struct book {
    const int32_t *orders;
    int32_t count;
};

/* Visit the columns of an asset's orders of one product in one period; regulation BOTH visits both. */
struct visit {
    const struct clear_model *model;
    struct book book;
    enum fg_product product;
    enum fg_regulation regulation;
    int32_t period;
    int32_t next, column, columns_left; /* cursor */
    double amount;
    int sign;
};

static struct visit visit_start(const struct clear_model *model, struct book book, enum fg_product product,
                                enum fg_regulation regulation, int32_t period)
{
    return (struct visit){ .model = model, .book = book, .product = product, .regulation = regulation,
                           .period = period, .column = -1 };
}

static bool visit_next(struct visit *visit)
{
    const struct clear_model *model = visit->model;
    while (visit->columns_left == 0) {
        if (visit->next == visit->book.count)
            return false;
        int32_t o = visit->book.orders[visit->next++];
        const struct fg_order *order = &model->market->orders[o];
        int32_t k = visit->period - order->first_period;
        bool fits = order->product == visit->product && k >= 0 && k < order->period_count &&
                    order->quantity[k].w > 0 &&
                    (visit->regulation == FG_REGULATION_BOTH || order->regulation == visit->regulation);
        if (!fits)
            continue;
        clear_model_order_columns(model, o, k, &visit->column, &visit->columns_left);
        if (visit->columns_left > 0)
            visit->amount = clear_model_amount(model, visit->column, k);
        visit->sign = order->regulation == FG_REGULATION_UP ? 1 : -1;
        visit->column--;
    }
    visit->column++;
    visit->columns_left--;
    return true;
}

static bool is_plain(const struct fg_order *order)
{
    return !order->block && order->min_fraction_u == 0 && order->parent < 0 && order->group < 0;
}

static bool needs_direction(const struct clear_model *model, const struct fg_asset *asset, struct book book,
                            enum fg_product product, int32_t period)
{
    double lowest[2] = { INFINITY, INFINITY };
    bool all_plain = true;
    struct visit visit = visit_start(model, book, product, FG_REGULATION_BOTH, period);
    while (visit_next(&visit)) {
        const struct clear_column *column = &model->columns[visit.column];
        int side = visit.sign > 0 ? 0 : 1;
        lowest[side] = fmin(lowest[side], column->price);
        all_plain = all_plain && is_plain(&model->market->orders[column->order]);
    }
    if (!isfinite(lowest[0]) || !isfinite(lowest[1]))
        return false;
    return !all_plain || lowest[0] + lowest[1] < 0 || model->market->match_requests || clear_asset_couples_time(asset);
}

static enum fg_code add_direction(struct clear_model *model, struct book book, enum fg_product product, int32_t period,
                                  struct fg_error *err)
{
    static const enum fg_regulation sides[2] = { FG_REGULATION_UP, FG_REGULATION_DOWN };
    struct clear_choice choice = { .kind = CLEAR_DIRECTION, .row = -1, .first_member = model->member_count };
    double total[2] = { 0, 0 };
    int32_t *counts[2] = { &choice.up_count, &choice.down_count };
    choice.variable = clear_model_add_variable(model, 0, 1, 0, 1);
    if (choice.variable < 0)
        return fg_fail_memory(err);
    model->variables[choice.variable].is_binary = true;
    model->variables[choice.variable].in_composition = false;
    for (int side = 0; side < 2; side++) {
        struct visit visit = visit_start(model, book, product, sides[side], period);
        while (visit_next(&visit)) {
            if (fg_grow((void **)&model->members, model->member_count, &model->member_capacity,
                        sizeof *model->members) != 0)
                return fg_fail_memory(err);
            model->members[model->member_count++] = visit.column;
            ++*counts[side];
            total[side] += visit.amount * model->columns[visit.column].width;
        }
    }
    clear_model_add_row(model, -INFINITY, 1, CLEAR_RELAXED);
    for (int side = 0; side < 2; side++) {
        struct visit visit = visit_start(model, book, product, sides[side], period);
        while (visit_next(&visit))
            clear_model_add_term(model, visit.column, visit.amount / total[side]);
    }
    for (int side = 0; side < 2; side++) {
        clear_model_add_row(model, -INFINITY, side == 0 ? 0 : 1, CLEAR_INTEGER);
        struct visit visit = visit_start(model, book, product, sides[side], period);
        while (visit_next(&visit))
            clear_model_add_term(model, visit.column, visit.amount / total[side]);
        clear_model_add_term(model, choice.variable, side == 0 ? -1 : 1);
    }
    if (fg_grow((void **)&model->choices, model->choice_count, &model->choice_capacity, sizeof *model->choices) != 0)
        return fg_fail_memory(err);
    model->choices[model->choice_count++] = choice;
    return FG_OK;
}

/* Row variable - sum s a + rebound = base. Returns false when no column has a part in it. */
static bool has_columns(const struct clear_model *model, struct book book, const struct fg_asset *asset,
                        enum fg_product product, int32_t period)
{
    for (int32_t back = 0; back <= asset->rebound_count && back <= period; back++) {
        struct visit visit = visit_start(model, book, product, FG_REGULATION_BOTH, period - back);
        if (visit_next(&visit))
            return true;
    }
    return false;
}

static int32_t add_net(struct clear_model *model, struct book book, const struct fg_asset *asset,
                       enum fg_product product, int32_t period, double base, double lower, double upper)
{
    double reach = 0;
    struct visit visit = visit_start(model, book, product, FG_REGULATION_BOTH, period);
    while (visit_next(&visit))
        reach += visit.amount * model->columns[visit.column].width;
    int32_t v = clear_model_add_variable(model, fmin(lower, base), fmax(upper, base), 0, reach);
    if (v < 0)
        return -1;
    model->variables[v].base = base;
    clear_model_add_row(model, base, base, CLEAR_BOTH);
    clear_model_add_term(model, v, 1);
    for (int32_t back = 0; back <= asset->rebound_count && back <= period; back++) {
        double share = back == 0 ? -1 : (double)asset->rebound_u[back - 1] / FG_FRACTION_ONE;
        visit = visit_start(model, book, product, FG_REGULATION_BOTH, period - back);
        while (visit_next(&visit))
            clear_model_add_term(model, visit.column, share * visit.sign * visit.amount);
    }
    return v;
}

/* Tangents of the circle for the integer program: a regular polygon around it. */
static void add_polygon(struct clear_model *model, int32_t p, int32_t q, double radius)
{
    const int sides = 12;
    for (int i = 0; i < sides; i++) {
        double angle = 2 * M_PI * i / sides;
        clear_model_add_row(model, -INFINITY, radius, CLEAR_INTEGER);
        clear_model_add_term(model, p, cos(angle));
        clear_model_add_term(model, q, sin(angle));
    }
}

static enum fg_code add_circle(struct clear_model *model, int32_t p, int32_t q, double radius, struct fg_error *err)
{
    if (fg_grow((void **)&model->circles, model->circle_count, &model->circle_capacity, sizeof *model->circles) != 0)
        return fg_fail_memory(err);
    model->circles[model->circle_count++] = (struct clear_circle){ p, q, radius };
    add_polygon(model, p, q, radius);
    return FG_OK;
}

int32_t clear_model_refine_circles(struct clear_model *model, const double *x)
{
    int32_t added = 0;
    for (size_t c = 0; c < model->circle_count; c++) {
        const struct clear_circle *circle = &model->circles[c];
        const double p = x[circle->p], q = x[circle->q], size = hypot(p, q);
        if (size <= circle->radius * (1 + 1e-7))
            continue;
        clear_model_add_row(model, -INFINITY, circle->radius, CLEAR_INTEGER);
        clear_model_add_term(model, circle->p, p / size);
        clear_model_add_term(model, circle->q, q / size);
        added++;
    }
    return added;
}

/* P and Q of an asset with limits in one period. */
static enum fg_code add_period(struct clear_model *model, size_t a, struct book book, int32_t node, int32_t period,
                               struct fg_error *err)
{
    const struct fg_asset *asset = &model->market->assets[a];
    size_t place = (size_t)period * model->market->asset_count + a;
    double p0 = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[period]);
    double q0 = asset->baseline_q == NULL ? 0 : fg_mw(asset->baseline_q[period]);
    double s = fmax(finite_mw(asset->s_max), hypot(p0, q0));
    double p_low = fmax(finite_mw(asset->p_min), -s), p_high = fmin(finite_mw(asset->p_max), s);
    double q_low = fmax(finite_mw(asset->q_min), -s), q_high = fmin(finite_mw(asset->q_max), s);
    bool moves_q = has_columns(model, book, asset, FG_PRODUCT_REACTIVE, period) || asset->follows_ratio;
    double factor = (double)asset->power_factor_u / FG_FRACTION_ONE, tangent = INFINITY;
    double side = p0 != 0 ? copysign(1, p0) : p_high > 0 ? 1 : -1; /* p must not change sign */
    if (factor > 0) {
        tangent = sqrt(1 - factor * factor) / factor;
        if (p0 != 0)
            tangent = fmax(tangent, fabs(q0 / p0));
        if (side > 0)
            p_low = fmax(p_low, 0);
        else
            p_high = fmin(p_high, 0);
    }
    if (!moves_q) {
        double room = isfinite(s) ? sqrt(fmax(s * s - q0 * q0, 0)) : INFINITY;
        p_low = fmax(p_low, -room);
        p_high = fmin(p_high, room);
        if (factor > 0 && q0 != 0 && tangent > 0) {
            if (side > 0)
                p_low = fmax(p_low, fabs(q0) / tangent);
            else
                p_high = fmin(p_high, -fabs(q0) / tangent);
        }
    }
    int32_t p = -1, q = -1;
    if (has_columns(model, book, asset, FG_PRODUCT_ACTIVE, period)) {
        p = add_net(model, book, asset, FG_PRODUCT_ACTIVE, period, p0, p_low, p_high);
        clear_model_add_effect(model, period, node, p, 1, 0);
    }
    if (asset->follows_ratio && p >= 0) {
        double ratio = (double)asset->q_per_p_u / FG_FRACTION_ONE;
        q = clear_model_add_variable(model, fmin(q_low, q0), fmax(q_high, q0), 0, model->variables[p].unit);
        if (q < 0)
            return fg_fail_memory(err);
        model->variables[q].base = q0;
        clear_model_add_row(model, q0 - ratio * p0, q0 - ratio * p0, CLEAR_BOTH);
        clear_model_add_term(model, q, 1);
        clear_model_add_term(model, p, -ratio);
        clear_model_add_effect(model, period, node, q, 0, 1);
    } else if (has_columns(model, book, asset, FG_PRODUCT_REACTIVE, period)) {
        if (p < 0 && isfinite(s)) {
            double room = sqrt(fmax(s * s - p0 * p0, 0));
            q_low = fmax(q_low, -room);
            q_high = fmin(q_high, room);
        }
        if (p < 0 && factor > 0) {
            q_low = fmax(q_low, -tangent * fabs(p0));
            q_high = fmin(q_high, tangent * fabs(p0));
        }
        q = add_net(model, book, asset, FG_PRODUCT_REACTIVE, period, q0, q_low, q_high);
        clear_model_add_effect(model, period, node, q, 0, 1);
    }
    model->asset_p[place] = p;
    model->asset_q[place] = q;
    if (model->failed)
        return fg_fail_memory(err);
    if (p >= 0 && q >= 0 && factor > 0)
        for (int sign = -1; sign <= 1; sign += 2) {
            clear_model_add_row(model, -INFINITY, 0, CLEAR_BOTH);
            clear_model_add_term(model, q, sign);
            clear_model_add_term(model, p, -side * tangent);
        }
    return p >= 0 && q >= 0 && isfinite(s) ? add_circle(model, p, q, s, err) : FG_OK;
}

static void add_ramps(struct clear_model *model, size_t a, const struct fg_asset *asset)
{
    double step = finite_mw(asset->ramp_per_hour) * model->hours;
    size_t assets = model->market->asset_count;
    for (int32_t t = 1; t < model->periods && isfinite(step); t++) {
        int32_t now = model->asset_p[(size_t)t * assets + a], then = model->asset_p[(size_t)(t - 1) * assets + a];
        double base_now = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t]);
        double base_then = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t - 1]);
        double limit = fmax(step, fabs(base_now - base_then)), shift = 0;
        if (now < 0 && then < 0)
            continue;
        shift += now < 0 ? base_now : 0;
        shift -= then < 0 ? base_then : 0;
        clear_model_add_row(model, -limit - shift, limit - shift, CLEAR_BOTH);
        if (now >= 0)
            clear_model_add_term(model, now, 1);
        if (then >= 0)
            clear_model_add_term(model, then, -1);
    }
}

static void add_energy(struct clear_model *model, size_t a, struct book book, const struct fg_asset *asset)
{
    const struct { double limit; enum fg_regulation regulation; } budgets[2] = {
        { mwh(asset->energy_up), FG_REGULATION_UP }, { mwh(asset->energy_down), FG_REGULATION_DOWN }
    };
    for (int i = 0; i < 2; i++) {
        if (!isfinite(budgets[i].limit))
            continue;
        clear_model_add_row(model, -INFINITY, budgets[i].limit / model->hours, CLEAR_BOTH);
        for (int32_t t = 0; t < model->periods; t++) {
            struct visit visit = visit_start(model, book, FG_PRODUCT_ACTIVE, budgets[i].regulation, t);
            while (visit_next(&visit))
                clear_model_add_term(model, visit.column, visit.amount);
        }
    }
    double low = mwh(asset->energy_min), high = mwh(asset->energy_max);
    if (!isfinite(low) && !isfinite(high))
        return;
    /* The store's swing as a state variable: e(t) = e(t - 1) + h (p - p0). */
    int32_t previous = -1;
    for (int32_t t = 0; t < model->periods; t++) {
        int32_t p = model->asset_p[(size_t)t * model->market->asset_count + a];
        if (p < 0)
            continue;
        int32_t state = clear_model_add_variable(model, low, high, 0, model->variables[p].unit * model->hours);
        if (state < 0)
            return;
        double shift = -model->hours * model->variables[p].base;
        clear_model_add_row(model, shift, shift, CLEAR_BOTH);
        clear_model_add_term(model, state, 1);
        clear_model_add_term(model, p, -model->hours);
        if (previous >= 0)
            clear_model_add_term(model, previous, -1);
        previous = state;
    }
}

/* Orders that inject themselves: those of assets without limits, and exchange requests. */
static void add_own_effects(struct clear_model *model, int32_t o)
{
    const struct fg_order *order = &model->market->orders[o];
    int sign = fg_order_injection_sign(order);
    double ratio = 0;
    if (sign == 0 || model->order_node[o] < 0)
        return;
    if (order->side == FG_SIDE_SELL && order->product == FG_PRODUCT_ACTIVE) {
        const struct fg_asset *asset = &model->market->assets[order->asset];
        ratio = asset->follows_ratio ? (double)asset->q_per_p_u / FG_FRACTION_ONE : 0;
    }
    for (int32_t k = 0; k < order->period_count; k++) {
        int32_t first, count;
        clear_model_order_columns(model, o, k, &first, &count);
        for (int32_t c = first; c < first + count && order->quantity[k].w > 0; c++) {
            double amount = sign * clear_model_amount(model, c, k);
            bool is_p = order->product == FG_PRODUCT_ACTIVE;
            clear_model_add_effect(model, order->first_period + k, model->order_node[o], c, is_p ? amount : 0,
                                   is_p ? ratio * amount : amount);
        }
    }
}

enum fg_code clear_model_add_assets(struct clear_model *model, struct fg_error *err)
{
    const struct fg_market *market = model->market;
    enum fg_code code = FG_OK;
    int32_t *start = fg_alloc(market->asset_count + 2, sizeof *start);
    int32_t *orders = fg_alloc(market->order_count + 1, sizeof *orders);
    if (start == NULL || orders == NULL)
        code = fg_fail_memory(err);
    for (size_t o = 0; o < market->order_count && code == FG_OK; o++)
        if (market->orders[o].side == FG_SIDE_SELL)
            start[market->orders[o].asset + 2]++;
    for (size_t a = 2; a < market->asset_count + 2 && code == FG_OK; a++)
        start[a] += start[a - 1];
    for (size_t o = 0; o < market->order_count && code == FG_OK; o++)
        if (market->orders[o].side == FG_SIDE_SELL)
            orders[start[market->orders[o].asset + 1]++] = (int32_t)o;
    for (size_t i = 0; i < (size_t)model->periods * market->asset_count && code == FG_OK; i++)
        model->asset_p[i] = model->asset_q[i] = -1;
    for (size_t a = 0; a < market->asset_count && code == FG_OK; a++) {
        const struct fg_asset *asset = &market->assets[a];
        struct book book = { orders + start[a], start[a + 1] - start[a] };
        int32_t node = book.count > 0 ? model->order_node[book.orders[0]] : -1;
        if (node < 0)
            continue;
        bool limited = has_variables(asset);
        for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
            if (limited)
                code = add_period(model, a, book, node, t, err);
            for (int product = 0; product < 2 && code == FG_OK; product++)
                if (needs_direction(model, asset, book, (enum fg_product)product, t))
                    code = add_direction(model, book, (enum fg_product)product, t, err);
        }
        if (limited && code == FG_OK) {
            add_ramps(model, a, asset);
            add_energy(model, a, book, asset);
        }
    }
    for (int32_t o = 0; o < (int32_t)market->order_count && code == FG_OK; o++)
        if (market->orders[o].side == FG_SIDE_BUY || !has_variables(&market->assets[market->orders[o].asset]))
            add_own_effects(model, o);
    fg_free(start);
    fg_free(orders);
    return code == FG_OK && model->failed ? fg_fail_memory(err) : code;
}
