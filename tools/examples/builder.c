#include "example.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_START_S INT64_C(1805151600) /* 2027-03-15T23:00:00Z: midnight of 16 March in UTC+1 */

void example_die(const char *what, const struct fg_error *err)
{
    fprintf(stderr, "flexgrid-examples: error: %s%s%s%s%s\n", what, err != NULL && err->place[0] != '\0' ? ": " : "",
            err != NULL ? err->place : "", err != NULL ? ": " : "", err != NULL ? err->text : "");
    exit(1);
}

void *example_need(void *pointer)
{
    if (pointer == NULL)
        example_die("out of memory", NULL);
    return pointer;
}

void example_begin(struct example *example, const char *folder, const char *title, uint64_t seed)
{
    *example = (struct example){.folder = folder, .title = title};
    example->network = example_need(fg_network_create());
    example->market = example_need(fg_market_create(folder));
    example->network->name = example_need((void *)fg_network_string(example->network, title));
    example->market->name = example_need((void *)fg_market_string(example->market, title));
    fg_random_init(&example->random, seed);
}

void example_release(struct example *example)
{
    fg_market_destroy(example->market);
    fg_network_destroy(example->network);
}

void example_day(struct example *example, int32_t period_s)
{
    struct fg_error err;
    struct fg_market *market = example->market;
    if (fg_market_set_horizon(market, DAY_START_S, period_s, 86400 / period_s, &err) != FG_OK)
        example_die("horizon", &err);
    for (int32_t t = 0; t < market->period_count; t++) {
        double price = shape_day_ahead_price(floor(example_hour_of_day(example, t)) + 0.5);
        market->import_price[t].uper_mwh = llround(price * 10.0) * 100000;
    }
}

double example_hours(const struct example *example)
{
    return example->market->period_s / 3600.0;
}

double example_hour_of_day(const struct example *example, int32_t period)
{
    return (period + 0.5) * example_hours(example);
}

int32_t example_period_at(const struct example *example, double hour)
{
    return (int32_t)lround(hour / example_hours(example));
}

static struct fg_power kilowatts(double mw)
{
    return (struct fg_power){llround(mw * 1000.0) * 1000};
}

/* Kilowatts that are never more than `mw`: what can be offered of it. */
static struct fg_power kilowatts_within(double mw)
{
    return (struct fg_power){(int64_t)floor(mw * 1000.0 + 1e-6) * 1000};
}

static struct fg_price dimes(double price)
{
    return (struct fg_price){llround(price * 10.0) * 100000};
}

static double around(struct example *example, double value, double relative)
{
    return value * fg_random_between(&example->random, 1.0 - relative, 1.0 + relative);
}

/* Highest and lowest day-ahead price between two hours: what energy given away or taken then is worth elsewhere. Offers
 * ask for that and a margin, so that they are accepted where the grid needs them, not as a bet on the price. */
static double price_high(const struct example *example, double from, double to)
{
    double high = -INFINITY;
    for (int32_t t = example_period_at(example, from); t < example_period_at(example, to); t++)
        high = fmax(high, fg_per_mwh(example->market->import_price[t]));
    return high;
}

static double price_low(const struct example *example, double from, double to)
{
    double low = INFINITY;
    for (int32_t t = example_period_at(example, from); t < example_period_at(example, to); t++)
        low = fmin(low, fg_per_mwh(example->market->import_price[t]));
    return low;
}

static int32_t bus_index(const struct example *example, const char *bus)
{
    int32_t index = fg_network_find_bus(example->network, bus);
    if (index < 0)
        example_die("no such bus", NULL);
    return index;
}

