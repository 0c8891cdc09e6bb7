/* Automatic tap changers: discrete control around the power flow.
 *
 * A regulator holds |V + z I| (V: voltage of the regulated bus, I: current into the transformer there, z: line-drop
 * compensation) within v_set +- v_band/2 by moving one transformer's tap. Positions are counted by `step` from the one
 * with the highest regulated voltage: raising the tapped winding's turns lowers the voltage of the other winding, and
 * raises that of its own.
 *
 * Regulators act in ranks, by the number of regulated transformers between them and a source: nearer ones settle first,
 * because theirs move all that follow. Within a rank all regulators outside their band move at once, then the power
 * flow is solved again, from a linear solution: behind a stiff transformer even one step makes the last voltages, or
 * those of a flat start, a start that can lead to a low-voltage solution. Strategies (those of power-grid-model,
 * "Automatic tap changing"): any valid tap     one step at a time from the file's position fast any tap      by
 * bisection between the ends of the range, then single steps if others moved meanwhile min/max voltage   from the end
 * with the lowest/highest voltage step by step into the band, so that the first valid position is the extreme one; then
 * all go back a step and settle again until nothing changes, because a regulator may have stopped while those behind it
 * were still at their ends A regulator at the end of its range rests there. A band narrower than a step can have no
 * valid position: the control then goes back and forth, which the bound on moves of a rank ends with
 * FG_POWERFLOW_TAP_LIMIT. */
#include "grid/powerflow_internal.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REFINEMENTS = 20 };

struct regulator {
    int32_t branch;
    int32_t rank;
    int32_t first_position, direction; /* position = first_position + direction * step */
    int32_t step, step_count, rest;    /* rest: step before a refinement */
    int32_t node;                      /* whose voltage is held */
    int32_t meter_branch;              /* branch whose end at that node carries the compensated current; -1: none */
    bool meter_is_from;
    double v_low_pu, v_high_pu;
    double complex drop_pu;
    int32_t low,
        high; /* bisection: the wanted step lies between these; both have been tried, or are an end of the range */
    bool is_low_tried, is_high_tried, is_bisecting;
};

struct fg_tap_control {
    struct regulator *regulators; /* by rank, then file order */
    int32_t count;
    int32_t *moves; /* per rank, since a lower rank moved last */
    int32_t rank_count;
};

void fg_tap_control_destroy(struct fg_tap_control *control)
{
    if (control == NULL)
        return;
    fg_free(control->regulators);
    fg_free(control->moves);
    fg_free(control);
}

/* The leg of a three-winding transformer, or the branch itself, that ends at the regulated bus. */
static int32_t find_meter(const struct fg_network *network, int32_t branch_index, bool *is_from)
{
    const struct fg_branch *branch = &network->branches[branch_index];
    int32_t bus = branch->tap.regulated_bus;
    for (size_t i = 0; i < network->branch_count; i++) {
        const struct fg_branch *leg = &network->branches[i];
        bool is_same =
            (int32_t)i == branch_index || (branch->origin && leg->origin && strcmp(branch->origin, leg->origin) == 0);
        if (!is_same || (leg->from != bus && leg->to != bus))
            continue;
        *is_from = leg->from == bus;
        return (int32_t)i;
    }
    return -1;
}

static bool is_regulating(const struct fg_powerflow *powerflow, size_t i)
{
    const struct fg_branch *branch = &powerflow->network->branches[i];
    return branch->tap.exists && branch->tap.regulates && powerflow->topology->edge_of_branch[i] >= 0 &&
           branch->from_closed && branch->to_closed && branch->tap.regulated_bus >= 0 &&
           powerflow->topology->node_of_bus[branch->tap.regulated_bus] >= 0;
}

