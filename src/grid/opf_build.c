/* From a composition to a nonlinear program: places once, numbers before each solve, functions during it. */
#include "grid/opf_internal.h"

#include <math.h>
#include <string.h>

const char *const fg_physics_words[] = {"ac", "soc", "lindistflow", "dc", "none", NULL};

const struct opf_physics *fg_opf_physics(enum fg_physics physics)
{
    switch (physics) {
    case FG_PHYSICS_AC: return &fg_opf_ac;
    case FG_PHYSICS_SOC: return &fg_opf_soc;
    case FG_PHYSICS_LINDISTFLOW: return &fg_opf_lindistflow;
    case FG_PHYSICS_DC: return &fg_opf_dc;
    case FG_PHYSICS_NONE: break;
    }
    return &fg_opf_none;
}

double fg_opf_vm_floor(const struct opf_block *block, int32_t node)
{
    return block->vm_min[node] > 0 ? fmin(0.5, 0.5 * block->vm_min[node]) : 0.1;
}

double fg_opf_vm_ceiling(const struct opf_block *block, int32_t node)
{
    return isfinite(block->vm_max[node]) ? fmax(1.5, 1.5 * block->vm_max[node]) : 2;
}

/* -- growing ---------------------------------------------------------------------------------------------------- */

/* Arrays that grow together: make room for one more in each; the first failure is remembered. */
static bool has_room(struct fg_opf *opf, size_t count, size_t *capacity, void **arrays[], const size_t sizes[],
                     int array_count)
{
    if (opf->failed || count < *capacity)
        return !opf->failed;
    size_t wanted = *capacity ? 2 * *capacity : 1024;
    for (int k = 0; k < array_count; k++) {
        void *grown = fg_realloc(*arrays[k], wanted, sizes[k]);
        if (grown == NULL) {
            opf->failed = true;
            return false;
        }
        *arrays[k] = grown;
    }
    *capacity = wanted;
    return true;
}

int32_t fg_opf_new_variable(struct fg_opf *opf, double lower, double upper, double start, int32_t label)
{
    void **arrays[] = { (void **)&opf->x_lower, (void **)&opf->x_upper, (void **)&opf->x_start, (void **)&opf->x_label };
    const size_t sizes[] = { sizeof(double), sizeof(double), sizeof(double), sizeof(int32_t) };
    int32_t n = opf->problem.n;
    if (!has_room(opf, (size_t)n, &opf->x_capacity, arrays, sizes, 4))
        return 0;
    opf->x_lower[n] = lower;
    opf->x_upper[n] = upper;
    opf->x_start[n] = start;
    opf->x_label[n] = label;
    return opf->problem.n++;
}

int32_t fg_opf_new_row(struct fg_opf *opf, double lower, double upper, double price, int32_t label)
{
    void **arrays[] = { (void **)&opf->g_lower, (void **)&opf->g_upper, (void **)&opf->g_price, (void **)&opf->g_label };
    const size_t sizes[] = { sizeof(double), sizeof(double), sizeof(double), sizeof(int32_t) };
    int32_t m = opf->problem.m;
    if (!has_room(opf, (size_t)m, &opf->g_capacity, arrays, sizes, 4))
        return 0;
    opf->g_lower[m] = lower;
    opf->g_upper[m] = upper;
    opf->g_price[m] = price;
    opf->g_label[m] = label;
    return opf->problem.m++;
}

int64_t fg_opf_new_jacobian(struct fg_opf *opf, int32_t row, int32_t column)
{
    void **arrays[] = { (void **)&opf->jacobian_row, (void **)&opf->jacobian_column };
    const size_t sizes[] = { sizeof(int32_t), sizeof(int32_t) };
    int64_t e = opf->problem.jacobian_nnz;
    if (!has_room(opf, (size_t)e, &opf->jacobian_capacity, arrays, sizes, 2))
        return 0;
    opf->jacobian_row[e] = row;
    opf->jacobian_column[e] = column;
    return opf->problem.jacobian_nnz++;
}

int64_t fg_opf_new_linear(struct fg_opf *opf, int32_t row, int32_t column, double value)
{
    void **arrays[] = { (void **)&opf->linear_value };
    const size_t sizes[] = { sizeof(double) };
    if (!has_room(opf, (size_t)opf->linear_count, &opf->linear_capacity, arrays, sizes, 1))
        return 0;
    opf->linear_value[opf->linear_count++] = value;
    return fg_opf_new_jacobian(opf, row, column);
}

