#include "api/trading_call.h"

#include "base/instant.h"
#include "base/units.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const int64_t KEPT_US = INT64_C(48) * 3600 * 1000000;

struct trading_job {
    struct fg_call *call;
    struct trading_item *items;
    size_t count;
    atomic_size_t pending;
    bool is_batch;
};

/* ---- who and where ---- */

struct fg_application *trading_application(const struct fg_call *call)
{
    return fg_call_context(call);
}

enum fg_code trading_path_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id,
                             struct fg_error *err)
{
    const char *text = fg_call_text(call, name);
    return fg_id_parse(kind, text, id, NULL) == FG_OK
               ? FG_OK
               : fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no %s; it would look like %s-1", text, fg_id_word(kind));
}

enum fg_code trading_query_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id,
                              struct fg_error *err)
{
    const char *text = fg_call_text(call, name);
    *id = 0;
    return text == NULL ? FG_OK : fg_id_parse(kind, text, id, err);
}

enum fg_code trading_member_id(const struct fg_json_cursor *object, const char *key, enum fg_id_kind kind, int64_t *id,
                               struct fg_error *err)
{
    const char *text = fg_member_text(object, key, NULL);
    *id = 0;
    return text == NULL ? FG_OK : fg_id_parse(kind, text, id, err);
}

enum fg_code trading_party_of(struct fg_call *call, struct trading_party *party, struct fg_error *err)
{
    const struct fg_principal *who = fg_call_principal(call);
    *party = (struct trading_party){.roles = who->roles};
    enum fg_code code = trading_path_id(call, "area", FG_ID_AREA, &party->area, err);
    if (code == FG_OK)
        code = fg_exchange_facts(trading_application(call)->exchange, party->area, &party->facts, err);
    if (code != FG_OK)
        return code;
    fg_id_parse(FG_ID_ORGANISATION, who->organisation, &party->actor.organisation, NULL);
    fg_id_parse(FG_ID_USER, who->user, &party->actor.user, NULL);
    if (fg_id_parse(FG_ID_KEY, who->key, &party->actor.key, NULL) != FG_OK)
        fg_id_parse(FG_ID_SESSION, who->key, &party->actor.key, NULL);
    if (who->on_behalf_of[0] != '\0')
        fg_id_parse(FG_ID_ORGANISATION, who->on_behalf_of, &party->actor.on_behalf_of, NULL);
    party->id = party->actor.on_behalf_of != 0 ? party->actor.on_behalf_of : party->actor.organisation;
    return FG_OK;
}

void trading_party_release(struct trading_party *party)
{
    fg_facts_release(party->facts);
    party->facts = NULL;
}

bool trading_sees_all(const struct trading_party *party)
{
    return ((party->roles & FG_BIT(FG_ROLE_FMO)) != 0 && party->id == party->facts->operator) ||
           (party->roles & FG_BIT(FG_ROLE_REGULATOR)) != 0;
}

/* ---- parts of answers ---- */

void trading_put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number)
{
    char text[FG_ID_TEXT];
    fg_json_put_string(out, key, number != 0 ? fg_id_text(kind, number, text) : NULL);
}

void trading_put_decimal(struct fg_json_writer *out, const char *key, int64_t value_u)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value_u, 6, 0, text));
}

void trading_put_instant_us(struct fg_json_writer *out, const char *key, int64_t us)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_instant_format(us / 1000000, text));
}

void trading_put_sequence(struct fg_json_writer *out, const char *key, uint64_t sequence)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)sequence);
    fg_json_put_string(out, key, text);
}

/* ---- problems ---- */

