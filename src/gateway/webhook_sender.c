/* The threads that send webhooks. Each has a share of them (by number) and a lease of its own, so that one node sends; the
 * transaction that records a delivery moves the webhook's position and fails when the lease has passed to another node. An event is
 * sent again when it is not known that it was recorded: receivers know it by area and sequence. */
#include "gateway/gateway_internal.h"

#include "atp/id.h"
#include "atp/query.h"
#include "atp/rights.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "gateway/forward.h"
#include "gateway/webhook.h"

#include <stdio.h>
#include <string.h>

enum { WEBHOOKS_AT_ONCE = 200, EVENTS_AT_ONCE = 100, SENT_AT_ONCE = 20, LONGEST_S = 3600, LEASE_S = 30, RETRY_S = 5 };

struct webhook {
    struct fg_webhook_target target;
    char kinds[FG_WEBHOOK_KINDS_TEXT], incarnation[FG_INCARNATION_TEXT];
    int64_t position, attempts, failing_since_us;
    struct fg_principal owner; /* as it is now */
    bool is_owner_active, is_operator; /* operator: of the area */
};
struct event {
    int64_t sequence, time_us;
    char type[64], scope[FG_ID_TEXT];
    bool has_scope;
    struct fg_text data;
};
struct sender {
    int share;
    struct gateway_lease held;
    int64_t ids[WEBHOOKS_AT_ONCE];
    size_t id_count;
    struct webhook webhook;
    struct event events[EVENTS_AT_ONCE];
    size_t event_count;
    int64_t oldest;             /* sequence still kept; 0: none */
    char incarnation[FG_INCARNATION_TEXT];
    int64_t newest;
};

/* -- reading --------------------------------------------------------------------------------------------------------- */

