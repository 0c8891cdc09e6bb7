/* Operations of the server itself: what runs here, who am I, who may do what. They are the example of how operations
 * are described. */
#include "api/operations_server.h"

#include "api/internal.h"
#include "api/reference.h"
#include "base/instant.h"

#include <string.h>
#include <time.h>

/* ---- GET /v1/server ---- */
static const struct fg_schema version = FG_TEXT(1, 40);
static const struct fg_field server_fields[] = {
    {"version", &version, "Version of the program", FG_REQUIRED},
    {"time", &fg_schema_instant, "The server's clock", FG_REQUIRED},
    {"demonstration", &fg_schema_boolean, "A demonstration: everybody knows its passwords, nothing in it is real", FG_REQUIRED},
};
static const struct fg_schema server = FG_OBJECT("Server", "What runs here", server_fields);
static const struct fg_response server_responses[] = {
    {200, "The server", &server, NULL, "{\"version\": \"0.1.0\", \"time\": \"2025-03-30T01:00:00Z\", "
     "\"demonstration\": false}"},
    {0},
};

static enum fg_code get_server(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    char now[FG_INSTANT_TEXT];
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "version", FG_VERSION);
    fg_json_put_string(out, "time", fg_instant_format((int64_t)time(NULL), now));
    fg_json_put_bool(out, "demonstration", call->server->options.is_demonstration);
    fg_json_end_object(out);
    return FG_OK;
}

/* ---- GET /v1/me ---- */
static const struct fg_schema role = FG_ENUM("Role", "Role of an organisation", fg_role_words);
static const struct fg_schema duty = FG_ENUM("Duty", "What a user may do inside an organisation", fg_duty_words);
static const struct fg_schema api = FG_ENUM("Api", "Part of the interface that a key is valid for", fg_api_words);
static const struct fg_schema roles = FG_ARRAY(&role, 0, FG_ROLE_COUNT);
static const struct fg_schema duties = FG_ARRAY(&duty, 0, FG_DUTY_COUNT);
static const struct fg_schema apis = FG_ARRAY(&api, 0, FG_API_COUNT);
static const struct fg_field me_fields[] = {
    {"organisation", &fg_schema_id, "Organisation of the log-in", FG_REQUIRED},
    {"user", &fg_schema_id, "User", FG_REQUIRED},
    {"on_behalf_of", &fg_schema_id, "Organisation represented", FG_REQUIRED | FG_NULLABLE},
    {"roles", &roles, "Roles of the organisation", FG_REQUIRED},
    {"duties", &duties, "Duties of the user", FG_REQUIRED},
    {"apis", &apis, "Parts of the interface that the key opens", FG_REQUIRED},
    {"session", &fg_schema_boolean, "A browser session, not an API key", FG_REQUIRED},
};
static const struct fg_schema me = FG_OBJECT("Me", "Who is asking", me_fields);
static const struct fg_response me_responses[] = {
    {200, "The principal of the credentials", &me, NULL,
     "{\"organisation\": \"dso-1\", \"user\": \"anna\", \"on_behalf_of\": null, \"roles\": [\"dso\"], \"duties\": "
     "[\"operator\"], \"apis\": [\"public\", \"atp\"], \"session\": false}"},
    {0},
};

static void put_bits(struct fg_json_writer *out, const char *key, uint32_t bits, const char *const *words)
{
    fg_json_begin_row(out, key);
    for (unsigned i = 0; words[i] != NULL; i++)
        if (bits & FG_BIT(i))
            fg_json_put_string(out, NULL, words[i]);
    fg_json_end_array(out);
}

static enum fg_code get_me(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    const struct fg_principal *who = fg_call_principal(call);
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "organisation", who->organisation);
    fg_json_put_string(out, "user", who->user);
    fg_json_put_string(out, "on_behalf_of", who->on_behalf_of[0] != '\0' ? who->on_behalf_of : NULL);
    put_bits(out, "roles", who->roles, fg_role_words);
    put_bits(out, "duties", who->duties, fg_duty_words);
    put_bits(out, "apis", who->apis, fg_api_words);
    fg_json_put_bool(out, "session", who->is_session);
    fg_json_end_object(out);
    return FG_OK;
}

