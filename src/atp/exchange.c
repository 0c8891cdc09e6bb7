#include "atp/exchange_internal.h"

#include "atp/id.h"
#include "atp/idempotency.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LEASE_S = 8, CLEAN_ROWS = 5000 };
static const int64_t CLEAN_EVERY_US = INT64_C(60) * 1000000, SETTLED_EVERY_US = INT64_C(30) * 1000000;

static int64_t system_clock_us(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t exchange_now_us(const struct fg_exchange *exchange)
{
    return exchange->options.clock_us(exchange->options.clock_context);
}

int64_t exchange_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* -- areas and callers ----------------------------------------------------------------------------------------------- */

static struct exchange_area *find_area(const struct fg_exchange *exchange, int64_t id)
{
    struct exchange_area *area = exchange->areas;
    while (area != NULL && area->id != id)
        area = area->next;
    return area;
}

enum fg_code exchange_bare(const struct exchange_area *area, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_CONFLICT, NULL,
                   "market area area-%lld has no grid location yet; trading begins when a system operator has published one",
                   (long long)area->id);
}

enum fg_code fg_exchange_submit(struct fg_exchange *exchange, int64_t id, struct fg_command *const *commands,
                                size_t count, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    pthread_rwlock_rdlock(&exchange->lock);
    struct exchange_area *area = find_area(exchange, id);
    if (area == NULL)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no market area area-%lld", (long long)id);
    else if (!area->is_open && exchange_is_bare(area))
        code = exchange_bare(area, err);
    else if (!area->is_open)
        code = area->holder[0] != '\0'
                   ? fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "market area area-%lld is served by %s; send the request there",
                             (long long)id, area->holder)
                   : fg_fail(err, FG_ERR_UNAVAILABLE, NULL,
                             "market area area-%lld is not served at the moment; try again in some seconds", (long long)id);
    else
        code = fg_engine_submit_all(area->engine, commands, count, err);
    pthread_rwlock_unlock(&exchange->lock);
    return code;
}

bool fg_exchange_is_elsewhere(struct fg_exchange *exchange, int64_t id, char node[FG_LEASE_NAME_MAX])
{
    pthread_rwlock_rdlock(&exchange->lock);
    const struct exchange_area *area = find_area(exchange, id);
    bool is_elsewhere = area != NULL && !area->is_open && area->holder[0] != '\0';
    snprintf(node, FG_LEASE_NAME_MAX, "%s", is_elsewhere ? area->holder : "");
    pthread_rwlock_unlock(&exchange->lock);
    return is_elsewhere;
}

bool fg_exchange_serves(struct fg_exchange *exchange, int64_t id)
{
    pthread_rwlock_rdlock(&exchange->lock);
    const struct exchange_area *area = find_area(exchange, id);
    bool is_open = area != NULL && area->is_open;
    pthread_rwlock_unlock(&exchange->lock);
    return is_open;
}

enum fg_code fg_exchange_facts(struct fg_exchange *exchange, int64_t id, struct fg_facts **facts, struct fg_error *err)
{
    *facts = NULL;
    pthread_rwlock_rdlock(&exchange->lock);
    struct exchange_area *area = find_area(exchange, id);
    if (area != NULL && area->facts != NULL)
        *facts = fg_facts_hold(area->facts);
    pthread_rwlock_unlock(&exchange->lock);
    if (*facts != NULL)
        return FG_OK;
    return area == NULL ? fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no market area area-%lld", (long long)id)
                        : fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "market area area-%lld is being opened; try again",
                                  (long long)id);
}

void fg_exchange_figures(struct fg_exchange *exchange, struct fg_exchange_figures *figures)
{
    *figures = (struct fg_exchange_figures){0};
    pthread_rwlock_rdlock(&exchange->lock);
    for (struct exchange_area *area = exchange->areas; area != NULL; area = area->next) {
        figures->areas++;
        if (!area->is_open)
            continue;
        struct fg_engine_figures engine;
        fg_engine_figures(area->engine, &engine);
        figures->served++;
        figures->commands += engine.commands;
        figures->batches += engine.batches;
        figures->reloads += engine.reloads;
        figures->queued += engine.queued;
    }
    pthread_rwlock_unlock(&exchange->lock);
}

