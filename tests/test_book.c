/* The continuous book in small cases worked out by hand. Quantities in kW, prices per MWh. Locations: 0 the area, 1 and
 * 2 below it, 3 below 1; 2 and 3 are linked. */
#include "market/book.h"
#include "market/technology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct fg_book *book;
    struct fg_book_trade trades[32];
    size_t trade_count;
    uint64_t next;
    int64_t now;
    struct fg_error err;
    /* The next order. */
    struct fg_book_order order;
    struct fg_power quantity[4];
    struct fg_price_point points[3];
};

static void on_event(void *context, const struct fg_book_event *event)
{
    struct fixture *f = context;
    if (event->kind == FG_BOOK_TRADED)
        f->trades[f->trade_count++] = *event->trade;
}

static int set_up(void **state)
{
    static struct fixture f;
    static const int32_t parent[] = {-1, 0, 0, 1}, links[][2] = {{2, 3}};
    const struct fg_book_locations locations = {4, parent, 1, links};
    struct fg_book_settings settings = fg_book_settings_default();
    memset(&f, 0, sizeof f);
    f.next = 1;
    assert_int_equal(fg_book_create(&settings, &locations, NULL, on_event, &f, &f.book, NULL), FG_OK);
    assert_int_equal(fg_book_open(f.book, 0, FG_PRODUCT_ACTIVE, 0, 4, NULL), FG_REFUSAL_NONE);
    assert_int_equal(fg_book_set_capability(f.book, 0, 0, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 4,
                                            (struct fg_power){100000}, (struct fg_power){0}, NULL),
                     FG_REFUSAL_NONE);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fg_book_destroy(f->book);
    return 0;
}

/* A plain order of one period with its own organisation; returns it for changes before `enter`. */
static struct fg_book_order *make(struct fixture *f, enum fg_side side, int64_t kw, int64_t price)
{
    for (int i = 0; i < 4; i++)
        f->quantity[i].w = kw * 1000;
    f->points[0] = (struct fg_price_point){{1000000000}, {price * 1000000}};
    f->order = (struct fg_book_order){.id = f->next++,
                                      .side = side,
                                      .kind = side == FG_SIDE_BUY ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE,
                                      .bus = -1,
                                      .period_count = 1,
                                      .quantity = f->quantity,
                                      .points = f->points,
                                      .point_count = 1};
    f->order.participant = f->order.organisation = (int32_t)f->order.id;
    return &f->order;
}

static enum fg_refusal enter(struct fixture *f)
{
    return fg_book_submit(f->book, f->now, &f->order, 1, NULL, &f->err);
}

static uint64_t rest(struct fixture *f, enum fg_side side, int64_t kw, int64_t price)
{
    make(f, side, kw, price);
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    return f->order.id;
}

static void expect_trade(const struct fixture *f, size_t index, uint64_t sell, uint64_t buy, int64_t kw, int64_t price)
{
    assert_true(index < f->trade_count);
    const struct fg_book_trade *t = &f->trades[index];
    assert_int_equal(t->sell, sell);
    assert_int_equal(t->buy, buy);
    assert_int_equal(t->quantity.w, kw * 1000);
    assert_int_equal(t->price.uper_mwh, price * 1000000);
}

static void best_price_then_oldest_at_the_resting_price(void **state)
{
    struct fixture *f = *state;
    uint64_t a = rest(f, FG_SIDE_SELL, 5, 40), b = rest(f, FG_SIDE_SELL, 5, 40), c = rest(f, FG_SIDE_SELL, 5, 39);
    uint64_t buy = rest(f, FG_SIDE_BUY, 12, 45);
    assert_int_equal(f->trade_count, 3);
    expect_trade(f, 0, c, buy, 5, 39);
    expect_trade(f, 1, a, buy, 5, 40);
    expect_trade(f, 2, b, buy, 2, 40);
    assert_int_equal(f->trades[0].initiator, FG_SIDE_SELL);
    struct fg_money money;
    assert_int_equal(fg_book_trade_money(f->book, &f->trades[0], &money, NULL), FG_OK);
    assert_int_equal(money.u, 48750); /* 5 kW x 0.25 h x 39 per MWh = 0.04875 */
}

