/* Time series in rows of chunks: what a write merges, what a read selects, what a bucket sums. */
#include "store/series.h"

#include "base/memory.h"
#include "store/backend.h"
#include "store/series_codec.h"
#include "store/series_history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTERVALS_PER_CHUNK 2880 /* 30 days of quarter-hours */
#define HISTORY_MAX ((size_t)1 << 28)
#define INSTANT_MAX ((int64_t)1 << 40) /* some 35,000 years either way: no arithmetic on instants overflows */

void fg_samples_release(struct fg_samples *samples)
{
    fg_free(samples->items);
    *samples = (struct fg_samples){0};
}

static int64_t span_s(const struct fg_series *series)
{
    return series->interval_s * INTERVALS_PER_CHUNK;
}

static uint32_t offset_limit(const struct fg_series *series)
{
    return (uint32_t)(span_s(series) / series->step_s);
}

static int64_t chunk_of(const struct fg_series *series, int64_t time_s)
{
    int64_t span = span_s(series);
    return time_s / span - (time_s % span < 0);
}

/* ---- Series ---------------------------------------------------------------------------------------------------------*/

enum fg_code fg_series_create(struct fg_store *store, const char *name, struct fg_series *series, struct fg_error *err)
{
    if (series->interval_s == 0)
        series->interval_s = series->step_s;
    if (series->step_s < 1 || series->step_s > 86400 || series->interval_s < series->step_s ||
        series->interval_s > 86400 || series->interval_s % series->step_s != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, name, "a series has a step of 1 to 86400 s and an interval that is a multiple of it, at most 86400 s");
    struct fg_sql *sql;
    enum fg_code code = fg_store_next(store, "series", 1, &series->id, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              "INSERT INTO series (id, name, kind, unit, step_s, interval_s, keep_history) "
                              "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                              &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, series->id);
    fg_sql_text(sql, 2, name);
    fg_sql_int64(sql, 3, series->kind);
    fg_sql_text(sql, 4, series->unit);
    fg_sql_int64(sql, 5, series->step_s);
    fg_sql_int64(sql, 6, series->interval_s);
    fg_sql_int64(sql, 7, series->keep_history);
    return fg_sql_run(sql, NULL, err);
}

enum fg_code fg_series_find(struct fg_store *store, const char *name, struct fg_series *series, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(
        store, "SELECT id, kind, unit, step_s, interval_s, keep_history FROM series WHERE name = $1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, name);
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK)
        return code;
    if (!row)
        return fg_fail(err, FG_ERR_NOT_FOUND, store->name, "there is no time series \"%s\"", name);
    *series = (struct fg_series){.id = fg_sql_column_int64(sql, 0), .kind = (enum fg_series_kind)fg_sql_column_int64(sql, 1),
                                 .step_s = fg_sql_column_int64(sql, 3), .interval_s = fg_sql_column_int64(sql, 4),
                                 .keep_history = fg_sql_column_int64(sql, 5) != 0};
    snprintf(series->unit, sizeof series->unit, "%s", fg_sql_column_text(sql, 2));
    fg_sql_done(sql);
    return FG_OK;
}

/* A damaged chunk is named, so that it can be found. */
static enum fg_code name_chunk(const struct fg_series *series, int64_t number, enum fg_code code, struct fg_error *err)
{
    if (code != FG_OK && err != NULL && err->place[0] == '\0')
        snprintf(err->place, sizeof err->place, "series %lld, chunk %lld", (long long)series->id, (long long)number);
    return code;
}

/* ---- Writing --------------------------------------------------------------------------------------------------------*/

static uint64_t bits_of(const struct fg_sample *sample)
{
    uint64_t bits;
    memcpy(&bits, &sample->value, sizeof bits);
    return bits;
}

static enum fg_code check_samples(const struct fg_series *series, const struct fg_sample *samples, size_t count,
                                  struct fg_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (samples[i].time_s % series->step_s != 0 || samples[i].time_s > INSTANT_MAX || samples[i].time_s < -INSTANT_MAX)
            return fg_fail(err, FG_ERR_VALUE, NULL, "sample %zu: the instant %lld s is no multiple of the step of %lld s", i,
                           (long long)samples[i].time_s, (long long)series->step_s);
        if (i > 0 && samples[i].time_s <= samples[i - 1].time_s)
            return fg_fail(err, FG_ERR_VALUE, NULL, "sample %zu: instants must ascend, one value for each", i);
        if (series->kind == FG_SERIES_DOUBLE && isnan(samples[i].value.real))
            return fg_fail(err, FG_ERR_VALUE, NULL, "sample %zu is not a number (NaN); leave out what is missing", i);
    }
    return FG_OK;
}

