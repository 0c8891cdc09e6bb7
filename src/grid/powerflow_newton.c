/* Newton's method on the power mismatch in polar coordinates.
 *
 *   F_P(x) = P_calc(x) - P_spec(Vm) = 0   at every node but the references
 *   F_Q(x) = Q_calc(x) - Q_spec(Vm) = 0   at PQ nodes;   Vm - Vm_set = 0 at PV nodes
 *   J(x) dx = -F(x),  x <- x + s dx
 *
 * with P_calc, Q_calc and J summed from the flow functions of the edges (grid/flow.h). Each node but the references has
 * two columns (Va, Vm) and two rows (P, Q); at a PV node the second row is that of the identity. So the pattern does
 * not depend on the kinds, one symbolic analysis (KLU, AMD ordering on the blocks) serves all solves, and later
 * factorisations reuse the pivots of the first as long as the estimate of the condition stays near what it was.
 *
 * Where a flat start fails, a better one comes from turns of an angle step with magnitudes held (as in a direct-current
 * power flow) and a linear solution for the voltages; from there the steps are shortened by a line search on |F|^2.
 *
 * W. F. Tinney, C. E. Hart, "Power flow solution by Newton's method", IEEE Trans. PAS-86(11), 1967.
 * T. A. Davis, E. Palamadai Natarajan, "Algorithm 907: KLU", ACM TOMS 37(3), 2010.
 * Line search: J. E. Dennis, R. B. Schnabel, "Numerical Methods for Unconstrained Optimization", ch. 6. */
#include "grid/flow.h"
#include "grid/powerflow_internal.h"

#include <float.h>
#include <klu.h>
#include <math.h>
#include <string.h>

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
    double *rounding; /* per node: mismatch that the last bits of the voltages make */
    klu_common common;
    klu_symbolic *symbolic;
    klu_numeric *numeric;
    double rcond_at_factor;
    /* The Jacobian where a batch starts and its factors: every scenario's first step uses them, if its Jacobian there
     * is the same to the last bit (it is, unless voltage-dependent injections differ). */
    double *base_value;
    klu_numeric *base_numeric;
};

void fg_newton_destroy(struct fg_newton *newton)
{
    if (newton == NULL)
        return;
    if (newton->numeric)
        klu_free_numeric(&newton->numeric, &newton->common);
    if (newton->base_numeric)
        klu_free_numeric(&newton->base_numeric, &newton->common);
    if (newton->symbolic)
        klu_free_symbolic(&newton->symbolic, &newton->common);
    fg_free(newton->column_of_node);
    fg_free(newton->column_start);
    fg_free(newton->row);
    fg_free(newton->value);
    fg_free(newton->base_value);
    fg_free(newton->edge_slot);
    fg_free(newton->node_slot);
    fg_free(newton->residual);
    fg_free(newton->rounding);
    fg_free(newton->step);
    fg_free(newton->vm_old);
    fg_free(newton->va_old);
    fg_free(newton);
}

/* Neighbours of each node that is no reference, itself included, ascending and without repetition. */
struct neighbours {
    int32_t *start, *count, *node;
};

static void neighbours_release(struct neighbours *lists)
{
    fg_free(lists->start);
    fg_free(lists->count);
    fg_free(lists->node);
}

static bool is_unknown(const struct fg_powerflow *powerflow, int32_t node)
{
    return powerflow->kind[node] != FG_NODE_REFERENCE;
}

/* Visit every entry (row, column) of the node pattern: own blocks, then both off-diagonal blocks of each edge. Sorting
 * by two passes of counting keeps the cost linear even around a node with very many neighbours. */
static void count_or_append(const struct neighbours *lists, int32_t list, int32_t item)
{
    if (lists->node)
        lists->node[lists->start[list] + lists->count[list]] = item;
    lists->count[list]++;
}

