/* Fixed-point units, instants and random numbers. */
#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void expect_decimal(const char *text, int places, int64_t expected)
{
    int64_t value = -1;
    struct fg_error err = {0};
    if (fg_decimal_parse(text, places, &value, &err) != FG_OK)
        fail_msg("%s", err.text);
    assert_true(value == expected);
}

static void expect_no_decimal(const char *text, int places, enum fg_code code)
{
    int64_t value = 5;
    assert_int_equal(fg_decimal_parse(text, places, &value, NULL), code);
    assert_true(value == 5);
}

static void test_decimal_parse(void **state)
{
    (void)state;
    expect_decimal("12.5", 6, 12500000);
    expect_decimal("-0.000001", 6, -1);
    expect_decimal("0012", 0, 12);
    expect_decimal("1.5000000000", 1, 15);
    expect_decimal("9223372036854.775807", 6, INT64_MAX);
    expect_decimal("9.223372036854775807", 18, INT64_MAX);
    expect_no_decimal("9223372036854.775808", 6, FG_ERR_OVERFLOW);
    expect_no_decimal("99999999999999999999999999999999999999999999", 6, FG_ERR_OVERFLOW);
    expect_no_decimal("18446744073709551617", 0, FG_ERR_OVERFLOW); /* 2^64 + 1 */
    expect_no_decimal("1.0000001", 6, FG_ERR_VALUE);
    static const char *const refused[] = {"", "-", "+1", "1.", ".5", "1e3", " 1", "1 ", "1,5", "nan", "0x1", "--1"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect_no_decimal(refused[i], 6, FG_ERR_VALUE);
}

static void test_decimal_format(void **state)
{
    (void)state;
    char buffer[FG_DECIMAL_MAX];
    assert_string_equal(fg_decimal_format(12500000, 6, 0, buffer), "12.5");
    assert_string_equal(fg_decimal_format(12500000, 6, 2, buffer), "12.50");
    assert_string_equal(fg_decimal_format(-1, 6, 0, buffer), "-0.000001");
    assert_string_equal(fg_decimal_format(0, 6, 0, buffer), "0");
    assert_string_equal(fg_decimal_format(INT64_MIN, 6, 0, buffer), "-9223372036854.775808");
    assert_string_equal(fg_decimal_format(INT64_MIN, 18, 18, buffer), "-9.223372036854775808");
    assert_string_equal(fg_decimal_format(42, 0, 0, buffer), "42");
}

static void test_decimal_round_trip(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(fg_random_next(&random) >> fg_random_below(&random, 64));
        value = value == INT64_MIN ? 0 : value;
        char buffer[FG_DECIMAL_MAX];
        int places = (int)fg_random_below(&random, 19);
        expect_decimal(fg_decimal_format(value, places, 0, buffer), places, value);
    }
}

