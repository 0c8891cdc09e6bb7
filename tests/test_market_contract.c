/* Availability contracts: windows over changes of the clock, awards and availability; all figures by hand. */
#include "market/contract.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MW INT64_C(1000000)
#define EUR INT64_C(1000000)
#define MWH INT64_C(3600000000)
enum { EVERY_DAY = 0x7f, WORKDAYS = 0x1f, QUARTER = 900 };

static struct fg_timezone *zone_of(const char *name)
{
    struct fg_timezone *zone;
    assert_int_equal(fg_timezone_open(name, &zone, NULL), FG_OK);
    return zone;
}

/* ---- windows ---- */

static void test_windows(void **state)
{
    (void)state;
    struct fg_timezone *athens = zone_of("Europe/Athens");
    /* Monday 24 to Sunday 30 November 2025, on workdays from 17 to 20 o'clock: 5 days of 12 quarter-hours. */
    struct fg_contract_window w = {{2025, 11, 24}, {2025, 11, 30}, WORKDAYS, {{17 * 3600, 20 * 3600}}, 1};
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_OK);
    assert_int_equal(fg_contract_window_units(&w, athens, QUARTER), 60);
    int32_t period = fg_contract_window_before(&w, athens, QUARTER);
    assert_true(fg_contract_window_next(&w, athens, QUARTER, &period));
    assert_int_equal((int64_t)period * QUARTER, 1763996400); /* 2025-11-24T15:00:00Z, 17:00 in Athens */
    assert_true(fg_contract_window_has(&w, athens, 1763996400));
    assert_true(fg_contract_window_has(&w, athens, 1763996400 + 3 * 3600 - QUARTER));
    assert_false(fg_contract_window_has(&w, athens, 1763996400 + 3 * 3600)); /* 20:00 */
    assert_false(fg_contract_window_has(&w, athens, 1763996400 - QUARTER));
    assert_false(fg_contract_window_has(&w, athens, 1763996400 + 5 * 86400)); /* Saturday */
    /* Units of half an hour, and a window that begins between two of them: 17:15 lets 17:30 to 19:30 in. */
    w.clocks[0].from_s += QUARTER;
    assert_int_equal(fg_contract_window_units(&w, athens, 1800), 25);
    fg_timezone_close(athens);
}

/* On 30 March 2025 the clock of Athens goes from 3 to 4, on 26 October from 4 back to 3. */
static void test_changes_of_the_clock(void **state)
{
    (void)state;
    struct fg_timezone *athens = zone_of("Europe/Athens");
    struct fg_contract_window all = {{2025, 3, 30}, {2025, 3, 30}, EVERY_DAY, {{0, FG_DAY_S}}, 1};
    struct fg_contract_window night = {{2025, 3, 29}, {2025, 3, 31}, EVERY_DAY, {{3 * 3600, 4 * 3600}}, 1};
    assert_int_equal(fg_contract_window_units(&all, athens, QUARTER), 92);
    assert_int_equal(fg_contract_window_units(&night, athens, QUARTER), 8); /* the hour is missing on the 30th */
    all.from = all.until = (struct fg_date){2025, 10, 26};
    night.from = (struct fg_date){2025, 10, 25};
    night.until = (struct fg_date){2025, 10, 27};
    assert_int_equal(fg_contract_window_units(&all, athens, QUARTER), 100);
    assert_int_equal(fg_contract_window_units(&night, athens, QUARTER), 16); /* and doubled on the 26th */
    /* Every unit of the iteration is in the window, and no other of these days. */
    int32_t period = fg_contract_window_before(&night, athens, QUARTER), end = period + 4 * 100;
    int count = 0;
    for (int32_t p = period + 1; p < end; p++)
        count += fg_contract_window_has(&night, athens, (int64_t)p * QUARTER);
    while (fg_contract_window_next(&night, athens, QUARTER, &period))
        assert_true(fg_contract_window_has(&night, athens, (int64_t)period * QUARTER) && count-- > 0);
    assert_int_equal(count, 0);
    fg_timezone_close(athens);
}

static void test_windows_that_are_refused(void **state)
{
    (void)state;
    const struct fg_contract_window good = {{2025, 1, 1}, {2025, 12, 31}, EVERY_DAY, {{0, 3600}, {7200, FG_DAY_S}}, 2};
    assert_int_equal(fg_contract_window_check(&good, NULL), FG_OK);
    struct fg_contract_window w = good;
    w.until = (struct fg_date){2024, 12, 31};
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_ERR_VALUE);
    w = good;
    w.weekdays = 0;
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_ERR_VALUE);
    w = good;
    w.clocks[1].from_s = 3599;
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_ERR_VALUE);
    w = good;
    w.clocks[0] = (struct fg_contract_clock){22 * 3600, 6 * 3600};
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_ERR_VALUE);
    w = good;
    w.clock_count = 0;
    assert_int_equal(fg_contract_window_check(&w, NULL), FG_ERR_VALUE);
}

