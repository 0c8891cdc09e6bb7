/* The operator's own measure: positions of the controllable taps, chosen on the baseline before orders are looked at.
 *
 * Tap changers under load move during a day, and every step wears the contacts: positions are chosen per period, and
 * movement is counted along time from the network's positions u_0. Lexicographically,
 *
 *     min  sum_t V_t(u_t),   then  sum_t |u_t - u_{t-1}|_1  (steps of all taps),
 *          then  sum_t |u_t - u_0|_1  (no step before it is needed),   then  sum_t R_t(u_t)
 *     s.t. u_t in U = {low_1 .. high_1} x ... x {low_K .. high_K}
 *
 * V_t is the cost of the violations in the power flow of the baseline (scarcity prices, or those of the requests that
 * cover a limit). Positions without a power flow are chosen only where all are: taps come before shedding. V_t is then the
 * cost of violations and power not served when all loads give way alike, by the cheapest share in steps of a twentieth
 * (clear_shed.c). R_t is the cost of the import or, where imports have no price, the losses.
 * V_t depends on u_t alone, so u is optimal if and only if it is a shortest path through A_t = argmin V_t, in the order of
 * the other three. Costs within a millionth are equal. Nothing moves where the network's positions violate nothing in
 * any period, nor in physics without voltages (dc, none).
 *
 * exact    Where |U| x periods power flows are few: all of them, then dynamic programming over periods. The step
 *          (min, +) with the distance |.|_1 is one pass up and one down each axis of U (distance transform,
 *          P. F. Felzenszwalb, D. P. Huttenlocher, Theory of Computing 8 (2012)). The result is the global optimum.
 * descent  Otherwise period by period from the positions before. They stay where they violate nothing. Else descent on
 *          (V_t, steps from the period before, steps from the network's, R_t), each tap over its whole range until none
 *          betters it. With several taps a second, thorough pass goes on: any tap over its whole range while another
 *          moves by one step, and restarts from the network's positions, from both ends and from seeded random ones
 *          while violations remain.
 *          One tap: V_t is optimal, and if every A_t is an interval so are the steps, because moving only when one
 *          must, and to the nearest end, is the shortest path through intervals. Several taps: a local optimum in the
 *          sense of these moves; nothing is proved about the global one.
 *
 * Positions that are best for the baseline may be looked at again after the continuous relaxation (clear_tap_step.c).
 * The search takes at most a part of the clearing's time; what it has found by then counts, and the result says so. When
 * the market is solved again with power not served, the search is not repeated: positions stay, as its second look left
 * them. */
#include "toolkit/dfmct/clear_run.h"

#include "base/instant.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double EXACT_WORK = 1e6;     /* power flows x nodes that are enumerated */
static const double EXACT_VALUES = 1e6;   /* power flows whose values are kept */
static const double SAME_COST = 1e-6;     /* relative, and absolute below one unit of currency */
static const double TIME_SHARE = 0.3;     /* of the clearing's time left */
static const int RANDOM_STARTS = 3;
static const uint64_t SEED = 20260301;

struct value {
    double violation, running;
    bool lacks_flow; /* without a power flow: worse than any with one */
};

struct search {
    struct clear_run *run;
    struct clear_model *model;
    struct fg_clear_state state; /* of the last power flow */
    struct fg_arena arena;
    double deadline;
    bool was_cut; /* by the deadline or an interrupt */
};

static bool is_over(struct search *search)
{
    search->was_cut = search->was_cut || fg_clock_seconds() > search->deadline || clear_run_interrupted(search->run);
    return search->was_cut;
}

static double same_up_to(double cost)
{
    return cost + SAME_COST * fmax(cost, 1);
}

static struct value value_of(const struct clear_model *model, int32_t t, const struct fg_clear_state *state)
{
    double price_p = fg_per_mwh(model->market->import_price[t]);
    double price_q = fg_per_mwh(model->market->import_price_reactive[t]);
    if (!state->converged)
        return (struct value){ INFINITY, 0, true };
    double import = model->hours * (price_p * state->slack_p_mw + price_q * state->slack_q_mvar);
    return (struct value){ clear_state_violation_cost(model, t, state, NULL),
                           price_p != 0 || price_q != 0 ? import : model->hours * state->losses_mw, false };
}

