/* Linear and mixed-integer linear programs: one small interface over HiGHS (where the system has it) and COIN-OR
 * CLP/CBC.
 *
 *     min  offset + c'x    subject to   row_lower <= A x <= row_upper,   lower <= x <= upper,   some x integer
 *
 * Infinite bounds are +-INFINITY. Signs, the same for both backends: the dual of a row is d objective / d right-hand
 * side, so >= 0 where the row's lower bound holds, <= 0 where the upper one does; the reduced cost of a column is
 * c_j - sum_i a_ij dual_i = d objective / d bound.
 *
 * A problem is a handle: change bounds, costs, coefficients, add rows, and solve again; linear programs restart from
 * the last basis. What comes out of a solver is a result, not an error: errors are misuse and lack of memory.
 * One thread per solve and fixed seeds: same input, same answer, as long as no time limit strikes.
 * Solvers are silent. Thread rule: a handle belongs to one thread; different handles are independent.
 *
 * Sources: Q. Huangfu and J. A. J. Hall, "Parallelizing the dual revised simplex method", Math. Prog. Comp. 10 (2018)
 * (HiGHS); J. Forrest and R. Lougee-Heimer, "CBC User Guide", INFORMS TutORials (2005) (CLP, CBC). */
#ifndef FG_SOLVE_LP_H
#define FG_SOLVE_LP_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fg_lp_backend {
    FG_LP_BACKEND_DEFAULT, /* HiGHS when it was there at build time, else COIN-OR */
    FG_LP_BACKEND_HIGHS,
    FG_LP_BACKEND_COIN, /* CLP for linear, CBC for integer programs */
    FG_LP_BACKEND_COUNT
};
bool fg_lp_backend_exists(enum fg_lp_backend backend);
const char *fg_lp_backend_name(enum fg_lp_backend backend); /* "HiGHS", "COIN-OR CLP/CBC"; default: the one it means */

/* Problem data; borrowed during the call that takes it. */
struct fg_lp_data {
    int32_t column_count, row_count;
    const int32_t *starts; /* column_count + 1: column j has entries starts[j] ... starts[j+1] - 1 */
    const int32_t *rows;   /* row of each entry, each row once per column */
    const double *values;
    const double *cost, *lower, *upper;  /* column_count */
    const double *row_lower, *row_upper; /* row_count */
    const bool *is_integer;              /* column_count, or NULL: none */
    double offset;
};

struct fg_lp_options {
    double relative_gap; /* (objective - bound) / |objective| at which an integer search may stop; default 1e-4 */
    double absolute_gap; /* default 1e-9 */
    double time_limit_s; /* wall clock; INFINITY: none */
    int seed;
    bool relax;                  /* ignore integrality */
    const atomic_int *interrupt; /* stop when it becomes non-zero; may be NULL. Seen at every node of a search and
                                  * every tenth of a second or so of the simplex; CBC does not look inside the linear
                                  * program of a node. A search that was stopped there has no bound. */
};
struct fg_lp_options fg_lp_options_default(void);

enum fg_lp_status {
    FG_LP_OPTIMAL, /* within the gaps */
    FG_LP_INFEASIBLE,
    FG_LP_UNBOUNDED,
    FG_LP_TIME_LIMIT,
    FG_LP_INTERRUPTED,
    FG_LP_FAILED /* the solver gave up for numerical reasons */
};
const char *fg_lp_status_word(enum fg_lp_status status);

/* Arrays belong to the handle and hold until its next change or solve. */
struct fg_lp_result {
    enum fg_lp_status status;
    bool has_solution;                 /* x is feasible (optimal, or the best found before a limit) */
    double objective;                  /* of x, with offset; NAN without solution */
    double bound;                      /* proven lower bound; -INFINITY when there is none */
    const double *x;                   /* column_count; NULL without solution */
    const double *row_activity;        /* row_count; NULL without solution */
    const double *dual, *reduced_cost; /* only for linear (or relaxed) programs solved to optimality, else NULL */
    int64_t iterations, nodes;
    double seconds;
};

struct fg_lp;

/* FG_ERR_ARGUMENT for indices out of range, NaN, crossed bounds; FG_ERR_UNSUPPORTED for a backend not built in. */
enum fg_code fg_lp_create(enum fg_lp_backend backend, const struct fg_lp_data *data, struct fg_lp **lp,
                          struct fg_error *err);
void fg_lp_destroy(struct fg_lp *lp); /* NULL is allowed */

/* Changes; the next solve takes them in. */
enum fg_code fg_lp_set_column_bounds(struct fg_lp *lp, int32_t column, double lower, double upper,
                                     struct fg_error *err);
enum fg_code fg_lp_set_row_bounds(struct fg_lp *lp, int32_t row, double lower, double upper, struct fg_error *err);
enum fg_code fg_lp_set_cost(struct fg_lp *lp, int32_t column, double cost, struct fg_error *err);
/* The entry must have been in the data (a stored zero counts), so that the pattern stays fixed. */
enum fg_code fg_lp_set_value(struct fg_lp *lp, int32_t row, int32_t column, double value, struct fg_error *err);
/* Append rows in row-compressed form (cuts): row i has entries starts[i] ... starts[i+1] - 1. */
enum fg_code fg_lp_add_rows(struct fg_lp *lp, int32_t count, const int32_t *starts, const int32_t *columns,
                            const double *values, const double *row_lower, const double *row_upper,
                            struct fg_error *err);
/* A solution for integer searches to start from (column_count values); need not be feasible, NULL forgets it. */
enum fg_code fg_lp_set_start(struct fg_lp *lp, const double *x, struct fg_error *err);

int32_t fg_lp_column_count(const struct fg_lp *lp);
int32_t fg_lp_row_count(const struct fg_lp *lp);

/* `options` NULL: defaults. */
enum fg_code fg_lp_solve(struct fg_lp *lp, const struct fg_lp_options *options, struct fg_lp_result *result,
                         struct fg_error *err);

#endif
