/* Functions, errors and Newton steps of the interior point method.
 *
 * Conditions of the barrier problem, scaled, with multipliers z of the bounds (zp, zq of p, q >= 0):
 *
 *   grad f + J'y - zl + zu = 0      -y - vl + vu = 0 (slacks)      rho - y - zp = 0      rho + y - zq = 0
 *   g(x) - s - p + q = 0
 *   (x - xl) zl = mu,  (xu - x) zu = mu,  (s - sl) vl = mu,  (su - s) vu = mu,  p zp = mu,  q zq = mu
 *
 * The Newton step eliminates the multipliers, then s, p and q, which leaves the system of nlp_kkt.c with
 *   D = 1 / Sigma_s + 1 / Sigma_p + 1 / Sigma_q. */
#include "solve/nlp_internal.h"

#include <math.h>

/* Restoration minimises the violation of the hard rows; native elastic rows only keep theirs from drifting. */
static const double RESTORATION_PRICE = 1000, RESTORATION_ELASTIC_PRICE = 1;

double fg_ipm_row_price(const struct fg_nlp *nlp, int32_t row)
{
    if (!nlp->restoring)
        return nlp->rho[row];
    return isfinite(nlp->rho[row]) ? RESTORATION_ELASTIC_PRICE : RESTORATION_PRICE;
}

bool fg_ipm_functions(struct fg_nlp *nlp, const double *x, double *f, double *g)
{
    nlp->problem.functions(nlp->problem.user, x, f, g);
    *f *= nlp->scale_f;
    double sum = 0;
    for (int32_t r = 0; r < nlp->m; r++) {
        g[r] *= nlp->scale_g[r];
        sum += g[r];
    }
    if (nlp->restoring) {
        *f = 0;
        for (int32_t i = 0; i < nlp->n; i++) {
            double d = x[i] - nlp->x_reference[i];
            *f += 0.5 * nlp->zeta * nlp->resto_weight[i] * d * d;
        }
    } else {
        for (int32_t i = 0; i < nlp->n; i++)
            if (nlp->proximal_weight[i] != 0) {
                double d = x[i] - nlp->proximal_centre[i];
                *f += 0.5 * nlp->scale_f * nlp->proximal_weight[i] * d * d;
            }
    }
    return isfinite(*f) && isfinite(sum);
}

void fg_ipm_derivatives(struct fg_nlp *nlp)
{
    const struct fg_nlp_problem *problem = &nlp->problem;
    double *y = nlp->y_out; /* multipliers as the unscaled functions see them */
    for (int32_t r = 0; r < nlp->m; r++)
        y[r] = nlp->y[r] * nlp->scale_g[r];
    double sigma = nlp->restoring ? 0 : nlp->scale_f;
    problem->derivatives(problem->user, nlp->x, sigma, y, nlp->gradient, nlp->jacobian, nlp->hessian);
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        nlp->jacobian[e] *= nlp->scale_g[problem->jacobian_row[e]];
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->restoring)
            nlp->gradient[i] = nlp->zeta * nlp->resto_weight[i] * (nlp->x[i] - nlp->x_reference[i]);
        else
            nlp->gradient[i] = nlp->scale_f * (nlp->gradient[i] + nlp->proximal_weight[i] *
                                                                      (nlp->x[i] - nlp->proximal_centre[i]));
    }
}

void fg_ipm_residual(struct fg_nlp *nlp)
{
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->residual[r] = nlp->g[r] - nlp->s[r] - (fg_ipm_row_is_elastic(nlp, r) ? nlp->p[r] - nlp->q[r] : 0);
}

double fg_ipm_theta(const struct fg_nlp *nlp, const double *g, const double *s, const double *p, const double *q)
{
    double theta = 0;
    for (int32_t r = 0; r < nlp->m; r++)
        theta += fabs(g[r] - s[r] - (fg_ipm_row_is_elastic(nlp, r) ? p[r] - q[r] : 0));
    return theta;
}

double fg_ipm_barrier(const struct fg_nlp *nlp, double f, const double *x, const double *s, const double *p,
                      const double *q)
{
    double logs = 0, phi = f;
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        if (isfinite(nlp->x_lower[i]))
            logs += log(x[i] - nlp->x_lower[i]);
        if (isfinite(nlp->x_upper[i]))
            logs += log(nlp->x_upper[i] - x[i]);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        if (nlp->has_slack[r]) {
            if (isfinite(nlp->s_lower[r]))
                logs += log(s[r] - nlp->s_lower[r]);
            if (isfinite(nlp->s_upper[r]))
                logs += log(nlp->s_upper[r] - s[r]);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            logs += log(p[r]) + log(q[r]);
            phi += fg_ipm_row_price(nlp, r) * (p[r] + q[r]);
        }
    }
    return phi - nlp->mu * logs;
}

