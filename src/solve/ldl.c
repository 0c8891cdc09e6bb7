#include "solve/ldl.h"

#include "base/memory.h"
#include "solve/ldl_kernel.h"
#include "solve/ldl_symbolic.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Most fronts are small: short columns are not worth a call. */
static inline void subtract(int64_t n, double alpha, const double *restrict x, double *restrict y)
{
    if (n > 16) {
        fg_ldl_axpy(n, alpha, x, y);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] -= alpha * x[i];
}

enum { PANEL = 32 }; /* columns within which pivots are chosen */

/* With equilibrated entries of at most 1, a pivot below ZERO is noise; it is replaced by REPLACEMENT, so that the
 * factors stay finite, and counted. */
static const double ZERO = 1e-14, REPLACEMENT = 1e-8;

struct fg_ldl {
    struct fg_ldl_symbolic *symbolic;
    int64_t nnz;
    int32_t *row, *column;   /* positions of the triplets in the order in which fronts take them */
    double *ordered;         /* nnz: values in that order; NULL when the caller gives them so */
    double *scale;           /* n, by position */
    double *norm;            /* n: row maxima while equilibrating; work in solves */
    double *factor;          /* columns of L, by supernode */
    double *diagonal;        /* n, in pivot order: D, and its off-diagonal for 2x2 pivots */
    double *off_diagonal;
    int32_t *pivot_start;    /* count + 1 */
    int32_t *pivot_position; /* n: positions in the order in which pivots were taken */
    double *weighted;        /* L D of one front; work in solves */
    double *schur;           /* update matrix of one front */
    double *stack;
};

void fg_ldl_destroy(struct fg_ldl *ldl)
{
    if (ldl == NULL)
        return;
    fg_ldl_symbolic_destroy(ldl->symbolic);
    fg_free(ldl->row);
    fg_free(ldl->column);
    fg_free(ldl->ordered);
    fg_free(ldl->scale);
    fg_free(ldl->norm);
    fg_free(ldl->factor);
    fg_free(ldl->diagonal);
    fg_free(ldl->off_diagonal);
    fg_free(ldl->pivot_start);
    fg_free(ldl->pivot_position);
    fg_free(ldl->weighted);
    fg_free(ldl->schur);
    fg_free(ldl->stack);
    fg_free(ldl);
}

