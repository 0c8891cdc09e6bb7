/* CSV (RFC 4180), parsed in place: fields point into the text, which loses its quotes and gains terminators. */
#include "base/csv.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void fg_csv_release(struct fg_csv *csv)
{
    fg_free(csv->path);
    fg_free(csv->header);
    fg_free(csv->fields);
    fg_free(csv->lines);
    fg_text_release(&csv->text);
    *csv = (struct fg_csv){0};
}

struct scanner {
    struct fg_csv *csv;
    char *at, *end; /* unread text */
    char separator;
    size_t line; /* of `at`, 1-based */
    struct fg_error *err;
};

static enum fg_code fail_line(struct scanner *scan, size_t line, enum fg_code code, const char *text)
{
    char place[sizeof scan->err->place];
    snprintf(place, sizeof place, "%.230s:%zu", scan->csv->path, line);
    return fg_fail(scan->err, code, place, "%s", text);
}

/* Whatever appears more often in the header outside quotes. */
static char find_separator(const char *at, const char *end)
{
    size_t commas = 0, semicolons = 0;
    bool quoted = false;
    for (; at < end && (quoted || (*at != '\n' && *at != '\r')); at++) {
        if (*at == '"')
            quoted = !quoted;
        commas += !quoted && *at == ',';
        semicolons += !quoted && *at == ';';
    }
    return semicolons > commas ? ';' : ',';
}

/* Step over "\n", "\r\n" or "\r". */
static void take_line_end(struct scanner *scan)
{
    if (*scan->at == '\r' && scan->at + 1 < scan->end && scan->at[1] == '\n')
        scan->at++;
    scan->at++;
    scan->line++;
}

/* Read one field and what ends it; *is_last tells whether that was the end of the row. */
static enum fg_code take_field(struct scanner *scan, char **field, bool *is_last)
{
    char *write = scan->at;
    *field = write;
    if (scan->at < scan->end && *scan->at == '"') {
        size_t opened = scan->line;
        scan->at++;
        for (;;) {
            if (scan->at >= scan->end)
                return fail_line(scan, opened, FG_ERR_SYNTAX, "a quote is opened and never closed; add the closing \"");
            char c = *scan->at++;
            if (c == '"') {
                if (scan->at >= scan->end || *scan->at != '"')
                    break;
                scan->at++;
            } else if (c == '\n') {
                scan->line++;
            }
            *write++ = c;
        }
    } else {
        while (scan->at < scan->end && *scan->at != scan->separator && *scan->at != '\n' && *scan->at != '\r') {
            if (*scan->at == '"')
                return fail_line(scan, scan->line, FG_ERR_SYNTAX,
                                 "a quote inside an unquoted field; quote the whole field and double the inner quotes");
            scan->at++;
        }
        write = scan->at;
    }
    *is_last = true;
    if (scan->at < scan->end) {
        if (*scan->at == scan->separator) {
            *is_last = false;
            scan->at++;
        } else if (*scan->at == '\n' || *scan->at == '\r') {
            take_line_end(scan);
        } else {
            return fail_line(scan, scan->line, FG_ERR_SYNTAX, "text after a closing quote; put a separator between");
        }
    }
    *write = '\0'; /* on the closing quote, the separator, the line end, or the terminator of the text */
    return FG_OK;
}

static void skip_empty_lines(struct scanner *scan)
{
    while (scan->at < scan->end && (*scan->at == '\n' || *scan->at == '\r'))
        take_line_end(scan);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum fg_code check_names(struct scanner *scan, size_t line)
{
    struct fg_csv *csv = scan->csv;
    char **sorted = fg_alloc(csv->column_count, sizeof *sorted);
    if (sorted == NULL)
        return fg_fail_memory(scan->err);
    memcpy(sorted, csv->header, csv->column_count * sizeof *sorted);
    qsort(sorted, csv->column_count, sizeof *sorted, compare_names);
    enum fg_code code = FG_OK;
    for (size_t i = 1; i < csv->column_count && code == FG_OK; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            char text[160];
            snprintf(text, sizeof text, "column \"%.80s\" appears twice; give each column its own name", sorted[i]);
            code = fail_line(scan, line, FG_ERR_SYNTAX, text);
        }
    }
    fg_free(sorted);
    return code;
}

