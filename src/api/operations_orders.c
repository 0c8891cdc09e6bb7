/* Orders of the participants: entering, amending, cancelling, alone and in batches; lists; trading sessions. */
#include "api/operations_orders.h"

#include "api/trading_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYED (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)
#define RECEIPT_EXAMPLE                                                                                                \
    "{\"orders\":[{\"order\":\"ord-15\",\"remaining\":[\"1.5\",\"1.5\"]}],\"group\":null,\"cancelled\":0,"              \
    "\"sequence\":\"4711\",\"time\":\"2025-03-29T12:00:00Z\"}"

static const struct fg_response entered_responses[] = {
    {201, "Durably taken", &trading_receipt, NULL, RECEIPT_EXAMPLE}, {0}};
static const struct fg_response taken_responses[] = {
    {200, "Durably taken", &trading_receipt, NULL, RECEIPT_EXAMPLE}, {0}};
static const struct fg_param order_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"order", &fg_schema_id, "Order", true}, {0}};

/* ---- one order ---- */

static enum fg_code enter_order(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    code = item != NULL ? trading_make_room(call, item, 1, err) : fg_fail_memory(err);
    if (code == FG_OK)
        code = trading_read_order(item, &party, 0, &body, err);
    if (code == FG_OK)
        code = trading_send(call, item, &party, err);
    trading_party_release(&party);
    return code;
}

