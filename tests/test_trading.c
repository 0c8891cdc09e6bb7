/* Trading over HTTPS, end to end: two organisations, a server process that is stopped and killed, both databases. */
#include "support/market_fixture.h"
#include "support/trading_server.h"

#include "base/instant.h"
#include "base/random.h"

#include <jansson.h>
#include <pthread.h>
#include <time.h>

struct market {
    char url[200], folder[80], start[FG_INSTANT_TEXT], end[FG_INSTANT_TEXT];
    struct trading_process server;
    struct trading_client client;
};

static void market_open(struct market *m, void **state)
{
    memset(m, 0, sizeof *m);
    struct fg_store *store = fixture_open(state, m->url);
    market_make(store);
    fg_store_close(store);
    snprintf(m->folder, sizeof m->folder, "%s/server%d", fixture_folder, fixture_count);
    m->server = trading_start(m->url, m->folder, "one");
    assert_int_not_equal(m->server.port, 0);
    trading_client_open(&m->client, m->server.port);
    /* Two hours ahead: the gate closes one hour before, and opened the day before at the latest. */
    int64_t start = ((int64_t)time(NULL) / 900 + 9) * 900;
    fg_instant_format(start, m->start);
    fg_instant_format(start + 1800, m->end);
}
static void market_close(struct market *m)
{
    trading_client_close(&m->client);
    assert_int_equal(trading_stop(&m->server, SIGTERM), 0);
}

static json_t *ask(struct market *m, const char *who, const char *method, const char *path, const char *key,
                   const char *body, long status)
{
    long got = trading_ask(&m->client, who, method, path, key, body);
    if (got != status)
        fail_msg("%s %s as %s: %ld instead of %ld: %s", method, path, who, got, status, m->client.body.data);
    return m->client.body.length > 0 ? json_loads(m->client.body.data, 0, NULL) : NULL;
}
static void expect_key(struct market *m, const char *who, const char *method, const char *path, const char *body, long status,
                       const char *key)
{
    json_t *answer = ask(m, who, method, path, NULL, body, status);
    assert_string_equal(json_string_value(json_object_get(answer, "key")), key);
    json_decref(answer);
}
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static const char *offer(struct market *m, const char *quantity, const char *price, char body[400])
{
    snprintf(body, 400, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":"
                        "\"%s\",\"quantity\":[\"%s\",\"%s\"],\"price\":\"%s\"}", m->start, quantity, quantity, price);
    return body;
}
static const char *request(struct market *m, const char *quantity, const char *price, char body[400])
{
    snprintf(body, 400, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\","
                        "\"start\":\"%s\",\"quantity\":[\"%s\"],\"price\":\"%s\"}", m->start, quantity, price);
    return body;
}
#define ORDERS "/v1/areas/area-1/orders"

/* An offer of 2 MW in two periods at 80, a need for 0.5 MW at 100 in the first one: they trade 0.5 MW at 80 (the resting
 * order's price). */
static void test_life_of_an_order(void **state)
{
    struct market m;
    char body[400], path[300];
    market_open(&m, state);
    json_t *sold = ask(&m, "agg", "POST", ORDERS, "k1", offer(&m, "2", "80", body), 201);
    char id[40];
    snprintf(id, sizeof id, "%s", text_at(json_array_get(json_object_get(sold, "orders"), 0), "order"));
    json_t *again = ask(&m, "agg", "POST", ORDERS, "k1", offer(&m, "2", "80", body), 201);
    assert_true(json_equal(sold, again)); /* the same key gives the same answer, and no second order */
    json_decref(again);
    json_decref(ask(&m, "agg", "POST", ORDERS, "k1", offer(&m, "1", "80", body), 422));
    json_t *bought = ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "0.5", "100", body), 201);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(bought, "orders"), 0), "remaining")));

    snprintf(path, sizeof path, "/v1/areas/area-1/book?regulation=up&from=%s&to=%s", m.start, m.end);
    json_t *book = ask(&m, "ret", "GET", path, NULL, NULL, 200);
    assert_string_equal(text_at(book, "sequence"), text_at(bought, "sequence"));
    json_t *first = json_array_get(json_object_get(book, "periods"), 0), *second = json_array_get(json_object_get(book, "periods"), 1);
    assert_string_equal(text_at(json_array_get(json_object_get(first, "offers"), 0), "quantity"), "1.5");
    assert_string_equal(text_at(json_array_get(json_object_get(second, "offers"), 0), "quantity"), "2");
    assert_int_equal(json_array_size(json_object_get(first, "requests")), 0);
    assert_true(json_is_true(json_object_get(first, "open")));

    json_t *trades = ask(&m, "ret", "GET", "/v1/areas/area-1/trades", NULL, NULL, 200);
    json_t *trade = json_array_get(json_object_get(trades, "items"), 0);
    assert_int_equal(json_array_size(json_object_get(trades, "items")), 1);
    assert_string_equal(text_at(trade, "quantity"), "0.5");
    assert_string_equal(text_at(trade, "price"), "80");
    assert_string_equal(text_at(trade, "initiator"), "sell");
    assert_null(json_object_get(trade, "seller")); /* the public does not learn who */
    json_t *own = ask(&m, "dso", "GET", "/v1/areas/area-1/own-trades", NULL, NULL, 200);
    trade = json_array_get(json_object_get(own, "items"), 0);
    assert_string_equal(text_at(trade, "seller"), "org-3");
    assert_true(json_is_null(json_object_get(trade, "portfolio"))); /* the seller's business */
    json_t *none = ask(&m, "ret", "GET", "/v1/areas/area-1/own-trades", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(none, "items")), 0);

    snprintf(path, sizeof path, "/v1/areas/area-1/statistics?regulation=up&from=%s&to=%s", m.start, m.end);
    json_t *statistics = ask(&m, "ret", "GET", path, NULL, NULL, 200);
    json_t *figures = json_array_get(json_object_get(statistics, "periods"), 0);
    assert_string_equal(text_at(figures, "vwap"), "80");
    assert_string_equal(text_at(figures, "open_interest"), "0.5");

    /* Amended: 1 MW in both periods, of which 0.5 is traded in the first. Then cancelled. */
    snprintf(path, sizeof path, ORDERS "/%s", id);
    expect_key(&m, "ret", "PATCH", path, "{\"price\":\"90\"}", 404, "order.unknown");
    expect_key(&m, "agg", "PATCH", path, "{\"quantity\":[\"1\"]}", 422, "order.quantity_range");
    json_t *amended = ask(&m, "agg", "PATCH", path, NULL, "{\"quantity\":[\"1\",\"1\"],\"price\":\"70\"}", 200);
    json_t *left = json_object_get(json_array_get(json_object_get(amended, "orders"), 0), "remaining");
    assert_string_equal(json_string_value(json_array_get(left, 0)), "0.5");
    assert_string_equal(json_string_value(json_array_get(left, 1)), "1");
    json_decref(ask(&m, "agg", "DELETE", path, NULL, NULL, 200));
    expect_key(&m, "agg", "DELETE", path, NULL, 404, "order.unknown");
    json_t *order = ask(&m, "agg", "GET", path, NULL, NULL, 200);
    assert_string_equal(text_at(order, "status"), "cancelled");
    assert_string_equal(json_string_value(json_array_get(json_object_get(order, "filled"), 0)), "0.5");
    json_decref(ask(&m, "ret", "GET", path, NULL, NULL, 404)); /* of others nothing is seen */
    json_t *seen = ask(&m, "fmo", "GET", path, NULL, NULL, 200);
    assert_string_equal(text_at(seen, "organisation"), "org-3");
    json_t *all[] = {sold, bought, book, trades, own, none, statistics, amended, order, seen};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_decref(all[i]);
    market_close(&m);
}

