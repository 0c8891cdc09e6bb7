#include "market/auction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_condition_words[] = {"switch", "outage", "rating", "voltage", NULL};
const char *const fg_market_physics_words[] = {"ac", "lindistflow", "dc", "none", NULL};
const char *const fg_balance_words[] = {"imbalance", "closed", NULL};
const char *const fg_pricing_words[] = {"nodal", "zonal", "pay_as_bid", NULL};
const char *const fg_baseline_kind_words[] = {"bus", "injection", "generator", "storage", NULL};

struct fg_market *fg_market_create(const char *id)
{
    struct fg_market *market = fg_alloc(1, sizeof *market);
    if (market == NULL)
        return NULL;
    fg_arena_init(&market->arena);
    market->id = fg_market_string(market, id);
    if (market->id == NULL) {
        fg_market_destroy(market);
        return NULL;
    }
    market->currency = "EUR";
    market->operator_id = "operator";
    market->tick.w = 1000;
    market->price_step.uper_mwh = 10000;
    market->scarcity_overload.uper_mwh = FG_SCARCITY_OVERLOAD_U;
    market->scarcity_voltage.uper_mwh = FG_SCARCITY_VOLTAGE_U;
    market->scarcity_not_served.uper_mwh = FG_SCARCITY_NOT_SERVED_U;
    market->vm_max_u = FG_NO_LIMIT;
    market->substation_p_min.w = market->substation_q_min.w = -FG_NO_LIMIT;
    market->substation_p_max.w = market->substation_q_max.w = FG_NO_LIMIT;
    return market;
}

void fg_market_destroy(struct fg_market *market)
{
    if (market == NULL)
        return;
    struct fg_names *names[] = {&market->participant_names, &market->zone_names,  &market->asset_names,
                                &market->group_names,       &market->order_names, &market->implicit_assets};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fg_names_release(names[i]);
    void *arrays[] = {market->conditions,
                      market->bus_limits,   market->branch_limits, market->controllable_taps,
                      market->participants, market->zones,         market->assets,
                      market->groups,       market->baselines,     market->orders};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        fg_free(arrays[i]);
    fg_arena_release(&market->arena);
    fg_free(market);
}

