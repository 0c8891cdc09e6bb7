#include "atp/portfolio.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

#define SELLING_ROLES (FG_BIT(FG_ROLE_ESP) | FG_BIT(FG_ROLE_RESP) | FG_BIT(FG_ROLE_AGGREGATOR) | FG_BIT(FG_ROLE_BRP))

enum fg_code fg_portfolio_create(struct fg_registry *registry, int64_t area, const char *name, int64_t location, int64_t *id,
                                 struct fg_error *err)
{
    int64_t location_area;
    if ((registry->roles & SELLING_ROLES) == 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       registry->roles & FG_BIT(FG_ROLE_RETAILER)
                           ? "a retailer without balance responsibility trades through an aggregator; give one a mandate"
                           : "who only owns assets trades through an aggregator; give one a mandate");
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &location_area, err, "SELECT area_id FROM location WHERE id = $1 AND status = 'published'",
                        "i", location),
        FG_ID_LOCATION, location, "published location", err);
    if (code == FG_OK && location_area != area)
        code = fg_fail(err, FG_ERR_VALUE, "#/location", "the location lies in another market area");
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_PORTFOLIO, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO portfolio (id, organisation_id, area_id, name, location_id, status, created_us, version) "
                      "VALUES ($1, $2, $3, $4, $5, 'pending', $6, 1)", "iiitii", *id, fg_registry_party(registry), area, name,
                      location, registry->now_us),
            err, "the organisation has a portfolio of this name already");
    return code == FG_OK ? fg_registry_audit(registry, "portfolio.create", FG_ID_PORTFOLIO, *id, NULL, err) : code;
}

static enum fg_code require_own(struct fg_registry *registry, int64_t id, int64_t *location, struct fg_error *err)
{
    return fg_registry_found(fg_query_number(registry->store, location, err,
                                             "SELECT location_id FROM portfolio WHERE id = $1 AND organisation_id = $2", "ii",
                                             id, fg_registry_party(registry)),
                             FG_ID_PORTFOLIO, id, "own portfolio", err);
}

/* Rule 5: the asset's owner agrees. */
static enum fg_code require_right_to(struct fg_registry *registry, int64_t asset, int64_t location, struct fg_error *err)
{
    struct fg_sql *sql;
    uint32_t duties;
    int64_t below = 0;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT organisation_id, location_id FROM asset WHERE id = $1", "i", asset),
        FG_ID_ASSET, asset, "asset", err);
    if (code != FG_OK)
        return code;
    int64_t owner = fg_sql_column_int64(sql, 0), at = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    if (owner != fg_registry_party(registry)) {
        code = fg_mandate_duties(registry->store, owner, fg_registry_party(registry), &duties, err);
        if (code == FG_OK && (duties & (FG_BIT(FG_DUTY_OPERATOR) | FG_BIT(FG_DUTY_TRADER))) == 0)
            code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_ASSET, asset, "asset with its owner's mandate", err);
    }
    if (code == FG_OK)
        code = fg_query_number(registry->store, &below, err,
                               "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM location WHERE id = $1 UNION ALL "
                               "SELECT l.id, l.parent_id FROM location l JOIN up ON l.id = up.parent_id) "
                               "SELECT count(*) FROM up WHERE id = $2", "ii", at, location);
    if (code == FG_OK && below == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the asset does not lie at or below the portfolio's location");
    return code;
}

/* Rule 4, for the instant: how many BRPs the portfolio's assets have. */
static enum fg_code count_brps(struct fg_registry *registry, int64_t portfolio, int64_t at_us, int64_t *count, struct fg_error *err)
{
    return fg_query_number(registry->store, count, err,
                           "SELECT count(DISTINCT b.brp_id) FROM portfolio_asset m JOIN brp_assignment b ON b.asset_id = m.asset_id "
                           "WHERE m.portfolio_id = $1 AND m.valid_from_us <= $2 AND (m.valid_until_us IS NULL OR m.valid_until_us > $2) "
                           "AND b.valid_from_us <= $2 AND (b.valid_until_us IS NULL OR b.valid_until_us > $2)", "ii", portfolio, at_us);
}

static enum fg_code touch(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    return fg_change(registry->store, NULL, err, "UPDATE portfolio SET version = version + 1 WHERE id = $1", "i", id);
}

