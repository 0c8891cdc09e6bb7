/* Baselines: every expected value is worked out by hand from the rule in market/baseline.h. Energies are small numbers of
 * Ws, units are hours. */
#include "base/instant.h"
#include "base/random.h"
#include "market/baseline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HOUR = 3600, DAYS = 70, LENGTH = DAYS * 24 };

struct fixture {
    struct fg_timezone *zone;
    int64_t start_s;
    int64_t meter[LENGTH], control[LENGTH];
    struct fg_readings meter_series, control_series;
    struct fg_baseline_input input;
    struct fg_baseline_rule rule;
};

static int64_t instant(const char *text)
{
    int64_t seconds = 0;
    assert_int_equal(fg_instant_parse(text, &seconds, NULL), FG_OK);
    return seconds;
}

/* Readings from `first` on, all `value`; the event is `units` hours from `event`. */
static void init(struct fixture *f, const char *zone, const char *first, int64_t value, const char *event, int32_t units)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(fg_timezone_open(zone, &f->zone, NULL), FG_OK);
    f->start_s = instant(first);
    for (int i = 0; i < LENGTH; i++)
        f->meter[i] = f->control[i] = value;
    f->meter_series = (struct fg_readings){f->start_s, HOUR, LENGTH, f->meter};
    f->control_series = (struct fg_readings){f->start_s, HOUR, LENGTH, f->control};
    f->input = (struct fg_baseline_input){.zone = f->zone,
                                          .meter = &f->meter_series,
                                          .submitted = &f->control_series,
                                          .control = &f->control_series,
                                          .event_start_s = instant(event),
                                          .event_units = units};
}

static void set(struct fixture *f, const char *when, int64_t value)
{
    f->meter[(instant(when) - f->start_s) / HOUR] = value;
}

static void expect(struct fixture *f, const int64_t *expected, struct fg_baseline_account *account)
{
    int64_t values[48];
    struct fg_error err = {0};
    if (fg_baseline_compute(&f->rule, &f->input, values, account, &err) != FG_OK)
        fail_msg("%s", err.text);
    for (int32_t k = 0; k < f->input.event_units; k++)
        if (values[k] != expected[k])
            fail_msg("unit %d: %lld instead of %lld", k, (long long)values[k], (long long)expected[k]);
}

