#include "api/reference.h"

#include "api/openapi.h"
#include "api/problem.h"
#include "api/validate.h"
#include "base/memory.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char fg_reference_style[] =
    ":root{color-scheme:light dark;--line:#8884;--soft:#8882;--accent:#0a6c74}"
    "@media (prefers-color-scheme:dark){:root{--accent:#5cc8d0}}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:minmax(12rem,18rem) minmax(0,1fr)}"
    "nav{position:sticky;top:0;align-self:start;height:100vh;overflow:auto;padding:1rem;border-right:1px solid var(--line);"
    "box-sizing:border-box;font-size:.875rem}nav ul{list-style:none;padding:0}nav b{display:block;margin-top:.75rem}"
    "main{padding:1rem 2rem;max-width:64rem}section{border-top:1px solid var(--line);padding:1rem 0}"
    "a{color:var(--accent)}code,pre{font:.875rem/1.4 ui-monospace,monospace}pre{background:var(--soft);padding:.75rem;"
    "overflow:auto;border-radius:.25rem}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "td,th{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.25rem .75rem .25rem 0}"
    "td code{overflow-wrap:anywhere}.method{font-weight:700;color:var(--accent)}.wide{overflow-x:auto}"
    "@media (max-width:45rem){body{display:block}nav{position:static;height:auto;max-height:40vh;border:0;border-bottom:1px solid var(--line)}main{padding:1rem}}";

static void put(struct fg_text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fg_text_puts(out, "&lt;");
        else if (*text == '>')
            fg_text_puts(out, "&gt;");
        else if (*text == '&')
            fg_text_puts(out, "&amp;");
        else if (*text == '"')
            fg_text_puts(out, "&quot;");
        else
            fg_text_append(out, text, 1);
    }
}

/* `code` in back quotes, as the descriptions have it. */
static void put_prose(struct fg_text *out, const char *text)
{
    bool is_code = false;
    while (*text != '\0') {
        size_t length = strcspn(text, "`");
        char part[512];
        length = length < sizeof part - 1 ? length : sizeof part - 1;
        memcpy(part, text, length);
        part[length] = '\0';
        put(out, part);
        text += length;
        if (*text == '`') {
            is_code = !is_code;
            fg_text_puts(out, is_code ? "<code>" : "</code>");
            text++;
        }
    }
    if (is_code)
        fg_text_puts(out, "</code>");
}

static void put_schema_name(struct fg_text *out, const struct fg_schema *schema)
{
    char number[FG_DECIMAL_MAX];
    if (schema->name != NULL) {
        fg_text_printf(out, "<a href=\"#schema-%s\">%s</a>", schema->name, schema->name);
        return;
    }
    switch (schema->kind) {
    case FG_SCHEMA_ARRAY:
        fg_text_printf(out, "%zu to %zu of ", schema->min_items, schema->max_items);
        put_schema_name(out, schema->items);
        break;
    case FG_SCHEMA_INTEGER:
        fg_text_printf(out, "integer, %" PRId64 " to %" PRId64, schema->minimum, schema->maximum);
        break;
    case FG_SCHEMA_NUMBER: fg_text_printf(out, "number, %g to %g", schema->number_minimum, schema->number_maximum); break;
    case FG_SCHEMA_BOOLEAN: fg_text_puts(out, "true or false"); break;
    case FG_SCHEMA_TEXT: fg_text_printf(out, "text, %zu to %zu characters", schema->min_length, schema->max_length); break;
    case FG_SCHEMA_SECRET: fg_text_puts(out, "secret text"); break;
    case FG_SCHEMA_DECIMAL:
        fg_text_printf(out, "decimal string, up to %d decimals", schema->places);
        if (schema->minimum != 0 || schema->maximum != 0) {
            fg_text_printf(out, ", %s", fg_decimal_format(schema->minimum, schema->places, 0, number));
            fg_text_printf(out, " to %s", fg_decimal_format(schema->maximum, schema->places, 0, number));
        }
        break;
    case FG_SCHEMA_ENUM:
        for (size_t i = 0; schema->words[i] != NULL; i++)
            fg_text_printf(out, "%s<code>%s</code>", i > 0 ? ", " : "", schema->words[i]);
        break;
    default: fg_text_puts(out, "text"); break;
    }
}

