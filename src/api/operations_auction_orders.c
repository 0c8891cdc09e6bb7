/* Auctions, the participants' side: sealed orders, physical limits, and what became of them. */
#include "api/operations_runs.h"

#include "api/auction_order.h"
#include "api/rows.h"
#include "atp/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYED (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)

static const struct fg_response entered_responses[] = {{201, "Durably taken", &auction_receipt, NULL, AUCTION_RECEIPT_EXAMPLE}, {0}};
static const struct fg_response taken_responses[] = {{200, "Durably taken", &auction_receipt, NULL, AUCTION_RECEIPT_EXAMPLE}, {0}};

/* ---- entering ---- */

struct opening { /* what every handler begins with */
    struct trading_party party;
    int64_t auction;
    struct trading_item *items;
};
static enum fg_code begin(struct fg_call *call, struct opening *opening, size_t count, bool is_batch, struct fg_error *err)
{
    enum fg_code code = trading_path_id(call, "auction", FG_ID_AUCTION, &opening->auction, err);
    if (code == FG_OK)
        code = trading_party_of(call, &opening->party, err);
    if (code != FG_OK)
        return code;
    opening->items = trading_items(call, &opening->party, count, is_batch);
    if (opening->items == NULL) {
        trading_party_release(&opening->party);
        return fg_fail_memory(err);
    }
    return FG_OK;
}

static enum fg_code end(struct fg_call *call, struct opening *opening, size_t count, enum fg_code code, struct fg_error *err)
{
    if (code == FG_OK)
        code = auction_judge(call, &opening->party, opening->auction, opening->items, count, err);
    if (code == FG_OK)
        code = trading_send(call, opening->items, &opening->party, err);
    else
        trading_drop(opening->items);
    trading_party_release(&opening->party);
    return code;
}

static enum fg_code enter_one(struct fg_call *call, int64_t replaces, struct fg_error *err)
{
    struct opening opening;
    struct fg_json_cursor body = fg_call_body(call);
    enum fg_code code = begin(call, &opening, 1, false, err);
    if (code != FG_OK)
        return code;
    struct fg_auction_entry *entry = auction_make_entry(call, opening.items, opening.auction, 1);
    code = entry == NULL ? fg_fail_memory(err) : FG_OK;
    if (code == FG_OK) {
        entry->replaces = replaces;
        code = auction_read_order(opening.items, &opening.party, entry, 0, &body, err);
    }
    return end(call, &opening, 1, code, err);
}
static enum fg_code enter_order(struct fg_call *call, struct fg_error *err)
{
    return enter_one(call, 0, err);
}
static enum fg_code amend_order(struct fg_call *call, struct fg_error *err)
{
    int64_t order;
    enum fg_code code = trading_path_id(call, "order", FG_ID_ORDER, &order, err);
    return code == FG_OK ? enter_one(call, order, err) : code;
}

/* ---- groups ---- */
static const struct fg_schema group_orders = FG_ARRAY(&auction_order_entry, 2, FG_AUCTION_GROUP_MAX);
static const struct fg_field group_fields[] = {
    {"kind", &trading_group_kind, "Rule of the group", FG_REQUIRED},
    {"orders", &group_orders, "Members: blocks or orders of one period; entered whole or not at all", FG_REQUIRED},
};
static const struct fg_schema group = FG_OBJECT("AuctionOrderGroup", "Orders under one rule", group_fields);

static enum fg_code enter_group(struct fg_call *call, struct fg_error *err)
{
    struct opening opening;
    struct fg_json_cursor body = fg_call_body(call), orders = fg_json_member(&body, "orders");
    size_t count = fg_json_count(&orders);
    enum fg_code code = begin(call, &opening, 1, false, err);
    if (code != FG_OK)
        return code;
    struct fg_auction_entry *entry = auction_make_entry(call, opening.items, opening.auction, count);
    if (entry == NULL)
        code = fg_fail_memory(err);
    else
        entry->group_kind = (enum fg_group_kind)fg_member_word(&body, "kind", fg_group_kind_words, 0);
    for (size_t i = 0; code == FG_OK && i < count && !opening.items->is_answered; i++) {
        struct fg_json_cursor at = fg_json_item(&orders, i);
        code = auction_read_order(opening.items, &opening.party, entry, i, &at, err);
    }
    return end(call, &opening, 1, code, err);
}

