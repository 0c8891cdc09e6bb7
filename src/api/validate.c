#include "api/validate.h"

#include "base/instant.h"
#include "base/memory.h"
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fg_problem_list_release(struct fg_problem_list *list)
{
    fg_free(list->items);
    *list = (struct fg_problem_list){0};
}

void fg_problem_list_add(struct fg_problem_list *list, const char *pointer, const char *key, const char *format, ...)
{
    if (list->count >= FG_PROBLEMS_MAX || list->failed)
        return;
    if (fg_grow((void **)&list->items, list->count, &list->capacity, sizeof *list->items) != 0) {
        list->failed = true;
        return;
    }
    /* fg_fail cuts and disarms texts that quote input. */
    struct fg_error text;
    char message[sizeof text.text];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fg_fail(&text, FG_ERR_VALUE, pointer, "%s", message);
    struct fg_problem_item *item = &list->items[list->count++];
    snprintf(item->pointer, sizeof item->pointer, "%s", text.place);
    item->key = key;
    snprintf(item->text, sizeof item->text, "%.*s", (int)sizeof item->text - 1, text.text);
}

const char *fg_schema_pattern(const struct fg_schema *schema, char *buffer, size_t size)
{
    switch (schema->kind) {
    case FG_SCHEMA_ID: return "^[A-Za-z0-9._:-]{1,64}$";
    case FG_SCHEMA_ZONE: return "^[A-Za-z0-9_+/-]{1,64}$";
    case FG_SCHEMA_CURRENCY: return "^[A-Z]{3}$";
    case FG_SCHEMA_URL: return "^https://[A-Za-z0-9.:\\[\\]-]+(/[!-~]*)?$";
    case FG_SCHEMA_EMAIL: return "^[!-?A-~]+@[A-Za-z0-9.-]+$";
    case FG_SCHEMA_INSTANT: return "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";
    case FG_SCHEMA_DATE: return "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    case FG_SCHEMA_DECIMAL:
        if (schema->places == 0)
            return "^-?(0|[1-9][0-9]*)$";
        snprintf(buffer, size, "^-?(0|[1-9][0-9]*)(\\.[0-9]{1,%d})?$", schema->places);
        return buffer;
    default: return NULL;
    }
}

/* What is wrong with a string: key and text. */
struct finding {
    const char *key; /* NULL: nothing */
    char text[256];
};

static void find(struct finding *finding, const char *key, const char *format, ...) FG_PRINTF(3, 4);
static void find(struct finding *finding, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    finding->key = key;
}

static bool all_of(const char *text, const char *more)
{
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr(more, *text) == NULL)
            return false;
    return true;
}

/* Code points in valid UTF-8; SIZE_MAX when a control character or a change of writing direction is among them. Those
 * would let a name look like another one. */
static size_t count_characters(const char *text, bool lines)
{
    size_t count = 0;
    const unsigned char *at = (const unsigned char *)text;
    for (; *at != 0; at++) {
        if ((*at & 0xC0) == 0x80)
            continue;
        count++;
        bool is_control = (*at < 0x20 && !(lines && (*at == '\n' || *at == '\t'))) || *at == 0x7f ||
                          (at[0] == 0xC2 && at[1] < 0xA0);
        bool is_direction = at[0] == 0xE2 && ((at[1] == 0x80 && at[2] >= 0xAA && at[2] <= 0xAE) ||
                                              (at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9));
        if (is_control || is_direction)
            return SIZE_MAX;
    }
    return count;
}

static void check_length(const struct fg_schema *schema, const char *text, size_t most, struct finding *finding)
{
    size_t characters = count_characters(text, schema->lines);
    if (characters == SIZE_MAX)
        find(finding, "characters", "holds control characters; leave them out");
    else if (characters < schema->min_length)
        find(finding, "length", "has %zu characters; give at least %zu", characters, schema->min_length);
    else if (characters > most)
        find(finding, "length", "has %zu characters; give at most %zu", characters, most);
}

