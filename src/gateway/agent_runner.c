/* The thread that runs the agents, under a lease, so that one node fetches. */
#include "gateway/gateway_internal.h"

#include "atp/query.h"
#include "base/log.h"
#include "base/memory.h"
#include "gateway/agent.h"

#include <stdio.h>
#include <string.h>

enum { AGENTS_AT_ONCE = 50, LONGEST_S = 3600, LEASE_S = 60, RETRY_S = 10, TIMEOUT_MS = 20000, ANSWER_BYTES = 16 << 20 };

struct runner {
    struct gateway_lease held;
    int64_t ids[AGENTS_AT_ONCE];
    size_t count;
    /* the agent at work */
    int64_t id, attempts, failing_since_us;
    char url[2001], rows[401], time_member[401], value_member[401], tag[201];
    bool is_active; /* its organisation is */
    struct fg_agent agent;
    struct fg_samples samples;
};

static enum fg_code read_due(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct runner *runner = context;
    struct fg_sql *sql;
    bool row;
    runner->count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT id FROM market_agent WHERE enabled = 1 AND next_us <= $1 ORDER BY next_us, id LIMIT $2", "ii",
                                 fg_platform_now_us(platform), (int64_t)AGENTS_AT_ONCE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        runner->ids[runner->count++] = fg_sql_column_int64(sql, 0);
    return code;
}

static enum fg_code read_agent(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct runner *runner = context;
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT m.url, m.format, m.rows, m.time_member, m.value_member, m.places, m.step_s, m.every_s, m.quality, "
                                     "m.tag, m.attempts, m.failing_since_us, CASE WHEN o.status = 'active' THEN 1 ELSE 0 END FROM market_agent m "
                                     "JOIN organisation o ON o.id = m.organisation_id WHERE m.id = $1 AND m.enabled = 1",
                                     "i", runner->id);
    if (code != FG_OK)
        return code;
    snprintf(runner->url, sizeof runner->url, "%s", fg_sql_column_text(sql, 0));
    snprintf(runner->rows, sizeof runner->rows, "%s", fg_sql_column_text(sql, 2));
    snprintf(runner->time_member, sizeof runner->time_member, "%s", fg_sql_column_text(sql, 3));
    snprintf(runner->value_member, sizeof runner->value_member, "%s", fg_sql_column_text(sql, 4));
    runner->agent = (struct fg_agent){.format = strcmp(fg_sql_column_text(sql, 1), "csv") == 0 ? FG_AGENT_CSV : FG_AGENT_JSON,
                                      .rows = runner->rows,
                                      .time_member = runner->time_member,
                                      .value_member = runner->value_member,
                                      .places = fg_sql_column_int64(sql, 5),
                                      .step_s = fg_sql_column_int64(sql, 6),
                                      .every_s = fg_sql_column_int64(sql, 7),
                                      .quality = fg_sql_column_int64(sql, 8)};
    snprintf(runner->tag, sizeof runner->tag, "%s", fg_sql_column_is_null(sql, 9) ? "" : fg_sql_column_text(sql, 9));
    runner->attempts = fg_sql_column_int64(sql, 10);
    runner->failing_since_us = fg_sql_column_int64(sql, 11);
    runner->is_active = fg_sql_column_int64(sql, 12) == 1;
    fg_sql_done(sql);
    return FG_OK;
}

/* The samples, and the agent moved on, in one leased transaction. `failure` NULL: a good answer. */
static enum fg_code write_round(struct runner *runner, int64_t now_us, const char *tag, const char *failure, struct fg_error *err)
{
    struct fg_series series;
    struct fg_series_change change;
    char name[40];
    enum fg_code code = FG_OK;
    if (failure != NULL) {
        int64_t pause_us = gateway_pause_us((int)(runner->attempts < 30 ? runner->attempts : 30) + 1, LONGEST_S);
        if (pause_us > runner->agent.every_s * 1000000)
            pause_us = runner->agent.every_s * 1000000;
        return fg_change(runner->held.store, NULL, err,
                         "UPDATE market_agent SET attempts = $2, failing_since_us = $3, failure = $4, next_us = $5 WHERE id = $1", "iiiti",
                         runner->id, runner->attempts + 1, runner->failing_since_us != 0 ? runner->failing_since_us : now_us, failure,
                         now_us + pause_us);
    }
    snprintf(name, sizeof name, "agent/%lld", (long long)runner->id);
    if (runner->samples.count > 0)
        code = fg_series_find(runner->held.store, name, &series, err);
    if (code == FG_OK && runner->samples.count > 0)
        code = fg_series_write(runner->held.store, &series, runner->samples.items, runner->samples.count, now_us, &change, err);
    if (code != FG_OK)
        return code;
    int64_t last_s = runner->samples.count > 0 ? runner->samples.items[runner->samples.count - 1].time_s : INT64_MIN;
    return fg_change(runner->held.store, NULL, err,
                     "UPDATE market_agent SET attempts = 0, failing_since_us = NULL, failure = NULL, fetched_us = $2, tag = $3, next_us = $4, "
                     "last_s = CASE WHEN last_s IS NULL OR last_s < $5 THEN CASE WHEN $5 > $6 THEN $5 ELSE last_s END ELSE last_s END WHERE id = $1",
                     "iitiii", runner->id, now_us, tag, now_us + runner->agent.every_s * 1000000, last_s, INT64_MIN);
}

