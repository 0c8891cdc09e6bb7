/* One solve: the start, attempts with more and more help, and rounds over reactive limits. */
#include "grid/powerflow_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ROUNDS = 40, MAX_SWITCHES = 4 };
static const double LOW_VOLTAGE_PU = 0.7, QUARTER_CIRCLE = 1.57079632679489661923;

/* Flat start: the angles of a lossless network without load, so that a phase shift (a Dyn transformer's 30 degrees) is
 * in the start. A spanning forest, edges without shift first, carries them; disjoint sets with offsets build it: va(i)
 * = va(parent[i]) + offset[i]. */
struct forest {
    int32_t *parent;
    double *offset;
};

static int32_t forest_find(struct forest *forest, int32_t i, double *offset)
{
    *offset = 0;
    while (forest->parent[i] != i) {
        int32_t above = forest->parent[i];
        forest->offset[i] += forest->offset[above]; /* 0 at a root */
        forest->parent[i] = forest->parent[above];
        *offset += forest->offset[i];
        i = forest->parent[i];
    }
    return i;
}

static void forest_join(struct forest *forest, int32_t from, int32_t to, double shift)
{
    double offset_from, offset_to;
    int32_t root_from = forest_find(forest, from, &offset_from), root_to = forest_find(forest, to, &offset_to);
    if (root_from == root_to)
        return;
    forest->parent[root_to] = root_from; /* va(to) = va(from) - shift */
    forest->offset[root_to] = offset_from - shift - offset_to;
}

static void flat_start(struct fg_powerflow *powerflow, struct forest *forest)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++)
        forest->parent[i] = i;
    for (int is_shifted = 0; is_shifted < 2; is_shifted++)
        for (int32_t k = 0; k < topology->edge_count; k++) {
            const struct fg_edge *edge = &topology->edges[k];
            double shift = powerflow->edge_shift[k];
            if ((shift != 0) == is_shifted)
                forest_join(forest, edge->from, edge->to, shift);
        }
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        int32_t reference = topology->reference_of_island[topology->island_of_node[i]];
        double offset, offset_reference;
        forest_find(forest, i, &offset);
        forest_find(forest, reference, &offset_reference);
        powerflow->start_vm[i] = 1;
        powerflow->start_va[i] = powerflow->va_set[reference] + offset - offset_reference;
    }
}

/* The file's voltages; the free end of a branch takes those of its other end. */
static void file_start(struct fg_powerflow *powerflow)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (topology->bus_of_node[i] < 0)
            continue;
        const struct fg_bus *bus = &powerflow->network->buses[topology->bus_of_node[i]];
        powerflow->start_vm[i] = bus->vm_start_pu;
        powerflow->start_va[i] = bus->va_start_rad;
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        double shift = powerflow->edge_shift[k];
        if (topology->bus_of_node[edge->to] < 0) {
            powerflow->start_vm[edge->to] = powerflow->start_vm[edge->from];
            powerflow->start_va[edge->to] = powerflow->start_va[edge->from] - shift;
        } else if (topology->bus_of_node[edge->from] < 0) {
            powerflow->start_vm[edge->from] = powerflow->start_vm[edge->to];
            powerflow->start_va[edge->from] = powerflow->start_va[edge->to] + shift;
        }
    }
}

static void hold_set_points(const struct fg_powerflow *powerflow, double *vm, double *va)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (powerflow->kind[i] != FG_NODE_PQ)
            vm[i] = powerflow->vm_set[i];
        if (powerflow->kind[i] == FG_NODE_REFERENCE)
            va[i] = powerflow->va_set[i];
    }
}

enum fg_code fg_powerflow_start_create(struct fg_powerflow *powerflow, struct fg_error *err)
{
    size_t nodes = (size_t)powerflow->node_count;
    struct forest forest = {fg_alloc(nodes, sizeof *forest.parent), fg_alloc(nodes, sizeof *forest.offset)};
    bool is_complete = forest.parent && forest.offset;
    if (is_complete) {
        flat_start(powerflow, &forest);
        if (powerflow->options.start == FG_POWERFLOW_FILE)
            file_start(powerflow);
        hold_set_points(powerflow, powerflow->start_vm, powerflow->start_va);
    }
    fg_free(forest.parent);
    fg_free(forest.offset);
    return is_complete ? FG_OK : fg_fail_memory(err);
}

