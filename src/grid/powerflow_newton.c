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
 * Where plain steps fail they are shortened by a line search on |F|^2; better starts are in powerflow_linear.c, paths to
 * a solution in powerflow_path.c. The sign of det J tells on which side of the nose of the voltage curves a state lies:
 * it comes from the factors at no cost.
 *
 * W. F. Tinney, C. E. Hart, "Power flow solution by Newton's method", IEEE Trans. PAS-86(11), 1967.
 * T. A. Davis, E. Palamadai Natarajan, "Algorithm 907: KLU", ACM TOMS 37(3), 2010.
 * Line search: J. E. Dennis, R. B. Schnabel, "Numerical Methods for Unconstrained Optimization", ch. 6. */
#include "grid/powerflow_newton.h"

#include "grid/flow.h"

#include <float.h>
#include <math.h>
#include <string.h>

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
    fg_free(newton->offset);
    fg_free(newton->is_visited);
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
    newton->offset = fg_alloc(unknowns, sizeof *newton->offset);
    newton->is_visited = fg_alloc(unknowns, sizeof *newton->is_visited);
    newton->rounding = fg_alloc(nodes, sizeof *newton->rounding);
    newton->step = fg_alloc(unknowns, sizeof *newton->step);
    newton->vm_old = fg_alloc(nodes, sizeof *newton->vm_old);
    newton->va_old = fg_alloc(nodes, sizeof *newton->va_old);
    if (!newton->column_start || !newton->row || !newton->value || !newton->edge_slot || !newton->node_slot ||
        !newton->residual || !newton->offset || !newton->is_visited || !newton->rounding || !newton->step || !newton->vm_old || !newton->va_old)
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

/* What a node injects beyond its edges: residual rows P and Q start from its shunt minus what the target asks for. */
static void begin_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton, const struct fg_newton_target *target)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        const struct fg_node_power *power = &powerflow->power[i];
        double vm = powerflow->vm[i], v2 = vm * vm, scale = target->scale;
        newton->residual[row] = topology->g_shunt_pu[i] * v2 - scale * fg_newton_power_at(power->p0, power->p1, power->p2, vm);
        newton->residual[row + 1] = -topology->b_shunt_pu[i] * v2 -
                                    scale * (fg_newton_power_at(power->q0, power->q1, power->q2, vm) + powerflow->q_held[i]);
    }
    if (target->remaining != 0)
        for (int32_t i = 0; i < newton->unknown_count; i++)
            newton->residual[i] -= target->remaining * newton->offset[i];
}

/* Rows that are not balances. */
static void end_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row < 0)
            continue;
        if (powerflow->kind[i] == FG_NODE_PV)
            newton->residual[row + 1] = 0;
    }
}

static void evaluate_residual(const struct fg_powerflow *powerflow, struct fg_newton *newton, const struct fg_newton_target *target)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *vm = powerflow->vm, *va = powerflow->va;
    begin_residual(powerflow, newton, target);
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
    end_residual(powerflow, newton);
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

/* Residual and Jacobian in one pass over the edges. */
static void evaluate_jacobian(const struct fg_powerflow *powerflow, struct fg_newton *newton, const struct fg_newton_target *target)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *vm = powerflow->vm, *va = powerflow->va;
    begin_residual(powerflow, newton, target);
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
            if (powerflow->kind[ends[end]] == FG_NODE_PV)
                memset(q, 0, FG_FLOW_VARIABLES * sizeof *q);
            if (edge->from == edge->to) { /* both columns are the node's own */
                add_block(newton->value, slot[BLOCK_FF], fg_newton_column_stride(newton, edge->from), p, q, FG_FLOW_VA_F,
                          FG_FLOW_VM_F);
                add_block(newton->value, slot[BLOCK_FF], fg_newton_column_stride(newton, edge->from), p, q, FG_FLOW_VA_T,
                          FG_FLOW_VM_T);
                continue;
            }
            add_block(newton->value, slot[end ? BLOCK_TF : BLOCK_FF], fg_newton_column_stride(newton, edge->from), p, q,
                      FG_FLOW_VA_F, FG_FLOW_VM_F);
            add_block(newton->value, slot[end ? BLOCK_TT : BLOCK_FT], fg_newton_column_stride(newton, edge->to), p, q,
                      FG_FLOW_VA_T, FG_FLOW_VM_T);
        }
    }
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (newton->column_of_node[i] < 0)
            continue;
        const struct fg_node_power *power = &powerflow->power[i];
        double *block = &newton->value[newton->node_slot[i] + fg_newton_column_stride(newton, i)]; /* the column of Vm */
        block[0] += 2 * topology->g_shunt_pu[i] * vm[i] - target->scale * (power->p1 + 2 * power->p2 * vm[i]);
        if (powerflow->kind[i] == FG_NODE_PV)
            block[1] = 1;
        else
            block[1] -= 2 * topology->b_shunt_pu[i] * vm[i] + target->scale * (power->q1 + 2 * power->q2 * vm[i]);
    }
    end_residual(powerflow, newton);
}

