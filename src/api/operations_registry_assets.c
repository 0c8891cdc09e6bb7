/* Operations on assets, portfolios, prequalification and readiness. */
#include "api/operations_registry.h"

#include "api/registry_call.h"
#include "atp/asset.h"
#include "atp/portfolio.h"
#include "base/units.h"

#include <string.h>

static const struct fg_response no_content[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const char *const status_words[] = {"pending", "approved", "refused", "suspended", NULL};
static const struct fg_schema status = FG_ENUM(NULL, NULL, status_words);
static const struct fg_schema word = FG_TEXT(1, 60);
static const struct fg_schema capability = FG_DECIMAL(6, 0, 1000000000000);
static const struct fg_field decision_fields[] = {
    {"decision", &fg_schema_decision, "pending: accept, refuse; approved: suspend; suspended: resume", FG_REQUIRED},
    {"reason", &fg_schema_note, "Told to the owner", FG_NULLABLE},
};
static const struct fg_schema decision_schema = FG_OBJECT("ApprovalByOperator", "Decision about an asset or portfolio", decision_fields);
#define DECISION_EXAMPLE "{\"decision\": \"accept\"}"

/* ---- assets ---- */
static const char *const kind_words[] = {"text", "number", "boolean", "instant", NULL};
static const struct fg_schema kind = FG_ENUM(NULL, NULL, kind_words);
static const struct fg_schema number = {.kind = FG_SCHEMA_NUMBER, .number_minimum = -1e15, .number_maximum = 1e15};
static const struct fg_schema text_value = FG_TEXT(0, 500);
#define ATTRIBUTE_HEAD {"name", &fg_schema_id, "Name", FG_REQUIRED}, {"kind", &kind, "Type of the value", FG_REQUIRED}
static const struct fg_field text_fields[] = {ATTRIBUTE_HEAD, {"value", &text_value, "Value", FG_REQUIRED}};
static const struct fg_field number_fields[] = {ATTRIBUTE_HEAD, {"value", &number, "Value", FG_REQUIRED}};
static const struct fg_field boolean_fields[] = {ATTRIBUTE_HEAD, {"value", &fg_schema_boolean, "Value", FG_REQUIRED}};
static const struct fg_field instant_fields[] = {ATTRIBUTE_HEAD, {"value", &fg_schema_instant, "Value", FG_REQUIRED}};
static const struct fg_schema text_attribute = FG_OBJECT("TextAttribute", "An attribute that is a text", text_fields);
static const struct fg_schema number_attribute = FG_OBJECT("NumberAttribute", "An attribute that is a number", number_fields);
static const struct fg_schema boolean_attribute = FG_OBJECT("BooleanAttribute", "An attribute that is true or false", boolean_fields);
static const struct fg_schema instant_attribute = FG_OBJECT("InstantAttribute", "An attribute that is an instant", instant_fields);
static const struct fg_schema *const attribute_variants[] = {&text_attribute, &number_attribute, &boolean_attribute, &instant_attribute, NULL};
static const struct fg_schema attribute = {.kind = FG_SCHEMA_UNION, .name = "AssetAttribute", .description = "A typed extension attribute",
                                           .discriminator = "kind", .variants = attribute_variants};
static const struct fg_schema attributes = FG_ARRAY(&attribute, 0, 100);
static const struct fg_field brp_fields[] = {
    {"brp", &fg_schema_id, "Balance responsible party", FG_REQUIRED}, {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED},
    {"valid_until", &fg_schema_instant, "Until when; null: open", FG_REQUIRED | FG_NULLABLE},
    {"confirmed", &fg_schema_boolean, "It has confirmed; before that it does not count", FG_REQUIRED},
};
static const struct fg_schema brp = FG_OBJECT("BrpAssignment", "Who answers for an asset's balance", brp_fields);
static const struct fg_schema brps = FG_ARRAY(&brp, 0, 10000);
#define ASSET_TERMS(optional)                                                                                          \
    {"technology", &word, "Technology, e.g. battery", FG_REQUIRED}, {"location", &fg_schema_id, "Grid location", FG_REQUIRED}, \
    {"bus", &word, "Bus of the network", optional}, {"metering_point", &word, "Metering point", optional},              \
    {"p_min", &fg_schema_power, "Lowest power; consumption is negative", FG_REQUIRED},                                 \
    {"p_max", &fg_schema_power, "Highest power", FG_REQUIRED},                                                         \
    {"s_max", &fg_schema_power_positive, "Apparent power", FG_REQUIRED},                                               \
    {"energy", &fg_schema_energy, "Energy of a store", optional}, {"attributes", &attributes, "Extension attributes", (optional) & FG_REQUIRED}
static const struct fg_field asset_fields[] = {
    {"id", &fg_schema_id, "Asset", FG_REQUIRED}, {"organisation", &fg_schema_id, "Owner", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED}, {"name", &fg_schema_name, "Name", FG_REQUIRED},
    ASSET_TERMS(FG_REQUIRED | FG_NULLABLE), {"grid_status", &status, "The system operator's word", FG_REQUIRED},
    {"grid_reason", &fg_schema_note, "Its reason", FG_REQUIRED | FG_NULLABLE}, {"created", &fg_schema_instant, "Since when", FG_REQUIRED},
    {"brps", &brps, "Balance responsible parties", FG_REQUIRED}};
static const struct fg_schema asset = FG_OBJECT("Asset", "A flexible asset", asset_fields);
FG_PAGE_SCHEMA(asset_page, &asset, "AssetPage", "Assets");
static const struct fg_field asset_new_fields[] = {{"area", &fg_schema_id, "Market area", FG_REQUIRED},
                                                   {"name", &fg_schema_name, "Name", FG_REQUIRED}, ASSET_TERMS(FG_NULLABLE)};
static const struct fg_schema asset_new = FG_OBJECT("NewAsset", "An asset to be registered", asset_new_fields);
static const struct fg_field asset_terms_fields[] = {ASSET_TERMS(FG_NULLABLE)};
static const struct fg_schema asset_terms = FG_OBJECT("AssetTerms", "What of an asset can change", asset_terms_fields);
static const struct fg_response asset_responses[] = {{200, "The asset", &asset, NULL, NULL}, {0}};
static const struct fg_response asset_created[] = {{201, "Waits for the system operator", &asset, NULL, NULL}, {0}};
static const struct fg_response assets_responses[] = {{200, "A page", &asset_page, NULL, NULL}, {0}};
static const struct fg_param asset_path[] = {{"asset", &fg_schema_id, "Asset", true}, {0}};

static enum fg_code read_asset(struct fg_call *call, struct fg_asset *out, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "attributes");
    int64_t energy = fg_member_decimal(&body, "energy", 10, 0);
    *out = (struct fg_asset){.name = fg_member_text(&body, "name", NULL), .technology = fg_member_text(&body, "technology", ""),
                             .bus = fg_member_text(&body, "bus", NULL), .metering_point = fg_member_text(&body, "metering_point", NULL),
                             .p_min_w = fg_member_decimal(&body, "p_min", 6, 0), .p_max_w = fg_member_decimal(&body, "p_max", 6, 0),
                             .s_max_va = fg_member_decimal(&body, "s_max", 6, 0), .attribute_count = fg_json_count(&list)};
    enum fg_code code = fg_muldiv(energy, 36, 100, &out->energy_ws, err); /* 1e-10 MWh = 0.36 Ws */
    if (code == FG_OK && energy < 0)
        code = fg_fail(err, FG_ERR_VALUE, "#/energy", "must not be negative");
    if (code == FG_OK)
        code = fg_member_id(&body, "area", FG_ID_AREA, &out->area, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "location", FG_ID_LOCATION, &out->location, err);
    struct fg_asset_attribute *items = fg_arena_alloc(fg_call_arena(call), out->attribute_count + 1, sizeof *items);
    if (code == FG_OK && items == NULL)
        code = fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < out->attribute_count; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        const json_t *value = json_object_get(item.value, "value");
        items[i] = (struct fg_asset_attribute){.name = fg_member_text(&item, "name", ""), .kind = fg_member_text(&item, "kind", ""),
                                               .text = json_string_value(value), .number = json_number_value(value)};
        items[i].integer = strcmp(items[i].kind, "instant") == 0 ? fg_member_us(&item, "value") : json_is_true(value);
    }
    out->attributes = items;
    return code;
}
static enum fg_code list_assets(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_assets, 0, err);
}
static enum fg_code get_asset(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "asset", FG_ID_ASSET, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_assets, id, err) : code;
}
static enum fg_code create_asset_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_asset input;
    int64_t id;
    enum fg_code code = read_asset(call, &input, err);
    if (code == FG_OK)
        code = fg_asset_create(registry, &input, &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_assets, id, err) : code;
}
static enum fg_code create_asset(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_asset_work, err);
}
static enum fg_code change_asset_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_asset input;
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "asset", FG_ID_ASSET, &id, err);
    if (code == FG_OK)
        code = read_asset(call, &input, err);
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_assets, id, &version, err);
    if (code == FG_OK)
        code = fg_asset_change(registry, id, version, &input, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_assets, id, err) : code;
}
static enum fg_code change_asset(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, change_asset_work, err);
}
static enum fg_code decide_asset_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "asset", FG_ID_ASSET, &id, err);
    if (code == FG_OK)
        code = fg_asset_decide(registry, id, (enum fg_decision)fg_member_word(&body, "decision", fg_decision_words, 0),
                               fg_member_text(&body, "reason", NULL), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_assets, id, err) : code;
}
static enum fg_code decide_asset(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, decide_asset_work, err);
}

