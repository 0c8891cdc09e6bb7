#include "gateway/forward_internal.h"

#include "base/json.h"
#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_result_words[] = {"accepted", "refused", "called", "returned", "expired", NULL};

/* -- a transaction of the engine ------------------------------------------------------------------------------------- */

static enum fg_code transact(struct fg_command *command, struct fg_engine_scope *scope, struct fg_error *err)
{
    struct forward_job *job = command->service_data;
    struct fg_sql *sql;
    fg_arena_release(&job->arena);
    fg_arena_init(&job->arena);
    job->scope = scope;
    job->refusal = FG_OK;
    job->count = 0;
    job->more = false;
    enum fg_code code = fg_query_one(scope->store, &sql, err, "SELECT period_s, tick_w FROM area WHERE id = $1", "i", scope->area);
    if (code != FG_OK)
        return code;
    job->period_s = fg_sql_column_int64(sql, 0);
    job->tick_w = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    return job->work(job, err);
}

enum fg_code forward_run(struct forward_job *job, struct fg_error *err)
{
    struct fg_command command = {.kind = FG_COMMAND_TRANSACT, .actor = job->forward->actor, .transact = transact,
                                 .service_data = job};
    fg_arena_init(&job->arena);
    enum fg_code code = fg_exchange_run(job->forward->exchange, job->forward->area, &command, err);
    fg_arena_release(&job->arena);
    if (code == FG_OK && job->refusal != FG_OK) {
        code = job->refusal;
        if (err != NULL)
            *err = job->refusal_err;
    }
    return code;
}

static void look(struct fg_command *command, const struct fg_book *book)
{
    (void)command;
    (void)book;
}

enum fg_code fg_forward_is_served(const struct fg_forward *forward, struct fg_error *err)
{
    struct fg_command command = {.kind = FG_COMMAND_READ, .read = look};
    return fg_exchange_run(forward->exchange, forward->area, &command, err);
}

enum fg_code forward_refuse(struct forward_job *job, enum fg_code code, const char *format, ...)
{
    char text[400];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    job->refusal = code;
    fg_fail(&job->refusal_err, code, NULL, "%s", text);
    return FG_OK;
}

bool forward_find(struct forward_job *job, uint64_t order, struct fg_book_order_state *state)
{
    if (!fg_book_find_order(job->scope->book, order, state, NULL, NULL))
        return false;
    size_t count = (size_t)state->order.period_count;
    struct fg_power *room = fg_arena_alloc(&job->arena, 2 * count, sizeof *room);
    return room != NULL && fg_book_find_order(job->scope->book, order, state, room, room + count);
}

/* -- bids ------------------------------------------------------------------------------------------------------------ */

enum fg_code forward_load(struct forward_job *job, int64_t id, struct forward_bid *bid, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(
        job->scope->store, &sql, err,
        "SELECT b.location_id, m.organisation_id, b.control_area, b.state, b.regulation, b.first_period, b.period_count, "
        "b.quantity_w, b.least_w, b.called_w, b.deadline_us, b.expires_us FROM forward_bid b JOIN balancing_market m ON "
        "m.area_id = b.area_id AND m.control_area = b.control_area WHERE b.id = $1 AND b.area_id = $2",
        "ii", id, job->scope->area);
    if (code != FG_OK)
        return code;
    *bid = (struct forward_bid){.id = id,
                                .zone = fg_sql_column_int64(sql, 0),
                                .organisation = fg_sql_column_int64(sql, 1),
                                .state = fg_bid_state_of(fg_sql_column_text(sql, 3)),
                                .regulation = (int32_t)fg_sql_column_int64(sql, 4),
                                .first_period = (int32_t)fg_sql_column_int64(sql, 5),
                                .period_count = (int32_t)fg_sql_column_int64(sql, 6),
                                .quantity_w = fg_sql_column_int64(sql, 7),
                                .least_w = fg_sql_column_int64(sql, 8),
                                .called_w = fg_sql_column_int64(sql, 9),
                                .deadline_us = fg_sql_column_int64(sql, 10),
                                .expires_us = fg_sql_column_int64(sql, 11)};
    snprintf(bid->control_area, sizeof bid->control_area, "%s", fg_sql_column_text(sql, 2));
    fg_sql_done(sql);
    return FG_OK;
}

