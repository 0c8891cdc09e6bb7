/* Is a market well formed? Judged by its own rules alone; whether its buses exist is the toolkit's question. */
#include "market/auction.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCARCITY_MAX_U INT64_C(1000000000000000) /* 1e9 per unit */

static enum fg_refusal refuse(const struct fg_order *order, enum fg_refusal refusal, struct fg_error *err,
                              const char *format, ...) FG_PRINTF(4, 5);
static enum fg_refusal refuse(const struct fg_order *order, enum fg_refusal refusal, struct fg_error *err,
                              const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fg_fail(err, FG_ERR_VALUE, order->place, "order %s [%s]: %s", order->id, fg_refusal_key(refusal), text);
    return refusal;
}

static bool covers_limit(const struct fg_order *order)
{
    return order->location_kind == FG_LOCATION_BRANCH_LIMIT || order->location_kind == FG_LOCATION_VOLTAGE_LIMIT;
}

static enum fg_refusal check_kind_and_location(const struct fg_market *market, const struct fg_order *order,
                                               struct fg_error *err)
{
    if ((order->side == FG_SIDE_SELL) != (order->kind == FG_REQUEST_NONE))
        return refuse(order, FG_REFUSAL_KIND_SIDE, err,
                      "sell orders have no kind, buy orders are of kind need or exchange; change side or kind");
    if (order->product != FG_PRODUCT_ACTIVE && order->product != FG_PRODUCT_REACTIVE)
        return refuse(order, FG_REFUSAL_PRODUCT, err,
                      "an auction clears active and reactive energy; trade reserve capacity in the continuous book");
    bool is_zone = order->location_kind == FG_LOCATION_ZONE;
    if (order->kind != FG_REQUEST_NEED && order->location_kind != FG_LOCATION_BUS)
        return refuse(order, FG_REFUSAL_LOCATION, err,
                      "offers and exchange requests move an injection, so they need a bus (or asset); give one");
    if (is_zone ? order->zone < 0 || order->zone >= (int32_t)market->zone_count : order->location == NULL)
        return refuse(order, FG_REFUSAL_LOCATION, err, "its location does not exist; name a bus, zone, asset or limit");
    if (covers_limit(order) && order->product != FG_PRODUCT_ACTIVE)
        return refuse(order, FG_REFUSAL_LOCATION, err,
                      "a request that covers a limit prices the violation, not a product; leave the product out");
    if ((order->regulation == FG_REGULATION_BOTH) != (order->location_kind == FG_LOCATION_BRANCH_LIMIT))
        return refuse(order, FG_REFUSAL_REGULATION, err,
                      "regulation is up or down; only a request that covers a branch limit has both directions");
    if (covers_limit(order) && (order->block || order->min_fraction_u != 0 || order->parent >= 0 || order->group >= 0 ||
                                order->point_count != 1))
        return refuse(order, FG_REFUSAL_ACCEPTANCE, err,
                      "a request that covers a limit has one price and no block, minimum acceptance, link or group");
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_quantity(const struct fg_market *market, const struct fg_order *order, int64_t *largest,
                                      struct fg_error *err)
{
    if (order->period_count < 1 || order->first_period < 0 ||
        order->first_period > market->period_count - order->period_count)
        return refuse(order, FG_REFUSAL_PERIOD_RANGE, err,
                      "periods %d to %lld are outside the market's 0 to %d; move or shorten it", order->first_period,
                      (long long)order->first_period + order->period_count - 1, market->period_count - 1);
    *largest = 0;
    for (int32_t t = 0; t < order->period_count; t++) {
        int64_t w = order->quantity[t].w;
        if (w < 0 || w > FG_MARKET_POWER_MAX_W)
            return refuse(
                order, FG_REFUSAL_QUANTITY_RANGE, err,
                "a quantity is negative or above 1 TW; quantities are amounts, regulation gives the direction");
        if (order->location_kind != FG_LOCATION_VOLTAGE_LIMIT && w % market->tick.w != 0) {
            char quantity[FG_DECIMAL_MAX], tick[FG_DECIMAL_MAX];
            return refuse(order, FG_REFUSAL_QUANTITY_TICK, err,
                          "quantity %s is not a multiple of the tick %s; round it",
                          fg_decimal_format(w, 6, 0, quantity), fg_decimal_format(market->tick.w, 6, 0, tick));
        }
        if (w > *largest)
            *largest = w;
    }
    if (*largest == 0)
        return refuse(order, FG_REFUSAL_QUANTITY_RANGE, err, "every quantity is 0; leave the order out");
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_price(const struct fg_market *market, const struct fg_order *order, int64_t largest,
                                   struct fg_error *err)
{
    for (int32_t k = 0; k < order->point_count; k++) {
        int64_t price = order->points[k].price.uper_mwh;
        if (price % market->price_step.uper_mwh != 0) {
            char given[FG_DECIMAL_MAX], step[FG_DECIMAL_MAX];
            return refuse(
                order, FG_REFUSAL_PRICE_STEP, err, "price %s is not a multiple of the price step %s; round it",
                fg_decimal_format(price, 6, 2, given), fg_decimal_format(market->price_step.uper_mwh, 6, 2, step));
        }
        if (price < (covers_limit(order) ? 0 : -FG_MARKET_PRICE_MAX_U) || price > FG_MARKET_PRICE_MAX_U)
            return refuse(order, FG_REFUSAL_PRICE_RANGE, err,
                          "a price is outside -1000000 to 1000000 (0 to 1000000 where it covers a limit); change it");
        int64_t from = k > 0 ? order->points[k - 1].up_to.w : 0;
        int64_t rise = k > 0 ? price - order->points[k - 1].price.uper_mwh : 0;
        if (order->points[k].up_to.w <= from || (order->side == FG_SIDE_SELL ? rise < 0 : rise > 0))
            return refuse(
                order, FG_REFUSAL_PRICE_ORDER, err,
                "quantities of price points increase; prices never fall along an offer or rise along a request");
        if (order->location_kind != FG_LOCATION_VOLTAGE_LIMIT && order->points[k].up_to.w % market->tick.w != 0)
            return refuse(order, FG_REFUSAL_QUANTITY_TICK, err,
                          "the quantity of a price point is not a multiple of the tick; round it");
    }
    if (order->points[order->point_count - 1].up_to.w < largest)
        return refuse(order, FG_REFUSAL_PRICE_SHORT, err,
                      "the price curve ends below the largest quantity; add a price point");
    if (order->block && order->point_count != 1)
        return refuse(order, FG_REFUSAL_PRICE_BLOCK, err, "a block has one price; give price in place of price_points");
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_links(const struct fg_market *market, const struct fg_order *order, struct fg_error *err)
{
    if (order->group >= 0) {
        if (!fg_order_has_one_fraction(order))
            return refuse(order, FG_REFUSAL_GROUP_FRACTION, err,
                          "members of a group have one fraction; make it a block or give it one period");
        if (market->groups[order->group].participant != order->participant)
            return refuse(order, FG_REFUSAL_LINK_PARTICIPANT, err,
                          "group %s belongs to another participant; use one of its own",
                          market->groups[order->group].id);
    }
    if (order->parent < 0)
        return FG_REFUSAL_NONE;
    const struct fg_order *parent = &market->orders[order->parent];
    if (!fg_order_has_one_fraction(order) || !fg_order_has_one_fraction(parent))
        return refuse(order, FG_REFUSAL_LINK_FRACTION, err,
                      "linked orders and their parents have one fraction; make them blocks or give them one period");
    if (parent->participant != order->participant)
        return refuse(order, FG_REFUSAL_LINK_PARTICIPANT, err,
                      "its parent %s is another participant's; link to an own order", parent->id);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_order_check(const struct fg_market *market, const struct fg_order *order, struct fg_error *err)
{
    int64_t largest = 0;
    enum fg_refusal refusal = check_kind_and_location(market, order, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_quantity(market, order, &largest, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_price(market, order, largest, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    if (order->min_fraction_u < 0 || order->min_fraction_u > FG_FRACTION_ONE)
        return refuse(order, FG_REFUSAL_FRACTION_RANGE, err, "minimum_acceptance is a fraction from 0 to 1; change it");
    if (order->side == FG_SIDE_SELL) {
        const struct fg_asset *asset = &market->assets[order->asset];
        if (asset->participant != order->participant)
            return refuse(order, FG_REFUSAL_ASSET, err, "asset %s belongs to another participant; offer an own one",
                          asset->id);
        if (asset->follows_ratio && order->product == FG_PRODUCT_REACTIVE)
            return refuse(order, FG_REFUSAL_ASSET_REACTIVE, err,
                          "reactive power of asset %s follows its active power (q_per_p); offer active power only",
                          asset->id);
    }
    return check_links(market, order, err);
}

/* Cycles among parents: mark each chain with its first order; meeting the own mark again closes a cycle. */
static enum fg_code check_cycles(const struct fg_market *market, struct fg_error *err)
{
    size_t *marks = fg_alloc(market->order_count, sizeof *marks);
    if (marks == NULL)
        return fg_fail_memory(err);
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < market->order_count && code == FG_OK; i++) {
        int32_t at = (int32_t)i;
        while (at >= 0 && marks[at] == 0) {
            marks[at] = i + 1;
            at = market->orders[at].parent;
        }
        if (at >= 0 && marks[at] == i + 1) {
            refuse(&market->orders[at], FG_REFUSAL_LINK_CYCLE, err, "it is its own ancestor; remove one of the links");
            code = FG_ERR_VALUE;
        }
    }
    fg_free(marks);
    return code;
}

static enum fg_code check_orders(const struct fg_market *market, struct fg_error *err)
{
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *order = &market->orders[i];
        int32_t first = fg_market_find_order(market, order->id);
        if (first != (int32_t)i) {
            refuse(order, FG_REFUSAL_ID_DUPLICATE, err, "the id is used already%s%s; choose another",
                   market->orders[first].place ? " at " : "",
                   market->orders[first].place ? market->orders[first].place : "");
            return FG_ERR_VALUE;
        }
        if (order->parent >= (int32_t)market->order_count)
            return fg_fail(err, FG_ERR_ARGUMENT, order->place, "the parent's index is out of range");
        if (fg_order_check(market, order, err) != FG_REFUSAL_NONE)
            return FG_ERR_VALUE;
    }
    return check_cycles(market, err);
}

static enum fg_code bad(const struct fg_market *market, const char *place, struct fg_error *err, const char *what,
                        const char *id, const char *remedy)
{
    return fg_fail(err, FG_ERR_VALUE, place ? place : market->source, "%s%s%s; %s", what, id[0] ? " " : "", id, remedy);
}

static enum fg_code check_asset(const struct fg_market *market, const struct fg_asset *asset, struct fg_error *err)
{
    const char *place = asset->place;
    if (asset->p_min.w > asset->p_max.w || asset->q_min.w > asset->q_max.w || asset->s_max.w <= 0 ||
        asset->ramp_per_hour.w < 0)
        return bad(market, place, err, "limits out of order at asset", asset->id,
                   "p_min <= p_max, q_min <= q_max, s_max > 0, ramp >= 0");
    if (asset->energy_up.ws < 0 || asset->energy_down.ws < 0 || asset->energy_min.ws > 0 || asset->energy_max.ws < 0)
        return bad(market, place, err, "energy limits of the wrong sign at asset", asset->id,
                   "energy_up, energy_down and energy_max are >= 0, energy_min <= 0");
    if (asset->power_factor_u < 0 || asset->power_factor_u > FG_FRACTION_ONE)
        return bad(market, place, err, "power factor outside 0 to 1 at asset", asset->id, "give a value such as 0.95");
    if (asset->power_factor_u > 0 && asset->p_min.w < 0 && asset->p_max.w > 0)
        return bad(market, place, err, "power factor limit without a sign of P at asset", asset->id,
                   "give p_min >= 0 or p_max <= 0, or use s_max");
    if (asset->power_factor_u > 0 && asset->follows_ratio)
        return bad(market, place, err, "both power_factor and q_per_p at asset", asset->id, "give one of the two");
    for (int32_t k = 0; k < asset->rebound_count; k++)
        if (asset->rebound_u[k] < 0 || asset->rebound_u[k] > FG_FRACTION_ONE)
            return bad(market, place, err, "rebound fraction outside 0 to 1 at asset", asset->id, "change it");
    if (asset->rebound_count > market->period_count)
        return bad(market, place, err, "rebound longer than the market at asset", asset->id, "shorten it");
    int32_t differing_periods = asset->baseline_p || asset->baseline_q ? market->period_count : 1;
    for (int32_t t = 0; t < differing_periods; t++) {
        int64_t p = asset->baseline_p ? asset->baseline_p[t].w : 0, q = asset->baseline_q ? asset->baseline_q[t].w : 0;
        if (p < asset->p_min.w || p > asset->p_max.w || q < asset->q_min.w || q > asset->q_max.w)
            return bad(market, place, err, "the baseline is outside the limits at asset", asset->id,
                       "widen the limits or correct the baseline");
        if (asset->s_max.w != FG_NO_LIMIT && (double)p * (double)p + (double)q * (double)q >
                                                 (double)asset->s_max.w * (double)asset->s_max.w * (1 + 1e-9))
            return bad(market, place, err, "the baseline is above s_max at asset", asset->id,
                       "raise s_max or correct the baseline");
    }
    return FG_OK;
}

/* Nested or disjoint: taken from the largest to the smallest, all buses of a zone must lie in the same smallest zone so
 * far, which becomes its parent. */
static enum fg_code check_zones(struct fg_market *market, struct fg_error *err)
{
    size_t count = market->zone_count;
    enum fg_code code = FG_OK;
    struct fg_names buses;
    fg_names_init(&buses);
    int32_t *by_size = fg_alloc(count, sizeof *by_size), *zone_of = NULL;
    size_t bus_count = 0, zone_capacity = 0;
    if (by_size == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++) { /* insertion by size, larger first; few zones */
        size_t at = i;
        while (at > 0 && market->zones[by_size[at - 1]].bus_count < market->zones[i].bus_count) {
            by_size[at] = by_size[at - 1];
            at--;
        }
        by_size[at] = (int32_t)i;
    }
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        struct fg_zone *zone = &market->zones[by_size[i]];
        if (fg_market_find_zone(market, zone->id) != by_size[i])
            code = bad(market, NULL, err, "two zones have the id", zone->id, "rename one");
        else if (zone->bus_count == 0)
            code = bad(market, NULL, err, "no bus in zone", zone->id, "name its buses or leave it out");
        for (size_t b = 0; b < zone->bus_count && code == FG_OK; b++) {
            int32_t bus = fg_names_find(&buses, zone->buses[b]);
            if (bus < 0) {
                bus = (int32_t)bus_count;
                if (fg_grow((void **)&zone_of, bus_count, &zone_capacity, sizeof *zone_of) != 0 ||
                    fg_names_add(&buses, zone->buses[b], bus) != 0) {
                    code = fg_fail_memory(err);
                    break;
                }
                zone_of[bus_count++] = -1;
            }
            if (b == 0)
                zone->parent = zone_of[bus];
            else if (zone->parent != zone_of[bus])
                code = bad(market, NULL, err, "neither inside, outside nor around another zone: zone", zone->id,
                           "zones are nested or disjoint, so that a kW counts once; change its buses");
            zone_of[bus] = by_size[i];
        }
    }
    fg_free(by_size);
    fg_free(zone_of);
    fg_names_release(&buses);
    return code;
}

static enum fg_code check_rules(const struct fg_market *market, struct fg_error *err)
{
    if (market->period_count == 0)
        return bad(market, NULL, err, "the market has no horizon", "", "give start, period_minutes and period_count");
    if (market->tick.w < 1 || market->tick.w > 1000000)
        return bad(market, NULL, err, "the tick is outside 0.000001 to 1 MW", "", "0.001 is usual");
    if (market->price_step.uper_mwh < 1 || market->price_step.uper_mwh > 1000000)
        return bad(market, NULL, err, "the price step is outside 0.000001 to 1", "", "0.01 is usual");
    const char *currency = market->currency;
    if (strlen(currency) != 3 || strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return bad(market, NULL, err, "not a currency:", currency, "give three capital letters such as EUR");
    const int64_t scarcity[] = {market->scarcity_overload.uper_mwh, market->scarcity_voltage.uper_mwh,
                                market->scarcity_not_served.uper_mwh};
    for (size_t i = 0; i < 3; i++)
        if (scarcity[i] <= 0 || scarcity[i] > SCARCITY_MAX_U)
            return bad(market, NULL, err, "a scarcity price is not positive or above 1e9", "",
                       "a limit without price would not be held");
    for (int32_t t = 0; t < market->period_count; t++) {
        const int64_t prices[] = {market->import_price[t].uper_mwh, market->import_price_reactive[t].uper_mwh};
        for (size_t i = 0; i < 2; i++)
            if (prices[i] < -FG_MARKET_PRICE_MAX_U || prices[i] > FG_MARKET_PRICE_MAX_U)
                return bad(market, NULL, err, "an import price is outside -1000000 to 1000000", "", "change it");
        if (market->scale_load_u[t] < 0 || market->scale_generation_u[t] < 0 ||
            market->scale_load_u[t] > 1000 * (int64_t)FG_FRACTION_ONE ||
            market->scale_generation_u[t] > 1000 * (int64_t)FG_FRACTION_ONE)
            return bad(market, NULL, err, "a scaling is outside 0 to 1000", "", "change it");
    }
    if (market->vm_min_u < 0 || market->vm_min_u > market->vm_max_u)
        return bad(market, NULL, err, "the voltage band is empty or negative", "", "give minimum <= maximum in p.u.");
    if (market->substation_p_min.w > market->substation_p_max.w ||
        market->substation_q_min.w > market->substation_q_max.w)
        return bad(market, NULL, err, "substation limits out of order", "", "minimum <= maximum");
    return FG_OK;
}

/* Each id once; `id_at` reads the i-th one. */
static enum fg_code check_unique(const struct fg_market *market, size_t count,
                                 const char *(*id_at)(const struct fg_market *, size_t), const char *what,
                                 struct fg_error *err)
{
    struct fg_names names;
    fg_names_init(&names);
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        const char *id = id_at(market, i);
        if (fg_names_find(&names, id) >= 0)
            code = bad(market, NULL, err, what, id, "give it once");
        else if (fg_names_add(&names, id, (int32_t)i) != 0)
            code = fg_fail_memory(err);
    }
    fg_names_release(&names);
    return code;
}

static const char *bus_limit_id(const struct fg_market *market, size_t i)
{
    return market->bus_limits[i].bus;
}

static const char *branch_limit_id(const struct fg_market *market, size_t i)
{
    return market->branch_limits[i].branch;
}

static const char *tap_id(const struct fg_market *market, size_t i)
{
    return market->controllable_taps[i].branch;
}

static enum fg_code check_baselines(const struct fg_market *market, struct fg_error *err)
{
    struct fg_names names[4];
    enum fg_code code = FG_OK;
    for (size_t kind = 0; kind < 4; kind++)
        fg_names_init(&names[kind]);
    for (size_t i = 0; i < market->baseline_count && code == FG_OK; i++) {
        const struct fg_baseline *row = &market->baselines[i];
        if (fg_names_find(&names[row->kind], row->id) >= 0)
            code = bad(market, row->place, err, "two baselines for", row->id, "give one");
        else if (fg_names_add(&names[row->kind], row->id, (int32_t)i) != 0)
            code = fg_fail_memory(err);
    }
    for (size_t kind = 0; kind < 4; kind++)
        fg_names_release(&names[kind]);
    return code;
}

static enum fg_code check_conditions(const struct fg_market *market, struct fg_error *err)
{
    for (size_t i = 0; i < market->condition_count; i++) {
        const struct fg_condition *c = &market->conditions[i];
        if (c->first_period < 0 || c->period_count < 1 || c->period_count > market->period_count ||
            c->first_period > market->period_count - c->period_count)
            return bad(market, c->place, err, "periods outside the market's for a condition of", c->element, "move or shorten it");
        if (c->kind == FG_CONDITION_RATING && c->rating.w <= 0)
            return bad(market, c->place, err, "the rating is not positive at branch", c->element, "give MVA > 0, or an outage");
        if (c->kind == FG_CONDITION_VOLTAGE && (c->vm_min_u < 0 || c->vm_min_u > c->vm_max_u))
            return bad(market, c->place, err, "the voltage band is empty or negative at bus", c->element,
                       "give minimum <= maximum in p.u.");
    }
    return FG_OK;
}

enum fg_code fg_market_validate(struct fg_market *market, struct fg_error *err)
{
    enum fg_code code = check_rules(market, err);
    if (code != FG_OK || (code = check_zones(market, err)) != FG_OK || (code = check_baselines(market, err)) != FG_OK ||
        (code = check_conditions(market, err)) != FG_OK ||
        (code = check_unique(market, market->bus_limit_count, bus_limit_id, "two limits for bus", err)) != FG_OK ||
        (code = check_unique(market, market->branch_limit_count, branch_limit_id, "two limits for branch", err)) !=
            FG_OK ||
        (code = check_unique(market, market->controllable_tap_count, tap_id, "named twice as controllable:", err)) !=
            FG_OK)
        return code;
    for (size_t i = 0; i < market->bus_limit_count; i++)
        if (market->bus_limits[i].vm_min_u < 0 || market->bus_limits[i].vm_min_u > market->bus_limits[i].vm_max_u)
            return bad(market, market->bus_limits[i].place, err, "the voltage band is empty or negative at bus",
                       market->bus_limits[i].bus, "give minimum <= maximum in p.u.");
    for (size_t i = 0; i < market->branch_limit_count; i++)
        if (market->branch_limits[i].rating.w <= 0)
            return bad(market, market->branch_limits[i].place, err, "the rating is not positive at branch",
                       market->branch_limits[i].branch, "give MVA > 0, or open the branch in the network");
    for (size_t i = 0; i < market->group_count; i++)
        if (fg_market_find_group(market, market->groups[i].id) != (int32_t)i)
            return bad(market, NULL, err, "two groups have the id", market->groups[i].id, "rename one");
    for (size_t i = 0; i < market->asset_count; i++) {
        const struct fg_asset *asset = &market->assets[i];
        if (!asset->is_implicit && fg_market_find_asset(market, asset->id) != (int32_t)i)
            return bad(market, asset->place, err, "two assets have the id", asset->id, "rename one");
        if ((code = check_asset(market, asset, err)) != FG_OK)
            return code;
    }
    return check_orders(market, err);
}
