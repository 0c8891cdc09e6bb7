/* Operations of availability contracts: tenders, sealed offers, awards, contracts. Rights: contracts.tender, contracts.offer,
 * contracts.read, settlements.read. */
#ifndef FG_API_OPERATIONS_CONTRACTS_H
#define FG_API_OPERATIONS_CONTRACTS_H

#include "api/operation.h"

extern const struct fg_operation_set fg_contract_operations;

#endif
