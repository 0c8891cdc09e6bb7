/* Settlement of a day of an area: runs that can be repeated, the journal, disputes.
 *
 * A run takes what is known when it is computed (trades as they stand, meters, frozen baselines, the rules of the day) and
 * writes, for good: per portfolio and unit meter, baseline and what is owed; per trade what was delivered, is paid and is
 * penalised (market/delivery.h); what moves between balance responsible parties (perimeter.h); and a ledger (market/ledger.h):
 *
 *     purchase        buyer -> market                     paid
 *     sale            market -> seller                    paid
 *     penalty         seller -> penalties                 penalty
 *     compensation    penalties -> buyer                  penalty x compensation share
 *     transfer_taken  party that takes -> transfer        energy x transfer price
 *     transfer_given  transfer -> party that gives        the same
 *     fee_share       buyer, seller -> fees               |paid| x fee share of the side
 *     fee_monthly     organisation -> fees                on the first day of a month, with an approved portfolio
 * and what contracts are paid for availability (settlement_availability.h).
 *
 * Trades of reserve are paid as they stand: what is sold is availability. Trades whose portfolio lacks a reading or a baseline
 * are pending: nothing moves for them until a later run finds the data.
 *
 * A run becomes money by its release, which another user of the market operator has to confirm. Release books, in the
 * journal, the difference to the run of the same day that was released before; a run is never released after a later one.
 * So the journal of a day is always, kind by kind, the ledger of the run released last.
 * Refusals and thread rule: registry.h; all functions run inside the registry's transaction. */
#ifndef FG_ATP_SETTLEMENT_H
#define FG_ATP_SETTLEMENT_H

#include "atp/registry.h"
#include "base/date.h"
#include "market/ledger.h"

struct fg_settlement_rule {
    struct fg_date from;
    int64_t fee_buyer_u, fee_seller_u; /* millionths of what is paid */
    struct fg_money fee_monthly;
    int64_t compensation_u;            /* part of penalties that the buyer gets */
    struct fg_price transfer_price;
    int64_t tax_rate_u;
    bool domestic_reverse;             /* reverse charge between dealers of the same country */
    int32_t decimals;                  /* of the currency's smallest unit */
    int32_t payment_days;
};
/* By the market operator, for days of which no run is released (FG_ERR_CONFLICT). */
enum fg_code fg_settlement_rule_set(struct fg_registry *registry, int64_t area, const struct fg_settlement_rule *rule,
                                    struct fg_error *err);
/* The rule in force on a day; FG_ERR_CONFLICT when the area has none yet. */
enum fg_code fg_settlement_rule_read(struct fg_store *store, int64_t area, int64_t day, struct fg_settlement_rule *rule,
                                     struct fg_error *err);

/* Compute a new run of a day that is over; by the market operator. */
enum fg_code fg_settlement_compute(struct fg_registry *registry, int64_t area, struct fg_date day, int64_t *run,
                                   struct fg_error *err);

/* Ask for the release (fg_approval_decide is the other pair of eyes), then release with the confirmed approval. */
enum fg_code fg_settlement_ask(struct fg_registry *registry, int64_t run, int64_t *approval, struct fg_error *err);
enum fg_code fg_settlement_run_release(struct fg_registry *registry, int64_t run, int64_t approval, struct fg_error *err);

/* The ledger of a run, and the journal's rows of a day's runs; release with fg_ledger_release. */
enum fg_code fg_settlement_ledger(struct fg_store *store, int64_t run, struct fg_ledger *ledger, struct fg_error *err);
enum fg_code fg_settlement_journal(struct fg_store *store, int64_t area, int64_t day, struct fg_ledger *ledger,
                                   struct fg_error *err);
/* Append a row to the journal; `run`, `bill` 0: none. */
enum fg_code fg_settlement_book(struct fg_registry *registry, int64_t area, int64_t day, int64_t run, int64_t bill,
                                const struct fg_ledger_posting *posting, struct fg_error *err);

/* Disputes: raised by buyer or seller of a trade of a released run, decided by the market operator. An upheld one is followed by a
 * correction (of a meter) and a new run. */
enum fg_code fg_dispute_raise(struct fg_registry *registry, int64_t run, int64_t trade, const char *claim, int64_t *id,
                              struct fg_error *err);
enum fg_code fg_dispute_decide(struct fg_registry *registry, int64_t id, bool uphold, const char *answer,
                               struct fg_error *err);
enum fg_code fg_dispute_withdraw(struct fg_registry *registry, int64_t id, struct fg_error *err);

#endif
