/* Operations of settlement: rules, runs and what they say, release, disputes, documents, payments, the journal. */
#include "api/operations_settlement.h"

#include "api/rows.h"
#include "atp/bill.h"
#include "atp/query.h"
#include "atp/settlement.h"

#include <stdio.h>
#include <string.h>

static const char *const product_words[] = {"active", "reactive", "capacity_active", "capacity_reactive", NULL};
static const char *const regulation_words[] = {"up", "down", NULL};
static const struct fg_schema short_text = FG_TEXT(0, 4000);
static const struct fg_schema share = FG_DECIMAL(6, 0, 1000000);
static const struct fg_schema fee = FG_DECIMAL(6, 0, 10000000);
static const struct fg_schema decimals = FG_INTEGER(0, 6);
static const struct fg_schema day_count = FG_INTEGER(0, 365);
static const struct fg_schema month = FG_INTEGER(1, 12);
static const struct fg_schema year = FG_INTEGER(1970, 2100);
static const struct fg_param area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};
static const struct fg_param run_path[] = {{"run", &fg_schema_id, "Settlement run", true}, {0}};
static const struct fg_param dispute_path[] = {{"dispute", &fg_schema_id, "Dispute", true}, {0}};
static const struct fg_param document_path[] = {{"document", &fg_schema_id, "Document", true}, {0}};
static const struct fg_response made_responses[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"stl-7\"}"}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response csv_responses[] = {{200, "CSV", NULL, "text/csv; charset=utf-8", NULL}, {0}};
static const struct fg_response pdf_responses[] = {{200, "PDF", NULL, "application/pdf", NULL}, {0}};

/* ---- the rule ---- */
static const struct fg_field rule_fields[] = {
    {"from", &fg_schema_date, "First day of delivery for which it counts; no run of such a day may be released", FG_REQUIRED},
    {"fee_buyer", &fee, "Share of what is paid for delivery", FG_REQUIRED},
    {"fee_seller", &fee, "The seller's share", FG_REQUIRED},
    {"fee_monthly", &fg_schema_money, "Per organisation with an approved portfolio, on the first day of a month", FG_REQUIRED},
    {"compensation", &share, "Part of penalties that goes to the buyer", FG_REQUIRED},
    {"transfer_price", &fg_schema_price, "Of energy moved between balance responsible parties", FG_REQUIRED},
    {"tax_rate", &share, "Value added tax", FG_REQUIRED},
    {"domestic_reverse", &fg_schema_boolean, "Reverse charge between dealers of the same country", FG_REQUIRED},
    {"decimals", &decimals, "Of the currency's smallest unit", FG_REQUIRED},
    {"payment_days", &day_count, "From issue until payment is due", FG_REQUIRED},
};
static const struct fg_schema rule_schema = FG_OBJECT("SettlementRule", "How an area settles", rule_fields);
#define RULE_EXAMPLE                                                                                                   \
    "{\"from\": \"2025-12-01\", \"fee_buyer\": \"0.01\", \"fee_seller\": \"0.02\", \"fee_monthly\": \"0\", "             \
    "\"compensation\": \"1\", \"transfer_price\": \"60\", \"tax_rate\": \"0.24\", \"domestic_reverse\": false, "         \
    "\"decimals\": 2, \"payment_days\": 30}"
static enum fg_code take_rule(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, places, days;
    struct fg_settlement_rule rule = {.from = fg_call_date(fg_member_text(&body, "from", "")),
                                      .fee_buyer_u = fg_member_decimal(&body, "fee_buyer", 6, 0),
                                      .fee_seller_u = fg_member_decimal(&body, "fee_seller", 6, 0),
                                      .fee_monthly = {fg_member_decimal(&body, "fee_monthly", 6, 0)},
                                      .compensation_u = fg_member_decimal(&body, "compensation", 6, 0),
                                      .transfer_price = {fg_member_decimal(&body, "transfer_price", 6, 0)},
                                      .tax_rate_u = fg_member_decimal(&body, "tax_rate", 6, 0)};
    if (rule.fee_monthly.u < 0)
        return fg_fail(err, FG_ERR_VALUE, "#/fee_monthly", "a fee is not negative");
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&body, "domestic_reverse", false, &rule.domestic_reverse, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "decimals", &places, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "payment_days", &days, err);
    if (code != FG_OK)
        return code;
    rule.decimals = (int32_t)places;
    rule.payment_days = (int32_t)days;
    if ((code = fg_settlement_rule_set(registry, area, &rule, err)) == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code set_rule(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_rule, err);
}

/* ---- runs ---- */
static const struct fg_field day_fields[] = {{"day", &fg_schema_date, "Day of delivery", FG_REQUIRED}};
static const struct fg_schema day_schema = FG_OBJECT("SettleDay", "A day to settle", day_fields);
static enum fg_code make_run(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, run;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_settlement_compute(registry, area, fg_call_date(fg_member_text(&body, "day", "")), &run, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_SETTLEMENT, run);
    return code;
}
static enum fg_code compute_settlement(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, make_run, err);
}