static enum fg_code take_header(struct scanner *scan)
{
    struct fg_csv *csv = scan->csv;
    skip_empty_lines(scan);
    if (scan->at >= scan->end)
        return fail_line(scan, 1, FG_ERR_SYNTAX, "the file is empty; a header row with the column names is needed");
    scan->separator = find_separator(scan->at, scan->end);
    size_t capacity = 0, line = scan->line;
    bool is_last = false;
    while (!is_last) {
        if (csv->column_count == FG_CSV_MAX_COLUMNS)
            return fail_line(scan, line, FG_ERR_TOO_LARGE, "more than 65536 columns; split the table");
        if (fg_grow((void **)&csv->header, csv->column_count, &capacity, sizeof *csv->header) != 0)
            return fg_fail_memory(scan->err);
        enum fg_code code = take_field(scan, &csv->header[csv->column_count], &is_last);
        if (code != FG_OK)
            return code;
        csv->column_count++;
    }
    return check_names(scan, line);
}

static enum fg_code take_rows(struct scanner *scan)
{
    struct fg_csv *csv = scan->csv;
    size_t capacity = 0, line_capacity = 0, count = 0;
    for (;;) {
        skip_empty_lines(scan);
        if (scan->at >= scan->end)
            return FG_OK;
        size_t line = scan->line, columns = 0;
        if (fg_grow((void **)&csv->lines, csv->row_count, &line_capacity, sizeof *csv->lines) != 0)
            return fg_fail_memory(scan->err);
        bool is_last = false;
        while (!is_last) {
            if (fg_grow((void **)&csv->fields, count, &capacity, sizeof *csv->fields) != 0)
                return fg_fail_memory(scan->err);
            enum fg_code code = take_field(scan, &csv->fields[count], &is_last);
            if (code != FG_OK)
                return code;
            count++;
            columns++;
            if (columns > csv->column_count || (is_last && columns < csv->column_count)) {
                char text[120];
                snprintf(text, sizeof text, "%s %zu fields, but the header has %zu; complete or quote the row",
                         is_last ? "the row has" : "the row has more than", is_last ? columns : columns - 1,
                         csv->column_count);
                return fail_line(scan, line, FG_ERR_SYNTAX, text);
            }
        }
        csv->lines[csv->row_count++] = line;
    }
}

static enum fg_code check_encoding(struct scanner *scan)
{
    size_t length = (size_t)(scan->end - scan->at);
    if (length >= 2 && (memcmp(scan->at, "\xFF\xFE", 2) == 0 || memcmp(scan->at, "\xFE\xFF", 2) == 0))
        return fail_line(scan, 1, FG_ERR_SYNTAX, "the text is UTF-16; save it as UTF-8");
    const char *nul = memchr(scan->at, '\0', length);
    size_t valid = fg_utf8_valid_length(scan->at, length);
    size_t bad = nul != NULL && (size_t)(nul - scan->at) < valid ? (size_t)(nul - scan->at) : valid;
    if (bad == length)
        return FG_OK;
    size_t line = scan->line;
    for (size_t i = 0; i < bad; i++)
        line += scan->at[i] == '\n';
    return fail_line(scan, line, FG_ERR_SYNTAX,
                     nul != NULL && bad < valid ? "a NUL byte; the file is not a CSV text"
                                                : "a byte that is not UTF-8; save the file as UTF-8");
}

/* csv->path and csv->text are set. */
static enum fg_code parse_text(struct fg_csv *csv, struct fg_error *err)
{
    struct scanner scan = {.csv = csv, .at = csv->text.data, .end = csv->text.data + csv->text.length, .line = 1,
                           .err = err};
    if (csv->text.length >= 3 && memcmp(scan.at, "\xEF\xBB\xBF", 3) == 0)
        scan.at += 3;
    enum fg_code code = check_encoding(&scan);
    if (code == FG_OK)
        code = take_header(&scan);
    if (code == FG_OK)
        code = take_rows(&scan);
    return code;
}

static enum fg_code set_path(struct fg_csv *csv, const char *path, struct fg_error *err)
{
    *csv = (struct fg_csv){0};
    size_t size = strlen(path) + 1;
    csv->path = fg_alloc(size, 1);
    if (csv->path == NULL)
        return fg_fail_memory(err);
    memcpy(csv->path, path, size);
    return FG_OK;
}

enum fg_code fg_csv_read(struct fg_csv *csv, const char *path, struct fg_error *err)
{
    enum fg_code code = set_path(csv, path, err);
    if (code == FG_OK)
        code = fg_file_read(path, FG_CSV_MAX_BYTES, &csv->text, err);
    return code == FG_OK ? parse_text(csv, err) : code;
}

