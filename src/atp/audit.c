#include "atp/audit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS "sequence, time_us, user_id, organisation_id, on_behalf_of, key_id, action, object, detail, hash"

static void hash_bytes(crypto_generichash_state *state, const void *bytes, size_t length)
{
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)((uint64_t)length >> (8 * i));
    crypto_generichash_update(state, size, sizeof size);
    crypto_generichash_update(state, bytes, length);
}

static void hash_int64(crypto_generichash_state *state, int64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)value >> (8 * i));
    crypto_generichash_update(state, bytes, sizeof bytes);
}

/* Advance the chain by an entry. A text that is absent hashes as an empty one with a mark of its own. */
static void advance(struct fg_audit_chain *chain, const struct fg_audit_entry *entry)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, FG_SECRET_HASH);
    crypto_generichash_update(&state, chain->hash, FG_SECRET_HASH);
    hash_bytes(&state, chain->name, strlen(chain->name));
    const int64_t numbers[] = {chain->sequence + 1, entry->time_us, entry->actor.user, entry->actor.organisation,
                               entry->actor.on_behalf_of, entry->actor.key};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hash_int64(&state, numbers[i]);
    const char *texts[] = {entry->action, entry->object, entry->detail};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hash_int64(&state, texts[i] != NULL);
        hash_bytes(&state, texts[i] != NULL ? texts[i] : "", texts[i] != NULL ? strlen(texts[i]) : 0);
    }
    crypto_generichash_final(&state, chain->hash, FG_SECRET_HASH);
    chain->sequence++;
}

static void start_chain(struct fg_audit_chain *chain, const char *name)
{
    memset(chain, 0, sizeof *chain);
    snprintf(chain->name, sizeof chain->name, "%s", name);
}