/* -- commands that are waited for ------------------------------------------------------------------------------------------ */

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    size_t pending;
};

static void wake_waiter(struct fg_command *command)
{
    struct waiter *waiter = command->context;
    pthread_mutex_lock(&waiter->mutex);
    waiter->pending--;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->mutex);
}

static void wake_with(struct waiter *waiter, struct fg_command *const *commands, size_t count)
{
    *waiter = (struct waiter){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, count};
    for (size_t i = 0; i < count; i++) {
        commands[i]->context = waiter;
        commands[i]->done = wake_waiter;
    }
}

/* All commands have ended; the first code that is not FG_OK. */
static enum fg_code wait_for(struct waiter *waiter, struct fg_command *const *commands, size_t count, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    pthread_mutex_lock(&waiter->mutex);
    while (waiter->pending > 0)
        pthread_cond_wait(&waiter->wake, &waiter->mutex);
    pthread_mutex_unlock(&waiter->mutex);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if ((code = commands[i]->code) != FG_OK && err != NULL)
            *err = commands[i]->err;
    return code;
}

enum fg_code exchange_run_all(struct exchange_area *area, struct fg_command *const *commands, size_t count,
                              struct fg_error *err)
{
    struct waiter waiter;
    wake_with(&waiter, commands, count);
    enum fg_code code = fg_engine_submit_all(area->engine, commands, count, err);
    return code == FG_OK ? wait_for(&waiter, commands, count, err) : code;
}

enum fg_code fg_exchange_run(struct fg_exchange *exchange, int64_t area, struct fg_command *command, struct fg_error *err)
{
    struct waiter waiter;
    wake_with(&waiter, &command, 1);
    enum fg_code code = fg_exchange_submit(exchange, area, &command, 1, err);
    return code == FG_OK ? wait_for(&waiter, &command, 1, err) : code;
}

enum fg_code exchange_run(struct exchange_area *area, struct fg_command *command, struct fg_error *err)
{
    return exchange_run_all(area, &command, 1, err);
}

/* -- the keeper ------------------------------------------------------------------------------------------------------ */

static enum fg_code list_areas(struct fg_exchange *exchange, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(exchange->store, "SELECT id FROM area ORDER BY id", &sql, err);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        int64_t id = fg_sql_column_int64(sql, 0);
        if (find_area(exchange, id) != NULL)
            continue;
        struct exchange_area *area = fg_alloc(1, sizeof *area);
        if (area == NULL) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        area->id = id;
        area->exchange = exchange;
        pthread_rwlock_wrlock(&exchange->lock);
        area->next = exchange->areas;
        exchange->areas = area;
        pthread_rwlock_unlock(&exchange->lock);
    }
    return code;
}

static enum fg_code load_facts(struct exchange_area *area, struct fg_error *err)
{
    struct fg_exchange *exchange = area->exchange;
    struct fg_facts *fresh, *old;
    enum fg_code code = fg_facts_load(exchange->store, area->id, &fresh, err);
    if (code != FG_OK)
        return code;
    if (area->zone == NULL || strcmp(fg_timezone_name(area->zone), fresh->zone) != 0) {
        fg_timezone_close(area->zone);
        area->zone = NULL;
        if ((code = fg_timezone_open(fresh->zone, &area->zone, err)) != FG_OK) {
            fg_facts_release(fresh);
            return code;
        }
    }
    pthread_rwlock_wrlock(&exchange->lock);
    old = area->facts;
    area->facts = fresh;
    pthread_rwlock_unlock(&exchange->lock);
    fg_facts_release(old);
    area->facts_us = exchange_monotonic_us();
    return FG_OK;
}

static void take_loss(void *context, int64_t id, const struct fg_error *err)
{
    struct fg_exchange *exchange = context;
    fg_log(FG_LOG_WARNING, "area.lost", FG_LOG_NUMBER("area", (double)id), FG_LOG_TEXT("text", err->text));
    pthread_rwlock_rdlock(&exchange->lock);
    struct exchange_area *area = find_area(exchange, id);
    pthread_rwlock_unlock(&exchange->lock);
    if (area != NULL) {
        pthread_mutex_lock(&exchange->mutex);
        area->is_lost = true;
        pthread_mutex_unlock(&exchange->mutex);
    }
}

