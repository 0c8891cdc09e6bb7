/* The exchange: gates by local time, capabilities from the registry, sessions, take-over of a dead server's areas. */
#include "support/market_fixture.h"

#include "atp/exchange.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 2025-03-29T00:00:00Z is 1743206400 s, quarter-hour 1936896. Athens: UTC+2, from 2025-03-30T01:00Z on UTC+3 (IANA). */
enum { MIDNIGHT = 1936896 };
#define US INT64_C(1000000)
#define AT(quarter_hours) ((int64_t)(MIDNIGHT + (quarter_hours)) * 900 * US)
#define MW INT64_C(1000000)

/* -- pure rules ------------------------------------------------------------------------------------------------------ */

static void expect_window(const struct fg_gate_rule *rule, const struct fg_timezone *zone, int64_t now_us, int32_t first,
                          int32_t end)
{
    struct fg_gate_window window = fg_gate_window(rule, zone, 900, now_us);
    assert_int_equal(window.first, first);
    assert_int_equal(window.end, end);
}

static void test_gates(void **state)
{
    (void)state;
    struct fg_error err = {0};
    struct fg_timezone *zone;
    fixture_expect(fg_timezone_open("Europe/Athens", &zone, &err), &err);
    struct fg_gate_rule rule = {.opening_days = 1, .opening_clock_s = 36000, .closure_lead_s = 3600};
    /* 10:00 local on 29 March is 08:00Z: the 30th opens, a day of 23 hours that ends at 21:00Z. The period of 09:00Z
     * closes at the same instant. */
    expect_window(&rule, zone, AT(32), MIDNIGHT + 37, MIDNIGHT + 96 + 84);
    expect_window(&rule, zone, AT(32) - 1, MIDNIGHT + 36, MIDNIGHT + 88);
    /* 10:00 local on 30 March is 07:00Z; the 31st ends at 21:00Z on the 31st. */
    expect_window(&rule, zone, AT(96 + 28) - 1, MIDNIGHT + 96 + 32, MIDNIGHT + 96 + 84);
    expect_window(&rule, zone, AT(96 + 28), MIDNIGHT + 96 + 33, MIDNIGHT + 192 + 84);
    /* 25 hours: 26 October from 21:00Z on the 25th to 22:00Z on the 26th. Opening at 10:00 local on the 25th is 07:00Z. */
    int32_t october = MIDNIGHT + 210 * 96; /* 2025-10-25T00:00Z: 210 days after 29 March */
    expect_window(&rule, zone, (int64_t)(october + 28) * 900 * US, october + 33, october + 96 + 88);
    expect_window(&rule, zone, (int64_t)(october + 28) * 900 * US - 1, october + 32, october + 84);
    assert_int_equal((october + 96 + 88) - (october + 84), 100);
    /* Closure before the day's opening: nothing is open. */
    struct fg_gate_rule never = {.opening_days = 0, .opening_clock_s = 36000, .closure_lead_s = 86400};
    struct fg_gate_window none = fg_gate_window(&never, zone, 900, AT(40));
    assert_int_equal(none.first, none.end);
    assert_int_equal(fg_gate_closure_us(&rule, 900, MIDNIGHT + 37), AT(33));
    fg_timezone_close(zone);
}

