/* Availability contracts over the API: tenders are public, offers sealed until the tender closes, contracts their parties'. */
#include "api/operations_contracts.h"

#include "api/registry_call.h"
#include "api/rows.h"
#include "api/trading_call.h"
#include "atp/contract.h"

#include <string.h>

/* ---- schemas ---- */
static const char *const weekday_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
static const struct fg_schema weekday = FG_ENUM(NULL, NULL, weekday_words);
static const struct fg_schema weekdays = FG_ARRAY(&weekday, 1, 7);
static const struct fg_schema clock_time = {.kind = FG_SCHEMA_TEXT, .name = "ClockTime", .min_length = 5, .max_length = 5,
                                            .description = "HH:MM of the local clock; 24:00 is the end of the day",
                                            .example = "\"17:00\""};
static const struct fg_field clock_fields[] = {{"from", &clock_time, "From this time of the day on ...", FG_REQUIRED},
                                               {"until", &clock_time, "... until before this one", FG_REQUIRED}};
static const struct fg_schema clock_schema = FG_OBJECT("ClockWindow", "A window of the local clock", clock_fields);
static const struct fg_schema clocks_schema = FG_ARRAY(&clock_schema, 1, FG_CONTRACT_CLOCKS_MAX);
static const struct fg_schema ties_schema = {.kind = FG_SCHEMA_ENUM, .name = "TieRule", .words = fg_contract_ties_words,
                                             .description = "Of equal expected cost: first entered, or pro rata"};
static const struct fg_schema hours = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .minimum = 0, .maximum = INT64_C(100000000000),
                                       .name = "Hours", .description = "Hours", .example = "\"6\""};
static const struct fg_schema seconds = FG_INTEGER(0, 31536000);
static const struct fg_schema reason_schema = FG_TEXT(1, 500);
static const struct fg_schema word = FG_TEXT(1, 20);

#define TENDER_FIELDS                                                                                                  \
    {"name", &fg_schema_name, "What it is called", FG_REQUIRED},                                                       \
        {"product", &fg_schema_id, "Energy product whose market the offers enter", FG_REQUIRED},                       \
        {"location", &fg_schema_id, "Grid location; portfolios at or below it may offer", FG_REQUIRED},                \
        {"regulation", &trading_regulation, "Direction", FG_REQUIRED},                                                 \
        {"from", &fg_schema_date, "First local day of delivery", FG_REQUIRED},                                         \
        {"until", &fg_schema_date, "Last local day of delivery", FG_REQUIRED},                                         \
        {"weekdays", &weekdays, "Days of the week", FG_REQUIRED},                                                      \
        {"clocks", &clocks_schema, "Windows of the day, in the area's time zone", FG_REQUIRED},                        \
        {"capacity", &fg_schema_power_positive, "MW asked for", FG_REQUIRED},                                          \
        {"availability_price_max", &fg_schema_price, "Highest price per MW and hour", FG_REQUIRED},                    \
        {"activation_price_max", &fg_schema_price, "Highest price per MWh", FG_REQUIRED},                              \
        {"expected_hours", &hours, "Hours of activation expected in all; decides the merit order", FG_REQUIRED},       \
        {"minimum_duration_s", &seconds, "Shortest activation", FG_REQUIRED},                                          \
        {"notice_s", &seconds, "Time between call and delivery", FG_REQUIRED},                                         \
        {"opens", &fg_schema_instant, "Offers are taken from here ...", FG_REQUIRED},                                  \
        {"closes", &fg_schema_instant, "... until before this", FG_REQUIRED},                                          \
        {"ties", &ties_schema, "Rule for equal offers", FG_REQUIRED}
