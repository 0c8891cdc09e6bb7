/* Operations on organisations: registration, decision, mandates, approvals with four eyes. */
#include "api/operations_registry.h"

#include "api/registry_call.h"
#include "api/rows.h"
#include "atp/approval.h"
#include "atp/balance.h"
#include "atp/organisation.h"

static const struct fg_response no_content[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_schema short_text = FG_TEXT(1, 40);
static const struct fg_schema password = {.kind = FG_SCHEMA_SECRET, .min_length = 12, .max_length = 200};

/* ---- organisations ---- */
static const char *const status_words[] = {"pending", "active", "suspended", "refused", NULL};
static const struct fg_schema status = FG_ENUM(NULL, NULL, status_words);
static const struct fg_field organisation_fields[] = {
    {"id", &fg_schema_id, "Organisation", FG_REQUIRED},
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"roles", &fg_schema_roles, "Roles in the market", FG_REQUIRED},
    {"status", &status, "The market operator's decision", FG_REQUIRED},
    {"country", &fg_schema_country, "ISO 3166-1", FG_REQUIRED},
    {"eic", &short_text, "ENTSO-E identification code", FG_REQUIRED | FG_NULLABLE},
    {"address", &fg_schema_note, "Postal address; only of the own organisation", FG_REQUIRED | FG_NULLABLE},
    {"vat_number", &short_text, "VAT number; only of the own organisation", FG_REQUIRED | FG_NULLABLE},
    {"iban", &short_text, "Bank account; only of the own organisation", FG_REQUIRED | FG_NULLABLE},
    {"reason", &fg_schema_note, "Of a refusal or suspension", FG_REQUIRED | FG_NULLABLE},
    {"created", &fg_schema_instant, "When it registered", FG_REQUIRED},
    {"decided", &fg_schema_instant, "When it was decided about", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema organisation = FG_OBJECT("Organisation", "Who takes part", organisation_fields);
FG_PAGE_SCHEMA(organisation_page, &organisation, "OrganisationPage", "Organisations");
static const struct fg_response organisation_responses[] = {{200, "The organisation", &organisation, NULL, NULL}, {0}};
static const struct fg_response organisations_responses[] = {{200, "A page", &organisation_page, NULL, NULL}, {0}};
static const struct fg_param organisation_path[] = {{"organisation", &fg_schema_id, "Organisation", true}, {0}};

static enum fg_code list_organisations(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_organisations, 0, err);
}
static enum fg_code get_organisation(struct fg_call *call, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "organisation", FG_ID_ORGANISATION, &id, err);
    return code == FG_OK ? fg_call_answer_one(call, &fg_view_organisations, id, err) : code;
}

static const struct fg_field administrator_fields[] = {
    {"name", &fg_schema_name, "Name of the person", FG_REQUIRED},
    {"email", &fg_schema_email, "Address to log in with", FG_REQUIRED},
    {"password", &password, "Password: 12 to 200 bytes", FG_REQUIRED},
};
static const struct fg_schema administrator = FG_OBJECT("FirstUser", "The first user, an administrator", administrator_fields);
static const struct fg_field registration_fields[] = {
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"roles", &fg_schema_roles, "Roles asked for; a market operator (`market_operator`) takes part only as `brp`", FG_REQUIRED},
    {"country", &fg_schema_country, "ISO 3166-1", FG_REQUIRED},
    {"address", &fg_schema_note, "Postal address", FG_REQUIRED},
    {"vat_number", &short_text, "VAT number", FG_NULLABLE},
    {"eic", &short_text, "ENTSO-E identification code", FG_NULLABLE},
    {"iban", &short_text, "Bank account", FG_NULLABLE},
    {"administrator", &administrator, "Its first user", FG_REQUIRED},
};
static const struct fg_schema registration = FG_OBJECT("Registration", "An organisation that wants to take part", registration_fields);
static const struct fg_field registered_fields[] = {
    {"organisation", &fg_schema_id, "Organisation", FG_REQUIRED},
    {"user", &fg_schema_id, "Its administrator", FG_REQUIRED},
    {"status", &status, "`pending` until the market operator has decided", FG_REQUIRED},
};
static const struct fg_schema registered = FG_OBJECT("Registered", "A registration that waits for the market operator", registered_fields);
static const struct fg_response registered_responses[] = {
    {201, "Registered", &registered, NULL, NULL}, {409, "Name or address is in use", NULL, NULL, NULL}, {0}};

