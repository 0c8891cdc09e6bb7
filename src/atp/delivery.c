#include "atp/delivery.h"

#include "atp/metering.h"
#include "atp/query.h"

#include <string.h>

const char *const fg_receipt_words[] = {"delivered", "partly", "missing", NULL};

enum { PLAN_LINES_MAX = 20000, UNITS_MAX = 400 };

/* Area's unit in seconds, for the owner of the portfolio or the operator of its location. */
static enum fg_code portfolio_period(struct fg_registry *registry, int64_t portfolio, bool as_operator, int64_t *period_s,
                                     struct fg_error *err)
{
    enum fg_code code = fg_query_number(
        registry->store, period_s, err,
        as_operator ? "SELECT a.period_s FROM portfolio p JOIN location l ON l.id = p.location_id JOIN area a ON a.id = p.area_id "
                      "WHERE p.id = $1 AND l.operator_id = $2"
                    : "SELECT a.period_s FROM portfolio p JOIN area a ON a.id = p.area_id WHERE p.id = $1 AND "
                      "p.organisation_id = $2",
        "ii", portfolio, fg_registry_party(registry));
    return fg_registry_found(code, FG_ID_PORTFOLIO, portfolio, as_operator ? "portfolio in your grid," : "portfolio of yours,", err);
}

static enum fg_code check_ahead(const struct fg_registry *registry, int64_t period, int64_t period_s, struct fg_error *err)
{
    return period * period_s > registry->now_us / 1000000
               ? FG_OK
               : fg_fail(err, FG_ERR_CONFLICT, NULL, "the first unit has begun; only later units can be changed");
}

static enum fg_code check_member(struct fg_registry *registry, int64_t portfolio, const struct fg_plan_line *line,
                                 int64_t period_s, struct fg_error *err)
{
    int64_t found;
    char text[FG_ID_TEXT];
    enum fg_code code = fg_query_number(registry->store, &found, err,
                                        "SELECT asset_id FROM portfolio_asset WHERE asset_id = $1 AND portfolio_id = $2 AND "
                                        "valid_from_us <= $3 AND (valid_until_us IS NULL OR valid_until_us > $3)",
                                        "iii", line->asset, portfolio, line->period * period_s * 1000000);
    return code == FG_ERR_NOT_FOUND ? fg_fail(err, FG_ERR_VALUE, NULL, "asset %s is not in the portfolio in every unit of the plan",
                                              fg_id_text(FG_ID_ASSET, line->asset, text))
                                    : code;
}

enum fg_code fg_plan_send(struct fg_registry *registry, int64_t portfolio, const struct fg_plan_line *lines, size_t count,
                          int64_t *id, struct fg_error *err)
{
    int64_t period_s, first = INT64_MAX, last = INT64_MIN;
    if (count == 0 || count > PLAN_LINES_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a plan has 1 to %d lines", PLAN_LINES_MAX);
    enum fg_code code = portfolio_period(registry, portfolio, false, &period_s, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        first = lines[i].period < first ? lines[i].period : first;
        last = lines[i].period > last ? lines[i].period : last;
        code = check_member(registry, portfolio, &lines[i], period_s, err);
    }
    if (code == FG_OK)
        code = check_ahead(registry, first, period_s, err);
    if (code == FG_OK && last - first >= UNITS_MAX)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "a plan covers at most %d units", UNITS_MAX);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_PLAN, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE delivery_plan SET status = 'replaced', version = version + 1 WHERE portfolio_id = $1 AND "
                         "status IN ('pending', 'accepted') AND first_period <= $3 AND first_period + period_count > $2",
                         "iii", portfolio, first, last);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO delivery_plan (id, portfolio_id, first_period, period_count, status, sent_by, sent_us, "
                         "version) VALUES ($1, $2, $3, $4, 'pending', $5, $6, 1)",
                         "iiiiii", *id, portfolio, first, last - first + 1, registry->actor.user, registry->now_us);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = fg_registry_unique(
            registry,
            fg_change(registry->store, NULL, err,
                      "INSERT INTO delivery_plan_line (plan_id, asset_id, period, power_w) VALUES ($1, $2, $3, $4)", "iiii",
                      *id, lines[i].asset, lines[i].period, lines[i].power_w),
            err, "the plan names an asset twice in one unit");
    return code == FG_OK ? fg_registry_audit(registry, "plan.send", FG_ID_PORTFOLIO, portfolio, NULL, err) : code;
}