/* Amend or cancel the order in the path. */
static enum fg_code change_order(struct fg_call *call, bool is_amendment, struct fg_error *err)
{
    struct trading_party party;
    int64_t order;
    struct fg_json_cursor body = fg_call_body(call);
    enum fg_code code = trading_path_id(call, "order", FG_ID_ORDER, &order, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    if (item == NULL)
        code = fg_fail_memory(err);
    else if (is_amendment)
        code = trading_read_amendment(call, item, (uint64_t)order, &body, err);
    else {
        item->command.kind = FG_COMMAND_CANCEL;
        item->command.order = (uint64_t)order;
    }
    if (code == FG_OK)
        code = trading_send(call, item, &party, err);
    trading_party_release(&party);
    return code;
}
static enum fg_code amend_order(struct fg_call *call, struct fg_error *err)
{
    return change_order(call, true, err);
}
static enum fg_code cancel_order(struct fg_call *call, struct fg_error *err)
{
    return change_order(call, false, err);
}

/* ---- groups ---- */
static const struct fg_schema group_orders = FG_ARRAY(&trading_order_entry, 2, FG_BOOK_GROUP_MAX);
static const struct fg_field group_fields[] = {
    {"kind", &trading_group_kind, "Rule of the group", FG_REQUIRED},
    {"orders", &group_orders, "Members: blocks or orders of one period; entered whole or not at all", FG_REQUIRED},
};
static const struct fg_schema group = FG_OBJECT("OrderGroup", "Orders under one rule", group_fields);

static enum fg_code enter_group(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call), orders = fg_json_member(&body, "orders");
    size_t count = fg_json_count(&orders);
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    code = item != NULL ? trading_make_room(call, item, count, err) : fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < count && !item->is_answered; i++) {
        struct fg_json_cursor at = fg_json_item(&orders, i);
        code = trading_read_order(item, &party, i, &at, err);
    }
    if (code == FG_OK) {
        item->command.group_kind = (enum fg_group_kind)fg_member_word(&body, "kind", fg_group_kind_words, 0);
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

/* ---- batches ---- */
static const char *const action_words[] = {"enter", "amend", "cancel", NULL};
static const struct fg_schema action = FG_ENUM("BatchAction", "What an item does", action_words);
static const struct fg_schema item_key = FG_TEXT(1, 255);
static const struct fg_field enter_fields[] = {
    {"action", &action, "enter", FG_REQUIRED},
    {"key", &item_key, "Idempotency key of this item", 0},
    {"order", &trading_order_entry, "The order", FG_REQUIRED},
};
static const struct fg_field amend_fields[] = {
    {"action", &action, "amend", FG_REQUIRED},
    {"key", &item_key, "Idempotency key of this item", 0},
    {"id", &fg_schema_id, "The order", FG_REQUIRED},
    {"change", &trading_amendment, "What changes", FG_REQUIRED},
};
static const struct fg_field cancel_fields[] = {
    {"action", &action, "cancel", FG_REQUIRED},
    {"key", &item_key, "Idempotency key of this item", 0},
    {"id", &fg_schema_id, "The order", FG_REQUIRED},
};
static const struct fg_schema enter_item = FG_OBJECT("BatchEnter", "Enter an order", enter_fields);
static const struct fg_schema amend_item = FG_OBJECT("BatchAmend", "Amend an order", amend_fields);
static const struct fg_schema cancel_item = FG_OBJECT("BatchCancel", "Cancel an order", cancel_fields);
static const struct fg_schema *const item_variants[] = {&enter_item, &amend_item, &cancel_item, NULL};
static const struct fg_schema batch_item = {.kind = FG_SCHEMA_UNION, .name = "BatchItem", .description = "One step of a batch",
                                            .discriminator = "action", .variants = item_variants};
static const struct fg_schema batch_items = FG_ARRAY(&batch_item, 1, TRADING_BATCH_MAX);
static const struct fg_field batch_fields[] = {{"items", &batch_items, "Applied in this order, each by itself", FG_REQUIRED}};
static const struct fg_schema batch = FG_OBJECT("Batch", "Orders, amendments and cancellations together", batch_fields);

static const struct fg_schema item_status = FG_INTEGER(200, 599);
static const struct fg_schema line = FG_TEXT(0, 1000);
static const struct fg_field item_problem_fields[] = {
    {"type", &line, "Address of the explanation", FG_REQUIRED}, {"title", &line, "The kind of problem", FG_REQUIRED},
    {"status", &item_status, "As if it were alone", FG_REQUIRED}, {"key", &line, "Stable key", FG_REQUIRED},
    {"detail", &line, "This occurrence", FG_REQUIRED},           {"remedy", &line, "What to do", FG_REQUIRED},
    {"request_id", &line, "The request", FG_REQUIRED},
};
static const struct fg_schema item_problem = FG_OBJECT("ItemProblem", "Why an item was not taken", item_problem_fields);
static const struct fg_field result_fields[] = {
    {"status", &item_status, "HTTP status as if the item were alone", FG_REQUIRED},
    {"replayed", &fg_schema_boolean, "Answered before under its key", FG_REQUIRED},
    {"receipt", &trading_receipt, "When taken", 0},
    {"problem", &item_problem, "When not taken", 0},
};
static const struct fg_schema result = FG_OBJECT("BatchResult", "Result of an item", result_fields);
static const struct fg_schema results = FG_ARRAY(&result, 1, TRADING_BATCH_MAX);
static const struct fg_field batch_answer_fields[] = {{"items", &results, "In the order of the request", FG_REQUIRED}};
static const struct fg_schema batch_answer = FG_OBJECT("BatchAnswer", "Results of a batch", batch_answer_fields);
static const struct fg_response batch_responses[] = {
    {200, "Each item's result", &batch_answer, NULL,
     "{\"items\":[{\"status\":201,\"replayed\":false,\"receipt\":" RECEIPT_EXAMPLE "}]}"},
    {0}};

static const struct fg_problem_kind bad_id = {"order.unknown", 404, "There is no such open order",
                                              "See the list of your open orders; it may have traded or been cancelled."};

static enum fg_code read_item(struct fg_call *call, struct trading_item *item, const struct trading_party *party,
                              const struct fg_json_cursor *at, struct fg_error *err)
{
    int what = fg_member_word(at, "action", action_words, 0);
    int64_t order = 0;
    enum fg_code code = trading_item_key(item, fg_member_text(at, "key", NULL), at, err);
    if (code != FG_OK)
        return code;
    if (what == 0) {
        struct fg_json_cursor entry = fg_json_member(at, "order");
        code = trading_make_room(call, item, 1, err);
        return code == FG_OK ? trading_read_order(item, party, 0, &entry, err) : code;
    }
    if (trading_member_id(at, "id", FG_ID_ORDER, &order, err) != FG_OK) {
        trading_refuse(item, &bad_id, err->text);
        return FG_OK;
    }
    if (what == 1) {
        struct fg_json_cursor change = fg_json_member(at, "change");
        return trading_read_amendment(call, item, (uint64_t)order, &change, err);
    }
    item->command.kind = FG_COMMAND_CANCEL;
    item->command.order = (uint64_t)order;
    return FG_OK;
}

static enum fg_code enter_batch(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "items");
    size_t count = fg_json_count(&list);
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *items = trading_items(call, &party, count, true);
    if (items == NULL)
        code = fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor at = fg_json_item(&list, i);
        code = read_item(call, &items[i], &party, &at, err);
    }
    if (code == FG_OK)
        code = trading_send(call, items, &party, err);
    trading_party_release(&party);
    return code;
}

