/* A server with the trading operations for tests and benchmarks: a process of its own over TLS, so that it can be killed.
 * Log-in by fixed keys: "agg" (organisation 3, aggregator; "agg_op" its operator), "ret" (4, retailer), "dso" (2), "fmo" (1), "reader"
 * (3, may not trade), "gone" (5). Everything else is the real thing: exchange, platform, operations, event streams. */
#ifndef FG_TESTS_TRADING_SERVER_H
#define FG_TESTS_TRADING_SERVER_H

#include "api/application.h"
#include "api/event_stream.h"
#include "api/operations_network.h"
#include "api/operations_orders.h"
#include "api/operations_registry.h"
#include "api/operations_server.h"
#include "api/server.h"
#include "atp/id.h"
#include "atp/rights.h"
#include "base/memory.h"
#include "base/text.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct fg_operation_set *const trading_sets[] = {&fg_orders_operations, &fg_book_operations,
                                                              &fg_trading_floor_operations, &fg_limit_operations, &fg_request_operations,
                                                              &fg_market_operations, &fg_network_operations};

static inline enum fg_code trading_authenticate(void *context, const struct fg_credentials *credentials,
                                                struct fg_principal *principal, struct fg_error *err)
{
#define WHO(organisation, user, key, role, duty)                                                                       \
    {organisation, user, key, "", FG_BIT(role), duty, FG_BIT(FG_API_ATP) | FG_BIT(FG_API_PUBLIC), false}
    static const struct {
        const char *secret;
        struct fg_principal principal;
    } known[] = {
        {"agg", WHO("org-3", "usr-3", "key-3", FG_ROLE_AGGREGATOR, FG_BIT(FG_DUTY_TRADER))},
        {"agg_op", WHO("org-3", "usr-8", "key-8", FG_ROLE_AGGREGATOR, FG_BIT(FG_DUTY_OPERATOR))},
        {"ret", WHO("org-4", "usr-4", "key-4", FG_ROLE_RETAILER, FG_BIT(FG_DUTY_TRADER))},
        {"dso", WHO("org-2", "usr-2", "key-2", FG_ROLE_DSO, FG_BIT(FG_DUTY_TRADER) | FG_BIT(FG_DUTY_OPERATOR))},
        {"fmo", WHO("org-1", "usr-1", "key-1", FG_ROLE_FMO, FG_BIT(FG_DUTY_OPERATOR))},
        {"reader", WHO("org-3", "usr-6", "key-6", FG_ROLE_AGGREGATOR, FG_BIT(FG_DUTY_READER))},
        {"gone", WHO("org-5", "usr-5", "key-5", FG_ROLE_AGGREGATOR, FG_BIT(FG_DUTY_TRADER))},
    };
#undef WHO
    (void)context;
    for (size_t i = 0; i < FG_COUNT_OF(known); i++)
        if (strcmp(known[i].secret, credentials->secret) == 0) {
            *principal = known[i].principal;
            return FG_OK;
        }
    return fg_fail(err, FG_ERR_DENIED, NULL, "unknown key");
}

/* Answers that the engine has kept. */
struct trading_kept {
    const char *owner, *key;
    const unsigned char *hash;
    enum fg_idempotency_state *state;
    struct fg_saved_answer *answer;
};
static inline enum fg_code trading_load_work(struct fg_platform *platform, struct fg_store *store, void *context,
                                             struct fg_error *err)
{
    (void)platform;
    struct trading_kept *kept = context;
    struct fg_sql *sql;
    bool row;
    size_t size;
    enum fg_code code =
        fg_sql_prepare(store, "SELECT hash, status, media, body FROM idempotency WHERE owner = $1 AND key = $2", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, kept->owner);
    fg_sql_text(sql, 2, kept->key);
    *kept->state = FG_KEY_NEW;
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
        return code;
    const void *hash = fg_sql_column_blob(sql, 0, &size);
    *kept->state = size == FG_HASH_BYTES && memcmp(hash, kept->hash, size) == 0 ? FG_KEY_SAME : FG_KEY_OTHER;
    kept->answer->status = (int)fg_sql_column_int64(sql, 1);
    snprintf(kept->answer->media, sizeof kept->answer->media, "%s", fg_sql_column_text(sql, 2));
    const char *body = fg_sql_column_blob(sql, 3, &size);
    if (*kept->state == FG_KEY_SAME)
        fg_text_append(&kept->answer->body, body, size);
    fg_sql_done(sql);
    return FG_OK;
}
static inline enum fg_code trading_load(void *context, const char *owner, const char *key,
                                        const unsigned char hash[FG_HASH_BYTES], enum fg_idempotency_state *state,
                                        struct fg_saved_answer *answer, struct fg_error *err)
{
    struct trading_kept kept = {owner, key, hash, state, answer};
    return fg_platform_run(((struct fg_application *)context)->platform, FG_STORE_READ, trading_load_work, &kept, err);
}
static inline enum fg_code trading_save(void *context, const char *owner, const char *key,
                                        const unsigned char hash[FG_HASH_BYTES], int status, const char *media,
                                        const char *body, size_t length, int64_t expires, struct fg_error *err)
{
    (void)context, (void)owner, (void)key, (void)hash, (void)status, (void)media, (void)body, (void)length, (void)expires;
    return fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "trading keeps its answers itself");
}

