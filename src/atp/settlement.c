/* The computation of a run: load the day, settle portfolio by portfolio, write what came out. */
#include "atp/settlement.h"

#include "atp/baseline_rule.h"
#include "atp/metering.h"
#include "atp/perimeter.h"
#include "atp/query.h"
#include "atp/settlement_availability.h"
#include "base/memory.h"
#include "base/readings.h"
#include "base/timezone.h"
#include "market/delivery.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trade {
    struct fg_perimeter_trade terms;
    enum fg_product product;
    enum fg_regulation regulation;
    struct fg_power quantity;
    struct fg_price price;
    int64_t contract; /* of the seller's order; 0: none */
    struct fg_delivery delivery;
    bool is_pending;
    bool is_call; /* of the balancing market (docs/settlement.md): delivered like a trade, paid by that market; no row of its own */
};

/* What a product asks for. */
struct product {
    int64_t id;
    struct fg_delivery_terms terms;
    struct fg_baseline_rule rule;
};

struct day {
    struct fg_registry *registry;
    struct fg_store *store;
    int64_t area, run, number, period_s, first_period, period_count, start_us;
    struct fg_date date;
    struct fg_timezone *zone;
    struct fg_settlement_rule rule;
    struct fg_date *holidays;
    size_t holiday_count;
    struct trade *trades;
    size_t trade_count, trade_capacity, call_count; /* trades and calls; calls among them */
    struct fg_ledger ledger;
    int64_t pending;
    enum fg_code used_code; /* of the callback that notes inputs */
    struct fg_error used_err;
};

/* -- inputs --------------------------------------------------------------------------------------------------------- */

static enum fg_code note_input(struct day *day, const char *kind, int64_t object, const char *version, struct fg_error *err)
{
    return fg_change(day->store, NULL, err,
                     "INSERT INTO settlement_input (run_id, kind, object, version) VALUES ($1, $2, $3, $4) ON CONFLICT (run_id, "
                     "kind, object) DO NOTHING",
                     "itit", day->run, kind, object, version);
}

static enum fg_code note_number(struct day *day, const char *kind, int64_t object, int64_t version, struct fg_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)version);
    return note_input(day, kind, object, text, err);
}

/* A meter's version is when its readings changed last. */
static void note_meter(void *context, int64_t meter)
{
    struct day *day = context;
    int64_t changed_us = 0;
    if (day->used_code == FG_OK)
        day->used_code = fg_query_number(day->store, &changed_us, &day->used_err,
                                         "SELECT COALESCE(MAX(changed_us), 0) FROM meter_change WHERE meter_id = $1", "i", meter);
    if (day->used_code == FG_OK)
        day->used_code = note_number(day, "meter", meter, changed_us, &day->used_err);
}

static enum fg_code load_area(struct day *day, struct fg_date date, struct fg_error *err)
{
    struct fg_sql *sql;
    char time_zone[64];
    int64_t day_number = fg_date_number(date), version;
    enum fg_code code = fg_area_operated(day->registry, day->area, err);
    if (code == FG_OK)
        code = fg_area_period(day->store, day->area, &day->period_s, time_zone, err);
    if (code == FG_OK)
        code = fg_timezone_open(time_zone, &day->zone, err);
    if (code != FG_OK)
        return code;
    int64_t start = fg_timezone_day_start(day->zone, date), end = fg_timezone_day_start(day->zone, fg_date_add(date, 1));
    if (end > day->registry->now_us / 1000000)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the day is not over; settle it afterwards");
    /* A unit belongs to the day in which it begins. */
    day->first_period = (start + day->period_s - 1) / day->period_s;
    day->period_count = (end + day->period_s - 1) / day->period_s - day->first_period;
    day->start_us = start * 1000000;
    day->date = date;
    if ((code = fg_settlement_rule_read(day->store, day->area, day_number, &day->rule, err)) != FG_OK ||
        (code = fg_store_next(day->store, fg_id_word(FG_ID_SETTLEMENT), 1, &day->run, err)) != FG_OK ||
        (code = fg_query_number(day->store, &day->number, err,
                                "SELECT COALESCE(MAX(number), 0) + 1 FROM settlement_run WHERE area_id = $1 AND day = $2", "ii",
                                day->area, day_number)) != FG_OK ||
        (code = fg_change(day->store, NULL, err,
                          "INSERT INTO settlement_run (id, area_id, day, number, known_us, status, pending_count, trade_count, "
                          "computed_by, computed_us, version) VALUES ($1, $2, $3, $4, $5, 'computed', 0, 0, $6, $5, 1)",
                          "iiiiii", day->run, day->area, day_number, day->number, day->registry->now_us,
                          day->registry->actor.user)) != FG_OK ||
        (code = note_number(day, "rule", fg_date_number(day->rule.from), fg_date_number(day->rule.from), err)) != FG_OK ||
        (code = fg_query_number(day->store, &version, err, "SELECT version FROM area WHERE id = $1", "i", day->area)) != FG_OK ||
        (code = note_number(day, "area", day->area, version, err)) != FG_OK)
        return code;

