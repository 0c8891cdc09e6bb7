/* What the operators of a market do: the market operator halts, resumes, cancels erroneous trades (four eyes) and sends
 * messages; a system operator curtails trades that endanger its grid. */
#include "api/operations_orders.h"

#include "api/rows.h"
#include "api/trading_call.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYED (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)

static const struct fg_response taken_responses[] = {
    {200, "Durably taken", &trading_receipt, NULL,
     "{\"orders\":[],\"group\":null,\"cancelled\":0,\"sequence\":\"4711\",\"time\":\"2025-03-29T12:00:00Z\"}"},
    {0}};
static const struct fg_param trade_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"trade", &fg_schema_id, "Trade", true}, {0}};

/* The operator of this area, not of another one. */
static enum fg_code operator_of(struct fg_call *call, struct trading_party *party, struct fg_error *err)
{
    enum fg_code code = trading_party_of(call, party, err);
    if (code == FG_OK && party->id != party->facts->operator) {
        trading_party_release(party);
        code = fg_fail(err, FG_ERR_DENIED, NULL, "this market area has another operator");
    }
    return code;
}

/* A JSON object with one text, for events and the audit log; in the call's arena. */
static const char *one_text(struct fg_call *call, const char *key, const char *value)
{
    struct fg_text text;
    struct fg_json_writer out;
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, key, value);
    fg_json_end_object(&out);
    const char *copy = text.failed ? NULL : fg_arena_strdup(fg_call_arena(call), text.data);
    fg_text_release(&text);
    return copy;
}

/* ---- halt and resume ---- */
static const struct fg_field halt_fields[] = {
    {"location", &fg_schema_id, "Only this location and what is below it", 0},
    {"organisation", &fg_schema_id, "Only this participant", 0},
    {"reason", &trading_reason, "For the audit log and as a market message", FG_REQUIRED},
};
static const struct fg_schema halt_schema = FG_OBJECT("Halt", "Where trading stops; everywhere in the area when nothing is named", halt_fields);

static enum fg_code halt_or_resume(struct fg_call *call, enum fg_command_kind kind, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    int64_t location, organisation;
    enum fg_code code = trading_member_id(&body, "location", FG_ID_LOCATION, &location, err);
    if (code == FG_OK)
        code = trading_member_id(&body, "organisation", FG_ID_ORGANISATION, &organisation, err);
    if (code == FG_OK && location != 0 && organisation != 0)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "name a location or an organisation, not both");
    if (code == FG_OK)
        code = operator_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    if (organisation != 0 && fg_facts_organisation(party.facts, organisation) == NULL)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no organisation of this id");
    else if (item == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK) {
        struct fg_command *command = &item->command;
        command->kind = kind;
        command->scope = location != 0       ? FG_BOOK_SCOPE_LOCATION
                         : organisation != 0 ? FG_BOOK_SCOPE_PARTICIPANT
                                             : FG_BOOK_SCOPE_AREA;
        command->subject = location != 0 ? location : organisation;
        command->text = one_text(call, "reason", fg_member_text(&body, "reason", ""));
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}
static enum fg_code halt_trading(struct fg_call *call, struct fg_error *err)
{
    return halt_or_resume(call, FG_COMMAND_HALT, err);
}
static enum fg_code resume_trading(struct fg_call *call, struct fg_error *err)
{
    return halt_or_resume(call, FG_COMMAND_RESUME, err);
}

/* ---- trades taken back ---- */
static const struct fg_schema keep = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .minimum = 0, .maximum = 1000000000000};
static const struct fg_field cancel_fields[] = {
    {"keep", &keep, "MW that stay in force; 0 cancels the whole trade", FG_REQUIRED},
    {"reason", &trading_reason, "For the audit log", FG_REQUIRED},
    {"approval", &fg_schema_id, "Confirmed approval of another user (trade.cancel)", FG_REQUIRED},
};
static const struct fg_field curtail_fields[] = {
    {"keep", &keep, "MW that stay in force", FG_REQUIRED},
    {"reason", &trading_reason, "For the audit log", FG_REQUIRED},
};
static const struct fg_schema cancel_schema = FG_OBJECT("TradeCancellation", "An erroneous trade is taken back", cancel_fields);
static const struct fg_schema curtail_schema = FG_OBJECT("Curtailment", "A trade is cut for the grid's safety", curtail_fields);

struct approval {
    int64_t id;
    char object[2 * FG_ID_TEXT + 2];
};

