/* flexgridd and flexgrid-balancing as processes over HTTPS, for tests of the gateway: the market of market_rows.h with a
 * TSO (organisation 6) that has priority in control area "GR" (location 1), users with API keys, and a relay between the two that can hold answers back. */
#ifndef FG_TESTS_GATEWAY_FIXTURE_H
#define FG_TESTS_GATEWAY_FIXTURE_H

#include "support/market_fixture.h"

#include "atp/access.h"
#include "atp/query.h"
#include "atp/secret.h"
#include "base/instant.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIDDER_KEY "bidder-key-of-the-test"
#define OPERATOR_KEY "operator-key-of-the-test"

struct process {
    pid_t pid;
    uint16_t port;
    char log[160];
};

/* Takes connections and passes bytes on; answers wait while `is_holding`. */
struct relay {
    pthread_t thread;
    int listener;
    uint16_t port, target;
    atomic_bool is_holding, stop;
};

struct gateway_fixture {
    char url[200], folder[100], start[FG_INSTANT_TEXT], end[FG_INSTANT_TEXT];
    struct process server, market;
    struct relay relay;
    char tso[FG_TOKEN_TEXT], agg[FG_TOKEN_TEXT], ret[FG_TOKEN_TEXT], fmo[FG_TOKEN_TEXT], dso[FG_TOKEN_TEXT];
    long status;
};

/* ---- rows ---- */
static inline void gateway_key(struct fg_store *store, int64_t organisation, char token[FG_TOKEN_TEXT])
{
    unsigned char hash[FG_SECRET_HASH];
    struct fg_error err = {0};
    fixture_expect(fg_secret_init(&err), &err);
    fg_token_create(FG_TOKEN_KEY, token, hash);
    fixture_expect(fg_change(store, NULL, &err, "INSERT INTO person (id, created_us) VALUES ($1, 0)", "i", organisation), &err);
    fixture_expect(fg_change(store, NULL, &err,
                             "INSERT INTO app_user (id, organisation_id, person_id, duties, status, created_us, failed_logins, "
                             "version) VALUES ($1, $1, $1, 31, 'active', 0, 0, 1)",
                             "i", organisation), &err);
    fixture_expect(fg_change(store, NULL, &err,
                             "INSERT INTO api_key (id, hash, user_id, name, apis, duties, created_us) VALUES ($1, $2, $1, 'test', 63, "
                             "31, 0)",
                             "ib", organisation, (const void *)hash, sizeof hash), &err);
}

static inline void gateway_rows(struct fg_store *store)
{
    market_make(store);
    fixture_execute(store, "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES "
                           "(6, 'Transmission', 4, 'active', 'GR', '', 0, 1)");
    fixture_execute(store, "UPDATE location SET control_area = 'GR', priority_id = 6 WHERE id = 1");
}