const struct fg_power *example_injection(struct example *example, const char *id, const char *name,
                                         enum fg_injection_kind kind, const char *bus, double peak_mw, double q_per_p,
                                         double (*shape)(double hour), double noise)
{
    struct fg_market *market = example->market;
    struct fg_injection *injection = example_need(fg_network_add_injection(
        example->network, id, kind, bus_index(example, bus), peak_mw, peak_mw * q_per_p));
    injection->name = example_need((void *)fg_network_string(example->network, name));
    struct fg_baseline *baseline = example_need(fg_market_add_baseline(market, FG_BASELINE_INJECTION, id));
    struct fg_power *p = example_need(fg_market_profile(market));
    struct fg_power *q = q_per_p != 0.0 ? example_need(fg_market_profile(market)) : NULL;
    double deviation = 0.0; /* first-order autoregressive, so that neighbouring periods are alike */
    for (int32_t t = 0; t < market->period_count; t++) {
        deviation = 0.8 * deviation + 0.6 * noise * fg_random_normal(&example->random);
        double factor = shape(example_hour_of_day(example, t)) * (1.0 + deviation);
        factor = factor < 0.0 ? 0.0 : factor > 1.1 ? 1.1 : factor;
        p[t] = kilowatts(peak_mw * factor);
        if (q != NULL)
            q[t] = kilowatts(peak_mw * factor * q_per_p);
    }
    baseline->p = p;
    baseline->q = q;
    return p;
}

static struct fg_asset *add_asset(struct example *example, const char *kind, const char *bus, const char *participant,
                                  const char *technology, const struct fg_power *baseline)
{
    char id[64];
    snprintf(id, sizeof id, "%s-%s", kind, bus);
    int32_t owner = fg_market_participant(example->market, participant);
    if (owner < 0)
        example_die("out of memory", NULL);
    struct fg_asset *asset = example_need(fg_market_add_asset(example->market, id, owner, bus));
    asset->technology = example_need((void *)fg_market_string(example->market, technology));
    asset->baseline_p = baseline;
    return asset;
}

/* What a new order has in common; the caller changes what differs and posts it. */
struct draft {
    struct fg_order order;
    struct fg_power quantity[EXAMPLE_PERIODS_MAX];
    struct fg_price_point points[3];
    char id[96];
};

static void draft_begin(struct example *example, struct draft *draft, enum fg_side side, double from, double to)
{
    int32_t first = example_period_at(example, from), last = example_period_at(example, to);
    *draft = (struct draft){0};
    draft->order = (struct fg_order){.side = side,
                                     .kind = side == FG_SIDE_BUY ? FG_REQUEST_NEED : FG_REQUEST_NONE,
                                     .location_kind = FG_LOCATION_BUS,
                                     .zone = -1,
                                     .asset = -1,
                                     .first_period = first,
                                     .period_count = last - first,
                                     .quantity = draft->quantity,
                                     .points = draft->points,
                                     .point_count = 1,
                                     .parent = -1,
                                     .group = -1};
    snprintf(draft->id, sizeof draft->id, "%c%03d", side == FG_SIDE_BUY ? 'R' : 'O', ++example->order_number);
    draft->order.id = draft->id;
}

/* Post unless nothing is offered; returns the order's index or -1. */
static int32_t draft_post(struct example *example, struct draft *draft)
{
    struct fg_error err;
    int64_t most = 0;
    for (int32_t t = 0; t < draft->order.period_count; t++)
        if (draft->quantity[t].w > most)
            most = draft->quantity[t].w;
    if (most == 0) {
        example->order_number--;
        return -1;
    }
    struct fg_price_point *last = &draft->points[draft->order.point_count - 1];
    if (last->up_to.w < most)
        last->up_to.w = most;
    if (fg_market_add_order(example->market, &draft->order, &err) != FG_OK)
        example_die(draft->id, &err);
    return (int32_t)example->market->order_count - 1;
}

/* Sell order of an asset between two hours: `share` of what the baseline leaves in that direction. Up reduces consumption or
 * raises output, down the contrary. */
static void draft_offer(struct example *example, struct draft *draft, int32_t asset, enum fg_regulation regulation,
                        double from, double to, double price)
{
    draft_begin(example, draft, FG_SIDE_SELL, from, to);
    const struct fg_asset *owner = &example->market->assets[asset];
    draft->order.asset = asset;
    draft->order.participant = owner->participant;
    draft->order.location = owner->bus;
    draft->order.regulation = regulation;
    draft->points[0].price = dimes(price);
}

