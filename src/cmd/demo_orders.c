/* Requests and offers. The need is that of the benchmark: evening peaks on both feeders (up), solar noon (down); the transmission
 * operator and a balance responsible party buy besides. Batteries, heat and vehicles offer up, everything offers down. */
#include "cmd/demo.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define EUR INT64_C(1000000)
enum { CENT = 10000, KILOWATT = 1000 };

/* EUR per MWh asked by a technology: from and to. A row of zeros: does not offer in this direction. */
static const struct {
    int up_from, up_to, down_from, down_to;
} asked[DEMO_TECHNOLOGIES] = {
    [DEMO_SUN] = {0, 0, 12, 20}, [DEMO_BATTERIES] = {98, 128, 10, 19}, [DEMO_HEAT] = {88, 112, 15, 24}, [DEMO_VEHICLES] = {94, 120, 13, 24}};

static int64_t price_between(struct demo *demo, int from, int to)
{
    return from * EUR + (int64_t)fg_random_below(&demo->random, (uint64_t)(to - from) * 100) * CENT;
}

/* Some of the capability, in kilowatts. */
static int64_t part_of(struct demo *demo, int64_t capability_w, double from, double to)
{
    return (int64_t)((double)capability_w * fg_random_between(&demo->random, from, to)) / KILOWATT * KILOWATT;
}

struct order {
    const char *regulation, *product; /* product NULL: active */
    int64_t start, quantity_w, price_u;
    int count; /* periods */
};

static json_t *order_json(const struct order *order)
{
    json_t *quantities = json_array();
    for (int i = 0; i < order->count; i++)
        json_array_append_new(quantities, json_string(demo_decimal(order->quantity_w)));
    return json_pack("{s:s,s:s,s:s,s:o,s:s}", "product", order->product != NULL ? order->product : "active", "regulation",
                     order->regulation, "start", demo_instant(order->start), "quantity", quantities, "price",
                     demo_decimal(order->price_u));
}

static json_t *offer_json(const struct demo_portfolio *portfolio, const struct order *order)
{
    json_t *body = order_json(order);
    json_object_set_new(body, "side", json_string("sell"));
    json_object_set_new(body, "portfolio", json_string(portfolio->id));
    return body;
}

static void enter(struct demo *demo, enum demo_who who, json_t *body)
{
    demo_do(demo, demo->keys[who], "POST", body, 201, "/v1/areas/%s/orders", demo->area);
}

static void offer(struct demo *demo, const struct demo_portfolio *portfolio, const struct order *order)
{
    if (order->quantity_w > 0)
        enter(demo, portfolio->trader, offer_json(portfolio, order));
}

static json_t *request_json(const struct demo *demo, int location, const char *kind, const struct order *order)
{
    json_t *body = order_json(order);
    json_object_set_new(body, "side", json_string("buy"));
    json_object_set_new(body, "kind", json_string(kind));
    json_object_set_new(body, "location", json_string(demo->locations[location]));
    return body;
}

/* ---- a day ahead ---- */
static int count_of(const struct demo *demo, int64_t day_start, double from, double to)
{
    return (int)((demo_at(demo, day_start, to) - demo_at(demo, day_start, from)) / DEMO_PERIOD_S);
}

static void offer_hours(struct demo *demo, const struct demo_portfolio *portfolio, int64_t day_start, double from, double to, bool is_up)
{
    int low = is_up ? asked[portfolio->technology].up_from : asked[portfolio->technology].down_from;
    int high = is_up ? asked[portfolio->technology].up_to : asked[portfolio->technology].down_to;
    if (high > 0)
        offer(demo, portfolio,
              &(struct order){.regulation = is_up ? "up" : "down", .start = demo_at(demo, day_start, from),
                              .count = count_of(demo, day_start, from, to), .price_u = price_between(demo, low, high),
                              .quantity_w = part_of(demo, is_up ? portfolio->up_w : portfolio->down_w, 0.3, 0.5)});
}

