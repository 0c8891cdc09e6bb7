/* Contracts in the exchange: an order for every unit whatever is killed, capability that is held, gaps, halts, and a day of 23
 * hours. */
#include "support/market_fixture.h"

#include "atp/exchange.h"
#include "base/random.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As in test_atp_exchange: 2025-03-29T00:00:00Z is quarter-hour 1936896; Athens goes from UTC+2 to UTC+3 on 30 March. */
enum { MIDNIGHT = 1936896 };
#define US INT64_C(1000000)
#define AT(quarter_hours) ((int64_t)(MIDNIGHT + (quarter_hours)) * 900 * US)
#define MW INT64_C(1000000)

struct fixture {
    char url[200];
    struct fg_store *store;
    struct fg_exchange *exchange;
    _Atomic int64_t now_us;
};

static int64_t clock_of(void *context)
{
    return atomic_load(&((struct fixture *)context)->now_us);
}

static void start(struct fixture *f)
{
    struct fg_error err = {0};
    struct fg_exchange_options options = {.store_url = f->url, .node = "one", .clock_us = clock_of, .clock_context = f};
    fixture_expect(fg_exchange_start(&options, &f->exchange, &err), &err);
}

/* Contracts of portfolio 10 (5 MW up), 29 and 30 March, all day: 2, 2 and 2 MW, one more than there is. */
static void open_fixture(struct fixture *f, void **state)
{
    memset(f, 0, sizeof *f);
    f->store = fixture_open(state, f->url);
    market_make(f->store);
    fixture_execute(f->store, "INSERT INTO tender (id, area_id, buyer_id, name, product_id, location_id, regulation, from_day, "
                              "until_day, weekdays, capacity_w, availability_max_u, activation_max_u, expected_s, duration_min_s, "
                              "notice_s, opens_us, closes_us, ties, status, created_by, created_us, version) VALUES (1, 1, 2, 'T', 1, 1, "
                              "0, 20176, 20177, 127, 6000000, 0, 0, 0, 0, 0, 0, 1, 0, 'awarded', 1, 0, 1)");
    fixture_execute(f->store, "INSERT INTO tender_clock (tender_id, from_s, until_s) VALUES (1, 0, 86400)");
    fixture_execute(f->store, "INSERT INTO tender_offer (id, tender_id, organisation_id, portfolio_id, quantity_w, minimum_w, "
                              "availability_u, activation_u, status, entered_by, entered_us, version) VALUES (1, 1, 3, 10, 2000000, 1, 0, "
                              "50000000, 'awarded', 1, 0, 1), (2, 1, 3, 11, 2000000, 1, 0, 60000000, 'awarded', 1, 0, 1), (3, 1, 3, 12, "
                              "2000000, 1, 0, 70000000, 'awarded', 1, 0, 1)");
    fixture_execute(f->store, "INSERT INTO contract (id, tender_id, offer_id, area_id, buyer_id, seller_id, portfolio_id, product_id, "
                              "regulation, quantity_w, availability_u, activation_u, starts_us, ends_us, status, round, awarded_by, "
                              "awarded_us, version) SELECT o.id, 1, o.id, 1, 2, 3, 10, 1, 0, 2000000, 0, o.activation_u, "
                              "1743199200000000, 1743368400000000, 'awarded', 1, 1, 0, 1 FROM tender_offer o");
    atomic_store(&f->now_us, AT(32)); /* 10:00: the 30th has just opened, the 29th is open from MIDNIGHT + 37 on */
}

static int64_t number(struct fixture *f, const char *text)
{
    return fixture_number(f->store, text);
}

/* 29 March from 09:15Z to its end at 22:00Z, then 23 hours. */
enum { UNITS = 88 - 37 + 92 };

