/* Requests over a real socket: routing, validation, problems, authorisation, idempotency, pages, conditions,
 * compression, rates. Expected values follow RFC 9110, RFC 9457 and docs/api.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/operations_server.h"
#include "api/openapi.h"
#include "api/validate.h"
#include "api_fixture.h"
#include "base/json.h"

static int setup(void **state)
{
    static struct fixture f;
    struct fg_error err;
    fixture_prepare(&f);
    if (fixture_start(&f, &err) != FG_OK) {
        fprintf(stderr, "%s: %s\n", err.place, err.text);
        return -1;
    }
    *state = &f;
    return 0;
}
static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

/* Ask; expect the status, and for refusals the key of a problem document that follows its own schema. */
static void expect_full(struct fixture *f, const char *method, const char *path, const char *headers, const char *body, long status,
                        const char *key, const char *contains)
{
    struct answer answer = ask(f, method, path, headers, body);
    if (answer.status != status)
        fail_msg("%s %s: %ld, not %ld: %s", method, path, answer.status, status, answer.body.data);
    if (contains != NULL && strstr(answer.body.data, contains) == NULL && strstr(answer.headers.data, contains) == NULL)
        fail_msg("%s %s: no %s in %s%s", method, path, contains, answer.headers.data, answer.body.data);
    if (key != NULL) {
        assert_non_null(strstr(answer.headers.data, "Content-Type: application/problem+json"));
        json_t *root;
        struct fg_error err;
        struct fg_problem_list list = {0};
        assert_int_equal(fg_json_load_text(answer.body.data, answer.body.length, "problem", &root, &err), FG_OK);
        struct fg_json_cursor cursor = fg_json_root(root, NULL);
        fg_validate_json(&fg_schema_problem, false, &cursor, &list);
        assert_int_equal(list.count, 0);
        assert_string_equal(json_string_value(json_object_get(root, "key")), key);
        assert_int_equal(json_integer_value(json_object_get(root, "status")), status);
        fg_problem_list_release(&list);
        json_decref(root);
    }
    answer_release(&answer);
}
#define expect(f, method, path, headers, body, status, key) expect_full(f, method, path, headers, body, status, key, NULL)

static void routing(void **state)
{
    struct fixture *f = *state;
    expect(f, "GET", "/v1/server", NULL, NULL, 200, NULL);
    expect(f, "GET", "/v1/server/", NULL, NULL, 404, "request.route");
    expect(f, "GET", "/v1//server", NULL, NULL, 404, "request.route");
    expect(f, "GET", "/nothing/here", DSO, NULL, 404, "request.route");
    expect_full(f, "DELETE", "/v1/orders", DSO, NULL, 405, "request.method", "Allow: OPTIONS, GET, HEAD, POST");
    expect_full(f, "OPTIONS", "/v1/items/x", NULL, NULL, 204, NULL, "Allow: OPTIONS, GET, HEAD, PUT");
    expect(f, "HEAD", "/v1/items/x", DSO, NULL, 200, NULL);
    expect(f, "GET", "/v1/items/a%2fb", DSO, NULL, 422, "request.invalid");
    expect(f, "GET", "/v1/items/%zz", DSO, NULL, 400, "request.http");
    expect(f, "GET", "/v1/items/%00", DSO, NULL, 400, "request.http");
    expect(f, "GET", "/v1/items/%c3%28", DSO, NULL, 400, "request.http"); /* not UTF-8 */
}

