#include "gateway/market_client.h"

#include "atp/id.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 1 << 20, JSON_BYTES = 8 << 20 };

/* One exchange of JSON. `key` NULL: no Idempotency-Key. The caller releases `answer`. */
static enum fg_code talk(const struct fg_market_link *link, const char *method, const char *path, const char *key,
                         const struct fg_text *body, struct fg_http_answer *answer, struct fg_error *err)
{
    char url[2400], authorization[400], idempotency[120];
    const char *headers[5] = {authorization, "Accept: application/json"};
    size_t length = strlen(link->url), count = 2;
    while (length > 0 && link->url[length - 1] == '/')
        length--;
    *answer = (struct fg_http_answer){0};
    fg_text_init(&answer->body);
    if ((size_t)snprintf(url, sizeof url, "%.*s%s", (int)length, link->url, path) >= sizeof url)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's address is too long");
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", link->key);
    if (body != NULL)
        headers[count++] = "Content-Type: application/json";
    if (key != NULL) {
        snprintf(idempotency, sizeof idempotency, "Idempotency-Key: %s", key);
        headers[count++] = idempotency;
    }
    if (body != NULL && body->failed)
        return fg_fail_memory(err);
    struct fg_http_request request = {.method = method, .url = url, .headers = headers, .body = body != NULL ? body->data : NULL,
                                      .body_length = body != NULL ? body->length : 0, .max_bytes = ANSWER_BYTES, .stop = link->stop};
    enum fg_code code = fg_http_call(link->policy, &request, answer, err);
    return code == FG_ERR_VALUE || code == FG_ERR_DENIED
               ? fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's address cannot be called; change it")
               : code;
}

/* A problem's text, for people. */
static void detail_of(const struct fg_http_answer *answer, char *out, size_t size)
{
    json_t *root = NULL;
    const char *text = NULL;
    if (answer->body.data != NULL &&
        fg_json_load_limited(answer->body.data, answer->body.length, JSON_BYTES, "answer", &root, NULL) == FG_OK)
        text = json_string_value(json_object_get(root, "detail"));
    snprintf(out, size, "%.180s", text != NULL ? text : "no reason given");
    fg_http_clip(out);
    json_decref(root);
}

/* 2xx: FG_OK. What the market will never take: FG_ERR_VALUE. Everything else may succeed later. */
static enum fg_code judge(const struct fg_http_answer *answer, struct fg_error *err)
{
    char detail[200];
    if (answer->status >= 200 && answer->status < 300)
        return FG_OK;
    detail_of(answer, detail, sizeof detail);
    if (answer->status == 400 || answer->status == 404 || answer->status == 409 || answer->status == 422)
        return fg_fail(err, FG_ERR_VALUE, NULL, "%s", detail);
    return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market answers %ld: %s", answer->status, detail);
}

static enum fg_code load(const struct fg_http_answer *answer, json_t **root, struct fg_error *err)
{
    enum fg_code code = fg_json_load_limited(answer->body.data != NULL ? answer->body.data : "", answer->body.length, JSON_BYTES,
                                             "the market's answer", root, err);
    if (code != FG_OK && code != FG_ERR_MEMORY)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's answer is no JSON");
    return code;
}

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}

/* Ids of the market: they go into paths. */
static bool is_id(const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    return length >= 1 && length < FG_MARKET_ID_TEXT &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == length;
}

enum fg_code fg_market_bid_send(const struct fg_market_link *link, const struct fg_market_bid *bid,
                                char market_bid[FG_MARKET_ID_TEXT], struct fg_error *err)
{
    struct fg_text body;
    struct fg_json_writer out;
    struct fg_http_answer answer;
    char instant[FG_INSTANT_TEXT];
    json_t *root = NULL;
    fg_text_init(&body);
    fg_json_writer_init(&out, &body, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "reference", bid->reference);
    fg_json_put_string(&out, "control_area", bid->control_area);
    fg_json_put_string(&out, "zone", bid->zone);
    fg_json_put_string(&out, "brp", bid->brp);
    fg_json_put_string(&out, "regulation", fg_regulation_words[bid->regulation]);
    fg_json_put_string(&out, "start", fg_instant_format(bid->start_s, instant));
    fg_json_put_string(&out, "end", fg_instant_format(bid->start_s + bid->duration_s, instant));
    put_decimal(&out, "quantity", bid->quantity_w);
    put_decimal(&out, "minimum", bid->least_w);
    put_decimal(&out, "price", bid->price_u);
    fg_json_end_object(&out);
    enum fg_code code = talk(link, "POST", "/v1/bids", bid->reference, &body, &answer, err);
    if (code == FG_OK)
        code = judge(&answer, err);
    if (code == FG_OK)
        code = load(&answer, &root, err);
    const char *id = json_string_value(json_object_get(root, "id"));
    if (code == FG_OK && !is_id(id))
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's answer to a bid has no id");
    if (code == FG_OK)
        snprintf(market_bid, FG_MARKET_ID_TEXT, "%s", id);
    json_decref(root);
    fg_text_release(&body);
    fg_text_release(&answer.body);
    return code;
}

