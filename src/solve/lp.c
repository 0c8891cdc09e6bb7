#include "solve/lp.h"

#include "base/instant.h"
#include "base/memory.h"
#include "solve/lp_backend.h"

#include <math.h>
#include <string.h>

struct fg_lp {
    const struct fg_lp_solver *solver;
    void *state;
    struct fg_lp_model model;
    double *x, *row_activity, *dual, *reduced_cost;
};

static const struct fg_lp_solver *find_solver(enum fg_lp_backend backend)
{
    switch (backend) {
    case FG_LP_BACKEND_DEFAULT:
#ifdef FG_HAVE_HIGHS
    case FG_LP_BACKEND_HIGHS: return &fg_lp_highs_solver;
#endif
#ifdef FG_HAVE_COIN
    case FG_LP_BACKEND_COIN: return &fg_lp_coin_solver;
#endif
    default: return NULL;
    }
}

bool fg_lp_backend_exists(enum fg_lp_backend backend)
{
    return find_solver(backend) != NULL;
}

const char *fg_lp_backend_name(enum fg_lp_backend backend)
{
    const struct fg_lp_solver *solver = find_solver(backend);
    return solver ? solver->name : "none";
}

struct fg_lp_options fg_lp_options_default(void)
{
    return (struct fg_lp_options){.relative_gap = 1e-4, .absolute_gap = 1e-9, .time_limit_s = INFINITY, .seed = 1};
}

const char *fg_lp_status_word(enum fg_lp_status status)
{
    static const char *const words[] = {"optimal", "infeasible", "unbounded", "time_limit", "interrupted", "failed"};
    return words[status];
}

static enum fg_code copy_doubles(double **to, const double *from, size_t count, struct fg_error *err)
{
    *to = fg_alloc(count, sizeof **to);
    if (*to == NULL)
        return fg_fail_memory(err);
    if (count > 0)
        memcpy(*to, from, count * sizeof **to);
    return FG_OK;
}

static enum fg_code check_bounds(const char *what, int32_t index, double lower, double upper, struct fg_error *err)
{
    if (lower <= upper && lower < INFINITY && upper > -INFINITY) /* false for NaN as well */
        return FG_OK;
    return fg_fail(err, FG_ERR_ARGUMENT, NULL, "bounds of %s %d are [%g, %g]; they must be in order and not NaN", what,
                   index, lower, upper);
}

static enum fg_code check_value(double value, struct fg_error *err)
{
    if (isfinite(value))
        return FG_OK;
    return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a coefficient is %g; coefficients must be finite", value);
}

static enum fg_code check_data(const struct fg_lp_data *data, struct fg_error *err)
{
    enum fg_code code;
    if (data->column_count < 0 || data->row_count < 0 || data->starts[0] != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "counts must not be negative and starts[0] must be 0");
    if (!isfinite(data->offset))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the objective's offset is %g; it must be finite", data->offset);
    for (int32_t j = 0; j < data->column_count; j++) {
        if ((code = check_bounds("column", j, data->lower[j], data->upper[j], err)) != FG_OK ||
            (code = check_value(data->cost[j], err)) != FG_OK)
            return code;
        if (data->starts[j + 1] < data->starts[j])
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "starts must not decrease; they do at column %d", j);
        for (int32_t k = data->starts[j]; k < data->starts[j + 1]; k++) {
            if (data->rows[k] < 0 || data->rows[k] >= data->row_count)
                return fg_fail(err, FG_ERR_ARGUMENT, NULL, "column %d has an entry in row %d of %d", j, data->rows[k],
                               data->row_count);
            if ((code = check_value(data->values[k], err)) != FG_OK)
                return code;
        }
    }
    for (int32_t i = 0; i < data->row_count; i++)
        if ((code = check_bounds("row", i, data->row_lower[i], data->row_upper[i], err)) != FG_OK)
            return code;
    return FG_OK;
}

