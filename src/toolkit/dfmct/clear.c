#include "toolkit/dfmct/clear_run.h"

#include "base/instant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const int32_t ATTEMPTS = 3; /* after which all periods may shed */
static const int32_t TAP_ROUNDS = 4; /* of the second look at taps */
static const int32_t CIRCLE_ROUNDS = 5; /* searches with circles better drawn */

const char *fg_clear_status_word(enum fg_clear_status status)
{
    static const char *const words[] = { "cleared", "partly_solved", "failed" };
    return words[status];
}

const char *fg_clear_limit_word(enum fg_clear_limit_kind kind)
{
    static const char *const words[] = { "voltage_low", "voltage_high", "branch", "substation_p", "substation_q",
                                         "not_served" };
    return words[kind];
}

const char *fg_clear_limit_element(const struct fg_network *network, const struct fg_clear_limit *limit)
{
    if (limit->element < 0)
        return "";
    return limit->kind == FG_CLEAR_LIMIT_BRANCH ? network->branches[limit->element].id : network->buses[limit->element].id;
}

struct fg_clear_options fg_clear_defaults(void)
{
    return (struct fg_clear_options){ .time_limit_s = 60, .gap_target = 0.005 };
}

double clear_run_left(const struct clear_run *run)
{
    return run->deadline - fg_clock_seconds();
}

bool clear_run_interrupted(const struct clear_run *run)
{
    return run->options.interrupt != NULL && atomic_load(run->options.interrupt) != 0;
}

bool clear_run_restarts(struct clear_run *run, int32_t marked)
{
    const double used = fg_clock_seconds() - run->attempt_started;
    run->restart = marked > 0 && !clear_run_interrupted(run) && clear_run_left(run) > 2 * used;
    run->lacks_shedding = run->lacks_shedding || (marked > 0 && !run->restart);
    return run->restart;
}

void clear_run_progress(const struct clear_run *run, const char *stage, double fraction)
{
    if (run->options.progress != NULL)
        run->options.progress(run->options.progress_user, stage, fraction);
}

double clear_request_value(const struct clear_model *model, const double *x)
{
    double value = 0;
    for (size_t c = 0; c < model->column_count; c++)
        if (model->market->orders[model->columns[c].order].side == FG_SIDE_BUY)
            value -= model->variables[c].cost * x[c];
    return value;
}

double clear_gap_scale(const struct clear_run *run)
{
    if (!run->has_incumbent)
        return fmax(fabs(run->continuous_cost), 1);
    return fmax(fmax(fabs(run->cost), clear_request_value(run->model, run->x)), 1);
}

void clear_grid_state(const struct clear_grid *grid, int32_t period, double *vm, double *va)
{
    for (int32_t n = 0; n < grid->model->topology->node_count; n++) {
        struct fg_opf_node node = fg_opf_node(grid->opf, period, n);
        vm[n] = node.vm_pu;
        va[n] = node.va_rad;
    }
}