/* ---- awards ---- */

static void expect_award(const struct fg_contract_demand *demand, const struct fg_contract_bid *bids, size_t count,
                         const int64_t *expected_kw)
{
    struct fg_power awarded[8];
    assert_int_equal(fg_contract_award(demand, bids, count, awarded, NULL), FG_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(awarded[i].w, expected_kw[i] * 1000);
}

/* 60 hours of availability, 6 of them expected to be called: a MW costs 60 x availability + 6 x activation.
 *   A  5 EUR, 100 EUR:  300 + 600 = 900      B  2 EUR, 140 EUR:  120 + 840 = 960      C  8 EUR, 40 EUR:  480 + 240 = 720 */
static void test_merit_order(void **state)
{
    (void)state;
    struct fg_contract_demand demand = {{3 * MW}, {1000}, 60 * 3600, 6 * 3600, FG_CONTRACT_FIRST};
    const struct fg_contract_bid bids[] = {{{2 * MW}, {MW / 2}, {5 * EUR}, {100 * EUR}, 1},
                                           {{2 * MW}, {1000}, {2 * EUR}, {140 * EUR}, 2},
                                           {{MW}, {MW}, {8 * EUR}, {40 * EUR}, 3}};
    struct fg_money cost;
    expect_award(&demand, bids, 3, (const int64_t[]){2000, 0, 1000});
    demand.required.w = 4 * MW;
    expect_award(&demand, bids, 3, (const int64_t[]){2000, 1000, 1000});
    /* A takes no less than half a MW: with 0.4 left after C it is passed over, and B takes it. */
    demand.required.w = 14 * MW / 10;
    expect_award(&demand, bids, 3, (const int64_t[]){0, 400, 1000});
    /* C is not divisible. */
    demand.required.w = MW / 2;
    expect_award(&demand, bids, 3, (const int64_t[]){500, 0, 0});
    /* When nothing is expected to be called only availability counts: B, A, C. */
    demand.expected_s = 0;
    demand.required.w = 3 * MW;
    expect_award(&demand, bids, 3, (const int64_t[]){1000, 2000, 0});
    assert_int_equal(fg_contract_cost(&demand, &bids[0], (struct fg_power){MW / 2}, &cost, NULL), FG_OK);
    assert_int_equal(cost.u, 150 * EUR);
}

static void test_ties(void **state)
{
    (void)state;
    struct fg_contract_demand demand = {{3 * MW}, {1000}, 3600, 0, FG_CONTRACT_FIRST};
    struct fg_contract_bid bids[] = {{{2 * MW}, {1000}, {EUR}, {0}, 7}, {{2 * MW}, {1000}, {EUR}, {0}, 5},
                                     {{2 * MW}, {1000}, {EUR}, {0}, 6}};
    expect_award(&demand, bids, 3, (const int64_t[]){0, 2000, 1000}); /* entered as 5 and 6 */
    demand.ties = FG_CONTRACT_PRO_RATA;
    expect_award(&demand, bids, 3, (const int64_t[]){1000, 1000, 1000});
    demand.required.w = 2 * MW; /* 666 and two thirds each: the largest remainder, then the first in the list */
    expect_award(&demand, bids, 3, (const int64_t[]){667, 667, 666});
    /* Of those below their minimum the last of the largest leaves, the others share its part. */
    bids[0].minimum.w = bids[1].minimum.w = MW;
    expect_award(&demand, bids, 3, (const int64_t[]){0, 1000, 1000});
    /* More than all of them offer. */
    demand.required.w = 9 * MW;
    expect_award(&demand, bids, 3, (const int64_t[]){2000, 2000, 2000});
    /* A cheaper one goes before the group. */
    bids[2].availability.uper_mwh = EUR / 2;
    demand.required.w = 4 * MW;
    expect_award(&demand, bids, 3, (const int64_t[]){1000, 1000, 2000});
}

/* Random awards: never more than required nor offered, never below the minimum, and no bid is left out while a dearer one
 * is taken, unless its minimum kept it out. */
static void test_random_awards(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 20251125);
    for (int round = 0; round < 2000; round++) {
        struct fg_contract_bid bids[6];
        struct fg_power awarded[6];
        size_t count = 1 + fg_random_below(&random, 6);
        struct fg_contract_demand demand = {{(int64_t)(1 + fg_random_below(&random, 30)) * 1000}, {1000}, 3600, 1800,
                                            (enum fg_contract_ties)fg_random_below(&random, 2)};
        for (size_t i = 0; i < count; i++) {
            int64_t ticks = 1 + (int64_t)fg_random_below(&random, 10);
            bids[i] = (struct fg_contract_bid){{ticks * 1000}, {(1 + (int64_t)fg_random_below(&random, (uint64_t)ticks)) * 1000},
                                               {(int64_t)fg_random_below(&random, 4) * EUR}, {(int64_t)fg_random_below(&random, 3) * EUR},
                                               (int64_t)i + 1};
        }
        assert_int_equal(fg_contract_award(&demand, bids, count, awarded, NULL), FG_OK);
        int64_t total = 0;
        for (size_t i = 0; i < count; i++) {
            assert_true(awarded[i].w == 0 || (awarded[i].w >= bids[i].minimum.w && awarded[i].w <= bids[i].quantity.w));
            total += awarded[i].w;
        }
        assert_true(total <= demand.required.w);
        bool has_minima = false;
        for (size_t i = 0; i < count; i++)
            has_minima = has_minima || bids[i].minimum.w > 1000;
        for (size_t i = 0; i < count; i++) /* in half-hours: 2 availability + activation */
            if (awarded[i].w == 0 && bids[i].minimum.w == 1000 && (demand.ties == FG_CONTRACT_FIRST || !has_minima))
                for (size_t k = 0; k < count; k++)
                    if (awarded[k].w > 0 && 2 * bids[k].availability.uper_mwh + bids[k].activation.uper_mwh >
                                                2 * bids[i].availability.uper_mwh + bids[i].activation.uper_mwh)
                        fail_msg("round %d: bid %zu is cheaper than %zu", round, i, k);
    }
}

