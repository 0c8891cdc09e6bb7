/* From a network to a portfolio that is ready for the market, over the API, on both databases: who does which step, what each
 * step needs, and the admission rules between organisations. */
#include "registry_fixture.h"

#include "atp/balance.h"
#include "atp/facts.h"
#include "atp/portfolio.h"

#define AREA_TERMS                                                                                                     \
    "\"name\":\"Athens\",\"price_min\":\"-500\",\"price_max\":\"4000\",\"size_max\":\"100\",\"stale_rule\":\"block\""
#define AREA "{" AREA_TERMS ",\"network_mode\":\"off\",\"currency\":\"EUR\",\"time_zone\":\"Europe/Athens\",\"period_seconds\":900,\"tick\":\"0.001\",\"price_step\":\"0.01\"}"
#define PRODUCT                                                                                                        \
    "{\"name\":\"Intraday\",\"kind\":\"active\",\"opening_days\":1,\"opening_clock_seconds\":36000,\"closure_lead_seconds\":3600,"      \
    "\"tolerance_share\":\"0.1\",\"tolerance\":\"0\",\"penalty_factor\":\"0.5\",\"penalty\":\"10\",\"baseline_rule\":{\"method\":\"submitted\"}}"
/* Two buses and a line; MATPOWER's columns. */
#define CASE2                                                                                                          \
    "function mpc = case2\nmpc.version = '2';\nmpc.baseMVA = 10;\nmpc.bus = [\n 1 3 0 0 0 0 1 1 0 20 1 1.1 0.9;\n 2 1 1 0.2 0 0 1 1 0 20 1 1.1 0.9;\n];\n" \
    "mpc.gen = [\n 1 0 0 10 -10 1 10 1 10 -10;\n];\nmpc.branch = [\n 1 2 0.01 0.02 0 5 5 5 0 0 1 -360 360;\n];\n"

struct world {
    struct registry_fixture f;
    struct party dso, other_dso, aggregator, owner, brp, other_brp;
};

static json_t *upload(struct registry_fixture *f, const char *token, const char *text, long expected)
{
    long status;
    json_t *json = call_full(f, token, "POST", "/v1/areas/area-1/networks?name=Feeder&format=matpower", "Content-Type: application/octet-stream",
                             text, &status, NULL);
    if (status != expected) {
        char *dump = json_dumps(json, 0);
        fail_msg("upload: %ld instead of %ld: %s", status, expected, dump);
    }
    return json;
}

static void open_world(struct world *w, void **state)
{
    struct registry_fixture *f = &w->f;
    registry_open(f, *(enum fg_store_kind *)*state);
    register_party(f, "dso", "\"dso\"", true, &w->dso);
    register_party(f, "dso2", "\"dso\"", true, &w->other_dso);
    register_party(f, "agg", "\"aggregator\"", true, &w->aggregator);
    register_party(f, "owner", "\"prosumer\"", true, &w->owner);
    register_party(f, "brp", "\"brp\"", true, &w->brp);
    register_party(f, "brp2", "\"brp\"", true, &w->other_brp);
    expect(f, w->dso.token, "POST", "/v1/areas", AREA, 403);
    expect(f, f->fmo, "POST", "/v1/areas", AREA, 201);
    expect(f, f->fmo, "POST", "/v1/areas", AREA, 409);
    expect(f, f->fmo, "POST", "/v1/areas/area-1/products", PRODUCT, 201);
    json_decref(upload(f, w->aggregator.token, CASE2, 403));
    json_decref(upload(f, w->dso.token, CASE2, 201));
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"Feeder\",\"control_area\":\"GR\",\"buses\":[\"1\",\"2\"]}", 201);
}

static void close_world(struct world *w)
{
    registry_close(&w->f);
}