static void test_capability(void **state)
{
    char url[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    struct fg_facts *facts;
    market_make(store);
    fixture_execute(store, "UPDATE prequalification SET valid_until_us = 1800000000 "
                           "WHERE portfolio_id = 11 AND product_id = 1 AND kind = 'product'");
    fixture_expect(fg_facts_load(store, MARKET_AREA, &facts, &err), &err);
    assert_int_equal(fg_facts_capability(facts, 10, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 1), 5 * MW);   /* market's word */
    assert_int_equal(fg_facts_capability(facts, 10, FG_PRODUCT_ACTIVE, FG_REGULATION_DOWN, 1), 3 * MW); /* grid's word */
    assert_int_equal(fg_facts_capability(facts, 10, FG_PRODUCT_REACTIVE, FG_REGULATION_UP, 1), 0);
    assert_int_equal(fg_facts_capability(facts, 12, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 1), 0); /* not approved */
    /* Approved until 1800 s: quarter-hours 0 and 1. */
    const int64_t expected[] = {2 * MW, 2 * MW, 0, 0, 0};
    for (int32_t period = 0; period < 5; period++)
        assert_int_equal(fg_facts_capability(facts, 11, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, period), expected[period]);
    assert_false(fg_facts_organisation(facts, 5)->is_active);
    assert_null(fg_facts_portfolio(facts, 13));
    assert_false(fg_facts_location(facts, 4)->is_published);
    fg_facts_release(facts);
    fg_store_close(store);
}

/* -- the exchange ---------------------------------------------------------------------------------------------------- */

struct fixture {
    char url[200];
    struct fg_store *store;
    struct fg_exchange *exchange;
    _Atomic int64_t now_us;
};

static int64_t virtual_clock(void *context)
{
    return atomic_load(&((struct fixture *)context)->now_us);
}

static void start(struct fixture *f, const char *node)
{
    struct fg_error err = {0};
    struct fg_exchange_options options = {
        .store_url = f->url, .node = node, .lease_s = 8, .clock_us = virtual_clock, .clock_context = f};
    fixture_expect(fg_exchange_start(&options, &f->exchange, &err), &err);
}

static void open_fixture(struct fixture *f, void **state)
{
    memset(f, 0, sizeof *f);
    f->store = fixture_open(state, f->url);
    market_make(f->store);
    f->now_us = AT(32);
    start(f, "one");
}

static void close_fixture(struct fixture *f)
{
    fg_exchange_stop(f->exchange);
    fg_store_close(f->store);
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_done;
};
static void wake(struct fg_command *command)
{
    struct waiter *waiter = command->context;
    pthread_mutex_lock(&waiter->mutex);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->mutex);
}
static void run(struct fixture *f, struct fg_command *command)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct fg_error err = {0};
    command->context = &waiter;
    command->done = wake;
    fixture_expect(fg_exchange_submit(f->exchange, MARKET_AREA, &command, 1, &err), &err);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.wake, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    fixture_expect(command->code, &command->err);
}

struct form {
    struct fg_book_order order;
    struct fg_power quantity;
    struct fg_price_point point;
    struct fg_command command;
};
static struct fg_command *offer(struct form *form, int32_t period, int64_t quantity_w, uint64_t session)
{
    *form = (struct form){.quantity = {quantity_w}, .point = {{quantity_w}, {50 * MW}}};
    form->order = (struct fg_book_order){.participant = 3, .organisation = 3, .portfolio = 10, .location = 2, .bus = -1,
                                         .side = FG_SIDE_SELL, .first_period = period, .period_count = 1,
                                         .quantity = &form->quantity, .points = &form->point, .point_count = 1,
                                         .session = session};
    form->command = (struct fg_command){.kind = FG_COMMAND_SUBMIT, .actor = {.user = 1, .organisation = 3},
                                        .orders = &form->order, .order_count = 1};
    return &form->command;
}

static int64_t number(struct fixture *f, const char *text)
{
    return fixture_number(f->store, text);
}

