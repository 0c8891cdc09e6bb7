#include "cmd/report.h"

#include "base/instant.h"
#include "cmd/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct fg_clear_state *fg_report_state(const struct fg_report_model *model, int when, int32_t period)
{
    const struct fg_clear_state *states =
        when == FG_REPORT_BEFORE ? model->result->before : model->result->after;
    return states != NULL && states[period].converged ? &states[period] : NULL;
}

/* The last condition of a kind that says something of an element in a period; NULL: none. */
static const struct fg_condition *condition_of(const struct fg_report_model *model, enum fg_condition_kind kind, int32_t period,
                                               size_t element)
{
    for (size_t i = model->market->condition_count; i-- > 0;) {
        const struct fg_condition *condition = &model->market->conditions[i];
        if (condition->kind == kind && model->condition_element[i] == (int32_t)element && condition->first_period <= period &&
            period < condition->first_period + condition->period_count)
            return condition;
    }
    return NULL;
}

void fg_report_band(const struct fg_report_model *model, int32_t period, size_t bus, double *low, double *high)
{
    const struct fg_condition *condition = condition_of(model, FG_CONDITION_VOLTAGE, period, bus);
    *low = condition != NULL ? (double)condition->vm_min_u / FG_FRACTION_ONE : model->vm_min_pu[bus];
    *high = condition == NULL                       ? model->vm_max_pu[bus]
            : condition->vm_max_u == FG_NO_LIMIT ? INFINITY
                                                 : (double)condition->vm_max_u / FG_FRACTION_ONE;
}

double fg_report_loading(const struct fg_report_model *model, const struct fg_clear_state *state, int32_t period, size_t branch)
{
    const struct fg_branch *b = &model->network->branches[branch];
    const struct fg_condition *condition = condition_of(model, FG_CONDITION_RATING, period, branch);
    double rate_mva = condition != NULL ? fg_mw(condition->rating) : model->rate_mva[branch];
    if (state == NULL || !isfinite(rate_mva) || !(rate_mva > 0.0))
        return NAN;
    double from = hypot(state->p_from_mw[branch], state->q_from_mvar[branch]);
    double to = hypot(state->p_to_mw[branch], state->q_to_mvar[branch]);
    if (b->rating_kind == FG_RATING_CURRENT) {
        from = state->vm_pu[b->from] > 0.0 ? from / state->vm_pu[b->from] : 0.0;
        to = state->vm_pu[b->to] > 0.0 ? to / state->vm_pu[b->to] : 0.0;
    }
    return fmax(from, to) / rate_mva;
}

static void fill_limits(struct fg_report_model *model)
{
    const struct fg_network *network = model->network;
    const struct fg_market *market = model->market;
    bool has_band = market->vm_min_u != 0 || market->vm_max_u != FG_NO_LIMIT;
    for (size_t g = 0; g < network->generator_count; g++)
        if (network->generators[g].kind == FG_GENERATOR_SOURCE)
            model->is_source[network->generators[g].bus] = true;
    for (size_t b = 0; b < network->bus_count; b++) {
        model->vm_min_pu[b] = network->buses[b].vm_min_pu;
        model->vm_max_pu[b] = network->buses[b].vm_max_pu;
        if (has_band && !model->is_source[b]) {
            model->vm_min_pu[b] = (double)market->vm_min_u / FG_FRACTION_ONE;
            model->vm_max_pu[b] =
                market->vm_max_u == FG_NO_LIMIT ? INFINITY : (double)market->vm_max_u / FG_FRACTION_ONE;
        }
    }
    for (size_t i = 0; i < market->bus_limit_count; i++) {
        const struct fg_bus_limit *limit = &market->bus_limits[i];
        int32_t bus = fg_network_find_bus(network, limit->bus);
        if (bus < 0)
            continue;
        model->vm_min_pu[bus] = (double)limit->vm_min_u / FG_FRACTION_ONE;
        model->vm_max_pu[bus] = limit->vm_max_u == FG_NO_LIMIT ? INFINITY : (double)limit->vm_max_u / FG_FRACTION_ONE;
    }
    for (size_t k = 0; k < network->branch_count; k++)
        model->rate_mva[k] = network->branches[k].rate_normal_mva;
    for (size_t i = 0; i < market->branch_limit_count; i++) {
        int32_t branch = fg_network_find_branch(network, market->branch_limits[i].branch);
        if (branch >= 0)
            model->rate_mva[branch] =
                market->branch_limits[i].rating.w == FG_NO_LIMIT ? INFINITY : fg_mw(market->branch_limits[i].rating);
    }
    for (size_t i = 0; i < market->condition_count; i++)
        model->condition_element[i] = market->conditions[i].kind == FG_CONDITION_RATING
                                          ? fg_network_find_branch(network, market->conditions[i].element)
                                      : market->conditions[i].kind == FG_CONDITION_VOLTAGE
                                          ? fg_network_find_bus(network, market->conditions[i].element)
                                          : -1;
}

