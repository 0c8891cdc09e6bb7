/* The gateway of a node: threads that talk with balancing markets, send webhooks and fetch market data.
 *
 * Forwarding is done for the market areas that this node serves; webhooks and agents by the one node that holds their lease. All
 * state is in the database, so that a killed node's work goes on where it was. Every FG_GATEWAY_TICK_MS, and at once when woken,
 * a thread looks what is to be done; calls that fail are repeated after 1, 2, 4, ... 60 s, with up to a quarter more at random.
 * Thread rule: start and stop from one thread, wake from any. */
#ifndef FG_GATEWAY_GATEWAY_H
#define FG_GATEWAY_GATEWAY_H

#include "atp/access.h"
#include "atp/exchange.h"
#include "atp/platform.h"
#include "gateway/http_client.h"

#define FG_GATEWAY_TICK_MS 500

struct fg_gateway_options {
    struct fg_platform *platform;
    struct fg_exchange *exchange;
    struct fg_http_policy policy; /* its texts must stay */
};

struct fg_gateway;
enum fg_code fg_gateway_start(const struct fg_gateway_options *options, struct fg_gateway **gateway, struct fg_error *err);
void fg_gateway_stop(struct fg_gateway *gateway); /* NULL is allowed; ends calls under way */
/* There may be something to do: events were committed, or somebody has changed something. Cheap. */
void fg_gateway_wake(struct fg_gateway *gateway); /* NULL is allowed */

#endif
