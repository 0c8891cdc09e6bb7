/* The linear system of a Newton step: structure once, assembly and refined solves many times.
 *
 *     [ H + Sigma_x + delta_w I   J'  ] [dx]   [rhs_x]
 *     [ J                        -D   ] [dy] = [rhs_g]        D >= 0, diagonal
 *
 * Rows with D > 0 and few entries are condensed: dy_i = (J_i dx - rhs_i) / D_i, which adds J_i' J_i / D_i to the
 * upper-left block and leaves its pattern nearly as it was. So that large 1 / D do not drown the other entries, they
 * are factored with a floor under D; refinement on the full system, which has the true D, makes up for it. */
#include "solve/nlp_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Floor of D relative to the row's largest squared entry. It falls while refinement struggles with the difference and
 * rises when pivots drown. */
static const double FLOOR_START = 1e-13, FLOOR_LEAST = 1e-18, FLOOR_MOST = 1e-12, POOR = 1e-10;

enum { CONDENSE_MAX = 4 }; /* entries of a row worth condensing: those of a branch-flow limit */

void fg_kkt_release(struct fg_kkt *kkt)
{
    fg_free(kkt->kept_row);
    fg_free(kkt->hessian_place);
    fg_free(kkt->jacobian_place);
    fg_free(kkt->x_place);
    fg_free(kkt->row_place);
    fg_free(kkt->touch_start);
    fg_free(kkt->touch_place);
    fg_free(kkt->pair_start);
    fg_free(kkt->d_used);
    fg_free(kkt->pair_place);
    fg_free(kkt->condensed_row);
    fg_free(kkt->condensed_start);
    fg_free(kkt->condensed_entry);
    fg_free(kkt->values);
    fg_free(kkt->work);
    fg_free(kkt->residual_x);
    fg_free(kkt->residual_g);
    fg_free(kkt->correction_x);
    fg_free(kkt->correction_g);
    fg_ldl_destroy(kkt->ldl);
}

/* Labels for the factorisation: the caller's where given; every other equality row is paired with a variable of its
 * own that has no label yet, the one with the fewest other rows, so that a 2x2 pivot exists. */
static int label_groups(const struct fg_kkt *kkt, const struct fg_nlp_problem *problem, const int64_t *row_start,
                        const int64_t *row_entry, int32_t *label)
{
    int32_t n = kkt->n, next = 0;
    int32_t *degree = fg_alloc((size_t)n, sizeof *degree);
    if (degree == NULL)
        return 1;
    for (int32_t i = 0; i < n; i++)
        label[i] = problem->group ? problem->group[i] : -1;
    for (int32_t r = 0; r < kkt->m; r++)
        if (kkt->kept_row[r] >= 0)
            label[n + kkt->kept_row[r]] = problem->group ? problem->group[n + r] : -1;
    for (int32_t i = 0; i < n + kkt->kept; i++)
        if (label[i] >= next)
            next = label[i] + 1;
    for (int32_t r = 0; r < kkt->m; r++)
        if (kkt->kept_row[r] >= 0)
            for (int64_t e = row_start[r]; e < row_start[r + 1]; e++)
                degree[problem->jacobian_column[row_entry[e]]]++;
    for (int32_t r = 0; r < kkt->m; r++) {
        if (kkt->kept_row[r] < 0 || label[n + kkt->kept_row[r]] >= 0)
            continue;
        int32_t best = -1;
        for (int64_t e = row_start[r]; e < row_start[r + 1]; e++) {
            int32_t i = problem->jacobian_column[row_entry[e]];
            if (label[i] < 0 && problem->x_lower[i] < problem->x_upper[i] && (best < 0 || degree[i] < degree[best]))
                best = i;
        }
        if (best >= 0)
            label[best] = label[n + kkt->kept_row[r]] = next++;
    }
    fg_free(degree);
    return 0;
}

/* Distinct places of a list of (row, column) pairs: place[k] is the number of pair k's place. Linear time: pairs are
 * sorted by column with counting, then rows are marked. Rewrites row and column with the distinct pairs. */
