/* COIN-OR behind the LP interface: CLP's dual simplex for linear programs, one object per handle that keeps its basis;
 * CBC for integer programs, a fresh object per search (its C interface does not allow a second one). */
#include "solve/lp_backend.h"

#include "base/instant.h"
#include "base/memory.h"

#include <Cbc_C_Interface.h>
#include <Clp_C_Interface.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The simplex runs in slices so that the interrupt flag and the clock are looked at between them: some tenth of a second,
 * by the size of the problem and not by the clock, so that the same problem always takes the same path. */
static int slice_iterations(const struct fg_lp_model *model)
{
    double work = (double)model->starts[model->column_count] + 10.0 * model->row_count + model->column_count;
    return (int)fmin(fmax(2e8 / work, 100), 5000);
}

struct coin_state {
    Clp_Simplex *clp;
    int32_t loaded_rows; /* -1: nothing loaded */
};

/* Perturb costs from the first pivot on; CLP takes it back at the end. Left to itself it does so late, and scheduling
 * problems, which are degenerate, take several times as many pivots (measured: 200 batteries, 96 periods). */
#define PERTURB_ALWAYS 50

/* CLP's status of a variable or row. */
enum { BASIS_BASIC = 1 };

static enum fg_code coin_create(void **out, struct fg_error *err)
{
    struct coin_state *state = fg_alloc(1, sizeof *state);
    if (state == NULL)
        return fg_fail_memory(err);
    state->clp = Clp_newModel();
    if (state->clp == NULL) {
        fg_free(state);
        return fg_fail_memory(err);
    }
    Clp_setLogLevel(state->clp, 0);
    state->loaded_rows = -1;
    *out = state;
    return FG_OK;
}

static void coin_destroy(void *opaque)
{
    struct coin_state *state = opaque;
    Clp_deleteModel(state->clp);
    fg_free(state);
}

/* Load all data; a basis of an earlier solve is kept, with rows that are new to it basic. */
static enum fg_code clp_load(struct coin_state *state, const struct fg_lp_model *model, struct fg_error *err)
{
    size_t columns = (size_t)model->column_count, rows = (size_t)model->row_count;
    unsigned char *basis = NULL;
    if (state->loaded_rows >= 0 && state->loaded_rows <= model->row_count && Clp_statusExists(state->clp)) {
        size_t old_rows = (size_t)state->loaded_rows;
        basis = fg_alloc(columns + rows, 1);
        if (basis == NULL)
            return fg_fail_memory(err);
        memcpy(basis, Clp_statusArray(state->clp), columns + old_rows);
        memset(basis + columns + old_rows, BASIS_BASIC, rows - old_rows);
    }
    Clp_loadProblem(state->clp, model->column_count, model->row_count, model->starts, model->rows, model->values,
                    model->lower, model->upper, model->cost, model->row_lower, model->row_upper);
    Clp_setOptimizationDirection(state->clp, 1);
    state->loaded_rows = model->row_count;
    if (basis)
        Clp_copyinStatus(state->clp, basis);
    fg_free(basis);
    return FG_OK;
}

static void clp_update(struct coin_state *state, const struct fg_lp_model *model)
{
    Clp_chgColumnLower(state->clp, model->lower);
    Clp_chgColumnUpper(state->clp, model->upper);
    Clp_chgObjCoefficients(state->clp, model->cost);
    Clp_chgRowLower(state->clp, model->row_lower);
    Clp_chgRowUpper(state->clp, model->row_upper);
}

