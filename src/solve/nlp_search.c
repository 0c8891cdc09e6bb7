/* Filter line search: a step must reduce the violation theta or the barrier function phi, and must not be dominated by
 * what was seen before (Waechter and Biegler 2006, algorithm A; their constants). */
#include "solve/nlp_search.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double GAMMA_THETA = 1e-5, GAMMA_PHI = 1e-8, GAMMA_ALPHA = 0.05, DELTA = 1, S_THETA = 1.1, S_PHI = 2.3,
                    ETA_PHI = 1e-8, KAPPA_SOC = 0.99;
enum { SOC_MAX = 4 };

bool fg_filter_accepts(const struct fg_filter *filter, double theta, double phi)
{
    if (!(theta <= filter->theta_max))
        return false;
    for (int32_t k = 0; k < filter->count; k++)
        if (theta >= filter->theta[k] && phi >= filter->phi[k])
            return false;
    return true;
}

void fg_filter_add(struct fg_nlp *nlp, double theta, double phi)
{
    theta *= 1 - GAMMA_THETA;
    phi -= GAMMA_PHI * theta;
    int32_t kept = 0;
    for (int32_t k = 0; k < nlp->filter.count; k++) /* entries that the new one dominates are not needed */
        if (nlp->filter.theta[k] < theta || nlp->filter.phi[k] < phi) {
            nlp->filter.theta[kept] = nlp->filter.theta[k];
            nlp->filter.phi[kept++] = nlp->filter.phi[k];
        }
    if (kept == FG_FILTER_MAX) { /* forget the oldest */
        memmove(nlp->filter.theta, nlp->filter.theta + 1, (FG_FILTER_MAX - 1) * sizeof(double));
        memmove(nlp->filter.phi, nlp->filter.phi + 1, (FG_FILTER_MAX - 1) * sizeof(double));
        kept--;
    }
    nlp->filter.theta[kept] = theta;
    nlp->filter.phi[kept] = phi;
    nlp->filter.count = kept + 1;
}

/* Directional derivative of the barrier function along the step. */
static double slope(const struct fg_nlp *nlp)
{
    const struct fg_pairs *pairs = &nlp->pairs;
    double sum = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        sum += nlp->gradient[i] * nlp->dx[i];
    for (int64_t k = 0; k < pairs->start[FG_PAIR_KINDS]; k++)
        sum -= nlp->mu / pairs->slack[k] * pairs->dslack[k];
    for (int64_t k = pairs->start[FG_PAIR_P]; k < pairs->start[FG_PAIR_KINDS]; k++)
        sum += fg_ipm_row_price(nlp, pairs->of[k]) * pairs->dslack[k];
    return sum;
}

bool fg_search_try(struct fg_nlp *nlp, double alpha, double *f, double *theta, double *phi)
{
    for (int32_t i = 0; i < nlp->n; i++)
        nlp->x_trial[i] = nlp->x[i] + alpha * nlp->dx[i];
    for (int32_t r = 0; r < nlp->m; r++)
        nlp->s_trial[r] = nlp->s[r] + alpha * nlp->ds[r];
    const struct fg_pairs *pairs = &nlp->pairs;
    for (int64_t k = pairs->start[FG_PAIR_P]; k < pairs->start[FG_PAIR_Q]; k++)
        nlp->p_trial[pairs->of[k]] = nlp->p[pairs->of[k]] + alpha * pairs->dslack[k];
    for (int64_t k = pairs->start[FG_PAIR_Q]; k < pairs->start[FG_PAIR_KINDS]; k++)
        nlp->q_trial[pairs->of[k]] = nlp->q[pairs->of[k]] + alpha * pairs->dslack[k];
    if (!fg_ipm_functions(nlp, nlp->x_trial, f, nlp->g_trial))
        return false;
    *theta = fg_ipm_theta(nlp, nlp->g_trial, nlp->s_trial, nlp->p_trial, nlp->q_trial);
    *phi = fg_ipm_barrier(nlp, *f, nlp->x_trial, nlp->s_trial, nlp->p_trial, nlp->q_trial);
    return isfinite(*theta) && isfinite(*phi);
}

#define SWAP(a, b)                                                                                                     \
    do {                                                                                                               \
        double *held_ = (a);                                                                                           \
        (a) = (b);                                                                                                     \
        (b) = held_;                                                                                                   \
    } while (0)

