/* A server on 127.0.0.1 with a small application behind it: operations that echo, list, fail, wait and defer; an
 * authenticator, an idempotency store and an event source in memory. Clients: libcurl and raw sockets. */
#ifndef FG_TESTS_API_FIXTURE_H
#define FG_TESTS_API_FIXTURE_H

#include "api/call.h"
#include "api/server.h"
#include "base/memory.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ---- the application ---- */
#define AREAS 3
#define EVENTS_MAX 20000
struct app {
    pthread_mutex_t lock;
    struct fg_server *server;
    atomic_int orders_entered, deferred;
    atomic_bool is_storage_broken, is_revoked, is_held; /* held: the operation `wait` waits for as long */
    struct kept {
        char owner[300], key[260], media[64], *body;
        unsigned char hash[FG_HASH_BYTES];
        int status;
        size_t length;
    } kept[64];
    size_t kept_count;
    struct {
        char data[EVENTS_MAX][48];
        const char *scope[EVENTS_MAX];
        uint64_t oldest, newest, epoch;
    } areas[AREAS]; /* "a0", "a1", "a2" */
    struct fg_call *waiting;
};

static inline int area_index(const char *area)
{
    return area[0] == 'a' && area[1] >= '0' && area[1] < '0' + AREAS && area[2] == '\0' ? area[1] - '0' : -1;
}

static inline void app_event(struct app *app, int area, const char *scope)
{
    pthread_mutex_lock(&app->lock);
    uint64_t n = ++app->areas[area].newest;
    snprintf(app->areas[area].data[n % EVENTS_MAX], 48, "{\"area\":%d,\"n\":%llu}", area, (unsigned long long)n);
    app->areas[area].scope[n % EVENTS_MAX] = scope;
    pthread_mutex_unlock(&app->lock);
    char name[3] = {'a', (char)('0' + area), '\0'};
    if (app->server != NULL)
        fg_server_notify(app->server, name);
}

static inline enum fg_code app_range(void *context, const char *area, uint64_t *oldest, uint64_t *newest, uint64_t *epoch,
                                     struct fg_error *err)
{
    struct app *app = context;
    int i = area_index(area);
    if (i < 0)
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no area \"%s\"", area);
    pthread_mutex_lock(&app->lock);
    *oldest = app->areas[i].oldest;
    *newest = app->areas[i].newest;
    *epoch = app->areas[i].epoch;
    pthread_mutex_unlock(&app->lock);
    return FG_OK;
}

static inline enum fg_code app_read(void *context, const char *area, uint64_t after, size_t most,
                                    bool (*take)(void *, const struct fg_event *), void *take_context, struct fg_error *err)
{
    (void)err;
    struct app *app = context;
    int i = area_index(area);
    for (uint64_t n = after + 1; most > 0; n++, most--) {
        char data[48];
        pthread_mutex_lock(&app->lock);
        bool is_there = n >= app->areas[i].oldest && n <= app->areas[i].newest;
        if (is_there)
            memcpy(data, app->areas[i].data[n % EVENTS_MAX], sizeof data);
        const char *scope = app->areas[i].scope[n % EVENTS_MAX];
        pthread_mutex_unlock(&app->lock);
        struct fg_event event = {.sequence = n, .type = "trade", .data = data, .data_length = is_there ? strlen(data) : 0, .scope = scope};
        if (!is_there || !take(take_context, &event))
            break;
    }
    return FG_OK;
}

static inline bool app_may_read(void *context, const struct fg_principal *principal, const char *area, const char *scope)
{
    struct app *app = context;
    if (atomic_load(&app->is_revoked) || (strcmp(area, "a2") == 0 && strcmp(principal->organisation, "dso") != 0))
        return false;
    return scope == NULL || strcmp(scope, principal->organisation) == 0;
}