static enum fg_code regulator_init(const struct fg_powerflow *powerflow, struct regulator *regulator, int32_t index,
                                   struct fg_error *err)
{
    const struct fg_branch *branch = &powerflow->network->branches[index];
    const struct fg_tap_changer *tap = &branch->tap;
    bool is_own_winding = tap->regulated_bus == (tap->on_from_side ? branch->from : branch->to);
    int32_t first = is_own_winding ? tap->maximum : tap->minimum, last = is_own_winding ? tap->minimum : tap->maximum;
    *regulator = (struct regulator){
        .branch = index,
        .first_position = first,
        .direction = last >= first ? 1 : -1,
        .step_count = abs(last - first) + 1,
        .node = powerflow->topology->node_of_bus[tap->regulated_bus],
        .v_low_pu = tap->v_set_pu - 0.5 * tap->v_band_pu,
        .v_high_pu = tap->v_set_pu + 0.5 * tap->v_band_pu,
        .drop_pu = CMPLX(tap->drop_r_pu, tap->drop_x_pu),
    };
    regulator->meter_branch = find_meter(powerflow->network, index, &regulator->meter_is_from);
    if (regulator->meter_branch < 0 && (tap->drop_r_pu != 0 || tap->drop_x_pu != 0))
        return fg_fail(err, FG_ERR_UNSUPPORTED, powerflow->network->name,
                       "line-drop compensation of transformer %s needs a regulated bus at one of its own ends",
                       branch->id);
    return FG_OK;
}

/* Rank of a node: the fewest regulated transformers on a way from a source. Waves of equal rank: first everything that
 * is reached without crossing a regulated transformer, then what one more crossing reaches. */
static enum fg_code rank_nodes(const struct fg_powerflow *powerflow, int32_t *rank, struct fg_error *err)
{
    const struct fg_topology *topology = powerflow->topology;
    size_t edges = (size_t)topology->edge_count, nodes = (size_t)topology->node_count;
    int32_t *start = fg_alloc(nodes + 2, sizeof *start), *list = fg_alloc(2 * edges, sizeof *list);
    int32_t *wave = fg_alloc(nodes, sizeof *wave), *next = fg_alloc(nodes + 2 * edges, sizeof *next);
    bool is_complete = start && list && wave && next;
    if (is_complete) {
        for (size_t k = 0; k < edges; k++) {
            start[topology->edges[k].from + 2]++;
            start[topology->edges[k].to + 2]++;
        }
        for (size_t i = 2; i < nodes + 2; i++)
            start[i] += start[i - 1];
        for (size_t k = 0; k < edges; k++) {
            list[start[topology->edges[k].from + 1]++] = (int32_t)k;
            list[start[topology->edges[k].to + 1]++] = (int32_t)k;
        }
        size_t next_count = 0;
        for (size_t i = 0; i < nodes; i++) {
            rank[i] = -1;
            if (powerflow->own_kind[i] == FG_NODE_REFERENCE)
                next[next_count++] = (int32_t)i;
        }
        for (int32_t level = 0; next_count > 0; level++) {
            size_t wave_count = 0, later_count = 0;
            for (size_t i = 0; i < next_count; i++)
                if (rank[next[i]] < 0) {
                    rank[next[i]] = level;
                    wave[wave_count++] = next[i];
                }
            for (size_t i = 0; i < wave_count; i++)
                for (int32_t k = start[wave[i]]; k < start[wave[i] + 1]; k++) {
                    const struct fg_edge *edge = &topology->edges[list[k]];
                    int32_t other = edge->from == wave[i] ? edge->to : edge->from;
                    if (rank[other] >= 0)
                        continue;
                    if (is_regulating(powerflow, (size_t)edge->branch)) {
                        next[later_count++] = other;
                    } else {
                        rank[other] = level;
                        wave[wave_count++] = other;
                    }
                }
            next_count = later_count;
        }
    }
    fg_free(start);
    fg_free(list);
    fg_free(wave);
    fg_free(next);
    return is_complete ? FG_OK : fg_fail_memory(err);
}

static int compare_regulators(const void *a, const void *b)
{
    const struct regulator *x = a, *y = b;
    return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
                              : (x->branch > y->branch) - (x->branch < y->branch);
}

static enum fg_code collect_regulators(const struct fg_powerflow *powerflow, struct fg_tap_control *control,
                                       const int32_t *rank, struct fg_error *err)
{
    for (size_t i = 0; i < powerflow->network->branch_count; i++) {
        if (!is_regulating(powerflow, i))
            continue;
        struct regulator *regulator = &control->regulators[control->count++];
        enum fg_code code = regulator_init(powerflow, regulator, (int32_t)i, err);
        if (code != FG_OK)
            return code;
        const struct fg_edge *edge = &powerflow->topology->edges[powerflow->topology->edge_of_branch[i]];
        regulator->rank = rank[edge->from] < rank[edge->to] ? rank[edge->from] : rank[edge->to];
        if (regulator->rank >= control->rank_count)
            control->rank_count = regulator->rank + 1;
    }
    qsort(control->regulators, (size_t)control->count, sizeof *control->regulators, compare_regulators);
    return FG_OK;
}