static void fill_series(struct fg_report_model *model)
{
    for (int when = 0; when < 2; when++)
        for (int32_t t = 0; t < model->time.count; t++) {
            const struct fg_clear_state *state = fg_report_state(model, when, t);
            double low = INFINITY, high = -INFINITY, loading = -INFINITY;
            for (size_t b = 0; state != NULL && b < model->network->bus_count; b++)
                if (isfinite(state->vm_pu[b]) && state->vm_pu[b] > 0.0) {
                    low = fmin(low, state->vm_pu[b]);
                    high = fmax(high, state->vm_pu[b]);
                }
            for (size_t k = 0; state != NULL && k < model->network->branch_count; k++) {
                double value = fg_report_loading(model, state, t, k);
                loading = isfinite(value) ? fmax(loading, value) : loading;
            }
            model->vm_low[when][t] = isfinite(low) ? low : NAN;
            model->vm_high[when][t] = isfinite(high) ? high : NAN;
            model->loading[when][t] = isfinite(loading) ? 100.0 * loading : NAN;
            model->slack_p[when][t] = state != NULL ? state->slack_p_mw : NAN;
            model->losses[when][t] = state != NULL ? state->losses_mw : NAN;
        }
}

/* Size of a violation on a common scale, to find the period that is worth looking at first. */
static double weight_of(const struct fg_clear_limit *limit, double violation)
{
    switch (limit->kind) {
    case FG_CLEAR_LIMIT_VOLTAGE_LOW:
    case FG_CLEAR_LIMIT_VOLTAGE_HIGH: return violation / 0.05;
    default: return limit->limit > 0.0 ? violation / limit->limit : violation;
    }
}

static enum fg_code fill_worst(struct fg_report_model *model, struct fg_error *err)
{
    double *weight = fg_arena_alloc(&model->arena, (size_t)model->time.count, sizeof *weight);
    if (weight == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < model->result->limit_count; i++) {
        const struct fg_clear_limit *limit = &model->result->limits[i];
        if (limit->period < 0 || limit->period >= model->time.count)
            continue;
        if (limit->violation_before > 0.0) {
            model->violated_before++;
            model->violations[0][limit->period] += 1.0;
        }
        if (limit->violation_after > 0.0) {
            model->violated_after++;
            model->violations[1][limit->period] += 1.0;
        }
        weight[limit->period] +=
            (isnan(limit->violation_before) ? 0.0 : weight_of(limit, limit->violation_before)) +
            1e-3 * weight_of(limit, limit->violation_after);
    }
    for (int32_t t = 1; t < model->time.count; t++)
        if (weight[t] > weight[model->worst_period])
            model->worst_period = t;
    for (size_t i = 0; i < model->market->order_count; i++)
        model->accepted_orders += model->result->settlement.orders != NULL && model->result->settlement.orders[i].energy.ws != 0;
    return FG_OK;
}

