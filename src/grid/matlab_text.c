/* The MATLAB subset: its characters. Comments, continuations, numbers, names and texts. */
#include "grid/matlab_internal.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER_LENGTH 400

bool fg_matlab_starts_with(const struct fg_matlab *run, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(run->end - run->at) >= length && memcmp(run->at, text, length) == 0;
}

static void skip_to_line_end(struct fg_matlab *run)
{
    const char *newline = memchr(run->at, '\n', (size_t)(run->end - run->at));
    run->at = newline ? newline : run->end;
}

/* "%{" or "%}" (also with "#") alone on its line opens or closes a block comment. */
static bool is_block_mark(const struct fg_matlab *run, char bracket)
{
    if ((fg_matlab_peek(run, 0) != '%' && fg_matlab_peek(run, 0) != '#') || fg_matlab_peek(run, 1) != bracket)
        return false;
    for (const char *p = run->at; p > run->start && p[-1] != '\n'; p--)
        if (p[-1] != ' ' && p[-1] != '\t')
            return false;
    for (const char *p = run->at + 2; p < run->end && *p != '\n'; p++)
        if (*p != ' ' && *p != '\t' && *p != '\r')
            return false;
    return true;
}

static void skip_comment(struct fg_matlab *run)
{
    if (!is_block_mark(run, '{')) {
        skip_to_line_end(run);
        return;
    }
    size_t open = 0;
    while (!fg_matlab_at_end(run)) {
        open += is_block_mark(run, '{');
        if (is_block_mark(run, '}') && --open == 0)
            break;
        run->line += fg_matlab_peek(run, 0) == '\n';
        run->at++;
    }
    skip_to_line_end(run);
}

/* Blanks, comments and continuations, but not the end of the line. True when something was skipped. */
bool fg_matlab_skip_blanks(struct fg_matlab *run)
{
    const char *before = run->at;
    for (;;) {
        char c = fg_matlab_peek(run, 0);
        if (c == ' ' || c == '\t' || c == '\r')
            run->at++;
        else if (c == '%' || c == '#')
            skip_comment(run);
        else if (fg_matlab_starts_with(run, "...")) {
            skip_to_line_end(run);
            if (!fg_matlab_at_end(run)) {
                run->at++;
                run->line++;
            }
        } else
            return run->at != before;
    }
}

static const char *printable(const struct fg_matlab *run, char buffer[24])
{
    unsigned char c = (unsigned char)fg_matlab_peek(run, 0);
    if (fg_matlab_at_end(run))
        snprintf(buffer, 24, "end of file");
    else if (c == '\n')
        snprintf(buffer, 24, "end of line");
    else if (c >= 32 && c < 127)
        snprintf(buffer, 24, "'%c'", c);
    else
        snprintf(buffer, 24, "byte 0x%02x", c);
    return buffer;
}

enum fg_code fg_matlab_unexpected(struct fg_matlab *run, const char *wanted)
{
    char buffer[24];
    return fg_matlab_fail(run, FG_ERR_SYNTAX, "%s found where %s was expected", printable(run, buffer), wanted);
}

enum fg_code fg_matlab_expect(struct fg_matlab *run, char c, const char *wanted)
{
    fg_matlab_skip_blanks(run);
    if (fg_matlab_peek(run, 0) != c || fg_matlab_at_end(run))
        return fg_matlab_unexpected(run, wanted);
    run->at++;
    return FG_OK;
}

/* The extent of a number at `p`: digits, point, exponent. 0 when there is none. */
size_t fg_matlab_number_length(const struct fg_matlab *run, const char *p)
{
    const char *start = p, *end = run->end;
    size_t digits = 0;
    for (; p < end && isdigit((unsigned char)*p); p++)
        digits++;
    /* "1./x" and "1.*x" are operators, "1..." is a continuation. */
    if (p < end && *p == '.' && !(p + 1 < end && strchr(".*/\\^'", p[1]) != NULL && p[1] != '\0')) {
        for (p++; p < end && isdigit((unsigned char)*p); p++)
            digits++;
    }
    if (digits == 0)
        return 0;
    if (p < end && strchr("eEdD", *p) != NULL && *p != '\0') {
        const char *e = p + 1;
        if (e < end && (*e == '+' || *e == '-'))
            e++;
        if (e < end && isdigit((unsigned char)*e)) {
            while (e < end && isdigit((unsigned char)*e))
                e++;
            p = e;
        }
    }
    return (size_t)(p - start);
}

enum fg_code fg_matlab_parse_number(struct fg_matlab *run, size_t length, double *out)
{
    char text[MAX_NUMBER_LENGTH + 1];
    if (length > MAX_NUMBER_LENGTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "a number has more than %d characters", MAX_NUMBER_LENGTH);
    for (size_t i = 0; i < length; i++)
        text[i] = run->at[i] == 'd' || run->at[i] == 'D' ? 'e' : run->at[i];
    text[length] = '\0';
    *out = strtod_l(text, NULL, (locale_t)run->number_locale);
    run->at += length;
    if (isalnum((unsigned char)fg_matlab_peek(run, 0)) || fg_matlab_peek(run, 0) == '_')
        return fg_matlab_fail(run, FG_ERR_SYNTAX,
                              "'%s%c' is not a number (complex numbers and units are not understood)", text,
                              fg_matlab_peek(run, 0));
    return FG_OK;
}

static bool is_name_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "name" or "name.field.field". */
enum fg_code fg_matlab_parse_name(struct fg_matlab *run, char name[FG_MATLAB_MAX_DOTTED_NAME + 1])
{
    size_t length = 0, part = 0;
    for (;; run->at++) {
        char c = fg_matlab_peek(run, 0);
        bool is_dot = c == '.' && fg_matlab_is_name_start(fg_matlab_peek(run, 1)) && part > 0;
        if (!is_dot && !is_name_part(c))
            break;
        part = is_dot ? 0 : part + 1;
        if (length >= FG_MATLAB_MAX_DOTTED_NAME || part > FG_MATLAB_MAX_NAME)
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "a name has more than %d characters", FG_MATLAB_MAX_NAME);
        name[length++] = c;
    }
    name[length] = '\0';
    return FG_OK;
}

/* 'text' or "text"; a doubled quote stands for one. */
enum fg_code fg_matlab_parse_text(struct fg_matlab *run, struct fg_matlab_value *out)
{
    char quote = *run->at++;
    const char *start = run->at;
    while (!fg_matlab_at_end(run) && fg_matlab_peek(run, 0) != '\n' &&
           (fg_matlab_peek(run, 0) != quote || fg_matlab_peek(run, 1) == quote))
        run->at += fg_matlab_peek(run, 0) == quote ? 2 : 1;
    if (fg_matlab_at_end(run) || fg_matlab_peek(run, 0) != quote)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "a text has no closing %c", quote);
    *out = (struct fg_matlab_value){.kind = FG_MATLAB_TEXT, .rows = 1, .cols = 1};
    char *text = fg_arena_alloc(&run->temporaries, (size_t)(run->at - start) + 1, 1);
    if (text == NULL)
        return fg_fail_memory(run->err);
    size_t length = 0;
    for (const char *p = start; p < run->at; p++) {
        if (*p == '\0')
            return fg_matlab_fail(run, FG_ERR_SYNTAX, "a text holds a zero byte");
        text[length++] = *p;
        p += *p == quote;
    }
    run->at++;
    out->text = text;
    return FG_OK;
}
