/* Central database: bytes per value of real series, loading and reading a year of quarter-hours of many meters, durable transactions.
 * Both back ends in the same run; the reference for size is gzip's DEFLATE (zlib, level 9) on the same values as text lines.
 * --meters N (1000): each is the real household of REFIT House 20, begun at another week and scaled, in whole watt. */
#include "base/csv.h"
#include "base/memory.h"
#include "base/random.h"
#include "measure.h"
#include "store/series.h"
#include "store/series_codec.h"
#include "support/postgres.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define YEAR 35040
#define CHUNK 2880
#define START 1704067200 /* 2024-01-01 */

static void must(enum fg_code code, const struct fg_error *err)
{
    if (code == FG_OK)
        return;
    fprintf(stderr, "bench_store: %s: %s\n", err->place, err->text);
    exit(1);
}

/* A column as doubles; empty fields are left out. */
static double *read_column(const char *shared, const char *file, const char *name, size_t *count)
{
    char path[512];
    struct fg_csv csv;
    struct fg_error err = {0};
    size_t column;
    snprintf(path, sizeof path, "%s/data/series/%s", shared, file);
    must(fg_csv_read(&csv, path, &err), &err);
    must(fg_csv_need(&csv, name, &column, &err), &err);
    double *values = fg_alloc(csv.row_count, sizeof *values);
    *count = 0;
    for (size_t i = 0; i < csv.row_count; i++)
        if (fg_number_parse(fg_csv_field(&csv, i, column), &values[*count]))
            ++*count;
    fg_csv_release(&csv);
    return values;
}

/* ---- Size -----------------------------------------------------------------------------------------------------------*/

static double text_bytes(const double *values, size_t count)
{
    struct fg_text text;
    fg_text_init(&text);
    for (size_t i = 0; i < count; i++) {
        fg_text_number(&text, values[i]);
        fg_text_puts(&text, "\n");
    }
    uLongf size = compressBound(text.length);
    unsigned char *packed = fg_alloc(size, 1);
    compress2(packed, &size, (const unsigned char *)text.data, text.length, 9);
    fg_free(packed);
    fg_text_release(&text);
    return (double)size;
}

static void size_of(const char *shared, const char *file, const char *column)
{
    struct fg_codec *codec = fg_codec_create();
    struct fg_error err = {0};
    struct fg_text bytes;
    size_t count;
    double *values = read_column(shared, file, column, &count);
    fg_text_init(&bytes);
    double encode_s = 0, decode_s = 0;
    for (size_t i = 0; i < count; i += CHUNK) {
        struct fg_chunk chunk = {0}, back = {0};
        for (size_t k = i; k < count && k < i + CHUNK; k++) {
            uint64_t bits;
            memcpy(&bits, &values[k], sizeof bits);
            must(fg_chunk_add(&chunk, (uint32_t)(k - i), bits, 0, &err), &err);
        }
        size_t before = bytes.length;
        struct bench_time t = bench_now();
        must(fg_codec_encode(codec, FG_SERIES_DOUBLE, &chunk, &bytes, &err), &err);
        encode_s += bench_since(t).cpu_s;
        t = bench_now();
        must(fg_codec_decode(codec, FG_SERIES_DOUBLE, bytes.data + before, bytes.length - before, CHUNK, &back, &err), &err);
        decode_s += bench_since(t).cpu_s;
        if (memcmp(back.bits, chunk.bits, chunk.count * sizeof chunk.bits[0]) != 0)
            bench_holds(false);
        fg_chunk_release(&chunk);
        fg_chunk_release(&back);
    }
    double ours = (double)bytes.length / (double)count, gzip = text_bytes(values, count) / (double)count;
    printf("  %-46s %-14s %7zu %6.2f %6.2f %6.2f %8.1f %8.1f\n", file, column, count, ours, gzip, ours / gzip,
           (double)count / encode_s / 1e6, (double)count / decode_s / 1e6);
    fg_free(values);
    fg_text_release(&bytes);
    fg_codec_destroy(codec);
}

/* ---- A year of meters -----------------------------------------------------------------------------------------------*/

