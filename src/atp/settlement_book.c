/* Around the runs: the rule of an area, release into the journal, disputes. */
#include "atp/settlement.h"

#include "atp/approval.h"
#include "atp/metering.h"
#include "atp/query.h"

#include <stdio.h>
#include <string.h>

/* -- the rule ------------------------------------------------------------------------------------------------------- */

enum fg_code fg_settlement_rule_set(struct fg_registry *registry, int64_t area, const struct fg_settlement_rule *rule,
                                    struct fg_error *err)
{
    int64_t released, from = fg_date_number(rule->from);
    enum fg_code code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = fg_query_number(registry->store, &released, err,
                               "SELECT COUNT(*) FROM settlement_run WHERE area_id = $1 AND day >= $2 AND status = 'released'", "ii",
                               area, from);
    if (code == FG_OK && released > 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "days from then on have been settled; begin on a later day");
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err, "DELETE FROM settlement_rule WHERE area_id = $1 AND from_day = $2", "ii", area,
                         from);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO settlement_rule (area_id, from_day, fee_buyer_u, fee_seller_u, fee_monthly_u, compensation_u, "
                         "transfer_price_u, tax_rate_u, domestic_reverse, decimals, payment_days, set_by, set_us) VALUES ($1, $2, "
                         "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                         "iiiiiiiiiiiii", area, from, rule->fee_buyer_u, rule->fee_seller_u, rule->fee_monthly.u,
                         rule->compensation_u, rule->transfer_price.uper_mwh, rule->tax_rate_u, (int64_t)rule->domestic_reverse,
                         (int64_t)rule->decimals, (int64_t)rule->payment_days, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "settlement.rule", FG_ID_AREA, area, NULL, err) : code;
}

enum fg_code fg_settlement_rule_read(struct fg_store *store, int64_t area, int64_t day, struct fg_settlement_rule *rule,
                                     struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT from_day, fee_buyer_u, fee_seller_u, fee_monthly_u, compensation_u, transfer_price_u, "
                                     "tax_rate_u, domestic_reverse, decimals, payment_days FROM settlement_rule WHERE area_id = $1 "
                                     "AND from_day <= $2 ORDER BY from_day DESC LIMIT 1",
                                     "ii", area, day);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the area has no settlement rule for the day; set one");
    if (code != FG_OK)
        return code;
    *rule = (struct fg_settlement_rule){.from = fg_date_of_number(fg_sql_column_int64(sql, 0)),
                                        .fee_buyer_u = fg_sql_column_int64(sql, 1),
                                        .fee_seller_u = fg_sql_column_int64(sql, 2),
                                        .fee_monthly = {fg_sql_column_int64(sql, 3)},
                                        .compensation_u = fg_sql_column_int64(sql, 4),
                                        .transfer_price = {fg_sql_column_int64(sql, 5)},
                                        .tax_rate_u = fg_sql_column_int64(sql, 6),
                                        .domestic_reverse = fg_sql_column_int64(sql, 7) != 0,
                                        .decimals = (int32_t)fg_sql_column_int64(sql, 8),
                                        .payment_days = (int32_t)fg_sql_column_int64(sql, 9)};
    fg_sql_done(sql);
    return FG_OK;
}

/* -- ledgers -------------------------------------------------------------------------------------------------------- */

static enum fg_code read_ledger(struct fg_sql *sql, struct fg_ledger *ledger, struct fg_error *err)
{
    bool row;
    enum fg_code code;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_ledger_posting posting = {
            {(enum fg_ledger_account)fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1)},
            {(enum fg_ledger_account)fg_sql_column_int64(sql, 2), fg_sql_column_int64(sql, 3)},
            (enum fg_ledger_reason)fg_sql_column_int64(sql, 4),
            fg_sql_column_int64(sql, 5),
            fg_sql_column_int64(sql, 6),
            {fg_sql_column_int64(sql, 7)},
            fg_sql_column_int64(sql, 8)};
        if ((code = fg_ledger_move(ledger, posting, err)) != FG_OK) {
            fg_sql_done(sql);
            return code;
        }
    }
    return code;
}

enum fg_code fg_settlement_ledger(struct fg_store *store, int64_t run, struct fg_ledger *ledger, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT from_account, from_id, to_account, to_id, reason, trade_id, period, amount_u, contract_id FROM "
                                 "settlement_posting WHERE run_id = $1 ORDER BY line",
                                 "i", run);
    return code == FG_OK ? read_ledger(sql, ledger, err) : code;
}