/* Power flow of the baseline with these positions, which stay in the model. Without one the violation is infinite or, if
 * it `sheds`, what is left when loads give way. */
static enum fg_code evaluate(struct search *search, int32_t t, const int32_t *positions, bool sheds, struct value *value,
                             struct fg_error *err)
{
    struct clear_run *run = search->run;
    struct clear_model *model = search->model;
    memmove(model->tap_position + (size_t)t * model->tap_count, positions, model->tap_count * sizeof *positions);
    enum fg_code code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, &search->state, err);
    if (code != FG_OK)
        return code;
    *value = value_of(model, t, &search->state);
    return sheds && value->lacks_flow ? clear_shed_alike(run, t, &search->state, &value->violation, err) : FG_OK;
}

static int64_t distance(const struct clear_model *model, const int32_t *a, const int32_t *b)
{
    int64_t sum = 0;
    for (size_t k = 0; k < model->tap_count; k++)
        sum += llabs((int64_t)a[k] - b[k]);
    return sum;
}

static int64_t distance_from_network(const struct clear_model *model, const int32_t *positions)
{
    int64_t sum = 0;
    for (size_t k = 0; k < model->tap_count; k++)
        sum += llabs((int64_t)positions[k] - model->taps[k].initial);
    return sum;
}

/* -- exact ---------------------------------------------------------------------------------------------------------- */

/* Of the best way to a combination: steps, distances from the network's positions, running cost. */
struct path { int64_t steps, away; double running; };
static const struct path UNREACHED = { INT64_MAX, 0, 0 };

static bool is_shorter(struct path a, struct path b)
{
    if (a.steps != b.steps)
        return a.steps < b.steps;
    return a.away != b.away ? a.away < b.away : a.running < b.running;
}

static void decode(const struct clear_model *model, size_t combination, int32_t *positions)
{
    for (size_t k = 0; k < model->tap_count; k++) {
        size_t range = (size_t)(model->taps[k].high - model->taps[k].low) + 1;
        positions[k] = model->taps[k].low + (int32_t)(combination % range);
        combination /= range;
    }
}

/* |U|, as a double: it may be beyond any integer. */
static double combinations(const struct clear_model *model)
{
    double count = 1;
    for (size_t k = 0; k < model->tap_count; k++)
        count *= (double)model->taps[k].high - model->taps[k].low + 1;
    return count;
}

static void shorten(struct path *to, struct path from)
{
    if (from.steps == INT64_MAX)
        return;
    from.steps++;
    if (is_shorter(from, *to))
        *to = from;
}

/* reach[c] = min over c' of reach[c'] + |c - c'|_1. */
static void spread(const struct clear_model *model, size_t count, struct path *reach)
{
    size_t stride = 1;
    for (size_t k = 0; k < model->tap_count; k++) {
        size_t range = (size_t)(model->taps[k].high - model->taps[k].low) + 1;
        for (size_t c = 0; c < count; c++)
            if (c / stride % range > 0)
                shorten(&reach[c], reach[c - stride]);
        for (size_t c = count; c-- > 0;)
            if (c / stride % range < range - 1)
                shorten(&reach[c], reach[c + stride]);
        stride *= range;
    }
}