enum fg_code fg_plan_decide(struct fg_registry *registry, int64_t id, bool accept, const char *reason, struct fg_error *err)
{
    int64_t changes, portfolio;
    enum fg_code code = fg_query_number(registry->store, &portfolio, err,
                                        "SELECT d.portfolio_id FROM delivery_plan d JOIN portfolio p ON p.id = d.portfolio_id "
                                        "JOIN location l ON l.id = p.location_id WHERE d.id = $1 AND l.operator_id = $2",
                                        "ii", id, fg_registry_party(registry));
    code = fg_registry_found(code, FG_ID_PLAN, id, "plan in your grid,", err);
    if (code == FG_OK && !accept && (reason == NULL || reason[0] == '\0'))
        return fg_fail(err, FG_ERR_VALUE, NULL, "say why the plan is refused");
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE delivery_plan SET status = $2, reason = $3, decided_by = $4, decided_us = $5, version = version "
                         "+ 1 WHERE id = $1 AND status = 'pending'",
                         "ittii", id, accept ? "accepted" : "refused", reason, registry->actor.user, registry->now_us);
    if (code == FG_OK && changes == 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the plan is not pending any more");
    return code == FG_OK ? fg_registry_audit(registry, accept ? "plan.accept" : "plan.refuse", FG_ID_PORTFOLIO, portfolio, NULL, err)
                         : code;
}

enum fg_code fg_set_point_send(struct fg_registry *registry, int64_t portfolio, int64_t first_period, int64_t period_count,
                               int64_t power_w, int64_t *id, struct fg_error *err)
{
    int64_t period_s;
    if (period_count < 1 || period_count > UNITS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a set-point holds for 1 to %d units", UNITS_MAX);
    enum fg_code code = portfolio_period(registry, portfolio, true, &period_s, err);
    if (code == FG_OK)
        code = check_ahead(registry, first_period, period_s, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_SET_POINT, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO set_point (id, portfolio_id, operator_id, first_period, period_count, power_w, sent_by, "
                         "sent_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
                         "iiiiiiii", *id, portfolio, fg_registry_party(registry), first_period, period_count, power_w,
                         registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "set_point.send", FG_ID_PORTFOLIO, portfolio, NULL, err) : code;
}

enum fg_code fg_set_point_answer(struct fg_registry *registry, int64_t id, bool accept, const char *reason,
                                 struct fg_error *err)
{
    int64_t changes, portfolio;
    enum fg_code code = fg_query_number(registry->store, &portfolio, err,
                                        "SELECT s.portfolio_id FROM set_point s JOIN portfolio p ON p.id = s.portfolio_id WHERE "
                                        "s.id = $1 AND p.organisation_id = $2",
                                        "ii", id, fg_registry_party(registry));
    code = fg_registry_found(code, FG_ID_SET_POINT, id, "set-point for a portfolio of yours,", err);
    if (code == FG_OK && !accept && (reason == NULL || reason[0] == '\0'))
        return fg_fail(err, FG_ERR_VALUE, NULL, "say why the set-point is refused");
    if (code == FG_OK)
        code = fg_change(registry->store, &changes, err,
                         "UPDATE set_point SET answer = $2, reason = $3, answered_by = $4, answered_us = $5, version = version + 1 "
                         "WHERE id = $1 AND answer IS NULL",
                         "ittii", id, accept ? "accepted" : "refused", reason, registry->actor.user, registry->now_us);
    if (code == FG_OK && changes == 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the set-point has been answered already");
    return code == FG_OK ? fg_registry_audit(registry, "set_point.answer", FG_ID_PORTFOLIO, portfolio, NULL, err) : code;
}

enum fg_code fg_receipt_give(struct fg_registry *registry, int64_t area, int64_t trade, enum fg_receipt verdict,
                             const char *note, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT t.period, a.period_s, (SELECT COUNT(*) FROM settlement_trade s JOIN settlement_run r ON r.id = "
                     "s.run_id WHERE r.area_id = t.area_id AND r.status = 'released' AND s.trade_id = t.id) FROM book_trade t "
                     "JOIN area a ON a.id = t.area_id WHERE t.area_id = $1 AND t.id = $2 AND t.buyer_id = $3",
                     "iii", area, trade, fg_registry_party(registry)),
        FG_ID_TRADE, trade, "trade that you bought,", err);
    if (code != FG_OK)
        return code;
    int64_t end_s = (fg_sql_column_int64(sql, 0) + 1) * fg_sql_column_int64(sql, 1);
    bool is_released = fg_sql_column_int64(sql, 2) > 0;
    fg_sql_done(sql);
    if (end_s > registry->now_us / 1000000)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the unit of the trade has not ended; say afterwards what was delivered");
    if (is_released)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the day has been settled; raise a dispute instead");
    code = fg_change(registry->store, NULL, err,
                     "INSERT INTO delivery_receipt (area_id, trade_id, verdict, note, given_by, given_us) VALUES ($1, $2, $3, $4, "
                     "$5, $6) ON CONFLICT (area_id, trade_id) DO UPDATE SET verdict = excluded.verdict, note = excluded.note, "
                     "given_by = excluded.given_by, given_us = excluded.given_us",
                     "iittii", area, trade, fg_receipt_words[verdict], note, registry->actor.user, registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "delivery.receipt", FG_ID_TRADE, trade, NULL, err) : code;
}