static void expect_refusal(struct fixture *f, enum fg_code code, const char *word)
{
    int64_t values[48];
    struct fg_error err = {0};
    assert_int_equal(fg_baseline_compute(&f->rule, &f->input, values, NULL, &err), code);
    if (strstr(err.text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

/* High 2 of 3 on a Thursday: Wednesday -30, Tuesday -10, Monday -20; the two largest exchanges are -30 and -20. */
static void test_high_x_of_y(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_baseline_account account;
    init(&f, "UTC", "2026-01-01T00:00:00Z", -5, "2026-02-05T18:00:00Z", 1);
    set(&f, "2026-02-04T18:00:00Z", -30);
    set(&f, "2026-02-03T18:00:00Z", -10);
    set(&f, "2026-02-02T18:00:00Z", -20);
    set(&f, "2026-02-01T18:00:00Z", -900); /* a Sunday does not count */
    f.rule = (struct fg_baseline_rule){
        .method = FG_BASELINE_DAYS, .days = 3, .days_used = 2, .look_back_days = 30, .pick = FG_BASELINE_HIGHEST};
    expect(&f, (const int64_t[]){-25}, &account);
    assert_int_equal(account.day_count, 2);
    assert_int_equal(account.days[0].day, 4);
    assert_int_equal(account.days[1].day, 2);

    f.rule.pick = FG_BASELINE_NEWEST;
    f.rule.days_used = 3;
    expect(&f, (const int64_t[]){-20}, NULL);
    f.rule.pick = FG_BASELINE_MIDDLE; /* of -30, -20, -10 the middle one */
    f.rule.days_used = 1;
    expect(&f, (const int64_t[]){-20}, NULL);

    /* The Tuesday was an activation, the Monday a holiday: back to Friday 30 January and Thursday 29, both -5. */
    struct fg_date tuesday = {2026, 2, 3}, monday = {2026, 2, 2};
    f.input.excluded = (struct fg_day_list){&tuesday, 1};
    f.input.holidays = (struct fg_day_list){&monday, 1};
    f.rule.pick = FG_BASELINE_NEWEST;
    f.rule.days_used = 3;
    expect(&f, (const int64_t[]){-13}, &account); /* (-30 - 5 - 5) / 3 = -13.33 */
    assert_int_equal(account.days[1].day, 30);
    assert_int_equal(account.days_passed_over, 4); /* Tuesday, Monday, Sunday, Saturday */
    /* On a holiday, Saturdays, Sundays and holidays are the reference. */
    f.input.excluded.count = 0;
    f.input.event_start_s = instant("2026-02-02T18:00:00Z");
    f.rule.days = f.rule.days_used = 2;
    expect(&f, (const int64_t[]){-453}, NULL); /* Sunday -900, Saturday -5: -452.5 */
    fg_timezone_close(f.zone);
}

static void test_missing_readings(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_baseline_account account;
    init(&f, "UTC", "2026-01-01T00:00:00Z", 8, "2026-02-05T18:00:00Z", 2);
    set(&f, "2026-02-04T19:00:00Z", FG_READING_MISSING);
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_DAYS, .days = 5, .days_used = 5, .look_back_days = 45};
    expect(&f, (const int64_t[]){8, 8}, &account);
    assert_int_equal(account.days[0].day, 3); /* Wednesday has a gap */
    f.rule.look_back_days = 6;
    expect_refusal(&f, FG_ERR_VALUE, "only 3 of 5 reference days"); /* Tue, Mon, Fri */
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_BEFORE_AFTER, .before_units = 1};
    set(&f, "2026-02-05T17:00:00Z", FG_READING_MISSING);
    expect_refusal(&f, FG_ERR_VALUE, "2026-02-05 17:00");
    fg_timezone_close(f.zone);
}

static void test_adjustment(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_baseline_account account;
    init(&f, "UTC", "2026-01-01T00:00:00Z", -100, "2026-02-05T18:00:00Z", 2);
    /* Window: 14:00 to 16:00, two units that end two units before the event; that day 20 and 40 more than usual. */
    set(&f, "2026-02-05T14:00:00Z", -120);
    set(&f, "2026-02-05T15:00:00Z", -140);
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_DAYS, .days = 4, .days_used = 4, .look_back_days = 30,
                                       .adjustment = FG_BASELINE_ADDITIVE, .window_lead_units = 2, .window_units = 2,
                                       .cap_u = 500000};
    expect(&f, (const int64_t[]){-130, -130}, &account); /* (-260 + 200) / 2 = -30 */
    assert_int_equal(account.added_ws, -30);
    f.rule.cap_u = 200000; /* 20 % of 100 */
    expect(&f, (const int64_t[]){-120, -120}, NULL);
    f.rule.adjustment = FG_BASELINE_RATIO;
    f.rule.cap_u = 400000;
    expect(&f, (const int64_t[]){-130, -130}, &account); /* 260 / 200 */
    assert_int_equal(account.factor_u, 1300000);
    f.rule.cap_u = 100000;
    expect(&f, (const int64_t[]){-110, -110}, NULL);
    set(&f, "2026-02-05T14:00:00Z", 500); /* it fed in: no ratio says anything */
    expect(&f, (const int64_t[]){-100, -100}, NULL);
    fg_timezone_close(f.zone);
}

/* 29 March 2026 in Athens has no 03:00 to 04:00, 25 October has it twice. The load of each hour is its local clock hour. */
static void test_local_clock(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_baseline_account account;
    init(&f, "Europe/Athens", "2026-03-01T00:00:00Z", 0, "2026-03-30T00:00:00Z", 3); /* Monday 03:00 local (+3) */
    for (int i = 0; i < LENGTH; i++)
        f.meter[i] = fg_timezone_local(f.zone, f.start_s + (int64_t)i * HOUR).second / HOUR;
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_DAYS, .days = 5, .days_used = 5, .look_back_days = 20};
    expect(&f, (const int64_t[]){3, 4, 5}, NULL); /* against working days in winter time */
    /* Saturday 4 April, 03:00: Sunday 29 March has no such hour, but 04:00 and 05:00. */
    f.input.event_start_s = instant("2026-04-04T00:00:00Z");
    f.rule.days = f.rule.days_used = 2;
    expect(&f, (const int64_t[]){3, 4, 5}, &account);
    assert_int_equal(account.days[0].day, 29);
    assert_int_equal(account.days[1].day, 28);
    fg_timezone_close(f.zone);

    init(&f, "Europe/Athens", "2026-09-15T00:00:00Z", 0, "2026-10-25T00:00:00Z", 2); /* 03:00 and again 03:00 */
    for (int i = 0; i < LENGTH; i++)
        f.meter[i] = 10 * (fg_timezone_local(f.zone, f.start_s + (int64_t)i * HOUR).second / HOUR);
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_DAYS, .days = 3, .days_used = 3, .look_back_days = 20};
    expect(&f, (const int64_t[]){30, 30}, NULL);
    fg_timezone_close(f.zone);
}