enum fg_code fg_tap_control_create(struct fg_powerflow *powerflow, struct fg_tap_control **result, struct fg_error *err)
{
    *result = NULL;
    const struct fg_network *network = powerflow->network;
    struct fg_tap_control *control = fg_alloc(1, sizeof *control);
    int32_t *rank = fg_alloc((size_t)powerflow->node_count, sizeof *rank);
    powerflow->tapped = fg_alloc(network->branch_count, sizeof *powerflow->tapped);
    enum fg_code code = FG_OK;
    if (control)
        control->regulators = fg_alloc(network->branch_count, sizeof *control->regulators);
    if (!control || !rank || !powerflow->tapped || !control->regulators)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = rank_nodes(powerflow, rank, err);
    if (code == FG_OK)
        code = collect_regulators(powerflow, control, rank, err);
    if (code == FG_OK && (control->moves = fg_alloc((size_t)control->rank_count, sizeof *control->moves)) == NULL)
        code = fg_fail_memory(err);
    fg_free(rank);
    if (code != FG_OK) {
        fg_tap_control_destroy(control);
        return code;
    }
    for (size_t i = 0; i < network->branch_count; i++)
        powerflow->tapped[i] = network->branches[i];
    powerflow->branches = powerflow->tapped;
    *result = control;
    return FG_OK;
}

/* From the file's ratio each time, so that rounding does not add up over many solves. */
static void move_to(struct fg_powerflow *powerflow, struct regulator *regulator, int32_t step)
{
    struct fg_branch *branch = &powerflow->tapped[regulator->branch];
    regulator->step = step;
    *branch = powerflow->network->branches[regulator->branch];
    fg_branch_set_tap(branch, regulator->first_position + regulator->direction * step);
    int32_t edge = powerflow->topology->edge_of_branch[regulator->branch];
    fg_edge_set_admittance(&powerflow->topology->edges[edge], branch, NULL);
    powerflow->edge_shift[edge] = branch->shift_rad;
    fg_port_set(&powerflow->ports[regulator->branch], branch);
    if (powerflow->sweep)
        fg_sweep_branch_changed(powerflow->sweep);
}

static int32_t file_step(const struct fg_powerflow *powerflow, const struct regulator *regulator)
{
    int32_t position = powerflow->network->branches[regulator->branch].tap.position;
    int32_t step = (position - regulator->first_position) * regulator->direction;
    return step < 0 ? 0 : step >= regulator->step_count ? regulator->step_count - 1 : step;
}

static void go_to_first_taps(struct fg_powerflow *powerflow, struct fg_tap_control *control)
{
    for (int32_t i = 0; i < control->count; i++) {
        struct regulator *regulator = &control->regulators[i];
        enum fg_tap_strategy strategy = powerflow->options.taps;
        regulator->low = 0;
        regulator->high = regulator->step_count - 1;
        regulator->is_low_tried = regulator->is_high_tried = false;
        regulator->is_bisecting = strategy == FG_TAP_FAST_ANY;
        move_to(powerflow, regulator,
                strategy == FG_TAP_MAX_VOLTAGE   ? 0
                : strategy == FG_TAP_MIN_VOLTAGE ? regulator->step_count - 1
                                                 : file_step(powerflow, regulator));
    }
}

static double regulated_voltage(const struct fg_powerflow *powerflow, const struct regulator *regulator)
{
    double complex v = CMPLX(powerflow->re[regulator->node], powerflow->im[regulator->node]);
    if (regulator->drop_pu != 0) {
        double complex current[2];
        fg_powerflow_branch_currents(powerflow, regulator->meter_branch, current);
        v += regulator->drop_pu * current[regulator->meter_is_from ? 0 : 1];
    }
    return cabs(v);
}

/* Halve the bracket; -1 when it holds no step that was not tried. */
static int32_t bisect(struct regulator *regulator, int sign)
{
    if (sign > 0) {
        regulator->low = regulator->step;
        regulator->is_low_tried = true;
    } else {
        regulator->high = regulator->step;
        regulator->is_high_tried = true;
    }
    if (regulator->high - regulator->low > 1)
        return (regulator->low + regulator->high) / 2;
    if (!regulator->is_low_tried)
        return regulator->low;
    if (!regulator->is_high_tried)
        return regulator->high;
    return -1;
}