/* Copy the matrix with the rows of each column in ascending order: two passes of a bucket sort (transpose twice). */
static enum fg_code copy_sorted(struct fg_lp_model *model, const struct fg_lp_data *data, struct fg_error *err)
{
    size_t columns = (size_t)data->column_count, rows = (size_t)data->row_count;
    size_t entries = (size_t)data->starts[columns];
    model->starts = fg_alloc(columns + 1, sizeof *model->starts);
    model->rows = fg_alloc(entries, sizeof *model->rows);
    model->values = fg_alloc(entries, sizeof *model->values);
    int32_t *row_starts = fg_alloc(rows + 2, sizeof *row_starts);
    int32_t *by_row_column = fg_alloc(entries, sizeof *by_row_column);
    double *by_row_value = fg_alloc(entries, sizeof *by_row_value);
    enum fg_code code = FG_OK;
    if (!model->starts || !model->rows || !model->values || !row_starts || !by_row_column || !by_row_value) {
        code = fg_fail_memory(err);
    } else {
        for (size_t k = 0; k < entries; k++)
            row_starts[data->rows[k] + 2]++;
        for (size_t i = 0; i < rows; i++)
            row_starts[i + 2] += row_starts[i + 1];
        for (int32_t j = 0; j < data->column_count; j++)
            for (int32_t k = data->starts[j]; k < data->starts[j + 1]; k++) {
                int32_t slot = row_starts[data->rows[k] + 1]++;
                by_row_column[slot] = j;
                by_row_value[slot] = data->values[k];
            }
        memcpy(model->starts, data->starts, (columns + 1) * sizeof *model->starts);
        for (int32_t i = 0; i < data->row_count; i++)
            for (int32_t k = row_starts[i]; k < row_starts[i + 1]; k++) {
                int32_t slot = model->starts[by_row_column[k]]++;
                model->rows[slot] = i;
                model->values[slot] = by_row_value[k];
            }
        memcpy(model->starts, data->starts, (columns + 1) * sizeof *model->starts);
        for (int32_t j = 0; j < data->column_count && code == FG_OK; j++)
            for (int32_t k = model->starts[j] + 1; k < model->starts[j + 1]; k++)
                if (model->rows[k] == model->rows[k - 1])
                    code = fg_fail(err, FG_ERR_ARGUMENT, NULL, "column %d has two entries in row %d; add them up", j,
                                   model->rows[k]);
    }
    fg_free(row_starts);
    fg_free(by_row_column);
    fg_free(by_row_value);
    return code;
}

enum fg_code fg_lp_create(enum fg_lp_backend backend, const struct fg_lp_data *data, struct fg_lp **out,
                          struct fg_error *err)
{
    *out = NULL;
    const struct fg_lp_solver *solver = find_solver(backend);
    if (solver == NULL)
        return fg_fail(err, FG_ERR_UNSUPPORTED, NULL,
                       "this LP solver was not there when the program was built; install it and build again, or use %s",
                       fg_lp_backend_name(FG_LP_BACKEND_DEFAULT));
    enum fg_code code = check_data(data, err);
    if (code != FG_OK)
        return code;
    struct fg_lp *lp = fg_alloc(1, sizeof *lp);
    if (lp == NULL)
        return fg_fail_memory(err);
    lp->solver = solver;
    struct fg_lp_model *model = &lp->model;
    size_t columns = (size_t)data->column_count, rows = (size_t)data->row_count;
    model->column_count = data->column_count;
    model->row_count = data->row_count;
    model->offset = data->offset;
    model->bounds_changed = model->matrix_changed = true;
    if ((code = copy_sorted(model, data, err)) != FG_OK ||
        (code = copy_doubles(&model->cost, data->cost, columns, err)) != FG_OK ||
        (code = copy_doubles(&model->lower, data->lower, columns, err)) != FG_OK ||
        (code = copy_doubles(&model->upper, data->upper, columns, err)) != FG_OK ||
        (code = copy_doubles(&model->row_lower, data->row_lower, rows, err)) != FG_OK ||
        (code = copy_doubles(&model->row_upper, data->row_upper, rows, err)) != FG_OK)
        goto failed;
    model->is_integer = fg_alloc(columns, sizeof *model->is_integer);
    lp->x = fg_alloc(columns, sizeof *lp->x);
    lp->reduced_cost = fg_alloc(columns, sizeof *lp->reduced_cost);
    if (!model->is_integer || !lp->x || !lp->reduced_cost) {
        code = fg_fail_memory(err);
        goto failed;
    }
    for (size_t j = 0; data->is_integer && j < columns; j++) {
        model->is_integer[j] = data->is_integer[j];
        model->integer_count += data->is_integer[j];
    }
    if ((code = solver->create(&lp->state, err)) != FG_OK)
        goto failed;
    *out = lp;
    return FG_OK;
failed:
    fg_lp_destroy(lp);
    return code;
}

