/* From the book to rows, inside the batch's transaction. Orders, trades and positions that the batch has touched are
 * written once each, in their state at its end; gates and halts as their events tell. */
#include "atp/engine_internal.h"
#include "atp/id.h"

#include <stdio.h>
#include <string.h>

/* Little-endian 64-bit integers. The blob lives in the area's scratch text until the statement has run. */
static const char *blob_of(struct engine_area *area, const int64_t *values, size_t count, size_t *offset)
{
    *offset = area->scratch.length;
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[8];
        for (int b = 0; b < 8; b++)
            bytes[b] = (unsigned char)((uint64_t)values[i] >> (8 * b));
        fg_text_append(&area->scratch, (const char *)bytes, sizeof bytes);
    }
    return area->scratch.data;
}

/* Bind several arrays, whose text may move while it grows: first append all, then bind. */
struct blobs {
    size_t offset[3], size[3];
    int parameter[3], count;
};
static void add_blob(struct engine_area *area, struct blobs *blobs, int parameter, const void *values, size_t count)
{
    blob_of(area, values, count, &blobs->offset[blobs->count]);
    blobs->size[blobs->count] = count * 8;
    blobs->parameter[blobs->count++] = parameter;
}
static enum fg_code bind_blobs(struct engine_area *area, struct blobs *blobs, struct fg_sql *sql, struct fg_error *err)
{
    if (area->scratch.failed) {
        area->scratch.failed = false;
        return fg_fail_memory(err);
    }
    for (int i = 0; i < blobs->count; i++)
        fg_sql_blob(sql, blobs->parameter[i], area->scratch.data + blobs->offset[i], blobs->size[i]);
    return FG_OK;
}
static void clear_scratch(struct engine_area *area)
{
    area->scratch.length = 0;
}

/* What a new order that has left the book already traded in this batch, per period. */
static void add_fills(struct engine_area *area, struct blobs *blobs, int parameter, const struct fg_book_order *order)
{
    size_t at = area->scratch.length;
    for (int32_t k = 0; k < order->period_count; k++) {
        int64_t filled = 0;
        for (size_t i = 0; i < area->fill_count; i++)
            if (area->fills[i].order == order->id && area->fills[i].period == order->first_period + k)
                filled += area->fills[i].quantity_w;
        size_t offset;
        blob_of(area, &filled, 1, &offset);
    }
    blobs->offset[blobs->count] = at;
    blobs->size[blobs->count] = (size_t)order->period_count * 8;
    blobs->parameter[blobs->count++] = parameter;
}

/* -- orders --------------------------------------------------------------------------------------------------------- */

