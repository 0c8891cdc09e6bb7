#include "atp/facts.h"

#include "atp/contract.h"
#include "market/technology.h"

#include <stdio.h>
#include <string.h>

typedef enum fg_code take_row(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err);

static enum fg_code each_row(struct fg_store *store, struct fg_facts *facts, const char *text, take_row *take,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    enum fg_code code = fg_sql_prepare(store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, facts->area);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        code = take(facts, sql, &capacity, err);
    }
    fg_sql_done(sql);
    return code;
}

#define ROOM(list, count)                                                                                              \
    if (fg_grow((void **)&facts->list, facts->count, capacity, sizeof *facts->list) != 0)                              \
    return fg_fail_memory(err)

static enum fg_code take_area(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    (void)capacity;
    (void)err;
    facts->operator = fg_sql_column_int64(sql, 0);
    snprintf(facts->zone, sizeof facts->zone, "%s", fg_sql_column_text(sql, 1));
    facts->period_s = (int32_t)fg_sql_column_int64(sql, 2);
    facts->tick_w = fg_sql_column_int64(sql, 3);
    facts->is_network_aware = strcmp(fg_sql_column_text(sql, 4), "off") != 0;
    return FG_OK;
}

static enum fg_code take_organisation(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(organisations, organisation_count);
    int64_t id = fg_sql_column_int64(sql, 0);
    facts->organisations[facts->organisation_count++] = (struct fg_organisation_facts){
        .id = id,
        .owner = fg_sql_column_is_null(sql, 1) ? id : fg_sql_column_int64(sql, 1),
        .roles = (uint32_t)fg_sql_column_int64(sql, 2),
        .is_active = strcmp(fg_sql_column_text(sql, 3), "active") == 0};
    return FG_OK;
}

static enum fg_code take_portfolio(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(portfolios, portfolio_count);
    facts->portfolios[facts->portfolio_count++] =
        (struct fg_portfolio_facts){.id = fg_sql_column_int64(sql, 0),
                                    .organisation = fg_sql_column_int64(sql, 1),
                                    .location = fg_sql_column_int64(sql, 2),
                                    .is_approved = strcmp(fg_sql_column_text(sql, 3), "approved") == 0};
    return FG_OK;
}

static enum fg_code take_location(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(locations, location_count);
    struct fg_location_facts location = {.id = fg_sql_column_int64(sql, 0),
                                         .parent = fg_sql_column_int64(sql, 1),
                                         .operator = fg_sql_column_int64(sql, 2),
                                         .is_published = strcmp(fg_sql_column_text(sql, 3), "published") == 0,
                                         .forwards = fg_sql_column_int64(sql, 4) > 0};
    const struct fg_location_facts *parent = fg_facts_location(facts, location.parent); /* parents come first */
    if (fg_sql_column_int64(sql, 4) < 0)
        location.forwards = parent != NULL && parent->forwards;
    facts->locations[facts->location_count++] = location;
    return FG_OK;
}

static enum fg_code take_link_count(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    (void)capacity;
    (void)err;
    facts->link_count = (size_t)fg_sql_column_int64(sql, 0);
    return FG_OK;
}

static enum fg_code take_product(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    static const char *const kinds[] = {"active", "reactive", "capacity_active", "capacity_reactive"};
    ROOM(products, product_count);
    struct fg_product_facts product = {
        .id = fg_sql_column_int64(sql, 0),
        .gate = {(int32_t)fg_sql_column_int64(sql, 2), (int32_t)fg_sql_column_int64(sql, 3),
                 (int32_t)fg_sql_column_int64(sql, 4)}};
    for (int k = 0; k < 4; k++)
        if (strcmp(fg_sql_column_text(sql, 1), kinds[k]) == 0)
            product.kind = (enum fg_product)k;
    facts->products[facts->product_count++] = product;
    return FG_OK;
}

