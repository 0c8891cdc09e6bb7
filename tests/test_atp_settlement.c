/* Settlement from rows to documents, on both databases: the worked example of docs/settlement.md, reruns, days of 23 and 25
 * hours, what the second pair of eyes is for, and properties of random days. */
#include "settlement_fixture.h"

#include "atp/approval.h"
#include "atp/baseline_rule.h"
#include "atp/bill.h"
#include "atp/perimeter.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"

enum step { COMPUTE, ASK, CONFIRM, RELEASE, ISSUE, PAY, CONTENT, RAISE, DECIDE, JOURNAL, TAKE, CREATE, SUBMIT, PERIMETER, RULE };
struct action {
    enum step step;
    struct fg_date day;
    int64_t id, other, count, amount;
    struct fg_text text;
    struct fg_meter meter;
    struct fg_reading *readings;
    int64_t *values;
    struct fg_perimeter_change changes[8];
    struct fg_settlement_rule rule;
};

static void take_change(void *context, const struct fg_perimeter_change *change)
{
    struct action *a = context;
    a->changes[a->count++] = *change;
}

static enum fg_code act(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct action *a = context;
    struct fg_intake intake;
    int64_t last;
    switch (a->step) {
    case COMPUTE: return fg_settlement_compute(registry, AREA, a->day, &a->id, err);
    case ASK: return fg_settlement_ask(registry, a->id, &a->other, err);
    case CONFIRM: return fg_approval_decide(registry, a->other, true, err);
    case RELEASE: return fg_settlement_run_release(registry, a->id, a->other, err);
    case ISSUE: return fg_bills_issue(registry, AREA, a->day.year, a->day.month, &a->count, err);
    case PAY: return fg_bill_pay(registry, a->id, a->amount, a->day, "transfer", &a->other, err);
    case CONTENT: return fg_bill_content(registry, a->id, &a->text, err);
    case RAISE: return fg_dispute_raise(registry, a->id, a->other, "the meter was wrong", &a->id, err);
    case DECIDE: return fg_dispute_decide(registry, a->id, true, "it was", err);
    case JOURNAL: return fg_journal_csv(registry, AREA, a->day, fg_date_add(a->day, 400), &a->text, err);
    case TAKE: return fg_meter_take(registry, a->id, a->readings, (size_t)a->count, &intake, err);
    case CREATE: return fg_meter_create(registry, &a->meter, err);
    case SUBMIT: return fg_baseline_submit(registry, a->other, FG_PRODUCT_ACTIVE, a->id, a->values, (size_t)a->count, err);
    case PERIMETER: a->count = 0; return fg_perimeter_changes(registry, AREA, 0, 100, &last, take_change, a, err);
    case RULE: return fg_settlement_rule_set(registry, AREA, &a->rule, err);
    }
    return FG_ERR_ARGUMENT;
}

static void expect_user(struct world *w, const struct fg_principal *who, struct action *action, enum fg_code wanted)
{
    struct fg_error err = {0};
    enum fg_code code = fg_registry_run(w->platform, who, FG_STORE_WRITE, act, action, &err);
    if (code != wanted)
        fail_msg("step %d: %s, not %s: %s %s", (int)action->step, fg_code_slug(code), fg_code_slug(wanted), err.place, err.text);
}

static void expect(struct world *w, int64_t organisation, struct action *action, enum fg_code wanted)
{
    struct fg_principal who = as(organisation);
    expect_user(w, &who, action, wanted);
}

/* -- steps ---------------------------------------------------------------------------------------------------------- */

static int64_t meter_of(struct world *w, int64_t portfolio)
{
    struct action a = {.step = CREATE, .meter = {.portfolio = portfolio, .rank = 1}};
    snprintf(a.meter.name, sizeof a.meter.name, "p%d", (int)portfolio);
    expect(w, DSO, &a, FG_OK);
    return a.meter.id;
}

static void measure(struct world *w, int64_t meter, int64_t period, int64_t energy_ws)
{
    struct fg_reading reading = {period * QUARTER, energy_ws, 0, 0};
    struct action a = {.step = TAKE, .id = meter, .readings = &reading, .count = 1};
    expect(w, DSO, &a, FG_OK);
}

static void submit(struct world *w, int64_t portfolio, int64_t period, int64_t energy_ws)
{
    int64_t now = w->now_us;
    struct action a = {.step = SUBMIT, .id = period, .other = portfolio, .values = &energy_ws, .count = 1};
    w->now_us = (period * QUARTER - 7200) * 1000000;
    expect(w, portfolio == PORTFOLIO ? (int64_t)SUPPLIER : (int64_t)RETAILER, &a, FG_OK);
    w->now_us = now;
}

static int64_t compute(struct world *w, struct fg_date day)
{
    struct action a = {.step = COMPUTE, .day = day};
    w->now_us += 1000000;
    expect(w, FMO, &a, FG_OK);
    return a.id;
}

static void release(struct world *w, int64_t run)
{
    struct fg_principal second = somebody(FMO, 99, FG_ROLE_FMO);
    struct action a = {.step = ASK, .id = run};
    expect(w, FMO, &a, FG_OK);
    a.step = CONFIRM;
    expect_user(w, &second, &a, FG_OK);
    a.step = RELEASE;
    expect(w, FMO, &a, FG_OK);
}

static int64_t issue(struct world *w, struct fg_date day)
{
    struct action a = {.step = ISSUE, .day = day};
    expect(w, FMO, &a, FG_OK);
    return a.count;
}

/* -- looks ---------------------------------------------------------------------------------------------------------- */

static int64_t number(struct world *w, const char *text)
{
    return fixture_number(w->store, text);
}