int64_t fg_opf_new_hessian(struct fg_opf *opf, int32_t row, int32_t column)
{
    void **arrays[] = { (void **)&opf->hessian_row, (void **)&opf->hessian_column };
    const size_t sizes[] = { sizeof(int32_t), sizeof(int32_t) };
    int64_t e = opf->problem.hessian_nnz;
    if (!has_room(opf, (size_t)e, &opf->hessian_capacity, arrays, sizes, 2))
        return 0;
    opf->hessian_row[e] = row;
    opf->hessian_column[e] = column;
    return opf->problem.hessian_nnz++;
}

/* -- callbacks of the nonlinear program --------------------------------------------------------------------------- */

/* Cost of one user variable at x (caller's units) with its first two derivatives. */
static double cost_of(const struct opf_variable *v, double x, double *first, double *second)
{
    double value = (v->quadratic * x + v->linear) * x, d1 = 2 * v->quadratic * x + v->linear, d2 = 2 * v->quadratic;
    double p0 = 0, p1 = 0, p2 = 0;
    for (int32_t k = v->polynomial_count - 1; k >= 0; k--) { /* Horner with derivatives */
        p2 = p2 * x + 2 * p1;
        p1 = p1 * x + p0;
        p0 = p0 * x + v->polynomial[k];
    }
    *first = d1 + p1;
    *second = d2 + p2;
    return value + p0;
}

static void functions(void *user, const double *x, double *f, double *g)
{
    const struct fg_opf *opf = user;
    *f = 0;
    double first, second;
    for (size_t v = 0; v < opf->variable_count; v++)
        *f += cost_of(&opf->variables[v], x[v] * opf->variables[v].unit, &first, &second);
    memset(g, 0, (size_t)opf->problem.m * sizeof *g);
    for (int64_t e = 0; e < opf->linear_count; e++)
        g[opf->jacobian_row[e]] += opf->linear_value[e] * x[opf->jacobian_column[e]];
    for (size_t c = 0; c < opf->circle_count; c++) {
        const struct opf_circle *circle = &opf->circles[c];
        double unit_p = opf->variables[circle->variable_p].unit, unit_q = opf->variables[circle->variable_q].unit;
        double p = x[circle->variable_p] * unit_p, q = x[circle->variable_q] * unit_q;
        g[opf->first_circle_row + (int32_t)c] = (p * p + q * q) / (circle->radius * circle->radius);
    }
    for (size_t b = 0; b < opf->block_count; b++) {
        const struct opf_physics *physics = fg_opf_physics(opf->blocks[b].options.physics);
        if (physics->functions)
            physics->functions(opf, &opf->blocks[b], x, g);
    }
}

static void derivatives(void *user, const double *x, double sigma, const double *y, double *gradient, double *jacobian,
                        double *hessian)
{
    const struct fg_opf *opf = user;
    memset(gradient, 0, (size_t)opf->problem.n * sizeof *gradient);
    for (size_t v = 0; v < opf->variable_count; v++) {
        double unit = opf->variables[v].unit, first, second;
        cost_of(&opf->variables[v], x[v] * unit, &first, &second);
        gradient[v] = first * unit;
        hessian[v] = sigma * second * unit * unit; /* the first Hessian entries are the user variables' */
    }
    memcpy(jacobian, opf->linear_value, (size_t)opf->linear_count * sizeof *jacobian);
    for (size_t c = 0; c < opf->circle_count; c++) {
        const struct opf_circle *circle = &opf->circles[c];
        double scale = 2 / (circle->radius * circle->radius);
        double unit_p = opf->variables[circle->variable_p].unit, unit_q = opf->variables[circle->variable_q].unit;
        double weight = y[opf->first_circle_row + (int32_t)c];
        double *j = jacobian + opf->first_circle_jacobian + 2 * (int64_t)c;
        double *h = hessian + opf->first_circle_hessian + 2 * (int64_t)c;
        j[0] = scale * unit_p * unit_p * x[circle->variable_p];
        j[1] = scale * unit_q * unit_q * x[circle->variable_q];
        h[0] = weight * scale * unit_p * unit_p;
        h[1] = weight * scale * unit_q * unit_q;
    }
    for (size_t b = 0; b < opf->block_count; b++) {
        const struct opf_physics *physics = fg_opf_physics(opf->blocks[b].options.physics);
        if (physics->derivatives)
            physics->derivatives(opf, &opf->blocks[b], x, y, jacobian, hessian);
    }
}

