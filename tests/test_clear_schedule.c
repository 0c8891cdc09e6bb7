/* Published schedules under an independent auditor (schedule_audit.h): random markets with every kind of order, asset,
 * group, zone and balance on every physics, and the examples of the repository. Seeds are printed with what fails. */
#include "clear_fixture.h"
#include "schedule_audit.h"

#include "base/random.h"
#include "grid/network_json.h"
#include "toolkit/dfmct/market_file.h"

#ifdef __SANITIZE_ADDRESS__
enum { SEEDS = 12 };
#else
enum { SEEDS = 40 };
#endif
enum { PERIODS = 4, BUSES = 5, ASSETS = 6, ORDERS = 26 };
static const char *const bus_ids[] = {"0", "1", "2", "3", "4", "5"};

static bool chance(struct fg_random *random, double probability)
{
    return fg_random_unit(random) < probability;
}

static int64_t watts(struct fg_random *random, int low_kw, int high_kw)
{
    return 1000 * (low_kw + (int64_t)fg_random_below(random, (uint64_t)(high_kw - low_kw + 1)));
}

static void add_asset(struct fg_market *market, struct fg_random *random, int index)
{
    char id[16], owner[16];
    snprintf(id, sizeof id, "a%d", index);
    snprintf(owner, sizeof owner, "s%d", index % 3);
    struct fg_asset *asset = fg_market_add_asset(market, id, fg_market_participant(market, owner), bus_ids[1 + index % BUSES]);
    assert_non_null(asset);
    if (chance(random, 0.5)) { /* an inverter at work */
        struct fg_power *base = fg_market_profile(market);
        assert_non_null(base);
        for (int t = 0; t < PERIODS; t++)
            base[t].w = watts(random, 0, 100);
        asset->baseline_p = base;
        asset->s_max.w = watts(random, 120, 250);
    }
    if (chance(random, 0.4)) {
        asset->p_max.w = watts(random, 110, 300);
        asset->p_min.w = -watts(random, 0, 200);
    }
    if (chance(random, 0.3)) {
        asset->q_max.w = watts(random, 20, 100);
        asset->q_min.w = -watts(random, 20, 100);
    }
    if (chance(random, 0.3))
        asset->ramp_per_hour.w = watts(random, 50, 200);
    if (chance(random, 0.4)) {
        asset->energy_up.ws = watts(random, 50, 300) * 3600;
        asset->energy_down.ws = watts(random, 50, 300) * 3600;
    }
    if (chance(random, 0.3)) {
        asset->energy_max.ws = watts(random, 20, 200) * 3600;
        asset->energy_min.ws = -watts(random, 20, 200) * 3600;
    }
    if (chance(random, 0.3)) {
        static const int64_t half[] = {500000, 250000};
        int64_t *rebound = fg_arena_alloc(&market->arena, 2, sizeof *rebound);
        assert_non_null(rebound);
        memcpy(rebound, half, sizeof half);
        asset->rebound_u = rebound;
        asset->rebound_count = chance(random, 0.5) ? 2 : 1;
    }
}

static void add_order(struct fg_market *market, struct fg_random *random, int index)
{
    char id[16], owner[16];
    bool buys = chance(random, 0.35);
    int32_t asset = (int32_t)fg_random_below(random, ASSETS);
    enum fg_regulation regulation = chance(random, 0.6) ? FG_REGULATION_UP : FG_REGULATION_DOWN;
    int first = (int)fg_random_below(random, PERIODS), count = 1 + (int)fg_random_below(random, (uint64_t)(PERIODS - first));
    snprintf(id, sizeof id, "o%d", index);
    snprintf(owner, sizeof owner, buys ? "b%d" : "s%d", buys ? index % 2 : asset % 3);
    struct draft draft = draft_of(market, id, owner, buys ? FG_SIDE_BUY : FG_SIDE_SELL, regulation,
                                  buys ? bus_ids[1 + fg_random_below(random, BUSES)] : market->assets[asset].bus, first, count, 0.3,
                                  buys ? fg_random_between(random, 20, 120) : fg_random_between(random, -10, 90));
    draft.point.price.uper_mwh = draft.point.price.uper_mwh / 10000 * 10000;
    for (int k = 0; k < count; k++)
        draft.quantity[k].w = watts(random, 10, 300);
    if (chance(random, 0.15))
        draft.order.product = FG_PRODUCT_REACTIVE;
    if (buys && chance(random, 0.5)) {
        draft.order.kind = FG_REQUEST_NEED;
        if (chance(random, 0.7)) {
            draft.order.location_kind = FG_LOCATION_ZONE;
            draft.order.location = NULL;
            draft.order.zone = (int32_t)fg_random_below(random, 3);
        }
    }
    if (!buys)
        draft.order.asset = asset;
    draft.order.block = chance(random, 0.3);
    if (chance(random, 0.35))
        draft.order.min_fraction_u = chance(random, 0.4) ? FG_FRACTION_ONE : (int64_t)fg_random_below(random, 800001);
    bool is_one = draft.order.block || count == 1;
    if (is_one && chance(random, 0.4))
        draft.order.group = (int32_t)fg_random_below(random, 3);
    if (is_one && draft.order.group < 0 && chance(random, 0.3))
        for (size_t i = 0; i < market->order_count; i++)
            if (fg_order_has_one_fraction(&market->orders[i]) && market->orders[i].participant == draft.order.participant)
                draft.order.parent = (int32_t)i;
    draft.order.quantity = draft.quantity;
    draft.order.points = &draft.point;
    struct fg_error err = {0};
    if (fg_order_check(market, &draft.order, &err) == FG_REFUSAL_NONE) /* a few combinations are refused; others come */
        submit(market, &draft);
}

