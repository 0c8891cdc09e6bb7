/* Requests that stay unmatched: withdrawn by hand as solved outside the market, and what their plans have done. */
#include "api/operations_orders.h"

#include "api/rows.h"
#include "api/trading_call.h"

#define KEYED (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)

static const struct fg_param order_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"order", &fg_schema_id, "Request", true}, {0}};
static const struct fg_response taken_responses[] = {
    {200, "Durably taken", &trading_receipt, NULL,
     "{\"orders\":[{\"order\":\"ord-15\",\"remaining\":null}],\"group\":null,\"cancelled\":0,\"sequence\":\"4711\",\"time\":"
     "\"2025-03-29T12:00:00Z\"}"},
    {0}};

/* ---- solved outside ---- */
static const struct fg_schema words = FG_TEXT(1, 400);
static const struct fg_field outside_fields[] = {{"reason", &words, "Why", FG_REQUIRED},
                                                 {"measure", &words, "What is done instead", 0}};
static const struct fg_schema outside_schema = FG_OBJECT("SolvedOutsideEntry", "A request is solved outside the market", outside_fields);

static enum fg_code solve_outside(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_json_cursor body = fg_call_body(call);
    int64_t order;
    enum fg_code code = trading_path_id(call, "order", FG_ID_ORDER, &order, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    if (item == NULL) {
        code = fg_fail_memory(err);
    } else {
        item->command.kind = FG_COMMAND_WITHDRAW;
        item->command.order = (uint64_t)order;
        item->command.cause = FG_BOOK_CAUSE_OUTSIDE;
        item->command.outcome_reason = fg_member_text(&body, "reason", "");
        item->command.outcome_measure = fg_member_text(&body, "measure", NULL);
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

/* ---- steps ---- */
static const struct fg_schema word = FG_TEXT(1, 20);
static const struct fg_field step_fields[] = {
    {"place", &fg_schema_count, "Number of the step", FG_REQUIRED},
    {"due", &fg_schema_instant, "When it is due", FG_REQUIRED},
    {"price", &fg_schema_price, "New price; null: withdrawn as solved outside the market", FG_REQUIRED | FG_NULLABLE},
    {"status", &word, "pending, done or skipped", FG_REQUIRED},
    {"done", &fg_schema_instant, "When it was done or skipped", FG_REQUIRED | FG_NULLABLE},
    {"reason", &words, "Of a withdrawal", FG_REQUIRED | FG_NULLABLE},
    {"measure", &words, "What is done instead", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema step_schema = FG_OBJECT("RequestStep", "A step that a request takes while it stays unmatched", step_fields);
FG_PAGE_SCHEMA(step_page, &step_schema, "RequestStepPage", "Steps of a request");
static const struct fg_response step_responses[] = {{200, "Steps", &step_page, NULL, NULL}, {0}};
static const struct fg_column step_columns[] = {
    {"place", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"due", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"price", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"status", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"done", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"measure", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {0}};

static enum fg_code steps_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t order;
    enum fg_code code = fg_call_id(call, "order", FG_ID_ORDER, &order, err);
    return code != FG_OK
               ? code
               : fg_rows_page(
                     call, registry,
                     "SELECT s.place, s.place, s.due_us, s.price_u, s.status, s.done_us, s.reason, s.measure FROM request_step s JOIN "
                     "book_order o ON o.id = s.order_id JOIN area a ON a.id = s.area_id WHERE s.order_id = $5 AND s.place > $3 AND "
                     "(o.organisation_id = $1 OR a.operator_id = $1 OR $2 = 1) ORDER BY s.place LIMIT $4",
                     step_columns, order, err);
}
static enum fg_code list_steps(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, steps_work, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "solve-outside", .method = FG_POST, .path = "/v1/areas/{area}/orders/{order}/solved-outside", .api = FG_API_ATP,
     .tag = "Orders", .summary = "Withdraw a request as solved outside the market",
     .description = "What is left of it is withdrawn with the cause `solved_outside`; it counts in the statistics of its periods.",
     .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = order_path, .request = &outside_schema,
     .request_example = "{\"reason\":\"No offer in time\",\"measure\":\"Feeder 3 switched over\"}", .responses = taken_responses,
     .handle = solve_outside},
    {.id = "list-request-steps", .method = FG_GET, .path = "/v1/areas/{area}/orders/{order}/steps", .api = FG_API_ATP,
     .tag = "Orders", .summary = "Planned steps of an own request", .right = "orders.read", .flags = FG_OP_PAGED,
     .path_params = order_path, .responses = step_responses, .handle = list_steps},
};
const struct fg_operation_set fg_request_operations = FG_OPERATIONS(operations);
