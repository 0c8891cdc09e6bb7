#include "gateway/webhook.h"

#include "atp/query.h"
#include "base/memory.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PURPOSE "webhook.secret"
enum { TIMEOUT_MS = 10000, ANSWER_BYTES = 65536 };

void fg_webhook_sign(const char *secret, const char *timestamp, const char *body, size_t length, char hex[65])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)timestamp, strlen(timestamp));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, length);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, 65, mac, sizeof mac);
    sodium_memzero(&state, sizeof state);
}

/* -- secrets --------------------------------------------------------------------------------------------------------- */

static void make_secret(char secret[FG_WEBHOOK_SECRET_TEXT])
{
    unsigned char bytes[32];
    fg_secret_random(bytes, sizeof bytes);
    memcpy(secret, "whs_", 4);
    sodium_bin2hex(secret + 4, FG_WEBHOOK_SECRET_TEXT - 4, bytes, sizeof bytes);
    fg_secret_wipe(bytes, sizeof bytes);
}

enum { SECRET_LENGTH = 68, SEALED_MAX = 200 };

static size_t seal(struct fg_registry *registry, const char *secret, unsigned char sealed[SEALED_MAX])
{
    size_t size = fg_sealed_size(SECRET_LENGTH);
    fg_secret_seal(fg_platform_options(registry->platform)->secret, PURPOSE, secret, SECRET_LENGTH, sealed);
    return size;
}

enum fg_code fg_webhook_unseal(struct fg_platform *platform, const void *sealed, size_t size, char secret[FG_WEBHOOK_SECRET_TEXT],
                               struct fg_error *err)
{
    memset(secret, 0, FG_WEBHOOK_SECRET_TEXT);
    if (size != fg_sealed_size(SECRET_LENGTH))
        return fg_fail(err, FG_ERR_CORRUPT, NULL, "a webhook's secret is damaged; rotate it");
    return fg_secret_open(fg_platform_options(platform)->secret, PURPOSE, sealed, size, secret, err);
}

/* -- services -------------------------------------------------------------------------------------------------------- */

static enum fg_code check_kinds(const char *kinds, struct fg_error *err)
{
    size_t length = strlen(kinds);
    if (length >= FG_WEBHOOK_KINDS_TEXT || strspn(kinds, "abcdefghijklmnopqrstuvwxyz_. ") != length)
        return fg_fail(err, FG_ERR_VALUE, "#/kinds", "an event kind looks like trade.concluded; together at most 1000 characters");
    return FG_OK;
}

enum fg_code fg_webhook_create(struct fg_registry *registry, const struct fg_http_policy *policy, int64_t area, const char *url,
                               const char *kinds, int64_t *id, char secret[FG_WEBHOOK_SECRET_TEXT], struct fg_error *err)
{
    unsigned char sealed[SEALED_MAX];
    char incarnation[FG_INCARNATION_TEXT];
    int64_t count = 0, position = 0;
    if (registry->actor.on_behalf_of != 0)
        return fg_fail(err, FG_ERR_DENIED, NULL, "webhooks are made for one's own organisation only");
    enum fg_code code = check_kinds(kinds, err);
    if (code == FG_OK)
        code = fg_http_check_url(policy, url, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_query_number(registry->store, &position, err,
                                                 "SELECT COALESCE((SELECT event_sequence FROM area_state WHERE area_id = a.id), 0) "
                                                 "FROM area a WHERE a.id = $1",
                                                 "i", area),
                                 FG_ID_AREA, area, "market area", err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &count, err, "SELECT COUNT(*) FROM webhook WHERE organisation_id = $1", "i",
                               fg_registry_party(registry));
    if (code == FG_OK && count >= FG_WEBHOOKS_MAX)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "an organisation has at most %d webhooks; delete one", FG_WEBHOOKS_MAX);
    if (code == FG_OK)
        code = fg_store_incarnation(registry->store, incarnation, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_WEBHOOK, id, err);
    if (code != FG_OK)
        return code;
    make_secret(secret);
    size_t size = seal(registry, secret, sealed);
    code = fg_change(registry->store, NULL, err,
                     "INSERT INTO webhook (id, organisation_id, area_id, url, kinds, secret, status, incarnation, position, attempts, "
                     "next_us, created_by, created_us, version) VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8, 0, 0, $9, $10, 1)",
                     "iiittbtiii", *id, fg_registry_party(registry), area, url, kinds, (const void *)sealed, size, incarnation, position,
                     registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "webhook.create", FG_ID_WEBHOOK, *id, NULL, err) : code;
}