static const struct fg_field propose_fields[] = {
    {"brp", &fg_schema_id, "Balance responsible party", FG_REQUIRED}, {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED},
    {"valid_until", &fg_schema_instant, "Until when; null: open", FG_NULLABLE},
};
static const struct fg_schema propose = FG_OBJECT("BrpProposal", "Who is to answer for the asset's balance", propose_fields);

static enum fg_code propose_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id, party;
    enum fg_code code = fg_call_id(call, "asset", FG_ID_ASSET, &id, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "brp", FG_ID_ORGANISATION, &party, err);
    if (code == FG_OK)
        code = fg_asset_propose_brp(registry, id, party, fg_member_us(&body, "valid_from"), fg_member_us(&body, "valid_until"), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_assets, id, err) : code;
}
static enum fg_code propose_brp(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, propose_work, err);
}
static enum fg_code confirm_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "asset", FG_ID_ASSET, &id, err);
    if (code == FG_OK)
        code = fg_asset_confirm_brp(registry, id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_assets, id, err) : code;
}
static enum fg_code confirm_brp(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, confirm_work, err);
}

/* ---- portfolios ---- */
static const struct fg_field holding_fields[] = {
    {"asset", &fg_schema_id, "Asset", FG_REQUIRED}, {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED},
    {"valid_until", &fg_schema_instant, "Until when; null: open", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema holding = FG_OBJECT("PortfolioAsset", "An asset in a portfolio", holding_fields);
static const struct fg_schema holdings = FG_ARRAY(&holding, 0, 100000);
static const struct fg_field portfolio_fields[] = {
    {"id", &fg_schema_id, "Portfolio", FG_REQUIRED}, {"organisation", &fg_schema_id, "Who trades it", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED}, {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"location", &fg_schema_id, "Grid location", FG_REQUIRED}, {"status", &status, "The market operator's word", FG_REQUIRED},
    {"reason", &fg_schema_note, "Its reason", FG_REQUIRED | FG_NULLABLE}, {"created", &fg_schema_instant, "Since when", FG_REQUIRED},
    {"assets", &holdings, "Its assets", FG_REQUIRED}};
static const struct fg_schema portfolio = FG_OBJECT("Portfolio", "What is traded together", portfolio_fields);
FG_PAGE_SCHEMA(portfolio_page, &portfolio, "PortfolioPage", "Portfolios");
static const struct fg_field portfolio_new_fields[] = {
    {"area", &fg_schema_id, "Market area", FG_REQUIRED}, {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"location", &fg_schema_id, "Grid location; its assets lie there or below", FG_REQUIRED}};
static const struct fg_schema portfolio_new = FG_OBJECT("NewPortfolio", "A portfolio to be made", portfolio_new_fields);
static const struct fg_field add_fields[] = {
    {"valid_from", &fg_schema_instant, "From when; absent: now", 0}, {"valid_until", &fg_schema_instant, "Until when; null: open", FG_NULLABLE}};
static const struct fg_schema add = FG_OBJECT("PortfolioMembership", "When an asset is in the portfolio", add_fields);
static const struct fg_response portfolio_responses[] = {{200, "The portfolio", &portfolio, NULL, NULL}, {0}};
static const struct fg_response portfolio_created[] = {{201, "Waits for the market operator", &portfolio, NULL, NULL}, {0}};
static const struct fg_response portfolios_responses[] = {{200, "A page", &portfolio_page, NULL, NULL}, {0}};
static const struct fg_param portfolio_path[] = {{"portfolio", &fg_schema_id, "Portfolio", true}, {0}};
static const struct fg_param member_path[] = {{"portfolio", &fg_schema_id, "Portfolio", true}, {"asset", &fg_schema_id, "Asset", true}, {0}};
static const struct fg_param remove_query[] = {{"at", &fg_schema_instant, "When it leaves; absent: now", false}, {0}};

static enum fg_code list_portfolios(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_portfolios, 0, err);
}
static enum fg_code get_portfolio(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_portfolios, id, err) : code;
}
static enum fg_code create_portfolio_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, location, id;
    enum fg_code code = fg_member_id(&body, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "location", FG_ID_LOCATION, &location, err);
    if (code == FG_OK)
        code = fg_portfolio_create(registry, area, fg_member_text(&body, "name", ""), location, &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_portfolios, id, err) : code;
}
static enum fg_code create_portfolio(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_portfolio_work, err);
}
static enum fg_code add_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id, member, from_us = fg_member_us(&body, "valid_from");
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    if (code == FG_OK)
        code = fg_call_id(call, "asset", FG_ID_ASSET, &member, err);
    if (code == FG_OK)
        code = fg_portfolio_add(registry, id, member, from_us != 0 ? from_us : registry->now_us, fg_member_us(&body, "valid_until"), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_portfolios, id, err) : code;
}
static enum fg_code add_asset(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, add_work, err);
}
static enum fg_code remove_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id, member, at = fg_call_instant(call, "at", -1);
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    if (code == FG_OK)
        code = fg_call_id(call, "asset", FG_ID_ASSET, &member, err);
    if (code == FG_OK)
        code = fg_portfolio_remove(registry, id, member, at >= 0 ? at * 1000000 : registry->now_us, err);
    fg_call_empty(call, 204);
    return code;
}
static enum fg_code remove_asset(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, remove_work, err);
}
static enum fg_code decide_portfolio_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    if (code == FG_OK)
        code = fg_portfolio_decide(registry, id, (enum fg_decision)fg_member_word(&body, "decision", fg_decision_words, 0),
                                   fg_member_text(&body, "reason", NULL), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_portfolios, id, err) : code;
}
static enum fg_code decide_portfolio(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, decide_portfolio_work, err);
}