static _Atomic(struct fg_server *) trading_running;
static inline void trading_notify(void *context, int64_t area)
{
    char name[FG_ID_TEXT];
    (void)context;
    struct fg_server *server = trading_running;
    if (server != NULL)
        fg_server_notify(server, fg_id_text(FG_ID_AREA, area, name));
}

/* The server's process: writes its port to `out` and runs until SIGTERM. */
static inline void trading_serve(const char *url, const char *folder, const char *node, int out)
{
    struct fg_error err = {0};
    struct fg_application application = {.data_folder = folder};
    struct fg_server *server = NULL;
    struct fg_platform_options platform = {.store_url = url, .node = node};
    struct fg_exchange_options exchange = {.store_url = url, .node = node, .notify = trading_notify, .batch_max = 1024};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enum fg_code code = fg_platform_create(&platform, &application.platform, &err);
    if (code == FG_OK)
        code = fg_exchange_start(&exchange, &application.exchange, &err);
    struct fg_server_options options = {
        .address = "127.0.0.1", .data_folder = folder, .operations = trading_sets,
        .operation_set_count = FG_COUNT_OF(trading_sets), .access = fg_platform_access,
        .context = &application, .authenticator = {NULL, trading_authenticate},
        .idempotency = {&application, trading_load, trading_save}, .events = fg_event_stream_source(&application),
        .rate_per_second = 1e6, .rate_burst = 1e6, .anonymous_rate_per_second = 1e6, .anonymous_rate_burst = 1e6};
    if (code == FG_OK)
        code = fg_server_start(&options, &server, &err);
    if (code != FG_OK) {
        fprintf(stderr, "server: %s: %s\n", err.place, err.text);
        _exit(3);
    }
    trading_running = server;
    uint16_t port = fg_server_port(server);
    (void)!write(out, &port, sizeof port);
    close(out);
    sigwaitinfo(&signals, NULL);
    trading_running = NULL;
    fg_server_stop(server, 5);
    fg_exchange_stop(application.exchange);
    fg_platform_destroy(application.platform);
    _exit(0);
}

struct trading_process {
    pid_t pid;
    uint16_t port;
};
/* Runs this program anew with --serve (its main calls trading_serve); port 0 when it does not start. */
static inline struct trading_process trading_start(const char *url, const char *folder, const char *node)
{
    struct trading_process process = {0};
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    fflush(NULL);
    process.pid = fork();
    if (process.pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "server", "--serve", url, folder, node, (char *)NULL);
        _exit(4);
    }
    close(ends[1]);
    if (read(ends[0], &process.port, sizeof process.port) != sizeof process.port)
        process.port = 0;
    close(ends[0]);
    return process;
}
static inline int trading_stop(struct trading_process *process, int number)
{
    int status = 0;
    kill(process->pid, number);
    waitpid(process->pid, &status, 0);
    return status;
}

/* ---- client ---- */
struct trading_client {
    CURL *curl;
    struct curl_slist *headers;
    uint16_t port;
    long status; /* 0: no answer */
    struct fg_text body;
};
static inline size_t trading_take(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}
static inline void trading_client_open(struct trading_client *client, uint16_t port)
{
    *client = (struct trading_client){.curl = curl_easy_init(), .port = port};
    fg_text_init(&client->body);
    curl_easy_setopt(client->curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(client->curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(client->curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, trading_take);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &client->body);
}
static inline void trading_client_close(struct trading_client *client)
{
    curl_easy_cleanup(client->curl);
    fg_text_release(&client->body);
}
/* `key`: Idempotency-Key or NULL; `body` NULL: none. The answer's body is in client->body. */
static inline long trading_ask(struct trading_client *client, const char *who, const char *method, const char *path,
                               const char *key, const char *body)
{
    char url[2048], line[400];
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", client->port, path);
    snprintf(line, sizeof line, "Authorization: Bearer %s", who);
    list = curl_slist_append(list, line);
    if (key != NULL) {
        snprintf(line, sizeof line, "Idempotency-Key: %s", key);
        list = curl_slist_append(list, line);
    }
    if (body != NULL)
        list = curl_slist_append(list, "Content-Type: application/json");
    client->body.length = 0;
    fg_text_puts(&client->body, "");
    if (client->body.data != NULL)
        client->body.data[0] = '\0';
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    if (body != NULL) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, list);
    client->status = 0;
    if (curl_easy_perform(client->curl) == CURLE_OK)
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &client->status);
    curl_slist_free_all(list);
    return client->status;
}

#endif
