/* Delivery: cases worked out by hand, and properties of random portfolios. */
#include "base/random.h"
#include "market/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MW INT64_C(1000000)
#define EUR INT64_C(1000000)
#define KWH INT64_C(3600000) /* Ws */
enum { QUARTER = 900, TRADES = 12 };

/* 10 % or 0.05 MW are tolerated; a missing MWh costs half the price and 20 EUR. */
static const struct fg_delivery_terms terms = {100000, {50000}, 500000, {20 * EUR}};

static struct fg_delivery_trade trade(enum fg_regulation regulation, int64_t quantity_w, int64_t price)
{
    return (struct fg_delivery_trade){regulation, {quantity_w}, {price}, &terms};
}

static void settle(const struct fg_delivery_trade *trades, size_t count, int64_t deviation_ws, struct fg_delivery *out,
                   struct fg_delivery_net *net)
{
    struct fg_error err = {0};
    if (fg_delivery_settle(trades, count, (struct fg_energy){deviation_ws}, QUARTER, out, net, &err) != FG_OK)
        fail_msg("%s", err.text);
}

/* 1 MW up for a quarter of an hour, 250 kWh, at 100 EUR/MWh. */
static void test_one_trade(void **state)
{
    (void)state;
    struct fg_delivery_trade t = trade(FG_REGULATION_UP, MW, 100 * EUR);
    struct fg_delivery d;
    struct fg_delivery_net net;
    settle(&t, 1, 250 * KWH, &d, &net);
    assert_true(d.paid.u == 25 * EUR && d.penalty.u == 0 && d.shortfall.ws == 0 && net.excess.ws == 0);
    /* 150 kWh: 100 short, 25 tolerated, 75 penalised at 70 EUR/MWh. */
    settle(&t, 1, 150 * KWH, &d, &net);
    assert_true(d.paid.u == 15 * EUR);
    assert_true(d.tolerated.ws == 25 * KWH);
    assert_true(d.penalty.u == 5250000);
    /* 230 kWh: within the tolerance, paid as delivered. */
    settle(&t, 1, 230 * KWH, &d, &net);
    assert_true(d.paid.u == 23 * EUR && d.penalty.u == 0);
    /* 300 kWh: 50 too much, not paid. */
    settle(&t, 1, 300 * KWH, &d, &net);
    assert_true(d.paid.u == 25 * EUR && net.excess.ws == 50 * KWH);
    /* The wrong direction: nothing delivered, all of the deviation is excess. */
    settle(&t, 1, -40 * KWH, &d, &net);
    assert_true(d.paid.u == 0 && d.shortfall.ws == 250 * KWH && net.excess.ws == -40 * KWH);
    assert_true(d.penalty.u == 15750000); /* 225 kWh at 70 */
    /* Down at a negative price: the seller pays for what it delivers; a shortfall costs the fixed part alone. */
    t = trade(FG_REGULATION_DOWN, MW, -30 * EUR);
    settle(&t, 1, -125 * KWH, &d, &net);
    assert_true(d.paid.u == -3750000);
    assert_true(d.penalty.u == 2 * EUR); /* 100 kWh at 20 */
}

/* 3 MW and 1 MW up, 2 MW down: 500 kWh owed, 300 done. The up trades are short by 200 kWh, 150 and 50. */
static void test_netting_and_pro_rata(void **state)
{
    (void)state;
    struct fg_delivery_trade t[] = {trade(FG_REGULATION_UP, 3 * MW, 100 * EUR), trade(FG_REGULATION_DOWN, 2 * MW, 10 * EUR),
                                    trade(FG_REGULATION_UP, MW, 80 * EUR)};
    struct fg_delivery d[3];
    struct fg_delivery_net net;
    settle(t, 3, 300 * KWH, d, &net);
    assert_true(net.owed.ws == 500 * KWH);
    assert_true(d[0].shortfall.ws == 150 * KWH && d[2].shortfall.ws == 50 * KWH);
    assert_true(d[1].delivered.ws == 500 * KWH && d[1].paid.u == 5 * EUR);
    /* Exactly opposite trades: nothing has to happen, a deviation is nobody's delivery. */
    t[0] = trade(FG_REGULATION_UP, 2 * MW, 100 * EUR);
    settle(t, 2, 70 * KWH, d, &net);
    assert_true(d[0].paid.u == 50 * EUR && d[1].paid.u == 5 * EUR && net.excess.ws == 70 * KWH);
}

