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

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_thin_path),
        ON_BOTH(test_contract_keeps_its_part),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
