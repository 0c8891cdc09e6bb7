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
    return fg_sql_gather(sql, err);
}

enum fg_code fg_audit_write(struct fg_store *store, const char *chain_name, const struct fg_audit_entry *entry,
                            struct fg_error *err)
{
    struct fg_audit_chain chain;
    enum fg_code code = fg_audit_chain_load(store, chain_name, &chain, err);
    return code == FG_OK ? fg_audit_append(store, &chain, entry, err) : code;
}

/* -- verification ------------------------------------------------------------------------------------------------- */

/* The next entry of the chain, or why it is not. */
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
        return "this entry is not what was written, or one before it was taken out or put in";
    *chain = next;
    return NULL;
}

static const char *check_anchors(const struct fg_audit_chain *chain, const struct fg_audit_scope *scope)
{
    for (size_t i = 0; i < scope->anchor_count; i++)
        if (scope->anchors[i].sequence == chain->sequence && strcmp(scope->anchors[i].name, chain->name) == 0 &&
            sodium_memcmp(scope->anchors[i].hash, chain->hash, FG_SECRET_HASH) != 0)
            return "the entries fit together, but this is not the entry that the anchor names: the chain was written anew";
    return NULL;
}

enum { PAGE_ROWS = 1000, WORD_MAX = 200 };

struct walk {
    struct fg_store *store;
    const struct fg_audit_scope *scope;
    struct fg_audit_report result;
    int64_t last; /* sequence of the last entry to look at */
    char action[WORD_MAX], object[WORD_MAX];
};

static void keep_broken(struct walk *walk, struct fg_sql *sql, const char *text)
{
    struct fg_audit_report *result = &walk->result;
    const char *object = fg_sql_column_text(sql, 7);
    result->is_intact = false;
    result->text = text;
    result->broken_sequence = fg_sql_column_int64(sql, 0);
    result->broken_us = fg_sql_column_int64(sql, 1);
    snprintf(walk->action, sizeof walk->action, "%s", fg_sql_column_text(sql, 6));
    snprintf(walk->object, sizeof walk->object, "%s", object != NULL ? object : "");
    result->broken_action = walk->action;
    result->broken_object = object != NULL ? walk->object : NULL;
}

/* Up to a page of rows; *row tells whether there were any. */
static enum fg_code check_page(struct walk *walk, bool *row, struct fg_error *err)
{
    struct fg_audit_report *result = &walk->result;
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(walk->store,
                                       "SELECT " COLUMNS " FROM audit WHERE chain = $1 AND sequence > $2 AND sequence <= $3 "
                                       "ORDER BY sequence LIMIT $4",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, result->chain.name);
    fg_sql_int64(sql, 2, result->chain.sequence);
    fg_sql_int64(sql, 3, walk->last);
    fg_sql_int64(sql, 4, PAGE_ROWS);
    *row = false;
    for (bool more = true; result->is_intact;) {
        if ((code = fg_sql_next(sql, &more, err)) != FG_OK || !more)
            return code;
        *row = true;
        const char *wrong = check_row(&result->chain, sql);
        if (wrong == NULL)
            wrong = check_anchors(&result->chain, walk->scope);
        if (wrong != NULL) {
            keep_broken(walk, sql, wrong);
            continue;
        }
        result->last_us = fg_sql_column_int64(sql, 1);
        if (result->count++ == 0) {
            result->first_us = result->last_us;
            result->first_sequence = result->chain.sequence;
        }
    }
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code bound(struct walk *walk, const char *text, int64_t time_us, int64_t *sequence, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(walk->store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, walk->result.chain.name);
    fg_sql_int64(sql, 2, time_us);
    *sequence = 0;
    if ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        *sequence = fg_sql_column_int64(sql, 0);
        fg_sql_done(sql);
    }
    return code;
}

/* A part of a chain begins with the stored hash of the entry before it. */
static enum fg_code find_bounds(struct walk *walk, struct fg_error *err)
{
    const struct fg_audit_scope *scope = walk->scope;
    struct fg_audit_chain *chain = &walk->result.chain;
    struct fg_sql *sql;
    int64_t first = 1;
    bool row;
    enum fg_code code = FG_OK;
    walk->last = INT64_MAX;
    if (scope->from_us != 0)
        code = bound(walk, "SELECT min(sequence) FROM audit WHERE chain = $1 AND time_us >= $2", scope->from_us, &first, err);
    if (code == FG_OK && scope->until_us != 0)
        code = bound(walk, "SELECT max(sequence) FROM audit WHERE chain = $1 AND time_us < $2", scope->until_us, &walk->last, err);
    if (code != FG_OK || first <= 1) {
        walk->last = first == 0 ? 0 : walk->last;
        return code;
    }
    code = fg_sql_prepare(walk->store, "SELECT sequence, hash FROM audit WHERE chain = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT 1",
                          &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, chain->name);
    fg_sql_int64(sql, 2, first);
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
        return code;
    size_t size = 0;
    const void *hash = fg_sql_column_blob(sql, 1, &size);
    chain->sequence = fg_sql_column_int64(sql, 0);
    if (size == FG_SECRET_HASH)
        memcpy(chain->hash, hash, size);
    fg_sql_done(sql);
    return FG_OK;
}

