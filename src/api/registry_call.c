#include "api/registry_call.h"

#include "api/internal.h"
#include "atp/idempotency.h"
#include "atp/organisation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEPT_US (INT64_C(48) * 3600000000)

static const struct fg_schema role = FG_ENUM(NULL, NULL, fg_role_words);
static const struct fg_schema duty = FG_ENUM(NULL, NULL, fg_duty_words);
const struct fg_schema fg_schema_roles = FG_ARRAY(&role, 1, FG_ROLE_COUNT);
const struct fg_schema fg_schema_duties = FG_ARRAY(&duty, 1, FG_DUTY_COUNT);
const struct fg_schema fg_schema_decision = FG_ENUM(NULL, NULL, fg_decision_words);
const struct fg_schema fg_schema_country = FG_TEXT(2, 2);

static const struct fg_field made_fields[] = {{"id", &fg_schema_id, "Its identity", FG_REQUIRED}};
const struct fg_schema fg_schema_made = FG_OBJECT("Made", "What was made", made_fields);

struct fg_date fg_call_date(const char *text)
{
    struct fg_date date = {1970, 1, 1};
    fg_date_parse(text, &date, NULL);
    return date;
}

void fg_call_answer_id(struct fg_call *call, int status, enum fg_id_kind kind, int64_t id)
{
    char text[FG_ID_TEXT];
    struct fg_json_writer *out = fg_call_json(call, status);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "id", fg_id_text(kind, id, text));
    fg_json_end_object(out);
}

struct job {
    struct fg_call *call;
    fg_call_work *work;
    bool is_change;
};

static enum fg_code run_job(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct job *job = context;
    struct fg_call *call = job->call;
    const char *key;
    unsigned char hash[FG_HASH_BYTES];
    enum fg_code code = job->work(call, registry, err);
    if (code != FG_OK || !job->is_change || !(call->operation->flags & FG_OP_KEY_BY_HANDLER) ||
        !fg_call_idempotency(call, &key, hash))
        return code;
    if (call->out.failed)
        return fg_fail_memory(err);
    char owner[4 * FG_PRINCIPAL_ID];
    fg_key_owner(&call->principal, owner);
    return fg_idempotency_save(registry->store, owner, key, hash, call->status, call->media != NULL ? call->media : "",
                               call->out.data, call->out.length, registry->now_us, registry->now_us + KEPT_US, err);
}

static enum fg_code run(struct fg_call *call, enum fg_store_mode mode, fg_call_work *work, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct job job = {call, work, mode == FG_STORE_WRITE};
    return fg_registry_run(application->platform, fg_call_principal(call), mode, run_job, &job, err);
}

enum fg_code fg_call_read(struct fg_call *call, fg_call_work *work, struct fg_error *err)
{
    return run(call, FG_STORE_READ, work, err);
}

enum fg_code fg_call_change(struct fg_call *call, fg_call_work *work, struct fg_error *err)
{
    return run(call, FG_STORE_WRITE, work, err);
}

enum fg_code fg_call_change_access(struct fg_call *call, fg_call_work *work, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    enum fg_code code = run(call, FG_STORE_WRITE, work, err);
    /* Also after a failure: the outcome of the commit may be unknown. */
    fg_authenticator_forget(application->authenticator);
    return code;
}

enum fg_code fg_call_require_session(const struct fg_call *call, struct fg_error *err)
{
    const struct fg_principal *who = fg_call_principal(call);
    if (!who->is_session || who->on_behalf_of[0] != '\0')
        return fg_fail(err, FG_ERR_DENIED, NULL, "this is only possible for oneself, in a session; log in instead of using a key");
    return FG_OK;
}

/* ---- reading ---- */
enum fg_code fg_call_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id, struct fg_error *err)
{
    return fg_id_parse(kind, fg_call_text(call, name), id, err) == FG_OK
               ? FG_OK
               : fg_fail(err, FG_ERR_NOT_FOUND, NULL, "\"%.64s\" is not an id like %s-1", fg_call_text(call, name),
                         fg_id_word(kind));
}

static enum fg_code parse_id(const char *text, const char *place, enum fg_id_kind kind, int64_t *id, struct fg_error *err)
{
    char full[80];
    *id = 0;
    if (text == NULL || fg_id_parse(kind, text, id, NULL) == FG_OK)
        return FG_OK;
    snprintf(full, sizeof full, "#%.70s", place);
    return fg_fail(err, FG_ERR_VALUE, full, "\"%.64s\" is not an id like %s-1", text, fg_id_word(kind));
}