static void grid(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct registry_fixture *f = &w->f;
    open_world(w, state);
    /* the network: counts, hash of what was sent, versions, confidentiality, the document back */
    json_t *json = call(f, w->dso.token, "GET", "/v1/networks/net-1", NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(json, "buses")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "branches")), 1);
    json_decref(json);
    json_decref(upload(f, w->dso.token, CASE2, 409));
    json = upload(f, w->dso.token, CASE2 "% second version\n", 201);
    assert_int_equal(json_integer_value(json_object_get(json, "version")), 2);
    json_decref(json);
    json_decref(upload(f, w->dso.token, "function mpc = broken\nmpc.bus = [1 2", 400));
    expect(f, w->other_dso.token, "GET", "/v1/networks/net-1", NULL, 404);
    expect(f, w->aggregator.token, "GET", "/v1/networks/net-1", NULL, 403);
    expect(f, f->fmo, "GET", "/v1/networks/net-1", NULL, 200);
    expect(f, w->other_dso.token, "GET", "/v1/networks/net-1/document", NULL, 404);
    char header[200];
    snprintf(header, sizeof header, "Authorization: Bearer %s", w->dso.token);
    struct answer answer = ask(&f->http, "GET", "/v1/networks/net-1/document", header, NULL);
    assert_string_equal(answer.body.data, CASE2);
    answer_release(&answer);
    /* a network-aware area needs a network of its own */
    json_decref(change(f, f->fmo, "PUT", "/v1/areas/area-1", "{" AREA_TERMS ",\"network_mode\":\"dc\"}", 422));
    json_decref(change(f, f->fmo, "PUT", "/v1/areas/area-1", "{" AREA_TERMS ",\"network_mode\":\"dc\",\"network\":\"net-77\"}", 422));
    json_decref(change(f, f->fmo, "PUT", "/v1/areas/area-1", "{" AREA_TERMS ",\"network_mode\":\"dc\",\"network\":\"net-2\"}", 200));
    /* locations: own buses, once; a parent in the area; polygons closed and in range */
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"L\",\"buses\":[\"2\"]}", 409);
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"L\",\"buses\":[\"9\"]}", 422);
    expect(f, w->other_dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"L\",\"buses\":[\"1\"]}", 422); /* not its grid */
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"L\",\"parent\":\"loc-9\"}", 404);
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"L\",\"priority\":\"org-5\"}", 422);
#define RING(last) "{\"name\":\"L\",\"parent\":\"loc-1\",\"polygon\":{\"type\":\"Polygon\",\"coordinates\":[[[23,37],[24,37],[24,38]," last "]]}}"
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", RING("[23,38]"), 422);
    expect(f, w->dso.token, "POST", "/v1/areas/area-1/locations", RING("[23,37]"), 201);
    expect(f, w->other_dso.token, "POST", "/v1/areas/area-1/locations", "{\"name\":\"Next door\"}", 201);
    json_decref(change(f, w->other_dso.token, "PATCH", "/v1/locations/loc-1", "{\"control_area\":\"IT\"}", 403));
    json_decref(change(f, w->dso.token, "PATCH", "/v1/locations/loc-1", "{\"status\":\"closed\"}", 409)); /* one lies below */
    char path[100];
    json = call(f, w->dso.token, "GET", "/v1/areas/area-1/locations", NULL, 200);
    json_t *items = json_object_get(json, "items");
    assert_int_equal(json_array_size(items), 3);
    snprintf(path, sizeof path, "/v1/locations/%s/links/%s", json_string_value(json_object_get(json_array_get(items, 0), "id")),
             json_string_value(json_object_get(json_array_get(items, 2), "id")));
    json_decref(json);
    /* two operators' locations are linked by the market operator only */
    expect(f, w->dso.token, "PUT", path, NULL, 403);
    expect(f, f->fmo, "PUT", path, NULL, 204);
    expect(f, f->fmo, "PUT", path, NULL, 204);
    assert_int_equal(registry_number(f, "SELECT count(*) FROM location_link"), 1);
    expect(f, f->fmo, "DELETE", path, NULL, 204);
    assert_int_equal(registry_number(f, "SELECT count(*) FROM location_link"), 0);
    close_world(w);
    free(w);
}

#define ASSET(name, metering)                                                                                          \
    "{\"area\":\"area-1\",\"name\":\"" name "\",\"technology\":\"battery\",\"location\":\"loc-1\",\"bus\":\"2\"," metering "\"p_min\":\"-0.5\",\"p_max\":\"0.5\"," \
    "\"s_max\":\"0.6\",\"energy\":\"1.2345\",\"attributes\":[{\"name\":\"efficiency\",\"kind\":\"number\",\"value\":0.92},{\"name\":\"indoor\",\"kind\":"   \
    "\"boolean\",\"value\":true},{\"name\":\"maker\",\"kind\":\"text\",\"value\":\"ACME\"},{\"name\":\"since\",\"kind\":\"instant\",\"value\":\"2020-01-01T00:00:00Z\"}]}"
#define METER "\"metering_point\":\"GR-1\","

