#include "gateway/agent.h"

#include "atp/query.h"
#include "base/csv.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_agent_format_words[] = {"json", "csv", NULL};
enum { JSON_MEMORY = 64 << 20 };
#define YEAR_1900_S INT64_C(-2208988800)
#define YEAR_3000_S INT64_C(32503680000)

/* -- reading an answer ----------------------------------------------------------------------------------------------- */

/* RFC 6901. NULL: there is no such value. */
static json_t *resolve(json_t *value, const char *pointer)
{
    while (value != NULL && *pointer == '/') {
        char token[200];
        size_t used = 0;
        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            char c = *pointer;
            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                c = *++pointer == '0' ? '~' : '/';
            if (used + 1 == sizeof token)
                return NULL;
            token[used++] = c;
        }
        token[used] = '\0';
        if (json_is_array(value))
            value = used > 0 && used < 8 && strspn(token, "0123456789") == used ? json_array_get(value, (size_t)atol(token)) : NULL;
        else
            value = json_object_get(value, token);
    }
    return *pointer == '\0' ? value : NULL;
}

static bool is_pointer(const char *text)
{
    return text[0] == '\0' || text[0] == '/';
}

static enum fg_code take_time(const char *text, int64_t *seconds, const char *place, struct fg_error *err)
{
    if (fg_instant_parse(text, seconds, NULL) == FG_OK || fg_decimal_parse(text, 0, seconds, NULL) == FG_OK)
        return FG_OK;
    return fg_fail(err, FG_ERR_VALUE, place, "\"%.60s\" is no instant; RFC 3339 or seconds since 1970 are understood", text);
}

static enum fg_code take_double(double number, int64_t places, int64_t *out, const char *place, struct fg_error *err)
{
    double scaled = round(number * pow(10, (double)places));
    if (!(fabs(scaled) < 4e18))
        return fg_fail(err, FG_ERR_VALUE, place, "the value is out of range");
    *out = (int64_t)scaled;
    return FG_OK;
}

static enum fg_code take_value(const char *text, int64_t places, int64_t *out, const char *place, struct fg_error *err)
{
    double number;
    if (fg_decimal_parse(text, (int)places, out, NULL) == FG_OK)
        return FG_OK;
    if (!fg_number_parse(text, &number))
        return fg_fail(err, FG_ERR_VALUE, place, "\"%.60s\" is no number", text);
    return take_double(number, places, out, place, err);
}

static enum fg_code add_sample(const struct fg_agent *agent, struct fg_samples *samples, int64_t time_s, int64_t value, const char *place,
                               struct fg_error *err)
{
    if (time_s <= YEAR_1900_S || time_s >= YEAR_3000_S)
        return fg_fail(err, FG_ERR_VALUE, place, "%lld s since 1970 are no instant between 1900 and 3000; milliseconds are not understood",
                       (long long)time_s);
    if (time_s % agent->step_s != 0)
        return fg_fail(err, FG_ERR_VALUE, place, "the instant is no multiple of the step of %lld s", (long long)agent->step_s);
    if (samples->count == FG_AGENT_SAMPLES_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, place, "an answer has at most %d samples", FG_AGENT_SAMPLES_MAX);
    if (fg_grow((void **)&samples->items, samples->count, &samples->capacity, sizeof *samples->items) != 0)
        return fg_fail_memory(err);
    samples->items[samples->count++] =
        (struct fg_sample){.time_s = time_s, .value.integer = value, .quality = (uint8_t)agent->quality};
    return FG_OK;
}