void clear_schedule_deviation(const struct clear_model *model, const double *x, int32_t period, double *p_mw,
                              double *q_mvar)
{
    for (size_t i = model->effect_start[period]; i < model->effect_start[period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        if (e->variable >= model->slack_p[0])
            continue;
        double change = x[e->variable] - model->variables[e->variable].base;
        p_mw[e->node] += e->p * change;
        q_mvar[e->node] += e->q * change;
    }
}

/* -- result ------------------------------------------------------------------------------------------------------------ */

static enum fg_code result_create(const struct fg_network *network, const struct fg_market *market,
                                  struct fg_clear_result **out, struct fg_error *err)
{
    struct fg_clear_result *result = fg_alloc(1, sizeof *result);
    size_t periods = (size_t)market->period_count, buses = network->bus_count;
    enum fg_code code = FG_OK;
    *out = result;
    if (result == NULL)
        return fg_fail_memory(err);
    fg_arena_init(&result->arena);
    result->network = network;
    result->market = market;
    result->status = FG_CLEAR_FAILED;
    result->bound = -INFINITY;
    result->gap = result->integer_gap = result->relaxation_gap = INFINITY; /* until there is a schedule */
    result->cost = result->welfare = result->published_cost = NAN;
    result->accepted = fg_arena_alloc(&result->arena, market->order_period_count + 1, sizeof *result->accepted);
    result->need_price = fg_arena_alloc(&result->arena, market->order_period_count + 1, sizeof *result->need_price);
    result->fraction = fg_arena_alloc(&result->arena, market->order_count + 1, sizeof(double));
    result->price_p = fg_arena_alloc(&result->arena, periods * buses, sizeof *result->price_p);
    result->price_q = fg_arena_alloc(&result->arena, periods * buses, sizeof *result->price_q);
    result->match_p = fg_arena_alloc(&result->arena, 2 * periods, sizeof(double));
    result->match_q = fg_arena_alloc(&result->arena, 2 * periods, sizeof(double));
    result->tap_position = fg_arena_alloc(&result->arena, periods * network->branch_count + 1, sizeof(int32_t));
    result->before = fg_arena_alloc(&result->arena, periods, sizeof *result->before);
    result->after = fg_arena_alloc(&result->arena, periods, sizeof *result->after);
    result->with_taps = fg_arena_alloc(&result->arena, periods, sizeof *result->with_taps);
    if (result->accepted == NULL || result->need_price == NULL || result->fraction == NULL || result->price_p == NULL ||
        result->price_q == NULL || result->match_p == NULL || result->match_q == NULL || result->tap_position == NULL ||
        result->before == NULL || result->after == NULL || result->with_taps == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < periods * network->branch_count; i++)
        result->tap_position[i] = network->branches[i % network->branch_count].tap.position;
    for (size_t t = 0; t < periods && code == FG_OK; t++) {
        code = clear_flow_state_create(network, &result->arena, &result->before[t], err);
        if (code == FG_OK)
            code = clear_flow_state_create(network, &result->arena, &result->after[t], err);
    }
    return code;
}

void fg_clear_result_destroy(struct fg_clear_result *result)
{
    if (result == NULL)
        return;
    fg_settlement_release(&result->settlement);
    fg_arena_release(&result->arena);
    fg_free(result);
}

double fg_clear_not_served_mwh(const struct fg_clear_result *result)
{
    const size_t count = (size_t)result->market->period_count * result->network->bus_count;
    double mw = 0;
    for (size_t i = 0; result->not_served != NULL && i < count; i++)
        mw += fg_mw(result->not_served[i]);
    return mw * result->market->period_s / 3600;
}

/* -- stages -------------------------------------------------------------------------------------------------------------- */

static void explain(struct fg_clear_result *result, const char *text)
{
    snprintf(result->explanation, sizeof result->explanation, "%s", text);
}

void clear_run_explain_more(struct clear_run *run, const char *text)
{
    char *explanation = run->result->explanation;
    const size_t length = strlen(explanation);
    snprintf(explanation + length, sizeof run->result->explanation - length, "%s%s", length > 0 ? "; " : "", text);
}

/* Import at the baseline in the market's own physics: the power flow's in ac, the linear equations' otherwise. */
static enum fg_code baseline_import(struct clear_run *run, int32_t t, double *p_mw, double *q_mvar, struct fg_error *err)
{
    *p_mw = run->import_p[t];
    *q_mvar = run->import_q[t];
    if (run->physics == FG_PHYSICS_AC)
        return FG_OK;
    enum fg_code code = clear_linear_at(run->linear, t, NULL, NULL, run->node_p, run->node_q, err);
    *p_mw = *q_mvar = 0;
    for (int32_t i = 0; i < run->model->topology->island_count && code == FG_OK; i++) {
        *p_mw += clear_linear_value(run->linear, (struct clear_quantity){ CLEAR_SLACK_P, i });
        *q_mvar += clear_linear_value(run->linear, (struct clear_quantity){ CLEAR_SLACK_Q, i });
    }
    return code;
}

/* Of a period's baseline, P or Q at 1 p.u.: its import where losses have no finite answer. */
static double net_consumption(const struct clear_model *model, int32_t t, int product)
{
    const size_t nodes = (size_t)model->topology->node_count;
    double sum = 0;
    for (size_t n = 0; n < nodes; n++) {
        const struct fg_opf_injection *fixed = &model->baseline[(size_t)t * nodes + n];
        sum -= product == 0 ? fixed->p_mw + fixed->p_current_mw + fixed->p_impedance_mw
                            : fixed->q_mvar + fixed->q_current_mvar + fixed->q_impedance_mvar;
    }
    return sum;
}

/* Power flow of the baseline; the cost of its import is the constant that all costs leave out. */
static enum fg_code find_operating_point(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    size_t nodes = (size_t)model->topology->node_count;
    int32_t without = 0, first = -1;
    run->baseline_import_cost = run->result->baseline_cost = 0;
    for (int32_t t = 0; t < model->periods; t++) {
        struct fg_clear_state *state = &run->result->before[t];
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        enum fg_code code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, state, err);
        double import_p, import_q;
        if (code == FG_OK && !state->converged)
            clear_flow_forget(model->network, state);
        run->import_p[t] = state->converged ? state->slack_p_mw : net_consumption(model, t, 0);
        run->import_q[t] = state->converged ? state->slack_q_mvar : net_consumption(model, t, 1);
        if (code == FG_OK)
            code = baseline_import(run, t, &import_p, &import_q, err);
        if (code != FG_OK)
            return code;
        run->baseline_import_cost += model->hours * (fg_per_mwh(market->import_price[t]) * import_p +
                                                     fg_per_mwh(market->import_price_reactive[t]) * import_q);
        run->result->baseline_cost += state->converged ? clear_state_violation_cost(model, t, state, NULL) : NAN;
        if (!state->converged)
            first = without++ == 0 ? t : first;
    }
    if (without > 0)
        snprintf(run->result->explanation, sizeof run->result->explanation,
                 "the baseline has no power flow solution in %d of %d periods, first in period %d: there are no values "
                 "before, and the change of import counts from the net consumption without losses",
                 (int)without, (int)model->periods, (int)first);
    return FG_OK;
}

