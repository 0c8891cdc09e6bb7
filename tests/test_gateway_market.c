/* Forwarding end to end: flexgridd and the balancing market as processes over HTTPS; kills between sending and answer, answers
 * that come late, calls in whole and in part, what is given back. */
#include "support/gateway_fixture.h"

#define FORWARDINGS "/v1/areas/area-1/forwardings"

static void lock_all(struct gateway_fixture *f, long expected)
{
    char body[300];
    snprintf(body, sizeof body, "{\"control_area\":\"GR\",\"from\":\"%s\",\"to\":\"%s\"}", f->start, f->end);
    json_t *answer = gateway_ask(f, f->tso, "POST", FORWARDINGS, body, 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "locked")), expected);
    json_decref(answer);
}
static void expect_order(struct gateway_fixture *f, const char *token, const char *order, const char *status)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/areas/area-1/orders/%s", order);
    for (int tries = 0; tries < 100; tries++) {
        json_t *seen = gateway_ask(f, token, "GET", path, NULL, 200);
        bool is_so = strcmp(text_at(seen, "status"), status) == 0;
        json_decref(seen);
        if (is_so)
            return;
        usleep(50000);
    }
    fail_msg("%s is not %s", order, status);
}
static size_t market_bids(struct gateway_fixture *f)
{
    json_t *bids = market_ask(f, "GET", "/v1/bids", NULL, 200);
    size_t count = item_count(bids);
    json_decref(bids);
    return count;
}
static json_t *first_forwarding(struct gateway_fixture *f)
{
    for (int tries = 0; tries < 100; tries++) {
        json_t *page = gateway_ask(f, f->tso, "GET", FORWARDINGS, NULL, 200);
        json_t *item = json_incref(item_at(page, 0));
        json_decref(page);
        if (item != NULL)
            return item;
        usleep(50000);
    }
    fail_msg("no bid");
    return NULL;
}

/* Two offers below the minimum of 1 MW (0.8 at 50 and 0.7 at 60, one zone, no party known) are one bid of 1.5 MW at 60; 0.5 MW
 * called in proportion are 267 and 233 kW (0.2667 and 0.2333), the rest of 1 MW is 533 and 467. */
static void together(void **state)
{
    struct gateway_fixture f;
    char a[40], b[40], path[200];
    gateway_open(&f, state);
    gateway_connect(&f);
    gateway_offer(&f, f.agg, "pf-10", "0.8", "50", a);
    gateway_offer(&f, f.ret, "pf-11", "0.7", "60", b);
    lock_all(&f, 2);
    json_t *bid = first_forwarding(&f);
    char id[40];
    snprintf(id, sizeof id, "%s", text_at(bid, "id"));
    json_decref(bid);
    bid = gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "accepted");
    assert_string_equal(text_at(bid, "quantity"), "1.5");
    assert_string_equal(text_at(bid, "price"), "60");
    json_decref(bid);
    expect_order(&f, f.agg, a, "forwarded");
    snprintf(path, sizeof path, "/v1/areas/area-1/orders/%s", a);
    json_t *problem = gateway_ask(&f, f.agg, "DELETE", path, NULL, 409); /* locked */
    assert_string_equal(text_at(problem, "key"), "order.locked");
    json_decref(problem);

    /* What a seller sees: its own part, nothing of the other's. */
    json_t *own = gateway_ask(&f, f.ret, "GET", FORWARDINGS, NULL, 200);
    assert_string_equal(text_at(item_at(own, 0), "own"), "0.7");
    json_decref(own);
    snprintf(path, sizeof path, FORWARDINGS "/%s/members", id);
    json_t *members = gateway_ask(&f, f.ret, "GET", path, NULL, 200);
    assert_int_equal(item_count(members), 1);
    assert_string_equal(text_at(item_at(members, 0), "order"), b);
    json_decref(members);

    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"0.5\"}", 201));
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-1", "confirmed", "0.5"));
    members = gateway_ask(&f, f.tso, "GET", path, NULL, 200);
    assert_string_equal(text_at(item_at(members, 0), "called"), "0.267");
    assert_string_equal(text_at(item_at(members, 1), "called"), "0.233");
    json_decref(members);
    json_t *points = gateway_ask(&f, f.agg, "GET", "/v1/set-points", NULL, 200);
    assert_int_equal(item_count(points), 1);
    assert_string_equal(text_at(item_at(points, 0), "power"), "0.267");
    assert_string_equal(text_at(item_at(points, 0), "portfolio"), "pf-10");
    char point[100];
    snprintf(point, sizeof point, "/v1/set-points/%s/answer", text_at(item_at(points, 0), "id"));
    json_decref(points);
    json_decref(gateway_ask(&f, f.agg, "POST", point, "{\"accept\":true}", 204));

    /* The rest of it by a required volume in merit order. */
    char body[300];
    snprintf(body, sizeof body, "{\"control_area\":\"GR\",\"regulation\":\"up\",\"start\":\"%s\",\"required\":\"2\"}", f.start);
    json_t *cleared = market_ask(&f, "POST", "/v1/clearings", body, 200);
    assert_string_equal(text_at(cleared, "called"), "1");
    assert_string_equal(text_at(cleared, "price"), "60");
    json_decref(cleared);
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-2", "confirmed", "1"));
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "activated"));
    expect_order(&f, f.agg, a, "filled");
    expect_order(&f, f.ret, b, "filled");
    json_t *calls = gateway_ask(&f, f.tso, "GET", "/v1/areas/area-1/activations", NULL, 200);
    assert_int_equal(item_count(calls), 2);
    json_decref(calls);
    gateway_close(&f);
}

