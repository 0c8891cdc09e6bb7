/* The table of runs: what is asked for, and how a run ends. The work is in run_work.c. */
#include "atp/run_internal.h"

#include "atp/engine_internal.h"
#include "atp/query.h"
#include "base/json.h"
#include "store/document.h"
#include "toolkit/dfmct/service.h"

#include <stdio.h>
#include <string.h>

const char *const fg_run_kind_words[] = {"powerflow", "opf", "clear", "auction", NULL};
const char *const fg_run_state_words[] = {"queued", "running", "done", "failed", "cancelled", NULL};

/* ---- asking ---- */

enum fg_code fg_run_create(struct fg_registry *registry, const struct fg_run_request *request, int64_t *id,
                           struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &area, err,
                        "SELECT area_id FROM network WHERE id = $1 AND (organisation_id = $2 OR $3 = 1)", "iii", request->network,
                        fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
        FG_ID_NETWORK, request->network, "network", err);
    if (code == FG_OK && request->market != NULL)
        code = fg_service_check_market(request->market, request->market_length, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_RUN, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO run (id, area_id, kind, organisation_id, user_id, state, progress, phase, input, network_id, "
                         "claim, lease_us, is_recorded, is_unwanted, created_us) VALUES ($1, $2, $3, $4, $5, 'queued', 0, "
                         "'waiting', $6, $7, 0, 0, 0, 0, $8)",
                         "iitiitii", *id, area, request->kind, fg_registry_party(registry), registry->actor.user, request->input,
                         request->network, registry->now_us);
    if (code == FG_OK && request->market != NULL) {
        struct fg_document document = {.kind = FG_RUN_DOCUMENT_INPUT, .created_us = registry->now_us};
        fg_id_text(FG_ID_RUN, *id, document.name);
        code = fg_document_put(registry->store, &document, "", request->market, request->market_length, err);
    }
    if (code == FG_OK)
        code = run_log(registry->store, *id, registry->now_us, "asked for", err);
    return code == FG_OK ? fg_registry_audit(registry, "run.create", FG_ID_RUN, *id, NULL, err) : code;
}

#define OWN_RUN                                                                                                        \
    "(r.organisation_id = $2 OR (r.auction_id IS NOT NULL AND EXISTS (SELECT 1 FROM area a WHERE a.id = r.area_id AND "   \
    "a.operator_id = $2)))"

enum fg_code fg_run_cancel(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT r.state FROM run r WHERE r.id = $1 AND " OWN_RUN, "ii", id,
                     fg_registry_party(registry)),
        FG_ID_RUN, id, "run", err);
    if (code != FG_OK)
        return code;
    const char *state = fg_sql_column_text(sql, 0);
    bool is_live = strcmp(state, "queued") == 0 || strcmp(state, "running") == 0;
    fg_sql_done(sql);
    if (!is_live)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the run has ended already");
    code = fg_change(registry->store, NULL, err, "UPDATE run SET is_unwanted = 1 WHERE id = $1", "i", id);
    if (code == FG_OK)
        code = run_log(registry->store, id, registry->now_us, "cancellation asked for", err);
    return code == FG_OK ? fg_registry_audit(registry, "run.cancel", FG_ID_RUN, id, NULL, err) : code;
}

enum fg_code fg_run_result(struct fg_registry *registry, int64_t id, struct fg_text *content, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_document document;
    char name[FG_ID_TEXT];
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT r.result_version, r.state FROM run r WHERE r.id = $1 AND (" OWN_RUN " OR ($3 = 1 AND r.auction_id IS "
                     "NOT NULL))",
                     "iii", id, fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
        FG_ID_RUN, id, "run", err);
    if (code != FG_OK)
        return code;
    int64_t version = fg_sql_column_int64(sql, 0);
    bool has_ended = strcmp(fg_sql_column_text(sql, 1), "done") == 0 || strcmp(fg_sql_column_text(sql, 1), "failed") == 0;
    fg_sql_done(sql);
    if (version == 0 || !has_ended)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       has_ended ? "the run gave no result; see its cause and log" : "the run has not ended; ask again later");
    return fg_document_get(registry->store, FG_RUN_DOCUMENT_RESULT, fg_id_text(FG_ID_RUN, id, name), version, &document, NULL,
                           content, err);
}