static void test_gates_of_an_area(void **state)
{
    struct fixture f;
    open_fixture(&f, state);
    assert_int_equal(number(&f, "SELECT MIN(period) FROM book_gate"), MIDNIGHT + 37);
    assert_int_equal(number(&f, "SELECT MAX(period) FROM book_gate"), MIDNIGHT + 96 + 83);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_gate"), 96 + 84 - 37);
    assert_int_equal(number(&f, "SELECT MIN(capability_w) FROM book_position WHERE portfolio_id = 10 AND regulation = 0"),
                     5 * MW);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_position WHERE portfolio_id = 10 AND regulation = 1 AND "
                                "capability_w = 3000000"),
                     96 + 84 - 37);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_position WHERE portfolio_id = 12"), 0);

    /* The closure of the first period was handed over with its time: an order stamped at that time is refused although
     * the keeper has not looked again; one stamped before is taken. */
    struct form early, late;
    atomic_store(&f.now_us, AT(33) - 20 * US);
    fg_exchange_refresh(f.exchange);
    atomic_store(&f.now_us, AT(33) - 1);
    run(&f, offer(&early, MIDNIGHT + 37, MW, 0));
    assert_int_equal(early.command.refusal, FG_REFUSAL_NONE);
    atomic_store(&f.now_us, AT(33));
    run(&f, offer(&late, MIDNIGHT + 37, MW, 0));
    assert_int_equal(late.command.refusal, FG_REFUSAL_PERIOD_CLOSED);
    assert_int_equal(number(&f, "SELECT MIN(period) FROM book_gate"), MIDNIGHT + 38);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'cancelled'"), 1);

    /* A server that was down over several closures and an opening closes and opens before anybody trades. */
    fg_exchange_stop(f.exchange);
    atomic_store(&f.now_us, AT(96 + 28));
    start(&f, "one");
    run(&f, offer(&late, MIDNIGHT + 96 + 32, MW, 0));
    assert_int_equal(late.command.refusal, FG_REFUSAL_PERIOD_CLOSED);
    run(&f, offer(&late, MIDNIGHT + 192 + 83, MW, 0));
    assert_int_equal(late.command.refusal, FG_REFUSAL_NONE);
    assert_int_equal(number(&f, "SELECT MIN(period) FROM book_gate"), MIDNIGHT + 96 + 33);
    assert_int_equal(number(&f, "SELECT MAX(period) FROM book_gate"), MIDNIGHT + 192 + 83);
    close_fixture(&f);
}

static void test_changes_of_the_registry(void **state)
{
    struct fixture f;
    struct form form;
    open_fixture(&f, state);
    run(&f, offer(&form, MIDNIGHT + 100, 4 * MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);
    /* A lower approval takes what is open beyond it; a suspension all of it. */
    fixture_execute(f.store, "UPDATE prequalification SET up_w = 1500000 WHERE id = 2");
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT open_w FROM book_position WHERE portfolio_id = 10 AND regulation = 0 AND "
                                "period = 1936996"),
                     1500000);
    run(&f, offer(&form, MIDNIGHT + 100, MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_CAPABILITY);
    fixture_execute(f.store, "UPDATE portfolio SET status = 'suspended' WHERE id = 10");
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 0);

    /* A location that is published later. */
    fixture_execute(f.store, "UPDATE portfolio SET status = 'approved' WHERE id = 10");
    fixture_execute(f.store, "INSERT INTO location (id, area_id, name, parent_id, operator_id, status, created_us, version) "
                             "VALUES (9, 1, 'Late', 1, 2, 'published', 0, 1)");
    fg_exchange_refresh(f.exchange);
    offer(&form, MIDNIGHT + 100, MW, 0);
    form.order.location = 9;
    run(&f, &form.command);
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);
    assert_int_equal(number(&f, "SELECT location_id FROM book_order WHERE status = 'open'"), 9);
    close_fixture(&f);
}

static void test_sessions(void **state)
{
    struct fixture f;
    struct form form;
    struct fg_error err = {0};
    int64_t silent, ended;
    struct fg_actor actor = {.user = 1, .organisation = 3};
    open_fixture(&f, state);
    fixture_expect(fg_exchange_session_open(f.exchange, 1, &actor, 1, &silent, &err), &err);
    fixture_expect(fg_exchange_session_open(f.exchange, 1, &actor, 3600, &ended, &err), &err);
    run(&f, offer(&form, MIDNIGHT + 100, MW, (uint64_t)silent));
    run(&f, offer(&form, MIDNIGHT + 101, MW, (uint64_t)ended));
    run(&f, offer(&form, MIDNIGHT + 102, MW, 0));
    assert_int_equal(fg_exchange_session_beat(f.exchange, 1, 4, silent, false, &err), FG_ERR_NOT_FOUND);
    fixture_expect(fg_exchange_session_beat(f.exchange, 1, 3, silent, false, &err), &err);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 3);
    fixture_expect(fg_exchange_session_beat(f.exchange, 1, 3, ended, true, &err), &err);
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 2);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 200000000}, NULL);
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 1);
    assert_int_equal(number(&f, "SELECT period_count FROM book_order WHERE status = 'open' AND session_id = 0"), 1);
    assert_int_equal(fg_exchange_session_beat(f.exchange, 1, 3, silent, false, &err), FG_ERR_NOT_FOUND);
    close_fixture(&f);
}