static const struct fg_field run_fields[] = {
    {"id", &fg_schema_id, "Run", FG_REQUIRED},
    {"day", &fg_schema_date, "Day of delivery", FG_REQUIRED},
    {"number", &fg_schema_count, "Of the day's runs", FG_REQUIRED},
    {"status", &short_text, "computed or released", FG_REQUIRED},
    {"known_at", &fg_schema_instant, "What was known then went into it", FG_REQUIRED},
    {"trades", &fg_schema_count, "Trades of the day", FG_REQUIRED},
    {"pending", &fg_schema_count, "Portfolios and units without data", FG_REQUIRED},
    {"stale", &fg_schema_boolean, "Readings of the day came after it: compute another run", FG_REQUIRED},
};
static const struct fg_schema run_schema = FG_OBJECT("Settlement", "A settlement run", run_fields);
FG_PAGE_SCHEMA(run_page, &run_schema, "SettlementPage", "Runs");
static const struct fg_response run_responses[] = {
    {200, "Runs", &run_page, NULL,
     "{\"items\": [{\"id\": \"stl-1\", \"day\": \"2025-11-24\", \"number\": 1, \"status\": \"released\", \"known_at\": "
     "\"2025-11-25T06:00:01Z\", \"trades\": 1, \"pending\": 0, \"stale\": false}], \"next\": null}"},
    {0}};
static const struct fg_column run_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_SETTLEMENT, NULL},       {"day", FG_COLUMN_DAY, FG_ID_SETTLEMENT, NULL},
    {"number", FG_COLUMN_COUNT, FG_ID_SETTLEMENT, NULL}, {"status", FG_COLUMN_TEXT, FG_ID_SETTLEMENT, NULL},
    {"known_at", FG_COLUMN_INSTANT, FG_ID_SETTLEMENT, NULL}, {"trades", FG_COLUMN_COUNT, FG_ID_SETTLEMENT, NULL},
    {"pending", FG_COLUMN_COUNT, FG_ID_SETTLEMENT, NULL}, {"stale", FG_COLUMN_BOOLEAN, FG_ID_SETTLEMENT, NULL}, {0}};
/* Participants see released runs. */
static const struct fg_rows runs_rows = {
    "SELECT r.id, r.id, r.day, r.number, r.status, r.known_us, r.trade_count, r.pending_count, CASE WHEN EXISTS "
    "(SELECT 1 FROM meter_change c JOIN settlement_input i ON i.kind = 'meter' AND i.object = c.meter_id WHERE i.run_id "
    "= r.id AND c.day = r.day AND c.changed_us > r.known_us) THEN 1 ELSE 0 END FROM settlement_run r JOIN area a ON "
    "a.id = r.area_id WHERE r.area_id = $5 AND r.id > $3 AND ($2 = 1 OR a.operator_id = $1 OR r.status = 'released') "
    "ORDER BY r.id LIMIT $4",
    run_columns, "area", FG_ID_AREA};

