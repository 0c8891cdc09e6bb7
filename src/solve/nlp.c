#include "solve/nlp.h"

#include "base/instant.h"
#include "base/memory.h"
#include "solve/nlp_internal.h"
#include "solve/nlp_search.h"

#include <math.h>
#include <string.h>

struct fg_nlp_options fg_nlp_defaults(void)
{
    return (struct fg_nlp_options){ .tolerance = 1e-6,
                                    .feasibility = 1e-8,
                                    .bound_relaxation = 1e-8,
                                    .max_iterations = 500,
                                    .time_limit_s = INFINITY,
                                    .warm_mu = 1e-4 };
}

/* Every array of the handle is an entry of this table, so that creation and release cannot disagree. */
#define ARRAYS_OF_N(X)                                                                                                 \
    X(x_lower) X(x_upper) X(proximal_weight) X(proximal_centre) X(x) X(dx) X(cx) X(x_trial)                            \
    X(gradient) X(sigma_x) X(rhs_x) X(dual_x) X(zl_out) X(zu_out) X(x_reference) X(resto_weight)
#define ARRAYS_OF_M(X)                                                                                                 \
    X(scale_g) X(s_lower) X(s_upper) X(rho) X(s) X(y) X(p) X(q) X(ds) X(dy) X(cs) X(cy) X(sigma_s) X(slope_s)          \
    X(s_trial) X(p_trial) X(q_trial) X(g_trial) X(g_soc) X(g) X(d_row) X(rhs_g) X(residual)  \
    X(y_out) X(g_out)

enum fg_code fg_nlp_create(const struct fg_nlp_problem *problem, struct fg_nlp **result, struct fg_error *err)
{
    *result = NULL;
    if (problem->n <= 0 || problem->m < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, "nlp", "a problem needs at least one variable");
    struct fg_nlp *nlp = fg_alloc(1, sizeof *nlp);
    if (nlp == NULL)
        return fg_fail_memory(err);
    nlp->problem = *problem;
    nlp->n = problem->n;
    nlp->m = problem->m;
    size_t n = (size_t)problem->n, m = (size_t)problem->m;
    int failed = 0;
#define ALLOCATE_N(name) failed |= (nlp->name = fg_alloc(n, sizeof(double))) == NULL;
#define ALLOCATE_M(name) failed |= (nlp->name = fg_alloc(m, sizeof(double))) == NULL;
    ARRAYS_OF_N(ALLOCATE_N)
    ARRAYS_OF_M(ALLOCATE_M)
    failed |= (nlp->fixed = fg_alloc(n, sizeof *nlp->fixed)) == NULL;
    failed |= (nlp->has_slack = fg_alloc(m, sizeof *nlp->has_slack)) == NULL;
    failed |= (nlp->jacobian = fg_alloc((size_t)problem->jacobian_nnz, sizeof(double))) == NULL;
    failed |= (nlp->hessian = fg_alloc((size_t)problem->hessian_nnz, sizeof(double))) == NULL;
    enum fg_code code = failed ? fg_fail_memory(err) : fg_pairs_create(&nlp->pairs, problem->n, problem->m, err);
    if (code == FG_OK)
        code = fg_kkt_create(&nlp->kkt, problem, err);
    if (code != FG_OK) {
        fg_nlp_destroy(nlp);
        return code;
    }
    *result = nlp;
    return FG_OK;
}

void fg_nlp_destroy(struct fg_nlp *nlp)
{
    if (nlp == NULL)
        return;
#define RELEASE(name) fg_free(nlp->name);
    ARRAYS_OF_N(RELEASE)
    ARRAYS_OF_M(RELEASE)
    fg_free(nlp->fixed);
    fg_free(nlp->has_slack);
    fg_free(nlp->jacobian);
    fg_free(nlp->hessian);
    fg_pairs_release(&nlp->pairs);
    fg_kkt_release(&nlp->kkt);
    fg_free(nlp);
}

