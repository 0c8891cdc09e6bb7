/* A call: one request on its way through a handler, and the answer to it.
 *
 * When the handler runs, the request is authenticated, authorised and valid: path and query parameters and the body
 * follow their schemas, unknown members are refused already. The answer is one of
 *
 *     struct fg_json_writer *out = fg_call_json(call, 200);   ... a JSON body, then fg_json_begin_object(out, NULL) etc.
 *     fg_call_bytes(call, 200, "text/csv", bytes, length);    ... any other body
 *     fg_call_empty(call, 204);                               ... none
 *     return fg_call_refuse(call, &kind, "/price", err, ...); ... a problem document with a key of its own
 *     return fg_fail(err, FG_ERR_NOT_FOUND, ...);             ... a problem document by code
 *
 * Thread rule: a call belongs to one thread at a time; `fg_call_defer` passes it on. */
#ifndef FG_API_CALL_H
#define FG_API_CALL_H

#include "atp/access.h"
#include "api/operation.h"
#include "api/problem.h"
#include "base/json.h"
#include "base/memory.h"

/* ---- the request ---- */
const struct fg_operation *fg_call_operation(const struct fg_call *call);
void *fg_call_context(const struct fg_call *call); /* the application's, from fg_server_options */
const struct fg_principal *fg_call_principal(const struct fg_call *call); /* NULL: not logged in (public operations) */
const char *fg_call_request_id(const struct fg_call *call);
const char *fg_call_address(const struct fg_call *call); /* of the client, as text */
struct fg_arena *fg_call_arena(struct fg_call *call);    /* freed with the call */

/* Path and query parameters by name. Text is NULL, and the others their fallback, when a query parameter is absent. */
const char *fg_call_text(const struct fg_call *call, const char *name);
int64_t fg_call_integer(const struct fg_call *call, const char *name, int64_t fallback);
int64_t fg_call_instant(const struct fg_call *call, const char *name, int64_t fallback); /* seconds since 1970 */
int64_t fg_call_decimal(const struct fg_call *call, const char *name, int64_t fallback); /* in the schema's last place */
bool fg_call_boolean(const struct fg_call *call, const char *name, bool fallback);
int fg_call_word(const struct fg_call *call, const char *name, int fallback); /* index in the schema's words */

/* The JSON body (value NULL when there is none) and its raw bytes. */
struct fg_json_cursor fg_call_body(const struct fg_call *call);
const char *fg_call_body_bytes(const struct fg_call *call, size_t *length);

/* Members of a validated object; for members that the schema requires, or with a fallback. */
int64_t fg_member_decimal(const struct fg_json_cursor *object, const char *key, int places, int64_t fallback);
int64_t fg_member_instant(const struct fg_json_cursor *object, const char *key, int64_t fallback);
int fg_member_word(const struct fg_json_cursor *object, const char *key, const char *const *words, int fallback);
const char *fg_member_text(const struct fg_json_cursor *object, const char *key, const char *fallback);

/* ---- the answer ---- */
struct fg_json_writer *fg_call_json(struct fg_call *call, int status); /* never NULL; out of memory shows at the end */
void fg_call_bytes(struct fg_call *call, int status, const char *media, const char *bytes, size_t length); /* copied */
void fg_call_empty(struct fg_call *call, int status);
void fg_call_header(struct fg_call *call, const char *name, const char *value); /* copied; no control bytes */
void fg_call_download(struct fg_call *call, const char *file_name);             /* Content-Disposition: attachment */

/* Set the session's cookie (Secure, HttpOnly, SameSite=Strict); `token` NULL: end the session in the browser. */
void fg_call_session_cookie(struct fg_call *call, const char *token, int64_t max_age_seconds);

/* Set the entity tag, without quotes; a GET without one gets a hash of its body. If-None-Match is the machinery's. */
void fg_call_etag(struct fg_call *call, const char *tag);
/* True when the request's If-Match names `tag` (or "*"). Otherwise answer FG_PROBLEM_PRECONDITION by
 * `return fg_call_changed(call, err)`. */
bool fg_call_if_match(const struct fg_call *call, const char *tag);
enum fg_code fg_call_changed(struct fg_call *call, struct fg_error *err);

/* Answer with a problem of its own kind; `pointer` says where (may be NULL), the text says what and the remedy. Returns
 * FG_ERR_VALUE, for the handler to return. `kind` must live as long as the call (constant data). More places are added
 * by further calls with the same kind. */
enum fg_code fg_call_refuse(struct fg_call *call, const struct fg_problem_kind *kind, const char *pointer,
                            struct fg_error *err, const char *format, ...) FG_PRINTF(5, 6);

/* ---- pages (FG_OP_PAGED) ---- */
int64_t fg_call_limit(const struct fg_call *call);
/* What the handler put into the cursor of the page before; NULL on the first page. Signed, so nobody else wrote it. */
const char *fg_call_position(const struct fg_call *call);
/* Member "next" of the page: a cursor for `position` (at most 200 characters), or null when `position` is NULL. */
void fg_call_put_next(struct fg_call *call, struct fg_json_writer *out, const char *position);

/* ---- idempotency ---- */
#define FG_HASH_BYTES 32
/* Key of the request and hash of operation, parameters and body; false when the caller gave no key. For handlers that
 * save the answer in their own transaction (FG_OP_KEY_BY_HANDLER). */
bool fg_call_idempotency(const struct fg_call *call, const char **key, unsigned char hash[FG_HASH_BYTES]);
/* Hash of one item of a batch (canonical JSON: member order and white space do not count). FG_ERR_MEMORY. */
enum fg_code fg_item_hash(const struct fg_json_cursor *item, unsigned char hash[FG_HASH_BYTES], struct fg_error *err);

/* ---- streams ---- */
/* Event cursor for a snapshot that holds an area's state after event `sequence`: a stream opened with it goes on from
 * there. Lives as long as the call. NULL with an error when there are no streams or no such area. */
const char *fg_call_event_cursor(struct fg_call *call, const char *area, uint64_t sequence, struct fg_error *err);

/* ---- later answers ---- */
/* Keep the call after the handler returns FG_OK; from then on it belongs to whoever ends it with `fg_call_finish`, on
 * any thread, exactly once: FG_OK after the answer has been made, or a code with its error. */
void fg_call_defer(struct fg_call *call);
void fg_call_finish(struct fg_call *call, enum fg_code code, const struct fg_error *err);

#endif