    bool row;
    size_t capacity = 0;
    code = fg_query(day->store, &sql, err, "SELECT day FROM holiday WHERE area_id = $1 ORDER BY day", "i", day->area);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&day->holidays, day->holiday_count, &capacity, sizeof *day->holidays) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        day->holidays[day->holiday_count++] = fg_date_of_number(fg_sql_column_int64(sql, 0));
    }
    return code == FG_OK ? note_number(day, "holidays", day->area, (int64_t)day->holiday_count, err) : code;
}

static enum fg_code load_trades(struct day *day, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "SELECT id, seller_id, buyer_id, portfolio_id, product, regulation, kind, period, quantity_w, "
                                 "price_u, sell_contract_id FROM book_trade WHERE area_id = $1 AND period >= $2 AND period < $3 AND quantity_w > 0 "
                                 "ORDER BY product, portfolio_id, period, id",
                                 "iii", day->area, day->first_period, day->first_period + day->period_count);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&day->trades, day->trade_count, &day->trade_capacity, sizeof *day->trades) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        day->trades[day->trade_count++] = (struct trade){
            .terms = {.area = day->area,
                      .id = fg_sql_column_int64(sql, 0),
                      .seller = fg_sql_column_int64(sql, 1),
                      .buyer = fg_sql_column_int64(sql, 2),
                      .portfolio = fg_sql_column_int64(sql, 3),
                      .period = fg_sql_column_int64(sql, 7),
                      .period_s = day->period_s,
                      .kind = (enum fg_request_kind)fg_sql_column_int64(sql, 6)},
            .product = (enum fg_product)fg_sql_column_int64(sql, 4),
            .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 5),
            .quantity = {fg_sql_column_int64(sql, 8)},
            .price = {fg_sql_column_int64(sql, 9)},
            .contract = fg_sql_column_int64(sql, 10),
        };
    }
    return code == FG_OK ? note_number(day, "trades", day->area, (int64_t)day->trade_count, err) : code;
}

static int compare_trades(const void *left, const void *right)
{
    const struct trade *a = left, *b = right;
    if (a->product != b->product)
        return a->product < b->product ? -1 : 1;
    if (a->terms.portfolio != b->terms.portfolio)
        return a->terms.portfolio < b->terms.portfolio ? -1 : 1;
    if (a->terms.period != b->terms.period)
        return a->terms.period < b->terms.period ? -1 : 1;
    if (a->is_call != b->is_call)
        return a->is_call ? 1 : -1;
    return (a->terms.id > b->terms.id) - (a->terms.id < b->terms.id);
}

#define CALLED                                                                                                                     \
    "FROM forward_bid b JOIN forward_member m ON m.bid_id = b.id WHERE b.area_id = $1 AND b.called_w > 0 AND m.called_w > 0 AND "      \
    "b.first_period < $3 AND b.first_period + b.period_count > $2 "

/* The version of the calls: how many units, and which ones of whom with how much (the begin of a SHA-256). */
static enum fg_code note_calls(struct day *day, struct fg_error *err)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[120], hash[2 * sizeof digest + 1];
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < day->trade_count; i++) {
        const struct trade *call = &day->trades[i];
        if (!call->is_call)
            continue;
        int length = snprintf(text, sizeof text, "%lld %d %lld %lld\n", (long long)call->terms.portfolio, (int)call->regulation,
                              (long long)call->terms.period, (long long)call->quantity.w);
        crypto_hash_sha256_update(&state, (const unsigned char *)text, (unsigned long long)length);
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hash, sizeof hash, digest, sizeof digest);
    snprintf(text, sizeof text, "%zu %.16s", day->call_count, hash);
    return note_input(day, "calls", day->area, text, err);
}

