/* Strict JSON reading: jansson does the syntax, the cursor knows the place. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Upper estimate of what jansson allocates for the text, from its structural characters: a short hostile text such as
 * "[{},{},..." takes a hundred times its own size once parsed. */
static size_t estimate_memory(const char *bytes, size_t length)
{
    enum { VALUE_BYTES = 64, ARRAY_BYTES = 160, OBJECT_BYTES = 320 };
    size_t total = length;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',' || c == ':') {
            total += VALUE_BYTES;
        } else if (c == '[') {
            total += ARRAY_BYTES;
        } else if (c == '{') {
            total += OBJECT_BYTES;
        }
    }
    return total;
}

enum fg_code fg_json_load_text(const char *bytes, size_t length, const char *place, json_t **root,
                               struct fg_error *err)
{
    return fg_json_load_limited(bytes, length, FG_JSON_MAX_MEMORY, place, root, err);
}

enum fg_code fg_json_load_limited(const char *bytes, size_t length, size_t max_memory, const char *place, json_t **root,
                                  struct fg_error *err)
{
    *root = NULL;
    if (length > FG_JSON_MAX_BYTES || estimate_memory(bytes, length) > max_memory)
        return fg_fail(err, FG_ERR_TOO_LARGE, place, "the JSON document is too large; split it");
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) { /* RFC 8259, section 8.1: may be ignored */
        bytes += 3;
        length -= 3;
    }
    json_error_t why;
    *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (*root != NULL)
        return FG_OK;
    if (json_error_code(&why) == json_error_out_of_memory)
        return fg_fail_memory(err);
    char where[sizeof err->place];
    snprintf(where, sizeof where, "%.200s:%d:%d", place, why.line, why.column);
    return fg_fail(err, FG_ERR_SYNTAX, where, "not valid JSON: %s; correct the text here or just before", why.text);
}

enum fg_code fg_json_load_file(const char *path, json_t **root, struct fg_error *err)
{
    *root = NULL;
    struct fg_text text;
    enum fg_code code = fg_file_read(path, FG_JSON_MAX_BYTES, &text, err);
    if (code != FG_OK)
        return code;
    code = fg_json_load_text(text.data, text.length, path, root, err);
    fg_text_release(&text);
    return code;
}

struct fg_json_cursor fg_json_root(json_t *root, const char *file)
{
    return (struct fg_json_cursor){.value = root, .file = file};
}

struct fg_json_cursor fg_json_member(const struct fg_json_cursor *object, const char *key)
{
    return (struct fg_json_cursor){.value = json_object_get(object->value, key), .parent = object, .key = key};
}

struct fg_json_cursor fg_json_item(const struct fg_json_cursor *array, size_t index)
{
    return (struct fg_json_cursor){.value = json_array_get(array->value, index), .parent = array, .index = index};
}

static void place_append(char *buffer, size_t size, const char *text, size_t length)
{
    size_t used = strlen(buffer);
    if (length > size - 1 - used)
        length = size - 1 - used;
    memcpy(buffer + used, text, length);
    buffer[used + length] = '\0';
}

static void place_build(const struct fg_json_cursor *cursor, char *buffer, size_t size)
{
    if (cursor->parent == NULL) {
        const char *file = cursor->file ? cursor->file : "";
        place_append(buffer, size, file, strlen(file));
        place_append(buffer, size, "#", 1);
        return;
    }
    place_build(cursor->parent, buffer, size);
    place_append(buffer, size, "/", 1);
    if (cursor->key == NULL) {
        char digits[24];
        snprintf(digits, sizeof digits, "%zu", cursor->index);
        place_append(buffer, size, digits, strlen(digits));
        return;
    }
    for (const char *at = cursor->key; *at != '\0'; at++) { /* RFC 6901, section 3 */
        if (*at == '~')
            place_append(buffer, size, "~0", 2);
        else if (*at == '/')
            place_append(buffer, size, "~1", 2);
        else
            place_append(buffer, size, at, 1);
    }
}

const char *fg_json_place(const struct fg_json_cursor *cursor, char *buffer, size_t size)
{
    assert(size > 0);
    buffer[0] = '\0';
    place_build(cursor, buffer, size);
    return buffer;
}

enum fg_code fg_json_fail(const struct fg_json_cursor *cursor, enum fg_code code, struct fg_error *err,
                          const char *format, ...)
{
    char place[sizeof err->place], text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(err, code, fg_json_place(cursor, place, sizeof place), "%s", text);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: break;
    }
    return "null";
}

static enum fg_code fail_type(const struct fg_json_cursor *at, const char *wanted, struct fg_error *err)
{
    if (at->value == NULL)
        return fg_json_fail(at, FG_ERR_SCHEMA, err, "missing; give %s here", wanted);
    return fg_json_fail(at, FG_ERR_SCHEMA, err, "is %s; give %s", type_name(at->value), wanted);
}

static bool is_absent(const struct fg_json_cursor *at)
{
    return at->value == NULL || json_is_null(at->value);
}