struct merge {
    struct fg_chunk old, merged, touched, previous;
    struct fg_text history, packed;
    bool exists;
};

static void merge_release(struct merge *merge)
{
    fg_chunk_release(&merge->old);
    fg_chunk_release(&merge->merged);
    fg_chunk_release(&merge->touched);
    fg_chunk_release(&merge->previous);
    fg_text_release(&merge->history);
    fg_text_release(&merge->packed);
}

static enum fg_code load_chunk(struct fg_store *store, struct fg_codec *codec, const struct fg_series *series, int64_t number,
                               struct merge *merge, struct fg_error *err)
{
    struct fg_sql *sql;
    merge->old.count = 0;
    merge->history.length = 0;
    enum fg_code code =
        fg_sql_prepare(store, "SELECT payload, history FROM series_chunk WHERE series_id = $1 AND number = $2 FOR UPDATE", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, series->id);
    fg_sql_int64(sql, 2, number);
    if ((code = fg_sql_next(sql, &merge->exists, err)) != FG_OK || !merge->exists)
        return code;
    size_t size;
    const void *bytes = fg_sql_column_blob(sql, 0, &size);
    code = fg_codec_decode(codec, series->kind, bytes, size, offset_limit(series), &merge->old, err);
    bytes = fg_sql_column_blob(sql, 1, &size);
    if (code == FG_OK && bytes != NULL && size > 0)
        code = fg_codec_unpack(codec, bytes, size, HISTORY_MAX, &merge->history, err);
    fg_sql_done(sql);
    return name_chunk(series, number, code, err);
}

/* Old samples and new ones in order; what differs is touched, what it replaces is previous. */
static enum fg_code merge_samples(struct merge *merge, const struct fg_series *series, int64_t start_s,
                                  const struct fg_sample *samples, size_t count, struct fg_series_change *change,
                                  struct fg_error *err)
{
    const struct fg_chunk *old = &merge->old;
    merge->merged.count = merge->touched.count = merge->previous.count = 0;
    enum fg_code code = fg_chunk_room(&merge->merged, old->count + count, err);
    for (size_t i = 0, k = 0; code == FG_OK && (i < old->count || k < count);) {
        uint32_t offset = k < count ? (uint32_t)((samples[k].time_s - start_s) / series->step_s) : UINT32_MAX;
        if (k == count || (i < old->count && old->offset[i] < offset)) {
            code = fg_chunk_add(&merge->merged, old->offset[i], old->bits[i], old->quality[i], err);
            i++;
            continue;
        }
        uint64_t bits = bits_of(&samples[k]);
        uint8_t quality = samples[k].quality;
        bool replaces = i < old->count && old->offset[i] == offset;
        bool same = replaces && old->bits[i] == bits && old->quality[i] == quality;
        if (replaces && !same)
            code = fg_chunk_add(&merge->previous, offset, old->bits[i], old->quality[i], err);
        if (code == FG_OK && !same)
            code = fg_chunk_add(&merge->touched, offset, bits, quality, err);
        if (code == FG_OK)
            code = fg_chunk_add(&merge->merged, offset, bits, quality, err);
        change->unchanged += same;
        change->corrected += replaces && !same;
        change->added += !replaces;
        i += replaces;
        k++;
    }
    return code;
}

