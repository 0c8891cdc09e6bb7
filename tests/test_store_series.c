/* Time series and documents of the store, on both back ends. A naive list of every write ever made is the second computation that
 * reads, past knowledge and buckets are held against. */
#include "support/store_fixture.h"

#include "base/memory.h"
#include "base/random.h"
#include "store/document.h"
#include "store/series.h"
#include "store/series_codec.h"

#include <math.h>

static void begin(struct fg_store *store)
{
    struct fg_error err = {0};
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
}

static void commit(struct fg_store *store)
{
    struct fg_error err = {0};
    fixture_expect(fg_store_commit(store, &err), &err);
}

static struct fg_series make_series(struct fg_store *store, const char *name, struct fg_series series)
{
    struct fg_error err = {0};
    begin(store);
    fixture_expect(fg_series_create(store, name, &series, &err), &err);
    commit(store);
    struct fg_series found;
    fixture_expect(fg_series_find(store, name, &found, &err), &err);
    assert_int_equal(found.id, series.id);
    assert_string_equal(found.unit, series.unit);
    assert_int_equal(found.interval_s, series.interval_s);
    return series;
}

/* ---- Hand-made cases ------------------------------------------------------------------------------------------------*/

/* 2026-03-29: Athens goes to summer time at 01:00Z, the day has 23 hours; 2026-10-25 has 25. Four quarter-hours of 10 Ws an hour. */
static void days_have_23_and_25_hours(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_series series = make_series(store, "meter", (struct fg_series){.kind = FG_SERIES_INT64, .unit = "Ws", .step_s = 900});
    static const int64_t starts[] = {1774648800, 1774735200, 1774818000, 1774904400}; /* local midnights 28, 29, 30, 31 March: 22:00Z, 22:00Z, 21:00Z */
    struct fg_sample *samples = fg_alloc(400, sizeof *samples);
    size_t count = 0;
    for (int64_t t = starts[0]; t < starts[3]; t += 900)
        samples[count++] = (struct fg_sample){.time_s = t, .value.integer = 10};
    assert_int_equal(count, 96 + 92 + 96);
    begin(store);
    fixture_expect(fg_series_write(store, &series, samples, count, 1, NULL, &err), &err);
    commit(store);
    struct fg_bucket days[3];
    fixture_expect(fg_series_resample(store, &series, starts, 3, FG_RESAMPLE_SUM, FG_SERIES_NOW, days, &err), &err);
    assert_int_equal(days[0].value.integer, 960);
    assert_int_equal(days[1].value.integer, 920);
    assert_int_equal(days[2].value.integer, 960);
    static const int64_t autumn[] = {1792875600, 1792965600}; /* 25 October: 21:00Z to 22:00Z the next day */
    count = 0;
    for (int64_t t = autumn[0]; t < autumn[1]; t += 900)
        samples[count++] = (struct fg_sample){.time_s = t, .value.integer = -1};
    begin(store);
    fixture_expect(fg_series_write(store, &series, samples, count, 2, NULL, &err), &err);
    commit(store);
    fixture_expect(fg_series_resample(store, &series, autumn, 1, FG_RESAMPLE_SUM, FG_SERIES_NOW, days, &err), &err);
    assert_int_equal(days[0].value.integer, -100);
    assert_int_equal(days[0].sample_count, 100);
    fg_free(samples);
    fg_store_close(store);
}

static void a_correction_keeps_what_was_known_before(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_series series = make_series(store, "meter", (struct fg_series){.kind = FG_SERIES_INT64, .unit = "Ws", .step_s = 900, .keep_history = true});
    struct fg_sample first[] = {{900, {.integer = 5}, 0}, {1800, {.integer = 6}, FG_QUALITY_ESTIMATED}};
    struct fg_sample second[] = {{1800, {.integer = 7}, 0}, {2700, {.integer = 8}, 0}};
    struct fg_series_change change;
    begin(store);
    fixture_expect(fg_series_write(store, &series, first, 2, 1000, &change, &err), &err);
    commit(store);
    begin(store);
    fixture_expect(fg_series_write(store, &series, second, 2, 2000, &change, &err), &err);
    assert_int_equal(change.added, 1);
    assert_int_equal(change.corrected, 1);
    fixture_expect(fg_series_write(store, &series, second, 2, 3000, &change, &err), &err);
    assert_int_equal(change.unchanged, 2);
    commit(store);
    struct fg_samples seen = {0};
    fixture_expect(fg_series_read(store, &series, 0, 10000, 999, &seen, &err), &err);
    assert_int_equal(seen.count, 0);
    fixture_expect(fg_series_read(store, &series, 0, 10000, 1000, &seen, &err), &err);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.items[1].value.integer, 6);
    assert_int_equal(seen.items[1].quality, FG_QUALITY_ESTIMATED);
    fixture_expect(fg_series_read(store, &series, 0, 10000, FG_SERIES_NOW, &seen, &err), &err);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.items[1].value.integer, 7);
    assert_int_equal(seen.items[1].quality, 0);
    struct fg_sample last;
    fixture_expect(fg_series_last(store, &series, &last, &err), &err);
    assert_int_equal(last.time_s, 2700);
    fg_samples_release(&seen);
    fg_store_close(store);
}

