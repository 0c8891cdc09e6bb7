#include "api/auction_order.h"

#include "atp/contract.h"
#include "atp/query.h"

#include <stdio.h>
#include <string.h>

/* ---- schemas ---- */
static const struct fg_schema bus_schema = FG_TEXT(1, 200);
static const struct fg_schema parent_place = FG_INTEGER(1, FG_AUCTION_GROUP_MAX);
static const struct fg_schema reference = FG_TEXT(1, 100);
static const struct fg_field entry_fields[] = {
    {"side", &trading_side, "Offer or request", FG_REQUIRED},
    {"product", &trading_product, "active or reactive", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"kind", &trading_request_kind, "Of a request", 0},
    {"portfolio", &fg_schema_id, "Of an offer: its assets and capability", 0},
    {"location", &fg_schema_id, "Grid location of a request", 0},
    {"bus", &bus_schema, "Where it injects; may be left out where there is only one. A need without bus is one of the whole location", 0},
    {"covers_branch", &bus_schema, "A need that prices the violation of this branch's rating", 0},
    {"covers_voltage", &bus_schema, "A need that prices the violation of this bus's voltage limit; quantity in p.u.", 0},
    {"start", &fg_schema_instant, "Start of the first delivery period", FG_REQUIRED},
    {"quantity", &trading_quantities, "Quantity in each period from `start` on", FG_REQUIRED},
    {"price", &fg_schema_price, "The limit; this or `price_points`", 0},
    {"price_points", &trading_price_points, "Price curve by quantity", 0},
    {"block", &fg_schema_boolean, "One fraction in all periods", 0},
    {"minimum_fraction", &trading_fraction, "Least share accepted, if any is; 1: all or none", 0},
    {"parent", &fg_schema_id, "Own order in this auction that this one is linked to: its fraction is no larger", 0},
    {"parent_place", &parent_place, "In a group: place of the parent among its orders, from 1", 0},
    {"reference", &reference, "Your own words", 0},
};
const struct fg_schema auction_order_entry = FG_OBJECT("AuctionOrderEntry", "An order for an auction", entry_fields);

static const struct fg_schema order_ids = FG_ARRAY(&fg_schema_id, 0, FG_AUCTION_GROUP_MAX);
static const struct fg_field receipt_fields[] = {
    {"orders", &order_ids, "Orders that were entered, amended or named", FG_REQUIRED},
    {"group", &fg_schema_id, "The group that was entered", FG_REQUIRED | FG_NULLABLE},
    {"cancelled", &fg_schema_count, "Orders that a cancellation withdrew", FG_REQUIRED},
    {"time", &fg_schema_instant, "When the market took it", FG_REQUIRED},
};
const struct fg_schema auction_receipt = FG_OBJECT("AuctionReceipt", "What the auction has durably taken", receipt_fields);
const struct fg_param auction_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"auction", &fg_schema_id, "Auction", true}, {0}};
const struct fg_param auction_order_path[] = {{"area", &fg_schema_id, "Market area", true},
                                              {"auction", &fg_schema_id, "Auction", true},
                                              {"order", &fg_schema_id, "Order", true},
                                              {0}};

/* ---- answers ---- */

static void render(struct fg_command *command, const struct fg_book *book)
{
    struct fg_json_writer out;
    (void)book;
    if (trading_render_refusal(command))
        return;
    command->status = command->service == &fg_auction_enter_service ? 201 : 200;
    command->answer.length = 0;
    fg_json_writer_init(&out, &command->answer, false);
    fg_json_begin_object(&out, NULL);
    fg_json_begin_row(&out, "orders");
    for (size_t i = 0; i < command->order_count; i++)
        trading_put_id(&out, NULL, FG_ID_ORDER, (int64_t)(command->first_order + i));
    fg_json_end_array(&out);
    trading_put_id(&out, "group", FG_ID_GROUP, (int64_t)command->group);
    fg_json_put_integer(&out, "cancelled", (int64_t)command->cancelled);
    trading_put_instant_us(&out, "time", command->time_us);
    fg_json_end_object(&out);
}