/* ---- mass cancellation ---- */
static const struct fg_schema session_number = FG_INTEGER(1, (int64_t)1 << 53);
static const struct fg_field mass_fields[] = {
    {"portfolio", &fg_schema_id, "Only of this portfolio", 0},
    {"location", &fg_schema_id, "Only at this location and below", 0},
    {"session", &session_number, "Only of this trading session", 0},
};
static const struct fg_schema mass = FG_OBJECT("MassCancellation", "Which own orders; all conditions must hold", mass_fields);

static enum fg_code cancel_orders(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    int64_t portfolio, location;
    enum fg_code code = trading_member_id(&body, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code == FG_OK)
        code = trading_member_id(&body, "location", FG_ID_LOCATION, &location, err);
    if (code == FG_OK && (portfolio > FG_BOOK_INDEX_MAX || location > INT32_MAX))
        code = fg_fail(err, FG_ERR_VALUE, NULL, "there is no such portfolio or location");
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    if (item == NULL) {
        code = fg_fail_memory(err);
    } else {
        item->command.kind = FG_COMMAND_MASS_CANCEL;
        item->command.filter = (struct fg_book_filter){
            .participant = (int32_t)party.id, .portfolio = portfolio != 0 ? (int32_t)portfolio : -1,
            .location = (int32_t)location,
            .spares_contracts = true,
            .session = (uint64_t)json_integer_value(json_object_get(body.value, "session"))};
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

/* ---- lists ---- */
FG_PAGE_SCHEMA(order_page, &trading_order, "OrderPage", "Orders");
static const struct fg_response order_page_responses[] = {{200, "Orders, newest first", &order_page, NULL, NULL}, {0}};
static const struct fg_response order_responses[] = {{200, "The order", &trading_order, NULL, NULL}, {0}};
static const struct fg_param list_query[] = {
    {"status", &trading_order_status, "Only in this state", false},
    {"portfolio", &fg_schema_id, "Only of this portfolio", false},
    {"organisation", &fg_schema_id, "Of whom: for the market operator and the regulator", false},
    {0}};

struct list {
    struct fg_call *call;
    const struct trading_party *party;
    int64_t organisation, portfolio, order, before; /* order: one of them; 0: a page */
};

static enum fg_code list_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    const struct list *list = context;
    struct fg_call *call = list->call;
    struct fg_sql *sql;
    char position[24];
    const char *status = list->order != 0 ? NULL : fg_call_text(call, "status");
    int64_t limit = list->order != 0 ? 1 : fg_call_limit(call), count = 0, last = 0;
    enum fg_code code = fg_sql_prepare(
        store,
        list->organisation != 0
            ? "SELECT " TRADING_ORDER_COLUMNS " FROM book_order WHERE area_id = $1 AND organisation_id = $2 AND id < $3 AND "
              "($4 = '' OR status = $4) AND ($5 = 0 OR portfolio_id = $5) AND ($7 = 0 OR id = $7) ORDER BY id DESC LIMIT $6"
            : "SELECT " TRADING_ORDER_COLUMNS " FROM book_order WHERE area_id = $1 AND $2 = 0 AND id < $3 AND "
              "($4 = '' OR status = $4) AND ($5 = 0 OR portfolio_id = $5) AND ($7 = 0 OR id = $7) ORDER BY id DESC LIMIT $6",
        &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, list->party->area);
    fg_sql_int64(sql, 2, list->organisation);
    fg_sql_int64(sql, 3, list->before);
    fg_sql_text(sql, 4, status != NULL ? status : "");
    fg_sql_int64(sql, 5, list->portfolio);
    fg_sql_int64(sql, 6, limit + (list->order == 0));
    fg_sql_int64(sql, 7, list->order);
    struct fg_json_writer *out = fg_call_json(call, 200);
    if (list->order == 0) {
        fg_json_begin_object(out, NULL);
        fg_json_begin_array(out, "items");
    }
    bool has_more = false;
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK)
            return code;
        if (!row || (has_more = count == limit))
            break;
        trading_put_order(out, sql, list->party->facts->period_s);
        last = fg_sql_column_int64(sql, 0);
        count++;
    }
    fg_sql_done(sql);
    if (list->order != 0)
        return count > 0 ? FG_OK : fg_fail(err, FG_ERR_NOT_FOUND, NULL, "you have no such order");
    fg_json_end_array(out);
    snprintf(position, sizeof position, "%lld", (long long)last);
    fg_call_put_next(call, out, has_more ? position : NULL);
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code list_orders(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct list list = {.call = call, .party = &party, .before = INT64_MAX};
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    if (fg_call_position(call) != NULL)
        list.before = strtoll(fg_call_position(call), NULL, 10);
    code = trading_query_id(call, "portfolio", FG_ID_PORTFOLIO, &list.portfolio, err);
    if (code == FG_OK)
        code = trading_query_id(call, "organisation", FG_ID_ORGANISATION, &list.organisation, err);
    if (code == FG_OK && !trading_sees_all(&party)) {
        if (list.organisation != 0 && list.organisation != party.id)
            code = fg_fail(err, FG_ERR_DENIED, NULL, "orders of others are not shown");
        list.organisation = party.id;
    }
    if (code == FG_OK)
        code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, list_work, &list, err);
    trading_party_release(&party);
    return code;
}