static void all_errors_with_pointers(void **state)
{
    struct fixture *f = *state;
    const char *body = "{\"sidee\":\"buy\",\"side\":\"bye\",\"quantity\":1.5,\"price\":\"85.1234567\",\"start\":\"2025-03-30 01:00\","
                       "\"periods\":97,\"tags\":[\"ok\",\"\",7],\"portfolio\":\"a b\"}";
    struct answer answer = ask(f, "POST", "/v1/orders", DSO, body);
    assert_int_equal(answer.status, 422);
    json_t *root = json_loads(answer.body.data, 0, NULL);
    const char *const wanted[][2] = {{"/sidee", "unknown"}, {"/side", "word"}, {"/quantity", "type"}, {"/price", "decimals"},
                                     {"/start", "instant"}, {"/periods", "range"}, {"/tags/1", "length"}, {"/tags/2", "type"},
                                     {"/portfolio", "id"}};
    json_t *errors = json_object_get(root, "errors");
    assert_int_equal(json_array_size(errors), FG_COUNT_OF(wanted));
    for (size_t i = 0; i < FG_COUNT_OF(wanted); i++) {
        bool found = false;
        for (size_t j = 0; j < json_array_size(errors); j++)
            found = found || (strcmp(json_string_value(json_object_get(json_array_get(errors, j), "pointer")), wanted[i][0]) == 0 &&
                              strcmp(json_string_value(json_object_get(json_array_get(errors, j), "key")), wanted[i][1]) == 0);
        if (!found)
            fail_msg("%s %s is not among %s", wanted[i][0], wanted[i][1], answer.body.data);
    }
    assert_non_null(strstr(answer.body.data, "did you mean \\\"side\\\"")); /* the nearest name */
    assert_non_null(strstr(answer.body.data, "did you mean \\\"buy\\\""));
    json_decref(root);
    answer_release(&answer);
}

static void bodies(void **state)
{
    struct fixture *f = *state;
    expect_full(f, "POST", "/v1/orders", DSO, ORDER_EXAMPLE, 201, NULL, "\"quantity_w\":1500000");
    expect(f, "POST", "/v1/orders", DSO, "{", 400, "request.syntax");
    expect(f, "POST", "/v1/orders", DSO, "{\"side\":\"buy\",\"side\":\"sell\"}", 400, "request.syntax");
    expect(f, "POST", "/v1/orders", DSO, "[]", 422, "request.invalid");
    expect(f, "POST", "/v1/orders", DSO, "", 422, "request.invalid");
    expect(f, "POST", "/v1/orders", DSO "\nContent-Type: text/plain", ORDER_EXAMPLE, 415, "request.media_type");
    expect(f, "POST", "/v1/orders", DSO "\nContent-Encoding: gzip", ORDER_EXAMPLE, 415, "request.media_type");
    expect(f, "POST", "/v1/wait", DSO, "{}", 400, "request.syntax"); /* takes no body */
    expect_full(f, "POST", "/v1/orders", DSO,
                "{\"side\":\"buy\",\"quantity\":\"1.5\",\"price\":null,\"start\":\"2020-03-30T01:00:00Z\",\"periods\":4}", 409,
                "order.gate_closed", "\"pointer\":\"/start\"");
    expect(f, "POST", "/v1/assets", DSO "\nIdempotency-Key: as1", "{\"kind\":\"wind\",\"rated\":\"2\"}", 204, NULL);
    expect_full(f, "POST", "/v1/assets", DSO "\nIdempotency-Key: as2", "{\"kind\":\"wind\",\"efficiency\":0.9}", 422, "request.invalid", "/rated");
    expect_full(f, "POST", "/v1/assets", DSO "\nIdempotency-Key: as3", "{\"kind\":\"battery\",\"efficiency\":1.1}", 422, "request.invalid", "/efficiency");
    expect_full(f, "POST", "/v1/assets", DSO "\nIdempotency-Key: as4", "{\"efficiency\":1}", 422, "request.invalid", "/kind");
    expect_full(f, "POST", "/v1/assets", DSO, "{\"kind\":\"wind\",\"rated\":\"2\"}", 422, "request.invalid", "Idempotency-Key:");
    /* secrets are not repeated in errors */
    char body[700], long_secret[300];
    memset(long_secret, 'Q', sizeof long_secret - 1);
    long_secret[sizeof long_secret - 1] = '\0';
    snprintf(body, sizeof body, "{\"password\":\"%s\"}", long_secret);
    struct answer answer = ask(f, "POST", "/v1/orders", DSO, body);
    assert_int_equal(answer.status, 422);
    assert_null(strstr(answer.body.data, "QQQ"));
    answer_release(&answer);
}