enum fg_code fg_csv_parse(struct fg_csv *csv, const char *bytes, size_t length, const char *place, struct fg_error *err)
{
    enum fg_code code = set_path(csv, place, err);
    if (code != FG_OK)
        return code;
    if (length > FG_CSV_MAX_BYTES)
        return fg_fail(err, FG_ERR_TOO_LARGE, place, "the text holds more than %zu bytes; split it", FG_CSV_MAX_BYTES);
    fg_text_append(&csv->text, bytes, length);
    return csv->text.failed ? fg_fail_memory(err) : parse_text(csv, err);
}

void fg_csv_stream_close(struct fg_csv_stream *stream)
{
    if (stream->file != NULL)
        gzclose(stream->file);
    fg_csv_release(&stream->csv);
    fg_text_release(&stream->rest);
    fg_text_release(&stream->header);
    *stream = (struct fg_csv_stream){0};
}

/* Read on until `rest` holds FG_CSV_STREAM_BYTES or all that is left. */
static enum fg_code stream_fill(struct fg_csv_stream *stream, struct fg_error *err)
{
    char block[1 << 14];
    while (!stream->is_at_end && stream->rest.length < FG_CSV_STREAM_BYTES) {
        int got = gzread(stream->file, block, sizeof block);
        if (got < 0) {
            int status = 0;
            const char *why = gzerror(stream->file, &status);
            if (status == Z_ERRNO)
                return fg_fail(err, FG_ERR_IO, stream->csv.path, "cannot read the file: %s", strerror(errno));
            return fg_fail(err, FG_ERR_SYNTAX, stream->csv.path, "the gzip data are damaged (%s); pack the file again",
                           why);
        }
        fg_text_append(&stream->rest, block, (size_t)got);
        if (stream->rest.failed)
            return fg_fail_memory(err);
        stream->is_at_end = got == 0;
    }
    return FG_OK;
}

/* Move the first `length` bytes of the rest into `text`. */
static enum fg_code stream_take(struct fg_csv_stream *stream, size_t length, struct fg_text *text, struct fg_error *err)
{
    text->length = 0;
    fg_text_append(text, stream->rest.data, length);
    if (text->failed)
        return fg_fail_memory(err);
    memmove(stream->rest.data, stream->rest.data + length, stream->rest.length - length + 1);
    stream->rest.length -= length;
    return FG_OK;
}

/* End of the first row that has text, or of the last whole row; 0 when there is none. */
static size_t row_end(const struct fg_text *text, bool is_first)
{
    bool is_quoted = false, has_text = false;
    size_t end = 0;
    for (size_t i = 0; i < text->length; i++) {
        char c = text->data[i];
        if (c == '"')
            is_quoted = !is_quoted;
        bool is_line_end = c == '\n' || (is_first && c == '\r');
        has_text = has_text || !(c == '\n' || c == '\r');
        if (is_quoted || !is_line_end)
            continue;
        end = i + 1;
        if (is_first && has_text)
            break;
    }
    return end;
}

enum fg_code fg_csv_stream_open(struct fg_csv_stream *stream, const char *path, struct fg_error *err)
{
    *stream = (struct fg_csv_stream){.line = 1};
    enum fg_code code = set_path(&stream->csv, path, err);
    if (code != FG_OK)
        return code;
    stream->file = gzopen(path, "rb");
    if (stream->file == NULL)
        return errno == ENOMEM ? fg_fail_memory(err)
                               : fg_fail(err, FG_ERR_IO, path, "cannot open the file: %s", strerror(errno));
    fg_text_append(&stream->rest, "", 0);
    code = stream_fill(stream, err);
    if (code == FG_OK && stream->rest.length >= 3 && memcmp(stream->rest.data, "\xEF\xBB\xBF", 3) == 0)
        code = stream_take(stream, 3, &stream->header, err);
    size_t end = row_end(&stream->rest, true);
    if (code == FG_OK && end == 0 && !stream->is_at_end)
        code = fg_fail(err, FG_ERR_TOO_LARGE, path, "the header row is longer than %zu bytes", FG_CSV_STREAM_BYTES);
    if (code == FG_OK)
        code = stream_take(stream, end > 0 ? end : stream->rest.length, &stream->header, err);
    if (code != FG_OK)
        return code;
    struct scanner scan = {.csv = &stream->csv, .at = stream->header.data, .line = 1, .err = err,
                           .end = stream->header.data + stream->header.length};
    code = check_encoding(&scan);
    if (code == FG_OK)
        code = take_header(&scan);
    stream->separator = scan.separator;
    stream->line = scan.line;
    return code;
}

