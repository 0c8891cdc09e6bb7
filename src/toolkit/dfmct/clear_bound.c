/* A valid lower bound for ac: the second-order-cone relaxation of the same composition, and on top of it the integer
 * program over affine minorants of its blocks.
 *
 * By weak duality each relaxed block costs at least m_t(injections), affine, for every injection whatever
 * (fg_opf_block_minorant). Minimising the orders' cost plus the sum over t of the largest known minorant under the exact
 * integer rules bounds the market from below (generalised Benders decomposition, A. M. Geoffrion, J. Optim. Theory Appl.
 * 10 (1972)). The first minorants come from the continuous relaxation; while the gap is open and time is left, the
 * relaxation is solved again with the incumbent's and the program's own decisions fixed, and adds its minorants. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static const int32_t ROUNDS = 4;

struct minorants {
    double *slope_p, *slope_q, *constant; /* of the first set: period x node, period */
};

/* Minorant of a period in terms of deviations from the baseline: the composition's variables inject from zero. */
static enum fg_code read_minorant(struct clear_run *run, const struct clear_grid *grid, int32_t t, double *constant,
                                  struct fg_error *err)
{
    const struct clear_model *model = run->model;
    enum fg_code code = fg_opf_block_minorant(grid->opf, t, constant, run->slope_p, run->slope_q, err);
    if (code == FG_OK && isfinite(*constant))
        *constant -= clear_shed_allowance(model, t, run->slope_p, run->slope_q);
    for (size_t i = model->effect_start[t]; i < model->effect_start[t + 1] && code == FG_OK; i++) {
        const struct clear_effect *e = &model->effects[i];
        *constant += model->variables[e->variable].base * (e->p * run->slope_p[e->node] + e->q * run->slope_q[e->node]);
    }
    return code;
}

static enum fg_code add_minorants(struct clear_run *run, const struct clear_grid *grid, struct clear_program *program,
                                  struct minorants *first, bool is_first, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const size_t nodes = (size_t)model->topology->node_count;
    enum fg_code code = FG_OK;
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        double constant, *slope_p = first->slope_p + (size_t)t * nodes, *slope_q = first->slope_q + (size_t)t * nodes;
        code = read_minorant(run, grid, t, &constant, err);
        if (code != FG_OK)
            break;
        if (!isfinite(constant))
            continue; /* a block that was not solved says nothing */
        if (is_first) {
            memcpy(slope_p, run->slope_p, nodes * sizeof(double));
            memcpy(slope_q, run->slope_q, nodes * sizeof(double));
            first->constant[t] = constant;
            clear_program_add_cost(program, t, run->slope_p, run->slope_q);
            program->constant += constant;
            continue;
        }
        for (size_t n = 0; n < nodes; n++) {
            run->slope_p[n] -= slope_p[n];
            run->slope_q[n] -= slope_q[n];
        }
        code = clear_program_add_minorant(program, t, constant - first->constant[t], run->slope_p, run->slope_q, err);
    }
    return code;
}

/* Integer part of the gap as known by now: against the continuous optimum on the full physics, or inside the relaxation
 * between the bound and the incumbent's decisions. */
static double open_gap(const struct clear_run *run)
{
    double full = run->cost - fmax(run->result->bound, run->continuous_cost);
    double inside = run->relaxed_cost - run->result->bound;
    return (isnan(inside) ? full : fmin(full, inside)) / clear_gap_scale(run);
}

