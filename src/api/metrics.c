#include "api/metrics.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>

static const int statuses[] = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 503};
enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0], BOUND_COUNT = 12 };
static const double bounds[BOUND_COUNT] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30};

struct row {
    const struct fg_operation *operation;
    atomic_uint_fast64_t by_status[STATUS_COUNT + 1]; /* the last one: any other */
    atomic_uint_fast64_t by_duration[BOUND_COUNT + 1];
    atomic_uint_fast64_t microseconds;
};
struct fg_metrics {
    size_t count;
    struct row rows[]; /* the last one: no operation */
};

enum fg_code fg_metrics_create(const struct fg_operation_set *const *sets, size_t set_count, struct fg_metrics **out,
                               struct fg_error *err)
{
    size_t count = 1;
    for (size_t s = 0; s < set_count; s++)
        count += sets[s]->count;
    struct fg_metrics *metrics = fg_alloc(1, sizeof *metrics + count * sizeof metrics->rows[0]);
    if (metrics == NULL)
        return fg_fail_memory(err);
    metrics->count = count;
    size_t row = 0;
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s]->count; i++)
            metrics->rows[row++].operation = &sets[s]->items[i];
    *out = metrics;
    return FG_OK;
}

void fg_metrics_destroy(struct fg_metrics *metrics)
{
    fg_free(metrics);
}

void fg_metrics_count(struct fg_metrics *metrics, const struct fg_operation *operation, int status, double seconds)
{
    size_t r = 0;
    while (r + 1 < metrics->count && metrics->rows[r].operation != operation)
        r++;
    struct row *row = &metrics->rows[r];
    int s = 0, b = 0;
    while (s < STATUS_COUNT && statuses[s] != status)
        s++;
    while (b < BOUND_COUNT && seconds > bounds[b])
        b++;
    atomic_fetch_add_explicit(&row->by_status[s], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->by_duration[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->microseconds, (uint_fast64_t)(seconds * 1e6), memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit((atomic_uint_fast64_t *)(uintptr_t)counter, memory_order_relaxed);
}

static const char *name_of(const struct row *row)
{
    return row->operation != NULL ? row->operation->id : "none";
}

void fg_metrics_write(const struct fg_metrics *metrics, struct fg_text *text)
{
    fg_text_puts(text, "# HELP flexgrid_http_requests_total Requests answered\n# TYPE flexgrid_http_requests_total counter\n");
    for (size_t r = 0; r < metrics->count; r++) {
        const struct row *row = &metrics->rows[r];
        for (int s = 0; s <= STATUS_COUNT; s++) {
            uint64_t value = get(&row->by_status[s]);
            if (value == 0)
                continue;
            char status[16] = "other";
            if (s < STATUS_COUNT)
                snprintf(status, sizeof status, "%d", statuses[s]);
            fg_text_printf(text, "flexgrid_http_requests_total{operation=\"%s\",status=\"%s\"} %" PRIu64 "\n", name_of(row),
                           status, value);
        }
    }
    fg_text_puts(text, "# HELP flexgrid_http_request_seconds From the headers to the end of the answer\n"
                       "# TYPE flexgrid_http_request_seconds histogram\n");
    for (size_t r = 0; r < metrics->count; r++) {
        const struct row *row = &metrics->rows[r];
        uint64_t total = 0;
        for (int b = 0; b <= BOUND_COUNT; b++)
            total += get(&row->by_duration[b]);
        if (total == 0)
            continue;
        uint64_t sum = 0;
        for (int b = 0; b < BOUND_COUNT; b++) {
            sum += get(&row->by_duration[b]);
            fg_text_printf(text, "flexgrid_http_request_seconds_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n",
                           name_of(row), bounds[b], sum);
        }
        fg_text_printf(text, "flexgrid_http_request_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                       name_of(row), total);
        fg_text_printf(text, "flexgrid_http_request_seconds_sum{operation=\"%s\"} %.6f\n", name_of(row),
                       (double)get(&row->microseconds) * 1e-6);
        fg_text_printf(text, "flexgrid_http_request_seconds_count{operation=\"%s\"} %" PRIu64 "\n", name_of(row), total);
    }
}

void fg_metrics_put(struct fg_text *text, const char *name, const char *type, const char *help, double value)
{
    fg_text_printf(text, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, value);
}
