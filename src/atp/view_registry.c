/* The views of the registry: one statement each, whose WHERE clause says who may see what. */
#include "atp/organisation.h"
#include "atp/view.h"

#define PAGE(id) " AND (" id " = $4 OR $4 = 0) AND " id " > $5 ORDER BY " id " LIMIT $6"
#define ID(name_, kind_) {.name = (name_), .kind = FG_MEMBER_ID, .id = (kind_)}
#define TEXT(name_) {.name = (name_), .kind = FG_MEMBER_TEXT}
#define AS(name_, kind_) {.name = (name_), .kind = FG_MEMBER_##kind_}
#define BITS(name_, words_) {.name = (name_), .kind = FG_MEMBER_BITS, .words = (words_)}
#define ROWS(name_, text_, members_) {.name = (name_), .kind = FG_MEMBER_ROWS, .rows = (text_), .row_members = (members_)}
#define END {.name = NULL}

/* Active organisations are public by name and role; the rest only to themselves, the FMO and the regulator. */
#define PRIVATE(column) "CASE WHEN o.id = $1 OR $3 = 1 THEN o." column " END"
static const struct fg_member organisation_members[] = {
    ID("id", FG_ID_ORGANISATION), TEXT("name"), BITS("roles", fg_role_words), TEXT("status"), TEXT("country"), TEXT("eic"),
    TEXT("address"), TEXT("vat_number"), TEXT("iban"), TEXT("reason"), AS("created", INSTANT), AS("decided", INSTANT), END};
const struct fg_view fg_view_organisations = {
    "SELECT o.id, o.version, o.id, o.name, o.roles, o.status, o.country, o.eic, " PRIVATE("address") ", "
    PRIVATE("vat_number") ", " PRIVATE("iban") ", " PRIVATE("reason") ", o.created_us, o.decided_us FROM organisation o "
    "WHERE (o.status = 'active' OR o.id = $1 OR $3 = 1)" PAGE("o.id"),
    organisation_members, FG_ID_ORGANISATION, "organisation", true};

/* Users of the organisation that the asker belongs to, for its administrator. */
static const struct fg_member user_members[] = {
    ID("id", FG_ID_USER), AS("name", PERSON), AS("email", PERSON), BITS("duties", fg_duty_words), TEXT("status"),
    AS("created", INSTANT), AS("locked_until", INSTANT), END};
const struct fg_view fg_view_users = {
    "SELECT u.id, u.version, u.id, u.person_id, u.person_id, u.duties, u.status, u.created_us, u.locked_until_us "
    "FROM app_user u WHERE u.organisation_id = (SELECT me.organisation_id FROM app_user me WHERE me.id = $2)" PAGE("u.id"),
    user_members, FG_ID_USER, "user", true};

static const struct fg_member key_members[] = {
    ID("id", FG_ID_KEY), TEXT("name"), BITS("apis", fg_api_words), BITS("duties", fg_duty_words), AS("created", INSTANT),
    AS("expires", INSTANT), END};
const struct fg_view fg_view_keys = {
    "SELECT k.id, 1, k.id, k.name, k.apis, k.duties, k.created_us, k.expires_us FROM api_key k WHERE k.user_id = $2 AND "
    "k.revoked_us IS NULL" PAGE("k.id"),
    key_members, FG_ID_KEY, "key", false};

/* One's own and those given to one; of each pair the one in force. */
static const struct fg_member mandate_members[] = {
    ID("principal", FG_ID_ORGANISATION), ID("agent", FG_ID_ORGANISATION), BITS("duties", fg_duty_words),
    AS("granted", INSTANT), END};
const struct fg_view fg_view_mandates = {
    "SELECT m.agent_id * 16777216 + m.principal_id, 1, m.principal_id, m.agent_id, m.duties, m.granted_us FROM mandate m "
    "WHERE m.revoked_us IS NULL AND (m.principal_id = $1 OR m.agent_id = $1)"
    PAGE("(m.agent_id * 16777216 + m.principal_id)"),
    mandate_members, FG_ID_ORGANISATION, "mandate", false};

static const struct fg_member consent_members[] = {TEXT("purpose"), AS("given", INSTANT), AS("withdrawn", INSTANT), END};
const struct fg_view fg_view_consents = {
    "SELECT 1, 1, c.purpose, c.given_us, c.withdrawn_us FROM consent c JOIN app_user u ON u.person_id = c.person_id "
    "WHERE u.id = $2 ORDER BY c.purpose, c.given_us LIMIT $6",
    consent_members, FG_ID_CONSENT, "consent", false};

static const struct fg_member approval_members[] = {
    ID("id", FG_ID_APPROVAL), TEXT("action"), TEXT("object"), TEXT("detail"), TEXT("status"), ID("asked_by", FG_ID_USER),
    AS("asked", INSTANT), ID("decided_by", FG_ID_USER), AS("decided", INSTANT), END};