static void go_to_start(struct fg_powerflow *powerflow)
{
    size_t bytes = (size_t)powerflow->node_count * sizeof(double);
    memcpy(powerflow->vm, powerflow->start_vm, bytes);
    memcpy(powerflow->va, powerflow->start_va, bytes);
    hold_set_points(powerflow, powerflow->vm, powerflow->va);
}

/* What solves the equations but is no operating point: a negative magnitude (the angle turned by half a circle), and no
 * voltage at all, which balances any node without injection as a short circuit would. */
static bool is_solved(const struct fg_powerflow *powerflow, const struct fg_attempt *attempt)
{
    if (attempt->status != FG_POWERFLOW_CONVERGED)
        return false;
    for (int32_t i = 0; i < powerflow->node_count; i++)
        if (!(powerflow->vm[i] > 1e-3))
            return false;
    return true;
}

/* The sign of det J at nominal voltages, once a handle. The first step from a flat start gives it for nothing, but not
 * surely: angles may not fit phase shifters in loops. When that sign speaks against a solution, it is taken where a
 * network without injections stands. The state is kept. */
static void make_nominal_sign_sure(struct fg_powerflow *powerflow)
{
    size_t nodes = (size_t)powerflow->node_count;
    double *vm = powerflow->scratch, *va = vm + nodes;
    memcpy(vm, powerflow->vm, nodes * sizeof *vm);
    memcpy(va, powerflow->va, nodes * sizeof *va);
    fg_path_go_to_nominal(powerflow, 0);
    powerflow->nominal_sign = fg_newton_solve(powerflow, &(struct fg_newton_target){.scale = 1}, false, 1).first_sign;
    powerflow->is_nominal_sign_sure = true;
    memcpy(powerflow->vm, vm, nodes * sizeof *vm);
    memcpy(powerflow->va, va, nodes * sizeof *va);
}

static bool has_nominal_sign(struct fg_powerflow *powerflow, const struct fg_attempt *attempt)
{
    if (attempt->sign == 0)
        return true; /* no step was taken */
    if (attempt->sign != powerflow->nominal_sign && !powerflow->is_nominal_sign_sure)
        make_nominal_sign_sure(powerflow);
    return attempt->sign * powerflow->nominal_sign >= 0;
}

/* The power flow has several solutions. The operable one is connected with nominal voltages without a singular Jacobian
 * in between, so det J has the same sign at both. Solutions beyond two noses have that sign again, but then a voltage is
 * low or an angle wide; such a state is not trusted before a path has led to it. */
static bool is_trusted(struct fg_powerflow *powerflow, const struct fg_attempt *attempt)
{
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++)
        if (powerflow->vm[i] < LOW_VOLTAGE_PU)
            return false;
    for (int32_t k = 0; k < topology->edge_count; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        double angle = powerflow->va[edge->from] - powerflow->va[edge->to] - powerflow->edge_shift[k];
        if (fabs(angle) > QUARTER_CIRCLE && fabs(remainder(angle, 4 * QUARTER_CIRCLE)) > QUARTER_CIRCLE)
            return false;
    }
    return has_nominal_sign(powerflow, attempt);
}

/* Plain from the present state, plain from the start, with a line search from a better start, along paths. */
enum stage { STAGE_STATE, STAGE_START, STAGE_DAMPED, STAGE_NOMINAL_PATH, STAGE_LOADING_PATH, STAGE_COUNT };

