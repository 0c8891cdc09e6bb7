#include "cmd/chart.h"

#include "base/instant.h"
#include "cmd/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 480, HEIGHT = 230, LEFT = 56, RIGHT = 10, TOP = 12, BOTTOM = 30 };
#define PLOT_WIDTH ((double)(WIDTH - LEFT - RIGHT))
#define PLOT_HEIGHT ((double)(HEIGHT - TOP - BOTTOM))

void fg_chart_time_label(const struct fg_chart_time *time, int32_t period, char buffer[24])
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char instant[FG_INSTANT_TEXT];
    fg_instant_format(time->start_s + (int64_t)period * time->period_s, instant);
    if ((int64_t)time->period_s * time->count <= 36 * 3600) {
        snprintf(buffer, 24, "%.5s", instant + 11);
        return;
    }
    int month = (instant[5] - '0') * 10 + instant[6] - '0';
    snprintf(buffer, 24, "%.2s %.3s %.5s", instant + 8, months + 3 * (month >= 1 && month <= 12 ? month - 1 : 0),
             instant + 11);
}

static void begin_figure(struct fg_text *text, const char *title, const char *unit)
{
    fg_text_puts(text, "<figure class=\"chart\"><figcaption>");
    fg_html_put(text, title);
    if (unit != NULL && unit[0] != '\0') {
        fg_text_puts(text, " <span class=\"unit\">");
        fg_html_put(text, unit);
        fg_text_puts(text, "</span>");
    }
    fg_text_puts(text, "</figcaption>\n");
}

static void begin_svg(struct fg_text *text, int height, const char *title)
{
    fg_text_printf(text, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, height);
    fg_html_put(text, title);
    fg_text_puts(text, "\">\n");
}

struct axis {
    double low, high, step;
    int decimals;
};

/* Round limits and a step of 1, 2 or 5 times a power of ten, about five steps. */
static struct axis make_axis(double low, double high)
{
    if (!(low <= high) || (low == 0.0 && high == 0.0)) {
        low = 0.0;
        high = 1.0;
    }
    double span = high - low;
    if (span < 1e-9 * fmax(1.0, fabs(high))) {
        span = fmax(1e-6, 0.1 * fabs(high));
        low -= 0.5 * span;
        high += 0.5 * span;
    }
    double power = pow(10.0, floor(log10(span / 5.0)));
    double ratio = span / 5.0 / power;
    double step = power * (ratio <= 1.0 ? 1.0 : ratio <= 2.0 ? 2.0 : ratio <= 5.0 ? 5.0 : 10.0);
    struct axis axis = {.low = floor(low / step + 1e-9) * step, .high = ceil(high / step - 1e-9) * step, .step = step};
    axis.decimals = step >= 1.0 ? 0 : (int)fmin(6.0, ceil(-log10(step) - 1e-9));
    return axis;
}

static double place_y(const struct axis *axis, double value)
{
    return TOP + PLOT_HEIGHT * (axis->high - value) / (axis->high - axis->low);
}

static void put_axes(struct fg_text *text, const struct axis *axis, const struct fg_chart_time *time, int bottom)
{
    int steps = (int)lround((axis->high - axis->low) / axis->step);
    for (int i = 0; i <= steps; i++) {
        double value = axis->low + i * axis->step, y = place_y(axis, value);
        fg_text_printf(text, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                       fabs(value) < 1e-9 * axis->step ? "zero" : "rule", LEFT, WIDTH - RIGHT, y, y);
        fg_text_printf(text, "<text class=\"tick n\" x=\"%d\" y=\"%.1f\">", LEFT - 6, y + 4.0);
        fg_html_number(text, axis->decimals, value);
        fg_text_puts(text, "</text>\n");
    }
    /* Labels at steps that divide a day and leave at most seven of them. */
    static const int32_t steps_s[] = {3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000};
    int64_t horizon_s = (int64_t)time->period_s * time->count;
    int64_t step_s = time->period_s;
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0] && horizon_s / step_s > 6; i++)
        step_s = steps_s[i];
    for (int32_t t = 0; t < time->count; t++) {
        if ((time->start_s + (int64_t)t * time->period_s) % step_s != 0)
            continue;
        char label[24];
        fg_chart_time_label(time, t, label);
        if (strlen(label) > 6)
            label[6] = '\0'; /* the day alone */
        double x = LEFT + PLOT_WIDTH * t / time->count;
        fg_text_printf(text,
                       "<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                       "<text class=\"tick m\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                       x, x, bottom, bottom + 4, x, bottom + 18, label);
    }
}

static double place_x(const struct fg_chart_time *time, int32_t edge)
{
    return LEFT + PLOT_WIDTH * edge / time->count;
}

