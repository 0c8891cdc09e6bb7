/* Settlement: hand-made cases for each account and rule, and random markets whose ledger must close to the last
 * micro-unit. */
#include "base/memory.h"
#include "base/random.h"
#include "market/settlement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT INT64_C(1000000) /* one currency unit, one per MWh, one MW */

enum { LOCATIONS = 2, PERIODS = 2, ORDERS_MAX = 8 };

/* Two hours, locations A (0, the slack) and B (1) in zones za and zb, prices per test. */
struct fixture {
    struct fg_market *market;
    struct fg_power accepted[ORDERS_MAX * PERIODS], slack_p[PERIODS], slack_q[PERIODS];
    struct fg_price_parts price_p[PERIODS * LOCATIONS], price_q[PERIODS * LOCATIONS];
    struct fg_price need_price[ORDERS_MAX * PERIODS], match_price[PERIODS * 2];
    int32_t location[ORDERS_MAX];
    struct fg_settlement settlement;
};

static void init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->market = fg_market_create("m");
    assert_int_equal(fg_market_set_horizon(f->market, 0, 3600, PERIODS, NULL), FG_OK);
    fg_market_participant(f->market, "seller");
    fg_market_participant(f->market, "buyer");
    const char *a[] = {"A"}, *b[] = {"B"};
    fg_market_add_zone(f->market, "za", a, 1);
    fg_market_add_zone(f->market, "zb", b, 1);
}

static size_t add(struct fixture *f, enum fg_side side, enum fg_request_kind kind, enum fg_regulation regulation,
                  int32_t location, int64_t price, int64_t accepted_0, int64_t accepted_1)
{
    static const char *const ids[] = {"o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7"};
    size_t index = f->market->order_count;
    const struct fg_power quantity[PERIODS] = {{10 * UNIT}, {10 * UNIT}};
    const struct fg_price_point point = {{10 * UNIT}, {price}};
    bool is_zone = kind == FG_REQUEST_NEED;
    struct fg_order order = {.id = ids[index],
                             .participant = side == FG_SIDE_BUY,
                             .side = side,
                             .kind = kind,
                             .regulation = regulation,
                             .location = is_zone    ? NULL
                                         : location ? "B"
                                                    : "A",
                             .location_kind = is_zone ? FG_LOCATION_ZONE : FG_LOCATION_BUS,
                             .zone = is_zone ? location : -1,
                             .asset = -1,
                             .period_count = PERIODS,
                             .quantity = quantity,
                             .points = &point,
                             .point_count = 1,
                             .parent = -1,
                             .group = -1};
    assert_int_equal(fg_market_add_order(f->market, &order, NULL), FG_OK);
    f->location[index] = is_zone ? -1 : location;
    f->accepted[f->market->orders[index].offset].w = accepted_0;
    f->accepted[f->market->orders[index].offset + 1].w = accepted_1;
    return index;
}

static void settle(struct fixture *f)
{
    struct fg_error err;
    assert_int_equal(fg_market_validate(f->market, NULL), FG_OK);
    struct fg_settlement_input input = {.market = f->market,
                                        .accepted = f->accepted,
                                        .location_count = LOCATIONS,
                                        .price_p = f->price_p,
                                        .price_q = f->price_q,
                                        .order_location = f->location,
                                        .need_price = f->need_price,
                                        .match_price_p = f->match_price,
                                        .slack_change_p = f->slack_p,
                                        .slack_change_q = f->slack_q};
    if (fg_settle(&input, &f->settlement, &err) != FG_OK)
        fail_msg("%s", err.text);
}

static int64_t balance(const struct fixture *f, enum fg_account account, int32_t participant)
{
    struct fg_money money;
    assert_int_equal(fg_settlement_balance(&f->settlement, account, participant, &money, NULL), FG_OK);
    return money.u;
}

static void finish(struct fixture *f)
{
    int64_t sum = 0;
    for (int account = 0; account < FG_ACCOUNT_COUNT; account++)
        sum += balance(f, (enum fg_account)account, -1);
    assert_int_equal(sum, 0);
    assert_int_equal(balance(f, FG_ACCOUNT_MARKET, -1), 0);
    fg_settlement_release(&f->settlement);
    fg_market_destroy(f->market);
}

