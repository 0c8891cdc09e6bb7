/* Pure rules of the gateway: addresses that may be called, states of a bid, offers to bids, calls to offers, the market of tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "gateway/address.h"
#include "gateway/balancing.h"
#include "gateway/bid_state.h"
#include "gateway/http_client.h"
#include "gateway/merit.h"

#include <stdlib.h>
#include <string.h>

#define MW INT64_C(1000000)

/* IANA IPv4 and IPv6 special-purpose address registries; first and last address of each block, and the neighbours outside. */
static void addresses(void **state)
{
    static const char *const refused[] = {
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
        "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.1",
        "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.255", "224.0.0.0",
        "239.255.255.255", "240.0.0.0", "255.255.255.255", "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::8.8.8.8",
        "64:ff9b::8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa::1", "2001:2::1", "2001:10::1", "2001:20::1",
        "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1",
        "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ffff::1", "nonsense", "", "1.2.3", "1.2.3.4.5", "08.8.8.8"};
    static const char *const allowed[] = {
        "1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
        "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::1", "2001:200::1", "2001:4860:4860::8888",
        "2003::1", "2606:4700::1111", "2a00::1", "3ffe:ffff::1", "3fff:1000::1"};
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (fg_address_text_is_public(refused[i]))
            fail_msg("%s may be called", refused[i]);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (!fg_address_text_is_public(allowed[i]))
            fail_msg("%s may not be called", allowed[i]);
}

static void urls(void **state)
{
    static const char *const refused[] = {
        "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "https://", "example.org",
        "https://user@example.org/", "https://user:word@example.org/", "https://example.org/#part", "https://127.0.0.1/", "https://127.1/",
        "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/", "https://10.1.2.3:8443/hook", "https://169.254.169.254/latest/meta-data", "https://localhost/",
        "https://LOCALHOST:8443/", "https://a.localhost/", "javascript:alert(1)", ""};
    static const char *const allowed[] = {"https://example.org", "https://example.org:8443/hook?x=1", "https://8.8.8.8/", "https://[2606:4700::1111]/"};
    struct fg_http_policy strict = {0}, tests = {.plain_http = true, .private_addresses = true};
    struct fg_error err;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (fg_http_check_url(&strict, refused[i], &err) != FG_ERR_VALUE)
            fail_msg("%s is taken", refused[i]);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (fg_http_check_url(&strict, allowed[i], &err) != FG_OK)
            fail_msg("%s: %s", allowed[i], err.text);
    assert_int_equal(fg_http_check_url(&tests, "http://127.0.0.1:80/", &err), FG_OK);
    assert_int_equal(fg_http_check_url(&tests, "ftp://127.0.0.1/", &err), FG_ERR_VALUE);
}

/* Texts that are cut to fit end before the first byte that is no UTF-8. */
static void clipped(void **state)
{
    (void)state;
    char whole[] = "\xce\xa9 plain", cut[] = "ab\xce", wrong[] = "\xff\xfe", inside[] = "a\xc3(b";
    fg_http_clip(whole);
    fg_http_clip(cut);
    fg_http_clip(wrong);
    fg_http_clip(inside);
    assert_string_equal(whole, "\xce\xa9 plain");
    assert_string_equal(cut, "ab");
    assert_string_equal(wrong, "");
    assert_string_equal(inside, "a");
}

/* At the moment of connecting, whatever the text was: the names and forms that reach this machine are refused, and nothing is sent. */
static void connecting(void **state)
{
    static const char *const refused[] = {"https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/", "https://0.0.0.0:1/", "https://127.1:1/"};
    struct fg_http_policy strict = {0};
    (void)state;
    fg_http_init();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct fg_http_request request = {.method = "GET", .url = refused[i], .timeout_ms = 2000};
        struct fg_http_answer answer;
        struct fg_error err;
        enum fg_code code = fg_http_call(&strict, &request, &answer, &err);
        fg_text_release(&answer.body);
        if (code != FG_ERR_DENIED)
            fail_msg("%s: %s: %s", refused[i], fg_code_slug(code), err.text);
    }
}

