#include "atp/market.h"

#include "atp/baseline_rule.h"
#include "atp/network_state.h"
#include "atp/query.h"
#include "base/timezone.h"
#include "store/document.h"

#include <stdio.h>
#include <string.h>

/* ---- areas ---- */
static enum fg_code check_area(struct fg_registry *registry, int64_t id, const struct fg_area *area, struct fg_error *err)
{
    int64_t count = 0;
    if (area->price_min_u >= area->price_max_u)
        return fg_fail(err, FG_ERR_VALUE, "#/price_max", "the highest price must lie above the lowest");
    if (area->price_min_u % area->price_step_u != 0 || area->price_max_u % area->price_step_u != 0)
        return fg_fail(err, FG_ERR_VALUE, "#/price_step", "the lowest and the highest price must be multiples of the step");
    if (area->size_max_w % area->tick_w != 0)
        return fg_fail(err, FG_ERR_VALUE, "#/size_max", "the largest size must be a multiple of the tick");
    if (strcmp(area->network_mode, "off") != 0 && area->network == 0)
        return fg_fail(err, FG_ERR_VALUE, "#/network_mode", "network-aware trading needs a network; upload one and name it");
    if (area->network == 0)
        return FG_OK;
    enum fg_code code = fg_query_number(registry->store, &count, err, "SELECT count(*) FROM network WHERE id = $1 AND area_id = $2",
                                        "ii", area->network, id);
    if (code == FG_OK && count == 0)
        code = fg_fail(err, FG_ERR_VALUE, "#/network", "the area has no such network");
    return code;
}

enum fg_code fg_area_create(struct fg_registry *registry, const struct fg_area *area, int64_t *id, struct fg_error *err)
{
    struct fg_timezone *zone;
    enum fg_code code = check_area(registry, 0, area, err);
    if (code != FG_OK)
        return code;
    if (fg_timezone_open(area->time_zone, &zone, NULL) != FG_OK)
        return fg_fail(err, FG_ERR_VALUE, "#/time_zone", "is not in the IANA database; give one like Europe/Athens");
    fg_timezone_close(zone);
    code = fg_registry_next(registry, FG_ID_AREA, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, "
                      "price_min_u, price_max_u, size_max_w, network_mode, stale_rule, created_us, version) VALUES "
                      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)",
                      "itittiiiiiitti", *id, area->name, registry->actor.organisation, area->currency, area->time_zone,
                      area->period_s, area->tick_w, area->price_step_u, area->price_min_u, area->price_max_u,
                      area->size_max_w, area->network_mode, area->stale_rule, registry->now_us),
            err, "a market area of this name exists already");
    return code == FG_OK ? fg_registry_audit(registry, "area.create", FG_ID_AREA, *id, NULL, err) : code;
}

static enum fg_code require_operated_area(struct fg_registry *registry, int64_t area, struct fg_error *err)
{
    int64_t operator_id;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &operator_id, err, "SELECT operator_id FROM area WHERE id = $1", "i", area),
        FG_ID_AREA, area, "market area", err);
    if (code == FG_OK && operator_id != registry->actor.organisation)
        code = fg_fail(err, FG_ERR_DENIED, NULL, "this market area is another operator's");
    return code;
}

static enum fg_code require_area(struct fg_registry *registry, int64_t area, struct fg_error *err)
{
    int64_t id;
    return fg_registry_found(fg_query_number(registry->store, &id, err, "SELECT id FROM area WHERE id = $1", "i", area),
                             FG_ID_AREA, area, "market area", err);
}

static enum fg_code changed(enum fg_code code, const int64_t *changes, struct fg_error *err)
{
    return code == FG_OK && *changes == 0
               ? fg_fail(err, FG_ERR_CONFLICT, NULL, "the object has changed meanwhile; read it again")
               : code;
}

enum fg_code fg_area_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_area *area,
                            struct fg_error *err)
{
    int64_t changes = 0;
    struct fg_area whole = *area;
    struct fg_sql *sql;
    enum fg_code code = require_operated_area(registry, id, err);
    if (code == FG_OK)
        code = fg_query_one(registry->store, &sql, err, "SELECT tick_w, price_step_u FROM area WHERE id = $1", "i", id);
    if (code != FG_OK)
        return code;
    whole.tick_w = fg_sql_column_int64(sql, 0);
    whole.price_step_u = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    code = check_area(registry, id, &whole, err);
    if (code == FG_OK)
        code = changed(fg_registry_unique(registry,
                                          fg_change(registry->store, &changes, err,
                                                    "UPDATE area SET name = $3, price_min_u = $4, price_max_u = $5, "
                                                    "size_max_w = $6, network_mode = $7, stale_rule = $8, network_id = $9, "
                                                    "version = version + 1 WHERE id = $1 AND version = $2",
                                                    "iitiiitto", id, version, area->name, area->price_min_u,
                                                    area->price_max_u, area->size_max_w, area->network_mode,
                                                    area->stale_rule, area->network),
                                          err, "a market area of this name exists already"),
                       &changes, err);
    return code == FG_OK ? fg_registry_audit(registry, "area.change", FG_ID_AREA, id, NULL, err) : code;
}

