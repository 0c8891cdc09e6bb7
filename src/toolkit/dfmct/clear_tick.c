/* Rules that a tick too much breaks, kept to the last watt: limits of assets after rounding, needs after the repair.
 *
 * Assets: the excess of an asset is what all its limits are exceeded by, added up over the periods (powers, circle, power
 * factor, ramps, energy budgets, the store's swing; rebound of the rounded quantities included). While there is any, the
 * one change of one order that lessens it most is made: a tick less or more in one period, or one step less of a block.
 * The schedule before rounding keeps all limits, so the excess is of the size of ticks.
 *
 * Needs: accepted requests of a direction give way until the net change covers them. They move nothing in the grid, so
 * nothing else can break; a request that would fall below its minimum is rejected. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

#define NONE_MW 1e-9 /* a thousandth of a watt: rounding of doubles */

struct keeper {
    struct clear_run *run;
    bool *is_parent;      /* per order: others are linked to it */
    int32_t *start;       /* per asset: its sell orders in `orders` */
    int32_t *orders;
    double *net[2];       /* per period: accepted P, Q of the asset at hand, MW, Mvar, rebound left out */
    double *change[2];    /* with rebound */
};

static bool keeper_init(struct keeper *keeper, struct clear_run *run)
{
    const struct fg_market *market = run->model->market;
    const size_t periods = (size_t)run->model->periods;
    *keeper = (struct keeper){ .run = run };
    keeper->is_parent = fg_alloc(market->order_count + 1, sizeof *keeper->is_parent);
    keeper->start = fg_alloc(market->asset_count + 2, sizeof *keeper->start);
    keeper->orders = fg_alloc(market->order_count + 1, sizeof *keeper->orders);
    keeper->net[0] = fg_alloc(4 * periods, sizeof(double));
    if (!keeper->is_parent || !keeper->start || !keeper->orders || !keeper->net[0])
        return false;
    keeper->net[1] = keeper->net[0] + periods;
    keeper->change[0] = keeper->net[1] + periods;
    keeper->change[1] = keeper->change[0] + periods;
    for (size_t o = 0; o < market->order_count; o++) {
        if (market->orders[o].parent >= 0)
            keeper->is_parent[market->orders[o].parent] = true;
        if (market->orders[o].side == FG_SIDE_SELL)
            keeper->start[market->orders[o].asset + 2]++;
    }
    for (size_t a = 2; a < market->asset_count + 2; a++)
        keeper->start[a] += keeper->start[a - 1];
    for (int32_t o = 0; o < (int32_t)market->order_count; o++)
        if (market->orders[o].side == FG_SIDE_SELL)
            keeper->orders[keeper->start[market->orders[o].asset + 1]++] = o;
    return true;
}

static void keeper_release(struct keeper *keeper)
{
    fg_free(keeper->is_parent);
    fg_free(keeper->start);
    fg_free(keeper->orders);
    fg_free(keeper->net[0]);
}

static struct fg_power *accepted_of(const struct keeper *keeper, const struct fg_order *order)
{
    return keeper->run->result->accepted + order->offset;
}

static double finite_mw(struct fg_power power, double otherwise)
{
    return power.w == FG_NO_LIMIT || power.w == -FG_NO_LIMIT ? otherwise : fg_mw(power);
}

static double finite_mwh(struct fg_energy energy, double otherwise)
{
    return energy.ws == FG_NO_LIMIT || energy.ws == -FG_NO_LIMIT ? otherwise : (double)energy.ws / 3.6e9;
}

static double over(double value, double limit)
{
    return value > limit + NONE_MW ? value - limit : 0;
}

/* Excess of one period's P and Q over the asset's powers, circle and power factor. What the baseline exceeds already is
 * allowed, as in the model. */
static double excess_of_powers(const struct fg_asset *asset, double p0, double q0, double p, double q)
{
    double s = fmax(finite_mw(asset->s_max, INFINITY), hypot(p0, q0));
    double sum = over(p, fmax(finite_mw(asset->p_max, INFINITY), p0)) + over(-p, fmax(-finite_mw(asset->p_min, -INFINITY), -p0)) +
                 over(q, fmax(finite_mw(asset->q_max, INFINITY), q0)) + over(-q, fmax(-finite_mw(asset->q_min, -INFINITY), -q0)) +
                 over(hypot(p, q), s);
    if (asset->power_factor_u > 0) {
        double factor = (double)asset->power_factor_u / FG_FRACTION_ONE, tangent = sqrt(1 - factor * factor) / factor;
        sum += over(fabs(q), fmax(tangent, p0 != 0 ? fabs(q0 / p0) : 0) * fabs(p));
    }
    return sum;
}