/* What the balancing market has called of the portfolios' offers, unit by unit, among the trades. */
static enum fg_code load_calls(struct day *day, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t until = day->first_period + day->period_count;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "SELECT m.portfolio_id, b.regulation, b.first_period, b.period_count, SUM(m.called_w) " CALLED
                                 "GROUP BY m.portfolio_id, b.regulation, b.first_period, b.period_count ORDER BY m.portfolio_id, "
                                 "b.regulation, b.first_period, b.period_count",
                                 "iii", day->area, day->first_period, until);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        int64_t first = fg_sql_column_int64(sql, 2), end = first + fg_sql_column_int64(sql, 3);
        for (int64_t period = first > day->first_period ? first : day->first_period; period < end && period < until; period++) {
            if (fg_grow((void **)&day->trades, day->trade_count, &day->trade_capacity, sizeof *day->trades) != 0) {
                fg_sql_done(sql);
                return fg_fail_memory(err);
            }
            day->trades[day->trade_count++] = (struct trade){
                .terms = {.area = day->area, .id = (int64_t)++day->call_count, .portfolio = fg_sql_column_int64(sql, 0), .period = period,
                          .period_s = day->period_s},
                .product = FG_PRODUCT_ACTIVE,
                .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 1),
                .quantity = {fg_sql_column_int64(sql, 4)},
                .is_call = true,
            };
        }
    }
    if (code != FG_OK || day->call_count == 0)
        return code;
    qsort(day->trades, day->trade_count, sizeof *day->trades, compare_trades);
    return note_calls(day, err);
}

/* The product of this kind that the portfolio is approved for, else the area's first of the kind. */
static enum fg_code load_product(struct day *day, int64_t portfolio, enum fg_product kind, struct product *product,
                                 struct fg_error *err)
{
    static const char *const kinds[] = {"active", "reactive", "capacity_active", "capacity_reactive"};
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(
        day->store, &sql, err,
        "SELECT d.id, d.tolerance_share_u, d.tolerance_w, d.penalty_factor_u, d.penalty_u, d.baseline_rule, d.version, CASE WHEN "
        "EXISTS (SELECT 1 FROM prequalification q WHERE q.product_id = d.id AND q.portfolio_id = $3 AND q.status = 'approved') "
        "THEN 0 ELSE 1 END AS place FROM product d WHERE d.area_id = $1 AND d.kind = $2 ORDER BY place, d.id LIMIT 1",
        "iti", day->area, kinds[kind], portfolio);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the area has trades of a product of the kind \"%s\" and no such product",
                       kinds[kind]);
    if (code != FG_OK)
        return code;
    product->id = fg_sql_column_int64(sql, 0);
    product->terms = (struct fg_delivery_terms){fg_sql_column_int64(sql, 1),
                                                {fg_sql_column_int64(sql, 2)},
                                                fg_sql_column_int64(sql, 3),
                                                {fg_sql_column_int64(sql, 4)}};
    int64_t version = fg_sql_column_int64(sql, 6);
    code = kind <= FG_PRODUCT_REACTIVE ? fg_baseline_rule_parse(fg_sql_column_text(sql, 5), &product->rule, err) : FG_OK;
    fg_sql_done(sql);
    return code == FG_OK ? note_number(day, "product", product->id, version, err) : code;
}

/* -- one portfolio -------------------------------------------------------------------------------------------------- */

struct portfolio {
    int64_t id;
    enum fg_product kind;
    struct product product;
    struct trade *trades;
    size_t count;
    int64_t first, units; /* window of readings, in periods */
    int64_t *meter, *control, *submitted;
    struct fg_date *excluded;
    size_t excluded_count;
};

static struct fg_readings window_of(const struct day *day, const struct portfolio *portfolio, const int64_t *values)
{
    return (struct fg_readings){portfolio->first * day->period_s, (int32_t)day->period_s, (size_t)portfolio->units, values};
}