/* ---- products ---- */
/* A rule that contradicts itself would be found on the first day that is settled. */
static enum fg_code check_terms(const struct fg_product_terms *terms, struct fg_error *err)
{
    struct fg_baseline_rule rule;
    struct fg_error why = {0};
    enum fg_code code = fg_baseline_rule_parse(terms->baseline_rule, &rule, &why);
    return code == FG_OK || code == FG_ERR_MEMORY ? code : fg_fail(err, FG_ERR_VALUE, "#/baseline_rule", "%s", why.text);
}

enum fg_code fg_product_create(struct fg_registry *registry, int64_t area, const struct fg_product_terms *terms, int64_t *id,
                               struct fg_error *err)
{
    enum fg_code code = require_operated_area(registry, area, err);
    if (code == FG_OK)
        code = check_terms(terms, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_PRODUCT, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO product (id, area_id, name, kind, opening_days, opening_clock_s, closure_lead_s, "
                      "tolerance_share_u, tolerance_w, penalty_factor_u, penalty_u, baseline_rule, version) VALUES "
                      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)",
                      "iittiiiiiiit", *id, area, terms->name, terms->kind, terms->opening_days, terms->opening_clock_s,
                      terms->closure_lead_s, terms->tolerance_share_u, terms->tolerance_w, terms->penalty_factor_u,
                      terms->penalty_u, terms->baseline_rule),
            err, "the area has a product of this name already");
    return code == FG_OK ? fg_registry_audit(registry, "product.create", FG_ID_PRODUCT, *id, NULL, err) : code;
}

enum fg_code fg_product_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_product_terms *terms,
                               struct fg_error *err)
{
    int64_t area, changes = 0;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &area, err, "SELECT area_id FROM product WHERE id = $1", "i", id), FG_ID_PRODUCT, id,
        "product", err);
    if (code == FG_OK)
        code = require_operated_area(registry, area, err);
    if (code == FG_OK)
        code = check_terms(terms, err);
    if (code == FG_OK)
        code = changed(fg_change(registry->store, &changes, err,
                                 "UPDATE product SET opening_days = $3, opening_clock_s = $4, closure_lead_s = $5, "
                                 "tolerance_share_u = $6, tolerance_w = $7, penalty_factor_u = $8, penalty_u = $9, "
                                 "baseline_rule = $10, version = version + 1 WHERE id = $1 AND version = $2",
                                 "iiiiiiiiit", id, version, terms->opening_days, terms->opening_clock_s, terms->closure_lead_s,
                                 terms->tolerance_share_u, terms->tolerance_w, terms->penalty_factor_u, terms->penalty_u,
                                 terms->baseline_rule),
                       &changes, err);
    return code == FG_OK ? fg_registry_audit(registry, "product.change", FG_ID_PRODUCT, id, NULL, err) : code;
}

/* ---- networks ---- */
enum fg_code fg_network_content(struct fg_store *store, int64_t network, struct fg_text *content, char format[FG_NETWORK_FORMAT],
                             struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_document document;
    char name[256];
    enum fg_code code =
        fg_query_one(store, &sql, err, "SELECT document, version, format FROM network WHERE id = $1", "i", network);
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND ? fg_fail(err, code, NULL, "there is no network net-%lld", (long long)network) : code;
    int64_t version = fg_sql_column_int64(sql, 1);
    snprintf(name, sizeof name, "%s", fg_sql_column_text(sql, 0));
    snprintf(format, FG_NETWORK_FORMAT, "%s", fg_sql_column_text(sql, 2));
    fg_sql_done(sql);
    return fg_document_get(store, "network", name, version, &document, NULL, content, err);
}