/* ---- processes ---- */
static inline void gateway_spawn(struct process *process, const char *program, const char *config)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", FG_PROGRAM_DIR, program);
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen(process->log, "w", stderr) == NULL)
            _exit(5);
        execl(path, program, "--config", config, (char *)NULL);
        _exit(4);
    }
    process->port = 0;
    for (int tries = 0; tries < 600 && process->port == 0; tries++) {
        struct fg_text text;
        fg_text_init(&text);
        usleep(50000);
        if (fg_file_read(process->log, 1 << 24, &text, NULL) == FG_OK && text.data != NULL) {
            const char *at = strstr(text.data, "\"server.started\"");
            const char *port = at != NULL ? strstr(at, "\"port\":") : NULL;
            if (port != NULL)
                process->port = (uint16_t)atoi(port + 7);
        }
        int status;
        if (process->port == 0 && waitpid(process->pid, &status, WNOHANG) == process->pid)
            fail_msg("%s ended: %s", program, text.data != NULL ? text.data : "");
        fg_text_release(&text);
    }
    if (process->port == 0)
        fail_msg("%s does not start", program);
}
static inline int gateway_stop(struct process *process, int number)
{
    int status = 0;
    kill(process->pid, number);
    waitpid(process->pid, &status, 0);
    return status;
}
static inline void gateway_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* ---- relay ---- */
struct relayed {
    struct relay *relay;
    int client, server;
};
static inline void *relay_connection(void *argument)
{
    struct relayed *relayed = argument;
    struct relay *relay = relayed->relay;
    char bytes[16384];
    bool is_open = true;
    while (is_open && !atomic_load(&relay->stop)) {
        bool holds = atomic_load(&relay->is_holding);
        struct pollfd ends[2] = {{relayed->client, POLLIN, 0}, {holds ? -1 : relayed->server, POLLIN, 0}};
        if (poll(ends, 2, 50) < 0)
            break;
        for (int i = 0; i < 2 && is_open; i++) {
            if (ends[i].fd < 0 || (ends[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
                continue;
            ssize_t got = recv(ends[i].fd, bytes, sizeof bytes, 0);
            is_open = got > 0 && send(i == 0 ? relayed->server : relayed->client, bytes, (size_t)got, MSG_NOSIGNAL) == got;
        }
    }
    close(relayed->client);
    close(relayed->server);
    free(relayed);
    return NULL;
}
static inline void *relay_run(void *argument)
{
    struct relay *relay = argument;
    while (!atomic_load(&relay->stop)) {
        struct pollfd ready = {relay->listener, POLLIN, 0};
        if (poll(&ready, 1, 50) <= 0)
            continue;
        struct relayed *relayed = calloc(1, sizeof *relayed);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(relay->target), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        relayed->relay = relay;
        relayed->client = accept(relay->listener, NULL, NULL);
        relayed->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pthread_t thread;
        if (relayed->client < 0 || connect(relayed->server, (struct sockaddr *)&address, sizeof address) != 0 ||
            pthread_create(&thread, NULL, relay_connection, relayed) != 0) {
            close(relayed->client);
            close(relayed->server);
            free(relayed);
            continue;
        }
        pthread_detach(thread);
    }
    return NULL;
}
static inline void relay_start(struct relay *relay, uint16_t target)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    relay->target = target;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(relay->listener, 16), 0);
    assert_int_equal(getsockname(relay->listener, (struct sockaddr *)&address, &size), 0);
    relay->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&relay->thread, NULL, relay_run, relay), 0);
}
static inline void relay_stop(struct relay *relay)
{
    atomic_store(&relay->stop, true);
    pthread_join(relay->thread, NULL);
    close(relay->listener);
    usleep(200000); /* connections see it */
}