#define UNPROCESSABLE(word, title) {"order." word, 422, title, "Correct what the detail names and enter it anew."}
static const struct fg_problem_kind refusals[FG_REFUSAL_COUNT] = {
    [FG_REFUSAL_ID_DUPLICATE] = UNPROCESSABLE("id_duplicate", "The identity is taken"),
    [FG_REFUSAL_QUANTITY_TICK] = UNPROCESSABLE("quantity_tick", "A quantity is no multiple of the tick"),
    [FG_REFUSAL_QUANTITY_RANGE] = UNPROCESSABLE("quantity_range", "A quantity is out of range"),
    [FG_REFUSAL_PRICE_STEP] = UNPROCESSABLE("price_step", "A price is no multiple of the price step"),
    [FG_REFUSAL_PRICE_RANGE] = UNPROCESSABLE("price_range", "A price is out of range"),
    [FG_REFUSAL_PRICE_ORDER] = UNPROCESSABLE("price_order", "The price points are in the wrong order"),
    [FG_REFUSAL_PRICE_SHORT] = UNPROCESSABLE("price_short", "The price curve ends before the largest quantity"),
    [FG_REFUSAL_PRICE_BLOCK] = UNPROCESSABLE("price_block", "A block has one price"),
    [FG_REFUSAL_PERIOD_RANGE] = UNPROCESSABLE("period_range", "A delivery period is out of range"),
    [FG_REFUSAL_FRACTION_RANGE] = UNPROCESSABLE("fraction_range", "The minimum fraction is out of range"),
    [FG_REFUSAL_KIND_SIDE] = UNPROCESSABLE("kind_side", "The kind does not fit the side"),
    [FG_REFUSAL_LOCATION] = UNPROCESSABLE("location", "The location is not one of the area's published locations"),
    [FG_REFUSAL_REGULATION] = UNPROCESSABLE("regulation", "The direction is not possible"),
    [FG_REFUSAL_ACCEPTANCE] = UNPROCESSABLE("acceptance", "Conditions of acceptance do not go together"),
    [FG_REFUSAL_ASSET] = UNPROCESSABLE("asset", "The asset belongs to somebody else"),
    [FG_REFUSAL_ASSET_REACTIVE] = UNPROCESSABLE("asset_reactive", "The asset has no reactive power of its own"),
    [FG_REFUSAL_LINK_FRACTION] = UNPROCESSABLE("link_fraction", "Linked orders need one fraction"),
    [FG_REFUSAL_LINK_CYCLE] = UNPROCESSABLE("link_cycle", "Orders are linked in a circle"),
    [FG_REFUSAL_LINK_PARTICIPANT] = UNPROCESSABLE("link_participant", "The parent belongs to somebody else"),
    [FG_REFUSAL_GROUP_FRACTION] = UNPROCESSABLE("group_fraction", "Members of a group need one fraction"),
    [FG_REFUSAL_PRODUCT] = UNPROCESSABLE("product", "The product is not traded in this way"),
    [FG_REFUSAL_TIME_ORDER] = UNPROCESSABLE("time_order", "Time went backwards"),
    [FG_REFUSAL_PERIOD_CLOSED] = {"order.period_closed", 409, "A delivery period is not open for trading",
                                  "Choose periods between gate opening and closure; see the area's products."},
    [FG_REFUSAL_HALTED] = {"order.halted", 409, "Trading is halted", "Wait until the market operator resumes trading."},
    [FG_REFUSAL_PARTICIPANT] = UNPROCESSABLE("participant", "Participant or portfolio is missing"),
    [FG_REFUSAL_VALIDITY] = UNPROCESSABLE("validity", "The validity is not possible"),
    [FG_REFUSAL_FILTER] = UNPROCESSABLE("filter", "Attributes have no meaning"),
    [FG_REFUSAL_CAPABILITY] = {"order.capability", 409, "The approved capability is used up",
                               "Offer less, cancel other orders of the portfolio, or have more capability prequalified."},
    [FG_REFUSAL_CAPABILITY_COMMITTED] = {"order.capability_committed", 409, "More is traded than the new capability",
                                         "Reduce the trades first."},
    [FG_REFUSAL_ORDER_UNKNOWN] = {"order.unknown", 404, "There is no such open order",
                                  "See the list of your open orders; it may have traded or been cancelled."},
    [FG_REFUSAL_ORDER_LOCKED] = {"order.locked", 409, "The order is forwarded to the balancing market",
                                 "Wait until it comes back."},
    [FG_REFUSAL_PARENT_UNKNOWN] = UNPROCESSABLE("parent_unknown", "The parent is no open order"),
    [FG_REFUSAL_GROUP_SIZE] = UNPROCESSABLE("group_size", "The group has too few or too many members"),
    [FG_REFUSAL_AMEND] = UNPROCESSABLE("amend", "The order cannot be amended"),
    [FG_REFUSAL_TRADE_UNKNOWN] = {"trade.unknown", 404, "There is no such trade", "See the list of trades."},
    [FG_REFUSAL_TRADE_QUANTITY] = {"trade.quantity", 422, "A trade can only be made smaller",
                                   "Give less than what is left of the trade."},
    [FG_REFUSAL_FORWARD] = UNPROCESSABLE("forward", "The order cannot be forwarded"),
    [FG_REFUSAL_NETWORK] = {"order.network", 409, "The network does not take it", "Ask for less."},
    [FG_REFUSAL_LIMIT] = {"limit.invalid", 422, "The limit contradicts itself", "Correct what the detail names and ask anew."},
    [FG_REFUSAL_LIMIT_PRICE] = {"order.limit_price", 409, "The price is outside the market's limits",
                                "Choose a price inside the limits that the detail names; see the area's limits."},
    [FG_REFUSAL_LIMIT_BAND] = {"order.limit_band", 409, "The price is too far from the last one",
                               "Choose a price inside the band that the detail names."},
    [FG_REFUSAL_LIMIT_SIZE] = {"order.limit_size", 409, "The order is larger than the market allows",
                               "Enter several smaller orders, or less."},
    [FG_REFUSAL_LIMIT_ORDERS] = {"order.limit_orders", 409, "Too many orders are open", "Cancel other orders first."},
    [FG_REFUSAL_LIMIT_EXPOSURE] = {"order.limit_exposure", 409, "The exposure limit is used up",
                                   "Ask for less, cancel other requests, or wait until purchases are settled."},
    [FG_REFUSAL_CONTRACT] = {"order.contract", 409, "The order belongs to a contract",
                             "It is withdrawn with the contract; see the contract's state."},
    [FG_REFUSAL_APPROVAL] = {"approval.missing", 409, "Another user has to confirm",
                             "Ask for approval of exactly this, let another user confirm it, and repeat."},
    [FG_REFUSAL_STATE] = {"market.state", 409, "The market is in this state already", "Nothing is to be done."},
    [FG_REFUSAL_AUCTION] = {"auction.unknown", 404, "There is no such auction that takes orders", "See the list of auctions."},
    [FG_REFUSAL_AUCTION_CLOSED] = {"auction.closed", 409, "The auction takes no orders now",
                                   "See its opening and closure; enter orders between them."},
    [FG_REFUSAL_AUCTION_STATE] = {"auction.state", 409, "The auction's state does not allow it", "See its status."},
    [FG_REFUSAL_OUT_OF_MEMORY] = {"server.unavailable", 503, "The server cannot answer at the moment", "Repeat the request."},
};

