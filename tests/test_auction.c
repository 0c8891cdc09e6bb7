/* Auctions over the API, from the order to the trade. Expected results are worked out by hand beside each test. */
#include "auction_fixture.h"

#define ORDERS "/v1/areas/area-1/auctions/auc-1/orders"
#define NONE "{\"products\":[\"active\"],\"physics\":\"none\"}"
#define START "2025-06-16T10:00:00Z"
static const int64_t closure_s = NOON_US / 1000000 + 600;

static const char *sell(char body[600], const char *portfolio, const char *quantity, const char *price, const char *more)
{
    snprintf(body, 600, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"%s\",\"start\":\"" START
                        "\",\"quantity\":[%s],\"price\":\"%s\"%s}", portfolio, quantity, price, more);
    return body;
}
static const char *need(char body[600], const char *location, const char *quantity, const char *price)
{
    snprintf(body, 600, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"%s\",\"start\":"
                        "\"" START "\",\"quantity\":[%s],\"price\":\"%s\"}", location, quantity, price);
    return body;
}

/* Two offers, one need for 2.5 MW at 100 in each of two quarter-hours: 2 MW at 80 and half a MW of the offer at 85 are taken, and
 * 85 is the price of the margin. The seller of 80 is paid 85. Capability: pf-10 has 5 MW up, of which 2 are bound before the
 * result and traded after it; nothing is left bound. */
static void test_thin_path(void **state)
{
    struct hall h;
    char id[32], body[600];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 2, closure_s, NONE, id);
    assert_string_equal(id, "auc-1");
    hall_expect(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"2\",\"2\"", "80", ""), 201);
    hall_expect(&h, "ret", "POST", ORDERS, sell(body, "pf-11", "\"1\",\"1\"", "85", ""), 201);
    hall_expect(&h, "dso", "POST", ORDERS, need(body, "loc-1", "\"2.5\",\"2.5\"", "100"), 201);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position WHERE portfolio_id = 10"), 4000000);

    /* Sealed: others and the operator see nothing; the operator counts. */
    json_t *seen = hall_ask(&h, "fmo", "GET", ORDERS, NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(seen, "items")), 0);
    json_decref(seen);
    seen = hall_ask(&h, "ret", "GET", ORDERS, NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(seen, "items")), 1);
    json_decref(seen);
    seen = hall_ask(&h, "fmo", "GET", "/v1/areas/area-1/auctions/auc-1", NULL, NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(seen, "orders")), 3);
    assert_string_equal(hall_at(seen, "status"), "open");
    json_decref(seen);

    json_t *auction = hall_clear(&h, "fmo", id, closure_s);
    assert_string_equal(hall_at(auction, "status"), "cleared");
    /* Welfare: half an hour of 2.5 x 100 - 2 x 80 - 0.5 x 85 = 47.5 an hour. */
    double welfare = json_number_value(json_object_get(json_object_get(auction, "result"), "welfare"));
    assert_true(welfare > 23.75 - 1e-6 && welfare < 23.75 + 1e-6);
    json_decref(auction);

    json_t *orders = hall_ask(&h, "agg", "GET", ORDERS, NULL, NULL, 200), *first = json_array_get(json_object_get(orders, "items"), 0);
    assert_string_equal(hall_at(first, "status"), "accepted");
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "set_points"), 1)), "2");
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "unit_price"), 0)), "85");
    assert_string_equal(hall_at(first, "settled"), "85"); /* 1 MWh at 85 */
    json_decref(orders);
    orders = hall_ask(&h, "ret", "GET", ORDERS "?status=partly_accepted", NULL, NULL, 200);
    first = json_array_get(json_object_get(orders, "items"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "accepted"), 0)), "0.5");
    json_decref(orders);

    /* Four trades in the table that settlement reads. */
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM book_trade WHERE auction_id = 1"), 4);
    assert_int_equal(hall_number(&h, "SELECT SUM(quantity_w) FROM book_trade WHERE buyer_id = 2 AND kind = 1"), 5000000);
    assert_int_equal(hall_number(&h, "SELECT MIN(price_u) FROM book_trade"), 85000000);
    assert_int_equal(hall_number(&h, "SELECT MAX(price_u) FROM book_trade"), 85000000);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 0);
    assert_int_equal(hall_number(&h, "SELECT SUM(traded_w) FROM book_position WHERE portfolio_id = 10"), 4000000);
    json_t *trades = hall_ask(&h, "dso", "GET", "/v1/areas/area-1/own-trades", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(trades, "items")), 4);
    assert_string_equal(hall_at(json_array_get(json_object_get(trades, "items"), 0), "auction"), "auc-1");
    json_decref(trades);
    /* One of them is curtailed as any trade is: of 5 MW in four trades, 2 MW become 0.4; the capability is free again. */
    hall_expect(&h, "dso", "POST", "/v1/areas/area-1/trades/trd-1/curtail", "{\"keep\":\"0.4\",\"reason\":\"Line out\"}", 200);
    assert_int_equal(hall_number(&h, "SELECT SUM(quantity_w) FROM book_trade"), 3400000);
    assert_int_equal(hall_number(&h, "SELECT SUM(traded_w) FROM book_position WHERE portfolio_id = 10"), 2400000);
    hall_close(&h);
}

