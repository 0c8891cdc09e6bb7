#include "api/openapi.h"

#include "api/validate.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the problem document ---- */
static const struct fg_schema line = FG_TEXT(0, 1000);
static const struct fg_schema key = FG_TEXT(1, 100);
static const struct fg_schema status = FG_INTEGER(400, 599);
static const struct fg_field item_fields[] = {
    {"pointer", &line, "JSON pointer into the body; `?name`, `{name}`, `Header:` for parameters and headers", FG_REQUIRED},
    {"key", &key, "Stable key of what is wrong", FG_REQUIRED},
    {"detail", &line, "What is wrong, and the remedy", FG_REQUIRED},
};
static const struct fg_schema item = FG_OBJECT("ProblemPlace", "A place where a request is wrong", item_fields);
static const struct fg_schema items = FG_ARRAY(&item, 1, FG_PROBLEMS_MAX);
static const struct fg_field problem_fields[] = {
    {"type", &key, "Address of the explanation", FG_REQUIRED},
    {"title", &line, "The kind of problem", FG_REQUIRED},
    {"status", &status, "HTTP status", FG_REQUIRED},
    {"key", &key, "Stable key of the kind", FG_REQUIRED},
    {"detail", &line, "This occurrence", 0},
    {"remedy", &line, "What to do", FG_REQUIRED},
    {"request_id", &key, "To be named when asking the operator of the platform", FG_REQUIRED},
    {"errors", &items, "Places to correct", 0},
};
const struct fg_schema fg_schema_problem = FG_OBJECT("Problem", "Problem document (RFC 9457)", problem_fields);

/* ---- collecting schemas ---- */
struct collection {
    const struct fg_schema **items;
    size_t count, capacity;
    bool failed;
};

static void collect(struct collection *all, const struct fg_schema *schema)
{
    if (schema == NULL || all->failed)
        return;
    if (schema->name != NULL) {
        for (size_t i = 0; i < all->count; i++)
            if (all->items[i] == schema)
                return;
        if (fg_grow((void **)&all->items, all->count, &all->capacity, sizeof(*all->items)) != 0) {
            all->failed = true;
            return;
        }
        all->items[all->count++] = schema;
    }
    for (size_t i = 0; i < schema->field_count; i++)
        collect(all, schema->fields[i].schema);
    collect(all, schema->items);
    for (size_t i = 0; schema->variants != NULL && schema->variants[i] != NULL; i++)
        collect(all, schema->variants[i]);
}

enum fg_code fg_openapi_schemas(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_schema ***schemas, size_t *count, struct fg_error *err)
{
    struct collection all = {0};
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s]->count; i++) {
            const struct fg_operation *operation = &sets[s]->items[i];
            for (const struct fg_param *p = operation->path_params; p != NULL && p->name != NULL; p++)
                collect(&all, p->schema);
            for (const struct fg_param *p = operation->query_params; p != NULL && p->name != NULL; p++)
                collect(&all, p->schema);
            collect(&all, operation->request);
            for (const struct fg_response *r = operation->responses; r->status != 0; r++)
                collect(&all, r->schema);
            if (operation->flags & FG_OP_PAGED)
                collect(&all, &fg_schema_page_cursor);
        }
    collect(&all, &fg_schema_problem);
    if (all.failed) {
        fg_free(all.items);
        return fg_fail_memory(err);
    }
    *schemas = all.items;
    *count = all.count;
    return FG_OK;
}

/* ---- writing schemas (JSON Schema 2020-12) ---- */
static void put_use(struct fg_json_writer *out, const char *member, const struct fg_schema *schema, bool nullable,
                    const char *description);

static const char *format_of(const struct fg_schema *schema)
{
    switch (schema->kind) {
    case FG_SCHEMA_INSTANT: return "date-time";
    case FG_SCHEMA_DATE: return "date";
    case FG_SCHEMA_EMAIL: return "email";
    case FG_SCHEMA_URL: return "uri";
    case FG_SCHEMA_SECRET: return "password";
    case FG_SCHEMA_DECIMAL: return "decimal";
    default: return NULL;
    }
}