static bool has_decimal_form(const char *text, int places)
{
    if (*text == '-')
        text++;
    if (!isdigit((unsigned char)*text) || (text[0] == '0' && isdigit((unsigned char)text[1])))
        return false;
    while (isdigit((unsigned char)*text))
        text++;
    if (*text == '\0')
        return true;
    if (*text++ != '.' || places == 0)
        return false;
    int decimals = 0;
    for (; isdigit((unsigned char)*text); text++)
        decimals++;
    return *text == '\0' && decimals > 0;
}

static void check_decimal(const struct fg_schema *schema, const char *text, int64_t *integer, struct finding *finding)
{
    struct fg_error why;
    const char *point = strchr(text, '.');
    char low[FG_DECIMAL_MAX], high[FG_DECIMAL_MAX];
    fg_decimal_format(schema->minimum, schema->places, 0, low);
    fg_decimal_format(schema->maximum, schema->places, 0, high);
    bool is_limited = schema->minimum != 0 || schema->maximum != 0;
    if (!has_decimal_form(text, schema->places))
        find(finding, "decimal", "\"%.40s\" is not a decimal number; write it like \"%s\"", text,
             schema->places == 0 ? "12" : "12.5");
    else if (point != NULL && strlen(point + 1) > (size_t)schema->places)
        find(finding, "decimals", "has %zu decimals; give at most %d", strlen(point + 1), schema->places);
    else if (fg_decimal_parse(text, schema->places, integer, &why) != FG_OK)
        find(finding, "range", "\"%.40s\" is too large", text);
    else if (is_limited && (*integer < schema->minimum || *integer > schema->maximum))
        find(finding, "range", "must lie between %s and %s, not %.40s", low, high, text);
}

static void check_date(const char *text, struct finding *finding)
{
    char instant[32];
    int64_t seconds;
    struct fg_error why;
    snprintf(instant, sizeof instant, "%.10sT00:00:00Z", text);
    if (strlen(text) != 10 || fg_instant_parse(instant, &seconds, &why) != FG_OK)
        find(finding, "date", "\"%.40s\" is not a day; write it like \"2025-03-30\"", text);
}

static void check_word(const struct fg_schema *schema, const char *text, int64_t *integer, struct finding *finding)
{
    char list[160] = "";
    for (int i = 0; schema->words[i] != NULL; i++) {
        if (strcmp(schema->words[i], text) == 0) {
            *integer = i;
            return;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", schema->words[i]);
    }
    const char *nearest = fg_json_nearest(text, schema->words);
    if (nearest != NULL)
        find(finding, "word", "unknown word \"%.40s\"; did you mean \"%s\"?", text, nearest);
    else
        find(finding, "word", "unknown word \"%.40s\"; known are: %s", text, list);
}

static bool is_url(const char *text)
{
    if (strncmp(text, "https://", 8) != 0 || strlen(text) > 2000)
        return false;
    size_t host = strcspn(text + 8, "/");
    for (size_t i = 8; i < 8 + host; i++)
        if (!isalnum((unsigned char)text[i]) && strchr(".:[]-", text[i]) == NULL)
            return false;
    for (const char *at = text + 8 + host; *at != '\0'; at++)
        if (*at < '!' || *at > '~')
            return false;
    return host > 0;
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at[1] == '\0' || strlen(text) > 254)
        return false;
    for (const char *c = text; c < at; c++)
        if (*c < '!' || *c > '~')
            return false;
    return all_of(at + 1, ".-");
}

