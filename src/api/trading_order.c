#include "api/trading_order.h"

#include "atp/gate.h"
#include "base/instant.h"
#include "market/technology.h"

#include <stdio.h>
#include <string.h>

#define SELLING_ROLES                                                                                                  \
    (FG_BIT(FG_ROLE_ESP) | FG_BIT(FG_ROLE_RESP) | FG_BIT(FG_ROLE_AGGREGATOR) | FG_BIT(FG_ROLE_RETAILER) |                \
     FG_BIT(FG_ROLE_BRP) | FG_BIT(FG_ROLE_MARKET_OPERATOR))
#define GRID_ROLES (FG_BIT(FG_ROLE_DSO) | FG_BIT(FG_ROLE_TSO))
#define EXCHANGE_ROLES (GRID_ROLES | FG_BIT(FG_ROLE_BRP) | FG_BIT(FG_ROLE_RETAILER) | FG_BIT(FG_ROLE_MARKET_OPERATOR))

enum { STEPS_MAX = 20 };

/* ---- schemas ---- */
static const struct fg_schema quantity_schema = {
    .kind = FG_SCHEMA_DECIMAL, .name = "Quantity", .description = "MW (Mvar for reactive power), zero or more", .places = 6,
    .minimum = 0, .maximum = 1000000000000, .example = "\"1.25\""};
const struct fg_schema trading_quantities = FG_ARRAY(&quantity_schema, 1, 2976);
static const struct fg_field point_fields[] = {
    {"quantity", &fg_schema_power_positive, "Up to this quantity ...", FG_REQUIRED},
    {"price", &fg_schema_price, "... this price", FG_REQUIRED},
};
static const struct fg_schema point = FG_OBJECT("PricePoint", "A step of a price curve", point_fields);
const struct fg_schema trading_price_points = FG_ARRAY(&point, 1, 100);
const struct fg_schema trading_fraction = {.kind = FG_SCHEMA_DECIMAL, .name = "Fraction", .description = "Share of the quantity",
                                          .places = 6, .minimum = 0, .maximum = FG_FRACTION_ONE, .example = "\"0.5\""};
static const struct fg_schema validity = {
    .kind = FG_SCHEMA_ENUM, .name = "Validity", .words = fg_validity_words,
    .description = "gtc: good till cancelled; gtt: good till `expires`; ioc: immediate or cancel; fok: fill or kill"};
static const struct fg_schema seconds = FG_INTEGER(0, 31536000);
static const struct fg_schema technology = {
    .kind = FG_SCHEMA_ENUM, .name = "Technology", .words = fg_technology_words, .description = "other: an asset with any other word"};
static const struct fg_schema accepted_technologies = FG_ARRAY(&technology, 1, 63), order_technologies = FG_ARRAY(&technology, 0, 63);
static const struct fg_schema reference = FG_TEXT(1, 100);
static const struct fg_schema session_schema = FG_INTEGER(1, (int64_t)1 << 53);
static const struct fg_schema bus_name = FG_TEXT(1, 100);

const struct fg_schema trading_group_kind = {
    .kind = FG_SCHEMA_ENUM, .name = "GroupKind", .words = fg_group_kind_words,
    .description = "exclusive_one: one of them; exclusive_sum: fractions add up to one; multipart: the same fraction of all"};

/* ---- what happens to a request that stays unmatched ---- */
static const struct fg_schema lead = FG_INTEGER(1, 31536000);
static const struct fg_field step_fields[] = {
    {"lead_s", &lead, "So long before the gate of the first period closes ...", FG_REQUIRED},
    {"price", &fg_schema_price, "... the request is repriced to this; prices rise, the last one is the ceiling", FG_REQUIRED},
};
static const struct fg_schema step_schema = FG_OBJECT("PriceStep", "A step of the price of an unmatched request", step_fields);
static const struct fg_schema steps_schema = FG_ARRAY(&step_schema, 0, STEPS_MAX);
static const struct fg_schema words_schema = FG_TEXT(1, 400);
static const struct fg_field withdrawal_fields[] = {
    {"lead_s", &lead, "So long before the gate of the first period closes", FG_REQUIRED},
    {"reason", &words_schema, "Why it is solved outside the market then", FG_REQUIRED},
    {"measure", &words_schema, "What is done instead", 0},
};
static const struct fg_schema withdrawal_schema =
    FG_OBJECT("PlannedWithdrawal", "Withdrawal as solved outside the market", withdrawal_fields);
