#include "atp/user.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

enum fg_code fg_user_create(struct fg_registry *registry, int64_t organisation, const struct fg_new_user *user,
                            uint32_t duties, int64_t *id, struct fg_error *err)
{
    int64_t person;
    unsigned char index[FG_SECRET_HASH];
    fg_person_email_index(registry->platform, user->email, index);
    enum fg_code code = fg_person_create(registry, user->name, user->email, &person, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_USER, id, err);
    if (code == FG_OK)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO app_user (id, organisation_id, person_id, email_index, password_hash, duties, status, "
                      "created_us, failed_logins, version) VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, 0, 1)",
                      "iiibtii", *id, organisation, person, (const void *)index, sizeof index, user->password_hash,
                      (int64_t)duties, registry->now_us),
            err, "a user with this e-mail address exists already; log in with it or use another address");
    return code == FG_OK ? fg_registry_audit(registry, "user.create", FG_ID_USER, *id, NULL, err) : code;
}

/* ---- invitations ---- */
enum fg_code fg_user_invite(struct fg_registry *registry, uint32_t duties, int64_t *invitation,
                            char token[FG_TOKEN_TEXT], struct fg_error *err)
{
    unsigned char hash[FG_SECRET_HASH];
    enum fg_code code = fg_registry_next(registry, FG_ID_INVITATION, invitation, err);
    fg_token_create(FG_TOKEN_INVITATION, token, hash);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO invitation (id, hash, organisation_id, duties, invited_by, created_us, expires_us) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                         "ibiiiii", *invitation, (const void *)hash, sizeof hash, registry->actor.organisation,
                         (int64_t)duties, registry->actor.user, registry->now_us, registry->now_us + FG_INVITATION_US);
    return code == FG_OK ? fg_registry_audit(registry, "user.invite", FG_ID_INVITATION, *invitation, NULL, err) : code;
}

enum fg_code fg_user_accept(struct fg_registry *registry, const char *token, const struct fg_new_user *user, int64_t *id,
                            struct fg_error *err)
{
    static const char unknown[] = "the invitation is unknown, used or expired; ask for a new one";
    unsigned char hash[FG_SECRET_HASH];
    struct fg_sql *sql;
    if (!fg_token_hash(FG_TOKEN_INVITATION, token, hash))
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "%s", unknown);
    enum fg_code code = fg_query_one(registry->store, &sql, err,
                                     "SELECT i.id, i.organisation_id, i.duties FROM invitation i "
                                     "JOIN organisation o ON o.id = i.organisation_id JOIN app_user u ON u.id = i.invited_by "
                                     "WHERE i.hash = $1 AND i.used_us IS NULL AND i.expires_us > $2 AND "
                                     "o.status IN ('active', 'pending') AND u.status = 'active'",
                                     "bi", (const void *)hash, sizeof hash, registry->now_us);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, code, NULL, "%s", unknown);
    if (code != FG_OK)
        return code;
    int64_t invitation = fg_sql_column_int64(sql, 0), organisation = fg_sql_column_int64(sql, 1);
    uint32_t duties = (uint32_t)fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    registry->actor.organisation = organisation;
    code = fg_change(registry->store, NULL, err, "UPDATE invitation SET used_us = $2 WHERE id = $1", "ii", invitation,
                     registry->now_us);
    return code == FG_OK ? fg_user_create(registry, organisation, user, duties, id, err) : code;
}

/* ---- changes ---- */
enum fg_code fg_user_require_other_administrator(struct fg_registry *registry, int64_t organisation, int64_t but,
                                                 struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code = fg_query_number(registry->store, &count, err,
                                        "SELECT count(*) FROM app_user WHERE organisation_id = $1 AND id <> $2 AND "
                                        "status = 'active' AND duties & $3 <> 0",
                                        "iii", organisation, but, (int64_t)FG_BIT(FG_DUTY_ADMINISTRATOR));
    if (code == FG_OK && count == 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "this is the last administrator of the organisation; make another user administrator first");
    return code;
}

static enum fg_code end_access(struct fg_registry *registry, int64_t user, int64_t but_session, bool with_keys,
                               struct fg_error *err)
{
    enum fg_code code = fg_change(registry->store, NULL, err,
                                  "UPDATE login_session SET ended_us = $2 WHERE user_id = $1 AND ended_us IS NULL AND id <> $3",
                                  "iii", user, registry->now_us, but_session);
    if (code == FG_OK && with_keys)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE api_key SET revoked_us = $2 WHERE user_id = $1 AND revoked_us IS NULL", "ii", user,
                         registry->now_us);
    return code;
}