/* One bounded quantity's share of the complementarity error. */
#define COMPLEMENTARITY(slack, multiplier)                                                                             \
    do {                                                                                                               \
        double product_ = fabs((slack) * (multiplier)-mu);                                                             \
        complementarity = product_ > complementarity ? product_ : complementarity;                                     \
        multipliers += (multiplier);                                                                                   \
        bounds++;                                                                                                      \
    } while (0)

struct fg_ipm_error fg_ipm_error(struct fg_nlp *nlp, double mu)
{
    double dual = 0, primal = 0, complementarity = 0, multipliers = 0, rows = 0;
    int64_t bounds = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->dual_x[i] = nlp->gradient[i] - nlp->zl[i] + nlp->zu[i];
    for (int64_t e = 0; e < nlp->problem.jacobian_nnz; e++)
        nlp->dual_x[nlp->problem.jacobian_column[e]] += nlp->jacobian[e] * nlp->y[nlp->problem.jacobian_row[e]];
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        dual = fabs(nlp->dual_x[i]) > dual ? fabs(nlp->dual_x[i]) : dual;
        if (isfinite(nlp->x_lower[i]))
            COMPLEMENTARITY(nlp->x[i] - nlp->x_lower[i], nlp->zl[i]);
        if (isfinite(nlp->x_upper[i]))
            COMPLEMENTARITY(nlp->x_upper[i] - nlp->x[i], nlp->zu[i]);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        rows += fabs(nlp->y[r]);
        primal = fabs(nlp->residual[r]) > primal ? fabs(nlp->residual[r]) : primal;
        if (nlp->has_slack[r]) {
            dual = fg_larger(dual, fabs(-nlp->y[r] - nlp->vl[r] + nlp->vu[r]));
            if (isfinite(nlp->s_lower[r]))
                COMPLEMENTARITY(nlp->s[r] - nlp->s_lower[r], nlp->vl[r]);
            if (isfinite(nlp->s_upper[r]))
                COMPLEMENTARITY(nlp->s_upper[r] - nlp->s[r], nlp->vu[r]);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            double rho = fg_ipm_row_price(nlp, r);
            dual = fg_larger(dual, fg_larger(fabs(rho - nlp->y[r] - nlp->zp[r]), fabs(rho + nlp->y[r] - nlp->zq[r])));
            COMPLEMENTARITY(nlp->p[r], nlp->zp[r]);
            COMPLEMENTARITY(nlp->q[r], nlp->zq[r]);
        }
    }
    static const double s_max = 100;
    double s_d = fg_larger(s_max, (rows + multipliers) / (double)(nlp->m + bounds > 0 ? nlp->m + bounds : 1)) / s_max;
    double s_c = fg_larger(s_max, multipliers / (double)(bounds > 0 ? bounds : 1)) / s_max;
    struct fg_ipm_error error = { dual / s_d, primal, complementarity / s_c, 0 };
    error.total = fg_larger(error.dual, fg_larger(error.primal, error.complementarity));
    return error;
}

#define AVERAGE(slack, multiplier)                                                                                     \
    do {                                                                                                               \
        double product_ = (slack) * (multiplier);                                                                      \
        sum += product_;                                                                                               \
        least = product_ < least ? product_ : least;                                                                   \
        bounds++;                                                                                                      \
    } while (0)

double fg_ipm_average_complementarity(const struct fg_nlp *nlp, double *smallest)
{
    double sum = 0, least = INFINITY;
    int64_t bounds = 0;
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        if (isfinite(nlp->x_lower[i]))
            AVERAGE(nlp->x[i] - nlp->x_lower[i], nlp->zl[i]);
        if (isfinite(nlp->x_upper[i]))
            AVERAGE(nlp->x_upper[i] - nlp->x[i], nlp->zu[i]);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        if (nlp->has_slack[r]) {
            if (isfinite(nlp->s_lower[r]))
                AVERAGE(nlp->s[r] - nlp->s_lower[r], nlp->vl[r]);
            if (isfinite(nlp->s_upper[r]))
                AVERAGE(nlp->s_upper[r] - nlp->s[r], nlp->vu[r]);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            AVERAGE(nlp->p[r], nlp->zp[r]);
            AVERAGE(nlp->q[r], nlp->zq[r]);
        }
    }
    *smallest = bounds > 0 ? least : 0;
    return bounds > 0 ? sum / (double)bounds : 0;
}

