/* Connections, statements, transactions and leases of the store, on both back ends. Invariants: src/store/README.md. */
#include "support/store_fixture.h"

#include "store/lease.h"

#include <math.h>

static const char *const portable_table[] = {
    "CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, name TEXT UNIQUE, share REAL, bytes BLOB, part INTEGER REFERENCES item (id), "
    "kind INTEGER NOT NULL DEFAULT 0, CONSTRAINT positive CHECK (share >= 0)) STRICT",
    "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name TEXT COLLATE \"C\" UNIQUE, share DOUBLE PRECISION, bytes BYTEA, "
    "part BIGINT REFERENCES item (id), kind BIGINT NOT NULL DEFAULT 0, CONSTRAINT positive CHECK (share >= 0))"};

static struct fg_store *open_with_items(void **state, char url[200])
{
    struct fg_store *store = fixture_open(state, url);
    fixture_execute(store, portable_table[fg_store_kind_of(store)]);
    return store;
}

static enum fg_code insert(struct fg_store *store, int64_t id, const char *name, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "INSERT INTO item (id, name) VALUES ($1, $2)", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, id);
    fg_sql_text(sql, 2, name);
    return fg_sql_run(sql, NULL, err);
}

static void values_come_back_as_they_were(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    static const int64_t ids[] = {INT64_MIN, -1, 0, INT64_MAX};
    static const double shares[] = {0.0, 4.9406564584124654e-324, 1.7976931348623157e308, INFINITY};
    static const unsigned char bytes[] = {0, 1, 255, 0};
    for (size_t i = 0; i < 4; i++) {
        struct fg_sql *sql;
        int64_t changes;
        fixture_expect(fg_sql_prepare(store, "INSERT INTO item (id, name, share, bytes) VALUES ($1, $4, $3, $2)", &sql, &err), &err);
        fg_sql_int64(sql, 1, ids[i]);
        fg_sql_blob(sql, 2, bytes, i);
        fg_sql_double(sql, 3, shares[i]);
        if (i < 3)
            fg_sql_text_n(sql, 4, "\xce\xb1\xce\xb2", 2 * i);
        fixture_expect(fg_sql_run(sql, &changes, &err), &err);
        assert_int_equal(changes, 1);
    }
    struct fg_sql *sql;
    fixture_expect(fg_sql_prepare(store, "SELECT id, name, share, bytes, part FROM item ORDER BY id", &sql, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        bool row;
        size_t size;
        fixture_expect(fg_sql_next(sql, &row, &err), &err);
        assert_true(row);
        assert_true(fg_sql_column_int64(sql, 0) == ids[i]);
        assert_true(fg_sql_column_double(sql, 2) == shares[i]);
        assert_memory_equal(fg_sql_column_blob(sql, 3, &size), bytes, i);
        assert_int_equal(size, i);
        assert_int_equal(fg_sql_column_is_null(sql, 1), i == 3);
        if (i < 3)
            assert_memory_equal(fg_sql_column_text(sql, 1), "\xce\xb1\xce\xb2", 2 * i);
        assert_true(fg_sql_column_is_null(sql, 4));
        assert_int_equal(fg_sql_column_int64(sql, 4), 0);
    }
    bool row;
    fixture_expect(fg_sql_next(sql, &row, &err), &err);
    assert_false(row);
    fg_store_close(store);
}

static void arithmetic_is_64_bits_wide(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    struct fg_sql *sql;
    fixture_expect(fg_sql_prepare(store, "SELECT $1 + 1, $2 || 'b', $3 * 2.0, $1", &sql, &err), &err);
    fg_sql_int64(sql, 1, 3000000000000);
    fg_sql_text(sql, 2, "a");
    fg_sql_double(sql, 3, 0.125);
    fixture_expect(fg_sql_one(sql, &err), &err);
    assert_true(fg_sql_column_int64(sql, 0) == 3000000000001);
    assert_string_equal(fg_sql_column_text(sql, 1), "ab");
    assert_true(fg_sql_column_double(sql, 2) == 0.25);
    fg_sql_done(sql);
    /* The same statement with a null, then with another type. */
    fixture_expect(fg_sql_prepare(store, "SELECT $1 + 1, $2 || 'b', $3 * 2.0, $1", &sql, &err), &err);
    fg_sql_text(sql, 2, "c");
    fixture_expect(fg_sql_one(sql, &err), &err);
    assert_true(fg_sql_column_is_null(sql, 0));
    fg_sql_done(sql);

    fixture_execute(store, "INSERT INTO item (id) VALUES (4000000000), (4000000001), (-5000000000)");
    assert_true(fixture_number(store, "SELECT sum(id) FROM item") == 3000000001);
    assert_true(fixture_number(store, "SELECT count(*) FROM item") == 3);
    fixture_execute(store, "INSERT INTO item (id) VALUES (-1000000000000)");
    assert_true(fixture_number(store, "SELECT sum(id) FROM item") == -996999999999);
    fg_store_close(store);
}

static void text_sorts_by_bytes(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    static const char *const sorted[] = {"B", "Z", "_", "a", "b", "\xc3\xa4"};
    for (int64_t i = 5; i >= 0; i--)
        fixture_expect(insert(store, i, sorted[i], &err), &err);
    struct fg_sql *sql;
    bool row;
    fixture_expect(fg_sql_prepare(store, "SELECT name FROM item ORDER BY name", &sql, &err), &err);
    for (int i = 0; i < 6; i++) {
        fixture_expect(fg_sql_next(sql, &row, &err), &err);
        assert_string_equal(fg_sql_column_text(sql, 0), sorted[i]);
    }
    fg_sql_done(sql);
    fg_store_close(store);
}

static void constraints_name_their_key(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    fixture_expect(insert(store, 1, "one", &err), &err);
    assert_int_equal(insert(store, 2, "one", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(fg_store_constraint(store).kind, FG_CONSTRAINT_UNIQUE);
    assert_string_equal(fg_store_constraint(store).key, "item.name");
    assert_int_equal(insert(store, 1, "two", &err), FG_ERR_CONSTRAINT);
    assert_string_equal(fg_store_constraint(store).key, "item.id");
    assert_int_equal(fg_store_execute(store, "INSERT INTO item (id, part) VALUES (3, 99)", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(fg_store_constraint(store).kind, FG_CONSTRAINT_REFERENCE);
    assert_int_equal(fg_store_execute(store, "INSERT INTO item (id, share) VALUES (3, -1.0)", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(fg_store_constraint(store).kind, FG_CONSTRAINT_CHECK);
    assert_string_equal(fg_store_constraint(store).key, "positive");
    assert_int_equal(fg_store_execute(store, "INSERT INTO item (id, kind) VALUES (3, NULL)", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(fg_store_constraint(store).kind, FG_CONSTRAINT_NOT_NULL);
    assert_string_equal(fg_store_constraint(store).key, "item.kind");
    assert_int_equal(fg_store_execute(store, "INSERT INTO item (id, share) VALUES (3, 'much')", &err), FG_ERR_VALUE);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), 1);
    fg_store_close(store);
}

static void transactions_are_whole(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url), *reader = fixture_open_url(url);
    struct fg_error err = {0};
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(insert(store, 1, "one", &err), &err);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM item"), 0);
    fg_store_rollback(store);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), 0);

    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(insert(store, 1, "one", &err), &err);
    fixture_expect(fg_store_commit(store, &err), &err);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM item"), 1);

    /* A failed statement ends the transaction's life. */
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(insert(store, 2, "two", &err), &err);
    assert_int_equal(insert(store, 3, "two", &err), FG_ERR_CONSTRAINT);
    assert_int_equal(insert(store, 4, "four", &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_store_commit(store, &err), FG_ERR_ARGUMENT);
    assert_false(fg_store_in_transaction(store));
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM item"), 1);

    /* A reading transaction sees one state and cannot write. */
    fixture_expect(fg_store_begin(reader, FG_STORE_READ, &err), &err);
    fixture_expect(insert(store, 5, "five", &err), &err);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM item"), 1);
    assert_int_equal(insert(reader, 6, "six", &err), FG_ERR_ARGUMENT);
    fg_store_rollback(reader);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM item"), 2);
    fg_store_close(reader);
    fg_store_close(store);
}

/* Write skew: each of two transactions reads what the other changes. Under a serialisable order one must fail. */
static void write_skew_is_refused(void **state)
{
    char url[200];
    fixture_url(*(enum fg_store_kind *)*state, url);
    struct fg_store_options options = {.create = true, .migrate = true, .busy_timeout_ms = 50};
    struct fg_store *a, *b;
    struct fg_error err = {0};
    fixture_expect(fg_store_open(url, &options, &a, &err), &err);
    fixture_expect(fg_store_open(url, &options, &b, &err), &err);
    fixture_execute(a, portable_table[fg_store_kind_of(a)]);
    fixture_execute(a, "INSERT INTO item (id, share) VALUES (1, 1.0), (2, 1.0)");
    fixture_expect(fg_store_begin(a, FG_STORE_WRITE, &err), &err);
    enum fg_code code = fg_store_begin(b, FG_STORE_WRITE, &err);
    if (code == FG_OK) {
        assert_int_equal(fixture_number(a, "SELECT count(*) FROM item WHERE share > 0.0"), 2);
        assert_int_equal(fixture_number(b, "SELECT count(*) FROM item WHERE share > 0.0"), 2);
        fixture_execute(a, "UPDATE item SET share = 0.0 WHERE id = 1");
        fixture_execute(b, "UPDATE item SET share = 0.0 WHERE id = 2");
        fixture_expect(fg_store_commit(a, &err), &err);
        code = fg_store_commit(b, &err);
    } else {
        fg_store_rollback(a);
    }
    assert_int_equal(code, FG_ERR_BUSY);
    assert_true(fixture_number(a, "SELECT count(*) FROM item WHERE share > 0.0") >= 1);
    fg_store_close(a);
    fg_store_close(b);
}

static void queued_statements_run_in_order(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    struct fg_sql *sql;
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (int64_t i = 1; i <= 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%lld", (long long)i);
        fixture_expect(fg_sql_prepare(store, "INSERT INTO item (id, name, part) VALUES ($1, $2, $3)", &sql, &err), &err);
        fg_sql_int64(sql, 1, i);
        fg_sql_text(sql, 2, name);
        if (i > 1)
            fg_sql_int64(sql, 3, i - 1);
        fixture_expect(fg_sql_queue(sql, &err), &err);
    }
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), 1000);
    fixture_expect(fg_store_commit(store, &err), &err);
    assert_int_equal(fixture_number(store, "SELECT sum(part) FROM item"), 499500);

    /* The error of a queued statement comes at the commit at the latest, and nothing of the transaction stays. */
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    enum fg_code code = FG_OK;
    for (int64_t i = 2000; i >= 1000 && code == FG_OK; i--) {
        fixture_expect(fg_sql_prepare(store, "INSERT INTO item (id) VALUES ($1)", &sql, &err), &err);
        fg_sql_int64(sql, 1, i);
        code = fg_sql_queue(sql, &err);
    }
    if (code == FG_OK)
        code = fg_store_commit(store, &err);
    else
        fg_store_rollback(store);
    assert_int_equal(code, FG_ERR_CONSTRAINT);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), 1000);
    fixture_expect(insert(store, 5000, "after", &err), &err);
    fg_store_close(store);
}

/* Insert one gathered row with a share of `factor` times its id, or change the share; `part` of 0 and an odd row's bytes stay
 * null, so that types show only later. */
static enum fg_code gather_row(struct fg_store *store, int64_t id, int64_t part, double factor, struct fg_error *err)
{
    char name[32];
    struct fg_sql *sql;
    snprintf(name, sizeof name, id % 7 == 0 ? "" : "n%lld", (long long)id);
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO item (id, name, share, bytes, part, kind) VALUES ($1, $2, $4, $3, $5, 2) "
                                       "ON CONFLICT (id) DO UPDATE SET share = excluded.share",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, id);
    fg_sql_text(sql, 2, id % 7 == 0 ? NULL : name);
    if (id % 2 == 0)
        fg_sql_blob(sql, 3, "\0\1\2", id % 4 == 0 ? 0 : 3);
    fg_sql_double(sql, 4, factor * (double)id);
    if (part != 0)
        fg_sql_int64(sql, 5, part);
    return fg_sql_gather(sql, err);
}

