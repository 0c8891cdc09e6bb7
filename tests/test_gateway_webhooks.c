/* Webhooks: signatures, order, repetition, exchange of secrets, rights at the moment of sending, what is not called; and a server that is killed. */
#include "registry_fixture.h"
#include "support/receiver.h"

#include "atp/secret.h"
#include "gateway/address.h"
#include "gateway/forward.h"

#include <gnutls/crypto.h>
#include <netdb.h>

#define AREA                                                                                                           \
    "{\"name\":\"Athens\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"stale_rule\":\"block\","            \
    "\"network_mode\":\"off\",\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\","         \
    "\"price_step\":\"0.01\"}"
#define QUIET_AREA                                                                                                     \
    "{\"name\":\"Quiet\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"stale_rule\":\"block\","             \
    "\"network_mode\":\"off\",\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\","         \
    "\"price_step\":\"0.01\"}"
#define DAY_US (INT64_C(86400) * 1000000)

struct world {
    struct registry_fixture f;
    struct receiver receiver;
    struct party aggregator, other, dso;
    char webhook[32], secret[100];
};

static void world_open(struct world *w, void **state, bool is_strict)
{
    struct fg_http_policy policy = {.plain_http = !is_strict, .private_addresses = !is_strict};
    struct fg_error err = {0};
    registry_open(&w->f, *(enum fg_store_kind *)*state);
    fixture_expect(fg_application_reach_out(&w->f.application, &policy, &err), &err);
    receiver_start(&w->receiver);
    register_party(&w->f, "aggregator", "\"aggregator\"", true, &w->aggregator);
    register_party(&w->f, "other", "\"aggregator\"", true, &w->other);
    register_party(&w->f, "dso", "\"dso\"", true, &w->dso);
    expect(&w->f, w->f.fmo, "POST", "/v1/areas", AREA, 201);
    expect(&w->f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"Feeder\"}", 201);
    fg_exchange_refresh(w->f.application.exchange);
}
static void world_close(struct world *w)
{
    registry_close(&w->f);
    receiver_stop(&w->receiver);
}
static void make_webhook(struct world *w, const char *kinds)
{
    char body[400];
    snprintf(body, sizeof body, "{\"area\":\"area-1\",\"url\":\"http://127.0.0.1:%u/hook\",\"kinds\":\"%s\"}", w->receiver.port, kinds);
    json_t *made = call(&w->f, w->aggregator.token, "POST", "/v1/webhooks", body, 201);
    snprintf(w->webhook, sizeof w->webhook, "%s", json_string_value(json_object_get(made, "id")));
    snprintf(w->secret, sizeof w->secret, "%s", json_string_value(json_object_get(made, "secret")));
    json_decref(made);
}
static const char *path_of(const struct world *w, const char *rest, char path[100])
{
    snprintf(path, 100, "/v1/webhooks/%s%s", w->webhook, rest);
    return path;
}
static void say(struct world *w, const char *text)
{
    char body[200];
    snprintf(body, sizeof body, "{\"text\":\"%s\"}", text);
    expect(&w->f, w->f.fmo, "POST", "/v1/areas/area-1/messages", body, 200);
}
static json_t *seen(struct world *w)
{
    char path[100];
    return call(&w->f, w->aggregator.token, "GET", path_of(w, "", path), NULL, 200);
}
/* Until the member is so. */
static void wait_for(struct world *w, const char *member, const char *value)
{
    for (int tries = 0; tries < 1500; tries++) {
        json_t *webhook = seen(w);
        const char *text = json_string_value(json_object_get(webhook, member));
        bool is_so = text != NULL && strcmp(text, value) == 0;
        json_decref(webhook);
        if (is_so)
            return;
        usleep(10000);
    }
    fail_msg("%s does not become %s", member, value);
}

/* HMAC-SHA-256 by another library. */
static bool is_signed(const struct received *item, const char *with, int which)
{
    char signature[300], timestamp[40], text[5000], hex[65];
    unsigned char mac[32];
    received_header(item, "Flexgrid-Signature", signature, sizeof signature);
    received_header(item, "Flexgrid-Timestamp", timestamp, sizeof timestamp);
    int length = snprintf(text, sizeof text, "%s.%s", timestamp, item->body);
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, with, strlen(with), text, (size_t)length, mac) != 0)
        return false;
    for (int i = 0; i < 32; i++)
        sprintf(hex + 2 * i, "%02x", mac[i]);
    const char *at = signature;
    for (int i = 0; i < which && at != NULL; i++)
        at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL;
    return at != NULL && strncmp(at, "v1=", 3) == 0 && strncmp(at + 3, hex, 64) == 0;
}
static void expect_text(const struct received *item, const char *text)
{
    json_t *body = json_loads(item->body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "data"), "text")), text);
    json_decref(body);
}

