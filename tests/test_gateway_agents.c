/* Market agents: answers in JSON and CSV become series; what is wrong with them; unchanged answers; staleness; rights. */
#include "registry_fixture.h"
#include "support/receiver.h"

#include "gateway/agent.h"

static enum fg_code parse(enum fg_agent_format format, const char *rows, const char *time, const char *value, const char *text,
                          struct fg_samples *samples)
{
    struct fg_error err;
    struct fg_agent agent = {.format = format, .rows = rows, .time_member = time, .value_member = value, .places = 2, .step_s = 900};
    return fg_agent_parse(&agent, text, strlen(text), samples, &err);
}

static void answers(void **state)
{
    struct fg_samples s = {0};
    (void)state;
    /* Nested members, an offset (+02:00 is 10:15Z), any order, a null, a finer value (half away from zero), a text. */
    static const char json[] = "{\"a~/b\":{\"p\":[{\"at\":{\"s\":\"2025-03-29T12:15:00+02:00\"},\"v\":-1.125},{\"at\":{\"s\":\"2025-03-29T10:00:00Z\"},"
                               "\"v\":\"85.5\"},{\"at\":{\"s\":\"2025-03-29T10:30:00Z\"},\"v\":null},{\"at\":{\"s\":1743244200},\"v\":7}]}}";
    assert_int_equal(parse(FG_AGENT_JSON, "/a~0~1b/p", "/at/s", "/v", json, &s), FG_OK);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.items[0].time_s, 1743242400);
    assert_int_equal(s.items[0].value.integer, 8550);
    assert_int_equal(s.items[1].time_s, 1743243300);
    assert_int_equal(s.items[1].value.integer, -113);
    assert_int_equal(s.items[2].value.integer, 700);
    assert_int_equal(parse(FG_AGENT_CSV, "", "time", "price", "zone;time;price\nA;1743242400;85.5\nA;2025-03-29T10:15:00Z;\nA;1743244200;-3\n", &s), FG_OK);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.items[1].value.integer, -300);
    static const struct {
        enum fg_agent_format format;
        const char *rows, *time, *value, *text;
    } bad[] = {
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":\"2025-03-29T10:00:01Z\",\"v\":1}]"}, /* no multiple of the step */
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":\"today\",\"v\":1}]"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"v\":1}]"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":1743242400000,\"v\":1}]"}, /* milliseconds */
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":-9223372036854774900,\"v\":1}]"}, /* a multiple of the step */
        {FG_AGENT_CSV, "", "time", "price", "time;price\n1743242400000;1\n"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":900,\"v\":\"dear\"}]"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":900,\"v\":1e300}]"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":900,\"v\":{}}]"},
        {FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":900,\"v\":1},{\"t\":900,\"v\":2}]"}, /* two values */
        {FG_AGENT_JSON, "/rows", "/t", "/v", "{}"},
        {FG_AGENT_JSON, "", "/t", "/v", "<html>"},
        {FG_AGENT_CSV, "", "time", "price", "time;cost\n900;1\n"},
        {FG_AGENT_CSV, "", "time", "price", "time;price\n900;x\n"},
    };
    for (size_t i = 0; i < FG_COUNT_OF(bad); i++) {
        if (parse(bad[i].format, bad[i].rows, bad[i].time, bad[i].value, bad[i].text, &s) == FG_OK)
            fail_msg("taken: %s", bad[i].text);
        assert_int_equal(s.count, 0);
    }
    assert_int_equal(parse(FG_AGENT_JSON, "", "/t", "/v", "[{\"t\":900,\"v\":1},{\"t\":900,\"v\":1}]", &s), FG_OK); /* the same twice */
    assert_int_equal(s.count, 1);
    fg_samples_release(&s);
}

static json_t *wait_for(struct registry_fixture *f, const char *token, const char *member, bool is_there)
{
    for (int tries = 0; tries < 1500; tries++) {
        json_t *agents = call(f, token, "GET", "/v1/market-agents", NULL, 200);
        json_t *item = json_array_get(json_object_get(agents, "items"), 0);
        if (json_is_string(json_object_get(item, member)) == is_there) {
            item = json_incref(item);
            json_decref(agents);
            return item;
        }
        json_decref(agents);
        usleep(10000);
    }
    fail_msg("%s does not change", member);
    return NULL;
}

