#include "atp/person.h"

#include "atp/query.h"
#include "atp/user.h"
#include "base/instant.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const fg_consent_words[] = {"metering", "forecasting", "open_data", "contact", NULL};

#define KEY_PURPOSE "person.key"

static const unsigned char *secret_of(const struct fg_platform *platform)
{
    return fg_platform_options(platform)->secret;
}

void fg_person_email_index(const struct fg_platform *platform, const char *email, unsigned char index[FG_SECRET_HASH])
{
    char lower[FG_PERSON_TEXT];
    size_t length = 0;
    for (; email[length] != '\0' && length + 1 < sizeof lower; length++)
        lower[length] = (char)tolower((unsigned char)email[length]);
    lower[length] = '\0';
    fg_secret_index(secret_of(platform), lower, index);
    fg_secret_wipe(lower, sizeof lower);
}

static enum fg_code put_data(struct fg_registry *registry, int64_t person, const unsigned char key[FG_SECRET_KEY],
                             const char *purpose, const char *text, struct fg_error *err)
{
    unsigned char sealed[FG_PERSON_TEXT + 64];
    size_t length = strlen(text);
    if (length >= FG_PERSON_TEXT)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a person's %s has at most %d bytes", purpose, FG_PERSON_TEXT - 1);
    fg_secret_seal(key, purpose, text, length, sealed);
    return fg_change(registry->store, NULL, err, "INSERT INTO person_data (person_id, purpose, sealed) VALUES ($1, $2, $3)",
                     "itb", person, purpose, (const void *)sealed, fg_sealed_size(length));
}

enum fg_code fg_person_create(struct fg_registry *registry, const char *name, const char *email, int64_t *person,
                              struct fg_error *err)
{
    unsigned char key[FG_SECRET_KEY], sealed[FG_SECRET_KEY + 64];
    enum fg_code code = fg_registry_next(registry, FG_ID_PERSON, person, err);
    fg_secret_random(key, sizeof key);
    fg_secret_seal(secret_of(registry->platform), KEY_PURPOSE, key, sizeof key, sealed);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "INSERT INTO person (id, key, created_us) VALUES ($1, $2, $3)", "ibi",
                         *person, (const void *)sealed, fg_sealed_size(sizeof key), registry->now_us);
    if (code == FG_OK)
        code = put_data(registry, *person, key, "name", name, err);
    if (code == FG_OK)
        code = put_data(registry, *person, key, "email", email, err);
    fg_secret_wipe(key, sizeof key);
    return code;
}

enum fg_code fg_person_read(struct fg_registry *registry, int64_t person, const char *purpose, char text[FG_PERSON_TEXT],
                            struct fg_error *err)
{
    struct fg_sql *sql;
    size_t key_size, size;
    unsigned char key[FG_SECRET_KEY];
    text[0] = '\0';
    enum fg_code code = fg_query_one(registry->store, &sql, err,
                                     "SELECT p.key, d.sealed FROM person p JOIN person_data d ON d.person_id = p.id "
                                     "WHERE p.id = $1 AND d.purpose = $2 AND p.key IS NOT NULL",
                                     "it", person, purpose);
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND ? FG_OK : code;
    const unsigned char *sealed_key = fg_sql_column_blob(sql, 0, &key_size), *sealed = fg_sql_column_blob(sql, 1, &size);
    if (key_size != fg_sealed_size(sizeof key) || size < fg_sealed_size(0) || size >= fg_sealed_size(FG_PERSON_TEXT))
        code = fg_fail(err, FG_ERR_CORRUPT, NULL, "stored personal data have a wrong length; restore a backup");
    if (code == FG_OK)
        code = fg_secret_open(secret_of(registry->platform), KEY_PURPOSE, sealed_key, key_size, key, err);
    if (code == FG_OK)
        code = fg_secret_open(key, purpose, sealed, size, text, err);
    if (code == FG_OK)
        text[size - fg_sealed_size(0)] = '\0';
    fg_sql_done(sql);
    fg_secret_wipe(key, sizeof key);
    return code;
}

/* ---- consent ---- */
static enum fg_code person_of_user(struct fg_registry *registry, int64_t user, int64_t *person, struct fg_error *err)
{
    return fg_registry_found(fg_query_number(registry->store, person, err, "SELECT person_id FROM app_user WHERE id = $1",
                                             "i", user),
                             FG_ID_USER, user, "user", err);
}

static enum fg_code audit_consent(struct fg_registry *registry, const char *action, const char *purpose,
                                  struct fg_error *err)
{
    char detail[64];
    snprintf(detail, sizeof detail, "{\"purpose\":\"%.32s\"}", purpose);
    return fg_registry_audit(registry, action, FG_ID_USER, registry->actor.user, detail, err);
}

enum fg_code fg_consent_give(struct fg_registry *registry, const char *purpose, struct fg_error *err)
{
    int64_t person;
    bool has;
    enum fg_code code = fg_consent_has(registry, registry->actor.user, purpose, &has, err);
    if (code != FG_OK || has)
        return code;
    if ((code = person_of_user(registry, registry->actor.user, &person, err)) == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO consent (person_id, purpose, given_us) VALUES ($1, $2, $3) "
                         "ON CONFLICT (person_id, purpose, given_us) DO UPDATE SET withdrawn_us = NULL",
                         "iti", person, purpose, registry->now_us);
    return code == FG_OK ? audit_consent(registry, "consent.give", purpose, err) : code;
}

