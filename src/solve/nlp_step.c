/* Functions, errors and Newton steps of the interior point method.
 *
 * Conditions of the barrier problem, scaled, with multipliers z of the bounds (zp, zq of p, q >= 0):
 *
 *   grad f + J'y - zl + zu = 0      -y - vl + vu = 0 (slacks)      rho - y - zp = 0      rho + y - zq = 0
 *   g(x) - s - p + q = 0
 *   (x - xl) zl = mu,  (xu - x) zu = mu,  (s - sl) vl = mu,  (su - s) vu = mu,  p zp = mu,  q zq = mu
 *
 * The Newton step eliminates the multipliers, then s, p and q, which leaves the system of nlp_kkt.c with
 *   D = 1 / Sigma_s + 1 / Sigma_p + 1 / Sigma_q.
 *
 * A step that some pair soon stops is corrected (J. Gondzio, "Multiple centrality corrections in a primal-dual method for
 * linear programming", Comput. Optim. Appl. 6, 1996): the products slack * z that a longer step would leave outside
 * [beta mu, mu / beta] get another target, and the same factors give the change of the step for the price of a solve. */
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
        nlp->residual[r] = nlp->g[r] - nlp->s[r] - (nlp->p[r] - nlp->q[r]);
}

double fg_ipm_theta(const struct fg_nlp *nlp, const double *g, const double *s, const double *p, const double *q)
{
    double theta = 0;
    for (int32_t r = 0; r < nlp->m; r++)
        theta += fabs(g[r] - s[r] - (p[r] - q[r]));
    return theta;
}

double fg_ipm_barrier(const struct fg_nlp *nlp, double f, const double *x, const double *s, const double *p,
                      const double *q)
{
    const struct fg_pairs *pairs = &nlp->pairs;
    double phi = f - nlp->mu * fg_pairs_log(nlp, x, s, p, q);
    for (int64_t k = pairs->start[FG_PAIR_P]; k < pairs->start[FG_PAIR_Q]; k++)
        phi += fg_ipm_row_price(nlp, pairs->of[k]) * (p[pairs->of[k]] + q[pairs->of[k]]);
    return phi;
}

struct fg_ipm_error fg_ipm_error(struct fg_nlp *nlp, double mu)
{
    const struct fg_pairs *pairs = &nlp->pairs;
    const int64_t *start = pairs->start;
    double dual = 0, primal = 0, complementarity = 0, multipliers = 0, rows = 0;
    double *slope = nlp->slope_s; /* here: of the Lagrangian in the slacks */
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->dual_x[i] = nlp->gradient[i];
    for (int64_t e = 0; e < nlp->problem.jacobian_nnz; e++)
        nlp->dual_x[nlp->problem.jacobian_column[e]] += nlp->jacobian[e] * nlp->y[nlp->problem.jacobian_row[e]];
    for (int64_t k = 0; k < start[FG_PAIR_X_UPPER]; k++)
        nlp->dual_x[pairs->of[k]] -= pairs->z[k];
    for (int64_t k = start[FG_PAIR_X_UPPER]; k < start[FG_PAIR_S_LOWER]; k++)
        nlp->dual_x[pairs->of[k]] += pairs->z[k];
    for (int32_t i = 0; i < nlp->n; i++)
        if (!nlp->fixed[i])
            dual = fabs(nlp->dual_x[i]) > dual ? fabs(nlp->dual_x[i]) : dual;
    for (int32_t r = 0; r < nlp->m; r++) {
        rows += fabs(nlp->y[r]);
        primal = fabs(nlp->residual[r]) > primal ? fabs(nlp->residual[r]) : primal;
        slope[r] = nlp->has_slack[r] ? -nlp->y[r] : 0;
    }
    for (int64_t k = start[FG_PAIR_S_LOWER]; k < start[FG_PAIR_S_UPPER]; k++)
        slope[pairs->of[k]] -= pairs->z[k];
    for (int64_t k = start[FG_PAIR_S_UPPER]; k < start[FG_PAIR_P]; k++)
        slope[pairs->of[k]] += pairs->z[k];
    for (int32_t r = 0; r < nlp->m; r++)
        dual = fabs(slope[r]) > dual ? fabs(slope[r]) : dual;
    for (int64_t k = start[FG_PAIR_P]; k < start[FG_PAIR_KINDS]; k++) {
        double y = k < start[FG_PAIR_Q] ? nlp->y[pairs->of[k]] : -nlp->y[pairs->of[k]];
        dual = fg_larger(dual, fabs(fg_ipm_row_price(nlp, pairs->of[k]) - y - pairs->z[k]));
    }
    for (int64_t k = 0; k < start[FG_PAIR_KINDS]; k++) {
        double product = fabs(pairs->slack[k] * pairs->z[k] - mu);
        complementarity = product > complementarity ? product : complementarity;
        multipliers += pairs->z[k];
    }
    static const double s_max = 100;
    double bounds = (double)start[FG_PAIR_KINDS];
    double s_d = fg_larger(s_max, (rows + multipliers) / fg_larger(nlp->m + bounds, 1)) / s_max;
    double s_c = fg_larger(s_max, multipliers / fg_larger(bounds, 1)) / s_max;
    struct fg_ipm_error error = { dual / s_d, primal, complementarity / s_c, 0 };
    error.total = fg_larger(error.dual, fg_larger(error.primal, error.complementarity));
    return error;
}

