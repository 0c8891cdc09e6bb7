/* Runs: power flows, optimal power flows and clearings of stored networks, asked for and looked at later (atp/run.h). */
#include "api/operations_runs.h"

#include "api/rows.h"
#include "atp/query.h"
#include "atp/run.h"
#include "grid/opf.h"
#include "base/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const asked_words[] = {"powerflow", "opf", NULL};
static const struct fg_schema asked_kind = FG_ENUM("AskedRunKind", "Kinds that are asked for by a body", asked_words);
static const struct fg_schema kind_schema = {.kind = FG_SCHEMA_ENUM, .name = "RunKind", .words = fg_run_kind_words,
                                             .description = "What is computed"};
static const struct fg_schema state_schema = {.kind = FG_SCHEMA_ENUM, .name = "RunState", .words = fg_run_state_words,
                                              .description = "queued, running, then done, failed or cancelled"};
static const struct fg_schema physics = FG_ENUM("RunPhysics", "Model of the grid", fg_physics_words);
static const struct fg_schema seconds = FG_INTEGER(1, 86400);
static const struct fg_schema percent = FG_INTEGER(0, 100);
static const struct fg_schema text = FG_TEXT(0, 1000);
static const struct fg_schema long_text = FG_TEXT(0, 4000);
static const struct fg_schema number = {.kind = FG_SCHEMA_NUMBER, .number_minimum = -1e300, .number_maximum = 1e300};
static const struct fg_param run_path[] = {{"run", &fg_schema_id, "Run", true}, {0}};
static const struct fg_param network_path[] = {{"network", &fg_schema_id, "Network", true}, {0}};

/* ---- asking ---- */
static const struct fg_field powerflow_fields[] = {{"kind", &asked_kind, "powerflow", FG_REQUIRED},
                                                   {"network", &fg_schema_id, "A stored network", FG_REQUIRED},
                                                   {"q_limits", &fg_schema_boolean, "Keep generators within their reactive limits", 0}};
static const struct fg_field opf_fields[] = {{"kind", &asked_kind, "opf", FG_REQUIRED},
                                             {"network", &fg_schema_id, "A stored network", FG_REQUIRED},
                                             {"physics", &physics, "ac when absent", 0},
                                             {"time_limit_s", &seconds, "Stop after this time", 0}};
static const struct fg_schema powerflow_run = FG_OBJECT("PowerFlowRun", "A power flow", powerflow_fields);
static const struct fg_schema opf_run = FG_OBJECT("OptimalPowerFlowRun", "An optimal power flow", opf_fields);
static const struct fg_schema *const new_variants[] = {&powerflow_run, &opf_run, NULL};
static const struct fg_schema new_run = {.kind = FG_SCHEMA_UNION, .name = "NewRun", .description = "What is to be computed",
                                         .discriminator = "kind", .variants = new_variants};
static const struct fg_response made_responses[] = {{201, "Asked for", &fg_schema_made, NULL, "{\"id\": \"run-7\"}"}, {0}};

static enum fg_code ask_for_run(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_run_request request = {.kind = fg_member_text(&body, "kind", "")};
    int64_t id;
    char *input = json_dumps(body.value, JSON_COMPACT | JSON_SORT_KEYS);
    enum fg_code code = input == NULL ? fg_fail_memory(err) : fg_member_id(&body, "network", FG_ID_NETWORK, &request.network, err);
    request.input = input;
    if (code == FG_OK)
        code = fg_run_create(registry, &request, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_RUN, id);
    free(input);
    return code;
}
static enum fg_code start_run(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_for_run, err);
}

static const struct fg_param clearing_query[] = {{"time_limit_s", &seconds, "Stop after this time with the best schedule so far", false}, {0}};
static enum fg_code ask_for_clearing(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_run_request request = {.kind = "clear"};
    char input[120];
    int64_t id, limit_s = fg_call_integer(call, "time_limit_s", 0);
    enum fg_code code = fg_call_id(call, "network", FG_ID_NETWORK, &request.network, err);
    if (limit_s > 0)
        snprintf(input, sizeof input, "{\"kind\":\"clear\",\"network\":\"net-%lld\",\"time_limit_s\":%lld}",
                 (long long)request.network, (long long)limit_s);
    else
        snprintf(input, sizeof input, "{\"kind\":\"clear\",\"network\":\"net-%lld\"}", (long long)request.network);
    request.input = input;
    request.market = fg_call_body_bytes(call, &request.market_length);
    if (code == FG_OK)
        code = fg_run_create(registry, &request, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_RUN, id);
    return code;
}
static enum fg_code start_clearing(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, ask_for_clearing, err);
}