static void delivered(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char path[100];
    world_open(w, state, false);
    say(w, "before"); /* not sent: it begins with the next event */
    make_webhook(w, "market.message");
    say(w, "one");
    assert_true(receiver_wait(&w->receiver, 1));
    expect_text(&w->receiver.items[0], "one");
    assert_true(is_signed(&w->receiver.items[0], w->secret, 0));
    assert_false(is_signed(&w->receiver.items[0], "whs_other", 0));

    /* Refused, then down: repeated only when its time has come, and nothing overtakes it. */
    receiver_say(&w->receiver, 500, NULL);
    say(w, "two");
    say(w, "three");
    assert_true(receiver_wait(&w->receiver, 2));
    wait_for(w, "failing_since", "2025-06-15T15:06:40Z");
    usleep(300000);
    assert_int_equal(receiver_count(&w->receiver), 2);
    w->f.now_us += 1300000; /* 1 s and at most a quarter more */
    fg_gateway_wake(w->f.application.gateway);
    assert_true(receiver_wait(&w->receiver, 3));
    expect_text(&w->receiver.items[2], "two");
    usleep(300000);
    w->f.now_us += 1300000; /* the second pause is longer than this */
    usleep(700000);
    assert_int_equal(receiver_count(&w->receiver), 3);
    receiver_say(&w->receiver, 204, NULL);
    w->f.now_us += 1300000;
    assert_true(receiver_wait(&w->receiver, 5));
    expect_text(&w->receiver.items[3], "two");
    expect_text(&w->receiver.items[4], "three");

    /* A redirect is a failure; its target hears nothing. */
    char location[100];
    snprintf(location, sizeof location, "http://127.0.0.1:%u/elsewhere", w->receiver.port);
    receiver_say(&w->receiver, 302, location);
    say(w, "four");
    assert_true(receiver_wait(&w->receiver, 6));
    usleep(300000);
    assert_int_equal(receiver_count(&w->receiver), 6);
    receiver_say(&w->receiver, 204, NULL);
    w->f.now_us += 1300000;
    assert_true(receiver_wait(&w->receiver, 7));
    for (size_t i = 0; i < 7; i++)
        assert_non_null(strstr(w->receiver.items[i].head, "POST /hook "));

    /* Two signatures for a day. */
    char old[100];
    snprintf(old, sizeof old, "%s", w->secret);
    call_for(&w->f, w->aggregator.token, "POST", path_of(w, "/rotate", path), NULL, 200, "secret", w->secret, sizeof w->secret);
    say(w, "five");
    assert_true(receiver_wait(&w->receiver, 8));
    assert_true(is_signed(&w->receiver.items[7], w->secret, 0));
    assert_true(is_signed(&w->receiver.items[7], old, 1));
    w->f.now_us += DAY_US + 1;
    log_in_as(&w->f, FMO_EMAIL, PASSWORD, w->f.fmo);
    log_in_as(&w->f, w->aggregator.email, PASSWORD, w->aggregator.token);
    say(w, "six");
    assert_true(receiver_wait(&w->receiver, 9));
    assert_true(is_signed(&w->receiver.items[8], w->secret, 0));
    assert_false(is_signed(&w->receiver.items[8], old, 1));

    /* A trial, what was sent, of others nothing; then the end. */
    json_t *ping = call(&w->f, w->aggregator.token, "POST", path_of(w, "/ping", path), NULL, 200);
    assert_string_equal(json_string_value(json_object_get(ping, "outcome")), "delivered");
    json_decref(ping);
    assert_true(is_signed(&w->receiver.items[9], w->secret, 0));
    for (int tries = 0; tries < 500 && registry_number(&w->f, "SELECT COUNT(*) FROM webhook_delivery") < 10; tries++)
        usleep(20000); /* an attempt is recorded after the receiver has it */
    json_t *deliveries = call(&w->f, w->aggregator.token, "GET", path_of(w, "/deliveries", path), NULL, 200);
    json_t *second = json_array_get(json_object_get(deliveries, "items"), 1);
    assert_int_equal(json_array_size(json_object_get(deliveries, "items")), 10);
    assert_string_equal(json_string_value(json_object_get(second, "outcome")), "failed");
    assert_int_equal(json_integer_value(json_object_get(second, "status")), 500);
    json_decref(deliveries);
    const char *rests[] = {"", "/deliveries"};
    for (size_t i = 0; i < 2; i++)
        expect(&w->f, w->f.fmo, "GET", path_of(w, rests[i], path), NULL, 404);
    log_in_as(&w->f, w->other.email, PASSWORD, w->other.token);
    expect(&w->f, w->other.token, "DELETE", path_of(w, "", path), NULL, 404);
    expect(&w->f, w->other.token, "POST", path_of(w, "/rotate", path), NULL, 404);
    expect(&w->f, w->other.token, "POST", path_of(w, "/ping", path), NULL, 404);
    expect(&w->f, w->aggregator.token, "DELETE", path_of(w, "", path), NULL, 204);
    say(w, "seven");
    usleep(700000);
    assert_int_equal(receiver_count(&w->receiver), 10);
    world_close(w);
    free(w);
}