static bool is_odd_permutation(const int *order, int count, unsigned char *is_visited)
{
    bool is_odd = false;
    memset(is_visited, 0, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (is_visited[i])
            continue;
        is_visited[i] = 1;
        for (int k = order[i]; k != i; k = order[k]) { /* a cycle of m elements is m - 1 exchanges */
            is_visited[k] = 1;
            is_odd = !is_odd;
        }
    }
    return is_odd;
}

/* With P R^-1 J Q = L U, R > 0 and L with a unit diagonal, the sign of det J is that of both permutations times that of
 * U's diagonal. The permutations change only with new pivots. */
static bool is_odd_pivoting(const struct fg_newton *newton, const klu_numeric *numeric)
{
    return is_odd_permutation(numeric->Pnum, numeric->n, newton->is_visited) !=
           is_odd_permutation(newton->symbolic->Q, numeric->n, newton->is_visited);
}

static int determinant_sign(const klu_numeric *numeric, bool is_odd)
{
    const double *diagonal = numeric->Udiag;
    int negative = is_odd;
    for (int i = 0; i < numeric->n; i++)
        negative += diagonal[i] < 0;
    return negative % 2 == 0 ? 1 : -1;
}

void fg_newton_forget_pivots(struct fg_newton *newton)
{
    if (newton->numeric)
        klu_free_numeric(&newton->numeric, &newton->common);
}

/* Reuse the pivots; choose new ones when they have become poor: the ratio of the smallest to the largest pivot fell far
 * below what it was when they were chosen. */
bool fg_newton_factorise(struct fg_newton *newton)
{
    if (newton->numeric &&
        klu_refactor(newton->column_start, newton->row, newton->value, newton->symbolic, newton->numeric,
                     &newton->common) &&
        klu_rcond(newton->symbolic, newton->numeric, &newton->common) &&
        newton->common.rcond > 1e-3 * newton->rcond_at_factor)
        return true;
    fg_newton_forget_pivots(newton);
    newton->numeric = klu_factor(newton->column_start, newton->row, newton->value, newton->symbolic, &newton->common);
    if (newton->numeric == NULL || !klu_rcond(newton->symbolic, newton->numeric, &newton->common))
        return false;
    newton->rcond_at_factor = newton->common.rcond;
    newton->is_odd = is_odd_pivoting(newton, newton->numeric);
    return newton->common.rcond > 1e-18;
}

/* Factors for the present values: those of the base when the values are its own, otherwise new ones; NULL when
 * singular. `sign` becomes that of the determinant. */
