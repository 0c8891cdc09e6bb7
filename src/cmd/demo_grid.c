/* The grid and what is connected to it: the CIGRE medium-voltage benchmark of examples/cigre_mv, whose photovoltaics, wind,
 * batteries, heat pumps and vehicles become assets of the participants. */
#include "cmd/demo.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- area and products ---- */
static json_t *product(const char *name, const char *kind, int days, int clock_s, int lead_s)
{
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:s,s:s,s:{s:s}}", "name", name, "kind", kind, "opening_days", days,
                     "opening_clock_seconds", clock_s, "closure_lead_seconds", lead_s, "tolerance_share", "0.1", "tolerance", "0",
                     "penalty_factor", "0.5", "penalty", "20", "baseline_rule", "method", "submitted");
}

static void set_up_area(struct demo *demo)
{
    const char *fmo = demo->keys[DEMO_FMO];
    demo_take(demo,
              demo_call(demo, fmo, "POST",
                        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:s}", "name", "Attica", "price_min", "-500", "price_max",
                                  "4000", "size_max", "100", "network_mode", "off", "stale_rule", "fallback", "currency", "EUR",
                                  "time_zone", DEMO_ZONE, "period_seconds", DEMO_PERIOD_S, "tick", "0.001", "price_step", "0.01"),
                        201, "/v1/areas"),
              "id", demo->area, DEMO_ID);
    /* The days until tomorrow can be traded at any time: a visitor finds an open market. */
    json_t *terms[DEMO_PRODUCTS] = {
        [DEMO_DAY_AHEAD] = product("Day-ahead energy", "active", 2, 10 * 3600, 12 * 3600),
        [DEMO_INTRADAY] = product("Intraday energy", "active", 1, 0, 1800),
        [DEMO_RESERVE] = product("Upward and downward reserve", "capacity_active", 2, 9 * 3600, 3600),
    };
    for (int p = 0; p < DEMO_PRODUCTS; p++)
        demo_take(demo, demo_call(demo, fmo, "POST", terms[p], 201, "/v1/areas/%s/products", demo->area), "id", demo->products[p], DEMO_ID);
    char day[FG_DATE_TEXT];
    fg_date_format(fg_timezone_local(demo->zone, demo->days[0]).date, day);
    demo_do(demo, fmo, "PUT",
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:i,s:i}", "from", day, "fee_buyer", "0.01", "fee_seller", "0.02", "fee_monthly",
                      "0", "compensation", "1", "transfer_price", "60", "tax_rate", "0.24", "domestic_reverse", 0, "decimals", 2,
                      "payment_days", 30),
            204, "/v1/areas/%s/settlement-rule", demo->area);
}

/* The aggregator's own balance is kept in the south, that of its heat pumps in the north: their trades move energy between the two. */
static void name_balance(struct demo *demo)
{
    demo_do(demo, demo->keys[DEMO_AGGREGATOR], "PUT",
            json_pack("{s:s,s:s}", "brp", demo->parties[DEMO_BRP_SOUTH], "valid_from", demo_instant(demo_clock(demo))), 204, "/v1/areas/%s/own-brp",
            demo->area);
    demo_do(demo, demo->keys[DEMO_BRP_SOUTH], "POST", NULL, 204, "/v1/areas/%s/own-brp/%s/confirmation", demo->area,
            demo->parties[DEMO_AGGREGATOR]);
}

/* Nobody enters more than 5 MW at once or farther than 60 EUR/MWh from the last price: asked for by one user, confirmed by another. */
static void set_limits(struct demo *demo)
{
    static const char *const directions[] = {"up", "down"};
    for (int d = 0; d < 2 && !demo_failed(demo); d++) {
        char approval[DEMO_ID];
        json_t *limit = json_pack("{s:s,s:s,s:s,s:s,s:s}", "product", "active", "regulation", directions[d], "size_max", "5", "band", "60",
                                  "reference", d == 0 ? "105" : "18");
        demo_take(demo, demo_call(demo, demo->keys[DEMO_FMO], "POST", json_incref(limit), 201, "/v1/areas/%s/limit-requests", demo->area), "id",
                  approval, sizeof approval);
        demo_do(demo, demo->keys[DEMO_CLERK], "POST", json_pack("{s:s}", "decision", "confirm"), 200, "/v1/approvals/%s/decision", approval);
        demo_do(demo, demo->keys[DEMO_FMO], "POST", json_pack("{s:o,s:s}", "limit", limit, "approval", approval), 200, "/v1/areas/%s/limits",
                demo->area);
    }
}

