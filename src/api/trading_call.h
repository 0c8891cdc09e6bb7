/* What the operations of trading share: who acts where, items that become commands of the engine, and answers that come
 * after the commit.
 *
 * An order, amendment or cancellation is an item; a request has one, a batch up to TRADING_BATCH_MAX. The engine applies
 * the items' commands in order; each item's answer is made on the engine's thread and, when the item has an idempotency
 * key, stored in the transaction of its command. The call is finished by the last of them. An item that is refused before
 * it reaches the engine (registry's facts) has changed nothing and is not kept under its key. Thread rule: call.h. */
#ifndef FG_API_TRADING_CALL_H
#define FG_API_TRADING_CALL_H

#include "api/application.h"
#include "api/call.h"
#include "atp/id.h"

enum { TRADING_BATCH_MAX = 100, TRADING_ITEMS_MAX = 500 /* of a batch into an auction */ };

/* Who acts, in which area. */
struct trading_party {
    int64_t area, id; /* id: the organisation acted for */
    struct fg_actor actor;
    uint32_t roles;
    struct fg_facts *facts;
};
/* From the path's `area` and the principal. FG_ERR_NOT_FOUND, FG_ERR_UNAVAILABLE. Release it on every way out. */
enum fg_code trading_party_of(struct fg_call *call, struct trading_party *party, struct fg_error *err);
void trading_party_release(struct trading_party *party);
bool trading_sees_all(const struct trading_party *party); /* the area's operator, the regulator */

struct fg_application *trading_application(const struct fg_call *call);

/* An id in path, query or body. Absent in query or body: 0. */
enum fg_code trading_path_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id,
                             struct fg_error *err);
enum fg_code trading_query_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id,
                              struct fg_error *err);
enum fg_code trading_member_id(const struct fg_json_cursor *object, const char *key, enum fg_id_kind kind, int64_t *id,
                               struct fg_error *err);

/* ---- items ---- */
struct trading_job;
struct trading_item {
    struct fg_command command; /* kind and what it needs; the rest is filled by trading_send */
    struct trading_job *job;
    bool is_answered; /* refused before the engine, or answered before under its key */
    bool has_failed;  /* the storage did not take it */
};

/* Items of a call, in its arena. NULL: out of memory. */
struct trading_item *trading_items(struct fg_call *call, const struct trading_party *party, size_t count, bool is_batch);

struct fg_call *trading_item_call(const struct trading_item *item);
struct fg_arena *trading_item_arena(const struct trading_item *item);

/* Refuse an item: a problem of its own kind. */
void trading_refuse(struct trading_item *item, const struct fg_problem_kind *kind, const char *text);

/* The key of an item of a batch; `body` is what it stands for. */
enum fg_code trading_item_key(struct trading_item *item, const char *key, const struct fg_json_cursor *body,
                              struct fg_error *err);

/* When the items are not sent: what refusals have written is let go. */
void trading_drop(struct trading_item *items);

/* For a render of one's own: a refused command's problem is its answer; true then. */
bool trading_render_refusal(struct fg_command *command);

/* Look up keys, send what is not answered, answer the call when all are done. The call is deferred. */
enum fg_code trading_send(struct fg_call *call, struct trading_item *items, const struct trading_party *party,
                          struct fg_error *err);

const struct fg_problem_kind *trading_refusal_kind(enum fg_refusal refusal);

/* ---- parts of answers ---- */
void trading_put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number); /* 0: null */
void trading_put_decimal(struct fg_json_writer *out, const char *key, int64_t value_u);
void trading_put_instant_us(struct fg_json_writer *out, const char *key, int64_t us);
void trading_put_sequence(struct fg_json_writer *out, const char *key, uint64_t sequence);

/* ---- schemas that several sets share ---- */
extern const struct fg_schema trading_side, trading_product, trading_regulation, trading_request_kind, trading_receipt,
    trading_reason;
extern const struct fg_param trading_area_path[];
extern const char *const trading_direction_words[]; /* up, down */

#endif