static void visit_pattern(const struct fg_powerflow *powerflow, const struct neighbours *lists)
{
    const struct fg_topology *topology = powerflow->topology;
    memset(lists->count, 0, (size_t)powerflow->node_count * sizeof *lists->count);
    for (int32_t i = 0; i < powerflow->node_count; i++)
        if (is_unknown(powerflow, i))
            count_or_append(lists, i, i);
    for (int32_t k = 0; k < topology->edge_count; k++) {
        int32_t from = topology->edges[k].from, to = topology->edges[k].to;
        if (from == to || !is_unknown(powerflow, from) || !is_unknown(powerflow, to))
            continue;
        count_or_append(lists, from, to);
        count_or_append(lists, to, from);
    }
}

static enum fg_code neighbours_create(const struct fg_powerflow *powerflow, struct neighbours *lists,
                                      struct fg_error *err)
{
    size_t nodes = (size_t)powerflow->node_count;
    struct neighbours unsorted = {fg_alloc(nodes + 1, sizeof(int32_t)), fg_alloc(nodes, sizeof(int32_t)), NULL};
    *lists = (struct neighbours){fg_alloc(nodes + 1, sizeof(int32_t)), fg_alloc(nodes, sizeof(int32_t)), NULL};
    bool is_complete = unsorted.start && unsorted.count && lists->start && lists->count;
    if (is_complete) {
        visit_pattern(powerflow, &unsorted);
        for (size_t i = 0; i < nodes; i++)
            unsorted.start[i + 1] = unsorted.start[i] + unsorted.count[i];
        memcpy(lists->start, unsorted.start, (nodes + 1) * sizeof *lists->start);
        size_t entries = (size_t)unsorted.start[nodes];
        unsorted.node = fg_alloc(entries, sizeof *unsorted.node);
        lists->node = fg_alloc(entries, sizeof *lists->node);
        is_complete = unsorted.node && lists->node;
    }
    if (is_complete) {
        visit_pattern(powerflow, &unsorted);
        /* The pattern is symmetric: its transpose, filled in ascending order of rows, is the sorted pattern. */
        for (int32_t i = 0; i < powerflow->node_count; i++)
            for (int32_t k = 0; k < unsorted.count[i]; k++) {
                int32_t j = unsorted.node[unsorted.start[i] + k], *count = &lists->count[j];
                if (*count == 0 || lists->node[lists->start[j] + *count - 1] != i)
                    lists->node[lists->start[j] + (*count)++] = i;
            }
    }
    neighbours_release(&unsorted);
    return is_complete ? FG_OK : fg_fail_memory(err);
}

/* Position of the block (row node, column node) in the values: its dP/dVa. */
static int32_t slot_of(const struct fg_newton *newton, const struct neighbours *lists, int32_t row, int32_t column)
{
    const int32_t *list = &lists->node[lists->start[column]];
    int32_t low = 0, high = lists->count[column] - 1;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (list[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return newton->column_start[newton->column_of_node[column]] + 2 * low;
}

static void fill_pattern(const struct fg_powerflow *powerflow, struct fg_newton *newton, const struct neighbours *lists)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t j = 0; j < powerflow->node_count; j++) {
        int32_t column = newton->column_of_node[j];
        if (column < 0)
            continue;
        for (int32_t half = 0; half < 2; half++, column++) {
            int32_t position = newton->column_start[column];
            for (int32_t k = 0; k < lists->count[j]; k++) {
                int32_t row = newton->column_of_node[lists->node[lists->start[j] + k]];
                newton->row[position++] = row;
                newton->row[position++] = row + 1;
            }
            newton->column_start[column + 1] = position;
        }
        newton->node_slot[j] = slot_of(newton, lists, j, j);
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        int32_t from = topology->edges[k].from, to = topology->edges[k].to, *slot = newton->edge_slot[k];
        bool has_from = is_unknown(powerflow, from), has_to = is_unknown(powerflow, to);
        slot[BLOCK_FF] = has_from ? newton->node_slot[from] : -1;
        slot[BLOCK_TT] = has_to ? newton->node_slot[to] : -1;
        slot[BLOCK_FT] = has_from && has_to ? slot_of(newton, lists, from, to) : -1;
        slot[BLOCK_TF] = has_from && has_to ? slot_of(newton, lists, to, from) : -1;
    }
}

