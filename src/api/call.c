/* The handler's side of a call: accessors of the request and makers of the answer. */
#include "api/internal.h"
#include "base/instant.h"
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct fg_operation *fg_call_operation(const struct fg_call *call)
{
    return call->operation;
}
void *fg_call_context(const struct fg_call *call)
{
    return call->server->options.context;
}
const struct fg_principal *fg_call_principal(const struct fg_call *call)
{
    return call->has_principal ? &call->principal : NULL;
}
const char *fg_call_request_id(const struct fg_call *call)
{
    return call->request_id;
}
const char *fg_call_address(const struct fg_call *call)
{
    return call->address;
}
struct fg_arena *fg_call_arena(struct fg_call *call)
{
    return &call->arena;
}

/* A name that the operation does not describe is a mistake of the handler. */
static struct fg_value value_of(const struct fg_call *call, const char *name, const struct fg_schema **schema)
{
    const struct fg_operation *operation = call->operation;
    for (const struct fg_param *param = operation->path_params; param != NULL && param->name != NULL; param++)
        if (strcmp(param->name, name) == 0) {
            *schema = param->schema;
            return call->path_values[param - operation->path_params];
        }
    for (const struct fg_param *param = operation->query_params; param != NULL && param->name != NULL; param++)
        if (strcmp(param->name, name) == 0) {
            *schema = param->schema;
            return call->query_values[param - operation->query_params];
        }
    assert(!"the operation has a parameter of this name");
    return (struct fg_value){0};
}

const char *fg_call_text(const struct fg_call *call, const char *name)
{
    const struct fg_schema *schema;
    return value_of(call, name, &schema).text;
}

static int64_t number_of(const struct fg_call *call, const char *name, enum fg_schema_kind kind, int64_t fallback)
{
    const struct fg_schema *schema = NULL;
    struct fg_value value = value_of(call, name, &schema);
    assert(schema->kind == kind);
    return value.text != NULL ? value.integer : fallback;
}

int64_t fg_call_integer(const struct fg_call *call, const char *name, int64_t fallback)
{
    return number_of(call, name, FG_SCHEMA_INTEGER, fallback);
}
int64_t fg_call_instant(const struct fg_call *call, const char *name, int64_t fallback)
{
    return number_of(call, name, FG_SCHEMA_INSTANT, fallback);
}
int64_t fg_call_decimal(const struct fg_call *call, const char *name, int64_t fallback)
{
    return number_of(call, name, FG_SCHEMA_DECIMAL, fallback);
}
bool fg_call_boolean(const struct fg_call *call, const char *name, bool fallback)
{
    return number_of(call, name, FG_SCHEMA_BOOLEAN, fallback) != 0;
}
int fg_call_word(const struct fg_call *call, const char *name, int fallback)
{
    return (int)number_of(call, name, FG_SCHEMA_ENUM, fallback);
}

struct fg_json_cursor fg_call_body(const struct fg_call *call)
{
    return fg_json_root(call->json, NULL);
}

const char *fg_call_body_bytes(const struct fg_call *call, size_t *length)
{
    *length = call->body.length;
    return call->body.data;
}

