/* Limits of the market operator: asked for, confirmed by another user, set, listed. Where trading is halted. */
#include "api/operations_orders.h"

#include "api/registry_call.h"
#include "api/rows.h"
#include "api/trading_call.h"
#include "atp/approval.h"
#include "atp/limits.h"
#include "atp/metering.h"
#include "atp/query.h"

#include <stdio.h>

/* ---- schemas ---- */
static const struct fg_schema orders_max = FG_INTEGER(0, 1000000);
static const struct fg_schema amount = {.kind = FG_SCHEMA_DECIMAL, .name = "LimitAmount", .places = 6, .minimum = 0,
                                        .maximum = INT64_C(1000000000000000000), .description = "In the area's currency"};
static const struct fg_schema width = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .minimum = 0, .maximum = INT64_C(4000000000000)};
static const struct fg_schema size = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .minimum = 0, .maximum = INT64_C(1000000000000)};
#define LIMIT_FIELDS                                                                                                   \
    {"organisation", &fg_schema_id, "Of this participant; absent: of each one", 0},                                    \
        {"product", &trading_product, "For this product; absent: all together", 0},                                    \
        {"regulation", &trading_regulation, "For this direction; absent: both together", 0},                           \
        {"price_min", &fg_schema_price, "Lowest price of an order; with `price_max`", 0},                               \
        {"price_max", &fg_schema_price, "Highest price of an order", 0},                                               \
        {"band", &width, "Largest distance of a price from the reference; needs product and direction", 0},            \
        {"reference", &fg_schema_price, "Reference until something trades; then the last price", 0},                   \
        {"size_max", &size, "MW of one order in one period", 0},                                                       \
        {"orders_max", &orders_max, "Open orders of a participant", 0},                                                \
        {"exposure_max", &amount, "Value of a participant's open requests and of its purchases not yet settled", 0}
static const struct fg_field entry_fields[] = {LIMIT_FIELDS};
static const struct fg_schema entry_schema = FG_OBJECT(
    "Limit", "What orders are held against; without any of the limits the row is removed", entry_fields);
static const struct fg_field set_fields[] = {{"limit", &entry_schema, "As it was asked for", FG_REQUIRED},
                                             {"approval", &fg_schema_id, "Confirmed by another user", FG_REQUIRED}};
static const struct fg_schema set_schema = FG_OBJECT("LimitSetting", "A confirmed limit", set_fields);
#define LIMIT_EXAMPLE "{\"organisation\":\"org-3\",\"exposure_max\":\"50000\"}"

static const struct fg_field row_fields[] = {
    {"organisation", &fg_schema_id, "Participant; null: each one", FG_REQUIRED | FG_NULLABLE},
    {"product", &trading_product, "Product; null: all together", FG_REQUIRED | FG_NULLABLE},
    {"regulation", &trading_regulation, "Direction; null: both together", FG_REQUIRED | FG_NULLABLE},
    {"price_min", &fg_schema_price, "Lowest price", FG_REQUIRED | FG_NULLABLE},
    {"price_max", &fg_schema_price, "Highest price", FG_REQUIRED | FG_NULLABLE},
    {"band", &width, "Distance from the reference", FG_REQUIRED | FG_NULLABLE},
    {"reference", &fg_schema_price, "Reference as it is now", FG_REQUIRED | FG_NULLABLE},
    {"size_max", &size, "MW of one order in one period", FG_REQUIRED | FG_NULLABLE},
    {"orders_max", &orders_max, "Open orders", FG_REQUIRED | FG_NULLABLE},
    {"exposure_max", &amount, "Exposure", FG_REQUIRED | FG_NULLABLE},
    {"set", &fg_schema_instant, "Since when", FG_REQUIRED},
};
static const struct fg_schema row_schema = FG_OBJECT("LimitRow", "A limit in force", row_fields);
FG_PAGE_SCHEMA(page_schema, &row_schema, "LimitPage", "Limits");
static const struct fg_response page_responses[] = {{200, "Limits in force", &page_schema, NULL, NULL}, {0}};
static const struct fg_response asked_responses[] = {
    {201, "Waits for another user", &fg_schema_made, NULL, "{\"id\":\"apv-3\"}"}, {0}};
static const struct fg_response set_responses[] = {
    {200, "Durably in force", &trading_receipt, NULL,
     "{\"orders\":[],\"group\":null,\"cancelled\":0,\"sequence\":\"4711\",\"time\":\"2025-03-29T12:00:00Z\"}"},
    {0}};

