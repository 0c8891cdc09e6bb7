/* Auctions inside the area's engine: entering, withdrawing, closure, result. Each command reads the auction's row in the batch's
 * transaction, refuses before it changes anything, binds or releases capability in the book, and writes rows. */
#include "atp/auction_internal.h"

#include "atp/engine_internal.h"
#include "atp/query.h"
#include "atp/run_internal.h"
#include "base/instant.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

const char *const fg_auction_status_words[] = {"scheduled", "open", "closed", "cleared", "partly_solved", "failed", "cancelled", NULL};

struct auction {
    int64_t id, area, opening_us, closure_us, run, order_count;
    int32_t first_period, period_count;
    char status[16];
};

/* FG_REFUSAL_STATE: no such auction in this area. */
static enum fg_refusal read_auction(struct engine_area *area, int64_t id, struct auction *auction, struct fg_command *command,
                                    enum fg_code *code)
{
    struct fg_sql *sql;
    fg_id_text(FG_ID_AUCTION, id, command->object);
    *code = fg_query_one(area->store, &sql, &command->err,
                         "SELECT area_id, opening_us, closure_us, first_period, period_count, status, COALESCE(run_id, 0), "
                         "order_count FROM auction WHERE id = $1 AND area_id = $2",
                         "ii", id, area->id);
    if (*code == FG_ERR_NOT_FOUND) {
        *code = FG_OK;
        return engine_refuse(&command->err, FG_REFUSAL_AUCTION, "there is no such auction in this market area");
    }
    if (*code != FG_OK)
        return FG_REFUSAL_NONE;
    *auction = (struct auction){.id = id,
                                .area = fg_sql_column_int64(sql, 0),
                                .opening_us = fg_sql_column_int64(sql, 1),
                                .closure_us = fg_sql_column_int64(sql, 2),
                                .first_period = (int32_t)fg_sql_column_int64(sql, 3),
                                .period_count = (int32_t)fg_sql_column_int64(sql, 4),
                                .run = fg_sql_column_int64(sql, 6),
                                .order_count = fg_sql_column_int64(sql, 7)};
    snprintf(auction->status, sizeof auction->status, "%s", fg_sql_column_text(sql, 5));
    fg_sql_done(sql);
    return FG_REFUSAL_NONE;
}

static bool is_in(const struct auction *auction, const char *status)
{
    return strcmp(auction->status, status) == 0;
}

/* The auction takes orders at the command's time. */
static enum fg_refusal require_open(const struct auction *auction, struct fg_command *command)
{
    if (command->time_us < auction->opening_us)
        return engine_refuse(&command->err, FG_REFUSAL_AUCTION_CLOSED, "the auction has not opened yet; see its opening");
    if (!is_in(auction, "open") || command->time_us >= auction->closure_us)
        return engine_refuse(&command->err, FG_REFUSAL_AUCTION_CLOSED, "the auction takes orders no more");
    return FG_REFUSAL_NONE;
}

static void touch_reserves(struct engine_area *area, const struct auction_reserves *reserves)
{
    for (size_t i = 0; i < reserves->count; i++) {
        const struct fg_book_reserve *item = &reserves->items[i];
        engine_touch_positions(area, item->portfolio, item->product, item->regulation, item->period, 1);
    }
}

/* An event with a line of JSON; `scope` NULL: everybody. */
static enum fg_code put_event(struct engine_area *area, const char *type, const char *scope, struct fg_text *text,
                              struct fg_error *err)
{
    return text->failed ? fg_fail_memory(err) : engine_write_message(area, type, area->command->time_us, scope, text->data, err);
}

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number)
{
    char text[FG_ID_TEXT];
    fg_json_put_string(out, key, fg_id_text(kind, number, text));
}

static enum fg_code put_state(struct engine_area *area, const char *type, int64_t auction, const char *status, const char *cause,
                              struct fg_error *err)
{
    struct fg_text text;
    struct fg_json_writer out;
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    put_id(&out, "auction", FG_ID_AUCTION, auction);
    fg_json_put_string(&out, "status", status);
    if (cause != NULL)
        fg_json_put_string(&out, "cause", cause);
    fg_json_end_object(&out);
    enum fg_code code = put_event(area, type, NULL, &text, err);
    fg_text_release(&text);
    return code;
}

/* ---- opening ---- */

static enum fg_code put_opening(struct engine_area *area, const struct fg_auction_terms *terms, struct fg_error *err)
{
    struct fg_text text;
    struct fg_json_writer out;
    char instant[FG_INSTANT_TEXT];
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    put_id(&out, "auction", FG_ID_AUCTION, terms->id);
    fg_json_put_string(&out, "name", terms->name);
    fg_json_put_string(&out, "opening", fg_instant_format(terms->opening_us / 1000000, instant));
    fg_json_put_string(&out, "closure", fg_instant_format(terms->closure_us / 1000000, instant));
    fg_json_put_string(&out, "start", fg_instant_format((int64_t)terms->first_period * area->settings.period_s, instant));
    fg_json_put_integer(&out, "periods", terms->period_count);
    fg_json_end_object(&out);
    enum fg_code code = put_event(area, "auction.announced", NULL, &text, err);
    fg_text_release(&text);
    return code;
}

