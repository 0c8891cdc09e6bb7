/* Auctions on a grid, and runs, over the API. The feeder: a substation 0, a strong line to bus 1, a line of 2 MVA to bus 2 with a load
 * of 2.5 MW. 0.5 MW are too many for the line; only what injects at bus 2 helps. */
#include "auction_fixture.h"

#include "base/units.h"

#define FEEDER                                                                                                         \
    "{\"flexgrid_network\":1,\"base_mva\":10,\"buses\":[{\"id\":\"0\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1},"   \
    "{\"id\":\"1\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1},{\"id\":\"2\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1}]," \
    "\"branches\":[{\"id\":\"strong\",\"from\":\"0\",\"to\":\"1\",\"r_pu\":0,\"x_pu\":0.001},{\"id\":\"weak\",\"from\":\"1\",\"to\":\"2\","   \
    "\"r_pu\":0,\"x_pu\":0.001,\"rate_normal_mva\":2}],\"generators\":[{\"id\":\"substation\",\"kind\":\"source\",\"bus\":\"0\",\"vm_set_pu\":1}]," \
    "\"injections\":[{\"id\":\"town\",\"kind\":\"load\",\"bus\":\"2\",\"p_mw\":-2.5,\"q_mvar\":0}]}"
#define START "2025-06-16T10:00:00Z"
#define ORDERS "/v1/areas/area-1/auctions/%s/orders"
#define TERMS(physics) "{\"products\":[\"active\"],\"physics\":\"" physics "\",\"import_price\":[\"50\"]}"
static const int64_t closure_s = NOON_US / 1000000 + 600;

/* The feeder uploaded and set; pf-10's battery at bus 2 in location 2 (buses 1 and 2), pf-11's at bus 1. */
static void set_up(struct hall *h)
{
    char id[32];
    hall_text(h, "dso", "POST", "/v1/areas/area-1/networks?name=Feeder", FEEDER, 201, "id", id, sizeof id);
    assert_string_equal(id, "net-1");
    static const char *const rows[] = {
        "UPDATE area SET network_id = 1",
        "INSERT INTO location_bus (location_id, bus) VALUES (2, '1'), (2, '2'), (1, '0')",
        "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, bus, p_min_w, p_max_w, s_max_va, grid_status, "
        "created_us, version) VALUES (1, 3, 1, 'Battery', 'battery', 2, '2', -9000000, 9000000, 9000000, 'approved', 0, 1), "
        "(2, 4, 1, 'Pump', 'pump', 2, '1', -9000000, 9000000, 9000000, 'approved', 0, 1)",
        "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 10), (2, 0, 11)",
    };
    struct fg_store *store = fixture_open_url(h->url);
    for (size_t i = 0; i < FG_COUNT_OF(rows); i++)
        fixture_execute(store, rows[i]);
    fg_store_close(store);
}

static void offer(struct hall *h, const char *who, const char *auction, const char *portfolio, const char *quantity, const char *price)
{
    char path[120], body[400];
    snprintf(path, sizeof path, ORDERS, auction);
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"%s\",\"start\":\"" START
                                "\",\"quantity\":[\"%s\"],\"price\":\"%s\"}", portfolio, quantity, price);
    hall_expect(h, who, "POST", path, body, 201);
}

static json_t *first_order(struct hall *h, const char *who, const char *auction, json_t **shown)
{
    char path[120];
    snprintf(path, sizeof path, ORDERS, auction);
    *shown = hall_ask(h, who, "GET", path, NULL, NULL, 200);
    return json_array_get(json_object_get(*shown, "items"), 0);
}