/* The minimiser of rho (p + q) - mu (log p + log q) subject to p - q = c: no residual is left. */
void fg_ipm_set_elastics(struct fg_nlp *nlp, const double *g, const double *s)
{
    struct fg_pairs *pairs = &nlp->pairs;
    int64_t elastic = pairs->start[FG_PAIR_Q] - pairs->start[FG_PAIR_P];
    for (int64_t k = pairs->start[FG_PAIR_P]; k < pairs->start[FG_PAIR_Q]; k++) {
        int32_t r = pairs->of[k];
        double c = g[r] - s[r], half = nlp->mu / (2 * fg_ipm_row_price(nlp, r)), a = fabs(c);
        double small = half - a / 2 + sqrt((half - a / 2) * (half - a / 2) + 2 * half * a);
        if (a > 1e3 * half) /* the same root without cancellation */
            small = 2 * half * a / (sqrt((half - a / 2) * (half - a / 2) + 2 * half * a) + a / 2 - half);
        nlp->p[r] = pairs->slack[k] = c >= 0 ? small + a : small;
        nlp->q[r] = pairs->slack[k + elastic] = c >= 0 ? small : small + a;
        pairs->z[k] = nlp->mu / nlp->p[r];
        pairs->z[k + elastic] = nlp->mu / nlp->q[r];
    }
}

/* Diagonal terms of the Newton system for the present iterate. */
static void set_diagonals(struct fg_nlp *nlp, double delta_w)
{
    const struct fg_pairs *pairs = &nlp->pairs;
    int64_t k = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->sigma_x[i] = nlp->restoring ? nlp->zeta * nlp->resto_weight[i] : nlp->scale_f * nlp->proximal_weight[i];
    for (; k < pairs->start[FG_PAIR_S_LOWER]; k++)
        nlp->sigma_x[pairs->of[k]] += pairs->z[k] / pairs->slack[k];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->sigma_s[r] = delta_w;
    for (; k < pairs->start[FG_PAIR_P]; k++)
        nlp->sigma_s[pairs->of[k]] += pairs->z[k] / pairs->slack[k];
    for (int32_t r = 0; r < nlp->m; r++) {
        nlp->sigma_s[r] = fg_larger(nlp->sigma_s[r], 1e-20);
        nlp->d_row[r] = nlp->has_slack[r] ? 1 / nlp->sigma_s[r] : 0;
    }
    for (; k < pairs->start[FG_PAIR_KINDS]; k++)
        nlp->d_row[pairs->of[k]] += pairs->slack[k] / pairs->z[k];
}

/* Relative residuals at which a step is trusted; stricter where pivots were lost. */
static const double SOLVE_QUALITY = 1e-5, LOST_PIVOT_QUALITY = 1e-9;

/* Solve with the factored matrix for the given residual of the rows, and expand the step; false when the solve is less
 * accurate than `quality_needed`. */
