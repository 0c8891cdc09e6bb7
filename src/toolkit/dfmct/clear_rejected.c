/* Paradoxically rejected orders: nothing of them is accepted, the published prices would have paid for them, and nothing
 * but an integer decision stood in the way.
 *
 * In the market with its decisions fixed, an order that may be accepted in part and would still earn is held by a rule
 * of its own, whose multiplier takes the difference: not paradoxical. So only orders with a decision count: a minimum
 * acceptance, all-or-none, a place in an exclusive group, a direction of their asset. Of those an order is held, and not
 * paradoxical either, where no allowed fraction fits beside what is accepted: its asset's limits (powers, circle, power
 * factor, ramps, energy), its parent, its group, or the opposite direction of its asset.
 *
 *   gain = max over allowed fractions that fit of  sum over periods h (price x change of injection) - limit
 *
 * with the change of reactive power and the rebound that go with the order; requests the other way round. A parent counts
 * together with children that would earn, a multipart group as one order. (Paradoxical rejection: NEMO Committee,
 * "EUPHEMIA Public Description".) Need requests buy net change of a zone, which others would first have to offer; they
 * are not listed. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>

static const double LEAST_PER_MWH = 0.01, LEAST_GAIN = 1e-4; /* what the accuracy of prices can tell from nothing */
static const double FITS = 1e-6;                             /* MW, MWh: limits count to a watt */

struct account {
    struct clear_run *run;
    double *p, *q, *net; /* scratch per period: an asset's P and Q, and its accepted net change of P */
    bool *against;       /* per column: its asset's direction was decided otherwise */
};

static bool is_rejected(const struct clear_run *run, const struct fg_order *order, int32_t first, int32_t count)
{
    for (int32_t k = first; k < first + count; k++)
        if (run->result->accepted[order->offset + (size_t)k].w != 0)
            return false;
    return true;
}

static double fraction_of(const struct clear_run *run, const struct fg_order *order)
{
    double largest = 0;
    for (int32_t k = 0; k < order->period_count; k++)
        if (order->quantity[k].w > 0)
            largest = fmax(largest, (double)run->result->accepted[order->offset + (size_t)k].w / (double)order->quantity[k].w);
    return largest;
}

/* -- what holds an order -------------------------------------------------------------------------------------------------- */

static double limit_mwh(struct fg_energy energy)
{
    return energy.ws == FG_NO_LIMIT ? INFINITY : energy.ws == -FG_NO_LIMIT ? -INFINITY : (double)energy.ws / 3.6e9;
}

/* Do the limits that couple periods leave room for the asset's net changes? */
static bool time_holds(const struct account *account, const struct fg_asset *asset)
{
    const double hours = account->run->model->hours;
    double used[2] = { 0, 0 }, swing = 0;
    for (int32_t t = 0; t < account->run->model->periods; t++) {
        double base = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t]);
        used[account->net[t] < 0] += hours * fabs(account->net[t]);
        swing += hours * (account->p[t] - base);
        if (swing > limit_mwh(asset->energy_max) + FITS || swing < limit_mwh(asset->energy_min) - FITS)
            return false;
        if (t == 0 || asset->ramp_per_hour.w == FG_NO_LIMIT)
            continue;
        double before = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t - 1]);
        double most = fmax(fg_mw(asset->ramp_per_hour) * hours, fabs(base - before));
        if (fabs(account->p[t] - account->p[t - 1]) > most + FITS)
            return false;
    }
    return used[0] <= limit_mwh(asset->energy_up) + FITS && used[1] <= limit_mwh(asset->energy_down) + FITS;
}

/* Add `share` of the order's quantities (negative share: what is accepted of it), in periods k = first ... */
static void add_order(struct account *account, const struct fg_order *order, int32_t first, int32_t count, double share)
{
    const struct clear_model *model = account->run->model;
    const struct fg_asset *asset = &model->market->assets[order->asset];
    for (int32_t k = first; k < first + count; k++) {
        int32_t t = order->first_period + k;
        double mw = share < 0 ? fg_mw(account->run->result->accepted[order->offset + (size_t)k]) : share * fg_mw(order->quantity[k]);
        mw *= fg_order_injection_sign(order);
        if (order->product == FG_PRODUCT_REACTIVE) {
            account->q[t] += mw;
            continue;
        }
        account->net[t] += mw;
        for (int32_t back = 0; back <= asset->rebound_count && t + back < model->periods; back++)
            account->p[t + back] += back == 0 ? mw : -mw * (double)asset->rebound_u[back - 1] / FG_FRACTION_ONE;
    }
}