static inline enum fg_code app_authenticate(void *context, const struct fg_credentials *credentials,
                                            struct fg_principal *principal, struct fg_error *err)
{
    static const struct {
        const char *secret;
        struct fg_principal principal;
    } known[] = {
        {"dso-key", {"dso", "dora", "k1", "", FG_BIT(FG_ROLE_DSO), FG_BIT(FG_DUTY_OPERATOR), FG_BIT(FG_API_ATP), false}},
        {"agg-key", {"agg", "adam", "k2", "", FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_TRADER), FG_BIT(FG_API_ATP), false}},
        {"fst-key", {"agg", "adam", "k3", "", FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_TRADER), FG_BIT(FG_API_FST), false}},
        {"reader-key", {"agg", "rita", "k4", "", FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_READER), FG_BIT(FG_API_ATP), false}},
        {"session", {"agg", "adam", "s1", "", FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_TRADER), 0, true}},
        {"slow-key", {"slow", "sam", "k5", "", FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_TRADER), FG_BIT(FG_API_ATP), false}},
    };
    struct app *app = context;
    if (atomic_load(&app->is_storage_broken))
        return fg_fail(err, FG_ERR_IO, "/var/lib/secret-path", "disk on fire");
    for (size_t i = 0; i < FG_COUNT_OF(known); i++)
        if (strcmp(known[i].secret, credentials->secret) == 0) {
            *principal = known[i].principal;
            return FG_OK;
        }
    return fg_fail(err, FG_ERR_DENIED, NULL, "unknown key");
}

static inline enum fg_code app_load(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                                    enum fg_idempotency_state *state, struct fg_saved_answer *answer, struct fg_error *err)
{
    (void)err;
    struct app *app = context;
    *state = FG_KEY_NEW;
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < app->kept_count; i++) {
        struct kept *kept = &app->kept[i];
        if (strcmp(kept->owner, owner) != 0 || strcmp(kept->key, key) != 0)
            continue;
        *state = memcmp(kept->hash, hash, FG_HASH_BYTES) == 0 ? FG_KEY_SAME : FG_KEY_OTHER;
        answer->status = kept->status;
        strcpy(answer->media, kept->media);
        if (*state == FG_KEY_SAME)
            fg_text_append(&answer->body, kept->body, kept->length);
    }
    pthread_mutex_unlock(&app->lock);
    return FG_OK;
}

static inline enum fg_code app_save(void *context, const char *owner, const char *key, const unsigned char hash[FG_HASH_BYTES],
                                    int status, const char *media, const char *body, size_t length, int64_t expires,
                                    struct fg_error *err)
{
    struct app *app = context;
    if (expires < (int64_t)time(NULL) + 47 * 3600)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "kept for too short a time");
    pthread_mutex_lock(&app->lock);
    enum fg_code code = FG_OK;
    if (app->kept_count < FG_COUNT_OF(app->kept)) {
        struct kept *kept = &app->kept[app->kept_count++];
        snprintf(kept->owner, sizeof kept->owner, "%s", owner);
        snprintf(kept->key, sizeof kept->key, "%s", key);
        snprintf(kept->media, sizeof kept->media, "%s", media);
        memcpy(kept->hash, hash, FG_HASH_BYTES);
        kept->status = status;
        kept->length = length;
        kept->body = malloc(length + 1);
        memcpy(kept->body, body != NULL ? body : "", length);
    } else {
        code = fg_fail(err, FG_ERR_IO, NULL, "full");
    }
    pthread_mutex_unlock(&app->lock);
    return code;
}

