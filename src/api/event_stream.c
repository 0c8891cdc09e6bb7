#include "api/event_stream.h"

#include "atp/id.h"
#include "atp/rights.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    int64_t area;
    uint64_t after;
    size_t most;
    bool (*take)(void *context, const struct fg_event *event);
    void *take_context;
    uint64_t oldest, newest, epoch; /* range */
};

static enum fg_code area_of(const char *text, int64_t *area, struct fg_error *err)
{
    return fg_id_parse(FG_ID_AREA, text, area, NULL) == FG_OK
               ? FG_OK
               : fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no market area \"%.40s\"", text);
}

static enum fg_code read_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct reading *reading = context;
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "SELECT sequence, type, scope, data FROM event WHERE area_id = $1 AND sequence > $2 "
                                       "ORDER BY sequence LIMIT $3",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, reading->area);
    fg_sql_int64(sql, 2, (int64_t)reading->after);
    fg_sql_int64(sql, 3, (int64_t)reading->most);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        const char *data = fg_sql_column_text(sql, 3);
        struct fg_event event = {.sequence = (uint64_t)fg_sql_column_int64(sql, 0), .type = fg_sql_column_text(sql, 1),
                                 .data = data, .data_length = strlen(data), .scope = fg_sql_column_text(sql, 2)};
        if (!reading->take(reading->take_context, &event))
            break;
        reading->after = event.sequence; /* if the transaction is repeated, it goes on from here */
    }
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code read_events(void *context, const char *area, uint64_t after, size_t most,
                                bool (*take)(void *take_context, const struct fg_event *event), void *take_context,
                                struct fg_error *err)
{
    struct fg_application *application = context;
    struct reading reading = {.after = after, .most = most, .take = take, .take_context = take_context};
    enum fg_code code = area_of(area, &reading.area, err);
    return code == FG_OK ? fg_platform_run(application->platform, FG_STORE_READ, read_work, &reading, err) : code;
}

static enum fg_code range_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct reading *reading = context;
    struct fg_sql *sql;
    char incarnation[FG_INCARNATION_TEXT], half[17] = {0};
    enum fg_code code = fg_store_incarnation(store, incarnation, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              "SELECT COALESCE((SELECT event_sequence FROM area_state WHERE area_id = $1), 0), "
                              "COALESCE((SELECT MIN(sequence) FROM event WHERE area_id = $1), 0) FROM area WHERE id = $1",
                              &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, reading->area);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code == FG_ERR_NOT_FOUND ? fg_fail(err, code, NULL, "there is no such market area") : code;
    reading->newest = (uint64_t)fg_sql_column_int64(sql, 0);
    reading->oldest = (uint64_t)fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    if (reading->oldest == 0)
        reading->oldest = reading->newest + 1;
    memcpy(half, incarnation, 16);
    reading->epoch = strtoull(half, NULL, 16);
    return FG_OK;
}

static enum fg_code range_of_events(void *context, const char *area, uint64_t *oldest, uint64_t *newest, uint64_t *epoch,
                                    struct fg_error *err)
{
    struct fg_application *application = context;
    struct reading reading = {0};
    enum fg_code code = area_of(area, &reading.area, err);
    if (code == FG_OK)
        code = fg_platform_run(application->platform, FG_STORE_READ, range_work, &reading, err);
    *oldest = reading.oldest;
    *newest = reading.newest;
    *epoch = reading.epoch;
    return code;
}

/* Events of a location ("loc-7") are pushed to the suppliers there: who has an approved portfolio at it, below or around it. */
static bool supplies(const struct fg_application *application, const char *party, const char *area, int64_t location)
{
    struct fg_facts *facts;
    int64_t number, organisation;
    bool found = false;
    if (area_of(area, &number, NULL) != FG_OK || fg_id_parse(FG_ID_ORGANISATION, party, &organisation, NULL) != FG_OK ||
        fg_exchange_facts(application->exchange, number, &facts, NULL) != FG_OK)
        return false;
    for (size_t i = 0; i < facts->portfolio_count && !found; i++) {
        const struct fg_portfolio_facts *portfolio = &facts->portfolios[i];
        found = portfolio->organisation == organisation && portfolio->is_approved &&
                (fg_facts_lies_in(facts, portfolio->location, location) || fg_facts_lies_in(facts, location, portfolio->location));
    }
    fg_facts_release(facts);
    return found;
}

/* Private events are read by the organisation they are meant for, whoever represents it, the area's operator and the
 * regulator; those of a location besides by its suppliers, those of a right by who has it. */
static bool may_read(void *context, const struct fg_principal *principal, const char *area, const char *scope)
{
    struct fg_application *application = context;
    const char *party = principal->on_behalf_of[0] != '\0' ? principal->on_behalf_of : principal->organisation;
    int64_t area_number, organisation, location;
    struct fg_facts *facts;
    if (scope != NULL && fg_id_parse(FG_ID_LOCATION, scope, &location, NULL) == FG_OK && supplies(application, party, area, location))
        return true;
    if (scope == NULL || strcmp(scope, party) == 0 || fg_rights_scope(scope, principal) || (principal->roles & FG_BIT(FG_ROLE_REGULATOR)) != 0)
        return true;
    if ((principal->roles & FG_BIT(FG_ROLE_FMO)) == 0 || area_of(area, &area_number, NULL) != FG_OK ||
        fg_id_parse(FG_ID_ORGANISATION, party, &organisation, NULL) != FG_OK ||
        fg_exchange_facts(application->exchange, area_number, &facts, NULL) != FG_OK)
        return false;
    bool is_operator = facts->operator == organisation;
    fg_facts_release(facts);
    return is_operator;
}

struct fg_event_source fg_event_stream_source(struct fg_application *application)
{
    return (struct fg_event_source){application, read_events, range_of_events, may_read};
}
