/* Availability contracts over HTTP, from the tender to the invoice: the example of docs/contracts.md, whose figures are worked
 * out by hand there. */
#include "registry_fixture.h"

#include "api/event_stream.h"

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

#define US INT64_C(1000000)
#define TUESDAY 1750118400 /* 2025-06-17T00:00:00Z; Athens is three hours ahead */
#define AT(hours) (((int64_t)TUESDAY + (hours) * 3600) * US)

struct world {
    struct registry_fixture f;
    struct party grid, homes, plants;
    char second[TOKEN_LENGTH], user[32]; /* the market operator's other pair of eyes */
};

static void rows_of(struct world *w)
{
    const char *grid = w->grid.id + 4, *homes = w->homes.id + 4, *plants = w->plants.id + 4;
    char text[1200];
    struct fg_store *store = fixture_open_url(w->f.url);
    fixture_execute(store, "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, "
                           "price_max_u, size_max_w, network_mode, stale_rule, created_us, version) VALUES (1, 'Athens', 1, 'EUR', "
                           "'Europe/Athens', 900, 1000, 10000, -500000000, 4000000000, 100000000, 'off', 'block', 0, 1)");
    /* Opens the day before at 10:00, closes an hour ahead; 10 % tolerance, a penalty of half the price and 20 EUR. */
    fixture_execute(store, "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, "
                           "tolerance_share_u, tolerance_w, penalty_factor_u, penalty_u, baseline_rule, version) VALUES (1, 1, "
                           "'Energy', 'active', 1, 36000, 3600, 100000, 0, 500000, 20000000, '{\"method\":\"submitted\"}', 1)");
    snprintf(text, sizeof text,
             "INSERT INTO location (id, area_id, name, parent_id, operator_id, status, created_us, version) VALUES (1, 1, 'Feeder', "
             "NULL, %s, 'published', 0, 1), (2, 1, 'Branch', 1, %s, 'published', 0, 1), (3, 1, 'Elsewhere', NULL, %s, 'published', 0, 1)",
             grid, grid, grid);
    fixture_execute(store, text);
    snprintf(text, sizeof text,
             "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) VALUES (10, %s, 1, "
             "'Homes', 2, 'approved', 0, 1), (11, %s, 1, 'Plants', 2, 'approved', 0, 1), (12, %s, 1, 'Far', 3, 'approved', 0, 1), "
             "(13, %s, 1, 'New', 2, 'pending', 0, 1)",
             homes, plants, plants, plants);
    fixture_execute(store, text);
    snprintf(text, sizeof text,
             "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, p_min_w, p_max_w, s_max_va, grid_status, "
             "created_us, version) VALUES (1, %s, 1, 'Battery', 'battery', 2, -5000000, 5000000, 5000000, 'approved', 0, 1)",
             homes);
    fixture_execute(store, text);
    fixture_execute(store, "INSERT INTO portfolio_asset (asset_id, valid_from_us, portfolio_id) VALUES (1, 0, 10)");
    fixture_execute(store, "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) "
                           "VALUES (1, 10, 1, 'product', 'approved', 5000000, 0, 0, 1), (2, 10, 1, 'grid', 'approved', 5000000, 0, 0, 1), "
                           "(3, 11, 1, 'product', 'approved', 2000000, 0, 0, 1), (4, 11, 1, 'grid', 'approved', 2000000, 0, 0, 1), "
                           "(5, 12, 1, 'product', 'approved', 2000000, 0, 0, 1), (6, 12, 1, 'grid', 'approved', 2000000, 0, 0, 1)");
    fixture_execute(store, "INSERT INTO settlement_rule (area_id, from_day, fee_buyer_u, fee_seller_u, fee_monthly_u, compensation_u, "
                           "transfer_price_u, tax_rate_u, domestic_reverse, decimals, payment_days, set_by, set_us) VALUES (1, 0, 10000, "
                           "20000, 0, 1000000, 60000000, 240000, 0, 2, 30, 1, 0)");
    fg_store_close(store);
}

