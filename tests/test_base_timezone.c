/* Dates and time zones. The C library's own time zone functions, which read the system's database and share nothing with
 * ours, are the second computation; hand cases are days that people remember. */
#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/timezone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct fg_timezone *open_zone(const char *name)
{
    struct fg_timezone *zone;
    struct fg_error err = {0};
    if (fg_timezone_open(name, &zone, &err) != FG_OK)
        fail_msg("%s", err.text);
    assert_string_equal(fg_timezone_name(zone), name);
    return zone;
}

static int64_t instant(const char *text)
{
    int64_t seconds = 0;
    assert_int_equal(fg_instant_parse(text, &seconds, NULL), FG_OK);
    return seconds;
}

static void test_dates(void **state)
{
    (void)state;
    struct fg_date date;
    char text[FG_DATE_TEXT];
    assert_int_equal(fg_date_parse("2026-03-29", &date, NULL), FG_OK);
    assert_int_equal(fg_date_weekday(date), 7); /* the last Sunday in March: clocks change */
    assert_string_equal(fg_date_format(fg_date_add(date, 3), text), "2026-04-01");
    assert_string_equal(fg_date_format(fg_date_add((struct fg_date){2024, 2, 28}, 1), text), "2024-02-29");
    assert_string_equal(fg_date_format(fg_date_add((struct fg_date){1999, 12, 31}, 1), text), "2000-01-01");
    assert_int_equal(fg_date_weekday((struct fg_date){1969, 7, 20}), 7); /* Moon landing, a Sunday */
    assert_true(fg_date_compare((struct fg_date){2025, 12, 31}, (struct fg_date){2026, 1, 1}) < 0);
    static const char *const wrong[] = {"", "2026-3-29", "2026-02-29", "2026-13-01", "2026-01-00", "2026-01-32",
                                        "1899-12-31", "2026-03-29T00", "2026/03/29", "26-03-2029", "２０２６-03-29"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fg_error err = {0};
        assert_int_equal(fg_date_parse(wrong[i], &date, &err), FG_ERR_VALUE);
        assert_true(strlen(err.text) > 10);
    }
    for (int64_t day = -25567; day < 376200; day++) { /* 1900 to 2999, each day once, in order */
        struct fg_date d = fg_date_of_number(day);
        assert_true(fg_date_is_valid(d));
        assert_true(fg_date_number(d) == day);
        assert_int_equal(fg_date_compare(d, fg_date_of_number(day + 1)) < 0, 1);
    }
}

static void expect_hours(const struct fg_timezone *zone, struct fg_date date, int64_t quarter_hours)
{
    int64_t length_s = fg_timezone_day_start(zone, fg_date_add(date, 1)) - fg_timezone_day_start(zone, date);
    assert_true(length_s == quarter_hours * 900);
}

static void test_days_of_the_market(void **state)
{
    (void)state;
    struct fg_timezone *zone = open_zone("Europe/Athens");
    assert_true(fg_timezone_day_start(zone, (struct fg_date){2026, 1, 15}) == instant("2026-01-14T22:00:00Z"));
    assert_true(fg_timezone_day_start(zone, (struct fg_date){2026, 7, 15}) == instant("2026-07-14T21:00:00Z"));
    expect_hours(zone, (struct fg_date){2026, 3, 29}, 92);
    expect_hours(zone, (struct fg_date){2026, 10, 25}, 100);
    expect_hours(zone, (struct fg_date){2026, 10, 26}, 96);

    /* 29 March: 03:00 becomes 04:00 at 01:00Z. 03:30 does not exist and stands for the first instant after. */
    struct fg_date spring = {2026, 3, 29}, autumn = {2026, 10, 25};
    assert_true(fg_timezone_instant(zone, spring, 3 * 3600 + 1800, 0) == instant("2026-03-29T01:00:00Z"));
    assert_true(fg_timezone_instant(zone, spring, 2 * 3600 + 1800, 0) == instant("2026-03-29T00:30:00Z"));
    assert_true(fg_timezone_instant(zone, spring, 4 * 3600, 0) == instant("2026-03-29T01:00:00Z"));
    /* 25 October: 04:00 becomes 03:00 at 01:00Z. 03:30 exists twice. */
    assert_true(fg_timezone_instant(zone, autumn, 3 * 3600 + 1800, 0) == instant("2026-10-25T00:30:00Z"));
    assert_true(fg_timezone_instant(zone, autumn, 3 * 3600 + 1800, 1) == instant("2026-10-25T01:30:00Z"));
    assert_true(fg_timezone_instant(zone, autumn, 2 * 3600, 1) == instant("2026-10-24T23:00:00Z")); /* only once */
    struct fg_local_time local = fg_timezone_local(zone, instant("2026-10-25T01:30:00Z"));
    assert_int_equal(local.second, 3 * 3600 + 1800);
    assert_int_equal(local.fold, 1);
    assert_int_equal(local.offset_s, 7200);
    assert_int_equal(fg_timezone_local(zone, instant("2026-10-25T00:30:00Z")).fold, 0);
    assert_int_equal(fg_timezone_local(zone, instant("2026-10-25T02:00:00Z")).fold, 0);
    fg_timezone_close(zone);
}

