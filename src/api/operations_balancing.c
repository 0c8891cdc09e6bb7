/* The balancing market's own server (flexgrid-balancing): the interface that an adapter to a real market has to speak (bids,
 * withdrawals, results, answers), and its operator's side (merit order, calls, clearing). docs/gateway.md explains it. */
#include "api/operations_gateway.h"

#include "api/call.h"
#include "base/instant.h"
#include "base/units.h"
#include "gateway/balancing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 1000 };
#define BALANCING .api = FG_API_ATP

static const char *const direction_words[] = {"up", "down", NULL};
static const struct fg_schema name = FG_TEXT(1, 64);
static const struct fg_schema note = FG_TEXT(0, 200);
static const struct fg_schema quantity_or_none = FG_DECIMAL(6, 0, 1000000000000);
static const struct fg_schema most = FG_INTEGER(1, 1000);
static const struct fg_schema number = FG_INTEGER(0, (int64_t)1 << 53);
static const struct fg_schema direction = FG_ENUM("Direction", "up: more net injection; down: less", direction_words);
static const struct fg_schema state = FG_ENUM("BidState", "State at the market", fg_balancing_state_words);
static const struct fg_schema kind = FG_ENUM("ResultKind", "What happened to a bid", fg_balancing_result_words);
static const struct fg_param bid_path[] = {{"bid", &fg_schema_id, "Bid", true}, {0}};
static const struct fg_param activation_path[] = {{"activation", &fg_schema_id, "Activation", true}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};

static struct fg_balancing *market_of(const struct fg_call *call)
{
    return fg_call_context(call);
}

/* ---- parts of answers ---- */
static void put_number(struct fg_json_writer *out, const char *key, const char *word, int64_t id)
{
    char text[40];
    snprintf(text, sizeof text, "%s%lld", word, (long long)id);
    fg_json_put_string(out, key, text);
}
static void put_micro(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}
static void put_instant(struct fg_json_writer *out, const char *key, int64_t seconds)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_instant_format(seconds, text));
}
static void put_text(struct fg_json_writer *out, const char *key, const char *text)
{
    fg_json_put_string(out, key, text != NULL && text[0] != '\0' ? text : NULL);
}
static enum fg_code id_of(const char *text, const char *word, int64_t *id, struct fg_error *err)
{
    size_t length = strlen(word);
    if (strncmp(text, word, length) == 0 && fg_decimal_parse(text + length, 0, id, NULL) == FG_OK && *id > 0)
        return FG_OK;
    return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no %.64s; it would look like %s1", text, word);
}

/* ---- bids ---- */
#define BID_ENTRY                                                                                                      \
    {"reference", &name, "The bidder's own number; the same again is the same bid", FG_REQUIRED},                      \
        {"control_area", &name, "Control area", FG_REQUIRED}, {"zone", &name, "Zone inside it", FG_REQUIRED},          \
        {"brp", &name, "Balance responsible party; null: several", FG_REQUIRED | FG_NULLABLE},                         \
        {"regulation", &direction, "Direction", FG_REQUIRED},                                                          \
        {"start", &fg_schema_instant, "Begin of delivery", FG_REQUIRED},                                               \
        {"end", &fg_schema_instant, "End of delivery", FG_REQUIRED},                                                   \
        {"quantity", &fg_schema_power_positive, "Constant over the duration", FG_REQUIRED},                            \
        {"minimum", &quantity_or_none, "Least that may be called", FG_REQUIRED},                                       \
    {                                                                                                                  \
        "price", &fg_schema_price, "Asked per MWh", FG_REQUIRED                                                        \
    }
