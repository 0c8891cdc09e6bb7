/* What is sent back: problem documents, entity tags, compression, and the headers that every answer has. */
#include "api/internal.h"
#include "base/instant.h"
#include "base/log.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fg_answer_problem(struct fg_call *call, enum fg_problem problem, const char *format, ...)
{
    call->problem = fg_problem_kind(problem);
    call->status = call->problem->status;
    va_list args;
    va_start(args, format);
    vsnprintf(call->detail, sizeof call->detail, format, args);
    va_end(args);
    call->is_problem_written = false;
}

void fg_answer_code(struct fg_call *call, enum fg_code code, const struct fg_error *err)
{
    enum fg_problem problem = fg_problem_of_code(code);
    if (code == FG_ERR_CONSTRAINT) { /* the database's own words are not for strangers either */
        fg_log(FG_LOG_WARNING, "request.constraint", FG_LOG_TEXT("request_id", call->request_id),
               FG_LOG_TEXT("operation", call->operation != NULL ? call->operation->id : "none"),
               FG_LOG_TEXT("text", err != NULL ? err->text : ""));
        fg_answer_problem(call, problem, "a rule of the database stands against it: something exists already, or does not exist");
        return;
    }
    if (problem != FG_PROBLEM_UNAVAILABLE) {
        /* A place inside the body is a JSON pointer; "file#/pointer" of the readers ends in one. */
        const char *pointer = err != NULL ? strchr(err->place, '#') : NULL;
        if (pointer != NULL)
            fg_problem_list_add(&call->problems, pointer + 1, fg_code_slug(code), "%s", err->text);
        fg_answer_problem(call, problem, "%s", err != NULL ? err->text : "");
        return;
    }
    /* What failed inside is for the log of the operator, not for strangers. */
    fg_answer_problem(call, problem, "%s", code == FG_ERR_BUSY ? "the server is busy" : "a part of the server does not answer");
    fg_log(FG_LOG_WARNING, "request.unavailable", FG_LOG_TEXT("request_id", call->request_id),
           FG_LOG_TEXT("operation", call->operation != NULL ? call->operation->id : "none"),
           FG_LOG_TEXT("code", fg_code_slug(code)), FG_LOG_TEXT("place", err != NULL ? err->place : ""),
           FG_LOG_TEXT("text", err != NULL ? err->text : ""));
}

void fg_answer_write_problem(struct fg_call *call)
{
    const struct fg_problem_kind *kind = call->problem;
    if (kind == NULL || call->is_problem_written)
        return;
    call->is_problem_written = true;
    char type[120];
    snprintf(type, sizeof type, "/docs#%s", kind->key);
    fg_text_release(&call->out);
    struct fg_json_writer *out = &call->writer;
    fg_json_writer_init(out, &call->out, false);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "type", type);
    fg_json_put_string(out, "title", kind->title);
    fg_json_put_integer(out, "status", kind->status);
    fg_json_put_string(out, "key", kind->key);
    if (call->detail[0] != '\0')
        fg_json_put_string(out, "detail", call->detail);
    fg_json_put_string(out, "remedy", kind->remedy);
    fg_json_put_string(out, "request_id", call->request_id);
    if (call->problems.count > 0) {
        fg_json_begin_array(out, "errors");
        for (size_t i = 0; i < call->problems.count; i++) {
            const struct fg_problem_item *item = &call->problems.items[i];
            fg_json_begin_object(out, NULL);
            fg_json_put_string(out, "pointer", item->pointer);
            fg_json_put_string(out, "key", item->key);
            fg_json_put_string(out, "detail", item->text);
            fg_json_end_object(out);
        }
        fg_json_end_array(out);
    }
    fg_json_end_object(out);
    call->media = FG_MEDIA_PROBLEM;
    call->status = kind->status;
    call->etag = NULL;
    if (kind->status == 503 || kind->status == 429) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%.0f", ceil(call->retry_seconds > 1 ? call->retry_seconds : 1));
        fg_answer_add_header(call, "Retry-After", seconds);
    }
    if (kind->status == 401)
        fg_answer_add_header(call, "WWW-Authenticate", "Bearer realm=\"flexgrid\"");
}

