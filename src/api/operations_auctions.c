/* Auctions, the market operator's side and what everybody may read: making them, recurring rules, cancellation, clearing again,
 * states and results, prices, limits of the grid. */
#include "api/operations_runs.h"

#include "api/auction_order.h"
#include "api/rows.h"
#include "atp/metering.h"
#include "atp/query.h"
#include "base/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYED (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)
extern const struct fg_schema run_proof_schema;
void run_put_proof(struct fg_json_writer *out, const char *key, const char *certificate);

/* ---- terms ---- */
static const char *const product_words[] = {"active", "reactive", NULL};
static const struct fg_schema product = FG_ENUM("AuctionProduct", "What is traded", product_words);
static const struct fg_schema products = FG_ARRAY(&product, 1, 2);
static const struct fg_schema physics = {.kind = FG_SCHEMA_ENUM, .name = "AuctionPhysics", .words = fg_market_physics_words,
                                         .description = "ac: exact; lindistflow: radial grids; dc; none: no grid at all"};
static const struct fg_schema balance = {
    .kind = FG_SCHEMA_ENUM, .name = "AuctionBalance", .words = fg_balance_words,
    .description = "imbalance: the slack takes the change at the import price; closed: changes sum to zero in each period"};
static const struct fg_schema pricing = {.kind = FG_SCHEMA_ENUM, .name = "AuctionPricing", .words = fg_pricing_words,
                                         .description = "nodal, zonal (highest accepted offer of the zone) or pay as bid"};
static const struct fg_schema price_list = FG_ARRAY(&fg_schema_price, 1, FG_AUCTION_PERIODS_MAX);
static const struct fg_schema scale = FG_DECIMAL(6, 0, 1000000000);
static const struct fg_schema scale_list = FG_ARRAY(&scale, 1, FG_AUCTION_PERIODS_MAX);
static const struct fg_schema positive_price = FG_DECIMAL(6, 1, 1000000000000000);
static const struct fg_schema seconds = FG_INTEGER(1, 3600);
static const struct fg_field scarcity_fields[] = {
    {"overload", &positive_price, "Per MVA over rating and hour; 5000 when absent", 0},
    {"voltage", &positive_price, "Per p.u. outside the band and hour; 500000 when absent", 0},
    {"not_served", &positive_price, "Per MWh of load that is shed; 10000 when absent", 0},
};
static const struct fg_schema scarcity = FG_OBJECT("AuctionScarcity", "What violations cost", scarcity_fields);
static const struct fg_field terms_fields[] = {
    {"products", &products, "What is traded", FG_REQUIRED},
    {"physics", &physics, "Model of the grid", FG_REQUIRED},
    {"balance", &balance, "Who takes the change of the area's balance; imbalance when absent", 0},
    {"balance_reactive", &balance, "The same for reactive power", 0},
    {"pricing", &pricing, "nodal when absent", 0},
    {"match_requests", &fg_schema_boolean, "Accepted offers equal accepted requests, per period, product and direction", 0},
    {"import_price", &price_list, "Per MWh at the slack: one value, or one per period; 0 when absent", 0},
    {"import_price_reactive", &price_list, "Per Mvarh", 0},
    {"scale_load", &scale_list, "Factor on the network's loads: one value, or one per period", 0},
    {"scale_generation", &scale_list, "... and static generators", 0},
    {"scarcity", &scarcity, "What violations cost", 0},
    {"time_limit_s", &seconds, "Time for the clearing; 60 when absent", 0},
};
static const struct fg_schema terms_schema = FG_OBJECT("AuctionTerms", "How an auction is cleared", terms_fields);
#define TERMS_EXAMPLE                                                                                                  \
    "{\"products\":[\"active\"],\"physics\":\"dc\",\"balance\":\"imbalance\",\"pricing\":\"nodal\",\"import_price\":[\"85\"]}"

static const char *terms_text(struct fg_call *call, const struct fg_json_cursor *body, struct fg_error *err)
{
    struct fg_json_cursor terms = fg_json_member(body, "terms");
    char *text = json_dumps(terms.value, JSON_COMPACT | JSON_SORT_KEYS);
    const char *copy = text != NULL ? fg_arena_strdup(fg_call_arena(call), text) : NULL;
    free(text);
    if (copy == NULL)
        fg_fail_memory(err);
    return copy;
}