static const struct fg_field tender_entry_fields[] = {TENDER_FIELDS};
static const struct fg_schema tender_entry = FG_OBJECT("TenderEntry", "A tender for availability", tender_entry_fields);
static const struct fg_field tender_fields[] = {
    {"id", &fg_schema_id, "The tender", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"buyer", &fg_schema_id, "System operator that tenders", FG_REQUIRED},
    TENDER_FIELDS,
    {"status", &word, "published, awarded or cancelled", FG_REQUIRED},
    {"rule", &word, "Of the award: merit or choice", FG_REQUIRED | FG_NULLABLE},
    {"reason", &reason_schema, "Of the decision", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema tender_schema = FG_OBJECT("Tender", "A tender for availability", tender_fields);
FG_PAGE_SCHEMA(tender_page, &tender_schema, "TenderPage", "Tenders");
#define TENDER_EXAMPLE                                                                                                 \
    "{\"name\":\"Winter evenings\",\"product\":\"prd-1\",\"location\":\"loc-1\",\"regulation\":\"up\",\"from\":"         \
    "\"2025-12-01\",\"until\":\"2026-02-27\",\"weekdays\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],\"clocks\":[{\"from\":" \
    "\"17:00\",\"until\":\"20:00\"}],\"capacity\":\"3\",\"availability_price_max\":\"10\",\"activation_price_max\":\"200\"," \
    "\"expected_hours\":\"20\",\"minimum_duration_s\":900,\"notice_s\":900,\"opens\":\"2025-11-01T08:00:00Z\",\"closes\":"  \
    "\"2025-11-15T12:00:00Z\",\"ties\":\"pro_rata\"}"

static const struct fg_field offer_entry_fields[] = {
    {"portfolio", &fg_schema_id, "Portfolio that would be held ready", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "MW offered", FG_REQUIRED},
    {"minimum", &fg_schema_power_positive, "Least MW that may be awarded; absent: any", 0},
    {"availability_price", &fg_schema_price, "Per MW and hour", FG_REQUIRED},
    {"activation_price", &fg_schema_price, "Per MWh", FG_REQUIRED},
};
static const struct fg_schema offer_entry = FG_OBJECT("TenderOfferEntry", "An offer in a tender", offer_entry_fields);
static const struct fg_field offer_fields[] = {
    {"id", &fg_schema_id, "The offer", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Supplier", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "MW offered", FG_REQUIRED},
    {"minimum", &fg_schema_power_positive, "Least MW", FG_REQUIRED},
    {"availability_price", &fg_schema_price, "Per MW and hour", FG_REQUIRED},
    {"activation_price", &fg_schema_price, "Per MWh", FG_REQUIRED},
    {"status", &word, "offered, withdrawn, awarded or rejected", FG_REQUIRED},
    {"awarded", &fg_schema_power_positive, "MW awarded", FG_REQUIRED | FG_NULLABLE},
    {"reason", &fg_schema_note, "Why it was rejected", FG_REQUIRED | FG_NULLABLE},
    {"entered", &fg_schema_instant, "Entered at", FG_REQUIRED},
};
static const struct fg_schema offer_schema = FG_OBJECT("TenderOffer", "An offer in a tender", offer_fields);
FG_PAGE_SCHEMA(offer_page, &offer_schema, "TenderOfferPage", "Offers");
#define OFFER_EXAMPLE                                                                                                  \
    "{\"portfolio\":\"pf-10\",\"quantity\":\"2\",\"minimum\":\"0.5\",\"availability_price\":\"5\",\"activation_price\":\"100\"}"

static const struct fg_field choice_fields[] = {{"offer", &fg_schema_id, "Offer", FG_REQUIRED},
                                                {"quantity", &fg_schema_power_positive, "MW awarded to it", FG_REQUIRED}};
static const struct fg_schema choice_schema = FG_OBJECT("TenderChoice", "What an offer is awarded", choice_fields);
static const struct fg_schema choices = FG_ARRAY(&choice_schema, 0, 1000);
static const struct fg_field award_fields[] = {
    {"choice", &choices, "The buyer's own choice; absent: merit order", 0},
    {"reason", &reason_schema, "Needed with `choice`", 0},
};
static const struct fg_schema award_schema = FG_OBJECT("TenderAward", "How a tender is awarded", award_fields);
static const struct fg_field cancel_fields[] = {{"reason", &reason_schema, "Why", FG_REQUIRED}};
static const struct fg_schema cancel_schema = FG_OBJECT("TenderCancellation", "A tender is given up", cancel_fields);

static const struct fg_field contract_fields[] = {
    {"id", &fg_schema_id, "The contract", FG_REQUIRED},
    {"tender", &fg_schema_id, "Tender it was awarded in", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"buyer", &fg_schema_id, "System operator", FG_REQUIRED},
    {"seller", &fg_schema_id, "Supplier", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio that is held ready", FG_REQUIRED},
    {"product", &fg_schema_id, "Product", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "MW", FG_REQUIRED},
    {"availability_price", &fg_schema_price, "Per MW and hour", FG_REQUIRED},
    {"activation_price", &fg_schema_price, "Per MWh", FG_REQUIRED},
    {"starts", &fg_schema_instant, "Beginning of the first local day", FG_REQUIRED},
    {"ends", &fg_schema_instant, "End of the last one", FG_REQUIRED},
    {"status", &word, "awarded, active, suspended, ended or terminated", FG_REQUIRED},
    {"reason", &fg_schema_note, "Of the last change by the buyer", FG_REQUIRED | FG_NULLABLE},
    {"awarded", &fg_schema_instant, "Awarded at", FG_REQUIRED},
};
static const struct fg_schema contract_schema = FG_OBJECT("Contract", "An availability contract", contract_fields);
FG_PAGE_SCHEMA(contract_page, &contract_schema, "ContractPage", "Contracts");
static const struct fg_schema change_word = FG_ENUM("ContractAction", "What happens to a contract", fg_contract_change_words);
static const struct fg_field change_fields[] = {{"action", &change_word, "Suspend, resume or terminate", FG_REQUIRED},
                                                {"reason", &reason_schema, "Why", FG_REQUIRED}};
static const struct fg_schema change_schema = FG_OBJECT("ContractChange", "A change of a contract's state", change_fields);

static const struct fg_field unit_fields[] = {
    {"order", &fg_schema_id, "Order that was entered", FG_REQUIRED},
    {"start", &fg_schema_instant, "Market time unit", FG_REQUIRED},
    {"status", &word, "open, filled or cancelled", FG_REQUIRED},
    {"cause", &word, "Why it was cancelled", FG_REQUIRED | FG_NULLABLE},
    {"entered", &fg_schema_instant, "Entered at", FG_REQUIRED},
};
static const struct fg_schema unit_schema = FG_OBJECT("ContractOrder", "An order that a contract entered", unit_fields);
FG_PAGE_SCHEMA(unit_page, &unit_schema, "ContractOrderPage", "Orders of a contract");

static const struct fg_field availability_fields[] = {
    {"contract", &fg_schema_id, "Contract", FG_REQUIRED},
    {"buyer", &fg_schema_id, "Buyer", FG_REQUIRED},
    {"seller", &fg_schema_id, "Seller", FG_REQUIRED},
    {"start", &fg_schema_instant, "Market time unit", FG_REQUIRED},
    {"price", &fg_schema_price, "Per MW and hour", FG_REQUIRED},
    {"contracted", &fg_schema_power, "MW contracted", FG_REQUIRED},
    {"offered", &fg_schema_power, "MW offered until the gate closed", FG_REQUIRED},
    {"traded", &fg_schema_energy, "MWh traded under the contract", FG_REQUIRED},
    {"available", &fg_schema_energy, "MW times hours that are paid", FG_REQUIRED},
    {"missing", &fg_schema_energy, "MW times hours not offered", FG_REQUIRED},
    {"tolerated", &fg_schema_energy, "Of these without penalty", FG_REQUIRED},
    {"paid", &fg_schema_money, "By the buyer to the seller", FG_REQUIRED},
    {"penalty", &fg_schema_money, "By the seller", FG_REQUIRED},
    {"pending", &fg_schema_boolean, "Waits for data of its trades", FG_REQUIRED},
};
static const struct fg_schema availability_schema = FG_OBJECT("AvailabilityLine", "A unit of a contract in a run", availability_fields);
FG_PAGE_SCHEMA(availability_page, &availability_schema, "AvailabilityPage", "Availability in a run");

static const struct fg_param tender_path[] = {{"tender", &fg_schema_id, "Tender", true}, {0}};
static const struct fg_param offer_path[] = {{"offer", &fg_schema_id, "Offer", true}, {0}};
static const struct fg_param contract_path[] = {{"contract", &fg_schema_id, "Contract", true}, {0}};
static const struct fg_param run_path[] = {{"run", &fg_schema_id, "Settlement run", true}, {0}};
static const struct fg_response made_responses[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\":\"tnd-1\"}"}, {0}};
static const struct fg_response empty_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response tender_page_responses[] = {{200, "Tenders", &tender_page, NULL, NULL}, {0}};
static const struct fg_response tender_responses[] = {{200, "The tender", &tender_schema, NULL, NULL}, {0}};
static const struct fg_response offer_page_responses[] = {{200, "Offers that one may see", &offer_page, NULL, NULL}, {0}};
static const struct fg_response contract_page_responses[] = {{200, "Contracts", &contract_page, NULL, NULL}, {0}};
static const struct fg_response contract_responses[] = {{200, "The contract", &contract_schema, NULL, NULL}, {0}};
static const struct fg_response unit_page_responses[] = {{200, "Orders", &unit_page, NULL, NULL}, {0}};
static const struct fg_response availability_page_responses[] = {{200, "Availability", &availability_page, NULL, NULL}, {0}};

/* ---- reading a tender ---- */

/* "17:30" in seconds; 24:00 is the end of the day. */
static bool read_clock(const char *text, int32_t *second)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    int32_t hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *second = hour * 3600 + minute * 60;
    return minute < 60 && *second <= FG_DAY_S;
}

static enum fg_code read_clocks(const struct fg_json_cursor *object, struct fg_contract_window *window, struct fg_error *err)
{
    struct fg_json_cursor list = fg_json_member(object, "clocks");
    for (size_t i = 0; i < fg_json_count(&list) && i < FG_CONTRACT_CLOCKS_MAX; i++) {
        struct fg_json_cursor at = fg_json_item(&list, i);
        struct fg_contract_clock *clock = &window->clocks[window->clock_count++];
        if (!read_clock(fg_member_text(&at, "from", ""), &clock->from_s) ||
            !read_clock(fg_member_text(&at, "until", ""), &clock->until_s))
            return fg_fail(err, FG_ERR_VALUE, "#/clocks", "clock times look like 17:30, from 00:00 to 24:00");
    }
    return FG_OK;
}

static enum fg_code read_tender(const struct fg_json_cursor *body, struct fg_tender *tender, struct fg_error *err)
{
    *tender = (struct fg_tender){
        .regulation = (enum fg_regulation)fg_member_word(body, "regulation", trading_direction_words, 0),
        .window = {.from = fg_call_date(fg_member_text(body, "from", "")),
                   .until = fg_call_date(fg_member_text(body, "until", "")),
                   .weekdays = fg_member_bits(body, "weekdays", weekday_words)},
        .capacity = {fg_member_decimal(body, "capacity", 6, 0)},
        .availability_max = {fg_member_decimal(body, "availability_price_max", 6, 0)},
        .activation_max = {fg_member_decimal(body, "activation_price_max", 6, 0)},
        .expected_s = fg_member_decimal(body, "expected_hours", 6, 0) * 9 / 2500,
        .duration_min_s = json_integer_value(json_object_get(body->value, "minimum_duration_s")),
        .notice_s = json_integer_value(json_object_get(body->value, "notice_s")),
        .opens_us = fg_member_us(body, "opens"),
        .closes_us = fg_member_us(body, "closes"),
        .ties = (enum fg_contract_ties)fg_member_word(body, "ties", fg_contract_ties_words, 0)};
    const char *name = fg_member_text(body, "name", "");
    size_t length = strlen(name);
    if (length >= sizeof tender->name)
        return fg_fail(err, FG_ERR_VALUE, "#/name", "the name has more than %d bytes", FG_TENDER_TEXT - 1);
    memcpy(tender->name, name, length + 1);
    enum fg_code code = fg_member_id(body, "product", FG_ID_PRODUCT, &tender->product, err);
    if (code == FG_OK)
        code = fg_member_id(body, "location", FG_ID_LOCATION, &tender->location, err);
    return code == FG_OK ? read_clocks(body, &tender->window, err) : code;
}

/* ---- tenders ---- */
static enum fg_code publish_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_tender tender;
    enum fg_code code = read_tender(&body, &tender, err);
    if (code == FG_OK)
        code = fg_call_id(call, "area", FG_ID_AREA, &tender.area, err);
    if (code == FG_OK)
        code = fg_tender_publish(registry, &tender, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_TENDER, tender.id);
    return code;
}
static enum fg_code publish_tender(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, publish_work, err);
}