enum fg_code fg_member_id(const struct fg_json_cursor *object, const char *key, enum fg_id_kind kind, int64_t *id,
                          struct fg_error *err)
{
    char place[64];
    snprintf(place, sizeof place, "/%.60s", key);
    return parse_id(fg_member_text(object, key, NULL), place, kind, id, err);
}

enum fg_code fg_query_id(const struct fg_call *call, const char *name, enum fg_id_kind kind, int64_t *id, struct fg_error *err)
{
    char place[64];
    snprintf(place, sizeof place, "?%.60s", name);
    return parse_id(fg_call_text(call, name), place, kind, id, err);
}

uint32_t fg_member_bits(const struct fg_json_cursor *object, const char *key, const char *const *words)
{
    uint32_t bits = 0;
    struct fg_json_cursor array = fg_json_member(object, key);
    for (size_t i = 0; i < fg_json_count(&array); i++) {
        const char *text = json_string_value(fg_json_item(&array, i).value);
        for (unsigned w = 0; text != NULL && words[w] != NULL; w++)
            if (strcmp(words[w], text) == 0)
                bits |= FG_BIT(w);
    }
    return bits;
}

int64_t fg_member_us(const struct fg_json_cursor *object, const char *key)
{
    return fg_member_instant(object, key, 0) * 1000000;
}

/* ---- answers ---- */
struct view_job {
    struct fg_call *call;
    const struct fg_view *view;
    int64_t id; /* object, or parent of a page */
};

static enum fg_code read_page(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct view_job *job = context;
    struct fg_call *call = job->call;
    int64_t last = 0, after = 0;
    char position[24];
    if (fg_call_position(call) != NULL)
        sscanf(fg_call_position(call), "%" SCNd64, &after);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    enum fg_code code = fg_view_list(registry, job->view, job->id, after, fg_call_limit(call), out, &last, err);
    fg_json_end_array(out);
    snprintf(position, sizeof position, "%" PRId64, last);
    fg_call_put_next(call, out, last != 0 ? position : NULL);
    fg_json_end_object(out);
    return code;
}

static enum fg_code read_one(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct view_job *job = context;
    return fg_call_answer_object(job->call, registry, 200, job->view, job->id, err);
}

static enum fg_code read_view(struct fg_call *call, const struct fg_view *view, int64_t id, fg_registry_work *work,
                              struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct view_job job = {call, view, id};
    return fg_registry_run(application->platform, fg_call_principal(call), FG_STORE_READ, work, &job, err);
}

enum fg_code fg_call_answer_page(struct fg_call *call, const struct fg_view *view, int64_t parent, struct fg_error *err)
{
    return read_view(call, view, parent, read_page, err);
}

enum fg_code fg_call_answer_one(struct fg_call *call, const struct fg_view *view, int64_t id, struct fg_error *err)
{
    return read_view(call, view, id, read_one, err);
}

static void tag_of(int64_t version, char tag[32])
{
    snprintf(tag, 32, "v%" PRId64, version);
}

enum fg_code fg_call_answer_object(struct fg_call *call, struct fg_registry *registry, int status, const struct fg_view *view,
                                   int64_t id, struct fg_error *err)
{
    int64_t version = 0;
    char tag[32];
    enum fg_code code = fg_view_get(registry, view, id, fg_call_json(call, status), &version, err);
    tag_of(version, tag);
    if (code == FG_OK && view->has_version)
        fg_call_etag(call, tag);
    return code;
}

enum fg_code fg_call_match(struct fg_call *call, struct fg_registry *registry, const struct fg_view *view, int64_t id,
                           int64_t *version, struct fg_error *err)
{
    struct fg_text unused;
    struct fg_json_writer writer;
    char tag[32];
    fg_text_init(&unused);
    fg_json_writer_init(&writer, &unused, false);
    enum fg_code code = fg_view_get(registry, view, id, &writer, version, err);
    fg_text_release(&unused);
    tag_of(*version, tag);
    return code == FG_OK && !fg_call_if_match(call, tag) ? fg_call_changed(call, err) : code;
}