static const struct fg_schema product = FG_ENUM("SettledProduct", "What was traded", product_words);
static const struct fg_schema regulation = FG_ENUM("TradedRegulation", "Direction", regulation_words);
static const struct fg_field line_fields[] = {
    {"trade", &fg_schema_id, "Trade", FG_REQUIRED},
    {"seller", &fg_schema_id, "Seller", FG_REQUIRED},
    {"buyer", &fg_schema_id, "Buyer", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Seller's portfolio", FG_REQUIRED},
    {"product", &product, "Product", FG_REQUIRED},
    {"regulation", &regulation, "Direction", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the unit", FG_REQUIRED},
    {"price", &fg_schema_price, "Price", FG_REQUIRED},
    {"traded", &fg_schema_energy, "Energy traded", FG_REQUIRED},
    {"delivered", &fg_schema_energy, "Energy delivered", FG_REQUIRED},
    {"tolerated", &fg_schema_energy, "Shortfall without penalty", FG_REQUIRED},
    {"paid", &fg_schema_money, "By the buyer to the seller", FG_REQUIRED},
    {"penalty", &fg_schema_money, "By the seller", FG_REQUIRED},
    {"pending", &fg_schema_boolean, "Waits for data", FG_REQUIRED},
};
static const struct fg_schema line_schema = FG_OBJECT("StatementLine", "A trade in a settlement run", line_fields);
FG_PAGE_SCHEMA(line_page, &line_schema, "StatementPage", "Statement of a run");
static const struct fg_response line_responses[] = {
    {200, "Statement", &line_page, NULL,
     "{\"items\": [{\"trade\": \"trd-1\", \"seller\": \"org-3\", \"buyer\": \"org-2\", \"portfolio\": \"pf-10\", \"product\": \"active\", "
     "\"regulation\": \"up\", \"start\": \"2025-11-24T08:00:00Z\", \"price\": \"100\", \"traded\": \"0.25\", \"delivered\": \"0.15\", "
     "\"tolerated\": \"0.025\", \"paid\": \"15\", \"penalty\": \"5.25\", \"pending\": false}], \"next\": null}"},
    {0}};
static const struct fg_column line_columns[] = {
    {"trade", FG_COLUMN_ID, FG_ID_TRADE, NULL},          {"seller", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"buyer", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},   {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},
    {"product", FG_COLUMN_WORD, FG_ID_TRADE, product_words}, {"regulation", FG_COLUMN_WORD, FG_ID_TRADE, regulation_words},
    {"start", FG_COLUMN_SECONDS, FG_ID_TRADE, NULL},     {"price", FG_COLUMN_MICRO, FG_ID_TRADE, NULL},
    {"traded", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},     {"delivered", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},
    {"tolerated", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},  {"paid", FG_COLUMN_MICRO, FG_ID_TRADE, NULL},
    {"penalty", FG_COLUMN_MICRO, FG_ID_TRADE, NULL},     {"pending", FG_COLUMN_BOOLEAN, FG_ID_TRADE, NULL}, {0}};
#define OWN_RUN "(a.operator_id = $1 OR $2 = 1)"
static const struct fg_rows statement_rows = {
    "SELECT t.trade_id, t.trade_id, t.seller_id, t.buyer_id, t.portfolio_id, t.product, t.regulation, t.period * "
    "a.period_s, t.price_u, t.traded_ws, t.delivered_ws, t.tolerated_ws, t.paid_u, t.penalty_u, t.is_pending FROM "
    "settlement_trade t JOIN settlement_run r ON r.id = t.run_id JOIN area a ON a.id = r.area_id WHERE t.run_id = $5 "
    "AND t.trade_id > $3 AND (" OWN_RUN " OR (r.status = 'released' AND (t.seller_id = $1 OR t.buyer_id = $1))) ORDER "
    "BY t.trade_id LIMIT $4",
    line_columns, "run", FG_ID_SETTLEMENT};

static const struct fg_field transfer_fields[] = {
    {"trade", &fg_schema_id, "Trade", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the unit", FG_REQUIRED},
    {"from", &fg_schema_id, "Party that the energy leaves", FG_REQUIRED},
    {"to", &fg_schema_id, "Party that it goes to", FG_REQUIRED},
    {"energy", &fg_schema_energy, "As delivered", FG_REQUIRED},
};
static const struct fg_schema transfer_schema = FG_OBJECT("Transfer", "Energy between balance responsible parties", transfer_fields);
FG_PAGE_SCHEMA(transfer_page, &transfer_schema, "TransferPage", "Transfers of a run");
static const struct fg_response transfer_responses[] = {
    {200, "Transfers", &transfer_page, NULL,
     "{\"items\": [{\"trade\": \"trd-1\", \"start\": \"2025-11-24T08:00:00Z\", \"from\": \"org-5\", \"to\": \"org-6\", \"energy\": "
     "\"0.15\"}], \"next\": null}"},
    {0}};
static const struct fg_column transfer_columns[] = {
    {"trade", FG_COLUMN_ID, FG_ID_TRADE, NULL}, {"start", FG_COLUMN_SECONDS, FG_ID_TRADE, NULL},
    {"from", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL}, {"to", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"energy", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL}, {0}};
/* The key numbers the rows of the run: a trade may move energy of several parties. */
static const struct fg_rows transfers_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY t.trade_id, t.from_brp_id, t.to_brp_id) AS place, t.trade_id, "
    "t.period * a.period_s, t.from_brp_id, t.to_brp_id, t.energy_ws FROM settlement_transfer t JOIN settlement_run r ON "
    "r.id = t.run_id JOIN area a ON a.id = r.area_id WHERE t.run_id = $5 AND (" OWN_RUN " OR (r.status = 'released' AND "
    "(t.from_brp_id = $1 OR t.to_brp_id = $1)))) x WHERE place > $3 ORDER BY place LIMIT $4",
    transfer_columns, "run", FG_ID_SETTLEMENT};

static const struct fg_field unit_fields[] = {
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED},
    {"product", &product, "Product", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the unit", FG_REQUIRED},
    {"meter", &fg_schema_energy, "What was metered; null: not known", FG_REQUIRED | FG_NULLABLE},
    {"baseline", &fg_schema_energy, "What would have been; null: not known", FG_REQUIRED | FG_NULLABLE},
    {"owed", &fg_schema_energy, "Trades and calls of the balancing market in net, up positive", FG_REQUIRED},
    {"called", &fg_schema_energy, "Of that the calls", FG_REQUIRED},
    {"called_delivered", &fg_schema_energy, "What was delivered of them", FG_REQUIRED},
    {"excess", &fg_schema_energy, "Delivered beyond what was owed", FG_REQUIRED},
    {"reason", &short_text, "Why it waits for data", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema unit_schema = FG_OBJECT("SettledUnit", "What a portfolio owed and did in a unit", unit_fields);
FG_PAGE_SCHEMA(unit_page, &unit_schema, "SettledUnitPage", "Units of a run");
static const struct fg_response unit_responses[] = {
    {200, "Units", &unit_page, NULL,
     "{\"items\": [{\"portfolio\": \"pf-10\", \"product\": \"active\", \"start\": \"2025-11-24T08:00:00Z\", \"meter\": \"0.22\", "
     "\"baseline\": \"-0.1\", \"owed\": \"0.4\", \"called\": \"0.15\", \"called_delivered\": \"0.12\", \"excess\": \"0\", "
     "\"reason\": null}], \"next\": null}"},
    {0}};
static const struct fg_column unit_columns[] = {
    {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL}, {"product", FG_COLUMN_WORD, FG_ID_TRADE, product_words},
    {"start", FG_COLUMN_SECONDS, FG_ID_TRADE, NULL},    {"meter", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},
    {"baseline", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},  {"owed", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},
    {"called", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},    {"called_delivered", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},
    {"excess", FG_COLUMN_ENERGY, FG_ID_TRADE, NULL},    {"reason", FG_COLUMN_TEXT, FG_ID_TRADE, NULL}, {0}};
static const struct fg_rows units_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY u.portfolio_id, u.product, u.period) AS place, u.portfolio_id, u.product, "
    "u.period * a.period_s, u.meter_ws, u.baseline_ws, u.owed_ws, u.called_ws, u.called_delivered_ws, u.excess_ws, u.reason FROM "
    "settlement_portfolio u JOIN settlement_run r ON r.id = u.run_id JOIN area a ON a.id = r.area_id JOIN portfolio p ON p.id = "
    "u.portfolio_id WHERE u.run_id = $5 AND (" OWN_RUN " OR (r.status = 'released' AND p.organisation_id = $1))) x WHERE place > $3 "
    "ORDER BY place LIMIT $4",
    unit_columns, "run", FG_ID_SETTLEMENT};

static const struct fg_field input_fields[] = {{"kind", &short_text, "area, product, rule, holidays, trades, calls, meter", FG_REQUIRED},
                                               {"object", &fg_schema_count, "Number of the object", FG_REQUIRED},
                                               {"version", &short_text, "Its version", FG_REQUIRED}};
static const struct fg_schema input_schema = FG_OBJECT("SettlementInput", "What a run was computed from", input_fields);
FG_PAGE_SCHEMA(input_page, &input_schema, "SettlementInputPage", "Inputs of a run");
static const struct fg_response input_responses[] = {
    {200, "Inputs", &input_page, NULL, "{\"items\": [{\"kind\": \"meter\", \"object\": 1, \"version\": \"1764050400000000\"}], \"next\": null}"},
    {0}};
static const struct fg_column input_columns[] = {{"kind", FG_COLUMN_TEXT, FG_ID_SETTLEMENT, NULL},
                                                 {"object", FG_COLUMN_COUNT, FG_ID_SETTLEMENT, NULL},
                                                 {"version", FG_COLUMN_TEXT, FG_ID_SETTLEMENT, NULL},
                                                 {0}};
static const struct fg_rows inputs_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY i.kind, i.object) AS place, i.kind, i.object, i.version FROM "
    "settlement_input i JOIN settlement_run r ON r.id = i.run_id JOIN area a ON a.id = r.area_id WHERE i.run_id = $5 AND "
    OWN_RUN ") x WHERE place > $3 ORDER BY place LIMIT $4",
    input_columns, "run", FG_ID_SETTLEMENT};