static void test_muldiv(void **state)
{
    (void)state;
    int64_t out = 0;
    assert_int_equal(fg_muldiv(7, 1, 2, &out, NULL), FG_OK);
    assert_int_equal(out, 4); /* 3.5 away from zero */
    assert_int_equal(fg_muldiv(-7, 1, 2, &out, NULL), FG_OK);
    assert_int_equal(out, -4);
    assert_int_equal(fg_muldiv(7, 1, 3, &out, NULL), FG_OK);
    assert_int_equal(out, 2); /* 2.33 */
    assert_int_equal(fg_muldiv(8, -1, 3, &out, NULL), FG_OK);
    assert_int_equal(out, -3); /* -2.67 */
    assert_int_equal(fg_muldiv(INT64_MAX, INT64_MAX, INT64_MAX, &out, NULL), FG_OK);
    assert_true(out == INT64_MAX);
    assert_int_equal(fg_muldiv(INT64_MIN, INT64_MIN, INT64_MAX, &out, NULL), FG_ERR_OVERFLOW); /* 2^63 + 1 */
    assert_int_equal(fg_muldiv(INT64_MAX, 2, 1, &out, NULL), FG_ERR_OVERFLOW);
    assert_int_equal(fg_muldiv(1, 1, 0, &out, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_add(INT64_MAX, 1, &out, NULL), FG_ERR_OVERFLOW);
    assert_int_equal(fg_add(-3, 1, &out, NULL), FG_OK);
    assert_int_equal(out, -2);
}

/* 2 MW for a quarter of an hour at 84.20 EUR/MWh: 0.5 MWh, 42.10 EUR. */
static void test_energy_and_money(void **state)
{
    (void)state;
    struct fg_energy energy;
    struct fg_money money;
    assert_int_equal(fg_energy_of((struct fg_power){2000000}, 900, &energy, NULL), FG_OK);
    assert_true(energy.ws == 1800000000);
    assert_int_equal(fg_money_of(energy, (struct fg_price){84200000}, &money, NULL), FG_OK);
    assert_true(money.u == 42100000);
    /* 1 Ws at 1 EUR/MWh is 0.00028 micro-euro: rounds to nothing; 1800 Ws at 1 EUR/MWh is 0.5 micro-euro: away from 0. */
    assert_int_equal(fg_money_of((struct fg_energy){1}, (struct fg_price){1000000}, &money, NULL), FG_OK);
    assert_true(money.u == 0);
    assert_int_equal(fg_money_of((struct fg_energy){-1800}, (struct fg_price){1000000}, &money, NULL), FG_OK);
    assert_true(money.u == -1);
    assert_int_equal(fg_energy_of((struct fg_power){INT64_MAX}, 900, &energy, NULL), FG_ERR_OVERFLOW);
}

static void test_from_double(void **state)
{
    (void)state;
    struct fg_power power, tick = {1000};
    struct fg_price price;
    struct fg_money money;
    assert_int_equal(fg_power_from_mw(0.3, &power, NULL), FG_OK);
    assert_true(power.w == 300000);
    assert_int_equal(fg_power_from_mw(-0.0000005, &power, NULL), FG_OK);
    assert_true(power.w == -1);
    assert_int_equal(fg_power_from_mw(NAN, &power, NULL), FG_ERR_VALUE);
    assert_int_equal(fg_power_from_mw(INFINITY, &power, NULL), FG_ERR_OVERFLOW);
    assert_int_equal(fg_power_from_mw(1e14, &power, NULL), FG_ERR_OVERFLOW);
    assert_int_equal(fg_power_from_mw_inward(1.2349, tick, &power, NULL), FG_OK);
    assert_true(power.w == 1234000);
    assert_int_equal(fg_power_from_mw_inward(-1.2349, tick, &power, NULL), FG_OK);
    assert_true(power.w == -1234000);
    assert_int_equal(fg_power_from_mw_inward(0.3, tick, &power, NULL), FG_OK);
    assert_true(power.w == 300000);
    for (int i = -5000; i <= 5000; i++) { /* every multiple of the tick, written as a decimal, is kept */
        assert_int_equal(fg_power_from_mw_inward(i * 1000 / 1e6, tick, &power, NULL), FG_OK);
        assert_true(power.w == i * 1000);
    }
    assert_int_equal(fg_power_from_mw_inward(1, (struct fg_power){0}, &power, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_price_from_per_mwh(-12.345678, &price, NULL), FG_OK);
    assert_true(price.uper_mwh == -12345678);
    assert_true(fg_per_mwh(price) == -12.345678);
    assert_int_equal(fg_money_from_units(1.5, &money, NULL), FG_OK);
    assert_true(fg_units(money) == 1.5);
    assert_true(fg_mw((struct fg_power){250000}) == 0.25);
}

static void test_split(void **state)
{
    (void)state;
    int64_t parts[4];
    /* Quotas 33.33, 33.33, 33.33: the unit left goes to the lowest index. */
    assert_int_equal(fg_split(100, (int64_t[]){1, 1, 1}, 3, parts, NULL), FG_OK);
    assert_int_equal(parts[0], 34);
    assert_int_equal(parts[1], 33);
    assert_int_equal(parts[2], 33);
    /* Quotas 4.7, 3.2, 2.1 of 10: remainders 0.7 first. */
    assert_int_equal(fg_split(10, (int64_t[]){47, 32, 21}, 3, parts, NULL), FG_OK);
    assert_int_equal(parts[0], 5);
    assert_int_equal(parts[1], 3);
    assert_int_equal(parts[2], 2);
    assert_int_equal(fg_split(-10, (int64_t[]){47, 32, 21, 0}, 4, parts, NULL), FG_OK);
    assert_int_equal(parts[0], -5);
    assert_int_equal(parts[3], 0);
    assert_int_equal(fg_split(INT64_MIN, (int64_t[]){INT64_MAX, 1}, 2, parts, NULL), FG_OK);
    assert_true(parts[0] + parts[1] == INT64_MIN);
    assert_int_equal(fg_split(5, (int64_t[]){0, 0}, 2, parts, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_split(5, NULL, 0, parts, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_split(5, (int64_t[]){2, -1}, 2, parts, NULL), FG_ERR_ARGUMENT);
    fg_alloc_fail_after(1);
    enum fg_code code = fg_split(5, (int64_t[]){2, 1}, 2, parts, NULL);
    fg_alloc_fail_after(0);
    assert_int_equal(code, FG_ERR_MEMORY);
}

/* Property: parts add up and stay within one unit of the exact quota. */
static void test_split_property(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 20240229);
    for (int round = 0; round < 2000; round++) {
        int64_t weights[20], parts[20], sum = 0, total = (int64_t)fg_random_below(&random, 1000000000) - 500000000;
        size_t count = 1 + (size_t)fg_random_below(&random, 20);
        int64_t added = 0;
        for (size_t i = 0; i < count; i++) {
            weights[i] = 1 + (int64_t)fg_random_below(&random, 10000);
            sum += weights[i];
        }
        assert_int_equal(fg_split(total, weights, count, parts, NULL), FG_OK);
        for (size_t i = 0; i < count; i++) {
            added += parts[i];
            double quota = (double)total * (double)weights[i] / (double)sum;
            assert_true(fabs((double)parts[i] - quota) < 1 + 1e-6);
        }
        assert_true(added == total);
    }
}

static void expect_instant(const char *text, int64_t expected)
{
    int64_t seconds = -1;
    struct fg_error err = {0};
    if (fg_instant_parse(text, &seconds, &err) != FG_OK)
        fail_msg("%s", err.text);
    assert_true(seconds == expected);
}

static void test_instants(void **state)
{
    (void)state;
    char buffer[FG_INSTANT_TEXT];
    expect_instant("1970-01-01T00:00:00Z", 0);
    expect_instant("2001-09-09T01:46:40Z", 1000000000); /* the well-known billion */
    expect_instant("2038-01-19T03:14:07Z", 2147483647);
    expect_instant("1996-12-19T16:39:57-08:00", 851042397); /* RFC 3339, section 5.8 */
    expect_instant("2024-03-31T03:00:00+02:00", 1711846800);
    assert_string_equal(fg_instant_format(851042397, buffer), "1996-12-20T00:39:57Z");
    assert_string_equal(fg_instant_format(-1, buffer), "1969-12-31T23:59:59Z");
    assert_string_equal(fg_instant_format(INT64_MAX, buffer), "9999-12-31T23:59:59Z");
    assert_string_equal(fg_instant_format(INT64_MIN, buffer), "0000-01-01T00:00:00Z");
    static const char *const refused[] = {
        "",
        "2024-01-01",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-06-30T23:59:60Z",
        "2024-01-01T00:00:00+2:00",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+02:00x",
        "1899-12-31T00:00:00Z",
        "3000-01-01T00:00:00Z",
        "2024-01-01T00:00:00.5Z",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(fg_instant_parse(refused[i], &(int64_t){0}, NULL), FG_ERR_VALUE);
}

/* Against the C library's own calendar. */
static void test_instants_against_gmtime(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        time_t at = (time_t)fg_random_below(&random, INT64_C(34000000000)) - INT64_C(2208988800); /* 1900 to 2977 */
        char expected[40], buffer[FG_INSTANT_TEXT];
        struct tm parts;
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
        assert_string_equal(fg_instant_format(at, buffer), expected);
        expect_instant(expected, at);
    }
}

/* The reference implementations of splitmix64 and xoshiro256** give, from seed 1234567, these outputs of splitmix64
 * (published as its test vector); the state of the generator is exactly them. */
static void test_random_seeding(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 1234567);
    assert_true(random.state[0] == UINT64_C(6457827717110365317));
    assert_true(random.state[1] == UINT64_C(3203168211198807973));
    assert_true(random.state[2] == UINT64_C(9817491932198370423));
    assert_true(random.state[3] == UINT64_C(4593380528125082431));
}

/* From state 1, 2, 3, 4, by hand: rotl(2 * 5, 7) * 9 = 11520; then s1 becomes 0, hence 0; then 1509978240. */
static void test_random_sequence(void **state)
{
    (void)state;
    struct fg_random random = {{1, 2, 3, 4}};
    assert_true(fg_random_next(&random) == 11520);
    assert_true(fg_random_next(&random) == 0);
    assert_true(fg_random_next(&random) == 1509978240);
    assert_true(fg_random_next(&random) == 1215971899390074240);
}

static void test_random_distributions(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 99);
    enum { COUNT = 200000 };
    double sum = 0, squares = 0, unit = 0;
    size_t bins[7] = {0};
    for (int i = 0; i < COUNT; i++) {
        double z = fg_random_normal(&random);
        sum += z;
        squares += z * z;
        double u = fg_random_between(&random, 2, 4);
        assert_true(u >= 2 && u < 4);
        unit += u;
        bins[fg_random_below(&random, 7)]++;
    }
    /* Five standard errors around the exact moments. */
    double root = sqrt(COUNT);
    assert_true(fabs(sum / COUNT) < 5 / root);
    assert_true(fabs(squares / COUNT - 1) < 5 * sqrt(2.0) / root);
    assert_true(fabs(unit / COUNT - 3) < 5 * (2 / sqrt(12.0)) / root);
    for (int i = 0; i < 7; i++)
        assert_true(fabs((double)bins[i] - COUNT / 7.0) < 5 * sqrt(COUNT * (1.0 / 7) * (6.0 / 7)));
    assert_true(fg_random_below(&random, 1) == 0);
}

static void test_clock(void **state)
{
    (void)state;
    double first = fg_clock_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_true(fg_clock_seconds() - first >= 0.002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_parse),
        cmocka_unit_test(test_decimal_format),
        cmocka_unit_test(test_decimal_round_trip),
        cmocka_unit_test(test_muldiv),
        cmocka_unit_test(test_energy_and_money),
        cmocka_unit_test(test_from_double),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_property),
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_instants_against_gmtime),
        cmocka_unit_test(test_random_seeding),
        cmocka_unit_test(test_random_sequence),
        cmocka_unit_test(test_random_distributions),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