/* Run the dual or primal simplex to its end, or until clock or interrupt stop it. */
static enum fg_lp_status clp_run(Clp_Simplex *clp, bool use_primal, int slice, const struct fg_lp_options *options,
                                 double begin, int64_t *iterations)
{
    for (;;) {
        Clp_setNumberIterations(clp, 0);
        Clp_setMaximumIterations(clp, slice);
        Clp_setPerturbation(clp, PERTURB_ALWAYS);
        double left_s = options->time_limit_s - (fg_clock_seconds() - begin);
        if (left_s <= 0)
            return FG_LP_TIME_LIMIT;
        Clp_setMaximumSeconds(clp, left_s < 1e9 ? left_s : -1.0);
        if (use_primal)
            Clp_primal(clp, 0);
        else
            Clp_dual(clp, 0);
        *iterations += Clp_numberIterations(clp);
        switch (Clp_status(clp)) {
        case 0: return FG_LP_OPTIMAL;
        case 1: return FG_LP_INFEASIBLE;
        case 2: return FG_LP_UNBOUNDED;
        case 3: break;
        default: return FG_LP_FAILED;
        }
        if (options->interrupt && *options->interrupt)
            return FG_LP_INTERRUPTED;
        if (Clp_numberIterations(clp) == 0 && fg_clock_seconds() - begin < options->time_limit_s)
            return FG_LP_FAILED; /* stopped without a pivot and not by the clock: no progress to hope for */
    }
}

/* The first solve of a problem: presolve takes most rows and columns out of a schedule (batteries' balances, orders that
 * fill a block), and the simplex on the rest is many times faster. At most one slice, from whose basis clp_run goes on:
 * with no pivot left where this found the optimum. */
static void clp_presolved(Clp_Simplex *clp, int slice, const struct fg_lp_options *options, int64_t *iterations)
{
    Clp_setNumberIterations(clp, 0);
    Clp_setMaximumIterations(clp, slice);
    Clp_setPerturbation(clp, PERTURB_ALWAYS);
    Clp_setMaximumSeconds(clp, options->time_limit_s < 1e9 ? options->time_limit_s : -1.0);
    Clp_initialDualSolve(clp);
    *iterations += Clp_numberIterations(clp);
}

/* CLP solves a scaled problem; its optimum may break tolerances of the problem itself, and then cost too much. */
static bool is_optimal_only_scaled(Clp_Simplex *clp)
{
    int secondary = Clp_secondaryStatus(clp);
    return secondary >= 2 && secondary <= 4;
}

static enum fg_code clp_solve(struct coin_state *state, const struct fg_lp_model *model,
                              const struct fg_lp_options *options, struct fg_lp_outcome *outcome, struct fg_error *err)
{
    const double begin = fg_clock_seconds();
    const int slice = slice_iterations(model);
    const bool is_fresh = state->loaded_rows < 0;
    if (model->matrix_changed || state->loaded_rows < 0) {
        enum fg_code code = clp_load(state, model, err);
        if (code != FG_OK)
            return code;
    } else if (model->bounds_changed) {
        clp_update(state, model);
    }
    if (is_fresh)
        clp_presolved(state->clp, slice, options, &outcome->iterations);
    outcome->status = clp_run(state->clp, false, slice, options, begin, &outcome->iterations);
    if (outcome->status == FG_LP_OPTIMAL && is_optimal_only_scaled(state->clp)) {
        int scaling = Clp_scalingFlag(state->clp);
        Clp_scaling(state->clp, 0);
        outcome->status = clp_run(state->clp, true, slice, options, begin, &outcome->iterations);
        Clp_scaling(state->clp, scaling);
    }
    /* The dual simplex can mistake one for the other, or give up, where its artificial bounds or a bad basis mislead
     * it; the primal simplex decides. */
    if (outcome->status == FG_LP_UNBOUNDED || outcome->status == FG_LP_INFEASIBLE || outcome->status == FG_LP_FAILED)
        outcome->status = clp_run(state->clp, true, slice, options, begin, &outcome->iterations);
    if (outcome->status != FG_LP_OPTIMAL)
        return FG_OK;
    outcome->has_solution = outcome->has_duals = true;
    memcpy(outcome->x, Clp_primalColumnSolution(state->clp), (size_t)model->column_count * sizeof(double));
    memcpy(outcome->dual, Clp_dualRowSolution(state->clp), (size_t)model->row_count * sizeof(double));
    memcpy(outcome->reduced_cost, Clp_dualColumnSolution(state->clp), (size_t)model->column_count * sizeof(double));
    return FG_OK;
}