/* Voltages are rounded to about 1e-16, which across an admittance Y is a power of 1e-16 |Y|: behind a connection of
 * 1e-9 p.u. no mismatch below 1e-7 exists. Convergence is judged beyond that (with a factor of 4 for the sums). */
static void set_rounding(const struct fg_topology *topology, double *rounding)
{
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        rounding[edge->from] += 4 * DBL_EPSILON * (hypot(edge->gff, edge->bff) + hypot(edge->gft, edge->bft));
        rounding[edge->to] += 4 * DBL_EPSILON * (hypot(edge->gtt, edge->btt) + hypot(edge->gtf, edge->btf));
    }
}

static enum fg_code newton_allocate(const struct fg_powerflow *powerflow, struct fg_newton *newton,
                                    struct neighbours *lists, struct fg_error *err)
{
    size_t nodes = (size_t)powerflow->node_count;
    newton->column_of_node = fg_alloc(nodes, sizeof *newton->column_of_node);
    if (newton->column_of_node == NULL)
        return fg_fail_memory(err);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        newton->column_of_node[i] = is_unknown(powerflow, i) ? newton->unknown_count : -1;
        newton->unknown_count += is_unknown(powerflow, i) ? 2 : 0;
    }
    enum fg_code code = neighbours_create(powerflow, lists, err);
    if (code != FG_OK)
        return code;
    size_t unknowns = (size_t)newton->unknown_count, entries = 0;
    for (size_t i = 0; i < nodes; i++)
        entries += 4 * (size_t)lists->count[i];
    if (entries > INT32_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, powerflow->network->name, "the Jacobian has too many entries (%zu)",
                       entries);
    newton->column_start = fg_alloc(unknowns + 1, sizeof *newton->column_start);
    newton->row = fg_alloc(entries, sizeof *newton->row);
    newton->value = fg_alloc(entries, sizeof *newton->value);
    newton->edge_slot = fg_alloc((size_t)powerflow->topology->edge_count, sizeof *newton->edge_slot);
    newton->node_slot = fg_alloc(nodes, sizeof *newton->node_slot);
    newton->residual = fg_alloc(unknowns, sizeof *newton->residual);
    newton->rounding = fg_alloc(nodes, sizeof *newton->rounding);
    newton->step = fg_alloc(unknowns, sizeof *newton->step);
    newton->vm_old = fg_alloc(nodes, sizeof *newton->vm_old);
    newton->va_old = fg_alloc(nodes, sizeof *newton->va_old);
    if (!newton->column_start || !newton->row || !newton->value || !newton->edge_slot || !newton->node_slot ||
        !newton->residual || !newton->rounding || !newton->step || !newton->vm_old || !newton->va_old)
        return fg_fail_memory(err);
    return FG_OK;
}

enum fg_code fg_newton_create(const struct fg_powerflow *powerflow, struct fg_newton **result, struct fg_error *err)
{
    *result = NULL;
    struct fg_newton *newton = fg_alloc(1, sizeof *newton);
    if (newton == NULL)
        return fg_fail_memory(err);
    klu_defaults(&newton->common);
    newton->common.btf = 0; /* the islands are irreducible; block search would find nothing */
    newton->common.ordering = 0;
    struct neighbours lists = {0};
    enum fg_code code = newton_allocate(powerflow, newton, &lists, err);
    if (code == FG_OK) {
        fill_pattern(powerflow, newton, &lists);
        set_rounding(powerflow->topology, newton->rounding);
        if (newton->unknown_count > 0) {
            newton->symbolic = klu_analyze(newton->unknown_count, newton->column_start, newton->row, &newton->common);
            if (newton->symbolic == NULL)
                code = fg_fail_memory(err);
        }
    }
    neighbours_release(&lists);
    if (code != FG_OK) {
        fg_newton_destroy(newton);
        return code;
    }
    *result = newton;
    return FG_OK;
}

static double power_at(double constant, double current, double impedance, double vm)
{
    return constant + vm * (current + vm * impedance);
}