static enum fg_code get_order(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct list list = {.call = call, .party = &party, .before = INT64_MAX};
    enum fg_code code = trading_path_id(call, "order", FG_ID_ORDER, &list.order, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    list.organisation = trading_sees_all(&party) ? 0 : party.id;
    code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, list_work, &list, err);
    trading_party_release(&party);
    return code;
}

/* ---- trading sessions ---- */
static const struct fg_schema timeout = FG_INTEGER(FG_SESSION_TIMEOUT_MIN_S, FG_SESSION_TIMEOUT_MAX_S);
static const struct fg_field session_entry_fields[] = {
    {"timeout_s", &timeout, "Silence after which the session's orders are cancelled", FG_REQUIRED}};
static const struct fg_schema session_entry = FG_OBJECT("TradingSessionEntry", "A trading session to be opened", session_entry_fields);
static const struct fg_field session_fields[] = {{"session", &session_number, "Its number, for orders", FG_REQUIRED},
                                                 {"timeout_s", &timeout, "Time-out", FG_REQUIRED}};
static const struct fg_schema session_object = FG_OBJECT("TradingSession", "A trading session", session_fields);
static const struct fg_response session_responses[] = {
    {201, "Open", &session_object, NULL, "{\"session\":7,\"timeout_s\":30}"}, {0}};
static const struct fg_response empty_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_param session_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"session", &session_number, "Trading session", true}, {0}};