/* ---- batches ---- */
static const struct fg_schema item_key = FG_TEXT(1, 255);
static const struct fg_field item_fields[] = {{"key", &item_key, "Idempotency key of this item", 0},
                                              {"order", &auction_order_entry, "The order", FG_REQUIRED}};
static const struct fg_schema batch_item = FG_OBJECT("AuctionBatchItem", "An order of a batch", item_fields);
static const struct fg_schema batch_items = FG_ARRAY(&batch_item, 1, AUCTION_BATCH_MAX);
static const struct fg_field batch_fields[] = {{"items", &batch_items, "Taken in this order, each by itself", FG_REQUIRED}};
static const struct fg_schema batch = FG_OBJECT("AuctionBatch", "Orders entered together", batch_fields);
static const struct fg_schema item_status = FG_INTEGER(200, 599);
static const struct fg_schema line = FG_TEXT(0, 1000);
static const struct fg_field problem_fields[] = {
    {"type", &line, "Address of the explanation", FG_REQUIRED}, {"title", &line, "The kind of problem", FG_REQUIRED},
    {"status", &item_status, "As if it were alone", FG_REQUIRED}, {"key", &line, "Stable key", FG_REQUIRED},
    {"detail", &line, "This occurrence", FG_REQUIRED},           {"remedy", &line, "What to do", FG_REQUIRED},
    {"request_id", &line, "The request", FG_REQUIRED},
};
static const struct fg_schema problem = FG_OBJECT("AuctionItemProblem", "Why an item was not taken", problem_fields);
static const struct fg_field result_fields[] = {
    {"status", &item_status, "HTTP status as if the item were alone", FG_REQUIRED},
    {"replayed", &fg_schema_boolean, "Answered before under its key", FG_REQUIRED},
    {"receipt", &auction_receipt, "When taken", 0},
    {"problem", &problem, "When not taken", 0},
};
static const struct fg_schema result = FG_OBJECT("AuctionBatchResult", "Result of an item", result_fields);
static const struct fg_schema results = FG_ARRAY(&result, 1, AUCTION_BATCH_MAX);
static const struct fg_field batch_answer_fields[] = {{"items", &results, "In the order of the request", FG_REQUIRED}};
static const struct fg_schema batch_answer = FG_OBJECT("AuctionBatchAnswer", "Results of a batch", batch_answer_fields);
static const struct fg_response batch_responses[] = {
    {200, "Each item's result", &batch_answer, NULL,
     "{\"items\":[{\"status\":201,\"replayed\":false,\"receipt\":" AUCTION_RECEIPT_EXAMPLE "}]}"},
    {0}};

static enum fg_code enter_batch(struct fg_call *call, struct fg_error *err)
{
    struct opening opening;
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "items");
    size_t count = fg_json_count(&list);
    enum fg_code code = begin(call, &opening, count, true, err);
    if (code != FG_OK)
        return code;
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor at = fg_json_item(&list, i), order = fg_json_member(&at, "order");
        struct fg_auction_entry *entry = auction_make_entry(call, &opening.items[i], opening.auction, 1);
        code = entry == NULL ? fg_fail_memory(err) : trading_item_key(&opening.items[i], fg_member_text(&at, "key", NULL), &at, err);
        if (code == FG_OK)
            code = auction_read_order(&opening.items[i], &opening.party, entry, 0, &order, err);
    }
    return end(call, &opening, count, code, err);
}

