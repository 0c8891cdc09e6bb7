/* Operations of forwarding: balancing markets, bids and what became of them, commands of system operator and owner. */
#include "api/operations_gateway.h"

#include "api/rows.h"
#include "api/trading_call.h"
#include "atp/query.h"
#include "base/date.h"
#include "gateway/forward.h"
#include "gateway/market.h"

#include <stdio.h>
#include <string.h>

#define FORWARDING .api = FG_API_ATP, .tag = "Forwarding"

static const char *const state_words[] = {"prepared", "sent", "accepted", "returning", "activated", "returned", "refused", "expired", NULL};
static const struct fg_schema control_area_text = FG_TEXT(1, 40);
static const struct fg_schema short_text = FG_TEXT(0, 400);
static const struct fg_schema key_text = {.kind = FG_SCHEMA_SECRET, .min_length = 1, .max_length = 256};
static const struct fg_schema url_text = FG_TEXT(8, 2000);
static const struct fg_schema seconds = FG_INTEGER(0, 86400);
static const struct fg_schema state_schema = FG_ENUM("ForwardingState", "State of a bid at the balancing market", state_words);
static const struct fg_param market_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"control_area", &control_area_text, "Control area", true}, {0}};
static const struct fg_param forwarding_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"forwarding", &fg_schema_id, "Bid", true}, {0}};
static const struct fg_param order_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"order", &fg_schema_id, "Order", true}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response asked_responses[] = {{202, "Asked back; the market's word decides", NULL, NULL, NULL}, {0}};

static struct fg_forward forward_of(struct fg_call *call, int64_t area)
{
    return (struct fg_forward){.exchange = trading_application(call)->exchange, .area = area,
                               .actor = fg_actor_of(fg_call_principal(call))};
}
static int64_t party_of(const struct fg_call *call)
{
    struct fg_actor actor = fg_actor_of(fg_call_principal(call));
    return fg_actor_party(&actor);
}
static void wake(struct fg_call *call)
{
    fg_gateway_wake(trading_application(call)->gateway);
}

/* ---- markets ---- */
static const struct fg_field market_fields[] = {
    {"name", &fg_schema_name, "Of the balancing market", FG_REQUIRED},
    {"url", &url_text, "Base address of its interface, https", FG_REQUIRED},
    {"key", &key_text, "API key there; absent: as before, at the same address", 0},
    {"bid_minimum", &fg_schema_power_positive, "Least quantity of a bid", FG_REQUIRED},
    {"lead_seconds", &seconds, "Activations come at the latest so long before delivery", FG_REQUIRED},
    {"grace_seconds", &seconds, "... and are heard so much later", FG_REQUIRED},
    {"enabled", &fg_schema_boolean, "Whether marked offers are forwarded to it", FG_REQUIRED},
};
static const struct fg_schema market_entry = FG_OBJECT("BalancingMarketEntry", "A balancing market and how it is reached", market_fields);