/* ---- prequalification ---- */
static const char *const side_words[] = {"product", "grid", NULL};
static const struct fg_schema side = FG_ENUM(NULL, NULL, side_words);
static const struct fg_field prequalification_fields[] = {
    {"id", &fg_schema_id, "Prequalification", FG_REQUIRED}, {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED},
    {"product", &fg_schema_id, "Product", FG_REQUIRED}, {"kind", &side, "product: by the market operator; grid: by the system operator", FG_REQUIRED},
    {"status", &status, "Decision", FG_REQUIRED}, {"up", &capability, "Capability up, asked for or approved", FG_REQUIRED},
    {"down", &capability, "Capability down", FG_REQUIRED}, {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED | FG_NULLABLE},
    {"valid_until", &fg_schema_instant, "Until when", FG_REQUIRED | FG_NULLABLE}, {"reason", &fg_schema_note, "Reason", FG_REQUIRED | FG_NULLABLE},
    {"asked", &fg_schema_instant, "When it was asked for", FG_REQUIRED}, {"decided", &fg_schema_instant, "When it was decided", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema prequalification = FG_OBJECT("Prequalification", "One of the two prequalifications of a portfolio for a product", prequalification_fields);
FG_PAGE_SCHEMA(prequalification_page, &prequalification, "PrequalificationPage", "Prequalifications");
static const struct fg_response prequalification_responses[] = {{200, "The prequalification", &prequalification, NULL, NULL}, {0}};
static const struct fg_response prequalifications_responses[] = {{200, "A page", &prequalification_page, NULL, NULL}, {0}};
static const struct fg_field ask_fields[] = {
    {"product", &fg_schema_id, "Product", FG_REQUIRED}, {"up", &capability, "Capability up", FG_REQUIRED}, {"down", &capability, "Capability down", FG_REQUIRED}};
static const struct fg_schema ask = FG_OBJECT("PrequalificationRequest", "Capability to be prequalified", ask_fields);
static const struct fg_field grant_fields[] = {
    {"decision", &fg_schema_decision, "pending: accept, refuse; approved: suspend; suspended: resume", FG_REQUIRED},
    {"reason", &fg_schema_note, "Told to the owner", FG_NULLABLE}, {"up", &capability, "Approved, at most as asked for", 0},
    {"down", &capability, "Approved, at most as asked for", 0}, {"valid_from", &fg_schema_instant, "From when", FG_NULLABLE},
    {"valid_until", &fg_schema_instant, "Until when", FG_NULLABLE},
};
static const struct fg_schema grant = FG_OBJECT("PrequalificationDecision", "Decision about a prequalification", grant_fields);
static const struct fg_param prequalification_path[] = {{"prequalification", &fg_schema_id, "Prequalification", true}, {0}};
static const struct fg_param prequalification_query[] = {{"portfolio", &fg_schema_id, "Only of this portfolio", false}, {0}};

static enum fg_code list_prequalifications(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_query_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    return code == FG_OK ? fg_call_answer_page(call, &fg_view_prequalifications, id, err) : code;
}
static enum fg_code ask_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id, product;
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "product", FG_ID_PRODUCT, &product, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_prequalification_ask(registry, id, product, fg_member_decimal(&body, "up", 6, 0),
                                                   fg_member_decimal(&body, "down", 6, 0), err)
                         : code;
}
static enum fg_code ask_prequalification(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_work, err);
}
static enum fg_code grant_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    struct fg_prequalification_decision decision = {
        (enum fg_decision)fg_member_word(&body, "decision", fg_decision_words, 0), fg_member_decimal(&body, "up", 6, -1),
        fg_member_decimal(&body, "down", 6, -1), fg_member_us(&body, "valid_from"), fg_member_us(&body, "valid_until"),
        fg_member_text(&body, "reason", NULL)};
    enum fg_code code = fg_call_id(call, "prequalification", FG_ID_PREQUALIFICATION, &id, err);
    if (code == FG_OK)
        code = fg_prequalification_decide(registry, id, &decision, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_prequalifications, id, err) : code;
}
static enum fg_code decide_prequalification(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, grant_work, err);
}