/* A contract has 2 of the 5 MW of pf-10 on 17 June, whose gate is not open yet: an auction gets 3. The day after the contract has
 * nothing: 5. */
static void test_contract_keeps_its_part(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO tender (id, area_id, buyer_id, name, product_id, location_id, regulation, from_day, until_day, weekdays, "
        "capacity_w, availability_max_u, activation_max_u, expected_s, duration_min_s, notice_s, opens_us, closes_us, ties, status, "
        "created_by, created_us, version) VALUES (1, 1, 2, 'T', 1, 1, 0, 20256, 20256, 127, 2000000, 0, 0, 0, 0, 0, 0, 1, 0, "
        "'awarded', 1, 0, 1)",
        "INSERT INTO tender_clock (tender_id, from_s, until_s) VALUES (1, 0, 86400)",
        "INSERT INTO tender_offer (id, tender_id, organisation_id, portfolio_id, quantity_w, minimum_w, availability_u, "
        "activation_u, status, entered_by, entered_us, version) VALUES (1, 1, 3, 10, 2000000, 1, 0, 50000000, 'awarded', 1, 0, 1)",
        "INSERT INTO contract (id, tender_id, offer_id, area_id, buyer_id, seller_id, portfolio_id, product_id, regulation, "
        "quantity_w, availability_u, activation_u, starts_us, ends_us, status, round, awarded_by, awarded_us, version) VALUES (1, 1, "
        "1, 1, 2, 3, 10, 1, 0, 2000000, 0, 50000000, 1750107600000000, 1750194000000000, 'awarded', 1, 1, 0, 1)", NULL};
    static const char offer[] = "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":"
                                "\"2025-06-17T20:45:00Z\",\"quantity\":[%s],\"price\":\"80\"}";
    struct hall h;
    char id[32], body[300], why[300];
    hall_open(&h, state, rows);
    hall_auction(&h, "2025-06-17T20:45:00Z", 2, closure_s, NONE, id);
    snprintf(body, sizeof body, offer, "\"3.001\",\"5\"");
    hall_text(&h, "agg", "POST", ORDERS, body, 409, "detail", why, sizeof why);
    assert_non_null(strstr(why, " 3000000 W of the portfolio's capability are left"));
    snprintf(body, sizeof body, offer, "\"3\",\"5\"");
    hall_expect(&h, "agg", "POST", ORDERS, body, 201);
    hall_close(&h);
}

/* ---- what is refused ---- */

/* The same kW is never sold twice: pf-10 has 5 MW up. 4 MW rest in the continuous book, so 2 MW are too many for the auction and 1
 * MW is not; then half a MW is too many for the book. Withdrawn, it is free again. */
