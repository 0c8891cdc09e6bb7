/* Network-aware trading over HTTPS, end to end: the published 15-bus market, a feeder whose headroom is traded and comes back
 * across a killed server, operating points that come late, conditions of the grid, the traffic light. */
#include "support/market_fixture.h"
#include "support/trading_server.h"

#include "base/instant.h"
#include "base/units.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

struct market {
    char url[200], folder[80], start[FG_INSTANT_TEXT], second[FG_INSTANT_TEXT];
    int64_t start_s;
    struct trading_process server;
    struct trading_client client;
};

/* A period two hours ahead at least, and `period_s` as the area's. */
static void market_open(struct market *m, void **state, int64_t period_s, const char *const *more, size_t more_count)
{
    char text[200];
    memset(m, 0, sizeof *m);
    struct fg_store *store = fixture_open(state, m->url);
    market_make(store);
    snprintf(text, sizeof text, "UPDATE area SET period_s = %lld", (long long)period_s);
    fixture_execute(store, text);
    for (size_t i = 0; i < more_count; i++)
        fixture_execute(store, more[i]);
    fg_store_close(store);
    snprintf(m->folder, sizeof m->folder, "%s/server%d", fixture_folder, fixture_count);
    m->server = trading_start(m->url, m->folder, "one");
    assert_int_not_equal(m->server.port, 0);
    trading_client_open(&m->client, m->server.port);
    m->start_s = ((int64_t)time(NULL) / period_s + 1 + 7200 / period_s) * period_s;
    fg_instant_format(m->start_s, m->start);
    fg_instant_format(m->start_s + period_s, m->second);
}
static void market_close(struct market *m)
{
    trading_client_close(&m->client);
    assert_int_equal(trading_stop(&m->server, SIGTERM), 0);
}
static void market_kill(struct market *m)
{
    trading_stop(&m->server, SIGKILL);
    m->server = trading_start(m->url, m->folder, "one");
    assert_int_not_equal(m->server.port, 0);
    m->client.port = m->server.port;
}

static json_t *ask(struct market *m, const char *who, const char *method, const char *path, const char *body, long status)
{
    long got = trading_ask(&m->client, who, method, path, NULL, body);
    if (got != status)
        fail_msg("%s %s as %s: %ld instead of %ld: %s (%s)", method, path, who, got, status, m->client.body.data, body != NULL ? body : "");
    return m->client.body.length > 0 ? json_loads(m->client.body.data, 0, NULL) : NULL;
}
static void expect_key(struct market *m, const char *who, const char *method, const char *path, const char *body, long status,
                       const char *key)
{
    json_t *answer = ask(m, who, method, path, body, status);
    assert_string_equal(json_string_value(json_object_get(answer, "key")), key);
    json_decref(answer);
}
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}
static void execute(struct market *m, const char *text)
{
    struct fg_store *store = fixture_open_url(m->url);
    fixture_execute(store, text);
    fg_store_close(store);
}
static int64_t number(struct market *m, const char *text)
{
    struct fg_store *store = fixture_open_url(m->url);
    int64_t value = fixture_number(store, text);
    fg_store_close(store);
    return value;
}