static void check_string(const struct fg_schema *schema, const char *text, int64_t *integer, struct finding *finding)
{
    struct fg_error why;
    switch (schema->kind) {
    case FG_SCHEMA_TEXT: check_length(schema, text, schema->max_length, finding); break;
    case FG_SCHEMA_SECRET:
        check_length(schema, text, schema->max_length ? schema->max_length : FG_SECRET_MAX, finding);
        break;
    case FG_SCHEMA_ID:
        if (*text == '\0' || strlen(text) > 64 || !all_of(text, "._:-"))
            find(finding, "id", "\"%.40s\" is no identifier; give 1 to 64 letters, digits, '.', '_', ':', '-'", text);
        break;
    case FG_SCHEMA_ZONE:
        if (*text == '\0' || strlen(text) > 64 || !all_of(text, "_+/-"))
            find(finding, "zone", "\"%.40s\" is no time zone; write it like \"Europe/Athens\"", text);
        break;
    case FG_SCHEMA_CURRENCY:
        if (strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
            find(finding, "currency", "\"%.40s\" is no currency; write it like \"EUR\"", text);
        break;
    case FG_SCHEMA_EMAIL:
        if (!is_email(text))
            find(finding, "email", "is no mail address; write it like \"anna@example.org\"");
        break;
    case FG_SCHEMA_URL:
        if (!is_url(text))
            find(finding, "url", "\"%.40s\" is no https address; write it like \"https://example.org/hook\"", text);
        break;
    case FG_SCHEMA_DECIMAL: check_decimal(schema, text, integer, finding); break;
    case FG_SCHEMA_INSTANT:
        if (strlen(text) != 20 || text[19] != 'Z' || text[10] != 'T' || fg_instant_parse(text, integer, &why) != FG_OK)
            find(finding, "instant", "\"%.40s\" is no instant; write it in UTC like \"2025-03-30T01:00:00Z\"", text);
        break;
    case FG_SCHEMA_DATE: check_date(text, finding); break;
    case FG_SCHEMA_ENUM: check_word(schema, text, integer, finding); break;
    default: break;
    }
}

static void check_integer(const struct fg_schema *schema, int64_t value, struct finding *finding)
{
    if (value < schema->minimum || value > schema->maximum)
        find(finding, "range", "must lie between %" PRId64 " and %" PRId64 ", not %" PRId64, schema->minimum,
             schema->maximum, value);
}

void fg_validate_text(const struct fg_schema *schema, const char *text, const char *place, int64_t *integer,
                      struct fg_problem_list *list)
{
    struct finding finding = {0};
    *integer = 0;
    if (fg_utf8_valid_length(text, strlen(text)) != strlen(text)) {
        find(&finding, "characters", "is not valid UTF-8");
    } else if (schema->kind == FG_SCHEMA_INTEGER) {
        struct fg_error why;
        if (!has_decimal_form(text, 0) || fg_decimal_parse(text, 0, integer, &why) != FG_OK)
            find(&finding, "type", "\"%.40s\" is not a whole number", text);
        else
            check_integer(schema, *integer, &finding);
    } else if (schema->kind == FG_SCHEMA_BOOLEAN) {
        *integer = strcmp(text, "true") == 0;
        if (*integer == 0 && strcmp(text, "false") != 0)
            find(&finding, "type", "\"%.40s\" is neither true nor false", text);
    } else {
        check_string(schema, text, integer, &finding);
    }
    if (finding.key != NULL)
        fg_problem_list_add(list, place, finding.key, "%s", finding.text);
}

static void add_at(const struct fg_json_cursor *at, struct fg_problem_list *list, const char *key, const char *text)
{
    char place[256];
    fg_json_place(at, place, sizeof place);
    fg_problem_list_add(list, place + 1, key, "%s", text); /* without the '#' */
}

static void validate_object(const struct fg_schema *schema, const struct fg_json_cursor *value,
                            struct fg_problem_list *list)
{
    char text[320];
    const char *key;
    json_t *member;
    json_object_foreach(value->value, key, member) {
        if (fg_schema_field(schema, key) != NULL)
            continue;
        const char **names = fg_alloc(schema->field_count + 1, sizeof *names);
        if (names == NULL) {
            list->failed = true;
            return;
        }
        for (size_t i = 0; i < schema->field_count; i++)
            names[i] = schema->fields[i].name;
        const char *nearest = fg_json_nearest(key, names);
        if (nearest != NULL)
            snprintf(text, sizeof text, "unknown member; did you mean \"%s\"?", nearest);
        else
            snprintf(text, sizeof text, "unknown member; leave it out");
        fg_free(names);
        struct fg_json_cursor at = {.value = member, .parent = value, .key = key};
        add_at(&at, list, "unknown", text);
    }
    for (size_t i = 0; i < schema->field_count && list->count < FG_PROBLEMS_MAX; i++) {
        const struct fg_field *field = &schema->fields[i];
        struct fg_json_cursor at = fg_json_member(value, field->name);
        if (at.value != NULL)
            fg_validate_json(field->schema, field->flags & FG_NULLABLE, &at, list);
        else if (field->flags & FG_REQUIRED)
            add_at(&at, list, "missing", "is missing; give it");
    }
}

static void validate_union(const struct fg_schema *schema, const struct fg_json_cursor *value,
                           struct fg_problem_list *list)
{
    const struct fg_field *selector = fg_schema_field(schema->variants[0], schema->discriminator);
    struct fg_json_cursor at = fg_json_member(value, schema->discriminator);
    size_t before = list->count;
    if (at.value == NULL)
        add_at(&at, list, "missing", "is missing; it says which kind of object this is");
    else
        fg_validate_json(selector->schema, false, &at, list);
    if (list->count > before || list->failed)
        return;
    const char *word = json_string_value(at.value);
    for (size_t i = 0; schema->variants[i] != NULL; i++)
        if (strcmp(selector->schema->words[i], word) == 0)
            validate_object(schema->variants[i], value, list);
}

static void validate_array(const struct fg_schema *schema, const struct fg_json_cursor *value,
                           struct fg_problem_list *list)
{
    char text[120];
    size_t count = fg_json_count(value);
    if (count < schema->min_items || count > schema->max_items) {
        snprintf(text, sizeof text, "has %zu items; give %zu to %zu", count, schema->min_items, schema->max_items);
        add_at(value, list, "items", text);
        return;
    }
    for (size_t i = 0; i < count && list->count < FG_PROBLEMS_MAX; i++) {
        struct fg_json_cursor item = fg_json_item(value, i);
        fg_validate_json(schema->items, false, &item, list);
    }
}

static const char *wanted_type(const struct fg_schema *schema)
{
    switch (schema->kind) {
    case FG_SCHEMA_OBJECT:
    case FG_SCHEMA_UNION: return "give an object";
    case FG_SCHEMA_ARRAY: return "give an array";
    case FG_SCHEMA_INTEGER: return "give a whole number";
    case FG_SCHEMA_NUMBER: return "give a number";
    case FG_SCHEMA_BOOLEAN: return "give true or false";
    case FG_SCHEMA_DECIMAL: return "give a decimal number as a string, like \"12.5\"";
    default: return "give a string";
    }
}

static bool has_type(const struct fg_schema *schema, const json_t *value)
{
    switch (schema->kind) {
    case FG_SCHEMA_OBJECT:
    case FG_SCHEMA_UNION: return json_is_object(value);
    case FG_SCHEMA_ARRAY: return json_is_array(value);
    case FG_SCHEMA_INTEGER: return json_is_integer(value);
    case FG_SCHEMA_NUMBER: return json_is_number(value);
    case FG_SCHEMA_BOOLEAN: return json_is_boolean(value);
    default: return json_is_string(value);
    }
}

void fg_validate_json(const struct fg_schema *schema, bool nullable, const struct fg_json_cursor *value,
                      struct fg_problem_list *list)
{
    char text[320];
    if (json_is_null(value->value) && nullable)
        return;
    if (!has_type(schema, value->value)) {
        snprintf(text, sizeof text, "has the wrong type; %s", wanted_type(schema));
        add_at(value, list, "type", text);
        return;
    }
    struct finding finding = {0};
    int64_t ignored = 0;
    switch (schema->kind) {
    case FG_SCHEMA_OBJECT: validate_object(schema, value, list); break;
    case FG_SCHEMA_UNION: validate_union(schema, value, list); break;
    case FG_SCHEMA_ARRAY: validate_array(schema, value, list); break;
    case FG_SCHEMA_INTEGER: check_integer(schema, json_integer_value(value->value), &finding); break;
    case FG_SCHEMA_NUMBER: {
        double number = json_number_value(value->value);
        if (!(number >= schema->number_minimum && number <= schema->number_maximum))
            find(&finding, "range", "must lie between %g and %g, not %g", schema->number_minimum, schema->number_maximum,
                 number);
        break;
    }
    case FG_SCHEMA_BOOLEAN: break;
    default: check_string(schema, json_string_value(value->value), &ignored, &finding); break;
    }
    if (finding.key != NULL)
        add_at(value, list, finding.key, finding.text);
}