enum fg_code fg_ldl_create(int32_t n, int64_t nnz, const int32_t *row, const int32_t *column, const int32_t *group,
                           struct fg_ldl **result, struct fg_error *err)
{
    *result = NULL;
    struct fg_ldl *ldl = fg_alloc(1, sizeof *ldl);
    if (ldl == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_ldl_analyse(n, nnz, row, column, group, &ldl->symbolic, err);
    if (code != FG_OK) {
        fg_ldl_destroy(ldl);
        return code;
    }
    const struct fg_ldl_symbolic *s = ldl->symbolic;
    int64_t weighted_max = 1;
    for (int32_t f = 0; f < s->count; f++)
        if (s->factor_start[f + 1] - s->factor_start[f] > weighted_max)
            weighted_max = s->factor_start[f + 1] - s->factor_start[f];
    size_t size = (size_t)n;
    ldl->nnz = nnz;
    ldl->row = fg_alloc((size_t)nnz, sizeof *ldl->row);
    ldl->column = fg_alloc((size_t)nnz, sizeof *ldl->column);
    ldl->ordered = fg_alloc((size_t)nnz, sizeof *ldl->ordered);
    ldl->scale = fg_alloc(size, sizeof *ldl->scale);
    ldl->norm = fg_alloc(size, sizeof *ldl->norm);
    ldl->factor = fg_alloc((size_t)s->factor_start[s->count], sizeof *ldl->factor);
    ldl->diagonal = fg_alloc(size, sizeof *ldl->diagonal);
    ldl->off_diagonal = fg_alloc(size, sizeof *ldl->off_diagonal);
    ldl->pivot_start = fg_alloc((size_t)s->count + 1, sizeof *ldl->pivot_start);
    ldl->pivot_position = fg_alloc(size, sizeof *ldl->pivot_position);
    ldl->weighted = fg_alloc((size_t)weighted_max, sizeof *ldl->weighted);
    ldl->schur = fg_alloc((size_t)s->front_max, sizeof *ldl->schur);
    ldl->stack = fg_alloc((size_t)s->stack_max + 1, sizeof *ldl->stack);
    if (!ldl->row || !ldl->column || !ldl->ordered || !ldl->scale || !ldl->norm || !ldl->factor || !ldl->diagonal ||
        !ldl->off_diagonal || !ldl->pivot_start || !ldl->pivot_position || !ldl->weighted || !ldl->schur ||
        !ldl->stack) {
        fg_ldl_destroy(ldl);
        return fg_fail_memory(err);
    }
    for (int64_t x = 0; x < nnz; x++) {
        ldl->row[x] = s->position[row[s->entry_source[x]]];
        ldl->column[x] = s->position[column[s->entry_source[x]]];
    }
    for (int32_t f = 0; f < s->count; f++)
        ldl->pivot_start[f + 1] = ldl->pivot_start[f] + s->pivots[f];
    *result = ldl;
    return FG_OK;
}

int64_t fg_ldl_nnz(const struct fg_ldl *ldl)
{
    return ldl->symbolic->factor_start[ldl->symbolic->count];
}

double fg_ldl_flops(const struct fg_ldl *ldl)
{
    return ldl->symbolic->flops;
}

void fg_ldl_reorder(struct fg_ldl *ldl, int64_t *new_place)
{
    struct fg_ldl_symbolic *s = ldl->symbolic;
    for (int64_t x = 0; x < ldl->nnz; x++)
        new_place[s->entry_source[x]] = x;
    fg_free(s->entry_source);
    fg_free(ldl->ordered);
    s->entry_source = NULL;
    ldl->ordered = NULL;
}

/* Scale so that the largest entry of each row tends to 1 (Ruiz 2001); two passes are enough for pivoting. */
static void equilibrate(struct fg_ldl *ldl, const double *values)
{
    int32_t n = ldl->symbolic->n;
    for (int32_t i = 0; i < n; i++)
        ldl->scale[i] = 1;
    for (int pass = 0; pass < 2; pass++) {
        memset(ldl->norm, 0, (size_t)n * sizeof *ldl->norm);
        for (int64_t e = 0; e < ldl->nnz; e++) {
            int32_t i = ldl->row[e], j = ldl->column[e];
            double size = fabs(values[e]) * ldl->scale[i] * ldl->scale[j];
            ldl->norm[i] = size > ldl->norm[i] ? size : ldl->norm[i];
            ldl->norm[j] = size > ldl->norm[j] ? size : ldl->norm[j];
        }
        for (int32_t i = 0; i < n; i++)
            if (ldl->norm[i] > 0)
                ldl->scale[i] /= sqrt(ldl->norm[i]);
    }
}

/* Exchange pivots p < q of a front: rows and columns of the lower triangle, and rows of the columns before. */
static void exchange(double *front, int64_t size, int32_t *position, int64_t p, int64_t q)
{
#define SWAP(type, x, y)                                                                                               \
    do {                                                                                                               \
        type held = (x);                                                                                               \
        (x) = (y);                                                                                                     \
        (y) = held;                                                                                                    \
    } while (0)
    if (p == q)
        return;
    SWAP(int32_t, position[p], position[q]);
    for (int64_t c = 0; c < p; c++)
        SWAP(double, front[p + c * size], front[q + c * size]);
    SWAP(double, front[p + p * size], front[q + q * size]);
    for (int64_t c = p + 1; c < q; c++)
        SWAP(double, front[c + p * size], front[q + c * size]);
    for (int64_t r = q + 1; r < size; r++)
        SWAP(double, front[r + p * size], front[r + q * size]);
#undef SWAP
}

/* Bunch-Kaufman choice among pivots k .. end-1. Returns 1 or 2, the order of the pivot, after exchanging. */
static int choose_pivot(double *front, int64_t size, int32_t *position, int64_t k, int64_t end)
{
    static const double alpha = 0.6403882032022076; /* (1 + sqrt 17) / 8 */
    double here = fabs(front[k + k * size]), column_max = 0;
    int64_t r = k;
    for (int64_t i = k + 1; i < end; i++)
        if (fabs(front[i + k * size]) > column_max) {
            column_max = fabs(front[i + k * size]);
            r = i;
        }
    if (!(here < alpha * column_max)) /* also where it is not a number; below, r > k */
        return 1;
    double row_max = 0;
    for (int64_t j = k; j < r; j++)
        if (fabs(front[r + j * size]) > row_max)
            row_max = fabs(front[r + j * size]);
    for (int64_t i = r + 1; i < end; i++)
        if (fabs(front[i + r * size]) > row_max)
            row_max = fabs(front[i + r * size]);
    if (here * row_max >= alpha * column_max * column_max)
        return 1;
    if (fabs(front[r + r * size]) >= alpha * row_max) {
        exchange(front, size, position, k, r);
        return 1;
    }
    exchange(front, size, position, k + 1, r);
    return 2;
}

/* Eliminate the pivots of one front in place. `front` holds its pivot columns (size x pivots); on return L, with D in
 * d and e and L D in `weighted`. */
static void factor_columns(double *front, int64_t size, int64_t pivots, int32_t *position, double *d, double *e,
                           double *weighted, struct fg_ldl_inertia *inertia)
{
    for (int64_t begin = 0; begin < pivots; begin += PANEL) {
        int64_t end = begin + PANEL < pivots ? begin + PANEL : pivots;
        for (int64_t k = begin; k < end;) {
            double *ck = front + k * size, *wk = weighted + k * size;
            if (choose_pivot(front, size, position, k, end) == 1) {
                double pivot = ck[k];
                if (!(fabs(pivot) >= ZERO)) { /* an overflow's NaN is no pivot either */
                    pivot = pivot < 0 ? -REPLACEMENT : REPLACEMENT;
                    inertia->zero++;
                } else if (pivot > 0) {
                    inertia->positive++;
                } else {
                    inertia->negative++;
                }
                d[k] = pivot;
                e[k] = 0;
                double inverse = 1 / pivot;
                for (int64_t i = k + 1; i < size; i++) {
                    wk[i] = ck[i];
                    ck[i] *= inverse;
                }
                for (int64_t j = k + 1; j < end; j++)
                    subtract(size - j, wk[j], ck + j, front + j + j * size);
                k++;
            } else {
                double *cn = ck + size, *wn = wk + size;
                double a = ck[k], b = ck[k + 1], c = cn[k + 1], determinant = a * c - b * b;
                d[k] = a;
                d[k + 1] = c;
                e[k] = b;
                e[k + 1] = 0;
                inertia->positive++; /* a Bunch-Kaufman 2x2 pivot has a negative determinant */
                inertia->negative++;
                ck[k + 1] = 0;
                wk[k + 1] = 0;
                for (int64_t i = k + 2; i < size; i++) {
                    double x = ck[i], y = cn[i];
                    wk[i] = x;
                    wn[i] = y;
                    ck[i] = (c * x - b * y) / determinant;
                    cn[i] = (a * y - b * x) / determinant;
                }
                for (int64_t j = k + 2; j < end; j++)
                    fg_ldl_axpy2(size - j, wk[j], ck + j, wn[j], cn + j, front + j + j * size);
                k += 2;
            }
        }
        if (end < pivots)
            fg_ldl_update_lower(size - end, pivots - end, end - begin, front + end + begin * size, size,
                                weighted + end + begin * size, size, front + end + end * size, size);
    }
}

/* Add a child's update matrix (order m, full storage, lower part valid) at rows `place` of the parent's front; from row
 * `run` on the places are consecutive. */
static void extend_add(const double *update, int64_t m, const int32_t *place, int64_t run, double *front, int64_t size,
                       int64_t pivots, double *schur)
{
    int64_t order = size - pivots;
    for (int64_t j = 0; j < m; j++) {
        const double *from = update + j * m;
        double *to = place[j] < pivots ? front + place[j] * size : schur + (place[j] - pivots) * order - pivots;
        int64_t i = j;
        for (; i < run; i++)
            to[place[i]] += from[i];
        subtract(m - i, -1, from + i, to + place[i]);
    }
}

/* Set or copy the lower triangle of an update matrix. */
static void clear_lower(double *matrix, int64_t order)
{
    for (int64_t j = 0; j < order; j++)
        memset(matrix + j * order + j, 0, (size_t)(order - j) * sizeof *matrix);
}

static void copy_lower(double *to, const double *from, int64_t order)
{
    for (int64_t j = 0; j < order; j++)
        memcpy(to + j * order + j, from + j * order + j, (size_t)(order - j) * sizeof *to);
}

struct fg_ldl_inertia fg_ldl_factor(struct fg_ldl *ldl, const double *values)
{
    const struct fg_ldl_symbolic *s = ldl->symbolic;
    struct fg_ldl_inertia inertia = { 0, 0, 0 };
    if (ldl->ordered != NULL) {
        for (int64_t x = 0; x < ldl->nnz; x++)
            ldl->ordered[x] = values[s->entry_source[x]];
        values = ldl->ordered;
    }
    equilibrate(ldl, values);
    int64_t top = 0; /* numbers on the stack */
    for (int32_t f = 0; f < s->count; f++) {
        int64_t size = s->size[f], pivots = s->pivots[f], order = size - pivots;
        double *front = ldl->factor + s->factor_start[f];
        memset(front, 0, (size_t)(size * pivots) * sizeof *front);
        for (int64_t x = s->entry_start[f]; x < s->entry_start[f + 1]; x++)
            front[s->entry_target[x]] += values[x] * ldl->scale[ldl->row[x]] * ldl->scale[ldl->column[x]];
        /* The update matrix of a leaf is made where it will lie; else the children's are still there. */
        bool is_leaf = s->child_count[f] == 0;
        double *schur = is_leaf ? ldl->stack + top : ldl->schur;
        clear_lower(schur, order);
        int32_t child = f - 1;
        for (int32_t taken = 0; taken < s->child_count[f]; taken++) {
            while (s->parent[child] != f)
                child--;
            int64_t m = s->size[child] - s->pivots[child];
            top -= m * m;
            extend_add(ldl->stack + top, m, s->place + s->row_start[child] + s->pivots[child], s->run[child], front,
                       size, pivots, schur);
            child--;
        }
        int32_t first = ldl->pivot_start[f];
        int32_t *position = ldl->pivot_position + first;
        memcpy(position, s->rows + s->row_start[f], (size_t)pivots * sizeof *position);
        factor_columns(front, size, pivots, position, ldl->diagonal + first, ldl->off_diagonal + first, ldl->weighted,
                       &inertia);
        if (order > 0) {
            fg_ldl_update_lower(order, order, pivots, front + pivots, size, ldl->weighted + pivots, size, schur, order);
            if (!is_leaf)
                copy_lower(ldl->stack + top, schur, order);
            top += order * order;
        }
    }
    return inertia;
}

void fg_ldl_solve(struct fg_ldl *ldl, double *b)
{
    const struct fg_ldl_symbolic *s = ldl->symbolic;
    double *w = ldl->norm;     /* the vector by position */
    double *t = ldl->weighted; /* the rows of one front */
    for (int32_t i = 0; i < s->n; i++)
        w[s->position[i]] = b[i];
    for (int32_t i = 0; i < s->n; i++)
        w[i] *= ldl->scale[i];
    for (int32_t f = 0; f < s->count; f++) {
        int64_t size = s->size[f], pivots = s->pivots[f];
        const double *front = ldl->factor + s->factor_start[f];
        const int32_t *position = ldl->pivot_position + ldl->pivot_start[f], *rows = s->rows + s->row_start[f];
        for (int64_t k = 0; k < pivots; k++)
            t[k] = w[position[k]];
        for (int64_t i = pivots; i < size; i++)
            t[i] = w[rows[i]];
        for (int64_t k = 0; k < pivots; k++)
            subtract(size - k - 1, t[k], front + k * size + k + 1, t + k + 1);
        for (int64_t i = pivots; i < size; i++)
            w[rows[i]] = t[i];
        const double *d = ldl->diagonal + ldl->pivot_start[f], *e = ldl->off_diagonal + ldl->pivot_start[f];
        for (int64_t k = 0; k < pivots;) {
            if (e[k] == 0) {
                w[position[k]] = t[k] / d[k];
                k++;
            } else {
                double determinant = d[k] * d[k + 1] - e[k] * e[k];
                w[position[k]] = (d[k + 1] * t[k] - e[k] * t[k + 1]) / determinant;
                w[position[k + 1]] = (d[k] * t[k + 1] - e[k] * t[k]) / determinant;
                k += 2;
            }
        }
    }
    for (int32_t f = s->count - 1; f >= 0; f--) {
        int64_t size = s->size[f], pivots = s->pivots[f];
        const double *front = ldl->factor + s->factor_start[f];
        const int32_t *position = ldl->pivot_position + ldl->pivot_start[f], *rows = s->rows + s->row_start[f];
        for (int64_t k = 0; k < pivots; k++)
            t[k] = w[position[k]];
        for (int64_t i = pivots; i < size; i++)
            t[i] = w[rows[i]];
        for (int64_t k = pivots - 1; k >= 0; k--) {
            const double *column = front + k * size;
            double x = t[k];
            for (int64_t i = k + 1; i < size; i++)
                x -= column[i] * t[i];
            t[k] = x;
        }
        for (int64_t k = 0; k < pivots; k++)
            w[position[k]] = t[k];
    }
    for (int32_t i = 0; i < s->n; i++)
        w[i] *= ldl->scale[i];
    for (int32_t i = 0; i < s->n; i++)
        b[i] = w[s->position[i]];
}
