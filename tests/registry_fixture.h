/* The platform behind a server on 127.0.0.1, with a clock of its own; organisations that register and are accepted over the
 * API. Every answer is held against the operation's description: status, media type and schema. */
#ifndef FG_TESTS_REGISTRY_FIXTURE_H
#define FG_TESTS_REGISTRY_FIXTURE_H

#include "support/store_fixture.h"

#include "api_fixture.h"

#include "api/application.h"
#include "api/catalogue.h"
#include "api/router.h"
#include "api/validate.h"
#include "atp/organisation.h"
#include "atp/query.h"

#define START_US INT64_C(1750000000000000) /* 2025-06-15T15:06:40Z */
#define PASSWORD "four words make one"
#define FMO_EMAIL "olga@fmo.example"
enum { TOKEN_LENGTH = 100, PARTY_LOG = 1 << 20 };

struct registry_fixture {
    struct fixture http; /* for ask(): port and options */
    struct fg_application application;
    struct fg_router router;
    char url[200];
    int64_t now_us;
    char fmo[TOKEN_LENGTH]; /* session of the FMO's administrator */
    struct fg_text seen;    /* every answer, for the search for secrets */
};

static inline int64_t registry_clock(void *context)
{
    return ((struct registry_fixture *)context)->now_us;
}

struct registry_founding {
    struct fg_organisation organisation;
    struct fg_new_user user;
};
static inline enum fg_code registry_found_work(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct registry_founding *founding = context;
    int64_t organisation, user;
    return fg_organisation_found(registry, &founding->organisation, &founding->user, &organisation, &user, err);
}

/* ---- calling ---- */
static inline const struct fg_operation *registry_operation(struct registry_fixture *f, const char *method, const char *path)
{
    char plain[1024];
    struct fg_arena arena;
    struct fg_route route;
    fg_arena_init(&arena);
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(path, "?"), path);
    const struct fg_operation *operation = NULL;
    if (fg_router_match(&f->router, plain, &arena, &route, NULL) == FG_OK && route.is_known)
        for (int m = 0; m < FG_METHOD_COUNT; m++)
            if (strcmp(method, fg_method_name((enum fg_method)m)) == 0)
                operation = route.operations[m];
    fg_arena_release(&arena);
    return operation;
}

static inline void registry_check_answer(struct registry_fixture *f, const char *method, const char *path, long status, const json_t *body)
{
    const struct fg_operation *operation = registry_operation(f, method, path);
    if (operation == NULL)
        return;
    int statuses[FG_PROBLEM_STATUSES_MAX];
    size_t count = fg_operation_problem_statuses(operation, statuses);
    bool is_described = false;
    for (size_t i = 0; i < count; i++)
        is_described = is_described || statuses[i] == status;
    for (const struct fg_response *r = operation->responses; r->status != 0; r++) {
        is_described = is_described || r->status == status;
        if (r->status != status || r->schema == NULL)
            continue;
        struct fg_problem_list list = {0};
        struct fg_json_cursor root = fg_json_root((json_t *)body, NULL);
        fg_validate_json(r->schema, false, &root, &list);
        if (list.count > 0)
            fail_msg("%s %s: answer breaks its schema at %s: %s", method, path, list.items[0].pointer, list.items[0].text);
        fg_problem_list_release(&list);
    }
    if (!is_described)
        fail_msg("%s %s: status %ld is not described", method, path, status);
}

/* `headers`: more of them, lines; token NULL: not logged in. The body is parsed (NULL: none). */
static inline json_t *call_full(struct registry_fixture *f, const char *token, const char *method, const char *path,
                                const char *headers, const char *body, long *status, char etag[64])
{
    char lines[1024] = "";
    if (token != NULL)
        snprintf(lines, sizeof lines, "Authorization: Bearer %s", token);
    if (headers != NULL)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s%s", lines[0] != '\0' ? "\n" : "", headers);
    struct answer answer = ask(&f->http, method, path, lines[0] != '\0' ? lines : NULL, body);
    *status = answer.status;
    if (etag != NULL) {
        const char *at = strstr(answer.headers.data, "ETag: ");
        etag[0] = '\0';
        if (at != NULL)
            snprintf(etag, 64, "%.*s", (int)strcspn(at + 6, "\r\n"), at + 6);
    }
    json_t *json = json_loads(answer.body.data, 0, NULL);
    registry_check_answer(f, method, path, answer.status, json);
    fg_text_puts(&f->seen, answer.body.data);
    answer_release(&answer);
    return json;
}

/* The answer, whose status must be `expected`. */
static inline json_t *call(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body,
                           long expected)
{
    long status;
    json_t *json = call_full(f, token, method, path, NULL, body, &status, NULL);
    if (status != expected) {
        char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
        fail_msg("%s %s %s: %ld instead of %ld: %s", method, path, body != NULL ? body : "", status, expected, text != NULL ? text : "");
    }
    return json;
}
static inline void expect(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body,
                          long expected)
{
    json_decref(call(f, token, method, path, body, expected));
}
/* Text member of the answer into `out`. */
static inline void call_for(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body,
                            long expected, const char *member, char *out, size_t size)
{
    json_t *json = call(f, token, method, path, body, expected);
    const char *text = json_string_value(json_object_get(json, member));
    if (text == NULL)
        fail_msg("%s %s: no member %s", method, path, member);
    snprintf(out, size, "%s", text);
    json_decref(json);
}
/* A change under If-Match of what is there now. */
static inline json_t *change(struct registry_fixture *f, const char *token, const char *method, const char *path, const char *body,
                             long expected)
{
    long status;
    char etag[64], header[100];
    json_decref(call_full(f, token, "GET", path, NULL, NULL, &status, etag));
    snprintf(header, sizeof header, "If-Match: %s", etag[0] != '\0' ? etag : "\"none\"");
    json_t *json = call_full(f, token, method, path, header, body, &status, NULL);
    if (status != expected) {
        char *text = json_dumps(json, JSON_COMPACT);
        fail_msg("%s %s: %ld instead of %ld: %s", method, path, status, expected, text);
    }
    return json;
}