/* Days before this one on which the portfolio was activated, by a trade or by a call of active energy (product 0): no reference for its baseline. */
static enum fg_code load_excluded(struct day *day, struct portfolio *portfolio, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t capacity = 0;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "WITH RECURSIVE called (period, until) AS (SELECT b.first_period, b.first_period + b.period_count " CALLED
                                 "AND m.portfolio_id = $4 AND $5 = 0 UNION SELECT period + 1, until FROM called WHERE period + 1 < until) "
                                 "SELECT period FROM called WHERE period >= $2 AND period < $3 UNION SELECT period FROM book_trade WHERE "
                                 "area_id = $1 AND portfolio_id = $4 AND product = $5 AND period >= $2 AND period < $3 AND quantity_w > 0 "
                                 "ORDER BY period",
                                 "iiiii", day->area, portfolio->first, day->first_period, portfolio->id, (int64_t)portfolio->kind);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_date date = fg_timezone_local(day->zone, fg_sql_column_int64(sql, 0) * day->period_s).date;
        if (portfolio->excluded_count > 0 && fg_date_compare(portfolio->excluded[portfolio->excluded_count - 1], date) == 0)
            continue;
        if (fg_grow((void **)&portfolio->excluded, portfolio->excluded_count, &capacity, sizeof *portfolio->excluded) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        portfolio->excluded[portfolio->excluded_count++] = date;
    }
    return code;
}

static enum fg_code load_readings(struct day *day, struct portfolio *portfolio, struct fg_error *err)
{
    int64_t before, after;
    fg_baseline_rule_reach(&portfolio->product.rule, day->period_s, &before, &after);
    portfolio->first = day->first_period - before;
    portfolio->units = before + day->period_count + after;
    portfolio->meter = fg_alloc((size_t)portfolio->units, sizeof *portfolio->meter);
    portfolio->control = fg_alloc((size_t)portfolio->units, sizeof *portfolio->control);
    portfolio->submitted = fg_alloc((size_t)portfolio->units, sizeof *portfolio->submitted);
    if (portfolio->meter == NULL || portfolio->control == NULL || portfolio->submitted == NULL)
        return fg_fail_memory(err);
    struct fg_meter_query query = {.area = day->area, .portfolio = portfolio->id, .product = portfolio->kind,
                                   .period_s = day->period_s, .first_period = portfolio->first,
                                   .count = (size_t)portfolio->units, .members_us = day->start_us, .known_us = FG_SERIES_NOW};
    enum fg_code code = fg_meter_sum(day->store, &query, portfolio->meter, note_meter, day, err);
    query.control = true;
    if (code == FG_OK && portfolio->product.rule.method == FG_BASELINE_CONTROL_GROUP)
        code = fg_meter_sum(day->store, &query, portfolio->control, note_meter, day, err);
    if (code == FG_OK)
        code = fg_baseline_submitted(day->store, portfolio->id, portfolio->kind, day->period_s, portfolio->first,
                                     (size_t)portfolio->units, FG_SERIES_NOW, portfolio->submitted, err);
    if (code == FG_OK && day->used_code != FG_OK) {
        if (err != NULL)
            *err = day->used_err;
        code = day->used_code;
    }
    return code == FG_OK ? load_excluded(day, portfolio, err) : code;
}

/* What is known of a portfolio's unit. */
struct unit {
    int64_t period, meter, baseline;
    struct fg_delivery_net net;
    struct fg_energy called, called_delivered; /* up positive */
    const char *reason; /* why it is pending; NULL: it is not */
};

static enum fg_code write_unit(struct day *day, const struct portfolio *portfolio, const struct unit *unit, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "INSERT INTO settlement_portfolio (run_id, portfolio_id, product, period, meter_ws, baseline_ws, "
                                 "owed_ws, excess_ws, reason, called_ws, called_delivered_ws) VALUES ($1, $2, $3, $4, $10, $11, $5, $6, $7, $8, $9)",
                                 "iiiiiitii", day->run, portfolio->id, (int64_t)portfolio->kind, unit->period, unit->net.owed.ws,
                                 unit->net.excess.ws, unit->reason, unit->called.ws, unit->called_delivered.ws);
    if (code != FG_OK)
        return code;
    if (unit->meter != FG_READING_MISSING)
        fg_sql_int64(sql, 10, unit->meter);
    if (unit->baseline != FG_READING_MISSING)
        fg_sql_int64(sql, 11, unit->baseline);
    return fg_sql_run(sql, NULL, err);
}

/* A call has its share of a shortfall; what that costs is settled by the market that called. */
static const struct fg_delivery_terms call_terms;

/* Take the delivery of a trade or call. Is it a trade that waits for data? */
static bool take_delivery(struct trade *trade, const struct fg_delivery *delivery, bool is_known, struct unit *unit)
{
    int64_t sign = trade->regulation == FG_REGULATION_UP ? 1 : -1;
    trade->is_pending = !is_known;
    trade->delivery = is_known ? *delivery : (struct fg_delivery){.traded = delivery->traded};
    if (trade->is_call) {
        unit->called.ws += sign * trade->delivery.traded.ws; /* the sums of a direction have been found to fit */
        unit->called_delivered.ws += sign * trade->delivery.delivered.ws;
    }
    return !is_known && !trade->is_call;
}

