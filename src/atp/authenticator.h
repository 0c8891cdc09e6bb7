/* Who has this token: sessions and API keys, looked up in the database and kept in memory for FG_TOKEN_KEPT_US. What this
 * node changes takes effect at once (fg_authenticator_forget), what another node changes after that time at the latest.
 *
 * Only active users of active organisations have a principal. Acting for another organisation takes a mandate: roles are
 * then those of the organisation represented, duties what both the user and the mandate have.
 * Memory is bounded: a table of FG_TOKENS_KEPT entries, the newer replaces the older in its slot. Only tokens that exist
 * are kept, by their hash. Thread rule: any thread. */
#ifndef FG_ATP_AUTHENTICATOR_H
#define FG_ATP_AUTHENTICATOR_H

#include "atp/access.h"
#include "atp/platform.h"

#define FG_TOKEN_KEPT_US INT64_C(3000000)
#define FG_TOKENS_KEPT 8192

struct fg_authenticator_memory;
enum fg_code fg_authenticator_create(struct fg_platform *platform, struct fg_authenticator_memory **memory,
                                     struct fg_error *err);
void fg_authenticator_destroy(struct fg_authenticator_memory *memory); /* NULL is allowed */

/* FG_ERR_DENIED: unknown, expired, ended, locked out, or no mandate for `on_behalf_of` (NULL: none). */
enum fg_code fg_authenticate(struct fg_authenticator_memory *memory, const char *token, const char *on_behalf_of,
                             struct fg_principal *principal, struct fg_error *err);

/* Users, keys, organisations or mandates have changed. */
void fg_authenticator_forget(struct fg_authenticator_memory *memory);

#endif