static void lowering_keeps_priority_and_a_new_price_loses_it(void **state)
{
    struct fixture *f = *state;
    uint64_t a = rest(f, FG_SIDE_SELL, 5, 40), b = rest(f, FG_SIDE_SELL, 5, 40);
    struct fg_power less = {3000}, more = {4000};
    struct fg_book_amendment change = {.order = a, .quantity = &less, .min_fraction_u = -1, .expires_us = -1};
    assert_int_equal(fg_book_amend(f->book, 0, &change, NULL), FG_REFUSAL_NONE);
    uint64_t first = rest(f, FG_SIDE_BUY, 1, 40);
    expect_trade(f, 0, a, first, 1, 40);
    change.quantity = &more;
    assert_int_equal(fg_book_amend(f->book, 0, &change, NULL), FG_REFUSAL_NONE);
    uint64_t second = rest(f, FG_SIDE_BUY, 1, 40);
    expect_trade(f, 1, b, second, 1, 40);
}

static void all_or_none_finds_the_one_it_needs(void **state)
{
    struct fixture *f = *state;
    uint64_t small = rest(f, FG_SIDE_SELL, 4, 30);
    make(f, FG_SIDE_SELL, 10, 31)->min_fraction_u = FG_FRACTION_ONE;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t whole = f->order.id;
    make(f, FG_SIDE_BUY, 10, 35)->min_fraction_u = FG_FRACTION_ONE;
    assert_int_equal(enter(f), FG_REFUSAL_NONE); /* 4 from the best leaves 6, too few for the other: it alone */
    assert_int_equal(f->trade_count, 1);
    expect_trade(f, 0, whole, f->order.id, 10, 31);
    rest(f, FG_SIDE_BUY, 4, 30);
    expect_trade(f, 1, small, f->order.id, 4, 30);
}

static void block_takes_one_fraction(void **state)
{
    struct fixture *f = *state;
    struct fg_book_order *o;
    rest(f, FG_SIDE_SELL, 10, 20);
    make(f, FG_SIDE_SELL, 3, 25)->first_period = 1;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    o = make(f, FG_SIDE_BUY, 4, 50);
    o->block = true;
    o->period_count = 2;
    f->quantity[1].w = 8000; /* shape 1 : 2, four parts: one part is what the second period gives */
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    assert_int_equal(f->trade_count, 2);
    assert_int_equal(f->trades[0].quantity.w, 1000);
    assert_int_equal(f->trades[1].quantity.w, 2000);
}

/* The buyer's minimum is met in the first period, not in the second, where the better one's 1 would leave it too little: it alone. */
static void block_finds_the_one_whose_minimum_lies_in_a_later_period(void **state)
{
    struct fixture *f = *state;
    struct fg_book_order *o = make(f, FG_SIDE_BUY, 4, 50);
    o->period_count = 2;
    o->min_fraction_u = FG_FRACTION_ONE / 2;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t whole = f->order.id;
    rest(f, FG_SIDE_SELL, 2, 40);
    assert_int_equal(f->trade_count, 1);
    make(f, FG_SIDE_BUY, 1, 60)->first_period = 1;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    o = make(f, FG_SIDE_SELL, 2, 40);
    o->block = true;
    o->period_count = 2;
    o->min_fraction_u = FG_FRACTION_ONE;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    assert_int_equal(f->trade_count, 3);
    expect_trade(f, 1, f->order.id, whole, 2, 50);
    expect_trade(f, 2, f->order.id, whole, 2, 50);
}

static void need_is_met_inside_and_over_links(void **state)
{
    struct fixture *f = *state;
    make(f, FG_SIDE_BUY, 5, 50)->kind = FG_REQUEST_NEED;
    f->order.location = 3;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t need = f->order.id;
    for (int32_t at = 0; at < 2; at++) { /* the area and zone 1 lie around zone 3 */
        make(f, FG_SIDE_SELL, 1, 40)->location = at;
        assert_int_equal(enter(f), FG_REFUSAL_NONE);
    }
    assert_int_equal(f->trade_count, 0);
    make(f, FG_SIDE_SELL, 1, 40)->location = 2;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    expect_trade(f, 0, f->order.id, need, 1, 50);
    make(f, FG_SIDE_BUY, 5, 45)->location = 3; /* an exchange takes from around it */
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    assert_int_equal(f->trade_count, 3);
}