/* ---- its operations ---- */
static const char *const side_words[] = {"buy", "sell", NULL};
static const struct fg_schema side = FG_ENUM("Side", "Buy or sell", side_words);
static const struct fg_schema tag_text = FG_TEXT(1, 20);
static const struct fg_schema tags = FG_ARRAY(&tag_text, 0, 5);
static const struct fg_schema small_integer = FG_INTEGER(1, 96);
static const struct fg_schema secret = {.kind = FG_SCHEMA_SECRET, .min_length = 1, .max_length = 100};
static const struct fg_field order_fields[] = {
    {"side", &side, "Buy or sell", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "Quantity", FG_REQUIRED},
    {"price", &fg_schema_price, "Limit", FG_REQUIRED | FG_NULLABLE},
    {"start", &fg_schema_instant, "Start", FG_REQUIRED},
    {"periods", &small_integer, "Number of periods", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", 0},
    {"note", &fg_schema_note, "Note", 0},
    {"tags", &tags, "Tags", 0},
    {"all_or_none", &fg_schema_boolean, "All or none", 0},
    {"password", &secret, "A secret", 0},
};
static const struct fg_schema order = FG_OBJECT("Order", "An order", order_fields);
static const char *const kind_words[] = {"battery", "wind", NULL};
static const struct fg_schema kind = FG_ENUM("AssetKind", "Kind of an asset", kind_words);
static const struct fg_schema efficiency = {.kind = FG_SCHEMA_NUMBER, .number_minimum = 0, .number_maximum = 1};
static const struct fg_field battery_fields[] = {
    {"kind", &kind, "battery", FG_REQUIRED}, {"efficiency", &efficiency, "Round trip", FG_REQUIRED}};
static const struct fg_field wind_fields[] = {
    {"kind", &kind, "wind", FG_REQUIRED}, {"rated", &fg_schema_power, "Rated power", FG_REQUIRED}};
static const struct fg_schema battery = FG_OBJECT("Battery", "A battery", battery_fields);
static const struct fg_schema wind = FG_OBJECT("Wind", "A wind park", wind_fields);
static const struct fg_schema *const asset_variants[] = {&battery, &wind, NULL};
static const struct fg_schema asset = {.kind = FG_SCHEMA_UNION, .name = "Asset", .description = "An asset",
                                       .discriminator = "kind", .variants = asset_variants};
static const struct fg_field entered_fields[] = {{"number", &fg_schema_count, "How many were entered", FG_REQUIRED},
                                                 {"quantity_w", &fg_schema_count, "Quantity in W", FG_REQUIRED}};
static const struct fg_schema entered = FG_OBJECT("Entered", "An order is in the book", entered_fields);
FG_PAGE_SCHEMA(page, &entered, "EnteredPage", "Entered orders");
static const struct fg_response entered_responses[] = {{201, "Entered", &entered, NULL, NULL}, {0}};
static const struct fg_response ok_responses[] = {{200, "Done", &entered, NULL, NULL}, {0}};
static const struct fg_response page_responses[] = {{200, "A page", &page, NULL, NULL}, {0}};
static const struct fg_response empty_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response csv_responses[] = {{200, "Rows", NULL, "text/csv", NULL}, {0}};
static const struct fg_param item_path[] = {{"item", &fg_schema_id, "Item", true}, {0}};
static const struct fg_param list_query[] = {{"side", &side, "Only this side", false},
                                             {"since", &fg_schema_instant, "Only from then on", false},
                                             {"most", &fg_schema_power, "At most", false}, {0}};

static inline void put_entered(struct fg_json_writer *out, int64_t number, int64_t quantity_w)
{
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "number", number);
    fg_json_put_integer(out, "quantity_w", quantity_w);
    fg_json_end_object(out);
}
static const struct fg_problem_kind not_in_gate = {"order.gate_closed", 409, "The gate is closed", "Choose a later period."};

static enum fg_code enter_order(struct fg_call *call, struct fg_error *err)
{
    struct app *app = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    if (fg_member_instant(&body, "start", 0) < 1700000000)
        return fg_call_refuse(call, &not_in_gate, "/start", err, "the period has begun");
    put_entered(fg_call_json(call, 201), atomic_fetch_add(&app->orders_entered, 1) + 1, fg_member_decimal(&body, "quantity", 6, -1));
    return FG_OK;
}
static enum fg_code enter_asset(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    fg_call_empty(call, 204);
    return FG_OK;
}
static enum fg_code list_entered(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    int64_t from = fg_call_position(call) != NULL ? strtoll(fg_call_position(call), NULL, 10) : 0, end = from + fg_call_limit(call);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (int64_t i = from; i < end && i < 250; i++)
        put_entered(out, i, fg_call_decimal(call, "most", 7));
    fg_json_end_array(out);
    char position[24];
    snprintf(position, sizeof position, "%lld", (long long)end);
    fg_call_put_next(call, out, end < 250 ? position : NULL);
    fg_json_end_object(out);
    return FG_OK;
}
static enum fg_code get_item(struct fg_call *call, struct fg_error *err)
{
    const char *item = fg_call_text(call, "item");
    if (strcmp(item, "absent") == 0)
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no item \"%s\"", item);
    if (strcmp(item, "broken") == 0)
        return fg_fail(err, FG_ERR_IO, "/var/lib/secret-path", "disk on fire");
    fg_call_etag(call, "v7");
    put_entered(fg_call_json(call, 200), 7, 7);
    return FG_OK;
}
static enum fg_code put_item(struct fg_call *call, struct fg_error *err)
{
    if (!fg_call_if_match(call, "v7"))
        return fg_call_changed(call, err);
    fg_call_empty(call, 204);
    return FG_OK;
}
static enum fg_code wait_a_while(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    struct app *app = fg_call_context(call);
    do
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    while (atomic_load(&app->is_held));
    put_entered(fg_call_json(call, 200), 1, 1);
    return FG_OK;
}
static void *finish_later(void *context)
{
    struct fg_call *call = context;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    put_entered(fg_call_json(call, 200), 2, 2);
    fg_call_finish(call, FG_OK, NULL);
    return NULL;
}
static enum fg_code answer_later(struct fg_call *call, struct fg_error *err)
{
    struct app *app = fg_call_context(call);
    fg_call_defer(call);
    pthread_t thread;
    if (strcmp(fg_call_text(call, "item"), "never") == 0) {
        app->waiting = call;
        return FG_OK;
    }
    if (pthread_create(&thread, NULL, finish_later, call) != 0)
        return fg_fail(err, FG_ERR_BUSY, NULL, "no thread");
    pthread_detach(thread);
    return FG_OK;
}
static enum fg_code upload_csv(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    size_t length;
    const char *bytes = fg_call_body_bytes(call, &length);
    fg_call_download(call, "rows \"1\".csv");
    fg_call_bytes(call, 200, "text/csv", bytes, length);
    return FG_OK;
}