enum fg_code fg_audit_chain_load(struct fg_store *store, const char *name, struct fg_audit_chain *chain,
                                 struct fg_error *err)
{
    struct fg_sql *sql;
    bool row = false;
    start_chain(chain, name);
    enum fg_code code = fg_sql_prepare(
        store, "SELECT sequence, hash FROM audit WHERE chain = $1 ORDER BY sequence DESC LIMIT 1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, name);
    code = fg_sql_next(sql, &row, err);
    if (code == FG_OK && row) {
        size_t size = 0;
        const void *hash = fg_sql_column_blob(sql, 1, &size);
        chain->sequence = fg_sql_column_int64(sql, 0);
        if (size == FG_SECRET_HASH)
            memcpy(chain->hash, hash, size);
        else
            code = fg_fail(err, FG_ERR_CORRUPT, NULL, "the end of audit chain %s is damaged; restore a backup", name);
        fg_sql_done(sql);
    }
    return code;
}

enum fg_code fg_audit_append(struct fg_store *store, struct fg_audit_chain *chain, const struct fg_audit_entry *entry,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO audit (chain, " COLUMNS ") "
                                       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    advance(chain, entry);
    fg_sql_text(sql, 1, chain->name);
    fg_sql_int64(sql, 2, chain->sequence);
    fg_sql_int64(sql, 3, entry->time_us);
    fg_sql_int64(sql, 4, entry->actor.user);
    fg_sql_int64(sql, 5, entry->actor.organisation);
    fg_sql_int64(sql, 6, entry->actor.on_behalf_of);
    fg_sql_int64(sql, 7, entry->actor.key);
    fg_sql_text(sql, 8, entry->action);
    fg_sql_text(sql, 9, entry->object);
    fg_sql_text(sql, 10, entry->detail);
    fg_sql_blob(sql, 11, chain->hash, FG_SECRET_HASH);
    return fg_sql_queue(sql, err);
}

enum fg_code fg_audit_write(struct fg_store *store, const char *chain_name, const struct fg_audit_entry *entry,
                            struct fg_error *err)
{
    struct fg_audit_chain chain;
    enum fg_code code = fg_audit_chain_load(store, chain_name, &chain, err);
    return code == FG_OK ? fg_audit_append(store, &chain, entry, err) : code;
}

/* -- verification ------------------------------------------------------------------------------------------------- */

static const char *check_row(struct fg_audit_chain *chain, struct fg_sql *sql)
{
    size_t size = 0;
    struct fg_audit_chain next = *chain;
    struct fg_audit_entry entry = {
        .time_us = fg_sql_column_int64(sql, 1),
        .actor = {fg_sql_column_int64(sql, 2), fg_sql_column_int64(sql, 3), fg_sql_column_int64(sql, 4),
                  fg_sql_column_int64(sql, 5)},
        .action = fg_sql_column_text(sql, 6),
        .object = fg_sql_column_text(sql, 7),
        .detail = fg_sql_column_text(sql, 8)};
    const void *hash = fg_sql_column_blob(sql, 9, &size);
    if (fg_sql_column_int64(sql, 0) != chain->sequence + 1)
        return "an entry before this one is missing";
    advance(&next, &entry);
    if (size != FG_SECRET_HASH || sodium_memcmp(hash, next.hash, FG_SECRET_HASH) != 0)
        return "this entry is not what was written";
    *chain = next;
    return NULL;
}

enum { PAGE_ROWS = 1000 };

static enum fg_code verify_chain(struct fg_store *store, const char *name, struct fg_audit_report *report,
                                 struct fg_error *err)
{
    *report = (struct fg_audit_report){.is_intact = true};
    start_chain(&report->chain, name);
    for (bool row = true; row && report->is_intact;) {
        struct fg_sql *sql;
        int64_t after = report->chain.sequence, sequence = 0;
        enum fg_code code = fg_sql_prepare(store,
                                           "SELECT " COLUMNS " FROM audit WHERE chain = $1 AND sequence > $2 "
                                           "ORDER BY sequence LIMIT $3",
                                           &sql, err);
        if (code != FG_OK)
            return code;
        fg_sql_text(sql, 1, name);
        fg_sql_int64(sql, 2, after);
        fg_sql_int64(sql, 3, PAGE_ROWS);
        row = false;
        for (bool more = true; more && report->is_intact;) {
            if ((code = fg_sql_next(sql, &more, err)) != FG_OK)
                return code;
            if (!more)
                break;
            row = true;
            sequence = fg_sql_column_int64(sql, 0);
            if ((report->text = check_row(&report->chain, sql)) != NULL) {
                report->is_intact = false;
                report->broken_sequence = sequence;
            }
        }
        fg_sql_done(sql);
    }
    return FG_OK;
}

/* The name of the first chain after `name` in byte order; false when there is none. */
static enum fg_code next_chain(struct fg_store *store, char name[FG_AUDIT_CHAIN_MAX], bool *found, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "SELECT chain FROM audit WHERE chain > $1 ORDER BY chain LIMIT 1", &sql, err);
    if (code != FG_OK)
        return code;
    char after[FG_AUDIT_CHAIN_MAX];
    memcpy(after, name, sizeof after);
    fg_sql_text(sql, 1, after);
    if ((code = fg_sql_next(sql, found, err)) == FG_OK && *found) {
        snprintf(name, FG_AUDIT_CHAIN_MAX, "%s", fg_sql_column_text(sql, 0));
        fg_sql_done(sql);
    }
    return code;
}

enum fg_code fg_audit_verify(struct fg_store *store, const char *chain_name,
                             void (*report)(void *context, const struct fg_audit_report *report), void *context,
                             bool *is_intact, struct fg_error *err)
{
    bool own = !fg_store_in_transaction(store);
    enum fg_code code = own ? fg_store_begin(store, FG_STORE_READ, err) : FG_OK;
    char name[FG_AUDIT_CHAIN_MAX] = "";
    bool more = chain_name != NULL;
    *is_intact = true;
    if (chain_name != NULL)
        snprintf(name, sizeof name, "%s", chain_name);
    else if (code == FG_OK)
        code = next_chain(store, name, &more, err);
    while (code == FG_OK && more) {
        struct fg_audit_report result;
        if ((code = verify_chain(store, name, &result, err)) != FG_OK)
            break;
        *is_intact = *is_intact && result.is_intact;
        if (report != NULL)
            report(context, &result);
        more = false;
        if (chain_name == NULL)
            code = next_chain(store, name, &more, err);
    }
    if (own)
        fg_store_rollback(store);
    return code;
}