/* ---- reading ---- */
static enum fg_code read_limit(const struct fg_json_cursor *object, struct fg_book_limit *limit, struct fg_error *err)
{
    int64_t organisation;
    bool has_low = fg_member_text(object, "price_min", NULL) != NULL, has_high = fg_member_text(object, "price_max", NULL) != NULL;
    bool has_reference = fg_member_text(object, "reference", NULL) != NULL;
    json_t *orders = json_object_get(object->value, "orders_max");
    enum fg_code code = fg_member_id(object, "organisation", FG_ID_ORGANISATION, &organisation, err);
    if (code != FG_OK)
        return code;
    *limit = (struct fg_book_limit){
        .participant = organisation != 0 ? (int32_t)organisation : -1,
        .product = fg_member_word(object, "product", fg_product_words, -1),
        .regulation = fg_member_word(object, "regulation", trading_direction_words, -1),
        .has_price = has_low,
        .price_min = {fg_member_decimal(object, "price_min", 6, 0)},
        .price_max = {fg_member_decimal(object, "price_max", 6, 0)},
        .has_band = fg_member_text(object, "band", NULL) != NULL,
        .band = {fg_member_decimal(object, "band", 6, 0)},
        .reference = {fg_member_decimal(object, "reference", 6, 0)},
        .size_max = {fg_member_decimal(object, "size_max", 6, -1)},
        .orders_max = orders != NULL ? json_integer_value(orders) : -1,
        .exposure_max = {fg_member_decimal(object, "exposure_max", 6, -1)}};
    if (organisation > FG_BOOK_INDEX_MAX)
        return fg_fail(err, FG_ERR_VALUE, "#/organisation", "there is no such organisation");
    if (has_low != has_high)
        return fg_fail(err, FG_ERR_VALUE, "#/price_min", "give the lowest and the highest price, or none of them");
    if (limit->has_price && limit->price_min.uper_mwh > limit->price_max.uper_mwh)
        return fg_fail(err, FG_ERR_VALUE, "#/price_min", "the lowest price is above the highest");
    if (limit->has_band != has_reference)
        return fg_fail(err, FG_ERR_VALUE, "#/band", "a band has a reference to begin with");
    if (limit->has_band && (limit->product < 0 || limit->regulation < 0 || limit->participant >= 0))
        return fg_fail(err, FG_ERR_VALUE, "#/band",
                       "a band follows the trades of one product and direction: name both, and no participant");
    return FG_OK;
}

/* The limit in the words that are confirmed; in the call's arena. */
static const char *text_of(struct fg_call *call, const struct fg_book_limit *limit)
{
    struct fg_text text;
    struct fg_json_writer out;
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    fg_limit_put(&out, limit);
    fg_json_end_object(&out);
    const char *copy = text.failed ? NULL : fg_arena_strdup(fg_call_arena(call), text.data);
    fg_text_release(&text);
    return copy;
}

/* ---- asking ---- */
static enum fg_code ask_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_book_limit limit;
    int64_t area, approval, found;
    char object[FG_ID_TEXT];
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = read_limit(&body, &limit, err);
    if (code == FG_OK && limit.participant >= 0)
        code = fg_registry_found(fg_query_number(registry->store, &found, err, "SELECT id FROM organisation WHERE id = $1", "i",
                                                 (int64_t)limit.participant),
                                 FG_ID_ORGANISATION, limit.participant, "organisation", err);
    if (code != FG_OK)
        return code;
    const char *text = text_of(call, &limit);
    if (text == NULL)
        return fg_fail_memory(err);
    code = fg_approval_ask(registry, FG_APPROVAL_LIMITS, fg_id_text(FG_ID_AREA, area, object), text, &approval, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_APPROVAL, approval);
    return code;
}
static enum fg_code ask_limit(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_work, err);
}