/* The conditions that are not met, separated by blanks. */
static void missing(struct world *w, const char *expected)
{
    char keys[600] = "";
    json_t *json = call(&w->f, w->aggregator.token, "GET", "/v1/portfolios/pf-1/readiness?product=prd-1", NULL, 200), *check;
    size_t i;
    json_array_foreach(json_object_get(json, "checks"), i, check)
        if (!json_is_true(json_object_get(check, "met")))
            snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s%s", keys[0] != '\0' ? " " : "",
                     json_string_value(json_object_get(check, "key")));
    assert_string_equal(keys, expected);
    assert_int_equal(json_is_true(json_object_get(json, "ready")), keys[0] == '\0');
    json_decref(json);
}

/* What the exchange would let the portfolio offer in the period of now. */
static void expect_capability(struct world *w, int64_t up_w, int64_t down_w)
{
    struct fg_error err;
    struct fg_facts *facts;
    struct fg_store *store = fixture_open_url(w->f.url);
    fixture_expect(fg_facts_load(store, 1, &facts, &err), &err);
    int32_t period = (int32_t)(w->f.now_us / 1000000 / facts->period_s);
    assert_int_equal(fg_facts_capability(facts, 1, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, period), up_w);
    assert_int_equal(fg_facts_capability(facts, 1, FG_PRODUCT_ACTIVE, FG_REGULATION_DOWN, period), down_w);
    fg_facts_release(facts);
    fg_store_close(store);
}