static enum fg_code store_chunk(struct fg_store *store, struct fg_codec *codec, const struct fg_series *series, int64_t number,
                                struct merge *merge, int64_t recorded_us, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_text *packed = &merge->packed;
    packed->length = 0;
    enum fg_code code = fg_codec_encode(codec, series->kind, &merge->merged, packed, err);
    size_t payload_size = packed->length;
    if (code == FG_OK && series->keep_history)
        code = fg_history_add(codec, series->kind, recorded_us, &merge->touched, &merge->previous, &merge->history, err);
    if (code == FG_OK && series->keep_history)
        code = fg_codec_pack(codec, merge->history.data, merge->history.length, packed, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              merge->exists ? "UPDATE series_chunk SET payload = $3, history = $4 WHERE series_id = $1 AND number = $2"
                                            : "INSERT INTO series_chunk (series_id, number, payload, history) VALUES ($1, $2, $3, $4)",
                              &sql, err);
    if (code != FG_OK)
        return name_chunk(series, number, code, err);
    fg_sql_int64(sql, 1, series->id);
    fg_sql_int64(sql, 2, number);
    fg_sql_blob(sql, 3, packed->data, payload_size);
    if (series->keep_history)
        fg_sql_blob(sql, 4, packed->data + payload_size, packed->length - payload_size);
    return fg_sql_queue(sql, err);
}

enum fg_code fg_series_write(struct fg_store *store, const struct fg_series *series, const struct fg_sample *samples,
                             size_t count, int64_t recorded_us, struct fg_series_change *change, struct fg_error *err)
{
    struct fg_series_change counted = {0};
    if (!fg_store_in_transaction(store))
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "samples are written inside a transaction");
    struct fg_codec *codec;
    enum fg_code code = check_samples(series, samples, count, err);
    if (code == FG_OK)
        code = fg_store_codec(store, &codec, err);
    struct merge merge = {0};
    for (size_t i = 0, end; i < count && code == FG_OK; i = end) {
        int64_t number = chunk_of(series, samples[i].time_s), start_s = number * span_s(series);
        for (end = i; end < count && samples[end].time_s < start_s + span_s(series);)
            end++;
        code = load_chunk(store, codec, series, number, &merge, err);
        if (code == FG_OK)
            code = merge_samples(&merge, series, start_s, samples + i, end - i, &counted, err);
        if (code == FG_OK && merge.touched.count > 0)
            code = store_chunk(store, codec, series, number, &merge, recorded_us, err);
    }
    merge_release(&merge);
    if (code != FG_OK)
        fg_store_mark_failed(store); /* some of the chunks may have been written */
    else if (change != NULL)
        *change = counted;
    return code;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------*/

/* One chunk after the other, as known at some moment. */
struct walk {
    const struct fg_series *series;
    struct fg_codec *codec;
    struct fg_sql *sql;
    int64_t known_us, start_s; /* of the current chunk */
    struct fg_chunk chunk;
    struct fg_text history;
};

static enum fg_code walk_begin(struct walk *walk, struct fg_store *store, const struct fg_series *series, int64_t from_s,
                               int64_t until_s, int64_t known_us, struct fg_error *err)
{
    *walk = (struct walk){.series = series, .known_us = known_us};
    if (from_s < -INSTANT_MAX || until_s > INSTANT_MAX)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "the window lies outside the years that a series may have");
    if (known_us != FG_SERIES_NOW && !series->keep_history)
        return fg_fail(err, FG_ERR_UNSUPPORTED, store->name, "the series keeps no history; ask for what is known now");
    enum fg_code code = fg_store_codec(store, &walk->codec, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              known_us == FG_SERIES_NOW ? "SELECT number, payload FROM series_chunk "
                                                          "WHERE series_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number"
                                                        : "SELECT number, payload, history FROM series_chunk "
                                                          "WHERE series_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number",
                              &walk->sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(walk->sql, 1, series->id);
    fg_sql_int64(walk->sql, 2, chunk_of(series, from_s));
    fg_sql_int64(walk->sql, 3, chunk_of(series, until_s - 1));
    return FG_OK;
}