enum fg_code fg_user_change(struct fg_registry *registry, int64_t user, int64_t version, uint32_t duties,
                            const char *status, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT u.version, u.duties, p.erased_us FROM app_user u JOIN person p ON p.id = u.person_id "
                     "WHERE u.id = $1 AND u.organisation_id = $2", "ii", user, registry->actor.organisation),
        FG_ID_USER, user, "user", err);
    if (code != FG_OK)
        return code;
    int64_t present = fg_sql_column_int64(sql, 0);
    uint32_t old = (uint32_t)fg_sql_column_int64(sql, 1);
    bool is_erased = !fg_sql_column_is_null(sql, 2), is_disabled = status != NULL && strcmp(status, "disabled") == 0;
    fg_sql_done(sql);
    if (present != version)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the user has changed meanwhile; read it again");
    if (is_erased)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "this person's data have been erased");
    if (duties == 0)
        duties = old;
    if (is_disabled || ((old & FG_BIT(FG_DUTY_ADMINISTRATOR)) && !(duties & FG_BIT(FG_DUTY_ADMINISTRATOR))))
        code = fg_user_require_other_administrator(registry, registry->actor.organisation, user, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE app_user SET duties = $2, status = COALESCE($3, status), version = version + 1 WHERE id = $1",
                         "iit", user, (int64_t)duties, status);
    /* A key never has more than its user. */
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "UPDATE api_key SET duties = duties & $2 WHERE user_id = $1", "ii", user,
                         (int64_t)duties);
    if (code == FG_OK && is_disabled)
        code = end_access(registry, user, 0, true, err);
    char detail[96];
    snprintf(detail, sizeof detail, "{\"duties\":%u,\"status\":\"%.16s\"}", duties, status != NULL ? status : "");
    return code == FG_OK ? fg_registry_audit(registry, "user.change", FG_ID_USER, user, detail, err) : code;
}

/* ---- log-in ---- */
struct attempt {
    unsigned char index[FG_SECRET_HASH];
    int64_t user; /* 0: none of this address */
    char hash[FG_PASSWORD_HASH];
    int64_t locked_until_us;
    bool is_right;
    struct fg_login *login;
    enum fg_code outcome;
    char organisation_status[16];
    const char *new_hash; /* change of password */
    int64_t but_session;
};

static enum fg_code find_user(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct attempt *attempt = context;
    struct fg_sql *sql;
    int64_t own = attempt->user;
    enum fg_code code =
        fg_query_one(registry->store, &sql, err,
                     "SELECT id, password_hash, locked_until_us FROM app_user WHERE (email_index = $1 OR id = $2) AND "
                     "status = 'active' AND password_hash IS NOT NULL",
                     "bi", (const void *)attempt->index, sizeof attempt->index, own);
    if (code == FG_ERR_NOT_FOUND) {
        attempt->user = 0;
        return FG_OK;
    }
    if (code == FG_OK) {
        attempt->user = fg_sql_column_int64(sql, 0);
        snprintf(attempt->hash, sizeof attempt->hash, "%s", fg_sql_column_text(sql, 1));
        attempt->locked_until_us = fg_sql_column_int64(sql, 2);
        fg_sql_done(sql);
    }
    return code;
}

/* A wrong password: count it, and lock at the limit. */
static enum fg_code count_failure(struct fg_registry *registry, int64_t user, struct fg_error *err)
{
    int64_t failures = 0;
    enum fg_code code = fg_query_number(registry->store, &failures, err,
                                        "UPDATE app_user SET failed_logins = failed_logins + 1 WHERE id = $1 "
                                        "RETURNING failed_logins", "i", user);
    if (code == FG_OK && failures >= FG_LOGIN_FAILURES_MAX)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE app_user SET failed_logins = 0, locked_until_us = $2, version = version + 1 WHERE id = $1",
                         "ii", user,
                         registry->now_us + FG_LOGIN_LOCK_US);
    return code == FG_OK ? fg_registry_audit(registry, failures >= FG_LOGIN_FAILURES_MAX ? "login.lock" : "login.refuse",
                                             FG_ID_USER, user, NULL, err)
                         : code;
}

