/* The part of a settlement run that is about contracts: for each unit of a day what was offered of what was contracted, what is
 * paid for it and what a gap costs (market/contract.h has the rule).
 *
 * A contract is in force in a unit when it is so at the moment the unit's gate closes: awarded before, not suspended, not
 * terminated. What was offered is read from the orders that the exchange entered for it: the quantity of an order that stayed
 * until the gate closed or was filled; of one that was withdrawn or cut before, what it had traded. The orders' trades are
 * settled as trades; their shortfall beyond the tolerance is not available. A unit whose trades wait for data waits as well.
 *
 *     availability_bought    buyer -> market             available x availability price
 *     availability_sold      market -> seller            the same
 *     unavailability         seller -> penalties         penalty
 *     unavailability_shared  penalties -> buyer          penalty x compensation share
 *     fee_share              buyer, seller -> fees       |paid| x fee share of the side
 * Internal to settlement.c; runs inside its transaction. */
#ifndef FG_ATP_SETTLEMENT_AVAILABILITY_H
#define FG_ATP_SETTLEMENT_AVAILABILITY_H

#include "atp/settlement.h"
#include "base/timezone.h"

/* What the trades under a contract came to in a unit; sorted by contract and period. */
struct fg_contract_delivery {
    int64_t contract, period;
    struct fg_energy traded, undelivered; /* undelivered: shortfall beyond the tolerance */
    bool is_pending;
};
struct fg_availability_day {
    struct fg_store *store;
    int64_t area, run, period_s, first_period, period_count;
    const struct fg_timezone *zone;
    const struct fg_settlement_rule *rule;
    struct fg_ledger *ledger;
    const struct fg_contract_delivery *deliveries;
    size_t delivery_count;
};
/* Writes the rows of the run and its postings; `pending` counts units that wait. */
enum fg_code fg_settlement_availability(const struct fg_availability_day *day, int64_t *pending, struct fg_error *err);

#endif