/* A new order in its state at the end of the batch: `state` NULL when it has left the book already. */
static enum fg_code insert_order(struct engine_area *area, const struct engine_origin *origin,
                                 const struct fg_book_order_state *state, int64_t cause, int64_t time_us,
                                 struct fg_error *err)
{
    const struct fg_command *command = origin->command;
    const struct fg_book_order *entered = &command->orders[origin->place], *order = state != NULL ? &state->order : entered;
    struct blobs blobs = {.count = 0};
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        "INSERT INTO book_order (id, area_id, status, cause, priority, held_back, tied, organisation_id, owner_id, "
        "portfolio_id, location_id, bus, side, product, regulation, kind, conditional, block, forward_to_tso, "
        "min_fraction_u, validity, expires_us, first_period, period_count, quantity, filled, points, technologies, "
        "activation_s, duration_min_s, duration_max_s, ramp_w_per_min, session_id, contract_id, parent_id, group_id, "
        "reference, entered_by, on_behalf_of, entered_us, changed_us) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, "
        "$24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41)",
        &sql, err);
    if (code != FG_OK)
        return code;
    int n = 1;
    fg_sql_int64(sql, n++, (int64_t)order->id);
    fg_sql_int64(sql, n++, area->id);
    fg_sql_text(sql, n++, state == NULL ? cause < 0 ? "filled" : "cancelled" : state->forwarded ? "forwarded" : "open");
    fg_sql_int64(sql, n++, state == NULL && cause > 0 ? cause - 1 : FG_BOOK_CAUSE_NONE);
    fg_sql_int64(sql, n++, state != NULL ? (int64_t)state->priority : 0);
    fg_sql_int64(sql, n++, state != NULL && state->held_back);
    fg_sql_int64(sql, n++, state != NULL && state->is_tied);
    fg_sql_int64(sql, n++, order->participant);
    fg_sql_int64(sql, n++, order->organisation);
    if (order->portfolio >= 0)
        fg_sql_int64(sql, n, order->portfolio);
    n++;
    fg_sql_int64(sql, n++, area->locations.ids[order->location]);
    fg_sql_int64(sql, n++, order->bus);
    fg_sql_int64(sql, n++, order->side);
    fg_sql_int64(sql, n++, order->product);
    fg_sql_int64(sql, n++, order->regulation);
    fg_sql_int64(sql, n++, order->kind);
    fg_sql_int64(sql, n++, order->conditional);
    fg_sql_int64(sql, n++, order->block);
    fg_sql_int64(sql, n++, order->forward_to_tso);
    fg_sql_int64(sql, n++, order->min_fraction_u);
    fg_sql_int64(sql, n++, order->validity);
    fg_sql_int64(sql, n++, order->expires_us);
    fg_sql_int64(sql, n++, order->first_period);
    fg_sql_int64(sql, n++, order->period_count);
    size_t periods = (size_t)order->period_count;
    add_blob(area, &blobs, n++, order->quantity, periods);
    if (state != NULL)
        add_blob(area, &blobs, n++, state->filled, periods);
    else
        add_fills(area, &blobs, n++, order);
    add_blob(area, &blobs, n++, order->points, (size_t)order->point_count * 2);
    fg_sql_int64(sql, n++, (int64_t)order->attributes.technologies);
    fg_sql_int64(sql, n++, order->attributes.activation_s);
    fg_sql_int64(sql, n++, order->attributes.duration_min_s);
    fg_sql_int64(sql, n++, order->attributes.duration_max_s);
    fg_sql_int64(sql, n++, order->attributes.ramp_w_per_min);
    fg_sql_int64(sql, n++, (int64_t)order->session);
    fg_sql_int64(sql, n++, (int64_t)order->contract);
    fg_sql_int64(sql, n++, (int64_t)order->parent);
    fg_sql_int64(sql, n++, (int64_t)command->group);
    fg_sql_text(sql, n++, command->references != NULL ? command->references[origin->place] : NULL);
    fg_sql_int64(sql, n++, command->actor.user);
    fg_sql_int64(sql, n++, command->actor.on_behalf_of);
    fg_sql_int64(sql, n++, command->time_us);
    fg_sql_int64(sql, n++, time_us);
    code = bind_blobs(area, &blobs, sql, err);
    if (code == FG_OK)
        code = fg_sql_gather(sql, err);
    clear_scratch(area);
    return code;
}

static bool has_fill(const struct engine_area *area, uint64_t id)
{
    for (size_t i = 0; i < area->fill_count; i++)
        if (area->fills[i].order == id)
            return true;
    return false;
}

/* Orders of earlier batches that traded in this one and have left the book: what has traded is added to their rows'
 * `filled`. Several are read at once, since a read waits for the database. */
enum { TRADED_AT_ONCE = 8 };
struct traded {
    uint64_t id;
    int64_t first_period;
    size_t offset, size; /* of `filled`, in the scratch text */
};

