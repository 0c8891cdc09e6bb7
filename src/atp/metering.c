#include "atp/metering.h"

#include "atp/query.h"
#include "base/csv.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/readings.h"
#include "base/timezone.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_quality_words[] = {"measured", "estimated", "substituted", "suspect", NULL};

#define ENERGY_MAX (INT64_C(1) << 53)

uint8_t fg_quality_of_word(int word)
{
    return (uint8_t)(word <= 0 ? 0 : 1 << (word - 1));
}

int fg_quality_word(uint8_t quality)
{
    return quality & FG_QUALITY_SUSPECT ? 3 : quality & FG_QUALITY_SUBSTITUTED ? 2 : quality & FG_QUALITY_ESTIMATED ? 1 : 0;
}

enum fg_code fg_energy_of_decimal(int64_t decimal, int64_t *ws, struct fg_error *err)
{
    return fg_muldiv(decimal, 36, 100, ws, err);
}

int64_t fg_decimal_of_energy(int64_t ws)
{
    int64_t value = 0;
    fg_muldiv(ws, 100, 36, &value, NULL);
    return value;
}

enum fg_code fg_area_operated(struct fg_registry *registry, int64_t area, struct fg_error *err)
{
    int64_t found;
    return fg_registry_found(fg_query_number(registry->store, &found, err,
                                             "SELECT id FROM area WHERE id = $1 AND operator_id = $2", "ii", area,
                                             fg_registry_party(registry)),
                             FG_ID_AREA, area, "market area of yours", err);
}

enum fg_code fg_area_period(struct fg_store *store, int64_t area, int64_t *period_s, char time_zone[64],
                            struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(store, &sql, err, "SELECT period_s, time_zone FROM area WHERE id = $1", "i", area), FG_ID_AREA, area,
        "market area", err);
    if (code != FG_OK)
        return code;
    *period_s = fg_sql_column_int64(sql, 0);
    if (time_zone != NULL)
        snprintf(time_zone, 64, "%s", fg_sql_column_text(sql, 1));
    fg_sql_done(sql);
    return FG_OK;
}

/* -- meters --------------------------------------------------------------------------------------------------------- */

static const char *series_name(const char *kind, int64_t id, int64_t product, char name[64])
{
    if (product < 0)
        snprintf(name, 64, "%s/%lld", kind, (long long)id);
    else
        snprintf(name, 64, "%s/%lld/%lld", kind, (long long)id, (long long)product);
    return name;
}

static enum fg_code create_series(struct fg_store *store, const char *name, int64_t period_s, struct fg_series *series,
                                  struct fg_error *err)
{
    *series = (struct fg_series){.kind = FG_SERIES_INT64, .unit = "Ws", .step_s = period_s, .keep_history = true};
    return fg_series_create(store, name, series, err);
}

enum fg_code fg_meter_create(struct fg_registry *registry, struct fg_meter *meter, struct fg_error *err)
{
    int64_t party = fg_registry_party(registry), period_s;
    bool is_asset = meter->asset != 0;
    char name[64];
    struct fg_series series;
    if (meter->product != FG_PRODUCT_ACTIVE && meter->product != FG_PRODUCT_REACTIVE)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a meter measures active or reactive energy");
    if (is_asset == (meter->portfolio != 0))
        return fg_fail(err, FG_ERR_VALUE, NULL, "a meter belongs to an asset or to a portfolio: name one of them");
    enum fg_code code = fg_query_number(
        registry->store, &meter->area, err,
        is_asset ? "SELECT o.area_id FROM asset o JOIN location l ON l.id = o.location_id JOIN area a ON a.id = o.area_id "
                   "WHERE o.id = $1 AND (o.organisation_id = $2 OR l.operator_id = $2 OR a.operator_id = $2)"
                 : "SELECT o.area_id FROM portfolio o JOIN location l ON l.id = o.location_id JOIN area a ON a.id = o.area_id "
                   "WHERE o.id = $1 AND (o.organisation_id = $2 OR l.operator_id = $2 OR a.operator_id = $2)",
        "ii", is_asset ? meter->asset : meter->portfolio, party);
    code = fg_registry_found(code, is_asset ? FG_ID_ASSET : FG_ID_PORTFOLIO, is_asset ? meter->asset : meter->portfolio,
                             "asset or portfolio that you may measure,", err);
    if (code == FG_OK)
        code = fg_area_period(registry->store, meter->area, &period_s, NULL, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_METER, &meter->id, err);
    if (code != FG_OK)
        return code;
    meter->reporter = party;
    code = fg_change(registry->store, NULL, err,
                     "INSERT INTO meter (id, area_id, asset_id, portfolio_id, product, reporter_id, name, rank, created_us, "
                     "version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)",
                     "iiooiitii", meter->id, meter->area, meter->asset, meter->portfolio, (int64_t)meter->product, party,
                     meter->name, (int64_t)meter->rank, registry->now_us);
    if (code != FG_OK)
        return fg_registry_unique(registry, code, err,
                                  "you have a meter of this name, or there is one of this rank for the same energy");
    code = create_series(registry->store, series_name("meter", meter->id, -1, name), period_s, &series, err);
    return code == FG_OK ? fg_registry_audit(registry, "meter.create", FG_ID_METER, meter->id, NULL, err) : code;
}

