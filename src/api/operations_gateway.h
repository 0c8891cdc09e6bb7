/* Operations of the gateway: forwarding, the system operator's view, webhooks and market agents, and the balancing market of tests and demonstrations,
 * which is a server of its own. Thread rule: constant data. */
#ifndef FG_API_OPERATIONS_GATEWAY_H
#define FG_API_OPERATIONS_GATEWAY_H

#include "api/operation.h"

extern const struct fg_operation_set fg_forwarding_operations, fg_webhook_operations, fg_tso_operations,
    fg_agent_operations;

/* flexgrid-balancing */
extern const struct fg_operation_set fg_balancing_operations;
extern const struct fg_access_table fg_balancing_access;

#endif
