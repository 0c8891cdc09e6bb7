#include "solve/ldl_kernel.h"

#include <string.h>

/* One source, several instruction sets: the loader takes the best that the processor has. Sanitized builds keep the
 * portable version, because their runtime is not ready when the loader chooses. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define KERNEL
#endif

typedef double vector8 __attribute__((vector_size(64)));
typedef double vector4 __attribute__((vector_size(32)));

/* Register tiles of 8 x 4 and 4 x 4; what is left over goes number by number. */
KERNEL void fg_ldl_update_lower(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *w,
                                int64_t ldw, double *c, int64_t ldc)
{
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
        const double *w0 = w + j;
        int64_t i = j;
        for (; i + 8 <= m; i += 8) {
            vector8 s0, s1, s2, s3, x;
            double *c0 = c + i + j * ldc;
            memcpy(&s0, c0, sizeof s0);
            memcpy(&s1, c0 + ldc, sizeof s1);
            memcpy(&s2, c0 + 2 * ldc, sizeof s2);
            memcpy(&s3, c0 + 3 * ldc, sizeof s3);
            for (int64_t p = 0; p < k; p++) {
                memcpy(&x, a + i + p * lda, sizeof x);
                const double *v = w0 + p * ldw;
                s0 -= x * v[0];
                s1 -= x * v[1];
                s2 -= x * v[2];
                s3 -= x * v[3];
            }
            memcpy(c0, &s0, sizeof s0);
            memcpy(c0 + ldc, &s1, sizeof s1);
            memcpy(c0 + 2 * ldc, &s2, sizeof s2);
            memcpy(c0 + 3 * ldc, &s3, sizeof s3);
        }
        for (; i + 4 <= m; i += 4) {
            vector4 s0, s1, s2, s3, x;
            double *c0 = c + i + j * ldc;
            memcpy(&s0, c0, sizeof s0);
            memcpy(&s1, c0 + ldc, sizeof s1);
            memcpy(&s2, c0 + 2 * ldc, sizeof s2);
            memcpy(&s3, c0 + 3 * ldc, sizeof s3);
            for (int64_t p = 0; p < k; p++) {
                memcpy(&x, a + i + p * lda, sizeof x);
                const double *v = w0 + p * ldw;
                s0 -= x * v[0];
                s1 -= x * v[1];
                s2 -= x * v[2];
                s3 -= x * v[3];
            }
            memcpy(c0, &s0, sizeof s0);
            memcpy(c0 + ldc, &s1, sizeof s1);
            memcpy(c0 + 2 * ldc, &s2, sizeof s2);
            memcpy(c0 + 3 * ldc, &s3, sizeof s3);
        }
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

KERNEL void fg_ldl_axpy(int64_t n, double alpha, const double *restrict x, double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] -= alpha * x[i];
}

KERNEL void fg_ldl_axpy2(int64_t n, double alpha, const double *restrict x, double beta, const double *restrict z,
                         double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] -= alpha * x[i] + beta * z[i];
}
