/* Operations of the registry: people and organisations; the market's areas, products, networks and locations; assets,
 * portfolios and prequalification. */
#ifndef FG_API_OPERATIONS_REGISTRY_H
#define FG_API_OPERATIONS_REGISTRY_H

#include "api/operation.h"

extern const struct fg_operation_set fg_people_operations, fg_organisation_operations, fg_market_operations,
    fg_asset_operations;

#endif
