/* Operations of the server itself: what runs here, who am I, who may do what. They are the example of how operations
 * are described. */
#include "api/operations_server.h"

#include "api/call.h"
#include "base/instant.h"

#include <time.h>

/* ---- GET /v1/server ---- */
static const struct fg_schema version = FG_TEXT(1, 40);
static const struct fg_field server_fields[] = {
    {"version", &version, "Version of the program", FG_REQUIRED},
    {"time", &fg_schema_instant, "The server's clock", FG_REQUIRED},
};
static const struct fg_schema server = FG_OBJECT("Server", "What runs here", server_fields);
static const struct fg_response server_responses[] = {
    {200, "The server", &server, NULL, "{\"version\": \"0.1.0\", \"time\": \"2025-03-30T01:00:00Z\"}"},
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

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "get-server", .method = FG_GET, .path = "/v1/server", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Version and clock of the server", .flags = FG_OP_INLINE, .responses = server_responses,
     .handle = get_server},
    {.id = "get-me", .method = FG_GET, .path = "/v1/me", .api = FG_API_PUBLIC, .tag = "Server",
     .summary = "Who is asking", .right = "me.read", .flags = FG_OP_INLINE, .responses = me_responses, .handle = get_me},
};
const struct fg_operation_set fg_server_operations = FG_OPERATIONS(operations);

static const struct fg_access_rule rules[] = {
    {"me.read", "See one's own organisation, roles and rights", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"events.read", "Subscribe to event streams; each event is checked again when it is sent", FG_ROLES_ALL, FG_DUTIES_ALL},
};
const struct fg_access_table fg_server_access = {rules, FG_COUNT_OF(rules)};