static enum fg_code walk_next(struct walk *walk, bool *more, struct fg_error *err)
{
    enum fg_code code = fg_sql_next(walk->sql, more, err);
    if (code != FG_OK || !*more)
        return code;
    const struct fg_series *series = walk->series;
    int64_t number = fg_sql_column_int64(walk->sql, 0);
    walk->start_s = number * span_s(series);
    size_t size;
    const void *bytes = fg_sql_column_blob(walk->sql, 1, &size);
    code = fg_codec_decode(walk->codec, series->kind, bytes, size, offset_limit(series), &walk->chunk, err);
    if (code == FG_OK && walk->known_us != FG_SERIES_NOW) {
        bytes = fg_sql_column_blob(walk->sql, 2, &size);
        code = fg_codec_unpack(walk->codec, bytes, size, HISTORY_MAX, &walk->history, err);
        if (code == FG_OK)
            code = fg_history_undo(walk->codec, series->kind, &walk->history, walk->known_us, offset_limit(series), &walk->chunk, err);
    }
    return name_chunk(series, number, code, err);
}

static void walk_end(struct walk *walk)
{
    if (walk->sql != NULL)
        fg_sql_done(walk->sql);
    fg_chunk_release(&walk->chunk);
    fg_text_release(&walk->history);
}

static struct fg_sample sample_at(const struct walk *walk, size_t i)
{
    struct fg_sample sample = {.time_s = walk->start_s + (int64_t)walk->chunk.offset[i] * walk->series->step_s,
                               .quality = walk->chunk.quality[i]};
    memcpy(&sample.value, &walk->chunk.bits[i], sizeof sample.value);
    return sample;
}

static enum fg_code samples_room(struct fg_samples *samples, size_t more, struct fg_error *err)
{
    if (samples->count + more <= samples->capacity)
        return FG_OK;
    size_t wanted = samples->count + more > 2 * samples->capacity ? samples->count + more : 2 * samples->capacity;
    struct fg_sample *items = fg_realloc(samples->items, wanted, sizeof *items);
    if (items == NULL)
        return fg_fail_memory(err);
    samples->items = items;
    samples->capacity = wanted;
    return FG_OK;
}

enum fg_code fg_series_read(struct fg_store *store, const struct fg_series *series, int64_t from_s, int64_t until_s,
                            int64_t known_us, struct fg_samples *out, struct fg_error *err)
{
    out->count = 0;
    if (from_s >= until_s)
        return FG_OK;
    struct walk walk;
    bool more = true;
    enum fg_code code = walk_begin(&walk, store, series, from_s, until_s, known_us, err);
    while (code == FG_OK && (code = walk_next(&walk, &more, err)) == FG_OK && more) {
        code = samples_room(out, walk.chunk.count, err);
        for (size_t i = 0; i < walk.chunk.count && code == FG_OK; i++) {
            struct fg_sample sample = sample_at(&walk, i);
            if (sample.time_s >= from_s && sample.time_s < until_s)
                out->items[out->count++] = sample;
        }
    }
    walk_end(&walk);
    return code;
}

enum fg_code fg_series_last(struct fg_store *store, const struct fg_series *series, struct fg_sample *out, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "SELECT max(number) FROM series_chunk WHERE series_id = $1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, series->id);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    bool empty = fg_sql_column_is_null(sql, 0);
    int64_t start_s = fg_sql_column_int64(sql, 0) * span_s(series);
    fg_sql_done(sql);
    if (empty)
        return fg_fail(err, FG_ERR_NOT_FOUND, store->name, "the series has no samples yet");
    struct walk walk;
    bool more;
    code = walk_begin(&walk, store, series, start_s, start_s + 1, FG_SERIES_NOW, err);
    if (code == FG_OK)
        code = walk_next(&walk, &more, err);
    if (code == FG_OK && (!more || walk.chunk.count == 0)) /* retention was faster */
        code = fg_fail(err, FG_ERR_NOT_FOUND, store->name, "the series has no samples any more");
    if (code == FG_OK)
        *out = sample_at(&walk, walk.chunk.count - 1);
    walk_end(&walk);
    return code;
}

/* ---- Resampling -----------------------------------------------------------------------------------------------------*/

struct sum {
    __extension__ __int128 integer;
    double real, correction; /* Neumaier 1974: the part that real has lost */
};

