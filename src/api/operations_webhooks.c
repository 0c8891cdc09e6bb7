/* Operations of webhooks: making and ending them, secrets, a trial, the last deliveries. */
#include "api/operations_gateway.h"

#include "api/rows.h"
#include "atp/query.h"
#include "base/instant.h"
#include "gateway/webhook.h"

#include <stdio.h>
#include <string.h>

#define WEBHOOKS .api = FG_API_ATP, .tag = "Webhooks"

static const char *const status_words[] = {"active", "disabled", NULL};
static const char *const outcome_words[] = {"delivered", "refused", "failed", NULL};
static const struct fg_schema url_text = FG_TEXT(8, 2000);
static const struct fg_schema kinds_text = FG_TEXT(0, 1000);
static const struct fg_schema short_text = FG_TEXT(0, 400);
static const struct fg_schema http_status = FG_INTEGER(0, 999);
static const struct fg_schema secret_text = FG_TEXT(1, 100);
static const struct fg_schema status_schema = FG_ENUM("WebhookStatus", "Whether events are sent", status_words);
static const struct fg_schema outcome_schema = FG_ENUM("DeliveryOutcome", "refused: its address may not be called", outcome_words);
static const struct fg_param webhook_path[] = {{"webhook", &fg_schema_id, "Webhook", true}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};

/* ---- making ---- */
static const struct fg_field new_fields[] = {
    {"area", &fg_schema_id, "Market area whose events are sent", FG_REQUIRED},
    {"url", &url_text, "https address of the receiver", FG_REQUIRED},
    {"kinds", &kinds_text, "Event types separated by blanks; absent or empty: all", 0},
};
static const struct fg_schema new_schema = FG_OBJECT("NewWebhook", "Where events are sent", new_fields);
static const struct fg_field secret_fields[] = {
    {"id", &fg_schema_id, "Webhook", FG_REQUIRED},
    {"secret", &secret_text, "Key of the signatures; it is told this once", FG_REQUIRED},
};
static const struct fg_schema secret_schema = FG_OBJECT("WebhookSecret", "A webhook's secret", secret_fields);
#define SECRET_EXAMPLE "{\"id\":\"whk-1\",\"secret\":\"whs_0123\"}"
static const struct fg_response made_responses[] = {{201, "Made", &secret_schema, NULL, SECRET_EXAMPLE}, {0}};
static const struct fg_response rotated_responses[] = {{200, "The new secret; the old one signs too for a day", &secret_schema, NULL, SECRET_EXAMPLE}, {0}};

static void put_secret(struct fg_call *call, int status, int64_t id, char *secret)
{
    char text[FG_ID_TEXT];
    struct fg_json_writer *out = fg_call_json(call, status);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "id", fg_id_text(FG_ID_WEBHOOK, id, text));
    fg_json_put_string(out, "secret", secret);
    fg_json_end_object(out);
    fg_secret_wipe(secret, FG_WEBHOOK_SECRET_TEXT);
}

static enum fg_code take_new(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct fg_json_cursor body = fg_call_body(call);
    char secret[FG_WEBHOOK_SECRET_TEXT];
    int64_t area, id;
    enum fg_code code = fg_member_id(&body, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_webhook_create(registry, &application->outbound, area, fg_member_text(&body, "url", ""), fg_member_text(&body, "kinds", ""),
                                 &id, secret, err);
    if (code == FG_OK)
        put_secret(call, 201, id, secret);
    return code;
}
static enum fg_code create_webhook(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_new, err);
}

static enum fg_code take_rotation(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    char secret[FG_WEBHOOK_SECRET_TEXT];
    int64_t id;
    enum fg_code code = fg_call_id(call, "webhook", FG_ID_WEBHOOK, &id, err);
    if (code == FG_OK)
        code = fg_webhook_rotate(registry, id, secret, err);
    if (code == FG_OK)
        put_secret(call, 200, id, secret);
    return code;
}
static enum fg_code rotate_webhook(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_rotation, err);
}