static void put_params(struct fg_text *out, const struct fg_param *params, const char *where)
{
    for (; params != NULL && params->name != NULL; params++) {
        fg_text_printf(out, "<tr><td><code>%s</code></td><td>%s%s</td><td>", params->name, where,
                       params->required ? ", required" : "");
        put_schema_name(out, params->schema);
        fg_text_puts(out, "</td><td>");
        put_prose(out, params->description);
        fg_text_puts(out, "</td></tr>\n");
    }
}

static void put_access(struct fg_text *out, const struct fg_operation *operation)
{
    if (operation->right == NULL)
        fg_text_puts(out, "<p>No log-in is needed.</p>");
    else
        fg_text_printf(out, "<p>Right <a href=\"#rights\"><code>%s</code></a>, API %s.</p>", operation->right,
                       fg_api_words[operation->api]);
    if (operation->flags & FG_OP_IDEMPOTENT)
        fg_text_printf(out, "<p>Header <code>Idempotency-Key</code> is %s.</p>",
                       operation->flags & FG_OP_KEY_REQUIRED ? "required" : "possible");
    if (operation->flags & FG_OP_IF_MATCH)
        fg_text_puts(out, "<p>Header <code>If-Match</code> is required.</p>");
    if (operation->flags & FG_OP_PAGED)
        fg_text_puts(out, "<p>Paged: <code>limit</code>, <code>cursor</code>.</p>");
}

static void put_example(struct fg_text *out, const char *example)
{
    fg_text_puts(out, "<pre>");
    put(out, example);
    fg_text_puts(out, "</pre>\n");
}

static void put_operation(struct fg_text *out, const struct fg_operation *operation)
{
    fg_text_printf(out, "<section id=\"%s\"><h3>", operation->id);
    put(out, operation->summary);
    fg_text_printf(out, "</h3>\n<p><span class=\"method\">%s</span> <code>%s</code></p>\n", fg_method_name(operation->method),
                   operation->path);
    for (const char *at = operation->description; at != NULL && *at != '\0';) {
        const char *end = strstr(at, "\n\n");
        char paragraph[4000];
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        length = length < sizeof paragraph - 1 ? length : sizeof paragraph - 1;
        memcpy(paragraph, at, length);
        paragraph[length] = '\0';
        fg_text_puts(out, "<p>");
        put_prose(out, paragraph);
        fg_text_puts(out, "</p>\n");
        at = end != NULL ? end + 2 : NULL;
    }
    put_access(out, operation);
    if (operation->path_params != NULL || operation->query_params != NULL) {
        fg_text_puts(out, "<div class=\"wide\"><table><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>\n");
        put_params(out, operation->path_params, "path");
        put_params(out, operation->query_params, "query");
        fg_text_puts(out, "</table></div>\n");
    }
    if (operation->request != NULL) {
        fg_text_puts(out, "<p>Request: ");
        put_schema_name(out, operation->request);
        fg_text_puts(out, "</p>\n");
        put_example(out, operation->request_example);
    } else if (operation->request_media != NULL) {
        fg_text_printf(out, "<p>Request: <code>%s</code></p>\n", operation->request_media);
    }
    for (const struct fg_response *r = operation->responses; r->status != 0; r++) {
        fg_text_printf(out, "<p>%d: ", r->status);
        put_prose(out, r->description);
        if (r->schema != NULL) {
            fg_text_puts(out, ", ");
            put_schema_name(out, r->schema);
        } else if (r->media != NULL) {
            fg_text_printf(out, ", <code>%s</code>", r->media);
        }
        fg_text_puts(out, "</p>\n");
        if (r->example != NULL)
            put_example(out, r->example);
    }
    int statuses[FG_PROBLEM_STATUSES_MAX];
    size_t count = fg_operation_problem_statuses(operation, statuses);
    fg_text_puts(out, "<p><a href=\"#problems\">Problems</a>:");
    for (size_t i = 0; i < count; i++)
        fg_text_printf(out, " %d", statuses[i]);
    fg_text_puts(out, "</p></section>\n");
}