/* The server is killed after the market has the bid and before it knows; it sends again, the market keeps one. The same with a call whose
 * confirmation is not heard. */
static void killed(void **state)
{
    struct gateway_fixture f;
    char order[40], id[40];
    gateway_open(&f, state);
    gateway_connect(&f);
    gateway_offer(&f, f.agg, "pf-10", "2", "80", order);
    lock_all(&f, 1);
    json_t *bid = first_forwarding(&f);
    snprintf(id, sizeof id, "%s", text_at(bid, "id"));
    json_decref(bid);
    for (int tries = 0; tries < 2000 && market_bids(&f) == 0; tries++)
        usleep(1000);
    assert_int_equal(market_bids(&f), 1);
    gateway_stop(&f.server, SIGKILL); /* at whatever moment after the market has taken it */
    struct fg_store *store = fixture_open_url(f.url);
    /* As if killed before the answer was stored, if it was quicker than that. */
    fixture_execute(store, "UPDATE forward_bid SET state = 'prepared', market_bid = NULL");
    fixture_execute(store, "UPDATE balancing_market SET position = 0");
    fg_store_close(store);
    gateway_serve(&f);
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "accepted"));
    assert_int_equal(market_bids(&f), 1);
    expect_order(&f, f.agg, order, "forwarded");

    atomic_store(&f.relay.is_holding, true); /* nothing of the market is heard from now on */
    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"1.5\"}", 201));
    usleep(1200000);
    gateway_stop(&f.server, SIGKILL);
    atomic_store(&f.relay.is_holding, false);
    gateway_serve(&f);
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-1", "confirmed", "1.5"));
    gateway_stop(&f.server, SIGKILL);
    store = fixture_open_url(f.url);
    fixture_execute(store, "UPDATE forward_activation SET told_us = NULL"); /* the confirmation's answer was not heard */
    fixture_execute(store, "UPDATE balancing_market SET position = 0");     /* and all results come once more */
    fg_store_close(store);
    gateway_serve(&f);
    bid = gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "called", "1.5");
    assert_string_equal(text_at(bid, "state"), "accepted");
    json_decref(bid);
    usleep(1500000);
    json_t *calls = gateway_ask(&f, f.tso, "GET", "/v1/areas/area-1/activations", NULL, 200);
    assert_int_equal(item_count(calls), 1);
    assert_string_not_equal(text_at(item_at(calls, 0), "told_at"), "");
    json_decref(calls);
    store = fixture_open_url(f.url);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM set_point"), 1);
    assert_int_equal(fixture_number(store, "SELECT traded_w FROM book_position WHERE portfolio_id = 10 AND traded_w > 0"), 1500000);
    assert_int_equal(fixture_number(store, "SELECT forwarded_w FROM book_position WHERE portfolio_id = 10 AND forwarded_w > 0"), 500000);
    fg_store_close(store);
    gateway_close(&f);
}

