/* Meters, baselines, plans, set-points and receipts, on both databases. */
#include "settlement_fixture.h"

#include "base/memory.h"
#include "base/readings.h"

enum { FIRST = 1960000 }; /* a quarter-hour of November 2025 */

/* One step of a test, as work inside a transaction. */
enum step { CREATE, TAKE, READ, SUBMIT, PLAN, DECIDE, SET_POINT, ANSWER, RECEIPT, HOLIDAYS };
struct action {
    enum step step;
    struct fg_meter meter;
    struct fg_reading *readings;
    size_t count;
    struct fg_intake intake;
    int64_t id, period, *values;
    struct fg_plan_line *lines;
    struct fg_holiday *days;
    bool accept;
};

static enum fg_code act(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct action *a = context;
    switch (a->step) {
    case CREATE: return fg_meter_create(registry, &a->meter, err);
    case TAKE: return fg_meter_take(registry, a->id, a->readings, a->count, &a->intake, err);
    case READ: return fg_meter_read(registry, a->id, &a->meter, err);
    case SUBMIT: return fg_baseline_submit(registry, a->id, FG_PRODUCT_ACTIVE, a->period, a->values, a->count, err);
    case PLAN: return fg_plan_send(registry, PORTFOLIO, a->lines, a->count, &a->id, err);
    case DECIDE: return fg_plan_decide(registry, a->id, a->accept, "too much for the cable", err);
    case SET_POINT: return fg_set_point_send(registry, PORTFOLIO, a->period, 4, MW, &a->id, err);
    case ANSWER: return fg_set_point_answer(registry, a->id, a->accept, "empty", err);
    case RECEIPT: return fg_receipt_give(registry, AREA, a->id, FG_RECEIPT_PARTLY, "half of it", err);
    case HOLIDAYS: return fg_holidays_set(registry, AREA, 2025, a->days, a->count, err);
    }
    return FG_ERR_ARGUMENT;
}

static enum fg_code do_as(struct world *w, int64_t organisation, struct action *action, struct fg_error *err)
{
    struct fg_principal who = as(organisation);
    return fg_registry_run(w->platform, &who, FG_STORE_WRITE, act, action, err);
}

static void expect(struct world *w, int64_t organisation, struct action *action, enum fg_code wanted)
{
    struct fg_error err = {0};
    enum fg_code code = do_as(w, organisation, action, &err);
    if (code != wanted)
        fail_msg("step %d: %s, not %s: %s", (int)action->step, fg_code_slug(code), fg_code_slug(wanted), err.text);
}

static int64_t new_meter(struct world *w, int64_t organisation, int64_t asset, int64_t portfolio, int32_t rank)
{
    struct action a = {.step = CREATE, .meter = {.asset = asset, .portfolio = portfolio, .rank = rank}};
    snprintf(a.meter.name, sizeof a.meter.name, "m-%d-%d-%d", (int)asset, (int)portfolio, (int)rank);
    expect(w, organisation, &a, FG_OK);
    return a.meter.id;
}

static struct fg_intake take(struct world *w, int64_t organisation, int64_t meter, const char *csv, enum fg_code wanted)
{
    struct fg_error err = {0};
    struct action a = {.step = TAKE, .id = meter};
    fixture_expect(fg_meter_parse_csv(csv, strlen(csv), &a.readings, &a.count, &err), &err);
    expect(w, organisation, &a, wanted);
    fg_free(a.readings);
    return a.intake;
}

static void sum(struct world *w, int64_t known_us, int64_t values[4])
{
    struct fg_error err = {0};
    int64_t start = INT64_C(1763959500) / QUARTER; /* 2025-11-24T04:45:00Z */
    struct fg_meter_query query = {AREA, PORTFOLIO, FG_PRODUCT_ACTIVE, QUARTER, start, 4, 1, false, known_us};
    fixture_expect(fg_meter_sum(w->store, &query, values, NULL, NULL, &err), &err);
}