void demo_trade_day(struct demo *demo, int64_t day_start)
{
    static const struct {
        enum demo_who who;
        int location;
        const char *kind, *regulation;
        double from, to;
        int quantity_kw, price;
    } wanted[] = {
        {DEMO_DSO, DEMO_FEEDER_1, "need", "up", 17, 18, 400, 125},   {DEMO_DSO, DEMO_FEEDER_1, "need", "up", 18, 20, 600, 140},
        {DEMO_DSO, DEMO_FEEDER_2, "need", "up", 18, 20, 200, 135},   {DEMO_DSO, DEMO_FEEDER_1, "need", "down", 11, 13, 800, 24},
        {DEMO_DSO, DEMO_FEEDER_1, "need", "down", 13, 15, 600, 20},  {DEMO_DSO, DEMO_FEEDER_2, "need", "down", 11, 14, 300, 18},
        {DEMO_TSO, DEMO_ROOT, "need", "up", 19, 20, 300, 150},       {DEMO_BRP_SOUTH, DEMO_FEEDER_1, "exchange", "up", 6, 9, 250, 112},
        {DEMO_BRP_NORTH, DEMO_FEEDER_1, "exchange", "up", 20, 21, 150, 106},
        {DEMO_DSO, DEMO_FEEDER_1, "need", "up", 20, 21, 300, 82},    {DEMO_DSO, DEMO_FEEDER_2, "need", "down", 14, 15, 200, 9},
    };
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++) {
        offer_hours(demo, &demo->portfolios[p], day_start, 17, 21, true);
        offer_hours(demo, &demo->portfolios[p], day_start, 11, 15, false);
        if (demo->portfolios[p].technology == DEMO_BATTERIES)
            offer_hours(demo, &demo->portfolios[p], day_start, 6, 9, true);
    }
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && !demo_failed(demo); i++)
        enter(demo, wanted[i].who,
              request_json(demo, wanted[i].location, wanted[i].kind,
                           &(struct order){.regulation = wanted[i].regulation, .start = demo_at(demo, day_start, wanted[i].from),
                                           .count = count_of(demo, day_start, wanted[i].from, wanted[i].to),
                                           .quantity_w = (int64_t)wanted[i].quantity_kw * KILOWATT, .price_u = wanted[i].price * EUR}));
}

/* ---- auctions ---- */
static void bid(struct demo *demo, const char *auction, enum demo_who who, json_t *body)
{
    demo_do(demo, demo->keys[who], "POST", body, 201, "/v1/areas/%s/auctions/%s/orders", demo->area, auction);
}

/* Sealed bids for the late evening, on the orders alone. */
void demo_auction(struct demo *demo, int64_t day_start, int64_t closure_s)
{
    char id[DEMO_ID];
    struct order order = {.regulation = "up", .start = demo_at(demo, day_start, 21), .count = 8};
    demo_take(demo,
              demo_call(demo, demo->keys[DEMO_FMO], "POST",
                        json_pack("{s:s,s:s,s:i,s:s,s:{s:[s],s:s}}", "name", "Late evening", "start", demo_instant(order.start), "periods",
                                  order.count, "closure", demo_instant(closure_s), "terms", "products", "active", "physics", "none"),
                        201, "/v1/areas/%s/auctions", demo->area),
              "id", id, sizeof id);
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++) {
        const struct demo_portfolio *portfolio = &demo->portfolios[p];
        int low = asked[portfolio->technology].up_from, high = asked[portfolio->technology].up_to;
        if (high == 0)
            continue;
        order.price_u = price_between(demo, low, high);
        order.quantity_w = part_of(demo, portfolio->up_w, 0.2, 0.3);
        bid(demo, id, portfolio->trader, offer_json(portfolio, &order));
    }
    order.quantity_w = 400 * KILOWATT;
    order.price_u = 122 * EUR;
    bid(demo, id, DEMO_DSO, request_json(demo, DEMO_FEEDER_1, "need", &order));
    order.quantity_w = 100 * KILOWATT;
    order.price_u = 104 * EUR;
    bid(demo, id, DEMO_DSO, request_json(demo, DEMO_FEEDER_2, "need", &order));
    snprintf(demo->auction, sizeof demo->auction, "%s", id);
}