static const struct fg_field plan_fields[] = {
    {"steps", &steps_schema, "In the order of time", 0},
    {"withdraw", &withdrawal_schema, "After the last step", 0},
};
static const struct fg_schema plan_schema = FG_OBJECT("UnmatchedPlan", "What happens to a request while it stays unmatched", plan_fields);
static const struct fg_field outcome_fields[] = {
    {"reason", &words_schema, "Why", FG_REQUIRED},
    {"measure", &words_schema, "What was done instead", FG_REQUIRED | FG_NULLABLE},
    {"planned", &fg_schema_boolean, "By the request's own plan", FG_REQUIRED},
    {"time", &fg_schema_instant, "When", FG_REQUIRED},
};
static const struct fg_schema outcome_schema = FG_OBJECT("SolvedOutside", "A request was solved outside the market", outcome_fields);

static const struct fg_field entry_fields[] = {
    {"side", &trading_side, "Offer or request", FG_REQUIRED},
    {"product", &trading_product, "What is traded", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"kind", &trading_request_kind, "Of a request", 0},
    {"conditional", &fg_schema_boolean, "The request may or may not be called", 0},
    {"portfolio", &fg_schema_id, "Of an offer: its assets and capability", 0},
    {"location", &fg_schema_id, "Grid location; an offer's may be left out: its portfolio's", 0},
    {"bus", &bus_name, "Where trading is network-aware: the bus that moves, of an offer or exchange; may be left out where the "
                       "portfolio's assets, or the location, have one bus only", 0},
    {"start", &fg_schema_instant, "Start of the first delivery period", FG_REQUIRED},
    {"quantity", &trading_quantities, "Quantity in each period from `start` on", FG_REQUIRED},
    {"price", &fg_schema_price, "The limit; this or `price_points`", 0},
    {"price_points", &trading_price_points, "Price curve by quantity", 0},
    {"block", &fg_schema_boolean, "One fraction in all periods", 0},
    {"minimum_fraction", &trading_fraction, "Least share accepted at once; 1: all or none", 0},
    {"validity", &validity, "Good till cancelled when absent", 0},
    {"expires", &fg_schema_instant, "With validity gtt", 0},
    {"forward_to_tso", &fg_schema_boolean, "When unmatched, the offer may go to the balancing market", 0},
    {"parent", &fg_schema_id, "Open order that this one is linked to: its fraction is no larger", 0},
    {"session", &session_schema, "Trading session whose end cancels the order", 0},
    {"reference", &reference, "Your own words", 0},
    {"when_unmatched", &plan_schema, "Request with one price, alone: repriced or withdrawn before its gate closes", 0},
    {"technologies", &accepted_technologies, "Request: what it accepts; it meets offers whose assets are all of these technologies", 0},
    {"activation_s", &seconds, "Offer: time it needs; request: longest time accepted", 0},
    {"duration_min_s", &seconds, "Offer: shortest activation; request: the duration it will call", 0},
    {"duration_max_s", &seconds, "Offer: longest activation", 0},
    {"ramp", &fg_schema_power_positive, "MW per minute; offer: its ramp, request: least ramp", 0},
};
const struct fg_schema trading_order_entry = FG_OBJECT("OrderEntry", "An order to be entered", entry_fields);

static const struct fg_field amendment_fields[] = {
    {"quantity", &trading_quantities, "New totals per period, traded part included; lowering keeps the priority", 0},
    {"price", &fg_schema_price, "New limit; this or `price_points`", 0},
    {"price_points", &trading_price_points, "New price curve", 0},
    {"minimum_fraction", &trading_fraction, "New minimum", 0},
    {"expires", &fg_schema_instant, "New expiry; null: good till cancelled", FG_NULLABLE},
};
const struct fg_schema trading_amendment = FG_OBJECT("Amendment", "What changes of an order; what is absent stays", amendment_fields);