/* ---- making ---- */
static const struct fg_schema period_count = FG_INTEGER(1, FG_AUCTION_PERIODS_MAX);
static const struct fg_field new_fields[] = {
    {"name", &fg_schema_name, "Name for people", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the first delivery period", FG_REQUIRED},
    {"periods", &period_count, "Number of delivery periods", FG_REQUIRED},
    {"opening", &fg_schema_instant, "From when orders are taken; at once when absent", 0},
    {"closure", &fg_schema_instant, "Gate closure: orders are taken before it, and the clearing begins", FG_REQUIRED},
    {"terms", &terms_schema, "How it is cleared", FG_REQUIRED},
};
static const struct fg_schema new_schema = FG_OBJECT("NewAuction", "An auction on demand", new_fields);
static const struct fg_response made_responses[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"auc-7\"}"}, {0}};

static void render_id(struct fg_command *command, const struct fg_book *book)
{
    struct fg_json_writer out;
    (void)book;
    if (trading_render_refusal(command))
        return;
    command->status = 201;
    command->answer.length = 0;
    fg_json_writer_init(&out, &command->answer, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "id", command->object);
    fg_json_end_object(&out);
}

struct checking {
    struct fg_auction_terms *terms;
};
static enum fg_code check_terms(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct fg_auction_terms *terms = ((struct checking *)context)->terms;
    (void)platform;
    return fg_auction_terms_check(store, terms->area, terms->terms, terms->period_count, &terms->network, err);
}

/* The area's operator, with one item. */
static enum fg_code begin(struct fg_call *call, struct trading_party *party, struct trading_item **item, struct fg_error *err)
{
    enum fg_code code = trading_party_of(call, party, err);
    if (code != FG_OK)
        return code;
    *item = trading_items(call, party, 1, false);
    if (party->id != party->facts->operator)
        code = fg_fail(err, FG_ERR_DENIED, NULL, "this market area has another operator");
    else if (*item == NULL)
        code = fg_fail_memory(err);
    if (code != FG_OK)
        trading_party_release(party);
    return code;
}

static enum fg_code create_auction(struct fg_call *call, struct fg_error *err)
{
    struct trading_party party;
    struct trading_item *item = NULL;
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_auction_terms *terms = fg_arena_alloc(fg_call_arena(call), 1, sizeof *terms);
    enum fg_code code = terms == NULL ? fg_fail_memory(err) : begin(call, &party, &item, err);
    if (code != FG_OK)
        return code;
    struct fg_platform *platform = trading_application(call)->platform;
    int64_t start = fg_member_instant(&body, "start", 0), closure = fg_member_instant(&body, "closure", 0),
            now_us = fg_platform_now_us(platform);
    *terms = (struct fg_auction_terms){.area = party.area,
                                       .name = fg_member_text(&body, "name", ""),
                                       .first_period = (int32_t)(start / party.facts->period_s),
                                       .period_count = (int32_t)json_integer_value(json_object_get(body.value, "periods")),
                                       .opening_us = fg_member_instant(&body, "opening", now_us / 1000000) * 1000000,
                                       .closure_us = closure * 1000000,
                                       .terms = terms_text(call, &body, err)};
    if (terms->terms == NULL)
        code = FG_ERR_MEMORY;
    else if (start < 0 || start % party.facts->period_s != 0 || start / party.facts->period_s > INT32_MAX - 100000)
        code = fg_fail(err, FG_ERR_VALUE, "#/start", "it is not the start of a delivery period");
    else if (closure > start)
        code = fg_fail(err, FG_ERR_VALUE, "#/closure", "an auction closes before its delivery begins");
    else if (terms->opening_us >= terms->closure_us || terms->closure_us <= now_us)
        code = fg_fail(err, FG_ERR_VALUE, "#/closure", "it lies before the opening, or in the past");
    struct checking checking = {terms};
    if (code == FG_OK)
        code = fg_platform_run(platform, FG_STORE_READ, check_terms, &checking, err);
    if (code == FG_OK) {
        item->command.kind = FG_COMMAND_SERVICE;
        item->command.service = &fg_auction_open_service;
        item->command.service_data = terms;
        item->command.render = render_id;
        code = trading_send(call, item, &party, err);
    }
    trading_party_release(&party);
    return code;
}

