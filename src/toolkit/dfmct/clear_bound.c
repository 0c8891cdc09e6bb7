/* A valid lower bound for ac: the second-order-cone relaxation of the same composition, and on top of it the integer
 * program over affine minorants of its blocks.
 *
 * By weak duality each relaxed block costs at least m_t(injections), affine, for every injection whatever
 * (fg_opf_block_minorant). Minimising the orders' cost plus sum m_t under the exact integer rules therefore bounds the
 * market from below, and at least as well as the continuous relaxation does (generalised Benders decomposition,
 * A. M. Geoffrion, J. Optim. Theory Appl. 10 (1972), with one cut per period). */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static enum fg_code bound_with_integers(struct clear_run *run, const struct clear_grid *grid, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    struct clear_program *program = NULL;
    enum fg_code code = clear_program_create(model, run->options.backend, &program, err);
    if (code != FG_OK)
        return code;
    program->keeps_slack = true;
    clear_program_reset(program, false);
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        double constant;
        code = fg_opf_block_minorant(grid->opf, t, &constant, run->slope_p, run->slope_q, err);
        if (code != FG_OK)
            break;
        /* The composition's variables inject from zero, the program's deviate from their base: same slopes, and the
         * base's share is restored here. */
        for (size_t i = model->effect_start[t]; i < model->effect_start[t + 1]; i++) {
            const struct clear_effect *e = &model->effects[i];
            constant += model->variables[e->variable].base * (e->p * run->slope_p[e->node] + e->q * run->slope_q[e->node]);
        }
        clear_program_add_cost(program, t, run->slope_p, run->slope_q);
        program->constant += constant;
    }
    if (code == FG_OK)
        code = clear_program_solve(program, false, NULL, 1e-4, 1e-4 * clear_gap_scale(run),
                                   fmin(0.3 * clear_run_left(run), 10), err);
    if (code == FG_OK && isfinite(program->bound))
        run->result->bound = fmax(run->result->bound, program->bound - run->baseline_import_cost);
    clear_program_destroy(program);
    return code;
}

enum fg_code clear_relaxation_bound(struct clear_run *run, struct fg_error *err)
{
    struct clear_grid *grid = NULL;
    double before = clear_run_left(run);
    if (before <= 0 || clear_run_interrupted(run))
        return FG_OK;
    enum fg_code code = clear_grid_create(run->model, FG_PHYSICS_SOC, &grid, err);
    if (code == FG_OK)
        code = clear_grid_start(grid, run->result->after, run->has_incumbent ? run->x : run->grid->x, err);
    if (code == FG_OK)
        code = clear_grid_solve(grid, NULL, false, 0.5 * before, run->options.interrupt, err);
    if (code == FG_OK) {
        run->result->opf_iterations += grid->result.iterations;
        run->result->bound = fmax(run->result->bound, grid->result.bound - run->baseline_import_cost);
        if (isfinite(grid->result.bound) && run->model->choice_count > 0 && clear_run_left(run) > 0)
            code = bound_with_integers(run, grid, err);
    }
    run->result->seconds_bound = before - clear_run_left(run);
    clear_grid_destroy(grid);
    return code;
}