static enum fg_code parse_item(const struct fg_agent *agent, json_t *item, size_t index, struct fg_samples *samples, struct fg_error *err)
{
    char place[80];
    json_t *time = resolve(item, agent->time_member), *value = resolve(item, agent->value_member);
    int64_t seconds = 0, number = 0;
    enum fg_code code = FG_OK;
    snprintf(place, sizeof place, "answer#/%zu", index);
    if (value == NULL || json_is_null(value))
        return FG_OK;
    if (json_is_string(time))
        code = take_time(json_string_value(time), &seconds, place, err);
    else if (json_is_integer(time))
        seconds = json_integer_value(time);
    else
        return fg_fail(err, FG_ERR_SCHEMA, place, "has no instant at %.100s", agent->time_member);
    if (code == FG_OK && json_is_string(value))
        code = take_value(json_string_value(value), agent->places, &number, place, err);
    else if (code == FG_OK && json_is_number(value))
        code = take_double(json_number_value(value), agent->places, &number, place, err);
    else if (code == FG_OK)
        code = fg_fail(err, FG_ERR_SCHEMA, place, "has no number at %.100s", agent->value_member);
    return code == FG_OK ? add_sample(agent, samples, seconds, number, place, err) : code;
}

static enum fg_code parse_json(const struct fg_agent *agent, const char *bytes, size_t length, struct fg_samples *samples, struct fg_error *err)
{
    json_t *root = NULL;
    enum fg_code code = fg_json_load_limited(bytes, length, JSON_MEMORY, "answer", &root, err);
    if (code != FG_OK)
        return code;
    json_t *rows = resolve(root, agent->rows);
    if (!json_is_array(rows))
        code = fg_fail(err, FG_ERR_SCHEMA, "answer", "has no array at \"%.100s\"", agent->rows);
    for (size_t i = 0; code == FG_OK && i < json_array_size(rows); i++)
        code = parse_item(agent, json_array_get(rows, i), i, samples, err);
    json_decref(root);
    return code;
}

static enum fg_code parse_csv(const struct fg_agent *agent, const char *bytes, size_t length, struct fg_samples *samples, struct fg_error *err)
{
    struct fg_csv csv;
    size_t time = 0, value = 0;
    enum fg_code code = fg_csv_parse(&csv, bytes, length, "answer", err);
    if (code == FG_OK)
        code = fg_csv_need(&csv, agent->time_member, &time, err);
    if (code == FG_OK)
        code = fg_csv_need(&csv, agent->value_member, &value, err);
    for (size_t i = 0; code == FG_OK && i < csv.row_count; i++) {
        char place[60];
        int64_t seconds, number;
        const char *text = fg_csv_field(&csv, i, value);
        snprintf(place, sizeof place, "answer:%zu", csv.lines[i]);
        if (text[strspn(text, " ")] == '\0')
            continue;
        code = take_time(fg_csv_field(&csv, i, time), &seconds, place, err);
        if (code == FG_OK)
            code = take_value(text, agent->places, &number, place, err);
        if (code == FG_OK)
            code = add_sample(agent, samples, seconds, number, place, err);
    }
    fg_csv_release(&csv);
    return code;
}

static int compare_samples(const void *x, const void *y)
{
    const struct fg_sample *a = x, *b = y;
    return a->time_s < b->time_s ? -1 : a->time_s > b->time_s;
}

enum fg_code fg_agent_parse(const struct fg_agent *agent, const char *bytes, size_t length, struct fg_samples *samples, struct fg_error *err)
{
    size_t kept = 0;
    samples->count = 0;
    enum fg_code code = agent->format == FG_AGENT_JSON ? parse_json(agent, bytes, length, samples, err)
                                                       : parse_csv(agent, bytes, length, samples, err);
    if (code == FG_OK && samples->count > 1)
        qsort(samples->items, samples->count, sizeof *samples->items, compare_samples);
    for (size_t i = 0; code == FG_OK && i < samples->count; i++) {
        char instant[FG_INSTANT_TEXT];
        if (kept == 0 || samples->items[kept - 1].time_s != samples->items[i].time_s)
            samples->items[kept++] = samples->items[i];
        else if (samples->items[kept - 1].value.integer != samples->items[i].value.integer)
            code = fg_fail(err, FG_ERR_VALUE, "answer", "has two values for %s", fg_instant_format(samples->items[i].time_s, instant));
    }
    samples->count = code == FG_OK ? kept : 0;
    return code;
}