/* ---- network and locations ---- */
static const struct {
    const char *name, *buses; /* numbers of the benchmark's buses, separated by blanks */
    int parent;
} places[DEMO_LOCATIONS] = {
    [DEMO_ROOT] = {"Attica medium-voltage grid", "0", -1},
    [DEMO_FEEDER_1] = {"Feeder 1", "1 2", DEMO_ROOT},
    [DEMO_WEST] = {"Feeder 1 west", "3 4 5 6", DEMO_FEEDER_1},
    [DEMO_EAST] = {"Feeder 1 east", "7 8 9 10 11", DEMO_FEEDER_1},
    [DEMO_FEEDER_2] = {"Feeder 2", "13 14", DEMO_ROOT},
    [DEMO_SUBSTATION_2] = {"Substation 2", "12", DEMO_FEEDER_2},
};

static int place_of_bus(const char *bus)
{
    char padded[24], list[64];
    snprintf(padded, sizeof padded, " %.16s ", bus);
    for (int l = 0; l < DEMO_LOCATIONS; l++) {
        snprintf(list, sizeof list, " %s ", places[l].buses);
        if (strstr(list, padded) != NULL)
            return l;
    }
    return DEMO_ROOT;
}

static bool lies_in(int place, int around)
{
    while (place >= 0 && place != around)
        place = places[place].parent;
    return place == around;
}

/* The benchmark's buses are drawn with coordinates; here a kilometre for each, east of Athens: degrees, as in the map. */
static void place_on_map(json_t *network)
{
    size_t i;
    json_t *bus;
    json_array_foreach(json_object_get(network, "buses"), i, bus) {
        json_object_set_new(bus, "x", json_real(round(1e4 * (23.80 + 0.0114 * json_number_value(json_object_get(bus, "x")))) / 1e4));
        json_object_set_new(bus, "y", json_real(round(1e4 * (37.90 + 0.0090 * json_number_value(json_object_get(bus, "y")))) / 1e4));
    }
}

/* A rectangle around the buses of a place and below. */
static json_t *polygon_of(const json_t *buses, int place)
{
    double west = INFINITY, east = -INFINITY, south = INFINITY, north = -INFINITY;
    size_t i;
    json_t *bus;
    json_array_foreach(buses, i, bus) {
        double x = json_number_value(json_object_get(bus, "x")), y = json_number_value(json_object_get(bus, "y"));
        if (!lies_in(place_of_bus(json_string_value(json_object_get(bus, "id"))), place))
            continue;
        west = fmin(west, x);
        east = fmax(east, x);
        south = fmin(south, y);
        north = fmax(north, y);
    }
    west -= 0.005, east += 0.005, south -= 0.004, north += 0.004;
    return json_pack("{s:s,s:[[[f,f],[f,f],[f,f],[f,f],[f,f]]]}", "type", "Polygon", "coordinates", west, south, east, south, east, north,
                     west, north, west, south);
}

static void publish_grid(struct demo *demo, const json_t *network)
{
    const char *dso = demo->keys[DEMO_DSO];
    json_t *buses = json_object_get(network, "buses");
    char *document = json_dumps(network, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    if (document == NULL)
        fg_fail_memory(&demo->err);
    else
        demo_take(demo,
                  demo_send(demo, dso, "application/octet-stream", document, strlen(document), 201,
                            "/v1/areas/%s/networks?name=CIGRE%%20MV&format=flexgrid", demo->area),
                  "id", demo->network, DEMO_ID);
    free(document);
    for (int l = 0; l < DEMO_LOCATIONS && !demo_failed(demo); l++) {
        json_t *names = json_array();
        const char *at = places[l].buses;
        for (size_t length; *at != '\0'; at += length + (at[length] == ' ')) {
            length = strcspn(at, " ");
            json_array_append_new(names, json_stringn(at, length));
        }
        json_t *body = json_pack("{s:s,s:s?,s:s,s:s?,s:o,s:o}", "name", places[l].name, "parent",
                                 places[l].parent >= 0 ? demo->locations[places[l].parent] : NULL, "control_area", "GR", "priority",
                                 l == DEMO_ROOT ? demo->parties[DEMO_DSO] : NULL, "polygon", polygon_of(buses, l), "buses", names);
        demo_take(demo, demo_call(demo, dso, "POST", body, 201, "/v1/areas/%s/locations", demo->area), "id", demo->locations[l], DEMO_ID);
    }
    /* With it the transmission system operator looks after the control area. */
    demo_do(demo, demo->keys[DEMO_TSO], "POST", json_pack("{s:s,s:s}", "name", "Connection to the transmission grid", "control_area", "GR"), 201,
            "/v1/areas/%s/locations", demo->area);
    demo_change(demo, demo->keys[DEMO_FMO], "PUT",
                json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "name", "Attica", "price_min", "-500", "price_max", "4000", "size_max", "100",
                          "network_mode", "off", "stale_rule", "fallback", "network", demo->network),
                "/v1/areas/%s", demo->area);
}

