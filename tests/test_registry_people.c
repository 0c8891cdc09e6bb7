/* People and organisations over the API, on both databases: registration and decision, log-in and lock-out, invitations,
 * duties, keys, acting for another, four eyes, consent, export and erasure. */
#include "registry_fixture.h"

#include "atp/approval.h"

static void registration(void **state)
{
    struct registry_fixture f;
    struct party flex, other;
    registry_open(&f, *(enum fg_store_kind *)*state);
    register_party(&f, "flex", "\"aggregator\"", false, &flex);
    /* pending: no log-in, invisible to others, and only the FMO decides */
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"admin@flex.example\",\"password\":\"" PASSWORD "\"}", 409);
    register_party(&f, "other", "\"brp\",\"market_operator\"", true, &other);
    char path[100];
    snprintf(path, sizeof path, "/v1/organisations/%s", flex.id);
    expect(&f, other.token, "GET", path, NULL, 404);
    expect(&f, f.fmo, "GET", path, NULL, 200);
    snprintf(path, sizeof path, "/v1/organisations/%s/decision", flex.id);
    expect(&f, other.token, "POST", path, "{\"decision\":\"accept\"}", 403);
    expect(&f, f.fmo, "POST", path, "{\"decision\":\"resume\"}", 409);
    expect(&f, f.fmo, "POST", path, "{\"decision\":\"accept\"}", 200);
    log_in_as(&f, flex.email, PASSWORD, flex.token);
    expect(&f, flex.token, "GET", "/v1/me", NULL, 200);
    /* suspended: the session that was just used is refused at once */
    expect(&f, f.fmo, "POST", path, "{\"decision\":\"suspend\",\"reason\":\"Unpaid\"}", 200);
    expect(&f, flex.token, "GET", "/v1/me", NULL, 401);
    expect(&f, f.fmo, "POST", path, "{\"decision\":\"resume\"}", 200);
    expect(&f, flex.token, "GET", "/v1/me", NULL, 200);
    /* nobody decides about itself; names and addresses are unique; admission between roles */
    expect(&f, f.fmo, "POST", "/v1/organisations/org-1/decision", "{\"decision\":\"suspend\"}", 403);
#define REGISTER(name, roles, email)                                                                                   \
    "{\"name\":\"" name "\",\"roles\":[" roles "],\"country\":\"GR\",\"address\":\"x\",\"administrator\":{\"name\":\"N\",\"email\":\"" email \
    "\",\"password\":\"" PASSWORD "\"}}"
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("flex", "\"esp\"", "new@x.example"), 409);
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("New", "\"esp\"", "ADMIN@flex.example"), 409);
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("New", "\"market_operator\"", "new@x.example"), 422);
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("New", "\"fmo\"", "new@x.example"), 422);
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("New", "\"regulator\",\"esp\"", "new@x.example"), 422);
    expect(&f, NULL, "POST", "/v1/registrations", REGISTER("New", "\"dso\",\"aggregator\"", "new@x.example"), 422);
    /* a refused registration leaves nothing behind */
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM app_user"), 3);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM person"), 3);
    /* payment data are the organisation's own */
    snprintf(path, sizeof path, "/v1/organisations/%s", flex.id);
    json_decref(change(&f, flex.token, "PATCH", path, "{\"iban\":\"GR1601101250000000012300695\"}", 200));
    json_t *json = call(&f, other.token, "GET", path, NULL, 200);
    assert_true(json_is_null(json_object_get(json, "iban")));
    json_decref(json);
    json = call(&f, f.fmo, "GET", path, NULL, 200);
    assert_string_equal(json_string_value(json_object_get(json, "iban")), "GR1601101250000000012300695");
    json_decref(json);
    expect(&f, flex.token, "PATCH", path, "{\"iban\":\"GR16\"}", 428);
    long status;
    json_decref(call_full(&f, flex.token, "PATCH", path, "If-Match: \"v1\"", "{\"iban\":\"GR16\"}", &status, NULL));
    assert_int_equal(status, 412);
    registry_close(&f);
}