/* Use the approval up: once, for this trade, confirmed by somebody else than the asker (the table sees to that). */
static enum fg_code use_approval(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    const struct approval *approval = context;
    struct fg_sql *sql;
    int64_t changes;
    enum fg_code code = fg_sql_prepare(store,
                                       "UPDATE approval SET status = 'used' WHERE id = $1 AND action = 'trade.cancel' AND "
                                       "object = $2 AND status = 'confirmed'",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, approval->id);
    fg_sql_text(sql, 2, approval->object);
    code = fg_sql_run(sql, &changes, err);
    return code == FG_OK && changes == 0
               ? fg_fail(err, FG_ERR_CONFLICT, NULL, "there is no confirmed approval of this id for %s", approval->object)
               : code;
}

struct sale {
    int64_t area, trade, location;
};
static enum fg_code find_sale(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct sale *sale = context;
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(store, "SELECT sell_location_id FROM book_trade WHERE area_id = $1 AND id = $2", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, sale->area);
    fg_sql_int64(sql, 2, sale->trade);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code == FG_ERR_NOT_FOUND ? fg_fail(err, code, NULL, "there is no such trade") : code;
    sale->location = fg_sql_column_int64(sql, 0);
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code send_reduction(struct fg_call *call, struct trading_item *item, const struct trading_party *party,
                                   int64_t trade, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    item->command.kind = FG_COMMAND_REDUCE_TRADE;
    item->command.trade = (uint64_t)trade;
    item->command.keep = (struct fg_power){fg_member_decimal(&body, "keep", 6, 0)};
    item->command.text = one_text(call, "reason", fg_member_text(&body, "reason", ""));
    return trading_send(call, item, party, err);
}

static enum fg_code cancel_trade(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct approval approval;
    struct fg_json_cursor body = fg_call_body(call);
    int64_t trade;
    enum fg_code code = trading_path_id(call, "trade", FG_ID_TRADE, &trade, err);
    if (code == FG_OK)
        code = trading_member_id(&body, "approval", FG_ID_APPROVAL, &approval.id, err);
    if (code == FG_OK)
        code = operator_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    snprintf(approval.object, sizeof approval.object, "area-%lld/trd-%lld", (long long)party.area, (long long)trade);
    code = item == NULL ? fg_fail_memory(err)
                        : fg_platform_run(trading_application(call)->platform, FG_STORE_WRITE, use_approval, &approval, err);
    if (code == FG_OK)
        code = send_reduction(call, item, &party, trade, err);
    trading_party_release(&party);
    return code;
}

static enum fg_code curtail_trade(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct sale sale = {0};
    enum fg_code code = trading_path_id(call, "trade", FG_ID_TRADE, &sale.trade, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    sale.area = party.area;
    struct trading_item *item = trading_items(call, &party, 1, false);
    code = item == NULL ? fg_fail_memory(err)
                        : fg_platform_run(trading_application(call)->platform, FG_STORE_READ, find_sale, &sale, err);
    if (code == FG_OK) {
        const struct fg_location_facts *location = fg_facts_location(party.facts, sale.location);
        if (location == NULL || location->operator != party.id)
            code = fg_fail(err, FG_ERR_DENIED, NULL, "the offer lies in another operator's grid");
    }
    if (code == FG_OK)
        code = send_reduction(call, item, &party, sale.trade, err);
    trading_party_release(&party);
    return code;
}

/* ---- messages ---- */
static const struct fg_schema message_text = {.kind = FG_SCHEMA_TEXT, .min_length = 1, .max_length = 1000, .lines = true};
static const struct fg_field message_entry_fields[] = {{"text", &message_text, "To everybody in the area", FG_REQUIRED}};
static const struct fg_field message_fields[] = {
    {"sequence", &fg_schema_sequence, "Event of the message", FG_REQUIRED},
    {"time", &fg_schema_instant, "Sent at", FG_REQUIRED},
    {"text", &message_text, "The message", FG_REQUIRED},
};
static const struct fg_schema message_entry = FG_OBJECT("MessageEntry", "A market message to be sent", message_entry_fields);
static const struct fg_schema message = FG_OBJECT("MarketMessage", "A message of the market operator", message_fields);
FG_PAGE_SCHEMA(message_page, &message, "MessagePage", "Market messages");
static const struct fg_response message_responses[] = {{200, "Messages of the last seven days, newest first", &message_page, NULL, NULL}, {0}};

static enum fg_code send_message(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    enum fg_code code = operator_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    const char *text = one_text(call, "text", fg_member_text(&body, "text", ""));
    if (item == NULL || text == NULL) {
        code = fg_fail_memory(err);
    } else {
        item->command.kind = FG_COMMAND_MESSAGE;
        item->command.text = text;
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

struct messages {
    struct fg_call *call;
    int64_t area;
};
static enum fg_code messages_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    const struct messages *messages = context;
    struct fg_call *call = messages->call;
    int64_t before = fg_call_position(call) != NULL ? strtoll(fg_call_position(call), NULL, 10) : INT64_MAX;
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "SELECT sequence, time_us, data FROM event WHERE area_id = $1 AND type = "
                                       "'market.message' AND sequence < $2 ORDER BY sequence DESC LIMIT $3",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, messages->area);
    fg_sql_int64(sql, 2, before);
    fg_sql_int64(sql, 3, fg_call_limit(call) + 1);
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err)) {
        json_t *data;
        const char *text = fg_sql_column_text(sql, 2);
        if ((code = fg_json_load_text(text, strlen(text), "event", &data, err)) != FG_OK)
            break;
        fg_json_begin_object(page.out, NULL);
        trading_put_sequence(page.out, "sequence", (uint64_t)page.last);
        trading_put_instant_us(page.out, "time", fg_sql_column_int64(sql, 1));
        fg_json_put_string(page.out, "text", json_string_value(json_object_get(data, "text")));
        fg_json_end_object(page.out);
        json_decref(data);
    }
    fg_page_end(&page);
    return code;
}