/* ---- people ---- */
static inline void log_in_as(struct registry_fixture *f, const char *email, const char *password, char token[TOKEN_LENGTH])
{
    char body[400];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\",\"as\":\"token\"}", email, password);
    call_for(f, NULL, "POST", "/v1/log-in", body, 201, "token", token, TOKEN_LENGTH);
}

/* An organisation with these roles (JSON words without brackets), registered; accepted by the FMO when `accepted`. */
struct party {
    char id[32], user[32], email[64], token[TOKEN_LENGTH];
};
static inline void register_party(struct registry_fixture *f, const char *name, const char *roles, bool accepted, struct party *party)
{
    char body[800], path[100];
    snprintf(party->email, sizeof party->email, "admin@%s.example", name);
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"roles\":[%s],\"country\":\"GR\",\"address\":\"Street 1\",\"administrator\":{\"name\":\"Person of "
             "%s\",\"email\":\"%s\",\"password\":\"" PASSWORD "\"}}",
             name, roles, name, party->email);
    json_t *json = call(f, NULL, "POST", "/v1/registrations", body, 201);
    snprintf(party->id, sizeof party->id, "%s", json_string_value(json_object_get(json, "organisation")));
    snprintf(party->user, sizeof party->user, "%s", json_string_value(json_object_get(json, "user")));
    json_decref(json);
    if (!accepted)
        return;
    snprintf(path, sizeof path, "/v1/organisations/%s/decision", party->id);
    expect(f, f->fmo, "POST", path, "{\"decision\":\"accept\"}", 200);
    log_in_as(f, party->email, PASSWORD, party->token);
}

/* Another user of the organisation whose administrator `token` is. */
static inline void add_user(struct registry_fixture *f, const char *token, const char *email, const char *duties, char user_token[TOKEN_LENGTH],
                            char user[32])
{
    char body[600], invitation[TOKEN_LENGTH];
    snprintf(body, sizeof body, "{\"duties\":[%s]}", duties);
    call_for(f, token, "POST", "/v1/invitations", body, 201, "token", invitation, sizeof invitation);
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"name\":\"Person %s\",\"email\":\"%s\",\"password\":\"" PASSWORD "\"}", invitation, email,
             email);
    call_for(f, NULL, "POST", "/v1/invitations/accept", body, 201, "user", user, 32);
    log_in_as(f, email, PASSWORD, user_token);
}

/* ---- the fixture ---- */
static inline void registry_open(struct registry_fixture *f, enum fg_store_kind backend)
{
    struct fg_error err = {0};
    char hash[FG_PASSWORD_HASH];
    memset(f, 0, sizeof *f);
    fixture_url(backend, f->url);
    f->now_us = START_US;
    strcpy(f->http.folder, "/tmp/flexgrid_reg_XXXXXX");
    assert_non_null(mkdtemp(f->http.folder));
    fixture_expect(fg_application_open(f->url, f->http.folder, "test", registry_clock, f, &f->application, &err), &err);
    fixture_expect(fg_application_trade(&f->application, &err), &err);
    struct registry_founding founding = {
        {.name = "Market", .country = "GR", .address = "Street 1", .roles = FG_BIT(FG_ROLE_FMO)}, {"Olga Op", FMO_EMAIL, hash}};
    fixture_expect(fg_password_hash(PASSWORD, hash, &err), &err);
    fixture_expect(fg_registry_run(f->application.platform, NULL, FG_STORE_WRITE, registry_found_work, &founding, &err), &err);
    size_t count = 0;
    while (fg_catalogue[count] != NULL)
        count++;
    struct fg_server_options options = {.address = "127.0.0.1", .plain_http = true, .data_folder = f->http.folder,
                                        .operations = fg_catalogue + 1, .operation_set_count = count - 1, .rate_per_second = 1e6,
                                        .rate_burst = 1e6, .anonymous_rate_per_second = 1e6, .anonymous_rate_burst = 1e6};
    fg_application_connect(&f->application, &options);
    f->http.options = options;
    fixture_expect(fg_server_start(&options, &f->http.server, &err), &err);
    f->http.port = fg_server_port(f->http.server);
    fixture_expect(fg_router_init(&f->router, fg_catalogue, count, &err), &err);
    fg_text_init(&f->seen);
    log_in_as(f, FMO_EMAIL, PASSWORD, f->fmo);
}

static inline void registry_close(struct registry_fixture *f)
{
    char command[128];
    fg_server_stop(f->http.server, 5);
    fg_application_close(&f->application);
    fg_router_release(&f->router);
    fg_text_release(&f->seen);
    snprintf(command, sizeof command, "rm -rf %s", f->http.folder);
    assert_int_equal(system(command), 0);
}

/* A look into the database beside the server. */
static inline int64_t registry_number(struct registry_fixture *f, const char *text)
{
    struct fg_store *store = fixture_open_url(f->url);
    int64_t number = fixture_number(store, text);
    fg_store_close(store);
    return number;
}

#endif
