/* Steps that buyers have planned for requests that stay unmatched. A step is done with its command in one transaction of the
 * engine, so it is done once, whatever is killed. Of several steps that are due together the last one counts: after a
 * standstill a request is not sent through the prices of the past. */
#include "atp/exchange_internal.h"

#include "atp/query.h"

#include <string.h>

enum { AT_ONCE = 64 };

struct due_step {
    int64_t order, place, participant;
    bool has_price, is_open;
    struct fg_price price;
    char reason[501], measure[501];
    bool has_measure;
};

static void copy(char to[501], const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    length = length < 500 ? length : 500;
    if (length > 0)
        memcpy(to, text, length);
    to[length] = '\0';
}

/* The due steps of the orders that are first in line; each order's last one is the one that counts. */
static enum fg_code read_due(struct exchange_area *area, struct due_step *steps, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    *count = 0;
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT s.order_id, s.place, o.organisation_id, s.price_u, CASE WHEN o.status = 'open' THEN 1 ELSE 0 "
                                 "END, s.reason, s.measure FROM request_step s JOIN book_order o ON o.id = s.order_id WHERE s.area_id = "
                                 "$1 AND s.status = 'pending' AND s.due_us <= $2 AND NOT EXISTS (SELECT 1 FROM request_step l WHERE "
                                 "l.order_id = s.order_id AND l.place > s.place AND l.status = 'pending' AND l.due_us <= $2) ORDER BY "
                                 "s.due_us, s.order_id LIMIT $3",
                                 "iii", area->id, exchange_now_us(area->exchange), (int64_t)AT_ONCE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct due_step *step = &steps[(*count)++];
        *step = (struct due_step){.order = fg_sql_column_int64(sql, 0), .place = fg_sql_column_int64(sql, 1),
                                  .participant = fg_sql_column_int64(sql, 2), .has_price = !fg_sql_column_is_null(sql, 3),
                                  .price = {fg_sql_column_int64(sql, 3)}, .is_open = fg_sql_column_int64(sql, 4) != 0,
                                  .has_measure = !fg_sql_column_is_null(sql, 6)};
        copy(step->reason, fg_sql_column_text(sql, 5));
        copy(step->measure, fg_sql_column_text(sql, 6));
    }
    return code;
}

/* Steps that lost their order, or that a later one has overtaken. */
static enum fg_code skip(struct exchange_area *area, const struct due_step *step, int64_t up_to, struct fg_error *err)
{
    return fg_change(area->exchange->store, NULL, err,
                     "UPDATE request_step SET status = 'skipped', done_us = $3 WHERE order_id = $1 AND place <= $2 AND status = "
                     "'pending'",
                     "iii", step->order, up_to, exchange_now_us(area->exchange));
}

static enum fg_code carry_out(struct exchange_area *area, const struct due_step *step, struct fg_error *err)
{
    struct fg_price_point point = {{0}, step->price}; /* up to 0: the engine takes the largest quantity */
    struct fg_command command = {.kind = step->has_price ? FG_COMMAND_AMEND : FG_COMMAND_WITHDRAW,
                                 .actor = {.organisation = step->participant},
                                 .participant = step->participant,
                                 .order = (uint64_t)step->order,
                                 .cause = FG_BOOK_CAUSE_OUTSIDE,
                                 .step = step->place,
                                 .outcome_reason = step->reason,
                                 .outcome_measure = step->has_measure ? step->measure : NULL,
                                 .amendment = {.order = (uint64_t)step->order, .points = &point, .point_count = 1,
                                               .min_fraction_u = -1, .expires_us = -1}};
    enum fg_code code = step->place > 1 ? skip(area, step, step->place - 1, err) : FG_OK;
    return code == FG_OK ? exchange_run(area, &command, err) : code;
}

enum fg_code exchange_apply_steps(struct exchange_area *area, struct fg_error *err)
{
    struct due_step *steps = fg_alloc(AT_ONCE, sizeof *steps);
    size_t count = AT_ONCE;
    enum fg_code code = steps != NULL ? FG_OK : fg_fail_memory(err);
    while (code == FG_OK && count == AT_ONCE) {
        code = read_due(area, steps, &count, err);
        for (size_t i = 0; code == FG_OK && i < count; i++)
            code = steps[i].is_open ? carry_out(area, &steps[i], err) : skip(area, &steps[i], steps[i].place, err);
    }
    fg_free(steps);
    return code;
}