/* Upload as the operator of the grid; the body is no JSON. */
static void upload(struct market *m, const char *text, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/areas/area-1/networks?name=%s&format=matpower", name);
    struct curl_slist *list = curl_slist_append(NULL, "Authorization: Bearer dso");
    char url[400];
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", m->client.port, path);
    list = curl_slist_append(list, "Content-Type: application/octet-stream");
    list = curl_slist_append(list, "Expect:");
    m->client.body.length = 0;
    curl_easy_setopt(m->client.curl, CURLOPT_URL, url);
    curl_easy_setopt(m->client.curl, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
    curl_easy_setopt(m->client.curl, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(m->client.curl, CURLOPT_CUSTOMREQUEST, "POST");
    curl_easy_setopt(m->client.curl, CURLOPT_HTTPHEADER, list);
    assert_int_equal(curl_easy_perform(m->client.curl), CURLE_OK);
    curl_easy_getinfo(m->client.curl, CURLINFO_RESPONSE_CODE, &m->client.status);
    if (m->client.status != 201)
        fail_msg("upload: %ld %s", m->client.status, m->client.body.data);
    curl_slist_free_all(list);
}

/* Wait until the period that starts at `start` is checked in this way on this source. */
static void wait_for(struct market *m, const char *start, const char *check, const char *source)
{
    char seen[200] = "";
    for (int i = 0; i < 200; i++) {
        json_t *state = ask(m, "ret", "GET", "/v1/areas/area-1/network-state", NULL, 200), *period;
        size_t k;
        bool is_there = false;
        json_array_foreach (json_object_get(state, "periods"), k, period)
            if (strcmp(text_at(period, "start"), start) == 0) {
                snprintf(seen, sizeof seen, "%s on %s", text_at(period, "check"), text_at(period, "source"));
                is_there = strcmp(text_at(period, "check"), check) == 0 && strcmp(text_at(period, "source"), source) == 0;
            }
        json_decref(state);
        if (is_there)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    fail_msg("the period %s is not checked by %s on %s, but %s", start, check, source, seen);
}
/* Until the engine has taken so many network states. */
static void wait_for_changes(struct market *m, int64_t count)
{
    for (int i = 0; i < 200 && number(m, "SELECT COUNT(*) FROM event WHERE type = 'network.changed'") < count; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    assert_int_equal(number(m, "SELECT COUNT(*) FROM event WHERE type = 'network.changed'"), count);
}

#define ORDERS "/v1/areas/area-1/orders"

static void enter(struct market *m, const char *who, const char *body, char id[40])
{
    json_t *answer = ask(m, who, "POST", ORDERS, body, 201);
    snprintf(id, 40, "%s", text_at(json_array_get(json_object_get(answer, "orders"), 0), "order"));
    json_decref(answer);
}

/* ---- the published market ---- */

enum { BUSES = 15, LINES = 14 };

static FILE *open_shared(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/market/%s", FG_SHARED_DIR, name);
    return fopen(path, "r");
}

/* The published tables as one case. */
static void write_case(char *text, size_t size)
{
    char line[600];
    size_t used = (size_t)snprintf(text, size, "function mpc = lfm15\nmpc.version = '2';\nmpc.baseMVA = 1;\nmpc.bus = [\n");
    FILE *file = open_shared("lfm15/lfm15_bus.csv");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        used += (size_t)snprintf(text + used, size - used, "%.*s;\n", (int)strcspn(line, "\r\n"), line);
    fclose(file);
    used += (size_t)snprintf(text + used, size - used, "];\nmpc.gen = [1 0 0 9 -9 1 1 1 9 -9];\nmpc.branch = [\n");
    file = open_shared("lfm15/lfm15_branch.csv");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        used += (size_t)snprintf(text + used, size - used, "%.*s;\n", (int)strcspn(line, "\r\n"), line);
    fclose(file);
    snprintf(text + used, size - used, "];\n");
}

static void lfm15(void **state)
{
    static struct market m;
    static char text[20000], body[4000];
    FILE *file = open_shared("lfm15/lfm15_requests.csv");
    if (file == NULL) {
        print_message("skipped: no folder %s/data/market/lfm15\n", FG_SHARED_DIR);
        skip();
    }
    /* One seller with an asset at every bus, one buyer: who they are does not matter in the published market. */
    char assets[4000], holdings[4000], buses[2000];
    size_t used = (size_t)sprintf(assets, "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, bus, p_min_w, "
                                          "p_max_w, s_max_va, grid_status, created_us, version) VALUES ");
    strcpy(holdings, "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES ");
    strcpy(buses, "INSERT INTO location_bus (location_id, bus) VALUES ");
    for (int b = 1; b <= BUSES; b++) {
        used += (size_t)sprintf(assets + used, "%s(%d, 3, 1, 'A%d', 'battery', 2, '%d', -1000000, 1000000, 1000000, 'approved', 0, 1)",
                                b > 1 ? ", " : "", b, b, b);
        sprintf(holdings + strlen(holdings), "%s(%d, 0, 10)", b > 1 ? ", " : "", b);
        sprintf(buses + strlen(buses), "%s(2, '%d')", b > 1 ? ", " : "", b);
    }
    const char *const more[] = {assets, holdings, buses};
    market_open(&m, state, 3600, more, 3);
    write_case(text, sizeof text);
    upload(&m, text, "lfm15");
    execute(&m, "UPDATE area SET network_mode = 'dc', network_id = (SELECT MAX(id) FROM network)");
    wait_for(&m, m.start, "dc", "nominal");
    /* The set-point that the authors publish for this grid, as a forecast that trading depends on. */
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/operating-points",
                    "{\"name\":\"Set-point\",\"origin\":\"forecast\",\"required\":true,\"deadline_seconds\":3600}", 201));
    FILE *setpoint = open_shared("dtu15/dtu15_setpoint_P.csv");
    assert_non_null(setpoint);
    assert_int_equal(fscanf(setpoint, "%*[^\n] t1"), 0);
    used = (size_t)snprintf(body, sizeof body, "{\"start\":\"%s\",\"values\":[", m.start);
    for (int b = 1; b <= BUSES; b++) {
        char decimal[FG_DECIMAL_MAX];
        double mw;
        assert_int_equal(fscanf(setpoint, ",%lf", &mw), 1);
        used += (size_t)snprintf(body + used, sizeof body - used, "%s{\"bus\":\"%d\",\"p\":[\"%s\"]}", b > 1 ? "," : "", b,
                                 fg_decimal_format(llround(mw * 1e6), 6, 0, decimal));
    }
    fclose(setpoint);
    snprintf(body + used, sizeof body - used, "]}");
    json_decref(ask(&m, "dso", "POST", "/v1/operating-points/op-1/values", body, 201));
    wait_for(&m, m.start, "dc", "fresh");

    char requests[6][40], offers[64][40], type[32], direction[16];
    double request_price[6], offer_price[64], mw;
    int at, request_count = 0, offer_count = 0, price;
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    for (; fscanf(file, " n%d,%31[^,],%15[^,],%lf,%d", &at, type, direction, &mw, &price) == 5; request_count++) {
        assert_true(request_count < 6);
        request_price[request_count] = price;
        snprintf(body, sizeof body,
                 "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"%s\",\"kind\":\"exchange\",\"conditional\":%s,\"location\":"
                 "\"loc-1\",\"bus\":\"%d\",\"start\":\"%s\",\"quantity\":[\"%.2f\"],\"price\":\"%d\"}",
                 strcmp(direction, "Up") == 0 ? "up" : "down", strcmp(type, "Conditional") == 0 ? "true" : "false", at, m.start, mw, price);
        enter(&m, "dso", body, requests[request_count]);
    }
    fclose(file);
    assert_int_equal(request_count, 6);
    file = open_shared("lfm15/lfm15_offers.csv");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    for (; fscanf(file, " n%d,%lf,%15[^,],%d", &at, &mw, direction, &price) == 4; offer_count++) {
        assert_true(offer_count < 64);
        offer_price[offer_count] = price;
        snprintf(body, sizeof body,
                 "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"%s\",\"portfolio\":\"pf-10\",\"bus\":\"%d\",\"start\":\"%s\","
                 "\"quantity\":[\"%.2f\"],\"price\":\"%d\"}",
                 strcmp(direction, "Up") == 0 ? "up" : "down", at, m.start, mw, price);
        enter(&m, "agg", body, offers[offer_count]);
    }
    fclose(file);
    assert_int_equal(offer_count, 59);
    /* shared/ref/lfm15_expected.md */
    static const struct {
        int offer, request;
        const char *mw;
    } expected[] = {{0, 1, "0.03"}, {1, 0, "0.01"}, {1, 2, "0.01"}, {3, 3, "0.02"}, {4, 2, "0.01"}, {4, 4, "0.01"}, {11, 5, "0.03"}};
    json_t *answer = ask(&m, "dso", "GET", "/v1/areas/area-1/own-trades", NULL, 200), *trades = json_object_get(answer, "items"), *trade;
    size_t i;
    double welfare = 0;
    assert_int_equal(json_array_size(trades), 7);
    json_array_foreach (trades, i, trade) { /* newest first */
        int o = 0, r = 0;
        while (o < offer_count && strcmp(offers[o], text_at(trade, "sell_order")) != 0)
            o++;
        while (r < request_count && strcmp(requests[r], text_at(trade, "buy_order")) != 0)
            r++;
        assert_int_equal(o, expected[6 - i].offer);
        assert_int_equal(r, expected[6 - i].request);
        assert_string_equal(text_at(trade, "quantity"), expected[6 - i].mw);
        welfare += strtod(text_at(trade, "quantity"), NULL) * (request_price[r] - offer_price[o]);
    }
    json_decref(answer);
    print_message("7 trades, welfare %.4f\n", welfare);
    assert_true(fabs(welfare - 0.77) < 1e-9);
    market_close(&m);
}

/* ---- a feeder ---- */

/* Source at 1, loads of 0.2 MW at 2 and 0.3 MW at 3; line 2-3 carries 1 MVA, line 1-2 5 MVA. Portfolio 10 has an asset at 3
 * and one at 2; portfolio 11 (of the retailer) one at 3. */
#define FEEDER(rating)                                                                                                 \
    "function mpc = c\nmpc.version = '2';\nmpc.baseMVA = 1;\nmpc.bus = [1 3 0 0 0 0 1 1 0 20 1 1.1 0.9; 2 1 0.2 0 0 0 1 1 0 20 1 1.1 0.9; " \
    "3 1 0.3 0 0 0 1 1 0 20 1 1.1 0.9];\nmpc.gen = [1 0 0 9 -9 1 1 1 9 -9];\nmpc.branch = [1 2 0.001 0.001 0 5 0 0 0 0 1 -360 360; 2 3 "     \
    "0.001 0.001 0 " rating " 0 0 0 0 1 -360 360];\n"
static const char *const feeder_rows[] = {
    "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, bus, p_min_w, p_max_w, s_max_va, grid_status, "
    "created_us, version) VALUES (1, 3, 1, 'A', 'battery', 2, '3', -500000, 500000, 500000, 'approved', 0, 1), "
    "(2, 3, 1, 'B', 'battery', 2, '2', -500000, 500000, 500000, 'approved', 0, 1), "
    "(3, 4, 1, 'C', 'battery', 2, '3', -500000, 500000, 500000, 'approved', 0, 1)",
    "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 10), (2, 0, 10), (3, 0, 11)",
    "INSERT INTO location_bus (location_id, bus) VALUES (1, '1'), (2, '2'), (2, '3')",
};

static void feeder_open(struct market *m, void **state, const char *mode)
{
    char text[200];
    market_open(m, state, 900, feeder_rows, sizeof feeder_rows / sizeof *feeder_rows);
    upload(m, FEEDER("1"), "feeder");
    snprintf(text, sizeof text, "UPDATE area SET network_mode = '%s', network_id = 1", mode);
    execute(m, text);
    wait_for(m, m->start, mode, "nominal");
}
static const char *offer(struct market *m, const char *bus, const char *quantity, char body[400])
{
    snprintf(body, 400, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",%s\"start\":\"%s\","
                        "\"quantity\":[\"%s\"],\"price\":\"80\"}", bus, m->start, quantity);
    return body;
}
static const char *need(struct market *m, const char *regulation, const char *quantity, char body[400])
{
    snprintf(body, 400, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"%s\",\"kind\":\"need\",\"location\":\"loc-1\",\"start\":"
                        "\"%s\",\"quantity\":[\"%s\"],\"price\":\"100\"}", regulation, m->start, quantity);
    return body;
}
/* The order of another period. */
static const char *with_start(const char *order, const char *from, const char *to)
{
    char *at = strstr(order, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    return order;
}
static int64_t traded(struct market *m)
{
    return number(m, "SELECT CAST(COALESCE(SUM(quantity_w), 0) AS BIGINT) FROM book_trade");
}

/* Cut to the headroom; the rest rests and is held back; the server is killed; what is taken back is traded again. */
static void headroom_comes_back(void **state)
{
    struct market m;
    char body[400], id[40];
    feeder_open(&m, state, "dc");
    /* Where the grid counts, the bus must be clear. */
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "", "1", body), 422, "order.bus");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "\"bus\":\"1\",", "1", body), 422, "order.bus");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "\"bus\":\"none\",", "1", body), 422, "order.bus");
    snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\",\"bus\":"
                                "\"3\",\"start\":\"%s\",\"quantity\":[\"1\"],\"price\":\"1\"}", m.start);
    expect_key(&m, "dso", "POST", ORDERS, body, 422, "order.bus");
    enter(&m, "agg", offer(&m, "\"bus\":\"3\",", "2", body), id);
    char path[200];
    snprintf(path, sizeof path, ORDERS "/%s", id);
    json_t *order = ask(&m, "agg", "GET", path, NULL, 200);
    assert_string_equal(text_at(order, "bus"), "3");
    json_decref(order);
    enter(&m, "dso", need(&m, "up", "2", body), id);
    assert_int_equal(traded(&m), 1300000); /* the load of 0.3 MW flows in; 1 MW out is the rating */
    assert_int_equal(number(&m, "SELECT COUNT(*) FROM book_order WHERE held_back = 1"), 1);
    /* A killed server comes back with the same state and the trades on top. */
    market_kill(&m);
    wait_for(&m, m.start, "dc", "nominal");
    enter(&m, "dso", need(&m, "up", "0.1", body), id);
    assert_int_equal(traded(&m), 1300000);
    /* The portfolio of the retailer has its assets at one bus: it need not be named. */
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-11\",\"start\":\"%s\","
                                "\"quantity\":[\"0.1\"],\"price\":\"70\"}", m.start);
    enter(&m, "ret", body, id);
    assert_int_equal(traded(&m), 1300000); /* there is no room for it */
    /* At bus 2 there is: only the line of 5 MVA counts. */
    enter(&m, "agg", offer(&m, "\"bus\":\"2\",", "0.2", body), id);
    assert_int_equal(traded(&m), 1500000);
    /* 0.5 MW of the first trade are taken back: the held offers trade as far as there is need left (0.6 MW). */
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/trades/trd-1/curtail", "{\"keep\":\"0.8\",\"reason\":\"Line out\"}", 200));
    assert_int_equal(traded(&m), 1500000);
    assert_int_equal(number(&m, "SELECT CAST(SUM(quantity_w) AS BIGINT) FROM book_trade WHERE sell_bus = 2"), 1300000);
    market_close(&m);
}