/* Money of each organisation: what its trades bring and what was settled besides must be what its orders were settled. */
static void check_money(struct hall *h, int organisation)
{
    struct fg_store *store = fixture_open_url(h->url);
    struct fg_error err = {0};
    struct fg_sql *sql;
    bool row;
    int64_t money_u = 0;
    char text[300];
    fixture_expect(fg_query(store, &sql, &err, "SELECT quantity_w, price_u, seller_id, buyer_id FROM book_trade WHERE seller_id = $1 OR "
                            "buyer_id = $1", "i", (int64_t)organisation), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        struct fg_energy energy;
        struct fg_money money;
        fixture_expect(fg_energy_of((struct fg_power){fg_sql_column_int64(sql, 0)}, 900, &energy, &err), &err);
        fixture_expect(fg_money_of(energy, (struct fg_price){fg_sql_column_int64(sql, 1)}, &money, &err), &err);
        money_u += (fg_sql_column_int64(sql, 2) == organisation ? money.u : 0) - (fg_sql_column_int64(sql, 3) == organisation ? money.u : 0);
    }
    snprintf(text, sizeof text, "SELECT CAST(COALESCE(SUM(amount_u), 0) AS BIGINT) FROM auction_posting WHERE to_id = %d", organisation);
    money_u += fixture_number(store, text);
    snprintf(text, sizeof text, "SELECT CAST(COALESCE(SUM(c.settled_u + c.make_whole_u), 0) AS BIGINT) FROM auction_outcome c JOIN "
                                "auction_order o ON o.id = c.order_id WHERE o.organisation_id = %d", organisation);
    assert_int_equal(money_u, fixture_number(store, text));
    fg_store_close(store);
}

/* Relief of 0.5 MW at 80 from bus 2; 60 at bus 1 helps nobody and costs more than the import of 50. Prices: 50 at the substation and
 * bus 1; 80 at bus 2, of which 30 are congestion. Nobody has asked for it: the market's operator buys. */
static void relief(void **state, const char *terms)
{
    struct hall h;
    char id[32], path[120];
    json_t *shown, *auction, *found;
    hall_open(&h, state, NULL);
    set_up(&h);
    hall_auction(&h, START, 1, closure_s, terms, id);
    offer(&h, "agg", id, "pf-10", "2", "80");
    offer(&h, "ret", id, "pf-11", "2", "60");
    auction = hall_clear(&h, "fmo", id, closure_s);
    if (strcmp(hall_at(auction, "status"), "cleared") != 0)
        fail_msg("%s: %s", hall_at(auction, "status"), hall_at(auction, "cause"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(auction, "result"), "violations_before")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(auction, "result"), "violations_after")), 0);
    json_decref(auction);
    found = first_order(&h, "agg", id, &shown);
    int64_t accepted_w;
    assert_int_equal(fg_decimal_parse(json_string_value(json_array_get(json_object_get(found, "accepted"), 0)), 6, &accepted_w, NULL), FG_OK);
    assert_in_range(accepted_w, 499000, 503000); /* ac: a little more, for the line's own reactive power */
    assert_string_equal(hall_at(found, "bus"), "2");
    json_decref(shown);
    found = first_order(&h, "ret", id, &shown);
    assert_string_equal(hall_at(found, "status"), "rejected");
    assert_true(json_is_null(json_object_get(found, "missed_gain")));
    json_decref(shown);

    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/prices", id);
    shown = hall_ask(&h, "obs", "GET", path, NULL, NULL, 200);
    bool seen = false;
    for (size_t i = 0; i < json_array_size(json_object_get(shown, "items")); i++) {
        json_t *price = json_array_get(json_object_get(shown, "items"), i);
        int64_t total, congestion;
        fg_decimal_parse(hall_at(price, "price"), 6, &total, NULL);
        fg_decimal_parse(hall_at(price, "congestion"), 6, &congestion, NULL);
        bool is_far = strcmp(hall_at(price, "place"), "2") == 0;
        seen = seen || is_far;
        assert_in_range(total, is_far ? 79900000 : 49900000, is_far ? 80100000 : 50100000);
        if (is_far)
            assert_in_range(congestion, 29800000, 30200000);
    }
    assert_true(seen);
    json_decref(shown);
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/limits", id);
    shown = hall_ask(&h, "dso", "GET", path, NULL, NULL, 200);
    found = json_array_get(json_object_get(shown, "items"), 0);
    assert_string_equal(hall_at(found, "element"), "weak");
    json_decref(shown);
    hall_refused(&h, "agg", "GET", path, NULL, 403, "access.denied"); /* networks are confidential */
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM book_trade WHERE buyer_id = 1 AND buy_order_id = 0 AND sell_bus >= 0"), 1);
    check_money(&h, 3);
    check_money(&h, 4);
    hall_close(&h);
}
static void test_relief_dc(void **state)
{
    relief(state, TERMS("dc"));
}
static void test_relief_ac(void **state)
{
    relief(state, TERMS("ac"));
}

