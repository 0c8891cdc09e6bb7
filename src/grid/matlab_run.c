/* The MATLAB subset: text to statements, evaluated as they are read (there are no loops, so no tree is kept).
 * Grammar and precedence: MATLAB language reference, "Operator Precedence"; white space in brackets separates elements
 * as in "[1 -2]" (two) against "[1 - 2]" and "[1 -  2]" (one and two). */
#include "grid/matlab.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 60
#define MAX_NAME 63
#define MAX_DOTTED_NAME 200
#define MAX_VARIABLES 1000
#define MAX_NUMBER_LENGTH 400
#define MAX_ARGUMENTS 3
/* Bounds of a run: a fixed share for small files, and a share per byte of the file. */
#define ELEMENTS_FIXED ((size_t)1 << 20)
#define ELEMENTS_PER_BYTE 8
#define WORK_FIXED ((size_t)20 << 20)
#define WORK_PER_BYTE 200

enum fg_code fg_matlab_fail(struct fg_matlab *run, enum fg_code code, const char *format, ...)
{
    char place[300], text[600];
    snprintf(place, sizeof place, "%s:%zu", run->place, run->line);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(run->err, code, place, "%s", text);
}

/* ---- Variables ---- */

static void value_release(struct fg_matlab_value *value)
{
    fg_free(value->numbers);
    fg_free(value->lines);
    fg_free(value->text);
    fg_free(value->texts);
    *value = (struct fg_matlab_value){ 0 };
}

void fg_matlab_release(struct fg_matlab *run)
{
    for (size_t i = 0; i < run->variable_count; i++) {
        fg_free(run->variables[i].name);
        value_release(&run->variables[i].value);
    }
    fg_free(run->variables);
    fg_free(run->function_name);
    fg_free(run->output_name);
    fg_arena_release(&run->temporaries);
    if (run->number_locale != NULL)
        freelocale((locale_t)run->number_locale);
    *run = (struct fg_matlab){ 0 };
}

static struct fg_matlab_variable *find_variable(const struct fg_matlab *run, const char *name)
{
    for (size_t i = 0; i < run->variable_count; i++)
        if (strcmp(run->variables[i].name, name) == 0)
            return &run->variables[i];
    return NULL;
}

const struct fg_matlab_variable *fg_matlab_find(const struct fg_matlab *run, const char *name)
{
    return find_variable(run, name);
}

/* Is `prefix` a structure: is there a variable "prefix.something"? */
static bool is_structure(const struct fg_matlab *run, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < run->variable_count; i++)
        if (strncmp(run->variables[i].name, prefix, length) == 0 && run->variables[i].name[length] == '.')
            return true;
    return false;
}

static char *copy_text(const char *text, size_t length)
{
    char *copy = fg_alloc(length + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

/* Deep copy from the statement's temporaries to the heap; one block for all texts of a cell array. */
static bool value_copy(struct fg_matlab_value *target, const struct fg_matlab_value *source)
{
    size_t count = source->rows * source->cols;
    *target = (struct fg_matlab_value){ .kind = source->kind, .rows = source->rows, .cols = source->cols,
                                        .is_logical = source->is_logical };
    bool ok = true;
    if (source->kind == FG_MATLAB_NUMBER) {
        ok = (target->numbers = fg_alloc(count, sizeof *target->numbers)) != NULL;
        if (ok && count != 0)
            memcpy(target->numbers, source->numbers, count * sizeof *target->numbers);
    } else if (source->kind == FG_MATLAB_TEXT) {
        ok = (target->text = copy_text(source->text, strlen(source->text))) != NULL;
    } else {
        size_t bytes = 0;
        for (size_t i = 0; i < count; i++)
            bytes += source->texts[i] ? strlen(source->texts[i]) + 1 : 0;
        ok = (target->texts = fg_alloc(1, count * sizeof *target->texts + bytes)) != NULL;
        char *next = ok ? (char *)(target->texts + count) : NULL;
        for (size_t i = 0; ok && i < count; i++)
            if (source->texts[i] != NULL) {
                size_t size = strlen(source->texts[i]) + 1;
                target->texts[i] = memcpy(next, source->texts[i], size);
                next += size;
            }
    }
    if (ok && source->lines != NULL) {
        ok = (target->lines = fg_alloc(source->rows, sizeof *target->lines)) != NULL;
        if (ok && source->rows != 0)
            memcpy(target->lines, source->lines, source->rows * sizeof *target->lines);
    }
    if (!ok)
        value_release(target);
    return ok;
}

/* A name must not be a structure and a value at the same time. */
static enum fg_code check_name_is_free(struct fg_matlab *run, const char *name)
{
    if (is_structure(run, name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is a structure; assigning to it as a whole is not understood",
                              name);
    char prefix[MAX_DOTTED_NAME + 1];
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        snprintf(prefix, sizeof prefix, "%.*s", (int)(dot - name), name);
        if (find_variable(run, prefix) != NULL)
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is a value and has no fields; '%s' is not understood",
                                  prefix, name);
    }
    return FG_OK;
}

static enum fg_code assign(struct fg_matlab *run, const char *name, const struct fg_matlab_value *value)
{
    struct fg_matlab_variable *variable = find_variable(run, name);
    enum fg_code code = variable != NULL ? FG_OK : check_name_is_free(run, name);
    if (code != FG_OK)
        return code;
    struct fg_matlab_value copy;
    if (!value_copy(&copy, value))
        return fg_fail_memory(run->err);
    if (variable != NULL) {
        if (variable->value.kind == FG_MATLAB_NUMBER)
            run->variable_elements -= variable->value.rows * variable->value.cols;
        value_release(&variable->value);
    } else {
        if (run->variable_count >= MAX_VARIABLES) {
            value_release(&copy);
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the code has more than %d variables", MAX_VARIABLES);
        }
        char *own_name = NULL;
        if (fg_grow((void **)&run->variables, run->variable_count, &run->variable_capacity, sizeof *run->variables) ||
            (own_name = copy_text(name, strlen(name))) == NULL) {
            value_release(&copy);
            return fg_fail_memory(run->err);
        }
        variable = &run->variables[run->variable_count++];
        *variable = (struct fg_matlab_variable){ .name = own_name, .line = run->statement_line };
    }
    variable->value = copy;
    if (copy.kind == FG_MATLAB_NUMBER)
        run->variable_elements += copy.rows * copy.cols;
    return FG_OK;
}

static enum fg_code define_number(struct fg_matlab *run, const char *name, double number)
{
    const struct fg_matlab_value value = { .kind = FG_MATLAB_NUMBER, .rows = 1, .cols = 1, .numbers = &number };
    return assign(run, name, &value);
}

/* ---- Text ---- */

static bool at_end(const struct fg_matlab *run)
{
    return run->at >= run->end;
}

static char peek(const struct fg_matlab *run, size_t offset)
{
    return (size_t)(run->end - run->at) > offset ? run->at[offset] : '\0';
}

static bool starts_with(const struct fg_matlab *run, const char *text)
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
    if ((peek(run, 0) != '%' && peek(run, 0) != '#') || peek(run, 1) != bracket)
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
    while (!at_end(run)) {
        open += is_block_mark(run, '{');
        if (is_block_mark(run, '}') && --open == 0)
            break;
        run->line += peek(run, 0) == '\n';
        run->at++;
    }
    skip_to_line_end(run);
}

