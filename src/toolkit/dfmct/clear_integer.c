/* Integer decisions.
 *
 * Linear physics: the program's limits are exact rows, found as they are violated; its relaxation, then the integer
 * program, are solved until nothing new is violated, so that bound and incumbent are the market's own.
 * ac: the program is the tangent of the AC problem at its continuous optimum (cost of the slack, limits that bind or
 * nearly bind); its decisions are confirmed by the AC composition with the binaries fixed, then the tangent moves to the
 * new point, until the integer gap is met, a set of decisions repeats, or time is up. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static const double NEAR_VOLTAGE_PU = 0.004, NEAR_RATING = 0.05; /* limits of a tangent program */
static const int32_t ROUNDS_LINEAR = 40, ROUNDS_AC = 6;

/* Prices of the slack in one period (hours included): cost of one MW, Mvar imported, summed over islands alike. */
static enum fg_code add_slack_cost(struct clear_run *run, struct clear_program *program, int32_t t, bool exact_constant,
                                   struct fg_error *err)
{
    const struct clear_model *model = run->model;
    size_t nodes = (size_t)model->topology->node_count;
    const double prices[2] = { model->hours * fg_per_mwh(model->market->import_price[t]),
                               model->hours * fg_per_mwh(model->market->import_price_reactive[t]) };
    for (int product = 0; product < 2; product++)
        for (int32_t i = 0; i < model->topology->island_count && prices[product] != 0; i++) {
            struct clear_quantity slack = { product == 0 ? CLEAR_SLACK_P : CLEAR_SLACK_Q, i };
            enum fg_code code = clear_linear_slopes(run->linear, slack, run->slope_p, run->slope_q, err);
            if (code != FG_OK)
                return code;
            double at_zero = exact_constant ? clear_linear_value(run->linear, slack) : 0;
            for (size_t n = 0; n < nodes; n++) {
                at_zero -= run->slope_p[n] * run->node_p[n] + run->slope_q[n] * run->node_q[n];
                run->slope_p[n] *= prices[product];
                run->slope_q[n] *= prices[product];
            }
            clear_program_add_cost(program, t, run->slope_p, run->slope_q);
            if (exact_constant) {
                clear_shed_weigh(run, t, 1, run->slope_p, run->slope_q);
                program->constant += prices[product] * at_zero;
            }
        }
    return FG_OK;
}

/* How the limits of a program are chosen at a point. */
struct selection {
    double voltage, rating; /* distance within which a limit is taken */
    bool squared;           /* lindistflow: voltages are squared */
    bool separates;         /* only limits whose violation the program does not admit yet */
};

static enum fg_code add_limit(struct clear_run *run, struct clear_program *program, int32_t t,
                              const struct clear_limit *limit, double value, const double *x, int32_t *added,
                              struct fg_error *err)
{
    enum fg_code code = clear_linear_slopes(run->linear, limit->quantity, run->slope_p, run->slope_q, err);
    if (code == FG_OK && run->physics != FG_PHYSICS_AC)
        clear_shed_weigh(run, t, run->model->hours * limit->price * (limit->is_lower ? -1 : 1), run->slope_p, run->slope_q);
    if (code == FG_OK)
        code = clear_program_add_cut(program, t, limit, value, run->slope_p, run->slope_q, x, err);
    ++*added;
    return code;
}

static enum fg_code add_voltage_limits(struct clear_run *run, struct clear_program *program, int32_t t,
                                       struct selection near, const double *x, int32_t *added, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    for (int32_t n = 0; n < model->topology->node_count; n++) {
        if (!isnan(model->vm_held[n]))
            continue;
        struct clear_quantity quantity = { CLEAR_VOLTAGE, n };
        double value = clear_linear_value(run->linear, quantity);
        const double limits[2] = { clear_vm_min(model, t, n), clear_vm_max(model, t, n) };
        for (int upper = 0; upper < 2; upper++) {
            double bound = near.squared ? limits[upper] * limits[upper] : limits[upper];
            double excess = upper ? value - bound : bound - value;
            if (!isfinite(bound) || bound <= 0 || excess < -near.voltage)
                continue;
            struct clear_limit limit = { quantity, !upper, bound, clear_limit_price(model, t, quantity, !upper) };
            if (near.squared)
                limit.price /= 2;
            if (near.separates && excess <= clear_program_violation(program, t, &limit) - near.voltage)
                continue;
            enum fg_code code = add_limit(run, program, t, &limit, value, x, added, err);
            if (code != FG_OK)
                return code;
        }
    }
    return FG_OK;
}