static bool asset_has_room(struct account *account, int32_t o, int32_t first, int32_t count, double share)
{
    const struct clear_model *model = account->run->model;
    const struct fg_market *market = model->market;
    const struct fg_order *order = &market->orders[o];
    const struct fg_asset *asset = &market->assets[order->asset];
    for (int32_t t = 0; t < model->periods; t++) {
        account->p[t] = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t]);
        account->q[t] = asset->baseline_q == NULL ? 0 : fg_mw(asset->baseline_q[t]);
        account->net[t] = 0;
    }
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *other = &market->orders[i];
        if (other->side != FG_SIDE_SELL || other->asset != order->asset)
            continue;
        for (int32_t k = first; k < first + count; k++) { /* the opposite direction: both are netted */
            int32_t j = order->first_period + k - other->first_period;
            if (other->product == order->product && other->regulation != order->regulation && j >= 0 &&
                j < other->period_count && order->quantity[k].w > 0 &&
                account->run->result->accepted[other->offset + (size_t)j].w > 0)
                return false;
        }
        add_order(account, other, 0, other->period_count, -1);
    }
    add_order(account, order, first, count, share);
    for (int32_t t = 0; t < model->periods; t++) {
        double base = asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[t]);
        double q = account->q[t];
        if (asset->follows_ratio)
            q += (account->p[t] - base) * (double)asset->q_per_p_u / FG_FRACTION_ONE;
        if (!clear_asset_holds(model, order->asset, t, account->p[t], q))
            return false;
    }
    return time_holds(account, asset);
}

/* Do the order's own rules let a share of it in beside everything that is accepted? */
static bool fits(struct account *account, int32_t o, int32_t first, int32_t count, double share)
{
    const struct clear_run *run = account->run;
    const struct fg_market *market = run->model->market;
    const struct fg_order *order = &market->orders[o];
    if (order->parent >= 0 && fraction_of(run, &market->orders[order->parent]) < share - 1e-9)
        return false;
    if (order->group >= 0 && market->groups[order->group].kind != FG_GROUP_MULTIPART) {
        double used = 0;
        for (int32_t i = 0; i < (int32_t)market->order_count; i++)
            if (i != o && market->orders[i].group == order->group)
                used += market->groups[order->group].kind == FG_GROUP_EXCLUSIVE_ONE
                            ? fraction_of(run, &market->orders[i]) > 0 : fraction_of(run, &market->orders[i]);
        if (used + share > 1 + 1e-9)
            return false;
    }
    return order->side == FG_SIDE_BUY || asset_has_room(account, o, first, count, share);
}

/* -- what it would have earned --------------------------------------------------------------------------------------------- */

/* Value of one MW (Mvar) more of an order in one period at the published prices; NAN without a price. */
static double unit_value(const struct clear_run *run, const struct fg_order *order, int32_t o, int32_t t)
{
    const struct clear_model *model = run->model;
    const struct fg_clear_result *result = run->result;
    const bool active = order->product == FG_PRODUCT_ACTIVE, up = order->regulation == FG_REGULATION_UP;
    const size_t buses = model->network->bus_count;
    const size_t bus = (size_t)model->topology->bus_of_node[model->order_node[o]];
    const struct fg_asset *asset = order->side == FG_SIDE_SELL ? &model->market->assets[order->asset] : NULL;
    double value = (active ? result->price_p : result->price_q)[(size_t)t * buses + bus].total;
    if (asset != NULL && active && asset->follows_ratio)
        value += (double)asset->q_per_p_u / FG_FRACTION_ONE * result->price_q[(size_t)t * buses + bus].total;
    for (int32_t k = 0; asset != NULL && active && k < asset->rebound_count && t + k + 1 < model->periods; k++)
        value -= (double)asset->rebound_u[k] / FG_FRACTION_ONE * result->price_p[(size_t)(t + k + 1) * buses + bus].total;
    return model->hours * ((up ? value : -value) + (active ? result->match_p : result->match_q)[2 * t + (up ? 0 : 1)]);
}