/* Blanks, comments and continuations, but not the end of the line. True when something was skipped. */
static bool skip_blanks(struct fg_matlab *run)
{
    const char *before = run->at;
    for (;;) {
        char c = peek(run, 0);
        if (c == ' ' || c == '\t' || c == '\r')
            run->at++;
        else if (c == '%' || c == '#')
            skip_comment(run);
        else if (starts_with(run, "...")) {
            skip_to_line_end(run);
            if (!at_end(run)) {
                run->at++;
                run->line++;
            }
        } else
            return run->at != before;
    }
}

static const char *printable(const struct fg_matlab *run, char buffer[24])
{
    unsigned char c = (unsigned char)peek(run, 0);
    if (at_end(run))
        snprintf(buffer, 24, "end of file");
    else if (c == '\n')
        snprintf(buffer, 24, "end of line");
    else if (c >= 32 && c < 127)
        snprintf(buffer, 24, "'%c'", c);
    else
        snprintf(buffer, 24, "byte 0x%02x", c);
    return buffer;
}

static enum fg_code unexpected(struct fg_matlab *run, const char *wanted)
{
    char buffer[24];
    return fg_matlab_fail(run, FG_ERR_SYNTAX, "%s found where %s was expected", printable(run, buffer), wanted);
}

static enum fg_code expect(struct fg_matlab *run, char c, const char *wanted)
{
    skip_blanks(run);
    if (peek(run, 0) != c || at_end(run))
        return unexpected(run, wanted);
    run->at++;
    return FG_OK;
}

/* ---- Expressions ---- */

static enum fg_code parse_expression(struct fg_matlab *run, struct fg_matlab_value *out);

/* The extent of a number at `p`: digits, point, exponent. 0 when there is none. */
static size_t number_length(const struct fg_matlab *run, const char *p)
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

static enum fg_code parse_number(struct fg_matlab *run, size_t length, double *out)
{
    char text[MAX_NUMBER_LENGTH + 1];
    if (length > MAX_NUMBER_LENGTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "a number has more than %d characters", MAX_NUMBER_LENGTH);
    for (size_t i = 0; i < length; i++)
        text[i] = run->at[i] == 'd' || run->at[i] == 'D' ? 'e' : run->at[i];
    text[length] = '\0';
    *out = strtod_l(text, NULL, (locale_t)run->number_locale);
    run->at += length;
    if (isalnum((unsigned char)peek(run, 0)) || peek(run, 0) == '_')
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "'%s%c' is not a number (complex numbers and units are not understood)",
                              text, peek(run, 0));
    return FG_OK;
}

static bool is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "name" or "name.field.field". */
static enum fg_code parse_dotted_name(struct fg_matlab *run, char name[MAX_DOTTED_NAME + 1])
{
    size_t length = 0, part = 0;
    for (;; run->at++) {
        char c = peek(run, 0);
        bool is_dot = c == '.' && is_name_start(peek(run, 1)) && part > 0;
        if (!is_dot && !is_name_part(c))
            break;
        part = is_dot ? 0 : part + 1;
        if (length >= MAX_DOTTED_NAME || part > MAX_NAME)
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "a name has more than %d characters", MAX_NAME);
        name[length++] = c;
    }
    name[length] = '\0';
    return FG_OK;
}