static const struct fg_field bid_entry_fields[] = {BID_ENTRY};
static const struct fg_schema bid_entry = FG_OBJECT("BidEntry", "A bid to be entered", bid_entry_fields);
static const struct fg_field bid_fields[] = {
    {"id", &fg_schema_id, "The market's number", FG_REQUIRED},
    BID_ENTRY,
    {"state", &state, "State", FG_REQUIRED},
    {"called", &quantity_or_none, "Called and not refused", FG_REQUIRED},
    {"closed", &quantity_or_none, "Called and not confirmed", FG_REQUIRED},
};
static const struct fg_schema bid_schema = FG_OBJECT("Bid", "A bid as the market has it", bid_fields);
#define ENTRY_EXAMPLE                                                                                                  \
    "\"reference\":\"fwd-7\",\"control_area\":\"GR\",\"zone\":\"loc-2\",\"brp\":\"org-5\",\"regulation\":\"up\",\"start\":"         \
    "\"2025-03-29T12:00:00Z\",\"end\":\"2025-03-29T12:15:00Z\",\"quantity\":\"1.5\",\"minimum\":\"0\",\"price\":\"85.5\""
#define BID_EXAMPLE "{\"id\":\"bid-3\"," ENTRY_EXAMPLE ",\"state\":\"accepted\",\"called\":\"0\",\"closed\":\"0\"}"
static const struct fg_response bid_responses[] = {{200, "The bid, also when it was known", &bid_schema, NULL, BID_EXAMPLE}, {0}};
static const struct fg_schema bid_list = FG_ARRAY(&bid_schema, 0, 1000);
static const struct fg_field bids_fields[] = {{"items", &bid_list, "Bids", FG_REQUIRED}};
static const struct fg_schema bids_schema = FG_OBJECT("Bids", "Bids", bids_fields);
static const struct fg_response bids_responses[] = {{200, "Bids", &bids_schema, NULL, "{\"items\":[" BID_EXAMPLE "]}"}, {0}};

static void put_bid(struct fg_json_writer *out, const struct fg_balancing_bid *bid)
{
    fg_json_begin_row_object(out, NULL);
    put_number(out, "id", "bid-", bid->id);
    fg_json_put_string(out, "reference", bid->reference);
    fg_json_put_string(out, "control_area", bid->control_area);
    fg_json_put_string(out, "zone", bid->zone);
    put_text(out, "brp", bid->brp);
    fg_json_put_string(out, "regulation", direction_words[bid->regulation]);
    put_instant(out, "start", bid->start_s);
    put_instant(out, "end", bid->start_s + bid->duration_s);
    put_micro(out, "quantity", bid->quantity_w);
    put_micro(out, "minimum", bid->least_w);
    put_micro(out, "price", bid->price_u);
    fg_json_put_string(out, "state", fg_balancing_state_words[bid->state]);
    put_micro(out, "called", bid->called_w);
    put_micro(out, "closed", bid->closed_w);
    fg_json_end_object(out);
}

static enum fg_code enter_bid(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_balancing_bid bid = {.regulation = fg_member_word(&body, "regulation", direction_words, 0),
                                   .start_s = fg_member_instant(&body, "start", 0),
                                   .quantity_w = fg_member_decimal(&body, "quantity", 6, 0),
                                   .least_w = fg_member_decimal(&body, "minimum", 6, 0),
                                   .price_u = fg_member_decimal(&body, "price", 6, 0)};
    bid.duration_s = fg_member_instant(&body, "end", 0) - bid.start_s;
    snprintf(bid.reference, sizeof bid.reference, "%s", fg_member_text(&body, "reference", ""));
    snprintf(bid.control_area, sizeof bid.control_area, "%s", fg_member_text(&body, "control_area", ""));
    snprintf(bid.zone, sizeof bid.zone, "%s", fg_member_text(&body, "zone", ""));
    snprintf(bid.brp, sizeof bid.brp, "%s", fg_member_text(&body, "brp", ""));
    if (bid.duration_s <= 0 || bid.least_w > bid.quantity_w)
        return fg_fail(err, FG_ERR_VALUE, "#/end", "delivery ends after it begins, and the minimum is not above the quantity");
    enum fg_code code = fg_balancing_bid(market_of(call), &bid, err);
    if (code == FG_OK)
        put_bid(fg_call_json(call, 200), &bid);
    return code;
}

