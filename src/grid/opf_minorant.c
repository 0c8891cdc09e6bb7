/* Valid lower bounds from multipliers, whatever their accuracy.
 *
 * For a convex problem and any multipliers y of the right signs (within the price of elastic rows),
 *   L(x) = f(x) + sum_i y_i (g_i(x) - b_i)     with b_i the side that y_i presses against
 * underestimates the cost on the feasible set, and by convexity
 *   L(x) >= L(x0) + min over the box of grad L(x0)'(x - x0),
 * which is evaluated exactly. Multipliers of the wrong sign are dropped, those above the price are cut. A variable
 * without a bound is taken to lie within 1e4 times its unit. */
#include "grid/opf_internal.h"

#include <math.h>
#include <string.h>

static const double WIDE = 1e4;

static bool is_convex(const struct opf_block *block)
{
    return block->options.physics != FG_PHYSICS_AC;
}

/* Admissible multiplier and the side of the row that it belongs to. */
static double admissible(const struct fg_opf *opf, int32_t row, double y, double *side)
{
    double price = opf->g_price[row];
    if (isfinite(price))
        y = fmin(fmax(y, -price), price);
    *side = y >= 0 ? opf->g_upper[row] : opf->g_lower[row];
    if (!isfinite(*side)) {
        *side = 0;
        return 0;
    }
    return y;
}

/* Least value of slope * (x - at) over the variable's box. */
static double box_minimum(const struct fg_opf *opf, int32_t variable, double slope, double at)
{
    double lower = isfinite(opf->x_lower[variable]) ? opf->x_lower[variable] : fmin(-WIDE, at);
    double upper = isfinite(opf->x_upper[variable]) ? opf->x_upper[variable] : fmax(WIDE, at);
    return slope > 0 ? slope * (lower - at) : slope * (upper - at);
}

/* Everything that both bounds need, at the last solution. */
struct lagrangian {
    double *y, *side, *gradient, *jacobian, *hessian, *g, f;
};

static void lagrangian_release(struct lagrangian *l)
{
    fg_free(l->y);
    fg_free(l->side);
    fg_free(l->gradient);
    fg_free(l->jacobian);
    fg_free(l->hessian);
    fg_free(l->g);
}

static enum fg_code lagrangian_init(const struct fg_opf *opf, struct lagrangian *l, struct fg_error *err)
{
    size_t n = (size_t)opf->problem.n, m = (size_t)opf->problem.m;
    l->y = fg_alloc(m, sizeof(double));
    l->side = fg_alloc(m, sizeof(double));
    l->g = fg_alloc(m, sizeof(double));
    l->gradient = fg_alloc(n, sizeof(double));
    l->jacobian = fg_alloc((size_t)opf->problem.jacobian_nnz, sizeof(double));
    l->hessian = fg_alloc((size_t)opf->problem.hessian_nnz, sizeof(double));
    if (!l->y || !l->side || !l->g || !l->gradient || !l->jacobian || !l->hessian) {
        lagrangian_release(l);
        return fg_fail_memory(err);
    }
    const double *x = fg_nlp_x(opf->nlp), *y = fg_nlp_y(opf->nlp);
    for (int32_t r = 0; r < opf->problem.m; r++)
        l->y[r] = admissible(opf, r, y[r], &l->side[r]);
    opf->problem.functions(opf->problem.user, x, &l->f, l->g);
    opf->problem.derivatives(opf->problem.user, x, 1, l->y, l->gradient, l->jacobian, l->hessian);
    return FG_OK;
}

enum fg_code fg_opf_dual_bound(const struct fg_opf *opf, double *bound, struct fg_error *err)
{
    *bound = -INFINITY;
    for (size_t b = 0; b < opf->block_count; b++)
        if (!is_convex(&opf->blocks[b]))
            return FG_OK;
    struct lagrangian l;
    enum fg_code code = lagrangian_init(opf, &l, err);
    if (code != FG_OK)
        return code;
    const double *x = fg_nlp_x(opf->nlp);
    double value = l.f;
    for (int32_t r = 0; r < opf->problem.m; r++)
        value += l.y[r] * (l.g[r] - l.side[r]);
    for (int64_t e = 0; e < opf->problem.jacobian_nnz; e++)
        l.gradient[opf->jacobian_column[e]] += l.jacobian[e] * l.y[opf->jacobian_row[e]];
    for (int32_t i = 0; i < opf->problem.n; i++)
        value += box_minimum(opf, i, l.gradient[i], x[i]);
    bool convex_costs = true;
    for (size_t v = 0; v < opf->variable_count; v++) /* a falling marginal cost would break the argument */
        convex_costs &= opf->variables[v].quadratic >= 0 && (opf->variables[v].polynomial_count <= 2 ||
                        (opf->variables[v].polynomial_count == 3 && opf->variables[v].polynomial[2] >= 0));
    if (convex_costs && isfinite(value))
        *bound = value;
    lagrangian_release(&l);
    return FG_OK;
}

enum fg_code fg_opf_block_minorant(const struct fg_opf *opf, int32_t index, double *constant, double *slope_p,
                                   double *slope_q, struct fg_error *err)
{
    if (!opf->has_result || index < 0 || (size_t)index >= opf->block_count || !is_convex(&opf->blocks[index]))
        return fg_fail(err, FG_ERR_ARGUMENT, "opf", "a minorant needs a solved block with convex physics");
    const struct opf_block *block = &opf->blocks[index];
    struct lagrangian l;
    enum fg_code code = lagrangian_init(opf, &l, err);
    if (code != FG_OK)
        return code;
    const double *x = fg_nlp_x(opf->nlp);
    double value = 0;
    memset(l.gradient, 0, (size_t)opf->problem.n * sizeof *l.gradient);
    for (int32_t r = block->row_begin; r < block->row_end; r++)
        value += l.y[r] * (l.g[r] - l.side[r]);
    for (int64_t e = 0; e < opf->problem.jacobian_nnz; e++) {
        int32_t row = opf->jacobian_row[e], column = opf->jacobian_column[e];
        if (row < block->row_begin || row >= block->row_end)
            continue;
        if (column >= block->variable_begin && column < block->variable_end)
            l.gradient[column] += l.jacobian[e] * l.y[row];
        else
            value -= l.y[row] * l.jacobian[e] * x[column]; /* the injections become the argument */
    }
    for (int32_t i = block->variable_begin; i < block->variable_end; i++)
        value += box_minimum(opf, i, l.gradient[i], x[i]);
    for (int32_t i = 0; i < block->node_count; i++) {
        slope_p[i] = -l.y[block->p_row[i]] / opf->base;
        slope_q[i] = block->q_row[i] >= 0 ? -l.y[block->q_row[i]] / opf->base : 0;
    }
    *constant = value;
    lagrangian_release(&l);
    return FG_OK;
}