/* Numbers of a SELECT's first column, in the job's arena. */
static enum fg_code list_numbers(struct forward_job *job, struct fg_sql *sql, int64_t **numbers, size_t *count,
                                 struct fg_error *err)
{
    size_t capacity = 16;
    bool row;
    enum fg_code code;
    *count = 0;
    *numbers = fg_arena_alloc(&job->arena, capacity, sizeof **numbers);
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (*numbers != NULL && *count == capacity) {
            int64_t *longer = fg_arena_alloc(&job->arena, 2 * capacity, sizeof *longer);
            if (longer != NULL)
                memcpy(longer, *numbers, capacity * sizeof *longer);
            *numbers = longer;
            capacity *= 2;
        }
        if (*numbers == NULL) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        (*numbers)[(*count)++] = fg_sql_column_int64(sql, 0);
    }
    return code == FG_OK && *numbers == NULL ? fg_fail_memory(err) : code;
}

enum fg_code forward_tell(struct forward_job *job, const struct forward_bid *bid, const char *type, const char *extra,
                          const char *reason, struct fg_error *err)
{
    struct fg_text text;
    struct fg_json_writer out;
    struct fg_sql *sql;
    char id[FG_ID_TEXT];
    int64_t *owners;
    size_t count;
    enum fg_code code = fg_query(job->scope->store, &sql, err,
                                 "SELECT DISTINCT organisation_id FROM forward_member WHERE bid_id = $1 AND "
                                 "organisation_id <> $2 ORDER BY organisation_id",
                                 "ii", bid->id, bid->organisation);
    if (code == FG_OK)
        code = list_numbers(job, sql, &owners, &count, err);
    if (code != FG_OK)
        return code;
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "forwarding", fg_id_text(FG_ID_FORWARDING, bid->id, id));
    fg_json_put_string(&out, "state", fg_bid_state_words[bid->state]);
    if (extra != NULL)
        fg_json_put_raw(&out, "call", extra);
    if (reason != NULL)
        fg_json_put_string(&out, "reason", reason);
    fg_json_end_object(&out);
    if (text.failed)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = fg_engine_tell(job->scope, type, bid->organisation, text.data, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = fg_engine_tell(job->scope, type, owners[i], text.data, err);
    fg_text_release(&text);
    return code;
}

static enum fg_code has_open_period(struct forward_job *job, const struct fg_book_order *order,
                                    const struct fg_power *filled, bool *is_open, struct fg_error *err)
{
    *is_open = false;
    for (int32_t k = 0; k < order->period_count && !*is_open; k++) {
        int64_t found = 0;
        if (order->quantity[k].w == filled[k].w)
            continue;
        enum fg_code code = fg_query_number(job->scope->store, &found, err,
                                            "SELECT COUNT(*) FROM book_gate WHERE area_id = $1 AND product = $2 AND period = $3",
                                            "iii", job->scope->area, (int64_t)order->product, (int64_t)order->first_period + k);
        if (code != FG_OK)
            return code;
        *is_open = found > 0;
    }
    return FG_OK;
}

static enum fg_code refusal_code(enum fg_refusal refusal, struct fg_error *err)
{
    return refusal == FG_REFUSAL_OUT_OF_MEMORY ? fg_fail_memory(err) : FG_OK;
}

enum fg_code forward_end_order(struct forward_job *job, uint64_t order, struct fg_error *err)
{
    struct fg_book_order_state state;
    bool is_open = false;
    if (!fg_book_find_order(job->scope->book, order, &state, NULL, NULL) || !state.forwarded)
        return FG_OK; /* everything of it was called, or it is back already */
    if (!forward_find(job, order, &state))
        return fg_fail_memory(err);
    enum fg_code code = has_open_period(job, &state.order, state.filled, &is_open, err);
    if (code != FG_OK)
        return code;
    return refusal_code(fg_engine_forward_end(job->scope, order,
                                              is_open ? FG_BOOK_FORWARD_RETURNED : FG_BOOK_FORWARD_EXPIRED, NULL, err),
                        err);
}