const struct fg_problem_kind *trading_refusal_kind(enum fg_refusal refusal)
{
    const struct fg_problem_kind *kind = &refusals[refusal];
    return kind->key != NULL ? kind : &refusals[FG_REFUSAL_PRODUCT];
}

static void put_problem(struct fg_call *call, struct fg_command *command, const struct fg_problem_kind *kind,
                        const char *text)
{
    char type[120];
    struct fg_json_writer out;
    snprintf(type, sizeof type, "/docs#%s", kind->key);
    command->answer.length = 0;
    command->status = kind->status;
    fg_json_writer_init(&out, &command->answer, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "type", type);
    fg_json_put_string(&out, "title", kind->title);
    fg_json_put_integer(&out, "status", kind->status);
    fg_json_put_string(&out, "key", kind->key);
    fg_json_put_string(&out, "detail", text);
    fg_json_put_string(&out, "remedy", kind->remedy);
    fg_json_put_string(&out, "request_id", fg_call_request_id(call));
    fg_json_end_object(&out);
}

struct fg_call *trading_item_call(const struct trading_item *item)
{
    return item->job->call;
}
struct fg_arena *trading_item_arena(const struct trading_item *item)
{
    return fg_call_arena(item->job->call);
}

void trading_refuse(struct trading_item *item, const struct fg_problem_kind *kind, const char *text)
{
    put_problem(item->job->call, &item->command, kind, text);
    item->is_answered = true;
}

/* ---- the engine's side ---- */

static void put_remaining(struct fg_json_writer *out, const struct fg_book *book, uint64_t id, struct fg_arena *arena)
{
    struct fg_book_order_state state;
    if (!fg_book_find_order(book, id, &state, NULL, NULL)) {
        fg_json_put_null(out, "remaining");
        return;
    }
    size_t count = (size_t)state.order.period_count;
    struct fg_power *room = fg_arena_alloc(arena, 2 * count, sizeof *room);
    if (room == NULL) {
        out->text->failed = true;
        return;
    }
    fg_book_find_order(book, id, &state, room, room + count);
    fg_json_begin_row(out, "remaining");
    for (size_t k = 0; k < count; k++)
        trading_put_decimal(out, NULL, room[k].w - room[count + k].w);
    fg_json_end_array(out);
}