static void log_in_and_lock_out(void **state)
{
    struct registry_fixture f;
    struct party flex;
    char token[TOKEN_LENGTH], second[TOKEN_LENGTH];
    registry_open(&f, *(enum fg_store_kind *)*state);
    register_party(&f, "flex", "\"aggregator\"", true, &flex);
    for (int i = 0; i < FG_LOGIN_FAILURES_MAX; i++)
        expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"admin@flex.example\",\"password\":\"wrong\"}", 401);
    /* locked, also for the right password; another user is not; after 15 minutes it works again */
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"admin@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    log_in_as(&f, FMO_EMAIL, PASSWORD, token);
    f.now_us += FG_LOGIN_LOCK_US - 1000000;
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"admin@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    f.now_us += 1000000;
    log_in_as(&f, flex.email, PASSWORD, token);
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"nobody@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    /* the first session still lives; a new password ends all but the one that changed it */
    expect(&f, flex.token, "GET", "/v1/me", NULL, 200);
    expect(&f, token, "POST", "/v1/me/password", "{\"old\":\"wrong\",\"new\":\"another good one\"}", 403);
    expect(&f, token, "POST", "/v1/me/password", "{\"old\":\"" PASSWORD "\",\"new\":\"short\"}", 422);
    expect(&f, token, "POST", "/v1/me/password", "{\"old\":\"" PASSWORD "\",\"new\":\"another good one\"}", 204);
    expect(&f, flex.token, "GET", "/v1/me", NULL, 401);
    expect(&f, token, "GET", "/v1/me", NULL, 200);
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"admin@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    log_in_as(&f, "Admin@Flex.Example", "another good one", second);
    expect(&f, second, "POST", "/v1/log-out", NULL, 204);
    expect(&f, second, "GET", "/v1/me", NULL, 401);
    expect(&f, token, "GET", "/v1/me", NULL, 200);
    f.now_us += FG_SESSION_US; /* sessions end by themselves */
    expect(&f, token, "GET", "/v1/me", NULL, 401);
    /* the cookie works like the bearer, for reading */
    struct answer answer = ask(&f.http, "POST", "/v1/log-in", NULL,
                               "{\"email\":\"admin@flex.example\",\"password\":\"another good one\"}");
    const char *cookie = strstr(answer.headers.data, "Set-Cookie: flexgrid=");
    assert_non_null(cookie);
    assert_non_null(strstr(cookie, "HttpOnly"));
    assert_null(strstr(answer.body.data, "fgs_")); /* not where scripts could read it */
    char header[200];
    snprintf(header, sizeof header, "Cookie: %.*s", (int)strcspn(cookie + 12, ";"), cookie + 12);
    answer_release(&answer);
    long status;
    json_decref(call_full(&f, NULL, "GET", "/v1/me", header, NULL, &status, NULL));
    assert_int_equal(status, 200);
    registry_close(&f);
}