/* Trades [from, until) of one unit. `reason` says why the baseline is not known. */
static enum fg_code settle_unit(struct day *day, struct portfolio *portfolio, size_t from, size_t until, int64_t baseline,
                                const char *reason, struct fg_error *err)
{
    size_t count = until - from;
    struct unit unit = {.period = portfolio->trades[from].terms.period, .baseline = baseline, .reason = reason};
    unit.meter = portfolio->meter[unit.period - portfolio->first];
    struct fg_delivery_trade *terms = fg_alloc(count, sizeof *terms);
    struct fg_delivery *out = fg_alloc(count, sizeof *out);
    bool is_known = unit.meter != FG_READING_MISSING && baseline != FG_READING_MISSING, is_waiting = false;
    struct fg_energy deviation = {0};
    if (unit.meter == FG_READING_MISSING)
        unit.reason = "the meter has no reading for the unit";
    if (is_known)
        deviation.ws = unit.meter - baseline; /* both within 2^53 x assets */
    enum fg_code code = terms != NULL && out != NULL ? FG_OK : fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        const struct trade *trade = &portfolio->trades[from + i];
        terms[i] = (struct fg_delivery_trade){trade->regulation, trade->quantity, trade->price,
                                              trade->is_call ? &call_terms : &portfolio->product.terms};
    }
    if (code == FG_OK)
        code = fg_delivery_settle(terms, count, deviation, day->period_s, out, &unit.net, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        is_waiting = take_delivery(&portfolio->trades[from + i], &out[i], is_known, &unit) || is_waiting;
    if (is_known)
        unit.reason = NULL;
    else
        unit.net.excess.ws = 0;
    day->pending += is_waiting;
    fg_free(terms);
    fg_free(out);
    return code == FG_OK ? write_unit(day, portfolio, &unit, err) : code;
}