static enum fg_code bound_with_integers(struct clear_run *run, struct clear_grid *grid, struct fg_error *err)
{
    int32_t marked = 0;
    const struct clear_model *model = run->model;
    const size_t places = (size_t)model->periods * (size_t)model->topology->node_count;
    double solve_seconds = grid->result.seconds;
    struct clear_program *program = NULL;
    struct minorants first = { fg_alloc(places, sizeof(double)), fg_alloc(places, sizeof(double)),
                               fg_alloc((size_t)model->periods, sizeof(double)) };
    signed char *decided = fg_alloc(model->choice_count, sizeof *decided);
    enum fg_code code = FG_OK;
    if (first.slope_p == NULL || first.slope_q == NULL || first.constant == NULL || decided == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = clear_program_create(model, &run->options, &program, err);
    if (code == FG_OK) {
        program->keeps_slack = true;
        clear_program_reset(program, false);
        memcpy(decided, run->decided, model->choice_count);
    }
    for (int32_t round = 0; round < ROUNDS && code == FG_OK; round++) {
        code = add_minorants(run, grid, program, &first, round == 0, err);
        if (code == FG_OK)
            code = clear_program_solve(program, false, NULL, 1e-4, 1e-4 * clear_gap_scale(run),
                                       fmin(0.3 * clear_run_left(run), 10), err);
        if (code != FG_OK)
            break;
        if (isfinite(program->bound))
            run->result->bound = fmax(run->result->bound, program->bound - run->baseline_import_cost);
        if (open_gap(run) <= run->options.gap_target || clear_run_left(run) < 4 * solve_seconds ||
            clear_run_interrupted(run) || !program->has_solution)
            break;
        if (round > 0) /* the incumbent first, then what the program believes to be better */
            for (size_t i = 0; i < model->choice_count; i++)
                decided[i] = program->x[model->choices[i].variable] > 0.5;
        code = clear_grid_solve(grid, decided, false, 0.3 * clear_run_left(run), run->options.interrupt, err);
        if (code != FG_OK)
            break;
        run->result->opf_iterations += grid->result.iterations;
        if (grid->result.status == FG_OPF_OPTIMAL)
            marked += clear_shed_mark(run, grid);
        if (memcmp(decided, run->decided, model->choice_count) == 0 && grid->result.status == FG_OPF_OPTIMAL)
            run->relaxed_cost = grid->cost - run->baseline_import_cost;
    }
    /* Under other decisions shedding would pay, and they may be the better ones. */
    if (code == FG_OK && open_gap(run) > run->options.gap_target)
        clear_run_restarts(run, marked);
    clear_program_destroy(program);
    fg_free(first.slope_p);
    fg_free(first.slope_q);
    fg_free(first.constant);
    fg_free(decided);
    return code;
}

/* By how much power not served that the model leaves out could undercut the relaxation's dual bound. */
static double unshed(struct clear_run *run, const struct clear_grid *grid)
{
    const struct clear_model *model = run->model;
    double sum = 0;
    for (int32_t t = 0; t < model->periods; t++) {
        for (int32_t n = 0; n < model->topology->node_count; n++) {
            struct fg_opf_node node = fg_opf_node(grid->opf, t, n);
            run->slope_p[n] = -node.price_p;
            run->slope_q[n] = -node.price_q;
        }
        sum += clear_shed_allowance(model, t, run->slope_p, run->slope_q);
    }
    return sum;
}

/* Constant-current loads are not convex in squared voltages: the cone has no place for them. */
static bool has_relaxation(const struct clear_model *model)
{
    for (size_t i = 0; i < (size_t)model->periods * (size_t)model->topology->node_count; i++)
        if (model->baseline[i].p_current_mw != 0 || model->baseline[i].q_current_mvar != 0)
            return false;
    return true;
}

enum fg_code clear_relaxation_bound(struct clear_run *run, struct fg_error *err)
{
    struct clear_grid *grid = NULL;
    double before = clear_run_left(run);
    if (before <= 0 || clear_run_interrupted(run) || !has_relaxation(run->model))
        return FG_OK;
    enum fg_code code = clear_grid_create(run->model, FG_PHYSICS_SOC, &grid, err);
    if (code == FG_OK)
        code = clear_grid_start(grid, run->result->after, run->has_incumbent ? run->x : run->grid->x, err);
    if (code == FG_OK)
        code = clear_grid_solve(grid, NULL, false, 0.5 * before, run->options.interrupt, err);
    if (code == FG_OK) {
        run->result->opf_iterations += grid->result.iterations;
        run->result->bound = fmax(run->result->bound, grid->result.bound - run->baseline_import_cost - unshed(run, grid));
        if (isfinite(grid->result.bound) && run->model->choice_count > 0 && run->has_incumbent &&
            clear_run_left(run) > 0)
            code = bound_with_integers(run, grid, err);
    }
    run->result->seconds_bound = before - clear_run_left(run);
    clear_grid_destroy(grid);
    return code;
}
