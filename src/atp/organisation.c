#include "atp/organisation.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

const char *const fg_decision_words[] = {"accept", "refuse", "suspend", "resume", NULL};

#define TRADING_ROLES                                                                                                  \
    (FG_BIT(FG_ROLE_ESP) | FG_BIT(FG_ROLE_RESP) | FG_BIT(FG_ROLE_AGGREGATOR) | FG_BIT(FG_ROLE_RETAILER) |              \
     FG_BIT(FG_ROLE_BRP) | FG_BIT(FG_ROLE_MARKET_OPERATOR) | FG_BIT(FG_ROLE_PROSUMER))

static enum fg_code check_roles(uint32_t roles, struct fg_error *err)
{
    static const enum fg_role alone[] = {FG_ROLE_FMO, FG_ROLE_REGULATOR, FG_ROLE_OBSERVER};
    if ((roles & FG_BIT(FG_ROLE_MARKET_OPERATOR)) && !(roles & FG_BIT(FG_ROLE_BRP)))
        return fg_fail(err, FG_ERR_VALUE, "#/roles", "a market operator takes part only as balance responsible party; add brp");
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if ((roles & FG_BIT(alone[i])) && roles != FG_BIT(alone[i]))
            return fg_fail(err, FG_ERR_VALUE, "#/roles", "%s is a role on its own; register another organisation for the rest",
                           fg_role_words[alone[i]]);
    if ((roles & (FG_BIT(FG_ROLE_DSO) | FG_BIT(FG_ROLE_TSO))) && (roles & TRADING_ROLES))
        return fg_fail(err, FG_ERR_VALUE, "#/roles", "a system operator sells no flexibility (unbundling); leave the other roles out");
    return FG_OK;
}

static enum fg_code create(struct fg_registry *registry, const struct fg_organisation *organisation, const char *status,
                           const struct fg_new_user *administrator, int64_t *id, int64_t *user, struct fg_error *err)
{
    enum fg_code code = check_roles(organisation->roles, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_ORGANISATION, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO organisation (id, name, roles, status, country, vat_number, eic, address, iban, "
                      "created_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)",
                      "ititttttti", *id, organisation->name, (int64_t)organisation->roles, status, organisation->country,
                      organisation->vat_number, organisation->eic, organisation->address, organisation->iban,
                      registry->now_us),
            err, "an organisation of this name is registered already");
    registry->actor.organisation = *id;
    if (code == FG_OK)
        code = fg_user_create(registry, *id, administrator, FG_DUTIES_ALL, user, err);
    return code == FG_OK ? fg_registry_audit(registry, "organisation.register", FG_ID_ORGANISATION, *id, NULL, err) : code;
}

enum fg_code fg_organisation_register(struct fg_registry *registry, const struct fg_organisation *organisation,
                                      const struct fg_new_user *administrator, int64_t *id, int64_t *user,
                                      struct fg_error *err)
{
    if (organisation->roles & FG_BIT(FG_ROLE_FMO))
        return fg_fail(err, FG_ERR_VALUE, "#/roles", "the market operator of a platform is set up with flexgridd --init");
    return create(registry, organisation, "pending", administrator, id, user, err);
}

enum fg_code fg_organisation_found(struct fg_registry *registry, const struct fg_organisation *organisation,
                                   const struct fg_new_user *administrator, int64_t *id, int64_t *user,
                                   struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code = fg_query_number(registry->store, &count, err, "SELECT count(*) FROM organisation", "");
    if (code == FG_OK && count > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "this platform has been set up already; log in as its administrator");
    return code == FG_OK ? create(registry, organisation, "active", administrator, id, user, err) : code;
}

const char *fg_decision_next(const char *status, enum fg_decision decision, const char *accepted)
{
    bool is_pending = strcmp(status, "pending") == 0;
    switch (decision) {
    case FG_DECISION_ACCEPT: return is_pending || strcmp(status, "refused") == 0 ? accepted : NULL;
    case FG_DECISION_REFUSE: return is_pending ? "refused" : NULL;
    case FG_DECISION_SUSPEND: return strcmp(status, accepted) == 0 ? "suspended" : NULL;
    case FG_DECISION_RESUME: return strcmp(status, "suspended") == 0 ? accepted : NULL;
    }
    return NULL;
}