/* 'text' or "text"; a doubled quote stands for one. */
static enum fg_code parse_text(struct fg_matlab *run, struct fg_matlab_value *out)
{
    char quote = *run->at++;
    const char *start = run->at;
    while (!at_end(run) && peek(run, 0) != '\n' && (peek(run, 0) != quote || peek(run, 1) == quote))
        run->at += peek(run, 0) == quote ? 2 : 1;
    if (at_end(run) || peek(run, 0) != quote)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "a text has no closing %c", quote);
    *out = (struct fg_matlab_value){ .kind = FG_MATLAB_TEXT, .rows = 1, .cols = 1 };
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

/* A number in a matrix that stands for itself: what follows separates it from the next element. */
static bool is_plain_element(const struct fg_matlab *run, const char *behind)
{
    const char *p = behind;
    while (p < run->end && (*p == ' ' || *p == '\t'))
        p++;
    if (p >= run->end)
        return false;
    if (strchr(",;\n\r]%#", *p) != NULL && *p != '\0')
        return true;
    if (p == behind)
        return false;
    bool sign = *p == '+' || *p == '-';
    char next = sign ? (p + 1 < run->end ? p[1] : '\0') : *p;
    return isdigit((unsigned char)next);
}

struct literal {
    double *numbers; /* rows x cols so far, and the row being read behind them */
    size_t *lines;
    size_t rows, cols, capacity, line_capacity;
    size_t pending; /* elements of the row being read */
    size_t pending_rows; /* 1, or the height of the blocks in the row being read */
    struct fg_matlab_value block; /* the row being read when it consists of blocks */
    size_t pending_line;
};

static enum fg_code literal_reserve(struct fg_matlab *run, struct literal *literal, size_t more)
{
    size_t used = literal->rows * literal->cols + literal->pending;
    enum fg_code code = fg_matlab_spend(run, more);
    if (code != FG_OK || used + more <= literal->capacity)
        return code;
    struct fg_matlab_value grown;
    size_t capacity = 2 * (used + more) + 16;
    code = fg_matlab_matrix(run, 1, capacity, &grown);
    if (code != FG_OK)
        return code;
    if (used != 0)
        memcpy(grown.numbers, literal->numbers, used * sizeof *grown.numbers);
    literal->numbers = grown.numbers;
    literal->capacity = capacity;
    return FG_OK;
}

static enum fg_code literal_push(struct fg_matlab *run, struct literal *literal, double number)
{
    size_t used = literal->rows * literal->cols + literal->pending;
    enum fg_code code = used < literal->capacity ? FG_OK : literal_reserve(run, literal, 1);
    if (code != FG_OK)
        return code;
    if (literal->pending == 0)
        literal->pending_line = run->line;
    literal->numbers[used] = number;
    literal->pending++;
    return FG_OK;
}

/* Append an element that is a matrix itself to the row being read. */
static enum fg_code literal_append(struct fg_matlab *run, struct literal *literal, const struct fg_matlab_value *value)
{
    if (value->kind != FG_MATLAB_NUMBER)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "a matrix holds %s; only numbers are understood (use { } for texts)",
                              value->kind == FG_MATLAB_TEXT ? "a text" : "a cell array");
    if (value->rows * value->cols == 0)
        return FG_OK;
    if (value->rows == 1 && literal->block.rows == 0) {
        enum fg_code code = FG_OK;
        for (size_t c = 0; code == FG_OK && c < value->cols; c++)
            code = literal_push(run, literal, value->numbers[c]);
        return code;
    }
    struct fg_matlab_value left = literal->block;
    if (left.rows == 0 && literal->pending != 0) { /* the scalars before it form a block of one row */
        left = (struct fg_matlab_value){ .rows = 1, .cols = literal->pending,
                                         .numbers = literal->numbers + literal->rows * literal->cols };
    }
    if (left.rows != 0 && left.rows != value->rows)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "a block of %zu rows stands beside one of %zu; the numbers must agree",
                              left.rows, value->rows);
    struct fg_matlab_value joined;
    enum fg_code code = fg_matlab_matrix(run, value->rows, left.cols + value->cols, &joined);
    for (size_t r = 0; code == FG_OK && r < value->rows; r++) {
        if (left.cols != 0)
            memcpy(joined.numbers + r * joined.cols, left.numbers + r * left.cols, left.cols * sizeof(double));
        memcpy(joined.numbers + r * joined.cols + left.cols, value->numbers + r * value->cols,
               value->cols * sizeof(double));
    }
    if (code == FG_OK) {
        literal->block = joined;
        literal->pending = 0;
        literal->pending_line = run->line;
    }
    return code;
}