/* The rules of bid_state.h, said once more. */
static void states(void **state)
{
    (void)state;
    for (int s = 0; s < FG_BID_STATES; s++)
        for (int input = 0; input < FG_BID_INPUTS; input++)
            for (int called = 0; called < 2; called++) {
                enum fg_bid_state from = (enum fg_bid_state)s, to = fg_bid_next(from, (enum fg_bid_input)input, called);
                if (fg_bid_has_ended(from)) { /* 3 */
                    assert_int_equal(to, from);
                    continue;
                }
                assert_int_equal(fg_bid_next(to, (enum fg_bid_input)input, called), to); /* 5 */
                if (input == FG_BID_INPUT_WITHDRAW || input == FG_BID_INPUT_ANSWERED || input == FG_BID_INPUT_ACCEPTED ||
                    input == FG_BID_INPUT_CALLED)
                    assert_false(fg_bid_has_ended(to)); /* 1 */
                else
                    assert_true(fg_bid_has_ended(to));
                if (from == FG_BID_RETURNING && !fg_bid_has_ended(to))
                    assert_int_equal(to, FG_BID_RETURNING); /* the wish is not forgotten */
                if (fg_bid_has_ended(to) && called)
                    assert_int_equal(to, FG_BID_ACTIVATED); /* 4 */
                if (to != from && !fg_bid_has_ended(to) && to != FG_BID_RETURNING)
                    assert_true(to > from); /* it never goes back */
            }
    assert_int_equal(fg_bid_next(FG_BID_PREPARED, FG_BID_INPUT_PASSED, false), FG_BID_EXPIRED);
    assert_int_equal(fg_bid_next(FG_BID_SENT, FG_BID_INPUT_REFUSED, false), FG_BID_REFUSED);
    assert_int_equal(fg_bid_next(FG_BID_RETURNING, FG_BID_INPUT_GIVEN_BACK, false), FG_BID_RETURNED);
    for (int s = 0; s < FG_BID_STATES; s++)
        assert_int_equal(fg_bid_state_of(fg_bid_state_words[s]), s);
    assert_int_equal(fg_bid_state_of("nonsense"), FG_BID_STATES);
}

static struct fg_piece piece(uint64_t order, int64_t brp, int64_t quantity_w, int64_t price, int64_t least_w)
{
    return (struct fg_piece){.order = order, .portfolio = (int64_t)order, .organisation = 1, .zone = 1, .brp = brp, .first_period = 5,
                             .period_count = 1, .quantity_w = quantity_w, .least_w = least_w, .price_u = price};
}

/* Minimum 1 MW. Of party 1: 0.5 at 50, 0.6 at 60 make a bid at 60; 0.7 at 200, 0.4 at 210 one at 210; 0.3 at 300 is a rest and joins it,
 * which makes it dear. 1.5 at 55 stands alone, 0.4 with a minimum of its own is not bid. Of party 2 one small offer: not bid. */
static void aggregation(void **state)
{
    struct fg_piece pieces[] = {piece(1, 1, 5 * MW / 10, 50, 0),  piece(2, 1, 7 * MW / 10, 200, 0), piece(3, 1, 6 * MW / 10, 60, 0),
                                piece(4, 1, 4 * MW / 10, 210, 0), piece(5, 1, 3 * MW / 10, 300, 0), piece(6, 1, 15 * MW / 10, 55, 0),
                                piece(7, 1, 4 * MW / 10, 10, 4 * MW / 10), piece(8, 2, 9 * MW / 10, 10, 0)};
    struct fg_bid_draft drafts[8];
    size_t count;
    (void)state;
    assert_int_equal(fg_bids_form(pieces, 8, MW, drafts, &count, NULL), FG_OK);
    assert_int_equal(count, 3);
    int seen = 0;
    for (size_t i = 0; i < count; i++) {
        const struct fg_piece *first = &pieces[drafts[i].first];
        if (first->order == 6) {
            assert_int_equal(drafts[i].count, 1);
            assert_int_equal(drafts[i].price_u, 55);
        } else if (first->order == 1) {
            assert_int_equal(drafts[i].count, 2);
            assert_int_equal(first[1].order, 3);
            assert_int_equal(drafts[i].quantity_w, 11 * MW / 10);
            assert_int_equal(drafts[i].price_u, 60);
        } else {
            assert_int_equal(first->order, 2);
            assert_int_equal(drafts[i].count, 3);
            assert_int_equal(drafts[i].quantity_w, 14 * MW / 10);
            assert_int_equal(drafts[i].price_u, 300);
        }
        seen++;
    }
    assert_int_equal(seen, 3);
    assert_int_equal(pieces[6].bid, -1); /* those without bid are last */
    assert_int_equal(pieces[7].bid, -1);
    assert_int_equal(fg_bids_form(NULL, 0, MW, drafts, &count, NULL), FG_OK);
    assert_int_equal(count, 0);
}

/* Whatever is offered: every bid reaches the minimum, has one key, a price that none of its pieces is above; every piece is in one bid or
 * could not have been: it is small, and it has a minimum or all small ones of its key together are too small. */