static struct fg_market *random_market(uint64_t seed, enum fg_market_physics physics)
{
    static const char *const inner[] = {"4", "5"}, *const outer[] = {"3", "4", "5"}, *const other[] = {"1"};
    static const enum fg_group_kind kinds[] = {FG_GROUP_EXCLUSIVE_ONE, FG_GROUP_EXCLUSIVE_SUM, FG_GROUP_MULTIPART};
    struct fg_random random;
    fg_random_init(&random, seed);
    struct fg_market *market = market_of(PERIODS, fg_random_between(&random, -5, 60), physics);
    market->balance = chance(&random, 0.4) ? FG_BALANCE_CLOSED : FG_BALANCE_IMBALANCE;
    market->pricing = (enum fg_pricing)fg_random_below(&random, 3);
    assert_non_null(fg_market_add_zone(market, "inner", inner, 2));
    assert_non_null(fg_market_add_zone(market, "outer", outer, 3));
    assert_non_null(fg_market_add_zone(market, "other", other, 1));
    for (int g = 0; g < 3; g++) {
        char id[16];
        snprintf(id, sizeof id, "g%d", g);
        assert_non_null(fg_market_add_group(market, id, kinds[g]));
    }
    for (int b = 1; b <= BUSES; b++) {
        struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
        struct fg_baseline *row = fg_market_add_baseline(market, FG_BASELINE_BUS, bus_ids[b]);
        assert_true(p != NULL && q != NULL && row != NULL);
        for (int t = 0; t < PERIODS; t++) {
            p[t].w = -watts(&random, 0, 450);
            q[t].w = -watts(&random, 0, 80);
        }
        row->p = p;
        row->q = q;
    }
    for (int a = 0; a < ASSETS; a++)
        add_asset(market, &random, a);
    for (int i = 0; i < ORDERS; i++)
        add_order(market, &random, i);
    return market;
}

/* Limits of assets, needs and balances hold to the watt; only where none but indivisible and linked orders could give way
 * may a rounded schedule miss one, by two ticks at the most and in few markets. */
static void random_markets(enum fg_market_physics physics, uint64_t seeds)
{
    size_t accepted = 0, orders = 0;
    uint64_t inexact = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct fg_network *network = feeder(BUSES, 0.02, 0.02, 1.1);
        struct fg_market *market = random_market(seed, physics);
        struct fg_clear_result *result = cleared(network, market);
        if (result->status == FG_CLEAR_FAILED)
            fail_msg("seed %llu: %s", (unsigned long long)seed, result->explanation);
        inexact += schedule_audit(market, result, 0.5, true) > 0;
        int findings = schedule_audit(market, result, 2.0 * (double)market->tick.w + 0.5, false);
        if (findings > 0)
            fail_msg("seed %llu, physics %s: %d findings", (unsigned long long)seed, fg_market_physics_words[physics], findings);
        for (size_t i = 0; i < market->order_count; i++)
            accepted += result->fraction[i] > 0;
        orders += market->order_count;
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
    print_message("%zu of %zu orders accepted, at least in part; %llu of %llu markets with a rule missed by a tick\n", accepted,
                  orders, (unsigned long long)inexact, (unsigned long long)seeds);
    assert_true(6 * inexact <= seeds + 6);
    assert_true(accepted > orders / 10 && accepted < orders);
}

static void on_ac(void **state)
{
    (void)state;
    random_markets(FG_MARKET_AC, SEEDS);
}

static void on_lindistflow(void **state)
{
    (void)state;
    random_markets(FG_MARKET_LINDISTFLOW, SEEDS);
}

static void on_dc(void **state)
{
    (void)state;
    random_markets(FG_MARKET_DC, SEEDS);
}

static void on_none(void **state)
{
    (void)state;
    random_markets(FG_MARKET_NONE, SEEDS);
}

/* The auditor itself: a schedule that is changed by hand is found out. */
static void planted_errors_are_found(void **state)
{
    (void)state;
    struct fg_network *network = feeder(BUSES, 0.02, 0.02, 1.1);
    int found = 0, planted = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct fg_market *market = random_market(seed, FG_MARKET_DC);
        struct fg_clear_result *result = cleared(network, market);
        for (size_t i = 0; i < market->order_period_count; i++) {
            int64_t kept = result->accepted[i].w;
            result->accepted[i].w = kept > 0 ? kept / 2 : 500000;
            planted++;
            found += schedule_audit(market, result, 0.5, true) > 0;
            result->accepted[i].w = kept;
        }
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
    }
    print_message("%d of %d changed quantities found\n", found, planted);
    assert_true(found > 9 * planted / 10);
    fg_network_destroy(network);
}

static void examples(void **state)
{
    (void)state;
    static const char *const names[] = {"ieee33", "ieee69", "cigre_mv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        struct fg_error err = {0};
        struct fg_network *network;
        struct fg_market *market;
        snprintf(path, sizeof path, FG_SOURCE_DIR "/examples/%s/network.json", names[i]);
        must(fg_network_json_read(path, &network, &err), &err);
        snprintf(path, sizeof path, FG_SOURCE_DIR "/examples/%s/market.json", names[i]);
        must(fg_market_read(path, &market, &err), &err);
        struct fg_clear_result *result = cleared(network, market);
        assert_int_equal(result->status, FG_CLEAR_CLEARED);
        assert_int_equal(schedule_audit(market, result, 0.5, false), 0);
        fg_clear_result_destroy(result);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_none),  cmocka_unit_test(on_dc), cmocka_unit_test(on_lindistflow),
        cmocka_unit_test(on_ac),    cmocka_unit_test(planted_errors_are_found), cmocka_unit_test(examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