enum fg_code fg_consent_withdraw(struct fg_registry *registry, const char *purpose, struct fg_error *err)
{
    int64_t person, changes = 0;
    enum fg_code code = person_of_user(registry, registry->actor.user, &person, err);
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE consent SET withdrawn_us = $3 WHERE person_id = $1 AND purpose = $2 AND withdrawn_us IS NULL",
                         "iti", person, purpose, registry->now_us);
    return code == FG_OK && changes > 0 ? audit_consent(registry, "consent.withdraw", purpose, err) : code;
}

enum fg_code fg_consent_has(struct fg_registry *registry, int64_t user, const char *purpose, bool *has,
                            struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code = fg_query_number(registry->store, &count, err,
                                        "SELECT count(*) FROM consent c JOIN app_user u ON u.person_id = c.person_id "
                                        "WHERE u.id = $1 AND c.purpose = $2 AND c.withdrawn_us IS NULL",
                                        "it", user, purpose);
    *has = count > 0;
    return code;
}

/* ---- export ---- */
static void put_instant(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_sql_column_is_null(sql, column)
                                     ? NULL
                                     : fg_instant_format(fg_sql_column_int64(sql, column) / 1000000, text));
}

/* Rows of (text, from, until, ended) under `list`; the text's member is `name`. */
static enum fg_code put_spans(struct fg_registry *registry, struct fg_json_writer *out, const char *list, const char *name,
                              const char *text, int64_t parameter, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err, text, "i", parameter);
    fg_json_begin_array(out, list);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, name, fg_sql_column_text(sql, 0));
        put_instant(out, "from", sql, 1);
        put_instant(out, "until", sql, 2);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    return code;
}

enum fg_code fg_person_export(struct fg_registry *registry, struct fg_json_writer *out, struct fg_error *err)
{
    char name[FG_PERSON_TEXT], email[FG_PERSON_TEXT], id[FG_ID_TEXT];
    int64_t person, user = registry->actor.user;
    enum fg_code code = person_of_user(registry, user, &person, err);
    if (code == FG_OK)
        code = fg_person_read(registry, person, "name", name, err);
    if (code == FG_OK)
        code = fg_person_read(registry, person, "email", email, err);
    if (code != FG_OK)
        return code;
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "user", fg_id_text(FG_ID_USER, user, id));
    fg_json_put_string(out, "name", name);
    fg_json_put_string(out, "email", email);
    code = put_spans(registry, out, "sessions", "name",
                     "SELECT 'session', created_us, COALESCE(ended_us, expires_us) FROM login_session WHERE user_id = $1 "
                     "ORDER BY id", user, err);
    if (code == FG_OK)
        code = put_spans(registry, out, "keys", "name",
                         "SELECT name, created_us, COALESCE(revoked_us, expires_us) FROM api_key WHERE user_id = $1 "
                         "ORDER BY id", user, err);
    if (code == FG_OK)
        code = put_spans(registry, out, "consents", "name",
                         "SELECT purpose, given_us, withdrawn_us FROM consent WHERE person_id = $1 ORDER BY purpose, given_us",
                         person, err);
    if (code == FG_OK)
        code = put_spans(registry, out, "actions", "name",
                         "SELECT action || COALESCE(' ' || object, ''), time_us, NULL FROM audit WHERE user_id = $1 "
                         "ORDER BY time_us, chain, sequence", user, err);
    fg_json_end_object(out);
    return code;
}

/* ---- erasure ---- */
enum fg_code fg_person_erase(struct fg_registry *registry, int64_t user, struct fg_error *err)
{
    static const char *const changes[] = {
        "DELETE FROM person_data WHERE person_id = (SELECT person_id FROM app_user WHERE id = $1) AND $2 > 0",
        "UPDATE person SET key = NULL, erased_us = $2 WHERE id = (SELECT person_id FROM app_user WHERE id = $1)",
        "UPDATE consent SET withdrawn_us = $2 WHERE withdrawn_us IS NULL AND "
        "person_id = (SELECT person_id FROM app_user WHERE id = $1)",
        "UPDATE login_session SET ended_us = $2 WHERE user_id = $1 AND ended_us IS NULL",
        "UPDATE api_key SET revoked_us = $2 WHERE user_id = $1 AND revoked_us IS NULL",
        "UPDATE app_user SET email_index = NULL, password_hash = NULL, status = 'disabled', version = version + 1 "
        "WHERE id = $1 AND $2 > 0",
    };
    int64_t organisation;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &organisation, err, "SELECT organisation_id FROM app_user WHERE id = $1", "i", user),
        FG_ID_USER, user, "user", err);
    bool is_own = user == registry->actor.user;
    if (code == FG_OK && !is_own && organisation != registry->actor.organisation)
        code = fg_registry_found(FG_ERR_NOT_FOUND, FG_ID_USER, user, "user", err);
    if (code == FG_OK && !is_own && !(registry->duties & FG_BIT(FG_DUTY_ADMINISTRATOR)))
        code = fg_fail(err, FG_ERR_DENIED, NULL, "another person's data are erased by the organisation's administrator");
    if (code == FG_OK)
        code = fg_user_require_other_administrator(registry, organisation, user, err);
    for (size_t i = 0; code == FG_OK && i < sizeof changes / sizeof *changes; i++)
        code = fg_change(registry->store, NULL, err, changes[i], "ii", user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "person.erase", FG_ID_USER, user, NULL, err) : code;
}