/* A call that comes after the bid has expired here is recorded and refused; halts are kept to; what is asked back comes back. */
static void late_and_refused(void **state)
{
    struct gateway_fixture f;
    char order[40], other[40], id[40], path[200];
    gateway_open(&f, state);
    gateway_connect(&f);
    gateway_offer(&f, f.agg, "pf-10", "2", "80", order);
    lock_all(&f, 1);
    json_t *bid = first_forwarding(&f);
    snprintf(id, sizeof id, "%s", text_at(bid, "id"));
    json_decref(bid);
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "accepted"));

    /* Trading at the location above is halted: refused with a reason, and the bid stays. */
    json_decref(gateway_ask(&f, f.fmo, "POST", "/v1/areas/area-1/halt", "{\"location\":\"loc-1\",\"reason\":\"Fault\"}", 200));
    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"1\"}", 201));
    json_t *call = gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-1", "confirmed", "0");
    assert_string_equal(text_at(call, "reason"), "trading is halted");
    json_decref(call);
    json_decref(gateway_ask(&f, f.fmo, "POST", "/v1/areas/area-1/resume", "{\"location\":\"loc-1\",\"reason\":\"Repaired\"}", 200));

    /* Another bid is given back by the market: the offer trades again, as its gate is open. */
    gateway_offer(&f, f.ret, "pf-11", "1", "70", other);
    snprintf(path, sizeof path, "/v1/areas/area-1/orders/%s/forward", other);
    json_decref(gateway_ask(&f, f.agg, "POST", path, NULL, 404)); /* not one's own */
    json_decref(gateway_ask(&f, f.ret, "POST", path, NULL, 204));
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/bids", "id", "bid-2", "state", "accepted"));
    json_decref(gateway_ask(&f, f.ret, "DELETE", path, NULL, 202)); /* asked back by the owner */
    expect_order(&f, f.ret, other, "open");
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/bids", "id", "bid-2", "state", "returned"));

    /* Expired here while the market goes on: its call is late. */
    gateway_stop(&f.server, SIGKILL);
    struct fg_store *store = fixture_open_url(f.url);
    fixture_execute(store, "UPDATE forward_bid SET deadline_us = 1, expires_us = 1 WHERE state = 'accepted'");
    fg_store_close(store);
    gateway_serve(&f);
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "expired"));
    expect_order(&f, f.agg, order, "open"); /* its gate is still open here */
    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"0.5\"}", 201));
    call = gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-2", "confirmed", "0");
    assert_string_equal(text_at(call, "reason"), "the bid has ended");
    json_decref(call);
    json_t *calls = gateway_ask(&f, f.tso, "GET", "/v1/areas/area-1/activations", NULL, 200);
    assert_int_equal(item_count(calls), 2);
    assert_string_equal(text_at(item_at(calls, 1), "verdict"), "refused");
    json_decref(calls);
    json_t *none = gateway_ask(&f, f.agg, "GET", "/v1/set-points", NULL, 200);
    assert_int_equal(item_count(none), 0);
    json_decref(none);
    gateway_close(&f);
}

static void connect_by(struct gateway_fixture *f, unsigned port, long expected)
{
    char body[400];
    snprintf(body, sizeof body, "{\"name\":\"Balancing\",\"url\":\"https://127.0.0.1:%u\",\"key\":\"" BIDDER_KEY "\",\"bid_minimum\":\"1\","
                                "\"lead_seconds\":900,\"grace_seconds\":60,\"enabled\":true}", port);
    json_decref(gateway_ask(f, f->tso, "PUT", "/v1/areas/area-1/control-areas/GR/market", body, expected));
}
/* Lock an offer, have all of its bid called as the market's first call, and wait until the market has the answer. */
static void call_all(struct gateway_fixture *f, const char *token, const char *portfolio, const char *quantity, unsigned other_port)
{
    char order[40], body[200];
    struct fg_store *store = fixture_open_url(f->url);
    int64_t told = fixture_number(store, "SELECT COUNT(*) FROM forward_activation WHERE told_us IS NOT NULL");
    gateway_offer(f, token, portfolio, quantity, "80", order);
    lock_all(f, 1);
    json_decref(gateway_wait(f->market.port, OPERATOR_KEY, "/v1/bids", "id", "bid-1", "state", "accepted"));
    connect_by(f, other_port, 409); /* it has a bid */
    snprintf(body, sizeof body, "{\"bid\":\"bid-1\",\"quantity\":\"%s\"}", quantity);
    json_decref(market_ask(f, "POST", "/v1/activations", body, 201));
    json_decref(gateway_wait(f->market.port, OPERATOR_KEY, "/v1/activations", "id", "act-1", "confirmed", quantity));
    for (int tries = 0; fixture_number(store, "SELECT COUNT(*) FROM forward_activation WHERE told_us IS NOT NULL") == told; tries++) {
        assert_true(tries < 500);
        usleep(20000);
    }
    fg_store_close(store);
}

