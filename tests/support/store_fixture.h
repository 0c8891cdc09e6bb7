/* Tests that run on both back ends: a fresh, migrated database of its own for each test.
 *
 * A group's setup is store_group_setup; each test takes the back end from its `state` and calls fixture_open. Tests on PostgreSQL
 * skip when no server is installed. */
#ifndef FG_TESTS_STORE_FIXTURE_H
#define FG_TESTS_STORE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/store.h"
#include "support/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct postgres fixture_server;
static bool fixture_has_server;
static char fixture_folder[64];
static int fixture_count;

static inline int store_group_setup(void **state)
{
    (void)state;
    strcpy(fixture_folder, "/tmp/flexgrid_store_XXXXXX");
    if (mkdtemp(fixture_folder) == NULL)
        return -1;
    fixture_has_server = postgres_start(&fixture_server);
    return 0;
}

static inline int store_group_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", fixture_folder);
    if (fixture_has_server)
        postgres_remove(&fixture_server);
    return system(command);
}

/* URL of a database that does not hold anything yet. */
static inline void fixture_url(enum fg_store_kind kind, char url[200])
{
    char name[32];
    snprintf(name, sizeof name, "db%d", ++fixture_count);
    if (kind == FG_STORE_SQLITE) {
        snprintf(url, 200, "%s/%s", fixture_folder, name);
    } else {
        if (!fixture_has_server)
            skip();
        postgres_database(&fixture_server, name, url);
    }
}

static inline void fixture_expect(enum fg_code code, const struct fg_error *err)
{
    if (code != FG_OK)
        fail_msg("%s: %s: %s", fg_code_slug(code), err->place, err->text);
}

static inline struct fg_store *fixture_open_url(const char *url)
{
    struct fg_error err = {0};
    struct fg_store *store = NULL;
    fixture_expect(fg_store_open(url, &(struct fg_store_options){.create = true, .migrate = true}, &store, &err), &err);
    return store;
}

/* `state` is the test's initial state: a pointer to an enum fg_store_kind. */
static inline struct fg_store *fixture_open(void **state, char url[200])
{
    fixture_url(*(enum fg_store_kind *)*state, url);
    return fixture_open_url(url);
}

static inline void fixture_execute(struct fg_store *store, const char *text)
{
    struct fg_error err = {0};
    fixture_expect(fg_store_execute(store, text, &err), &err);
}

/* The one number that a query gives. */
static inline int64_t fixture_number(struct fg_store *store, const char *text)
{
    struct fg_error err = {0};
    struct fg_sql *sql;
    fixture_expect(fg_sql_prepare(store, text, &sql, &err), &err);
    fixture_expect(fg_sql_one(sql, &err), &err);
    int64_t number = fg_sql_column_int64(sql, 0);
    fg_sql_done(sql);
    return number;
}

__attribute__((unused)) static enum fg_store_kind fixture_sqlite = FG_STORE_SQLITE, fixture_postgresql = FG_STORE_POSTGRESQL;
#define ON_BOTH(test)                                                                                                  \
    {#test " (SQLite)", test, NULL, NULL, &fixture_sqlite}, {#test " (PostgreSQL)", test, NULL, NULL, &fixture_postgresql}

#endif