static void gathered_rows_are_all_there(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    struct fg_sql *sql;
    const int64_t counts[] = {1, 7, 8, 31, 32, 33, 45, 100};
    int64_t next = 1;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
        for (int64_t i = 0; i < counts[c]; i++, next++)
            fixture_expect(gather_row(store, next, next > 60 ? next - 60 : 0, 0.5, &err), &err);
        assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), next - 1); /* a read comes after them */
        fixture_expect(fg_store_commit(store, &err), &err);
        assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), next - 1);
    }
    int64_t n = next - 1;
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE name IS NULL"), n / 7);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE bytes IS NULL"), (n + 1) / 2);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE length(bytes) = 0"), n / 4);
    assert_int_equal(fixture_number(store, "SELECT sum(part) FROM item"), (n - 60) * (n - 59) / 2);
    assert_int_equal(fixture_number(store, "SELECT sum(kind) FROM item"), 2 * n);
    fixture_expect(fg_sql_prepare(store, "SELECT sum(share) FROM item", &sql, &err), &err);
    fixture_expect(fg_sql_one(sql, &err), &err);
    assert_true(fg_sql_column_double(sql, 0) == 0.25 * (double)n * (double)(n + 1));
    fg_sql_done(sql);

    /* Conflicting rows are updated; more statements than wait at a time; texts that cannot be repeated. */
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    for (int64_t i = 1; i <= 40; i++)
        fixture_expect(gather_row(store, i, 0, 0.75, &err), &err);
    for (int64_t i = 0; i < 20; i++) {
        char text[160];
        snprintf(text, sizeof text, "INSERT INTO item (id, kind) VALUES ($1, %lld)", (long long)i);
        fixture_expect(fg_sql_prepare(store, text, &sql, &err), &err);
        fg_sql_int64(sql, 1, 10000 + i);
        fixture_expect(fg_sql_gather(sql, &err), &err);
        fixture_expect(fg_sql_prepare(store, "INSERT INTO item (id, kind) VALUES (abs($1), $2)", &sql, &err), &err);
        fg_sql_int64(sql, 1, -(20000 + i));
        fg_sql_int64(sql, 2, i);
        fixture_expect(fg_sql_gather(sql, &err), &err);
    }
    fixture_expect(fg_store_commit(store, &err), &err);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), n + 40);
    assert_int_equal(fixture_number(store, "SELECT sum(kind) FROM item WHERE id >= 10000"), 2 * 190);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE id <= 40 AND share = 0.75 * id"), 40);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE id < 10000 AND share = 0.5 * id"), n - 40);

    /* What was gathered is rolled back with its transaction, and an error comes at the commit at the latest. */
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(gather_row(store, 30001, 0, 0.5, &err), &err);
    fg_store_rollback(store);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    enum fg_code code = FG_OK;
    for (int64_t i = 0; i < 3 && code == FG_OK; i++)
        code = gather_row(store, 30010 + i, i == 1 ? 77777 : 0, 0.5, &err);
    code = code == FG_OK ? fg_store_commit(store, &err) : (fg_store_rollback(store), code);
    assert_int_equal(code, FG_ERR_CONSTRAINT);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE id > 30000"), 0);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(gather_row(store, 30001, 0, 0.5, &err), &err);
    fixture_expect(fg_store_commit(store, &err), &err);
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item WHERE id > 30000"), 1);
    fg_store_close(store);
}