static void ready_for_market(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct registry_fixture *f = &w->f;
    char body[400], path[100];
    open_world(w, state);
    /* a prosumer owns assets; it has no portfolio, nor has a retailer without balance responsibility */
    expect(f, w->owner.token, "POST", "/v1/portfolios", "{\"area\":\"area-1\",\"name\":\"P\",\"location\":\"loc-1\"}", 403);
    struct party retailer;
    register_party(f, "retail", "\"retailer\"", true, &retailer);
    expect(f, retailer.token, "POST", "/v1/portfolios", "{\"area\":\"area-1\",\"name\":\"P\",\"location\":\"loc-1\"}", 409);
    expect(f, w->aggregator.token, "POST", "/v1/portfolios", "{\"area\":\"area-1\",\"name\":\"P\",\"location\":\"loc-1\"}", 201);
    missing(w, "portfolio.approved portfolio.assets prequalification.product prequalification.grid");
    /* the asset: what is written comes back; the bus must be the location's */
    json_t *json = call(f, w->owner.token, "POST", "/v1/assets", ASSET("Battery", ""), 201);
    assert_string_equal(json_string_value(json_object_get(json, "energy")), "1.2345");
    assert_string_equal(json_string_value(json_object_get(json, "grid_status")), "pending");
    assert_int_equal(json_array_size(json_object_get(json, "attributes")), 4);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(json, "attributes"), 1), "value")));
    json_decref(json);
    expect(f, w->owner.token, "POST", "/v1/assets", ASSET("Battery", ""), 409);
    expect(f, w->aggregator.token, "GET", "/v1/assets/ast-1", NULL, 404);
    expect(f, w->other_dso.token, "GET", "/v1/assets/ast-1", NULL, 404);
    expect(f, w->dso.token, "GET", "/v1/assets/ast-1", NULL, 200);
    /* the aggregator holds it only with its owner's mandate */
    expect(f, w->aggregator.token, "PUT", "/v1/portfolios/pf-1/assets/ast-1", "{}", 404);
    snprintf(path, sizeof path, "/v1/mandates/%s", w->aggregator.id);
    expect(f, w->owner.token, "PUT", path, "{\"duties\":[\"reader\"]}", 204);
    expect(f, w->aggregator.token, "PUT", "/v1/portfolios/pf-1/assets/ast-1", "{}", 404);
    expect(f, w->owner.token, "PUT", path, "{\"duties\":[\"trader\"]}", 204);
    expect(f, w->aggregator.token, "PUT", "/v1/portfolios/pf-1/assets/ast-1", "{}", 200);
    expect(f, w->aggregator.token, "PUT", "/v1/portfolios/pf-1/assets/ast-1", "{}", 409);
    missing(w, "portfolio.approved assets.grid_approval assets.metering_point assets.balance_responsible prequalification.product "
               "prequalification.grid");
    json_decref(change(f, w->owner.token, "PUT", "/v1/assets/ast-1",
                       "{\"technology\":\"battery\",\"location\":\"loc-1\",\"bus\":\"2\",\"metering_point\":\"GR-1\",\"p_min\":\"-0.5\",\"p_max\":\"0.5\","
                       "\"s_max\":\"0.6\"}", 200));
    /* the system operator of the bus approves, no other one; a change of power needs a new approval */
    expect(f, w->other_dso.token, "POST", "/v1/assets/ast-1/decision", "{\"decision\":\"accept\"}", 404);
    expect(f, f->fmo, "POST", "/v1/assets/ast-1/decision", "{\"decision\":\"accept\"}", 403);
    expect(f, w->dso.token, "POST", "/v1/assets/ast-1/decision", "{\"decision\":\"accept\"}", 200);
    json = change(f, w->owner.token, "PUT", "/v1/assets/ast-1",
                  "{\"technology\":\"battery\",\"location\":\"loc-1\",\"bus\":\"2\",\"metering_point\":\"GR-1\",\"p_min\":\"-0.5\",\"p_max\":\"0.55\","
                  "\"s_max\":\"0.6\"}", 200);
    assert_string_equal(json_string_value(json_object_get(json, "grid_status")), "pending");
    json_decref(json);
    expect(f, w->dso.token, "POST", "/v1/assets/ast-1/decision", "{\"decision\":\"accept\"}", 200);
    /* the BRP is named by the owner and counts once it has confirmed */
    snprintf(body, sizeof body, "{\"brp\":\"%s\",\"valid_from\":\"2025-01-01T00:00:00Z\"}", w->aggregator.id);
    expect(f, w->owner.token, "PUT", "/v1/assets/ast-1/brp", body, 422);
    snprintf(body, sizeof body, "{\"brp\":\"%s\",\"valid_from\":\"2025-01-01T00:00:00Z\"}", w->brp.id);
    expect(f, w->owner.token, "PUT", "/v1/assets/ast-1/brp", body, 200);
    missing(w, "portfolio.approved assets.balance_responsible prequalification.product prequalification.grid");
    expect(f, w->other_brp.token, "POST", "/v1/assets/ast-1/brp/confirmation", NULL, 404);
    expect(f, w->brp.token, "POST", "/v1/assets/ast-1/brp/confirmation", NULL, 200);
    missing(w, "portfolio.approved prequalification.product prequalification.grid");
    /* an independent aggregator: one BRP in a portfolio */
    expect(f, w->owner.token, "POST", "/v1/assets", ASSET("Second", METER), 201);
    snprintf(body, sizeof body, "{\"brp\":\"%s\",\"valid_from\":\"2025-01-01T00:00:00Z\"}", w->other_brp.id);
    expect(f, w->owner.token, "PUT", "/v1/assets/ast-2/brp", body, 200);
    expect(f, w->other_brp.token, "POST", "/v1/assets/ast-2/brp/confirmation", NULL, 200);
    expect(f, w->aggregator.token, "PUT", "/v1/portfolios/pf-1/assets/ast-2", "{}", 409);
    /* a later BRP for the first asset: the first assignment ends there; the portfolio then has both parties' assets never */
    snprintf(body, sizeof body, "{\"brp\":\"%s\",\"valid_from\":\"2025-08-01T00:00:00Z\"}", w->other_brp.id);
    expect(f, w->owner.token, "PUT", "/v1/assets/ast-1/brp", body, 200);
    expect(f, w->other_brp.token, "POST", "/v1/assets/ast-1/brp/confirmation", NULL, 200);
    assert_int_equal(registry_number(f, "SELECT count(*) FROM brp_assignment WHERE asset_id = 1 AND valid_until_us = 1754006400000000"), 1);
    /* approvals */
    expect(f, w->aggregator.token, "POST", "/v1/portfolios/pf-1/decision", "{\"decision\":\"accept\"}", 403);
    expect(f, f->fmo, "POST", "/v1/portfolios/pf-1/decision", "{\"decision\":\"accept\"}", 200);
    /* prequalification: both sides, each its own; the lower capability counts */
    expect(f, w->aggregator.token, "POST", "/v1/portfolios/pf-1/prequalifications", "{\"product\":\"prd-1\",\"up\":\"0.5\",\"down\":\"0.4\"}", 204);
    json = call(f, w->aggregator.token, "GET", "/v1/prequalifications?portfolio=pf-1", NULL, 200);
    json_t *items = json_object_get(json, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "kind")), "product");
    char product[100], grid_path[100];
    snprintf(product, sizeof product, "/v1/prequalifications/%s/decision", json_string_value(json_object_get(json_array_get(items, 0), "id")));
    snprintf(grid_path, sizeof grid_path, "/v1/prequalifications/%s/decision", json_string_value(json_object_get(json_array_get(items, 1), "id")));
    json_decref(json);
    expect(f, w->dso.token, "POST", product, "{\"decision\":\"accept\"}", 404);
    expect(f, f->fmo, "POST", grid_path, "{\"decision\":\"accept\"}", 404);
    expect(f, w->other_dso.token, "POST", grid_path, "{\"decision\":\"accept\"}", 404);
    expect(f, f->fmo, "POST", product, "{\"decision\":\"accept\",\"up\":\"0.6\"}", 422);
    expect(f, f->fmo, "POST", product, "{\"decision\":\"accept\",\"down\":\"0.3\"}", 200);
    missing(w, "prequalification.grid");
    expect_capability(w, 0, 0);
    expect(f, w->dso.token, "POST", grid_path, "{\"decision\":\"accept\",\"up\":\"0.2\",\"valid_until\":\"2025-12-31T00:00:00Z\"}", 200);
    missing(w, "");
    expect_capability(w, 200000, 300000);
    /* what was given can be taken: suspension, the mandate, the validity */
    expect(f, w->dso.token, "POST", grid_path, "{\"decision\":\"suspend\",\"reason\":\"Works\"}", 200);
    expect_capability(w, 0, 0);
    expect(f, w->aggregator.token, "POST", "/v1/portfolios/pf-1/prequalifications", "{\"product\":\"prd-1\",\"up\":\"0.5\",\"down\":\"0.4\"}", 409);
    expect(f, w->dso.token, "POST", grid_path, "{\"decision\":\"resume\"}", 200);
    expect_capability(w, 200000, 300000);
    expect(f, w->owner.token, "DELETE", path, NULL, 204);
    missing(w, "assets.mandate");
    expect(f, w->aggregator.token, "DELETE", "/v1/portfolios/pf-1/assets/ast-1", NULL, 204);
    missing(w, "portfolio.assets");
    f->now_us = INT64_C(1767139200000000); /* 2025-12-31T00:00:00Z */
    expect_capability(w, 0, 0);
    assert_int_equal(registry_number(f, "SELECT count(*) FROM audit WHERE action LIKE 'prequalification.%'"), 5);
    close_world(w);
    free(w);
}