static void add_real(struct sum *sum, double value)
{
    double total = sum->real + value;
    sum->correction += fabs(sum->real) >= fabs(value) ? (sum->real - total) + value : (value - total) + sum->real;
    sum->real = total;
}

static double real_of(const struct sum *sum)
{
    return isfinite(sum->real) ? sum->real + sum->correction : sum->real;
}

static void add_integer(struct fg_bucket *bucket, struct sum *sum, enum fg_resample how, int64_t value)
{
    sum->integer += value;
    bool first = bucket->sample_count == 0;
    if (first || how == FG_RESAMPLE_LAST || (how == FG_RESAMPLE_MIN && value < bucket->value.integer) ||
        (how == FG_RESAMPLE_MAX && value > bucket->value.integer))
        bucket->value.integer = value;
}

static void add_double(struct fg_bucket *bucket, struct sum *sum, enum fg_resample how, double value)
{
    add_real(sum, value);
    bool first = bucket->sample_count == 0;
    if (first || how == FG_RESAMPLE_LAST || (how == FG_RESAMPLE_MIN && value < bucket->value.real) ||
        (how == FG_RESAMPLE_MAX && value > bucket->value.real))
        bucket->value.real = value;
}

static enum fg_code close_bucket(const struct fg_series *series, enum fg_resample how, const struct sum *sum,
                                 struct fg_bucket *bucket, struct fg_error *err)
{
    if (bucket->sample_count == 0 || (how != FG_RESAMPLE_SUM && how != FG_RESAMPLE_MEAN))
        return FG_OK;
    bool is_integer = series->kind == FG_SERIES_INT64;
    if (how == FG_RESAMPLE_MEAN) {
        bucket->value.real = (is_integer ? (double)sum->integer : real_of(sum)) / (double)bucket->sample_count;
    } else if (!is_integer) {
        bucket->value.real = real_of(sum);
    } else {
        if (sum->integer > INT64_MAX || sum->integer < INT64_MIN)
            return fg_fail(err, FG_ERR_OVERFLOW, NULL, "the sum of a bucket does not fit 64 bits; use shorter buckets");
        bucket->value.integer = (int64_t)sum->integer;
    }
    return FG_OK;
}

enum fg_code fg_series_resample(struct fg_store *store, const struct fg_series *series, const int64_t *bounds, size_t count,
                                enum fg_resample how, int64_t known_us, struct fg_bucket *buckets, struct fg_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (bounds[i] >= bounds[i + 1])
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "bound %zu of the buckets is not after the one before", i + 1);
    if (count == 0)
        return FG_OK;
    memset(buckets, 0, count * sizeof *buckets);
    struct walk walk;
    struct sum sum = {0};
    size_t b = 0;
    bool more = true;
    enum fg_code code = walk_begin(&walk, store, series, bounds[0], bounds[count], known_us, err);
    while (code == FG_OK && (code = walk_next(&walk, &more, err)) == FG_OK && more)
        for (size_t i = 0; i < walk.chunk.count && code == FG_OK; i++) {
            struct fg_sample sample = sample_at(&walk, i);
            if (sample.time_s < bounds[0] || sample.time_s >= bounds[count])
                continue;
            while (sample.time_s >= bounds[b + 1] && code == FG_OK) {
                code = close_bucket(series, how, &sum, &buckets[b++], err);
                sum = (struct sum){0};
            }
            if (series->kind == FG_SERIES_INT64)
                add_integer(&buckets[b], &sum, how, sample.value.integer);
            else
                add_double(&buckets[b], &sum, how, sample.value.real);
            buckets[b].sample_count++;
            buckets[b].quality |= sample.quality;
        }
    if (code == FG_OK)
        code = close_bucket(series, how, &sum, &buckets[b], err);
    walk_end(&walk);
    return code;
}

enum fg_code fg_series_forget(struct fg_store *store, const struct fg_series *series, int64_t until_s, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "DELETE FROM series_chunk WHERE series_id = $1 AND number < $2", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, series->id);
    fg_sql_int64(sql, 2, chunk_of(series, until_s));
    return fg_sql_run(sql, NULL, err);
}
