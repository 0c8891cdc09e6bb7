/* Which orders are paradoxically rejected: small markets, done by hand. One line of 1 MVA feeds 2 MW at import price 0,
 * so that 1 MW of relief sets the price at bus 1; dc is exact. */
#include "clear_fixture.h"

struct world {
    struct fg_network *network;
    struct fg_market *market;
    struct fg_clear_result *result;
};

static struct world world_of(int periods, double load_mw)
{
    struct world w = { feeder(1, 0.001, 0.001, 1), market_of(periods, 0, FG_MARKET_DC), NULL };
    load(w.network, "d", 1, load_mw, 0);
    return w;
}

static void world_end(struct world *w)
{
    fg_clear_result_destroy(w->result);
    fg_market_destroy(w->market);
    fg_network_destroy(w->network);
}

static int32_t whole(struct world *w, const char *id, enum fg_regulation regulation, int first, int count, double mw,
                     double price, const char *asset)
{
    struct draft draft = draft_of(w->market, id, "seller", FG_SIDE_SELL, regulation, "1", first, count, mw, price);
    draft.order.block = count > 1;
    draft.order.min_fraction_u = FG_FRACTION_ONE;
    draft.order.asset = asset == NULL ? -1 : fg_market_find_asset(w->market, asset);
    return submit(w->market, &draft);
}

static struct fg_asset *asset_of(struct world *w, const char *id)
{
    struct fg_asset *asset = fg_market_add_asset(w->market, id, fg_market_participant(w->market, "seller"), "1");
    assert_non_null(asset);
    return asset;
}

static void clear_world(struct world *w)
{
    w->result = cleared(w->network, w->market);
}

static const struct fg_clear_rejected *find(const struct world *w, int32_t order)
{
    for (size_t i = 0; i < w->result->rejected_count; i++)
        if (w->result->rejected[i].order == order)
            return &w->result->rejected[i];
    return NULL;
}

/* 1 MW of the divisible offer at 50 costs 50, the 2 MW at 30 that only come together cost 60. The price is 50: the block
 * would have earned 2 x 20. */
static void a_block_too_large_is_listed(void **state)
{
    (void)state;
    for (int periods = 1; periods <= 2; periods++) {
        struct world w = world_of(periods, 2);
        int32_t plain = offer(w.market, "plain", FG_REGULATION_UP, "1", 0, periods, 1.5, 50);
        int32_t block = whole(&w, "block", FG_REGULATION_UP, 0, periods, 2, 30, NULL);
        clear_world(&w);
        assert_near(accepted_mw(w.result, plain, 0), 1, 1e-9);
        assert_near(accepted_mw(w.result, block, 0), 0, 1e-9);
        assert_int_equal(w.result->rejected_count, 1);
        assert_non_null(find(&w, block));
        assert_near(find(&w, block)->gain, 40 * periods, 0.01);
        assert_int_equal(find(&w, block)->period, periods == 1 ? 0 : -1);
        world_end(&w);
    }
}

/* A minimum of 75 % of 2 MW in two price points: 1 MW at 20, 1 MW at 45; least cost of 1.5 MW is 42.5, more than 1 MW
 * of the plain offer at 40. At the price 40 its best is the minimum: 1.5 x 40 - 20 - 0.5 x 45 = 17.5. */
static void the_best_allowed_fraction_counts(void **state)
{
    (void)state;
    struct world w = world_of(1, 2);
    offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 40);
    struct draft draft = draft_of(w.market, "curve", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 2, 20);
    const struct fg_price_point points[] = { { { 1000000 }, { 20000000 } }, { { 2000000 }, { 45000000 } } };
    struct fg_error err = { 0 };
    draft.order.min_fraction_u = 750000;
    draft.order.quantity = draft.quantity;
    draft.order.points = points;
    draft.order.point_count = 2;
    must(fg_market_add_order(w.market, &draft.order, &err), &err);
    clear_world(&w);
    assert_int_equal(w.result->rejected_count, 1);
    assert_near(find(&w, 1)->gain, 17.5, 0.01);
    world_end(&w);
}

/* Two offers of 0.5 MW at 30 and 31, whole, of an asset that can give 0.6 MW; the rest comes at 50. The second would earn
 * 0.5 x 19, but its asset has no room: not listed. With p_max 1.5 both are taken. */