static void stop_engine(struct exchange_area *area)
{
    struct fg_exchange *exchange = area->exchange;
    pthread_rwlock_wrlock(&exchange->lock);
    area->is_open = false;
    pthread_rwlock_unlock(&exchange->lock);
    fg_engine_stop(area->engine);
    area->engine = NULL;
    exchange_forget_network(area);
    exchange_forget_lights(area);
    exchange_drop_pending(area);
    pthread_mutex_lock(&exchange->mutex);
    area->is_lost = false;
    area->session_count = 0;
    pthread_mutex_unlock(&exchange->mutex);
}

static enum fg_code apply_rules(struct exchange_area *area, struct fg_error *err)
{
    enum fg_code code = exchange_apply_locations(area, err);
    if (code == FG_OK)
        code = exchange_apply_network(area, err);
    if (code == FG_OK)
        code = exchange_apply_gates(area, err);
    if (code == FG_OK)
        code = exchange_prepare_contracts(area, err);
    if (code == FG_OK)
        code = exchange_apply_capabilities(area, err);
    if (code == FG_OK)
        code = exchange_enter_contracts(area, err);
    if (code == FG_OK)
        code = exchange_apply_steps(area, err);
    return code;
}

static void take_events(void *context, int64_t id)
{
    const struct fg_exchange_options *options = &((struct fg_exchange *)context)->options;
    if (options->notify != NULL)
        options->notify(options->context, id);
}

/* Who holds the lease, when that is another node and it has not run out: FG_ERR_BUSY. */
static enum fg_code look_for_holder(struct exchange_area *area, struct fg_error *err)
{
    struct fg_exchange *exchange = area->exchange;
    char name[FG_LEASE_NAME_MAX];
    struct fg_lease held;
    int64_t now;
    snprintf(name, sizeof name, "area-%lld", (long long)area->id);
    enum fg_code code = fg_lease_read(exchange->store, name, &held, err);
    if (code != FG_OK || strcmp(held.holder, exchange->options.node) == 0)
        return code == FG_ERR_NOT_FOUND ? FG_OK : code;
    if ((code = fg_store_clock(exchange->store, &now, err)) != FG_OK)
        return code;
    bool is_held = held.expires_us > now;
    pthread_rwlock_wrlock(&exchange->lock);
    snprintf(area->holder, sizeof area->holder, "%s", is_held ? held.holder : "");
    pthread_rwlock_unlock(&exchange->lock);
    return is_held ? FG_ERR_BUSY : FG_OK;
}

static enum fg_code start_engine(struct exchange_area *area, struct fg_error *err)
{
    struct fg_exchange *exchange = area->exchange;
    const struct fg_exchange_options *from = &exchange->options;
    struct fg_engine_options options = {
        .store_url = from->store_url,
        .store = from->store,
        .area = area->id,
        .node = from->node,
        .lease_s = from->lease_s,
        .batch_max = from->batch_max,
        .queue_max = from->queue_max,
        .clock_us = from->clock_us,
        .clock_context = from->clock_context,
        .notify = take_events,
        .lost = take_loss,
        .context = exchange,
    };
    enum fg_code code = look_for_holder(area, err);
    if (code == FG_OK)
        code = fg_engine_start(&options, &area->engine, err);
    if (code != FG_OK)
        return code;
    area->is_fresh = true;
    area->contracts_done = false;
    area->contracts_us = 0;
    area->location_count = area->facts->location_count;
    area->link_count = area->facts->link_count;
    for (int p = 0; p < FG_BOOK_PRODUCTS; p++) {
        area->windows[p] = (struct fg_gate_window){INT32_MIN, INT32_MIN};
        area->scheduled[p] = INT32_MIN;
    }
    return exchange_load_sessions(area, err);
}

static void publish(struct exchange_area *area)
{
    if (area->is_open)
        return;
    pthread_rwlock_wrlock(&area->exchange->lock);
    area->is_open = true;
    area->holder[0] = '\0';
    pthread_rwlock_unlock(&area->exchange->lock);
    fg_log(FG_LOG_INFO, "area.opened", FG_LOG_NUMBER("area", (double)area->id),
           FG_LOG_TEXT("node", area->exchange->options.node));
}