static struct fg_attempt run_stage(struct fg_powerflow *powerflow, enum stage stage, enum fg_powerflow_from from)
{
    const struct fg_newton_target whole = {.scale = 1};
    int32_t limit = powerflow->options.max_iterations;
    switch (stage) {
    case STAGE_NOMINAL_PATH: return fg_path_from_nominal(powerflow, 1);
    case STAGE_LOADING_PATH: return fg_path_of_loading(powerflow, &powerflow->reached);
    case STAGE_START:
        go_to_start(powerflow);
        if (from == FG_FROM_LINEAR)
            fg_newton_set_linear_voltages(powerflow, 1);
        break;
    case STAGE_DAMPED:
        go_to_start(powerflow);
        fg_newton_set_linear_angles(powerflow, 1, INFINITY);
        fg_newton_set_linear_voltages(powerflow, 1);
        break;
    default: break;
    }
    struct fg_attempt attempt = fg_newton_solve(powerflow, &whole, stage == STAGE_DAMPED, limit);
    if (powerflow->nominal_sign == 0 && stage == STAGE_START && from == FG_FROM_START &&
        powerflow->options.start == FG_POWERFLOW_FLAT)
        powerflow->nominal_sign = attempt.first_sign;
    return attempt;
}

static struct fg_attempt newton_with_help(struct fg_powerflow *powerflow, enum fg_powerflow_from from,
                                          int32_t *attempts)
{
    size_t nodes = (size_t)powerflow->node_count;
    int32_t iterations = 0;
    struct fg_attempt attempt = {0}, found = {0};
    bool has_found = false;
    powerflow->is_doubtful = false;
    for (enum stage stage = from == FG_FROM_STATE ? STAGE_STATE : STAGE_START; stage < STAGE_COUNT; stage++) {
        ++*attempts;
        powerflow->reached = 1;
        attempt = run_stage(powerflow, stage, from);
        iterations += attempt.iterations;
        bool is_path = stage == STAGE_NOMINAL_PATH || stage == STAGE_LOADING_PATH;
        if (is_solved(powerflow, &attempt)) {
            if (is_path || is_trusted(powerflow, &attempt))
                break;
            if (!has_found) {
                memcpy(powerflow->found, powerflow->vm, nodes * sizeof *powerflow->found);
                memcpy(powerflow->found + nodes, powerflow->va, nodes * sizeof *powerflow->found);
                found = attempt;
                has_found = true;
            }
            attempt.status = FG_POWERFLOW_DIVERGED;
        } else if (attempt.status == FG_POWERFLOW_CONVERGED) {
            attempt.status = FG_POWERFLOW_DIVERGED;
        }
        if (powerflow->options.is_plain && stage == STAGE_START)
            break;
    }
    if (attempt.status != FG_POWERFLOW_CONVERGED && has_found) {
        memcpy(powerflow->vm, powerflow->found, nodes * sizeof *powerflow->found);
        memcpy(powerflow->va, powerflow->found + nodes, nodes * sizeof *powerflow->found);
        attempt = found;
        powerflow->reached = 1;
        powerflow->is_doubtful = true;
    }
    attempt.iterations = iterations;
    return attempt;
}

/* Generators at their reactive limits: a PV node whose generators would have to give more than they can becomes PQ at
 * the limit; it holds its voltage again when the limit no longer binds in the sense that the voltage has passed the
 * set-point on the far side. A node that keeps switching stays PQ. References keep their voltage; what they give beyond
 * a limit is reported. */
static bool switch_kinds(struct fg_powerflow *powerflow)
{
    double *p = powerflow->scratch, *q = p + powerflow->node_count, tolerance = powerflow->options.tolerance_pu;
    bool has_changed = false;
    fg_powerflow_node_sums(powerflow, p, q);
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        if (powerflow->own_kind[i] != FG_NODE_PV || powerflow->switch_count[i] >= MAX_SWITCHES)
            continue;
        const struct fg_node_power *power = &powerflow->power[i];
        double vm = powerflow->vm[i], needed = q[i] - (power->q0 + vm * (power->q1 + vm * power->q2));
        if (powerflow->kind[i] == FG_NODE_PV) {
            if (!(needed > powerflow->q_max[i] + tolerance) && !(needed < powerflow->q_min[i] - tolerance))
                continue;
            powerflow->kind[i] = FG_NODE_PQ;
            powerflow->q_held[i] = needed > powerflow->q_max[i] ? powerflow->q_max[i] : powerflow->q_min[i];
        } else {
            bool is_upper = powerflow->q_held[i] == powerflow->q_max[i];
            bool may_return = is_upper ? vm > powerflow->vm_set[i] + tolerance : vm < powerflow->vm_set[i] - tolerance;
            if (!may_return || powerflow->q_min[i] >= powerflow->q_max[i])
                continue;
            powerflow->kind[i] = FG_NODE_PV;
            powerflow->q_held[i] = 0;
            powerflow->vm[i] = powerflow->vm_set[i];
        }
        powerflow->switch_count[i]++;
        has_changed = true;
    }
    return has_changed;
}