static enum fg_code list_tenders(struct fg_call *call, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_tenders, area, err) : code;
}
static enum fg_code get_tender(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "tender", FG_ID_TENDER, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_tenders, id, err) : code;
}

static enum fg_code cancel_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "tender", FG_ID_TENDER, &id, err);
    if (code == FG_OK)
        code = fg_tender_cancel(registry, id, fg_member_text(&body, "reason", ""), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code cancel_tender(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, cancel_work, err);
}

/* ---- offers ---- */

/* The facts of the tender's area, as orders are held against them; the caller releases them. */
static enum fg_code facts_of(struct fg_call *call, struct fg_registry *registry, int64_t tender, struct fg_facts **facts,
                             struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_tender read;
    *facts = NULL;
    enum fg_code code = fg_tender_read(registry->store, tender, &read, err);
    return code == FG_OK ? fg_exchange_facts(application->exchange, read.area, facts, err) : code;
}

static enum fg_code offer_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_facts *facts = NULL;
    struct fg_tender_offer offer = {.quantity = {fg_member_decimal(&body, "quantity", 6, 0)},
                                    .availability = {fg_member_decimal(&body, "availability_price", 6, 0)},
                                    .activation = {fg_member_decimal(&body, "activation_price", 6, 0)}};
    enum fg_code code = fg_call_id(call, "tender", FG_ID_TENDER, &offer.tender, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "portfolio", FG_ID_PORTFOLIO, &offer.portfolio, err);
    if (code == FG_OK)
        code = facts_of(call, registry, offer.tender, &facts, err);
    if (code == FG_OK) {
        offer.minimum.w = fg_member_decimal(&body, "minimum", 6, facts->tick_w);
        code = fg_tender_offer(registry, facts, &offer, err);
    }
    fg_facts_release(facts);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_TENDER_OFFER, offer.id);
    return code;
}
static enum fg_code enter_offer(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, offer_work, err);
}

