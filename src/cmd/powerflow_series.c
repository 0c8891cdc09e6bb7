/* A series is computed in one of two ways. Where only powers change (CSV file, SimBench profiles), one handle solves
 * batches of steps; where elements may change (power-grid-model updates, SimBench study cases with their voltage of the
 * external grid), each step is a network of its own. */
#include "cmd/powerflow_series.h"

#include "cmd/interrupt.h"
#include "cmd/load.h"
#include "cmd/progress.h"
#include "cmd/series_output.h"
#include "grid/pgm.h"
#include "grid/scenario.h"
#include "grid/simbench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 64 };

struct run {
    const struct fg_series_request *request;
    const struct fg_network *network;
    size_t next, count; /* steps seen so far; in all, 0: not known beforehand */
    struct fg_series_output output;
    struct fg_progress progress;
    struct fg_error *err;

    /* Batches. */
    struct fg_powerflow *powerflow, *fallback; /* fallback: Newton beside the sweep, made when it is needed */
    struct fg_powerflow_result *result, *fallback_result;
    bool is_sweep_chosen;
    double *values; /* BATCH rows of each of the eight arrays */
    struct fg_scenario_powers rows;
    const char *labels[BATCH];
    size_t filled;
};

static bool is_wanted(const struct run *run, size_t step)
{
    int32_t first = run->request->first, last = run->request->last;
    return (first == 0 || step >= (size_t)first) && (last == 0 || step <= (size_t)last);
}

static bool is_over(const struct run *run)
{
    return run->request->last > 0 && run->next >= (size_t)run->request->last;
}

static enum fg_code add_step(struct run *run, const char *label, const struct fg_powerflow_result *result)
{
    enum fg_code code = fg_series_output_add(&run->output, label, result, run->err);
    if (code == FG_OK && run->count > 0)
        fg_progress_show(&run->progress, false, "step %zu of %zu", run->output.step_count, run->count);
    else if (code == FG_OK)
        fg_progress_show(&run->progress, false, "step %zu", run->output.step_count);
    if (code == FG_OK && fg_interrupt_seen())
        code = fg_fail(run->err, FG_ERR_INTERRUPTED, NULL, "interrupted");
    return code;
}

/* Row `row` of the eight arrays. */
static struct fg_scenario_powers powers_of(const struct run *run, size_t row)
{
    const struct fg_network *network = run->network;
    const struct fg_scenario_powers *all = &run->rows;
    return (struct fg_scenario_powers){
        .injection_p_mw = all->injection_p_mw + row * network->injection_count,
        .injection_q_mvar = all->injection_q_mvar + row * network->injection_count,
        .generator_p_mw = all->generator_p_mw + row * network->generator_count,
        .generator_q_mvar = all->generator_q_mvar + row * network->generator_count,
        .storage_p_mw = all->storage_p_mw + row * network->storage_count,
        .storage_q_mvar = all->storage_q_mvar + row * network->storage_count,
        .bus_p_mw = all->bus_p_mw + row * network->bus_count,
        .bus_q_mvar = all->bus_q_mvar + row * network->bus_count,
    };
}

static struct fg_powerflow_input input_of(const struct fg_scenario_powers *powers)
{
    return (struct fg_powerflow_input){powers->injection_p_mw, powers->injection_q_mvar, powers->generator_p_mw,
                                       powers->generator_q_mvar, powers->storage_p_mw, powers->storage_q_mvar,
                                       powers->bus_p_mw, powers->bus_q_mvar};
}

/* What the sweep does not solve, Newton tries with all its means. */
static enum fg_code solve_again(struct run *run, size_t row)
{
    if (run->fallback == NULL) {
        enum fg_code code = fg_powerflow_create(run->network, &run->request->settings, &run->fallback, run->err);
        if (code == FG_OK)
            code = fg_powerflow_result_create(run->network, &run->fallback_result, run->err);
        if (code != FG_OK)
            return code;
    }
    struct fg_scenario_powers powers = powers_of(run, row);
    struct fg_powerflow_input input = input_of(&powers);
    fg_powerflow_set_injections(run->fallback, &input);
    return fg_powerflow_solve(run->fallback, run->fallback_result, run->err);
}

static enum fg_code take_result(void *context, size_t row, const struct fg_powerflow_result *result)
{
    struct run *run = context;
    if (result->status != FG_POWERFLOW_CONVERGED && run->is_sweep_chosen) {
        enum fg_code code = solve_again(run, row);
        if (code != FG_OK)
            return code;
        result = run->fallback_result;
    }
    return add_step(run, run->labels[row], result);
}

static enum fg_code flush_batch(struct run *run)
{
    if (run->filled == 0)
        return FG_OK;
    struct fg_powerflow_input inputs = input_of(&run->rows);
    size_t count = run->filled;
    run->filled = 0;
    return fg_powerflow_batch(run->powerflow, count, &inputs, take_result, run, run->result, run->err);
}