const double *fg_nlp_x(const struct fg_nlp *nlp) { return nlp->x; }
const double *fg_nlp_y(const struct fg_nlp *nlp) { return nlp->y_out; }
const double *fg_nlp_z_lower(const struct fg_nlp *nlp) { return nlp->zl_out; }
const double *fg_nlp_z_upper(const struct fg_nlp *nlp) { return nlp->zu_out; }
const double *fg_nlp_g(const struct fg_nlp *nlp) { return nlp->g_out; }

void fg_nlp_set_proximal(struct fg_nlp *nlp, const double *weight, const double *centre)
{
    for (int32_t i = 0; i < nlp->n; i++) {
        nlp->proximal_weight[i] = weight ? weight[i] : 0;
        nlp->proximal_centre[i] = centre ? centre[i] : 0;
    }
}

/* -- start ------------------------------------------------------------------------------------------------------ */

/* Move a value into its bounds by `push` (relative), at most that share of a two-sided range. */
static double push_inside(double value, double lower, double upper, double push)
{
    double range = upper - lower;
    if (isfinite(lower)) {
        double least = lower + fg_smaller(push * fg_larger(1, fabs(lower)), isfinite(range) ? push * range : INFINITY);
        value = fg_larger(value, least);
    }
    if (isfinite(upper)) {
        double most = upper - fg_smaller(push * fg_larger(1, fabs(upper)), isfinite(range) ? push * range : INFINITY);
        value = fg_smaller(value, most);
    }
    return value;
}

/* How far a bound is widened. */
static double relaxation(double relax, double bound)
{
    return isfinite(bound) ? relax * fg_smaller(fg_larger(1, fabs(bound)), 10) : 0;
}

static void set_bounds(struct fg_nlp *nlp)
{
    const struct fg_nlp_problem *problem = &nlp->problem;
    double relax = nlp->options->bound_relaxation;
    for (int32_t i = 0; i < nlp->n; i++) {
        double lower = problem->x_lower[i], upper = problem->x_upper[i];
        nlp->fixed[i] = lower == upper;
        nlp->x_lower[i] = nlp->fixed[i] ? lower : lower - relaxation(relax, lower);
        nlp->x_upper[i] = nlp->fixed[i] ? upper : upper + relaxation(relax, upper);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        double lower = problem->g_lower[r] * nlp->scale_g[r], upper = problem->g_upper[r] * nlp->scale_g[r];
        /* A condensed row always keeps a slack: its diagonal must not vanish. */
        bool elastic = problem->g_price != NULL && isfinite(problem->g_price[r]);
        nlp->has_slack[r] = problem->g_lower[r] < problem->g_upper[r] || (nlp->kkt.kept_row[r] < 0 && !elastic);
        nlp->s_lower[r] = nlp->has_slack[r] ? lower - relaxation(relax, lower) : lower;
        nlp->s_upper[r] = nlp->has_slack[r] ? upper + relaxation(relax, upper) : upper;
        nlp->rho[r] = elastic ? problem->g_price[r] * nlp->scale_f / nlp->scale_g[r] : INFINITY;
    }
}

/* Gradient-based scaling: no gradient at the start exceeds 100. */
static void set_scaling(struct fg_nlp *nlp)
{
    static const double most = 100, least = 1e-8;
    const struct fg_nlp_problem *problem = &nlp->problem;
    nlp->scale_f = 1;
    for (int32_t r = 0; r < nlp->m; r++) {
        nlp->scale_g[r] = 1;
        nlp->y_out[r] = 0;
    }
    problem->derivatives(problem->user, nlp->x, 0, nlp->y_out, nlp->gradient, nlp->jacobian, nlp->hessian);
    double steepest = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        if (problem->x_lower[i] < problem->x_upper[i])
            steepest = fg_larger(steepest, fabs(nlp->gradient[i]));
    if (steepest > most && isfinite(steepest))
        nlp->scale_f = fg_larger(least, most / steepest);
    double *row_max = nlp->g_trial;
    memset(row_max, 0, (size_t)nlp->m * sizeof *row_max);
    for (int64_t e = 0; e < problem->jacobian_nnz; e++) {
        int32_t i = problem->jacobian_column[e], r = problem->jacobian_row[e];
        if (problem->x_lower[i] < problem->x_upper[i])
            row_max[r] = fg_larger(row_max[r], fabs(nlp->jacobian[e]));
    }
    for (int32_t r = 0; r < nlp->m; r++)
        if (row_max[r] > most && isfinite(row_max[r]))
            nlp->scale_g[r] = fg_larger(least, most / row_max[r]);
}

