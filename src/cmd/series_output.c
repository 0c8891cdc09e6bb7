#include "cmd/series_output.h"

#include "cmd/output.h"
#include "cmd/powerflow_rows.h"
#include "toolkit/dfmct/powerflow_json.h"
#include "cmd/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_SHOWN = 20, WORST_SHOWN = 10 };

static const char *const table_names[FG_SERIES_TABLES] = {"steps.csv", "violations.csv", "buses.csv", "branches.csv"};

void fg_series_output_begin(struct fg_series_output *output, bool is_full, bool has_csv)
{
    *output = (struct fg_series_output){.is_full = is_full, .has_csv = has_csv};
    fg_arena_init(&output->arena);
    fg_spool_init(&output->document);
    for (int i = 0; i < FG_SERIES_TABLES; i++)
        fg_spool_init(&output->tables[i]);
    fg_json_writer_init(&output->json, &output->document.text, true);
    fg_json_begin_object(&output->json, NULL);
    fg_json_begin_array(&output->json, "steps");
    fg_text_puts(&output->tables[FG_SERIES_STEPS].text,
                 "step,status,iterations,losses_mw,vm_min_pu,vm_min_bus,vm_max_pu,vm_max_bus,loading_max,"
                 "loading_max_branch,violations\n");
    const char *const headers[] = {[FG_SERIES_VIOLATIONS] = fg_powerflow_violation_header,
                                   [FG_SERIES_BUSES] = fg_powerflow_bus_header,
                                   [FG_SERIES_BRANCHES] = fg_powerflow_branch_header};
    for (int i = FG_SERIES_VIOLATIONS; i < FG_SERIES_TABLES; i++)
        fg_text_printf(&output->tables[i].text, "step,%s", headers[i]);
}

void fg_series_output_release(struct fg_series_output *output)
{
    fg_spool_release(&output->document);
    for (int i = 0; i < FG_SERIES_TABLES; i++)
        fg_spool_release(&output->tables[i]);
    fg_free(output->steps);
    fg_arena_release(&output->arena);
}

static enum fg_code copy_text(struct fg_series_output *output, const char *text, const char **copy)
{
    *copy = text == NULL ? NULL : fg_arena_strdup(&output->arena, text);
    return text != NULL && *copy == NULL ? FG_ERR_MEMORY : FG_OK;
}

/* Without a solution there are no extremes. */
static enum fg_code keep(struct fg_series_output *output, const char *label, const struct fg_powerflow_result *result,
                         struct fg_error *err)
{
    const struct fg_network *network = result->network;
    bool is_solved = result->status == FG_POWERFLOW_CONVERGED;
    bool has_voltage = is_solved && result->vm_min_bus >= 0, has_loading = is_solved && result->loading_max_branch >= 0;
    struct fg_series_step step = {.status = result->status,
                                  .iterations = result->iterations,
                                  .losses_mw = is_solved ? result->losses_mw : NAN,
                                  .vm_min_pu = has_voltage ? result->vm_min_pu : NAN,
                                  .vm_max_pu = has_voltage ? result->vm_max_pu : NAN,
                                  .loading_max = has_loading ? result->loading_max : NAN,
                                  .violation_count = is_solved ? result->violation_count : 0};
    if (copy_text(output, label, &step.label) ||
        copy_text(output, has_voltage ? network->buses[result->vm_min_bus].id : NULL, &step.vm_min_bus) ||
        copy_text(output, has_voltage ? network->buses[result->vm_max_bus].id : NULL, &step.vm_max_bus) ||
        copy_text(output, has_loading ? network->branches[result->loading_max_branch].id : NULL,
                  &step.loading_max_branch) ||
        fg_grow((void **)&output->steps, output->step_count, &output->step_capacity, sizeof *output->steps))
        return fg_fail_memory(err);
    output->steps[output->step_count++] = step;
    return FG_OK;
}

static enum fg_code put_elements(struct fg_json_writer *json, const struct fg_powerflow_result *result,
                                 struct fg_error *err)
{
    const struct fg_network *network = result->network;
    double *p_mw = fg_alloc(2 * network->bus_count, sizeof *p_mw), *q_mvar = p_mw + network->bus_count;
    if (p_mw == NULL)
        return fg_fail_memory(err);
    fg_powerflow_bus_injections(result, p_mw, q_mvar);
    fg_json_begin_array(json, "buses");
    for (size_t b = 0; b < network->bus_count; b++)
        fg_powerflow_put_bus(json, result, b, p_mw[b], q_mvar[b]);
    fg_json_end_array(json);
    fg_json_begin_array(json, "branches");
    for (size_t k = 0; k < network->branch_count; k++)
        fg_powerflow_put_branch(json, result, k);
    fg_json_end_array(json);
    fg_free(p_mw);
    return FG_OK;
}

