/* HiGHS behind the LP interface: its C API, one model object per handle, kept between solves so that linear programs
 * restart from the last basis. */
#include "solve/lp_backend.h"

#include "base/memory.h"

#include <interfaces/highs_c_api.h>
#include <math.h>
#include <stdio.h>

static enum fg_code highs_create(void **state, struct fg_error *err)
{
    void *highs = Highs_create();
    if (highs == NULL)
        return fg_fail_memory(err);
    Highs_setBoolOptionValue(highs, "output_flag", 0);
    Highs_setStringOptionValue(highs, "parallel", "off");
    Highs_setIntOptionValue(highs, "threads", 1);
    *state = highs;
    return FG_OK;
}

static void highs_destroy(void *state)
{
    Highs_destroy(state);
}

static void on_interrupt_check(int callback_type, const char *message, const HighsCallbackDataOut *data_out,
                               HighsCallbackDataIn *data_in, void *user)
{
    (void)callback_type;
    (void)message;
    (void)data_out;
    const atomic_int *interrupt = user;
    if (data_in)
        data_in->user_interrupt = *interrupt != 0;
}

static enum fg_code load(void *highs, const struct fg_lp_model *model, struct fg_error *err)
{
    HighsInt entries = model->starts[model->column_count];
    HighsInt status = Highs_passLp(highs, model->column_count, model->row_count, entries, kHighsMatrixFormatColwise,
                                   kHighsObjSenseMinimize, 0.0, model->cost, model->lower, model->upper,
                                   model->row_lower, model->row_upper, model->starts, model->rows, model->values);
    return status == kHighsStatusError ? fg_fail(err, FG_ERR_NUMERIC, NULL, "HiGHS refused the problem") : FG_OK;
}

static void update_bounds(void *highs, const struct fg_lp_model *model)
{
    if (model->column_count > 0) {
        Highs_changeColsBoundsByRange(highs, 0, model->column_count - 1, model->lower, model->upper);
        Highs_changeColsCostByRange(highs, 0, model->column_count - 1, model->cost);
    }
    for (int32_t i = 0; i < model->row_count; i++)
        Highs_changeRowBounds(highs, i, model->row_lower[i], model->row_upper[i]);
}

/* New coefficients and rows: load again, but keep the basis; rows beyond the old ones enter it as basic. */
static enum fg_code reload(void *highs, const struct fg_lp_model *model, struct fg_error *err)
{
    HighsInt validity = kHighsBasisValidityInvalid;
    Highs_getIntInfoValue(highs, "basis_validity", &validity);
    int32_t old_rows = (int32_t)Highs_getNumRow(highs);
    bool keeps = validity == kHighsBasisValidityValid && Highs_getNumCol(highs) == model->column_count &&
                 old_rows <= model->row_count;
    if (!keeps)
        return load(highs, model, err);
    HighsInt *column_status = fg_alloc((size_t)model->column_count, sizeof *column_status);
    HighsInt *row_status = fg_alloc((size_t)model->row_count, sizeof *row_status);
    enum fg_code code = FG_OK;
    if (!column_status || !row_status) {
        code = fg_fail_memory(err);
    } else {
        bool read = Highs_getBasis(highs, column_status, row_status) != kHighsStatusError;
        code = load(highs, model, err);
        if (code == FG_OK && read) {
            for (int32_t i = old_rows; i < model->row_count; i++)
                row_status[i] = kHighsBasisStatusBasic;
            Highs_setBasis(highs, column_status, row_status); /* a refused basis only costs iterations */
        }
    }
    fg_free(column_status);
    fg_free(row_status);
    return code;
}

static enum fg_code set_integrality(void *highs, const struct fg_lp_model *model, bool is_integer_program,
                                    struct fg_error *err)
{
    if (model->integer_count == 0)
        return FG_OK;
    HighsInt *kinds = fg_alloc((size_t)model->column_count, sizeof *kinds);
    if (kinds == NULL)
        return fg_fail_memory(err);
    for (int32_t j = 0; j < model->column_count; j++)
        kinds[j] = is_integer_program && model->is_integer[j] ? kHighsVarTypeInteger : kHighsVarTypeContinuous;
    Highs_changeColsIntegralityByRange(highs, 0, model->column_count - 1, kinds);
    fg_free(kinds);
    return FG_OK;
}