static void own_organisation_cancels_the_remainder(void **state)
{
    struct fixture *f = *state;
    uint64_t other = rest(f, FG_SIDE_SELL, 2, 30);
    make(f, FG_SIDE_SELL, 5, 31)->organisation = 77;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    make(f, FG_SIDE_BUY, 5, 40)->organisation = 77;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    struct fg_book_order_state row;
    assert_int_equal(f->trade_count, 1);
    expect_trade(f, 0, other, f->order.id, 2, 30);
    assert_false(fg_book_find_order(f->book, f->order.id, &row, NULL, NULL));
}

static void capability_is_never_sold_twice(void **state)
{
    struct fixture *f = *state;
    uint64_t a = rest(f, FG_SIDE_SELL, 60, 30);
    rest(f, FG_SIDE_BUY, 20, 30); /* sold 20, open 40 */
    make(f, FG_SIDE_SELL, 41, 30);
    assert_int_equal(enter(f), FG_REFUSAL_CAPABILITY);
    assert_non_null(strstr(f->err.text, "[capability]"));
    assert_int_equal(fg_book_cancel(f->book, 0, a, NULL), FG_REFUSAL_NONE);
    make(f, FG_SIDE_SELL, 81, 30);
    assert_int_equal(enter(f), FG_REFUSAL_CAPABILITY);
    assert_int_equal(fg_book_reduce_trade(f->book, 0, 1, (struct fg_power){0}, NULL), FG_REFUSAL_NONE);
    rest(f, FG_SIDE_SELL, 100, 30);
}

static void a_forwarded_order_is_locked_until_it_returns(void **state)
{
    struct fixture *f = *state;
    make(f, FG_SIDE_SELL, 5, 30)->forward_to_tso = true;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t a = f->order.id;
    assert_int_equal(fg_book_forward(f->book, 0, a, NULL), FG_REFUSAL_NONE);
    uint64_t buy = rest(f, FG_SIDE_BUY, 5, 35);
    assert_int_equal(f->trade_count, 0);
    assert_int_equal(fg_book_cancel(f->book, 0, a, NULL), FG_REFUSAL_ORDER_LOCKED);
    assert_int_equal(fg_book_forward_end(f->book, 0, a, FG_BOOK_FORWARD_RETURNED, NULL, NULL), FG_REFUSAL_NONE);
    expect_trade(f, 0, a, buy, 5, 30); /* it kept its priority: it is the initiator */
}

/* A grid that takes `room_w` more in each period. */
static int64_t room_w;
static int64_t take_room(void *context, const struct fg_book_flow *flow, int64_t wanted_w)
{
    (void)context;
    (void)flow;
    return wanted_w < room_w ? wanted_w : room_w;
}
static void use_room(void *context, const struct fg_book_flow *flow, int64_t quantity_w)
{
    (void)context;
    (void)flow;
    room_w -= quantity_w;
}
static void free_room(void *context, const struct fg_book_flow *flow, int64_t quantity_w, bool is_reversal)
{
    (void)context;
    (void)flow;
    (void)is_reversal;
    room_w += quantity_w;
}

/* 5 kW are locked past the gate; 2 are called, then as much as the grid takes (1.5, of which whole ticks of 1 kW are 1); what is left is lost when it
 * comes back, as its gate has closed. */