enum fg_code fg_market_set_horizon(struct fg_market *market, int64_t start_s, int32_t period_s, int32_t period_count,
                                   struct fg_error *err)
{
    if (market->period_count != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the horizon is set already");
    if (period_s != 300 && period_s != 900 && period_s != 1800 && period_s != 3600)
        return fg_fail(err, FG_ERR_VALUE, NULL,
                       "a period of %d s is not a market time unit; use 5, 15, 30 or 60 minutes", period_s);
    if (period_count < 1 || period_count > FG_MARKET_PERIODS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "%d periods; a market has 1 to %d", period_count,
                       FG_MARKET_PERIODS_MAX);
    if (start_s % period_s != 0)
        return fg_fail(err, FG_ERR_VALUE, NULL, "the start is not a multiple of the period of %d s; move it", period_s);
    size_t count = (size_t)period_count;
    market->import_price = fg_arena_alloc(&market->arena, count, sizeof *market->import_price);
    market->import_price_reactive = fg_arena_alloc(&market->arena, count, sizeof *market->import_price_reactive);
    market->scale_load_u = fg_arena_alloc(&market->arena, count, sizeof *market->scale_load_u);
    market->scale_generation_u = fg_arena_alloc(&market->arena, count, sizeof *market->scale_generation_u);
    if (!market->import_price || !market->import_price_reactive || !market->scale_load_u || !market->scale_generation_u)
        return fg_fail_memory(err);
    for (size_t t = 0; t < count; t++)
        market->scale_load_u[t] = market->scale_generation_u[t] = FG_FRACTION_ONE;
    market->start_s = start_s;
    market->period_s = period_s;
    market->period_count = period_count;
    return FG_OK;
}

const char *fg_market_string(struct fg_market *market, const char *text)
{
    return fg_arena_strdup(&market->arena, text);
}

struct fg_power *fg_market_profile(struct fg_market *market)
{
    return fg_arena_alloc(&market->arena, (size_t)market->period_count, sizeof(struct fg_power));
}

/* A zeroed item at the end of a growing array; the caller raises the count when it is complete. */
static void *new_item(void **items, size_t count, size_t *capacity, size_t size_bytes)
{
    if (count >= INT32_MAX || fg_grow(items, count, capacity, size_bytes) != 0)
        return NULL;
    return memset((char *)*items + count * size_bytes, 0, size_bytes);
}

int32_t fg_market_participant(struct fg_market *market, const char *id)
{
    int32_t index = fg_names_find(&market->participant_names, id);
    if (index >= 0)
        return index;
    struct fg_participant *participant = new_item((void **)&market->participants, market->participant_count,
                                                  &market->participant_capacity, sizeof *participant);
    if (participant == NULL || (participant->id = fg_market_string(market, id)) == NULL ||
        fg_names_add(&market->participant_names, participant->id, (int32_t)market->participant_count) != 0)
        return -1;
    return (int32_t)market->participant_count++;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct fg_zone *fg_market_add_zone(struct fg_market *market, const char *id, const char *const *buses, size_t bus_count)
{
    struct fg_zone *zone = new_item((void **)&market->zones, market->zone_count, &market->zone_capacity, sizeof *zone);
    if (zone == NULL || (zone->id = fg_market_string(market, id)) == NULL)
        return NULL;
    zone->parent = -1;
    zone->buses = fg_arena_alloc(&market->arena, bus_count, sizeof *zone->buses);
    if (zone->buses == NULL)
        return NULL;
    for (size_t i = 0; i < bus_count; i++)
        if ((zone->buses[i] = fg_market_string(market, buses[i])) == NULL)
            return NULL;
    qsort(zone->buses, bus_count, sizeof *zone->buses, compare_strings);
    for (size_t i = 0; i < bus_count; i++)
        if (i == 0 || strcmp(zone->buses[i], zone->buses[zone->bus_count - 1]) != 0)
            zone->buses[zone->bus_count++] = zone->buses[i];
    if (fg_names_add(&market->zone_names, zone->id, (int32_t)market->zone_count) != 0)
        return NULL;
    market->zone_count++;
    return zone;
}

static struct fg_asset *new_asset(struct fg_market *market, const char *id, int32_t participant, const char *bus)
{
    struct fg_asset *asset =
        new_item((void **)&market->assets, market->asset_count, &market->asset_capacity, sizeof *asset);
    if (asset == NULL || (asset->id = fg_market_string(market, id)) == NULL ||
        (asset->bus = fg_market_string(market, bus)) == NULL)
        return NULL;
    asset->participant = participant;
    asset->s_max.w = asset->p_max.w = asset->q_max.w = asset->ramp_per_hour.w = FG_NO_LIMIT;
    asset->p_min.w = asset->q_min.w = -FG_NO_LIMIT;
    asset->energy_up.ws = asset->energy_down.ws = asset->energy_max.ws = FG_NO_LIMIT;
    asset->energy_min.ws = -FG_NO_LIMIT;
    return asset;
}

struct fg_asset *fg_market_add_asset(struct fg_market *market, const char *id, int32_t participant, const char *bus)
{
    struct fg_asset *asset = new_asset(market, id, participant, bus);
    if (asset == NULL || fg_names_add(&market->asset_names, asset->id, (int32_t)market->asset_count) != 0)
        return NULL;
    market->asset_count++;
    return asset;
}

struct fg_group *fg_market_add_group(struct fg_market *market, const char *id, enum fg_group_kind kind)
{
    struct fg_group *group =
        new_item((void **)&market->groups, market->group_count, &market->group_capacity, sizeof *group);
    if (group == NULL || (group->id = fg_market_string(market, id)) == NULL ||
        fg_names_add(&market->group_names, group->id, (int32_t)market->group_count) != 0)
        return NULL;
    group->kind = kind;
    group->participant = -1;
    market->group_count++;
    return group;
}

struct fg_baseline *fg_market_add_baseline(struct fg_market *market, enum fg_baseline_kind kind, const char *id)
{
    struct fg_baseline *row =
        new_item((void **)&market->baselines, market->baseline_count, &market->baseline_capacity, sizeof *row);
    if (row == NULL || (row->id = fg_market_string(market, id)) == NULL)
        return NULL;
    row->kind = kind;
    market->baseline_count++;
    return row;
}

struct fg_bus_limit *fg_market_add_bus_limit(struct fg_market *market, const char *bus)
{
    struct fg_bus_limit *limit =
        new_item((void **)&market->bus_limits, market->bus_limit_count, &market->bus_limit_capacity, sizeof *limit);
    if (limit == NULL || (limit->bus = fg_market_string(market, bus)) == NULL)
        return NULL;
    limit->vm_max_u = FG_NO_LIMIT;
    market->bus_limit_count++;
    return limit;
}

struct fg_branch_limit *fg_market_add_branch_limit(struct fg_market *market, const char *branch)
{
    struct fg_branch_limit *limit = new_item((void **)&market->branch_limits, market->branch_limit_count,
                                             &market->branch_limit_capacity, sizeof *limit);
    if (limit == NULL || (limit->branch = fg_market_string(market, branch)) == NULL)
        return NULL;
    limit->rating.w = FG_NO_LIMIT;
    market->branch_limit_count++;
    return limit;
}

struct fg_condition *fg_market_add_condition(struct fg_market *market, enum fg_condition_kind kind, const char *element)
{
    struct fg_condition *condition =
        new_item((void **)&market->conditions, market->condition_count, &market->condition_capacity, sizeof *condition);
    if (condition == NULL || (condition->element = fg_market_string(market, element)) == NULL)
        return NULL;
    condition->kind = kind;
    condition->period_count = market->period_count;
    condition->rating.w = condition->vm_max_u = FG_NO_LIMIT;
    market->condition_count++;
    return condition;
}

struct fg_controllable_tap *fg_market_add_controllable_tap(struct fg_market *market, const char *branch)
{
    struct fg_controllable_tap *tap = new_item((void **)&market->controllable_taps, market->controllable_tap_count,
                                               &market->controllable_tap_capacity, sizeof *tap);
    if (tap == NULL || (tap->branch = fg_market_string(market, branch)) == NULL)
        return NULL;
    market->controllable_tap_count++;
    return tap;
}

/* The asset of orders that name a bus only: one per participant and bus. */
static int32_t implicit_asset(struct fg_market *market, int32_t participant, const char *bus)
{
    const char *owner = market->participants[participant].id;
    size_t key_size = strlen(bus) + 16, id_size = strlen(owner) + strlen(bus) + 2;
    char *key = fg_arena_alloc(&market->arena, key_size, 1), *id = fg_arena_alloc(&market->arena, id_size, 1);
    if (!key || !id)
        return -1;
    snprintf(key, key_size, "%d@%s", participant, bus);
    int32_t index = fg_names_find(&market->implicit_assets, key);
    if (index >= 0)
        return index;
    snprintf(id, id_size, "%s@%s", owner, bus);
    struct fg_asset *asset = new_asset(market, id, participant, bus);
    if (asset == NULL || fg_names_add(&market->implicit_assets, key, (int32_t)market->asset_count) != 0)
        return -1;
    asset->is_implicit = true;
    return (int32_t)market->asset_count++;
}

static void *arena_copy(struct fg_market *market, const void *items, size_t count, size_t size_bytes)
{
    void *copy = fg_arena_alloc(&market->arena, count, size_bytes);
    if (copy != NULL && count > 0)
        memcpy(copy, items, count * size_bytes);
    return copy;
}

enum fg_code fg_market_add_order(struct fg_market *market, const struct fg_order *order, struct fg_error *err)
{
    if (order->period_count < 1 || order->point_count < 1 || order->participant < 0 ||
        order->participant >= (int32_t)market->participant_count || order->asset >= (int32_t)market->asset_count ||
        order->group >= (int32_t)market->group_count ||
        (order->side == FG_SIDE_SELL && order->asset < 0 && order->location == NULL))
        return fg_fail(err, FG_ERR_ARGUMENT, order->place,
                       "an order needs a participant, an asset or bus, periods and a price");
    if (market->order_count >= FG_MARKET_ORDERS_MAX ||
        market->order_period_count + (size_t)order->period_count > FG_MARKET_ORDER_PERIODS_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, order->place, "more than %d orders or %d order-periods; split the market",
                       FG_MARKET_ORDERS_MAX, FG_MARKET_ORDER_PERIODS_MAX);
    struct fg_order *copy =
        new_item((void **)&market->orders, market->order_count, &market->order_capacity, sizeof *copy);
    if (copy == NULL)
        return fg_fail_memory(err);
    *copy = *order;
    copy->offset = market->order_period_count;
    copy->id = fg_market_string(market, order->id);
    copy->place = order->place ? fg_market_string(market, order->place) : NULL;
    copy->quantity = arena_copy(market, order->quantity, (size_t)order->period_count, sizeof *order->quantity);
    copy->points = arena_copy(market, order->points, (size_t)order->point_count, sizeof *order->points);
    if (order->side == FG_SIDE_SELL && order->asset < 0)
        copy->asset = implicit_asset(market, order->participant, order->location);
    if (order->side == FG_SIDE_SELL && copy->asset >= 0)
        copy->location = market->assets[copy->asset].bus;
    else if (order->location)
        copy->location = fg_market_string(market, order->location);
    if (!copy->id || (order->place && !copy->place) || !copy->quantity || !copy->points ||
        (order->side == FG_SIDE_SELL && copy->asset < 0) || (order->location && !copy->location) ||
        fg_names_add(&market->order_names, copy->id, (int32_t)market->order_count) != 0)
        return fg_fail_memory(err);
    if (copy->group >= 0 && market->groups[copy->group].participant < 0)
        market->groups[copy->group].participant = copy->participant;
    market->order_count++;
    market->order_period_count += (size_t)order->period_count;
    return FG_OK;
}

int32_t fg_market_find_order(const struct fg_market *market, const char *id)
{
    return fg_names_find(&market->order_names, id);
}

int32_t fg_market_find_zone(const struct fg_market *market, const char *id)
{
    return fg_names_find(&market->zone_names, id);
}

int32_t fg_market_find_asset(const struct fg_market *market, const char *id)
{
    return fg_names_find(&market->asset_names, id);
}

int32_t fg_market_find_group(const struct fg_market *market, const char *id)
{
    return fg_names_find(&market->group_names, id);
}

bool fg_zone_has_bus(const struct fg_zone *zone, const char *bus)
{
    return bsearch(&bus, zone->buses, zone->bus_count, sizeof *zone->buses, compare_strings) != NULL;
}

int32_t fg_market_zone_of_bus(const struct fg_market *market, const char *bus)
{
    int32_t best = -1;
    for (int32_t z = 0; z < (int32_t)market->zone_count; z++)
        if (fg_zone_has_bus(&market->zones[z], bus) &&
            (best < 0 || market->zones[z].bus_count < market->zones[best].bus_count))
            best = z;
    return best;
}
