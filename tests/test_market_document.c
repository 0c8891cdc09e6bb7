/* Invoices: totals worked out by hand, the tax treatments of the directive, and that every split adds up. */
#include "base/random.h"
#include "market/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINES = 30 };

static struct fg_document_total sum(const struct fg_document_line *lines, size_t count, int decimals, int64_t rate_u)
{
    struct fg_document_total total;
    struct fg_error err = {0};
    if (fg_document_sum(lines, count, decimals, rate_u, &total, &err) != FG_OK)
        fail_msg("%s", err.text);
    return total;
}

static void test_totals(void **state)
{
    (void)state;
    /* 100.004 + 0.005 = 100.009 -> 100.01; 24 % of it 24.0024 -> 24.00. */
    struct fg_document_line lines[3] = {{{100004000}, FG_TAX_STANDARD}, {{5000}, FG_TAX_STANDARD}};
    struct fg_document_total t = sum(lines, 2, 2, 240000);
    assert_true(t.net == 10001 && t.tax == 2400 && t.gross == 12401 && t.rounding.u == 1000);
    /* Half a cent goes away from zero, on both sides. */
    lines[0].amount.u = 5000;
    assert_true(sum(lines, 1, 2, 0).net == 1);
    lines[0].amount.u = -5000;
    t = sum(lines, 1, 2, 240000);
    assert_true(t.net == -1 && t.rounding.u == -5000 && t.tax == 0);
    /* A penalty of 12.345 outside the scope and 10.009 of supplies: 22.354 -> 22.35, of which 10.01 are taxed (its remainder
     * 0.9 cent is larger than 0.5 cent). */
    lines[0] = (struct fg_document_line){{12345000}, FG_TAX_OUTSIDE_SCOPE};
    lines[1] = (struct fg_document_line){{10009000}, FG_TAX_STANDARD};
    t = sum(lines, 2, 2, 100000);
    assert_true(t.net == 2235 && t.net_of[FG_TAX_STANDARD] == 1001 && t.net_of[FG_TAX_OUTSIDE_SCOPE] == 1234);
    assert_true(t.tax == 100 && t.gross == 2335);
    /* A currency without decimals. */
    lines[0] = (struct fg_document_line){{1499999}, FG_TAX_REVERSE_CHARGE};
    t = sum(lines, 1, 0, 190000);
    assert_true(t.net == 1 && t.tax == 0 && t.rounding.u == -499999);
    lines[0].amount.u = lines[1].amount.u = INT64_MAX;
    assert_int_equal(fg_document_sum(lines, 2, 2, 0, &t, NULL), FG_ERR_OVERFLOW);
    assert_int_equal(fg_document_sum(lines, 1, 7, 0, &t, NULL), FG_ERR_ARGUMENT);
}

static void test_tax_treatment(void **state)
{
    (void)state;
    struct fg_tax_party greek = {"GR", true, false}, german = {"DE", true, false}, household = {"GR", false, false},
                        dealer = {"GR", true, true}, abroad = {"DE", false, false};
    assert_int_equal(fg_tax_of_supply(&greek, &greek, true), FG_TAX_STANDARD);
    assert_int_equal(fg_tax_of_supply(&greek, &german, false), FG_TAX_REVERSE_CHARGE);
    assert_int_equal(fg_tax_of_supply(&greek, &household, true), FG_TAX_STANDARD);
    assert_int_equal(fg_tax_of_supply(&greek, &abroad, true), FG_TAX_STANDARD);
    assert_int_equal(fg_tax_of_supply(&greek, &dealer, true), FG_TAX_REVERSE_CHARGE);
    assert_int_equal(fg_tax_of_supply(&greek, &dealer, false), FG_TAX_STANDARD);
    assert_string_equal(fg_tax_note(FG_TAX_REVERSE_CHARGE), "Reverse charge"); /* the directive's words */
    assert_null(fg_tax_note(FG_TAX_STANDARD));
}

static void test_changes(void **state)
{
    (void)state;
    enum fg_document_kind kind;
    assert_true(fg_document_of_change(0, 500, FG_DOCUMENT_SELF_BILLING, &kind) && kind == FG_DOCUMENT_SELF_BILLING);
    assert_true(fg_document_of_change(500, 700, FG_DOCUMENT_SELF_BILLING, &kind) && kind == FG_DOCUMENT_SUPPLEMENT);
    assert_true(fg_document_of_change(500, 100, FG_DOCUMENT_INVOICE, &kind) && kind == FG_DOCUMENT_CREDIT_NOTE);
    assert_false(fg_document_of_change(500, 500, FG_DOCUMENT_INVOICE, &kind));
}

static void test_everything_adds_up(void **state)
{
    (void)state;
    struct fg_random random;
    fg_random_init(&random, 112);
    for (int round = 0; round < 20000; round++) {
        struct fg_document_line lines[LINES];
        size_t count = (size_t)fg_random_below(&random, LINES + 1);
        int decimals = (int)fg_random_below(&random, 7);
        int64_t unit = 1, money = 0;
        for (int i = decimals; i < 6; i++)
            unit *= 10;
        for (size_t i = 0; i < count; i++) {
            lines[i] = (struct fg_document_line){{(int64_t)fg_random_below(&random, 200000000) - 100000000},
                                                 (enum fg_tax_treatment)fg_random_below(&random, 3)};
            money += lines[i].amount.u;
        }
        struct fg_document_total t = sum(lines, count, decimals, 240000);
        assert_true(t.net * unit == money + t.rounding.u);
        assert_true(2 * llabs(t.rounding.u) <= unit);
        assert_true(t.net_of[0] + t.net_of[1] + t.net_of[2] == t.net);
        assert_true(t.gross == t.net + t.tax);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_tax_treatment),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_everything_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