static void wait_for_light(struct market *m, const char *who, const char *path, const char *id, const char *start, const char *colour,
                           const char *reason)
{
    char seen[100] = "";
    for (int i = 0; i < 200; i++) {
        json_t *page = ask(m, who, "GET", path, NULL, 200), *light;
        size_t k;
        bool is_there = false;
        json_array_foreach (json_object_get(page, "items"), k, light)
            if ((strcmp(text_at(light, "location"), id) == 0 || strcmp(text_at(light, "asset"), id) == 0) &&
                strcmp(text_at(light, "start"), start) == 0) {
                snprintf(seen, sizeof seen, "%s, %s", text_at(light, "colour"), text_at(light, "reason"));
                is_there = strcmp(text_at(light, "colour"), colour) == 0 && strcmp(text_at(light, "reason"), reason) == 0;
            }
        json_decref(page);
        if (is_there)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    fail_msg("%s of %s: %s instead of %s, %s", path, id, seen, colour, reason);
}
#define LIGHTS "/v1/areas/area-1/traffic-lights"

/* The light follows what trades, conditions and data do; line 2-3 has 1.3 MW of room upwards and 0.7 MW downwards at bus 3,
 * where assets of 1 MW range each of two owners are registered. */
static void lights_and_conditions(void **state)
{
    struct market m;
    char body[600], id[40];
    feeder_open(&m, state, "ac");
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "yellow", "headroom"); /* 2 MW are registered at bus 3 */
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-3", m.start, "green", "free");
    wait_for_light(&m, "agg", LIGHTS "/assets?limit=1000", "ast-2", m.start, "green", "free"); /* at bus 2 there is room */
    wait_for_light(&m, "agg", LIGHTS "/assets?limit=1000", "ast-1", m.start, "yellow", "headroom");
    json_t *page = ask(&m, "agg", "GET", LIGHTS "/assets?limit=1000", NULL, 200), *light;
    size_t k;
    json_array_foreach (json_object_get(page, "items"), k, light)
        assert_string_not_equal(text_at(light, "asset"), "ast-3"); /* the retailer's */
    json_decref(page);
    /* ac: 1.3 MW less a little for losses, in whole ticks, and confirmed by a power flow. */
    enter(&m, "agg", offer(&m, "\"bus\":\"3\",", "2", body), id);
    enter(&m, "dso", need(&m, "up", "2", body), id);
    assert_in_range(traded(&m), 1299000, 1302000);
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "yellow", "trades_cut");
    assert_true(number(&m, "SELECT COUNT(*) FROM event WHERE type = 'traffic_light.changed' AND data LIKE '%trades_cut%' AND scope IS NULL") > 0);
    assert_true(number(&m, "SELECT COUNT(*) FROM event WHERE type = 'traffic_light.changed' AND data LIKE '%ast-1%' AND scope = 'org-3'") > 0);
    /* A lower rating for a time: what is traded breaks it, and nothing more is taken. */
    snprintf(body, sizeof body, "{\"kind\":\"rating\",\"element\":\"2-3\",\"rating\":\"0.5\",\"from\":\"%s\",\"until\":\"%s\",\"reason\":\"Works\"}",
             m.start, m.second);
    json_decref(ask(&m, "agg", "POST", "/v1/areas/area-1/grid-conditions", body, 403));
    json_t *made = ask(&m, "dso", "POST", "/v1/areas/area-1/grid-conditions", body, 201);
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "red", "limit_violated");
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.second, "yellow", "headroom");
    int64_t before = traded(&m);
    char path[200];
    snprintf(path, sizeof path, "/v1/grid-conditions/%s/end", text_at(made, "id"));
    json_decref(made);
    json_decref(ask(&m, "agg", "POST", path, "{}", 403));
    json_decref(ask(&m, "dso", "POST", path, "{}", 204));
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "yellow", "trades_cut");
    assert_int_equal(traded(&m), before);
    json_t *list = ask(&m, "dso", "GET", "/v1/areas/area-1/grid-conditions", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 0); /* it ended before it began */
    json_decref(list);
    expect_key(&m, "dso", "POST", "/v1/areas/area-1/grid-conditions",
               "{\"kind\":\"outage\",\"element\":\"no line\",\"from\":\"2025-01-01T00:00:00Z\",\"reason\":\"x\"}", 422, "request.invalid");
    expect_key(&m, "dso", "POST", "/v1/areas/area-1/grid-conditions",
               "{\"kind\":\"outage\",\"element\":\"2-3\",\"closed\":true,\"from\":\"2025-01-01T00:00:00Z\",\"reason\":\"x\"}", 422, "request.invalid");
    /* The line is open: bus 3 has no supply, and nothing trades there. */
    snprintf(body, sizeof body, "{\"kind\":\"switch\",\"element\":\"2-3\",\"closed\":false,\"from\":\"%s\",\"reason\":\"Fault\"}", m.second);
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/grid-conditions", body, 201));
    for (int i = 0; i < 100 && number(&m, "SELECT COUNT(*) FROM area_network n JOIN network_state s ON s.version = n.version") > 0; i++) {
        wait_for(&m, m.second, "ac", "nominal");
        if (number(&m, "SELECT COUNT(*) FROM event WHERE type = 'network.changed'") >= 4)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    int64_t old = traded(&m);
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-11\",\"start\":\"%s\","
                                "\"quantity\":[\"0.1\"],\"price\":\"70\"}", m.second);
    enter(&m, "ret", body, id);
    snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\",\"start\":"
                                "\"%s\",\"quantity\":[\"0.1\"],\"price\":\"100\"}", m.second);
    enter(&m, "dso", body, id);
    assert_int_equal(traded(&m), old);
    /* Halted is red for everything below, and comes before other reasons. */
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/halt", "{\"location\":\"loc-1\",\"reason\":\"Fault\"}", 200));
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "red", "halted");
    wait_for_light(&m, "agg", LIGHTS "/assets?limit=1000", "ast-2", m.start, "red", "halted");
    market_close(&m);
}