static struct fg_price_parts parts(int64_t energy, int64_t loss, int64_t congestion, int64_t voltage, int64_t zone)
{
    return (struct fg_price_parts){{energy, loss, congestion, voltage, zone}};
}

static void congestion_rent_pays_the_seller_behind_the_limit(void **state)
{
    (void)state;
    /* 2 MWh up at B, LMP 50 + 25 + 5 = 80: the seller gets 160, of which 100 is import saved at 50. */
    struct fixture f;
    init(&f);
    f.market->import_price[0].uper_mwh = 50 * UNIT;
    f.price_p[1] = parts(50 * UNIT, 0, 25 * UNIT, 5 * UNIT, 0);
    size_t offer = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 80 * UNIT, 2 * UNIT, 0);
    f.slack_p[0].w = -2 * UNIT;
    settle(&f);
    assert_int_equal(f.settlement.orders[offer].settled.u, 160 * UNIT);
    assert_int_equal(f.settlement.orders[offer].limit.u, 160 * UNIT);
    assert_int_equal(f.settlement.orders[offer].make_whole.u, 0);
    assert_int_equal(f.settlement.unit_price[0].uper_mwh, 80 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_PARTICIPANT, 0), 160 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_SLACK, -1), -100 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_CONGESTION, -1), -60 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_LOSSES, -1), 0);
    finish(&f);
}

static void losses_keep_their_second_order_remainder(void **state)
{
    (void)state;
    /* LMP 50 + 2.5; 2 MWh up save 2.04 MWh of import = 102; the seller gets 105; the loss part collected 5 against
     * 0.04 * 50 = 2 of real losses leaves -3. */
    struct fixture f;
    init(&f);
    f.market->import_price[0].uper_mwh = 50 * UNIT;
    f.price_p[1] = parts(50 * UNIT, 5 * UNIT / 2, 0, 0, 0);
    add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 10 * UNIT, 2 * UNIT, 0);
    f.slack_p[0].w = -2040000;
    settle(&f);
    assert_int_equal(balance(&f, FG_ACCOUNT_PARTICIPANT, 0), 105 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_SLACK, -1), -102 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_LOSSES, -1), -3 * UNIT);
    finish(&f);
}

static void need_requests_pay_what_sellers_receive_for_the_zone(void **state)
{
    (void)state;
    /* 3 MWh down at B for a need of 3 in zb at 40: LMP at B is 50 - 40 (one more MWh consumed is worth 40 to the
     * request). Down receives -LMP = -10 per MWh: it pays 50 for the energy and gets 40 for the relief. */
    struct fixture f;
    init(&f);
    f.market->import_price[1].uper_mwh = 50 * UNIT;
    f.price_p[3] = parts(50 * UNIT, 0, 0, 0, -40 * UNIT);
    size_t offer = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_DOWN, 1, -10 * UNIT, 0, 3 * UNIT);
    size_t request = add(&f, FG_SIDE_BUY, FG_REQUEST_NEED, FG_REGULATION_DOWN, 1, 45 * UNIT, 0, 3 * UNIT);
    f.need_price[3].uper_mwh = 40 * UNIT;
    f.slack_p[1].w = 3 * UNIT;
    settle(&f);
    assert_int_equal(f.settlement.orders[offer].settled.u, -30 * UNIT);
    assert_int_equal(f.settlement.unit_price[1].uper_mwh, -10 * UNIT);
    assert_int_equal(f.settlement.orders[request].settled.u, -120 * UNIT);
    assert_int_equal(f.settlement.orders[request].limit.u, 135 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_SLACK, -1), 150 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_ROUNDING, -1), 0);
    finish(&f);
}

static void exchange_moves_money_between_the_two(void **state)
{
    (void)state;
    /* Closed balance: the buyer at A asks for 1 MWh up and injects 1 less; the seller at B injects 1 more. The energy
     * part carries the balance price 35; matching adds 2 to what offers get and requests pay. */
    struct fixture f;
    init(&f);
    f.price_p[0] = f.price_p[1] = parts(35 * UNIT, 0, 0, 0, 0);
    f.match_price[0].uper_mwh = 2 * UNIT;
    add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 30 * UNIT, UNIT, 0);
    size_t request = add(&f, FG_SIDE_BUY, FG_REQUEST_EXCHANGE, FG_REGULATION_UP, 0, 40 * UNIT, UNIT, 0);
    settle(&f);
    assert_int_equal(balance(&f, FG_ACCOUNT_PARTICIPANT, 0), 37 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_PARTICIPANT, 1), -37 * UNIT);
    assert_int_equal(f.settlement.unit_price[f.market->orders[request].offset].uper_mwh, 37 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_LOSSES, -1), 0);
    finish(&f);
}