static void a_forwarded_order_outlives_its_gate_and_is_called_in_parts(void **state)
{
    struct fixture *f = *state;
    struct fg_power called = {2000};
    struct fg_book_position position;
    struct fg_book_order_state seen;
    make(f, FG_SIDE_SELL, 5, 30)->forward_to_tso = true;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t a = f->order.id;
    int32_t period = f->order.first_period;
    assert_int_equal(fg_book_forward_room(f->book, a, 0, 5000), 0); /* it is not locked */
    assert_int_equal(fg_book_forward(f->book, 0, a, NULL), FG_REFUSAL_NONE);
    assert_int_equal(fg_book_forward_room(f->book, a, 0, 9000), 5000); /* without a network what is left */
    assert_int_equal(fg_book_close(f->book, 0, FG_PRODUCT_ACTIVE, period, 1, NULL), FG_REFUSAL_NONE);
    assert_true(fg_book_find_order(f->book, a, &seen, NULL, NULL));
    assert_int_equal(fg_book_forward_end(f->book, 0, a, FG_BOOK_FORWARD_CALLED, &called, NULL), FG_REFUSAL_NONE);
    assert_true(fg_book_find_position(f->book, f->order.portfolio, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, period, &position));
    assert_int_equal(position.traded.w, 2000);
    assert_int_equal(position.forwarded.w, 3000);
    struct fg_book_network network = {NULL, take_room, use_room, free_room};
    room_w = 1500;
    assert_int_equal(fg_book_network_changed(f->book, 0, &network, NULL), FG_REFUSAL_NONE);
    assert_int_equal(fg_book_forward_room(f->book, a, 0, 3000), 1000);
    assert_int_equal(fg_book_forward_end(f->book, 0, a, FG_BOOK_FORWARD_CALLED, &called, &f->err), FG_REFUSAL_NETWORK);
    called.w = 1000;
    assert_int_equal(fg_book_forward_end(f->book, 0, a, FG_BOOK_FORWARD_CALLED, &called, NULL), FG_REFUSAL_NONE);
    assert_int_equal(room_w, 500);
    assert_int_equal(fg_book_forget(f->book, 0, period + 1, NULL), FG_REFUSAL_STATE); /* its position is still needed */
    assert_int_equal(fg_book_forward_end(f->book, 0, a, FG_BOOK_FORWARD_RETURNED, NULL, NULL), FG_REFUSAL_NONE);
    assert_false(fg_book_find_order(f->book, a, &seen, NULL, NULL));
    assert_true(fg_book_find_position(f->book, f->order.portfolio, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, period, &position));
    assert_int_equal(position.traded.w, 3000);
    assert_int_equal(position.forwarded.w, 0);
    assert_int_equal(position.open.w, 0);
}

static void validity_ends_at_its_time_and_time_never_decreases(void **state)
{
    struct fixture *f = *state;
    make(f, FG_SIDE_SELL, 5, 30)->validity = FG_VALIDITY_GTT;
    f->order.expires_us = 10;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    assert_int_equal(fg_book_next_expiry(f->book), 10);
    f->now = 10;
    rest(f, FG_SIDE_BUY, 5, 35);
    assert_int_equal(f->trade_count, 0);
    f->now = 9;
    make(f, FG_SIDE_BUY, 5, 35);
    assert_int_equal(enter(f), FG_REFUSAL_TIME_ORDER);
}

static void curve_trades_step_by_step(void **state)
{
    struct fixture *f = *state;
    make(f, FG_SIDE_SELL, 6, 0);
    f->points[0] = (struct fg_price_point){{2000}, {30000000}};
    f->points[1] = (struct fg_price_point){{6000}, {34000000}};
    f->order.point_count = 2;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    uint64_t curve = f->order.id, low = rest(f, FG_SIDE_BUY, 5, 33);
    assert_int_equal(f->trade_count, 1);
    expect_trade(f, 0, curve, low, 2, 30);
    uint64_t high = rest(f, FG_SIDE_BUY, 3, 34);
    expect_trade(f, 1, curve, high, 3, 34);
}

/* ---- limits ---- */

static const struct fg_book_limit unlimited = {
    .participant = -1, .product = -1, .regulation = -1, .size_max = {-1}, .orders_max = -1, .exposure_max = {-1}};

static void limit(struct fixture *f, struct fg_book_limit row)
{
    assert_int_equal(fg_book_set_limit(f->book, f->now, &row, &f->err), FG_REFUSAL_NONE);
}

