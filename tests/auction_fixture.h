/* The platform with auctions and runs behind a server on 127.0.0.1, with a clock of its own and the small market of
 * support/market_rows.h; log-in by fixed keys: "fmo", "dso", "agg", "ret", "reg" (regulator), "obs" (observer). Every answer is held
 * against the operation's description. */
#ifndef FG_TESTS_AUCTION_FIXTURE_H
#define FG_TESTS_AUCTION_FIXTURE_H

#include "support/market_rows.h"
#include "support/store_fixture.h"

#include "api_fixture.h"
#undef DSO
#undef AGG

#include "api/application.h"
#include "api/catalogue.h"
#include "api/router.h"
#include "api/validate.h"
#include "atp/id.h"
#include "atp/query.h"
#include "atp/rights.h"
#include "base/instant.h"

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

#define NOON_US INT64_C(1750000000000000) /* 2025-06-15T15:06:40Z */

struct hall {
    struct fixture http;
    struct fg_application application;
    struct fg_router router;
    char url[200];
    _Atomic int64_t now_us;
};

static inline int64_t hall_clock(void *context)
{
    return ((struct hall *)context)->now_us;
}

static inline enum fg_code hall_who(void *context, const struct fg_credentials *credentials, struct fg_principal *principal,
                                    struct fg_error *err)
{
    static const struct {
        const char *key;
        int organisation;
        enum fg_role role;
    } known[] = {{"fmo", 1, FG_ROLE_FMO}, {"dso", 2, FG_ROLE_DSO},       {"agg", 3, FG_ROLE_AGGREGATOR},
                 {"ret", 4, FG_ROLE_RETAILER}, {"reg", 8, FG_ROLE_REGULATOR}, {"obs", 9, FG_ROLE_OBSERVER},
                 {"gone", 5, FG_ROLE_AGGREGATOR}};
    (void)context;
    for (size_t i = 0; i < FG_COUNT_OF(known); i++)
        if (strcmp(known[i].key, credentials->secret) == 0) {
            *principal = (struct fg_principal){.roles = FG_BIT(known[i].role), .duties = FG_DUTIES_ALL,
                                               .apis = FG_BIT(FG_API_ATP) | FG_BIT(FG_API_DFMCT)};
            fg_id_text(FG_ID_ORGANISATION, known[i].organisation, principal->organisation);
            fg_id_text(FG_ID_USER, known[i].organisation * 10, principal->user);
            snprintf(principal->key, sizeof principal->key, "key-%d", known[i].organisation);
            return FG_OK;
        }
    return fg_fail(err, FG_ERR_DENIED, NULL, "unknown key");
}

static inline void hall_serve(struct hall *h)
{
    struct fg_error err = {0};
    size_t count = 0;
    bool is_real = h->now_us == 0; /* the system's clock */
    fixture_expect(fg_application_open(h->url, h->http.folder, "test", is_real ? NULL : hall_clock, h, &h->application, &err), &err);
    fixture_expect(fg_application_trade(&h->application, &err), &err);
    while (fg_catalogue[count] != NULL)
        count++;
    struct fg_server_options options = {.address = "127.0.0.1", .plain_http = true, .data_folder = h->http.folder,
                                        .operations = fg_catalogue + 1, .operation_set_count = count - 1, .rate_per_second = 1e6,
                                        .rate_burst = 1e6, .anonymous_rate_per_second = 1e6, .anonymous_rate_burst = 1e6};
    fg_application_connect(&h->application, &options);
    options.authenticator = (struct fg_authenticator){h, hall_who};
    h->http.options = options;
    fixture_expect(fg_server_start(&options, &h->http.server, &err), &err);
    h->http.port = fg_server_port(h->http.server);
    fg_application_announce(&h->application, h->http.server);
}

static inline void hall_stop(struct hall *h)
{
    fg_application_announce(&h->application, NULL);
    fg_server_stop(h->http.server, 5);
    fg_application_close(&h->application);
}

/* The database and what asks need; `rows`: what is there besides market_rows, NULL-terminated; may be NULL. */
static inline void hall_prepare(struct hall *h, void **state, const char *const *rows)
{
    struct fg_error err = {0};
    size_t count = 0;
    memset(h, 0, sizeof *h);
    struct fg_store *store = fixture_open(state, h->url);
    for (size_t i = 0; i < FG_COUNT_OF(market_rows); i++)
        fixture_execute(store, market_rows[i]);
    fixture_execute(store, "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES "
                           "(8, 'Regulator', 1024, 'active', 'GR', '', 0, 1), (9, 'Observer', 2048, 'active', 'GR', '', 0, 1)");
    for (; rows != NULL && *rows != NULL; rows++)
        fixture_execute(store, *rows);
    fg_store_close(store);
    h->http.options.plain_http = true; /* for clients of a server in another process */
    strcpy(h->http.folder, "/tmp/flexgrid_hall_XXXXXX");
    assert_non_null(mkdtemp(h->http.folder));
    while (fg_catalogue[count] != NULL)
        count++;
    fixture_expect(fg_router_init(&h->router, fg_catalogue, count, &err), &err);
}
static inline void hall_open_at(struct hall *h, void **state, int64_t now_us, const char *const *rows)
{
    hall_prepare(h, state, rows);
    h->now_us = now_us;
    hall_serve(h);
}
static inline void hall_open(struct hall *h, void **state, const char *const *rows)
{
    hall_open_at(h, state, NOON_US, rows);
}