/* The next step for a voltage outside the band (sign: +1 too high); the present one when there is none. */
static int32_t next_step(struct regulator *regulator, int sign)
{
    if (regulator->is_bisecting) {
        int32_t step = bisect(regulator, sign);
        if (step >= 0)
            return step;
        regulator->is_bisecting = false; /* others have moved, or the end of the range is reached */
    }
    int32_t step = regulator->step + sign;
    return step < 0 || step >= regulator->step_count ? regulator->step : step;
}

/* Move what is outside its band in the lowest rank that has such a regulator. Gives the rank, -1 when all rest. */
static int32_t move_taps(struct fg_powerflow *powerflow, struct fg_tap_control *control)
{
    int32_t moved_rank = -1;
    for (int32_t i = 0; i < control->count; i++) {
        struct regulator *regulator = &control->regulators[i];
        if (moved_rank >= 0 && regulator->rank > moved_rank)
            break;
        double vm = regulated_voltage(powerflow, regulator);
        if (vm >= regulator->v_low_pu && vm <= regulator->v_high_pu)
            continue;
        int32_t step = next_step(regulator, vm > regulator->v_high_pu ? 1 : -1);
        if (step == regulator->step)
            continue;
        move_to(powerflow, regulator, step);
        powerflow->moved_branch = regulator->branch;
        moved_rank = regulator->rank;
    }
    return moved_rank;
}

/* A rank may cross its whole range twice before a lower rank moves again. */
static bool may_go_on(struct fg_tap_control *control, int32_t rank)
{
    int32_t longest = 0;
    for (int32_t i = 0; i < control->count; i++)
        if (control->regulators[i].rank == rank && control->regulators[i].step_count > longest)
            longest = control->regulators[i].step_count;
    for (int32_t higher = rank + 1; higher < control->rank_count; higher++)
        control->moves[higher] = 0;
    return ++control->moves[rank] <= 2 * longest;
}

static struct fg_attempt settle(struct fg_powerflow *powerflow, int32_t *attempts)
{
    struct fg_tap_control *control = powerflow->tap_control;
    memset(control->moves, 0, (size_t)control->rank_count * sizeof *control->moves);
    struct fg_attempt attempt = fg_powerflow_run_once(powerflow, FG_FROM_LINEAR, attempts);
    int32_t iterations = attempt.iterations;
    for (int32_t rank; attempt.status == FG_POWERFLOW_CONVERGED && (rank = move_taps(powerflow, control)) >= 0;) {
        if (!may_go_on(control, rank)) {
            attempt.status = FG_POWERFLOW_TAP_LIMIT;
            break;
        }
        attempt = fg_powerflow_run_once(powerflow, FG_FROM_LINEAR, attempts);
        iterations += attempt.iterations;
    }
    attempt.iterations = iterations;
    return attempt;
}

/* One step back toward the extreme for all, from where they rest. False when all were there already. */
static bool step_back(struct fg_powerflow *powerflow, struct fg_tap_control *control)
{
    bool has_moved = false;
    for (int32_t i = 0; i < control->count; i++) {
        struct regulator *regulator = &control->regulators[i];
        int32_t step = regulator->step + (powerflow->options.taps == FG_TAP_MIN_VOLTAGE ? 1 : -1);
        regulator->rest = regulator->step;
        if (step < 0 || step >= regulator->step_count)
            continue;
        move_to(powerflow, regulator, step);
        has_moved = true;
    }
    return has_moved;
}

static bool rests_as_before(const struct fg_tap_control *control)
{
    for (int32_t i = 0; i < control->count; i++)
        if (control->regulators[i].step != control->regulators[i].rest)
            return false;
    return true;
}

struct fg_attempt fg_tap_control_run(struct fg_powerflow *powerflow, int32_t *attempts)
{
    struct fg_tap_control *control = powerflow->tap_control;
    bool is_extreme = powerflow->options.taps == FG_TAP_MIN_VOLTAGE || powerflow->options.taps == FG_TAP_MAX_VOLTAGE;
    go_to_first_taps(powerflow, control);
    powerflow->moved_branch = -1;
    struct fg_attempt attempt = settle(powerflow, attempts);
    int32_t iterations = attempt.iterations;
    for (int32_t round = 0; is_extreme && round < MAX_REFINEMENTS && attempt.status == FG_POWERFLOW_CONVERGED;
         round++) {
        if (!step_back(powerflow, control))
            break;
        attempt = settle(powerflow, attempts);
        iterations += attempt.iterations;
        if (rests_as_before(control))
            break;
    }
    attempt.iterations = iterations;
    return attempt;
}