static enum fg_code to_number(const struct fg_json_cursor *at, double *out, struct fg_error *err)
{
    if (!json_is_number(at->value))
        return fail_type(at, "a number", err);
    double value = json_number_value(at->value);
    if (!isfinite(value))
        return fg_json_fail(at, FG_ERR_VALUE, err, "is not finite; give a finite number");
    *out = value;
    return FG_OK;
}

enum fg_code fg_json_get_number(const struct fg_json_cursor *object, const char *key, double *out, struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    return to_number(&at, out, err);
}

enum fg_code fg_json_or_number(const struct fg_json_cursor *object, const char *key, double fallback, double *out,
                               struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    *out = fallback;
    return is_absent(&at) ? FG_OK : to_number(&at, out, err);
}

/* Tables written by other programs hold whole numbers as 3.0; up to 2^53 that is exact. */
static enum fg_code to_integer(const struct fg_json_cursor *at, int64_t *out, struct fg_error *err)
{
    if (json_is_integer(at->value)) {
        *out = json_integer_value(at->value);
        return FG_OK;
    }
    double value = json_is_real(at->value) ? json_real_value(at->value) : NAN;
    if (!(fabs(value) <= 0x1p53) || trunc(value) != value)
        return fail_type(at, "a whole number", err);
    *out = (int64_t)value;
    return FG_OK;
}

enum fg_code fg_json_get_integer(const struct fg_json_cursor *object, const char *key, int64_t *out,
                                 struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    return to_integer(&at, out, err);
}

enum fg_code fg_json_or_integer(const struct fg_json_cursor *object, const char *key, int64_t fallback, int64_t *out,
                                struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    *out = fallback;
    return is_absent(&at) ? FG_OK : to_integer(&at, out, err);
}

static enum fg_code to_string(const struct fg_json_cursor *at, const char **out, struct fg_error *err)
{
    if (!json_is_string(at->value))
        return fail_type(at, "a string", err);
    *out = json_string_value(at->value);
    return FG_OK;
}

enum fg_code fg_json_get_string(const struct fg_json_cursor *object, const char *key, const char **out,
                                struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    return to_string(&at, out, err);
}

enum fg_code fg_json_or_string(const struct fg_json_cursor *object, const char *key, const char *fallback,
                               const char **out, struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    *out = fallback;
    return is_absent(&at) ? FG_OK : to_string(&at, out, err);
}

enum fg_code fg_json_or_bool(const struct fg_json_cursor *object, const char *key, bool fallback, bool *out,
                             struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    *out = fallback;
    if (is_absent(&at))
        return FG_OK;
    if (!json_is_boolean(at.value))
        return fail_type(&at, "true or false", err);
    *out = json_is_true(at.value);
    return FG_OK;
}

enum fg_code fg_json_get_array(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                               struct fg_error *err)
{
    *out = fg_json_member(object, key);
    return json_is_array(out->value) ? FG_OK : fail_type(out, "an array", err);
}

enum fg_code fg_json_or_array(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                              struct fg_error *err)
{
    *out = fg_json_member(object, key);
    if (is_absent(out)) {
        out->value = NULL;
        return FG_OK;
    }
    return json_is_array(out->value) ? FG_OK : fail_type(out, "an array", err);
}

enum fg_code fg_json_get_object(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                                struct fg_error *err)
{
    *out = fg_json_member(object, key);
    return fg_json_is_object(out, err);
}

enum fg_code fg_json_is_object(const struct fg_json_cursor *cursor, struct fg_error *err)
{
    return json_is_object(cursor->value) ? FG_OK : fail_type(cursor, "an object", err);
}

size_t fg_json_count(const struct fg_json_cursor *array)
{
    return json_array_size(array->value);
}

/* Levenshtein distance of the first 63 bytes; enough to recognise a misspelt word. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t n = strnlen(a, MOST), m = strnlen(b, MOST);
    size_t row[MOST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *fg_json_nearest(const char *word, const char *const *known)
{
    size_t best = (size_t)-1;
    const char *nearest = NULL;
    for (size_t i = 0; known[i] != NULL; i++) {
        size_t distance = edit_distance(word, known[i]);
        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest != NULL && best <= 1 + strlen(nearest) / 3 ? nearest : NULL;
}

static enum fg_code fail_unknown(const struct fg_json_cursor *member, const char *const *known, struct fg_error *err)
{
    const char *nearest = fg_json_nearest(member->key, known);
    if (nearest != NULL)
        return fg_json_fail(member, FG_ERR_SCHEMA, err, "unknown member; did you mean \"%s\"?", nearest);
    char list[512] = "";
    for (size_t i = 0; known[i] != NULL; i++) {
        if (i > 0)
            place_append(list, sizeof list, ", ", 2);
        place_append(list, sizeof list, known[i], strlen(known[i]));
    }
    return fg_json_fail(member, FG_ERR_SCHEMA, err, "unknown member; known are: %s", list);
}

enum fg_code fg_json_only(const struct fg_json_cursor *object, const char *const *known, struct fg_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object->value, key, value) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL) {
            struct fg_json_cursor member = {.value = value, .parent = object, .key = key};
            return fail_unknown(&member, known, err);
        }
    }
    return FG_OK;
}