/* Two needs in nested places at prices of their own: the buyers pay what the places are worth, the sellers get their nodal price, and
 * each participant ends with what the clearing settled. */
static void test_money(void **state)
{
    struct hall h;
    char id[32], path[120];
    hall_open(&h, state, NULL);
    set_up(&h);
    hall_auction(&h, START, 1, closure_s, TERMS("dc"), id);
    offer(&h, "agg", id, "pf-10", "2", "80");
    offer(&h, "ret", id, "pf-11", "2", "60");
    snprintf(path, sizeof path, ORDERS, id);
#define NEED(place, quantity, price) "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\"," place ",\"start\":\"" START \
                                     "\",\"quantity\":[\"" quantity "\"],\"price\":\"" price "\"}"
    hall_expect(&h, "dso", "POST", path, NEED("\"location\":\"loc-1\"", "2", "90"), 201);
    hall_expect(&h, "dso", "POST", path, NEED("\"location\":\"loc-2\",\"bus\":\"2\"", "0.25", "120"), 201);
    hall_expect(&h, "dso", "POST", path, NEED("\"location\":\"loc-2\",\"covers_branch\":\"weak\"", "1", "4000"), 201);
    hall_refused(&h, "dso", "POST", path, NEED("\"location\":\"loc-2\",\"covers_branch\":\"none\"", "1", "4000"), 422, "order.bus");
    hall_refused(&h, "dso", "POST", path, NEED("\"location\":\"loc-2\",\"bus\":\"9\"", "1", "40"), 422, "order.bus");
    json_decref(hall_clear(&h, "fmo", id, closure_s));
    assert_true(hall_number(&h, "SELECT COUNT(*) FROM book_trade WHERE buyer_id = 2") >= 2);
    for (int organisation = 2; organisation <= 4; organisation++)
        check_money(&h, organisation);
    hall_close(&h);
}

/* The operating point: the grid operator says that 3 MW are drawn at bus 2, so 1 MW is too many. A source that is required and silent
 * makes the auction fail, visibly; once it has spoken the operator clears again. */
static void test_operating_point(void **state)
{
    struct hall h;
    char id[32], path[160], point[32], cause[400];
    json_t *shown;
    hall_open(&h, state, NULL);
    set_up(&h);
    hall_text(&h, "dso", "POST", "/v1/areas/area-1/operating-points",
              "{\"name\":\"Forecast\",\"origin\":\"forecast\",\"covers\":\"all\",\"required\":true,\"deadline_seconds\":86400}", 201, "id", point,
              sizeof point);
    hall_auction(&h, START, 1, closure_s, TERMS("dc"), id);
    offer(&h, "agg", id, "pf-10", "2", "80");
    json_t *auction = hall_clear(&h, "fmo", id, closure_s);
    assert_string_equal(hall_at(auction, "status"), "failed");
    snprintf(cause, sizeof cause, "%s", hall_at(auction, "cause"));
    assert_non_null(strstr(cause, "operating point"));
    json_decref(auction);
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s", id);
    hall_text(&h, "agg", "GET", path, NULL, 200, "cause", cause, sizeof cause);
    assert_string_equal(cause, ""); /* not to those who may not see networks */
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM run WHERE state = 'failed'"), 1);
    assert_true(hall_number(&h, "SELECT SUM(reserved_w) FROM book_position") > 0); /* still bound */

    snprintf(path, sizeof path, "/v1/operating-points/%s/values", point);
    hall_expect(&h, "dso", "POST", path, "{\"start\":\"" START "\",\"values\":[{\"bus\":\"2\",\"p\":[\"-3\"]}]}", 201);
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/clear", id);
    hall_refused(&h, "agg", "POST", path, NULL, 403, "access.denied");
    hall_expect(&h, "fmo", "POST", path, NULL, 200);
    auction = hall_clear(&h, "fmo", id, closure_s);
    if (strcmp(hall_at(auction, "status"), "cleared") != 0)
        fail_msg("%s: %s", hall_at(auction, "status"), hall_at(auction, "cause"));
    json_decref(auction);
    json_t *found = first_order(&h, "agg", id, &shown);
    assert_string_equal(json_string_value(json_array_get(json_object_get(found, "accepted"), 0)), "1");
    json_decref(shown);
    hall_refused(&h, "fmo", "POST", path, NULL, 409, "auction.state"); /* it has a result */
    hall_close(&h);
}

