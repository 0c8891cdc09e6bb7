/* SIGKILL at random moments. A child commits transactions and acknowledges each through a pipe; the parent kills it (or, on
 * PostgreSQL every other time, all processes of the server), opens the database and counts: every acknowledged transaction is there
 * exactly once, none half. FG_KILLS: number of kills for each back end (a few by default; `make kill`: 200). */
#include "support/store_fixture.h"

#include "base/random.h"
#include "store/lease.h"
#include "store/series.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const tables[] = {
    "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, bytes BLOB) STRICT;"
    "CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id)) STRICT",
    "CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY, bytes BYTEA);"
    "CREATE TABLE b (id BIGINT NOT NULL PRIMARY KEY, a BIGINT NOT NULL REFERENCES a (id))"};

static enum fg_code add(struct fg_store *store, const char *text, int64_t id, const void *bytes, size_t size, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, id);
    if (bytes != NULL)
        fg_sql_blob(sql, 2, bytes, size);
    return fg_sql_queue(sql, err);
}

/* Transaction `id` under a lease: rows in two tables, a counter, a meter value. */
static enum fg_code transact(struct fg_store *store, const struct fg_lease *lease, const struct fg_series *series, int64_t id,
                             struct fg_error *err)
{
    static unsigned char bytes[5000];
    struct fg_sample sample = {.time_s = id * 900, .value.integer = id * id};
    int64_t first;
    enum fg_code code = fg_lease_begin(store, lease, err);
    if (code == FG_OK)
        code = add(store, "INSERT INTO a (id, bytes) VALUES ($1, $2)", id, bytes, (size_t)(id * 37 % 5000), err);
    if (code == FG_OK)
        code = add(store, "INSERT INTO b (id, a) VALUES (2 * $1, $1)", id, NULL, 0, err);
    if (code == FG_OK)
        code = add(store, "INSERT INTO b (id, a) VALUES (2 * $1 + 1, $1)", id, NULL, 0, err);
    if (code == FG_OK)
        code = fg_store_next(store, "transactions", 1, &first, err);
    if (code == FG_OK)
        code = fg_series_write(store, series, &sample, 1, id, NULL, err);
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

/* The child: from `next` on for ever; each number goes into the pipe after its commit. */
static void work(const char *url, int64_t next, int pipe)
{
    struct fg_store *store;
    struct fg_lease lease;
    struct fg_series series;
    struct fg_error err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fg_store_open(url, NULL, &store, &err) == FG_OK && fg_series_find(store, "meter", &series, &err) == FG_OK &&
        fg_lease_acquire(store, "area", "child", 60, &lease, &err) == FG_OK)
        while (transact(store, &lease, &series, next, &err) == FG_OK) {
            if (write(pipe, &next, sizeof next) != sizeof next)
                break;
            next++;
        }
    _exit(err.code == FG_ERR_OUTCOME || err.code == FG_ERR_UNAVAILABLE ? 0 : 1); /* the server was killed under it */
}

/* Whole transactions 1 ... n; anything else fails the test. */
static int64_t count_whole(struct fg_store *store)
{
    struct fg_error err = {0};
    struct fg_series series;
    struct fg_samples samples = {0};
    int64_t n = fixture_number(store, "SELECT count(*) FROM a");
    assert_int_equal(fixture_number(store, "SELECT coalesce(max(id), 0) FROM a"), n);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM b"), 2 * n);
    assert_int_equal(fixture_number(store, "SELECT coalesce(max(id), 1) FROM b"), 2 * n + 1);
    assert_int_equal(fixture_number(store, "SELECT coalesce(max(last), 0) FROM counter WHERE name = 'transactions'"), n);
    fixture_expect(fg_series_find(store, "meter", &series, &err), &err);
    fixture_expect(fg_series_read(store, &series, 0, (n + 10) * 900, FG_SERIES_NOW, &samples, &err), &err);
    assert_int_equal(samples.count, n);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(samples.items[i].value.integer, (i + 1) * (i + 1));
    fg_samples_release(&samples);
    return n;
}