static void queries(void **state)
{
    struct fixture *f = *state;
    expect_full(f, "GET", "/v1/orders?side=buy&since=2025-01-01T00:00:00Z&most=-0.5&limit=1", DSO, NULL, 200, NULL, "\"quantity_w\":-500000");
    expect_full(f, "GET", "/v1/orders?sied=buy", DSO, NULL, 422, "request.invalid", "did you mean");
    expect_full(f, "GET", "/v1/orders?side=buy&side=sell", DSO, NULL, 422, "request.invalid", "\"twice\"");
    expect_full(f, "GET", "/v1/orders?since=yesterday", DSO, NULL, 422, "request.invalid", "?since");
    expect_full(f, "GET", "/v1/orders?limit=0", DSO, NULL, 422, "request.invalid", "?limit");
    expect_full(f, "GET", "/v1/orders?limit=1001", DSO, NULL, 422, "request.invalid", "?limit");
    expect_full(f, "GET", "/v1/orders?cursor=bm9uc2Vuc2U.AAAAAAAAAAAAAAAAAAAAAA", DSO, NULL, 422, "request.invalid", "?cursor");
    expect(f, "GET", "/v1/orders?side=%0a", DSO, NULL, 400, "request.http");
}

static void pages(void **state)
{
    struct fixture *f = *state;
    char path[700] = "/v1/orders?limit=100";
    int64_t seen = 0;
    int requests = 0;
    for (bool more = true; more; requests++) {
        struct answer answer = ask(f, "GET", path, AGG, NULL);
        assert_int_equal(answer.status, 200);
        json_t *root = json_loads(answer.body.data, 0, NULL), *items = json_object_get(root, "items");
        for (size_t i = 0; i < json_array_size(items); i++)
            assert_int_equal(json_integer_value(json_object_get(json_array_get(items, i), "number")), seen++);
        const char *next = json_string_value(json_object_get(root, "next"));
        more = next != NULL;
        if (more)
            snprintf(path, sizeof path, "/v1/orders?limit=100&cursor=%s", next);
        json_decref(root);
        answer_release(&answer);
    }
    assert_int_equal(seen, 250);
    assert_int_equal(requests, 3);
}

static void access_is_the_table(void **state)
{
    struct fixture *f = *state;
    expect_full(f, "GET", "/v1/orders", NULL, NULL, 401, "access.credentials", "WWW-Authenticate: Bearer");
    expect(f, "GET", "/v1/orders", "Authorization: Bearer wrong", NULL, 401, "access.credentials");
    expect(f, "GET", "/v1/orders", "Authorization: Basic ZHNvOmtleQ==", NULL, 401, "access.credentials");
    expect(f, "GET", "/v1/server", "Authorization: Bearer wrong", NULL, 401, "access.credentials");
    expect(f, "GET", "/v1/orders", "Authorization: Bearer fst-key", NULL, 403, "access.denied"); /* key of another API */
    expect(f, "POST", "/v1/orders", "Authorization: Bearer reader-key", ORDER_EXAMPLE, 403, "access.denied"); /* duty */
    expect(f, "GET", "/v1/orders", "Authorization: Bearer reader-key", NULL, 200, NULL);
    expect_full(f, "GET", "/v1/me", AGG, NULL, 200, NULL, "\"roles\":[\"aggregator\"]");
    /* a browser's session: valid for all APIs, changes only from the own site */
    expect(f, "GET", "/v1/orders", "Cookie: a=b; flexgrid=session", NULL, 200, NULL);
    expect(f, "POST", "/v1/orders", "Cookie: flexgrid=session", ORDER_EXAMPLE, 403, "access.cross_site");
    expect(f, "POST", "/v1/orders", "Cookie: flexgrid=session\nSec-Fetch-Site: cross-site", ORDER_EXAMPLE, 403, "access.cross_site");
    expect(f, "POST", "/v1/orders", "Cookie: flexgrid=session\nOrigin: https://evil.example", ORDER_EXAMPLE, 403, "access.cross_site");
    expect(f, "POST", "/v1/orders", "Cookie: flexgrid=session\nSec-Fetch-Site: same-origin", ORDER_EXAMPLE, 201, NULL);
}