/* Webhooks that have not had all events of their area. */
static enum fg_code read_ids(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct sender *sender = context;
    struct fg_sql *sql;
    bool row;
    sender->id_count = 0;
    enum fg_code code = fg_store_incarnation(store, sender->incarnation, err);
    if (code == FG_OK)
        code = fg_query(store, &sql, err,
                        "SELECT w.id FROM webhook w LEFT JOIN area_state s ON s.area_id = w.area_id WHERE w.status = 'active' AND w.next_us <= $1 "
                        "AND w.id % $2 = $3 AND (w.position <> COALESCE(s.event_sequence, 0) OR w.incarnation <> $4) ORDER BY w.next_us, w.id "
                        "LIMIT $5",
                        "iiiti", fg_platform_now_us(platform), (int64_t)GATEWAY_SENDERS, (int64_t)sender->share, sender->incarnation,
                        (int64_t)WEBHOOKS_AT_ONCE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        sender->ids[sender->id_count++] = fg_sql_column_int64(sql, 0);
    return code;
}

static void take_webhook(struct fg_platform *platform, struct webhook *webhook, const struct fg_sql *sql)
{
    size_t size;
    struct fg_webhook_target *target = &webhook->target;
    target->area = fg_sql_column_int64(sql, 0);
    target->organisation = fg_sql_column_int64(sql, 1);
    snprintf(target->url, sizeof target->url, "%s", fg_sql_column_text(sql, 2));
    snprintf(webhook->kinds, sizeof webhook->kinds, "%s", fg_sql_column_text(sql, 3));
    const void *sealed = fg_sql_column_blob(sql, 4, &size);
    if (fg_webhook_unseal(platform, sealed, size, target->secret, NULL) != FG_OK)
        target->secret[0] = '\0';
    sealed = fg_sql_column_blob(sql, 5, &size);
    target->before[0] = '\0';
    if (size > 0 && fg_sql_column_int64(sql, 6) > fg_platform_now_us(platform))
        fg_webhook_unseal(platform, sealed, size, target->before, NULL);
    snprintf(webhook->incarnation, sizeof webhook->incarnation, "%s", fg_sql_column_text(sql, 7));
    webhook->position = fg_sql_column_int64(sql, 8);
    webhook->attempts = fg_sql_column_int64(sql, 9);
    webhook->failing_since_us = fg_sql_column_int64(sql, 10);
    webhook->owner = (struct fg_principal){.roles = (uint32_t)fg_sql_column_int64(sql, 11), .duties = (uint32_t)fg_sql_column_int64(sql, 12)};
    fg_id_text(FG_ID_ORGANISATION, target->organisation, webhook->owner.organisation);
    webhook->is_owner_active = fg_sql_column_int64(sql, 13) == 1;
    webhook->is_operator = fg_sql_column_int64(sql, 14) == target->organisation;
}

static void take_event(struct event *event, const struct fg_sql *sql)
{
    event->sequence = fg_sql_column_int64(sql, 0);
    event->time_us = fg_sql_column_int64(sql, 1);
    snprintf(event->type, sizeof event->type, "%s", fg_sql_column_text(sql, 2));
    event->has_scope = !fg_sql_column_is_null(sql, 3);
    snprintf(event->scope, sizeof event->scope, "%s", event->has_scope ? fg_sql_column_text(sql, 3) : "");
    event->data.length = 0;
    fg_text_puts(&event->data, fg_sql_column_text(sql, 4));
}

static enum fg_code read_webhook(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct sender *sender = context;
    struct webhook *webhook = &sender->webhook;
    struct fg_sql *sql;
    bool row;
    sender->event_count = 0;
    enum fg_code code = fg_query_one(
        store, &sql, err,
        "SELECT w.area_id, w.organisation_id, w.url, w.kinds, w.secret, w.secret_before, w.before_until_us, w.incarnation, w.position, "
        "w.attempts, w.failing_since_us, o.roles, u.duties, CASE WHEN o.status = 'active' AND u.status = 'active' AND u.organisation_id = "
        "w.organisation_id THEN 1 ELSE 0 END, a.operator_id FROM webhook w JOIN organisation o ON o.id = w.organisation_id JOIN app_user u "
        "ON u.id = w.created_by JOIN area a ON a.id = w.area_id WHERE w.id = $1 AND w.status = 'active'",
        "i", webhook->target.id);
    if (code != FG_OK)
        return code;
    take_webhook(platform, webhook, sql);
    fg_sql_done(sql);
    code = fg_store_incarnation(store, sender->incarnation, err);
    if (code == FG_OK)
        code = fg_query_number(store, &sender->oldest, err, "SELECT COALESCE(MIN(sequence), 0) FROM event WHERE area_id = $1", "i",
                               webhook->target.area);
    if (code == FG_OK)
        code = fg_query_number(store, &sender->newest, err,
                               "SELECT COALESCE((SELECT event_sequence FROM area_state WHERE area_id = $1), 0) FROM area WHERE id = $1", "i",
                               webhook->target.area);
    if (code == FG_OK)
        code = fg_query(store, &sql, err,
                        "SELECT sequence, time_us, type, scope, data FROM event WHERE area_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
                        "iii", webhook->target.area, webhook->position, (int64_t)EVENTS_AT_ONCE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct event *event = &sender->events[sender->event_count++];
        take_event(event, sql);
        if (event->data.failed) {
            fg_sql_done(sql);
            event->data.failed = false;
            return fg_fail_memory(err);
        }
    }
    return code;
}

/* -- recording ------------------------------------------------------------------------------------------------------- */

/* What a delivery, or its failure, changes; one leased transaction. `event` NULL: only the position moves. */
struct step {
    const struct event *event;
    const struct fg_webhook_outcome *outcome;
    int64_t position, next_us;
    bool is_disabled;
    const char *reason, *incarnation;
};

static enum fg_code write_step(struct sender *sender, const struct step *step, struct fg_error *err)
{
    const struct webhook *webhook = &sender->webhook;
    bool is_failure = step->outcome != NULL && !step->outcome->is_delivered;
    int64_t changes = 0;
    enum fg_code code = fg_change(
        sender->held.store, &changes, err,
        "UPDATE webhook SET position = $3, incarnation = $4, attempts = $5, next_us = $6, failing_since_us = $7, status = $8, reason = $9 "
        "WHERE id = $1 AND status = 'active' AND position = $2",
        "iiitiiott", webhook->target.id, webhook->position, step->position, step->incarnation, is_failure ? webhook->attempts + 1 : (int64_t)0,
        step->next_us, is_failure ? (webhook->failing_since_us != 0 ? webhook->failing_since_us : step->outcome->started_us) : (int64_t)0,
        step->is_disabled ? "disabled" : "active", step->reason);
    if (code == FG_OK && changes == 0)
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "the webhook was deleted or disabled meanwhile");
    if (code == FG_OK && step->outcome != NULL)
        code = fg_webhook_note(sender->held.store, webhook->target.id, step->event->sequence, webhook->attempts + 1, step->event->type,
                               step->outcome, err);
    return code;
}

