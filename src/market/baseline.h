/* Baselines: what a portfolio would have exchanged with the grid had it not been activated.
 *
 * Everything is energy per market time unit in Ws, injection positive, within +-2^53; series hold one value per unit. The event is a
 * run of consecutive units. Methods (NAESB WEQ-015, "Measurement and Verification Standards for Demand Response"; EnerNOC,
 * "The Demand Response Baseline", 2011; KEMA for PJM, "Empirical Analysis of Demand Response Baseline Methods", 2011):
 *
 *   submitted      what the supplier declared before gate closure
 *   days           x of y: of the y newest eligible days before the event, the x with the largest (or middle, or all)
 *                  exchange in the event's units; the mean of these days at the same local clock time
 *   before_after   the mean of n units before and n units after the event, joined by a straight line
 *   control_group  what comparable portfolios did in the event's units, scaled to this one before the event
 *
 * Days are compared by the local clock: 18:00 with 18:00 also across a change of clocks. A unit that a reference day does
 * not have (the missing hour) is averaged over the other days; in a doubled hour both runs are compared with the single
 * one. A day is eligible when it is of the event day's type (working day, or Saturday, Sunday and holiday), is not
 * excluded (an activation, an outage), has not been passed over as too old, and has a value for every unit needed.
 *
 * Same-day adjustment, with A measured and B baseline energy in the adjustment window before the event:
 *   additive   b + (A - B) / units in the window, at most +-cap x mean |b| of the event
 *   ratio      b x A / B, the factor within [1 - cap, 1 + cap]; 1 when B is 0 or A and B differ in sign
 *
 * Thread rule: pure functions. Results are the same on every machine: integers, rounded half away from zero once. */
#ifndef FG_MARKET_BASELINE_H
#define FG_MARKET_BASELINE_H

#include "base/error.h"
#include "base/readings.h"
#include "base/timezone.h"

enum fg_baseline_method {
    FG_BASELINE_SUBMITTED,
    FG_BASELINE_DAYS,
    FG_BASELINE_BEFORE_AFTER,
    FG_BASELINE_CONTROL_GROUP
};
enum fg_baseline_pick { FG_BASELINE_HIGHEST, FG_BASELINE_MIDDLE, FG_BASELINE_NEWEST };
enum fg_baseline_adjustment { FG_BASELINE_UNADJUSTED, FG_BASELINE_ADDITIVE, FG_BASELINE_RATIO };
extern const char *const fg_baseline_method_words[], *const fg_baseline_pick_words[],
    *const fg_baseline_adjustment_words[];

#define FG_BASELINE_DAYS_MAX 60 /* y */
struct fg_baseline_rule {
    enum fg_baseline_method method;
    /* days */
    int32_t days, days_used; /* y and x, 1 <= x <= y <= FG_BASELINE_DAYS_MAX */
    int32_t look_back_days;  /* no day older than this is looked at, >= y */
    enum fg_baseline_pick pick;
    enum fg_baseline_adjustment adjustment;
    int32_t window_lead_units, window_units; /* the window ends `lead` units before the event; units >= 1 if adjusted */
    int64_t cap_u;                           /* millionths */
    /* before_after */
    int32_t before_units, after_units; /* at least one of them > 0 */
    /* control_group */
    int32_t calibration_units; /* before the event, >= 1 */
};

/* What a day is. Dates ascend. */
struct fg_day_list {
    const struct fg_date *dates;
    size_t count;
};

struct fg_baseline_input {
    const struct fg_timezone *zone;
    struct fg_day_list holidays;
    struct fg_day_list excluded;       /* days of other activations, outages */
    const struct fg_readings *meter;     /* of the portfolio: history and the day of the event */
    const struct fg_readings *submitted; /* submitted method */
    const struct fg_readings *control;   /* control group, summed */
    int64_t event_start_s;
    int32_t event_units;
};

/* How it came about, for the statement and for disputes. */
struct fg_baseline_account {
    struct fg_date days[FG_BASELINE_DAYS_MAX]; /* used, newest first */
    int32_t day_count;
    int32_t days_passed_over;   /* of the wrong type, excluded, or with gaps */
    int64_t window_measured_ws, window_baseline_ws;
    int64_t added_ws;           /* additive: per unit */
    int64_t factor_u;           /* ratio, control group; 1000000 otherwise */
};

/* `values` gets event_units values, FG_READING_MISSING never. FG_ERR_ARGUMENT: a rule that contradicts itself (a rule that
 * passed fg_baseline_rule_check never does). FG_ERR_VALUE: data are missing; the text says which, and what to supply.
 * `account` may be NULL. Cost: look-back days x units. */
enum fg_code fg_baseline_compute(const struct fg_baseline_rule *rule, const struct fg_baseline_input *input,
                                 int64_t *values, struct fg_baseline_account *account, struct fg_error *err);
enum fg_code fg_baseline_rule_check(const struct fg_baseline_rule *rule, struct fg_error *err);

/* Monday to Friday and no holiday. */
bool fg_day_is_working(const struct fg_day_list *holidays, struct fg_date date);

#endif
