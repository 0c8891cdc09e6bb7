/* Tables and rows of a SimBench data set. */
#include "grid/simbench_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum fg_code open_in_memory(const struct fg_sb_reader *reader, const char *name, struct fg_sb_table *table)
{
    char file[80];
    snprintf(file, sizeof file, "%s.csv", name);
    for (size_t i = 0; i < reader->file_count; i++)
        if (strcmp(reader->files[i].name, file) == 0) {
            table->exists = true;
            return fg_csv_parse(&table->csv, reader->files[i].bytes, reader->files[i].length, file, reader->err);
        }
    return FG_OK;
}

/* The path of a table that exists, in `path`; false when there is none. */
static bool find_file(const char *folder, const char *name, struct fg_text *path)
{
    static const char *const endings[] = {".csv", ".csv.gz"};
    for (size_t i = 0; i < 2; i++) {
        path->length = 0;
        fg_text_printf(path, "%s/%s%s", folder, name, endings[i]);
        if (!path->failed && access(path->data, F_OK) == 0)
            return true;
    }
    return false;
}

bool fg_simbench_is_folder(const char *folder)
{
    struct fg_text path;
    fg_text_init(&path);
    bool found = find_file(folder, "Node", &path);
    fg_text_release(&path);
    return found;
}

enum fg_code fg_sb_table_open(const struct fg_sb_reader *reader, const char *name, struct fg_sb_table *table)
{
    *table = (struct fg_sb_table){.name = name};
    if (reader->folder == NULL)
        return open_in_memory(reader, name, table);
    struct fg_text path;
    fg_text_init(&path);
    table->exists = find_file(reader->folder, name, &path);
    enum fg_code code = path.failed     ? fg_fail_memory(reader->err)
                        : table->exists ? fg_csv_read(&table->csv, path.data, reader->err)
                                        : FG_OK;
    fg_text_release(&path);
    return code;
}

void fg_sb_table_release(struct fg_sb_table *table)
{
    fg_csv_release(&table->csv);
    *table = (struct fg_sb_table){0};
}

struct fg_sb_row fg_sb_row_at(const struct fg_sb_table *table, size_t number, struct fg_error *err)
{
    return (struct fg_sb_row){.table = table, .number = number, .err = err};
}

const char *fg_sb_text(const struct fg_sb_row *row, const char *column)
{
    int at = fg_csv_column(&row->table->csv, column);
    if (row->code != FG_OK || at < 0)
        return NULL;
    const char *text = fg_csv_field(&row->table->csv, row->number, (size_t)at);
    return *text == '\0' || strcmp(text, "NULL") == 0 ? NULL : text;
}

enum fg_code fg_sb_refuse(struct fg_sb_row *row, const char *column, enum fg_code code, const char *format, ...)
{
    if (row->code != FG_OK)
        return row->code;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int at = fg_csv_column(&row->table->csv, column);
    row->code = at >= 0 ? fg_csv_fail(&row->table->csv, row->number, (size_t)at, code, row->err, "%s", text)
                        : fg_fail(row->err, FG_ERR_SCHEMA, row->table->csv.path, "column \"%s\" is missing", column);
    return row->code;
}

const char *fg_sb_need_text(struct fg_sb_row *row, const char *column)
{
    const char *text = fg_sb_text(row, column);
    if (text == NULL)
        fg_sb_refuse(row, column, FG_ERR_SCHEMA, "is empty; give a name");
    return text;
}

double fg_sb_number(struct fg_sb_row *row, const char *column, double fallback)
{
    double number = fallback;
    if (fg_sb_text(row, column) != NULL)
        row->code = fg_csv_number(&row->table->csv, row->number, (size_t)fg_csv_column(&row->table->csv, column),
                                  &number, row->err);
    return number;
}

double fg_sb_need(struct fg_sb_row *row, const char *column)
{
    double number = fg_sb_number(row, column, NAN);
    if (row->code == FG_OK && isnan(number))
        fg_sb_refuse(row, column, FG_ERR_SCHEMA, "is empty; give a number");
    return number;
}

int32_t fg_sb_node(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *column)
{
    const char *id = fg_sb_need_text(row, column);
    int32_t bus = id == NULL ? -1 : fg_names_find(&reader->nodes, id);
    if (row->code == FG_OK && bus < 0)
        fg_sb_refuse(row, column, FG_ERR_NETWORK, "node \"%.80s\" is not in Node.csv; correct the reference", id);
    return bus;
}

enum fg_code fg_sb_note(struct fg_sb_reader *reader, const struct fg_sb_row *row, enum fg_note_kind kind,
                        const char *format, ...)
{
    char place[256], text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(place, sizeof place, "%.200s:%zu", row->table->csv.path, row->table->csv.lines[row->number]);
    return fg_network_note(reader->network, kind, place, reader->err, "%s", text);
}