enum fg_code fg_settlement_journal(struct fg_store *store, int64_t area, int64_t day, struct fg_ledger *ledger,
                                   struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT from_account, from_id, to_account, to_id, reason, trade_id, period, amount_u, contract_id FROM booking "
                                 "WHERE area_id = $1 AND day = $2 AND run_id IS NOT NULL ORDER BY id",
                                 "ii", area, day);
    return code == FG_OK ? read_ledger(sql, ledger, err) : code;
}

enum fg_code fg_settlement_book(struct fg_registry *registry, int64_t area, int64_t day, int64_t run, int64_t bill,
                                const struct fg_ledger_posting *p, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_store_next(registry->store, "booking", 1, &id, err);
    if (code != FG_OK)
        return code;
    return fg_change(registry->store, NULL, err,
                     "INSERT INTO booking (id, area_id, day, run_id, bill_id, from_account, from_id, to_account, to_id, reason, "
                     "trade_id, period, amount_u, booked_us, contract_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                     "$13, $14, $15)",
                     "iiiooiiiiiiiiii", id, area, day, run, bill, (int64_t)p->from.account, p->from.owner, (int64_t)p->to.account,
                     p->to.owner, (int64_t)p->reason, p->trade, p->period, p->amount.u, registry->now_us, p->contract);
}

/* -- release -------------------------------------------------------------------------------------------------------- */

struct run {
    int64_t id, area, day, number, last; /* last: run released last for the day, 0 none */
    bool is_released;
    struct fg_ledger difference;
};

static enum fg_code read_run(struct fg_registry *registry, int64_t id, struct run *run, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_ledger earlier = {0}, later = {0};
    int64_t last_number = 0;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT r.area_id, r.day, r.number, r.status FROM settlement_run r JOIN area a ON a.id = r.area_id WHERE r.id = "
                     "$1 AND a.operator_id = $2",
                     "ii", id, fg_registry_party(registry)),
        FG_ID_SETTLEMENT, id, "settlement run of yours", err);
    if (code != FG_OK)
        return code;
    *run = (struct run){.id = id, .area = fg_sql_column_int64(sql, 0), .day = fg_sql_column_int64(sql, 1),
                        .number = fg_sql_column_int64(sql, 2), .is_released = strcmp(fg_sql_column_text(sql, 3), "released") == 0};
    fg_sql_done(sql);
    code = fg_query_one(registry->store, &sql, err,
                        "SELECT id, number FROM settlement_run WHERE area_id = $1 AND day = $2 AND status = 'released' ORDER BY "
                        "number DESC LIMIT 1",
                        "ii", run->area, run->day);
    if (code == FG_OK) {
        run->last = fg_sql_column_int64(sql, 0);
        last_number = fg_sql_column_int64(sql, 1);
        fg_sql_done(sql);
    } else if (code != FG_ERR_NOT_FOUND) {
        return code;
    }
    if (run->is_released)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the run is released already");
    if (last_number > run->number)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "a later run of the day is released; compute a new one");
    code = run->last != 0 ? fg_settlement_ledger(registry->store, run->last, &earlier, err) : FG_OK;
    if (code == FG_OK)
        code = fg_settlement_ledger(registry->store, id, &later, err);
    if (code == FG_OK)
        code = fg_ledger_difference(&earlier, &later, &run->difference, err);
    fg_ledger_release(&earlier);
    fg_ledger_release(&later);
    return code;
}

/* What the second pair of eyes confirms: the run and what it books. A run released meanwhile changes the text. */
static const char *describe(const struct run *run, char object[FG_ID_TEXT], char detail[160])
{
    fg_id_text(FG_ID_SETTLEMENT, run->id, object);
    snprintf(detail, 160, "{\"run\":\"stl-%lld\",\"postings\":%zu,\"after\":%lld}", (long long)run->id, run->difference.count,
             (long long)run->last);
    return detail;
}