static enum fg_code put_json(struct fg_series_output *output, const struct fg_series_step *step,
                             const struct fg_powerflow_result *result, struct fg_error *err)
{
    struct fg_json_writer *json = &output->json;
    bool has_elements = output->is_full && step->status == FG_POWERFLOW_CONVERGED;
    if (has_elements)
        fg_json_begin_object(json, NULL);
    else
        fg_json_begin_row_object(json, NULL);
    fg_json_put_string(json, "step", step->label);
    fg_json_put_string(json, "status", fg_powerflow_status_name(step->status));
    if (result->explanation[0] != '\0')
        fg_json_put_string(json, "explanation", result->explanation);
    fg_json_put_integer(json, "iterations", step->iterations);
    fg_json_put_number(json, "losses_mw", step->losses_mw);
    fg_json_put_number(json, "vm_min_pu", step->vm_min_pu);
    fg_json_put_string(json, "vm_min_bus", step->vm_min_bus);
    fg_json_put_number(json, "vm_max_pu", step->vm_max_pu);
    fg_json_put_string(json, "vm_max_bus", step->vm_max_bus);
    fg_json_put_number(json, "loading_max", step->loading_max);
    fg_json_put_string(json, "loading_max_branch", step->loading_max_branch);
    fg_json_put_number(json, "max_mismatch_pu", result->max_mismatch_pu);
    fg_json_put_integer(json, "violations", (int64_t)step->violation_count);
    enum fg_code code = has_elements ? put_elements(json, result, err) : FG_OK;
    fg_json_end_object(json);
    return code;
}

static void put_csv(struct fg_series_output *output, const struct fg_series_step *step,
                    const struct fg_powerflow_result *result)
{
    struct fg_text *text = &output->tables[FG_SERIES_STEPS].text;
    fg_output_field(text, step->label, false);
    fg_output_field(text, fg_powerflow_status_name(step->status), false);
    fg_output_number(text, step->iterations, false);
    fg_output_number(text, step->losses_mw, false);
    fg_output_number(text, step->vm_min_pu, false);
    fg_output_field(text, step->vm_min_bus, false);
    fg_output_number(text, step->vm_max_pu, false);
    fg_output_field(text, step->vm_max_bus, false);
    fg_output_number(text, step->loading_max, false);
    fg_output_field(text, step->loading_max_branch, false);
    fg_output_number(text, (double)step->violation_count, true);
    if (step->status != FG_POWERFLOW_CONVERGED)
        return;
    fg_powerflow_violation_rows(result, step->label, &output->tables[FG_SERIES_VIOLATIONS].text);
    if (!output->is_full)
        return;
    fg_powerflow_bus_rows(result, step->label, &output->tables[FG_SERIES_BUSES].text);
    fg_powerflow_branch_rows(result, step->label, &output->tables[FG_SERIES_BRANCHES].text);
}

enum fg_code fg_series_output_add(struct fg_series_output *output, const char *label,
                                  const struct fg_powerflow_result *result, struct fg_error *err)
{
    enum fg_code code = keep(output, label, result, err);
    if (code != FG_OK)
        return code;
    const struct fg_series_step *step = &output->steps[output->step_count - 1];
    code = put_json(output, step, result, err);
    if (output->has_csv)
        put_csv(output, step, result);
    if (code == FG_OK)
        code = fg_spool_flush(&output->document, err);
    for (int i = 0; i < FG_SERIES_TABLES && code == FG_OK; i++)
        code = fg_spool_flush(&output->tables[i], err);
    return code;
}

/* Counts and extremes over all steps. */
struct totals {
    size_t solved_count, violated_count, violation_count;
    double losses_mean_mw, losses_max_mw;
    const struct fg_series_step *losses_max, *vm_min, *vm_max, *loading_max; /* steps; NULL: none */
};

static bool is_beyond(double value, double reference, bool has_reference)
{
    return !isnan(value) && (!has_reference || value > reference);
}