static void prices_stay_inside_the_band_around_the_last_one(void **state)
{
    struct fixture *f = *state;
    struct fg_book_limit row = unlimited;
    uint64_t old = rest(f, FG_SIDE_SELL, 5, 90);
    row.has_price = true;
    row.price_min.uper_mwh = 10000000;
    row.price_max.uper_mwh = 80000000;
    limit(f, row);
    row = unlimited;
    row.product = FG_PRODUCT_ACTIVE;
    row.regulation = FG_REGULATION_UP;
    row.has_band = true;
    row.band.uper_mwh = 20000000;
    row.reference.uper_mwh = 50000000;
    limit(f, row);
    make(f, FG_SIDE_SELL, 1, 81);
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_PRICE);
    assert_non_null(strstr(f->err.text, "81"));
    assert_non_null(strstr(f->err.text, "80")); /* the value and the limit */
    make(f, FG_SIDE_SELL, 1, 71);
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_BAND);
    rest(f, FG_SIDE_SELL, 1, 60);
    rest(f, FG_SIDE_BUY, 1, 62); /* they trade at 60, which is the reference now */
    rest(f, FG_SIDE_SELL, 1, 80);
    make(f, FG_SIDE_BUY, 1, 39);
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_BAND);
    make(f, FG_SIDE_SELL, 1, 300)->contract = 9; /* a contract says what its orders cost */
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    /* What rested before stays, may be lowered, and is held against the limit when it comes in anew. */
    struct fg_book_order_state seen;
    assert_true(fg_book_find_order(f->book, old, &seen, NULL, NULL));
    struct fg_power less = {4000}, more = {6000};
    struct fg_book_amendment change = {.order = old, .quantity = &less, .min_fraction_u = -1, .expires_us = -1};
    assert_int_equal(fg_book_amend(f->book, f->now, &change, NULL), FG_REFUSAL_NONE);
    change.quantity = &more;
    assert_int_equal(fg_book_amend(f->book, f->now, &change, NULL), FG_REFUSAL_LIMIT_PRICE);
    row = unlimited; /* removed: the band still holds */
    limit(f, row);
    assert_int_equal(fg_book_set_limit(f->book, f->now, &row, NULL), FG_REFUSAL_STATE);
    assert_int_equal(fg_book_limit_count(f->book), 1);
    make(f, FG_SIDE_BUY, 1, 81);
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_BAND);
}

/* 40 kW for a quarter of an hour at 100 per MWh are worth 1. */
static void exposure_is_open_value_and_purchases_not_settled(void **state)
{
    struct fixture *f = *state;
    struct fg_book_limit row = unlimited;
    struct fg_book_exposure sum;
    row.participant = 77;
    row.exposure_max.u = 2500000;
    row.size_max.w = 80000;
    row.orders_max = 2;
    limit(f, row);
    make(f, FG_SIDE_BUY, 81, 100)->participant = 77;
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_SIZE);
    make(f, FG_SIDE_BUY, 40, 100)->participant = 77;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    make(f, FG_SIDE_BUY, 61, 100)->participant = 77;
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_EXPOSURE); /* 1 + 1.525 */
    make(f, FG_SIDE_BUY, 60, 100)->participant = 77;
    uint64_t second = f->order.id;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    make(f, FG_SIDE_SELL, 1, 200)->participant = 77;
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_ORDERS);
    /* 20 kW are bought: their value moves from the open requests to the purchases. */
    make(f, FG_SIDE_SELL, 20, 80);
    f->order.participant = 5;
    assert_int_equal(enter(f), FG_REFUSAL_NONE); /* at 100, the price of the request that rested */
    assert_int_equal(f->trade_count, 1);
    assert_true(fg_book_find_exposure(f->book, 77, -1, -1, &sum));
    assert_int_equal(sum.orders, 2);
    assert_int_equal(sum.open.u, 2000000); /* 20 and 60 kW at 100 */
    assert_int_equal(sum.bought.u, 500000);
    /* A settled delivery is no exposure any more, a cancelled order neither. */
    assert_int_equal(fg_book_close(f->book, f->now, FG_PRODUCT_ACTIVE, 0, 1, NULL), FG_REFUSAL_NONE);
    assert_true(fg_book_find_exposure(f->book, 77, -1, -1, &sum));
    assert_true(sum.orders == 0 && sum.open.u == 0 && sum.bought.u == 500000);
    assert_int_equal(fg_book_set_settled(f->book, f->now, 1, NULL), FG_REFUSAL_NONE);
    assert_true(fg_book_find_exposure(f->book, 77, -1, -1, &sum));
    assert_int_equal(sum.bought.u, 0);
    assert_int_equal(fg_book_set_settled(f->book, f->now, 1, NULL), FG_REFUSAL_STATE);
    assert_false(fg_book_find_order(f->book, second, &(struct fg_book_order_state){0}, NULL, NULL));
}

