/* What is given about the grid: operating points (sources with versions of values), and conditions that hold for a time.
 *
 * Who may say what:
 *   values of buses       a system operator for the buses of networks that it has uploaded to the area
 *   values of assets      their owner, who trades them in a portfolio, and the operator of their location
 *   values of portfolios  who trades them
 *   required sources, "covers", and conditions   a system operator that has uploaded a network to the area
 * How values and conditions count is in network_state.h. Thread rule: registry.h. */
#ifndef FG_ATP_OPERATING_POINT_H
#define FG_ATP_OPERATING_POINT_H

#include "atp/registry.h"
#include "toolkit/dfmct/grid_state.h"

struct fg_operating_point {
    const char *name, *origin, *covers, *when_stale; /* "schedule", "forecast", "prognosis"; "all", "rest"; "last", "own" */
    bool is_required;
    int64_t deadline_s, stale_s; /* stale_s 0: never */
};
enum fg_code fg_operating_point_create(struct fg_registry *registry, int64_t area, const struct fg_operating_point *point,
                                       int64_t *id, struct fg_error *err);

enum fg_operating_subject { FG_OPERATING_BUS, FG_OPERATING_ASSET, FG_OPERATING_PORTFOLIO };
struct fg_operating_values {
    enum fg_operating_subject subject;
    const char *bus;                /* FG_OPERATING_BUS */
    int64_t id;                     /* else */
    const int64_t *p_w, *q_var;     /* period_count values; q_var NULL: not said */
};
/* A version: what it says replaces earlier values of the same subjects in its periods. Of the organisation's own source. */
enum fg_code fg_operating_point_enter(struct fg_registry *registry, int64_t point, int64_t first_period, int64_t period_count,
                                      const struct fg_operating_values *values, size_t count, int64_t *version,
                                      struct fg_error *err);
/* Period length of the source's area; FG_ERR_NOT_FOUND when it is not the organisation's. */
enum fg_code fg_operating_point_period(struct fg_registry *registry, int64_t point, int64_t *period_s, struct fg_error *err);

struct fg_condition {
    enum fg_grid_condition_kind kind;
    const char *element, *reason;
    bool is_closed;
    int64_t limit[2];          /* grid_state.h */
    int64_t from_us, until_us; /* until_us 0: until it is ended */
};
/* Whether the area's network has the element: FG_ERR_VALUE. Reads the network; in a transaction of its own. */
enum fg_code fg_condition_check(struct fg_registry *registry, int64_t area, const struct fg_condition *condition,
                                struct fg_error *err);
enum fg_code fg_condition_create(struct fg_registry *registry, int64_t area, const struct fg_condition *condition, int64_t *id,
                                 struct fg_error *err);
/* It holds until `until_us` (0: now) and no longer. */
enum fg_code fg_condition_end(struct fg_registry *registry, int64_t id, int64_t until_us, struct fg_error *err);

/* What an area with stale rule "fallback" falls back to: "last", "nominal", "off". By its operator. */
enum fg_code fg_network_rule_set(struct fg_registry *registry, int64_t area, const char *fallback, struct fg_error *err);

#endif