void fg_lp_destroy(struct fg_lp *lp)
{
    if (lp == NULL)
        return;
    if (lp->state)
        lp->solver->destroy(lp->state);
    struct fg_lp_model *model = &lp->model;
    void *blocks[] = {model->starts, model->rows,      model->values,    model->cost,       model->lower,
                      model->upper,  model->row_lower, model->row_upper, model->is_integer, model->start,
                      lp->x,         lp->row_activity, lp->dual,         lp->reduced_cost,  lp};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
}

int32_t fg_lp_column_count(const struct fg_lp *lp)
{
    return lp->model.column_count;
}

int32_t fg_lp_row_count(const struct fg_lp *lp)
{
    return lp->model.row_count;
}

static enum fg_code check_index(const char *what, int32_t index, int32_t count, struct fg_error *err)
{
    if (index >= 0 && index < count)
        return FG_OK;
    return fg_fail(err, FG_ERR_ARGUMENT, NULL, "%s %d does not exist; there are %d", what, index, count);
}

enum fg_code fg_lp_set_column_bounds(struct fg_lp *lp, int32_t column, double lower, double upper, struct fg_error *err)
{
    enum fg_code code = check_index("column", column, lp->model.column_count, err);
    if (code != FG_OK || (code = check_bounds("column", column, lower, upper, err)) != FG_OK)
        return code;
    lp->model.lower[column] = lower;
    lp->model.upper[column] = upper;
    lp->model.bounds_changed = true;
    return FG_OK;
}

enum fg_code fg_lp_set_row_bounds(struct fg_lp *lp, int32_t row, double lower, double upper, struct fg_error *err)
{
    enum fg_code code = check_index("row", row, lp->model.row_count, err);
    if (code != FG_OK || (code = check_bounds("row", row, lower, upper, err)) != FG_OK)
        return code;
    lp->model.row_lower[row] = lower;
    lp->model.row_upper[row] = upper;
    lp->model.bounds_changed = true;
    return FG_OK;
}

enum fg_code fg_lp_set_cost(struct fg_lp *lp, int32_t column, double cost, struct fg_error *err)
{
    enum fg_code code = check_index("column", column, lp->model.column_count, err);
    if (code != FG_OK || (code = check_value(cost, err)) != FG_OK)
        return code;
    lp->model.cost[column] = cost;
    lp->model.bounds_changed = true;
    return FG_OK;
}

enum fg_code fg_lp_set_value(struct fg_lp *lp, int32_t row, int32_t column, double value, struct fg_error *err)
{
    struct fg_lp_model *model = &lp->model;
    enum fg_code code = check_index("column", column, model->column_count, err);
    if (code != FG_OK || (code = check_index("row", row, model->row_count, err)) != FG_OK ||
        (code = check_value(value, err)) != FG_OK)
        return code;
    int32_t low = model->starts[column], high = model->starts[column + 1];
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (model->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == model->starts[column + 1] || model->rows[low] != row)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL,
                       "row %d has no entry in column %d; give a 0 in the data to reserve it", row, column);
    model->values[low] = value;
    model->matrix_changed = true;
    return FG_OK;
}