static void test_capability_is_shared(void **state)
{
    struct hall h;
    char id[32], body[600];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 2, closure_s, NONE, id);
    hall_expect(&h, "agg", "POST", "/v1/areas/area-1/orders", sell(body, "pf-10", "\"4\"", "200", ""), 201);
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"2\"", "80", ""), 409, "order.capability");
    char first[32];
    json_t *receipt = hall_ask(&h, "agg", "POST", ORDERS, "Idempotency-Key: a1", sell(body, "pf-10", "\"1\"", "80", ""), 201);
    snprintf(first, sizeof first, "%s", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    json_decref(receipt);
    receipt = hall_ask(&h, "agg", "POST", ORDERS, "Idempotency-Key: a1", sell(body, "pf-10", "\"1\"", "80", ""), 201); /* no second order */
    assert_string_equal(json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)), first);
    json_decref(receipt);
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/orders", sell(body, "pf-10", "\"0.5\"", "200", ""), 409, "order.capability");
    char path[120];
    snprintf(path, sizeof path, ORDERS "/%s", first);
    hall_refused(&h, "ret", "DELETE", path, NULL, 404, "order.unknown"); /* another's */
    hall_refused(&h, "agg", "PUT", path, sell(body, "pf-10", "\"1.5\"", "80", ""), 409, "order.capability");
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 1000000); /* as before */
    hall_expect(&h, "agg", "PUT", path, sell(body, "pf-10", "\"0.4\"", "82", ""), 201);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 400000);
    hall_expect(&h, "agg", "DELETE", path, NULL, 200);
    hall_refused(&h, "agg", "DELETE", path, NULL, 404, "order.unknown");
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 0);
    hall_expect(&h, "agg", "POST", "/v1/areas/area-1/orders", sell(body, "pf-10", "\"1\"", "200", ""), 201);
    hall_close(&h);
}

static void test_refusals(void **state)
{
    struct hall h;
    char id[32], body[600], more[200], text[FG_INSTANT_TEXT];
    hall_open(&h, state, NULL);
#define NEW(rest) "{\"name\":\"A\",\"start\":\"" START "\",\"periods\":2," rest "}"
    snprintf(body, sizeof body, NEW("\"closure\":\"%s\",\"terms\":" NONE), fg_instant_format(closure_s, text));
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/auctions", body, 403, "access.denied");
    snprintf(body, sizeof body, NEW("\"closure\":\"2025-06-16T10:15:00Z\",\"terms\":" NONE));
    hall_refused(&h, "fmo", "POST", "/v1/areas/area-1/auctions", body, 422, "request.invalid"); /* delivery begins before */
    snprintf(body, sizeof body, NEW("\"closure\":\"2025-06-15T10:00:00Z\",\"terms\":" NONE));
    hall_refused(&h, "fmo", "POST", "/v1/areas/area-1/auctions", body, 422, "request.invalid"); /* past */
    snprintf(body, sizeof body, NEW("\"closure\":\"%s\",\"terms\":{\"products\":[\"active\"],\"physics\":\"dc\"}"), text);
    hall_refused(&h, "fmo", "POST", "/v1/areas/area-1/auctions", body, 409, "object.conflict"); /* no network */
    snprintf(body, sizeof body, NEW("\"opening\":\"%s\",\"closure\":\"2025-06-15T16:00:00Z\",\"terms\":" NONE), text);
    hall_text(&h, "fmo", "POST", "/v1/areas/area-1/auctions", body, 201, "id", id, sizeof id);
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ""), 409, "auction.closed"); /* not open yet */
    hall_text(&h, "obs", "GET", "/v1/areas/area-1/auctions/auc-1", NULL, 200, "status", more, sizeof more);
    assert_string_equal(more, "scheduled");
    h.now_us = closure_s * 1000000; /* its opening */
    hall_text(&h, "obs", "GET", "/v1/areas/area-1/auctions/auc-1", NULL, 200, "status", more, sizeof more);
    assert_string_equal(more, "open");

    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"0\"", "80", ""), 422, "order.quantity_range");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"0.0005\"", "80", ""), 422, "order.quantity_tick");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80.001", ""), 422, "order.price_step");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "6000", ""), 422, "order.price_range");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\",\"1\",\"1\"", "80", ""), 422, "order.period_range");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-11", "\"1\"", "80", ""), 422, "order.portfolio");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-12", "\"1\"", "80", ""), 422, "order.portfolio");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ",\"bus\":\"7\""), 422, "order.bus");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ",\"parent\":\"ord-77\""), 422, "order.parent_unknown");
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ",\"colour\":1"), 422, "request.invalid");
    hall_refused(&h, "agg", "POST", ORDERS, need(body, "loc-1", "\"1\"", "80"), 403, "order.role");
    hall_refused(&h, "dso", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ""), 403, "order.role");
    hall_refused(&h, "gone", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ""), 403, "order.organisation");
    hall_refused(&h, "fmo", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ""), 403, "access.denied");
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-9/orders", sell(body, "pf-10", "\"1\"", "80", ""), 404, "object.not_found");
    hall_refused(&h, "obs", "GET", ORDERS, NULL, 403, "access.denied");