static void put_string_members(struct fg_json_writer *out, const struct fg_schema *schema)
{
    char buffer[80], number[FG_DECIMAL_MAX];
    fg_json_put_string(out, "type", "string");
    if (format_of(schema) != NULL)
        fg_json_put_string(out, "format", format_of(schema));
    if (fg_schema_pattern(schema, buffer, sizeof buffer) != NULL)
        fg_json_put_string(out, "pattern", fg_schema_pattern(schema, buffer, sizeof buffer));
    if (schema->kind == FG_SCHEMA_TEXT || schema->kind == FG_SCHEMA_SECRET) {
        fg_json_put_integer(out, "minLength", (int64_t)schema->min_length);
        fg_json_put_integer(out, "maxLength", (int64_t)(schema->max_length ? schema->max_length : FG_SECRET_MAX));
    }
    if (schema->kind == FG_SCHEMA_DECIMAL && (schema->minimum != 0 || schema->maximum != 0)) {
        fg_json_put_string(out, "x-minimum", fg_decimal_format(schema->minimum, schema->places, 0, number));
        fg_json_put_string(out, "x-maximum", fg_decimal_format(schema->maximum, schema->places, 0, number));
    }
    if (schema->kind == FG_SCHEMA_ENUM) {
        fg_json_begin_array(out, "enum");
        for (size_t i = 0; schema->words[i] != NULL; i++)
            fg_json_put_string(out, NULL, schema->words[i]);
        fg_json_end_array(out);
    }
}

static void put_object_members(struct fg_json_writer *out, const struct fg_schema *schema)
{
    fg_json_put_string(out, "type", "object");
    fg_json_put_bool(out, "additionalProperties", false);
    fg_json_begin_array(out, "required");
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].flags & FG_REQUIRED)
            fg_json_put_string(out, NULL, schema->fields[i].name);
    fg_json_end_array(out);
    fg_json_begin_object(out, "properties");
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct fg_field *field = &schema->fields[i];
        put_use(out, field->name, field->schema, field->flags & FG_NULLABLE, field->description);
    }
    fg_json_end_object(out);
}

static void put_union_members(struct fg_json_writer *out, const struct fg_schema *schema)
{
    char reference[200];
    const struct fg_field *selector = fg_schema_field(schema->variants[0], schema->discriminator);
    fg_json_begin_array(out, "oneOf");
    for (size_t i = 0; schema->variants[i] != NULL; i++)
        put_use(out, NULL, schema->variants[i], false, NULL);
    fg_json_end_array(out);
    fg_json_begin_object(out, "discriminator");
    fg_json_put_string(out, "propertyName", schema->discriminator);
    fg_json_begin_object(out, "mapping");
    for (size_t i = 0; schema->variants[i] != NULL; i++) {
        snprintf(reference, sizeof reference, "#/components/schemas/%s", schema->variants[i]->name);
        fg_json_put_string(out, selector->schema->words[i], reference);
    }
    fg_json_end_object(out);
    fg_json_end_object(out);
}

static void put_members(struct fg_json_writer *out, const struct fg_schema *schema)
{
    switch (schema->kind) {
    case FG_SCHEMA_OBJECT: put_object_members(out, schema); break;
    case FG_SCHEMA_UNION: put_union_members(out, schema); break;
    case FG_SCHEMA_ARRAY:
        fg_json_put_string(out, "type", "array");
        put_use(out, "items", schema->items, false, NULL);
        fg_json_put_integer(out, "minItems", (int64_t)schema->min_items);
        fg_json_put_integer(out, "maxItems", (int64_t)schema->max_items);
        break;
    case FG_SCHEMA_INTEGER:
        fg_json_put_string(out, "type", "integer");
        fg_json_put_integer(out, "minimum", schema->minimum);
        fg_json_put_integer(out, "maximum", schema->maximum);
        break;
    case FG_SCHEMA_NUMBER:
        fg_json_put_string(out, "type", "number");
        fg_json_put_number(out, "minimum", schema->number_minimum);
        fg_json_put_number(out, "maximum", schema->number_maximum);
        break;
    case FG_SCHEMA_BOOLEAN: fg_json_put_string(out, "type", "boolean"); break;
    default: put_string_members(out, schema); break;
    }
}

