/* The threads of the runs: workers that take runs and do them, a keeper that extends leases, writes progress, sees
 * cancellations and keeps the schedule of auctions. */
#include "atp/run_internal.h"

#include "atp/market.h"
#include "atp/query.h"
#include "base/json.h"
#include "base/log.h"
#include "store/document.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEEPER_MS = 400, CANDIDATES = 50 };

void run_progress(void *user, const char *phase, int percent)
{
    struct run_job *job = user;
    pthread_mutex_lock(&job->mutex);
    if (percent > job->percent)
        job->percent = percent > 99 ? 99 : percent;
    snprintf(job->phase, sizeof job->phase, "%s", phase);
    pthread_mutex_unlock(&job->mutex);
}

/* ---- taking a run ---- */

static const char waiting_runs[] =
    "SELECT id, area_id, kind, network_id, auction_id, organisation_id, claim, is_recorded, input, is_unwanted FROM run WHERE "
    "(state = 'queued' OR (state = 'running' AND lease_us < $1)) AND is_unwanted = 0 ORDER BY id LIMIT $2";

struct taking {
    struct run_job *job;
    const char *node;
    bool is_taken;
};

static void read_job(struct run_job *job, const struct fg_sql *sql)
{
    job->id = fg_sql_column_int64(sql, 0);
    job->area = fg_sql_column_int64(sql, 1);
    for (job->kind = 0; strcmp(fg_run_kind_words[job->kind], fg_sql_column_text(sql, 2)) != 0; job->kind++)
        ;
    job->network = fg_sql_column_int64(sql, 3);
    job->auction = fg_sql_column_int64(sql, 4);
    job->organisation = fg_sql_column_int64(sql, 5);
    job->claim = fg_sql_column_int64(sql, 6);
    job->is_recorded = fg_sql_column_int64(sql, 7) != 0;
    snprintf(job->input, sizeof job->input, "%s", fg_sql_column_text(sql, 8));
}

/* The first run that waits in an area of this server; id 0: none. */
static enum fg_code find_run(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct taking *taking = context;
    struct fg_sql *sql;
    int64_t now_us;
    bool row;
    (void)platform;
    taking->job->id = 0;
    enum fg_code code = fg_store_clock(store, &now_us, err);
    if (code == FG_OK)
        code = fg_query(store, &sql, err, waiting_runs, "ii", now_us, (int64_t)CANDIDATES);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (!fg_exchange_serves(taking->job->runs->options.exchange, fg_sql_column_int64(sql, 1)))
            continue;
        read_job(taking->job, sql);
        fg_sql_done(sql);
        break;
    }
    return code;
}

static enum fg_code take_run(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct taking *taking = context;
    struct run_job *job = taking->job;
    int64_t now_us, changes = 0, id = job->id, claim = job->claim;
    char text[160];
    taking->is_taken = false;
    enum fg_code code = fg_store_clock(store, &now_us, err);
    if (code == FG_OK)
        code = fg_change(store, &changes, err,
                         "UPDATE run SET state = 'running', claim = claim + 1, holder = $3, lease_us = $4, started_us = "
                         "COALESCE(started_us, $5), phase = 'starting' WHERE id = $1 AND claim = $2 AND is_unwanted = 0 AND (state "
                         "= 'queued' OR (state = 'running' AND lease_us < $6))",
                         "iitiii", id, claim, taking->node, now_us + FG_RUN_LEASE_S * INT64_C(1000000),
                         fg_platform_now_us(platform), now_us);
    if (code != FG_OK || changes == 0)
        return code;
    snprintf(text, sizeof text, claim == 0 ? "taken by %.100s" : "taken again, by %.100s", taking->node);
    code = run_log(store, id, fg_platform_now_us(platform), text, err);
    taking->is_taken = code == FG_OK;
    return code;
}

/* ---- doing it ---- */

struct work {
    struct run_job *job;
    struct fg_text network, market;
    char format[FG_NETWORK_FORMAT];
    struct fg_service_result result;
};

