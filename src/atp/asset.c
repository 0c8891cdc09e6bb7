#include "atp/asset.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

static enum fg_code check(struct fg_registry *registry, const struct fg_asset *asset, struct fg_error *err)
{
    int64_t count = 0, area = 0;
    if (asset->p_min_w > asset->p_max_w)
        return fg_fail(err, FG_ERR_VALUE, "#/p_max", "the highest power must not lie below the lowest");
    if (asset->p_min_w < -asset->s_max_va || asset->p_max_w > asset->s_max_va)
        return fg_fail(err, FG_ERR_VALUE, "#/s_max", "the apparent power must cover the active power");
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &area, err, "SELECT area_id FROM location WHERE id = $1 AND status = 'published'", "i",
                        asset->location),
        FG_ID_LOCATION, asset->location, "published location", err);
    if (code == FG_OK && area != asset->area)
        code = fg_fail(err, FG_ERR_VALUE, "#/location", "the location lies in another market area");
    if (code == FG_OK && asset->bus != NULL)
        code = fg_query_number(registry->store, &count, err,
                               "SELECT count(*) FROM location_bus WHERE location_id = $1 AND bus = $2", "it", asset->location,
                               asset->bus);
    if (code == FG_OK && asset->bus != NULL && count == 0)
        code = fg_fail(err, FG_ERR_VALUE, "#/bus", "the location has no such bus; ask the system operator");
    return code;
}

static enum fg_code set_attributes(struct fg_registry *registry, int64_t id, const struct fg_asset *asset, struct fg_error *err)
{
    enum fg_code code = fg_change(registry->store, NULL, err, "DELETE FROM asset_attribute WHERE asset_id = $1", "i", id);
    for (size_t i = 0; i < asset->attribute_count && code == FG_OK; i++) {
        const struct fg_asset_attribute *a = &asset->attributes[i];
        if (strcmp(a->kind, "number") == 0)
            code = fg_change(registry->store, NULL, err,
                             "INSERT INTO asset_attribute (asset_id, name, kind, number_value) VALUES ($1, $2, $3, $4)", "ittd", id,
                             a->name, a->kind, a->number);
        else if (strcmp(a->kind, "text") == 0)
            code = fg_change(registry->store, NULL, err,
                             "INSERT INTO asset_attribute (asset_id, name, kind, text_value) VALUES ($1, $2, $3, $4)", "ittt", id,
                             a->name, a->kind, a->text);
        else
            code = fg_change(registry->store, NULL, err,
                             "INSERT INTO asset_attribute (asset_id, name, kind, integer_value) VALUES ($1, $2, $3, $4)", "itti", id,
                             a->name, a->kind, a->integer);
        code = fg_registry_unique(registry, code, err, "two attributes have the same name");
    }
    return code;
}

enum fg_code fg_asset_create(struct fg_registry *registry, const struct fg_asset *asset, int64_t *id, struct fg_error *err)
{
    enum fg_code code = check(registry, asset, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_ASSET, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO asset (id, organisation_id, area_id, name, technology, location_id, bus, metering_point, "
                      "p_min_w, p_max_w, s_max_va, energy_ws, grid_status, created_us, version) VALUES "
                      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13, 1)",
                      "iiittittiiioi", *id, fg_registry_party(registry), asset->area, asset->name, asset->technology,
                      asset->location, asset->bus, asset->metering_point, asset->p_min_w, asset->p_max_w, asset->s_max_va,
                      asset->energy_ws, registry->now_us),
            err, "the organisation has an asset of this name already");
    if (code == FG_OK)
        code = set_attributes(registry, *id, asset, err);
    return code == FG_OK ? fg_registry_audit(registry, "asset.create", FG_ID_ASSET, *id, NULL, err) : code;
}

static enum fg_code require_own(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t one;
    return fg_registry_found(fg_query_number(registry->store, &one, err,
                                             "SELECT 1 FROM asset WHERE id = $1 AND organisation_id = $2", "ii", id,
                                             fg_registry_party(registry)),
                             FG_ID_ASSET, id, "own asset", err);
}

enum fg_code fg_asset_change(struct fg_registry *registry, int64_t id, int64_t version, const struct fg_asset *asset,
                             struct fg_error *err)
{
    struct fg_asset whole = *asset;
    int64_t changes = 0;
    enum fg_code code = require_own(registry, id, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &whole.area, err, "SELECT area_id FROM asset WHERE id = $1", "i", id);
    if (code == FG_OK)
        code = check(registry, &whole, err);
    /* What the system operator looked at is what it approved. */
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE asset SET grid_status = CASE WHEN location_id <> $3 OR COALESCE(bus, '') <> COALESCE($4, '') OR "
                         "p_min_w <> $5 OR p_max_w <> $6 OR s_max_va <> $7 THEN 'pending' ELSE grid_status END, "
                         "location_id = $3, bus = $4, p_min_w = $5, p_max_w = $6, s_max_va = $7, energy_ws = $8, "
                         "technology = $9, metering_point = $10, version = version + 1 WHERE id = $1 AND version = $2",
                         "iiitiiiott", id, version, asset->location, asset->bus, asset->p_min_w, asset->p_max_w,
                         asset->s_max_va, asset->energy_ws, asset->technology, asset->metering_point);
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the asset has changed meanwhile; read it again");
    if (code == FG_OK)
        code = set_attributes(registry, id, asset, err);
    return code == FG_OK ? fg_registry_audit(registry, "asset.change", FG_ID_ASSET, id, NULL, err) : code;
}

