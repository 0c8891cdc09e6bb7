/* Text: a growing string, whole files, and results that are written completely or not at all. */
#ifndef FG_BASE_TEXT_H
#define FG_BASE_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A growing, NUL-terminated string. After an allocation failure `failed` is set and appends do nothing, so that
 * writers check once at the end. */
struct fg_text {
    char *data; /* NULL until the first append */
    size_t length, capacity;
    bool failed;
};
void fg_text_init(struct fg_text *text);
void fg_text_release(struct fg_text *text);
void fg_text_append(struct fg_text *text, const char *bytes, size_t length);
void fg_text_puts(struct fg_text *text, const char *string);
void fg_text_printf(struct fg_text *text, const char *format, ...) FG_PRINTF(2, 3);

/* Shortest decimal that reads back as the same double; "null" for NaN and infinities is the JSON writer's business. */
void fg_text_number(struct fg_text *text, double value);

/* Read one decimal number that fills `text` (surrounding blanks allowed), whatever the locale: optional sign, digits with
 * an optional point, optional exponent. False for anything else: empty, "nan", "inf", hexadecimal, trailing text, and
 * values beyond the range of a double. */
bool fg_number_parse(const char *text, double *out);

/* Offset of the first byte that is not valid UTF-8; `length` when all are (RFC 3629: no overlong forms, no surrogates). */
size_t fg_utf8_valid_length(const char *bytes, size_t length);

/* Read a whole file (plain or gzip, told by content) into text->data. Refuses more than `max_bytes` after
 * unpacking (FG_ERR_TOO_LARGE), so that a hostile file cannot exhaust memory. */
enum fg_code fg_file_read(const char *path, size_t max_bytes, struct fg_text *text, struct fg_error *err);

/* Write to "path.tmp-PID", fsync, rename: the file is there whole or not at all. On any failure (full disk) the
 * temporary file is removed and `path` is as before; termination signals wait until the write is over. A symbolic link
 * is followed and kept; a device or pipe (/dev/null, /dev/stdout) is written directly. */
enum fg_code fg_file_write(const char *path, const char *bytes, size_t length, struct fg_error *err);

#endif