/* Positions of the shortest path that ends best; `path` is periods x count. */
static void trace(struct search *search, size_t count, const struct path *path, const double *running, int32_t *scratch)
{
    struct clear_model *model = search->model;
    size_t taps = model->tap_count, last = (size_t)model->periods - 1, at = 0;
    for (size_t c = 1; c < count; c++)
        if (is_shorter(path[last * count + c], path[last * count + at]))
            at = c;
    for (size_t t = last;; t--) {
        const struct path end = path[t * count + at];
        int32_t *positions = model->tap_position + t * taps;
        decode(model, at, positions);
        if (t == 0)
            return;
        const int64_t away = distance_from_network(model, positions);
        for (size_t c = 0; c < count; c++) {
            const struct path *before = &path[(t - 1) * count + c];
            if (before->steps > end.steps || before->away + away != end.away ||
                before->running + running[t * count + at] != end.running)
                continue;
            decode(model, c, scratch);
            if (before->steps + distance(model, positions, scratch) == end.steps) {
                at = c;
                break;
            }
        }
    }
}

/* Violations and running costs of all combinations in a period, and the least violation. */
static enum fg_code evaluate_all(struct search *search, int32_t t, size_t count, bool sheds, int32_t *positions,
                                 double *violation, double *running, double *least, struct fg_error *err)
{
    *least = INFINITY;
    for (size_t c = 0; c < count && !is_over(search); c++) {
        struct value value;
        decode(search->model, c, positions);
        enum fg_code code = evaluate(search, t, positions, sheds, &value, err);
        if (code != FG_OK)
            return code;
        violation[c] = value.violation;
        running[c] = value.running;
        *least = fmin(*least, value.violation);
    }
    return FG_OK;
}

static enum fg_code search_exact(struct search *search, bool *done, struct fg_error *err)
{
    struct clear_model *model = search->model;
    const size_t count = (size_t)combinations(model), periods = (size_t)model->periods;
    struct path *path = fg_arena_alloc(&search->arena, periods * count, sizeof *path);
    double *running = fg_arena_alloc(&search->arena, periods * count, sizeof *running);
    double *violation = fg_arena_alloc(&search->arena, count, sizeof *violation);
    struct path *reach = fg_arena_alloc(&search->arena, count, sizeof *reach);
    int32_t *positions = fg_arena_alloc(&search->arena, model->tap_count, sizeof *positions);
    if (path == NULL || running == NULL || violation == NULL || reach == NULL || positions == NULL)
        return fg_fail_memory(err);
    for (size_t c = 0; c < count; c++) {
        decode(model, c, positions);
        reach[c] = distance_from_network(model, positions) == 0 ? (struct path){ 0, 0, 0 } : UNREACHED;
    }
    *done = false;
    for (size_t t = 0; t < periods; t++) {
        double least;
        enum fg_code code = evaluate_all(search, (int32_t)t, count, false, positions, violation, running + t * count,
                                         &least, err);
        if (code == FG_OK && !isfinite(least) && !search->was_cut)
            code = evaluate_all(search, (int32_t)t, count, true, positions, violation, running + t * count, &least, err);
        if (code != FG_OK || search->was_cut)
            return code;
        spread(model, count, reach);
        for (size_t c = 0; c < count; c++) {
            struct path *here = &path[t * count + c];
            *here = UNREACHED;
            if (violation[c] <= same_up_to(least)) {
                decode(model, c, positions);
                *here = reach[c];
                here->away += distance_from_network(model, positions);
                here->running += running[t * count + c];
            }
            reach[c] = *here;
        }
    }
    trace(search, count, path, running, positions);
    *done = true;
    return FG_OK;
}

/* -- descent ---------------------------------------------------------------------------------------------------------- */

struct candidate {
    int32_t *positions;
    struct value value;
    int64_t steps, away; /* from the period before, from the network's positions */
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (a->value.lacks_flow != b->value.lacks_flow)
        return b->value.lacks_flow;
    if (a->value.violation > same_up_to(b->value.violation))
        return false;
    if (b->value.violation > same_up_to(a->value.violation))
        return true;
    if (a->steps != b->steps)
        return a->steps < b->steps;
    if (a->away != b->away)
        return a->away < b->away;
    return a->value.running < b->value.running - SAME_COST * fmax(fabs(b->value.running), 1);
}

static void take(const struct clear_model *model, struct candidate *to, const struct candidate *from)
{
    int32_t *positions = to->positions;
    memcpy(positions, from->positions, model->tap_count * sizeof *positions);
    *to = *from;
    to->positions = positions;
}