static enum fg_refusal apply_open(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    struct fg_auction_terms *terms = command->service_data;
    struct fg_error *err = &command->err;
    int64_t count = 0;
    if (terms->closure_us <= command->time_us)
        return engine_refuse(err, FG_REFUSAL_AUCTION_CLOSED, "the auction would close before it opens; give a later closure");
    if (terms->rule != 0)
        *code = fg_query_number(area->store, &count, err, "SELECT COUNT(*) FROM auction WHERE rule_id = $1 AND day = $2", "ii",
                                terms->rule, terms->day);
    if (*code == FG_OK && count > 0)
        return engine_refuse(err, FG_REFUSAL_STATE, "the rule has made the auction of this day already");
    if (*code == FG_OK)
        *code = fg_store_next(area->store, fg_id_word(FG_ID_AUCTION), 1, &terms->id, err);
    fg_id_text(FG_ID_AUCTION, terms->id, command->object);
    if (*code == FG_OK && terms->rule != 0)
        *code = fg_change(area->store, NULL, err,
                          "INSERT INTO auction (id, area_id, rule_id, day, name, first_period, period_count, opening_us, closure_us, "
                          "terms, status, network_id, order_count, made_by, made_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                          "$10, 'open', $11, 0, $12, $13)",
                          "iiiitiiiitoii", terms->id, area->id, terms->rule, terms->day, terms->name,
                          (int64_t)terms->first_period, (int64_t)terms->period_count, terms->opening_us, terms->closure_us,
                          terms->terms, terms->network, command->actor.user, command->time_us);
    else if (*code == FG_OK)
        *code = fg_change(area->store, NULL, err,
                          "INSERT INTO auction (id, area_id, name, first_period, period_count, opening_us, closure_us, terms, "
                          "status, network_id, order_count, made_by, made_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, "
                          "0, $10, $11)",
                          "iitiiiitoii", terms->id, area->id, terms->name, (int64_t)terms->first_period,
                          (int64_t)terms->period_count, terms->opening_us, terms->closure_us, terms->terms, terms->network,
                          command->actor.user, command->time_us);
    if (*code == FG_OK)
        *code = put_opening(area, terms, err);
    return FG_REFUSAL_NONE;
}
const struct fg_command_service fg_auction_open_service = {"auction.open", apply_open};

/* ---- entering ---- */

/* The order that is replaced: the participant's own, by itself. */
static enum fg_refusal check_replaced(struct engine_area *area, const struct fg_auction_entry *entry, struct fg_command *command,
                                      enum fg_code *code)
{
    struct fg_sql *sql;
    *code = fg_query_one(area->store, &sql, &command->err,
                         "SELECT COALESCE(group_id, 0), (SELECT COUNT(*) FROM auction_order c WHERE c.parent_id = o.id AND c.status "
                         "= 'entered') FROM auction_order o WHERE id = $1 AND auction_id = $2 AND organisation_id = $3 AND status = "
                         "'entered'",
                         "iii", entry->replaces, entry->auction, command->participant);
    if (*code == FG_ERR_NOT_FOUND) {
        *code = FG_OK;
        return engine_refuse(&command->err, FG_REFUSAL_ORDER_UNKNOWN, "none of your orders in this auction has this id");
    }
    if (*code != FG_OK)
        return FG_REFUSAL_NONE;
    bool is_tied = fg_sql_column_int64(sql, 0) != 0 || fg_sql_column_int64(sql, 1) != 0;
    fg_sql_done(sql);
    return is_tied ? engine_refuse(&command->err, FG_REFUSAL_AMEND,
                                   "members of groups and orders that others are linked to are cancelled and entered anew")
                   : FG_REFUSAL_NONE;
}

/* A parent has one fraction, as its children have; it stands before them, so there are no rings. */
static enum fg_refusal check_parent(struct engine_area *area, const struct fg_auction_entry *entry, size_t at,
                                    struct fg_command *command, enum fg_code *code)
{
    const struct fg_auction_order *order = &entry->orders[at];
    struct fg_error *err = &command->err;
    bool has_one = fg_order_has_one_fraction(&order->order), parent_has_one;
    if (order->parent == 0 && entry->count == 1)
        return FG_REFUSAL_NONE;
    if (!has_one)
        return engine_refuse(err, order->parent != 0 ? FG_REFUSAL_LINK_FRACTION : FG_REFUSAL_GROUP_FRACTION,
                             "linked orders and members of groups are blocks or have one period");
    if (order->parent == 0)
        return FG_REFUSAL_NONE;
    if (order->parent < 0) {
        size_t place = (size_t)-order->parent - 1;
        if (place >= at)
            return engine_refuse(err, FG_REFUSAL_PARENT_UNKNOWN, "a parent stands before its children");
        parent_has_one = fg_order_has_one_fraction(&entry->orders[place].order);
    } else {
        struct fg_sql *sql;
        *code = fg_query_one(area->store, &sql, err,
                             "SELECT block, period_count FROM auction_order WHERE id = $1 AND auction_id = $2 AND organisation_id = "
                             "$3 AND status = 'entered' AND id <> $4",
                             "iiii", order->parent, entry->auction, command->participant, entry->replaces);
        if (*code == FG_ERR_NOT_FOUND) {
            *code = FG_OK;
            return engine_refuse(err, FG_REFUSAL_PARENT_UNKNOWN, "the parent is none of your orders in this auction");
        }
        if (*code != FG_OK)
            return FG_REFUSAL_NONE;
        parent_has_one = fg_sql_column_int64(sql, 0) != 0 || fg_sql_column_int64(sql, 1) == 1;
        fg_sql_done(sql);
    }
    return parent_has_one ? FG_REFUSAL_NONE
                          : engine_refuse(err, FG_REFUSAL_LINK_FRACTION, "the parent is a block or has one period");
}