/* The gate has closed: wait until it is cleared. */
void demo_auction_wait(struct demo *demo)
{
    for (int i = 0; i < 1200 && !demo_failed(demo); i++) {
        char status[24];
        demo_take(demo, demo_call(demo, demo->keys[DEMO_FMO], "GET", NULL, 200, "/v1/areas/%s/auctions/%s", demo->area, demo->auction), "status",
                  status, sizeof status);
        if (strcmp(status, "cleared") == 0)
            return;
        if (strcmp(status, "open") != 0 && strcmp(status, "closed") != 0)
            demo_fail(demo, demo->auction, "the auction is %s instead of cleared", status);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    demo_fail(demo, demo->auction, "the auction has no result after a minute");
}

/* ---- now ---- */
enum { AHEAD_PERIODS = 16 };

/* Both sides of the next hours: offers in rising steps, requests below them, and some that meet an offer. */
static void trade_ahead(struct demo *demo, int64_t first)
{
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++) {
        const struct demo_portfolio *portfolio = &demo->portfolios[p];
        for (int up = 0; up < 2; up++) {
            int low = up ? asked[portfolio->technology].up_from : asked[portfolio->technology].down_from;
            int high = up ? asked[portfolio->technology].up_to : asked[portfolio->technology].down_to;
            int64_t capability = up ? portfolio->up_w : portfolio->down_w;
            for (int step = 0; step < 2 && high > 0; step++)
                offer(demo, portfolio,
                      &(struct order){.regulation = up ? "up" : "down", .start = first, .count = AHEAD_PERIODS,
                                      .price_u = price_between(demo, low, high) + step * (up ? 12 : 4) * EUR,
                                      .quantity_w = part_of(demo, capability, 0.08, 0.15)});
        }
    }
    static const struct {
        enum demo_who who;
        int location;
        const char *kind, *regulation;
        int after, count, quantity_kw, price;
    } wanted[] = {
        {DEMO_DSO, DEMO_FEEDER_1, "need", "up", 0, 8, 250, 118},  {DEMO_DSO, DEMO_FEEDER_1, "need", "up", 0, 16, 300, 86},
        {DEMO_DSO, DEMO_FEEDER_2, "need", "up", 2, 10, 150, 84},  {DEMO_DSO, DEMO_FEEDER_2, "need", "down", 0, 16, 120, 11},
        {DEMO_DSO, DEMO_FEEDER_1, "need", "down", 4, 8, 200, 21}, {DEMO_TSO, DEMO_ROOT, "need", "up", 4, 8, 500, 80},
        {DEMO_BRP_NORTH, DEMO_FEEDER_1, "exchange", "up", 0, 12, 100, 78}, {DEMO_BRP_SOUTH, DEMO_FEEDER_1, "exchange", "up", 6, 6, 80, 83},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && !demo_failed(demo); i++)
        enter(demo, wanted[i].who,
              request_json(demo, wanted[i].location, wanted[i].kind,
                           &(struct order){.regulation = wanted[i].regulation, .start = first + wanted[i].after * DEMO_PERIOD_S,
                                           .count = wanted[i].count, .quantity_w = (int64_t)wanted[i].quantity_kw * KILOWATT,
                                           .price_u = wanted[i].price * EUR}));
}

static const struct demo_portfolio *find(const struct demo *demo, enum demo_technology technology, int location)
{
    for (int p = 0; p < DEMO_PORTFOLIOS; p++)
        if (demo->portfolios[p].technology == technology && demo->portfolios[p].location == location)
            return &demo->portfolios[p];
    return &demo->portfolios[0];
}

