/* Backup and restore, from either back end into either; migrations of older and newer databases. */
#include "support/store_fixture.h"

#include "base/text.h"
#include "cli.h"
#include "store/backup.h"
#include "store/document.h"
#include "store/lease.h"
#include "store/migrate.h"
#include "store/series.h"

#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Something in every table of the store, with rows that refer to others. */
static void fill(struct fg_store *store)
{
    struct fg_error err = {0};
    struct fg_lease lease;
    struct fg_series series = {.kind = FG_SERIES_INT64, .unit = "W", .step_s = 900, .keep_history = true};
    struct fg_document document = {.kind = "network", .name = "f\xc3\xbc\"r", .created_us = 1};
    struct fg_sample samples[300];
    fixture_expect(fg_lease_acquire(store, "area", "node", 30, &lease, &err), &err);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (int s = 0; s < 40; s++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", s);
        series.id = 0;
        fixture_expect(fg_series_create(store, name, &series, &err), &err);
        for (int i = 0; i < 300; i++)
            samples[i] = (struct fg_sample){(int64_t)i * 900 * 20, {.integer = (int64_t)i * s * 1000003}, 0};
        fixture_expect(fg_series_write(store, &series, samples, 300, 1, NULL, &err), &err);
        samples[7].value.integer = -1;
        fixture_expect(fg_series_write(store, &series, samples + 7, 1, 2, NULL, &err), &err);
    }
    fixture_expect(fg_document_put(store, &document, "{}", "abc\0def", 7, &err), &err);
    fixture_expect(fg_store_commit(store, &err), &err);
}

static void check_filled(struct fg_store *store)
{
    struct fg_error err = {0};
    struct fg_series series;
    struct fg_samples samples = {0};
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM series"), 40);
    assert_int_equal(fixture_number(store, "SELECT last FROM counter WHERE name = 'series'"), 40);
    assert_int_equal(fixture_number(store, "SELECT epoch FROM lease WHERE name = 'area'"), 1);
    fixture_expect(fg_series_find(store, "m39", &series, &err), &err);
    fixture_expect(fg_series_read(store, &series, 0, 900 * 6000, FG_SERIES_NOW, &samples, &err), &err);
    assert_int_equal(samples.count, 300);
    assert_int_equal(samples.items[7].value.integer, -1);
    assert_int_equal(samples.items[299].value.integer, (int64_t)299 * 39 * 1000003);
    fixture_expect(fg_series_read(store, &series, 0, 900 * 6000, 1, &samples, &err), &err);
    assert_int_equal(samples.items[7].value.integer, 7 * 39 * 1000003);
    fg_samples_release(&samples);
    struct fg_document document;
    struct fg_text content;
    fg_text_init(&content);
    fixture_expect(fg_document_get(store, "network", "f\xc3\xbc\"r", 0, &document, NULL, &content, &err), &err);
    assert_memory_equal(content.data, "abc\0def", 7);
    fg_text_release(&content);
}

static void backup_path(char path[160], const char *name)
{
    snprintf(path, 160, "%s/%s", fixture_folder, name);
}

