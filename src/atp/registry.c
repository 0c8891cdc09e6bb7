#include "atp/registry.h"

#include "atp/query.h"

#include <string.h>

struct fg_actor fg_actor_of(const struct fg_principal *principal)
{
    struct fg_actor actor = {0};
    if (principal == NULL)
        return actor;
    fg_id_parse(FG_ID_ORGANISATION, principal->organisation, &actor.organisation, NULL);
    fg_id_parse(FG_ID_USER, principal->user, &actor.user, NULL);
    if (fg_id_parse(FG_ID_KEY, principal->key, &actor.key, NULL) != FG_OK)
        fg_id_parse(FG_ID_SESSION, principal->key, &actor.key, NULL);
    if (principal->on_behalf_of[0] != '\0')
        fg_id_parse(FG_ID_ORGANISATION, principal->on_behalf_of, &actor.on_behalf_of, NULL);
    return actor;
}

int64_t fg_actor_party(const struct fg_actor *actor)
{
    return actor->on_behalf_of != 0 ? actor->on_behalf_of : actor->organisation;
}

struct run {
    const struct fg_principal *principal;
    fg_registry_work *work;
    void *context;
};

static enum fg_code work_with_registry(struct fg_platform *platform, struct fg_store *store, void *context,
                                       struct fg_error *err)
{
    struct run *run = context;
    struct fg_registry registry = {.platform = platform, .store = store, .actor = fg_actor_of(run->principal),
                                   .now_us = fg_platform_now_us(platform)};
    if (run->principal != NULL) {
        registry.roles = run->principal->roles;
        registry.duties = run->principal->duties;
    }
    return run->work(&registry, run->context, err);
}

enum fg_code fg_registry_run(struct fg_platform *platform, const struct fg_principal *principal, enum fg_store_mode mode,
                             fg_registry_work *work, void *context, struct fg_error *err)
{
    struct run run = {principal, work, context};
    return fg_platform_run(platform, mode, work_with_registry, &run, err);
}

enum fg_code fg_registry_next(struct fg_registry *registry, enum fg_id_kind kind, int64_t *id, struct fg_error *err)
{
    return fg_store_next(registry->store, fg_id_word(kind), 1, id, err);
}

enum fg_code fg_registry_audit(struct fg_registry *registry, const char *action, enum fg_id_kind kind, int64_t id,
                               const char *detail, struct fg_error *err)
{
    char object[FG_ID_TEXT];
    return fg_platform_audit(registry->platform, registry->store, &registry->actor, action, fg_id_text(kind, id, object),
                             detail, err);
}

enum fg_code fg_registry_unique(struct fg_registry *registry, enum fg_code code, struct fg_error *err, const char *text)
{
    if (code == FG_ERR_CONSTRAINT && fg_store_constraint(registry->store).kind == FG_CONSTRAINT_UNIQUE)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "%s", text);
    return code;
}

enum fg_code fg_registry_found(enum fg_code code, enum fg_id_kind kind, int64_t id, const char *noun, struct fg_error *err)
{
    char text[FG_ID_TEXT];
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, code, NULL, "there is no %s %s", noun, fg_id_text(kind, id, text));
    return code;
}

enum fg_code fg_registry_require_role(struct fg_registry *registry, int64_t organisation, uint32_t roles, const char *noun,
                                      struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT roles, status FROM organisation WHERE id = $1", "i", organisation),
        FG_ID_ORGANISATION, organisation, "organisation", err);
    if (code != FG_OK)
        return code;
    uint32_t has = (uint32_t)fg_sql_column_int64(sql, 0);
    bool is_active = strcmp(fg_sql_column_text(sql, 1), "active") == 0;
    fg_sql_done(sql);
    char id[FG_ID_TEXT];
    fg_id_text(FG_ID_ORGANISATION, organisation, id);
    if (!is_active)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "organisation %s is not active", id);
    if ((has & roles) == 0)
        return fg_fail(err, FG_ERR_VALUE, NULL, "organisation %s is no %s; choose one that is", id, noun);
    return FG_OK;
}
