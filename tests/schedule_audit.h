/* An auditor of published schedules: reads the market and the rounded quantities of a result, and nothing of what the
 * clearing computed on the way. Every rule of market/order.h and market/auction.h that an accepted order, a group, an
 * asset, a zone or a balance has to keep is written here once more, in plain words. */
#ifndef FG_TESTS_SCHEDULE_AUDIT_H
#define FG_TESTS_SCHEDULE_AUDIT_H

#include "toolkit/dfmct/clear.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct schedule_audit {
    const struct fg_market *market;
    const struct fg_clear_result *result;
    double slack_w; /* what the limits of assets, needs and balances may be missed by */
    bool quiet;
    int findings;
};

__attribute__((format(printf, 2, 3))) static inline void audit_find(struct schedule_audit *audit, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (audit->findings++ < 10 && !audit->quiet) {
        fputs("  audit: ", stderr);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
    }
    va_end(arguments);
}

static inline int64_t audit_accepted(const struct schedule_audit *audit, const struct fg_order *order, int32_t period)
{
    int32_t k = period - order->first_period;
    return k < 0 || k >= order->period_count ? 0 : audit->result->accepted[order->offset + (size_t)k].w;
}

/* Accepted and offered over all periods. */
static inline void audit_sums(const struct schedule_audit *audit, const struct fg_order *order, double *accepted, double *offered)
{
    *accepted = *offered = 0;
    for (int32_t k = 0; k < order->period_count; k++) {
        *accepted += (double)audit->result->accepted[order->offset + (size_t)k].w;
        *offered += (double)order->quantity[k].w;
    }
}

static inline double audit_fraction(const struct schedule_audit *audit, const struct fg_order *order)
{
    double accepted, offered;
    audit_sums(audit, order, &accepted, &offered);
    return offered > 0 ? accepted / offered : 0;
}

/* What one tick is of the order's smallest quantity: how exactly its fraction can be told after rounding. */
static inline double audit_grain(const struct schedule_audit *audit, const struct fg_order *order)
{
    double smallest = INFINITY;
    for (int32_t k = 0; k < order->period_count; k++)
        if (order->quantity[k].w > 0)
            smallest = fmin(smallest, (double)order->quantity[k].w);
    return (double)audit->market->tick.w / smallest;
}

static inline void audit_order(struct schedule_audit *audit, const struct fg_order *order)
{
    const double tick = (double)audit->market->tick.w, share = (double)order->min_fraction_u / FG_FRACTION_ONE;
    const bool whole = fg_order_has_one_fraction(order), limit = order->location_kind > FG_LOCATION_ZONE;
    double sum, offered;
    audit_sums(audit, order, &sum, &offered);
    for (int32_t k = 0; k < order->period_count; k++) {
        int64_t a = audit->result->accepted[order->offset + (size_t)k].w, q = order->quantity[k].w;
        if (a < 0 || a > q)
            audit_find(audit, "order %s accepts %lld of %lld W in its period %d", order->id, (long long)a, (long long)q, k);
        if (!limit && a % audit->market->tick.w != 0)
            audit_find(audit, "order %s: %lld W is no multiple of the tick", order->id, (long long)a);
        if (!whole && a > 0 && (double)a < share * (double)q - 0.5)
            audit_find(audit, "order %s accepts %lld W, less than its minimum of %lld", order->id, (long long)a, (long long)q);
        if (whole && offered > 0 && fabs((double)a - (double)q * sum / offered) > 1.5 * tick)
            audit_find(audit, "block %s has no single fraction: %lld of %lld W", order->id, (long long)a, (long long)q);
    }
    if (whole && sum > 0 && sum < share * offered - 0.5)
        audit_find(audit, "order %s accepts %.0f W, less than its minimum of %.0f", order->id, sum, share * offered);
    if (order->parent >= 0) {
        const struct fg_order *parent = &audit->market->orders[order->parent];
        double slack = audit_grain(audit, order) + audit_grain(audit, parent);
        if (audit_fraction(audit, order) > audit_fraction(audit, parent) + slack)
            audit_find(audit, "order %s is accepted to %g, its parent to %g", order->id, audit_fraction(audit, order),
                       audit_fraction(audit, parent));
    }
}