enum fg_code fg_organisation_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                                    struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT status FROM organisation WHERE id = $1", "i", id),
        FG_ID_ORGANISATION, id, "organisation", err);
    if (code != FG_OK)
        return code;
    char status[16];
    snprintf(status, sizeof status, "%s", fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    const char *next = fg_decision_next(status, decision, "active");
    if (!fg_registry_is(registry, FG_ROLE_FMO))
        return fg_fail(err, FG_ERR_DENIED, NULL, "the market operator decides about organisations");
    if (id == registry->actor.organisation)
        return fg_fail(err, FG_ERR_DENIED, NULL, "nobody decides about the own organisation");
    if (next == NULL)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the organisation is %s; \"%s\" is not possible", status,
                       fg_decision_words[decision]);
    code = fg_change(registry->store, NULL, err,
                     "UPDATE organisation SET status = $2, decided_us = $3, decided_by = $4, reason = $5, "
                     "version = version + 1 WHERE id = $1",
                     "itiit", id, next, registry->now_us, registry->actor.user, reason);
    char detail[48];
    snprintf(detail, sizeof detail, "{\"status\":\"%s\"}", next);
    return code == FG_OK ? fg_registry_audit(registry, "organisation.decide", FG_ID_ORGANISATION, id, detail, err) : code;
}

enum fg_code fg_organisation_change(struct fg_registry *registry, int64_t version, const struct fg_organisation *change,
                                    struct fg_error *err)
{
    int64_t changes = 0, id = fg_registry_party(registry);
    enum fg_code code = fg_change(
        registry->store, &changes, err,
        "UPDATE organisation SET address = COALESCE($3, address), vat_number = COALESCE($4, vat_number), "
        "eic = COALESCE($5, eic), iban = COALESCE($6, iban), version = version + 1 WHERE id = $1 AND version = $2",
        "iitttt", id, version, change->address, change->vat_number, change->eic, change->iban);
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the organisation has changed meanwhile; read it again");
    return code == FG_OK ? fg_registry_audit(registry, "organisation.change", FG_ID_ORGANISATION, id, NULL, err) : code;
}

/* ---- mandates ---- */
static enum fg_code revoke(struct fg_registry *registry, int64_t agent, int64_t *changes, struct fg_error *err)
{
    return fg_change(registry->store, changes, err,
                     "UPDATE mandate SET revoked_us = $3 WHERE principal_id = $1 AND agent_id = $2 AND revoked_us IS NULL",
                     "iii", registry->actor.organisation, agent, registry->now_us);
}

enum fg_code fg_mandate_grant(struct fg_registry *registry, int64_t agent, uint32_t duties, struct fg_error *err)
{
    if (agent == registry->actor.organisation)
        return fg_fail(err, FG_ERR_VALUE, "#/agent", "an organisation acts for itself without a mandate");
    if (duties & FG_BIT(FG_DUTY_ADMINISTRATOR))
        return fg_fail(err, FG_ERR_VALUE, "#/duties", "administration is not delegated; leave administrator out");
    enum fg_code code = fg_registry_require_role(registry, agent, FG_ROLES_ALL, "participant", err);
    if (code == FG_OK)
        code = revoke(registry, agent, NULL, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO mandate (principal_id, agent_id, duties, granted_us, granted_by) "
                         "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (principal_id, agent_id, granted_us) "
                         "DO UPDATE SET duties = excluded.duties, revoked_us = NULL",
                         "iiiii", registry->actor.organisation, agent, (int64_t)duties, registry->now_us,
                         registry->actor.user);
    char detail[48];
    snprintf(detail, sizeof detail, "{\"duties\":%u}", duties);
    return code == FG_OK ? fg_registry_audit(registry, "mandate.grant", FG_ID_ORGANISATION, agent, detail, err) : code;
}

enum fg_code fg_mandate_revoke(struct fg_registry *registry, int64_t agent, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = revoke(registry, agent, &changes, err);
    if (code == FG_OK && changes == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_ORGANISATION, agent, "mandate of", err);
    return code == FG_OK ? fg_registry_audit(registry, "mandate.revoke", FG_ID_ORGANISATION, agent, NULL, err) : code;
}

enum fg_code fg_mandate_duties(struct fg_store *store, int64_t principal, int64_t agent, uint32_t *duties,
                               struct fg_error *err)
{
    int64_t value = 0;
    enum fg_code code = fg_query_number(store, &value, err,
                                        "SELECT duties FROM mandate WHERE principal_id = $1 AND agent_id = $2 AND "
                                        "revoked_us IS NULL", "ii", principal, agent);
    *duties = code == FG_OK ? (uint32_t)value : 0;
    return code == FG_ERR_NOT_FOUND ? FG_OK : code;
}
