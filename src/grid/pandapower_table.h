/* Tables of a pandapower file: a pandas DataFrame in orientation "split" (columns, index, data), as JSON inside a JSON
 * string. Internal to the reader.
 *
 * A row remembers its first error: getters then return their fallback, and the caller looks at row.code once. */
#ifndef FG_GRID_PANDAPOWER_TABLE_H
#define FG_GRID_PANDAPOWER_TABLE_H

#include "base/json.h"

struct fg_pp_table {
    const char *name;
    struct fg_json_cursor frame;   /* the DataFrame object in the file */
    struct fg_json_cursor content; /* its parsed "_object" */
    struct fg_json_cursor columns, index, data;
    json_t *owned;
    size_t row_count; /* 0 also when the table is absent */
};

struct fg_pp_row {
    const struct fg_pp_table *table;
    struct fg_json_cursor cells;
    int64_t index; /* pandas index: the element's id within its table */
    enum fg_code code;
    struct fg_error *err;
};

/* Load JSON as Python writes it: the words NaN, Infinity and -Infinity, which JSON does not know, are read as null. */
enum fg_code fg_pp_parse(const char *bytes, size_t length, const char *place, json_t **root, struct fg_error *err);

/* JSON inside a JSON string: make the cursor point to the parsed value, which *owned then holds (json_decref). Cursors
 * at anything but a string stay as they are. */
enum fg_code fg_pp_unpack(struct fg_json_cursor *cursor, json_t **owned, struct fg_error *err);

/* `net` is the object that holds the tables and must outlive the table, which must not be moved. Absent tables are
 * empty. Close it in every case. */
enum fg_code fg_pp_table_open(struct fg_pp_table *table, const struct fg_json_cursor *net, const char *name,
                              struct fg_error *err);
void fg_pp_table_close(struct fg_pp_table *table);
bool fg_pp_table_has(const struct fg_pp_table *table, const char *column);

struct fg_pp_row fg_pp_table_row(const struct fg_pp_table *table, size_t number, struct fg_error *err);

/* Null cells (pandas' NaN) and absent columns give the fallback; `_need` refuses them. */
double fg_pp_number(struct fg_pp_row *row, const char *column, double fallback);
double fg_pp_need(struct fg_pp_row *row, const char *column);
int64_t fg_pp_need_integer(struct fg_pp_row *row, const char *column);
bool fg_pp_bool(struct fg_pp_row *row, const char *column, bool fallback);
const char *fg_pp_string(struct fg_pp_row *row, const char *column);               /* NULL: no text there */
struct fg_json_cursor fg_pp_cell(const struct fg_pp_row *row, const char *column); /* value NULL: absent or null */

/* Fail at a cell (or at the row when the column is NULL or absent); keeps the first error. Returns row->code. */
enum fg_code fg_pp_refuse(struct fg_pp_row *row, const char *column, enum fg_code code, const char *format, ...)
    FG_PRINTF(4, 5);

#endif
