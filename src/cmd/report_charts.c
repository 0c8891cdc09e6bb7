/* Charts over the horizon: voltages, loading, violations, exchange with the grid above, accepted flexibility, prices. */
#include "cmd/html.h"
#include "cmd/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double *new_series(struct fg_report_model *model)
{
    return fg_arena_alloc(&model->arena, (size_t)model->time.count, sizeof(double));
}

static enum fg_code put_state_charts(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    double *low = new_series(model), *high = new_series(model), *full = new_series(model);
    if (low == NULL || high == NULL || full == NULL)
        return fg_fail_memory(err);
    /* The tightest limits, apart from those of sources, whose voltage is given. */
    for (int32_t t = 0; t < model->time.count; t++) {
        double band_low = 0.0, band_high = INFINITY;
        for (size_t b = 0; b < model->network->bus_count; b++) {
            double bus_low, bus_high;
            if (model->is_source[b])
                continue;
            fg_report_band(model, t, b, &bus_low, &bus_high);
            band_low = fmax(band_low, bus_low);
            band_high = fmin(band_high, bus_high);
        }
        low[t] = band_low > 0.0 ? band_low : NAN;
        high[t] = isfinite(band_high) ? band_high : NAN;
        full[t] = 100.0;
    }
    const struct fg_chart_series voltages[] = {
        {"before (lowest to highest)", "before", FG_CHART_BAND_LOW, model->vm_low[0]},
        {NULL, "before", FG_CHART_BAND_HIGH, model->vm_high[0]},
        {"after", "after", FG_CHART_BAND_LOW, model->vm_low[1]},
        {NULL, "after", FG_CHART_BAND_HIGH, model->vm_high[1]},
        {"tightest limits", "limit", FG_CHART_LIMIT, low},
        {NULL, "limit", FG_CHART_LIMIT, high}};
    fg_chart_lines(text, "Voltages of all buses", "p.u.", &model->time, voltages, 6);
    const struct fg_chart_series loadings[] = {{"before", "before", FG_CHART_LINE, model->loading[0]},
                                               {"after", "after", FG_CHART_LINE, model->loading[1]},
                                               {"rating", "limit", FG_CHART_LIMIT, full}};
    fg_chart_lines(text, "Highest branch loading", "% of rating", &model->time, loadings, 3);
    const struct fg_chart_series violations[] = {{"before", "before", FG_CHART_LINE, model->violations[0]},
                                                 {"after", "after", FG_CHART_LINE, model->violations[1]}};
    fg_chart_lines(text, "Limits violated", "number", &model->time, violations, 2);
    const struct fg_chart_series exchange[] = {{"before", "before", FG_CHART_LINE, model->slack_p[0]},
                                               {"after", "after", FG_CHART_LINE, model->slack_p[1]}};
    fg_chart_lines(text, "Power from the grid above", "MW", &model->time, exchange, 2);
    const struct fg_chart_series losses[] = {{"before", "before", FG_CHART_LINE, model->losses[0]},
                                             {"after", "after", FG_CHART_LINE, model->losses[1]}};
    fg_chart_lines(text, "Losses of the grid", "MW", &model->time, losses, 2);
    return FG_OK;
}

/* Accepted active changes by technology of the asset (requests apart), the six largest and the rest. */
static enum fg_code put_flexibility(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    enum { KINDS_MAX = 8 };
    const struct fg_market *market = model->market;
    const size_t periods = (size_t)model->time.count;
    const char *names[KINDS_MAX];
    int count = 0;
    double *values = fg_arena_alloc(&model->arena, KINDS_MAX * periods, sizeof *values);
    if (values == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < market->order_count && model->result->accepted != NULL; i++) {
        const struct fg_order *order = &market->orders[i];
        if (order->side != FG_SIDE_SELL || order->product != FG_PRODUCT_ACTIVE ||
            model->result->settlement.orders[i].energy.ws == 0)
            continue;
        const char *technology =
            order->asset >= 0 && market->assets[order->asset].technology != NULL ? market->assets[order->asset].technology
                                                                                 : "other";
        int kind = 0;
        while (kind < count && strcmp(names[kind], technology) != 0)
            kind++;
        if (kind == count && count < KINDS_MAX)
            names[count++] = technology;
        if (kind == KINDS_MAX) {
            kind = KINDS_MAX - 1;
            names[kind] = "other";
        }
        int sign = fg_order_injection_sign(order);
        for (int32_t k = 0; k < order->period_count; k++)
            values[(size_t)kind * periods + (size_t)(order->first_period + k)] +=
                sign * fg_mw(model->result->accepted[order->offset + (size_t)k]);
    }
    if (count > 0)
        fg_chart_stacked(text, "Accepted flexibility by technology", "MW, up positive", &model->time, names, count,
                         values);
    return FG_OK;
}

struct row_spread {
    int32_t bus;
    double spread;
};

static int by_spread(const void *a, const void *b)
{
    const struct row_spread *x = a, *y = b;
    if (x->spread != y->spread)
        return x->spread > y->spread ? -1 : 1;
    return x->bus < y->bus ? -1 : x->bus > y->bus;
}

static int by_bus(const void *a, const void *b)
{
    const struct row_spread *x = a, *y = b;
    return x->bus < y->bus ? -1 : x->bus > y->bus;
}