static void set_tau(struct fg_nlp *nlp)
{
    nlp->tau = fg_larger(0.99, 1 - nlp->mu);
}

static void set_filter_limits(struct fg_nlp *nlp)
{
    double theta = fg_ipm_theta(nlp, nlp->g, nlp->s, nlp->p, nlp->q);
    nlp->filter.theta_max = 1e4 * fg_larger(1, theta);
    nlp->filter.theta_min = 1e-4 * fg_larger(1, theta);
    nlp->filter.count = 0;
}

/* First iterate; false when the functions are not finite there. */
static bool set_start(struct fg_nlp *nlp, const double *x0)
{
    bool warm = nlp->options->warm_start && nlp->solved_before;
    double push = warm ? 1e-6 : 1e-2;
    if (!warm)
        memcpy(nlp->x, x0, (size_t)nlp->n * sizeof *x0);
    for (int32_t i = 0; i < nlp->n; i++)
        if (nlp->problem.x_lower[i] == nlp->problem.x_upper[i])
            nlp->x[i] = nlp->problem.x_lower[i];
    if (!warm)
        set_scaling(nlp);
    set_bounds(nlp);
    for (int32_t i = 0; i < nlp->n; i++)
        if (!nlp->fixed[i])
            nlp->x[i] = push_inside(nlp->x[i], nlp->x_lower[i], nlp->x_upper[i], push);
    nlp->mu = warm ? nlp->options->warm_mu : 0.1;
    if (!fg_ipm_functions(nlp, nlp->x, &nlp->f, nlp->g))
        return false;
    for (int32_t r = 0; r < nlp->m; r++) {
        bool has = nlp->has_slack[r];
        nlp->s[r] = has ? push_inside(nlp->g[r], nlp->s_lower[r], nlp->s_upper[r], push) : nlp->s_lower[r];
        if (!warm)
            nlp->y[r] = 0;
        nlp->p[r] = nlp->q[r] = nlp->p_trial[r] = nlp->q_trial[r] = 0;
    }
    fg_pairs_list(nlp);
    fg_pairs_reset(nlp);
    for (int64_t k = 0; !warm && k < nlp->pairs.start[FG_PAIR_KINDS]; k++)
        nlp->pairs.z[k] = 1;
    fg_ipm_set_elastics(nlp, nlp->g, nlp->s);
    nlp->delta_w_last = 0;
    fg_kkt_start(&nlp->kkt);
    set_tau(nlp);
    set_filter_limits(nlp);
    return true;
}

/* -- restoration ------------------------------------------------------------------------------------------------ */

/* Why an inner loop ended. */
enum outcome { GOES_ON, CONVERGED, STUCK, LIMIT };

static enum outcome check_limits(struct fg_nlp *nlp)
{
    const struct fg_nlp_options *options = nlp->options;
    if (options->interrupt != NULL && atomic_load(options->interrupt)) {
        nlp->result->status = FG_NLP_INTERRUPTED;
        return LIMIT;
    }
    if (nlp->result->iterations >= options->max_iterations) {
        nlp->result->status = FG_NLP_ITERATION_LIMIT;
        return LIMIT;
    }
    if (isfinite(options->time_limit_s) && fg_clock_seconds() - nlp->start_time > options->time_limit_s) {
        nlp->result->status = FG_NLP_TIME_LIMIT;
        return LIMIT;
    }
    return GOES_ON;
}

/* Move the duals with the step that was taken and prepare the next iterate. */
static void finish_step(struct fg_nlp *nlp, double alpha_y, double alpha_dual)
{
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->y[r] += alpha_y * nlp->dy[r];
    fg_pairs_step_duals(nlp, alpha_dual);
    nlp->result->iterations++;
}

/* The outer problem's violation and barrier function at the restoration's point. Its native elastic rows can absorb
 * their residual, so only hard rows count as violated. */