static void storage_failure_is_503_and_tells_nothing(void **state)
{
    struct fixture *f = *state;
    struct answer answer = ask(f, "GET", "/v1/items/broken", DSO, NULL);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.headers.data, "Retry-After: "));
    assert_null(strstr(answer.body.data, "secret-path"));
    assert_null(strstr(answer.body.data, "fire"));
    answer_release(&answer);
    atomic_store(&f->app->is_storage_broken, true);
    expect_full(f, "GET", "/v1/orders", DSO, NULL, 503, "server.unavailable", "Retry-After: ");
    atomic_store(&f->app->is_storage_broken, false);
    expect(f, "GET", "/v1/items/absent", DSO, NULL, 404, "object.not_found");
}

static void *ask_wait(void *context)
{
    struct answer answer = ask(context, "POST", "/v1/wait", DSO "\nIdempotency-Key: w1", NULL);
    long status = answer.status;
    answer_release(&answer);
    return (void *)(intptr_t)status;
}

static void idempotency(void **state)
{
    struct fixture *f = *state;
    int before = atomic_load(&f->app->orders_entered);
    struct answer first = ask(f, "POST", "/v1/orders", DSO "\nIdempotency-Key: k-1", ORDER_EXAMPLE);
    /* the same document in another order and with white space is the same request */
    struct answer second = ask(f, "POST", "/v1/orders", DSO "\nIdempotency-Key: k-1",
                               " {\"quantity\":\"1.5\",\"side\":\"buy\",\"price\":\"85.5\", \"start\":\"2025-03-30T01:00:00Z\",\"periods\":4}");
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 201);
    assert_string_equal(first.body.data, second.body.data);
    assert_non_null(strstr(second.headers.data, "Idempotent-Replayed: true"));
    assert_int_equal(atomic_load(&f->app->orders_entered), before + 1);
    answer_release(&first);
    answer_release(&second);
    const char *other = "{\"side\":\"sell\",\"quantity\":\"1.5\",\"price\":\"85.5\",\"start\":\"2025-03-30T01:00:00Z\",\"periods\":4}";
    expect(f, "POST", "/v1/orders", DSO "\nIdempotency-Key: k-1", other, 422, "idempotency.other_request");
    expect(f, "POST", "/v1/orders", AGG "\nIdempotency-Key: k-1", other, 201, NULL); /* another owner's key */
    /* a refusal by the handler is an answer, too */
    const char *late = "{\"side\":\"buy\",\"quantity\":\"1\",\"price\":\"1\",\"start\":\"2020-03-30T01:00:00Z\",\"periods\":4}";
    expect(f, "POST", "/v1/orders", DSO "\nIdempotency-Key: k-2", late, 409, "order.gate_closed");
    expect_full(f, "POST", "/v1/orders", DSO "\nIdempotency-Key: k-2", late, 409, "order.gate_closed", "Idempotent-Replayed: true");
    /* a second one while the first runs */
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_wait, f), 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    expect(f, "POST", "/v1/wait", DSO "\nIdempotency-Key: w1", NULL, 409, "idempotency.in_progress");
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, 200);
}

static void conditions(void **state)
{
    struct fixture *f = *state;
    expect_full(f, "GET", "/v1/items/x", DSO, NULL, 200, NULL, "ETag: \"v7\"");
    expect(f, "GET", "/v1/items/x", DSO "\nIf-None-Match: \"v6\", W/\"v7\"", NULL, 304, NULL);
    expect(f, "GET", "/v1/items/x", DSO "\nIf-None-Match: \"v6\"", NULL, 200, NULL);
    expect(f, "PUT", "/v1/items/x", DSO, ORDER_EXAMPLE, 428, "request.if_match");
    expect(f, "PUT", "/v1/items/x", DSO "\nIf-Match: \"v6\"", ORDER_EXAMPLE, 412, "object.changed");
    expect(f, "PUT", "/v1/items/x", DSO "\nIf-Match: W/\"v7\"", ORDER_EXAMPLE, 412, "object.changed"); /* weak */
    expect(f, "PUT", "/v1/items/x", DSO "\nIf-Match: \"v7-gzip\"", ORDER_EXAMPLE, 204, NULL);
}