/* The feeder with a second line of 2 MVA beside the weak one: each carries 1.25 MW of the 2.5. In the second of three quarters it is
 * out of service, and in the third a rating of 1.1 MVA holds for the weak line: 0.5 MW and 2.5 - 2 x 1.1 = 0.3 MW must come from bus 2,
 * nothing in the first. The battery's offer at 80 is the only one there. */
#define DOUBLE                                                                                                         \
    "{\"flexgrid_network\":1,\"base_mva\":10,\"buses\":[{\"id\":\"0\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1},"   \
    "{\"id\":\"1\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1},{\"id\":\"2\",\"vn_kv\":20,\"vm_min_pu\":0.9,\"vm_max_pu\":1.1}]," \
    "\"branches\":[{\"id\":\"strong\",\"from\":\"0\",\"to\":\"1\",\"r_pu\":0,\"x_pu\":0.001},{\"id\":\"weak\",\"from\":\"1\",\"to\":\"2\","   \
    "\"r_pu\":0,\"x_pu\":0.001,\"rate_normal_mva\":2},{\"id\":\"second\",\"from\":\"1\",\"to\":\"2\",\"r_pu\":0,\"x_pu\":0.001,"             \
    "\"rate_normal_mva\":2}],\"generators\":[{\"id\":\"substation\",\"kind\":\"source\",\"bus\":\"0\",\"vm_set_pu\":1}],"                    \
    "\"injections\":[{\"id\":\"town\",\"kind\":\"load\",\"bus\":\"2\",\"p_mw\":-2.5,\"q_mvar\":0}]}"

/* What is accepted of the battery's offer in the three quarters, in W. */
static void accepted_w(struct hall *h, const char *id, int64_t out[3])
{
    json_t *shown, *found = first_order(h, "agg", id, &shown);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(fg_decimal_parse(json_string_value(json_array_get(json_object_get(found, "accepted"), k)), 6, &out[k], NULL), FG_OK);
    json_decref(shown);
}

