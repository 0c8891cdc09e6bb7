/* Who may do what: one table for the code, the tests and the documentation.
 *
 * A rule names a right ("orders.enter"), the roles of the organisation that have it and the duties of the user inside
 * the organisation that it needs. A principal may use an operation when
 *   - its key belongs to the operation's API (a browser session belongs to all of them), and
 *   - the rule of the operation's right allows one of its organisation's roles and one of its duties.
 * Whether the object at hand is the organisation's own is the handler's question (`fg_call_principal`).
 * Thread rule: constant data; pure functions. */
#ifndef FG_ATP_ACCESS_H
#define FG_ATP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fg_role {
    FG_ROLE_FMO,
    FG_ROLE_DSO,
    FG_ROLE_TSO,
    FG_ROLE_ESP,
    FG_ROLE_RESP,
    FG_ROLE_AGGREGATOR,
    FG_ROLE_RETAILER,
    FG_ROLE_BRP,
    FG_ROLE_MARKET_OPERATOR,
    FG_ROLE_PROSUMER,
    FG_ROLE_REGULATOR,
    FG_ROLE_OBSERVER,
    FG_ROLE_COUNT
};
enum fg_duty {
    FG_DUTY_ADMINISTRATOR,
    FG_DUTY_TRADER,
    FG_DUTY_OPERATOR,
    FG_DUTY_SETTLEMENT,
    FG_DUTY_READER,
    FG_DUTY_COUNT
};
enum fg_api_family { FG_API_PUBLIC, FG_API_ATP, FG_API_DFMCT, FG_API_FST, FG_API_AFAT, FG_API_DB, FG_API_COUNT };

#define FG_BIT(index) (1u << (index))
#define FG_ROLES_ALL (FG_BIT(FG_ROLE_COUNT) - 1)
#define FG_DUTIES_ALL (FG_BIT(FG_DUTY_COUNT) - 1)

/* Their names in the API, by index, NULL-terminated: "fmo", "trader", "atp", ... */
extern const char *const fg_role_words[], *const fg_duty_words[], *const fg_api_words[];

#define FG_PRINCIPAL_ID 65
/* Who asks. Filled by the authenticator. */
struct fg_principal {
    char organisation[FG_PRINCIPAL_ID];
    char user[FG_PRINCIPAL_ID];
    char key[FG_PRINCIPAL_ID];          /* id (not the secret) of the session or API key: owner of idempotency keys, rate limits */
    char on_behalf_of[FG_PRINCIPAL_ID]; /* organisation represented; "" when none */
    uint32_t roles;                     /* FG_BIT(FG_ROLE_...) */
    uint32_t duties;                    /* FG_BIT(FG_DUTY_...) */
    uint32_t apis;                      /* FG_BIT(FG_API_...): where the key is valid */
    bool is_session;                    /* browser session (cookie), valid for all APIs */
};

struct fg_access_rule {
    const char *right;   /* "area.verb", unique */
    const char *summary; /* one sentence for the documentation */
    uint32_t roles, duties;
};
struct fg_access_table {
    const struct fg_access_rule *rules;
    size_t count;
};

/* NULL when there is no such right. */
const struct fg_access_rule *fg_access_find(const struct fg_access_table *table, const char *right);
bool fg_access_allows(const struct fg_access_rule *rule, const struct fg_principal *principal);

#endif
