/* Operations on people: log-in, invitations, users, keys, consent, export and erasure. */
#include "api/operations_registry.h"

#include "api/registry_call.h"
#include "atp/organisation.h"
#include "base/instant.h"

#include <string.h>

static const struct fg_schema password = {.kind = FG_SCHEMA_SECRET, .min_length = 12, .max_length = 200};
static const struct fg_schema password_given = {.kind = FG_SCHEMA_SECRET, .min_length = 1, .max_length = 200};
static const struct fg_schema token = {.kind = FG_SCHEMA_SECRET, .min_length = 1, .max_length = 100};
static const struct fg_response no_content[] = {{204, "Done", NULL, NULL, NULL}, {0}};

/* ---- log-in ---- */
static const char *const delivery_words[] = {"cookie", "token", NULL};
static const struct fg_schema delivery = FG_ENUM(NULL, NULL, delivery_words);
static const struct fg_field login_fields[] = {
    {"email", &fg_schema_email, "Address of the user", FG_REQUIRED},
    {"password", &password_given, "Password", FG_REQUIRED},
    {"as", &delivery, "`cookie` (default) for browsers; `token` for programs, to be sent as bearer", 0},
};
static const struct fg_schema login_schema = FG_OBJECT("LogIn", "Who wants to log in", login_fields);
static const struct fg_field session_fields[] = {
    {"user", &fg_schema_id, "User", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Organisation of the user", FG_REQUIRED},
    {"expires", &fg_schema_instant, "End of the session", FG_REQUIRED},
    {"token", &token, "Token of the session, with `as: token`", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema session = FG_OBJECT("Session", "A session", session_fields);
static const struct fg_response login_responses[] = {
    {201, "Logged in", &session, NULL,
     "{\"user\": \"usr-1\", \"organisation\": \"org-1\", \"expires\": \"2025-03-30T13:00:00Z\", \"token\": null}"},
    {409, "The organisation has not been accepted, or is suspended (`login.organisation`)", NULL, NULL, NULL},
    {0}};
static const struct fg_problem_kind login_refused = {
    "login.refused", 401, "The log-in was refused", "Check address and password; after five failures wait 15 minutes."};
static const struct fg_problem_kind login_organisation = {
    "login.organisation", 409, "The organisation does not take part at present", "Ask the market operator."};

static enum fg_code log_in(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_login login;
    struct fg_error why = {0};
    char text[FG_INSTANT_TEXT], id[FG_ID_TEXT];
    enum fg_code code = fg_login(application->platform, fg_member_text(&body, "email", ""),
                                 fg_member_text(&body, "password", ""), &login, &why);
    if (code == FG_ERR_DENIED)
        return fg_call_refuse(call, &login_refused, NULL, err, "%s", why.text);
    if (code == FG_ERR_CONFLICT)
        return fg_call_refuse(call, &login_organisation, NULL, err, "%s", why.text);
    if (code != FG_OK)
        return fg_fail(err, code, why.place, "%s", why.text);
    bool as_token = fg_member_word(&body, "as", delivery_words, 0) == 1;
    struct fg_json_writer *out = fg_call_json(call, 201);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "user", fg_id_text(FG_ID_USER, login.user, id));
    fg_json_put_string(out, "organisation", fg_id_text(FG_ID_ORGANISATION, login.organisation, id));
    fg_json_put_string(out, "expires", fg_instant_format(login.expires_us / 1000000, text));
    fg_json_put_string(out, "token", as_token ? login.token : NULL);
    fg_json_end_object(out);
    if (!as_token)
        fg_call_session_cookie(call, login.token, FG_SESSION_US / 1000000);
    fg_secret_wipe(&login, sizeof login);
    return FG_OK;
}

static enum fg_code log_out_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    enum fg_code code = fg_call_require_session(call, err);
    if (code == FG_OK)
        code = fg_logout(registry, err);
    if (code == FG_OK) {
        fg_call_empty(call, 204);
        fg_call_session_cookie(call, NULL, 0);
    }
    return code;
}
static enum fg_code log_out(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, log_out_work, err);
}

static const struct fg_field password_fields[] = {
    {"old", &password_given, "Present password", FG_REQUIRED},
    {"new", &password, "New password: 12 to 200 bytes", FG_REQUIRED},
};
static const struct fg_schema password_change = FG_OBJECT("PasswordChange", "Change of one's password", password_fields);

