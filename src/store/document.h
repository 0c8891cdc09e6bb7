/* Documents: whole texts or blobs under a kind and a name, with versions: networks, results of power flows, optimal power flows
 * and algorithms. Stored compressed, found by metadata, verified by SHA-256 at every read.
 * Thread rule: that of the connection. */
#ifndef FG_STORE_DOCUMENT_H
#define FG_STORE_DOCUMENT_H

#include "base/text.h"
#include "store/store.h"

#define FG_DOCUMENT_KIND_MAX 32 /* bytes with the NUL: "network", "powerflow", "opf", "clearing", ... */
#define FG_DOCUMENT_SIZE_MAX ((size_t)512 << 20)

struct fg_document {
    char kind[FG_DOCUMENT_KIND_MAX];
    char name[256];
    int64_t version; /* 1, 2, ... under a kind and name */
    int64_t created_us;
    int64_t size_bytes; /* of the content */
    char sha256[65];    /* of the content, hexadecimal */
};

/* Store the next version. A content equal to the latest version's makes no new one: document->version is then the old one.
 * `metadata` is JSON text for whoever lists documents ("" for none); the store does not read it. Needs a write transaction.
 * FG_ERR_TOO_LARGE above FG_DOCUMENT_SIZE_MAX. Fills all of `document` from kind, name and created_us, which the caller sets. */
enum fg_code fg_document_put(struct fg_store *store, struct fg_document *document, const char *metadata, const void *content,
                             size_t size_bytes, struct fg_error *err);

/* Read a version (0: the latest). `content` and `metadata` may be NULL; else initialised texts, replaced. FG_ERR_NOT_FOUND,
 * FG_ERR_CORRUPT. */
enum fg_code fg_document_get(struct fg_store *store, const char *kind, const char *name, int64_t version,
                             struct fg_document *document, struct fg_text *metadata, struct fg_text *content,
                             struct fg_error *err);

/* Remove one version, or with version 0 all of a name. Needs a write transaction; no error when there is none. */
enum fg_code fg_document_remove(struct fg_store *store, const char *kind, const char *name, int64_t version,
                                struct fg_error *err);

/* Go through the latest versions of a kind by name, after `after` ("" from the beginning); at most `limit` calls of `visit`, which
 * returns false to stop. */
typedef bool fg_document_visit(const struct fg_document *document, const char *metadata, void *context);
enum fg_code fg_document_list(struct fg_store *store, const char *kind, const char *after, int64_t limit,
                              fg_document_visit *visit, void *context, struct fg_error *err);

#endif