static void an_asset_at_its_limit_is_not_listed(void **state)
{
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        struct world w = world_of(1, 2);
        struct fg_asset *asset = asset_of(&w, "asset");
        if (kind == 0)
            asset->p_max.w = 600000;
        else if (kind == 1)
            asset->s_max.w = 600000;
        else if (kind == 2)
            asset->energy_up.ws = INT64_C(600000) * 3600;
        else if (kind == 3)
            asset->energy_max.ws = INT64_C(600000) * 3600;
        else
            asset->p_max.w = 1500000;
        int32_t first = whole(&w, "first", FG_REGULATION_UP, 0, 1, 0.5, 30, "asset");
        int32_t second = whole(&w, "second", FG_REGULATION_UP, 0, 1, 0.5, 31, "asset");
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
        clear_world(&w);
        assert_near(accepted_mw(w.result, first, 0), 0.5, 1e-9);
        assert_near(accepted_mw(w.result, second, 0), kind == 4 ? 0.5 : 0, 1e-9);
        assert_int_equal(w.result->rejected_count, 0);
        world_end(&w);
    }
}

/* Divisible offers held by their asset's budget or ramp have the budget's multiplier to thank: not listed. */
static void a_divisible_offer_is_never_listed(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct world w = world_of(2, 2);
        struct fg_asset *asset = asset_of(&w, "asset");
        if (kind == 0)
            asset->energy_up.ws = INT64_C(700000) * 3600;
        else
            asset->ramp_per_hour.w = 200000;
        struct draft draft = draft_of(w.market, "limited", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, kind == 0 ? 2 : 1,
                                      0.5, 20);
        draft.order.asset = fg_market_find_asset(w.market, "asset");
        int32_t limited = submit(w.market, &draft);
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 2, 1.5, 50);
        clear_world(&w);
        double taken = accepted_mw(w.result, limited, 0) + (kind == 0 ? accepted_mw(w.result, limited, 1) : 0);
        assert_near(taken, kind == 0 ? 0.7 : 0.2, 1e-9);
        assert_near(price_p(w.result, 0, 1)->total, 50, 1e-3);
        assert_int_equal(w.result->rejected_count, 0);
        world_end(&w);
    }
}

/* Of an exclusive pair of 0.5 MW the one at 20 is taken; the other at 30 would earn too, but the group allows one. */
static void an_exclusive_group_is_a_reason(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct world w = world_of(1, 2);
        fg_market_add_group(w.market, "pair", kind == 0 ? FG_GROUP_EXCLUSIVE_ONE : FG_GROUP_EXCLUSIVE_SUM);
        int32_t pair[2];
        for (int i = 0; i < 2; i++) {
            struct draft draft = draft_of(w.market, i ? "b" : "a", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 0.5,
                                          i ? 30 : 20);
            draft.order.group = 0;
            draft.order.min_fraction_u = FG_FRACTION_ONE;
            pair[i] = submit(w.market, &draft);
        }
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
        clear_world(&w);
        assert_near(accepted_mw(w.result, pair[0], 0), 0.5, 1e-9);
        assert_near(accepted_mw(w.result, pair[1], 0), 0, 1e-9);
        assert_int_equal(w.result->rejected_count, 0);
        world_end(&w);
    }
}

/* Parent of 2 MW at 30, whole (too large: see above), with a child of 0.1 MW at 20: the child waits for its parent, and
 * the parent would have earned 2 x 20 of its own and 0.1 x 30 of the child's. With the parent at 60 neither would. */
static void a_parent_counts_with_its_child(void **state)
{
    (void)state;
    for (int dear = 0; dear < 2; dear++) {
        struct world w = world_of(1, 2);
        int32_t parent = whole(&w, "parent", FG_REGULATION_UP, 0, 1, 2, dear ? 60 : 30, NULL);
        struct draft draft = draft_of(w.market, "child", "seller", FG_SIDE_SELL, FG_REGULATION_UP, "1", 0, 1, 0.1, 20);
        draft.order.parent = parent;
        draft.order.min_fraction_u = FG_FRACTION_ONE;
        submit(w.market, &draft);
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
        clear_world(&w);
        assert_near(accepted_mw(w.result, parent, 0), 0, 1e-9);
        assert_int_equal(w.result->rejected_count, dear ? 0 : 1);
        if (!dear)
            assert_near(find(&w, parent)->gain, 43, 0.01);
        world_end(&w);
    }
}

/* A group that comes as one: 2 MW at 30 in the congested hour and 1 MW down at 10 in the other, which nothing pays: 40 -
 * 10 is listed once; with the second at 60 the whole would not earn. */