static void world_open(struct world *w, void **state)
{
    memset(w, 0, sizeof *w);
    registry_open(&w->f, *(enum fg_store_kind *)*state);
    add_user(&w->f, w->f.fmo, "second@fmo.example", "\"operator\",\"settlement\"", w->second, w->user);
    register_party(&w->f, "grid", "\"dso\"", true, &w->grid);
    register_party(&w->f, "homes", "\"aggregator\"", true, &w->homes);
    register_party(&w->f, "plants", "\"aggregator\"", true, &w->plants);
    rows_of(w);
    fg_exchange_refresh(w->f.application.exchange);
}

static void go_to(struct world *w, int64_t time_us)
{
    w->f.now_us = time_us;
    for (int i = 0; i < 3; i++) /* openings, what is held, orders */
        fg_exchange_refresh(w->f.application.exchange);
    log_in_as(&w->f, FMO_EMAIL, PASSWORD, w->f.fmo); /* sessions end after 12 hours */
    log_in_as(&w->f, "second@fmo.example", PASSWORD, w->second);
    struct party *parties[] = {&w->grid, &w->homes, &w->plants};
    for (int i = 0; i < 3; i++)
        log_in_as(&w->f, parties[i]->email, PASSWORD, parties[i]->token);
}

static size_t count_of(struct world *w, const char *token, const char *path)
{
    json_t *items = call(&w->f, token, "GET", path, NULL, 200);
    size_t count = json_array_size(json_object_get(items, "items"));
    json_decref(items);
    return count;
}

static void expect_status(struct world *w, const char *contract, const char *status)
{
    char path[100], text[40];
    snprintf(path, sizeof path, "/v1/contracts/%s", contract);
    call_for(&w->f, w->grid.token, "GET", path, NULL, 200, "status", text, sizeof text);
    assert_string_equal(text, status);
}

#define TENDER(name, location, more)                                                                                   \
    "{\"name\":\"" name "\",\"product\":\"prd-1\",\"location\":\"" location "\",\"regulation\":\"up\",\"from\":\"2025-06-17\"," \
    "\"until\":\"2025-06-18\",\"weekdays\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],\"capacity\":\"3\"," \
    "\"availability_price_max\":\"10\",\"activation_price_max\":\"200\",\"expected_hours\":\"2\",\"minimum_duration_s\":900," \
    "\"notice_s\":900,\"opens\":\"2025-06-15T15:00:00Z\",\"closes\":\"2025-06-15T18:00:00Z\",\"ties\":\"first\"," more "}"
#define EVENING "\"clocks\":[{\"from\":\"17:00\",\"until\":\"18:00\"}]"
#define OFFERS "/v1/tenders/tnd-1/offers"
static const char *offer(const char *portfolio, const char *quantity, const char *availability, const char *activation, char body[300])
{
    snprintf(body, 300, "{\"portfolio\":\"%s\",\"quantity\":\"%s\",\"minimum\":\"0.5\",\"availability_price\":\"%s\",\"activation_price\":\"%s\"}",
             portfolio, quantity, availability, activation);
    return body;
}

