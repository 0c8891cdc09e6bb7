#include "api_document.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[] = {"get", "post", "put", "patch", "delete"};
static const char *const capitals[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
enum { METHODS = sizeof methods / sizeof methods[0], OPERATIONS_MAX = 2000 };

bool api_document_read(const char *text, struct api_document *document)
{
    *document = (struct api_document){.root = json_loads(text, JSON_REJECT_DUPLICATES, NULL)};
    document->operations = calloc(OPERATIONS_MAX, sizeof *document->operations);
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(document->root, "paths"), path, item)
        for (size_t m = 0; m < METHODS; m++) {
            json_t *operation = json_object_get(item, methods[m]);
            if (operation != NULL && document->count < OPERATIONS_MAX)
                document->operations[document->count++] = (struct api_operation){
                    capitals[m], path, json_string_value(json_object_get(operation, "operationId")), operation};
        }
    return document->count > 0;
}

void api_document_release(struct api_document *document)
{
    free(document->operations);
    json_decref(document->root);
    *document = (struct api_document){0};
}

const json_t *api_document_follow(const struct api_document *document, const json_t *value)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    if (reference == NULL)
        return value;
    const json_t *at = document->root;
    char name[200];
    for (const char *part = reference + 1; *part == '/' && at != NULL;) {
        size_t length = strcspn(++part, "/");
        snprintf(name, sizeof name, "%.*s", (int)length, part);
        at = json_object_get(at, name);
        part += length;
    }
    return at;
}

const json_t *api_document_response(const struct api_document *document, const struct api_operation *operation, int status)
{
    char number[16];
    snprintf(number, sizeof number, "%d", status);
    return api_document_follow(document, json_object_get(json_object_get(operation->value, "responses"), number));
}

/* ---- values ---- */
static bool complain(char why[512], const char *place, const char *what)
{
    snprintf(why, 512, "%.300s: %.200s", place[0] != '\0' ? place : "/", what);
    return false;
}

static bool has_type(const char *type, const json_t *value)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Patterns are ECMAScript's; those of the document are also POSIX extended ones once \d and (?:...) are rewritten. */
static bool matches(const char *pattern, const char *text, char why[512], const char *place)
{
    char posix[1000];
    size_t used = 0;
    regex_t regex;
    for (const char *at = pattern; *at != '\0' && used + 8 < sizeof posix; at++)
        if (strncmp(at, "\\d", 2) == 0)
            used += (size_t)sprintf(posix + used, "[0-9]"), at++;
        else if (strncmp(at, "(?:", 3) == 0)
            posix[used++] = '(', at += 2;
        else
            posix[used++] = *at;
    posix[used] = '\0';
    if (regcomp(&regex, posix, REG_EXTENDED | REG_NOSUB) != 0)
        return complain(why, place, "the pattern cannot be read");
    bool fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits || complain(why, place, "does not match its pattern");
}

static bool text_fits(const json_t *schema, const char *text, char why[512], const char *place)
{
    const json_t *least = json_object_get(schema, "minLength"), *most = json_object_get(schema, "maxLength");
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    size_t length = characters(text);
    if (least != NULL && length < (size_t)json_integer_value(least))
        return complain(why, place, "is too short");
    if (most != NULL && length > (size_t)json_integer_value(most))
        return complain(why, place, "is too long");
    const char *low = json_string_value(json_object_get(schema, "x-minimum")), *high = json_string_value(json_object_get(schema, "x-maximum"));
    if ((low != NULL && strtod(text, NULL) < strtod(low, NULL)) || (high != NULL && strtod(text, NULL) > strtod(high, NULL)))
        return complain(why, place, "lies outside its limits");
    return pattern == NULL || matches(pattern, text, why, place);
}

static bool fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512], const char *place);

static bool object_fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512], const char *place)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *key;
    json_t *member, *name;
    size_t i;
    char below[400];
    json_array_foreach(json_object_get(schema, "required"), i, name)
        if (json_object_get(value, json_string_value(name)) == NULL) {
            snprintf(below, sizeof below, "%.200s/%.100s", place, json_string_value(name));
            return complain(why, below, "is missing");
        }
    json_object_foreach((json_t *)value, key, member) {
        const json_t *of = json_object_get(properties, key);
        snprintf(below, sizeof below, "%.200s/%.100s", place, key);
        if (of == NULL && json_is_false(json_object_get(schema, "additionalProperties")))
            return complain(why, below, "is not documented");
        if (of != NULL && !fits(document, of, member, why, below))
            return false;
    }
    return true;
}

static bool array_fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512], const char *place)
{
    const json_t *least = json_object_get(schema, "minItems"), *most = json_object_get(schema, "maxItems");
    char below[400];
    if (least != NULL && json_array_size(value) < (size_t)json_integer_value(least))
        return complain(why, place, "has too few items");
    if (most != NULL && json_array_size(value) > (size_t)json_integer_value(most))
        return complain(why, place, "has too many items");
    for (size_t i = 0; i < json_array_size(value); i++) {
        snprintf(below, sizeof below, "%.300s/%zu", place, i);
        if (!fits(document, json_object_get(schema, "items"), json_array_get(value, i), why, below))
            return false;
    }
    return true;
}

static bool any_fits(const struct api_document *document, const json_t *list, const json_t *value, char why[512], const char *place)
{
    char first[512] = "", other[512];
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (fits(document, json_array_get(list, i), value, i == 0 ? first : other, place))
            return true;
    }
    memcpy(why, first, 512);
    return false;
}

static bool fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512], const char *place)
{
    schema = api_document_follow(document, schema);
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *words = json_object_get(schema, "enum"), *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf");
    if (any != NULL || one != NULL)
        return any_fits(document, any != NULL ? any : one, value, why, place);
    if (type != NULL && !has_type(type, value))
        return complain(why, place, "has another type");
    if (words != NULL) {
        bool is_known = false;
        for (size_t i = 0; i < json_array_size(words); i++)
            is_known = is_known || json_equal(json_array_get(words, i), value);
        return is_known || complain(why, place, "is not one of the words");
    }
    if (json_is_object(value))
        return object_fits(document, schema, value, why, place);
    if (json_is_array(value))
        return array_fits(document, schema, value, why, place);
    if (json_is_string(value))
        return text_fits(schema, json_string_value(value), why, place);
    const json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum");
    if (json_is_number(value) && ((low != NULL && json_number_value(value) < json_number_value(low)) ||
                                  (high != NULL && json_number_value(value) > json_number_value(high))))
        return complain(why, place, "lies outside its limits");
    return true;
}

bool api_document_fits(const struct api_document *document, const json_t *schema, const json_t *value, char why[512])
{
    why[0] = '\0';
    return fits(document, schema, value, why, "");
}