static void misuse_is_told(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    struct fg_sql *sql, *inner;
    bool row;
    fixture_expect(fg_sql_prepare(store, "SELECT id FROM item WHERE id = $1", &sql, &err), &err);
    fg_sql_double(sql, 1, NAN);
    assert_int_equal(fg_sql_next(sql, &row, &err), FG_ERR_VALUE);
    fixture_expect(fg_sql_prepare(store, "SELECT id FROM item WHERE id = $1", &sql, &err), &err);
    fg_sql_int64(sql, 2, 1);
    assert_int_equal(fg_sql_next(sql, &row, &err), FG_ERR_VALUE);
    assert_non_null(strstr(err.text, "$2"));
    fixture_expect(fg_sql_prepare(store, "SELECT id FROM item WHERE name = $1", &sql, &err), &err);
    fg_sql_text_n(sql, 1, "\xf0\x9f\x94", 3); /* ends inside a character */
    assert_int_equal(fg_sql_next(sql, &row, &err), FG_ERR_VALUE);
    fixture_expect(fg_sql_prepare(store, "SELECT id FROM item WHERE name = $1", &sql, &err), &err);
    fg_sql_text_n(sql, 1, "a\0b", 3);
    assert_int_equal(fg_sql_next(sql, &row, &err), FG_ERR_VALUE);
    assert_int_equal(fg_sql_prepare(store, "SELECT $65", &sql, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_sql_prepare(store, "SELECT '$65' /* $99 */ -- $77", &sql, &err), FG_OK);
    enum fg_code code = fg_sql_prepare(store, "SELEKT 1", &sql, &err); /* PostgreSQL tells when it runs */
    if (code == FG_OK)
        code = fg_sql_next(sql, &row, &err);
    assert_int_equal(code, FG_ERR_ARGUMENT);
    fixture_expect(fg_sql_prepare(store, "INSERT INTO item (id) VALUES (7) RETURNING id", &sql, &err), &err);
    assert_int_equal(fg_sql_one(sql, &err), FG_ERR_ARGUMENT);

    /* The same text while its rows are read: another statement. */
    fixture_execute(store, "INSERT INTO item (id) VALUES (1), (2), (3)");
    int64_t pairs = 0;
    fixture_expect(fg_sql_prepare(store, "SELECT id FROM item", &sql, &err), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        fixture_expect(fg_sql_prepare(store, "SELECT id FROM item", &inner, &err), &err);
        assert_ptr_not_equal(inner, sql);
        while (fg_sql_next(inner, &row, &err) == FG_OK && row)
            pairs++;
    }
    assert_int_equal(pairs, 9);
    fg_store_close(store);

    static const char *const wrong[] = {"", "sqlite:", "mysql://host/db"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fg_store_open(wrong[i], NULL, &store, &err), FG_ERR_ARGUMENT);
    assert_int_equal(fg_store_open("/nowhere/at/all", NULL, &store, &err), FG_ERR_UNAVAILABLE);
    assert_int_equal(fg_store_open("postgresql://u:secret@127.0.0.1:1/x?password=hidden&connect_timeout=1", NULL, &store, &err),
                     FG_ERR_UNAVAILABLE);
    assert_null(strstr(err.text, "secret"));
    assert_null(strstr(err.place, "secret"));
    assert_null(strstr(err.place, "hidden"));
}

static void counters_have_no_gaps(void **state)
{
    char url[200];
    struct fg_store *store = fixture_open(state, url);
    struct fg_error err = {0};
    int64_t first;
    assert_int_equal(fg_store_next(store, "invoice", 1, &first, &err), FG_ERR_ARGUMENT);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(fg_store_next(store, "invoice", 1, &first, &err), &err);
    assert_int_equal(first, 1);
    fixture_expect(fg_store_next(store, "invoice", 10, &first, &err), &err);
    assert_int_equal(first, 2);
    fixture_expect(fg_store_commit(store, &err), &err);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(fg_store_next(store, "invoice", 5, &first, &err), &err);
    fg_store_rollback(store);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(fg_store_next(store, "invoice", 1, &first, &err), &err);
    assert_int_equal(first, 12);
    fg_store_rollback(store);
    fg_store_close(store);
}

static void leases_fence_off_the_earlier_holder(void **state)
{
    char url[200];
    struct fg_store *a = fixture_open(state, url), *b = fixture_open_url(url);
    struct fg_error err = {0};
    struct fg_lease mine, other, seen;
    assert_int_equal(fg_lease_read(a, "area", &seen, &err), FG_ERR_NOT_FOUND);
    fixture_expect(fg_lease_acquire(a, "area", "node-a", 30, &mine, &err), &err);
    assert_int_equal(mine.epoch, 1);
    assert_int_equal(fg_lease_acquire(b, "area", "node-b", 30, &other, &err), FG_ERR_BUSY);
    assert_non_null(strstr(err.text, "node-a"));
    fixture_expect(fg_lease_begin(a, &mine, &err), &err);
    fixture_expect(fg_store_commit(a, &err), &err);
    fixture_expect(fg_lease_renew(a, &mine, 0, &err), &err); /* runs out at once, nobody has taken it: still ours */
    fixture_expect(fg_lease_begin(a, &mine, &err), &err);
    fixture_expect(fg_store_commit(a, &err), &err);
    fixture_expect(fg_lease_acquire(b, "area", "node-b", 30, &other, &err), &err);
    assert_int_equal(other.epoch, 2);
    assert_int_equal(fg_lease_begin(a, &mine, &err), FG_ERR_FENCED);
    assert_false(fg_store_in_transaction(a));
    assert_int_equal(fg_lease_renew(a, &mine, 30, &err), FG_ERR_FENCED);
    fixture_expect(fg_lease_release(a, &mine, &err), &err); /* changes nothing */
    fixture_expect(fg_lease_read(a, "area", &seen, &err), &err);
    assert_string_equal(seen.holder, "node-b");
    assert_true(seen.expires_us == other.expires_us);
    /* A restart of the same node raises the epoch too: its earlier process may still run. */
    fixture_expect(fg_lease_acquire(b, "area", "node-b", 30, &seen, &err), &err);
    assert_int_equal(seen.epoch, 3);
    assert_int_equal(fg_lease_begin(b, &other, &err), FG_ERR_FENCED);
    fixture_expect(fg_lease_release(b, &seen, &err), &err);
    fixture_expect(fg_lease_acquire(a, "area", "node-a", 30, &mine, &err), &err);
    assert_int_equal(mine.epoch, 4);
    fg_store_close(a);
    fg_store_close(b);
}

static void reconnecting_gives_a_fresh_session(void **state)
{
    char url[200];
    struct fg_store *store = open_with_items(state, url);
    struct fg_error err = {0};
    char before[FG_INCARNATION_TEXT], after[FG_INCARNATION_TEXT];
    fixture_expect(fg_store_incarnation(store, before, &err), &err);
    assert_int_equal(strlen(before), 32);
    fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
    fixture_expect(insert(store, 1, "lost", &err), &err);
    fixture_expect(fg_store_reconnect(store, &err), &err);
    assert_false(fg_store_in_transaction(store));
    assert_int_equal(fixture_number(store, "SELECT count(*) FROM item"), 0);
    fixture_expect(fg_store_incarnation(store, after, &err), &err);
    assert_string_equal(before, after);
    int64_t first_us, second_us;
    fixture_expect(fg_store_begin(store, FG_STORE_READ, &err), &err);
    fixture_expect(fg_store_clock(store, &first_us, &err), &err);
    do
        fixture_expect(fg_store_clock(store, &second_us, &err), &err);
    while (second_us == first_us);
    assert_true(second_us > first_us && first_us > 1700000000000000);
    fg_store_rollback(store);
    fg_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(values_come_back_as_they_were),
        ON_BOTH(arithmetic_is_64_bits_wide),
        ON_BOTH(text_sorts_by_bytes),
        ON_BOTH(constraints_name_their_key),
        ON_BOTH(transactions_are_whole),
        ON_BOTH(write_skew_is_refused),
        ON_BOTH(queued_statements_run_in_order),
        ON_BOTH(gathered_rows_are_all_there),
        ON_BOTH(misuse_is_told),
        ON_BOTH(counters_have_no_gaps),
        ON_BOTH(leases_fence_off_the_earlier_holder),
        ON_BOTH(reconnecting_gives_a_fresh_session),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