/* What the registry and the roles have against an order; hand-written from sections 2 and 4 of the market's rules. */
static void test_refusals(void **state)
{
    struct market m;
    char body[400];
    market_open(&m, state);
    expect_key(&m, "gone", "POST", ORDERS, offer(&m, "1", "80", body), 403, "order.organisation");
    expect_key(&m, "reader", "POST", ORDERS, offer(&m, "1", "80", body), 403, "access.denied");
    expect_key(&m, "fmo", "POST", ORDERS, offer(&m, "1", "80", body), 403, "access.denied");
    expect_key(&m, "nobody", "POST", ORDERS, offer(&m, "1", "80", body), 401, "access.credentials");
    expect_key(&m, "ret", "POST", ORDERS, offer(&m, "1", "80", body), 422, "order.portfolio");
    expect_key(&m, "dso", "POST", ORDERS, offer(&m, "1", "80", body), 403, "order.role");
    expect_key(&m, "agg", "POST", ORDERS, request(&m, "1", "80", body), 403, "order.role");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "6", "80", body), 409, "order.capability");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "0.0005", "80", body), 422, "order.quantity_tick");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "1", "80.001", body), 422, "order.price_step");
    expect_key(&m, "agg", "POST", "/v1/areas/area-9/orders", offer(&m, "1", "80", body), 404, "object.not_found");
#define SELL(rest) "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"quantity\":[\"1\"]," rest "}"
    expect_key(&m, "agg", "POST", ORDERS, SELL("\"portfolio\":\"pf-12\",\"start\":\"2025-03-30T09:00:00Z\",\"price\":\"1\""), 422,
               "order.portfolio");
    expect_key(&m, "agg", "POST", ORDERS, SELL("\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:00:00Z\",\"price\":\"1\""), 409,
               "order.period_closed");
    expect_key(&m, "agg", "POST", ORDERS, SELL("\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:01:00Z\",\"price\":\"1\""), 422,
               "order.period_range");
    expect_key(&m, "agg", "POST", ORDERS, SELL("\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:00:00Z\""), 422, "order.form");
    expect_key(&m, "agg", "POST", ORDERS,
               SELL("\"portfolio\":\"pf-10\",\"location\":\"loc-3\",\"start\":\"2025-03-30T09:00:00Z\",\"price\":\"1\""), 422,
               "order.location");
    expect_key(&m, "agg", "POST", ORDERS, SELL("\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:00:00Z\",\"prize\":\"1\""), 422,
               "request.invalid");
    market_close(&m);
}

static void test_batches_and_groups(void **state)
{
    struct market m;
    char one[400], two[400], body[4000];
    market_open(&m, state);
    snprintf(body, sizeof body,
             "{\"items\":[{\"action\":\"enter\",\"key\":\"b1\",\"order\":%s},{\"action\":\"enter\",\"order\":%s},"
             "{\"action\":\"cancel\",\"id\":\"ord-1\"},{\"action\":\"amend\",\"id\":\"ord-2\",\"change\":{\"price\":\"70\"}},"
             "{\"action\":\"enter\",\"key\":\"b1\",\"order\":%s}]}",
             offer(&m, "1", "80", one), offer(&m, "9", "80", two), one);
    json_t *answer = ask(&m, "agg", "POST", ORDERS "/batch", NULL, body, 200), *items = json_object_get(answer, "items");
    const int expected[] = {201, 409, 200, 404, 201}; /* a refused item does not undo its neighbours */
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(items, i), "status")), expected[i]);
    assert_true(json_is_true(json_object_get(json_array_get(items, 4), "replayed")));
    assert_true(json_equal(json_object_get(json_array_get(items, 0), "receipt"), json_object_get(json_array_get(items, 4), "receipt")));
    json_decref(answer);
    /* The key counts in later batches, too, and for no other item. */
    snprintf(body, sizeof body, "{\"items\":[{\"action\":\"enter\",\"key\":\"b1\",\"order\":%s},{\"action\":\"cancel\",\"key\":\"b1\","
                                "\"id\":\"ord-1\"}]}", one);
    answer = ask(&m, "agg", "POST", ORDERS "/batch", NULL, body, 200);
    items = json_object_get(answer, "items");
    assert_true(json_is_true(json_object_get(json_array_get(items, 0), "replayed")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 1), "status")), 422);
    json_decref(answer);

    snprintf(body, sizeof body,
             "{\"kind\":\"exclusive_one\",\"orders\":[{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\","
             "\"portfolio\":\"pf-10\",\"start\":\"%s\",\"quantity\":[\"1\"],\"price\":\"50\"},{\"side\":\"sell\",\"product\":"
             "\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"%s\",\"quantity\":[\"2\"],\"price\":\"60\"}]}",
             m.start, m.start);
    answer = ask(&m, "agg", "POST", "/v1/areas/area-1/order-groups", "g1", body, 201);
    assert_int_equal(json_array_size(json_object_get(answer, "orders")), 2);
    assert_string_not_equal(text_at(answer, "group"), "");
    json_decref(answer);
    /* One trades, the other leaves. */
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "1", "55", one), 201));
    answer = ask(&m, "agg", "GET", ORDERS "?status=open", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 0);
    json_decref(answer);
    /* Pages: newest first, each order once. */
    for (int i = 0; i < 5; i++)
        json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "0.1", "80", one), 201));
    char cursor[600] = ORDERS "?status=open&limit=2";
    size_t seen = 0;
    for (int page = 0; page < 3; page++) {
        answer = ask(&m, "agg", "GET", cursor, NULL, NULL, 200);
        seen += json_array_size(json_object_get(answer, "items"));
        snprintf(cursor, sizeof cursor, ORDERS "?status=open&limit=2&cursor=%.500s", text_at(answer, "next"));
        assert_int_equal(json_is_null(json_object_get(answer, "next")), page == 2);
        json_decref(answer);
    }
    assert_int_equal(seen, 5);
    answer = ask(&m, "agg", "POST", ORDERS "/cancel", NULL, "{\"portfolio\":\"pf-10\"}", 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "cancelled")), 5);
    json_decref(answer);
    market_close(&m);
}