/* Balance of an account over the whole journal: what it received less what it gave. */
static int64_t balance(struct world *w, enum fg_ledger_account account, int64_t owner)
{
    struct fg_sql *sql;
    struct fg_error err = {0};
    bool row;
    int64_t sum = 0;
    fixture_expect(fg_query(w->store, &sql, &err,
                            "SELECT from_account, from_id, to_account, to_id, amount_u FROM booking", ""), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        if (fg_sql_column_int64(sql, 0) == account && fg_sql_column_int64(sql, 1) == owner)
            sum -= fg_sql_column_int64(sql, 4);
        if (fg_sql_column_int64(sql, 2) == account && fg_sql_column_int64(sql, 3) == owner)
            sum += fg_sql_column_int64(sql, 4);
    }
    return sum;
}

static int64_t gross_of(struct world *w, int64_t organisation, const char *direction, const char *kind)
{
    int64_t gross = 0;
    struct fg_error err = {0};
    fixture_expect(fg_query_number(w->store, &gross, &err,
                                   "SELECT gross FROM bill WHERE organisation_id = $1 AND direction = $2 AND kind = $3", "itt",
                                   organisation, direction, kind), &err);
    return gross;
}

static int64_t booked(struct world *w, int64_t run, enum fg_ledger_reason reason, int64_t from)
{
    struct fg_sql *sql;
    struct fg_error err = {0};
    bool row;
    int64_t sum = 0;
    fixture_expect(fg_query(w->store, &sql, &err,
                            "SELECT amount_u FROM booking WHERE run_id = $1 AND reason = $2 AND ($3 = 0 OR from_id = $3)", "iii",
                            run, (int64_t)reason, from), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row)
        sum += fg_sql_column_int64(sql, 0);
    return sum;
}

/* -- the worked example of docs/settlement.md ------------------------------------------------------------------------- */

static const struct fg_date day24 = {2025, 11, 24};

static void test_worked_example(void **state)
{
    struct world w;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000; /* 2025-11-25T06:00:00Z */
    submit(&w, PORTFOLIO, period, -100 * KWH);
    int64_t meter = meter_of(&w, PORTFOLIO);
    measure(&w, meter, period, 50 * KWH);
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);

    /* The parties see the change as soon as there is a trade: 250 kWh from Balance A to Balance B. */
    struct action perimeter = {.step = PERIMETER};
    expect(&w, BRP_A, &perimeter, FG_OK);
    assert_int_equal(perimeter.count, 1);
    assert_true(perimeter.changes[0].move.from == BRP_A && perimeter.changes[0].move.to == BRP_B);
    assert_true(perimeter.changes[0].move.energy.ws == 250 * KWH);
    expect(&w, RETAILER, &perimeter, FG_OK);
    assert_int_equal(perimeter.count, 0);

    int64_t first = compute(&w, day24);
    assert_true(number(&w, "SELECT COUNT(*) FROM booking") == 0); /* nothing is booked before its release */
    release(&w, first);
    assert_true(booked(&w, first, FG_REASON_PURCHASE, DSO) == 15 * EUR);
    assert_true(booked(&w, first, FG_REASON_SALE, 0) == 15 * EUR);
    assert_true(booked(&w, first, FG_REASON_PENALTY, SUPPLIER) == 5250000);
    assert_true(booked(&w, first, FG_REASON_COMPENSATION, 0) == 5250000);
    assert_true(booked(&w, first, FG_REASON_FEE_SHARE, DSO) == 150000 && booked(&w, first, FG_REASON_FEE_SHARE, SUPPLIER) == 300000);
    assert_true(booked(&w, first, FG_REASON_TRANSFER_TAKEN, BRP_B) == 9 * EUR);
    assert_true(booked(&w, first, FG_REASON_TRANSFER_GIVEN, 0) == 9 * EUR);
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, SUPPLIER) == 9450000 && balance(&w, FG_LEDGER_PARTICIPANT, DSO) == -9900000);
    assert_true(balance(&w, FG_LEDGER_MARKET, 0) == 0 && balance(&w, FG_LEDGER_TRANSFER, 0) == 0);

    /* Five documents: grid company, supplier (sales; fee), Balance A, Balance B. */
    assert_int_equal(issue(&w, day24), 5);
    assert_int_equal(gross_of(&w, DSO, "invoice", "invoice"), 1354);
    assert_int_equal(gross_of(&w, SUPPLIER, "self_billing", "self_billing"), 975); /* reverse charge */
    assert_int_equal(gross_of(&w, SUPPLIER, "invoice", "invoice"), 30);
    assert_int_equal(gross_of(&w, BRP_A, "self_billing", "self_billing"), 1116);
    assert_int_equal(gross_of(&w, BRP_B, "invoice", "invoice"), 1116);
    assert_int_equal(issue(&w, day24), 0); /* everything is billed */
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, DSO) == -13540000);
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, SUPPLIER) == 9450000);
    assert_true(balance(&w, FG_LEDGER_TAX, 0) == 3640000); /* 3.64 + 2.16 owed, 2.16 reclaimed */

    /* A late correction of the meter: 75 kWh. Only the difference is booked and billed. */
    w.now_us += INT64_C(86400) * 1000000;
    measure(&w, meter, period, 75 * KWH);
    int64_t second = compute(&w, day24);
    release(&w, second);
    struct fg_error err = {0};
    int64_t rows;
    fixture_expect(fg_query_number(w.store, &rows, &err, "SELECT COUNT(*) FROM booking WHERE run_id = $1", "i", second), &err);
    assert_int_equal(rows, 8);
    assert_true(booked(&w, second, FG_REASON_PURCHASE, DSO) == 2500000);
    assert_true(booked(&w, second, FG_REASON_PENALTY, SUPPLIER) == -1750000);
    assert_true(booked(&w, second, FG_REASON_FEE_SHARE, DSO) == 25000 && booked(&w, second, FG_REASON_FEE_SHARE, SUPPLIER) == 50000);
    assert_true(booked(&w, second, FG_REASON_TRANSFER_TAKEN, BRP_B) == 1500000);
    assert_int_equal(issue(&w, day24), 5);
    assert_int_equal(gross_of(&w, DSO, "invoice", "supplement"), 489); /* net 4.28, tax 0.61 of 2.53 */
    assert_true(balance(&w, FG_LEDGER_ROUNDING, 0) == 5000);
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, DSO) == -18430000);

    /* The documents' texts, and that they do not change. */
    struct action content = {.step = CONTENT, .id = 1};
    expect(&w, RETAILER, &content, FG_ERR_NOT_FOUND);
    expect(&w, DSO, &content, FG_OK);
    json_t *root;
    fixture_expect(fg_json_load_text(content.text.data, content.text.length, "bill", &root, &err), &err);
    assert_string_equal(json_string_value(json_object_get(root, "number")), "INV-1/2025/000001");
    assert_string_equal(json_string_value(json_object_get(root, "net")), "9.90");
    assert_string_equal(json_string_value(json_object_get(root, "tax")), "3.64");
    assert_string_equal(json_string_value(json_object_get(root, "due")), "2025-12-25");
    json_t *line = json_array_get(json_object_get(root, "lines"), 0);
    assert_string_equal(json_string_value(json_object_get(line, "energy_mwh")), "0.150");
    json_decref(root);
    struct fg_text csv = {0}, pdf = {0}, again = {0};
    fixture_expect(fg_bill_csv(content.text.data, &csv, &err), &err);
    assert_non_null(strstr(csv.data, "INV-1/2025/000001,EUR,2025-11-24,Flexibility delivered,purchase,0.150,15.00,standard\n"));
    fixture_expect(fg_bill_pdf(content.text.data, &pdf, &err), &err);
    fixture_expect(fg_bill_pdf(content.text.data, &again, &err), &err);
    assert_true(pdf.length > 1000 && memcmp(pdf.data, "%PDF-", 5) == 0);
    assert_true(pdf.length == again.length && memcmp(pdf.data, again.data, pdf.length) == 0);
    if (getenv("FG_KEEP_PDF") != NULL)
        fixture_expect(fg_file_write(getenv("FG_KEEP_PDF"), pdf.data, pdf.length, &err), &err);
    fg_text_release(&csv);
    fg_text_release(&pdf);
    fg_text_release(&again);
    fg_text_release(&content.text);

    /* Payments bring the account to zero, and not beyond. */
    struct action pay = {.step = PAY, .day = {2025, 12, 1}, .id = 1, .amount = 1355};
    expect(&w, FMO, &pay, FG_ERR_CONFLICT);
    pay.amount = 354;
    expect(&w, FMO, &pay, FG_OK);
    pay.amount = 1001;
    expect(&w, FMO, &pay, FG_ERR_CONFLICT);
    expect(&w, DSO, &pay, FG_ERR_NOT_FOUND);
    pay.amount = 1000;
    expect(&w, FMO, &pay, FG_OK);
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, DSO) == -4890000 && balance(&w, FG_LEDGER_BANK, 0) == -13540000);

    struct action journal = {.step = JOURNAL, .day = {2025, 11, 1}};
    expect(&w, FMO, &journal, FG_OK);
    assert_non_null(strstr(journal.text.data, ",2025-11-24,stl-1,INV-1/2025/000001,participant,org-2,market,,purchase,trd-1,"
                                              "2025-11-24T08:00:00Z,15.00\n"));
    assert_non_null(strstr(journal.text.data, ",rounding,"));
    fg_text_release(&journal.text);
    world_close(&w);
}