static void put_plain_use(struct fg_json_writer *out, const char *member, const struct fg_schema *schema,
                          const char *description)
{
    char reference[200];
    fg_json_begin_object(out, member);
    if (schema->name != NULL) {
        snprintf(reference, sizeof reference, "#/components/schemas/%s", schema->name);
        fg_json_put_string(out, "$ref", reference);
    } else {
        put_members(out, schema);
    }
    if (description != NULL)
        fg_json_put_string(out, "description", description);
    fg_json_end_object(out);
}

static void put_use(struct fg_json_writer *out, const char *member, const struct fg_schema *schema, bool nullable,
                    const char *description)
{
    if (!nullable) {
        put_plain_use(out, member, schema, description);
        return;
    }
    fg_json_begin_object(out, member);
    fg_json_begin_array(out, "anyOf");
    put_plain_use(out, NULL, schema, NULL);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "type", "null");
    fg_json_end_object(out);
    fg_json_end_array(out);
    if (description != NULL)
        fg_json_put_string(out, "description", description);
    fg_json_end_object(out);
}

/* ---- operations ---- */
static void put_parameter(struct fg_json_writer *out, const char *name, const char *in, bool required,
                          const char *description, const struct fg_schema *schema)
{
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "name", name);
    fg_json_put_string(out, "in", in);
    fg_json_put_bool(out, "required", required);
    fg_json_put_string(out, "description", description);
    put_use(out, "schema", schema, false, NULL);
    fg_json_end_object(out);
}

static void put_parameters(struct fg_json_writer *out, const struct fg_operation *operation)
{
    static const struct fg_schema limit = FG_INTEGER(1, FG_PAGE_MAX), header = FG_TEXT(1, 255), cursor = FG_TEXT(1, 8000);
    fg_json_begin_array(out, "parameters");
    for (const struct fg_param *p = operation->path_params; p != NULL && p->name != NULL; p++)
        put_parameter(out, p->name, "path", true, p->description, p->schema);
    for (const struct fg_param *p = operation->query_params; p != NULL && p->name != NULL; p++)
        put_parameter(out, p->name, "query", p->required, p->description, p->schema);
    if (operation->flags & FG_OP_PAGED) {
        put_parameter(out, "limit", "query", false, "Items on a page; 100 when absent", &limit);
        put_parameter(out, "cursor", "query", false, "`next` of the page before; absent: the first page", &fg_schema_page_cursor);
    }
    if (operation->flags & FG_OP_IDEMPOTENT)
        put_parameter(out, "Idempotency-Key", "header", operation->flags & FG_OP_KEY_REQUIRED,
                      "Same key and request, same answer, for 48 hours", &header);
    if (operation->flags & FG_OP_IF_MATCH)
        put_parameter(out, "If-Match", "header", true, "ETag of the version to be changed", &header);
    if (operation->flags & FG_OP_STREAM)
        put_parameter(out, "Last-Event-ID", "header", false, "Id of the last event seen: go on after it", &cursor);
    if (operation->right != NULL)
        put_parameter(out, "On-Behalf-Of", "header", false, "Organisation represented", &fg_schema_id);
    fg_json_end_array(out);
}