static enum fg_code solve_grid(struct clear_run *run, const signed char *decided, bool warm, struct fg_error *err)
{
    enum fg_code code = clear_grid_solve(run->grid, decided, warm, fmax(clear_run_left(run), 1), run->options.interrupt, err);
    run->result->opf_iterations += run->grid->result.iterations;
    run->result->seconds_opf += run->grid->result.seconds;
    if (code == FG_OK && warm && run->grid->result.status != FG_OPF_OPTIMAL && !clear_run_interrupted(run))
        return solve_grid(run, decided, false, err);
    return code;
}

/* A point that keeps every rule though the optimisation did not end there: better than no schedule. */
static bool is_feasible_only(const struct clear_run *run)
{
    const enum fg_opf_status status = run->grid->result.status;
    return status == FG_OPF_ITERATION_LIMIT && run->grid->result.infeasibility <= 1e-6;
}

/* No indivisible order is accepted; directions stay. Whatever the market, some schedule keeps all rules then. */
static void reject_indivisible(struct clear_run *run)
{
    for (size_t i = 0; i < run->model->choice_count; i++)
        if (run->model->choices[i].kind == CLEAR_ACCEPT)
            run->decided[i] = 0;
}

static enum fg_code solve_from_baseline(struct clear_run *run, struct fg_error *err)
{
    for (size_t v = 0; v < run->model->variable_count; v++)
        run->x[v] = run->model->variables[v].base;
    enum fg_code code = clear_grid_start(run->grid, run->result->with_taps, run->x, err);
    return code == FG_OK ? solve_grid(run, run->decided, false, err) : code;
}

/* Solve with the decisions of the search. Where an asset's circle has no place for them, which the integer program of linear
 * physics knows as a polygon around it, search again with the polygon better drawn. */
