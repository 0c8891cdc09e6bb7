/* What the handlers of the registry share: a transaction around the handler's work, ids in paths and bodies, and answers
 * that are views (atp/view.h).
 *
 * The answer is made inside the transaction and, under an Idempotency-Key, saved by it (FG_OP_KEY_BY_HANDLER): change and
 * answer are committed together. A refusal changes nothing and is not kept. Thread rule: call.h. */
#ifndef FG_API_REGISTRY_CALL_H
#define FG_API_REGISTRY_CALL_H

#include "api/application.h"
#include "atp/view.h"
#include "base/date.h"

#define FG_KEY_IN_TRANSACTION (FG_OP_IDEMPOTENT | FG_OP_KEY_BY_HANDLER)

typedef enum fg_code fg_call_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err);

enum fg_code fg_call_read(struct fg_call *call, fg_call_work *work, struct fg_error *err);
enum fg_code fg_call_change(struct fg_call *call, fg_call_work *work, struct fg_error *err);
/* A change of who may do what: what the authenticator remembers is forgotten after the commit. */
enum fg_code fg_call_change_access(struct fg_call *call, fg_call_work *work, struct fg_error *err);
/* For keys, erasure and export: FG_ERR_DENIED with an API key or for another organisation. */
enum fg_code fg_call_require_session(const struct fg_call *call, struct fg_error *err);

/* The id in the path: FG_ERR_NOT_FOUND when it is of another kind. */
enum fg_code fg_call_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id, struct fg_error *err);
/* An id in the body or query; absent and null give 0. FG_ERR_VALUE with its place. */
enum fg_code fg_member_id(const struct fg_json_cursor *object, const char *key, enum fg_id_kind kind, int64_t *id,
                          struct fg_error *err);
enum fg_code fg_query_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id, struct fg_error *err);
/* Bits of an array of words. */
uint32_t fg_member_bits(const struct fg_json_cursor *object, const char *key, const char *const *words);
/* An instant in microseconds; absent and null give 0. */
int64_t fg_member_us(const struct fg_json_cursor *object, const char *key);

/* Answers. `object` sets the ETag of versioned views. */
enum fg_code fg_call_answer_page(struct fg_call *call, const struct fg_view *view, int64_t parent, struct fg_error *err);
enum fg_code fg_call_answer_one(struct fg_call *call, const struct fg_view *view, int64_t id, struct fg_error *err);
/* Inside the transaction of a change. */
enum fg_code fg_call_answer_object(struct fg_call *call, struct fg_registry *registry, int status, const struct fg_view *view,
                                   int64_t id, struct fg_error *err);
/* If-Match against the present version, which is returned; 412 otherwise. */
enum fg_code fg_call_match(struct fg_call *call, struct fg_registry *registry, const struct fg_view *view, int64_t id,
                           int64_t *version, struct fg_error *err);

/* Schemas that several sets share. */
extern const struct fg_schema fg_schema_roles, fg_schema_duties, fg_schema_decision, fg_schema_country;

/* A date that the schema has checked. */
struct fg_date fg_call_date(const char *text);
/* {"id": "..."} of what was made. */
extern const struct fg_schema fg_schema_made;
void fg_call_answer_id(struct fg_call *call, int status, enum fg_id_kind kind, int64_t id);

#endif
