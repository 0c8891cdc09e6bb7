/* flexgrid powerflow NETWORK: the voltages and flows at the file's injections, or at those of a series. */
#include "cmd/interrupt.h"
#include "cmd/load.h"
#include "cmd/output.h"
#include "cmd/powerflow_rows.h"
#include "cmd/powerflow_series.h"
#include "cmd/table.h"
#include "grid/powerflow.h"
#include "toolkit/dfmct/powerflow_json.h"

#include <math.h>
#include <stdlib.h>

#define DEGREES (180.0 / 3.14159265358979323846)

struct powerflow_options {
    struct fg_common_options common;
    int32_t method, start, taps;
    double tolerance;
    int32_t max_iterations;
    bool q_limits, plain, all, full;
    const char *series;
    int32_t first, last;
};

enum method { METHOD_AUTO, METHOD_NEWTON, METHOD_SWEEP };
static const char *const method_words[] = {"auto", "newton", "sweep", NULL};
static const char *const start_words[] = {"flat", "file", NULL};
static const char *const tap_words[] = {"fixed", "any_valid", "min_voltage", "max_voltage", "fast_any", NULL};

static const struct fg_option options_table[] = {
    {"method", 'm', FG_OPTION_WORD, offsetof(struct powerflow_options, method), "METHOD",
     "newton (any network), sweep (backward/forward: radial grids with one source per island, no voltage held elsewhere), "
     "or auto: newton, in a series the sweep where the grid allows it.", method_words, 0, 0},
    {"start", 's', FG_OPTION_WORD, offsetof(struct powerflow_options, start), "START",
     "flat, or file: the voltages that the file gives.", start_words, 0, 0},
    {"q-limits", 0, FG_OPTION_FLAG, offsetof(struct powerflow_options, q_limits), NULL,
     "Keep generators within their reactive limits; those that reach one no longer hold the voltage.", NULL, 0, 0},
    {"taps", 0, FG_OPTION_WORD, offsetof(struct powerflow_options, taps), "RULE",
     "fixed, or let automatic tap changers move: any_valid, min_voltage, max_voltage, fast_any.", tap_words, 0, 0},
    {"tolerance", 't', FG_OPTION_NUMBER, offsetof(struct powerflow_options, tolerance), "PU",
     "Largest mismatch of P or Q at any bus, p.u. of the base power (default 1e-8).", NULL, 1e-14, 1e-1},
    {"max-iterations", 'n', FG_OPTION_INTEGER, offsetof(struct powerflow_options, max_iterations), "N",
     "Iterations of each attempt (default 50, sweep 500).", NULL, 1, 100000},
    {"plain", 0, FG_OPTION_FLAG, offsetof(struct powerflow_options, plain), NULL,
     "No further attempts where Newton fails from the start.", NULL, 0, 0},
    {"all", 'a', FG_OPTION_FLAG, offsetof(struct powerflow_options, all), NULL,
     "Show every bus and branch instead of the most interesting ones.", NULL, 0, 0},
    {"series", 0, FG_OPTION_TEXT, offsetof(struct powerflow_options, series), "SOURCE",
     "One power flow per step: a CSV file (step,id,kind,p_mw,q_mvar), a power-grid-model update batch, or profiles or cases "
     "of a SimBench folder.", NULL, 0, 0},
    {"first", 0, FG_OPTION_INTEGER, offsetof(struct powerflow_options, first), "N",
     "First step of the series to compute (1 is the first).", NULL, 1, INT32_MAX},
    {"last", 0, FG_OPTION_INTEGER, offsetof(struct powerflow_options, last), "N", "Last step to compute.", NULL, 1,
     INT32_MAX},
    {"full", 0, FG_OPTION_FLAG, offsetof(struct powerflow_options, full), NULL,
     "With a series: every bus and branch of every step in the JSON document and the CSV tables.", NULL, 0, 0},
    FG_OPTION_CSV(powerflow_options),
    FG_OPTION_COMMON(powerflow_options),
};

