/* A server that is killed while it clears: the server is a process of its own with the system's clock.
 *   1. Killed between the recorded result and its conclusion: the next server loads what was recorded. The record is changed
 *      meanwhile, so that a second computation would show.
 *   2. Killed at random moments from the closure on, again and again, at least once before the result: every acknowledged order
 *      has one outcome, every trade is there once, nothing stays bound. */
#include "auction_fixture.h"

#include "base/random.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { SELLS = 60, PERIODS = 8 };

static void serve(const char *url, const char *folder, int out)
{
    static struct hall h;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(h.url, sizeof h.url, "%s", url);
    snprintf(h.http.folder, sizeof h.http.folder, "%s", folder);
    hall_serve(&h);
    (void)!write(out, &h.http.port, sizeof h.http.port);
    close(out);
    sigwaitinfo(&signals, NULL);
    hall_stop(&h);
    _exit(0);
}

static pid_t start(struct hall *h)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "server", "--serve", h->url, h->http.folder, (char *)NULL);
        _exit(4);
    }
    close(ends[1]);
    if (read(ends[0], &h->http.port, sizeof h->http.port) != sizeof h->http.port)
        fail_msg("the server does not start");
    close(ends[0]);
    return pid;
}
static void stop(pid_t pid, int number)
{
    int status;
    kill(pid, number);
    waitpid(pid, &status, 0);
}

/* The number, or -1 when the database is busy or has no row. */
static int64_t look(struct fg_store *store, const char *text)
{
    struct fg_sql *sql;
    int64_t number = -1;
    if (fg_sql_prepare(store, text, &sql, NULL) == FG_OK && fg_sql_one(sql, NULL) == FG_OK) {
        number = fg_sql_column_int64(sql, 0);
        fg_sql_done(sql);
    }
    return number;
}

static int64_t start_s; /* of delivery: a day ahead, at a quarter */

static void make_auction(struct hall *h, int64_t closure_s, char id[32])
{
    char start[FG_INSTANT_TEXT];
    start_s = (closure_s / 900 + 97) * 900;
    hall_auction(h, fg_instant_format(start_s, start), PERIODS, closure_s,
                 "{\"products\":[\"active\"],\"physics\":\"none\"}", id);
}

/* Offers of 50 kW in four periods, of which every third is all or none, in one batch; a need of 1 MW. How many. */
static int enter(struct hall *h, const char *id)
{
    char path[120], body[900], start[FG_INSTANT_TEXT], offers[SELLS * 300];
    size_t length = (size_t)snprintf(offers, sizeof offers, "{\"items\":[");
    for (int i = 0; i < SELLS; i++)
        length += (size_t)snprintf(offers + length, sizeof offers - length,
                                   "%s{\"key\":\"%d\",\"order\":{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\","
                                   "\"start\":\"%s\",\"quantity\":[\"0.05\",\"0.05\",\"0.05\",\"0.05\"],\"price\":\"%d\",\"minimum_fraction\":\"%s\"}}",
                                   i > 0 ? "," : "", i, fg_instant_format(start_s + i % 5 * 900, start), 50 + i % 17, i % 3 == 0 ? "1" : "0");
    snprintf(offers + length, sizeof offers - length, "]}");
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/orders/batch", id);
    hall_expect(h, "agg", "POST", path, offers, 200);
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s/orders", id);
    snprintf(body, sizeof body,
             "{\"side\":\"buy\",\"product\":\"active\",\"regulation\":\"up\",\"kind\":\"need\",\"location\":\"loc-1\",\"start\":\"%s\","
             "\"quantity\":[\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"],\"price\":\"100\"}",
             fg_instant_format(start_s, start));
    hall_expect(h, "dso", "POST", path, body, 201);
    return SELLS + 1;
}

static const char *wait_for_end(struct hall *h, const char *id, char status[32])
{
    char path[120];
    snprintf(path, sizeof path, "/v1/areas/area-1/auctions/%s", id);
    for (int i = 0; i < 1200; i++) {
        hall_text(h, "fmo", "GET", path, NULL, 200, "status", status, 32);
        if (strcmp(status, "open") != 0 && strcmp(status, "closed") != 0)
            return status;
        hall_sleep(50);
    }
    return status;
}

