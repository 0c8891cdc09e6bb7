/* The drawing of the grid, before and after, for one period, and the states of all periods for the script that
 * switches between them. */
#include "base/json.h"
#include "cmd/html.h"
#include "cmd/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Class letters, shared by the style sheet, the drawing and the script. A violation has a letter of its own and a ring
 * or a wide stroke besides its colour. */
static char voltage_class(const struct fg_report_model *model, const struct fg_clear_state *state, int32_t period, size_t bus)
{
    double vm = state != NULL ? state->vm_pu[bus] : NAN;
    if (!isfinite(vm) || vm <= 0.0)
        return 'x';
    double low, high;
    fg_report_band(model, period, bus, &low, &high);
    if (vm < low - FG_CLEAR_VOLTAGE_TOLERANCE_PU)
        return 'L';
    if (vm > high + FG_CLEAR_VOLTAGE_TOLERANCE_PU)
        return 'H';
    low = low > 0.0 ? low : 0.9;
    high = isfinite(high) ? high : 1.1;
    double place = high > low ? (vm - low) / (high - low) : 0.5;
    return (char)('0' + (int)fmin(6.0, fmax(0.0, floor(7.0 * place))));
}

static char loading_class(double loading)
{
    if (!isfinite(loading))
        return 'x';
    return loading > 1.0 + FG_CLEAR_RATING_TOLERANCE ? 'V' : loading > 0.8 ? '2' : loading > 0.5 ? '1' : '0';
}

static bool is_conducting(const struct fg_network *network, size_t branch)
{
    const struct fg_branch *b = &network->branches[branch];
    return b->in_service && b->from_closed && b->to_closed && network->buses[b->from].in_service &&
           network->buses[b->to].in_service;
}

static void put_line(const struct fg_report_model *model, struct fg_text *text, int32_t from, int32_t to)
{
    fg_text_puts(text, " d=\"M");
    fg_html_coordinate(text, model->layout.x[from]);
    fg_text_puts(text, " ");
    fg_html_coordinate(text, model->layout.y[from]);
    fg_text_puts(text, "L");
    fg_html_coordinate(text, model->layout.x[to]);
    fg_text_puts(text, " ");
    fg_html_coordinate(text, model->layout.y[to]);
    fg_text_puts(text, "\"");
}

static void put_title(struct fg_text *text, const char *kind, const char *id, const char *name, int decimals,
                      double value, const char *unit)
{
    fg_text_printf(text, " data-name=\"%s ", kind);
    fg_html_put(text, id);
    if (name != NULL && strcmp(name, id) != 0) {
        fg_text_puts(text, " (");
        fg_html_put(text, name);
        fg_text_puts(text, ")");
    }
    fg_text_printf(text, "\"><title>%s ", kind);
    fg_html_put(text, id);
    fg_text_puts(text, ": ");
    fg_html_number(text, decimals, value);
    fg_text_printf(text, " %s</title>", unit);
}

static void put_drawing(const struct fg_report_model *model, int when, int32_t period, struct fg_text *text)
{
    const struct fg_network *network = model->network;
    const struct fg_clear_state *state = fg_report_state(model, when, period);
    const double area = model->layout.width * model->layout.height / (double)(network->bus_count + 1);
    const double radius = fmin(8.0, fmax(1.6, 0.13 * sqrt(area)));
    const double margin = radius + 22.0;
    const char *name = when == FG_REPORT_BEFORE ? "Before the auction" : "After the auction";
    fg_text_printf(text, "<figure class=\"drawing%s\"><figcaption>%s</figcaption>\n<svg data-when=\"%d\" viewBox=\"",
                   model->layout.width > 1.6 * model->layout.height ? " wide" : "", name, when);
    fg_html_coordinate(text, -margin);
    fg_text_puts(text, " ");
    fg_html_coordinate(text, -margin);
    fg_text_puts(text, " ");
    fg_html_coordinate(text, model->layout.width + 2.0 * margin);
    fg_text_puts(text, " ");
    fg_html_coordinate(text, model->layout.height + 2.0 * margin);
    fg_text_printf(text, "\" role=\"img\" aria-label=\"Grid, %s\" stroke-width=\"%.2f\">\n",
                   when == FG_REPORT_BEFORE ? "before" : "after", fmax(1.2, 0.5 * radius));
    for (size_t k = 0; k < network->switch_count; k++) {
        fg_text_printf(text, "<path class=\"%s\"", network->switches[k].closed ? "link" : "open");
        put_line(model, text, network->switches[k].from, network->switches[k].to);
        fg_text_puts(text, "/>\n");
    }
    for (size_t k = 0; k < network->branch_count; k++) {
        const struct fg_branch *branch = &network->branches[k];
        if (!is_conducting(network, k)) {
            fg_text_puts(text, "<path class=\"open\"");
            put_line(model, text, branch->from, branch->to);
            fg_text_puts(text, "/>\n");
            continue;
        }
        double loading = fg_report_loading(model, state, period, k);
        fg_text_printf(text, "<path class=\"edge l%c\"", loading_class(loading));
        put_line(model, text, branch->from, branch->to);
        put_title(text, "branch", branch->id, branch->name, 1, 100.0 * loading, "% of rating");
        fg_text_puts(text, "</path>\n");
    }
    for (size_t b = 0; b < network->bus_count; b++) {
        const struct fg_bus *bus = &network->buses[b];
        fg_text_printf(text, "<circle class=\"bus v%c\" r=\"%.2f\" cx=\"", voltage_class(model, state, period, b),
                       bus->is_internal ? 0.5 * radius : radius);
        fg_html_coordinate(text, model->layout.x[b]);
        fg_text_puts(text, "\" cy=\"");
        fg_html_coordinate(text, model->layout.y[b]);
        fg_text_puts(text, "\"");
        put_title(text, "bus", bus->id, bus->name, 4, state != NULL ? state->vm_pu[b] : NAN, "p.u.");
        fg_text_puts(text, "</circle>\n");
    }
    for (size_t g = 0; g < network->generator_count; g++)
        if (network->generators[g].kind == FG_GENERATOR_SOURCE && network->generators[g].in_service) {
            int32_t b = network->generators[g].bus;
            double side = 2.0 * radius + 8.0;
            fg_text_printf(text, "<rect class=\"source\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"2\"/>\n",
                           model->layout.x[b] - 0.5 * side, model->layout.y[b] - 0.5 * side, side, side);
        }
    for (size_t b = 0; network->bus_count <= 80 && b < network->bus_count; b++) {
        if (network->buses[b].is_internal)
            continue;
        char label[32];
        snprintf(label, sizeof label, "%.16s", network->buses[b].id);
        label[fg_utf8_valid_length(label, strlen(label))] = '\0';
        fg_text_puts(text, "<text class=\"label\" x=\"");
        fg_html_coordinate(text, model->layout.x[b] + radius + 4.0);
        fg_text_puts(text, "\" y=\"");
        fg_html_coordinate(text, model->layout.y[b] - radius - 2.0);
        fg_text_puts(text, "\">");
        fg_html_put(text, label);
        fg_text_puts(text, "</text>\n");
    }
    fg_text_puts(text, "</svg></figure>\n");
}