void auction_command(struct trading_item *item, const struct fg_command_service *service, void *data)
{
    item->command.kind = FG_COMMAND_SERVICE;
    item->command.service = service;
    item->command.service_data = data;
    item->command.render = render;
}

/* ---- reading ---- */
static const struct fg_problem_kind form = {"order.form", 422, "The order is not complete", "Correct what the detail names."};
static const struct fg_problem_kind place_kind = {"order.bus", 422, "It is not clear where the order injects",
                                                  "Name a bus of the location in the auction's network."};
static const struct fg_problem_kind period_kind = {"order.period_range", 422, "The delivery periods are not possible",
                                                   "Let `start` be the start of a period of the auction."};

struct fg_auction_entry *auction_make_entry(struct fg_call *call, struct trading_item *item, int64_t auction, size_t count)
{
    struct fg_arena *arena = fg_call_arena(call);
    struct fg_auction_entry *entry = fg_arena_alloc(arena, 1, sizeof *entry);
    struct fg_auction_order *orders = fg_arena_alloc(arena, count, sizeof *orders);
    if (entry == NULL || orders == NULL)
        return NULL;
    *entry = (struct fg_auction_entry){.auction = auction, .orders = orders, .count = count};
    auction_command(item, &fg_auction_enter_service, entry);
    return entry;
}

static enum fg_code read_ids(const struct fg_json_cursor *object, struct fg_auction_order *out, struct fg_error *err)
{
    enum fg_code code = trading_member_id(object, "portfolio", FG_ID_PORTFOLIO, &out->portfolio, err);
    if (code == FG_OK)
        code = trading_member_id(object, "location", FG_ID_LOCATION, &out->location, err);
    if (code == FG_OK)
        code = trading_member_id(object, "parent", FG_ID_ORDER, &out->parent, err);
    if (code == FG_OK && (out->portfolio > FG_BOOK_INDEX_MAX || out->location > INT32_MAX))
        code = fg_fail(err, FG_ERR_VALUE, NULL, "there is no such portfolio or location");
    return code;
}

static const char *read_target(const struct fg_json_cursor *object, struct fg_order *order)
{
    const char *bus = fg_member_text(object, "bus", NULL), *branch = fg_member_text(object, "covers_branch", NULL),
               *voltage = fg_member_text(object, "covers_voltage", NULL);
    order->location_kind = branch != NULL ? FG_LOCATION_BRANCH_LIMIT : voltage != NULL ? FG_LOCATION_VOLTAGE_LIMIT : FG_LOCATION_BUS;
    if (branch != NULL)
        order->regulation = FG_REGULATION_BOTH;
    return branch != NULL ? branch : voltage != NULL ? voltage : bus;
}

/* As the continuous market would judge it: organisation, roles, portfolio, prequalification, location. */
static bool check_facts(struct trading_item *item, const struct trading_party *party, struct fg_auction_order *out)
{
    struct fg_book_order facts = {.participant = (int32_t)party->id,
                                  .portfolio = out->portfolio != 0 ? (int32_t)out->portfolio : -1,
                                  .location = (int32_t)out->location,
                                  .side = out->order.side,
                                  .product = out->order.product,
                                  .regulation = out->order.regulation,
                                  .kind = out->order.kind,
                                  .first_period = out->order.first_period,
                                  .period_count = out->order.period_count,
                                  .quantity = out->order.quantity};
    if (!trading_check_order(item, party, &facts))
        return false;
    const struct fg_portfolio_facts *portfolio =
        out->order.side == FG_SIDE_SELL ? fg_facts_portfolio(party->facts, out->portfolio) : NULL;
    out->location = portfolio != NULL ? portfolio->location : facts.location;
    return true;
}

