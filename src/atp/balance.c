#include "atp/balance.h"

#include "atp/query.h"

#include <stdio.h>

enum fg_code fg_balance_propose(struct fg_registry *registry, int64_t area, int64_t brp, int64_t from_us, int64_t until_us,
                                struct fg_error *err)
{
    int64_t count = 0, own = fg_registry_party(registry);
    char detail[120], text[FG_ID_TEXT], area_text[FG_ID_TEXT];
    if (until_us != 0 && until_us <= from_us)
        return fg_fail(err, FG_ERR_VALUE, "#/valid_until", "must lie after the begin");
    if (fg_registry_is(registry, FG_ROLE_BRP))
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "a balance responsible party answers for itself");
    enum fg_code code = fg_query_number(registry->store, &count, err, "SELECT count(*) FROM area WHERE id = $1", "i", area);
    if (code == FG_OK && count == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_AREA, area, "market area", err);
    if (code == FG_OK)
        code = fg_registry_require_role(registry, brp, FG_BIT(FG_ROLE_BRP), "balance responsible party", err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO balance_proposal (organisation_id, area_id, brp_id, valid_from_us, valid_until_us, proposed_by) "
                         "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organisation_id, area_id) DO UPDATE SET brp_id = "
                         "excluded.brp_id, valid_from_us = excluded.valid_from_us, valid_until_us = excluded.valid_until_us, "
                         "proposed_by = excluded.proposed_by",
                         "iiiioi", own, area, brp, from_us, until_us, registry->actor.user);
    snprintf(detail, sizeof detail, "{\"area\":\"%s\",\"brp\":\"%s\"}", fg_id_text(FG_ID_AREA, area, area_text),
             fg_id_text(FG_ID_ORGANISATION, brp, text));
    return code == FG_OK ? fg_registry_audit(registry, "own_brp.propose", FG_ID_ORGANISATION, own, detail, err) : code;
}

/* An assignment that begins in the past fills a gap, or nothing. */
static enum fg_code check_span(struct fg_registry *registry, int64_t area, int64_t organisation, int64_t from_us, int64_t until_us,
                               struct fg_error *err)
{
    int64_t past = 0, later = 0;
    enum fg_code code = fg_query_number(registry->store, &past, err,
                                        "SELECT count(*) FROM balance_responsible WHERE organisation_id = $1 AND area_id = $2 AND "
                                        "valid_from_us < $4 AND (valid_until_us IS NULL OR valid_until_us > $3) AND $3 < $4",
                                        "iiii", organisation, area, from_us, registry->now_us);
    if (code == FG_OK && past > 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "another party answers for times that are over; let the organisation propose a span that begins later");
    if (code == FG_OK)
        code = fg_query_number(registry->store, &later, err,
                               "SELECT count(*) FROM balance_responsible WHERE organisation_id = $1 AND area_id = $2 AND "
                               "valid_from_us >= $3 AND ($4 = 0 OR valid_from_us < $4)",
                               "iiii", organisation, area, from_us, until_us);
    if (code == FG_OK && later > 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "a later assignment overlaps; let the organisation propose another span");
    return code;
}

enum fg_code fg_balance_confirm(struct fg_registry *registry, int64_t area, int64_t organisation, struct fg_error *err)
{
    struct fg_sql *sql;
    char detail[60], text[FG_ID_TEXT];
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT valid_from_us, valid_until_us FROM balance_proposal WHERE organisation_id = $1 AND area_id = $2 AND "
                     "brp_id = $3",
                     "iii", organisation, area, fg_registry_party(registry)),
        FG_ID_ORGANISATION, organisation, "proposal of", err);
    if (code != FG_OK)
        return code;
    int64_t from_us = fg_sql_column_int64(sql, 0), until_us = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    code = check_span(registry, area, organisation, from_us, until_us, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE balance_responsible SET valid_until_us = $3 WHERE organisation_id = $1 AND area_id = $2 AND "
                         "valid_from_us < $3 AND (valid_until_us IS NULL OR valid_until_us > $3)",
                         "iii", organisation, area, from_us);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO balance_responsible (organisation_id, area_id, valid_from_us, valid_until_us, brp_id, "
                         "assigned_by) VALUES ($1, $2, $3, $4, $5, $6)",
                         "iiioii", organisation, area, from_us, until_us, fg_registry_party(registry), registry->actor.user);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM balance_proposal WHERE organisation_id = $1 AND area_id = $2", "ii",
                         organisation, area);
    snprintf(detail, sizeof detail, "{\"area\":\"%s\"}", fg_id_text(FG_ID_AREA, area, text));
    return code == FG_OK ? fg_registry_audit(registry, "own_brp.confirm", FG_ID_ORGANISATION, organisation, detail, err) : code;
}

enum fg_code fg_balance_party(struct fg_store *store, int64_t area, int64_t organisation, int64_t at_us, int64_t *party,
                              struct fg_error *err)
{
    struct fg_sql *sql;
    *party = 0;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT o.roles, b.brp_id FROM organisation o LEFT JOIN balance_responsible b ON "
                                     "b.organisation_id = o.id AND b.area_id = $2 AND b.valid_from_us <= $3 AND (b.valid_until_us "
                                     "IS NULL OR b.valid_until_us > $3) WHERE o.id = $1",
                                     "iii", organisation, area, at_us);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK;
    if (code != FG_OK)
        return code;
    *party = fg_sql_column_int64(sql, 0) & (int64_t)FG_BIT(FG_ROLE_BRP) ? organisation : fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    return FG_OK;
}