enum fg_code fg_csv_stream_next(struct fg_csv_stream *stream, struct fg_error *err)
{
    struct fg_csv *csv = &stream->csv;
    csv->row_count = 0;
    for (;;) { /* a stretch of empty lines holds no row */
        enum fg_code code = stream_fill(stream, err);
        size_t end = stream->is_at_end ? stream->rest.length : row_end(&stream->rest, false);
        if (code == FG_OK && end == 0 && !stream->is_at_end) {
            char place[sizeof err->place];
            snprintf(place, sizeof place, "%.230s:%zu", csv->path, stream->line);
            code = fg_fail(err, FG_ERR_TOO_LARGE, place,
                           "a row longer than %zu bytes, or a quote that is never closed", FG_CSV_STREAM_BYTES);
        }
        if (code == FG_OK)
            code = stream_take(stream, end, &csv->text, err);
        if (code != FG_OK || end == 0)
            return code;
        struct scanner scan = {.csv = csv, .at = csv->text.data, .end = csv->text.data + csv->text.length,
                               .separator = stream->separator, .line = stream->line, .err = err};
        code = check_encoding(&scan);
        if (code == FG_OK)
            code = take_rows(&scan);
        stream->line = scan.line;
        if (code != FG_OK || csv->row_count > 0)
            return code;
    }
}

int fg_csv_column(const struct fg_csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->column_count; i++)
        if (strcmp(csv->header[i], name) == 0)
            return (int)i;
    return -1;
}

enum fg_code fg_csv_need(const struct fg_csv *csv, const char *name, size_t *column, struct fg_error *err)
{
    int found = fg_csv_column(csv, name);
    if (found >= 0) {
        *column = (size_t)found;
        return FG_OK;
    }
    char list[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < csv->column_count && used < sizeof list - 1; i++) {
        int wrote = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", csv->header[i]);
        used += (size_t)(wrote > 0 ? wrote : 0);
    }
    return fg_fail(err, FG_ERR_SCHEMA, csv->path, "column \"%s\" is missing; the columns are: %s", name, list);
}

const char *fg_csv_field(const struct fg_csv *csv, size_t row, size_t column)
{
    return csv->fields[row * csv->column_count + column];
}

enum fg_code fg_csv_number(const struct fg_csv *csv, size_t row, size_t column, double *out, struct fg_error *err)
{
    const char *field = fg_csv_field(csv, row, column);
    if (fg_number_parse(field, out))
        return FG_OK;
    return fg_csv_fail(csv, row, column, FG_ERR_VALUE, err, "\"%.40s\" is not a finite decimal number; write it as 12.5",
                       field);
}

enum fg_code fg_csv_integer(const struct fg_csv *csv, size_t row, size_t column, int64_t *out, struct fg_error *err)
{
    const char *field = fg_csv_field(csv, row, column);
    const char *digits = field + (*field == '-' || *field == '+');
    char *end = NULL;
    errno = 0;
    long long value = strtoll(field, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0)
        return fg_csv_fail(csv, row, column, FG_ERR_VALUE, err, "\"%.40s\" is not a whole number; write it as 12", field);
    *out = value;
    return FG_OK;
}

enum fg_code fg_csv_fail(const struct fg_csv *csv, size_t row, size_t column, enum fg_code code, struct fg_error *err,
                         const char *format, ...)
{
    char place[sizeof err->place], text[sizeof err->text];
    snprintf(place, sizeof place, "%.160s:%zu, column %.60s", csv->path, csv->lines[row], csv->header[column]);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(err, code, place, "%s", text);
}

void fg_csv_put(struct fg_text *text, const char *field, int is_last)
{
    if (strpbrk(field, ",;\"\r\n") == NULL && field[0] != ' ') {
        fg_text_puts(text, field);
    } else {
        fg_text_append(text, "\"", 1);
        for (const char *at = field; *at != '\0'; at++) {
            if (*at == '"')
                fg_text_append(text, "\"", 1);
            fg_text_append(text, at, 1);
        }
        fg_text_append(text, "\"", 1);
    }
    fg_text_append(text, is_last ? "\n" : ",", 1);
}