static void make_whole_brings_orders_to_their_limits(void **state)
{
    (void)state;
    /* A block at 60 in two hours at LMP 50 and 64: costs 120, receives 114, gets 6. A request worth 45 that would pay
     * 50: gets 5 back. Both are charged to MAKE_WHOLE. */
    struct fixture f;
    init(&f);
    f.price_p[1] = parts(50 * UNIT, 0, 0, 0, 0);
    f.price_p[3] = parts(64 * UNIT, 0, 0, 0, 0);
    size_t block = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 60 * UNIT, UNIT, UNIT);
    f.market->orders[block].block = true;
    size_t request = add(&f, FG_SIDE_BUY, FG_REQUEST_EXCHANGE, FG_REGULATION_UP, 1, 45 * UNIT, UNIT, 0);
    settle(&f);
    assert_int_equal(f.settlement.orders[block].settled.u, 114 * UNIT);
    assert_int_equal(f.settlement.orders[block].make_whole.u, 6 * UNIT);
    assert_int_equal(f.settlement.orders[request].settled.u, -50 * UNIT);
    assert_int_equal(f.settlement.orders[request].make_whole.u, 5 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_MAKE_WHOLE, -1), -11 * UNIT);
    finish(&f);
}

static void rebound_is_settled_where_it_falls(void **state)
{
    (void)state;
    /* 1 MWh up at 50; half of it comes back in the next hour at 80: 50 - 0.5 * 80 = 10. */
    struct fixture f;
    init(&f);
    static const int64_t half[] = {FG_FRACTION_ONE / 2};
    f.price_p[1] = parts(50 * UNIT, 0, 0, 0, 0);
    f.price_p[3] = parts(80 * UNIT, 0, 0, 0, 0);
    size_t offer = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 5 * UNIT, UNIT, 0);
    struct fg_asset *asset = &f.market->assets[f.market->orders[offer].asset];
    asset->rebound_u = half;
    asset->rebound_count = 1;
    settle(&f);
    assert_int_equal(f.settlement.orders[offer].settled.u, 10 * UNIT);
    finish(&f);
}

static void pay_as_bid_pays_each_its_own(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    f.market->pricing = FG_PRICING_PAY_AS_BID;
    f.price_p[0] = f.price_p[1] = parts(50 * UNIT, 0, 0, 0, 0);
    size_t offer = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 40 * UNIT, UNIT, 0);
    size_t request = add(&f, FG_SIDE_BUY, FG_REQUEST_EXCHANGE, FG_REGULATION_UP, 0, 55 * UNIT, UNIT, 0);
    settle(&f);
    assert_int_equal(f.settlement.orders[offer].settled.u, 40 * UNIT);
    assert_int_equal(f.settlement.orders[request].settled.u, -55 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_PRICING, -1), 15 * UNIT);
    assert_int_equal(balance(&f, FG_ACCOUNT_MAKE_WHOLE, -1), 0);
    finish(&f);
}

static void zonal_price_is_the_highest_plain_offer(void **state)
{
    (void)state;
    /* In zb up: plain offers at 30 and 45, a block at 60, so 45; the block is made whole by 15. The need pays 45. In za
     * the offer at 20 sets its own price. */
    struct fixture f;
    init(&f);
    f.market->pricing = FG_PRICING_ZONAL;
    size_t low = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 30 * UNIT, UNIT, 0);
    add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 45 * UNIT, UNIT, 0);
    size_t block = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 60 * UNIT, UNIT, 0);
    f.market->orders[block].block = true;
    size_t other = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 0, 20 * UNIT, UNIT, 0);
    size_t idle = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, 90 * UNIT, 0, 0);
    size_t need = add(&f, FG_SIDE_BUY, FG_REQUEST_NEED, FG_REGULATION_UP, 1, 100 * UNIT, 3 * UNIT, 0);
    settle(&f);
    assert_int_equal(f.settlement.orders[low].settled.u, 45 * UNIT);
    assert_int_equal(f.settlement.orders[block].settled.u, 45 * UNIT);
    assert_int_equal(f.settlement.orders[block].make_whole.u, 15 * UNIT);
    assert_int_equal(f.settlement.orders[other].settled.u, 20 * UNIT);
    assert_int_equal(f.settlement.orders[idle].settled.u, 0);
    assert_int_equal(f.settlement.orders[need].settled.u, -135 * UNIT);
    finish(&f);
}

