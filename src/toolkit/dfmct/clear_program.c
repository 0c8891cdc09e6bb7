/* The integer program: the orders' exact rules, the slack's cost and the grid's limits as linear rows.
 *
 * For linear physics the rows are exact, so that the optimum is the market's and any subset of the limits gives a valid
 * lower bound. For ac they are tangents at an operating point and only propose decisions. Slack variables of the model
 * are fixed at zero here: their cost is a linear function of the injections, added by clear_program_add_cost. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

enum fg_code clear_program_create(const struct clear_model *model, const struct fg_clear_options *options,
                                  struct clear_program **out, struct fg_error *err)
{
    struct clear_program *program = fg_alloc(1, sizeof *program);
    *out = NULL;
    if (program == NULL)
        return fg_fail_memory(err);
    program->model = model;
    program->backend = options->backend;
    program->interrupt = options->interrupt;
    program->cost = fg_alloc(model->variable_count, sizeof(double));
    program->x = fg_alloc(model->variable_count, sizeof(double));
    if (program->cost == NULL || program->x == NULL) {
        clear_program_destroy(program);
        return fg_fail_memory(err);
    }
    clear_program_reset(program, false);
    *out = program;
    return FG_OK;
}

void clear_program_destroy(struct clear_program *program)
{
    if (program == NULL)
        return;
    fg_free(program->cost);
    fg_free(program->x);
    fg_free(program->cuts);
    fg_free(program->terms);
    fg_free(program);
}

static bool is_slack(const struct clear_program *program, int32_t variable)
{
    /* slack variables come last, with the held generators' Q between them */
    return !program->keeps_slack && variable >= program->model->slack_p[0];
}

void clear_program_reset(struct clear_program *program, bool keep_cuts)
{
    const struct clear_model *model = program->model;
    for (size_t v = 0; v < model->variable_count; v++)
        program->cost[v] = is_slack(program, (int32_t)v) ? 0 : model->variables[v].cost;
    program->constant = 0;
    if (!keep_cuts)
        program->cut_count = program->term_count = 0;
}