static void expect_all(struct fixture *f)
{
    assert_int_equal(number(f, "SELECT COUNT(*) FROM book_order"), 3 * UNITS);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM (SELECT DISTINCT contract_id, first_period, reference FROM book_order) x"), 3 * UNITS);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM book_order WHERE status = 'open' AND priority > 0"), 3 * UNITS);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM book_position WHERE portfolio_id = 10 AND regulation = 0 AND open_w = 5000000 AND "
                               "capability_w = 5000000 AND contracted_w = 0"), UNITS);
    assert_int_equal(number(f, "SELECT MIN(first_period) FROM book_order"), MIDNIGHT + 37);
    assert_int_equal(number(f, "SELECT MAX(first_period) FROM book_order"), MIDNIGHT + 96 + 83);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM contract WHERE status = 'active'"), 3);
    /* Told once: the tender to everybody, each contract to buyer and seller. */
    assert_int_equal(number(f, "SELECT COUNT(*) FROM event WHERE type IN ('tender.published', 'tender.closed', 'tender.awarded') AND scope = "
                               "'contracts.read'"), 3);
    assert_int_equal(number(f, "SELECT COUNT(DISTINCT type) FROM event WHERE type LIKE 'tender.%'"), 3);
    assert_int_equal(number(f, "SELECT COUNT(*) FROM event WHERE type = 'contract.active' AND scope IN ('org-2', 'org-3')"), 6);
}

static void test_kills(void **state)
{
    struct fixture f;
    struct fg_random random;
    int64_t entered = 0;
    int kills = 0, in_between = 0;
    open_fixture(&f, state);
    fg_random_init(&random, 180);
    for (; kills < 40 && entered < 3 * UNITS; kills++) {
        fg_store_close(f.store);
        pid_t child = fork();
        if (child == 0) {
            start(&f);
            for (;;)
                pause();
        }
        /* Every third one at some moment, the others a moment after more orders have come. */
        int64_t more = kills % 3 == 0 ? 0 : 1 + (int64_t)fg_random_below(&random, 60);
        f.store = fixture_open_url(f.url);
        for (int i = 0; i < 30000 && more > 0 && number(&f, "SELECT COUNT(*) FROM book_order") < entered + more; i++)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        nanosleep(&(struct timespec){.tv_nsec = (int64_t)fg_random_below(&random, more > 0 ? 3 : 60) * 1000000}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        int64_t now = number(&f, "SELECT COUNT(*) FROM book_order");
        in_between += now > entered && now < 3 * UNITS;
        assert_true(now >= entered);
        entered = now;
    }
    print_message("%d kills, %d of them while orders were being entered\n", kills, in_between);
    assert_true(in_between > 0);
    start(&f);
    expect_all(&f);
    fg_exchange_refresh(f.exchange);
    expect_all(&f);
    fg_exchange_stop(f.exchange);
    start(&f); /* a restart enters nothing anew */
    expect_all(&f);
    fg_exchange_stop(f.exchange);
    fg_store_close(f.store);
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
static enum fg_refusal run(struct fixture *f, struct fg_command *command)
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
    return command->refusal;
}

static enum fg_refusal sell(struct fixture *f, int32_t period, int64_t quantity_w)
{
    struct fg_power quantity = {quantity_w};
    struct fg_price_point point = {{quantity_w}, {40 * MW}};
    struct fg_book_order order = {.participant = 3, .organisation = 3, .portfolio = 10, .location = 2, .bus = -1,
                                  .side = FG_SIDE_SELL, .first_period = period, .period_count = 1, .quantity = &quantity,
                                  .points = &point, .point_count = 1};
    struct fg_command command = {.kind = FG_COMMAND_SUBMIT, .actor = {.user = 1, .organisation = 3}, .orders = &order,
                                 .order_count = 1};
    return run(f, &command);
}

/* While the seller is halted the capability is held and nothing else can take it; the orders follow when it is resumed. */
static void test_held_while_halted(void **state)
{
    struct fixture f;
    open_fixture(&f, state);
    fixture_execute(f.store, "UPDATE contract SET status = 'terminated' WHERE id > 1"); /* one of 2 MW is left */
    atomic_store(&f.now_us, AT(32) - 1);
    start(&f); /* the 29th */
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order"), 88 - 36);
    struct fg_command halt = {.kind = FG_COMMAND_HALT, .scope = FG_BOOK_SCOPE_PARTICIPANT, .subject = 3};
    assert_int_equal(run(&f, &halt), FG_REFUSAL_NONE);
    atomic_store(&f.now_us, AT(32)); /* the 30th opens */
    fg_exchange_refresh(f.exchange);
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order"), 88 - 36);
    int64_t entries = number(&f, "SELECT COUNT(*) FROM audit");
    fg_exchange_refresh(f.exchange); /* the halt is as it was: nothing is tried again */
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM audit"), entries);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_position WHERE contracted_w = 2000000 AND open_w = 0"), 92);
    struct fg_command resume = {.kind = FG_COMMAND_RESUME, .scope = FG_BOOK_SCOPE_PARTICIPANT, .subject = 3};
    assert_int_equal(run(&f, &resume), FG_REFUSAL_NONE);
    enum fg_refusal refusal = sell(&f, MIDNIGHT + 100, 3 * MW + 1000); /* whether the keeper was there before or not */
    assert_int_equal(refusal, FG_REFUSAL_CAPABILITY);
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order"), 88 - 36 + 92);
    assert_int_equal(number(&f, "SELECT SUM(contracted_w) FROM book_position"), 0);
    assert_int_equal(sell(&f, MIDNIGHT + 100, 3 * MW), FG_REFUSAL_NONE);
    assert_int_equal(sell(&f, MIDNIGHT + 100, 1000), FG_REFUSAL_CAPABILITY);
    fg_exchange_stop(f.exchange);
    fg_store_close(f.store);
}