static void compression(void **state)
{
    struct fixture *f = *state;
    struct answer plain = ask(f, "GET", "/v1/openapi.json", NULL, NULL);
    struct answer packed = ask(f, "GET", "/v1/openapi.json", "Accept-Encoding: br, gzip;q=0.5", NULL);
    struct answer refused = ask(f, "GET", "/v1/openapi.json", "Accept-Encoding: gzip;q=0", NULL);
    assert_non_null(strstr(packed.headers.data, "Content-Encoding: gzip"));
    assert_true(packed.body.length * 3 < plain.body.length);
    assert_int_equal((unsigned char)packed.body.data[0], 0x1f);
    assert_null(strstr(refused.headers.data, "Content-Encoding"));
    /* unpacked by the file reader, which knows gzip */
    char path[128];
    snprintf(path, sizeof path, "%s/openapi.gz", f->folder);
    struct fg_text text;
    struct fg_error err;
    assert_int_equal(fg_file_write(path, packed.body.data, packed.body.length, &err), FG_OK);
    assert_int_equal(fg_file_read(path, 1 << 20, &text, &err), FG_OK);
    assert_string_equal(text.data, plain.body.data);
    fg_text_release(&text);
    answer_release(&plain);
    answer_release(&packed);
    answer_release(&refused);
}

static void later_answers_and_bytes(void **state)
{
    struct fixture *f = *state;
    expect_full(f, "GET", "/v1/later/x", DSO, NULL, 200, NULL, "{\"number\":2,\"quantity_w\":2}");
    expect_full(f, "POST", "/v1/rows", "Cookie: flexgrid=session\nSec-Fetch-Site: same-origin\nContent-Type: text/csv", "a,b\n1,2\n", 200, NULL,
                "filename=\"rows _1_.csv\"");
}

