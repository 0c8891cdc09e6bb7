/* Persons: their data, sealed under a key of their own; consents; what is known of them, and erasing it.
 *
 * A person's row holds her key, sealed under the installation's secret; `person_data` holds name and address sealed under
 * her key. Everything else (audit log, trades) names the user's number only. Erasing destroys key and data, so that
 * backups without the key's row tell nothing and the audit chain still verifies. Thread rule: registry.h. */
#ifndef FG_ATP_PERSON_H
#define FG_ATP_PERSON_H

#include "atp/registry.h"
#include "base/json.h"

enum { FG_PERSON_TEXT = 512 };

enum fg_code fg_person_create(struct fg_registry *registry, const char *name, const char *email, int64_t *person,
                              struct fg_error *err);
/* `purpose` is "name" or "email"; `text` is "" when the person has been erased. */
enum fg_code fg_person_read(struct fg_registry *registry, int64_t person, const char *purpose, char text[FG_PERSON_TEXT],
                            struct fg_error *err);

/* Look-up of an e-mail address, whatever the case of its letters. */
void fg_person_email_index(const struct fg_platform *platform, const char *email, unsigned char index[FG_SECRET_HASH]);

/* What data are used for, and that the person has agreed to; by use, with withdrawal. */
extern const char *const fg_consent_words[]; /* "metering", "forecasting", "open_data", "contact" */
enum fg_code fg_consent_give(struct fg_registry *registry, const char *purpose, struct fg_error *err);
enum fg_code fg_consent_withdraw(struct fg_registry *registry, const char *purpose, struct fg_error *err);
/* Has the user's person agreed, now? For services that use personal data. */
enum fg_code fg_consent_has(struct fg_registry *registry, int64_t user, const char *purpose, bool *has,
                            struct fg_error *err);

/* Everything that is kept about the acting user, as one JSON object: person, user, sessions, keys, consents, and the audit
 * entries of what she did. */
enum fg_code fg_person_export(struct fg_registry *registry, struct fg_json_writer *out, struct fg_error *err);

/* Destroy the key and the data of a user's person, disable the user, end sessions and keys. Oneself, or a user of the own
 * organisation for its administrator. The last administrator of an organisation cannot be erased. */
enum fg_code fg_person_erase(struct fg_registry *registry, int64_t user, struct fg_error *err);

#endif