static enum fg_code add_flow_limits(struct clear_run *run, struct clear_program *program, int32_t t,
                                    struct selection near, const double *x, int32_t *added, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    for (int32_t e = 0; e < model->topology->edge_count; e++) {
        double rate = clear_rate(model, t, e);
        if (!isfinite(rate))
            continue;
        const int ends = run->physics == FG_PHYSICS_AC ? 2 : 1;
        for (int to = 0; to < ends; to++) {
            struct clear_quantity quantity = { to ? CLEAR_FLOW_TO : CLEAR_FLOW_FROM, e };
            double value = clear_linear_value(run->linear, quantity), tolerance = 1e-7 * fmax(rate, 1);
            if (value < rate * (1 - near.rating) + (near.rating == 0 ? tolerance : 0))
                continue;
            /* Each end counts by its share: the price is per MVA over the rating, as a mean of the ends. */
            struct clear_limit limit = { quantity, false, rate,
                                         clear_limit_price(model, t, (struct clear_quantity){ CLEAR_FLOW_FROM, e }, false) / ends };
            if (near.separates && value - rate <= clear_program_violation(program, t, &limit) + tolerance)
                continue;
            enum fg_code code = add_limit(run, program, t, &limit, value, x, added, err);
            if (code != FG_OK)
                return code;
        }
    }
    return FG_OK;
}

/* The substation's limits on the sum of the islands' slacks, as far as the point is within `near` of them. */
static enum fg_code add_substation_limits(struct clear_run *run, struct clear_program *program, int32_t t, double near,
                                          const double *x, int32_t *added, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    size_t nodes = (size_t)model->topology->node_count;
    const struct fg_power limits[2][2] = { { market->substation_p_min, market->substation_p_max },
                                           { market->substation_q_min, market->substation_q_max } };
    for (int product = 0; product < 2; product++)
        for (int upper = 0; upper < 2; upper++) {
            double value = 0, bound = fg_mw(limits[product][upper]);
            bool exists = upper ? limits[product][1].w < FG_NO_LIMIT : limits[product][0].w > -FG_NO_LIMIT;
            double *sum_p = NULL;
            if (!exists)
                continue;
            sum_p = fg_alloc(2 * nodes, sizeof *sum_p);
            if (sum_p == NULL)
                return fg_fail_memory(err);
            enum fg_code code = FG_OK;
            for (int32_t i = 0; i < model->topology->island_count && code == FG_OK; i++) {
                struct clear_quantity slack = { product == 0 ? CLEAR_SLACK_P : CLEAR_SLACK_Q, i };
                int32_t variable = (product == 0 ? model->slack_p : model->slack_q)[t * model->topology->island_count + i];
                value += run->physics == FG_PHYSICS_AC ? x[variable] : clear_linear_value(run->linear, slack);
                code = clear_linear_slopes(run->linear, slack, run->slope_p, run->slope_q, err);
                for (size_t n = 0; n < nodes; n++) {
                    sum_p[n] += run->slope_p[n];
                    sum_p[nodes + n] += run->slope_q[n];
                }
            }
            struct clear_limit limit = { { product == 0 ? CLEAR_SLACK_P : CLEAR_SLACK_Q, 0 }, !upper, bound,
                                         fg_per_mwh(market->scarcity_overload) };
            double excess = upper ? value - bound : bound - value;
            bool wanted = near > 0 ? excess > -near * fmax(fabs(bound), 1)
                                   : excess > clear_program_violation(program, t, &limit) + 1e-7;
            if (code == FG_OK && wanted) {
                ++*added;
                if (run->physics != FG_PHYSICS_AC)
                    clear_shed_weigh(run, t, model->hours * limit.price * (upper ? 1 : -1), sum_p, sum_p + nodes);
                code = clear_program_add_cut(program, t, &limit, value, sum_p, sum_p + nodes, x, err);
            }
            fg_free(sum_p);
            if (code != FG_OK)
                return code;
        }
    return FG_OK;
}

