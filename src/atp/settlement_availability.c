#include "atp/settlement_availability.h"

#include "atp/contract.h"
#include "atp/gate.h"
#include "atp/query.h"
#include "base/memory.h"
#include "market/book.h"

#include <stdio.h>
#include <string.h>

struct product {
    struct fg_delivery_terms terms;
    struct fg_gate_rule gate;
    int64_t version;
};
struct pause {
    int64_t from_us, until_us;
};
/* One contract on the day. */
struct work {
    const struct fg_availability_day *day;
    const struct fg_contract_terms *contract;
    struct product product;
    struct pause *pauses;
    size_t pause_count;
    int64_t *offered_w; /* per unit of the day */
};

static enum fg_code note(const struct fg_availability_day *day, const char *kind, int64_t object, int64_t version,
                         struct fg_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)version);
    return fg_change(day->store, NULL, err,
                     "INSERT INTO settlement_input (run_id, kind, object, version) VALUES ($1, $2, $3, $4) ON CONFLICT (run_id, "
                     "kind, object) DO NOTHING",
                     "itit", day->run, kind, object, text);
}

static enum fg_code load_product(struct work *work, struct fg_error *err)
{
    struct fg_sql *sql;
    struct product *product = &work->product;
    enum fg_code code = fg_query_one(work->day->store, &sql, err,
                                     "SELECT tolerance_share_u, tolerance_w, penalty_factor_u, penalty_u, closure_lead_s, version "
                                     "FROM product WHERE id = $1",
                                     "i", work->contract->product);
    if (code != FG_OK)
        return code;
    product->terms = (struct fg_delivery_terms){fg_sql_column_int64(sql, 0),
                                                {fg_sql_column_int64(sql, 1)},
                                                fg_sql_column_int64(sql, 2),
                                                {fg_sql_column_int64(sql, 3)}};
    product->gate.closure_lead_s = (int32_t)fg_sql_column_int64(sql, 4);
    product->version = fg_sql_column_int64(sql, 5);
    fg_sql_done(sql);
    code = note(work->day, "product", work->contract->product, product->version, err);
    return code == FG_OK ? note(work->day, "contract", work->contract->id, work->contract->version, err) : code;
}

static enum fg_code load_pauses(struct work *work, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t capacity = 0;
    enum fg_code code = fg_query(work->day->store, &sql, err,
                                 "SELECT from_us, until_us FROM contract_suspension WHERE contract_id = $1 ORDER BY from_us", "i",
                                 work->contract->id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&work->pauses, work->pause_count, &capacity, sizeof *work->pauses) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        work->pauses[work->pause_count++] = (struct pause){
            fg_sql_column_int64(sql, 0), fg_sql_column_is_null(sql, 1) ? INT64_MAX : fg_sql_column_int64(sql, 1)};
    }
    return code;
}

static int64_t first_integer(struct fg_sql *sql, int column)
{
    size_t size = 0;
    const void *bytes = fg_sql_column_blob(sql, column, &size);
    return size >= 8 ? fg_blob_integer(bytes, 0) : 0;
}

static enum fg_code load_offered(struct work *work, struct fg_error *err)
{
    const struct fg_availability_day *day = work->day;
    struct fg_sql *sql;
    bool row;
    if ((work->offered_w = fg_alloc((size_t)day->period_count, sizeof *work->offered_w)) == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "SELECT first_period, CASE WHEN status = 'cancelled' AND cause <> $4 THEN 1 ELSE 0 END, quantity, "
                                 "filled FROM book_order WHERE contract_id = $1 AND first_period >= $2 AND first_period < $3",
                                 "iiii", work->contract->id, day->first_period, day->first_period + day->period_count,
                                 (int64_t)FG_BOOK_CAUSE_GATE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        bool left_early = fg_sql_column_int64(sql, 1) != 0;
        work->offered_w[fg_sql_column_int64(sql, 0) - day->first_period] += first_integer(sql, left_early ? 3 : 2);
    }
    return code;
}

static bool in_force(const struct work *work, int32_t period)
{
    const struct fg_contract_terms *contract = work->contract;
    int64_t closure_us = fg_gate_closure_us(&work->product.gate, (int32_t)work->day->period_s, period);
    if (closure_us <= contract->awarded_us || (contract->terminated_us != 0 && contract->terminated_us <= closure_us))
        return false;
    for (size_t i = 0; i < work->pause_count; i++)
        if (work->pauses[i].from_us <= closure_us && closure_us < work->pauses[i].until_us)
            return false;
    return true;
}

static const struct fg_contract_delivery *find_delivery(const struct fg_availability_day *day, int64_t contract, int64_t period)
{
    size_t low = 0, high = day->delivery_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fg_contract_delivery *at = &day->deliveries[middle];
        if (at->contract < contract || (at->contract == contract && at->period < period))
            low = middle + 1;
        else
            high = middle;
    }
    const struct fg_contract_delivery *at = low < day->delivery_count ? &day->deliveries[low] : NULL;
    return at != NULL && at->contract == contract && at->period == period ? at : NULL;
}