#define LIVE "('prepared', 'sent', 'accepted', 'returning')"

/* Orders of a bid that has ended and that have no other live one. */
static enum fg_code end_orders(struct forward_job *job, const struct forward_bid *bid, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t *orders;
    size_t count;
    enum fg_code code = fg_query(job->scope->store, &sql, err,
                                 "SELECT DISTINCT m.order_id FROM forward_member m WHERE m.bid_id = $1 AND NOT EXISTS (SELECT 1 "
                                 "FROM forward_member o JOIN forward_bid b ON b.id = o.bid_id WHERE o.order_id = m.order_id "
                                 "AND b.state IN " LIVE ") ORDER BY m.order_id",
                                 "i", bid->id);
    if (code == FG_OK)
        code = list_numbers(job, sql, &orders, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = forward_end_order(job, (uint64_t)orders[i], err);
    return code;
}

enum fg_code forward_move(struct forward_job *job, struct forward_bid *bid, enum fg_bid_input input, const char *market_bid,
                          const char *reason, struct fg_error *err)
{
    char action[40], object[FG_ID_TEXT], detail[100];
    enum fg_bid_state before = bid->state, after = fg_bid_next(before, input, bid->called_w > 0);
    if (after == before && market_bid == NULL)
        return FG_OK;
    enum fg_code code = fg_change(job->scope->store, NULL, err,
                                  "UPDATE forward_bid SET state = $2, market_bid = COALESCE($3, market_bid), reason = "
                                  "COALESCE($4, reason), changed_us = $5, version = version + 1 WHERE id = $1",
                                  "ittti", bid->id, fg_bid_state_words[after], market_bid, reason, job->scope->time_us);
    if (code != FG_OK || after == before)
        return code;
    bid->state = after;
    snprintf(action, sizeof action, "forwarding.%s", fg_bid_state_words[after]);
    snprintf(detail, sizeof detail, "{\"before\":\"%s\"}", fg_bid_state_words[before]);
    code = fg_engine_audit(job->scope, action, fg_id_text(FG_ID_FORWARDING, bid->id, object), detail, err);
    if (code == FG_OK)
        code = forward_tell(job, bid, "forwarding.changed", NULL, reason, err);
    return code == FG_OK && fg_bid_has_ended(after) ? end_orders(job, bid, err) : code;
}

/* -- what the market says -------------------------------------------------------------------------------------------- */

static enum fg_code work_answered(struct forward_job *job, struct fg_error *err)
{
    struct forward_bid bid;
    enum fg_code code = forward_load(job, job->bid, &bid, err);
    if (code == FG_ERR_NOT_FOUND)
        return forward_refuse(job, code, "there is no such bid");
    return code == FG_OK ? forward_move(job, &bid, FG_BID_INPUT_ANSWERED, job->text, NULL, err) : code;
}

enum fg_code fg_forward_answered(const struct fg_forward *forward, int64_t bid, const char *market_bid, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_answered, .bid = bid, .text = market_bid};
    return forward_run(&job, err);
}

static enum fg_code work_result(struct forward_job *job, struct fg_error *err)
{
    static const enum fg_bid_input inputs[FG_RESULT_KINDS] = {
        [FG_RESULT_ACCEPTED] = FG_BID_INPUT_ACCEPTED, [FG_RESULT_REFUSED] = FG_BID_INPUT_REFUSED,
        [FG_RESULT_RETURNED] = FG_BID_INPUT_GIVEN_BACK, [FG_RESULT_EXPIRED] = FG_BID_INPUT_PASSED};
    const struct fg_market_result *result = job->result;
    struct forward_bid bid;
    int64_t changes = 0;
    enum fg_code code = FG_OK;
    if (result->sequence != 0) {
        code = fg_change(job->scope->store, &changes, err,
                         "UPDATE balancing_market SET position = $3 WHERE area_id = $1 AND control_area = $2 AND position < $3 AND ($4 = 0 "
                         "OR connection = $4)",
                         "itii", job->scope->area, job->control_area, result->sequence, job->forward->connection);
        if (code != FG_OK || changes == 0)
            return code; /* it was taken before, or the market is another one now */
    }
    if (result->kind == FG_RESULT_CALLED)
        return forward_call(job, err);
    if (result->bid == 0)
        return FG_OK;
    code = forward_load(job, result->bid, &bid, err);
    if (code == FG_ERR_NOT_FOUND || (code == FG_OK && strcmp(bid.control_area, job->control_area) != 0))
        return FG_OK;
    return code == FG_OK ? forward_move(job, &bid, inputs[result->kind], NULL, result->reason, err) : code;
}