static enum fg_code record(struct sender *sender, const struct step *step, struct fg_error *err)
{
    enum fg_code code = fg_lease_begin(sender->held.store, &sender->held.lease, err);
    if (code != FG_OK)
        return code;
    code = write_step(sender, step, err);
    if (code == FG_OK)
        code = fg_store_commit(sender->held.store, err);
    else
        fg_store_rollback(sender->held.store);
    return code;
}

static void tell_owner(struct fg_gateway *gateway, const struct webhook *webhook, const char *reason)
{
    struct fg_forward forward = {.exchange = gateway->options.exchange, .area = webhook->target.area};
    struct fg_text data;
    struct fg_json_writer out;
    char id[FG_ID_TEXT];
    fg_text_init(&data);
    fg_json_writer_init(&out, &data, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "webhook", fg_id_text(FG_ID_WEBHOOK, webhook->target.id, id));
    fg_json_put_string(&out, "reason", reason);
    fg_json_end_object(&out);
    if (!data.failed) /* where the area is not served the list of webhooks tells it */
        fg_forward_tell(&forward, "webhook.disabled", webhook->target.organisation, data.data, NULL);
    fg_text_release(&data);
    fg_log(FG_LOG_WARNING, "webhook.disabled", FG_LOG_NUMBER("webhook", webhook->target.id), FG_LOG_TEXT("reason", reason));
}

static enum fg_code disable(struct sender *sender, struct fg_gateway *gateway, const char *reason, struct fg_error *err)
{
    struct step step = {.position = sender->webhook.position, .incarnation = sender->webhook.incarnation, .is_disabled = true,
                        .reason = reason};
    enum fg_code code = record(sender, &step, err);
    if (code == FG_OK)
        tell_owner(gateway, &sender->webhook, reason);
    return code;
}

/* -- one webhook ----------------------------------------------------------------------------------------------------- */

static bool may_read(const struct webhook *webhook, const struct event *event)
{
    return !event->has_scope || strcmp(event->scope, webhook->owner.organisation) == 0 || fg_rights_scope(event->scope, &webhook->owner) ||
           (webhook->owner.roles & FG_BIT(FG_ROLE_REGULATOR)) != 0 ||
           ((webhook->owner.roles & FG_BIT(FG_ROLE_FMO)) != 0 && webhook->is_operator);
}

static bool is_wanted(const struct webhook *webhook, const char *type)
{
    size_t length = strlen(type);
    const char *at = webhook->kinds;
    if (webhook->kinds[strspn(webhook->kinds, " ")] == '\0')
        return true;
    while (*at != '\0') {
        at += strspn(at, " ");
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, type, length) == 0)
            return true;
        at += word;
    }
    return false;
}

/* Has the owner still the rights that reading and sending need? */
static bool has_rights(const struct webhook *webhook)
{
    const struct fg_access_rule *manage = fg_access_find(&fg_platform_access, "webhooks.manage");
    const struct fg_access_rule *read = fg_access_find(&fg_platform_access, "book.read");
    return webhook->is_owner_active && fg_access_allows(manage, &webhook->owner) && fg_access_allows(read, &webhook->owner);
}

