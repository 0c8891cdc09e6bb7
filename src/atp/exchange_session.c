/* Trading sessions. Their rows say who opened them; when they were last heard of is only in memory, so a node that takes
 * an area over gives each of them one time-out to be heard again. */
#include "atp/exchange_internal.h"

#include "atp/id.h"

static const int64_t SWEEP_US = 2 * 1000000; /* longer than an order is on its way from the check to the engine */

static struct exchange_session *find_session(struct exchange_area *area, int64_t id)
{
    for (size_t i = 0; i < area->session_count; i++)
        if (area->sessions[i].id == id)
            return &area->sessions[i];
    return NULL;
}

static enum fg_code add_session(struct exchange_area *area, int64_t id, int64_t organisation, int64_t timeout_s,
                                struct fg_error *err)
{
    pthread_mutex_lock(&area->exchange->mutex);
    int failed = fg_grow((void **)&area->sessions, area->session_count, &area->session_capacity, sizeof *area->sessions);
    if (failed == 0)
        area->sessions[area->session_count++] =
            (struct exchange_session){.id = id, .organisation = organisation, .timeout_us = timeout_s * 1000000,
                                      .heard_us = exchange_monotonic_us()};
    pthread_mutex_unlock(&area->exchange->mutex);
    return failed == 0 ? FG_OK : fg_fail_memory(err);
}

enum fg_code exchange_load_sessions(struct exchange_area *area, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       "SELECT id, organisation_id, timeout_s FROM trading_session WHERE area_id = $1 AND "
                                       "closed_us IS NULL ORDER BY id",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        code = add_session(area, fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1), fg_sql_column_int64(sql, 2), err);
    }
    fg_sql_done(sql);
    return code;
}

static enum fg_code close_row(struct exchange_area *area, int64_t session, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       "UPDATE trading_session SET closed_us = $2 WHERE id = $1 AND closed_us IS NULL", &sql,
                                       err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, session);
    fg_sql_int64(sql, 2, exchange_now_us(area->exchange));
    return fg_sql_run(sql, NULL, err);
}

static enum fg_code cancel_orders(struct exchange_area *area, int64_t session, struct fg_error *err)
{
    struct fg_command command = {.kind = FG_COMMAND_MASS_CANCEL,
                                 .filter = {.participant = -1, .portfolio = -1, .session = (uint64_t)session}};
    return exchange_run(area, &command, err);
}

/* The orders go first, then the row: a kill in between leaves a session that the next node ends again. */
enum fg_code exchange_end_sessions(struct exchange_area *area, struct fg_error *err)
{
    struct fg_exchange *exchange = area->exchange;
    enum fg_code code = FG_OK;
    int64_t now = exchange_monotonic_us();
    for (size_t i = 0; code == FG_OK; i++) {
        pthread_mutex_lock(&exchange->mutex);
        bool is_there = i < area->session_count;
        struct exchange_session session = is_there ? area->sessions[i] : (struct exchange_session){0};
        if (is_there && session.closed_us == 0 && now - session.heard_us > session.timeout_us) {
            area->sessions[i].closed_us = session.closed_us = now; /* from here on it takes no orders */
            area->sessions[i].is_silent = session.is_silent = true;
        }
        pthread_mutex_unlock(&exchange->mutex);
        if (!is_there)
            break;
        bool is_over = session.closed_us != 0 && now - session.closed_us >= SWEEP_US;
        if (session.is_silent || is_over)
            code = cancel_orders(area, session.id, err);
        if (code == FG_OK && is_over)
            code = close_row(area, session.id, err);
        pthread_mutex_lock(&exchange->mutex);
        if (code == FG_OK) {
            struct exchange_session *at = find_session(area, session.id);
            at->is_silent = at->is_silent && !session.is_silent;
            if (is_over) {
                *at = area->sessions[--area->session_count];
                i--;
            }
        }
        pthread_mutex_unlock(&exchange->mutex);
    }
    return code;
}

/* -- callers --------------------------------------------------------------------------------------------------------- */

/* An area that this node serves; the exchange stays locked for reading until `leave`. */
static enum fg_code enter(struct fg_exchange *exchange, int64_t id, struct exchange_area **area, struct fg_error *err)
{
    pthread_rwlock_rdlock(&exchange->lock);
    *area = exchange->areas;
    while (*area != NULL && (*area)->id != id)
        *area = (*area)->next;
    if (*area != NULL && (*area)->is_open)
        return FG_OK;
    enum fg_code code =
        *area == NULL ? fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no market area area-%lld", (long long)id)
                      : exchange_is_bare(*area) ? exchange_bare(*area, err)
                      : fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "market area area-%lld is not served here", (long long)id);
    pthread_rwlock_unlock(&exchange->lock);
    return code;
}

static enum fg_code insert_session(struct fg_store *store, int64_t area, const struct fg_actor *actor, int64_t timeout_s,
                                   int64_t now_us, int64_t *session, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_store_begin(store, FG_STORE_WRITE, err);
    if (code == FG_OK)
        code = fg_store_next(store, "trading_session", 1, session, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              "INSERT INTO trading_session (id, area_id, organisation_id, timeout_s, opened_us, opened_by) "
                              "VALUES ($1, $2, $3, $4, $5, $6)",
                              &sql, err);
    if (code == FG_OK) {
        const int64_t values[] = {*session, area, actor->on_behalf_of != 0 ? actor->on_behalf_of : actor->organisation,
                                  timeout_s, now_us, actor->user};
        for (int i = 0; i < 6; i++)
            fg_sql_int64(sql, i + 1, values[i]);
        code = fg_sql_run(sql, NULL, err);
    }
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

enum fg_code fg_exchange_session_open(struct fg_exchange *exchange, int64_t id, const struct fg_actor *actor,
                                      int64_t timeout_s, int64_t *session, struct fg_error *err)
{
    struct exchange_area *area;
    struct fg_store *store;
    enum fg_code code = enter(exchange, id, &area, err);
    if (code != FG_OK)
        return code;
    if ((code = fg_store_open(exchange->options.store_url, &exchange->options.store, &store, err)) == FG_OK) {
        code = insert_session(store, id, actor, timeout_s, exchange_now_us(exchange), session, err);
        fg_store_close(store);
    }
    if (code == FG_OK)
        code = add_session(area, *session, actor->on_behalf_of != 0 ? actor->on_behalf_of : actor->organisation, timeout_s,
                           err);
    pthread_rwlock_unlock(&exchange->lock);
    return code;
}

enum fg_code fg_exchange_session_beat(struct fg_exchange *exchange, int64_t id, int64_t organisation, int64_t number,
                                      bool end, struct fg_error *err)
{
    struct exchange_area *area;
    enum fg_code code = enter(exchange, id, &area, err);
    if (code != FG_OK)
        return code;
    pthread_mutex_lock(&exchange->mutex);
    struct exchange_session *session = find_session(area, number);
    if (session == NULL || session->organisation != organisation || session->closed_us != 0) {
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "you have no open trading session %lld; open a new one", (long long)number);
    } else {
        session->heard_us = exchange_monotonic_us();
        if (end) {
            session->closed_us = session->heard_us;
            session->is_silent = true;
            exchange->asked++;
            pthread_cond_signal(&exchange->wake);
        }
    }
    pthread_mutex_unlock(&exchange->mutex);
    pthread_rwlock_unlock(&exchange->lock);
    return code;
}