/* ---- availability ---- */

/* A quarter-hour of 2 MW at 8 EUR per MW and hour; tolerance 10 %; the penalty is half the price and 20 EUR. */
static void test_availability(void **state)
{
    (void)state;
    struct fg_availability_input in = {{2 * MW}, {2 * MW}, {0}, QUARTER, {8 * EUR}, {100000, {0}, 500000, {20 * EUR}}};
    struct fg_availability out;
    assert_int_equal(fg_contract_availability(&in, &out, NULL), FG_OK);
    assert_int_equal(out.available.ws, MWH / 2);
    assert_int_equal(out.paid.u, 4 * EUR); /* 0.5 x 8 */
    assert_int_equal(out.penalty.u, 0);
    /* 1.2 of 2 MW were offered: 0.3 MWh available; 0.2 missing, 0.05 tolerated, 0.15 x (4 + 20). */
    in.offered.w = 12 * MW / 10;
    assert_int_equal(fg_contract_availability(&in, &out, NULL), FG_OK);
    assert_int_equal(out.paid.u, 2400000);
    assert_int_equal(out.missing.ws, MWH / 5);
    assert_int_equal(out.tolerated.ws, MWH / 20);
    assert_int_equal(out.penalty.u, 3600000);
    /* 0.1 MWh of what was called did not come: 0.2 MWh are available, the penalty here is the same. */
    in.undelivered.ws = MWH / 10;
    assert_int_equal(fg_contract_availability(&in, &out, NULL), FG_OK);
    assert_int_equal(out.paid.u, 1600000);
    assert_int_equal(out.penalty.u, 3600000);
    /* Nothing offered; a tolerance of 0.4 MW counts more than 10 %. */
    in.offered.w = in.undelivered.ws = 0;
    in.terms.tolerance.w = 4 * MW / 10;
    assert_int_equal(fg_contract_availability(&in, &out, NULL), FG_OK);
    assert_int_equal(out.paid.u, 0);
    assert_int_equal(out.penalty.u, 9600000); /* 0.4 x 24 */
    in.offered.w = 3 * MW;
    assert_int_equal(fg_contract_availability(&in, &out, NULL), FG_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),      cmocka_unit_test(test_changes_of_the_clock),
        cmocka_unit_test(test_windows_that_are_refused), cmocka_unit_test(test_merit_order),
        cmocka_unit_test(test_ties),         cmocka_unit_test(test_random_awards),
        cmocka_unit_test(test_availability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