static void test_release_and_disputes(void **state)
{
    struct world w;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    world_open(&w, state);
    w.now_us = INT64_C(1763985600) * 1000000; /* the day is not over */
    struct action early = {.step = COMPUTE, .day = day24};
    expect(&w, FMO, &early, FG_ERR_CONFLICT);
    w.now_us = INT64_C(1764050400) * 1000000;
    expect(&w, DSO, &early, FG_ERR_NOT_FOUND);

    /* No reading, no baseline: pending, nothing moves. */
    int64_t meter = meter_of(&w, PORTFOLIO);
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);
    int64_t first = compute(&w, day24);
    assert_int_equal(number(&w, "SELECT pending_count FROM settlement_run WHERE number = 1"), 1);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_posting"), 0);
    submit(&w, PORTFOLIO, period, 0);
    measure(&w, meter, period, 250 * KWH);
    int64_t second = compute(&w, day24);
    assert_int_equal(number(&w, "SELECT pending_count FROM settlement_run WHERE number = 2"), 0);
    struct action early_dispute = {.step = RAISE, .id = second, .other = 1};
    expect(&w, DSO, &early_dispute, FG_ERR_NOT_FOUND); /* parties see released runs */

    /* Four eyes: not the asker, not without, not for another run, not twice, not an earlier run after a later one. */
    struct action a = {.step = ASK, .id = second};
    expect(&w, DSO, &a, FG_ERR_NOT_FOUND);
    expect(&w, FMO, &a, FG_OK);
    a.step = CONFIRM;
    expect(&w, FMO, &a, FG_ERR_DENIED);
    a.step = RELEASE;
    expect(&w, FMO, &a, FG_ERR_CONFLICT);
    a.step = CONFIRM;
    struct fg_principal eyes = somebody(FMO, 99, FG_ROLE_FMO);
    expect_user(&w, &eyes, &a, FG_OK);
    a.step = RELEASE;
    a.id = first;
    expect(&w, FMO, &a, FG_ERR_CONFLICT);
    a.id = second;
    expect(&w, FMO, &a, FG_OK);
    expect(&w, FMO, &a, FG_ERR_CONFLICT);
    struct action ask = {.step = ASK, .id = first};
    expect(&w, FMO, &ask, FG_ERR_CONFLICT);

    /* The rule of a settled day is not changed any more. */
    struct action rule = {.step = RULE, .rule = {.from = day24, .decimals = 2}};
    expect(&w, FMO, &rule, FG_ERR_CONFLICT);
    rule.rule.from.month = 12;
    expect(&w, FMO, &rule, FG_OK);

    struct action dispute = {.step = RAISE, .id = second, .other = 1};
    expect(&w, RETAILER, &dispute, FG_ERR_NOT_FOUND);
    expect(&w, DSO, &dispute, FG_OK);
    dispute.step = DECIDE;
    expect(&w, DSO, &dispute, FG_ERR_NOT_FOUND);
    expect(&w, FMO, &dispute, FG_OK);
    expect(&w, FMO, &dispute, FG_ERR_CONFLICT);
    world_close(&w);
}