/* The assignments that `who` sees, one "organisation brp from until confirmed" a line. */
static void expect_own_brps(struct world *w, const char *token, const char *expected)
{
    char lines[800] = "";
    json_t *list = call(&w->f, token, "GET", "/v1/own-brps", NULL, 200), *item;
    size_t i;
    json_array_foreach(json_object_get(list, "items"), i, item) {
        const char *until = json_string_value(json_object_get(item, "valid_until"));
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s %s %.10s %.10s %s\n",
                 json_string_value(json_object_get(item, "organisation")), json_string_value(json_object_get(item, "brp")),
                 json_string_value(json_object_get(item, "valid_from")), until != NULL ? until : "-",
                 json_is_true(json_object_get(item, "confirmed")) ? "confirmed" : "proposed");
    }
    json_decref(list);
    assert_string_equal(lines, expected);
}

struct party_of {
    int64_t organisation, at_us, party;
};
static enum fg_code read_party(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct party_of *of = context;
    return fg_balance_party(registry->store, 1, of->organisation, of->at_us, &of->party, err);
}
/* On a day of June 2025, at its first instant; `party` NULL: none. */
static void expect_party(struct world *w, const struct party *of, int day, const struct party *party)
{
    struct party_of asked = {.organisation = atoll(of->id + 4), .at_us = INT64_C(1748736000000000) + (int64_t)(day - 1) * 86400000000};
    assert_int_equal(fg_registry_run(w->f.application.platform, NULL, FG_STORE_READ, read_party, &asked, NULL), FG_OK);
    assert_int_equal(asked.party, party != NULL ? atoll(party->id + 4) : 0);
}