void fg_search_accept(struct fg_nlp *nlp, double f)
{
    SWAP(nlp->x, nlp->x_trial);
    SWAP(nlp->s, nlp->s_trial);
    SWAP(nlp->p, nlp->p_trial);
    SWAP(nlp->q, nlp->q_trial);
    SWAP(nlp->g, nlp->g_trial);
    nlp->f = f;
}

struct base {
    double theta, phi, slope;
};

/* Is the switching condition met, under which phi alone decides (Armijo)? */
static bool switching(const struct base *base, double alpha)
{
    return base->slope < 0 && alpha * pow(-base->slope, S_PHI) > DELTA * pow(base->theta, S_THETA);
}

static bool acceptable(const struct fg_nlp *nlp, const struct base *base, double alpha, double theta, double phi)
{
    double noise = 10 * DBL_EPSILON * fabs(base->phi);
    if (!fg_filter_accepts(&nlp->filter, theta, phi))
        return false;
    if (base->theta <= nlp->filter.theta_min && switching(base, alpha))
        return phi - base->phi - noise <= ETA_PHI * alpha * base->slope;
    return theta <= (1 - GAMMA_THETA) * base->theta || phi - base->phi - noise <= -GAMMA_PHI * base->theta;
}

double fg_search_filter(struct fg_nlp *nlp, double alpha_max)
{
    struct base base = { fg_ipm_theta(nlp, nlp->g, nlp->s, nlp->p, nlp->q),
                         fg_ipm_barrier(nlp, nlp->f, nlp->x, nlp->s, nlp->p, nlp->q), slope(nlp) };
    double alpha_min = GAMMA_THETA;
    if (base.slope < 0) {
        alpha_min = fg_smaller(alpha_min, -GAMMA_PHI * base.theta / base.slope);
        if (base.theta <= nlp->filter.theta_min)
            alpha_min = fg_smaller(alpha_min, DELTA * pow(base.theta, S_THETA) / pow(-base.slope, S_PHI));
    }
    alpha_min *= GAMMA_ALPHA;
    double relative = 0;
    for (int32_t i = 0; i < nlp->n; i++)
        relative = fg_larger(relative, fabs(nlp->dx[i]) / (1 + fabs(nlp->x[i])));
    bool tiny = relative < 10 * DBL_EPSILON;

    double f = 0, theta = 0, phi = 0;
    for (double alpha = alpha_max; alpha >= alpha_min; alpha /= 2) {
        bool finite = fg_search_try(nlp, alpha, &f, &theta, &phi);
        if (finite && (tiny || acceptable(nlp, &base, alpha, theta, phi))) {
            /* What did not come from an f-type step with enough decrease goes into the filter. */
            if (!tiny && !(switching(&base, alpha) && phi - base.phi <= ETA_PHI * alpha * base.slope))
                fg_filter_add(nlp, base.theta, base.phi);
            fg_search_accept(nlp, f);
            return alpha;
        }
        if (alpha == alpha_max && finite && theta >= base.theta) {
            /* Second-order correction: aim at the residual that the full step would leave. */
            double before = base.theta, step = alpha;
            for (int32_t r = 0; r < nlp->m; r++)
                nlp->g_soc[r] = nlp->residual[r];
            for (int pass = 0; pass < SOC_MAX; pass++) {
                for (int32_t r = 0; r < nlp->m; r++)
                    nlp->g_soc[r] = step * nlp->g_soc[r] + nlp->g_trial[r] - nlp->s_trial[r] -
                                    (nlp->p_trial[r] - nlp->q_trial[r]);
                if (!fg_ipm_resolve(nlp, nlp->g_soc))
                    break;
                step = fg_pairs_max_primal(&nlp->pairs, nlp->tau);
                if (!fg_search_try(nlp, step, &f, &theta, &phi))
                    break;
                if (acceptable(nlp, &base, alpha, theta, phi)) {
                    if (!(switching(&base, alpha) && phi - base.phi <= ETA_PHI * alpha * base.slope))
                        fg_filter_add(nlp, base.theta, base.phi);
                    fg_search_accept(nlp, f);
                    return step;
                }
                if (theta > KAPPA_SOC * before)
                    break;
                before = theta;
            }
            if (!fg_ipm_resolve(nlp, nlp->residual)) /* the plain step again */
                return 0;
        }
    }
    return 0;
}