/* ---- portfolios ---- */
static const int portfolio_places[DEMO_PLACES] = {DEMO_WEST, DEMO_EAST, DEMO_FEEDER_2};
/* Owner and balance responsible party of the assets, who trades them, and how much of their size can move up and down. */
static const struct {
    const char *name;
    enum demo_who owner, trader, brp;
    int up_percent, down_percent;
} technologies[DEMO_TECHNOLOGIES] = {
    [DEMO_SUN] = {"Helios", DEMO_RESP, DEMO_RESP, DEMO_BRP_NORTH, 0, 60},
    [DEMO_BATTERIES] = {"Batteries", DEMO_ESP, DEMO_ESP, DEMO_BRP_SOUTH, 80, 80},
    [DEMO_HEAT] = {"Heat", DEMO_AGGREGATOR, DEMO_AGGREGATOR, DEMO_BRP_NORTH, 60, 30},
    [DEMO_VEHICLES] = {"Vehicles", DEMO_RETAILER, DEMO_AGGREGATOR, DEMO_BRP_SOUTH, 50, 40},
};

static struct demo_portfolio *portfolio_of(struct demo *demo, enum demo_technology technology, int place)
{
    for (int p = 0; p < DEMO_PLACES; p++)
        if (portfolio_places[p] == place)
            return &demo->portfolios[(int)technology * DEMO_PLACES + p];
    return NULL;
}

static void make_portfolios(struct demo *demo)
{
    for (int t = 0; t < DEMO_TECHNOLOGIES; t++)
        for (int p = 0; p < DEMO_PLACES && !demo_failed(demo); p++) {
            struct demo_portfolio *portfolio = &demo->portfolios[t * DEMO_PLACES + p];
            char name[80];
            *portfolio = (struct demo_portfolio){.trader = technologies[t].trader, .technology = (enum demo_technology)t,
                                                 .location = portfolio_places[p]};
            snprintf(name, sizeof name, "%s %s", technologies[t].name, places[portfolio->location].name);
            demo_take(demo,
                      demo_call(demo, demo->keys[portfolio->trader], "POST",
                                json_pack("{s:s,s:s,s:s}", "area", demo->area, "name", name, "location",
                                          demo->locations[portfolio->location]),
                                201, "/v1/portfolios"),
                      "id", portfolio->id, DEMO_ID);
        }
}

/* ---- assets ---- */
struct asset {
    const char *name, *bus, *technology, *attribute;
    enum demo_technology kind;
    enum demo_who owner;
    double low_mw, high_mw, apparent_mva, energy_mwh, attribute_value;
};

static const char *megawatt(double mw)
{
    return demo_decimal((int64_t)llround(mw * 1e6));
}

static void add_asset(struct demo *demo, const struct asset *asset)
{
    char id[DEMO_ID], point[40];
    int place = place_of_bus(asset->bus);
    struct demo_portfolio *portfolio = portfolio_of(demo, asset->kind, place);
    enum demo_who brp = technologies[asset->kind].brp;
    double size_mw = fmax(asset->high_mw, -asset->low_mw);
    if (portfolio == NULL || demo_failed(demo))
        return;
    snprintf(point, sizeof point, "GR%011llu", (unsigned long long)fg_random_below(&demo->random, UINT64_C(100000000000)));
    json_t *body = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:f}]}", "area", demo->area, "name", asset->name,
                             "technology", asset->technology, "location", demo->locations[place], "bus", asset->bus, "metering_point",
                             point, "p_min", megawatt(asset->low_mw), "p_max", megawatt(asset->high_mw), "s_max",
                             megawatt(fmax(asset->apparent_mva, size_mw)), "attributes", "name", asset->attribute, "kind", "number",
                             "value", asset->attribute_value);
    if (asset->energy_mwh > 0)
        json_object_set_new(body, "energy", json_string(megawatt(asset->energy_mwh)));
    demo_take(demo, demo_call(demo, demo->keys[asset->owner], "POST", body, 201, "/v1/assets"), "id", id, sizeof id);
    demo_do(demo, demo->keys[DEMO_DSO], "POST", json_pack("{s:s}", "decision", "accept"), 200, "/v1/assets/%s/decision", id);
    demo_do(demo, demo->keys[asset->owner], "PUT",
            json_pack("{s:s,s:s}", "brp", demo->parties[brp], "valid_from", demo_instant(demo_clock(demo))), 200, "/v1/assets/%s/brp", id);
    demo_do(demo, demo->keys[brp], "POST", NULL, 200, "/v1/assets/%s/brp/confirmation", id);
    demo_do(demo, demo->keys[portfolio->trader], "PUT", json_object(), 200, "/v1/portfolios/%s/assets/%s", portfolio->id, id);
    if (portfolio->asset[0] == '\0')
        snprintf(portfolio->asset, sizeof portfolio->asset, "%s", id);
    portfolio->rated_w += llround(size_mw * 1e6);
}

