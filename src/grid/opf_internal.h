/* State of a composition, shared by its parts. Internal to grid/.
 *
 * Inside, user variables are divided by their unit, powers by `base` (MVA), and edges carry admittances on that base.
 * The NLP's variables are the user's first, then those of each block in turn; its rows are the user's, the circles,
 * then those of each block. The first `linear_count` Jacobian entries are constants. */
#ifndef FG_GRID_OPF_INTERNAL_H
#define FG_GRID_OPF_INTERNAL_H

#include "grid/opf.h"
#include "solve/nlp.h"

#include "base/memory.h"

struct opf_variable {
    double lower, upper, start, unit; /* caller's units */
    double linear, quadratic;
    const double *polynomial; /* beyond the quadratic: count coefficients, lowest first; NULL: none */
    int32_t polynomial_count;
    double proximal_weight, proximal_centre;
};

struct opf_row {
    double lower, upper, price;
    int32_t first_term, last_term; /* chain of terms, -1: none */
};

struct opf_term {
    int32_t variable, next;
    double coefficient;
    int64_t entry; /* place among the Jacobian entries, after building */
};

struct opf_circle {
    int32_t variable_p, variable_q;
    double radius;
};

struct opf_inject {
    int32_t node, variable;
    double p_factor, q_factor;
};

struct opf_block {
    const struct fg_topology *topology;
    struct fg_opf_block_options options;
    int32_t node_count, edge_count;
    double *vm_min, *vm_max, *band_price;  /* per node */
    double *rate_mva, *rate_price;         /* per edge */
    struct fg_opf_injection *injection;    /* per node */
    double *vm_start, *va_start;           /* per node */
    bool start_given;                      /* by the caller; else the flat start follows the phase shifters */
    struct opf_inject *injects;
    size_t inject_count, inject_capacity;

    /* Layout in the NLP, set by building. -1: absent. */
    int32_t variable_begin, variable_end, row_begin, row_end;
    struct fg_edge *edges;                 /* per unit of base */
    int32_t *p_row, *q_row;                /* per node (or per island's first node for `none`) */
    int32_t *v_variable, *a_variable;      /* per node: magnitude (or its square), angle */
    int32_t *band_row;                     /* per node: elastic band (the upper side where sides are apart) */
    int32_t *band_low_row;                 /* per node: lower side, where apart */
    int32_t *rate_row;                     /* per edge: from end, next: to end */
    int32_t *angle_row;                    /* per edge */
    int32_t *flow_variable;                /* per edge: P, next: Q (lindistflow: its own; soc: its pair's) */
    int32_t *pair_edge;                    /* per edge: the one that stands for all between the same nodes; -1 for an
                                              edge from a node to itself */
    int32_t *cone_row;                     /* per edge that stands for its pair (soc) */
    int32_t *product_row;                  /* per edge that stands for its pair: wr, next: wi (soc) */
    int64_t *edge_jacobian, *edge_hessian; /* per edge: first entry */
    int64_t *node_jacobian, *node_hessian; /* per node */
};

struct fg_opf {
    struct opf_variable *variables;  size_t variable_count, variable_capacity;
    struct opf_row *rows;            size_t row_count, row_capacity;
    struct opf_term *terms;          size_t term_count, term_capacity;
    struct opf_circle *circles;      size_t circle_count, circle_capacity;
    struct opf_block *blocks;        size_t block_count, block_capacity;
    struct fg_arena arena;           /* polynomials */

    bool is_built;
    double base;
    struct fg_nlp_problem problem;
    struct fg_nlp *nlp;
    double *x_lower, *x_upper, *x_start, *g_lower, *g_upper, *g_price;
    int32_t *x_label, *g_label;      /* what the factorisation eliminates together; joined into `group` */
    size_t x_capacity, g_capacity;
    int32_t *jacobian_row, *jacobian_column, *hessian_row, *hessian_column, *group;
    size_t jacobian_capacity, hessian_capacity;
    double *linear_value;            /* linear_count */
    int64_t linear_count;
    size_t linear_capacity;
    bool has_result;
    int32_t first_circle_row;
    int64_t first_circle_jacobian, first_circle_hessian;
    int32_t label_count;
    bool failed;                     /* out of memory while building */
};

/* opf_build.c: growing the NLP. They set opf->failed instead of returning errors. */
int32_t fg_opf_new_variable(struct fg_opf *opf, double lower, double upper, double start, int32_t label);
int32_t fg_opf_new_row(struct fg_opf *opf, double lower, double upper, double price, int32_t label);
int64_t fg_opf_new_linear(struct fg_opf *opf, int32_t row, int32_t column, double value);
int64_t fg_opf_new_jacobian(struct fg_opf *opf, int32_t row, int32_t column);
int64_t fg_opf_new_hessian(struct fg_opf *opf, int32_t row, int32_t column);
enum fg_code fg_opf_build(struct fg_opf *opf, struct fg_error *err);
void fg_opf_unbuild(struct fg_opf *opf);
/* Bounds, prices and right-hand sides that may have changed since the last solve. */
void fg_opf_refresh(struct fg_opf *opf);
/* Rating of an edge and the smoothing of its elastic form, per unit. */
bool fg_opf_edge_is_rated(const struct opf_block *block, int32_t edge);
bool fg_opf_edge_by_current(const struct opf_block *block, int32_t edge);

/* A physics: how a block becomes variables, rows and functions. */
struct opf_physics {
    enum fg_code (*check)(const struct fg_opf *opf, const struct opf_block *block, struct fg_error *err); /* may be NULL */
    void (*variables_and_rows)(struct fg_opf *opf, struct opf_block *block); /* with linear entries */
    void (*entries)(struct fg_opf *opf, struct opf_block *block);            /* nonlinear entries */
    void (*refresh)(struct fg_opf *opf, struct opf_block *block);            /* bounds and right-hand sides */
    void (*functions)(const struct fg_opf *opf, const struct opf_block *block, const double *x, double *g);
    void (*derivatives)(const struct fg_opf *opf, const struct opf_block *block, const double *x, const double *y,
                        double *jacobian, double *hessian);
    struct fg_opf_node (*node)(const struct fg_opf *opf, const struct opf_block *block, int32_t node);
    struct fg_opf_edge (*edge)(const struct fg_opf *opf, const struct opf_block *block, int32_t edge);
};
extern const struct opf_physics fg_opf_ac, fg_opf_soc, fg_opf_lindistflow, fg_opf_dc, fg_opf_none;
const struct opf_physics *fg_opf_physics(enum fg_physics physics);

/* opf_minorant.c: dual bound of the whole composition; -INFINITY when a block is not convex. */
enum fg_code fg_opf_dual_bound(const struct fg_opf *opf, double *bound, struct fg_error *err);

/* opf_start.c: angles at which the phase shifters drive no flow, as near as possible, into va_start. */
enum fg_code fg_opf_start_angles(struct opf_block *block, struct fg_error *err);

/* Range in which an elastic voltage magnitude may move, p.u. */
double fg_opf_vm_floor(const struct opf_block *block, int32_t node);
double fg_opf_vm_ceiling(const struct opf_block *block, int32_t node);

/* opf_rating.c: a rating row h(P, Q) <= limit, hard: h = (P^2 + Q^2) / rate, limit = rate; elastic: a smoothed
 * magnitude, so that the price is per MVA. */
struct opf_rating {
    double value, d_p, d_q, d_pp, d_pq, d_qq;
};
struct opf_rating fg_opf_rating_of(double p, double q, double rate, bool elastic);
double fg_opf_rating_limit(double rate, bool elastic);

#endif
