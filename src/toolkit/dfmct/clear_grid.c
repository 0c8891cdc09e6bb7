/* The model as a composition of network blocks (grid/opf.h), one block per period. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

/* Scarcity prices weigh a millionth of a p.u. at half a currency unit: costs must be meant to that. */
static const double TOLERANCE = 1e-7, TOLERANCE_SECOND = 1e-6; /* of a second attempt */
/* Decisions often leave a schedule no play at all, and add up to 1e-8 p.u. beside a limit; far below any tick. */
static const double FEASIBILITY = 1e-7;

static enum fg_code add_blocks(struct clear_grid *grid, struct fg_error *err)
{
    const struct clear_model *model = grid->model;
    const struct fg_topology *topology = model->topology;
    struct fg_opf_block_options options = fg_opf_block_defaults();
    options.physics = grid->physics;
    options.voltage_price = model->hours * fg_per_mwh(model->market->scarcity_voltage);
    /* Both ends of a branch have a row: its price is per MVA over the rating, as a mean of the ends. */
    const double ends = grid->physics == FG_PHYSICS_AC || grid->physics == FG_PHYSICS_SOC ? 2 : 1;
    options.rating_price = model->hours * fg_per_mwh(model->market->scarcity_overload) / ends;
    options.reference_vm_pu = model->vm_reference[0];
    for (int32_t t = 0; t < model->periods; t++) {
        if (fg_opf_add_block(grid->opf, model->topology_at[t], &options, err) < 0)
            return err != NULL && err->code != FG_OK ? err->code : FG_ERR_MEMORY;
        for (int32_t n = 0; n < topology->node_count; n++) {
            fg_opf_set_injection(grid->opf, t, n, &model->baseline[(size_t)t * (size_t)topology->node_count + (size_t)n]);
            fg_opf_set_band(grid->opf, t, n, clear_vm_min(model, t, n), clear_vm_max(model, t, n), options.voltage_price);
            if (!isnan(model->vm_held[n]))
                fg_opf_set_band(grid->opf, t, n, model->vm_held[n], model->vm_held[n], INFINITY);
        }
        for (int32_t i = 1; i < topology->island_count; i++)
            fg_opf_set_band(grid->opf, t, topology->reference_of_island[i], model->vm_reference[i],
                            model->vm_reference[i], INFINITY);
        for (int32_t e = 0; e < topology->edge_count; e++)
            fg_opf_set_rating(grid->opf, t, e, clear_rate(model, t, e), options.rating_price);
    }
    for (size_t i = 0; i < model->cover_count; i++) {
        const struct clear_cover *cover = &model->covers[i];
        struct clear_quantity quantity = { cover->side == 0 ? CLEAR_FLOW_FROM : CLEAR_VOLTAGE, cover->element };
        double price = model->hours * clear_limit_price(model, cover->period, quantity, cover->side < 0);
        if (cover->side == 0)
            fg_opf_set_rating(grid->opf, cover->period, cover->element, clear_rate(model, cover->period, cover->element), price / ends);
        else if (isnan(model->vm_held[cover->element]))
            fg_opf_set_band(grid->opf, cover->period, cover->element, clear_vm_min(model, cover->period, cover->element),
                            clear_vm_max(model, cover->period, cover->element), price);
    }
    return FG_OK;
}