static enum fg_code list_messages(struct fg_call *call, struct fg_error *err)
{
    struct messages messages = {.call = call};
    enum fg_code code = trading_path_id(call, "area", FG_ID_AREA, &messages.area, err);
    return code == FG_OK
               ? fg_platform_run(trading_application(call)->platform, FG_STORE_READ, messages_work, &messages, err)
               : code;
}

/* ---- the table ---- */
#define HALT_EXAMPLE "{\"location\":\"loc-2\",\"reason\":\"Fault at feeder 3\"}"
static const struct fg_operation operations[] = {
    {.id = "halt-trading", .method = FG_POST, .path = "/v1/areas/{area}/halt", .api = FG_API_ATP, .tag = "Market operation",
     .summary = "Halt trading", .description = "Nothing is entered, amended or traded there; cancelling is allowed.",
     .right = "market.operate", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trading_area_path, .request = &halt_schema,
     .request_example = HALT_EXAMPLE, .responses = taken_responses, .handle = halt_trading},
    {.id = "resume-trading", .method = FG_POST, .path = "/v1/areas/{area}/resume", .api = FG_API_ATP, .tag = "Market operation",
     .summary = "Resume trading", .right = "market.operate", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trading_area_path,
     .request = &halt_schema, .request_example = HALT_EXAMPLE, .responses = taken_responses, .handle = resume_trading},
    {.id = "cancel-trade", .method = FG_POST, .path = "/v1/areas/{area}/trades/{trade}/cancel", .api = FG_API_ATP,
     .tag = "Market operation", .summary = "Take an erroneous trade back",
     .description = "In whole or down to `keep`. Needs an approval `trade.cancel` for `area-N/trd-M` that another user has "
                    "confirmed; it is used up. The capability is free again, the orders do not come back.",
     .right = "trades.cancel", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trade_path, .request = &cancel_schema,
     .request_example = "{\"keep\":\"0\",\"reason\":\"Price mistyped\",\"approval\":\"apv-3\"}", .responses = taken_responses,
     .handle = cancel_trade},
    {.id = "curtail-trade", .method = FG_POST, .path = "/v1/areas/{area}/trades/{trade}/curtail", .api = FG_API_ATP,
     .tag = "Market operation", .summary = "Cut a trade for the grid's safety",
     .description = "By the system operator of the offer's location.", .right = "trades.curtail", .flags = FG_OP_AT_OWNER | KEYED,
     .path_params = trade_path, .request = &curtail_schema,
     .request_example = "{\"keep\":\"0.5\",\"reason\":\"Line out\"}", .responses = taken_responses, .handle = curtail_trade},
    {.id = "send-market-message", .method = FG_POST, .path = "/v1/areas/{area}/messages", .api = FG_API_ATP,
     .tag = "Market operation", .summary = "Send a message to everybody in the area", .right = "market.operate", .flags = FG_OP_AT_OWNER | KEYED,
     .path_params = trading_area_path, .request = &message_entry, .request_example = "{\"text\":\"Auction at 14:00\"}",
     .responses = taken_responses, .handle = send_message},
    {.id = "list-market-messages", .method = FG_GET, .path = "/v1/areas/{area}/messages", .api = FG_API_ATP, .tag = "Market",
     .summary = "Market messages", .right = "book.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .responses = message_responses, .handle = list_messages},
};
const struct fg_operation_set fg_trading_floor_operations = FG_OPERATIONS(operations);
