/* One seed, one market: the demonstration loaded twice for the same instant has the same orders, trades, settlement and invoices; another seed has
 * others. */
#include "support/store_fixture.h"

#include "base/text.h"
#include "cmd/demo.h"

/* fontconfig, which cairo asks for fonts, keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

static void quiet(const char *text)
{
    (void)text;
}

/* What the market is, without the instants at which things happened to come: a line for each row. */
static const struct {
    const char *table, *columns; /* the columns that may be null with COALESCE: null and anything is null, and the row would be left out */
} parts[] = {
    {"book_order", "id || ' ' || side || ' ' || product || ' ' || regulation || ' ' || COALESCE(portfolio_id, 0) || ' ' || "
                   "location_id || ' ' || first_period || ' ' || hex(quantity) || ' ' || hex(filled) || ' ' || hex(points) || ' ' || status"},
    {"book_trade", "id || ' ' || seller_id || ' ' || buyer_id || ' ' || period || ' ' || quantity_w || ' ' || price_u"},
    {"settlement_trade", "run_id || ' ' || trade_id || ' ' || delivered_ws || ' ' || paid_u || ' ' || penalty_u"},
    {"bill", "id || ' ' || organisation_id || ' ' || kind || ' ' || number || ' ' || gross"},
    {"asset", "id || ' ' || name || ' ' || technology || ' ' || p_min_w || ' ' || p_max_w || ' ' || COALESCE(metering_point, '-')"},
};

static void load(int64_t now_s, int64_t seed, struct fg_text *market)
{
    static struct demo demo;
    struct fg_error err = {0};
    char folder[] = "/tmp/flexgrid_seed_XXXXXX", command[100];
    assert_non_null(mkdtemp(folder));
    fixture_expect(demo_open(&demo, folder, now_s, seed, &err), &err);
    demo_load(&demo, FG_SOURCE_DIR "/examples/cigre_mv/network.json", quiet);
    demo_finish(&demo);
    fixture_expect(demo.err.code, &demo.err);
    demo_close(&demo);
    struct fg_store *store = fixture_open_url(folder);
    fg_text_init(market);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct fg_sql *sql;
        char query[600];
        int64_t rows, lines = 0;
        snprintf(query, sizeof query, "SELECT COUNT(*) FROM %s", parts[i].table);
        rows = fixture_number(store, query);
        snprintf(query, sizeof query, "SELECT group_concat(x, char(10)) FROM (SELECT %s AS x FROM %s ORDER BY 1)", parts[i].columns, parts[i].table);
        fixture_expect(fg_sql_prepare(store, query, &sql, &err), &err);
        fixture_expect(fg_sql_one(sql, &err), &err);
        const char *text = fg_sql_column_text(sql, 0);
        for (const char *at = text; at != NULL; at = strchr(at + 1, '\n'))
            lines++;
        print_message("seed %lld: %s has %lld rows\n", (long long)seed, parts[i].table, (long long)rows);
        assert_true(rows > 0);
        assert_int_equal(lines, rows);
        fg_text_printf(market, "%s\n\n", text);
        fg_sql_done(sql);
    }
    assert_true(fixture_number(store, "SELECT COUNT(*) FROM book_order WHERE portfolio_id IS NULL") > 0); /* requests are among them */
    fg_store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static void one_seed_one_market(void **state)
{
    (void)state;
    struct fg_text first, again;
    const int64_t now_s = 1774792800; /* 2026-03-29T14:00:00Z: the day on which Athens' clocks go forward */
    load(now_s, 1, &first);
    load(now_s, 1, &again);
    assert_true(first.length > 10000);
    if (strcmp(first.data, again.data) != 0) {
        size_t at = 0;
        while (first.data[at] == again.data[at])
            at++;
        fail_msg("the markets differ: ...%.200s... and ...%.200s...", first.data + at, again.data + at);
    }
    fg_text_release(&again);
    load(now_s, 2, &again);
    assert_true(strcmp(first.data, again.data) != 0);
    fg_text_release(&first);
    fg_text_release(&again);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_seed_one_market)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