/* What a node injects beyond its edges: residual rows P and Q start from its shunt minus its specified injection. */
static void begin_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton, double scale)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        const struct fg_node_power *power = &powerflow->power[i];
        double vm = powerflow->vm[i], v2 = vm * vm;
        newton->residual[row] = topology->g_shunt_pu[i] * v2 - scale * power_at(power->p0, power->p1, power->p2, vm);
        newton->residual[row + 1] = -topology->b_shunt_pu[i] * v2 -
                                    scale * (power_at(power->q0, power->q1, power->q2, vm) + powerflow->q_held[i]);
    }
}

static bool holds_magnitude(const struct fg_powerflow *powerflow, int32_t node, bool hold_magnitudes)
{
    return hold_magnitudes || powerflow->kind[node] == FG_NODE_PV;
}

/* Rows that are not balances. */
static void end_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton, bool hold_magnitudes)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        if (holds_magnitude(powerflow, i, hold_magnitudes))
            newton->residual[row + 1] = 0;
    }
}

static void evaluate_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton, double scale,
                              bool hold_magnitudes)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *vm = powerflow->vm, *va = powerflow->va;
    begin_residual(powerflow, newton, scale);
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        int32_t from = newton->column_of_node[edge->from], to = newton->column_of_node[edge->to];
        double flow[FG_FLOW_COUNT];
        fg_flow_values(edge, va[edge->from], va[edge->to], vm[edge->from], vm[edge->to], flow);
        if (from >= 0) {
            newton->residual[from] += flow[FG_FLOW_PF];
            newton->residual[from + 1] += flow[FG_FLOW_QF];
        }
        if (to >= 0) {
            newton->residual[to] += flow[FG_FLOW_PT];
            newton->residual[to + 1] += flow[FG_FLOW_QT];
        }
    }
    end_residual(powerflow, newton, hold_magnitudes);
}

/* Add the 2 x 2 block of rows (p, q) and columns (va, vm); `stride` leads from a node's first column to its second. */
static void add_block(double *value, int32_t slot, int32_t stride, const double p[FG_FLOW_VARIABLES],
                      const double q[FG_FLOW_VARIABLES], int va, int vm)
{
    if (slot < 0)
        return;
    value[slot] += p[va];
    value[slot + 1] += q[va];
    value[slot + stride] += p[vm];
    value[slot + stride + 1] += q[vm];
}

static int32_t column_stride(const struct fg_newton *newton, int32_t node)
{
    int32_t column = newton->column_of_node[node];
    return column < 0 ? 0 : newton->column_start[column + 1] - newton->column_start[column];
}

/* Residual and Jacobian in one pass over the edges. */
static void evaluate_jacobian(const struct fg_powerflow *powerflow, struct fg_newton *newton, double scale,
                              bool hold_magnitudes)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *vm = powerflow->vm, *va = powerflow->va;
    begin_residual(powerflow, newton, scale);
    memset(newton->value, 0, (size_t)newton->column_start[newton->unknown_count] * sizeof *newton->value);
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        const int32_t *slot = newton->edge_slot[k];
        double flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
        fg_flow_gradient(edge, va[edge->from], va[edge->to], vm[edge->from], vm[edge->to], flow, gradient);
        const int32_t ends[2] = {edge->from, edge->to};
        for (int end = 0; end < 2; end++) {
            int32_t row = newton->column_of_node[ends[end]];
            if (row < 0)
                continue;
            const double *p = gradient[end ? FG_FLOW_PT : FG_FLOW_PF];
            double *q = gradient[end ? FG_FLOW_QT : FG_FLOW_QF];
            newton->residual[row] += flow[end ? FG_FLOW_PT : FG_FLOW_PF];
            newton->residual[row + 1] += flow[end ? FG_FLOW_QT : FG_FLOW_QF];
            if (holds_magnitude(powerflow, ends[end], hold_magnitudes))
                memset(q, 0, FG_FLOW_VARIABLES * sizeof *q);
            if (edge->from == edge->to) { /* both columns are the node's own */
                add_block(newton->value, slot[BLOCK_FF], column_stride(newton, edge->from), p, q, FG_FLOW_VA_F,
                          FG_FLOW_VM_F);
                add_block(newton->value, slot[BLOCK_FF], column_stride(newton, edge->from), p, q, FG_FLOW_VA_T,
                          FG_FLOW_VM_T);
                continue;
            }
            add_block(newton->value, slot[end ? BLOCK_TF : BLOCK_FF], column_stride(newton, edge->from), p, q,
                      FG_FLOW_VA_F, FG_FLOW_VM_F);
            add_block(newton->value, slot[end ? BLOCK_TT : BLOCK_FT], column_stride(newton, edge->to), p, q,
                      FG_FLOW_VA_T, FG_FLOW_VM_T);
        }
    }
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (newton->column_of_node[i] < 0)
            continue;
        const struct fg_node_power *power = &powerflow->power[i];
        double *block = &newton->value[newton->node_slot[i] + column_stride(newton, i)]; /* the column of Vm */
        block[0] += 2 * topology->g_shunt_pu[i] * vm[i] - scale * (power->p1 + 2 * power->p2 * vm[i]);
        if (holds_magnitude(powerflow, i, hold_magnitudes))
            block[1] = 1;
        else
            block[1] -= 2 * topology->b_shunt_pu[i] * vm[i] + scale * (power->q1 + 2 * power->q2 * vm[i]);
    }
    end_residual(powerflow, newton, hold_magnitudes);
}