static enum fg_code gain_at(const struct clear_run *run, int32_t o, int32_t first, int32_t count, double share,
                            double *gain, struct fg_error *err)
{
    const struct fg_market *market = run->model->market;
    const struct fg_order *order = &market->orders[o];
    *gain = 0;
    for (int32_t k = first; k < first + count; k++) {
        struct fg_power quantity = { llround(share * (double)order->quantity[k].w) };
        struct fg_money limit;
        enum fg_code code = fg_order_limit_money(order, quantity, market->period_s, &limit, err);
        if (code != FG_OK)
            return code;
        double sold = fg_mw(quantity) * unit_value(run, order, o, order->first_period + k) - fg_units(limit);
        *gain += order->side == FG_SIDE_SELL ? sold : -sold;
    }
    return FG_OK;
}

/* The most an order could earn with one of its allowed fractions that fits: the least one, the whole, and the ends of
 * its price points. -INFINITY when none fits. */
static enum fg_code best_gain(struct account *account, int32_t o, int32_t first, int32_t count, double *best,
                              struct fg_error *err)
{
    const struct fg_order *order = &account->run->model->market->orders[o];
    const double least = (double)order->min_fraction_u / FG_FRACTION_ONE;
    *best = -INFINITY;
    for (int32_t i = -2; i < (order->block ? 0 : order->point_count); i++) {
        double share = i == -2 ? 1 : i == -1 ? least : (double)order->points[i].up_to.w / (double)order->quantity[first].w;
        double gain;
        if (!(share > 0) || share > 1 || share < least)
            continue;
        enum fg_code code = gain_at(account->run, o, first, count, share, &gain, err);
        if (code != FG_OK)
            return code;
        if (gain > *best && fits(account, o, first, count, share))
            *best = gain;
    }
    return FG_OK;
}

/* A parent brings children that would earn at its side; a multipart group is one order, told by its first member. */
static enum fg_code family_gain(struct account *account, int32_t o, double *best, struct fg_error *err)
{
    const struct fg_market *market = account->run->model->market;
    const struct fg_order *order = &market->orders[o];
    const bool is_multipart = order->group >= 0 && market->groups[order->group].kind == FG_GROUP_MULTIPART;
    enum fg_code code = best_gain(account, o, 0, order->period_count, best, err);
    for (int32_t i = 0; i < (int32_t)market->order_count && code == FG_OK && isfinite(*best); i++) {
        const struct fg_order *other = &market->orders[i];
        double gain;
        if (i == o || !is_rejected(account->run, other, 0, other->period_count) || account->run->model->order_node[i] < 0)
            continue;
        if (is_multipart && other->group == order->group) {
            if (i < o) {
                *best = -INFINITY; /* told with the first */
            } else {
                code = best_gain(account, i, 0, other->period_count, &gain, err);
                *best += gain;
            }
        } else if (other->parent == o && (other->side == FG_SIDE_BUY || asset_has_room(account, i, 0, other->period_count, 1))) {
            code = gain_at(account->run, i, 0, other->period_count, 1, &gain, err);
            *best += fmax(gain, 0);
        }
    }
    return code;
}

/* -- the list ---------------------------------------------------------------------------------------------------------------- */

/* Columns that a direction of their asset keeps out. */
static void mark_directions(struct account *account)
{
    const struct clear_run *run = account->run;
    const struct clear_model *model = run->model;
    for (size_t i = 0; i < model->choice_count; i++) {
        const struct clear_choice *choice = &model->choices[i];
        int32_t from = run->decided[i] ? choice->up_count : 0;
        int32_t to = run->decided[i] ? choice->up_count + choice->down_count : choice->up_count;
        for (int32_t m = from; m < to && choice->kind == CLEAR_DIRECTION; m++)
            account->against[model->members[choice->first_member + (size_t)m]] = true;
    }
}

