/* Values of the MATLAB subset: operators, ranges, and indexed reading, assignment, growth and deletion.
 * Meaning of the operators: MATLAB language reference, "Array vs. Matrix Operations" and "Compatible Array Sizes". */
#include "grid/matlab_internal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum fg_code fg_matlab_spend(struct fg_matlab *run, size_t operations)
{
    if (operations > run->work_limit - run->work)
        return fg_matlab_fail(
            run, FG_ERR_TOO_LARGE,
            "the code needs more than %zu element operations, out of proportion to the file's length; "
            "store the results instead of computing them",
            run->work_limit);
    run->work += operations;
    return FG_OK;
}

enum fg_code fg_matlab_matrix(struct fg_matlab *run, size_t rows, size_t cols, struct fg_matlab_value *out)
{
    size_t used = run->variable_elements + run->temporary_elements;
    size_t room = used < run->element_limit ? run->element_limit - used : 0;
    if (rows != 0 && cols > room / rows)
        return fg_matlab_fail(
            run, FG_ERR_TOO_LARGE,
            "a matrix of %zu x %zu elements is out of proportion to the file's length; the limit is %zu "
            "elements alive at once",
            rows, cols, run->element_limit);
    size_t count = rows * cols;
    enum fg_code code = fg_matlab_spend(run, count + 1);
    if (code != FG_OK)
        return code;
    *out = (struct fg_matlab_value){.kind = FG_MATLAB_NUMBER, .rows = rows, .cols = cols};
    out->numbers = fg_arena_alloc(&run->temporaries, count, sizeof *out->numbers);
    if (out->numbers == NULL)
        return fg_fail_memory(run->err);
    run->temporary_elements += count;
    return FG_OK;
}

enum fg_code fg_matlab_scalar(struct fg_matlab *run, double number, struct fg_matlab_value *out)
{
    enum fg_code code = fg_matlab_matrix(run, 1, 1, out);
    if (code == FG_OK)
        out->numbers[0] = number;
    return code;
}

static bool is_scalar(const struct fg_matlab_value *a)
{
    return a->rows == 1 && a->cols == 1;
}

static double operate(const char *operator_text, double a, double b, bool *is_logical)
{
    char first = operator_text[0] == '.' ? operator_text[1] : operator_text[0];
    char second = operator_text[0] == '.' ? '\0' : operator_text[1];
    *is_logical = false;
    switch (first) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return a / b;
    case '\\': return b / a;
    case '^': return pow(a, b);
    default: break;
    }
    *is_logical = true;
    switch (first) {
    case '<': return second == '=' ? a <= b : a < b;
    case '>': return second == '=' ? a >= b : a > b;
    case '=': return a == b;
    case '~': return a != b;
    case '&': return a != 0 && b != 0;
    default: return a != 0 || b != 0; /* '|' */
    }
}

static enum fg_code elementwise(struct fg_matlab *run, const char *operator_text, const struct fg_matlab_value *a,
                                const struct fg_matlab_value *b, struct fg_matlab_value *out)
{
    bool rows_fit = a->rows == b->rows || a->rows == 1 || b->rows == 1;
    bool cols_fit = a->cols == b->cols || a->cols == 1 || b->cols == 1;
    if (!rows_fit || !cols_fit)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "operands of '%s' are %zu x %zu and %zu x %zu; the sizes must agree",
                              operator_text, a->rows, a->cols, b->rows, b->cols);
    size_t rows = a->rows == 1 ? b->rows : a->rows, cols = a->cols == 1 ? b->cols : a->cols;
    enum fg_code code = fg_matlab_matrix(run, rows, cols, out);
    for (size_t r = 0; code == FG_OK && r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            double x = a->numbers[(a->rows == 1 ? 0 : r) * a->cols + (a->cols == 1 ? 0 : c)];
            double y = b->numbers[(b->rows == 1 ? 0 : r) * b->cols + (b->cols == 1 ? 0 : c)];
            double z = operate(operator_text, x, y, &out->is_logical);
            if (isnan(z) && !isnan(x) && !isnan(y) && x < 0 && strchr(operator_text, '^') != NULL)
                return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                                      "%g ^ %g is a complex number; only real numbers are "
                                      "understood",
                                      x, y);
            out->numbers[r * cols + c] = z;
        }
    return code;
}

