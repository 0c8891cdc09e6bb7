/* Duties from the roles' work:
 *   FMO         runs the market: admits, approves, halts, clears, settles; does not trade
 *   DSO, TSO    operate grids: publish networks and locations, approve assets at their buses, buy flexibility (needs), and
 *               may stop what endangers the grid
 *   ESP, RESP, aggregator, retailer   sell flexibility from portfolios; a prosumer only owns assets (an aggregator or
 *               retailer with a mandate trades them)
 *   BRP         answers for balance: buys exchanges, confirms that it takes an asset into its perimeter
 *   market operator   trades as BRP
 *   regulator   sees everything, changes nothing; an observer sees what is public
 * Inside an organisation: the administrator manages people, the trader enters orders, the operator handles grids, assets
 * and delivery, settlement handles money, the reader reads. */
#include "atp/rights.h"

#define R(name) FG_BIT(FG_ROLE_##name)
#define D(name) FG_BIT(FG_DUTY_##name)

#define SYSTEM_OPERATORS (R(DSO) | R(TSO))
#define SELLERS (R(ESP) | R(RESP) | R(AGGREGATOR) | R(RETAILER) | R(BRP) | R(MARKET_OPERATOR))
#define OWNERS (SELLERS | R(PROSUMER))
#define BUYERS (SYSTEM_OPERATORS | R(BRP) | R(MARKET_OPERATOR))
#define TRADERS (BUYERS | SELLERS)
#define OVERSIGHT (R(FMO) | R(REGULATOR))
#define PARTIES (TRADERS | OWNERS | OVERSIGHT) /* everybody but observers */
#define MANAGERS (FG_ROLES_ALL & ~R(OBSERVER))
#define WORKERS (D(ADMINISTRATOR) | D(OPERATOR))
#define CLERKS (D(ADMINISTRATOR) | D(SETTLEMENT))
#define STAFF (D(ADMINISTRATOR) | D(TRADER) | D(OPERATOR) | D(SETTLEMENT))

