/* Operations of the transmission system operator's view: offers, baselines, forecasts and bids of a control area in sum, and one's own
 * requests in all areas. */
#include "api/operations_gateway.h"

#include "api/registry_call.h"
#include "api/trading_call.h"
#include "atp/metering.h"
#include "gateway/market.h"
#include "gateway/tso_view.h"

#define VIEW .api = FG_API_ATP, .tag = "System operator"

static const char *const state_words[] = {"prepared", "sent", "accepted", "returning", "activated", "returned", "refused", "expired", NULL};
static const struct fg_schema control_area_text = FG_TEXT(1, 40);
static const struct fg_schema state_schema = FG_ENUM(NULL, NULL, state_words);
static const struct fg_param path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"control_area", &control_area_text, "Control area", true}, {0}};
static const struct fg_param window_query[] = {{"from", &fg_schema_instant, "First delivery period", true},
                                               {"to", &fg_schema_instant, "End of the last one; at most 100 periods", true},
                                               {0}};

typedef enum fg_code view(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out, struct fg_error *err);

static enum fg_code put_view(struct fg_call *call, struct fg_registry *registry, view *put, struct fg_error *err)
{
    struct fg_tso_window window = {.control_area = fg_call_text(call, "control_area")};
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &window.area, err);
    if (code == FG_OK)
        code = fg_control_area_require(registry, window.area, window.control_area, false, err);
    if (code == FG_OK)
        code = fg_area_period(registry->store, window.area, &window.period_s, NULL, err);
    if (code != FG_OK)
        return code;
    int64_t from = fg_call_instant(call, "from", 0), to = fg_call_instant(call, "to", 0);
    window.first = from / window.period_s;
    window.end = to / window.period_s;
    if (from < 0 || from % window.period_s != 0 || to % window.period_s != 0 || to <= from || window.end - window.first > FG_TSO_PERIODS_MAX)
        return fg_fail(err, FG_ERR_VALUE, "?to", "give the bounds of at most %d delivery periods", FG_TSO_PERIODS_MAX);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    code = put(registry, &window, out, err);
    fg_json_end_object(out);
    return code;
}

/* ---- offers ---- */
static const struct fg_field step_fields[] = {
    {"price", &fg_schema_price, "Asked", FG_REQUIRED}, {"quantity", &fg_schema_power_positive, "Open at this price", FG_REQUIRED}};
static const struct fg_schema step_schema = FG_OBJECT("MeritStep", "A price of the merit order", step_fields);
static const struct fg_schema steps = FG_ARRAY(&step_schema, 0, FG_TSO_STEPS_MAX);
static const struct fg_field side_fields[] = {
    {"offers", &fg_schema_count, "Open offers", FG_REQUIRED},
    {"volume", &fg_schema_power, "Their sum", FG_REQUIRED},
    {"forwardable", &fg_schema_power, "Of those that may be forwarded", FG_REQUIRED},
    {"merit_order", &steps, "Cheapest first; the last step may hold all that is dearer", FG_REQUIRED},
};
static const struct fg_schema side_schema = FG_OBJECT("OfferedDirection", "Offers of a direction", side_fields);
static const struct fg_field offered_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"up", &side_schema, "More net injection", FG_REQUIRED},
    {"down", &side_schema, "Less net injection", FG_REQUIRED},
};
static const struct fg_schema offered_schema = FG_OBJECT("OfferedPeriod", "Offers in a delivery period", offered_fields);
static const struct fg_schema offered_list = FG_ARRAY(&offered_schema, 0, FG_TSO_PERIODS_MAX);
static const struct fg_field offers_fields[] = {{"periods", &offered_list, "By delivery period", FG_REQUIRED}};
static const struct fg_schema offers_schema = FG_OBJECT("ControlAreaOffers", "Offers of a control area in sum", offers_fields);
static const struct fg_response offers_responses[] = {
    {200, "Offers", &offers_schema, NULL,
     "{\"periods\":[{\"start\":\"2025-03-29T12:00:00Z\",\"up\":{\"offers\":2,\"volume\":\"1.5\",\"forwardable\":\"0.5\",\"merit_order\":[{\"price\":\"50\","
     "\"quantity\":\"1\"},{\"price\":\"60\",\"quantity\":\"0.5\"}]},\"down\":{\"offers\":0,\"volume\":\"0\",\"forwardable\":\"0\",\"merit_order\":[]}}]}"},
    {0}};
static enum fg_code put_offers(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return put_view(call, registry, fg_tso_offers, err);
}
static enum fg_code get_offers(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_offers, err);
}

/* ---- baselines and forecasts ---- */
static const struct fg_field outlook_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"baseline", &fg_schema_power, "Sum of the submitted baselines, as mean power; injection is positive", FG_REQUIRED},
    {"baselines", &fg_schema_count, "Of so many portfolios", FG_REQUIRED},
    {"forecast", &fg_schema_power, "Sum of the latest prognoses and forecasts of assets and portfolios", FG_REQUIRED},
    {"forecasts", &fg_schema_count, "Of so many assets and portfolios", FG_REQUIRED},
};
static const struct fg_schema outlook_schema = FG_OBJECT("OutlookPeriod", "A delivery period ahead", outlook_fields);
static const struct fg_schema outlook_list = FG_ARRAY(&outlook_schema, 0, FG_TSO_PERIODS_MAX);
static const struct fg_field outlooks_fields[] = {{"periods", &outlook_list, "By delivery period", FG_REQUIRED}};
static const struct fg_schema outlooks_schema = FG_OBJECT("ControlAreaOutlook", "Baselines and forecasts of a control area in sum", outlooks_fields);
static const struct fg_response outlook_responses[] = {
    {200, "Outlook", &outlooks_schema, NULL,
     "{\"periods\":[{\"start\":\"2025-03-29T12:00:00Z\",\"baseline\":\"-3.2\",\"baselines\":4,\"forecast\":\"-1.1\",\"forecasts\":12}]}"},
    {0}};