static enum fg_code matrix_product(struct fg_matlab *run, const struct fg_matlab_value *a,
                                   const struct fg_matlab_value *b, struct fg_matlab_value *out)
{
    if (a->cols != b->rows)
        return fg_matlab_fail(run, FG_ERR_SYNTAX,
                              "operands of '*' are %zu x %zu and %zu x %zu; the inner sizes must "
                              "agree, or use '.*'",
                              a->rows, a->cols, b->rows, b->cols);
    enum fg_code code = fg_matlab_matrix(run, a->rows, b->cols, out);
    for (size_t r = 0; code == FG_OK && r < a->rows; r++) {
        /* One row at a time, so that the bound is met before the work is done. */
        if (a->cols != 0 && b->cols > SIZE_MAX / a->cols)
            return fg_matlab_spend(run, SIZE_MAX);
        code = fg_matlab_spend(run, a->cols * b->cols);
        for (size_t k = 0; code == FG_OK && k < a->cols; k++)
            for (size_t c = 0; c < b->cols; c++)
                out->numbers[r * b->cols + c] += a->numbers[r * a->cols + k] * b->numbers[k * b->cols + c];
    }
    return code;
}

static enum fg_code need_numbers(struct fg_matlab *run, const char *operator_text, const struct fg_matlab_value *a)
{
    return a->kind == FG_MATLAB_NUMBER
               ? FG_OK
               : fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is applied to %s; only numbers are understood here",
                                operator_text, a->kind == FG_MATLAB_TEXT ? "a text" : "a cell array");
}

enum fg_code fg_matlab_binary(struct fg_matlab *run, const char *operator_text, const struct fg_matlab_value *a,
                              const struct fg_matlab_value *b, struct fg_matlab_value *out)
{
    enum fg_code code = need_numbers(run, operator_text, a);
    if (code == FG_OK)
        code = need_numbers(run, operator_text, b);
    if (code != FG_OK)
        return code;
    bool one_is_scalar = is_scalar(a) || is_scalar(b);
    if (strcmp(operator_text, "*") == 0 && !one_is_scalar)
        return matrix_product(run, a, b, out);
    if ((strcmp(operator_text, "/") == 0 && !is_scalar(b)) || (strcmp(operator_text, "\\") == 0 && !is_scalar(a)) ||
        (strcmp(operator_text, "^") == 0 && !(is_scalar(a) && is_scalar(b))))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "'%s' between matrices solves linear systems or takes matrix "
                              "powers, which is not understood; use '.%s' for element by element",
                              operator_text, operator_text);
    return elementwise(run, operator_text, a, b, out);
}

enum fg_code fg_matlab_unary(struct fg_matlab *run, char operator_letter, const struct fg_matlab_value *a,
                             struct fg_matlab_value *out)
{
    char name[2] = {operator_letter, '\0'};
    enum fg_code code = need_numbers(run, name, a);
    if (code == FG_OK)
        code = fg_matlab_matrix(run, a->rows, a->cols, out);
    if (code != FG_OK)
        return code;
    out->is_logical = operator_letter == '~';
    for (size_t i = 0; i < a->rows * a->cols; i++)
        out->numbers[i] = operator_letter == '-'   ? -a->numbers[i]
                          : operator_letter == '~' ? a->numbers[i] == 0
                                                   : a->numbers[i];
    return FG_OK;
}