static enum fg_code withdraw_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "offer", FG_ID_TENDER_OFFER, &id, err);
    if (code == FG_OK)
        code = fg_tender_offer_withdraw(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code withdraw_offer(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, withdraw_work, err);
}

static const struct fg_column offer_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_TENDER_OFFER, NULL},          {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},      {"quantity", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"minimum", FG_COLUMN_MICRO, FG_ID_AREA, NULL},          {"availability_price", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"activation_price", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"status", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"awarded", FG_COLUMN_MICRO, FG_ID_AREA, NULL},          {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"entered", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},        {0}};
#define OFFER_SELECT                                                                                                   \
    "SELECT o.id, o.id, o.organisation_id, o.portfolio_id, o.quantity_w, o.minimum_w, o.availability_u, o.activation_u, " \
    "o.status, o.awarded_w, o.reason, o.entered_us FROM tender_offer o JOIN tender t ON t.id = o.tender_id WHERE "        \
    "o.tender_id = $5 AND o.id > $3 AND "

/* Sealed: until the tender has closed everybody sees his own offers alone, the market operator too. */
static enum fg_code offers_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_tender tender;
    int64_t id;
    enum fg_code code = fg_call_id(call, "tender", FG_ID_TENDER, &id, err);
    if (code == FG_OK)
        code = fg_tender_read(registry->store, id, &tender, err);
    if (code != FG_OK)
        return code;
    bool is_sealed = tender.is_published && registry->now_us < tender.closes_us;
    return fg_rows_page(call, registry,
                                 is_sealed ? OFFER_SELECT "(o.organisation_id = $1 AND $2 >= 0) ORDER BY o.id LIMIT $4"
                                           : OFFER_SELECT "(o.organisation_id = $1 OR t.buyer_id = $1 OR $2 = 1) ORDER BY o.id LIMIT $4",
                                 offer_columns, id, err);
}
static enum fg_code list_offers(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, offers_work, err);
}