/* A few rows at a time, so that the engine does not wait for it. */
static enum fg_code delete_old_events(struct exchange_area *area, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t changes = 0, monotonic = exchange_monotonic_us();
    if (area->cleaned_us != 0 && monotonic - area->cleaned_us < CLEAN_EVERY_US)
        return FG_OK;
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       /* time never decreases along the sequence */
                                       "DELETE FROM event WHERE area_id = $1 AND time_us < $2 AND sequence <= (SELECT "
                                       "MIN(sequence) FROM event WHERE area_id = $1) + $3",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, exchange_now_us(area->exchange) - FG_EVENT_RETENTION_US);
    fg_sql_int64(sql, 3, CLEAN_ROWS);
    code = fg_sql_run(sql, &changes, err);
    if (code == FG_OK && changes < CLEAN_ROWS)
        area->cleaned_us = monotonic;
    return code;
}

/* Kept answers that nobody can ask for any more, of all areas and of the registry. */
static enum fg_code delete_old_answers(struct fg_exchange *exchange, struct fg_error *err)
{
    int64_t removed = 0, monotonic = exchange_monotonic_us();
    if (exchange->cleaned_us != 0 && monotonic - exchange->cleaned_us < CLEAN_EVERY_US)
        return FG_OK;
    enum fg_code code = fg_idempotency_clean(exchange->store, exchange_now_us(exchange), CLEAN_ROWS, &removed, err);
    if (code == FG_OK && removed < CLEAN_ROWS)
        exchange->cleaned_us = monotonic;
    return code;
}

static enum fg_code keep_area(struct exchange_area *area, bool is_asked, struct fg_error *err)
{
    struct fg_exchange *exchange = area->exchange;
    enum fg_code code = FG_OK;
    pthread_mutex_lock(&exchange->mutex);
    bool is_lost = area->is_lost;
    pthread_mutex_unlock(&exchange->mutex);
    if (is_lost)
        stop_engine(area);
    if (is_asked || area->facts == NULL || exchange_monotonic_us() - area->facts_us >= FG_FACTS_REFRESH_US)
        code = load_facts(area, err);
    if (code == FG_OK && area->engine == NULL && exchange_is_bare(area))
        return FG_OK;
    if (code == FG_OK && area->engine == NULL)
        code = start_engine(area, err);
    if (code == FG_OK && area->contracts_us != area->facts_us)
        code = exchange_load_contracts(area, err);
    if (code != FG_OK)
        return code;
    area->contracts_us = area->facts_us;
    if ((code = apply_rules(area, err)) == FG_OK) {
        publish(area);
        code = exchange_end_sessions(area, err);
    }
    if (code == FG_OK)
        code = exchange_apply_lights(area, err);
    if (code == FG_OK && (is_asked || exchange_monotonic_us() - area->settled_us >= SETTLED_EVERY_US))
        code = exchange_apply_settled(area, err);
    if (code == FG_OK)
        code = delete_old_events(area, err);
    /* Last: what cannot be told of tenders and contracts holds up nothing else. */
    if (code == FG_OK && area->told_us != area->facts_us && (code = exchange_tell_contracts(area, err)) == FG_OK)
        area->told_us = area->facts_us;
    return code;
}

static void keep_all(struct fg_exchange *exchange, bool is_asked)
{
    struct fg_error err = {0};
    enum fg_code code = list_areas(exchange, &err);
    for (struct exchange_area *area = exchange->areas; code == FG_OK && area != NULL; area = area->next) {
        enum fg_code kept = keep_area(area, is_asked, &err);
        if (kept != FG_OK && kept != FG_ERR_BUSY)
            fg_log(FG_LOG_WARNING, "area.not_kept", FG_LOG_NUMBER("area", (double)area->id), FG_LOG_TEXT("text", err.text));
        if (kept == FG_ERR_UNAVAILABLE || kept == FG_ERR_OUTCOME)
            code = kept;
    }
    if (code == FG_OK)
        code = delete_old_answers(exchange, &err);
    if (code == FG_ERR_UNAVAILABLE || code == FG_ERR_OUTCOME)
        fg_store_reconnect(exchange->store, NULL);
    else if (code != FG_OK && code != FG_ERR_BUSY)
        fg_log(FG_LOG_WARNING, "areas.unreadable", FG_LOG_TEXT("text", err.text));
}