static void security_headers(void **state)
{
    struct fixture *f = *state;
    struct answer answer = ask(f, "GET", "/docs", "Origin: https://other.example", NULL);
    assert_non_null(strstr(answer.headers.data, "Content-Security-Policy: default-src 'none'; script-src 'self'"));
    assert_non_null(strstr(answer.headers.data, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(answer.headers.data, "X-Frame-Options: DENY"));
    assert_null(strstr(answer.headers.data, "Access-Control-Allow-Origin"));
    assert_null(strstr(answer.body.data, "<script"));
    assert_null(strstr(answer.body.data, "style=\""));
    assert_non_null(strstr(answer.body.data, "id=\"enter-order\""));
    answer_release(&answer);
}

/* Every $ref of the document leads somewhere, every operation is there, nothing is untyped. */
static void check_node(json_t *root, json_t *node)
{
    const char *key;
    json_t *value;
    size_t index;
    json_array_foreach(node, index, value) check_node(root, value);
    const char *type = json_string_value(json_object_get(node, "type"));
    if (type != NULL && strcmp(type, "object") == 0) {
        assert_true(json_is_false(json_object_get(node, "additionalProperties")));
        assert_true(json_object_size(json_object_get(node, "properties")) > 0);
    }
    const char *reference = json_string_value(json_object_get(node, "$ref"));
    if (reference != NULL) {
        assert_int_equal(strncmp(reference, "#/components/", 13), 0);
        char part[200];
        json_t *at = json_object_get(root, "components");
        for (const char *from = reference + 13; from != NULL;) {
            const char *slash = strchr(from, '/');
            snprintf(part, sizeof part, "%.*s", (int)(slash != NULL ? slash - from : (ptrdiff_t)strlen(from)), from);
            at = json_object_get(at, part);
            from = slash != NULL ? slash + 1 : NULL;
        }
        assert_non_null(at);
    }
    json_object_foreach(node, key, value) if (strcmp(key, "example") != 0) check_node(root, value);
}

static void openapi_document(void **state)
{
    struct fixture *f = *state;
    struct answer answer = ask(f, "GET", "/v1/openapi.json", NULL, NULL);
    json_t *root = json_loads(answer.body.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.1.0");
    check_node(root, root);
    json_t *paths = json_object_get(root, "paths");
    for (size_t i = 0; i < test_set.count; i++) {
        const struct fg_operation *operation = &test_set.items[i];
        char method[8];
        size_t length = strlen(fg_method_name(operation->method));
        for (size_t c = 0; c < length; c++)
            method[c] = (char)(fg_method_name(operation->method)[c] | 0x20);
        method[length] = '\0';
        json_t *item = json_object_get(json_object_get(paths, operation->path), method);
        assert_non_null(item);
        assert_string_equal(json_string_value(json_object_get(item, "operationId")), operation->id);
        assert_non_null(json_object_get(json_object_get(item, "responses"), "503"));
    }
    json_t *fields = json_object_get(json_object_get(json_object_get(json_object_get(root, "components"), "schemas"), "Order"), "required");
    assert_int_equal(json_array_size(fields), 5);
    json_decref(root);
    answer_release(&answer);
}

static void descriptions_are_checked(void **state)
{
    (void)state;
    struct fg_error err;
    const struct fg_access_table access = {test_rules, FG_COUNT_OF(test_rules)};
    struct fg_operation bad = test_operations[0];
    const struct fg_operation_set set = {&bad, 1};
    const struct fg_operation_set *const sets[] = {&set};
    assert_int_equal(fg_operation_check(sets, 1, &access, &err), FG_OK);
    bad.right = "orders.invent";
    assert_int_equal(fg_operation_check(sets, 1, &access, &err), FG_ERR_ARGUMENT);
    bad = test_operations[0];
    bad.request_example = "{\"side\":\"buy\"}";
    assert_int_equal(fg_operation_check(sets, 1, &access, &err), FG_ERR_ARGUMENT);
    bad = test_operations[3];
    bad.path = "/v1/items/{itme}";
    assert_int_equal(fg_operation_check(sets, 1, &access, &err), FG_ERR_ARGUMENT);
    const struct fg_operation_set *const twice[] = {&test_set, &test_set};
    assert_int_equal(fg_operation_check(twice, 2, &access, &err), FG_ERR_ARGUMENT);
}

static void rates(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_error err;
    fixture_prepare(&f);
    f.options.rate_per_second = 1;
    f.options.rate_burst = 3;
    f.options.anonymous_rate_per_second = 1;
    f.options.anonymous_rate_burst = 2;
    assert_int_equal(fixture_start(&f, &err), FG_OK);
    expect_full(&f, "GET", "/v1/me", DSO, NULL, 200, NULL, "RateLimit-Remaining: 2");
    expect(&f, "GET", "/v1/me", DSO, NULL, 200, NULL);
    expect(&f, "GET", "/v1/me", DSO, NULL, 200, NULL);
    expect_full(&f, "GET", "/v1/me", DSO, NULL, 429, "request.rate", "Retry-After: 1");
    expect(&f, "GET", "/v1/me", AGG, NULL, 200, NULL); /* another key has a bucket of its own */
    expect(&f, "GET", "/v1/me", "Authorization: Bearer guess1", NULL, 401, "access.credentials");
    expect(&f, "GET", "/v1/me", "Authorization: Bearer guess2", NULL, 401, "access.credentials");
    expect(&f, "GET", "/v1/me", "Authorization: Bearer guess3", NULL, 429, "request.rate");
    fixture_release(&f);
}

static void cors_for_named_origins(void **state)
{
    (void)state;
    static const char *const origins[] = {"https://pages.example", NULL};
    struct fixture f;
    struct fg_error err;
    fixture_prepare(&f);
    f.options.cors_origins = origins;
    assert_int_equal(fixture_start(&f, &err), FG_OK);
    expect_full(&f, "GET", "/v1/server", "Origin: https://pages.example", NULL, 200, NULL, "Access-Control-Allow-Origin: https://pages.example");
    struct answer answer = ask(&f, "GET", "/v1/server", "Origin: https://pages.example.evil.example", NULL);
    assert_null(strstr(answer.headers.data, "Access-Control-Allow-Origin"));
    answer_release(&answer);
    expect_full(&f, "OPTIONS", "/v1/orders", "Origin: https://pages.example\nAccess-Control-Request-Method: POST", NULL, 204, NULL,
                "Access-Control-Allow-Headers: Authorization");
    fixture_release(&f);
}

static void static_files(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_error err;
    fixture_prepare(&f);
    char folder[80], path[400], script[3000];
    snprintf(folder, sizeof folder, "%s/web", f.folder);
    snprintf(path, sizeof path, "mkdir -p %s/sub && ln -s /etc/passwd %s/link.txt", folder, folder);
    assert_int_equal(system(path), 0);
    memset(script, 'x', sizeof script);
    snprintf(path, sizeof path, "%s/index.html", folder);
    /* The hash is what `printf '{"imports":{}}' | openssl dgst -sha256 -binary | base64` prints. */
    static const char start[] = "<p>start</p><script type=\"importmap\">{\"imports\":{}}</script>";
    assert_int_equal(fg_file_write(path, start, sizeof start - 1, &err), FG_OK);
    snprintf(path, sizeof path, "%s/sub/app.0a1b2c3d.js", folder);
    assert_int_equal(fg_file_write(path, script, sizeof script, &err), FG_OK);
    snprintf(path, sizeof path, "%s/.hidden", folder);
    assert_int_equal(fg_file_write(path, "secret", 6, &err), FG_OK);
    f.options.web_folder = folder;
    assert_int_equal(fixture_start(&f, &err), FG_OK);
    expect_full(&f, "GET", "/", NULL, NULL, 200, NULL, "<p>start</p>");
    expect_full(&f, "GET", "/", NULL, NULL, 200, NULL,
                "Content-Security-Policy: default-src 'none'; script-src 'self' 'sha256-URrTy+Il/Nz0lHojVUx275hWqAWhkSF0VsHbUM4/6Hw='; style-src");
    expect_full(&f, "GET", "/sub/app.0a1b2c3d.js", NULL, NULL, 200, NULL, "Cache-Control: public, max-age=31536000, immutable");
    expect_full(&f, "GET", "/sub/app.0a1b2c3d.js", "Accept-Encoding: gzip", NULL, 200, NULL, "Content-Encoding: gzip");
    static const char *const absent[] = {"/.hidden", "/link.txt", "/../secret", "/sub/../../secret", "/%2e%2e/secret", "/sub", "/sub/"};
    for (size_t i = 0; i < FG_COUNT_OF(absent); i++)
        expect(&f, "GET", absent[i], NULL, NULL, 404, "request.route");
    struct answer answer = ask(&f, "GET", "/index.html", NULL, NULL);
    char tag[100] = "If-None-Match: ";
    const char *etag = strstr(answer.headers.data, "ETag: ");
    assert_non_null(etag);
    snprintf(tag + 15, sizeof tag - 15, "%.*s", (int)strcspn(etag + 6, "\r\n"), etag + 6);
    answer_release(&answer);
    expect(&f, "GET", "/index.html", tag, NULL, 304, NULL);
    expect(&f, "POST", "/index.html", NULL, NULL, 404, "request.route");
    fixture_release(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing), cmocka_unit_test(all_errors_with_pointers), cmocka_unit_test(bodies), cmocka_unit_test(queries),
        cmocka_unit_test(pages), cmocka_unit_test(access_is_the_table), cmocka_unit_test(storage_failure_is_503_and_tells_nothing),
        cmocka_unit_test(idempotency), cmocka_unit_test(conditions), cmocka_unit_test(compression),
        cmocka_unit_test(later_answers_and_bytes), cmocka_unit_test(security_headers), cmocka_unit_test(openapi_document),
        cmocka_unit_test(descriptions_are_checked), cmocka_unit_test(rates), cmocka_unit_test(cors_for_named_origins),
        cmocka_unit_test(static_files),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    curl_global_cleanup();
    return failed;
}
