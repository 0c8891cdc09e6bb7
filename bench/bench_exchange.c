/* Durable trading over HTTPS, client on the same machine: operations a second in batches of 100 and one by one.
 *
 * The server is a process of its own with the real exchange, audit, events and idempotency keys; every operation has a key.
 * Mix: 60 % new orders (20 % of them with a minimum fraction), 25 % amendments, 10 % cancellations, 5 % requests that
 * trade. An operation counts when its answer has come: it is on disk then. Printed: operations a second, latency of the
 * requests (median, p99), processor seconds of the server, and the bars of docs/trading.md with pass or FAIL.
 *
 * Usage: bench_exchange [sqlite|postgresql [SECONDS [batch|single]]]: a new folder, or a PostgreSQL server of its own; both without
 * an argument. */
#include "measure.h"

#include "support/market_rows.h"
#include "support/postgres.h"
#include "support/trading_server.h"

#include "base/instant.h"
#include "base/random.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 100, BATCH_CLIENTS = 8, SINGLE_CLIENTS = 64, KNOWN = 4096, LATENCIES = 2000000 };

static char start[FG_INSTANT_TEXT];
static double ends_at;
static _Atomic long offer_batches; /* of which every nineteenth is followed by one of requests: 5 % */
static _Atomic long request_batches;

struct client {
    pthread_t thread;
    uint16_t port;
    int number, batch;
    uint64_t counter;
    struct fg_random random;
    long long open[KNOWN]; /* own orders that were entered last */
    size_t open_count;
    size_t operations, refused, failures, requests;
    double *latencies;
};

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

enum step { ENTER, AMEND, CANCEL, TRADE };
static enum step choose(struct client *c)
{
    unsigned dice = (unsigned)(fg_random_next(&c->random) % 100);
    enum step step = dice < 60 ? ENTER : dice < 85 ? AMEND : dice < 95 ? CANCEL : TRADE;
    return c->open_count == 0 && (step == AMEND || step == CANCEL) ? ENTER : step;
}

/* Offers rest between 80 and 180; a request at 79.5 to 82 takes the best of them. */
static void put_entry(struct client *c, bool trades, struct fg_text *text)
{
    unsigned dice = (unsigned)(fg_random_next(&c->random) % 1000);
    fg_text_printf(text, "{\"side\":\"%s\",\"product\":\"active\",\"regulation\":\"up\",%s\"start\":\"%s\",\"quantity\":[\"0.0%02u\"],"
                         "\"price\":\"%u.%u\"%s%s}",
                   trades ? "buy" : "sell", trades ? "\"kind\":\"need\",\"location\":\"loc-1\"," : "\"portfolio\":\"pf-10\",",
                   start, 10 + dice % 80, 80 + dice / 10 % (trades ? 3 : 100), dice % 10,
                   !trades && dice % 5 == 0 ? ",\"minimum_fraction\":\"0.5\"" : "", trades ? ",\"validity\":\"ioc\"" : "");
}

static long long pick(struct client *c, bool takes)
{
    size_t at = (size_t)(fg_random_next(&c->random) % c->open_count);
    long long id = c->open[at];
    if (takes)
        c->open[at] = c->open[--c->open_count];
    return id;
}

static void learn(struct client *c, const json_t *receipt)
{
    long long id;
    const json_t *order = json_array_get(json_object_get(receipt, "orders"), 0);
    if (json_is_array(json_object_get(order, "remaining")) &&
        sscanf(json_string_value(json_object_get(order, "order")), "ord-%lld", &id) == 1) {
        if (c->open_count < KNOWN)
            c->open[c->open_count++] = id;
        else
            c->open[(size_t)(fg_random_next(&c->random) % KNOWN)] = id;
    }
}