enum fg_code fg_lp_add_rows(struct fg_lp *lp, int32_t count, const int32_t *starts, const int32_t *columns,
                            const double *values, const double *row_lower, const double *row_upper,
                            struct fg_error *err)
{
    struct fg_lp_model *model = &lp->model;
    enum fg_code code;
    if (count < 0 || starts[0] != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the count must not be negative and starts[0] must be 0");
    for (int32_t i = 0; i < count; i++) {
        if ((code = check_bounds("new row", i, row_lower[i], row_upper[i], err)) != FG_OK)
            return code;
        if (starts[i + 1] < starts[i])
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "starts must not decrease; they do at new row %d", i);
        for (int32_t k = starts[i]; k < starts[i + 1]; k++)
            if ((code = check_index("column", columns[k], model->column_count, err)) != FG_OK ||
                (code = check_value(values[k], err)) != FG_OK)
                return code;
    }
    size_t column_count = (size_t)model->column_count, rows = (size_t)model->row_count + (size_t)count;
    size_t entries = (size_t)model->starts[column_count] + (size_t)starts[count];
    int32_t *merged_starts = fg_alloc(column_count + 1, sizeof *merged_starts);
    int32_t *next = fg_alloc(column_count, sizeof *next); /* free slot of each column */
    int32_t *merged_rows = fg_alloc(entries, sizeof *merged_rows);
    double *merged_values = fg_alloc(entries, sizeof *merged_values);
    double *lower = fg_alloc(rows, sizeof *lower), *upper = fg_alloc(rows, sizeof *upper);
    if (!merged_starts || !next || !merged_rows || !merged_values || !lower || !upper) {
        code = fg_fail_memory(err);
        goto failed;
    }
    for (int32_t k = 0; k < starts[count]; k++)
        merged_starts[columns[k] + 1]++;
    for (int32_t j = 0; j < model->column_count; j++) {
        int32_t old_count = model->starts[j + 1] - model->starts[j];
        merged_starts[j + 1] += merged_starts[j] + old_count;
        memcpy(merged_rows + merged_starts[j], model->rows + model->starts[j], (size_t)old_count * sizeof *merged_rows);
        memcpy(merged_values + merged_starts[j], model->values + model->starts[j],
               (size_t)old_count * sizeof *merged_values);
        next[j] = merged_starts[j] + old_count;
    }
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = starts[i]; k < starts[i + 1]; k++) {
            int32_t slot = next[columns[k]]++;
            merged_rows[slot] = model->row_count + i;
            merged_values[slot] = values[k];
            if (slot > merged_starts[columns[k]] && merged_rows[slot - 1] == merged_rows[slot]) {
                code = fg_fail(err, FG_ERR_ARGUMENT, NULL, "new row %d has column %d twice; add the entries up", i,
                               columns[k]);
                goto failed;
            }
        }
    memcpy(lower, model->row_lower, (size_t)model->row_count * sizeof *lower);
    memcpy(upper, model->row_upper, (size_t)model->row_count * sizeof *upper);
    memcpy(lower + model->row_count, row_lower, (size_t)count * sizeof *lower);
    memcpy(upper + model->row_count, row_upper, (size_t)count * sizeof *upper);
    void *old[] = {model->starts, model->rows, model->values, model->row_lower, model->row_upper};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        fg_free(old[i]);
    fg_free(next);
    model->starts = merged_starts;
    model->rows = merged_rows;
    model->values = merged_values;
    model->row_lower = lower;
    model->row_upper = upper;
    model->row_count += count;
    model->matrix_changed = true;
    return FG_OK;
failed:
    fg_free(merged_starts);
    fg_free(next);
    fg_free(merged_rows);
    fg_free(merged_values);
    fg_free(lower);
    fg_free(upper);
    return code;
}

enum fg_code fg_lp_set_start(struct fg_lp *lp, const double *x, struct fg_error *err)
{
    fg_free(lp->model.start);
    lp->model.start = NULL;
    return x ? copy_doubles(&lp->model.start, x, (size_t)lp->model.column_count, err) : FG_OK;
}

