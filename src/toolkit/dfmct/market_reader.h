/* Inside the market readers: the schema, one function per kind of object, for the JSON and the CSV form alike. Each
 * takes a cursor on an object whose fields are those of docs/market-format.md. */
#ifndef FG_TOOLKIT_DFMCT_MARKET_READER_H
#define FG_TOOLKIT_DFMCT_MARKET_READER_H

#include "base/json.h"
#include "market/auction.h"

/* Bounds of files, far above any real market. */
#define FG_MARKET_ZONES_MAX 10000
#define FG_MARKET_ID_BYTES_MAX 200
#define FG_MARKET_BASELINE_VALUES_MAX 40000000 /* values of all baselines together */

struct fg_market_reader {
    struct fg_market *market;
    const char **parents; /* id of each order's parent, NULL: none; in the market's arena */
    size_t parent_capacity;
    size_t baseline_values;
};

/* Rules and horizon; first of all. Creates reader->market, which is the caller's also after an error. */
enum fg_code fg_market_reader_rules(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err);
enum fg_code fg_market_reader_participant(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                          struct fg_error *err);
enum fg_code fg_market_reader_zone(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                   struct fg_error *err);
enum fg_code fg_market_reader_bus_limit(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                        struct fg_error *err);
enum fg_code fg_market_reader_branch_limit(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                           struct fg_error *err);
enum fg_code fg_market_reader_condition(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                        struct fg_error *err);
/* Members "start" and "periods" of something inside the horizon; left out: from the market's start, `fallback` periods
 * (0: to the market's end). */
enum fg_code fg_market_reader_periods(const struct fg_market *market, const struct fg_json_cursor *object, int64_t fallback,
                                      int32_t *first_period, int32_t *period_count, struct fg_error *err);
/* A row of controllable_taps.csv; the JSON form has a list of ids among the rules. */
enum fg_code fg_market_reader_tap(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                  struct fg_error *err);
enum fg_code fg_market_reader_asset(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err);
enum fg_code fg_market_reader_group(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err);
enum fg_code fg_market_reader_baseline(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                       struct fg_error *err);
enum fg_code fg_market_reader_order(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err);
/* baseline.csv: one row per element and period. */
enum fg_code fg_market_reader_baseline_csv(struct fg_market_reader *reader, const char *path, struct fg_error *err);
/* After the last order: resolve parents, validate. */
enum fg_code fg_market_reader_finish(struct fg_market_reader *reader, struct fg_error *err);
void fg_market_reader_release(struct fg_market_reader *reader); /* not the market */

/* An id: 1 to FG_MARKET_ID_BYTES_MAX bytes without control characters. */
enum fg_code fg_market_reader_id(const struct fg_json_cursor *object, const char *key, const char **out,
                                 struct fg_error *err);
/* Index of `word` in a NULL-terminated table; fails with the list of words. */
enum fg_code fg_market_reader_word(const struct fg_json_cursor *object, const char *key, const char *const *words,
                                   int fallback, int *out, struct fg_error *err);
/* Decimal string with 6 places; *out keeps its value when the member is absent. */
enum fg_code fg_market_reader_decimal(const struct fg_json_cursor *object, const char *key, int64_t *out,
                                      struct fg_error *err);

#endif