/* ---- award ---- */
static enum fg_code award_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "choice");
    struct fg_facts *facts = NULL;
    size_t count = list.value != NULL ? fg_json_count(&list) : 0;
    struct fg_tender_choice *choice = fg_arena_alloc(fg_call_arena(call), count + 1, sizeof *choice);
    int64_t id;
    enum fg_code code = choice == NULL ? fg_fail_memory(err) : fg_call_id(call, "tender", FG_ID_TENDER, &id, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor at = fg_json_item(&list, i);
        choice[i].quantity.w = fg_member_decimal(&at, "quantity", 6, 0);
        code = fg_member_id(&at, "offer", FG_ID_TENDER_OFFER, &choice[i].offer, err);
    }
    if (code == FG_OK)
        code = facts_of(call, registry, id, &facts, err);
    if (code == FG_OK)
        code = fg_tender_award(registry, facts, id, list.value != NULL ? choice : NULL, count,
                               fg_member_text(&body, "reason", NULL), err);
    fg_facts_release(facts);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}

/* What the exchange does about contracts is due now. */
static enum fg_code change_and_tell(struct fg_call *call, fg_call_work *work, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    enum fg_code code = fg_call_change(call, work, err);
    if (code == FG_OK)
        fg_exchange_refresh(application->exchange);
    return code;
}
static enum fg_code award_tender(struct fg_call *call, struct fg_error *err)
{
    return change_and_tell(call, award_work, err);
}