static enum fg_code add_variables(struct clear_grid *grid, struct fg_error *err)
{
    const struct clear_model *model = grid->model;
    for (size_t v = 0; v < model->variable_count; v++) {
        const struct clear_variable *variable = &model->variables[v];
        grid->variable[v] = -1;
        if (!variable->in_composition)
            continue;
        double start = fmin(fmax(variable->base, variable->lower), variable->upper);
        grid->variable[v] = fg_opf_add_variable(grid->opf, variable->lower, variable->upper, start, variable->unit);
        if (grid->variable[v] < 0)
            return fg_fail_memory(err);
        fg_opf_set_cost(grid->opf, grid->variable[v], variable->cost, 0);
    }
    /* A variable's base is part of the baseline: take it out of the fixed injection. */
    struct fg_opf_injection *fixed = fg_alloc((size_t)model->topology->node_count, sizeof *fixed);
    if (fixed == NULL)
        return fg_fail_memory(err);
    enum fg_code code = FG_OK;
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        size_t nodes = (size_t)model->topology->node_count;
        memcpy(fixed, model->baseline + (size_t)t * nodes, nodes * sizeof *fixed);
        bool moved = false;
        for (size_t i = model->effect_start[t]; i < model->effect_start[t + 1] && code == FG_OK; i++) {
            const struct clear_effect *e = &model->effects[i];
            double base = model->variables[e->variable].base;
            fixed[e->node].p_mw -= e->p * base;
            fixed[e->node].q_mvar -= e->q * base;
            moved = moved || base != 0;
            code = fg_opf_inject(grid->opf, t, e->node, grid->variable[e->variable], e->p, e->q, err);
        }
        for (size_t n = 0; n < nodes && moved; n++)
            fg_opf_set_injection(grid->opf, t, (int32_t)n, &fixed[n]);
    }
    fg_free(fixed);
    return code;
}

static enum fg_code add_rows(struct clear_grid *grid, struct fg_error *err)
{
    const struct clear_model *model = grid->model;
    for (size_t r = 0; r < model->row_count; r++) {
        const struct clear_row *row = &model->rows[r];
        grid->row[r] = -1;
        if (row->scope == CLEAR_INTEGER)
            continue;
        grid->row[r] = fg_opf_add_row(grid->opf, row->lower, row->upper, row->price);
        if (grid->row[r] < 0)
            return fg_fail_memory(err);
        for (int32_t k = 0; k < row->term_count; k++) {
            const struct clear_term *term = &model->terms[row->first_term + (size_t)k];
            enum fg_code code = fg_opf_add_term(grid->opf, grid->row[r], grid->variable[term->variable],
                                                term->coefficient, err);
            if (code != FG_OK)
                return code;
        }
    }
    for (size_t c = 0; c < model->circle_count; c++) {
        const struct clear_circle *circle = &model->circles[c];
        grid->circle[c] = fg_opf_add_circle(grid->opf, grid->variable[circle->p], grid->variable[circle->q],
                                            circle->radius);
        if (grid->circle[c] < 0)
            return fg_fail_memory(err);
    }
    return FG_OK;
}

enum fg_code clear_grid_create(const struct clear_model *model, enum fg_physics physics, struct clear_grid **out,
                               struct fg_error *err)
{
    struct fg_error own = { 0 };
    struct clear_grid *grid = fg_alloc(1, sizeof *grid);
    *out = NULL;
    if (grid == NULL)
        return fg_fail_memory(err);
    grid->model = model;
    grid->physics = physics;
    grid->variable_count = model->variable_count;
    grid->variable = fg_alloc(model->variable_count, sizeof(int32_t));
    grid->row = fg_alloc(model->row_count, sizeof(int32_t));
    grid->circle = fg_alloc(model->circle_count, sizeof(int32_t));
    grid->x = fg_alloc(model->variable_count, sizeof(double));
    grid->lower = fg_alloc(model->variable_count, sizeof(double));
    grid->upper = fg_alloc(model->variable_count, sizeof(double));
    enum fg_code code = FG_OK;
    if (grid->variable == NULL || grid->row == NULL || grid->circle == NULL || grid->x == NULL || grid->lower == NULL ||
        grid->upper == NULL)
        code = fg_fail_memory(&own);
    if (code == FG_OK)
        code = fg_opf_create(&grid->opf, &own);
    if (code == FG_OK)
        code = add_blocks(grid, &own);
    if (code == FG_OK)
        code = add_variables(grid, &own);
    if (code == FG_OK)
        code = add_rows(grid, &own);
    if (code == FG_OK) {
        *out = grid;
        return FG_OK;
    }
    clear_grid_destroy(grid);
    if (err != NULL)
        *err = own;
    return code;
}