static void conditions(void **state, const char *terms)
{
    struct hall h;
    char id[32], network[32], path[120];
    int64_t out[3];
#define CONDITIONS "/v1/areas/area-1/grid-conditions"
    hall_open(&h, state, NULL);
    set_up(&h);
    hall_text(&h, "dso", "POST", "/v1/areas/area-1/networks?name=Double", DOUBLE, 201, "id", network, sizeof network);
    struct fg_store *store = fixture_open_url(h.url);
    fixture_execute(store, "UPDATE area SET network_id = 2");
    fg_store_close(store);
    hall_expect(&h, "dso", "POST", CONDITIONS, "{\"kind\":\"outage\",\"element\":\"second\",\"from\":\"2025-06-16T10:15:00Z\","
                "\"until\":\"2025-06-16T10:30:00Z\",\"reason\":\"Works\"}", 201);
    hall_expect(&h, "dso", "POST", CONDITIONS, "{\"kind\":\"rating\",\"element\":\"weak\",\"rating\":\"1.1\",\"from\":"
                "\"2025-06-16T10:30:00Z\",\"until\":\"2025-06-16T10:45:00Z\",\"reason\":\"Heat\"}", 201);
    const char *body = "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"" START
                       "\",\"quantity\":[\"2\",\"2\",\"2\"],\"price\":\"80\"}";
    hall_auction(&h, START, 3, closure_s, terms, id);
    snprintf(path, sizeof path, ORDERS, id);
    hall_expect(&h, "agg", "POST", path, body, 201);
    json_t *auction = hall_clear(&h, "fmo", id, closure_s);
    if (strcmp(hall_at(auction, "status"), "cleared") != 0)
        fail_msg("%s: %s", hall_at(auction, "status"), hall_at(auction, "cause"));
    json_decref(auction);
    accepted_w(&h, id, out);
    assert_int_equal(out[0], 0);
    assert_in_range(out[1], 499000, 504000); /* ac: a little more, for the lines' own reactive power */
    assert_in_range(out[2], 299000, 304000);
    /* Another auction with the strong line out in one of the quarters: nothing feeds buses 1 and 2 then. It fails, and says why to those
     * who may see the network. */
    hall_auction(&h, START, 3, closure_s + 600, terms, id);
    snprintf(path, sizeof path, ORDERS, id);
    hall_expect(&h, "agg", "POST", path, body, 201);
    hall_expect(&h, "dso", "POST", CONDITIONS, "{\"kind\":\"outage\",\"element\":\"strong\",\"from\":\"2025-06-16T10:15:00Z\","
                "\"until\":\"2025-06-16T10:30:00Z\",\"reason\":\"Works\"}", 201);
    auction = hall_clear(&h, "fmo", id, closure_s + 600);
    assert_string_equal(hall_at(auction, "status"), "failed");
    assert_non_null(strstr(hall_at(auction, "cause"), "differ between the periods"));
    json_decref(auction);
    /* With the other quarters out too it is the same in all of them: cleared, and the battery is told that it is in the dark. */
    hall_expect(&h, "dso", "POST", CONDITIONS, "{\"kind\":\"outage\",\"element\":\"strong\",\"from\":\"2025-06-16T10:00:00Z\","
                "\"until\":\"2025-06-16T10:45:00Z\",\"reason\":\"Works\"}", 201);
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/clear", id);
    hall_expect(&h, "fmo", "POST", path, NULL, 200);
    auction = hall_clear(&h, "fmo", id, closure_s + 600);
    if (strcmp(hall_at(auction, "status"), "cleared") != 0)
        fail_msg("%s: %s", hall_at(auction, "status"), hall_at(auction, "cause"));
    json_decref(auction);
    snprintf(path, sizeof path, ORDERS, id);
    json_t *shown = hall_ask(&h, "agg", "GET", path, NULL, NULL, 200), *found = json_array_get(json_object_get(shown, "items"), 0);
    assert_string_equal(hall_at(found, "status"), "rejected");
    assert_non_null(strstr(hall_at(found, "reason"), "not supplied"));
    json_decref(shown);
    hall_close(&h);
}
static void test_conditions_dc(void **state)
{
    conditions(state, TERMS("dc"));
}
static void test_conditions_ac(void **state)
{
    conditions(state, TERMS("ac"));
}

/* ---- runs ---- */

static json_t *wait_for_run(struct hall *h, const char *who, const char *id)
{
    char path[80];
    snprintf(path, sizeof path, "/v1/runs/%s", id);
    for (int i = 0; i < 600; i++) {
        json_t *run = hall_ask(h, who, "GET", path, NULL, NULL, 200);
        const char *state = hall_at(run, "state");
        if (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0)
            return run;
        json_decref(run);
        hall_sleep(50);
    }
    fail_msg("run %s does not end", id);
    return NULL;
}

/* The result document of a run as JSON. */
static json_t *result_of(struct hall *h, const char *who, const char *id)
{
    char path[80];
    snprintf(path, sizeof path, "/v1/runs/%s/result", id);
    return hall_ask(h, who, "GET", path, NULL, NULL, 200);
}

