#include "gateway/tso_view.h"

#include "atp/metering.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/units.h"
#include "market/baseline.h"
#include "market/order.h"

#include <stdlib.h>
#include <string.h>

/* Locations of a control area. */
#define INSIDE                                                                                                         \
    "WITH RECURSIVE inside (id) AS (SELECT id FROM location WHERE area_id = $1 AND control_area = $2 UNION SELECT l.id FROM location l " \
    "JOIN inside i ON l.parent_id = i.id WHERE l.control_area IS NULL) "

static void put_micro(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}
static void put_start(struct fg_json_writer *out, const struct fg_tso_window *window, int64_t period)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, "start", fg_instant_format(period * window->period_s, text));
}

/* -- offers ---------------------------------------------------------------------------------------------------------- */

struct step {
    int64_t price_u, quantity_w;
};
struct ladder {
    struct step *steps;
    size_t count, capacity;
    int64_t offers, volume_w, marked_w; /* marked: may be forwarded */
};

static enum fg_code add_step(struct ladder *ladder, int64_t price_u, int64_t quantity_w, struct fg_error *err)
{
    if (fg_grow((void **)&ladder->steps, ladder->count, &ladder->capacity, sizeof *ladder->steps) != 0)
        return fg_fail_memory(err);
    ladder->steps[ladder->count++] = (struct step){price_u, quantity_w};
    return FG_OK;
}

/* What is open of an order in a period, by price steps. */
static enum fg_code add_order(struct ladder *ladder, const struct fg_sql *sql, size_t k, struct fg_error *err)
{
    size_t size, points_size;
    const unsigned char *quantity = fg_sql_column_blob(sql, 3, &size), *filled = fg_sql_column_blob(sql, 4, &size);
    const unsigned char *points = fg_sql_column_blob(sql, 5, &points_size);
    int64_t end = fg_blob_integer(quantity, k), at = fg_blob_integer(filled, k);
    enum fg_code code = FG_OK;
    if (at >= end)
        return FG_OK;
    ladder->offers++;
    ladder->volume_w += end - at;
    ladder->marked_w += fg_sql_column_int64(sql, 6) != 0 ? end - at : 0;
    for (size_t p = 0; code == FG_OK && p + 1 < points_size / 8 && at < end; p += 2) {
        int64_t up_to = fg_blob_integer(points, p) < end ? fg_blob_integer(points, p) : end;
        if (up_to <= at)
            continue;
        code = add_step(ladder, fg_blob_integer(points, p + 1), up_to - at, err);
        at = up_to;
    }
    return code;
}

static enum fg_code read_offers(struct fg_registry *registry, const struct fg_tso_window *window, struct ladder *ladders,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 INSIDE "SELECT o.regulation, o.first_period, o.period_count, o.quantity, o.filled, o.points, o.forward_to_tso "
                                        "FROM book_order o WHERE o.area_id = $1 AND o.status = 'open' AND o.side = $3 AND o.product = $4 AND "
                                        "o.first_period < $6 AND o.first_period + o.period_count > $5 AND o.location_id IN (SELECT id FROM "
                                        "inside)",
                                 "itiiii", window->area, window->control_area, (int64_t)FG_SIDE_SELL, (int64_t)FG_PRODUCT_ACTIVE,
                                 window->first, window->end);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        int64_t from = fg_sql_column_int64(sql, 1), to = from + fg_sql_column_int64(sql, 2);
        for (int64_t p = from > window->first ? from : window->first; code == FG_OK && p < to && p < window->end; p++)
            code = add_order(&ladders[2 * (p - window->first) + fg_sql_column_int64(sql, 0)], sql, (size_t)(p - from), err);
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    return code;
}

static int compare_steps(const void *x, const void *y)
{
    const struct step *a = x, *b = y;
    return a->price_u < b->price_u ? -1 : a->price_u > b->price_u;
}

