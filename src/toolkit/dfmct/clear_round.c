/* From the solver's quantities to whole ticks.
 *
 * Orders of equal price, bus and direction share what is accepted of them pro rata. Then each quantity goes to a
 * neighbouring tick: toward relief where the price has a congestion or voltage part, else to the nearest; largest
 * remainders inside a pro rata group; cumulated over time for assets with energy limits. Minimum acceptance, links and
 * groups are kept. Limits of assets that a tick breaks are the business of clear_tick.c, balances and limits of the grid
 * that of clear_repair.c. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One piece of a plain order in one period. */
struct piece {
    int32_t column, period, node;
    int kind; /* product, side, regulation, request kind: what must agree in a group */
    double price, value, width;
};

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->period != y->period)
        return x->period < y->period ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->price != y->price)
        return x->price < y->price ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static bool same_group(const struct piece *x, const struct piece *y)
{
    return x->period == y->period && x->node == y->node && x->kind == y->kind && x->price == y->price;
}

/* May the order's pieces be exchanged freely with others of the same price, bus and direction? */
static bool is_free(const struct clear_run *run, const struct fg_order *order)
{
    if (order->block || order->min_fraction_u > 0 || order->parent >= 0 || order->group >= 0)
        return false;
    if (order->side == FG_SIDE_BUY)
        return true;
    const struct fg_asset *asset = &run->model->market->assets[order->asset];
    return asset->is_implicit && !clear_asset_couples_time(asset);
}

/* Which way relieves: +1 more of this order, -1 less, 0 no matter. */
static int relief(const struct clear_run *run, int32_t o, int32_t period)
{
    const struct clear_model *model = run->model;
    const struct fg_order *order = &model->market->orders[o];
    int sign = fg_order_injection_sign(order);
    if (sign == 0 || model->order_node[o] < 0)
        return 0;
    int32_t bus = model->topology->bus_of_node[model->order_node[o]];
    const struct fg_clear_price *prices = order->product == FG_PRODUCT_ACTIVE ? run->result->price_p : run->result->price_q;
    const struct fg_clear_price *price = &prices[(size_t)period * model->network->bus_count + (size_t)bus];
    double part = sign * (price->part[FG_PART_CONGESTION] + price->part[FG_PART_VOLTAGE]);
    return part > 0.01 ? 1 : part < -0.01 ? -1 : 0;
}

static int64_t to_tick(double mw, int64_t tick, int direction)
{
    double ticks = mw * 1e6 / (double)tick, nearest = round(ticks);
    if (direction == 0 || fabs(ticks - nearest) < 0.02)
        return (int64_t)nearest * tick;
    return (int64_t)(direction > 0 ? ceil(ticks) : floor(ticks)) * tick;
}

static int64_t at_least(int64_t quantity, int64_t fraction_u, int64_t tick)
{
    double least = ceil((double)quantity * (double)fraction_u / FG_FRACTION_ONE / (double)tick - 1e-9) * (double)tick;
    return (int64_t)fmin(least, (double)quantity);
}

static enum fg_code share_groups(struct clear_run *run, struct piece *pieces, size_t count, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const int64_t tick = model->market->tick.w;
    int64_t *weights = fg_alloc(count + 1, sizeof *weights), *shares = fg_alloc(count + 1, sizeof *shares);
    enum fg_code code = weights == NULL || shares == NULL ? fg_fail_memory(err) : FG_OK;
    for (size_t first = 0, last; first < count && code == FG_OK; first = last) {
        double sum = 0, width = 0;
        int64_t total_weight = 0;
        for (last = first; last < count && same_group(&pieces[first], &pieces[last]); last++) {
            sum += pieces[last].value;
            width += pieces[last].width;
            weights[last - first] = llround(pieces[last].width * 1e6);
            total_weight += weights[last - first];
        }
        int32_t o = model->columns[pieces[first].column].order;
        int64_t total = to_tick(sum, tick, relief(run, o, pieces[first].period));
        total = total > total_weight ? total_weight : total < 0 ? 0 : total;
        if (total_weight == 0)
            continue;
        code = fg_split(total / tick, weights, last - first, shares, err);
        for (size_t i = first; i < last && code == FG_OK; i++) {
            const struct clear_column *column = &model->columns[pieces[i].column];
            const struct fg_order *order = &model->market->orders[column->order];
            run->result->accepted[order->offset + (size_t)column->first].w += shares[i - first] * tick;
        }
    }
    fg_free(weights);
    fg_free(shares);
    return code;
}

