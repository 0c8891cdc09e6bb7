/* One seed, one market: the demonstration loaded twice for the same instant has the same orders, trades, settlement and invoices; another seed has
 * others. A day on which the clocks change has its 92 periods. */
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

/* What the market is, without the instants at which things happened to come. */
static const char *const queries[] = {
    "SELECT group_concat(id || ' ' || side || ' ' || product || ' ' || regulation || ' ' || portfolio_id || ' ' || location_id || ' ' || first_period || ' ' || "
    "hex(quantity) || ' ' || hex(filled) || ' ' || hex(points) || ' ' || status, char(10)) FROM (SELECT * FROM book_order ORDER BY id)",
    "SELECT group_concat(id || ' ' || seller_id || ' ' || buyer_id || ' ' || period || ' ' || quantity_w || ' ' || price_u, char(10)) FROM (SELECT * FROM "
    "book_trade ORDER BY id)",
    "SELECT group_concat(trade_id || ' ' || delivered_ws || ' ' || paid_u || ' ' || penalty_u, char(10)) FROM (SELECT * FROM settlement_trade ORDER BY trade_id)",
    "SELECT group_concat(organisation_id || ' ' || kind || ' ' || number || ' ' || gross, char(10)) FROM (SELECT * FROM bill ORDER BY id)",
    "SELECT group_concat(name || ' ' || technology || ' ' || p_min_w || ' ' || p_max_w || ' ' || metering_point, char(10)) FROM (SELECT * FROM asset ORDER BY id)",
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
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct fg_sql *sql;
        fixture_expect(fg_sql_prepare(store, queries[i], &sql, &err), &err);
        fixture_expect(fg_sql_one(sql, &err), &err);
        fg_text_printf(market, "%s\n\n", fg_sql_column_text(sql, 0));
        fg_sql_done(sql);
    }
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