/* 2025-11-24 04:45 UTC and the three quarter-hours after it. */
static void test_readings(void **state)
{
    struct world w;
    int64_t values[4];
    world_open(&w, state);
    w.now_us = INT64_C(1764000000) * 1000000; /* 2025-11-24T16:00:00Z */
    int64_t official = new_meter(&w, DSO, BATTERY, 0, 1), own = new_meter(&w, SUPPLIER, BATTERY, 0, 2),
            pump = new_meter(&w, DSO, HEAT_PUMP, 0, 1);
    struct action foreign = {.step = CREATE, .meter = {.asset = BATTERY, .rank = 3, .name = "x"}};
    expect(&w, STRANGER, &foreign, FG_ERR_NOT_FOUND);
    foreign.meter.rank = 2;
    expect(&w, SUPPLIER, &foreign, FG_ERR_CONFLICT);

    /* Out of order, one doubled, one gap of a unit: 05:15 is missing. */
    struct fg_intake intake = take(&w, DSO, official,
                                   "start,energy_mwh\n2025-11-24T05:00:00Z,0.2\n2025-11-24T04:45:00Z,0.1\n"
                                   "2025-11-24T05:30:00Z,0.4\n2025-11-24T05:00:00Z,0.2\n", FG_OK);
    assert_int_equal(intake.added, 3);
    assert_int_equal(intake.duplicates, 1);
    assert_int_equal(intake.missing, 1);
    assert_int_equal(intake.gap_count, 1);
    assert_true(intake.gaps[0].from_s == 1763961300 && intake.gaps[0].until_s == 1763962200);
    take(&w, DSO, pump, "start;energy_mwh\n2025-11-24T04:45:00Z;-0.05\n2025-11-24T05:00:00Z;-0.05\n"
                        "2025-11-24T05:15:00Z;-0.05\n2025-11-24T05:30:00Z;-0.05\n", FG_OK);
    sum(&w, FG_SERIES_NOW, values);
    assert_true(values[0] == 50 * KWH && values[1] == 150 * KWH && values[2] == FG_READING_MISSING && values[3] == 350 * KWH);

    /* The supplier's own meter fills the gap; its other values differ and do not count, unless the first is suspect. */
    take(&w, SUPPLIER, own, "start,energy_mwh\n2025-11-24T04:45:00Z,0.11\n2025-11-24T05:15:00Z,0.3\n", FG_OK);
    sum(&w, FG_SERIES_NOW, values);
    assert_true(values[0] == 50 * KWH && values[2] == 250 * KWH);
    int64_t before_us = w.now_us;
    w.now_us += 3600 * INT64_C(1000000);
    intake = take(&w, DSO, official, "start,energy_mwh,quality\n2025-11-24T04:45:00Z,0.1,suspect\n2025-11-24T05:00:00Z,0.25,\n"
                                     "2025-11-24T05:30:00Z,0.4,measured\n", FG_OK);
    assert_true(intake.corrected == 2 && intake.unchanged == 1 && intake.added == 0);
    sum(&w, FG_SERIES_NOW, values);
    assert_true(values[0] == 60 * KWH && values[1] == 200 * KWH);
    sum(&w, before_us, values); /* history: what was known then */
    assert_true(values[0] == 50 * KWH && values[1] == 150 * KWH && values[2] == 250 * KWH);
    assert_true(fixture_number(w.store, "SELECT COUNT(*) FROM meter_change") == 3);

    /* A meter of the whole portfolio goes before the sum. */
    int64_t whole = new_meter(&w, DSO, 0, PORTFOLIO, 1);
    take(&w, DSO, whole, "start,energy_mwh\n2025-11-24T04:45:00Z,0.07\n", FG_OK);
    sum(&w, FG_SERIES_NOW, values);
    assert_true(values[0] == 70 * KWH && values[1] == 200 * KWH);

    take(&w, SUPPLIER, official, "start,energy_mwh\n2025-11-24T04:45:00Z,0.1\n", FG_ERR_DENIED);
    take(&w, DSO, official, "start,energy_mwh\n2025-11-24T04:40:00Z,0.1\n", FG_ERR_VALUE);
    take(&w, DSO, official, "start,energy_mwh\n2025-11-24T17:00:00Z,0.1\n", FG_ERR_VALUE); /* not over */
    take(&w, DSO, official, "start,energy_mwh\n2025-11-24T04:45:00Z,0.1\n2025-11-24T04:45:00Z,0.2\n", FG_ERR_VALUE);
    struct fg_reading *readings;
    size_t count;
    struct fg_error err = {0};
    static const char bad[] = "start,energy_mwh\n2025-11-24T04:45:00Z,0.1\n2025-11-24T05:00:00Z,1e3\n";
    assert_int_equal(fg_meter_parse_csv(bad, sizeof bad - 1, &readings, &count, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.place, "3"));
    struct action read = {.step = READ, .id = official};
    expect(&w, STRANGER, &read, FG_ERR_NOT_FOUND);
    expect(&w, SUPPLIER, &read, FG_OK);
    world_close(&w);
}

/* Every Ws survives MWh with ten decimals. */
static void test_decimals(void **state)
{
    (void)state;
    for (int64_t ws = -100000; ws < 100000; ws += 7) {
        int64_t back;
        assert_int_equal(fg_energy_of_decimal(fg_decimal_of_energy(ws), &back, NULL), FG_OK);
        assert_true(back == ws);
    }
}

