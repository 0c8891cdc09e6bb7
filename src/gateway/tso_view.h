/* What a transmission system operator sees of its control area: offers, baselines and forecasts in sum, and its bids.
 *
 * To a control area belong the locations that name it and those below them that name none. Everything is from committed rows, of active
 * energy; sums only, no participant is named. Functions write members into an open JSON object and run in the registry's transaction; who
 * may ask is checked first (fg_control_area_require). Refusals and thread rule: atp/registry.h. */
#ifndef FG_GATEWAY_TSO_VIEW_H
#define FG_GATEWAY_TSO_VIEW_H

#include "atp/registry.h"
#include "base/json.h"

#define FG_TSO_PERIODS_MAX 100
#define FG_TSO_STEPS_MAX 200 /* of the merit order in a period and direction; what is dearer is summed in the last one */

struct fg_tso_window {
    int64_t area;
    const char *control_area;
    int64_t period_s, first, end; /* periods [first, end) */
};
/* `periods`: start, and for each direction the open offers in merit order. */
enum fg_code fg_tso_offers(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                           struct fg_error *err);
/* `periods`: start, sum of the submitted baselines and of the latest prognoses and forecasts of assets and portfolios, and of how many. */
enum fg_code fg_tso_outlook(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                            struct fg_error *err);
/* `items`: bids by first period, direction and state: number, quantity, called. */
enum fg_code fg_tso_forwardings(struct fg_registry *registry, const struct fg_tso_window *window, struct fg_json_writer *out,
                                struct fg_error *err);
/* `items`: the open requests of who asks, in all areas. */
enum fg_code fg_own_requests(struct fg_registry *registry, struct fg_json_writer *out, struct fg_error *err);

#endif
