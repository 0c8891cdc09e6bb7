/* Symbolic analysis for the multifrontal LDL': ordering, supernodes, fronts and where every number goes.
 * Internal to solve/. */
#ifndef FG_SOLVE_LDL_SYMBOLIC_H
#define FG_SOLVE_LDL_SYMBOLIC_H

#include "base/error.h"

#include <stdint.h>

/* Supernodes are numbered in postorder, so that the updates of children lie on a stack.
 * Front s: size[s] rows, of which the first pivots[s] are eliminated. Inside, variables are numbered in the order of
 * elimination, so that what a front reads lies together: the pivots of a front are consecutive. */
struct fg_ldl_symbolic {
    int32_t n, count;
    int32_t *position;            /* n: number of each of the caller's variables in the order of elimination */
    int32_t *pivots, *size;       /* count */
    int32_t *parent;              /* count, -1 at roots */
    int32_t *child_count;         /* count: updates to take from the stack */
    int64_t *row_start;           /* count + 1, into rows and place */
    int32_t *rows;                /* positions in each front: pivots first, then update rows */
    int32_t *place;               /* for update rows: local row in the parent's front; -1 for pivots */
    int32_t *run;                 /* count: from this update row on, places in the parent are consecutive */
    int64_t *factor_start;        /* count + 1, into the factor: size x pivots numbers, column-major */
    int64_t *entry_start;         /* count + 1, into the two arrays below */
    int64_t *entry_source;        /* index of the caller's triplet */
    int64_t *entry_target;        /* offset in the front (column-major, leading dimension size[s]) */
    int64_t front_max, stack_max; /* numbers in the largest front, and in the deepest stack of updates */
    int32_t size_max;
    double flops;
};

enum fg_code fg_ldl_analyse(int32_t n, int64_t nnz, const int32_t *row, const int32_t *column, const int32_t *group,
                            struct fg_ldl_symbolic **symbolic, struct fg_error *err);
void fg_ldl_symbolic_destroy(struct fg_ldl_symbolic *symbolic);

#endif