/* Events of others are not sent, whatever is asked for; a webhook ends with the right of who made it, and after three days of failure. */
static void rights_and_patience(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char path[100];
    world_open(w, state, false);
    make_webhook(w, "");
    /* One private event for each organisation, one public. */
    const struct party *const parties[] = {&w->other, &w->aggregator};
    struct fg_forward forward = {.exchange = w->f.application.exchange, .area = 1};
    for (size_t i = 0; i < 2; i++) {
        int64_t organisation;
        assert_int_equal(fg_id_parse(FG_ID_ORGANISATION, parties[i]->id, &organisation, NULL), FG_OK);
        assert_int_equal(fg_forward_tell(&forward, "test.told", organisation, i == 0 ? "{\"to\":\"other\"}" : "{\"to\":\"owner\"}", NULL), FG_OK);
    }
    say(w, "public");
    assert_true(receiver_wait(&w->receiver, 2));
    assert_non_null(strstr(w->receiver.items[0].body, "\"to\":\"owner\""));
    assert_non_null(strstr(w->receiver.items[1].body, "public"));

    /* Three days of failure: disabled, and the owner is told. */
    receiver_say(&w->receiver, 503, NULL);
    say(w, "lost");
    size_t before = 2;
    assert_true(receiver_wait(&w->receiver, 3));
    for (int hour = 0; hour < 75; hour++) {
        w->f.now_us += INT64_C(3600) * 1000000 * 5 / 4;
        fg_gateway_wake(w->f.application.gateway);
        usleep(40000);
    }
    log_in_as(&w->f, w->aggregator.email, PASSWORD, w->aggregator.token);
    log_in_as(&w->f, FMO_EMAIL, PASSWORD, w->f.fmo);
    wait_for(w, "status", "disabled");
    for (int tries = 0; tries < 1000 && registry_number(&w->f, "SELECT COUNT(*) FROM event WHERE type = 'webhook.disabled'") == 0; tries++)
        usleep(20000);
    assert_int_equal(registry_number(&w->f, "SELECT COUNT(*) FROM event WHERE type = 'webhook.disabled'"), 1);

    /* Resumed it goes on where it stopped. */
    receiver_say(&w->receiver, 204, NULL);
    before = receiver_count(&w->receiver);
    expect(&w->f, w->aggregator.token, "POST", path_of(w, "/resume", path), NULL, 204);
    expect(&w->f, w->aggregator.token, "POST", path_of(w, "/resume", path), NULL, 409);
    assert_true(receiver_wait(&w->receiver, before + 1));
    assert_non_null(strstr(w->receiver.items[before].body, "lost"));

    /* Suspended: nothing more is sent. */
    usleep(500000);
    snprintf(path, sizeof path, "/v1/organisations/%s/decision", w->aggregator.id);
    expect(&w->f, w->f.fmo, "POST", path, "{\"decision\":\"suspend\",\"reason\":\"Unpaid\"}", 200);
    before = receiver_count(&w->receiver);
    say(w, "secret");
    for (int tries = 0; tries < 1000 && registry_number(&w->f, "SELECT COUNT(*) FROM webhook WHERE status = 'disabled'") == 0; tries++)
        usleep(20000);
    assert_int_equal(registry_number(&w->f, "SELECT COUNT(*) FROM webhook WHERE status = 'disabled'"), 1);
    for (size_t i = before; i < receiver_count(&w->receiver); i++)
        assert_null(strstr(w->receiver.items[i].body, "secret"));
    world_close(w);
    free(w);
}

