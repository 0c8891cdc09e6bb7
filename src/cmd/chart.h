/* Charts as inline SVG, coloured by classes of the report's style sheet (report_style.c), so that light and dark both work.
 * A chart is 480 units wide: text stays readable on a telephone and several stand side by side on a wide screen. */
#ifndef FG_CMD_CHART_H
#define FG_CMD_CHART_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* Time axis: `count` periods of `period_s` from `start_s` (UTC). */
struct fg_chart_time {
    int64_t start_s;
    int32_t period_s, count;
};

enum fg_chart_style { FG_CHART_LINE, FG_CHART_BAND_LOW, FG_CHART_BAND_HIGH, FG_CHART_LIMIT };

/* One series. A band is two consecutive series (low, then high) whose area is filled. NAN breaks a line; a limit is a
 * dashed line. */
struct fg_chart_series {
    const char *name;      /* legend; NULL: none */
    const char *css_class; /* "before", "after", "limit", "s1" ... "s4" */
    enum fg_chart_style style;
    const double *values;  /* time.count */
};
void fg_chart_lines(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                    const struct fg_chart_series *series, int series_count);

/* Stacked bars: values[s * count + t] >= 0 stacks upwards, < 0 downwards; classes "s1" ... in order. At most 8. */
void fg_chart_stacked(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                      const char *const *names, int series_count, const double *values);

/* Heat map: row r, period t has values[r * count + t]; classes "h0" ... "h8" between low and high, "hx" for NAN. */
void fg_chart_heat(struct fg_text *text, const char *title, const char *unit, const struct fg_chart_time *time,
                   const char *const *row_names, int32_t row_count, const double *values);

/* "08:15" of the start of period t (UTC); "16 Mar 08:15" when the horizon is longer than a day and a half. */
void fg_chart_time_label(const struct fg_chart_time *time, int32_t period, char buffer[24]);

#endif