static void random_ledgers_close_and_rounding_stays_small(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 5);
    for (int trial = 0; trial < 300; trial++) {
        struct fixture f;
        init(&f);
        f.market->pricing = (enum fg_pricing)(trial % 3);
        for (int i = 0; i < PERIODS * LOCATIONS; i++)
            for (int part = 0; part < FG_PART_COUNT; part++)
                f.price_p[i].part_u[part] = (int64_t)fg_random_below(&random, 200000000) - 100000000;
        for (int i = 0; i < PERIODS; i++) {
            f.market->import_price[i].uper_mwh = (int64_t)fg_random_below(&random, 90000000) - 20000000;
            f.slack_p[i].w = (int64_t)fg_random_below(&random, 9999999) - 5000000;
            f.slack_q[i].w = (int64_t)fg_random_below(&random, 9999999) - 5000000;
            f.market->import_price_reactive[i].uper_mwh = (int64_t)fg_random_below(&random, 777777);
        }
        for (int i = 0; i < 6; i++) {
            bool sells = fg_random_below(&random, 2);
            enum fg_request_kind kind =
                sells ? FG_REQUEST_NONE : (enum fg_request_kind)(1 + fg_random_below(&random, 2));
            add(&f, sells ? FG_SIDE_SELL : FG_SIDE_BUY, kind, (enum fg_regulation)fg_random_below(&random, 2),
                (int32_t)fg_random_below(&random, 2), ((int64_t)fg_random_below(&random, 20000) - 5000) * 10000,
                (int64_t)fg_random_below(&random, 10000) * 1000, (int64_t)fg_random_below(&random, 10000) * 1000);
        }
        settle(&f);
        for (size_t i = 0; i < f.market->order_count; i++) {
            const struct fg_order_settlement *order = &f.settlement.orders[i];
            int64_t net = order->settled.u + order->make_whole.u;
            /* Nobody is worse off than its limit, and make-whole never gives more than that. */
            int64_t least = f.market->orders[i].side == FG_SIDE_SELL ? order->limit.u : -order->limit.u;
            assert_true(net >= least);
            assert_true(order->make_whole.u == 0 || net == least);
        }
        /* Participants' balances are the sums over their orders. */
        for (int32_t participant = 0; participant < 2; participant++) {
            int64_t sum = 0;
            for (size_t i = 0; i < f.market->order_count; i++)
                if (f.market->orders[i].participant == participant)
                    sum += f.settlement.orders[i].settled.u + f.settlement.orders[i].make_whole.u;
            assert_int_equal(balance(&f, FG_ACCOUNT_PARTICIPANT, participant), sum);
        }
        finish(&f);
    }
}

static void impossible_input_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    size_t offer = add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, UNIT, 10 * UNIT + 1, 0);
    struct fg_settlement_input input = {.market = f.market,
                                        .accepted = f.accepted,
                                        .location_count = LOCATIONS,
                                        .price_p = f.price_p,
                                        .price_q = f.price_q,
                                        .order_location = f.location,
                                        .slack_change_p = f.slack_p,
                                        .slack_change_q = f.slack_q};
    struct fg_error err;
    assert_int_equal(fg_settle(&input, &f.settlement, &err), FG_ERR_ARGUMENT);
    fg_settlement_release(&f.settlement);
    f.accepted[f.market->orders[offer].offset].w = 10 * UNIT;
    f.price_p[1] = parts(INT64_MAX / 2, INT64_MAX / 2, 0, 0, 0);
    assert_int_equal(fg_settle(&input, &f.settlement, &err), FG_ERR_OVERFLOW);
    fg_settlement_release(&f.settlement);
    fg_market_destroy(f.market);
}