/* ---- withdrawing ---- */
static enum fg_code cancel_order(struct fg_call *call, struct fg_error *err)
{
    struct opening opening;
    int64_t order;
    struct fg_auction_withdrawal *withdrawal = fg_arena_alloc(fg_call_arena(call), 1, sizeof *withdrawal);
    enum fg_code code = withdrawal == NULL ? fg_fail_memory(err) : trading_path_id(call, "order", FG_ID_ORDER, &order, err);
    if (code == FG_OK)
        code = begin(call, &opening, 1, false, err);
    if (code != FG_OK)
        return code;
    *withdrawal = (struct fg_auction_withdrawal){opening.auction, order};
    auction_command(opening.items, &fg_auction_withdraw_service, withdrawal);
    code = trading_send(call, opening.items, &opening.party, err);
    trading_party_release(&opening.party);
    return code;
}

/* ---- limits ---- */
static const struct fg_schema bus_schema = FG_TEXT(1, 200);
static const struct fg_schema power = FG_DECIMAL(6, -(int64_t)1000000000000, 1000000000000);
static const struct fg_schema powers = FG_ARRAY(&power, 1, FG_AUCTION_PERIODS_MAX);
static const struct fg_schema share = FG_DECIMAL(6, 0, FG_FRACTION_ONE);
static const struct fg_schema shares = FG_ARRAY(&share, 1, 96);
static const struct fg_schema ratio = FG_DECIMAL(6, -10 * (int64_t)FG_FRACTION_ONE, 10 * (int64_t)FG_FRACTION_ONE);
static const struct fg_schema energy = FG_DECIMAL(6, -(int64_t)1000000000000, 1000000000000);
#define PHYSICAL                                                                                                       \
    {"baseline_p", &powers, "What it injects without orders, MW: one value, or one per period", 0},                    \
    {"baseline_q", &powers, "Mvar", 0},                                                                                \
    {"p_min", &power, "Least injection, MW, baseline included", 0}, {"p_max", &power, "Most injection", 0},           \
    {"q_min", &power, "Mvar", 0}, {"q_max", &power, "Mvar", 0},                                                       \
    {"s_max", &power, "Apparent power, MVA", 0},                                                                       \
    {"power_factor", &share, "|Q| <= |P| tan(acos(power factor))", 0},                                                 \
    {"q_per_p", &ratio, "Q follows P; only in auctions of active energy", 0},                                          \
    {"ramp_per_hour", &power, "Most change of P from period to period, MW per hour", 0},                               \
    {"energy_up", &energy, "Most accepted energy upwards, MWh", 0},                                                    \
    {"energy_down", &energy, "... and downwards", 0},                                                                  \
    {"energy_min", &energy, "Band of the running sum of changes of P, MWh, <= 0", 0},                                  \
    {"energy_max", &energy, ">= 0", 0},                                                                                \
    {"rebound", &shares, "This share of the net accepted power comes back 1, 2, ... periods later", 0}
static const struct fg_field limit_fields[] = {{"portfolio", &fg_schema_id, "Own portfolio", FG_REQUIRED},
                                               {"bus", &bus_schema, "Where; may be left out where there is only one", 0}, PHYSICAL};
static const struct fg_schema limit_schema =
    FG_OBJECT("AuctionLimits", "What all orders of a portfolio at a bus share physically; replaces what was set", limit_fields);

struct limiting {
    struct fg_call *call;
    const struct trading_party *party;
    struct fg_auction_limit *limit;
    int64_t location;
    const char *bus;
    char place[FG_AUCTION_PLACE_TEXT];
    bool has_network;
};
static enum fg_code check_limits(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct limiting *limiting = context;
    (void)platform;
    enum fg_code code = fg_auction_place(store, limiting->limit->auction, limiting->location, limiting->limit->portfolio,
                                         limiting->bus, limiting->place, err);
    if (code == FG_OK)
        code = fg_auction_limit_check(store, limiting->party->area, limiting->limit, limiting->place, &limiting->has_network, err);
    return code;
}