/* Another market gives the numbers again that the one before gave; a market that is connected by another address tells again what it has
 * told. What is under way keeps the address. */
static void connected_anew(void **state)
{
    struct gateway_fixture f;
    struct relay second = {0}, third = {0};
    char path[140];
    gateway_open(&f, state);
    gateway_connect(&f);
    call_all(&f, f.agg, "pf-10", "2", 1);
    gateway_stop(&f.market, SIGTERM);
    snprintf(path, sizeof path, "%s/balancing.conf", f.folder);
    gateway_spawn(&f.market, "flexgrid-balancing", path);
    relay_start(&second, f.market.port);
    connect_by(&f, second.port, 204);
    call_all(&f, f.ret, "pf-11", "1", 1);

    struct fg_store *store = fixture_open_url(f.url);
    const char *const calls = "SELECT COUNT(*) FROM forward_activation WHERE market_activation = 'act-1' AND verdict = 'confirmed'";
    assert_int_equal(fixture_number(store, calls), 2);
    int64_t position = fixture_number(store, "SELECT position FROM balancing_market");
    relay_start(&third, f.market.port);
    connect_by(&f, third.port, 204);
    for (int tries = 0; fixture_number(store, "SELECT position FROM balancing_market") < position; tries++) {
        assert_true(tries < 500);
        usleep(20000);
    }
    assert_int_equal(fixture_number(store, "SELECT connection FROM balancing_market"), 3);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM forward_activation"), 2);
    assert_int_equal(fixture_number(store, "SELECT SUM(confirmed_w) FROM forward_activation"), 3000000);
    fg_store_close(store);
    relay_stop(&second);
    relay_stop(&third);
    gateway_close(&f);
}

/* What the system operator sees: offers in sum with their merit order, baselines and forecasts in sum, its requests, which stand out in the
 * book; sellers and other operators see nothing of it. */