/* ---- GET /v1/events ---- */
static const struct fg_schema area_list = {.kind = FG_SCHEMA_TEXT, .min_length = 1, .max_length = 2100};
static const struct fg_schema event_cursor = {.kind = FG_SCHEMA_TEXT, .min_length = 1, .max_length = 8000};
static const struct fg_param event_query[] = {
    {"areas", &area_list, "Areas to follow: 1 to 32 identifiers separated by commas", true},
    {"cursor", &event_cursor, "Event cursor of a snapshot, to go on from there; `Last-Event-ID` goes before it", false},
    {0},
};
static const struct fg_response event_responses[] = {{200, "Server-sent events", NULL, "text/event-stream", NULL}, {0}};

static enum fg_code get_events(struct fg_call *call, struct fg_error *err)
{
    if (call->server->hub == NULL)
        return fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "this server has no event streams");
    const char *cursor = call->last_event_id != NULL ? call->last_event_id : fg_call_text(call, "cursor");
    enum fg_code code = fg_hub_subscribe(call->server->hub, fg_call_principal(call), fg_call_text(call, "areas"), cursor,
                                         &call->subscriber, err);
    if (code == FG_OK) {
        call->status = 200;
        call->media = "text/event-stream";
    }
    return code;
}

/* ---- for the operator of the server ---- */
static const char *const health_words[] = {"ok", NULL};
static const struct fg_schema health_word = FG_ENUM(NULL, NULL, health_words);
static const struct fg_field health_fields[] = {{"status", &health_word, "The server answers", FG_REQUIRED}};
static const struct fg_schema health = FG_OBJECT("Health", "Sign of life", health_fields);
static const struct fg_response health_responses[] = {{200, "Alive", &health, NULL, "{\"status\": \"ok\"}"}, {0}};
static const struct fg_response metrics_responses[] = {
    {200, "Metrics in Prometheus' text format", NULL, "text/plain; version=0.0.4; charset=utf-8", NULL}, {0}};
static const struct fg_response openapi_responses[] = {
    {200, "OpenAPI 3.1 document", NULL, "application/vnd.oai.openapi+json;version=3.1", NULL}, {0}};
static const struct fg_response docs_responses[] = {{200, "HTML page", NULL, "text/html; charset=utf-8", NULL}, {0}};
static const struct fg_response style_responses[] = {{200, "CSS", NULL, "text/css; charset=utf-8", NULL}, {0}};

static enum fg_code put_health(struct fg_call *call)
{
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "status", "ok");
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code get_health(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    return put_health(call);
}

static enum fg_code get_ready(struct fg_call *call, struct fg_error *err)
{
    const struct fg_server_options *options = &call->server->options;
    if (atomic_load(&call->server->is_stopping))
        return fg_fail(err, FG_ERR_BUSY, NULL, "the server is stopping");
    enum fg_code code = options->ready != NULL ? options->ready(options->context, err) : FG_OK;
    return code == FG_OK ? put_health(call) : fg_fail(NULL, FG_ERR_BUSY, NULL, "not ready");
}

static enum fg_code get_metrics(struct fg_call *call, struct fg_error *err)
{
    struct fg_server *from = call->server;
    if (strncmp(call->address, "127.", 4) != 0 && strcmp(call->address, "::1") != 0 &&
        strncmp(call->address, "::ffff:127.", 11) != 0)
        return fg_fail(err, FG_ERR_DENIED, NULL, "metrics are only given to programs on the same machine");
    struct fg_text text;
    fg_text_init(&text);
    fg_metrics_write(from->metrics, &text);
    fg_metrics_put(&text, "flexgrid_connections", "gauge", "Open connections", (double)fg_guard_count(from->guard));
    fg_metrics_put(&text, "flexgrid_connections_late_total", "counter", "Connections cut for being too slow",
                   (double)fg_guard_late(from->guard));
    fg_metrics_put(&text, "flexgrid_requests_waiting", "gauge", "Requests waiting for a worker",
                   (double)fg_workers_waiting(from->workers));
    if (from->hub != NULL) {
        struct fg_hub_counts counts = fg_hub_count(from->hub);
        fg_metrics_put(&text, "flexgrid_streams", "gauge", "Open event streams", (double)counts.subscribers);
        fg_metrics_put(&text, "flexgrid_events_sent_total", "counter", "Events written to streams", (double)counts.events_sent);
        fg_metrics_put(&text, "flexgrid_stream_resets_total", "counter", "Resets written to streams", (double)counts.resets_sent);
        fg_metrics_put(&text, "flexgrid_streams_slow_total", "counter", "Streams cut because the client did not read",
                       (double)counts.dropped_slow);
    }
    if (from->options.metrics != NULL)
        from->options.metrics(from->options.context, &text);
    if (!text.failed)
        fg_call_bytes(call, 200, metrics_responses[0].media, text.data, text.length);
    enum fg_code code = text.failed ? fg_fail_memory(err) : FG_OK;
    fg_text_release(&text);
    return code;
}