static enum fg_code fit_row_arrays(struct fg_lp *lp, struct fg_error *err)
{
    size_t rows = (size_t)lp->model.row_count;
    double *activity = fg_realloc(lp->row_activity, rows, sizeof *activity);
    if (activity == NULL)
        return fg_fail_memory(err);
    lp->row_activity = activity;
    double *dual = fg_realloc(lp->dual, rows, sizeof *dual);
    if (dual == NULL)
        return fg_fail_memory(err);
    lp->dual = dual;
    return FG_OK;
}

/* Without columns every row is 0; solvers disagree on what to call that. */
static void solve_without_columns(const struct fg_lp *lp, struct fg_lp_outcome *outcome)
{
    const struct fg_lp_model *model = &lp->model;
    bool holds = true;
    for (int32_t i = 0; i < model->row_count; i++) {
        holds = holds && model->row_lower[i] <= 0 && model->row_upper[i] >= 0;
        lp->dual[i] = 0;
    }
    outcome->status = holds ? FG_LP_OPTIMAL : FG_LP_INFEASIBLE;
    outcome->has_solution = outcome->has_duals = holds;
}

/* Objective and row activities are recomputed from x and the problem, not taken from the solver. */
static void fill_result(struct fg_lp *lp, const struct fg_lp_outcome *outcome, struct fg_lp_result *result)
{
    const struct fg_lp_model *model = &lp->model;
    result->status = outcome->status;
    result->has_solution = outcome->has_solution;
    result->iterations = outcome->iterations;
    result->nodes = outcome->nodes;
    result->bound = outcome->bound + model->offset;
    result->objective = NAN;
    if (!outcome->has_solution)
        return;
    result->x = lp->x;
    result->row_activity = lp->row_activity;
    result->objective = model->offset;
    for (int32_t i = 0; i < model->row_count; i++)
        lp->row_activity[i] = 0;
    for (int32_t j = 0; j < model->column_count; j++) {
        result->objective += model->cost[j] * lp->x[j];
        for (int32_t k = model->starts[j]; k < model->starts[j + 1]; k++)
            lp->row_activity[model->rows[k]] += model->values[k] * lp->x[j];
    }
    if (outcome->has_duals) {
        result->dual = lp->dual;
        result->reduced_cost = lp->reduced_cost;
        if (outcome->status == FG_LP_OPTIMAL)
            result->bound = result->objective;
    }
    if (result->bound > result->objective)
        result->bound = result->objective; /* only by rounding in the solver */
}

enum fg_code fg_lp_solve(struct fg_lp *lp, const struct fg_lp_options *options, struct fg_lp_result *result,
                         struct fg_error *err)
{
    memset(result, 0, sizeof *result);
    struct fg_lp_options defaults = fg_lp_options_default();
    if (options == NULL)
        options = &defaults;
    enum fg_code code = fit_row_arrays(lp, err);
    if (code != FG_OK)
        return code;
    struct fg_lp_outcome outcome = {
        .status = FG_LP_FAILED, .bound = -INFINITY, .x = lp->x, .dual = lp->dual, .reduced_cost = lp->reduced_cost};
    double begin = fg_clock_seconds();
    if (options->interrupt && *options->interrupt) {
        outcome.status = FG_LP_INTERRUPTED;
    } else if (!(options->time_limit_s > 0)) {
        outcome.status = FG_LP_TIME_LIMIT;
    } else if (lp->model.column_count == 0) {
        solve_without_columns(lp, &outcome);
    } else {
        code = lp->solver->solve(lp->state, &lp->model, options, &outcome, err);
        if (code != FG_OK)
            return code;
        lp->model.bounds_changed = lp->model.matrix_changed = false;
    }
    fill_result(lp, &outcome, result);
    result->seconds = fg_clock_seconds() - begin;
    return FG_OK;
}