enum fg_code fg_asset_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    char status[16];
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT s.grid_status FROM asset s JOIN location l ON l.id = s.location_id WHERE s.id = $1 AND "
                     "l.operator_id = $2", "ii", id, fg_registry_party(registry)),
        FG_ID_ASSET, id, "asset at an own location", err);
    if (code != FG_OK)
        return code;
    snprintf(status, sizeof status, "%s", fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    const char *next = fg_decision_next(status, decision, "approved");
    if (next == NULL)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the asset is %s; \"%s\" is not possible", status, fg_decision_words[decision]);
    code = fg_change(registry->store, NULL, err,
                     "UPDATE asset SET grid_status = $2, grid_reason = $3, grid_decided_by = $4, grid_decided_us = $5, "
                     "version = version + 1 WHERE id = $1", "ittii", id, next, reason, registry->actor.user, registry->now_us);
    char detail[48];
    snprintf(detail, sizeof detail, "{\"grid_status\":\"%s\"}", next);
    return code == FG_OK ? fg_registry_audit(registry, "asset.decide", FG_ID_ASSET, id, detail, err) : code;
}

static enum fg_code touch(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    return fg_change(registry->store, NULL, err, "UPDATE asset SET version = version + 1 WHERE id = $1", "i", id);
}

enum fg_code fg_asset_propose_brp(struct fg_registry *registry, int64_t id, int64_t brp, int64_t from_us, int64_t until_us,
                                  struct fg_error *err)
{
    if (until_us != 0 && until_us <= from_us)
        return fg_fail(err, FG_ERR_VALUE, "#/valid_until", "must lie after the begin");
    enum fg_code code = require_own(registry, id, err);
    if (code == FG_OK)
        code = fg_registry_require_role(registry, brp, FG_BIT(FG_ROLE_BRP), "balance responsible party", err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO brp_proposal (asset_id, brp_id, valid_from_us, valid_until_us, proposed_by) VALUES "
                         "($1, $2, $3, $4, $5) ON CONFLICT (asset_id) DO UPDATE SET brp_id = excluded.brp_id, valid_from_us = "
                         "excluded.valid_from_us, valid_until_us = excluded.valid_until_us, proposed_by = excluded.proposed_by",
                         "iiioi", id, brp, from_us, until_us, registry->actor.user);
    if (code == FG_OK)
        code = touch(registry, id, err);
    return code == FG_OK ? fg_registry_audit(registry, "brp.propose", FG_ID_ASSET, id, NULL, err) : code;
}

enum fg_code fg_asset_confirm_brp(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t overlapping = 0;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT valid_from_us, valid_until_us FROM brp_proposal WHERE asset_id = $1 AND brp_id = $2", "ii", id,
                     fg_registry_party(registry)),
        FG_ID_ASSET, id, "proposal for", err);
    if (code != FG_OK)
        return code;
    int64_t from_us = fg_sql_column_int64(sql, 0), until_us = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    /* The one that is open or runs at the begin ends there; later ones stand in the way. */
    code = fg_change(registry->store, NULL, err,
                     "UPDATE brp_assignment SET valid_until_us = $2 WHERE asset_id = $1 AND valid_from_us < $2 AND "
                     "(valid_until_us IS NULL OR valid_until_us > $2)", "ii", id, from_us);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &overlapping, err,
                               "SELECT count(*) FROM brp_assignment WHERE asset_id = $1 AND valid_from_us >= $2 AND "
                               "($3 = 0 OR valid_from_us < $3)", "iii", id, from_us, until_us);
    if (code == FG_OK && overlapping > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "a later assignment overlaps; let the owner propose another span");
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO brp_assignment (asset_id, valid_from_us, valid_until_us, brp_id, assigned_by) VALUES "
                         "($1, $2, $3, $4, $5)", "iioii", id, from_us, until_us, fg_registry_party(registry), registry->actor.user);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM brp_proposal WHERE asset_id = $1", "i", id);
    if (code == FG_OK)
        code = touch(registry, id, err);
    return code == FG_OK ? fg_registry_audit(registry, "brp.confirm", FG_ID_ASSET, id, NULL, err) : code;
}
