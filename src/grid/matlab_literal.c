/* The MATLAB subset: matrix and cell literals.
 *
 * White space separates elements as in "[1 -2]" (two) against "[1 - 2]" (one). Rows of plain numbers, of which case
 * files consist, take a short path; any other element is an expression. Rows remember their line in the file. */
#include "grid/matlab_internal.h"

#include <string.h>

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
    size_t pending;               /* elements of the row being read */
    size_t pending_rows;          /* 1, or the height of the blocks in the row being read */
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
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "a matrix holds %s; only numbers are understood (use { } for texts)",
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
        left = (struct fg_matlab_value){
            .rows = 1, .cols = literal->pending, .numbers = literal->numbers + literal->rows * literal->cols};
    }
    if (left.rows != 0 && left.rows != value->rows)
        return fg_matlab_fail(run, FG_ERR_SYNTAX,
                              "a block of %zu rows stands beside one of %zu; the numbers must agree", left.rows,
                              value->rows);
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
    bool sign = fg_matlab_peek(run, 0) == '-' || fg_matlab_peek(run, 0) == '+';
    size_t length = fg_matlab_number_length(run, run->at + sign);
    if (length != 0 && is_plain_element(run, run->at + sign + length)) {
        bool negative = fg_matlab_peek(run, 0) == '-';
        double number;
        run->at += sign;
        enum fg_code code = fg_matlab_parse_number(run, length, &number);
        return code == FG_OK ? literal_push(run, literal, negative ? -number : number) : code;
    }
    struct fg_matlab_value value;
    enum fg_code code = fg_matlab_parse_expression(run, &value);
    return code == FG_OK ? literal_append(run, literal, &value) : code;
}

/* Behind '['. */
enum fg_code fg_matlab_parse_matrix(struct fg_matlab *run, struct fg_matlab_value *out)
{
    struct literal literal = {0};
    size_t opened = run->line;
    enum fg_code code = FG_OK;
    while (code == FG_OK) {
        fg_matlab_skip_blanks(run);
        char c = fg_matlab_peek(run, 0);
        if (fg_matlab_at_end(run))
            return fg_matlab_fail(run, FG_ERR_SYNTAX, "the '[' of line %zu is not closed; the file may be cut off",
                                  opened);
        if (c == ']' || c == ';' || c == '\n') {
            code = literal_end_row(run, &literal);
            run->line += c == '\n';
            run->at++;
            if (c == ']')
                break;
        } else if (c == ',') {
            if (literal.pending == 0 && literal.block.rows == 0)
                return fg_matlab_unexpected(run, "an element");
            run->at++;
            fg_matlab_skip_blanks(run);
            if (fg_matlab_peek(run, 0) == ',')
                return fg_matlab_unexpected(run, "an element");
        } else
            code = parse_element(run, &literal);
    }
    *out = (struct fg_matlab_value){.kind = FG_MATLAB_NUMBER,
                                    .rows = literal.rows,
                                    .cols = literal.cols,
                                    .numbers = literal.numbers,
                                    .lines = literal.lines};
    return code == FG_OK && out->numbers == NULL ? fg_matlab_matrix(run, 0, 0, out) : code;
}

/* Behind '{': texts are kept, other items are placeholders. */
enum fg_code fg_matlab_parse_cell(struct fg_matlab *run, struct fg_matlab_value *out)
{
    size_t opened = run->line, count = 0, capacity = 0, rows = 0, cols = 0, in_row = 0;
    char **texts = NULL;
    for (;;) {
        fg_matlab_skip_blanks(run);
        char c = fg_matlab_peek(run, 0);
        if (fg_matlab_at_end(run))
            return fg_matlab_fail(run, FG_ERR_SYNTAX, "the '{' of line %zu is not closed; the file may be cut off",
                                  opened);
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
        enum fg_code code = fg_matlab_parse_expression(run, &item);
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
    *out = (struct fg_matlab_value){.kind = FG_MATLAB_CELL, .rows = rows, .cols = cols, .texts = texts};
    return FG_OK;
}