enum fg_code fg_forward_result(const struct fg_forward *forward, const char *control_area,
                               const struct fg_market_result *result, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_result, .control_area = control_area, .result = result};
    return forward_run(&job, err);
}

/* $5: of the job; 0: the present one. */
#define THIS_CONNECTION \
    "CASE WHEN $5 <> 0 THEN $5 ELSE (SELECT connection FROM balancing_market WHERE area_id = $1 AND control_area = $2) END"

static enum fg_code work_told(struct forward_job *job, struct fg_error *err)
{
    return fg_change(job->scope->store, NULL, err,
                     "UPDATE forward_activation SET told_us = $4 WHERE area_id = $1 AND control_area = $2 AND "
                     "market_activation = $3 AND connection = " THIS_CONNECTION " AND told_us IS NULL",
                     "ittii", job->scope->area, job->control_area, job->text, job->scope->time_us, job->forward->connection);
}

enum fg_code fg_forward_told(const struct fg_forward *forward, const char *control_area, const char *activation,
                             struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_told, .control_area = control_area, .text = activation};
    return forward_run(&job, err);
}

/* -- withdrawal and time --------------------------------------------------------------------------------------------- */

static enum fg_code withdraw(struct forward_job *job, int64_t id, struct fg_error *err)
{
    struct forward_bid bid;
    int64_t others = 0, own = 0;
    char text[FG_ID_TEXT];
    enum fg_code code = forward_load(job, id, &bid, err);
    if (code == FG_OK)
        code = fg_query_number(job->scope->store, &own, err,
                               "SELECT COUNT(*) FROM forward_member WHERE bid_id = $1 AND organisation_id = $2", "ii", id,
                               job->party);
    if (code == FG_OK)
        code = fg_query_number(job->scope->store, &others, err,
                               "SELECT COUNT(*) FROM forward_member WHERE bid_id = $1 AND organisation_id <> $2", "ii", id,
                               job->party);
    if (code == FG_ERR_NOT_FOUND || (code == FG_OK && bid.organisation != job->party && own == 0))
        return forward_refuse(job, FG_ERR_NOT_FOUND, "there is no such bid of yours");
    if (code != FG_OK)
        return code;
    fg_id_text(FG_ID_FORWARDING, id, text);
    if (bid.organisation != job->party && others > 0)
        return forward_refuse(job, FG_ERR_CONFLICT, "bid %s holds offers of others too; only the system operator can ask it back",
                              text);
    if (fg_bid_has_ended(bid.state))
        return forward_refuse(job, FG_ERR_CONFLICT, "bid %s has ended: %s", text, fg_bid_state_words[bid.state]);
    return forward_move(job, &bid, FG_BID_INPUT_WITHDRAW, NULL, "asked back", err);
}

static enum fg_code work_withdraw(struct forward_job *job, struct fg_error *err)
{
    return withdraw(job, job->bid, err);
}

enum fg_code fg_forward_withdraw(const struct fg_forward *forward, int64_t party, int64_t bid, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_withdraw, .party = party, .bid = bid};
    return forward_run(&job, err);
}