static enum fg_code open_session(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    int64_t seconds = json_integer_value(json_object_get(body.value, "timeout_s")), session;
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    code = fg_exchange_session_open(trading_application(call)->exchange, party.area, &party.actor, seconds, &session, err);
    trading_party_release(&party);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 201);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "session", session);
    fg_json_put_integer(out, "timeout_s", seconds);
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code beat(struct fg_call *call, bool end, struct fg_error *err)
{
    struct trading_party party;
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    code = fg_exchange_session_beat(trading_application(call)->exchange, party.area, party.id,
                                    fg_call_integer(call, "session", 0), end, err);
    trading_party_release(&party);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code beat_session(struct fg_call *call, struct fg_error *err)
{
    return beat(call, false, err);
}
static enum fg_code close_session(struct fg_call *call, struct fg_error *err)
{
    return beat(call, true, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "enter-order", .method = FG_POST, .path = "/v1/areas/{area}/orders", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Enter an order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trading_area_path,
     .description = "The answer comes after the order is durably stored and matched: `remaining` is what is open of it, "
                    "`sequence` the event up to which the area's stream tells what happened.",
     .request = &trading_order_entry, .request_example = TRADING_ORDER_EXAMPLE, .responses = entered_responses,
     .handle = enter_order},
    {.id = "enter-batch", .method = FG_POST, .path = "/v1/areas/{area}/orders/batch", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Enter, amend and cancel up to 100 orders", .right = "orders.enter", .flags = FG_OP_AT_OWNER, .path_params = trading_area_path,
     .description = "Items are applied in order, each taken or refused by itself. An item's `key` makes it safe to send the "
                    "item again, alone or in another batch of this area.",
     .request = &batch,
     .request_example = "{\"items\":[{\"action\":\"enter\",\"key\":\"a-1\",\"order\":" TRADING_ORDER_EXAMPLE
                        "},{\"action\":\"cancel\",\"id\":\"ord-14\"}]}",
     .responses = batch_responses, .handle = enter_batch},
    {.id = "enter-order-group", .method = FG_POST, .path = "/v1/areas/{area}/order-groups", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Enter orders under one rule", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trading_area_path,
     .request = &group,
     .request_example = "{\"kind\":\"exclusive_one\",\"orders\":[" TRADING_ORDER_EXAMPLE "," TRADING_ORDER_EXAMPLE "]}",
     .responses = entered_responses, .handle = enter_group},
    {.id = "amend-order", .method = FG_PATCH, .path = "/v1/areas/{area}/orders/{order}", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Amend an open order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = order_path,
     .description = "Lowering the quantity keeps the priority; every other change loses it.",
     .request = &trading_amendment, .request_example = TRADING_AMENDMENT_EXAMPLE, .responses = taken_responses,
     .handle = amend_order},
    {.id = "cancel-order", .method = FG_DELETE, .path = "/v1/areas/{area}/orders/{order}", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Cancel an open order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = order_path,
     .responses = taken_responses, .handle = cancel_order},
    {.id = "cancel-orders", .method = FG_POST, .path = "/v1/areas/{area}/orders/cancel", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Cancel all own orders that fit", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = trading_area_path,
     .request = &mass, .request_example = "{\"portfolio\":\"pf-10\"}", .responses = taken_responses, .handle = cancel_orders},
    {.id = "list-orders", .method = FG_GET, .path = "/v1/areas/{area}/orders", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Own orders", .right = "orders.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .query_params = list_query, .responses = order_page_responses, .handle = list_orders},
    {.id = "get-order", .method = FG_GET, .path = "/v1/areas/{area}/orders/{order}", .api = FG_API_ATP, .tag = "Orders",
     .summary = "An own order", .right = "orders.read", .path_params = order_path, .responses = order_responses,
     .handle = get_order},
    {.id = "open-trading-session", .method = FG_POST, .path = "/v1/areas/{area}/sessions", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Open a trading session", .right = "orders.enter", .flags = FG_OP_AT_OWNER, .path_params = trading_area_path,
     .description = "Orders entered in the session are cancelled when nothing is heard of it for the time-out: neither an order "
                    "in it nor a heartbeat.",
     .request = &session_entry, .request_example = "{\"timeout_s\":30}", .responses = session_responses, .handle = open_session},
    {.id = "beat-trading-session", .method = FG_PUT, .path = "/v1/areas/{area}/sessions/{session}", .api = FG_API_ATP,
     .tag = "Orders", .summary = "Heartbeat of a trading session", .right = "orders.enter", .flags = FG_OP_AT_OWNER, .path_params = session_path,
     .responses = empty_responses, .handle = beat_session},
    {.id = "close-trading-session", .method = FG_DELETE, .path = "/v1/areas/{area}/sessions/{session}", .api = FG_API_ATP,
     .tag = "Orders", .summary = "Close a trading session, cancelling its orders", .right = "orders.enter", .flags = FG_OP_AT_OWNER,
     .path_params = session_path, .responses = empty_responses, .handle = close_session},
};
const struct fg_operation_set fg_orders_operations = FG_OPERATIONS(operations);