struct fg_attempt fg_powerflow_run_once(struct fg_powerflow *powerflow, enum fg_powerflow_from from, int32_t *attempts)
{
    size_t nodes = (size_t)powerflow->node_count;
    powerflow->reached = 1;
    if (powerflow->sweep) {
        ++*attempts;
        return fg_sweep_solve(powerflow, from == FG_FROM_STATE);
    }
    memcpy(powerflow->kind, powerflow->own_kind, nodes * sizeof *powerflow->kind);
    memset(powerflow->q_held, 0, nodes * sizeof *powerflow->q_held);
    memset(powerflow->switch_count, 0, nodes * sizeof *powerflow->switch_count);
    if (from == FG_FROM_STATE)
        hold_set_points(powerflow, powerflow->vm, powerflow->va);
    struct fg_attempt attempt = newton_with_help(powerflow, from, attempts);
    int32_t iterations = attempt.iterations;
    fg_powerflow_rectangular(powerflow);
    for (int round = 0; powerflow->options.enforce_q_limits && attempt.status == FG_POWERFLOW_CONVERGED &&
                        round < MAX_ROUNDS && switch_kinds(powerflow);
         round++) {
        attempt = newton_with_help(powerflow, FG_FROM_STATE, attempts);
        iterations += attempt.iterations;
        fg_powerflow_rectangular(powerflow);
    }
    attempt.iterations = iterations;
    return attempt;
}

/* Explanations are put together from parts; what does not fit is cut. */
static void add_text(struct fg_powerflow_result *result, const char *format, ...) FG_PRINTF(2, 3);
static void add_text(struct fg_powerflow_result *result, const char *format, ...)
{
    size_t length = strlen(result->explanation);
    va_list list;
    va_start(list, format);
    vsnprintf(result->explanation + length, sizeof result->explanation - length, format, list);
    va_end(list);
}

/* A dispatch far from the load sends the difference to the references, often through more grid than there is. (Where
 * generators are dispatched at all: a feeder draws everything from its reference.) */
static void explain_dispatch(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result)
{
    const struct fg_network *network = powerflow->network;
    double generation = 0, surplus = 0;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        const struct fg_node_power *power = &powerflow->power[i];
        surplus += (power->p0 + power->p1 + power->p2 - powerflow->topology->g_shunt_pu[i]) * network->base_mva;
    }
    for (size_t i = 0; i < network->generator_count; i++)
        if (network->generators[i].in_service && powerflow->topology->node_of_bus[network->generators[i].bus] >= 0)
            generation += powerflow->generator_p_mw[i];
    if (!(generation > 0 && fabs(surplus) > 0.2 * generation))
        return;
    add_text(result, "; generators are dispatched to %.4g MW, which is %.4g MW too %s for the load: the references must %s that",
             generation, fabs(surplus), surplus > 0 ? "much" : "little", surplus > 0 ? "take" : "provide");
}

static void explain_doubt(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result)
{
    snprintf(result->explanation, sizeof result->explanation,
             "a low-voltage solution: the grid would not stay in this state, and none with normal voltages was found");
    if (result->vm_min_bus >= 0)
        add_text(result, "; lowest voltage %.3f p.u. at bus %.60s: reduce load, or add reactive support there",
                 result->vm_min_pu, powerflow->network->buses[result->vm_min_bus].id);
}