static void users_and_keys(void **state)
{
    struct registry_fixture f;
    struct party flex, other;
    char trader[TOKEN_LENGTH], user[32], path[100], key[TOKEN_LENGTH], id[32], invitation[TOKEN_LENGTH], body[400];
    registry_open(&f, *(enum fg_store_kind *)*state);
    register_party(&f, "flex", "\"aggregator\"", true, &flex);
    register_party(&f, "other", "\"aggregator\"", true, &other);
    add_user(&f, flex.token, "tina@flex.example", "\"trader\"", trader, user);
    /* a trader does not manage users; nobody sees those of others */
    expect(&f, trader, "GET", "/v1/users", NULL, 403);
    snprintf(path, sizeof path, "/v1/users/%s", user);
    expect(&f, flex.token, "GET", path, NULL, 200);
    expect(&f, other.token, "GET", path, NULL, 404);
    expect(&f, f.fmo, "GET", path, NULL, 404);
    json_decref(change(&f, other.token, "PATCH", path, "{\"status\":\"disabled\"}", 404));
    /* an invitation is good once, and for a week */
    call_for(&f, flex.token, "POST", "/v1/invitations", "{\"duties\":[\"reader\"]}", 201, "token", invitation, sizeof invitation);
    f.now_us += FG_INVITATION_US;
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"name\":\"Late\",\"email\":\"late@x.example\",\"password\":\"" PASSWORD "\"}", invitation);
    expect(&f, NULL, "POST", "/v1/invitations/accept", body, 404);
    log_in_as(&f, flex.email, PASSWORD, flex.token);
    log_in_as(&f, other.email, PASSWORD, other.token);
    log_in_as(&f, "tina@flex.example", PASSWORD, trader);
    call_for(&f, flex.token, "POST", "/v1/invitations", "{\"duties\":[\"reader\"]}", 201, "token", invitation, sizeof invitation);
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"name\":\"Rita\",\"email\":\"rita@x.example\",\"password\":\"" PASSWORD "\"}", invitation);
    expect(&f, NULL, "POST", "/v1/invitations/accept", body, 201);
    expect(&f, NULL, "POST", "/v1/invitations/accept", body, 404);
    /* keys: at most one's duties, for one API, revoked at once, not made by keys */
    expect(&f, trader, "POST", "/v1/keys", "{\"name\":\"k\",\"api\":\"atp\",\"duties\":[\"administrator\"]}", 403);
    json_t *json = call(&f, trader, "POST", "/v1/keys", "{\"name\":\"k\",\"api\":\"atp\",\"duties\":[\"trader\"]}", 201);
    snprintf(key, sizeof key, "%s", json_string_value(json_object_get(json, "token")));
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(json, "id")));
    json_decref(json);
    expect(&f, key, "GET", "/v1/organisations", NULL, 200);
    expect(&f, key, "POST", "/v1/keys", "{\"name\":\"k2\",\"api\":\"db\",\"duties\":[\"trader\"]}", 403);
    char db_key[TOKEN_LENGTH];
    call_for(&f, trader, "POST", "/v1/keys", "{\"name\":\"db\",\"api\":\"db\",\"duties\":[\"trader\"],\"expires\":\"2026-01-01T00:00:00Z\"}", 201,
             "token", db_key, sizeof db_key);
    expect(&f, db_key, "GET", "/v1/organisations", NULL, 403); /* another API's */
    expect(&f, db_key, "GET", "/v1/me", NULL, 200);
    snprintf(path, sizeof path, "/v1/keys/%s", id);
    expect(&f, other.token, "DELETE", path, NULL, 404);
    expect(&f, trader, "DELETE", path, NULL, 204);
    expect(&f, key, "GET", "/v1/organisations", NULL, 401);
    /* duties change at once, for keys too; the last administrator stays */
    call_for(&f, trader, "POST", "/v1/keys", "{\"name\":\"k\",\"api\":\"atp\",\"duties\":[\"trader\"]}", 201, "token", key, sizeof key);
    snprintf(path, sizeof path, "/v1/users/%s", user);
    json_decref(change(&f, flex.token, "PATCH", path, "{\"duties\":[\"administrator\",\"reader\"]}", 200));
    expect(&f, trader, "GET", "/v1/users", NULL, 200);
    expect(&f, key, "GET", "/v1/organisations", NULL, 403); /* its only duty is gone */
    json_decref(change(&f, flex.token, "PATCH", path, "{\"duties\":[\"trader\"]}", 200));
    snprintf(path, sizeof path, "/v1/users/%s", flex.user);
    json_decref(change(&f, flex.token, "PATCH", path, "{\"duties\":[\"trader\"]}", 409));
    json_decref(change(&f, flex.token, "PATCH", path, "{\"status\":\"disabled\"}", 409));
    snprintf(path, sizeof path, "/v1/users/%s", user);
    json_decref(change(&f, flex.token, "PATCH", path, "{\"status\":\"disabled\"}", 200));
    expect(&f, trader, "GET", "/v1/me", NULL, 401);
    expect(&f, key, "GET", "/v1/me", NULL, 401);
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"tina@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    registry_close(&f);
}