static void fill_share(struct draft *draft, const struct fg_power *baseline, double share)
{
    for (int32_t t = 0; t < draft->order.period_count; t++)
        draft->quantity[t] =
            kilowatts_within(share * fabs(fg_mw(baseline[draft->order.first_period + t])));
}

static void fill_flat(struct draft *draft, double mw)
{
    for (int32_t t = 0; t < draft->order.period_count; t++)
        draft->quantity[t] = kilowatts_within(mw);
}

void example_photovoltaic(struct example *example, const char *bus, double peak_mw)
{
    char id[64], name[96];
    snprintf(id, sizeof id, "pv-%s", bus);
    snprintf(name, sizeof name, "Photovoltaics at bus %s", bus);
    const struct fg_power *p = example_injection(example, id, name, FG_INJECTION_STATIC_GENERATOR, bus, peak_mw, 0.0,
                                                 shape_photovoltaic, 0.04);
    struct fg_asset *asset = add_asset(example, "pv", bus, "sunfields", "pv", p);
    asset->p_min.w = 0;
    asset->p_max = kilowatts(peak_mw * 1.1);
    asset->s_max = kilowatts(peak_mw * 1.15);
    asset->q_min = kilowatts(-0.45 * peak_mw);
    asset->q_max = kilowatts(0.45 * peak_mw);
    int32_t index = (int32_t)(asset - example->market->assets);
    struct draft draft;
    for (double hour = 9.0; hour < 16.0; hour += 2.0) {
        draft_offer(example, &draft, index, FG_REGULATION_DOWN, hour, hour + 2.0, around(example, 14.0, 0.3));
        fill_share(&draft, p, 0.35);
        draft_post(example, &draft);
        draft_offer(example, &draft, index, FG_REGULATION_DOWN, hour, hour + 2.0, around(example, 48.0, 0.25));
        fill_share(&draft, p, 0.6);
        draft_post(example, &draft);
    }
    draft_offer(example, &draft, index, FG_REGULATION_DOWN, 9.0, 16.0, around(example, 4.0, 0.4));
    draft.order.product = FG_PRODUCT_REACTIVE;
    fill_flat(&draft, 0.40 * peak_mw);
    draft_post(example, &draft);
    draft_offer(example, &draft, index, FG_REGULATION_UP, 17.0, 22.0, around(example, 6.0, 0.4));
    draft.order.product = FG_PRODUCT_REACTIVE;
    fill_flat(&draft, 0.40 * peak_mw);
    draft_post(example, &draft);
}

void example_vehicles(struct example *example, const char *bus, double peak_mw)
{
    static const int64_t rebound_hours_u[] = {0, 0, 0, 300000, 300000, 250000}; /* charged later in the night */
    char id[64], name[96];
    snprintf(id, sizeof id, "ev-%s", bus);
    snprintf(name, sizeof name, "Electric vehicles at bus %s", bus);
    const struct fg_power *p =
        example_injection(example, id, name, FG_INJECTION_LOAD, bus, -peak_mw, 0.1, shape_vehicle, 0.05);
    struct fg_asset *asset = add_asset(example, "ev", bus, "chargewise", "ev", p);
    asset->p_min = kilowatts(-1.6 * peak_mw);
    asset->p_max.w = 0;
    /* What is not charged comes back three to six hours later, spread over the periods of each hour. */
    int32_t per_hour = example_period_at(example, 1.0);
    int64_t *rebound = example_need(
        fg_arena_alloc(&example->market->arena, (size_t)(6 * (per_hour > 0 ? per_hour : 1)), sizeof *rebound));
    asset->rebound_count = 6 * per_hour;
    for (int32_t k = 0; k < asset->rebound_count; k++)
        rebound[k] = rebound_hours_u[k / per_hour] / per_hour;
    asset->rebound_u = rebound;
    int32_t index = (int32_t)(asset - example->market->assets);
    struct draft draft;
    for (double hour = 17.0; hour < 22.0; hour += 1.5) {
        double spread = price_high(example, hour, hour + 1.5) - price_low(example, 21.0, 24.0);
        draft_offer(example, &draft, index, FG_REGULATION_UP, hour, hour + 1.5,
                    fmax(spread, 0.0) + around(example, 26.0, 0.4));
        draft.order.point_count = 2;
        fill_share(&draft, p, 0.75);
        draft.points[0].up_to = kilowatts(0.3 * peak_mw);
        draft.points[1] = (struct fg_price_point){kilowatts(peak_mw * 1.1), dimes(fmax(spread, 0.0) + around(example, 62.0, 0.2))};
        draft_post(example, &draft);
    }
    draft_offer(example, &draft, index, FG_REGULATION_DOWN, 11.0, 15.0,
                0.85 * price_high(example, 15.0, 20.0) - price_low(example, 11.0, 15.0) + around(example, 14.0, 0.4));
    fill_flat(&draft, 0.35 * peak_mw);
    draft_post(example, &draft);
}