static void a_multipart_group_counts_as_one(void **state)
{
    (void)state;
    for (int dear = 0; dear < 2; dear++) {
        struct world w = world_of(2, 2);
        w.market->scale_load_u[1] = FG_FRACTION_ONE / 10;
        fg_market_add_group(w.market, "both", FG_GROUP_MULTIPART);
        for (int i = 0; i < 2; i++) {
            struct draft draft = draft_of(w.market, i ? "b" : "a", "seller", FG_SIDE_SELL, i ? FG_REGULATION_DOWN : FG_REGULATION_UP,
                                          "1", i, 1, i ? 1 : 2, i ? (dear ? 60 : 10) : 30);
            draft.order.group = 0;
            draft.order.min_fraction_u = FG_FRACTION_ONE;
            submit(w.market, &draft);
        }
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
        clear_world(&w);
        assert_int_equal(w.result->rejected_count, dear ? 0 : 1);
        if (!dear)
            assert_near(find(&w, 0)->gain, 30, 0.01);
        world_end(&w);
    }
}

/* Inverted bids of one asset: up at -10 is taken (the grid needs it anyway), and the whole down order at -60 would earn
 * 60 - 50 per MWh, but an asset's up and down are netted. */
static void netting_is_a_reason(void **state)
{
    (void)state;
    struct world w = world_of(1, 2);
    int32_t up = whole(&w, "up", FG_REGULATION_UP, 0, 1, 0.5, -10, NULL);
    int32_t down = whole(&w, "down", FG_REGULATION_DOWN, 0, 1, 0.2, -60, NULL);
    offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
    clear_world(&w);
    assert_near(accepted_mw(w.result, up, 0), 0.5, 1e-9);
    assert_near(accepted_mw(w.result, down, 0), 0, 1e-9);
    assert_int_equal(w.result->rejected_count, 0);
    world_end(&w);
}

/* The block of the first test with a rebound that takes 90 % back in the next hour, which costs 50 there too: 2 x (50 - 45
 * - 30) is a loss, so nothing is missed. At 4 it would earn 2 x (5 - 4), were it not too large. */
static void rebound_belongs_to_the_gain(void **state)
{
    (void)state;
    for (int cheap = 0; cheap < 2; cheap++) {
        static const int64_t rebound[] = { 900000 };
        struct world w = world_of(2, 2);
        struct fg_asset *asset = asset_of(&w, "asset");
        int64_t *copy = fg_arena_alloc(&w.market->arena, 1, sizeof *copy);
        assert_non_null(copy);
        copy[0] = rebound[0];
        asset->rebound_u = copy;
        asset->rebound_count = 1;
        int32_t block = whole(&w, "block", FG_REGULATION_UP, 0, 1, 2, cheap ? 4 : 30, "asset");
        offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 2, 3.5, 50);
        clear_world(&w);
        /* 2 MW in the first hour save 50, cost 8 or 60, and 1.8 MW of rebound cost 90 in the second */
        assert_near(accepted_mw(w.result, block, 0), 0, 1e-9);
        assert_int_equal(w.result->rejected_count, cheap ? 1 : 0);
        if (cheap)
            assert_near(find(&w, block)->gain, 2, 0.01);
        world_end(&w);
    }
}

/* An exchange request of 2 MW, whole, at 30 where the price is 0 without it and would be 50 with it: rejected, and at the
 * price that stays it would have gained 2 x 30. */
static void a_request_can_be_rejected_paradoxically(void **state)
{
    (void)state;
    struct world w = world_of(1, 0.5);
    struct draft draft = draft_of(w.market, "request", "buyer", FG_SIDE_BUY, FG_REGULATION_UP, "1", 0, 1, 2, 30);
    draft.order.min_fraction_u = FG_FRACTION_ONE;
    int32_t request = submit(w.market, &draft);
    offer(w.market, "plain", FG_REGULATION_UP, "1", 0, 1, 1.5, 50);
    clear_world(&w);
    /* 2 MW more over the line of 1 MVA: 1.5 MW of relief at 50 cost 75, the request is worth 60 */
    assert_near(accepted_mw(w.result, request, 0), 0, 1e-9);
    assert_int_equal(w.result->rejected_count, 1);
    assert_near(find(&w, request)->gain, 60, 0.01);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_too_large_is_listed),
        cmocka_unit_test(the_best_allowed_fraction_counts),
        cmocka_unit_test(an_asset_at_its_limit_is_not_listed),
        cmocka_unit_test(a_divisible_offer_is_never_listed),
        cmocka_unit_test(an_exclusive_group_is_a_reason),
        cmocka_unit_test(a_parent_counts_with_its_child),
        cmocka_unit_test(a_multipart_group_counts_as_one),
        cmocka_unit_test(netting_is_a_reason),
        cmocka_unit_test(rebound_belongs_to_the_gain),
        cmocka_unit_test(a_request_can_be_rejected_paradoxically),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