/* ---- contracts ---- */
static enum fg_code list_contracts(struct fg_call *call, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_contracts, area, err) : code;
}
static enum fg_code get_contract(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "contract", FG_ID_CONTRACT, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_contracts, id, err) : code;
}

static enum fg_code change_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "contract", FG_ID_CONTRACT, &id, err);
    if (code == FG_OK)
        code = fg_contract_change(registry, id,
                                  (enum fg_contract_change)fg_member_word(&body, "action", fg_contract_change_words, 0),
                                  fg_member_text(&body, "reason", ""), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code change_contract(struct fg_call *call, struct fg_error *err)
{
    return change_and_tell(call, change_work, err);
}

static const struct fg_column unit_columns[] = {
    {"order", FG_COLUMN_ID, FG_ID_ORDER, NULL},   {"start", FG_COLUMN_SECONDS, FG_ID_AREA, NULL},
    {"status", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"cause", FG_COLUMN_WORD, FG_ID_AREA, fg_book_cause_words},
    {"entered", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {0}};
static enum fg_code orders_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "contract", FG_ID_CONTRACT, &id, err);
    return code != FG_OK
               ? code
               : fg_rows_page(
                     call, registry,
                     "SELECT o.id, o.id, o.first_period * a.period_s, o.status, CASE WHEN o.cause > 0 THEN o.cause END, o.entered_us "
                     "FROM book_order o JOIN contract c ON c.id = o.contract_id JOIN area a ON a.id = c.area_id WHERE o.contract_id = "
                     "$5 AND o.id > $3 AND (c.buyer_id = $1 OR c.seller_id = $1 OR $2 = 1) ORDER BY o.id LIMIT $4",
                     unit_columns, id, err);
}
static enum fg_code list_contract_orders(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, orders_work, err);
}