static double excess_of(struct keeper *keeper, int32_t index)
{
    const struct clear_model *model = keeper->run->model;
    const struct fg_asset *asset = &model->market->assets[index];
    const double hours = model->hours, ramp = finite_mw(asset->ramp_per_hour, INFINITY) * hours;
    double sum = 0, swing = 0, used[2] = { 0, 0 }, before = 0, base_before = 0;
    for (int32_t t = 0; t < model->periods; t++) {
        for (int product = 0; product < 2; product++) {
            double change = keeper->net[product][t];
            for (int32_t k = 1; k <= asset->rebound_count && k <= t; k++)
                change -= (double)asset->rebound_u[k - 1] / FG_FRACTION_ONE * keeper->net[product][t - k];
            keeper->change[product][t] = change;
        }
        if (asset->follows_ratio)
            keeper->change[1][t] = (double)asset->q_per_p_u / FG_FRACTION_ONE * keeper->change[0][t];
        double p0 = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t]);
        double q0 = asset->baseline_q == NULL ? 0 : fg_mw(asset->baseline_q[t]);
        double p = p0 + keeper->change[0][t];
        if (keeper->change[0][t] != 0 || keeper->change[1][t] != 0)
            sum += excess_of_powers(asset, p0, q0, p, q0 + keeper->change[1][t]);
        swing += hours * keeper->change[0][t];
        used[keeper->net[0][t] < 0] += hours * fabs(keeper->net[0][t]);
        sum += (over(swing, finite_mwh(asset->energy_max, INFINITY)) + over(-swing, -finite_mwh(asset->energy_min, -INFINITY))) / hours;
        if (t > 0)
            sum += over(fabs(p - before), fmax(ramp, fabs(p0 - base_before)));
        before = p;
        base_before = p0;
    }
    return sum + (over(used[0], finite_mwh(asset->energy_up, INFINITY)) + over(used[1], finite_mwh(asset->energy_down, INFINITY))) / hours;
}

static void sum_asset(struct keeper *keeper, int32_t index)
{
    const struct clear_model *model = keeper->run->model;
    memset(keeper->net[0], 0, 2 * (size_t)model->periods * sizeof(double));
    for (int32_t i = keeper->start[index]; i < keeper->start[index + 1]; i++) {
        const struct fg_order *order = &model->market->orders[keeper->orders[i]];
        for (int32_t k = 0; k < order->period_count; k++)
            keeper->net[order->product][order->first_period + k] +=
                fg_order_injection_sign(order) * fg_mw(accepted_of(keeper, order)[k]);
    }
}

/* One change of one order: `ticks` more in period k, or a block's fraction one step down (k -1). */
struct step {
    int32_t order, k;
    int64_t ticks;
};

static bool is_bound(const struct keeper *keeper, int32_t o)
{
    const struct fg_market *market = keeper->run->model->market;
    const struct fg_order *order = &market->orders[o];
    return keeper->is_parent[o] || (order->group >= 0 && market->groups[order->group].kind == FG_GROUP_MULTIPART);
}

static int64_t least_of(const struct keeper *keeper, const struct fg_order *order, int32_t k)
{
    const double tick = (double)keeper->run->model->market->tick.w;
    return (int64_t)(ceil((double)order->quantity[k].w * (double)order->min_fraction_u / FG_FRACTION_ONE / tick - 1e-9) * tick);
}

/* A block's quantity in period k when its fraction falls by one step: a tick in the mean. False: below its minimum. */
static bool lower_block(const struct keeper *keeper, const struct fg_order *order, struct fg_power *quantities)
{
    const int64_t tick = keeper->run->model->market->tick.w;
    double accepted = 0, offered = 0;
    for (int32_t k = 0; k < order->period_count; k++) {
        accepted += (double)accepted_of(keeper, order)[k].w;
        offered += (double)order->quantity[k].w;
    }
    double fraction = offered > 0 ? (accepted - (double)tick * order->period_count) / offered : 0;
    if (fraction <= 0)
        return false;
    for (int32_t k = 0; k < order->period_count; k++) {
        quantities[k].w = (int64_t)floor(fraction * (double)order->quantity[k].w / (double)tick + 1e-9) * tick;
        if (quantities[k].w < least_of(keeper, order, k))
            return false;
    }
    return true;
}

static bool is_allowed(const struct keeper *keeper, const struct step *step)
{
    const struct fg_order *order = &keeper->run->model->market->orders[step->order];
    const int64_t tick = keeper->run->model->market->tick.w, now = accepted_of(keeper, order)[step->k].w;
    if (now == 0 || order->block)
        return false;
    if (step->ticks < 0)
        return !is_bound(keeper, step->order) && now - tick >= least_of(keeper, order, step->k);
    return order->parent < 0 && order->group < 0 && now + tick <= order->quantity[step->k].w;
}

/* Make the step in the sums; `factor` -1 takes it back. */
static void apply(struct keeper *keeper, const struct step *step, const struct fg_power *block, double factor)
{
    const struct fg_order *order = &keeper->run->model->market->orders[step->order];
    const double sign = factor * fg_order_injection_sign(order);
    double *net = keeper->net[order->product] + order->first_period;
    if (step->k >= 0)
        net[step->k] += sign * fg_mw((struct fg_power){ step->ticks * keeper->run->model->market->tick.w });
    for (int32_t k = 0; k < order->period_count && step->k < 0; k++)
        net[k] += sign * fg_mw((struct fg_power){ block[k].w - accepted_of(keeper, order)[k].w });
}