static enum fg_code take_command(struct fg_call *call, struct fg_registry *registry,
                                 enum fg_code (*command)(struct fg_registry *, int64_t, struct fg_error *), struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "webhook", FG_ID_WEBHOOK, &id, err);
    if (code == FG_OK)
        code = command(registry, id, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code take_end(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return take_command(call, registry, fg_webhook_delete, err);
}
static enum fg_code delete_webhook(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_end, err);
}
static enum fg_code take_resume(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return take_command(call, registry, fg_webhook_resume, err);
}
static enum fg_code resume_webhook(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    enum fg_code code = fg_call_change(call, take_resume, err);
    if (code == FG_OK)
        fg_gateway_wake(application->gateway);
    return code;
}

/* ---- reading ---- */
static const struct fg_field webhook_fields[] = {
    {"id", &fg_schema_id, "Webhook", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"url", &url_text, "Receiver", FG_REQUIRED},
    {"kinds", &kinds_text, "Event types; empty: all", FG_REQUIRED},
    {"status", &status_schema, "active, or disabled with a reason", FG_REQUIRED},
    {"reason", &short_text, "Why it is disabled", FG_REQUIRED | FG_NULLABLE},
    {"position", &fg_schema_count, "Last event of the area that it is done with", FG_REQUIRED},
    {"attempts", &fg_schema_count, "Of the event after it", FG_REQUIRED},
    {"failing_since", &fg_schema_instant, "No delivery succeeds since", FG_REQUIRED | FG_NULLABLE},
    {"next_attempt", &fg_schema_instant, "Not before", FG_REQUIRED | FG_NULLABLE},
    {"created_at", &fg_schema_instant, "Made", FG_REQUIRED},
};
static const struct fg_schema webhook_schema = FG_OBJECT("Webhook", "An address that events are sent to", webhook_fields);
FG_PAGE_SCHEMA(webhook_page, &webhook_schema, "WebhookPage", "Webhooks");
#define WEBHOOK_EXAMPLE                                                                                                \
    "{\"id\":\"whk-1\",\"area\":\"area-1\",\"url\":\"https://hooks.example/flexgrid\",\"kinds\":\"trade.concluded\",\"status\":\"active\","    \
    "\"reason\":null,\"position\":4711,\"attempts\":0,\"failing_since\":null,\"next_attempt\":null,\"created_at\":\"2025-03-29T12:00:00Z\"}"