struct registering {
    struct fg_call *call;
    struct fg_organisation organisation;
    struct fg_new_user administrator;
};
static enum fg_code register_work(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct registering *registering = context;
    int64_t id, user;
    char text[FG_ID_TEXT];
    enum fg_code code = fg_organisation_register(registry, &registering->organisation, &registering->administrator, &id, &user, err);
    if (code == FG_OK) {
        struct fg_json_writer *out = fg_call_json(registering->call, 201);
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "organisation", fg_id_text(FG_ID_ORGANISATION, id, text));
        fg_json_put_string(out, "user", fg_id_text(FG_ID_USER, user, text));
        fg_json_put_string(out, "status", "pending");
        fg_json_end_object(out);
    }
    return code;
}

static void read_organisation(const struct fg_json_cursor *body, struct fg_organisation *organisation_)
{
    *organisation_ = (struct fg_organisation){
        .name = fg_member_text(body, "name", ""), .country = fg_member_text(body, "country", ""),
        .address = fg_member_text(body, "address", NULL), .vat_number = fg_member_text(body, "vat_number", NULL),
        .eic = fg_member_text(body, "eic", NULL), .iban = fg_member_text(body, "iban", NULL),
        .roles = fg_member_bits(body, "roles", fg_role_words)};
}

static enum fg_code register_organisation(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call), person = fg_json_member(&body, "administrator");
    char hash[FG_PASSWORD_HASH];
    struct registering registering = {
        .call = call, .administrator = {fg_member_text(&person, "name", ""), fg_member_text(&person, "email", ""), hash}};
    read_organisation(&body, &registering.organisation);
    enum fg_code code = fg_password_hash(fg_member_text(&person, "password", ""), hash, err);
    return code == FG_OK ? fg_registry_run(application->platform, NULL, FG_STORE_WRITE, register_work, &registering, err) : code;
}

static const struct fg_field organisation_change_fields[] = {
    {"address", &fg_schema_note, "Postal address", 0},
    {"vat_number", &short_text, "VAT number", 0},
    {"eic", &short_text, "ENTSO-E identification code", 0},
    {"iban", &short_text, "Bank account", 0},
};
static const struct fg_schema organisation_change =
    FG_OBJECT("OrganisationChange", "Contact and payment data", organisation_change_fields);

static enum fg_code change_organisation_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_organisation change;
    int64_t id, version;
    enum fg_code code = fg_call_id(call, "organisation", FG_ID_ORGANISATION, &id, err);
    read_organisation(&body, &change);
    if (code == FG_OK && id != fg_registry_party(registry))
        code = fg_fail(err, FG_ERR_DENIED, NULL, "only the own organisation's data can be changed");
    if (code == FG_OK)
        code = fg_call_match(call, registry, &fg_view_organisations, id, &version, err);
    if (code == FG_OK)
        code = fg_organisation_change(registry, version, &change, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_organisations, id, err) : code;
}
static enum fg_code change_organisation(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, change_organisation_work, err);
}

static const struct fg_field decision_fields[] = {
    {"decision", &fg_schema_decision, "pending: accept, refuse; active: suspend; suspended: resume", FG_REQUIRED},
    {"reason", &fg_schema_note, "Told to the organisation", FG_NULLABLE},
};
static const struct fg_schema decision = FG_OBJECT("OrganisationDecision", "Decision about an organisation", decision_fields);

