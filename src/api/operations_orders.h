/* Operations of the continuous market: orders of the participants (operations_orders.c), what everybody may read
 * (operations_book.c), what its operators do (operations_market.c), the market operator's limits (operations_limits.c), and requests that stay
 * unmatched (operations_requests.c).
 * Rights: orders.enter, orders.read, book.read, market.operate, market.limits, trades.cancel, trades.curtail. */
#ifndef FG_API_OPERATIONS_ORDERS_H
#define FG_API_OPERATIONS_ORDERS_H

#include "api/operation.h"

extern const struct fg_operation_set fg_orders_operations, fg_book_operations, fg_trading_floor_operations,
    fg_limit_operations, fg_request_operations;

#endif