/* ---- release ---- */
static enum fg_code ask_for_it(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t run, approval;
    enum fg_code code = fg_call_id(call, "run", FG_ID_SETTLEMENT, &run, err);
    if (code == FG_OK)
        code = fg_settlement_ask(registry, run, &approval, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_APPROVAL, approval);
    return code;
}
static enum fg_code ask_release(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_for_it, err);
}
static const struct fg_field release_fields[] = {{"approval", &fg_schema_id, "Confirmed by another user", FG_REQUIRED}};
static const struct fg_schema release_schema = FG_OBJECT("Release", "Release of a run", release_fields);
static enum fg_code release_it(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t run, approval;
    enum fg_code code = fg_call_id(call, "run", FG_ID_SETTLEMENT, &run, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "approval", FG_ID_APPROVAL, &approval, err);
    if (code == FG_OK)
        code = fg_settlement_run_release(registry, run, approval, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code release_settlement(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, release_it, err);
}

/* ---- disputes ---- */
static const struct fg_field new_dispute_fields[] = {{"trade", &fg_schema_id, "Trade", FG_REQUIRED},
                                                     {"claim", &fg_schema_note, "What is wrong", FG_REQUIRED}};
static const struct fg_schema new_dispute = FG_OBJECT("NewDispute", "A dispute", new_dispute_fields);
static enum fg_code take_dispute(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t run, trade, id;
    enum fg_code code = fg_call_id(call, "run", FG_ID_SETTLEMENT, &run, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "trade", FG_ID_TRADE, &trade, err);
    if (code == FG_OK)
        code = fg_dispute_raise(registry, run, trade, fg_member_text(&body, "claim", ""), &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_DISPUTE, id);
    return code;
}
static enum fg_code raise_dispute(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_dispute, err);
}
static const struct fg_field decision_fields[] = {{"uphold", &fg_schema_boolean, "The claim is right", FG_REQUIRED},
                                                  {"answer", &fg_schema_note, "In words", FG_REQUIRED}};