static enum fg_code put_outlook(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return put_view(call, registry, fg_tso_outlook, err);
}
static enum fg_code get_outlook(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_outlook, err);
}

/* ---- bids ---- */
static const struct fg_field summary_fields[] = {
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"state", &state_schema, "State", FG_REQUIRED},
    {"bids", &fg_schema_count, "So many", FG_REQUIRED},
    {"quantity", &fg_schema_power, "Their sum", FG_REQUIRED},
    {"called", &fg_schema_power, "Called of it", FG_REQUIRED},
};
static const struct fg_schema summary_schema = FG_OBJECT("ForwardingSum", "Bids of a period, direction and state", summary_fields);
static const struct fg_schema summary_list = FG_ARRAY(&summary_schema, 0, 16 * FG_TSO_PERIODS_MAX);
static const struct fg_field summaries_fields[] = {{"items", &summary_list, "By period, direction and state", FG_REQUIRED}};
static const struct fg_schema summaries_schema = FG_OBJECT("ForwardingSummary", "Bids of a control area in sum", summaries_fields);
static const struct fg_response summary_responses[] = {
    {200, "Bids in sum", &summaries_schema, NULL,
     "{\"items\":[{\"start\":\"2025-03-29T12:00:00Z\",\"regulation\":\"up\",\"state\":\"accepted\",\"bids\":3,\"quantity\":\"4.5\",\"called\":\"1\"}]}"},
    {0}};
static enum fg_code put_summary(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return put_view(call, registry, fg_tso_forwardings, err);
}
static enum fg_code get_summary(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_summary, err);
}

/* ---- own requests ---- */
static const struct fg_schema remaining = FG_ARRAY(&fg_schema_power, 0, 40000);
static const struct fg_field request_fields[] = {
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"order", &fg_schema_id, "Request", FG_REQUIRED},
    {"location", &fg_schema_id, "Where", FG_REQUIRED},
    {"product", &trading_product, "Product", FG_REQUIRED},
    {"regulation", &trading_regulation, "Direction", FG_REQUIRED},
    {"kind", &trading_request_kind, "Kind", FG_REQUIRED},
    {"start", &fg_schema_instant, "First delivery period", FG_REQUIRED},
    {"price", &fg_schema_price, "Limit, of the first price point", FG_REQUIRED},
    {"remaining", &remaining, "What is open of it in each period", FG_REQUIRED},
};
static const struct fg_schema request_schema = FG_OBJECT("OwnRequest", "An open request of one's own", request_fields);
static const struct fg_schema request_list = FG_ARRAY(&request_schema, 0, 1000);
static const struct fg_field requests_fields[] = {{"items", &request_list, "Earliest delivery first; at most 1000", FG_REQUIRED}};
static const struct fg_schema requests_schema = FG_OBJECT("OwnRequests", "One's open requests in all areas", requests_fields);
static const struct fg_response requests_responses[] = {
    {200, "Requests", &requests_schema, NULL,
     "{\"items\":[{\"area\":\"area-1\",\"order\":\"ord-15\",\"location\":\"loc-1\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"start\":"
     "\"2025-03-29T12:00:00Z\",\"price\":\"100\",\"remaining\":[\"0.5\"]}]}"},
    {0}};
static enum fg_code put_requests(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    enum fg_code code = fg_own_requests(registry, out, err);
    fg_json_end_object(out);
    return code;
}
static enum fg_code list_requests(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_requests, err);
}

/* ---- the table ---- */
#define CONTROL_AREA "/v1/areas/{area}/control-areas/{control_area}"
static const struct fg_operation operations[] = {
    {.id = "get-control-area-offers", .method = FG_GET, .path = CONTROL_AREA "/offers", VIEW, .summary = "Offers of a control area in sum",
     .description = "By its transmission system operator, the market operator and the regulator.", .right = "forwarding.read", .path_params = path,
     .query_params = window_query, .responses = offers_responses, .handle = get_offers},
    {.id = "get-control-area-outlook", .method = FG_GET, .path = CONTROL_AREA "/outlook", VIEW,
     .summary = "Baselines and forecasts of a control area in sum", .right = "forwarding.read", .path_params = path, .query_params = window_query,
     .responses = outlook_responses, .handle = get_outlook},
    {.id = "get-forwarding-summary", .method = FG_GET, .path = CONTROL_AREA "/forwardings", VIEW, .summary = "Bids of a control area in sum",
     .right = "forwarding.read", .path_params = path, .query_params = window_query, .responses = summary_responses, .handle = get_summary},
    {.id = "list-own-requests", .method = FG_GET, .path = "/v1/own-requests", VIEW, .summary = "One's open requests in all areas",
     .right = "orders.read", .responses = requests_responses, .handle = list_requests},
};
const struct fg_operation_set fg_tso_operations = FG_OPERATIONS(operations);
