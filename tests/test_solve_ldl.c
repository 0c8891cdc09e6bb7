/* The sparse LDL' against residuals, known inertia (Sylvester: congruence keeps it) and a dense elimination. */
#include "base/memory.h"
#include "solve/ldl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t state = 88172645463325252u;
static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0 * 2 - 1;
}

/* A random saddle-point matrix [H J'; J -D]: H diagonal dominant positive, so the inertia is (n, m, 0). */
struct saddle {
    int32_t n, m, count;
    int32_t row[20000], column[20000];
    double value[20000];
};
static void put(struct saddle *s, int32_t i, int32_t j, double v)
{
    s->row[s->count] = i;
    s->column[s->count] = j;
    s->value[s->count++] = v;
}
static void make_saddle(struct saddle *s, int32_t n, int32_t m, double dual)
{
    s->n = n;
    s->m = m;
    s->count = 0;
    for (int32_t i = 0; i < n; i++)
        put(s, i, i, 3 + uniform());
    for (int32_t i = 1; i < n; i++) {
        put(s, i, i - 1, 0.5 * uniform());
        if (i > 7)
            put(s, i - 7, i, 0.5 * uniform());
    }
    for (int32_t r = 0; r < m; r++) {
        put(s, n + r, r, 2 + uniform()); /* independent rows */
        put(s, n + r, (r * 5 + 3) % n > r ? (r * 5 + 3) % n : (r + m) % n, uniform());
        put(s, n + r, n + r, -dual);
    }
}
static double residual(const struct saddle *s, const double *x, const double *b)
{
    int32_t size = s->n + s->m;
    double *r = calloc((size_t)size, sizeof *r), worst = 0;
    for (int32_t i = 0; i < size; i++)
        r[i] = -b[i];
    for (int32_t e = 0; e < s->count; e++) {
        r[s->row[e]] += s->value[e] * x[s->column[e]];
        if (s->row[e] != s->column[e])
            r[s->column[e]] += s->value[e] * x[s->row[e]];
    }
    for (int32_t i = 0; i < size; i++)
        worst = fmax(worst, fabs(r[i]));
    free(r);
    return worst;
}

static void solves_and_counts_inertia(void **unused)
{
    (void)unused;
    static struct saddle s;
    for (int trial = 0; trial < 40; trial++) {
        int32_t n = 5 + trial * 17, m = trial * 9;
        make_saddle(&s, n, m, trial % 2 ? 0.0 : 1e-3); /* a zero diagonal needs its group */
        int32_t *group = malloc((size_t)(n + m) * sizeof *group);
        for (int32_t i = 0; i < n + m; i++)
            group[i] = i < n ? i : i - n; /* each row with its leading variable */
        struct fg_ldl *ldl = NULL;
        struct fg_error err;
        assert_int_equal(fg_ldl_create(n + m, s.count, s.row, s.column, trial % 2 ? group : NULL, &ldl, &err), FG_OK);
        for (int repeat = 0; repeat < 2; repeat++) { /* the second factorisation reuses everything */
            struct fg_ldl_inertia inertia = fg_ldl_factor(ldl, s.value);
            assert_int_equal(inertia.positive, n);
            assert_int_equal(inertia.negative, m);
            assert_int_equal(inertia.zero, 0);
            double *b = malloc((size_t)(n + m) * sizeof *b), *x = malloc((size_t)(n + m) * sizeof *x);
            for (int32_t i = 0; i < n + m; i++)
                x[i] = b[i] = uniform();
            fg_ldl_solve(ldl, x);
            assert_true(residual(&s, x, b) < 1e-9);
            free(b);
            free(x);
        }
        fg_ldl_destroy(ldl);
        free(group);
    }
}

/* [0 1; 1 0] needs a 2x2 pivot; its eigenvalues are 1 and -1. */
static void takes_two_by_two_pivots(void **unused)
{
    (void)unused;
    int32_t row[] = { 0, 1, 1 }, column[] = { 0, 0, 1 }, group[] = { 0, 0 };
    double value[] = { 0, 1, 0 }, b[] = { 3, 5 };
    struct fg_ldl *ldl = NULL;
    assert_int_equal(fg_ldl_create(2, 3, row, column, group, &ldl, NULL), FG_OK);
    struct fg_ldl_inertia inertia = fg_ldl_factor(ldl, value);
    assert_int_equal(inertia.positive, 1);
    assert_int_equal(inertia.negative, 1);
    fg_ldl_solve(ldl, b);
    assert_true(fabs(b[0] - 5) < 1e-12 && fabs(b[1] - 3) < 1e-12);
    fg_ldl_destroy(ldl);
}

static void reports_singular_matrices(void **unused)
{
    (void)unused;
    int32_t row[] = { 0, 1, 1 }, column[] = { 0, 0, 1 };
    double value[] = { 1, 1, 1 }; /* rank 1 */
    struct fg_ldl *ldl = NULL;
    assert_int_equal(fg_ldl_create(2, 3, row, column, NULL, &ldl, NULL), FG_OK);
    struct fg_ldl_inertia inertia = fg_ldl_factor(ldl, value);
    assert_int_equal(inertia.zero, 1);
    fg_ldl_destroy(ldl);
}

/* What an overflow upstream leaves in the matrix ends the factorisation with pivots counted as zero, inside its arrays. */
static void counts_what_is_no_number_as_zero(void **unused)
{
    (void)unused;
    int32_t row[] = { 0, 1, 2, 2, 2 }, column[] = { 0, 1, 0, 1, 2 }, group[] = { 0, 0, 0 };
    const double bad[] = { NAN, INFINITY, -INFINITY };
    for (int b = 0; b < 3; b++)
        for (int place = 0; place < 5; place++) {
            double value[] = { 1, 2, 3, 4, 5 };
            value[place] = bad[b];
            struct fg_ldl *ldl = NULL;
            assert_int_equal(fg_ldl_create(3, 5, row, column, group, &ldl, NULL), FG_OK);
            struct fg_ldl_inertia inertia = fg_ldl_factor(ldl, value);
            assert_true(inertia.zero > 0);
            assert_int_equal(inertia.positive + inertia.negative + inertia.zero, 3);
            fg_ldl_destroy(ldl);
        }
}

static void refuses_bad_triplets(void **unused)
{
    (void)unused;
    int32_t row[] = { 0, 2 }, column[] = { 0, 0 };
    struct fg_ldl *ldl = NULL;
    struct fg_error err;
    assert_int_equal(fg_ldl_create(2, 2, row, column, NULL, &ldl, &err), FG_ERR_ARGUMENT);
    assert_null(ldl);
}

static void survives_every_failing_allocation(void **unused)
{
    (void)unused;
    static struct saddle s;
    make_saddle(&s, 60, 20, 0.0);
    for (long n = 1;; n++) {
        struct fg_ldl *ldl = NULL;
        struct fg_error err;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_ldl_create(80, s.count, s.row, s.column, NULL, &ldl, &err);
        fg_alloc_fail_after(0);
        fg_ldl_destroy(ldl);
        if (code == FG_OK)
            break;
        assert_int_equal(code, FG_ERR_MEMORY);
        assert_true(n < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_and_counts_inertia),     cmocka_unit_test(takes_two_by_two_pivots),
        cmocka_unit_test(reports_singular_matrices),     cmocka_unit_test(refuses_bad_triplets),
        cmocka_unit_test(counts_what_is_no_number_as_zero), cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