static enum fg_code read_approved(struct fg_arena *arena, const struct trading_party *party, struct fg_auction_order *out,
                                  struct fg_error *err)
{
    if (out->order.side != FG_SIDE_SELL)
        return FG_OK;
    struct fg_power *approved = fg_arena_alloc(arena, (size_t)out->order.period_count, sizeof *approved);
    if (approved == NULL)
        return fg_fail_memory(err);
    for (int32_t k = 0; k < out->order.period_count; k++)
        approved[k].w = fg_facts_capability(party->facts, out->portfolio, out->order.product, out->order.regulation,
                                            out->order.first_period + k);
    out->approved = approved;
    return fg_contract_keep(party->facts, out->portfolio, out->order.product, out->order.regulation, out->order.first_period,
                            out->order.period_count, approved, err);
}

enum fg_code auction_read_order(struct trading_item *item, const struct trading_party *party, struct fg_auction_entry *entry,
                                size_t at, const struct fg_json_cursor *object, struct fg_error *err)
{
    struct fg_auction_order *out = &entry->orders[at];
    struct fg_order *order = &out->order;
    struct fg_arena *arena = trading_item_arena(item);
    int64_t start = fg_member_instant(object, "start", 0), most = 0,
            place = json_integer_value(json_object_get(object->value, "parent_place"));
    size_t count;
    *out = (struct fg_auction_order){.reference = fg_member_text(object, "reference", NULL)};
    *order = (struct fg_order){.id = "order",
                               .side = (enum fg_side)fg_member_word(object, "side", fg_side_words, 0),
                               .product = (enum fg_product)fg_member_word(object, "product", fg_product_words, 0),
                               .regulation = (enum fg_regulation)fg_member_word(object, "regulation", trading_direction_words, 0),
                               .kind = (enum fg_request_kind)fg_member_word(object, "kind", fg_request_kind_words, FG_REQUEST_NONE),
                               .zone = -1, .asset = -1, .parent = -1, .group = -1,
                               .block = json_is_true(json_object_get(object->value, "block")),
                               .min_fraction_u = fg_member_decimal(object, "minimum_fraction", 6, 0),
                               .first_period = (int32_t)(start / party->facts->period_s)};
    enum fg_code code = trading_read_quantity(arena, object, (const struct fg_power **)&order->quantity, &count, err);
    order->period_count = (int32_t)count;
    for (size_t i = 0; code == FG_OK && i < count; i++)
        most = order->quantity[i].w > most ? order->quantity[i].w : most;
    if (code == FG_OK)
        code = trading_read_points(arena, object, most, &order->points, &order->point_count, err);
    if (code != FG_OK)
        return code;
    out->bus = read_target(object, order);
    struct fg_error why;
    if (read_ids(object, out, &why) != FG_OK) {
        trading_refuse(item, &form, why.text);
        return FG_OK;
    }
    if (place != 0)
        out->parent = -place;
    int targets = (fg_json_member(object, "bus").value != NULL) + (fg_json_member(object, "covers_branch").value != NULL) +
                  (fg_json_member(object, "covers_voltage").value != NULL);
    if (start < 0 || start % party->facts->period_s != 0 || start / party->facts->period_s > INT32_MAX - 100000)
        trading_refuse(item, &period_kind, "`start` is not the start of a delivery period");
    else if (!trading_has_one_price(object, true))
        trading_refuse(item, &form, "give either `price` or `price_points`");
    else if (targets > 1 || (place != 0 && fg_json_member(object, "parent").value != NULL))
        trading_refuse(item, &form, "give one of `bus`, `covers_branch` and `covers_voltage`, and one parent");
    else if (order->location_kind != FG_LOCATION_BUS && order->kind != FG_REQUEST_NEED)
        trading_refuse(item, &form, "only a need prices a limit");
    else if (check_facts(item, party, out))
        return read_approved(arena, party, out, err);
    return FG_OK;
}

/* ---- what the auction and the grid have against it ---- */

