/* A time series of integers on a regular grid of instants: meter readings, baselines, schedules. A view: it borrows the
 * values. Thread rule: pure functions. */
#ifndef FG_BASE_SERIES_H
#define FG_BASE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#define FG_SERIES_MISSING INT64_MIN /* no value is known */

struct fg_series {
    int64_t start_s; /* instant of the first value */
    int32_t step_s;
    size_t count;
    const int64_t *values;
};

/* Value that begins at an instant; FG_SERIES_MISSING outside the series and between its steps. */
static inline int64_t fg_series_at(const struct fg_series *series, int64_t instant)
{
    int64_t offset = instant - series->start_s;
    if (offset < 0 || offset % series->step_s != 0 || (uint64_t)(offset / series->step_s) >= series->count)
        return FG_SERIES_MISSING;
    return series->values[offset / series->step_s];
}

#endif