static void test_operators(void **state)
{
    struct market m;
    char body[400];
    market_open(&m, state);
    json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "2", "80", body), 201));
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "1", "100", body), 201));
    expect_key(&m, "agg", "POST", "/v1/areas/area-1/halt", "{\"reason\":\"no\"}", 403, "access.denied");
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/halt", NULL, "{\"location\":\"loc-1\",\"reason\":\"Fault\"}", 200));
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "1", "80", body), 409, "order.halted");
    expect_key(&m, "fmo", "POST", "/v1/areas/area-1/halt", "{\"location\":\"loc-1\",\"reason\":\"Fault\"}", 409, "market.state");
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/halt", NULL, "{\"reason\":\"Drill\"}", 200));
    json_t *page = ask(&m, "agg", "GET", "/v1/areas/area-1/halts?limit=1", NULL, NULL, 200), *halt = json_array_get(json_object_get(page, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(halt, "scope")), "area");
    assert_true(json_is_null(json_object_get(halt, "location")));
    assert_true(json_is_string(json_object_get(page, "next")));
    json_decref(page);
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/resume", NULL, "{\"reason\":\"Over\"}", 200));
    page = ask(&m, "agg", "GET", "/v1/areas/area-1/halts", NULL, NULL, 200);
    halt = json_array_get(json_object_get(page, "items"), 0);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 1);
    assert_string_equal(json_string_value(json_object_get(halt, "scope")), "location");
    assert_string_equal(json_string_value(json_object_get(halt, "location")), "loc-1");
    assert_true(json_is_null(json_object_get(halt, "organisation")));
    json_decref(page);
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/resume", NULL, "{\"location\":\"loc-1\",\"reason\":\"Repaired\"}", 200));
    json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "1", "80", body), 201));

    /* Curtailed by the grid's operator; cancelled by the market's only with a confirmed approval, once. */
    expect_key(&m, "agg", "POST", "/v1/areas/area-1/trades/trd-1/curtail", "{\"keep\":\"0\",\"reason\":\"x\"}", 403, "access.denied");
    json_decref(ask(&m, "dso", "POST", "/v1/areas/area-1/trades/trd-1/curtail", NULL, "{\"keep\":\"0.4\",\"reason\":\"Line out\"}", 200));
    expect_key(&m, "dso", "POST", "/v1/areas/area-1/trades/trd-1/curtail", "{\"keep\":\"0.6\",\"reason\":\"x\"}", 422, "trade.quantity");
#define CANCEL "{\"keep\":\"0\",\"reason\":\"Mistyped\",\"approval\":\"apv-1\"}"
    expect_key(&m, "fmo", "POST", "/v1/areas/area-1/trades/trd-1/cancel", CANCEL, 409, "object.conflict");
    struct fg_store *store = fixture_open_url(m.url);
    fixture_execute(store, "INSERT INTO approval (id, action, object, detail, organisation_id, asked_by, asked_us, status, "
                           "decided_by, decided_us) VALUES (1, 'trade.cancel', 'area-1/trd-1', '', 1, 1, 0, 'confirmed', 7, 0)");
    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/trades/trd-1/cancel", NULL, CANCEL, 200));
    expect_key(&m, "fmo", "POST", "/v1/areas/area-1/trades/trd-1/cancel", CANCEL, 409, "object.conflict");
    assert_int_equal(fixture_number(store, "SELECT quantity_w FROM book_trade WHERE id = 1"), 0);
    assert_int_equal(fixture_number(store, "SELECT concluded_w FROM book_trade WHERE id = 1"), 1000000);
    fg_store_close(store);

    json_decref(ask(&m, "fmo", "POST", "/v1/areas/area-1/messages", NULL, "{\"text\":\"Auction at \\\"two\\\"\"}", 200));
    json_t *messages = ask(&m, "ret", "GET", "/v1/areas/area-1/messages", NULL, NULL, 200);
    assert_string_equal(text_at(json_array_get(json_object_get(messages, "items"), 0), "text"), "Auction at \"two\"");
    json_decref(messages);
    json_t *session = ask(&m, "agg", "POST", "/v1/areas/area-1/sessions", NULL, "{\"timeout_s\":5}", 201);
    assert_int_equal(json_integer_value(json_object_get(session, "session")), 1);
    json_decref(session);
    json_decref(ask(&m, "agg", "PUT", "/v1/areas/area-1/sessions/1", NULL, NULL, 204));
    json_decref(ask(&m, "ret", "PUT", "/v1/areas/area-1/sessions/1", NULL, NULL, 404));
    json_decref(ask(&m, "agg", "DELETE", "/v1/areas/area-1/sessions/1", NULL, NULL, 204));
    market_close(&m);
}

/* ---- limits ---- */