static inline void audit_group(struct schedule_audit *audit, int32_t index)
{
    double sum = 0, lowest = INFINITY, highest = 0, grain = 0;
    int used = 0;
    for (size_t i = 0; i < audit->market->order_count; i++) {
        const struct fg_order *order = &audit->market->orders[i];
        if (order->group != index)
            continue;
        double fraction = audit_fraction(audit, order);
        used += fraction > 0;
        sum += fraction;
        lowest = fmin(lowest, fraction);
        highest = fmax(highest, fraction);
        grain += audit_grain(audit, order);
    }
    const struct fg_group *group = &audit->market->groups[index];
    if (group->kind == FG_GROUP_EXCLUSIVE_ONE && used > 1)
        audit_find(audit, "%d members of exclusive group %s are accepted", used, group->id);
    if (group->kind == FG_GROUP_EXCLUSIVE_SUM && sum > 1 + grain)
        audit_find(audit, "fractions of group %s add up to %g", group->id, sum);
    if (group->kind == FG_GROUP_MULTIPART && highest - lowest > grain)
        audit_find(audit, "members of group %s are accepted from %g to %g", group->id, lowest, highest);
}

/* Change of an asset's active (reactive) injection in a period, W, rebound included. */
static inline double audit_asset_change(const struct schedule_audit *audit, int32_t asset, enum fg_product product, int32_t period)
{
    const struct fg_asset *what = &audit->market->assets[asset];
    double change = 0;
    for (size_t i = 0; i < audit->market->order_count; i++) {
        const struct fg_order *order = &audit->market->orders[i];
        if (order->side != FG_SIDE_SELL || order->asset != asset || order->product != product)
            continue;
        double sign = order->regulation == FG_REGULATION_UP ? 1 : -1;
        change += sign * (double)audit_accepted(audit, order, period);
        for (int32_t k = 1; k <= what->rebound_count; k++)
            change -= sign * (double)what->rebound_u[k - 1] / FG_FRACTION_ONE * (double)audit_accepted(audit, order, period - k);
    }
    return change;
}

static inline void audit_asset(struct schedule_audit *audit, int32_t index)
{
    const struct fg_market *market = audit->market;
    const struct fg_asset *asset = &market->assets[index];
    const double slack = audit->slack_w, hour = 3600, seconds = market->period_s;
    double swing = 0, up_ws = 0, down_ws = 0, before = 0, base_before = 0;
    for (int32_t t = 0; t < market->period_count; t++) {
        double base = asset->baseline_p ? (double)asset->baseline_p[t].w : 0, p = base, q = asset->baseline_q ? (double)asset->baseline_q[t].w : 0;
        double base_q = q, up = 0, down = 0, q_up = 0, q_down = 0;
        double change = audit_asset_change(audit, index, FG_PRODUCT_ACTIVE, t);
        double change_q = audit_asset_change(audit, index, FG_PRODUCT_REACTIVE, t);
        if (asset->follows_ratio)
            change_q = (double)asset->q_per_p_u / FG_FRACTION_ONE * change;
        p += change;
        q += change_q;
        for (size_t i = 0; i < market->order_count; i++) {
            const struct fg_order *order = &market->orders[i];
            if (order->side != FG_SIDE_SELL || order->asset != index)
                continue;
            double a = (double)audit_accepted(audit, order, t);
            bool is_up = order->regulation == FG_REGULATION_UP;
            if (order->product == FG_PRODUCT_ACTIVE)
                is_up ? (up += a) : (down += a);
            else
                is_up ? (q_up += a) : (q_down += a);
        }
        if ((up > 0 && down > 0) || (q_up > 0 && q_down > 0))
            audit_find(audit, "asset %s regulates up and down in period %d", asset->id, t);
        up_ws += up * seconds;
        down_ws += down * seconds;
        swing += change * seconds;
        bool moves = change != 0 || change_q != 0; /* a baseline outside its own limits is nobody's order */
        if (moves && asset->p_max.w != FG_NO_LIMIT && p > fmax((double)asset->p_max.w, base) + slack)
            audit_find(audit, "asset %s: p %.1f W above %lld", asset->id, p, (long long)asset->p_max.w);
        if (moves && asset->p_min.w != -FG_NO_LIMIT && p < fmin((double)asset->p_min.w, base) - slack)
            audit_find(audit, "asset %s: p %.1f W below %lld", asset->id, p, (long long)asset->p_min.w);
        if (moves && asset->q_max.w != FG_NO_LIMIT && q > fmax((double)asset->q_max.w, base_q) + slack)
            audit_find(audit, "asset %s: q %.1f var above %lld", asset->id, q, (long long)asset->q_max.w);
        if (moves && asset->q_min.w != -FG_NO_LIMIT && q < fmin((double)asset->q_min.w, base_q) - slack)
            audit_find(audit, "asset %s: q %.1f var below %lld", asset->id, q, (long long)asset->q_min.w);
        if (moves && asset->s_max.w != FG_NO_LIMIT && hypot(p, q) > fmax((double)asset->s_max.w, hypot(base, base_q)) + slack)
            audit_find(audit, "asset %s: s %.1f VA above %lld in period %d", asset->id, hypot(p, q), (long long)asset->s_max.w, t);
        if (moves && asset->power_factor_u > 0) {
            double factor = (double)asset->power_factor_u / FG_FRACTION_ONE, most = fabs(p) * tan(acos(factor));
            if (fabs(q) > most + slack && fabs(q) > fabs(base_q) + slack)
                audit_find(audit, "asset %s: q %.1f var beyond its power factor, %.1f", asset->id, q, most);
        }
        if (t > 0 && asset->ramp_per_hour.w != FG_NO_LIMIT &&
            fabs(p - before) > fmax((double)asset->ramp_per_hour.w * seconds / hour, fabs(base - base_before)) + slack)
            audit_find(audit, "asset %s: ramp of %.1f W from period %d on", asset->id, p - before, t - 1);
        if ((asset->energy_max.ws != FG_NO_LIMIT && swing > (double)asset->energy_max.ws + slack * seconds) ||
            (asset->energy_min.ws != -FG_NO_LIMIT && swing < (double)asset->energy_min.ws - slack * seconds))
            audit_find(audit, "asset %s: swing of %.1f Wh after period %d", asset->id, swing / hour, t);
        before = p;
        base_before = base;
    }
    if ((asset->energy_up.ws != FG_NO_LIMIT && up_ws > (double)asset->energy_up.ws + slack * seconds) ||
        (asset->energy_down.ws != FG_NO_LIMIT && down_ws > (double)asset->energy_down.ws + slack * seconds))
        audit_find(audit, "asset %s: energy up %.1f Wh, down %.1f Wh", asset->id, up_ws / hour, down_ws / hour);
}