static int64_t distinct_places(int32_t size, int64_t count, int32_t *row, int32_t *column, int64_t *place)
{
    int64_t *start = fg_alloc((size_t)size + 1, sizeof *start), *order = fg_alloc((size_t)count, sizeof *order);
    int64_t *seen = fg_alloc((size_t)size, sizeof *seen);
    int32_t *new_row = fg_alloc((size_t)count, sizeof *new_row), *new_column = fg_alloc((size_t)count, sizeof *new_column);
    int64_t distinct = -1;
    if (start && order && seen && new_row && new_column) {
        distinct = 0;
        for (int64_t k = 0; k < count; k++)
            if (row[k] < column[k]) {
                int32_t held = row[k];
                row[k] = column[k];
                column[k] = held;
            }
        for (int64_t k = 0; k < count; k++)
            start[column[k] + 1]++;
        for (int32_t j = 0; j < size; j++)
            start[j + 1] += start[j];
        for (int64_t k = 0; k < count; k++)
            order[start[column[k]]++] = k;
        int64_t begin = 0; /* first distinct place of the present column */
        int32_t present = -1;
        for (int64_t a = 0; a < count; a++) {
            int64_t k = order[a];
            if (column[k] != present) {
                present = column[k];
                begin = distinct;
            }
            int64_t at = seen[row[k]] - 1;
            if (at < begin || at >= distinct || new_row[at] != row[k]) {
                at = distinct++;
                seen[row[k]] = at + 1;
                new_row[at] = row[k];
                new_column[at] = column[k];
            }
            place[k] = at;
        }
        memcpy(row, new_row, (size_t)distinct * sizeof *row);
        memcpy(column, new_column, (size_t)distinct * sizeof *column);
    }
    fg_free(start);
    fg_free(order);
    fg_free(seen);
    fg_free(new_row);
    fg_free(new_column);
    return distinct;
}

/* Let the places follow the order of the factorisation, and list the places that each variable touches. `work` has room
 * for nnz numbers. */
static enum fg_code use_factoring_order(struct fg_kkt *kkt, const struct fg_nlp_problem *problem, const int32_t *row,
                                        const int32_t *column, int64_t *work, struct fg_error *err)
{
    int32_t n = kkt->n;
    int64_t *new_place = work;
    fg_ldl_reorder(kkt->ldl, new_place);
    for (int64_t e = 0; e < problem->hessian_nnz; e++)
        kkt->hessian_place[e] = new_place[kkt->hessian_place[e]];
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        if (kkt->jacobian_place[e] >= 0)
            kkt->jacobian_place[e] = new_place[kkt->jacobian_place[e]];
    for (int32_t i = 0; i < n; i++)
        kkt->x_place[i] = new_place[kkt->x_place[i]];
    for (int32_t k = 0; k < kkt->kept; k++)
        kkt->row_place[k] = new_place[kkt->row_place[k]];
    for (int64_t e = 0; e < kkt->pair_start[kkt->condensed]; e++)
        kkt->pair_place[e] = new_place[kkt->pair_place[e]];

    kkt->touch_start = fg_alloc((size_t)n + 1, sizeof *kkt->touch_start);
    if (kkt->touch_start == NULL)
        return fg_fail_memory(err);
    for (int64_t e = 0; e < kkt->nnz; e++) {
        if (row[e] < n)
            kkt->touch_start[row[e] + 1]++;
        if (column[e] < n && column[e] != row[e])
            kkt->touch_start[column[e] + 1]++;
    }
    for (int32_t i = 0; i < n; i++)
        kkt->touch_start[i + 1] += kkt->touch_start[i];
    int64_t total = kkt->touch_start[n];
    kkt->touch_place = fg_alloc((size_t)total, sizeof *kkt->touch_place);
    if (kkt->touch_place == NULL)
        return fg_fail_memory(err);
    for (int64_t e = kkt->nnz - 1; e >= 0; e--) { /* from behind: beginnings are left in touch_start[i + 1] ... */
        if (row[e] < n)
            kkt->touch_place[--kkt->touch_start[row[e] + 1]] = new_place[e];
        if (column[e] < n && column[e] != row[e])
            kkt->touch_place[--kkt->touch_start[column[e] + 1]] = new_place[e];
    }
    for (int32_t i = 0; i < n; i++) /* ... and move one to the left */
        kkt->touch_start[i] = kkt->touch_start[i + 1];
    kkt->touch_start[n] = total;
    return FG_OK;
}