static void acknowledged_transactions_survive_kills(void **state)
{
    enum fg_store_kind kind = *(enum fg_store_kind *)*state;
    const char *wanted = getenv("FG_KILLS");
    int kills = wanted != NULL ? atoi(wanted) : 6;
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    struct fg_series series = {.kind = FG_SERIES_INT64, .unit = "Ws", .step_s = 900, .keep_history = true};
    fixture_execute(store, tables[kind]);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(fg_series_create(store, "meter", &series, &err), &err);
    fixture_expect(fg_store_commit(store, &err), &err);
    fg_store_close(store);
    uint64_t seed = 815;
    struct fg_random random;
    fg_random_init(&random, seed);
    int64_t acknowledged = 0, in_flight = 0;
    for (int kill_number = 0; kill_number < kills; kill_number++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            work(url, acknowledged + 1, ends[1]);
        close(ends[1]);
        int64_t number;
        /* It has begun; then somewhere in its first 100 ms. */
        assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
        acknowledged = number;
        usleep((useconds_t)fg_random_below(&random, 100000));
        bool kill_server = kind == FG_STORE_POSTGRESQL && kill_number % 2 == 1;
        if (kill_server)
            postgres_kill(&fixture_server);
        else
            kill(child, SIGKILL);
        while (read(ends[0], &number, sizeof number) == sizeof number)
            acknowledged = number;
        close(ends[0]);
        int status;
        waitpid(child, &status, 0);
        if (kill_server)
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (kill_server)
            postgres_restart(&fixture_server);
        store = fixture_open_url(url);
        /* The session of a killed client may still be committing: the lease row makes us wait for it. */
        struct fg_lease lease;
        fixture_expect(fg_lease_acquire(store, "area", "child", 60, &lease, &err), &err);
        int64_t found = count_whole(store);
        if (found < acknowledged || found > acknowledged + 1)
            fail_msg("seed %llu, kill %d: %lld acknowledged, %lld found", (unsigned long long)seed, kill_number, (long long)acknowledged,
                     (long long)found);
        in_flight += found > acknowledged;
        acknowledged = found;
        fg_store_close(store);
    }
    print_message("seed %llu: %d kills, %lld transactions whole, %lld committed but not yet acknowledged when killed\n",
                  (unsigned long long)seed, kills, (long long)acknowledged, (long long)in_flight);
}

/* A session that vanishes from under the client: the next use says so, nothing half stays, and reconnecting works. */
static void a_cut_connection_is_told(void **state)
{
    char url[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url), *other = fixture_open_url(url);
    fixture_execute(store, tables[FG_STORE_POSTGRESQL]);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_execute(store, "INSERT INTO a (id) VALUES (1)");
    fixture_number(other, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    assert_int_equal(fg_store_commit(store, &err), FG_ERR_OUTCOME);
    assert_int_equal(fg_store_begin(store, FG_STORE_WRITE, &err), FG_ERR_UNAVAILABLE);
    fixture_expect(fg_store_reconnect(store, &err), &err);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM a"), 0);
    /* A whole server that is away: told at once, and well again when it is back. */
    postgres_stop(&fixture_server);
    enum fg_code code = fg_store_begin(store, FG_STORE_WRITE, &err);
    assert_int_equal(code, FG_ERR_UNAVAILABLE);
    assert_int_equal(fg_store_reconnect(store, &err), FG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "check that it runs"));
    postgres_restart(&fixture_server);
    fixture_expect(fg_store_reconnect(store, &err), &err);
    fixture_execute(store, "INSERT INTO a (id) VALUES (1)");
    fg_store_close(other);
    fg_store_close(store);
}

/* A holder that is stopped inside a transaction keeps the row locked; the server takes its locks away within seconds, another takes
 * over, and the first one finds itself fenced when it wakes. */
static void a_stopped_holder_loses_its_lease(void **state)
{
    char url[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    struct fg_lease lease;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct fg_store *own;
        struct fg_lease mine;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fg_store_open(url, NULL, &own, NULL) != FG_OK || fg_lease_acquire(own, "area", "stopped", 1, &mine, NULL) != FG_OK ||
            fg_lease_begin(own, &mine, NULL) != FG_OK || fg_store_execute(own, "INSERT INTO meta VALUES ('late', 'x')", NULL) != FG_OK ||
            write(ends[1], "x", 1) != 1)
            _exit(9);
        raise(SIGSTOP);
        enum fg_code code = fg_store_commit(own, NULL);
        if (code == FG_OK)
            _exit(8);
        if (fg_store_reconnect(own, NULL) != FG_OK)
            _exit(7);
        _exit(fg_lease_begin(own, &mine, NULL) == FG_ERR_FENCED ? 0 : 6);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    enum fg_code code;
    int tries = 0;
    while ((code = fg_lease_acquire(store, "area", "successor", 30, &lease, &err)) == FG_ERR_BUSY && tries++ < 20)
        usleep(500000);
    fixture_expect(code, &err);
    assert_int_equal(lease.epoch, 2);
    kill(child, SIGCONT);
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM meta WHERE name = 'late'"), 0);
    fg_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(acknowledged_transactions_survive_kills),
        {"a_cut_connection_is_told", a_cut_connection_is_told, NULL, NULL, &fixture_postgresql},
        {"a_stopped_holder_loses_its_lease", a_stopped_holder_loses_its_lease, NULL, NULL, &fixture_postgresql},
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