static enum fg_code decide_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "organisation", FG_ID_ORGANISATION, &id, err);
    if (code == FG_OK)
        code = fg_organisation_decide(registry, id, (enum fg_decision)fg_member_word(&body, "decision", fg_decision_words, 0),
                                      fg_member_text(&body, "reason", NULL), err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_organisations, id, err) : code;
}
static enum fg_code decide_organisation(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, decide_work, err);
}

/* ---- mandates ---- */
static const struct fg_field mandate_fields[] = {
    {"principal", &fg_schema_id, "Who is represented", FG_REQUIRED},
    {"agent", &fg_schema_id, "Who may act", FG_REQUIRED},
    {"duties", &fg_schema_duties, "With which duties at most", FG_REQUIRED},
    {"granted", &fg_schema_instant, "Since when", FG_REQUIRED},
};
static const struct fg_schema mandate = FG_OBJECT("Mandate", "One organisation acts for another", mandate_fields);
FG_PAGE_SCHEMA(mandate_page, &mandate, "MandatePage", "Mandates");
static const struct fg_response mandates_responses[] = {{200, "A page", &mandate_page, NULL, NULL}, {0}};
static const struct fg_field grant_fields[] = {
    {"duties", &fg_schema_duties, "What the agent may do; `administrator` is never delegated", FG_REQUIRED}};
static const struct fg_schema grant = FG_OBJECT("MandateGrant", "What an agent may do", grant_fields);
static const struct fg_param agent_path[] = {{"agent", &fg_schema_id, "Organisation that acts", true}, {0}};

static enum fg_code list_mandates(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_mandates, 0, err);
}
static enum fg_code grant_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t agent;
    enum fg_code code = fg_call_id(call, "agent", FG_ID_ORGANISATION, &agent, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_mandate_grant(registry, agent, fg_member_bits(&body, "duties", fg_duty_words), err) : code;
}
static enum fg_code grant_mandate(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, grant_work, err);
}
static enum fg_code revoke_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t agent;
    enum fg_code code = fg_call_id(call, "agent", FG_ID_ORGANISATION, &agent, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_mandate_revoke(registry, agent, err) : code;
}
static enum fg_code revoke_mandate(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change_access(call, revoke_work, err);
}

/* ---- own balance responsible party ---- */
static const struct fg_field own_brp_fields[] = {
    {"organisation", &fg_schema_id, "Whose balance", FG_REQUIRED},
    {"area", &fg_schema_id, "In which market area", FG_REQUIRED},
    {"brp", &fg_schema_id, "Who answers for it", FG_REQUIRED},
    {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED},
    {"valid_until", &fg_schema_instant, "Until when; null: open", FG_REQUIRED | FG_NULLABLE},
    {"confirmed", &fg_schema_boolean, "It has confirmed; before that it does not count", FG_REQUIRED},
};
static const struct fg_schema own_brp = FG_OBJECT("OwnBrp", "Who answers for an organisation's balance", own_brp_fields);
FG_PAGE_SCHEMA(own_brp_page, &own_brp, "OwnBrpPage", "Own balance responsible parties");
static const struct fg_response own_brps_responses[] = {{200, "A page", &own_brp_page, NULL, NULL}, {0}};
static const struct fg_column own_brp_columns[] = {
    {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL}, {"area", FG_COLUMN_ID, FG_ID_AREA, NULL},
    {"brp", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},          {"valid_from", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"valid_until", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},     {"confirmed", FG_COLUMN_BOOLEAN, FG_ID_AREA, NULL}, {0}};
