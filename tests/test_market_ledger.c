/* The ledger: money in = money out, and versions that differ by what is booked. */
#include "base/random.h"
#include "market/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define EUR INT64_C(1000000)

static void move(struct fg_ledger *ledger, struct fg_ledger_party from, struct fg_ledger_party to,
                 enum fg_ledger_reason reason, int64_t trade, int64_t amount)
{
    struct fg_error err = {0};
    struct fg_ledger_posting posting = {from, to, reason, trade, 100, {amount}, 0};
    if (fg_ledger_move(ledger, posting, &err) != FG_OK)
        fail_msg("%s", err.text);
}

static int64_t balance(const struct fg_ledger *ledger, struct fg_ledger_party party)
{
    struct fg_money money;
    assert_int_equal(fg_ledger_balance(ledger, party, 0, &money, NULL), FG_OK);
    return money.u;
}

static int64_t sum_of_balances(const struct fg_ledger *ledger)
{
    int64_t sum = 0;
    for (int account = 0; account < FG_LEDGER_ACCOUNT_COUNT; account++) {
        struct fg_money money;
        assert_int_equal(fg_ledger_balance(ledger, fg_ledger_named((enum fg_ledger_account)account), 1, &money, NULL), FG_OK);
        sum += money.u;
    }
    return sum;
}

/* Buyer 1 pays 25 EUR through the market to seller 2, who pays 5 EUR penalty and 0.25 EUR fee. A correction lowers the
 * delivery to 20 EUR and raises the penalty to 7: 5 EUR go back, 2 EUR more are due, the fee stays. */
static void test_correction(void **state)
{
    (void)state;
    struct fg_ledger one = {0}, two = {0}, difference = {0};
    struct fg_ledger_party buyer = fg_ledger_participant(1), seller = fg_ledger_participant(2),
                           market = fg_ledger_named(FG_LEDGER_MARKET), fees = fg_ledger_named(FG_LEDGER_FEES),
                           penalties = fg_ledger_named(FG_LEDGER_PENALTIES);
    move(&one, buyer, market, FG_REASON_PURCHASE, 7, 25 * EUR);
    move(&one, market, seller, FG_REASON_SALE, 7, 25 * EUR);
    move(&one, seller, penalties, FG_REASON_PENALTY, 7, 5 * EUR);
    move(&one, seller, fees, FG_REASON_FEE_SHARE, 7, EUR / 4);
    assert_true(balance(&one, seller) == 19750000 && balance(&one, buyer) == -25 * EUR && balance(&one, market) == 0);
    assert_true(sum_of_balances(&one) == 0);

    move(&two, market, seller, FG_REASON_SALE, 7, 20 * EUR);
    move(&two, seller, fees, FG_REASON_FEE_SHARE, 7, EUR / 4);
    move(&two, buyer, market, FG_REASON_PURCHASE, 7, 20 * EUR);
    move(&two, seller, penalties, FG_REASON_PENALTY, 7, 7 * EUR);
    assert_int_equal(fg_ledger_difference(&one, &two, &difference, NULL), FG_OK);
    assert_int_equal(difference.count, 3);
    assert_true(difference.items[0].reason == FG_REASON_PURCHASE && difference.items[0].amount.u == -5 * EUR);
    assert_true(difference.items[1].reason == FG_REASON_SALE && difference.items[1].amount.u == -5 * EUR);
    assert_true(difference.items[2].reason == FG_REASON_PENALTY && difference.items[2].amount.u == 2 * EUR);
    assert_true(balance(&difference, seller) == -7 * EUR && sum_of_balances(&difference) == 0);
    fg_ledger_release(&difference);
    assert_int_equal(fg_ledger_difference(&two, &two, &difference, NULL), FG_OK);
    assert_int_equal(difference.count, 0);
    fg_ledger_release(&one);
    fg_ledger_release(&two);
    fg_ledger_release(&difference);
}

static void test_refusals(void **state)
{
    (void)state;
    struct fg_ledger ledger = {0};
    struct fg_ledger_party owner = fg_ledger_participant(1), fees = fg_ledger_named(FG_LEDGER_FEES);
    struct fg_ledger_posting same = {.from = owner, .to = owner, .amount = {1}},
                             nobody = {.from = fg_ledger_participant(0), .to = fees, .amount = {1}},
                             owned = {.from = owner, .to = {FG_LEDGER_FEES, 3}, .amount = {1}},
                             nothing = {.from = owner, .to = fees};
    assert_int_equal(fg_ledger_move(&ledger, same, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_ledger_move(&ledger, nobody, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_ledger_move(&ledger, owned, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_ledger_move(&ledger, nothing, NULL), FG_OK);
    assert_int_equal(ledger.count, 0);
    move(&ledger, owner, fees, FG_REASON_FEE_SHARE, 0, INT64_MAX);
    move(&ledger, owner, fees, FG_REASON_FEE_SHARE, 0, 1);
    struct fg_money money;
    assert_int_equal(fg_ledger_balance(&ledger, fees, 0, &money, NULL), FG_ERR_OVERFLOW);
    fg_ledger_release(&ledger);
}

static void random_ledger(struct fg_random *random, struct fg_ledger *ledger)
{
    for (uint64_t i = fg_random_below(random, 60); i > 0; i--) {
        int64_t who = 1 + (int64_t)fg_random_below(random, 3);
        struct fg_ledger_party named = fg_ledger_named((enum fg_ledger_account)(1 + fg_random_below(random, 12)));
        int64_t amount = (int64_t)fg_random_below(random, 2000) - 1000;
        int flip = (int)fg_random_below(random, 2);
        move(ledger, flip ? named : fg_ledger_participant(who), flip ? fg_ledger_participant(who) : named,
             (enum fg_ledger_reason)fg_random_below(random, FG_REASON_COUNT), (int64_t)fg_random_below(random, 4), amount);
    }
}

/* earlier + difference = later, in every account, and every ledger sums to zero. */
static void test_random(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 20251125);
    for (int run = 0; run < 300; run++) {
        struct fg_ledger one = {0}, two = {0}, difference = {0}, again = {0};
        random_ledger(&random, &one);
        random_ledger(&random, &two);
        assert_int_equal(fg_ledger_difference(&one, &two, &difference, NULL), FG_OK);
        assert_true(sum_of_balances(&one) == 0 && sum_of_balances(&difference) == 0);
        for (int account = 0; account < FG_LEDGER_ACCOUNT_COUNT; account++)
            for (int64_t owner = account == 0; owner <= (account == 0 ? 3 : 0); owner++) {
                struct fg_ledger_party party = {(enum fg_ledger_account)account, owner};
                assert_true(balance(&one, party) + balance(&difference, party) == balance(&two, party));
            }
        for (size_t i = 0; i < difference.count; i++)
            move(&one, difference.items[i].from, difference.items[i].to, difference.items[i].reason,
                 difference.items[i].trade, difference.items[i].amount.u);
        assert_int_equal(fg_ledger_difference(&one, &two, &again, NULL), FG_OK);
        assert_int_equal(again.count, 0);
        fg_ledger_release(&one);
        fg_ledger_release(&two);
        fg_ledger_release(&difference);
        fg_ledger_release(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_correction), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