/* The receipt of a command that was applied, or the problem that it was refused with. */
bool trading_render_refusal(struct fg_command *command)
{
    struct trading_item *item = command->context;
    if (command->refusal == FG_REFUSAL_NONE)
        return false;
    const char *text = strstr(command->err.text, "] ");
    put_problem(item->job->call, command, trading_refusal_kind(command->refusal), text != NULL ? text + 2 : command->err.text);
    return true;
}

static void render(struct fg_command *command, const struct fg_book *book)
{
    struct trading_item *item = command->context;
    struct fg_call *call = item->job->call;
    if (trading_render_refusal(command))
        return;
    struct fg_json_writer out;
    struct fg_arena *arena = fg_call_arena(call);
    uint64_t first = command->kind == FG_COMMAND_SUBMIT    ? command->first_order
                     : command->kind == FG_COMMAND_AMEND   ? command->amendment.order
                                                           : command->order;
    size_t count = command->kind == FG_COMMAND_SUBMIT ? command->order_count : first != 0;
    command->status = command->kind == FG_COMMAND_SUBMIT ? 201 : 200;
    command->answer.length = 0;
    fg_json_writer_init(&out, &command->answer, false);
    fg_json_begin_object(&out, NULL);
    fg_json_begin_array(&out, "orders");
    for (size_t i = 0; i < count; i++) {
        fg_json_begin_row_object(&out, NULL);
        trading_put_id(&out, "order", FG_ID_ORDER, (int64_t)(first + i));
        put_remaining(&out, book, first + i, arena);
        fg_json_end_object(&out);
    }
    fg_json_end_array(&out);
    trading_put_id(&out, "group", FG_ID_GROUP, (int64_t)command->group);
    fg_json_put_integer(&out, "cancelled", (int64_t)command->cancelled);
    trading_put_sequence(&out, "sequence", command->event_last);
    trading_put_instant_us(&out, "time", command->time_us);
    fg_json_end_object(&out);
}

/* ---- the end ---- */

static void put_batch(struct trading_job *job)
{
    struct fg_json_writer *out = fg_call_json(job->call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (size_t i = 0; i < job->count; i++) {
        struct fg_command *command = &job->items[i].command;
        fg_json_begin_row_object(out, NULL);
        fg_json_put_integer(out, "status", command->status);
        fg_json_put_bool(out, "replayed", command->replayed);
        fg_json_put_raw(out, command->status < 300 ? "receipt" : "problem",
                        command->answer.data != NULL ? command->answer.data : "null");
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
}

static void finish(struct trading_job *job)
{
    struct fg_call *call = job->call;
    struct fg_command *first = &job->items[0].command;
    enum fg_code code = FG_OK;
    struct fg_error err = {0};
    bool failed = false;
    for (size_t i = 0; i < job->count; i++)
        failed = failed || job->items[i].command.answer.failed;
    if (failed) {
        code = fg_fail_memory(&err);
    } else if (job->is_batch) {
        put_batch(job);
    } else if (job->items[0].has_failed) {
        code = first->code;
        err = first->err;
    } else {
        fg_call_bytes(call, first->status, first->status < 300 ? "application/json" : "application/problem+json",
                      first->answer.data != NULL ? first->answer.data : "", first->answer.length);
        if (first->replayed && !first->other_request)
            fg_call_header(call, "Idempotent-Replayed", "true");
    }
    for (size_t i = 0; i < job->count; i++)
        fg_text_release(&job->items[i].command.answer);
    fg_call_finish(call, code, &err);
}

static void let_go(struct trading_job *job, size_t count)
{
    if (count > 0 && atomic_fetch_sub(&job->pending, count) == count)
        finish(job);
}

static void settle(struct trading_item *item)
{
    struct fg_command *command = &item->command;
    if (command->code != FG_OK) {
        item->has_failed = true;
        put_problem(item->job->call, command, fg_problem_kind(FG_PROBLEM_UNAVAILABLE), command->err.text);
    } else if (command->other_request) {
        put_problem(item->job->call, command, fg_problem_kind(FG_PROBLEM_KEY_REUSED),
                    "within 48 hours a key stands for one request");
    }
}

static void done(struct fg_command *command)
{
    struct trading_item *item = command->context;
    settle(item);
    let_go(item->job, 1);
}

/* ---- keys that were used before ---- */

enum { KEYS_AT_ONCE = 50 };

struct look_up {
    struct trading_item *items;
    size_t count;
    const char *owner;
};

static void take_kept(struct trading_item *item, struct fg_sql *sql)
{
    struct fg_command *command = &item->command;
    size_t size = 0;
    const void *hash = fg_sql_column_blob(sql, 1, &size);
    command->replayed = true;
    command->other_request = size != FG_SECRET_HASH || memcmp(hash, command->key_hash, size) != 0;
    command->status = (int)fg_sql_column_int64(sql, 2);
    command->answer.length = 0;
    const char *body = fg_sql_column_blob(sql, 3, &size);
    fg_text_append(&command->answer, body, size);
    item->is_answered = true;
}

static enum fg_code look_up_some(struct fg_platform *platform, struct fg_store *store, struct trading_item *items,
                                 size_t count, const char *owner, struct fg_error *err)
{
    static const char text[] =
        "SELECT key, hash, status, body, expires_us FROM idempotency WHERE owner = $1 AND key IN ($2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, "
        "$32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51)";
    const int64_t now_us = fg_platform_now_us(platform);
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, owner);
    for (size_t i = 0; i < count; i++)
        if (items[i].command.owner[0] != '\0' && !items[i].is_answered)
            fg_sql_text(sql, (int)i + 2, items[i].command.key);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        for (size_t i = 0; i < count && fg_sql_column_int64(sql, 4) > now_us; i++)
            if (!items[i].is_answered && items[i].command.owner[0] != '\0' &&
                strcmp(items[i].command.key, fg_sql_column_text(sql, 0)) == 0)
                take_kept(&items[i], sql);
    }
}