static enum fg_code literal_end_row(struct fg_matlab *run, struct literal *literal)
{
    size_t rows = literal->block.rows ? literal->block.rows : literal->pending ? 1 : 0;
    size_t cols = literal->block.rows ? literal->block.cols : literal->pending;
    if (rows == 0)
        return FG_OK;
    if (literal->rows != 0 && cols != literal->cols) {
        run->line = literal->pending_line;
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "this row has %zu columns, the rows before it have %zu", cols,
                              literal->cols);
    }
    literal->cols = cols;
    if (literal->block.rows) {
        enum fg_code code = literal_reserve(run, literal, rows * cols);
        if (code != FG_OK)
            return code;
        memcpy(literal->numbers + literal->rows * cols, literal->block.numbers, rows * cols * sizeof(double));
    }
    if (literal->rows + rows > literal->line_capacity) {
        size_t capacity = 2 * (literal->rows + rows) + 16;
        size_t *lines = fg_arena_alloc(&run->temporaries, capacity, sizeof *lines);
        if (lines == NULL)
            return fg_fail_memory(run->err);
        if (literal->rows != 0)
            memcpy(lines, literal->lines, literal->rows * sizeof *lines);
        literal->lines = lines;
        literal->line_capacity = capacity;
    }
    for (size_t r = 0; r < rows; r++)
        literal->lines[literal->rows + r] = literal->pending_line;
    literal->rows += rows;
    literal->pending = 0;
    literal->block.rows = literal->block.cols = 0;
    return FG_OK;
}

static enum fg_code parse_element(struct fg_matlab *run, struct literal *literal)
{
    bool sign = peek(run, 0) == '-' || peek(run, 0) == '+';
    size_t length = number_length(run, run->at + sign);
    if (length != 0 && is_plain_element(run, run->at + sign + length)) {
        bool negative = peek(run, 0) == '-';
        double number;
        run->at += sign;
        enum fg_code code = parse_number(run, length, &number);
        return code == FG_OK ? literal_push(run, literal, negative ? -number : number) : code;
    }
    struct fg_matlab_value value;
    enum fg_code code = parse_expression(run, &value);
    return code == FG_OK ? literal_append(run, literal, &value) : code;
}

/* Behind '['. */
static enum fg_code parse_matrix(struct fg_matlab *run, struct fg_matlab_value *out)
{
    struct literal literal = { 0 };
    size_t opened = run->line;
    enum fg_code code = FG_OK;
    while (code == FG_OK) {
        skip_blanks(run);
        char c = peek(run, 0);
        if (at_end(run))
            return fg_matlab_fail(run, FG_ERR_SYNTAX, "the '[' of line %zu is not closed; the file may be cut off", opened);
        if (c == ']' || c == ';' || c == '\n') {
            code = literal_end_row(run, &literal);
            run->line += c == '\n';
            run->at++;
            if (c == ']')
                break;
        } else if (c == ',') {
            if (literal.pending == 0 && literal.block.rows == 0)
                return unexpected(run, "an element");
            run->at++;
            skip_blanks(run);
            if (peek(run, 0) == ',')
                return unexpected(run, "an element");
        } else
            code = parse_element(run, &literal);
    }
    *out = (struct fg_matlab_value){ .kind = FG_MATLAB_NUMBER, .rows = literal.rows, .cols = literal.cols,
                                     .numbers = literal.numbers, .lines = literal.lines };
    return code == FG_OK && out->numbers == NULL ? fg_matlab_matrix(run, 0, 0, out) : code;
}

/* Behind '{': texts are kept, other items are placeholders. */
static enum fg_code parse_cell(struct fg_matlab *run, struct fg_matlab_value *out)
{
    size_t opened = run->line, count = 0, capacity = 0, rows = 0, cols = 0, in_row = 0;
    char **texts = NULL;
    for (;;) {
        skip_blanks(run);
        char c = peek(run, 0);
        if (at_end(run))
            return fg_matlab_fail(run, FG_ERR_SYNTAX, "the '{' of line %zu is not closed; the file may be cut off", opened);
        if (c == '}' || c == ';' || c == '\n') {
            if (in_row != 0 && rows != 0 && in_row != cols)
                return fg_matlab_fail(run, FG_ERR_SYNTAX, "this row has %zu items, the rows before it have %zu", in_row,
                                      cols);
            if (in_row != 0) {
                cols = in_row;
                rows++;
            }
            in_row = 0;
            run->line += c == '\n';
            run->at++;
            if (c == '}')
                break;
            continue;
        }
        if (c == ',') {
            run->at++;
            continue;
        }
        struct fg_matlab_value item;
        enum fg_code code = parse_expression(run, &item);
        if (code == FG_OK)
            code = fg_matlab_spend(run, 1);
        if (code != FG_OK)
            return code;
        if (count == capacity) {
            capacity = 2 * capacity + 16;
            char **grown = fg_arena_alloc(&run->temporaries, capacity, sizeof *grown);
            if (grown == NULL)
                return fg_fail_memory(run->err);
            if (count != 0)
                memcpy(grown, texts, count * sizeof *grown);
            texts = grown;
        }
        texts[count++] = item.kind == FG_MATLAB_TEXT ? item.text : NULL;
        in_row++;
    }
    *out = (struct fg_matlab_value){ .kind = FG_MATLAB_CELL, .rows = rows, .cols = cols, .texts = texts };
    return FG_OK;
}

/* How many arguments stand in the parentheses that were just opened; looks ahead without evaluating. */
static size_t count_arguments(const struct fg_matlab *run)
{
    size_t count = 1;
    int depth = 0;
    for (const char *p = run->at; p < run->end; p++) {
        if (*p == '(' || *p == '[' || *p == '{')
            depth++;
        else if ((*p == ')' || *p == ']' || *p == '}') && depth-- == 0)
            break;
        else if (*p == ',' && depth == 0)
            count++;
    }
    return count;
}