/* The days on which Athens changes its clocks, each quarter-hour traded and fully delivered at 40 EUR/MWh: 92, 100 or 96
 * times 250 kWh x 40 = 10 EUR. */
static void test_days_of_23_and_25_hours(void **state)
{
    static const struct {
        struct fg_date day;
        int64_t start_s;
        int units;
    } days[] = {{{2025, 3, 30}, 1743285600, 92}, {{2025, 10, 26}, 1761426000, 100}, {{2025, 11, 24}, 1763935200, 96}};
    struct world w;
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000;
    int64_t meter = meter_of(&w, PORTFOLIO), trade = 0;
    fixture_execute(w.store, "UPDATE product SET baseline_rule = '{\"method\":\"before_after\",\"before_units\":1}' WHERE id = 1");
    for (size_t d = 0; d < sizeof days / sizeof *days; d++) {
        int64_t first = days[d].start_s / QUARTER;
        struct fg_reading readings[101];
        for (int i = -1; i < 100; i++) /* 40 kWh before the day, 290 kWh in each unit */
            readings[i + 1] = (struct fg_reading){(first + i) * QUARTER, i < 0 ? 40 * KWH : 290 * KWH, 0, (size_t)(i + 1)};
        struct action take = {.step = TAKE, .id = meter, .readings = readings, .count = 101};
        expect(&w, DSO, &take, FG_OK);
        for (int i = -1; i <= days[d].units; i++) /* one too many at each end: they belong to the neighbours */
            add_trade(&w, ++trade, PORTFOLIO, FG_REGULATION_UP, first + i, MW, 40 * EUR);
        int64_t run = compute(&w, days[d].day);
        struct fg_ledger ledger = {0};
        struct fg_error err = {0};
        fixture_expect(fg_settlement_ledger(w.store, run, &ledger, &err), &err);
        struct fg_money market = {0};
        int64_t paid = 0;
        for (size_t i = 0; i < ledger.count; i++)
            paid += ledger.items[i].reason == FG_REASON_SALE ? ledger.items[i].amount.u : 0;
        fixture_expect(fg_ledger_balance(&ledger, fg_ledger_named(FG_LEDGER_MARKET), 0, &market, &err), &err);
        assert_true(market.u == 0);
        assert_true(paid == days[d].units * 10 * EUR);
        fg_ledger_release(&ledger);
    }
    world_close(&w);
}

/* x of y days in a run: of the newest working days before Monday, Thursday had an activation and Wednesday was a holiday, so Friday,
 * Tuesday and Monday before count: -80, -100, -120 kWh at 10:00, on average -100. With 50 kWh measured it is the worked example. */
static void test_baseline_of_days(void **state)
{
    static const struct {
        int days_before;
        int64_t energy_kwh;
    } history[] = {{7, -120}, {6, -100}, {5, 999}, {4, 999}, {3, -80}, {2, 999}, {1, 999}, {0, 50}};
    struct world w;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000;
    int64_t meter = meter_of(&w, PORTFOLIO);
    fixture_execute(w.store, "UPDATE product SET baseline_rule = '{\"method\":\"days\",\"days\":3,\"days_used\":3,\"look_back_days\":10}' "
                             "WHERE id = 1");
    fixture_execute(w.store, "INSERT INTO holiday (area_id, day, name) VALUES (1, 20411, 'Holiday')"); /* 2025-11-19 */
    for (size_t i = 0; i < sizeof history / sizeof *history; i++)
        measure(&w, meter, period - 96 * history[i].days_before, history[i].energy_kwh * KWH);
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);
    add_trade(&w, 2, PORTFOLIO, FG_REGULATION_UP, period - 96 * 4 + 20, MW, 100 * EUR);
    compute(&w, day24);
    assert_true(number(&w, "SELECT baseline_ws FROM settlement_portfolio") == -100 * KWH);
    assert_true(number(&w, "SELECT paid_u FROM settlement_trade") == 15 * EUR);
    assert_true(number(&w, "SELECT penalty_u FROM settlement_trade") == 5250000);
    world_close(&w);
}

/* The month's fee falls on its first day, once per organisation with an approved portfolio. */
static void test_monthly_fee(void **state)
{
    struct world w;
    world_open(&w, state);
    w.now_us = INT64_C(1764827200) * 1000000; /* 2025-12-04 */
    struct action rule = {.step = RULE, .rule = {.from = {2025, 12, 1}, .fee_monthly = {5 * EUR}, .tax_rate_u = 240000, .decimals = 2}};
    expect(&w, FMO, &rule, FG_OK);
    int64_t first = compute(&w, (struct fg_date){2025, 12, 1}), second = compute(&w, (struct fg_date){2025, 12, 2});
    release(&w, first);
    release(&w, second);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM booking"), 2);
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, SUPPLIER) == -5 * EUR && balance(&w, FG_LEDGER_PARTICIPANT, RETAILER) == -5 * EUR);
    assert_true(balance(&w, FG_LEDGER_FEES, 0) == 10 * EUR);
    world_close(&w);
}

/* What an auction accepts and nobody takes is bought by the market operator: its own purchase and fee stay in the journal, and no
 * document goes from it to itself; the seller is paid as ever. */