static void put_problems(struct fg_text *out)
{
    fg_text_puts(out, "<section id=\"problems\"><h2>Problems</h2><p>Refusals are problem documents (RFC 9457), "
                      "<code>application/problem+json</code>. Keys are stable; texts may change.</p>"
                      "<div class=\"wide\"><table><tr><th>Key</th><th>Status</th><th>Meaning</th><th>Remedy</th></tr>\n");
    for (int i = 0; i < FG_PROBLEM_COUNT; i++) {
        const struct fg_problem_kind *kind = fg_problem_kind((enum fg_problem)i);
        fg_text_printf(out, "<tr id=\"%s\"><td><code>%s</code></td><td>%d</td><td>", kind->key, kind->key, kind->status);
        put_prose(out, kind->title);
        fg_text_puts(out, "</td><td>");
        put_prose(out, kind->remedy);
        fg_text_puts(out, "</td></tr>\n");
    }
    fg_text_puts(out, "</table></div></section>\n");
}

static void put_words(struct fg_text *out, uint32_t bits, uint32_t all, const char *const *words)
{
    if (bits == all) {
        fg_text_puts(out, "all");
        return;
    }
    bool is_first = true;
    for (unsigned i = 0; words[i] != NULL; i++)
        if (bits & FG_BIT(i)) {
            fg_text_printf(out, "%s%s", is_first ? "" : ", ", words[i]);
            is_first = false;
        }
}

static void put_rights(struct fg_text *out, const struct fg_access_table *access)
{
    fg_text_puts(out, "<section id=\"rights\"><h2>Rights</h2><p>A right needs one of the roles for the organisation and one of "
                      "the duties for the user.</p><div class=\"wide\"><table><tr><th>Right</th><th>Meaning</th>"
                      "<th>Roles</th><th>Duties</th></tr>\n");
    for (size_t i = 0; i < access->count; i++) {
        const struct fg_access_rule *rule = &access->rules[i];
        fg_text_printf(out, "<tr><td><code>%s</code></td><td>", rule->right);
        put_prose(out, rule->summary);
        fg_text_puts(out, "</td><td>");
        put_words(out, rule->roles, FG_ROLES_ALL, fg_role_words);
        fg_text_puts(out, "</td><td>");
        put_words(out, rule->duties, FG_DUTIES_ALL, fg_duty_words);
        fg_text_puts(out, "</td></tr>\n");
    }
    fg_text_puts(out, "</table></div></section>\n");
}

static void put_schema(struct fg_text *out, const struct fg_schema *schema)
{
    fg_text_printf(out, "<section id=\"schema-%s\"><h3>%s</h3><p>", schema->name, schema->name);
    put_prose(out, schema->description);
    fg_text_puts(out, "</p>\n");
    if (schema->kind == FG_SCHEMA_OBJECT) {
        fg_text_puts(out, "<div class=\"wide\"><table><tr><th>Member</th><th>Type</th><th>Meaning</th></tr>\n");
        for (size_t i = 0; i < schema->field_count; i++) {
            const struct fg_field *field = &schema->fields[i];
            fg_text_printf(out, "<tr><td><code>%s</code>%s</td><td>", field->name,
                           field->flags & FG_REQUIRED ? "" : " (optional)");
            put_schema_name(out, field->schema);
            fg_text_printf(out, "%s</td><td>", field->flags & FG_NULLABLE ? " or null" : "");
            put_prose(out, field->description);
            fg_text_puts(out, "</td></tr>\n");
        }
        fg_text_puts(out, "</table></div>\n");
    } else if (schema->kind == FG_SCHEMA_UNION) {
        fg_text_printf(out, "<p><code>%s</code> selects one of", schema->discriminator);
        for (size_t i = 0; schema->variants[i] != NULL; i++) {
            fg_text_puts(out, i > 0 ? ", " : " ");
            put_schema_name(out, schema->variants[i]);
        }
        fg_text_puts(out, "</p>\n");
    } else {
        struct fg_schema unnamed = *schema;
        unnamed.name = NULL;
        fg_text_puts(out, "<p>");
        put_schema_name(out, &unnamed);
        fg_text_puts(out, "</p>\n");
    }
    if (schema->example != NULL)
        put_example(out, schema->example);
    fg_text_puts(out, "</section>\n");
}

