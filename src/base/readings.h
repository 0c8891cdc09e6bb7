/* Integers on a regular grid of instants: meter readings, baselines, schedules. A view: it borrows the
 * values. Thread rule: pure functions. */
#ifndef FG_BASE_READINGS_H
#define FG_BASE_READINGS_H

#include <stddef.h>
#include <stdint.h>

#define FG_READING_MISSING INT64_MIN /* no value is known */

struct fg_readings {
    int64_t start_s; /* instant of the first value */
    int32_t step_s;
    size_t count;
    const int64_t *values;
};

/* Value that begins at an instant; FG_READING_MISSING outside the series and between its steps. */
static inline int64_t fg_readings_at(const struct fg_readings *series, int64_t instant)
{
    int64_t offset = instant - series->start_s;
    if (offset < 0 || offset % series->step_s != 0 || (uint64_t)(offset / series->step_s) >= series->count)
        return FG_READING_MISSING;
    return series->values[offset / series->step_s];
}

#endif