static void explain(const struct fg_powerflow *powerflow, const struct fg_attempt *attempt,
                    struct fg_powerflow_result *result)
{
    static const char *const what[] = {
        [FG_POWERFLOW_ITERATION_LIMIT] = "the iteration limit was reached",
        [FG_POWERFLOW_DIVERGED] = "no solution found",
        [FG_POWERFLOW_SINGULAR] = "the Jacobian is singular",
    };
    const struct fg_network *network = powerflow->network;
    result->explanation[0] = '\0';
    if (attempt->status == FG_POWERFLOW_CONVERGED) {
        if (powerflow->is_doubtful)
            explain_doubt(powerflow, result);
        return;
    }
    if (attempt->status == FG_POWERFLOW_TAP_LIMIT) {
        add_text(result,
                 "the tap changers go back and forth, last that of branch %.60s: widen its voltage band to at least "
                 "one step of its tap",
                 network->branches[powerflow->moved_branch].id);
        return;
    }
    add_text(result, "%s; largest mismatch %.3g p.u. at ", what[attempt->status], result->max_mismatch_pu);
    if (result->worst_bus >= 0)
        add_text(result, "bus %.60s", network->buses[result->worst_bus].id);
    else
        add_text(result, "the free end of branch %.60s",
                 result->worst_branch >= 0 ? network->branches[result->worst_branch].id : "?");
    if (powerflow->reached >= 1)
        return;
    if (powerflow->reached > 0)
        add_text(result,
                 "; with %.0f %% of all injections there is a solution, with more none was found: reduce load or "
                 "generation, or add reactive support",
                 100 * powerflow->reached);
    else
        add_text(result, "; not even the network without injections was solved: check set-points, shunts and "
                         "impedances, or start from solved voltages");
    explain_dispatch(powerflow, result);
}

/* The first node whose injection is not a finite number; -1 when there is none. */
static int32_t find_senseless_injection(const struct fg_powerflow *powerflow)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        const struct fg_node_power *power = &powerflow->power[i];
        if (!isfinite(power->p0 + power->p1 + power->p2 + power->q0 + power->q1 + power->q2))
            return i;
    }
    return -1;
}

static void refuse_injection(struct fg_powerflow *powerflow, int32_t node, struct fg_powerflow_result *result)
{
    go_to_start(powerflow);
    fg_powerflow_rectangular(powerflow);
    result->status = FG_POWERFLOW_DIVERGED;
    result->iterations = result->attempts = 0;
    fg_powerflow_evaluate(powerflow, result);
    result->max_mismatch_pu = INFINITY;
    result->worst_bus = powerflow->topology->bus_of_node[node]; /* free ends have no injections */
    snprintf(result->explanation, sizeof result->explanation, "the injection at bus %.60s is not a finite number",
             powerflow->network->buses[result->worst_bus].id);
}

void fg_powerflow_run(struct fg_powerflow *powerflow, bool from_state, struct fg_powerflow_result *result)
{
    int32_t attempts = 0, senseless = find_senseless_injection(powerflow);
    if (senseless >= 0) {
        refuse_injection(powerflow, senseless, result);
        return;
    }
    enum fg_powerflow_from from = from_state ? FG_FROM_STATE : powerflow->tapped ? FG_FROM_LINEAR : FG_FROM_START;
    struct fg_attempt attempt = powerflow->tap_control ? fg_tap_control_run(powerflow, &attempts)
                                                       : fg_powerflow_run_once(powerflow, from, &attempts);
    result->status = attempt.status;
    result->iterations = attempt.iterations;
    result->attempts = attempts;
    fg_powerflow_evaluate(powerflow, result);
    explain(powerflow, &attempt, result);
}

enum fg_code fg_powerflow_solve(struct fg_powerflow *powerflow, struct fg_powerflow_result *result,
                                struct fg_error *err)
{
    if (result->network != powerflow->network)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the result was created for another network");
    fg_powerflow_run(powerflow, false, result);
    return FG_OK;
}