static enum fg_lp_status status_of(HighsInt model_status)
{
    if (model_status == kHighsModelStatusOptimal)
        return FG_LP_OPTIMAL;
    if (model_status == kHighsModelStatusInfeasible)
        return FG_LP_INFEASIBLE;
    if (model_status == kHighsModelStatusUnbounded)
        return FG_LP_UNBOUNDED;
    if (model_status == kHighsModelStatusTimeLimit)
        return FG_LP_TIME_LIMIT;
    if (model_status == kHighsModelStatusInterrupt)
        return FG_LP_INTERRUPTED;
    return FG_LP_FAILED;
}

static enum fg_code highs_solve(void *state, const struct fg_lp_model *model, const struct fg_lp_options *options,
                                struct fg_lp_outcome *outcome, struct fg_error *err)
{
    void *highs = state;
    bool is_integer_program = model->integer_count > 0 && !options->relax;
    enum fg_code code = FG_OK;
    if (model->matrix_changed)
        code = reload(highs, model, err);
    else if (model->bounds_changed)
        update_bounds(highs, model);
    if (code != FG_OK || (code = set_integrality(highs, model, is_integer_program, err)) != FG_OK)
        return code;
    Highs_setDoubleOptionValue(highs, "mip_rel_gap", options->relative_gap);
    Highs_setDoubleOptionValue(highs, "mip_abs_gap", options->absolute_gap);
    Highs_setIntOptionValue(highs, "random_seed", options->seed);
    Highs_zeroAllClocks(highs); /* the time limit counts from the first solve otherwise */
    Highs_setDoubleOptionValue(highs, "time_limit", options->time_limit_s);
    if (options->interrupt) {
        Highs_setCallback(highs, on_interrupt_check, (void *)(uintptr_t)options->interrupt);
        Highs_startCallback(highs, kHighsCallbackSimplexInterrupt);
        Highs_startCallback(highs, kHighsCallbackIpmInterrupt);
        Highs_startCallback(highs, kHighsCallbackMipInterrupt);
    }
    if (is_integer_program && model->start)
        Highs_setSolution(highs, model->start, NULL, NULL, NULL);
    HighsInt run = Highs_run(highs);
    if (Highs_getModelStatus(highs) == kHighsModelStatusUnboundedOrInfeasible) {
        Highs_setStringOptionValue(highs, "presolve", "off"); /* presolve cannot tell the two apart */
        run = Highs_run(highs);
        Highs_setStringOptionValue(highs, "presolve", "choose");
    }
    if (options->interrupt) {
        Highs_stopCallback(highs, kHighsCallbackSimplexInterrupt);
        Highs_stopCallback(highs, kHighsCallbackIpmInterrupt);
        Highs_stopCallback(highs, kHighsCallbackMipInterrupt);
    }
    outcome->status = run == kHighsStatusError ? FG_LP_FAILED : status_of(Highs_getModelStatus(highs));
    HighsInt primal = kHighsSolutionStatusNone, dual = kHighsSolutionStatusNone, simplex_iterations = 0;
    Highs_getIntInfoValue(highs, "primal_solution_status", &primal);
    Highs_getIntInfoValue(highs, "dual_solution_status", &dual);
    Highs_getIntInfoValue(highs, "simplex_iteration_count", &simplex_iterations);
    outcome->iterations = simplex_iterations;
    outcome->has_solution = primal == kHighsSolutionStatusFeasible && outcome->status != FG_LP_INFEASIBLE &&
                            outcome->status != FG_LP_UNBOUNDED;
    outcome->has_duals = !is_integer_program && outcome->status == FG_LP_OPTIMAL;
    if (outcome->has_solution)
        Highs_getSolution(highs, outcome->x, outcome->reduced_cost, NULL, outcome->dual);
    if (is_integer_program) {
        Highs_getDoubleInfoValue(highs, "mip_dual_bound", &outcome->bound);
        Highs_getInt64InfoValue(highs, "mip_node_count", &outcome->nodes);
        if (!isfinite(outcome->bound) || outcome->status == FG_LP_INFEASIBLE)
            outcome->bound = -INFINITY;
    }
    return FG_OK;
}

const struct fg_lp_solver fg_lp_highs_solver = {
    .name = "HiGHS", .create = highs_create, .destroy = highs_destroy, .solve = highs_solve};
