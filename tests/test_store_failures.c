/* What goes wrong around a database: each gives a clear error with a remedy, and nothing is lost. Full disks and power cuts of SQLite are
 * in test_store_crash.c, lost connections and kills in test_store_kill.c, versions in test_store_backup.c. */
#include "support/store_fixture.h"

#include "base/memory.h"
#include "base/text.h"
#include "store/lease.h"
#include "store/series.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_rows(struct fg_store *store, int count)
{
    struct fg_error err = {0};
    char text[100];
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "INSERT INTO meta (name, value) VALUES ('key %d', 'value')", i);
        fixture_execute(store, text);
    }
    fixture_expect(fg_store_commit(store, &err), &err);
}

/* Everybody may write everywhere as root: the child gives that up. */
static void a_read_only_folder_is_told(void **state)
{
    (void)state;
    char url[200], path[256];
    struct fg_error err = {0};
    fixture_url(FG_STORE_SQLITE, url);
    struct fg_store *store = fixture_open_url(url);
    make_rows(store, 3);
    fg_store_close(store);
    snprintf(path, sizeof path, "%s/flexgrid.db", url);
    assert_int_equal(chmod(fixture_folder, 0755) | chmod(path, 0444) | chmod(url, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        if (fg_store_open(url, NULL, &store, &err) != FG_ERR_UNAVAILABLE)
            _exit(1);
        _exit(strstr(err.text, "write permission") != NULL ? 0 : 2);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(url, 0700) | chmod(path, 0600), 0);
    store = fixture_open_url(url);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM meta WHERE value = 'value'"), 3);
    fg_store_close(store);
}

static void overwrite(const char *url, long offset, const char *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/flexgrid.db", url);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
    close(fd);
}

static void a_damaged_file_is_told(void **state)
{
    (void)state;
    char url[200], zeros[8192] = {0};
    struct fg_error err = {0};
    fixture_url(FG_STORE_SQLITE, url);
    struct fg_store *store = fixture_open_url(url);
    make_rows(store, 500);
    fg_store_close(store);
    memset(zeros, 0xee, sizeof zeros);
    overwrite(url, 4096, zeros, sizeof zeros);
    enum fg_code code = fg_store_open(url, NULL, &store, &err);
    if (code == FG_OK) {
        struct fg_sql *sql;
        bool row = true;
        code = fg_sql_prepare(store, "SELECT m.value, s.name, l.name FROM meta m, migration s, lease l, counter c", &sql, &err);
        while (code == FG_OK && row)
            code = fg_sql_next(sql, &row, &err);
        fg_store_close(store);
    }
    assert_int_equal(code, FG_ERR_CORRUPT);
    assert_non_null(strstr(err.text, "flexgrid restore"));
    overwrite(url, 0, "GIF89a, not a database", 22);
    assert_int_equal(fg_store_open(url, NULL, &store, &err), FG_ERR_CORRUPT);
}

static void a_foreign_file_is_left_alone(void **state)
{
    (void)state;
    char url[200], path[256];
    struct fg_error err = {0};
    struct fg_store *store;
    fixture_url(FG_STORE_SQLITE, url);
    assert_int_equal(mkdir(url, 0700), 0);
    snprintf(path, sizeof path, "%s/flexgrid.db", url);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(fg_store_open(url, &(struct fg_store_options){.create = true, .migrate = true}, &store, &err), FG_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "another program"));
    assert_int_equal(fg_store_open(path, NULL, &store, &err), FG_ERR_ARGUMENT); /* the file instead of its folder */
}

static void another_writer_is_told(void **state)
{
    char url[200];
    struct fg_error err = {0};
    fixture_url(*(enum fg_store_kind *)*state, url);
    struct fg_store *store = fixture_open_url(url), *other = NULL;
    fixture_expect(fg_store_open(url, &(struct fg_store_options){.busy_timeout_ms = 50}, &other, &err), &err);
    struct fg_lease lease;
    fixture_expect(fg_lease_acquire(store, "area", "a", 30, &lease, &err), &err);
    fixture_expect(fg_lease_begin(store, &lease, &err), &err);
    assert_int_equal(fg_lease_begin(other, &lease, &err), FG_ERR_BUSY);
    assert_non_null(strstr(err.text, "repeat"));
    fixture_expect(fg_store_commit(store, &err), &err);
    fixture_expect(fg_lease_begin(other, &lease, &err), &err);
    fg_store_rollback(other);
    fg_store_close(other);
    fg_store_close(store);
}

/* ---- Out of memory --------------------------------------------------------------------------------------------------*/

static long sqlite_left; /* allocations until SQLite's own fail; 0: never */
static sqlite3_mem_methods system_memory;

static void *failing_malloc(int size)
{
    return sqlite_left > 0 && --sqlite_left == 0 ? (sqlite_left = 1, NULL) : system_memory.xMalloc(size);
}

static void *failing_realloc(void *block, int size)
{
    return sqlite_left > 0 && --sqlite_left == 0 ? (sqlite_left = 1, NULL) : system_memory.xRealloc(block, size);
}