/* Ask for a limit, have another user confirm it (here by a row), set it. */
static void set_limit(struct market *m, struct fg_store *store, const char *limit)
{
    char body[600], sql[200];
    json_t *asked = ask(m, "fmo", "POST", "/v1/areas/area-1/limit-requests", NULL, limit, 201);
    const char *approval = text_at(asked, "id");
    snprintf(body, sizeof body, "{\"limit\":%s,\"approval\":\"%s\"}", limit, approval);
    expect_key(m, "fmo", "POST", "/v1/areas/area-1/limits", body, 409, "approval.missing"); /* one pair of eyes is not enough */
    snprintf(sql, sizeof sql, "UPDATE approval SET status = 'confirmed', decided_by = 7, decided_us = %lld WHERE id = %s",
             (long long)time(NULL) * 1000000, approval + strlen("apv-"));
    fixture_execute(store, sql);
    json_decref(ask(m, "fmo", "POST", "/v1/areas/area-1/limits", "limit", body, 200));
    json_decref(ask(m, "fmo", "POST", "/v1/areas/area-1/limits", "limit", body, 200)); /* the same answer under the key */
    fixture_execute(store, "DELETE FROM idempotency WHERE key = 'limit'");
    expect_key(m, "fmo", "POST", "/v1/areas/area-1/limits", body, 409, "approval.missing"); /* used up */
    json_decref(asked);
}

static void test_limits(void **state)
{
    struct market m;
    char body[400];
    market_open(&m, state);
    struct fg_store *store = fixture_open_url(m.url);
    expect_key(&m, "agg", "POST", "/v1/areas/area-1/limit-requests", "{\"size_max\":\"1\"}", 403, "access.denied");
    expect_key(&m, "fmo", "POST", "/v1/areas/area-1/limit-requests", "{\"price_min\":\"1\"}", 422, "request.invalid");
    expect_key(&m, "fmo", "POST", "/v1/areas/area-1/limit-requests", "{\"band\":\"1\",\"reference\":\"1\"}", 422, "request.invalid");
    json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "2", "100", body), 201));
    set_limit(&m, store, "{\"product\":\"active\",\"regulation\":\"up\",\"price_min\":\"0\",\"price_max\":\"90\",\"size_max\":\"3\"}");
    set_limit(&m, store, "{\"organisation\":\"org-2\",\"exposure_max\":\"40\"}");
    set_limit(&m, store, "{\"product\":\"active\",\"regulation\":\"up\",\"band\":\"30\",\"reference\":\"70\",\"price_min\":\"0\","
                         "\"price_max\":\"90\",\"size_max\":\"3\"}");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "1", "95", body), 409, "order.limit_price");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "1", "30", body), 409, "order.limit_band");
    expect_key(&m, "ret", "POST", ORDERS, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-11\",\"start\":"
               "\"2025-03-30T09:00:00Z\",\"quantity\":[\"3.5\"],\"price\":\"80\"}", 409, "order.limit_size");
    json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "1", "80", body), 201));
    /* 1 MW for a quarter of an hour at 90 is worth 22.50; it is bought at 80 for 20. Another 22.50 would be too much. */
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "1", "90", body), 201));
    expect_key(&m, "dso", "POST", ORDERS, request(&m, "1", "90", body), 409, "order.limit_exposure");
    assert_non_null(strstr(m.client.body.data, "22.5 on top of 20"));
    assert_non_null(strstr(m.client.body.data, "limit of 40"));
    assert_int_equal(fixture_number(store, "SELECT reference_u FROM book_limit WHERE band_u IS NOT NULL"), 80000000);
    json_t *all = ask(&m, "dso", "GET", "/v1/areas/area-1/limits", NULL, NULL, 200), *items = json_object_get(all, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(text_at(json_array_get(items, 0), "reference"), "80");
    assert_string_equal(text_at(json_array_get(items, 1), "exposure_max"), "40");
    json_decref(all);
    all = ask(&m, "agg", "GET", "/v1/areas/area-1/limits", NULL, NULL, 200); /* another's limit is not shown */
    assert_int_equal(json_array_size(json_object_get(all, "items")), 1);
    json_decref(all);
    /* The offer at 100 was there before: it rests, and the limits hold after a kill as before. */
    trading_stop(&m.server, SIGKILL);
    m.server = trading_start(m.url, m.folder, "one");
    m.client.port = m.server.port;
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 2);
    expect_key(&m, "dso", "POST", ORDERS, request(&m, "1", "90", body), 409, "order.limit_exposure");
    expect_key(&m, "agg", "POST", ORDERS, offer(&m, "1", "45", body), 409, "order.limit_band");
    /* Once the delivery is settled it is no exposure any more. */
    fixture_execute(store, "INSERT INTO settlement_run (id, area_id, day, number, known_us, status, pending_count, trade_count, "
                           "computed_by, computed_us, version) VALUES (1, 1, 0, 1, 0, 'released', 0, 1, 1, 0, 1)");
    fixture_execute(store, "INSERT INTO settlement_trade (run_id, trade_id, seller_id, buyer_id, portfolio_id, product, regulation, "
                           "period, price_u, traded_ws, delivered_ws, tolerated_ws, paid_u, penalty_u, is_pending) SELECT 1, id, "
                           "seller_id, buyer_id, portfolio_id, product, regulation, period, price_u, 0, 0, 0, 0, 0, 0 FROM book_trade");
    trading_stop(&m.server, SIGTERM); /* it looks when it starts, and twice a minute */
    m.server = trading_start(m.url, m.folder, "one");
    m.client.port = m.server.port;
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "1", "90", body), 201));
    set_limit(&m, store, "{\"organisation\":\"org-2\"}");
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_limit"), 1);
    fg_store_close(store);
    market_close(&m);
}

/* ---- requests that stay unmatched ---- */