static const struct fg_response page_responses[] = {{200, "One's own webhooks", &webhook_page, NULL, "{\"items\":[" WEBHOOK_EXAMPLE "],\"next\":null}"}, {0}};
static const struct fg_response webhook_responses[] = {{200, "The webhook", &webhook_schema, NULL, WEBHOOK_EXAMPLE}, {0}};
static const struct fg_column webhook_columns[] = {
    {"id", FG_COLUMN_ID, FG_ID_WEBHOOK, NULL}, {"area", FG_COLUMN_ID, FG_ID_AREA, NULL}, {"url", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"kinds", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"status", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"position", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"attempts", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
    {"failing_since", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"next_attempt", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
    {"created_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {0}};
#define WEBHOOK_SELECT                                                                                                 \
    "SELECT id, id, area_id, url, kinds, status, reason, position, attempts, failing_since_us, CASE WHEN attempts > 0 THEN next_us END, " \
    "created_us FROM webhook WHERE organisation_id = $1 AND ($2 = 0 OR $2 = 1) AND id > $3 AND ($5 = 0 OR id = $5) ORDER BY id LIMIT $4"
static const struct fg_rows webhooks_rows = {
    WEBHOOK_SELECT,
    webhook_columns, NULL, 0};
static enum fg_code put_webhook(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_call_id(call, "webhook", FG_ID_WEBHOOK, &id, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_rows_one(call, registry, WEBHOOK_SELECT, webhook_columns, id, err), FG_ID_WEBHOOK, id,
                                 "webhook of yours,", err);
    return code;
}
static enum fg_code get_webhook(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_webhook, err);
}

static const struct fg_field delivery_fields[] = {
    {"sequence", &fg_schema_count, "Event of the area; 0: a ping", FG_REQUIRED},
    {"type", &short_text, "Its type", FG_REQUIRED},
    {"attempt", &fg_schema_count, "Of this event", FG_REQUIRED},
    {"outcome", &outcome_schema, "What became of it", FG_REQUIRED},
    {"status", &http_status, "HTTP status; 0: no answer", FG_REQUIRED},
    {"text", &short_text, "In words", FG_REQUIRED},
    {"started_at", &fg_schema_instant, "Sent", FG_REQUIRED},
    {"milliseconds", &fg_schema_count, "Until the answer", FG_REQUIRED},
};
static const struct fg_schema delivery_schema = FG_OBJECT("WebhookDelivery", "An attempt to send an event", delivery_fields);
FG_PAGE_SCHEMA(delivery_page, &delivery_schema, "WebhookDeliveryPage", "Attempts, oldest first");
#define DELIVERY_EXAMPLE                                                                                               \
    "{\"sequence\":4711,\"type\":\"trade.concluded\",\"attempt\":1,\"outcome\":\"delivered\",\"status\":204,\"text\":\"\",\"started_at\":"    \
    "\"2025-03-29T12:00:00Z\",\"milliseconds\":41}"
static const struct fg_response delivery_responses[] = {
    {200, "The last 100", &delivery_page, NULL, "{\"items\":[" DELIVERY_EXAMPLE "],\"next\":null}"}, {0}};
static const struct fg_column delivery_columns[] = {
    {"sequence", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"type", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"attempt", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
    {"outcome", FG_COLUMN_TEXT, FG_ID_AREA, NULL}, {"status", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {"text", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
    {"started_at", FG_COLUMN_INSTANT, FG_ID_AREA, NULL}, {"milliseconds", FG_COLUMN_COUNT, FG_ID_AREA, NULL}, {0}};
static enum fg_code put_deliveries(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_webhook_target target;
    int64_t id;
    enum fg_code code = fg_call_id(call, "webhook", FG_ID_WEBHOOK, &id, err);
    if (code == FG_OK)
        code = fg_webhook_target(registry, id, &target, err);
    fg_secret_wipe(&target, sizeof target);
    return code == FG_OK ? fg_rows_page(call, registry,
                                                 "SELECT d.id, d.sequence, d.type, d.attempt, d.outcome, d.status, d.text, d.started_us, "
                                                 "d.duration_us / 1000 FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id WHERE "
                                                 "w.organisation_id = $1 AND ($2 = 0 OR $2 = 1) AND d.id > $3 AND d.webhook_id = $5 ORDER BY d.id LIMIT $4",
                                                 delivery_columns, id, err)
                         : code;
}
static enum fg_code list_deliveries(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_deliveries, err);
}

/* ---- a trial ---- */
static const struct fg_response ping_responses[] = {
    {200, "What became of it", &delivery_schema, NULL,
     "{\"sequence\":0,\"type\":\"ping\",\"attempt\":1,\"outcome\":\"delivered\",\"status\":204,\"text\":\"\",\"started_at\":\"2025-03-29T12:00:00Z\","
     "\"milliseconds\":41}"},
    {0}};
struct ping {
    struct fg_call *call;
    struct fg_webhook_target target;
    struct fg_webhook_outcome outcome;
};
static enum fg_code load_target(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct ping *ping = context;
    int64_t id;
    enum fg_code code = fg_call_id(ping->call, "webhook", FG_ID_WEBHOOK, &id, err);
    return code == FG_OK ? fg_webhook_target(registry, id, &ping->target, err) : code;
}
static enum fg_code note_ping(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct ping *ping = context;
    int64_t found;
    if (fg_query_number(registry->store, &found, err, "SELECT id FROM webhook WHERE id = $1", "i", ping->target.id) != FG_OK)
        return FG_OK; /* deleted meanwhile */
    return fg_webhook_note(registry->store, ping->target.id, 0, 1, "ping", &ping->outcome, err);
}
static enum fg_code ping_webhook(struct fg_call *call, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    struct ping ping = {.call = call};
    char body[100], id[FG_ID_TEXT], instant[FG_INSTANT_TEXT];
    const struct fg_principal *who = fg_call_principal(call);
    enum fg_code code = fg_registry_run(application->platform, who, FG_STORE_READ, load_target, &ping, err);
    if (code != FG_OK)
        return code;
    snprintf(body, sizeof body, "{\"webhook\":\"%s\",\"type\":\"ping\"}", fg_id_text(FG_ID_WEBHOOK, ping.target.id, id));
    code = fg_webhook_post(&application->outbound, &ping.target, "ping", body, fg_platform_now_us(application->platform), NULL, &ping.outcome, err);
    if (code == FG_OK)
        code = fg_registry_run(application->platform, who, FG_STORE_WRITE, note_ping, &ping, err);
    fg_secret_wipe(&ping.target, sizeof ping.target);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "sequence", 0);
    fg_json_put_string(out, "type", "ping");
    fg_json_put_integer(out, "attempt", 1);
    fg_json_put_string(out, "outcome", ping.outcome.is_delivered ? "delivered" : ping.outcome.is_refused ? "refused" : "failed");
    fg_json_put_integer(out, "status", ping.outcome.status);
    fg_json_put_string(out, "text", ping.outcome.text);
    fg_json_put_string(out, "started_at", fg_instant_format(ping.outcome.started_us / 1000000, instant));
    fg_json_put_integer(out, "milliseconds", ping.outcome.duration_us / 1000);
    fg_json_end_object(out);
    return FG_OK;
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "create-webhook", .method = FG_POST, .path = "/v1/webhooks", WEBHOOKS, .summary = "Have an area's events sent to an address",
     .description = "Signed, in order, from the next event on; see docs/webhooks.md. The secret is told once.", .right = "webhooks.manage",
     .request = &new_schema, .request_example = "{\"area\":\"area-1\",\"url\":\"https://hooks.example/flexgrid\",\"kinds\":\"trade.concluded\"}",
     .responses = made_responses, .handle = create_webhook},
    {.id = "list-webhooks", .method = FG_GET, .path = "/v1/webhooks", WEBHOOKS, .summary = "One's own webhooks", .right = "webhooks.manage",
     .flags = FG_OP_PAGED, .responses = page_responses, .handle = fg_rows_list, .rows = &webhooks_rows},
    {.id = "get-webhook", .method = FG_GET, .path = "/v1/webhooks/{webhook}", WEBHOOKS, .summary = "One webhook",
     .right = "webhooks.manage", .path_params = webhook_path, .responses = webhook_responses, .handle = get_webhook},
    {.id = "delete-webhook", .method = FG_DELETE, .path = "/v1/webhooks/{webhook}", WEBHOOKS, .summary = "End a webhook", .right = "webhooks.manage",
     .path_params = webhook_path, .responses = done_responses, .handle = delete_webhook},
    {.id = "rotate-webhook-secret", .method = FG_POST, .path = "/v1/webhooks/{webhook}/rotate", WEBHOOKS, .summary = "Exchange the secret",
     .right = "webhooks.manage", .path_params = webhook_path, .responses = rotated_responses, .handle = rotate_webhook},
    {.id = "resume-webhook", .method = FG_POST, .path = "/v1/webhooks/{webhook}/resume", WEBHOOKS, .summary = "Send again after it was disabled",
     .right = "webhooks.manage", .path_params = webhook_path, .responses = done_responses, .handle = resume_webhook},
    {.id = "ping-webhook", .method = FG_POST, .path = "/v1/webhooks/{webhook}/ping", WEBHOOKS, .summary = "Send a trial, signed like an event",
     .right = "webhooks.manage", .path_params = webhook_path, .responses = ping_responses, .handle = ping_webhook},
    {.id = "list-webhook-deliveries", .method = FG_GET, .path = "/v1/webhooks/{webhook}/deliveries", WEBHOOKS, .summary = "Last attempts",
     .right = "webhooks.manage", .flags = FG_OP_PAGED, .path_params = webhook_path, .responses = delivery_responses, .handle = list_deliveries},
};
const struct fg_operation_set fg_webhook_operations = FG_OPERATIONS(operations);