static enum fg_refusal check_orders(struct engine_area *area, const struct auction *auction, const struct fg_auction_entry *entry,
                                    struct fg_command *command, enum fg_code *code)
{
    enum fg_refusal refusal = require_open(auction, command);
    if (refusal == FG_REFUSAL_NONE && entry->replaces == 0 &&
        auction->order_count + (int64_t)entry->count > FG_AUCTION_ORDERS_MAX)
        refusal = engine_refuse(&command->err, FG_REFUSAL_AUCTION, "the auction holds as many orders as it can");
    if (refusal == FG_REFUSAL_NONE && entry->replaces != 0)
        refusal = check_replaced(area, entry, command, code);
    for (size_t i = 0; refusal == FG_REFUSAL_NONE && *code == FG_OK && i < entry->count; i++) {
        const struct fg_order *order = &entry->orders[i].order;
        if (order->first_period < auction->first_period ||
            order->first_period + order->period_count > auction->first_period + auction->period_count)
            refusal = engine_refuse(&command->err, FG_REFUSAL_PERIOD_RANGE, "the order reaches beyond the auction's periods");
        else if (engine_location_index(area, entry->orders[i].location) < 0)
            refusal = engine_refuse(&command->err, FG_REFUSAL_LOCATION, "the area has no such location");
        else
            refusal = check_parent(area, entry, i, command, code);
    }
    return refusal;
}

/* Release what the replaced order binds, bind what the new ones need. */
static enum fg_refusal bind_capability(struct engine_area *area, const struct fg_auction_entry *entry, struct fg_command *command,
                                       enum fg_code *code)
{
    struct auction_reserves reserves = {0};
    struct auction_offer *old = NULL, fresh[FG_AUCTION_GROUP_MAX];
    struct fg_arena arena;
    size_t old_count = 0, count = 0;
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    fg_arena_init(&arena);
    if (entry->replaces != 0)
        *code = auction_read_offers(area->store, entry->auction, entry->replaces, 0, &arena, &old, &old_count, &command->err);
    if (*code == FG_OK)
        *code = auction_reserves_add(&reserves, old, old_count, -1, &command->err);
    for (size_t i = 0; i < entry->count; i++) {
        const struct fg_auction_order *from = &entry->orders[i];
        if (from->order.side != FG_SIDE_SELL)
            continue;
        _Static_assert(sizeof(struct fg_power) == sizeof(int64_t), "arrays of integers");
        fresh[count++] = (struct auction_offer){.portfolio = from->portfolio,
                                                .group = entry->count > 1,
                                                .group_kind = (int)entry->group_kind,
                                                .product = from->order.product,
                                                .regulation = from->order.regulation,
                                                .first_period = from->order.first_period,
                                                .period_count = from->order.period_count,
                                                .quantity_w = (const int64_t *)from->order.quantity,
                                                .approved_w = (const int64_t *)from->approved};
    }
    if (*code == FG_OK)
        *code = auction_reserves_add(&reserves, fresh, count, 1, &command->err);
    if (*code == FG_OK && reserves.count > 0)
        refusal = fg_book_reserve(area->book, command->time_us, reserves.items, reserves.count, &command->err);
    if (*code == FG_OK && refusal == FG_REFUSAL_NONE)
        touch_reserves(area, &reserves);
    fg_free(reserves.items);
    fg_free(old);
    fg_arena_release(&arena);
    return refusal;
}