struct judging {
    struct fg_call *call;
    const struct trading_party *party;
    int64_t auction;
    struct trading_item *items;
    size_t count;
    /* Of the auction and its area. */
    int64_t period_s, price_min_u, price_max_u, size_max_w, network;
    int32_t first_period, period_count;
    bool takes_reactive, takes_active;
    struct fg_market *market; /* with the auction's periods, one zone and one asset: for fg_order_check */
};

static enum fg_code read_auction(struct judging *j, struct fg_store *store, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_error why;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT a.period_s, a.price_min_u, a.price_max_u, a.size_max_w, u.network_id, u.first_period, "
                                     "u.period_count, a.tick_w, a.price_step_u, u.terms FROM auction u JOIN area a ON a.id = "
                                     "u.area_id WHERE u.id = $1 AND u.area_id = $2",
                                     "ii", j->auction, j->party->area);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, code, NULL, "there is no such auction in this market area");
    if (code != FG_OK)
        return code;
    j->period_s = fg_sql_column_int64(sql, 0);
    j->price_min_u = fg_sql_column_int64(sql, 1);
    j->price_max_u = fg_sql_column_int64(sql, 2);
    j->size_max_w = fg_sql_column_int64(sql, 3);
    j->network = fg_sql_column_int64(sql, 4);
    j->first_period = (int32_t)fg_sql_column_int64(sql, 5);
    j->period_count = (int32_t)fg_sql_column_int64(sql, 6);
    int64_t tick_w = fg_sql_column_int64(sql, 7), step_u = fg_sql_column_int64(sql, 8);
    json_t *terms = json_loads(fg_sql_column_text(sql, 9), 0, NULL), *products = json_object_get(terms, "products");
    fg_sql_done(sql);
    j->takes_active = j->takes_reactive = false;
    for (size_t i = 0; i < json_array_size(products); i++) {
        const char *word = json_string_value(json_array_get(products, i));
        j->takes_active = j->takes_active || strcmp(word, "active") == 0;
        j->takes_reactive = j->takes_reactive || strcmp(word, "reactive") == 0;
    }
    json_decref(terms);
    fg_market_destroy(j->market);
    j->market = fg_market_create("auction");
    if (j->market == NULL)
        return fg_fail_memory(err);
    j->market->tick.w = tick_w;
    j->market->price_step.uper_mwh = step_u;
    code = fg_market_set_horizon(j->market, (int64_t)j->first_period * j->period_s, (int32_t)j->period_s, j->period_count, &why);
    if (code == FG_OK && (fg_market_participant(j->market, "participant") < 0 ||
                          fg_market_add_zone(j->market, "zone", (const char *const[]){"bus"}, 1) == NULL ||
                          fg_market_add_asset(j->market, "asset", 0, "bus") == NULL))
        code = fg_fail_memory(err);
    return code;
}

/* The bus, or none for a need of the whole location. */
static enum fg_code find_place(struct judging *j, struct fg_store *store, struct trading_item *item, struct fg_auction_order *out,
                               struct fg_error *err)
{
    char place[FG_AUCTION_PLACE_TEXT] = "";
    struct fg_error why = {0};
    bool is_limit = out->order.location_kind != FG_LOCATION_BUS, is_whole = out->order.kind == FG_REQUEST_NEED && out->bus == NULL;
    if (is_limit && j->network == 0) {
        trading_refuse(item, &place_kind, "the auction has no network whose limits a request could price");
        return FG_OK;
    }
    enum fg_code code = is_limit   ? fg_auction_check_limit(store, j->network, out->bus,
                                                            out->order.location_kind == FG_LOCATION_BRANCH_LIMIT, &why)
                        : is_whole ? fg_auction_check_zone(store, j->network, out->location, &why)
                                   : fg_auction_place(store, j->auction, out->location, out->portfolio, out->bus, place, &why);
    if (code == FG_ERR_VALUE) {
        trading_refuse(item, &place_kind, why.text);
        return FG_OK;
    }
    if (code != FG_OK) {
        *err = why;
        return code;
    }
    if (is_limit)
        return FG_OK;
    out->bus = NULL;
    if (!is_whole && j->network != 0 && (out->bus = fg_arena_strdup(fg_call_arena(j->call), place)) == NULL)
        return fg_fail_memory(err);
    return FG_OK;
}