static void refusals_name_the_sample(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_series series = make_series(store, "price", (struct fg_series){.kind = FG_SERIES_DOUBLE, .unit = "EUR/MWh", .step_s = 900, .keep_history = true});
    struct fg_series plain = make_series(store, "plain", (struct fg_series){.kind = FG_SERIES_DOUBLE, .step_s = 1, .interval_s = 900});
    struct fg_sample ok = {900, {.real = 1.0}, 0};
    assert_int_equal(fg_series_write(store, &series, &ok, 1, 1, NULL, &err), FG_ERR_ARGUMENT);
    struct {
        struct fg_sample samples[2];
        enum fg_code code;
    } cases[] = {{{{900, {.real = 1.0}, 0}, {901, {.real = 1.0}, 0}}, FG_ERR_VALUE},
                 {{{900, {.real = 1.0}, 0}, {900, {.real = 2.0}, 0}}, FG_ERR_VALUE},
                 {{{900, {.real = 1.0}, 0}, {1800, {.real = NAN}, 0}}, FG_ERR_VALUE},
                 {{{0, {.real = 1.0}, 0}, {(int64_t)900 << 50, {.real = 1.0}, 0}}, FG_ERR_VALUE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(store);
        assert_int_equal(fg_series_write(store, &series, cases[i].samples, 2, 1, NULL, &err), cases[i].code);
        assert_non_null(strstr(err.text, "sample 1"));
        fg_store_rollback(store);
    }
    begin(store);
    fixture_expect(fg_series_write(store, &series, &ok, 1, 100, NULL, &err), &err);
    commit(store);
    begin(store);
    ok.value.real = 2.0;
    assert_int_equal(fg_series_write(store, &series, &ok, 1, 99, NULL, &err), FG_ERR_ARGUMENT); /* known before the last */
    fg_store_rollback(store);
    struct fg_samples seen = {0};
    assert_int_equal(fg_series_read(store, &plain, 0, 1, 5, &seen, &err), FG_ERR_UNSUPPORTED);
    assert_int_equal(fg_series_find(store, "nothing", &plain, &err), FG_ERR_NOT_FOUND);
    begin(store);
    assert_int_equal(fg_series_create(store, "price", &series, &err), FG_ERR_CONSTRAINT);
    fg_store_rollback(store);
    struct fg_sample sums[] = {{0, {.integer = INT64_MAX}, 0}, {900, {.integer = 1}, 0}, {1800, {.integer = -1}, 0}};
    struct fg_series big = make_series(store, "big", (struct fg_series){.kind = FG_SERIES_INT64, .step_s = 900});
    begin(store);
    fixture_expect(fg_series_write(store, &big, sums, 3, 1, NULL, &err), &err);
    commit(store);
    struct fg_bucket bucket;
    static const int64_t two[] = {0, 1800}, three[] = {0, 2700}, wrong[] = {900, 900};
    assert_int_equal(fg_series_resample(store, &big, two, 1, FG_RESAMPLE_SUM, FG_SERIES_NOW, &bucket, &err), FG_ERR_OVERFLOW);
    fixture_expect(fg_series_resample(store, &big, three, 1, FG_RESAMPLE_SUM, FG_SERIES_NOW, &bucket, &err), &err);
    assert_true(bucket.value.integer == INT64_MAX);
    assert_int_equal(fg_series_resample(store, &big, wrong, 1, FG_RESAMPLE_SUM, FG_SERIES_NOW, &bucket, &err), FG_ERR_ARGUMENT);
    fg_samples_release(&seen);
    fg_store_close(store);
}

/* ---- Against a naive list -------------------------------------------------------------------------------------------*/

struct written {
    struct fg_sample sample;
    int64_t recorded_us;
};
struct naive {
    struct written *items;
    size_t count, capacity;
};

/* The last value that was written for an instant not after `known_us`. */
static const struct written *naive_at(const struct naive *naive, int64_t time_s, int64_t known_us)
{
    for (size_t i = naive->count; i-- > 0;)
        if (naive->items[i].sample.time_s == time_s && naive->items[i].recorded_us <= known_us)
            return &naive->items[i];
    return NULL;
}

static bool same_value(const struct fg_sample *a, const struct fg_sample *b)
{
    return a->time_s == b->time_s && memcmp(&a->value, &b->value, sizeof a->value) == 0 && a->quality == b->quality;
}

#define STEP 300
#define FIRST (-40 * STEP) /* before 1970 too; chunks of 2880 steps: three of them */
#define STEPS 6000

static struct fg_sample random_sample(struct fg_random *random, enum fg_series_kind kind, int64_t time_s, int style)
{
    struct fg_sample sample = {.time_s = time_s, .quality = (uint8_t)(fg_random_below(random, 20) == 0 ? fg_random_below(random, 256) : 0)};
    uint64_t noise = fg_random_next(random);
    if (kind == FG_SERIES_INT64)
        sample.value.integer = style == 0 ? (int64_t)(noise % 1000) : style == 1 ? time_s * 7 + (int64_t)(noise % 5) : (int64_t)noise;
    else
        sample.value.real = style == 0 ? (double)(noise % 100000) / 100.0 : style == 1 ? -0.0 : fg_random_normal(random) * 1e10;
    return sample;
}

static void check_window(struct fg_store *store, const struct fg_series *series, const struct naive *naive, int64_t from_s,
                         int64_t until_s, int64_t known_us)
{
    struct fg_error err = {0};
    struct fg_samples seen = {0};
    fixture_expect(fg_series_read(store, series, from_s, until_s, known_us, &seen, &err), &err);
    size_t at = 0;
    for (int64_t t = FIRST; t < FIRST + STEPS * STEP; t += STEP) {
        const struct written *expected = t >= from_s && t < until_s ? naive_at(naive, t, known_us) : NULL;
        if (expected == NULL)
            continue;
        assert_true(at < seen.count);
        assert_true(same_value(&seen.items[at], &expected->sample));
        at++;
    }
    assert_int_equal(at, seen.count);
    fg_samples_release(&seen);
}

static void check_buckets(struct fg_store *store, const struct fg_series *series, const struct naive *naive, int64_t from_s,
                          int64_t known_us, struct fg_random *random)
{
    struct fg_error err = {0};
    int64_t bounds[9];
    bounds[0] = from_s;
    for (int i = 1; i < 9; i++)
        bounds[i] = bounds[i - 1] + 1 + (int64_t)fg_random_below(random, 200 * STEP);
    for (enum fg_resample how = FG_RESAMPLE_SUM; how <= FG_RESAMPLE_LAST; how++) {
        struct fg_bucket buckets[8];
        fixture_expect(fg_series_resample(store, series, bounds, 8, how, known_us, buckets, &err), &err);
        for (int b = 0; b < 8; b++) {
            int64_t count = 0, sum = 0, low = INT64_MAX, high = INT64_MIN, last = 0;
            uint8_t quality = 0;
            for (int64_t t = FIRST; t < FIRST + STEPS * STEP; t += STEP) {
                const struct written *w = t >= bounds[b] && t < bounds[b + 1] ? naive_at(naive, t, known_us) : NULL;
                if (w == NULL)
                    continue;
                last = w->sample.value.integer;
                count++, sum += last;
                low = last < low ? last : low;
                high = last > high ? last : high;
                quality |= w->sample.quality;
            }
            assert_int_equal(buckets[b].sample_count, count);
            assert_int_equal(buckets[b].quality, quality);
            if (count == 0)
                continue;
            if (how == FG_RESAMPLE_MEAN)
                assert_true(fabs(buckets[b].value.real - (double)sum / (double)count) <= 1e-12 * fabs((double)sum));
            else
                assert_true(buckets[b].value.integer == (how == FG_RESAMPLE_SUM ? sum : how == FG_RESAMPLE_MIN ? low : how == FG_RESAMPLE_MAX ? high : last));
        }
    }
}

static void random_writes_read_back(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    uint64_t seed = 20260301;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct fg_random random;
    fg_random_init(&random, seed);
    for (int round = 0; round < 6; round++) {
        char name[32];
        snprintf(name, sizeof name, "s%d", round);
        struct fg_series series = make_series(store, name, (struct fg_series){.kind = round % 2 ? FG_SERIES_DOUBLE : FG_SERIES_INT64, .step_s = STEP, .keep_history = true});
        struct naive naive = {0};
        int64_t recorded_us = 1700000000000000;
        for (int w = 0; w < 25; w++) {
            struct fg_sample batch[400];
            size_t count = 0;
            int64_t t = FIRST + (int64_t)fg_random_below(&random, STEPS - 500) * STEP;
            size_t wanted = 1 + fg_random_below(&random, 399);
            for (; count < wanted && t < FIRST + STEPS * STEP; t += STEP * (1 + (int64_t)(fg_random_below(&random, 10) == 0) * (int64_t)fg_random_below(&random, 9)))
                batch[count++] = random_sample(&random, series.kind, t, round / 2);
            recorded_us += (int64_t)fg_random_below(&random, 3) * 1000000;
            begin(store);
            fixture_expect(fg_series_write(store, &series, batch, count, recorded_us, NULL, &err), &err);
            if (fg_random_below(&random, 5) == 0) {
                fg_store_rollback(store);
                continue;
            }
            commit(store);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(fg_grow((void **)&naive.items, naive.count, &naive.capacity, sizeof *naive.items), 0);
                naive.items[naive.count++] = (struct written){batch[i], recorded_us};
            }
        }
        check_window(store, &series, &naive, FIRST, FIRST + STEPS * STEP, FG_SERIES_NOW);
        for (int i = 0; i < 4; i++) {
            int64_t from_s = FIRST + (int64_t)fg_random_below(&random, STEPS * STEP), known_us = 1700000000000000 + (int64_t)fg_random_below(&random, 25000000);
            check_window(store, &series, &naive, from_s, from_s + (int64_t)fg_random_below(&random, 3000 * STEP), known_us);
        }
        if (series.kind == FG_SERIES_INT64 && round < 4)
            check_buckets(store, &series, &naive, FIRST + 1000 * STEP, FG_SERIES_NOW, &random);
        fg_free(naive.items);
    }
    fg_store_close(store);
}