static void test_bought_by_the_operator(void **state)
{
    struct world w;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    world_open(&w, state);
    w.now_us = (period * QUARTER + 864000) * INT64_C(1000000);
    measure(&w, meter_of(&w, PORTFOLIO), period, 250 * KWH);
    submit(&w, PORTFOLIO, period, 0);
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);
    fixture_execute(w.store, "UPDATE book_trade SET buyer_id = 1, buy_order_id = 0");
    release(&w, compute(&w, day24));
    assert_true(balance(&w, FG_LEDGER_PARTICIPANT, FMO) == -25250000); /* 0.25 MWh x 100, and 1 % */
    assert_int_equal(issue(&w, day24), 4); /* supplier (sales; fee), Balance A, Balance B */
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM bill WHERE organisation_id = 1"), 0);
    assert_int_equal(gross_of(&w, SUPPLIER, "self_billing", "self_billing"), 2500);
    assert_int_equal(issue(&w, day24), 0);
    world_close(&w);
}

/* The battery (range 2 MW) stands with Balance A, the heat pump (2 MW) with Balance B. */
static void test_perimeters(void **state)
{
    struct world w;
    struct fg_error err = {0};
    struct fg_perimeter_move moves[FG_PERIMETER_MOVES_MAX];
    size_t count;
    world_open(&w, state);
    fixture_execute(w.store, "UPDATE brp_assignment SET brp_id = 6 WHERE asset_id = 21");
    struct fg_perimeter_trade trade = {AREA, 1, SUPPLIER, RETAILER, PORTFOLIO, 1960000, QUARTER, FG_REQUEST_NEED};
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){-250 * KWH}, moves, &count, &err), &err);
    assert_int_equal(count, 1); /* to the seller's own party, Balance B: its own half does not move */
    assert_true(moves[0].from == BRP_A && moves[0].to == BRP_B && moves[0].energy.ws == -125 * KWH);
    trade.kind = FG_REQUEST_EXCHANGE; /* to the buyer's party */
    fixture_execute(w.store, "UPDATE balance_responsible SET brp_id = 5 WHERE organisation_id = 4");
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){250 * KWH}, moves, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_true(moves[0].from == BRP_B && moves[0].to == BRP_A && moves[0].energy.ws == 125 * KWH);
    trade.buyer = DSO; /* whose party is not known */
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){250 * KWH}, moves, &count, &err), &err);
    assert_int_equal(count, 0);
    /* The party of the unit's start: until it Balance A, from it on Balance B, of whose own half nothing moves. */
    trade.buyer = RETAILER;
    char change[300];
    snprintf(change, sizeof change, "INSERT INTO balance_responsible (organisation_id, area_id, valid_from_us, brp_id) VALUES (4, 1, %lld, 6)",
             (long long)trade.period * QUARTER * 1000000);
    fixture_execute(w.store, change);
    snprintf(change, sizeof change, "UPDATE balance_responsible SET valid_until_us = %lld WHERE organisation_id = 4 AND brp_id = 5",
             (long long)trade.period * QUARTER * 1000000);
    fixture_execute(w.store, change);
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){250 * KWH}, moves, &count, &err), &err);
    assert_true(count == 1 && moves[0].from == BRP_A && moves[0].to == BRP_B && moves[0].energy.ws == 125 * KWH);
    trade.period--;
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){250 * KWH}, moves, &count, &err), &err);
    assert_true(count == 1 && moves[0].from == BRP_B && moves[0].to == BRP_A && moves[0].energy.ws == 125 * KWH);
    trade.buyer = BRP_A; /* is one itself */
    fixture_expect(fg_perimeter_split(w.store, &trade, (struct fg_energy){250 * KWH}, moves, &count, &err), &err);
    assert_true(count == 1 && moves[0].to == BRP_A);
    world_close(&w);
}