/* Whether it has asked. */
static bool run_batch(struct client *c, struct trading_client *http, struct fg_text *text)
{
    enum step steps[BATCH];
    bool buys = c->number == 0;
    if (buys && offer_batches < 19 * (request_batches + 1)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        return false;
    }
    (void)(buys ? request_batches++ : offer_batches++);
    text->length = 0;
    fg_text_puts(text, "{\"items\":[");
    for (int i = 0; i < BATCH; i++) {
        while ((steps[i] = buys ? TRADE : choose(c)) == TRADE && !buys)
            ;
        fg_text_printf(text, "%s{\"action\":\"%s\",\"key\":\"c%d-%llu\",", i > 0 ? "," : "",
                       steps[i] == AMEND ? "amend" : steps[i] == CANCEL ? "cancel" : "enter", c->number,
                       (unsigned long long)c->counter++);
        if (steps[i] == AMEND)
            fg_text_printf(text, "\"id\":\"ord-%lld\",\"change\":{\"price\":\"%u\"}}", pick(c, false),
                           80 + (unsigned)(fg_random_next(&c->random) % 100));
        else if (steps[i] == CANCEL)
            fg_text_printf(text, "\"id\":\"ord-%lld\"}", pick(c, true));
        else {
            fg_text_puts(text, "\"order\":");
            put_entry(c, buys, text);
            fg_text_puts(text, "}");
        }
    }
    fg_text_puts(text, "]}");
    if (trading_ask(http, buys ? "dso" : "agg", "POST", "/v1/areas/area-1/orders/batch", NULL, text->data) != 200) {
        c->failures++;
        return true;
    }
    json_t *answer = json_loads(http->body.data, 0, NULL), *item;
    size_t i;
    json_array_foreach (json_object_get(answer, "items"), i, item) {
        json_int_t status = json_integer_value(json_object_get(item, "status"));
        c->operations += status < 500;
        c->refused += status >= 400;
        if (status >= 400 && getenv("FG_SHOW") != NULL)
            fprintf(stderr, "%s\n", json_string_value(json_object_get(json_object_get(item, "problem"), "detail")));
        if (status == 201 && !buys)
            learn(c, json_object_get(item, "receipt"));
    }
    json_decref(answer);
    return true;
}

static void run_single(struct client *c, struct trading_client *http, struct fg_text *text)
{
    char path[100] = "/v1/areas/area-1/orders", key[40];
    enum step step = choose(c);
    const char *method = "POST";
    text->length = 0;
    snprintf(key, sizeof key, "s%d-%llu", c->number, (unsigned long long)c->counter++);
    if (step == AMEND || step == CANCEL)
        snprintf(path, sizeof path, "/v1/areas/area-1/orders/ord-%lld", pick(c, step == CANCEL));
    if (step == AMEND) {
        method = "PATCH";
        fg_text_printf(text, "{\"price\":\"%u\"}", 80 + (unsigned)(fg_random_next(&c->random) % 100));
    } else if (step == CANCEL) {
        method = "DELETE";
    } else {
        put_entry(c, step == TRADE, text);
    }
    long status = trading_ask(http, step == TRADE ? "dso" : "agg", method, path, key, step == CANCEL ? NULL : text->data);
    if (status == 0 || status >= 500) {
        c->failures++;
        return;
    }
    c->operations++;
    c->refused += status >= 400;
    if (status == 201 && step == ENTER) {
        json_t *answer = json_loads(http->body.data, 0, NULL);
        learn(c, answer);
        json_decref(answer);
    }
}