/* Jacobian triplets by row; start has m + 1 entries. */
static void sort_by_row(const struct fg_nlp_problem *problem, int64_t *start, int64_t *entry)
{
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        start[problem->jacobian_row[e] + 1]++;
    for (int32_t r = 0; r < problem->m; r++)
        start[r + 1] += start[r];
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        entry[start[problem->jacobian_row[e]]++] = e;
    for (int32_t r = problem->m; r > 0; r--)
        start[r] = start[r - 1];
    start[0] = 0;
}

/* Which rows are condensed, and their triplets. */
static enum fg_code choose_condensed(struct fg_kkt *kkt, const struct fg_nlp_problem *problem, const int64_t *row_start,
                                     const int64_t *row_entry, struct fg_error *err)
{
    int64_t entries = 0, pairs = 0;
    for (int32_t r = 0; r < kkt->m; r++) {
        int64_t length = row_start[r + 1] - row_start[r];
        bool elastic = problem->g_price != NULL && isfinite(problem->g_price[r]);
        bool condense = length <= CONDENSE_MAX && (elastic || problem->g_lower[r] < problem->g_upper[r]);
        kkt->kept_row[r] = condense ? -1 : kkt->kept++;
        entries += condense ? length : 0;
        pairs += condense ? length * (length + 1) / 2 : 0;
    }
    kkt->condensed = kkt->m - kkt->kept;
    size_t rows = (size_t)kkt->condensed;
    kkt->condensed_row = fg_alloc(rows, sizeof *kkt->condensed_row);
    kkt->condensed_start = fg_alloc(rows + 1, sizeof *kkt->condensed_start);
    kkt->condensed_entry = fg_alloc((size_t)entries, sizeof *kkt->condensed_entry);
    kkt->pair_start = fg_alloc(rows + 1, sizeof *kkt->pair_start);
    kkt->pair_place = fg_alloc((size_t)pairs, sizeof *kkt->pair_place);
    kkt->d_used = fg_alloc(rows, sizeof *kkt->d_used);
    if (!kkt->condensed_row || !kkt->condensed_start || !kkt->condensed_entry || !kkt->pair_start || !kkt->pair_place ||
        !kkt->d_used)
        return fg_fail_memory(err);
    int64_t at = 0;
    for (int32_t r = 0, c = 0; r < kkt->m; r++) {
        if (kkt->kept_row[r] >= 0)
            continue;
        int64_t length = row_start[r + 1] - row_start[r];
        kkt->condensed_row[c] = r;
        for (int64_t a = row_start[r]; a < row_start[r + 1]; a++)
            kkt->condensed_entry[at++] = row_entry[a];
        kkt->condensed_start[c + 1] = at;
        kkt->pair_start[c + 1] = kkt->pair_start[c] + length * (length + 1) / 2;
        c++;
    }
    return FG_OK;
}

enum fg_code fg_kkt_create(struct fg_kkt *kkt, const struct fg_nlp_problem *problem, struct fg_error *err)
{
    int32_t n = problem->n, m = problem->m;
    kkt->n = n;
    kkt->m = m;
    size_t rows = (size_t)m, entries = (size_t)problem->jacobian_nnz;
    int64_t *row_start = fg_alloc(rows + 1, sizeof *row_start), *row_entry = fg_alloc(entries, sizeof *row_entry);
    int32_t *row = NULL, *column = NULL, *label = NULL;
    int64_t *place = NULL;
    kkt->kept_row = fg_alloc(rows, sizeof *kkt->kept_row);
    kkt->hessian_place = fg_alloc((size_t)problem->hessian_nnz, sizeof *kkt->hessian_place);
    kkt->jacobian_place = fg_alloc(entries, sizeof *kkt->jacobian_place);
    kkt->x_place = fg_alloc((size_t)n, sizeof *kkt->x_place);
    kkt->residual_x = fg_alloc((size_t)n, sizeof *kkt->residual_x);
    kkt->residual_g = fg_alloc(rows, sizeof *kkt->residual_g);
    kkt->correction_x = fg_alloc((size_t)n, sizeof *kkt->correction_x);
    kkt->correction_g = fg_alloc(rows, sizeof *kkt->correction_g);
    enum fg_code code = FG_OK;
    if (!row_start || !row_entry || !kkt->kept_row || !kkt->hessian_place || !kkt->jacobian_place || !kkt->x_place ||
        !kkt->residual_x || !kkt->residual_g || !kkt->correction_x || !kkt->correction_g) {
        code = fg_fail_memory(err);
        goto done;
    }
    sort_by_row(problem, row_start, row_entry);
    code = choose_condensed(kkt, problem, row_start, row_entry, err);
    if (code != FG_OK)
        goto done;
    kkt->row_place = fg_alloc((size_t)kkt->kept, sizeof *kkt->row_place);
    kkt->work = fg_alloc((size_t)(n + kkt->kept), sizeof *kkt->work);