/* Still the same password, not locked meanwhile? */
static enum fg_code recheck(struct fg_registry *registry, struct attempt *attempt, int64_t *organisation,
                            struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_query_one(registry->store, &sql, err,
                     "SELECT o.id, o.status FROM app_user u JOIN organisation o ON o.id = u.organisation_id "
                     "WHERE u.id = $1 AND u.status = 'active' AND u.password_hash = $2 AND "
                     "(u.locked_until_us IS NULL OR u.locked_until_us <= $3)",
                     "iti", attempt->user, attempt->hash, registry->now_us);
    if (code == FG_ERR_NOT_FOUND)
        attempt->outcome = FG_ERR_DENIED;
    if (code != FG_OK)
        return code;
    *organisation = fg_sql_column_int64(sql, 0);
    snprintf(attempt->organisation_status, sizeof attempt->organisation_status, "%s", fg_sql_column_text(sql, 1));
    fg_sql_done(sql);
    attempt->outcome = strcmp(attempt->organisation_status, "active") == 0 ? FG_OK : FG_ERR_CONFLICT;
    return FG_OK;
}

static enum fg_code record_login(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct attempt *attempt = context;
    struct fg_login *login = attempt->login;
    attempt->outcome = FG_ERR_DENIED;
    if (!attempt->is_right)
        return count_failure(registry, attempt->user, err);
    enum fg_code code = recheck(registry, attempt, &login->organisation, err);
    if (code == FG_ERR_NOT_FOUND || (code == FG_OK && attempt->outcome != FG_OK))
        return FG_OK;
    unsigned char hash[FG_SECRET_HASH];
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE app_user SET failed_logins = 0, version = version + CASE WHEN locked_until_us IS NULL THEN 0 ELSE 1 "
                         "END, locked_until_us = NULL WHERE id = $1", "i", attempt->user);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_SESSION, &login->session, err);
    login->user = attempt->user;
    login->expires_us = registry->now_us + FG_SESSION_US;
    fg_token_create(FG_TOKEN_SESSION, login->token, hash);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO login_session (id, hash, user_id, created_us, expires_us) VALUES ($1, $2, $3, $4, $5)",
                         "ibiii", login->session, (const void *)hash, sizeof hash, login->user, registry->now_us,
                         login->expires_us);
    registry->actor = (struct fg_actor){.user = login->user, .organisation = login->organisation, .key = login->session};
    return code == FG_OK ? fg_registry_audit(registry, "login.accept", FG_ID_USER, login->user, NULL, err) : code;
}

static enum fg_code check_password(struct attempt *attempt, const char *password, int64_t now_us, struct fg_error *err)
{
    bool is_usable = attempt->user != 0 && attempt->locked_until_us <= now_us;
    enum fg_code code = fg_password_verify(attempt->user != 0 ? attempt->hash : NULL, password, &attempt->is_right, err);
    attempt->is_right = attempt->is_right && is_usable;
    return code;
}

enum fg_code fg_login(struct fg_platform *platform, const char *email, const char *password, struct fg_login *login,
                      struct fg_error *err)
{
    static const char refused[] = "e-mail address or password is wrong, or there were too many attempts; "
                                  "wait 15 minutes or ask your administrator";
    struct attempt attempt = {.login = login};
    *login = (struct fg_login){0};
    fg_person_email_index(platform, email, attempt.index);
    enum fg_code code = fg_registry_run(platform, NULL, FG_STORE_READ, find_user, &attempt, err);
    int64_t now_us = fg_platform_now_us(platform);
    if (code == FG_OK)
        code = check_password(&attempt, password, now_us, err);
    if (code != FG_OK)
        return code;
    if (attempt.user == 0 || (!attempt.is_right && attempt.locked_until_us > now_us))
        return fg_fail(err, FG_ERR_DENIED, NULL, "%s", refused);
    if ((code = fg_registry_run(platform, NULL, FG_STORE_WRITE, record_login, &attempt, err)) != FG_OK)
        return code;
    fg_secret_wipe(attempt.hash, sizeof attempt.hash);
    if (attempt.outcome == FG_ERR_CONFLICT)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the organisation is %s; the market operator decides about it",
                       attempt.organisation_status);
    return attempt.outcome == FG_OK ? FG_OK : fg_fail(err, FG_ERR_DENIED, NULL, "%s", refused);
}

enum fg_code fg_logout(struct fg_registry *registry, struct fg_error *err)
{
    enum fg_code code = fg_change(registry->store, NULL, err,
                                  "UPDATE login_session SET ended_us = $3 WHERE id = $1 AND user_id = $2 AND ended_us IS NULL",
                                  "iii", registry->actor.key, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "login.end", FG_ID_USER, registry->actor.user, NULL, err) : code;
}