static double outer_theta(const struct fg_nlp *nlp)
{
    double theta = 0;
    for (int32_t r = 0; r < nlp->m; r++)
        if (!isfinite(nlp->rho[r]))
            theta += fabs(nlp->g[r] - nlp->s[r]);
    return theta;
}

static bool outer_accepts(struct fg_nlp *nlp, double theta, double outer_mu)
{
    double f, inner_mu = nlp->mu;
    nlp->restoring = false;
    fg_pairs_list(nlp);
    nlp->mu = outer_mu;
    bool accepted = fg_ipm_functions(nlp, nlp->x, &f, nlp->g_trial);
    if (accepted) {
        double phi = fg_ipm_barrier(nlp, f, nlp->x, nlp->s, nlp->p, nlp->q);
        accepted = isfinite(phi) && fg_filter_accepts(&nlp->outer_filter, theta, phi);
    }
    nlp->restoring = true;
    fg_pairs_list(nlp);
    nlp->mu = inner_mu;
    return accepted;
}

/* Multipliers that fit the present slacks and barrier parameter. */
static void reset_duals(struct fg_nlp *nlp)
{
    fg_pairs_reset(nlp);
    memset(nlp->y, 0, (size_t)nlp->m * sizeof *nlp->y);
}

/* Minimise the violation near the present point until the outer filter accepts (section 3.3 of the paper). CONVERGED:
 * the outer loop can go on; STUCK: a stationary point of the violation, or no progress. */
static enum outcome restore(struct fg_nlp *nlp)
{
    double outer_mu = nlp->mu, theta_start = outer_theta(nlp);
    double tolerance = fg_smaller(nlp->options->tolerance, 1e-6);
    nlp->outer_filter = nlp->filter;
    nlp->result->restorations++;
    nlp->restoring = true;
    double worst = 0;
    for (int32_t r = 0; r < nlp->m; r++)
        worst = fg_larger(worst, fabs(nlp->residual[r]));
    nlp->mu = fg_larger(outer_mu, worst);
    for (int32_t i = 0; i < nlp->n; i++) {
        nlp->x_reference[i] = nlp->x[i];
        double size = fg_larger(1, fabs(nlp->x[i]));
        nlp->resto_weight[i] = 1 / (size * size);
    }
    nlp->zeta = sqrt(nlp->mu);
    fg_pairs_list(nlp);
    reset_duals(nlp);
    fg_ipm_set_elastics(nlp, nlp->g, nlp->s);
    fg_ipm_functions(nlp, nlp->x, &nlp->f, nlp->g);
    set_tau(nlp);
    set_filter_limits(nlp);

    enum outcome outcome = GOES_ON;
    for (int failures = 0; outcome == GOES_ON;) {
        if ((outcome = check_limits(nlp)) != GOES_ON)
            break;
        fg_ipm_derivatives(nlp);
        fg_ipm_residual(nlp);
        struct fg_ipm_error error = fg_ipm_error(nlp, nlp->mu);
        while (error.total <= 10 * nlp->mu && nlp->mu > tolerance / 10) {
            nlp->mu = fg_larger(tolerance / 11, fg_smaller(0.2 * nlp->mu, pow(nlp->mu, 1.5)));
            nlp->zeta = sqrt(nlp->mu);
            fg_ipm_functions(nlp, nlp->x, &nlp->f, nlp->g_trial);
            fg_ipm_derivatives(nlp); /* the proximal term has changed */
            set_tau(nlp);
            nlp->filter.count = 0;
            error = fg_ipm_error(nlp, nlp->mu);
        }
        if (fg_ipm_error(nlp, 0).total <= tolerance) {
            outcome = STUCK;
            break;
        }
        double alpha = 0;
        if (fg_ipm_newton(nlp)) {
            double alpha_dual = fg_pairs_max_dual(&nlp->pairs, nlp->tau);
            alpha = fg_search_filter(nlp, fg_pairs_max_primal(&nlp->pairs, nlp->tau));
            if (alpha > 0)
                finish_step(nlp, alpha, alpha_dual);
        }
        if (alpha <= 0) { /* start again from a point without residual, once or twice */
            if (++failures > 2) {
                outcome = STUCK;
                break;
            }
            fg_ipm_set_elastics(nlp, nlp->g, nlp->s);
            reset_duals(nlp);
            nlp->filter.count = 0;
            continue;
        }
        double theta = outer_theta(nlp);
        if (theta <= 0.9 * theta_start && outer_accepts(nlp, theta, outer_mu))
            outcome = CONVERGED;
    }
    nlp->restoring = false;
    nlp->mu = outer_mu;
    nlp->filter = nlp->outer_filter;
    fg_ipm_functions(nlp, nlp->x, &nlp->f, nlp->g);
    for (int32_t r = 0; r < nlp->m; r++)
        if (!fg_ipm_row_is_elastic(nlp, r))
            nlp->p[r] = nlp->q[r] = nlp->p_trial[r] = nlp->q_trial[r] = 0;
    fg_pairs_list(nlp);
    reset_duals(nlp);
    fg_ipm_set_elastics(nlp, nlp->g, nlp->s);
    set_tau(nlp);
    return outcome;
}