static inline void hall_forget(struct hall *h)
{
    char command[128];
    fg_router_release(&h->router);
    snprintf(command, sizeof command, "rm -rf %s", h->http.folder);
    assert_int_equal(system(command), 0);
}
static inline void hall_close(struct hall *h)
{
    hall_stop(h);
    hall_forget(h);
}

static inline const struct fg_operation *hall_operation(struct hall *h, const char *method, const char *path)
{
    char plain[1024];
    struct fg_arena arena;
    struct fg_route route;
    fg_arena_init(&arena);
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(path, "?"), path);
    const struct fg_operation *operation = NULL;
    if (fg_router_match(&h->router, plain, &arena, &route, NULL) == FG_OK && route.is_known)
        for (int m = 0; m < FG_METHOD_COUNT; m++)
            if (strcmp(method, fg_method_name((enum fg_method)m)) == 0)
                operation = route.operations[m];
    fg_arena_release(&arena);
    return operation;
}

/* The answer, whose status must be `wanted`; its JSON (NULL: none) is the caller's. `extra`: more header lines or NULL. */
static inline json_t *hall_ask(struct hall *h, const char *who, const char *method, const char *path, const char *extra,
                               const char *body, long wanted)
{
    char headers[400];
    const struct fg_operation *operation = hall_operation(h, method, path);
    assert_non_null(operation);
    snprintf(headers, sizeof headers, "Authorization: Bearer %s%s%s%s", who,
             operation->request_media != NULL ? "\nContent-Type: application/octet-stream" : "", extra != NULL ? "\n" : "",
             extra != NULL ? extra : "");
    struct answer answer = ask(&h->http, method, path, headers, body);
    if (answer.status != wanted)
        fail_msg("%s %s as %s: %ld instead of %ld: %.1500s", method, path, who, answer.status, wanted, answer.body.data);
    json_t *root = answer.body.length > 0 ? json_loads(answer.body.data, 0, NULL) : NULL;
    for (const struct fg_response *r = operation->responses; r->status != 0; r++) {
        struct fg_problem_list list = {0};
        struct fg_json_cursor at = fg_json_root(root, NULL);
        if (r->status != answer.status || r->schema == NULL)
            continue;
        fg_validate_json(r->schema, false, &at, &list);
        if (list.count > 0)
            fail_msg("%s %s: answer breaks its schema at %s: %s: %.600s", method, path, list.items[0].pointer, list.items[0].text,
                     answer.body.data);
        fg_problem_list_release(&list);
    }
    answer_release(&answer);
    return root;
}
static inline void hall_expect(struct hall *h, const char *who, const char *method, const char *path, const char *body, long wanted)
{
    json_decref(hall_ask(h, who, method, path, NULL, body, wanted));
}
/* Refused with this status and key. */
static inline void hall_refused(struct hall *h, const char *who, const char *method, const char *path, const char *body, long wanted,
                                const char *key)
{
    json_t *answer = hall_ask(h, who, method, path, NULL, body, wanted);
    const char *got = json_string_value(json_object_get(answer, "key"));
    if (got == NULL || strcmp(got, key) != 0)
        fail_msg("%s %s as %s: refused with %s instead of %s: %s", method, path, who, got != NULL ? got : "nothing", key,
                 json_string_value(json_object_get(answer, "detail")));
    json_decref(answer);
}
/* A text member of the answer. */
static inline void hall_text(struct hall *h, const char *who, const char *method, const char *path, const char *body, long wanted,
                             const char *member, char *out, size_t size)
{
    json_t *answer = hall_ask(h, who, method, path, NULL, body, wanted);
    const char *text = json_string_value(json_object_get(answer, member));
    snprintf(out, size, "%s", text != NULL ? text : "");
    json_decref(answer);
}
static inline const char *hall_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static inline void hall_sleep(int milliseconds)
{
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

static inline int64_t hall_number(struct hall *h, const char *text)
{
    struct fg_store *store = fixture_open_url(h->url);
    int64_t number = fixture_number(store, text);
    fg_store_close(store);
    return number;
}

/* An auction of `periods` from an instant; closes at `closure` (seconds). Its id. */
static inline void hall_auction(struct hall *h, const char *start, int periods, int64_t closure_s, const char *terms, char id[32])
{
    char body[2000], instant[FG_INSTANT_TEXT];
    snprintf(body, sizeof body, "{\"name\":\"Test\",\"start\":\"%s\",\"periods\":%d,\"closure\":\"%s\",\"terms\":%s}", start, periods,
             fg_instant_format(closure_s, instant), terms);
    hall_text(h, "fmo", "POST", "/v1/areas/area-1/auctions", body, 201, "id", id, 32);
}

/* Let the gate close, wait for an end of the clearing; the auction as `who` sees it is the caller's. */
static inline json_t *hall_clear(struct hall *h, const char *who, const char *id, int64_t closure_s)
{
    char path[100];
    if (h->now_us < (closure_s + 1) * 1000000)
        h->now_us = (closure_s + 1) * 1000000;
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s", id);
    for (int i = 0; i < 1200; i++) {
        json_t *auction = hall_ask(h, who, "GET", path, NULL, NULL, 200);
        const char *status = hall_at(auction, "status");
        if (strcmp(status, "open") != 0 && strcmp(status, "closed") != 0)
            return auction;
        json_decref(auction);
        hall_sleep(50);
    }
    fail_msg("auction %s has no result", id);
    return NULL;
}

#endif
