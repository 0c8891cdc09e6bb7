/* The API under requests that nobody would send: every operation of the server's OpenAPI document, as every role and without
 * log-in, in any order, with values that fit the document and values that do not. The server is the real one with the demonstration's
 * market in it. What must hold for every answer:
 *   - its status is one of those documented for the operation, its media type too, and its JSON fits the documented schema
 *   - the only 5xx is 503 with Retry-After, and only because the server is busy or the area is being opened, never because a
 *     part of it failed
 *   - it tells nothing of what is inside (SQL, paths)
 *
 * A seed gives the same requests again. FG_FUZZ_SEED, FG_FUZZ_REQUESTS and FG_FUZZ_SECONDS (the longer of both) set what is run;
 * `make fuzz-api` runs long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_document.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/demo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

enum { POOL = 48, KINDS = 48, CALLERS = 64, FINDINGS = 40, BODY_MAX = 1 << 16 };

struct pool {
    char prefix[12];
    char ids[POOL][DEMO_ID];
    size_t count;
};

struct fuzz {
    struct demo demo;
    struct api_document document;
    struct fg_random random;
    struct pool pools[KINDS];
    size_t pool_count;
    struct {
        char token[DEMO_KEY];
        const char *email; /* NULL: a key */
    } callers[CALLERS];
    size_t caller_count;
    char etag[80];
    CURL *curl;
    char log[64];
    int64_t moved_s;

    /* the request and its answer */
    const struct api_operation *operation;
    struct fg_text path, body, headers_sent, answer;
    bool has_body, is_other_method;
    char method[8], media[80], retry_after[20], answer_etag[80];
    int status;

    char findings[FINDINGS][160];
    size_t finding_count;
    struct {
        char text[100];
        size_t count;
    } reasons[12]; /* of 503 */
    size_t requests, by_class[6];
    unsigned char tried[2000]; /* per operation: bit 1 answered, bit 2 with success */
};

/* ---- chance ---- */
static uint64_t below(struct fuzz *f, uint64_t bound)
{
    return fg_random_below(&f->random, bound);
}
static bool chance(struct fuzz *f, unsigned percent)
{
    return below(f, 100) < percent;
}

/* ---- ids seen in answers ---- */
static struct pool *pool_of(struct fuzz *f, const char *prefix, size_t length, bool make)
{
    for (size_t p = 0; p < f->pool_count; p++)
        if (strlen(f->pools[p].prefix) == length && strncmp(f->pools[p].prefix, prefix, length) == 0)
            return &f->pools[p];
    if (!make || f->pool_count == KINDS || length >= sizeof f->pools[0].prefix)
        return NULL;
    struct pool *pool = &f->pools[f->pool_count++];
    snprintf(pool->prefix, sizeof pool->prefix, "%.*s", (int)length, prefix);
    return pool;
}

static void harvest(struct fuzz *f, const json_t *value)
{
    const char *key;
    json_t *member;
    if (json_is_string(value)) {
        const char *text = json_string_value(value), *dash = strchr(text, '-');
        if (dash == NULL || dash == text || dash[1] == '\0' || strspn(dash + 1, "0123456789") != strlen(dash + 1) ||
            strspn(text, "abcdefghijklmnopqrstuvwxyz") != (size_t)(dash - text) || strlen(text) >= DEMO_ID)
            return;
        struct pool *pool = pool_of(f, text, (size_t)(dash - text), true);
        if (pool == NULL)
            return;
        for (size_t i = 0; i < pool->count; i++)
            if (strcmp(pool->ids[i], text) == 0)
                return;
        size_t at = pool->count < POOL ? pool->count++ : below(f, POOL);
        snprintf(pool->ids[at], DEMO_ID, "%s", text);
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, member)
            harvest(f, member);
    } else {
        for (size_t i = 0; i < json_array_size(value); i++)
            harvest(f, json_array_get(value, i));
    }
}