enum fg_code fg_network_store(struct fg_registry *registry, int64_t area, const struct fg_network_upload *upload, int64_t *id,
                              struct fg_error *err)
{
    struct fg_document document = {.kind = "network", .created_us = registry->now_us};
    int64_t count = 0, owner = fg_registry_party(registry);
    enum fg_code code = require_area(registry, area, err);
    if (code != FG_OK)
        return code;
    if (snprintf(document.name, sizeof document.name, "area-%lld/org-%lld/%s", (long long)area, (long long)owner,
                 upload->name) >= (int)sizeof document.name)
        return fg_fail(err, FG_ERR_VALUE, "?name", "is too long; give at most 100 characters");
    code = fg_document_put(registry->store, &document, "", upload->bytes, upload->size_bytes, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &count, err, "SELECT count(*) FROM network WHERE document = $1 AND version = $2",
                               "ti", document.name, document.version);
    if (code == FG_OK && count > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "this is the latest version of the network already");
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_NETWORK, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO network (id, area_id, organisation_id, name, format, document, version, sha256, notes, "
                         "bus_count, branch_count, uploaded_by, uploaded_us) VALUES "
                         "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                         "iiitttittiiii", *id, area, owner, upload->name, upload->format, document.name, document.version,
                         document.sha256, upload->notes, (int64_t)upload->bus_count, (int64_t)upload->branch_count,
                         registry->actor.user, registry->now_us);
    for (size_t i = 0; i < upload->bus_count && code == FG_OK; i++)
        code = fg_change(registry->store, NULL, err, "INSERT INTO network_bus (network_id, bus) VALUES ($1, $2)", "it", *id,
                         upload->buses[i]);
    if (code == FG_OK)
        code = fg_area_buses_add(registry->store, area, *id, err);
    char detail[96];
    snprintf(detail, sizeof detail, "{\"sha256\":\"%s\"}", document.sha256);
    return code == FG_OK ? fg_registry_audit(registry, "network.upload", FG_ID_NETWORK, *id, detail, err) : code;
}

enum fg_code fg_network_load(struct fg_registry *registry, int64_t id, struct fg_text *content, struct fg_error *err)
{
    int64_t found;
    char format[FG_NETWORK_FORMAT];
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &found, err, "SELECT id FROM network WHERE id = $1 AND (organisation_id = $2 OR $3 = 1)",
                        "iii", id, fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
        FG_ID_NETWORK, id, "network", err);
    return code == FG_OK ? fg_network_content(registry->store, id, content, format, err) : code;
}

/* ---- locations ---- */
static enum fg_code check_location(struct fg_registry *registry, int64_t area, const struct fg_location *location,
                                   struct fg_error *err)
{
    int64_t parent_area = 0;
    enum fg_code code = FG_OK;
    if (location->parent != 0) {
        code = fg_registry_found(fg_query_number(registry->store, &parent_area, err,
                                                 "SELECT area_id FROM location WHERE id = $1 AND status = 'published'", "i",
                                                 location->parent),
                                 FG_ID_LOCATION, location->parent, "published location", err);
        if (code == FG_OK && parent_area != area)
            code = fg_fail(err, FG_ERR_VALUE, "#/parent", "the parent lies in another market area");
    }
    if (code == FG_OK && location->priority != 0)
        code = fg_registry_require_role(registry, location->priority, FG_BIT(FG_ROLE_DSO) | FG_BIT(FG_ROLE_TSO),
                                        "system operator", err);
    return code;
}

/* Buses of the operator's own networks; each in one location of the operator at most. */
static enum fg_code set_buses(struct fg_registry *registry, int64_t area, int64_t id, const struct fg_location *location,
                              struct fg_error *err)
{
    enum fg_code code = FG_OK;
    if (location->buses == NULL)
        return FG_OK;
    code = fg_change(registry->store, NULL, err, "DELETE FROM location_bus WHERE location_id = $1", "i", id);
    for (size_t i = 0; i < location->bus_count && code == FG_OK; i++) {
        int64_t known = 0, elsewhere = 0;
        char place[32];
        snprintf(place, sizeof place, "#/buses/%zu", i);
        code = fg_query_number(registry->store, &known, err,
                               "SELECT count(*) FROM network_bus b JOIN network n ON n.id = b.network_id WHERE b.bus = $1 AND "
                               "n.area_id = $2 AND n.organisation_id = $3", "tii", location->buses[i], area,
                               fg_registry_party(registry));
        if (code == FG_OK && known == 0)
            return fg_fail(err, FG_ERR_VALUE, place, "no network that you have uploaded to this area has the bus \"%.60s\"",
                           location->buses[i]);
        if (code == FG_OK)
            code = fg_query_number(registry->store, &elsewhere, err,
                                   "SELECT count(*) FROM location_bus b JOIN location l ON l.id = b.location_id WHERE "
                                   "b.bus = $1 AND l.area_id = $2 AND l.operator_id = $3 AND l.status = 'published'", "tii",
                                   location->buses[i], area, fg_registry_party(registry));
        if (code == FG_OK && elsewhere > 0)
            return fg_fail(err, FG_ERR_CONFLICT, place, "the bus \"%.60s\" belongs to a location already", location->buses[i]);
        if (code == FG_OK)
            code = fg_change(registry->store, NULL, err, "INSERT INTO location_bus (location_id, bus) VALUES ($1, $2)", "it", id,
                             location->buses[i]);
    }
    return code;
}