/* Behind '(': the arguments of an index (indexed != NULL, where ':' and 'end' have a meaning) or of a function. */
static enum fg_code parse_arguments(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                    struct fg_matlab_value values[MAX_ARGUMENTS], bool is_colon[MAX_ARGUMENTS],
                                    size_t *count)
{
    const struct fg_matlab_value *outer_indexed = run->indexed;
    size_t outer_position = run->index_position, outer_total = run->index_total;
    bool outer_in_matrix = run->in_matrix;
    run->in_matrix = false;
    run->indexed = indexed;
    run->index_total = indexed ? count_arguments(run) : 0;
    *count = 0;
    enum fg_code code = FG_OK;
    skip_blanks(run);
    bool more = peek(run, 0) != ')';
    if (!more)
        run->at++;
    while (code == FG_OK && more) {
        skip_blanks(run);
        if (*count == MAX_ARGUMENTS) {
            code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "more than %d arguments or indices are not understood",
                                  MAX_ARGUMENTS);
            break;
        }
        run->index_position = *count;
        is_colon[*count] = false;
        if (indexed != NULL && peek(run, 0) == ':') {
            run->at++;
            is_colon[*count] = true;
        } else
            code = parse_expression(run, &values[*count]);
        if (code != FG_OK)
            break;
        ++*count;
        skip_blanks(run);
        more = peek(run, 0) == ',';
        if (!more && peek(run, 0) != ')')
            code = unexpected(run, "',' or ')'");
        else
            run->at++;
    }
    run->indexed = outer_indexed;
    run->index_position = outer_position;
    run->index_total = outer_total;
    run->in_matrix = outer_in_matrix;
    return code;
}

static enum fg_code parse_indices(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                  struct fg_matlab_index indices[2], size_t *count)
{
    struct fg_matlab_value values[MAX_ARGUMENTS];
    bool is_colon[MAX_ARGUMENTS];
    enum fg_code code = parse_arguments(run, indexed, values, is_colon, count);
    if (code == FG_OK && (*count < 1 || *count > 2))
        code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "%zu indices are not understood; matrices have two", *count);
    for (size_t i = 0; code == FG_OK && i < *count; i++) {
        indices[i] = (struct fg_matlab_index){ .is_all = is_colon[i] };
        if (!is_colon[i])
            code = fg_matlab_index_of(run, &values[i], &indices[i]);
    }
    return code;
}

static enum fg_code value_of_end(struct fg_matlab *run, struct fg_matlab_value *out)
{
    const struct fg_matlab_value *a = run->indexed;
    size_t extent = run->index_total == 1      ? a->rows * a->cols
                    : run->index_position == 0 ? a->rows
                    : run->index_position == 1 ? a->cols
                                               : 1;
    return fg_matlab_scalar(run, (double)extent, out);
}

static enum fg_code call_function(struct fg_matlab *run, const char *name, struct fg_matlab_value *out)
{
    struct fg_matlab_value arguments[MAX_ARGUMENTS];
    bool is_colon[MAX_ARGUMENTS], known = false;
    size_t count = 0;
    enum fg_code code = FG_OK;
    if (peek(run, 0) == '(') {
        run->at++;
        code = parse_arguments(run, NULL, arguments, is_colon, &count);
    }
    if (code == FG_OK)
        code = fg_matlab_call(run, name, arguments, count, out, &known);
    if (code != FG_OK || known)
        return code;
    double outputs[FG_MATLAB_MAX_OUTPUTS];
    size_t output_count;
    code = fg_matlab_call_many(run, name, arguments, count, outputs, &output_count, &known);
    if (code != FG_OK || known)
        return code == FG_OK ? fg_matlab_scalar(run, outputs[0], out) : code;
    return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is neither assigned before nor a function that is understood; "
                          "replace it by its value", name);
}

static enum fg_code parse_name(struct fg_matlab *run, struct fg_matlab_value *out)
{
    char name[MAX_DOTTED_NAME + 1];
    enum fg_code code = parse_dotted_name(run, name);
    if (code != FG_OK)
        return code;
    if (run->indexed != NULL && strcmp(name, "end") == 0)
        return value_of_end(run, out);
    code = fg_matlab_spend(run, 1 + run->variable_count / 16);
    if (code != FG_OK)
        return code;
    struct fg_matlab_variable *variable = find_variable(run, name);
    if (variable == NULL && is_structure(run, name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is a structure; using it as a whole is not understood", name);
    if (variable == NULL)
        return call_function(run, name, out);
    if (peek(run, 0) == '{')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "indexing '%s' with { } is not understood", name);
    if (peek(run, 0) != '(') {
        *out = variable->value; /* borrowed until the statement ends: only assignment at its end changes it */
        out->lines = NULL;
        return FG_OK;
    }
    run->at++;
    struct fg_matlab_index indices[2];
    size_t count;
    code = parse_indices(run, &variable->value, indices, &count);
    return code == FG_OK ? fg_matlab_take(run, &variable->value, indices, count, out) : code;
}

static enum fg_code parse_primary(struct fg_matlab *run, struct fg_matlab_value *out)
{
    bool outer_in_matrix = run->in_matrix;
    char c = peek(run, 0);
    enum fg_code code;
    size_t length = number_length(run, run->at);
    if (length != 0) {
        double number;
        code = parse_number(run, length, &number);
        return code == FG_OK ? fg_matlab_scalar(run, number, out) : code;
    }
    if (is_name_start(c))
        return parse_name(run, out);
    if (c == '\'' || c == '"')
        return parse_text(run, out);
    if (c == '(') {
        run->at++;
        run->in_matrix = false;
        code = parse_expression(run, out);
        run->in_matrix = outer_in_matrix;
        return code == FG_OK ? expect(run, ')', "')'") : code;
    }
    if (c == '[' || c == '{') {
        run->at++;
        run->in_matrix = true;
        code = c == '[' ? parse_matrix(run, out) : parse_cell(run, out);
        run->in_matrix = outer_in_matrix;
        return code;
    }
    if (c == '@')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "function handles ('@') are not understood");
    return unexpected(run, "a number, a name or a bracket");
}