static void make_meter(const double *home, size_t home_count, int meter, struct fg_sample *samples)
{
    size_t begin = (size_t)meter * 672 % home_count;
    double scale = 0.5 + (double)(meter * 37 % 100) / 100.0;
    for (size_t i = 0; i < YEAR; i++)
        samples[i] = (struct fg_sample){START + (int64_t)i * 900, {.integer = llround(home[(begin + i) % home_count] * scale)}, 0};
}

static int64_t number(struct fg_store *store, const char *text)
{
    struct fg_sql *sql;
    struct fg_error err = {0};
    must(fg_sql_prepare(store, text, &sql, &err), &err);
    must(fg_sql_one(sql, &err), &err);
    int64_t value = fg_sql_column_int64(sql, 0);
    fg_sql_done(sql);
    return value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_latency(const char *what, double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("  %-46s p50 %8.3f ms  p99 %8.3f ms\n", what, times[count / 2] * 1e3, times[count * 99 / 100] * 1e3);
}

enum { READS = 500 };

static void read_windows(struct fg_store *store, int meters)
{
    struct fg_error err = {0};
    struct fg_random random;
    fg_random_init(&random, 1);
    struct fg_samples samples = {0};
    double day[READS], year[READS], months[READS];
    int64_t bounds[13];
    struct fg_bucket buckets[12];
    for (int m = 0; m <= 12; m++)
        bounds[m] = START + (int64_t)m * 30 * 86400;
    for (int i = 0; i < READS; i++) {
        char name[32];
        struct fg_series series;
        snprintf(name, sizeof name, "meter%d", (int)fg_random_below(&random, (uint64_t)meters));
        int64_t from_s = START + (int64_t)fg_random_below(&random, 364) * 86400;
        must(fg_series_find(store, name, &series, &err), &err);
        struct bench_time t = bench_now();
        must(fg_series_read(store, &series, from_s, from_s + 86400, FG_SERIES_NOW, &samples, &err), &err);
        day[i] = bench_since(t).wall_s;
        t = bench_now();
        must(fg_series_read(store, &series, START, START + YEAR * 900, FG_SERIES_NOW, &samples, &err), &err);
        year[i] = bench_since(t).wall_s;
        bench_holds(samples.count == YEAR);
        t = bench_now();
        must(fg_series_resample(store, &series, bounds, 12, FG_RESAMPLE_SUM, FG_SERIES_NOW, buckets, &err), &err);
        months[i] = bench_since(t).wall_s;
    }
    print_latency("window of a day (96 values)", day, READS);
    print_latency("window of a year (35,040 values)", year, READS);
    print_latency("a year to 12 buckets of 30 days", months, READS);
    fg_samples_release(&samples);
}

static void add_a_day(struct fg_store *store, int meters)
{
    struct fg_error err = {0};
    struct fg_sample samples[96];
    struct bench_time t = bench_now();
    must(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (int m = 0; m < meters; m++) {
        char name[32];
        struct fg_series series;
        snprintf(name, sizeof name, "meter%d", m);
        must(fg_series_find(store, name, &series, &err), &err);
        for (int i = 0; i < 96; i++)
            samples[i] = (struct fg_sample){START + (YEAR + i) * 900, {.integer = i * m % 997}, 0};
        must(fg_series_write(store, &series, samples, 96, 2, NULL, &err), &err);
    }
    must(fg_store_commit(store, &err), &err);
    struct bench_time took = bench_since(t);
    printf("  %-46s %8.0f values/s wall, %.0f meters/s\n", "one more day for each meter, one transaction", meters * 96.0 / took.wall_s,
           meters / took.wall_s);
}

static void commit_rate(struct fg_store *store, int per_transaction, int transactions)
{
    struct fg_error err = {0};
    struct bench_time t = bench_now();
    for (int i = 0; i < transactions; i++) {
        must(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
        for (int k = 0; k < per_transaction; k++) {
            struct fg_sql *sql;
            char key[40];
            snprintf(key, sizeof key, "%d-%d-%d", per_transaction, i, k);
            must(fg_sql_prepare(store, "INSERT INTO meta (name, value) VALUES ($1, 'x')", &sql, &err), &err);
            fg_sql_text(sql, 1, key);
            must(fg_sql_queue(sql, &err), &err);
        }
        must(fg_store_commit(store, &err), &err);
    }
    struct bench_time took = bench_since(t);
    printf("  durable transactions of %-4d rows                %8.0f transactions/s, %.0f rows/s\n", per_transaction,
           transactions / took.wall_s, (double)transactions * per_transaction / took.wall_s);
}

static void measure(const char *title, const char *url, const double *home, size_t home_count, int meters)
{
    struct fg_store *store;
    struct fg_error err = {0};
    struct fg_sample *samples = fg_alloc(YEAR, sizeof *samples);
    must(fg_store_open(url, &(struct fg_store_options){.create = true, .migrate = true}, &store, &err), &err);
    printf("\n%s: %d meters, a year of quarter-hours, with history\n", title, meters);
    double wall_s = 0, cpu_s = 0;
    for (int m = 0; m < meters; m++) {
        struct fg_series series = {.kind = FG_SERIES_INT64, .unit = "W", .step_s = 900, .keep_history = true};
        char name[32];
        snprintf(name, sizeof name, "meter%d", m);
        make_meter(home, home_count, m, samples);
        struct bench_time t = bench_now();
        must(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
        must(fg_series_create(store, name, &series, &err), &err);
        must(fg_series_write(store, &series, samples, YEAR, 1, NULL, &err), &err);
        must(fg_store_commit(store, &err), &err);
        struct bench_time took = bench_since(t);
        wall_s += took.wall_s;
        cpu_s += took.cpu_s;
    }
    double values = (double)meters * YEAR;
    bool is_server = fg_store_kind_of(store) == FG_STORE_POSTGRESQL;
    double payload = (double)number(store, "SELECT sum(length(payload) + length(history)) FROM series_chunk");
    double stored = (double)number(store, is_server ? "SELECT pg_total_relation_size('series_chunk')"
                                                    : "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    printf("  loading, a transaction for each meter           %8.2f million values/s wall, %.2f processor time of the client\n",
           values / wall_s / 1e6, values / cpu_s / 1e6);
    printf("  bytes per value                                %8.3f in chunks, %.3f on disk\n", payload / values, stored / values);
    read_windows(store, meters);
    add_a_day(store, meters);
    commit_rate(store, 1, 200);
    commit_rate(store, 100, 100);
    fg_store_close(store);
    fg_free(samples);
}

int main(int argc, char **argv)
{
    const char *shared = bench_shared_dir(argc, argv), *wanted = bench_option(argc, argv, "--meters");
    int meters = wanted != NULL ? atoi(wanted) : 1000;
    bench_print_machine();
    printf("\nBytes per value (the reference is gzip -9 of the same numbers as text), million values a second of processor time\n"
           "  %-46s %-14s %7s %6s %6s %6s %8s %8s\n", "series", "column", "values", "ours", "gzip", "ratio", "encode", "decode");
    size_of(shared, "appliances_refit_ukdale_ideal/REFIT_House20_15min.csv.gz", "Aggregate");
    size_of(shared, "appliances_refit_ukdale_ideal/REFIT_House20_15min.csv.gz", "Dishwasher");
    size_of(shared, "appliances_refit_ukdale_ideal/IDEAL_House65_15min.csv.gz", "Aggregate");
    size_of(shared, "ausgrid_customer12/data_2011-2012.csv.gz", "GC");
    size_of(shared, "openstef_nl/components_HAL.csv.gz", "total_substation");
    size_of(shared, "epf_lago2021/DE.csv.gz", "price");
    size_of(shared, "epf_lago2021/DE.csv.gz", "pv_wind_fc");
    size_t home_count;
    double *home = read_column(shared, "appliances_refit_ukdale_ideal/REFIT_House20_15min.csv.gz", "Aggregate", &home_count);
    char folder[] = "/var/tmp/flexgrid_bench_XXXXXX", command[100];
    if (mkdtemp(folder) == NULL)
        return 1;
    measure("SQLite", folder, home, home_count, meters);
    struct postgres server;
    if (postgres_start(&server)) {
        measure("PostgreSQL", server.url, home, home_count, meters);
        postgres_remove(&server);
    } else {
        printf("\nPostgreSQL: no server is installed\n");
    }
    fg_free(home);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || bench_failures() > 0;
}
