/* Delivery of a traded day: what was declared, asked for, measured, paid, and disputed. */
#include "cmd/demo.h"

#include "base/instant.h"
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_PERIODS = 100, KILOWATT = 1000 };

/* ---- what a portfolio does by itself ---- */
static double bell(double hour, double middle, double width)
{
    double away = (hour - middle) / width;
    return exp(-away * away);
}

int64_t demo_baseline(const struct demo_portfolio *portfolio, int32_t seconds)
{
    double hour = seconds / 3600.0, share = 0;
    switch (portfolio->technology) {
    case DEMO_SUN: share = hour > 6 && hour < 19 ? 0.65 * pow(sin((hour - 6) / 13 * 3.14159265358979), 1.5) : 0; break;
    case DEMO_BATTERIES: share = 0.1 * bell(hour, 19.5, 2) - 0.12 * bell(hour, 13, 2.5); break;
    case DEMO_HEAT: share = -0.35 - 0.3 * bell(hour, 7, 2) - 0.3 * bell(hour, 19, 2.5); break;
    case DEMO_VEHICLES: share = -0.12 - 0.55 * bell(hour, 19.5, 2.5) - 0.15 * bell(hour, 9, 1.5); break;
    case DEMO_TECHNOLOGIES: break;
    }
    return llround((double)portfolio->rated_w * share / KILOWATT) * KILOWATT;
}

/* Energy of a power over a period, MWh as a decimal text (a watt for 900 s is 2500 of 1e-10 MWh). */
static json_t *energy(int64_t power_w)
{
    char text[FG_DECIMAL_MAX];
    return json_string(fg_decimal_format(power_w * (DEMO_PERIOD_S * 10000 / 3600), 10, 0, text));
}

/* ---- before ---- */
static void send_plan(struct demo *demo, const struct demo_portfolio *portfolio, int64_t day_start, bool is_decided)
{
    char id[DEMO_ID];
    if (portfolio->asset[0] == '\0')
        return;
    json_t *body = json_pack("{s:s,s:[{s:s,s:[s,s,s,s]}]}", "start", demo_instant(demo_at(demo, day_start, 18)), "assets", "asset",
                             portfolio->asset, "powers", "0.1", "0.1", "0.08", "0.08");
    demo_take(demo, demo_call(demo, demo->keys[portfolio->trader], "POST", body, 201, "/v1/portfolios/%s/plans", portfolio->id), "id", id,
              sizeof id);
    if (is_decided)
        demo_do(demo, demo->keys[DEMO_DSO], "POST", json_pack("{s:b}", "accept", 1), 204, "/v1/plans/%s/decision", id);
}

void demo_declare(struct demo *demo, int64_t day_start, int64_t day_end)
{
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++) {
        const struct demo_portfolio *portfolio = &demo->portfolios[p];
        json_t *energies = json_array();
        for (int64_t at = day_start; at < day_end; at += DEMO_PERIOD_S)
            json_array_append_new(energies, energy(demo_baseline(portfolio, fg_timezone_local(demo->zone, at).second)));
        demo_do(demo, demo->keys[portfolio->trader], "PUT", json_pack("{s:s,s:o}", "start", demo_instant(day_start), "energies", energies), 204,
                "/v1/portfolios/%s/baseline", portfolio->id);
    }
    send_plan(demo, &demo->portfolios[DEMO_BATTERIES * DEMO_PLACES], day_start, true);
    send_plan(demo, &demo->portfolios[DEMO_HEAT * DEMO_PLACES + 1], day_start, false);
}

/* ---- during ---- */
void demo_operate(struct demo *demo, int64_t first_start)
{
    for (int p = 0; p < DEMO_PLACES && !demo_failed(demo); p++) {
        const struct demo_portfolio *portfolio = &demo->portfolios[DEMO_BATTERIES * DEMO_PLACES + p];
        char id[DEMO_ID];
        demo_take(demo,
                  demo_call(demo, demo->keys[DEMO_DSO], "POST",
                            json_pack("{s:s,s:i,s:s}", "start", demo_instant(first_start), "units", 4, "power", "0.1"), 201,
                            "/v1/portfolios/%s/set-points", portfolio->id),
                  "id", id, sizeof id);
        if (p < 2) /* the third waits for an answer */
            demo_do(demo, demo->keys[portfolio->trader], "POST",
                    p == 0 ? json_pack("{s:b}", "accept", 1) : json_pack("{s:b,s:s}", "accept", 0, "reason", "the inverter is being serviced"),
                    204, "/v1/set-points/%s/answer", id);
    }
}

/* ---- after ---- */
struct day {
    int64_t start, end;
    int64_t traded_w[DAY_PERIODS]; /* of one portfolio: up less down */
    char short_trade[DEMO_ID];     /* a trade of whoever delivers too little */
    char run[DEMO_ID];
};

static void sum_trades(struct demo *demo, const struct demo_portfolio *portfolio, struct day *day)
{
    memset(day->traded_w, 0, sizeof day->traded_w);
    json_t *list = demo_list(demo, demo->keys[portfolio->trader], "/v1/areas/%s/own-trades?product=active&from=%s&to=%s", demo->area,
                             demo_instant(day->start), demo_instant(day->end));
    size_t i;
    json_t *trade;
    json_array_foreach(list, i, trade) {
        const char *of = json_string_value(json_object_get(trade, "portfolio"));
        int64_t start = 0, power_w = 0;
        if (of == NULL || strcmp(of, portfolio->id) != 0)
            continue;
        fg_instant_parse(json_string_value(json_object_get(trade, "start")), &start, NULL);
        fg_decimal_parse(json_string_value(json_object_get(trade, "quantity")), 6, &power_w, NULL);
        bool is_up = strcmp(json_string_value(json_object_get(trade, "regulation")), "up") == 0;
        int64_t period = (start - day->start) / DEMO_PERIOD_S;
        if (period < 0 || period >= DAY_PERIODS)
            continue;
        day->traded_w[period] += is_up ? power_w : -power_w;
        if (portfolio->technology == DEMO_VEHICLES && is_up && day->short_trade[0] == '\0')
            snprintf(day->short_trade, sizeof day->short_trade, "%s", json_string_value(json_object_get(trade, "trade")));
    }
    json_decref(list);
}