/* How many public or other addresses a name stands for. */
static int addresses_of(const char *host, bool is_public)
{
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
    int count = 0;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return 0;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next)
        count += fg_address_is_public(at->ai_addr) == is_public;
    freeaddrinfo(list);
    return count;
}

/* One that is deleted while it is sent to gets nothing more. */
static void deleted_meanwhile(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char path[100];
    world_open(w, state, false);
    receiver_say(&w->receiver, 500, NULL);
    make_webhook(w, "market.message");
    say(w, "one");
    assert_true(receiver_wait(&w->receiver, 1));
    for (int tries = 0; registry_number(&w->f, "SELECT COUNT(*) FROM webhook WHERE attempts = 1") == 0; tries++) {
        assert_true(tries < 500);
        usleep(20000);
    }
    say(w, "two");
    say(w, "three");
    receiver_say(&w->receiver, 204, NULL);
    pthread_mutex_lock(&w->receiver.mutex); /* the next request waits for its answer */
    w->f.now_us += INT64_C(10) * 1000000;
    for (int tries = 0; atomic_load(&w->receiver.arrived) < 2; tries++) {
        assert_true(tries < 500);
        usleep(20000);
    }
    expect(&w->f, w->aggregator.token, "DELETE", path_of(w, "", path), NULL, 204);
    pthread_mutex_unlock(&w->receiver.mutex);
    assert_true(receiver_wait(&w->receiver, 2));
    usleep(1500000);
    assert_int_equal(receiver_count(&w->receiver), 2);
    world_close(w);
    free(w);
}

/* More of them than one look serves, all without events: they keep none waiting, whatever their numbers are. */
static void many_idle(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    world_open(w, state, false);
    expect(&w->f, w->f.fmo, "POST", "/v1/areas", QUIET_AREA, 201);
    make_webhook(w, "market.message");
    struct fg_store *store = fixture_open_url(w->f.url);
    fixture_execute(store, "UPDATE webhook SET id = 2001");
    fixture_execute(store, "INSERT INTO webhook (id, organisation_id, area_id, url, kinds, secret, status, incarnation, position, attempts, next_us, "
                           "created_by, created_us, version) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                           "SELECT n.i, w.organisation_id, 2, w.url, w.kinds, w.secret, 'active', w.incarnation, 0, 0, 0, w.created_by, 0, 1 FROM "
                           "webhook w CROSS JOIN n");
    fg_store_close(store);
    assert_int_equal(registry_number(&w->f, "SELECT COUNT(*) FROM event WHERE area_id = 2"), 0);
    say(w, "heard");
    assert_true(receiver_wait(&w->receiver, 1));
    expect_text(&w->receiver.items[0], "heard");
    world_close(w);
    free(w);
}

/* A request that the receiver has had from the item on; the item after it. 0: none after ten seconds. */
static size_t wait_for_request(struct receiver *receiver, size_t from, const char *head, const char *body)
{
    for (int tries = 0; tries < 500; tries++, usleep(20000))
        for (size_t i = from, count = receiver_count(receiver); i < count; i++)
            if (strstr(receiver->items[i].head, head) != NULL && strstr(receiver->items[i].body, body) != NULL)
                return i + 1;
    return 0;
}

