#include "store/document.h"

#include "store/backend.h"
#include "store/series_codec.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void hash(const void *bytes, size_t size, char out[65])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, bytes, size);
    sodium_bin2hex(out, 65, digest, sizeof digest);
}

#define COLUMNS "kind, name, version, created_us, size_bytes, sha256, metadata"

static void read_columns(const struct fg_sql *sql, struct fg_document *document)
{
    snprintf(document->kind, sizeof document->kind, "%s", fg_sql_column_text(sql, 0));
    snprintf(document->name, sizeof document->name, "%s", fg_sql_column_text(sql, 1));
    document->version = fg_sql_column_int64(sql, 2);
    document->created_us = fg_sql_column_int64(sql, 3);
    document->size_bytes = fg_sql_column_int64(sql, 4);
    snprintf(document->sha256, sizeof document->sha256, "%s", fg_sql_column_text(sql, 5));
}

/* The version to come; 0 when the latest has the same content already, whose columns are then read. */
static enum fg_code next_version(struct fg_store *store, struct fg_document *document, int64_t *next, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(store,
                                       "SELECT " COLUMNS " FROM document WHERE kind = $1 AND name = $2 "
                                       "ORDER BY version DESC LIMIT 1 FOR UPDATE",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, document->kind);
    fg_sql_text(sql, 2, document->name);
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK)
        return code;
    *next = 1;
    if (row) {
        struct fg_document latest = {0};
        read_columns(sql, &latest);
        bool same = strcmp(latest.sha256, document->sha256) == 0 && latest.size_bytes == document->size_bytes;
        *next = same ? 0 : latest.version + 1;
        if (same)
            *document = latest;
    }
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code insert(struct fg_store *store, const struct fg_document *document, const char *metadata,
                           const struct fg_text *payload, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(store, "INSERT INTO document (" COLUMNS ", payload) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, document->kind);
    fg_sql_text(sql, 2, document->name);
    fg_sql_int64(sql, 3, document->version);
    fg_sql_int64(sql, 4, document->created_us);
    fg_sql_int64(sql, 5, document->size_bytes);
    fg_sql_text(sql, 6, document->sha256);
    fg_sql_text(sql, 7, metadata);
    fg_sql_blob(sql, 8, payload->data, payload->length);
    return fg_sql_run(sql, NULL, err);
}

enum fg_code fg_document_put(struct fg_store *store, struct fg_document *document, const char *metadata, const void *content,
                             size_t size_bytes, struct fg_error *err)
{
    if (!fg_store_in_transaction(store))
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "documents are stored inside a transaction");
    if (document->kind[0] == '\0' || document->name[0] == '\0')
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "a document has a kind and a name");
    if (size_bytes > FG_DOCUMENT_SIZE_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, document->name, "a document holds at most %zu MB; store it in parts",
                       FG_DOCUMENT_SIZE_MAX >> 20);
    hash(content, size_bytes, document->sha256);
    document->size_bytes = (int64_t)size_bytes;
    int64_t next;
    enum fg_code code = next_version(store, document, &next, err);
    if (code != FG_OK || next == 0)
        return code;
    document->version = next;
    struct fg_codec *codec;
    struct fg_text payload;
    fg_text_init(&payload);
    code = fg_store_codec(store, &codec, err);
    if (code == FG_OK)
        code = fg_codec_pack(codec, content, size_bytes, &payload, err);
    if (code == FG_OK)
        code = insert(store, document, metadata, &payload, err);
    fg_text_release(&payload);
    return code;
}

/* The content of the current row into `out`, and nothing that was not stored. */
static enum fg_code read_content(struct fg_store *store, const struct fg_sql *sql, const struct fg_document *document,
                                 struct fg_text *out, struct fg_error *err)
{
    struct fg_codec *codec;
    size_t size;
    const void *bytes = fg_sql_column_blob(sql, 7, &size);
    enum fg_code code = fg_store_codec(store, &codec, err);
    if (code == FG_OK)
        code = fg_codec_unpack(codec, bytes, size, FG_DOCUMENT_SIZE_MAX, out, err);
    char found[65] = "";
    if (code == FG_OK)
        hash(out->data, out->length, found);
    if (code == FG_ERR_CORRUPT || (code == FG_OK && strcmp(found, document->sha256) != 0))
        return fg_fail(err, FG_ERR_CORRUPT, document->name,
                       "version %lld of the %s does not have the checksum it was stored with; restore the last backup into a new "
                       "database", (long long)document->version, document->kind);
    return code;
}

enum fg_code fg_document_get(struct fg_store *store, const char *kind, const char *name, int64_t version,
                             struct fg_document *document, struct fg_text *metadata, struct fg_text *content,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(store,
                                       version == 0 ? "SELECT " COLUMNS ", payload FROM document WHERE kind = $1 AND name = $2 "
                                                      "ORDER BY version DESC LIMIT 1"
                                                    : "SELECT " COLUMNS ", payload FROM document "
                                                      "WHERE kind = $1 AND name = $2 AND version = $3",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, kind);
    fg_sql_text(sql, 2, name);
    if (version != 0)
        fg_sql_int64(sql, 3, version);
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK)
        return code;
    if (!row)
        return version == 0 ? fg_fail(err, FG_ERR_NOT_FOUND, store->name, "there is no %s named \"%s\"", kind, name)
                            : fg_fail(err, FG_ERR_NOT_FOUND, store->name, "there is no version %lld of the %s \"%s\"",
                                      (long long)version, kind, name);
    read_columns(sql, document);
    if (metadata != NULL) {
        metadata->length = 0;
        fg_text_puts(metadata, fg_sql_column_text(sql, 6));
    }
    if (content != NULL)
        code = read_content(store, sql, document, content, err);
    fg_sql_done(sql);
    return code == FG_OK && metadata != NULL && metadata->failed ? fg_fail_memory(err) : code;
}

enum fg_code fg_document_remove(struct fg_store *store, const char *kind, const char *name, int64_t version,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        store, "DELETE FROM document WHERE kind = $1 AND name = $2 AND (CAST($3 AS BIGINT) = 0 OR version = $3)", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, kind);
    fg_sql_text(sql, 2, name);
    fg_sql_int64(sql, 3, version);
    return fg_sql_run(sql, NULL, err);
}

enum fg_code fg_document_list(struct fg_store *store, const char *kind, const char *after, int64_t limit,
                              fg_document_visit *visit, void *context, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(store,
                                       "SELECT " COLUMNS " FROM document AS d WHERE kind = $1 AND name > $2 AND version = "
                                       "(SELECT max(version) FROM document WHERE kind = d.kind AND name = d.name) "
                                       "ORDER BY name LIMIT $3",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, kind);
    fg_sql_text(sql, 2, after);
    fg_sql_int64(sql, 3, limit);
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_document document;
        read_columns(sql, &document);
        if (!visit(&document, fg_sql_column_text(sql, 6), context))
            break;
    }
    fg_sql_done(sql);
    return code;
}