/* ---- cancelling, clearing again ---- */
static const struct fg_field cancel_fields[] = {{"reason", &trading_reason, "Told to everybody", FG_REQUIRED}};
static const struct fg_schema cancel_schema = FG_OBJECT("AuctionCancellation", "An auction that is given up", cancel_fields);
static const struct fg_response step_responses[] = {{200, "Durably taken", &auction_receipt, NULL, AUCTION_RECEIPT_EXAMPLE}, {0}};

static enum fg_code step(struct fg_call *call, const struct fg_command_service *service, const char *reason, struct fg_error *err)
{
    struct trading_party party;
    struct trading_item *item = NULL;
    struct fg_auction_step *data = fg_arena_alloc(fg_call_arena(call), 1, sizeof *data);
    enum fg_code code = data == NULL ? fg_fail_memory(err) : trading_path_id(call, "auction", FG_ID_AUCTION, &data->auction, err);
    if (code == FG_OK)
        code = begin(call, &party, &item, err);
    if (code != FG_OK)
        return code;
    data->cause = reason;
    auction_command(item, service, data);
    code = trading_send(call, item, &party, err);
    trading_party_release(&party);
    return code;
}
static enum fg_code cancel_auction(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    return step(call, &fg_auction_cancel_service, fg_member_text(&body, "reason", ""), err);
}
static enum fg_code clear_again(struct fg_call *call, struct fg_error *err)
{
    return step(call, &fg_auction_again_service, NULL, err);
}

/* ---- recurring auctions ---- */
static const struct fg_schema days = FG_INTEGER(0, 60);
static const struct fg_schema closure_days = FG_INTEGER(1, 60);
static const struct fg_schema clock_seconds = FG_INTEGER(0, 86399);
static const char *const rule_status_words[] = {"active", "ended", NULL};
static const struct fg_schema rule_status = FG_ENUM("AuctionRuleStatus", "Whether it makes auctions", rule_status_words);
static const struct fg_field new_rule_fields[] = {
    {"name", &fg_schema_name, "Name; an auction's is this and its day", FG_REQUIRED},
    {"opening_days", &days, "Days before the day of delivery", FG_REQUIRED},
    {"opening_clock_seconds", &clock_seconds, "Opening by the clock of the area's zone", FG_REQUIRED},
    {"closure_days", &closure_days, "Days before the day of delivery", FG_REQUIRED},
    {"closure_clock_seconds", &clock_seconds, "Gate closure by the clock of the area's zone", FG_REQUIRED},
    {"first_day", &fg_schema_date, "First day of delivery", FG_REQUIRED},
    {"last_day", &fg_schema_date, "Last day of delivery; until it is ended when absent", 0},
    {"terms", &terms_schema, "How each auction is cleared; lists have one value, for days have 92, 96 or 100 quarter-hours", FG_REQUIRED},
};
static const struct fg_schema new_rule = FG_OBJECT("NewAuctionRule", "An auction for every local day", new_rule_fields);
static const struct fg_response rule_responses[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"arl-2\"}"}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_param rule_path[] = {{"rule", &fg_schema_id, "Rule", true}, {0}};

static enum fg_code make_rule(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    const char *last = fg_member_text(&body, "last_day", NULL);
    int64_t area, id;
    struct fg_auction_rule rule = {.name = fg_member_text(&body, "name", ""),
                                   .terms = terms_text(call, &body, err),
                                   .opening_days = json_integer_value(json_object_get(body.value, "opening_days")),
                                   .opening_clock_s = json_integer_value(json_object_get(body.value, "opening_clock_seconds")),
                                   .closure_days = json_integer_value(json_object_get(body.value, "closure_days")),
                                   .closure_clock_s = json_integer_value(json_object_get(body.value, "closure_clock_seconds")),
                                   .first_day = fg_call_date(fg_member_text(&body, "first_day", ""))};
    if (rule.terms == NULL)
        return FG_ERR_MEMORY;
    if (last != NULL)
        rule.last_day = fg_call_date(last);
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_auction_rule_create(registry, area, &rule, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_AUCTION_RULE, id);
    return code;
}
static enum fg_code create_rule(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, make_rule, err);
}
static enum fg_code end_it(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "rule", FG_ID_AUCTION_RULE, &id, err);
    if (code == FG_OK)
        code = fg_auction_rule_end(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code end_rule(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, end_it, err);
}