/* One of the entity tags in a list equals `tag`. The tag of a compressed answer ends in "-gzip"; it stands for the same
 * state of the object. */
bool fg_etag_is_listed(const char *list, const char *tag, bool weak)
{
    size_t length = strlen(tag);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        bool is_weak = at[0] == 'W' && at[1] == '/';
        if (is_weak)
            at += 2;
        if (*at != '"')
            return false;
        size_t given = strcspn(++at, "\"");
        if (at[given] != '"')
            return false;
        size_t bare = given > 5 && strncmp(at + given - 5, "-gzip", 5) == 0 ? given - 5 : given;
        if ((weak || !is_weak) && bare == length && strncmp(at, tag, length) == 0)
            return true;
        at += given + 1;
    }
    return false;
}

static bool is_compressible(const char *media)
{
    return strncmp(media, "text/", 5) == 0 || strstr(media, "json") != NULL || strstr(media, "svg") != NULL;
}

/* %s: the hash of the page's import map, or nothing. */
#define PAGE_POLICY                                                                                                       \
    "default-src 'none'; script-src 'self' %s; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " \
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_security_headers(struct MHD_Response *response, const struct fg_server *server, const char *media,
                                 const struct fg_file *file)
{
    bool is_page = media != NULL && strncmp(media, "text/html", 9) == 0;
    char policy[sizeof PAGE_POLICY + sizeof file->import_map];
    snprintf(policy, sizeof policy, PAGE_POLICY, file != NULL ? file->import_map : "");
    bool ok = add(response, "X-Content-Type-Options", "nosniff") && add(response, "Referrer-Policy", "no-referrer") &&
              add(response, "Cross-Origin-Resource-Policy", server->options.cors_origins ? "cross-origin" : "same-origin") &&
              add(response, "Content-Security-Policy",
                  is_page ? policy : "default-src 'none'; frame-ancestors 'none'; sandbox");
    if (is_page)
        ok = ok && add(response, "Cross-Origin-Opener-Policy", "same-origin") && add(response, "X-Frame-Options", "DENY") &&
             add(response, "Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    if (!server->options.plain_http)
        ok = ok && add(response, "Strict-Transport-Security", "max-age=31536000");
    return ok;
}

static bool add_cors(struct MHD_Response *response, const struct fg_call *call)
{
    const char *const *origins = call->server->options.cors_origins;
    if (origins == NULL)
        return true;
    bool ok = add(response, "Vary", "Origin");
    for (; call->origin != NULL && *origins != NULL; origins++) {
        if (strcmp(*origins, call->origin) != 0)
            continue;
        ok = ok && add(response, "Access-Control-Allow-Origin", call->origin) &&
             add(response, "Access-Control-Expose-Headers", "ETag, Retry-After, RateLimit-Remaining, X-Request-Id");
        if (call->is_options)
            ok = ok && add(response, "Access-Control-Allow-Headers",
                           "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, On-Behalf-Of") &&
                 add(response, "Access-Control-Max-Age", "600");
        break;
    }
    return ok;
}

enum { GZIP_LEAST = 1024 };

static struct MHD_Response *respond_bytes(struct fg_text *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(text->length, text->data, fg_free);
    if (response != NULL)
        *text = (struct fg_text){0}; /* now the response's */
    return response;
}

static void make_etag(struct fg_call *call)
{
    unsigned char hash[12];
    char text[32];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)call->out.data, call->out.length, NULL, 0);
    fg_call_etag(call, sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_URLSAFE_NO_PADDING));
}

