/* A clearing whose integer program nobody solves in minutes stops when it is told to. */
#include "base/instant.h"
#include "base/random.h"
#include "clear_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* An idle machine needs 0.2 s; the rest is for one that is busy with something else and for the sanitizers. CBC sees an
 * interrupt between the nodes of its search only, so that the cuts of the root have to end first: a known gap. */
static const double PATIENCE_S = 3, PATIENCE_CBC_S = 8;

/* All-or-none profiles up and down that must balance exactly in each of 6 periods: a market-split problem (G.
 * Cornuejols, M. Dawande, INFORMS J. Comput. 11 (1999)). Doing nothing is always possible. */
static struct fg_market *hard_market(enum fg_market_physics physics)
{
    enum { PERIODS = 6, BLOCKS = 60 };
    struct fg_market *market = market_of(PERIODS, 20, physics);
    struct fg_random random;
    char id[16];
    market->balance = FG_BALANCE_CLOSED;
    fg_random_init(&random, 5);
    for (int i = 0; i < BLOCKS; i++) {
        snprintf(id, sizeof id, "block%d", i);
        enum fg_regulation regulation = i % 2 ? FG_REGULATION_DOWN : FG_REGULATION_UP;
        struct draft draft = draft_of(market, id, id, FG_SIDE_SELL, regulation, "1", 0, PERIODS, 0.2, -5 - i % 7);
        for (int t = 0; t < PERIODS; t++)
            draft.quantity[t].w = 1000 * (100 + (int64_t)fg_random_below(&random, 100));
        draft.point.up_to.w = 200000;
        draft.order.min_fraction_u = FG_FRACTION_ONE;
        draft.order.block = true;
        submit(market, &draft);
    }
    return market;
}

static void *interrupt_later(void *user)
{
    struct timespec pause = { 0, 500000000 };
    nanosleep(&pause, NULL);
    atomic_store((atomic_int *)user, 1);
    return NULL;
}

static void run(enum fg_market_physics physics, enum fg_lp_backend backend, double time_limit_s, bool interrupted)
{
    static atomic_int flag;
    struct fg_network *network = feeder(1, 0.0001, 0.0001, 100);
    load(network, "d", 1, 1, 0);
    struct fg_market *market = hard_market(physics);
    struct fg_clear_options options = fg_clear_defaults();
    struct fg_clear_result *result = NULL;
    struct fg_error err = { 0 };
    pthread_t thread;
    options.time_limit_s = time_limit_s;
    options.gap_target = 1e-6;
    options.backend = backend;
    options.interrupt = &flag;
    must(fg_market_validate(market, &err), &err);
    atomic_store(&flag, 0);
    const double begin = fg_clock_seconds();
    if (interrupted)
        assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &flag), 0);
    enum fg_code code = fg_clear(network, market, &options, &result, &err);
    const double seconds = fg_clock_seconds() - begin;
    if (interrupted)
        pthread_join(thread, NULL);
    print_message("%s: %s after %.2f s\n", fg_lp_backend_name(backend), interrupted ? "interrupted at 0.5 s" : "limit", seconds);
    assert_true(seconds < (interrupted ? 0.5 : time_limit_s) + (backend == FG_LP_BACKEND_COIN ? PATIENCE_CBC_S : PATIENCE_S));
    if (interrupted) {
        assert_true(code == FG_ERR_INTERRUPTED || code == FG_OK);
        assert_true(code == FG_OK || result == NULL);
    } else {
        must(code, &err);
        assert_int_not_equal(result->status, FG_CLEAR_PARTLY_SOLVED);
    }
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

static void each_backend_stops(void **state)
{
    (void)state;
    for (int backend = FG_LP_BACKEND_HIGHS; backend < FG_LP_BACKEND_COUNT; backend++)
        for (int physics = FG_MARKET_AC; physics <= FG_MARKET_NONE && fg_lp_backend_exists((enum fg_lp_backend)backend);
             physics++) {
            run((enum fg_market_physics)physics, (enum fg_lp_backend)backend, 60, true);
            run((enum fg_market_physics)physics, (enum fg_lp_backend)backend, 2, false);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_backend_stops) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