static const struct fg_schema long_text = FG_TEXT(0, FG_AUCTION_TERMS_MAX);
static const struct fg_field rule_fields[] = {
    {"id", &fg_schema_id, "Rule", FG_REQUIRED},
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"status", &rule_status, "Whether it makes auctions", FG_REQUIRED},
    {"opening_days", &fg_schema_count, "Days before the day of delivery", FG_REQUIRED},
    {"opening_clock_seconds", &fg_schema_count, "Opening", FG_REQUIRED},
    {"closure_days", &fg_schema_count, "Days before the day of delivery", FG_REQUIRED},
    {"closure_clock_seconds", &fg_schema_count, "Closure", FG_REQUIRED},
    {"first_day", &fg_schema_date, "First day of delivery", FG_REQUIRED},
    {"last_day", &fg_schema_date, "Last day of delivery", FG_REQUIRED | FG_NULLABLE},
    {"terms", &long_text, "AuctionTerms as JSON", FG_REQUIRED},
};
static const struct fg_schema rule_schema = FG_OBJECT("AuctionRule", "A recurring auction", rule_fields);
FG_PAGE_SCHEMA(rule_page, &rule_schema, "AuctionRulePage", "Recurring auctions");
static const struct fg_response rule_page_responses[] = {{200, "Rules", &rule_page, NULL, NULL}, {0}};
static const struct fg_column rule_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_AUCTION_RULE, NULL},        {"name", FG_COLUMN_TEXT, FG_ID_AUCTION_RULE, NULL},
    {"status", FG_COLUMN_TEXT, FG_ID_AUCTION_RULE, NULL},  {"opening_days", FG_COLUMN_COUNT, FG_ID_AUCTION_RULE, NULL},
    {"opening_clock_seconds", FG_COLUMN_COUNT, FG_ID_AUCTION_RULE, NULL},
    {"closure_days", FG_COLUMN_COUNT, FG_ID_AUCTION_RULE, NULL},
    {"closure_clock_seconds", FG_COLUMN_COUNT, FG_ID_AUCTION_RULE, NULL},
    {"first_day", FG_COLUMN_DAY, FG_ID_AUCTION_RULE, NULL}, {"last_day", FG_COLUMN_DAY, FG_ID_AUCTION_RULE, NULL},
    {"terms", FG_COLUMN_TEXT, FG_ID_AUCTION_RULE, NULL},   {0}};
static const struct fg_rows rules_rows = {
    "SELECT id, id, name, status, opening_days, opening_clock_s, closure_days, "
    "closure_clock_s, first_day, last_day, terms FROM auction_rule WHERE area_id = $5 AND "
    "id > $3 AND $1 = $1 AND $2 = $2 ORDER BY id LIMIT $4",
    rule_columns, "area", FG_ID_AREA};

/* ---- reading ---- */
static const struct fg_schema auction_status = {.kind = FG_SCHEMA_ENUM, .name = "AuctionStatus", .words = fg_auction_status_words,
                                                .description = "closed: sealed, the clearing is under way"};