/* -- main loop -------------------------------------------------------------------------------------------------- */

/* Largest violation of the hard rows as they are solved (with relaxed bounds), unscaled. */
static double row_infeasibility(const struct fg_nlp *nlp)
{
    double worst = 0;
    for (int32_t r = 0; r < nlp->m; r++)
        if (!isfinite(nlp->rho[r]))
            worst = fg_larger(worst, fg_larger(nlp->s_lower[r] - nlp->g[r], nlp->g[r] - nlp->s_upper[r]) / nlp->scale_g[r]);
    return worst;
}

/* Largest violation of the caller's own bounds and hard rows, unscaled. */
static double true_infeasibility(const struct fg_nlp *nlp)
{
    const struct fg_nlp_problem *problem = &nlp->problem;
    double worst = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        worst = fg_larger(worst, fg_larger(problem->x_lower[i] - nlp->x[i], nlp->x[i] - problem->x_upper[i]));
    for (int32_t r = 0; r < nlp->m; r++)
        if (!isfinite(nlp->rho[r])) {
            double g = nlp->g[r] / nlp->scale_g[r];
            worst = fg_larger(worst, fg_larger(problem->g_lower[r] - g, g - problem->g_upper[r]));
        }
    return worst;
}

/* Objective with the prices of elastic rows, unscaled. */
static double true_objective(const struct fg_nlp *nlp)
{
    double sum = nlp->f / nlp->scale_f;
    for (int32_t r = 0; r < nlp->m; r++)
        if (isfinite(nlp->rho[r])) {
            double g = nlp->g[r] / nlp->scale_g[r];
            sum += nlp->problem.g_price[r] * fg_larger(0, fg_larger(nlp->problem.g_lower[r] - g, g - nlp->problem.g_upper[r]));
        }
    return sum;
}

enum { HISTORY = 4 }; /* errors that a free step must stay below */
static const double FREE_LOSS = 1e4; /* growth of the barrier function that a free step may cause, relative */

/* State of the barrier update: free while the error falls, else monotone until the barrier problem is solved. */
struct barrier {
    bool is_free;
    double history[HISTORY];
    int32_t recorded;
    double reference; /* error at which the free mode was left */
};

