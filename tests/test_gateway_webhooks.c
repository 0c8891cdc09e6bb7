/* Webhooks: signatures, order, repetition, exchange of secrets, rights at the moment of sending, what is not called; and a server that is killed. */
#include "registry_fixture.h"
#include "support/receiver.h"

#include "gateway/address.h"
#include "gateway/forward.h"

#include <gnutls/crypto.h>
#include <netdb.h>

#define AREA                                                                                                           \
    "{\"name\":\"Athens\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"stale_rule\":\"block\","            \
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
        {"not_called (SQLite)", not_called, NULL, NULL, &fixture_sqlite},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