static enum fg_code take_bus(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(buses, bus_count);
    const char *name = fg_sql_column_text(sql, 0);
    const struct fg_bus_facts *last = facts->bus_count > 0 ? &facts->buses[facts->bus_count - 1] : NULL;
    const char *copy = last != NULL && strcmp(last->name, name) == 0 ? last->name : fg_arena_strdup(&facts->names, name);
    if (copy == NULL)
        return fg_fail_memory(err);
    facts->buses[facts->bus_count++] = (struct fg_bus_facts){.name = copy, .number = (int32_t)fg_sql_column_int64(sql, 1),
                                                             .location = fg_sql_column_int64(sql, 2)};
    return FG_OK;
}

static enum fg_code take_holding(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(holdings, holding_count);
    facts->holdings[facts->holding_count++] = (struct fg_holding_facts){
        .portfolio = fg_sql_column_int64(sql, 0),
        .bus = (int32_t)fg_sql_column_int64(sql, 1),
        .from_us = fg_sql_column_int64(sql, 2),
        .until_us = fg_sql_column_is_null(sql, 3) ? INT64_MAX : fg_sql_column_int64(sql, 3)};
    return FG_OK;
}

static enum fg_code take_technology(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity, struct fg_error *err)
{
    ROOM(technologies, technology_count);
    facts->technologies[facts->technology_count++] = (struct fg_technology_facts){
        .portfolio = fg_sql_column_int64(sql, 0), .bit = fg_technology_bit(fg_sql_column_text(sql, 1)),
        .from_us = fg_sql_column_int64(sql, 2), .until_us = fg_sql_column_int64(sql, 3)};
    return FG_OK;
}

static enum fg_code take_prequalification(struct fg_facts *facts, struct fg_sql *sql, size_t *capacity,
                                          struct fg_error *err)
{
    ROOM(prequalifications, prequalification_count);
    facts->prequalifications[facts->prequalification_count++] = (struct fg_prequalification_facts){
        .id = fg_sql_column_int64(sql, 0),
        .portfolio = fg_sql_column_int64(sql, 1),
        .product = fg_sql_column_int64(sql, 2),
        .kind = strcmp(fg_sql_column_text(sql, 3), "grid") == 0 ? FG_PREQUALIFIED_GRID : FG_PREQUALIFIED_PRODUCT,
        .is_suspended = strcmp(fg_sql_column_text(sql, 4), "suspended") == 0,
        .up_w = fg_sql_column_int64(sql, 5),
        .down_w = fg_sql_column_int64(sql, 6),
        .from_us = fg_sql_column_is_null(sql, 7) ? INT64_MIN : fg_sql_column_int64(sql, 7),
        .until_us = fg_sql_column_is_null(sql, 8) ? INT64_MAX : fg_sql_column_int64(sql, 8)};
    return FG_OK;
}

/* FNV-1a over the numbers that capability depends on. */
static uint64_t mix(uint64_t digest, int64_t value)
{
    for (int b = 0; b < 8; b++)
        digest = (digest ^ ((uint64_t)value >> (8 * b) & 0xff)) * UINT64_C(0x100000001b3);
    return digest;
}

static uint64_t digest_of(const struct fg_facts *facts)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < facts->portfolio_count; i++)
        digest = mix(mix(digest, facts->portfolios[i].id), facts->portfolios[i].is_approved);
    for (size_t i = 0; i < facts->product_count; i++)
        digest = mix(mix(digest, facts->products[i].id), facts->products[i].kind);
    for (size_t i = 0; i < facts->prequalification_count; i++) {
        const struct fg_prequalification_facts *row = &facts->prequalifications[i];
        const int64_t values[] = {row->id, row->portfolio, row->product, row->kind, row->is_suspended,
                                  row->up_w, row->down_w, row->from_us, row->until_us};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
            digest = mix(digest, values[k]);
    }
    return digest;
}