/* Reuse the pivots; choose new ones when they have become poor: the ratio of the smallest to the largest pivot fell far
 * below what it was when they were chosen. */
static bool factorise(struct fg_newton *newton)
{
    if (newton->numeric &&
        klu_refactor(newton->column_start, newton->row, newton->value, newton->symbolic, newton->numeric,
                     &newton->common) &&
        klu_rcond(newton->symbolic, newton->numeric, &newton->common) &&
        newton->common.rcond > 1e-3 * newton->rcond_at_factor)
        return true;
    if (newton->numeric)
        klu_free_numeric(&newton->numeric, &newton->common);
    newton->numeric = klu_factor(newton->column_start, newton->row, newton->value, newton->symbolic, &newton->common);
    if (newton->numeric == NULL || !klu_rcond(newton->symbolic, newton->numeric, &newton->common))
        return false;
    newton->rcond_at_factor = newton->common.rcond;
    return newton->common.rcond > 1e-18;
}

/* Factors for the present values: those of the base when the values are its own, otherwise new ones; NULL when
 * singular. */
static klu_numeric *factors_for(struct fg_newton *newton)
{
    size_t bytes = (size_t)newton->column_start[newton->unknown_count] * sizeof *newton->value;
    if (newton->base_numeric && memcmp(newton->value, newton->base_value, bytes) == 0)
        return newton->base_numeric;
    return factorise(newton) ? newton->numeric : NULL;
}

enum fg_code fg_newton_keep_base(struct fg_powerflow *powerflow, struct fg_error *err)
{
    struct fg_newton *newton = powerflow->newton;
    size_t entries = (size_t)newton->column_start[newton->unknown_count];
    if (newton->unknown_count == 0)
        return FG_OK;
    if (newton->base_value == NULL && (newton->base_value = fg_alloc(entries, sizeof(double))) == NULL)
        return fg_fail_memory(err);
    if (newton->base_numeric)
        klu_free_numeric(&newton->base_numeric, &newton->common);
    evaluate_jacobian(powerflow, newton, 1, false);
    memcpy(newton->base_value, newton->value, entries * sizeof *newton->value);
    newton->base_numeric =
        klu_factor(newton->column_start, newton->row, newton->value, newton->symbolic, &newton->common);
    return FG_OK; /* without factors the scenarios make their own */
}

static double largest_residual(const struct fg_powerflow *powerflow, const struct fg_newton *newton,
                               int32_t *worst_node)
{
    double largest = 0;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        double size = fmax(fabs(newton->residual[row]), fabs(newton->residual[row + 1])) - newton->rounding[i];
        if (isnan(newton->residual[row] + newton->residual[row + 1]))
            size = INFINITY;
        if (size > largest) {
            largest = size;
            *worst_node = i;
        }
    }
    return largest;
}

static double squared_residual(const struct fg_newton *newton)
{
    double sum = 0;
    for (int32_t i = 0; i < newton->unknown_count; i++)
        sum += newton->residual[i] * newton->residual[i];
    return sum;
}