static enum fg_code read_traded(struct engine_area *area, struct traded *traded, size_t count, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->store,
                                       "SELECT id, first_period, filled FROM book_order WHERE id IN ($1, $2, $3, $4, $5, $6, "
                                       "$7, $8)",
                                       &sql, err);
    for (int i = 0; code == FG_OK && i < TRADED_AT_ONCE; i++)
        fg_sql_int64(sql, i + 1, (int64_t)traded[(size_t)i < count ? (size_t)i : 0].id);
    size_t seen = 0;
    bool row = true;
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        size_t size = 0;
        const char *bytes = fg_sql_column_blob(sql, 2, &size);
        for (size_t i = 0; i < count; i++)
            if ((int64_t)traded[i].id == fg_sql_column_int64(sql, 0)) {
                traded[i].first_period = fg_sql_column_int64(sql, 1);
                traded[i].offset = area->scratch.length;
                traded[i].size = size;
                seen++;
            }
        fg_text_append(&area->scratch, bytes, size);
    }
    if (code == FG_OK && area->scratch.failed) {
        area->scratch.failed = false;
        code = fg_fail_memory(err);
    }
    return code == FG_OK && seen < count
               ? fg_fail(err, FG_ERR_CORRUPT, NULL, "an order of the book has no row; restore a backup")
               : code;
}

static enum fg_code update_traded(struct engine_area *area, struct traded *traded, size_t count, struct fg_error *err)
{
    enum fg_code code = count > 0 ? read_traded(area, traded, count, err) : FG_OK;
    for (size_t k = 0; k < count && code == FG_OK; k++) {
        unsigned char *filled = (unsigned char *)area->scratch.data + traded[k].offset;
        for (size_t i = 0; i < area->fill_count; i++) {
            const struct engine_fill *fill = &area->fills[i];
            size_t at = (size_t)(fill->period - traded[k].first_period) * 8;
            if (fill->order != traded[k].id || fill->period < traded[k].first_period || at + 8 > traded[k].size)
                continue;
            uint64_t value = (uint64_t)fg_blob_integer(filled, at / 8) + (uint64_t)fill->quantity_w;
            for (int b = 0; b < 8; b++)
                filled[at + (size_t)b] = (unsigned char)(value >> (8 * b));
        }
        struct fg_sql *sql;
        code = fg_sql_prepare(area->store, "UPDATE book_order SET filled = $2 WHERE id = $1", &sql, err);
        if (code == FG_OK) {
            fg_sql_int64(sql, 1, (int64_t)traded[k].id);
            fg_sql_blob(sql, 2, filled, traded[k].size);
            code = fg_sql_queue(sql, err);
        }
    }
    clear_scratch(area);
    return code;
}

static enum fg_code write_traded(struct engine_area *area, struct fg_error *err)
{
    struct traded traded[TRADED_AT_ONCE];
    size_t count = 0;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < area->orders.count; i++) {
        uint64_t id = (uint64_t)area->orders.items[i].a;
        if (area->causes[i] == 0 || area->origins[i].command != NULL || !has_fill(area, id))
            continue;
        traded[count++] = (struct traded){.id = id};
        if (count == TRADED_AT_ONCE) {
            code = update_traded(area, traded, count, err);
            count = 0;
        }
    }
    return code == FG_OK ? update_traded(area, traded, count, err) : code;
}