static enum fg_code write_csv(const struct fg_powerflow_result *result, const char *folder, struct fg_error *err)
{
    const struct {
        const char *name, *header;
        void (*rows)(const struct fg_powerflow_result *result, const char *step, struct fg_text *text);
    } tables[] = {{"buses.csv", fg_powerflow_bus_header, fg_powerflow_bus_rows},
                  {"branches.csv", fg_powerflow_branch_header, fg_powerflow_branch_rows},
                  {"violations.csv", fg_powerflow_violation_header, fg_powerflow_violation_rows}};
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == FG_OK; i++) {
        struct fg_text text;
        fg_text_init(&text);
        fg_text_puts(&text, tables[i].header);
        tables[i].rows(result, NULL, &text);
        code = fg_output_csv(folder, tables[i].name, &text, err);
        fg_text_release(&text);
    }
    return code;
}

struct ranked {
    size_t index;
    double key;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static enum fg_tone voltage_tone(const struct fg_bus *bus, double vm)
{
    return vm < bus->vm_min_pu - 1e-9 || vm > bus->vm_max_pu + 1e-9 ? FG_TONE_BAD : FG_TONE_PLAIN;
}

static void show_buses(const struct fg_powerflow_result *result, size_t most, int width, bool has_colour,
                       struct ranked *ranked, struct fg_text *text)
{
    const struct fg_network *network = result->network;
    size_t count = 0;
    for (size_t b = 0; b < network->bus_count; b++)
        if (isfinite(result->vm_pu[b]) && !network->buses[b].is_internal)
            ranked[count++] = (struct ranked){b, result->vm_pu[b]};
    bool is_short = count > most;
    if (is_short)
        qsort(ranked, count, sizeof *ranked, by_key);
    fg_text_printf(text, is_short ? "\nBuses with the lowest voltages (%zu of %zu)\n" : "\nBuses\n", most, count);
    struct fg_table table;
    fg_table_init(&table, 5, (const char *const[]){"<bus", "<name", "vm p.u.", "angle deg", "limits p.u."});
    for (size_t i = 0; i < count && i < most; i++) {
        size_t b = ranked[i].index;
        const struct fg_bus *bus = &network->buses[b];
        fg_table_text(&table, bus->id);
        fg_table_text(&table, bus->name != NULL ? bus->name : "");
        fg_table_number_tone(&table, voltage_tone(bus, result->vm_pu[b]), 5, result->vm_pu[b]);
        fg_table_number(&table, 3, result->va_rad[b] * DEGREES);
        if (bus->vm_min_pu > 0.0 || isfinite(bus->vm_max_pu))
            fg_table_printf(&table, FG_TONE_DIM, "%.3g ... %.3g", bus->vm_min_pu, bus->vm_max_pu);
        else
            fg_table_text_tone(&table, FG_TONE_DIM, "-");
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

static void show_branches(const struct fg_powerflow_result *result, size_t most, int width, bool has_colour,
                          struct ranked *ranked, struct fg_text *text)
{
    const struct fg_network *network = result->network;
    size_t count = 0;
    bool has_rating = result->loading_max_branch >= 0;
    for (size_t k = 0; k < network->branch_count; k++)
        if (network->branches[k].in_service)
            ranked[count++] = (struct ranked){
                k, has_rating ? -result->loading_normal[k]
                              : -hypot(result->p_from_mw[k], result->q_from_mvar[k])};
    bool is_short = count > most;
    if (is_short)
        qsort(ranked, count, sizeof *ranked, by_key);
    if (is_short)
        fg_text_printf(text, "\nBranches with the highest %s (%zu of %zu)\n", has_rating ? "loading" : "flow", most, count);
    else
        fg_text_puts(text, "\nBranches\n");
    struct fg_table table;
    fg_table_init(&table, 7,
                  (const char *const[]){"<branch", "<from", "<to", "P MW", "Q Mvar", "loss MW", "loading %"});
    for (size_t i = 0; i < count && i < most; i++) {
        size_t k = ranked[i].index;
        const struct fg_branch *branch = &network->branches[k];
        double loading = isfinite(branch->rate_normal_mva) ? 100.0 * result->loading_normal[k] : NAN;
        fg_table_text(&table, branch->id);
        fg_table_text(&table, network->buses[branch->from].id);
        fg_table_text(&table, network->buses[branch->to].id);
        fg_table_number(&table, 4, result->p_from_mw[k]);
        fg_table_number(&table, 4, result->q_from_mvar[k]);
        fg_table_number(&table, 5, result->p_from_mw[k] + result->p_to_mw[k]);
        fg_table_number_tone(&table, loading > 100.0 ? FG_TONE_BAD : loading > 80.0 ? FG_TONE_WARN : FG_TONE_PLAIN, 1,
                             loading);
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

static void show_violations(const struct fg_powerflow_result *result, size_t most, int width, bool has_colour,
                            struct fg_text *text)
{
    if (result->violation_count == 0) {
        fg_text_printf(text, "%sEvery limit holds.%s\n", fg_terminal_tone(FG_TONE_GOOD, has_colour),
                       fg_terminal_reset(FG_TONE_GOOD, has_colour));
        return;
    }
    fg_text_printf(text, "\n%sViolated limits: %zu%s\n", fg_terminal_tone(FG_TONE_BAD, has_colour),
                   result->violation_count, fg_terminal_reset(FG_TONE_BAD, has_colour));
    struct fg_table table;
    fg_table_init(&table, 4, (const char *const[]){"<limit", "<element", "value", "limit"});
    for (size_t i = 0; i < result->violation_count && i < most; i++) {
        const struct fg_violation *violation = &result->violations[i];
        fg_table_text(&table, fg_violation_name(violation->kind));
        fg_table_text(&table, fg_powerflow_violation_element(result->network, violation));
        fg_table_number_tone(&table, FG_TONE_BAD, 4, violation->value);
        fg_table_number(&table, 4, violation->limit);
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
    if (result->violation_count > most)
        fg_text_printf(text, "... %zu more; --all shows them\n", result->violation_count - most);
}

static void show(const struct fg_powerflow_result *result, bool all, struct ranked *ranked, struct fg_text *text)
{
    const struct fg_network *network = result->network;
    int width = fg_terminal_width(stdout);
    bool has_colour = fg_terminal_has_colour(stdout);
    bool is_good = result->status == FG_POWERFLOW_CONVERGED;
    enum fg_tone tone = is_good ? FG_TONE_GOOD : FG_TONE_BAD;
    fg_text_printf(text, "Power flow %s%s%s after %d iterations, largest mismatch %.2g p.u.\n",
                   fg_terminal_tone(tone, has_colour), fg_powerflow_status_name(result->status),
                   fg_terminal_reset(tone, has_colour), result->iterations, result->max_mismatch_pu);
    if (result->explanation[0] != '\0') {
        fg_terminal_put(text, result->explanation, -1);
        fg_text_puts(text, "\n");
    }
    if (!is_good)
        return;
    fg_text_printf(text, "%zu buses, %zu branches; losses %.6g MW, %.6g Mvar\n", network->bus_count,
                   network->branch_count, result->losses_mw, result->losses_mvar);
    if (result->vm_min_bus >= 0) {
        fg_text_printf(text, "Voltages %.6f p.u. at bus ", result->vm_min_pu);
        fg_terminal_put(text, network->buses[result->vm_min_bus].id, 24);
        fg_text_printf(text, " to %.6f at bus ", result->vm_max_pu);
        fg_terminal_put(text, network->buses[result->vm_max_bus].id, 24);
        fg_text_puts(text, "\n");
    }
    show_violations(result, all ? SIZE_MAX : 20, width, has_colour, text);
    show_buses(result, all ? SIZE_MAX : 10, width, has_colour, ranked, text);
    show_branches(result, all ? SIZE_MAX : 10, width, has_colour, ranked, text);
}

static enum fg_exit status_exit(enum fg_powerflow_status status)
{
    return status == FG_POWERFLOW_CONVERGED         ? FG_EXIT_OK
           : status == FG_POWERFLOW_ITERATION_LIMIT ? FG_EXIT_LIMIT
                                                    : FG_EXIT_UNSOLVED;
}

static enum fg_exit write_results(const struct powerflow_options *options, const struct fg_powerflow_result *result)
{
    struct fg_error err = {0};
    const struct fg_network *network = result->network;
    size_t most = network->bus_count > network->branch_count ? network->bus_count : network->branch_count;
    struct ranked *ranked = fg_alloc(most + 1, sizeof *ranked);
    struct fg_text document, tables;
    fg_text_init(&document);
    fg_text_init(&tables);
    enum fg_code code = ranked != NULL ? fg_powerflow_result_json(result, &document, &err) : fg_fail_memory(&err);
    enum fg_exit status = FG_EXIT_OK;
    if (code == FG_OK && options->common.csv != NULL)
        code = write_csv(result, options->common.csv, &err);
    if (code == FG_OK) {
        show(result, options->all, ranked, &tables);
        status = fg_output_finish(&options->common, &document, &tables);
    } else {
        status = fg_command_fail_output(&err);
    }
    fg_text_release(&document);
    fg_text_release(&tables);
    fg_free(ranked);
    return status;
}

static enum fg_exit run(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct powerflow_options *options = given;
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    struct fg_powerflow *powerflow = NULL;
    struct fg_powerflow_result *result = NULL;
    struct fg_powerflow_options settings = fg_powerflow_options_default();
    settings.method = options->method == METHOD_SWEEP ? FG_POWERFLOW_SWEEP : FG_POWERFLOW_NEWTON;
    settings.start = (enum fg_powerflow_start)options->start;
    settings.taps = (enum fg_tap_strategy)options->taps;
    settings.enforce_q_limits = options->q_limits;
    settings.is_plain = options->plain;
    if (options->tolerance > 0.0)
        settings.tolerance_pu = options->tolerance;
    settings.max_iterations = options->max_iterations;
    if (options->series != NULL)
        return fg_powerflow_series(&(struct fg_series_request){.network = operands[0],
                                                               .source = options->series,
                                                               .first = options->first,
                                                               .last = options->last,
                                                               .is_method_auto = options->method == METHOD_AUTO,
                                                               .is_full = options->full,
                                                               .shows_all = options->all,
                                                               .settings = settings,
                                                               .common = &options->common});
    if (options->first > 0 || options->last > 0 || options->full) {
        fg_fail(&err, FG_ERR_ARGUMENT, "powerflow", "--first, --last and --full belong to a series; add --series");
        return fg_command_fail(&err);
    }
    enum fg_exit status = fg_load_network(operands[0], NULL, options->common.quiet, &network);
    if (status != FG_EXIT_OK)
        return status;
    if (fg_powerflow_create(network, &settings, &powerflow, &err) != FG_OK ||
        fg_powerflow_result_create(network, &result, &err) != FG_OK ||
        fg_powerflow_solve(powerflow, result, &err) != FG_OK) {
        status = fg_command_fail(&err);
    } else {
        status = write_results(options, result);
        if (status == FG_EXIT_OK)
            status = status_exit(result->status);
    }
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    fg_network_destroy(network);
    return status;
}

const struct fg_command fg_command_powerflow = {
    .name = "powerflow",
    .operands = "NETWORK",
    .operand_min = 1,
    .operand_max = 1,
    .summary = "voltages, flows, losses and violated limits",
    .description = "Computes the AC power flow of a network at the injections of the file: voltages, branch flows, "
                   "losses and the limits that are violated; with --series for every step of a time series or set of "
                   "scenarios. Exit code 4 when no solution is found (in a series: for some step), 5 at the iteration "
                   "limit.",
    .examples = "  flexgrid powerflow case33bw.m\n"
                "  flexgrid powerflow --method sweep --all examples/ieee33/network.json\n"
                "  flexgrid powerflow grid.json --json | jq .losses_mw\n"
                "  flexgrid powerflow grid.json --q-limits --csv results/\n"
                "  flexgrid powerflow grid.json --series day.csv --json | jq .vm_min_step\n"
                "  flexgrid powerflow simbench/ --series profiles --last 96 --full --csv results/\n"
                "  flexgrid powerflow simbench/ --series cases --all\n"
                "  flexgrid powerflow input.json --series update_batch.json\n",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_size_bytes = sizeof(struct powerflow_options),
    .run = run,
};