static void system_operator(void **state)
{
    struct gateway_fixture f;
    char a[40], b[40], path[300], body[500];
    gateway_open(&f, state);
    gateway_connect(&f);
    gateway_offer(&f, f.agg, "pf-10", "0.8", "50", a);
    gateway_offer(&f, f.ret, "pf-11", "0.7", "60", b);
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"%s\","
                                "\"quantity\":[\"0.5\"],\"price\":\"50\"}", f.start); /* not to be forwarded */
    json_decref(gateway_ask(&f, f.agg, "POST", "/v1/areas/area-1/orders", body, 201));
    snprintf(path, sizeof path, "/v1/areas/area-1/control-areas/GR/offers?from=%s&to=%s", f.start, f.end);
    json_t *offers = gateway_ask(&f, f.tso, "GET", path, NULL, 200);
    json_t *up = json_object_get(json_array_get(json_object_get(offers, "periods"), 0), "up"), *merit = json_object_get(up, "merit_order");
    assert_int_equal(json_integer_value(json_object_get(up, "offers")), 3);
    assert_string_equal(text_at(up, "volume"), "2");
    assert_string_equal(text_at(up, "forwardable"), "1.5");
    assert_int_equal(json_array_size(merit), 2);
    assert_string_equal(text_at(json_array_get(merit, 0), "price"), "50");
    assert_string_equal(text_at(json_array_get(merit, 0), "quantity"), "1.3");
    assert_string_equal(text_at(json_array_get(merit, 1), "quantity"), "0.7");
    json_decref(offers);
    json_decref(gateway_ask(&f, f.fmo, "GET", path, NULL, 200));
    json_decref(gateway_ask(&f, f.agg, "GET", path, NULL, 404)); /* has the right, but no control area */
    json_decref(gateway_ask(&f, f.dso, "GET", path, NULL, 403));
    snprintf(path, sizeof path, "/v1/areas/area-1/control-areas/IT/offers?from=%s&to=%s", f.start, f.end);
    json_decref(gateway_ask(&f, f.tso, "GET", path, NULL, 404)); /* another's */
    snprintf(body, sizeof body, "{\"name\":\"B\",\"url\":\"https://127.0.0.1:1\",\"key\":\"k\",\"bid_minimum\":\"1\",\"lead_seconds\":900,"
                                "\"grace_seconds\":60,\"enabled\":true}");
    json_decref(gateway_ask(&f, f.tso, "PUT", "/v1/areas/area-1/control-areas/IT/market", body, 404));
    json_decref(gateway_ask(&f, f.fmo, "PUT", "/v1/areas/area-1/control-areas/GR/market", body, 403));
    /* Without a key the one of before goes on, but never to another address, nor for another organisation. */
    const unsigned ports[] = {f.relay.port, 1, f.relay.port};
    const long statuses[] = {204, 422, 422};
    for (int i = 0; i < 3; i++) {
        if (i == 2) {
            struct fg_store *store = fixture_open_url(f.url);
            fixture_execute(store, "UPDATE balancing_market SET organisation_id = 2");
            fg_store_close(store);
        }
        snprintf(body, sizeof body, "{\"name\":\"Balancing\",\"url\":\"https://127.0.0.1:%u\",\"bid_minimum\":\"1\",\"lead_seconds\":900,"
                                    "\"grace_seconds\":60,\"enabled\":true}", ports[i]);
        json_decref(gateway_ask(&f, f.tso, "PUT", "/v1/areas/area-1/control-areas/GR/market", body, statuses[i]));
    }
    gateway_connect(&f);

    /* -0.25 and 0.1 MWh in a quarter-hour are -1 and 0.4 MW. */
    snprintf(body, sizeof body, "{\"product\":\"active\",\"start\":\"%s\",\"energies\":[\"-0.25\"]}", f.start);
    json_decref(gateway_ask(&f, f.agg, "PUT", "/v1/portfolios/pf-10/baseline", body, 204));
    snprintf(body, sizeof body, "{\"product\":\"active\",\"start\":\"%s\",\"energies\":[\"0.1\"]}", f.start);
    json_decref(gateway_ask(&f, f.ret, "PUT", "/v1/portfolios/pf-11/baseline", body, 204));
    int64_t start_s;
    char sql[700];
    assert_int_equal(fg_instant_parse(f.start, &start_s, NULL), FG_OK);
    struct fg_store *store = fixture_open_url(f.url);
    /* Of two quarter-hours: both in one version, -0.3 and 0.5 MW; then -0.4 for the second; then one that says nothing of either. */
    static const struct {
        int64_t first, count, power_w[2];
    } versions[] = {{0, 2, {-300000, 500000}}, {1, 1, {-400000, 0}}, {0, 2, {INT64_MIN, INT64_MIN}}};
    snprintf(sql, sizeof sql, "INSERT INTO operating_point (id, area_id, organisation_id, name, origin, covers, is_required, deadline_s, when_stale, "
                              "created_us, value_version, version) VALUES (1, 1, 3, 'P', 'prognosis', 'all', 0, 0, 'last', 0, 3, 1)");
    fixture_execute(store, sql);
    for (int v = 0; v < 3; v++) {
        unsigned char p[16], q[16] = {0};
        for (int i = 0; i < 16; i++)
            p[i] = (unsigned char)((uint64_t)versions[v].power_w[i / 8] >> (8 * (i % 8)));
        snprintf(sql, sizeof sql, "INSERT INTO operating_version (point_id, version, first_period, period_count, entered_by, entered_us) VALUES "
                                  "(1, %d, %lld, %lld, 3, %d)", v + 1, (long long)(start_s / 900 + versions[v].first), (long long)versions[v].count,
                 v + 1);
        fixture_execute(store, sql);
        size_t size = (size_t)versions[v].count * 8;
        fixture_expect(fg_change(store, NULL, NULL, "INSERT INTO operating_row (point_id, version, subject, subject_id, p, q) VALUES (1, $3, 2, 10, "
                                 "$1, $2)", "bbi", (const void *)p, size, (const void *)q, size, (int64_t)v + 1), NULL);
    }
    fg_store_close(store);
    char later[FG_INSTANT_TEXT];
    snprintf(path, sizeof path, "/v1/areas/area-1/control-areas/GR/outlook?from=%s&to=%s", f.start, fg_instant_format(start_s + 1800, later));
    json_t *outlook = gateway_ask(&f, f.tso, "GET", path, NULL, 200), *first = json_array_get(json_object_get(outlook, "periods"), 0);
    assert_string_equal(text_at(first, "baseline"), "-0.6");
    assert_int_equal(json_integer_value(json_object_get(first, "baselines")), 2);
    assert_string_equal(text_at(first, "forecast"), "-0.3");
    assert_int_equal(json_integer_value(json_object_get(first, "forecasts")), 1);
    json_t *second = json_array_get(json_object_get(outlook, "periods"), 1);
    assert_string_equal(text_at(second, "forecast"), "-0.4");
    assert_int_equal(json_integer_value(json_object_get(second, "forecasts")), 1);
    json_decref(outlook);

    /* Its own request: in its list over all areas, and marked in the book; the distribution operator's is not. */
    const char *const buyers[] = {f.tso, f.dso};
    for (int i = 0; i < 2; i++) {
        snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\","
                                    "\"start\":\"%s\",\"quantity\":[\"0.3\"],\"price\":\"%d\"}", f.start, 20 + i);
        json_decref(gateway_ask(&f, buyers[i], "POST", "/v1/areas/area-1/orders", body, 201));
    }
    json_t *own = gateway_ask(&f, f.tso, "GET", "/v1/own-requests", NULL, 200);
    assert_int_equal(item_count(own), 1);
    assert_string_equal(text_at(item_at(own, 0), "area"), "area-1");
    assert_string_equal(json_string_value(json_array_get(json_object_get(item_at(own, 0), "remaining"), 0)), "0.3");
    json_decref(own);
    snprintf(path, sizeof path, "/v1/areas/area-1/book?regulation=up&from=%s&to=%s", f.start, f.end);
    json_t *book = gateway_ask(&f, f.ret, "GET", path, NULL, 200);
    json_t *requests = json_object_get(json_array_get(json_object_get(book, "periods"), 0), "requests");
    assert_int_equal(json_array_size(requests), 2);
    assert_false(json_is_true(json_object_get(json_array_get(requests, 0), "tso"))); /* at 21 */
    assert_true(json_is_true(json_object_get(json_array_get(requests, 1), "tso")));
    json_decref(book);

    lock_all(&f, 2);
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", "fwd-1", "state", "accepted"));
    snprintf(path, sizeof path, "/v1/areas/area-1/control-areas/GR/forwardings?from=%s&to=%s", f.start, f.end);
    json_t *summary = gateway_ask(&f, f.tso, "GET", path, NULL, 200);
    assert_int_equal(item_count(summary), 1);
    assert_string_equal(text_at(item_at(summary, 0), "quantity"), "1.5");
    json_decref(summary);
    gateway_close(&f);
}