static enum fg_code get_openapi(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    fg_call_bytes(call, 200, openapi_responses[0].media, call->server->openapi.data, call->server->openapi.length);
    return FG_OK;
}

static enum fg_code get_docs(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    fg_call_bytes(call, 200, docs_responses[0].media, call->server->reference.data, call->server->reference.length);
    return FG_OK;
}

static enum fg_code get_style(struct fg_call *call, struct fg_error *err)
{
    (void)err;
    fg_call_bytes(call, 200, style_responses[0].media, fg_reference_style, strlen(fg_reference_style));
    return FG_OK;
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "get-server", .method = FG_GET, .path = "/v1/server", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Version and clock of the server", .flags = FG_OP_INLINE, .responses = server_responses,
     .handle = get_server},
    {.id = "get-me", .method = FG_GET, .path = "/v1/me", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Who is asking", .right = "me.read", .flags = FG_OP_INLINE, .responses = me_responses, .handle = get_me},
    {.id = "get-events", .method = FG_GET, .path = "/v1/events", .api = FG_API_ATP, .tag = "Events",
     .summary = "Stream of events",
     .description =
         "Server-sent events of the areas named. Each event's `id` is a cursor over all of them: after a broken connection, "
         "send it as `Last-Event-ID` (browsers do so by themselves) and the stream goes on without gap or duplicate.\n\n"
         "`ready` comes first. `reset` says that events after the cursor are no longer there (`retention`) or that the area "
         "was restored from a backup (`restored`): take a new snapshot of the area. Comments are heartbeats. A client that "
         "does not read for 15 seconds is disconnected. Events that one may not read are left out when they are sent.",
     .right = "events.read", .flags = FG_OP_STREAM, .query_params = event_query, .responses = event_responses,
     .handle = get_events},
    {.id = "get-openapi", .method = FG_GET, .path = "/v1/openapi.json", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "OpenAPI document", .flags = FG_OP_INLINE, .responses = openapi_responses, .handle = get_openapi},
    {.id = "get-docs", .method = FG_GET, .path = "/docs", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Reference page", .flags = FG_OP_INLINE, .responses = docs_responses, .handle = get_docs},
    {.id = "get-docs-style", .method = FG_GET, .path = "/docs.css", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Style of the reference page", .flags = FG_OP_INLINE, .responses = style_responses, .handle = get_style},
    {.id = "get-health", .method = FG_GET, .path = "/healthz", .api = FG_API_PUBLIC, .tag = "Operation of the server",
     .summary = "Is the server alive?", .flags = FG_OP_INLINE, .responses = health_responses, .handle = get_health},
    {.id = "get-ready", .method = FG_GET, .path = "/readyz", .api = FG_API_PUBLIC, .tag = "Operation of the server",
     .summary = "Is the server ready for requests?",
     .description = "503 while the server starts, stops or misses a part that it needs.", .responses = health_responses,
     .handle = get_ready},
    {.id = "get-metrics", .method = FG_GET, .path = "/metrics", .api = FG_API_PUBLIC, .tag = "Operation of the server",
     .summary = "Metrics", .description = "Only for programs on the same machine.", .responses = metrics_responses,
     .handle = get_metrics},
};
const struct fg_operation_set fg_server_operations = FG_OPERATIONS(operations);

static const struct fg_access_rule rules[] = {
    {"me.read", "See one's own organisation, roles and rights", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"events.read", "Subscribe to event streams; each event is checked again when it is sent", FG_ROLES_ALL, FG_DUTIES_ALL},
};
const struct fg_access_table fg_server_access = {rules, FG_COUNT_OF(rules)};
