#include "atp/idempotency.h"

#include "atp/query.h"

#include <stdio.h>
#include <string.h>

enum { CLEANED = 100 }; /* expired answers removed with each new one */

enum fg_code fg_idempotency_load(struct fg_store *store, const char *owner, const char *key,
                                 const unsigned char hash[FG_SECRET_HASH], int64_t now_us, struct fg_kept_answer *answer,
                                 struct fg_text *body, struct fg_error *err)
{
    struct fg_sql *sql;
    *answer = (struct fg_kept_answer){0};
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT hash, status, media, body FROM idempotency WHERE owner = $1 AND key = $2 AND "
                                     "expires_us > $3", "tti", owner, key, now_us);
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND ? FG_OK : code;
    size_t size = 0, length = 0;
    const void *kept = fg_sql_column_blob(sql, 0, &size);
    answer->is_there = true;
    answer->is_other = size != FG_SECRET_HASH || memcmp(kept, hash, size) != 0;
    if (!answer->is_other) {
        const char *bytes = fg_sql_column_blob(sql, 3, &length);
        answer->status = (int)fg_sql_column_int64(sql, 1);
        snprintf(answer->media, sizeof answer->media, "%s", fg_sql_column_text(sql, 2));
        fg_text_append(body, bytes != NULL ? bytes : "", length);
    }
    fg_sql_done(sql);
    return body->failed ? fg_fail_memory(err) : FG_OK;
}

enum fg_code fg_idempotency_clean(struct fg_store *store, int64_t now_us, int64_t limit, int64_t *removed, struct fg_error *err)
{
    return fg_change(store, removed, err,
                     "DELETE FROM idempotency WHERE (owner, key) IN (SELECT owner, key FROM idempotency WHERE expires_us <= $1 "
                     "ORDER BY expires_us LIMIT $2)",
                     "ii", now_us, limit);
}

enum fg_code fg_idempotency_save(struct fg_store *store, const char *owner, const char *key,
                                 const unsigned char hash[FG_SECRET_HASH], int status, const char *media, const char *body,
                                 size_t length, int64_t now_us, int64_t expires_us, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = fg_idempotency_clean(store, now_us, CLEANED, NULL, err);
    if (code == FG_OK)
        code = fg_change(store, &changes, err,
                         "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner, key) DO UPDATE SET hash = excluded.hash, "
                         "status = excluded.status, media = excluded.media, body = excluded.body, "
                         "expires_us = excluded.expires_us WHERE idempotency.expires_us <= $8",
                         "ttbitbii", owner, key, (const void *)hash, (size_t)FG_SECRET_HASH, (int64_t)status, media,
                         (const void *)(body != NULL ? body : ""), length, expires_us, now_us);
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_BUSY, NULL, "a request with this key was answered meanwhile");
    return code;
}