static enum fg_code record_password(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct attempt *attempt = context;
    int64_t organisation;
    attempt->outcome = FG_ERR_DENIED;
    if (!attempt->is_right)
        return count_failure(registry, attempt->user, err);
    enum fg_code code = recheck(registry, attempt, &organisation, err);
    if (code == FG_ERR_NOT_FOUND || (code == FG_OK && attempt->outcome != FG_OK))
        return FG_OK;
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE app_user SET password_hash = $2, failed_logins = 0, version = version + 1 WHERE id = $1",
                         "it", attempt->user, attempt->new_hash);
    if (code == FG_OK)
        code = end_access(registry, attempt->user, attempt->but_session, false, err);
    return code == FG_OK ? fg_registry_audit(registry, "user.password", FG_ID_USER, attempt->user, NULL, err) : code;
}

enum fg_code fg_password_change(struct fg_platform *platform, const struct fg_principal *principal, const char *old_password,
                                const char *new_password, struct fg_error *err)
{
    char new_hash[FG_PASSWORD_HASH];
    struct attempt attempt = {.user = fg_actor_of(principal).user, .new_hash = new_hash,
                              .but_session = principal->is_session ? fg_actor_of(principal).key : 0};
    fg_secret_random(attempt.index, sizeof attempt.index); /* found by its number, by no address */
    enum fg_code code = fg_registry_run(platform, principal, FG_STORE_READ, find_user, &attempt, err);
    if (code == FG_OK)
        code = fg_password_hash(new_password, new_hash, err);
    if (code == FG_OK)
        code = check_password(&attempt, old_password, fg_platform_now_us(platform), err);
    if (code == FG_OK && attempt.user != 0)
        code = fg_registry_run(platform, principal, FG_STORE_WRITE, record_password, &attempt, err);
    fg_secret_wipe(attempt.hash, sizeof attempt.hash);
    if (code == FG_OK && (attempt.user == 0 || attempt.outcome != FG_OK))
        code = fg_fail(err, FG_ERR_DENIED, NULL, "the present password is wrong, or there were too many attempts");
    return code;
}

/* ---- keys ---- */
enum fg_code fg_key_create(struct fg_registry *registry, const char *name, enum fg_api_family api, uint32_t duties,
                           int64_t expires_us, int64_t *id, char token[FG_TOKEN_TEXT], struct fg_error *err)
{
    unsigned char hash[FG_SECRET_HASH];
    int64_t count = 0;
    if (duties & ~registry->duties)
        return fg_fail(err, FG_ERR_DENIED, NULL, "a key has at most its user's duties; leave the others out");
    if (expires_us != 0 && expires_us <= registry->now_us)
        return fg_fail(err, FG_ERR_VALUE, NULL, "the key would have expired already; choose a later instant");
    enum fg_code code = fg_query_number(registry->store, &count, err,
                                        "SELECT count(*) FROM api_key WHERE user_id = $1 AND revoked_us IS NULL", "i",
                                        registry->actor.user);
    if (code == FG_OK && count >= FG_KEYS_PER_USER)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "a user has at most %d keys; revoke one first", FG_KEYS_PER_USER);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_KEY, id, err);
    fg_token_create(FG_TOKEN_KEY, token, hash);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO api_key (id, hash, user_id, name, apis, duties, created_us, expires_us) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                         "ibitiiio", *id, (const void *)hash, sizeof hash, registry->actor.user, name, (int64_t)FG_BIT(api),
                         (int64_t)duties, registry->now_us, expires_us);
    return code == FG_OK ? fg_registry_audit(registry, "key.create", FG_ID_KEY, *id, NULL, err) : code;
}

enum fg_code fg_key_revoke(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code =
        fg_change(registry->store, &changes, err,
                  "UPDATE api_key SET revoked_us = $2 WHERE id = $1 AND revoked_us IS NULL AND (user_id = $3 OR "
                  "($4 <> 0 AND user_id IN (SELECT id FROM app_user WHERE organisation_id = $5)))",
                  "iiiii", id, registry->now_us, registry->actor.user,
                  (int64_t)(registry->duties & FG_BIT(FG_DUTY_ADMINISTRATOR)), registry->actor.organisation);
    if (code == FG_OK && changes == 0)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_KEY, id, "key in use", err);
    return code == FG_OK ? fg_registry_audit(registry, "key.revoke", FG_ID_KEY, id, NULL, err) : code;
}