    int64_t total = problem->hessian_nnz + problem->jacobian_nnz + n + kkt->kept + kkt->pair_start[kkt->condensed];
    row = fg_alloc((size_t)total, sizeof *row);
    column = fg_alloc((size_t)total, sizeof *column);
    place = fg_alloc((size_t)total, sizeof *place);
    label = fg_alloc((size_t)(n + kkt->kept), sizeof *label);
    if (!kkt->row_place || !kkt->work || !row || !column || !place || !label ||
        label_groups(kkt, problem, row_start, row_entry, label)) {
        code = fg_fail_memory(err);
        goto done;
    }
    int64_t count = 0;
#define ADD(i, j) (row[count] = (i), column[count] = (j), count++)
    for (int32_t i = 0; i < n; i++)
        ADD(i, i);
    for (int64_t e = 0; e < problem->hessian_nnz; e++)
        ADD(problem->hessian_row[e], problem->hessian_column[e]);
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        if (kkt->kept_row[problem->jacobian_row[e]] >= 0)
            ADD(n + kkt->kept_row[problem->jacobian_row[e]], problem->jacobian_column[e]);
    for (int32_t c = 0; c < kkt->condensed; c++)
        for (int64_t a = kkt->condensed_start[c]; a < kkt->condensed_start[c + 1]; a++)
            for (int64_t b = kkt->condensed_start[c]; b <= a; b++)
                ADD(problem->jacobian_column[kkt->condensed_entry[a]], problem->jacobian_column[kkt->condensed_entry[b]]);
    for (int32_t k = 0; k < kkt->kept; k++)
        ADD(n + k, n + k);
#undef ADD
    kkt->nnz = distinct_places(n + kkt->kept, count, row, column, place);
    if (kkt->nnz < 0 || (kkt->values = fg_alloc((size_t)kkt->nnz, sizeof *kkt->values)) == NULL) {
        code = fg_fail_memory(err);
        goto done;
    }
    count = 0;
    for (int32_t i = 0; i < n; i++)
        kkt->x_place[i] = place[count++];
    for (int64_t e = 0; e < problem->hessian_nnz; e++)
        kkt->hessian_place[e] = place[count++];
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        kkt->jacobian_place[e] = kkt->kept_row[problem->jacobian_row[e]] >= 0 ? place[count++] : -1;
    for (int64_t pair = 0; pair < kkt->pair_start[kkt->condensed]; pair++)
        kkt->pair_place[pair] = place[count++];
    for (int32_t k = 0; k < kkt->kept; k++)
        kkt->row_place[k] = place[count++];
    code = fg_ldl_create(n + kkt->kept, kkt->nnz, row, column, label, &kkt->ldl, err);
    if (code == FG_OK)
        code = use_factoring_order(kkt, problem, row, column, place, err);
done:
    fg_free(row_start);
    fg_free(row_entry);
    fg_free(row);
    fg_free(column);
    fg_free(place);
    fg_free(label);
    return code;
}

void fg_kkt_start(struct fg_kkt *kkt)
{
    kkt->floor = FLOOR_START;
}