#define LIMITS "/v1/areas/area-1/auctions/auc-1/limits"
    hall_refused(&h, "agg", "PUT", LIMITS, "{\"portfolio\":\"pf-10\",\"p_min\":\"1\",\"p_max\":\"2\"}", 422, "request.invalid"); /* its baseline is 0 */
    hall_refused(&h, "agg", "PUT", LIMITS, "{\"portfolio\":\"pf-11\",\"p_max\":\"2\"}", 404, "object.not_found");
    hall_expect(&h, "agg", "PUT", LIMITS, "{\"portfolio\":\"pf-10\",\"p_min\":\"-1\",\"p_max\":\"1\",\"energy_up\":\"0.25\"}", 200);
    h.now_us = INT64_C(1750003200) * 1000000; /* 16:00Z, its closure: refused at this very instant */
    hall_refused(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "80", ""), 409, "auction.closed");
    hall_close(&h);
}

/* ---- the order model ---- */

/* A need of 4.5 and 1 MW at 100. An exclusive pair of pf-10, 3 MW at 50 or 3 MW at 40, binds 3 MW and not 6; the cheaper one is
 * taken, of which pf-10's energy budget of 0.5 MWh lets 2 MW through in the quarter of an hour. Of pf-11 a block of 1 MW, all or
 * none, in two periods at 60, with a child of 0.5 MW at 70 that follows it. So 1 MW of the first quarter's need stays open. */
static void test_order_model(void **state)
{
    struct hall h;
    char id[32], one[600], two[600], body[1400];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 2, closure_s, NONE, id);
    hall_expect(&h, "agg", "PUT", LIMITS, "{\"portfolio\":\"pf-10\",\"energy_up\":\"0.5\"}", 200);
    snprintf(body, sizeof body, "{\"kind\":\"exclusive_one\",\"orders\":[%s,%s]}", sell(one, "pf-10", "\"3\"", "50", ""),
             sell(two, "pf-10", "\"3\"", "40", ""));
    hall_expect(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-1/order-groups", body, 201);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position WHERE portfolio_id = 10"), 3000000);
    json_t *receipt = hall_ask(&h, "ret", "POST", ORDERS, NULL,
                               sell(one, "pf-11", "\"1\",\"1\"", "60", ",\"block\":true,\"minimum_fraction\":\"1\""), 201);
    char parent[60];
    snprintf(parent, sizeof parent, ",\"parent\":\"%s\"", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    json_decref(receipt);
    hall_expect(&h, "ret", "POST", ORDERS, sell(one, "pf-11", "\"0.5\"", "70", parent), 201);
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"0.5\"", "70", parent), 422, "order.parent_unknown"); /* another's */
    hall_expect(&h, "dso", "POST", ORDERS, need(one, "loc-1", "\"4.5\",\"1\"", "100"), 201);
    json_t *auction = hall_clear(&h, "reg", id, closure_s);
    assert_string_equal(hall_at(auction, "status"), "cleared");
    json_decref(auction);
    json_t *orders = hall_ask(&h, "fmo", "GET", ORDERS, NULL, NULL, 200), *items = json_object_get(orders, "items");
    static const char *const status[] = {"rejected", "partly_accepted", "accepted", "accepted", "partly_accepted"};
    assert_int_equal(json_array_size(items), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(hall_at(json_array_get(items, i), "status"), status[i]);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json_array_get(items, 1), "accepted"), 0)), "2");
    json_decref(orders);
    /* Everybody sees totals: 2 + 1 + 0.5 MW in the first quarter, 1 MW in the second. */
    auction = hall_ask(&h, "obs", "GET", "/v1/areas/area-1/auctions/auc-1", NULL, NULL, 200);
    json_t *total = json_array_get(json_object_get(auction, "totals"), 0);
    assert_string_equal(hall_at(total, "energy"), "1.125");
    assert_true(json_is_null(json_object_get(auction, "orders"))); /* the count is the operator's */
    json_decref(auction);
    hall_close(&h);
}

