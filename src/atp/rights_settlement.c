/* Who does what: grid operators, suppliers and the market operator have meters; suppliers plan and declare baselines; grid
 * operators accept plans and send set-points; buyers say what was delivered; the market operator settles; everybody sees, of
 * runs and documents, what is their own, the market operator and the regulator all of it. */
#include "atp/rights_settlement.h"

#define R(name) FG_BIT(FG_ROLE_##name)
#define D(name) FG_BIT(FG_DUTY_##name)
#define GRIDS (R(DSO) | R(TSO))
#define SELLERS (R(ESP) | R(RESP) | R(AGGREGATOR) | R(RETAILER) | R(BRP) | R(MARKET_OPERATOR))
#define BUYERS (GRIDS | R(BRP) | R(MARKET_OPERATOR))
#define PARTIES (GRIDS | SELLERS | R(PROSUMER) | R(FMO) | R(REGULATOR))
#define METERS (GRIDS | SELLERS | R(PROSUMER) | R(FMO))
#define WORKERS (D(ADMINISTRATOR) | D(OPERATOR))
#define CLERKS (D(ADMINISTRATOR) | D(SETTLEMENT))

static const struct fg_access_rule rules[] = {
    {"meters.read", "See meters and readings of one's assets, portfolios and grid", PARTIES, FG_DUTIES_ALL},
    {"meters.manage", "Set up meters and send readings", METERS, WORKERS | D(SETTLEMENT)},
    {"baselines.submit", "Declare the baseline of one's portfolio before its gate closes", SELLERS, WORKERS | D(TRADER)},
    {"holidays.manage", "Set the holiday calendar of an area", R(FMO), WORKERS | D(SETTLEMENT)},
    {"delivery.read", "See plans and set-points of one's portfolios or grid", PARTIES, FG_DUTIES_ALL},
    {"plans.send", "Send plans for one's portfolio", SELLERS, WORKERS | D(TRADER)},
    {"plans.decide", "Accept or refuse plans in one's grid", GRIDS, WORKERS},
    {"set_points.send", "Send set-points to portfolios in one's grid", GRIDS, WORKERS},
    {"set_points.answer", "Answer set-points for one's portfolio", SELLERS, WORKERS | D(TRADER)},
    {"receipts.give", "Say what was delivered of what one bought", BUYERS, WORKERS | D(SETTLEMENT) | D(TRADER)},
    {"perimeters.read", "See what trades change in one's balance perimeter", R(BRP) | R(FMO) | R(REGULATOR), FG_DUTIES_ALL},
    {"settlements.read", "See runs, and what they say about one's trades", PARTIES, FG_DUTIES_ALL},
    {"settlements.run", "Settle days, set the rule of settlement, release with a second user's confirmation", R(FMO), CLERKS},
    {"disputes.raise", "Dispute the settlement of one's trades", SELLERS | BUYERS, CLERKS},
    {"disputes.decide", "Decide disputes", R(FMO), CLERKS},
    {"documents.read", "See one's invoices", PARTIES, CLERKS | D(READER)},
    {"documents.issue", "Issue invoices, record payments, export the journal", R(FMO), CLERKS},
};

const struct fg_access_table fg_settlement_access = {rules, sizeof rules / sizeof *rules};