static enum fg_code write_order(struct engine_area *area, const struct fg_auction_entry *entry, size_t at, int64_t id,
                                const struct fg_command *command, struct fg_error *err)
{
    const struct fg_auction_order *from = &entry->orders[at];
    const struct fg_order *order = &from->order;
    struct fg_text quantity, points;
    struct fg_sql *sql;
    int64_t parent = from->parent < 0 ? (int64_t)command->first_order - from->parent - 1 : from->parent;
    fg_text_init(&quantity);
    fg_text_init(&points);
    auction_put_blob(&quantity, (const int64_t *)order->quantity, (size_t)order->period_count);
    auction_put_blob(&points, (const int64_t *)order->points, (size_t)order->point_count * 2);
    enum fg_code code = quantity.failed || points.failed ? fg_fail_memory(err) : FG_OK;
    if (code == FG_OK)
        code = fg_sql_prepare(
            area->store,
            entry->replaces == 0
                ? "INSERT INTO auction_order (id, auction_id, status, organisation_id, portfolio_id, location_id, bus, covers, side, "
                  "product, regulation, kind, block, min_fraction_u, first_period, period_count, quantity, points, parent_id, "
                  "group_id, group_kind, reference, entered_by, on_behalf_of, entered_us, changed_us) VALUES ($1, $2, 'entered', $3, "
                  "$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $24)"
                : "UPDATE auction_order SET portfolio_id = $4, location_id = $5, bus = $6, covers = $7, side = $8, product = $9, "
                  "regulation = $10, kind = $11, block = $12, min_fraction_u = $13, first_period = $14, period_count = $15, quantity "
                  "= $16, points = $17, parent_id = $18, group_id = $19, group_kind = $20, reference = $21, entered_by = $22, "
                  "on_behalf_of = $23, changed_us = $24 WHERE id = $1 AND auction_id = $2 AND organisation_id = $3",
            &sql, err);
    if (code == FG_OK) {
        const int64_t numbers[] = {order->side, order->product, order->regulation, order->kind, order->block,
                                   order->min_fraction_u, order->first_period, order->period_count};
        fg_sql_int64(sql, 1, id);
        fg_sql_int64(sql, 2, entry->auction);
        fg_sql_int64(sql, 3, command->participant);
        if (from->portfolio != 0)
            fg_sql_int64(sql, 4, from->portfolio);
        fg_sql_int64(sql, 5, from->location);
        fg_sql_text(sql, 6, from->bus);
        fg_sql_int64(sql, 7, order->location_kind >= FG_LOCATION_BRANCH_LIMIT ? order->location_kind : 0);
        for (int i = 0; i < 8; i++)
            fg_sql_int64(sql, 8 + i, numbers[i]);
        fg_sql_blob(sql, 16, quantity.data, quantity.length);
        fg_sql_blob(sql, 17, points.data, points.length);
        if (parent != 0)
            fg_sql_int64(sql, 18, parent);
        if (entry->count > 1) {
            fg_sql_int64(sql, 19, (int64_t)command->group);
            fg_sql_int64(sql, 20, entry->group_kind);
        }
        fg_sql_text(sql, 21, from->reference);
        fg_sql_int64(sql, 22, command->actor.user);
        fg_sql_int64(sql, 23, command->actor.on_behalf_of);
        fg_sql_int64(sql, 24, command->time_us);
        code = fg_sql_run(sql, NULL, err);
    }
    fg_text_release(&quantity);
    fg_text_release(&points);
    return code;
}