static enum fg_code set_limits(struct fg_call *call, struct fg_error *err)
{
    struct opening opening;
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_arena *arena = fg_call_arena(call);
    struct fg_auction_limit *limit = fg_arena_alloc(arena, 1, sizeof *limit);
    struct limiting limiting = {.call = call, .limit = limit, .bus = fg_member_text(&body, "bus", NULL)};
    enum fg_code code = limit == NULL ? fg_fail_memory(err) : begin(call, &opening, 1, false, err);
    if (code != FG_OK)
        return code;
    limiting.party = &opening.party;
    limit->auction = opening.auction;
    code = fg_member_id(&body, "portfolio", FG_ID_PORTFOLIO, &limit->portfolio, err);
    const struct fg_portfolio_facts *portfolio = fg_facts_portfolio(opening.party.facts, limit->portfolio);
    if (code == FG_OK && (portfolio == NULL || portfolio->organisation != opening.party.id))
        code = fg_fail(err, FG_ERR_NOT_FOUND, "#/portfolio", "none of your portfolios in this area has this id");
    json_t *terms = json_copy(body.value);
    json_object_del(terms, "portfolio");
    json_object_del(terms, "bus");
    char *text = json_dumps(terms, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(terms);
    if (code == FG_OK && (text == NULL || (limit->terms = fg_arena_strdup(arena, text)) == NULL))
        code = fg_fail_memory(err);
    free(text);
    if (code == FG_OK) {
        limiting.location = portfolio->location;
        code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, check_limits, &limiting, err);
    }
    if (code == FG_OK) /* physics none: the place is the portfolio's location, and not named */
        limit->bus = limiting.has_network ? fg_arena_strdup(arena, limiting.place) : "";
    if (code == FG_OK && limit->bus == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK) {
        auction_command(opening.items, &fg_auction_limit_service, limit);
        code = trading_send(call, opening.items, &opening.party, err);
    }
    trading_party_release(&opening.party);
    return code;
}