/* Skip blanks to the next operator; in a matrix, stay before white space that separates two elements. */
static bool skip_to_operator(struct fg_matlab *run)
{
    const char *before = run->at;
    size_t line = run->line;
    bool skipped = skip_blanks(run);
    if (!run->in_matrix || !skipped)
        return true;
    char c = peek(run, 0), next = peek(run, 1);
    bool is_sign = (c == '+' || c == '-') && next != ' ' && next != '\t';
    bool is_not = c == '~' && next != '=';
    if (!is_sign && !is_not)
        return true;
    run->at = before;
    run->line = line;
    return false;
}

static enum fg_code parse_unary(struct fg_matlab *run, struct fg_matlab_value *out);

static enum fg_code parse_postfix(struct fg_matlab *run, struct fg_matlab_value *out)
{
    enum fg_code code = parse_primary(run, out);
    while (code == FG_OK) {
        if (peek(run, 0) == '\'' || starts_with(run, ".'")) {
            run->at += peek(run, 0) == '.' ? 2 : 1;
            struct fg_matlab_value turned;
            code = fg_matlab_transpose(run, out, &turned);
            *out = turned;
            continue;
        }
        if (peek(run, 0) == '(')
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "indexing the result of an expression is not understood; assign "
                                  "it to a variable first");
        if (!skip_to_operator(run) || !(peek(run, 0) == '^' || starts_with(run, ".^")))
            break;
        const char *name = peek(run, 0) == '.' ? ".^" : "^";
        run->at += strlen(name);
        skip_blanks(run);
        struct fg_matlab_value exponent, power;
        char c = peek(run, 0);
        /* A sign of the exponent binds closer: 2^-1. Powers associate to the left. */
        if (c == '-' || c == '+' || c == '~') {
            struct fg_matlab_value operand;
            run->at++;
            skip_blanks(run);
            code = parse_primary(run, &operand);
            if (code == FG_OK)
                code = fg_matlab_unary(run, c, &operand, &exponent);
        } else
            code = parse_primary(run, &exponent);
        if (code == FG_OK)
            code = fg_matlab_binary(run, name, out, &exponent, &power);
        *out = power;
    }
    return code;
}

static enum fg_code parse_unary(struct fg_matlab *run, struct fg_matlab_value *out)
{
    skip_blanks(run);
    char c = peek(run, 0);
    if (c != '-' && c != '+' && c != '~' && c != '!')
        return parse_postfix(run, out);
    if (run->depth >= MAX_DEPTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the expression is nested deeper than %d", MAX_DEPTH);
    run->at++;
    run->depth++;
    struct fg_matlab_value operand;
    enum fg_code code = parse_unary(run, &operand);
    run->depth--;
    return code == FG_OK ? fg_matlab_unary(run, c == '!' ? '~' : c, &operand, out) : code;
}

/* Binary operators from the tightest level to the loosest, longest text first; the range stands between. */
#define LEVELS 6
#define RANGE_LEVEL 2
static const char *const levels[LEVELS][9] = {
    { ".*", "./", ".\\", "*", "/", "\\", NULL },
    { "+", "-", NULL },
    { ":", NULL },
    { "==", "~=", "!=", "<=", ">=", "<", ">", NULL },
    { "&", NULL },
    { "|", NULL },
};

static const char *operator_at(struct fg_matlab *run, int level)
{
    if (!skip_to_operator(run))
        return NULL;
    for (const char *const *name = levels[level]; *name != NULL; name++)
        if (starts_with(run, *name)) {
            char next = peek(run, strlen(*name));
            if (((*name)[0] == '&' || (*name)[0] == '|') && next == (*name)[0])
                return NULL;
            return *name;
        }
    return NULL;
}

static enum fg_code parse_level(struct fg_matlab *run, int level, struct fg_matlab_value *out);

static enum fg_code single(struct fg_matlab *run, const struct fg_matlab_value *a, double *number)
{
    if (a->kind != FG_MATLAB_NUMBER || a->rows * a->cols != 1)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "the ends of a range must be single numbers");
    *number = a->numbers[0];
    return FG_OK;
}