static void fetched(void **state)
{
    struct fg_http_policy policy = {.plain_http = true, .private_addresses = true};
    struct registry_fixture f;
    struct receiver market;
    struct party aggregator, other;
    struct fg_error err = {0};
    char body[800], values[200];
    registry_open(&f, *(enum fg_store_kind *)*state);
    fixture_expect(fg_application_reach_out(&f.application, &policy, &err), &err);
    receiver_start(&market);
    receiver_say(&market, 200, NULL);
    receiver_give(&market, "{\"prices\":[{\"start\":\"2025-06-15T16:00:00Z\",\"eur\":85.5},{\"start\":\"2025-06-15T16:15:00Z\",\"eur\":-3}]}", "\"one\"");
    register_party(&f, "aggregator", "\"aggregator\"", true, &aggregator);
    register_party(&f, "other", "\"aggregator\"", true, &other);
#define ENTRY(url) "{\"name\":\"Prices\",\"url\":\"" url "\",\"format\":\"json\",\"rows\":\"/prices\",\"time\":\"/start\",\"value\":\"/eur\",\"unit\":\"EUR/MWh\"," \
                   "\"places\":2,\"step_seconds\":900,\"every_seconds\":300,\"stale_seconds\":3600,\"quality\":\"estimated\",\"source\":\"Exchange\","             \
                   "\"licence\":\"CC BY 4.0\"}"
    expect(&f, aggregator.token, "POST", "/v1/market-agents", ENTRY("ftp://example.org/"), 422);
    snprintf(body, sizeof body, ENTRY("http://127.0.0.1:%u/day-ahead"), market.port);
    expect(&f, aggregator.token, "POST", "/v1/market-agents", body, 201);
    expect(&f, aggregator.token, "POST", "/v1/market-agents", body, 409); /* the name */
    json_t *agent = wait_for(&f, aggregator.token, "fetched_at", true);
    assert_string_equal(json_string_value(json_object_get(agent, "latest")), "2025-06-15T16:15:00Z");
    assert_false(json_is_true(json_object_get(agent, "stale")));
    json_decref(agent);
    snprintf(values, sizeof values, "/v1/market-agents/agt-1/values?from=2025-06-15T00:00:00Z&to=2025-06-16T00:00:00Z");
    json_t *got = call(&f, aggregator.token, "GET", values, NULL, 200), *items = json_object_get(got, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "value")), "85.5");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "quality")), "estimated");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "value")), "-3");
    json_decref(got);
    /* It is the owner's, and the market operator's to see. */
    expect(&f, other.token, "GET", values, NULL, 404);
    expect(&f, other.token, "DELETE", "/v1/market-agents/agt-1", NULL, 404);
    expect(&f, f.fmo, "GET", values, NULL, 200);

    /* Asked again with its tag, not before its time. */
    size_t before = receiver_count(&market);
    usleep(700000);
    assert_int_equal(receiver_count(&market), before);
    f.now_us += INT64_C(301) * 1000000;
    assert_true(receiver_wait(&market, before + 1));
    char tag[60];
    assert_string_equal(received_header(&market.items[before], "If-None-Match", tag, sizeof tag), "\"one\"");

    /* A correction, then nonsense: what is there stays, the failure shows, and staleness. */
    receiver_give(&market, "{\"prices\":[{\"start\":\"2025-06-15T16:00:00Z\",\"eur\":86}]}", "\"two\"");
    f.now_us += INT64_C(301) * 1000000;
    for (int tries = 0; tries < 500; tries++) {
        got = call(&f, aggregator.token, "GET", values, NULL, 200);
        bool is_corrected = strcmp(json_string_value(json_object_get(json_array_get(json_object_get(got, "items"), 0), "value")), "86") == 0;
        json_decref(got);
        if (is_corrected)
            break;
        assert_true(tries < 499);
        usleep(20000);
    }
    receiver_give(&market, "<html>maintenance</html>", "\"three\"");
    f.now_us += INT64_C(301) * 1000000;
    agent = wait_for(&f, aggregator.token, "failure", true);
    assert_false(json_is_true(json_object_get(agent, "stale")));
    json_decref(agent);
    f.now_us += INT64_C(3700) * 1000000;
    agent = wait_for(&f, aggregator.token, "failing_since", true);
    assert_true(json_is_true(json_object_get(agent, "stale")));
    json_decref(agent);
    got = call(&f, aggregator.token, "GET", values, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(got, "items")), 2);
    json_decref(got);

    /* An answer that cannot be stored is the agent's failure too, and it moves on. */
    struct fg_store *store = fixture_open_url(f.url);
    fixture_execute(store, "UPDATE series SET name = 'elsewhere' WHERE name = 'agent/1'");
    receiver_give(&market, "{\"prices\":[{\"start\":\"2025-06-15T16:00:00Z\",\"eur\":87}]}", "\"four\"");
    f.now_us += INT64_C(301) * 1000000;
    for (int tries = 0; fixture_number(store, "SELECT COUNT(*) FROM market_agent WHERE failure LIKE '%no time series%'") == 0; tries++) {
        assert_true(tries < 500);
        usleep(20000);
    }
    fixture_execute(store, "UPDATE series SET name = 'agent/1' WHERE name = 'elsewhere'");
    fg_store_close(store);
    expect(&f, aggregator.token, "DELETE", "/v1/market-agents/agt-1", NULL, 204);
    expect(&f, aggregator.token, "GET", values, NULL, 404);
    registry_close(&f);
    receiver_stop(&market);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), ON_BOTH(fetched)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