/* Evaluate `trial` and keep it in `best` where it is better. */
static enum fg_code try_candidate(struct search *search, int32_t t, const int32_t *before, struct candidate *trial,
                                  struct candidate *best, bool *improved, struct fg_error *err)
{
    enum fg_code code = evaluate(search, t, trial->positions, best->value.lacks_flow, &trial->value, err);
    trial->steps = distance(search->model, trial->positions, before);
    trial->away = distance_from_network(search->model, trial->positions);
    if (code == FG_OK && is_better(trial, best)) {
        take(search->model, best, trial);
        *improved = true;
    }
    return code;
}

/* The best so far with tap k at any of its positions and, where i >= 0, tap i moved by `step`. */
static enum fg_code try_range(struct search *search, int32_t t, const int32_t *before, int32_t i, int32_t step,
                              size_t k, struct candidate part[3], bool *improved, struct fg_error *err)
{
    const struct clear_model *model = search->model;
    struct candidate *best = &part[0], *trial = &part[2];
    for (int64_t position = model->taps[k].low; position <= model->taps[k].high && !is_over(search); position++) {
        memcpy(trial->positions, best->positions, model->tap_count * sizeof *before);
        if (i < 0 && position == best->positions[k])
            continue;
        trial->positions[k] = (int32_t)position;
        if (i >= 0) {
            if (best->positions[i] == (step < 0 ? model->taps[i].low : model->taps[i].high))
                return FG_OK;
            trial->positions[i] += step;
        }
        enum fg_code code = try_candidate(search, t, before, trial, best, improved, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

static enum fg_code try_pairs(struct search *search, int32_t t, const int32_t *before, struct candidate part[3],
                              bool *improved, struct fg_error *err)
{
    const size_t taps = search->model->tap_count;
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < taps; i++)
        for (size_t k = 0; k < taps; k++)
            for (int32_t step = -1; step <= 1 && i != k && code == FG_OK; step += 2)
                code = try_range(search, t, before, (int32_t)i, step, k, part, improved, err);
    return code;
}

/* Descend from part[0]; part[2] is scratch. */
static enum fg_code descend(struct search *search, int32_t t, const int32_t *before, bool with_pairs,
                            struct candidate part[3], struct fg_error *err)
{
    const size_t taps = search->model->tap_count;
    bool improved = true;
    enum fg_code code = FG_OK;
    while (improved && code == FG_OK && !is_over(search)) {
        size_t rested = 0; /* taps in a row that have nothing to better */
        for (size_t k = 0; rested < taps && code == FG_OK && !is_over(search); k = (k + 1) % taps) {
            improved = false;
            code = try_range(search, t, before, -1, 0, k, part, &improved, err);
            rested = improved ? 1 : rested + 1;
        }
        improved = false;
        if (with_pairs && code == FG_OK)
            code = try_pairs(search, t, before, part, &improved, err);
    }
    return code;
}

/* Starts beyond the positions before: 0 the network's, 1 and 2 the ends, then random ones. */
static void start_at(const struct clear_model *model, int start, struct fg_random *random, int32_t *positions)
{
    for (size_t k = 0; k < model->tap_count; k++) {
        const struct clear_tap *tap = &model->taps[k];
        uint64_t range = (uint64_t)((int64_t)tap->high - tap->low + 1);
        positions[k] = start == 0   ? tap->initial
                       : start == 1 ? tap->low
                       : start == 2 ? tap->high
                                    : (int32_t)(tap->low + (int64_t)fg_random_below(random, range));
    }
}

static enum fg_code begin_at(struct search *search, int32_t t, const int32_t *before, const int32_t *positions,
                             struct candidate *candidate, struct fg_error *err)
{
    if (positions != candidate->positions)
        memcpy(candidate->positions, positions, search->model->tap_count * sizeof *before);
    candidate->steps = distance(search->model, candidate->positions, before);
    candidate->away = distance_from_network(search->model, candidate->positions);
    return evaluate(search, t, candidate->positions, true, &candidate->value, err);
}

/* part[0]: the best so far. The first, quick pass knows the positions before alone; the thorough one has those that the
 * quick pass found for this period as well, tries pairs, and starts anew while violations remain. */
static enum fg_code search_period(struct search *search, int32_t t, const int32_t *before, const int32_t *found,
                                  struct candidate part[3], struct fg_error *err)
{
    const struct clear_model *model = search->model;
    struct candidate *best = &part[0], local[3] = { part[1], { 0 }, part[2] };
    struct fg_random random;
    fg_random_init(&random, SEED + (uint64_t)t);
    enum fg_code code = begin_at(search, t, before, before, best, err);
    if (code == FG_OK && found != NULL && best->value.violation > 0) {
        code = begin_at(search, t, before, found, &local[0], err);
        if (code == FG_OK && is_better(&local[0], best))
            take(model, best, &local[0]);
    }
    if (code == FG_OK && best->value.violation > 0)
        code = descend(search, t, before, found != NULL, part, err);
    for (int start = 0; found != NULL && start < 3 + RANDOM_STARTS && code == FG_OK && best->value.violation > 0 &&
                        !is_over(search); start++) {
        start_at(model, start, &random, local[0].positions);
        code = begin_at(search, t, before, local[0].positions, &local[0], err);
        if (code == FG_OK)
            code = descend(search, t, before, true, local, err);
        if (code == FG_OK && is_better(&local[0], best))
            take(model, best, &local[0]);
    }
    memcpy(model->tap_position + (size_t)t * model->tap_count, best->positions, model->tap_count * sizeof *before);
    return code;
}

static enum fg_code search_descent(struct search *search, struct fg_error *err)
{
    struct clear_model *model = search->model;
    const size_t taps = model->tap_count, bytes = taps * sizeof(int32_t);
    const int passes = taps > 1 ? 2 : 1; /* one tap is tried throughout */
    int32_t *before = fg_arena_alloc(&search->arena, taps, sizeof *before);
    int32_t *found = fg_arena_alloc(&search->arena, taps, sizeof *found);
    struct candidate part[3] = { 0 };
    for (int i = 0; i < 3; i++)
        part[i].positions = fg_arena_alloc(&search->arena, taps, sizeof *before);
    if (before == NULL || found == NULL || part[0].positions == NULL || part[1].positions == NULL ||
        part[2].positions == NULL)
        return fg_fail_memory(err);
    for (int pass = 0; pass < passes; pass++) {
        for (size_t k = 0; k < taps; k++)
            before[k] = model->taps[k].initial;
        for (int32_t t = 0; t < model->periods && !(pass > 0 && is_over(search)); t++) {
            memcpy(found, model->tap_position + (size_t)t * taps, bytes);
            enum fg_code code = search_period(search, t, before, pass > 0 ? found : NULL, part, err);
            if (code != FG_OK)
                return code;
            memcpy(before, model->tap_position + (size_t)t * taps, bytes);
        }
    }
    return FG_OK;
}

/* -- the measure -------------------------------------------------------------------------------------------------------- */

static enum fg_code choose(struct search *search, struct fg_error *err)
{
    struct clear_run *run = search->run;
    struct clear_model *model = search->model;
    const double work = combinations(model) * model->periods;
    bool done = false;
    enum fg_code code = clear_flow_state_create(model->network, &search->arena, &search->state, err);
    if (code == FG_OK && work <= EXACT_VALUES && work * model->topology->node_count <= EXACT_WORK)
        code = search_exact(search, &done, err);
    if (code == FG_OK && !done)
        code = search_descent(search, err);
    run->taps_cut = search->was_cut;
    return code == FG_OK ? clear_publish_taps(run, err) : code;
}

/* Into the model of a later attempt. */
static enum fg_code keep_taps(struct clear_run *run, struct fg_error *err)
{
    struct clear_model *model = run->model;
    for (int32_t t = 0; t < model->periods; t++)
        for (size_t k = 0; k < model->tap_count; k++)
            model->tap_position[(size_t)t * model->tap_count + k] =
                fg_clear_tap_position(run->result, model->taps[k].branch, t);
    return clear_publish_taps(run, err);
}

enum fg_code clear_choose_taps(struct clear_run *run, struct fg_error *err)
{
    struct fg_clear_result *result = run->result;
    const struct clear_model *model = run->model;
    const size_t nodes = (size_t)model->topology->node_count;
    bool has_voltages = run->physics == FG_PHYSICS_AC || run->physics == FG_PHYSICS_LINDISTFLOW, is_violated = false;
    enum fg_code code = FG_OK;
    result->cost_with_taps = result->baseline_cost;
    memcpy(result->with_taps, result->before, (size_t)model->periods * sizeof *result->before);
    for (int32_t t = 0; t < model->periods && model->tap_count > 0; t++)
        is_violated = is_violated || value_of(model, t, &result->before[t]).violation > 0;
    if (model->tap_count > 0 && run->attempts > 1) {
        code = keep_taps(run, err);
    } else if (has_voltages && is_violated) {
        const double start = fg_clock_seconds();
        struct search search = { .run = run, .model = run->model, .deadline = start + TIME_SHARE * clear_run_left(run) };
        fg_arena_init(&search.arena);
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        code = choose(&search, err);
        fg_arena_release(&search.arena);
        run->attempt_started += fg_clock_seconds() - start; /* another attempt would not search again */
    }
    if (code == FG_OK && run->taps_cut)
        clear_run_explain_more(run, "the search for tap positions ran out of time; positions are the best found by then");
    return code;
}

enum fg_code clear_publish_taps(struct clear_run *run, struct fg_error *err)
{
    struct fg_clear_result *result = run->result;
    struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    const size_t nodes = (size_t)model->topology->node_count, branches = model->network->branch_count;
    memset(run->node_p, 0, nodes * sizeof(double));
    memset(run->node_q, 0, nodes * sizeof(double));
    result->cost_with_taps = 0;
    for (int32_t t = 0; t < model->periods; t++) {
        const int32_t *positions = model->tap_position + (size_t)t * model->tap_count;
        const struct fg_clear_state *before = &result->before[t];
        struct fg_clear_state *state = &result->with_taps[t];
        for (size_t k = 0; k < model->tap_count; k++)
            result->tap_position[(size_t)t * branches + (size_t)model->taps[k].branch] = positions[k];
        if (distance_from_network(model, positions) == 0) {
            *state = *before;
        } else {
            enum fg_code code = state->vm_pu == before->vm_pu
                                    ? clear_flow_state_create(model->network, &result->arena, state, err)
                                    : FG_OK;
            if (code == FG_OK)
                code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, state, err);
            if (code != FG_OK)
                return code;
        }
        if (!state->converged)
            clear_flow_forget(model->network, state);
        const double import = fg_per_mwh(market->import_price[t]) * (state->slack_p_mw - run->import_p[t]) +
                              fg_per_mwh(market->import_price_reactive[t]) * (state->slack_q_mvar - run->import_q[t]);
        result->cost_with_taps += state->converged
                                      ? clear_state_violation_cost(model, t, state, NULL) + model->hours * import
                                      : NAN;
    }
    return clear_model_apply_taps(model, err);
}

int32_t fg_clear_tap_position(const struct fg_clear_result *result, int32_t branch, int32_t period)
{
    return result->tap_position[(size_t)period * result->network->branch_count + (size_t)branch];
}

int64_t fg_clear_tap_steps(const struct fg_clear_result *result, int32_t branch)
{
    int64_t at = result->network->branches[branch].tap.position, steps = 0;
    for (int32_t t = 0; t < result->market->period_count; t++) {
        int32_t next = fg_clear_tap_position(result, branch, t);
        steps += llabs(next - at);
        at = next;
    }
    return steps;
}