/* It is 15 June. The seller names its own balance responsible party for an area; what the party confirms counts for its time. */
static void own_balance_party(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct registry_fixture *f = &w->f;
    char body[400], path[200], lines[600], trader[TOKEN_LENGTH], user[32];
    open_world(w, state);
#define OWN "/v1/areas/area-1/own-brp"
#define PROPOSAL(of, span) (snprintf(body, sizeof body, "{\"brp\":\"%s\",%s}", (of)->id, span), body)
#define FROM(day) "\"valid_from\":\"2025-06-" day "T00:00:00Z\""
#define UNTIL(day) ",\"valid_until\":\"2025-06-" day "T00:00:00Z\""
    /* who may: the administrator of who trades; not its other users, not who only owns assets, not a party for itself */
    add_user(f, w->aggregator.token, "trader@flex.example", "\"trader\",\"operator\"", trader, user);
    expect(f, trader, "PUT", OWN, PROPOSAL(&w->brp, FROM("01")), 403);
    expect(f, w->owner.token, "PUT", OWN, PROPOSAL(&w->brp, FROM("01")), 403);
    expect(f, w->brp.token, "PUT", OWN, PROPOSAL(&w->other_brp, FROM("01")), 409);
    /* whom and when: an active party with that role, in an area that there is, a span */
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->dso, FROM("01")), 422);
    expect(f, w->aggregator.token, "PUT", OWN, "{\"brp\":\"org-99\"," FROM("01") "}", 404);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->brp, FROM("10") UNTIL("10")), 422);
    expect(f, w->aggregator.token, "PUT", "/v1/areas/area-9/own-brp", PROPOSAL(&w->brp, FROM("01")), 404);
    snprintf(path, sizeof path, OWN "/%s/confirmation", w->aggregator.id);
    expect(f, w->brp.token, "POST", path, NULL, 404);

    /* a proposal that was replaced, and another party, confirm nothing; the first assignment may begin in the past */
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->other_brp, FROM("01")), 204);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->brp, FROM("10")), 204);
    expect_party(w, &w->aggregator, 12, NULL);
    expect(f, w->other_brp.token, "POST", path, NULL, 404);
    expect(f, w->aggregator.token, "POST", path, NULL, 403);
    expect_own_brps(w, w->other_brp.token, "");
    snprintf(lines, sizeof lines, "%s %s 2025-06-10 - proposed\n", w->aggregator.id, w->brp.id);
    expect_own_brps(w, w->brp.token, lines);
    expect(f, w->brp.token, "POST", path, NULL, 204);
    expect(f, w->brp.token, "POST", path, NULL, 404);
    expect_party(w, &w->aggregator, 9, NULL);
    expect_party(w, &w->aggregator, 12, &w->brp);

    /* another one: not for times that are over; the earlier one ends where it begins; none across a later one */
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->other_brp, FROM("14")), 204);
    expect(f, w->other_brp.token, "POST", path, NULL, 409);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->other_brp, FROM("20") UNTIL("25")), 204);
    expect(f, w->other_brp.token, "POST", path, NULL, 204);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->brp, FROM("18")), 204);
    expect(f, w->brp.token, "POST", path, NULL, 409);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->brp, FROM("25")), 204);
    expect(f, w->brp.token, "POST", path, NULL, 204);
    expect(f, w->aggregator.token, "PUT", OWN, PROPOSAL(&w->other_brp, FROM("28")), 204);
    const struct party *of_day[] = {NULL, &w->brp, &w->brp, &w->other_brp, &w->other_brp, &w->brp, &w->brp};
    static const int days[] = {9, 10, 19, 20, 24, 25, 29};
    for (size_t i = 0; i < FG_COUNT_OF(days); i++)
        expect_party(w, &w->aggregator, days[i], of_day[i]);
    expect_party(w, &w->brp, 1, &w->brp); /* answers for itself */
    expect_party(w, &w->owner, 12, NULL);

    /* the history is seen by the organisation and the market operator; each party sees its part, others nothing */
    const char *own = w->aggregator.id;
    snprintf(lines, sizeof lines,
             "%s %s 2025-06-10 2025-06-20 confirmed\n%s %s 2025-06-20 2025-06-25 confirmed\n%s %s 2025-06-25 - confirmed\n"
             "%s %s 2025-06-28 - proposed\n",
             own, w->brp.id, own, w->other_brp.id, own, w->brp.id, own, w->other_brp.id);
    expect_own_brps(w, w->aggregator.token, lines);
    expect_own_brps(w, f->fmo, lines);
    snprintf(lines, sizeof lines, "%s %s 2025-06-10 2025-06-20 confirmed\n%s %s 2025-06-25 - confirmed\n", own, w->brp.id, own, w->brp.id);
    expect_own_brps(w, w->brp.token, lines);
    expect_own_brps(w, w->owner.token, "");
    expect_own_brps(w, w->dso.token, "");
    assert_int_equal(registry_number(f, "SELECT count(*) FROM audit WHERE action = 'own_brp.confirm'"), 3);
    close_world(w);
    free(w);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {ON_BOTH(grid), ON_BOTH(ready_for_market), ON_BOTH(own_balance_party)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
