/* State shared by the parts of the interior point method. Internal to solve/.
 *
 * Inside, functions are scaled: f by scale_f, row i by scale_g[i]. Every row reads
 *     g_i(x) - s_i - p_i + n_i = 0
 * with s_i in [s_lower, s_upper] (fixed for equalities) and p_i, n_i >= 0 only for elastic rows, at rho_i each. In the
 * restoration phase all rows are elastic and f is replaced by a proximal term. */
#ifndef FG_SOLVE_NLP_INTERNAL_H
#define FG_SOLVE_NLP_INTERNAL_H

#include "solve/ldl.h"
#include "solve/nlp.h"

#include <math.h>

struct fg_kkt {
    int32_t n, m, kept; /* kept: rows that stay in the linear system, the others are condensed */
    int32_t *kept_row;  /* m: number among the kept rows, -1 when condensed */
    int64_t nnz;        /* distinct places of the condensed matrix */
    int64_t *hessian_place; /* hessian_nnz */
    int64_t *jacobian_place; /* jacobian_nnz; -1 in condensed rows */
    int64_t *x_place;    /* n: diagonal */
    int64_t *row_place;  /* kept: diagonal */
    int64_t *touch_start; /* n + 1: places in the row or column of each variable */
    int64_t *touch_place;
    /* The condensed rows by themselves, `condensed` of them. */
    int32_t condensed;
    int32_t *condensed_row;
    int64_t *condensed_start; /* condensed + 1: their Jacobian triplets in condensed_entry */
    int64_t *condensed_entry;
    int64_t *pair_start; /* condensed + 1: places of the outer products */
    int64_t *pair_place;
    double *d_used;      /* condensed: D as factored */
    double floor;        /* of D there, relative */
    double quality;      /* relative residual of the last fg_kkt_solve, ... */
    int refinements;     /* ... and how many corrections it took */
    double *values;      /* nnz */
    double *work;        /* n + kept */
    double *residual_x, *residual_g; /* n, m */
    double *correction_x, *correction_g;
    struct fg_ldl *ldl;
};

/* Complementary pairs: a slack t >= 0 and its multiplier z >= 0 with t z = mu. They stand by kind, each kind in ascending
 * order, so that what is done to every pair is one plain loop and the sums over x or rows take one segment after the other. */
enum fg_pair_kind {
    FG_PAIR_X_LOWER, /* x - x_lower */
    FG_PAIR_X_UPPER, /* x_upper - x */
    FG_PAIR_S_LOWER,
    FG_PAIR_S_UPPER,
    FG_PAIR_P, /* p of elastic rows */
    FG_PAIR_Q,
    FG_PAIR_KINDS
};

struct fg_pairs {
    int64_t start[FG_PAIR_KINDS + 1];
    int32_t *of;           /* variable or row */
    double *slack, *z;     /* present values */
    double *dslack, *dz;   /* step */
    double *target;        /* what slack * z shall become: mu, or near it where the step is corrected */
    double *shift;         /* change of the target that a correction is made for */
    double *cslack, *cz;   /* corrected step */
};

enum { FG_FILTER_MAX = 256 };

struct fg_filter {
    double theta[FG_FILTER_MAX], phi[FG_FILTER_MAX];
    int32_t count;
    double theta_max, theta_min;
};

struct fg_nlp {
    struct fg_nlp_problem problem;
    struct fg_kkt kkt;
    int32_t n, m;
    bool solved_before;

    double scale_f, *scale_g;
    double *x_lower, *x_upper; /* n: relaxed bounds */
    bool *fixed;               /* n */
    double *s_lower, *s_upper; /* m: relaxed */
    bool *has_slack;           /* m: inequality */
    double *rho;               /* m: native elastic price (scaled), INFINITY for hard rows */
    double *proximal_weight, *proximal_centre; /* n */

    /* Iterate and step. Rows that are not elastic have p = q = 0. */
    double *x, *s, *y, *p, *q; /* q is the n of the model above */
    double *dx, *ds, *dy;
    double *cx, *cs, *cy; /* correction of the step */
    struct fg_pairs pairs;
    double *x_trial, *s_trial, *p_trial, *q_trial, *g_trial, *g_soc;
    double f;                 /* scaled, with proximal terms */
    double *g;                /* scaled values at x */
    double *gradient, *jacobian, *hessian; /* scaled */
    double *sigma_x, *d_row;  /* diagonal terms of the Newton system */
    double *sigma_s;          /* m: curvature of the barrier in the slack */
    double *slope_s;          /* m: gradient of the barrier problem in the slack */
    double *rhs_x, *rhs_g;
    double *residual;         /* m: g - s - p + q */
    double *dual_x;           /* n: gradient + J'y - zl + zu */
    double *y_out, *g_out;    /* m: unscaled, for the caller */
    double *zl_out, *zu_out;  /* n */