/* What an anchor names lies beyond the last entry: the end was cut off. */
static void check_end(struct walk *walk)
{
    struct fg_audit_report *result = &walk->result;
    if (walk->last != INT64_MAX || !result->is_intact)
        return;
    for (size_t i = 0; i < walk->scope->anchor_count; i++) {
        const struct fg_audit_chain *anchor = &walk->scope->anchors[i];
        if (strcmp(anchor->name, result->chain.name) == 0 && anchor->sequence > result->chain.sequence) {
            result->is_intact = false;
            result->broken_sequence = result->chain.sequence + 1;
            result->text = "the end is missing: an anchor names a later entry";
        }
    }
}

static enum fg_code verify_chain(struct walk *walk, const char *name, struct fg_error *err)
{
    walk->result = (struct fg_audit_report){.is_intact = true};
    start_chain(&walk->result.chain, name);
    enum fg_code code = find_bounds(walk, err);
    for (bool row = true; code == FG_OK && row && walk->result.is_intact;)
        code = check_page(walk, &row, err);
    if (code == FG_OK)
        check_end(walk);
    return code;
}

/* The name of the first chain after `name` in byte order, of those that exist or are named by an anchor. */
static enum fg_code next_chain(const struct walk *walk, char name[FG_AUDIT_CHAIN_MAX], bool *found, struct fg_error *err)
{
    struct fg_sql *sql;
    const struct fg_audit_scope *scope = walk->scope;
    enum fg_code code = fg_sql_prepare(walk->store, "SELECT chain FROM audit WHERE chain > $1 ORDER BY chain LIMIT 1", &sql, err);
    if (code != FG_OK)
        return code;
    char after[FG_AUDIT_CHAIN_MAX];
    memcpy(after, name, sizeof after);
    fg_sql_text(sql, 1, after);
    if ((code = fg_sql_next(sql, found, err)) == FG_OK && *found) {
        snprintf(name, FG_AUDIT_CHAIN_MAX, "%s", fg_sql_column_text(sql, 0));
        fg_sql_done(sql);
    }
    for (size_t i = 0; code == FG_OK && i < scope->anchor_count; i++)
        if (strcmp(scope->anchors[i].name, after) > 0 && (!*found || strcmp(scope->anchors[i].name, name) < 0)) {
            snprintf(name, FG_AUDIT_CHAIN_MAX, "%s", scope->anchors[i].name);
            *found = true;
        }
    return code;
}

enum fg_code fg_audit_check(struct fg_store *store, const struct fg_audit_scope *scope,
                            void (*report)(void *context, const struct fg_audit_report *report), void *context,
                            bool *is_intact, struct fg_error *err)
{
    struct walk walk = {.store = store, .scope = scope};
    bool own = !fg_store_in_transaction(store);
    enum fg_code code = own ? fg_store_begin(store, FG_STORE_READ, err) : FG_OK;
    char name[FG_AUDIT_CHAIN_MAX] = "";
    bool more = scope->chain != NULL;
    *is_intact = true;
    if (scope->chain != NULL)
        snprintf(name, sizeof name, "%s", scope->chain);
    else if (code == FG_OK)
        code = next_chain(&walk, name, &more, err);
    while (code == FG_OK && more) {
        if ((code = verify_chain(&walk, name, err)) != FG_OK)
            break;
        *is_intact = *is_intact && walk.result.is_intact;
        if (report != NULL)
            report(context, &walk.result);
        more = false;
        if (scope->chain == NULL)
            code = next_chain(&walk, name, &more, err);
    }
    if (own)
        fg_store_rollback(store);
    return code;
}

enum fg_code fg_audit_verify(struct fg_store *store, const char *chain_name,
                             void (*report)(void *context, const struct fg_audit_report *report), void *context,
                             bool *is_intact, struct fg_error *err)
{
    return fg_audit_check(store, &(struct fg_audit_scope){.chain = chain_name}, report, context, is_intact, err);
}