static void test_baselines_freeze(void **state)
{
    struct world w;
    int64_t values[] = {-10 * KWH, -20 * KWH}, back[3];
    struct fg_error err = {0};
    world_open(&w, state);
    struct action a = {.step = SUBMIT, .id = PORTFOLIO, .period = FIRST, .values = values, .count = 2};
    w.now_us = ((int64_t)FIRST * QUARTER - 3601) * 1000000; /* the gate closes an hour before */
    expect(&w, SUPPLIER, &a, FG_OK);
    expect(&w, RETAILER, &a, FG_ERR_NOT_FOUND);
    w.now_us += 1000000;
    values[0] = 0;
    expect(&w, SUPPLIER, &a, FG_ERR_CONFLICT);
    a.period = FIRST + 1;
    expect(&w, SUPPLIER, &a, FG_OK);
    fixture_expect(fg_baseline_submitted(w.store, PORTFOLIO, FG_PRODUCT_ACTIVE, QUARTER, FIRST, 3, FG_SERIES_NOW, back, &err), &err);
    assert_true(back[0] == -10 * KWH && back[1] == 0 && back[2] == -20 * KWH);
    world_close(&w);
}

static void test_delivery(void **state)
{
    struct world w;
    world_open(&w, state);
    w.now_us = ((int64_t)FIRST * QUARTER - 3600) * 1000000;
    struct fg_plan_line lines[] = {{BATTERY, FIRST, MW}, {HEAT_PUMP, FIRST, MW / 2}, {BATTERY, FIRST + 1, MW}};
    struct action plan = {.step = PLAN, .lines = lines, .count = 3};
    expect(&w, SUPPLIER, &plan, FG_OK);
    int64_t first = plan.id;
    struct action decide = {.step = DECIDE, .id = first, .accept = false};
    expect(&w, SUPPLIER, &decide, FG_ERR_NOT_FOUND); /* not its grid */
    expect(&w, DSO, &decide, FG_OK);
    expect(&w, DSO, &decide, FG_ERR_CONFLICT);
    expect(&w, SUPPLIER, &plan, FG_OK); /* another try */
    decide.id = plan.id;
    decide.accept = true;
    expect(&w, DSO, &decide, FG_OK);
    expect(&w, SUPPLIER, &plan, FG_OK); /* replaces the accepted one */
    assert_true(fixture_number(w.store, "SELECT COUNT(*) FROM delivery_plan WHERE status = 'replaced'") == 1);
    assert_true(fixture_number(w.store, "SELECT COUNT(*) FROM delivery_plan WHERE status = 'refused'") == 1);
    lines[0].asset = LONE;
    expect(&w, SUPPLIER, &plan, FG_ERR_VALUE);
    lines[0] = lines[2];
    expect(&w, SUPPLIER, &plan, FG_ERR_CONFLICT); /* twice */
    lines[0] = (struct fg_plan_line){BATTERY, FIRST - 8, MW};
    expect(&w, SUPPLIER, &plan, FG_ERR_CONFLICT); /* over */

    struct action point = {.step = SET_POINT, .period = FIRST};
    expect(&w, SUPPLIER, &point, FG_ERR_NOT_FOUND);
    expect(&w, DSO, &point, FG_OK);
    struct action answer = {.step = ANSWER, .id = point.id, .accept = true};
    expect(&w, RETAILER, &answer, FG_ERR_NOT_FOUND);
    expect(&w, SUPPLIER, &answer, FG_OK);
    expect(&w, SUPPLIER, &answer, FG_ERR_CONFLICT);

    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, FIRST, MW, 100 * EUR);
    struct action receipt = {.step = RECEIPT, .id = 1};
    expect(&w, DSO, &receipt, FG_ERR_CONFLICT); /* too early */
    w.now_us += INT64_C(4500) * 1000000;
    expect(&w, SUPPLIER, &receipt, FG_ERR_NOT_FOUND);
    expect(&w, DSO, &receipt, FG_OK);
    expect(&w, DSO, &receipt, FG_OK); /* may be said anew */
    assert_true(fixture_number(w.store, "SELECT COUNT(*) FROM delivery_receipt") == 1);

    struct fg_holiday days[] = {{{2025, 10, 28}, "Ochi"}, {{2025, 12, 25}, "Christmas"}};
    struct action holidays = {.step = HOLIDAYS, .days = days, .count = 2};
    expect(&w, DSO, &holidays, FG_ERR_NOT_FOUND);
    expect(&w, FMO, &holidays, FG_OK);
    expect(&w, FMO, &holidays, FG_OK);
    days[1].date = days[0].date;
    expect(&w, FMO, &holidays, FG_ERR_CONFLICT);
    assert_true(fixture_number(w.store, "SELECT COUNT(*) FROM holiday") == 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(test_readings), cmocka_unit_test(test_decimals), ON_BOTH(test_baselines_freeze),
                                       ON_BOTH(test_delivery)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