struct fg_ldl_inertia fg_kkt_factor(struct fg_nlp *nlp, double delta_w, double delta_c)
{
    struct fg_kkt *kkt = &nlp->kkt;
    const struct fg_nlp_problem *problem = &nlp->problem;
    memset(kkt->values, 0, (size_t)kkt->nnz * sizeof *kkt->values);
    for (int32_t i = 0; i < kkt->n; i++)
        kkt->values[kkt->x_place[i]] = nlp->sigma_x[i] + delta_w;
    for (int64_t e = 0; e < problem->hessian_nnz; e++)
        kkt->values[kkt->hessian_place[e]] += nlp->hessian[e];
    for (int64_t e = 0; e < problem->jacobian_nnz; e++)
        if (kkt->jacobian_place[e] >= 0)
            kkt->values[kkt->jacobian_place[e]] += nlp->jacobian[e];
    for (int32_t r = 0; r < kkt->m; r++)
        if (kkt->kept_row[r] >= 0)
            kkt->values[kkt->row_place[kkt->kept_row[r]]] = -(nlp->d_row[r] + delta_c);
    for (int32_t c = 0; c < kkt->condensed; c++) {
        const int64_t *begin = kkt->condensed_entry + kkt->condensed_start[c];
        const int64_t *end = kkt->condensed_entry + kkt->condensed_start[c + 1];
        const int64_t *pair = kkt->pair_place + kkt->pair_start[c];
        double steepest = 0;
        for (const int64_t *e = begin; e < end; e++)
            steepest = fg_larger(steepest, fabs(nlp->jacobian[*e]));
        kkt->d_used[c] = fg_larger(nlp->d_row[kkt->condensed_row[c]], kkt->floor * steepest * steepest);
        double weight = 1 / kkt->d_used[c];
        for (const int64_t *e = begin; e < end; e++) {
            double left = weight * nlp->jacobian[*e];
            for (const int64_t *o = begin; o <= e; o++, pair++) {
                /* A repeated column gives both halves of the product on the diagonal. */
                bool twice = o != e && problem->jacobian_column[*e] == problem->jacobian_column[*o];
                kkt->values[*pair] += (twice ? 2 : 1) * left * nlp->jacobian[*o];
            }
        }
    }
    /* Fixed variables keep their places with an identity row, so that fixing needs no new analysis. */
    for (int32_t i = 0; i < kkt->n; i++)
        if (nlp->fixed[i]) {
            for (int64_t t = kkt->touch_start[i]; t < kkt->touch_start[i + 1]; t++)
                kkt->values[kkt->touch_place[t]] = 0;
            kkt->values[kkt->x_place[i]] = 1;
        }
    nlp->delta_w = delta_w;
    nlp->delta_c = delta_c;
    nlp->result->factorisations++;
    struct fg_ldl_inertia inertia = fg_ldl_factor(kkt->ldl, kkt->values);
    if (inertia.zero > 0)
        kkt->floor = fg_smaller(kkt->floor * 10, FLOOR_MOST);
    return inertia;
}

/* One solve with the factors, condensing the rows and expanding them again. */
static void solve_once(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, double *dx, double *dy)
{
    struct fg_kkt *kkt = &nlp->kkt;
    const struct fg_nlp_problem *problem = &nlp->problem;
    for (int32_t i = 0; i < kkt->n; i++)
        kkt->work[i] = nlp->fixed[i] ? 0 : rhs_x[i];
    for (int32_t r = 0; r < kkt->m; r++)
        if (kkt->kept_row[r] >= 0)
            kkt->work[kkt->n + kkt->kept_row[r]] = rhs_g[r];
    for (int32_t c = 0; c < kkt->condensed; c++) {
        double weight = rhs_g[kkt->condensed_row[c]] / kkt->d_used[c];
        for (int64_t a = kkt->condensed_start[c]; a < kkt->condensed_start[c + 1]; a++) {
            int64_t e = kkt->condensed_entry[a];
            if (!nlp->fixed[problem->jacobian_column[e]])
                kkt->work[problem->jacobian_column[e]] += weight * nlp->jacobian[e];
        }
    }
    fg_ldl_solve(kkt->ldl, kkt->work);
    memcpy(dx, kkt->work, (size_t)kkt->n * sizeof *dx);
    for (int32_t r = 0; r < kkt->m; r++)
        if (kkt->kept_row[r] >= 0)
            dy[r] = kkt->work[kkt->n + kkt->kept_row[r]];
    for (int32_t c = 0; c < kkt->condensed; c++) {
        double product = -rhs_g[kkt->condensed_row[c]];
        for (int64_t a = kkt->condensed_start[c]; a < kkt->condensed_start[c + 1]; a++) {
            int64_t e = kkt->condensed_entry[a];
            product += nlp->jacobian[e] * dx[problem->jacobian_column[e]];
        }
        dy[kkt->condensed_row[c]] = product / kkt->d_used[c];
    }
}