/* The bus at which an order changes injection, NULL for needs. */
static inline const char *audit_bus(const struct schedule_audit *audit, const struct fg_order *order)
{
    if (order->side == FG_SIDE_SELL)
        return audit->market->assets[order->asset].bus;
    return order->kind == FG_REQUEST_EXCHANGE ? order->location : NULL;
}

/* Net change of injection of a set of buses, W: one bus, a zone, or everything (both NULL). */
static inline double audit_net(const struct schedule_audit *audit, const char *bus, const struct fg_zone *zone,
                               enum fg_product product, int32_t period)
{
    const struct fg_market *market = audit->market;
    double net = 0;
    for (size_t a = 0; a < market->asset_count; a++)
        if ((bus == NULL || strcmp(market->assets[a].bus, bus) == 0) && (zone == NULL || fg_zone_has_bus(zone, market->assets[a].bus))) {
            net += audit_asset_change(audit, (int32_t)a, product, period);
            if (product == FG_PRODUCT_REACTIVE && market->assets[a].follows_ratio)
                net += (double)market->assets[a].q_per_p_u / FG_FRACTION_ONE * audit_asset_change(audit, (int32_t)a, FG_PRODUCT_ACTIVE, period);
        }
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *order = &market->orders[i];
        if (order->side != FG_SIDE_BUY || order->kind != FG_REQUEST_EXCHANGE || order->product != product)
            continue;
        if ((bus == NULL || strcmp(order->location, bus) == 0) && (zone == NULL || fg_zone_has_bus(zone, order->location)))
            net += fg_order_injection_sign(order) * (double)audit_accepted(audit, order, period);
    }
    return net;
}

static inline bool audit_zone_inside(const struct fg_market *market, int32_t zone, int32_t around)
{
    for (; zone >= 0; zone = market->zones[zone].parent)
        if (zone == around)
            return true;
    return false;
}

/* Accepted needs of a direction at a bus, or at the buses and zones inside a zone. */
static inline double audit_needs(const struct schedule_audit *audit, const char *bus, int32_t zone, enum fg_product product,
                                 enum fg_regulation regulation, int32_t period)
{
    double sum = 0;
    for (size_t i = 0; i < audit->market->order_count; i++) {
        const struct fg_order *order = &audit->market->orders[i];
        if (order->kind != FG_REQUEST_NEED || order->location_kind > FG_LOCATION_ZONE || order->product != product ||
            order->regulation != regulation)
            continue;
        bool inside = order->location_kind == FG_LOCATION_BUS
                          ? (bus != NULL ? strcmp(order->location, bus) == 0
                                         : fg_zone_has_bus(&audit->market->zones[zone], order->location))
                          : bus == NULL && audit_zone_inside(audit->market, order->zone, zone);
        if (inside)
            sum += (double)audit_accepted(audit, order, period);
    }
    return sum;
}

