/* What the server says when a part of it fails: 503 with Retry-After and nothing of the inside; readiness and metrics that tell the truth; and
 * what it tidies up by itself. Both databases. */
#include "registry_fixture.h"

#include "base/log.h"

static long status_of(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body, struct answer *answer)
{
    char headers[200] = "";
    if (token != NULL)
        snprintf(headers, sizeof headers, "Authorization: Bearer %s", token);
    *answer = ask(&f->http, method, path, token != NULL ? headers : NULL, body);
    return answer->status;
}

static void expect_unavailable(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body)
{
    static const char *const inside[] = {"SELECT", "INSERT", "no such", "does not exist", "relation", "area_gone", "sql"};
    struct answer answer;
    if (status_of(f, token, method, path, body, &answer) != 503)
        fail_msg("%s %s: %ld %s", method, path, answer.status, answer.body.data);
    assert_non_null(strstr(answer.headers.data, "Retry-After: "));
    assert_non_null(strstr(answer.body.data, "\"key\":\"server.unavailable\""));
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        if (strstr(answer.body.data, inside[i]) != NULL)
            fail_msg("%s %s tells \"%s\": %s", method, path, inside[i], answer.body.data);
    answer_release(&answer);
}

static bool metric(struct registry_fixture *f, const char *line)
{
    struct answer answer;
    assert_int_equal(status_of(f, NULL, "GET", "/metrics", NULL, &answer), 200);
    bool is_there = strstr(answer.body.data, line) != NULL;
    answer_release(&answer);
    return is_there;
}

static void alter(struct registry_fixture *f, const char *text)
{
    struct fg_error err = {0};
    struct fg_store *store = NULL;
    fixture_expect(fg_store_open(f->url, &(struct fg_store_options){.any_version = true}, &store, &err), &err);
    fixture_execute(store, text);
    fg_store_close(store);
}

/* A statement that the database refuses is the server's fault, not the caller's. */
static void refused_statement(void **state)
{
    struct registry_fixture f;
    registry_open(&f, *(enum fg_store_kind *)*state);
    expect(&f, f.fmo, "GET", "/v1/areas", NULL, 200);
    assert_true(metric(&f, "\nflexgrid_database_up 1\n"));
    alter(&f, "ALTER TABLE area RENAME TO area_gone");
    expect_unavailable(&f, f.fmo, "GET", "/v1/areas", NULL);
    expect_unavailable(&f, f.fmo, "GET", "/v1/areas/area-1", NULL);
    expect_unavailable(&f, f.fmo, "POST", "/v1/areas",
                       "{\"name\":\"A\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"network_mode\":\"off\",\"stale_rule\":\"block\","
                       "\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\",\"price_step\":\"0.01\"}");
    alter(&f, "ALTER TABLE area_gone RENAME TO area");
    expect(&f, f.fmo, "GET", "/v1/areas", NULL, 200);
    registry_close(&f);
}

/* An area that nobody has published a location in is no fault of the server: it says what is missing, and trades once it is there. */
static void area_without_location(void **state)
{
    struct registry_fixture f;
    struct answer answer;
    char area[32], path[100], text[300];
    registry_open(&f, *(enum fg_store_kind *)*state);
    call_for(&f, f.fmo, "POST", "/v1/areas",
             "{\"name\":\"A\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"network_mode\":\"off\",\"stale_rule\":\"block\","
             "\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\",\"price_step\":\"0.01\"}",
             201, "id", area, sizeof area);
    fg_exchange_refresh(f.application.exchange);
    snprintf(path, sizeof path, "/v1/areas/%s/messages", area);
    assert_int_equal(status_of(&f, f.fmo, "POST", path, "{\"text\":\"Hello\"}", &answer), 409);
    assert_non_null(strstr(answer.body.data, "no grid location yet"));
    answer_release(&answer);
    snprintf(text, sizeof text, "INSERT INTO location (id, area_id, name, operator_id, status, created_us, version) VALUES (1, %s, 'Feeder', 1, 'published', 0, 1)",
             area + 5);
    alter(&f, text);
    fg_exchange_refresh(f.application.exchange);
    expect(&f, f.fmo, "POST", path, "{\"text\":\"Hello\"}", 200);
    registry_close(&f);
}

/* A rule of the database that no check before it has foreseen: refused, and not in the database's words. */
static void unforeseen_constraint(void **state)
{
    struct registry_fixture f;
    struct answer answer;
    registry_open(&f, *(enum fg_store_kind *)*state); /* PostgreSQL: SQLite adds no constraints to a table */
    alter(&f, "ALTER TABLE area ADD CONSTRAINT planted CHECK (period_s <> 900)");
    assert_int_equal(status_of(&f, f.fmo, "POST", "/v1/areas",
                               "{\"name\":\"A\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"network_mode\":\"off\",\"stale_rule\":"
                               "\"block\",\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\",\"price_step\":\"0.01\"}",
                               &answer), 409);
    assert_null(strstr(answer.body.data, "planted"));
    assert_null(strstr(answer.body.data, "area_"));
    answer_release(&answer);
    registry_close(&f);
}