#define ORDER_EXAMPLE                                                                                                  \
    "{\"side\":\"buy\",\"quantity\":\"1.5\",\"price\":\"85.5\",\"start\":\"2025-03-30T01:00:00Z\",\"periods\":4}"
static const struct fg_operation test_operations[] = {
    {.id = "enter-order", .method = FG_POST, .path = "/v1/orders", .api = FG_API_ATP, .tag = "Orders", .summary = "Enter an order",
     .right = "orders.enter", .flags = FG_OP_IDEMPOTENT, .request = &order, .request_example = ORDER_EXAMPLE,
     .responses = entered_responses, .handle = enter_order},
    {.id = "list-orders", .method = FG_GET, .path = "/v1/orders", .api = FG_API_ATP, .tag = "Orders", .summary = "List orders",
     .right = "orders.read", .flags = FG_OP_PAGED, .query_params = list_query, .responses = page_responses, .handle = list_entered},
    {.id = "enter-asset", .method = FG_POST, .path = "/v1/assets", .api = FG_API_ATP, .tag = "Assets", .summary = "Enter an asset",
     .right = "orders.enter", .flags = FG_OP_IDEMPOTENT | FG_OP_KEY_REQUIRED, .request = &asset,
     .request_example = "{\"kind\":\"battery\",\"efficiency\":0.9}", .responses = empty_responses, .handle = enter_asset},
    {.id = "get-item", .method = FG_GET, .path = "/v1/items/{item}", .api = FG_API_ATP, .tag = "Items", .summary = "One item",
     .right = "orders.read", .path_params = item_path, .responses = ok_responses, .handle = get_item},
    {.id = "put-item", .method = FG_PUT, .path = "/v1/items/{item}", .api = FG_API_ATP, .tag = "Items", .summary = "Change an item",
     .right = "orders.enter", .flags = FG_OP_IF_MATCH, .path_params = item_path, .request = &order, .request_example = ORDER_EXAMPLE,
     .responses = empty_responses, .handle = put_item},
    {.id = "wait", .method = FG_POST, .path = "/v1/wait", .api = FG_API_ATP, .tag = "Items", .summary = "Wait",
     .right = "orders.enter", .flags = FG_OP_IDEMPOTENT, .responses = ok_responses, .handle = wait_a_while},
    {.id = "answer-later", .method = FG_GET, .path = "/v1/later/{item}", .api = FG_API_ATP, .tag = "Items", .summary = "Later",
     .right = "orders.read", .path_params = item_path, .responses = ok_responses, .handle = answer_later},
    {.id = "upload", .method = FG_POST, .path = "/v1/rows", .api = FG_API_DB, .tag = "Rows", .summary = "Upload rows",
     .right = "rows.enter", .request_media = "text/csv", .max_body_bytes = 100000, .responses = csv_responses, .handle = upload_csv},
};
static const struct fg_operation_set test_set = FG_OPERATIONS(test_operations);
static const struct fg_operation_set *const test_sets[] = {&test_set};
static const struct fg_access_rule test_rules[] = {
    {"orders.enter", "Enter orders", FG_BIT(FG_ROLE_DSO) | FG_BIT(FG_ROLE_AGGREGATOR), FG_BIT(FG_DUTY_TRADER) | FG_BIT(FG_DUTY_OPERATOR)},
    {"orders.read", "Read orders", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"rows.enter", "Enter rows", FG_BIT(FG_ROLE_DSO) | FG_BIT(FG_ROLE_AGGREGATOR), FG_DUTIES_ALL},
};