/* 0.1 added ten times is not 1 in doubles; compensated it is, to the last bit. 1e16 + 1 + ... + 1 - 1e16 keeps its ones. */
static void sums_of_doubles_lose_nothing(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_series series = make_series(store, "kW", (struct fg_series){.kind = FG_SERIES_DOUBLE, .step_s = 900});
    struct fg_sample samples[22] = {{.value.real = 1e16}, {0}};
    for (int i = 1; i < 22; i++)
        samples[i] = (struct fg_sample){900 * i, {.real = i < 11 ? 1.0 : i == 11 ? -1e16 : 0.1}, 0};
    begin(store);
    fixture_expect(fg_series_write(store, &series, samples, 22, 1, NULL, &err), &err);
    commit(store);
    static const int64_t bounds[] = {0, 12 * 900, 22 * 900};
    struct fg_bucket buckets[2];
    fixture_expect(fg_series_resample(store, &series, bounds, 2, FG_RESAMPLE_SUM, FG_SERIES_NOW, buckets, &err), &err);
    assert_true(buckets[0].value.real == 10.0);
    assert_true(buckets[1].value.real == 1.0);
    begin(store);
    fixture_expect(fg_series_forget(store, &series, 2880 * 900, &err), &err);
    commit(store);
    struct fg_sample last;
    assert_int_equal(fg_series_last(store, &series, &last, &err), FG_ERR_NOT_FOUND);
    fg_store_close(store);
}

