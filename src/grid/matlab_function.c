/* Functions of the MATLAB subset, and MATPOWER's column names.
 * Columns: MATPOWER User's Manual, appendix B (Data File Format), and the functions idx_bus, idx_brch, idx_gen and
 * idx_cost, whose order of results is part of MATPOWER's interface. */
#include "grid/matlab_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Element by element ---- */

static double sign_of(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double is_nan(double x)
{
    return isnan(x);
}

static double is_infinite(double x)
{
    return isinf(x);
}

static double to_degrees(double x)
{
    return 180 / M_PI * x;
}

static double to_radians(double x)
{
    return M_PI / 180 * x;
}

static double identity(double x)
{
    return x;
}

static const struct {
    const char *name;
    double (*function)(double);
    bool is_logical;
} maps[] = {
    {"sqrt", sqrt, false},
    {"sin", sin, false},
    {"cos", cos, false},
    {"tan", tan, false},
    {"asin", asin, false},
    {"acos", acos, false},
    {"atan", atan, false},
    {"sinh", sinh, false},
    {"cosh", cosh, false},
    {"tanh", tanh, false},
    {"exp", exp, false},
    {"log", log, false},
    {"log10", log10, false},
    {"log2", log2, false},
    {"abs", fabs, false},
    {"round", round, false},
    {"floor", floor, false},
    {"ceil", ceil, false},
    {"fix", trunc, false},
    {"sign", sign_of, false},
    {"rad2deg", to_degrees, false},
    {"deg2rad", to_radians, false},
    {"double", identity, false},
    {"real", identity, false},
    {"isnan", is_nan, true},
    {"isinf", is_infinite, true},
};

static enum fg_code apply_map(struct fg_matlab *run, size_t which, const struct fg_matlab_value *a,
                              struct fg_matlab_value *out)
{
    enum fg_code code = fg_matlab_matrix(run, a->rows, a->cols, out);
    if (code != FG_OK)
        return code;
    out->is_logical = maps[which].is_logical;
    for (size_t i = 0; i < a->rows * a->cols; i++) {
        double y = maps[which].function(a->numbers[i]);
        /* The C library gives NaN exactly where MATLAB leaves the real numbers (sqrt(-1), acos(2)). */
        if (isnan(y) && !isnan(a->numbers[i]))
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                                  "%s(%g) is not a real number; only real numbers are understood", maps[which].name,
                                  a->numbers[i]);
        out->numbers[i] = y;
    }
    return FG_OK;
}

/* ---- Two arguments, element by element ---- */

static double modulo(double x, double y)
{
    return y == 0 ? x : x - floor(x / y) * y;
}

static double remainder_of(double x, double y)
{
    return y == 0 ? x : fmod(x, y);
}

static double larger(double x, double y)
{
    return fmax(x, y);
}

static double smaller(double x, double y)
{
    return fmin(x, y);
}

static const struct {
    const char *name;
    double (*function)(double, double);
} pairs[] = {
    {"atan2", atan2}, {"mod", modulo}, {"rem", remainder_of}, {"max", larger}, {"min", smaller}, {"hypot", hypot},
};

static enum fg_code apply_pair(struct fg_matlab *run, size_t which, const struct fg_matlab_value *a,
                               const struct fg_matlab_value *b, struct fg_matlab_value *out)
{
    bool a_single = a->rows * a->cols == 1, b_single = b->rows * b->cols == 1;
    if (!a_single && !b_single && (a->rows != b->rows || a->cols != b->cols))
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "arguments of %s are %zu x %zu and %zu x %zu; the sizes must agree",
                              pairs[which].name, a->rows, a->cols, b->rows, b->cols);
    const struct fg_matlab_value *shape = a_single ? b : a;
    enum fg_code code = fg_matlab_matrix(run, shape->rows, shape->cols, out);
    for (size_t i = 0; code == FG_OK && i < shape->rows * shape->cols; i++)
        out->numbers[i] = pairs[which].function(a->numbers[a_single ? 0 : i], b->numbers[b_single ? 0 : i]);
    return code;
}

/* ---- Over a dimension ---- */

enum reduction { SUM, PROD, MAX, MIN, MEAN, ANY, ALL, REDUCTION_COUNT };
static const char *const reductions[REDUCTION_COUNT] = {"sum", "prod", "max", "min", "mean", "any", "all"};