/* /healthz says that the process lives, /readyz and the metrics whether it can work. */
static void readiness(void **state)
{
    struct registry_fixture f;
    struct answer answer;
    enum fg_store_kind backend = *(enum fg_store_kind *)*state;
    registry_open(&f, backend);
    expect(&f, NULL, "GET", "/readyz", NULL, 200);
    assert_true(metric(&f, "\nflexgrid_areas_served 0\n"));
    alter(&f, "ALTER TABLE migration RENAME TO migration_gone");
    expect_unavailable(&f, NULL, "GET", "/readyz", NULL);
    assert_true(metric(&f, "\nflexgrid_database_up 0\n"));
    expect(&f, NULL, "GET", "/healthz", NULL, 200);
    alter(&f, "ALTER TABLE migration_gone RENAME TO migration");
    expect(&f, NULL, "GET", "/readyz", NULL, 200);
    if (backend == FG_STORE_POSTGRESQL) { /* the whole server goes and comes back */
        postgres_kill(&fixture_server);
        expect_unavailable(&f, NULL, "GET", "/readyz", NULL);
        assert_true(metric(&f, "\nflexgrid_database_up 0\n"));
        expect_unavailable(&f, f.fmo, "GET", "/v1/organisations", NULL);
        expect(&f, NULL, "GET", "/healthz", NULL, 200);
        postgres_restart(&fixture_server);
        for (int i = 0; i < 100 && status_of(&f, NULL, "GET", "/readyz", NULL, &answer) != 200; i++) {
            answer_release(&answer);
            usleep(100000);
        }
        answer_release(&answer);
        expect(&f, NULL, "GET", "/readyz", NULL, 200);
        expect(&f, f.fmo, "GET", "/v1/organisations", NULL, 200);
        assert_true(metric(&f, "\nflexgrid_database_up 1\n"));
    }
    registry_close(&f);
}

/* Kept answers go when they have expired, also when nobody saves another one. */
static void expired_answers(void **state)
{
    struct registry_fixture f;
    struct fg_error err = {0};
    char text[400];
    registry_open(&f, *(enum fg_store_kind *)*state);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text,
                 *(enum fg_store_kind *)*state == FG_STORE_SQLITE
                     ? "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) VALUES ('o', 'k%d', x'00', 200, '', x'00', %lld)"
                     : "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) VALUES ('o', 'k%d', '\\x00', 200, '', '\\x00', %lld)",
                 i, (long long)(f.now_us + (i == 2 ? 1000000 : -1000000 * (int64_t)i)));
        alter(&f, text);
    }
    /* another server comes up: it looks at once */
    struct fg_exchange_options options = {.store_url = f.url, .node = "second", .clock_us = registry_clock, .clock_context = &f};
    struct fg_exchange *second;
    fixture_expect(fg_exchange_start(&options, &second, &err), &err);
    fg_exchange_stop(second);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM idempotency"), 1);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM idempotency WHERE key = 'k2'"), 1);
    registry_close(&f);
}

/* A product's baseline rule that contradicts itself is refused when it is set up, at its place. */
static void contradictory_rule(void **state)
{
    struct registry_fixture f;
    char area[32], path[100];
    struct answer answer;
    registry_open(&f, *(enum fg_store_kind *)*state);
    call_for(&f, f.fmo, "POST", "/v1/areas",
             "{\"name\":\"A\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"network_mode\":\"off\",\"stale_rule\":\"block\","
             "\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\",\"price_step\":\"0.01\"}",
             201, "id", area, sizeof area);
    snprintf(path, sizeof path, "/v1/areas/%s/products", area);
#define PRODUCT(rule)                                                                                                  \
    "{\"name\":\"Intraday\",\"kind\":\"active\",\"opening_days\":1,\"opening_clock_seconds\":0,\"closure_lead_seconds\":3600,\"tolerance_share\":\"0.1\"," \
    "\"tolerance\":\"0\",\"penalty_factor\":\"0.5\",\"penalty\":\"10\",\"baseline_rule\":" rule "}"
    assert_int_equal(status_of(&f, f.fmo, "POST", path, PRODUCT("{\"method\":\"days\",\"days\":3,\"days_used\":5,\"look_back_days\":30}"), &answer), 422);
    assert_non_null(strstr(answer.body.data, "\"pointer\":\"/baseline_rule\""));
    answer_release(&answer);
    assert_int_equal(status_of(&f, f.fmo, "POST", path,
                               PRODUCT("{\"method\":\"days\",\"days\":5,\"days_used\":3,\"look_back_days\":30,\"adjustment\":\"ratio\",\"cap\":\"0.2\"}"),
                               &answer), 422); /* an adjustment needs a window */
    answer_release(&answer);
    /* x of y days with same-day adjustment: everything that the rule knows can be said, and is there when it is read */
    json_t *made = call(&f, f.fmo, "POST", path,
                        PRODUCT("{\"method\":\"days\",\"days\":5,\"days_used\":3,\"look_back_days\":30,\"pick\":\"middle\",\"adjustment\":\"ratio\","
                                "\"window_lead_units\":4,\"window_units\":8,\"cap\":\"0.2\"}"), 201);
    json_t *rule = json_object_get(made, "baseline_rule");
    assert_string_equal(json_string_value(json_object_get(rule, "pick")), "middle");
    assert_string_equal(json_string_value(json_object_get(rule, "cap")), "0.2");
    assert_int_equal(json_integer_value(json_object_get(rule, "window_units")), 8);
    json_decref(made);
    registry_close(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(refused_statement), ON_BOTH(expired_answers), ON_BOTH(contradictory_rule), ON_BOTH(area_without_location),
                                       {"unforeseen_constraint (PostgreSQL)", unforeseen_constraint, NULL, NULL, &fixture_postgresql},
                                       ON_BOTH(readiness)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