/* ---- log, fence ---- */

enum fg_code run_log(struct fg_store *store, int64_t run, int64_t now_us, const char *text, struct fg_error *err)
{
    return fg_change(store, NULL, err,
                     "INSERT INTO run_log (run_id, line, time_us, text) VALUES ($1, (SELECT COALESCE(MAX(line), 0) + 1 FROM "
                     "run_log WHERE run_id = $1), $2, $3)",
                     "iit", run, now_us, text);
}

enum fg_code run_fence(struct fg_store *store, const struct run_job *job, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = fg_change(store, &changes, err,
                                  "UPDATE run SET claim = claim WHERE id = $1 AND claim = $2 AND state = 'running'", "ii", job->id,
                                  job->claim);
    return code == FG_OK && changes == 0 ? fg_fail(err, FG_ERR_FENCED, NULL, "another server has taken the run") : code;
}

/* ---- the end ---- */

struct ending {
    int64_t run, claim;
    const char *state, *cause;
};

enum fg_refusal run_end_inside(struct engine_area *area, int64_t run, int64_t claim, const char *state, const char *cause,
                               struct fg_error *err, enum fg_code *code)
{
    struct fg_sql *sql;
    struct fg_text text;
    struct fg_json_writer out;
    char name[FG_ID_TEXT], scope[FG_ID_TEXT], kind[16];
    int64_t now_us = area->command->time_us;
    *code = fg_query_one(area->store, &sql, err,
                         "SELECT kind, organisation_id FROM run WHERE id = $1 AND claim = $2 AND state IN ('queued', 'running') AND "
                         "area_id = $3",
                         "iii", run, claim, area->id);
    if (*code == FG_ERR_NOT_FOUND) {
        *code = FG_OK;
        return engine_refuse(err, FG_REFUSAL_STATE, "the run has ended or was taken by another server");
    }
    if (*code != FG_OK)
        return FG_REFUSAL_NONE;
    snprintf(kind, sizeof kind, "%s", fg_sql_column_text(sql, 0));
    fg_id_text(FG_ID_ORGANISATION, fg_sql_column_int64(sql, 1), scope);
    fg_sql_done(sql);
    *code = fg_change(area->store, NULL, err,
                      "UPDATE run SET state = $2, progress = CASE WHEN $2 = 'done' THEN 100 ELSE progress END, phase = $2, cause = "
                      "$3, ended_us = $4, holder = NULL WHERE id = $1",
                      "itti", run, state, cause, now_us);
    if (*code == FG_OK)
        *code = run_log(area->store, run, now_us, cause != NULL ? cause : state, err);
    if (*code != FG_OK)
        return FG_REFUSAL_NONE;
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "run", fg_id_text(FG_ID_RUN, run, name));
    fg_json_put_string(&out, "kind", kind);
    fg_json_put_string(&out, "state", state);
    if (cause != NULL)
        fg_json_put_string(&out, "cause", cause);
    fg_json_end_object(&out);
    *code = text.failed ? fg_fail_memory(err)
                        : engine_write_message(area, strcmp(state, "done") == 0      ? "run.done"
                                                    : strcmp(state, "failed") == 0 ? "run.failed"
                                                                                   : "run.cancelled",
                                              now_us, scope, text.data, err);
    fg_text_release(&text);
    return FG_REFUSAL_NONE;
}

static enum fg_refusal apply_end(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    const struct ending *ending = command->service_data;
    return run_end_inside(area, ending->run, ending->claim, ending->state, ending->cause, &command->err, code);
}
static const struct fg_command_service end_service = {"run.end", apply_end};

enum fg_code run_end(struct fg_runs *runs, int64_t area, int64_t run, int64_t claim, const char *state, const char *cause,
                     struct fg_error *err)
{
    struct ending ending = {run, claim, state, cause};
    struct fg_command command = {.kind = FG_COMMAND_SERVICE, .service = &end_service, .service_data = &ending};
    fg_id_text(FG_ID_RUN, run, command.object);
    return fg_exchange_run(runs->options.exchange, area, &command, err);
}
