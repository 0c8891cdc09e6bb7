/* The dense inner loops of the LDL' factorisation. Internal to solve/. */
#ifndef FG_SOLVE_LDL_KERNEL_H
#define FG_SOLVE_LDL_KERNEL_H

#include <stdint.h>

/* C -= A W', where A is m x k (leading dimension lda), W is n x k (ldw), C is m x n (ldc), all column-major, and of C
 * only the part on and below the diagonal that starts at its first entry is needed (the rest may be overwritten). */
void fg_ldl_update_lower(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *w, int64_t ldw,
                         double *c, int64_t ldc);

/* y -= alpha x, and y -= alpha x + beta z, for n numbers. */
void fg_ldl_axpy(int64_t n, double alpha, const double *x, double *y);
void fg_ldl_axpy2(int64_t n, double alpha, const double *x, double beta, const double *z, double *y);

#endif