static enum fg_code solve_decided(struct clear_run *run, struct fg_error *err)
{
    const bool has_integers = run->model->choice_count > 0;
    enum fg_code code = FG_OK;
    for (int32_t round = 0; code == FG_OK; round++) {
        const bool rejects = has_integers && !run->has_incumbent;
        if (rejects)
            reject_indivisible(run);
        code = solve_grid(run, has_integers ? run->decided : NULL, true, err);
        if (code == FG_OK && rejects && run->grid->result.status != FG_OPF_OPTIMAL && !is_feasible_only(run))
            code = solve_from_baseline(run, err);
        const enum fg_opf_status status = run->grid->result.status;
        if (code != FG_OK || status == FG_OPF_OPTIMAL || status == FG_OPF_TIME_LIMIT || status == FG_OPF_INTERRUPTED ||
            is_feasible_only(run) || !has_integers || rejects)
            break;
        bool again = run->physics != FG_PHYSICS_AC && round < CIRCLE_ROUNDS &&
                     clear_model_refine_circles(run->model, run->x) > 0;
        run->has_incumbent = false;
        if (run->model->failed)
            code = fg_fail_memory(err);
        else if (again)
            code = clear_integer_search(run, err);
    }
    return code;
}

/* The schedule with every decision taken: prices are read at this solution. */
static enum fg_code solve_final(struct clear_run *run, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    if (run->grid == NULL)
        code = clear_grid_create(run->model, run->physics, &run->grid, err);
    bool solved = code == FG_OK && run->grid->has_solution && run->has_incumbent &&
                  memcmp(run->x, run->grid->x, run->model->column_count * sizeof(double)) == 0;
    if (code == FG_OK && !solved)
        code = solve_decided(run, err);
    if (code != FG_OK || run->restart)
        return code;
    memcpy(run->x, run->grid->x, run->model->variable_count * sizeof(double));
    /* Without circles, which the integer program has as polygons around them, the simplex method has found the same
     * optimum of linear physics to full accuracy. */
    bool is_exact = run->has_incumbent && run->physics != FG_PHYSICS_AC && run->model->circle_count == 0;
    double cost = run->grid->cost - run->baseline_import_cost;
    run->cost = is_exact && isfinite(run->cost) ? run->cost : cost;
    if (run->model->choice_count == 0 && run->physics == FG_PHYSICS_AC)
        run->continuous_cost = run->cost;
    run->has_incumbent = run->grid->result.status == FG_OPF_OPTIMAL || is_feasible_only(run);
    if (is_feasible_only(run))
        clear_run_explain_more(run, "the optimisation reached its iteration limit at a schedule that keeps all rules; it may "
                                    "not be the cheapest, and prices are approximate");
    return FG_OK;
}

static void read_costs(struct clear_run *run)
{
    const struct clear_model *model = run->model;
    struct fg_clear_result *result = run->result;
    double import = 0, violation = 0;
    struct clear_worst worst = { 0, 0 };
    bool converged = true;
    for (int32_t t = 0; t < model->periods; t++) {
        const struct fg_clear_state *after = &result->after[t];
        converged = converged && after->converged;
        import += model->hours * (fg_per_mwh(model->market->import_price[t]) * (after->slack_p_mw - run->import_p[t]) +
                                  fg_per_mwh(model->market->import_price_reactive[t]) *
                                      (after->slack_q_mvar - run->import_q[t]));
        violation += clear_state_violation_cost(model, t, after, &worst);
    }
    for (size_t i = 0; result->not_served != NULL && i < (size_t)model->periods * model->network->bus_count; i++)
        violation += model->hours * fg_mw(result->not_served[i]) * fg_per_mwh(model->market->scarcity_not_served);
    bool served = result->not_served == NULL;
    result->import_cost = import;
    result->violation_cost = violation;
    result->published_cost = result->offer_cost - result->request_value + import + violation;
    result->max_violation = worst.size;
    if (!converged)
        explain(result, "the power flow of the rounded schedule does not converge");
    result->status = !converged ? FG_CLEAR_FAILED
                     : worst.tolerances <= 1 && served ? FG_CLEAR_CLEARED : FG_CLEAR_PARTLY_SOLVED;
    result->cost = run->cost;
    result->welfare = -run->cost;
    double scale = fmax(fmax(fabs(run->cost), clear_request_value(model, run->x)), 1);
    if (isfinite(result->bound)) {
        /* What the integers cost, measured on the full physics or inside the relaxation; the rest is the relaxation's. */
        double whole = fmax(run->cost - result->bound, 0);
        double integer = fmin(whole, fmax(run->cost - run->continuous_cost, 0));
        if (!isnan(run->relaxed_cost))
            integer = fmin(integer, fmax(run->relaxed_cost - result->bound, 0));
        result->gap = whole / scale;
        result->integer_gap = integer / scale;
        result->relaxation_gap = (whole - integer) / scale;
    } else {
        result->gap = result->relaxation_gap = INFINITY;
        result->integer_gap = fmax(run->cost - run->continuous_cost, 0) / scale;
    }
}