static void test_runs(void **state)
{
    struct hall h;
    char id[32], path[80];
    hall_open(&h, state, NULL);
    set_up(&h);
    /* A power flow: 2.5 MW come in; the weak line carries 125 %. */
    hall_text(&h, "dso", "POST", "/v1/runs", "{\"kind\":\"powerflow\",\"network\":\"net-1\"}", 201, "id", id, sizeof id);
    json_t *run = wait_for_run(&h, "dso", id);
    assert_string_equal(hall_at(run, "state"), "done");
    assert_int_equal(json_integer_value(json_object_get(run, "progress")), 100);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(run, "certificate"), "violations")), 1);
    json_decref(run);
    json_t *result = result_of(&h, "dso", id);
    double loading = json_number_value(json_object_get(result, "loading_max"));
    assert_true(loading > 1.2499 && loading < 1.2510);
    json_decref(result);
    /* One's own only. */
    snprintf(path, sizeof path, "/v1/runs/%s", id);
    hall_refused(&h, "agg", "GET", path, NULL, 404, "object.not_found");
    hall_refused(&h, "obs", "GET", path, NULL, 403, "access.denied");
    hall_refused(&h, "agg", "POST", "/v1/runs", "{\"kind\":\"powerflow\",\"network\":\"net-1\"}", 404, "object.not_found");
    snprintf(path, sizeof path, "/v1/runs/%s/cancel", id);
    hall_refused(&h, "dso", "POST", path, NULL, 409, "object.conflict"); /* it has ended */
    /* The same request under one key is one run. */
    json_t *twice[2];
    for (int i = 0; i < 2; i++)
        twice[i] = hall_ask(&h, "dso", "POST", "/v1/runs", "Idempotency-Key: r1", "{\"kind\":\"opf\",\"network\":\"net-1\",\"physics\":\"none\"}", 201);
    assert_true(json_equal(twice[0], twice[1]));
    snprintf(id, sizeof id, "%s", hall_at(twice[0], "id"));
    json_decref(twice[0]);
    json_decref(twice[1]);
    run = wait_for_run(&h, "dso", id);
    assert_string_equal(hall_at(run, "state"), "done");
    json_decref(run);
    /* With ratings there is no dispatch: the load does not fit through the line. */
    hall_text(&h, "dso", "POST", "/v1/runs", "{\"kind\":\"opf\",\"network\":\"net-1\"}", 201, "id", id, sizeof id);
    run = wait_for_run(&h, "dso", id);
    assert_string_equal(hall_at(run, "state"), "failed");
    assert_non_null(strstr(hall_at(run, "cause"), "infeasible"));
    json_decref(run);
    result = result_of(&h, "dso", id); /* names the limit */
    assert_true(json_array_size(json_object_get(result, "broken_limits")) > 0);
    json_decref(result);
    /* A clearing for study trades nothing. */
#define MARKET "{\"format\":\"flexgrid-market\",\"version\":1,\"id\":\"study\",\"start\":\"" START "\",\"period_count\":1,\"physics\":\"dc\"," \
               "\"import_price\":\"50\",\"orders\":[{\"id\":\"o\",\"participant\":\"A\",\"side\":\"sell\",\"regulation\":\"up\",\"bus\":\"2\",\"quantity\":\"2\",\"price\":\"80\"}]}"
    hall_text(&h, "dso", "POST", "/v1/networks/net-1/clearings", MARKET, 201, "id", id, sizeof id);
    run = wait_for_run(&h, "dso", id);
    assert_string_equal(hall_at(run, "state"), "done");
    json_decref(run);
    result = result_of(&h, "dso", id);
    assert_string_equal(hall_at(result, "status"), "cleared");
    json_decref(result);
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM book_trade"), 0);
    hall_refused(&h, "dso", "POST", "/v1/networks/net-1/clearings", "{\"format\":\"x\"}", 422, "request.invalid");
    hall_refused(&h, "dso", "POST", "/v1/networks/net-9/clearings", MARKET, 404, "object.not_found");
    json_t *log = hall_ask(&h, "dso", "GET", "/v1/runs/run-1/log", NULL, NULL, 200);
    assert_true(json_array_size(json_object_get(log, "items")) >= 3);
    json_decref(log);
    json_t *list = hall_ask(&h, "dso", "GET", "/v1/runs?state=done&limit=2", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 2);
    assert_true(json_is_string(json_object_get(list, "next")));
    json_decref(list);
    /* Each end is told to its owner, once. */
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM event WHERE type IN ('run.done', 'run.failed') AND scope = 'org-2'"), 4);
    hall_close(&h);
}