/* ---- looking ---- */
static const struct fg_field proof_fields[] = {
    {"status", &text, "The solver's word", FG_REQUIRED},
    {"explanation", &long_text, "Of what is not as wished", FG_REQUIRED | FG_NULLABLE},
    {"welfare", &number, "Of a clearing, currency", FG_REQUIRED | FG_NULLABLE},
    {"objective", &number, "Of an optimal power flow, currency per hour", FG_REQUIRED | FG_NULLABLE},
    {"bound", &number, "Proven bound of cost or objective", FG_REQUIRED | FG_NULLABLE},
    {"gap", &number, "Distance to the bound, as a share", FG_REQUIRED | FG_NULLABLE},
    {"integer_gap", &number, "Part of integer decisions", FG_REQUIRED | FG_NULLABLE},
    {"relaxation_gap", &number, "Part of the relaxation", FG_REQUIRED | FG_NULLABLE},
    {"max_violation", &number, "Worst of the independent check, p.u.", FG_REQUIRED | FG_NULLABLE},
    {"max_mismatch_pu", &number, "Of a power flow", FG_REQUIRED | FG_NULLABLE},
    {"violations", &number, "Violated limits of a power flow", FG_REQUIRED | FG_NULLABLE},
    {"violations_before", &number, "Violated limits of a clearing's baseline", FG_REQUIRED | FG_NULLABLE},
    {"violations_after", &number, "... and of its schedule", FG_REQUIRED | FG_NULLABLE},
    {"not_served_mwh", &number, "Load that is shed", FG_REQUIRED | FG_NULLABLE},
    {"seconds", &number, "Time of the solver", FG_REQUIRED | FG_NULLABLE},
};
const struct fg_schema run_proof_schema = FG_OBJECT("RunCertificate", "What is proven about a result", proof_fields);
static const struct fg_field run_fields[] = {
    {"id", &fg_schema_id, "Run", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"kind", &kind_schema, "What is computed", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Whose run it is", FG_REQUIRED},
    {"state", &state_schema, "Where it is in its life", FG_REQUIRED},
    {"progress", &percent, "Percent", FG_REQUIRED},
    {"phase", &text, "What is being done", FG_REQUIRED},
    {"network", &fg_schema_id, "The network", FG_REQUIRED | FG_NULLABLE},
    {"auction", &fg_schema_id, "The auction that it clears", FG_REQUIRED | FG_NULLABLE},
    {"input", &long_text, "What was asked for, as JSON", FG_REQUIRED},
    {"cancelling", &fg_schema_boolean, "Cancellation was asked for", FG_REQUIRED},
    {"cause", &long_text, "Why it failed", FG_REQUIRED | FG_NULLABLE},
    {"created", &fg_schema_instant, "Asked for at", FG_REQUIRED},
    {"started", &fg_schema_instant, "First taken at", FG_REQUIRED | FG_NULLABLE},
    {"ended", &fg_schema_instant, "Ended at", FG_REQUIRED | FG_NULLABLE},
    {"certificate", &run_proof_schema, "What is proven about the result", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema run_schema = FG_OBJECT("Run", "Long work", run_fields);
FG_PAGE_SCHEMA(run_page, &run_schema, "RunPage", "Runs");
static const struct fg_response run_responses[] = {{200, "The run", &run_schema, NULL, NULL}, {0}};
static const struct fg_response run_page_responses[] = {{200, "Runs, newest first", &run_page, NULL, NULL}, {0}};
static const struct fg_param run_query[] = {{"state", &state_schema, "Only in this state", false}, {0}};

void run_put_proof(struct fg_json_writer *out, const char *key, const char *certificate)
{
    json_t *root = certificate != NULL ? json_loads(certificate, 0, NULL) : NULL;
    if (root == NULL) {
        fg_json_put_null(out, key);
        return;
    }
    fg_json_begin_object(out, key);
    for (size_t i = 0; i < FG_COUNT_OF(proof_fields); i++) {
        const char *name = proof_fields[i].name;
        json_t *value = json_object_get(root, name);
        if (json_is_string(value))
            fg_json_put_string(out, name, json_string_value(value));
        else if (json_is_number(value))
            fg_json_put_number(out, name, json_number_value(value));
        else
            fg_json_put_null(out, name);
    }
    fg_json_end_object(out);
    json_decref(root);
}

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, const struct fg_sql *sql, int column)
{
    char name[FG_ID_TEXT];
    fg_json_put_string(out, key, fg_sql_column_is_null(sql, column) ? NULL : fg_id_text(kind, fg_sql_column_int64(sql, column), name));
}

static void put_instant(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    char name[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_sql_column_is_null(sql, column)
                                     ? NULL : fg_instant_format(fg_sql_column_int64(sql, column) / 1000000, name));
}

static void put_run(struct fg_json_writer *out, const struct fg_sql *sql)
{
    fg_json_begin_object(out, NULL);
    put_id(out, "id", FG_ID_RUN, sql, 0);
    put_id(out, "area", FG_ID_AREA, sql, 1);
    fg_json_put_string(out, "kind", fg_sql_column_text(sql, 2));
    put_id(out, "organisation", FG_ID_ORGANISATION, sql, 3);
    fg_json_put_string(out, "state", fg_sql_column_text(sql, 4));
    fg_json_put_integer(out, "progress", fg_sql_column_int64(sql, 5));
    fg_json_put_string(out, "phase", fg_sql_column_text(sql, 6));
    put_id(out, "network", FG_ID_NETWORK, sql, 7);
    put_id(out, "auction", FG_ID_AUCTION, sql, 8);
    fg_json_put_string(out, "input", fg_sql_column_text(sql, 9));
    fg_json_put_bool(out, "cancelling", fg_sql_column_int64(sql, 10) != 0);
    fg_json_put_string(out, "cause", fg_sql_column_text(sql, 11));
    put_instant(out, "created", sql, 12);
    put_instant(out, "started", sql, 13);
    put_instant(out, "ended", sql, 14);
    run_put_proof(out, "certificate", fg_sql_column_text(sql, 15));
    fg_json_end_object(out);
}

/* One's own runs; those of auctions are the area's operator's, and seen by the regulator. */
#define RUN_COLUMNS                                                                                                    \
    "r.id, r.area_id, r.kind, r.organisation_id, r.state, r.progress, r.phase, r.network_id, r.auction_id, r.input, "     \
    "r.is_unwanted, r.cause, r.created_us, r.started_us, r.ended_us, r.certificate"
#define MAY_SEE "(r.organisation_id = $1 OR ($2 = 1 AND r.auction_id IS NOT NULL))"

static enum fg_code put_runs(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    const char *position = fg_call_position(call), *state = fg_call_text(call, "state");
    int64_t limit = fg_call_limit(call);
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT " RUN_COLUMNS " FROM run r WHERE " MAY_SEE " AND r.id < $3 AND ($5 = '' OR r.state = $5) "
                                 "ORDER BY r.id DESC LIMIT $4",
                                 "iiiit", fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry),
                                 position != NULL ? strtoll(position, NULL, 10) : INT64_MAX, limit + 1, state != NULL ? state : "");
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err)) {
        put_run(page.out, sql);
    }
    fg_page_end(&page);
    return code;
}
static enum fg_code list_runs(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_runs, err);
}

