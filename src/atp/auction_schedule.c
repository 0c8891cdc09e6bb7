/* The clock of the auctions: closures are handed to the engine ahead with the instant they are due, as gates are, and recurring
 * auctions are made a day before they open. Nothing is remembered that the database does not tell, so a take-over goes on
 * where it was. */
#include "atp/auction_internal.h"

#include "atp/query.h"
#include "atp/run_internal.h"
#include "base/log.h"
#include "base/timezone.h"

#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 100 };
static const int64_t AHEAD_US = INT64_C(30) * 1000000;           /* how long before its time a closure is handed over */
static const int64_t TOLD_US = INT64_C(60) * 1000000;          /* how often the log is told of rules that make no auction */
static const int64_t ANNOUNCED_US = INT64_C(86400) * 1000000; /* how long before its opening a recurring auction is made */

/* ---- closures ---- */

struct due {
    int64_t auction, area, closure_us;
};
struct due_list {
    struct fg_runs *runs;
    struct due items[AT_ONCE];
    size_t count;
};

static enum fg_code list_due(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct due_list *list = context;
    struct fg_sql *sql;
    bool row;
    list->count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT id, area_id, closure_us FROM auction WHERE status = 'open' AND closure_us <= $1 ORDER BY "
                                 "closure_us, id",
                                 "i", fg_platform_now_us(platform) + AHEAD_US);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct due due = {fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1), fg_sql_column_int64(sql, 2)};
        if (!fg_exchange_serves(list->runs->options.exchange, due.area))
            continue;
        list->items[list->count++] = due;
        if (list->count == AT_ONCE) {
            fg_sql_done(sql);
            break;
        }
    }
    return code;
}

struct closure {
    struct fg_command command;
    struct fg_auction_step step;
};
static void free_closure(struct fg_command *command)
{
    fg_free(command->context);
}

static bool is_handed(struct fg_runs *runs, int64_t auction)
{
    for (size_t i = 0; i < runs->handed_count; i++)
        if (runs->handed[i] == auction)
            return true;
    return false;
}

/* A closure in time is handed over once; one that is late (a server was down, or the command was lost with its engine) at every
 * look until it is seen. */
static void hand_over(struct fg_runs *runs, const struct due *due, int64_t now_us)
{
    bool is_late = due->closure_us + 5 * INT64_C(1000000) < now_us;
    if (is_handed(runs, due->auction) && !is_late)
        return;
    struct closure *closure = fg_alloc(1, sizeof *closure);
    if (closure == NULL)
        return;
    closure->step = (struct fg_auction_step){.auction = due->auction};
    closure->command = (struct fg_command){.kind = FG_COMMAND_SERVICE, .service = &fg_auction_close_service,
                                           .service_data = &closure->step, .due_us = due->closure_us, .done = free_closure,
                                           .context = closure};
    struct fg_command *command = &closure->command;
    if (fg_exchange_submit(runs->options.exchange, due->area, &command, 1, NULL) != FG_OK) {
        fg_free(closure);
        return;
    }
    if (runs->handed_count >= 10 * AT_ONCE) /* they are closed long ago */
        runs->handed_count = 0;
    if (!is_handed(runs, due->auction) &&
        fg_grow((void **)&runs->handed, runs->handed_count, &runs->handed_capacity, sizeof *runs->handed) == 0)
        runs->handed[runs->handed_count++] = due->auction;
}

/* ---- recurring auctions ---- */

struct next_auction {
    struct fg_runs *runs;
    int64_t after; /* rules up to this one are done */
    bool is_found;
    struct fg_auction_terms terms;
    char name[240];
    char *json; /* fg_free */
};

/* Local instants of a rule's auction for the day of delivery, and the periods of the day: a period belongs to the day in which it
 * begins. */
static void place_in_time(const struct fg_timezone *zone, const struct fg_sql *sql, struct fg_date day, int64_t period_s,
                          struct fg_auction_terms *terms)
{
    int64_t start = fg_timezone_day_start(zone, day), end = fg_timezone_day_start(zone, fg_date_add(day, 1));
    terms->opening_us =
        fg_timezone_instant(zone, fg_date_add(day, -(int32_t)fg_sql_column_int64(sql, 4)), (int32_t)fg_sql_column_int64(sql, 5), 0) *
        1000000;
    terms->closure_us =
        fg_timezone_instant(zone, fg_date_add(day, -(int32_t)fg_sql_column_int64(sql, 6)), (int32_t)fg_sql_column_int64(sql, 7), 0) *
        1000000;
    terms->first_period = (int32_t)((start + period_s - 1) / period_s);
    terms->period_count = (int32_t)((end + period_s - 1) / period_s) - terms->first_period;
}

static enum fg_code has_auction(struct fg_store *store, int64_t rule, int64_t day, bool *has, struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code =
        fg_query_number(store, &count, err, "SELECT COUNT(*) FROM auction WHERE rule_id = $1 AND day = $2", "ii", rule, day);
    *has = count > 0;
    return code;
}