const struct fg_view fg_view_approvals = {
    "SELECT a.id, 1, a.id, a.action, a.object, a.detail, a.status, a.asked_by, a.asked_us, a.decided_by, a.decided_us "
    "FROM approval a WHERE a.organisation_id = $1" PAGE("a.id"),
    approval_members, FG_ID_APPROVAL, "approval", false};

static const struct fg_member area_members[] = {
    ID("id", FG_ID_AREA), TEXT("name"), ID("operator", FG_ID_ORGANISATION), TEXT("currency"), TEXT("time_zone"),
    AS("period_seconds", COUNT), AS("tick", POWER), AS("price_step", MICRO), AS("price_min", MICRO), AS("price_max", MICRO),
    AS("size_max", POWER), TEXT("network_mode"), TEXT("stale_rule"), ID("network", FG_ID_NETWORK), AS("created", INSTANT), END};
const struct fg_view fg_view_areas = {
    "SELECT a.id, a.version, a.id, a.name, a.operator_id, a.currency, a.time_zone, a.period_s, a.tick_w, a.price_step_u, "
    "a.price_min_u, a.price_max_u, a.size_max_w, a.network_mode, a.stale_rule, a.network_id, a.created_us FROM area a "
    "WHERE 1 = 1" PAGE("a.id"),
    area_members, FG_ID_AREA, "market area", true};

static const struct fg_member product_members[] = {
    ID("id", FG_ID_PRODUCT), ID("area", FG_ID_AREA), TEXT("name"), TEXT("kind"), AS("opening_days", COUNT),
    AS("opening_clock_seconds", COUNT), AS("closure_lead_seconds", COUNT), AS("tolerance_share", MICRO),
    AS("tolerance", POWER), AS("penalty_factor", MICRO), AS("penalty", MICRO), AS("baseline_rule", JSON), END};
const struct fg_view fg_view_products = {
    "SELECT p.id, p.version, p.id, p.area_id, p.name, p.kind, p.opening_days, p.opening_clock_s, p.closure_lead_s, "
    "p.tolerance_share_u, p.tolerance_w, p.penalty_factor_u, p.penalty_u, p.baseline_rule FROM product p "
    "WHERE (p.area_id = $7 OR $7 = 0)" PAGE("p.id"),
    product_members, FG_ID_PRODUCT, "product", true};

/* A grid is confidential: to who uploaded it (an organisation), the FMO and the regulator. */
static const struct fg_member network_members[] = {
    ID("id", FG_ID_NETWORK), ID("area", FG_ID_AREA), TEXT("name"), TEXT("format"), AS("version", COUNT), TEXT("sha256"),
    AS("buses", COUNT), AS("branches", COUNT), AS("uploaded", INSTANT), AS("notes", JSON), END};
const struct fg_view fg_view_networks = {
    "SELECT n.id, 1, n.id, n.area_id, n.name, n.format, n.version, n.sha256, n.bus_count, n.branch_count, n.uploaded_us, "
    "n.notes FROM network n WHERE (n.area_id = $7 OR $7 = 0) AND (n.organisation_id = $1 OR $3 = 1)" PAGE("n.id"),
    network_members, FG_ID_NETWORK, "network", false};

static const struct fg_member link_members[] = {ID("", FG_ID_LOCATION), END};
/* Buses are part of the grid: to its operator, the FMO and the regulator. */
static const struct fg_member location_members[] = {
    ID("id", FG_ID_LOCATION), ID("area", FG_ID_AREA), TEXT("name"), ID("parent", FG_ID_LOCATION),
    ID("operator", FG_ID_ORGANISATION), ID("priority", FG_ID_ORGANISATION), TEXT("control_area"), AS("polygon", JSON),
    TEXT("status"), AS("bus_count", COUNT),
    ROWS("links",
         "SELECT to_id FROM location_link WHERE from_id = $1 UNION SELECT from_id FROM location_link WHERE to_id = $1 ORDER BY 1",
         link_members), END};
const struct fg_view fg_view_locations = {
    "SELECT l.id, l.version, l.id, l.area_id, l.name, l.parent_id, l.operator_id, l.priority_id, l.control_area, l.polygon, "
    "l.status, (SELECT count(*) FROM location_bus b WHERE b.location_id = l.id) FROM location l "
    "WHERE (l.area_id = $7 OR $7 = 0)" PAGE("l.id"),
    location_members, FG_ID_LOCATION, "location", true};

/* Owner, BRP, whoever trades it in a portfolio, the location's operator and the system operator with priority. */
#define AT_OWN_LOCATION(id)                                                                                            \
    id " IN (SELECT l.id FROM location l WHERE l.operator_id = $1 OR l.priority_id = $1)"