static double reduce_line(enum reduction kind, const double *numbers, size_t count, size_t stride)
{
    double result = kind == PROD || kind == ALL ? 1 : kind == MAX || kind == MIN ? NAN : 0;
    for (size_t k = 0; k < count; k++) {
        double x = numbers[k * stride];
        switch (kind) {
        case SUM:
        case MEAN: result += x; break;
        case PROD: result *= x; break;
        case MAX: result = fmax(result, x); break;
        case MIN: result = fmin(result, x); break;
        case ANY: result = result != 0 || (x != 0 && !isnan(x)); break;
        default: result = result != 0 && x != 0; break;
        }
    }
    return kind == MEAN ? result / (double)count : result;
}

static enum fg_code reduce(struct fg_matlab *run, enum reduction kind, const struct fg_matlab_value *a,
                           size_t dimension, struct fg_matlab_value *out)
{
    if (a->rows * a->cols == 0)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "%s of an empty matrix is not understood", reductions[kind]);
    if (dimension == 0)
        dimension = a->rows == 1 ? 2 : 1;
    bool over_rows = dimension == 1;
    enum fg_code code = fg_matlab_matrix(run, over_rows ? 1 : a->rows, over_rows ? a->cols : 1, out);
    if (code == FG_OK)
        code = fg_matlab_spend(run, a->rows * a->cols);
    if (code != FG_OK)
        return code;
    out->is_logical = kind == ANY || kind == ALL;
    for (size_t k = 0; k < out->rows * out->cols; k++)
        out->numbers[k] = over_rows ? reduce_line(kind, a->numbers + k, a->rows, a->cols)
                                    : reduce_line(kind, a->numbers + k * a->cols, a->cols, 1);
    return FG_OK;
}

/* ---- Sizes, constants and search ---- */

static enum fg_code whole_number(struct fg_matlab *run, const char *name, const struct fg_matlab_value *a, size_t k,
                                 size_t *out)
{
    double number = a->kind == FG_MATLAB_NUMBER && k < a->rows * a->cols ? a->numbers[k] : NAN;
    if (!(number >= 0 && number < 1e9 && floor(number) == number))
        return fg_matlab_fail(run, FG_ERR_VALUE, "argument %g of %s is not a size; give a whole number", number, name);
    *out = (size_t)number;
    return FG_OK;
}

static enum fg_code filled(struct fg_matlab *run, const char *name, double fill,
                           const struct fg_matlab_value *arguments, size_t count, struct fg_matlab_value *out)
{
    size_t rows = 1, cols = 1;
    enum fg_code code = FG_OK;
    if (count == 1) {
        bool is_pair = arguments[0].rows * arguments[0].cols == 2;
        code = whole_number(run, name, &arguments[0], 0, &rows);
        if (code == FG_OK)
            code = whole_number(run, name, &arguments[0], is_pair ? 1 : 0, &cols);
    } else if (count == 2) {
        code = whole_number(run, name, &arguments[0], 0, &rows);
        if (code == FG_OK)
            code = whole_number(run, name, &arguments[1], 0, &cols);
    }
    if (code == FG_OK)
        code = fg_matlab_matrix(run, rows, cols, out);
    for (size_t i = 0; code == FG_OK && i < rows * cols; i++)
        out->numbers[i] = fill;
    return code;
}

static const struct {
    const char *name;
    double value;
    bool is_logical;
} fills[] = {
    {"zeros", 0, false}, {"ones", 1, false},  {"Inf", INFINITY, false}, {"inf", INFINITY, false},
    {"NaN", NAN, false}, {"nan", NAN, false}, {"true", 1, true},        {"false", 0, true},
};

static enum fg_code find(struct fg_matlab *run, const struct fg_matlab_value *a, struct fg_matlab_value *out)
{
    struct fg_matlab_value mask = *a;
    mask.is_logical = true;
    struct fg_matlab_index index;
    enum fg_code code = fg_matlab_index_of(run, &mask, &index);
    if (code == FG_OK)
        code = fg_matlab_matrix(run, index.rows, index.cols, out);
    for (size_t k = 0; code == FG_OK && k < index.count; k++)
        out->numbers[k] = (double)(index.positions[k] + 1);
    return code;
}

static enum fg_code repeat(struct fg_matlab *run, const struct fg_matlab_value *arguments, struct fg_matlab_value *out)
{
    const struct fg_matlab_value *a = &arguments[0];
    size_t down = 0, across = 0;
    enum fg_code code = whole_number(run, "repmat", &arguments[1], 0, &down);
    if (code == FG_OK)
        code = whole_number(run, "repmat", &arguments[2], 0, &across);
    if (code == FG_OK)
        code = fg_matlab_matrix(run, a->rows * down, a->cols * across, out);
    for (size_t r = 0; code == FG_OK && r < out->rows; r++)
        for (size_t c = 0; c < out->cols; c++)
            out->numbers[r * out->cols + c] = a->numbers[(r % a->rows) * a->cols + c % a->cols];
    return code;
}

