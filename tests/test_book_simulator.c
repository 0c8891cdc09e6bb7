/* Seeds of the book simulator, each command judged by the auditor; `make simulate` runs thousands. */
#include "book_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void seeds_run_clean(void **state)
{
    (void)state;
    struct sim_statistics statistics = {0};
    for (uint64_t seed = 1; seed <= 24; seed++)
        if (simulate(seed, 1000, false, &statistics) != 0)
            fail_msg("seed %llu fails; replay it with simulate_book --replay %llu --commands 1000",
                     (unsigned long long)seed, (unsigned long long)seed);
    /* The simulation reaches what it is meant to reach. */
    assert_true(statistics.trades > 500);
    assert_true(statistics.refused > 500);
    assert_true(statistics.memory_failures > 100);
    for (int k = 0; k < SIM_KINDS; k++)
        assert_true(statistics.by_kind[k] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_run_clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