static enum fg_code look_up(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct look_up *all = context;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < all->count; i += KEYS_AT_ONCE)
        code = look_up_some(platform, store, all->items + i,
                            all->count - i < KEYS_AT_ONCE ? all->count - i : KEYS_AT_ONCE, all->owner, err);
    return code;
}

/* ---- the caller's side ---- */

struct trading_item *trading_items(struct fg_call *call, const struct trading_party *party, size_t count, bool is_batch)
{
    struct fg_arena *arena = fg_call_arena(call);
    struct trading_job *job = fg_arena_alloc(arena, 1, sizeof *job);
    struct trading_item *items = fg_arena_alloc(arena, count, sizeof *items);
    const char *key;
    if (job == NULL || items == NULL)
        return NULL;
    *job = (struct trading_job){.call = call, .items = items, .count = count, .is_batch = is_batch};
    for (size_t i = 0; i < count; i++) {
        struct fg_command *command = &items[i].command;
        items[i].job = job;
        command->actor = party->actor;
        command->participant = party->id;
        command->render = render;
        command->done = done;
        command->context = &items[i];
        fg_text_init(&command->answer);
    }
    /* The server has looked up the key of a single request. */
    if (!is_batch && fg_call_idempotency(call, &key, items[0].command.key_hash)) {
        const struct fg_principal *who = fg_call_principal(call);
        struct fg_command *command = &items[0].command;
        snprintf(command->owner, sizeof command->owner, "%s/%s/%s", who->organisation, who->user, who->on_behalf_of);
        snprintf(command->key, sizeof command->key, "%s", key);
        command->key_expires_us = fg_platform_now_us(trading_application(call)->platform) + KEPT_US;
    }
    return items;
}

void trading_drop(struct trading_item *items)
{
    for (size_t i = 0; i < items[0].job->count; i++)
        fg_text_release(&items[i].command.answer);
}