static enum fg_code model_create(struct fg_report_model *model, const struct fg_clear_result *result,
                                 struct fg_error *err)
{
    *model = (struct fg_report_model){
        .result = result,
        .network = result->network,
        .market = result->market,
        .time = {result->market->start_s, result->market->period_s, result->market->period_count}};
    fg_arena_init(&model->arena);
    const size_t periods = (size_t)model->time.count;
    double **series[] = {model->vm_low, model->vm_high, model->loading, model->slack_p, model->losses, model->violations};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++)
        for (int when = 0; when < 2; when++)
            if ((series[i][when] = fg_arena_alloc(&model->arena, periods, sizeof(double))) == NULL)
                return fg_fail_memory(err);
    model->vm_min_pu = fg_arena_alloc(&model->arena, model->network->bus_count + 1, sizeof(double));
    model->vm_max_pu = fg_arena_alloc(&model->arena, model->network->bus_count + 1, sizeof(double));
    model->rate_mva = fg_arena_alloc(&model->arena, model->network->branch_count + 1, sizeof(double));
    model->condition_element = fg_arena_alloc(&model->arena, model->market->condition_count + 1, sizeof *model->condition_element);
    model->is_source = fg_arena_alloc(&model->arena, model->network->bus_count + 1, sizeof *model->is_source);
    if (model->vm_min_pu == NULL || model->vm_max_pu == NULL || model->rate_mva == NULL || model->condition_element == NULL ||
        model->is_source == NULL)
        return fg_fail_memory(err);
    fill_limits(model);
    fill_series(model);
    enum fg_code code = fill_worst(model, err);
    return code != FG_OK ? code : fg_layout_create(model->network, &model->layout, err);
}

static void model_release(struct fg_report_model *model)
{
    fg_layout_release(&model->layout);
    fg_arena_release(&model->arena);
}

static void put_pieces(struct fg_text *text, const char *const *pieces)
{
    for (; *pieces != NULL; pieces++)
        fg_text_puts(text, *pieces);
}

static void put_head(const struct fg_report_model *model, struct fg_text *text)
{
    fg_text_printf(text,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '%s'; "
                   "script-src '%s'; base-uri 'none'; form-action 'none'\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
                   fg_report_style_hash, fg_report_script_hash);
    fg_html_put(text, model->market->name != NULL ? model->market->name : model->market->id);
    fg_text_puts(text, " – flexgrid</title>\n<style>");
    put_pieces(text, fg_report_style);
    fg_text_puts(text, "</style>\n</head>\n<body>\n");
}

static void put_tile(struct fg_text *text, const char *label, int decimals, double value, const char *unit,
                     const char *note)
{
    fg_text_puts(text, "<div class=\"tile\"><dt>");
    fg_html_put(text, label);
    fg_text_puts(text, "</dt><dd>");
    fg_html_number(text, fabs(value) < 1e5 ? decimals : 0, value);
    fg_text_puts(text, " <span class=\"unit\">");
    fg_html_put(text, unit);
    fg_text_puts(text, "</span>");
    if (note != NULL) {
        fg_text_puts(text, "<small>");
        fg_html_put(text, note);
        fg_text_puts(text, "</small>");
    }
    fg_text_puts(text, "</dd></div>\n");
}

static void put_sentence(const struct fg_report_model *model, struct fg_text *text)
{
    const struct fg_clear_result *result = model->result;
    size_t periods_before = 0, periods_after = 0, without_flow = 0;
    for (int32_t t = 0; t < model->time.count; t++) {
        periods_before += model->violations[0][t] > 0.0;
        periods_after += model->violations[1][t] > 0.0;
        without_flow += !result->before[t].converged;
    }
    fg_text_puts(text, "<p class=\"lead\">");
    if (without_flow > 0)
        fg_text_printf(text, "Before the auction the grid cannot carry its load in %zu of %d periods. ", without_flow,
                       model->time.count);
    else if (model->violated_before == 0)
        fg_text_puts(text, "Before the auction no limit of the grid is violated. ");
    else
        fg_text_printf(text, "Before the auction limits are violated %zu times, in %zu of %d periods. ",
                       model->violated_before, periods_before, model->time.count);
    if (result->status == FG_CLEAR_FAILED)
        fg_text_puts(text, "No schedule could be computed. ");
    else if (model->violated_after == 0)
        fg_text_puts(text, "After it every limit holds in an independent power flow. ");
    else
        fg_text_printf(text, "After it %zu violations remain, in %zu periods. ", model->violated_after, periods_after);
    fg_text_printf(text, "%zu of %zu order%s accepted, in whole or in part.", model->accepted_orders,
                   model->market->order_count, model->market->order_count == 1 ? " is" : "s are");
    if (result->explanation[0] != '\0') {
        fg_text_puts(text, " ");
        fg_html_put(text, result->explanation);
    }
    fg_text_puts(text, "</p>\n");
}

