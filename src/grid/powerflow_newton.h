/* The linear algebra that Newton's method and the linear starts share. Not part of the library's interface. */
#ifndef FG_GRID_POWERFLOW_NEWTON_H
#define FG_GRID_POWERFLOW_NEWTON_H

#include "grid/powerflow_internal.h"

#include <klu.h>

/* Blocks of an edge: row node x column node. */
enum { BLOCK_FF, BLOCK_FT, BLOCK_TF, BLOCK_TT, BLOCK_COUNT };

struct fg_newton {
    int32_t unknown_count;       /* 2 per node that is not a reference */
    int32_t *column_of_node;     /* first of its two columns; -1 for a reference */
    int32_t *column_start, *row; /* compressed columns */
    double *value;
    int32_t (*edge_slot)[BLOCK_COUNT]; /* position of dP/dVa of a block in `value`; -1 when a reference is involved */
    int32_t *node_slot;                /* the same of a node's own block */
    double *residual, *step, *vm_old, *va_old;
    double *offset;            /* see struct fg_newton_target */
    unsigned char *is_visited; /* scratch: per unknown */
    double *rounding; /* per node: mismatch that the last bits of the voltages make */
    klu_common common;
    klu_symbolic *symbolic;
    klu_numeric *numeric;
    double rcond_at_factor;
    bool is_odd; /* parity of the pivots */
    /* The Jacobian where a batch starts and its factors: every scenario's first step uses them, if its Jacobian there
     * is the same to the last bit (it is, unless voltage-dependent injections differ). */
    double *base_value;
    klu_numeric *base_numeric;
    int base_sign;
};

/* From a node's column of Va to that of Vm in `value`; 0 for a reference. */
static inline int32_t fg_newton_column_stride(const struct fg_newton *newton, int32_t node)
{
    int32_t column = newton->column_of_node[node];
    return column < 0 ? 0 : newton->column_start[column + 1] - newton->column_start[column];
}
/* Factors of `value` into `numeric`, with the pivots of the last ones unless they have become poor against the matrix
 * that they were chosen for; false when singular. Before a matrix of another kind, or after one that was near singular,
 * the pivots are to be forgotten. */
void fg_newton_forget_pivots(struct fg_newton *newton);
bool fg_newton_factorise(struct fg_newton *newton);
/* Constant power, current and impedance at a magnitude. */
static inline double fg_newton_power_at(double constant, double current, double impedance, double vm)
{
    return constant + vm * (current + vm * impedance);
}

#endif