/* The continuous relaxation on the grid with its present taps, from a start near its limits. */
static enum fg_code relax(struct clear_run *run, struct fg_error *err)
{
    enum fg_code code = clear_grid_create(run->model, run->physics, &run->grid, err);
    if (code == FG_OK)
        code = clear_start_schedule(run, err);
    if (code == FG_OK)
        code = clear_grid_start(run->grid, run->result->after, run->x, err);
    return code == FG_OK ? solve_grid(run, NULL, false, err) : code;
}

/* Steps of taps while violations remain in the relaxation and its cost falls; the cheapest is kept. */
static enum fg_code look_again_at_taps(struct clear_run *run, struct fg_error *err)
{
    struct clear_model *model = run->model;
    const size_t bytes = (size_t)model->periods * model->tap_count * sizeof *model->tap_position;
    int32_t *kept = fg_alloc((size_t)model->periods * model->tap_count, sizeof *kept);
    enum fg_code code = kept == NULL ? fg_fail_memory(err) : FG_OK;
    for (int32_t round = 0; round < TAP_ROUNDS && code == FG_OK; round++) {
        double seconds = run->grid->result.seconds, cost = run->grid->cost;
        if (run->grid->result.status != FG_OPF_OPTIMAL || clear_run_left(run) < 5 * seconds || clear_run_interrupted(run))
            break;
        memcpy(kept, model->tap_position, bytes);
        if (!clear_step_taps(run))
            break;
        struct clear_grid *before = run->grid;
        run->grid = NULL;
        code = clear_publish_taps(run, err);
        if (code == FG_OK)
            code = relax(run, err);
        bool is_cheaper = code == FG_OK && run->grid->result.status == FG_OPF_OPTIMAL &&
                          run->grid->cost < cost - 1e-3 * fmax(fabs(cost - run->baseline_import_cost), 1);
        if (is_cheaper) {
            clear_grid_destroy(before);
            continue;
        }
        clear_grid_destroy(run->grid);
        run->grid = before;
        memcpy(model->tap_position, kept, bytes);
        if (code == FG_OK)
            code = clear_publish_taps(run, err);
        break;
    }
    fg_free(kept);
    return code;
}

/* Periods whose baseline has no power flow even with the operator's taps ask for power not served. */
static bool lacks_power_flow(struct clear_run *run)
{
    const struct fg_clear_result *result = run->result;
    int32_t marked = 0, solved = 0;
    for (int32_t t = 0; t < run->model->periods; t++) {
        const bool has_flow = result->with_taps[t].converged;
        solved += has_flow && !result->before[t].converged;
        marked += !has_flow && !run->sheds[t];
        run->sheds[t] = run->sheds[t] || !has_flow;
    }
    if (solved > 0) {
        char text[80];
        snprintf(text, sizeof text, "with the chosen taps it has one in %d of them", (int)solved);
        clear_run_explain_more(run, text);
    }
    return clear_run_restarts(run, marked);
}

/* Would power not served lower the cost of the grid's last solution? Then the market is solved again with it. A problem
 * without a solution asks for it in every period. */
static bool needs_shedding(struct clear_run *run)
{
    const enum fg_opf_status status = run->grid->result.status;
    int32_t marked = 0;
    if (status == FG_OPF_OPTIMAL)
        marked = clear_shed_mark(run, run->grid);
    else if (status != FG_OPF_TIME_LIMIT && status != FG_OPF_INTERRUPTED)
        marked = clear_shed_mark_all(run);
    if (marked > 0 && run->attempts >= ATTEMPTS)
        clear_shed_mark_all(run);
    return clear_run_restarts(run, marked);
}

