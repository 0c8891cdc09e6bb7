#include "api/catalogue.h"

#include "api/operations_contracts.h"
#include "api/operations_gateway.h"
#include "api/operations_network.h"
#include "api/operations_orders.h"
#include "api/operations_registry.h"
#include "api/operations_runs.h"
#include "api/operations_settlement.h"
#include "api/operations_server.h"

#include <string.h>

const struct fg_operation_set *const fg_catalogue[] = {
    &fg_server_operations, &fg_people_operations, &fg_organisation_operations,
    &fg_market_operations, &fg_asset_operations,  &fg_orders_operations,
    &fg_book_operations,   &fg_trading_floor_operations, &fg_limit_operations, &fg_request_operations, &fg_contract_operations,
    &fg_network_operations, &fg_metering_operations, &fg_settlement_operations,
    &fg_forwarding_operations, &fg_webhook_operations, &fg_tso_operations, &fg_agent_operations,
    &fg_runs_operations,   &fg_auctions_operations, &fg_auction_order_operations, NULL};

const struct fg_operation *fg_catalogue_find(const char *id)
{
    for (size_t s = 0; fg_catalogue[s] != NULL; s++)
        for (size_t i = 0; i < fg_catalogue[s]->count; i++)
            if (strcmp(fg_catalogue[s]->items[i].id, id) == 0)
                return &fg_catalogue[s]->items[i];
    return NULL;
}