static void acting_for_another(void **state)
{
    struct registry_fixture f;
    struct party owner, agent;
    char path[100], header[100];
    long status;
    registry_open(&f, *(enum fg_store_kind *)*state);
    register_party(&f, "owner", "\"prosumer\"", true, &owner);
    register_party(&f, "agent", "\"aggregator\"", true, &agent);
    snprintf(header, sizeof header, "On-Behalf-Of: %s", owner.id);
    json_decref(call_full(&f, agent.token, "GET", "/v1/me", header, NULL, &status, NULL));
    assert_int_equal(status, 401); /* no mandate */
    snprintf(path, sizeof path, "/v1/mandates/%s", agent.id);
    expect(&f, owner.token, "PUT", path, "{\"duties\":[\"administrator\"]}", 422);
    expect(&f, owner.token, "PUT", path, "{\"duties\":[\"operator\",\"reader\"]}", 204);
    json_t *me = call_full(&f, agent.token, "GET", "/v1/me", header, NULL, &status, NULL);
    assert_int_equal(status, 200);
    assert_string_equal(json_string_value(json_object_get(me, "organisation")), agent.id);
    assert_string_equal(json_string_value(json_object_get(me, "on_behalf_of")), owner.id);
    assert_string_equal(json_string_value(json_array_get(json_object_get(me, "roles"), 0)), "prosumer");
    assert_int_equal(json_array_size(json_object_get(me, "duties")), 2);
    json_decref(me);
    /* it does not reach the principal's users, nor hand the mandate on, nor keys */
    json_decref(call_full(&f, agent.token, "GET", "/v1/users", header, NULL, &status, NULL));
    assert_int_equal(status, 403);
    json_decref(call_full(&f, agent.token, "POST", "/v1/keys", header, "{\"name\":\"k\",\"api\":\"atp\",\"duties\":[\"operator\"]}", &status, NULL));
    assert_int_equal(status, 403);
    json_decref(call_full(&f, agent.token, "GET", "/v1/mandates", header, NULL, &status, NULL));
    assert_int_equal(status, 200);
    expect(&f, owner.token, "DELETE", path, NULL, 204);
    json_decref(call_full(&f, agent.token, "GET", "/v1/me", header, NULL, &status, NULL));
    assert_int_equal(status, 401);
    expect(&f, owner.token, "DELETE", path, NULL, 404);
    registry_close(&f);
}

struct use {
    int64_t id;
    const char *detail;
};
static enum fg_code use_approval(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct use *use = context;
    registry->actor = (struct fg_actor){.user = 1, .organisation = 1};
    return fg_approval_use(registry, use->id, FG_APPROVAL_TRADE_CANCEL, "area-1/trd-7", use->detail, err);
}

static void four_eyes(void **state)
{
    struct registry_fixture f;
    char second[TOKEN_LENGTH], user[32], id[32], path[100];
    struct fg_error err = {0};
    registry_open(&f, *(enum fg_store_kind *)*state);
    add_user(&f, f.fmo, "otto@fmo.example", "\"operator\"", second, user);
#define ASK "{\"action\":\"trade.cancel\",\"object\":\"area-1/trd-7\",\"detail\":\"typing error\"}"
    call_for(&f, f.fmo, "POST", "/v1/approvals", ASK, 201, "id", id, sizeof id);
    snprintf(path, sizeof path, "/v1/approvals/%s/decision", id);
    struct use use = {strtoll(id + 4, NULL, 10), "typing error"};
    struct fg_platform *platform = f.application.platform;
    assert_int_equal(fg_registry_run(platform, NULL, FG_STORE_WRITE, use_approval, &use, &err), FG_ERR_CONFLICT); /* only asked */
    expect(&f, f.fmo, "POST", path, "{\"decision\":\"confirm\"}", 403);                                           /* the same eyes */
    expect(&f, second, "POST", path, "{\"decision\":\"withdraw\"}", 403);
    expect(&f, second, "POST", path, "{\"decision\":\"confirm\"}", 200);
    expect(&f, second, "POST", path, "{\"decision\":\"refuse\"}", 409);
    use.detail = "another price";
    assert_int_equal(fg_registry_run(platform, NULL, FG_STORE_WRITE, use_approval, &use, &err), FG_ERR_CONFLICT);
    use.detail = "typing error";
    assert_int_equal(fg_registry_run(platform, NULL, FG_STORE_WRITE, use_approval, &use, &err), FG_OK);
    assert_int_equal(fg_registry_run(platform, NULL, FG_STORE_WRITE, use_approval, &use, &err), FG_ERR_CONFLICT); /* once */
    /* after a day it has to be asked anew */
    call_for(&f, f.fmo, "POST", "/v1/approvals", ASK, 201, "id", id, sizeof id);
    f.now_us += FG_APPROVAL_VALID_US;
    log_in_as(&f, "otto@fmo.example", PASSWORD, second);
    snprintf(path, sizeof path, "/v1/approvals/%s/decision", id);
    expect(&f, second, "POST", path, "{\"decision\":\"confirm\"}", 409);
    registry_close(&f);
}

static bool is_audit_intact(struct registry_fixture *f)
{
    struct fg_error err = {0};
    bool is_intact = false;
    struct fg_store *store = fixture_open_url(f->url);
    fixture_expect(fg_audit_verify(store, NULL, NULL, NULL, &is_intact, &err), &err);
    fg_store_close(store);
    return is_intact;
}

