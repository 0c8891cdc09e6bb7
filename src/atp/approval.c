#include "atp/approval.h"

#include "atp/query.h"

#include <string.h>

const char *const fg_approval_action_words[] = {"limits.set", "trade.cancel", "settlement.release", NULL};

enum fg_code fg_approval_ask(struct fg_registry *registry, enum fg_approval_action action, const char *object,
                             const char *detail, int64_t *id, struct fg_error *err)
{
    enum fg_code code = fg_registry_next(registry, FG_ID_APPROVAL, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO approval (id, action, object, detail, organisation_id, asked_by, asked_us, status) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, 'open')",
                         "itttiii", *id, fg_approval_action_words[action], object, detail, registry->actor.organisation,
                         registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "approval.ask", FG_ID_APPROVAL, *id, NULL, err) : code;
}

/* The asker of an approval of the own organisation that is open. */
static enum fg_code read_open(struct fg_registry *registry, int64_t id, int64_t *asked_by, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT asked_by, status, asked_us FROM approval WHERE id = $1 AND organisation_id = $2", "ii", id,
                     registry->actor.organisation),
        FG_ID_APPROVAL, id, "approval", err);
    if (code != FG_OK)
        return code;
    *asked_by = fg_sql_column_int64(sql, 0);
    bool is_open = strcmp(fg_sql_column_text(sql, 1), "open") == 0;
    int64_t asked_us = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    if (!is_open)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the approval has been decided already");
    if (asked_us + FG_APPROVAL_VALID_US <= registry->now_us)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the request is older than a day; ask anew");
    return FG_OK;
}

static enum fg_code set_status(struct fg_registry *registry, int64_t id, const char *status, const char *action,
                               struct fg_error *err)
{
    enum fg_code code = fg_change(registry->store, NULL, err,
                                  "UPDATE approval SET status = $2, decided_by = $3, decided_us = $4 WHERE id = $1", "itii",
                                  id, status, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, action, FG_ID_APPROVAL, id, NULL, err) : code;
}

enum fg_code fg_approval_decide(struct fg_registry *registry, int64_t id, bool confirm, struct fg_error *err)
{
    int64_t asked_by;
    enum fg_code code = read_open(registry, id, &asked_by, err);
    if (code == FG_OK && asked_by == registry->actor.user)
        code = fg_fail(err, FG_ERR_DENIED, NULL, "four eyes: another user has to decide about what you asked for");
    return code == FG_OK ? set_status(registry, id, confirm ? "confirmed" : "refused",
                                      confirm ? "approval.confirm" : "approval.refuse", err)
                         : code;
}

enum fg_code fg_approval_withdraw(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t asked_by;
    enum fg_code code = read_open(registry, id, &asked_by, err);
    if (code == FG_OK && asked_by != registry->actor.user)
        code = fg_fail(err, FG_ERR_DENIED, NULL, "only who asked may withdraw");
    return code == FG_OK ? set_status(registry, id, "withdrawn", "approval.withdraw", err) : code;
}

enum fg_code fg_approval_use(struct fg_registry *registry, int64_t id, enum fg_approval_action action, const char *object,
                             const char *detail, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = fg_change(registry->store, &changes, err,
                                  "UPDATE approval SET status = 'used' WHERE id = $1 AND organisation_id = $2 AND "
                                  "action = $3 AND object = $4 AND detail = $5 AND status = 'confirmed' AND decided_us > $6",
                                  "iittti", id, registry->actor.organisation, fg_approval_action_words[action], object,
                                  detail, registry->now_us - FG_APPROVAL_VALID_US);
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "this needs a confirmed approval for the same object and detail: ask for it, another user confirms");
    return code == FG_OK ? fg_registry_audit(registry, "approval.use", FG_ID_APPROVAL, id, NULL, err) : code;
}