/* The minimiser of rho (p + q) - mu (log p + log q) subject to p - q = c: no residual is left. */
void fg_ipm_set_elastics(struct fg_nlp *nlp, const double *g, const double *s)
{
    for (int32_t r = 0; r < nlp->m; r++) {
        if (!fg_ipm_row_is_elastic(nlp, r))
            continue;
        double c = g[r] - s[r], half = nlp->mu / (2 * fg_ipm_row_price(nlp, r)), a = fabs(c);
        double small = half - a / 2 + sqrt((half - a / 2) * (half - a / 2) + 2 * half * a);
        if (a > 1e3 * half) /* the same root without cancellation */
            small = 2 * half * a / (sqrt((half - a / 2) * (half - a / 2) + 2 * half * a) + a / 2 - half);
        nlp->p[r] = c >= 0 ? small + a : small;
        nlp->q[r] = c >= 0 ? small : small + a;
        nlp->zp[r] = nlp->mu / nlp->p[r];
        nlp->zq[r] = nlp->mu / nlp->q[r];
    }
}

/* Diagonal terms of the Newton system for the present iterate. */
static void set_diagonals(struct fg_nlp *nlp, double delta_w)
{
    for (int32_t i = 0; i < nlp->n; i++) {
        double sigma = nlp->restoring ? nlp->zeta * nlp->resto_weight[i] : nlp->scale_f * nlp->proximal_weight[i];
        if (isfinite(nlp->x_lower[i]) && !nlp->fixed[i])
            sigma += nlp->zl[i] / (nlp->x[i] - nlp->x_lower[i]);
        if (isfinite(nlp->x_upper[i]) && !nlp->fixed[i])
            sigma += nlp->zu[i] / (nlp->x_upper[i] - nlp->x[i]);
        nlp->sigma_x[i] = sigma;
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        double d = 0;
        if (nlp->has_slack[r]) {
            double sigma = delta_w;
            if (isfinite(nlp->s_lower[r]))
                sigma += nlp->vl[r] / (nlp->s[r] - nlp->s_lower[r]);
            if (isfinite(nlp->s_upper[r]))
                sigma += nlp->vu[r] / (nlp->s_upper[r] - nlp->s[r]);
            d += 1 / fg_larger(sigma, 1e-20);
        }
        if (fg_ipm_row_is_elastic(nlp, r))
            d += nlp->p[r] / nlp->zp[r] + nlp->q[r] / nlp->zq[r];
        nlp->d_row[r] = d;
    }
}

/* Gradients of the barrier function with respect to s, p, q (with y). */
static double slack_gradient(const struct fg_nlp *nlp, int32_t r)
{
    double value = -nlp->y[r];
    if (isfinite(nlp->s_lower[r]))
        value -= nlp->mu / (nlp->s[r] - nlp->s_lower[r]);
    if (isfinite(nlp->s_upper[r]))
        value += nlp->mu / (nlp->s_upper[r] - nlp->s[r]);
    return value;
}

static double slack_sigma(const struct fg_nlp *nlp, int32_t r)
{
    double sigma = nlp->delta_w;
    if (isfinite(nlp->s_lower[r]))
        sigma += nlp->vl[r] / (nlp->s[r] - nlp->s_lower[r]);
    if (isfinite(nlp->s_upper[r]))
        sigma += nlp->vu[r] / (nlp->s_upper[r] - nlp->s[r]);
    return fg_larger(sigma, 1e-20);
}

/* Relative residuals at which a step is trusted; stricter where pivots were lost. */
static const double SOLVE_QUALITY = 1e-5, LOST_PIVOT_QUALITY = 1e-9;

/* Solve with the factored matrix for the given residual of the rows, and expand the step; false when the solve is less
 * accurate than `quality_needed`. */