/* Withdrawing a parent takes its child along, a member its whole group; the book is free of both. */
static void test_withdrawal_of_ties(void **state)
{
    struct hall h;
    char id[32], one[600], two[600], body[1400], path[120], parent[60];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 2, closure_s, NONE, id);
    snprintf(body, sizeof body, "{\"kind\":\"multipart\",\"orders\":[%s,%s]}", sell(one, "pf-10", "\"1\"", "50", ""),
             sell(two, "pf-10", "\"2\"", "40", ""));
    json_t *receipt = hall_ask(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-1/order-groups", NULL, body, 201);
    snprintf(parent, sizeof parent, ",\"parent\":\"%s\"", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    snprintf(path, sizeof path, ORDERS "/%s", json_string_value(json_array_get(json_object_get(receipt, "orders"), 1)));
    json_decref(receipt);
    hall_expect(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"0.5\"", "70", parent), 201);
    hall_expect(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"0.25\"", "70", ""), 201);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 3750000);
    hall_refused(&h, "agg", "PUT", path, sell(one, "pf-10", "\"1\"", "80", ""), 422, "order.amend"); /* a member */
    json_t *gone = hall_ask(&h, "agg", "DELETE", path, NULL, NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(gone, "cancelled")), 3);
    json_decref(gone);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 250000);
    assert_int_equal(hall_number(&h, "SELECT order_count FROM auction"), 1);
    /* The auction is given up: everything is free. */
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-1/cancel", "{\"reason\":\"x\"}", 403, "access.denied");
    hall_expect(&h, "fmo", "POST", "/v1/areas/area-1/auctions/auc-1/cancel", "{\"reason\":\"Not needed\"}", 200);
    hall_refused(&h, "fmo", "POST", "/v1/areas/area-1/auctions/auc-1/cancel", "{\"reason\":\"Not needed\"}", 409, "auction.state");
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 0);
    hall_close(&h);
}

/* What is suspended before closure is not cleared and says so. */
static void test_suspended_before_closure(void **state)
{
    struct hall h;
    char id[32], body[600];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 1, closure_s, NONE, id);
    hall_expect(&h, "agg", "POST", ORDERS, sell(body, "pf-10", "\"1\"", "50", ""), 201);
    hall_expect(&h, "ret", "POST", ORDERS, sell(body, "pf-11", "\"1\"", "60", ""), 201);
    hall_expect(&h, "dso", "POST", ORDERS, need(body, "loc-1", "\"2\"", "100"), 201);
    struct fg_store *store = fixture_open_url(h.url);
    fixture_execute(store, "UPDATE portfolio SET status = 'suspended' WHERE id = 10");
    fg_store_close(store);
    fg_exchange_refresh(h.application.exchange);
    json_decref(hall_clear(&h, "fmo", id, closure_s));
    json_t *orders = hall_ask(&h, "agg", "GET", ORDERS, NULL, NULL, 200), *first = json_array_get(json_object_get(orders, "items"), 0);
    assert_string_equal(hall_at(first, "status"), "rejected");
    assert_string_equal(hall_at(first, "reason"), "the portfolio was suspended before closure");
    json_decref(orders);
    assert_int_equal(hall_number(&h, "SELECT SUM(quantity_w) FROM book_trade WHERE seller_id = 4"), 1000000);
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM book_trade WHERE seller_id = 3"), 0);
    assert_int_equal(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position"), 0);
    hall_close(&h);
}

/* Of 5 MW 4 are bound, 3 by a pair of which one can be accepted and 1 by an order that came later; then 3.5 are approved. The pair
 * needs 3 of them and stays, the later order is left out. */
static void test_lowered_before_closure(void **state)
{
    struct hall h;
    char id[32], one[600], two[600], body[1400];
    hall_open(&h, state, NULL);
    hall_auction(&h, START, 1, closure_s, NONE, id);
    snprintf(body, sizeof body, "{\"kind\":\"exclusive_one\",\"orders\":[%s,%s]}", sell(one, "pf-10", "\"3\"", "50", ""),
             sell(two, "pf-10", "\"3\"", "40", ""));
    hall_expect(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-1/order-groups", body, 201);
    hall_expect(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "45", ""), 201);
    hall_expect(&h, "dso", "POST", ORDERS, need(one, "loc-1", "\"4\"", "100"), 201);
    struct fg_store *store = fixture_open_url(h.url);
    fixture_execute(store, "UPDATE prequalification SET up_w = 3500000 WHERE portfolio_id = 10 AND up_w > 3500000");
    fg_store_close(store);
    fg_exchange_refresh(h.application.exchange);
    json_decref(hall_clear(&h, "fmo", id, closure_s));
    json_t *orders = hall_ask(&h, "agg", "GET", ORDERS, NULL, NULL, 200), *items = json_object_get(orders, "items");
    assert_string_equal(hall_at(json_array_get(items, 0), "status"), "rejected"); /* the dearer of the pair */
    assert_string_equal(hall_at(json_array_get(items, 1), "status"), "accepted");
    assert_string_equal(hall_at(json_array_get(items, 2), "reason"), "the portfolio's approved capability was lowered before closure");
    json_decref(orders);
    assert_int_equal(hall_number(&h, "SELECT SUM(quantity_w) FROM book_trade"), 3000000);
    hall_close(&h);
}