enum fg_code fg_meter_read(struct fg_registry *registry, int64_t id, struct fg_meter *meter, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT m.area_id, m.asset_id, m.portfolio_id, m.product, m.reporter_id, m.name, m.rank FROM meter m "
                     "LEFT JOIN asset s ON s.id = m.asset_id LEFT JOIN portfolio p ON p.id = m.portfolio_id "
                     "LEFT JOIN location l ON l.id = s.location_id OR l.id = p.location_id WHERE m.id = $1 AND "
                     "($3 = 1 OR m.reporter_id = $2 OR s.organisation_id = $2 OR p.organisation_id = $2 OR l.operator_id = $2 "
                     "OR EXISTS (SELECT 1 FROM portfolio_asset pa JOIN portfolio q ON q.id = pa.portfolio_id WHERE "
                     "pa.asset_id = m.asset_id AND q.organisation_id = $2))",
                     "iii", id, fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
        FG_ID_METER, id, "meter", err);
    if (code != FG_OK)
        return code;
    *meter = (struct fg_meter){.id = id,
                               .area = fg_sql_column_int64(sql, 0),
                               .asset = fg_sql_column_int64(sql, 1),
                               .portfolio = fg_sql_column_int64(sql, 2),
                               .product = (enum fg_product)fg_sql_column_int64(sql, 3),
                               .reporter = fg_sql_column_int64(sql, 4),
                               .rank = (int32_t)fg_sql_column_int64(sql, 6)};
    snprintf(meter->name, sizeof meter->name, "%s", fg_sql_column_text(sql, 5));
    fg_sql_done(sql);
    return FG_OK;
}

/* -- intake --------------------------------------------------------------------------------------------------------- */

static int compare_readings(const void *left, const void *right)
{
    const struct fg_reading *a = left, *b = right;
    if (a->time_s != b->time_s)
        return a->time_s < b->time_s ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Sorted, each unit once; counts duplicates and gaps. */
static enum fg_code tidy(struct fg_registry *registry, int64_t period_s, struct fg_reading *readings, size_t *count,
                         struct fg_intake *intake, struct fg_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        const struct fg_reading *reading = &readings[i];
        char place[32];
        snprintf(place, sizeof place, "#/readings/%zu", reading->row);
        if (reading->time_s % period_s != 0)
            return fg_fail(err, FG_ERR_VALUE, place, "reading %zu: the start is not that of a market time unit of %lld s",
                           reading->row, (long long)period_s);
        if ((reading->time_s + period_s) > registry->now_us / 1000000)
            return fg_fail(err, FG_ERR_VALUE, place, "reading %zu: the unit has not ended yet; send its energy afterwards",
                           reading->row);
        if (reading->energy_ws > ENERGY_MAX || reading->energy_ws < -ENERGY_MAX)
            return fg_fail(err, FG_ERR_VALUE, place, "reading %zu: the energy is beyond 2^53 Ws", reading->row);
    }
    qsort(readings, *count, sizeof *readings, compare_readings);
    for (size_t i = 0; i < *count; i++) {
        if (kept > 0 && readings[i].time_s == readings[kept - 1].time_s) {
            const struct fg_reading *first = &readings[kept - 1];
            char place[32], start[FG_INSTANT_TEXT];
            snprintf(place, sizeof place, "#/readings/%zu", readings[i].row);
            if (readings[i].energy_ws != first->energy_ws || readings[i].quality != first->quality)
                return fg_fail(err, FG_ERR_VALUE, place,
                               "reading %zu has another value than reading %zu for the same unit, %s; send one of them",
                               readings[i].row, first->row,
                               fg_instant_format(first->time_s, start));
            intake->duplicates++;
            continue;
        }
        if (kept > 0 && readings[i].time_s > readings[kept - 1].time_s + period_s) {
            struct fg_reading_gap gap = {readings[kept - 1].time_s + period_s, readings[i].time_s};
            intake->missing += (gap.until_s - gap.from_s) / period_s;
            if (intake->gap_count < FG_READING_GAPS_MAX)
                intake->gaps[intake->gap_count++] = gap;
        }
        readings[kept++] = readings[i];
    }
    *count = kept;
    return FG_OK;
}