/* Trades [from, until) of consecutive units: one event, one baseline. */
static enum fg_code settle_event(struct day *day, struct portfolio *portfolio, size_t from, size_t until, struct fg_error *err)
{
    int64_t first = portfolio->trades[from].terms.period, units = portfolio->trades[until - 1].terms.period - first + 1;
    struct fg_readings meter = window_of(day, portfolio, portfolio->meter),
                       control = window_of(day, portfolio, portfolio->control),
                       submitted = window_of(day, portfolio, portfolio->submitted);
    struct fg_baseline_input input = {.zone = day->zone, .holidays = {day->holidays, day->holiday_count},
                                      .excluded = {portfolio->excluded, portfolio->excluded_count}, .meter = &meter,
                                      .submitted = &submitted, .control = &control,
                                      .event_start_s = first * day->period_s, .event_units = (int32_t)units};
    int64_t *baseline = fg_alloc((size_t)units, sizeof *baseline);
    struct fg_error why = {0};
    if (baseline == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_baseline_compute(&portfolio->product.rule, &input, baseline, NULL, &why);
    if (code == FG_ERR_VALUE) { /* data are missing: the event waits for them */
        for (int64_t k = 0; k < units; k++)
            baseline[k] = FG_READING_MISSING;
        code = FG_OK;
    } else if (code != FG_OK && err != NULL) {
        *err = why;
    }
    for (size_t i = from, end; code == FG_OK && i < until; i = end) {
        for (end = i + 1; end < until && portfolio->trades[end].terms.period == portfolio->trades[i].terms.period;)
            end++;
        code = settle_unit(day, portfolio, i, end, baseline[portfolio->trades[i].terms.period - first], why.text, err);
    }
    fg_free(baseline);
    return code;
}

static enum fg_code settle_portfolio(struct day *day, struct trade *trades, size_t count, struct fg_error *err)
{
    struct portfolio portfolio = {.id = trades->terms.portfolio, .kind = trades->product, .trades = trades, .count = count};
    enum fg_code code = load_product(day, portfolio.id, portfolio.kind, &portfolio.product, err);
    if (code == FG_OK)
        code = load_readings(day, &portfolio, err);
    for (size_t i = 0, end; code == FG_OK && i < count; i = end) {
        for (end = i + 1; end < count && trades[end].terms.period - trades[end - 1].terms.period <= 1;)
            end++;
        code = settle_event(day, &portfolio, i, end, err);
    }
    fg_free(portfolio.meter);
    fg_free(portfolio.control);
    fg_free(portfolio.submitted);
    fg_free(portfolio.excluded);
    return code;
}

/* What is sold is availability: paid as it stands. */
static enum fg_code settle_reserve(struct day *day, struct trade *trade, struct fg_error *err)
{
    struct product product;
    enum fg_code code = load_product(day, trade->terms.portfolio, trade->product, &product, err);
    if (code == FG_OK)
        code = fg_energy_of(trade->quantity, day->period_s, &trade->delivery.traded, err);
    trade->delivery.delivered = trade->delivery.traded;
    return code == FG_OK ? fg_money_of(trade->delivery.traded, trade->price, &trade->delivery.paid, err) : code;
}

/* -- money ---------------------------------------------------------------------------------------------------------- */

static enum fg_code move(struct day *day, struct fg_ledger_party from, struct fg_ledger_party to, enum fg_ledger_reason reason,
                         int64_t trade, int64_t period, int64_t amount_u, struct fg_error *err)
{
    struct fg_ledger_posting posting = {.from = from, .to = to, .reason = reason, .trade = trade, .period = period,
                                        .amount = {amount_u}};
    return fg_ledger_move(&day->ledger, posting, err);
}

static enum fg_code post_transfers(struct day *day, const struct trade *trade, struct fg_error *err)
{
    struct fg_perimeter_move moves[FG_PERIMETER_MOVES_MAX];
    size_t count = 0;
    int64_t id = trade->terms.id, period = trade->terms.period;
    struct fg_energy energy = trade->delivery.delivered;
    energy.ws = trade->regulation == FG_REGULATION_DOWN ? -energy.ws : energy.ws;
    enum fg_code code = fg_perimeter_split(day->store, &trade->terms, energy, moves, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_money money;
        struct fg_ledger_party transfer = fg_ledger_named(FG_LEDGER_TRANSFER);
        code = fg_change(day->store, NULL, err,
                         "INSERT INTO settlement_transfer (run_id, from_brp_id, to_brp_id, trade_id, period, energy_ws) VALUES "
                         "($1, $2, $3, $4, $5, $6)",
                         "iiiiii", day->run, moves[i].from, moves[i].to, id, period, moves[i].energy.ws);
        if (code == FG_OK)
            code = fg_money_of(moves[i].energy, day->rule.transfer_price, &money, err);
        if (code == FG_OK)
            code = move(day, fg_ledger_participant(moves[i].to), transfer, FG_REASON_TRANSFER_TAKEN, id, period, money.u, err);
        if (code == FG_OK)
            code = move(day, transfer, fg_ledger_participant(moves[i].from), FG_REASON_TRANSFER_GIVEN, id, period, money.u, err);
    }
    return code;
}

static enum fg_code post_trade(struct day *day, const struct trade *trade, struct fg_error *err)
{
    struct fg_ledger_party buyer = fg_ledger_participant(trade->terms.buyer), seller = fg_ledger_participant(trade->terms.seller),
                           market = fg_ledger_named(FG_LEDGER_MARKET), penalties = fg_ledger_named(FG_LEDGER_PENALTIES),
                           fees = fg_ledger_named(FG_LEDGER_FEES);
    int64_t id = trade->terms.id, period = trade->terms.period, paid = trade->delivery.paid.u,
            penalty = trade->delivery.penalty.u, size = paid < 0 ? -paid : paid, compensation, fee_buyer, fee_seller;
    enum fg_code code;
    if ((code = fg_muldiv(penalty, day->rule.compensation_u, FG_FRACTION_ONE, &compensation, err)) != FG_OK ||
        (code = fg_muldiv(size, day->rule.fee_buyer_u, FG_FRACTION_ONE, &fee_buyer, err)) != FG_OK ||
        (code = fg_muldiv(size, day->rule.fee_seller_u, FG_FRACTION_ONE, &fee_seller, err)) != FG_OK ||
        (code = move(day, buyer, market, FG_REASON_PURCHASE, id, period, paid, err)) != FG_OK ||
        (code = move(day, market, seller, FG_REASON_SALE, id, period, paid, err)) != FG_OK ||
        (code = move(day, seller, penalties, FG_REASON_PENALTY, id, period, penalty, err)) != FG_OK ||
        (code = move(day, penalties, buyer, FG_REASON_COMPENSATION, id, period, compensation, err)) != FG_OK ||
        (code = move(day, buyer, fees, FG_REASON_FEE_SHARE, id, period, fee_buyer, err)) != FG_OK ||
        (code = move(day, seller, fees, FG_REASON_FEE_SHARE, id, period, fee_seller, err)) != FG_OK)
        return code;
    return trade->product == FG_PRODUCT_ACTIVE && !trade->is_pending ? post_transfers(day, trade, err) : FG_OK;
}

/* What clearings of auctions settled in this day's units besides their trades (atp/auction_pairs.h). */
static enum fg_code post_auctions(struct day *day, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t count = 0;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "SELECT p.period, p.from_account, p.from_id, p.to_account, p.to_id, p.amount_u FROM auction_posting p "
                                 "JOIN auction u ON u.id = p.auction_id WHERE u.area_id = $1 AND u.status IN ('cleared', "
                                 "'partly_solved') AND p.period >= $2 AND p.period < $3 ORDER BY p.auction_id, p.line",
                                 "iii", day->area, day->first_period, day->first_period + day->period_count);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_ledger_party named = {(enum fg_ledger_account)fg_sql_column_int64(sql, 1), fg_sql_column_int64(sql, 2)},
                               owner = {(enum fg_ledger_account)fg_sql_column_int64(sql, 3), fg_sql_column_int64(sql, 4)};
        int64_t period = fg_sql_column_int64(sql, 0), amount_u = fg_sql_column_int64(sql, 5);
        code = amount_u > 0 ? move(day, named, owner, FG_REASON_AUCTION_CREDIT, 0, period, amount_u, err)
                            : move(day, owner, named, FG_REASON_AUCTION_CHARGE, 0, period, -amount_u, err);
        if (code != FG_OK)
            fg_sql_done(sql);
        count++;
    }
    return code == FG_OK && count > 0 ? note_number(day, "auctions", day->area, count, err) : code;
}