static enum fg_code look_at_rule(struct next_auction *next, struct fg_store *store, const struct fg_sql *sql, int64_t now_us,
                                 struct fg_error *err)
{
    struct fg_timezone *zone;
    next->terms = (struct fg_auction_terms){.rule = fg_sql_column_int64(sql, 0)};
    enum fg_code code = fg_timezone_open(fg_sql_column_text(sql, 9), &zone, err);
    if (code != FG_OK)
        return code;
    int64_t first = fg_sql_column_int64(sql, 8), last = fg_sql_column_is_null(sql, 11) ? INT64_MAX : fg_sql_column_int64(sql, 11);
    int64_t today = fg_date_number(fg_timezone_local(zone, now_us / 1000000).date);
    for (int64_t day = today > first ? today : first; code == FG_OK && day <= last && !next->is_found; day++) {
        struct fg_auction_terms terms = {.rule = next->terms.rule, .area = fg_sql_column_int64(sql, 1), .day = day};
        bool has = false;
        char text[FG_DATE_TEXT];
        place_in_time(zone, sql, fg_date_of_number(day), fg_sql_column_int64(sql, 10), &terms);
        if (terms.opening_us > now_us + ANNOUNCED_US)
            break; /* later days open later */
        if (terms.closure_us <= now_us || terms.opening_us >= terms.closure_us)
            continue; /* too late for this day; or its clock times meet in the missing hour */
        if ((code = has_auction(store, terms.rule, day, &has, err)) != FG_OK || has)
            continue;
        snprintf(next->name, sizeof next->name, "%.200s %s", fg_sql_column_text(sql, 2),
                 fg_date_format(fg_date_of_number(day), text));
        const char *json = fg_sql_column_text(sql, 3);
        size_t length = strlen(json);
        next->json = fg_alloc(length + 1, 1);
        if (next->json == NULL) {
            code = fg_fail_memory(err);
            break;
        }
        memcpy(next->json, json, length + 1);
        next->terms = terms;
        next->is_found = true;
    }
    fg_timezone_close(zone);
    return code;
}

static enum fg_code find_next(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct next_auction *next = context;
    struct fg_sql *sql;
    bool row;
    fg_free(next->json);
    next->json = NULL;
    next->is_found = false;
    next->terms = (struct fg_auction_terms){0};
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT r.id, r.area_id, r.name, r.terms, r.opening_days, r.opening_clock_s, r.closure_days, "
                                 "r.closure_clock_s, r.first_day, a.time_zone, a.period_s, r.last_day FROM auction_rule r JOIN area "
                                 "a ON a.id = r.area_id WHERE r.status = 'active' AND r.id > $1 ORDER BY r.id",
                                 "i", next->after);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (!fg_exchange_serves(next->runs->options.exchange, fg_sql_column_int64(sql, 1)))
            continue;
        code = look_at_rule(next, store, sql, fg_platform_now_us(platform), err);
        if (code != FG_OK || next->is_found) {
            fg_sql_done(sql);
            break;
        }
    }
    if (code == FG_OK && next->is_found) { /* the area may have lost its network, or has another one now */
        next->terms.name = next->name;
        next->terms.terms = next->json;
        code = fg_auction_terms_check(store, next->terms.area, next->json, next->terms.period_count, &next->terms.network, err);
    }
    return code;
}

/* Make the next auction that is due, of a rule after `next->after`; a rule of which none can be made now (its area has lost its
 * network, ...) is passed over, so that the others do not wait for it. False: none is due. */
static bool make_next(struct next_auction *next, bool tells, bool *has_told)
{
    struct fg_runs *runs = next->runs;
    struct fg_error err = {0};
    enum fg_code code = fg_platform_run(runs->options.platform, FG_STORE_READ, find_next, next, &err);
    if (next->terms.rule == 0 || (code == FG_OK && !next->is_found))
        return false;
    bool is_made = false;
    if (code == FG_OK) {
        struct fg_command command = {.kind = FG_COMMAND_SERVICE, .service = &fg_auction_open_service, .service_data = &next->terms};
        code = fg_exchange_run(runs->options.exchange, next->terms.area, &command, &err);
        is_made = code == FG_OK && command.refusal == FG_REFUSAL_NONE;
    }
    if (!is_made)
        next->after = next->terms.rule;
    if (code != FG_OK && code != FG_ERR_UNAVAILABLE && code != FG_ERR_BUSY && tells) {
        *has_told = true;
        fg_log(FG_LOG_WARNING, "auction.not_made", FG_LOG_NUMBER("rule", (double)next->terms.rule), FG_LOG_TEXT("text", err.text));
    }
    return true;
}

void auction_keep(struct fg_runs *runs)
{
    struct due_list list = {.runs = runs};
    struct fg_error err;
    int64_t now_us = fg_platform_now_us(runs->options.platform);
    if (fg_platform_run(runs->options.platform, FG_STORE_READ, list_due, &list, &err) == FG_OK)
        for (size_t i = 0; i < list.count; i++)
            hand_over(runs, &list.items[i], now_us);
    struct next_auction next = {.runs = runs};
    bool tells = now_us - runs->told_us >= TOLD_US, has_told = false;
    while (make_next(&next, tells, &has_told))
        ;
    if (has_told)
        runs->told_us = now_us;
    fg_free(next.json);
}
