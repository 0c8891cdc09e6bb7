/* Older data folders. For every migration but the last: a database as the program of that time left it is brought to this version; every value of
 * every column that it had is there afterwards. Rows are in the tables of the store (meta, counter, lease), audit and idempotency; of the registry
 * (organisation, area, location, product, portfolio, asset, their assignments, person, app_user, prequalification); of trading
 * (area_state, book_position, book_trade); of settlement (settlement_rule, settlement_run, settlement_posting, booking). The others
 * are empty. What was traded and measured before the upgrade settles after it to the figures of docs/settlement.md. Without the
 * upgrade the database is refused. */
#include "settlement_fixture.h"

#include "atp/approval.h"
#include "atp/audit.h"
#include "atp/settlement.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli.h"
#include "store/document.h"
#include "store/migrate.h"
#include "store/series.h"

/* ---- every value of a database, in words ---- */
struct content {
    struct fg_text queries; /* one a line, made from the old columns */
    struct fg_text values;  /* their answers */
};

static const char *columns_of(enum fg_store_kind kind)
{
    return kind == FG_STORE_SQLITE
               ? "SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name <> 'migration' "
                 "AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.name"
               : "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> "
                 "'migration' ORDER BY 1, 2";
}

/* A query for each table that gives all its rows as one text. */
static void ask_for(struct fg_store *store, struct content *content)
{
    struct fg_error err = {0};
    struct fg_sql *sql;
    bool row, is_sqlite = fg_store_kind_of(store) == FG_STORE_SQLITE;
    char table[80] = "";
    fg_text_init(&content->queries);
    fixture_expect(fg_sql_prepare(store, columns_of(fg_store_kind_of(store)), &sql, &err), &err);
    for (;;) {
        fixture_expect(fg_sql_next(sql, &row, &err), &err);
        if (row && strcmp(table, fg_sql_column_text(sql, 0)) == 0) {
            fg_text_printf(&content->queries, is_sqlite ? " || ',' || quote(\"%s\")" : ", \"%s\"::text", fg_sql_column_text(sql, 1));
            continue;
        }
        if (table[0] != '\0')
            fg_text_printf(&content->queries, is_sqlite ? " AS x FROM \"%s\" ORDER BY 1)\n" : ") AS x FROM \"%s\") y\n", table);
        if (!row)
            break;
        snprintf(table, sizeof table, "%s", fg_sql_column_text(sql, 0));
        fg_text_printf(&content->queries,
                       is_sqlite ? "SELECT '%s: ' || COALESCE(group_concat(x, ' | '), '') FROM (SELECT quote(\"%s\")"
                                 : "SELECT '%s: ' || COALESCE(string_agg(x, ' | ' ORDER BY x), '') FROM (SELECT concat_ws(',', \"%s\"::text",
                       table, fg_sql_column_text(sql, 1));
    }
}

static void answer(struct fg_store *store, struct content *content)
{
    struct fg_error err = {0};
    char *copy = strdup(content->queries.data), *save = NULL;
    fg_text_init(&content->values);
    for (char *query = strtok_r(copy, "\n", &save); query != NULL; query = strtok_r(NULL, "\n", &save)) {
        struct fg_sql *sql;
        fixture_expect(fg_sql_prepare(store, query, &sql, &err), &err);
        fixture_expect(fg_sql_one(sql, &err), &err);
        fg_text_puts(&content->values, fg_sql_column_text(sql, 0));
        fg_text_puts(&content->values, "\n");
        fg_sql_done(sql);
    }
    free(copy);
}

/* ---- an old database ---- */
static bool has_table(struct fg_store *store, const char *statement)
{
    char name[80], query[300];
    if (sscanf(statement, "INSERT INTO %79[a-z_]", name) != 1)
        return false;
    snprintf(query, sizeof query,
             fg_store_kind_of(store) == FG_STORE_SQLITE ? "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '%s'"
                                                        : "SELECT count(*) FROM information_schema.tables WHERE table_name = '%s'",
             name);
    return fixture_number(store, query) > 0;
}