/* ---- the fixture ---- */
struct fixture {
    struct app *app;
    struct fg_server *server;
    struct fg_server_options options;
    char folder[64];
    uint16_t port;
};

static inline struct fg_server_options fixture_options(struct fixture *f)
{
    return (struct fg_server_options){
        .address = "127.0.0.1", .plain_http = true, .data_folder = f->folder, .operations = test_sets, .operation_set_count = 1,
        .access = {test_rules, FG_COUNT_OF(test_rules)}, .context = f->app, .authenticator = {f->app, app_authenticate},
        .idempotency = {f->app, app_load, app_save}, .events = {f->app, app_read, app_range, app_may_read},
        .header_seconds = 1, .body_seconds = 2, .rate_per_second = 1e6, .rate_burst = 1e6, .anonymous_rate_per_second = 1e6,
        .anonymous_rate_burst = 1e6, .connections_per_address = 5000,
    };
}
static inline void fixture_prepare(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->app = calloc(1, sizeof *f->app);
    pthread_mutex_init(&f->app->lock, NULL);
    for (int i = 0; i < AREAS; i++) {
        f->app->areas[i].oldest = 1;
        f->app->areas[i].epoch = 1;
    }
    strcpy(f->folder, "/tmp/flexgrid_api_XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        abort();
    f->options = fixture_options(f);
}
static inline enum fg_code fixture_start(struct fixture *f, struct fg_error *err)
{
    enum fg_code code = fg_server_start(&f->options, &f->server, err);
    f->app->server = f->server;
    if (code == FG_OK)
        f->port = fg_server_port(f->server);
    return code;
}
static inline void fixture_stop(struct fixture *f)
{
    fg_server_stop(f->server, 5);
    f->server = f->app->server = NULL;
}
static inline void fixture_release(struct fixture *f)
{
    if (f->server != NULL)
        fixture_stop(f);
    for (size_t i = 0; i < f->app->kept_count; i++)
        free(f->app->kept[i].body);
    pthread_mutex_destroy(&f->app->lock);
    free(f->app);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    if (system(command) != 0)
        perror(command);
}

/* ---- client: libcurl ---- */
struct answer {
    long status; /* 0: no answer */
    struct fg_text body, headers;
};
static inline size_t answer_take(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}
static inline void answer_release(struct answer *answer)
{
    fg_text_release(&answer->body);
    fg_text_release(&answer->headers);
}
/* `headers`: lines separated by '\n', NULL: none; `body` NULL: none. */
static inline struct answer ask(struct fixture *f, const char *method, const char *path, const char *headers, const char *body)
{
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char url[4096], lines[4096];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u%s", f->options.plain_http ? "http" : "https", f->port, path);
    snprintf(lines, sizeof lines, "%s", headers != NULL ? headers : "");
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
        list = curl_slist_append(list, line);
    fg_text_puts(&answer.body, "");
    fg_text_puts(&answer.headers, "");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, answer_take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.headers);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        if (headers == NULL || strstr(headers, "Content-Type") == NULL)
            list = curl_slist_append(list, "Content-Type: application/json");
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return answer;
}
#define DSO "Authorization: Bearer dso-key"
#define AGG "Authorization: Bearer agg-key"

/* ---- client: raw bytes ---- */
static inline int raw_open(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {.tv_sec = 10};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}
static inline void raw_send(int descriptor, const void *bytes, size_t length)
{
    (void)!send(descriptor, bytes, length, MSG_NOSIGNAL);
}
/* Everything until the other side closes, into buffer (terminated). */
static inline size_t raw_read_all(int descriptor, char *buffer, size_t size)
{
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = recv(descriptor, buffer + used, size - 1 - used, 0)) > 0)
        used += (size_t)got;
    buffer[used] = '\0';
    return used;
}

#endif