static const char *prefix_of(const char *name)
{
    static const char *const names[][2] = {
        {"organisation", "org"}, {"agent", "org"},   {"brp", "org"},       {"priority", "org"}, {"user", "usr"},     {"key", "key"},
        {"approval", "apv"},     {"area", "area"},   {"areas", "area"},    {"product", "prd"},  {"network", "net"},  {"location", "loc"},
        {"other", "loc"},        {"parent", "loc"},  {"asset", "ast"},     {"portfolio", "pf"}, {"order", "ord"},    {"id", "ord"},
        {"trade", "trd"},        {"meter", "mtr"},   {"plan", "plan"},     {"set_point", "sp"}, {"run", "stl"},      {"dispute", "dsp"},
        {"document", "doc"},     {"group", "grp"},   {"prequalification", "pq"}, {"auction", "auc"},   {"contract", "lf"},  {"webhook", "whk"},
        {"forwarding", "fwd"},   {"operating_point", "op"}, {"tender", "tnd"},   {"offer", "bid"},     {"condition", "cnd"},  {"rule", "arl"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

static const char *const odd_texts[] = {
    "", " ", "0", "-1", "null", "true", "org-0", "ord-99999999999999999999", "area-1 ", "../../etc/passwd", "%00", "\xf0\x9f\x94\x8b", "\xe2\x80\xae" "gnp",
    "'; DROP TABLE area; --", "<script>alert(1)</script>", "1e999", "NaN", "0x10", "+1", "1.", ".5", "00", "1,5", "-0", "9223372036854775808",
    "2026-02-30T00:00:00Z", "0000-00-00", "2026-03-10T09:00:00+02:00", "Europe/Nowhere", "AREA-1", "area-1\tx", "a@b@c", "{}", "[]", "\xc3\xa9\xcc\x81"};
enum { ODD_TEXTS = sizeof odd_texts / sizeof odd_texts[0] };

static const char *some_id(struct fuzz *f, const char *name)
{
    const char *prefix = prefix_of(name);
    struct pool *pool = chance(f, 92) ? pool_of(f, prefix, strlen(prefix), false) : NULL;
    if (pool == NULL && f->pool_count > 0) /* another kind, or a name that is not known here */
        pool = &f->pools[below(f, f->pool_count)];
    if (pool == NULL || pool->count == 0 || chance(f, 4))
        return chance(f, 50) ? "ord-1" : odd_texts[below(f, ODD_TEXTS)];
    return pool->ids[below(f, pool->count)];
}

/* ---- values that fit ---- */
static json_t *make(struct fuzz *f, const json_t *schema, const char *name, int depth);

static json_t *make_decimal(struct fuzz *f, const json_t *schema)
{
    const char *low = json_string_value(json_object_get(schema, "x-minimum")), *high = json_string_value(json_object_get(schema, "x-maximum"));
    char text[64];
    double from = low != NULL ? strtod(low, NULL) : -100, until = high != NULL ? strtod(high, NULL) : 100;
    if (chance(f, 6))
        return json_string(chance(f, 50) && low != NULL ? low : high != NULL ? high : "0");
    if (from < -500)
        from = -500;
    if (until > 500)
        until = 500;
    snprintf(text, sizeof text, "%.*f", (int)below(f, 4), fg_random_between(&f->random, from, until));
    if (strspn(text, "-0.") == strlen(text))
        strcpy(text, "0");
    return json_string(text);
}

static json_t *make_text(struct fuzz *f, const json_t *schema, const char *name)
{
    const char *format = json_string_value(json_object_get(schema, "format")), *pattern = json_string_value(json_object_get(schema, "pattern"));
    char text[300];
    int64_t now = demo_clock(&f->demo);
    if (format != NULL && strcmp(format, "date-time") == 0)
        return json_string(demo_instant((now / 900 + (int64_t)below(f, 300) - 100) * 900 + (chance(f, 5) ? 1 : 0)));
    if (format != NULL && strcmp(format, "date") == 0) {
        char day[FG_DATE_TEXT];
        return json_string(fg_date_format(fg_date_of_number(now / 86400 + (int64_t)below(f, 9) - 5), day));
    }
    if (format != NULL && strcmp(format, "decimal") == 0)
        return make_decimal(f, schema);
    if (format != NULL && strcmp(format, "email") == 0) {
        snprintf(text, sizeof text, "user%llu@fuzz.example", (unsigned long long)below(f, 1000));
        return json_string(chance(f, 30) ? demo_users[below(f, demo_user_count)].email : text);
    }
    if (format != NULL && strcmp(format, "uri") == 0)
        return json_string("https://hooks.example/flexgrid");
    if (format != NULL && strcmp(format, "password") == 0)
        return json_string(chance(f, 50) ? DEMO_PASSWORD : "another password 1");
    if (pattern != NULL && strcmp(pattern, "^[A-Z]{3}$") == 0)
        return json_string("EUR");
    if (pattern != NULL && strstr(pattern, "_+/-") != NULL)
        return json_string(chance(f, 80) ? DEMO_ZONE : "Europe/Lisbon");
    if (pattern != NULL)
        return json_string(some_id(f, name));
    int64_t least = json_integer_value(json_object_get(schema, "minLength")), most = json_integer_value(json_object_get(schema, "maxLength"));
    int64_t length = least + (int64_t)below(f, 20);
    if (most > 0 && (length > most || (chance(f, 4) && most < (int64_t)sizeof text)))
        length = most;
    for (int64_t i = 0; i < length && i < (int64_t)sizeof text - 1; i++)
        text[i] = "abcdefghij klmno0123456789"[below(f, 26)];
    text[length < (int64_t)sizeof text - 1 ? length : (int64_t)sizeof text - 1] = '\0';
    return json_string(text);
}

static json_t *make_object(struct fuzz *f, const json_t *schema, int depth)
{
    json_t *object = json_object(), *of;
    const char *key;
    json_object_foreach(json_object_get(schema, "properties"), key, of) {
        bool is_required = false;
        for (size_t i = 0; i < json_array_size(json_object_get(schema, "required")); i++)
            is_required = is_required || strcmp(key, json_string_value(json_array_get(json_object_get(schema, "required"), i))) == 0;
        if (is_required || chance(f, depth > 4 ? 10 : 40))
            json_object_set_new(object, key, make(f, of, key, depth + 1));
    }
    return object;
}

static json_t *make_variant(struct fuzz *f, const json_t *schema, int depth)
{
    json_t *mapping = json_object_get(json_object_get(schema, "discriminator"), "mapping"), *reference;
    const char *selector = json_string_value(json_object_get(json_object_get(schema, "discriminator"), "propertyName")), *word;
    size_t which = json_object_size(mapping) > 0 ? below(f, json_object_size(mapping)) : 0, at = 0;
    json_object_foreach(mapping, word, reference)
        if (at++ == which) {
            json_t *to = json_pack("{s:O}", "$ref", reference), *value = make(f, to, "", depth + 1);
            json_object_set_new(value, selector, json_string(word));
            json_decref(to);
            return value;
        }
    return json_null();
}

static json_t *make(struct fuzz *f, const json_t *schema, const char *name, int depth)
{
    schema = api_document_follow(&f->document, schema);
    const json_t *any = json_object_get(schema, "anyOf"), *words = json_object_get(schema, "enum");
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (any != NULL)
        return chance(f, 15) ? json_null() : make(f, json_array_get(any, 0), name, depth);
    if (json_object_get(schema, "oneOf") != NULL)
        return make_variant(f, schema, depth);
    if (words != NULL)
        return json_incref(json_array_get(words, below(f, json_array_size(words))));
    if (type == NULL)
        return json_null();
    if (strcmp(type, "object") == 0)
        return make_object(f, schema, depth);
    if (strcmp(type, "array") == 0) {
        json_t *array = json_array();
        int64_t least = json_integer_value(json_object_get(schema, "minItems")), most = json_integer_value(json_object_get(schema, "maxItems"));
        int64_t count = least + (int64_t)below(f, 4);
        for (int64_t i = 0; i < count && i < most; i++)
            json_array_append_new(array, make(f, json_object_get(schema, "items"), name, depth + 1));
        return array;
    }
    if (strcmp(type, "integer") == 0) {
        json_int_t low = json_integer_value(json_object_get(schema, "minimum")), high = json_integer_value(json_object_get(schema, "maximum"));
        if (chance(f, 8))
            return json_integer(chance(f, 50) ? low : high);
        return json_integer(low + (json_int_t)below(f, (uint64_t)(high - low < 100 ? high - low : 100) + 1));
    }
    if (strcmp(type, "number") == 0) {
        double low = json_number_value(json_object_get(schema, "minimum")), high = json_number_value(json_object_get(schema, "maximum"));
        return json_real(fg_random_between(&f->random, low < -100 ? -100 : low, high > 100 ? 100 : high));
    }
    return strcmp(type, "boolean") == 0 ? json_boolean(chance(f, 50)) : make_text(f, schema, name);
}

/* ---- values that do not ---- */
static json_t *odd_value(struct fuzz *f)
{
    switch (below(f, 14)) {
    case 0: return json_null();
    case 1: return json_true();
    case 2: return json_integer(-1);
    case 3: return json_integer(INT64_MAX);
    case 4: return json_integer(INT64_MIN);
    case 5: return json_real(1e308);
    case 6: return json_real(-0.0);
    case 7: return json_array();
    case 8: return json_object();
    case 9: return json_pack("{s:s}", "$ref", "#");
    case 10: return json_pack("[[[[i]]]]", 1);
    case 11: {
        char text[3000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        return json_string(text);
    }
    case 12: return json_integer(0);
    default: return json_string_nocheck(odd_texts[below(f, ODD_TEXTS)]);
    }
}

/* Change something, somewhere; the value is replaced in its parent. */
static void mutate(struct fuzz *f, json_t *value, int depth)
{
    if (json_is_object(value) && json_object_size(value) > 0) {
        size_t which = below(f, json_object_size(value)), at = 0;
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
            if (at++ == which)
                break;
        char name[200];
        snprintf(name, sizeof name, "%s", key);
        if ((json_is_object(member) || json_is_array(member)) && depth < 8 && chance(f, 60))
            mutate(f, member, depth + 1);
        else if (chance(f, 25))
            json_object_del(value, name);
        else if (chance(f, 15))
            json_object_set_new(value, odd_texts[1 + below(f, ODD_TEXTS - 1)], json_integer(1));
        else
            json_object_set_new(value, name, odd_value(f));
    } else if (json_is_array(value)) {
        size_t count = json_array_size(value);
        if (count > 0 && chance(f, 50))
            mutate(f, json_array_get(value, below(f, count)), depth + 1);
        else if (count > 0 && chance(f, 60))
            json_array_set_new(value, below(f, count), odd_value(f));
        else
            for (int i = 0; i < 120; i++)
                json_array_append_new(value, odd_value(f));
    }
}

/* Change the bytes of a body. */
static void spoil(struct fuzz *f, struct fg_text *body)
{
    size_t at = body->length > 0 ? below(f, body->length) : 0;
    switch (below(f, 10)) {
    case 0: body->length = at; break;
    case 1: fg_text_puts(body, "}"); break;
    case 2: fg_text_puts(body, " {\"a\":1}"); break;
    case 3:
        if (body->length > 0)
            body->data[at] = (char)below(f, 256);
        break;
    case 4:
        if (body->length > 0)
            body->data[at] = '\0';
        break;
    case 5: {
        char *twice = body->length > 2 ? strndup(body->data, body->length) : strdup("{}");
        body->length = 0;
        fg_text_printf(body, "{\"area\":1,\"area\":2,%s", twice + 1);
        free(twice);
        break;
    }
    case 6:
        for (int i = 0; i < 3000; i++)
            fg_text_puts(body, "[");
        break;
    case 7: body->length = 0; fg_text_puts(body, "\xef\xbb\xbf{}"); break;
    case 8: body->length = 0; fg_text_puts(body, "{\"price\":1e999999,\"quantity\":-0.0e-9}"); break;
    default: body->length = 0; fg_text_puts(body, "\xff\xfe{\xc0\x80}"); break;
    }
}

/* ---- a request ---- */
static void put_escaped(struct fuzz *f, const char *text)
{
    char *escaped = curl_easy_escape(f->curl, text, 0);
    fg_text_puts(&f->path, escaped != NULL ? escaped : "");
    curl_free(escaped);
}

static void put_value(struct fuzz *f, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    put_escaped(f, text != NULL ? text : json_string_value(value));
    free(text);
}

static void write_path(struct fuzz *f)
{
    const char *at = f->operation->path;
    f->path.length = 0;
    fg_text_puts(&f->path, "");
    while (*at != '\0') {
        size_t plain = strcspn(at, "{");
        fg_text_append(&f->path, at, plain);
        at += plain;
        if (*at == '{') {
            char name[60];
            size_t length = strcspn(++at, "}");
            snprintf(name, sizeof name, "%.*s", (int)length, at);
            at += length + 1;
            const json_t *parameters = json_object_get(f->operation->value, "parameters"), *schema = NULL;
            for (size_t i = 0; i < json_array_size(parameters); i++)
                if (strcmp(json_string_value(json_object_get(json_array_get(parameters, i), "name")), name) == 0)
                    schema = json_object_get(json_array_get(parameters, i), "schema");
            json_t *value = chance(f, 95) ? make(f, schema, name, 0) : json_string_nocheck(odd_texts[1 + below(f, ODD_TEXTS - 1)]);
            if (json_is_string(value) && (json_string_length(value) == 0 || strchr(json_string_value(value), '/') != NULL))
                put_escaped(f, "x");
            else
                put_value(f, value);
            json_decref(value);
        }
    }
    char separator = '?';
    const json_t *parameters = json_object_get(f->operation->value, "parameters");
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = json_array_get(parameters, i);
        const char *name = json_string_value(json_object_get(parameter, "name"));
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0 ||
            !(json_is_true(json_object_get(parameter, "required")) ? chance(f, 96) : chance(f, 25)))
            continue;
        for (unsigned n = 0; n < (chance(f, 2) ? 2U : 1U); n++) {
            fg_text_printf(&f->path, "%c%s=", separator, name);
            json_t *value = chance(f, 93) ? make(f, json_object_get(parameter, "schema"), name, 0) : json_string_nocheck(odd_texts[below(f, ODD_TEXTS)]);
            put_value(f, value);
            json_decref(value);
            separator = '&';
        }
    }
    if (chance(f, 2))
        fg_text_printf(&f->path, "%cunknown=1", separator);
}

static const char *write_body(struct fuzz *f)
{
    const json_t *content = json_object_get(json_object_get(f->operation->value, "requestBody"), "content");
    void *first = json_object_iter((json_t *)(uintptr_t)content);
    const char *media = first != NULL ? json_object_iter_key(first) : "application/json";
    f->body.length = 0;
    f->has_body = content != NULL || chance(f, 3);
    if (content != NULL && json_object_get(json_object_iter_value(first), "schema") != NULL) {
        json_t *example = json_object_get(json_object_iter_value(first), "example");
        json_t *value = example != NULL && chance(f, 25) ? json_deep_copy(example)
                                                         : make(f, json_object_get(json_object_iter_value(first), "schema"), "", 0);
        for (int i = chance(f, 45) ? (int)below(f, 3) + 1 : 0; i > 0; i--)
            mutate(f, value, 0);
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII * (int)chance(f, 20));
        fg_text_puts(&f->body, text != NULL ? text : "{}");
        free(text);
        json_decref(value);
        if (chance(f, 6))
            spoil(f, &f->body);
    } else if (content != NULL) {
        static const char *const bodies[] = {"start,energy_mwh\n2026-03-09T08:00:00Z,0.05\n", "start,energy_mwh,quality\n\"2026-03-09T08:00:00Z\",x,suspect\n",
                                             "{\"flexgrid_network\":1,\"base_mva\":10,\"buses\":[{\"id\":\"a\",\"vn_kv\":20}],\"branches\":[]}",
                                             "function mpc = case\nmpc.baseMVA = 1;\nmpc.bus = [1 3 0 0 0 0 1 1 0 20 1 1.1 0.9];\n", "", "\xff\xfe\x01", "start\n"};
        fg_text_puts(&f->body, bodies[below(f, sizeof bodies / sizeof bodies[0])]);
        if (chance(f, 30))
            spoil(f, &f->body);
    } else if (f->has_body) {
        fg_text_puts(&f->body, "{}");
    }
    return chance(f, 3) ? (chance(f, 50) ? "text/plain" : "application/json; charset=latin1") : media;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct fuzz *f = context;
    char *media = NULL;
    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &media);
    if (media != NULL && strcmp(media, "text/event-stream") == 0)
        return 0; /* it would not end */
    fg_text_append(&f->answer, bytes, size * count);
    return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct fuzz *f = context;
    size_t length = size * count;
    if (length > 13 && strncasecmp(bytes, "Retry-After: ", 13) == 0)
        snprintf(f->retry_after, sizeof f->retry_after, "%.*s", (int)strcspn(bytes + 13, "\r\n"), bytes + 13);
    if (length > 6 && strncasecmp(bytes, "ETag: ", 6) == 0)
        snprintf(f->answer_etag, sizeof f->answer_etag, "%.*s", (int)strcspn(bytes + 6, "\r\n"), bytes + 6);
    return length;
}