enum fg_code fg_portfolio_add(struct fg_registry *registry, int64_t id, int64_t asset, int64_t from_us, int64_t until_us,
                              struct fg_error *err)
{
    int64_t location, overlapping = 0, brps = 0;
    if (from_us < registry->now_us)
        return fg_fail(err, FG_ERR_VALUE, "#/valid_from", "must not lie in the past");
    if (until_us != 0 && until_us <= from_us)
        return fg_fail(err, FG_ERR_VALUE, "#/valid_until", "must lie after the begin");
    enum fg_code code = require_own(registry, id, &location, err);
    if (code == FG_OK)
        code = require_right_to(registry, asset, location, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &overlapping, err,
                               "SELECT count(*) FROM portfolio_asset WHERE asset_id = $1 AND (valid_until_us IS NULL OR "
                               "valid_until_us > $2) AND ($3 = 0 OR valid_from_us < $3)", "iii", asset, from_us, until_us);
    if (code == FG_OK && overlapping > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the asset is in a portfolio at that time; let it leave first");
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO portfolio_asset (asset_id, valid_from_us, valid_until_us, portfolio_id) VALUES ($1, $2, $3, $4) "
                         "ON CONFLICT (asset_id, valid_from_us) DO UPDATE SET valid_until_us = excluded.valid_until_us, "
                         "portfolio_id = excluded.portfolio_id", "iioi", asset, from_us, until_us, id);
    if (code == FG_OK)
        code = count_brps(registry, id, from_us, &brps, err);
    if (code == FG_OK && brps > 1 && !fg_registry_is(registry, FG_ROLE_BRP))
        code = fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "an independent aggregator's portfolio holds assets of one balance responsible party; make another portfolio");
    if (code == FG_OK)
        code = touch(registry, id, err);
    return code == FG_OK ? fg_registry_audit(registry, "portfolio.add", FG_ID_PORTFOLIO, id, NULL, err) : code;
}

enum fg_code fg_portfolio_remove(struct fg_registry *registry, int64_t id, int64_t asset, int64_t until_us,
                                 struct fg_error *err)
{
    int64_t location, changes = 0, removed = 0;
    if (until_us < registry->now_us)
        return fg_fail(err, FG_ERR_VALUE, "?at", "must not lie in the past");
    enum fg_code code = require_own(registry, id, &location, err);
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE portfolio_asset SET valid_until_us = $3 WHERE portfolio_id = $1 AND asset_id = $2 AND "
                         "valid_from_us < $3 AND (valid_until_us IS NULL OR valid_until_us > $3)", "iii", id, asset, until_us);
    if (code == FG_OK) /* what would only have begun then */
        code = fg_change(registry->store, &removed, err,
                         "DELETE FROM portfolio_asset WHERE portfolio_id = $1 AND asset_id = $2 AND valid_from_us >= $3", "iii", id,
                         asset, until_us);
    if (code == FG_OK && changes + removed == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_ASSET, asset, "asset in the portfolio", err);
    if (code == FG_OK)
        code = touch(registry, id, err);
    return code == FG_OK ? fg_registry_audit(registry, "portfolio.remove", FG_ID_PORTFOLIO, id, NULL, err) : code;
}

enum fg_code fg_portfolio_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                                 struct fg_error *err)
{
    struct fg_sql *sql;
    char status[16];
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT p.status FROM portfolio p JOIN area a ON a.id = p.area_id WHERE p.id = $1 AND a.operator_id = $2", "ii",
                     id, registry->actor.organisation),
        FG_ID_PORTFOLIO, id, "portfolio in an own market area", err);
    if (code != FG_OK)
        return code;
    snprintf(status, sizeof status, "%s", fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    const char *next = fg_decision_next(status, decision, "approved");
    if (next == NULL)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the portfolio is %s; \"%s\" is not possible", status, fg_decision_words[decision]);
    code = fg_change(registry->store, NULL, err,
                     "UPDATE portfolio SET status = $2, reason = $3, decided_by = $4, decided_us = $5, version = version + 1 "
                     "WHERE id = $1", "ittii", id, next, reason, registry->actor.user, registry->now_us);
    char detail[48];
    snprintf(detail, sizeof detail, "{\"status\":\"%s\"}", next);
    return code == FG_OK ? fg_registry_audit(registry, "portfolio.decide", FG_ID_PORTFOLIO, id, detail, err) : code;
}

/* ---- prequalification ---- */
static const char *const kinds[] = {"product", "grid"};