/* first:last or first:step:last */
static enum fg_code parse_range(struct fg_matlab *run, struct fg_matlab_value *out)
{
    double numbers[3];
    size_t count = 0;
    enum fg_code code = parse_level(run, RANGE_LEVEL - 1, out);
    while (code == FG_OK && operator_at(run, RANGE_LEVEL) != NULL) {
        if (count == 2)
            return unexpected(run, "the end of a range");
        code = single(run, out, &numbers[count++]);
        run->at++;
        if (code == FG_OK)
            code = parse_level(run, RANGE_LEVEL - 1, out);
    }
    if (code != FG_OK || count == 0)
        return code;
    code = single(run, out, &numbers[count]);
    return code != FG_OK ? code
           : count == 1  ? fg_matlab_range(run, numbers[0], 1, numbers[1], out)
                         : fg_matlab_range(run, numbers[0], numbers[1], numbers[2], out);
}

static enum fg_code parse_level(struct fg_matlab *run, int level, struct fg_matlab_value *out)
{
    if (level < 0)
        return parse_unary(run, out);
    if (level == RANGE_LEVEL)
        return parse_range(run, out);
    enum fg_code code = parse_level(run, level - 1, out);
    const char *name;
    while (code == FG_OK && (name = operator_at(run, level)) != NULL) {
        run->at += strlen(name);
        struct fg_matlab_value right, result;
        code = parse_level(run, level - 1, &right);
        if (code == FG_OK)
            code = fg_matlab_binary(run, name[0] == '!' ? "~=" : name, out, &right, &result);
        if (code == FG_OK)
            *out = result;
    }
    return code;
}

static enum fg_code parse_expression(struct fg_matlab *run, struct fg_matlab_value *out)
{
    if (run->depth >= MAX_DEPTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the expression is nested deeper than %d", MAX_DEPTH);
    run->depth++;
    enum fg_code code = parse_level(run, LEVELS - 1, out);
    run->depth--;
    if (code == FG_OK && (starts_with(run, "&&") || starts_with(run, "||")))
        code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'&&' and '||' are not understood outside of conditions");
    return code;
}

/* ---- Statements ---- */

static enum fg_code end_of_statement(struct fg_matlab *run)
{
    skip_blanks(run);
    char c = peek(run, 0);
    if (at_end(run))
        return FG_OK;
    if (c != ';' && c != ',' && c != '\n')
        return unexpected(run, "the end of the statement");
    run->line += c == '\n';
    run->at++;
    return FG_OK;
}

static bool at_assignment(const struct fg_matlab *run)
{
    return peek(run, 0) == '=' && peek(run, 1) != '=';
}

/* "function output = name" or "function output = name()" */
static enum fg_code parse_function_line(struct fg_matlab *run)
{
    char output[MAX_DOTTED_NAME + 1], name[MAX_DOTTED_NAME + 1];
    skip_blanks(run);
    if (run->function_name != NULL)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "a second function in the file is not understood");
    if (run->variable_count != 0)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "'function' must come before the first assignment");
    if (peek(run, 0) == '[')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "a case with several outputs is MATPOWER's case format version 1; save "
                              "it as version 2");
    enum fg_code code = parse_dotted_name(run, output);
    skip_blanks(run);
    if (code == FG_OK && (output[0] == '\0' || !at_assignment(run)))
        return unexpected(run, "'function output = name'");
    run->at++;
    skip_blanks(run);
    if (code == FG_OK)
        code = parse_dotted_name(run, name);
    if (code == FG_OK && name[0] == '\0')
        return unexpected(run, "the name of the function");
    if (code == FG_OK && peek(run, 0) == '(') {
        run->at++;
        code = expect(run, ')', "')' (a case has no arguments)");
    }
    if (code != FG_OK)
        return code;
    run->function_name = copy_text(name, strlen(name));
    run->output_name = copy_text(output, strlen(output));
    return run->function_name && run->output_name ? FG_OK : fg_fail_memory(run->err);
}

/* "[A, B, ~] = function": names and column lists of MATPOWER. */
static enum fg_code parse_multiple_assignment(struct fg_matlab *run)
{
    char names[FG_MATLAB_MAX_OUTPUTS][MAX_NAME + 1];
    size_t count = 0;
    enum fg_code code = expect(run, '[', "'['");
    while (code == FG_OK) {
        char name[MAX_DOTTED_NAME + 1];
        skip_blanks(run);
        if (peek(run, 0) == ',')
            run->at++;
        skip_blanks(run);
        if (peek(run, 0) == ']')
            break;
        if (peek(run, 0) == '~') {
            run->at++;
            snprintf(name, sizeof name, "~");
        } else
            code = parse_dotted_name(run, name);
        if (code == FG_OK && (name[0] == '\0' || strchr(name, '.') != NULL))
            return unexpected(run, "a list of names '[A, B] = function'");
        if (code == FG_OK && count == FG_MATLAB_MAX_OUTPUTS)
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "more than %d results", FG_MATLAB_MAX_OUTPUTS);
        if (code == FG_OK)
            snprintf(names[count++], MAX_NAME + 1, "%.*s", MAX_NAME, name);
    }
    if (code != FG_OK)
        return code;
    run->at++;
    code = expect(run, '=', "'='");
    skip_blanks(run);
    char function[MAX_DOTTED_NAME + 1];
    if (code == FG_OK)
        code = parse_dotted_name(run, function);
    struct fg_matlab_value arguments[MAX_ARGUMENTS];
    bool is_colon[MAX_ARGUMENTS], known = false;
    size_t argument_count = 0, output_count = 0;
    if (code == FG_OK && peek(run, 0) == '(') {
        run->at++;
        code = parse_arguments(run, NULL, arguments, is_colon, &argument_count);
    }
    double outputs[FG_MATLAB_MAX_OUTPUTS];
    if (code == FG_OK)
        code = fg_matlab_call_many(run, function, arguments, argument_count, outputs, &output_count, &known);
    if (code == FG_OK && !known)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is not a function with several results that is understood",
                              function);
    if (code == FG_OK && count > output_count)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "'%s' has %zu results, %zu are taken", function, output_count, count);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if (names[i][0] != '~')
            code = define_number(run, names[i], outputs[i]);
    return code;
}