/* A balancing market that refuses a withdrawal, or fails with a bid, is asked for its results all the same, and the other bids go on. */
static void stubborn_market(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct fg_error err = {0};
    unsigned char sealed[200];
    char url[100];
    static const char key[] = "key";
    world_open(w, state, false);
    receiver_say(&w->receiver, 200, NULL);
    receiver_give(&w->receiver, "{\"items\":[]}", NULL);
    receiver_say_to(&w->receiver, "POST /v1/withdrawals", 422);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", w->receiver.port);
    fg_secret_seal(fg_platform_options(w->f.application.platform)->secret, "balancing_market.key", key, strlen(key), sealed);
    struct fg_store *store = fixture_open_url(w->f.url);
    fixture_execute(store, "INSERT INTO forward_bid (id, area_id, control_area, state, regulation, location_id, brp_id, first_period, period_count, "
                           "quantity_w, least_w, price_u, called_w, deadline_us, expires_us, created_us, changed_us, version) VALUES "
                           "(1, 1, 'GR', 'returning', 0, 1, 0, 2000000, 1, 1000000, 0, 50000000, 0, 1900000000000000, 1900000000000000, 0, 0, 1), "
                           "(2, 1, 'GR', 'returning', 0, 1, 0, 2000000, 1, 1000000, 0, 60000000, 0, 1900000000000000, 1900000000000000, 0, 0, 1)");
    fixture_expect(fg_change(store, NULL, &err,
                             "INSERT INTO balancing_market (area_id, control_area, organisation_id, name, url, key, bid_min_w, lead_s, grace_s, "
                             "enabled, position, changed_by, changed_us, version) VALUES (1, 'GR', 1, 'B', $1, $2, 1, 0, 0, 1, 0, 1, 0, 1)",
                             "tb", (const char *)url, (const void *)sealed, fg_sealed_size(strlen(key))), &err);
    fg_gateway_wake(w->f.application.gateway);
    assert_true(wait_for_request(&w->receiver, 0, "POST /v1/withdrawals", "fwd-1") > 0);
    assert_true(wait_for_request(&w->receiver, 0, "POST /v1/withdrawals", "fwd-2") > 0);
    assert_true(wait_for_request(&w->receiver, 0, "GET /v1/results", "") > 0);

    receiver_say_to(&w->receiver, "POST /v1/bids", 503);
    fixture_execute(store, "UPDATE forward_bid SET state = 'prepared'");
    fg_store_close(store);
    size_t at = wait_for_request(&w->receiver, 0, "POST /v1/bids", "fwd-1");
    assert_true(at > 0);
    assert_true(wait_for_request(&w->receiver, at, "GET /v1/results", "") > 0);
    world_close(w);
    free(w);
}

/* As configured for work: only https to public addresses, by text and by what a name stands for. */
static void not_called(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char body[400], host[200], path[100];
    world_open(w, state, true);
    const char *const urls[] = {"http://127.0.0.1:8080/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://localhost/",
                                "https://169.254.169.254/", "http://example.org/", "ftp://example.org/", "https://u:p@example.org/"};
    for (size_t i = 0; i < FG_COUNT_OF(urls); i++) {
        snprintf(body, sizeof body, "{\"area\":\"area-1\",\"url\":\"%s\"}", urls[i]);
        expect(&w->f, w->aggregator.token, "POST", "/v1/webhooks", body, 422);
    }
    expect(&w->f, w->aggregator.token, "POST", "/v1/webhooks", "{\"area\":\"area-1\",\"url\":\"https://example.org/\",\"kinds\":\"A; DROP\"}", 422);
    /* A name that stands for this machine: whether it does is known when it is called. Where all its addresses are private the call is
     * refused for them; a server that did not look would be answered by the receiver, which does not speak TLS: "failed". */
    assert_int_equal(gethostname(host, sizeof host), 0);
    int private_count = addresses_of(host, false), public_count = addresses_of(host, true);
    snprintf(body, sizeof body, "{\"area\":\"area-1\",\"url\":\"https://%s:%u/\"}", host, w->receiver.port);
    call_for(&w->f, w->aggregator.token, "POST", "/v1/webhooks", body, 201, "id", w->webhook, sizeof w->webhook);
    json_t *ping = call(&w->f, w->aggregator.token, "POST", path_of(w, "/ping", path), NULL, 200);
    if (private_count > 0 && public_count == 0)
        assert_string_equal(json_string_value(json_object_get(ping, "outcome")), "refused");
    else
        print_message("%s has %d private and %d public addresses: the refusal is left out\n", host, private_count, public_count);
    assert_string_not_equal(json_string_value(json_object_get(ping, "outcome")), "delivered");
    assert_int_equal(json_integer_value(json_object_get(ping, "status")), 0);
    json_decref(ping);
    assert_int_equal(receiver_count(&w->receiver), 0);
    world_close(w);
    free(w);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(delivered),
        ON_BOTH(rights_and_patience),
        ON_BOTH(deleted_meanwhile),
        ON_BOTH(many_idle),
        ON_BOTH(stubborn_market),
        {"not_called (SQLite)", not_called, NULL, NULL, &fixture_sqlite},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
