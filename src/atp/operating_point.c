#include "atp/operating_point.h"

#include "atp/network_state.h"
#include "atp/query.h"

#include <stdio.h>
#include <string.h>

/* ---- who may ---- */

static enum fg_code require_area(struct fg_registry *registry, int64_t area, struct fg_error *err)
{
    int64_t id;
    return fg_registry_found(fg_query_number(registry->store, &id, err, "SELECT id FROM area WHERE id = $1", "i", area), FG_ID_AREA,
                             area, "market area", err);
}

static enum fg_code require_grid(struct fg_registry *registry, int64_t area, const char *what, struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code = fg_query_number(registry->store, &count, err,
                                        "SELECT count(*) FROM network WHERE area_id = $1 AND organisation_id = $2", "ii", area,
                                        fg_registry_party(registry));
    bool is_operator = fg_registry_is(registry, FG_ROLE_DSO) || fg_registry_is(registry, FG_ROLE_TSO);
    return code == FG_OK && (count == 0 || !is_operator)
               ? fg_fail(err, FG_ERR_DENIED, NULL, "%s: only a system operator that has uploaded a network to the area; upload it first", what)
               : code;
}

/* The number of a bus that the organisation may speak for. */
static enum fg_code own_bus(struct fg_registry *registry, int64_t area, const char *bus, const char *place, int64_t *number,
                            struct fg_error *err)
{
    enum fg_code code = fg_query_number(registry->store, number, err,
                                        "SELECT k.number FROM area_bus k WHERE k.area_id = $1 AND k.bus = $2 AND EXISTS (SELECT 1 FROM "
                                        "network_bus b JOIN network n ON n.id = b.network_id WHERE b.bus = k.bus AND n.area_id = $1 "
                                        "AND n.organisation_id = $3)",
                                        "iti", area, bus, fg_registry_party(registry));
    return code == FG_ERR_NOT_FOUND
               ? fg_fail(err, FG_ERR_VALUE, place, "no network that you have uploaded to this area has the bus \"%.60s\"", bus)
               : code;
}

static enum fg_code own_object(struct fg_registry *registry, int64_t area, enum fg_operating_subject subject, int64_t id,
                               const char *place, struct fg_error *err)
{
    int64_t count = 0, party = fg_registry_party(registry);
    char text[FG_ID_TEXT];
    enum fg_code code =
        subject == FG_OPERATING_PORTFOLIO
            ? fg_query_number(registry->store, &count, err,
                              "SELECT count(*) FROM portfolio WHERE id = $1 AND area_id = $2 AND organisation_id = $3", "iii", id, area, party)
            : fg_query_number(registry->store, &count, err,
                              "SELECT count(*) FROM asset s WHERE s.id = $1 AND s.area_id = $2 AND (s.organisation_id = $3 OR "
                              "s.location_id IN (SELECT l.id FROM location l WHERE l.operator_id = $3) OR EXISTS (SELECT 1 FROM "
                              "portfolio_asset m JOIN portfolio f ON f.id = m.portfolio_id WHERE m.asset_id = s.id AND "
                              "f.organisation_id = $3 AND (m.valid_until_us IS NULL OR m.valid_until_us > $4)))",
                              "iiii", id, area, party, registry->now_us);
    if (code == FG_OK && count == 0)
        return fg_fail(err, FG_ERR_VALUE, place, "%s is not yours in this area; name what you own, trade or operate",
                       fg_id_text(subject == FG_OPERATING_PORTFOLIO ? FG_ID_PORTFOLIO : FG_ID_ASSET, id, text));
    if (code == FG_OK && subject == FG_OPERATING_ASSET) {
        code = fg_query_number(registry->store, &count, err, "SELECT count(*) FROM asset WHERE id = $1 AND bus IS NOT NULL", "i", id);
        if (code == FG_OK && count == 0)
            return fg_fail(err, FG_ERR_VALUE, place, "%s has no bus; give it one, so that the grid knows where it is",
                           fg_id_text(FG_ID_ASSET, id, text));
    }
    return code;
}

/* ---- sources ---- */

