/* The streaming JSON writer (RFC 8259). The text is valid UTF-8 whatever the caller passes: bytes that are not become
 * U+FFFD. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void fg_json_writer_init(struct fg_json_writer *writer, struct fg_text *text, bool indent)
{
    *writer = (struct fg_json_writer){.text = text, .indent = indent};
}

static void put_quoted(struct fg_text *text, const char *value)
{
    fg_text_append(text, "\"", 1);
    size_t left = strlen(value);
    while (left > 0) {
        size_t valid = fg_utf8_valid_length(value, left);
        for (size_t from = 0, at = 0; at <= valid; at++) {
            unsigned char byte = at < valid ? (unsigned char)value[at] : 0;
            bool is_plain = at < valid && byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
            if (is_plain)
                continue;
            fg_text_append(text, value + from, at - from);
            from = at + 1;
            if (at == valid)
                break;
            if (byte == '"' || byte == '\\')
                fg_text_printf(text, "\\%c", byte);
            else if (byte == '\n')
                fg_text_puts(text, "\\n");
            else if (byte == '\t')
                fg_text_puts(text, "\\t");
            else
                fg_text_printf(text, "\\u%04x", byte);
        }
        value += valid;
        left -= valid;
        if (left > 0) {
            fg_text_puts(text, "\xEF\xBF\xBD");
            value++;
            left--;
        }
    }
    fg_text_append(text, "\"", 1);
}

static void break_line(struct fg_json_writer *writer)
{
    fg_text_append(writer->text, "\n", 1);
    for (int i = 0; i < writer->depth; i++)
        fg_text_append(writer->text, "  ", 2);
}

/* Everything before a value: comma, line, key. */
static void begin_value(struct fg_json_writer *writer, const char *key)
{
    int depth = writer->depth;
    if (depth > 0) {
        assert(writer->is_array[depth] == (key == NULL));
        if (writer->needs_comma[depth])
            fg_text_append(writer->text, ",", 1);
        if (writer->indent && !writer->compact[depth])
            break_line(writer);
        else if (writer->indent && writer->needs_comma[depth])
            fg_text_append(writer->text, " ", 1);
    }
    writer->needs_comma[depth] = true;
    if (key != NULL) {
        put_quoted(writer->text, key);
        fg_text_append(writer->text, ": ", writer->indent ? 2 : 1);
    }
}

static void begin_container(struct fg_json_writer *writer, const char *key, bool is_array, bool compact)
{
    begin_value(writer, key);
    assert(writer->depth + 1 < (int)(sizeof writer->is_array / sizeof writer->is_array[0]));
    bool parent_compact = writer->depth > 0 && writer->compact[writer->depth];
    writer->depth++;
    writer->needs_comma[writer->depth] = false;
    writer->is_array[writer->depth] = is_array;
    writer->compact[writer->depth] = compact || parent_compact;
    fg_text_append(writer->text, is_array ? "[" : "{", 1);
}

static void end_container(struct fg_json_writer *writer, bool is_array)
{
    int depth = writer->depth;
    assert(depth > 0 && writer->is_array[depth] == is_array);
    writer->depth--;
    if (writer->indent && writer->needs_comma[depth] && !writer->compact[depth])
        break_line(writer);
    fg_text_append(writer->text, is_array ? "]" : "}", 1);
    if (writer->indent && writer->depth == 0)
        fg_text_append(writer->text, "\n", 1);
}

void fg_json_begin_object(struct fg_json_writer *writer, const char *key)
{
    begin_container(writer, key, false, false);
}

void fg_json_begin_array(struct fg_json_writer *writer, const char *key)
{
    begin_container(writer, key, true, false);
}

void fg_json_begin_row(struct fg_json_writer *writer, const char *key)
{
    begin_container(writer, key, true, true);
}

void fg_json_begin_row_object(struct fg_json_writer *writer, const char *key)
{
    begin_container(writer, key, false, true);
}

void fg_json_end_object(struct fg_json_writer *writer)
{
    end_container(writer, false);
}

void fg_json_end_array(struct fg_json_writer *writer)
{
    end_container(writer, true);
}

void fg_json_put_string(struct fg_json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    if (value == NULL)
        fg_text_puts(writer->text, "null");
    else
        put_quoted(writer->text, value);
}

void fg_json_put_number(struct fg_json_writer *writer, const char *key, double value)
{
    begin_value(writer, key);
    if (isfinite(value))
        fg_text_number(writer->text, value);
    else
        fg_text_puts(writer->text, "null");
}

void fg_json_put_integer(struct fg_json_writer *writer, const char *key, int64_t value)
{
    begin_value(writer, key);
    fg_text_printf(writer->text, "%" PRId64, value);
}

void fg_json_put_bool(struct fg_json_writer *writer, const char *key, bool value)
{
    begin_value(writer, key);
    fg_text_puts(writer->text, value ? "true" : "false");
}

void fg_json_put_raw(struct fg_json_writer *writer, const char *key, const char *json)
{
    begin_value(writer, key);
    fg_text_puts(writer->text, json);
}

void fg_json_put_null(struct fg_json_writer *writer, const char *key)
{
    begin_value(writer, key);
    fg_text_puts(writer->text, "null");
}