static void aggregation_at_random(void **state)
{
    struct fg_random dice;
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct fg_piece pieces[60];
        struct fg_bid_draft drafts[60];
        size_t count, n = 0;
        fg_random_init(&dice, seed);
        size_t total = fg_random_below(&dice, 60);
        for (size_t i = 0; i < total; i++) {
            pieces[i] = piece(i + 1, (int64_t)fg_random_below(&dice, 3), (int64_t)(1 + fg_random_below(&dice, 14)) * MW / 10,
                              (int64_t)fg_random_below(&dice, 50), 0);
            pieces[i].regulation = (int32_t)fg_random_below(&dice, 2);
            pieces[i].least_w = fg_random_below(&dice, 5) == 0 ? pieces[i].quantity_w / 2 : 0;
        }
        assert_int_equal(fg_bids_form(pieces, total, MW, drafts, &count, NULL), FG_OK);
        for (size_t d = 0; d < count; d++) {
            int64_t sum = 0;
            assert_int_equal(drafts[d].first, n);
            for (size_t i = drafts[d].first; i < drafts[d].first + drafts[d].count; i++, n++) {
                const struct fg_piece *first = &pieces[drafts[d].first];
                sum += pieces[i].quantity_w;
                if (pieces[i].brp != first->brp || pieces[i].regulation != first->regulation || pieces[i].price_u > drafts[d].price_u ||
                    (drafts[d].count > 1 && pieces[i].least_w > 0))
                    fail_msg("seed %llu: bid %zu is not of one kind", (unsigned long long)seed, d);
            }
            if (sum != drafts[d].quantity_w || sum < MW)
                fail_msg("seed %llu: bid %zu has %lld W", (unsigned long long)seed, d, (long long)sum);
        }
        for (size_t i = n; i < total; i++) {
            int64_t sum = 0;
            for (size_t k = 0; k < total; k++)
                if (pieces[k].brp == pieces[i].brp && pieces[k].regulation == pieces[i].regulation && pieces[k].quantity_w < MW &&
                    pieces[k].least_w == 0)
                    sum += pieces[k].quantity_w;
            if (pieces[i].bid != -1 || pieces[i].quantity_w >= MW || (pieces[i].least_w == 0 && sum >= MW))
                fail_msg("seed %llu: piece of order %llu was left out", (unsigned long long)seed, (unsigned long long)pieces[i].order);
        }
    }
}

/* 0.5 MW of 0.8 and 0.7 in ticks of 1 kW: 266.67 and 233.33, the larger remainder gets the odd tick. */
static void splitting(void **state)
{
    const int64_t left[] = {800000, 700000};
    int64_t parts[40], many[40];
    struct fg_random dice;
    (void)state;
    assert_int_equal(fg_call_split(500000, 1000, left, 2, parts, NULL), FG_OK);
    assert_int_equal(parts[0], 267000);
    assert_int_equal(parts[1], 233000);
    assert_int_equal(fg_call_split(1501000, 1000, left, 2, parts, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_call_split(1, 1000, left, 2, parts, NULL), FG_ERR_ARGUMENT);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        fg_random_init(&dice, seed);
        size_t count = 1 + fg_random_below(&dice, 40);
        int64_t total = 0, sum = 0;
        for (size_t i = 0; i < count; i++)
            total += many[i] = (int64_t)fg_random_below(&dice, 50) * 1000;
        int64_t called = total > 0 ? (int64_t)fg_random_below(&dice, (uint64_t)(total / 1000 + 1)) * 1000 : 0;
        assert_int_equal(fg_call_split(called, 1000, many, count, parts, NULL), FG_OK);
        for (size_t i = 0; i < count; i++) {
            sum += parts[i];
            /* within a tick of the exact share, and never more than is left */
            double exact = total > 0 ? (double)called * (double)many[i] / (double)total : 0;
            if (parts[i] < 0 || parts[i] > many[i] || parts[i] % 1000 != 0 || (double)parts[i] < exact - 1000 || (double)parts[i] > exact + 1000)
                fail_msg("seed %llu: part %zu is %lld of %lld", (unsigned long long)seed, i, (long long)parts[i], (long long)many[i]);
        }
        assert_int_equal(sum, called);
    }
}

static int64_t test_clock(void *context)
{
    return *(int64_t *)context;
}
static struct fg_balancing_bid bid_of(const char *reference, int64_t quantity_w, int64_t least_w, int64_t price_u)
{
    struct fg_balancing_bid bid = {.control_area = "GR", .zone = "loc-1", .start_s = 7200, .duration_s = 900, .quantity_w = quantity_w,
                                   .least_w = least_w, .price_u = price_u};
    strcpy(bid.reference, reference);
    return bid;
}