static struct curl_slist *add(struct fuzz *f, struct curl_slist *list, const char *format, ...)
{
    char line[6000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fg_text_printf(&f->headers_sent, "%.200s | ", line);
    return curl_slist_append(list, line);
}

static struct curl_slist *write_headers(struct fuzz *f, const char *media)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    f->headers_sent.length = 0;
    fg_text_puts(&f->headers_sent, "");
    if (chance(f, 94)) {
        size_t who = below(f, f->caller_count + 1);
        list = add(f, list, "Authorization: Bearer %s", who < f->caller_count ? f->callers[who].token : "fgs_nobody");
        if (who < f->caller_count)
            fg_text_printf(&f->headers_sent, "(%s) | ", f->callers[who].email != NULL ? f->callers[who].email : demo_party_name(who < DEMO_PARTIES ? (enum demo_who)who : DEMO_FMO));
    }
    if (f->has_body && chance(f, 98))
        list = add(f, list, "Content-Type: %s", media);
    else if (f->has_body)
        list = curl_slist_append(list, "Content-Type:");
    const json_t *parameters = json_object_get(f->operation->value, "parameters");
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(parameters, i), "name"));
        if (strcmp(name, "Idempotency-Key") == 0 && chance(f, 60))
            list = chance(f, 97) ? add(f, list, "Idempotency-Key: key-%d", (int)below(f, 40)) : add(f, list, "Idempotency-Key: %0400d", 1);
        if (strcmp(name, "If-Match") == 0 && chance(f, 92))
            list = add(f, list, "If-Match: %s", chance(f, 40) ? "*" : chance(f, 80) && f->etag[0] != '\0' ? f->etag : "\"v1\", W/\"x\"");
        if (strcmp(name, "On-Behalf-Of") == 0 && chance(f, 4))
            list = add(f, list, "On-Behalf-Of: %s", f->demo.parties[below(f, DEMO_PARTIES)]);
        if (strcmp(name, "Last-Event-ID") == 0 && chance(f, 30))
            list = add(f, list, "Last-Event-ID: %s", chance(f, 50) ? "abc" : "0");
    }
    if (chance(f, 10))
        list = add(f, list, "If-None-Match: %s", f->etag[0] != '\0' ? f->etag : "\"x\"");
    if (chance(f, 10))
        list = add(f, list, "Accept-Encoding: %s", chance(f, 50) ? "identity" : "br, deflate;q=0.5");
    return list;
}

