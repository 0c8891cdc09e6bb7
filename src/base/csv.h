/* CSV: RFC 4180 with a header row; the separator (',' or ';') is told by the header, a UTF-8 byte order mark is
 * skipped, quotes may hold separators and line breaks, every row must have as many fields as the header. Empty lines are skipped; the text must be UTF-8.
 * Thread rule: a parsed table may be read by several threads at once. */
#ifndef FG_BASE_CSV_H
#define FG_BASE_CSV_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

#define FG_CSV_MAX_BYTES ((size_t)256 << 20) /* unpacked; larger files are refused */
#define FG_CSV_MAX_COLUMNS 65536

struct fg_csv {
    char *path;
    struct fg_text text; /* the file; fields point into it */
    size_t column_count, row_count;
    char **header; /* column_count names */
    char **fields; /* row_count x column_count, row-major */
    size_t *lines; /* row_count, 1-based line where the row starts */
};
/* Read a file (.csv or .csv.gz); release with fg_csv_release, also after an error. */
enum fg_code fg_csv_read(struct fg_csv *csv, const char *path, struct fg_error *err);
/* Parse a copy of `bytes`; `place` names it in errors. */
enum fg_code fg_csv_parse(struct fg_csv *csv, const char *bytes, size_t length, const char *place, struct fg_error *err);
void fg_csv_release(struct fg_csv *csv);

/* A file of any length, some rows at a time: `csv` holds the header and the rows just read, for all functions below.
 *
 *   fg_csv_stream_open -> fg_csv_stream_next ... until csv.row_count is 0 -> fg_csv_stream_close (also after an error)
 *
 * Fields are valid until the next call. Memory: about FG_CSV_STREAM_BYTES and the pointers to its fields; a single row
 * may hold as much, a longer one is refused. */
#define FG_CSV_STREAM_BYTES ((size_t)1 << 20)
struct fg_csv_stream {
    struct fg_csv csv;
    struct gzFile_s *file;
    struct fg_text rest, header; /* what was read beyond the rows given; the header row */
    size_t line;
    char separator;
    int is_at_end;
};
enum fg_code fg_csv_stream_open(struct fg_csv_stream *stream, const char *path, struct fg_error *err);
enum fg_code fg_csv_stream_next(struct fg_csv_stream *stream, struct fg_error *err);
void fg_csv_stream_close(struct fg_csv_stream *stream);

/* Column index by name; -1 when absent. */
int fg_csv_column(const struct fg_csv *csv, const char *name);
/* The same, failing with the list of columns that exist. */
enum fg_code fg_csv_need(const struct fg_csv *csv, const char *name, size_t *column, struct fg_error *err);
const char *fg_csv_field(const struct fg_csv *csv, size_t row, size_t column);
enum fg_code fg_csv_number(const struct fg_csv *csv, size_t row, size_t column, double *out, struct fg_error *err);
enum fg_code fg_csv_integer(const struct fg_csv *csv, size_t row, size_t column, int64_t *out, struct fg_error *err);
/* Fail at "path:line, column NAME". */
enum fg_code fg_csv_fail(const struct fg_csv *csv, size_t row, size_t column, enum fg_code code, struct fg_error *err,
                         const char *format, ...) FG_PRINTF(6, 7);
/* Append one field with the quoting it needs, then a comma, or a line end after the last. */
void fg_csv_put(struct fg_text *text, const char *field, int is_last);

#endif