/* Any byte of a stored chunk turned over is found; a shortened one too. */
static void damage_is_found(void **state)
{
    (void)state;
    struct fg_codec *codec = fg_codec_create();
    struct fg_chunk chunk = {0}, back = {0};
    struct fg_text bytes;
    struct fg_error err = {0};
    struct fg_random random;
    fg_random_init(&random, 7);
    fg_text_init(&bytes);
    for (uint32_t i = 0; i < 500; i++)
        fixture_expect(fg_chunk_add(&chunk, i * 2, 1000 + fg_random_below(&random, 300), (uint8_t)(i > 400), &err), &err);
    fixture_expect(fg_codec_encode(codec, FG_SERIES_INT64, &chunk, &bytes, &err), &err);
    for (size_t i = 0; i < bytes.length; i++) {
        bytes.data[i] ^= (char)(1 << fg_random_below(&random, 8));
        char kept = bytes.data[i];
        assert_int_equal(fg_codec_decode(codec, FG_SERIES_INT64, bytes.data, bytes.length, 1000, &back, &err), FG_ERR_CORRUPT);
        assert_int_equal(fg_codec_decode(codec, FG_SERIES_INT64, bytes.data, i, 1000, &back, &err), FG_ERR_CORRUPT);
        bytes.data[i] = kept;
        fg_text_release(&bytes);
        fixture_expect(fg_codec_encode(codec, FG_SERIES_INT64, &chunk, &bytes, &err), &err);
    }
    assert_int_equal(fg_codec_decode(codec, FG_SERIES_INT64, bytes.data, bytes.length, 900, &back, &err), FG_ERR_CORRUPT);
    fixture_expect(fg_codec_decode(codec, FG_SERIES_INT64, bytes.data, bytes.length, 1000, &back, &err), &err);
    assert_int_equal(back.count, 500);
    assert_memory_equal(back.bits, chunk.bits, 500 * sizeof back.bits[0]);
    fg_chunk_release(&chunk);
    fg_chunk_release(&back);
    fg_text_release(&bytes);
    fg_codec_destroy(codec);
}