enum fg_code fg_location_create(struct fg_registry *registry, int64_t area, const struct fg_location *location, int64_t *id,
                                struct fg_error *err)
{
    enum fg_code code = require_area(registry, area, err);
    if (code == FG_OK)
        code = check_location(registry, area, location, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_LOCATION, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO location (id, area_id, name, parent_id, operator_id, priority_id, control_area, polygon, "
                      "status, created_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'published', $9, 1)",
                      "iitoiotti", *id, area, location->name, location->parent, fg_registry_party(registry),
                      location->priority, location->control_area, location->polygon, registry->now_us),
            err, "the area has a location of this name already");
    if (code == FG_OK)
        code = set_buses(registry, area, *id, location, err);
    return code == FG_OK ? fg_registry_audit(registry, "location.create", FG_ID_LOCATION, *id, NULL, err) : code;
}

enum fg_code fg_location_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_location *location,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t changes = 0, assets = 0;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT operator_id, area_id FROM location WHERE id = $1", "i", id),
        FG_ID_LOCATION, id, "location", err);
    if (code != FG_OK)
        return code;
    int64_t operator_id = fg_sql_column_int64(sql, 0), area = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    if (operator_id != fg_registry_party(registry))
        return fg_fail(err, FG_ERR_DENIED, NULL, "this location is another operator's");
    code = check_location(registry, area, location, err);
    if (code == FG_OK && location->status != NULL && strcmp(location->status, "closed") == 0)
        code = fg_query_number(registry->store, &assets, err,
                               "SELECT (SELECT count(*) FROM asset WHERE location_id = $1 AND grid_status = 'approved') + "
                               "(SELECT count(*) FROM location WHERE parent_id = $1 AND status = 'published')", "i", id);
    if (code == FG_OK && assets > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "approved assets or published locations lie below; move them first");
    if (code == FG_OK)
        code = changed(fg_change(registry->store, &changes, err,
                                 "UPDATE location SET priority_id = COALESCE($3, priority_id), control_area = "
                                 "COALESCE($4, control_area), polygon = COALESCE($5, polygon), status = COALESCE($6, status), "
                                 "version = version + 1 WHERE id = $1 AND version = $2",
                                 "iiottt", id, version, location->priority, location->control_area, location->polygon,
                                 location->status),
                       &changes, err);
    if (code == FG_OK)
        code = set_buses(registry, area, id, location, err);
    return code == FG_OK ? fg_registry_audit(registry, "location.change", FG_ID_LOCATION, id, NULL, err) : code;
}

enum fg_code fg_location_link(struct fg_registry *registry, int64_t a, int64_t b, bool linked, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t count = 0, own = 0, areas[2] = {0, 0}, from = a < b ? a : b, to = a < b ? b : a;
    if (a == b)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a location is not linked to itself");
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT area_id, operator_id FROM location WHERE id IN ($1, $2) AND status = 'published'", "ii", a, b);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        own += fg_sql_column_int64(sql, 1) == fg_registry_party(registry);
        areas[count++] = fg_sql_column_int64(sql, 0);
    }
    if (code == FG_OK && count < 2)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there are no two published locations of these numbers");
    if (code == FG_OK && areas[0] != areas[1])
        code = fg_fail(err, FG_ERR_VALUE, NULL, "linked locations lie in one market area");
    if (code == FG_OK && own < 2 && !fg_registry_is(registry, FG_ROLE_FMO))
        code = fg_fail(err, FG_ERR_DENIED, NULL, "locations of two operators are linked by the market operator");
    if (code == FG_OK)
        code = linked ? fg_change(registry->store, NULL, err,
                                  "INSERT INTO location_link (from_id, to_id) VALUES ($1, $2) ON CONFLICT (from_id, to_id) DO NOTHING",
                                  "ii", from, to)
                      : fg_change(registry->store, NULL, err, "DELETE FROM location_link WHERE from_id = $1 AND to_id = $2", "ii",
                                  from, to);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "UPDATE location SET version = version + 1 WHERE id IN ($1, $2)", "ii", a, b);
    return code == FG_OK ? fg_registry_audit(registry, linked ? "location.link" : "location.unlink", FG_ID_LOCATION, a, NULL, err)
                         : code;
}