/* One of each kind of order that the market knows, for tomorrow night, when nothing else is offered. */
static void show_kinds(struct demo *demo, int64_t day_start)
{
    const struct demo_portfolio *west = find(demo, DEMO_BATTERIES, DEMO_WEST), *east = find(demo, DEMO_BATTERIES, DEMO_EAST);
    const struct demo_portfolio *south = find(demo, DEMO_BATTERIES, DEMO_FEEDER_2), *cars = find(demo, DEMO_VEHICLES, DEMO_WEST);
    struct order order = {.regulation = "up", .start = demo_at(demo, day_start, 1), .count = 8, .price_u = 101 * EUR, .quantity_w = 200 * KILOWATT};
    json_t *block = offer_json(west, &order); /* all of it, in all periods, or nothing */
    json_object_set_new(block, "block", json_true());
    json_object_set_new(block, "minimum_fraction", json_string("1"));
    json_object_set_new(block, "reference", json_string("all or none"));
    enter(demo, west->trader, block);
    json_t *curve = offer_json(east, &order);
    json_object_del(curve, "price");
    json_object_set_new(curve, "price_points", json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "quantity", "0.08", "price", "96", "quantity", "0.15",
                                                         "price", "108", "quantity", "0.2", "price", "131"));
    json_object_set_new(curve, "reference", json_string("price curve"));
    enter(demo, east->trader, curve);
    json_t *forwarded = offer_json(south, &order);
    json_object_set_new(forwarded, "forward_to_tso", json_true());
    json_object_set_new(forwarded, "reference", json_string("may go to the balancing market"));
    enter(demo, south->trader, forwarded);
    order.quantity_w = 40 * KILOWATT;
    json_t *timed = offer_json(cars, &order);
    json_object_set_new(timed, "validity", json_string("gtt"));
    json_object_set_new(timed, "expires", json_string(demo_instant(demo->now_s + 3 * 3600)));
    json_object_set_new(timed, "activation_s", json_integer(300));
    json_object_set_new(timed, "reference", json_string("good for three hours"));
    enter(demo, cars->trader, timed);
    /* either the first two hours or the next two */
    json_t *members = json_array();
    for (int i = 0; i < 2; i++) {
        order.start = demo_at(demo, day_start, 1 + 2 * i);
        json_t *member = offer_json(find(demo, DEMO_HEAT, DEMO_EAST), &order);
        json_object_set_new(member, "block", json_true());
        json_array_append_new(members, member);
    }
    demo_do(demo, demo->keys[DEMO_AGGREGATOR], "POST", json_pack("{s:s,s:o}", "kind", "exclusive_one", "orders", members), 201,
            "/v1/areas/%s/order-groups", demo->area);
    /* capacity held ready */
    order = (struct order){.regulation = "up", .product = "active_reserve", .start = demo_at(demo, day_start, 8), .count = 16,
                           .price_u = 9 * EUR, .quantity_w = 150 * KILOWATT};
    for (int p = 0; p < DEMO_PORTFOLIOS; p++)
        if (demo->portfolios[p].technology == DEMO_BATTERIES)
            offer(demo, &demo->portfolios[p], &order);
    order.quantity_w = 300 * KILOWATT;
    order.price_u = 12 * EUR;
    enter(demo, DEMO_TSO, request_json(demo, DEMO_ROOT, "need", &order));
}

void demo_trade_now(struct demo *demo)
{
    int64_t first = (demo_clock(demo) + 1800) / DEMO_PERIOD_S * DEMO_PERIOD_S + 2 * DEMO_PERIOD_S;
    demo_trade_day(demo, demo->days[3]);
    trade_ahead(demo, first);
    show_kinds(demo, demo->days[3]);
    demo_auction(demo, demo->days[3], demo_clock(demo) + 2 * 3600);
    const char *fmo = demo->keys[DEMO_FMO];
    demo_do(demo, fmo, "POST",
            json_pack("{s:s}", "text", "Welcome to the demonstration: everything here is made up, and everybody may log in."), 200,
            "/v1/areas/%s/messages", demo->area);
    demo_do(demo, fmo, "POST",
            json_pack("{s:s,s:s}", "location", demo->locations[DEMO_SUBSTATION_2], "reason", "Works at the transformer of substation 2"),
            200, "/v1/areas/%s/halt", demo->area);
}