static enum fg_code add_limits(struct clear_run *run, struct clear_program *program, int32_t t, struct selection near,
                               const double *x, int32_t *added, struct fg_error *err)
{
    enum fg_code code = add_voltage_limits(run, program, t, near, x, added, err);
    if (code == FG_OK)
        code = add_flow_limits(run, program, t, near, x, added, err);
    if (code == FG_OK)
        code = add_substation_limits(run, program, t, near.rating, x, added, err);
    return code;
}

static void read_decisions(const struct clear_model *model, const double *x, signed char *decided)
{
    for (size_t i = 0; i < model->choice_count; i++)
        decided[i] = x[model->choices[i].variable] > 0.5;
}

/* -- linear physics -------------------------------------------------------------------------------------------------- */

/* Costs of the slack and every limit that x violates. */
static enum fg_code separate(struct clear_run *run, struct clear_program *program, const double *x, bool with_cost,
                             int32_t *added, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    size_t nodes = (size_t)model->topology->node_count;
    struct selection violated = { -1e-9, 0, run->physics == FG_PHYSICS_LINDISTFLOW, true };
    enum fg_code code = FG_OK;
    *added = 0;
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        clear_schedule_deviation(model, x, t, run->node_p, run->node_q);
        code = clear_linear_at(run->linear, t, NULL, NULL, run->node_p, run->node_q, err);
        if (code == FG_OK && with_cost)
            code = add_slack_cost(run, program, t, true, err);
        if (code == FG_OK)
            code = add_limits(run, program, t, violated, x, added, err);
    }
    return code;
}

/* Solve and separate until nothing is violated; false in *closed when rounds or time ran out. */
static enum fg_code close_program(struct clear_run *run, struct clear_program *program, bool relax, bool *closed,
                                  struct fg_error *err)
{
    enum fg_code code = FG_OK;
    *closed = false;
    for (int32_t round = 0; round < ROUNDS_LINEAR && code == FG_OK && !*closed; round++) {
        int32_t added = 0;
        double scale = clear_gap_scale(run);
        if (clear_run_left(run) <= 0 || clear_run_interrupted(run))
            break;
        code = clear_program_solve(program, relax, relax ? NULL : run->has_incumbent ? run->x : NULL,
                                   run->options.gap_target / 4, run->options.gap_target / 4 * scale,
                                   0.5 * clear_run_left(run), err);
        run->result->integer_rounds++;
        if (code == FG_OK && !program->has_solution)
            break;
        if (code == FG_OK)
            code = separate(run, program, program->x, false, &added, err);
        *closed = added == 0;
    }
    return code;
}

static enum fg_code search_linear(struct clear_run *run, struct clear_program *program, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    bool closed = false;
    int32_t added;
    for (size_t v = 0; v < model->variable_count; v++)
        program->x[v] = model->variables[v].base;
    enum fg_code code = separate(run, program, program->x, true, &added, err);
    if (code == FG_OK)
        code = close_program(run, program, true, &closed, err);
    if (code != FG_OK || !program->has_solution)
        return code;
    if (program->status == FG_LP_OPTIMAL) {
        run->continuous_cost = program->objective - run->baseline_import_cost;
        run->result->bound = fmax(run->result->bound, run->continuous_cost);
    }
    if (model->choice_count > 0) {
        if (clear_run_restarts(run, clear_shed_mark_weighed(run)))
            return FG_OK;
        code = close_program(run, program, false, &closed, err);
        if (code != FG_OK || clear_run_restarts(run, clear_shed_mark_weighed(run)))
            return code;
        run->result->bound = fmax(run->result->bound, program->bound - run->baseline_import_cost);
    }
    if (!program->has_solution)
        return FG_OK;
    read_decisions(model, program->x, run->decided);
    memcpy(run->x, program->x, model->variable_count * sizeof(double));
    run->cost = closed ? program->objective - run->baseline_import_cost : INFINITY; /* limits are left to find */
    run->has_incumbent = true;
    return FG_OK;
}