/* The market operator's limits. Everybody: offers of active energy up at 0 to 90, at most 30 from the last price, 70, and of at most
 * 3 MW. The aggregator: two orders. The system operator: an exposure of 40; 1 MW for a quarter of an hour at 90 is worth 22.50. */
static void test_limits_of_the_operator(void **state)
{
#define LIMIT "INSERT INTO book_limit (area_id, participant_id, product, regulation, price_min_u, price_max_u, band_u, reference_u, "        \
              "size_max_w, orders_max, exposure_max_u, set_us, set_by) VALUES "
    static const char *const rows[] = {LIMIT "(1, 0, 0, 0, 0, 90000000, 30000000, 70000000, 3000000, NULL, NULL, 0, 1)",
                                       LIMIT "(1, 3, -1, -1, NULL, NULL, NULL, NULL, NULL, 2, NULL, 0, 1)",
                                       LIMIT "(1, 2, -1, -1, NULL, NULL, NULL, NULL, NULL, NULL, 40000000, 0, 1)", NULL};
    struct hall h;
    char id[32], one[600], two[600], body[1400], first[60], bought[60];
    hall_open(&h, state, rows);
    hall_auction(&h, START, 1, closure_s, NONE, id);
#define BOOK "/v1/areas/area-1/orders"
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "95", ""), 409, "order.limit_price");
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "35", ""), 409, "order.limit_band");
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"3.5\"", "80", ""), 409, "order.limit_size");
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM auction_order"), 0);
    json_t *receipt = hall_ask(&h, "agg", "POST", ORDERS, NULL, sell(one, "pf-10", "\"1\"", "80", ""), 201);
    snprintf(first, sizeof first, ORDERS "/%s", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    json_decref(receipt);
    snprintf(body, sizeof body, "{\"kind\":\"exclusive_one\",\"orders\":[%s,%s]}", sell(one, "pf-10", "\"1\"", "80", ""),
             sell(two, "pf-10", "\"1\"", "81", ""));
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/auctions/auc-1/order-groups", body, 409, "order.limit_orders"); /* the third */
    hall_expect(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "81", ""), 201);
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "80", ""), 409, "order.limit_orders");
    hall_refused(&h, "agg", "POST", BOOK, sell(one, "pf-10", "\"1\"", "80", ""), 409, "order.limit_orders"); /* sealed ones count */
    /* Amended: held against price, band and size, not against the number. */
    hall_refused(&h, "agg", "PUT", first, sell(one, "pf-10", "\"1\"", "95", ""), 409, "order.limit_price");
    hall_refused(&h, "agg", "PUT", first, sell(one, "pf-10", "\"3.5\"", "80", ""), 409, "order.limit_size");
    hall_expect(&h, "agg", "PUT", first, sell(one, "pf-10", "\"0.6\"", "82", ""), 201);
    /* Purchases. */
    receipt = hall_ask(&h, "dso", "POST", ORDERS, NULL, need(one, "loc-1", "\"1\"", "90"), 201);
    snprintf(bought, sizeof bought, ORDERS "/%s", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    json_decref(receipt);
    hall_refused(&h, "dso", "POST", ORDERS, need(one, "loc-1", "\"1\"", "90"), 409, "order.limit_exposure");
    hall_refused(&h, "dso", "POST", BOOK, need(one, "loc-1", "\"1\"", "90"), 409, "order.limit_exposure");
    hall_refused(&h, "dso", "PUT", bought, need(one, "loc-1", "\"2\"", "90"), 409, "order.limit_exposure");
    hall_expect(&h, "dso", "PUT", bought, need(one, "loc-1", "\"1.7\"", "90"), 201); /* 38.25 without the former 22.50 */
    hall_stop(&h); /* what is sealed counts for the next server too */
    hall_serve(&h);
    hall_refused(&h, "dso", "POST", ORDERS, need(one, "loc-1", "\"0.1\"", "90"), 409, "order.limit_exposure");
    hall_refused(&h, "agg", "POST", ORDERS, sell(one, "pf-10", "\"1\"", "80", ""), 409, "order.limit_orders");
    /* 1.6 MW are bought at the need's 90 for 36, of which 4 are left; nothing is sealed any more. */
    json_decref(hall_clear(&h, "fmo", id, closure_s));
    assert_int_equal(hall_number(&h, "SELECT SUM(quantity_w) FROM book_trade WHERE price_u = 90000000"), 1600000);
    hall_refused(&h, "dso", "POST", BOOK, need(one, "loc-1", "\"0.2\"", "90"), 409, "order.limit_exposure");
    hall_expect(&h, "dso", "POST", BOOK, need(one, "loc-1", "\"0.17\"", "90"), 201);
    hall_expect(&h, "agg", "POST", BOOK, sell(one, "pf-10", "\"1\"", "90", ""), 201);
    /* Withdrawn and cancelled orders count no more either. */
    hall_auction(&h, START, 1, closure_s + 600, NONE, id);
#define SECOND "/v1/areas/area-1/auctions/auc-2"
    receipt = hall_ask(&h, "agg", "POST", SECOND "/orders", NULL, sell(one, "pf-10", "\"1\"", "81", ""), 201);
    snprintf(first, sizeof first, SECOND "/orders/%s", json_string_value(json_array_get(json_object_get(receipt, "orders"), 0)));
    json_decref(receipt);
    hall_refused(&h, "agg", "POST", SECOND "/orders", sell(one, "pf-10", "\"1\"", "80", ""), 409, "order.limit_orders");
    hall_expect(&h, "agg", "DELETE", first, NULL, 200);
    hall_expect(&h, "agg", "POST", SECOND "/orders", sell(one, "pf-10", "\"1\"", "80", ""), 201);
    hall_refused(&h, "agg", "POST", BOOK, sell(one, "pf-10", "\"1\"", "90", ""), 409, "order.limit_orders");
    hall_expect(&h, "fmo", "POST", SECOND "/cancel", "{\"reason\":\"Not needed\"}", 200);
    hall_expect(&h, "agg", "POST", BOOK, sell(one, "pf-10", "\"1\"", "90", ""), 201);
    hall_close(&h);
}

