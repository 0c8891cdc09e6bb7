/* From meter to invoice over HTTP: every step by who may do it, answers held against their schemas, a correction that books only
 * the difference, and what others must not do or see. The figures are those of docs/settlement.md. */
#include "settlement_fixture.h"

#include "api_fixture.h"
#undef DSO /* here the organisation */
#undef AGG

#include "api/operations_settlement.h"
#include "api/validate.h"
#include "atp/approval.h"
#include "atp/bill.h"
#include "atp/rights.h"

struct site {
    struct fg_platform *platform; /* what handlers expect first in the context */
    struct world world;
    struct fixture http;
};

static enum fg_code who_is(void *context, const struct fg_credentials *credentials, struct fg_principal *principal,
                           struct fg_error *err)
{
    (void)context;
    long organisation = strtol(credentials->secret, NULL, 10);
    if (organisation < FMO || organisation > STRANGER)
        return fg_fail(err, FG_ERR_DENIED, NULL, "unknown key");
    *principal = as(organisation);
    return FG_OK;
}

static const struct fg_operation_set *const sets[] = {&fg_metering_operations, &fg_settlement_operations};

static void site_open(struct site *s, void **state)
{
    struct fg_error err = {0};
    memset(s, 0, sizeof *s);
    world_open(&s->world, state);
    s->platform = s->world.platform;
    fixture_prepare(&s->http);
    s->http.options.operations = sets;
    s->http.options.operation_set_count = 2;
    s->http.options.access = fg_platform_access;
    s->http.options.context = s;
    s->http.options.authenticator = (struct fg_authenticator){s, who_is};
    fixture_expect(fixture_start(&s->http, &err), &err);
}

static void site_close(struct site *s)
{
    fixture_release(&s->http);
    world_close(&s->world);
}

static const struct fg_operation *operation_of(const char *id)
{
    for (size_t set = 0; set < 2; set++)
        for (size_t i = 0; i < sets[set]->count; i++)
            if (strcmp(sets[set]->items[i].id, id) == 0)
                return &sets[set]->items[i];
    fail_msg("there is no operation %s", id);
    return NULL;
}

/* Ask as an organisation; a JSON answer must be what its schema says. The caller frees the answer's JSON (NULL: none). */
static json_t *call_as(struct site *s, int64_t organisation, const char *id, const char *path, const char *body, long wanted)
{
    static int keys;
    const struct fg_operation *operation = operation_of(id);
    char headers[200];
    struct fg_error err = {0};
    snprintf(headers, sizeof headers, "Authorization: Bearer %d%s%s", (int)organisation,
             operation->request_media != NULL ? "\nContent-Type: text/csv" : "", "");
    if (operation->flags & FG_OP_KEY_REQUIRED)
        snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "\nIdempotency-Key: k%d", ++keys);
    struct answer answer = ask(&s->http, fg_method_name(operation->method), path, headers, body);
    if (answer.status != wanted)
        fail_msg("%s as %d: %ld, not %ld: %s", id, (int)organisation, answer.status, wanted, answer.body.data);
    json_t *root = NULL;
    for (const struct fg_response *r = operation->responses; r->status != 0; r++)
        if (r->status == answer.status && r->schema != NULL) {
            struct fg_problem_list problems = {0};
            fixture_expect(fg_json_load_text(answer.body.data, answer.body.length, id, &root, &err), &err);
            struct fg_json_cursor cursor = fg_json_root(root, NULL);
            fg_validate_json(r->schema, false, &cursor, &problems);
            if (problems.count > 0)
                fail_msg("%s: answer breaks its schema at %s: %s", id, problems.items[0].pointer, problems.items[0].text);
            fg_problem_list_release(&problems);
        } else if (r->status == answer.status && r->media != NULL) {
            root = json_stringn(answer.body.data, strncmp(answer.body.data, "%PDF", 4) == 0 ? 4 : answer.body.length);
        }
    answer_release(&answer);
    return root;
}

static void do_as(struct site *s, int64_t organisation, const char *id, const char *path, const char *body, long wanted)
{
    json_decref(call_as(s, organisation, id, path, body, wanted));
}

static void expect_made(struct site *s, int64_t organisation, const char *id, const char *path, const char *body, const char *made)
{
    json_t *root = call_as(s, organisation, id, path, body, 201);
    assert_string_equal(json_string_value(json_object_get(root, "id")), made);
    json_decref(root);
}

