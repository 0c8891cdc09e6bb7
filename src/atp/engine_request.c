/* What requests have beside the book: a plan for the time they stay unmatched, its steps, what was solved outside the market,
 * and the push to suppliers. Written in the transaction of the command. */
#include "atp/engine_internal.h"
#include "atp/facts.h"
#include "atp/id.h"
#include "base/instant.h"
#include "base/json.h"

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}

/* A resting request as its suppliers get it: what is open of it, where, from when on, at which price. */
static enum fg_code push(struct engine_area *area, const struct fg_book_order_state *state, bool is_amended, int64_t time_us,
                         struct fg_error *err)
{
    const struct fg_book_order *order = &state->order;
    char id[FG_ID_TEXT], location[FG_ID_TEXT], start[FG_INSTANT_TEXT];
    struct fg_json_writer out;
    fg_id_text(FG_ID_LOCATION, area->locations.ids[order->location], location);
    fg_json_writer_init(&out, &area->scratch, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "order", fg_id_text(FG_ID_ORDER, (int64_t)order->id, id));
    fg_json_put_string(&out, "product", fg_product_words[order->product]);
    fg_json_put_string(&out, "regulation", fg_regulation_words[order->regulation]);
    fg_json_put_string(&out, "kind", fg_request_kind_words[order->kind]);
    fg_json_put_bool(&out, "conditional", order->conditional);
    fg_technologies_put(&out, order->attributes.technologies);
    fg_json_put_string(&out, "location", location);
    fg_json_put_string(&out, "start", fg_instant_format((int64_t)order->first_period * area->settings.period_s, start));
    fg_json_begin_row(&out, "quantity");
    for (int32_t k = 0; k < order->period_count; k++)
        put_decimal(&out, NULL, order->quantity[k].w - state->filled[k].w);
    fg_json_end_array(&out);
    put_decimal(&out, "price", order->points[0].price.uper_mwh);
    fg_json_put_bool(&out, "amended", is_amended);
    fg_json_end_object(&out);
    enum fg_code code = FG_OK;
    if (area->scratch.failed) {
        area->scratch.failed = false;
        code = fg_fail_memory(err);
    } else {
        code = engine_write_message(area, "request.published", time_us, location, area->scratch.data, err);
    }
    area->scratch.length = 0;
    return code;
}

static enum fg_code write_plan(struct engine_area *area, const struct fg_book_order *order, const struct fg_request_plan *plan,
                               struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < plan->count; i++) {
        const struct fg_request_step *step = &plan->steps[i];
        struct fg_sql *sql;
        code = fg_sql_prepare(area->store,
                              "INSERT INTO request_step (order_id, place, area_id, due_us, price_u, status, reason, measure, "
                              "first_period) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8)",
                              &sql, err);
        if (code != FG_OK)
            return code;
        fg_sql_int64(sql, 1, (int64_t)order->id);
        fg_sql_int64(sql, 2, (int64_t)i + 1);
        fg_sql_int64(sql, 3, area->id);
        fg_sql_int64(sql, 4, step->due_us);
        if (step->has_price)
            fg_sql_int64(sql, 5, step->price.uper_mwh);
        fg_sql_text(sql, 6, step->reason);
        fg_sql_text(sql, 7, step->measure);
        fg_sql_int64(sql, 8, order->first_period);
        code = fg_sql_queue(sql, err);
    }
    return code;
}

/* A step counts as done when its command was taken, as skipped when it was refused (a higher price already, a halt, no longer
 * open). */
static enum fg_code write_step(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store, "UPDATE request_step SET status = $3, done_us = $4 WHERE order_id = $1 AND place = $2 AND status = 'pending'",
        &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, (int64_t)command->order);
    fg_sql_int64(sql, 2, command->step);
    fg_sql_text(sql, 3, command->refusal == FG_REFUSAL_NONE ? "done" : "skipped");
    fg_sql_int64(sql, 4, command->time_us);
    return fg_sql_queue(sql, err);
}

static enum fg_code write_outcome(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->store,
                                       "INSERT INTO request_outcome (order_id, area_id, reason, measure, by_plan, time_us, "
                                       "first_period) SELECT id, area_id, $2, $3, $4, $5, first_period FROM book_order WHERE id = $1",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, (int64_t)command->order);
    fg_sql_text(sql, 2, command->outcome_reason != NULL ? command->outcome_reason : "");
    fg_sql_text(sql, 3, command->outcome_measure);
    fg_sql_int64(sql, 4, command->step != 0);
    fg_sql_int64(sql, 5, command->time_us);
    return fg_sql_queue(sql, err);
}

static enum fg_code write_entered(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < command->order_count; i++) {
        struct fg_book_order_state state;
        uint64_t id = command->first_order + i;
        if (command->orders[i].side != FG_SIDE_BUY || !engine_find_order(area, id, &state))
            continue; /* an offer, or it has left the book */
        code = push(area, &state, false, command->time_us, err);
        if (code == FG_OK && command->plans != NULL)
            code = write_plan(area, &state.order, &command->plans[i], err);
    }
    return code == FG_OK && area->code != FG_OK ? fg_fail_memory(err) : code;
}

enum fg_code engine_write_request(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    struct fg_book_order_state state;
    bool is_taken = command->refusal == FG_REFUSAL_NONE;
    enum fg_code code = FG_OK;
    if (is_taken && command->kind == FG_COMMAND_SUBMIT)
        return write_entered(area, command, err);
    if (is_taken && command->kind == FG_COMMAND_AMEND && engine_find_order(area, command->amendment.order, &state) &&
        state.order.side == FG_SIDE_BUY)
        code = push(area, &state, true, command->time_us, err);
    if (code == FG_OK && is_taken && command->kind == FG_COMMAND_WITHDRAW && command->cause == FG_BOOK_CAUSE_OUTSIDE)
        code = write_outcome(area, command, err);
    if (code == FG_OK && command->step != 0)
        code = write_step(area, command, err);
    return code == FG_OK && area->code != FG_OK ? fg_fail_memory(err) : code;
}