static enum fg_code parse_indexed_assignment(struct fg_matlab *run, const char *name)
{
    struct fg_matlab_variable *variable = find_variable(run, name);
    if (variable == NULL)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is used before it is assigned, or it is a call whose result is "
                              "not used", name);
    struct fg_matlab_index indices[2];
    size_t count;
    run->at++;
    enum fg_code code = parse_indices(run, &variable->value, indices, &count);
    skip_blanks(run);
    if (code == FG_OK && !at_assignment(run))
        return unexpected(run, "'='");
    run->at++;
    struct fg_matlab_value value;
    if (code == FG_OK)
        code = parse_expression(run, &value);
    if (code != FG_OK)
        return code;
    /* "a(:, 1) = a": reading and writing the same storage; the part is copied first. */
    if (value.kind == FG_MATLAB_NUMBER && value.numbers == variable->value.numbers)
        code = fg_matlab_unary(run, '+', &variable->value, &value);
    return code == FG_OK ? fg_matlab_put(run, &variable->value, indices, count, &value) : code;
}

static bool is_keyword(const char *name)
{
    static const char *const keywords[] = { "if",     "elseif", "else",   "for",       "while",  "switch", "case",
                                            "otherwise", "try", "catch",  "break",     "continue", "global", "persistent",
                                            "parfor", "do",     "until",  "unwind_protect", "clear", "load",  "eval",
                                            "run" };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(name, keywords[i]) == 0)
            return true;
    return false;
}

/* "end", "endfunction" or "return": nothing may follow but blanks and comments. */
static enum fg_code parse_closing(struct fg_matlab *run)
{
    while (!at_end(run)) {
        skip_blanks(run);
        char c = peek(run, 0);
        if (at_end(run))
            break;
        if (starts_with(run, "end")) { /* "return; end" */
            char name[MAX_DOTTED_NAME + 1];
            enum fg_code code = parse_dotted_name(run, name);
            if (code != FG_OK)
                return code;
            if (strcmp(name, "end") == 0 || strcmp(name, "endfunction") == 0)
                continue;
            return unexpected(run, "the end of the file");
        }
        if (c != ';' && c != ',' && c != '\n')
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "code behind the end of the function is not understood");
        run->line += c == '\n';
        run->at++;
    }
    return FG_OK;
}

static enum fg_code parse_statement(struct fg_matlab *run)
{
    if (peek(run, 0) == '[')
        return parse_multiple_assignment(run);
    if (!is_name_start(peek(run, 0)))
        return unexpected(run, "a statement");
    char name[MAX_DOTTED_NAME + 1];
    enum fg_code code = parse_dotted_name(run, name);
    if (code != FG_OK)
        return code;
    if (strcmp(name, "function") == 0)
        return parse_function_line(run);
    if (strcmp(name, "end") == 0 || strcmp(name, "endfunction") == 0 || strcmp(name, "return") == 0)
        return parse_closing(run);
    if (is_keyword(name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "the statement '%s' is not understood; only assignments are. Save "
                              "the case with its values computed (MATPOWER's savecase)", name);
    if (strcmp(name, "define_constants") == 0)
        return fg_matlab_constants(run, define_number);
    if (peek(run, 0) == '(')
        return parse_indexed_assignment(run, name);
    skip_blanks(run);
    if (!at_assignment(run))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is not an assignment; only assignments are understood", name);
    run->at++;
    struct fg_matlab_value value;
    code = parse_expression(run, &value);
    return code == FG_OK ? assign(run, name, &value) : code;
}

enum fg_code fg_matlab_run(struct fg_matlab *run, const char *bytes, size_t length, const char *place,
                           struct fg_error *err)
{
    *run = (struct fg_matlab){ .place = place, .start = bytes, .at = bytes, .end = bytes + length, .line = 1, .err = err };
    fg_arena_init(&run->temporaries);
    run->element_limit = ELEMENTS_FIXED + ELEMENTS_PER_BYTE * length;
    run->work_limit = WORK_FIXED + WORK_PER_BYTE * length;
    run->number_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (run->number_locale == NULL)
        return fg_fail_memory(err);
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        run->at += 3;
    enum fg_code code = FG_OK;
    while (code == FG_OK) {
        skip_blanks(run);
        if (at_end(run))
            break;
        char c = peek(run, 0);
        if (c == ';' || c == ',' || c == '\n') {
            run->line += c == '\n';
            run->at++;
            continue;
        }
        run->statement_line = run->line;
        code = parse_statement(run);
        if (code == FG_OK)
            code = end_of_statement(run);
        fg_arena_release(&run->temporaries);
        run->temporary_elements = 0;
    }
    return code;
}