/* 4 MW required of 1 at 30, 2 (all or nothing) at 40, 2 at 40 (later), 5 at 90: 1 + 2 + 1 of the later; dearest 40. */
static void market(void **state)
{
    int64_t now_us = 1000000, price_u;
    struct fg_balancing_options options = {.bid_min_w = MW, .lead_s = 900, .clock_us = test_clock, .clock_context = &now_us};
    struct fg_balancing *m;
    struct fg_balancing_call calls[10];
    struct fg_balancing_result results[50];
    size_t count;
    bool is_known;
    (void)state;
    assert_int_equal(fg_balancing_create(&options, &m, NULL), FG_OK);
    struct fg_balancing_bid a = bid_of("a", 5 * MW, 0, 90), b = bid_of("b", 2 * MW, 2 * MW, 40), c = bid_of("c", MW, 0, 30),
                            d = bid_of("d", 2 * MW, 0, 40), small = bid_of("e", MW / 2, 0, 1), again = bid_of("a", 5 * MW, 0, 90),
                            other = bid_of("a", 4 * MW, 0, 90);
    struct fg_balancing_bid *all[] = {&a, &b, &c, &d, &small, &again};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fg_balancing_bid(m, all[i], NULL), FG_OK);
    assert_int_equal(again.id, a.id);
    assert_int_equal(small.state, FG_BALANCING_REFUSED);
    assert_int_equal(fg_balancing_bid(m, &other, NULL), FG_ERR_CONFLICT);
    assert_int_equal(fg_balancing_clear(m, "GR", 0, 7200, 4 * MW, calls, 10, &count, &price_u, NULL), FG_OK);
    assert_int_equal(count, 3);
    assert_int_equal(calls[0].bid, c.id);
    assert_int_equal(calls[1].bid, b.id);
    assert_int_equal(calls[2].bid, d.id);
    assert_int_equal(calls[2].wanted_w, MW);
    assert_int_equal(price_u, 40);
    /* What is not confirmed is out: 0.4 of d's 1 MW. 1 MW is left of d, and can still be called; the 0.6 not. */
    assert_int_equal(fg_balancing_confirm(m, calls[2].id, 4 * MW / 10, "the grid", NULL), FG_OK);
    assert_int_equal(fg_balancing_confirm(m, calls[2].id, 4 * MW / 10, "the grid", NULL), FG_OK);
    assert_int_equal(fg_balancing_confirm(m, calls[2].id, 0, "", NULL), FG_ERR_CONFLICT);
    assert_int_equal(fg_balancing_confirm(m, calls[1].id, 3 * MW, "", NULL), FG_ERR_VALUE);
    assert_int_equal(fg_balancing_activate(m, d.id, MW + 1000, &calls[3], NULL), FG_ERR_CONFLICT);
    assert_int_equal(fg_balancing_activate(m, d.id, MW, &calls[3], NULL), FG_OK);
    assert_int_equal(fg_balancing_withdraw(m, "b", &is_known, NULL), FG_ERR_CONFLICT); /* called */
    assert_int_equal(fg_balancing_withdraw(m, "never", &is_known, NULL), FG_OK);
    assert_false(is_known);
    struct fg_balancing_bid never = bid_of("never", MW, 0, 1);
    assert_int_equal(fg_balancing_bid(m, &never, NULL), FG_OK);
    assert_int_equal(never.state, FG_BALANCING_REFUSED);
    assert_int_equal(fg_balancing_withdraw(m, "a", &is_known, NULL), FG_OK);
    assert_true(is_known);
    struct fg_balancing_bid last = bid_of("last", MW, 0, 1);
    assert_int_equal(fg_balancing_bid(m, &last, NULL), FG_OK);
    now_us = (7200 - 900) * INT64_C(1000000) + 1; /* the deadline is over */
    assert_int_equal(fg_balancing_activate(m, last.id, MW, &calls[4], NULL), FG_ERR_CONFLICT);
    count = fg_balancing_results(m, 0, results, 50);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i].sequence, i + 1);
    assert_int_equal(results[count - 1].kind, FG_BALANCING_RESULT_EXPIRED);
    assert_string_equal(results[count - 1].reference, "last");
    fg_balancing_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),   cmocka_unit_test(urls),      cmocka_unit_test(connecting), cmocka_unit_test(clipped),
        cmocka_unit_test(states),      cmocka_unit_test(aggregation), cmocka_unit_test(aggregation_at_random),
        cmocka_unit_test(splitting),   cmocka_unit_test(market),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