/* A step line: each value holds for its period. */
static void put_steps(struct fg_text *text, const struct fg_chart_series *series, const struct fg_chart_time *time,
                      const struct axis *axis)
{
    fg_text_printf(text, "<path class=\"%s %s\" d=\"", series->style == FG_CHART_LIMIT ? "dash" : "line", series->css_class);
    bool is_down = false;
    for (int32_t t = 0; t < time->count; t++) {
        if (!isfinite(series->values[t])) {
            is_down = false;
            continue;
        }
        double y = place_y(axis, series->values[t]);
        fg_text_printf(text, "%c%.1f %.1fH%.1f", is_down ? 'L' : 'M', place_x(time, t), y, place_x(time, t + 1));
        is_down = true;
    }
    fg_text_puts(text, "\"/>\n");
}

static void put_band(struct fg_text *text, const struct fg_chart_series *low, const struct fg_chart_series *high,
                     const struct fg_chart_time *time, const struct axis *axis)
{
    fg_text_printf(text, "<path class=\"band %s\" d=\"", low->css_class);
    int32_t t = 0;
    while (t < time->count) {
        int32_t first = t;
        while (t < time->count && isfinite(low->values[t]) && isfinite(high->values[t]))
            t++;
        for (int32_t k = first; k < t; k++)
            fg_text_printf(text, "%c%.1f %.1fH%.1f", k == first ? 'M' : 'L', place_x(time, k),
                           place_y(axis, high->values[k]), place_x(time, k + 1));
        for (int32_t k = t; k-- > first;)
            fg_text_printf(text, "L%.1f %.1fH%.1f", place_x(time, k + 1), place_y(axis, low->values[k]),
                           place_x(time, k));
        if (t > first)
            fg_text_puts(text, "Z");
        else
            t++;
    }
    fg_text_puts(text, "\"/>\n");
}

static void put_legend(struct fg_text *text, const char *const *names, const char *const *classes, int count)
{
    fg_text_puts(text, "<ul class=\"legend\">");
    for (int i = 0; i < count; i++) {
        if (names[i] == NULL)
            continue;
        fg_text_printf(text, "<li><span class=\"key %s\"></span>", classes[i]);
        fg_html_put(text, names[i]);
        fg_text_puts(text, "</li>");
    }
    fg_text_puts(text, "</ul></figure>\n");
}

void fg_chart_lines(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                    const struct fg_chart_series *series, int series_count)
{
    enum { SERIES_MAX = 16 };
    const char *names[SERIES_MAX], *classes[SERIES_MAX];
    double low = INFINITY, high = -INFINITY;
    series_count = series_count < SERIES_MAX ? series_count : SERIES_MAX;
    for (int s = 0; s < series_count; s++) {
        names[s] = series[s].name;
        classes[s] = series[s].css_class;
        for (int32_t t = 0; t < time->count; t++)
            if (isfinite(series[s].values[t])) {
                low = fmin(low, series[s].values[t]);
                high = fmax(high, series[s].values[t]);
            }
    }
    struct axis axis = make_axis(low, high);
    begin_figure(text, title, unit);
    begin_svg(text, HEIGHT, title);
    put_axes(text, &axis, time, HEIGHT - BOTTOM);
    for (int s = 0; s + 1 < series_count; s++)
        if (series[s].style == FG_CHART_BAND_LOW)
            put_band(text, &series[s], &series[s + 1], time, &axis);
    for (int s = 0; s < series_count; s++)
        put_steps(text, &series[s], time, &axis);
    fg_text_puts(text, "</svg>\n");
    put_legend(text, names, classes, series_count);
}

void fg_chart_stacked(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                      const char *const *names, int series_count, const double *values)
{
    static const char *const classes[] = {"s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"};
    double low = 0.0, high = 0.0;
    const int32_t n = time->count;
    series_count = series_count < 8 ? series_count : 8;
    for (int32_t t = 0; t < n; t++) {
        double up = 0.0, down = 0.0;
        for (int s = 0; s < series_count; s++) {
            double value = values[(size_t)s * (size_t)n + (size_t)t];
            up += fmax(value, 0.0);
            down += fmin(value, 0.0);
        }
        low = fmin(low, down);
        high = fmax(high, up);
    }
    struct axis axis = make_axis(low, high);
    begin_figure(text, title, unit);
    begin_svg(text, HEIGHT, title);
    put_axes(text, &axis, time, HEIGHT - BOTTOM);
    double bar = PLOT_WIDTH / n, gap = bar > 4.0 ? 1.0 : 0.0;
    for (int s = 0; s < series_count; s++) {
        fg_text_printf(text, "<path class=\"fill %s\" d=\"", classes[s]);
        for (int32_t t = 0; t < n; t++) {
            double value = values[(size_t)s * (size_t)n + (size_t)t], base = 0.0;
            if (value == 0.0)
                continue;
            for (int below = 0; below < s; below++) {
                double other = values[(size_t)below * (size_t)n + (size_t)t];
                base += (other > 0.0) == (value > 0.0) ? other : 0.0;
            }
            double y0 = place_y(&axis, base), y1 = place_y(&axis, base + value);
            fg_text_printf(text, "M%.1f %.1fh%.1fV%.1fh%.1fZ", place_x(time, t), y0, bar - gap, y1, -(bar - gap));
        }
        fg_text_puts(text, "\"/>\n");
    }
    fg_text_puts(text, "</svg>\n");
    put_legend(text, names, classes, series_count);
}