enum fg_code fg_prequalification_ask(struct fg_registry *registry, int64_t portfolio, int64_t product, int64_t up_w,
                                     int64_t down_w, struct fg_error *err)
{
    int64_t location, same = 0;
    enum fg_code code = require_own(registry, portfolio, &location, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &same, err,
                               "SELECT count(*) FROM product d JOIN portfolio p ON p.area_id = d.area_id WHERE d.id = $1 AND p.id = $2",
                               "ii", product, portfolio);
    if (code == FG_OK && same == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_PRODUCT, product, "product in the portfolio's market area", err);
    for (size_t i = 0; i < 2 && code == FG_OK; i++) {
        int64_t id = 0, suspended = 0;
        code = fg_query_number(registry->store, &suspended, err,
                               "SELECT count(*) FROM prequalification WHERE portfolio_id = $1 AND product_id = $2 AND "
                               "status = 'suspended'", "ii", portfolio, product);
        if (code == FG_OK && suspended > 0)
            return fg_fail(err, FG_ERR_CONFLICT, NULL, "the prequalification is suspended; only who suspended it can resume it");
        code = fg_registry_next(registry, FG_ID_PREQUALIFICATION, &id, err);
        if (code == FG_OK)
            code = fg_change(registry->store, NULL, err,
                             "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) "
                             "VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, 1) ON CONFLICT (portfolio_id, product_id, kind) DO UPDATE SET "
                             "status = 'pending', up_w = excluded.up_w, down_w = excluded.down_w, asked_us = excluded.asked_us, "
                             "version = prequalification.version + 1", "iiitiii", id, portfolio, product, kinds[i], up_w, down_w,
                             registry->now_us);
    }
    return code == FG_OK ? fg_registry_audit(registry, "prequalification.ask", FG_ID_PORTFOLIO, portfolio, NULL, err) : code;
}

enum fg_code fg_prequalification_decide(struct fg_registry *registry, int64_t id,
                                        const struct fg_prequalification_decision *decision, struct fg_error *err)
{
    struct fg_sql *sql;
    char status[16];
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT q.status, q.up_w, q.down_w FROM prequalification q JOIN portfolio p ON p.id = q.portfolio_id "
                     "JOIN area a ON a.id = p.area_id JOIN location l ON l.id = p.location_id WHERE q.id = $1 AND "
                     "((q.kind = 'product' AND a.operator_id = $2) OR (q.kind = 'grid' AND l.operator_id = $2))", "ii", id,
                     fg_registry_party(registry)),
        FG_ID_PREQUALIFICATION, id, "prequalification to be decided by you", err);
    if (code != FG_OK)
        return code;
    snprintf(status, sizeof status, "%s", fg_sql_column_text(sql, 0));
    int64_t up_w = fg_sql_column_int64(sql, 1), down_w = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    const char *next = fg_decision_next(status, decision->decision, "approved");
    if (next == NULL)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the prequalification is %s; \"%s\" is not possible", status,
                       fg_decision_words[decision->decision]);
    if (decision->up_w > up_w || decision->down_w > down_w)
        return fg_fail(err, FG_ERR_VALUE, "#/up", "not more than what was asked for can be approved");
    if (decision->until_us != 0 && decision->until_us <= decision->from_us)
        return fg_fail(err, FG_ERR_VALUE, "#/valid_until", "must lie after the begin");
    bool accepts = decision->decision == FG_DECISION_ACCEPT;
    code = fg_change(registry->store, NULL, err,
                     "UPDATE prequalification SET status = $2, up_w = $3, down_w = $4, valid_from_us = CASE WHEN $5 = 1 THEN $6 ELSE "
                     "valid_from_us END, valid_until_us = CASE WHEN $5 = 1 THEN $7 ELSE valid_until_us END, reason = $8, "
                     "decided_by = $9, decided_us = $10, version = version + 1 WHERE id = $1", "itiiiootii", id, next,
                     accepts && decision->up_w >= 0 ? decision->up_w : up_w,
                     accepts && decision->down_w >= 0 ? decision->down_w : down_w, (int64_t)accepts, decision->from_us,
                     decision->until_us, decision->reason, registry->actor.user, registry->now_us);
    char detail[48];
    snprintf(detail, sizeof detail, "{\"status\":\"%s\"}", next);
    return code == FG_OK ? fg_registry_audit(registry, "prequalification.decide", FG_ID_PREQUALIFICATION, id, detail, err) : code;
}