static void lack_of_memory_is_survived(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    f.market->pricing = FG_PRICING_ZONAL;
    f.price_p[1] = parts(50 * UNIT, 5 * UNIT, 1, 1, 1);
    add(&f, FG_SIDE_SELL, FG_REQUEST_NONE, FG_REGULATION_UP, 1, UNIT, UNIT, UNIT);
    struct fg_settlement_input input = {.market = f.market,
                                        .accepted = f.accepted,
                                        .location_count = LOCATIONS,
                                        .price_p = f.price_p,
                                        .price_q = f.price_q,
                                        .order_location = f.location,
                                        .slack_change_p = f.slack_p,
                                        .slack_change_q = f.slack_q};
    enum fg_code code = FG_ERR_MEMORY;
    long n = 0;
    while (code != FG_OK) {
        fg_alloc_fail_after(++n);
        code = fg_settle(&input, &f.settlement, NULL);
        fg_alloc_fail_after(0);
        assert_true(code == FG_OK || code == FG_ERR_MEMORY);
        fg_settlement_release(&f.settlement);
    }
    assert_true(n > 5);
    fg_market_destroy(f.market);
}

static void pro_rata_shares_are_fair_and_whole(void **state)
{
    (void)state;
    struct fg_power quantities[] = {{3000}, {3000}, {3000}, {0}}, shares[4], tick = {1000};
    assert_int_equal(fg_share_pro_rata((struct fg_power){7000}, quantities, 4, tick, shares, NULL), FG_OK);
    assert_int_equal(shares[0].w, 3000); /* 2.33 each; the remainder goes to the first */
    assert_int_equal(shares[1].w, 2000);
    assert_int_equal(shares[2].w, 2000);
    assert_int_equal(shares[3].w, 0);
    assert_int_equal(fg_share_pro_rata((struct fg_power){9000}, quantities, 4, tick, shares, NULL), FG_OK);
    assert_memory_equal(shares, quantities, sizeof shares);
    assert_int_equal(fg_share_pro_rata((struct fg_power){0}, quantities, 4, tick, shares, NULL), FG_OK);
    assert_int_equal(shares[0].w, 0);
    assert_int_equal(fg_share_pro_rata((struct fg_power){10000}, quantities, 4, tick, shares, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_share_pro_rata((struct fg_power){500}, quantities, 4, tick, shares, NULL), FG_ERR_ARGUMENT);
    struct fg_random random;
    fg_random_init(&random, 11);
    for (int trial = 0; trial < 2000; trial++) {
        int64_t sum = 0, given = 0;
        for (int i = 0; i < 4; i++)
            sum += quantities[i].w = (int64_t)fg_random_below(&random, 12) * 1000;
        struct fg_power total = {(int64_t)fg_random_below(&random, (uint64_t)(sum / 1000 + 1)) * 1000};
        assert_int_equal(fg_share_pro_rata(total, quantities, 4, tick, shares, NULL), FG_OK);
        for (int i = 0; i < 4; i++) {
            given += shares[i].w;
            assert_true(shares[i].w >= 0 && shares[i].w <= quantities[i].w && shares[i].w % 1000 == 0);
            /* Within one tick of the exact share. */
            if (sum > 0)
                assert_true(llabs(shares[i].w * sum - total.w * quantities[i].w) < 1000 * sum);
        }
        assert_int_equal(given, total.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(congestion_rent_pays_the_seller_behind_the_limit),
        cmocka_unit_test(losses_keep_their_second_order_remainder),
        cmocka_unit_test(need_requests_pay_what_sellers_receive_for_the_zone),
        cmocka_unit_test(exchange_moves_money_between_the_two),
        cmocka_unit_test(make_whole_brings_orders_to_their_limits),
        cmocka_unit_test(rebound_is_settled_where_it_falls),
        cmocka_unit_test(pay_as_bid_pays_each_its_own),
        cmocka_unit_test(zonal_price_is_the_highest_plain_offer),
        cmocka_unit_test(random_ledgers_close_and_rounding_stays_small),
        cmocka_unit_test(impossible_input_is_refused),
        cmocka_unit_test(lack_of_memory_is_survived),
        cmocka_unit_test(pro_rata_shares_are_fair_and_whole),
    };
    return cmocka_run_group_tests_name("settlement", tests, NULL, NULL);
}