static void take_step(struct fg_powerflow *powerflow, const struct fg_newton *newton, double length)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        powerflow->va[i] = newton->va_old[i] - length * newton->step[row];
        powerflow->vm[i] = newton->vm_old[i] - length * newton->step[row + 1];
    }
}

/* Shorten the step until |F|^2 falls by a part of what the linear model promises (Armijo with 1e-4, quadratic
 * interpolation kept in [0.1, 0.5]) and no magnitude falls below half of what it was. False when no length helps. */
static bool search_line(struct fg_powerflow *powerflow, struct fg_newton *newton, double scale, bool hold_magnitudes)
{
    double length = 1, before = squared_residual(newton);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row >= 0 && length * newton->step[row + 1] > 0.5 * newton->vm_old[i])
            length = 0.5 * newton->vm_old[i] / newton->step[row + 1];
    }
    for (int trial = 0; trial < 12; trial++) {
        take_step(powerflow, newton, length);
        evaluate_residual(powerflow, newton, scale, hold_magnitudes);
        double after = squared_residual(newton);
        if (after <= (1 - 2e-4 * length) * before)
            return true;
        double best = isfinite(after) ? before * length / (after - (1 - 2 * length) * before) : 0;
        length *= fmin(0.5, fmax(0.1, best));
    }
    return false;
}

/* Iterate until the mismatch is small. With magnitudes held the angles alone move, which settles the active power as a
 * direct-current power flow would. */
static struct fg_attempt iterate(struct fg_powerflow *powerflow, double scale, bool is_damped, bool hold_magnitudes,
                                 int32_t limit)
{
    struct fg_newton *newton = powerflow->newton;
    struct fg_attempt attempt = {.status = FG_POWERFLOW_ITERATION_LIMIT, .worst_node = 0};
    size_t bytes = (size_t)powerflow->node_count * sizeof(double);
    for (;; attempt.iterations++) {
        evaluate_jacobian(powerflow, newton, scale, hold_magnitudes); /* gives the residual too */
        attempt.mismatch_pu = largest_residual(powerflow, newton, &attempt.worst_node);
        if (attempt.mismatch_pu <= powerflow->options.tolerance_pu) {
            attempt.status = FG_POWERFLOW_CONVERGED;
            return attempt;
        }
        if (!(attempt.mismatch_pu < 1e12)) {
            attempt.status = FG_POWERFLOW_DIVERGED;
            return attempt;
        }
        if (attempt.iterations >= limit)
            return attempt;
        klu_numeric *factors = factors_for(newton);
        if (factors == NULL) {
            attempt.status = FG_POWERFLOW_SINGULAR;
            return attempt;
        }
        memcpy(newton->step, newton->residual, (size_t)newton->unknown_count * sizeof *newton->step);
        klu_solve(newton->symbolic, factors, newton->unknown_count, 1, newton->step, &newton->common);
        memcpy(newton->vm_old, powerflow->vm, bytes);
        memcpy(newton->va_old, powerflow->va, bytes);
        if (!is_damped) {
            take_step(powerflow, newton, 1);
        } else if (!search_line(powerflow, newton, scale, hold_magnitudes)) {
            take_step(powerflow, newton, 0);
            attempt.status = FG_POWERFLOW_DIVERGED;
            return attempt;
        }
    }
}

/* Add the complex admittance g + jb in rectangular coordinates (columns re, im; rows re, im of the current). */
static void add_admittance(struct fg_newton *newton, int32_t slot, int32_t column_node, double g, double b)
{
    if (slot < 0)
        return;
    int32_t stride = column_stride(newton, column_node);
    newton->value[slot] += g;
    newton->value[slot + 1] += b;
    newton->value[slot + stride] -= b;
    newton->value[slot + stride + 1] += g;
}

/* Current of a reference through the transfer admittance g + jb, moved to the right-hand side. */
static void subtract_current(const struct fg_powerflow *powerflow, double rhs[2], int32_t node, double g, double b)
{
    rhs[0] -= g * powerflow->re[node] - b * powerflow->im[node];
    rhs[1] -= g * powerflow->im[node] + b * powerflow->re[node];
}