static enum fg_code put_one(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t id;
    enum fg_code code = fg_call_id(call, "run", FG_ID_RUN, &id, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_query_one(registry->store, &sql, err,
                                              "SELECT " RUN_COLUMNS " FROM run r WHERE " MAY_SEE " AND r.id = $3", "iii",
                                              fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry), id),
                                 FG_ID_RUN, id, "run", err);
    if (code != FG_OK)
        return code;
    put_run(fg_call_json(call, 200), sql);
    fg_sql_done(sql);
    return FG_OK;
}
static enum fg_code get_run(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_one, err);
}

static const struct fg_response result_responses[] = {
    {200, "The result, as the command line writes it", NULL, "application/octet-stream", NULL},
    {409, "The run has not ended, or ended without a result", NULL, NULL, NULL},
    {0}};
static enum fg_code put_result(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_text content;
    int64_t id;
    fg_text_init(&content);
    enum fg_code code = fg_call_id(call, "run", FG_ID_RUN, &id, err);
    if (code == FG_OK)
        code = fg_run_result(registry, id, &content, err);
    if (code == FG_OK)
        fg_call_bytes(call, 200, "application/octet-stream", content.data, content.length);
    fg_text_release(&content);
    return code;
}
static enum fg_code get_result(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_result, err);
}