void example_heat_pumps(struct example *example, const char *bus, double peak_mw)
{
    char id[64], name[96];
    snprintf(id, sizeof id, "hp-%s", bus);
    snprintf(name, sizeof name, "Heat pumps at bus %s", bus);
    const struct fg_power *p =
        example_injection(example, id, name, FG_INJECTION_LOAD, bus, -peak_mw, 0.2, shape_heat_pump, 0.04);
    struct fg_asset *asset = add_asset(example, "hp", bus, "warmhome", "heat_pump", p);
    asset->p_min = kilowatts(-1.7 * peak_mw);
    asset->p_max.w = 0;
    asset->follows_ratio = true;
    asset->q_per_p_u = 200000;
    int32_t per_hour = example_period_at(example, 1.0);
    int64_t *rebound =
        example_need(fg_arena_alloc(&example->market->arena, (size_t)(2 * (per_hour > 0 ? per_hour : 1)), sizeof *rebound));
    asset->rebound_count = 2 * per_hour;
    for (int32_t k = 0; k < asset->rebound_count; k++)
        rebound[k] = 350000 / per_hour; /* 70 % of the heat is made up within two hours */
    asset->rebound_u = rebound;
    int32_t index = (int32_t)(asset - example->market->assets);
    char group_id[64];
    snprintf(group_id, sizeof group_id, "hp-%s-once", bus);
    example_need(fg_market_add_group(example->market, group_id, FG_GROUP_EXCLUSIVE_ONE));
    int32_t group = (int32_t)example->market->group_count - 1;
    struct draft draft;
    for (double hour = 17.0; hour < 21.0; hour += 1.0) {
        draft_offer(example, &draft, index, FG_REGULATION_UP, hour, hour + 1.0,
                    0.3 * price_high(example, hour, hour + 1.0) + around(example, 42.0, 0.3));
        fill_share(&draft, p, 0.7);
        draft.order.block = true;
        draft.order.min_fraction_u = FG_FRACTION_ONE;
        draft.order.group = group;
        draft_post(example, &draft);
    }
    draft_offer(example, &draft, index, FG_REGULATION_DOWN, 11.0, 15.0, around(example, 7.0, 0.4));
    fill_flat(&draft, 0.4 * peak_mw);
    draft_post(example, &draft);
}