static const struct fg_field total_fields[] = {{"product", &trading_product, "Product", FG_REQUIRED},
                                               {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
                                               {"energy", &fg_schema_energy, "Accepted offers, MWh", FG_REQUIRED}};
static const struct fg_schema total = FG_OBJECT("AuctionTotal", "What was accepted", total_fields);
static const struct fg_schema totals = FG_ARRAY(&total, 0, 4);
static const struct fg_field auction_fields[] = {
    {"id", &fg_schema_id, "Auction", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"rule", &fg_schema_id, "The rule that made it", FG_REQUIRED | FG_NULLABLE},
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"status", &auction_status, "Where it is in its life", FG_REQUIRED},
    {"cause", &long_text, "Of cancelled; of failed and partly_solved to those who may see networks", FG_REQUIRED | FG_NULLABLE},
    {"opening", &fg_schema_instant, "From when orders are taken", FG_REQUIRED},
    {"closure", &fg_schema_instant, "Gate closure", FG_REQUIRED},
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"periods", &fg_schema_count, "Delivery periods", FG_REQUIRED},
    {"terms", &terms_schema, "How it is cleared", FG_REQUIRED},
    {"network", &fg_schema_id, "The network that it is cleared on", FG_REQUIRED | FG_NULLABLE},
    {"orders", &fg_schema_count, "Live orders: to the area's operator and the regulator", FG_REQUIRED | FG_NULLABLE},
    {"run", &fg_schema_id, "The run that clears it: to the operator and the regulator", FG_REQUIRED | FG_NULLABLE},
    {"result", &run_proof_schema, "What was published of the result", FG_REQUIRED | FG_NULLABLE},
    {"totals", &totals, "Accepted offers; empty before the result", FG_REQUIRED},
};
static const struct fg_schema auction_schema = FG_OBJECT("Auction", "An auction", auction_fields);
FG_PAGE_SCHEMA(auction_page, &auction_schema, "AuctionPage", "Auctions");
static const struct fg_response auction_responses[] = {{200, "The auction", &auction_schema, NULL, NULL}, {0}};
static const struct fg_response auction_page_responses[] = {{200, "Auctions, newest first", &auction_page, NULL, NULL}, {0}};
static const struct fg_param area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};

enum { A_ID, A_AREA, A_RULE, A_NAME, A_STATUS, A_CAUSE, A_OPENING, A_CLOSURE, A_START, A_PERIODS, A_TERMS, A_NETWORK, A_ORDERS,
       A_RUN, A_SUMMARY, A_OPERATOR, A_PERIOD_S };
#define AUCTION_COLUMNS                                                                                                \
    "u.id, u.area_id, u.rule_id, u.name, u.status, u.cause, u.opening_us, u.closure_us, u.first_period * a.period_s, "      \
    "u.period_count, u.terms, u.network_id, u.order_count, u.run_id, u.summary, a.operator_id, a.period_s"

static enum fg_code put_totals(struct fg_json_writer *out, struct fg_registry *registry, int64_t auction, int64_t period_s,
                               struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    char text[FG_DECIMAL_MAX];
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT s.product, s.regulation, CAST(SUM(t.quantity_w) AS BIGINT) FROM auction_trade t JOIN "
                                 "auction u ON u.id = t.auction_id JOIN auction_order s ON s.id = t.sell_order_id WHERE t.auction_id = "
                                 "$1 AND u.status IN ('cleared', 'partly_solved') GROUP BY s.product, s.regulation ORDER BY 1, 2",
                                 "i", auction);
    fg_json_begin_array(out, "totals");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_energy energy = {0};
        fg_energy_of((struct fg_power){fg_sql_column_int64(sql, 2)}, period_s, &energy, NULL);
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "product", fg_product_words[fg_sql_column_int64(sql, 0)]);
        fg_json_put_string(out, "regulation", fg_regulation_words[fg_sql_column_int64(sql, 1)]);
        fg_json_put_string(out, "energy", fg_decimal_format(fg_decimal_of_energy(energy.ws), 10, 0, text));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    return code;
}

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, const struct fg_sql *sql, int column,
                   bool is_shown)
{
    trading_put_id(out, key, kind, is_shown ? fg_sql_column_int64(sql, column) : 0);
}