static void wait_for(struct fg_store *store, const char *text, int64_t wanted)
{
    int64_t found = -1;
    for (int i = 0; i < 100 && found != wanted; i++) {
        found = fixture_number(store, text);
        if (found != wanted)
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    if (found != wanted)
        fail_msg("%s: %lld instead of %lld", text, (long long)found, (long long)wanted);
}

static const char *planned(struct market *m, const char *start, const char *price, const char *plan, char body[900])
{
    snprintf(body, 900, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\",\"start\":"
                        "\"%s\",\"quantity\":[\"1\"],\"price\":\"%s\",\"when_unmatched\":%s}", start, price, plan);
    (void)m;
    return body;
}

/* The gate closes in an hour and some minutes: leads of 7200 and 6000 s are due at once, one of 60 s is not. */
static void test_unmatched_requests(void **state)
{
    struct market m;
    char body[900], path[300], second[FG_INSTANT_TEXT];
    int64_t start_s;
    market_open(&m, state);
    struct fg_store *store = fixture_open_url(m.url);
    assert_int_equal(fg_instant_parse(m.start, &start_s, NULL), FG_OK);
    fg_instant_format(start_s + 900, second);
    /* What a plan must be. */
    expect_key(&m, "dso", "POST", ORDERS, planned(&m, m.start, "80", "{}", body), 422, "order.form");
    expect_key(&m, "dso", "POST", ORDERS, planned(&m, m.start, "80", "{\"steps\":[{\"lead_s\":100,\"price\":\"80\"}]}", body), 422, "order.form");
    expect_key(&m, "dso", "POST", ORDERS,
               planned(&m, m.start, "80", "{\"steps\":[{\"lead_s\":100,\"price\":\"90\"},{\"lead_s\":100,\"price\":\"95\"}]}", body), 422, "order.form");
    expect_key(&m, "dso", "POST", ORDERS,
               planned(&m, m.start, "80", "{\"steps\":[{\"lead_s\":100,\"price\":\"90\"}],\"withdraw\":{\"lead_s\":200,\"reason\":\"x\"}}", body),
               422, "order.form");
    expect_key(&m, "agg", "POST", ORDERS,
               "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"2025-03-30T09:00:00Z\","
               "\"quantity\":[\"1\"],\"price\":\"1\",\"when_unmatched\":{\"withdraw\":{\"lead_s\":1,\"reason\":\"x\"}}}", 422, "order.form");

    /* Repriced: of two steps that are due the last one counts, 95; it trades with the offer at 92. */
    json_decref(ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "0.4", "92", body), 201));
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL,
                    planned(&m, m.start, "80", "{\"steps\":[{\"lead_s\":7200,\"price\":\"90\"},{\"lead_s\":6000,\"price\":\"95\"},{\"lead_s\":60,"
                                               "\"price\":\"120\"}],\"withdraw\":{\"lead_s\":30,\"reason\":\"Late\"}}", body), 201));
    wait_for(store, "SELECT COUNT(*) FROM book_trade WHERE price_u = 92000000 AND quantity_w = 400000", 1);
    int64_t order = fixture_number(store, "SELECT MAX(id) FROM book_order WHERE side = 1");
    snprintf(path, sizeof path, ORDERS "/ord-%lld/steps", (long long)order);
    json_t *steps = ask(&m, "dso", "GET", path, NULL, NULL, 200), *items = json_object_get(steps, "items");
    const char *expected[] = {"skipped", "done", "pending", "pending"};
    assert_int_equal(json_array_size(items), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(text_at(json_array_get(items, i), "status"), expected[i]);
    assert_true(json_is_null(json_object_get(json_array_get(items, 3), "price")));
    json_decref(steps);
    steps = ask(&m, "agg", "GET", path, NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(steps, "items")), 0); /* not the supplier's business */
    json_decref(steps);

    /* Withdrawn by its plan, and by hand. */
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL,
                    planned(&m, second, "10", "{\"withdraw\":{\"lead_s\":7200,\"reason\":\"No offer\",\"measure\":\"Feeder 3 switched\"}}", body), 201));
    wait_for(store, "SELECT COUNT(*) FROM request_outcome WHERE by_plan = 1", 1);
    order = fixture_number(store, "SELECT MAX(id) FROM book_order WHERE side = 1");
    snprintf(path, sizeof path, ORDERS "/ord-%lld", (long long)order);
    json_t *seen = ask(&m, "dso", "GET", path, NULL, NULL, 200), *outcome = json_object_get(seen, "solved_outside");
    assert_string_equal(text_at(seen, "cause"), "solved_outside");
    assert_string_equal(text_at(outcome, "reason"), "No offer");
    assert_string_equal(text_at(outcome, "measure"), "Feeder 3 switched");
    assert_true(json_is_true(json_object_get(outcome, "planned")));
    json_decref(seen);
    snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\","
                                "\"start\":\"%s\",\"quantity\":[\"0.5\"],\"price\":\"11\"}", second);
    json_t *entered = ask(&m, "dso", "POST", ORDERS, NULL, body, 201);
    snprintf(path, sizeof path, ORDERS "/%s/solved-outside", text_at(json_array_get(json_object_get(entered, "orders"), 0), "order"));
    json_decref(entered);
    expect_key(&m, "agg", "POST", path, "{\"reason\":\"x\"}", 404, "order.unknown");
    json_decref(ask(&m, "dso", "POST", path, "outside", "{\"reason\":\"Own measure\"}", 200));
    json_decref(ask(&m, "dso", "POST", path, "outside", "{\"reason\":\"Own measure\"}", 200));
    expect_key(&m, "dso", "POST", path, "{\"reason\":\"x\"}", 404, "order.unknown");
    json_t *sold = ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "0.1", "200", body), 201);
    snprintf(path, sizeof path, ORDERS "/%s/solved-outside", text_at(json_array_get(json_object_get(sold, "orders"), 0), "order"));
    json_decref(sold);
    expect_key(&m, "agg", "POST", path, "{\"reason\":\"x\"}", 422, "order.kind_side");

    snprintf(path, sizeof path, "/v1/areas/area-1/statistics?regulation=up&from=%s&to=%s", m.start, m.end);
    json_t *statistics = ask(&m, "ret", "GET", path, NULL, NULL, 200);
    json_t *first = json_array_get(json_object_get(statistics, "periods"), 0), *next = json_array_get(json_object_get(statistics, "periods"), 1);
    assert_int_equal(json_integer_value(json_object_get(first, "repriced")), 1);
    assert_int_equal(json_integer_value(json_object_get(first, "solved_outside")), 0);
    assert_int_equal(json_integer_value(json_object_get(next, "solved_outside")), 2);
    assert_string_equal(text_at(next, "solved_outside_quantity"), "1.5");
    json_decref(statistics);

    /* Pushed: three requests, and the amended one again; to whom, test_api_contracts says. */
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'request.published' AND scope = 'loc-1'"), 4);
    /* A kill repeats no step. */
    int64_t amended = fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'order.amended'");
    assert_int_equal(amended, 1);
    trading_stop(&m.server, SIGKILL);
    m.server = trading_start(m.url, m.folder, "one");
    m.client.port = m.server.port;
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 200000000}, NULL);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'order.amended'"), amended);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM request_step WHERE status = 'pending'"), 2);
    fg_store_close(store);
    market_close(&m);
}

