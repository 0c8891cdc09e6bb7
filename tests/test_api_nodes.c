/* Two servers on one database: whichever is asked, an order lands once in the book of the server that owns the area, also when that one is
 * killed or stopped in between and the request is repeated with its key; and only the right server is trusted with it. */
#include "support/gateway_fixture.h"

#include <strings.h>
#include <sys/stat.h>

#define ORDERS "/v1/areas/area-1/orders"

struct server {
    struct process process;
    uint16_t port; /* the same after a restart: others know it */
    char name, folder[140];
};
struct pair {
    struct gateway_fixture f; /* rows and tokens */
    struct server servers[2];
    int keys; /* used */
};

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    close(descriptor);
    return ntohs(address.sin_port);
}

static void start(struct pair *p, struct server *server, const char *more)
{
    char path[200], text[1200];
    snprintf(path, sizeof path, "%s/flexgridd.conf", server->folder);
    snprintf(text, sizeof text, "port = %u\nnode = node-%c\nnode_url = https://127.0.0.1:%u\ndata_folder = %s\ndatabase = %s\n"
                                "rate_per_second = 100000\nrate_burst = 100000\nlog_level = debug\n%s", server->port, server->name, server->port,
             server->folder, p->f.url, more);
    gateway_write(path, text);
    gateway_spawn(&server->process, "flexgridd", path);
}

/* The first owns the area. */
static void open_pair(struct pair *p, void **state)
{
    char text[600];
    memset(p, 0, sizeof *p);
    struct fg_store *store = fixture_open(state, p->f.url);
    gateway_rows(store);
    gateway_key(store, 3, p->f.agg);
    gateway_key(store, 4, p->f.ret);
    fg_store_close(store);
    int64_t begin = ((int64_t)time(NULL) / 900 + 9) * 900;
    fg_instant_format(begin, p->f.start);
    for (int i = 0; i < 2; i++) {
        struct server *server = &p->servers[i];
        *server = (struct server){.port = free_port(), .name = (char)('a' + i)};
        snprintf(server->folder, sizeof server->folder, "%s/nodes%d-%c", fixture_folder, fixture_count, server->name);
        snprintf(server->process.log, sizeof server->process.log, "%s/nodes%d-%c.log", fixture_folder, fixture_count, server->name);
        assert_int_equal(mkdir(server->folder, 0700), 0);
        if (i == 1) { /* all nodes of a platform have one secret */
            snprintf(text, sizeof text, "cp -p %s/secret %s/secret", p->servers[0].folder, server->folder);
            assert_int_equal(system(text), 0);
        }
        start(p, server, "");
    }
}

static void close_pair(struct pair *p)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(gateway_stop(&p->servers[i].process, SIGTERM), 0);
}

struct seen {
    long status;
    char order[40], key[60]; /* of the first order; of a problem */
    bool is_replayed, has_retry_after;
};

/* Does the server count so many requests passed on, and so many of them without an answer? */
static bool counts(const struct server *server, int relayed, int failures)
{
    struct fg_text text;
    char url[200], lines[2][80];
    CURL *curl = curl_easy_init();
    fg_text_init(&text);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/metrics", server->port);
    snprintf(lines[0], sizeof lines[0], "\nflexgrid_relayed_total %d\n", relayed);
    snprintf(lines[1], sizeof lines[1], "\nflexgrid_relay_failures_total %d\n", failures);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gateway_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_cleanup(curl);
    bool is_so = strstr(text.data, lines[0]) != NULL && strstr(text.data, lines[1]) != NULL;
    fg_text_release(&text);
    return is_so;
}

static size_t take_line(char *bytes, size_t size, size_t count, void *context)
{
    struct seen *seen = context;
    if (size * count >= 12 && strncasecmp(bytes, "retry-after:", 12) == 0)
        seen->has_retry_after = true;
    if (size * count >= 20 && strncasecmp(bytes, "idempotent-replayed:", 20) == 0)
        seen->is_replayed = true;
    return size * count;
}