/* -- ac ----------------------------------------------------------------------------------------------------------------- */

static enum fg_code move_tangent(struct clear_run *run, struct clear_program *program, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    size_t nodes = (size_t)model->topology->node_count;
    struct selection near = { NEAR_VOLTAGE_PU, NEAR_RATING, false, false };
    int32_t added = 0;
    enum fg_code code = FG_OK;
    double *state = fg_alloc(2 * nodes, sizeof *state);
    if (state == NULL)
        return fg_fail_memory(err);
    clear_program_reset(program, false);
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        clear_grid_state(run->grid, t, state, state + nodes);
        code = clear_linear_at(run->linear, t, state, state + nodes, NULL, NULL, err);
        if (code == FG_OK)
            code = add_slack_cost(run, program, t, false, err);
        if (code == FG_OK)
            code = add_limits(run, program, t, near, run->grid->x, &added, err);
    }
    fg_free(state);
    return code;
}

enum fg_code clear_start_schedule(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const size_t nodes = (size_t)model->topology->node_count;
    const int32_t rounds = 2;
    struct clear_program *program = NULL;
    struct selection near = { NEAR_VOLTAGE_PU, NEAR_RATING, false, false };
    double *state = fg_alloc(2 * nodes, sizeof *state);
    enum fg_code code = state == NULL ? fg_fail_memory(err) : clear_program_create(model, &run->options, &program, err);
    for (size_t v = 0; v < model->variable_count; v++)
        run->x[v] = model->variables[v].base;
    for (int32_t round = 0; round <= rounds && code == FG_OK; round++) {
        int32_t added = 0;
        clear_program_reset(program, true);
        for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
            struct fg_clear_state *flow = &run->result->after[t];
            memset(run->node_p, 0, nodes * sizeof(double));
            memset(run->node_q, 0, nodes * sizeof(double));
            clear_schedule_deviation(model, run->x, t, run->node_p, run->node_q);
            code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, flow, err);
            /* Beyond loadability: shed until there is a power flow, from which the programs find back. */
            for (int step = 0; step < 5 && code == FG_OK && !flow->converged && clear_shed_exists(model, t); step++) {
                clear_shed_half(model, t, step == 4, run->x);
                memset(run->node_p, 0, nodes * sizeof(double));
                memset(run->node_q, 0, nodes * sizeof(double));
                clear_schedule_deviation(model, run->x, t, run->node_p, run->node_q);
                code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, flow, err);
            }
            if (code != FG_OK || !flow->converged || round == rounds)
                continue;
            run->x[model->slack_p[t * model->topology->island_count]] = flow->slack_p_mw;
            run->x[model->slack_q[t * model->topology->island_count]] = flow->slack_q_mvar;
            clear_node_state(model, flow, state, state + nodes);
            code = clear_linear_at(run->linear, t, state, state + nodes, NULL, NULL, err);
            if (code == FG_OK)
                code = add_slack_cost(run, program, t, false, err);
            if (code == FG_OK)
                code = add_limits(run, program, t, near, run->x, &added, err);
        }
        if (code == FG_OK && round < rounds)
            code = clear_program_solve(program, true, NULL, 1e-4, 1e-4, 0.1 * clear_run_left(run), err);
        if (code == FG_OK && round < rounds && program->has_solution)
            memcpy(run->x, program->x, model->variable_count * sizeof(double));
    }
    clear_program_destroy(program);
    fg_free(state);
    return code;
}

/* The next solve of the grid begins at a schedule and its power flow. */
static enum fg_code start_at(struct clear_run *run, const double *x, struct fg_error *err)
{
    const size_t nodes = (size_t)run->model->topology->node_count;
    enum fg_code code = FG_OK;
    for (int32_t t = 0; t < run->model->periods && code == FG_OK; t++) {
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        clear_schedule_deviation(run->model, x, t, run->node_p, run->node_q);
        code = clear_flow_solve(run->flow, t, run->node_p, run->node_q, &run->result->after[t], err);
    }
    return code == FG_OK ? clear_grid_start(run->grid, run->result->after, x, err) : code;
}

