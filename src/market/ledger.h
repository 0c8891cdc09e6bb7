/* Ledger: double entry with named accounts.
 *
 * A posting moves an amount from one account to another; there is no other way to change a balance. So over all accounts
 *     sum of balances = 0          (money in = money out)
 * by construction, and what is worth checking is what single accounts mean. A balance is what the account has received
 * less what it has given:
 *
 *   participant   what the platform owes the participant (> 0) or the participant owes (< 0); ends at 0 when all is paid
 *   market        the platform's operator as counterparty of both sides of every trade: ends at 0 in every run
 *   penalties     paid by sellers for shortfalls, less what is passed to the buyers as compensation
 *   transfer      between balance responsible parties: ends at 0 in every run
 *   fees          income of the platform
 *   make_whole, congestion, losses, pricing, slack   of cleared auctions, as in market/settlement.h
 *   rounding      micro-units that whole cents on documents leave: at most half a cent per document
 *   tax           value added tax that the operator owes (> 0) or may reclaim (< 0)
 *   bank          payments: what the operator has paid out (> 0) or received (< 0)
 *
 * Two versions of a settlement are compared posting by posting: postings are equal in kind when accounts, reason, trade,
 * contract and period are equal, and the difference holds, for each kind whose sums differ, one posting over the change. Booking the
 * difference on top of the earlier version gives the later one:  later = earlier + difference,  kind by kind.
 *
 * Thread rule: pure functions on the caller's ledger. Literature: Pacioli, "Summa de arithmetica" (1494); Ellerman, "The
 * mathematics of double entry bookkeeping", Mathematics Magazine 58 (1985): a ledger is a group of pairs that sum to zero. */
#ifndef FG_MARKET_LEDGER_H
#define FG_MARKET_LEDGER_H

#include "base/units.h"

enum fg_ledger_account {
    FG_LEDGER_PARTICIPANT, /* one per participant: `owner` */
    FG_LEDGER_MARKET,
    FG_LEDGER_PENALTIES,
    FG_LEDGER_TRANSFER,
    FG_LEDGER_FEES,
    FG_LEDGER_MAKE_WHOLE,
    FG_LEDGER_CONGESTION,
    FG_LEDGER_LOSSES,
    FG_LEDGER_PRICING,
    FG_LEDGER_SLACK,
    FG_LEDGER_ROUNDING,
    FG_LEDGER_TAX,
    FG_LEDGER_BANK,
    FG_LEDGER_ACCOUNT_COUNT
};
extern const char *const fg_ledger_account_words[];

/* Why money moves. */
enum fg_ledger_reason {
    FG_REASON_PURCHASE,       /* buyer pays what was delivered or held ready */
    FG_REASON_SALE,           /* seller is paid for it */
    FG_REASON_PENALTY,        /* seller pays for a shortfall */
    FG_REASON_COMPENSATION,   /* buyer's part of it */
    FG_REASON_TRANSFER_TAKEN, /* a balance responsible party pays for energy transferred to it */
    FG_REASON_TRANSFER_GIVEN, /* ... and the one that gave it is paid */
    FG_REASON_FEE_SHARE,
    FG_REASON_FEE_MONTHLY,
    FG_REASON_ROUNDING,
    FG_REASON_TAX,
    FG_REASON_PAYMENT,
    FG_REASON_AVAILABILITY_BOUGHT,   /* buyer of a contract pays for what was available */
    FG_REASON_AVAILABILITY_SOLD,     /* its seller is paid for it */
    FG_REASON_UNAVAILABILITY,        /* seller pays for what was contracted and not offered */
    FG_REASON_UNAVAILABILITY_SHARED, /* buyer's part of it */
    FG_REASON_AUCTION_CHARGE, /* participant pays what a clearing settled beyond its trades */
    FG_REASON_AUCTION_CREDIT, /* ... or is paid it */
    FG_REASON_COUNT
};
extern const char *const fg_ledger_reason_words[];

struct fg_ledger_party {
    enum fg_ledger_account account;
    int64_t owner; /* participant's number; 0 for all other accounts */
};
struct fg_ledger_posting {
    struct fg_ledger_party from, to;
    enum fg_ledger_reason reason;
    int64_t trade, period; /* 0: none */
    struct fg_money amount;
    int64_t contract; /* 0: none */
};
struct fg_ledger {
    struct fg_ledger_posting *items;
    size_t count, capacity;
};
void fg_ledger_release(struct fg_ledger *ledger); /* a ledger starts as {0} */

static inline struct fg_ledger_party fg_ledger_named(enum fg_ledger_account account)
{
    return (struct fg_ledger_party){account, 0};
}
static inline struct fg_ledger_party fg_ledger_participant(int64_t owner)
{
    return (struct fg_ledger_party){FG_LEDGER_PARTICIPANT, owner};
}

/* Append a posting; an amount of zero leaves no trace. FG_ERR_ARGUMENT: from and to are one account, or an owner where there
 * is none. FG_ERR_MEMORY. */
enum fg_code fg_ledger_move(struct fg_ledger *ledger, struct fg_ledger_posting posting, struct fg_error *err);

/* Balance of one account; `any_owner` adds up all participants. FG_ERR_OVERFLOW. Cost: one pass. */
enum fg_code fg_ledger_balance(const struct fg_ledger *ledger, struct fg_ledger_party party, int any_owner,
                               struct fg_money *out, struct fg_error *err);

/* `out` (empty) gets what has to be booked on top of `earlier` to arrive at `later`, ordered by trade, period, reason and
 * accounts, at most one posting of a kind. Cost: n log n. */
enum fg_code fg_ledger_difference(const struct fg_ledger *earlier, const struct fg_ledger *later, struct fg_ledger *out,
                                  struct fg_error *err);

#endif