static const struct fg_access_rule rules[] = {
    /* people */
    {"session.end", "End one's session", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"password.change", "Change one's password", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"person.export", "Get everything that is kept about oneself", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"person.erase", "Have one's own data erased; an administrator also those of the organisation's users", FG_ROLES_ALL,
     FG_DUTIES_ALL},
    {"consents.manage", "Give and withdraw consent to uses of one's data", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"keys.manage", "Make and revoke one's API keys; an administrator revokes those of the organisation", FG_ROLES_ALL,
     FG_DUTIES_ALL},
    {"users.read", "See the users of the own organisation", FG_ROLES_ALL, D(ADMINISTRATOR)},
    {"users.manage", "Invite users, change their duties, disable them", FG_ROLES_ALL, D(ADMINISTRATOR)},
    /* organisations */
    {"organisations.read", "See who takes part; contact and payment data only of the own organisation", FG_ROLES_ALL,
     FG_DUTIES_ALL},
    {"organisations.change", "Change contact and payment data of the own organisation", FG_ROLES_ALL, D(ADMINISTRATOR)},
    {"organisations.decide", "Accept, refuse, suspend and resume organisations", R(FMO), WORKERS},
    {"mandates.read", "See who acts for the own organisation, and for whom it acts", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"mandates.manage", "Let another organisation act for the own one", MANAGERS & ~(R(FMO) | R(REGULATOR)), D(ADMINISTRATOR)},
    {"readiness.read", "See what is missing before an organisation or portfolio can trade", FG_ROLES_ALL & ~R(OBSERVER),
     FG_DUTIES_ALL},
    {"approvals.read", "See what waits for a second pair of eyes", R(FMO), FG_DUTIES_ALL},
    {"approvals.ask", "Ask for limits, the cancellation of a trade, or the release of a settlement", R(FMO), STAFF},
    {"approvals.decide", "Confirm or refuse what another user has asked for", R(FMO),
     D(ADMINISTRATOR) | D(OPERATOR) | D(SETTLEMENT)},
    /* market and grid */
    {"areas.read", "See market areas and their products", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"areas.manage", "Set up market areas and products", R(FMO), WORKERS},
    {"networks.read", "See networks, which are confidential", SYSTEM_OPERATORS | OVERSIGHT, FG_DUTIES_ALL},
    {"networks.upload", "Upload networks", SYSTEM_OPERATORS | R(FMO), WORKERS},
    {"locations.read", "See the published grid locations", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"locations.manage", "Publish and change locations of the own grid", SYSTEM_OPERATORS, WORKERS},
    {"locations.link", "Link locations of two areas of operation", SYSTEM_OPERATORS | R(FMO), WORKERS},
    /* assets and portfolios */
    {"assets.read", "See the own assets; a system operator those at its locations", FG_ROLES_ALL & ~R(OBSERVER), FG_DUTIES_ALL},
    {"assets.manage", "Register and change the own assets, name their balance responsible party", OWNERS, WORKERS},
    {"assets.approve", "Approve assets at the buses of the own grid", SYSTEM_OPERATORS, WORKERS},
    {"brp.read", "See the own balance responsible party; a balance responsible party those that it answers for",
     FG_ROLES_ALL & ~R(OBSERVER), FG_DUTIES_ALL},
    {"brp.propose", "Name the own balance responsible party in a market area", TRADERS, D(ADMINISTRATOR)},
    {"brp.confirm", "Take an asset or an organisation into the own balance perimeter", R(BRP), WORKERS},
    {"portfolios.read", "See the own portfolios; a system operator those at its locations", FG_ROLES_ALL & ~R(OBSERVER),
     FG_DUTIES_ALL},
    {"portfolios.manage", "Make portfolios, move assets, ask for prequalification", SELLERS, WORKERS},
    {"portfolios.approve", "Approve portfolios", R(FMO), WORKERS},
    {"prequalification.decide", "Prequalify: the market operator for the product, the system operator for its grid",
     R(FMO) | SYSTEM_OPERATORS, WORKERS},
    /* trading */
    {"orders.enter", "Enter, amend and cancel own orders", TRADERS, D(TRADER)},
    {"orders.read", "See the own orders and trades", PARTIES, FG_DUTIES_ALL},
    {"book.read", "See the anonymous book, public trades and statistics", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"operating_point.enter", "Give operating points, switch states, outages and limits", SYSTEM_OPERATORS | SELLERS, D(OPERATOR)},
    {"operating_point.read", "See operating points of the own grid or assets", PARTIES, FG_DUTIES_ALL},
    {"market.operate", "Open, close, halt and resume; market messages", R(FMO), D(OPERATOR)},
    {"market.limits", "Set price, size and exposure limits; with four eyes", R(FMO), D(OPERATOR)},
    {"trades.cancel", "Cancel an erroneous trade; with four eyes", R(FMO), D(OPERATOR)},
    {"trades.curtail", "Stop or curtail accepted trades that endanger the own grid", SYSTEM_OPERATORS, D(OPERATOR)},
    {"auctions.run", "Run auctions", R(FMO), D(OPERATOR)},
    {"auctions.read", "See auctions and their published results", FG_ROLES_ALL, FG_DUTIES_ALL},
    {"contracts.tender", "Tender and award availability contracts", SYSTEM_OPERATORS, D(TRADER)},
    {"contracts.offer", "Offer in tenders", SELLERS, D(TRADER)},
    {"contracts.read", "See the own contracts", PARTIES, FG_DUTIES_ALL},
    {"forwarding.read", "See what was forwarded to the balancing market", R(TSO) | SELLERS | OVERSIGHT, FG_DUTIES_ALL},
    {"forwarding.manage", "Activate, return and expire forwarded orders", R(TSO), D(OPERATOR) | D(TRADER)},
    {"traffic_light.read", "See the traffic light of locations", FG_ROLES_ALL, FG_DUTIES_ALL},
    /* delivery and settlement */
    {"meters.read", "See meters and readings of one's assets, portfolios and grid", PARTIES, FG_DUTIES_ALL},
    {"meters.manage", "Set up meters and send readings", SYSTEM_OPERATORS | OWNERS, WORKERS | D(SETTLEMENT)},
    {"baselines.submit", "Declare the baseline of one's portfolio before its gate closes", SELLERS, WORKERS | D(TRADER)},
    {"holidays.manage", "Set the holiday calendar of an area", R(FMO), WORKERS | D(SETTLEMENT)},
    {"delivery.read", "See plans and set-points of one's portfolios or grid", PARTIES, FG_DUTIES_ALL},
    {"plans.send", "Send plans for one's portfolio", SELLERS, WORKERS | D(TRADER)},
    {"plans.decide", "Accept or refuse plans in one's grid", SYSTEM_OPERATORS, WORKERS},
    {"set_points.send", "Send set-points to portfolios in one's grid", SYSTEM_OPERATORS, WORKERS},
    {"set_points.answer", "Answer set-points for one's portfolio", SELLERS, WORKERS | D(TRADER)},
    {"receipts.give", "Say what was delivered of what one bought", BUYERS, WORKERS | D(SETTLEMENT) | D(TRADER)},
    {"perimeters.read", "See what trades change in one's balance perimeter", R(BRP) | R(FMO) | R(REGULATOR), FG_DUTIES_ALL},
    {"settlements.read", "See runs, and what they say about one's trades", PARTIES, FG_DUTIES_ALL},
    {"settlements.run", "Settle days, set the rule of settlement, release with a second user's confirmation", R(FMO), CLERKS},
    {"disputes.raise", "Dispute the settlement of one's trades", TRADERS, CLERKS},
    {"disputes.decide", "Decide disputes", R(FMO), CLERKS},
    {"documents.read", "See one's invoices", PARTIES, CLERKS | D(READER)},
    {"documents.issue", "Issue invoices, record payments, export the journal", R(FMO), CLERKS},
    /* toolkits and data */
    {"runs.manage", "Start and cancel runs of the toolkits", PARTIES & ~R(REGULATOR), D(TRADER) | D(OPERATOR)},
    {"runs.read", "See the own runs and their results", PARTIES, FG_DUTIES_ALL},
    {"series.write", "Store own time series", PARTIES & ~R(REGULATOR), D(OPERATOR)},
    {"series.read", "Read own time series", PARTIES, FG_DUTIES_ALL},
    {"webhooks.manage", "Have events sent to an address", PARTIES, WORKERS},
    {"audit.read", "See the audit log", OVERSIGHT, D(ADMINISTRATOR)},
};
const struct fg_access_table fg_platform_access = {rules, sizeof rules / sizeof *rules};

bool fg_rights_scope(const char *scope, const struct fg_principal *principal)
{
    const struct fg_access_rule *rule = fg_access_find(&fg_platform_access, scope);
    return rule != NULL && fg_access_allows(rule, principal);
}

static void put_words(struct fg_text *text, uint32_t bits, uint32_t all, const char *const *words)
{
    const char *separator = "";
    if (bits == all)
        fg_text_puts(text, "all");
    for (unsigned i = 0; bits != all && words[i] != NULL; i++)
        if (bits & FG_BIT(i)) {
            fg_text_printf(text, "%s%s", separator, words[i]);
            separator = ", ";
        }
}

void fg_rights_describe(const struct fg_access_table *table, struct fg_text *text)
{
    fg_text_puts(text, "| right | allows | roles | duties |\n|---|---|---|---|\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct fg_access_rule *rule = &table->rules[i];
        fg_text_printf(text, "| `%s` | %s | ", rule->right, rule->summary);
        put_words(text, rule->roles, FG_ROLES_ALL, fg_role_words);
        fg_text_puts(text, " | ");
        put_words(text, rule->duties, FG_DUTIES_ALL, fg_duty_words);
        fg_text_puts(text, " |\n");
    }
}
