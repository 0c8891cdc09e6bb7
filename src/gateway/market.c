#include "gateway/market.h"

#include "atp/query.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 256 };

enum fg_code fg_control_area_require(struct fg_registry *registry, int64_t area, const char *control_area, bool to_change,
                                     struct fg_error *err)
{
    int64_t count = 0;
    bool sees_all = fg_registry_sees_all(registry) && !to_change;
    enum fg_code code = fg_query_number(registry->store, &count, err,
                                        "SELECT COUNT(*) FROM location WHERE area_id = $1 AND control_area = $2 AND status = "
                                        "'published' AND ($4 = 1 OR ($5 = 1 AND (operator_id = $3 OR priority_id = $3)))",
                                        "itiii", area, control_area, fg_registry_party(registry), (int64_t)sees_all,
                                        (int64_t)fg_registry_is(registry, FG_ROLE_TSO));
    if (code == FG_OK && count == 0)
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL,
                       "you have no control area %.40s here; it needs a published location that names it, operated by you or with "
                       "your priority",
                       control_area);
    return code;
}

static enum fg_code seal_key(struct fg_registry *registry, const char *key, unsigned char *sealed, size_t *size, struct fg_error *err)
{
    size_t length = strlen(key);
    if (length == 0 || length > KEY_MAX || strpbrk(key, "\r\n \t") != NULL)
        return fg_fail(err, FG_ERR_VALUE, "#/key", "a key has 1 to %d characters and no blanks", KEY_MAX);
    *size = fg_sealed_size(length);
    fg_secret_seal(fg_platform_options(registry->platform)->secret, "balancing_market.key", key, length, sealed);
    return FG_OK;
}

/* Results and calls of what is under way come from where the bids went: until it has ended the address stays. */
static enum fg_code require_address(struct fg_registry *registry, const struct fg_market_entry *entry, struct fg_error *err)
{
    int64_t count = 0;
    enum fg_code code = fg_query_number(
        registry->store, &count, err,
        "SELECT COUNT(*) FROM balancing_market m WHERE m.area_id = $1 AND m.control_area = $2 AND m.url <> $3 AND (EXISTS (SELECT 1 FROM "
        "forward_bid b WHERE b.area_id = $1 AND b.control_area = $2 AND b.state IN ('prepared', 'sent', 'accepted', 'returning')) OR EXISTS "
        "(SELECT 1 FROM forward_activation t JOIN forward_bid b ON b.id = t.bid_id WHERE t.area_id = $1 AND t.control_area = $2 AND "
        "t.connection = m.connection AND t.told_us IS NULL AND b.expires_us > $4))",
        "itti", entry->area, entry->control_area, entry->url, registry->now_us);
    if (code == FG_OK && count > 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "bids, or answers to calls, are under way with the market at its present address; withdraw the bids or wait until they "
                       "have ended, then connect another address");
    return code;
}

enum fg_code fg_market_connect(struct fg_registry *registry, const struct fg_http_policy *policy,
                               const struct fg_market_entry *entry, struct fg_error *err)
{
    unsigned char sealed[KEY_MAX + 64];
    char detail[120];
    size_t size = 0;
    int64_t changes = 0;
    enum fg_code code = fg_control_area_require(registry, entry->area, entry->control_area, true, err);
    if (code == FG_OK)
        code = fg_http_check_url(policy, entry->url, err);
    if (code == FG_OK)
        code = require_address(registry, entry, err);
    if (code == FG_OK && entry->key != NULL)
        code = seal_key(registry, entry->key, sealed, &size, err);
    if (code != FG_OK)
        return code;
    /* Another address is another market: its results and calls are numbered from the start. The key given for one market, or by
     * one organisation, never goes to another. */
    code = fg_change(registry->store, &changes, err,
                     "UPDATE balancing_market SET organisation_id = $3, name = $4, position = CASE WHEN url = $5 THEN position ELSE 0 "
                     "END, connection = CASE WHEN url = $5 THEN connection ELSE connection + 1 END, url = $5, key = COALESCE($6, key), "
                     "bid_min_w = $7, lead_s = $8, grace_s = $9, enabled = $10, changed_by = $11, changed_us = $12, version = version + 1 "
                     "WHERE area_id = $1 AND control_area = $2 AND ($13 = 1 OR (url = $5 AND organisation_id = $3))",
                     "itittbiiiiiii", entry->area, entry->control_area, fg_registry_party(registry), entry->name, entry->url,
                     (const void *)(entry->key != NULL ? sealed : NULL), size, entry->bid_min_w, entry->lead_s, entry->grace_s,
                     (int64_t)entry->enabled, registry->actor.user, registry->now_us, (int64_t)(entry->key != NULL));
    if (code == FG_OK && changes == 0 && entry->key == NULL)
        code = fg_fail(err, FG_ERR_VALUE, "#/key",
                       "give the key of the market's interface: it is connected first, or by another address or organisation than the key was "
                       "given for");
    if (code == FG_OK && changes == 0)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO balancing_market (area_id, control_area, organisation_id, name, url, key, bid_min_w, lead_s, "
                         "grace_s, enabled, position, changed_by, changed_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                         "$10, 0, $11, $12, 1)",
                         "itittbiiiiii", entry->area, entry->control_area, fg_registry_party(registry), entry->name, entry->url,
                         (const void *)sealed, size, entry->bid_min_w, entry->lead_s, entry->grace_s, (int64_t)entry->enabled,
                         registry->actor.user, registry->now_us);
    fg_secret_wipe(sealed, sizeof sealed);
    snprintf(detail, sizeof detail, "{\"enabled\":%s}", entry->enabled ? "true" : "false");
    return code == FG_OK ? fg_registry_audit(registry, "balancing_market.connect", FG_ID_AREA, entry->area, detail, err) : code;
}