/* -- technologies ---------------------------------------------------------------------------------------------------- */

static void restart(struct market *m)
{
    trading_stop(&m->server, SIGKILL);
    m->server = trading_start(m->url, m->folder, "one");
    assert_int_not_equal(m->server.port, 0);
    m->client.port = m->server.port;
}

/* A request for 0.5 MW at 100 that accepts these, as JSON words; its id. */
static void request_of(struct market *m, const char *technologies, char id[40])
{
    char body[500];
    snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\","
                                "\"start\":\"%s\",\"quantity\":[\"0.5\"],\"price\":\"100\",\"technologies\":[%s]}", m->start, technologies);
    json_t *entered = ask(m, "dso", "POST", ORDERS, NULL, body, 201);
    snprintf(id, 40, "%s", text_at(json_array_get(json_object_get(entered, "orders"), 0), "order"));
    json_decref(entered);
}

static void expect_order(struct market *m, const char *who, const char *id, const char *status, const char *technologies)
{
    char path[300];
    snprintf(path, sizeof path, ORDERS "/%s", id);
    json_t *order = ask(m, who, "GET", path, NULL, NULL, 200), *expected = json_loads(technologies, 0, NULL);
    assert_string_equal(text_at(order, "status"), status);
    assert_true(json_equal(json_object_get(order, "technologies"), expected));
    json_decref(order);
    json_decref(expected);
}

/* Portfolio 10 is a battery, and from the second period on also an engine; 11 a heat pump and a flywheel, which is in no list. */
static void test_technologies(void **state)
{
    struct market m;
    char body[600], both[40], pv[40], battery[40], path[300], rows[300];
    int64_t start_s;
    market_open(&m, state);
    struct fg_store *store = fixture_open_url(m.url);
    assert_int_equal(fg_instant_parse(m.start, &start_s, NULL), FG_OK);
    fixture_execute(store, "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, p_min_w, p_max_w, s_max_va, grid_status, "
                           "created_us, version) VALUES (1, 3, 1, 'A', 'Battery', 2, 0, 1, 1, 'approved', 0, 1), (2, 3, 1, 'B', 'generator', 2, 0, 1, 1, "
                           "'approved', 0, 1), (3, 4, 1, 'C', 'heat_pump', 2, 0, 1, 1, 'approved', 0, 1), (4, 4, 1, 'D', 'flywheel', 2, 0, 1, 1, "
                           "'approved', 0, 1)");
    snprintf(rows, sizeof rows, "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 10), (2, %lld, 10), (3, 0, 11), (4, 0, 11)",
             (long long)(start_s + 900) * 1000000);
    fixture_execute(store, rows);
    restart(&m);

    /* A request that nobody meets. Of two offers it takes the dearer one, whose assets are all accepted. */
    request_of(&m, "\"pv\",\"wind\"", pv);
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-11\",\"start\":\"%s\","
                                "\"quantity\":[\"1\"],\"price\":\"70\"}", m.start);
    json_t *sold = ask(&m, "ret", "POST", ORDERS, NULL, body, 201);
    char *at = strstr(body, "pf-11");
    memcpy(at, "pf-10", 5);
    memcpy(strstr(body, "\"70\""), "\"80\"", 4);
    json_t *dear = ask(&m, "agg", "POST", ORDERS, NULL, body, 201);
    expect_order(&m, "ret", text_at(json_array_get(json_object_get(sold, "orders"), 0), "order"), "open", "[\"other\",\"heat_pump\"]");
    expect_order(&m, "agg", text_at(json_array_get(json_object_get(dear, "orders"), 0), "order"), "open", "[\"battery\"]");
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade"), 0);
    request_of(&m, "\"ev\",\"battery\",\"heat_pump\"", battery);
    expect_order(&m, "dso", battery, "filled", "[\"battery\",\"ev\",\"heat_pump\"]");
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade WHERE price_u = 80000000 AND quantity_w = 500000"), 1);
    request_of(&m, "\"heat_pump\",\"other\",\"battery\"", both);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade WHERE price_u = 70000000 AND quantity_w = 500000"), 1);
    /* An offer over both periods is a battery and an engine. */
    json_t *mixed = ask(&m, "agg", "POST", ORDERS, NULL, offer(&m, "1", "75", body), 201);
    expect_order(&m, "agg", text_at(json_array_get(json_object_get(mixed, "orders"), 0), "order"), "open", "[\"generator\",\"battery\"]");

    /* A killed server has them again, an amended request keeps them; whoever takes anything takes the cheapest. */
    restart(&m);
    expect_order(&m, "dso", pv, "open", "[\"pv\",\"wind\"]");
    snprintf(path, sizeof path, ORDERS "/%s", pv);
    json_decref(ask(&m, "dso", "PATCH", path, NULL, "{\"price\":\"200\"}", 200));
    expect_order(&m, "dso", pv, "open", "[\"pv\",\"wind\"]");
    request_of(&m, "\"battery\"", battery);
    assert_int_equal(fixture_number(store, "SELECT SUM(quantity_w) FROM book_trade WHERE price_u = 80000000"), 1000000);
    json_decref(ask(&m, "dso", "POST", ORDERS, NULL, request(&m, "0.5", "100", body), 201));
    assert_int_equal(fixture_number(store, "SELECT SUM(quantity_w) FROM book_trade WHERE price_u = 70000000"), 1000000);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade"), 4);
    /* Suppliers are told with the request. */
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'request.published' AND data LIKE '%\"technologies\":%[%\"pv\"%\"wind\"%'"), 2);

    /* An offer is what its assets are; words of the list only, at least one. */
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"%s\","
                                "\"quantity\":[\"1\"],\"price\":\"80\",\"technologies\":[\"battery\"]}", m.start);
    expect_key(&m, "agg", "POST", ORDERS, body, 422, "order.form");
    static const char *const wrong[] = {"\"flywheel\"", "\"Battery\"", "", "1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\","
                                    "\"start\":\"%s\",\"quantity\":[\"0.5\"],\"price\":\"100\",\"technologies\":[%s]}", m.start, wrong[i]);
        expect_key(&m, "dso", "POST", ORDERS, body, 422, "request.invalid");
    }
    json_decref(sold);
    json_decref(dear);
    json_decref(mixed);
    fg_store_close(store);
    market_close(&m);
}