static const char *const status_words[] = {"open", "forwarded", "filled", "cancelled", NULL};
const struct fg_schema trading_order_status = FG_ENUM("OrderStatus", "Where the order is in its life", status_words);
static const struct fg_schema cause_schema = FG_TEXT(1, 20);
static const struct fg_field order_fields[] = {
    {"order", &fg_schema_id, "The order", FG_REQUIRED},
    {"status", &trading_order_status, "State", FG_REQUIRED},
    {"cause", &cause_schema, "Why it was cancelled", FG_REQUIRED | FG_NULLABLE},
    {"organisation", &fg_schema_id, "Whose order", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED | FG_NULLABLE},
    {"location", &fg_schema_id, "Grid location", FG_REQUIRED},
    {"bus", &bus_name, "Bus that moves, where trading is network-aware", FG_REQUIRED | FG_NULLABLE},
    {"side", &trading_side, "Offer or request", FG_REQUIRED},
    {"product", &trading_product, "What is traded", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"kind", &trading_request_kind, "Of a request", FG_REQUIRED | FG_NULLABLE},
    {"conditional", &fg_schema_boolean, "May or may not be called", FG_REQUIRED},
    {"block", &fg_schema_boolean, "One fraction in all periods", FG_REQUIRED},
    {"forward_to_tso", &fg_schema_boolean, "May be forwarded", FG_REQUIRED},
    {"minimum_fraction", &trading_fraction, "Least share", FG_REQUIRED},
    {"validity", &validity, "Validity", FG_REQUIRED},
    {"expires", &fg_schema_instant, "Expiry", FG_REQUIRED | FG_NULLABLE},
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"quantity", &trading_quantities, "Quantity per period as it is now, traded part included", FG_REQUIRED},
    {"filled", &trading_quantities, "Traded per period", FG_REQUIRED},
    {"price_points", &trading_price_points, "Price curve", FG_REQUIRED},
    {"session", &session_schema, "Trading session", FG_REQUIRED | FG_NULLABLE},
    {"contract", &fg_schema_id, "Availability contract that it stems from", FG_REQUIRED | FG_NULLABLE},
    {"parent", &fg_schema_id, "Linked to", FG_REQUIRED | FG_NULLABLE},
    {"group", &fg_schema_id, "Member of", FG_REQUIRED | FG_NULLABLE},
    {"reference", &reference, "Own words", FG_REQUIRED | FG_NULLABLE},
    {"solved_outside", &outcome_schema, "How a withdrawn request was solved", FG_REQUIRED | FG_NULLABLE},
    {"entered", &fg_schema_instant, "Entered at", FG_REQUIRED},
    {"changed", &fg_schema_instant, "Last changed at", FG_REQUIRED},
    {"activation_s", &seconds, "Activation time", FG_REQUIRED},
    {"duration_min_s", &seconds, "Shortest activation", FG_REQUIRED},
    {"duration_max_s", &seconds, "Longest activation", FG_REQUIRED},
    {"ramp", &quantity_schema, "MW per minute", FG_REQUIRED},
    {"technologies", &order_technologies, "Offer: of its assets; request: those it accepts, none named: any", FG_REQUIRED},
};
const struct fg_schema trading_order = FG_OBJECT("Order", "An order of the continuous market", order_fields);

/* ---- what the registry has against an order ---- */
static const struct fg_problem_kind inactive = {"order.organisation", 403, "The organisation may not trade",
                                                "It has to be admitted and not suspended; see the checklist for the market."};
static const struct fg_problem_kind role = {"order.role", 403, "The organisation's roles do not allow this side",
                                            "Offers come from suppliers and aggregators, needs from system operators."};
static const struct fg_problem_kind portfolio_kind = {"order.portfolio", 422, "The portfolio cannot be offered",
                                                      "Name an approved portfolio of your own in this area."};
static const struct fg_problem_kind prequalification = {
    "order.prequalification", 409, "The portfolio is not prequalified",
    "Have it prequalified for the product (market operator) and the grid (system operator) in all periods."};
static const struct fg_problem_kind period = {"order.period_range", 422, "The delivery periods are not possible",
                                              "Let `start` be the start of a period of the area."};
static const struct fg_problem_kind form = {"order.form", 422, "The order is not complete", "Correct what the detail names."};
static const struct fg_problem_kind session_kind = {"order.session", 409, "The trading session is over",
                                                    "Open a new session, or enter the order without one."};

static bool check_seller(struct trading_item *item, const struct trading_party *party, struct fg_book_order *order)
{
    const struct fg_portfolio_facts *portfolio = fg_facts_portfolio(party->facts, order->portfolio);
    if (portfolio == NULL || portfolio->organisation != party->id) {
        trading_refuse(item, &portfolio_kind, "none of your portfolios in this area has this id");
    } else if (!portfolio->is_approved) {
        trading_refuse(item, &portfolio_kind, "the market operator has not approved the portfolio, or has suspended it");
    } else {
        if (order->location == 0)
            order->location = (int32_t)portfolio->location;
        if (!fg_facts_lies_in(party->facts, portfolio->location, order->location)) {
            trading_refuse(item, trading_refusal_kind(FG_REFUSAL_LOCATION),
                           "the portfolio's assets are not in this location; name theirs or one around it");
            return false;
        }
        for (int32_t k = 0; k < order->period_count; k++)
            if (order->quantity[k].w > 0 && fg_facts_capability(party->facts, portfolio->id, order->product, order->regulation,
                                                                order->first_period + k) == 0) {
                trading_refuse(item, &prequalification,
                               "no capability is approved for product, direction and one of the periods");
                return false;
            }
        return true;
    }
    return false;
}