static void test_retention(void **state)
{
    struct fixture f;
    open_fixture(&f, state);
    int64_t before = number(&f, "SELECT COUNT(*) FROM event");
    assert_true(before > 0);
    fg_exchange_stop(f.exchange);
    atomic_fetch_add(&f.now_us, 8 * 86400 * US);
    int64_t newest = number(&f, "SELECT event_sequence FROM area_state");
    start(&f, "one");
    assert_true(number(&f, "SELECT MIN(sequence) FROM event") == newest + 1);
    close_fixture(&f);
}

/* A server is killed; another one serves its areas within 10 s. */
static void test_take_over(void **state)
{
    struct fixture f;
    struct fg_error err = {0};
    open_fixture(&f, state);
    fg_exchange_stop(f.exchange);
    fg_store_close(f.store);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        start(&f, "one");
        (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    start(&f, "two");
    struct form form;
    struct fg_command *command = offer(&form, MIDNIGHT + 100, MW, 0);
    assert_int_equal(fg_exchange_submit(f.exchange, 1, &command, 1, &err), FG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "served by one"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    struct fg_exchange_figures figures = {0};
    do {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        fg_exchange_figures(f.exchange, &figures);
        clock_gettime(CLOCK_MONOTONIC, &to);
    } while (figures.served == 0 && to.tv_sec - from.tv_sec < 30);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    print_message("taken over after %.1f s\n", seconds);
    assert_true(seconds < 10);
    run(&f, offer(&form, MIDNIGHT + 100, MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);
    fg_exchange_stop(f.exchange);
    close(ready[0]);
    close(ready[1]);
}

static void wait_until_served(struct fixture *f)
{
    struct fg_exchange_figures figures = {0};
    for (int i = 0; i < 400 && figures.served == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        fg_exchange_figures(f->exchange, &figures);
    }
    assert_int_equal(figures.served, 1);
}

/* Two servers whose clocks are five minutes apart: the one that is ahead does not take a living one's area; the one that is behind goes on with the
 * time that the other has stamped, which never decreases. Every order is there, events have no gap. */
static void test_clocks_apart(void **state)
{
    struct fixture one, two;
    struct fg_error err = {0};
    struct form form;
    open_fixture(&one, state);
    two = one;
    two.now_us = one.now_us + INT64_C(300) * 1000000;
    run(&one, offer(&form, MIDNIGHT + 100, MW, 0));
    int64_t first_us = form.command.time_us;
    start(&two, "two");
    struct fg_command *command = offer(&form, MIDNIGHT + 100, MW, 0);
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* some of its looks */
    assert_int_equal(fg_exchange_submit(two.exchange, 1, &command, 1, &err), FG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "served by one"));
    run(&one, offer(&form, MIDNIGHT + 101, MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);

    fg_exchange_stop(one.exchange);
    wait_until_served(&two);
    run(&two, offer(&form, MIDNIGHT + 102, MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);
    int64_t ahead_us = form.command.time_us;
    assert_true(ahead_us - first_us >= INT64_C(300) * 1000000);

    start(&one, "one");
    fg_exchange_stop(two.exchange);
    wait_until_served(&one);
    run(&one, offer(&form, MIDNIGHT + 103, MW, 0));
    assert_int_equal(form.command.refusal, FG_REFUSAL_NONE);
    assert_true(form.command.time_us >= ahead_us);
    assert_int_equal(number(&one, "SELECT COUNT(*) FROM book_order"), 4);
    assert_int_equal(number(&one, "SELECT MAX(sequence) - MIN(sequence) + 1 - COUNT(*) FROM event"), 0);
    assert_int_equal(number(&one, "SELECT COUNT(*) FROM event a JOIN event b ON b.area_id = a.area_id AND b.sequence = a.sequence + 1 WHERE b.time_us < "
                                  "a.time_us"), 0);
    close_fixture(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates),
        ON_BOTH(test_capability),
        ON_BOTH(test_gates_of_an_area),
        ON_BOTH(test_changes_of_the_registry),
        ON_BOTH(test_sessions),
        ON_BOTH(test_retention),
        ON_BOTH(test_take_over),
        ON_BOTH(test_clocks_apart),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