/* Who sold the kW before the award keeps its trades; what is only open gives way. A suspended approval leaves a gap. */
static void test_what_is_sold_already(void **state)
{
    struct fixture f;
    open_fixture(&f, state);
    fixture_execute(f.store, "UPDATE contract SET status = 'suspended'");
    start(&f);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order"), 0);
    assert_int_equal(sell(&f, MIDNIGHT + 100, 5 * MW), FG_REFUSAL_NONE);
    struct fg_power four = {4 * MW};
    struct fg_price_point point = {four, {40 * MW}};
    struct fg_book_order order = {.participant = 2, .organisation = 2, .portfolio = -1, .location = 1, .bus = -1,
                                  .side = FG_SIDE_BUY, .kind = FG_REQUEST_NEED, .first_period = MIDNIGHT + 100, .period_count = 1,
                                  .quantity = &four, .points = &point, .point_count = 1};
    struct fg_command buy = {.kind = FG_COMMAND_SUBMIT, .actor = {.user = 1, .organisation = 2}, .orders = &order, .order_count = 1};
    assert_int_equal(run(&f, &buy), FG_REFUSAL_NONE);
    fixture_execute(f.store, "UPDATE contract SET status = 'active', round = 2, version = 2 WHERE id = 1");
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT traded_w FROM book_position WHERE portfolio_id = 10 AND regulation = 0 AND period = 1936996"), 4 * MW);
    assert_int_equal(number(&f, "SELECT open_w FROM book_position WHERE portfolio_id = 10 AND regulation = 0 AND period = 1936996"), MW);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE contract_id = 1 AND status = 'open'"), UNITS);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE contract_id = 0 AND status = 'open'"), 0);
    /* The portfolio is suspended: all of its open orders go, the contract's too. */
    fixture_execute(f.store, "UPDATE portfolio SET status = 'suspended' WHERE id = 10");
    fg_exchange_refresh(f.exchange);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 0);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM book_order WHERE contract_id = 1 AND cause = 6"), UNITS); /* capability */
    /* After the last day the contract is over. */
    fg_exchange_stop(f.exchange);
    atomic_store(&f.now_us, AT(96 + 84 + 96));
    start(&f);
    assert_int_equal(number(&f, "SELECT COUNT(*) FROM contract WHERE status = 'ended'"), 3);
    fg_exchange_stop(f.exchange);
    fg_store_close(f.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(test_kills), ON_BOTH(test_held_while_halted), ON_BOTH(test_what_is_sold_already)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