static const struct fg_problem_kind bus_kind = {"order.bus", 422, "The order has to name another bus",
                                                "Name a bus of the location where the portfolio has an approved asset."};

/* Where the order acts on the grid. A need moves nothing at its own place; where the grid does not count, a bus has no
 * meaning. */
static bool place_order(struct trading_item *item, const struct trading_party *party, const char *name,
                        struct fg_book_order *order)
{
    const char *reason;
    if (!party->facts->is_network_aware || (order->side == FG_SIDE_BUY && order->kind != FG_REQUEST_EXCHANGE)) {
        if (name == NULL)
            return true;
        trading_refuse(item, &bus_kind, party->facts->is_network_aware
                                            ? "a need is met in its location and names no bus"
                                            : "the grid is not checked in this area; leave the bus out");
        return false;
    }
    order->bus = fg_facts_bus(party->facts, name, order->side == FG_SIDE_SELL ? order->portfolio : 0, order->location,
                              fg_platform_now_us(trading_application(trading_item_call(item))->platform), &reason);
    if (order->bus < 0)
        trading_refuse(item, &bus_kind, reason);
    return order->bus >= 0;
}

static bool check_buyer(struct trading_item *item, const struct trading_party *party, const struct fg_book_order *order)
{
    const struct fg_portfolio_facts *portfolio =
        order->portfolio >= 0 ? fg_facts_portfolio(party->facts, order->portfolio) : NULL;
    const struct fg_location_facts *location = fg_facts_location(party->facts, order->location);
    if (order->portfolio >= 0 && (portfolio == NULL || portfolio->organisation != party->id)) {
        trading_refuse(item, &portfolio_kind, "none of your portfolios in this area has this id");
        return false;
    }
    if (order->kind == FG_REQUEST_NEED && (party->roles & FG_BIT(FG_ROLE_TSO)) == 0 && location != NULL &&
        location->operator != party->id) {
        trading_refuse(item, &role, "a need is entered by the system operator of the location, or by a TSO");
        return false;
    }
    return true;
}

/* Organisation, roles, location, portfolio and prequalification, as the registry has them. */
bool trading_check_order(struct trading_item *item, const struct trading_party *party, struct fg_book_order *order)
{
    const struct fg_organisation_facts *organisation = fg_facts_organisation(party->facts, party->id);
    uint32_t wanted = order->side == FG_SIDE_SELL          ? SELLING_ROLES
                      : order->kind == FG_REQUEST_EXCHANGE ? EXCHANGE_ROLES
                                                           : GRID_ROLES;
    if (organisation == NULL || !organisation->is_active) {
        trading_refuse(item, &inactive, "the organisation is not active");
        return false;
    }
    if ((organisation->roles & wanted) == 0) {
        trading_refuse(item, &role, order->side == FG_SIDE_SELL ? "your organisation does not sell flexibility"
                                                                : "your organisation does not buy in this way");
        return false;
    }
    order->organisation = (int32_t)organisation->owner;
    if (order->side == FG_SIDE_SELL ? !check_seller(item, party, order) : !check_buyer(item, party, order))
        return false;
    const struct fg_location_facts *location = fg_facts_location(party->facts, order->location);
    if (location == NULL || !location->is_published) {
        trading_refuse(item, trading_refusal_kind(FG_REFUSAL_LOCATION),
                       "name one of the locations that are published in this area");
        return false;
    }
    return true;
}

/* ---- reading ---- */

enum fg_code trading_read_quantity(struct fg_arena *arena, const struct fg_json_cursor *object, const struct fg_power **out,
                                   size_t *count, struct fg_error *err)
{
    struct fg_json_cursor list = fg_json_member(object, "quantity");
    *out = NULL;
    *count = fg_json_count(&list);
    if (*count == 0)
        return FG_OK;
    struct fg_power *quantity = fg_arena_alloc(arena, *count, sizeof *quantity);
    if (quantity == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < *count; i++)
        fg_decimal_parse(json_string_value(json_array_get(list.value, i)), 6, &quantity[i].w, NULL);
    *out = quantity;
    return FG_OK;
}

