/* Operations of runs (long work), and of auctions: the market operator's and everybody's (operations_auctions.c), the participants'
 * (operations_auction_orders.c). Thread rule: constant data. */
#ifndef FG_API_OPERATIONS_RUNS_H
#define FG_API_OPERATIONS_RUNS_H

#include "api/operation.h"

extern const struct fg_operation_set fg_runs_operations, fg_auctions_operations, fg_auction_order_operations;

#endif
