/* Organisations: registration, the market operator's decision, and mandates (one acting for another).
 *
 * Admission: a market operator takes part only as a balance responsible party; a regulator or observer, and the FMO of
 * the platform, hold no other role. Who may hold portfolios is `portfolio.h`'s. Thread rule: registry.h. */
#ifndef FG_ATP_ORGANISATION_H
#define FG_ATP_ORGANISATION_H

#include "atp/user.h"

struct fg_organisation {
    const char *name, *country, *address;
    const char *vat_number, *eic, *iban; /* NULL: none */
    uint32_t roles;
};

/* Register, with a first user who is its administrator (and has all duties); pending until the FMO decides. By anybody. */
enum fg_code fg_organisation_register(struct fg_registry *registry, const struct fg_organisation *organisation,
                                      const struct fg_new_user *administrator, int64_t *id, int64_t *user,
                                      struct fg_error *err);

/* The first organisation of a platform: an active FMO with its administrator. FG_ERR_CONFLICT when there is one already. */
enum fg_code fg_organisation_found(struct fg_registry *registry, const struct fg_organisation *organisation,
                                   const struct fg_new_user *administrator, int64_t *id, int64_t *user,
                                   struct fg_error *err);

/* The FMO's word: pending -> active, refused; active -> suspended; suspended -> active. */
enum fg_decision { FG_DECISION_ACCEPT, FG_DECISION_REFUSE, FG_DECISION_SUSPEND, FG_DECISION_RESUME };
extern const char *const fg_decision_words[];
enum fg_code fg_organisation_decide(struct fg_registry *registry, int64_t id, enum fg_decision decision, const char *reason,
                                    struct fg_error *err);
/* Status that follows from `decision` in `status` ("approved" where organisations say "active"); NULL when it is not
 * possible there. For everything that is decided this way. */
const char *fg_decision_next(const char *status, enum fg_decision decision, const char *accepted);

/* Contact and payment data of the own organisation; NULL members stay. Version as read. */
enum fg_code fg_organisation_change(struct fg_registry *registry, int64_t version, const struct fg_organisation *change,
                                    struct fg_error *err);

/* The acting organisation lets `agent` act for it with these duties; a second mandate to the same agent replaces the
 * first. Actions of the agent carry both organisations in the audit log. Administration is never delegated. */
enum fg_code fg_mandate_grant(struct fg_registry *registry, int64_t agent, uint32_t duties, struct fg_error *err);
enum fg_code fg_mandate_revoke(struct fg_registry *registry, int64_t agent, struct fg_error *err);
/* Duties with which `agent` may act for `principal` now; 0: none. */
enum fg_code fg_mandate_duties(struct fg_store *store, int64_t principal, int64_t agent, uint32_t *duties,
                               struct fg_error *err);

#endif