/* Of an auction, against the same rows: its value is its own prices times its quantities, in all its periods. */
static void sealed_orders_count_with_the_open_ones(void **state)
{
    struct fixture *f = *state;
    struct fg_book_limit row = unlimited;
    struct fg_book_exposure sum;
    row.participant = 77;
    row.exposure_max.u = 2500000;
    row.size_max.w = 80000;
    row.orders_max = 3;
    limit(f, row);
    const struct fg_power quantity[] = {{20000}, {20000}}; /* 20 kW for two quarters at 100: 1 */
    const struct fg_price_point point = {{20000}, {100000000}};
    const struct fg_book_order request = {.participant = 77, .side = FG_SIDE_BUY, .period_count = 2, .quantity = quantity,
                                          .point_count = 1, .points = &point};
    assert_int_equal(fg_book_check_sealed(f->book, &request, NULL, &f->err), FG_REFUSAL_NONE);
    assert_true(fg_book_find_exposure(f->book, 77, -1, -1, &sum)); /* asking changes nothing */
    assert_true(sum.orders == 0 && sum.open.u == 0);
    assert_true(fg_book_seal(f->book, &request, 1));
    assert_true(fg_book_find_exposure(f->book, 77, -1, -1, &sum));
    assert_true(sum.orders == 1 && sum.open.u == 1000000);
    make(f, FG_SIDE_BUY, 81, 1)->participant = 77;
    assert_int_equal(fg_book_check_sealed(f->book, &f->order, NULL, &f->err), FG_REFUSAL_LIMIT_SIZE);
    make(f, FG_SIDE_BUY, 61, 100)->participant = 77;
    assert_int_equal(fg_book_check_sealed(f->book, &f->order, NULL, &f->err), FG_REFUSAL_LIMIT_EXPOSURE); /* 1 + 1.525 */
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_EXPOSURE); /* nor in the book */
    make(f, FG_SIDE_BUY, 60, 100)->participant = 77;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    make(f, FG_SIDE_SELL, 60, 300)->participant = 77; /* an offer has a number, no exposure */
    assert_int_equal(fg_book_check_sealed(f->book, &f->order, NULL, &f->err), FG_REFUSAL_NONE);
    assert_true(fg_book_seal(f->book, &f->order, 1));
    make(f, FG_SIDE_SELL, 1, 300)->participant = 77;
    assert_int_equal(fg_book_check_sealed(f->book, &f->order, NULL, &f->err), FG_REFUSAL_LIMIT_ORDERS);
    assert_int_equal(enter(f), FG_REFUSAL_LIMIT_ORDERS);
    /* The request is replaced: it is out while the other one is judged, and that one is not a fourth order. */
    struct fg_power other[] = {{20000}, {21000}};
    struct fg_price_point higher = {{21000}, {100000000}};
    struct fg_book_order amended = request;
    amended.quantity = other;
    amended.points = &higher;
    assert_true(fg_book_seal(f->book, &request, -1));
    assert_int_equal(fg_book_check_sealed(f->book, &amended, &request, &f->err), FG_REFUSAL_LIMIT_EXPOSURE); /* 1.025 + 1.5 */
    row.exposure_max.u = -1;
    row.orders_max = 2;
    row.has_price = true;
    row.price_max.uper_mwh = 99000000;
    limit(f, row);
    assert_int_equal(fg_book_check_sealed(f->book, &amended, &request, &f->err), FG_REFUSAL_LIMIT_PRICE); /* as if entered anew */
    other[1].w = 19000;
    assert_int_equal(fg_book_check_sealed(f->book, &amended, &request, &f->err), FG_REFUSAL_NONE); /* it only asks for less */
    higher.price.uper_mwh = 98000000;
    other[1].w = 21000;
    assert_int_equal(fg_book_check_sealed(f->book, &amended, &request, &f->err), FG_REFUSAL_NONE); /* not one more */
    amended.regulation = FG_REGULATION_DOWN; /* of another kind, it is a new one */
    assert_int_equal(fg_book_check_sealed(f->book, &amended, &request, &f->err), FG_REFUSAL_LIMIT_ORDERS);
}