/* -- services -------------------------------------------------------------------------------------------------------- */

static enum fg_code check(const struct fg_http_policy *policy, const struct fg_agent *agent, struct fg_error *err)
{
    if (agent->format == FG_AGENT_JSON && !(is_pointer(agent->rows) && is_pointer(agent->time_member) && is_pointer(agent->value_member)))
        return fg_fail(err, FG_ERR_VALUE, "#/rows", "JSON pointers are empty or begin with /");
    if (agent->format == FG_AGENT_CSV && (agent->time_member[0] == '\0' || agent->value_member[0] == '\0'))
        return fg_fail(err, FG_ERR_VALUE, "#/time", "name the columns of the instant and the value");
    return fg_http_check_url(policy, agent->url, err);
}

enum fg_code fg_agent_create(struct fg_registry *registry, const struct fg_http_policy *policy, const struct fg_agent *agent, int64_t *id,
                             struct fg_error *err)
{
    struct fg_series series = {.kind = FG_SERIES_INT64, .step_s = agent->step_s, .keep_history = true};
    char name[40];
    int64_t count = 0;
    enum fg_code code = check(policy, agent, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &count, err, "SELECT COUNT(*) FROM market_agent WHERE organisation_id = $1", "i",
                               fg_registry_party(registry));
    if (code == FG_OK && count >= FG_AGENTS_MAX)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "an organisation has at most %d agents; delete one", FG_AGENTS_MAX);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_AGENT, id, err);
    if (code != FG_OK)
        return code;
    snprintf(series.unit, sizeof series.unit, "%s", agent->unit);
    snprintf(name, sizeof name, "agent/%lld", (long long)*id);
    code = fg_series_create(registry->store, name, &series, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO market_agent (id, organisation_id, name, url, format, rows, time_member, value_member, unit, places, step_s, "
                      "every_s, stale_s, quality, source, licence, enabled, series_id, next_us, attempts, created_by, created_us, version) VALUES "
                      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, 0, 0, $18, $19, 1)",
                      "iittttttt" "iiiii" "tt" "iii", *id, fg_registry_party(registry), agent->name, agent->url,
                      fg_agent_format_words[agent->format], agent->rows, agent->time_member, agent->value_member, agent->unit, agent->places,
                      agent->step_s, agent->every_s, agent->stale_s, agent->quality, agent->source, agent->licence, series.id,
                      registry->actor.user, registry->now_us),
            err, "you have an agent of this name");
    return code == FG_OK ? fg_registry_audit(registry, "agent.create", FG_ID_AGENT, *id, NULL, err) : code;
}

enum fg_code fg_agent_delete(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t changes;
    enum fg_code code = fg_change(registry->store, &changes, err, "DELETE FROM market_agent WHERE id = $1 AND organisation_id = $2", "ii", id,
                                  fg_registry_party(registry));
    if (code == FG_OK && changes == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_AGENT, id, "agent of yours,", err);
    return code == FG_OK ? fg_registry_audit(registry, "agent.delete", FG_ID_AGENT, id, NULL, err) : code;
}

enum fg_code fg_agent_read(struct fg_registry *registry, int64_t id, int64_t from_s, int64_t until_s, struct fg_samples *samples,
                           int64_t *places, struct fg_error *err)
{
    struct fg_series series;
    char name[40];
    enum fg_code code = fg_registry_found(fg_query_number(registry->store, places, err,
                                                          "SELECT places FROM market_agent WHERE id = $1 AND (organisation_id = $2 OR $3 = 1)",
                                                          "iii", id, fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
                                          FG_ID_AGENT, id, "agent of yours,", err);
    if (code != FG_OK)
        return code;
    snprintf(name, sizeof name, "agent/%lld", (long long)id);
    code = fg_series_find(registry->store, name, &series, err);
    return code == FG_OK ? fg_series_read(registry->store, &series, from_s, until_s, FG_SERIES_NOW, samples, err) : code;
}