static void test_recorded_result_is_loaded(void **state)
{
    struct hall h;
    char id[32] = "", status[32];
    bool is_between = false;
    hall_prepare(&h, state, NULL);
    struct fg_store *store = fixture_open_url(h.url);
    pid_t server = start(&h);
    for (int round = 0; round < 8 && !is_between; round++) {
        int64_t closure_s = time(NULL) + 8; /* time for entering on a busy machine */
        make_auction(&h, closure_s, id);
        enter(&h, id);
        int64_t number = atoll(id + 4);
        char recorded[120], closed[120];
        snprintf(recorded, sizeof recorded, "SELECT COALESCE(MAX(is_recorded), 0) FROM run WHERE auction_id = %lld", (long long)number);
        snprintf(closed, sizeof closed, "SELECT COUNT(*) FROM auction WHERE id = %lld AND status = 'closed'", (long long)number);
        for (int i = 0; i < 60000 && look(store, recorded) != 1; i++)
            usleep(500);
        stop(server, SIGKILL);
        is_between = fixture_number(store, closed) == 1 && fixture_number(store, recorded) == 1;
        if (is_between) { /* as recorded, but for the price */
            fixture_execute(store, "UPDATE auction_trade SET price_u = 12340000");
            assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade WHERE price_u = 12340000"), 0);
        }
        server = start(&h);
    }
    assert_true(is_between);
    assert_string_equal(wait_for_end(&h, id, status), "cleared");
    char all[200], loaded[200], count[200];
    snprintf(all, sizeof all, "SELECT COUNT(*) FROM book_trade WHERE auction_id = %s", id + 4);
    snprintf(loaded, sizeof loaded, "SELECT COUNT(*) FROM book_trade WHERE auction_id = %s AND price_u = 12340000", id + 4);
    snprintf(count, sizeof count, "SELECT COUNT(*) FROM auction_trade WHERE auction_id = %s", id + 4);
    assert_true(fixture_number(store, count) > 8);
    assert_int_equal(fixture_number(store, all), fixture_number(store, count));
    assert_int_equal(fixture_number(store, loaded), fixture_number(store, count));
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_position WHERE reserved_w <> 0"), 0);
    stop(server, SIGTERM);
    fg_store_close(store);
    hall_forget(&h);
}

static void test_random_kills(void **state)
{
    struct hall h;
    struct fg_random random;
    char id[32], status[32], text[300];
    hall_prepare(&h, state, NULL);
    struct fg_store *store = fixture_open_url(h.url);
    fg_random_init(&random, 20251125);
    pid_t server = start(&h);
    int64_t closure_s = time(NULL) + 8; /* time for entering on a busy machine */
    make_auction(&h, closure_s, id);
    int taken = enter(&h, id);
    int in_between = 0;
    while (time(NULL) < closure_s)
        hall_sleep(20);
    for (int k = 0; k < 4; k++) {
        /* The first one as soon as the auction is closed, the others at some moment. */
        for (int i = 0; i < 60000 && k == 0 && look(store, "SELECT COUNT(*) FROM auction WHERE status = 'closed'") != 1; i++)
            usleep(500);
        if (k > 0)
            hall_sleep(20 + (int)fg_random_below(&random, 300));
        stop(server, SIGKILL);
        in_between += fixture_number(store, "SELECT COUNT(*) FROM auction WHERE status = 'closed'") == 1;
        server = start(&h);
    }
    print_message("4 kills, %d of them between the closure and the result\n", in_between);
    assert_true(in_between > 0);
    assert_string_equal(wait_for_end(&h, id, status), "cleared");
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM auction_order WHERE status = 'entered'"), taken);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM auction_outcome"), taken);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_trade"), fixture_number(store, "SELECT COUNT(*) FROM auction_trade"));
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'auction.result'"), 1);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'run.done'"), 1);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM event WHERE type = 'auction.closed'"), 1);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM run"), 1);
    assert_int_equal(fixture_number(store, "SELECT COUNT(*) FROM book_position WHERE reserved_w <> 0"), 0);
    /* What is traded is what was accepted, per period. */
    snprintf(text, sizeof text,
             "SELECT COUNT(*) FROM (SELECT p.period FROM book_position p LEFT JOIN auction_trade t ON t.period = p.period WHERE "
             "p.portfolio_id = 10 GROUP BY p.period, p.traded_w HAVING p.traded_w <> COALESCE(SUM(t.quantity_w), 0)) x");
    assert_int_equal(fixture_number(store, text), 0);
    stop(server, SIGTERM);
    fg_store_close(store);
    hall_forget(&h);
}

int main(int argc, char **argv)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (argc == 4 && strcmp(argv[1], "--serve") == 0)
        serve(argv[2], argv[3], STDOUT_FILENO);
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_recorded_result_is_loaded),
        ON_BOTH(test_random_kills),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
