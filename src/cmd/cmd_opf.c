/* flexgrid opf NETWORK: the cheapest dispatch within all limits, its prices, a proven bound, and an independent check. */
#include "cmd/interrupt.h"
#include "cmd/load.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/table.h"
#include "toolkit/dfmct/opf_json.h"

#include <math.h>
#include <stdlib.h>

#define DEGREES (180.0 / 3.14159265358979323846)

struct opf_options {
    struct fg_common_options common;
    int32_t physics, rating, start;
    bool without_bound, all;
    double tolerance, time_limit_s;
    int32_t max_iterations;
};

static const char *const rating_words[] = {"normal", "emergency", "none", NULL};
static const char *const start_words[] = {"flat", "file", NULL};

static const struct fg_option options_table[] = {
    {"physics", 'p', FG_OPTION_WORD, offsetof(struct opf_options, physics), "MODEL",
     "ac (exact), soc (convex relaxation), lindistflow (radial grids), dc, none.", fg_physics_words, 0, 0},
    {"rating", 'r', FG_OPTION_WORD, offsetof(struct opf_options, rating), "RATING",
     "Branch ratings that count: normal, emergency or none.", rating_words, 0, 0},
    {"start", 's', FG_OPTION_WORD, offsetof(struct opf_options, start), "START",
     "flat, or file: the state that the file gives.", start_words, 0, 0},
    {"no-bound", 0, FG_OPTION_FLAG, offsetof(struct opf_options, without_bound), NULL,
     "Skip the cone relaxation that proves a lower bound.", NULL, 0, 0},
    {"tolerance", 't', FG_OPTION_NUMBER, offsetof(struct opf_options, tolerance), "T",
     "Scaled optimality tolerance (default 1e-6).", NULL, 1e-12, 1e-2},
    {"max-iterations", 'n', FG_OPTION_INTEGER, offsetof(struct opf_options, max_iterations), "N",
     "Iterations at most.", NULL, 1, 1000000},
    {"time-limit", 0, FG_OPTION_NUMBER, offsetof(struct opf_options, time_limit_s), "SECONDS",
     "Stop after this time.", NULL, 1e-3, 1e9},
    {"all", 'a', FG_OPTION_FLAG, offsetof(struct opf_options, all), NULL,
     "Show every generator, bus and branch instead of the most interesting ones.", NULL, 0, 0},
    FG_OPTION_CSV(opf_options),
    FG_OPTION_COMMON(opf_options),
};

static void bus_rows(const struct fg_opf_outcome *outcome, struct fg_text *text)
{
    fg_text_puts(text, "id,vm_pu,va_deg,price_p,price_q\n");
    for (size_t b = 0; b < outcome->network->bus_count; b++) {
        fg_output_field(text, outcome->network->buses[b].id, false);
        fg_output_number(text, outcome->result.vm_pu[b], false);
        fg_output_number(text, outcome->result.va_rad[b] * DEGREES, false);
        fg_output_number(text, outcome->result.price_p[b], false);
        fg_output_number(text, outcome->result.price_q[b], true);
    }
}

static void branch_rows(const struct fg_opf_outcome *outcome, struct fg_text *text)
{
    const struct fg_network *network = outcome->network;
    fg_text_puts(text, "id,from,to,p_from_mw,q_from_mvar,p_to_mw,q_to_mvar,rating_price\n");
    for (size_t k = 0; k < network->branch_count; k++) {
        fg_output_field(text, network->branches[k].id, false);
        fg_output_field(text, network->buses[network->branches[k].from].id, false);
        fg_output_field(text, network->buses[network->branches[k].to].id, false);
        fg_output_number(text, outcome->result.pf_mw[k], false);
        fg_output_number(text, outcome->result.qf_mvar[k], false);
        fg_output_number(text, outcome->result.pt_mw[k], false);
        fg_output_number(text, outcome->result.qt_mvar[k], false);
        fg_output_number(text, outcome->result.rating_price[k], true);
    }
}

static void generator_rows(const struct fg_opf_outcome *outcome, struct fg_text *text)
{
    const struct fg_network *network = outcome->network;
    fg_text_puts(text, "id,bus,p_mw,q_mvar\n");
    for (size_t g = 0; g < network->generator_count; g++) {
        fg_output_field(text, network->generators[g].id, false);
        fg_output_field(text, network->buses[network->generators[g].bus].id, false);
        fg_output_number(text, outcome->result.pg_mw[g], false);
        fg_output_number(text, outcome->result.qg_mvar[g], true);
    }
}