static void test_baseline_rules(void **state)
{
    (void)state;
    struct fg_baseline_rule rule;
    int64_t before, after;
    assert_int_equal(fg_baseline_rule_parse("{\"method\":\"days\",\"days\":10,\"days_used\":4,\"look_back_days\":45,\"pick\":\"highest\","
                                            "\"adjustment\":\"additive\",\"window_lead_units\":4,\"window_units\":8,\"cap\":\"0.2\"}",
                                            &rule, NULL), FG_OK);
    assert_true(rule.method == FG_BASELINE_DAYS && rule.days == 10 && rule.days_used == 4 && rule.cap_u == 200000);
    assert_true(rule.adjustment == FG_BASELINE_ADDITIVE && rule.window_units == 8);
    fg_baseline_rule_reach(&rule, QUARTER, &before, &after);
    assert_true(before >= 45 * 96 + 12 && after == 0);
    struct fg_error err = {0};
    assert_int_equal(fg_baseline_rule_parse("{\"method\":\"guess\"}", &rule, &err), FG_ERR_VALUE);
    assert_int_equal(fg_baseline_rule_parse("{\"method\":\"days\",\"day\":3}", &rule, &err), FG_ERR_SCHEMA);
    assert_int_equal(fg_baseline_rule_parse("{\"method\":\"days\",\"days\":3,\"days_used\":4}", &rule, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_baseline_rule_parse("{", &rule, &err), FG_ERR_SYNTAX);
}

/* -- calls of the balancing market ------------------------------------------------------------------------------------ */

/* A bid of one member of which everything was called. */
static void add_call(struct world *w, int64_t id, int64_t portfolio, int regulation, int64_t period, int64_t periods, int64_t called_w)
{
    struct fg_error err = {0};
    fixture_expect(fg_change(w->store, NULL, &err,
                             "INSERT INTO forward_bid (id, area_id, control_area, state, regulation, location_id, brp_id, first_period, period_count, "
                             "quantity_w, least_w, price_u, called_w, deadline_us, expires_us, created_us, changed_us, version) VALUES ($1, 1, 'GR', "
                             "'activated', $2, 1, 0, $3, $4, $5, 0, 0, $5, 0, 0, 0, 0, 1)",
                             "iiiii", id, (int64_t)regulation, period, periods, called_w), &err);
    fixture_expect(fg_change(w->store, NULL, &err,
                             "INSERT INTO forward_member (bid_id, place, order_id, portfolio_id, organisation_id, quantity_w, price_u, called_w) "
                             "VALUES ($1, 0, 1, $2, $3, $4, 0, $4)",
                             "iiii", id, portfolio, portfolio == PORTFOLIO ? (int64_t)SUPPLIER : (int64_t)RETAILER, called_w), &err);
}

/* Of every unit whose data are known: what the meter shows beyond the baseline is what was delivered of trades and calls, and the excess. */
static void check_energy(struct world *w)
{
    assert_int_equal(number(w, "SELECT COUNT(*) FROM settlement_portfolio u WHERE u.reason IS NULL AND u.meter_ws - u.baseline_ws - u.excess_ws - "
                               "u.called_delivered_ws <> COALESCE((SELECT SUM(CASE WHEN t.regulation = 0 THEN t.delivered_ws ELSE -t.delivered_ws "
                               "END) FROM settlement_trade t WHERE t.run_id = u.run_id AND t.portfolio_id = u.portfolio_id AND t.product = u.product "
                               "AND t.period = u.period), 0)"), 0);
    assert_int_equal(number(w, "SELECT COUNT(*) FROM settlement_portfolio u WHERE u.owed_ws - u.called_ws <> COALESCE((SELECT SUM(CASE WHEN "
                               "t.regulation = 0 THEN t.traded_ws ELSE -t.traded_ws END) FROM settlement_trade t WHERE t.run_id = u.run_id AND "
                               "t.portfolio_id = u.portfolio_id AND t.product = u.product AND t.period = u.period), 0)"), 0);
    assert_int_equal(number(w, "SELECT COUNT(*) FROM settlement_trade WHERE trade_id = 0"), 0);
}

/* One unit each, baseline 0; energies in kWh. Up 250 and called up 150 are owed 400: of a shortfall of 80 the trade has 80 x 250 / 400 = 50. */
static const struct {
    int64_t trade_kwh, call_kwh, meter_kwh; /* up positive; 0: none */
    int64_t delivered_kwh, called_kwh, excess_kwh;
} called_units[] = {
    {250, 150, 320, 200, 120, 0},  /* in part, pro rata; without the call it would be 250 delivered and 70 too much */
    {250, 150, 400, 250, 150, 0},  /* all */
    {250, 150, 450, 250, 150, 50}, /* too much, whosever */
    {250, 150, 0, 0, 0, 0},        /* nothing */
    {250, 150, -40, 0, 0, -40},    /* the other way */
    {250, -100, 150, 250, -100, 0}, /* called down: the trade is delivered by what was not taken back */
    {250, -100, 90, 190, -100, 0},
    {-100, 300, 200, -100, 300, 0},
    {250, -250, 0, 250, -250, 0}, /* nothing in net */
    {0, 100, 60, 0, 60, 0},       /* no trade */
};

static void test_calls(void **state)
{
    struct world w;
    const int64_t first = INT64_C(1763971200) / QUARTER; /* 10:00 on the 24th */
    const size_t count = sizeof called_units / sizeof *called_units;
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000;
    int64_t meter = meter_of(&w, PORTFOLIO);
    for (size_t i = 0; i < count; i++) {
        int64_t period = first + 2 * (int64_t)i, trade = called_units[i].trade_kwh, call = called_units[i].call_kwh;
        submit(&w, PORTFOLIO, period, 0);
        measure(&w, meter, period, called_units[i].meter_kwh * KWH);
        if (trade != 0)
            add_trade(&w, (int64_t)i + 1, PORTFOLIO, trade < 0, period, 4000 * (trade < 0 ? -trade : trade), 100 * EUR);
        add_call(&w, (int64_t)i + 1, PORTFOLIO, call < 0, period, 1, 4000 * (call < 0 ? -call : call));
    }
    /* No reading: the trade waits, a call alone makes no run wait. A bid of two units, of which the second has a trade; another day's. */
    add_trade(&w, 50, PORTFOLIO, FG_REGULATION_UP, first + 40, MW, 100 * EUR);
    add_call(&w, 50, PORTFOLIO, FG_REGULATION_UP, first + 40, 1, MW);
    add_call(&w, 51, OTHER, FG_REGULATION_UP, first + 40, 1, MW);
    submit(&w, OTHER, first + 44, 0); /* both units are one event, whose baseline is there or not */
    submit(&w, OTHER, first + 45, 0);
    measure(&w, meter_of(&w, OTHER), first + 45, 300 * KWH);
    add_trade(&w, 52, OTHER, FG_REGULATION_UP, first + 45, MW, 100 * EUR);
    add_call(&w, 52, OTHER, FG_REGULATION_UP, first + 44, 2, MW);
    add_call(&w, 53, PORTFOLIO, FG_REGULATION_UP, first + 96, 1, MW);

    int64_t run = compute(&w, day24);
    char text[300];
    for (size_t i = 0; i < count; i++) {
        long long period = (long long)(first + 2 * (int64_t)i);
        if (called_units[i].trade_kwh != 0) {
            snprintf(text, sizeof text, "SELECT delivered_ws FROM settlement_trade WHERE trade_id = %zu", i + 1);
            int64_t delivered = called_units[i].delivered_kwh;
            assert_true(number(&w, text) == (delivered < 0 ? -delivered : delivered) * KWH);
        }
        snprintf(text, sizeof text, "SELECT called_ws FROM settlement_portfolio WHERE portfolio_id = 10 AND period = %lld", period);
        assert_true(number(&w, text) == called_units[i].call_kwh * KWH);
        snprintf(text, sizeof text, "SELECT called_delivered_ws FROM settlement_portfolio WHERE portfolio_id = 10 AND period = %lld", period);
        assert_true(number(&w, text) == called_units[i].called_kwh * KWH);
        snprintf(text, sizeof text, "SELECT excess_ws FROM settlement_portfolio WHERE portfolio_id = 10 AND period = %lld", period);
        assert_true(number(&w, text) == called_units[i].excess_kwh * KWH);
    }
    check_energy(&w);
    assert_int_equal(number(&w, "SELECT pending_count FROM settlement_run"), 1);
    assert_int_equal(number(&w, "SELECT trade_count FROM settlement_run"), 11);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_trade"), 11);
    /* 300 of 500 kWh: the trade has half of the shortfall; the unit before, without a reading, is the call's alone. */
    assert_true(number(&w, "SELECT delivered_ws FROM settlement_trade WHERE trade_id = 52") == 150 * KWH);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_portfolio WHERE portfolio_id = 11 AND called_ws > 0"), 3);
    /* ten, one, one, and one of two units; that of another day is none of this one's */
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_input WHERE kind = 'calls' AND version LIKE '14 ________________'"), 1);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_posting WHERE trade_id = 0"), 0);
    release(&w, run);
    /* The same calls are the same input, others as many units are another one. */
    compute(&w, day24);
    assert_int_equal(number(&w, "SELECT COUNT(DISTINCT version) FROM settlement_input WHERE kind = 'calls'"), 1);
    fixture_execute(w.store, "UPDATE forward_member SET called_w = called_w - 1000 WHERE bid_id = 51");
    compute(&w, day24);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM settlement_input WHERE kind = 'calls' AND version LIKE '14 %'"), 3);
    assert_int_equal(number(&w, "SELECT COUNT(DISTINCT version) FROM settlement_input WHERE kind = 'calls'"), 2);
    world_close(&w);
}