static const struct fg_param after_query[] = {
    {"after", &number, "After this number", false}, {"most", &most, "At most so many; 200", false}, {0}};
static enum fg_code answer_bids(struct fg_call *call, const struct fg_balancing_bid *bids, size_t count)
{
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (size_t i = 0; i < count; i++)
        put_bid(out, &bids[i]);
    fg_json_end_array(out);
    fg_json_end_object(out);
    return FG_OK;
}
static enum fg_code list_bids(struct fg_call *call, struct fg_error *err)
{
    size_t room = (size_t)fg_call_integer(call, "most", 200);
    struct fg_balancing_bid *bids = fg_arena_alloc(fg_call_arena(call), room, sizeof *bids);
    if (bids == NULL)
        return fg_fail_memory(err);
    return answer_bids(call, bids, fg_balancing_bids(market_of(call), fg_call_integer(call, "after", 0), bids, room));
}

static const struct fg_param merit_query[] = {{"control_area", &name, "Control area", true},
                                              {"regulation", &direction, "Direction", true},
                                              {"start", &fg_schema_instant, "Begin of delivery", true},
                                              {0}};
static enum fg_code get_merit_order(struct fg_call *call, struct fg_error *err)
{
    struct fg_balancing_bid *bids = fg_arena_alloc(fg_call_arena(call), 1000, sizeof *bids);
    if (bids == NULL)
        return fg_fail_memory(err);
    return answer_bids(call, bids,
                       fg_balancing_merit(market_of(call), fg_call_text(call, "control_area"), fg_call_word(call, "regulation", 0),
                                          fg_call_instant(call, "start", 0), bids, 1000));
}

/* ---- withdrawals ---- */
static const struct fg_field withdrawal_fields[] = {{"reference", &name, "The bidder's number", FG_REQUIRED}};
static const struct fg_schema withdrawal = FG_OBJECT("Withdrawal", "A bid that is asked back", withdrawal_fields);
static const struct fg_field withdrawn_fields[] = {
    {"known", &fg_schema_boolean, "false: it has never come, and is refused if it still does; true: a result tells the end", FG_REQUIRED}};