static bool solve_step(struct fg_nlp *nlp, const double *residual, double quality_needed)
{
    double mu = nlp->mu;
    for (int32_t i = 0; i < nlp->n; i++) {
        double value = -nlp->gradient[i];
        if (!nlp->fixed[i]) {
            if (isfinite(nlp->x_lower[i]))
                value += mu / (nlp->x[i] - nlp->x_lower[i]);
            if (isfinite(nlp->x_upper[i]))
                value -= mu / (nlp->x_upper[i] - nlp->x[i]);
        }
        nlp->rhs_x[i] = value;
    }
    for (int64_t e = 0; e < nlp->problem.jacobian_nnz; e++)
        nlp->rhs_x[nlp->problem.jacobian_column[e]] -= nlp->jacobian[e] * nlp->y[nlp->problem.jacobian_row[e]];
    for (int32_t r = 0; r < nlp->m; r++) {
        double value = -residual[r];
        if (nlp->has_slack[r])
            value -= slack_gradient(nlp, r) / slack_sigma(nlp, r);
        if (fg_ipm_row_is_elastic(nlp, r)) {
            double rho = fg_ipm_row_price(nlp, r);
            value -= (rho - nlp->y[r] - mu / nlp->p[r]) * nlp->p[r] / nlp->zp[r];
            value += (rho + nlp->y[r] - mu / nlp->q[r]) * nlp->q[r] / nlp->zq[r];
        }
        nlp->rhs_g[r] = value;
    }
    double quality = fg_kkt_solve(nlp, nlp->rhs_x, nlp->rhs_g, nlp->dx, nlp->dy);
    if (!(quality < quality_needed))
        return false;
    for (int32_t i = 0; i < nlp->n; i++) {
        nlp->dzl[i] = nlp->dzu[i] = 0;
        if (nlp->fixed[i]) {
            nlp->dx[i] = 0;
            continue;
        }
        if (isfinite(nlp->x_lower[i])) {
            double slack = nlp->x[i] - nlp->x_lower[i];
            nlp->dzl[i] = (mu - nlp->zl[i] * nlp->dx[i]) / slack - nlp->zl[i];
        }
        if (isfinite(nlp->x_upper[i])) {
            double slack = nlp->x_upper[i] - nlp->x[i];
            nlp->dzu[i] = (mu + nlp->zu[i] * nlp->dx[i]) / slack - nlp->zu[i];
        }
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        nlp->ds[r] = nlp->dvl[r] = nlp->dvu[r] = 0;
        nlp->dp[r] = nlp->dq[r] = nlp->dzp[r] = nlp->dzq[r] = 0;
        if (nlp->has_slack[r]) {
            nlp->ds[r] = (nlp->dy[r] - slack_gradient(nlp, r)) / slack_sigma(nlp, r);
            if (isfinite(nlp->s_lower[r])) {
                double slack = nlp->s[r] - nlp->s_lower[r];
                nlp->dvl[r] = (mu - nlp->vl[r] * nlp->ds[r]) / slack - nlp->vl[r];
            }
            if (isfinite(nlp->s_upper[r])) {
                double slack = nlp->s_upper[r] - nlp->s[r];
                nlp->dvu[r] = (mu + nlp->vu[r] * nlp->ds[r]) / slack - nlp->vu[r];
            }
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            double rho = fg_ipm_row_price(nlp, r);
            nlp->dp[r] = (nlp->dy[r] - (rho - nlp->y[r] - mu / nlp->p[r])) * nlp->p[r] / nlp->zp[r];
            nlp->dq[r] = (-nlp->dy[r] - (rho + nlp->y[r] - mu / nlp->q[r])) * nlp->q[r] / nlp->zq[r];
            nlp->dzp[r] = (mu - nlp->zp[r] * nlp->dp[r]) / nlp->p[r] - nlp->zp[r];
            nlp->dzq[r] = (mu - nlp->zq[r] * nlp->dq[r]) / nlp->q[r] - nlp->zq[r];
        }
    }
    return true;
}

bool fg_ipm_resolve(struct fg_nlp *nlp, const double *residual)
{
    return solve_step(nlp, residual, SOLVE_QUALITY);
}

/* Algorithm IC of the paper: raise delta_w until the inertia is right, delta_c when the Jacobian looks dependent. */
bool fg_ipm_newton(struct fg_nlp *nlp)
{
    static const double first = 1e-4, least = 1e-20, most = 1e40;
    double delta_w = 0, delta_c = 0;
    for (int attempt = 0; delta_w <= most && attempt < 60; attempt++) {
        set_diagonals(nlp, delta_w);
        struct fg_ldl_inertia inertia = fg_kkt_factor(nlp, delta_w, delta_c);
        /* A pivot lost to rounding does no harm where the solve is accurate all the same. */
        bool right = inertia.negative == nlp->kkt.kept;
        if (right && solve_step(nlp, nlp->residual, inertia.zero > 0 ? LOST_PIVOT_QUALITY : SOLVE_QUALITY)) {
            if (delta_w > 0)
                nlp->delta_w_last = delta_w;
            return true;
        }
        if ((inertia.zero > 0 || right) && delta_c == 0) {
            delta_c = 1e-8 * pow(nlp->mu, 0.25);
            continue;
        }
        if (delta_w == 0)
            delta_w = nlp->delta_w_last == 0 ? first : fg_larger(least, nlp->delta_w_last / 3);
        else
            delta_w *= nlp->delta_w_last == 0 ? 100 : 8;
    }
    return false;
}