static void put_auction(struct fg_json_writer *out, struct fg_registry *registry, const struct fg_sql *sql)
{
#define NUMBER(column) fg_sql_column_int64(sql, column)
    const char *status = fg_sql_column_text(sql, A_STATUS), *cause = fg_sql_column_text(sql, A_CAUSE);
    bool oversees = NUMBER(A_OPERATOR) == fg_registry_party(registry) || fg_registry_is(registry, FG_ROLE_REGULATOR);
    bool sees_grid = oversees || fg_registry_is(registry, FG_ROLE_DSO) || fg_registry_is(registry, FG_ROLE_TSO);
    bool is_public = strcmp(status, "cancelled") == 0 || sees_grid;
    if (strcmp(status, "open") == 0 && registry->now_us < NUMBER(A_OPENING))
        status = "scheduled";
    trading_put_id(out, "id", FG_ID_AUCTION, NUMBER(A_ID));
    trading_put_id(out, "area", FG_ID_AREA, NUMBER(A_AREA));
    put_id(out, "rule", FG_ID_AUCTION_RULE, sql, A_RULE, true);
    fg_json_put_string(out, "name", fg_sql_column_text(sql, A_NAME));
    fg_json_put_string(out, "status", status);
    fg_json_put_string(out, "cause", is_public ? cause : NULL);
    trading_put_instant_us(out, "opening", NUMBER(A_OPENING));
    trading_put_instant_us(out, "closure", NUMBER(A_CLOSURE));
    trading_put_instant_us(out, "start", NUMBER(A_START) * 1000000);
    fg_json_put_integer(out, "periods", NUMBER(A_PERIODS));
    fg_json_put_raw(out, "terms", fg_sql_column_text(sql, A_TERMS));
    put_id(out, "network", FG_ID_NETWORK, sql, A_NETWORK, true);
    if (oversees)
        fg_json_put_integer(out, "orders", NUMBER(A_ORDERS));
    else
        fg_json_put_null(out, "orders");
    put_id(out, "run", FG_ID_RUN, sql, A_RUN, oversees);
    run_put_proof(out, "result", fg_sql_column_text(sql, A_SUMMARY));
#undef NUMBER
}

static enum fg_code put_auctions(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t area, limit = fg_call_limit(call);
    const char *position = fg_call_position(call);
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_query(registry->store, &sql, err,
                        "SELECT " AUCTION_COLUMNS " FROM auction u JOIN area a ON a.id = u.area_id WHERE u.area_id = $1 AND u.id < $2 "
                        "ORDER BY u.id DESC LIMIT $3",
                        "iii", area, position != NULL ? strtoll(position, NULL, 10) : INT64_MAX, limit + 1);
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, A_ID, &code, err)) {
        fg_json_begin_object(page.out, NULL);
        put_auction(page.out, registry, sql);
        code = put_totals(page.out, registry, page.last, fg_sql_column_int64(sql, A_PERIOD_S), err);
        fg_json_end_object(page.out);
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    fg_page_end(&page);
    return code;
}
static enum fg_code list_auctions(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_auctions, err);
}

static enum fg_code put_one(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t area, id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "auction", FG_ID_AUCTION, &id, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_query_one(registry->store, &sql, err,
                                              "SELECT " AUCTION_COLUMNS " FROM auction u JOIN area a ON a.id = u.area_id WHERE u.id = "
                                              "$1 AND u.area_id = $2",
                                              "ii", id, area),
                                 FG_ID_AUCTION, id, "auction", err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    int64_t period_s = fg_sql_column_int64(sql, A_PERIOD_S);
    fg_json_begin_object(out, NULL);
    put_auction(out, registry, sql);
    fg_sql_done(sql);
    code = put_totals(out, registry, id, period_s, err);
    fg_json_end_object(out);
    return code;
}
static enum fg_code get_auction(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_one, err);
}

/* ---- prices ---- */
static const struct fg_schema place = FG_TEXT(1, 200);
static const struct fg_field price_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"place", &place, "Bus; with physics none location, and `market` for the outside", FG_REQUIRED},
    {"product", &trading_product, "Product", FG_REQUIRED},
    {"price", &fg_schema_price, "Change of cost for one more MWh consumed there", FG_REQUIRED},
    {"energy", &fg_schema_price, "Part of it: what the slack pays", FG_REQUIRED},
    {"loss", &fg_schema_price, "Part: losses", FG_REQUIRED},
    {"congestion", &fg_schema_price, "Part: ratings", FG_REQUIRED},
    {"voltage", &fg_schema_price, "Part: voltages", FG_REQUIRED},
    {"zone", &fg_schema_price, "Part: what needs pay for net change", FG_REQUIRED},
};
static const struct fg_schema price_schema = FG_OBJECT("AuctionPrice", "A price at a place in a period", price_fields);
FG_PAGE_SCHEMA(price_page, &price_schema, "AuctionPricePage", "Prices");
static const struct fg_response price_responses[] = {{200, "Prices by period and place; none before the result", &price_page, NULL, NULL}, {0}};
static const struct fg_column price_columns[] = {
    {"start", FG_COLUMN_SECONDS, FG_ID_AUCTION, NULL}, {"place", FG_COLUMN_TEXT, FG_ID_AUCTION, NULL},
    {"product", FG_COLUMN_WORD, FG_ID_AUCTION, product_words}, {"price", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL},
    {"energy", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL},  {"loss", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL},
    {"congestion", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL}, {"voltage", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL},
    {"zone", FG_COLUMN_MICRO, FG_ID_AUCTION, NULL},    {0}};
