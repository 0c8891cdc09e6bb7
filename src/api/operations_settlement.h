/* Operations of metering and delivery, and of settlement and documents. Thread rule: constant data. */
#ifndef FG_API_OPERATIONS_SETTLEMENT_H
#define FG_API_OPERATIONS_SETTLEMENT_H

#include "api/operation.h"

extern const struct fg_operation_set fg_metering_operations, fg_settlement_operations;

#endif
