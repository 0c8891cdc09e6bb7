/* Answers kept under (owner, key), so that a request sent twice acts once. `save` inside the transaction that makes the
 * change makes it exactly-once across kills. Thread rule: that of the connection. */
#ifndef FG_ATP_IDEMPOTENCY_H
#define FG_ATP_IDEMPOTENCY_H

#include "atp/platform.h"
#include "base/text.h"

#include <stdbool.h>

struct fg_kept_answer {
    bool is_there;           /* and not expired */
    bool is_other;           /* another request had this key; the rest is not filled */
    int status;
    char media[64];
};
/* `body` (initialised) gets the answer's body. */
enum fg_code fg_idempotency_load(struct fg_store *store, const char *owner, const char *key,
                                 const unsigned char hash[FG_SECRET_HASH], int64_t now_us, struct fg_kept_answer *answer,
                                 struct fg_text *body, struct fg_error *err);
/* FG_ERR_BUSY when the key was saved meanwhile: run the transaction again. */
enum fg_code fg_idempotency_save(struct fg_store *store, const char *owner, const char *key,
                                 const unsigned char hash[FG_SECRET_HASH], int status, const char *media, const char *body,
                                 size_t length, int64_t now_us, int64_t expires_us, struct fg_error *err);
/* Remove at most `limit` answers that have expired; `removed` may be NULL. Outside or inside a write transaction. */
enum fg_code fg_idempotency_clean(struct fg_store *store, int64_t now_us, int64_t limit, int64_t *removed, struct fg_error *err);

#endif