/* What is added to the slack's price at one bus, by cause. */
static enum fg_code put_parts_chart(struct fg_report_model *model, const struct fg_clear_price *prices, size_t bus,
                                    const char *unit, struct fg_text *text, struct fg_error *err)
{
    static const int parts[] = {FG_PART_LOSS, FG_PART_CONGESTION, FG_PART_VOLTAGE, FG_PART_ZONE};
    static const char *const names[] = {"losses", "congestion", "voltage", "needs of its zones"};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    const size_t periods = (size_t)model->time.count, buses = model->network->bus_count;
    double *values = fg_arena_alloc(&model->arena, PARTS * periods, sizeof *values);
    if (values == NULL)
        return fg_fail_memory(err);
    for (size_t t = 0; t < periods; t++)
        for (size_t p = 0; p < PARTS; p++) {
            double part = prices[t * buses + bus].part[parts[p]];
            values[p * periods + t] = isfinite(part) ? part : 0.0;
        }
    char title[160];
    snprintf(title, sizeof title, "Added to the source's price at bus %.60s", model->network->buses[bus].id);
    fg_chart_stacked(text, title, unit, &model->time, names, PARTS, values);
    return FG_OK;
}

static enum fg_code put_price_charts(struct fg_report_model *model, const struct fg_clear_price *prices,
                                     const char *heat_title, const char *line_title, const char *unit,
                                     struct fg_text *text, struct fg_error *err)
{
    enum { ROWS_MAX = 40 };
    const size_t periods = (size_t)model->time.count, buses = model->network->bus_count;
    double *low = new_series(model), *high = new_series(model), *energy = new_series(model);
    double *values = fg_arena_alloc(&model->arena, ROWS_MAX * periods, sizeof *values);
    struct row_spread *rows = fg_arena_alloc(&model->arena, buses + 1, sizeof *rows);
    if (low == NULL || high == NULL || energy == NULL || values == NULL || rows == NULL)
        return fg_fail_memory(err);
    size_t row_count = 0;
    for (size_t t = 0; t < periods; t++)
        low[t] = high[t] = energy[t] = NAN;
    for (size_t b = 0; b < buses; b++) {
        double spread = 0.0;
        bool has_price = false;
        for (size_t t = 0; t < periods; t++) {
            const struct fg_clear_price *price = &prices[t * buses + b];
            if (!isfinite(price->total))
                continue;
            has_price = true;
            low[t] = isnan(low[t]) ? price->total : fmin(low[t], price->total);
            high[t] = isnan(high[t]) ? price->total : fmax(high[t], price->total);
            energy[t] = price->part[FG_PART_ENERGY];
            spread += fabs(price->total - price->part[FG_PART_ENERGY]);
        }
        if (has_price && !model->network->buses[b].is_internal)
            rows[row_count++] = (struct row_spread){(int32_t)b, spread};
    }
    if (row_count == 0)
        return FG_OK;
    size_t shown = row_count < ROWS_MAX ? row_count : ROWS_MAX;
    qsort(rows, row_count, sizeof *rows, by_spread);
    const size_t widest = (size_t)rows[0].bus;
    qsort(rows, shown, sizeof *rows, by_bus);
    const char *names[ROWS_MAX];
    for (size_t r = 0; r < shown; r++) {
        names[r] = model->network->buses[rows[r].bus].id;
        for (size_t t = 0; t < periods; t++)
            values[r * periods + t] = prices[t * buses + (size_t)rows[r].bus].total;
    }
    char title[128];
    snprintf(title, sizeof title, shown < row_count ? "%s (%zu of %zu buses, widest spread)" : "%s", heat_title, shown,
             row_count);
    fg_chart_heat(text, title, unit, &model->time, names, (int32_t)shown, values);
    const struct fg_chart_series series[] = {{"all buses (lowest to highest)", "after", FG_CHART_BAND_LOW, low},
                                             {NULL, "after", FG_CHART_BAND_HIGH, high},
                                             {"at the source", "limit", FG_CHART_LIMIT, energy}};
    fg_chart_lines(text, line_title, unit, &model->time, series, 3);
    return put_parts_chart(model, prices, widest, unit, text, err);
}

enum fg_code fg_report_put_charts(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    fg_text_puts(text, "<section id=\"charts\"><h2>The day</h2>\n<div class=\"charts\">\n");
    enum fg_code code = put_state_charts(model, text, err);
    if (code == FG_OK)
        code = put_flexibility(model, text, err);
    fg_text_puts(text, "</div></section>\n");
    if (code != FG_OK || model->result->status == FG_CLEAR_FAILED || model->result->price_p == NULL)
        return code;
    char unit[48];
    snprintf(unit, sizeof unit, "%s/MWh", model->market->currency);
    fg_text_puts(text, "<section id=\"prices\"><h2>Prices</h2>\n<div class=\"charts\">\n");
    code = put_price_charts(model, model->result->price_p, "Nodal price of active power",
                            "Range of nodal prices, active power", unit, text, err);
    if (code == FG_OK && model->result->price_q != NULL) {
        snprintf(unit, sizeof unit, "%s/Mvarh", model->market->currency);
        code = put_price_charts(model, model->result->price_q, "Nodal price of reactive power",
                                "Range of nodal prices, reactive power", unit, text, err);
    }
    fg_text_puts(text, "</div></section>\n");
    return code;
}