static enum fg_code load(struct fg_store *store, struct fg_facts *facts, struct fg_error *err)
{
    static const struct {
        const char *text;
        take_row *take;
    } queries[] = {
        {"SELECT operator_id, time_zone, period_s, tick_w, network_mode FROM area WHERE id = $1", take_area},
        {"SELECT id, owner_id, roles, status FROM organisation WHERE $1 > 0 ORDER BY id", take_organisation},
        {"SELECT id, organisation_id, location_id, status FROM portfolio WHERE area_id = $1 ORDER BY id", take_portfolio},
        {"SELECT l.id, l.parent_id, l.operator_id, l.status, CASE WHEN l.control_area IS NULL THEN -1 WHEN EXISTS (SELECT 1 "
         "FROM balancing_market m WHERE m.area_id = l.area_id AND m.control_area = l.control_area AND m.enabled = 1) THEN 1 "
         "ELSE 0 END FROM location l WHERE l.area_id = $1 ORDER BY l.id",
         take_location},
        {"SELECT COUNT(*) FROM location_link k JOIN location l ON l.id = k.from_id WHERE l.area_id = $1", take_link_count},
        {"SELECT id, kind, opening_days, opening_clock_s, closure_lead_s FROM product WHERE area_id = $1 ORDER BY id",
         take_product},
        {"SELECT b.bus, b.number, COALESCE(l.id, 0) FROM area a JOIN area_bus b ON b.area_id = a.id LEFT JOIN location_bus k ON "
         "k.bus = b.bus LEFT JOIN location l ON l.id = k.location_id AND l.area_id = a.id AND l.status = 'published' "
         "WHERE a.id = $1 AND a.network_mode <> 'off' ORDER BY b.bus, 3",
         take_bus},
        {"SELECT m.portfolio_id, b.number, m.valid_from_us, m.valid_until_us FROM area a JOIN asset s ON s.area_id = a.id JOIN "
         "portfolio_asset m ON m.asset_id = s.id JOIN area_bus b ON b.area_id = a.id AND b.bus = s.bus "
         "WHERE a.id = $1 AND a.network_mode <> 'off' AND s.grid_status = 'approved' ORDER BY m.portfolio_id, b.number",
         take_holding},
        {"SELECT m.portfolio_id, s.technology, MIN(m.valid_from_us), MAX(COALESCE(m.valid_until_us, 9223372036854775807)) FROM "
         "portfolio p JOIN portfolio_asset m ON m.portfolio_id = p.id JOIN asset s ON s.id = m.asset_id WHERE p.area_id = $1 "
         "GROUP BY m.portfolio_id, s.technology ORDER BY m.portfolio_id, s.technology",
         take_technology},
        {"SELECT q.id, q.portfolio_id, q.product_id, q.kind, q.status, q.up_w, q.down_w, q.valid_from_us, q.valid_until_us "
         "FROM prequalification q JOIN portfolio p ON p.id = q.portfolio_id WHERE p.area_id = $1 AND "
         "q.status IN ('approved', 'suspended') ORDER BY q.portfolio_id, q.product_id, q.id",
         take_prequalification},
    };
    enum fg_code code = fg_store_begin(store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    for (size_t i = 0; code == FG_OK && i < sizeof queries / sizeof *queries; i++)
        code = each_row(store, facts, queries[i].text, queries[i].take, err);
    if (code == FG_OK)
        code = fg_contract_list(store, facts->area, 0, 0, INT64_MAX, true, &facts->contracts, &facts->contract_count, err);
    fg_store_rollback(store);
    if (code == FG_OK && facts->operator == 0)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no market area with number %lld", (long long)facts->area);
    return code;
}

enum fg_code fg_facts_load(struct fg_store *store, int64_t area, struct fg_facts **out, struct fg_error *err)
{
    *out = NULL;
    struct fg_facts *facts = fg_alloc(1, sizeof *facts);
    if (facts == NULL)
        return fg_fail_memory(err);
    facts->area = area;
    fg_arena_init(&facts->names);
    atomic_init(&facts->references, 1);
    enum fg_code code = load(store, facts, err);
    if (code != FG_OK) {
        fg_facts_release(facts);
        return code;
    }
    facts->prequalification_digest = digest_of(facts);
    *out = facts;
    return FG_OK;
}

struct fg_facts *fg_facts_hold(struct fg_facts *facts)
{
    atomic_fetch_add(&facts->references, 1);
    return facts;
}

void fg_facts_release(struct fg_facts *facts)
{
    if (facts == NULL || atomic_fetch_sub(&facts->references, 1) != 1)
        return;
    fg_free(facts->organisations);
    fg_free(facts->portfolios);
    fg_free(facts->locations);
    fg_free(facts->products);
    fg_free(facts->prequalifications);
    fg_free(facts->buses);
    fg_free(facts->holdings);
    fg_free(facts->technologies);
    fg_free(facts->contracts);
    fg_arena_release(&facts->names);
    fg_free(facts);
}

/* Rows that begin with their id, ascending. */
static const void *find(const void *rows, size_t count, size_t size, int64_t id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const void *row = (const char *)rows + middle * size;
        int64_t at;
        memcpy(&at, row, sizeof at);
        if (at == id)
            return row;
        if (at < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct fg_organisation_facts *fg_facts_organisation(const struct fg_facts *facts, int64_t id)
{
    return find(facts->organisations, facts->organisation_count, sizeof *facts->organisations, id);
}
const struct fg_portfolio_facts *fg_facts_portfolio(const struct fg_facts *facts, int64_t id)
{
    return find(facts->portfolios, facts->portfolio_count, sizeof *facts->portfolios, id);
}
const struct fg_location_facts *fg_facts_location(const struct fg_facts *facts, int64_t id)
{
    return find(facts->locations, facts->location_count, sizeof *facts->locations, id);
}

bool fg_facts_lies_in(const struct fg_facts *facts, int64_t location, int64_t around)
{
    const struct fg_location_facts *at = fg_facts_location(facts, location);
    while (at != NULL && at->id != around)
        at = at->parent != 0 ? fg_facts_location(facts, at->parent) : NULL;
    return at != NULL;
}

/* First row of a portfolio. */
static size_t first_of(const struct fg_facts *facts, int64_t portfolio)
{
    size_t low = 0, high = facts->prequalification_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (facts->prequalifications[middle].portfolio < portfolio)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t fg_facts_capability(const struct fg_facts *facts, int64_t portfolio, enum fg_product kind,
                            enum fg_regulation regulation, int32_t period)
{
    const struct fg_portfolio_facts *of = fg_facts_portfolio(facts, portfolio);
    if (of == NULL || !of->is_approved)
        return 0;
    int64_t start_us = (int64_t)period * facts->period_s * 1000000;
    int64_t end_us = start_us + (int64_t)facts->period_s * 1000000, largest = 0;
    for (size_t p = 0; p < facts->product_count; p++) {
        if (facts->products[p].kind != kind)
            continue;
        int64_t approved[2] = {0, 0}; /* by kind; the newest row comes last */
        for (size_t i = first_of(facts, portfolio);
             i < facts->prequalification_count && facts->prequalifications[i].portfolio == portfolio; i++) {
            const struct fg_prequalification_facts *row = &facts->prequalifications[i];
            if (row->product == facts->products[p].id && row->from_us <= start_us && row->until_us >= end_us)
                approved[row->kind] = row->is_suspended                    ? 0
                                      : regulation == FG_REGULATION_UP ? row->up_w
                                                                       : row->down_w;
        }
        int64_t both = approved[0] < approved[1] ? approved[0] : approved[1];
        largest = both > largest ? both : largest;
    }
    return largest;
}

/* ---- buses ---- */

/* The rows of a bus; count 0: none. */
static const struct fg_bus_facts *find_bus(const struct fg_facts *facts, const char *name, size_t *count)
{
    size_t low = 0, high = facts->bus_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(facts->buses[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < facts->bus_count && strcmp(facts->buses[low + *count].name, name) == 0; ++*count)
        ;
    return *count > 0 ? &facts->buses[low] : NULL;
}

static size_t first_holding(const struct fg_facts *facts, int64_t portfolio)
{
    size_t low = 0, high = facts->holding_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (facts->holdings[middle].portfolio < portfolio)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_asset_at(const struct fg_facts *facts, int64_t portfolio, int32_t bus, int64_t now_us)
{
    for (size_t i = first_holding(facts, portfolio); i < facts->holding_count && facts->holdings[i].portfolio == portfolio; i++) {
        const struct fg_holding_facts *holding = &facts->holdings[i];
        if (holding->bus == bus && holding->from_us <= now_us && now_us < holding->until_us)
            return true;
    }
    return false;
}

static int32_t only_bus_of_assets(const struct fg_facts *facts, int64_t portfolio, int64_t now_us, const char **reason)
{
    int32_t bus = -1;
    for (size_t i = first_holding(facts, portfolio); i < facts->holding_count && facts->holdings[i].portfolio == portfolio; i++) {
        const struct fg_holding_facts *holding = &facts->holdings[i];
        if (holding->from_us > now_us || now_us >= holding->until_us || holding->bus == bus)
            continue;
        if (bus >= 0) {
            *reason = "the portfolio has assets at several buses, and the grid is checked by bus; name the bus of this offer";
            return -1;
        }
        bus = holding->bus;
    }
    if (bus < 0)
        *reason = "no approved asset of the portfolio has a bus of the grid; give its assets their buses and have them approved";
    return bus;
}

static int32_t only_bus_of_location(const struct fg_facts *facts, int64_t location, const char **reason)
{
    int32_t bus = -1;
    for (size_t i = 0; i < facts->bus_count; i++) {
        if (facts->buses[i].location == 0 || facts->buses[i].number == bus || !fg_facts_lies_in(facts, facts->buses[i].location, location))
            continue;
        if (bus >= 0) {
            *reason = "the location has several buses, and the grid is checked by bus; name the bus that will move";
            return -1;
        }
        bus = facts->buses[i].number;
    }
    if (bus < 0)
        *reason = "the location has no bus of the grid; ask its operator for its set of buses";
    return bus;
}

uint64_t fg_facts_technologies(const struct fg_facts *facts, int64_t portfolio, int64_t from_us, int64_t until_us)
{
    size_t low = 0, high = facts->technology_count;
    uint64_t set = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (facts->technologies[middle].portfolio < portfolio)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < facts->technology_count && facts->technologies[low].portfolio == portfolio; low++)
        if (facts->technologies[low].from_us < until_us && from_us < facts->technologies[low].until_us)
            set |= facts->technologies[low].bit;
    return set;
}

void fg_technologies_put(struct fg_json_writer *out, uint64_t set)
{
    fg_json_begin_row(out, "technologies");
    for (size_t i = 0; fg_technology_words[i] != NULL; i++)
        if ((set >> i & 1) != 0)
            fg_json_put_string(out, NULL, fg_technology_words[i]);
    fg_json_end_array(out);
}

int32_t fg_facts_bus(const struct fg_facts *facts, const char *name, int64_t portfolio, int64_t location, int64_t now_us,
                     const char **reason)
{
    *reason = NULL;
    if (name == NULL)
        return portfolio > 0 ? only_bus_of_assets(facts, portfolio, now_us, reason) : only_bus_of_location(facts, location, reason);
    size_t count;
    const struct fg_bus_facts *rows = find_bus(facts, name, &count);
    bool is_inside = false;
    for (size_t i = 0; i < count; i++)
        is_inside = is_inside || (rows[i].location != 0 && fg_facts_lies_in(facts, rows[i].location, location));
    if (rows == NULL)
        *reason = "the area's grid has no bus of this name";
    else if (!is_inside)
        *reason = "the bus does not lie in the order's location";
    else if (portfolio > 0 && !has_asset_at(facts, portfolio, rows->number, now_us))
        *reason = "no approved asset of the portfolio is at this bus";
    return *reason == NULL ? rows->number : -1;
}