static enum fg_code end_order(struct engine_area *area, uint64_t id, int64_t cause, int64_t time_us, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(area->store,
                       "UPDATE book_order SET status = $2, cause = $3, held_back = 0, changed_us = $4 WHERE id = $1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, (int64_t)id);
    fg_sql_text(sql, 2, cause < 0 ? "filled" : "cancelled");
    fg_sql_int64(sql, 3, cause < 0 ? FG_BOOK_CAUSE_NONE : cause - 1);
    fg_sql_int64(sql, 4, time_us);
    return fg_sql_queue(sql, err);
}

static enum fg_code write_order(struct engine_area *area, const struct fg_book_order_state *state, int64_t time_us,
                                struct fg_error *err)
{
    const struct fg_book_order *order = &state->order;
    struct blobs blobs = {.count = 0};
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->store,
                                       "UPDATE book_order SET status = $2, priority = $3, held_back = $4, quantity = $5, "
                                       "filled = $6, points = $7, min_fraction_u = $8, validity = $9, expires_us = $10, "
                                       "parent_id = $11, changed_us = $12, tied = $13 WHERE id = $1",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    size_t periods = (size_t)order->period_count;
    fg_sql_int64(sql, 1, (int64_t)order->id);
    fg_sql_text(sql, 2, state->forwarded ? "forwarded" : "open");
    fg_sql_int64(sql, 3, (int64_t)state->priority);
    fg_sql_int64(sql, 4, state->held_back);
    add_blob(area, &blobs, 5, order->quantity, periods);
    add_blob(area, &blobs, 6, state->filled, periods);
    add_blob(area, &blobs, 7, order->points, (size_t)order->point_count * 2);
    fg_sql_int64(sql, 8, order->min_fraction_u);
    fg_sql_int64(sql, 9, order->validity);
    fg_sql_int64(sql, 10, order->expires_us);
    fg_sql_int64(sql, 11, (int64_t)order->parent);
    fg_sql_int64(sql, 12, time_us);
    fg_sql_int64(sql, 13, state->is_tied);
    code = bind_blobs(area, &blobs, sql, err);
    if (code == FG_OK)
        code = fg_sql_queue(sql, err);
    clear_scratch(area);
    return code;
}

static enum fg_code write_group(struct engine_area *area, uint64_t id, struct fg_error *err)
{
    struct fg_book_group_row group;
    struct fg_sql *sql;
    bool is_there = fg_book_find_group(area->book, id, &group);
    enum fg_code code =
        fg_sql_prepare(area->store,
                       is_there ? "INSERT INTO book_group (area_id, id, kind, used_u) VALUES ($1, $2, $3, $4) "
                                  "ON CONFLICT (area_id, id) DO UPDATE SET used_u = excluded.used_u"
                                : "DELETE FROM book_group WHERE area_id = $1 AND id = $2",
                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, (int64_t)id);
    if (is_there) {
        fg_sql_int64(sql, 3, group.group.kind);
        fg_sql_int64(sql, 4, group.used_u);
    }
    return fg_sql_queue(sql, err);
}

/* -- trades and positions -------------------------------------------------------------------------------------------- */

static enum fg_code write_trade(struct engine_area *area, const struct fg_book_trade *trade, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        "INSERT INTO book_trade (area_id, id, sell_order_id, buy_order_id, initiator, seller_id, buyer_id, portfolio_id, "
        "buyer_portfolio_id, sell_contract_id, buy_contract_id, product, regulation, kind, conditional, period, sell_bus, "
        "buy_bus, sell_location_id, buy_location_id, quantity_w, concluded_w, price_u, time_us, auction_id) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, "
        "$24, $25) ON CONFLICT (area_id, id) DO UPDATE SET quantity_w = excluded.quantity_w",
        &sql, err);
    if (code != FG_OK)
        return code;
    const struct fg_book_flow *flow = &trade->flow;
    const int64_t values[] = {area->id,
                              (int64_t)trade->id,
                              (int64_t)trade->sell,
                              (int64_t)trade->buy,
                              trade->initiator,
                              trade->seller,
                              trade->buyer,
                              trade->portfolio,
                              trade->buyer_portfolio,
                              (int64_t)trade->sell_contract,
                              (int64_t)trade->buy_contract,
                              flow->product,
                              flow->regulation,
                              flow->kind,
                              flow->conditional,
                              flow->period,
                              flow->sell_bus,
                              flow->buy_bus,
                              area->locations.ids[flow->sell_location],
                              area->locations.ids[flow->buy_location],
                              trade->quantity.w,
                              trade->concluded.w,
                              trade->price.uper_mwh,
                              trade->time_us};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        fg_sql_int64(sql, (int)i + 1, values[i]);
    if (trade->auction != 0)
        fg_sql_int64(sql, 25, (int64_t)trade->auction);
    return fg_sql_gather(sql, err);
}

