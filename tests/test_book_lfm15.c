/* The published 15-bus local market (Prat et al., arXiv 2012.00505): all requests, then the offers, matched
 * continuously under line limits with conditional requests. Trades and welfare: ref/lfm15_expected.md of the shared
 * data. */
#include "base/units.h"
#include "toolkit/dfmct/match_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BUSES = 15, LINES = 14, ROWS = 64 };

static struct fg_book_trade trades[ROWS];
static size_t trade_count;

static void on_event(void *context, const struct fg_book_event *event)
{
    (void)context;
    if (event->kind == FG_BOOK_TRADED)
        trades[trade_count++] = *event->trade;
}

static FILE *open_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/market/lfm15/%s", FG_SHARED_DIR, name);
    return fopen(path, "r");
}

static void read_numbers(const char *name, int rows, int columns, double *values)
{
    FILE *file = open_file(name);
    assert_non_null(file);
    for (int i = 0; i < rows * columns; i++)
        assert_int_equal(fscanf(file, i % columns == 0 ? " %lf" : ",%lf", &values[i]), 1);
    fclose(file);
}

/* The set-point (injections, MW) that the same authors publish for this grid in dtu15: loads of the bus file to 10 kW.
 */
static void read_setpoint(double *values)
{
    FILE *file = fopen(FG_SHARED_DIR "/data/market/dtu15/dtu15_setpoint_P.csv", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*[^\n] t1"), 0);
    for (int b = 0; b < BUSES; b++)
        assert_int_equal(fscanf(file, ",%lf", &values[b]), 1);
    fclose(file);
}

static void submit(struct fg_book *book, uint64_t id, enum fg_side side, int bus, bool conditional,
                   const char *direction, double mw, double price)
{
    struct fg_power quantity;
    struct fg_price_point point;
    assert_int_equal(fg_power_from_mw(mw, &quantity, NULL), FG_OK);
    point.up_to = quantity;
    assert_int_equal(fg_price_from_per_mwh(price, &point.price, NULL), FG_OK);
    struct fg_book_order order = {.id = id,
                                  .participant = (int32_t)id,
                                  .organisation = (int32_t)id,
                                  .portfolio = side == FG_SIDE_SELL ? 0 : -1,
                                  .bus = bus,
                                  .side = side,
                                  .regulation = strcmp(direction, "Up") == 0 ? FG_REGULATION_UP : FG_REGULATION_DOWN,
                                  .kind = side == FG_SIDE_BUY ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE,
                                  .conditional = conditional,
                                  .period_count = 1,
                                  .quantity = &quantity,
                                  .points = &point,
                                  .point_count = 1};
    struct fg_error err = {0};
    if (fg_book_submit(book, (int64_t)id, &order, 1, NULL, &err) != FG_REFUSAL_NONE)
        fail_msg("%s", err.text);
}

static void published_trades_and_welfare(void **state)
{
    (void)state;
    static double ptdf[LINES * BUSES], branch[LINES * 13], setpoint[BUSES], base[LINES], requests_price[8];
    FILE *file = open_file("lfm15_requests.csv");
    if (file == NULL) {
        print_message("skipped: no folder %s/data/market/lfm15\n", FG_SHARED_DIR);
        skip();
    }
    read_numbers("lfm15_PTDF.csv", LINES, BUSES, ptdf);
    read_numbers("lfm15_branch.csv", LINES, 13, branch);
    read_setpoint(setpoint);
    int64_t rating[LINES];
    for (int l = 0; l < LINES; l++) {
        rating[l] = (int64_t)(branch[l * 13 + 5] * 1e6 + 0.5);
        for (int b = 0; b < BUSES; b++)
            base[l] += ptdf[l * BUSES + b] * setpoint[b] * 1e6;
    }
    struct fg_match_network *network;
    assert_int_equal(fg_match_network_create(LINES, BUSES, ptdf, rating, 0, 1, base, &network, NULL), FG_OK);
    struct fg_book_network check = fg_match_network_interface(network);
    const int32_t root = -1;
    const struct fg_book_locations locations = {.count = 1, .parent = &root};
    struct fg_book_settings settings = fg_book_settings_default();
    settings.period_s = 3600;
    struct fg_book *book;
    assert_int_equal(fg_book_create(&settings, &locations, &check, on_event, NULL, &book, NULL), FG_OK);
    assert_int_equal(fg_book_open(book, 0, FG_PRODUCT_ACTIVE, 0, 1, NULL), FG_REFUSAL_NONE);
    for (int r = 0; r < 2; r++)
        fg_book_set_capability(book, 0, 0, FG_PRODUCT_ACTIVE, (enum fg_regulation)r, 0, 1, (struct fg_power){100000000},
                               (struct fg_power){0}, NULL);
    int at, rows = 0;
    char type[32], direction[16];
    double mw, price;
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    for (; fscanf(file, " n%d,%31[^,],%15[^,],%lf,%lf", &at, type, direction, &mw, &price) == 5; rows++) {
        requests_price[rows] = price;
        submit(book, 1000 + (uint64_t)rows, FG_SIDE_BUY, at - 1, strcmp(type, "Conditional") == 0, direction, mw,
               price);
    }
    fclose(file);
    assert_int_equal(rows, 6);
    static double offer_price[ROWS];
    file = open_file("lfm15_offers.csv");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    for (rows = 0; fscanf(file, " n%d,%lf,%15[^,],%lf", &at, &mw, direction, &price) == 4; rows++) {
        offer_price[rows] = price;
        submit(book, 2000 + (uint64_t)rows, FG_SIDE_SELL, at - 1, false, direction, mw, price);
    }
    fclose(file);
    static const struct {
        int offer, request;
        double mw;
    } expected[] = {{0, 1, 0.03}, {1, 0, 0.01}, {1, 2, 0.01}, {3, 3, 0.02}, {4, 2, 0.01}, {4, 4, 0.01}, {11, 5, 0.03}};
    double welfare = 0;
    for (size_t i = 0; i < trade_count; i++) {
        int offer = (int)trades[i].sell - 2000, request = (int)trades[i].buy - 1000;
        print_message("%d -> %d %.6f MW %s\n", offer, request, fg_mw(trades[i].quantity),
                      trades[i].flow.regulation == FG_REGULATION_UP ? "up" : "down");
        welfare += fg_mw(trades[i].quantity) * (requests_price[request] - offer_price[offer]);
    }
    print_message("welfare %.4f\n", welfare);
    assert_int_equal(trade_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(trades[i].sell, 2000 + expected[i].offer);
        assert_int_equal(trades[i].buy, 1000 + expected[i].request);
        assert_true(llabs(trades[i].quantity.w - (int64_t)(expected[i].mw * 1e6 + 0.5)) <= 1);
    }
    assert_true(welfare > 0.77 - 1e-9 && welfare < 0.77 + 1e-9);
    fg_book_destroy(book);
    fg_match_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_trades_and_welfare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