static enum fg_code work_withdraw_order(struct forward_job *job, struct fg_error *err)
{
    struct fg_book_order_state state;
    struct fg_sql *sql;
    int64_t *bids, shared = 0;
    size_t count;
    if (!fg_book_find_order(job->scope->book, job->order, &state, NULL, NULL) || state.order.participant != job->party)
        return forward_refuse(job, FG_ERR_NOT_FOUND, "none of your open orders has this id");
    if (!state.forwarded)
        return forward_refuse(job, FG_ERR_CONFLICT, "the order is not forwarded");
    enum fg_code code = fg_query_number(
        job->scope->store, &shared, err,
        "SELECT COUNT(*) FROM forward_member m JOIN forward_bid b ON b.id = m.bid_id AND b.state IN " LIVE
        " JOIN forward_member o ON o.bid_id = m.bid_id AND o.organisation_id <> $2 WHERE m.order_id = $1",
        "ii", (int64_t)job->order, job->party);
    if (code == FG_OK && shared > 0)
        return forward_refuse(job, FG_ERR_CONFLICT, "the order stands in a bid with offers of others; only the system operator can "
                                                    "ask that back");
    if (code == FG_OK)
        code = fg_query(job->scope->store, &sql, err,
                        "SELECT DISTINCT b.id FROM forward_member m JOIN forward_bid b ON b.id = m.bid_id WHERE m.order_id = $1 "
                        "AND b.state IN " LIVE " ORDER BY b.id",
                        "i", (int64_t)job->order);
    if (code == FG_OK)
        code = list_numbers(job, sql, &bids, &count, err);
    if (code == FG_OK && count == 0) /* locked and not bid yet */
        return forward_end_order(job, job->order, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = withdraw(job, bids[i], err);
    return code;
}

enum fg_code fg_forward_withdraw_order(const struct fg_forward *forward, int64_t party, uint64_t order, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_withdraw_order, .party = party, .order = order};
    return forward_run(&job, err);
}

enum { PASS_AT_ONCE = 200 };

static enum fg_code work_pass(struct forward_job *job, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t *bids;
    struct forward_bid bid;
    size_t count;
    enum fg_code code = fg_query(job->scope->store, &sql, err,
                                 "SELECT id FROM forward_bid WHERE area_id = $1 AND state IN " LIVE
                                 " AND expires_us <= $2 ORDER BY id LIMIT $3",
                                 "iii", job->scope->area, job->scope->time_us, (int64_t)PASS_AT_ONCE);
    if (code == FG_OK)
        code = list_numbers(job, sql, &bids, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if ((code = forward_load(job, bids[i], &bid, err)) == FG_OK) {
            code = forward_move(job, &bid, FG_BID_INPUT_PASSED, NULL, "its time is over", err);
            job->count++;
        }
    return code;
}

enum fg_code fg_forward_pass(const struct fg_forward *forward, size_t *ended, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_pass};
    enum fg_code code = forward_run(&job, err);
    *ended = job.count;
    return code;
}

/* -- commands of owner and system operator --------------------------------------------------------------------------- */

static enum fg_code work_order(struct forward_job *job, struct fg_error *err)
{
    struct fg_book_order_state state;
    struct fg_error why = {0};
    char control_area[FG_CONTROL_AREA_TEXT], object[FG_ID_TEXT];
    int64_t markets = 0;
    if (!fg_book_find_order(job->scope->book, job->order, &state, NULL, NULL) || state.order.participant != job->party)
        return forward_refuse(job, FG_ERR_NOT_FOUND, "none of your open orders has this id");
    if (!state.order.forward_to_tso || state.forwarded || state.is_tied || state.order.product != FG_PRODUCT_ACTIVE)
        return forward_refuse(job, FG_ERR_CONFLICT, "only an open offer of active energy that is marked forward_to_tso and neither "
                                                    "linked nor grouped can be forwarded");
    enum fg_code code = forward_control_area(job, job->scope->locations[state.order.location], control_area, err);
    if (code == FG_OK)
        code = fg_query_number(job->scope->store, &markets, err,
                               "SELECT COUNT(*) FROM balancing_market WHERE area_id = $1 AND control_area = $2 AND enabled = 1",
                               "it", job->scope->area, control_area);
    if (code != FG_OK)
        return code;
    if (markets == 0)
        return forward_refuse(job, FG_ERR_CONFLICT, "no balancing market is connected for the control area of the order's location");
    enum fg_refusal refusal = fg_engine_forward(job->scope, job->order, &why);
    if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    if (refusal != FG_REFUSAL_NONE)
        return forward_refuse(job, FG_ERR_CONFLICT, "%s", why.text);
    return fg_engine_audit(job->scope, "order.forward", fg_id_text(FG_ID_ORDER, (int64_t)job->order, object), NULL, err);
}