/* -- kills ----------------------------------------------------------------------------------------------------------- */

/* A reader of the event stream that comes back after each cut with the last id it has seen. */
struct reader {
    struct market *market;
    pthread_t thread;
    _Atomic uint16_t port;
    atomic_bool is_ending;
    char last_id[4000], id[4000], type[64];
    struct fg_text line, data, seen; /* seen: one line per event */
    size_t events, resets;
};
static void reader_line(struct reader *r, const char *line)
{
    if (strncmp(line, "id: ", 4) == 0)
        snprintf(r->id, sizeof r->id, "%s", line + 4);
    else if (strncmp(line, "event: ", 7) == 0)
        snprintf(r->type, sizeof r->type, "%s", line + 7);
    else if (strncmp(line, "data: ", 6) == 0) {
        r->data.length = 0;
        fg_text_puts(&r->data, line + 6);
    } else if (line[0] == '\0') {
        if (r->id[0] != '\0')
            strcpy(r->last_id, r->id);
        if (strcmp(r->type, "reset") == 0)
            r->resets++;
        else if (r->type[0] != '\0' && strcmp(r->type, "ready") != 0) {
            fg_text_printf(&r->seen, "%s %s\n", r->type, r->data.data);
            r->events++;
        }
        r->type[0] = '\0';
    }
}
static size_t reader_take(char *bytes, size_t size, size_t count, void *context)
{
    struct reader *r = context;
    for (size_t i = 0; i < size * count; i++)
        if (bytes[i] == '\n') {
            fg_text_puts(&r->line, "");
            reader_line(r, r->line.data);
            r->line.length = 0;
            r->line.data[0] = '\0';
        } else {
            fg_text_append(&r->line, &bytes[i], 1);
        }
    return atomic_load(&r->is_ending) ? 0 : size * count;
}
static int reader_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&((struct reader *)context)->is_ending);
}
static void *reader_run(void *context)
{
    struct reader *r = context;
    while (!atomic_load(&r->is_ending)) {
        CURL *curl = curl_easy_init();
        char url[100], last[4100];
        struct curl_slist *list = curl_slist_append(NULL, "Authorization: Bearer fmo");
        if (r->last_id[0] != '\0') {
            snprintf(last, sizeof last, "Last-Event-ID: %s", r->last_id);
            list = curl_slist_append(list, last);
        }
        snprintf(url, sizeof url, "https://127.0.0.1:%u/v1/events?areas=area-1", atomic_load(&r->port));
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reader_take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, reader_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, r);
        curl_easy_perform(curl);
        curl_slist_free_all(list);
        curl_easy_cleanup(curl);
        r->line.length = 0; /* a frame that was cut is sent again */
        r->type[0] = r->id[0] = '\0';
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return NULL;
}