/* Required values that do not come: awaited until the deadline, then the area's rule; the same for values that become old. */
static void missing_and_stale(void **state)
{
    struct market m;
    char body[600], far[FG_INSTANT_TEXT];
    feeder_open(&m, state, "dc");
    /* Due 90 minutes before delivery: a period 2 hours and more ahead is awaited, one in an hour is missing. */
    json_t *made = ask(&m, "dso", "POST", "/v1/areas/area-1/operating-points",
                       "{\"name\":\"Forecast\",\"origin\":\"forecast\",\"required\":true,\"deadline_seconds\":5400,\"stale_after_seconds\":86400}", 201);
    assert_string_equal(text_at(made, "id"), "op-1");
    json_decref(made);
    expect_key(&m, "dso", "POST", "/v1/areas/area-1/operating-points", "{\"name\":\"Forecast\",\"origin\":\"forecast\"}", 409, "object.conflict");
    wait_for(&m, m.start, "dc", "awaited");
    fg_instant_format(m.start_s - 3600, far);
    wait_for(&m, far, "blocked", "missing");
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", far, "red", "data_missing");
    execute(&m, "UPDATE area SET stale_rule = 'fallback'");
    wait_for(&m, far, "dc", "missing"); /* nominal */
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-3", far, "yellow", "data_stale_fallback");
    execute(&m, "INSERT INTO network_rule (area_id, fallback, set_by, set_us) VALUES (1, 'off', 1, 0)");
    wait_for(&m, far, "unchecked", "missing");
    /* Values of others' buses and objects are refused; one's own counts, and the version before can be read. */
    snprintf(body, sizeof body, "{\"start\":\"%s\",\"values\":[{\"bus\":\"3\",\"p\":[\"-0.8\",\"-0.8\"]}]}", m.start);
    json_decref(ask(&m, "agg", "POST", "/v1/operating-points/op-1/values", body, 403));
    json_decref(ask(&m, "dso", "POST", "/v1/operating-points/op-1/values", body, 201));
    wait_for(&m, m.start, "dc", "fresh");
    snprintf(body, sizeof body, "{\"start\":\"%s\",\"values\":[{\"bus\":\"3\",\"p\":[\"-0.5\"],\"q\":[\"-0.1\"]},{\"bus\":\"9\",\"p\":[\"0\"]}]}", m.start);
    json_decref(ask(&m, "dso", "POST", "/v1/operating-points/op-1/values", body, 422));
    snprintf(body, sizeof body, "{\"start\":\"%s\",\"values\":[{\"bus\":\"3\",\"p\":[\"-0.5\"],\"q\":[\"-0.1\"]}]}", m.start);
    json_t *taken = ask(&m, "dso", "POST", "/v1/operating-points/op-1/values", body, 201);
    assert_int_equal(json_integer_value(json_object_get(taken, "version")), 2); /* what was refused has no version */
    json_decref(taken);
    json_t *first = ask(&m, "dso", "GET", "/v1/operating-points/op-1/values?version=1", NULL, 200);
    json_t *value = json_array_get(json_object_get(first, "values"), 0);
    assert_string_equal(text_at(value, "bus"), "3");
    assert_string_equal(json_string_value(json_array_get(json_object_get(value, "p"), 1)), "-0.8");
    assert_true(json_is_null(json_object_get(value, "q")));
    json_decref(first);
    json_decref(ask(&m, "ret", "GET", "/v1/operating-points/op-1/values", NULL, 404));
    /* The newer version counts where it says something: 0.5 MW flow in, so that 1.5 MW more fit; in the second period 1.8. */
    wait_for(&m, m.start, "dc", "fresh");
    for (int i = 0; i < 100 && number(&m, "SELECT COUNT(*) FROM event WHERE type = 'network.changed'") < 6; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    char id[40];
    enter(&m, "agg", offer(&m, "\"bus\":\"3\",", "3", body), id);
    enter(&m, "dso", need(&m, "up", "3", body), id);
    assert_int_equal(traded(&m), 1500000);
    enter(&m, "agg", with_start(offer(&m, "\"bus\":\"3\",", "3", body), m.start, m.second), id);
    enter(&m, "dso", with_start(need(&m, "up", "3", body), m.start, m.second), id);
    assert_int_equal(traded(&m), 3300000);

    /* Two days later both versions are stale. Fallen back to the last values: what is taken back fits again; on the network's own
     * loads (1.3 MW of room) it would not. */
    execute(&m, "UPDATE network_rule SET fallback = 'last'");
    execute(&m, "UPDATE operating_version SET entered_us = entered_us - 172800000000");
    wait_for(&m, m.start, "dc", "stale");
    assert_int_equal(traded(&m), 3300000);
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-3", m.start, "yellow", "data_stale_fallback");
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/trades/trd-1/curtail", "{\"keep\":\"1.4\",\"reason\":\"Test\"}", 200));
    assert_int_equal(number(&m, "SELECT quantity_w FROM book_trade WHERE id = 1"), 1400000);
    assert_int_equal(traded(&m), 3300000);
    /* Blocked: nothing trades, also at bus 2, where there is room. */
    execute(&m, "UPDATE area SET stale_rule = 'block'");
    wait_for(&m, m.start, "blocked", "stale");
    wait_for_light(&m, "ret", LIGHTS "?limit=1000", "loc-2", m.start, "red", "data_stale");
    enter(&m, "agg", offer(&m, "\"bus\":\"2\",", "0.2", body), id);
    assert_int_equal(traded(&m), 3300000);
    /* Not checked: everything trades that is wanted: 3 MW in each period, less the 0.1 MW that was taken back. */
    execute(&m, "UPDATE network_rule SET fallback = 'off'");
    execute(&m, "UPDATE area SET stale_rule = 'fallback'");
    wait_for(&m, m.start, "unchecked", "stale");
    assert_int_equal(traded(&m), 5900000);
    market_close(&m);
}