/* Both tender and award; contracts lf-1 (Plants, 1 MW at 5 and 100) and lf-2 (Homes, 2 MW at 8 and 90). */
static void tender_and_award(struct world *w)
{
    struct registry_fixture *f = &w->f;
    char body[300];
    expect(f, w->homes.token, "POST", "/v1/areas/area-1/tenders", TENDER("No", "loc-1", EVENING), 403);
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/tenders", TENDER("No", "loc-9", EVENING), 404);
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/tenders",
           TENDER("No", "loc-1", "\"clocks\":[{\"from\":\"22:00\",\"until\":\"06:00\"}]"), 422);
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/tenders",
           TENDER("No", "loc-1", "\"clocks\":[{\"from\":\"5 pm \",\"until\":\"06:00\"}]"), 422);
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/tenders", TENDER("Evenings", "loc-1", EVENING), 201);
    json_t *tender = call(f, w->homes.token, "GET", "/v1/tenders/tnd-1", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(tender, "from")), "2025-06-17");
    assert_string_equal(json_string_value(json_object_get(tender, "expected_hours")), "2");
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(tender, "clocks"), 0), "until")), "18:00");
    json_decref(tender);

    /* Who is not qualified, or too dear. */
    expect(f, w->grid.token, "POST", OFFERS, offer("pf-10", "1", "1", "1", body), 403);
    expect(f, w->homes.token, "POST", OFFERS, offer("pf-11", "1", "1", "1", body), 404);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-13", "1", "1", "1", body), 409);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-12", "1", "1", "1", body), 409);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "2.1", "1", "1", body), 409);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "2", "10.01", "1", body), 422);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "2", "5", "200.01", body), 422);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "2.0005", "5", "100", body), 422);
    /* Two offers; the first one of Plants is replaced, another one withdrawn and made again. */
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "1", "9", "199", body), 201);
    expect(f, w->plants.token, "POST", OFFERS, offer("pf-11", "2", "5", "100", body), 201);
    expect(f, w->homes.token, "POST", OFFERS, offer("pf-10", "2", "8", "90", body), 201);
    expect(f, w->homes.token, "DELETE", "/v1/tender-offers/bid-1", NULL, 404);
    expect(f, w->homes.token, "DELETE", "/v1/tender-offers/bid-2", NULL, 204);
    expect(f, w->homes.token, "DELETE", "/v1/tender-offers/bid-2", NULL, 409);
    expect(f, w->homes.token, "POST", OFFERS, offer("pf-10", "2", "8", "90", body), 201);
    /* Sealed. */
    assert_int_equal(count_of(w, w->grid.token, OFFERS), 0);
    assert_int_equal(count_of(w, f->fmo, OFFERS), 0);
    assert_int_equal(count_of(w, w->homes.token, OFFERS), 1);
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-1/award", "{}", 409);
    f->now_us = (INT64_C(1750010400)) * US; /* 2025-06-15T18:00:00Z: closed */
    expect(f, w->homes.token, "POST", OFFERS, offer("pf-10", "1", "8", "90", body), 409);
    expect(f, w->homes.token, "DELETE", "/v1/tender-offers/bid-2", NULL, 409);
    assert_int_equal(count_of(w, w->grid.token, OFFERS), 2);
    assert_int_equal(count_of(w, w->homes.token, OFFERS), 1);
    expect(f, w->homes.token, "POST", "/v1/tenders/tnd-1/award", "{}", 403);
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-1/award", "{\"choice\":[{\"offer\":\"bid-1\",\"quantity\":\"1\"}]}", 422);
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-1/award", "{\"choice\":[{\"offer\":\"bid-1\",\"quantity\":\"0.4\"}],\"reason\":\"x\"}", 422);
    /* A MW of Homes costs 2 x 8 + 2 x 90 = 196, of Plants 2 x 5 + 2 x 100 = 210. */
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-1/award", "{}", 204);
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-1/award", "{}", 409);
    json_t *contract = call(f, w->plants.token, "GET", "/v1/contracts/lf-1", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(contract, "quantity")), "1");
    assert_string_equal(json_string_value(json_object_get(contract, "status")), "awarded");
    json_decref(contract);
    expect(f, w->plants.token, "GET", "/v1/contracts/lf-2", NULL, 404);
    contract = call(f, w->homes.token, "GET", "/v1/contracts/lf-2", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(contract, "quantity")), "2");
    json_decref(contract);
    assert_int_equal(count_of(w, w->grid.token, "/v1/areas/area-1/contracts"), 2);
    assert_int_equal(count_of(w, f->fmo, "/v1/areas/area-1/contracts"), 2);
    /* What is promised cannot be promised again: Homes have 5 MW, Plants 2. */
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/tenders",
           "{\"name\":\"Second\",\"product\":\"prd-1\",\"location\":\"loc-1\",\"regulation\":\"up\",\"from\":\"2025-06-18\",\"until\":\"2025-06-18\","
           "\"weekdays\":[\"wed\"],\"capacity\":\"3\",\"availability_price_max\":\"10\",\"activation_price_max\":\"200\",\"expected_hours\":\"0\","
           "\"minimum_duration_s\":0,\"notice_s\":0,\"opens\":\"2025-06-15T18:00:00Z\",\"closes\":\"2025-06-15T19:00:00Z\",\"ties\":\"pro_rata\","
           "\"clocks\":[{\"from\":\"00:00\",\"until\":\"24:00\"}]}", 201);
    expect(f, w->plants.token, "POST", "/v1/tenders/tnd-2/offers", offer("pf-11", "1.5", "1", "1", body), 409);
    expect(f, w->plants.token, "POST", "/v1/tenders/tnd-2/offers", offer("pf-11", "1", "1", "1", body), 201);
    expect(f, w->homes.token, "POST", "/v1/tenders/tnd-2/cancellation", "{\"reason\":\"x\"}", 403);
    expect(f, w->grid.token, "POST", "/v1/tenders/tnd-2/cancellation", "{\"reason\":\"Not needed\"}", 204);
}