enum fg_code fg_matlab_transpose(struct fg_matlab *run, const struct fg_matlab_value *a, struct fg_matlab_value *out)
{
    enum fg_code code = need_numbers(run, "'", a);
    if (code == FG_OK)
        code = fg_matlab_matrix(run, a->cols, a->rows, out);
    if (code != FG_OK)
        return code;
    out->is_logical = a->is_logical;
    for (size_t r = 0; r < a->rows; r++)
        for (size_t c = 0; c < a->cols; c++)
            out->numbers[c * a->rows + r] = a->numbers[r * a->cols + c];
    return FG_OK;
}

enum fg_code fg_matlab_range(struct fg_matlab *run, double first, double step, double last, struct fg_matlab_value *out)
{
    if (!isfinite(first) || !isfinite(step) || !isfinite(last) || step == 0)
        return fg_matlab_fail(run, FG_ERR_VALUE,
                              "the range %g:%g:%g is not finite; give finite numbers and a step that "
                              "is not zero",
                              first, step, last);
    /* The tolerance keeps the end point of ranges such as 0:0.1:1, as the language does. */
    double steps = floor((last - first) / step + 1e-10);
    if (steps > 1e15)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the range %g:%g:%g is too long; shorten it", first, step, last);
    size_t count = steps >= 0 ? (size_t)steps + 1 : 0;
    enum fg_code code = fg_matlab_matrix(run, 1, count, out);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        out->numbers[i] = first + (double)i * step;
    return code;
}

enum fg_code fg_matlab_index_of(struct fg_matlab *run, const struct fg_matlab_value *value, struct fg_matlab_index *out)
{
    enum fg_code code = need_numbers(run, "( )", value);
    size_t total = value->rows * value->cols;
    if (code == FG_OK)
        code = fg_matlab_spend(run, total + 1);
    if (code != FG_OK)
        return code;
    *out = (struct fg_matlab_index){.rows = value->rows, .cols = value->cols};
    out->positions = fg_arena_alloc(&run->temporaries, total, sizeof *out->positions);
    if (out->positions == NULL)
        return fg_fail_memory(run->err);
    /* Column-major, so that a mask lists its elements as find() does. */
    for (size_t c = 0; c < value->cols; c++)
        for (size_t r = 0; r < value->rows; r++) {
            double number = value->numbers[r * value->cols + c];
            if (value->is_logical) {
                if (number != 0)
                    out->positions[out->count++] = c * value->rows + r;
            } else if (number >= 1 && number < 9e15 && floor(number) == number)
                out->positions[out->count++] = (size_t)number - 1;
            else
                return fg_matlab_fail(run, FG_ERR_VALUE, "%g is used as an index; indices are whole numbers from 1",
                                      number);
        }
    if (value->is_logical) {
        out->rows = value->rows == 1 ? 1 : out->count;
        out->cols = value->rows == 1 ? out->count : 1;
    }
    return FG_OK;
}

static size_t index_length(const struct fg_matlab_index *index, size_t extent)
{
    return index->is_all ? extent : index->count;
}

static size_t index_at(const struct fg_matlab_index *index, size_t k)
{
    return index->is_all ? k : index->positions[k];
}

static enum fg_code check_extent(struct fg_matlab *run, const struct fg_matlab_index *index, size_t extent,
                                 const char *what)
{
    for (size_t k = 0; !index->is_all && k < index->count; k++)
        if (index->positions[k] >= extent)
            return fg_matlab_fail(run, FG_ERR_VALUE, "index %zu is beyond the %zu %s of the matrix",
                                  index->positions[k] + 1, extent, what);
    return FG_OK;
}

/* Place of the k-th element (column-major count) in the row-major array. */
static size_t linear_place(const struct fg_matlab_value *a, size_t k)
{
    return (k % a->rows) * a->cols + k / a->rows;
}