static const struct fg_rows prices_rows = {
    "SELECT p.line, p.period * a.period_s, p.place, p.product, p.price_u, p.energy_u, p.loss_u, "
    "p.congestion_u, p.voltage_u, p.zone_u FROM auction_price p JOIN auction u ON u.id = "
    "p.auction_id JOIN area a ON a.id = u.area_id WHERE p.auction_id = $5 AND p.line > $3 AND "
    "u.status IN ('cleared', 'partly_solved') AND $1 = $1 AND $2 = $2 ORDER BY p.line LIMIT $4",
    price_columns, "auction", FG_ID_AUCTION};

/* ---- limits of the grid ---- */
static const struct fg_schema number = {.kind = FG_SCHEMA_NUMBER, .number_minimum = -1e300, .number_maximum = 1e300};
static const struct fg_field limit_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"limit", &place, "voltage_low, voltage_high, branch, substation_p, substation_q, not_served", FG_REQUIRED},
    {"element", &place, "Bus or branch", FG_REQUIRED},
    {"bound", &number, "p.u., MVA or MW", FG_REQUIRED | FG_NULLABLE},
    {"before", &number, "With nothing accepted", FG_REQUIRED | FG_NULLABLE},
    {"after", &number, "With the result", FG_REQUIRED | FG_NULLABLE},
    {"violation_before", &number, "Beyond the limit", FG_REQUIRED | FG_NULLABLE},
    {"violation_after", &number, "Beyond the limit", FG_REQUIRED | FG_NULLABLE},
    {"shadow_price", &number, "Saving per unit of relaxed limit and hour", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema limit_schema = FG_OBJECT("AuctionLimit", "A limit that was or is violated, or binds", limit_fields);
FG_PAGE_SCHEMA(limit_page, &limit_schema, "AuctionLimitPage", "Limits before and after");
static const struct fg_response limit_responses[] = {{200, "Limits; none before the result", &limit_page, NULL, NULL}, {0}};

static void put_number(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    if (fg_sql_column_is_null(sql, column))
        fg_json_put_null(out, key);
    else
        fg_json_put_number(out, key, fg_sql_column_double(sql, column));
}

static enum fg_code put_limits(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t auction, limit = fg_call_limit(call);
    const char *position = fg_call_position(call);
    char instant[FG_INSTANT_TEXT];
    static const char *const names[] = {"bound", "before", "after", "violation_before", "violation_after", "shadow_price"};
    enum fg_code code = fg_call_id(call, "auction", FG_ID_AUCTION, &auction, err);
    if (code == FG_OK)
        code = fg_query(registry->store, &sql, err,
                        "SELECT v.line, v.period * a.period_s, v.kind, v.element, v.bound, v.before, v.after, v.violation_before, "
                        "v.violation_after, v.shadow_price FROM auction_violation v JOIN auction u ON u.id = v.auction_id JOIN area a "
                        "ON a.id = u.area_id LEFT JOIN network n ON n.id = u.network_id WHERE v.auction_id = $1 AND v.line > $2 AND "
                        "u.status IN ('cleared', 'partly_solved') AND (a.operator_id = $4 OR $5 = 1 OR n.organisation_id = $4) ORDER "
                        "BY v.line LIMIT $3",
                        "iiiii", auction, position != NULL ? strtoll(position, NULL, 10) : (int64_t)0, limit + 1,
                        fg_registry_party(registry), (int64_t)fg_registry_is(registry, FG_ROLE_REGULATOR));
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err)) {
        fg_json_begin_row_object(page.out, NULL);
        fg_json_put_string(page.out, "start", fg_instant_format(fg_sql_column_int64(sql, 1), instant));
        fg_json_put_string(page.out, "limit", fg_sql_column_text(sql, 2));
        fg_json_put_string(page.out, "element", fg_sql_column_text(sql, 3));
        for (int i = 0; i < 6; i++)
            put_number(page.out, names[i], sql, 4 + i);
        fg_json_end_object(page.out);
    }
    fg_page_end(&page);
    return code;
}
static enum fg_code list_limits(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_limits, err);
}