/* As test_baseline_of_days, with a call on Thursday: no reference any more, so that Friday, Tuesday and Monday count. */
static void test_called_days_are_no_reference(void **state)
{
    static const struct {
        int days_before;
        int64_t energy_kwh;
    } history[] = {{7, -120}, {6, -100}, {5, 999}, {4, -180}, {3, -80}, {2, 999}, {1, 999}, {0, 50}};
    struct world w;
    const int64_t period = INT64_C(1763971200) / QUARTER;
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000;
    int64_t meter = meter_of(&w, PORTFOLIO);
    fixture_execute(w.store, "UPDATE product SET baseline_rule = '{\"method\":\"days\",\"days\":3,\"days_used\":3,\"look_back_days\":10}' "
                             "WHERE id = 1");
    fixture_execute(w.store, "INSERT INTO holiday (area_id, day, name) VALUES (1, 20411, 'Holiday')"); /* 2025-11-19 */
    for (size_t i = 0; i < sizeof history / sizeof *history; i++)
        measure(&w, meter, period - 96 * history[i].days_before, history[i].energy_kwh * KWH);
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);
    compute(&w, day24);
    assert_true(number(&w, "SELECT baseline_ws FROM settlement_portfolio WHERE run_id = 1") == -120 * KWH); /* (80 + 180 + 100) / 3 */
    add_call(&w, 1, PORTFOLIO, FG_REGULATION_UP, period - 96 * 4 - 1, 2, MW);
    compute(&w, day24);
    assert_true(number(&w, "SELECT baseline_ws FROM settlement_portfolio WHERE run_id = 2") == -100 * KWH);
    world_close(&w);
}

/* -- random days ---------------------------------------------------------------------------------------------------- */

/* Money in = money out: in the ledger of a run and in the journal, which are equal once the run is released. */
static void check_run(struct world *w, int64_t run, struct fg_date day, const struct fg_ledger *before)
{
    struct fg_ledger ledger = {0}, journal = {0}, difference = {0}, added = {0}, rest = {0};
    struct fg_error err = {0};
    fixture_expect(fg_settlement_ledger(w->store, run, &ledger, &err), &err);
    fixture_expect(fg_settlement_journal(w->store, AREA, fg_date_number(day), &journal, &err), &err);
    int64_t sum = 0;
    for (int account = 0; account < FG_LEDGER_ACCOUNT_COUNT; account++) {
        struct fg_money money;
        fixture_expect(fg_ledger_balance(&ledger, fg_ledger_named((enum fg_ledger_account)account), 1, &money, &err), &err);
        sum += money.u;
        if (account == FG_LEDGER_MARKET || account == FG_LEDGER_TRANSFER)
            assert_true(money.u == 0);
        if (account == FG_LEDGER_FEES || account == FG_LEDGER_PENALTIES)
            assert_true(money.u >= 0);
    }
    assert_true(sum == 0);
    fixture_expect(fg_ledger_difference(&ledger, &journal, &difference, &err), &err);
    assert_int_equal(difference.count, 0);
    /* version n+1 minus n is what was booked */
    fixture_expect(fg_ledger_difference(before, &ledger, &added, &err), &err);
    struct fg_ledger booked_now = {0};
    struct fg_sql *sql;
    bool row;
    fixture_expect(fg_query(w->store, &sql, &err, "SELECT from_account, from_id, to_account, to_id, reason, trade_id, period, "
                                                  "amount_u, contract_id FROM booking WHERE run_id = $1", "i", run), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        struct fg_ledger_posting posting = {
            {(enum fg_ledger_account)fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1)},
            {(enum fg_ledger_account)fg_sql_column_int64(sql, 2), fg_sql_column_int64(sql, 3)},
            (enum fg_ledger_reason)fg_sql_column_int64(sql, 4), fg_sql_column_int64(sql, 5), fg_sql_column_int64(sql, 6),
            {fg_sql_column_int64(sql, 7)}, fg_sql_column_int64(sql, 8)};
        fixture_expect(fg_ledger_move(&booked_now, posting, &err), &err);
    }
    fixture_expect(fg_ledger_difference(&added, &booked_now, &rest, &err), &err);
    assert_int_equal(rest.count, 0);
    assert_int_equal(added.count, booked_now.count);
    fg_ledger_release(&ledger);
    fg_ledger_release(&journal);
    fg_ledger_release(&difference);
    fg_ledger_release(&added);
    fg_ledger_release(&booked_now);
    fg_ledger_release(&rest);
}