static void put_body(const struct webhook *webhook, const struct event *event, struct fg_text *body, char name[80])
{
    struct fg_json_writer out;
    char id[FG_ID_TEXT], area[FG_ID_TEXT], number[24], instant[FG_INSTANT_TEXT];
    snprintf(number, sizeof number, "%lld", (long long)event->sequence);
    fg_id_text(FG_ID_AREA, webhook->target.area, area);
    snprintf(name, 80, "%s/%s", area, number);
    fg_json_writer_init(&out, body, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "webhook", fg_id_text(FG_ID_WEBHOOK, webhook->target.id, id));
    fg_json_put_string(&out, "area", area);
    fg_json_put_string(&out, "sequence", number);
    fg_json_put_string(&out, "time", fg_instant_format(event->time_us / 1000000, instant));
    fg_json_put_string(&out, "type", event->type);
    fg_json_put_raw(&out, "data", event->data.data);
    fg_json_end_object(&out);
}

/* Send one event and record what became of it. `goes_on`: it was delivered. */
static enum fg_code send_event(struct sender *sender, struct fg_gateway *gateway, const struct event *event, bool *goes_on,
                               struct fg_error *err)
{
    struct webhook *webhook = &sender->webhook;
    struct fg_webhook_outcome outcome;
    struct fg_text body;
    char name[80], reason[300];
    int64_t now_us = fg_platform_now_us(gateway->options.platform);
    *goes_on = false;
    fg_text_init(&body);
    put_body(webhook, event, &body, name);
    enum fg_code code = body.failed ? fg_fail_memory(err)
                                    : fg_webhook_post(&gateway->options.policy, &webhook->target, name, body.data, now_us, &gateway->stop,
                                                      &outcome, err);
    fg_text_release(&body);
    if (code != FG_OK)
        return code;
    struct step step = {.event = event, .outcome = &outcome, .position = webhook->position, .incarnation = webhook->incarnation};
    if (outcome.is_delivered) {
        step.position = event->sequence;
        step.incarnation = sender->incarnation;
    } else {
        bool is_over = webhook->failing_since_us != 0 && now_us - webhook->failing_since_us > FG_WEBHOOK_PATIENCE_US;
        step.next_us = now_us + gateway_pause_us((int)(webhook->attempts < 30 ? webhook->attempts : 30) + 1, LONGEST_S);
        step.is_disabled = outcome.is_gone || is_over;
        snprintf(reason, sizeof reason, "%s: %.190s", outcome.is_gone ? "the receiver wants no more" : "failed for three days", outcome.text);
        fg_http_clip(reason);
        step.reason = step.is_disabled ? reason : NULL;
    }
    if ((code = record(sender, &step, err)) != FG_OK)
        return code;
    if (step.is_disabled)
        tell_owner(gateway, webhook, reason);
    *goes_on = outcome.is_delivered;
    webhook->position = step.position;
    webhook->attempts = webhook->failing_since_us = 0;
    return FG_OK;
}

/* Events are gone that it has not had: by age, or because the database is another one now. */
static enum fg_code send_reset(struct sender *sender, struct fg_gateway *gateway, const char *reason, int64_t sequence, bool *goes_on,
                               struct fg_error *err)
{
    struct event event = {.sequence = sequence, .time_us = fg_platform_now_us(gateway->options.platform), .type = "reset"};
    fg_text_init(&event.data);
    fg_text_printf(&event.data, "{\"reason\":\"%s\"}", reason);
    enum fg_code code = event.data.failed ? fg_fail_memory(err)
                                          : send_event(sender, gateway, &event, goes_on, err);
    fg_text_release(&event.data);
    return code;
}

