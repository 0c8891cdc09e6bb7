/* The balancing market of a control area, as its transmission system operator connects it. A TSO has a control area when it
 * operates, or has priority at, a published location that names it. Refusals and thread rule: atp/registry.h. */
#ifndef FG_GATEWAY_MARKET_H
#define FG_GATEWAY_MARKET_H

#include "atp/registry.h"
#include "gateway/http_client.h"

struct fg_market_entry {
    int64_t area;
    const char *control_area, *name, *url;
    const char *key; /* NULL: as it is */
    int64_t bid_min_w, lead_s, grace_s;
    bool enabled;
};
/* By the TSO of the control area: FG_ERR_NOT_FOUND for others. FG_ERR_VALUE: a URL that may not be called, a missing key. */
enum fg_code fg_market_connect(struct fg_registry *registry, const struct fg_http_policy *policy,
                               const struct fg_market_entry *entry, struct fg_error *err);

/* Is it a control area of who asks (or does it see all)? FG_ERR_NOT_FOUND. */
enum fg_code fg_control_area_require(struct fg_registry *registry, int64_t area, const char *control_area, bool to_change,
                                     struct fg_error *err);

#endif