static enum fg_refusal apply_enter(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct fg_auction_entry *entry = command->service_data;
    struct auction auction;
    struct fg_error *err = &command->err;
    enum fg_refusal refusal = read_auction(area, entry->auction, &auction, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = check_orders(area, &auction, entry, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = auction_sealed_check(area, entry, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = bind_capability(area, entry, command, code);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    if ((*code = auction_sealed_enter(area, entry, command, err)) != FG_OK)
        return FG_REFUSAL_NONE;
    command->first_order = (uint64_t)entry->replaces;
    if (entry->replaces == 0)
        *code = engine_take_ids(area, entry->count + (entry->count > 1), &command->first_order, err);
    command->group = entry->count > 1 ? command->first_order + entry->count : 0;
    command->order_count = entry->count;
    for (size_t i = 0; *code == FG_OK && i < entry->count; i++)
        *code = write_order(area, entry, i, (int64_t)(command->first_order + i), command, err);
    if (*code == FG_OK && entry->replaces == 0)
        *code = fg_change(area->store, NULL, err, "UPDATE auction SET order_count = order_count + $2 WHERE id = $1", "ii",
                          entry->auction, (int64_t)entry->count);
    fg_id_text(FG_ID_ORDER, (int64_t)command->first_order, command->object);
    return FG_REFUSAL_NONE;
}
const struct fg_command_service fg_auction_enter_service = {"auction.enter", apply_enter};

/* ---- withdrawing ---- */

/* Cancel the order with its group, then whatever is linked to what was cancelled. */
static enum fg_code cancel_all(struct engine_area *area, int64_t auction, int64_t order, struct fg_command *command,
                               size_t *cancelled, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = fg_change(area->store, &changes, err,
                                  "UPDATE auction_order SET status = 'cancelled', cause = 'owner', changed_us = $3 WHERE auction_id "
                                  "= $1 AND status = 'entered' AND (id = $2 OR group_id = (SELECT group_id FROM auction_order WHERE "
                                  "id = $2))",
                                  "iii", auction, order, command->time_us);
    while (code == FG_OK && changes > 0) {
        *cancelled += (size_t)changes;
        code = fg_change(area->store, &changes, err,
                         "UPDATE auction_order SET status = 'cancelled', cause = 'parent', changed_us = $2 WHERE auction_id = $1 AND "
                         "status = 'entered' AND (parent_id IN (SELECT p.id FROM auction_order p WHERE p.auction_id = $1 AND "
                         "p.status = 'cancelled') OR group_id IN (SELECT g.group_id FROM auction_order g WHERE g.auction_id = $1 "
                         "AND g.status = 'cancelled' AND g.group_id IS NOT NULL))",
                         "ii", auction, command->time_us);
    }
    return code;
}

/* What live offers bind, of one participant when it is told: ties do not reach beyond the owner's orders. Before and after a
 * withdrawal the difference is what it releases. */
static enum fg_code add_reserves(struct engine_area *area, int64_t auction, int64_t only_order, int64_t only_organisation,
                                 int sign, struct auction_reserves *reserves, struct fg_error *err)
{
    struct auction_offer *offers;
    struct fg_arena arena;
    size_t count;
    fg_arena_init(&arena);
    enum fg_code code = auction_read_offers(area->store, auction, only_order, only_organisation, &arena, &offers, &count, err);
    if (code == FG_OK)
        code = auction_reserves_add(reserves, offers, count, sign, err);
    fg_free(offers);
    fg_arena_release(&arena);
    return code;
}

struct tie {
    bool is_there, is_alone;
};
static enum fg_code read_tie(struct engine_area *area, const struct fg_auction_withdrawal *withdrawal, int64_t participant,
                             struct tie *tie, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(area->store, &sql, err,
                                     "SELECT COALESCE(group_id, 0) + (SELECT COUNT(*) FROM auction_order c WHERE c.parent_id = o.id) "
                                     "FROM auction_order o WHERE id = $1 AND auction_id = $2 AND organisation_id = $3 AND status = "
                                     "'entered'",
                                     "iii", withdrawal->order, withdrawal->auction, participant);
    *tie = (struct tie){code == FG_OK, false};
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND ? FG_OK : code;
    tie->is_alone = fg_sql_column_int64(sql, 0) == 0;
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_refusal apply_withdraw(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct fg_auction_withdrawal *withdrawal = command->service_data;
    struct auction_reserves reserves = {0};
    struct auction auction;
    struct tie tie;
    struct fg_error *err = &command->err;
    enum fg_refusal refusal = read_auction(area, withdrawal->auction, &auction, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = require_open(&auction, command);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = read_tie(area, withdrawal, command->participant, &tie, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK && !tie.is_there)
        refusal = engine_refuse(err, FG_REFUSAL_ORDER_UNKNOWN, "none of your orders in this auction has this id");
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    fg_id_text(FG_ID_ORDER, withdrawal->order, command->object);
    /* Alone: what it binds. Else what all bind before, less what they bind after. */
    int64_t only = tie.is_alone ? withdrawal->order : 0;
    *code = add_reserves(area, withdrawal->auction, only, command->participant, -1, &reserves, err);
    if (*code == FG_OK)
        *code = auction_sealed_count(area, withdrawal->auction, only, command->participant, -1, err);
    if (*code == FG_OK)
        *code = cancel_all(area, withdrawal->auction, withdrawal->order, command, &command->cancelled, err);
    if (*code == FG_OK && !tie.is_alone)
        *code = auction_sealed_count(area, withdrawal->auction, 0, command->participant, 1, err);
    if (*code == FG_OK && !tie.is_alone) {
        /* Bound again first, so that no account is below zero or above its capability in between. */
        struct auction_reserves kept = {0};
        *code = add_reserves(area, withdrawal->auction, 0, command->participant, 1, &kept, err);
        for (size_t i = 0; *code == FG_OK && i < kept.count; i++) {
            if (fg_grow((void **)&reserves.items, reserves.count, &reserves.capacity, sizeof *reserves.items) != 0)
                *code = fg_fail_memory(err);
            else
                reserves.items[reserves.count++] = kept.items[i];
        }
        fg_free(kept.items);
    }
    if (*code == FG_OK)
        *code = fg_change(area->store, NULL, err, "UPDATE auction SET order_count = order_count - $2 WHERE id = $1", "ii",
                          withdrawal->auction, (int64_t)command->cancelled);
    if (*code == FG_OK && reserves.count > 0) {
        touch_reserves(area, &reserves);
        /* Rows are changed already: a refusal would be a contradiction between them and the book. */
        if (fg_book_reserve(area->book, command->time_us, reserves.items, reserves.count, err) != FG_REFUSAL_NONE)
            *code = fg_fail(err, FG_ERR_CORRUPT, NULL, "the book has not reserved what the orders of auc-%lld bind",
                            (long long)withdrawal->auction);
    }
    fg_free(reserves.items);
    return FG_REFUSAL_NONE;
}
const struct fg_command_service fg_auction_withdraw_service = {"auction.withdraw", apply_withdraw};

/* ---- limits ---- */

static enum fg_refusal apply_limit(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct fg_auction_limit *limit = command->service_data;
    struct auction auction;
    enum fg_refusal refusal = read_auction(area, limit->auction, &auction, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = require_open(&auction, command);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    *code = fg_change(area->store, NULL, &command->err,
                      "INSERT INTO auction_limit (auction_id, portfolio_id, bus, terms, set_by, set_us) VALUES ($1, $2, $3, $4, $5, "
                      "$6) ON CONFLICT (auction_id, portfolio_id, bus) DO UPDATE SET terms = excluded.terms, set_by = "
                      "excluded.set_by, set_us = excluded.set_us",
                      "iittii", limit->auction, limit->portfolio, limit->bus, limit->terms, command->actor.user, command->time_us);
    return FG_REFUSAL_NONE;
}
const struct fg_command_service fg_auction_limit_service = {"auction.limit", apply_limit};

/* ---- closure ---- */

static enum fg_code ask_for_run(struct engine_area *area, int64_t auction, int64_t *run, struct fg_error *err)
{
    char input[96];
    int64_t now_us = area->command->time_us;
    enum fg_code code = fg_store_next(area->store, fg_id_word(FG_ID_RUN), 1, run, err);
    snprintf(input, sizeof input, "{\"auction\":\"auc-%lld\"}", (long long)auction);
    if (code == FG_OK)
        code = fg_change(area->store, NULL, err,
                         "INSERT INTO run (id, area_id, kind, organisation_id, user_id, state, progress, phase, input, network_id, "
                         "auction_id, claim, lease_us, is_recorded, is_unwanted, created_us) SELECT $1, a.id, 'auction', "
                         "a.operator_id, 0, 'queued', 0, 'waiting', $3, u.network_id, u.id, 0, 0, 0, 0, $4 FROM auction u JOIN area "
                         "a ON a.id = u.area_id WHERE u.id = $2",
                         "iiti", *run, auction, input, now_us);
    if (code == FG_OK)
        code = run_log(area->store, *run, now_us, "asked for by the closure of the auction", err);
    return code;
}

static enum fg_refusal close_auction(struct engine_area *area, struct fg_command *command, const char *from, enum fg_code *code)
{
    struct fg_auction_step *step = command->service_data;
    struct auction auction;
    struct fg_error *err = &command->err;
    enum fg_refusal refusal = read_auction(area, step->auction, &auction, command, code);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    if (!is_in(&auction, from))
        return engine_refuse(err, FG_REFUSAL_AUCTION_STATE, "the auction's state does not allow it; see its status");
    if (command->time_us < auction.closure_us)
        return engine_refuse(err, FG_REFUSAL_AUCTION_STATE, "the auction closes later");
    *code = ask_for_run(area, auction.id, &step->run, err);
    if (*code == FG_OK)
        *code = fg_change(area->store, NULL, err,
                          "UPDATE auction SET status = 'closed', cause = NULL, ended_us = NULL, closed_us = COALESCE(closed_us, $2), "
                          "run_id = $3 WHERE id = $1",
                          "iii", auction.id, command->time_us, step->run);
    if (*code == FG_OK)
        *code = put_state(area, "auction.closed", auction.id, "closed", NULL, err);
    return FG_REFUSAL_NONE;
}
static enum fg_refusal apply_close(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    return close_auction(area, command, "open", code);
}
static enum fg_refusal apply_again(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    return close_auction(area, command, "failed", code);
}
const struct fg_command_service fg_auction_close_service = {"auction.close", apply_close};
const struct fg_command_service fg_auction_again_service = {"auction.clear_again", apply_again};

/* ---- cancellation and failure ---- */

static enum fg_refusal release_all(struct engine_area *area, int64_t auction, struct fg_command *command, enum fg_code *code)
{
    struct auction_reserves reserves = {0};
    *code = add_reserves(area, auction, 0, 0, -1, &reserves, &command->err);
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    if (*code == FG_OK && reserves.count > 0) {
        refusal = fg_book_reserve(area->book, command->time_us, reserves.items, reserves.count, &command->err);
        touch_reserves(area, &reserves);
    }
    fg_free(reserves.items);
    return refusal;
}

static enum fg_refusal apply_cancel(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct fg_auction_step *step = command->service_data;
    struct auction auction;
    struct fg_error *err = &command->err;
    enum fg_refusal refusal = read_auction(area, step->auction, &auction, command, code);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    if (!is_in(&auction, "open") && !is_in(&auction, "closed") && !is_in(&auction, "failed"))
        return engine_refuse(err, FG_REFUSAL_AUCTION_STATE, "the auction has ended; cancel its trades instead");
    refusal = release_all(area, auction.id, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = auction_sealed_count(area, auction.id, 0, 0, -1, err);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    *code = fg_change(area->store, NULL, err,
                      "UPDATE auction_order SET status = 'cancelled', cause = 'auction', changed_us = $2 WHERE auction_id = $1 AND "
                      "status = 'entered'",
                      "ii", auction.id, command->time_us);
    if (*code == FG_OK)
        *code = fg_change(area->store, NULL, err,
                          "UPDATE auction SET status = 'cancelled', cause = $2, ended_us = $3, order_count = 0 WHERE id = $1", "iti",
                          auction.id, step->cause, command->time_us);
    if (*code == FG_OK && auction.run != 0)
        *code = fg_change(area->store, NULL, err,
                          "UPDATE run SET is_unwanted = 1 WHERE id = $1 AND state IN ('queued', 'running')", "i", auction.run);
    if (*code == FG_OK)
        *code = put_state(area, "auction.cancelled", auction.id, "cancelled", step->cause, err);
    return FG_REFUSAL_NONE;
}
const struct fg_command_service fg_auction_cancel_service = {"auction.cancel", apply_cancel};

struct ending {
    int64_t auction, run, claim;
    const char *cause;
};

static enum fg_refusal apply_abandon(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct ending *ending = command->service_data;
    struct auction auction;
    struct fg_error *err = &command->err;
    enum fg_refusal refusal = read_auction(area, ending->auction, &auction, command, code);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK)
        return refusal;
    bool is_cancelled = is_in(&auction, "cancelled");
    refusal = run_end_inside(area, ending->run, ending->claim, is_cancelled ? "cancelled" : "failed",
                             is_cancelled ? NULL : ending->cause, err, code);
    if (refusal != FG_REFUSAL_NONE || *code != FG_OK || !is_in(&auction, "closed") || auction.run != ending->run)
        return refusal;
    *code = fg_change(area->store, NULL, err, "UPDATE auction SET status = 'failed', cause = $2, ended_us = $3 WHERE id = $1", "iti",
                      auction.id, ending->cause, command->time_us);
    if (*code == FG_OK)
        *code = put_state(area, "auction.failed", auction.id, "failed", NULL, err); /* why: to who may see it, on asking */
    return FG_REFUSAL_NONE;
}
static const struct fg_command_service abandon_service = {"auction.fail", apply_abandon};

enum fg_code auction_abandon(struct fg_runs *runs, int64_t area, int64_t auction, int64_t run, int64_t claim, const char *cause,
                             struct fg_error *err)
{
    struct ending ending = {auction, run, claim, cause};
    struct fg_command command = {.kind = FG_COMMAND_SERVICE, .service = &abandon_service, .service_data = &ending};
    return fg_exchange_run(runs->options.exchange, area, &command, err);
}

/* ---- the result ---- */

/* Where the trade acts on the grid, so that continuous trading after the auction finds it on top of the network state. What
 * buys for a need injects nothing. */
#define BUS_NUMBER(bus) "COALESCE((SELECT k.number FROM area_bus k WHERE k.area_id = a.id AND k.bus = " bus "), -1)"

static enum fg_code load_trades(struct engine_area *area, int64_t auction, struct fg_book_trade **trades, size_t *count,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    bool row;
    *trades = NULL;
    *count = 0;
    enum fg_code code = fg_query(
        area->store, &sql, err,
        "SELECT t.sell_order_id, COALESCE(t.buy_order_id, 0), s.organisation_id, COALESCE(b.organisation_id, a.operator_id), "
        "s.portfolio_id, COALESCE(b.portfolio_id, -1), s.product, s.regulation, COALESCE(b.kind, $2), t.period, s.location_id, "
        "COALESCE(b.location_id, s.location_id), t.quantity_w, t.price_u, " BUS_NUMBER("s.bus") ", " BUS_NUMBER("b.bus AND b.kind = $3")
        " FROM auction_trade t JOIN auction u ON u.id = t.auction_id JOIN area a ON a.id = u.area_id "
        "JOIN auction_order s ON s.id = t.sell_order_id LEFT JOIN auction_order b ON b.id = "
        "t.buy_order_id WHERE t.auction_id = $1 ORDER BY t.line",
        "iii", auction, (int64_t)FG_REQUEST_NEED, (int64_t)FG_REQUEST_EXCHANGE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)trades, *count, &capacity, sizeof **trades) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        int column = 0;
#define NEXT() fg_sql_column_int64(sql, column++)
        struct fg_book_trade *trade = &(*trades)[(*count)++];
        *trade = (struct fg_book_trade){.initiator = FG_SIDE_SELL, .auction = (uint64_t)auction};
        trade->sell = (uint64_t)NEXT();
        trade->buy = (uint64_t)NEXT();
        trade->seller = (int32_t)NEXT();
        trade->buyer = (int32_t)NEXT();
        trade->portfolio = (int32_t)NEXT();
        trade->buyer_portfolio = (int32_t)NEXT();
        trade->flow.product = (enum fg_product)NEXT();
        trade->flow.regulation = (enum fg_regulation)NEXT();
        trade->flow.kind = (enum fg_request_kind)NEXT();
        trade->flow.period = (int32_t)NEXT();
        trade->flow.sell_location = engine_location_index(area, NEXT());
        trade->flow.buy_location = engine_location_index(area, NEXT());
        trade->quantity.w = NEXT();
        trade->price.uper_mwh = NEXT();
        trade->flow.sell_bus = (int32_t)NEXT();
        trade->flow.buy_bus = (int32_t)NEXT();
#undef NEXT
    }
    return code;
}

/* The set-points of each accepted order, to its owner: the change of injection that it is to bring about. */
static enum fg_code put_set_points(struct engine_area *area, int64_t auction, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_arena arena;
    bool row;
    char scope[FG_ID_TEXT], text[FG_DECIMAL_MAX], instant[FG_INSTANT_TEXT];
    struct fg_text data;
    fg_text_init(&data);
    fg_arena_init(&arena);
    enum fg_code code = fg_query(area->store, &sql, err,
                                 "SELECT o.id, o.organisation_id, o.side, o.product, o.regulation, o.kind, o.first_period, "
                                 "c.accepted FROM auction_outcome c JOIN auction_order o ON o.id = c.order_id WHERE c.auction_id = $1 "
                                 "AND c.status <> 'rejected' ORDER BY o.id",
                                 "i", auction);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_order order = {.side = (enum fg_side)fg_sql_column_int64(sql, 2),
                                 .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 4),
                                 .kind = (enum fg_request_kind)fg_sql_column_int64(sql, 5)};
        size_t count = 0;
        const int64_t *accepted = auction_read_blob(&arena, sql, 7, &count);
        struct fg_json_writer out;
        data.length = 0;
        fg_json_writer_init(&out, &data, false);
        fg_json_begin_object(&out, NULL);
        put_id(&out, "auction", FG_ID_AUCTION, auction);
        put_id(&out, "order", FG_ID_ORDER, fg_sql_column_int64(sql, 0));
        fg_json_put_string(&out, "product", fg_product_words[fg_sql_column_int64(sql, 3)]);
        fg_json_put_string(&out, "start",
                           fg_instant_format(fg_sql_column_int64(sql, 6) * area->settings.period_s, instant));
        fg_json_begin_row(&out, "accepted");
        for (size_t k = 0; accepted != NULL && k < count; k++)
            fg_json_put_string(&out, NULL, fg_decimal_format(accepted[k], 6, 0, text));
        fg_json_end_array(&out);
        fg_json_begin_row(&out, "set_points");
        for (size_t k = 0; accepted != NULL && k < count; k++)
            fg_json_put_string(&out, NULL, fg_decimal_format(fg_order_injection_sign(&order) * accepted[k], 6, 0, text));
        fg_json_end_array(&out);
        fg_json_end_object(&out);
        code = accepted == NULL ? fg_fail_memory(err)
                                : put_event(area, "auction.set_points",
                                            fg_id_text(FG_ID_ORGANISATION, fg_sql_column_int64(sql, 1), scope), &data, err);
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    fg_text_release(&data);
    fg_arena_release(&arena);
    return code;
}

static enum fg_code write_conclusion(struct engine_area *area, const struct ending *ending, struct fg_error *err)
{
    struct fg_sql *sql;
    char status[16], cause[600];
    enum fg_code code = fg_query_one(area->store, &sql, err, "SELECT certificate FROM run WHERE id = $1", "i", ending->run);
    if (code != FG_OK)
        return code;
    /* The certificate begins with the status; it and the explanation were written by the clearing. */
    json_t *certificate = json_loads(fg_sql_column_text(sql, 0) != NULL ? fg_sql_column_text(sql, 0) : "{}", 0, NULL);
    fg_sql_done(sql);
    const char *word = json_string_value(json_object_get(certificate, "status"));
    const char *why = json_string_value(json_object_get(certificate, "explanation"));
    bool is_partly = word != NULL && strcmp(word, "partly_solved") == 0;
    snprintf(status, sizeof status, "%s", is_partly ? "partly_solved" : "cleared");
    snprintf(cause, sizeof cause, "%s", is_partly && why != NULL ? why : "");
    json_decref(certificate);
    code = fg_change(area->store, NULL, err,
                     "UPDATE auction SET status = $2, cause = $3, ended_us = $4, summary = (SELECT certificate FROM run WHERE id = $5) "
                     "WHERE id = $1",
                     "ittii", ending->auction, status, cause[0] != '\0' ? cause : NULL, area->command->time_us, ending->run);
    return code == FG_OK ? put_state(area, "auction.result", ending->auction, status, NULL, err) : code;
}

static enum fg_refusal apply_conclude(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct ending *ending = command->service_data;
    struct auction auction;
    struct auction_reserves reserves = {0};
    struct fg_book_trade *trades = NULL;
    struct fg_error *err = &command->err;
    size_t count = 0;
    int64_t is_recorded = 0;
    enum fg_refusal refusal = read_auction(area, ending->auction, &auction, command, code);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK && (!is_in(&auction, "closed") || auction.run != ending->run))
        refusal = engine_refuse(err, FG_REFUSAL_AUCTION_STATE, "the auction does not wait for this result");
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK) {
        *code = fg_query_number(area->store, &is_recorded, err,
                                "SELECT is_recorded FROM run WHERE id = $1 AND claim = $2 AND state = 'running'", "ii", ending->run,
                                ending->claim);
        if (*code == FG_ERR_NOT_FOUND || (*code == FG_OK && is_recorded == 0)) {
            *code = FG_OK;
            refusal = engine_refuse(err, FG_REFUSAL_STATE, "the run was taken by another server, or has recorded nothing");
        }
    }
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = add_reserves(area, auction.id, 0, 0, -1, &reserves, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = load_trades(area, auction.id, &trades, &count, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        refusal = fg_book_conclude(area->book, command->time_us, reserves.items, reserves.count, trades, count, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK) {
        touch_reserves(area, &reserves);
        *code = auction_sealed_count(area, auction.id, 0, 0, -1, err);
    }
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = write_conclusion(area, ending, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK)
        *code = put_set_points(area, auction.id, err);
    if (refusal == FG_REFUSAL_NONE && *code == FG_OK) {
        refusal = run_end_inside(area, ending->run, ending->claim, "done", NULL, err, code);
        if (refusal != FG_REFUSAL_NONE && *code == FG_OK) /* looked at above, in this transaction */
            *code = fg_fail(err, FG_ERR_CORRUPT, NULL, "the run of auc-%lld ended while it was concluded", (long long)auction.id);
    }
    fg_free(reserves.items);
    fg_free(trades);
    return refusal;
}
static const struct fg_command_service conclude_service = {"auction.conclude", apply_conclude};

enum fg_code auction_conclude(struct fg_runs *runs, int64_t area, int64_t auction, int64_t run, int64_t claim, struct fg_error *err)
{
    struct ending ending = {auction, run, claim, NULL};
    struct fg_command command = {.kind = FG_COMMAND_SERVICE, .service = &conclude_service, .service_data = &ending};
    enum fg_code code = fg_exchange_run(runs->options.exchange, area, &command, err);
    if (code == FG_OK && command.refusal != FG_REFUSAL_NONE) {
        *err = command.err;
        code = command.refusal == FG_REFUSAL_STATE ? FG_ERR_FENCED : FG_ERR_CONFLICT;
    }
    return code;
}