static enum fg_code take_linear(struct fg_matlab *run, const struct fg_matlab_value *a,
                                const struct fg_matlab_index *index, struct fg_matlab_value *out)
{
    size_t total = a->rows * a->cols, count = index_length(index, total);
    size_t rows = index->is_all ? count : index->rows, cols = index->is_all ? 1 : index->cols;
    bool index_is_vector = rows == 1 || cols == 1;
    if (!index->is_all && index_is_vector && (a->rows == 1) != (a->cols == 1)) { /* a vector keeps its direction */
        rows = a->rows == 1 ? 1 : count;
        cols = a->rows == 1 ? count : 1;
    }
    enum fg_code code = check_extent(run, index, total, "elements");
    if (code == FG_OK)
        code = fg_matlab_matrix(run, rows, cols, out);
    for (size_t k = 0; code == FG_OK && k < count; k++)
        out->numbers[linear_place(out, k)] = a->numbers[linear_place(a, index_at(index, k))];
    return code;
}

enum fg_code fg_matlab_take(struct fg_matlab *run, const struct fg_matlab_value *a, const struct fg_matlab_index *index,
                            size_t index_count, struct fg_matlab_value *out)
{
    enum fg_code code = need_numbers(run, "( )", a);
    if (code != FG_OK)
        return code;
    if (index_count == 1)
        code = take_linear(run, a, index, out);
    else {
        code = check_extent(run, &index[0], a->rows, "rows");
        if (code == FG_OK)
            code = check_extent(run, &index[1], a->cols, "columns");
        size_t rows = index_length(&index[0], a->rows), cols = index_length(&index[1], a->cols);
        if (code == FG_OK)
            code = fg_matlab_matrix(run, rows, cols, out);
        for (size_t r = 0; code == FG_OK && r < rows; r++)
            for (size_t c = 0; c < cols; c++)
                out->numbers[r * cols + c] = a->numbers[index_at(&index[0], r) * a->cols + index_at(&index[1], c)];
    }
    if (code == FG_OK)
        out->is_logical = a->is_logical;
    return code;
}

static size_t largest(const struct fg_matlab_index *index, size_t extent)
{
    for (size_t k = 0; !index->is_all && k < index->count; k++)
        if (index->positions[k] >= extent)
            extent = index->positions[k] + 1;
    return extent;
}

/* Replace a variable's matrix by one of another size, the common part kept and the rest zero. */
static enum fg_code resize(struct fg_matlab *run, struct fg_matlab_value *variable, size_t rows, size_t cols)
{
    struct fg_matlab_value checked; /* the temporary serves to check the bounds */
    enum fg_code code = fg_matlab_matrix(run, rows, cols, &checked);
    if (code != FG_OK)
        return code;
    double *numbers = fg_alloc(rows * cols, sizeof *numbers);
    size_t *lines = fg_alloc(rows, sizeof *lines);
    if (numbers == NULL || lines == NULL) {
        fg_free(numbers);
        fg_free(lines);
        return fg_fail_memory(run->err);
    }
    for (size_t r = 0; r < rows; r++) {
        lines[r] = variable->lines && r < variable->rows ? variable->lines[r] : run->line;
        for (size_t c = 0; c < cols && r < variable->rows; c++)
            if (c < variable->cols)
                numbers[r * cols + c] = variable->numbers[r * variable->cols + c];
    }
    run->variable_elements += rows * cols - variable->rows * variable->cols;
    fg_free(variable->numbers);
    fg_free(variable->lines);
    variable->numbers = numbers;
    variable->lines = lines;
    variable->rows = rows;
    variable->cols = cols;
    return FG_OK;
}