/* -- building --------------------------------------------------------------------------------------------------- */

/* A base near the peak of what is injected, so that limits of small feeders are not lost below the tolerance. */
static double choose_base(const struct fg_opf *opf)
{
    double peak = 0;
    for (size_t b = 0; b < opf->block_count; b++) {
        double sum = 0;
        for (int32_t i = 0; i < opf->blocks[b].node_count; i++)
            sum += fabs(opf->blocks[b].injection[i].p_mw);
        peak = fmax(peak, sum);
    }
    for (size_t v = 0; peak == 0 && v < opf->variable_count; v++)
        peak = fmax(peak, opf->variables[v].unit);
    return fmin(fmax(peak, 1e-4), 100);
}

static void fill(int32_t *items, int32_t count, int32_t value)
{
    for (int32_t k = 0; k < count; k++)
        items[k] = value;
}

static void reset_layout(struct opf_block *block)
{
    fill(block->p_row, block->node_count, -1);
    fill(block->q_row, block->node_count, -1);
    fill(block->v_variable, block->node_count, -1);
    fill(block->a_variable, block->node_count, -1);
    fill(block->band_row, block->node_count, -1);
    fill(block->band_low_row, block->node_count, -1);
    fill(block->rate_row, block->edge_count, -1);
    fill(block->angle_row, block->edge_count, -1);
    fill(block->flow_variable, block->edge_count, -1);
    fill(block->product_row, block->edge_count, -1);
    fill(block->cone_row, block->edge_count, -1);
}

static void scale_edges(const struct fg_opf *opf, struct opf_block *block)
{
    double scale = block->topology->network->base_mva / opf->base;
    for (int32_t k = 0; k < block->edge_count; k++) {
        struct fg_edge edge = block->topology->edges[k];
        edge.gff *= scale; edge.bff *= scale; edge.gft *= scale; edge.bft *= scale;
        edge.gtf *= scale; edge.btf *= scale; edge.gtt *= scale; edge.btt *= scale;
        block->edges[k] = edge;
    }
}

void fg_opf_unbuild(struct fg_opf *opf)
{
    fg_nlp_destroy(opf->nlp);
    opf->nlp = NULL;
    fg_free(opf->group);
    opf->group = NULL;
    opf->is_built = opf->has_result = opf->failed = false;
    memset(&opf->problem, 0, sizeof opf->problem);
    opf->linear_count = 0;
    opf->label_count = 0;
}

enum fg_code fg_opf_build(struct fg_opf *opf, struct fg_error *err)
{
    fg_opf_unbuild(opf);
    if (opf->variable_count == 0 && opf->block_count == 0)
        return fg_fail(err, FG_ERR_ARGUMENT, "opf", "the composition is empty: add variables or blocks");
    for (size_t b = 0; b < opf->block_count; b++) {
        const struct opf_physics *physics = fg_opf_physics(opf->blocks[b].options.physics);
        enum fg_code code = physics->check ? physics->check(opf, &opf->blocks[b], err) : FG_OK;
        if (code == FG_OK && opf->blocks[b].options.physics == FG_PHYSICS_AC)
            code = fg_opf_start_angles(&opf->blocks[b], err);
        if (code != FG_OK)
            return code;
    }
    opf->base = choose_base(opf);

    /* Variables, rows and their linear entries. */
    for (size_t v = 0; v < opf->variable_count; v++)
        fg_opf_new_variable(opf, 0, 0, 0, -1);
    for (size_t r = 0; r < opf->row_count; r++) {
        fg_opf_new_row(opf, opf->rows[r].lower, opf->rows[r].upper, opf->rows[r].price, -1);
        for (int32_t t = opf->rows[r].first_term; t >= 0; t = opf->terms[t].next)
            opf->terms[t].entry = fg_opf_new_linear(opf, (int32_t)r, opf->terms[t].variable, 0);
    }
    opf->first_circle_row = opf->problem.m;
    for (size_t c = 0; c < opf->circle_count; c++)
        fg_opf_new_row(opf, -INFINITY, 1, INFINITY, -1);
    for (size_t b = 0; b < opf->block_count && !opf->failed; b++) {
        struct opf_block *block = &opf->blocks[b];
        reset_layout(block);
        scale_edges(opf, block);
        block->variable_begin = opf->problem.n;
        block->row_begin = opf->problem.m;
        fg_opf_physics(block->options.physics)->variables_and_rows(opf, block);
        block->variable_end = opf->problem.n;
        block->row_end = opf->problem.m;
        for (size_t k = 0; k < block->inject_count && !opf->failed; k++) {
            const struct opf_inject *inject = &block->injects[k];
            double scale = opf->variables[inject->variable].unit / opf->base;
            if (inject->p_factor != 0)
                fg_opf_new_linear(opf, block->p_row[inject->node], inject->variable, -inject->p_factor * scale);
            if (inject->q_factor != 0 && block->q_row[inject->node] >= 0)
                fg_opf_new_linear(opf, block->q_row[inject->node], inject->variable, -inject->q_factor * scale);
        }
    }