static enum fg_code round_free(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    struct piece *pieces = fg_alloc(model->column_count + 1, sizeof *pieces);
    size_t count = 0;
    if (pieces == NULL)
        return fg_fail_memory(err);
    clear_model_bounds(model, run->decided, run->grid->lower, run->grid->upper);
    for (int32_t c = 0; c < (int32_t)model->column_count; c++) {
        const struct clear_column *column = &model->columns[c];
        const struct fg_order *order = &model->market->orders[column->order];
        if (!is_free(run, order) || run->grid->upper[c] <= 0)
            continue;
        int32_t place = model->order_node[column->order] >= 0 ? model->order_node[column->order] : -2 - order->zone;
        pieces[count++] = (struct piece){
            .column = c, .period = order->first_period + column->first, .node = place,
            .kind = (int)order->product + 2 * (int)order->side + 4 * (int)order->regulation + 12 * (int)order->kind,
            .price = column->price, .value = fmin(fmax(run->x[c], 0), column->width), .width = column->width };
    }
    qsort(pieces, count, sizeof *pieces, compare_pieces);
    enum fg_code code = share_groups(run, pieces, count, err);
    fg_free(pieces);
    return code;
}

static void round_bound(struct clear_run *run, int32_t o)
{
    const struct clear_model *model = run->model;
    const struct fg_order *order = &model->market->orders[o];
    const int64_t tick = model->market->tick.w;
    bool cumulate = order->side == FG_SIDE_SELL && clear_asset_couples_time(&model->market->assets[order->asset]) && !order->block;
    double exact = 0;
    int64_t given = 0;
    double fraction = model->order_fraction[o] >= 0 ? run->x[model->order_fraction[o]] : 1;
    for (int32_t k = 0; k < order->period_count; k++) {
        int64_t quantity = order->quantity[k].w, least = at_least(quantity, order->min_fraction_u, tick);
        double value = clear_model_accepted(model, run->x, o, k);
        int64_t rounded;
        if (fraction < 1e-6) {
            rounded = 0;
        } else if (cumulate) {
            exact += value;
            rounded = to_tick(exact, tick, 0) - given;
        } else {
            rounded = to_tick(value, tick, order->block ? 0 : relief(run, o, order->first_period + k));
        }
        if (rounded > 0 || (order->block && fraction >= 1e-6))
            rounded = rounded < least ? least : rounded;
        if (order->min_fraction_u > 0 && !order->block && value < 0.5 * fg_mw((struct fg_power){ least }))
            rounded = 0;
        rounded = rounded > quantity ? quantity : rounded < 0 ? 0 : rounded;
        given += rounded;
        run->result->accepted[order->offset + (size_t)k].w = rounded;
    }
}

/* Smallest accepted fraction over the periods with a quantity. */
static double least_fraction(const struct clear_run *run, const struct fg_order *order)
{
    double least = 1;
    for (int32_t k = 0; k < order->period_count; k++)
        if (order->quantity[k].w > 0)
            least = fmin(least, (double)run->result->accepted[order->offset + (size_t)k].w / (double)order->quantity[k].w);
    return least;
}

static void cap_fraction(struct clear_run *run, const struct fg_order *order, double fraction)
{
    const int64_t tick = run->model->market->tick.w;
    for (int32_t k = 0; k < order->period_count; k++) {
        int64_t *a = &run->result->accepted[order->offset + (size_t)k].w;
        int64_t cap = (int64_t)floor(fraction * (double)order->quantity[k].w / (double)tick + 1e-9) * tick;
        *a = *a > cap ? cap : *a;
    }
}

/* A child never exceeds its parent, exclusive members together never exceed one, after rounding either. */
static void keep_rules(struct clear_run *run)
{
    const struct fg_market *market = run->model->market;
    for (int pass = 0; pass < 8; pass++)
        for (size_t o = 0; o < market->order_count; o++)
            if (market->orders[o].parent >= 0)
                cap_fraction(run, &market->orders[o], least_fraction(run, &market->orders[market->orders[o].parent]));
    for (int32_t g = 0; g < (int32_t)market->group_count; g++) {
        double used = 0;
        if (market->groups[g].kind != FG_GROUP_EXCLUSIVE_SUM)
            continue;
        for (size_t o = 0; o < market->order_count; o++) {
            if (market->orders[o].group != g)
                continue;
            cap_fraction(run, &market->orders[o], fmax(1 - used, 0));
            double largest = 0;
            for (int32_t k = 0; k < market->orders[o].period_count; k++)
                if (market->orders[o].quantity[k].w > 0)
                    largest = fmax(largest, (double)run->result->accepted[market->orders[o].offset + (size_t)k].w /
                                                (double)market->orders[o].quantity[k].w);
            used += largest;
        }
    }
}