static struct totals add_up(const struct fg_series_output *output)
{
    struct totals totals = {0};
    double losses_mw = 0;
    for (size_t i = 0; i < output->step_count; i++) {
        const struct fg_series_step *step = &output->steps[i];
        totals.solved_count += step->status == FG_POWERFLOW_CONVERGED;
        totals.violated_count += step->violation_count > 0;
        totals.violation_count += step->violation_count;
        if (!isnan(step->losses_mw))
            losses_mw += step->losses_mw;
        if (is_beyond(step->losses_mw, totals.losses_max_mw, totals.losses_max != NULL))
            totals.losses_max = step, totals.losses_max_mw = step->losses_mw;
        if (is_beyond(-step->vm_min_pu, totals.vm_min ? -totals.vm_min->vm_min_pu : 0, totals.vm_min != NULL))
            totals.vm_min = step;
        if (is_beyond(step->vm_max_pu, totals.vm_max ? totals.vm_max->vm_max_pu : 0, totals.vm_max != NULL))
            totals.vm_max = step;
        if (is_beyond(step->loading_max, totals.loading_max ? totals.loading_max->loading_max : 0,
                      totals.loading_max != NULL))
            totals.loading_max = step;
    }
    totals.losses_mean_mw = totals.solved_count > 0 ? losses_mw / (double)totals.solved_count : NAN;
    return totals;
}

static void put_extreme(struct fg_json_writer *json, const char *const names[3], double value, const char *element,
                        const struct fg_series_step *step)
{
    fg_json_put_number(json, names[0], step ? value : NAN);
    fg_json_put_string(json, names[1], step ? element : NULL);
    fg_json_put_string(json, names[2], step ? step->label : NULL);
}

static void end_document(struct fg_series_output *output, const struct totals *totals, bool is_interrupted)
{
    struct fg_json_writer *json = &output->json;
    const struct fg_series_step *low = totals->vm_min, *high = totals->vm_max, *loaded = totals->loading_max;
    fg_json_end_array(json);
    fg_json_put_string(json, "status",
                       is_interrupted                              ? "interrupted"
                       : totals->solved_count == output->step_count ? "converged"
                       : totals->solved_count > 0                   ? "partly_converged"
                                                                    : "not_converged");
    fg_json_put_integer(json, "step_count", (int64_t)output->step_count);
    fg_json_put_integer(json, "converged_count", (int64_t)totals->solved_count);
    fg_json_put_integer(json, "steps_with_violations", (int64_t)totals->violated_count);
    fg_json_put_number(json, "losses_mean_mw", totals->losses_mean_mw);
    fg_json_put_number(json, "losses_max_mw", totals->losses_max ? totals->losses_max_mw : NAN);
    put_extreme(json, (const char *const[]){"vm_min_pu", "vm_min_bus", "vm_min_step"}, low ? low->vm_min_pu : NAN,
                low ? low->vm_min_bus : NULL, low);
    put_extreme(json, (const char *const[]){"vm_max_pu", "vm_max_bus", "vm_max_step"}, high ? high->vm_max_pu : NAN,
                high ? high->vm_max_bus : NULL, high);
    put_extreme(json, (const char *const[]){"loading_max", "loading_max_branch", "loading_max_step"},
                loaded ? loaded->loading_max : NAN, loaded ? loaded->loading_max_branch : NULL, loaded);
    fg_json_end_object(json);
}

