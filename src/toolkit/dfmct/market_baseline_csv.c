/* baseline.csv: one row per element and period, each element's periods in order. */
#include "base/csv.h"
#include "base/instant.h"
#include "toolkit/dfmct/market_reader.h"

#include <stdio.h>
#include <string.h>

enum { KINDS = 4 };

struct baseline_table {
    struct fg_market_reader *reader;
    const struct fg_csv *csv;
    int id_columns[KINDS]; /* -1: absent */
    size_t start_column, p_column;
    int q_column;
    struct fg_names names[KINDS];
    struct row {
        size_t baseline; /* index in the market */
        struct fg_power *p, *q;
        int32_t next_period; /* that its next row must have */
        bool has_q;
    } * rows;
    size_t row_count, row_capacity;
};

static enum fg_code find_columns(struct baseline_table *table, struct fg_error *err)
{
    const struct fg_csv *csv = table->csv;
    static const char *const known[] = {"bus", "injection", "generator", "storage", "start", "p", "q"};
    for (size_t c = 0; c < csv->column_count; c++) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || strcmp(csv->header[c], known[i]) == 0;
        if (!is_known) {
            char place[sizeof err->place];
            snprintf(place, sizeof place, "%.200s:1", csv->path);
            return fg_fail(err, FG_ERR_SCHEMA, place,
                           "column \"%.40s\" is not known; use bus, injection, generator, storage, start, p, q",
                           csv->header[c]);
        }
    }
    for (int kind = 0; kind < KINDS; kind++)
        table->id_columns[kind] = fg_csv_column(csv, fg_baseline_kind_words[kind]);
    table->q_column = fg_csv_column(csv, "q");
    enum fg_code code = fg_csv_need(csv, "start", &table->start_column, err);
    return code == FG_OK ? fg_csv_need(csv, "p", &table->p_column, err) : code;
}

/* The element that a row names. */
static enum fg_code find_element(struct baseline_table *table, size_t line, struct row **out, struct fg_error *err)
{
    const struct fg_csv *csv = table->csv;
    int kind = -1, named = 0;
    for (int k = 0; k < KINDS; k++)
        if (table->id_columns[k] >= 0 && fg_csv_field(csv, line, (size_t)table->id_columns[k])[0]) {
            kind = k;
            named++;
        }
    if (named != 1)
        return fg_csv_fail(csv, line, 0, FG_ERR_SCHEMA, err, "name exactly one bus, injection, generator or storage");
    const char *id = fg_csv_field(csv, line, (size_t)table->id_columns[kind]);
    int32_t known = fg_names_find(&table->names[kind], id);
    if (known >= 0) {
        *out = &table->rows[known];
        return FG_OK;
    }
    struct fg_market *market = table->reader->market;
    table->reader->baseline_values += 2 * (size_t)market->period_count;
    if (table->reader->baseline_values > FG_MARKET_BASELINE_VALUES_MAX)
        return fg_csv_fail(csv, line, 0, FG_ERR_TOO_LARGE, err, "more than %d baseline values; split the market",
                           FG_MARKET_BASELINE_VALUES_MAX);
    char place[sizeof err->place];
    snprintf(place, sizeof place, "%.200s:%zu", csv->path, csv->lines[line]);
    struct fg_baseline *baseline = fg_market_add_baseline(market, (enum fg_baseline_kind)kind, id);
    struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
    if (!p || !q || baseline == NULL || (baseline->place = fg_market_string(market, place)) == NULL ||
        fg_grow((void **)&table->rows, table->row_count, &table->row_capacity, sizeof *table->rows) != 0 ||
        fg_names_add(&table->names[kind], baseline->id, (int32_t)table->row_count) != 0)
        return fg_fail_memory(err);
    *out = &table->rows[table->row_count++];
    **out = (struct row){.baseline = market->baseline_count - 1, .p = p, .q = q};
    baseline->p = p;
    baseline->q = q;
    return FG_OK;
}

static enum fg_code read_power(const struct fg_csv *csv, size_t line, size_t column, struct fg_power *out,
                               struct fg_error *err)
{
    struct fg_error why;
    enum fg_code code = fg_decimal_parse(fg_csv_field(csv, line, column), 6, &out->w, &why);
    if (code != FG_OK)
        return fg_csv_fail(csv, line, column, code, err, "%s", why.text);
    if (out->w > FG_MARKET_POWER_MAX_W || out->w < -FG_MARKET_POWER_MAX_W)
        return fg_csv_fail(csv, line, column, FG_ERR_VALUE, err, "is beyond 1 TW; give MW");
    return FG_OK;
}

static enum fg_code read_row(struct baseline_table *table, size_t line, struct fg_error *err)
{
    const struct fg_csv *csv = table->csv;
    struct fg_market *market = table->reader->market;
    struct row *row = NULL;
    struct fg_error why;
    int64_t start_s;
    enum fg_code code = find_element(table, line, &row, err);
    if (code != FG_OK)
        return code;
    if ((code = fg_instant_parse(fg_csv_field(csv, line, table->start_column), &start_s, &why)) != FG_OK)
        return fg_csv_fail(csv, line, table->start_column, code, err, "%s", why.text);
    char expected[FG_INSTANT_TEXT];
    int64_t next_s = market->start_s + (int64_t)row->next_period * market->period_s;
    if (row->next_period >= market->period_count)
        return fg_csv_fail(csv, line, table->start_column, FG_ERR_VALUE, err,
                           "this element has its %d periods already; remove the row", market->period_count);
    if (start_s != next_s)
        return fg_csv_fail(csv, line, table->start_column, FG_ERR_VALUE, err,
                           "the next period of this element starts at %s; give each period once, in order",
                           fg_instant_format(next_s, expected));
    if ((code = read_power(csv, line, table->p_column, &row->p[row->next_period], err)) != FG_OK)
        return code;
    bool has_q = table->q_column >= 0 && fg_csv_field(csv, line, (size_t)table->q_column)[0] != '\0';
    if (row->next_period > 0 && has_q != row->has_q)
        return fg_csv_fail(csv, line, table->p_column, FG_ERR_SCHEMA, err,
                           "give q in every period of an element or in none");
    row->has_q = has_q;
    struct fg_power *q = &row->q[row->next_period++];
    return has_q ? read_power(csv, line, (size_t)table->q_column, q, err) : FG_OK;
}

enum fg_code fg_market_reader_baseline_csv(struct fg_market_reader *reader, const char *path, struct fg_error *err)
{
    struct fg_csv csv;
    struct baseline_table table = {.reader = reader, .csv = &csv};
    enum fg_code code = fg_csv_read(&csv, path, err);
    if (code == FG_OK)
        code = find_columns(&table, err);
    for (size_t line = 0; line < csv.row_count && code == FG_OK; line++)
        code = read_row(&table, line, err);
    for (size_t i = 0; i < table.row_count && code == FG_OK; i++) {
        struct fg_baseline *baseline = &reader->market->baselines[table.rows[i].baseline];
        if (table.rows[i].next_period != reader->market->period_count)
            code = fg_fail(err, FG_ERR_VALUE, baseline->place, "%.60s has %d of %d periods; give all", baseline->id,
                           table.rows[i].next_period, reader->market->period_count);
        if (!table.rows[i].has_q)
            baseline->q = NULL;
    }
    for (int kind = 0; kind < KINDS; kind++)
        fg_names_release(&table.names[kind]);
    fg_free(table.rows);
    fg_csv_release(&csv);
    return code;
}