static void put_content(struct fg_json_writer *out, const struct fg_schema *schema, const char *media, const char *example)
{
    fg_json_begin_object(out, "content");
    fg_json_begin_object(out, media != NULL ? media : "application/json");
    if (schema != NULL)
        put_use(out, "schema", schema, false, NULL);
    if (example != NULL)
        fg_json_put_raw(out, "example", example);
    fg_json_end_object(out);
    fg_json_end_object(out);
}

static void put_responses(struct fg_json_writer *out, const struct fg_operation *operation)
{
    char number[16];
    fg_json_begin_object(out, "responses");
    for (const struct fg_response *r = operation->responses; r->status != 0; r++) {
        snprintf(number, sizeof number, "%d", r->status);
        fg_json_begin_object(out, number);
        fg_json_put_string(out, "description", r->description);
        if (r->schema != NULL || r->media != NULL)
            put_content(out, r->schema, r->media, r->example);
        fg_json_end_object(out);
    }
    if (operation->method == FG_GET && !(operation->flags & FG_OP_STREAM)) {
        fg_json_begin_object(out, "304");
        fg_json_put_string(out, "description", "Not modified since the ETag in If-None-Match");
        fg_json_end_object(out);
    }
    int statuses[FG_PROBLEM_STATUSES_MAX];
    size_t count = fg_operation_problem_statuses(operation, statuses);
    for (size_t i = 0; i < count; i++) {
        bool is_own = false;
        for (const struct fg_response *r = operation->responses; r->status != 0; r++)
            is_own = is_own || r->status == statuses[i];
        if (is_own)
            continue;
        snprintf(number, sizeof number, "%d", statuses[i]);
        fg_json_begin_object(out, number);
        fg_json_put_string(out, "$ref", "#/components/responses/Problem");
        fg_json_end_object(out);
    }
    fg_json_end_object(out);
}

static void put_access(struct fg_json_writer *out, const struct fg_operation *operation, const struct fg_access_table *access)
{
    fg_json_put_string(out, "x-api", fg_api_words[operation->api]);
    fg_json_begin_array(out, "security");
    if (operation->right == NULL) {
        fg_json_end_array(out);
        return;
    }
    static const char *const schemes[] = {"key", "session"};
    for (size_t i = 0; i < FG_COUNT_OF(schemes); i++) {
        fg_json_begin_object(out, NULL);
        fg_json_begin_array(out, schemes[i]);
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    const struct fg_access_rule *rule = fg_access_find(access, operation->right);
    fg_json_put_string(out, "x-right", operation->right);
    fg_json_begin_array(out, "x-roles");
    for (unsigned i = 0; i < FG_ROLE_COUNT; i++)
        if (rule->roles & FG_BIT(i))
            fg_json_put_string(out, NULL, fg_role_words[i]);
    fg_json_end_array(out);
    fg_json_begin_array(out, "x-duties");
    for (unsigned i = 0; i < FG_DUTY_COUNT; i++)
        if (rule->duties & FG_BIT(i))
            fg_json_put_string(out, NULL, fg_duty_words[i]);
    fg_json_end_array(out);
}

static void put_operation(struct fg_json_writer *out, const struct fg_operation *operation, const struct fg_access_table *access)
{
    char method[8] = "";
    for (size_t i = 0; fg_method_name(operation->method)[i] != '\0'; i++)
        method[i] = (char)tolower((unsigned char)fg_method_name(operation->method)[i]);
    fg_json_begin_object(out, method);
    fg_json_put_string(out, "operationId", operation->id);
    fg_json_begin_array(out, "tags");
    fg_json_put_string(out, NULL, operation->tag);
    fg_json_end_array(out);
    fg_json_put_string(out, "summary", operation->summary);
    if (operation->description != NULL)
        fg_json_put_string(out, "description", operation->description);
    put_access(out, operation, access);
    put_parameters(out, operation);
    if (operation->request != NULL || operation->request_media != NULL) {
        fg_json_begin_object(out, "requestBody");
        fg_json_put_bool(out, "required", true);
        put_content(out, operation->request, operation->request_media, operation->request_example);
        fg_json_end_object(out);
    }
    put_responses(out, operation);
    fg_json_end_object(out);
}

static void put_paths(struct fg_json_writer *out, const struct fg_operation_set *const *sets, size_t set_count,
                      const struct fg_access_table *access)
{
    fg_json_begin_object(out, "paths");
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s]->count; i++) {
            const char *path = sets[s]->items[i].path;
            bool is_done = false; /* with an operation before */
            for (size_t t = 0; t <= s && !is_done; t++)
                for (size_t j = 0; j < (t < s ? sets[t]->count : i) && !is_done; j++)
                    is_done = strcmp(sets[t]->items[j].path, path) == 0;
            if (is_done)
                continue;
            fg_json_begin_object(out, path);
            for (size_t t = s; t < set_count; t++)
                for (size_t j = t == s ? i : 0; j < sets[t]->count; j++)
                    if (strcmp(sets[t]->items[j].path, path) == 0)
                        put_operation(out, &sets[t]->items[j], access);
            fg_json_end_object(out);
        }
    fg_json_end_object(out);
}