static enum fg_code begin_batches(struct run *run, const struct fg_network *network)
{
    run->network = network;
    struct fg_powerflow_options settings = run->request->settings;
    bool tries_sweep = run->request->is_method_auto && !settings.enforce_q_limits && settings.taps == FG_TAP_FIXED;
    enum fg_code code = FG_ERR_UNSUPPORTED;
    if (tries_sweep) {
        settings.method = FG_POWERFLOW_SWEEP;
        code = fg_powerflow_create(network, &settings, &run->powerflow, run->err);
        run->is_sweep_chosen = code == FG_OK;
    }
    if (code == FG_ERR_UNSUPPORTED)
        code = fg_powerflow_create(network, &run->request->settings, &run->powerflow, run->err);
    if (code == FG_OK)
        code = fg_powerflow_result_create(network, &run->result, run->err);
    if (code != FG_OK)
        return code;
    size_t counts[] = {network->injection_count, network->generator_count, network->storage_count, network->bus_count};
    double **arrays[] = {&run->rows.injection_p_mw, &run->rows.injection_q_mvar, &run->rows.generator_p_mw,
                         &run->rows.generator_q_mvar, &run->rows.storage_p_mw, &run->rows.storage_q_mvar,
                         &run->rows.bus_p_mw, &run->rows.bus_q_mvar};
    size_t total = 0;
    for (size_t i = 0; i < 8; i++)
        total += BATCH * counts[i / 2];
    run->values = fg_alloc(total, sizeof *run->values);
    if (run->values == NULL)
        return fg_fail_memory(run->err);
    double *at = run->values;
    for (size_t i = 0; i < 8; i++) {
        *arrays[i] = at;
        at += BATCH * counts[i / 2];
    }
    return FG_OK;
}

/* The powers of the next step stand in row `filled`. */
static enum fg_code take_step(struct run *run, const char *label)
{
    if (!is_wanted(run, ++run->next))
        return FG_OK;
    run->labels[run->filled++] = label;
    return run->filled == BATCH ? flush_batch(run) : FG_OK;
}

static enum fg_code run_file(struct run *run, const struct fg_network *network)
{
    struct fg_scenario_reader *reader = NULL;
    enum fg_code code = begin_batches(run, network);
    if (code == FG_OK)
        code = fg_scenario_open(network, run->request->source, &reader, run->err);
    while (code == FG_OK && !is_over(run)) {
        struct fg_scenario_powers powers = powers_of(run, run->filled);
        const char *label;
        code = fg_scenario_next(reader, &powers, &label, run->err);
        if (code != FG_OK || label == NULL)
            break;
        code = take_step(run, label);
    }
    if (code == FG_OK)
        code = flush_batch(run);
    fg_scenario_close(reader);
    return code;
}

static enum fg_code run_profiles(struct run *run, const struct fg_simbench *set)
{
    const struct fg_network *network = fg_simbench_network(set);
    run->count = fg_simbench_step_count(set);
    if (run->count == 0)
        return fg_fail(run->err, FG_ERR_UNSUPPORTED, run->request->network, "the folder has no profiles");
    enum fg_code code = begin_batches(run, network);
    for (size_t step = 0; code == FG_OK && step < fg_simbench_step_count(set) && !is_over(run); step++) {
        if (is_wanted(run, run->next + 1)) {
            struct fg_scenario_powers powers = powers_of(run, run->filled);
            fg_scenario_set_own(network, &powers);
            fg_simbench_at_step(set, step,
                                &(struct fg_simbench_powers){powers.injection_p_mw, powers.injection_q_mvar,
                                                             powers.generator_p_mw, powers.storage_p_mw});
        }
        code = take_step(run, fg_simbench_time(set, step));
    }
    return code == FG_OK ? flush_batch(run) : code;
}

static enum fg_code solve_network(struct run *run, const struct fg_network *network, const char *label)
{
    struct fg_powerflow *powerflow = NULL;
    struct fg_powerflow_result *result = NULL;
    enum fg_code code = fg_powerflow_create(network, &run->request->settings, &powerflow, run->err);
    if (code == FG_OK)
        code = fg_powerflow_result_create(network, &result, run->err);
    if (code == FG_OK)
        code = fg_powerflow_solve(powerflow, result, run->err);
    if (code == FG_OK)
        code = add_step(run, label, result);
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    return code;
}

static enum fg_code set_case(struct fg_network *network, const struct fg_simbench *set, size_t study_case,
                             struct fg_error *err)
{
    size_t injections = network->injection_count, generators = network->generator_count;
    double *values = fg_alloc(2 * injections + generators + 1, sizeof *values), slack_vm_pu;
    if (values == NULL)
        return fg_fail_memory(err);
    struct fg_simbench_powers powers = {values, values + injections, values + 2 * injections, NULL};
    fg_simbench_at_case(set, study_case, &powers, &slack_vm_pu);
    for (size_t i = 0; i < injections; i++) {
        network->injections[i].p_mw = powers.injection_p_mw[i];
        network->injections[i].q_mvar = powers.injection_q_mvar[i];
    }
    for (size_t i = 0; i < generators; i++) {
        network->generators[i].p_mw = powers.generator_p_mw[i];
        if (network->generators[i].kind == FG_GENERATOR_SOURCE && !isnan(slack_vm_pu))
            network->generators[i].vm_set_pu = slack_vm_pu;
    }
    fg_free(values);
    return FG_OK;
}

