/* Time series: meter readings, prices, forecasts, device states; compact, with the history of corrections.
 *
 * A series has one value per instant at most; instants are multiples of its step (900 s for quarter-hours; 1 s for events).
 * Values are int64 in a fixed unit (Ws, W, micro-units: exact) or doubles. A write adds or corrects samples and says when
 * they became known; a read may ask for what was known at an earlier moment. Rows hold chunks of 2880 intervals (30 days of
 * quarter-hours), compressed.
 * Thread rule: that of the connection. */
#ifndef FG_STORE_SERIES_H
#define FG_STORE_SERIES_H

#include "store/store.h"

enum fg_series_kind { FG_SERIES_INT64, FG_SERIES_DOUBLE };

struct fg_series {
    int64_t id;
    enum fg_series_kind kind;
    char unit[16];      /* "Ws", "W", "EUR/MWh"; not interpreted */
    int64_t step_s;     /* instants are multiples of it; 1 to 86400 */
    int64_t interval_s; /* usual distance of samples, a multiple of step_s: sets the chunk's length; 0: step_s */
    bool keep_history;  /* remember when samples became known and what they were before */
};

/* Quality bits; 0 is a good measured value. Bits 3 to 7 are the caller's. */
enum { FG_QUALITY_ESTIMATED = 1, FG_QUALITY_SUBSTITUTED = 2, FG_QUALITY_SUSPECT = 4 };

struct fg_sample {
    int64_t time_s; /* start of the interval, seconds since 1970 UTC */
    union {
        int64_t integer;
        double real;
    } value;
    uint8_t quality;
};

struct fg_samples {
    struct fg_sample *items;
    size_t count, capacity;
};
void fg_samples_release(struct fg_samples *samples);

/* Make a series with a name that no other has (FG_ERR_CONSTRAINT). Fills series->id; needs a write transaction. */
enum fg_code fg_series_create(struct fg_store *store, const char *name, struct fg_series *series, struct fg_error *err);
enum fg_code fg_series_find(struct fg_store *store, const char *name, struct fg_series *series, struct fg_error *err);

/* Add or correct samples: ascending instants, doubles not NaN (a missing value has no sample). `recorded_us` is when they became
 * known, never before an earlier write to the same chunk. Samples that are there with the same value and quality change
 * nothing. Needs a write transaction. Cost: each touched chunk is rewritten, some 50 us. */
struct fg_series_change {
    size_t added, corrected, unchanged;
};
enum fg_code fg_series_write(struct fg_store *store, const struct fg_series *series, const struct fg_sample *samples,
                             size_t count, int64_t recorded_us, struct fg_series_change *change, struct fg_error *err);

/* Samples with from_s <= time < until_s, as known at `known_us` (FG_SERIES_NOW: all that is known now). Replaces what `out` holds;
 * initialise with {0}, release with fg_samples_release. FG_ERR_UNSUPPORTED for an earlier moment of a series without history. */
#define FG_SERIES_NOW INT64_MAX
enum fg_code fg_series_read(struct fg_store *store, const struct fg_series *series, int64_t from_s, int64_t until_s,
                            int64_t known_us, struct fg_samples *out, struct fg_error *err);

/* The latest sample now known; FG_ERR_NOT_FOUND for an empty series. */
enum fg_code fg_series_last(struct fg_store *store, const struct fg_series *series, struct fg_sample *out,
                            struct fg_error *err);

/* One value for each bucket bounds[i] <= time < bounds[i+1] (ascending; `count` buckets, count+1 bounds). The caller makes the bounds, so
 * that days have 23, 24 or 25 hours by the rules of whoever asks. */
enum fg_resample { FG_RESAMPLE_SUM, FG_RESAMPLE_MEAN, FG_RESAMPLE_MIN, FG_RESAMPLE_MAX, FG_RESAMPLE_LAST };
struct fg_bucket {
    int64_t sample_count; /* 0: no value */
    union {
        int64_t integer; /* int64 series, but for the mean */
        double real;     /* double series, and every mean */
    } value;
    uint8_t quality; /* all bits that occur in it */
};
/* FG_ERR_OVERFLOW when the sum of an int64 series does not fit. Doubles are summed with compensation (Neumaier). */
enum fg_code fg_series_resample(struct fg_store *store, const struct fg_series *series, const int64_t *bounds, size_t count,
                                enum fg_resample how, int64_t known_us, struct fg_bucket *buckets, struct fg_error *err);

/* Forget whole chunks that end at or before `until_s` (retention). Needs a write transaction. */
enum fg_code fg_series_forget(struct fg_store *store, const struct fg_series *series, int64_t until_s, struct fg_error *err);

#endif