static void restores_into(void **state, enum fg_store_kind target)
{
    char from[200], to[200], path[160], before[FG_INCARNATION_TEXT], after[FG_INCARNATION_TEXT];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, from);
    struct fg_backup_summary written, read;
    fill(store);
    backup_path(path, "b.fgb");
    fixture_expect(fg_backup_write(store, path, NULL, &written, &err), &err);
    fixture_expect(fg_store_incarnation(store, before, &err), &err);
    fixture_execute(store, "DELETE FROM series_chunk"); /* after the backup: not in it */
    fixture_expect(fg_backup_verify(path, &read, &err), &err);
    assert_int_equal(read.row_count, written.row_count);
    assert_int_equal(read.version, fg_migrations[fg_migration_count - 1].number);
    fixture_url(target, to);
    fixture_expect(fg_backup_restore(path, to, NULL, &read, &err), &err);
    struct fg_store *restored = NULL;
    fixture_expect(fg_store_open(to, NULL, &restored, &err), &err);
    check_filled(restored);
    fixture_expect(fg_store_incarnation(restored, after, &err), &err);
    assert_string_not_equal(before, after);
    /* Rules hold again after the restore, and nothing is overwritten. */
    assert_int_equal(fg_store_execute(restored, "INSERT INTO series_chunk (series_id, number, payload) VALUES (99, 1, '')", &err),
                     target == FG_STORE_SQLITE ? FG_ERR_VALUE : FG_ERR_CONSTRAINT);
    assert_int_equal(fg_store_execute(restored, "DELETE FROM series WHERE id = 1", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(fg_backup_restore(path, to, NULL, &read, &err), FG_ERR_ARGUMENT);
    check_filled(restored);
    fg_store_close(restored);
    fg_store_close(store);
}

static void backup_restores_into_sqlite(void **state)
{
    restores_into(state, FG_STORE_SQLITE);
}

static void backup_restores_into_postgresql(void **state)
{
    restores_into(state, FG_STORE_POSTGRESQL);
}

/* Every byte counts: a turned bit and a lost end are both found, and the target stays untouched. */
static void a_damaged_backup_is_refused(void **state)
{
    char url[200], path[160], broken[160], to[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    struct fg_backup_summary summary;
    fill(store);
    backup_path(path, "whole.fgb");
    backup_path(broken, "broken.fgb");
    fixture_url(FG_STORE_SQLITE, to); /* not made yet */
    fixture_expect(fg_backup_write(store, path, NULL, &summary, &err), &err);
    struct fg_text bytes;
    fg_text_init(&bytes);
    fixture_expect(fg_file_read(path, 1 << 30, &bytes, &err), &err);
    for (size_t i = 20; i < bytes.length; i += bytes.length / 40) {
        bytes.data[i] ^= 4;
        fixture_expect(fg_file_write(broken, bytes.data, bytes.length, &err), &err);
        assert_int_equal(fg_backup_restore(broken, to, NULL, &summary, &err), FG_ERR_CORRUPT);
        bytes.data[i] ^= 4;
        fixture_expect(fg_file_write(broken, bytes.data, i, &err), &err);
        assert_int_equal(fg_backup_restore(broken, to, NULL, &summary, &err), FG_ERR_CORRUPT);
    }
    fixture_expect(fg_file_write(broken, "{\"not\": \"a backup\"}", 19, &err), &err);
    assert_int_equal(fg_backup_verify(broken, &summary, &err), FG_ERR_SYNTAX);
    assert_int_equal(access(to, F_OK), -1);
    atomic_int interrupt = 1;
    assert_int_equal(fg_backup_write(store, broken, &interrupt, &summary, &err), FG_ERR_INTERRUPTED);
    assert_int_equal(fg_backup_restore(path, to, &interrupt, &summary, &err), FG_ERR_INTERRUPTED);
    fixture_expect(fg_backup_restore(path, to, NULL, &summary, &err), &err); /* the interrupted one left nothing */
    DIR *folder = opendir(fixture_folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        assert_null(strstr(entry->d_name, ".tmp-"));
    closedir(folder);
    fg_text_release(&bytes);
    fg_store_close(store);
}

/* A backup is one moment: a writer that always keeps two rows equal goes on meanwhile. */
static void a_backup_is_one_moment(void **state)
{
    char url[200], path[160], to[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url), *writer = fixture_open_url(url);
    struct fg_backup_summary summary;
    fixture_execute(store, "INSERT INTO counter (name, last) VALUES ('a', 0), ('z', 0)");
    fixture_execute(store, "INSERT INTO meta (name, value) VALUES ('twin', '0')");
    backup_path(path, "moment.fgb");
    fixture_expect(fg_store_begin(store, FG_STORE_READ, &err), &err);
    fixture_execute(writer, "UPDATE counter SET last = 5");
    assert_int_equal(fixture_number(store, "SELECT sum(last) FROM counter"), 0);
    fg_store_rollback(store);
    fixture_execute(writer, "UPDATE meta SET value = '5' WHERE name = 'twin'");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct fg_store *own;
        if (fg_store_open(url, NULL, &own, NULL) != FG_OK)
            _exit(1);
        for (;;)
            if (fg_store_begin(own, FG_STORE_WRITE, NULL) == FG_OK) {
                fg_store_execute(own, "UPDATE counter SET last = last + 1", NULL);
                fg_store_execute(own, "UPDATE meta SET value = (SELECT CAST(last AS TEXT) FROM counter WHERE name = 'a') WHERE name = 'twin'", NULL);
                fg_store_commit(own, NULL);
            }
    }
    while (fixture_number(writer, "SELECT max(last) FROM counter") == 5)
        usleep(10000); /* until it is at work */
    for (int i = 0; i < 5; i++) {
        fixture_expect(fg_backup_write(store, path, NULL, &summary, &err), &err);
        fixture_url(FG_STORE_SQLITE, to);
        fixture_expect(fg_backup_restore(path, to, NULL, &summary, &err), &err);
        struct fg_store *restored;
        fixture_expect(fg_store_open(to, NULL, &restored, &err), &err);
        assert_int_equal(fixture_number(restored, "SELECT max(last) - min(last) FROM counter"), 0);
        assert_int_equal(fixture_number(restored, "SELECT last FROM counter WHERE name = 'a'"),
                         fixture_number(restored, "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'twin'"));
        fg_store_close(restored);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    fg_store_close(writer);
    fg_store_close(store);
}

/* ---- Migrations -----------------------------------------------------------------------------------------------------*/

static const char digest_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void migrations_are_applied_once_and_whole(void **state)
{
    char url[200];
    struct fg_error err = {0};
    struct fg_store *store = fixture_open(state, url);
    struct fg_migration list[64];
    size_t count = fg_migration_count;
    assert_true(count + 2 <= sizeof list / sizeof list[0]);
    memcpy(list, fg_migrations, count * sizeof list[0]);
    list[count] = (struct fg_migration){9001, "thing", digest_a,
        "-- a comment with 'quotes and TEXT\nCREATE TABLE thing (id INTEGER NOT NULL PRIMARY KEY, word TEXT NOT NULL DEFAULT 'a -- TEXT; INTEGER', "
        "share REAL, bytes BLOB) STRICT;\n-- @sqlite INSERT INTO thing (id, word) VALUES (1, 'sqlite');\n"
        "-- @postgresql INSERT INTO thing (id, word) VALUES (1, 'postgresql');\nINSERT INTO thing (id) VALUES (2);\n"};
    fixture_expect(fg_migrate_run_list(store, list, count + 1, INT32_MAX, &err), &err);
    fixture_expect(fg_migrate_run_list(store, list, count + 1, INT32_MAX, &err), &err);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM thing WHERE word IN ('sqlite', 'postgresql')"), 1);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM thing WHERE word = 'a -- TEXT; INTEGER'"), 1);
    fixture_execute(store, "INSERT INTO thing (id, share, bytes) VALUES (5000000000, 0.5, NULL)");

    /* This program does not know 9001. */
    struct fg_store *older = NULL;
    assert_int_equal(fg_store_open(url, NULL, &older, &err), FG_ERR_VERSION);
    assert_non_null(strstr(err.text, "newer"));
    assert_int_equal(fg_store_open(url, &(struct fg_store_options){.migrate = true}, &older, &err), FG_ERR_VERSION);

    /* One that fails in its middle leaves nothing behind. */
    list[count + 1] = (struct fg_migration){9002, "bad", digest_a, "CREATE TABLE half (id INTEGER NOT NULL PRIMARY KEY) STRICT;\nINSERT INTO nowhere VALUES (1);\n"};
    assert_int_not_equal(fg_migrate_run_list(store, list, count + 2, INT32_MAX, &err), FG_OK);
    assert_int_not_equal(fg_store_execute(store, "SELECT * FROM half", &err), FG_OK);

    /* Another text under a number that is applied. */
    list[count].sha256 = fg_migrations[0].sha256;
    assert_int_equal(fg_migrate_run_list(store, list, count + 1, INT32_MAX, &err), FG_ERR_VERSION);
    assert_non_null(strstr(err.text, "9001"));
    fg_store_close(store);
}

static void an_empty_database_is_told_apart(void **state)
{
    char url[200];
    struct fg_error err = {0};
    struct fg_store *store = NULL;
    fixture_url(*(enum fg_store_kind *)*state, url);
    enum fg_code code = fg_store_open(url, NULL, &store, &err);
    assert_true(code == FG_ERR_UNAVAILABLE || code == FG_ERR_VERSION); /* no folder; no tables */
    assert_non_null(strstr(err.text, "flexgrid db migrate"));
    assert_null(store);
}

static void the_command_line_does_it(void **state)
{
    (void)state;
    assert_int_equal(cli_setup(NULL), 0);
    struct {
        const char *arguments;
        int exit_code;
        const char *said;
    } steps[] = {
        {"db status %s/data", 3, "flexgrid db migrate"},
        {"db migrate %s/data", 0, "0 to apply"},
        {"db status %s/data", 0, "0 to apply"},
        {"db mend %s/data", 2, "migrate, status"},
        {"backup %s/data %s/one.fgb", 0, "wrote and checked"},
        {"restore --check %s/one.fgb", 0, "whole"},
        {"restore %s/one.fgb %s/again", 0, "restored"},
        {"restore %s/one.fgb %s/again", 2, "already"},
        {"restore %s/one.fgb", 2, "usage"},
        {"backup %s/nowhere %s/x.fgb", 3, "no data folder"},
        {"backup %s/data %s/no/folder.fgb", 6, "cannot be written"},
        {"backup %s/data /dev/null", 2, "not a file"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char arguments[512];
        snprintf(arguments, sizeof arguments, steps[i].arguments, cli_folder, cli_folder);
        struct cli_run run = cli("%s", arguments);
        if (run.exit_code != steps[i].exit_code || (strstr(cli_out(&run), steps[i].said) == NULL && strstr(cli_err(&run), steps[i].said) == NULL))
            fail_msg("%s: exit %d, %s%s", arguments, run.exit_code, cli_out(&run), cli_err(&run));
        cli_release(&run);
    }
    cli_teardown(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(backup_restores_into_sqlite),
        ON_BOTH(backup_restores_into_postgresql),
        ON_BOTH(a_damaged_backup_is_refused),
        ON_BOTH(a_backup_is_one_moment),
        ON_BOTH(migrations_are_applied_once_and_whole),
        ON_BOTH(an_empty_database_is_told_apart),
        cmocka_unit_test(the_command_line_does_it),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