static void *keeper(void *argument)
{
    struct fg_exchange *exchange = argument;
    pthread_mutex_lock(&exchange->mutex);
    while (!exchange->is_stopping) {
        uint64_t asked = exchange->asked;
        bool is_asked = asked != exchange->answered;
        pthread_mutex_unlock(&exchange->mutex);
        keep_all(exchange, is_asked);
        pthread_mutex_lock(&exchange->mutex);
        exchange->answered = asked;
        pthread_cond_broadcast(&exchange->done);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += FG_EXCHANGE_TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!exchange->is_stopping && exchange->asked == exchange->answered &&
               pthread_cond_timedwait(&exchange->wake, &exchange->mutex, &until) == 0)
            ;
    }
    exchange->answered = exchange->asked;
    pthread_cond_broadcast(&exchange->done);
    pthread_mutex_unlock(&exchange->mutex);
    return NULL;
}

void fg_exchange_hint(struct fg_exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->asked++;
    pthread_cond_signal(&exchange->wake);
    pthread_mutex_unlock(&exchange->mutex);
}

void fg_exchange_refresh(struct fg_exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    uint64_t wanted = ++exchange->asked;
    pthread_cond_signal(&exchange->wake);
    while (exchange->answered < wanted && !exchange->is_stopping)
        pthread_cond_wait(&exchange->done, &exchange->mutex);
    pthread_mutex_unlock(&exchange->mutex);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void release(struct fg_exchange *exchange)
{
    while (exchange->areas != NULL) {
        struct exchange_area *area = exchange->areas;
        exchange->areas = area->next;
        stop_engine(area);
        fg_facts_release(area->facts);
        fg_timezone_close(area->zone);
        fg_grid_model_release(area->model);
        exchange_drop_pending(area);
        fg_free(area->contracts);
        fg_free(area->sessions);
        fg_free(area);
    }
    fg_store_close(exchange->store);
    pthread_rwlock_destroy(&exchange->lock);
    pthread_mutex_destroy(&exchange->mutex);
    pthread_cond_destroy(&exchange->wake);
    pthread_cond_destroy(&exchange->done);
    fg_free(exchange);
}

enum fg_code fg_exchange_start(const struct fg_exchange_options *options, struct fg_exchange **out, struct fg_error *err)
{
    *out = NULL;
    struct fg_exchange *exchange = fg_alloc(1, sizeof *exchange);
    if (exchange == NULL)
        return fg_fail_memory(err);
    exchange->options = *options;
    exchange->options.lease_s = options->lease_s > 0 ? options->lease_s : LEASE_S;
    if (options->clock_us == NULL)
        exchange->options.clock_us = system_clock_us;
    pthread_rwlock_init(&exchange->lock, NULL);
    pthread_mutex_init(&exchange->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&exchange->wake, &attributes);
    pthread_cond_init(&exchange->done, &attributes);
    pthread_condattr_destroy(&attributes);
    enum fg_code code = fg_store_open(options->store_url, &options->store, &exchange->store, err);
    exchange->options.store.create = exchange->options.store.migrate = false; /* done now */
    if (code == FG_OK && pthread_create(&exchange->thread, NULL, keeper, exchange) != 0)
        code = fg_fail_memory(err);
    if (code != FG_OK) {
        release(exchange);
        return code;
    }
    fg_exchange_refresh(exchange);
    *out = exchange;
    return FG_OK;
}

void fg_exchange_stop(struct fg_exchange *exchange)
{
    if (exchange == NULL)
        return;
    pthread_mutex_lock(&exchange->mutex);
    exchange->is_stopping = true;
    pthread_cond_signal(&exchange->wake);
    pthread_mutex_unlock(&exchange->mutex);
    pthread_join(exchange->thread, NULL);
    release(exchange);
}
