/* Webhooks: the events of a market area that an organisation may read, sent to an address of its own (docs/webhooks.md).
 *
 * A request is a POST of one event. Its signature is HMAC-SHA-256 under the webhook's secret over
 *
 *     <Flexgrid-Timestamp> "." <body>
 *
 * in hex; while a secret is being exchanged there are two signatures. Secrets are told once, and kept sealed. Services run in the
 * registry's transaction; refusals and thread rule: atp/registry.h. */
#ifndef FG_GATEWAY_WEBHOOK_H
#define FG_GATEWAY_WEBHOOK_H

#include "atp/registry.h"
#include "gateway/http_client.h"

#define FG_WEBHOOKS_MAX 20          /* of an organisation */
#define FG_WEBHOOK_SECRET_TEXT 72   /* "whs_" and 64 hex digits */
#define FG_WEBHOOK_KINDS_TEXT 1001
#define FG_WEBHOOK_OVERLAP_US (INT64_C(86400) * 1000000)     /* both secrets sign so long after an exchange */
#define FG_WEBHOOK_PATIENCE_US (INT64_C(3) * 86400 * 1000000) /* of failure, then it is disabled */
#define FG_WEBHOOK_DELIVERIES_KEPT 100

/* `kinds`: event types separated by blanks, "" for all. It begins after the area's last event. */
enum fg_code fg_webhook_create(struct fg_registry *registry, const struct fg_http_policy *policy, int64_t area, const char *url,
                               const char *kinds, int64_t *id, char secret[FG_WEBHOOK_SECRET_TEXT], struct fg_error *err);
enum fg_code fg_webhook_delete(struct fg_registry *registry, int64_t id, struct fg_error *err);
enum fg_code fg_webhook_rotate(struct fg_registry *registry, int64_t id, char secret[FG_WEBHOOK_SECRET_TEXT], struct fg_error *err);
/* After it was disabled: goes on where it stopped. */
enum fg_code fg_webhook_resume(struct fg_registry *registry, int64_t id, struct fg_error *err);

/* What a request needs. */
struct fg_webhook_target {
    int64_t id, area, organisation;
    char url[2001];
    char secret[FG_WEBHOOK_SECRET_TEXT], before[FG_WEBHOOK_SECRET_TEXT]; /* before: "" when there is none */
};
/* Of who asks. */
enum fg_code fg_webhook_target(struct fg_registry *registry, int64_t id, struct fg_webhook_target *target, struct fg_error *err);
enum fg_code fg_webhook_unseal(struct fg_platform *platform, const void *sealed, size_t size, char secret[FG_WEBHOOK_SECRET_TEXT],
                               struct fg_error *err);

struct fg_webhook_outcome {
    bool is_delivered, is_refused, is_gone; /* refused: the address may not be called; gone: 410 */
    long status;
    int64_t started_us, duration_us;
    char text[200];
};
/* One POST, signed at `now_us`. FG_ERR_INTERRUPTED: stopped, nothing is known of it; FG_ERR_MEMORY. */
enum fg_code fg_webhook_post(const struct fg_http_policy *policy, const struct fg_webhook_target *target, const char *event,
                             const char *body, int64_t now_us, const atomic_bool *stop, struct fg_webhook_outcome *outcome,
                             struct fg_error *err);
/* Keep it among the last deliveries; inside a write transaction. `sequence` 0: a ping. */
enum fg_code fg_webhook_note(struct fg_store *store, int64_t id, int64_t sequence, int64_t attempt, const char *type,
                             const struct fg_webhook_outcome *outcome, struct fg_error *err);

/* The signature in hex (65 bytes with the end). */
void fg_webhook_sign(const char *secret, const char *timestamp, const char *body, size_t length, char hex[65]);

#endif
