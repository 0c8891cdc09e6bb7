/* The AC optimal power flow in the form that Ipopt takes: bounds, functions, first and second derivatives. Two
 * formulations of one problem (bench/problem.h):
 *
 *   power balance   branch flows are eliminated; the balance rows and ratings hold them as functions of the voltages;
 *   branch flows    the four flows of each branch are variables with a defining row each; balances are linear and
 *                   ratings circles (the form of PowerModels).
 *
 * Polar voltages, per unit of the network's base. Flow functions and derivatives come from grid/flow.h; nothing else
 * is shared with the project's own optimal power flow. */
#ifndef FG_BENCH_IPOPT_MODEL_H
#define FG_BENCH_IPOPT_MODEL_H

#include "problem.h"

enum ipopt_formulation { IPOPT_POWER_BALANCE, IPOPT_BRANCH_FLOWS };

/* A sparse matrix that is filled by adding entries in an order that never changes: the first pass records their
 * places, later passes add their values to the merged ones. */
struct ipopt_pattern {
    int32_t *row, *column; /* merged entries, count of them; while recording, all entries */
    int32_t *slot;         /* merged entry of each recorded one */
    size_t entry_count, entry_capacity;
    int32_t count;
    bool has_failed; /* out of memory while recording */
};

struct ipopt_generator {
    const struct fg_generator *element;
    int32_t node;
    int32_t epigraph;        /* index among epigraph variables, -1 for polynomial costs */
    int32_t capability_rows; /* first of its two rows, -1 without */
};

struct ipopt_model {
    const struct bench_problem *problem;
    enum ipopt_formulation formulation;
    struct bench_injections injections;
    struct ipopt_generator *generators;
    int32_t generator_count, epigraph_count, piece_count, capability_count;
    int32_t *limit_row;     /* per edge: first of two rating rows within a period, -1 without limit */
    int32_t *angle_row;     /* per edge: row within a period, -1 without limit */
    double *rate_squared;   /* per edge, p.u. */
    /* Offsets within a period. */
    int32_t at_va, at_vm, at_pg, at_qg, at_flow, at_pv, at_battery, at_epigraph, columns_per_period;
    int32_t row_balance, row_flow, row_limit, row_angle, row_capability, row_epigraph, row_pv, row_battery,
        rows_per_period;
    int32_t variable_count, row_count;
    double *lower, *upper, *start, *row_lower, *row_upper;
    struct ipopt_pattern jacobian, hessian;
};

enum fg_code ipopt_model_create(const struct bench_problem *problem, enum ipopt_formulation formulation,
                                struct ipopt_model **model, struct fg_error *err);
void ipopt_model_destroy(struct ipopt_model *model);

double ipopt_model_objective(const struct ipopt_model *model, const double *x);
void ipopt_model_gradient(const struct ipopt_model *model, const double *x, double *gradient);
void ipopt_model_rows(const struct ipopt_model *model, const double *x, double *g);
void ipopt_model_jacobian(struct ipopt_model *model, const double *x, double *values);
/* Lower triangle of objective_factor * d2 f + sum_r multiplier_r * d2 g_r. */
void ipopt_model_hessian(struct ipopt_model *model, const double *x, double objective_factor,
                         const double *multiplier, double *values);

#endif