    /* Nonlinear entries follow the linear ones. */
    for (size_t v = 0; v < opf->variable_count; v++)
        fg_opf_new_hessian(opf, (int32_t)v, (int32_t)v);
    opf->first_circle_jacobian = opf->problem.jacobian_nnz;
    opf->first_circle_hessian = opf->problem.hessian_nnz;
    for (size_t c = 0; c < opf->circle_count; c++) {
        int32_t p = opf->circles[c].variable_p, q = opf->circles[c].variable_q;
        fg_opf_new_jacobian(opf, opf->first_circle_row + (int32_t)c, p);
        fg_opf_new_jacobian(opf, opf->first_circle_row + (int32_t)c, q);
        fg_opf_new_hessian(opf, p, p);
        fg_opf_new_hessian(opf, q, q);
    }
    for (size_t b = 0; b < opf->block_count && !opf->failed; b++) {
        const struct opf_physics *physics = fg_opf_physics(opf->blocks[b].options.physics);
        if (physics->entries)
            physics->entries(opf, &opf->blocks[b]);
    }
    size_t n = (size_t)opf->problem.n, m = (size_t)opf->problem.m;
    if (!opf->failed)
        opf->failed = (opf->group = fg_alloc(n + m, sizeof *opf->group)) == NULL;
    if (opf->failed) {
        fg_opf_unbuild(opf);
        return fg_fail_memory(err);
    }
    memcpy(opf->group, opf->x_label, n * sizeof *opf->group);
    memcpy(opf->group + n, opf->g_label, m * sizeof *opf->group);
    fg_opf_refresh(opf);

    opf->problem.x_lower = opf->x_lower;
    opf->problem.x_upper = opf->x_upper;
    opf->problem.g_lower = opf->g_lower;
    opf->problem.g_upper = opf->g_upper;
    opf->problem.g_price = opf->g_price;
    opf->problem.jacobian_row = opf->jacobian_row;
    opf->problem.jacobian_column = opf->jacobian_column;
    opf->problem.hessian_row = opf->hessian_row;
    opf->problem.hessian_column = opf->hessian_column;
    opf->problem.group = opf->group;
    opf->problem.user = opf;
    opf->problem.functions = functions;
    opf->problem.derivatives = derivatives;
    enum fg_code code = fg_nlp_create(&opf->problem, &opf->nlp, err);
    if (code != FG_OK) {
        fg_opf_unbuild(opf);
        return code;
    }
    opf->is_built = true;
    return FG_OK;
}

void fg_opf_refresh(struct fg_opf *opf)
{
    for (size_t v = 0; v < opf->variable_count; v++) {
        const struct opf_variable *variable = &opf->variables[v];
        opf->x_lower[v] = variable->lower / variable->unit;
        opf->x_upper[v] = variable->upper / variable->unit;
        opf->x_start[v] = fmin(fmax(variable->start, variable->lower), variable->upper) / variable->unit;
    }
    for (size_t r = 0; r < opf->row_count; r++) {
        opf->g_lower[r] = opf->rows[r].lower;
        opf->g_upper[r] = opf->rows[r].upper;
        opf->g_price[r] = opf->rows[r].price;
        for (int32_t t = opf->rows[r].first_term; t >= 0; t = opf->terms[t].next)
            opf->linear_value[opf->terms[t].entry] =
                opf->terms[t].coefficient * opf->variables[opf->terms[t].variable].unit;
    }
    for (size_t b = 0; b < opf->block_count; b++)
        fg_opf_physics(opf->blocks[b].options.physics)->refresh(opf, &opf->blocks[b]);
}