enum fg_code fg_market_withdraw(const struct fg_market_link *link, const char *reference, bool *is_unknown, struct fg_error *err)
{
    struct fg_text body;
    struct fg_http_answer answer;
    json_t *root = NULL;
    fg_text_init(&body);
    fg_text_printf(&body, "{\"reference\":\"%s\"}", reference);
    enum fg_code code = talk(link, "POST", "/v1/withdrawals", NULL, &body, &answer, err);
    *is_unknown = false;
    if (code == FG_OK && answer.status != 409) /* 409: all of it has been called, as a result will tell */
        code = judge(&answer, err);
    if (code == FG_OK && answer.status != 409)
        code = load(&answer, &root, err);
    if (code == FG_OK && root != NULL)
        *is_unknown = json_is_false(json_object_get(root, "known"));
    json_decref(root);
    fg_text_release(&body);
    fg_text_release(&answer.body);
    return code;
}

static enum fg_code read_result(json_t *item, struct fg_market_result *result, char reason[201], struct fg_error *err)
{
    const char *kind = json_string_value(json_object_get(item, "kind"));
    const char *sequence = json_string_value(json_object_get(item, "sequence"));
    const char *reference = json_string_value(json_object_get(item, "reference"));
    const char *activation = json_string_value(json_object_get(item, "activation"));
    const char *quantity = json_string_value(json_object_get(item, "quantity"));
    const char *time = json_string_value(json_object_get(item, "time"));
    const char *text = json_string_value(json_object_get(item, "reason"));
    int64_t seconds = 0;
    *result = (struct fg_market_result){.kind = FG_RESULT_KINDS};
    for (int k = 0; kind != NULL && k < FG_RESULT_KINDS; k++)
        if (strcmp(fg_result_words[k], kind) == 0)
            result->kind = (enum fg_result_kind)k;
    if (result->kind == FG_RESULT_KINDS || sequence == NULL || fg_decimal_parse(sequence, 0, &result->sequence, NULL) != FG_OK ||
        result->sequence < 1 || reference == NULL || time == NULL || fg_instant_parse(time, &seconds, NULL) != FG_OK)
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "a result of the market is not of the interface's form");
    result->time_us = seconds * 1000000;
    if (fg_id_parse(FG_ID_FORWARDING, reference, &result->bid, NULL) != FG_OK)
        result->bid = 0;
    if (result->kind == FG_RESULT_CALLED &&
        (!is_id(activation) || quantity == NULL || fg_decimal_parse(quantity, 6, &result->wanted_w, NULL) != FG_OK ||
         result->wanted_w <= 0))
        return fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "an activation of the market has no id or quantity");
    if (result->kind == FG_RESULT_CALLED)
        snprintf(result->activation, sizeof result->activation, "%s", activation);
    snprintf(reason, 201, "%.200s", text != NULL ? text : "");
    fg_http_clip(reason);
    result->reason = text != NULL ? reason : NULL;
    return FG_OK;
}

enum fg_code fg_market_read_results(const struct fg_market_link *link, int64_t after, struct fg_market_results *results,
                                    struct fg_error *err)
{
    char path[100];
    struct fg_http_answer answer;
    json_t *root = NULL;
    results->count = 0;
    snprintf(path, sizeof path, "/v1/results?after=%lld&most=%d", (long long)after, FG_MARKET_RESULTS_MAX);
    enum fg_code code = talk(link, "GET", path, NULL, NULL, &answer, err);
    if (code == FG_OK)
        code = judge(&answer, err);
    if (code == FG_ERR_VALUE)
        code = FG_ERR_UNAVAILABLE;
    if (code == FG_OK)
        code = load(&answer, &root, err);
    json_t *items = json_object_get(root, "items");
    if (code == FG_OK && (!json_is_array(items) || json_array_size(items) > FG_MARKET_RESULTS_MAX))
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's results are no list of at most %d", FG_MARKET_RESULTS_MAX);
    for (size_t i = 0; code == FG_OK && i < json_array_size(items); i++) {
        code = read_result(json_array_get(items, i), &results->items[i], results->reasons[i], err);
        if (code == FG_OK && results->items[i].sequence <= (i > 0 ? results->items[i - 1].sequence : after))
            code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "the market's results are not in order");
        if (code == FG_OK)
            results->count++;
    }
    json_decref(root);
    fg_text_release(&answer.body);
    return code;
}

enum fg_code fg_market_confirm(const struct fg_market_link *link, const char *activation, int64_t confirmed_w, const char *reason,
                               struct fg_error *err)
{
    struct fg_text body;
    struct fg_json_writer out;
    struct fg_http_answer answer;
    char path[160];
    snprintf(path, sizeof path, "/v1/activations/%s/answer", activation);
    fg_text_init(&body);
    fg_json_writer_init(&out, &body, false);
    fg_json_begin_object(&out, NULL);
    put_decimal(&out, "quantity", confirmed_w);
    if (reason != NULL)
        fg_json_put_string(&out, "reason", reason);
    fg_json_end_object(&out);
    enum fg_code code = talk(link, "POST", path, activation, &body, &answer, err);
    if (code == FG_OK)
        code = judge(&answer, err);
    fg_text_release(&body);
    fg_text_release(&answer.body);
    return code;
}