static enum fg_code post_monthly(struct day *day, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    if (day->date.day != 1 || day->rule.fee_monthly.u == 0)
        return FG_OK;
    enum fg_code code = fg_query(day->store, &sql, err,
                                 "SELECT DISTINCT organisation_id FROM portfolio WHERE area_id = $1 AND status = 'approved' ORDER "
                                 "BY organisation_id",
                                 "i", day->area);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        if ((code = move(day, fg_ledger_participant(fg_sql_column_int64(sql, 0)), fg_ledger_named(FG_LEDGER_FEES),
                         FG_REASON_FEE_MONTHLY, 0, day->first_period, day->rule.fee_monthly.u, err)) != FG_OK)
            fg_sql_done(sql);
    return code;
}

/* -- what came out -------------------------------------------------------------------------------------------------- */

static enum fg_code write_trade(struct day *day, const struct trade *trade, struct fg_error *err)
{
    const struct fg_delivery *d = &trade->delivery;
    return fg_change(day->store, NULL, err,
                     "INSERT INTO settlement_trade (run_id, trade_id, seller_id, buyer_id, portfolio_id, product, regulation, "
                     "period, price_u, traded_ws, delivered_ws, tolerated_ws, paid_u, penalty_u, is_pending) VALUES ($1, $2, $3, "
                     "$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                     "iiiiiiiiiiiiiii", day->run, trade->terms.id, trade->terms.seller, trade->terms.buyer,
                     trade->terms.portfolio, (int64_t)trade->product, (int64_t)trade->regulation, trade->terms.period,
                     trade->price.uper_mwh, d->traded.ws, d->delivered.ws, d->tolerated.ws, d->paid.u, d->penalty.u,
                     (int64_t)trade->is_pending);
}

static enum fg_code write_ledger(struct day *day, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < day->ledger.count; i++) {
        const struct fg_ledger_posting *p = &day->ledger.items[i];
        code = fg_change(day->store, NULL, err,
                         "INSERT INTO settlement_posting (run_id, line, from_account, from_id, to_account, to_id, reason, trade_id, "
                         "period, amount_u, contract_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                         "iiiiiiiiiii", day->run, (int64_t)i + 1, (int64_t)p->from.account, p->from.owner, (int64_t)p->to.account,
                         p->to.owner, (int64_t)p->reason, p->trade, p->period, p->amount.u, p->contract);
    }
    if (code == FG_OK)
        code = fg_change(day->store, NULL, err, "UPDATE settlement_run SET pending_count = $2, trade_count = $3 WHERE id = $1",
                         "iii", day->run, day->pending, (int64_t)(day->trade_count - day->call_count));
    return code;
}