enum fg_code trading_item_key(struct trading_item *item, const char *key, const struct fg_json_cursor *body,
                              struct fg_error *err)
{
    if (key == NULL)
        return FG_OK;
    struct fg_call *call = item->job->call;
    struct fg_command *command = &item->command;
    const struct fg_principal *who = fg_call_principal(call);
    enum fg_code code = fg_item_hash(body, command->key_hash, err);
    /* One key stands for one item in one area. */
    const char *area = fg_call_text(call, "area");
    for (size_t i = 0; area[i] != '\0'; i++)
        command->key_hash[i % FG_SECRET_HASH] ^= (unsigned char)area[i];
    snprintf(command->owner, sizeof command->owner, "%s/%s/%s", who->organisation, who->user, who->on_behalf_of);
    snprintf(command->key, sizeof command->key, "%s", key);
    command->key_expires_us = fg_platform_now_us(trading_application(call)->platform) + KEPT_US;
    return code;
}

enum fg_code trading_send(struct fg_call *call, struct trading_item *items, const struct trading_party *party,
                          struct fg_error *err)
{
    struct trading_job *job = items[0].job;
    struct fg_command *commands[TRADING_ITEMS_MAX];
    enum fg_code code = FG_OK;
    bool has_keys = false;
    for (size_t i = 0; i < job->count; i++)
        has_keys = has_keys || (items[i].command.owner[0] != '\0' && !items[i].is_answered);
    if (job->is_batch && has_keys) {
        struct look_up all = {items, job->count, NULL};
        for (size_t i = 0; i < job->count && all.owner == NULL; i++)
            if (items[i].command.owner[0] != '\0')
                all.owner = items[i].command.owner;
        code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, look_up, &all, err);
    }
    size_t count = 0;
    for (size_t i = 0; i < job->count; i++) {
        if (items[i].is_answered)
            settle(&items[i]);
        else
            commands[count++] = &items[i].command;
    }
    atomic_store(&job->pending, count + 1);
    fg_call_defer(call);
    if (code == FG_OK && count > 0)
        code = fg_exchange_submit(trading_application(call)->exchange, party->area, commands, count, err);
    if (code != FG_OK) {
        trading_drop(items);
        return code; /* the server ends the call */
    }
    let_go(job, 1);
    return FG_OK;
}

/* ---- schemas ---- */

const char *const trading_direction_words[] = {"up", "down", NULL};
static const char *const kind_words[] = {"need", "exchange", NULL};
const struct fg_schema trading_side = {.kind = FG_SCHEMA_ENUM, .name = "Side", .words = fg_side_words,
                                       .description = "sell: FlexOffer; buy: FlexRequest"};
const struct fg_schema trading_product = {.kind = FG_SCHEMA_ENUM, .name = "TradedProduct", .words = fg_product_words,
                                          .description = "Energy, or capacity held ready"};
const struct fg_schema trading_regulation = {.kind = FG_SCHEMA_ENUM, .name = "Regulation", .words = trading_direction_words,
                                             .description = "up: more net injection; down: less"};
const struct fg_schema trading_request_kind = {
    .kind = FG_SCHEMA_ENUM, .name = "RequestKind", .words = kind_words,
    .description = "need: a system operator pays for net change; exchange: the buyer moves by the opposite amount"};
const struct fg_schema trading_reason = {.kind = FG_SCHEMA_TEXT, .name = "Reason", .description = "Why, in a sentence",
                                         .min_length = 1, .max_length = 200, .example = "\"Fault at feeder 3\""};
const struct fg_param trading_area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};

static const struct fg_schema remaining = FG_ARRAY(&fg_schema_power, 0, FG_BOOK_PERIODS_MAX);
static const struct fg_field receipt_order_fields[] = {
    {"order", &fg_schema_id, "The order", FG_REQUIRED},
    {"remaining", &remaining, "What is open of it in each period; null when it has left the book", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema receipt_order = FG_OBJECT("ReceiptOrder", "An order after the command", receipt_order_fields);
static const struct fg_schema receipt_orders = FG_ARRAY(&receipt_order, 0, FG_BOOK_GROUP_MAX);
static const struct fg_field receipt_fields[] = {
    {"orders", &receipt_orders, "The orders that the command named or entered", FG_REQUIRED},
    {"group", &fg_schema_id, "The group that was entered", FG_REQUIRED | FG_NULLABLE},
    {"cancelled", &fg_schema_count, "Orders that a mass cancellation withdrew", FG_REQUIRED},
    {"sequence", &fg_schema_sequence, "Last event of the command in the area", FG_REQUIRED},
    {"time", &fg_schema_instant, "When the market took it", FG_REQUIRED},
};
const struct fg_schema trading_receipt = FG_OBJECT("Receipt", "What the market has durably taken", receipt_fields);
