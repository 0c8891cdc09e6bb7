/* Second-order forward differentiation for the small problems of the tests: a number carries its value, gradient and
 * Hessian in up to DUAL_MAX variables, so that a problem is written once as a formula and its derivatives are exact.
 * (L. B. Rall, "Automatic Differentiation: Techniques and Applications", 1981.) */
#ifndef FG_TEST_DUAL_NUMBER_H
#define FG_TEST_DUAL_NUMBER_H

#include <math.h>

enum { DUAL_MAX = 8 };
struct dual {
    double v, d[DUAL_MAX], h[DUAL_MAX][DUAL_MAX];
};

static inline struct dual dual_constant(double value)
{
    return (struct dual){.v = value};
}
static inline struct dual dual_variable(double value, int index)
{
    struct dual x = {.v = value};
    x.d[index] = 1;
    return x;
}
/* alpha a + beta b + gamma */
static inline struct dual dual_sum(double alpha, struct dual a, double beta, struct dual b, double gamma)
{
    struct dual r = {.v = alpha * a.v + beta * b.v + gamma};
    for (int i = 0; i < DUAL_MAX; i++) {
        r.d[i] = alpha * a.d[i] + beta * b.d[i];
        for (int j = 0; j < DUAL_MAX; j++)
            r.h[i][j] = alpha * a.h[i][j] + beta * b.h[i][j];
    }
    return r;
}
static inline struct dual dual_mul(struct dual a, struct dual b)
{
    struct dual r = {.v = a.v * b.v};
    for (int i = 0; i < DUAL_MAX; i++) {
        r.d[i] = a.v * b.d[i] + a.d[i] * b.v;
        for (int j = 0; j < DUAL_MAX; j++)
            r.h[i][j] = a.v * b.h[i][j] + a.h[i][j] * b.v + a.d[i] * b.d[j] + a.d[j] * b.d[i];
    }
    return r;
}
/* phi(a) from phi, phi', phi'' at a.v */
static inline struct dual dual_chain(struct dual a, double value, double first, double second)
{
    struct dual r = {.v = value};
    for (int i = 0; i < DUAL_MAX; i++) {
        r.d[i] = first * a.d[i];
        for (int j = 0; j < DUAL_MAX; j++)
            r.h[i][j] = first * a.h[i][j] + second * a.d[i] * a.d[j];
    }
    return r;
}
static inline struct dual dual_add(struct dual a, struct dual b)
{
    return dual_sum(1, a, 1, b, 0);
}
static inline struct dual dual_sub(struct dual a, struct dual b)
{
    return dual_sum(1, a, -1, b, 0);
}
static inline struct dual dual_scale(double factor, struct dual a)
{
    return dual_sum(factor, a, 0, a, 0);
}
static inline struct dual dual_shift(struct dual a, double offset)
{
    return dual_sum(1, a, 0, a, offset);
}
static inline struct dual dual_power(struct dual a, int n) /* n >= 2 */
{
    return dual_chain(a, pow(a.v, n), n * pow(a.v, n - 1), n * (n - 1) * pow(a.v, n - 2));
}
static inline struct dual dual_log(struct dual a)
{
    return dual_chain(a, log(a.v), 1 / a.v, -1 / (a.v * a.v));
}

#endif