/* Note the local days whose readings changed, so that their runs show as out of date. */
static enum fg_code note_days(struct fg_registry *registry, int64_t meter, const char *time_zone,
                              const struct fg_reading *readings, size_t count, struct fg_error *err)
{
    struct fg_timezone *zone;
    enum fg_code code = fg_timezone_open(time_zone, &zone, err);
    int64_t noted = INT64_MIN;
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        int64_t day = fg_date_number(fg_timezone_local(zone, readings[i].time_s).date);
        if (day == noted)
            continue;
        noted = day;
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO meter_change (meter_id, day, changed_us) VALUES ($1, $2, $3) "
                         "ON CONFLICT (meter_id, day) DO UPDATE SET changed_us = excluded.changed_us",
                         "iii", meter, day, registry->now_us);
    }
    if (zone != NULL)
        fg_timezone_close(zone);
    return code;
}

static enum fg_code write_samples(struct fg_registry *registry, const char *name, const struct fg_reading *readings,
                                  size_t count, struct fg_series_change *change, struct fg_error *err)
{
    struct fg_series series;
    struct fg_sample *samples = fg_alloc(count, sizeof *samples);
    if (samples == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        samples[i] = (struct fg_sample){.time_s = readings[i].time_s, .value.integer = readings[i].energy_ws,
                                        .quality = readings[i].quality};
    enum fg_code code = fg_series_find(registry->store, name, &series, err);
    if (code == FG_OK)
        code = fg_series_write(registry->store, &series, samples, count, registry->now_us, change, err);
    fg_free(samples);
    return code;
}

enum fg_code fg_meter_take(struct fg_registry *registry, int64_t id, struct fg_reading *readings, size_t count,
                           struct fg_intake *intake, struct fg_error *err)
{
    struct fg_meter meter;
    struct fg_series_change change;
    int64_t period_s;
    char time_zone[64], name[64];
    memset(intake, 0, sizeof *intake);
    enum fg_code code = fg_meter_read(registry, id, &meter, err);
    if (code != FG_OK)
        return code;
    if (meter.reporter != fg_registry_party(registry))
        return fg_fail(err, FG_ERR_DENIED, NULL, "only the meter's reporter may send its readings");
    if (count == 0 || count > FG_READINGS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "send 1 to %d readings at a time", FG_READINGS_MAX);
    code = fg_area_period(registry->store, meter.area, &period_s, time_zone, err);
    if (code == FG_OK)
        code = tidy(registry, period_s, readings, &count, intake, err);
    if (code == FG_OK)
        code = write_samples(registry, series_name("meter", id, -1, name), readings, count, &change, err);
    if (code == FG_OK && change.added + change.corrected > 0)
        code = note_days(registry, id, time_zone, readings, count, err);
    if (code != FG_OK)
        return code;
    intake->added = change.added;
    intake->corrected = change.corrected;
    intake->unchanged = change.unchanged;
    char detail[120];
    snprintf(detail, sizeof detail, "{\"added\":%zu,\"corrected\":%zu}", change.added, change.corrected);
    return fg_registry_audit(registry, "meter.readings", FG_ID_METER, id, detail, err);
}

enum fg_code fg_meter_parse_csv(const char *bytes, size_t length, struct fg_reading **readings, size_t *count,
                                struct fg_error *err)
{
    struct fg_csv csv;
    size_t start = 0, energy = 0;
    *readings = NULL;
    *count = 0;
    enum fg_code code = fg_csv_parse(&csv, bytes, length, "readings", err);
    if (code == FG_OK)
        code = fg_csv_need(&csv, "start", &start, err);
    if (code == FG_OK)
        code = fg_csv_need(&csv, "energy_mwh", &energy, err);
    if (code == FG_OK && csv.row_count > FG_READINGS_MAX)
        code = fg_fail(err, FG_ERR_TOO_LARGE, "readings", "send at most %d readings at a time", FG_READINGS_MAX);
    int quality = code == FG_OK ? fg_csv_column(&csv, "quality") : -1;
    if (code == FG_OK && (*readings = fg_alloc(csv.row_count, sizeof **readings)) == NULL)
        code = fg_fail_memory(err);
    for (size_t row = 0; code == FG_OK && row < csv.row_count; row++) {
        struct fg_reading *reading = &(*readings)[row];
        struct fg_error inner = {0};
        int64_t decimal = 0;
        reading->row = csv.lines[row];
        if (fg_instant_parse(fg_csv_field(&csv, row, start), &reading->time_s, &inner) != FG_OK)
            code = fg_csv_fail(&csv, row, start, FG_ERR_VALUE, err, "%s", inner.text);
        else if (fg_decimal_parse(fg_csv_field(&csv, row, energy), 10, &decimal, &inner) != FG_OK ||
                 fg_energy_of_decimal(decimal, &reading->energy_ws, &inner) != FG_OK)
            code = fg_csv_fail(&csv, row, energy, FG_ERR_VALUE, err, "%s", inner.text);
        if (code != FG_OK || quality < 0)
            continue;
        int word = 0;
        const char *text = fg_csv_field(&csv, row, (size_t)quality);
        while (text[0] != '\0' && fg_quality_words[word] != NULL && strcmp(fg_quality_words[word], text) != 0)
            word++;
        if (fg_quality_words[word] == NULL)
            code = fg_csv_fail(&csv, row, (size_t)quality, FG_ERR_VALUE, err,
                               "write measured, estimated, substituted or suspect");
        else
            reading->quality = fg_quality_of_word(word);
    }
    *count = code == FG_OK ? csv.row_count : 0;
    fg_csv_release(&csv);
    if (code != FG_OK) {
        fg_free(*readings);
        *readings = NULL;
    }
    return code;
}

/* -- what a settlement reads ---------------------------------------------------------------------------------------- */

struct meter_list {
    int64_t (*rows)[2]; /* asset (0: the portfolio's own), meter */
    size_t count, capacity;
};

static enum fg_code list_meters(struct fg_store *store, const struct fg_meter_query *query, struct meter_list *list,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code;
    if (query->control)
        code = fg_query(store, &sql, err,
                        "SELECT c.asset_id, COALESCE(m.id, 0) FROM control_asset c LEFT JOIN meter m ON m.asset_id = c.asset_id "
                        "AND m.product = $2 AND m.created_us <= $3 WHERE c.portfolio_id = $1 ORDER BY c.asset_id, m.rank",
                        "iii", query->portfolio, (int64_t)query->product, query->known_us);
    else
        code = fg_query(store, &sql, err,
                        "SELECT 0, m.id, m.rank FROM meter m WHERE m.portfolio_id = $1 AND m.product = $2 AND "
                        "m.created_us <= $3 UNION ALL "
                        "SELECT a.asset_id, COALESCE(m.id, 0), m.rank FROM portfolio_asset a LEFT JOIN meter m ON "
                        "m.asset_id = a.asset_id AND m.product = $2 AND m.created_us <= $3 WHERE a.portfolio_id = $1 AND "
                        "a.valid_from_us <= $4 AND (a.valid_until_us IS NULL OR a.valid_until_us > $4) ORDER BY 1, 3",
                        "iiii", query->portfolio, (int64_t)query->product, query->known_us, query->members_us);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&list->rows, list->count, &list->capacity, sizeof *list->rows) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        list->rows[list->count][0] = fg_sql_column_int64(sql, 0);
        list->rows[list->count++][1] = fg_sql_column_int64(sql, 1);
    }
    return code;
}