/* Up and down of one asset in one period never both: what both have in common is taken from both. */
static enum fg_code net_directions(struct clear_run *run, struct fg_error *err)
{
    const struct fg_market *market = run->model->market;
    int64_t(*sum)[2] = fg_alloc(2 * market->asset_count + 1, sizeof *sum); /* per asset and product: up, down */
    if (sum == NULL)
        return fg_fail_memory(err);
    for (int32_t t = 0; t < run->model->periods; t++) {
        memset(sum, 0, 2 * market->asset_count * sizeof *sum);
        for (int pass = 0; pass < 2; pass++) {
            for (size_t o = 0; o < market->order_count; o++) {
                const struct fg_order *order = &market->orders[o];
                int32_t k = t - order->first_period;
                if (order->side != FG_SIDE_SELL || k < 0 || k >= order->period_count)
                    continue;
                int64_t *both = sum[2 * order->asset + (int)order->product];
                int64_t *a = &run->result->accepted[order->offset + (size_t)k].w;
                int side = order->regulation == FG_REGULATION_UP ? 0 : 1;
                if (pass == 0) {
                    both[side] += *a;
                } else if (!order->block && order->min_fraction_u == 0) {
                    int64_t cut = *a < both[side] ? *a : both[side];
                    *a -= cut;
                    both[side] -= cut;
                }
            }
            for (size_t i = 0; i < 2 * market->asset_count && pass == 0; i++)
                sum[i][0] = sum[i][1] = sum[i][0] < sum[i][1] ? sum[i][0] : sum[i][1];
        }
    }
    fg_free(sum);
    return FG_OK;
}

bool clear_asset_holds(const struct clear_model *model, int32_t index, int32_t period, double p, double q)
{
    const struct fg_asset *asset = &model->market->assets[index];
    const size_t place = (size_t)period * model->market->asset_count + (size_t)index;
    const int32_t vp = model->asset_p[place], vq = model->asset_q[place];
    const double slack = 1e-9, factor = (double)asset->power_factor_u / FG_FRACTION_ONE;
    if (vp >= 0 && (p < model->variables[vp].lower - slack || p > model->variables[vp].upper + slack))
        return false;
    if (vq >= 0 && (q < model->variables[vq].lower - slack || q > model->variables[vq].upper + slack))
        return false;
    if (vp < 0 || vq < 0)
        return true;
    double p0 = model->variables[vp].base, q0 = model->variables[vq].base;
    if (asset->s_max.w != FG_NO_LIMIT && hypot(p, q) > fmax(fg_mw(asset->s_max), hypot(p0, q0)) + slack)
        return false;
    double tangent = factor > 0 ? fmax(sqrt(1 - factor * factor) / factor, p0 != 0 ? fabs(q0 / p0) : 0) : INFINITY;
    return !(factor > 0) || fabs(q) <= tangent * fabs(p) + slack;
}

enum fg_code clear_round_schedule(struct clear_run *run, struct fg_error *err)
{
    const struct fg_market *market = run->model->market;
    memset(run->result->accepted, 0, market->order_period_count * sizeof *run->result->accepted);
    enum fg_code code = round_free(run, err);
    for (int32_t o = 0; o < (int32_t)market->order_count && code == FG_OK; o++)
        if (!is_free(run, &market->orders[o]))
            round_bound(run, o);
    if (code == FG_OK) {
        keep_rules(run);
        code = net_directions(run, err);
    }
    if (code == FG_OK)
        code = clear_keep_assets(run, err);
    if (code == FG_OK)
        code = clear_shed_round(run, err);
    return code;
}

void clear_rounded_deviation(const struct clear_run *run, int32_t period, double *p_mw, double *q_mvar)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    for (size_t o = 0; o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        const struct fg_asset *asset = order->side == FG_SIDE_SELL ? &market->assets[order->asset] : NULL;
        int sign = fg_order_injection_sign(order);
        int32_t node = model->order_node[o], rebound = asset == NULL ? 0 : asset->rebound_count;
        if (sign == 0 || node < 0 || order->first_period > period ||
            order->first_period + order->period_count + rebound <= period)
            continue;
        double change = 0;
        for (int32_t back = 0; back <= rebound; back++) {
            int32_t k = period - back - order->first_period;
            if (k < 0 || k >= order->period_count)
                continue;
            double share = back == 0 ? 1 : -(double)asset->rebound_u[back - 1] / FG_FRACTION_ONE;
            change += sign * share * fg_mw(run->result->accepted[order->offset + (size_t)k]);
        }
        if (order->product == FG_PRODUCT_REACTIVE) {
            q_mvar[node] += change;
        } else {
            p_mw[node] += change;
            if (asset != NULL && asset->follows_ratio)
                q_mvar[node] += change * (double)asset->q_per_p_u / FG_FRACTION_ONE;
        }
    }
}