static void personal_data(void **state)
{
    struct registry_fixture f;
    struct party flex;
    char rita[TOKEN_LENGTH], user[32], path[100];
    registry_open(&f, *(enum fg_store_kind *)*state);
    register_party(&f, "flex", "\"aggregator\"", true, &flex);
    add_user(&f, flex.token, "rita@flex.example", "\"reader\"", rita, user);
    /* consent: given, given again, withdrawn, given anew */
    expect(&f, rita, "PUT", "/v1/me/consents/metering", NULL, 204);
    expect(&f, rita, "PUT", "/v1/me/consents/metering", NULL, 204);
    expect(&f, rita, "DELETE", "/v1/me/consents/metering", NULL, 204);
    f.now_us += 1000000;
    expect(&f, rita, "PUT", "/v1/me/consents/metering", NULL, 204);
    expect(&f, rita, "PUT", "/v1/me/consents/selling", NULL, 422);
    json_t *json = call(&f, rita, "GET", "/v1/me/consents", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "items")), 2);
    json_decref(json);
    json = call(&f, rita, "GET", "/v1/me/export", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(json, "email")), "rita@flex.example");
    assert_string_equal(json_string_value(json_object_get(json, "name")), "Person rita@flex.example");
    assert_int_equal(json_array_size(json_object_get(json, "sessions")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "consents")), 2);
    json_decref(json);
    /* a reader erases herself only, the administrator her users, nobody the last administrator */
    snprintf(path, sizeof path, "/v1/users/%s/erasure", flex.user);
    expect(&f, rita, "POST", path, NULL, 403);
    expect(&f, flex.token, "POST", path, NULL, 409);
    snprintf(path, sizeof path, "/v1/users/%s/erasure", user);
    expect(&f, f.fmo, "POST", path, NULL, 404); /* not the market operator's affair */
    expect(&f, rita, "POST", path, NULL, 204);
    expect(&f, rita, "GET", "/v1/me", NULL, 401);
    expect(&f, NULL, "POST", "/v1/log-in", "{\"email\":\"rita@flex.example\",\"password\":\"" PASSWORD "\"}", 401);
    snprintf(path, sizeof path, "/v1/users/%s", user);
    json = call(&f, flex.token, "GET", path, NULL, 200);
    assert_true(json_is_null(json_object_get(json, "name")));
    json_decref(json);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM person WHERE key IS NULL AND erased_us IS NOT NULL"), 1);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM person_data WHERE person_id IN (SELECT id FROM person WHERE key IS NULL)"), 0);
    assert_true(registry_number(&f, "SELECT count(*) FROM audit WHERE action = 'person.erase'") == 1);
    assert_true(is_audit_intact(&f)); /* what she did is still there, and the chain verifies */
    /* her address is free again, for another person */
    add_user(&f, flex.token, "rita@flex.example", "\"reader\"", rita, user);
    registry_close(&f);
}

/* The same change under one key is made once, also when it is sent again to a server that has restarted. */
static void once(void **state)
{
    struct registry_fixture f;
    long status;
    registry_open(&f, *(enum fg_store_kind *)*state);
    char *first = NULL;
    for (int i = 0; i < 3; i++) {
        json_t *json = call_full(&f, f.fmo, "POST", "/v1/approvals", "Idempotency-Key: a-1", ASK, &status, NULL);
        assert_int_equal(status, 201);
        char *text = json_dumps(json, JSON_COMPACT);
        assert_true(first == NULL || strcmp(first, text) == 0);
        if (first == NULL)
            first = text;
        else
            free(text);
        json_decref(json);
    }
    free(first);
    json_decref(call_full(&f, f.fmo, "POST", "/v1/approvals", "Idempotency-Key: a-1",
                          "{\"action\":\"limits.set\",\"object\":\"area-1\",\"detail\":\"x\"}", &status, NULL));
    assert_int_equal(status, 422);
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM approval"), 1);
    f.now_us += INT64_C(48) * 3600000000;
    log_in_as(&f, FMO_EMAIL, PASSWORD, f.fmo);
    json_decref(call_full(&f, f.fmo, "POST", "/v1/approvals", "Idempotency-Key: a-1", ASK, &status, NULL));
    assert_int_equal(registry_number(&f, "SELECT count(*) FROM approval"), 2);
    registry_close(&f);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        ON_BOTH(registration), ON_BOTH(log_in_and_lock_out), ON_BOTH(users_and_keys), ON_BOTH(acting_for_another),
        ON_BOTH(four_eyes),    ON_BOTH(personal_data),       ON_BOTH(once),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