static struct seen ask(const struct server *server, const char *token, const char *method, const char *path, const char *key, const char *header,
                       const char *body)
{
    struct seen seen = {0};
    struct fg_text answer;
    char url[300], line[300];
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    fg_text_init(&answer);
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", server->port, path);
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    list = curl_slist_append(list, line);
    if (key != NULL) {
        snprintf(line, sizeof line, "Idempotency-Key: %s", key);
        list = curl_slist_append(list, line);
    }
    if (header != NULL)
        list = curl_slist_append(list, header);
    if (body != NULL) {
        list = curl_slist_append(list, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gateway_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_line);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &seen);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &seen.status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    json_t *json = answer.length > 0 ? json_loads(answer.data, 0, NULL) : NULL;
    snprintf(seen.order, sizeof seen.order, "%s", text_at(json_array_get(json_object_get(json, "orders"), 0), "order"));
    snprintf(seen.key, sizeof seen.key, "%s", text_at(json, "key"));
    json_decref(json);
    fg_text_release(&answer);
    return seen;
}

static void order_body(const struct pair *p, const char *portfolio, const char *price, char body[400])
{
    snprintf(body, 400, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"%s\",\"start\":\"%s\",\"quantity\":[\"0.01\"],"
                        "\"price\":\"%s\"}", portfolio, p->f.start, price);
}

static int64_t count_orders(const struct pair *p)
{
    struct fg_store *store = fixture_open_url(p->f.url);
    int64_t count = fixture_number(store, "SELECT COUNT(*) FROM book_order");
    fg_store_close(store);
    return count;
}

static void change(const struct pair *p, const char *sql)
{
    struct fg_store *store = fixture_open_url(p->f.url);
    fixture_execute(store, sql);
    fg_store_close(store);
}

/* Until the server takes the order under this key, within the time of a take-over; how often it was told to come again. */
static struct seen insist(const struct pair *p, const struct server *server, const char *key, int *refused)
{
    char body[400];
    struct seen seen = {0};
    order_body(p, "pf-10", "80", body);
    *refused = 0;
    for (int tries = 0; tries < 600; tries++) {
        seen = ask(server, p->f.agg, "POST", ORDERS, key, NULL, body);
        if (seen.status == 201)
            return seen;
        if (seen.status == 503) {
            assert_true(seen.has_retry_after);
            ++*refused;
        } else if (seen.status != 0 && !(seen.status == 409 && strcmp(seen.key, "idempotency.in_progress") == 0)) {
            fail_msg("%s at node-%c: %ld %s", key, server->name, seen.status, seen.key);
        }
        usleep(100000);
    }
    fail_msg("%s is not taken by node-%c: %ld %s", key, server->name, seen.status, seen.key);
    return seen;
}

static void either_server(void **state)
{
    struct pair p;
    char body[400], path[100];
    open_pair(&p, state);
    struct server *owner = &p.servers[0], *other = &p.servers[1];
    order_body(&p, "pf-10", "80", body);
    struct seen first = ask(other, p.f.agg, "POST", ORDERS, "key-1", NULL, body);
    assert_int_equal(first.status, 201);
    assert_string_not_equal(first.order, "");
    assert_false(first.is_replayed);
    for (int i = 0; i < 2; i++) { /* repeated at either one: the first answer, and no second order */
        struct seen again = ask(&p.servers[i], p.f.agg, "POST", ORDERS, "key-1", NULL, body);
        assert_int_equal(again.status, 201);
        assert_string_equal(again.order, first.order);
        assert_true(again.is_replayed);
    }
    assert_int_equal(count_orders(&p), 1);
    struct seen direct = ask(owner, p.f.agg, "POST", ORDERS, "key-2", NULL, body);
    assert_int_equal(direct.status, 201);
    assert_int_equal(count_orders(&p), 2);

    /* What the owner refuses is refused in its words: another body under the key, a portfolio that is another's. */
    char wrong[400];
    order_body(&p, "pf-10", "81", wrong);
    struct seen refusal = ask(other, p.f.agg, "POST", ORDERS, "key-1", NULL, wrong);
    assert_int_equal(refusal.status, 422);
    assert_string_equal(refusal.key, "idempotency.other_request");
    order_body(&p, "pf-11", "80", wrong);
    struct seen here = ask(other, p.f.agg, "POST", ORDERS, "key-3", NULL, wrong), there = ask(owner, p.f.agg, "POST", ORDERS, "key-4", NULL, wrong);
    assert_true(here.status >= 400 && here.status < 500);
    assert_int_equal(here.status, there.status);
    assert_string_equal(here.key, there.key);

    /* The caller stays who it is: another one's order is not there, one's own is cancelled. */
    snprintf(path, sizeof path, ORDERS "/%s", first.order);
    assert_int_equal(ask(other, p.f.ret, "DELETE", path, NULL, NULL, NULL).status, 404);
    assert_int_equal(ask(other, p.f.agg, "DELETE", path, NULL, NULL, NULL).status, 200);
    assert_int_equal(ask(other, p.f.agg, "DELETE", path, NULL, NULL, NULL).status, 404);
    assert_int_equal(ask(other, "fgk_nobody", "POST", ORDERS, NULL, NULL, body).status, 401);

    /* Never passed on a second time. */
    struct seen looped = ask(other, p.f.agg, "POST", ORDERS, "key-5", "Flexgrid-Relayed: node-c", body);
    assert_int_equal(looped.status, 503);
    assert_true(looped.has_retry_after);
    assert_int_equal(ask(owner, p.f.agg, "POST", ORDERS, "key-5", "Flexgrid-Relayed: node-b", body).status, 201);
    assert_int_equal(count_orders(&p), 3);
    assert_true(counts(other, 7, 0)); /* all but whom it knows no key of, and the one that another server had passed on */
    assert_true(counts(owner, 0, 0));
    close_pair(&p);
}