static klu_numeric *factors_for(struct fg_newton *newton, int *sign)
{
    size_t bytes = (size_t)newton->column_start[newton->unknown_count] * sizeof *newton->value;
    if (newton->base_numeric && memcmp(newton->value, newton->base_value, bytes) == 0) {
        *sign = newton->base_sign;
        return newton->base_numeric;
    }
    if (!fg_newton_factorise(newton))
        return NULL;
    *sign = determinant_sign(newton->numeric, newton->is_odd);
    return newton->numeric;
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
    evaluate_jacobian(powerflow, newton, &(struct fg_newton_target){.scale = 1});
    memcpy(newton->base_value, newton->value, entries * sizeof *newton->value);
    newton->base_numeric =
        klu_factor(newton->column_start, newton->row, newton->value, newton->symbolic, &newton->common);
    if (newton->base_numeric)
        newton->base_sign = determinant_sign(newton->base_numeric, is_odd_pivoting(newton, newton->base_numeric));
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
static bool search_line(struct fg_powerflow *powerflow, struct fg_newton *newton, const struct fg_newton_target *target)
{
    double length = 1, before = squared_residual(newton);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t row = newton->column_of_node[i];
        if (row >= 0 && length * newton->step[row + 1] > 0.5 * newton->vm_old[i])
            length = 0.5 * newton->vm_old[i] / newton->step[row + 1];
    }
    for (int trial = 0; trial < 12; trial++) {
        take_step(powerflow, newton, length);
        evaluate_residual(powerflow, newton, target);
        double after = squared_residual(newton);
        if (after <= (1 - 2e-4 * length) * before)
            return true;
        double best = isfinite(after) ? before * length / (after - (1 - 2 * length) * before) : 0;
        length *= fmin(0.5, fmax(0.1, best));
    }
    return false;
}

/* A mismatch that has grown so much does not come back to a useful solution. */
static const double DIVERGENCE = 1e4;

static struct fg_attempt iterate(struct fg_powerflow *powerflow, const struct fg_newton_target *target, bool is_damped,
                                 int32_t limit)
{
    struct fg_newton *newton = powerflow->newton;
    struct fg_attempt attempt = {.status = FG_POWERFLOW_ITERATION_LIMIT};
    size_t bytes = (size_t)powerflow->node_count * sizeof(double);
    double first_mismatch_pu = 1;
    for (;; attempt.iterations++) {
        evaluate_jacobian(powerflow, newton, target); /* gives the residual too */
        attempt.mismatch_pu = largest_residual(powerflow, newton, &attempt.worst_node);
        if (attempt.mismatch_pu <= fmax(powerflow->options.tolerance_pu, target->tolerance_pu)) {
            attempt.status = FG_POWERFLOW_CONVERGED;
            return attempt;
        }
        if (attempt.iterations == 0)
            first_mismatch_pu = fmax(1, attempt.mismatch_pu);
        if (!(attempt.mismatch_pu <= DIVERGENCE * first_mismatch_pu)) {
            attempt.status = FG_POWERFLOW_DIVERGED;
            return attempt;
        }
        if (attempt.iterations >= limit)
            return attempt;
        klu_numeric *factors = factors_for(newton, &attempt.sign);
        if (factors == NULL) {
            attempt.status = FG_POWERFLOW_SINGULAR;
            return attempt;
        }
        if (attempt.iterations == 0)
            attempt.first_sign = attempt.sign;
        memcpy(newton->step, newton->residual, (size_t)newton->unknown_count * sizeof *newton->step);
        klu_solve(newton->symbolic, factors, newton->unknown_count, 1, newton->step, &newton->common);
        memcpy(newton->vm_old, powerflow->vm, bytes);
        memcpy(newton->va_old, powerflow->va, bytes);
        if (!is_damped) {
            take_step(powerflow, newton, 1);
        } else if (!search_line(powerflow, newton, target)) {
            take_step(powerflow, newton, 0);
            attempt.status = FG_POWERFLOW_DIVERGED;
            return attempt;
        }
    }
}

struct fg_attempt fg_newton_solve(struct fg_powerflow *powerflow, const struct fg_newton_target *target, bool is_damped,
                                  int32_t limit)
{
    struct fg_attempt attempt = iterate(powerflow, target, is_damped, limit);
    if (attempt.status != FG_POWERFLOW_CONVERGED)
        fg_newton_forget_pivots(powerflow->newton); /* chosen for states far from any solution */
    return attempt;
}

void fg_newton_set_offset(struct fg_powerflow *powerflow, double scale)
{
    struct fg_newton *newton = powerflow->newton;
    evaluate_residual(powerflow, newton, &(struct fg_newton_target){.scale = scale});
    memcpy(newton->offset, newton->residual, (size_t)newton->unknown_count * sizeof *newton->offset);
}