static enum fg_code load_inputs(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct work *work = context;
    struct fg_document document;
    char name[FG_ID_TEXT];
    (void)platform;
    enum fg_code code = fg_network_content(store, work->job->network, &work->network, work->format, err);
    if (code == FG_OK && strcmp(fg_run_kind_words[work->job->kind], "clear") == 0)
        code = fg_document_get(store, FG_RUN_DOCUMENT_INPUT, fg_id_text(FG_ID_RUN, work->job->id, name), 0, &document, NULL,
                               &work->market, err);
    return code;
}

static enum fg_code save_result(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct work *work = context;
    struct fg_document document = {.kind = FG_RUN_DOCUMENT_RESULT, .created_us = fg_platform_now_us(platform)};
    enum fg_code code = run_fence(store, work->job, err);
    fg_id_text(FG_ID_RUN, work->job->id, document.name);
    if (code == FG_OK)
        code = fg_document_put(store, &document, "", work->result.document.data, work->result.document.length, err);
    if (code == FG_OK)
        code = fg_change(store, NULL, err, "UPDATE run SET certificate = $2, result_version = $3 WHERE id = $1", "iti",
                         work->job->id, work->result.certificate.data, document.version);
    return code;
}

/* The options that the run's input names. */
static enum fg_code read_options(struct run_job *job, json_t **input, struct fg_service_options *options, struct fg_error *err)
{
    *options = (struct fg_service_options){.stop = &job->stop, .progress = run_progress, .progress_user = job};
    enum fg_code code = fg_json_load_text(job->input, strlen(job->input), "input", input, err);
    if (code != FG_OK)
        return code;
    options->physics = json_string_value(json_object_get(*input, "physics"));
    options->time_limit_s = (double)json_integer_value(json_object_get(*input, "time_limit_s"));
    options->keeps_q_limits = json_is_true(json_object_get(*input, "q_limits"));
    return FG_OK;
}

static enum fg_code do_toolkit(struct run_job *job, struct fg_error *err)
{
    struct work work = {.job = job};
    struct fg_service_options options;
    json_t *input = NULL;
    const char *kind = fg_run_kind_words[job->kind];
    struct fg_platform *platform = job->runs->options.platform;
    fg_text_init(&work.network);
    fg_text_init(&work.market);
    fg_service_result_init(&work.result);
    enum fg_code code = read_options(job, &input, &options, err);
    if (code == FG_OK)
        code = fg_platform_run(platform, FG_STORE_READ, load_inputs, &work, err);
    if (code == FG_OK) {
        struct fg_service_network network = {work.network.data, work.network.length, work.format};
        if (strcmp(kind, "powerflow") == 0)
            code = fg_service_powerflow(&network, &options, &work.result, err);
        else if (strcmp(kind, "opf") == 0)
            code = fg_service_opf(&network, &options, &work.result, err);
        else
            code = fg_service_clear(&network, work.market.data, work.market.length, &options, &work.result, NULL, err);
    }
    if (code == FG_OK)
        code = fg_platform_run(platform, FG_STORE_WRITE, save_result, &work, err);
    if (code == FG_OK) {
        char cause[600];
        snprintf(cause, sizeof cause, "%s%s%.500s", work.result.status, work.result.explanation[0] != '\0' ? ": " : "",
                 work.result.explanation);
        code = run_end(job->runs, job->area, job->id, job->claim, work.result.is_solved ? "done" : "failed",
                       work.result.is_solved ? NULL : cause, err);
    }
    json_decref(input);
    fg_text_release(&work.network);
    fg_text_release(&work.market);
    fg_service_result_release(&work.result);
    return code;
}

/* Give a run back: the server stops. */
static enum fg_code give_back(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    const struct run_job *job = context;
    enum fg_code code = run_fence(store, job, err);
    if (code == FG_OK)
        code = run_log(store, job->id, fg_platform_now_us(platform), "given back: the server stops", err);
    return code == FG_OK ? fg_change(store, NULL, err, "UPDATE run SET state = 'queued', lease_us = 0, holder = NULL WHERE id = $1",
                                     "i", job->id)
                         : code;
}

