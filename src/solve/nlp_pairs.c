/* The complementary pairs of the interior point method: which there are, and what is done to every one of them. */
#include "solve/nlp_internal.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>

enum fg_code fg_pairs_create(struct fg_pairs *pairs, int32_t n, int32_t m, struct fg_error *err)
{
    size_t most = 2 * (size_t)n + 4 * (size_t)m; /* in restoration every row is elastic */
    pairs->of = fg_alloc(most, sizeof *pairs->of);
    pairs->slack = fg_alloc(most, sizeof *pairs->slack);
    pairs->z = fg_alloc(most, sizeof *pairs->z);
    pairs->dslack = fg_alloc(most, sizeof *pairs->dslack);
    pairs->dz = fg_alloc(most, sizeof *pairs->dz);
    pairs->target = fg_alloc(most, sizeof *pairs->target);
    pairs->shift = fg_alloc(most, sizeof *pairs->shift);
    pairs->cslack = fg_alloc(most, sizeof *pairs->cslack);
    pairs->cz = fg_alloc(most, sizeof *pairs->cz);
    if (!pairs->of || !pairs->slack || !pairs->z || !pairs->dslack || !pairs->dz || !pairs->target || !pairs->shift ||
        !pairs->cslack || !pairs->cz)
        return fg_fail_memory(err);
    return FG_OK;
}

void fg_pairs_release(struct fg_pairs *pairs)
{
    fg_free(pairs->of);
    fg_free(pairs->slack);
    fg_free(pairs->z);
    fg_free(pairs->dslack);
    fg_free(pairs->dz);
    fg_free(pairs->target);
    fg_free(pairs->shift);
    fg_free(pairs->cslack);
    fg_free(pairs->cz);
}

void fg_pairs_list(struct fg_nlp *nlp)
{
    struct fg_pairs *pairs = &nlp->pairs;
    int64_t count = 0;
    for (int kind = 0; kind < FG_PAIR_KINDS; kind++) {
        bool of_x = kind == FG_PAIR_X_LOWER || kind == FG_PAIR_X_UPPER;
        const double *bound = kind == FG_PAIR_X_LOWER   ? nlp->x_lower
                              : kind == FG_PAIR_X_UPPER ? nlp->x_upper
                              : kind == FG_PAIR_S_LOWER ? nlp->s_lower
                                                        : nlp->s_upper;
        pairs->start[kind] = count;
        for (int32_t i = 0; i < (of_x ? nlp->n : nlp->m); i++) {
            bool is_pair = of_x                  ? !nlp->fixed[i] && isfinite(bound[i])
                           : kind >= FG_PAIR_P ? fg_ipm_row_is_elastic(nlp, i)
                                                 : nlp->has_slack[i] && isfinite(bound[i]);
            if (is_pair)
                pairs->of[count++] = i;
        }
    }
    pairs->start[FG_PAIR_KINDS] = count;
}

static void slacks_at(const struct fg_nlp *nlp, const double *x, const double *s, const double *p, const double *q,
                      double *slack)
{
    const int64_t *start = nlp->pairs.start;
    const int32_t *of = nlp->pairs.of;
    int64_t k = 0;
    for (; k < start[FG_PAIR_X_UPPER]; k++)
        slack[k] = x[of[k]] - nlp->x_lower[of[k]];
    for (; k < start[FG_PAIR_S_LOWER]; k++)
        slack[k] = nlp->x_upper[of[k]] - x[of[k]];
    for (; k < start[FG_PAIR_S_UPPER]; k++)
        slack[k] = s[of[k]] - nlp->s_lower[of[k]];
    for (; k < start[FG_PAIR_P]; k++)
        slack[k] = nlp->s_upper[of[k]] - s[of[k]];
    for (; k < start[FG_PAIR_Q]; k++)
        slack[k] = p[of[k]];
    for (; k < start[FG_PAIR_KINDS]; k++)
        slack[k] = q[of[k]];
}

void fg_pairs_measure(struct fg_nlp *nlp)
{
    slacks_at(nlp, nlp->x, nlp->s, nlp->p, nlp->q, nlp->pairs.slack);
}

void fg_pairs_reset(struct fg_nlp *nlp)
{
    struct fg_pairs *pairs = &nlp->pairs;
    fg_pairs_measure(nlp);
    for (int64_t k = 0; k < pairs->start[FG_PAIR_KINDS]; k++)
        pairs->z[k] = nlp->mu / pairs->slack[k];
}

double fg_pairs_average(const struct fg_pairs *pairs, double *smallest)
{
    int64_t count = pairs->start[FG_PAIR_KINDS];
    double sum = 0, least = INFINITY;
    for (int64_t k = 0; k < count; k++) {
        double product = pairs->slack[k] * pairs->z[k];
        sum += product;
        least = product < least ? product : least;
    }
    *smallest = count > 0 ? least : 0;
    return count > 0 ? sum / (double)count : 0;
}

double fg_pairs_log(const struct fg_nlp *nlp, const double *x, const double *s, const double *p, const double *q)
{
    /* The logarithm of a product of four costs a quarter, where neither it nor a factor leaves the range of a double. */
    static const double small = 1e-70, large = 1e70;
    double *slack = nlp->pairs.cslack, sum = 0; /* free between steps */
    int64_t count = nlp->pairs.start[FG_PAIR_KINDS], k = 0;
    slacks_at(nlp, x, s, p, q, slack);
    for (; k + 4 <= count; k += 4) {
        const double *t = slack + k;
        double least = fg_smaller(fg_smaller(t[0], t[1]), fg_smaller(t[2], t[3]));
        double most = fg_larger(fg_larger(t[0], t[1]), fg_larger(t[2], t[3]));
        if (least > small && most < large)
            sum += log((t[0] * t[1]) * (t[2] * t[3]));
        else
            sum += log(t[0]) + log(t[1]) + log(t[2]) + log(t[3]);
    }
    for (; k < count; k++)
        sum += log(slack[k]);
    return sum;
}

/* Largest step in [0, 1] that keeps value + alpha step >= (1 - tau) value for positive values. */
static double longest(int64_t count, const double *value, const double *step, double tau)
{
    double alpha = 1;
    for (int64_t k = 0; k < count; k++)
        if (value[k] + alpha * step[k] < (1 - tau) * value[k])
            alpha = -tau * value[k] / step[k];
    return alpha;
}

double fg_pairs_max_primal(const struct fg_pairs *pairs, double tau)
{
    return longest(pairs->start[FG_PAIR_KINDS], pairs->slack, pairs->dslack, tau);
}

double fg_pairs_max_dual(const struct fg_pairs *pairs, double tau)
{
    return longest(pairs->start[FG_PAIR_KINDS], pairs->z, pairs->dz, tau);
}

void fg_pairs_step_duals(struct fg_nlp *nlp, double alpha)
{
    /* Every multiplier is kept within 1e10 of its primal value mu / slack, so that z / slack stays a fair Hessian. */
    static const double kappa = 1e10;
    struct fg_pairs *pairs = &nlp->pairs;
    double mu = nlp->mu;
    fg_pairs_measure(nlp);
    for (int64_t k = 0; k < pairs->start[FG_PAIR_KINDS]; k++) {
        double primal = mu / pairs->slack[k], z = pairs->z[k] + alpha * pairs->dz[k];
        pairs->z[k] = fg_larger(fg_smaller(z, kappa * primal), primal / kappa);
    }
}