/* One price is a curve of one step that reaches `most`. */
enum fg_code trading_read_points(struct fg_arena *arena, const struct fg_json_cursor *object, int64_t most,
                                 const struct fg_price_point **out, int32_t *count, struct fg_error *err)
{
    struct fg_json_cursor list = fg_json_member(object, "price_points");
    bool has_price = fg_member_text(object, "price", NULL) != NULL;
    *out = NULL;
    *count = list.value != NULL ? (int32_t)fg_json_count(&list) : has_price;
    if (*count == 0)
        return FG_OK;
    struct fg_price_point *room = fg_arena_alloc(arena, (size_t)*count, sizeof *room);
    if (room == NULL)
        return fg_fail_memory(err);
    for (int32_t i = 0; list.value != NULL && i < *count; i++) {
        struct fg_json_cursor at = fg_json_item(&list, (size_t)i);
        room[i] = (struct fg_price_point){{fg_member_decimal(&at, "quantity", 6, 0)}, {fg_member_decimal(&at, "price", 6, 0)}};
    }
    if (list.value == NULL)
        room[0] = (struct fg_price_point){{most}, {fg_member_decimal(object, "price", 6, 0)}};
    *out = room;
    return FG_OK;
}

bool trading_has_one_price(const struct fg_json_cursor *object, bool is_needed)
{
    int given = (fg_json_member(object, "price").value != NULL) + (fg_json_member(object, "price_points").value != NULL);
    return given == 1 || (given == 0 && !is_needed);
}

enum fg_code trading_make_room(struct fg_call *call, struct trading_item *item, size_t count, struct fg_error *err)
{
    struct fg_command *command = &item->command;
    const char **references = fg_arena_alloc(fg_call_arena(call), count, sizeof *references);
    command->kind = FG_COMMAND_SUBMIT;
    command->orders = fg_arena_alloc(fg_call_arena(call), count, sizeof *command->orders);
    command->references = references;
    command->order_count = count;
    return command->orders != NULL && references != NULL ? FG_OK : fg_fail_memory(err);
}

static enum fg_code read_ids(struct trading_item *item, const struct fg_json_cursor *object, struct fg_book_order *order,
                             struct fg_error *err)
{
    int64_t portfolio, location, parent;
    enum fg_code code = trading_member_id(object, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code == FG_OK)
        code = trading_member_id(object, "location", FG_ID_LOCATION, &location, err);
    if (code == FG_OK)
        code = trading_member_id(object, "parent", FG_ID_ORDER, &parent, err);
    if (code == FG_OK && (portfolio > FG_BOOK_INDEX_MAX || location > INT32_MAX))
        code = fg_fail(err, FG_ERR_VALUE, NULL, "there is no such portfolio or location");
    if (code != FG_OK) {
        trading_refuse(item, &form, err->text);
        return code;
    }
    order->portfolio = portfolio != 0 ? (int32_t)portfolio : -1;
    order->location = (int32_t)location;
    order->parent = (uint64_t)parent;
    return FG_OK;
}

/* The gate of a period closes when the last product of its kind does. */
static int64_t closure_of(const struct fg_facts *facts, enum fg_product kind, int32_t of)
{
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < facts->product_count; i++) {
        int64_t closure = fg_gate_closure_us(&facts->products[i].gate, facts->period_s, of);
        if (facts->products[i].kind == kind && closure > latest)
            latest = closure;
    }
    return latest;
}

static const char *check_plan(const struct fg_request_step *steps, size_t count, const struct fg_command *command,
                              const struct fg_book_order *order)
{
    if (order->side != FG_SIDE_BUY || command->order_count != 1 || order->parent != 0 || order->point_count != 1)
        return "`when_unmatched` is for a request with one price, neither linked nor in a group";
    if (count == 0)
        return "`when_unmatched` has neither steps nor a withdrawal";
    int64_t price = order->points[0].price.uper_mwh;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && steps[i].due_us <= steps[i - 1].due_us)
            return "steps come nearer to the closure of the gate, a withdrawal after the last of them";
        if (steps[i].has_price && steps[i].price.uper_mwh <= price)
            return "the prices of steps rise above the request's price";
        price = steps[i].has_price ? steps[i].price.uper_mwh : price;
    }
    return NULL;
}

