#include "grid/pandapower_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The length of a word of Python's that stands for no number in JSON, 0 for anything else. */
static size_t python_word(const char *at, size_t left)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < 3; i++)
        if (strlen(words[i]) <= left && strncmp(at, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* Whether such words occur outside strings; with `text`, the bytes are copied with null in their place. */
static bool replace_python_words(const char *bytes, size_t length, struct fg_text *text)
{
    bool found = false, in_string = false;
    size_t done = 0; /* copied up to here */
    for (size_t i = 0; i < length; i++) {
        if (in_string && bytes[i] == '\\') {
            i++;
            continue;
        }
        if (bytes[i] == '"')
            in_string = !in_string;
        if (in_string || (bytes[i] != 'N' && bytes[i] != 'I' && bytes[i] != '-'))
            continue;
        size_t word = python_word(bytes + i, length - i);
        if (word == 0)
            continue;
        found = true;
        if (text == NULL)
            return true;
        fg_text_append(text, bytes + done, i - done);
        fg_text_puts(text, "null");
        i += word - 1;
        done = i + 1;
    }
    if (text != NULL)
        fg_text_append(text, bytes + done, length - done);
    return found;
}

enum fg_code fg_pp_parse(const char *bytes, size_t length, const char *place, json_t **root, struct fg_error *err)
{
    if (!replace_python_words(bytes, length, NULL))
        return fg_json_load_text(bytes, length, place, root, err);
    struct fg_text text;
    fg_text_init(&text);
    replace_python_words(bytes, length, &text);
    enum fg_code code = text.failed ? fg_fail_memory(err) : fg_json_load_text(text.data, text.length, place, root, err);
    fg_text_release(&text);
    return code;
}

enum fg_code fg_pp_unpack(struct fg_json_cursor *cursor, json_t **owned, struct fg_error *err)
{
    char place[256];
    if (!json_is_string(cursor->value))
        return FG_OK;
    enum fg_code code = fg_pp_parse(json_string_value(cursor->value), json_string_length(cursor->value),
                                    fg_json_place(cursor, place, sizeof place), owned, err);
    if (code == FG_OK)
        cursor->value = *owned;
    return code;
}

enum fg_code fg_pp_table_open(struct fg_pp_table *table, const struct fg_json_cursor *net, const char *name,
                              struct fg_error *err)
{
    *table = (struct fg_pp_table){.name = name};
    table->frame = fg_json_member(net, name);
    if (table->frame.value == NULL || json_is_null(table->frame.value))
        return FG_OK;
    const char *orient;
    enum fg_code code = fg_json_is_object(&table->frame, err);
    if (code == FG_OK)
        code = fg_json_or_string(&table->frame, "orient", "split", &orient, err);
    if (code != FG_OK)
        return code;
    if (strcmp(orient, "split") != 0)
        return fg_json_fail(
            &table->frame, FG_ERR_UNSUPPORTED, err,
            "table is oriented by \"%s\"; load the network and save it with pandapower 2.0 or later, which "
            "writes \"split\"",
            orient);
    table->content = fg_json_member(&table->frame, "_object");
    code = fg_pp_unpack(&table->content, &table->owned, err);
    if (code != FG_OK)
        return code;
    if (table->content.value == NULL)
        return fg_json_fail(&table->frame, FG_ERR_SCHEMA, err, "table has no \"_object\" with its columns and rows");
    code = fg_json_is_object(&table->content, err);
    if (code == FG_OK)
        code = fg_json_get_array(&table->content, "columns", &table->columns, err);
    if (code == FG_OK)
        code = fg_json_get_array(&table->content, "index", &table->index, err);
    if (code == FG_OK)
        code = fg_json_get_array(&table->content, "data", &table->data, err);
    if (code != FG_OK)
        return code;
    size_t rows = fg_json_count(&table->data);
    if (rows != fg_json_count(&table->index))
        return fg_json_fail(&table->data, FG_ERR_SCHEMA, err, "%zu rows, but %zu entries in \"index\"; they must agree",
                            rows, fg_json_count(&table->index));
    table->row_count = rows;
    return FG_OK;
}

void fg_pp_table_close(struct fg_pp_table *table)
{
    json_decref(table->owned);
    table->owned = NULL;
    table->row_count = 0;
}

static int column_of(const struct fg_pp_table *table, const char *column)
{
    for (size_t i = 0; i < json_array_size(table->columns.value); i++) {
        const char *name = json_string_value(json_array_get(table->columns.value, i));
        if (name != NULL && strcmp(name, column) == 0)
            return (int)i;
    }
    return -1;
}

bool fg_pp_table_has(const struct fg_pp_table *table, const char *column)
{
    return column_of(table, column) >= 0;
}

struct fg_pp_row fg_pp_table_row(const struct fg_pp_table *table, size_t number, struct fg_error *err)
{
    struct fg_pp_row row = {.table = table, .cells = fg_json_item(&table->data, number), .err = err};
    size_t columns = fg_json_count(&table->columns);
    if (!json_is_array(row.cells.value) || json_array_size(row.cells.value) != columns)
        row.code =
            fg_json_fail(&row.cells, FG_ERR_SCHEMA, err, "row must be an array of %zu cells, one a column", columns);
    struct fg_json_cursor index = fg_json_item(&table->index, number);
    if (row.code == FG_OK && !json_is_integer(index.value))
        row.code = fg_json_fail(&index, FG_ERR_SCHEMA, err, "index of table %s must be a whole number", table->name);
    if (row.code == FG_OK)
        row.index = json_integer_value(index.value);
    return row;
}

struct fg_json_cursor fg_pp_cell(const struct fg_pp_row *row, const char *column)
{
    int at = row->code == FG_OK ? column_of(row->table, column) : -1;
    if (at < 0)
        return (struct fg_json_cursor){0};
    struct fg_json_cursor cell = fg_json_item(&row->cells, (size_t)at);
    if (json_is_null(cell.value))
        cell.value = NULL;
    return cell;
}

enum fg_code fg_pp_refuse(struct fg_pp_row *row, const char *column, enum fg_code code, const char *format, ...)
{
    if (row->code != FG_OK)
        return row->code;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int at = column == NULL ? -1 : column_of(row->table, column);
    struct fg_json_cursor cell = at < 0 ? row->cells : fg_json_item(&row->cells, (size_t)at);
    row->code = fg_json_fail(&cell, code, row->err, "%s %lld%s%s: %s", row->table->name, (long long)row->index,
                             column ? ", " : "", column ? column : "", text);
    return row->code;
}

double fg_pp_number(struct fg_pp_row *row, const char *column, double fallback)
{
    struct fg_json_cursor cell = fg_pp_cell(row, column);
    if (cell.value == NULL)
        return fallback;
    if (!json_is_number(cell.value)) {
        fg_pp_refuse(row, column, FG_ERR_SCHEMA, "must be a number");
        return fallback;
    }
    double value = json_number_value(cell.value);
    if (!isfinite(value))
        fg_pp_refuse(row, column, FG_ERR_VALUE, "must be finite");
    return value;
}

double fg_pp_need(struct fg_pp_row *row, const char *column)
{
    double value = fg_pp_number(row, column, NAN);
    if (isnan(value))
        fg_pp_refuse(row, column, FG_ERR_SCHEMA, "is missing; give a number");
    return value;
}

int64_t fg_pp_need_integer(struct fg_pp_row *row, const char *column)
{
    double value = fg_pp_need(row, column);
    if (row->code == FG_OK && (value != floor(value) || fabs(value) > 9e15))
        fg_pp_refuse(row, column, FG_ERR_VALUE, "%.17g must be a whole number", value);
    return row->code == FG_OK ? (int64_t)value : 0;
}

bool fg_pp_bool(struct fg_pp_row *row, const char *column, bool fallback)
{
    struct fg_json_cursor cell = fg_pp_cell(row, column);
    if (cell.value == NULL)
        return fallback;
    if (json_is_boolean(cell.value))
        return json_is_true(cell.value);
    double value = fg_pp_number(row, column, 0);
    if (row->code == FG_OK && value != 0 && value != 1)
        fg_pp_refuse(row, column, FG_ERR_SCHEMA, "must be true or false");
    return value != 0;
}

const char *fg_pp_string(struct fg_pp_row *row, const char *column)
{
    return json_string_value(fg_pp_cell(row, column).value);
}