static enum fg_code write_position(struct engine_area *area, const struct fg_book_position *position,
                                   struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        "INSERT INTO book_position (area_id, portfolio_id, product, regulation, period, capability_w, reserved_w, open_w, "
        "traded_w, forwarded_w, contracted_w) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
        "ON CONFLICT (area_id, portfolio_id, product, regulation, period) DO UPDATE SET "
        "capability_w = excluded.capability_w, reserved_w = excluded.reserved_w, open_w = excluded.open_w, "
        "traded_w = excluded.traded_w, forwarded_w = excluded.forwarded_w, contracted_w = excluded.contracted_w",
        &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {area->id,
                              position->portfolio,
                              position->product,
                              position->regulation,
                              position->period,
                              position->capability.w,
                              position->reserved.w,
                              position->open.w,
                              position->traded.w,
                              position->forwarded.w,
                              position->contracted.w};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        fg_sql_int64(sql, (int)i + 1, values[i]);
    return fg_sql_gather(sql, err);
}

/* -- events and answers ---------------------------------------------------------------------------------------------- */

static enum fg_code write_gates(struct engine_area *area, const struct fg_book_event *event, struct fg_error *err)
{
    bool opens = event->kind == FG_BOOK_OPENED;
    for (int32_t period = event->period; period < event->period + event->period_count; period++) {
        struct fg_sql *sql;
        enum fg_code code = fg_sql_prepare(
            area->store,
            opens ? "INSERT INTO book_gate (area_id, product, period) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
                  : "DELETE FROM book_gate WHERE area_id = $1 AND product = $2 AND period = $3",
            &sql, err);
        if (code != FG_OK)
            return code;
        fg_sql_int64(sql, 1, area->id);
        fg_sql_int64(sql, 2, event->product);
        fg_sql_int64(sql, 3, period);
        if ((code = fg_sql_queue(sql, err)) != FG_OK)
            return code;
    }
    return FG_OK;
}

static enum fg_code write_halt(struct engine_area *area, const struct fg_book_event *event, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        event->kind == FG_BOOK_HALTED
            ? "INSERT INTO book_halt (area_id, scope, subject_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
            : "DELETE FROM book_halt WHERE area_id = $1 AND scope = $2 AND subject_id = $3",
        &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, event->scope);
    fg_sql_int64(sql, 3, event->scope == FG_BOOK_SCOPE_AREA       ? 0
                         : event->scope == FG_BOOK_SCOPE_LOCATION ? area->locations.ids[event->index]
                                                                  : event->index);
    return fg_sql_queue(sql, err);
}

static void bind_optional(struct fg_sql *sql, int number, bool is_there, int64_t value)
{
    if (is_there)
        fg_sql_int64(sql, number, value);
}

static enum fg_code write_limit(struct engine_area *area, const struct fg_book_limit *limit, int64_t time_us,
                                struct fg_error *err)
{
    bool is_there = limit->has_price || limit->has_band || limit->size_max.w >= 0 || limit->orders_max >= 0 ||
                    limit->exposure_max.u >= 0;
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        is_there ? "INSERT INTO book_limit (area_id, participant_id, product, regulation, price_min_u, price_max_u, band_u, "
                   "reference_u, size_max_w, orders_max, exposure_max_u, set_us, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                   "$9, $10, $11, $12, $13) ON CONFLICT (area_id, participant_id, product, regulation) DO UPDATE SET price_min_u "
                   "= excluded.price_min_u, price_max_u = excluded.price_max_u, band_u = excluded.band_u, reference_u = "
                   "excluded.reference_u, size_max_w = excluded.size_max_w, orders_max = excluded.orders_max, exposure_max_u = "
                   "excluded.exposure_max_u, set_us = excluded.set_us, set_by = excluded.set_by"
                 : "DELETE FROM book_limit WHERE area_id = $1 AND participant_id = $2 AND product = $3 AND regulation = $4",
        &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, limit->participant >= 0 ? limit->participant : 0);
    fg_sql_int64(sql, 3, limit->product);
    fg_sql_int64(sql, 4, limit->regulation);
    if (is_there) {
        bind_optional(sql, 5, limit->has_price, limit->price_min.uper_mwh);
        bind_optional(sql, 6, limit->has_price, limit->price_max.uper_mwh);
        bind_optional(sql, 7, limit->has_band, limit->band.uper_mwh);
        bind_optional(sql, 8, limit->has_band, limit->reference.uper_mwh);
        bind_optional(sql, 9, limit->size_max.w >= 0, limit->size_max.w);
        bind_optional(sql, 10, limit->orders_max >= 0, limit->orders_max);
        bind_optional(sql, 11, limit->exposure_max.u >= 0, limit->exposure_max.u);
        fg_sql_int64(sql, 12, time_us);
        fg_sql_int64(sql, 13, area->command->actor.user);
    }
    return fg_sql_queue(sql, err);
}