/* ---- calls ---- */
static inline size_t gateway_take(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}
static inline json_t *gateway_call(long *status, uint16_t port, const char *token, const char *method, const char *path, const char *key,
                                   const char *body)
{
    struct fg_text answer;
    char url[1000], line[300];
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    fg_text_init(&answer);
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", port, path);
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    list = curl_slist_append(list, line);
    if (key != NULL) {
        snprintf(line, sizeof line, "Idempotency-Key: %s", key);
        list = curl_slist_append(list, line);
    }
    if (body != NULL) {
        list = curl_slist_append(list, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gateway_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    *status = 0;
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    json_t *json = answer.length > 0 ? json_loads(answer.data, 0, NULL) : NULL;
    fg_text_release(&answer);
    return json;
}
static inline json_t *gateway_ask_port(uint16_t port, const char *token, const char *method, const char *path, const char *body, long expected)
{
    long status;
    json_t *json = gateway_call(&status, port, token, method, path, NULL, body);
    if (status != expected) {
        char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
        fail_msg("%s %s %s: %ld instead of %ld: %s", method, path, body != NULL ? body : "", status, expected, text != NULL ? text : "");
    }
    return json;
}
static inline json_t *gateway_ask(struct gateway_fixture *f, const char *token, const char *method, const char *path, const char *body,
                                  long expected)
{
    return gateway_ask_port(f->server.port, token, method, path, body, expected);
}
static inline json_t *market_ask(struct gateway_fixture *f, const char *method, const char *path, const char *body, long expected)
{
    return gateway_ask_port(f->market.port, OPERATOR_KEY, method, path, body, expected);
}
static inline const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}
static inline json_t *item_at(const json_t *page, size_t index)
{
    return json_array_get(json_object_get(page, "items"), index);
}
static inline size_t item_count(const json_t *page)
{
    return json_array_size(json_object_get(page, "items"));
}

/* ---- the fixture ---- */
static inline void gateway_serve(struct gateway_fixture *f)
{
    char path[140];
    snprintf(path, sizeof path, "%s/flexgridd.conf", f->folder);
    gateway_spawn(&f->server, "flexgridd", path);
}
static inline void gateway_open(struct gateway_fixture *f, void **state)
{
    char path[140], text[1200];
    memset(f, 0, sizeof *f);
    struct fg_store *store = fixture_open(state, f->url);
    gateway_rows(store);
    gateway_key(store, 1, f->fmo);
    gateway_key(store, 2, f->dso);
    gateway_key(store, 3, f->agg);
    gateway_key(store, 4, f->ret);
    gateway_key(store, 6, f->tso);
    fg_store_close(store);
    snprintf(f->folder, sizeof f->folder, "%s/gateway%d", fixture_folder, fixture_count);
    snprintf(text, sizeof text, "mkdir -p %s/balancing %s/data", f->folder, f->folder);
    assert_int_equal(system(text), 0);
    snprintf(f->server.log, sizeof f->server.log, "%s/server.log", f->folder);
    snprintf(f->market.log, sizeof f->market.log, "%s/market.log", f->folder);
    snprintf(path, sizeof path, "%s/balancing.conf", f->folder);
    snprintf(text, sizeof text, "port = 0\ndata_folder = %s/balancing\nbidder_key = " BIDDER_KEY "\noperator_key = " OPERATOR_KEY
                                "\nbid_minimum_w = 1000000\nlead_seconds = 900\n", f->folder);
    gateway_write(path, text);
    gateway_spawn(&f->market, "flexgrid-balancing", path);
    relay_start(&f->relay, f->market.port);
    snprintf(path, sizeof path, "%s/flexgridd.conf", f->folder);
    snprintf(text, sizeof text, "port = 0\ndata_folder = %s/data\ndatabase = %s\nrate_per_second = 100000\nrate_burst = 100000\n"
                                "anonymous_rate_per_second = 100000\nanonymous_rate_burst = 100000\noutbound_private = true\n"
                                "outbound_http = true\n"
                                "outbound_ca_file = %s/balancing/tls/certificate.pem\n", f->folder, f->url, f->folder);
    gateway_write(path, text);
    gateway_serve(f);
    int64_t start = ((int64_t)time(NULL) / 900 + 9) * 900; /* the gate closes an hour before */
    fg_instant_format(start, f->start);
    fg_instant_format(start + 900, f->end);
}
static inline void gateway_close(struct gateway_fixture *f)
{
    relay_stop(&f->relay);
    assert_int_equal(gateway_stop(&f->server, SIGTERM), 0);
    assert_int_equal(gateway_stop(&f->market, SIGTERM), 0);
}
static inline void gateway_connect(struct gateway_fixture *f)
{
    char body[500];
    snprintf(body, sizeof body, "{\"name\":\"Balancing\",\"url\":\"https://127.0.0.1:%u\",\"key\":\"" BIDDER_KEY "\",\"bid_minimum\":\"1\","
                                "\"lead_seconds\":900,\"grace_seconds\":60,\"enabled\":true}", f->relay.port);
    json_decref(gateway_ask(f, f->tso, "PUT", "/v1/areas/area-1/control-areas/GR/market", body, 204));
}
/* A marked offer in the first period; its id. */
static inline void gateway_offer(struct gateway_fixture *f, const char *token, const char *portfolio, const char *quantity, const char *price,
                                 char id[40])
{
    char body[500];
    snprintf(body, sizeof body, "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"%s\",\"start\":\"%s\","
                                "\"quantity\":[\"%s\"],\"price\":\"%s\",\"forward_to_tso\":true}", portfolio, f->start, quantity, price);
    json_t *made = gateway_ask(f, token, "POST", "/v1/areas/area-1/orders", body, 201);
    snprintf(id, 40, "%s", text_at(json_array_get(json_object_get(made, "orders"), 0), "order"));
    json_decref(made);
}
/* Wait until member `key` of the item with this `id_key` = `id` in the list at `path` is `value`; the item. */
static inline json_t *gateway_wait(uint16_t port, const char *token, const char *path, const char *id_key, const char *id, const char *key,
                                   const char *value)
{
    char last[400] = "";
    for (int tries = 0; tries < 300; tries++) {
        long status;
        json_t *page = gateway_call(&status, port, token, "GET", path, NULL, NULL);
        for (size_t i = 0; i < item_count(page); i++)
            if (strcmp(text_at(item_at(page, i), id_key), id) == 0) {
                json_t *item = json_incref(item_at(page, i));
                char *text = json_dumps(item, JSON_COMPACT);
                snprintf(last, sizeof last, "%s", text);
                free(text);
                if (strcmp(text_at(item, key), value) == 0) {
                    json_decref(page);
                    return item;
                }
                json_decref(item);
            }
        json_decref(page);
        usleep(50000);
    }
    fail_msg("%s: %s = %s: %s does not become %s; last seen: %s", path, id_key, id, key, value, last);
    return NULL;
}

#endif