/* What the example's network has at its buses. Kinds are told by the names of the example's writer: pv-3, wind-7, ev-4, hp-5. */
static void add_assets(struct demo *demo, const json_t *network)
{
    size_t i;
    json_t *item;
    char name[80];
    json_array_foreach(json_object_get(network, "injections"), i, item) {
        const char *id = json_string_value(json_object_get(item, "id")), *bus = json_string_value(json_object_get(item, "bus"));
        double mw = fabs(json_number_value(json_object_get(item, "p_mw")));
        if (id == NULL || bus == NULL || mw == 0)
            continue;
        snprintf(name, sizeof name, "%s", json_string_value(json_object_get(item, "name")));
        struct asset asset = {.name = name, .bus = bus};
        if (strncmp(id, "pv-", 3) == 0 || strncmp(id, "wind-", 5) == 0) {
            asset.kind = DEMO_SUN;
            asset.technology = id[0] == 'p' ? "pv" : "wind";
            asset.high_mw = mw;
            asset.attribute = "installed_mw";
            asset.attribute_value = mw;
        } else if (strncmp(id, "ev-", 3) == 0) {
            asset.kind = DEMO_VEHICLES;
            asset.technology = "ev";
            asset.low_mw = -mw;
            asset.attribute = "charging_points";
            asset.attribute_value = round(mw * 1000 / 11);
        } else if (strncmp(id, "hp-", 3) == 0) {
            asset.kind = DEMO_HEAT;
            asset.technology = "heat_pump";
            asset.low_mw = -mw;
            asset.attribute = "dwellings";
            asset.attribute_value = round(mw * 1000 / 4);
        } else {
            continue;
        }
        asset.owner = technologies[asset.kind].owner;
        add_asset(demo, &asset);
    }
    json_array_foreach(json_object_get(network, "storages"), i, item) {
        const char *bus = json_string_value(json_object_get(item, "bus"));
        snprintf(name, sizeof name, "Battery at bus %s", bus != NULL ? bus : "");
        if (bus != NULL)
            add_asset(demo, &(struct asset){.name = name, .bus = bus, .technology = "battery", .kind = DEMO_BATTERIES, .owner = DEMO_ESP,
                                            .low_mw = -json_number_value(json_object_get(item, "charge_max_mw")),
                                            .high_mw = json_number_value(json_object_get(item, "discharge_max_mw")),
                                            .apparent_mva = json_number_value(json_object_get(item, "s_max_mva")),
                                            .energy_mwh = json_number_value(json_object_get(item, "energy_max_mwh")),
                                            .attribute = "round_trip_efficiency", .attribute_value = 0.88});
    }
    add_asset(demo, &(struct asset){.name = "Ovens", .bus = "9", .technology = "shiftable", .kind = DEMO_HEAT, .owner = DEMO_PROSUMER,
                                    .low_mw = -0.12, .attribute = "ovens", .attribute_value = 6});
    add_asset(demo, &(struct asset){.name = "Cold room", .bus = "9", .technology = "shiftable", .kind = DEMO_HEAT, .owner = DEMO_PROSUMER,
                                    .low_mw = -0.04, .attribute = "cubic_metres", .attribute_value = 180});
    /* Not approved yet: a visitor decides. */
    demo_do(demo, demo->keys[DEMO_PROSUMER], "POST",
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "area", demo->area, "name", "Roof of the bakery", "technology", "pv", "location",
                      demo->locations[DEMO_EAST], "bus", "9", "p_min", "0", "p_max", "0.05", "s_max", "0.05"),
            201, "/v1/assets");
}