enum { STATE_NONE, STATE_SUSPECT, STATE_GOOD };

/* Lay the readings of one more meter under those of lower rank. */
static enum fg_code lay_under(struct fg_store *store, const struct fg_meter_query *query, int64_t meter,
                              struct fg_samples *samples, int64_t *values, uint8_t *states, struct fg_error *err)
{
    struct fg_series series;
    char name[64];
    int64_t start_s = query->first_period * query->period_s;
    enum fg_code code = fg_series_find(store, series_name("meter", meter, -1, name), &series, err);
    if (code == FG_OK)
        code = fg_series_read(store, &series, start_s, start_s + (int64_t)query->count * query->period_s, query->known_us,
                              samples, err);
    for (size_t i = 0; code == FG_OK && i < samples->count; i++) {
        const struct fg_sample *sample = &samples->items[i];
        size_t at = (size_t)((sample->time_s - start_s) / query->period_s);
        uint8_t state = sample->quality & FG_QUALITY_SUSPECT ? STATE_SUSPECT : STATE_GOOD;
        if (state > states[at]) {
            states[at] = state;
            values[at] = sample->value.integer;
        }
    }
    return code;
}

enum fg_code fg_meter_sum(struct fg_store *store, const struct fg_meter_query *query, int64_t *values,
                          void (*used)(void *context, int64_t meter), void *context, struct fg_error *err)
{
    struct meter_list list = {0};
    struct fg_samples samples = {0};
    int64_t *own = fg_alloc(query->count, sizeof *own), *one = fg_alloc(query->count, sizeof *one);
    uint8_t *states = fg_alloc(query->count, sizeof *states), *own_states = fg_alloc(query->count, sizeof *own_states);
    enum fg_code code = own && one && states && own_states ? list_meters(store, query, &list, err) : fg_fail_memory(err);
    bool has_assets = false;
    for (size_t i = 0; code == FG_OK && i < query->count; i++)
        values[i] = 0;
    for (size_t i = 0, end; code == FG_OK && i < list.count; i = end) {
        int64_t asset = list.rows[i][0];
        memset(states, STATE_NONE, query->count);
        for (end = i; code == FG_OK && end < list.count && list.rows[end][0] == asset; end++) {
            if (list.rows[end][1] == 0)
                continue;
            if (used != NULL)
                used(context, list.rows[end][1]);
            code = lay_under(store, query, list.rows[end][1], &samples, one, states, err);
        }
        has_assets = has_assets || asset != 0;
        for (size_t k = 0; code == FG_OK && k < query->count; k++) {
            if (asset == 0) {
                own[k] = one[k];
                own_states[k] = states[k];
            } else if (states[k] == STATE_NONE || values[k] == FG_READING_MISSING) {
                values[k] = FG_READING_MISSING;
            } else {
                code = fg_add(values[k], one[k], &values[k], err);
            }
        }
    }
    for (size_t k = 0; code == FG_OK && k < query->count; k++)
        if (own_states[k] != STATE_NONE)
            values[k] = own[k];
        else if (!has_assets)
            values[k] = FG_READING_MISSING;
    fg_free(list.rows);
    fg_samples_release(&samples);
    fg_free(own);
    fg_free(one);
    fg_free(states);
    fg_free(own_states);
    return code;
}