/* -- contracts ------------------------------------------------------------------------------------------------------ */

static int compare_deliveries(const void *left, const void *right)
{
    const struct fg_contract_delivery *a = left, *b = right;
    if (a->contract != b->contract)
        return a->contract < b->contract ? -1 : 1;
    return (a->period > b->period) - (a->period < b->period);
}

/* What the day's trades under contracts came to, one entry per contract and unit. */
static size_t sum_deliveries(const struct day *day, struct fg_contract_delivery *deliveries)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < day->trade_count; i++) {
        const struct trade *trade = &day->trades[i];
        const struct fg_delivery *d = &trade->delivery;
        if (trade->contract != 0)
            deliveries[count++] = (struct fg_contract_delivery){
                trade->contract, trade->terms.period, d->traded, {d->shortfall.ws - d->tolerated.ws}, trade->is_pending};
    }
    if (count > 0)
        qsort(deliveries, count, sizeof *deliveries, compare_deliveries);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_deliveries(&deliveries[kept - 1], &deliveries[i]) != 0) {
            deliveries[kept++] = deliveries[i];
            continue;
        }
        struct fg_contract_delivery *sum = &deliveries[kept - 1]; /* each at most what an order may have: no overflow */
        sum->traded.ws += deliveries[i].traded.ws;
        sum->undelivered.ws += deliveries[i].undelivered.ws;
        sum->is_pending = sum->is_pending || deliveries[i].is_pending;
    }
    return kept;
}

static enum fg_code settle_contracts(struct day *day, struct fg_error *err)
{
    struct fg_contract_delivery *deliveries = fg_alloc(day->trade_count + 1, sizeof *deliveries);
    if (deliveries == NULL)
        return fg_fail_memory(err);
    struct fg_availability_day of = {.store = day->store, .area = day->area, .run = day->run, .period_s = day->period_s,
                                     .first_period = day->first_period, .period_count = day->period_count, .zone = day->zone,
                                     .rule = &day->rule, .ledger = &day->ledger, .deliveries = deliveries,
                                     .delivery_count = sum_deliveries(day, deliveries)};
    enum fg_code code = fg_settlement_availability(&of, &day->pending, err);
    fg_free(deliveries);
    return code;
}

static enum fg_code settle_day(struct day *day, struct fg_error *err)
{
    enum fg_code code = load_trades(day, err);
    if (code == FG_OK)
        code = load_calls(day, err);
    for (size_t i = 0, end; code == FG_OK && i < day->trade_count; i = end) {
        struct trade *first = &day->trades[i];
        end = i + 1;
        if (first->product > FG_PRODUCT_REACTIVE) {
            code = settle_reserve(day, first, err);
            continue;
        }
        while (end < day->trade_count && day->trades[end].product == first->product &&
               day->trades[end].terms.portfolio == first->terms.portfolio)
            end++;
        code = settle_portfolio(day, first, end - i, err);
    }
    for (size_t i = 0; code == FG_OK && i < day->trade_count; i++)
        if (!day->trades[i].is_call && (code = write_trade(day, &day->trades[i], err)) == FG_OK)
            code = post_trade(day, &day->trades[i], err);
    if (code == FG_OK)
        code = settle_contracts(day, err);
    if (code == FG_OK)
        code = post_auctions(day, err);
    if (code == FG_OK)
        code = post_monthly(day, err);
    return code == FG_OK ? write_ledger(day, err) : code;
}

enum fg_code fg_settlement_compute(struct fg_registry *registry, int64_t area, struct fg_date date, int64_t *run,
                                   struct fg_error *err)
{
    struct day day = {.registry = registry, .store = registry->store, .area = area};
    enum fg_code code = load_area(&day, date, err);
    if (code == FG_OK)
        code = settle_day(&day, err);
    *run = day.run;
    if (code == FG_OK)
        code = fg_registry_audit(registry, "settlement.compute", FG_ID_SETTLEMENT, day.run, NULL, err);
    fg_timezone_close(day.zone);
    fg_free(day.holidays);
    fg_free(day.trades);
    fg_ledger_release(&day.ledger);
    return code;
}