    /* Restoration. */
    bool restoring;
    double *x_reference, *resto_weight; /* n */
    double zeta;

    double mu, tau;
    double delta_w, delta_w_last, delta_c;
    struct fg_filter filter, outer_filter; /* the outer one waits during restoration */

    const struct fg_nlp_options *options;
    struct fg_nlp_result *result;
    double start_time;
};

/* Without a call: the loops over bounds are a good part of an iteration. A NaN on the left is passed over. */
static inline double fg_larger(double a, double b)
{
    return a > b ? a : b;
}
static inline double fg_smaller(double a, double b)
{
    return a < b ? a : b;
}

static inline bool fg_ipm_row_is_elastic(const struct fg_nlp *nlp, int32_t row)
{
    return nlp->restoring || nlp->rho[row] < INFINITY;
}

/* nlp_kkt.c */
enum fg_code fg_kkt_create(struct fg_kkt *kkt, const struct fg_nlp_problem *problem, struct fg_error *err);
void fg_kkt_release(struct fg_kkt *kkt);
void fg_kkt_start(struct fg_kkt *kkt); /* before each solve, so that results do not depend on the solve before */
/* Assemble and factor [H + diag(sigma_x) + delta_w, J'; J, -d]. */
struct fg_ldl_inertia fg_kkt_factor(struct fg_nlp *nlp, double delta_w, double delta_c);
/* Solve the full system for rhs_x, rhs_g into dx, dy with refinement; returns the relative residual. */
double fg_kkt_solve(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, double *dx, double *dy);

/* The same for another right-hand side and the same matrix, without measuring the residual where the last solve needed no
 * refinement. */
double fg_kkt_solve_again(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, double *dx, double *dy);

/* nlp_pairs.c: the complementary pairs */
enum fg_code fg_pairs_create(struct fg_pairs *pairs, int32_t n, int32_t m, struct fg_error *err);
void fg_pairs_release(struct fg_pairs *pairs);
void fg_pairs_list(struct fg_nlp *nlp); /* which pairs there are; after bounds, rho or restoring have changed */
void fg_pairs_measure(struct fg_nlp *nlp); /* slacks of the present point */
void fg_pairs_reset(struct fg_nlp *nlp);   /* multipliers mu / slack */
double fg_pairs_average(const struct fg_pairs *pairs, double *smallest); /* of slack * z */
double fg_pairs_log(const struct fg_nlp *nlp, const double *x, const double *s, const double *p, const double *q);
double fg_pairs_max_primal(const struct fg_pairs *pairs, double tau); /* step lengths in [0, 1] */
double fg_pairs_max_dual(const struct fg_pairs *pairs, double tau);
void fg_pairs_step_duals(struct fg_nlp *nlp, double alpha); /* and measure the slacks, and clip */

/* nlp_step.c: functions, errors and Newton steps */
bool fg_ipm_functions(struct fg_nlp *nlp, const double *x, double *f, double *g); /* false when not finite */
void fg_ipm_derivatives(struct fg_nlp *nlp);
double fg_ipm_row_price(const struct fg_nlp *nlp, int32_t row);
void fg_ipm_residual(struct fg_nlp *nlp);
double fg_ipm_theta(const struct fg_nlp *nlp, const double *g, const double *s, const double *p, const double *q);
double fg_ipm_barrier(const struct fg_nlp *nlp, double f, const double *x, const double *s, const double *p,
                      const double *q);
struct fg_ipm_error {
    double dual, primal, complementarity; /* scaled as in the paper */
    double total;
};
struct fg_ipm_error fg_ipm_error(struct fg_nlp *nlp, double mu);
/* p, q and their multipliers such that the residual of elastic rows vanishes. */
void fg_ipm_set_elastics(struct fg_nlp *nlp, const double *g, const double *s);
bool fg_ipm_newton(struct fg_nlp *nlp);            /* factor with inertia correction, step in d*; after fg_ipm_error */
bool fg_ipm_resolve(struct fg_nlp *nlp, const double *residual); /* same matrix, other residual: second-order correction */
void fg_ipm_centre(struct fg_nlp *nlp);            /* correct the step so that it can be longer */

#endif