static enum fg_code change_password(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    enum fg_code code = fg_call_require_session(call, err);
    if (code == FG_OK)
        code = fg_password_change(application->platform, fg_call_principal(call), fg_member_text(&body, "old", ""),
                                  fg_member_text(&body, "new", ""), err);
    fg_authenticator_forget(application->authenticator);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}

/* ---- users ---- */
static const char *const user_status_words[] = {"active", "disabled", NULL};
static const struct fg_schema user_status = FG_ENUM(NULL, NULL, user_status_words);
static const struct fg_field user_fields[] = {
    {"id", &fg_schema_id, "User", FG_REQUIRED},
    {"name", &fg_schema_name, "Name; null when erased", FG_REQUIRED | FG_NULLABLE},
    {"email", &fg_schema_email, "Address; null when erased", FG_REQUIRED | FG_NULLABLE},
    {"duties", &fg_schema_duties, "What the user may do in the organisation", FG_REQUIRED},
    {"status", &user_status, "Disabled users cannot log in", FG_REQUIRED},
    {"created", &fg_schema_instant, "When the user came", FG_REQUIRED},
    {"locked_until", &fg_schema_instant, "After too many wrong passwords", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema user_schema = FG_OBJECT("User", "A user of an organisation", user_fields);
FG_PAGE_SCHEMA(user_page, &user_schema, "UserPage", "Users");
static const struct fg_response user_responses[] = {{200, "The user", &user_schema, NULL, NULL}, {0}};
static const struct fg_response users_responses[] = {{200, "A page of users", &user_page, NULL, NULL}, {0}};
static const struct fg_param user_path[] = {{"user", &fg_schema_id, "User", true}, {0}};

static enum fg_code list_users(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_users, 0, err);
}
static enum fg_code get_user(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "user", FG_ID_USER, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_users, id, err) : code;
}

static const struct fg_field user_change_fields[] = {
    {"duties", &fg_schema_duties, "New duties", 0},
    {"status", &user_status, "New status", 0},
};
static const struct fg_schema user_change = FG_OBJECT("UserChange", "Change of a user", user_change_fields);

static enum fg_code change_user_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "user", FG_ID_USER, &id, err);
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_users, id, &version, err);
    if (code == FG_OK)
        code = fg_user_change(registry, id, version, fg_member_bits(&body, "duties", fg_duty_words),
                              fg_member_text(&body, "status", NULL), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_users, id, err) : code;
}
static enum fg_code change_user(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, change_user_work, err);
}

/* ---- invitations ---- */
static const struct fg_field invite_fields[] = {{"duties", &fg_schema_duties, "Duties of the new user", FG_REQUIRED}};
static const struct fg_schema invite_schema = FG_OBJECT("Invite", "An invitation into the own organisation", invite_fields);
static const struct fg_field invitation_fields[] = {
    {"id", &fg_schema_id, "Invitation", FG_REQUIRED},
    {"token", &token, "To be handed to the person; it is told only here, and good for a week and one user", FG_REQUIRED},
};
static const struct fg_schema invitation = FG_OBJECT("Invitation", "An invitation", invitation_fields);
static const struct fg_response invitation_responses[] = {{201, "Invited", &invitation, NULL, NULL}, {0}};

static void put_token(struct fg_call *call, enum fg_id_kind kind, int64_t id, char secret[FG_TOKEN_TEXT])
{
    char text[FG_ID_TEXT];
    struct fg_json_writer *out = fg_call_json(call, 201);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "id", fg_id_text(kind, id, text));
    fg_json_put_string(out, "token", secret);
    fg_json_end_object(out);
    fg_secret_wipe(secret, FG_TOKEN_TEXT);
}

static enum fg_code invite_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    char secret[FG_TOKEN_TEXT];
    int64_t id;
    enum fg_code code = fg_call_require_session(call, err);
    if (code == FG_OK)
        code = fg_user_invite(registry, fg_member_bits(&body, "duties", fg_duty_words), &id, secret, err);
    if (code == FG_OK)
        put_token(call, FG_ID_INVITATION, id, secret);
    return code;
}
static enum fg_code invite(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, invite_work, err);
}