static void choose_barrier(struct fg_nlp *nlp, struct barrier *barrier, double total)
{
    double least = nlp->options->tolerance / 11, smallest, average;
    if (barrier->is_free) {
        double worst = 0;
        for (int32_t k = 0; k < barrier->recorded && k < HISTORY; k++)
            worst = fg_larger(worst, barrier->history[k]);
        if (barrier->recorded >= HISTORY && !(total <= 0.9999 * worst)) {
            barrier->is_free = false;
            barrier->reference = worst;
            average = fg_pairs_average(&nlp->pairs, &smallest);
            nlp->mu = fg_larger(least, fg_smaller(0.8 * average, 1e5));
            nlp->filter.count = 0;
            set_tau(nlp);
            return;
        }
        barrier->history[barrier->recorded++ % HISTORY] = total;
        average = fg_pairs_average(&nlp->pairs, &smallest);
        double xi = average > 0 ? smallest / average : 1;
        double sigma = 0.1 * pow(fg_smaller(0.05 * (1 - xi) / fg_larger(xi, 1e-12), 2), 3);
        sigma = fg_smaller(fg_larger(sigma, 0.05), 0.1);
        nlp->mu = fg_larger(least, sigma * average);
        nlp->tau = fg_larger(0.995, 1 - nlp->mu);
        nlp->filter.count = 0;
        return;
    }
    bool changed = false;
    while (fg_ipm_error(nlp, nlp->mu).total <= 10 * nlp->mu && nlp->mu > least) {
        if (!nlp->options->monotone && total <= 0.9 * barrier->reference) {
            barrier->is_free = true;
            barrier->recorded = 0;
            choose_barrier(nlp, barrier, total);
            return;
        }
        nlp->mu = fg_larger(least, fg_smaller(0.2 * nlp->mu, pow(nlp->mu, 1.5)));
        changed = true;
    }
    if (changed) {
        nlp->filter.count = 0;
        set_tau(nlp);
    }
}

/* A free step: as far as the bounds allow, without a line search; the error is watched instead. It may lose ground, but
 * not leave the region altogether. */
static double free_step(struct fg_nlp *nlp)
{
    double f, theta, phi, start = fg_ipm_barrier(nlp, nlp->f, nlp->x, nlp->s, nlp->p, nlp->q);
    for (double alpha = fg_pairs_max_primal(&nlp->pairs, nlp->tau); alpha > 1e-8; alpha /= 2)
        if (fg_search_try(nlp, alpha, &f, &theta, &phi) && theta <= nlp->filter.theta_max &&
            phi - start <= FREE_LOSS * fg_larger(1, fabs(start))) {
            fg_search_accept(nlp, f);
            return alpha;
        }
    return 0;
}

static void run(struct fg_nlp *nlp)
{
    struct fg_nlp_result *result = nlp->result;
    const struct fg_nlp_options *options = nlp->options;
    struct barrier barrier = { .is_free = !options->monotone };
    int stuck = 0;
    for (;;) {
        fg_ipm_derivatives(nlp);
        fg_ipm_residual(nlp);
        struct fg_ipm_error error = fg_ipm_error(nlp, 0);
        result->optimality = error.total;
        double infeasibility = row_infeasibility(nlp);
        if (options->progress)
            options->progress(options->progress_user, result->iterations, nlp->f / nlp->scale_f, infeasibility,
                              error.total);
        if (error.total <= options->tolerance && infeasibility <= options->feasibility) {
            result->status = FG_NLP_OPTIMAL;
            return;
        }
        if (check_limits(nlp) != GOES_ON)
            return;
        choose_barrier(nlp, &barrier, error.total);
        double alpha = 0;
        if (fg_ipm_newton(nlp)) {
            if (barrier.is_free)
                fg_ipm_centre(nlp);
            double alpha_dual = fg_pairs_max_dual(&nlp->pairs, nlp->tau);
            if (barrier.is_free) {
                alpha = free_step(nlp);
                if (alpha > 0)
                    finish_step(nlp, alpha_dual, alpha_dual);
            } else {
                alpha = fg_search_filter(nlp, fg_pairs_max_primal(&nlp->pairs, nlp->tau));
                if (alpha > 0)
                    finish_step(nlp, alpha, alpha_dual);
            }
        }
        if (alpha > 0)
            continue;
        if (barrier.is_free) { /* fall back to the globalised method before giving up */
            double smallest;
            barrier.is_free = false;
            barrier.reference = error.total;
            nlp->mu = fg_larger(options->tolerance / 11, 0.8 * fg_pairs_average(&nlp->pairs, &smallest));
            set_tau(nlp);
            set_filter_limits(nlp);
            continue;
        }
        if (error.primal <= options->tolerance * 1e-2 && ++stuck > 2) {
            /* Feasible, but no step improves: the barrier problem is solved as well as rounding allows. */
            result->status = error.total <= 100 * options->tolerance ? FG_NLP_OPTIMAL : FG_NLP_FAILED;
            return;
        }
        if (error.primal <= options->tolerance * 1e-2) {
            nlp->filter.count = 0;
            nlp->mu = fg_larger(options->tolerance / 11, 0.1 * nlp->mu);
            set_tau(nlp);
            continue;
        }
        fg_filter_add(nlp, fg_ipm_theta(nlp, nlp->g, nlp->s, nlp->p, nlp->q),
                      fg_ipm_barrier(nlp, nlp->f, nlp->x, nlp->s, nlp->p, nlp->q));
        switch (restore(nlp)) {
        case CONVERGED:
        case GOES_ON:
            break;
        case STUCK:
            result->status = row_infeasibility(nlp) > options->feasibility ? FG_NLP_LOCALLY_INFEASIBLE : FG_NLP_FAILED;
            return;
        case LIMIT:
            return;
        }
    }
}

