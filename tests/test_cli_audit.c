/* flexgrid audit verify on a data folder, a backup and PostgreSQL: an intact log, a tampered one, a cut one with an anchor. */
#include "support/store_fixture.h"

#include "atp/audit.h"
#include "cli.h"

static void write_log(const char *url)
{
    struct fg_error err = {0};
    struct fg_store *store = fixture_open_url(url);
    for (int64_t i = 0; i < 30; i++) {
        struct fg_audit_entry entry = {.time_us = (INT64_C(1773133200) + i * 60) * 1000000, .actor = {.user = 3, .organisation = 2},
                                       .action = i % 2 == 0 ? "order.enter" : "order.cancel", .object = "ord-1"};
        fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
        fixture_expect(fg_audit_write(store, i < 20 ? "area-1" : FG_AUDIT_REGISTRY, &entry, &err), &err);
        fixture_expect(fg_store_commit(store, &err), &err);
    }
    fg_store_close(store);
}

static void change(const char *url, const char *text)
{
    struct fg_store *store = fixture_open_url(url);
    fixture_execute(store, text);
    fg_store_close(store);
}

/* The chain's object of a JSON answer. */
static json_t *chain_of(const struct cli_run *run, const char *name)
{
    json_t *root = json_loads(cli_out(run), 0, NULL), *found = NULL;
    assert_non_null(root);
    for (size_t i = 0; i < json_array_size(json_object_get(root, "chains")); i++) {
        json_t *item = json_array_get(json_object_get(root, "chains"), i);
        if (strcmp(json_string_value(json_object_get(item, "chain")), name) == 0)
            found = json_incref(item);
    }
    json_decref(root);
    assert_non_null(found);
    return found;
}

static void expect_broken(const char *arguments, const char *database, int64_t sequence, const char *reason)
{
    struct cli_run run = cli("audit verify '%s' --json %s", database, arguments);
    assert_int_equal(run.exit_code, 4);
    json_t *chain = chain_of(&run, "area-1"), *broken = json_object_get(chain, "broken");
    assert_int_equal(json_integer_value(json_object_get(broken, "sequence")), sequence);
    assert_non_null(strstr(json_string_value(json_object_get(broken, "reason")), reason));
    assert_false(json_is_true(json_object_get(chain, "intact")));
    json_decref(chain);
    cli_release(&run);
}

static void verify(void **state)
{
    char url[200], backup[100], anchor[120];
    struct cli_run run;
    fixture_url(*(enum fg_store_kind *)*state, url);
    write_log(url);
    run = cli("audit verify '%s'", url);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(cli_out(&run), "area-1: 20 entries fit, 1 to 20, 2026-03-10T09:00:00Z to 2026-03-10T09:19:00Z"));
    assert_non_null(strstr(cli_out(&run), "registry: 10 entries fit"));
    assert_non_null(strstr(cli_out(&run), "The audit log is intact.\n"));
    cli_release(&run);
    run = cli("audit verify '%s' --json", url);
    assert_int_equal(run.exit_code, 0);
    snprintf(anchor, sizeof anchor, "%s/anchor%d.json", cli_folder, fixture_count);
    FILE *file = fopen(anchor, "w");
    fputs(cli_out(&run), file);
    fclose(file);
    cli_release(&run);
    run = cli("audit verify '%s' --anchor %s", url, anchor);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);

    /* one entry changed: named, in the data and in a backup of them */
    change(url, "UPDATE audit SET object = 'ord-2' WHERE chain = 'area-1' AND sequence = 7");
    expect_broken("", url, 7, "not what was written");
    snprintf(backup, sizeof backup, "%s/log%d.fgb", cli_folder, fixture_count);
    run = cli("backup '%s' %s -q", url, backup);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    expect_broken("", backup, 7, "not what was written");
    char temporary[160]; /* longer than a short name */
    snprintf(temporary, sizeof temporary, "%s/a-temporary-folder-with-a-name-of-more-than-forty-letters", cli_folder);
    mkdir(temporary, 0700);
    setenv("TMPDIR", temporary, 1);
    run = cli("audit verify %s", backup);
    unsetenv("TMPDIR");
    assert_int_equal(run.exit_code, 4);
    assert_non_null(strstr(cli_out(&run), "area-1: 6 entries fit"));
    assert_non_null(strstr(cli_out(&run), "entry 7 does not fit"));
    assert_non_null(strstr(cli_out(&run), "2026-03-10T09:06:00Z, order.enter of ord-2"));
    assert_non_null(strstr(cli_out(&run), "The audit log is NOT intact."));
    cli_release(&run);
    run = cli("audit verify '%s' --chain registry", url); /* the other chain is whole */
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    run = cli("audit verify '%s' --from 2026-03-10T09:07:00Z", url);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    run = cli("audit verify '%s' --to 2026-03-10T09:06:00Z", url);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    change(url, "UPDATE audit SET object = 'ord-1' WHERE chain = 'area-1' AND sequence = 7");

    /* one taken out; the end cut off, which only the anchor shows */
    change(url, "DELETE FROM audit WHERE chain = 'area-1' AND sequence > 15");
    run = cli("audit verify '%s'", url);
    assert_int_equal(run.exit_code, 0);
    cli_release(&run);
    snprintf(backup, sizeof backup, "--anchor %s", anchor);
    expect_broken(backup, url, 16, "the end is missing");
    change(url, "DELETE FROM audit WHERE chain = 'area-1' AND sequence = 4");
    expect_broken("", url, 5, "an entry before this one is missing");
}

static void usage(void **state)
{
    (void)state;
    char path[160];
    static const struct {
        const char *arguments;
        int code;
        const char *text;
    } cases[] = {
        {"audit check /tmp", 2, "unknown action"},
        {"audit verify", 2, "too few operands"},
        {"audit verify /nowhere/at/all", 3, "/nowhere/at/all"},
        {"audit verify /tmp --from yesterday", 2, "--from"},
        {"audit verify /tmp --anchor /nowhere.json", 3, "/nowhere.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_run run = cli("%s", cases[i].arguments);
        if (run.exit_code != cases[i].code || strstr(cli_err(&run), cases[i].text) == NULL)
            fail_msg("%s: %d %s", cases[i].arguments, run.exit_code, cli_err(&run));
        cli_release(&run);
    }
    cli_write("bad.json", "{\"chains\":[{\"chain\":\"area-1\",\"sequence\":3,\"hash\":\"12\"}]}", path);
    struct cli_run run = cli("audit verify /tmp --anchor %s", path);
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(cli_err(&run), "64 hexadecimal digits"));
    cli_release(&run);
}

static int setup(void **state)
{
    return cli_setup(state) == 0 ? store_group_setup(state) : -1;
}
static int teardown(void **state)
{
    return store_group_teardown(state) | cli_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(verify), cmocka_unit_test(usage)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