/* ---- recurring auctions ---- */

/* Athens: the day of 26 October 2025 has 25 hours and 100 quarters, 29 March 2026 has 23 and 92. Opening at 08:00 and closure at 12:00
 * the day before, by the local clock. */
static void test_days_of_23_and_25_hours(void **state)
{
    struct hall h;
    struct fg_error err = {0};
    int64_t now_s;
    hall_prepare(&h, state, NULL);
    assert_int_equal(fg_instant_parse("2025-10-24T06:00:00Z", &now_s, &err), FG_OK);
    h.now_us = now_s * 1000000;
    hall_serve(&h);
#define RULE(first) "{\"name\":\"Day-ahead\",\"opening_days\":1,\"opening_clock_seconds\":28800,\"closure_days\":1,"                 \
                    "\"closure_clock_seconds\":43200,\"first_day\":\"" first "\",\"terms\":" NONE "}"
    hall_refused(&h, "agg", "POST", "/v1/areas/area-1/auction-rules", RULE("2025-10-25"), 403, "access.denied");
    hall_expect(&h, "fmo", "POST", "/v1/areas/area-1/auction-rules", RULE("2025-10-25"), 201);
    hall_refused(&h, "fmo", "POST", "/v1/areas/area-1/auction-rules",
                 "{\"name\":\"D\",\"opening_days\":1,\"opening_clock_seconds\":43200,\"closure_days\":1,\"closure_clock_seconds\":43200,"
                 "\"first_day\":\"2025-10-25\",\"terms\":" NONE "}", 422, "request.invalid"); /* closes as it opens */
    for (int i = 0; i < 200 && hall_number(&h, "SELECT COUNT(*) FROM auction") < 2; i++)
        hall_sleep(50);
    hall_sleep(1000); /* no more of them come, and none twice */
    json_t *list = hall_ask(&h, "obs", "GET", "/v1/areas/area-1/auctions", NULL, NULL, 200), *items = json_object_get(list, "items");
    assert_int_equal(json_array_size(items), 2);
    json_t *sunday = json_array_get(items, 0), *saturday = json_array_get(items, 1);
    assert_string_equal(hall_at(sunday, "name"), "Day-ahead 2025-10-26");
    assert_int_equal(json_integer_value(json_object_get(sunday, "periods")), 100);
    assert_string_equal(hall_at(sunday, "start"), "2025-10-25T21:00:00Z");
    assert_string_equal(hall_at(sunday, "opening"), "2025-10-25T05:00:00Z");
    assert_string_equal(hall_at(sunday, "closure"), "2025-10-25T09:00:00Z");
    assert_string_equal(hall_at(sunday, "status"), "scheduled");
    assert_int_equal(json_integer_value(json_object_get(saturday, "periods")), 96);
    assert_string_equal(hall_at(saturday, "status"), "open");
    json_decref(list);
    assert_int_equal(fg_instant_parse("2026-03-28T07:00:00Z", &now_s, &err), FG_OK);
    h.now_us = now_s * 1000000;
    for (int i = 0; i < 200 && hall_number(&h, "SELECT COUNT(*) FROM auction WHERE status = 'cleared'") < 2; i++)
        hall_sleep(50); /* those of October, without orders, close late */
    for (int i = 0; i < 200 && hall_number(&h, "SELECT COUNT(*) FROM auction") < 4; i++)
        hall_sleep(50); /* of the 29th, and of the 30th, which opens within a day */
    list = hall_ask(&h, "obs", "GET", "/v1/areas/area-1/auctions?limit=2", NULL, NULL, 200);
    json_t *march = json_array_get(json_object_get(list, "items"), 1);
    assert_string_equal(hall_at(march, "name"), "Day-ahead 2026-03-29");
    assert_int_equal(json_integer_value(json_object_get(march, "periods")), 92);
    assert_string_equal(hall_at(march, "opening"), "2026-03-28T06:00:00Z");
    json_decref(list);
    hall_expect(&h, "fmo", "DELETE", "/v1/auction-rules/arl-1", NULL, 204);
    hall_close(&h);
}