static enum fg_code take_market(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_market_entry entry = {.control_area = fg_call_text(call, "control_area"),
                                    .name = fg_member_text(&body, "name", ""),
                                    .url = fg_member_text(&body, "url", ""),
                                    .key = fg_member_text(&body, "key", NULL),
                                    .bid_min_w = fg_member_decimal(&body, "bid_minimum", 6, 0)};
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &entry.area, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "lead_seconds", &entry.lead_s, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "grace_seconds", &entry.grace_s, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&body, "enabled", false, &entry.enabled, err);
    if (code == FG_OK)
        code = fg_market_connect(registry, &trading_application(call)->outbound, &entry, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code connect_market(struct fg_call *call, struct fg_error *err)
{
    enum fg_code code = fg_call_change(call, take_market, err);
    if (code == FG_OK) {
        fg_exchange_refresh(trading_application(call)->exchange);
        wake(call);
    }
    return code;
}

static const struct fg_field market_seen_fields[] = {
    {"control_area", &control_area_text, "Control area", FG_REQUIRED},
    {"operator", &fg_schema_id, "Its transmission system operator", FG_REQUIRED},
    {"name", &fg_schema_name, "Of the market", FG_REQUIRED},
    {"bid_minimum", &fg_schema_power, "Least quantity of a bid", FG_REQUIRED},
    {"lead_seconds", &seconds, "Activations come at the latest so long before delivery", FG_REQUIRED},
    {"grace_seconds", &seconds, "... and are heard so much later", FG_REQUIRED},
    {"enabled", &fg_schema_boolean, "Whether offers are forwarded to it", FG_REQUIRED},
    {"contacted_at", &fg_schema_instant, "It answered last, to the minute", FG_REQUIRED | FG_NULLABLE},
    {"failing_since", &fg_schema_instant, "It does not answer since", FG_REQUIRED | FG_NULLABLE},
    {"url", &url_text, "For its operator and who sees all", FG_REQUIRED | FG_NULLABLE},
    {"failure", &short_text, "For its operator and who sees all: the last failure", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema market_seen = FG_OBJECT("BalancingMarket", "A balancing market", market_seen_fields);
FG_PAGE_SCHEMA(market_page, &market_seen, "BalancingMarketPage", "Balancing markets");
static const struct fg_response market_responses[] = {
    {200, "Markets", &market_page, NULL,
     "{\"items\":[{\"control_area\":\"GR\",\"operator\":\"org-9\",\"name\":\"Balancing market\",\"bid_minimum\":\"1\",\"lead_seconds\":900,"
     "\"grace_seconds\":60,\"enabled\":true,\"contacted_at\":\"2025-03-29T12:00:00Z\",\"failing_since\":null,\"url\":null,\"failure\":null}],"
     "\"next\":null}"},
    {0}};
static const struct fg_column market_columns[] = {
    {"control_area", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"operator", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
    {"name", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"bid_minimum", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"lead_seconds", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"grace_seconds", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
    {"enabled", FG_COLUMN_BOOLEAN, FG_ID_AREA, NULL}, {"contacted_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"failing_since", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"url", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"failure", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {0}};
static const struct fg_rows markets_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY m.control_area) AS place, m.control_area, m.organisation_id, "
    "m.name, m.bid_min_w, m.lead_s, m.grace_s, m.enabled, m.contacted_us, m.failing_since_us, CASE WHEN $2 = 1 OR "
    "m.organisation_id = $1 THEN m.url END AS seen_url, CASE WHEN $2 = 1 OR m.organisation_id = $1 THEN m.failure END "
    "AS seen_failure FROM balancing_market m WHERE m.area_id = $5) AS markets WHERE place > $3 ORDER BY place LIMIT $4",
    market_columns, "area", FG_ID_AREA};

/* ---- bids ---- */
static const struct fg_field bid_fields[] = {
    {"id", &fg_schema_id, "Bid", FG_REQUIRED},
    {"control_area", &control_area_text, "Control area", FG_REQUIRED},
    {"state", &state_schema, "See docs/gateway.md", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"location", &fg_schema_id, "Zone", FG_REQUIRED},
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"periods", &fg_schema_count, "Number of delivery periods", FG_REQUIRED},
    {"quantity", &fg_schema_power, "In each period", FG_REQUIRED},
    {"minimum", &fg_schema_power, "Least that may be called", FG_REQUIRED},
    {"called", &fg_schema_power, "Called and confirmed", FG_REQUIRED},
    {"price", &fg_schema_price, "Of its dearest member", FG_REQUIRED},
    {"deadline", &fg_schema_instant, "Last instant of an activation", FG_REQUIRED},
    {"market_bid", &short_text, "Its number at the market", FG_REQUIRED | FG_NULLABLE},
    {"reason", &short_text, "Of its state", FG_REQUIRED | FG_NULLABLE},
    {"changed_at", &fg_schema_instant, "In this state since", FG_REQUIRED},
    {"own", &fg_schema_power, "Quantity of one's own members", FG_REQUIRED},
    {"own_called", &fg_schema_power, "Called of one's own members", FG_REQUIRED},
};
#define BID_EXAMPLE                                                                                                    \
    "{\"id\":\"fwd-7\",\"control_area\":\"GR\",\"state\":\"accepted\",\"regulation\":\"up\",\"location\":\"loc-2\",\"start\":"       \
    "\"2025-03-29T12:00:00Z\",\"periods\":1,\"quantity\":\"1.5\",\"minimum\":\"0\",\"called\":\"0.5\",\"price\":\"85.5\",\"deadline\":" \
    "\"2025-03-29T11:45:00Z\",\"market_bid\":\"bid-3\",\"reason\":null,\"changed_at\":\"2025-03-29T10:45:01Z\",\"own\":\"0.5\","      \
    "\"own_called\":\"0.167\"}"
static const struct fg_schema bid_schema = FG_OBJECT("Forwarding", "A bid at the balancing market", bid_fields);
FG_PAGE_SCHEMA(bid_page, &bid_schema, "ForwardingPage", "Bids");
static const struct fg_response bid_responses[] = {{200, "Bids", &bid_page, NULL, "{\"items\":[" BID_EXAMPLE "],\"next\":null}"}, {0}};
static const struct fg_column bid_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_FORWARDING, NULL}, {"control_area", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"state", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"regulation", FG_COLUMN_WORD, FG_ID_AREA, trading_direction_words},
    {"location", FG_COLUMN_ID, FG_ID_LOCATION, NULL}, {"start", FG_COLUMN_SECONDS, FG_ID_AREA, NULL},
    {"periods", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"quantity", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"minimum", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"called", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"price", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"deadline", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"market_bid", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"changed_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"own", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"own_called", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {0}};
/* Its system operator, owners of members, and who sees all. */
#define SEEN_BID                                                                                                       \
    "($2 = 1 OR m.organisation_id = $1 OR EXISTS (SELECT 1 FROM forward_member o WHERE o.bid_id = b.id AND o.organisation_id = $1))"
static const struct fg_rows bids_rows = {
    "SELECT b.id, b.id, b.control_area, b.state, b.regulation, b.location_id, b.first_period * a.period_s, b.period_count, "
    "b.quantity_w, b.least_w, b.called_w, b.price_u, b.deadline_us, b.market_bid, b.reason, b.changed_us, COALESCE((SELECT "
    "CAST(SUM(o.quantity_w) AS BIGINT) FROM forward_member o WHERE o.bid_id = b.id AND o.organisation_id = $1), 0), COALESCE((SELECT "
    "CAST(SUM(o.called_w) AS BIGINT) FROM forward_member o WHERE o.bid_id = b.id AND o.organisation_id = $1), 0) FROM forward_bid b JOIN area "
    "a ON a.id = b.area_id JOIN balancing_market m ON m.area_id = b.area_id AND m.control_area = b.control_area WHERE "
    "b.area_id = $5 AND b.id > $3 AND " SEEN_BID " ORDER BY b.id LIMIT $4",
    bid_columns, "area", FG_ID_AREA};

static const struct fg_field member_fields[] = {
    {"order", &fg_schema_id, "Offer", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Its portfolio", FG_REQUIRED},
    {"quantity", &fg_schema_power, "In the bid", FG_REQUIRED},
    {"price", &fg_schema_price, "Its price step", FG_REQUIRED},
    {"called", &fg_schema_power, "Called of it", FG_REQUIRED},
};
static const struct fg_schema member_schema = FG_OBJECT("ForwardingMember", "An offer's part of a bid", member_fields);
FG_PAGE_SCHEMA(member_page, &member_schema, "ForwardingMemberPage", "Members of a bid, in the order of calling");
static const struct fg_response member_responses[] = {
    {200, "Members; sellers see their own", &member_page, NULL,
     "{\"items\":[{\"order\":\"ord-15\",\"portfolio\":\"pf-10\",\"quantity\":\"0.5\",\"price\":\"85.5\",\"called\":\"0.167\"}],\"next\":null}"},
    {0}};
static const struct fg_column member_columns[] = {
    {"order", FG_COLUMN_ID, FG_ID_ORDER, NULL}, {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},
    {"quantity", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"price", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"called", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {0}};
static const struct fg_rows members_rows = {
    "SELECT p.place, p.order_id, p.portfolio_id, p.quantity_w, p.price_u, p.called_w FROM forward_member p JOIN forward_bid b "
    "ON b.id = p.bid_id JOIN balancing_market m ON m.area_id = b.area_id AND m.control_area = b.control_area WHERE p.bid_id = "
    "$5 AND p.place > $3 AND ($2 = 1 OR m.organisation_id = $1 OR p.organisation_id = $1) ORDER BY p.place LIMIT $4",
    member_columns, "forwarding", FG_ID_FORWARDING};

static const char *const verdict_words[] = {"confirmed", "reduced", "refused", NULL};
static const struct fg_schema verdict = FG_ENUM("CallVerdict", "What the platform answered to the market", verdict_words);
static const struct fg_field call_fields[] = {
    {"activation", &short_text, "Its number at the market", FG_REQUIRED},
    {"forwarding", &fg_schema_id, "Bid; null: there is no such bid", FG_REQUIRED | FG_NULLABLE},
    {"wanted", &fg_schema_power, "What the market called", FG_REQUIRED},
    {"confirmed", &fg_schema_power, "What was confirmed", FG_REQUIRED},
    {"verdict", &verdict, "Confirmed in whole, in part, or not", FG_REQUIRED},
    {"reason", &short_text, "Why not all of it", FG_REQUIRED | FG_NULLABLE},
    {"called_at", &fg_schema_instant, "By the market's clock", FG_REQUIRED},
    {"received_at", &fg_schema_instant, "By the platform's", FG_REQUIRED},
    {"told_at", &fg_schema_instant, "The market has the answer; null: it is still to be sent", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema call_schema = FG_OBJECT("Activation", "A call of the balancing market", call_fields);
FG_PAGE_SCHEMA(call_page, &call_schema, "ActivationPage", "Calls");
static const struct fg_response call_responses[] = {
    {200, "Calls, also late and refused ones", &call_page, NULL,
     "{\"items\":[{\"activation\":\"act-2\",\"forwarding\":\"fwd-7\",\"wanted\":\"0.5\",\"confirmed\":\"0.5\",\"verdict\":\"confirmed\","
     "\"reason\":null,\"called_at\":\"2025-03-29T11:30:00Z\",\"received_at\":\"2025-03-29T11:30:01Z\",\"told_at\":null}],\"next\":null}"},
    {0}};
static const struct fg_column call_columns[] = {
    {"activation", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"forwarding", FG_COLUMN_ID, FG_ID_FORWARDING, NULL},
    {"wanted", FG_COLUMN_MICRO, FG_ID_AREA, NULL}, {"confirmed", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
    {"verdict", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"called_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"received_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"told_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {0}};
static const struct fg_rows calls_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY t.received_us, t.control_area, t.connection, t.market_activation) AS place, "
    "t.market_activation, CASE WHEN t.bid_id > 0 THEN t.bid_id END AS bid, t.wanted_w, t.confirmed_w, t.verdict, t.reason, "
    "t.activated_us, t.received_us, t.told_us FROM forward_activation t JOIN balancing_market m ON m.area_id = t.area_id AND "
    "m.control_area = t.control_area WHERE t.area_id = $5 AND ($2 = 1 OR m.organisation_id = $1)) AS calls WHERE place > $3 "
    "ORDER BY place LIMIT $4",
    call_columns, "area", FG_ID_AREA};

/* ---- commands ---- */
static const struct fg_field periods_fields[] = {
    {"control_area", &control_area_text, "One's own control area", FG_REQUIRED},
    {"from", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"to", &fg_schema_instant, "End of the last one; at most a day later", FG_REQUIRED},
};
static const struct fg_schema periods_schema = FG_OBJECT("ForwardOffers", "Which marked offers are locked for the market now", periods_fields);
static const struct fg_field locked_fields[] = {{"locked", &fg_schema_count, "Offers locked; 500 at most, repeat then", FG_REQUIRED}};
static const struct fg_schema locked_schema = FG_OBJECT("LockedOffers", "Offers on their way to the balancing market", locked_fields);
static const struct fg_response locked_responses[] = {{200, "Locked", &locked_schema, NULL, "{\"locked\":12}"}, {0}};

static enum fg_code own_control_area(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_control_area_require(registry, area, fg_member_text(&body, "control_area", ""), true, err) : code;
}

static enum fg_code forward_offers(struct fg_call *call, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct trading_party party;
    size_t locked = 0;
    enum fg_code code = fg_call_read(call, own_control_area, err);
    if (code == FG_OK)
        code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    int64_t from = fg_member_instant(&body, "from", 0), to = fg_member_instant(&body, "to", 0), period_s = party.facts->period_s;
    if (from % period_s != 0 || to % period_s != 0 || to <= from || to - from > 90000)
        code = fg_fail(err, FG_ERR_VALUE, "#/to", "give whole delivery periods of at most 25 hours");
    struct fg_forward forward = forward_of(call, party.area);
    if (code == FG_OK)
        code = fg_forward_periods(&forward, fg_member_text(&body, "control_area", ""), (int32_t)(from / period_s), (int32_t)(to / period_s),
                                  &locked, err);
    trading_party_release(&party);
    if (code != FG_OK)
        return code;
    wake(call);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "locked", (int64_t)locked);
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code return_forwarding(struct fg_call *call, struct fg_error *err)
{
    int64_t area, bid;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "forwarding", FG_ID_FORWARDING, &bid, err);
    if (code != FG_OK)
        return code;
    struct fg_forward forward = forward_of(call, area);
    if ((code = fg_forward_withdraw(&forward, party_of(call), bid, err)) == FG_OK) {
        wake(call);
        fg_call_empty(call, 202);
    }
    return code;
}

typedef enum fg_code order_command(const struct fg_forward *forward, int64_t party, uint64_t order, struct fg_error *err);
static enum fg_code command_order(struct fg_call *call, order_command *command, int status, struct fg_error *err)
{
    int64_t area, order;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "order", FG_ID_ORDER, &order, err);
    if (code != FG_OK)
        return code;
    struct fg_forward forward = forward_of(call, area);
    if ((code = command(&forward, party_of(call), (uint64_t)order, err)) == FG_OK) {
        wake(call);
        fg_call_empty(call, status);
    }
    return code;
}
static enum fg_code forward_order(struct fg_call *call, struct fg_error *err)
{
    return command_order(call, fg_forward_order, 204, err);
}
static enum fg_code recall_order(struct fg_call *call, struct fg_error *err)
{
    return command_order(call, fg_forward_withdraw_order, 202, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "connect-balancing-market", .method = FG_PUT, .path = "/v1/areas/{area}/control-areas/{control_area}/market", FORWARDING,
     .summary = "Connect the balancing market of one's control area",
     .description = "The market speaks the interface of docs/gateway.md. From then on offers marked `forward_to_tso` in the control area are "
                    "locked for it when their gate closes. Another address is another market: give its key too.",
     .right = "forwarding.manage", .path_params = market_path, .request = &market_entry,
     .request_example = "{\"name\":\"Balancing market\",\"url\":\"https://balancing.example\",\"key\":\"secret\",\"bid_minimum\":\"1\","
                        "\"lead_seconds\":900,\"grace_seconds\":60,\"enabled\":true}",
     .responses = done_responses, .handle = connect_market},
    {.id = "list-balancing-markets", .method = FG_GET, .path = "/v1/areas/{area}/balancing-markets", FORWARDING,
     .summary = "Balancing markets of an area", .right = "forwarding.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .responses = market_responses, .handle = fg_rows_list, .rows = &markets_rows},
    {.id = "list-forwardings", .method = FG_GET, .path = "/v1/areas/{area}/forwardings", FORWARDING, .summary = "Bids at the balancing market",
     .description = "The system operator sees those of its control areas, sellers those with an offer of theirs.", .right = "forwarding.read",
     .flags = FG_OP_PAGED, .path_params = trading_area_path, .responses = bid_responses, .handle = fg_rows_list, .rows = &bids_rows},
    {.id = "list-forwarding-members", .method = FG_GET, .path = "/v1/areas/{area}/forwardings/{forwarding}/members", FORWARDING,
     .summary = "Offers in a bid", .right = "forwarding.read", .flags = FG_OP_PAGED, .path_params = forwarding_path,
     .responses = member_responses, .handle = fg_rows_list, .rows = &members_rows},
    {.id = "list-activations", .method = FG_GET, .path = "/v1/areas/{area}/activations", FORWARDING, .summary = "Calls of the balancing market",
     .right = "forwarding.read", .flags = FG_OP_PAGED, .path_params = trading_area_path, .responses = call_responses, .handle = fg_rows_list, .rows = &calls_rows},
    {.id = "forward-offers", .method = FG_POST, .path = "/v1/areas/{area}/forwardings", FORWARDING,
     .summary = "Lock marked offers for the balancing market before their gate", .right = "forwarding.manage", .flags = FG_OP_AT_OWNER | FG_OP_IDEMPOTENT,
     .path_params = trading_area_path, .request = &periods_schema,
     .request_example = "{\"control_area\":\"GR\",\"from\":\"2025-03-29T12:00:00Z\",\"to\":\"2025-03-29T13:00:00Z\"}",
     .responses = locked_responses, .handle = forward_offers},
    {.id = "return-forwarding", .method = FG_POST, .path = "/v1/areas/{area}/forwardings/{forwarding}/return", FORWARDING,
     .summary = "Ask a bid back from the balancing market", .right = "forwarding.manage", .flags = FG_OP_AT_OWNER | FG_OP_IDEMPOTENT,
     .path_params = forwarding_path, .responses = asked_responses, .handle = return_forwarding},
    {.id = "forward-order", .method = FG_POST, .path = "/v1/areas/{area}/orders/{order}/forward", FORWARDING,
     .summary = "Forward one's own marked offer now", .right = "orders.enter", .flags = FG_OP_AT_OWNER | FG_OP_IDEMPOTENT, .path_params = order_path,
     .responses = done_responses, .handle = forward_order},
    {.id = "recall-order", .method = FG_DELETE, .path = "/v1/areas/{area}/orders/{order}/forward", FORWARDING,
     .summary = "Ask one's own offer back from the balancing market", .right = "orders.enter", .flags = FG_OP_AT_OWNER, .path_params = order_path,
     .responses = asked_responses, .handle = recall_order},
};
const struct fg_operation_set fg_forwarding_operations = FG_OPERATIONS(operations);
