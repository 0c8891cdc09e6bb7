#include "cmd/demo.h"

#include "base/instant.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void demo_fail(struct demo *demo, const char *place, const char *format, ...)
{
    char text[700];
    va_list list;
    if (demo_failed(demo))
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fg_fail(&demo->err, FG_ERR_UNAVAILABLE, place, "%s", text);
}

const char *demo_decimal(int64_t value_u)
{
    static char texts[8][32];
    static int next;
    char *text = texts[next++ % 8];
    int64_t size = value_u < 0 ? -value_u : value_u;
    snprintf(text, sizeof texts[0], "%s%lld.%06lld", value_u < 0 ? "-" : "", (long long)(size / 1000000), (long long)(size % 1000000));
    return text;
}

const char *demo_instant(int64_t seconds)
{
    static char texts[8][FG_INSTANT_TEXT];
    static int next;
    return fg_instant_format(seconds, texts[next++ % 8]);
}

/* ---- one call ---- */
static size_t take_body(char *bytes, size_t size, size_t count, void *text)
{
    fg_text_append(text, bytes, size * count);
    return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct demo *demo = context;
    size_t length = size * count;
    if (length > 6 && strncasecmp(bytes, "ETag: ", 6) == 0)
        snprintf(demo->etag, sizeof demo->etag, "%.*s", (int)strcspn(bytes + 6, "\r\n"), bytes + 6);
    return length;
}

struct sending {
    const char *key, *method, *media, *bytes, *path, *etag;
    size_t length;
    int expected;
};

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[256];
    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(list, line);
}

static json_t *send_it(struct demo *demo, const struct sending *sending)
{
    struct fg_text answer;
    char url[1200], bearer[DEMO_KEY + 16];
    long status = 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    fg_text_init(&answer);
    if (sending->key != NULL) {
        snprintf(bearer, sizeof bearer, "Bearer %s", sending->key);
        headers = add_header(headers, "Authorization", bearer);
    }
    if (sending->bytes != NULL)
        headers = add_header(headers, "Content-Type", sending->media);
    if (sending->etag != NULL)
        headers = add_header(headers, "If-Match", sending->etag);
    demo->etag[0] = '\0';
    if (demo->once[0] != '\0')
        headers = add_header(headers, "Idempotency-Key", demo->once);
    demo->once[0] = '\0';
    snprintf(url, sizeof url, "%s%s", demo->base, sending->path);
    curl_easy_reset(demo->curl);
    curl_easy_setopt(demo->curl, CURLOPT_URL, url);
    curl_easy_setopt(demo->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(demo->curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(demo->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(demo->curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(demo->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(demo->curl, CURLOPT_HEADERDATA, demo);
    if (sending->bytes != NULL) {
        curl_easy_setopt(demo->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sending->length);
        curl_easy_setopt(demo->curl, CURLOPT_POSTFIELDS, sending->bytes);
    }
    curl_easy_setopt(demo->curl, CURLOPT_CUSTOMREQUEST, sending->method);
    curl_easy_setopt(demo->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode result = headers != NULL ? curl_easy_perform(demo->curl) : CURLE_OUT_OF_MEMORY;
    curl_easy_getinfo(demo->curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *json = answer.length > 0 ? json_loadb(answer.data, answer.length, 0, NULL) : NULL;
    if (result != CURLE_OK)
        demo_fail(demo, sending->path, "%s", curl_easy_strerror(result));
    else if (status != sending->expected)
        demo_fail(demo, sending->path, "%s gave %ld instead of %d: %.400s%s%.200s", sending->method, status, sending->expected,
                  answer.length > 0 ? answer.data : "", sending->bytes != NULL ? "; sent: " : "",
                  sending->bytes != NULL && strstr(sending->path, "log-in") == NULL ? sending->bytes : "");
    fg_text_release(&answer);
    curl_slist_free_all(headers);
    if (demo_failed(demo)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *call(struct demo *demo, const char *key, const char *method, const char *etag, json_t *body, int expected,
                    const char *path, va_list list)
{
    char place[1000];
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_t *answer = NULL;
    vsnprintf(place, sizeof place, path, list);
    if (body != NULL && text == NULL)
        demo_fail(demo, place, "out of memory");
    if (!demo_failed(demo))
        answer = send_it(demo, &(struct sending){.key = key, .method = method, .media = "application/json", .bytes = text, .path = place,
                                                 .etag = etag, .length = text != NULL ? strlen(text) : 0, .expected = expected});
    free(text);
    json_decref(body);
    return answer;
}

json_t *demo_call(struct demo *demo, const char *key, const char *method, json_t *body, int expected, const char *path, ...)
{
    va_list list;
    va_start(list, path);
    json_t *answer = call(demo, key, method, NULL, body, expected, path, list);
    va_end(list);
    return answer;
}

void demo_do(struct demo *demo, const char *key, const char *method, json_t *body, int expected, const char *path, ...)
{
    va_list list;
    va_start(list, path);
    json_decref(call(demo, key, method, NULL, body, expected, path, list));
    va_end(list);
}

void demo_change(struct demo *demo, const char *key, const char *method, json_t *body, const char *path, ...)
{
    char etag[sizeof demo->etag];
    va_list list, again;
    va_start(list, path);
    va_copy(again, list);
    json_decref(call(demo, key, "GET", NULL, NULL, 200, path, list));
    memcpy(etag, demo->etag, sizeof etag);
    json_decref(call(demo, key, method, etag, body, 200, path, again));
    va_end(again);
    va_end(list);
}

json_t *demo_send(struct demo *demo, const char *key, const char *media, const char *bytes, size_t length, int expected,
                  const char *path, ...)
{
    char place[1000];
    va_list list;
    va_start(list, path);
    vsnprintf(place, sizeof place, path, list);
    va_end(list);
    return demo_failed(demo) ? NULL : send_it(demo, &(struct sending){.key = key, .method = "POST", .media = media, .bytes = bytes, .path = place,
                                                   .length = length, .expected = expected});
}

void demo_take(struct demo *demo, json_t *answer, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(answer, name));
    out[0] = '\0';
    if (!demo_failed(demo) && (text == NULL || strlen(text) >= size))
        demo_fail(demo, name, "the answer has no such member");
    else if (text != NULL)
        snprintf(out, size, "%s", text);
    json_decref(answer);
}

json_t *demo_list(struct demo *demo, const char *key, const char *path, ...)
{
    char place[900], next[700] = "";
    json_t *items = json_array();
    va_list list;
    va_start(list, path);
    vsnprintf(place, sizeof place, path, list);
    va_end(list);
    do {
        char *escaped = next[0] != '\0' ? curl_easy_escape(demo->curl, next, 0) : NULL;
        json_t *page = demo_call(demo, key, "GET", NULL, 200, "%s%slimit=1000%s%s", place, strchr(place, '?') != NULL ? "&" : "?",
                                 escaped != NULL ? "&cursor=" : "", escaped != NULL ? escaped : "");
        curl_free(escaped);
        const char *cursor = json_string_value(json_object_get(page, "next"));
        snprintf(next, sizeof next, "%s", cursor != NULL ? cursor : "");
        if (page != NULL)
            json_array_extend(items, json_object_get(page, "items"));
        json_decref(page);
    } while (next[0] != '\0' && !demo_failed(demo));
    return items;
}