static const struct fg_rows own_brp_rows = {
    "SELECT * FROM (SELECT ROW_NUMBER() OVER (ORDER BY organisation_id, area_id, valid_from_us, confirmed) AS place, "
    "organisation_id, area_id, brp_id, valid_from_us, valid_until_us, confirmed FROM (SELECT organisation_id, area_id, brp_id, "
    "valid_from_us, valid_until_us, 1 AS confirmed FROM balance_responsible UNION ALL SELECT organisation_id, area_id, brp_id, "
    "valid_from_us, valid_until_us, 0 FROM balance_proposal) b WHERE organisation_id = $1 OR brp_id = $1 OR $2 = 1) x WHERE "
    "place > $3 AND $5 = 0 ORDER BY place LIMIT $4",
    own_brp_columns, NULL, FG_ID_AREA};

static const struct fg_field own_brp_propose_fields[] = {
    {"brp", &fg_schema_id, "Balance responsible party", FG_REQUIRED},
    {"valid_from", &fg_schema_instant, "From when", FG_REQUIRED},
    {"valid_until", &fg_schema_instant, "Until when; null: open", FG_NULLABLE},
};
static const struct fg_schema own_brp_propose =
    FG_OBJECT("OwnBrpProposal", "Who is to answer for the own balance", own_brp_propose_fields);
static const struct fg_param own_brp_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};
static const struct fg_param own_brp_confirm_path[] = {
    {"area", &fg_schema_id, "Market area", true}, {"organisation", &fg_schema_id, "Who has proposed it", true}, {0}};

static enum fg_code propose_own_brp_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, brp;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "brp", FG_ID_ORGANISATION, &brp, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_balance_propose(registry, area, brp, fg_member_us(&body, "valid_from"), fg_member_us(&body, "valid_until"), err)
                         : code;
}
static enum fg_code propose_own_brp(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, propose_own_brp_work, err);
}
static enum fg_code confirm_own_brp_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t area, party;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "organisation", FG_ID_ORGANISATION, &party, err);
    fg_call_empty(call, 204);
    return code == FG_OK ? fg_balance_confirm(registry, area, party, err) : code;
}
static enum fg_code confirm_own_brp(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, confirm_own_brp_work, err);
}