static enum fg_code write_csv(const struct fg_opf_outcome *outcome, const char *folder, struct fg_error *err)
{
    static const struct {
        const char *name;
        void (*rows)(const struct fg_opf_outcome *outcome, struct fg_text *text);
    } tables[] = {{"buses.csv", bus_rows}, {"branches.csv", branch_rows}, {"generators.csv", generator_rows}};
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == FG_OK; i++) {
        struct fg_text text;
        fg_text_init(&text);
        tables[i].rows(outcome, &text);
        code = fg_output_csv(folder, tables[i].name, &text, err);
        fg_text_release(&text);
    }
    return code;
}

static void show_broken(const struct fg_opf_outcome *outcome, size_t most, int width, bool has_colour, struct fg_text *text)
{
    const struct fg_opf_network_result *result = &outcome->result;
    fg_text_printf(text, "\nLimits that the solution of least violation breaks: %zu\n", result->broken_count);
    struct fg_table table;
    fg_table_init(&table, 6, (const char *const[]){"<limit", "<element", "value", "limit", "excess", "<unit"});
    for (size_t i = 0; i < result->broken_count && i < most; i++) {
        const struct fg_opf_broken *broken = &result->broken[i];
        fg_table_text(&table, fg_opf_limit_text(broken->limit));
        fg_table_text(&table, fg_opf_broken_element(outcome->network, broken));
        fg_table_number(&table, 4, broken->value);
        fg_table_number(&table, 4, broken->bound);
        fg_table_number_tone(&table, FG_TONE_BAD, 4, broken->excess);
        fg_table_text(&table, fg_opf_broken_unit(broken->limit));
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
    if (result->broken_count > most)
        fg_text_printf(text, "... %zu more; --all shows them\n", result->broken_count - most);
}

static void show_generators(const struct fg_opf_outcome *outcome, size_t most, int width, bool has_colour,
                            struct fg_text *text)
{
    const struct fg_network *network = outcome->network;
    fg_text_puts(text, "\nGenerators\n");
    struct fg_table table;
    fg_table_init(&table, 5, (const char *const[]){"<generator", "<bus", "P MW", "Q Mvar", "P limits MW"});
    size_t shown = 0, count = 0;
    for (size_t g = 0; g < network->generator_count; g++) {
        const struct fg_generator *generator = &network->generators[g];
        count += generator->in_service;
        if (!generator->in_service || shown++ >= most)
            continue;
        fg_table_text(&table, generator->id);
        fg_table_text(&table, network->buses[generator->bus].id);
        fg_table_number(&table, 4, outcome->result.pg_mw[g]);
        fg_table_number(&table, 4, outcome->result.qg_mvar[g]);
        fg_table_printf(&table, FG_TONE_DIM, "%.4g ... %.4g", generator->p_min_mw, generator->p_max_mw);
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
    if (count > most)
        fg_text_printf(text, "... %zu more; --all shows them\n", count - most);
}

static void show_prices(const struct fg_opf_outcome *outcome, size_t most, int width, bool has_colour, struct fg_text *text)
{
    const struct fg_network *network = outcome->network;
    fg_text_puts(text, "\nBuses: voltages and nodal prices\n");
    struct fg_table table;
    fg_table_init(&table, 4, (const char *const[]){"<bus", "vm p.u.", "price /MWh", "price /Mvarh"});
    size_t shown = 0, count = 0;
    for (size_t b = 0; b < network->bus_count; b++) {
        if (network->buses[b].is_internal || !isfinite(outcome->result.vm_pu[b]))
            continue;
        count++;
        if (shown++ >= most)
            continue;
        fg_table_text(&table, network->buses[b].id);
        fg_table_number(&table, 5, outcome->result.vm_pu[b]);
        fg_table_number(&table, 4, outcome->result.price_p[b]);
        fg_table_number(&table, 4, outcome->result.price_q[b]);
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
    if (count > most)
        fg_text_printf(text, "... %zu more; --all shows them\n", count - most);
}

static void show(const struct fg_opf_outcome *outcome, bool all, struct fg_text *text)
{
    const struct fg_opf_network_result *result = &outcome->result;
    int width = fg_terminal_width(stdout);
    bool has_colour = fg_terminal_has_colour(stdout);
    enum fg_tone tone = result->status == FG_OPF_OPTIMAL ? FG_TONE_GOOD : FG_TONE_BAD;
    fg_text_printf(text, "Optimal power flow: %s%s%s after %d iterations, %.3f s\n", fg_terminal_tone(tone, has_colour),
                   fg_opf_status_text(result->status), fg_terminal_reset(tone, has_colour), result->iterations,
                   result->seconds);
    if (result->status == FG_OPF_OPTIMAL) {
        fg_text_printf(text, "Cost %.8g per hour", result->objective);
        if (result->has_bound)
            fg_text_printf(text, "; at least %.8g by the relaxation (gap %.4f %%, %.3f s)", result->soc_bound,
                           100.0 * result->soc_gap, result->soc_seconds);
        fg_text_puts(text, "\n");
        if (result->convexified_count > 0)
            fg_text_printf(text, "%d cost curves are not convex: dispatched by their convex hull, the cost is their own\n",
                           result->convexified_count);
    }
    if (isfinite(outcome->max_violation)) {
        fg_text_printf(text, "Largest violation of the original constraints %.2g p.u.", outcome->max_violation);
        if (outcome->worst[0] != '\0' && outcome->max_violation > 1e-6) {
            fg_text_puts(text, " (");
            fg_terminal_put(text, outcome->worst, -1);
            fg_text_puts(text, ")");
        }
        fg_text_puts(text, "\n");
    }
    size_t most = all ? SIZE_MAX : 12;
    if (result->broken_count > 0)
        show_broken(outcome, all ? SIZE_MAX : 20, width, has_colour, text);
    show_generators(outcome, most, width, has_colour, text);
    show_prices(outcome, most, width, has_colour, text);
}

static void show_iteration(void *user, int32_t iteration, double objective, double infeasibility, double optimality)
{
    fg_progress_show(user, false, "iteration %d  objective %.8g  infeasibility %.1e  optimality %.1e", iteration,
                     objective, infeasibility, optimality);
}

static enum fg_exit status_exit(enum fg_opf_status status)
{
    switch (status) {
    case FG_OPF_OPTIMAL: return FG_EXIT_OK;
    case FG_OPF_ITERATION_LIMIT:
    case FG_OPF_TIME_LIMIT: return FG_EXIT_LIMIT;
    case FG_OPF_INTERRUPTED: return FG_EXIT_INTERRUPTED;
    default: return FG_EXIT_UNSOLVED;
    }
}

static enum fg_exit write_results(const struct opf_options *options, const struct fg_opf_outcome *outcome)
{
    struct fg_error err = {0};
    struct fg_text document, tables;
    fg_text_init(&document);
    fg_text_init(&tables);
    enum fg_exit status;
    enum fg_code code = fg_opf_outcome_json(outcome, &document, &err);
    if (code == FG_OK && options->common.csv != NULL)
        code = write_csv(outcome, options->common.csv, &err);
    if (code != FG_OK) {
        status = fg_command_fail_output(&err);
    } else {
        show(outcome, options->all, &tables);
        status = fg_output_finish(&options->common, &document, &tables);
    }
    fg_text_release(&document);
    fg_text_release(&tables);
    return status != FG_EXIT_OK ? status : status_exit(outcome->result.status);
}

static enum fg_exit run(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct opf_options *options = given;
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    enum fg_exit status = fg_load_network(operands[0], NULL, options->common.quiet, &network);
    if (status != FG_EXIT_OK)
        return status;
    struct fg_opf_outcome outcome = {.network = network};
    struct fg_progress progress;
    struct fg_opf_network_options settings = fg_opf_network_defaults();
    settings.physics = (enum fg_physics)options->physics;
    settings.rating = (enum fg_opf_rating)options->rating;
    settings.start_from_file = options->start == 1;
    settings.relaxation = !options->without_bound;
    if (options->tolerance > 0.0)
        settings.solver.tolerance = options->tolerance;
    if (options->max_iterations > 0)
        settings.solver.max_iterations = options->max_iterations;
    if (options->time_limit_s > 0.0)
        settings.solver.time_limit_s = options->time_limit_s;
    fg_progress_begin(&progress, options->common.quiet);
    settings.solver.progress = show_iteration;
    settings.solver.progress_user = &progress;
    settings.solver.interrupt = fg_interrupt_begin();
    enum fg_code code = fg_opf_network_solve(network, &settings, &outcome.result, &err);
    fg_interrupt_end();
    fg_progress_end(&progress);
    if (code == FG_OK)
        code = fg_opf_outcome_check(&outcome, settings.physics, &err);
    status = code == FG_OK ? write_results(options, &outcome) : fg_command_fail(&err);
    fg_opf_network_result_release(&outcome.result);
    fg_network_destroy(network);
    return status;
}

const struct fg_command fg_command_opf = {
    .name = "opf",
    .operands = "NETWORK",
    .operand_min = 1,
    .operand_max = 1,
    .summary = "cheapest dispatch within all limits, prices, proven bound",
    .description = "Dispatches the generators of a network at least cost within voltage bands, ratings, angle limits "
                   "and generator limits, and prices energy at every bus. A convex relaxation proves how far from the "
                   "optimum the result can be at most; every constraint is recomputed by independent code. Where no "
                   "dispatch holds every limit, those that cannot be met are listed (exit code 4).",
    .examples = "  flexgrid opf pglib_opf_case118_ieee.m\n"
                "  flexgrid opf case85.m                      # infeasible: names the limits\n"
                "  flexgrid opf grid.json --no-bound --json | jq .objective\n"
                "  flexgrid opf grid.json --physics dc --csv results/\n",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_size_bytes = sizeof(struct opf_options),
    .run = run,
};