const char *fg_member_text(const struct fg_json_cursor *object, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(object->value, key);
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t fg_member_decimal(const struct fg_json_cursor *object, const char *key, int places, int64_t fallback)
{
    const char *text = fg_member_text(object, key, NULL);
    int64_t value;
    return text != NULL && fg_decimal_parse(text, places, &value, NULL) == FG_OK ? value : fallback;
}

int64_t fg_member_instant(const struct fg_json_cursor *object, const char *key, int64_t fallback)
{
    const char *text = fg_member_text(object, key, NULL);
    int64_t value;
    return text != NULL && fg_instant_parse(text, &value, NULL) == FG_OK ? value : fallback;
}

int fg_member_word(const struct fg_json_cursor *object, const char *key, const char *const *words, int fallback)
{
    const char *text = fg_member_text(object, key, NULL);
    for (int i = 0; text != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return fallback;
}

/* ---- the answer ---- */
static void begin_answer(struct fg_call *call, int status, const char *media)
{
    fg_text_release(&call->out);
    call->problem = NULL;
    call->status = status;
    call->media = media;
}

struct fg_json_writer *fg_call_json(struct fg_call *call, int status)
{
    begin_answer(call, status, FG_MEDIA_JSON);
    fg_json_writer_init(&call->writer, &call->out, false);
    return &call->writer;
}

void fg_call_bytes(struct fg_call *call, int status, const char *media, const char *bytes, size_t length)
{
    begin_answer(call, status, fg_arena_strdup(&call->arena, media));
    fg_text_append(&call->out, bytes, length);
    if (call->media == NULL)
        call->answer_failed = true;
}

void fg_call_empty(struct fg_call *call, int status)
{
    begin_answer(call, status, NULL);
}

void fg_answer_add_header(struct fg_call *call, const char *name, const char *value)
{
    struct fg_answer_header *header = fg_arena_alloc(&call->arena, 1, sizeof *header);
    if (header != NULL) {
        header->name = fg_arena_strdup(&call->arena, name);
        header->value = fg_arena_strdup(&call->arena, value);
    }
    if (header == NULL || header->name == NULL || header->value == NULL) {
        call->answer_failed = true;
        return;
    }
    header->next = call->headers;
    call->headers = header;
}

void fg_call_header(struct fg_call *call, const char *name, const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        assert((unsigned char)*at >= 0x20 && *at != 0x7f);
    fg_answer_add_header(call, name, value);
}

void fg_call_download(struct fg_call *call, const char *file_name)
{
    char value[300];
    size_t used = (size_t)snprintf(value, sizeof value, "attachment; filename=\"");
    for (const char *at = file_name; *at != '\0' && used < sizeof value - 2; at++)
        value[used++] = strchr("\"\\/", *at) != NULL || *at < 0x20 || *at == 0x7f ? '_' : *at;
    value[used++] = '"';
    value[used] = '\0';
    fg_answer_add_header(call, "Content-Disposition", value);
}

const char *fg_session_cookie_name(const struct fg_server *server)
{
    return server->options.plain_http && !server->options.trust_proxy ? "flexgrid" : "__Host-flexgrid";
}

void fg_call_session_cookie(struct fg_call *call, const char *token, int64_t max_age_seconds)
{
    char value[1024];
    const char *name = fg_session_cookie_name(call->server);
    bool is_secure = name[0] == '_';
    snprintf(value, sizeof value, "%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", name,
             token != NULL ? token : "", token != NULL ? max_age_seconds : 0, is_secure ? "; Secure" : "");
    fg_call_header(call, "Set-Cookie", value);
}

void fg_call_etag(struct fg_call *call, const char *tag)
{
    call->etag = fg_arena_strdup(&call->arena, tag);
    if (call->etag == NULL)
        call->answer_failed = true;
}

bool fg_call_if_match(const struct fg_call *call, const char *tag)
{
    return call->if_match == NULL || fg_etag_is_listed(call->if_match, tag, false);
}

enum fg_code fg_call_changed(struct fg_call *call, struct fg_error *err)
{
    fg_answer_problem(call, FG_PROBLEM_PRECONDITION, "the ETag in If-Match is not the object's present one");
    return fg_fail(err, FG_ERR_CONFLICT, NULL, "the object has changed");
}

enum fg_code fg_call_refuse(struct fg_call *call, const struct fg_problem_kind *kind, const char *pointer,
                            struct fg_error *err, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (call->problem != kind) {
        begin_answer(call, kind->status, FG_MEDIA_PROBLEM);
        call->problem = kind;
        call->is_problem_written = false;
        snprintf(call->detail, sizeof call->detail, "%s", text);
    }
    if (pointer != NULL)
        fg_problem_list_add(&call->problems, pointer, kind->key, "%s", text);
    return fg_fail(err, FG_ERR_VALUE, pointer, "%s", text);
}

/* ---- pages ---- */
int64_t fg_call_limit(const struct fg_call *call)
{
    return call->limit != 0 ? call->limit : FG_PAGE_DEFAULT;
}

const char *fg_call_position(const struct fg_call *call)
{
    return call->position;
}

void fg_call_put_next(struct fg_call *call, struct fg_json_writer *out, const char *position)
{
    char token[FG_SEAL_SIZE(200)];
    assert(position == NULL || strlen(position) <= 200);
    if (position != NULL)
        fg_seal(&call->server->seal_key, call->operation->id, position, token, sizeof token);
    fg_json_put_string(out, "next", position != NULL ? token : NULL);
}

/* ---- idempotency ---- */
bool fg_call_idempotency(const struct fg_call *call, const char **key, unsigned char hash[FG_HASH_BYTES])
{
    *key = call->key;
    if (call->key == NULL)
        return false;
    memcpy(hash, call->hash, FG_HASH_BYTES);
    return true;
}

enum fg_code fg_item_hash(const struct fg_json_cursor *item, unsigned char hash[FG_HASH_BYTES], struct fg_error *err)
{
    char *text = json_dumps(item->value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL)
        return fg_fail_memory(err);
    crypto_generichash(hash, FG_HASH_BYTES, (const unsigned char *)text, strlen(text), NULL, 0);
    free(text);
    return FG_OK;
}

/* ---- streams ---- */
const char *fg_call_event_cursor(struct fg_call *call, const char *area, uint64_t sequence, struct fg_error *err)
{
    if (call->server->hub == NULL) {
        fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "this server has no event streams");
        return NULL;
    }
    char *cursor = fg_arena_alloc(&call->arena, FG_CURSOR_SIZE, 1);
    if (cursor == NULL) {
        fg_fail_memory(err);
        return NULL;
    }
    return fg_hub_cursor(call->server->hub, area, sequence, cursor, FG_CURSOR_SIZE, err) == FG_OK ? cursor : NULL;
}

void fg_call_defer(struct fg_call *call)
{
    assert(!(call->operation->flags & FG_OP_INLINE));
    call->is_deferred = true;
}