/* ---- four eyes ---- */
static const struct fg_schema action = FG_ENUM(NULL, NULL, fg_approval_action_words);
static const struct fg_schema object_text = FG_TEXT(1, 200);
static const char *const approval_status_words[] = {"open", "confirmed", "refused", "withdrawn", "used", NULL};
static const struct fg_schema approval_status = FG_ENUM(NULL, NULL, approval_status_words);
static const struct fg_field approval_fields[] = {
    {"id", &fg_schema_id, "Approval", FG_REQUIRED},
    {"action", &action, "What is to be done", FG_REQUIRED},
    {"object", &object_text, "To what", FG_REQUIRED},
    {"detail", &fg_schema_note, "How", FG_REQUIRED},
    {"status", &approval_status, "Where it stands; a confirmed one is good for a day and one use", FG_REQUIRED},
    {"asked_by", &fg_schema_id, "User who asks", FG_REQUIRED},
    {"asked", &fg_schema_instant, "When", FG_REQUIRED},
    {"decided_by", &fg_schema_id, "User who decided", FG_REQUIRED | FG_NULLABLE},
    {"decided", &fg_schema_instant, "When", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema approval = FG_OBJECT("Approval", "Something that needs four eyes", approval_fields);
FG_PAGE_SCHEMA(approval_page, &approval, "ApprovalPage", "Approvals");
static const struct fg_response approvals_responses[] = {{200, "A page", &approval_page, NULL, NULL}, {0}};
static const struct fg_response approval_responses[] = {{200, "The approval", &approval, NULL, NULL}, {0}};
static const struct fg_response approval_new_responses[] = {{201, "Waits for another user", &approval, NULL, NULL}, {0}};
static const struct fg_field ask_fields[] = {
    {"action", &action, "What is to be done", FG_REQUIRED},
    {"object", &object_text, "To what: an identifier", FG_REQUIRED},
    {"detail", &fg_schema_note, "How, exactly as it will be carried out", FG_REQUIRED},
};
static const struct fg_schema ask = FG_OBJECT("ApprovalRequest", "Asking for a second pair of eyes", ask_fields);
static const char *const approval_decision_words[] = {"confirm", "refuse", "withdraw", NULL};
static const struct fg_schema approval_decision_word = FG_ENUM(NULL, NULL, approval_decision_words);
static const struct fg_field approval_decision_fields[] = {
    {"decision", &approval_decision_word, "confirm, refuse: another user; withdraw: who asked", FG_REQUIRED}};
static const struct fg_schema approval_decision =
    FG_OBJECT("ApprovalDecision", "Decision of the second user", approval_decision_fields);
static const struct fg_param approval_path[] = {{"approval", &fg_schema_id, "Approval", true}, {0}};

static enum fg_code list_approvals(struct fg_call *call, struct fg_error *err)
{
    return fg_call_answer_page(call, &fg_view_approvals, 0, err);
}
static enum fg_code ask_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code =
        fg_approval_ask(registry, (enum fg_approval_action)fg_member_word(&body, "action", fg_approval_action_words, 0),
                        fg_member_text(&body, "object", ""), fg_member_text(&body, "detail", ""), &id, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 201, &fg_view_approvals, id, err) : code;
}
static enum fg_code ask_approval(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_work, err);
}
static enum fg_code decide_approval_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    int word = fg_member_word(&body, "decision", approval_decision_words, 0);
    enum fg_code code = fg_call_id(call, "approval", FG_ID_APPROVAL, &id, err);
    if (code == FG_OK)
        code = word == 2 ? fg_approval_withdraw(registry, id, err) : fg_approval_decide(registry, id, word == 0, err);
    return code == FG_OK ? fg_call_answer_object(call, registry, 200, &fg_view_approvals, id, err) : code;
}
static enum fg_code decide_approval(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, decide_approval_work, err);
}