static void put_headline(const struct fg_report_model *model, const struct fg_report_source *source,
                         struct fg_text *text)
{
    static const char *const tone[] = {"good", "warn", "bad"};
    static const char *const words[] = {"Cleared", "Partly solved", "Failed"};
    const struct fg_clear_result *result = model->result;
    const char *currency = model->market->currency;
    char from[FG_INSTANT_TEXT];
    fg_text_printf(text, "<header><p class=\"status %s\">%s</p>\n<h1>", tone[result->status], words[result->status]);
    fg_html_put(text, model->market->name != NULL ? model->market->name : model->market->id);
    fg_text_puts(text, "</h1>\n<p class=\"sub\">");
    fg_html_put(text, fg_instant_format(model->time.start_s, from));
    fg_text_printf(text, ", %d periods of %d min · %zu buses, %zu branches · %zu orders · physics %s, prices %s",
                   model->time.count, model->time.period_s / 60, model->network->bus_count,
                   model->network->branch_count, model->market->order_count, fg_market_physics_words[model->market->physics],
                   fg_pricing_words[model->market->pricing]);
    if (source->network_path != NULL && source->market_path != NULL) {
        fg_text_puts(text, "<br>Network <code>");
        fg_html_put(text, source->network_path);
        fg_text_puts(text, "</code>, market <code>");
        fg_html_put(text, source->market_path);
        fg_text_puts(text, "</code>");
    }
    fg_text_puts(text, "</p></header>\n<main>\n");
    put_sentence(model, text);
    fg_text_puts(text, "<dl class=\"tiles\">\n");
    put_tile(text, "Welfare", 2, result->welfare, currency, "values accepted less costs");
    put_tile(text, "Saved against doing nothing", 2, result->baseline_cost - result->published_cost, currency,
             "scarcity prices included");
    put_tile(text, "Offers accepted", 2, result->offer_cost, currency, "at the sellers' own prices");
    if (result->not_served != NULL)
        put_tile(text, "Not served", 3, fg_clear_not_served_mwh(result), "MWh", "load that the grid cannot carry");
    put_tile(text, "Violation cost left", 2, result->violation_cost, currency, "at scarcity prices");
    char note[128];
    snprintf(note, sizeof note, "integer %.2f %%, relaxation %.2f %%", 100.0 * result->integer_gap,
             100.0 * result->relaxation_gap);
    put_tile(text, "Proven gap", 2, 100.0 * result->gap, "%", isfinite(result->bound) ? note : "no bound asked for");
    put_tile(text, "Computing time", 2, result->seconds, "s", NULL);
    fg_text_puts(text, "</dl>\n");
}

enum fg_code fg_report_clear(const struct fg_clear_result *result, const struct fg_report_source *source,
                             struct fg_text *text, struct fg_error *err)
{
    struct fg_report_model model;
    enum fg_code code = model_create(&model, result, err);
    if (code == FG_OK) {
        put_head(&model, text);
        put_headline(&model, source, text);
        fg_report_put_grid(&model, text);
        code = fg_report_put_charts(&model, text, err);
    }
    if (code == FG_OK)
        code = fg_report_put_tables(&model, text, err);
    if (code == FG_OK) {
        fg_text_puts(text, "</main>\n<footer><p>flexgrid. Injection is positive, consumption negative; regulation up means "
                           "more net injection. Times are UTC.</p></footer>\n");
        fg_report_put_states(&model, text);
        fg_text_puts(text, "<script>");
        put_pieces(text, fg_report_script);
        fg_text_puts(text, "</script>\n</body>\n</html>\n");
        if (text->failed)
            code = fg_fail_memory(err);
    }
    model_release(&model);
    return code;
}