static const struct fg_schema withdrawn = FG_OBJECT("Withdrawn", "What the market knows of it", withdrawn_fields);
static const struct fg_response withdrawn_responses[] = {{200, "Taken", &withdrawn, NULL, "{\"known\":true}"}, {0}};
static enum fg_code withdraw_bid(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    bool is_known = false;
    enum fg_code code = fg_balancing_withdraw(market_of(call), fg_member_text(&body, "reference", ""), &is_known, err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_bool(out, "known", is_known);
    fg_json_end_object(out);
    return FG_OK;
}

/* ---- results ---- */
static const struct fg_field result_fields[] = {
    {"sequence", &fg_schema_sequence, "Ascending from 1", FG_REQUIRED},
    {"kind", &kind, "What happened", FG_REQUIRED},
    {"bid", &fg_schema_id, "The market's number of the bid", FG_REQUIRED},
    {"reference", &name, "The bidder's", FG_REQUIRED},
    {"activation", &fg_schema_id, "Of kind called; it wants an answer", FG_REQUIRED | FG_NULLABLE},
    {"quantity", &quantity_or_none, "Of kind called: what is called; else what is left", FG_REQUIRED},
    {"time", &fg_schema_instant, "By the market's clock", FG_REQUIRED},
    {"reason", &note, "In words", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema result_schema = FG_OBJECT("Result", "Something that happened to a bid", result_fields);
static const struct fg_schema result_list = FG_ARRAY(&result_schema, 0, 1000);
static const struct fg_field results_fields[] = {{"items", &result_list, "Results in order", FG_REQUIRED}};
static const struct fg_schema results_schema = FG_OBJECT("Results", "Results", results_fields);
static const struct fg_response results_responses[] = {
    {200, "Results", &results_schema, NULL,
     "{\"items\":[{\"sequence\":\"12\",\"kind\":\"called\",\"bid\":\"bid-3\",\"reference\":\"fwd-7\",\"activation\":\"act-2\",\"quantity\":"
     "\"0.5\",\"time\":\"2025-03-29T11:30:00Z\",\"reason\":null}]}"},
    {0}};
static enum fg_code list_results(struct fg_call *call, struct fg_error *err)
{
    size_t room = (size_t)fg_call_integer(call, "most", 200);
    struct fg_balancing_result *results = fg_arena_alloc(fg_call_arena(call), room, sizeof *results);
    if (results == NULL)
        return fg_fail_memory(err);
    size_t count = fg_balancing_results(market_of(call), fg_call_integer(call, "after", 0), results, room);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (size_t i = 0; i < count; i++) {
        fg_json_begin_row_object(out, NULL);
        put_number(out, "sequence", "", results[i].sequence);
        fg_json_put_string(out, "kind", fg_balancing_result_words[results[i].kind]);
        put_number(out, "bid", "bid-", results[i].bid);
        fg_json_put_string(out, "reference", results[i].reference);
        if (results[i].call != 0)
            put_number(out, "activation", "act-", results[i].call);
        else
            fg_json_put_null(out, "activation");
        put_micro(out, "quantity", results[i].quantity_w);
        put_instant(out, "time", results[i].time_us / 1000000);
        put_text(out, "reason", results[i].reason);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
    return FG_OK;
}

static const struct fg_field answer_fields[] = {
    {"quantity", &quantity_or_none, "What is confirmed", FG_REQUIRED},
    {"reason", &note, "Why not all of it", 0},
};
static const struct fg_schema answer_schema = FG_OBJECT("CallAnswer", "The bidder's answer to a call", answer_fields);
static enum fg_code answer_call(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = id_of(fg_call_text(call, "activation"), "act-", &id, err);
    if (code == FG_OK)
        code = fg_balancing_confirm(market_of(call), id, fg_member_decimal(&body, "quantity", 6, 0), fg_member_text(&body, "reason", NULL), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}

/* ---- the market's operator ---- */
static const struct fg_field call_fields[] = {
    {"id", &fg_schema_id, "Activation", FG_REQUIRED},
    {"bid", &fg_schema_id, "Bid", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "Called", FG_REQUIRED},
    {"confirmed", &quantity_or_none, "Null: not answered yet", FG_REQUIRED | FG_NULLABLE},
    {"reason", &note, "Of the bidder", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema call_schema = FG_OBJECT("Call", "An activation", call_fields);
#define CALL_EXAMPLE "{\"id\":\"act-2\",\"bid\":\"bid-3\",\"quantity\":\"0.5\",\"confirmed\":null,\"reason\":null}"
static const struct fg_response call_responses[] = {{201, "Called", &call_schema, NULL, CALL_EXAMPLE}, {0}};
static const struct fg_schema call_list = FG_ARRAY(&call_schema, 0, CALLS_MAX);
static const struct fg_field calls_fields[] = {{"items", &call_list, "Activations", FG_REQUIRED}};
static const struct fg_schema calls_schema = FG_OBJECT("Calls", "Activations", calls_fields);
static const struct fg_response calls_responses[] = {{200, "Activations", &calls_schema, NULL, "{\"items\":[" CALL_EXAMPLE "]}"}, {0}};
static const struct fg_field new_call_fields[] = {
    {"bid", &fg_schema_id, "Bid", FG_REQUIRED}, {"quantity", &fg_schema_power_positive, "At most what is left of it", FG_REQUIRED}};
static const struct fg_schema new_call = FG_OBJECT("NewCall", "An activation by hand", new_call_fields);

static void put_call(struct fg_json_writer *out, const struct fg_balancing_call *item)
{
    fg_json_begin_row_object(out, NULL);
    put_number(out, "id", "act-", item->id);
    put_number(out, "bid", "bid-", item->bid);
    put_micro(out, "quantity", item->wanted_w);
    if (item->confirmed_w < 0)
        fg_json_put_null(out, "confirmed");
    else
        put_micro(out, "confirmed", item->confirmed_w);
    put_text(out, "reason", item->reason);
    fg_json_end_object(out);
}
static enum fg_code activate_bid(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_balancing_call made;
    int64_t bid;
    enum fg_code code = id_of(fg_member_text(&body, "bid", ""), "bid-", &bid, err);
    if (code == FG_OK)
        code = fg_balancing_activate(market_of(call), bid, fg_member_decimal(&body, "quantity", 6, 0), &made, err);
    if (code == FG_OK)
        put_call(fg_call_json(call, 201), &made);
    return code;
}
static enum fg_code list_activations(struct fg_call *call, struct fg_error *err)
{
    size_t room = (size_t)fg_call_integer(call, "most", 200);
    struct fg_balancing_call *calls = fg_arena_alloc(fg_call_arena(call), room, sizeof *calls);
    if (calls == NULL)
        return fg_fail_memory(err);
    size_t count = fg_balancing_calls(market_of(call), fg_call_integer(call, "after", 0), calls, room);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (size_t i = 0; i < count; i++)
        put_call(out, &calls[i]);
    fg_json_end_array(out);
    fg_json_end_object(out);
    return FG_OK;
}

static const struct fg_field clearing_fields[] = {
    {"control_area", &name, "Control area", FG_REQUIRED},
    {"regulation", &direction, "Direction", FG_REQUIRED},
    {"start", &fg_schema_instant, "Begin of delivery", FG_REQUIRED},
    {"required", &fg_schema_power_positive, "Volume", FG_REQUIRED},
};
static const struct fg_schema clearing = FG_OBJECT("Clearing", "A required volume", clearing_fields);
static const struct fg_field cleared_fields[] = {
    {"items", &call_list, "Activations, best first", FG_REQUIRED},
    {"called", &quantity_or_none, "Their sum", FG_REQUIRED},
    {"price", &fg_schema_price, "Of the dearest; null: none", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema cleared = FG_OBJECT("Cleared", "What was called for it", cleared_fields);
static const struct fg_response cleared_responses[] = {
    {200, "Called in merit order", &cleared, NULL, "{\"items\":[" CALL_EXAMPLE "],\"called\":\"0.5\",\"price\":\"85.5\"}"}, {0}};
static enum fg_code clear_market(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_balancing_call *calls = fg_arena_alloc(fg_call_arena(call), CALLS_MAX, sizeof *calls);
    size_t count = 0;
    int64_t price_u = 0, called_w = 0;
    if (calls == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_balancing_clear(market_of(call), fg_member_text(&body, "control_area", ""),
                                           fg_member_word(&body, "regulation", direction_words, 0), fg_member_instant(&body, "start", 0),
                                           fg_member_decimal(&body, "required", 6, 0), calls, CALLS_MAX, &count, &price_u, err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    for (size_t i = 0; i < count; i++) {
        put_call(out, &calls[i]);
        called_w += calls[i].wanted_w;
    }
    fg_json_end_array(out);
    put_micro(out, "called", called_w);
    if (count > 0)
        put_micro(out, "price", price_u);
    else
        fg_json_put_null(out, "price");
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code end_bid(struct fg_call *call, enum fg_balancing_state end, struct fg_error *err)
{
    int64_t bid;
    enum fg_code code = id_of(fg_call_text(call, "bid"), "bid-", &bid, err);
    if (code == FG_OK)
        code = fg_balancing_end(market_of(call), bid, end, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code return_bid(struct fg_call *call, struct fg_error *err)
{
    return end_bid(call, FG_BALANCING_RETURNED, err);
}
static enum fg_code refuse_bid(struct fg_call *call, struct fg_error *err)
{
    return end_bid(call, FG_BALANCING_REFUSED, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "enter-bid", .method = FG_POST, .path = "/v1/bids", BALANCING, .tag = "Bidder", .summary = "Enter a bid",
     .description = "The same key or the same reference again gives the same bid.", .right = "bids.enter",
     .flags = FG_OP_IDEMPOTENT | FG_OP_KEY_REQUIRED, .request = &bid_entry, .request_example = "{" ENTRY_EXAMPLE "}",
     .responses = bid_responses, .handle = enter_bid},
    {.id = "withdraw-bid", .method = FG_POST, .path = "/v1/withdrawals", BALANCING, .tag = "Bidder", .summary = "Ask a bid back",
     .description = "409 when all of it has been called.", .right = "bids.enter", .request = &withdrawal,
     .request_example = "{\"reference\":\"fwd-7\"}", .responses = withdrawn_responses, .handle = withdraw_bid},
    {.id = "list-results", .method = FG_GET, .path = "/v1/results", BALANCING, .tag = "Bidder", .summary = "What happened to the bids",
     .right = "bids.enter", .query_params = after_query, .responses = results_responses, .handle = list_results},
    {.id = "answer-activation", .method = FG_POST, .path = "/v1/activations/{activation}/answer", BALANCING, .tag = "Bidder",
     .summary = "Confirm a call in whole, in part or not", .right = "bids.enter", .flags = FG_OP_IDEMPOTENT, .path_params = activation_path,
     .request = &answer_schema, .request_example = "{\"quantity\":\"0.5\"}", .responses = done_responses, .handle = answer_call},
    {.id = "list-bids", .method = FG_GET, .path = "/v1/bids", BALANCING, .tag = "Market", .summary = "All bids", .right = "market.run",
     .query_params = after_query, .responses = bids_responses, .handle = list_bids},
    {.id = "get-merit-order", .method = FG_GET, .path = "/v1/merit-order", BALANCING, .tag = "Market", .summary = "Bids that can be called, best first",
     .right = "market.run", .query_params = merit_query, .responses = bids_responses, .handle = get_merit_order},
    {.id = "activate-bid", .method = FG_POST, .path = "/v1/activations", BALANCING, .tag = "Market", .summary = "Call a bid in whole or in part",
     .right = "market.run", .flags = FG_OP_IDEMPOTENT, .request = &new_call, .request_example = "{\"bid\":\"bid-3\",\"quantity\":\"0.5\"}",
     .responses = call_responses, .handle = activate_bid},
    {.id = "list-activations", .method = FG_GET, .path = "/v1/activations", BALANCING, .tag = "Market", .summary = "Calls and their answers",
     .right = "market.run", .query_params = after_query, .responses = calls_responses, .handle = list_activations},
    {.id = "clear-market", .method = FG_POST, .path = "/v1/clearings", BALANCING, .tag = "Market", .summary = "Call a required volume in merit order",
     .right = "market.run", .flags = FG_OP_IDEMPOTENT, .request = &clearing,
     .request_example = "{\"control_area\":\"GR\",\"regulation\":\"up\",\"start\":\"2025-03-29T12:00:00Z\",\"required\":\"2\"}",
     .responses = cleared_responses, .handle = clear_market},
    {.id = "return-bid", .method = FG_POST, .path = "/v1/bids/{bid}/return", BALANCING, .tag = "Market", .summary = "Give a bid back",
     .right = "market.run", .path_params = bid_path, .responses = done_responses, .handle = return_bid},
    {.id = "refuse-bid", .method = FG_POST, .path = "/v1/bids/{bid}/refuse", BALANCING, .tag = "Market", .summary = "Refuse a bid after all",
     .right = "market.run", .path_params = bid_path, .responses = done_responses, .handle = refuse_bid},
};
const struct fg_operation_set fg_balancing_operations = FG_OPERATIONS(operations);

static const struct fg_access_rule rules[] = {
    {"bids.enter", "Enter and withdraw bids, read results, answer calls", FG_BIT(FG_ROLE_FMO), FG_BIT(FG_DUTY_TRADER)},
    {"market.run", "See all bids, call them", FG_BIT(FG_ROLE_TSO), FG_BIT(FG_DUTY_OPERATOR)},
};
const struct fg_access_table fg_balancing_access = {rules, sizeof rules / sizeof *rules};
