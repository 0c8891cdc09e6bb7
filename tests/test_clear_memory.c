/* The n-th allocation of a clearing fails, for every n: an error and nothing left behind, or a whole result. */
#include "base/memory.h"
#include "clear_fixture.h"

/* Two periods of a feeder beyond its loadability in the second, with every kind of decision and rule: all-or-none, a
 * minimum, a block with a child, an exclusive pair, a need, a store, a circle; a rating in the first alone. */
static struct fg_market *small_market(enum fg_market_physics physics, bool closed)
{
    static const char *const buses[] = { "1", "2" };
    struct fg_market *market = market_of(2, 30, physics);
    market->balance = closed ? FG_BALANCE_CLOSED : FG_BALANCE_IMBALANCE;
    market->scale_load_u[1] = 12 * FG_FRACTION_ONE;
    assert_non_null(fg_market_add_zone(market, "zone", buses, 2));
    struct fg_asset *store = fg_market_add_asset(market, "store", fg_market_participant(market, "s"), "2");
    assert_non_null(store);
    store->s_max.w = 300000;
    store->energy_max.ws = INT64_C(300000) * 3600;
    fg_market_add_group(market, "pair", FG_GROUP_EXCLUSIVE_ONE);
    offer(market, "plain", FG_REGULATION_UP, "1", 0, 2, 0.2, 60);
    offer(market, "down", FG_REGULATION_DOWN, "1", 0, 2, 0.2, -80);
    for (int i = 0; i < 2; i++) {
        struct draft draft = draft_of(market, i ? "b" : "a", "s", FG_SIDE_SELL, FG_REGULATION_UP, "2", 0, 1, 0.1, i ? 55 : 50);
        draft.order.group = 0;
        draft.order.min_fraction_u = i ? FG_FRACTION_ONE : FG_FRACTION_ONE / 2;
        submit(market, &draft);
    }
    struct draft block = draft_of(market, "block", "s", FG_SIDE_SELL, FG_REGULATION_UP, "2", 0, 2, 0.2, 45);
    block.order.block = true;
    block.order.min_fraction_u = FG_FRACTION_ONE;
    block.order.asset = fg_market_find_asset(market, "store");
    int32_t parent = submit(market, &block);
    struct draft child = draft_of(market, "child", "s", FG_SIDE_SELL, FG_REGULATION_UP, "2", 1, 1, 0.1, 45);
    child.order.parent = parent;
    submit(market, &child);
    struct draft reactive = draft_of(market, "q", "s", FG_SIDE_SELL, FG_REGULATION_UP, "2", 0, 1, 0.1, 5);
    reactive.order.product = FG_PRODUCT_REACTIVE;
    reactive.order.asset = fg_market_find_asset(market, "store");
    submit(market, &reactive);
    struct fg_condition *rating = fg_market_add_condition(market, FG_CONDITION_RATING, "l2");
    assert_non_null(rating);
    rating->rating.w = 1900000;
    rating->period_count = 1;
    struct draft need = draft_of(market, "need", "operator", FG_SIDE_BUY, FG_REGULATION_UP, "2", 0, 1, 0.1, 70);
    need.order.kind = FG_REQUEST_NEED;
    submit(market, &need);
    return market;
}

/* Under the sanitizers, which take a hundred times as long, every one of the first hundred and a sample of the rest. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fg_error err = { 0 };
        struct fg_network *network = feeder(2, 0.02, 0.03, 2);
        load(network, "d1", 1, 0.7, 0.1);
        load(network, "d2", 2, 0.9, 0.2);
        struct fg_market *market = small_market((enum fg_market_physics)i, i == 2);
        must(fg_market_validate(market, &err), &err);
        struct fg_clear_result *whole = NULL;
        must(fg_clear(network, market, NULL, &whole, &err), &err);
        assert_int_not_equal(whole->status, FG_CLEAR_FAILED);
        long failed = 0;
        bool done = false;
        for (long n = 1; !done; n += n < 100 ? 1 : STRIDE) {
            struct fg_clear_result *result = NULL;
            fg_alloc_fail_after(n);
            enum fg_code code = fg_clear(network, market, NULL, &result, &err);
            fg_alloc_fail_after(0);
            if (code != FG_OK) {
                if (code != FG_ERR_MEMORY)
                    fail_msg("allocation %ld, %s: %s %s", n, fg_market_physics_words[i], err.place, err.text);
                assert_null(result);
                failed++;
                continue;
            }
            done = true; /* all later ones fail too, so that a result means that none was asked for */
            assert_int_equal(result->status, whole->status);
            assert_near(result->cost, whole->cost, 1e-9 * fabs(whole->cost));
            fg_clear_result_destroy(result);
        }
        print_message("%s: %ld failures\n", fg_market_physics_words[i], failed);
        assert_true(failed > 100);
        /* writing a result fails as cleanly */
        for (long k = 1;; k++) {
            struct fg_text text;
            fg_text_init(&text);
            fg_alloc_fail_after(k);
            enum fg_code code = fg_clear_result_json(whole, &text, &err);
            if (code == FG_OK)
                code = fg_clear_result_csv(whole, "limits", &text, &err);
            fg_alloc_fail_after(0);
            fg_text_release(&text);
            if (code == FG_OK)
                break;
            assert_int_equal(code, FG_ERR_MEMORY);
        }
        fg_clear_result_destroy(whole);
        fg_market_destroy(market);
        fg_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