/* Delete whole rows (by_row) or whole columns in place. */
static enum fg_code delete_lines(struct fg_matlab *run, struct fg_matlab_value *variable,
                                 const struct fg_matlab_index *index, bool by_row)
{
    size_t extent = by_row ? variable->rows : variable->cols;
    enum fg_code code = check_extent(run, index, extent, by_row ? "rows" : "columns");
    if (code != FG_OK)
        return code;
    bool *gone = fg_arena_alloc(&run->temporaries, extent, sizeof *gone);
    if (gone == NULL)
        return fg_fail_memory(run->err);
    size_t count = index_length(index, extent), kept_rows = 0, kept = 0, written = 0;
    for (size_t k = 0; k < count; k++)
        gone[index_at(index, k)] = true;
    for (size_t k = 0; k < extent; k++)
        kept += !gone[k];
    for (size_t r = 0; r < variable->rows; r++) {
        if (by_row && gone[r])
            continue;
        for (size_t c = 0; c < variable->cols; c++)
            if (by_row || !gone[c])
                variable->numbers[written++] = variable->numbers[r * variable->cols + c];
        if (variable->lines)
            variable->lines[kept_rows] = variable->lines[r];
        kept_rows++;
    }
    run->variable_elements -= variable->rows * variable->cols - written;
    variable->rows = by_row ? kept : variable->rows;
    variable->cols = by_row ? variable->cols : kept;
    return FG_OK;
}

static enum fg_code put_linear(struct fg_matlab *run, struct fg_matlab_value *variable,
                               const struct fg_matlab_index *index, const struct fg_matlab_value *value)
{
    size_t total = variable->rows * variable->cols, count = index_length(index, total);
    size_t given = value->rows * value->cols;
    if (given != 1 && given != count)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "%zu values are assigned to %zu elements; the numbers must agree",
                              given, count);
    enum fg_code code = check_extent(run, index, total, "elements");
    if (code == FG_OK)
        code = fg_matlab_spend(run, count);
    for (size_t k = 0; code == FG_OK && k < count; k++)
        variable->numbers[linear_place(variable, index_at(index, k))] =
            value->numbers[given == 1 ? 0 : linear_place(value, k)];
    return code;
}

enum fg_code fg_matlab_put(struct fg_matlab *run, struct fg_matlab_value *variable, const struct fg_matlab_index *index,
                           size_t index_count, const struct fg_matlab_value *value)
{
    enum fg_code code = need_numbers(run, "( ) =", variable);
    if (code == FG_OK)
        code = need_numbers(run, "( ) =", value);
    if (code != FG_OK)
        return code;
    if (value->rows == 0 && value->cols == 0) {
        if (index_count == 2 && index[1].is_all)
            return delete_lines(run, variable, &index[0], true);
        if (index_count == 2 && index[0].is_all)
            return delete_lines(run, variable, &index[1], false);
        if (index_count == 1 && (variable->rows == 1 || variable->cols == 1))
            return delete_lines(run, variable, &index[0], variable->cols == 1);
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "only whole rows or columns can be deleted; write ':' for the "
                              "other index");
    }
    if (index_count == 1)
        return put_linear(run, variable, index, value);
    size_t rows = index_length(&index[0], variable->rows), cols = index_length(&index[1], variable->cols);
    size_t given = value->rows * value->cols;
    bool same_shape = value->rows == rows && value->cols == cols;
    bool same_vector = (rows == 1 || cols == 1) && (value->rows == 1 || value->cols == 1) && given == rows * cols;
    if (given != 1 && !same_shape && !same_vector)
        return fg_matlab_fail(run, FG_ERR_SYNTAX,
                              "a %zu x %zu value is assigned to a %zu x %zu part; the sizes must agree", value->rows,
                              value->cols, rows, cols);
    size_t needed_rows = largest(&index[0], variable->rows), needed_cols = largest(&index[1], variable->cols);
    if (needed_rows > variable->rows || needed_cols > variable->cols)
        code = resize(run, variable, needed_rows, needed_cols);
    if (code == FG_OK)
        code = fg_matlab_spend(run, rows * cols + 1);
    for (size_t r = 0; code == FG_OK && r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            variable->numbers[index_at(&index[0], r) * variable->cols + index_at(&index[1], c)] =
                value->numbers[given == 1 ? 0 : r * cols + c];
    return code;
}