static void put_voltage_key(struct fg_text *text, const char *classes, const char *label)
{
    fg_text_puts(text, "<span class=\"item\">");
    for (; *classes != '\0'; classes++)
        fg_text_printf(text, "<svg class=\"swatch\" viewBox=\"0 0 16 16\"><circle class=\"bus v%c\" cx=\"8\" cy=\"8\" "
                             "r=\"5\"/></svg>", *classes);
    fg_text_printf(text, " %s</span>\n", label);
}

static void put_loading_key(struct fg_text *text, const char *css_class, const char *label)
{
    fg_text_printf(text, "<span class=\"item\"><svg class=\"swatch wide\" viewBox=\"0 0 32 16\" stroke-width=\"3\"><path "
                         "class=\"%s\" d=\"M2 8L30 8\"/></svg> %s</span>\n", css_class, label);
}

static void put_key(struct fg_text *text)
{
    fg_text_puts(text, "<div class=\"keys\"><p><b class=\"item\">Voltage</b>");
    put_voltage_key(text, "L", "below the band");
    put_voltage_key(text, "0123456", "lower to upper limit");
    put_voltage_key(text, "H", "above the band");
    fg_text_puts(text, "</p>\n<p><b class=\"item\">Loading</b>");
    put_loading_key(text, "edge l0", "to 50 %");
    put_loading_key(text, "edge l1", "to 80 %");
    put_loading_key(text, "edge l2", "to 100 %");
    put_loading_key(text, "edge lV", "over the rating");
    put_loading_key(text, "edge lx", "no rating");
    put_loading_key(text, "open", "open");
    fg_text_puts(text, "</p></div>\n");
}

static void put_pair(struct fg_text *text, const char *label, int field, int decimals, const char *unit,
                     const double *const values[2], int32_t period)
{
    fg_text_printf(text, "<tr><td>%s</td>", label);
    for (int when = 0; when < 2; when++) {
        fg_text_printf(text, "<td class=\"n\" data-field=\"%d\" data-decimals=\"%d\">", 2 * field + when, decimals);
        fg_html_number(text, decimals, values[when][period]);
        fg_text_puts(text, "</td>");
    }
    fg_text_printf(text, "<td>%s</td></tr>\n", unit);
}

/* The rows of the table beside the drawing; the script reads them by their numbers. */
enum { FIELDS = 6 };
static void fields_of(const struct fg_report_model *model, const double *fields[FIELDS][2])
{
    for (int when = 0; when < 2; when++) {
        fields[0][when] = model->vm_low[when];
        fields[1][when] = model->vm_high[when];
        fields[2][when] = model->loading[when];
        fields[3][when] = model->slack_p[when];
        fields[4][when] = model->losses[when];
        fields[5][when] = model->violations[when];
    }
}