static void expect_number(struct world *w, const char *text, int64_t number)
{
    int64_t found = registry_number(&w->f, text);
    if (found != number)
        fail_msg("%s: %lld instead of %lld", text, (long long)found, (long long)number);
}

static void trade(struct world *w)
{
    struct registry_fixture *f = &w->f;
    /* The gate of Tuesday opens on Monday at 10:00, which is 07:00Z: four quarter-hours for each contract. */
    go_to(w, AT(-17) - 1);
    expect_number(w, "SELECT COUNT(*) FROM book_order", 0);
    go_to(w, AT(-17));
    expect_number(w, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND side = 0", 8);
    expect_number(w, "SELECT MIN(first_period) * 900 FROM book_order", TUESDAY + 14 * 3600);
    expect_number(w, "SELECT MAX(first_period) * 900 FROM book_order", TUESDAY + 14 * 3600 + 2700);
    expect_number(w, "SELECT SUM(contracted_w) FROM book_position", 0);
    expect_number(w, "SELECT MAX(open_w) FROM book_position WHERE portfolio_id = 10", 2000000);
    fg_exchange_refresh(f->application.exchange);
    expect_number(w, "SELECT COUNT(*) FROM book_order", 8);
    assert_int_equal(count_of(w, w->homes.token, "/v1/contracts/lf-2/orders"), 4);
    assert_int_equal(count_of(w, w->plants.token, "/v1/contracts/lf-2/orders"), 0);
    json_t *orders = call(f, w->homes.token, "GET", "/v1/areas/area-1/orders?status=open", NULL, 200);
    json_t *newest = json_array_get(json_object_get(orders, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(newest, "contract")), "lf-2");
    json_t *technologies = json_object_get(newest, "technologies");
    assert_int_equal(json_array_size(technologies), 1);
    assert_string_equal(json_string_value(json_array_get(technologies, 0)), "battery");
    /* The supplier cannot take it back, nor sell the kW again; what is left of its capability it can. */
    char path[100], body[400];
    snprintf(path, sizeof path, "/v1/areas/area-1/orders/%s", json_string_value(json_object_get(newest, "order")));
    expect(f, w->homes.token, "DELETE", path, NULL, 409);
    expect(f, w->homes.token, "PATCH", path, "{\"price\":\"1\"}", 409);
    json_decref(orders);
    orders = call(f, w->homes.token, "POST", "/v1/areas/area-1/orders/cancel", "{}", 200);
    assert_int_equal(json_integer_value(json_object_get(orders, "cancelled")), 0);
    json_decref(orders);
#define SELL(quantity)                                                                                                 \
    "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"2025-06-17T14:00:00Z\"," \
    "\"quantity\":[\"" quantity "\"],\"price\":\"300\"}"
    expect(f, w->homes.token, "POST", "/v1/areas/area-1/orders", SELL("3.001"), 409);
    expect(f, w->homes.token, "POST", "/v1/areas/area-1/orders", SELL("3"), 201);
    /* The grid operator calls 1.5 MW in the first quarter-hour: the cheapest offer is that of Homes at 90. */
    snprintf(body, sizeof body, "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\",\"start\":"
                                "\"2025-06-17T14:00:00Z\",\"quantity\":[\"1.5\"],\"price\":\"150\"}");
    expect(f, w->grid.token, "POST", "/v1/areas/area-1/orders", body, 201);
    expect_number(w, "SELECT quantity_w FROM book_trade WHERE sell_contract_id = 2 AND price_u = 90000000", 1500000);
    expect(f, w->homes.token, "PUT", "/v1/portfolios/pf-10/baseline", "{\"start\":\"2025-06-17T14:00:00Z\",\"energies\":[\"0\",\"0\",\"0\",\"0\"]}", 204);
    /* Plants lose capability: 0.6 MW are left, in each of their orders. */
    struct fg_store *store = fixture_open_url(f->url);
    fixture_execute(store, "UPDATE prequalification SET up_w = 600000 WHERE id = 4");
    fg_store_close(store);
    go_to(w, AT(-10));
    expect_number(w, "SELECT SUM(open_w) FROM book_position WHERE portfolio_id = 11 AND open_w > 0", 4 * 600000);
}

/* Wednesday: suspension, resumption, termination. */
static void change_contracts(struct world *w)
{
    struct registry_fixture *f = &w->f;
    struct fg_store *store = fixture_open_url(f->url);
    fixture_execute(store, "UPDATE prequalification SET up_w = 2000000 WHERE id = 4");
    go_to(w, AT(15)); /* Tuesday's units are closed, Wednesday's are open since 07:00Z */
    expect_status(w, "lf-1", "active");
    expect_number(w, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND contract_id > 0", 8);
    expect(f, w->homes.token, "POST", "/v1/contracts/lf-2/state", "{\"action\":\"suspend\",\"reason\":\"x\"}", 403);
    expect(f, w->grid.token, "POST", "/v1/contracts/lf-2/state", "{\"action\":\"resume\",\"reason\":\"x\"}", 409);
    expect(f, w->grid.token, "POST", "/v1/contracts/lf-2/state", "{\"action\":\"suspend\",\"reason\":\"Meter fault\"}", 204);
    expect_number(w, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND contract_id = 2", 0);
    expect_status(w, "lf-2", "suspended");
    expect(f, w->homes.token, "POST", "/v1/areas/area-1/orders",
           "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"2025-06-18T14:00:00Z\",\"quantity\":"
           "[\"4\"],\"price\":\"300\"}", 201); /* nothing is held now */
    f->now_us += 600 * US;
    expect(f, w->grid.token, "POST", "/v1/contracts/lf-2/state", "{\"action\":\"resume\",\"reason\":\"Repaired\"}", 204);
    fg_exchange_refresh(f->application.exchange);
    expect_number(w, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND contract_id = 2", 4);
    /* What was entered meanwhile gives way to the contract. */
    expect_number(w, "SELECT open_w FROM book_position WHERE portfolio_id = 10 AND period = 1944728", 5000000);
    expect(f, w->grid.token, "POST", "/v1/contracts/lf-1/state", "{\"action\":\"terminate\",\"reason\":\"Too little capability\"}", 204);
    expect_number(w, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND contract_id = 1", 0);
    expect(f, w->grid.token, "POST", "/v1/contracts/lf-1/state", "{\"action\":\"suspend\",\"reason\":\"x\"}", 409);
    fg_store_close(store);
}

static void settle(struct world *w, const char *day, int number)
{
    struct registry_fixture *f = &w->f;
    char path[100], body[100], approval[40];
    snprintf(body, sizeof body, "{\"day\":\"%s\"}", day);
    expect(f, f->fmo, "POST", "/v1/areas/area-1/settlements", body, 201);
    snprintf(path, sizeof path, "/v1/settlements/stl-%d/release-request", number);
    call_for(f, f->fmo, "POST", path, NULL, 201, "id", approval, sizeof approval);
    snprintf(path, sizeof path, "/v1/approvals/%s/decision", approval);
    expect(f, w->second, "POST", path, "{\"decision\":\"confirm\"}", 200);
    snprintf(path, sizeof path, "/v1/settlements/stl-%d/release", number);
    snprintf(body, sizeof body, "{\"approval\":\"%s\"}", approval);
    expect(f, f->fmo, "POST", path, body, 204);
}

static void expect_line(const json_t *items, size_t at, const char *contract, const char *offered, const char *available,
                        const char *paid, const char *penalty)
{
    const json_t *line = json_array_get(json_object_get(items, "items"), at);
    const char *expected[][2] = {{"contract", contract}, {"offered", offered}, {"available", available}, {"paid", paid}, {"penalty", penalty}};
    for (size_t i = 0; i < 5; i++)
        if (strcmp(json_string_value(json_object_get(line, expected[i][0])), expected[i][1]) != 0)
            fail_msg("line %zu: %s is %s instead of %s", at, expected[i][0], json_string_value(json_object_get(line, expected[i][0])),
                     expected[i][1]);
}

/* The events of an object, in order, as "what:who" with the numbers of organisations. */
static void expect_events(struct world *w, const char *object, const char *expected)
{
    char text[200], told[600] = "";
    struct fg_error err = {0};
    struct fg_sql *sql;
    bool row;
    struct fg_store *store = fixture_open_url(w->f.url);
    snprintf(text, sizeof text, "SELECT type, scope FROM event WHERE data LIKE '{\"%s\":%%\"%s\",%%' ORDER BY sequence",
             strncmp(object, "tnd", 3) == 0 ? "tender" : "contract", object);
    fixture_expect(fg_sql_prepare(store, text, &sql, &err), &err);
    for (;;) {
        fixture_expect(fg_sql_next(sql, &row, &err), &err);
        if (!row)
            break;
        const char *type = strchr(fg_sql_column_text(sql, 0), '.') + 1, *scope = fg_sql_column_text(sql, 1);
        snprintf(told + strlen(told), sizeof told - strlen(told), "%s%s:%s", told[0] != '\0' ? " " : "", type,
                 strcmp(scope, w->grid.id) == 0 ? "grid" : strcmp(scope, w->homes.id) == 0 ? "homes"
                 : strcmp(scope, w->plants.id) == 0 ? "plants" : scope);
    }
    fg_store_close(store);
    assert_string_equal(told, expected);
}

static void test_tender_to_invoice(void **state)
{
    struct world w;
    world_open(&w, state);
    struct registry_fixture *f = &w.f;
    tender_and_award(&w);
    trade(&w);
    change_contracts(&w);
    go_to(&w, AT(48));
    expect_status(&w, "lf-2", "ended");
    expect_status(&w, "lf-1", "terminated");
    /* The second tender was cancelled while it was open. */
    expect_events(&w, "tnd-1", "published:contracts.read closed:contracts.read awarded:contracts.read");
    expect_events(&w, "tnd-2", "published:contracts.read cancelled:contracts.read");
    expect_events(&w, "lf-1", "awarded:grid awarded:plants active:grid active:plants terminated:grid terminated:plants");
    expect_events(&w, "lf-2", "awarded:grid awarded:homes active:grid active:homes suspended:grid suspended:homes active:grid active:homes "
                              "ended:grid ended:homes");
    expect_number(&w, "SELECT COUNT(*) FROM book_order WHERE status = 'open'", 0);
    /* 300 of 375 kWh came; the other quarter-hours of the meter do not matter. */
    expect(f, w.grid.token, "POST", "/v1/meters", "{\"portfolio\":\"pf-10\",\"name\":\"GR-1\",\"rank\":1}", 201);
    expect(f, f->fmo, "POST", "/v1/areas/area-1/settlements", "{\"day\":\"2025-06-17\"}", 201);
    json_t *items = call(f, f->fmo, "GET", "/v1/settlements/stl-1/availability", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(items, "items")), 8);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(items, "items"), 4), "pending"))); /* no reading yet */
    expect_line(items, 4, "lf-2", "2", "0", "0", "0");
    json_decref(items);
    expect(f, w.grid.token, "POST", "/v1/meters/mtr-1/readings",
           "{\"readings\":[{\"start\":\"2025-06-17T14:00:00Z\",\"energy\":\"0.3\"}]}", 200);
    assert_int_equal(count_of(&w, w.homes.token, "/v1/settlements/stl-1/availability"), 0); /* not released */
    settle(&w, "2025-06-17", 2);
    items = call(f, f->fmo, "GET", "/v1/settlements/stl-2/availability", NULL, 200);
    for (size_t i = 0; i < 4; i++)
        expect_line(items, i, "lf-1", "0.6", "0.15", "0.75", "1.6875");
    expect_line(items, 4, "lf-2", "2", "0.4625", "3.7", "0");
    for (size_t i = 5; i < 8; i++)
        expect_line(items, i, "lf-2", "2", "0.5", "4", "0");
    json_decref(items);
    assert_int_equal(count_of(&w, w.homes.token, "/v1/settlements/stl-2/availability"), 4);
    assert_int_equal(count_of(&w, w.grid.token, "/v1/settlements/stl-2/availability"), 8);
    /* Wednesday: Homes were there in all four, Plants had been released from their contract. */
    settle(&w, "2025-06-18", 3);
    items = call(f, f->fmo, "GET", "/v1/settlements/stl-3/availability", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(items, "items")), 4);
    expect_line(items, 3, "lf-2", "2", "0.5", "4", "0");
    json_decref(items);
    /* Over both days: 15.70 + 16 to Homes, 3 to Plants, whose penalty of 6.75 goes to the buyer; market and penalties end at 0. */
    expect_number(&w, "SELECT SUM(amount_u) FROM booking WHERE reason = 11 AND contract_id = 2", 31700000);
    expect_number(&w, "SELECT SUM(amount_u) FROM booking WHERE reason = 12 AND contract_id = 1", 3000000);
    expect_number(&w, "SELECT SUM(amount_u) FROM booking WHERE reason = 14", 6750000);
    expect_number(&w, "SELECT SUM(CASE WHEN to_account = 1 THEN amount_u WHEN from_account = 1 THEN -amount_u ELSE 0 END) FROM booking", 0);
    expect_number(&w, "SELECT SUM(CASE WHEN to_account = 2 THEN amount_u WHEN from_account = 2 THEN -amount_u ELSE 0 END) FROM booking "
                      "WHERE contract_id > 0", 0);
    /* Documents: 2.00 of fees and the penalty are Plants' own; the buyer's invoice has the availability of both days. */
    go_to(&w, AT(24 * 15));
    expect(f, f->fmo, "POST", "/v1/areas/area-1/documents", "{\"year\":2025,\"month\":6}", 200);
    json_t *documents = call(f, w.grid.token, "GET", "/v1/documents", NULL, 200);
    char path[100];
    snprintf(path, sizeof path, "/v1/documents/%s", json_string_value(json_object_get(json_array_get(json_object_get(documents, "items"), 0), "id")));
    json_decref(documents);
    json_t *invoice = call(f, w.grid.token, "GET", path, NULL, 200), *line;
    size_t i, found = 0;
    json_array_foreach(json_object_get(invoice, "lines"), i, line)
    {
        const char *reason = json_string_value(json_object_get(line, "reason")), *amount = json_string_value(json_object_get(line, "amount"));
        const char *of = json_string_value(json_object_get(line, "day"));
        if (strcmp(reason, "availability_bought") == 0) {
            assert_string_equal(amount, strcmp(of, "2025-06-17") == 0 ? "18.70" : "16.00");
            found++;
        } else if (strcmp(reason, "unavailability_shared") == 0) {
            assert_string_equal(amount, "-6.75");
            found++;
        }
    }
    assert_int_equal(found, 3);
    json_decref(invoice);
    registry_close(f);
}