/* -- submitted baselines, holidays ---------------------------------------------------------------------------------- */

enum fg_code fg_baseline_submit(struct fg_registry *registry, int64_t portfolio, enum fg_product product,
                                int64_t first_period, const int64_t *energy_ws, size_t count, struct fg_error *err)
{
    static const char *const kinds[] = {"active", "reactive"};
    struct fg_sql *sql;
    struct fg_series series;
    struct fg_series_change change;
    char name[64];
    if (product > FG_PRODUCT_REACTIVE)
        return fg_fail(err, FG_ERR_VALUE, NULL, "baselines are of active or reactive energy");
    if (count == 0 || count > 35136)
        return fg_fail(err, FG_ERR_VALUE, NULL, "send 1 to 35136 values");
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT a.period_s, d.closure_lead_s FROM portfolio p JOIN area a ON a.id = p.area_id JOIN product d ON "
                     "d.area_id = a.id AND d.kind = $3 WHERE p.id = $1 AND p.organisation_id = $2 ORDER BY d.closure_lead_s DESC "
                     "LIMIT 1",
                     "iit", portfolio, fg_registry_party(registry), kinds[product]),
        FG_ID_PORTFOLIO, portfolio, "portfolio of yours with such a product", err);
    if (code != FG_OK)
        return code;
    int64_t period_s = fg_sql_column_int64(sql, 0), lead_s = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    if (first_period * period_s - lead_s <= registry->now_us / 1000000)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "the gate of the first unit has closed: its baseline is frozen; send later units only");
    struct fg_reading *readings = fg_alloc(count, sizeof *readings);
    if (readings == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        readings[i] = (struct fg_reading){(first_period + (int64_t)i) * period_s, energy_ws[i], 0, i};
        if (energy_ws[i] > ENERGY_MAX || energy_ws[i] < -ENERGY_MAX)
            code = fg_fail(err, FG_ERR_VALUE, NULL, "value %zu is beyond 2^53 Ws", i);
    }
    series_name("baseline", portfolio, (int64_t)product, name);
    if (code == FG_OK && (code = fg_series_find(registry->store, name, &series, err)) == FG_ERR_NOT_FOUND)
        code = create_series(registry->store, name, period_s, &series, err);
    if (code == FG_OK)
        code = write_samples(registry, name, readings, count, &change, err);
    fg_free(readings);
    return code == FG_OK ? fg_registry_audit(registry, "baseline.submit", FG_ID_PORTFOLIO, portfolio, NULL, err) : code;
}