/* Failures of the server's own that another attempt may not meet. */
static bool is_passing(enum fg_code code)
{
    return code == FG_ERR_UNAVAILABLE || code == FG_ERR_BUSY || code == FG_ERR_FENCED || code == FG_ERR_OUTCOME ||
           code == FG_ERR_FULL;
}

static void do_run(struct run_job *job)
{
    struct fg_runs *runs = job->runs;
    struct fg_error err = {0}, last;
    enum fg_code code;
    if (job->claim > FG_RUN_CLAIMS_MAX)
        code = fg_fail(&err, FG_ERR_NUMERIC, NULL, "%d servers have ended while they worked on it", FG_RUN_CLAIMS_MAX);
    else
        code = job->auction != 0 ? auction_clear(job, &err) : do_toolkit(job, &err);
    if (code == FG_OK || job->is_lost)
        return;
    fg_log(FG_LOG_WARNING, "run.not_done", FG_LOG_NUMBER("run", (double)job->id), FG_LOG_TEXT("text", err.text));
    pthread_mutex_lock(&runs->mutex);
    bool is_stopping = runs->is_stopping;
    pthread_mutex_unlock(&runs->mutex);
    bool was_stopped = code == FG_ERR_INTERRUPTED;
    if (was_stopped && !job->is_unwanted && is_stopping) {
        fg_platform_run(runs->options.platform, FG_STORE_WRITE, give_back, job, &last);
        return;
    }
    /* Its lease runs out and it is taken again. A clearing that came to nothing has failed its auction itself, so that whatever
     * else went wrong with an auction is tried again too, as often as a run is claimed. */
    if (is_passing(code) || (job->auction != 0 && job->claim <= FG_RUN_CLAIMS_MAX))
        return;
    if (job->auction != 0) {
        auction_abandon(runs, job->area, job->auction, job->id, job->claim, err.text, &last);
        return;
    }
    run_end(runs, job->area, job->id, job->claim, was_stopped && job->is_unwanted ? "cancelled" : "failed",
            was_stopped && job->is_unwanted ? NULL : err.text, &last);
}

/* ---- the threads ---- */

static bool wait_a_little(struct fg_runs *runs, int milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += milliseconds * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&runs->mutex);
    if (!runs->is_stopping)
        pthread_cond_timedwait(&runs->wake, &runs->mutex, &until);
    bool goes_on = !runs->is_stopping;
    pthread_mutex_unlock(&runs->mutex);
    return goes_on;
}

static bool goes_on(struct fg_runs *runs)
{
    pthread_mutex_lock(&runs->mutex);
    bool result = !runs->is_stopping;
    pthread_mutex_unlock(&runs->mutex);
    return result;
}

static void *worker(void *argument)
{
    struct run_job *job = argument;
    struct fg_runs *runs = job->runs;
    while (goes_on(runs)) {
        struct taking taking = {job, fg_platform_options(runs->options.platform)->node, false};
        struct fg_error err;
        enum fg_code code = fg_platform_run(runs->options.platform, FG_STORE_READ, find_run, &taking, &err);
        if (code == FG_OK && job->id != 0)
            code = fg_platform_run(runs->options.platform, FG_STORE_WRITE, take_run, &taking, &err);
        if (code != FG_OK || !taking.is_taken) {
            wait_a_little(runs, KEEPER_MS);
            continue;
        }
        job->claim++;
        job->stop = 0;
        job->is_lost = job->is_unwanted = false;
        pthread_mutex_lock(&job->mutex);
        job->percent = job->told_percent = job->log_lines = 0;
        snprintf(job->phase, sizeof job->phase, "starting");
        snprintf(job->told_phase, sizeof job->told_phase, "starting");
        job->is_active = true;
        pthread_mutex_unlock(&job->mutex);
        if (!goes_on(runs)) /* the stop came between */
            job->stop = 1;
        do_run(job);
        pthread_mutex_lock(&job->mutex);
        job->is_active = false;
        pthread_mutex_unlock(&job->mutex);
    }
    return NULL;
}