static enum fg_code run_stages(struct clear_run *run, struct fg_error *err)
{
    struct fg_clear_result *result = run->result;
    const struct clear_model *model = run->model;
    const bool has_integers = model->choice_count > 0;
    clear_run_progress(run, "operating point", 0.02);
    enum fg_code code = find_operating_point(run, err);
    if (code == FG_OK) {
        clear_run_progress(run, "taps", 0.04);
        code = clear_choose_taps(run, err);
    }
    if (code != FG_OK || lacks_power_flow(run))
        return code;
    double start = fg_clock_seconds();
    if (run->physics == FG_PHYSICS_AC) {
        clear_run_progress(run, "continuous relaxation", 0.1);
        code = relax(run, err);
        if (code == FG_OK && model->tap_count > 0)
            code = look_again_at_taps(run, err);
        if (code == FG_OK && needs_shedding(run))
            return FG_OK;
        if (code == FG_OK)
            run->continuous_cost = run->grid->cost - run->baseline_import_cost;
    }
    if (code == FG_OK && (has_integers || run->physics != FG_PHYSICS_AC)) {
        clear_run_progress(run, "integer decisions", 0.3);
        start = fg_clock_seconds();
        code = clear_integer_search(run, err);
        result->seconds_integer = fg_clock_seconds() - start;
        if (code != FG_OK || run->restart)
            return code;
    }
    if (code == FG_OK && run->physics == FG_PHYSICS_AC && !run->options.without_bound) {
        clear_run_progress(run, "bound", 0.6);
        code = clear_relaxation_bound(run, err);
        if (code != FG_OK || run->restart)
            return code;
    }
    if (code == FG_OK)
        code = solve_final(run, err);
    if (code != FG_OK || run->restart || needs_shedding(run))
        return code;
    if (run->lacks_shedding) {
        explain(result, "time was too short to solve the market again with power not served, which would lower its cost");
        result->bound = run->physics == FG_PHYSICS_AC ? result->bound : -INFINITY; /* ac: minorants allow for it */
    }
    if (!run->has_incumbent) {
        if (clear_run_interrupted(run))
            return fg_fail(err, FG_ERR_INTERRUPTED, NULL, "interrupted before a schedule was found");
        snprintf(result->explanation, sizeof result->explanation,
                 "the optimisation ended with status %s after %d iterations; no schedule is published",
                 fg_opf_status_text(run->grid->result.status), (int)run->grid->result.iterations);
        return FG_OK;
    }
    clear_run_progress(run, "prices", 0.8);
    code = clear_price_schedule(run, err);
    start = fg_clock_seconds();
    clear_run_progress(run, "rounding and check", 0.85);
    if (code == FG_OK)
        code = clear_round_schedule(run, err);
    if (code == FG_OK)
        code = clear_repair_schedule(run, err);
    result->seconds_check = fg_clock_seconds() - start;
    if (code == FG_OK)
        code = clear_settle_schedule(run, err);
    if (code == FG_OK) {
        read_costs(run);
        code = clear_list_limits(run, err);
    }
    clear_run_progress(run, "done", 1);
    return code;
}

static enum fg_code run_allocate(struct clear_run *run, struct fg_error *err)
{
    size_t nodes = (size_t)run->model->topology->node_count;
    double **scratch[4] = { &run->slope_p, &run->slope_q, &run->node_p, &run->node_q };
    for (int i = 0; i < 4; i++) {
        *scratch[i] = fg_alloc(nodes, sizeof(double));
        if (*scratch[i] == NULL)
            return fg_fail_memory(err);
    }
    double **periods[3] = { &run->import_p, &run->import_q, &run->shed_worth };
    for (int i = 0; i < 3; i++) {
        *periods[i] = fg_alloc((size_t)run->model->periods * (i < 2 ? 1 : run->model->network->bus_count), sizeof(double));
        if (*periods[i] == NULL)
            return fg_fail_memory(err);
    }
    run->decided = fg_alloc(run->model->choice_count, sizeof *run->decided);
    run->x = fg_alloc(run->model->variable_count, sizeof *run->x);
    return run->decided == NULL || run->x == NULL ? fg_fail_memory(err) : FG_OK;
}