static enum fg_lp_status cbc_status(Cbc_Model *cbc, double time_limit_s, double seconds)
{
    if (Cbc_isProvenOptimal(cbc))
        return FG_LP_OPTIMAL;
    if (Cbc_isContinuousUnbounded(cbc))
        return FG_LP_UNBOUNDED;
    if (Cbc_isProvenInfeasible(cbc))
        return FG_LP_INFEASIBLE;
    if (Cbc_isSecondsLimitReached(cbc) || seconds >= time_limit_s)
        return FG_LP_TIME_LIMIT;
    return FG_LP_FAILED;
}

static enum fg_code cbc_pass_start(Cbc_Model *cbc, const struct fg_lp_model *model, struct fg_error *err)
{
    int *columns = fg_alloc((size_t)model->column_count, sizeof *columns);
    if (columns == NULL)
        return fg_fail_memory(err);
    for (int32_t j = 0; j < model->column_count; j++)
        columns[j] = j;
    Cbc_setMIPStartI(cbc, model->column_count, columns, model->start);
    fg_free(columns);
    return FG_OK;
}

/* CBC takes the integrality of a solution as exact only within its tolerance; hand out whole numbers. */
static void take_solution(const struct fg_lp_model *model, const double *solution, double *x)
{
    for (int32_t j = 0; j < model->column_count; j++) {
        x[j] = model->is_integer[j] ? round(solution[j]) : solution[j];
        x[j] = fmin(fmax(x[j], model->lower[j]), model->upper[j]);
    }
}

/* CBC drops nodes whose bound lies within the allowed gaps of the incumbent and then no longer counts them, so its best
 * possible value proves nothing closer to the incumbent than the gaps. */
static double proven_bound(Cbc_Model *cbc, const struct fg_lp_model *model, const struct fg_lp_options *options,
                           const struct fg_lp_outcome *outcome)
{
    double bound = Cbc_getBestPossibleObjValue(cbc), objective = 0;
    if (!(fabs(bound) < 1e49))
        return -INFINITY;
    if (!outcome->has_solution)
        return bound;
    for (int32_t j = 0; j < model->column_count; j++)
        objective += model->cost[j] * outcome->x[j];
    return fmin(bound, objective - fmax(options->relative_gap * fabs(objective), options->absolute_gap));
}

/* CBC's C interface has no event handler. What it calls at every node is a cut generator: once the caller wants to stop,
 * or time is over, a cut that nothing fulfils, 0 >= 1, closes node after node, and the search ends. */
#define GRACE_S 0.05 /* for CBC's own clock, which keeps its bound */
struct stop {
    const atomic_int *interrupt;
    double deadline;
    bool done; /* a node was closed: the search proves nothing */
};

static void close_node_when_stopped(void *solver, void *cuts, void *user)
{
    struct stop *stop = user;
    const int column = 0;
    const double coefficient = 0;
    (void)solver;
    if (!stop->done && !(stop->interrupt && *stop->interrupt) && fg_clock_seconds() < stop->deadline)
        return;
    stop->done = true;
    OsiCuts_addRowCut(cuts, 1, &column, &coefficient, 'G', 1);
}

/* CBC 2.10 crashes where its clock runs out while it preprocesses. With too little time for that it searches without. */
static bool has_time_to_preprocess(const struct fg_lp_model *model, double time_limit_s)
{
    return time_limit_s > 0.2 + 1e-5 * (double)model->starts[model->column_count];
}