/* Residual of the full system with the regularisation in it; returns its largest entry. */
static double full_residual(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, const double *dx,
                            const double *dy)
{
    struct fg_kkt *kkt = &nlp->kkt;
    const struct fg_nlp_problem *problem = &nlp->problem;
    double *rx = kkt->residual_x, *rg = kkt->residual_g, worst = 0;
    for (int32_t i = 0; i < kkt->n; i++)
        rx[i] = rhs_x[i] - (nlp->sigma_x[i] + nlp->delta_w) * dx[i];
    for (int64_t e = 0; e < problem->hessian_nnz; e++) {
        int32_t i = problem->hessian_row[e], j = problem->hessian_column[e];
        rx[i] -= nlp->hessian[e] * dx[j];
        if (i != j)
            rx[j] -= nlp->hessian[e] * dx[i];
    }
    for (int32_t r = 0; r < kkt->m; r++)
        rg[r] = rhs_g[r] + (nlp->d_row[r] + (kkt->kept_row[r] >= 0 ? nlp->delta_c : 0)) * dy[r];
    for (int64_t e = 0; e < problem->jacobian_nnz; e++) {
        int32_t r = problem->jacobian_row[e], i = problem->jacobian_column[e];
        rg[r] -= nlp->jacobian[e] * dx[i];
        rx[i] -= nlp->jacobian[e] * dy[r];
    }
    for (int32_t r = 0; r < kkt->m; r++)
        worst = fabs(rg[r]) > worst ? fabs(rg[r]) : worst;
    for (int32_t i = 0; i < kkt->n; i++) {
        if (nlp->fixed[i])
            rx[i] = 0;
        worst = fabs(rx[i]) > worst ? fabs(rx[i]) : worst;
    }
    return worst;
}

static double largest(int32_t count, const double *x)
{
    double worst = 0;
    for (int32_t i = 0; i < count; i++)
        worst = fabs(x[i]) > worst ? fabs(x[i]) : worst;
    return worst;
}

double fg_kkt_solve(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, double *dx, double *dy)
{
    struct fg_kkt *kkt = &nlp->kkt;
    double size = fg_larger(largest(kkt->n, rhs_x), largest(kkt->m, rhs_g));
    solve_once(nlp, rhs_x, rhs_g, dx, dy);
    double before = INFINITY;
    for (int pass = 0;; pass++) {
        double left = full_residual(nlp, rhs_x, rhs_g, dx, dy);
        double ratio = left / fg_larger(1e-300, size + fg_smaller(fg_larger(largest(kkt->n, dx), largest(kkt->m, dy)), 1e6 * size));
        if (!isfinite(ratio))
            return INFINITY;
        if (ratio <= 1e-10 || pass >= 6 || left > 0.5 * before) {
            if (ratio > POOR)
                kkt->floor = fg_larger(kkt->floor / 10, FLOOR_LEAST);
            kkt->quality = ratio;
            kkt->refinements = pass;
            return ratio;
        }
        before = left;
        solve_once(nlp, kkt->residual_x, kkt->residual_g, kkt->correction_x, kkt->correction_g);
        for (int32_t i = 0; i < kkt->n; i++)
            dx[i] += kkt->correction_x[i];
        for (int32_t r = 0; r < kkt->m; r++)
            dy[r] += kkt->correction_g[r];
    }
}

double fg_kkt_solve_again(struct fg_nlp *nlp, const double *rhs_x, const double *rhs_g, double *dx, double *dy)
{
    if (nlp->kkt.refinements > 0)
        return fg_kkt_solve(nlp, rhs_x, rhs_g, dx, dy);
    solve_once(nlp, rhs_x, rhs_g, dx, dy);
    return nlp->kkt.quality;
}