static enum fg_code measure(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                            size_t count, struct fg_matlab_value *out)
{
    double rows = (double)arguments[0].rows, cols = (double)arguments[0].cols;
    if (arguments[0].kind == FG_MATLAB_TEXT)
        cols = (double)strlen(arguments[0].text);
    if (strcmp(name, "numel") == 0)
        return fg_matlab_scalar(run, rows * cols, out);
    if (strcmp(name, "length") == 0)
        return fg_matlab_scalar(run, rows * cols == 0 ? 0 : fmax(rows, cols), out);
    if (strcmp(name, "isempty") == 0) {
        enum fg_code code = fg_matlab_scalar(run, rows * cols == 0, out);
        if (code == FG_OK)
            out->is_logical = true;
        return code;
    }
    if (count == 2) {
        size_t dimension = 0;
        enum fg_code code = whole_number(run, name, &arguments[1], 0, &dimension);
        return code != FG_OK ? code : fg_matlab_scalar(run, dimension == 1 ? rows : dimension == 2 ? cols : 1, out);
    }
    enum fg_code code = fg_matlab_matrix(run, 1, 2, out);
    if (code == FG_OK) {
        out->numbers[0] = rows;
        out->numbers[1] = cols;
    }
    return code;
}

static enum fg_code wrong_arguments(struct fg_matlab *run, const char *name, size_t count)
{
    return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                          "%s with %zu arguments is not understood; compute the values outside "
                          "the file",
                          name, count);
}

static enum fg_code need_numeric(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (arguments[i].kind != FG_MATLAB_NUMBER)
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "argument %zu of %s is not a number", i + 1, name);
    return FG_OK;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

enum fg_code fg_matlab_call(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                            size_t argument_count, struct fg_matlab_value *out, bool *known)
{
    static const char *const measures[] = {"size", "numel", "length", "isempty"};
    *known = true;
    if (is_one_of(name, measures, sizeof measures / sizeof *measures))
        return argument_count == 1 || (argument_count == 2 && strcmp(name, "size") == 0)
                   ? measure(run, name, arguments, argument_count, out)
                   : wrong_arguments(run, name, argument_count);
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++)
        if (strcmp(name, fills[i].name) == 0) {
            code = need_numeric(run, name, arguments, argument_count);
            if (code == FG_OK)
                code = argument_count <= 2 ? filled(run, name, fills[i].value, arguments, argument_count, out)
                                           : wrong_arguments(run, name, argument_count);
            if (code == FG_OK)
                out->is_logical = fills[i].is_logical;
            return code;
        }
    if (strcmp(name, "pi") == 0 || strcmp(name, "eps") == 0)
        return argument_count == 0 ? fg_matlab_scalar(run, name[0] == 'p' ? M_PI : DBL_EPSILON, out)
                                   : wrong_arguments(run, name, argument_count);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        if (strcmp(name, maps[i].name) == 0) {
            code = need_numeric(run, name, arguments, argument_count);
            return code != FG_OK         ? code
                   : argument_count == 1 ? apply_map(run, i, &arguments[0], out)
                                         : wrong_arguments(run, name, argument_count);
        }
    for (size_t i = 0; argument_count == 2 && i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(name, pairs[i].name) == 0) {
            code = need_numeric(run, name, arguments, argument_count);
            return code != FG_OK ? code : apply_pair(run, i, &arguments[0], &arguments[1], out);
        }
    for (int kind = 0; kind < REDUCTION_COUNT; kind++)
        if (strcmp(name, reductions[kind]) == 0) {
            bool has_dimension = argument_count == 2 && kind != MAX && kind != MIN;
            size_t dimension = 0;
            code = need_numeric(run, name, arguments, argument_count);
            if (code == FG_OK && argument_count != 1 && !has_dimension)
                code = wrong_arguments(run, name, argument_count);
            if (code == FG_OK && has_dimension)
                code = whole_number(run, name, &arguments[1], 0, &dimension);
            if (code == FG_OK && has_dimension && dimension != 1 && dimension != 2)
                code = fg_matlab_fail(run, FG_ERR_VALUE, "dimension %zu of %s is not 1 or 2", dimension, name);
            return code == FG_OK ? reduce(run, (enum reduction)kind, &arguments[0], dimension, out) : code;
        }
    if (strcmp(name, "find") == 0) {
        code = need_numeric(run, name, arguments, argument_count);
        return code != FG_OK         ? code
               : argument_count == 1 ? find(run, &arguments[0], out)
                                     : wrong_arguments(run, name, argument_count);
    }
    if (strcmp(name, "repmat") == 0) {
        code = need_numeric(run, name, arguments, argument_count);
        return code != FG_OK         ? code
               : argument_count == 3 ? repeat(run, arguments, out)
                                     : wrong_arguments(run, name, argument_count);
    }
    if (strcmp(name, "struct") == 0 && argument_count == 0)
        return fg_matlab_matrix(run, 0, 0, out); /* empty; its fields become variables of their own */
    *known = false;
    return FG_OK;
}