/* ---- readiness ---- */
static const struct fg_schema remedy = FG_TEXT(1, 300);
static const struct fg_field check_fields[] = {
    {"key", &fg_schema_id, "Stable name of the condition", FG_REQUIRED}, {"met", &fg_schema_boolean, "Is it met?", FG_REQUIRED},
    {"remedy", &remedy, "What to do when not", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema check = FG_OBJECT("ReadinessCheck", "A condition for trading", check_fields);
static const struct fg_schema checks = FG_ARRAY(&check, 0, 100);
static const struct fg_field readiness_fields[] = {{"checks", &checks, "All conditions", FG_REQUIRED},
                                                   {"ready", &fg_schema_boolean, "All of them are met", FG_REQUIRED}};
static const struct fg_schema readiness = FG_OBJECT("Readiness", "What is missing before trading", readiness_fields);
static const struct fg_response readiness_responses[] = {{200, "The checklist", &readiness, NULL, NULL}, {0}};
static const struct fg_param organisation_path[] = {{"organisation", &fg_schema_id, "Organisation", true}, {0}};
static const struct fg_param product_query[] = {{"product", &fg_schema_id, "Product to be traded", true}, {0}};

static enum fg_code organisation_readiness_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "organisation", FG_ID_ORGANISATION, &id, err);
    return code == FG_OK ? fg_readiness_organisation(registry, id, fg_call_json(call, 200), err) : code;
}
static enum fg_code organisation_readiness(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, organisation_readiness_work, err);
}
static enum fg_code portfolio_readiness_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id, product;
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &id, err);
    if (code == FG_OK)
        code = fg_query_id(call, "product", FG_ID_PRODUCT, &product, err);
    return code == FG_OK ? fg_readiness_portfolio(registry, id, product, fg_call_json(call, 200), err) : code;
}
static enum fg_code portfolio_readiness(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, portfolio_readiness_work, err);
}