/* Every participant's account: what is billed and not paid, plus rows that wait. Rounding at most half a cent a document. */
static void check_bills(struct world *w)
{
    struct fg_sql *sql;
    struct fg_error err = {0};
    bool row;
    int64_t bills = number(w, "SELECT COUNT(*) FROM bill");
    for (int64_t who = DSO; who <= BRP_B; who++) {
        int64_t asked = 0, waiting = 0;
        fixture_expect(fg_query(w->store, &sql, &err, "SELECT direction, gross FROM bill WHERE organisation_id = $1", "i", who), &err);
        while (fg_sql_next(sql, &row, &err) == FG_OK && row)
            asked += (strcmp(fg_sql_column_text(sql, 0), "invoice") == 0 ? -1 : 1) * fg_sql_column_int64(sql, 1) * 10000;
        fixture_expect(fg_query(w->store, &sql, &err, "SELECT to_id, amount_u FROM booking WHERE bill_id IS NULL AND (from_id = $1 "
                                                      "OR to_id = $1)", "i", who), &err);
        while (fg_sql_next(sql, &row, &err) == FG_OK && row)
            waiting += (fg_sql_column_int64(sql, 0) == who ? 1 : -1) * fg_sql_column_int64(sql, 1);
        assert_true(balance(w, FG_LEDGER_PARTICIPANT, who) == asked + waiting);
    }
    int64_t rounding = 0;
    fixture_expect(fg_query(w->store, &sql, &err, "SELECT amount_u FROM booking WHERE reason = $1", "i",
                            (int64_t)FG_REASON_ROUNDING), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        int64_t amount = fg_sql_column_int64(sql, 0);
        assert_true(amount >= -5000 && amount <= 5000);
        rounding += amount < 0 ? -amount : amount;
    }
    assert_true(rounding <= bills * 5000);
    /* Numbers have no gap. */
    assert_int_equal(number(w, "SELECT COUNT(*) FROM (SELECT series, year FROM bill GROUP BY series, year HAVING MAX(number) <> "
                               "COUNT(*) OR MIN(number) <> 1) x"), 0);
}

static void test_random_days(void **state)
{
    enum { DAYS = 6, VERSIONS = 4, UNITS = 6 };
    struct world w;
    struct fg_random random;
    fg_random_init(&random, 20251126);
    world_open(&w, state);
    w.now_us = INT64_C(1764050400) * 1000000;
    const int64_t portfolios[] = {PORTFOLIO, OTHER};
    int64_t meters[2], trade = 0, call = 0;
    for (int p = 0; p < 2; p++)
        meters[p] = meter_of(&w, portfolios[p]);
    for (int d = DAYS; d-- > 0;) { /* submissions come in the order of time */
        struct fg_date day = fg_date_add(day24, -d);
        const int64_t first = INT64_C(1763971200) / QUARTER - 96 * d;
        for (int p = 0; p < 2; p++)
            for (int u = 0; u < UNITS; u++) {
                submit(&w, portfolios[p], first + u, (int64_t)fg_random_below(&random, 400) * KWH / 7 - 100 * KWH);
                if (fg_random_below(&random, 3) == 0)
                    add_call(&w, ++call, portfolios[p], (int)fg_random_below(&random, 2), first + u, 1 + (int64_t)fg_random_below(&random, 2),
                             (int64_t)(1 + fg_random_below(&random, 2000)) * 1000);
                for (uint64_t n = fg_random_below(&random, 4); n > 0; n--)
                    add_trade(&w, ++trade, portfolios[p], (int)fg_random_below(&random, 2), first + u,
                              (int64_t)(1 + fg_random_below(&random, 2000)) * 1000,
                              ((int64_t)fg_random_below(&random, 30000) - 5000) * 10000);
            }
        struct fg_ledger before = {0};
        for (int v = 0; v < VERSIONS; v++) {
            for (int p = 0; p < 2; p++)
                for (int u = 0; u < UNITS; u++)
                    if (v > 0 ? fg_random_below(&random, 3) == 0 : fg_random_below(&random, 5) != 0)
                        measure(&w, meters[p], first + u, (int64_t)fg_random_below(&random, 1000) * KWH / 3 - 150 * KWH);
            int64_t run = compute(&w, day);
            release(&w, run);
            check_run(&w, run, day, &before);
            check_energy(&w);
            struct fg_error err = {0};
            fg_ledger_release(&before);
            fixture_expect(fg_settlement_ledger(w.store, run, &before, &err), &err);
            if (fg_random_below(&random, 2) == 0) {
                issue(&w, day);
                check_bills(&w);
            }
        }
        fg_ledger_release(&before);
    }
    issue(&w, day24);
    check_bills(&w);
    assert_true(number(&w, "SELECT COUNT(*) FROM bill WHERE kind = 'credit_note'") > 0);
    assert_true(number(&w, "SELECT COUNT(*) FROM bill WHERE kind = 'supplement'") > 0);
    assert_true(number(&w, "SELECT COUNT(*) FROM settlement_portfolio WHERE reason IS NOT NULL") > 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(test_worked_example), ON_BOTH(test_release_and_disputes),
                                       ON_BOTH(test_days_of_23_and_25_hours), ON_BOTH(test_baseline_of_days), ON_BOTH(test_monthly_fee),
                                       ON_BOTH(test_bought_by_the_operator),
                                       ON_BOTH(test_perimeters), cmocka_unit_test(test_baseline_rules),
                                       ON_BOTH(test_calls), ON_BOTH(test_called_days_are_no_reference),
                                       ON_BOTH(test_random_days)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