/* 100 kW are approved; 60 are held for contracts. */
static void what_is_held_for_contracts_goes_to_their_orders(void **state)
{
    struct fixture *f = *state;
    struct fg_book_position p;
    const struct fg_power held = {60000}, all = {100001};
    assert_int_equal(fg_book_set_contracted(f->book, 0, 0, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 1, all, NULL),
                     FG_REFUSAL_CAPABILITY_COMMITTED);
    assert_int_equal(fg_book_set_contracted(f->book, 0, 0, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, 1, held, NULL),
                     FG_REFUSAL_NONE);
    make(f, FG_SIDE_SELL, 41, 50);
    assert_int_equal(enter(f), FG_REFUSAL_CAPABILITY);
    make(f, FG_SIDE_SELL, 60, 50)->contract = 3;
    uint64_t promised = f->order.id;
    assert_int_equal(enter(f), FG_REFUSAL_NONE);
    assert_true(fg_book_find_position(f->book, 0, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, &p));
    assert_true(p.contracted.w == 0 && p.open.w == 60000);
    rest(f, FG_SIDE_SELL, 40, 50);
    make(f, FG_SIDE_SELL, 1, 50)->contract = 3; /* nothing is held any more, and nothing is free */
    assert_int_equal(enter(f), FG_REFUSAL_CAPABILITY);
    /* The owner's mass cancellation may spare it; the contract's end withdraws it. */
    struct fg_book_filter filter = {-1, -1, -1, 0, true};
    size_t cancelled;
    assert_int_equal(fg_book_mass_cancel(f->book, 0, &filter, &cancelled, NULL), FG_REFUSAL_NONE);
    assert_int_equal(cancelled, 1);
    assert_int_equal(fg_book_withdraw(f->book, 0, promised, FG_BOOK_CAUSE_OUTSIDE, NULL), FG_REFUSAL_KIND_SIDE);
    assert_int_equal(fg_book_withdraw(f->book, 0, promised, FG_BOOK_CAUSE_CONTRACT, NULL), FG_REFUSAL_NONE);
    uint64_t request = rest(f, FG_SIDE_BUY, 5, 10);
    assert_int_equal(fg_book_withdraw(f->book, 0, request, FG_BOOK_CAUSE_OUTSIDE, NULL), FG_REFUSAL_NONE);
    assert_int_equal(fg_book_order_count(f->book), 0);
}

/* What a request with a filter meets is made of accepted technologies only, and says so; without a filter anything will do. */
static void technologies_of_an_offer_are_all_accepted(void **state)
{
    struct fixture *f = *state;
    uint64_t pv = fg_technology_bit("pv"), battery = fg_technology_bit("Battery"), other = fg_technology_bit("flywheel");
    assert_true(pv != battery && battery == fg_technology_bit("battery") && other == fg_technology_bit("other"));
    assert_true(fg_technology_bit("") == other && fg_technology_bit("p") == other && fg_technology_bit("pvt") == other);
    uint64_t offers[4];
    const uint64_t sets[] = {0, battery | other, pv | battery, battery};
    for (int i = 0; i < 4; i++) {
        make(f, FG_SIDE_SELL, 5, 10 + i)->attributes.technologies = sets[i];
        assert_int_equal(enter(f), FG_REFUSAL_NONE);
        offers[i] = f->order.id;
    }
    static const struct {
        int offer; /* -1: none */
        bool pv, battery, other;
    } cases[] = {{-1, true, false, false}, {3, false, true, false}, {2, true, true, false}, {1, false, true, true}, {-1, true, false, true}, {0, false, false, false}};
    size_t trades = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(f, FG_SIDE_BUY, 5, 20)->attributes.technologies = (cases[i].pv ? pv : 0) | (cases[i].battery ? battery : 0) | (cases[i].other ? other : 0);
        assert_int_equal(enter(f), FG_REFUSAL_NONE);
        trades += cases[i].offer >= 0;
        assert_int_equal(f->trade_count, trades);
        if (cases[i].offer >= 0)
            expect_trade(f, trades - 1, offers[cases[i].offer], f->order.id, 5, 10 + cases[i].offer);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(best_price_then_oldest_at_the_resting_price),
        CASE(lowering_keeps_priority_and_a_new_price_loses_it),
        CASE(all_or_none_finds_the_one_it_needs),
        CASE(block_takes_one_fraction),
        CASE(block_finds_the_one_whose_minimum_lies_in_a_later_period),
        CASE(need_is_met_inside_and_over_links),
        CASE(own_organisation_cancels_the_remainder),
        CASE(capability_is_never_sold_twice),
        CASE(a_forwarded_order_is_locked_until_it_returns),
        CASE(a_forwarded_order_outlives_its_gate_and_is_called_in_parts),
        CASE(validity_ends_at_its_time_and_time_never_decreases),
        CASE(curve_trades_step_by_step),
        CASE(prices_stay_inside_the_band_around_the_last_one),
        CASE(exposure_is_open_value_and_purchases_not_settled),
        CASE(sealed_orders_count_with_the_open_ones),
        CASE(what_is_held_for_contracts_goes_to_their_orders),
        CASE(technologies_of_an_offer_are_all_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