static enum fg_refusal check_rules(const struct judging *j, const struct fg_auction_order *out, struct fg_error *why)
{
    struct fg_order order = out->order;
    order.first_period -= j->first_period;
    order.asset = order.side == FG_SIDE_SELL ? 0 : -1;
    order.location = "bus";
    if (order.kind == FG_REQUEST_NEED && out->bus == NULL) {
        order.location_kind = FG_LOCATION_ZONE;
        order.location = NULL;
        order.zone = 0;
    }
    if ((order.product == FG_PRODUCT_ACTIVE && !j->takes_active) || (order.product == FG_PRODUCT_REACTIVE && !j->takes_reactive)) {
        fg_fail(why, FG_ERR_VALUE, NULL, "[product] the auction does not trade this product");
        return FG_REFUSAL_PRODUCT;
    }
    enum fg_refusal refusal = fg_order_check(j->market, &order, why);
    bool is_limit = order.location_kind == FG_LOCATION_BRANCH_LIMIT || order.location_kind == FG_LOCATION_VOLTAGE_LIMIT;
    for (int32_t k = 0; refusal == FG_REFUSAL_NONE && !is_limit && k < order.point_count; k++)
        if (order.points[k].price.uper_mwh < j->price_min_u || order.points[k].price.uper_mwh > j->price_max_u) {
            fg_fail(why, FG_ERR_VALUE, NULL, "[price_range] a price is outside the market area's limits");
            refusal = FG_REFUSAL_PRICE_RANGE;
        }
    for (int32_t k = 0; refusal == FG_REFUSAL_NONE && !is_limit && k < order.period_count; k++)
        if (order.quantity[k].w > j->size_max_w) {
            fg_fail(why, FG_ERR_VALUE, NULL, "[quantity_range] a quantity is above the market area's largest size");
            refusal = FG_REFUSAL_QUANTITY_RANGE;
        }
    return refusal;
}

static enum fg_code judge_order(struct judging *j, struct fg_store *store, struct trading_item *item, struct fg_auction_order *out,
                                struct fg_error *err)
{
    struct fg_error why = {0};
    enum fg_code code = find_place(j, store, item, out, err);
    if (code != FG_OK || item->is_answered)
        return code;
    enum fg_refusal refusal = check_rules(j, out, &why);
    if (refusal != FG_REFUSAL_NONE) {
        const char *text = strchr(why.text, ']');
        text = text != NULL ? text + 1 + strspn(text + 1, ": ") : why.text;
        trading_refuse(item, trading_refusal_kind(refusal), text);
    }
    return FG_OK;
}

static enum fg_code judge_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct judging *j = context;
    (void)platform;
    enum fg_code code = read_auction(j, store, err);
    for (size_t i = 0; code == FG_OK && i < j->count; i++) {
        struct trading_item *item = &j->items[i];
        if (item->is_answered || item->command.service != &fg_auction_enter_service)
            continue;
        struct fg_auction_entry *entry = item->command.service_data;
        for (size_t k = 0; code == FG_OK && k < entry->count && !item->is_answered; k++)
            code = judge_order(j, store, item, &entry->orders[k], err);
    }
    return code;
}

enum fg_code auction_judge(struct fg_call *call, const struct trading_party *party, int64_t auction, struct trading_item *items,
                           size_t count, struct fg_error *err)
{
    struct judging j = {.call = call, .party = party, .auction = auction, .items = items, .count = count};
    enum fg_code code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, judge_work, &j, err);
    fg_market_destroy(j.market);
    return code;
}
