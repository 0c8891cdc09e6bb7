#include "atp/authenticator.h"

#include "atp/organisation.h"
#include "atp/query.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

struct kept {
    unsigned char hash[FG_SECRET_HASH];
    int64_t on_behalf_of, until_us; /* until 0: free */
    struct fg_principal principal;
};

struct fg_authenticator_memory {
    struct fg_platform *platform;
    pthread_mutex_t mutex;
    uint64_t generation; /* grows with every fg_authenticator_forget */
    struct kept *slots;
};

enum fg_code fg_authenticator_create(struct fg_platform *platform, struct fg_authenticator_memory **out,
                                     struct fg_error *err)
{
    struct fg_authenticator_memory *memory = fg_alloc(1, sizeof *memory);
    *out = NULL;
    if (memory == NULL)
        return fg_fail_memory(err);
    memory->platform = platform;
    memory->slots = fg_alloc(FG_TOKENS_KEPT, sizeof *memory->slots);
    if (memory->slots == NULL) {
        fg_free(memory);
        return fg_fail_memory(err);
    }
    pthread_mutex_init(&memory->mutex, NULL);
    *out = memory;
    return FG_OK;
}

void fg_authenticator_destroy(struct fg_authenticator_memory *memory)
{
    if (memory == NULL)
        return;
    pthread_mutex_destroy(&memory->mutex);
    fg_free(memory->slots);
    fg_free(memory);
}

void fg_authenticator_forget(struct fg_authenticator_memory *memory)
{
    pthread_mutex_lock(&memory->mutex);
    memory->generation++;
    for (size_t i = 0; i < FG_TOKENS_KEPT; i++)
        memory->slots[i].until_us = 0;
    pthread_mutex_unlock(&memory->mutex);
}

struct look_up {
    unsigned char hash[FG_SECRET_HASH];
    bool is_session;
    int64_t on_behalf_of, expires_us;
    struct fg_principal principal;
};

static const char session_text[] =
    "SELECT s.id, u.id, o.id, o.roles, u.duties, 0, s.expires_us FROM login_session s JOIN app_user u ON u.id = s.user_id "
    "JOIN organisation o ON o.id = u.organisation_id WHERE s.hash = $1 AND s.ended_us IS NULL AND s.expires_us > $2 AND "
    "u.status = 'active' AND o.status = 'active'";
static const char key_text[] =
    "SELECT k.id, u.id, o.id, o.roles, k.duties & u.duties, k.apis, k.expires_us FROM api_key k JOIN app_user u ON "
    "u.id = k.user_id JOIN organisation o ON o.id = u.organisation_id WHERE k.hash = $1 AND k.revoked_us IS NULL AND "
    "(k.expires_us IS NULL OR k.expires_us > $2) AND u.status = 'active' AND o.status = 'active'";

static enum fg_code represent(struct fg_store *store, struct look_up *look_up, int64_t agent, struct fg_error *err)
{
    struct fg_principal *principal = &look_up->principal;
    uint32_t duties;
    int64_t roles = 0;
    enum fg_code code = fg_mandate_duties(store, look_up->on_behalf_of, agent, &duties, err);
    if (code == FG_OK && duties == 0)
        code = FG_ERR_NOT_FOUND;
    if (code == FG_OK)
        code = fg_query_number(store, &roles, err, "SELECT roles FROM organisation WHERE id = $1 AND status = 'active'", "i",
                               look_up->on_behalf_of);
    principal->roles = (uint32_t)roles;
    principal->duties &= duties;
    fg_id_text(FG_ID_ORGANISATION, look_up->on_behalf_of, principal->on_behalf_of);
    return code;
}

static enum fg_code find(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct look_up *look_up = context;
    struct fg_principal *principal = &look_up->principal;
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err, look_up->is_session ? session_text : key_text, "bi",
                                     (const void *)look_up->hash, sizeof look_up->hash, fg_platform_now_us(platform));
    if (code != FG_OK)
        return code;
    *principal = (struct fg_principal){.roles = (uint32_t)fg_sql_column_int64(sql, 3),
                                       .duties = (uint32_t)fg_sql_column_int64(sql, 4),
                                       .apis = (uint32_t)fg_sql_column_int64(sql, 5),
                                       .is_session = look_up->is_session};
    int64_t organisation = fg_sql_column_int64(sql, 2);
    fg_id_text(look_up->is_session ? FG_ID_SESSION : FG_ID_KEY, fg_sql_column_int64(sql, 0), principal->key);
    fg_id_text(FG_ID_USER, fg_sql_column_int64(sql, 1), principal->user);
    fg_id_text(FG_ID_ORGANISATION, organisation, principal->organisation);
    look_up->expires_us = fg_sql_column_is_null(sql, 6) ? INT64_MAX : fg_sql_column_int64(sql, 6);
    fg_sql_done(sql);
    return look_up->on_behalf_of != 0 ? represent(store, look_up, organisation, err) : FG_OK;
}

static struct kept *slot_of(struct fg_authenticator_memory *memory, const struct look_up *look_up)
{
    uint64_t start;
    memcpy(&start, look_up->hash, sizeof start);
    return &memory->slots[(start + (uint64_t)look_up->on_behalf_of) % FG_TOKENS_KEPT];
}

enum fg_code fg_authenticate(struct fg_authenticator_memory *memory, const char *token, const char *on_behalf_of,
                             struct fg_principal *principal, struct fg_error *err)
{
    static const char denied[] = "the key or session is unknown, expired or not valid for this";
    struct look_up look_up = {.is_session = fg_token_hash(FG_TOKEN_SESSION, token, look_up.hash)};
    if ((!look_up.is_session && !fg_token_hash(FG_TOKEN_KEY, token, look_up.hash)) ||
        (on_behalf_of != NULL && fg_id_parse(FG_ID_ORGANISATION, on_behalf_of, &look_up.on_behalf_of, NULL) != FG_OK))
        return fg_fail(err, FG_ERR_DENIED, NULL, "%s", denied);
    int64_t now_us = fg_platform_now_us(memory->platform);
    struct kept *slot = slot_of(memory, &look_up);
    pthread_mutex_lock(&memory->mutex);
    uint64_t generation = memory->generation;
    bool is_kept = slot->until_us > now_us && slot->on_behalf_of == look_up.on_behalf_of &&
                   memcmp(slot->hash, look_up.hash, sizeof slot->hash) == 0;
    if (is_kept)
        *principal = slot->principal;
    pthread_mutex_unlock(&memory->mutex);
    if (is_kept)
        return FG_OK;
    enum fg_code code = fg_platform_run(memory->platform, FG_STORE_READ, find, &look_up, err);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, FG_ERR_DENIED, NULL, "%s", denied);
    if (code != FG_OK)
        return code;
    *principal = look_up.principal;
    pthread_mutex_lock(&memory->mutex);
    if (generation == memory->generation) { /* what was read may be older than what was forgotten */
        memcpy(slot->hash, look_up.hash, sizeof slot->hash);
        slot->on_behalf_of = look_up.on_behalf_of;
        slot->principal = look_up.principal;
        slot->until_us = now_us + FG_TOKEN_KEPT_US < look_up.expires_us ? now_us + FG_TOKEN_KEPT_US : look_up.expires_us;
    }
    pthread_mutex_unlock(&memory->mutex);
    return FG_OK;
}