/* ---- the grid ---- */
/* Source at 1, loads of 0.2 MW at 2 and 0.3 MW at 3; the line to bus 3 carries 1 MVA. */
static const char feeder[] =
    "function mpc = c\nmpc.version = '2';\nmpc.baseMVA = 1;\nmpc.bus = [1 3 0 0 0 0 1 1 0 20 1 1.1 0.9; 2 1 0.2 0 0 0 1 1 0 20 1 1.1 0.9; "
    "3 1 0.3 0 0 0 1 1 0 20 1 1.1 0.9];\nmpc.gen = [1 0 0 9 -9 1 1 1 9 -9];\nmpc.branch = [1 2 0.001 0.001 0 5 0 0 0 0 1 -360 360; 2 3 "
    "0.001 0.001 0 1 0 0 0 0 1 -360 360];\n";

static void upload_feeder(struct gateway_fixture *f)
{
    char url[200], line[200];
    long status = 0;
    struct fg_text answer;
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "https://127.0.0.1:%u/v1/areas/area-1/networks?name=feeder&format=matpower", f->server.port);
    snprintf(line, sizeof line, "Authorization: Bearer %s", f->dso);
    struct curl_slist *list = curl_slist_append(curl_slist_append(NULL, line), "Content-Type: application/octet-stream");
    fg_text_init(&answer);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, feeder);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gateway_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 201)
        fail_msg("upload: %ld %s", status, answer.data);
    fg_text_release(&answer);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
}