enum fg_code fg_operating_point_create(struct fg_registry *registry, int64_t area, const struct fg_operating_point *point,
                                       int64_t *id, struct fg_error *err)
{
    enum fg_code code = require_area(registry, area, err);
    if (code == FG_OK && point->is_required)
        code = require_grid(registry, area, "trading waits for a required source", err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_OPERATING_POINT, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO operating_point (id, area_id, organisation_id, name, origin, covers, is_required, deadline_s, "
                      "stale_s, when_stale, created_us, value_version, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                      "$11, 0, 1)",
                      "iiitttiioti", *id, area, fg_registry_party(registry), point->name, point->origin, point->covers,
                      (int64_t)point->is_required, point->deadline_s, point->stale_s, point->when_stale, registry->now_us),
            err, "you have an operating point of this name in the area already");
    return code == FG_OK ? fg_registry_audit(registry, "operating_point.create", FG_ID_OPERATING_POINT, *id, NULL, err) : code;
}

enum fg_code fg_operating_point_period(struct fg_registry *registry, int64_t point, int64_t *period_s, struct fg_error *err)
{
    return fg_registry_found(fg_query_number(registry->store, period_s, err,
                                             "SELECT a.period_s FROM operating_point o JOIN area a ON a.id = o.area_id WHERE o.id = $1 "
                                             "AND o.organisation_id = $2",
                                             "ii", point, fg_registry_party(registry)),
                             FG_ID_OPERATING_POINT, point, "operating point of yours", err);
}

/* Little-endian 64-bit integers; `values` NULL: none is said. */
static void put_values(unsigned char *bytes, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int b = 0; b < 8; b++)
            bytes[8 * i + (size_t)b] = (unsigned char)((uint64_t)(values != NULL ? values[i] : FG_GRID_OWN) >> (8 * b));
}

static enum fg_code enter_row(struct fg_registry *registry, int64_t area, int64_t point, int64_t version, size_t periods,
                              const struct fg_operating_values *values, size_t index, unsigned char *room, struct fg_error *err)
{
    char place[40];
    int64_t subject_id = values->id;
    snprintf(place, sizeof place, "#/values/%zu", index);
    enum fg_code code = values->subject == FG_OPERATING_BUS
                            ? own_bus(registry, area, values->bus, place, &subject_id, err)
                            : own_object(registry, area, values->subject, values->id, place, err);
    if (code != FG_OK)
        return code;
    put_values(room, values->p_w, periods);
    put_values(room + 8 * periods, values->q_var, periods);
    code = fg_registry_unique(registry,
                              fg_change(registry->store, NULL, err,
                                        "INSERT INTO operating_row (point_id, version, subject, subject_id, p, q) VALUES ($1, $2, $3, "
                                        "$4, $5, $6)",
                                        "iiiibb", point, version, (int64_t)values->subject, subject_id, (const void *)room, 8 * periods,
                                        (const void *)(room + 8 * periods), 8 * periods),
                              err, "a bus, asset or portfolio is named twice");
    return code;
}

enum fg_code fg_operating_point_enter(struct fg_registry *registry, int64_t point, int64_t first_period, int64_t period_count,
                                      const struct fg_operating_values *values, size_t count, int64_t *version,
                                      struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT area_id, value_version + 1 FROM operating_point WHERE id = $1 AND organisation_id = $2", "ii", point,
                     fg_registry_party(registry)),
        FG_ID_OPERATING_POINT, point, "operating point of yours", err);
    if (code != FG_OK)
        return code;
    int64_t area = fg_sql_column_int64(sql, 0);
    *version = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    if (first_period < 0 || first_period > INT32_MAX - 100000)
        return fg_fail(err, FG_ERR_VALUE, "#/start", "lies outside of the calendar");
    unsigned char *room = fg_alloc((size_t)period_count, 16);
    if (room == NULL)
        return fg_fail_memory(err);
    code = fg_change(registry->store, NULL, err, "UPDATE operating_point SET value_version = $2, version = version + 1 WHERE id = $1", "ii",
                     point, *version);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO operating_version (point_id, version, first_period, period_count, entered_by, entered_us) VALUES "
                         "($1, $2, $3, $4, $5, $6)",
                         "iiiiii", point, *version, first_period, period_count, registry->actor.user, registry->now_us);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = enter_row(registry, area, point, *version, (size_t)period_count, &values[i], i, room, err);
    fg_free(room);
    char detail[60];
    snprintf(detail, sizeof detail, "{\"version\":%lld}", (long long)*version);
    return code == FG_OK ? fg_registry_audit(registry, "operating_point.enter", FG_ID_OPERATING_POINT, point, detail, err) : code;
}

/* ---- conditions ---- */

