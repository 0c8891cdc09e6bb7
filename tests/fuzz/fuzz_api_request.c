/* Any bytes as what strangers send: a JSON body against a schema of every kind, a path, parameters, a cursor. What is
 * accepted as a decimal, an instant or a word must have a value. */
#include "api/operations_server.h"
#include "api/router.h"
#include "api/seal.h"
#include "api/validate.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {"battery", "wind", NULL};
static const struct fg_schema word = FG_ENUM(NULL, NULL, words);
static const struct fg_schema number = {.kind = FG_SCHEMA_NUMBER, .number_minimum = -1, .number_maximum = 1};
static const struct fg_schema integer = FG_INTEGER(-5, 5);
static const struct fg_schema secret = {.kind = FG_SCHEMA_SECRET};
static const struct fg_field battery_fields[] = {{"kind", &word, "", FG_REQUIRED}, {"power", &fg_schema_power, "", FG_REQUIRED}};
static const struct fg_field wind_fields[] = {{"kind", &word, "", FG_REQUIRED}, {"share", &number, "", FG_NULLABLE}};
static const struct fg_schema battery = FG_OBJECT("Battery", "", battery_fields), wind = FG_OBJECT("Wind", "", wind_fields);
static const struct fg_schema *const variants[] = {&battery, &wind, NULL};
static const struct fg_schema asset = {.kind = FG_SCHEMA_UNION, .name = "Asset", .discriminator = "kind", .variants = variants};
static const struct fg_schema assets = FG_ARRAY(&asset, 0, 4);
static const struct fg_field root_fields[] = {
    {"id", &fg_schema_id, "", FG_REQUIRED}, {"at", &fg_schema_instant, "", 0}, {"day", &fg_schema_date, "", 0},
    {"price", &fg_schema_price, "", FG_NULLABLE}, {"energy", &fg_schema_energy, "", 0}, {"note", &fg_schema_note, "", 0},
    {"mail", &fg_schema_email, "", 0}, {"url", &fg_schema_url, "", 0}, {"zone", &fg_schema_zone, "", 0},
    {"currency", &fg_schema_currency, "", 0}, {"on", &fg_schema_boolean, "", 0}, {"n", &integer, "", 0},
    {"assets", &assets, "", 0}, {"password", &secret, "", 0},
};
static const struct fg_schema root_schema = FG_OBJECT("Root", "", root_fields);

static void parameters(const char *text)
{
    for (size_t i = 0; i < FG_COUNT_OF(root_fields); i++) {
        const struct fg_schema *schema = root_fields[i].schema;
        if (schema->kind == FG_SCHEMA_ARRAY || schema->kind == FG_SCHEMA_SECRET)
            continue;
        struct fg_problem_list list = {0};
        int64_t value;
        fg_validate_text(schema, text, "?x", &value, &list);
        if (list.count == 0 && schema->kind == FG_SCHEMA_DECIMAL)
            assert(value >= schema->minimum && value <= schema->maximum);
        if (list.count == 0 && schema->kind == FG_SCHEMA_INTEGER)
            assert(value >= -5 && value <= 5);
        fg_problem_list_release(&list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json;
    struct fg_error err;
    if (fg_json_load_limited((const char *)data, size, 1 << 20, "body", &json, &err) == FG_OK) {
        struct fg_problem_list list = {0};
        struct fg_json_cursor root = fg_json_root(json, NULL);
        fg_validate_json(&root_schema, false, &root, &list);
        for (size_t i = 0; i < list.count; i++)
            assert(list.items[i].pointer[0] == '/' || list.items[i].pointer[0] == '\0');
        fg_problem_list_release(&list);
        json_decref(json);
    }
    char text[4096];
    size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    parameters(text);

    static const struct fg_operation_set *const sets[] = {&fg_server_operations};
    struct fg_router router;
    struct fg_route route;
    struct fg_arena arena;
    fg_arena_init(&arena);
    if (fg_router_init(&router, sets, 1, &err) == FG_OK) {
        (void)fg_router_match(&router, text, &arena, &route, &err);
        fg_router_release(&router);
    }
    fg_arena_release(&arena);

    struct fg_seal_key key = {{1, 2, 3}};
    char out[256], token[FG_SEAL_SIZE(sizeof text)];
    (void)fg_unseal(&key, "fuzz", text, out, sizeof out);
    if (length < sizeof out - 1 && strlen(text) == length) { /* what was sealed comes back, for its purpose only */
        fg_seal(&key, "fuzz", text, token, sizeof token);
        assert(fg_unseal(&key, "fuzz", token, out, sizeof out) && strcmp(out, text) == 0);
        assert(!fg_unseal(&key, "other", token, out, sizeof out));
    }
    return 0;
}