/* Everything but the options, the result and the marks of shedding, so that another attempt can begin. */
static void run_release(struct clear_run *run)
{
    clear_grid_destroy(run->grid);
    clear_linear_destroy(run->linear);
    clear_flow_destroy(run->flow);
    clear_model_destroy(run->model);
    run->grid = NULL;
    run->linear = NULL;
    run->flow = NULL;
    run->model = NULL;
    double **blocks[] = { &run->x, &run->slope_p, &run->slope_q, &run->node_p, &run->node_q, &run->import_p, &run->import_q,
                          &run->shed_worth };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        fg_free(*blocks[i]);
        *blocks[i] = NULL;
    }
    fg_free(run->decided);
    run->decided = NULL;
}

/* Build the model with power not served where it is marked, and clear. */
static enum fg_code run_attempt(struct clear_run *run, struct fg_error *err)
{
    run->attempts++;
    run->attempt_started = fg_clock_seconds();
    run->restart = run->has_incumbent = run->lacks_shedding = false;
    run->relaxed_cost = NAN;
    run->cost = run->continuous_cost = 0;
    run->result->bound = -INFINITY;
    run->result->explanation[0] = '\0';
    enum fg_code code = clear_model_create(run->result->network, run->result->market, run->sheds, &run->model, err);
    if (code == FG_OK && run->physics == FG_PHYSICS_LINDISTFLOW && !run->model->topology->is_radial)
        code = fg_fail(err, FG_ERR_UNSUPPORTED, run->result->market->source, "physics lindistflow needs a radial network; open "
                       "a switch or line in every loop, or choose ac or dc");
    if (code == FG_OK)
        code = run_allocate(run, err);
    if (code == FG_OK)
        code = clear_flow_create(run->model, &run->flow, err);
    if (code == FG_OK)
        code = clear_linear_create(run->model, run->physics, &run->linear, err);
    if (code == FG_OK)
        code = run_stages(run, err);
    run->result->variable_count = run->model == NULL ? 0 : run->model->variable_count;
    run->result->row_count = run->model == NULL ? 0 : run->model->row_count;
    run->result->integer_count = run->model == NULL ? 0 : run->model->choice_count;
    run_release(run);
    return code;
}

enum fg_code fg_clear(const struct fg_network *network, const struct fg_market *market,
                      const struct fg_clear_options *options, struct fg_clear_result **out, struct fg_error *err)
{
    static const enum fg_physics physics[] = { [FG_MARKET_AC] = FG_PHYSICS_AC,
                                               [FG_MARKET_LINDISTFLOW] = FG_PHYSICS_LINDISTFLOW,
                                               [FG_MARKET_DC] = FG_PHYSICS_DC,
                                               [FG_MARKET_NONE] = FG_PHYSICS_NONE };
    struct clear_run run = { .options = options != NULL ? *options : fg_clear_defaults(),
                             .physics = physics[market->physics], .started = fg_clock_seconds() };
    run.deadline = run.started + run.options.time_limit_s;
    *out = NULL;
    if (market->period_count < 1)
        return fg_fail(err, FG_ERR_ARGUMENT, market->source, "market %s has no periods", market->id);
    enum fg_code code = result_create(network, market, &run.result, err);
    run.sheds = fg_alloc((size_t)market->period_count, sizeof *run.sheds);
    if (code == FG_OK && run.sheds == NULL)
        code = fg_fail_memory(err);
    do
        code = code == FG_OK ? run_attempt(&run, err) : code;
    while (code == FG_OK && run.restart);
    fg_free(run.sheds);
    if (code == FG_OK) {
        run.result->seconds = fg_clock_seconds() - run.started;
        *out = run.result;
    } else {
        fg_clear_result_destroy(run.result);
    }
    return code;
}