/* A rule whose area has no network any more makes no auctions, and keeps no other rule from making its own. */
static void test_rule_that_cannot(void **state)
{
    struct hall h;
    struct fg_error err = {0};
    int64_t now_s;
    hall_prepare(&h, state, NULL);
    assert_int_equal(fg_instant_parse("2025-10-24T06:00:00Z", &now_s, &err), FG_OK);
    h.now_us = now_s * 1000000;
    hall_serve(&h);
    hall_expect(&h, "fmo", "POST", "/v1/areas/area-1/auction-rules", RULE("2025-12-01"), 201);
    struct fg_store *store = fixture_open_url(h.url);
    fixture_execute(store, "UPDATE auction_rule SET terms = REPLACE(terms, 'none', 'dc'), first_day = first_day - 37 WHERE id = 1");
    fg_store_close(store);
    hall_expect(&h, "fmo", "POST", "/v1/areas/area-1/auction-rules", RULE("2025-10-25"), 201);
    for (int i = 0; i < 200 && hall_number(&h, "SELECT COUNT(*) FROM auction WHERE rule_id = 2") < 2; i++)
        hall_sleep(50);
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM auction WHERE rule_id = 2"), 2);
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM auction WHERE rule_id = 1"), 0);
    store = fixture_open_url(h.url); /* mended: its own come */
    fixture_execute(store, "UPDATE auction_rule SET terms = REPLACE(terms, '\"dc\"', '\"none\"') WHERE id = 1");
    fg_store_close(store);
    for (int i = 0; i < 200 && hall_number(&h, "SELECT COUNT(*) FROM auction WHERE rule_id = 1") < 2; i++)
        hall_sleep(50);
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM auction WHERE rule_id = 1"), 2);
    hall_close(&h);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_thin_path),
        ON_BOTH(test_contract_keeps_its_part),
        ON_BOTH(test_capability_is_shared),
        {"test_refusals (SQLite)", test_refusals, NULL, NULL, &fixture_sqlite},
        {"test_order_model (SQLite)", test_order_model, NULL, NULL, &fixture_sqlite},
        ON_BOTH(test_withdrawal_of_ties),
        {"test_suspended_before_closure (SQLite)", test_suspended_before_closure, NULL, NULL, &fixture_sqlite},
        {"test_lowered_before_closure (SQLite)", test_lowered_before_closure, NULL, NULL, &fixture_sqlite},
        ON_BOTH(test_limits_of_the_operator),
        {"test_days_of_23_and_25_hours (SQLite)", test_days_of_23_and_25_hours, NULL, NULL, &fixture_sqlite},
        ON_BOTH(test_rule_that_cannot),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