struct telling {
    struct run_job *job;
    int percent;
    char phase[RUN_PHASE];
    bool is_new_phase, is_ours, is_unwanted;
};

static enum fg_code tell_table(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct telling *telling = context;
    const struct run_job *job = telling->job;
    struct fg_sql *sql;
    int64_t now_us, changes = 0;
    enum fg_code code = fg_store_clock(store, &now_us, err);
    telling->is_ours = telling->is_unwanted = false;
    if (code == FG_OK)
        code = fg_change(store, &changes, err,
                         "UPDATE run SET lease_us = $3, progress = $4, phase = $5 WHERE id = $1 AND claim = $2 AND state = "
                         "'running'",
                         "iiiit", job->id, job->claim, now_us + FG_RUN_LEASE_S * INT64_C(1000000), (int64_t)telling->percent,
                         telling->phase);
    if (code != FG_OK || changes == 0)
        return code;
    telling->is_ours = true;
    code = fg_query_one(store, &sql, err, "SELECT is_unwanted FROM run WHERE id = $1", "i", job->id);
    if (code != FG_OK)
        return code;
    telling->is_unwanted = fg_sql_column_int64(sql, 0) != 0;
    fg_sql_done(sql);
    return telling->is_new_phase ? run_log(store, job->id, fg_platform_now_us(platform), telling->phase, err) : FG_OK;
}

/* Extend the lease and tell how far it is. */
static void tell_progress(struct fg_runs *runs, struct run_job *job)
{
    struct telling telling = {.job = job};
    struct fg_error err;
    pthread_mutex_lock(&job->mutex);
    bool is_active = job->is_active;
    telling.percent = job->percent;
    snprintf(telling.phase, sizeof telling.phase, "%s", job->phase);
    telling.is_new_phase = strcmp(job->phase, job->told_phase) != 0 && job->log_lines < RUN_LOG_MAX;
    job->log_lines += telling.is_new_phase;
    snprintf(job->told_phase, sizeof job->told_phase, "%s", job->phase);
    pthread_mutex_unlock(&job->mutex);
    if (!is_active || fg_platform_run(runs->options.platform, FG_STORE_WRITE, tell_table, &telling, &err) != FG_OK)
        return;
    pthread_mutex_lock(&job->mutex);
    if (job->is_active && !telling.is_ours)
        job->is_lost = true;
    if (job->is_active && telling.is_unwanted)
        job->is_unwanted = true;
    if (job->is_active && (job->is_lost || job->is_unwanted))
        job->stop = 1;
    pthread_mutex_unlock(&job->mutex);
}

/* Runs that nobody works on and nobody wants any more. */
struct unwanted {
    struct fg_runs *runs;
    int64_t id, area, claim, auction;
};
static enum fg_code find_unwanted(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct unwanted *found = context;
    struct fg_sql *sql;
    int64_t now_us;
    bool row;
    (void)platform;
    found->id = 0;
    enum fg_code code = fg_store_clock(store, &now_us, err);
    if (code == FG_OK)
        code = fg_query(store, &sql, err,
                        "SELECT id, area_id, claim, auction_id FROM run WHERE is_unwanted = 1 AND (state = 'queued' OR (state = "
                        "'running' AND lease_us < $1)) ORDER BY id",
                        "i", now_us);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (!fg_exchange_serves(found->runs->options.exchange, fg_sql_column_int64(sql, 1)))
            continue;
        found->id = fg_sql_column_int64(sql, 0);
        found->area = fg_sql_column_int64(sql, 1);
        found->claim = fg_sql_column_int64(sql, 2);
        found->auction = fg_sql_column_int64(sql, 3);
        fg_sql_done(sql);
        break;
    }
    return code;
}