static const struct fg_field accept_fields[] = {
    {"token", &token, "Token of the invitation", FG_REQUIRED},
    {"name", &fg_schema_name, "Name of the person", FG_REQUIRED},
    {"email", &fg_schema_email, "Address to log in with", FG_REQUIRED},
    {"password", &password, "Password: 12 to 200 bytes", FG_REQUIRED},
};
static const struct fg_schema accept_schema = FG_OBJECT("AcceptInvitation", "A person becomes a user", accept_fields);
static const struct fg_field new_user_fields[] = {{"user", &fg_schema_id, "User", FG_REQUIRED}};
static const struct fg_schema new_user = FG_OBJECT("NewUser", "A new user", new_user_fields);
static const struct fg_response new_user_responses[] = {
    {201, "The user can log in", &new_user, NULL, NULL},
    {404, "The invitation is unknown, used or expired", NULL, NULL, NULL},
    {409, "The address is in use", NULL, NULL, NULL},
    {0}};

struct acceptance {
    struct fg_call *call;
    struct fg_new_user user;
};
static enum fg_code accept_work(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct acceptance *acceptance = context;
    struct fg_json_cursor body = fg_call_body(acceptance->call);
    char text[FG_ID_TEXT];
    int64_t id;
    enum fg_code code = fg_user_accept(registry, fg_member_text(&body, "token", ""), &acceptance->user, &id, err);
    if (code == FG_OK) {
        struct fg_json_writer *out = fg_call_json(acceptance->call, 201);
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "user", fg_id_text(FG_ID_USER, id, text));
        fg_json_end_object(out);
    }
    return code;
}
static enum fg_code accept_invitation(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    char hash[FG_PASSWORD_HASH];
    struct acceptance acceptance = {
        call, {fg_member_text(&body, "name", ""), fg_member_text(&body, "email", ""), hash}};
    enum fg_code code = fg_password_hash(fg_member_text(&body, "password", ""), hash, err);
    return code == FG_OK ? fg_registry_run(application->platform, NULL, FG_STORE_WRITE, accept_work, &acceptance, err) : code;
}

/* ---- keys ---- */
static const struct fg_schema api = FG_ENUM(NULL, NULL, fg_api_words);
static const struct fg_schema apis = FG_ARRAY(&api, 1, FG_API_COUNT);
static const struct fg_field key_fields[] = {
    {"id", &fg_schema_id, "Key", FG_REQUIRED},
    {"name", &fg_schema_name, "What it is for", FG_REQUIRED},
    {"apis", &apis, "API that it opens", FG_REQUIRED},
    {"duties", &fg_schema_duties, "At most the user's", FG_REQUIRED},
    {"created", &fg_schema_instant, "When it was made", FG_REQUIRED},
    {"expires", &fg_schema_instant, "End of its validity", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema key_schema = FG_OBJECT("Key", "An API key, without its secret", key_fields);
FG_PAGE_SCHEMA(key_page, &key_schema, "KeyPage", "API keys");
static const struct fg_response keys_responses[] = {{200, "A page of keys", &key_page, NULL, NULL}, {0}};
static const char *const key_api_words[] = {"atp", "dfmct", "fst", "afat", "db", NULL};
static const struct fg_schema key_api = FG_ENUM(NULL, NULL, key_api_words);
static const struct fg_field key_new_fields[] = {
    {"name", &fg_schema_name, "What it is for", FG_REQUIRED},
    {"api", &key_api, "The one API that it opens", FG_REQUIRED},
    {"duties", &fg_schema_duties, "At most one's own", FG_REQUIRED},
    {"expires", &fg_schema_instant, "End of its validity; null: none", FG_NULLABLE},
};
static const struct fg_schema key_new = FG_OBJECT("NewKey", "A key to be made", key_new_fields);
static const struct fg_field key_token_fields[] = {
    {"id", &fg_schema_id, "Key", FG_REQUIRED},
    {"token", &token, "The key itself; it is told only here", FG_REQUIRED},
};
static const struct fg_schema key_token = FG_OBJECT("KeyToken", "A new API key with its secret", key_token_fields);
static const struct fg_response key_responses[] = {{201, "The key", &key_token, NULL, NULL}, {0}};
static const struct fg_param key_path[] = {{"key", &fg_schema_id, "Key", true}, {0}};

static enum fg_code list_keys(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_keys, 0, err);
}

static enum fg_code create_key_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    char secret[FG_TOKEN_TEXT];
    int64_t id;
    enum fg_code code = fg_call_require_session(call, err);
    if (code == FG_OK)
        code = fg_key_create(registry, fg_member_text(&body, "name", ""),
                             (enum fg_api_family)fg_member_word(&body, "api", fg_api_words, FG_API_ATP),
                             fg_member_bits(&body, "duties", fg_duty_words), fg_member_us(&body, "expires"), &id, secret, err);
    if (code == FG_OK)
        put_token(call, FG_ID_KEY, id, secret);
    return code;
}
static enum fg_code create_key(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, create_key_work, err);
}