static enum fg_code run_cases(struct run *run, const struct fg_simbench *set)
{
    run->count = fg_simbench_case_count(set);
    enum fg_code code = FG_OK;
    if (run->count == 0)
        return fg_fail(run->err, FG_ERR_UNSUPPORTED, run->request->network, "the folder has no study cases");
    for (size_t i = 0; code == FG_OK && i < run->count; i++) {
        if (!is_wanted(run, ++run->next))
            continue;
        struct fg_network *network = fg_network_clone(fg_simbench_network(set));
        code = network == NULL ? fg_fail_memory(run->err) : set_case(network, set, i, run->err);
        if (code == FG_OK)
            code = solve_network(run, network, fg_simbench_case_name(set, i));
        fg_network_destroy(network);
    }
    return code;
}

static enum fg_code run_updates(struct run *run)
{
    struct fg_pgm_batch *batch;
    enum fg_code code = fg_pgm_batch_open(run->request->network, run->request->source, &batch, run->err);
    if (code != FG_OK)
        return code;
    run->count = fg_pgm_batch_count(batch);
    for (size_t i = 0; code == FG_OK && i < run->count; i++) {
        if (!is_wanted(run, ++run->next))
            continue;
        char label[24];
        struct fg_network *network;
        snprintf(label, sizeof label, "%zu", i + 1);
        code = fg_pgm_batch_network(batch, i, &network, run->err);
        if (code == FG_OK)
            code = solve_network(run, network, label);
        fg_network_destroy(network);
    }
    fg_pgm_batch_close(batch);
    return code;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

static enum fg_code run_simbench(struct run *run, bool is_profiles)
{
    struct fg_simbench *set;
    if (!fg_simbench_is_folder(run->request->network))
        return fg_fail(run->err, FG_ERR_ARGUMENT, run->request->network,
                       "is no SimBench folder; --series %s belongs to one, for a file of that name write ./%s",
                       run->request->source, run->request->source);
    enum fg_code code = fg_simbench_open(run->request->network, &set, run->err);
    if (code != FG_OK)
        return code;
    code = is_profiles ? run_profiles(run, set) : run_cases(run, set);
    fg_simbench_close(set);
    return code;
}

/* FG_EXIT_OK, or the code of a network that cannot be read; then `code` says how the series went. */
static enum fg_exit run_source(struct run *run, enum fg_code *code)
{
    const char *source = run->request->source;
    if (strcmp(source, "profiles") == 0 || strcmp(source, "cases") == 0) {
        *code = run_simbench(run, strcmp(source, "profiles") == 0);
    } else if (ends_with(source, ".json") || ends_with(source, ".json.gz")) {
        *code = run_updates(run);
    } else {
        struct fg_network *network;
        enum fg_exit status = fg_load_network(run->request->network, NULL, run->request->common->quiet, &network);
        if (status != FG_EXIT_OK)
            return status;
        *code = run_file(run, network);
        fg_network_destroy(network);
    }
    return FG_EXIT_OK;
}

enum fg_exit fg_powerflow_series(const struct fg_series_request *request)
{
    struct fg_error err = {0};
    struct run run = {.request = request, .err = &err};
    if (request->first > 0 && request->last > 0 && request->first > request->last) {
        fg_fail(&err, FG_ERR_ARGUMENT, "powerflow", "--first %d lies behind --last %d", request->first, request->last);
        return fg_command_fail(&err);
    }
    fg_series_output_begin(&run.output, request->is_full, request->common->csv != NULL);
    fg_progress_begin(&run.progress, request->common->quiet);
    fg_interrupt_begin();
    enum fg_code code = FG_OK;
    enum fg_exit status = run_source(&run, &code);
    fg_interrupt_end();
    fg_progress_end(&run.progress);
    if (code == FG_OK && status == FG_EXIT_OK && run.output.step_count == 0)
        code = fg_fail(&err, FG_ERR_VALUE, request->source, "holds %zu steps, none of them within --first and --last",
                       run.next);
    if (status == FG_EXIT_OK && code != FG_OK && code != FG_ERR_INTERRUPTED)
        status = fg_command_fail(&err);
    else if (status == FG_EXIT_OK)
        status = fg_series_output_end(&run.output, request->common, code == FG_ERR_INTERRUPTED, request->shows_all);
    fg_powerflow_result_destroy(run.fallback_result);
    fg_powerflow_destroy(run.fallback);
    fg_powerflow_result_destroy(run.result);
    fg_powerflow_destroy(run.powerflow);
    fg_free(run.values);
    fg_series_output_release(&run.output);
    return status;
}