void fg_report_put_grid(const struct fg_report_model *model, struct fg_text *text)
{
    static const struct {
        const char *label, *unit;
        int decimals;
    } rows[FIELDS] = {{"Lowest voltage", "p.u.", 4},  {"Highest voltage", "p.u.", 4},  {"Highest loading", "%", 1},
                      {"Power from the grid above", "MW", 3}, {"Losses", "MW", 4}, {"Limits violated", "", 0}};
    char label[24];
    fg_chart_time_label(&model->time, model->worst_period, label);
    fg_text_puts(text, "<section id=\"grid\"><h2>The grid, before and after</h2>\n");
    fg_text_printf(text,
                   "<p class=\"note\">Period <output id=\"period-label\">%s</output> – <span id=\"period-hint\">%s</span>.</p>\n"
                   "<div id=\"chooser\" hidden><button type=\"button\" id=\"previous\" aria-label=\"Previous "
                   "period\">‹</button><input type=\"range\" id=\"period\" aria-label=\"Period\" min=\"0\" max=\"%d\" "
                   "value=\"%d\"><button type=\"button\" id=\"next\" aria-label=\"Next period\">›</button></div>\n",
                   label,
                   model->violated_before + model->violated_after > 0 ? "the one with the largest violations"
                                                                      : "the first one",
                   model->time.count - 1, model->worst_period);
    fg_text_puts(text, "<div class=\"pair\">\n");
    put_drawing(model, FG_REPORT_BEFORE, model->worst_period, text);
    put_drawing(model, FG_REPORT_AFTER, model->worst_period, text);
    fg_text_puts(text, "</div>\n");
    put_key(text);
    const double *fields[FIELDS][2];
    fields_of(model, fields);
    fg_text_puts(text, "<table class=\"short\"><thead><tr><th>In this period</th><th class=\"n\">before</th>"
                       "<th class=\"n\">after</th><th></th></tr></thead><tbody>\n");
    for (int f = 0; f < FIELDS; f++)
        put_pair(text, rows[f].label, f, rows[f].decimals, rows[f].unit, fields[f], model->worst_period);
    fg_text_puts(text, "</tbody></table></section>\n");
}

/* More numbers than this make a page that browsers open slowly. */
#define STATES_MAX 3000000u

void fg_report_put_states(const struct fg_report_model *model, struct fg_text *text)
{
    const struct fg_network *network = model->network;
    if ((double)model->time.count * (double)(network->bus_count + network->branch_count) * 2.0 > STATES_MAX)
        return;
    struct fg_json_writer writer;
    fg_text_puts(text, "<script type=\"application/json\" id=\"states\">");
    fg_json_writer_init(&writer, text, false);
    fg_json_begin_object(&writer, NULL);
    fg_json_begin_array(&writer, "labels");
    for (int32_t t = 0; t < model->time.count; t++) {
        char label[24];
        fg_chart_time_label(&model->time, t, label);
        fg_json_put_string(&writer, NULL, label);
    }
    fg_json_end_array(&writer);
    const double *fields[FIELDS][2];
    fields_of(model, fields);
    fg_json_begin_array(&writer, "fields");
    for (int f = 0; f < 2 * FIELDS; f++) {
        fg_json_begin_array(&writer, NULL);
        for (int32_t t = 0; t < model->time.count; t++)
            fg_json_put_number(&writer, NULL, fields[f / 2][f % 2][t]);
        fg_json_end_array(&writer);
    }
    fg_json_end_array(&writer);
    /* Per state: class letters, and values as whole numbers (1e-4 p.u., 0.1 %). */
    for (int when = 0; when < 2; when++) {
        fg_json_begin_array(&writer, when == 0 ? "before" : "after");
        for (int32_t t = 0; t < model->time.count; t++) {
            const struct fg_clear_state *state = fg_report_state(model, when, t);
            fg_text_puts(text, t > 0 ? ",[\"" : "[\"");
            for (size_t b = 0; b < network->bus_count; b++)
                fg_text_printf(text, "%c", voltage_class(model, state, t, b));
            fg_text_puts(text, "\",\"");
            for (size_t k = 0; k < network->branch_count; k++)
                if (is_conducting(network, k))
                    fg_text_printf(text, "%c", loading_class(fg_report_loading(model, state, t, k)));
            fg_text_puts(text, "\",[");
            for (size_t b = 0; b < network->bus_count; b++) {
                double vm = state != NULL ? state->vm_pu[b] : NAN;
                fg_text_printf(text, "%s%ld", b > 0 ? "," : "", isfinite(vm) ? lround(1e4 * fmin(vm, 1e4)) : 0L);
            }
            fg_text_puts(text, "],[");
            bool is_first = true;
            for (size_t k = 0; k < network->branch_count; k++)
                if (is_conducting(network, k)) {
                    double loading = fg_report_loading(model, state, t, k);
                    fg_text_printf(text, "%s%ld", is_first ? "" : ",", isfinite(loading) ? lround(1e3 * fmin(loading, 1e4)) : -1L);
                    is_first = false;
                }
            fg_text_puts(text, "]]");
        }
        fg_json_end_array(&writer);
    }
    fg_json_end_object(&writer);
    fg_text_puts(text, "</script>\n");
}