static const struct fg_operation operations[] = {
    {.id = "register-organisation", .method = FG_POST, .path = "/v1/registrations", .api = FG_API_PUBLIC, .tag = "Organisations",
     .summary = "Register an organisation", .description = "It can log in once the market operator has accepted it.",
     .request = &registration,
     .request_example = "{\"name\": \"Flex AG\", \"roles\": [\"aggregator\"], \"country\": \"GR\", \"address\": \"Street 1, Athens\", "
                        "\"administrator\": {\"name\": \"Anna Arm\", \"email\": \"anna@example.org\", \"password\": \"four words make one\"}}",
     .responses = registered_responses, .handle = register_organisation},
    {.id = "list-organisations", .method = FG_GET, .path = "/v1/organisations", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "Who takes part", .right = "organisations.read", .flags = FG_OP_PAGED, .responses = organisations_responses,
     .handle = list_organisations},
    {.id = "get-organisation", .method = FG_GET, .path = "/v1/organisations/{organisation}", .api = FG_API_ATP,
     .tag = "Organisations", .summary = "One organisation", .right = "organisations.read", .path_params = organisation_path,
     .responses = organisation_responses, .handle = get_organisation},
    {.id = "change-organisation", .method = FG_PATCH, .path = "/v1/organisations/{organisation}", .api = FG_API_ATP,
     .tag = "Organisations", .summary = "Change the own data", .right = "organisations.change", .flags = FG_OP_IF_MATCH,
     .path_params = organisation_path, .request = &organisation_change, .request_example = "{\"iban\": \"GR1601101250000000012300695\"}",
     .responses = organisation_responses, .handle = change_organisation},
    {.id = "decide-organisation", .method = FG_POST, .path = "/v1/organisations/{organisation}/decision", .api = FG_API_ATP,
     .tag = "Organisations", .summary = "Accept, refuse, suspend, resume", .right = "organisations.decide",
     .flags = FG_KEY_IN_TRANSACTION, .path_params = organisation_path, .request = &decision,
     .request_example = "{\"decision\": \"accept\"}", .responses = organisation_responses, .handle = decide_organisation},
    {.id = "list-mandates", .method = FG_GET, .path = "/v1/mandates", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "Who acts for whom", .right = "mandates.read", .flags = FG_OP_PAGED, .responses = mandates_responses,
     .handle = list_mandates},
    {.id = "grant-mandate", .method = FG_PUT, .path = "/v1/mandates/{agent}", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "Let another organisation act for the own one",
     .description = "The agent's users send `On-Behalf-Of`. They have the roles of the organisation represented and the duties that both "
                    "they and the mandate have; the audit log names both organisations.",
     .right = "mandates.manage", .path_params = agent_path, .request = &grant, .request_example = "{\"duties\": [\"trader\"]}",
     .responses = no_content, .handle = grant_mandate},
    {.id = "revoke-mandate", .method = FG_DELETE, .path = "/v1/mandates/{agent}", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "End a mandate", .right = "mandates.manage", .path_params = agent_path, .responses = no_content,
     .handle = revoke_mandate},
    {.id = "list-own-brps", .method = FG_GET, .path = "/v1/own-brps", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "Who answers for whose balance", .right = "brp.read", .flags = FG_OP_PAGED, .responses = own_brps_responses,
     .rows = &own_brp_rows, .handle = fg_rows_list},
    {.id = "propose-own-brp", .method = FG_PUT, .path = "/v1/areas/{area}/own-brp", .api = FG_API_ATP, .tag = "Organisations",
     .summary = "Name the own balance responsible party",
     .description = "For an organisation that is none itself. It counts from `valid_from` on once the party has confirmed: activations then "
                    "move energy into its perimeter. A proposal that was not confirmed is replaced.",
     .right = "brp.propose", .path_params = own_brp_path, .request = &own_brp_propose,
     .request_example = "{\"brp\": \"org-5\", \"valid_from\": \"2025-07-01T00:00:00Z\"}", .responses = no_content, .handle = propose_own_brp},
    {.id = "confirm-own-brp", .method = FG_POST, .path = "/v1/areas/{area}/own-brp/{organisation}/confirmation", .api = FG_API_ATP,
     .tag = "Organisations", .summary = "Take the organisation into one's balance",
     .description = "The assignment before it ends where this one begins; times that are over keep the party that they had.",
     .right = "brp.confirm", .flags = FG_KEY_IN_TRANSACTION, .path_params = own_brp_confirm_path, .responses = no_content,
     .handle = confirm_own_brp},
    {.id = "list-approvals", .method = FG_GET, .path = "/v1/approvals", .api = FG_API_ATP, .tag = "Four eyes",
     .summary = "What waits for a second user", .right = "approvals.read", .flags = FG_OP_PAGED, .responses = approvals_responses,
     .handle = list_approvals},
    {.id = "ask-approval", .method = FG_POST, .path = "/v1/approvals", .api = FG_API_ATP, .tag = "Four eyes",
     .summary = "Ask for approval", .right = "approvals.ask", .flags = FG_KEY_IN_TRANSACTION, .request = &ask,
     .request_example = "{\"action\": \"trade.cancel\", \"object\": \"area-1/trd-7\", \"detail\": \"Price is a typing error\"}",
     .responses = approval_new_responses, .handle = ask_approval},
    {.id = "decide-approval", .method = FG_POST, .path = "/v1/approvals/{approval}/decision", .api = FG_API_ATP, .tag = "Four eyes",
     .summary = "Confirm, refuse or withdraw", .right = "approvals.decide", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = approval_path, .request = &approval_decision, .request_example = "{\"decision\": \"confirm\"}",
     .responses = approval_responses, .handle = decide_approval},
};
const struct fg_operation_set fg_organisation_operations = FG_OPERATIONS(operations);