static int install_failing_memory(void **state)
{
    sqlite3_mem_methods methods;
    sqlite3_shutdown();
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
    methods = system_memory;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    return store_group_setup(state);
}

/* Opening, a transaction with a series, a read: FG_OK or the first error. */
static enum fg_code some_work(const char *url, int64_t id, struct fg_error *err)
{
    struct fg_store *store;
    struct fg_series series;
    struct fg_sample sample = {.time_s = id * 900, .value.integer = id};
    struct fg_samples samples = {0};
    enum fg_code code = fg_store_open(url, NULL, &store, err);
    if (code != FG_OK)
        return code;
    code = fg_store_begin(store, FG_STORE_WRITE, err);
    if (code == FG_OK)
        code = fg_series_find(store, "meter", &series, err);
    if (code == FG_OK)
        code = fg_series_write(store, &series, &sample, 1, id, NULL, err);
    if (code == FG_OK)
        code = fg_store_commit(store, err);
    else
        fg_store_rollback(store);
    if (code == FG_OK)
        code = fg_series_read(store, &series, 0, 900 * 1000, FG_SERIES_NOW, &samples, err);
    fg_samples_release(&samples);
    fg_store_close(store);
    return code;
}

static void every_failing_allocation_is_told(void **state)
{
    char url[200];
    enum fg_store_kind kind = *(enum fg_store_kind *)*state;
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    struct fg_series series = {.kind = FG_SERIES_INT64, .step_s = 900, .keep_history = true};
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(fg_series_create(store, "meter", &series, &err), &err);
    fixture_expect(fg_store_commit(store, &err), &err);
    fg_store_close(store);
    enum fg_code code = FG_ERR_MEMORY;
    int64_t id = 0;
    for (long n = 1; code != FG_OK; n++) {
        fg_alloc_fail_after(n);
        code = some_work(url, ++id, &err);
        fg_alloc_fail_after(0);
        assert_true(code == FG_OK || code == FG_ERR_MEMORY);
        assert_true(n < 1000);
    }
    code = FG_ERR_MEMORY;
    for (long n = 1; kind == FG_STORE_SQLITE && code != FG_OK; n += n < 60 ? 1 : 23) {
        sqlite_left = n;
        code = some_work(url, ++id, &err);
        bool untouched = sqlite_left > 1;
        sqlite_left = 0;
        if (code != FG_OK && code != FG_ERR_MEMORY && code != FG_ERR_OUTCOME && code != FG_ERR_IO)
            fail_msg("SQLite's allocation %ld: %s: %s", n, fg_code_slug(code), err.text);
        assert_true(code != FG_OK || untouched || n < 100000);
    }
    fixture_expect(some_work(url, ++id, &err), &err);
}

/* ---- A full disk under PostgreSQL: needs a file system of its own, so root -------------------------------------------*/

static void a_full_server_disk_is_told(void **state)
{
    char url[200], command[600];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    snprintf(command, sizeof command, "mkdir -p %s/small && mount -t tmpfs -o size=4m none %s/small 2>/dev/null && mkdir %s/small/t && chown postgres %s/small/t",
             fixture_server.folder, fixture_server.folder, fixture_server.folder, fixture_server.folder);
    if (geteuid() != 0 || system(command) != 0) {
        print_message("no file system can be mounted here\n");
        fg_store_close(store);
        skip();
    }
    snprintf(command, sizeof command, "CREATE TABLESPACE small LOCATION '%s/small/t'", fixture_server.folder);
    fixture_execute(store, command);
    fixture_execute(store, "CREATE TABLE big (id BIGINT NOT NULL PRIMARY KEY, bytes BYTEA) TABLESPACE small");
    fixture_execute(store, "ALTER TABLE big ALTER bytes SET STORAGE EXTERNAL");
    static unsigned char bytes[100000];
    enum fg_code code = FG_OK;
    int64_t written = 0;
    while (code == FG_OK && written < 1000) {
        struct fg_sql *sql;
        fixture_expect(fg_sql_prepare(store, "INSERT INTO big (id, bytes) VALUES ($1, $2)", &sql, &err), &err);
        fg_sql_int64(sql, 1, written);
        fg_sql_blob(sql, 2, bytes, sizeof bytes);
        code = fg_sql_run(sql, NULL, &err);
        written += code == FG_OK;
    }
    assert_int_equal(code, FG_ERR_FULL);
    assert_non_null(strstr(err.text, "free some"));
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM big"), written);
    fixture_execute(store, "DROP TABLE big");
    fixture_execute(store, "DROP TABLESPACE small");
    fg_store_close(store);
    snprintf(command, sizeof command, "umount %s/small", fixture_server.folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_only_folder_is_told),
        cmocka_unit_test(a_damaged_file_is_told),
        cmocka_unit_test(a_foreign_file_is_left_alone),
        ON_BOTH(another_writer_is_told),
        ON_BOTH(every_failing_allocation_is_told),
        {"a_full_server_disk_is_told", a_full_server_disk_is_told, NULL, NULL, &fixture_postgresql},
    };
    return cmocka_run_group_tests(tests, install_failing_memory, store_group_teardown);
}