/* References of bands move with the trades of a batch. */
static enum fg_code write_references(struct engine_area *area, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < fg_book_limit_count(area->book); i++) {
        const struct fg_book_limit *limit = fg_book_limit_at(area->book, i);
        struct fg_sql *sql;
        if (limit->participant >= 0)
            break; /* rows for each participant come first, and only they have bands */
        if (!limit->has_band)
            continue;
        code = fg_sql_prepare(area->store,
                              "UPDATE book_limit SET reference_u = $4 WHERE area_id = $1 AND participant_id = 0 AND product = $2 "
                              "AND regulation = $3",
                              &sql, err);
        if (code != FG_OK)
            return code;
        fg_sql_int64(sql, 1, area->id);
        fg_sql_int64(sql, 2, limit->product);
        fg_sql_int64(sql, 3, limit->regulation);
        fg_sql_int64(sql, 4, limit->reference.uper_mwh);
        code = fg_sql_queue(sql, err);
    }
    return code;
}

#define EVENT_ROW(a, b, c, d, e, f) "($" #a ", $" #b ", $" #c ", $" #d ", $" #e ", $" #f ")"
static const char one_event[] =
    "INSERT INTO event (area_id, sequence, time_us, type, scope, data) VALUES " EVENT_ROW(1, 2, 3, 4, 5, 6);
static const char ten_events[] =
    "INSERT INTO event (area_id, sequence, time_us, type, scope, data) VALUES " EVENT_ROW(1, 2, 3, 4, 5, 6) ", "
    EVENT_ROW(7, 8, 9, 10, 11, 12) ", " EVENT_ROW(13, 14, 15, 16, 17, 18) ", " EVENT_ROW(19, 20, 21, 22, 23, 24) ", "
    EVENT_ROW(25, 26, 27, 28, 29, 30) ", " EVENT_ROW(31, 32, 33, 34, 35, 36) ", " EVENT_ROW(37, 38, 39, 40, 41, 42) ", "
    EVENT_ROW(43, 44, 45, 46, 47, 48) ", " EVENT_ROW(49, 50, 51, 52, 53, 54) ", " EVENT_ROW(55, 56, 57, 58, 59, 60);

static void bind_event(const struct engine_area *area, const struct engine_pending_event *event, struct fg_sql *sql, int n)
{
    fg_sql_int64(sql, n, area->id);
    fg_sql_int64(sql, n + 1, (int64_t)event->sequence);
    fg_sql_int64(sql, n + 2, event->time_us);
    fg_sql_text(sql, n + 3, event->type);
    fg_sql_text(sql, n + 4, event->scope[0] != '\0' ? event->scope : NULL);
    fg_sql_text_n(sql, n + 5, area->event_data.data + event->offset, event->length);
}

static enum fg_code flush_events(struct engine_area *area, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    bool is_full = area->pending_count == ENGINE_EVENTS_AT_ONCE;
    for (size_t i = 0; code == FG_OK && i < area->pending_count; i += is_full ? ENGINE_EVENTS_AT_ONCE : 1) {
        struct fg_sql *sql;
        if ((code = fg_sql_prepare(area->store, is_full ? ten_events : one_event, &sql, err)) != FG_OK)
            return code;
        for (size_t k = 0; k < (is_full ? ENGINE_EVENTS_AT_ONCE : 1); k++)
            bind_event(area, &area->pending[i + k], sql, (int)k * 6 + 1);
        code = fg_sql_queue(sql, err);
    }
    area->pending_count = 0;
    area->event_data.length = 0;
    return code;
}