static enum fg_code revoke_key_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "key", FG_ID_KEY, &id, err);
    if (code == FG_OK)
        code = fg_key_revoke(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code revoke_key(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, revoke_key_work, err);
}

/* ---- consent, export, erasure ---- */
static const struct fg_schema purpose = FG_ENUM(NULL, NULL, fg_consent_words);
static const struct fg_param consent_path[] = {{"purpose", &purpose, "Use of the data", true}, {0}};
static const struct fg_field consent_fields[] = {
    {"purpose", &purpose, "Use of the data", FG_REQUIRED},
    {"given", &fg_schema_instant, "When consent was given", FG_REQUIRED},
    {"withdrawn", &fg_schema_instant, "When it was withdrawn", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema consent = FG_OBJECT("Consent", "Consent to one use of personal data", consent_fields);
FG_PAGE_SCHEMA(consent_page, &consent, "ConsentPage", "Consents");
static const struct fg_response consents_responses[] = {{200, "All consents of the user", &consent_page, NULL, NULL}, {0}};

static enum fg_code list_consents(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_consents, 0, err);
}
static enum fg_code give_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    fg_call_empty(call, 204);
    return fg_consent_give(registry, fg_call_text(call, "purpose"), err);
}
static enum fg_code give_consent(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, give_work, err);
}
static enum fg_code withdraw_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    fg_call_empty(call, 204);
    return fg_consent_withdraw(registry, fg_call_text(call, "purpose"), err);
}
static enum fg_code withdraw_consent(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, withdraw_work, err);
}

