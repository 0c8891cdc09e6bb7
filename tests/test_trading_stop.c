/* A graceful stop under load: clients go on sending orders while the server gets SIGTERM. It ends by itself and in time; what it acknowledged is
 * there, once; every request that it did not answer can be repeated under its key at the next server, and then every order is there exactly once. */
#include "support/market_fixture.h"
#include "support/trading_server.h"

#include "base/instant.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { CLIENTS = 6, ORDERS_MAX = 800, STOP_SECONDS = 10 };

struct load {
    pthread_t thread;
    int number;
    uint16_t port;
    const char *start;
    _Atomic bool *is_over;
    size_t sent;
    long status[ORDERS_MAX];           /* 0: no answer */
    long long order[ORDERS_MAX];       /* as acknowledged */
};

static void order_of(const struct load *load, size_t n, char body[400], char key[40])
{
    snprintf(key, 40, "key-%d-%zu", load->number, n);
    snprintf(body, 400, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"start\":\"%s\",\"quantity\":[\"0.001\"],"
                        "\"price\":\"%d\",\"reference\":\"%s\"}", load->start, 50 + (int)(n % 50), key);
}

static long enter(const struct load *load, struct trading_client *client, size_t n, long long *order)
{
    char body[400], key[40];
    order_of(load, n, body, key);
    long status = trading_ask(client, "agg", "POST", "/v1/areas/area-1/orders", key, body);
    json_t *answer = status == 201 ? json_loads(client->body.data, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(json_array_get(json_object_get(answer, "orders"), 0), "order"));
    *order = id != NULL ? atoll(id + 4) : 0;
    json_decref(answer);
    return status;
}

static void *send_orders(void *context)
{
    struct load *load = context;
    struct trading_client client;
    trading_client_open(&client, load->port);
    curl_easy_setopt(client.curl, CURLOPT_TIMEOUT, 15L);
    while (!atomic_load(load->is_over) && load->sent < ORDERS_MAX) {
        size_t n = load->sent++;
        load->status[n] = enter(load, &client, n, &load->order[n]);
        if (load->status[n] == 0)
            usleep(20000); /* the server is gone */
    }
    trading_client_close(&client);
    return NULL;
}

static void stop_under_load(void **state)
{
    static struct load loads[CLIENTS];
    char url[200], folder[80], start[FG_INSTANT_TEXT];
    _Atomic bool is_over = false;
    struct fg_store *store = fixture_open(state, url);
    market_make(store);
    fg_store_close(store);
    snprintf(folder, sizeof folder, "%s/server%d", fixture_folder, fixture_count);
    struct trading_process server = trading_start(url, folder, "one");
    assert_int_not_equal(server.port, 0);
    fg_instant_format(((int64_t)time(NULL) / 900 + 9) * 900, start);
    memset(loads, 0, sizeof loads);
    for (int c = 0; c < CLIENTS; c++) {
        loads[c] = (struct load){.number = c, .port = server.port, .start = start, .is_over = &is_over};
        assert_int_equal(pthread_create(&loads[c].thread, NULL, send_orders, &loads[c]), 0);
    }
    usleep(1500000);
    double begun = fg_clock_seconds();
    int status = trading_stop(&server, SIGTERM);
    double seconds = fg_clock_seconds() - begun;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (seconds > STOP_SECONDS)
        fail_msg("the stop took %.1f s", seconds);
    usleep(200000);
    atomic_store(&is_over, true);
    size_t acknowledged = 0, unanswered = 0, refused = 0;
    for (int c = 0; c < CLIENTS; c++) {
        pthread_join(loads[c].thread, NULL);
        for (size_t n = 0; n < loads[c].sent; n++) {
            long got = loads[c].status[n];
            if (got != 201 && got != 0 && got != 503)
                fail_msg("an answer of %ld while the server stopped", got);
            acknowledged += got == 201;
            refused += got == 503;
            unanswered += got == 0;
        }
    }
    assert_true(acknowledged >= 20); /* there was a load */

    /* The next server: each order under its key again. */
    server = trading_start(url, folder, "one");
    assert_int_not_equal(server.port, 0);
    struct trading_client client;
    trading_client_open(&client, server.port);
    size_t total = 0;
    for (int c = 0; c < CLIENTS; c++)
        for (size_t n = 0; n < loads[c].sent; n++) {
            long long order = 0;
            total++;
            if (loads[c].status[n] != 201 || n % 7 == 0) { /* also some that were answered */
                assert_int_equal(enter(&loads[c], &client, n, &order), 201);
                assert_true(loads[c].status[n] != 201 || order == loads[c].order[n]);
                loads[c].order[n] = order;
            }
        }
    trading_client_close(&client);
    assert_int_equal(trading_stop(&server, SIGTERM), 0);
    store = fixture_open_url(url);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM book_order"), total);
    assert_int_equal(fixture_number(store, "SELECT count(DISTINCT reference) FROM book_order"), total);
    for (int c = 0; c < CLIENTS; c++)
        for (size_t n = 0; n < loads[c].sent; n++) {
            char key[40];
            struct fg_error err = {0};
            struct fg_sql *sql;
            snprintf(key, sizeof key, "key-%d-%zu", c, n);
            fixture_expect(fg_sql_prepare(store, "SELECT count(*) FROM book_order WHERE id = $1 AND reference = $2", &sql, &err), &err);
            fg_sql_int64(sql, 1, loads[c].order[n]);
            fg_sql_text(sql, 2, key);
            fixture_expect(fg_sql_one(sql, &err), &err);
            assert_int_equal(fg_sql_column_int64(sql, 0), 1);
            fg_sql_done(sql);
        }
    fg_store_close(store);
    printf("stopped in %.2f s: %zu orders acknowledged, %zu refused with 503, %zu without answer; %zu there, each once\n", seconds, acknowledged, refused,
           unanswered, total);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--serve") == 0) {
        trading_serve(argv[2], argv[3], argv[4], STDOUT_FILENO);
        return 1;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(stop_under_load)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
