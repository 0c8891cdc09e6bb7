#include "api/operation.h"

#include "api/router.h"
#include "api/validate.h"

#include <stdio.h>
#include <string.h>

static const char *const method_names[FG_METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *fg_method_name(enum fg_method method)
{
    return method_names[method];
}

size_t fg_operation_problem_statuses(const struct fg_operation *operation, int statuses[FG_PROBLEM_STATUSES_MAX])
{
    bool has_right = operation->right != NULL, has_path = operation->path_params != NULL;
    bool has_body = operation->request != NULL || operation->request_media != NULL;
    bool is_matched = operation->flags & FG_OP_IF_MATCH;
    const struct {
        int status;
        bool applies;
    } table[] = {
        {400, true},
        {401, true}, /* bad credentials are refused even where none are needed */
        {403, true}, /* a handler may deny what the table allows */
        {404, has_right || has_path},
        {409, has_right && operation->method != FG_GET},
        {412, is_matched},
        {413, has_body},
        {415, has_body},
        {422, true},
        {428, is_matched},
        {429, true},
        {503, true},
    };
    size_t count = 0;
    for (size_t i = 0; i < FG_COUNT_OF(table); i++)
        if (table[i].applies)
            statuses[count++] = table[i].status;
    return count;
}

/* The check of all descriptions: components seen so far, for unique names. */
struct check {
    const struct fg_schema **seen;
    size_t count, capacity;
    const char *operation;
    struct fg_error *err;
};

static enum fg_code fail(const struct check *check, const char *text, const char *what)
{
    return fg_fail(check->err, FG_ERR_ARGUMENT, check->operation, "%s: %s", what != NULL ? what : "description", text);
}

static enum fg_code check_schema(struct check *check, const struct fg_schema *schema, const char *what);

static enum fg_code check_content(struct check *check, const struct fg_schema *schema, const char *what)
{
    enum fg_code code = FG_OK;
    switch (schema->kind) {
    case FG_SCHEMA_OBJECT:
        if (schema->name == NULL)
            return fail(check, "an object schema needs a name", what);
        for (size_t i = 0; i < schema->field_count && code == FG_OK; i++) {
            const struct fg_field *field = &schema->fields[i];
            if (field->name == NULL || field->schema == NULL || field->description == NULL)
                return fail(check, "a field needs name, schema and description", schema->name);
            if (fg_schema_field(schema, field->name) != field)
                return fail(check, "is described twice", field->name);
            code = check_schema(check, field->schema, field->name);
        }
        return code;
    case FG_SCHEMA_ARRAY:
        if (schema->items == NULL || schema->max_items == 0 || schema->max_items < schema->min_items)
            return fail(check, "an array needs items and limits", what);
        return check_schema(check, schema->items, what);
    case FG_SCHEMA_ENUM:
        return schema->words != NULL && schema->words[0] != NULL ? FG_OK : fail(check, "an enum needs words", what);
    case FG_SCHEMA_TEXT:
        return schema->max_length > 0 ? FG_OK : fail(check, "a text needs a maximum length", what);
    case FG_SCHEMA_INTEGER:
        return schema->maximum >= schema->minimum ? FG_OK : fail(check, "limits are reversed", what);
    case FG_SCHEMA_UNION:
        if (schema->name == NULL || schema->discriminator == NULL || schema->variants == NULL)
            return fail(check, "a union needs name, discriminator and variants", what);
        for (size_t i = 0; schema->variants[i] != NULL && code == FG_OK; i++) {
            const struct fg_field *field = fg_schema_field(schema->variants[i], schema->discriminator);
            if (field == NULL || field->schema->kind != FG_SCHEMA_ENUM || !(field->flags & FG_REQUIRED) ||
                field->schema->words[i] == NULL)
                return fail(check, "a variant lacks the required discriminator with a word for it", schema->name);
            code = check_schema(check, schema->variants[i], schema->name);
        }
        return code;
    default:
        return FG_OK;
    }
}

static enum fg_code check_schema(struct check *check, const struct fg_schema *schema, const char *what)
{
    if (schema->name != NULL) {
        for (size_t i = 0; i < check->count; i++) {
            if (check->seen[i] == schema)
                return FG_OK;
            if (strcmp(check->seen[i]->name, schema->name) == 0)
                return fail(check, "two schemas have this name; rename one", schema->name);
        }
        if (fg_grow((void **)&check->seen, check->count, &check->capacity, sizeof(*check->seen)) != 0)
            return fg_fail_memory(check->err);
        check->seen[check->count++] = schema;
        if (schema->description == NULL)
            return fail(check, "a named schema needs a description", schema->name);
    }
    return check_content(check, schema, what);
}

static enum fg_code check_example(struct check *check, const struct fg_schema *schema, const char *example,
                                  const char *what)
{
    json_t *root;
    struct fg_error why;
    if (fg_json_load_text(example, strlen(example), "example", &root, &why) != FG_OK)
        return fail(check, why.text, what);
    struct fg_problem_list list = {0};
    struct fg_json_cursor cursor = fg_json_root(root, NULL);
    fg_validate_json(schema, false, &cursor, &list);
    enum fg_code code = FG_OK;
    if (list.failed)
        code = fg_fail_memory(check->err);
    else if (list.count > 0)
        code = fg_fail(check->err, FG_ERR_ARGUMENT, check->operation, "%s breaks its schema at %s: %s", what,
                       list.items[0].pointer, list.items[0].text);
    fg_problem_list_release(&list);
    json_decref(root);
    return code;
}

static bool is_parameter_schema(const struct fg_schema *schema)
{
    return schema->kind != FG_SCHEMA_OBJECT && schema->kind != FG_SCHEMA_ARRAY && schema->kind != FG_SCHEMA_UNION &&
           schema->kind != FG_SCHEMA_SECRET && schema->kind != FG_SCHEMA_NUMBER;
}

static enum fg_code check_params(struct check *check, const struct fg_param *params)
{
    enum fg_code code = FG_OK;
    for (; params != NULL && params->name != NULL && code == FG_OK; params++) {
        if (params->schema == NULL || params->description == NULL || !is_parameter_schema(params->schema))
            return fail(check, "a parameter needs a description and a schema of one value", params->name);
        code = check_schema(check, params->schema, params->name);
    }
    return code;
}

static enum fg_code check_path(struct check *check, const struct fg_operation *operation)
{
    if (operation->path == NULL || operation->path[0] != '/')
        return fail(check, "must begin with '/'", "path");
    const struct fg_param *param = operation->path_params;
    size_t count = 0;
    for (const char *at = strchr(operation->path, '{'); at != NULL; at = strchr(at, '{')) {
        size_t length = strcspn(++at, "}");
        if (++count > FG_PATH_PARAMS_MAX)
            return fail(check, "too many parameters in the path", operation->path);
        if (param == NULL || param->name == NULL || strlen(param->name) != length ||
            strncmp(param->name, at, length) != 0)
            return fail(check, "path_params must list the parameters in the order of the path", operation->path);
        param++;
    }
    if (param != NULL && param->name != NULL)
        return fail(check, "is not in the path", param->name);
    return FG_OK;
}

static enum fg_code check_bodies(struct check *check, const struct fg_operation *operation)
{
    enum fg_code code = FG_OK;
    if (operation->request != NULL) {
        if (operation->request_media != NULL)
            return fail(check, "is either JSON or another media type", "request");
        if (operation->request_example == NULL)
            return fail(check, "is missing", "request_example");
        if ((code = check_schema(check, operation->request, "request")) == FG_OK)
            code = check_example(check, operation->request, operation->request_example, "request_example");
    }
    bool has_body = operation->request != NULL || operation->request_media != NULL;
    if (has_body && (operation->method == FG_GET || operation->method == FG_DELETE))
        return fail(check, "has no body", fg_method_name(operation->method));
    if (operation->responses == NULL || operation->responses->status == 0)
        return fail(check, "are missing", "responses");
    for (const struct fg_response *response = operation->responses; response->status != 0 && code == FG_OK; response++) {
        if (response->description == NULL)
            return fail(check, "a response needs a description", NULL);
        if (response->schema == NULL)
            continue;
        code = check_schema(check, response->schema, "response");
        if (code == FG_OK && response->example != NULL)
            code = check_example(check, response->schema, response->example, "example of a response");
    }
    return code;
}

static enum fg_code check_operation(struct check *check, const struct fg_operation *operation,
                                    const struct fg_access_table *access)
{
    if (operation->id == NULL || operation->tag == NULL || operation->summary == NULL || operation->handle == NULL)
        return fail(check, "id, tag, summary and handle are needed", operation->path);
    if (operation->right == NULL && operation->api != FG_API_PUBLIC)
        return fail(check, "only operations of the public API go without", "right");
    if (operation->right != NULL && fg_access_find(access, operation->right) == NULL)
        return fail(check, "is not in the access table", operation->right);
    if ((operation->flags & (FG_OP_KEY_REQUIRED | FG_OP_KEY_BY_HANDLER)) && !(operation->flags & FG_OP_IDEMPOTENT))
        return fail(check, "need FG_OP_IDEMPOTENT", "flags");
    if ((operation->flags & FG_OP_AT_OWNER) && strstr(operation->path, "/{area}/") == NULL)
        return fail(check, "FG_OP_AT_OWNER needs {area} in the path", "flags");
    if ((operation->flags & FG_OP_IDEMPOTENT) && operation->right == NULL)
        return fail(check, "idempotency needs an owner, so a right", "flags");
    enum fg_code code = check_path(check, operation);
    if (code == FG_OK)
        code = check_params(check, operation->path_params);
    if (code == FG_OK)
        code = check_params(check, operation->query_params);
    if (code == FG_OK)
        code = check_bodies(check, operation);
    return code;
}

enum fg_code fg_operation_check(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_access_table *access, struct fg_error *err)
{
    struct check check = {.err = err};
    enum fg_code code = FG_OK;
    for (size_t s = 0; s < set_count && code == FG_OK; s++)
        for (size_t i = 0; i < sets[s]->count && code == FG_OK; i++) {
            const struct fg_operation *operation = &sets[s]->items[i];
            check.operation = operation->id;
            code = check_operation(&check, operation, access);
            for (size_t t = 0; t <= s && code == FG_OK; t++)
                for (size_t j = 0; j < (t < s ? sets[t]->count : i) && code == FG_OK; j++)
                    if (strcmp(sets[t]->items[j].id, operation->id) == 0)
                        code = fail(&check, "two operations have this id", operation->id);
        }
    fg_free(check.seen);
    if (code != FG_OK)
        return code;
    struct fg_router router;
    code = fg_router_init(&router, sets, set_count, err);
    if (code == FG_OK)
        fg_router_release(&router);
    return code;
}