static enum fg_code record(struct runner *runner, int64_t now_us, const char *tag, const char *failure, struct fg_error *err)
{
    enum fg_code code = fg_lease_begin(runner->held.store, &runner->held.lease, err);
    if (code != FG_OK)
        return code;
    code = write_round(runner, now_us, tag, failure, err);
    if (code == FG_OK)
        return fg_store_commit(runner->held.store, err);
    fg_store_rollback(runner->held.store);
    return code;
}

static void tell_why(char failure[300], const struct fg_error *why)
{
    snprintf(failure, 300, "%.60s%s%.220s", why->place, why->place[0] != '\0' ? ": " : "", why->text);
    fg_http_clip(failure);
}

static enum fg_code run_agent(struct runner *runner, struct fg_gateway *gateway, struct fg_error *err)
{
    struct fg_platform *platform = gateway->options.platform;
    struct fg_http_answer answer;
    struct fg_error why = {0};
    char condition[240], failure[300];
    enum fg_code code = fg_platform_run(platform, FG_STORE_READ, read_agent, runner, err);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK; /* deleted meanwhile */
    if (code != FG_OK)
        return code;
    runner->samples.count = 0;
    if (!runner->is_active)
        return record(runner, fg_platform_now_us(platform), NULL, "the organisation is not active", err);
    snprintf(condition, sizeof condition, "If-None-Match: %s", runner->tag);
    const char *headers[] = {"Accept: application/json, text/csv", runner->tag[0] != '\0' ? condition : NULL, NULL};
    struct fg_http_request request = {.method = "GET", .url = runner->url, .headers = headers, .timeout_ms = TIMEOUT_MS,
                                      .max_bytes = ANSWER_BYTES, .stop = &gateway->stop};
    code = fg_http_call(&gateway->options.policy, &request, &answer, &why);
    bool is_same = code == FG_OK && answer.status == 304;
    if (code == FG_OK && answer.status == 200)
        code = fg_agent_parse(&runner->agent, answer.body.data != NULL ? answer.body.data : "", answer.body.length, &runner->samples, &why);
    else if (code == FG_OK && !is_same)
        code = fg_fail(&why, FG_ERR_UNAVAILABLE, NULL, "answered %ld", answer.status);
    fg_text_release(&answer.body);
    if (code == FG_ERR_INTERRUPTED || code == FG_ERR_MEMORY) {
        *err = why;
        return code;
    }
    tell_why(failure, &why);
    enum fg_code recorded = record(runner, fg_platform_now_us(platform), is_same ? runner->tag : answer.tag[0] != '\0' ? answer.tag : NULL,
                                   code == FG_OK ? NULL : failure, err);
    if (code != FG_OK || recorded == FG_OK || gateway_is_over(recorded))
        return recorded;
    tell_why(failure, err); /* an answer that cannot be stored is this agent's failure, and it moves on */
    return record(runner, fg_platform_now_us(platform), NULL, failure, err);
}

void gateway_run_agents(struct gateway_thread *thread)
{
    struct fg_gateway *gateway = thread->gateway;
    struct fg_error err = {0};
    if (thread->memory == NULL && (thread->memory = fg_alloc(1, sizeof(struct runner))) == NULL)
        return;
    struct runner *runner = thread->memory;
    if (gateway_monotonic_us() < runner->held.retry_us)
        return;
    enum fg_code code = fg_platform_run(gateway->options.platform, FG_STORE_READ, read_due, runner, &err);
    for (size_t i = 0; code == FG_OK && i < runner->count && !atomic_load(&gateway->stop); i++) {
        if ((code = gateway_lease_hold(&runner->held, gateway, "agents", LEASE_S, RETRY_S, &err)) != FG_OK)
            break;
        runner->id = runner->ids[i];
        code = run_agent(runner, gateway, &err);
        if (code != FG_OK && !gateway_is_over(code)) { /* the others go on; this one is tried again after a pause of the thread */
            fg_log(FG_LOG_ERROR, "agent.failed", FG_LOG_NUMBER("agent", runner->id), FG_LOG_TEXT("text", err.text));
            runner->held.retry_us = gateway_monotonic_us() + RETRY_S * INT64_C(1000000);
            code = FG_OK;
        }
    }
    gateway_lease_judge(&runner->held, code, "agents.failed", &err);
}

void gateway_run_agents_release(struct gateway_thread *thread)
{
    struct runner *runner = thread->memory;
    if (runner == NULL)
        return;
    gateway_lease_end(&runner->held);
    fg_samples_release(&runner->samples);
    fg_free(runner);
    thread->memory = NULL;
}
