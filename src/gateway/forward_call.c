/* A call of the market: checked against what the grid's operators and the market operator allow, split over the members,
 * booked, and turned into set-points; the answer to the market is stored with it and sent afterwards. */
#include "gateway/forward_internal.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

struct member {
    int64_t place, order, portfolio, organisation, left_w, called_w, set_point;
};
struct call {
    struct forward_job *job;
    struct forward_bid bid;
    struct member *members;
    size_t count;
    int64_t connection;            /* of the market */
    int64_t wanted_w, confirmed_w; /* wanted: what may be called of it */
    const char *reason;
};

static enum fg_code load_members(struct call *call, struct fg_error *err)
{
    struct forward_job *job = call->job;
    struct fg_sql *sql;
    bool row;
    int64_t count = 0;
    enum fg_code code = fg_query_number(job->scope->store, &count, err,
                                        "SELECT COUNT(*) FROM forward_member WHERE bid_id = $1", "i", call->bid.id);
    if (code != FG_OK)
        return code;
    call->members = fg_arena_alloc(&job->arena, (size_t)count, sizeof *call->members);
    if (call->members == NULL)
        return fg_fail_memory(err);
    code = fg_query(job->scope->store, &sql, err,
                    "SELECT m.place, m.order_id, m.portfolio_id, m.organisation_id, CASE WHEN o.status = 'active' AND p.status = "
                    "'approved' THEN m.quantity_w - m.called_w ELSE 0 END FROM forward_member m JOIN organisation o ON o.id = "
                    "m.organisation_id JOIN portfolio p ON p.id = m.portfolio_id WHERE m.bid_id = $1 ORDER BY m.place",
                    "i", call->bid.id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        call->members[call->count++] = (struct member){.place = fg_sql_column_int64(sql, 0),
                                                       .order = fg_sql_column_int64(sql, 1),
                                                       .portfolio = fg_sql_column_int64(sql, 2),
                                                       .organisation = fg_sql_column_int64(sql, 3),
                                                       .left_w = fg_sql_column_int64(sql, 4)};
    return code;
}

/* Members whose area, location (or one above it) or owner is halted are left out. */
static enum fg_code leave_out_halted(struct call *call, bool *is_any, struct fg_error *err)
{
    for (size_t i = 0; i < call->count; i++) {
        int64_t halts = 0;
        enum fg_code code = fg_query_number(
            call->job->scope->store, &halts, err,
            "WITH RECURSIVE above (id, parent_id) AS (SELECT id, parent_id FROM location WHERE id = $3 UNION ALL SELECT l.id, "
            "l.parent_id FROM location l JOIN above ON l.id = above.parent_id) SELECT COUNT(*) FROM book_halt WHERE area_id = $1 AND "
            "(scope = $4 OR (scope = $5 AND subject_id IN (SELECT id FROM above)) OR (scope = $6 AND subject_id = $2))",
            "iiiiii", call->job->scope->area, call->members[i].organisation, call->bid.zone, (int64_t)FG_BOOK_SCOPE_AREA,
            (int64_t)FG_BOOK_SCOPE_LOCATION, (int64_t)FG_BOOK_SCOPE_PARTICIPANT);
        if (code != FG_OK)
            return code;
        if (halts > 0) {
            call->members[i].left_w = 0;
            *is_any = true;
        }
    }
    return FG_OK;
}

static int64_t sum_left(const struct call *call)
{
    int64_t sum = 0;
    for (size_t i = 0; i < call->count; i++)
        sum += call->members[i].left_w; /* at most the bid's quantity */
    return sum;
}

/* Why nothing can be called, and how much at most otherwise. */
static enum fg_code judge(struct call *call, const struct fg_market_result *result, struct fg_error *err)
{
    bool is_halted = false;
    const struct forward_bid *bid = &call->bid;
    call->wanted_w = 0;
    if (fg_bid_has_ended(bid->state)) {
        call->reason = "the bid has ended";
        return FG_OK;
    }
    if (result->time_us > bid->deadline_us) {
        call->reason = "called after the deadline";
        return FG_OK;
    }
    enum fg_code code = load_members(call, err);
    if (code == FG_OK)
        code = leave_out_halted(call, &is_halted, err);
    if (code != FG_OK)
        return code;
    int64_t left = sum_left(call), tick = call->job->tick_w;
    call->wanted_w = result->wanted_w < left ? result->wanted_w : left;
    call->wanted_w -= call->wanted_w % tick;
    if (call->wanted_w < result->wanted_w)
        call->reason = is_halted ? "trading is halted" : "less is left of the bid";
    if (call->wanted_w < bid->least_w && call->wanted_w < bid->quantity_w - bid->called_w) {
        call->reason = "less than the bid's minimum";
        call->wanted_w = 0;
    }
    return FG_OK;
}

/* What the network takes of the member's part now: in all periods the same. -1: out of memory. */
static int64_t room_of(struct call *call, const struct fg_book_order_state *state, int64_t wanted_w)
{
    int32_t at = call->bid.first_period - state->order.first_period;
    int64_t room = wanted_w;
    for (int32_t k = at; k < at + call->bid.period_count && room > 0; k++)
        room = fg_book_forward_room(call->job->scope->book, state->order.id, k, room);
    return room;
}

static enum fg_code book_member(struct call *call, struct member *member, int64_t wanted_w, struct fg_error *err)
{
    struct forward_job *job = call->job;
    struct fg_book_order_state state;
    if (wanted_w == 0)
        return FG_OK;
    if (!fg_book_find_order(job->scope->book, (uint64_t)member->order, &state, NULL, NULL) || !state.forwarded)
        return FG_OK;
    struct fg_power *called = fg_arena_alloc(&job->arena, (size_t)state.order.period_count, sizeof *called);
    int64_t room = room_of(call, &state, wanted_w);
    if (called == NULL || room < 0)
        return fg_fail_memory(err);
    if (room < wanted_w)
        call->reason = "the grid does not take it";
    if (room == 0 || (room < call->bid.least_w && room < wanted_w))
        return FG_OK;
    for (int32_t k = 0; k < call->bid.period_count; k++)
        called[call->bid.first_period - state.order.first_period + k].w = room;
    enum fg_refusal refusal =
        fg_engine_forward_end(job->scope, (uint64_t)member->order, FG_BOOK_FORWARD_CALLED, called, err);
    if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    if (refusal != FG_REFUSAL_NONE) {
        call->reason = "the order does not allow it";
        return FG_OK;
    }
    member->called_w = room;
    call->confirmed_w += room;
    return fg_change(job->scope->store, NULL, err,
                     "UPDATE forward_member SET called_w = called_w + $3 WHERE bid_id = $1 AND place = $2", "iii", call->bid.id,
                     member->place, room);
}

static enum fg_code book_members(struct call *call, struct fg_error *err)
{
    int64_t *left = fg_arena_alloc(&call->job->arena, call->count, sizeof *left);
    int64_t *parts = fg_arena_alloc(&call->job->arena, call->count, sizeof *parts);
    if (left == NULL || parts == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < call->count; i++)
        left[i] = call->members[i].left_w;
    enum fg_code code = fg_call_split(call->wanted_w, call->job->tick_w, left, call->count, parts, err);
    for (size_t i = 0; code == FG_OK && i < call->count; i++)
        code = book_member(call, &call->members[i], parts[i], err);
    return code;
}

/* One set-point for each portfolio, with the sum of its members; its owner is told. */
static enum fg_code send_set_point(struct call *call, size_t first, struct fg_error *err)
{
    struct forward_job *job = call->job;
    const struct member *member = &call->members[first];
    char id[FG_ID_TEXT], portfolio[FG_ID_TEXT], forwarding[FG_ID_TEXT], start[FG_INSTANT_TEXT], decimal[FG_DECIMAL_MAX], data[400];
    int64_t number, power_w = 0;
    for (size_t i = first; i < call->count; i++)
        if (call->members[i].portfolio == member->portfolio)
            power_w += call->members[i].called_w;
    if (call->bid.regulation == FG_REGULATION_DOWN)
        power_w = -power_w;
    enum fg_code code = fg_store_next(job->scope->store, fg_id_word(FG_ID_SET_POINT), 1, &number, err);
    if (code == FG_OK)
        code = fg_change(job->scope->store, NULL, err,
                         "INSERT INTO set_point (id, portfolio_id, operator_id, first_period, period_count, power_w, sent_by, "
                         "sent_us, version) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 1)",
                         "iiiiiii", number, member->portfolio, call->bid.organisation, (int64_t)call->bid.first_period,
                         (int64_t)call->bid.period_count, power_w, job->scope->time_us);
    if (code != FG_OK)
        return code;
    for (size_t i = first; i < call->count; i++)
        if (call->members[i].portfolio == member->portfolio)
            call->members[i].set_point = number;
    snprintf(data, sizeof data,
             "{\"set_point\":\"%s\",\"portfolio\":\"%s\",\"start\":\"%s\",\"periods\":%d,\"power\":\"%s\",\"forwarding\":\"%s\"}",
             fg_id_text(FG_ID_SET_POINT, number, id), fg_id_text(FG_ID_PORTFOLIO, member->portfolio, portfolio),
             fg_instant_format((int64_t)call->bid.first_period * job->period_s, start), (int)call->bid.period_count,
             fg_decimal_format(power_w, 6, 0, decimal), fg_id_text(FG_ID_FORWARDING, call->bid.id, forwarding));
    return fg_engine_tell(job->scope, "set_point.sent", member->organisation, data, err);
}

static enum fg_code send_set_points(struct call *call, struct fg_error *err)
{
    struct forward_job *job = call->job;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < call->count; i++) {
        if (call->members[i].called_w == 0)
            continue;
        if (call->members[i].set_point == 0)
            code = send_set_point(call, i, err);
        if (code == FG_OK)
            code = fg_change(job->scope->store, NULL, err,
                             "INSERT INTO forward_call (area_id, control_area, connection, market_activation, place, called_w, set_point_id) "
                             "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                             "ititiii", job->scope->area, job->control_area, call->connection, job->result->activation,
                             call->members[i].place, call->members[i].called_w, call->members[i].set_point);
    }
    return code;
}