static enum fg_code require_own(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t found;
    return fg_registry_found(fg_query_number(registry->store, &found, err,
                                             "SELECT id FROM webhook WHERE id = $1 AND organisation_id = $2", "ii", id,
                                             fg_registry_party(registry)),
                             FG_ID_WEBHOOK, id, "webhook of yours,", err);
}

enum fg_code fg_webhook_delete(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    enum fg_code code = require_own(registry, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM webhook_delivery WHERE webhook_id = $1", "i", id);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM webhook WHERE id = $1", "i", id);
    return code == FG_OK ? fg_registry_audit(registry, "webhook.delete", FG_ID_WEBHOOK, id, NULL, err) : code;
}

enum fg_code fg_webhook_rotate(struct fg_registry *registry, int64_t id, char secret[FG_WEBHOOK_SECRET_TEXT], struct fg_error *err)
{
    unsigned char sealed[SEALED_MAX];
    enum fg_code code = require_own(registry, id, err);
    if (code != FG_OK)
        return code;
    make_secret(secret);
    size_t size = seal(registry, secret, sealed);
    code = fg_change(registry->store, NULL, err,
                     "UPDATE webhook SET secret_before = secret, before_until_us = $3, secret = $2, version = version + 1 WHERE id = $1",
                     "ibi", id, (const void *)sealed, size, registry->now_us + FG_WEBHOOK_OVERLAP_US);
    return code == FG_OK ? fg_registry_audit(registry, "webhook.rotate", FG_ID_WEBHOOK, id, NULL, err) : code;
}