static enum fg_code insert_event(struct engine_area *area, const char *type, int64_t time_us, const char *scope,
                                 const char *data, size_t length, struct fg_error *err)
{
    struct engine_pending_event *event = &area->pending[area->pending_count];
    *event = (struct engine_pending_event){++area->event_sequence, time_us, type, "", area->event_data.length, length};
    snprintf(event->scope, sizeof event->scope, "%s", scope != NULL ? scope : "");
    fg_text_append(&area->event_data, data, length);
    if (area->event_data.failed) {
        area->event_data.failed = false;
        return fg_fail_memory(err);
    }
    return ++area->pending_count == ENGINE_EVENTS_AT_ONCE ? flush_events(area, err) : FG_OK;
}

enum fg_code engine_write_event(struct engine_area *area, const struct fg_book_event *event, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    char scope[FG_ID_TEXT];
    bool is_of_one = event->kind == FG_BOOK_LIMIT_SET && event->limit->participant >= 0;
    bool is_private = event->kind == FG_BOOK_REFUSED || event->kind == FG_BOOK_CAPABILITY_SET ||
                      event->kind == FG_BOOK_CONTRACTED_SET || is_of_one;
    if (event->kind == FG_BOOK_OPENED || event->kind == FG_BOOK_CLOSED)
        code = write_gates(area, event, err);
    else if (event->kind == FG_BOOK_HALTED || event->kind == FG_BOOK_RESUMED)
        code = write_halt(area, event, err);
    else if (event->kind == FG_BOOK_LIMIT_SET)
        code = write_limit(area, event->limit, event->time_us, err);
    if (code != FG_OK)
        return code;
    int64_t owner = is_of_one ? event->limit->participant
                    : area->command->actor.on_behalf_of != 0 ? area->command->actor.on_behalf_of
                                                           : area->command->actor.organisation;
    engine_event_json(area, event, &area->scratch);
    if (area->scratch.failed) {
        area->scratch.failed = false;
        clear_scratch(area);
        return fg_fail_memory(err);
    }
    code = insert_event(area, engine_event_type(event->kind), event->time_us,
                        is_private ? fg_id_text(FG_ID_ORGANISATION, owner, scope) : NULL, area->scratch.data,
                        area->scratch.length, err);
    clear_scratch(area);
    return code;
}

enum fg_code engine_write_message(struct engine_area *area, const char *type, int64_t time_us, const char *scope,
                                  const char *data, struct fg_error *err)
{
    return insert_event(area, type, time_us, scope, data, strlen(data), err);
}

enum fg_code engine_write_answer(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        area->store,
        "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7) "
        "ON CONFLICT (owner, key) DO UPDATE SET hash = excluded.hash, status = excluded.status, media = excluded.media, "
        "body = excluded.body, expires_us = excluded.expires_us", /* of one that has run out */
        &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, command->owner);
    fg_sql_text(sql, 2, command->key);
    fg_sql_blob(sql, 3, command->key_hash, FG_SECRET_HASH);
    fg_sql_int64(sql, 4, command->status);
    fg_sql_text(sql, 5, command->code == FG_OK && command->refusal == FG_REFUSAL_NONE ? "application/json"
                                                                                      : "application/problem+json");
    fg_sql_blob(sql, 6, command->answer.data != NULL ? command->answer.data : "", command->answer.length);
    fg_sql_int64(sql, 7, command->key_expires_us);
    return fg_sql_gather(sql, err);
}