static const struct fg_schema decision_schema = FG_OBJECT("DisputeDecision", "The word on a dispute", decision_fields);
static enum fg_code take_decision(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    bool uphold;
    enum fg_code code = fg_call_id(call, "dispute", FG_ID_DISPUTE, &id, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&body, "uphold", false, &uphold, err);
    if (code == FG_OK)
        code = fg_dispute_decide(registry, id, uphold, fg_member_text(&body, "answer", ""), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code decide_dispute(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_decision, err);
}
static enum fg_code drop_dispute(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "dispute", FG_ID_DISPUTE, &id, err);
    if (code == FG_OK)
        code = fg_dispute_withdraw(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code withdraw_dispute(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, drop_dispute, err);
}
static const struct fg_field dispute_fields[] = {
    {"id", &fg_schema_id, "Dispute", FG_REQUIRED},
    {"run", &fg_schema_id, "Run", FG_REQUIRED},
    {"trade", &fg_schema_id, "Trade", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Who raised it", FG_REQUIRED},
    {"claim", &short_text, "Claim", FG_REQUIRED},
    {"status", &short_text, "open, upheld, rejected, withdrawn", FG_REQUIRED},
    {"answer", &short_text, "Answer", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema dispute_schema = FG_OBJECT("Dispute", "A dispute", dispute_fields);
FG_PAGE_SCHEMA(dispute_page, &dispute_schema, "DisputePage", "Disputes");
static const struct fg_response dispute_responses[] = {
    {200, "Disputes", &dispute_page, NULL,
     "{\"items\": [{\"id\": \"dsp-1\", \"run\": \"stl-1\", \"trade\": \"trd-1\", \"organisation\": \"org-2\", \"claim\": \"wrong meter\", "
     "\"status\": \"open\", \"answer\": null}], \"next\": null}"},
    {0}};
static const struct fg_column dispute_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_DISPUTE, NULL},     {"run", FG_COLUMN_ID, FG_ID_SETTLEMENT, NULL},
    {"trade", FG_COLUMN_ID, FG_ID_TRADE, NULL},    {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"claim", FG_COLUMN_TEXT, FG_ID_DISPUTE, NULL}, {"status", FG_COLUMN_TEXT, FG_ID_DISPUTE, NULL},
    {"answer", FG_COLUMN_TEXT, FG_ID_DISPUTE, NULL}, {0}};
static const struct fg_rows disputes_rows = {
    "SELECT d.id, d.id, d.run_id, d.trade_id, d.organisation_id, d.claim, d.status, d.answer FROM dispute d "
    "JOIN settlement_run r ON r.id = d.run_id JOIN settlement_trade t ON t.run_id = d.run_id AND t.trade_id "
    "= d.trade_id WHERE d.id > $3 AND ($5 = 0 OR r.area_id = $5) AND ($2 = 1 OR d.organisation_id = $1 OR "
    "t.seller_id = $1 OR t.buyer_id = $1) ORDER BY d.id LIMIT $4",
    dispute_columns, NULL, 0};

/* ---- documents ---- */
static const struct fg_field issue_fields[] = {{"year", &year, "Year of delivery", FG_REQUIRED},
                                               {"month", &month, "Month of delivery", FG_REQUIRED}};
static const struct fg_schema issue_schema = FG_OBJECT("IssueDocuments", "A month to bill", issue_fields);
static const struct fg_field issued_fields[] = {{"issued", &fg_schema_count, "Documents made", FG_REQUIRED}};
static const struct fg_schema issued_schema = FG_OBJECT("IssuedDocuments", "What was issued", issued_fields);
static const struct fg_response issued_responses[] = {{200, "Issued", &issued_schema, NULL, "{\"issued\": 5}"}, {0}};
static enum fg_code issue_them(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, y = 0, m = 0, count;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "year", &y, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "month", &m, err);
    if (code == FG_OK)
        code = fg_bills_issue(registry, area, (int32_t)y, (int32_t)m, &count, err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "issued", count);
    fg_json_end_object(out);
    return FG_OK;
}
static enum fg_code issue_documents(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, issue_them, err);
}

static const struct fg_field head_fields[] = {
    {"id", &fg_schema_id, "Document", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Participant", FG_REQUIRED},
    {"kind", &short_text, "invoice, self_billing, supplement, credit_note", FG_REQUIRED},
    {"direction", &short_text, "invoice: the participant pays; self_billing: it is paid", FG_REQUIRED},
    {"series", &short_text, "Series of its number", FG_REQUIRED},
    {"year", &fg_schema_count, "Year of its number", FG_REQUIRED},
    {"number", &fg_schema_count, "Number", FG_REQUIRED},
    {"gross", &fg_schema_money, "Total with tax", FG_REQUIRED},
    {"paid", &fg_schema_money, "Paid so far", FG_REQUIRED},
    {"due", &fg_schema_date, "Due date", FG_REQUIRED},
    {"payment", &short_text, "open, partly, paid", FG_REQUIRED},
};
static const struct fg_schema head_schema = FG_OBJECT("DocumentHead", "An invoice in a list", head_fields);
FG_PAGE_SCHEMA(head_page, &head_schema, "DocumentPage", "Documents");
static const struct fg_response head_responses[] = {
    {200, "Documents", &head_page, NULL,
     "{\"items\": [{\"id\": \"doc-1\", \"area\": \"area-1\", \"organisation\": \"org-2\", \"kind\": \"invoice\", \"direction\": \"invoice\", "
     "\"series\": \"INV-1\", \"year\": 2025, \"number\": 1, \"gross\": \"13.54\", \"paid\": \"0.00\", \"due\": \"2025-12-25\", \"payment\": "
     "\"open\"}], \"next\": null}"},
    {0}};
static const struct fg_column head_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_DOCUMENT, NULL},     {"area", FG_COLUMN_ID, FG_ID_AREA, NULL},
    {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL}, {"kind", FG_COLUMN_TEXT, FG_ID_DOCUMENT, NULL},
    {"direction", FG_COLUMN_TEXT, FG_ID_DOCUMENT, NULL}, {"series", FG_COLUMN_TEXT, FG_ID_DOCUMENT, NULL},
    {"year", FG_COLUMN_COUNT, FG_ID_DOCUMENT, NULL}, {"number", FG_COLUMN_COUNT, FG_ID_DOCUMENT, NULL},
    {"gross", FG_COLUMN_CENTS, FG_ID_DOCUMENT, NULL}, {"paid", FG_COLUMN_CENTS, FG_ID_DOCUMENT, NULL},
    {"due", FG_COLUMN_DAY, FG_ID_DOCUMENT, NULL},   {"payment", FG_COLUMN_TEXT, FG_ID_DOCUMENT, NULL}, {0}};