#define ASSET_EXAMPLE                                                                                                  \
    "\"technology\": \"battery\", \"location\": \"loc-1\", \"bus\": \"12\", \"p_min\": \"-0.5\", \"p_max\": \"0.5\", \"s_max\": \"0.6\", " \
    "\"energy\": \"1\", \"attributes\": [{\"name\": \"efficiency\", \"kind\": \"number\", \"value\": 0.92}]"

static const struct fg_operation operations[] = {
    {.id = "list-assets", .method = FG_GET, .path = "/v1/assets", .api = FG_API_ATP, .tag = "Assets", .summary = "Assets that one may see",
     .right = "assets.read", .flags = FG_OP_PAGED, .responses = assets_responses, .handle = list_assets},
    {.id = "get-asset", .method = FG_GET, .path = "/v1/assets/{asset}", .api = FG_API_ATP, .tag = "Assets", .summary = "One asset",
     .right = "assets.read", .path_params = asset_path, .responses = asset_responses, .handle = get_asset},
    {.id = "create-asset", .method = FG_POST, .path = "/v1/assets", .api = FG_API_ATP, .tag = "Assets", .summary = "Register an asset",
     .right = "assets.manage", .flags = FG_KEY_IN_TRANSACTION, .request = &asset_new,
     .request_example = "{\"area\": \"area-1\", \"name\": \"Battery 1\", " ASSET_EXAMPLE "}", .responses = asset_created, .handle = create_asset},
    {.id = "change-asset", .method = FG_PUT, .path = "/v1/assets/{asset}", .api = FG_API_ATP, .tag = "Assets", .summary = "Change an asset",
     .description = "A change of location, bus or power needs a new approval.", .right = "assets.manage", .flags = FG_OP_IF_MATCH,
     .path_params = asset_path, .request = &asset_terms, .request_example = "{" ASSET_EXAMPLE "}", .responses = asset_responses,
     .handle = change_asset},
    {.id = "decide-asset", .method = FG_POST, .path = "/v1/assets/{asset}/decision", .api = FG_API_ATP, .tag = "Assets",
     .summary = "Approve at the bus", .right = "assets.approve", .flags = FG_KEY_IN_TRANSACTION, .path_params = asset_path,
     .request = &decision_schema, .request_example = DECISION_EXAMPLE, .responses = asset_responses, .handle = decide_asset},
    {.id = "propose-brp", .method = FG_PUT, .path = "/v1/assets/{asset}/brp", .api = FG_API_ATP, .tag = "Assets",
     .summary = "Name the balance responsible party", .right = "assets.manage", .path_params = asset_path, .request = &propose,
     .request_example = "{\"brp\": \"org-5\", \"valid_from\": \"2025-07-01T00:00:00Z\"}", .responses = asset_responses, .handle = propose_brp},
    {.id = "confirm-brp", .method = FG_POST, .path = "/v1/assets/{asset}/brp/confirmation", .api = FG_API_ATP, .tag = "Assets",
     .summary = "Take the asset into one's balance", .right = "brp.confirm", .path_params = asset_path, .responses = asset_responses,
     .handle = confirm_brp},
    {.id = "list-portfolios", .method = FG_GET, .path = "/v1/portfolios", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Portfolios that one may see", .right = "portfolios.read", .flags = FG_OP_PAGED, .responses = portfolios_responses,
     .handle = list_portfolios},
    {.id = "get-portfolio", .method = FG_GET, .path = "/v1/portfolios/{portfolio}", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "One portfolio", .right = "portfolios.read", .path_params = portfolio_path, .responses = portfolio_responses,
     .handle = get_portfolio},
    {.id = "create-portfolio", .method = FG_POST, .path = "/v1/portfolios", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Make a portfolio", .right = "portfolios.manage", .flags = FG_KEY_IN_TRANSACTION, .request = &portfolio_new,
     .request_example = "{\"area\": \"area-1\", \"name\": \"North\", \"location\": \"loc-1\"}", .responses = portfolio_created,
     .handle = create_portfolio},
    {.id = "add-asset", .method = FG_PUT, .path = "/v1/portfolios/{portfolio}/assets/{asset}", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Put an asset into a portfolio", .right = "portfolios.manage", .path_params = member_path, .request = &add,
     .request_example = "{\"valid_from\": \"2025-07-01T00:00:00Z\"}", .responses = portfolio_responses, .handle = add_asset},
    {.id = "remove-asset", .method = FG_DELETE, .path = "/v1/portfolios/{portfolio}/assets/{asset}", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Take an asset out", .right = "portfolios.manage", .path_params = member_path, .query_params = remove_query,
     .responses = no_content, .handle = remove_asset},
    {.id = "decide-portfolio", .method = FG_POST, .path = "/v1/portfolios/{portfolio}/decision", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Approve a portfolio", .right = "portfolios.approve", .flags = FG_KEY_IN_TRANSACTION, .path_params = portfolio_path,
     .request = &decision_schema, .request_example = DECISION_EXAMPLE, .responses = portfolio_responses, .handle = decide_portfolio},
    {.id = "list-prequalifications", .method = FG_GET, .path = "/v1/prequalifications", .api = FG_API_ATP, .tag = "Portfolios",
     .summary = "Prequalifications that one may see", .right = "portfolios.read", .flags = FG_OP_PAGED, .query_params = prequalification_query,
     .responses = prequalifications_responses, .handle = list_prequalifications},
    {.id = "ask-prequalification", .method = FG_POST, .path = "/v1/portfolios/{portfolio}/prequalifications", .api = FG_API_ATP,
     .tag = "Portfolios", .summary = "Ask for prequalification", .description = "For the product and for the grid: both are needed.",
     .right = "portfolios.manage", .flags = FG_KEY_IN_TRANSACTION, .path_params = portfolio_path, .request = &ask,
     .request_example = "{\"product\": \"prd-1\", \"up\": \"0.5\", \"down\": \"0.5\"}", .responses = no_content,
     .handle = ask_prequalification},
    {.id = "decide-prequalification", .method = FG_POST, .path = "/v1/prequalifications/{prequalification}/decision", .api = FG_API_ATP,
     .tag = "Portfolios", .summary = "Prequalify", .right = "prequalification.decide", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = prequalification_path, .request = &grant, .request_example = "{\"decision\": \"accept\", \"up\": \"0.4\"}",
     .responses = prequalification_responses, .handle = decide_prequalification},
    {.id = "get-organisation-readiness", .method = FG_GET, .path = "/v1/organisations/{organisation}/readiness", .api = FG_API_ATP,
     .tag = "Organisations", .summary = "What is missing before it can trade", .right = "readiness.read", .path_params = organisation_path,
     .responses = readiness_responses, .handle = organisation_readiness},
    {.id = "get-portfolio-readiness", .method = FG_GET, .path = "/v1/portfolios/{portfolio}/readiness", .api = FG_API_ATP,
     .tag = "Portfolios", .summary = "What is missing before it can trade", .right = "readiness.read", .path_params = portfolio_path,
     .query_params = product_query, .responses = readiness_responses, .handle = portfolio_readiness},
};
const struct fg_operation_set fg_asset_operations = FG_OPERATIONS(operations);
