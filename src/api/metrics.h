/* Metrics in Prometheus' text format: requests by operation and status, their duration, and gauges given at the time of
 * the scrape. Thread rule: any thread; counting takes no lock. */
#ifndef FG_API_METRICS_H
#define FG_API_METRICS_H

#include "api/operation.h"
#include "base/text.h"

struct fg_metrics;
enum fg_code fg_metrics_create(const struct fg_operation_set *const *sets, size_t set_count, struct fg_metrics **metrics,
                               struct fg_error *err);
void fg_metrics_destroy(struct fg_metrics *metrics);

/* `operation` NULL: no operation fitted (404, refused before routing, static files). */
void fg_metrics_count(struct fg_metrics *metrics, const struct fg_operation *operation, int status, double seconds);
void fg_metrics_write(const struct fg_metrics *metrics, struct fg_text *text);

/* "# HELP", "# TYPE" and the value of one metric without labels. `type`: "gauge" or "counter". */
void fg_metrics_put(struct fg_text *text, const char *name, const char *type, const char *help, double value);

#endif