static enum fg_code read_plan(struct trading_item *item, const struct trading_party *party, const struct fg_json_cursor *object,
                              struct fg_error *err)
{
    struct fg_json_cursor plan = fg_json_member(object, "when_unmatched");
    if (plan.value == NULL)
        return FG_OK;
    struct fg_json_cursor list = fg_json_member(&plan, "steps"), end = fg_json_member(&plan, "withdraw");
    const struct fg_book_order *order = &item->command.orders[0];
    size_t count = list.value != NULL ? fg_json_count(&list) : 0;
    int64_t closure_us = closure_of(party->facts, order->product, order->first_period);
    struct fg_request_step *steps = fg_arena_alloc(trading_item_arena(item), count + 1, sizeof *steps);
    struct fg_request_plan *made = fg_arena_alloc(trading_item_arena(item), 1, sizeof *made);
    if (steps == NULL || made == NULL)
        return fg_fail_memory(err);
    if (closure_us == INT64_MIN) /* no product of the kind: no gate is open, the market refuses the request */
        return FG_OK;
    for (size_t i = 0; i < count; i++) {
        struct fg_json_cursor at = fg_json_item(&list, i);
        steps[i] = (struct fg_request_step){.has_price = true, .price = {fg_member_decimal(&at, "price", 6, 0)},
                                            .due_us = closure_us - json_integer_value(json_object_get(at.value, "lead_s")) * 1000000};
    }
    if (end.value != NULL)
        steps[count++] = (struct fg_request_step){
            .due_us = closure_us - json_integer_value(json_object_get(end.value, "lead_s")) * 1000000,
            .reason = fg_member_text(&end, "reason", ""), .measure = fg_member_text(&end, "measure", NULL)};
    const char *wrong = check_plan(steps, count, &item->command, order);
    *made = (struct fg_request_plan){steps, count};
    item->command.plans = made;
    if (wrong != NULL)
        trading_refuse(item, &form, wrong);
    return FG_OK;
}

/* A request says what it accepts, an offer is what its assets are. */
static bool read_technologies(struct trading_item *item, const struct trading_party *party, const struct fg_json_cursor *object,
                              struct fg_book_order *order)
{
    struct fg_json_cursor list = fg_json_member(object, "technologies");
    int64_t period_us = (int64_t)party->facts->period_s * 1000000;
    if (order->side == FG_SIDE_SELL) {
        order->attributes.technologies =
            fg_facts_technologies(party->facts, order->portfolio, order->first_period * period_us,
                                  ((int64_t)order->first_period + order->period_count) * period_us);
        if (list.value != NULL)
            trading_refuse(item, &form, "`technologies` is what a request accepts; an offer has those of its portfolio's assets");
        return list.value == NULL;
    }
    for (size_t i = 0; list.value != NULL && i < fg_json_count(&list); i++)
        order->attributes.technologies |= fg_technology_bit(json_string_value(json_array_get(list.value, i)));
    return true;
}