static const struct fg_operation operations[] = {
    {.id = "create-auction", .method = FG_POST, .path = "/v1/areas/{area}/auctions", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "Hold an auction", .right = "auctions.run", .flags = FG_OP_AT_OWNER | KEYED, .path_params = area_path, .request = &new_schema,
     .request_example = "{\"name\":\"Evening peak\",\"start\":\"2030-03-30T16:00:00Z\",\"periods\":8,\"closure\":"
                        "\"2030-03-30T12:00:00Z\",\"terms\":" TERMS_EXAMPLE "}",
     .responses = made_responses, .handle = create_auction},
    {.id = "list-auctions", .method = FG_GET, .path = "/v1/areas/{area}/auctions", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "Auctions of an area", .right = "auctions.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = auction_page_responses, .handle = list_auctions},
    {.id = "get-auction", .method = FG_GET, .path = "/v1/areas/{area}/auctions/{auction}", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "One auction and its result", .right = "auctions.read", .path_params = auction_path, .responses = auction_responses,
     .handle = get_auction},
    {.id = "cancel-auction", .method = FG_POST, .path = "/v1/areas/{area}/auctions/{auction}/cancel", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Give an auction up", .right = "auctions.run", .flags = FG_OP_AT_OWNER | KEYED, .path_params = auction_path,
     .description = "Until there is a result. All orders are cancelled and what they bound is free.", .request = &cancel_schema,
     .request_example = "{\"reason\":\"The network is not ready\"}", .responses = step_responses, .handle = cancel_auction},
    {.id = "clear-auction-again", .method = FG_POST, .path = "/v1/areas/{area}/auctions/{auction}/clear", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Clear a failed auction again", .right = "auctions.run", .flags = FG_OP_AT_OWNER | KEYED,
     .path_params = auction_path, .responses = step_responses, .handle = clear_again},
    {.id = "create-auction-rule", .method = FG_POST, .path = "/v1/areas/{area}/auction-rules", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "Hold an auction for every day", .right = "auctions.run", .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path,
     .description = "Each local day of delivery gets its auction, with 92, 96 or 100 quarter-hours; it is announced a day before it "
                    "opens.",
     .request = &new_rule,
     .request_example = "{\"name\":\"Day-ahead\",\"opening_days\":1,\"opening_clock_seconds\":28800,\"closure_days\":1,"
                        "\"closure_clock_seconds\":43200,\"first_day\":\"2025-03-30\",\"terms\":" TERMS_EXAMPLE "}",
     .responses = rule_responses, .handle = create_rule},
    {.id = "list-auction-rules", .method = FG_GET, .path = "/v1/areas/{area}/auction-rules", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "Recurring auctions", .right = "auctions.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = rule_page_responses, .handle = fg_rows_list, .rows = &rules_rows},
    {.id = "end-auction-rule", .method = FG_DELETE, .path = "/v1/auction-rules/{rule}", .api = FG_API_ATP, .tag = "Auctions",
     .summary = "End a recurring auction", .right = "auctions.run", .path_params = rule_path,
     .description = "Auctions that it has made already go on.", .responses = done_responses, .handle = end_rule},
    {.id = "list-auction-prices", .method = FG_GET, .path = "/v1/areas/{area}/auctions/{auction}/prices", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Prices with their parts", .right = "auctions.read", .flags = FG_OP_PAGED,
     .path_params = auction_path, .responses = price_responses, .handle = fg_rows_list, .rows = &prices_rows},
    {.id = "list-auction-limits", .method = FG_GET, .path = "/v1/areas/{area}/auctions/{auction}/limits", .api = FG_API_ATP,
     .tag = "Auctions", .summary = "Limits of the grid before and after", .right = "networks.read", .flags = FG_OP_PAGED,
     .path_params = auction_path, .description = "To the owner of the network, the area's operator and the regulator.",
     .responses = limit_responses, .handle = list_limits},
};
const struct fg_operation_set fg_auctions_operations = FG_OPERATIONS(operations);