/* The body as it will be sent, and whether it is compressed. */
static struct MHD_Response *make_body(struct fg_call *call, bool *is_gzip)
{
    *is_gzip = false;
    if (call->subscriber != NULL) {
        struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, fg_subscriber_read,
                                                                          call->subscriber, fg_subscriber_destroy);
        if (response != NULL) {
            call->stream = call->subscriber; /* now the response's */
            call->subscriber = NULL;
        }
        return response;
    }
    if (call->status == 304 || (call->media == NULL && call->file == NULL))
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
    if (call->file != NULL) {
        *is_gzip = call->accepts_gzip && call->file->gzip.length > 0;
        const struct fg_text *text = *is_gzip ? &call->file->gzip : &call->file->plain;
        return MHD_create_response_from_buffer(text->length, text->data != NULL ? text->data : (void *)(uintptr_t)"",
                                               MHD_RESPMEM_PERSISTENT);
    }
    if (call->accepts_gzip && call->out.length >= GZIP_LEAST && is_compressible(call->media)) {
        struct fg_text packed;
        if (fg_gzip(call->out.data, call->out.length, 1, &packed)) {
            fg_text_release(&call->out);
            call->out = packed;
            *is_gzip = true;
        }
    }
    return respond_bytes(&call->out);
}

static bool add_headers(struct MHD_Response *response, const struct fg_call *call, bool is_gzip)
{
    bool ok = add_security_headers(response, call->server, call->media, call->file) && add(response, "X-Request-Id", call->request_id) &&
              add_cors(response, call);
    if (call->media != NULL && call->status != 304)
        ok = ok && add(response, "Content-Type", call->media);
    if (call->media != NULL && is_compressible(call->media))
        ok = ok && add(response, "Vary", "Accept-Encoding");
    if (is_gzip)
        ok = ok && add(response, "Content-Encoding", "gzip");
    if (call->etag != NULL) {
        char tag[160];
        snprintf(tag, sizeof tag, "\"%.140s%s\"", call->etag, is_gzip ? "-gzip" : "");
        ok = ok && add(response, "ETag", tag);
    }
    const char *cache = "no-store";
    if (call->file != NULL && call->file->is_immutable)
        cache = "public, max-age=31536000, immutable";
    else if (call->etag != NULL)
        cache = call->has_principal ? "private, no-cache" : "no-cache";
    ok = ok && add(response, "Cache-Control", cache);
    if (call->must_close)
        ok = ok && add(response, "Connection", "close");
    for (const struct fg_answer_header *header = call->headers; header != NULL && ok; header = header->next)
        ok = add(response, header->name, header->value);
    return ok;
}

void fg_answer_build(struct fg_call *call)
{
    fg_answer_write_problem(call);
    bool is_body = call->media != NULL && call->file == NULL && !(call->operation && call->operation->flags & FG_OP_STREAM);
    if (is_body && call->out.data == NULL)
        fg_text_puts(&call->out, ""); /* an empty body is a buffer, too */
    if (call->out.failed || call->problems.failed || call->answer_failed) {
        call->status = 503;
        return;
    }
    bool is_read = strcmp(call->method, "GET") == 0 || call->is_head;
    if (is_read && call->status == 200 && is_body && call->etag == NULL)
        make_etag(call);
    if (is_read && call->status == 200 && call->etag != NULL && call->if_none_match != NULL &&
        fg_etag_is_listed(call->if_none_match, call->etag, true))
        call->status = 304;
    bool is_gzip;
    call->response = make_body(call, &is_gzip);
    if (call->response != NULL && !add_headers(call->response, call, is_gzip)) {
        MHD_destroy_response(call->response);
        call->response = NULL;
    }
    if (call->response == NULL)
        call->status = 503;
}

enum fg_code fg_answer_prepare(struct fg_server *server, struct fg_error *err)
{
    static const char body[] = "{\"type\":\"/docs#server.unavailable\",\"title\":\"The server cannot answer at the moment\","
                               "\"status\":503,\"key\":\"server.unavailable\",\"remedy\":\"Repeat the request after the "
                               "seconds in Retry-After, with the same Idempotency-Key.\",\"request_id\":\"none\"}";
    server->out_of_memory =
        MHD_create_response_from_buffer(sizeof body - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (server->out_of_memory == NULL || !add_security_headers(server->out_of_memory, server, FG_MEDIA_PROBLEM, NULL) ||
        !add(server->out_of_memory, "Content-Type", FG_MEDIA_PROBLEM) || !add(server->out_of_memory, "Retry-After", "1") ||
        !add(server->out_of_memory, "Cache-Control", "no-store"))
        return fg_fail_memory(err);
    return FG_OK;
}