/* ---- what a settlement run says ---- */
static const struct fg_column availability_columns[] = {
    {"contract", FG_COLUMN_ID, FG_ID_CONTRACT, NULL},    {"buyer", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"seller", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},  {"start", FG_COLUMN_SECONDS, FG_ID_AREA, NULL},
    {"price", FG_COLUMN_MICRO, FG_ID_AREA, NULL},        {"contracted", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"offered", FG_COLUMN_MICRO, FG_ID_AREA, NULL},      {"traded", FG_COLUMN_ENERGY, FG_ID_AREA, NULL},
    {"available", FG_COLUMN_ENERGY, FG_ID_AREA, NULL},   {"missing", FG_COLUMN_ENERGY, FG_ID_AREA, NULL},
    {"tolerated", FG_COLUMN_ENERGY, FG_ID_AREA, NULL},   {"paid", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"penalty", FG_COLUMN_MICRO, FG_ID_AREA, NULL},      {"pending", FG_COLUMN_BOOLEAN, FG_ID_AREA, NULL}, {0}};
static enum fg_code availability_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t run;
    enum fg_code code = fg_call_id(call, "run", FG_ID_SETTLEMENT, &run, err);
    return code != FG_OK
               ? code
               : fg_rows_page(
                     call, registry,
                     "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY v.contract_id, v.period) AS place, v.contract_id, v.buyer_id, "
                     "v.seller_id, v.period * a.period_s, v.price_u, v.contracted_w, v.offered_w, v.traded_ws, v.available_ws, "
                     "v.missing_ws, v.tolerated_ws, v.paid_u, v.penalty_u, v.is_pending FROM settlement_availability v JOIN "
                     "settlement_run r ON r.id = v.run_id JOIN area a ON a.id = r.area_id WHERE v.run_id = $5 AND (a.operator_id = $1 "
                     "OR $2 = 1 OR (r.status = 'released' AND (v.buyer_id = $1 OR v.seller_id = $1)))) x WHERE place > $3 ORDER BY "
                     "place LIMIT $4",
                     availability_columns, run, err);
}
static enum fg_code list_availability(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, availability_work, err);
}