void example_battery(struct example *example, const char *bus, double power_mw, double energy_mwh)
{
    char id[64];
    snprintf(id, sizeof id, "battery-%s", bus);
    struct fg_storage *storage = example_need(fg_network_add_storage(example->network, id, bus_index(example, bus)));
    storage->charge_max_mw = storage->discharge_max_mw = power_mw;
    storage->energy_mwh = energy_mwh / 2.0;
    storage->energy_max_mwh = energy_mwh;
    storage->s_max_mva = power_mw * 1.1;
    storage->q_min_mvar = -power_mw;
    storage->q_max_mvar = power_mw;
    struct fg_asset *asset = add_asset(example, "battery", bus, "storewell", "battery", NULL);
    asset->p_min = kilowatts(-power_mw);
    asset->p_max = kilowatts(power_mw);
    asset->s_max = kilowatts(power_mw * 1.1);
    asset->q_min = kilowatts(-power_mw);
    asset->q_max = kilowatts(power_mw);
    /* Half full at midnight: the net energy given never exceeds half the store, nor the net energy taken. */
    asset->energy_max.ws = llround(energy_mwh / 2.0 * 0.9 * 1000.0) * INT64_C(3600000);
    asset->energy_min.ws = -asset->energy_max.ws;
    int32_t index = (int32_t)(asset - example->market->assets);
    static const double up_hours[][2] = {{6.0, 9.0}, {16.0, 18.0}, {18.0, 20.0}, {20.0, 22.0}};
    static const double down_hours[][2] = {{2.0, 5.0}, {10.0, 12.0}, {12.0, 14.0}, {14.0, 16.0}};
    struct draft draft;
    for (int i = 0; i < 4; i++) {
        draft_offer(example, &draft, index, FG_REGULATION_UP, up_hours[i][0], up_hours[i][1],
                    price_high(example, up_hours[i][0], up_hours[i][1]) + around(example, 16.0, 0.5));
        fill_flat(&draft, power_mw);
        draft.order.point_count = 2;
        draft.points[0].up_to = kilowatts(0.5 * power_mw);
        draft.points[1] = (struct fg_price_point){kilowatts(power_mw), draft.points[0].price};
        draft.points[1].price.uper_mwh += dimes(around(example, 22.0, 0.3)).uper_mwh;
        draft_post(example, &draft);
        draft_offer(example, &draft, index, FG_REGULATION_DOWN, down_hours[i][0], down_hours[i][1],
                    around(example, 9.0, 0.4) - price_low(example, down_hours[i][0], down_hours[i][1]));
        fill_flat(&draft, power_mw);
        draft_post(example, &draft);
    }
    draft_offer(example, &draft, index, FG_REGULATION_DOWN, 9.0, 16.0, around(example, 5.0, 0.3));
    draft.order.product = FG_PRODUCT_REACTIVE;
    fill_flat(&draft, 0.8 * power_mw);
    draft_post(example, &draft);
    draft_offer(example, &draft, index, FG_REGULATION_UP, 16.0, 23.0, around(example, 7.0, 0.3));
    draft.order.product = FG_PRODUCT_REACTIVE;
    fill_flat(&draft, 0.8 * power_mw);
    draft_post(example, &draft);
}

void example_industry(struct example *example, const char *bus, double load_mw)
{
    struct fg_asset *asset = add_asset(example, "process", bus, "millworks", "shiftable_load", NULL);
    asset->p_min.w = 0;
    asset->p_max = kilowatts(load_mw);
    int32_t index = (int32_t)(asset - example->market->assets);
    char group_id[64];
    snprintf(group_id, sizeof group_id, "process-%s-shift", bus);
    example_need(fg_market_add_group(example->market, group_id, FG_GROUP_EXCLUSIVE_SUM));
    int32_t group = (int32_t)example->market->group_count - 1;
    struct draft draft;
    for (double hour = 16.0; hour < 20.0; hour += 2.0) {
        draft_offer(example, &draft, index, FG_REGULATION_UP, hour, hour + 2.0,
                    price_high(example, hour, hour + 2.0) + around(example, 34.0, 0.3));
        fill_flat(&draft, around(example, 0.8 * load_mw, 0.2));
        draft.order.block = true;
        draft.order.min_fraction_u = 500000;
        draft.order.group = group;
        draft_post(example, &draft);
    }
}

void example_generator_set(struct example *example, const char *bus, double power_mw)
{
    struct fg_asset *asset = add_asset(example, "chp", bus, "heatworks", "chp", NULL);
    asset->p_min.w = 0;
    asset->p_max = kilowatts(power_mw);
    asset->s_max = kilowatts(power_mw * 1.15);
    asset->ramp_per_hour = kilowatts(power_mw * 4.0);
    int32_t index = (int32_t)(asset - example->market->assets);
    struct draft draft;
    draft_offer(example, &draft, index, FG_REGULATION_UP, 17.0, 20.0,
                price_high(example, 17.0, 20.0) + around(example, 20.0, 0.3));
    fill_flat(&draft, power_mw * 0.6);
    draft.order.block = true;
    draft.order.min_fraction_u = FG_FRACTION_ONE;
    int32_t parent = draft_post(example, &draft);
    draft_offer(example, &draft, index, FG_REGULATION_UP, 17.0, 20.0,
                price_high(example, 17.0, 20.0) + around(example, 8.0, 0.3));
    fill_flat(&draft, power_mw * 0.4);
    draft.order.block = true;
    draft.order.parent = parent;
    draft_post(example, &draft);
}

