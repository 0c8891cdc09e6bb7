#include "api/rows.h"

#include "api/internal.h"
#include "atp/metering.h"
#include "base/instant.h"

#include <stdio.h>
#include <stdlib.h>

static void put_column(struct fg_json_writer *out, const struct fg_column *column, const struct fg_sql *sql, int at)
{
    char text[64];
    if (fg_sql_column_is_null(sql, at)) {
        fg_json_put_null(out, column->name);
        return;
    }
    if (column->kind == FG_COLUMN_TEXT) {
        fg_json_put_string(out, column->name, fg_sql_column_text(sql, at));
        return;
    }
    int64_t number = fg_sql_column_int64(sql, at);
    switch (column->kind) {
    case FG_COLUMN_TEXT: break;
    case FG_COLUMN_ID: fg_json_put_string(out, column->name, fg_id_text(column->id, number, text)); break;
    case FG_COLUMN_COUNT: fg_json_put_integer(out, column->name, number); break;
    case FG_COLUMN_BOOLEAN: fg_json_put_bool(out, column->name, number != 0); break;
    case FG_COLUMN_INSTANT: fg_json_put_string(out, column->name, fg_instant_format(number / 1000000, text)); break;
    case FG_COLUMN_SECONDS: fg_json_put_string(out, column->name, fg_instant_format(number, text)); break;
    case FG_COLUMN_DAY: fg_json_put_string(out, column->name, fg_date_format(fg_date_of_number(number), text)); break;
    case FG_COLUMN_MICRO: fg_json_put_string(out, column->name, fg_decimal_format(number, 6, 0, text)); break;
    case FG_COLUMN_ENERGY:
        fg_json_put_string(out, column->name, fg_decimal_format(fg_decimal_of_energy(number), 10, 0, text));
        break;
    case FG_COLUMN_WORD: fg_json_put_string(out, column->name, column->words[number]); break;
    case FG_COLUMN_CENTS: {
        int decimals = (int)fg_sql_column_int64(sql, at + 1);
        fg_json_put_string(out, column->name, fg_decimal_format(number, decimals, decimals, text));
        break;
    }
    }
}

static void put_row(struct fg_json_writer *out, const struct fg_column *columns, const struct fg_sql *sql)
{
    int at = 1;
    fg_json_begin_object(out, NULL);
    for (const struct fg_column *column = columns; column->name != NULL; column++) {
        put_column(out, column, sql, at);
        at += column->kind == FG_COLUMN_CENTS ? 2 : 1;
    }
    fg_json_end_object(out);
}

enum fg_code fg_rows_one(struct fg_call *call, struct fg_registry *registry, const char *text,
                                  const struct fg_column *columns, int64_t id, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(registry->store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, fg_registry_party(registry));
    fg_sql_int64(sql, 2, fg_registry_sees_all(registry));
    fg_sql_int64(sql, 3, INT64_MIN);
    fg_sql_int64(sql, 4, 1);
    fg_sql_int64(sql, 5, id);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    put_row(fg_call_json(call, 200), columns, sql);
    fg_sql_done(sql);
    return FG_OK;
}

struct fg_page fg_page_begin(struct fg_call *call)
{
    struct fg_page page = {.call = call, .out = fg_call_json(call, 200), .limit = fg_call_limit(call)};
    fg_json_begin_object(page.out, NULL);
    fg_json_begin_array(page.out, "items");
    return page;
}

bool fg_page_next(struct fg_page *page, struct fg_sql *sql, int key, enum fg_code *code, struct fg_error *err)
{
    bool row = false;
    if (*code == FG_OK)
        *code = fg_sql_next(sql, &row, err);
    if (*code != FG_OK || !row)
        return false;
    if (page->count == page->limit) {
        page->has_more = true;
        fg_sql_done(sql);
        return false;
    }
    page->count++;
    page->last = fg_sql_column_int64(sql, key);
    return true;
}

void fg_page_end(struct fg_page *page)
{
    char position[24];
    snprintf(position, sizeof position, "%lld", (long long)page->last);
    fg_json_end_array(page->out);
    fg_call_put_next(page->call, page->out, page->has_more ? position : NULL);
    fg_json_end_object(page->out);
}

enum fg_code fg_rows_page(struct fg_call *call, struct fg_registry *registry, const char *text, const struct fg_column *columns,
                          int64_t parent, struct fg_error *err)
{
    struct fg_sql *sql;
    const char *position = fg_call_position(call);
    enum fg_code code = fg_sql_prepare(registry->store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, fg_registry_party(registry));
    fg_sql_int64(sql, 2, fg_registry_sees_all(registry));
    fg_sql_int64(sql, 3, position != NULL ? strtoll(position, NULL, 10) : INT64_MIN);
    fg_sql_int64(sql, 4, fg_call_limit(call) + 1);
    fg_sql_int64(sql, 5, parent);
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err))
        put_row(page.out, columns, sql);
    fg_page_end(&page);
    return code;
}

static enum fg_code put_rows(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    const struct fg_rows *rows = call->operation->rows;
    int64_t parent = 0;
    enum fg_code code = rows->parent != NULL ? fg_call_id(call, rows->parent, rows->parent_kind, &parent, err) : FG_OK;
    return code == FG_OK ? fg_rows_page(call, registry, rows->text, rows->columns, parent, err) : code;
}

enum fg_code fg_rows_list(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_rows, err);
}