/* Requests are pushed to whom they concern: who has an approved portfolio at the location, below or around it. */
static void test_push(void **state)
{
    struct world w;
    world_open(&w, state);
    struct fg_event_source source = fg_event_stream_source(&w.f.application);
    struct party *parties[] = {&w.homes, &w.plants, &w.grid};
    /* Homes: at the branch. Plants: there, and elsewhere. The grid operator has no portfolio. */
    const struct {
        const char *scope;
        bool sees[3];
    } cases[] = {{"loc-1", {true, true, false}}, {"loc-2", {true, true, false}}, {"loc-3", {false, true, false}}, {"loc-9", {false, false, false}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < 3; k++) {
            struct fg_principal who = {.roles = FG_BIT(k < 2 ? FG_ROLE_AGGREGATOR : FG_ROLE_DSO)};
            snprintf(who.organisation, sizeof who.organisation, "%s", parties[k]->id);
            if (source.may_read(source.context, &who, "area-1", cases[i].scope) != cases[i].sees[k])
                fail_msg("%s: party %zu", cases[i].scope, k);
        }
    /* Events of tenders: who may read contracts, so everybody but observers. */
    for (unsigned role = 0; role < FG_ROLE_COUNT; role++) {
        struct fg_principal who = {.roles = FG_BIT(role), .duties = FG_BIT(FG_DUTY_READER), .organisation = "org-77"};
        assert_int_equal(source.may_read(source.context, &who, "area-1", "contracts.read"), role != FG_ROLE_OBSERVER);
        assert_int_equal(source.may_read(source.context, &who, "area-1", "contracts.nothing"), role == FG_ROLE_REGULATOR);
    }
    struct fg_principal operator_ = {.roles = FG_BIT(FG_ROLE_FMO), .organisation = "org-1"};
    assert_true(source.may_read(source.context, &operator_, "area-1", "loc-3"));
    registry_close(&w.f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(test_tender_to_invoice), ON_BOTH(test_push)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