enum fg_code fg_baseline_submitted(struct fg_store *store, int64_t portfolio, enum fg_product product, int64_t period_s,
                                   int64_t first_period, size_t count, int64_t known_us, int64_t *values,
                                   struct fg_error *err)
{
    struct fg_series series;
    struct fg_samples samples = {0};
    char name[64];
    for (size_t i = 0; i < count; i++)
        values[i] = FG_READING_MISSING;
    enum fg_code code = fg_series_find(store, series_name("baseline", portfolio, (int64_t)product, name), &series, err);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK;
    if (code == FG_OK)
        code = fg_series_read(store, &series, first_period * period_s, (first_period + (int64_t)count) * period_s, known_us,
                              &samples, err);
    for (size_t i = 0; code == FG_OK && i < samples.count; i++)
        values[samples.items[i].time_s / period_s - first_period] = samples.items[i].value.integer;
    fg_samples_release(&samples);
    return code;
}

enum fg_code fg_holidays_set(struct fg_registry *registry, int64_t area, int32_t year, const struct fg_holiday *days,
                             size_t count, struct fg_error *err)
{
    int64_t first = fg_date_number((struct fg_date){year, 1, 1}), last = fg_date_number((struct fg_date){year, 12, 31});
    enum fg_code code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM holiday WHERE area_id = $1 AND day >= $2 AND day <= $3", "iii",
                         area, first, last);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        if (days[i].date.year != year)
            return fg_fail(err, FG_ERR_VALUE, NULL, "holiday %zu is not of the year %d", i, (int)year);
        code = fg_registry_unique(registry,
                                  fg_change(registry->store, NULL, err,
                                            "INSERT INTO holiday (area_id, day, name) VALUES ($1, $2, $3)", "iit", area,
                                            fg_date_number(days[i].date), days[i].name),
                                  err, "a day is named twice");
    }
    return code == FG_OK ? fg_registry_audit(registry, "holidays.set", FG_ID_AREA, area, NULL, err) : code;
}