static void send_request(struct fuzz *f)
{
    struct fg_text url;
    const char *media = write_body(f);
    struct curl_slist *headers = write_headers(f, media);
    long status = 0;
    char *type = NULL;
    fg_text_init(&url);
    fg_text_printf(&url, "%s%s", f->demo.base, f->path.data);
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    f->is_other_method = chance(f, 2);
    snprintf(f->method, sizeof f->method, "%s", f->is_other_method ? methods[below(f, 5)] : f->operation->method);
    f->is_other_method = strcmp(f->method, f->operation->method) != 0;
    f->answer.length = 0;
    f->retry_after[0] = f->answer_etag[0] = f->media[0] = '\0';
    curl_easy_reset(f->curl);
    curl_easy_setopt(f->curl, CURLOPT_URL, url.data);
    curl_easy_setopt(f->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(f->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(f->curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, f);
    if (f->has_body) {
        curl_easy_setopt(f->curl, CURLOPT_POSTFIELDSIZE, (long)f->body.length);
        curl_easy_setopt(f->curl, CURLOPT_POSTFIELDS, f->body.data != NULL ? f->body.data : "");
    }
    curl_easy_setopt(f->curl, CURLOPT_CUSTOMREQUEST, f->method);
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode result = curl_easy_perform(f->curl);
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &type);
    f->status = result == CURLE_OK || (result == CURLE_WRITE_ERROR && status == 200) ? (int)status : 0;
    snprintf(f->media, sizeof f->media, "%s", type != NULL ? type : "");
    if (f->answer_etag[0] != '\0')
        memcpy(f->etag, f->answer_etag, sizeof f->etag);
    fg_text_append(&f->answer, "", 0);
    curl_slist_free_all(headers);
    fg_text_release(&url);
}

/* ---- what must hold ---- */
static void found(struct fuzz *f, const char *format, ...)
{
    char text[160];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (size_t i = 0; i < f->finding_count; i++)
        if (strcmp(f->findings[i], text) == 0)
            return;
    if (f->finding_count == FINDINGS)
        return;
    snprintf(f->findings[f->finding_count++], sizeof text, "%s", text);
    fprintf(stderr, "FOUND (request %zu): %s\n  %s %.400s\n  %s\n  %.*s\n  -> %d %s %.600s\n", f->requests, text, f->method, f->path.data,
            f->headers_sent.data, f->has_body && f->body.data != NULL ? (int)(f->body.length < 900 ? f->body.length : 900) : 0,
            f->body.data != NULL ? f->body.data : "", f->status, f->media, f->answer.data != NULL ? f->answer.data : "");
}

/* Why the server was unavailable, from its log: the code of the last such line. */
static void last_reason(struct fuzz *f, char reason[200])
{
    struct fg_text log;
    snprintf(reason, 200, "it says nothing in its log");
    if (fg_file_read(f->log, (size_t)1 << 28, &log, NULL) != FG_OK)
        return;
    const char *last = NULL;
    for (const char *at = log.data; at != NULL && (at = strstr(at, "request.unavailable")) != NULL; at++)
        last = at;
    const char *code = last != NULL ? strstr(last, "\"code\":\"") : NULL;
    if (code != NULL)
        snprintf(reason, 200, "%.*s", (int)strcspn(code + 8, "\n") < 190 ? (int)strcspn(code + 8, "\n") : 190, code + 8);
    fg_text_release(&log);
}

static void check_unavailable(struct fuzz *f)
{
    char reason[200];
    if (f->retry_after[0] == '\0')
        found(f, "%s: 503 without Retry-After", f->operation->id);
    last_reason(f, reason);
    size_t at = 0;
    while (at < 11 && f->reasons[at].count > 0 && strncmp(f->reasons[at].text, reason, 98) != 0)
        at++;
    snprintf(f->reasons[at].text, sizeof f->reasons[at].text, "%.98s", reason);
    f->reasons[at].count++;
    if (strncmp(reason, "busy\"", 5) != 0 && strncmp(reason, "unavailable\"", 12) != 0)
        found(f, "%s: 503 because of %.100s", f->operation->id, reason);
}

static void check_answer(struct fuzz *f)
{
    static const char *const inside[] = {"SELECT ", "INSERT ", "UPDATE ", "sqlite", "SQLite", "constraint failed", "/tmp/", "psql", "no such column"};
    char why[512];
    const char *id = f->operation->id;
    if (f->status == 0) {
        found(f, "%s: no answer", id);
        return;
    }
    f->by_class[f->status / 100 < 6 ? f->status / 100 : 0]++;
    const json_t *response = api_document_response(&f->document, f->operation, f->status);
    if (f->is_other_method) { /* it may be another operation of the path, or none */
        for (size_t i = 0; i < f->document.count; i++)
            if (strcmp(f->document.operations[i].path, f->operation->path) == 0 && strcmp(f->document.operations[i].method, f->method) == 0)
                response = api_document_response(&f->document, &f->document.operations[i], f->status);
        if (response == NULL && f->status == 405)
            return;
    }
    if (f->status >= 500 && f->status != 503)
        found(f, "%s: %d", id, f->status);
    if (f->status == 503)
        check_unavailable(f);
    if (response == NULL) {
        found(f, "%s: %d is not documented", id, f->status);
        return;
    }
    json_t *json = strstr(f->media, "json") != NULL && f->answer.length > 0 ? json_loadb(f->answer.data, f->answer.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *content = json_object_get(response, "content"), *of = json_object_get(content, f->media);
    if (content == NULL && f->answer.length > 0 && f->status < 400)
        found(f, "%s: %d has a body that is not documented", id, f->status);
    else if (content != NULL && of == NULL && f->status < 400)
        found(f, "%s: %d has the media type \"%.60s\", which is not documented", id, f->status, f->media);
    else if (f->status >= 400 && strcmp(f->media, "application/problem+json") != 0)
        found(f, "%s: %d is no problem document but \"%.60s\"", id, f->status, f->media);
    const json_t *schema = of != NULL ? json_object_get(of, "schema") : f->status >= 400 ? json_object_get(json_object_get(json_object_get(f->document.root, "components"), "schemas"), "Problem") : NULL;
    if (schema != NULL && json == NULL)
        found(f, "%s: %d is not JSON", id, f->status);
    else if (schema != NULL && !api_document_fits(&f->document, schema, json, why))
        found(f, "%s: %d does not fit its schema at %.100s", id, f->status, why);
    if (f->status >= 400)
        for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
            const char *at = strstr(f->answer.data, inside[i]);
            if (at != NULL && (f->body.data == NULL || strstr(f->body.data, inside[i]) == NULL) && strstr(f->path.data, inside[i]) == NULL)
                found(f, "%s: %d tells what is inside: %.80s", id, f->status, at);
        }
    if (f->status < 300)
        harvest(f, json);
    json_decref(json);
}

/* ---- the run ---- */
static void log_in(struct fuzz *f, size_t caller)
{
    f->demo.err.code = FG_OK;
    json_t *answer = demo_call(&f->demo, NULL, "POST",
                               json_pack("{s:s,s:s,s:s}", "email", f->callers[caller].email, "password", DEMO_PASSWORD, "as", "token"), 201,
                               "/v1/log-in");
    if (!demo_failed(&f->demo))
        demo_take(&f->demo, answer, "token", f->callers[caller].token, DEMO_KEY);
    else
        json_decref(answer); /* suspended, locked or disabled by now */
    f->demo.err.code = FG_OK;
}

/* Operations after which there is nothing left to be tried are rare. */
static bool is_rare(const char *id)
{
    static const char *const ids[] = {"erase-person", "log-out", "change-password", "decide-organisation", "change-user", "revoke-key", "halt-trading",
                                      "log-in", "register-organisation", "accept-invitation"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

static void one_request(struct fuzz *f)
{
    size_t which = below(f, f->document.count);
    f->operation = &f->document.operations[which];
    if (is_rare(f->operation->id) && !chance(f, 12))
        return;
    write_path(f);
    send_request(f);
    f->requests++;
    check_answer(f);
    f->tried[which] |= (unsigned char)(1 | (f->status > 0 && f->status < 300 ? 2 : 0));
    if (below(f, 400) == 0 && f->moved_s < 2400) { /* time passes: gates close */
        int64_t seconds = 60 + (int64_t)below(f, 600);
        f->moved_s += seconds;
        demo_clock_set(&f->demo, demo_clock(&f->demo) + seconds);
    }
    if (below(f, 300) == 0)
        for (size_t i = 0; i < 3; i++)
            log_in(f, DEMO_KEYS + below(f, f->caller_count - DEMO_KEYS));
}

static void quiet(const char *text)
{
    (void)text;
}

static long long setting(const char *name, long long fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoll(text, NULL, 10) : fallback;
}

static void every_operation(void **state)
{
    (void)state;
    struct fuzz *f = calloc(1, sizeof *f);
    struct fg_error err = {0};
    char folder[] = "/tmp/flexgrid_fuzz_XXXXXX", command[100];
    long long seed = setting("FG_FUZZ_SEED", 1), wanted = setting("FG_FUZZ_REQUESTS", 1800), seconds = setting("FG_FUZZ_SECONDS", 0);
    assert_non_null(mkdtemp(folder));
    snprintf(f->log, sizeof f->log, "%s/log", folder);
    int log = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(log >= 0);
    fg_log_open(log, FG_LOG_WARNING);
    fg_random_init(&f->random, (uint64_t)seed);
    if (demo_open(&f->demo, folder, 1773133200, 1, &err) != FG_OK) /* 2026-03-10T09:00:00Z */
        fail_msg("%s: %s", err.place, err.text);
    demo_load(&f->demo, FG_SOURCE_DIR "/examples/cigre_mv/network.json", quiet);
    if (demo_failed(&f->demo))
        fail_msg("%s: %s", f->demo.err.place, f->demo.err.text);
    f->curl = curl_easy_init();
    for (size_t k = 0; k < DEMO_KEYS; k++)
        memcpy(f->callers[f->caller_count++].token, f->demo.keys[k], DEMO_KEY);
    for (size_t u = 0; u < demo_user_count; u++) {
        f->callers[f->caller_count++].email = demo_users[u].email;
        log_in(f, f->caller_count - 1);
    }
    /* the document comes from the server */
    json_t *document = demo_call(&f->demo, NULL, "GET", NULL, 200, "/v1/openapi.json");
    char *text = json_dumps(document, 0);
    assert_true(api_document_read(text, &f->document));
    free(text);
    json_decref(document);
    for (int p = 0; p < DEMO_PARTIES; p++) {
        json_t *id = json_string(f->demo.parties[p]);
        harvest(f, id);
        json_decref(id);
    }
    double end = fg_clock_seconds() + (double)seconds;
    while ((long long)f->requests < wanted || fg_clock_seconds() < end)
        one_request(f);
    size_t answered = 0, succeeded = 0;
    for (size_t i = 0; i < f->document.count; i++) {
        answered += f->tried[i] & 1;
        succeeded += (f->tried[i] & 2) != 0;
    }
    printf("seed %lld: %zu requests to %zu of %zu operations, %zu of them with success; 2xx %zu, 3xx %zu, 4xx %zu, 5xx %zu\n", seed, f->requests,
           answered, f->document.count, succeeded, f->by_class[2], f->by_class[3], f->by_class[4], f->by_class[5]);
    for (size_t i = 0; i < 12 && f->reasons[i].count > 0; i++)
        printf("  503, %zu times: %s\n", f->reasons[i].count, f->reasons[i].text);
    size_t findings = f->finding_count;
    assert_true(answered >= f->document.count * 9 / 10);
    assert_true(succeeded >= f->document.count / 3);
    assert_true(f->by_class[2] > f->requests / 20); /* it is not refused at the door */
    api_document_release(&f->document);
    curl_easy_cleanup(f->curl);
    fg_text_release(&f->path);
    fg_text_release(&f->body);
    fg_text_release(&f->headers_sent);
    fg_text_release(&f->answer);
    demo_close(&f->demo);
    fg_log_open(-1, FG_LOG_ERROR);
    close(log);
    free(f);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (findings > 0)
        fail_msg("%zu findings with seed %lld", findings, seed);
}

/* The checks find what they are there for: each answer below breaks one promise. */
static void planted(void **state)
{
    (void)state;
    static const char document[] =
        "{\"openapi\":\"3.1.0\",\"paths\":{\"/v1/things\":{\"get\":{\"operationId\":\"get-thing\",\"parameters\":[],\"responses\":{\"200\":{"
        "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Thing\"}}}},\"204\":{\"description\":\"Done\"},\"404\":{"
        "\"$ref\":\"#/components/responses/Problem\"},\"503\":{\"$ref\":\"#/components/responses/Problem\"}}}}},\"components\":{\"schemas\":{\"Thing\":{"
        "\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\",\"price\"],\"properties\":{\"id\":{\"type\":\"string\",\"pattern\":"
        "\"^[a-z0-9-]{1,9}$\"},\"price\":{\"type\":\"string\",\"format\":\"decimal\",\"x-minimum\":\"0\",\"x-maximum\":\"10\"},\"kind\":{\"enum\":[\"a\","
        "\"b\"],\"type\":\"string\"},\"list\":{\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"integer\",\"minimum\":1}},\"note\":{\"anyOf\":[{\"type\":"
        "\"string\",\"maxLength\":2},{\"type\":\"null\"}]}}},\"Problem\":{\"type\":\"object\",\"required\":[\"key\"],\"properties\":{\"key\":{\"type\":"
        "\"string\"},\"detail\":{\"type\":\"string\"}},\"additionalProperties\":false}},\"responses\":{\"Problem\":{\"content\":{\"application/problem+json\":{\"schema\":{"
        "\"$ref\":\"#/components/schemas/Problem\"}}}}}}}";
    static const struct {
        int status;
        const char *media, *body, *retry;
        bool is_wrong;
    } answers[] = {
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"9.5\",\"kind\":\"a\",\"list\":[1],\"note\":null}", "", false},
        {204, "", "", "", false},
        {404, "application/problem+json", "{\"key\":\"object.not_found\"}", "", false},
        {200, "application/json", "{\"id\":\"a-1\"}", "", true},
        {200, "application/json", "{\"id\":\"A 1\",\"price\":\"1\"}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"11\"}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":1}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"1\",\"more\":1}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"1\",\"kind\":\"c\"}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"1\",\"list\":[1,2]}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"1\",\"list\":[0]}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"price\":\"1\",\"note\":\"abc\"}", "", true},
        {200, "application/json", "{\"id\":\"a-1\",\"id\":\"a-2\",\"price\":\"1\"}", "", true},
        {200, "text/plain", "id", "", true},
        {200, "application/json", "", "", true},
        {204, "text/plain", "done", "", true},
        {201, "application/json", "{}", "", true},
        {404, "text/html", "<p>", "", true},
        {404, "application/problem+json", "{}", "", true},
        {404, "application/problem+json", "{\"key\":\"k\",\"detail\":\"in: SELECT id FROM area\"}", "", true},
        {500, "application/problem+json", "{\"key\":\"k\"}", "", true},
        {503, "application/problem+json", "{\"key\":\"k\"}", "", true},
        {503, "application/problem+json", "{\"key\":\"k\"}", "5", true}, /* the log does not say that it was busy */
        {0, "", "", "", true},
    };
    struct fuzz *f = calloc(1, sizeof *f);
    snprintf(f->log, sizeof f->log, "/nowhere/log");
    assert_true(api_document_read(document, &f->document));
    f->operation = &f->document.operations[0];
    strcpy(f->method, "GET");
    fg_text_puts(&f->path, "/v1/things");
    fg_text_puts(&f->headers_sent, "");
    int quiet_end = dup(STDERR_FILENO), nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDERR_FILENO);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        f->finding_count = 0;
        f->status = answers[i].status;
        snprintf(f->media, sizeof f->media, "%s", answers[i].media);
        snprintf(f->retry_after, sizeof f->retry_after, "%s", answers[i].retry);
        f->answer.length = 0;
        fg_text_puts(&f->answer, answers[i].body);
        fg_text_append(&f->answer, "", 0);
        check_answer(f);
        if ((f->finding_count > 0) != answers[i].is_wrong) {
            dup2(quiet_end, STDERR_FILENO);
            fail_msg("answer %zu: %zu findings", i, f->finding_count);
        }
    }
    dup2(quiet_end, STDERR_FILENO);
    close(quiet_end);
    close(nothing);
    api_document_release(&f->document);
    fg_text_release(&f->path);
    fg_text_release(&f->headers_sent);
    fg_text_release(&f->answer);
    free(f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(planted), cmocka_unit_test(every_operation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