/* Visit operations chapter by chapter, in the order in which chapters first occur. */
static void each_chapter(struct fg_text *out, const struct fg_operation_set *const *sets, size_t set_count,
                         const char *title_format, void (*visit)(struct fg_text *, const struct fg_operation *))
{
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s]->count; i++) {
            const char *tag = sets[s]->items[i].tag;
            bool is_done = false;
            for (size_t t = 0; t <= s && !is_done; t++)
                for (size_t j = 0; j < (t < s ? sets[t]->count : i) && !is_done; j++)
                    is_done = strcmp(sets[t]->items[j].tag, tag) == 0;
            if (is_done)
                continue;
            fg_text_puts(out, title_format);
            put(out, tag);
            fg_text_puts(out, title_format[1] == 'b' ? "</b><ul>\n" : "</h2>\n");
            for (size_t t = s; t < set_count; t++)
                for (size_t j = t == s ? i : 0; j < sets[t]->count; j++)
                    if (strcmp(sets[t]->items[j].tag, tag) == 0)
                        visit(out, &sets[t]->items[j]);
            if (title_format[1] == 'b')
                fg_text_puts(out, "</ul>\n");
        }
}

static void put_link(struct fg_text *out, const struct fg_operation *operation)
{
    fg_text_printf(out, "<li><a href=\"#%s\">", operation->id);
    put(out, operation->summary);
    fg_text_puts(out, "</a></li>\n");
}

enum fg_code fg_reference_write(const struct fg_operation_set *const *sets, size_t set_count,
                                const struct fg_access_table *access, const char *version, struct fg_text *out,
                                struct fg_error *err)
{
    const struct fg_schema **schemas;
    size_t count;
    enum fg_code code = fg_openapi_schemas(sets, set_count, &schemas, &count, err);
    if (code != FG_OK)
        return code;
    fg_text_printf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                        "<title>FLEXGRID API</title><link rel=\"stylesheet\" href=\"/docs.css\"></head><body>\n"
                        "<nav aria-label=\"Operations\"><a href=\"/v1/openapi.json\">OpenAPI document</a>\n");
    each_chapter(out, sets, set_count, "<b>", put_link);
    fg_text_puts(out, "<b>More</b><ul><li><a href=\"#problems\">Problems</a></li><li><a href=\"#rights\">Rights</a></li>"
                      "<li><a href=\"#schemas\">Schemas</a></li></ul></nav>\n<main>");
    fg_text_printf(out, "<h1>FLEXGRID API</h1><p>Version %s. JSON over HTTPS; money, prices and quantities are decimal strings, "
                        "times RFC 3339 in UTC, identifiers strings. Unknown members are refused.</p>\n", version);
    each_chapter(out, sets, set_count, "<h2>", put_operation);
    put_problems(out);
    put_rights(out, access);
    fg_text_puts(out, "<h2 id=\"schemas\">Schemas</h2>\n");
    for (size_t i = 0; i < count; i++)
        put_schema(out, schemas[i]);
    fg_text_puts(out, "</main></body></html>\n");
    fg_free(schemas);
    return out->failed ? fg_fail_memory(err) : FG_OK;
}