static bool solve_step(struct fg_nlp *nlp, const double *residual, double quality_needed)
{
    struct fg_pairs *pairs = &nlp->pairs;
    const int64_t *start = pairs->start;
    const int32_t *of = pairs->of;
    const double *z = pairs->z, *slack = pairs->slack, *target = pairs->target;
    int64_t k = 0;
    for (int32_t i = 0; i < nlp->n; i++) /* dual_x holds the multipliers already */
        nlp->rhs_x[i] = -nlp->dual_x[i];
    for (; k < start[FG_PAIR_X_UPPER]; k++)
        nlp->rhs_x[of[k]] += target[k] / slack[k] - z[k];
    for (; k < start[FG_PAIR_S_LOWER]; k++)
        nlp->rhs_x[of[k]] -= target[k] / slack[k] - z[k];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->slope_s[r] = -nlp->y[r];
    for (; k < start[FG_PAIR_S_UPPER]; k++)
        nlp->slope_s[of[k]] -= target[k] / slack[k];
    for (; k < start[FG_PAIR_P]; k++)
        nlp->slope_s[of[k]] += target[k] / slack[k];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->rhs_g[r] = -residual[r] - (nlp->has_slack[r] ? nlp->slope_s[r] / nlp->sigma_s[r] : 0);
    for (; k < start[FG_PAIR_Q]; k++)
        nlp->rhs_g[of[k]] -= (fg_ipm_row_price(nlp, of[k]) - nlp->y[of[k]] - target[k] / slack[k]) * slack[k] / z[k];
    for (; k < start[FG_PAIR_KINDS]; k++)
        nlp->rhs_g[of[k]] += (fg_ipm_row_price(nlp, of[k]) + nlp->y[of[k]] - target[k] / slack[k]) * slack[k] / z[k];
    double quality = fg_kkt_solve(nlp, nlp->rhs_x, nlp->rhs_g, nlp->dx, nlp->dy);
    if (!(quality < quality_needed))
        return false;
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->ds[r] = nlp->has_slack[r] ? (nlp->dy[r] - nlp->slope_s[r]) / nlp->sigma_s[r] : 0;
    for (k = 0; k < start[FG_PAIR_X_UPPER]; k++)
        pairs->dslack[k] = nlp->dx[of[k]];
    for (; k < start[FG_PAIR_S_LOWER]; k++)
        pairs->dslack[k] = -nlp->dx[of[k]];
    for (; k < start[FG_PAIR_S_UPPER]; k++)
        pairs->dslack[k] = nlp->ds[of[k]];
    for (; k < start[FG_PAIR_P]; k++)
        pairs->dslack[k] = -nlp->ds[of[k]];
    for (; k < start[FG_PAIR_KINDS]; k++) {
        /* The price less y is exact near a violated limit, where both agree; y + dy would lose dy. */
        double sign = k < start[FG_PAIR_Q] ? 1 : -1;
        double left = fg_ipm_row_price(nlp, of[k]) - sign * nlp->y[of[k]] - target[k] / slack[k] - sign * nlp->dy[of[k]];
        pairs->dslack[k] = -left * slack[k] / z[k];
    }
    for (k = 0; k < start[FG_PAIR_KINDS]; k++)
        pairs->dz[k] = (target[k] - z[k] * pairs->dslack[k]) / slack[k] - z[k];
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
    for (int64_t k = 0; k < nlp->pairs.start[FG_PAIR_KINDS]; k++)
        nlp->pairs.target[k] = nlp->mu;
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

/* Corrections of a step at most; they end earlier where both steps are LONG, or a correction lengthens the sum of both by
 * less than GAIN, or the shorter by a smaller share than SHARE: duals that run ahead of the variables spoil the Hessian.
 * Products are wanted within [BETA mu, mu / BETA] after steps longer than possible so far. */
enum { CORRECTIONS_MAX = 2 };
static const double LONG = 0.9, GAIN = 0.05, SHARE = 0.1, BETA = 0.1;

/* How the targets should change so that steps alpha and alpha_dual leave no product far from mu. */
static void shift_targets(struct fg_nlp *nlp, double alpha, double alpha_dual)
{
    struct fg_pairs *pairs = &nlp->pairs;
    double least = BETA * nlp->mu, most = nlp->mu / BETA;
    for (int64_t k = 0; k < pairs->start[FG_PAIR_KINDS]; k++) {
        double product = (pairs->slack[k] + alpha * pairs->dslack[k]) * (pairs->z[k] + alpha_dual * pairs->dz[k]);
        double above = fg_larger(most - product, -most); /* what is far too large is not undone at once */
        pairs->shift[k] = product < least ? least - product : product > most ? above : 0;
    }
}

/* The change of the step that the shifted targets ask for: cx, cs, cy, and cslack, cz of the pairs. */
static bool solve_correction(struct fg_nlp *nlp)
{
    struct fg_pairs *pairs = &nlp->pairs;
    const int64_t *start = pairs->start;
    const int32_t *of = pairs->of;
    const double *z = pairs->z, *slack = pairs->slack, *shift = pairs->shift;
    int64_t k = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->rhs_x[i] = 0;
    for (; k < start[FG_PAIR_X_UPPER]; k++)
        nlp->rhs_x[of[k]] += shift[k] / slack[k];
    for (; k < start[FG_PAIR_S_LOWER]; k++)
        nlp->rhs_x[of[k]] -= shift[k] / slack[k];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->cs[r] = 0;
    for (; k < start[FG_PAIR_S_UPPER]; k++)
        nlp->cs[of[k]] += shift[k] / slack[k];
    for (; k < start[FG_PAIR_P]; k++)
        nlp->cs[of[k]] -= shift[k] / slack[k];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->rhs_g[r] = nlp->cs[r] / nlp->sigma_s[r];
    for (; k < start[FG_PAIR_Q]; k++)
        nlp->rhs_g[of[k]] += shift[k] / z[k];
    for (; k < start[FG_PAIR_KINDS]; k++)
        nlp->rhs_g[of[k]] -= shift[k] / z[k];
    if (!(fg_kkt_solve_again(nlp, nlp->rhs_x, nlp->rhs_g, nlp->cx, nlp->cy) < SOLVE_QUALITY))
        return false;
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->cs[r] = nlp->has_slack[r] ? (nlp->cy[r] + nlp->cs[r]) / nlp->sigma_s[r] : 0;
    for (k = 0; k < start[FG_PAIR_X_UPPER]; k++)
        pairs->cslack[k] = nlp->cx[of[k]];
    for (; k < start[FG_PAIR_S_LOWER]; k++)
        pairs->cslack[k] = -nlp->cx[of[k]];
    for (; k < start[FG_PAIR_S_UPPER]; k++)
        pairs->cslack[k] = nlp->cs[of[k]];
    for (; k < start[FG_PAIR_P]; k++)
        pairs->cslack[k] = -nlp->cs[of[k]];
    for (; k < start[FG_PAIR_Q]; k++)
        pairs->cslack[k] = (nlp->cy[of[k]] * slack[k] + shift[k]) / z[k];
    for (; k < start[FG_PAIR_KINDS]; k++)
        pairs->cslack[k] = (-nlp->cy[of[k]] * slack[k] + shift[k]) / z[k];
    for (k = 0; k < start[FG_PAIR_KINDS]; k++) {
        pairs->cz[k] = pairs->dz[k] + (shift[k] - z[k] * pairs->cslack[k]) / slack[k];
        pairs->cslack[k] += pairs->dslack[k];
    }
    return true;
}

/* The corrected steps of the pairs in place of the present ones, or back. */
static void exchange_steps(struct fg_pairs *pairs)
{
    double *dslack = pairs->dslack, *dz = pairs->dz;
    pairs->dslack = pairs->cslack;
    pairs->dz = pairs->cz;
    pairs->cslack = dslack;
    pairs->cz = dz;
}

void fg_ipm_centre(struct fg_nlp *nlp)
{
    struct fg_pairs *pairs = &nlp->pairs;
    double alpha = fg_pairs_max_primal(pairs, nlp->tau), alpha_dual = fg_pairs_max_dual(pairs, nlp->tau);
    for (int pass = 0; pass < CORRECTIONS_MAX && (alpha < LONG || alpha_dual < LONG); pass++) {
        shift_targets(nlp, fg_smaller(1, 1.5 * alpha + 0.3), fg_smaller(1, 1.5 * alpha_dual + 0.3));
        if (!solve_correction(nlp))
            return;
        double sum = alpha + alpha_dual, shorter = fg_smaller(alpha, alpha_dual);
        exchange_steps(pairs);
        alpha = fg_pairs_max_primal(pairs, nlp->tau);
        alpha_dual = fg_pairs_max_dual(pairs, nlp->tau);
        if (alpha + alpha_dual < sum + GAIN || fg_smaller(alpha, alpha_dual) < (1 + SHARE) * shorter) {
            exchange_steps(pairs);
            return;
        }
        for (int32_t i = 0; i < nlp->n; i++)
            nlp->dx[i] += nlp->cx[i];
        for (int32_t r = 0; r < nlp->m; r++) {
            nlp->ds[r] += nlp->cs[r];
            nlp->dy[r] += nlp->cy[r];
        }
    }
}