static const struct fg_member attribute_members[] = {TEXT("name"), TEXT("kind"), AS("value", VALUE), END};
static const struct fg_member brp_members[] = {
    ID("brp", FG_ID_ORGANISATION), AS("valid_from", INSTANT), AS("valid_until", INSTANT), AS("confirmed", BOOLEAN), END};
static const struct fg_member asset_members[] = {
    ID("id", FG_ID_ASSET), ID("organisation", FG_ID_ORGANISATION), ID("area", FG_ID_AREA), TEXT("name"), TEXT("technology"),
    ID("location", FG_ID_LOCATION), TEXT("bus"), TEXT("metering_point"), AS("p_min", POWER), AS("p_max", POWER),
    AS("s_max", POWER), AS("energy", ENERGY), TEXT("grid_status"), TEXT("grid_reason"), AS("created", INSTANT),
    ROWS("attributes",
         "SELECT name, kind, text_value, number_value, integer_value FROM asset_attribute WHERE asset_id = $1 ORDER BY name",
         attribute_members),
    ROWS("brps",
         "SELECT brp_id, valid_from_us, valid_until_us, 1 FROM brp_assignment WHERE asset_id = $1 UNION ALL "
         "SELECT brp_id, valid_from_us, valid_until_us, 0 FROM brp_proposal WHERE asset_id = $1 ORDER BY 2, 4",
         brp_members), END};
const struct fg_view fg_view_assets = {
    "SELECT s.id, s.version, s.id, s.organisation_id, s.area_id, s.name, s.technology, s.location_id, s.bus, "
    "s.metering_point, s.p_min_w, s.p_max_w, s.s_max_va, s.energy_ws, s.grid_status, s.grid_reason, s.created_us FROM asset s "
    "WHERE (s.organisation_id = $1 OR $3 = 1 OR " AT_OWN_LOCATION("s.location_id") " OR "
    "s.id IN (SELECT b.asset_id FROM brp_assignment b WHERE b.brp_id = $1) OR "
    "s.id IN (SELECT q.asset_id FROM brp_proposal q WHERE q.brp_id = $1) OR "
    "s.id IN (SELECT m.asset_id FROM portfolio_asset m JOIN portfolio f ON f.id = m.portfolio_id WHERE f.organisation_id = $1))"
    PAGE("s.id"),
    asset_members, FG_ID_ASSET, "asset", true};

static const struct fg_member holding_members[] = {
    ID("asset", FG_ID_ASSET), AS("valid_from", INSTANT), AS("valid_until", INSTANT), END};
static const struct fg_member portfolio_members[] = {
    ID("id", FG_ID_PORTFOLIO), ID("organisation", FG_ID_ORGANISATION), ID("area", FG_ID_AREA), TEXT("name"),
    ID("location", FG_ID_LOCATION), TEXT("status"), TEXT("reason"), AS("created", INSTANT),
    ROWS("assets",
         "SELECT asset_id, valid_from_us, valid_until_us FROM portfolio_asset WHERE portfolio_id = $1 ORDER BY asset_id, valid_from_us",
         holding_members), END};
const struct fg_view fg_view_portfolios = {
    "SELECT p.id, p.version, p.id, p.organisation_id, p.area_id, p.name, p.location_id, p.status, p.reason, p.created_us "
    "FROM portfolio p WHERE (p.organisation_id = $1 OR $3 = 1 OR " AT_OWN_LOCATION("p.location_id") ")" PAGE("p.id"),
    portfolio_members, FG_ID_PORTFOLIO, "portfolio", true};

static const struct fg_member prequalification_members[] = {
    ID("id", FG_ID_PREQUALIFICATION), ID("portfolio", FG_ID_PORTFOLIO), ID("product", FG_ID_PRODUCT), TEXT("kind"),
    TEXT("status"), AS("up", POWER), AS("down", POWER), AS("valid_from", INSTANT), AS("valid_until", INSTANT),
    TEXT("reason"), AS("asked", INSTANT), AS("decided", INSTANT), END};
const struct fg_view fg_view_prequalifications = {
    "SELECT q.id, q.version, q.id, q.portfolio_id, q.product_id, q.kind, q.status, q.up_w, q.down_w, q.valid_from_us, "
    "q.valid_until_us, q.reason, q.asked_us, q.decided_us FROM prequalification q JOIN portfolio p ON p.id = q.portfolio_id "
    "WHERE (q.portfolio_id = $7 OR $7 = 0) AND (p.organisation_id = $1 OR $3 = 1 OR " AT_OWN_LOCATION("p.location_id") ")"
    PAGE("q.id"),
    prequalification_members, FG_ID_PREQUALIFICATION, "prequalification", true};