static void test_odd_zones(void **state)
{
    (void)state;
    struct fg_timezone *zone = open_zone("America/Sao_Paulo"); /* clocks changed at midnight: no 00:00 on that day */
    assert_true(fg_timezone_day_start(zone, (struct fg_date){2018, 11, 4}) == instant("2018-11-04T03:00:00Z"));
    expect_hours(zone, (struct fg_date){2018, 11, 4}, 92);
    fg_timezone_close(zone);
    zone = open_zone("Australia/Lord_Howe"); /* half an hour */
    expect_hours(zone, (struct fg_date){2026, 4, 5}, 98);
    fg_timezone_close(zone);
    zone = open_zone("Pacific/Apia"); /* 30 December 2011 was left out */
    expect_hours(zone, (struct fg_date){2011, 12, 30}, 0);
    expect_hours(zone, (struct fg_date){2011, 12, 31}, 96);
    fg_timezone_close(zone);
    zone = open_zone("UTC");
    assert_true(fg_timezone_day_start(zone, (struct fg_date){1970, 1, 1}) == 0);
    fg_timezone_close(zone);
    static const char *const wrong[] = {"", "Europe/Atlantis", "GMT+2", "../etc/passwd", "Europe/Athens\n", "Ευρώπη",
                                        "Europe/Athens/Europe/Athens/Europe/Athens/Europe/Athens/Europe/Athens"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(fg_timezone_open(wrong[i], &zone, NULL), FG_ERR_VALUE);
    for (long n = 1;; n++) {
        fg_alloc_fail_after(n);
        enum fg_code code = fg_timezone_open("Europe/Athens", &zone, NULL);
        fg_alloc_fail_after(0);
        if (code == FG_OK)
            break;
        assert_int_equal(code, FG_ERR_MEMORY);
        assert_null(zone);
    }
    fg_timezone_close(zone);
}

/* Random instants of 1980 to 2037 (the range that every build of the C library knows). */
static void test_against_the_c_library(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Athens", "Europe/Berlin", "Europe/London", "Europe/Dublin",
                                        "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
                                        "America/Sao_Paulo", "UTC"};
    struct fg_random random;
    fg_random_init(&random, 7);
    for (size_t z = 0; z < sizeof names / sizeof *names; z++) {
        setenv("TZ", names[z], 1);
        tzset();
        struct fg_timezone *zone = open_zone(names[z]);
        int64_t first = instant("1980-01-01T00:00:00Z"), last = instant("2037-01-01T00:00:00Z");
        for (int i = 0; i < 20000; i++) {
            int64_t at = first + (int64_t)fg_random_below(&random, (uint64_t)(last - first));
            struct tm tm;
            time_t time = (time_t)at;
            localtime_r(&time, &tm);
            struct fg_local_time local = fg_timezone_local(zone, at);
            if (local.date.year != tm.tm_year + 1900 || local.date.month != tm.tm_mon + 1 ||
                local.date.day != tm.tm_mday || local.second != tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec ||
                local.offset_s != tm.tm_gmtoff)
                fail_msg("%s at %lld", names[z], (long long)at);
            assert_true(fg_timezone_instant(zone, local.date, local.second, local.fold) == at);
        }
        for (struct fg_date d = {1980, 1, 1}; d.year < 2037; d = fg_date_add(d, 1)) {
            int64_t start = fg_timezone_day_start(zone, d), end = fg_timezone_day_start(zone, fg_date_add(d, 1));
            assert_true(start <= end);
            if (start == end)
                continue; /* a day that was left out */
            assert_int_equal(fg_date_compare(fg_timezone_local(zone, start).date, d), 0);
            assert_int_equal(fg_date_compare(fg_timezone_local(zone, end - 1).date, d), 0);
            assert_int_not_equal(fg_date_compare(fg_timezone_local(zone, start - 1).date, d), 0);
        }
        fg_timezone_close(zone);
    }
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_days_of_the_market),
        cmocka_unit_test(test_odd_zones),
        cmocka_unit_test(test_against_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
