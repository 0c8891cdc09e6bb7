/* Views of tenders and contracts: tenders are public to who may read contracts, a contract is its parties', the market
 * operator's and the regulator's. */
#include "atp/view.h"
#include "market/contract.h"

#define PAGE(id) " AND (" id " = $4 OR $4 = 0) AND " id " > $5 ORDER BY " id " LIMIT $6"
#define ID(name_, kind_) {.name = (name_), .kind = FG_MEMBER_ID, .id = (kind_)}
#define AS(name_, kind_) {.name = (name_), .kind = FG_MEMBER_##kind_}

static const char *const weekday_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
static const struct fg_member clock_members[] = {AS("from", CLOCK), AS("until", CLOCK), {.name = NULL}};
static const struct fg_member tender_members[] = {
    ID("id", FG_ID_TENDER), ID("area", FG_ID_AREA), ID("buyer", FG_ID_ORGANISATION), AS("name", TEXT),
    ID("product", FG_ID_PRODUCT), ID("location", FG_ID_LOCATION), AS("regulation", TEXT), AS("from", DAY), AS("until", DAY),
    {.name = "weekdays", .kind = FG_MEMBER_BITS, .words = weekday_words}, AS("capacity", POWER),
    AS("availability_price_max", MICRO), AS("activation_price_max", MICRO), AS("expected_hours", MICRO),
    AS("minimum_duration_s", COUNT), AS("notice_s", COUNT), AS("opens", INSTANT), AS("closes", INSTANT), AS("ties", TEXT),
    AS("status", TEXT), AS("rule", TEXT), AS("reason", TEXT),
    {.name = "clocks", .kind = FG_MEMBER_ROWS, .row_members = clock_members,
     .rows = "SELECT from_s, until_s FROM tender_clock WHERE tender_id = $1 ORDER BY from_s"},
    {.name = NULL}};
const struct fg_view fg_view_tenders = {
    "SELECT t.id, t.version, t.id, t.area_id, t.buyer_id, t.name, t.product_id, t.location_id, CASE WHEN t.regulation = 0 THEN "
    "'up' ELSE 'down' END, t.from_day, t.until_day, t.weekdays, t.capacity_w, t.availability_max_u, t.activation_max_u, "
    "t.expected_s * 2500 / 9, t.duration_min_s, t.notice_s, t.opens_us, t.closes_us, CASE WHEN t.ties = 0 THEN 'first' ELSE "
    "'pro_rata' END, t.status, t.rule, t.reason FROM tender t WHERE (t.area_id = $7 OR $7 = 0)" PAGE("t.id"),
    tender_members, FG_ID_TENDER, "tender", true};

static const struct fg_member contract_members[] = {
    ID("id", FG_ID_CONTRACT), ID("tender", FG_ID_TENDER), ID("area", FG_ID_AREA), ID("buyer", FG_ID_ORGANISATION),
    ID("seller", FG_ID_ORGANISATION), ID("portfolio", FG_ID_PORTFOLIO), ID("product", FG_ID_PRODUCT), AS("regulation", TEXT),
    AS("quantity", POWER), AS("availability_price", MICRO), AS("activation_price", MICRO), AS("starts", INSTANT),
    AS("ends", INSTANT), AS("status", TEXT), AS("reason", TEXT), AS("awarded", INSTANT), {.name = NULL}};
const struct fg_view fg_view_contracts = {
    "SELECT c.id, c.version, c.id, c.tender_id, c.area_id, c.buyer_id, c.seller_id, c.portfolio_id, c.product_id, CASE WHEN "
    "c.regulation = 0 THEN 'up' ELSE 'down' END, c.quantity_w, c.availability_u, c.activation_u, c.starts_us, c.ends_us, c.status, "
    "c.reason, c.awarded_us FROM contract c WHERE (c.area_id = $7 OR $7 = 0) AND (c.buyer_id = $1 OR c.seller_id = $1 OR $3 = 1)"
    PAGE("c.id"),
    contract_members, FG_ID_CONTRACT, "contract", true};