/* Voltages of the PQ nodes from the linear network I = Y V, with the held nodes as voltage sources at their present
 * angles and injections as currents at 1 p.u.: magnitudes follow ratios, charging and shunts, which 1 p.u. everywhere
 * does not. Uses the Jacobian's pattern. Where the matrix is singular the state stays. */
static void set_linear_voltages(struct fg_powerflow *powerflow, struct fg_newton *newton, double scale)
{
    const struct fg_topology *topology = powerflow->topology;
    double *rhs = newton->step, *re = powerflow->re, *im = powerflow->im;
    fg_powerflow_rectangular(powerflow);
    memset(newton->value, 0, (size_t)newton->column_start[newton->unknown_count] * sizeof *newton->value);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        if (powerflow->kind[i] != FG_NODE_PQ) {
            add_admittance(newton, newton->node_slot[i], i, 1, 0);
            rhs[row] = re[i];
            rhs[row + 1] = im[i];
            continue;
        }
        const struct fg_node_power *power = &powerflow->power[i];
        double p = scale * power_at(power->p0, power->p1, power->p2, 1);
        double q = scale * (power_at(power->q0, power->q1, power->q2, 1) + powerflow->q_held[i]);
        double cosine = cos(powerflow->va[i]), sine = sin(powerflow->va[i]);
        rhs[row] = p * cosine + q * sine;
        rhs[row + 1] = p * sine - q * cosine;
        add_admittance(newton, newton->node_slot[i], i, topology->g_shunt_pu[i], topology->b_shunt_pu[i]);
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        const int32_t *slot = newton->edge_slot[k];
        if (edge->from == edge->to && powerflow->kind[edge->from] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_FF], edge->from, edge->gff + edge->gft + edge->gtf + edge->gtt,
                           edge->bff + edge->bft + edge->btf + edge->btt);
            continue;
        }
        if (powerflow->kind[edge->from] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_FF], edge->from, edge->gff, edge->bff);
            if (slot[BLOCK_FT] >= 0)
                add_admittance(newton, slot[BLOCK_FT], edge->to, edge->gft, edge->bft);
            else
                subtract_current(powerflow, &rhs[newton->column_of_node[edge->from]], edge->to, edge->gft, edge->bft);
        }
        if (powerflow->kind[edge->to] == FG_NODE_PQ) {
            add_admittance(newton, slot[BLOCK_TT], edge->to, edge->gtt, edge->btt);
            if (slot[BLOCK_TF] >= 0)
                add_admittance(newton, slot[BLOCK_TF], edge->from, edge->gtf, edge->btf);
            else
                subtract_current(powerflow, &rhs[newton->column_of_node[edge->to]], edge->from, edge->gtf, edge->btf);
        }
    }
    if (!factorise(newton))
        return;
    klu_solve(newton->symbolic, newton->numeric, newton->unknown_count, 1, rhs, &newton->common);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0 || powerflow->kind[i] != FG_NODE_PQ)
            continue;
        powerflow->vm[i] =
            fmax(0.8, hypot(rhs[row], rhs[row + 1])); /* a start, not a result: stay off the low solutions */
        powerflow->va[i] = atan2(rhs[row + 1], rhs[row]);
    }
}

struct fg_attempt fg_newton_solve(struct fg_powerflow *powerflow, enum fg_newton_help help, double scale, int32_t limit)
{
    int32_t first_iterations = 0;
    for (int round = 0; round < 4 && help == FG_NEWTON_DECOUPLED_FIRST; round++) {
        first_iterations += iterate(powerflow, scale, true, true, 1).iterations;
        set_linear_voltages(powerflow, powerflow->newton, scale);
    }
    bool is_damped = help == FG_NEWTON_DAMPED || help == FG_NEWTON_DECOUPLED_FIRST;
    if (help == FG_NEWTON_LINEAR_FIRST)
        set_linear_voltages(powerflow, powerflow->newton, scale);
    struct fg_attempt attempt = iterate(powerflow, scale, is_damped, false, limit);
    attempt.iterations += first_iterations;
    return attempt;
}