/* Rows as other servers have left them: cancelled while it waited; its server is dead; five servers have died of it, also of an
 * auction, which then has failed. */
static void test_runs_left_behind(void **state)
{
    struct hall h;
    hall_open(&h, state, NULL);
    set_up(&h);
    char auction[32];
    hall_auction(&h, START, 1, closure_s, TERMS("dc"), auction);
#define LEFT(id, what) "INSERT INTO run (id, area_id, kind, organisation_id, user_id, state, progress, phase, input, network_id, claim, holder, " \
                       "lease_us, is_recorded, is_unwanted, created_us) VALUES (" id ", 1, 'powerflow', 2, 20, " what ", 0)"
    struct fg_store *store = fixture_open_url(h.url);
    fixture_execute(store, LEFT("101", "'queued', 0, 'waiting', '{}', 1, 0, NULL, 0, 0, 1"));
    fixture_execute(store, LEFT("102", "'running', 40, 'solving', '{}', 1, 1, 'dead', 1, 0, 0"));
    fixture_execute(store, LEFT("103", "'running', 40, 'solving', '{}', 1, 5, 'dead', 1, 0, 0"));
    fixture_execute(store, "INSERT INTO run (id, area_id, kind, organisation_id, user_id, state, progress, phase, input, network_id, auction_id, "
                           "claim, holder, lease_us, is_recorded, is_unwanted, created_us) VALUES (104, 1, 'auction', 1, 0, 'running', 40, "
                           "'solving', '{}', 1, 1, 5, 'dead', 1, 0, 0, 0)");
    fixture_execute(store, "UPDATE auction SET status = 'closed', run_id = 104 WHERE id = 1");
    fg_store_close(store);
    static const char *const ends[] = {"cancelled", "done", "failed", "failed"};
    for (int i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "run-%d", 101 + i);
        json_t *run = wait_for_run(&h, i < 3 ? "dso" : "fmo", id);
        assert_string_equal(hall_at(run, "state"), ends[i]);
        json_decref(run);
    }
    assert_int_equal(hall_number(&h, "SELECT COUNT(*) FROM event WHERE type LIKE 'run.%'"), 4);
    json_t *failed = hall_ask(&h, "fmo", "GET", "/v1/areas/area-1/auctions/auc-1", NULL, NULL, 200);
    assert_string_equal(hall_at(failed, "status"), "failed");
    assert_non_null(strstr(hall_at(failed, "cause"), "5 servers"));
    json_decref(failed);
    assert_int_equal(hall_number(&h, "SELECT claim FROM run WHERE id = 102"), 2);
    hall_refused(&h, "dso", "GET", "/v1/runs/run-101/result", NULL, 409, "object.conflict");
    hall_close(&h);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_relief_dc),
        {"test_relief_ac (SQLite)", test_relief_ac, NULL, NULL, &fixture_sqlite},
        {"test_money (SQLite)", test_money, NULL, NULL, &fixture_sqlite},
        {"test_operating_point (SQLite)", test_operating_point, NULL, NULL, &fixture_sqlite},
        ON_BOTH(test_conditions_dc),
        {"test_conditions_ac (SQLite)", test_conditions_ac, NULL, NULL, &fixture_sqlite},
        ON_BOTH(test_runs),
        ON_BOTH(test_runs_left_behind),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