/* What assets and portfolios say comes on top of the network's loads, or not where the bus's value covers everything. */
static void what_assets_say(void **state)
{
    struct market m;
    char body[600], id[40];
    feeder_open(&m, state, "dc");
    json_decref(ask(&m, "agg_op", "POST", "/v1/areas/area-1/operating-points", "{\"name\":\"Plan\",\"origin\":\"prognosis\"}", 201));
    expect_key(&m, "agg_op", "POST", "/v1/areas/area-1/operating-points",
               "{\"name\":\"Mine\",\"origin\":\"prognosis\",\"required\":true}", 403, "access.denied");
#define VALUE(subject, p) (snprintf(body, sizeof body, "{\"start\":\"%s\",\"values\":[{" subject ",\"p\":[\"" p "\"]}]}", m.start), body)
    json_decref(ask(&m, "agg_op", "POST", "/v1/operating-points/op-1/values", VALUE("\"asset\":\"ast-3\"", "0.1"), 422)); /* the retailer's */
    json_decref(ask(&m, "agg_op", "POST", "/v1/operating-points/op-1/values", VALUE("\"bus\":\"3\"", "0.1"), 422));
    json_decref(ask(&m, "agg_op", "POST", "/v1/operating-points/op-1/values", VALUE("\"asset\":\"ast-1\"", "0.4"), 201));
    wait_for_changes(&m, 2);
    enter(&m, "agg", offer(&m, "\"bus\":\"3\",", "3", body), id);
    enter(&m, "dso", need(&m, "up", "3", body), id);
    assert_int_equal(traded(&m), 900000); /* 0.3 MW of load less 0.4: 0.1 flow out, of 1 */
    /* 0.6 for the portfolio: half at bus 3 in place of 0.4. The offer that was held back goes on by itself. */
    json_decref(ask(&m, "agg_op", "POST", "/v1/operating-points/op-1/values", VALUE("\"portfolio\":\"pf-10\"", "0.6"), 201));
    wait_for_changes(&m, 3);
    assert_int_equal(traded(&m), 1000000);
    /* The operator says that bus 3 draws 0.5 MW in all. */
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/operating-points", "{\"name\":\"All\",\"origin\":\"forecast\"}", 201));
    json_decref(ask(&m, "dso", "POST", "/v1/operating-points/op-2/values", VALUE("\"bus\":\"3\"", "-0.5"), 201));
    wait_for_changes(&m, 4);
    assert_int_equal(traded(&m), 1500000);
    /* The rest draws 1.1 MW, beside the 0.3 of the asset: 0.8 in all. */
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/operating-points",
                    "{\"name\":\"Rest\",\"origin\":\"forecast\",\"covers\":\"rest\"}", 201));
    json_decref(ask(&m, "dso", "POST", "/v1/operating-points/op-3/values", VALUE("\"bus\":\"3\"", "-1.1"), 201));
    wait_for_changes(&m, 5);
    assert_int_equal(traded(&m), 1800000);
    json_t *list = ask(&m, "agg_op", "GET", "/v1/areas/area-1/operating-points", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
    json_decref(list);
    list = ask(&m, "dso", "GET", "/v1/areas/area-1/operating-points", NULL, 200); /* its own, and the one about assets in its grid */
    assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
    json_decref(list);
    market_close(&m);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--serve") == 0)
        trading_serve(argv[2], argv[3], argv[4], STDOUT_FILENO);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(lfm15), ON_BOTH(headroom_comes_back), ON_BOTH(lights_and_conditions),
                                       ON_BOTH(missing_and_stale), ON_BOTH(what_assets_say)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