static void only_the_right_one(void **state)
{
    struct pair p;
    char body[400], more[300];
    open_pair(&p, state);
    struct server *owner = &p.servers[0], *other = &p.servers[1];
    order_body(&p, "pf-10", "80", body);
    assert_int_equal(ask(other, p.f.agg, "POST", ORDERS, "key-1", NULL, body).status, 201);
    struct fg_store *store = fixture_open_url(p.f.url);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM node WHERE pin LIKE 'sha256//%' AND LENGTH(pin) = 52"), 2);
    fg_store_close(store);

    /* Whoever answers at the address has not the key that was announced. */
    change(&p, "UPDATE node SET pin = (SELECT n.pin FROM node n WHERE n.name = 'node-b') WHERE name = 'node-a'");
    struct seen seen = ask(other, p.f.agg, "POST", ORDERS, "key-2", NULL, body);
    assert_int_equal(seen.status, 503);
    assert_true(seen.has_retry_after);
    assert_true(counts(other, 2, 1));
    change(&p, "UPDATE node SET pin = '' WHERE name = 'node-a'"); /* without key and certificate nothing is sent */
    assert_int_equal(ask(other, p.f.agg, "POST", ORDERS, "key-2", NULL, body).status, 503);
    change(&p, "DELETE FROM node WHERE name = 'node-a'"); /* it is not reached by others */
    assert_int_equal(ask(other, p.f.agg, "POST", ORDERS, "key-2", NULL, body).status, 503);
    assert_int_equal(count_orders(&p), 1);

    /* By certificates: one that is not signed by those named, then one that is. SIGHUP tells the address again. */
    kill(owner->process.pid, SIGHUP);
    snprintf(more, sizeof more, "node_ca_file = %s/tls/certificate.pem\n", other->folder);
    assert_int_equal(gateway_stop(&other->process, SIGTERM), 0);
    start(&p, other, more);
    assert_int_equal(ask(other, p.f.agg, "POST", ORDERS, "key-2", NULL, body).status, 503);
    assert_int_equal(count_orders(&p), 1);
    snprintf(more, sizeof more, "node_ca_file = %s/tls/certificate.pem\n", owner->folder);
    assert_int_equal(gateway_stop(&other->process, SIGTERM), 0);
    start(&p, other, more);
    assert_int_equal(ask(other, p.f.agg, "POST", ORDERS, "key-2", NULL, body).status, 201);
    assert_int_equal(count_orders(&p), 2);

    /* No credentials in the log of either, at its loudest. */
    for (int i = 0; i < 2; i++) {
        struct fg_text log;
        fg_text_init(&log);
        assert_int_equal(fg_file_read(p.servers[i].process.log, 1 << 24, &log, NULL), FG_OK);
        assert_null(strstr(log.data, p.f.agg));
        fg_text_release(&log);
    }
    close_pair(&p);
}

struct sending {
    const struct pair *pair;
    const struct server *server;
    int first, count;
};