/* An activation is checked against the grid before it is confirmed: of 2 MW called at bus 3 the line takes 1.3 (0.3 MW flow in, 1 MW out is its
 * rating); a second call finds no room. */
static void grid_limits(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, bus, p_min_w, p_max_w, s_max_va, grid_status, created_us, "
        "version) VALUES (1, 3, 1, 'A', 'battery', 2, '3', -500000, 500000, 500000, 'approved', 0, 1)",
        "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 10)",
        "INSERT INTO location_bus (location_id, bus) VALUES (1, '1'), (2, '2'), (2, '3')",
    };
    struct gateway_fixture f;
    char body[500], id[40];
    gateway_open(&f, state);
    gateway_connect(&f);
    struct fg_store *store = fixture_open_url(f.url);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fixture_execute(store, rows[i]);
    upload_feeder(&f);
    fixture_execute(store, "UPDATE area SET network_mode = 'dc', network_id = 1");
    fg_store_close(store);
    bool is_checked = false;
    for (int tries = 0; tries < 200 && !is_checked; tries++) {
        json_t *seen = gateway_ask(&f, f.ret, "GET", "/v1/areas/area-1/network-state", NULL, 200), *period;
        size_t k;
        json_array_foreach (json_object_get(seen, "periods"), k, period)
            is_checked = is_checked || (strcmp(text_at(period, "start"), f.start) == 0 && strcmp(text_at(period, "check"), "dc") == 0);
        json_decref(seen);
        usleep(50000);
    }
    assert_true(is_checked);
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"bus\":\"3\",\"start\":"
                                "\"%s\",\"quantity\":[\"4\"],\"price\":\"80\",\"forward_to_tso\":true}", f.start);
    json_decref(gateway_ask(&f, f.agg, "POST", "/v1/areas/area-1/orders", body, 201));
    lock_all(&f, 1);
    json_t *bid = first_forwarding(&f);
    snprintf(id, sizeof id, "%s", text_at(bid, "id"));
    json_decref(bid);
    json_decref(gateway_wait(f.server.port, f.tso, FORWARDINGS, "id", id, "state", "accepted"));
    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"2\"}", 201));
    json_t *call = gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-1", "confirmed", "1.3");
    assert_string_equal(text_at(call, "reason"), "the grid does not take it");
    json_decref(call);
    json_decref(market_ask(&f, "POST", "/v1/activations", "{\"bid\":\"bid-1\",\"quantity\":\"1\"}", 201));
    json_decref(gateway_wait(f.market.port, OPERATOR_KEY, "/v1/activations", "id", "act-2", "confirmed", "0"));
    json_t *calls = gateway_ask(&f, f.tso, "GET", "/v1/areas/area-1/activations", NULL, 200);
    assert_string_equal(text_at(item_at(calls, 0), "verdict"), "reduced");
    assert_string_equal(text_at(item_at(calls, 1), "verdict"), "refused");
    json_decref(calls);
    gateway_close(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        {"together (SQLite)", together, NULL, NULL, &fixture_sqlite},
        ON_BOTH(killed),
        {"system_operator (PostgreSQL)", system_operator, NULL, NULL, &fixture_postgresql},
        ON_BOTH(connected_anew),
        {"grid_limits (SQLite)", grid_limits, NULL, NULL, &fixture_sqlite},
        {"late_and_refused (PostgreSQL)", late_and_refused, NULL, NULL, &fixture_postgresql},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