enum fg_code fg_condition_check(struct fg_registry *registry, int64_t area, const struct fg_condition *condition, struct fg_error *err)
{
    int64_t network = 0;
    struct fg_grid_model *model = NULL;
    enum fg_code code = require_area(registry, area, err);
    if (code == FG_OK)
        code = require_grid(registry, area, "conditions of the grid are set by its operator", err);
    if (code == FG_OK) /* the area's, else the newest of the operator */
        code = fg_query_number(registry->store, &network, err,
                               "SELECT COALESCE((SELECT n.id FROM area a JOIN network n ON n.id = a.network_id WHERE a.id = $1 AND "
                               "n.organisation_id = $2), (SELECT MAX(n.id) FROM network n WHERE n.area_id = $1 AND n.organisation_id = $2))",
                               "ii", area, fg_registry_party(registry));
    if (code == FG_OK)
        code = fg_network_model_load(registry->store, network, &model, err);
    if (code == FG_OK && !fg_grid_model_has(model, condition->kind, condition->element))
        code = fg_fail(err, FG_ERR_VALUE, "#/element", "net-%lld has no such element \"%.60s\" for a condition of this kind",
                       (long long)network, condition->element);
    fg_grid_model_release(model);
    return code;
}

enum fg_code fg_condition_create(struct fg_registry *registry, int64_t area, const struct fg_condition *condition, int64_t *id,
                                 struct fg_error *err)
{
    enum fg_code code = require_area(registry, area, err);
    if (code == FG_OK)
        code = require_grid(registry, area, "conditions of the grid are set by its operator", err);
    if (code == FG_OK && condition->until_us != 0 && condition->until_us <= condition->from_us)
        code = fg_fail(err, FG_ERR_VALUE, "#/until", "must lie after `from`");
    if (code == FG_OK && condition->kind == FG_GRID_VOLTAGE && condition->limit[0] >= condition->limit[1])
        code = fg_fail(err, FG_ERR_VALUE, "#/voltage_max", "must lie above `voltage_min`");
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_CONDITION, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO grid_condition (id, area_id, organisation_id, kind, element, is_closed, limit_low, limit_high, "
                         "from_us, until_us, reason, entered_by, entered_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                         "$11, $12, $13, 1)",
                         "iiittiiiiotii", *id, area, fg_registry_party(registry), fg_grid_condition_words[condition->kind],
                         condition->element, (int64_t)condition->is_closed, condition->limit[0], condition->limit[1], condition->from_us,
                         condition->until_us, condition->reason, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "grid_condition.create", FG_ID_CONDITION, *id, NULL, err) : code;
}

enum fg_code fg_condition_end(struct fg_registry *registry, int64_t id, int64_t until_us, struct fg_error *err)
{
    int64_t from_us, changes = 0, end_us = until_us != 0 ? until_us : registry->now_us;
    enum fg_code code = fg_registry_found(fg_query_number(registry->store, &from_us, err,
                                                          "SELECT from_us FROM grid_condition WHERE id = $1 AND organisation_id = $2",
                                                          "ii", id, fg_registry_party(registry)),
                                          FG_ID_CONDITION, id, "condition of yours", err);
    bool has_begun = end_us > from_us;
    if (code == FG_OK && !has_begun) /* the audit log remembers it */
        code = fg_change(registry->store, &changes, err, "DELETE FROM grid_condition WHERE id = $1", "i", id);
    if (code == FG_OK && has_begun)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE grid_condition SET until_us = $2, version = version + 1 WHERE id = $1 AND (until_us IS NULL OR until_us > $2)",
                         "ii", id, end_us);
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the condition ends before that already");
    return code == FG_OK ? fg_registry_audit(registry, "grid_condition.end", FG_ID_CONDITION, id, NULL, err) : code;
}

/* ---- the area's rule ---- */

enum fg_code fg_network_rule_set(struct fg_registry *registry, int64_t area, const char *fallback, struct fg_error *err)
{
    int64_t operator_id;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &operator_id, err, "SELECT operator_id FROM area WHERE id = $1", "i", area), FG_ID_AREA, area,
        "market area", err);
    if (code == FG_OK && operator_id != registry->actor.organisation)
        code = fg_fail(err, FG_ERR_DENIED, NULL, "this market area is another operator's");
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO network_rule (area_id, fallback, set_by, set_us) VALUES ($1, $2, $3, $4) ON CONFLICT (area_id) DO "
                         "UPDATE SET fallback = excluded.fallback, set_by = excluded.set_by, set_us = excluded.set_us",
                         "itii", area, fallback, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "network_rule.set", FG_ID_AREA, area, NULL, err) : code;
}