static void put_ladder(struct fg_json_writer *out, const char *key, struct ladder *ladder)
{
    if (ladder->count > 1)
        qsort(ladder->steps, ladder->count, sizeof *ladder->steps, compare_steps);
    fg_json_begin_object(out, key);
    fg_json_put_integer(out, "offers", ladder->offers);
    put_micro(out, "volume", ladder->volume_w);
    put_micro(out, "forwardable", ladder->marked_w);
    fg_json_begin_array(out, "merit_order");
    int put = 0;
    for (size_t i = 0; i < ladder->count; put++) {
        struct step sum = ladder->steps[i++];
        while (i < ladder->count && (ladder->steps[i].price_u == sum.price_u || put == FG_TSO_STEPS_MAX - 1)) {
            sum.quantity_w += ladder->steps[i].quantity_w;
            sum.price_u = ladder->steps[i++].price_u;
        }
        fg_json_begin_row_object(out, NULL);
        put_micro(out, "price", sum.price_u);
        put_micro(out, "quantity", sum.quantity_w);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
}

enum fg_code fg_tso_offers(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                           struct fg_error *err)
{
    size_t count = (size_t)(window->end - window->first);
    struct ladder *ladders = fg_alloc(2 * count, sizeof *ladders);
    if (ladders == NULL)
        return fg_fail_memory(err);
    enum fg_code code = read_offers(registry, window, ladders, err);
    fg_json_begin_array(out, "periods");
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        fg_json_begin_object(out, NULL);
        put_start(out, window, window->first + (int64_t)i);
        put_ladder(out, "up", &ladders[2 * i + FG_REGULATION_UP]);
        put_ladder(out, "down", &ladders[2 * i + FG_REGULATION_DOWN]);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    for (size_t i = 0; i < 2 * count; i++)
        fg_free(ladders[i].steps);
    fg_free(ladders);
    return code;
}

/* -- baselines and forecasts ----------------------------------------------------------------------------------------- */

struct outlook {
    int64_t baseline_w, baselines; /* sum, and of how many portfolios */
    int64_t forecast_w, forecasts; /* ... and of how many assets and portfolios */
};

static enum fg_code add_baselines(struct fg_registry *registry, const struct fg_tso_window *window, struct outlook *outlook,
                                  int64_t *values, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t count = (size_t)(window->end - window->first);
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 INSIDE "SELECT p.id FROM portfolio p WHERE p.area_id = $1 AND p.status = 'approved' AND p.location_id IN (SELECT "
                                        "id FROM inside) ORDER BY p.id",
                                 "it", window->area, window->control_area);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        code = fg_baseline_submitted(registry->store, fg_sql_column_int64(sql, 0), FG_PRODUCT_ACTIVE, window->period_s, window->first, count,
                                     FG_SERIES_NOW, values, err);
        for (size_t i = 0; code == FG_OK && i < count; i++)
            if (values[i] != FG_READING_MISSING) {
                outlook[i].baseline_w += values[i] / window->period_s; /* Ws of the period */
                outlook[i].baselines++;
            }
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    return code;
}

/* What is known of one asset or portfolio, per period; INT64_MIN: nothing. */
static void add_known(struct outlook *outlook, int64_t *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i] != INT64_MIN) {
            outlook[i].forecast_w += known[i];
            outlook[i].forecasts++;
        }
        known[i] = INT64_MIN;
    }
}

/* Of assets and portfolios inside: in each period the version that was entered last of those that say something there, whatever source it is of. */
static enum fg_code add_forecasts(struct fg_registry *registry, const struct fg_tso_window *window, struct outlook *outlook, int64_t *known,
                                  struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t count = (size_t)(window->end - window->first);
    int64_t subject = 0, subject_id = 0;
    for (size_t i = 0; i < count; i++)
        known[i] = INT64_MIN;
    enum fg_code code = fg_query(
        registry->store, &sql, err,
        INSIDE "SELECT r.subject, r.subject_id, v.first_period, r.p FROM operating_point o JOIN operating_version v ON v.point_id = o.id JOIN "
               "operating_row r ON r.point_id = v.point_id AND r.version = v.version WHERE o.area_id = $1 AND v.first_period < $4 AND "
               "v.first_period + v.period_count > $3 AND o.origin IN ('forecast', 'prognosis') AND ((r.subject = 1 AND EXISTS (SELECT 1 FROM "
               "asset a WHERE a.id = r.subject_id AND a.location_id IN (SELECT id FROM inside))) OR (r.subject = 2 AND EXISTS (SELECT 1 FROM "
               "portfolio p WHERE p.id = r.subject_id AND p.location_id IN (SELECT id FROM inside)))) ORDER BY r.subject, r.subject_id, "
               "v.entered_us, r.point_id, r.version",
        "itii", window->area, window->control_area, window->first, window->end);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        size_t size;
        int64_t from = fg_sql_column_int64(sql, 2);
        const void *p = fg_sql_column_blob(sql, 3, &size);
        if (fg_sql_column_int64(sql, 0) != subject || fg_sql_column_int64(sql, 1) != subject_id)
            add_known(outlook, known, count);
        subject = fg_sql_column_int64(sql, 0);
        subject_id = fg_sql_column_int64(sql, 1);
        for (size_t k = 0; k < size / 8; k++) {
            int64_t period = from + (int64_t)k, value = fg_blob_integer(p, k);
            if (period >= window->first && period < window->end && value != INT64_MIN)
                known[period - window->first] = value;
        }
    }
    add_known(outlook, known, count);
    return code;
}