/* Vehicles deliver 60 % of what was traded: some were not plugged in. The others deliver it within a few percent. */
static void measure(struct demo *demo, const struct demo_portfolio *portfolio, struct day *day)
{
    char meter[DEMO_ID], name[60];
    const char *dso = demo->keys[DEMO_DSO];
    sum_trades(demo, portfolio, day);
    snprintf(name, sizeof name, "Feeder meter of %s", portfolio->id);
    demo_take(demo,
              demo_call(demo, dso, "POST", json_pack("{s:s,s:s,s:i}", "portfolio", portfolio->id, "name", name, "rank", 1), 201, "/v1/meters"),
              "id", meter, sizeof meter);
    json_t *readings = json_array();
    for (int64_t at = day->start; at < day->end; at += DEMO_PERIOD_S) {
        int64_t traded_w = day->traded_w[(at - day->start) / DEMO_PERIOD_S];
        double share = portfolio->technology == DEMO_VEHICLES ? 0.6 : fg_random_between(&demo->random, 0.96, 1.03);
        int64_t power_w = demo_baseline(portfolio, fg_timezone_local(demo->zone, at).second) + llround((double)traded_w * share);
        json_array_append_new(readings, json_pack("{s:s,s:o}", "start", demo_instant(at), "energy", energy(power_w)));
    }
    demo_do(demo, dso, "POST", json_pack("{s:o}", "readings", readings), 200, "/v1/meters/%s/readings", meter);
}

static void give_receipts(struct demo *demo, const struct day *day)
{
    json_t *list = demo_list(demo, demo->keys[DEMO_DSO], "/v1/areas/%s/own-trades?product=active&from=%s&to=%s", demo->area,
                             demo_instant(day->start), demo_instant(day->end));
    for (size_t i = 0; i < json_array_size(list) && i < 12; i++)
        demo_do(demo, demo->keys[DEMO_DSO], "PUT", json_pack("{s:s}", "verdict", "delivered"), 204, "/v1/areas/%s/trades/%s/receipt",
                demo->area, json_string_value(json_object_get(json_array_get(list, i), "trade")));
    json_decref(list);
}

static void release(struct demo *demo, struct day *day)
{
    const char *fmo = demo->keys[DEMO_FMO];
    char approval[DEMO_ID], text[FG_DATE_TEXT];
    fg_date_format(fg_timezone_local(demo->zone, day->start).date, text);
    demo_take(demo, demo_call(demo, fmo, "POST", json_pack("{s:s}", "day", text), 201, "/v1/areas/%s/settlements", demo->area), "id", day->run,
              DEMO_ID);
    demo_take(demo, demo_call(demo, fmo, "POST", NULL, 201, "/v1/settlements/%s/release-request", day->run), "id", approval, sizeof approval);
    demo_do(demo, demo->keys[DEMO_CLERK], "POST", json_pack("{s:s}", "decision", "confirm"), 200, "/v1/approvals/%s/decision", approval);
    demo_do(demo, fmo, "POST", json_pack("{s:s}", "approval", approval), 204, "/v1/settlements/%s/release", day->run);
}

static void bill(struct demo *demo, const struct day *day)
{
    const char *fmo = demo->keys[DEMO_FMO];
    struct fg_date date = fg_timezone_local(demo->zone, day->start).date;
    demo_do(demo, fmo, "POST", json_pack("{s:i,s:i}", "year", date.year, "month", date.month), 200, "/v1/areas/%s/documents", demo->area);
    /* The first invoice is paid. */
    json_t *list = demo_list(demo, fmo, "/v1/documents"), *head = json_array_get(list, 0);
    const char *id = json_string_value(json_object_get(head, "id")), *gross = json_string_value(json_object_get(head, "gross"));
    char today[FG_DATE_TEXT], path[120];
    fg_date_format(fg_timezone_local(demo->zone, demo_clock(demo)).date, today);
    if (id == NULL || gross == NULL) {
        demo_fail(demo, "/v1/documents", "no document was issued");
    } else {
        snprintf(path, sizeof path, "/v1/documents/%s/payments", id);
        snprintf(demo->once, sizeof demo->once, "payment-4711");
        demo_do(demo, fmo, "POST", json_pack("{s:s,s:s,s:s}", "amount", gross, "day", today, "reference", "Transfer 4711"), 201, "%s", path);
    }
    json_decref(list);
}

void demo_settle_day(struct demo *demo, int64_t day_start, int64_t day_end)
{
    struct day day = {.start = day_start, .end = day_end};
    for (int p = 0; p < DEMO_PORTFOLIOS && !demo_failed(demo); p++)
        measure(demo, &demo->portfolios[p], &day);
    give_receipts(demo, &day);
    release(demo, &day);
    bill(demo, &day);
    if (day.short_trade[0] != '\0')
        demo_do(demo, demo->keys[DEMO_AGGREGATOR], "POST",
                json_pack("{s:s,s:s}", "trade", day.short_trade, "claim",
                          "The charging points report that more vehicles were held back than the feeder meter shows."),
                201, "/v1/settlements/%s/disputes", day.run);
}
