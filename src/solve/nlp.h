/* Nonlinear programming: a primal-dual interior point method for large sparse problems.
 *
 *   minimise   f(x) + sum_i price_i * max(g_lower_i - g_i(x), 0, g_i(x) - g_upper_i)      (elastic rows only)
 *   subject to g_lower <= g(x) <= g_upper      (equality where both agree)
 *              x_lower <=   x  <= x_upper      (fixed where both agree)
 *
 * with exact first and second derivatives. Method: barrier problems solved by Newton steps on the primal-dual
 * equations; sparse LDL' with inertia correction and iterative refinement (solve/ldl.h); filter line search with
 * second-order correction and a feasibility restoration phase; the barrier parameter follows the complementarity freely
 * while the error falls, with steps corrected for centrality, and monotonically otherwise. Inequality rows with few
 * entries are eliminated into the Hessian block, elastic violations into the diagonal, so that neither enlarges the
 * linear system.
 * Sources: A. Waechter, L. T. Biegler, "On the implementation of an interior-point filter line-search algorithm for
 * large-scale nonlinear programming", Math. Program. 106 (2006), whose constants are kept; J. Nocedal, A. Waechter,
 * R. A. Waltz, "Adaptive barrier update strategies for nonlinear interior methods", SIAM J. Optim. 19 (2009); J. Gondzio,
 * "Multiple centrality corrections in a primal-dual method for linear programming", Comput. Optim. Appl. 6 (1996).
 *
 * Multipliers: y_i belongs to L = f + y'g, so the change of the optimum per unit of the active side of row i is -y_i;
 * z_lower, z_upper >= 0. Thread rule: one thread per handle. After setup, solving allocates nothing. */
#ifndef FG_SOLVE_NLP_H
#define FG_SOLVE_NLP_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fg_nlp_problem {
    int32_t n, m;                        /* variables, rows */
    const double *x_lower, *x_upper;     /* n, -INFINITY/INFINITY: none */
    const double *g_lower, *g_upper;     /* m */
    const double *g_price;               /* m, INFINITY: hard row; NULL: all hard */
    int64_t jacobian_nnz;
    const int32_t *jacobian_row, *jacobian_column; /* repeated places are summed */
    int64_t hessian_nnz;
    const int32_t *hessian_row, *hessian_column;   /* one triangle, either; repeated places are summed */
    const int32_t *group;                /* n + m labels (variables, then rows): what is eliminated together; may be NULL */

    void *user;
    /* f(x) and g(x) (m). */
    void (*functions)(void *user, const double *x, double *f, double *g);
    /* Gradient of f (n), Jacobian values, and values of the Hessian of sigma f + y'g. */
    void (*derivatives)(void *user, const double *x, double sigma, const double *y, double *gradient,
                        double *jacobian, double *hessian);
};

enum fg_nlp_status {
    FG_NLP_OPTIMAL,
    FG_NLP_LOCALLY_INFEASIBLE, /* a stationary point of the violation */
    FG_NLP_ITERATION_LIMIT,
    FG_NLP_TIME_LIMIT,
    FG_NLP_INTERRUPTED,
    FG_NLP_FAILED /* no step could be computed (functions not finite, hopelessly singular) */
};

struct fg_nlp_options {
    double tolerance;    /* scaled optimality error; 1e-6 */
    double feasibility;  /* largest violation of g and x bounds, unscaled; 1e-8 */
    double bound_relaxation; /* relative widening of bounds that gives every inequality an interior; 1e-8 */
    int32_t max_iterations;  /* 500 */
    double time_limit_s;     /* INFINITY */
    const atomic_int *interrupt; /* nonzero: stop; may be NULL */
    bool warm_start;         /* begin at the last point and multipliers of this handle */
    double warm_mu;          /* barrier parameter of a warm start; 1e-4 */
    bool monotone;           /* never use the free barrier update */
    void (*progress)(void *user, int32_t iteration, double objective, double infeasibility, double optimality);
    void *progress_user;
};
struct fg_nlp_options fg_nlp_defaults(void);

struct fg_nlp_result {
    enum fg_nlp_status status;
    double objective;      /* f + prices */
    double infeasibility;  /* largest violation of a hard row or bound, unscaled */
    double optimality;     /* scaled error at the end */
    double mu;
    int32_t iterations, factorisations, restorations;
    double seconds;
};

struct fg_nlp;

/* Analyse the structure. Arrays of the problem are borrowed until fg_nlp_destroy; bounds, prices and what the callbacks
 * compute may change between solves, places may not. `x0` (n) is the start. */
enum fg_code fg_nlp_create(const struct fg_nlp_problem *problem, struct fg_nlp **nlp, struct fg_error *err);
void fg_nlp_destroy(struct fg_nlp *nlp);

/* Solve from x0 (ignored with warm_start after a first solve). */
enum fg_code fg_nlp_solve(struct fg_nlp *nlp, const double *x0, const struct fg_nlp_options *options,
                          struct fg_nlp_result *result, struct fg_error *err);

/* The last point and multipliers; borrowed, valid until the next solve. */
const double *fg_nlp_x(const struct fg_nlp *nlp);
const double *fg_nlp_y(const struct fg_nlp *nlp);       /* m */
const double *fg_nlp_z_lower(const struct fg_nlp *nlp); /* n */
const double *fg_nlp_z_upper(const struct fg_nlp *nlp); /* n */
const double *fg_nlp_g(const struct fg_nlp *nlp);       /* m, values of the rows */

/* Quadratic terms weight/2 (x - centre)^2 on single variables, for decomposition methods; both n, copied; NULL: none. */
void fg_nlp_set_proximal(struct fg_nlp *nlp, const double *weight, const double *centre);

/* First-order change of the solution when the gradient of f changes by `gradient` (n, may be NULL) and the rows' values
 * by `shift` (m, may be NULL): solves the last KKT system. dx (n) and dy (m) may be NULL. The active set is kept. */
enum fg_code fg_nlp_sensitivity(struct fg_nlp *nlp, const double *gradient, const double *shift, double *dx, double *dy,
                                struct fg_error *err);

#endif