/* A trader that sends requests under keys and repeats each until it is answered. */
enum { TRADERS = 4, ACKS_MAX = 200000 };
struct trader {
    struct market *market;
    pthread_t thread;
    _Atomic uint16_t *port;
    atomic_bool *is_ending;
    int number;
    size_t sent, repeated;
    int64_t orders[ACKS_MAX]; /* acknowledged */
    size_t acknowledged;
};
static void *trader_run(void *context)
{
    struct trader *t = context;
    struct trading_client client;
    struct fg_random random;
    fg_random_init(&random, (uint64_t)t->number + 1);
    trading_client_open(&client, atomic_load(t->port));
    while (!atomic_load(t->is_ending) && t->acknowledged < ACKS_MAX) {
        char key[40], body[400], price[32];
        bool sells = t->number % 2 == 0;
        snprintf(key, sizeof key, "t%d-%zu", t->number, t->sent++);
        snprintf(price, sizeof price, "%d", 40 + (int)(fg_random_next(&random) % 40));
        if (sells)
            offer(t->market, "0.001", price, body);
        else
            request(t->market, "0.001", price, body);
        for (;;) {
            client.port = atomic_load(t->port);
            long status = trading_ask(&client, sells ? "agg" : "dso", "POST", ORDERS, key, body);
            if (status == 201) {
                json_t *answer = json_loads(client.body.data, 0, NULL);
                long long id = 0;
                sscanf(text_at(json_array_get(json_object_get(answer, "orders"), 0), "order"), "ord-%lld", &id);
                json_decref(answer);
                t->orders[t->acknowledged++] = id;
                break;
            }
            if (status != 0 && status != 503 && strstr(client.body.data, "idempotency.in_progress") == NULL)
                break; /* refused */
            if (atomic_load(t->is_ending) && status != 0)
                break;
            t->repeated++;
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
    }
    trading_client_close(&client);
    return NULL;
}

static int64_t number(struct fg_store *store, const char *text)
{
    return fixture_number(store, text);
}

/* Everything that was acknowledged is there once, books and positions add up, the stream has every event once. */
static void audit(struct market *m, struct trader *traders, struct reader *reader, uint64_t first_event)
{
    struct fg_store *store = fixture_open_url(m->url);
    struct fg_error err = {0};
    struct fg_sql *sql;
    size_t acknowledged = 0, repeated = 0;
    for (int t = 0; t < TRADERS; t++) {
        acknowledged += traders[t].acknowledged;
        repeated += traders[t].repeated;
        for (size_t i = 0; i < traders[t].acknowledged; i++) {
            bool row;
            fixture_expect(fg_sql_prepare(store, "SELECT organisation_id FROM book_order WHERE id = $1", &sql, &err), &err);
            fg_sql_int64(sql, 1, traders[t].orders[i]);
            fixture_expect(fg_sql_next(sql, &row, &err), &err);
            if (!row)
                fail_msg("ord-%lld was acknowledged and is lost", (long long)traders[t].orders[i]);
            assert_int_equal(fg_sql_column_int64(sql, 0), t % 2 == 0 ? 3 : 2);
            fg_sql_done(sql);
        }
    }
    /* One order per key: keys of answered requests are in the idempotency table with status 201 exactly as often as there
     * are orders. */
    assert_int_equal(number(store, "SELECT COUNT(*) FROM book_order"),
                     number(store, "SELECT COUNT(*) FROM idempotency WHERE status = 201"));
    assert_true((int64_t)acknowledged <= number(store, "SELECT COUNT(*) FROM book_order"));
    /* Events are gap-free; every order was accepted in exactly one, every trade concluded in exactly one. */
    int64_t newest = number(store, "SELECT event_sequence FROM area_state");
    assert_int_equal(number(store, "SELECT COUNT(*) FROM event"), newest);
    assert_int_equal(number(store, "SELECT COUNT(*) FROM event WHERE type = 'order.accepted'"),
                     number(store, "SELECT COUNT(*) FROM book_order"));
    assert_int_equal(number(store, "SELECT COUNT(*) FROM event WHERE type = 'trade.concluded'"),
                     number(store, "SELECT COUNT(*) FROM book_trade"));
    /* Sold equals bought equals the positions' traded quantity; nothing exceeds the capability. */
    assert_int_equal(number(store, "SELECT CAST(COALESCE(SUM(traded_w), 0) AS BIGINT) FROM book_position"),
                     number(store, "SELECT CAST(COALESCE(SUM(quantity_w), 0) AS BIGINT) FROM book_trade"));
    assert_int_equal(number(store, "SELECT COUNT(*) FROM book_position WHERE open_w + traded_w + reserved_w + forwarded_w > "
                                   "capability_w OR open_w < 0"), 0);
    /* Reads of the stream equal the table from the first event on. */
    struct fg_text expected;
    fg_text_init(&expected);
    fixture_expect(fg_sql_prepare(store, "SELECT type, data FROM event WHERE area_id = 1 AND sequence > $1 ORDER BY sequence",
                                  &sql, &err), &err);
    fg_sql_int64(sql, 1, (int64_t)first_event);
    for (bool row = true;;) {
        fixture_expect(fg_sql_next(sql, &row, &err), &err);
        if (!row)
            break;
        fg_text_printf(&expected, "%s %s\n", fg_sql_column_text(sql, 0), fg_sql_column_text(sql, 1));
    }
    assert_int_equal(reader->resets, 0);
    if (reader->seen.length != expected.length || memcmp(reader->seen.data, expected.data, expected.length) != 0)
        fail_msg("the stream differs from the events: %zu bytes instead of %zu", reader->seen.length, expected.length);
    print_message("%zu orders acknowledged, %zu repeated, %lld events, %lld trades\n", acknowledged, repeated,
                  (long long)newest, (long long)number(store, "SELECT COUNT(*) FROM book_trade"));
    /* There was something to lose. */
    assert_true(acknowledged >= 20 && repeated > 0);
    assert_true(number(store, "SELECT COUNT(*) FROM book_trade") > 0);
    fg_text_release(&expected);
    fg_store_close(store);
}

/* FG_KILLS: how many. */
static void test_kills(void **state)
{
    struct market m;
    const char *wanted = getenv("FG_KILLS");
    int kills = wanted != NULL ? atoi(wanted) : 4;
    struct trader *traders = calloc(TRADERS, sizeof *traders);
    static struct reader reader;
    _Atomic uint16_t port;
    atomic_bool is_ending = false;
    struct fg_random random;
    fg_random_init(&random, 7);
    memset(&reader, 0, sizeof reader);
    market_open(&m, state);
    struct fg_store *store = fixture_open_url(m.url);
    fixture_execute(store, "UPDATE prequalification SET up_w = 50000000000"); /* enough for all the traders */
    uint64_t first_event;
    /* The snapshot's cursor is where the stream starts. */
    char path[200];
    snprintf(path, sizeof path, "/v1/areas/area-1/book?regulation=up&from=%s&to=%s", m.start, m.end);
    json_t *book = ask(&m, "fmo", "GET", path, NULL, NULL, 200);
    snprintf(reader.last_id, sizeof reader.last_id, "%s", text_at(book, "cursor"));
    first_event = strtoull(text_at(book, "sequence"), NULL, 10);
    json_decref(book);
    fg_store_close(store);
    port = m.server.port;
    reader.market = &m;
    reader.port = m.server.port;
    for (int t = 0; t < TRADERS; t++) {
        traders[t].market = &m;
        traders[t].number = t;
        traders[t].port = &port;
        traders[t].is_ending = &is_ending;
        pthread_create(&traders[t].thread, NULL, trader_run, &traders[t]);
    }
    pthread_create(&reader.thread, NULL, reader_run, &reader);
    for (int k = 0; k < kills; k++) {
        long pause_ms = 100 + (long)(fg_random_next(&random) % 400);
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
        trading_stop(&m.server, SIGKILL);
        m.server = trading_start(m.url, m.folder, "one");
        if (m.server.port == 0)
            fail_msg("the server did not start after kill %d", k + 1);
        reader.port = port = m.server.port;
    }
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    is_ending = true;
    for (int t = 0; t < TRADERS; t++)
        pthread_join(traders[t].thread, NULL);
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL); /* the stream catches up */
    atomic_store(&reader.is_ending, true);
    pthread_join(reader.thread, NULL);
    m.client.port = m.server.port;
    assert_int_equal(trading_stop(&m.server, SIGTERM), 0);
    trading_client_close(&m.client);
    audit(&m, traders, &reader, first_event);
    fg_text_release(&reader.line);
    fg_text_release(&reader.data);
    fg_text_release(&reader.seen);
    free(traders);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--serve") == 0)
        trading_serve(argv[2], argv[3], argv[4], STDOUT_FILENO);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (getenv("FG_KILLS") != NULL)
        cmocka_set_test_filter("test_kills*");
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_life_of_an_order), ON_BOTH(test_refusals), ON_BOTH(test_batches_and_groups), ON_BOTH(test_operators), ON_BOTH(test_limits), ON_BOTH(test_unmatched_requests),
        ON_BOTH(test_technologies),
        ON_BOTH(test_kills),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
