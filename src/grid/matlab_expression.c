/* The MATLAB subset: expressions, evaluated as they are read (there are no loops, so no tree is kept).
 * Grammar and precedence: MATLAB language reference, "Operator Precedence". */
#include "grid/matlab_internal.h"

#include <string.h>

/* How many arguments stand in the parentheses that were just opened; looks ahead without evaluating, which counts as
 * work, because text that misleads it could make it run to the end of the file each time. */
static enum fg_code count_arguments(struct fg_matlab *run, size_t *count)
{
    int depth = 0;
    const char *p = run->at;
    *count = 1;
    for (; p < run->end; p++) {
        if (*p == '(' || *p == '[' || *p == '{')
            depth++;
        else if ((*p == ')' || *p == ']' || *p == '}') && depth-- == 0)
            break;
        else if (*p == ',' && depth == 0)
            ++*count;
    }
    return fg_matlab_spend(run, (size_t)(p - run->at));
}

/* Behind '(': the arguments of an index (indexed != NULL, where ':' and 'end' have a meaning) or of a function. */
enum fg_code fg_matlab_parse_arguments(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                       struct fg_matlab_value values[FG_MATLAB_MAX_ARGUMENTS],
                                       bool is_colon[FG_MATLAB_MAX_ARGUMENTS], size_t *count)
{
    const struct fg_matlab_value *outer_indexed = run->indexed;
    size_t outer_position = run->index_position, outer_total = run->index_total;
    bool outer_in_matrix = run->in_matrix;
    run->in_matrix = false;
    run->indexed = indexed;
    run->index_total = 0;
    *count = 0;
    enum fg_code code = indexed ? count_arguments(run, &run->index_total) : FG_OK;
    fg_matlab_skip_blanks(run);
    bool more = fg_matlab_peek(run, 0) != ')';
    if (!more)
        run->at++;
    while (code == FG_OK && more) {
        fg_matlab_skip_blanks(run);
        if (*count == FG_MATLAB_MAX_ARGUMENTS) {
            code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "more than %d arguments or indices are not understood",
                                  FG_MATLAB_MAX_ARGUMENTS);
            break;
        }
        run->index_position = *count;
        is_colon[*count] = false;
        if (indexed != NULL && fg_matlab_peek(run, 0) == ':') {
            run->at++;
            is_colon[*count] = true;
        } else
            code = fg_matlab_parse_expression(run, &values[*count]);
        if (code != FG_OK)
            break;
        ++*count;
        fg_matlab_skip_blanks(run);
        more = fg_matlab_peek(run, 0) == ',';
        if (!more && fg_matlab_peek(run, 0) != ')')
            code = fg_matlab_unexpected(run, "',' or ')'");
        else
            run->at++;
    }
    run->indexed = outer_indexed;
    run->index_position = outer_position;
    run->index_total = outer_total;
    run->in_matrix = outer_in_matrix;
    return code;
}

enum fg_code fg_matlab_parse_indices(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                     struct fg_matlab_index indices[2], size_t *count)
{
    struct fg_matlab_value values[FG_MATLAB_MAX_ARGUMENTS];
    bool is_colon[FG_MATLAB_MAX_ARGUMENTS];
    enum fg_code code = fg_matlab_parse_arguments(run, indexed, values, is_colon, count);
    if (code == FG_OK && (*count < 1 || *count > 2))
        code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "%zu indices are not understood; matrices have two", *count);
    for (size_t i = 0; code == FG_OK && i < *count; i++) {
        indices[i] = (struct fg_matlab_index){.is_all = is_colon[i]};
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
    struct fg_matlab_value arguments[FG_MATLAB_MAX_ARGUMENTS];
    bool is_colon[FG_MATLAB_MAX_ARGUMENTS], known = false;
    size_t count = 0;
    enum fg_code code = FG_OK;
    if (fg_matlab_peek(run, 0) == '(') {
        run->at++;
        code = fg_matlab_parse_arguments(run, NULL, arguments, is_colon, &count);
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
    return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                          "'%s' is neither assigned before nor a function that is understood; "
                          "replace it by its value",
                          name);
}

static enum fg_code parse_name(struct fg_matlab *run, struct fg_matlab_value *out)
{
    char name[FG_MATLAB_MAX_DOTTED_NAME + 1];
    enum fg_code code = fg_matlab_parse_name(run, name);
    if (code != FG_OK)
        return code;
    if (run->indexed != NULL && strcmp(name, "end") == 0)
        return value_of_end(run, out);
    code = fg_matlab_spend(run, 1 + run->variable_count / 16);
    if (code != FG_OK)
        return code;
    struct fg_matlab_variable *variable = fg_matlab_variable_find(run, name);
    if (variable == NULL && fg_matlab_is_structure(run, name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is a structure; using it as a whole is not understood",
                              name);
    if (variable == NULL)
        return call_function(run, name, out);
    if (fg_matlab_peek(run, 0) == '{')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "indexing '%s' with { } is not understood", name);
    if (fg_matlab_peek(run, 0) != '(') {
        *out = variable->value; /* borrowed until the statement ends: only assignment at its end changes it */
        out->lines = NULL;
        return FG_OK;
    }
    run->at++;
    struct fg_matlab_index indices[2];
    size_t count;
    code = fg_matlab_parse_indices(run, &variable->value, indices, &count);
    return code == FG_OK ? fg_matlab_take(run, &variable->value, indices, count, out) : code;
}