static void put_security_schemes(struct fg_json_writer *out)
{
    fg_json_begin_object(out, "securitySchemes");
    fg_json_begin_object(out, "key");
    fg_json_put_string(out, "type", "http");
    fg_json_put_string(out, "scheme", "bearer");
    fg_json_put_string(out, "description", "API key of one API, or a session's token");
    fg_json_end_object(out);
    fg_json_begin_object(out, "session");
    fg_json_put_string(out, "type", "apiKey");
    fg_json_put_string(out, "in", "cookie");
    fg_json_put_string(out, "name", "__Host-flexgrid");
    fg_json_put_string(out, "description", "Browser session; changes only from the platform's own pages");
    fg_json_end_object(out);
    fg_json_end_object(out);
}

enum fg_code fg_openapi_write(const struct fg_operation_set *const *sets, size_t set_count,
                              const struct fg_access_table *access, const char *version, struct fg_text *text,
                              struct fg_error *err)
{
    const struct fg_schema **schemas;
    size_t count;
    enum fg_code code = fg_openapi_schemas(sets, set_count, &schemas, &count, err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer writer, *out = &writer;
    fg_json_writer_init(out, text, false);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "openapi", "3.1.0");
    fg_json_begin_object(out, "info");
    fg_json_put_string(out, "title", "FLEXGRID");
    fg_json_put_string(out, "version", version);
    fg_json_put_string(out, "summary", "Flexibility markets on distribution grids");
    fg_json_begin_object(out, "license");
    fg_json_put_string(out, "name", "Apache-2.0");
    fg_json_put_string(out, "identifier", "Apache-2.0");
    fg_json_end_object(out);
    fg_json_end_object(out);
    put_paths(out, sets, set_count, access);
    fg_json_begin_object(out, "components");
    fg_json_begin_object(out, "schemas");
    for (size_t i = 0; i < count; i++) {
        fg_json_begin_object(out, schemas[i]->name);
        fg_json_put_string(out, "description", schemas[i]->description);
        put_members(out, schemas[i]);
        if (schemas[i]->example != NULL) {
            fg_json_begin_array(out, "examples");
            fg_json_put_raw(out, NULL, schemas[i]->example);
            fg_json_end_array(out);
        }
        fg_json_end_object(out);
    }
    fg_json_end_object(out);
    fg_json_begin_object(out, "responses");
    fg_json_begin_object(out, "Problem");
    fg_json_put_string(out, "description", "Problem document with a stable key, places and a remedy");
    put_content(out, &fg_schema_problem, "application/problem+json", NULL);
    fg_json_end_object(out);
    fg_json_end_object(out);
    put_security_schemes(out);
    fg_json_end_object(out);
    fg_json_end_object(out);
    fg_free(schemas);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}