static enum fg_code cbc_solve(const struct fg_lp_model *model, const struct fg_lp_options *options,
                              struct fg_lp_outcome *outcome, struct fg_error *err)
{
    double begin = fg_clock_seconds();
    Cbc_Model *cbc = Cbc_newModel();
    if (cbc == NULL)
        return fg_fail_memory(err);
    Cbc_loadProblem(cbc, model->column_count, model->row_count, model->starts, model->rows, model->values, model->lower,
                    model->upper, model->cost, model->row_lower, model->row_upper);
    Cbc_setObjSense(cbc, 1);
    for (int32_t j = 0; j < model->column_count; j++)
        if (model->is_integer[j])
            Cbc_setInteger(cbc, j);
    enum fg_code code = model->start ? cbc_pass_start(cbc, model, err) : FG_OK;
    if (code == FG_OK) {
        char seed[16];
        snprintf(seed, sizeof seed, "%d", options->seed);
        Cbc_setLogLevel(cbc, 0);
        Cbc_setParameter(cbc, "log", "0");
        Cbc_setParameter(cbc, "slog", "0");
        Cbc_setParameter(cbc, "randomSeed", seed);
        Cbc_setParameter(cbc, "randomCbcSeed", seed);
        Cbc_setParameter(cbc, "timeMode", "elapsed");
        if (!has_time_to_preprocess(model, options->time_limit_s))
            Cbc_setParameter(cbc, "preprocess", "off");
        Cbc_setAllowableFractionGap(cbc, options->relative_gap);
        Cbc_setAllowableGap(cbc, options->absolute_gap);
        if (options->time_limit_s < 1e9)
            Cbc_setMaximumSeconds(cbc, options->time_limit_s);
        struct stop stop = {options->interrupt, begin + options->time_limit_s + GRACE_S, false};
        Cbc_addCutCallback(cbc, close_node_when_stopped, "stop", &stop);
        Cbc_solve(cbc);
        outcome->status = stop.done ? FG_LP_TIME_LIMIT : cbc_status(cbc, options->time_limit_s, fg_clock_seconds() - begin);
        outcome->nodes = Cbc_getNodeCount(cbc);
        outcome->iterations = Cbc_getIterationCount(cbc);
        const double *solution =
            outcome->status == FG_LP_OPTIMAL || Cbc_numberSavedSolutions(cbc) > 0 ? Cbc_bestSolution(cbc) : NULL;
        if (solution) {
            outcome->has_solution = true;
            take_solution(model, solution, outcome->x);
        }
        if (outcome->status != FG_LP_INFEASIBLE && outcome->status != FG_LP_UNBOUNDED && !stop.done)
            outcome->bound = proven_bound(cbc, model, options, outcome);
        if (options->interrupt && *options->interrupt && outcome->status != FG_LP_OPTIMAL)
            outcome->status = FG_LP_INTERRUPTED;
    }
    Cbc_deleteModel(cbc);
    return code;
}

/* CLP factors dense parts with OpenBLAS, which tries for ever when it cannot have its buffer of 128 MiB, and throws
 * when its own allocations fail. So that running out of memory is an error and not a hang, ask the system for as much
 * first; the pages are never touched. */
static bool has_headroom(void)
{
    static const size_t needed = (size_t)256 << 20;
    void *probe = mmap(NULL, needed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return probe != MAP_FAILED && munmap(probe, needed) == 0;
}

static enum fg_code coin_solve(void *opaque, const struct fg_lp_model *model, const struct fg_lp_options *options,
                               struct fg_lp_outcome *outcome, struct fg_error *err)
{
    if (!has_headroom())
        return fg_fail_memory(err);
    if (model->integer_count > 0 && !options->relax)
        return cbc_solve(model, options, outcome, err);
    return clp_solve(opaque, model, options, outcome, err);
}

const struct fg_lp_solver fg_lp_coin_solver = {
    .name = "COIN-OR CLP/CBC", .create = coin_create, .destroy = coin_destroy, .solve = coin_solve};
