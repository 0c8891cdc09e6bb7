/* Users of organisations: invitations, duties, passwords, log-in with lock-out, sessions, API keys.
 *
 * Passwords are hashed and checked outside transactions, because that takes some 0.1 s by intention; functions here take
 * the hash. Five wrong passwords in a row lock a user for 15 minutes; a log-in that is refused does not tell why.
 * Thread rule: registry.h. */
#ifndef FG_ATP_USER_H
#define FG_ATP_USER_H

#include "atp/person.h"

#define FG_LOGIN_FAILURES_MAX 5
#define FG_LOGIN_LOCK_US INT64_C(900000000)       /* 15 min */
#define FG_SESSION_US (INT64_C(12) * 3600000000)  /* a session's longest life */
#define FG_INVITATION_US (INT64_C(7) * 86400000000)
#define FG_KEYS_PER_USER 50

struct fg_new_user {
    const char *name, *email;
    const char *password_hash; /* fg_password_hash */
};

/* Inside the service: a user of the organisation. FG_ERR_CONFLICT: the address is in use. */
enum fg_code fg_user_create(struct fg_registry *registry, int64_t organisation, const struct fg_new_user *user,
                            uint32_t duties, int64_t *id, struct fg_error *err);

/* ---- invitations: by an administrator, into the own organisation. The token is told once. ---- */
enum fg_code fg_user_invite(struct fg_registry *registry, uint32_t duties, int64_t *invitation,
                            char token[FG_TOKEN_TEXT], struct fg_error *err);
/* By nobody logged in, with the token. FG_ERR_NOT_FOUND: unknown, used or expired. */
enum fg_code fg_user_accept(struct fg_registry *registry, const char *token, const struct fg_new_user *user, int64_t *id,
                            struct fg_error *err);

/* Duties (0: as they are) and status (NULL: as it is) of a user of the own organisation; version as read. Disabling ends
 * sessions and keys; nobody takes the last administrator away. */
enum fg_code fg_user_change(struct fg_registry *registry, int64_t user, int64_t version, uint32_t duties,
                            const char *status, struct fg_error *err);
enum fg_code fg_user_require_other_administrator(struct fg_registry *registry, int64_t organisation, int64_t but,
                                                 struct fg_error *err);

/* ---- log-in ---- */
/* FG_OK and the token of a new session; FG_ERR_DENIED when address, password, lock or state do not allow it;
 * FG_ERR_CONFLICT when the password is right and the organisation is not active. Runs its own transactions; cost: fg_password_verify. */
struct fg_login {
    int64_t user, organisation, session, expires_us;
    char token[FG_TOKEN_TEXT];
};
enum fg_code fg_login(struct fg_platform *platform, const char *email, const char *password, struct fg_login *login,
                      struct fg_error *err);
/* End the acting session. */
enum fg_code fg_logout(struct fg_registry *registry, struct fg_error *err);

/* Change one's own password; FG_ERR_DENIED when the old one is wrong (which counts as a failed log-in). All other sessions
 * end. Runs its own transactions. */
enum fg_code fg_password_change(struct fg_platform *platform, const struct fg_principal *principal, const char *old_password,
                                const char *new_password, struct fg_error *err);

/* ---- API keys of the acting user; one API each. The token is told once. ---- */
enum fg_code fg_key_create(struct fg_registry *registry, const char *name, enum fg_api_family api, uint32_t duties,
                           int64_t expires_us, int64_t *id, char token[FG_TOKEN_TEXT], struct fg_error *err);
/* One's own; an administrator also those of the organisation. */
enum fg_code fg_key_revoke(struct fg_registry *registry, int64_t id, struct fg_error *err);

#endif