/* ---- Documents ------------------------------------------------------------------------------------------------------*/

static bool count_documents(const struct fg_document *document, const char *metadata, void *context)
{
    assert_string_equal(document->kind, "network");
    assert_non_null(metadata);
    ++*(int *)context;
    return true;
}

static void documents_have_versions(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_document document = {.kind = "network", .name = "feeder", .created_us = 5};
    begin(store);
    fixture_expect(fg_document_put(store, &document, "{\"buses\":3}", "abc", 3, &err), &err);
    assert_int_equal(document.version, 1);
    /* SHA-256 of "abc": FIPS 180-2, appendix B.1 */
    assert_string_equal(document.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    document.created_us = 6;
    fixture_expect(fg_document_put(store, &document, "", "abc", 3, &err), &err);
    assert_int_equal(document.version, 1);
    assert_int_equal(document.created_us, 5);
    size_t size = 3 << 20;
    char *large = fg_alloc(size, 1);
    for (size_t i = 0; i < size; i++)
        large[i] = (char)(i * i >> 7);
    fixture_expect(fg_document_put(store, &document, "", large, size, &err), &err);
    assert_int_equal(document.version, 2);
    strcpy(document.name, "empty");
    fixture_expect(fg_document_put(store, &document, "", "", 0, &err), &err);
    commit(store);
    struct fg_text content, metadata;
    fg_text_init(&content);
    fg_text_init(&metadata);
    fixture_expect(fg_document_get(store, "network", "feeder", 0, &document, &metadata, &content, &err), &err);
    assert_int_equal(content.length, size);
    assert_memory_equal(content.data, large, size);
    fixture_expect(fg_document_get(store, "network", "feeder", 1, &document, &metadata, &content, &err), &err);
    assert_int_equal(content.length, 3);
    assert_string_equal(metadata.data, "{\"buses\":3}");
    fixture_expect(fg_document_get(store, "network", "empty", 0, &document, NULL, &content, &err), &err);
    assert_int_equal(content.length, 0);
    assert_int_equal(fg_document_get(store, "network", "feeder", 3, &document, NULL, NULL, &err), FG_ERR_NOT_FOUND);
    assert_int_equal(fg_document_get(store, "opf", "feeder", 0, &document, NULL, NULL, &err), FG_ERR_NOT_FOUND);
    int listed = 0;
    fixture_expect(fg_document_list(store, "network", "", 10, count_documents, &listed, &err), &err);
    assert_int_equal(listed, 2);
    /* A bit that turned on the disk. */
    fixture_execute(store, "UPDATE document SET sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae' WHERE version = 1 AND name = 'feeder'");
    assert_int_equal(fg_document_get(store, "network", "feeder", 1, &document, NULL, &content, &err), FG_ERR_CORRUPT);
    begin(store);
    fixture_expect(fg_document_remove(store, "network", "feeder", 0, &err), &err);
    commit(store);
    assert_int_equal(fg_document_get(store, "network", "feeder", 0, &document, NULL, NULL, &err), FG_ERR_NOT_FOUND);
    fg_text_release(&content);
    fg_text_release(&metadata);
    fg_free(large);
    fg_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(days_have_23_and_25_hours),
        ON_BOTH(a_correction_keeps_what_was_known_before),
        ON_BOTH(refusals_name_the_sample),
        ON_BOTH(random_writes_read_back),
        ON_BOTH(sums_of_doubles_lose_nothing),
        cmocka_unit_test(damage_is_found),
        ON_BOTH(documents_have_versions),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