enum fg_code trading_read_order(struct trading_item *item, const struct trading_party *party, size_t at,
                                const struct fg_json_cursor *object, struct fg_error *err)
{
    struct fg_command *command = &item->command;
    struct fg_book_order *order = &command->orders[at];
    struct fg_arena *arena = trading_item_arena(item);
    size_t count;
    int64_t start = fg_member_instant(object, "start", 0), most = 0;
    *order = (struct fg_book_order){
        .session = (uint64_t)json_integer_value(json_object_get(object->value, "session")),
        .participant = (int32_t)party->id,
        .bus = -1,
        .side = (enum fg_side)fg_member_word(object, "side", fg_side_words, 0),
        .product = (enum fg_product)fg_member_word(object, "product", fg_product_words, 0),
        .regulation = (enum fg_regulation)fg_member_word(object, "regulation", trading_direction_words, 0),
        .kind = (enum fg_request_kind)fg_member_word(object, "kind", fg_request_kind_words, FG_REQUEST_NONE),
        .conditional = json_is_true(json_object_get(object->value, "conditional")),
        .block = json_is_true(json_object_get(object->value, "block")),
        .forward_to_tso = json_is_true(json_object_get(object->value, "forward_to_tso")),
        .min_fraction_u = fg_member_decimal(object, "minimum_fraction", 6, 0),
        .validity = (enum fg_validity)fg_member_word(object, "validity", fg_validity_words, FG_VALIDITY_GTC),
        .expires_us = fg_member_instant(object, "expires", 0) * 1000000,
        .first_period = (int32_t)(start / party->facts->period_s),
        .attributes = {.activation_s = json_integer_value(json_object_get(object->value, "activation_s")),
                       .duration_min_s = json_integer_value(json_object_get(object->value, "duration_min_s")),
                       .duration_max_s = json_integer_value(json_object_get(object->value, "duration_max_s")),
                       .ramp_w_per_min = fg_member_decimal(object, "ramp", 6, 0)},
    };
    ((const char **)(uintptr_t)command->references)[at] = fg_member_text(object, "reference", NULL);
    enum fg_code code = trading_read_quantity(arena, object, &order->quantity, &count, err);
    order->period_count = (int32_t)count;
    for (size_t i = 0; code == FG_OK && i < count; i++)
        most = order->quantity[i].w > most ? order->quantity[i].w : most;
    if (code == FG_OK)
        code = trading_read_points(arena, object, most, &order->points, &order->point_count, err);
    if (code != FG_OK)
        return code;
    if (read_ids(item, object, order, err) != FG_OK)
        return FG_OK;
    if (start < 0 || start % party->facts->period_s != 0 || start / party->facts->period_s > INT32_MAX - 100000)
        trading_refuse(item, &period, "`start` is not the start of a delivery period");
    else if (!trading_has_one_price(object, true))
        trading_refuse(item, &form, "give either `price` or `price_points`");
    else if (trading_check_order(item, party, order) && read_technologies(item, party, object, order) &&
             place_order(item, party, fg_member_text(object, "bus", NULL), order) &&
             order->session != 0 &&
             fg_exchange_session_beat(trading_application(trading_item_call(item))->exchange, party->area, party->id,
                                      (int64_t)order->session, false, err) != FG_OK)
        trading_refuse(item, &session_kind, err->text);
    return item->is_answered ? FG_OK : read_plan(item, party, object, err);
}