static void end_unwanted(struct fg_runs *runs)
{
    struct unwanted found = {.runs = runs};
    struct fg_error err;
    if (fg_platform_run(runs->options.platform, FG_STORE_READ, find_unwanted, &found, &err) != FG_OK || found.id == 0)
        return;
    if (found.auction != 0)
        auction_abandon(runs, found.area, found.auction, found.id, found.claim, "its clearing was cancelled", &err);
    else
        run_end(runs, found.area, found.id, found.claim, "cancelled", NULL, &err);
}

static void *keeper(void *argument)
{
    struct fg_runs *runs = argument;
    do {
        for (int i = 0; i < runs->worker_count; i++)
            tell_progress(runs, &runs->jobs[i]);
        end_unwanted(runs);
        auction_keep(runs);
    } while (wait_a_little(runs, KEEPER_MS));
    return NULL;
}

/* ---- life ---- */

/* What this server had taken before it ended: nobody works on it. */
static enum fg_code take_back(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)context;
    return fg_change(store, NULL, err, "UPDATE run SET lease_us = 0 WHERE state = 'running' AND holder = $1", "t",
                     fg_platform_options(platform)->node);
}

static void release(struct fg_runs *runs)
{
    for (int i = 0; i < runs->worker_count && runs->jobs != NULL; i++)
        pthread_mutex_destroy(&runs->jobs[i].mutex);
    pthread_mutex_destroy(&runs->mutex);
    pthread_cond_destroy(&runs->wake);
    fg_free(runs->handed);
    fg_free(runs->jobs);
    fg_free(runs->workers);
    fg_free(runs);
}

enum fg_code fg_runs_start(const struct fg_runs_options *options, struct fg_runs **out, struct fg_error *err)
{
    *out = NULL;
    struct fg_runs *runs = fg_alloc(1, sizeof *runs);
    if (runs == NULL)
        return fg_fail_memory(err);
    runs->options = *options;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&runs->mutex, NULL);
    pthread_cond_init(&runs->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int count = options->threads > 0 ? options->threads : 1;
    runs->jobs = fg_alloc((size_t)count, sizeof *runs->jobs);
    runs->workers = fg_alloc((size_t)count, sizeof *runs->workers);
    enum fg_code code = runs->jobs == NULL || runs->workers == NULL
                            ? fg_fail_memory(err)
                            : fg_platform_run(options->platform, FG_STORE_WRITE, take_back, NULL, err);
    if (code != FG_OK) {
        release(runs);
        return code;
    }
    runs->worker_count = count;
    for (int i = 0; i < count; i++) {
        runs->jobs[i].runs = runs;
        pthread_mutex_init(&runs->jobs[i].mutex, NULL);
    }
    for (; runs->started < count; runs->started++)
        if (pthread_create(&runs->workers[runs->started], NULL, worker, &runs->jobs[runs->started]) != 0)
            break;
    bool has_keeper = runs->started == count && pthread_create(&runs->keeper, NULL, keeper, runs) == 0;
    if (!has_keeper) {
        pthread_mutex_lock(&runs->mutex);
        runs->is_stopping = true;
        pthread_cond_broadcast(&runs->wake);
        pthread_mutex_unlock(&runs->mutex);
        for (int i = 0; i < runs->started; i++)
            pthread_join(runs->workers[i], NULL);
        release(runs);
        return fg_fail_memory(err);
    }
    *out = runs;
    return FG_OK;
}

void fg_runs_stop(struct fg_runs *runs)
{
    if (runs == NULL)
        return;
    pthread_mutex_lock(&runs->mutex);
    runs->is_stopping = true;
    pthread_cond_broadcast(&runs->wake);
    pthread_mutex_unlock(&runs->mutex);
    for (int i = 0; i < runs->worker_count; i++)
        runs->jobs[i].stop = 1;
    for (int i = 0; i < runs->worker_count; i++)
        pthread_join(runs->workers[i], NULL);
    pthread_join(runs->keeper, NULL);
    release(runs);
}
