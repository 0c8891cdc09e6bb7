/* Between lp.c and its backends. lp.c owns the problem in column-compressed form and the result arrays; a backend
 * keeps a solver object and brings it up to date before a solve. */
#ifndef FG_SOLVE_LP_BACKEND_H
#define FG_SOLVE_LP_BACKEND_H

#include "solve/lp.h"

struct fg_lp_model {
    int32_t column_count, row_count, integer_count;
    int32_t *starts, *rows; /* rows ascending within a column */
    double *values;
    double *cost, *lower, *upper, *row_lower, *row_upper;
    bool *is_integer;
    double offset;
    double *start;                       /* NULL: none */
    bool bounds_changed, matrix_changed; /* since the last solve; matrix_changed includes added rows */
};

/* Filled by a backend: arrays have the model's sizes and are the handle's. */
struct fg_lp_outcome {
    enum fg_lp_status status;
    bool has_solution, has_duals;
    double bound; /* without offset; -INFINITY: none known */
    double *x, *dual, *reduced_cost;
    int64_t iterations, nodes;
};

struct fg_lp_solver {
    const char *name;
    enum fg_code (*create)(void **state, struct fg_error *err);
    void (*destroy)(void *state);
    /* `time_limit_s` is positive; integrality counts unless options->relax or integer_count is 0. */
    enum fg_code (*solve)(void *state, const struct fg_lp_model *model, const struct fg_lp_options *options,
                          struct fg_lp_outcome *outcome, struct fg_error *err);
};
extern const struct fg_lp_solver fg_lp_highs_solver;
extern const struct fg_lp_solver fg_lp_coin_solver;

#endif