static const char *const more_rows[] = {
    "INSERT INTO counter (name, last) VALUES ('ord', 41)",
    "INSERT INTO lease (name, holder, epoch, expires_us) VALUES ('area-1', 'node-1', 7, 1)",
    "INSERT INTO person (id, created_us) VALUES (1, 3)",
    "INSERT INTO app_user (id, organisation_id, person_id, password_hash, duties, status, created_us, failed_logins, version) VALUES (1, 1, 1, 'hash', 31, "
    "'active', 4, 0, 2)",
    "INSERT INTO prequalification (id, portfolio_id, product_id, kind, status, up_w, down_w, asked_us, version) VALUES (1, 10, 1, 'product', 'approved', 5, 4, 0, "
    "1), (2, 10, 1, 'grid', 'approved', 6, 3, 0, 1)",
    /* of a day long ago, with figures that every_version looks for */
    "INSERT INTO area_state (area_id, time_us, next_priority, next_trade, book_sequence, event_sequence, epoch) VALUES (1, 17, 7000001, 901, 12, 13, 7)",
    "INSERT INTO book_position (area_id, portfolio_id, product, regulation, period, capability_w, reserved_w, open_w, traded_w, forwarded_w) VALUES "
    "(1, 10, 0, 0, 96, 7000002, 1, 2, 3, 4)",
    "INSERT INTO book_trade (area_id, id, sell_order_id, buy_order_id, initiator, seller_id, buyer_id, portfolio_id, buyer_portfolio_id, sell_contract_id, "
    "buy_contract_id, product, regulation, kind, conditional, period, sell_bus, buy_bus, sell_location_id, buy_location_id, quantity_w, concluded_w, price_u, "
    "time_us) VALUES (1, 900, 11, 12, 1, 3, 2, 10, 0, 0, 0, 0, 1, 1, 0, 96, -1, -1, 1, 1, 7000003, 7000004, -5, 6)",
    "INSERT INTO settlement_run (id, area_id, day, number, known_us, status, pending_count, trade_count, computed_by, computed_us, released_by, released_us, "
    "version) VALUES (900, 1, 1, 1, 8, 'released', 0, 1, 10, 9, 11, 10, 2)",
    "INSERT INTO settlement_posting (run_id, line, from_account, from_id, to_account, to_id, reason, trade_id, period, amount_u) VALUES "
    "(900, 1, 0, 2, 0, 3, 0, 900, 96, 7000005)",
    "INSERT INTO booking (id, area_id, day, run_id, bill_id, from_account, from_id, to_account, to_id, reason, trade_id, period, amount_u, booked_us) VALUES "
    "(900, 1, 1, 900, NULL, 0, 2, 0, 3, 0, 900, 96, 7000006, 12)",
};
/* Since which version a figure of the rows above is there. */
static const struct {
    int32_t since;
    const char *figure;
} figures[] = {{120, "7000001"}, {120, "7000002"}, {120, "7000003"}, {120, "7000004"}, {140, "7000005"}, {140, "7000006"}};

static struct fg_store *make_old(const char *url, int32_t last)
{
    struct fg_error err = {0};
    struct fg_store *store = NULL;
    fixture_expect(fg_store_open(url, &(struct fg_store_options){.create = true, .any_version = true}, &store, &err), &err);
    fixture_expect(fg_migrate_run_list(store, fg_migrations, fg_migration_count, last, &err), &err);
    for (size_t i = 0; i < sizeof world_rows / sizeof *world_rows; i++)
        if (has_table(store, world_rows[i]))
            fixture_execute(store, world_rows[i]);
    for (size_t i = 0; i < sizeof more_rows / sizeof *more_rows; i++)
        if (has_table(store, more_rows[i]))
            fixture_execute(store, more_rows[i]);
    if (has_table(store, "INSERT INTO audit")) {
        struct fg_audit_entry entry = {.time_us = 5, .actor = {.user = 1, .organisation = 1}, .action = "area.create", .object = "area-1"};
        fixture_expect(fg_store_begin(store, FG_STORE_WRITE, &err), &err);
        fixture_expect(fg_audit_write(store, FG_AUDIT_REGISTRY, &entry, &err), &err);
        fixture_expect(fg_store_commit(store, &err), &err);
    }
    return store;
}

/* A key of a request, kept before 0145 gave the table another shape. */
static void keep_answer(struct fg_store *store)
{
    static const char statement[] = "INSERT INTO idempotency";
    if (has_table(store, statement))
        fixture_execute(store, fg_store_kind_of(store) == FG_STORE_SQLITE
                                   ? "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) VALUES ('o', 'k', x'01', 201, 'm', x'02', 9)"
                                   : "INSERT INTO idempotency (owner, key, hash, status, media, body, expires_us) VALUES ('o', 'k', '\\x01', 201, 'm', '\\x02', 9)");
}

