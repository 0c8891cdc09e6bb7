/* Metering: meters, their readings with the history of corrections, submitted baselines, and the holiday calendar.
 *
 * A meter measures the energy of an asset or of a whole portfolio, per market time unit of its area, in Ws, injection
 * positive. Its reporter (grid operator, supplier) sends readings; a reading sent again with another value is a correction,
 * and both stay known with the moment they came. Several meters may measure the same thing; each has a rank.
 *
 *   value of an asset       of its meters by rank, the first whose value is there and not suspect; else the first that is
 *                           there at all
 *   value of a portfolio    the same over its own meters; where they have none, the sum of its assets' values (unknown as
 *                           soon as one asset's is), of the assets it holds at the start of the day
 *
 * A baseline submitted by the supplier is taken for periods whose gate has not closed and is frozen from then on.
 * Refusals and thread rule: registry.h. All functions run inside the registry's transaction. */
#ifndef FG_ATP_METERING_H
#define FG_ATP_METERING_H

#include "atp/registry.h"
#include "base/date.h"
#include "market/order.h"
#include "store/series.h"

struct fg_meter {
    int64_t id, area, asset, portfolio; /* asset or portfolio, the other 0 */
    enum fg_product product;            /* active or reactive energy */
    int64_t reporter;
    char name[201];
    int32_t rank; /* 1 ... 100 */
};
/* The reporter is who asks; the asset's or portfolio's owner, the operator of its location and the market operator may
 * have meters. FG_ERR_CONFLICT: the name or rank is taken. Fills id and area. */
enum fg_code fg_meter_create(struct fg_registry *registry, struct fg_meter *meter, struct fg_error *err);
enum fg_code fg_meter_read(struct fg_registry *registry, int64_t id, struct fg_meter *meter, struct fg_error *err);

struct fg_reading {
    int64_t time_s; /* start of the unit */
    int64_t energy_ws;
    uint8_t quality; /* fg_series */
    size_t row;      /* in the request: item from 0, line of a CSV */
};
struct fg_reading_gap {
    int64_t from_s, until_s;
};
#define FG_READINGS_MAX 200000
#define FG_READING_GAPS_MAX 100
struct fg_intake {
    size_t added, corrected, unchanged, duplicates;
    int64_t missing;  /* units without a value between the first and last reading of the request */
    struct fg_reading_gap gaps[FG_READING_GAPS_MAX]; /* the first of them */
    size_t gap_count;
};
/* Take readings in any order. The same reading twice is counted, two values for one unit, an instant that is not the start
 * of a unit, a unit that has not ended, and a value beyond 2^53 Ws are refused, all or nothing, at their row.
 * Only by the meter's reporter. */
enum fg_code fg_meter_take(struct fg_registry *registry, int64_t meter, struct fg_reading *readings, size_t count,
                           struct fg_intake *intake, struct fg_error *err);
/* CSV with the columns start, energy_mwh and, if wanted, quality (measured, estimated, substituted, suspect). The caller
 * frees `readings`. */
extern const char *const fg_quality_words[]; /* the words of quality bits 0, 1, 2, 4 in this order */
uint8_t fg_quality_of_word(int word);
int fg_quality_word(uint8_t quality);
enum fg_code fg_meter_parse_csv(const char *bytes, size_t length, struct fg_reading **readings, size_t *count,
                                struct fg_error *err);

/* MWh with 10 decimals <-> Ws: 10 decimals are finer than a Ws, so that a text reads back as the same number. */
enum fg_code fg_energy_of_decimal(int64_t decimal, int64_t *ws, struct fg_error *err);
int64_t fg_decimal_of_energy(int64_t ws);

/* What a settlement reads: `values` gets `count` units from `first_period` by the rules above, FG_READING_MISSING where not
 * known, as it was known at `known_us`. `used` (may be NULL) is told each meter looked at. */
struct fg_meter_query {
    int64_t area, portfolio;
    enum fg_product product;
    int64_t period_s, first_period;
    size_t count;
    int64_t members_us; /* the assets that the portfolio holds at this moment */
    bool control;       /* its control group instead of itself */
    int64_t known_us;
};
enum fg_code fg_meter_sum(struct fg_store *store, const struct fg_meter_query *query, int64_t *values,
                          void (*used)(void *context, int64_t meter), void *context, struct fg_error *err);

/* The submitted baseline of a portfolio it owns. Every unit must lie before its product's closure (FG_ERR_CONFLICT). */
enum fg_code fg_baseline_submit(struct fg_registry *registry, int64_t portfolio, enum fg_product product,
                                int64_t first_period, const int64_t *energy_ws, size_t count, struct fg_error *err);
enum fg_code fg_baseline_submitted(struct fg_store *store, int64_t portfolio, enum fg_product product, int64_t period_s,
                                   int64_t first_period, size_t count, int64_t known_us, int64_t *values,
                                   struct fg_error *err);

/* Market operator: the days on which working-day baselines do not look, in place of those of the same year. */
struct fg_holiday {
    struct fg_date date;
    const char *name;
};
enum fg_code fg_holidays_set(struct fg_registry *registry, int64_t area, int32_t year, const struct fg_holiday *days,
                             size_t count, struct fg_error *err);

/* An area that the market operator of `registry` runs; FG_ERR_NOT_FOUND otherwise. `time_zone` may be NULL. */
enum fg_code fg_area_operated(struct fg_registry *registry, int64_t area, struct fg_error *err);
enum fg_code fg_area_period(struct fg_store *store, int64_t area, int64_t *period_s, char time_zone[64],
                            struct fg_error *err);

#endif