enum fg_code fg_tso_outlook(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                            struct fg_error *err)
{
    size_t count = (size_t)(window->end - window->first);
    struct outlook *outlook = fg_alloc(count, sizeof *outlook);
    int64_t *values = fg_alloc(count, sizeof *values);
    enum fg_code code = outlook == NULL || values == NULL ? fg_fail_memory(err) : add_baselines(registry, window, outlook, values, err);
    if (code == FG_OK)
        code = add_forecasts(registry, window, outlook, values, err);
    fg_json_begin_array(out, "periods");
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        fg_json_begin_row_object(out, NULL);
        put_start(out, window, window->first + (int64_t)i);
        put_micro(out, "baseline", outlook[i].baseline_w);
        fg_json_put_integer(out, "baselines", outlook[i].baselines);
        put_micro(out, "forecast", outlook[i].forecast_w);
        fg_json_put_integer(out, "forecasts", outlook[i].forecasts);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_free(outlook);
    fg_free(values);
    return code;
}

/* -- bids ------------------------------------------------------------------------------------------------------------ */

enum fg_code fg_tso_forwardings(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT first_period, regulation, state, COUNT(*), CAST(SUM(quantity_w) AS BIGINT), CAST(SUM(called_w) AS BIGINT) "
                                 "FROM forward_bid WHERE area_id = $1 AND control_area = $2 AND first_period >= $3 AND first_period < $4 GROUP BY "
                                 "first_period, regulation, state ORDER BY first_period, regulation, state",
                                 "itii", window->area, window->control_area, window->first, window->end);
    fg_json_begin_array(out, "items");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        fg_json_begin_row_object(out, NULL);
        put_start(out, window, fg_sql_column_int64(sql, 0));
        fg_json_put_string(out, "regulation", fg_regulation_words[fg_sql_column_int64(sql, 1)]);
        fg_json_put_string(out, "state", fg_sql_column_text(sql, 2));
        fg_json_put_integer(out, "bids", fg_sql_column_int64(sql, 3));
        put_micro(out, "quantity", fg_sql_column_int64(sql, 4));
        put_micro(out, "called", fg_sql_column_int64(sql, 5));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    return code;
}

/* -- own requests ---------------------------------------------------------------------------------------------------- */

enum { REQUESTS_MAX = 1000 };

enum fg_code fg_own_requests(struct fg_registry *registry, struct fg_json_writer *out, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT o.area_id, o.id, o.location_id, o.product, o.regulation, o.kind, o.first_period * a.period_s, "
                                 "o.period_count, o.quantity, o.filled, o.points FROM book_order o JOIN area a ON a.id = o.area_id WHERE "
                                 "o.organisation_id = $1 AND o.status = 'open' AND o.side = $2 ORDER BY o.first_period * a.period_s, o.id LIMIT $3",
                                 "iii", fg_registry_party(registry), (int64_t)FG_SIDE_BUY, (int64_t)REQUESTS_MAX);
    fg_json_begin_array(out, "items");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        char text[FG_ID_TEXT], instant[FG_INSTANT_TEXT];
        size_t size;
        const unsigned char *quantity = fg_sql_column_blob(sql, 8, &size), *filled = fg_sql_column_blob(sql, 9, &size);
        const unsigned char *points = fg_sql_column_blob(sql, 10, &size);
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "area", fg_id_text(FG_ID_AREA, fg_sql_column_int64(sql, 0), text));
        fg_json_put_string(out, "order", fg_id_text(FG_ID_ORDER, fg_sql_column_int64(sql, 1), text));
        fg_json_put_string(out, "location", fg_id_text(FG_ID_LOCATION, fg_sql_column_int64(sql, 2), text));
        fg_json_put_string(out, "product", fg_product_words[fg_sql_column_int64(sql, 3)]);
        fg_json_put_string(out, "regulation", fg_regulation_words[fg_sql_column_int64(sql, 4)]);
        fg_json_put_string(out, "kind", fg_request_kind_words[fg_sql_column_int64(sql, 5)]);
        fg_json_put_string(out, "start", fg_instant_format(fg_sql_column_int64(sql, 6), instant));
        put_micro(out, "price", size >= 16 ? fg_blob_integer(points, 1) : 0);
        fg_json_begin_row(out, "remaining");
        for (size_t k = 0; k < (size_t)fg_sql_column_int64(sql, 7); k++)
            put_micro(out, NULL, fg_blob_integer(quantity, k) - fg_blob_integer(filled, k));
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    return code;
}