static const struct fg_schema span_name = FG_TEXT(1, 300);
static const struct fg_field span_fields[] = {
    {"name", &span_name, "What", FG_REQUIRED},
    {"from", &fg_schema_instant, "When, or from when", FG_REQUIRED},
    {"until", &fg_schema_instant, "Until when", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema span = FG_OBJECT("KeptItem", "One thing that is kept about a person", span_fields);
static const struct fg_schema spans = FG_ARRAY(&span, 0, 100000000);
static const struct fg_field export_fields[] = {
    {"user", &fg_schema_id, "User", FG_REQUIRED},
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"email", &fg_schema_email, "Address", FG_REQUIRED},
    {"sessions", &spans, "Log-ins", FG_REQUIRED},
    {"keys", &spans, "API keys", FG_REQUIRED},
    {"consents", &spans, "Consents", FG_REQUIRED},
    {"actions", &spans, "What the audit log says about the user", FG_REQUIRED},
};
static const struct fg_schema export_schema = FG_OBJECT("PersonExport", "Everything that is kept about a person", export_fields);
static const struct fg_response export_responses[] = {{200, "The data", &export_schema, NULL, NULL}, {0}};

static enum fg_code export_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    enum fg_code code = fg_call_require_session(call, err);
    return code == FG_OK ? fg_person_export(registry, fg_call_json(call, 200), err) : code;
}
static enum fg_code export_person(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, export_work, err);
}
static enum fg_code erase_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "user", FG_ID_USER, &id, err);
    if (code == FG_OK)
        code = fg_call_require_session(call, err);
    if (code == FG_OK)
        code = fg_person_erase(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code erase_person(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, erase_work, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "log-in", .method = FG_POST, .path = "/v1/log-in", .api = FG_API_PUBLIC, .tag = "People", .summary = "Log in",
     .description = "Five wrong passwords in a row lock the user for 15 minutes. A session lasts 12 hours.",
     .request = &login_schema, .request_example = "{\"email\": \"anna@example.org\", \"password\": \"four words make one\"}",
     .responses = login_responses, .handle = log_in},
    {.id = "log-out", .method = FG_POST, .path = "/v1/log-out", .api = FG_API_PUBLIC, .tag = "People", .summary = "End the session",
     .right = "session.end", .responses = no_content, .handle = log_out},
    {.id = "change-password", .method = FG_POST, .path = "/v1/me/password", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Change one's password", .description = "All other sessions end; API keys stay.", .right = "password.change",
     .request = &password_change, .request_example = "{\"old\": \"four words make one\", \"new\": \"five words are even better\"}",
     .responses = no_content, .handle = change_password},
    {.id = "list-users", .method = FG_GET, .path = "/v1/users", .api = FG_API_ATP, .tag = "People",
     .summary = "Users of the own organisation", .right = "users.read", .flags = FG_OP_PAGED, .responses = users_responses,
     .handle = list_users},
    {.id = "get-user", .method = FG_GET, .path = "/v1/users/{user}", .api = FG_API_ATP, .tag = "People", .summary = "One user",
     .right = "users.read", .path_params = user_path, .responses = user_responses, .handle = get_user},
    {.id = "change-user", .method = FG_PATCH, .path = "/v1/users/{user}", .api = FG_API_ATP, .tag = "People",
     .summary = "Change duties or status", .description = "Takes effect at once; a disabled user's sessions and keys end.",
     .right = "users.manage", .flags = FG_OP_IF_MATCH, .path_params = user_path, .request = &user_change,
     .request_example = "{\"duties\": [\"trader\"]}", .responses = user_responses, .handle = change_user},
    {.id = "invite-user", .method = FG_POST, .path = "/v1/invitations", .api = FG_API_ATP, .tag = "People",
     .summary = "Invite a person", .right = "users.manage", .request = &invite_schema,
     .request_example = "{\"duties\": [\"trader\"]}", .responses = invitation_responses, .handle = invite},
    {.id = "accept-invitation", .method = FG_POST, .path = "/v1/invitations/accept", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Become a user", .request = &accept_schema,
     .request_example = "{\"token\": \"fgi_0123\", \"name\": \"Anna Arm\", \"email\": \"anna@example.org\", \"password\": "
                        "\"four words make one\"}",
     .responses = new_user_responses, .handle = accept_invitation},
    {.id = "list-keys", .method = FG_GET, .path = "/v1/keys", .api = FG_API_ATP, .tag = "People", .summary = "One's API keys",
     .right = "keys.manage", .flags = FG_OP_PAGED, .responses = keys_responses, .handle = list_keys},
    {.id = "create-key", .method = FG_POST, .path = "/v1/keys", .api = FG_API_ATP, .tag = "People", .summary = "Make an API key",
     .description = "Only in a session, so that a key does not make others.", .right = "keys.manage", .request = &key_new,
     .request_example = "{\"name\": \"Trading robot\", \"api\": \"atp\", \"duties\": [\"trader\"]}", .responses = key_responses,
     .handle = create_key},
    {.id = "revoke-key", .method = FG_DELETE, .path = "/v1/keys/{key}", .api = FG_API_ATP, .tag = "People",
     .summary = "Revoke an API key", .right = "keys.manage", .path_params = key_path, .responses = no_content,
     .handle = revoke_key},
    {.id = "list-consents", .method = FG_GET, .path = "/v1/me/consents", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "What one has consented to", .right = "consents.manage", .flags = FG_OP_PAGED, .responses = consents_responses,
     .handle = list_consents},
    {.id = "give-consent", .method = FG_PUT, .path = "/v1/me/consents/{purpose}", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Consent to a use of one's data", .right = "consents.manage", .path_params = consent_path,
     .responses = no_content, .handle = give_consent},
    {.id = "withdraw-consent", .method = FG_DELETE, .path = "/v1/me/consents/{purpose}", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Withdraw consent", .right = "consents.manage", .path_params = consent_path, .responses = no_content,
     .handle = withdraw_consent},
    {.id = "export-me", .method = FG_GET, .path = "/v1/me/export", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Everything that is kept about oneself", .right = "person.export", .responses = export_responses,
     .handle = export_person},
    {.id = "erase-person", .method = FG_POST, .path = "/v1/users/{user}/erasure", .api = FG_API_PUBLIC, .tag = "People",
     .summary = "Erase a person's data",
     .description = "Destroys the key under which name and address are sealed. The user's number stays in the audit log and in "
                    "trades. It cannot be undone.",
     .right = "person.erase", .path_params = user_path, .responses = no_content, .handle = erase_person},
};
const struct fg_operation_set fg_people_operations = FG_OPERATIONS(operations);