static void *send_all(void *argument)
{
    struct sending *sending = argument;
    char body[400], key[30];
    order_body(sending->pair, "pf-10", "80", body);
    for (int i = 0; i < sending->count; i++) {
        snprintf(key, sizeof key, "key-%d", sending->first + i);
        ask(sending->server, sending->pair->f.agg, "POST", ORDERS, key, NULL, body);
    }
    return NULL;
}

/* The owner is killed while the other one passes orders on to it; both in turn. */
static void killed_owner(void **state)
{
    enum { ROUNDS = 3, EACH = 12 };
    struct pair p;
    int refused = 0, told = 0;
    open_pair(&p, state);
    for (int round = 0; round < ROUNDS; round++) {
        struct server *owner = &p.servers[round % 2], *other = &p.servers[(round + 1) % 2];
        struct sending sending = {&p, other, round * EACH, EACH};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, send_all, &sending), 0);
        for (int tries = 0; tries < 2000 && count_orders(&p) < round * EACH + 2 + round; tries++)
            usleep(1000);
        gateway_stop(&owner->process, SIGKILL);
        pthread_join(thread, NULL);
        char key[30], order[EACH][40];
        for (int i = 0; i < EACH; i++) { /* now it owns the area */
            snprintf(key, sizeof key, "key-%d", round * EACH + i);
            snprintf(order[i], sizeof order[i], "%s", insist(&p, other, key, &refused).order);
            told += refused;
            for (int k = 0; k < i; k++)
                assert_string_not_equal(order[i], order[k]);
        }
        assert_int_equal(count_orders(&p), (round + 1) * EACH);
        start(&p, owner, "");
        for (int i = 0; i < EACH; i++) { /* and the one before passes on to it */
            snprintf(key, sizeof key, "key-%d", round * EACH + i);
            struct seen again = insist(&p, owner, key, &refused);
            assert_string_equal(again.order, order[i]);
            assert_true(again.is_replayed);
        }
    }
    assert_int_equal(count_orders(&p), ROUNDS * EACH);
    assert_true(told > 0);
    close_pair(&p);
}

/* The owner stands still: who waits is told to come again, the other takes the area over, and the owner of before passes on. */
static void stopped_owner(void **state)
{
    struct pair p;
    int refused;
    open_pair(&p, state);
    struct server *owner = &p.servers[0], *other = &p.servers[1];
    insist(&p, other, "key-1", &refused);
    kill(owner->process.pid, SIGSTOP);
    struct seen taken = insist(&p, other, "key-2", &refused);
    assert_true(refused > 0);
    assert_int_equal(count_orders(&p), 2);
    kill(owner->process.pid, SIGCONT);
    struct seen again = insist(&p, owner, "key-2", &refused);
    assert_string_equal(again.order, taken.order);
    insist(&p, owner, "key-3", &refused);
    usleep(500000); /* what was on its way to it when it stood still */
    assert_int_equal(count_orders(&p), 3);
    close_pair(&p);
}

/* A server that takes connections and says nothing, as one that is stopped does. */
struct statue {
    int listener, taken[256];
    uint16_t port;
    atomic_int count;
    pthread_t thread;
};
static void *take_connections(void *argument)
{
    struct statue *statue = argument;
    for (;;) {
        int taken = accept(statue->listener, NULL, NULL);
        int count = atomic_load(&statue->count);
        if (taken < 0 || count == 256)
            return NULL;
        statue->taken[count] = taken;
        atomic_store(&statue->count, count + 1);
    }
}
static void raise_statue(struct statue *statue)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    statue->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(statue->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(statue->listener, 128), 0);
    assert_int_equal(getsockname(statue->listener, (struct sockaddr *)&address, &size), 0);
    statue->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&statue->thread, NULL, take_connections, statue), 0);
}
static void topple(struct statue *statue)
{
    shutdown(statue->listener, SHUT_RDWR);
    pthread_join(statue->thread, NULL);
    close(statue->listener);
    for (int i = 0; i < atomic_load(&statue->count); i++)
        close(statue->taken[i]);
}

struct waiting {
    const struct pair *pair;
    const struct server *server;
    struct seen seen;
    pthread_t thread;
};
static void *wait_in_vain(void *argument)
{
    struct waiting *waiting = argument;
    waiting->seen = ask(waiting->server, waiting->pair->f.agg, "DELETE", "/v1/areas/area-2/orders/ord-1", NULL, NULL, NULL);
    return NULL;
}