static enum fg_code apply(struct call *call, struct fg_error *err)
{
    struct forward_job *job = call->job;
    struct forward_bid *bid = &call->bid;
    char extra[200], decimal[FG_DECIMAL_MAX];
    enum fg_code code = book_members(call, err);
    if (code == FG_OK && call->confirmed_w > 0)
        code = send_set_points(call, err);
    if (code != FG_OK || call->confirmed_w == 0)
        return code;
    bid->called_w += call->confirmed_w;
    code = fg_change(job->scope->store, NULL, err, "UPDATE forward_bid SET called_w = $2 WHERE id = $1", "ii", bid->id, bid->called_w);
    if (code != FG_OK)
        return code;
    snprintf(extra, sizeof extra, "{\"quantity\":\"%s\"}", fg_decimal_format(call->confirmed_w, 6, 0, decimal));
    if ((code = forward_tell(job, bid, "forwarding.called", extra, NULL, err)) != FG_OK)
        return code;
    return forward_move(job, bid, bid->called_w == bid->quantity_w ? FG_BID_INPUT_CALLED_ALL : FG_BID_INPUT_CALLED, NULL, NULL, err);
}

enum fg_code forward_call(struct forward_job *job, struct fg_error *err)
{
    const struct fg_market_result *result = job->result;
    struct call call = {.job = job};
    char object[FG_ID_TEXT], detail[200], decimal[FG_DECIMAL_MAX];
    int64_t known = 0;
    enum fg_code code = fg_query_number(job->scope->store, &call.connection, err,
                                        "SELECT connection FROM balancing_market WHERE area_id = $1 AND control_area = $2", "it",
                                        job->scope->area, job->control_area);
    /* Another market may give the number again, for another bid; one that is connected anew tells what it has told before. What names no
     * bid of ours (0) is known by its market alone. */
    if (code == FG_OK)
        code = fg_query_number(job->scope->store, &known, err,
                               "SELECT COUNT(*) FROM forward_activation WHERE area_id = $1 AND control_area = $2 AND "
                               "market_activation = $3 AND (connection = $4 OR (bid_id = $5 AND bid_id <> 0))",
                               "ittii", job->scope->area, job->control_area, result->activation, call.connection, result->bid);
    if (code != FG_OK || known > 0)
        return code;
    code = result->bid != 0 ? forward_load(job, result->bid, &call.bid, err) : FG_ERR_NOT_FOUND;
    if (code == FG_ERR_NOT_FOUND || (code == FG_OK && strcmp(call.bid.control_area, job->control_area) != 0)) {
        call.bid.id = 0;
        call.reason = "there is no such bid";
    } else if (code == FG_OK && (code = judge(&call, result, err)) == FG_OK && call.wanted_w > 0) {
        code = apply(&call, err);
    } else if (code != FG_OK) {
        return code;
    }
    if (code != FG_OK && code != FG_ERR_NOT_FOUND)
        return code;
    const char *verdict = call.confirmed_w == 0                  ? "refused"
                          : call.confirmed_w < result->wanted_w ? "reduced"
                                                                : "confirmed";
    code = fg_change(job->scope->store, NULL, err,
                     "INSERT INTO forward_activation (area_id, control_area, market_activation, bid_id, wanted_w, confirmed_w, "
                     "verdict, reason, activated_us, received_us, connection) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                     "ittiiittiii", job->scope->area, job->control_area, result->activation, call.bid.id, result->wanted_w,
                     call.confirmed_w, verdict, call.confirmed_w < result->wanted_w ? call.reason : NULL, result->time_us,
                     job->scope->time_us, call.connection);
    if (code != FG_OK)
        return code;
    snprintf(detail, sizeof detail, "{\"called\":\"%s\",\"verdict\":\"%s\"}", fg_decimal_format(call.confirmed_w, 6, 0, decimal), verdict);
    return fg_engine_audit(job->scope, "forwarding.call", call.bid.id != 0 ? fg_id_text(FG_ID_FORWARDING, call.bid.id, object) : NULL,
                           detail, err);
}