/* FG_ERR_NOT_FOUND: deleted or disabled meanwhile. */
static enum fg_code serve_webhook(struct sender *sender, struct fg_gateway *gateway, struct fg_error *err)
{
    struct webhook *webhook = &sender->webhook;
    bool goes_on = true;
    int sent = 0;
    enum fg_code code = fg_platform_run(gateway->options.platform, FG_STORE_READ, read_webhook, sender, err);
    if (code != FG_OK)
        return code;
    if (webhook->target.secret[0] == '\0')
        return disable(sender, gateway, "its secret cannot be read; rotate it and resume", err);
    if (!has_rights(webhook))
        return disable(sender, gateway, "whoever made it may not read or send events any more", err);
    if (strcmp(webhook->incarnation, sender->incarnation) != 0)
        return send_reset(sender, gateway, "restored", sender->newest, &goes_on, err);
    int64_t oldest = sender->oldest != 0 ? sender->oldest : sender->newest + 1;
    if (oldest > webhook->position + 1)
        return send_reset(sender, gateway, "retention", oldest - 1, &goes_on, err);
    int64_t seen = webhook->position;
    for (size_t i = 0; code == FG_OK && goes_on && i < sender->event_count && sent < SENT_AT_ONCE && !atomic_load(&gateway->stop); i++) {
        const struct event *event = &sender->events[i];
        if (is_wanted(webhook, event->type) && may_read(webhook, event)) {
            code = send_event(sender, gateway, event, &goes_on, err);
            sent++;
        }
        if (code == FG_OK && goes_on)
            seen = event->sequence;
    }
    if (code == FG_OK && goes_on && seen > webhook->position) { /* what it does not want is done with too */
        struct step step = {.position = seen, .incarnation = webhook->incarnation};
        code = record(sender, &step, err);
    }
    return code;
}

void gateway_send(struct gateway_thread *thread)
{
    struct fg_gateway *gateway = thread->gateway;
    struct fg_error err = {0};
    if (thread->memory == NULL) {
        struct sender *fresh = fg_alloc(1, sizeof *fresh);
        if (fresh == NULL)
            return;
        fresh->share = thread->share;
        for (size_t i = 0; i < EVENTS_AT_ONCE; i++)
            fg_text_init(&fresh->events[i].data);
        thread->memory = fresh;
    }
    struct sender *sender = thread->memory;
    char name[FG_LEASE_NAME_MAX];
    if (gateway_monotonic_us() < sender->held.retry_us)
        return;
    snprintf(name, sizeof name, "webhooks-%d", sender->share);
    enum fg_code code = fg_platform_run(gateway->options.platform, FG_STORE_READ, read_ids, sender, &err);
    for (size_t i = 0; code == FG_OK && i < sender->id_count && !atomic_load(&gateway->stop); i++) {
        if ((code = gateway_lease_hold(&sender->held, gateway, name, LEASE_S, RETRY_S, &err)) != FG_OK)
            break;
        sender->webhook.target.id = sender->ids[i];
        code = serve_webhook(sender, gateway, &err);
        if (code == FG_ERR_NOT_FOUND)
            code = FG_OK;
        if (code != FG_OK && !gateway_is_over(code)) { /* the others go on; this one is tried again after a pause of the thread */
            fg_log(FG_LOG_ERROR, "webhook.failed", FG_LOG_NUMBER("webhook", sender->ids[i]), FG_LOG_TEXT("text", err.text));
            sender->held.retry_us = gateway_monotonic_us() + RETRY_S * INT64_C(1000000);
            code = FG_OK;
        }
    }
    fg_secret_wipe(&sender->webhook.target, sizeof sender->webhook.target);
    gateway_lease_judge(&sender->held, code, "webhooks.failed", &err);
}

void gateway_send_release(struct gateway_thread *thread)
{
    struct sender *sender = thread->memory;
    if (sender == NULL)
        return;
    gateway_lease_end(&sender->held);
    for (size_t i = 0; i < EVENTS_AT_ONCE; i++)
        fg_text_release(&sender->events[i].data);
    fg_free(sender);
    thread->memory = NULL;
}