enum fg_code fg_forward_order(const struct fg_forward *forward, int64_t party, uint64_t order, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_order, .party = party, .order = order};
    return forward_run(&job, err);
}

struct offers {
    uint64_t *ids;
    size_t count, capacity;
    bool failed;
};

static bool note_offer(void *context, const struct fg_book_entry *entry)
{
    struct offers *offers = context;
    offers->failed = fg_grow((void **)&offers->ids, offers->count, &offers->capacity, sizeof *offers->ids) != 0;
    if (!offers->failed)
        offers->ids[offers->count++] = entry->order;
    return !offers->failed;
}

enum { LOCK_AT_ONCE = 500 };

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static enum fg_code lock_offers(struct forward_job *job, const struct offers *offers, struct fg_error *err)
{
    char object[FG_ID_TEXT];
    if (offers->count > 1)
        qsort(offers->ids, offers->count, sizeof *offers->ids, compare_ids);
    for (size_t i = 0; i < offers->count && job->count < LOCK_AT_ONCE; i++) {
        struct fg_book_order_state state;
        char control_area[FG_CONTROL_AREA_TEXT];
        if (i > 0 && offers->ids[i] == offers->ids[i - 1])
            continue; /* it has an entry for each price and period */
        if (!fg_book_find_order(job->scope->book, offers->ids[i], &state, NULL, NULL) || !state.order.forward_to_tso ||
            state.forwarded || state.is_tied)
            continue;
        enum fg_code code = forward_control_area(job, job->scope->locations[state.order.location], control_area, err);
        if (code != FG_OK)
            return code;
        if (strcmp(control_area, job->control_area) != 0)
            continue;
        enum fg_refusal refusal = fg_engine_forward(job->scope, offers->ids[i], err);
        if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
            return fg_fail_memory(err);
        if (refusal != FG_REFUSAL_NONE)
            continue;
        job->count++;
        code = fg_engine_audit(job->scope, "order.forward", fg_id_text(FG_ID_ORDER, (int64_t)offers->ids[i], object), NULL, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

static enum fg_code work_periods(struct forward_job *job, struct fg_error *err)
{
    struct offers offers = {0};
    enum fg_code code = FG_OK;
    for (int32_t period = job->first; code == FG_OK && period < job->end; period++)
        for (int r = FG_REGULATION_UP; code == FG_OK && r <= FG_REGULATION_DOWN; r++)
            code = fg_book_each_entry(job->scope->book, FG_PRODUCT_ACTIVE, (enum fg_regulation)r, period, FG_SIDE_SELL,
                                      note_offer, &offers, err);
    if (code == FG_OK && offers.failed)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = lock_offers(job, &offers, err);
    fg_free(offers.ids);
    return code;
}

enum fg_code fg_forward_periods(const struct fg_forward *forward, const char *control_area, int32_t first, int32_t end,
                                size_t *locked, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_periods, .control_area = control_area, .first = first, .end = end};
    enum fg_code code = forward_run(&job, err);
    *locked = job.count;
    return code;
}

enum fg_code fg_forward_collect(const struct fg_forward *forward, size_t *bids, bool *more, struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = forward_collect};
    enum fg_code code = forward_run(&job, err);
    *bids = job.count;
    *more = job.more;
    return code;
}

static enum fg_code work_tell(struct forward_job *job, struct fg_error *err)
{
    return fg_engine_tell(job->scope, job->type, job->party, job->data, err);
}

enum fg_code fg_forward_tell(const struct fg_forward *forward, const char *type, int64_t organisation, const char *data,
                             struct fg_error *err)
{
    struct forward_job job = {.forward = forward, .work = work_tell, .type = type, .party = organisation, .data = data};
    return forward_run(&job, err);
}