void fg_chart_heat(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                   const char *const *row_names, int32_t row_count, const double *values)
{
    enum { CLASSES = 9, HEAT_LEFT = 74 };
    const int32_t n = time->count;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < (size_t)row_count * (size_t)n; i++)
        if (isfinite(values[i])) {
            low = fmin(low, values[i]);
            high = fmax(high, values[i]);
        }
    if (!(low <= high))
        low = high = 0.0;
    double span = high - low > 1e-9 ? high - low : 1.0;
    int row_height = row_count <= 12 ? 18 : row_count <= 24 ? 13 : 10;
    int bottom = TOP + row_count * row_height;
    double width = WIDTH - HEAT_LEFT - RIGHT;
    begin_figure(text, title, unit);
    begin_svg(text, bottom + BOTTOM, title);
    for (int32_t r = 0; r < row_count; r++) {
        int y = TOP + r * row_height;
        if (row_height >= 13 || r % 2 == 0) {
            fg_text_printf(text, "<text class=\"tick n\" x=\"%d\" y=\"%d\">", HEAT_LEFT - 6, y + row_height - 3);
            char label[48];
            snprintf(label, sizeof label, "%.40s", row_names[r]);
            size_t length = strlen(label);
            bool is_long = length > 10;
            length = fg_utf8_valid_length(label, is_long ? 9 : length);
            label[length] = '\0';
            fg_html_put(text, label);
            fg_text_puts(text, is_long ? "…</text>" : "</text>");
        }
        for (int32_t t = 0; t < n;) {
            int32_t first = t;
            double value = values[(size_t)r * (size_t)n + (size_t)t];
            int colour = isfinite(value) ? (int)fmin(CLASSES - 1, floor(CLASSES * (value - low) / span)) : -1;
            double least = value, most = value;
            for (; t < n; t++) {
                double next = values[(size_t)r * (size_t)n + (size_t)t];
                int next_colour = isfinite(next) ? (int)fmin(CLASSES - 1, floor(CLASSES * (next - low) / span)) : -1;
                if (next_colour != colour)
                    break;
                least = fmin(least, next);
                most = fmax(most, next);
            }
            double x0 = HEAT_LEFT + width * first / n, x1 = HEAT_LEFT + width * t / n;
            fg_text_printf(text, "<rect class=\"h%c\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>",
                           colour < 0 ? 'x' : (char)('0' + colour), x0, y, x1 - x0 + 0.15, row_height - 1);
            char from[24];
            fg_chart_time_label(time, first, from);
            fg_html_put(text, row_names[r]);
            fg_text_printf(text, ", from %s: ", from);
            fg_html_number(text, 2, least);
            if (most > least) {
                fg_text_puts(text, " to ");
                fg_html_number(text, 2, most);
            }
            fg_text_puts(text, "</title></rect>\n");
        }
    }
    static const int32_t steps_s[] = {3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000};
    int64_t step_s = time->period_s;
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0] && (int64_t)time->period_s * n / step_s > 6; i++)
        step_s = steps_s[i];
    for (int32_t t = 0; t < n; t++)
        if ((time->start_s + (int64_t)t * time->period_s) % step_s == 0) {
            char label[24];
            fg_chart_time_label(time, t, label);
            label[strlen(label) > 6 ? 6 : strlen(label)] = '\0';
            fg_text_printf(text, "<text class=\"tick m\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                           HEAT_LEFT + width * t / n, bottom + 16, label);
        }
    fg_text_puts(text, "</svg>\n<div class=\"scale\"><span>");
    fg_html_number(text, 2, low);
    fg_text_puts(text, "</span>");
    for (int c = 0; c < CLASSES; c++)
        fg_text_printf(text, "<i class=\"h%d\"></i>", c);
    fg_text_puts(text, "<span>");
    fg_html_number(text, 2, high);
    fg_text_puts(text, "</span></div></figure>\n");
}