static enum fg_code search_ac(struct clear_run *run, struct clear_program *program, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    enum fg_code code = FG_OK;
    signed char *proposal = fg_alloc(model->choice_count, sizeof *proposal);
    signed char *previous = fg_alloc(model->choice_count, sizeof *previous);
    if (proposal == NULL || previous == NULL)
        code = fg_fail_memory(err);
    double solve_seconds = run->grid->result.seconds, at_tangent = 0;
    bool moves = true;
    for (int32_t round = 0; round < ROUNDS_AC && code == FG_OK; round++) {
        double left = clear_run_left(run);
        if (clear_run_interrupted(run) || (run->has_incumbent && left < 2 * solve_seconds))
            break;
        if (moves) {
            code = move_tangent(run, program, err);
            at_tangent = run->grid->cost - run->baseline_import_cost - clear_program_value(program, run->grid->x);
        }
        moves = true;
        if (code == FG_OK)
            code = clear_program_solve(program, false, run->has_incumbent ? run->x : NULL, run->options.gap_target / 5,
                                       run->options.gap_target / 5 * clear_gap_scale(run), 0.25 * left, err);
        if (code != FG_OK)
            break;
        run->result->integer_rounds++;
        run->result->seconds_integer += program->seconds;
        if (program->has_solution)
            read_decisions(model, program->x, proposal);
        else if (!run->has_incumbent)
            memset(proposal, 0, model->choice_count); /* rejecting every indivisible order keeps all rules */
        else
            break;
        if (round > 0 && memcmp(proposal, previous, model->choice_count) == 0)
            break;
        memcpy(previous, proposal, model->choice_count);
        code = start_at(run, program->has_solution ? program->x : run->grid->x, err);
        if (code == FG_OK)
            code = clear_grid_solve(run->grid, proposal, false, fmax(clear_run_left(run), solve_seconds * 3),
                                run->options.interrupt, err);
        if (code != FG_OK)
            break;
        run->result->opf_iterations += run->grid->result.iterations;
        run->result->seconds_opf += run->grid->result.seconds;
        double cost = run->grid->cost - run->baseline_import_cost;
        bool usable = run->grid->result.status == FG_OPF_OPTIMAL;
        if (!usable && !run->has_incumbent)
            memcpy(run->decided, proposal, model->choice_count); /* whose directions are kept when nothing else is found */
        /* Decisions that the polygons around the assets' circles allow and the circles do not: ask again, better drawn. */
        if (!usable && program->has_solution && clear_model_refine_circles(run->model, program->x) > 0) {
            moves = false;
            continue;
        }
        if (usable && (!run->has_incumbent || cost < run->cost)) {
            memcpy(run->decided, proposal, model->choice_count);
            memcpy(run->x, run->grid->x, model->variable_count * sizeof(double));
            run->cost = cost;
            run->has_incumbent = true;
        }
        /* Done when little is left to win, or when the tangent foresaw this cost: it would propose the same again. */
        double enough = run->options.gap_target / 4 * clear_gap_scale(run);
        bool foreseen = usable && program->has_solution && program->status == FG_LP_OPTIMAL &&
                        cost <= at_tangent + program->objective + enough;
        if (run->has_incumbent && (run->cost - run->continuous_cost <= enough || foreseen))
            break;
    }
    fg_free(proposal);
    fg_free(previous);
    return code == FG_OK && run->model->failed ? fg_fail_memory(err) : code;
}

enum fg_code clear_integer_search(struct clear_run *run, struct fg_error *err)
{
    struct clear_program *program = NULL;
    enum fg_code code = clear_program_create(run->model, &run->options, &program, err);
    if (code != FG_OK)
        return code;
    code = run->physics == FG_PHYSICS_AC ? search_ac(run, program, err) : search_linear(run, program, err);
    clear_program_destroy(program);
    return code;
}