/* ---- setting ---- */
static enum fg_code set_limit(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct fg_book_limit limit;
    struct fg_json_cursor body = fg_call_body(call), object = fg_json_member(&body, "limit");
    int64_t approval;
    enum fg_code code = read_limit(&object, &limit, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "approval", FG_ID_APPROVAL, &approval, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    struct trading_item *item = trading_items(call, &party, 1, false);
    if (party.id != party.facts->operator) {
        code = fg_fail(err, FG_ERR_DENIED, NULL, "this market area has another operator");
    } else if (item == NULL || (item->command.text = text_of(call, &limit)) == NULL) {
        code = fg_fail_memory(err);
    } else {
        item->command.kind = FG_COMMAND_LIMIT;
        item->command.limit = limit;
        item->command.approval = approval;
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

/* ---- listing ---- */
static const struct fg_column columns[] = {
    {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL}, {"product", FG_COLUMN_WORD, FG_ID_AREA, fg_product_words},
    {"regulation", FG_COLUMN_WORD, FG_ID_AREA, fg_regulation_words}, {"price_min", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"price_max", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"band", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"reference", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"size_max", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"orders_max", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"exposure_max", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"set", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {0}};

/* Limits of each participant are public to the market; those of one participant are its own and the operator's. */
static enum fg_code list_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code != FG_OK
               ? code
               : fg_rows_page(
                     call, registry,
                     "SELECT * FROM (SELECT l.participant_id * 16 + (l.product + 1) * 3 + l.regulation + 1 AS place, CASE WHEN "
                     "l.participant_id > 0 THEN l.participant_id END, CASE WHEN l.product >= 0 THEN l.product END, CASE WHEN "
                     "l.regulation >= 0 THEN l.regulation END, l.price_min_u, l.price_max_u, l.band_u, l.reference_u, l.size_max_w, "
                     "l.orders_max, l.exposure_max_u, l.set_us FROM book_limit l JOIN area a ON a.id = l.area_id WHERE l.area_id = "
                     "$5 AND (l.participant_id = 0 OR l.participant_id = $1 OR a.operator_id = $1 OR $2 = 1)) x WHERE place > $3 "
                     "ORDER BY place LIMIT $4",
                     columns, area, err);
}
static enum fg_code list_limits(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, list_work, err);
}

/* ---- halts ---- */
static const char *const scope_words[] = {"area", "location", "organisation", NULL}; /* as fg_book_scope */
static const struct fg_schema scope_schema = {.kind = FG_SCHEMA_ENUM, .name = "HaltScope", .words = scope_words, .description = "How far a halt goes"};
static const struct fg_field halt_fields[] = {
    {"scope", &scope_schema, "How far the halt goes; of a location: with those below", FG_REQUIRED},
    {"location", &fg_schema_id, "Where, for a location", FG_REQUIRED | FG_NULLABLE},
    {"organisation", &fg_schema_id, "Who, for a participant", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema halt_schema = FG_OBJECT("HaltRow", "A halt in force", halt_fields);
FG_PAGE_SCHEMA(halt_page_schema, &halt_schema, "HaltPage", "Halts");
static const struct fg_response halt_page_responses[] = {{200, "Halts in force; empty: trading goes on everywhere", &halt_page_schema, NULL, NULL},
                                                         {0}};
static const struct fg_column halt_columns[] = {{"scope", FG_COLUMN_WORD, FG_ID_AREA, scope_words},
                                                {"location", FG_COLUMN_ID, FG_ID_LOCATION, NULL},
                                                {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL}, {0}};

/* Public, as the events of halting and resuming are. */
static enum fg_code halts_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code != FG_OK ? code
                         : fg_rows_page(call, registry,
                                        "SELECT * FROM (SELECT subject_id * 3 + scope + 1 AS place, scope, CASE WHEN scope = 1 THEN subject_id "
                                        "END, CASE WHEN scope = 2 THEN subject_id END FROM book_halt WHERE area_id = $5) x WHERE place > $3 "
                                        "AND $1 >= 0 AND $2 >= 0 ORDER BY place LIMIT $4",
                                        halt_columns, area, err);
}
static enum fg_code list_halts(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, halts_work, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "ask-limit", .method = FG_POST, .path = "/v1/areas/{area}/limit-requests", .api = FG_API_ATP, .tag = "Market operation",
     .summary = "Ask another user to confirm a limit",
     .description = "A limit is named by participant, product and direction and replaces the one of the same name; without any "
                    "limit in it, it removes that one.\n\nIt counts for what is entered after it and cancels nothing that rests. "
                    "Lowering a quantity is always allowed; other amendments are held against price, band and size, and against "
                    "exposure when they raise the order's value.",
     .right = "market.limits", .flags = FG_KEY_IN_TRANSACTION, .path_params = trading_area_path, .request = &entry_schema,
     .request_example = LIMIT_EXAMPLE, .responses = asked_responses, .handle = ask_limit},
    {.id = "set-limit", .method = FG_POST, .path = "/v1/areas/{area}/limits", .api = FG_API_ATP, .tag = "Market operation",
     .summary = "Set a confirmed limit",
     .description = "The approval is used up in the transaction that sets the limit.", .right = "market.limits",
     .flags = FG_OP_AT_OWNER | FG_KEY_IN_TRANSACTION, .path_params = trading_area_path, .request = &set_schema,
     .request_example = "{\"limit\":" LIMIT_EXAMPLE ",\"approval\":\"apv-3\"}", .responses = set_responses, .handle = set_limit},
    {.id = "list-limits", .method = FG_GET, .path = "/v1/areas/{area}/limits", .api = FG_API_ATP, .tag = "Market",
     .summary = "Limits of the market, and one's own", .right = "orders.read", .flags = FG_OP_PAGED,
     .path_params = trading_area_path, .responses = page_responses, .handle = list_limits},
    {.id = "list-halts", .method = FG_GET, .path = "/v1/areas/{area}/halts", .api = FG_API_ATP, .tag = "Market",
     .summary = "Where trading is halted", .right = "book.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .responses = halt_page_responses, .handle = list_halts},
};
const struct fg_operation_set fg_limit_operations = FG_OPERATIONS(operations);