static enum fg_code parse_primary(struct fg_matlab *run, struct fg_matlab_value *out)
{
    bool outer_in_matrix = run->in_matrix;
    char c = fg_matlab_peek(run, 0);
    enum fg_code code;
    size_t length = fg_matlab_number_length(run, run->at);
    if (length != 0) {
        double number;
        code = fg_matlab_parse_number(run, length, &number);
        return code == FG_OK ? fg_matlab_scalar(run, number, out) : code;
    }
    if (fg_matlab_is_name_start(c))
        return parse_name(run, out);
    if (c == '\'' || c == '"')
        return fg_matlab_parse_text(run, out);
    if (c == '(') {
        run->at++;
        run->in_matrix = false;
        code = fg_matlab_parse_expression(run, out);
        run->in_matrix = outer_in_matrix;
        return code == FG_OK ? fg_matlab_expect(run, ')', "')'") : code;
    }
    if (c == '[' || c == '{') {
        run->at++;
        run->in_matrix = true;
        code = c == '[' ? fg_matlab_parse_matrix(run, out) : fg_matlab_parse_cell(run, out);
        run->in_matrix = outer_in_matrix;
        return code;
    }
    if (c == '@')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "function handles ('@') are not understood");
    return fg_matlab_unexpected(run, "a number, a name or a bracket");
}

/* Skip blanks to the next operator; in a matrix, stay before white space that separates two elements. */
static bool skip_to_operator(struct fg_matlab *run)
{
    const char *before = run->at;
    size_t line = run->line;
    bool skipped = fg_matlab_skip_blanks(run);
    if (!run->in_matrix || !skipped)
        return true;
    char c = fg_matlab_peek(run, 0), next = fg_matlab_peek(run, 1);
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
        if (fg_matlab_peek(run, 0) == '\'' || fg_matlab_starts_with(run, ".'")) {
            run->at += fg_matlab_peek(run, 0) == '.' ? 2 : 1;
            struct fg_matlab_value turned;
            code = fg_matlab_transpose(run, out, &turned);
            *out = turned;
            continue;
        }
        if (fg_matlab_peek(run, 0) == '(')
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                                  "indexing the result of an expression is not understood; assign "
                                  "it to a variable first");
        if (!skip_to_operator(run) || !(fg_matlab_peek(run, 0) == '^' || fg_matlab_starts_with(run, ".^")))
            break;
        const char *name = fg_matlab_peek(run, 0) == '.' ? ".^" : "^";
        run->at += strlen(name);
        fg_matlab_skip_blanks(run);
        struct fg_matlab_value exponent, power;
        char c = fg_matlab_peek(run, 0);
        /* A sign of the exponent binds closer: 2^-1. Powers associate to the left. */
        if (c == '-' || c == '+' || c == '~') {
            struct fg_matlab_value operand;
            run->at++;
            fg_matlab_skip_blanks(run);
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
    fg_matlab_skip_blanks(run);
    char c = fg_matlab_peek(run, 0);
    if (c != '-' && c != '+' && c != '~' && c != '!')
        return parse_postfix(run, out);
    if (run->depth >= FG_MATLAB_MAX_DEPTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the expression is nested deeper than %d", FG_MATLAB_MAX_DEPTH);
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
    {".*", "./", ".\\", "*", "/", "\\", NULL},      {"+", "-", NULL}, {":", NULL},
    {"==", "~=", "!=", "<=", ">=", "<", ">", NULL}, {"&", NULL},      {"|", NULL},
};

static const char *operator_at(struct fg_matlab *run, int level)
{
    if (!skip_to_operator(run))
        return NULL;
    for (const char *const *name = levels[level]; *name != NULL; name++)
        if (fg_matlab_starts_with(run, *name)) {
            char next = fg_matlab_peek(run, strlen(*name));
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
            return fg_matlab_unexpected(run, "the end of a range");
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

enum fg_code fg_matlab_parse_expression(struct fg_matlab *run, struct fg_matlab_value *out)
{
    if (run->depth >= FG_MATLAB_MAX_DEPTH)
        return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the expression is nested deeper than %d", FG_MATLAB_MAX_DEPTH);
    run->depth++;
    enum fg_code code = parse_level(run, LEVELS - 1, out);
    run->depth--;
    if (code == FG_OK && (fg_matlab_starts_with(run, "&&") || fg_matlab_starts_with(run, "||")))
        code = fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'&&' and '||' are not understood outside of conditions");
    return code;
}