static void test_before_after(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, "UTC", "2026-01-01T00:00:00Z", 0, "2026-02-05T18:00:00Z", 3);
    set(&f, "2026-02-05T17:00:00Z", 100);
    set(&f, "2026-02-05T21:00:00Z", 180);
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_BEFORE_AFTER, .before_units = 1, .after_units = 1};
    expect(&f, (const int64_t[]){120, 140, 160}, NULL); /* four steps from 100 to 180 */
    f.rule.after_units = 0;
    expect(&f, (const int64_t[]){100, 100, 100}, NULL);
    f.rule.after_units = 1;
    f.rule.before_units = 0;
    expect(&f, (const int64_t[]){180, 180, 180}, NULL);
    /* Three before (40, 70, 100, middle at 16:30): 70; the line rises by 110 in five hours, 22 an hour. */
    set(&f, "2026-02-05T15:00:00Z", 40);
    set(&f, "2026-02-05T16:00:00Z", 70);
    f.rule.before_units = 3;
    expect(&f, (const int64_t[]){114, 136, 158}, NULL);
    fg_timezone_close(f.zone);
}

static void test_control_group(void **state)
{
    (void)state;
    struct fixture f;
    struct fg_baseline_account account;
    init(&f, "UTC", "2026-01-01T00:00:00Z", -30, "2026-02-05T18:00:00Z", 2);
    int64_t at = (f.input.event_start_s - f.start_s) / HOUR;
    for (int i = 0; i < LENGTH; i++)
        f.control[i] = -400;
    f.control[at] = -600;
    f.control[at + 1] = -200;
    f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_CONTROL_GROUP, .calibration_units = 4};
    expect(&f, (const int64_t[]){-45, -15}, &account); /* 30 / 400 of it */
    assert_int_equal(account.factor_u, 75000);
    for (int i = 1; i <= 4; i++)
        f.control[at - i] = 0;
    expect_refusal(&f, FG_ERR_VALUE, "exchanged nothing");
    f.rule.method = FG_BASELINE_SUBMITTED;
    expect(&f, (const int64_t[]){-600, -200}, NULL);
    fg_timezone_close(f.zone);
}

/* Whatever the readings: shifting and scaling them by whole days and factors does the same to the baseline. */
static void test_properties(void **state)
{
    (void)state;
    struct fixture f, g;
    struct fg_random random;
    fg_random_init(&random, 20260205);
    for (int round = 0; round < 200; round++) {
        int32_t units = 1 + (int32_t)fg_random_below(&random, 20);
        init(&f, "Europe/Berlin", "2026-01-01T00:00:00Z", 0, "2026-02-26T09:00:00Z", units);
        for (int i = 0; i < LENGTH; i++)
            f.meter[i] = (int64_t)fg_random_below(&random, 2000000) - 1000000;
        f.rule = (struct fg_baseline_rule){.method = FG_BASELINE_DAYS, .days = 10, .days_used = 4, .look_back_days = 50,
                                           .pick = (enum fg_baseline_pick)fg_random_below(&random, 3)};
        int64_t a[48], b[48];
        assert_int_equal(fg_baseline_compute(&f.rule, &f.input, a, NULL, NULL), FG_OK);
        g = f;
        g.input.meter = &g.meter_series;
        g.meter_series.values = g.meter;
        for (int i = 0; i < LENGTH; i++)
            g.meter[i] = -3 * f.meter[i];
        assert_int_equal(fg_baseline_compute(&g.rule, &g.input, b, NULL, NULL), FG_OK);
        for (int32_t k = 0; k < units; k++)
            assert_true(llabs(b[k] + 3 * a[k]) <= 3); /* two roundings */
        int64_t low = INT64_MAX, high = INT64_MIN;
        for (int i = 0; i < LENGTH; i++) {
            low = f.meter[i] < low ? f.meter[i] : low;
            high = f.meter[i] > high ? f.meter[i] : high;
        }
        for (int32_t k = 0; k < units; k++)
            assert_true(a[k] >= low && a[k] <= high);
        fg_timezone_close(f.zone);
    }
}

static void test_rules_that_contradict_themselves(void **state)
{
    (void)state;
    static const struct fg_baseline_rule wrong[] = {
        {.method = FG_BASELINE_DAYS, .days = 3, .days_used = 4, .look_back_days = 30},
        {.method = FG_BASELINE_DAYS, .days = 61, .days_used = 4, .look_back_days = 90},
        {.method = FG_BASELINE_DAYS, .days = 10, .days_used = 4, .look_back_days = 9},
        {.method = FG_BASELINE_DAYS, .days = 5, .days_used = 4, .look_back_days = 9, .adjustment = FG_BASELINE_RATIO},
        {.method = FG_BASELINE_BEFORE_AFTER},
        {.method = FG_BASELINE_CONTROL_GROUP},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fg_error err = {0};
        assert_int_equal(fg_baseline_rule_check(&wrong[i], &err), FG_ERR_ARGUMENT);
        assert_true(strlen(err.text) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_high_x_of_y),   cmocka_unit_test(test_missing_readings),
        cmocka_unit_test(test_adjustment),    cmocka_unit_test(test_local_clock),
        cmocka_unit_test(test_before_after),  cmocka_unit_test(test_control_group),
        cmocka_unit_test(test_properties),    cmocka_unit_test(test_rules_that_contradict_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
