/* Four eyes: limits, the cancellation of a trade and the release of a settlement are asked for by one user of the market
 * operator and confirmed by another; only then whoever carries it out may do so, once (fg_approval_use, in the
 * transaction that does it). Thread rule: registry.h. */
#ifndef FG_ATP_APPROVAL_H
#define FG_ATP_APPROVAL_H

#include "atp/registry.h"

enum fg_approval_action { FG_APPROVAL_LIMITS, FG_APPROVAL_TRADE_CANCEL, FG_APPROVAL_SETTLEMENT };
extern const char *const fg_approval_action_words[]; /* "limits.set", "trade.cancel", "settlement.release" */
#define FG_APPROVAL_VALID_US (INT64_C(24) * 3600000000) /* an open or confirmed one is good for a day */

/* `object` is the id of what it is about ("area-1/trd-7"), `detail` what is asked for, in words or JSON. */
enum fg_code fg_approval_ask(struct fg_registry *registry, enum fg_approval_action action, const char *object,
                             const char *detail, int64_t *id, struct fg_error *err);
/* Confirm or refuse: by another user of the same organisation. FG_ERR_DENIED for the asker. */
enum fg_code fg_approval_decide(struct fg_registry *registry, int64_t id, bool confirm, struct fg_error *err);
/* By the asker. */
enum fg_code fg_approval_withdraw(struct fg_registry *registry, int64_t id, struct fg_error *err);
/* Use up a confirmed approval for this action, object and detail; FG_ERR_CONFLICT when there is none that fits. */
enum fg_code fg_approval_use(struct fg_registry *registry, int64_t id, enum fg_approval_action action, const char *object,
                             const char *detail, struct fg_error *err);

#endif
