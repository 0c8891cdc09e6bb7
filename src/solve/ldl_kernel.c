#include "solve/ldl_kernel.h"

#include "base/kernel.h"

#include <string.h>

/* Four numbers: wider vectors than the processor has are taken apart by the compiler and spilled. */
typedef double vector4 __attribute__((vector_size(32)));

/* A register tile: 4 x `vectors` rows and four columns of C, minus A W' over k. With `vectors` known, the loops over it
 * unroll and the accumulators stay in registers. */
static inline __attribute__((always_inline)) void tile(int vectors, int64_t k, const double *a, int64_t lda,
                                                       const double *w, int64_t ldw, double *c, int64_t ldc)
{
    vector4 s0[2], s1[2], s2[2], s3[2], x;
    for (int v = 0; v < vectors; v++) {
        memcpy(&s0[v], c + 4 * v, sizeof x);
        memcpy(&s1[v], c + 4 * v + ldc, sizeof x);
        memcpy(&s2[v], c + 4 * v + 2 * ldc, sizeof x);
        memcpy(&s3[v], c + 4 * v + 3 * ldc, sizeof x);
    }
    for (int64_t p = 0; p < k; p++, a += lda, w += ldw)
        for (int v = 0; v < vectors; v++) {
            memcpy(&x, a + 4 * v, sizeof x);
            s0[v] -= x * w[0];
            s1[v] -= x * w[1];
            s2[v] -= x * w[2];
            s3[v] -= x * w[3];
        }
    for (int v = 0; v < vectors; v++) {
        memcpy(c + 4 * v, &s0[v], sizeof x);
        memcpy(c + 4 * v + ldc, &s1[v], sizeof x);
        memcpy(c + 4 * v + 2 * ldc, &s2[v], sizeof x);
        memcpy(c + 4 * v + 3 * ldc, &s3[v], sizeof x);
    }
}

/* Tiles of 8 x 4 and 4 x 4; what is left over goes number by number. */
FG_KERNEL void fg_ldl_update_lower(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *w,
                                int64_t ldw, double *c, int64_t ldc)
{
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
        const double *w0 = w + j;
        int64_t i = j;
        for (; i + 8 <= m; i += 8)
            tile(2, k, a + i, lda, w0, ldw, c + i + j * ldc, ldc);
        for (; i + 4 <= m; i += 4)
            tile(1, k, a + i, lda, w0, ldw, c + i + j * ldc, ldc);
        for (; i < m; i++) {
            double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
            for (int64_t p = 0; p < k; p++) {
                double x = a[i + p * lda];
                const double *v = w0 + p * ldw;
                s0 += x * v[0];
                s1 += x * v[1];
                s2 += x * v[2];
                s3 += x * v[3];
            }
            c[i + j * ldc] -= s0;
            c[i + (j + 1) * ldc] -= s1;
            c[i + (j + 2) * ldc] -= s2;
            c[i + (j + 3) * ldc] -= s3;
        }
    }
    for (; j < n; j++)
        for (int64_t p = 0; p < k; p++) {
            double v = w[j + p * ldw];
            for (int64_t i = j; i < m; i++)
                c[i + j * ldc] -= a[i + p * lda] * v;
        }
}

FG_KERNEL void fg_ldl_axpy(int64_t n, double alpha, const double *restrict x, double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] -= alpha * x[i];
}

FG_KERNEL void fg_ldl_axpy2(int64_t n, double alpha, const double *restrict x, double beta, const double *restrict z,
                         double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] -= alpha * x[i] + beta * z[i];
}