/* ---- what became of them ---- */
static const char *const order_status_words[] = {"entered", "cancelled", "accepted", "partly_accepted", "rejected", NULL};
static const struct fg_schema order_status = FG_ENUM("AuctionOrderStatus", "entered until the result", order_status_words);
static const struct fg_schema prices = FG_ARRAY(&fg_schema_price, 0, FG_AUCTION_PERIODS_MAX);
static const struct fg_schema short_text = FG_TEXT(0, 400);
static const struct fg_field order_fields[] = {
    {"order", &fg_schema_id, "The order", FG_REQUIRED},
    {"status", &order_status, "State", FG_REQUIRED},
    {"reason", &short_text, "Why it was cancelled or rejected", FG_REQUIRED | FG_NULLABLE},
    {"organisation", &fg_schema_id, "Whose order", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED | FG_NULLABLE},
    {"location", &fg_schema_id, "Grid location", FG_REQUIRED},
    {"bus", &short_text, "Bus, or element whose limit it prices", FG_REQUIRED | FG_NULLABLE},
    {"side", &trading_side, "Offer or request", FG_REQUIRED},
    {"product", &trading_product, "What is traded", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction; null: prices a branch's limit", FG_REQUIRED | FG_NULLABLE},
    {"kind", &trading_request_kind, "Of a request", FG_REQUIRED | FG_NULLABLE},
    {"block", &fg_schema_boolean, "One fraction in all periods", FG_REQUIRED},
    {"minimum_fraction", &trading_fraction, "Least share", FG_REQUIRED},
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"quantity", &trading_quantities, "Per period", FG_REQUIRED},
    {"price_points", &trading_price_points, "Price curve", FG_REQUIRED},
    {"parent", &fg_schema_id, "Linked to", FG_REQUIRED | FG_NULLABLE},
    {"group", &fg_schema_id, "Member of", FG_REQUIRED | FG_NULLABLE},
    {"reference", &short_text, "Own words", FG_REQUIRED | FG_NULLABLE},
    {"entered", &fg_schema_instant, "Entered at", FG_REQUIRED},
    {"accepted", &trading_quantities, "Accepted per period; null before the result", FG_REQUIRED | FG_NULLABLE},
    {"set_points", &powers, "Change of injection per period; null before the result", FG_REQUIRED | FG_NULLABLE},
    {"unit_price", &prices, "Paid per MWh in each period", FG_REQUIRED | FG_NULLABLE},
    {"limit", &fg_schema_money, "Cost or value of what was accepted at the order's own price", FG_REQUIRED | FG_NULLABLE},
    {"settled", &fg_schema_money, "What the participant receives (> 0) or pays", FG_REQUIRED | FG_NULLABLE},
    {"make_whole", &fg_schema_money, "Received on top, so that it is no worse off than its limit", FG_REQUIRED | FG_NULLABLE},
    {"missed_gain", &fg_schema_money, "Rejected although the prices would have paid it this much", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema order_schema = FG_OBJECT("AuctionOrder", "An order of an auction", order_fields);
FG_PAGE_SCHEMA(order_page, &order_schema, "AuctionOrderPage", "Orders of an auction");
static const struct fg_response order_page_responses[] = {{200, "Orders as they were entered", &order_page, NULL, NULL}, {0}};
static const struct fg_param order_query[] = {
    {"status", &order_status, "Only in this state", false},
    {"paradoxical", &fg_schema_boolean, "Only orders that were rejected although the prices would have paid them", false}, {0}};

enum { C_ID, C_STATUS, C_REASON, C_ORGANISATION, C_PORTFOLIO, C_LOCATION, C_BUS, C_SIDE, C_PRODUCT, C_REGULATION, C_KIND, C_BLOCK,
       C_FRACTION, C_START, C_QUANTITY, C_POINTS, C_PARENT, C_GROUP, C_REFERENCE, C_ENTERED, C_ACCEPTED, C_PRICE, C_LIMIT, C_SETTLED,
       C_WHOLE, C_GAIN };

static void put_list(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column, int sign)
{
    size_t size = 0;
    if (fg_sql_column_is_null(sql, column)) {
        fg_json_put_null(out, key);
        return;
    }
    const void *bytes = fg_sql_column_blob(sql, column, &size);
    fg_json_begin_row(out, key);
    for (size_t i = 0; i < size / 8; i++)
        trading_put_decimal(out, NULL, sign * fg_blob_integer(bytes, i));
    fg_json_end_array(out);
}

static void put_money(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    if (fg_sql_column_is_null(sql, column))
        fg_json_put_null(out, key);
    else
        trading_put_decimal(out, key, fg_sql_column_int64(sql, column));
}

static void put_order(struct fg_json_writer *out, const struct fg_sql *sql)
{
#define NUMBER(column) fg_sql_column_int64(sql, column)
    struct fg_order order = {.side = (enum fg_side)NUMBER(C_SIDE), .regulation = (enum fg_regulation)NUMBER(C_REGULATION),
                             .kind = (enum fg_request_kind)NUMBER(C_KIND)};
    size_t size = 0;
    fg_json_begin_object(out, NULL);
    trading_put_id(out, "order", FG_ID_ORDER, NUMBER(C_ID));
    fg_json_put_string(out, "status", fg_sql_column_text(sql, C_STATUS));
    fg_json_put_string(out, "reason", fg_sql_column_text(sql, C_REASON));
    trading_put_id(out, "organisation", FG_ID_ORGANISATION, NUMBER(C_ORGANISATION));
    trading_put_id(out, "portfolio", FG_ID_PORTFOLIO, NUMBER(C_PORTFOLIO));
    trading_put_id(out, "location", FG_ID_LOCATION, NUMBER(C_LOCATION));
    fg_json_put_string(out, "bus", fg_sql_column_text(sql, C_BUS));
    fg_json_put_string(out, "side", fg_side_words[order.side]);
    fg_json_put_string(out, "product", fg_product_words[NUMBER(C_PRODUCT)]);
    fg_json_put_string(out, "regulation", order.regulation != FG_REGULATION_BOTH ? fg_regulation_words[order.regulation] : NULL);
    fg_json_put_string(out, "kind", order.kind != FG_REQUEST_NONE ? fg_request_kind_words[order.kind] : NULL);
    fg_json_put_bool(out, "block", NUMBER(C_BLOCK) != 0);
    trading_put_decimal(out, "minimum_fraction", NUMBER(C_FRACTION));
    trading_put_instant_us(out, "start", NUMBER(C_START) * 1000000);
    put_list(out, "quantity", sql, C_QUANTITY, 1);
    const void *points = fg_sql_column_blob(sql, C_POINTS, &size);
    fg_json_begin_row(out, "price_points");
    for (size_t i = 0; i + 1 < size / 8; i += 2) {
        fg_json_begin_row_object(out, NULL);
        trading_put_decimal(out, "quantity", fg_blob_integer(points, i));
        trading_put_decimal(out, "price", fg_blob_integer(points, i + 1));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    trading_put_id(out, "parent", FG_ID_ORDER, NUMBER(C_PARENT));
    trading_put_id(out, "group", FG_ID_GROUP, NUMBER(C_GROUP));
    fg_json_put_string(out, "reference", fg_sql_column_text(sql, C_REFERENCE));
    trading_put_instant_us(out, "entered", NUMBER(C_ENTERED));
    put_list(out, "accepted", sql, C_ACCEPTED, 1);
    put_list(out, "set_points", sql, C_ACCEPTED, fg_order_injection_sign(&order));
    put_list(out, "unit_price", sql, C_PRICE, 1);
    put_money(out, "limit", sql, C_LIMIT);
    put_money(out, "settled", sql, C_SETTLED);
    put_money(out, "make_whole", sql, C_WHOLE);
    put_money(out, "missed_gain", sql, C_GAIN);
    fg_json_end_object(out);
#undef NUMBER
}

/* Own orders; all of them for the area's operator and the regulator once the result is public, never before: the book is sealed. */
static enum fg_code put_orders(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t area, auction, limit = fg_call_limit(call);
    const char *position = fg_call_position(call), *status = fg_call_text(call, "status");
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "auction", FG_ID_AUCTION, &auction, err);
    if (code == FG_OK)
        code = fg_query(
            registry->store, &sql, err,
            "SELECT o.id, CASE WHEN c.status IS NULL THEN o.status ELSE c.status END, COALESCE(c.reason, o.cause), o.organisation_id, "
            "o.portfolio_id, o.location_id, o.bus, o.side, o.product, o.regulation, o.kind, o.block, o.min_fraction_u, "
            "o.first_period * a.period_s, o.quantity, o.points, o.parent_id, o.group_id, CASE WHEN o.organisation_id = $1 THEN "
            "o.reference ELSE NULL END, o.entered_us, c.accepted, c.unit_price, c.limit_u, c.settled_u, c.make_whole_u, c.gain_u FROM "
            "auction_order o JOIN auction u ON u.id = o.auction_id JOIN area a ON a.id = u.area_id LEFT JOIN auction_outcome c ON "
            "c.order_id = o.id AND u.status IN ('cleared', 'partly_solved') WHERE u.id = $3 AND u.area_id = $4 AND o.id > $5 AND "
            "(o.organisation_id = $1 OR (u.status IN ('cleared', 'partly_solved') AND (a.operator_id = $1 OR $2 = 1))) AND ($7 = '' OR "
            "COALESCE(c.status, o.status) = $7) AND ($8 = 0 OR c.gain_u IS NOT NULL) ORDER BY o.id LIMIT $6",
            "iiiiiiti", fg_registry_party(registry), (int64_t)fg_registry_is(registry, FG_ROLE_REGULATOR), auction, area,
            position != NULL ? strtoll(position, NULL, 10) : (int64_t)0, limit + 1, status != NULL ? status : "",
            (int64_t)fg_call_boolean(call, "paradoxical", false));
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err)) {
        put_order(page.out, sql);
    }
    fg_page_end(&page);
    return code;
}
static enum fg_code list_orders(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_orders, err);
}