static const struct fg_field line_fields[] = {{"line", &fg_schema_count, "From 1", FG_REQUIRED},
                                              {"time", &fg_schema_instant, "Written at", FG_REQUIRED},
                                              {"text", &long_text, "What happened", FG_REQUIRED}};
static const struct fg_schema line_schema = FG_OBJECT("RunLogLine", "A line of a run's log", line_fields);
FG_PAGE_SCHEMA(line_page, &line_schema, "RunLogPage", "A run's log");
static const struct fg_response log_responses[] = {{200, "Lines in order", &line_page, NULL, NULL}, {0}};
static const struct fg_column line_columns[] = {{"line", FG_COLUMN_COUNT, FG_ID_RUN, NULL}, {"time", FG_COLUMN_INSTANT, FG_ID_RUN, NULL},
                                                {"text", FG_COLUMN_TEXT, FG_ID_RUN, NULL}, {0}};
static const struct fg_rows log_rows = {
    "SELECT l.line, l.line, l.time_us, l.text FROM run_log l JOIN run r ON r.id = l.run_id "
    "WHERE l.run_id = $5 AND l.line > $3 AND " MAY_SEE " ORDER BY l.line LIMIT $4",
    line_columns, "run", FG_ID_RUN};

static const struct fg_response accepted_responses[] = {{204, "Asked for; the run ends soon", NULL, NULL, NULL}, {0}};
static enum fg_code cancel_it(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "run", FG_ID_RUN, &id, err);
    if (code == FG_OK)
        code = fg_run_cancel(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code cancel_run(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, cancel_it, err);
}

static const struct fg_operation operations[] = {
    {.id = "start-run", .method = FG_POST, .path = "/v1/runs", .api = FG_API_DFMCT, .tag = "Runs",
     .summary = "Compute a power flow or an optimal power flow", .right = "runs.manage", .flags = FG_KEY_IN_TRANSACTION,
     .description = "The run waits for a worker; look at it with get-run, or wait for the area's event run.done or run.failed.",
     .request = &new_run, .request_example = "{\"kind\": \"opf\", \"network\": \"net-1\", \"physics\": \"dc\"}",
     .responses = made_responses, .handle = start_run},
    {.id = "start-clearing", .method = FG_POST, .path = "/v1/networks/{network}/clearings", .api = FG_API_DFMCT, .tag = "Runs",
     .summary = "Clear a market document on a stored network", .right = "runs.manage", .path_params = network_path,
     .query_params = clearing_query, .request_media = "application/octet-stream", .max_body_bytes = (size_t)32 << 20,
     .description = "The body is a market file (docs/market-format.md). Nothing is traded: the result is for study.",
     .responses = made_responses, .handle = start_clearing},
    {.id = "list-runs", .method = FG_GET, .path = "/v1/runs", .api = FG_API_DFMCT, .tag = "Runs", .summary = "Own runs, newest first",
     .right = "runs.read", .flags = FG_OP_PAGED, .query_params = run_query, .responses = run_page_responses, .handle = list_runs},
    {.id = "get-run", .method = FG_GET, .path = "/v1/runs/{run}", .api = FG_API_DFMCT, .tag = "Runs", .summary = "One run",
     .right = "runs.read", .path_params = run_path, .responses = run_responses, .handle = get_run},
    {.id = "get-run-result", .method = FG_GET, .path = "/v1/runs/{run}/result", .api = FG_API_DFMCT, .tag = "Runs",
     .summary = "The result's document", .right = "runs.read", .path_params = run_path, .responses = result_responses,
     .description = "JSON as `flexgrid powerflow`, `opf` and `clear` write it with --json. 409 until the run has ended.",
     .handle = get_result},
    {.id = "get-run-log", .method = FG_GET, .path = "/v1/runs/{run}/log", .api = FG_API_DFMCT, .tag = "Runs", .summary = "What happened",
     .right = "runs.read", .flags = FG_OP_PAGED, .path_params = run_path, .responses = log_responses, .handle = fg_rows_list, .rows = &log_rows},
    {.id = "cancel-run", .method = FG_POST, .path = "/v1/runs/{run}/cancel", .api = FG_API_DFMCT, .tag = "Runs", .summary = "Cancel a run",
     .right = "runs.manage", .flags = FG_KEY_IN_TRANSACTION, .path_params = run_path, .responses = accepted_responses,
     .description = "A run that waits ends at once; one that is being worked on when its solver next looks. The auction that a run "
                    "clears is then failed.",
     .handle = cancel_run},
};
const struct fg_operation_set fg_runs_operations = FG_OPERATIONS(operations);
