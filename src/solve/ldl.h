/* Sparse LDL' factorisation of symmetric indefinite matrices: one symbolic analysis, many numeric factorisations.
 *
 * Method: fill-reducing ordering by approximate minimum degree (AMD) on the graph of groups, multifrontal elimination
 * over relaxed supernodes, Bunch-Kaufman 1x1 and 2x2 pivots restricted to panels of a supernode (static pivoting: the
 * structure never changes, so that factor and solve allocate nothing), and symmetric equilibration before each
 * factorisation. Variables of one group are eliminated together, which lets a 2x2 pivot join a variable with its
 * constraint: name such groups for saddle-point matrices.
 * Sources: J. W. H. Liu, "The multifrontal method for sparse matrix solution", SIAM Review 34 (1992);
 * O. Schenk, K. Gaertner, "On fast factorization pivoting methods for sparse symmetric indefinite systems" (2006);
 * P. R. Amestoy, T. A. Davis, I. S. Duff, "Algorithm 837: AMD" (2004).
 * Thread rule: one thread per handle. Results repeat bit for bit on one machine. */
#ifndef FG_SOLVE_LDL_H
#define FG_SOLVE_LDL_H

#include "base/error.h"

#include <stdint.h>

struct fg_ldl;

struct fg_ldl_inertia {
    int32_t positive, negative;
    int32_t zero; /* pivots that vanished and were replaced: the matrix is singular to working accuracy */
};

/* Analyse the n x n matrix given by `nnz` triplets, each off-diagonal pair in one triangle (either, also mixed);
 * repeated triplets are summed. `group` (n labels >= 0, -1: on its own) may be NULL. */
enum fg_code fg_ldl_create(int32_t n, int64_t nnz, const int32_t *row, const int32_t *column, const int32_t *group,
                           struct fg_ldl **ldl, struct fg_error *err);
void fg_ldl_destroy(struct fg_ldl *ldl);

/* Renumber the triplets in the order in which factoring reads them, which spares it a detour: new_place[e] (nnz) becomes
 * the number of triplet e, by which `values` are ordered from now on. */
void fg_ldl_reorder(struct fg_ldl *ldl, int64_t *new_place);

/* Factor with `values` in the order of the triplets. Always ends; look at the inertia. */
struct fg_ldl_inertia fg_ldl_factor(struct fg_ldl *ldl, const double *values);

/* Solve A x = b in place with the last factors (no refinement). `b` has n entries. */
void fg_ldl_solve(struct fg_ldl *ldl, double *b);

/* Entries of the factor, and multiply-add operations of one factorisation. */
int64_t fg_ldl_nnz(const struct fg_ldl *ldl);
double fg_ldl_flops(const struct fg_ldl *ldl);

#endif