void example_wind(struct example *example, const char *bus, double peak_mw)
{
    char id[64], name[96];
    snprintf(id, sizeof id, "wind-%s", bus);
    snprintf(name, sizeof name, "Wind turbine at bus %s", bus);
    /* A steady breeze that freshens in the afternoon, as commercial activity does: the plateau shape serves. */
    const struct fg_power *p = example_injection(example, id, name, FG_INJECTION_STATIC_GENERATOR, bus, peak_mw * 0.6,
                                                 0.0, shape_commercial, 0.12);
    struct fg_asset *asset = add_asset(example, "wind", bus, "sunfields", "wind", p);
    asset->p_min.w = 0;
    asset->p_max = kilowatts(peak_mw);
    asset->s_max = kilowatts(peak_mw * 1.1);
    int32_t index = (int32_t)(asset - example->market->assets);
    struct draft draft;
    for (double hour = 9.0; hour < 16.0; hour += 3.0) {
        draft_offer(example, &draft, index, FG_REGULATION_DOWN, hour, hour + 3.0, around(example, 30.0, 0.3));
        fill_share(&draft, p, 1.0);
        draft_post(example, &draft);
    }
}

static void draft_request(struct example *example, struct draft *draft, const char *buyer, enum fg_request_kind kind,
                          enum fg_regulation regulation, double from, double to, double price)
{
    draft_begin(example, draft, FG_SIDE_BUY, from, to);
    draft->order.participant = fg_market_participant(example->market, buyer);
    if (draft->order.participant < 0)
        example_die("out of memory", NULL);
    draft->order.kind = kind;
    draft->order.regulation = regulation;
    draft->points[0].price = dimes(price);
}

void example_cover_branch(struct example *example, const char *branch, double from, double to, double mva, double price)
{
    struct draft draft;
    draft_request(example, &draft, "dso", FG_REQUEST_NEED, FG_REGULATION_BOTH, from, to, price);
    draft.order.location_kind = FG_LOCATION_BRANCH_LIMIT;
    draft.order.location = branch;
    fill_flat(&draft, mva);
    draft_post(example, &draft);
}

void example_cover_voltage(struct example *example, const char *bus, bool lower, double from, double to, double pu,
                           double price)
{
    struct draft draft;
    draft_request(example, &draft, "dso", FG_REQUEST_NEED, lower ? FG_REGULATION_UP : FG_REGULATION_DOWN, from, to,
                  price);
    draft.order.location_kind = FG_LOCATION_VOLTAGE_LIMIT;
    draft.order.location = bus;
    for (int32_t t = 0; t < draft.order.period_count; t++)
        draft.quantity[t].w = llround(pu * 1e3) * 1000; /* millionths p.u., to a thousandth */
    draft_post(example, &draft);
}

void example_need_zone(struct example *example, int32_t zone, enum fg_regulation regulation, double from, double to,
                       double mw, double price)
{
    struct draft draft;
    draft_request(example, &draft, "tso", FG_REQUEST_NEED, regulation, from, to, price);
    draft.order.location_kind = FG_LOCATION_ZONE;
    draft.order.zone = zone;
    fill_flat(&draft, mw);
    draft_post(example, &draft);
}

void example_exchange(struct example *example, const char *bus, enum fg_regulation regulation, double from, double to,
                      double mw, double price)
{
    struct draft draft;
    draft_request(example, &draft, "balance-one", FG_REQUEST_EXCHANGE, regulation, from, to, price);
    draft.order.location = bus;
    fill_flat(&draft, mw);
    draft_post(example, &draft);
}