/* ---- MATPOWER's column names ---- */

struct constant {
    const char *name;
    double value;
};

static const struct constant bus_constants[] = {
    {"PQ", 1},    {"PV", 2},    {"REF", 3},   {"NONE", 4},     {"BUS_I", 1},  {"BUS_TYPE", 2}, {"PD", 3},
    {"QD", 4},    {"GS", 5},    {"BS", 6},    {"BUS_AREA", 7}, {"VM", 8},     {"VA", 9},       {"BASE_KV", 10},
    {"ZONE", 11}, {"VMAX", 12}, {"VMIN", 13}, {"LAM_P", 14},   {"LAM_Q", 15}, {"MU_VMAX", 16}, {"MU_VMIN", 17},
};
static const struct constant branch_constants[] = {
    {"F_BUS", 1},   {"T_BUS", 2},      {"BR_R", 3},       {"BR_X", 4},   {"BR_B", 5},       {"RATE_A", 6},
    {"RATE_B", 7},  {"RATE_C", 8},     {"TAP", 9},        {"SHIFT", 10}, {"BR_STATUS", 11}, {"PF", 14},
    {"QF", 15},     {"PT", 16},        {"QT", 17},        {"MU_SF", 18}, {"MU_ST", 19},     {"ANGMIN", 12},
    {"ANGMAX", 13}, {"MU_ANGMIN", 20}, {"MU_ANGMAX", 21},
};
static const struct constant generator_constants[] = {
    {"GEN_BUS", 1},   {"PG", 2},       {"QG", 3},         {"QMAX", 4},     {"QMIN", 5},
    {"VG", 6},        {"MBASE", 7},    {"GEN_STATUS", 8}, {"PMAX", 9},     {"PMIN", 10},
    {"MU_PMAX", 22},  {"MU_PMIN", 23}, {"MU_QMAX", 24},   {"MU_QMIN", 25}, {"PC1", 11},
    {"PC2", 12},      {"QC1MIN", 13},  {"QC1MAX", 14},    {"QC2MIN", 15},  {"QC2MAX", 16},
    {"RAMP_AGC", 17}, {"RAMP_10", 18}, {"RAMP_30", 19},   {"RAMP_Q", 20},  {"APF", 21},
};
static const struct constant cost_constants[] = {
    {"PW_LINEAR", 1}, {"POLYNOMIAL", 2}, {"MODEL", 1}, {"STARTUP", 2}, {"SHUTDOWN", 3}, {"NCOST", 4}, {"COST", 5},
};
static const struct {
    const char *name;
    const struct constant *constants;
    size_t count;
} constant_lists[] = {
    {"idx_bus", bus_constants, sizeof bus_constants / sizeof *bus_constants},
    {"idx_brch", branch_constants, sizeof branch_constants / sizeof *branch_constants},
    {"idx_gen", generator_constants, sizeof generator_constants / sizeof *generator_constants},
    {"idx_cost", cost_constants, sizeof cost_constants / sizeof *cost_constants},
};
#define LIST_COUNT (sizeof constant_lists / sizeof *constant_lists)

enum fg_code fg_matlab_call_many(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                                 size_t argument_count, double outputs[FG_MATLAB_MAX_OUTPUTS], size_t *output_count,
                                 bool *known)
{
    *known = true;
    if (strcmp(name, "size") == 0 && argument_count == 1) {
        outputs[0] = (double)arguments[0].rows;
        outputs[1] = (double)arguments[0].cols;
        *output_count = 2;
        return FG_OK;
    }
    for (size_t i = 0; i < LIST_COUNT; i++)
        if (strcmp(name, constant_lists[i].name) == 0) {
            if (argument_count != 0)
                return wrong_arguments(run, name, argument_count);
            for (size_t k = 0; k < constant_lists[i].count; k++)
                outputs[k] = constant_lists[i].constants[k].value;
            *output_count = constant_lists[i].count;
            return FG_OK;
        }
    *known = false;
    return FG_OK;
}

enum fg_code fg_matlab_constants(struct fg_matlab *run,
                                 enum fg_code (*define)(struct fg_matlab *, const char *, double))
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < LIST_COUNT; i++)
        for (size_t k = 0; code == FG_OK && k < constant_lists[i].count; k++)
            code = define(run, constant_lists[i].constants[k].name, constant_lists[i].constants[k].value);
    return code;
}