enum fg_code fg_settlement_ask(struct fg_registry *registry, int64_t id, int64_t *approval, struct fg_error *err)
{
    struct run run = {0};
    char object[FG_ID_TEXT], detail[160];
    enum fg_code code = read_run(registry, id, &run, err);
    if (code == FG_OK) {
        describe(&run, object, detail);
        code = fg_approval_ask(registry, FG_APPROVAL_SETTLEMENT, object, detail, approval, err);
    }
    fg_ledger_release(&run.difference);
    return code;
}

enum fg_code fg_settlement_run_release(struct fg_registry *registry, int64_t id, int64_t approval, struct fg_error *err)
{
    struct run run = {0};
    char object[FG_ID_TEXT], detail[160];
    enum fg_code code = read_run(registry, id, &run, err);
    if (code == FG_OK) {
        describe(&run, object, detail);
        code = fg_approval_use(registry, approval, FG_APPROVAL_SETTLEMENT, object, detail, err);
    }
    for (size_t i = 0; code == FG_OK && i < run.difference.count; i++)
        code = fg_settlement_book(registry, run.area, run.day, id, 0, &run.difference.items[i], err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE settlement_run SET status = 'released', released_by = $2, released_us = $3, booked_after = $4, "
                         "version = version + 1 WHERE id = $1",
                         "iiio", id, registry->actor.user, registry->now_us, run.last);
    fg_ledger_release(&run.difference);
    return code == FG_OK ? fg_registry_audit(registry, "settlement.release", FG_ID_SETTLEMENT, id, NULL, err) : code;
}

/* -- disputes ------------------------------------------------------------------------------------------------------- */

enum fg_code fg_dispute_raise(struct fg_registry *registry, int64_t run, int64_t trade, const char *claim, int64_t *id,
                              struct fg_error *err)
{
    int64_t found, party = fg_registry_party(registry);
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &found, err,
                        "SELECT t.trade_id FROM settlement_trade t JOIN settlement_run r ON r.id = t.run_id WHERE t.run_id = $1 AND "
                        "t.trade_id = $2 AND r.status = 'released' AND (t.seller_id = $3 OR t.buyer_id = $3)",
                        "iii", run, trade, party),
        FG_ID_TRADE, trade, "trade of yours in this released run,", err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_DISPUTE, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO dispute (id, run_id, trade_id, organisation_id, claim, status, raised_by, raised_us, version) "
                         "VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, 1)",
                         "iiiitii", *id, run, trade, party, claim, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "dispute.raise", FG_ID_DISPUTE, *id, NULL, err) : code;
}

static enum fg_code end_dispute(struct fg_registry *registry, int64_t id, const char *status, const char *answer,
                                const char *action, struct fg_error *err)
{
    int64_t changes;
    enum fg_code code = fg_change(registry->store, &changes, err,
                                  "UPDATE dispute SET status = $2, answer = $3, decided_by = $4, decided_us = $5, version = version "
                                  "+ 1 WHERE id = $1 AND status = 'open'",
                                  "ittii", id, status, answer, registry->actor.user, registry->now_us);
    if (code == FG_OK && changes == 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the dispute is not open any more");
    return code == FG_OK ? fg_registry_audit(registry, action, FG_ID_DISPUTE, id, NULL, err) : code;
}

enum fg_code fg_dispute_decide(struct fg_registry *registry, int64_t id, bool uphold, const char *answer,
                               struct fg_error *err)
{
    int64_t found;
    enum fg_code code = fg_registry_found(
        fg_query_number(registry->store, &found, err,
                        "SELECT d.id FROM dispute d JOIN settlement_run r ON r.id = d.run_id JOIN area a ON a.id = r.area_id WHERE "
                        "d.id = $1 AND a.operator_id = $2",
                        "ii", id, fg_registry_party(registry)),
        FG_ID_DISPUTE, id, "dispute about a run of yours,", err);
    return code == FG_OK ? end_dispute(registry, id, uphold ? "upheld" : "rejected", answer, "dispute.decide", err) : code;
}

enum fg_code fg_dispute_withdraw(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t found;
    enum fg_code code = fg_registry_found(fg_query_number(registry->store, &found, err,
                                                          "SELECT id FROM dispute WHERE id = $1 AND organisation_id = $2", "ii",
                                                          id, fg_registry_party(registry)),
                                          FG_ID_DISPUTE, id, "dispute of yours", err);
    return code == FG_OK ? end_dispute(registry, id, "withdrawn", NULL, "dispute.withdraw", err) : code;
}