void clear_grid_destroy(struct clear_grid *grid)
{
    if (grid == NULL)
        return;
    fg_opf_destroy(grid->opf);
    void *blocks[] = { grid->variable, grid->row, grid->circle, grid->x, grid->lower, grid->upper };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(grid);
}

enum fg_code clear_grid_start(struct clear_grid *grid, const struct fg_clear_state *states, const double *x,
                              struct fg_error *err)
{
    const struct clear_model *model = grid->model;
    const struct fg_topology *topology = model->topology;
    double *state = fg_alloc(2 * (size_t)topology->node_count, sizeof *state);
    if (state == NULL)
        return fg_fail_memory(err);
    for (size_t v = 0; v < grid->variable_count; v++)
        if (grid->variable[v] >= 0 && (int32_t)v < model->slack_p[0])
            fg_opf_set_start(grid->opf, grid->variable[v], x[v]);
    for (int32_t t = 0; t < model->periods; t++) {
        if (!states[t].converged)
            continue;
        clear_node_state(model, &states[t], state, state + topology->node_count);
        for (int32_t n = 0; n < topology->node_count; n++)
            fg_opf_set_voltage_start(grid->opf, t, n, state[n], state[topology->node_count + n]);
        if (topology->island_count == 1) {
            fg_opf_set_start(grid->opf, grid->variable[model->slack_p[t]], states[t].slack_p_mw);
            fg_opf_set_start(grid->opf, grid->variable[model->slack_q[t]], states[t].slack_q_mvar);
        }
    }
    fg_free(state);
    return FG_OK;
}

enum fg_code clear_grid_solve(struct clear_grid *grid, const signed char *decided, bool warm_start, double time_limit_s,
                              const atomic_int *interrupt, struct fg_error *err)
{
    const struct clear_model *model = grid->model;
    struct fg_opf_options options = fg_opf_defaults();
    options.warm_start = warm_start && grid->has_solution;
    options.tolerance = TOLERANCE;
    options.feasibility = FEASIBILITY;
    options.time_limit_s = fmax(time_limit_s, 0.01);
    options.interrupt = interrupt;
    clear_model_bounds(model, decided, grid->lower, grid->upper);
    for (size_t v = 0; v < grid->variable_count; v++)
        if (grid->variable[v] >= 0)
            fg_opf_set_bounds(grid->opf, grid->variable[v], grid->lower[v], grid->upper[v]);
    for (size_t i = 0; i < model->choice_count; i++) {
        const struct clear_choice *choice = &model->choices[i];
        if (choice->kind == CLEAR_ACCEPT && choice->row >= 0) {
            bool must = decided != NULL && decided[i] == 1;
            fg_opf_set_row(grid->opf, grid->row[choice->row], must ? choice->min_fraction * choice->total : 0,
                           choice->total, INFINITY);
        }
    }
    enum fg_code code = fg_opf_solve(grid->opf, &options, &grid->result, err);
    if (code == FG_OK && grid->result.status != FG_OPF_OPTIMAL && grid->result.status != FG_OPF_INTERRUPTED &&
        grid->result.status != FG_OPF_TIME_LIMIT && options.tolerance < TOLERANCE_SECOND) {
        options.tolerance = TOLERANCE_SECOND;
        code = fg_opf_solve(grid->opf, &options, &grid->result, err);
    }
    if (code != FG_OK)
        return code;
    grid->has_solution = grid->result.status == FG_OPF_OPTIMAL;
    for (size_t v = 0; v < grid->variable_count; v++)
        grid->x[v] = grid->variable[v] >= 0 ? fg_opf_value(grid->opf, grid->variable[v]) : 0;
    for (size_t i = 0; i < model->choice_count && decided != NULL; i++)
        if (grid->variable[model->choices[i].variable] < 0 && decided[i] >= 0)
            grid->x[model->choices[i].variable] = decided[i];
    grid->cost = grid->result.objective;
    return FG_OK;
}
