/* What the store keeps about itself: the incarnation of the data, and counters. */
#include "store/backend.h"

#include "store/meta.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum fg_code fg_store_new_incarnation(struct fg_store *store, struct fg_error *err)
{
    unsigned char bytes[16];
    char text[FG_INCARNATION_TEXT];
    if (sodium_init() < 0)
        return fg_fail(err, FG_ERR_UNAVAILABLE, store->name, "the system gives no random numbers");
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(text, sizeof text, bytes, sizeof bytes);
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO meta (name, value) VALUES ('incarnation', $1) "
                                       "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, text);
    return fg_sql_run(sql, NULL, err);
}

enum fg_code fg_store_incarnation(struct fg_store *store, char out[FG_INCARNATION_TEXT], struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "SELECT value FROM meta WHERE name = 'incarnation'", &sql, err);
    if (code != FG_OK || (code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    snprintf(out, FG_INCARNATION_TEXT, "%s", fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    return FG_OK;
}

enum fg_code fg_store_next(struct fg_store *store, const char *counter, int64_t count, int64_t *first,
                           struct fg_error *err)
{
    if (count < 1)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "a counter gives at least one number at a time");
    if (!fg_store_in_transaction(store))
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "numbers are taken inside the transaction that uses them");
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO counter (name, last) VALUES ($1, $2) "
                                       "ON CONFLICT (name) DO UPDATE SET last = counter.last + excluded.last RETURNING last",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, counter);
    fg_sql_int64(sql, 2, count);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    *first = fg_sql_column_int64(sql, 0) - count + 1;
    fg_sql_done(sql);
    return FG_OK;
}