/* Largest step in [0, 1] that keeps value + alpha step >= (1 - tau) value for a positive value. */
static double limit(double alpha, double value, double step, double tau)
{
    return value + alpha * step < (1 - tau) * value ? -tau * value / step : alpha;
}

double fg_ipm_max_primal(const struct fg_nlp *nlp)
{
    double alpha = 1, tau = nlp->tau;
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        if (isfinite(nlp->x_lower[i]))
            alpha = limit(alpha, nlp->x[i] - nlp->x_lower[i], nlp->dx[i], tau);
        if (isfinite(nlp->x_upper[i]))
            alpha = limit(alpha, nlp->x_upper[i] - nlp->x[i], -nlp->dx[i], tau);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        if (nlp->has_slack[r]) {
            if (isfinite(nlp->s_lower[r]))
                alpha = limit(alpha, nlp->s[r] - nlp->s_lower[r], nlp->ds[r], tau);
            if (isfinite(nlp->s_upper[r]))
                alpha = limit(alpha, nlp->s_upper[r] - nlp->s[r], -nlp->ds[r], tau);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            alpha = limit(alpha, nlp->p[r], nlp->dp[r], tau);
            alpha = limit(alpha, nlp->q[r], nlp->dq[r], tau);
        }
    }
    return alpha;
}

double fg_ipm_max_dual(const struct fg_nlp *nlp)
{
    double alpha = 1, tau = nlp->tau;
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        if (isfinite(nlp->x_lower[i]))
            alpha = limit(alpha, nlp->zl[i], nlp->dzl[i], tau);
        if (isfinite(nlp->x_upper[i]))
            alpha = limit(alpha, nlp->zu[i], nlp->dzu[i], tau);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        if (nlp->has_slack[r]) {
            if (isfinite(nlp->s_lower[r]))
                alpha = limit(alpha, nlp->vl[r], nlp->dvl[r], tau);
            if (isfinite(nlp->s_upper[r]))
                alpha = limit(alpha, nlp->vu[r], nlp->dvu[r], tau);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            alpha = limit(alpha, nlp->zp[r], nlp->dzp[r], tau);
            alpha = limit(alpha, nlp->zq[r], nlp->dzq[r], tau);
        }
    }
    return alpha;
}

void fg_ipm_step_duals(struct fg_nlp *nlp, double alpha)
{
    for (int32_t i = 0; i < nlp->n; i++) {
        nlp->zl[i] += alpha * nlp->dzl[i];
        nlp->zu[i] += alpha * nlp->dzu[i];
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        nlp->vl[r] += alpha * nlp->dvl[r];
        nlp->vu[r] += alpha * nlp->dvu[r];
        nlp->zp[r] += alpha * nlp->dzp[r];
        nlp->zq[r] += alpha * nlp->dzq[r];
    }
}

/* Keep every multiplier within 1e10 of its primal value mu / slack, so that Sigma stays a fair Hessian. */
static double clip(double multiplier, double slack, double mu)
{
    static const double kappa = 1e10;
    return fg_larger(fg_smaller(multiplier, kappa * mu / slack), mu / (kappa * slack));
}

void fg_ipm_clip_duals(struct fg_nlp *nlp)
{
    double mu = nlp->mu;
    for (int32_t i = 0; i < nlp->n; i++) {
        if (nlp->fixed[i])
            continue;
        if (isfinite(nlp->x_lower[i]))
            nlp->zl[i] = clip(nlp->zl[i], nlp->x[i] - nlp->x_lower[i], mu);
        if (isfinite(nlp->x_upper[i]))
            nlp->zu[i] = clip(nlp->zu[i], nlp->x_upper[i] - nlp->x[i], mu);
    }
    for (int32_t r = 0; r < nlp->m; r++) {
        if (nlp->has_slack[r]) {
            if (isfinite(nlp->s_lower[r]))
                nlp->vl[r] = clip(nlp->vl[r], nlp->s[r] - nlp->s_lower[r], mu);
            if (isfinite(nlp->s_upper[r]))
                nlp->vu[r] = clip(nlp->vu[r], nlp->s_upper[r] - nlp->s[r], mu);
        }
        if (fg_ipm_row_is_elastic(nlp, r)) {
            nlp->zp[r] = clip(nlp->zp[r], nlp->p[r], mu);
            nlp->zq[r] = clip(nlp->zq[r], nlp->q[r], mu);
        }
    }
}