enum fg_code fg_nlp_solve(struct fg_nlp *nlp, const double *x0, const struct fg_nlp_options *options,
                          struct fg_nlp_result *result, struct fg_error *err)
{
    const struct fg_nlp_problem *problem = &nlp->problem;
    for (int32_t i = 0; i < nlp->n; i++)
        if (!(problem->x_lower[i] <= problem->x_upper[i]))
            return fg_fail(err, FG_ERR_VALUE, "nlp", "variable %d: the lower bound exceeds the upper", i);
    for (int32_t r = 0; r < nlp->m; r++)
        if (!(problem->g_lower[r] <= problem->g_upper[r]))
            return fg_fail(err, FG_ERR_VALUE, "nlp", "row %d: the lower bound exceeds the upper", r);
    *result = (struct fg_nlp_result){ .status = FG_NLP_FAILED };
    nlp->options = options;
    nlp->result = result;
    nlp->restoring = false;
    nlp->start_time = fg_clock_seconds();
    if (set_start(nlp, x0)) {
        run(nlp);
        nlp->solved_before = true;
    }
    const struct fg_pairs *pairs = &nlp->pairs;
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->zl_out[i] = nlp->zu_out[i] = 0;
    for (int64_t k = 0; k < pairs->start[FG_PAIR_X_UPPER]; k++)
        nlp->zl_out[pairs->of[k]] = pairs->z[k] / nlp->scale_f;
    for (int64_t k = pairs->start[FG_PAIR_X_UPPER]; k < pairs->start[FG_PAIR_S_LOWER]; k++)
        nlp->zu_out[pairs->of[k]] = pairs->z[k] / nlp->scale_f;
    for (int32_t r = 0; r < nlp->m; r++) {
        nlp->y_out[r] = nlp->y[r] * nlp->scale_g[r] / nlp->scale_f;
        nlp->g_out[r] = nlp->g[r] / nlp->scale_g[r];
    }
    result->objective = true_objective(nlp);
    result->infeasibility = true_infeasibility(nlp);
    result->mu = nlp->mu;
    result->seconds = fg_clock_seconds() - nlp->start_time;
    nlp->options = NULL;
    nlp->result = NULL;
    return FG_OK;
}

enum fg_code fg_nlp_sensitivity(struct fg_nlp *nlp, const double *gradient, const double *shift, double *dx, double *dy,
                                struct fg_error *err)
{
    if (!nlp->solved_before)
        return fg_fail(err, FG_ERR_ARGUMENT, "nlp", "sensitivities need a solved problem");
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->rhs_x[i] = gradient ? -gradient[i] * nlp->scale_f : 0;
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->rhs_g[r] = shift ? -shift[r] * nlp->scale_g[r] : 0;
    if (!(fg_kkt_solve(nlp, nlp->rhs_x, nlp->rhs_g, nlp->dx, nlp->dy) < 1e-4))
        return fg_fail(err, FG_ERR_NUMERIC, "nlp", "the last system is too ill-conditioned for sensitivities");
    for (int32_t i = 0; dx != NULL && i < nlp->n; i++)
        dx[i] = nlp->fixed[i] ? 0 : nlp->dx[i];
    for (int32_t r = 0; dy != NULL && r < nlp->m; r++)
        dy[r] = nlp->dy[r] * nlp->scale_g[r] / nlp->scale_f;
    return FG_OK;
}
