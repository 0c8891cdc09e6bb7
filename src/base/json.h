/* JSON: strict reading with places, and a streaming writer.
 *
 * Reading uses jansson (strict RFC 8259, duplicate keys refused) behind a cursor that knows its JSON pointer, so
 * that each error names "file#/a/3/b". Refused as too large: files above FG_JSON_MAX_BYTES, documents that would take
 * more than FG_JSON_MAX_MEMORY once parsed, nesting deeper than jansson's limit (2048).
 * Thread rule: a document belongs to one thread. */
#ifndef FG_BASE_JSON_H
#define FG_BASE_JSON_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FG_JSON_MAX_BYTES ((size_t)512 << 20)
#define FG_JSON_MAX_MEMORY ((size_t)2 << 30) /* estimated size of the parsed document */

/* Load a document; the caller frees it with json_decref. `place` names it in errors (a file name). */
enum fg_code fg_json_load_file(const char *path, json_t **root, struct fg_error *err);
enum fg_code fg_json_load_text(const char *bytes, size_t length, const char *place, json_t **root,
                               struct fg_error *err);
/* The same with a bound of its own on the estimated size of the parsed document, for input from strangers. */
enum fg_code fg_json_load_limited(const char *bytes, size_t length, size_t max_memory, const char *place, json_t **root,
                                  struct fg_error *err);

/* A value and the way to it. Cursors live on the stack and point to their parents, which must outlive them. */
struct fg_json_cursor {
    json_t *value;                       /* borrowed; NULL when absent */
    const struct fg_json_cursor *parent; /* NULL at the root */
    const char *key;                     /* member name in the parent, or NULL for an array item */
    size_t index;                        /* item index in the parent array */
    const char *file;                    /* only at the root */
};
struct fg_json_cursor fg_json_root(json_t *root, const char *file);
struct fg_json_cursor fg_json_member(const struct fg_json_cursor *object, const char *key); /* .value NULL if absent */
struct fg_json_cursor fg_json_item(const struct fg_json_cursor *array, size_t index);

/* "file#/pointer" of the cursor into buffer (always terminated). Returns buffer. */
const char *fg_json_place(const struct fg_json_cursor *cursor, char *buffer, size_t size);

/* Fail at the cursor's place. */
enum fg_code fg_json_fail(const struct fg_json_cursor *cursor, enum fg_code code, struct fg_error *err,
                          const char *format, ...) FG_PRINTF(4, 5);

/* Typed members of an object. The `_get` form requires the member; the `_or` form gives `fallback` when the member is
 * absent or null. Numbers must be finite. Wrong types fail with FG_ERR_SCHEMA at the member's place. */
enum fg_code fg_json_get_number(const struct fg_json_cursor *object, const char *key, double *out, struct fg_error *err);
enum fg_code fg_json_or_number(const struct fg_json_cursor *object, const char *key, double fallback, double *out,
                               struct fg_error *err);
enum fg_code fg_json_get_integer(const struct fg_json_cursor *object, const char *key, int64_t *out,
                                 struct fg_error *err);
enum fg_code fg_json_or_integer(const struct fg_json_cursor *object, const char *key, int64_t fallback, int64_t *out,
                                struct fg_error *err);
enum fg_code fg_json_get_string(const struct fg_json_cursor *object, const char *key, const char **out,
                                struct fg_error *err);
enum fg_code fg_json_or_string(const struct fg_json_cursor *object, const char *key, const char *fallback,
                               const char **out, struct fg_error *err);
enum fg_code fg_json_or_bool(const struct fg_json_cursor *object, const char *key, bool fallback, bool *out,
                             struct fg_error *err);
/* Objects and arrays: `_get` requires presence; `_or` gives a cursor whose value is NULL when absent or null. */
enum fg_code fg_json_get_array(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                               struct fg_error *err);
enum fg_code fg_json_or_array(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                              struct fg_error *err);
enum fg_code fg_json_get_object(const struct fg_json_cursor *object, const char *key, struct fg_json_cursor *out,
                                struct fg_error *err);
/* The cursor itself must be of the type. */
enum fg_code fg_json_is_object(const struct fg_json_cursor *cursor, struct fg_error *err);
size_t fg_json_count(const struct fg_json_cursor *array); /* 0 when absent */

/* Refuse members that are not in the NULL-terminated list `known`; names the nearest known word as the remedy. */
enum fg_code fg_json_only(const struct fg_json_cursor *object, const char *const *known, struct fg_error *err);

/* The word of the NULL-terminated list that is nearest to `word`, as fg_json_only suggests it; NULL when none is near. */
const char *fg_json_nearest(const char *word, const char *const *known);

/* Streaming writer into a fg_text. Commas and nesting are its business; non-finite numbers are written as null. */
struct fg_json_writer {
    struct fg_text *text;
    int depth;
    bool indent;           /* two-space indentation, one member a line; arrays of numbers stay on one line */
    bool needs_comma[64];
    bool is_array[64];
    bool compact[64];
};
void fg_json_writer_init(struct fg_json_writer *writer, struct fg_text *text, bool indent);
/* `key` is NULL inside arrays and at the root. */
void fg_json_begin_object(struct fg_json_writer *writer, const char *key);
void fg_json_end_object(struct fg_json_writer *writer);
void fg_json_begin_array(struct fg_json_writer *writer, const char *key);
void fg_json_begin_row(struct fg_json_writer *writer, const char *key); /* an array or object kept on one line ... */
void fg_json_begin_row_object(struct fg_json_writer *writer, const char *key);
void fg_json_end_array(struct fg_json_writer *writer);
void fg_json_put_string(struct fg_json_writer *writer, const char *key, const char *value); /* NULL writes null */
void fg_json_put_number(struct fg_json_writer *writer, const char *key, double value);
void fg_json_put_integer(struct fg_json_writer *writer, const char *key, int64_t value);
void fg_json_put_bool(struct fg_json_writer *writer, const char *key, bool value);
/* `json` is JSON text already. */
void fg_json_put_raw(struct fg_json_writer *writer, const char *key, const char *json);
void fg_json_put_null(struct fg_json_writer *writer, const char *key);

#endif