void clear_program_add_cost(struct clear_program *program, int32_t period, const double *slope_p, const double *slope_q)
{
    const struct clear_model *model = program->model;
    for (size_t i = model->effect_start[period]; i < model->effect_start[period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        if (is_slack(program, e->variable))
            continue;
        double slope = e->p * slope_p[e->node] + e->q * slope_q[e->node];
        program->cost[e->variable] += slope;
        program->constant -= slope * model->variables[e->variable].base;
    }
}

static int64_t identity_of(int32_t period, const struct clear_limit *limit)
{
    return (((int64_t)period * 8 + (int64_t)limit->quantity.kind) * 2 + limit->is_lower) * 100000000 + limit->quantity.index;
}

double clear_program_violation(const struct clear_program *program, int32_t period, const struct clear_limit *limit)
{
    int64_t identity = identity_of(period, limit);
    for (size_t c = 0; c < program->cut_count; c++)
        if (program->cuts[c].identity == identity)
            return program->cuts[c].violation;
    return 0;
}

enum fg_code clear_program_add_cut(struct clear_program *program, int32_t period, const struct clear_limit *limit,
                                   double value, const double *slope_p, const double *slope_q, const double *x0,
                                   struct fg_error *err)
{
    const struct clear_model *model = program->model;
    double sign = limit->is_lower ? -1 : 1, at_x0 = 0, largest = 0;
    size_t first = program->term_count;
    for (size_t i = model->effect_start[period]; i < model->effect_start[period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        double coefficient = sign * (e->p * slope_p[e->node] + e->q * slope_q[e->node]);
        if (is_slack(program, e->variable) || coefficient == 0)
            continue;
        if (fg_grow((void **)&program->terms, program->term_count, &program->term_capacity,
                    sizeof *program->terms) != 0)
            return fg_fail_memory(err);
        program->terms[program->term_count++] = (struct clear_term){ e->variable, coefficient };
        at_x0 += coefficient * x0[e->variable];
        largest = fmax(largest, fabs(coefficient));
    }
    if (largest == 0) { /* nothing in the book moves it: what it violates is a constant cost */
        if (sign * (limit->limit - value) >= 0)
            return FG_OK;
        largest = 1;
    }
    if (fg_grow((void **)&program->cuts, program->cut_count, &program->cut_capacity, sizeof *program->cuts) != 0)
        return fg_fail_memory(err);
    /* Scaled to coefficients of 1, so that the solver's tolerance means watts and not volts. */
    for (size_t i = first; i < program->term_count; i++)
        program->terms[i].coefficient /= largest;
    program->cuts[program->cut_count++] = (struct clear_cut){
        .identity = identity_of(period, limit),
        .upper = (sign * (limit->limit - value) + at_x0) / largest,
        .price = model->hours * limit->price,
        .unit = largest,
        .first_term = first,
        .term_count = (int32_t)(program->term_count - first),
    };
    return FG_OK;
}

enum fg_code clear_program_add_minorant(struct clear_program *program, int32_t period, double constant,
                                        const double *slope_p, const double *slope_q, struct fg_error *err)
{
    const struct clear_model *model = program->model;
    double base = 0, largest = 1; /* nearly equal minorants are not blown up */
    size_t first = program->term_count;
    for (size_t i = model->effect_start[period]; i < model->effect_start[period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        double slope = e->p * slope_p[e->node] + e->q * slope_q[e->node];
        if (is_slack(program, e->variable) || slope == 0)
            continue;
        if (fg_grow((void **)&program->terms, program->term_count, &program->term_capacity,
                    sizeof *program->terms) != 0)
            return fg_fail_memory(err);
        program->terms[program->term_count++] = (struct clear_term){ e->variable, slope };
        base += slope * model->variables[e->variable].base;
        largest = fmax(largest, fabs(slope));
    }
    if (fg_grow((void **)&program->cuts, program->cut_count, &program->cut_capacity, sizeof *program->cuts) != 0)
        return fg_fail_memory(err);
    for (size_t i = first; i < program->term_count; i++)
        program->terms[i].coefficient /= largest;
    program->cuts[program->cut_count++] = (struct clear_cut){
        .identity = -1 - period,
        .upper = (base - constant) / largest,
        .price = 1,
        .unit = largest,
        .first_term = first,
        .term_count = (int32_t)(program->term_count - first),
    };
    return FG_OK;
}

double clear_program_value(const struct clear_program *program, const double *x)
{
    double value = program->constant;
    for (size_t v = 0; v < program->model->variable_count; v++)
        value += is_slack(program, (int32_t)v) ? 0 : program->cost[v] * x[v];
    for (size_t c = 0; c < program->cut_count; c++) {
        const struct clear_cut *cut = &program->cuts[c];
        double excess = -cut->upper;
        for (int32_t k = 0; k < cut->term_count; k++) {
            const struct clear_term *term = &program->terms[cut->first_term + (size_t)k];
            excess += term->coefficient * x[term->variable];
        }
        value += cut->price * cut->unit * fmax(excess, 0);
    }
    return value;
}

/* -- solving -------------------------------------------------------------------------------------------------------- */

struct builder {
    int32_t columns, rows;
    int32_t *start, *row;
    double *value, *cost, *lower, *upper, *row_lower, *row_upper;
    bool *integer;
    int32_t *elastic; /* per cut: its column, in units of the first cut of its limit */
    double *elastic_unit;
};

static bool row_counts(const struct clear_program *program, const struct clear_row *row)
{
    return row->scope != CLEAR_RELAXED && (program->keeps_slack || row->kind != CLEAR_ROW_SUBSTATION);
}

static void builder_release(struct builder *b)
{
    void *blocks[] = { b->start, b->row, b->value, b->cost, b->lower, b->upper, b->row_lower, b->row_upper,
                       b->integer, b->elastic, b->elastic_unit };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
}

static enum fg_code build(const struct clear_program *program, struct builder *b, struct fg_error *err)
{
    const struct clear_model *model = program->model;
    size_t entries = program->term_count + program->cut_count, rows = program->cut_count, elastic_rows = 0;
    memset(b, 0, sizeof *b);
    for (size_t r = 0; r < model->row_count; r++)
        if (row_counts(program, &model->rows[r])) {
            bool elastic = isfinite(model->rows[r].price);
            entries += (size_t)model->rows[r].term_count + (elastic ? 2 : 0);
            elastic_rows += elastic;
            rows++;
        }
    b->elastic = fg_alloc(program->cut_count, sizeof(int32_t));
    b->elastic_unit = fg_alloc(program->cut_count, sizeof(double));
    b->columns = (int32_t)(model->variable_count + 2 * elastic_rows);
    for (size_t c = 0; c < program->cut_count && b->elastic != NULL && b->elastic_unit != NULL; c++) {
        b->elastic[c] = -1;
        for (size_t d = c; d-- > 0 && b->elastic[c] < 0;)
            if (program->cuts[d].identity == program->cuts[c].identity) {
                b->elastic[c] = b->elastic[d];
                b->elastic_unit[c] = b->elastic_unit[d];
            }
        if (b->elastic[c] < 0) {
            b->elastic[c] = b->columns++;
            b->elastic_unit[c] = program->cuts[c].unit;
        }
    }
    b->rows = (int32_t)rows;
    b->start = fg_alloc((size_t)b->columns + 2, sizeof(int32_t));
    b->row = fg_alloc(entries, sizeof(int32_t));
    b->value = fg_alloc(entries, sizeof(double));
    b->cost = fg_alloc((size_t)b->columns, sizeof(double));
    b->lower = fg_alloc((size_t)b->columns, sizeof(double));
    b->upper = fg_alloc((size_t)b->columns, sizeof(double));
    b->integer = fg_alloc((size_t)b->columns, sizeof(bool));
    b->row_lower = fg_alloc(rows, sizeof(double));
    b->row_upper = fg_alloc(rows, sizeof(double));
    if (b->elastic == NULL || b->elastic_unit == NULL || b->start == NULL || b->row == NULL || b->value == NULL || b->cost == NULL ||
        b->lower == NULL || b->upper == NULL || b->integer == NULL || b->row_lower == NULL || b->row_upper == NULL)
        return fg_fail_memory(err);
    for (size_t v = 0; v < model->variable_count; v++) {
        const struct clear_variable *variable = &model->variables[v];
        bool slack = is_slack(program, (int32_t)v);
        b->lower[v] = slack ? 0 : variable->lower;
        b->upper[v] = slack ? 0 : variable->upper;
        b->cost[v] = program->cost[v];
        b->integer[v] = variable->is_binary;
    }
    for (size_t c = 0; c < program->cut_count; c++) {
        b->upper[b->elastic[c]] = INFINITY;
        b->cost[b->elastic[c]] = program->cuts[c].price * b->elastic_unit[c];
    }
    for (int pass = 0; pass < 2; pass++) {
        int32_t row = 0, violation = (int32_t)model->variable_count;
        for (size_t r = 0; r < model->row_count; r++) {
            const struct clear_row *source = &model->rows[r];
            if (!row_counts(program, source))
                continue;
            for (int32_t k = 0; k < source->term_count; k++) {
                const struct clear_term *term = &model->terms[source->first_term + (size_t)k];
                if (pass == 0) {
                    b->start[term->variable + 2]++;
                } else {
                    int32_t place = b->start[term->variable + 1]++;
                    b->row[place] = row;
                    b->value[place] = term->coefficient;
                }
            }
            for (int sign = -1; sign <= 1 && isfinite(source->price); sign += 2, violation++) {
                b->upper[violation] = INFINITY;
                b->cost[violation] = source->price;
                if (pass == 0) {
                    b->start[violation + 2]++;
                } else {
                    int32_t place = b->start[violation + 1]++;
                    b->row[place] = row;
                    b->value[place] = sign;
                }
            }
            b->row_lower[row] = source->lower;
            b->row_upper[row] = source->upper;
            row++;
        }
        for (size_t c = 0; c < program->cut_count; c++, row++) {
            const struct clear_cut *cut = &program->cuts[c];
            for (int32_t k = 0; k <= cut->term_count; k++) {
                bool own = k < cut->term_count;
                const struct clear_term *term = own ? &program->terms[cut->first_term + (size_t)k] : NULL;
                int32_t column = own ? term->variable : b->elastic[c];
                if (pass == 0) {
                    b->start[column + 2]++;
                } else {
                    int32_t place = b->start[column + 1]++;
                    b->row[place] = row;
                    b->value[place] = own ? term->coefficient : -b->elastic_unit[c] / cut->unit;
                }
            }
            b->row_lower[row] = -INFINITY;
            b->row_upper[row] = cut->upper;
        }
        for (int32_t j = 2; j < b->columns + 2 && pass == 0; j++)
            b->start[j] += b->start[j - 1];
    }
    return FG_OK;
}

/* Columns of a cut that appear several times in it (an asset's P and Q at one node) are summed. */
static void merge_cut(struct clear_program *program, struct clear_cut *cut, int32_t *place)
{
    size_t kept = cut->first_term;
    for (int32_t k = 0; k < cut->term_count; k++) {
        struct clear_term term = program->terms[cut->first_term + (size_t)k];
        int32_t at = place[term.variable];
        if (at >= (int32_t)cut->first_term && at < (int32_t)kept &&
            program->terms[at].variable == term.variable) {
            program->terms[at].coefficient += term.coefficient;
        } else {
            place[term.variable] = (int32_t)kept;
            program->terms[kept++] = term;
        }
    }
    cut->term_count = (int32_t)(kept - cut->first_term);
}

enum fg_code clear_program_solve(struct clear_program *program, bool relax, const double *start, double relative_gap,
                                 double absolute_gap, double time_limit_s, struct fg_error *err)
{
    const struct clear_model *model = program->model;
    struct builder b;
    struct fg_lp *lp = NULL;
    struct fg_lp_result result = { 0 };
    struct fg_lp_options options = fg_lp_options_default();
    int32_t *place = fg_alloc(model->variable_count, sizeof *place);
    if (place == NULL)
        return fg_fail_memory(err);
    for (size_t v = 0; v < model->variable_count; v++)
        place[v] = -1;
    for (size_t c = 0; c < program->cut_count; c++)
        merge_cut(program, &program->cuts[c], place);
    fg_free(place);
    options.relax = relax;
    options.relative_gap = relative_gap;
    options.absolute_gap = absolute_gap;
    options.time_limit_s = fmax(time_limit_s, 0.01);
    options.interrupt = program->interrupt;
    enum fg_code code = build(program, &b, err);
    if (code == FG_OK) {
        struct fg_lp_data data = { .column_count = b.columns, .row_count = b.rows, .starts = b.start, .rows = b.row,
                                   .values = b.value, .cost = b.cost, .lower = b.lower, .upper = b.upper,
                                   .row_lower = b.row_lower, .row_upper = b.row_upper, .is_integer = b.integer,
                                   .offset = program->constant };
        code = fg_lp_create(program->backend, &data, &lp, err);
    }
    if (code == FG_OK && start != NULL && !relax) {
        double *full = fg_alloc((size_t)b.columns, sizeof *full);
        if (full == NULL) {
            code = fg_fail_memory(err);
        } else {
            memcpy(full, start, model->variable_count * sizeof *full);
            for (size_t v = 0; v < model->variable_count; v++)
                if (is_slack(program, (int32_t)v))
                    full[v] = 0;
            for (size_t c = 0; c < program->cut_count; c++) {
                const struct clear_cut *cut = &program->cuts[c];
                double activity = -cut->upper;
                for (int32_t k = 0; k < cut->term_count; k++) {
                    const struct clear_term *term = &program->terms[cut->first_term + (size_t)k];
                    activity += term->coefficient * full[term->variable];
                }
                full[b.elastic[c]] = fmax(full[b.elastic[c]], activity * cut->unit / b.elastic_unit[c]);
            }
            code = fg_lp_set_start(lp, full, err);
            fg_free(full);
        }
    }
    if (code == FG_OK)
        code = fg_lp_solve(lp, &options, &result, err);
    if (code == FG_OK) {
        program->status = result.status;
        program->has_solution = result.has_solution;
        program->objective = result.objective;
        program->bound = relax && result.status == FG_LP_OPTIMAL ? result.objective : result.bound;
        program->seconds = result.seconds;
        if (result.has_solution)
            memcpy(program->x, result.x, model->variable_count * sizeof(double));
        for (size_t c = 0; c < program->cut_count && result.has_solution; c++)
            program->cuts[c].violation = result.x[b.elastic[c]] * b.elastic_unit[c];
    }
    fg_lp_destroy(lp);
    builder_release(&b);
    return code;
}
