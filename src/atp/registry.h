/* The registry as one actor sees it inside one transaction: what every service of organisations, users, grids and assets
 * takes first. Services check what belongs to whom; that the actor has the right at all is the table's business
 * (rights.h), asked before.
 *
 *     fg_registry_run(platform, &principal, FG_STORE_WRITE, work, context, err)
 *
 * Refusals: FG_ERR_NOT_FOUND (also for what the actor may not know of), FG_ERR_DENIED, FG_ERR_CONFLICT (state, version,
 * name taken), FG_ERR_VALUE. Every change writes the audit log. Thread rule: a registry belongs to one thread. */
#ifndef FG_ATP_REGISTRY_H
#define FG_ATP_REGISTRY_H

#include "atp/access.h"
#include "atp/id.h"
#include "atp/platform.h"

struct fg_registry {
    struct fg_platform *platform;
    struct fg_store *store;
    struct fg_actor actor;  /* zero: nobody has logged in */
    uint32_t roles, duties; /* of the actor, FG_BIT(...) */
    int64_t now_us;
};

typedef enum fg_code fg_registry_work(struct fg_registry *registry, void *context, struct fg_error *err);

/* `principal` NULL: nobody has logged in. The work may be called several times (fg_platform_run). */
enum fg_code fg_registry_run(struct fg_platform *platform, const struct fg_principal *principal, enum fg_store_mode mode,
                             fg_registry_work *work, void *context, struct fg_error *err);

/* The numbers of a principal's identities. */
struct fg_actor fg_actor_of(const struct fg_principal *principal);
/* The organisation acted for: the one represented, else the actor's own. */
int64_t fg_actor_party(const struct fg_actor *actor);

static inline int64_t fg_registry_party(const struct fg_registry *registry)
{
    return fg_actor_party(&registry->actor);
}
static inline bool fg_registry_is(const struct fg_registry *registry, enum fg_role role)
{
    return (registry->roles & FG_BIT(role)) != 0;
}
/* The market operator and the regulator see every organisation's objects. */
static inline bool fg_registry_sees_all(const struct fg_registry *registry)
{
    return (registry->roles & (FG_BIT(FG_ROLE_FMO) | FG_BIT(FG_ROLE_REGULATOR))) != 0;
}

/* A number for a new object. */
enum fg_code fg_registry_next(struct fg_registry *registry, enum fg_id_kind kind, int64_t *id, struct fg_error *err);
/* An audit entry about object `kind`-`id`; `detail` is JSON without personal data, may be NULL. */
enum fg_code fg_registry_audit(struct fg_registry *registry, const char *action, enum fg_id_kind kind, int64_t id,
                               const char *detail, struct fg_error *err);
/* FG_ERR_CONFLICT with `text` in place of a doubled name; other codes pass. */
enum fg_code fg_registry_unique(struct fg_registry *registry, enum fg_code code, struct fg_error *err, const char *text);
/* FG_ERR_NOT_FOUND becomes "there is no <noun> <id>"; other codes pass. */
enum fg_code fg_registry_found(enum fg_code code, enum fg_id_kind kind, int64_t id, const char *noun, struct fg_error *err);
/* The role of an active organisation: FG_ERR_NOT_FOUND without such an organisation, FG_ERR_CONFLICT when it is not
 * active, FG_ERR_VALUE when it has none of `roles`; `noun` names what it was wanted for. */
enum fg_code fg_registry_require_role(struct fg_registry *registry, int64_t organisation, uint32_t roles, const char *noun,
                                      struct fg_error *err);

#endif