static enum fg_code put_documents(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    bool is_sqlite = fg_store_kind_of(registry->store) == FG_STORE_SQLITE; /* PostgreSQL sums bigints to numeric: cast back */
    return fg_rows_page(
        call, registry,
        is_sqlite
            ? "SELECT b.id, b.id, b.area_id, b.organisation_id, b.kind, b.direction, b.series, b.year, b.number, b.gross, b.decimals, "
              "COALESCE(SUM(p.amount), 0), b.decimals, b.due_day, CASE WHEN COALESCE(SUM(p.amount), 0) = b.gross THEN 'paid' WHEN "
              "COUNT(p.id) > 0 THEN 'partly' ELSE 'open' END FROM bill b LEFT JOIN payment p ON p.bill_id = b.id WHERE b.id > $3 AND ($5 "
              "= 0 OR b.area_id = $5) AND ($2 = 1 OR b.organisation_id = $1) GROUP BY b.id ORDER BY b.id LIMIT $4"
            : "SELECT b.id, b.id, b.area_id, b.organisation_id, b.kind, b.direction, b.series, b.year, b.number, b.gross, b.decimals, "
              "CAST(COALESCE(SUM(p.amount), 0) AS BIGINT), b.decimals, b.due_day, CASE WHEN COALESCE(SUM(p.amount), 0) = b.gross THEN "
              "'paid' WHEN COUNT(p.id) > 0 THEN 'partly' ELSE 'open' END FROM bill b LEFT JOIN payment p ON p.bill_id = b.id WHERE b.id > "
              "$3 AND ($5 = 0 OR b.area_id = $5) AND ($2 = 1 OR b.organisation_id = $1) GROUP BY b.id ORDER BY b.id LIMIT $4",
        head_columns, 0, err);
}
static enum fg_code list_documents(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_documents, err);
}

/* The document as it was issued. */
static const struct fg_field doc_party_fields[] = {
    {"id", &fg_schema_id, "Organisation", FG_REQUIRED},         {"name", &short_text, "Name", FG_REQUIRED},
    {"address", &short_text, "Address", FG_REQUIRED},           {"country", &short_text, "Country", FG_REQUIRED},
    {"vat_number", &short_text, "VAT number", FG_REQUIRED | FG_NULLABLE}, {"iban", &short_text, "Account", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema doc_party = FG_OBJECT("DocumentParty", "Supplier or customer", doc_party_fields);
static const struct fg_field doc_line_fields[] = {
    {"day", &fg_schema_date, "Day of delivery", FG_REQUIRED},   {"text", &short_text, "What was supplied", FG_REQUIRED},
    {"reason", &short_text, "Reason in the ledger", FG_REQUIRED}, {"energy_mwh", &fg_schema_energy, "Quantity", FG_REQUIRED | FG_NULLABLE},
    {"amount", &fg_schema_money, "Amount", FG_REQUIRED},        {"tax", &short_text, "standard, reverse_charge, outside_scope", FG_REQUIRED},
};
static const struct fg_schema doc_line = FG_OBJECT("DocumentLine", "A line", doc_line_fields);
static const struct fg_schema doc_lines = FG_ARRAY(&doc_line, 0, 100000);
static const struct fg_schema doc_texts = FG_ARRAY(&short_text, 0, 10000);
static const struct fg_field net_of_fields[] = {{"standard", &fg_schema_money, "Taxed", FG_REQUIRED},
                                                {"reverse_charge", &fg_schema_money, "Taxed by the customer", FG_REQUIRED},
                                                {"outside_scope", &fg_schema_money, "Not taxed", FG_REQUIRED}};
static const struct fg_schema net_of = FG_OBJECT("DocumentNet", "Net by treatment", net_of_fields);
static const struct fg_field document_fields[] = {
    {"id", &fg_schema_id, "Document", FG_REQUIRED},             {"number", &short_text, "Number", FG_REQUIRED},
    {"kind", &short_text, "Kind", FG_REQUIRED},                 {"direction", &short_text, "Direction", FG_REQUIRED},
    {"title", &short_text, "Title", FG_REQUIRED},               {"issued", &fg_schema_date, "Issued", FG_REQUIRED},
    {"due", &fg_schema_date, "Due", FG_REQUIRED},               {"delivery_from", &fg_schema_date, "First day", FG_REQUIRED},
    {"delivery_until", &fg_schema_date, "Last day", FG_REQUIRED}, {"currency", &fg_schema_currency, "Currency", FG_REQUIRED},
    {"supplier", &doc_party, "Supplier", FG_REQUIRED},          {"customer", &doc_party, "Customer", FG_REQUIRED},
    {"changes", &doc_texts, "Earlier documents that it changes", FG_REQUIRED}, {"lines", &doc_lines, "Lines", FG_REQUIRED},
    {"net_of", &net_of, "Net by treatment", FG_REQUIRED},       {"rounding", &fg_schema_money, "Net less the sum of the lines", FG_REQUIRED},
    {"net", &fg_schema_money, "Net", FG_REQUIRED},              {"tax_rate", &share, "Rate", FG_REQUIRED},
    {"tax", &fg_schema_money, "Tax", FG_REQUIRED},              {"gross", &fg_schema_money, "Total", FG_REQUIRED},
    {"notes", &doc_texts, "Words that the law asks for", FG_REQUIRED},
};
static const struct fg_schema document_schema = FG_OBJECT("Document", "An invoice as it was issued", document_fields);
static const struct fg_response document_responses[] = {{200, "Document", &document_schema, NULL, NULL}, {0}};

static enum fg_code put_document(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_text json = {0}, made = {0};
    int64_t id;
    const char *path = fg_call_operation(call)->path, *tail = strrchr(path, '/');
    enum fg_code code = fg_call_id(call, "document", FG_ID_DOCUMENT, &id, err);
    if (code == FG_OK)
        code = fg_bill_content(registry, id, &json, err);
    if (code == FG_OK && strcmp(tail, "/csv") == 0) {
        if ((code = fg_bill_csv(json.data, &made, err)) == FG_OK)
            fg_call_bytes(call, 200, "text/csv; charset=utf-8", made.data, made.length);
    } else if (code == FG_OK && strcmp(tail, "/pdf") == 0) {
        if ((code = fg_bill_pdf(json.data, &made, err)) == FG_OK)
            fg_call_bytes(call, 200, "application/pdf", made.data, made.length);
    } else if (code == FG_OK) {
        fg_call_bytes(call, 200, "application/json", json.data, json.length);
    }
    fg_text_release(&json);
    fg_text_release(&made);
    return code;
}
static enum fg_code get_document(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_document, err);
}

static const struct fg_field payment_fields[] = {
    {"amount", &fg_schema_money, "In the direction of the document's total", FG_REQUIRED},
    {"day", &fg_schema_date, "Day of the payment", FG_REQUIRED},
    {"reference", &fg_schema_name, "Of the bank", FG_REQUIRED},
};
static const struct fg_schema payment_schema = FG_OBJECT("NewPayment", "A payment", payment_fields);
static enum fg_code take_payment(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t bill, places, id, unit = 1, amount_u = fg_member_decimal(&body, "amount", 6, 0);
    enum fg_code code = fg_call_id(call, "document", FG_ID_DOCUMENT, &bill, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_query_number(registry->store, &places, err, "SELECT decimals FROM bill WHERE id = $1", "i", bill),
                                 FG_ID_DOCUMENT, bill, "document of yours", err);
    if (code != FG_OK)
        return code;
    for (; places < 6; places++)
        unit *= 10;
    if (amount_u % unit != 0)
        return fg_fail(err, FG_ERR_VALUE, "#/amount", "the amount is not whole in the currency's smallest unit");
    code = fg_bill_pay(registry, bill, amount_u / unit, fg_call_date(fg_member_text(&body, "day", "")),
                       fg_member_text(&body, "reference", ""), &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_PAYMENT, id);
    return code;
}
static enum fg_code record_payment(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_payment, err);
}