/* The first server has area-1; area-2 is with one that stands still, area-3 with the second. More requests wait for the one that stands still
 * than there are threads: all of the time the others' and the own area's are answered. Of those that wait most are never sent. */
static void one_stands_still(void **state)
{
    enum { MANY = 60, BUSY = 8 };
    struct pair p;
    struct statue *statue = calloc(1, sizeof *statue);
    struct waiting *all = calloc(MANY, sizeof *all);
    char sql[600], body[400];
    open_pair(&p, state);
    raise_statue(statue);
    const struct server *asked = &p.servers[0];
    int64_t later_us = ((int64_t)time(NULL) + 86400) * 1000000;
    struct fg_store *store = fixture_open_url(p.f.url);
    snprintf(sql, sizeof sql, "INSERT INTO lease (name, holder, epoch, expires_us) VALUES ('area-2', 'node-c', 1, %lld), ('area-3', 'node-b', 1, %lld)",
             (long long)later_us, (long long)later_us);
    fixture_execute(store, sql);
    snprintf(sql, sizeof sql, "INSERT INTO node (name, url, pin, announced_us) SELECT 'node-c', 'https://127.0.0.1:%u', n.pin, 1 FROM node n WHERE "
                              "n.name = 'node-b'", statue->port);
    fixture_execute(store, sql);
    for (int area = 2; area <= 3; area++) {
        snprintf(sql, sizeof sql, "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, price_max_u, "
                                  "size_max_w, network_mode, stale_rule, created_us, version) SELECT %d, 'Area %d', operator_id, currency, time_zone, "
                                  "period_s, tick_w, price_step_u, price_min_u, price_max_u, size_max_w, network_mode, stale_rule, 0, 1 FROM area WHERE "
                                  "id = 1", area, area);
        fixture_execute(store, sql);
        snprintf(sql, sizeof sql, "INSERT INTO location (id, area_id, name, operator_id, status, created_us, version) VALUES (%d, %d, 'Feeder', 2, "
                                  "'published', 0, 1)", 100 + area, area);
        fixture_execute(store, sql);
    }
    fg_store_close(store);
    struct seen seen = {0}; /* until the second has taken area-3, and the first knows it */
    for (int tries = 0; tries < 600 && strcmp(seen.key, "order.unknown") != 0; tries++, usleep(100000)) /* before, the area is unknown */
        seen = ask(asked, p.f.agg, "DELETE", "/v1/areas/area-3/orders/ord-1", NULL, NULL, NULL);
    assert_string_equal(seen.key, "order.unknown");

    for (int i = 0; i < MANY; i++) {
        all[i] = (struct waiting){.pair = &p, .server = asked};
        assert_int_equal(pthread_create(&all[i].thread, NULL, wait_in_vain, &all[i]), 0);
    }
    for (int tries = 0; tries < 600 && atomic_load(&statue->count) < BUSY; tries++)
        usleep(10000);
    order_body(&p, "pf-10", "80", body);
    /* On a machine that has enough to do with so many connections, a try may be told to come again. */
    seen.status = 503;
    for (int tries = 0; tries < 20 && seen.status == 503; tries++)
        seen = ask(asked, p.f.agg, "DELETE", "/v1/areas/area-3/orders/ord-1", NULL, NULL, NULL);
    assert_int_equal(seen.status, 404);
    seen.status = 503;
    for (int tries = 0; tries < 20 && seen.status == 503; tries++)
        seen = ask(asked, p.f.agg, "POST", ORDERS, "key-1", NULL, body);
    assert_int_equal(seen.status, 201);
    assert_true(atomic_load(&statue->count) < MANY / 2); /* neither has waited until all of them were sent */
    for (int i = 0; i < MANY; i++) {
        pthread_join(all[i].thread, NULL);
        assert_int_equal(all[i].seen.status, 503);
        assert_true(all[i].seen.has_retry_after);
    }
    assert_true(atomic_load(&statue->count) < MANY / 2);
    topple(statue);
    close_pair(&p);
    free(statue);
    free(all);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(either_server),
        {"only_the_right_one (SQLite)", only_the_right_one, NULL, NULL, &fixture_sqlite},
        ON_BOTH(killed_owner),
        {"one_stands_still (SQLite)", one_stands_still, NULL, NULL, &fixture_sqlite},
        {"stopped_owner (PostgreSQL)", stopped_owner, NULL, NULL, &fixture_postgresql},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