static const struct fg_operation operations[] = {
    {.id = "enter-auction-order", .method = FG_POST, .path = "/v1/areas/{area}/auctions/{auction}/orders", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Enter an order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = auction_path,
     .description = "The order is sealed: nobody else sees it before the result, and only its owner and the market operator then. "
                    "What an offer offers is bound until then and can be sold nowhere else.",
     .request = &auction_order_entry, .request_example = AUCTION_ORDER_EXAMPLE, .responses = entered_responses, .handle = enter_order},
    {.id = "enter-auction-batch", .method = FG_POST, .path = "/v1/areas/{area}/auctions/{auction}/orders/batch", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Enter up to 500 orders", .right = "orders.enter", .flags = FG_OP_AT_OWNER, .path_params = auction_path,
     .request = &batch, .request_example = "{\"items\":[{\"key\":\"a-1\",\"order\":" AUCTION_ORDER_EXAMPLE "}]}",
     .responses = batch_responses, .handle = enter_batch},
    {.id = "enter-auction-group", .method = FG_POST, .path = "/v1/areas/{area}/auctions/{auction}/order-groups", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Enter orders under one rule", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = auction_path,
     .request = &group,
     .request_example = "{\"kind\":\"exclusive_one\",\"orders\":[" AUCTION_ORDER_EXAMPLE "," AUCTION_ORDER_EXAMPLE "]}",
     .responses = entered_responses, .handle = enter_group},
    {.id = "amend-auction-order", .method = FG_PUT, .path = "/v1/areas/{area}/auctions/{auction}/orders/{order}", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Replace an own order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED, .path_params = auction_order_path,
     .description = "The order keeps its id. Members of groups, and orders that others are linked to, are cancelled and entered anew.",
     .request = &auction_order_entry, .request_example = AUCTION_ORDER_EXAMPLE, .responses = entered_responses, .handle = amend_order},
    {.id = "cancel-auction-order", .method = FG_DELETE, .path = "/v1/areas/{area}/auctions/{auction}/orders/{order}",
     .api = FG_API_ATP, .tag = "Auctions", .summary = "Withdraw an own order", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED,
     .path_params = auction_order_path, .description = "With its whole group, and with the orders that are linked to it.",
     .responses = taken_responses, .handle = cancel_order},
    {.id = "set-auction-limits", .method = FG_PUT, .path = "/v1/areas/{area}/auctions/{auction}/limits", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Physical limits of a portfolio", .right = "orders.enter", .flags = FG_OP_AT_OWNER | KEYED,
     .path_params = auction_path,
     .description = "Energy budget, ramps, apparent power and the like, which all orders of a portfolio at a bus share.",
     .request = &limit_schema,
     .request_example = "{\"portfolio\":\"pf-10\",\"p_min\":\"-1\",\"p_max\":\"1\",\"energy_up\":\"2\",\"ramp_per_hour\":\"4\"}",
     .responses = taken_responses, .handle = set_limits},
    {.id = "list-auction-orders", .method = FG_GET, .path = "/v1/areas/{area}/auctions/{auction}/orders", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Own orders, and what became of them", .right = "orders.read", .flags = FG_OP_PAGED,
     .path_params = auction_path, .query_params = order_query,
     .description = "The area's operator and the regulator see all orders once the result is public.",
     .responses = order_page_responses, .handle = list_orders},
};
const struct fg_operation_set fg_auction_order_operations = FG_OPERATIONS(operations);