static const struct fg_param journal_query[] = {{"from", &fg_schema_date, "First day", true},
                                                {"until", &fg_schema_date, "Day after the last", true},
                                                {0}};
static enum fg_code put_journal(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_text csv = {0};
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_journal_csv(registry, area, fg_call_date(fg_call_text(call, "from")), fg_call_date(fg_call_text(call, "until")),
                              &csv, err);
    if (code == FG_OK)
        fg_call_bytes(call, 200, "text/csv; charset=utf-8", csv.data, csv.length);
    fg_text_release(&csv);
    return code;
}
static enum fg_code get_journal(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_journal, err);
}

#define SETTLEMENT .api = FG_API_ATP, .tag = "Settlement"
static const struct fg_operation operations[] = {
    {.id = "set-settlement-rule", .method = FG_PUT, .path = "/v1/areas/{area}/settlement-rule", SETTLEMENT,
     .summary = "Set how an area settles", .right = "settlements.run", .path_params = area_path, .request = &rule_schema,
     .request_example = RULE_EXAMPLE, .responses = done_responses, .handle = set_rule},
    {.id = "compute-settlement", .method = FG_POST, .path = "/v1/areas/{area}/settlements", SETTLEMENT, .summary = "Settle a day",
     .description = "Makes a new run from what is known now. Nothing is booked before its release.", .right = "settlements.run",
     .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path, .request = &day_schema, .request_example = "{\"day\": \"2025-11-24\"}",
     .responses = made_responses, .handle = compute_settlement},
    {.id = "list-settlements", .method = FG_GET, .path = "/v1/areas/{area}/settlements", SETTLEMENT, .summary = "Settlement runs",
     .right = "settlements.read", .flags = FG_OP_PAGED, .path_params = area_path, .responses = run_responses, .handle = fg_rows_list, .rows = &runs_rows},
    {.id = "get-statement", .method = FG_GET, .path = "/v1/settlements/{run}/statement", SETTLEMENT, .summary = "Statement, trade by trade",
     .right = "settlements.read", .flags = FG_OP_PAGED, .path_params = run_path, .responses = line_responses, .handle = fg_rows_list, .rows = &statement_rows},
    {.id = "list-transfers", .method = FG_GET, .path = "/v1/settlements/{run}/transfers", SETTLEMENT,
     .summary = "Energy between balance responsible parties", .right = "settlements.read", .flags = FG_OP_PAGED, .path_params = run_path,
     .responses = transfer_responses, .handle = fg_rows_list, .rows = &transfers_rows},
    {.id = "list-settlement-units", .method = FG_GET, .path = "/v1/settlements/{run}/units", SETTLEMENT,
     .summary = "What portfolios owed and did, unit by unit",
     .description = "Trades and calls of the balancing market together. The market operator sees all, others their portfolios in released runs.",
     .right = "settlements.read", .flags = FG_OP_PAGED, .path_params = run_path, .responses = unit_responses, .handle = fg_rows_list,
     .rows = &units_rows},
    {.id = "list-settlement-inputs", .method = FG_GET, .path = "/v1/settlements/{run}/inputs", SETTLEMENT,
     .summary = "What a run was computed from", .right = "settlements.read", .flags = FG_OP_PAGED, .path_params = run_path,
     .responses = input_responses, .handle = fg_rows_list, .rows = &inputs_rows},
    {.id = "ask-settlement-release", .method = FG_POST, .path = "/v1/settlements/{run}/release-request", SETTLEMENT,
     .summary = "Ask for the release of a run", .description = "The answer is the approval that another user has to confirm.",
     .right = "settlements.run", .flags = FG_KEY_IN_TRANSACTION, .path_params = run_path, .responses = made_responses, .handle = ask_release},
    {.id = "release-settlement", .method = FG_POST, .path = "/v1/settlements/{run}/release", SETTLEMENT, .summary = "Release a run",
     .description = "Books the difference to the run of the day that was released before.", .right = "settlements.run",
     .flags = FG_KEY_IN_TRANSACTION, .path_params = run_path, .request = &release_schema, .request_example = "{\"approval\": \"apv-1\"}",
     .responses = done_responses, .handle = release_settlement},
    {.id = "raise-dispute", .method = FG_POST, .path = "/v1/settlements/{run}/disputes", SETTLEMENT, .summary = "Dispute a trade's settlement",
     .right = "disputes.raise", .flags = FG_KEY_IN_TRANSACTION, .path_params = run_path, .request = &new_dispute,
     .request_example = "{\"trade\": \"trd-1\", \"claim\": \"the meter was wrong\"}", .responses = made_responses, .handle = raise_dispute},
    {.id = "list-disputes", .method = FG_GET, .path = "/v1/disputes", SETTLEMENT, .summary = "Disputes", .right = "settlements.read",
     .flags = FG_OP_PAGED, .responses = dispute_responses, .handle = fg_rows_list, .rows = &disputes_rows},
    {.id = "decide-dispute", .method = FG_POST, .path = "/v1/disputes/{dispute}/decision", SETTLEMENT, .summary = "Decide a dispute",
     .right = "disputes.decide", .flags = FG_KEY_IN_TRANSACTION, .path_params = dispute_path, .request = &decision_schema,
     .request_example = "{\"uphold\": true, \"answer\": \"the meter is being corrected\"}", .responses = done_responses,
     .handle = decide_dispute},
    {.id = "withdraw-dispute", .method = FG_DELETE, .path = "/v1/disputes/{dispute}", SETTLEMENT, .summary = "Withdraw a dispute",
     .right = "disputes.raise", .path_params = dispute_path, .responses = done_responses, .handle = withdraw_dispute},
    {.id = "issue-documents", .method = FG_POST, .path = "/v1/areas/{area}/documents", SETTLEMENT, .summary = "Issue what is due for a month",
     .right = "documents.issue", .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path, .request = &issue_schema,
     .request_example = "{\"year\": 2025, \"month\": 11}", .responses = issued_responses, .handle = issue_documents},
    {.id = "list-documents", .method = FG_GET, .path = "/v1/documents", SETTLEMENT, .summary = "Invoices", .right = "documents.read",
     .flags = FG_OP_PAGED, .responses = head_responses, .handle = list_documents},
    {.id = "get-document", .method = FG_GET, .path = "/v1/documents/{document}", SETTLEMENT, .summary = "An invoice", .right = "documents.read",
     .path_params = document_path, .responses = document_responses, .handle = get_document},
    {.id = "get-document-csv", .method = FG_GET, .path = "/v1/documents/{document}/csv", SETTLEMENT, .summary = "An invoice as CSV",
     .right = "documents.read", .path_params = document_path, .responses = csv_responses, .handle = get_document},
    {.id = "get-document-pdf", .method = FG_GET, .path = "/v1/documents/{document}/pdf", SETTLEMENT, .summary = "An invoice as PDF",
     .right = "documents.read", .path_params = document_path, .responses = pdf_responses, .handle = get_document},
    {.id = "record-payment", .method = FG_POST, .path = "/v1/documents/{document}/payments", SETTLEMENT, .summary = "Record a payment",
     .right = "documents.issue", .flags = FG_KEY_IN_TRANSACTION | FG_OP_KEY_REQUIRED, .path_params = document_path, .request = &payment_schema,
     .request_example = "{\"amount\": \"13.54\", \"day\": \"2025-12-20\", \"reference\": \"2025-4711\"}", .responses = made_responses,
     .handle = record_payment},
    {.id = "export-journal", .method = FG_GET, .path = "/v1/areas/{area}/journal", SETTLEMENT, .summary = "The journal for accounting, as CSV",
     .right = "documents.issue", .path_params = area_path, .query_params = journal_query, .responses = csv_responses, .handle = get_journal},
};
const struct fg_operation_set fg_settlement_operations = FG_OPERATIONS(operations);