/* The best step of an asset; false: none lessens the excess. `block` has room for every period. */
static bool find_step(struct keeper *keeper, int32_t index, double excess, struct fg_power *block, struct step *best)
{
    const struct fg_market *market = keeper->run->model->market;
    double least = excess - 1e-12;
    bool found = false;
    for (int32_t i = keeper->start[index]; i < keeper->start[index + 1]; i++) {
        const struct fg_order *order = &market->orders[keeper->orders[i]];
        for (int32_t k = -1; k < order->period_count; k++)
            for (int64_t ticks = -1; ticks <= 1; ticks += 2) {
                struct step step = { keeper->orders[i], k, ticks };
                if (k < 0 ? ticks > 0 || !order->block || is_bound(keeper, step.order) || !lower_block(keeper, order, block)
                          : !is_allowed(keeper, &step))
                    continue;
                apply(keeper, &step, block, 1);
                double then = excess_of(keeper, index);
                apply(keeper, &step, block, -1);
                if (then < least) {
                    least = then;
                    *best = step;
                    found = true;
                }
            }
    }
    return found;
}

static void keep_asset(struct keeper *keeper, int32_t index, struct fg_power *block)
{
    const struct fg_market *market = keeper->run->model->market;
    int32_t left = 16; /* a few steps for every quantity that was rounded */
    for (int32_t i = keeper->start[index]; i < keeper->start[index + 1]; i++)
        left += 4 * market->orders[keeper->orders[i]].period_count;
    sum_asset(keeper, index);
    struct step step;
    for (double excess; left > 0 && (excess = excess_of(keeper, index)) > 0; left--) {
        if (!find_step(keeper, index, excess, block, &step))
            return;
        const struct fg_order *order = &market->orders[step.order];
        if (step.k >= 0)
            accepted_of(keeper, order)[step.k].w += step.ticks * market->tick.w;
        else if (lower_block(keeper, order, block))
            memcpy(accepted_of(keeper, order), block, (size_t)order->period_count * sizeof *block);
        sum_asset(keeper, index);
    }
}

enum fg_code clear_keep_assets(struct clear_run *run, struct fg_error *err)
{
    struct keeper keeper;
    struct fg_power *block = fg_alloc((size_t)run->model->periods, sizeof *block);
    enum fg_code code = keeper_init(&keeper, run) && block != NULL ? FG_OK : fg_fail_memory(err);
    for (int32_t a = 0; a < (int32_t)run->model->market->asset_count && code == FG_OK; a++)
        if (!run->model->market->assets[a].is_implicit)
            keep_asset(&keeper, a, block);
    keeper_release(&keeper);
    fg_free(block);
    return code;
}

/* -- needs ----------------------------------------------------------------------------------------------------------------- */

/* Take up to `excess` watt from the request; what was taken. */
static int64_t give_way(struct keeper *keeper, int32_t o, int32_t k, int64_t excess, struct fg_power *block)
{
    const struct fg_order *order = &keeper->run->model->market->orders[o];
    const int64_t tick = keeper->run->model->market->tick.w;
    struct fg_power *accepted = accepted_of(keeper, order);
    const int64_t before = accepted[k].w;
    if (before == 0 || is_bound(keeper, o))
        return 0;
    if (!order->block) {
        int64_t wanted = (excess + tick - 1) / tick * tick, then = before > wanted ? before - wanted : 0;
        accepted[k].w = then < least_of(keeper, order, k) ? 0 : then;
        return before - accepted[k].w;
    }
    while (before - accepted[k].w < excess && accepted[k].w > 0) {
        if (lower_block(keeper, order, block))
            memcpy(accepted, block, (size_t)order->period_count * sizeof *block);
        else
            memset(accepted, 0, (size_t)order->period_count * sizeof *accepted);
    }
    return before - accepted[k].w;
}

enum fg_code clear_keep_needs(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    struct keeper keeper;
    if (model->market->match_requests || model->need_count == 0) /* matching ties requests to offers */
        return FG_OK;
    struct fg_power *block = fg_alloc((size_t)model->periods, sizeof *block);
    enum fg_code code = keeper_init(&keeper, run) && block != NULL ? FG_OK : fg_fail_memory(err);
    for (size_t r = 0; r < model->row_count && code == FG_OK; r++) {
        const struct clear_row *row = &model->rows[r];
        if (row->kind != CLEAR_ROW_NEED)
            continue;
        int64_t excess = (int64_t)ceil(clear_need_excess(run, row) * (double)model->market->tick.w - 1e-3);
        /* Whole orders last: smaller changes come first. */
        for (int pass = 0; pass < 2 && excess > 0; pass++)
            for (int32_t i = 0; i < row->term_count && excess > 0; i++) {
                int32_t v = model->terms[row->first_term + (size_t)i].variable;
                int32_t o = v < (int32_t)model->column_count ? model->columns[v].order : -1;
                if (o < 0 || model->need_of_order[o] < 0)
                    continue;
                const struct fg_order *order = &model->market->orders[o];
                if (pass == 1 || (!order->block && order->min_fraction_u == 0))
                    excess -= give_way(&keeper, o, row->period - order->first_period, excess, block);
            }
    }
    keeper_release(&keeper);
    fg_free(block);
    return code;
}