enum fg_code trading_read_amendment(struct fg_call *call, struct trading_item *item, uint64_t order,
                                    const struct fg_json_cursor *object, struct fg_error *err)
{
    struct fg_book_amendment *amendment = &item->command.amendment;
    struct fg_json_cursor expires = fg_json_member(object, "expires");
    size_t count;
    int64_t most = 0; /* the engine puts the order's largest quantity */
    item->command.kind = FG_COMMAND_AMEND;
    item->command.order = order;
    *amendment = (struct fg_book_amendment){.order = order,
                                            .min_fraction_u = fg_member_decimal(object, "minimum_fraction", 6, -1),
                                            .expires_us = expires.value == NULL          ? -1
                                                          : json_is_null(expires.value) ? 0
                                                                                        : fg_member_instant(object, "expires", 0) * 1000000};
    enum fg_code code = trading_read_quantity(fg_call_arena(call), object, &amendment->quantity, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        most = amendment->quantity[i].w > most ? amendment->quantity[i].w : most;
    if (code == FG_OK)
        code = trading_read_points(fg_call_arena(call), object, most, &amendment->points, &amendment->point_count, err);
    if (code != FG_OK)
        return code;
    item->command.order_count = count; /* how many quantities were given: the engine compares */
    if (!trading_has_one_price(object, false))
        trading_refuse(item, &form, "give either `price` or `price_points`, or none of them");
    else if (json_object_size(object->value) == 0)
        trading_refuse(item, &form, "the amendment changes nothing");
    return FG_OK;
}

/* ---- writing ---- */

static void put_powers(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    size_t size;
    const void *bytes = fg_sql_column_blob(sql, column, &size);
    fg_json_begin_row(out, key);
    for (size_t i = 0; i < size / 8; i++)
        trading_put_decimal(out, NULL, fg_blob_integer(bytes, i));
    fg_json_end_array(out);
}

static void put_points(struct fg_json_writer *out, const struct fg_sql *sql, int column)
{
    size_t size;
    const void *bytes = fg_sql_column_blob(sql, column, &size);
    fg_json_begin_row(out, "price_points");
    for (size_t i = 0; i + 1 < size / 8; i += 2) {
        fg_json_begin_row_object(out, NULL);
        trading_put_decimal(out, "quantity", fg_blob_integer(bytes, i));
        trading_put_decimal(out, "price", fg_blob_integer(bytes, i + 1));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

void trading_put_order(struct fg_json_writer *out, const struct fg_sql *sql, int32_t period_s)
{
    enum { ID, STATUS, CAUSE, ORGANISATION, PORTFOLIO, LOCATION, SIDE, PRODUCT, REGULATION, KIND, CONDITIONAL, BLOCK, FORWARD,
           FRACTION, VALIDITY, EXPIRES, FIRST, COUNT, QUANTITY, FILLED, POINTS, SESSION, PARENT, GROUP, REFERENCE, ENTERED,
           CHANGED, ACTIVATION, DURATION_MIN, DURATION_MAX, RAMP, TECHNOLOGIES, BUS, CONTRACT,
           OUTCOME_REASON, OUTCOME_MEASURE, OUTCOME_PLANNED, OUTCOME_TIME };
#define NUMBER(column) fg_sql_column_int64(sql, column)
    fg_json_begin_object(out, NULL);
    trading_put_id(out, "order", FG_ID_ORDER, NUMBER(ID));
    fg_json_put_string(out, "status", fg_sql_column_text(sql, STATUS));
    fg_json_put_string(out, "cause", NUMBER(CAUSE) != 0 ? fg_book_cause_word((enum fg_book_cause)NUMBER(CAUSE)) : NULL);
    trading_put_id(out, "organisation", FG_ID_ORGANISATION, NUMBER(ORGANISATION));
    trading_put_id(out, "portfolio", FG_ID_PORTFOLIO, NUMBER(PORTFOLIO));
    trading_put_id(out, "location", FG_ID_LOCATION, NUMBER(LOCATION));
    fg_json_put_string(out, "bus", fg_sql_column_text(sql, BUS));
    fg_json_put_string(out, "side", fg_side_words[NUMBER(SIDE)]);
    fg_json_put_string(out, "product", fg_product_words[NUMBER(PRODUCT)]);
    fg_json_put_string(out, "regulation", fg_regulation_words[NUMBER(REGULATION)]);
    fg_json_put_string(out, "kind", NUMBER(KIND) != FG_REQUEST_NONE ? fg_request_kind_words[NUMBER(KIND)] : NULL);
    fg_json_put_bool(out, "conditional", NUMBER(CONDITIONAL) != 0);
    fg_json_put_bool(out, "block", NUMBER(BLOCK) != 0);
    fg_json_put_bool(out, "forward_to_tso", NUMBER(FORWARD) != 0);
    trading_put_decimal(out, "minimum_fraction", NUMBER(FRACTION));
    fg_json_put_string(out, "validity", fg_validity_words[NUMBER(VALIDITY)]);
    if (NUMBER(EXPIRES) != 0)
        trading_put_instant_us(out, "expires", NUMBER(EXPIRES));
    else
        fg_json_put_null(out, "expires");
    trading_put_instant_us(out, "start", NUMBER(FIRST) * period_s * 1000000);
    put_powers(out, "quantity", sql, QUANTITY);
    put_powers(out, "filled", sql, FILLED);
    put_points(out, sql, POINTS);
    if (NUMBER(SESSION) != 0)
        fg_json_put_integer(out, "session", NUMBER(SESSION));
    else
        fg_json_put_null(out, "session");
    trading_put_id(out, "contract", FG_ID_CONTRACT, NUMBER(CONTRACT));
    trading_put_id(out, "parent", FG_ID_ORDER, NUMBER(PARENT));
    trading_put_id(out, "group", FG_ID_GROUP, NUMBER(GROUP));
    fg_json_put_string(out, "reference", fg_sql_column_text(sql, REFERENCE));
    if (fg_sql_column_is_null(sql, OUTCOME_REASON)) {
        fg_json_put_null(out, "solved_outside");
    } else {
        fg_json_begin_object(out, "solved_outside");
        fg_json_put_string(out, "reason", fg_sql_column_text(sql, OUTCOME_REASON));
        fg_json_put_string(out, "measure", fg_sql_column_text(sql, OUTCOME_MEASURE));
        fg_json_put_bool(out, "planned", NUMBER(OUTCOME_PLANNED) != 0);
        trading_put_instant_us(out, "time", NUMBER(OUTCOME_TIME));
        fg_json_end_object(out);
    }
    trading_put_instant_us(out, "entered", NUMBER(ENTERED));
    trading_put_instant_us(out, "changed", NUMBER(CHANGED));
    fg_json_put_integer(out, "activation_s", NUMBER(ACTIVATION));
    fg_json_put_integer(out, "duration_min_s", NUMBER(DURATION_MIN));
    fg_json_put_integer(out, "duration_max_s", NUMBER(DURATION_MAX));
    trading_put_decimal(out, "ramp", NUMBER(RAMP));
    fg_technologies_put(out, (uint64_t)NUMBER(TECHNOLOGIES));
    fg_json_end_object(out);
#undef NUMBER
}
