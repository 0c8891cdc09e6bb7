/* Controllable taps: hand calculation, enumeration of all positions on small grids, and the market that follows. */
#include "base/memory.h"
#include "base/random.h"
#include "clear_fixture.h"
#include "grid/powerflow.h"

#include <stdlib.h>

static int position_of(const struct fg_clear_result *result, int period, int branch)
{
    return result->tap_position[(size_t)period * result->network->branch_count + (size_t)branch];
}

/* -- by hand --------------------------------------------------------------------------------------------------------- */

/* Voltage behind r + jx that carries P + jQ (base 1 MVA) from an ideal transformer 1/ratio at 1 p.u.:
 * V^4 + V^2 (2 (r P + x Q) - 1/ratio^2) + (r^2 + x^2)(P^2 + Q^2) = 0. */
static double end_voltage(double ratio, double r, double x, double p, double q)
{
    double b = 2 * (r * p + x * q) - 1 / (ratio * ratio), c = (r * r + x * x) * (p * p + q * q);
    return sqrt((-b + sqrt(b * b - 4 * c)) / 2);
}

static void one_step_too_low_is_lifted_without_orders(void **state)
{
    (void)state;
    static const enum fg_market_physics all[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW };
    for (int i = 0; i < 2; i++) {
        struct fg_network *network = feeder(1, 0.02, 0.06, INFINITY);
        load(network, "d", 1, 1.5, 0.6);
        band(network, 0.95, 1.05);
        make_tap(network, 0, -8, 8, 0, 0.0125);
        struct fg_market *market = market_of(1, 30, all[i]);
        controllable(market, "l1");
        int32_t up = offer(market, "up", FG_REGULATION_UP, "1", 0, 1, 1, 100);
        int expected = 0;
        while (end_voltage(1 + 0.0125 * expected, 0.02, 0.06, 1.5, 0.6) < 0.95)
            expected--;
        assert_true(expected < -1 && expected > -8);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(position_of(result, 0, 0), expected);
        assert_near(accepted_mw(result, up, 0), 0, 0);
        assert_int_equal(result->status, FG_CLEAR_CLEARED);
        assert_near(result->before[0].vm_pu[1], end_voltage(1, 0.02, 0.06, 1.5, 0.6), 1e-8);
        assert_near(result->after[0].vm_pu[1], end_voltage(1 + 0.0125 * expected, 0.02, 0.06, 1.5, 0.6), 1e-8);
        assert_near(result->baseline_cost, 500000 * (0.95 - result->before[0].vm_pu[1]), 1e-3);
        /* what is left is the import that the higher voltage saves */
        double saved = 30 * (result->after[0].slack_p_mw - result->before[0].slack_p_mw);
        assert_true(saved < 0);
        assert_near(result->cost_with_taps, saved, 1e-6);
        assert_near(result->published_cost, saved, 1e-6);
        if (all[i] == FG_MARKET_AC)
            assert_near(result->cost, saved, 1e-4);
        assert_int_equal(network->branches[0].tap.position, 0);
        /* the violation before the measure is in the table, and gone after it */
        assert_int_equal(result->limits[0].kind, FG_CLEAR_LIMIT_VOLTAGE_LOW);
        assert_true(result->limits[0].violation_before > 0.01 && result->limits[0].violation_after == 0);
        assert_parts_add_up(result);
        assert_ledger_closes(result);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

static void nothing_moves_without_need_or_voltage(void **state)
{
    (void)state;
    static const struct { enum fg_market_physics physics; double load; } all[] = {
        { FG_MARKET_AC, 0.5 }, { FG_MARKET_LINDISTFLOW, 0.5 }, { FG_MARKET_DC, 1.5 }, { FG_MARKET_NONE, 1.5 } };
    for (int i = 0; i < 4; i++) {
        struct fg_network *network = feeder(1, 0.02, 0.06, INFINITY);
        load(network, "d", 1, all[i].load, 0.4 * all[i].load);
        band(network, 0.95, 1.05);
        make_tap(network, 0, -8, 8, 1, 0.00125);
        struct fg_market *market = market_of(2, 30, all[i].physics);
        controllable(market, "l1");
        struct fg_clear_result *result = cleared(network, market);
        for (int t = 0; t < 2; t++)
            assert_int_equal(position_of(result, t, 0), 1);
        assert_near(result->cost_with_taps, result->baseline_cost, 0);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

/* A tap of too short a range leaves part of the sag to an offer; both together cost less than the offer alone. */
static void offers_complete_what_taps_leave(void **state)
{
    (void)state;
    double cost[2], accepted[2];
    for (int has_tap = 0; has_tap < 2; has_tap++) {
        struct fg_network *network = feeder(2, 0.02, 0.03, INFINITY);
        load(network, "d", 2, 1.6, 0.5);
        band(network, 0.95, 1.05);
        make_tap(network, 0, -1, 1, 0, 0.0125);
        struct fg_market *market = market_of(2, 30, FG_MARKET_AC);
        if (has_tap)
            controllable(market, "l1");
        int32_t up = offer(market, "up", FG_REGULATION_UP, "2", 0, 2, 1.6, 90);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(result->status, FG_CLEAR_CLEARED);
        for (int t = 0; t < 2; t++) {
            assert_int_equal(position_of(result, t, 0), has_tap ? -1 : 0);
            assert_near(result->after[t].vm_pu[2], 0.95, 2e-4);
        }
        assert_true(result->bound <= result->cost + 1e-6);
        assert_true(result->gap < 1e-3);
        assert_near(result->published_cost, result->cost, 0.5);
        assert_parts_add_up(result);
        assert_ledger_closes(result);
        cost[has_tap] = result->cost;
        accepted[has_tap] = accepted_mw(result, up, 0);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
    assert_true(accepted[1] > 0.05 && accepted[1] < accepted[0] - 0.1);
    assert_true(cost[1] < cost[0] - 5);
}

/* -- against enumeration ----------------------------------------------------------------------------------------------- */

enum { MOST_TAPS = 3, MOST_LEVELS = 3 };

struct grid {
    struct fg_network *network;
    int taps, branch[MOST_TAPS], low[MOST_TAPS], range[MOST_TAPS], combinations;
    int levels;
    double scale[MOST_LEVELS]; /* of loads, per level */
};

static void positions_of(const struct grid *grid, int combination, int *positions)
{
    for (int k = 0; k < grid->taps; k++) {
        positions[k] = grid->low[k] + combination % grid->range[k];
        combination /= grid->range[k];
    }
}

static const double NOT_SERVED = 1e8; /* per MWh: where there is a power flow, taps alone have an effect */

/* Violation and import cost of one state at the market's default prices, from a power flow of its own, with this share
 * of all loads not served; violation INFINITY without a solution. */
static void state_cost(const struct grid *grid, struct fg_network *network, int level, int combination, double share,
                       double price, double *violation, double *import)
{
    struct fg_error err = { 0 };
    struct fg_powerflow_options options = fg_powerflow_options_default();
    int positions[MOST_TAPS];
    struct fg_powerflow *flow;
    struct fg_powerflow_result *result;
    double cost = 0;
    options.tolerance_pu = 1e-9;
    positions_of(grid, combination, positions);
    for (int k = 0; k < grid->taps; k++)
        fg_branch_set_tap(&network->branches[grid->branch[k]], positions[k]);
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *given = &grid->network->injections[i];
        double served = given->p_mw < 0 ? 1 - share : 1;
        network->injections[i].p_mw = grid->scale[level] * served * given->p_mw;
        network->injections[i].q_mvar = grid->scale[level] * served * given->q_mvar;
        cost -= NOT_SERVED * grid->scale[level] * (1 - served) * given->p_mw;
    }
    must(fg_powerflow_create(network, &options, &flow, &err), &err);
    must(fg_powerflow_result_create(network, &result, &err), &err);
    must(fg_powerflow_solve(flow, result, &err), &err);
    for (size_t b = 1; b < network->bus_count; b++) {
        double below = network->buses[b].vm_min_pu - result->vm_pu[b];
        double above = result->vm_pu[b] - network->buses[b].vm_max_pu;
        if (fmax(below, above) > FG_CLEAR_VOLTAGE_TOLERANCE_PU)
            cost += 500000 * fmax(below, above);
    }
    for (size_t b = 0; b < network->branch_count; b++) {
        double rate = network->branches[b].rate_normal_mva;
        double from = hypot(result->p_from_mw[b], result->q_from_mvar[b]) - rate;
        double to = hypot(result->p_to_mw[b], result->q_to_mvar[b]) - rate;
        if (fmax(from, to) > FG_CLEAR_RATING_TOLERANCE * rate)
            cost += 5000 * 0.5 * (fmax(from, 0) + fmax(to, 0));
    }
    *violation = result->status == FG_POWERFLOW_CONVERGED ? cost : INFINITY;
    *import = isfinite(*violation) ? price * result->generator_p_mw[0] : 0; /* without a solution there is none */
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(flow);
}

/* Of all positions at all levels. Where none has a power flow, all loads give way alike by the cheapest twentieths. */
static void enumerate(const struct grid *grid, double price, double *violation, double *import)
{
    struct fg_network *network = fg_network_clone(grid->network);
    assert_non_null(network);
    for (int level = 0; level < grid->levels; level++) {
        double *v = violation + level * grid->combinations, *paid = import + level * grid->combinations, least = INFINITY;
        for (int c = 0; c < grid->combinations; c++) {
            state_cost(grid, network, level, c, 0, price, &v[c], &paid[c]);
            least = fmin(least, v[c]);
        }
        for (int c = 0; c < grid->combinations && !isfinite(least); c++)
            for (int step = 1; step <= 20; step++) {
                double cost, unused;
                state_cost(grid, network, level, c, step / 20.0, price, &cost, &unused);
                v[c] = fmin(v[c], cost);
            }
    }
    fg_network_destroy(network);
}

/* A feeder, or a ring closed by one more branch, with `taps` tap changers at random places; buses of a zone upstream of the
 * second tap make the positions depend on each other. */
static struct grid random_grid(struct fg_random *random, int taps, int range, int buses)
{
    struct grid grid = { .network = feeder(buses, 0, 0, INFINITY), .taps = taps, .combinations = 1,
                         .levels = 1 + (int)fg_random_below(random, MOST_LEVELS) };
    struct fg_network *network = grid.network;
    char id[16];
    for (int b = 1; b <= buses; b++) {
        network->branches[b - 1].r_pu = fg_random_between(random, 0.025, 0.15) / buses;
        network->branches[b - 1].x_pu = fg_random_between(random, 0.05, 0.2) / buses;
        snprintf(id, sizeof id, "d%d", b);
        load(network, id, b, fg_random_between(random, -2.5, 5) / buses, fg_random_between(random, -0.5, 2) / buses);
    }
    network->branches[0].rate_normal_mva = fg_random_between(random, 1, 3);
    band(network, 0.97, 1.03);
    if (fg_random_below(random, 3) == 0) {
        struct fg_branch *tie = fg_network_add_branch(network, "tie", 1, buses);
        tie->r_pu = 0.05;
        tie->x_pu = 0.05;
    }
    for (int k = 0; k < taps; k++) {
        grid.branch[k] = k * buses / taps;
        grid.low[k] = -(int)fg_random_below(random, (uint64_t)range);
        grid.range[k] = range;
        grid.combinations *= range;
        make_tap(network, grid.branch[k], grid.low[k], grid.low[k] + range - 1,
                 grid.low[k] + (int)fg_random_below(random, (uint64_t)range), range > 30 ? 0.2 / range : fg_random_between(random, 0.005, 0.02));
        if (fg_random_below(random, 2) == 0) /* counted downward, as some files have it */
            network->branches[grid.branch[k]].tap.minimum = grid.low[k] + range - 1,
            network->branches[grid.branch[k]].tap.maximum = grid.low[k];
    }
    for (int level = 0; level < grid.levels; level++)
        grid.scale[level] = fg_random_between(random, 0.3, 1.6);
    return grid;
}

static struct fg_clear_result *clear_grid_of(const struct grid *grid, int periods, const int *level, double price,
                                             struct fg_market **market)
{
    struct fg_error err = { 0 };
    struct fg_clear_options options = fg_clear_defaults();
    struct fg_clear_result *result;
    options.without_bound = true;
    *market = market_of(periods, price, FG_MARKET_AC);
    (*market)->scarcity_not_served.uper_mwh = llround(NOT_SERVED * 1e6);
    for (int t = 0; t < periods; t++)
        (*market)->scale_load_u[t] = llround(grid->scale[level[t]] * FG_FRACTION_ONE);
    for (int k = 0; k < grid->taps; k++)
        controllable(*market, grid->network->branches[grid->branch[k]].id);
    must(fg_market_validate(*market, &err), &err);
    must(fg_clear(grid->network, *market, &options, &result, &err), &err);
    return result;
}

static int combination_of(const struct grid *grid, const struct fg_clear_result *result, int period)
{
    int combination = 0;
    for (int k = grid->taps - 1; k >= 0; k--)
        combination = combination * grid->range[k] + position_of(result, period, grid->branch[k]) - grid->low[k];
    return combination;
}

static int steps_between(const struct grid *grid, int a, int b)
{
    int from[MOST_TAPS], to[MOST_TAPS], sum = 0;
    positions_of(grid, a, from);
    positions_of(grid, b, to);
    for (int k = 0; k < grid->taps; k++)
        sum += abs(from[k] - to[k]);
    return sum;
}

static double same(double cost)
{
    return cost + 1e-6 * fmax(cost, 1);
}

/* Every way of positions through the periods, by plain dynamic programming over (steps, distance from the network's
 * positions, import); distances weigh a thousandth of a step in `steps`. */
static void exact_search_is_the_enumeration(void **state)
{
    (void)state;
    struct fg_random random;
    int moved = 0, violated = 0, path_cases = 0;
    fg_random_init(&random, 11);
    for (int trial = 0; trial < 40; trial++) {
        const int taps = 1 + trial % MOST_TAPS, range = taps == 1 ? 17 : taps == 2 ? 7 : 4;
        struct grid grid = random_grid(&random, taps, range, 3 + (int)fg_random_below(&random, 5));
        const int n = grid.combinations, periods = 3;
        int level[3], initial = 0;
        for (int t = 0; t < periods; t++)
            level[t] = (int)fg_random_below(&random, (uint64_t)grid.levels);
        for (int l = 0; l < grid.levels; l++) /* as the market has it: in millionths */
            grid.scale[l] = (double)llround(grid.scale[l] * 1e6) / 1e6;
        for (int k = grid.taps - 1; k >= 0; k--)
            initial = initial * range + grid.network->branches[grid.branch[k]].tap.position - grid.low[k];
        double *violation = calloc((size_t)n * (size_t)grid.levels, sizeof(double));
        double *import = calloc((size_t)n * (size_t)grid.levels, sizeof(double));
        double *cost = calloc(2 * (size_t)n, sizeof(double));
        int *steps = calloc(2 * (size_t)n, sizeof(int)); /* 1000 x steps + distances */
        enumerate(&grid, 40, violation, import);
        struct fg_market *market;
        struct fg_clear_result *result = clear_grid_of(&grid, periods, level, 40, &market);

        double least_violation = 0, chosen_violation = 0, chosen_import = 0;
        int chosen_steps = 0, before = initial;
        for (int t = 0; t < periods; t++) {
            const double *v = violation + level[t] * n;
            double least = INFINITY;
            int here = combination_of(&grid, result, t), *now = steps + (t % 2) * n, *last = steps + (1 - t % 2) * n;
            double *cost_now = cost + (t % 2) * n, *cost_last = cost + (1 - t % 2) * n;
            for (int c = 0; c < n; c++)
                least = fmin(least, v[c]);
            for (int c = 0; c < n; c++) {
                now[c] = 1 << 28;
                cost_now[c] = INFINITY;
                for (int from = 0; from < n && v[c] <= same(least); from++) {
                    if (t == 0 && from != initial)
                        continue;
                    int way = (t == 0 ? 0 : last[from]) + 1000 * steps_between(&grid, from, c) +
                              steps_between(&grid, initial, c);
                    double sum = (t == 0 ? 0 : cost_last[from]) + import[level[t] * n + c];
                    if (way < now[c] || (way == now[c] && sum < cost_now[c])) {
                        now[c] = way;
                        cost_now[c] = sum;
                    }
                }
            }
            violated += v[initial] > 0;
            least_violation += least;
            chosen_violation += v[here];
            chosen_import += import[level[t] * n + here];
            chosen_steps += 1000 * steps_between(&grid, before, here) + steps_between(&grid, initial, here);
            before = here;
        }
        int least_steps = 1 << 28;
        double least_import = INFINITY;
        for (int c = 0; c < n; c++) {
            int way = steps[((periods - 1) % 2) * n + c];
            double sum = cost[((periods - 1) % 2) * n + c];
            if (way < least_steps || (way == least_steps && sum < least_import)) {
                least_steps = way;
                least_import = sum;
            }
        }
        assert_true(chosen_violation <= least_violation + 3e-6 * fmax(least_violation, 1));
        assert_int_equal(chosen_steps, least_steps);
        assert_near(chosen_import, least_import, 1e-5);
        if (result->before[0].converged && result->before[1].converged && result->before[2].converged)
            assert_near(result->cost_with_taps,
                    chosen_violation + chosen_import - 40 * (result->before[0].slack_p_mw + result->before[1].slack_p_mw +
                                                              result->before[2].slack_p_mw), 1e-2);
        moved += chosen_steps > 0;
        path_cases += chosen_steps > 0 && least_violation == 0;
        free(violation);
        free(import);
        free(cost);
        free(steps);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(grid.network);
    }
    assert_true(moved > 15 && violated > 30 && path_cases > 5); /* the trials are not idle */
}

#ifdef __SANITIZE_ADDRESS__
enum { DESCENT_TRIALS = 3 }; /* minutes with the sanitizers */
#else
enum { DESCENT_TRIALS = 9 };
#endif

/* So many periods that not all positions are enumerated: each period is judged against its enumeration. */
static void descent_finds_the_least_violation(void **state)
{
    (void)state;
    struct fg_random random;
    int worse = 0, cases = 0;
    fg_random_init(&random, 5);
    for (int trial = 0; trial < DESCENT_TRIALS; trial++) {
        const int taps = 1 + trial % MOST_TAPS, range = taps == 1 ? 401 : taps == 2 ? 41 : 12;
        struct grid grid = random_grid(&random, taps, range, 20);
        const int n = grid.combinations, periods = (int)(1.1e6 / (21 * n)) + 1;
        int *level = calloc((size_t)periods, sizeof *level);
        for (int t = 0; t < periods; t++)
            level[t] = t * grid.levels / periods; /* few changes: what is violated is searched anew in each period */
        for (int l = 0; l < grid.levels; l++)
            grid.scale[l] = (double)llround(grid.scale[l] * 1e6) / 1e6;
        double *violation = calloc((size_t)n * (size_t)grid.levels, sizeof(double));
        double *import = calloc((size_t)n * (size_t)grid.levels, sizeof(double));
        enumerate(&grid, 40, violation, import);
        struct fg_market *market;
        struct fg_clear_result *result = clear_grid_of(&grid, periods, level, 40, &market);
        for (int t = 0; t < periods; t += periods / 7) {
            const double *v = violation + level[t] * n;
            double least = INFINITY;
            for (int c = 0; c < n; c++)
                least = fmin(least, v[c]);
            cases++;
            worse += v[combination_of(&grid, result, t)] > least + 3e-6 * fmax(least, 1);
        }
        free(level);
        free(violation);
        free(import);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(grid.network);
    }
    print_message("descent: %d of %d periods above the enumerated least violation\n", worse, cases);
    assert_int_equal(worse, 0);
}

/* -- the market on the chosen taps --------------------------------------------------------------------------------------- */

/* A feeder behind a transformer: sagging in the evening, lifted by generation at noon. */
static struct fg_network *day_grid(double extra_mw, int extra_bus)
{
    struct fg_network *network = feeder(4, 0.015, 0.02, INFINITY);
    load(network, "d2", 2, 0.6 + (extra_bus == 2 ? extra_mw : 0), 0.2);
    load(network, "d4", 4, 0.55 + (extra_bus == 4 ? extra_mw : 0), 0.15);
    assert_non_null(fg_network_add_injection(network, "pv", FG_INJECTION_STATIC_GENERATOR, 4, 2, 0));
    band(network, 0.96, 1.04);
    make_tap(network, 0, -3, 3, 0, 0.01);
    return network;
}

static const double day_load[4] = { 0.4, 1.6, 1.5, 0.2 }, day_generation[4] = { 0, 0, 0, 1 };

static struct fg_market *day_market(enum fg_market_physics physics)
{
    struct fg_market *market = market_of(4, 35, physics);
    for (int t = 0; t < 4; t++) {
        market->scale_load_u[t] = llround(day_load[t] * FG_FRACTION_ONE);
        market->scale_generation_u[t] = llround(day_generation[t] * FG_FRACTION_ONE);
    }
    offer(market, "up2", FG_REGULATION_UP, "2", 0, 4, 0.9, 70);
    offer(market, "up4", FG_REGULATION_UP, "4", 0, 4, 0.5, 75);
    offer(market, "down4", FG_REGULATION_DOWN, "4", 0, 4, 1.2, -10);
    return market;
}

/* Power flow of one period of the schedule on a network whose taps have been set, beside the clearing. */
static void assert_schedule_holds(const struct fg_clear_result *result, int period)
{
    struct fg_error err = { 0 };
    struct fg_network *network = fg_network_clone(result->network);
    struct fg_powerflow *flow;
    struct fg_powerflow_result *state;
    fg_branch_set_tap(&network->branches[0], position_of(result, period, 0));
    for (size_t i = 0; i < network->injection_count; i++) {
        double scale = network->injections[i].kind == FG_INJECTION_LOAD ? day_load[period] : day_generation[period];
        network->injections[i].p_mw *= scale;
        network->injections[i].q_mvar *= scale;
    }
    double change[5] = { 0 };
    for (int32_t o = 0; o < 3; o++)
        change[o == 0 ? 2 : 4] += (o == 2 ? -1 : 1) * accepted_mw(result, o, period);
    for (int b = 1; b < 5; b++)
        assert_non_null(fg_network_add_injection(network, b == 1 ? "x1" : b == 2 ? "x2" : b == 3 ? "x3" : "x4",
                                                 FG_INJECTION_STATIC_GENERATOR, b, change[b], 0));
    must(fg_powerflow_create(network, NULL, &flow, &err), &err);
    must(fg_powerflow_result_create(network, &state, &err), &err);
    must(fg_powerflow_solve(flow, state, &err), &err);
    for (size_t b = 0; b < network->bus_count; b++) {
        assert_near(result->after[period].vm_pu[b], state->vm_pu[b], 1e-7);
        assert_true(b == 0 || (state->vm_pu[b] > 0.96 - 1e-5 && state->vm_pu[b] < 1.04 + 1e-5));
    }
    fg_powerflow_result_destroy(state);
    fg_powerflow_destroy(flow);
    fg_network_destroy(network);
}

static void a_day_has_positions_of_its_own(void **state)
{
    (void)state;
    struct fg_network *network = day_grid(0, 0);
    struct fg_market *market = day_market(FG_MARKET_AC);
    controllable(market, "l1");
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    /* nothing before it is needed; the evening is beyond the range; noon goes the other way */
    assert_int_equal(position_of(result, 0, 0), 0);
    assert_int_equal(position_of(result, 1, 0), -3);
    assert_int_equal(position_of(result, 2, 0), -3);
    assert_true(position_of(result, 3, 0) > 0);
    for (int t = 0; t < 4; t++)
        assert_schedule_holds(result, t);
    assert_true(accepted_mw(result, 0, 1) + accepted_mw(result, 1, 1) > 0.05);
    assert_true(result->bound <= result->cost + 1e-6);
    assert_true(result->gap < 0.1); /* noon's reverse flow meets an upper voltage limit, where the cone is loose */
    assert_near(result->published_cost, result->cost, 0.01 * fabs(result->cost));
    assert_parts_add_up(result);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* The cost in absolute terms of the market with its taps held at a position; price of the bus in period 1. */
static double held_cost(enum fg_market_physics physics, int position, int bus, double extra_mw)
{
    struct fg_network *network = day_grid(extra_mw, bus);
    struct fg_market *market = day_market(physics);
    fg_branch_set_tap(&network->branches[0], position);
    for (int t = 0; t < 4; t++)
        market->scale_load_u[t] = t == 1 ? FG_FRACTION_ONE * 8 / 5 : 0, market->scale_generation_u[t] = 0;
    struct fg_clear_result *result = cleared(network, market);
    double cost = result->cost + 35 * (physics == FG_MARKET_AC ? result->before[1].slack_p_mw : 1.6 * (1.15 + extra_mw));
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
    return cost;
}

static void prices_are_differences_with_taps_held(void **state)
{
    (void)state;
    static const enum fg_market_physics all[] = { FG_MARKET_AC, FG_MARKET_LINDISTFLOW };
    const double step = 0.002;
    for (int i = 0; i < 2; i++) {
        struct fg_network *network = day_grid(0, 0);
        struct fg_market *market = day_market(all[i]);
        controllable(market, "l1");
        struct fg_clear_result *result = cleared(network, market);
        int position = position_of(result, 1, 0);
        assert_int_equal(position, -3);
        for (int bus = 2; bus <= 4; bus += 2) {
            double p = price_p(result, 1, bus)->total, q = result->price_q[5 + (size_t)bus].total;
            double up = held_cost(all[i], position, bus, step), down = held_cost(all[i], position, bus, -step);
            assert_true(p > 60 && q > 5); /* the voltage binds */
            assert_near((up - down) / (2 * 1.6 * step), p, 0.03);
            /* at the network's own position the price is another one */
            if (bus == 4)
                assert_true(fabs((held_cost(all[i], 0, bus, step) - held_cost(all[i], 0, bus, -step)) / (3.2 * step) - p) > 0.2);
        }
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

/* A transformer, and behind it a line over its rating that only generation at its end relieves. */
static struct fg_network *loaded_grid(double highest, int position)
{
    struct fg_network *network = feeder(2, 0.005, 0.06, INFINITY);
    load(network, "d", 2, 1.6, 0.4);
    band(network, 0.92, highest);
    network->branches[1].r_pu = 0.06;
    network->branches[1].x_pu = 0.03;
    network->branches[1].rate_normal_mva = 1.2;
    make_tap(network, 0, -10, 10, position, 0.0125);
    return network;
}

static struct fg_clear_result *clear_loaded(struct fg_network *network, bool has_tap, struct fg_market **market)
{
    *market = market_of(1, 30, FG_MARKET_AC);
    offer(*market, "up", FG_REGULATION_UP, "2", 0, 1, 1.6, 60);
    if (has_tap)
        controllable(*market, "l1");
    return cleared(network, *market);
}

/* The first position that mends the sag of the baseline; an upper limit just above the voltage it gives bus 1. */
static double no_room(int *best)
{
    double highest = 0;
    for (int position = 0; position >= -10 && highest == 0; position--) {
        struct fg_market *market;
        struct fg_network *network = loaded_grid(INFINITY, position);
        struct fg_clear_result *result = clear_loaded(network, false, &market);
        if (result->before[0].vm_pu[2] >= 0.92) {
            *best = position;
            highest = result->before[0].vm_pu[1] + 2e-4;
        }
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
    return highest;
}

/* The position that is best for the baseline takes bus 1 to its upper limit; relieving the line would lift it over. The
 * second look goes a step back, and the offer then mends the sag as well. */
static void second_look_leaves_room_for_offers(void **state)
{
    (void)state;
    int best = 0, chosen;
    double cost[21], chosen_cost, highest = no_room(&best);
    struct fg_market *market;
    assert_true(best < -2 && best > -10);
    for (int position = -10; position <= 10; position++) {
        struct fg_network *network = loaded_grid(highest, position);
        struct fg_clear_result *result = clear_loaded(network, false, &market);
        cost[position + 10] = result->cost;
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
    struct fg_network *network = loaded_grid(highest, 0);
    struct fg_clear_result *result = clear_loaded(network, true, &market);
    chosen = position_of(result, 0, 0);
    /* costs leave out the import of the baseline, which the market with the tap has at position 0 */
    chosen_cost = result->cost + 30 * result->before[0].slack_p_mw - 30 * result->with_taps[0].slack_p_mw;
    assert_int_equal(chosen, best + 1);
    assert_near(chosen_cost, cost[chosen + 10], 1e-3);
    assert_true(cost[chosen + 10] < cost[best + 10] - 10); /* a real difference: a violation was left */
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* -- refusals and failures ------------------------------------------------------------------------------------------------- */

static void what_cannot_move_is_refused_at_its_place(void **state)
{
    (void)state;
    static const char *const why[] = { "no branch", "no transformer", "no tap changer", "one position", "out of service",
                                       "out of service" };
    for (int i = 0; i < 6; i++) {
        struct fg_network *network = day_grid(0, 0);
        struct fg_market *market = day_market(FG_MARKET_AC);
        struct fg_clear_result *result = NULL;
        struct fg_error err = { 0 };
        controllable(market, i == 0 ? "l9" : i == 1 ? "l2" : "l1");
        market->controllable_taps[0].place = "m.json#/controllable_taps/0";
        network->branches[1].kind = FG_BRANCH_LINE;
        network->branches[0].tap.exists = i != 2;
        if (i == 3)
            network->branches[0].tap.minimum = network->branches[0].tap.maximum = 0;
        network->branches[3].in_service = true;
        if (i == 4) { /* a second source keeps what is behind it supplied */
            network->branches[0].in_service = false;
            struct fg_generator *second = fg_network_add_generator(network, "second", FG_GENERATOR_SOURCE, 1);
            second->vm_set_pu = 1;
        }
        if (i == 5)
            network->branches[0].to_closed = false;
        assert_int_equal(fg_clear(network, market, NULL, &result, &err), FG_ERR_VALUE);
        assert_null(result);
        assert_string_equal(err.place, "m.json#/controllable_taps/0");
        assert_non_null(strstr(err.text, why[i]));
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    int best = 0;
    struct fg_network *network = loaded_grid(no_room(&best), 0); /* with a second look */
    struct fg_market *market = market_of(1, 30, FG_MARKET_AC);
    struct fg_error err = { 0 };
    bool is_done = false;
    offer(market, "up", FG_REGULATION_UP, "2", 0, 1, 1.6, 60);
    controllable(market, "l1");
    must(fg_market_validate(market, &err), &err);
    long n = 1;
    for (; !is_done && n < 100000; n += n < 400 ? 1 : 37) {
        struct fg_clear_result *result = NULL;
        fg_alloc_fail_after(n);
        enum fg_code code = fg_clear(network, market, NULL, &result, &err);
        fg_alloc_fail_after(0);
        is_done = code == FG_OK;
        if (!is_done) {
            assert_int_equal(code, FG_ERR_MEMORY);
            assert_null(result);
        }
        fg_clear_result_destroy(result);
    }
    assert_true(is_done && n > 100);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_too_low_is_lifted_without_orders),
        cmocka_unit_test(nothing_moves_without_need_or_voltage),
        cmocka_unit_test(offers_complete_what_taps_leave),
        cmocka_unit_test(exact_search_is_the_enumeration),
        cmocka_unit_test(descent_finds_the_least_violation),
        cmocka_unit_test(a_day_has_positions_of_its_own),
        cmocka_unit_test(prices_are_differences_with_taps_held),
        cmocka_unit_test(second_look_leaves_room_for_offers),
        cmocka_unit_test(what_cannot_move_is_refused_at_its_place),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