static bool is_against_direction(const struct account *account, int32_t o, int32_t k)
{
    int32_t column, count;
    clear_model_order_columns(account->run->model, o, k, &column, &count);
    return count > 0 && account->against[column];
}

static const char *reason_of(const struct fg_market *market, const struct fg_order *order)
{
    if (order->group >= 0 && market->groups[order->group].kind == FG_GROUP_MULTIPART)
        return "its group counts as one: accepting all of it would have cost more than it gains at these prices";
    if (order->group >= 0 && order->min_fraction_u == 0)
        return "its group was decided to stay out: one member would have cost more than it gains at these prices";
    if (order->min_fraction_u == FG_FRACTION_ONE)
        return "all-or-none: accepting it whole would have cost more than it gains at these prices";
    if (order->min_fraction_u > 0)
        return "its minimum acceptance would have cost more than it gains at these prices";
    return "its asset's direction was decided otherwise: it would have cost more than it gains at these prices";
}

static double volume(const struct clear_run *run, const struct fg_order *order, int32_t first, int32_t count)
{
    double sum = 0;
    for (int32_t k = first; k < first + count; k++)
        sum += fg_mw(order->quantity[k]) * run->model->hours;
    return sum;
}

static enum fg_code add_rejected(struct clear_run *run, struct fg_clear_rejected rejected, struct fg_error *err)
{
    struct fg_clear_result *result = run->result;
    if (fg_grow((void **)&run->rejected, result->rejected_count, &run->rejected_capacity, sizeof *run->rejected) != 0)
        return fg_fail_memory(err);
    run->rejected[result->rejected_count++] = rejected;
    return FG_OK;
}

static enum fg_code list_order(struct account *account, int32_t o, struct fg_error *err)
{
    struct clear_run *run = account->run;
    const struct fg_market *market = run->model->market;
    const struct fg_order *order = &market->orders[o];
    const bool has_choice = order->min_fraction_u > 0 ||
                            (order->group >= 0 && market->groups[order->group].kind == FG_GROUP_EXCLUSIVE_ONE);
    const bool is_whole = order->block || order->period_count == 1;
    for (int32_t first = 0; first < order->period_count; first += is_whole ? order->period_count : 1) {
        const int32_t count = is_whole ? order->period_count : 1;
        double gain, size = volume(run, order, first, count);
        if (size == 0 || !is_rejected(run, order, first, count) || (!has_choice && !is_against_direction(account, o, first)))
            continue;
        enum fg_code code = is_whole ? family_gain(account, o, &gain, err) : best_gain(account, o, first, count, &gain, err);
        if (code == FG_OK && gain > fmax(LEAST_GAIN, LEAST_PER_MWH * size))
            code = add_rejected(run, (struct fg_clear_rejected){ o, order->block ? -1 : order->first_period + first, gain,
                                                                 reason_of(market, order) }, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

enum fg_code clear_list_rejected(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const size_t periods = (size_t)model->periods;
    struct fg_clear_result *result = run->result;
    struct account account = { .run = run, .p = fg_alloc(3 * periods, sizeof(double)),
                               .against = fg_alloc(model->column_count, sizeof(bool)) };
    enum fg_code code = account.p == NULL || account.against == NULL ? fg_fail_memory(err) : FG_OK;
    if (code == FG_OK) {
        account.q = account.p + periods;
        account.net = account.q + periods;
        mark_directions(&account);
    }
    for (int32_t o = 0; o < (int32_t)model->market->order_count && code == FG_OK; o++)
        if (model->market->orders[o].kind != FG_REQUEST_NEED && model->order_node[o] >= 0)
            code = list_order(&account, o, err);
    fg_free(account.p);
    fg_free(account.against);
    if (code == FG_OK) {
        result->rejected = fg_arena_alloc(&result->arena, result->rejected_count + 1, sizeof *result->rejected);
        if (result->rejected == NULL)
            code = fg_fail_memory(err);
        for (size_t i = 0; i < result->rejected_count && code == FG_OK; i++)
            result->rejected[i] = run->rejected[i];
    }
    fg_free(run->rejected);
    run->rejected = NULL;
    return code;
}