static void every_version(void **state)
{
    for (size_t m = 0; m + 1 < fg_migration_count; m++) {
        char url[200];
        struct fg_error err = {0};
        struct content before, after;
        struct fg_migrate_status status;
        struct fg_store *store;
        fixture_url(*(enum fg_store_kind *)*state, url);
        store = make_old(url, fg_migrations[m].number);
        keep_answer(store);
        ask_for(store, &before);
        answer(store, &before);
        assert_non_null(strstr(before.values.data, "incarnation"));
        if (fg_migrations[m].number >= 110)
            assert_non_null(strstr(before.values.data, "Flex Supply GmbH"));
        for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
            assert_int_equal(strstr(before.values.data, figures[i].figure) != NULL, fg_migrations[m].number >= figures[i].since);
        fg_store_close(store);
        assert_int_equal(fg_store_open(url, NULL, &store, &err), FG_ERR_VERSION); /* nothing works on it by accident */
        fixture_expect(fg_store_open(url, &(struct fg_store_options){.migrate = true}, &store, &err), &err);
        fixture_expect(fg_migrate_status(store, &status, &err), &err);
        assert_int_equal(status.pending_count, 0);
        after.queries = before.queries; /* the old columns, of tables that may have been made anew */
        answer(store, &after);
        if (strcmp(before.values.data, after.values.data) != 0)
            fail_msg("the upgrade from %04d changes values:\n%s\n---\n%s", (int)fg_migrations[m].number, before.values.data, after.values.data);
        fg_store_close(store);
        fg_text_release(&before.queries);
        fg_text_release(&before.values);
        fg_text_release(&after.values);
    }
}

/* ---- work goes on after it ---- */
static void write_value(struct fg_store *store, const char *name, int64_t time_s, int64_t energy_ws)
{
    struct fg_error err = {0};
    struct fg_series series = {.kind = FG_SERIES_INT64, .unit = "Ws", .step_s = QUARTER, .keep_history = true};
    struct fg_sample sample = {.time_s = time_s, .value.integer = energy_ws};
    struct fg_series_change done;
    fixture_expect(fg_series_create(store, name, &series, &err), &err);
    fixture_expect(fg_series_write(store, &series, &sample, 1, 1000000, &done, &err), &err);
}

struct settling {
    int64_t run, approval;
    int step;
};
static enum fg_code settle(struct fg_registry *registry, void *context, struct fg_error *err)
{
    struct settling *s = context;
    switch (s->step) {
    case 0: return fg_settlement_compute(registry, AREA, (struct fg_date){2025, 11, 24}, &s->run, err);
    case 1: return fg_settlement_ask(registry, s->run, &s->approval, err);
    case 2: return fg_approval_decide(registry, s->approval, true, err);
    default: return fg_settlement_run_release(registry, s->run, s->approval, err);
    }
}

static void settles_after(void **state)
{
    struct world w = {.now_us = INT64_C(1764050400) * 1000000}; /* 2025-11-25T06:00:00Z */
    const int64_t period = INT64_C(1763971200) / QUARTER;
    struct fg_error err = {0};
    fixture_url(*(enum fg_store_kind *)*state, w.url);
    w.store = make_old(w.url, 140);
    /* before: the trade, the declared baseline, the reading of docs/settlement.md */
    add_trade(&w, 1, PORTFOLIO, FG_REGULATION_UP, period, MW, 100 * EUR);
    fixture_execute(w.store, "INSERT INTO meter (id, area_id, portfolio_id, product, reporter_id, name, rank, created_us, version) VALUES (1, 1, 10, 0, 2, "
                             "'GR-1', 1, 0, 1)");
    fixture_expect(fg_store_begin(w.store, FG_STORE_WRITE, &err), &err);
    write_value(w.store, "baseline/10/0", period * QUARTER, -100 * KWH);
    write_value(w.store, "meter/1", period * QUARTER, 50 * KWH);
    fixture_expect(fg_store_commit(w.store, &err), &err);
    fg_store_close(w.store);

    struct cli_run run = cli("db status '%s'", w.url);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(cli_out(&run), "version 140, this program has version"));
    cli_release(&run);
    run = cli("db migrate '%s'", w.url);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(cli_out(&run), "; 0 to apply"));
    cli_release(&run);

    w.store = fixture_open_url(w.url);
    world_attach(&w);
    struct settling settling = {0};
    struct fg_principal clerk = somebody(FMO, 10, FG_ROLE_FMO), second = somebody(FMO, 11, FG_ROLE_FMO);
    for (settling.step = 0; settling.step < 4; settling.step++)
        fixture_expect(fg_registry_run(w.platform, settling.step == 2 ? &second : &clerk, FG_STORE_WRITE, settle, &settling, &err), &err);
    assert_int_equal(fixture_number(w.store, "SELECT paid_u FROM settlement_trade WHERE trade_id = 1"), 15 * EUR);
    assert_int_equal(fixture_number(w.store, "SELECT penalty_u FROM settlement_trade WHERE trade_id = 1"), 5250000);
    run = cli("audit verify '%s'", w.url); /* the old entry and the new ones are one chain */
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(cli_out(&run), "1970-01-01T00:00:00Z"));
    cli_release(&run);
    world_close(&w);
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
    const struct CMUnitTest tests[] = {ON_BOTH(every_version), ON_BOTH(settles_after)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