static enum fg_code move(const struct work *work, struct fg_ledger_party from, struct fg_ledger_party to,
                         enum fg_ledger_reason reason, int64_t period, int64_t amount_u, struct fg_error *err)
{
    struct fg_ledger_posting posting = {.from = from, .to = to, .reason = reason, .period = period, .amount = {amount_u},
                                        .contract = work->contract->id};
    return fg_ledger_move(work->day->ledger, posting, err);
}

static enum fg_code post(const struct work *work, int64_t period, const struct fg_availability *found, struct fg_error *err)
{
    const struct fg_settlement_rule *rule = work->day->rule;
    struct fg_ledger_party buyer = fg_ledger_participant(work->contract->buyer), seller = fg_ledger_participant(work->contract->seller),
                           market = fg_ledger_named(FG_LEDGER_MARKET), penalties = fg_ledger_named(FG_LEDGER_PENALTIES),
                           fees = fg_ledger_named(FG_LEDGER_FEES);
    int64_t paid = found->paid.u, penalty = found->penalty.u, size = paid < 0 ? -paid : paid, shared, fee_buyer, fee_seller;
    enum fg_code code;
    if ((code = fg_muldiv(penalty, rule->compensation_u, FG_FRACTION_ONE, &shared, err)) != FG_OK ||
        (code = fg_muldiv(size, rule->fee_buyer_u, FG_FRACTION_ONE, &fee_buyer, err)) != FG_OK ||
        (code = fg_muldiv(size, rule->fee_seller_u, FG_FRACTION_ONE, &fee_seller, err)) != FG_OK ||
        (code = move(work, buyer, market, FG_REASON_AVAILABILITY_BOUGHT, period, paid, err)) != FG_OK ||
        (code = move(work, market, seller, FG_REASON_AVAILABILITY_SOLD, period, paid, err)) != FG_OK ||
        (code = move(work, seller, penalties, FG_REASON_UNAVAILABILITY, period, penalty, err)) != FG_OK ||
        (code = move(work, penalties, buyer, FG_REASON_UNAVAILABILITY_SHARED, period, shared, err)) != FG_OK ||
        (code = move(work, buyer, fees, FG_REASON_FEE_SHARE, period, fee_buyer, err)) != FG_OK)
        return code;
    return move(work, seller, fees, FG_REASON_FEE_SHARE, period, fee_seller, err);
}

static enum fg_code settle_unit(const struct work *work, int32_t period, int64_t *pending, struct fg_error *err)
{
    const struct fg_availability_day *day = work->day;
    const struct fg_contract_terms *contract = work->contract;
    const struct fg_contract_delivery *delivery = find_delivery(day, contract->id, period);
    int64_t offered_w = work->offered_w[period - day->first_period];
    bool is_pending = delivery != NULL && delivery->is_pending;
    struct fg_availability found = {{0}, {0}, {0}, {0}, {0}};
    struct fg_availability_input input = {.contracted = contract->quantity,
                                          .offered = {offered_w < contract->quantity.w ? offered_w : contract->quantity.w},
                                          .undelivered = {delivery != NULL ? delivery->undelivered.ws : 0},
                                          .seconds = day->period_s, .price = contract->availability,
                                          .terms = work->product.terms};
    enum fg_code code = is_pending ? FG_OK : fg_contract_availability(&input, &found, err);
    *pending += is_pending;
    if (code == FG_OK)
        code = fg_change(day->store, NULL, err,
                         "INSERT INTO settlement_availability (run_id, contract_id, period, buyer_id, seller_id, price_u, "
                         "contracted_w, offered_w, traded_ws, available_ws, missing_ws, tolerated_ws, paid_u, penalty_u, is_pending) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                         "iiiiiiiiiiiiiii", day->run, contract->id, (int64_t)period, contract->buyer, contract->seller,
                         contract->availability.uper_mwh, contract->quantity.w, input.offered.w,
                         delivery != NULL ? delivery->traded.ws : INT64_C(0), found.available.ws, found.missing.ws,
                         found.tolerated.ws, found.paid.u, found.penalty.u, (int64_t)is_pending);
    return code == FG_OK ? post(work, period, &found, err) : code;
}

static enum fg_code settle_contract(struct work *work, int64_t *pending, struct fg_error *err)
{
    const struct fg_availability_day *day = work->day;
    enum fg_code code = load_product(work, err);
    if (code == FG_OK)
        code = load_pauses(work, err);
    if (code == FG_OK)
        code = load_offered(work, err);
    int32_t period = (int32_t)day->first_period - 1;
    while (code == FG_OK && fg_contract_window_next(&work->contract->window, day->zone, (int32_t)day->period_s, &period) &&
           period < day->first_period + day->period_count)
        if (in_force(work, period))
            code = settle_unit(work, period, pending, err);
    fg_free(work->pauses);
    fg_free(work->offered_w);
    return code;
}

enum fg_code fg_settlement_availability(const struct fg_availability_day *day, int64_t *pending, struct fg_error *err)
{
    struct fg_contract_terms *contracts;
    size_t count;
    enum fg_code code = fg_contract_list(day->store, day->area, 0, day->first_period * day->period_s * 1000000,
                                         (day->first_period + day->period_count) * day->period_s * 1000000, false, &contracts,
                                         &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct work work = {.day = day, .contract = &contracts[i]};
        code = settle_contract(&work, pending, err);
    }
    fg_free(contracts);
    return code;
}