/* ---- the table ---- */
#define CONTRACTS .api = FG_API_ATP, .tag = "Availability contracts"
static const struct fg_operation operations[] = {
    {.id = "publish-tender", .method = FG_POST, .path = "/v1/areas/{area}/tenders", CONTRACTS,
     .summary = "Publish a tender for availability", .right = "contracts.tender", .flags = FG_KEY_IN_TRANSACTION,
     .description = "By the system operator of the location, or a TSO. Delivery begins on a day after the tender has closed.",
     .path_params = trading_area_path, .request = &tender_entry, .request_example = TENDER_EXAMPLE, .responses = made_responses,
     .handle = publish_tender},
    {.id = "list-tenders", .method = FG_GET, .path = "/v1/areas/{area}/tenders", CONTRACTS, .summary = "Tenders",
     .right = "contracts.read", .flags = FG_OP_PAGED, .path_params = trading_area_path, .responses = tender_page_responses,
     .handle = list_tenders},
    {.id = "get-tender", .method = FG_GET, .path = "/v1/tenders/{tender}", CONTRACTS, .summary = "One tender",
     .right = "contracts.read", .path_params = tender_path, .responses = tender_responses, .handle = get_tender},
    {.id = "cancel-tender", .method = FG_POST, .path = "/v1/tenders/{tender}/cancellation", CONTRACTS,
     .summary = "Give a tender up", .right = "contracts.tender", .flags = FG_KEY_IN_TRANSACTION, .path_params = tender_path,
     .request = &cancel_schema, .request_example = "{\"reason\":\"The line is reinforced earlier\"}", .responses = empty_responses,
     .handle = cancel_tender},
    {.id = "enter-tender-offer", .method = FG_POST, .path = "/v1/tenders/{tender}/offers", CONTRACTS,
     .summary = "Offer in a tender", .right = "contracts.offer", .flags = FG_KEY_IN_TRANSACTION, .path_params = tender_path,
     .description = "Sealed until the tender closes. A portfolio has one offer: a new one replaces it and counts as entered now. The "
                    "portfolio must be approved, lie in the tender's location, and have capability prequalified in every unit of the "
                    "windows beyond what its other contracts hold.",
     .request = &offer_entry, .request_example = OFFER_EXAMPLE, .responses = made_responses, .handle = enter_offer},
    {.id = "list-tender-offers", .method = FG_GET, .path = "/v1/tenders/{tender}/offers", CONTRACTS,
     .summary = "Offers in a tender", .description = "One's own; after the tender has closed, also all of them to its buyer.",
     .right = "contracts.read", .flags = FG_OP_PAGED, .path_params = tender_path, .responses = offer_page_responses,
     .handle = list_offers},
    {.id = "withdraw-tender-offer", .method = FG_DELETE, .path = "/v1/tender-offers/{offer}", CONTRACTS,
     .summary = "Withdraw an offer before the tender closes", .right = "contracts.offer", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = offer_path, .responses = empty_responses, .handle = withdraw_offer},
    {.id = "award-tender", .method = FG_POST, .path = "/v1/tenders/{tender}/award", CONTRACTS,
     .summary = "Award a tender that has closed", .right = "contracts.tender", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = tender_path,
     .description = "Without `choice` by merit order: the cheapest expected cost (hours of the windows x availability price + expected "
                    "hours x activation price) first. With `choice` the buyer says what each offer is awarded, and why. Contracts "
                    "exist when the call returns.",
     .request = &award_schema, .request_example = "{\"choice\":[{\"offer\":\"bid-1\",\"quantity\":\"1\"}],\"reason\":\"Nearer to the feeder\"}",
     .responses = empty_responses, .handle = award_tender},
    {.id = "list-contracts", .method = FG_GET, .path = "/v1/areas/{area}/contracts", CONTRACTS, .summary = "Own contracts",
     .right = "contracts.read", .flags = FG_OP_PAGED, .path_params = trading_area_path, .responses = contract_page_responses,
     .handle = list_contracts},
    {.id = "get-contract", .method = FG_GET, .path = "/v1/contracts/{contract}", CONTRACTS, .summary = "One contract",
     .right = "contracts.read", .path_params = contract_path, .responses = contract_responses, .handle = get_contract},
    {.id = "change-contract", .method = FG_POST, .path = "/v1/contracts/{contract}/state", CONTRACTS,
     .summary = "Suspend, resume or terminate a contract", .right = "contracts.tender", .flags = FG_KEY_IN_TRANSACTION,
     .description = "Its open orders are withdrawn; after a resumption they are entered again for units whose gate is open.",
     .path_params = contract_path, .request = &change_schema, .request_example = "{\"action\":\"suspend\",\"reason\":\"Meter fault\"}",
     .responses = empty_responses, .handle = change_contract},
    {.id = "list-contract-orders", .method = FG_GET, .path = "/v1/contracts/{contract}/orders", CONTRACTS,
     .summary = "Orders that a contract has entered", .right = "contracts.read", .flags = FG_OP_PAGED, .path_params = contract_path,
     .responses = unit_page_responses, .handle = list_contract_orders},
    {.id = "list-availability", .method = FG_GET, .path = "/v1/settlements/{run}/availability", CONTRACTS,
     .summary = "What a settlement run says about contracts", .right = "settlements.read", .flags = FG_OP_PAGED,
     .path_params = run_path, .responses = availability_page_responses, .handle = list_availability},
};
const struct fg_operation_set fg_contract_operations = FG_OPERATIONS(operations);