/* Whoever resumes it answers for it from now on. */
enum fg_code fg_webhook_resume(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t changes;
    if (registry->actor.on_behalf_of != 0)
        return fg_fail(err, FG_ERR_DENIED, NULL, "webhooks are resumed for one's own organisation only");
    enum fg_code code = require_own(registry, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE webhook SET status = 'active', reason = NULL, attempts = 0, next_us = 0, failing_since_us = NULL, "
                         "created_by = $2, version = version + 1 WHERE id = $1 AND status = 'disabled'",
                         "ii", id, registry->actor.user);
    if (code == FG_OK && changes == 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the webhook is active");
    return code == FG_OK ? fg_registry_audit(registry, "webhook.resume", FG_ID_WEBHOOK, id, NULL, err) : code;
}

enum fg_code fg_webhook_target(struct fg_registry *registry, int64_t id, struct fg_webhook_target *target, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t size;
    *target = (struct fg_webhook_target){.id = id};
    enum fg_code code = require_own(registry, id, err);
    if (code == FG_OK)
        code = fg_query_one(registry->store, &sql, err, "SELECT area_id, organisation_id, url, secret FROM webhook WHERE id = $1", "i", id);
    if (code != FG_OK)
        return code;
    target->area = fg_sql_column_int64(sql, 0);
    target->organisation = fg_sql_column_int64(sql, 1);
    snprintf(target->url, sizeof target->url, "%s", fg_sql_column_text(sql, 2));
    const void *sealed = fg_sql_column_blob(sql, 3, &size);
    code = fg_webhook_unseal(registry->platform, sealed, size, target->secret, err);
    fg_sql_done(sql);
    return code;
}

/* -- requests -------------------------------------------------------------------------------------------------------- */

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum fg_code fg_webhook_post(const struct fg_http_policy *policy, const struct fg_webhook_target *target, const char *event,
                             const char *body, int64_t now_us, const atomic_bool *stop, struct fg_webhook_outcome *outcome,
                             struct fg_error *err)
{
    char timestamp[24], hex[65], lines[3][200], id[FG_ID_TEXT];
    struct fg_http_answer answer;
    size_t length = strlen(body);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)(now_us / 1000000));
    fg_webhook_sign(target->secret, timestamp, body, length, hex);
    int used = snprintf(lines[0], sizeof lines[0], "Flexgrid-Signature: v1=%s", hex);
    if (target->before[0] != '\0') {
        fg_webhook_sign(target->before, timestamp, body, length, hex);
        snprintf(lines[0] + used, sizeof lines[0] - (size_t)used, ",v1=%s", hex);
    }
    snprintf(lines[1], sizeof lines[1], "Flexgrid-Timestamp: %s", timestamp);
    snprintf(lines[2], sizeof lines[2], "Flexgrid-Event: %.100s", event);
    char webhook[60];
    snprintf(webhook, sizeof webhook, "Flexgrid-Webhook: %s", fg_id_text(FG_ID_WEBHOOK, target->id, id));
    const char *headers[] = {"Content-Type: application/json", lines[0], lines[1], lines[2], webhook, NULL};
    struct fg_http_request request = {.method = "POST", .url = target->url, .headers = headers, .body = body, .body_length = length,
                                      .timeout_ms = TIMEOUT_MS, .max_bytes = ANSWER_BYTES, .stop = stop};
    *outcome = (struct fg_webhook_outcome){.started_us = now_us};
    int64_t start_us = monotonic_us();
    struct fg_error why = {0};
    enum fg_code code = fg_http_call(policy, &request, &answer, &why);
    outcome->duration_us = monotonic_us() - start_us;
    outcome->status = answer.status;
    fg_text_release(&answer.body);
    if (code == FG_ERR_MEMORY || code == FG_ERR_INTERRUPTED) {
        if (err != NULL)
            *err = why;
        return code;
    }
    outcome->is_delivered = code == FG_OK && answer.status >= 200 && answer.status < 300;
    outcome->is_refused = code == FG_ERR_DENIED || code == FG_ERR_VALUE;
    outcome->is_gone = code == FG_OK && answer.status == 410;
    if (code != FG_OK)
        snprintf(outcome->text, sizeof outcome->text, "%.190s", why.text);
    else if (answer.status >= 300 && answer.status < 400)
        snprintf(outcome->text, sizeof outcome->text, "redirects are not followed; change the address");
    else if (!outcome->is_delivered)
        snprintf(outcome->text, sizeof outcome->text, "answered %ld", answer.status);
    fg_http_clip(outcome->text);
    return FG_OK;
}

enum fg_code fg_webhook_note(struct fg_store *store, int64_t id, int64_t sequence, int64_t attempt, const char *type,
                             const struct fg_webhook_outcome *outcome, struct fg_error *err)
{
    int64_t number;
    enum fg_code code = fg_store_next(store, "webhook_delivery", 1, &number, err);
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "INSERT INTO webhook_delivery (webhook_id, id, sequence, attempt, type, outcome, status, text, started_us, "
                         "duration_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                         "iiiittitii", id, number, sequence, attempt, type,
                         outcome->is_delivered ? "delivered" : outcome->is_refused ? "refused" : "failed", (int64_t)outcome->status,
                         outcome->text, outcome->started_us, outcome->duration_us);
    if (code == FG_OK)
        code = fg_change(store, NULL, err, 
                         "DELETE FROM webhook_delivery WHERE webhook_id = $1 AND id < COALESCE((SELECT id FROM webhook_delivery WHERE "
                         "webhook_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2), 0)",
                         "ii", id, (int64_t)FG_WEBHOOK_DELIVERIES_KEPT - 1);
    return code;
}