static void test_refusals(void **state)
{
    (void)state;
    struct fg_delivery d;
    struct fg_delivery_net net;
    struct fg_delivery_trade t = trade(FG_REGULATION_UP, 0, EUR);
    assert_int_equal(fg_delivery_settle(&t, 1, (struct fg_energy){0}, QUARTER, &d, &net, NULL), FG_ERR_ARGUMENT);
    t = trade(FG_REGULATION_BOTH, MW, EUR);
    assert_int_equal(fg_delivery_settle(&t, 1, (struct fg_energy){0}, QUARTER, &d, &net, NULL), FG_ERR_ARGUMENT);
    t = trade(FG_REGULATION_UP, MW, EUR);
    assert_int_equal(fg_delivery_settle(&t, 1, (struct fg_energy){FG_READING_MISSING}, QUARTER, &d, &net, NULL),
                     FG_ERR_ARGUMENT);
    t = trade(FG_REGULATION_UP, INT64_MAX / 2, EUR);
    assert_int_equal(fg_delivery_settle(&t, 1, (struct fg_energy){0}, QUARTER, &d, &net, NULL), FG_ERR_OVERFLOW);
}

/* Energy is conserved, nothing is paid beyond what was owed, and more delivery never costs the seller. */
static void test_properties(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 34);
    for (int round = 0; round < 5000; round++) {
        struct fg_delivery_trade t[TRADES];
        struct fg_delivery d[TRADES], more[TRADES];
        struct fg_delivery_net net, net_more;
        size_t count = 1 + (size_t)fg_random_below(&random, TRADES);
        int64_t owed = 0;
        for (size_t i = 0; i < count; i++) {
            t[i] = trade((enum fg_regulation)fg_random_below(&random, 2), 1 + (int64_t)fg_random_below(&random, 5000),
                         ((int64_t)fg_random_below(&random, 400) - 100) * EUR);
            owed += (t[i].regulation == FG_REGULATION_UP ? 1 : -1) * t[i].quantity.w * QUARTER;
        }
        int64_t deviation = (int64_t)fg_random_below(&random, 40000000) - 20000000;
        settle(t, count, deviation, d, &net);
        assert_true(net.owed.ws == owed);
        int64_t delivered = 0, money = 0, money_more = 0;
        for (size_t i = 0; i < count; i++) {
            assert_true(d[i].delivered.ws >= 0 && d[i].shortfall.ws >= 0);
            assert_true(d[i].delivered.ws + d[i].shortfall.ws == t[i].quantity.w * QUARTER);
            assert_true(d[i].tolerated.ws <= d[i].shortfall.ws && d[i].penalty.u >= 0);
            delivered += (t[i].regulation == FG_REGULATION_UP ? 1 : -1) * d[i].delivered.ws;
        }
        assert_true(delivered + net.excess.ws == deviation); /* what was done is delivery or excess */
        assert_true(owed == 0 || (delivered == 0 ? 1 : (delivered < 0) == (owed < 0)));
        int64_t step = owed > 0 ? 1000 : -1000;
        settle(t, count, deviation + step, more, &net_more);
        for (size_t i = 0; i < count; i++) {
            if (t[i].price.uper_mwh < 0)
                continue;
            money += d[i].paid.u - d[i].penalty.u;
            money_more += more[i].paid.u - more[i].penalty.u;
        }
        assert_true(money_more >= money - (int64_t)count); /* a micro-unit of rounding each */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_trade),
        cmocka_unit_test(test_netting_and_pro_rata),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
