/* Operations of network-aware trading: operating points, conditions of the grid, the network state, the traffic light. */
#ifndef FG_API_OPERATIONS_NETWORK_H
#define FG_API_OPERATIONS_NETWORK_H

#include "api/operation.h"

extern const struct fg_operation_set fg_network_operations;

#endif