/* Whether a need request names this very bus or zone: only there the net change is shared. */
static inline bool audit_is_asked(const struct fg_market *market, const char *bus, int32_t zone, enum fg_product product,
                                  enum fg_regulation regulation)
{
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *order = &market->orders[i];
        if (order->kind == FG_REQUEST_NEED && order->product == product && order->regulation == regulation &&
            (bus != NULL ? order->location_kind == FG_LOCATION_BUS && strcmp(order->location, bus) == 0
                         : order->location_kind == FG_LOCATION_ZONE && order->zone == zone))
            return true;
    }
    return false;
}

static inline void audit_need_place(struct schedule_audit *audit, const char *bus, int32_t zone)
{
    const char *name = bus != NULL ? bus : audit->market->zones[zone].id;
    for (int product = FG_PRODUCT_ACTIVE; product <= FG_PRODUCT_REACTIVE; product++)
        for (int32_t t = 0; t < audit->market->period_count; t++) {
            double net = audit_net(audit, bus, bus == NULL ? &audit->market->zones[zone] : NULL, (enum fg_product)product, t);
            double up = audit_needs(audit, bus, zone, (enum fg_product)product, FG_REGULATION_UP, t);
            double down = audit_needs(audit, bus, zone, (enum fg_product)product, FG_REGULATION_DOWN, t);
            if (!audit_is_asked(audit->market, bus, zone, (enum fg_product)product, FG_REGULATION_UP))
                up = 0;
            if (!audit_is_asked(audit->market, bus, zone, (enum fg_product)product, FG_REGULATION_DOWN))
                down = 0;
            if (up > fmax(net, 0) + audit->slack_w || down > fmax(-net, 0) + audit->slack_w)
                audit_find(audit, "needs at %s in period %d take %.0f up and %.0f down of a net change of %.0f W", name, t, up, down, net);
        }
}

static inline void audit_balance(struct schedule_audit *audit, int32_t period)
{
    const struct fg_market *market = audit->market;
    /* Rebound and Q that follows P are no whole ticks: half a tick is exact for a sum. */
    const double slack = fmax(audit->slack_w, 0.5 * (double)market->tick.w + 0.5);
    double p = audit_net(audit, NULL, NULL, FG_PRODUCT_ACTIVE, period), q = audit_net(audit, NULL, NULL, FG_PRODUCT_REACTIVE, period);
    if (market->balance == FG_BALANCE_CLOSED && fabs(p) > slack)
        audit_find(audit, "deviations of period %d add up to %.0f W", period, p);
    if (market->balance_reactive == FG_BALANCE_CLOSED && fabs(q) > slack)
        audit_find(audit, "reactive deviations of period %d add up to %.0f var", period, q);
}

static inline void audit_money(struct schedule_audit *audit, size_t index)
{
    const struct fg_order *order = &audit->market->orders[index];
    if (order->location_kind > FG_LOCATION_ZONE)
        return; /* what it pays follows from the violation, not from a quantity */
    const struct fg_order_settlement *money = &audit->result->settlement.orders[index];
    int64_t limit = 0;
    for (int32_t k = 0; k < order->period_count; k++) {
        struct fg_money part;
        struct fg_error err;
        if (fg_order_limit_money(order, audit->result->accepted[order->offset + (size_t)k], audit->market->period_s, &part, &err) != FG_OK)
            audit_find(audit, "order %s: %s", order->id, err.text);
        else
            limit += part.u;
    }
    int64_t received = money->settled.u + money->make_whole.u, least = order->side == FG_SIDE_SELL ? limit : -limit;
    if (money->make_whole.u < 0 || received < least - order->period_count)
        audit_find(audit, "order %s receives %lld, its limit is %lld", order->id, (long long)received, (long long)least);
}

/* Number of findings, which are printed unless quiet. */
static inline int schedule_audit(const struct fg_market *market, const struct fg_clear_result *result, double slack_w, bool quiet)
{
    struct schedule_audit audit = {market, result, slack_w, quiet, 0};
    for (size_t i = 0; i < market->order_count; i++) {
        audit_order(&audit, &market->orders[i]);
        audit_money(&audit, i);
        if (market->orders[i].kind == FG_REQUEST_NEED && market->orders[i].location_kind == FG_LOCATION_BUS)
            audit_need_place(&audit, market->orders[i].location, -1);
    }
    for (size_t g = 0; g < market->group_count; g++)
        audit_group(&audit, (int32_t)g);
    for (size_t a = 0; a < market->asset_count; a++)
        audit_asset(&audit, (int32_t)a);
    for (size_t z = 0; z < market->zone_count; z++)
        audit_need_place(&audit, NULL, (int32_t)z);
    for (int32_t t = 0; t < market->period_count; t++)
        audit_balance(&audit, t);
    return audit.findings;
}

#endif