static void *run_client(void *context)
{
    struct client *c = context;
    struct trading_client http;
    struct fg_text text;
    fg_text_init(&text);
    fg_random_init(&c->random, (uint64_t)c->number + 11);
    trading_client_open(&http, c->port);
    for (double at = now(); at < ends_at;) {
        bool has_asked = true;
        if (c->batch > 1)
            has_asked = run_batch(c, &http, &text);
        else
            run_single(c, &http, &text);
        double end = now();
        if (has_asked && c->requests < LATENCIES / SINGLE_CLIENTS)
            c->latencies[c->requests++] = end - at;
        at = end;
    }
    trading_client_close(&http);
    fg_text_release(&text);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t all_operations;

struct bar {
    double operations, p99_s; /* at least, at most; 0: no bar */
};

static void measure(const char *name, uint16_t port, int clients, int batch, double seconds, struct bar bar)
{
    struct client *all = calloc((size_t)clients, sizeof *all);
    static double latencies[LATENCIES];
    size_t operations = 0, refused = 0, failures = 0, count = 0;
    static int numbers;
    offer_batches = request_batches = 0;
    double from = now();
    ends_at = from + seconds;
    for (int i = 0; i < clients; i++) {
        all[i].port = port;
        all[i].number = numbers++;
        all[i].batch = batch;
        all[i].latencies = calloc(LATENCIES / SINGLE_CLIENTS, sizeof(double));
        pthread_create(&all[i].thread, NULL, run_client, &all[i]);
    }
    for (int i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        operations += all[i].operations;
        refused += all[i].refused;
        failures += all[i].failures;
        for (size_t k = 0; k < all[i].requests && count < LATENCIES; k++)
            latencies[count++] = all[i].latencies[k];
        free(all[i].latencies);
    }
    double rate = (double)operations / (now() - from);
    all_operations += operations;
    qsort(latencies, count, sizeof *latencies, by_value);
    double median_s = count > 0 ? latencies[count / 2] : INFINITY, p99_s = count > 0 ? latencies[count * 99 / 100] : INFINITY;
    printf("%-28s %8.0f operations a second  (%zu refused, %zu failed)  request median %.1f ms  p99 %.1f ms  >= %.0f: %s", name, rate,
           refused, failures, median_s * 1e3, p99_s * 1e3, bar.operations, bench_at_least(rate, bar.operations));
    if (bar.p99_s > 0)
        printf("  p99 <= %.0f ms: %s", bar.p99_s * 1e3, bench_at_most(p99_s, bar.p99_s));
    printf("\n");
    fflush(stdout);
    free(all);
}

static void execute(struct fg_store *store, const char *text)
{
    struct fg_error err = {0};
    if (fg_store_execute(store, text, &err) != FG_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static double children_seconds(bool is_system)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    struct timeval at = is_system ? usage.ru_stime : usage.ru_utime;
    return (double)at.tv_sec + (double)at.tv_usec * 1e-6;
}

/* Both ways of asking on a new database at `url`. */
static int run(const char *url, const char *folder, double seconds, const char *only, struct bar batches, struct bar singles)
{
    struct fg_error err = {0};
    struct fg_store *store;
    char path[400];
    if (fg_store_open(url, &(struct fg_store_options){.create = true, .migrate = true}, &store, &err) != FG_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < sizeof market_rows / sizeof *market_rows; i++)
        execute(store, market_rows[i]);
    execute(store, "UPDATE prequalification SET up_w = 900000000000");
    fg_store_close(store);
    fg_instant_format(((int64_t)time(NULL) / 900 + 9) * 900, start);
    snprintf(path, sizeof path, "%s/server", folder);
    double user = children_seconds(false), in_system = children_seconds(true);
    struct trading_process server = trading_start(url, path, "bench");
    if (server.port == 0)
        return 1;
    all_operations = 0;
    if (strcmp(only, "single") != 0)
        measure("batches of 100, 8 clients", server.port, BATCH_CLIENTS, BATCH, seconds, batches);
    if (strcmp(only, "batch") != 0)
        measure("one by one, 64 connections", server.port, SINGLE_CLIENTS, 1, seconds, singles);
    trading_stop(&server, SIGTERM);
    user = children_seconds(false) - user;
    in_system = children_seconds(true) - in_system;
    printf("server: %.1f s user, %.1f s system; %.0f microseconds of processor time an operation\n", user, in_system,
           all_operations > 0 ? (user + in_system) / (double)all_operations * 1e6 : 0);
    return 0;
}

static int on_sqlite(double seconds, const char *only)
{
    char folder[] = "/tmp/flexgrid_bench_XXXXXX", command[100];
    if (mkdtemp(folder) == NULL)
        return 1;
    printf("SQLite\n");
    int status = run(folder, folder, seconds, only, (struct bar){20000, 0}, (struct bar){4000, 0.06});
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || status;
}
static int on_postgresql(double seconds, const char *only)
{
    char folder[] = "/tmp/flexgrid_bench_XXXXXX", command[100], url[300];
    struct postgres postgres;
    if (!postgres_start(&postgres)) {
        fprintf(stderr, "no PostgreSQL server is installed\n");
        return 1;
    }
    postgres_database(&postgres, "bench", url);
    if (mkdtemp(folder) == NULL)
        return 1;
    printf("PostgreSQL\n");
    int status = run(url, folder, seconds, only, (struct bar){8000, 0}, (struct bar){2000, 0});
    postgres_remove(&postgres);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || status;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--serve") == 0)
        trading_serve(argv[2], argv[3], argv[4], STDOUT_FILENO);
    const char *database = argc > 1 ? argv[1] : "", *only = argc > 3 ? argv[3] : "";
    double seconds = argc > 2 ? atof(argv[2]) : 10;
    int status = 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (strcmp(database, "postgresql") != 0)
        status |= on_sqlite(seconds, only);
    if (strcmp(database, "sqlite") != 0)
        status |= on_postgresql(seconds, only);
    return status != 0 || bench_failures() > 0;
}