static size_t count_items(struct site *s, int64_t organisation, const char *id, const char *path)
{
    json_t *root = call_as(s, organisation, id, path, NULL, 200);
    size_t count = json_array_size(json_object_get(root, "items"));
    json_decref(root);
    return count;
}

static enum fg_code confirm(struct fg_registry *registry, void *context, struct fg_error *err)
{
    return fg_approval_decide(registry, *(int64_t *)context, true, err);
}

static void release(struct site *s, const char *run, int64_t approval)
{
    char path[100], body[100];
    struct fg_error err = {0};
    struct fg_principal second = somebody(FMO, 99, FG_ROLE_FMO);
    snprintf(path, sizeof path, "/v1/settlements/%s/release-request", run);
    do_as(s, FMO, "ask-settlement-release", path, NULL, 201);
    snprintf(path, sizeof path, "/v1/settlements/%s/release", run);
    snprintf(body, sizeof body, "{\"approval\":\"apv-%d\"}", (int)approval);
    do_as(s, FMO, "release-settlement", path, body, 409); /* one pair of eyes is not enough */
    fixture_expect(fg_registry_run(s->platform, &second, FG_STORE_WRITE, confirm, &approval, &err), &err);
    do_as(s, FMO, "release-settlement", path, body, 204);
}

static void test_meter_to_invoice(void **state)
{
    struct site s;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    site_open(&s, state);
    add_trade(&s.world, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);

    /* Before: the declared baseline, a plan, a set-point. */
    s.world.now_us = (period * QUARTER - 7200) * 1000000;
    do_as(&s, SUPPLIER, "submit-baseline", "/v1/portfolios/pf-10/baseline", "{\"start\":\"2025-11-24T08:00:00Z\",\"energies\":[\"-0.1\"]}", 204);
    do_as(&s, RETAILER, "submit-baseline", "/v1/portfolios/pf-10/baseline", "{\"start\":\"2025-11-24T08:00:00Z\",\"energies\":[\"0\"]}", 404);
    expect_made(&s, SUPPLIER, "send-plan", "/v1/portfolios/pf-10/plans",
                "{\"start\":\"2025-11-24T08:00:00Z\",\"assets\":[{\"asset\":\"ast-20\",\"powers\":[\"1\"]}]}", "plan-1");
    do_as(&s, DSO, "decide-plan", "/v1/plans/plan-1/decision", "{\"accept\":false}", 422);
    do_as(&s, DSO, "decide-plan", "/v1/plans/plan-1/decision", "{\"accept\":true}", 204);
    do_as(&s, SUPPLIER, "decide-plan", "/v1/plans/plan-1/decision", "{\"accept\":true}", 403);
    expect_made(&s, DSO, "send-set-point", "/v1/portfolios/pf-10/set-points",
                "{\"start\":\"2025-11-24T08:00:00Z\",\"units\":1,\"power\":\"1\"}", "sp-1");
    do_as(&s, SUPPLIER, "answer-set-point", "/v1/set-points/sp-1/answer", "{\"accept\":true}", 204);
    assert_int_equal(count_items(&s, SUPPLIER, "list-plans", "/v1/plans"), 1);
    assert_int_equal(count_items(&s, RETAILER, "list-plans", "/v1/plans"), 0);
    assert_int_equal(count_items(&s, SUPPLIER, "list-set-points", "/v1/set-points"), 1);
    assert_int_equal(count_items(&s, BRP_A, "list-perimeter-changes", "/v1/areas/area-1/perimeter-changes"), 1);
    do_as(&s, SUPPLIER, "list-perimeter-changes", "/v1/areas/area-1/perimeter-changes", NULL, 403);
    s.world.now_us = INT64_C(1764050400) * 1000000;
    do_as(&s, SUPPLIER, "submit-baseline", "/v1/portfolios/pf-10/baseline", "{\"start\":\"2025-11-24T08:00:00Z\",\"energies\":[\"0\"]}", 409);

    /* Meters. */
    expect_made(&s, DSO, "create-meter", "/v1/meters", "{\"portfolio\":\"pf-10\",\"name\":\"GR-1\",\"rank\":1}", "mtr-1");
    do_as(&s, DSO, "create-meter", "/v1/meters", "{\"portfolio\":\"ast-10\",\"name\":\"GR-2\",\"rank\":2}", 422);
    do_as(&s, STRANGER, "create-meter", "/v1/meters", "{\"portfolio\":\"pf-10\",\"name\":\"x\",\"rank\":3}", 404);
    json_t *intake = call_as(&s, DSO, "import-readings", "/v1/meters/mtr-1/readings-csv",
                             "start,energy_mwh\n2025-11-24T08:00:00Z,0.05\n2025-11-24T08:30:00Z,0\n", 200);
    assert_int_equal(json_integer_value(json_object_get(intake, "added")), 2);
    assert_int_equal(json_integer_value(json_object_get(intake, "missing")), 1);
    json_decref(intake);
    do_as(&s, DSO, "import-readings", "/v1/meters/mtr-1/readings-csv", "start,energy\n2025-11-24T08:00:00Z,0.05\n", 422);
    do_as(&s, SUPPLIER, "import-readings", "/v1/meters/mtr-1/readings-csv", "start,energy_mwh\n2025-11-24T08:00:00Z,9\n", 403);
    assert_int_equal(count_items(&s, SUPPLIER, "list-meters", "/v1/meters"), 1);
    assert_int_equal(count_items(&s, STRANGER, "list-meters", "/v1/meters"), 0);
    do_as(&s, DSO, "give-receipt", "/v1/areas/area-1/trades/trd-1/receipt", "{\"verdict\":\"partly\"}", 204);
    do_as(&s, FMO, "set-holidays", "/v1/areas/area-1/holidays/2025", "{\"holidays\":[{\"day\":\"2025-12-25\",\"name\":\"Christmas\"}]}", 204);

    /* Settle, release, bill. */
    do_as(&s, DSO, "compute-settlement", "/v1/areas/area-1/settlements", "{\"day\":\"2025-11-24\"}", 403);
    expect_made(&s, FMO, "compute-settlement", "/v1/areas/area-1/settlements", "{\"day\":\"2025-11-24\"}", "stl-1");
    assert_int_equal(count_items(&s, SUPPLIER, "get-statement", "/v1/settlements/stl-1/statement"), 0); /* not released */
    assert_int_equal(count_items(&s, SUPPLIER, "list-settlement-units", "/v1/settlements/stl-1/units"), 0);
    release(&s, "stl-1", 1);
    json_t *statement = call_as(&s, SUPPLIER, "get-statement", "/v1/settlements/stl-1/statement", NULL, 200);
    json_t *line = json_array_get(json_object_get(statement, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(line, "delivered")), "0.15");
    assert_string_equal(json_string_value(json_object_get(line, "paid")), "15");
    assert_string_equal(json_string_value(json_object_get(line, "penalty")), "5.25");
    json_decref(statement);
    assert_int_equal(count_items(&s, RETAILER, "get-statement", "/v1/settlements/stl-1/statement"), 0);
    assert_int_equal(count_items(&s, BRP_B, "list-transfers", "/v1/settlements/stl-1/transfers"), 1);
    assert_int_equal(count_items(&s, RETAILER, "list-transfers", "/v1/settlements/stl-1/transfers"), 0);
    assert_int_equal(count_items(&s, FMO, "list-settlement-units", "/v1/settlements/stl-1/units"), 1);
    assert_int_equal(count_items(&s, SUPPLIER, "list-settlement-units", "/v1/settlements/stl-1/units"), 1);
    assert_int_equal(count_items(&s, RETAILER, "list-settlement-units", "/v1/settlements/stl-1/units"), 0);
    assert_true(count_items(&s, FMO, "list-settlement-inputs", "/v1/settlements/stl-1/inputs") >= 5);
    assert_int_equal(count_items(&s, DSO, "list-settlement-inputs", "/v1/settlements/stl-1/inputs"), 0);
    json_t *issued = call_as(&s, FMO, "issue-documents", "/v1/areas/area-1/documents", "{\"year\":2025,\"month\":11}", 200);
    assert_int_equal(json_integer_value(json_object_get(issued, "issued")), 5);
    json_decref(issued);
    assert_int_equal(count_items(&s, DSO, "list-documents", "/v1/documents"), 1);
    assert_int_equal(count_items(&s, SUPPLIER, "list-documents", "/v1/documents"), 2);
    assert_int_equal(count_items(&s, FMO, "list-documents", "/v1/documents"), 5);
    json_t *document = call_as(&s, DSO, "get-document", "/v1/documents/doc-1", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(document, "gross")), "13.54");
    do_as(&s, SUPPLIER, "get-document", "/v1/documents/doc-1", NULL, 404);
    json_t *pdf = call_as(&s, DSO, "get-document-pdf", "/v1/documents/doc-1/pdf", NULL, 200);
    assert_string_equal(json_string_value(pdf), "%PDF");
    json_decref(pdf);
    json_t *csv = call_as(&s, DSO, "get-document-csv", "/v1/documents/doc-1/csv", NULL, 200);
    assert_non_null(strstr(json_string_value(csv), "INV-1/2025/000001,EUR,2025-11-24,Flexibility delivered,purchase,0.150,15.00"));
    json_decref(csv);

    /* A dispute, a correction, a rerun: the statement changes, the document does not. */
    expect_made(&s, SUPPLIER, "raise-dispute", "/v1/settlements/stl-1/disputes", "{\"trade\":\"trd-1\",\"claim\":\"75 kWh\"}", "dsp-1");
    do_as(&s, SUPPLIER, "decide-dispute", "/v1/disputes/dsp-1/decision", "{\"uphold\":true,\"answer\":\"yes\"}", 403);
    do_as(&s, FMO, "decide-dispute", "/v1/disputes/dsp-1/decision", "{\"uphold\":true,\"answer\":\"yes\"}", 204);
    do_as(&s, SUPPLIER, "withdraw-dispute", "/v1/disputes/dsp-1", NULL, 409);
    assert_int_equal(count_items(&s, DSO, "list-disputes", "/v1/disputes"), 1);
    s.world.now_us += INT64_C(86400) * 1000000;
    do_as(&s, DSO, "send-readings", "/v1/meters/mtr-1/readings", "{\"readings\":[{\"start\":\"2025-11-24T08:00:00Z\",\"energy\":\"0.075\"}]}", 200);
    json_t *readings = call_as(&s, SUPPLIER, "get-readings",
                               "/v1/meters/mtr-1/readings?from=2025-11-24T08:00:00Z&until=2025-11-24T08:15:00Z&known_at=2025-11-25T06:00:00Z",
                               NULL, 200);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(readings, "readings"), 0), "energy")), "0.05");
    json_decref(readings);
    json_t *runs = call_as(&s, SUPPLIER, "list-settlements", "/v1/areas/area-1/settlements", NULL, 200);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(runs, "items"), 0), "stale")));
    json_decref(runs);
    expect_made(&s, FMO, "compute-settlement", "/v1/areas/area-1/settlements", "{\"day\":\"2025-11-24\"}", "stl-2");
    release(&s, "stl-2", 2);
    assert_int_equal(fixture_number(s.world.store, "SELECT COUNT(*) FROM booking WHERE run_id = 2"), 8);
    do_as(&s, FMO, "issue-documents", "/v1/areas/area-1/documents", "{\"year\":2025,\"month\":11}", 200);
    json_t *supplement = call_as(&s, DSO, "get-document", "/v1/documents/doc-6", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(supplement, "kind")), "supplement");
    assert_string_equal(json_string_value(json_object_get(supplement, "gross")), "4.89");
    assert_string_equal(json_string_value(json_array_get(json_object_get(supplement, "changes"), 0)), "INV-1/2025/000001");
    json_decref(supplement);
    json_t *again = call_as(&s, DSO, "get-document", "/v1/documents/doc-1", NULL, 200);
    assert_true(json_equal(document, again));
    json_decref(again);
    json_decref(document);

    /* Payment and journal. */
    do_as(&s, FMO, "record-payment", "/v1/documents/doc-1/payments", "{\"amount\":\"13.545\",\"day\":\"2025-12-01\",\"reference\":\"a\"}", 422);
    do_as(&s, DSO, "record-payment", "/v1/documents/doc-1/payments", "{\"amount\":\"13.54\",\"day\":\"2025-12-01\",\"reference\":\"a\"}", 403);
    do_as(&s, FMO, "record-payment", "/v1/documents/doc-1/payments", "{\"amount\":\"13.54\",\"day\":\"2025-12-01\",\"reference\":\"a\"}", 201);
    json_t *heads = call_as(&s, DSO, "list-documents", "/v1/documents", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(heads, "items"), 0), "payment")), "paid");
    json_decref(heads);
    json_t *journal = call_as(&s, FMO, "export-journal", "/v1/areas/area-1/journal?from=2025-11-01&until=2026-01-01", NULL, 200);
    assert_non_null(strstr(json_string_value(journal), ",bank,,participant,org-2,payment,"));
    json_decref(journal);
    do_as(&s, FMO, "set-settlement-rule", "/v1/areas/area-1/settlement-rule", operation_of("set-settlement-rule")->request_example, 204);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(test_meter_to_invoice)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