/* ---- approval and prequalification ---- */
static void qualify(struct demo *demo, struct demo_portfolio *portfolio)
{
    const char *trader = demo->keys[portfolio->trader];
    portfolio->up_w = portfolio->rated_w * technologies[portfolio->technology].up_percent / 100 / 1000 * 1000;
    portfolio->down_w = portfolio->rated_w * technologies[portfolio->technology].down_percent / 100 / 1000 * 1000;
    demo_do(demo, demo->keys[DEMO_FMO], "POST", json_pack("{s:s}", "decision", "accept"), 200, "/v1/portfolios/%s/decision",
            portfolio->id);
    for (int p = 0; p < DEMO_PRODUCTS; p++) {
        bool is_reserve = p == DEMO_RESERVE;
        if (is_reserve && portfolio->technology != DEMO_BATTERIES)
            continue;
        demo_do(demo, trader, "POST",
                json_pack("{s:s,s:s,s:s}", "product", demo->products[p], "up", demo_decimal(portfolio->up_w), "down",
                          demo_decimal(portfolio->down_w)),
                204, "/v1/portfolios/%s/prequalifications", portfolio->id);
    }
    json_t *list = demo_list(demo, trader, "/v1/prequalifications?portfolio=%s", portfolio->id), *item;
    size_t i;
    json_array_foreach(list, i, item) {
        bool is_grid = strcmp(json_string_value(json_object_get(item, "kind")), "grid") == 0;
        demo_do(demo, demo->keys[is_grid ? DEMO_DSO : DEMO_FMO], "POST", json_pack("{s:s}", "decision", "accept"), 200,
                "/v1/prequalifications/%s/decision", json_string_value(json_object_get(item, "id")));
    }
    json_decref(list);
}

/* The system operator's forecast of what every bus takes, for a day: loads with a peak in the evening. */
void demo_forecast(struct demo *demo, const char *network_file, int64_t day_start, int64_t day_end)
{
    json_t *network = NULL, *values = json_array(), *bus;
    size_t b, i;
    char id[DEMO_ID];
    if (demo_failed(demo) || fg_json_load_file(network_file, &network, &demo->err) != FG_OK) {
        json_decref(values);
        return;
    }
    json_array_foreach(json_object_get(network, "buses"), b, bus) {
        const char *name = json_string_value(json_object_get(bus, "id"));
        double p_mw = 0, q_mvar = 0;
        json_t *item, *p = json_array(), *q = json_array();
        json_array_foreach(json_object_get(network, "injections"), i, item) {
            const char *kind = json_string_value(json_object_get(item, "id"));
            bool is_load = kind != NULL && (strncmp(kind, "residential-", 12) == 0 || strncmp(kind, "commercial-", 11) == 0);
            if (is_load && name != NULL && json_equal(json_object_get(item, "bus"), json_object_get(bus, "id"))) {
                p_mw += json_number_value(json_object_get(item, "p_mw"));
                q_mvar += json_number_value(json_object_get(item, "q_mvar"));
            }
        }
        for (int64_t at = day_start; at < day_end; at += DEMO_PERIOD_S) {
            double hour = fg_timezone_local(demo->zone, at).second / 3600.0, evening = (hour - 19.5) / 3;
            double share = 0.45 + 0.15 * sin((hour - 7) / 24 * 2 * 3.14159265358979) + 0.35 * exp(-evening * evening);
            json_array_append_new(p, json_string(megawatt(p_mw * share)));
            json_array_append_new(q, json_string(megawatt(q_mvar * share)));
        }
        if (p_mw != 0)
            json_array_append_new(values, json_pack("{s:s,s:O,s:O}", "bus", name, "p", p, "q", q));
        json_decref(p);
        json_decref(q);
    }
    if (demo->forecast[0] == '\0')
        demo_take(demo,
                  demo_call(demo, demo->keys[DEMO_DSO], "POST",
                            json_pack("{s:s,s:s,s:b,s:i,s:i}", "name", "Load forecast", "origin", "forecast", "required", 0, "deadline_seconds", 3600,
                                      "stale_after_seconds", 86400),
                            201, "/v1/areas/%s/operating-points", demo->area),
                  "id", demo->forecast, DEMO_ID);
    snprintf(id, sizeof id, "%s", demo->forecast);
    demo_do(demo, demo->keys[DEMO_DSO], "POST", json_pack("{s:s,s:o}", "start", demo_instant(day_start), "values", values), 201,
            "/v1/operating-points/%s/values", id);
    json_decref(network);
}

void demo_build(struct demo *demo, const char *network_file)
{
    json_t *network = NULL;
    if (demo_failed(demo) || fg_json_load_file(network_file, &network, &demo->err) != FG_OK)
        return;
    place_on_map(network);
    set_up_area(demo);
    name_balance(demo);
    publish_grid(demo, network);
    make_portfolios(demo);
    add_assets(demo, network);
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++)
        qualify(demo, &demo->portfolios[p]);
    demo_settle(demo);
    set_limits(demo);
    json_decref(network);
}