enum fg_code engine_read_answer(struct engine_area *area, struct fg_command *command, bool *found, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(area->store, "SELECT hash, status, body FROM idempotency WHERE owner = $1 AND key = $2", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, command->owner);
    fg_sql_text(sql, 2, command->key);
    if ((code = fg_sql_next(sql, found, err)) != FG_OK || !*found)
        return code;
    size_t size = 0;
    const void *hash = fg_sql_column_blob(sql, 0, &size);
    command->other_request = size != FG_SECRET_HASH || memcmp(hash, command->key_hash, size) != 0;
    command->replayed = true;
    command->status = (int)fg_sql_column_int64(sql, 1);
    const char *body = fg_sql_column_blob(sql, 2, &size);
    command->answer.length = 0;
    fg_text_append(&command->answer, body, size);
    fg_sql_done(sql);
    return command->answer.failed ? fg_fail_memory(err) : FG_OK;
}

/* -- the end of a batch ---------------------------------------------------------------------------------------------- */

static enum fg_code write_orders(struct engine_area *area, int64_t time_us, struct fg_error *err)
{
    enum fg_code code = write_traded(area, err);
    for (size_t i = 0; code == FG_OK && i < area->orders.count; i++) {
        uint64_t id = (uint64_t)area->orders.items[i].a;
        struct fg_book_order_state state;
        bool is_open = engine_find_order(area, id, &state);
        if (!is_open && area->code != FG_OK)
            code = fg_fail_memory(err);
        else if (area->origins[i].command != NULL)
            code = insert_order(area, &area->origins[i], is_open ? &state : NULL, area->causes[i], time_us, err);
        else if (is_open)
            code = write_order(area, &state, time_us, err);
        else
            code = end_order(area, id, area->causes[i], time_us, err);
    }
    return code;
}

enum fg_code engine_write_batch(struct engine_area *area, int64_t time_us, struct fg_error *err)
{
    enum fg_code code = flush_events(area, err);
    if (code == FG_OK)
        code = write_orders(area, time_us, err);
    for (size_t i = 0; code == FG_OK && i < area->groups.count; i++)
        code = write_group(area, (uint64_t)area->groups.items[i].a, err);
    for (size_t i = 0; code == FG_OK && i < area->trades.count; i++) {
        const struct fg_book_trade *trade = fg_book_find_trade(area->book, (uint64_t)area->trades.items[i].a);
        if (trade != NULL)
            code = write_trade(area, trade, err);
    }
    for (size_t i = 0; code == FG_OK && i < area->positions.count; i++) {
        struct fg_book_position position;
        int64_t b = area->positions.items[i].b;
        if (fg_book_find_position(area->book, (int32_t)area->positions.items[i].a, (enum fg_product)(b >> 40),
                                  (enum fg_regulation)(b >> 32 & 0xff), (int32_t)(uint32_t)b, &position))
            code = write_position(area, &position, err);
    }
    if (code == FG_OK && area->trades.count > 0)
        code = write_references(area, err);
    struct fg_sql *sql;
    if (code == FG_OK)
        code = fg_sql_prepare(area->store,
                              "INSERT INTO area_state (area_id, time_us, next_priority, next_trade, book_sequence, "
                              "event_sequence, epoch, settled_before) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                              "ON CONFLICT (area_id) DO UPDATE SET time_us = excluded.time_us, "
                              "next_priority = excluded.next_priority, next_trade = excluded.next_trade, "
                              "book_sequence = excluded.book_sequence, event_sequence = excluded.event_sequence, "
                              "epoch = excluded.epoch, settled_before = excluded.settled_before",
                              &sql, err);
    if (code != FG_OK)
        return code;
    uint64_t next_priority, next_trade;
    fg_book_next_numbers(area->book, &next_priority, &next_trade);
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, fg_book_time(area->book));
    fg_sql_int64(sql, 3, (int64_t)next_priority);
    fg_sql_int64(sql, 4, (int64_t)next_trade);
    fg_sql_int64(sql, 5, (int64_t)fg_book_event_sequence(area->book));
    fg_sql_int64(sql, 6, (int64_t)area->event_sequence);
    fg_sql_int64(sql, 7, area->lease.epoch);
    fg_sql_int64(sql, 8, fg_book_settled_before(area->book));
    return fg_sql_queue(sql, err);
}