/* Unsolved steps first, then those with most violations, then by loading. */
static int by_interest(const void *a, const void *b)
{
    const struct fg_series_step *x = *(const struct fg_series_step *const *)a,
                                *y = *(const struct fg_series_step *const *)b;
    bool x_fails = x->status != FG_POWERFLOW_CONVERGED, y_fails = y->status != FG_POWERFLOW_CONVERGED;
    if (x_fails != y_fails)
        return x_fails ? -1 : 1;
    if (x->violation_count != y->violation_count)
        return x->violation_count > y->violation_count ? -1 : 1;
    double x_loading = isnan(x->loading_max) ? 0 : x->loading_max, y_loading = isnan(y->loading_max) ? 0 : y->loading_max;
    if (x_loading != y_loading)
        return x_loading > y_loading ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void show_place(struct fg_text *text, const char *what, const char *element, const struct fg_series_step *step)
{
    fg_text_printf(text, " at %s ", what);
    fg_terminal_put(text, element, 24);
    fg_text_puts(text, " (step ");
    fg_terminal_put(text, step->label, 32);
    fg_text_puts(text, ")");
}

static void show_totals(const struct fg_series_output *output, const struct totals *totals, bool is_interrupted,
                        bool has_colour, struct fg_text *text)
{
    enum fg_tone tone = totals->solved_count == output->step_count && !is_interrupted ? FG_TONE_GOOD : FG_TONE_BAD;
    fg_text_printf(text, "%s%zu of %zu steps converged%s%s; limits are violated in %zu (%zu violations)\n",
                   fg_terminal_tone(tone, has_colour), totals->solved_count, output->step_count,
                   is_interrupted ? ", interrupted" : "", fg_terminal_reset(tone, has_colour), totals->violated_count,
                   totals->violation_count);
    if (totals->losses_max != NULL) {
        fg_text_printf(text, "Losses %.6g MW on average, %.6g MW at most (step ", totals->losses_mean_mw,
                       totals->losses_max_mw);
        fg_terminal_put(text, totals->losses_max->label, 32);
        fg_text_puts(text, ")\n");
    }
    if (totals->vm_min != NULL) {
        fg_text_printf(text, "Voltages %.5f p.u.", totals->vm_min->vm_min_pu);
        show_place(text, "bus", totals->vm_min->vm_min_bus, totals->vm_min);
        fg_text_printf(text, "\n      to %.5f p.u.", totals->vm_max->vm_max_pu);
        show_place(text, "bus", totals->vm_max->vm_max_bus, totals->vm_max);
        fg_text_puts(text, "\n");
    }
    if (totals->loading_max != NULL) {
        fg_text_printf(text, "Loading up to %.1f %%", 100 * totals->loading_max->loading_max);
        show_place(text, "branch", totals->loading_max->loading_max_branch, totals->loading_max);
        fg_text_puts(text, "\n");
    }
}

static void show_steps(const struct fg_series_step **shown, size_t count, int width, bool has_colour,
                       struct fg_text *text)
{
    struct fg_table table;
    fg_table_init(&table, 7,
                  (const char *const[]){"<step", "<status", "loss MW", "vm min", "vm max", "loading %", "violated"});
    for (size_t i = 0; i < count; i++) {
        const struct fg_series_step *step = shown[i];
        bool is_solved = step->status == FG_POWERFLOW_CONVERGED;
        fg_table_text(&table, step->label);
        fg_table_text_tone(&table, is_solved ? FG_TONE_PLAIN : FG_TONE_BAD, fg_powerflow_status_name(step->status));
        fg_table_number(&table, 5, step->losses_mw);
        fg_table_number(&table, 4, step->vm_min_pu);
        fg_table_number(&table, 4, step->vm_max_pu);
        fg_table_number(&table, 1, 100 * step->loading_max);
        if (is_solved)
            fg_table_printf(&table, step->violation_count > 0 ? FG_TONE_BAD : FG_TONE_PLAIN, "%zu", step->violation_count);
        else
            fg_table_text(&table, "-");
    }
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

static enum fg_code show(const struct fg_series_output *output, const struct totals *totals, bool is_interrupted,
                         bool shows_all, struct fg_text *text, struct fg_error *err)
{
    bool has_colour = fg_terminal_has_colour(stdout);
    const struct fg_series_step **shown = fg_alloc(output->step_count + 1, sizeof *shown);
    if (shown == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < output->step_count; i++)
        shown[i] = &output->steps[i];
    show_totals(output, totals, is_interrupted, has_colour, text);
    size_t count = output->step_count;
    if (!shows_all && count > STEPS_SHOWN) {
        qsort(shown, count, sizeof *shown, by_interest);
        fg_text_printf(text, "\nSteps of most interest (%d of %zu; --all shows them)\n", WORST_SHOWN, count);
        count = WORST_SHOWN;
    } else {
        fg_text_puts(text, "\nSteps\n");
    }
    show_steps(shown, count, fg_terminal_width(stdout), has_colour, text);
    fg_free(shown);
    return FG_OK;
}

static enum fg_code write_csv(struct fg_series_output *output, const char *folder, struct fg_error *err)
{
    int count = output->is_full ? FG_SERIES_TABLES : FG_SERIES_BUSES;
    enum fg_code code = FG_OK;
    for (int i = 0; i < count && code == FG_OK; i++) {
        struct fg_text whole;
        code = fg_spool_whole(&output->tables[i], &whole, err);
        if (code == FG_OK)
            code = fg_output_csv(folder, table_names[i], &whole, err);
    }
    return code;
}

enum fg_exit fg_series_output_end(struct fg_series_output *output, const struct fg_common_options *common,
                                  bool is_interrupted, bool shows_all)
{
    struct fg_error err = {0};
    struct totals totals = add_up(output);
    struct fg_text tables, document = {0};
    fg_text_init(&tables);
    end_document(output, &totals, is_interrupted);
    fg_text_puts(&output->document.text, "\n");
    enum fg_code code = fg_spool_whole(&output->document, &document, &err);
    if (code == FG_OK && common->csv != NULL)
        code = write_csv(output, common->csv, &err);
    if (code == FG_OK)
        code = show(output, &totals, is_interrupted, shows_all, &tables, &err);
    enum fg_exit status =
        code == FG_OK ? fg_output_finish(common, &document, &tables) : fg_command_fail_output(&err);
    fg_text_release(&tables);
    if (status != FG_EXIT_OK)
        return status;
    return is_interrupted                               ? FG_EXIT_INTERRUPTED
           : totals.solved_count == output->step_count ? FG_EXIT_OK
                                                       : FG_EXIT_UNSOLVED;
}
