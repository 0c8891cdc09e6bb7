/* Lives of bids at random: offers, locks, what a market may say in any order and more than once, withdrawals, time, halts, gate
 * closures, take-overs. After each step rows, book and an independent model agree. */
#include "support/gateway_fixture.h"

#include "atp/exchange.h"
#include "base/random.h"
#include "gateway/forward.h"

#define US INT64_C(1000000)
#define MW INT64_C(1000000)
/* 2025-03-29T12:00:00Z, quarter-hour 1936944; product 1 closes an hour ahead and is open for the next day since 08:00Z. */
enum { NOON = 1936944, BIDS_MAX = 400 };
#define AT(quarter_hours) ((int64_t)(NOON + (quarter_hours)) * 900 * US)

struct life {
    char url[200];
    struct fg_store *store;
    struct fg_exchange *exchange;
    _Atomic int64_t now_us;
    struct fg_random dice;
    uint64_t seed;
    int step;
    int64_t sequence, activation;
    char states[BIDS_MAX][12]; /* the model: of bid number i */
    int64_t called[BIDS_MAX];
    int halted;
    struct fg_market_result last; /* said again at times */
    char last_activation[FG_MARKET_ID_TEXT];
};

static int64_t clock_of(void *context)
{
    return atomic_load(&((struct life *)context)->now_us);
}
static uint64_t below(struct life *l, uint64_t bound)
{
    return fg_random_below(&l->dice, bound);
}
static void start(struct life *l)
{
    struct fg_error err = {0};
    struct fg_exchange_options options = {.store_url = l->url, .node = "one", .clock_us = clock_of, .clock_context = l};
    fixture_expect(fg_exchange_start(&options, &l->exchange, &err), &err);
}
static int64_t number(struct life *l, const char *text)
{
    return fixture_number(l->store, text);
}
static struct fg_forward forward_of(struct life *l)
{
    return (struct fg_forward){.exchange = l->exchange, .area = 1};
}

/* ---- commands of the engine ---- */
struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_done;
};
static void wake(struct fg_command *command)
{
    struct waiter *waiter = command->context;
    pthread_mutex_lock(&waiter->mutex);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->mutex);
}
static void run(struct life *l, struct fg_command *command)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct fg_error err = {0};
    command->context = &waiter;
    command->done = wake;
    fixture_expect(fg_exchange_submit(l->exchange, 1, &command, 1, &err), &err);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.wake, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    fixture_expect(command->code, &command->err);
}

static int32_t period_now(const struct life *l)
{
    return (int32_t)(l->now_us / US / 900);
}

static void offer(struct life *l)
{
    struct fg_power quantity[3];
    struct fg_price_point points[2];
    bool is_block = below(l, 4) == 0, has_curve = !is_block && below(l, 3) == 0;
    int32_t periods = 1 + (int32_t)below(l, 3);
    int64_t w = (int64_t)(1 + below(l, 12)) * 100000;
    for (int32_t k = 0; k < periods; k++)
        quantity[k].w = is_block ? w : (int64_t)(1 + below(l, 12)) * 100000;
    int64_t price = (int64_t)(10 + below(l, 90)) * US;
    points[0] = (struct fg_price_point){.up_to = {has_curve ? 300000 : 1200000}, .price = {price}};
    points[1] = (struct fg_price_point){.up_to = {1200000}, .price = {price + 20 * US}};
    bool is_agg = below(l, 2) == 0;
    struct fg_book_order order = {.participant = is_agg ? 3 : 4, .organisation = is_agg ? 3 : 4, .portfolio = is_agg ? 10 : 11, .location = 2,
                                  .bus = -1, .side = FG_SIDE_SELL, .product = FG_PRODUCT_ACTIVE,
                                  .regulation = below(l, 3) ? FG_REGULATION_UP : FG_REGULATION_DOWN, .block = is_block,
                                  .forward_to_tso = below(l, 5) != 0, .min_fraction_u = !has_curve && below(l, 4) == 0 ? FG_FRACTION_ONE / 2 : 0,
                                  .first_period = period_now(l) + 5 + (int32_t)below(l, 3), .period_count = periods, .quantity = quantity,
                                  .points = points, .point_count = has_curve ? 2 : 1};
    struct fg_command command = {.kind = FG_COMMAND_SUBMIT, .orders = &order, .order_count = 1};
    run(l, &command); /* a refusal (capability) is as good */
}

/* ---- the model ---- */
static bool is_live(const char *state)
{
    return strcmp(state, "prepared") == 0 || strcmp(state, "sent") == 0 || strcmp(state, "accepted") == 0 || strcmp(state, "returning") == 0;
}
static void set(struct life *l, int64_t bid, const char *state)
{
    if (!is_live(l->states[bid]))
        return;
    bool ends = !is_live(state);
    bool is_returning = strcmp(l->states[bid], "returning") == 0;
    if (!ends && is_returning)
        return;
    if (strcmp(state, "sent") == 0 && strcmp(l->states[bid], "prepared") != 0)
        return;
    snprintf(l->states[bid], sizeof l->states[bid], "%s", ends && l->called[bid] > 0 ? "activated" : state);
}
static int64_t some_bid(struct life *l)
{
    int64_t count = number(l, "SELECT COUNT(*) FROM forward_bid");
    return count > 0 ? 1 + (int64_t)below(l, (uint64_t)(count < BIDS_MAX ? count : BIDS_MAX - 1)) : 0;
}
static int64_t column(struct life *l, const char *name, int64_t bid)
{
    char text[200];
    snprintf(text, sizeof text, "SELECT %s FROM forward_bid WHERE id = %lld", name, (long long)bid);
    return number(l, text);
}

static void result(struct life *l, struct fg_market_result *said)
{
    struct fg_forward forward = forward_of(l);
    struct fg_error err = {0};
    fixture_expect(fg_forward_result(&forward, "GR", said, &err), &err);
}

static void say(struct life *l, int64_t bid)
{
    static const char *const becomes[] = {"accepted", "refused", "", "returned", "expired"};
    struct fg_market_result said = {.sequence = ++l->sequence, .kind = (enum fg_result_kind)below(l, FG_RESULT_KINDS), .bid = bid};
    if (below(l, 3) != 0 && said.kind != FG_RESULT_ACCEPTED)
        said.kind = FG_RESULT_CALLED;
    if (said.kind == FG_RESULT_CALLED) {
        char text[200];
        bool was_live = is_live(l->states[bid]);
        int64_t quantity = column(l, "quantity_w", bid), least = column(l, "least_w", bid), left = quantity - l->called[bid];
        bool is_late = below(l, 6) == 0;
        snprintf(said.activation, sizeof said.activation, "act-%lld", (long long)++l->activation);
        said.wanted_w = (int64_t)(1 + below(l, 15)) * 100000 + (below(l, 5) == 0 ? 7 : 0);
        said.time_us = column(l, "deadline_us", bid) + (is_late ? 1 : -1);
        result(l, &said);
        snprintf(text, sizeof text, "SELECT confirmed_w FROM forward_activation WHERE market_activation = '%s'", said.activation);
        int64_t confirmed = number(l, text);
        int64_t able = said.wanted_w - said.wanted_w % 1000 < left ? said.wanted_w - said.wanted_w % 1000 : left;
        if (able < least && able < left)
            able = 0;
        int64_t expected = was_live && !is_late && !l->halted ? able : 0;
        if (confirmed != expected)
            fail_msg("seed %llu step %d: %s of %s: confirmed %lld of %lld, expected %lld", (unsigned long long)l->seed, l->step,
                     said.activation, l->states[bid], (long long)confirmed, (long long)said.wanted_w, (long long)expected);
        l->called[bid] += confirmed;
        if (confirmed > 0)
            set(l, bid, l->called[bid] == quantity ? "activated" : "accepted");
    } else {
        result(l, &said);
        set(l, bid, becomes[said.kind]);
    }
    snprintf(l->last_activation, sizeof l->last_activation, "%s", said.activation);
    l->last = said;
}

/* ---- what must hold ---- */
static void expect_none(struct life *l, const char *what, const char *text)
{
    int64_t count = number(l, text);
    if (count != 0)
        fail_msg("seed %llu step %d: %s: %lld", (unsigned long long)l->seed, l->step, what, (long long)count);
}

/* What is filled of the orders is what was called of them: nothing else trades here. */
static void check_fills(struct life *l)
{
    struct fg_sql *sql;
    struct fg_error err = {0};
    bool row;
    fixture_expect(fg_query(l->store, &sql, &err,
                            "SELECT o.id, o.filled, COALESCE((SELECT CAST(SUM(m.called_w * b.period_count) AS BIGINT) FROM forward_member m JOIN "
                            "forward_bid b ON b.id = m.bid_id WHERE m.order_id = o.id), 0) FROM book_order o",
                            ""), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        size_t size;
        int64_t sum = 0;
        const unsigned char *filled = fg_sql_column_blob(sql, 1, &size);
        for (size_t i = 0; i < size; i += 8) {
            uint64_t value = 0;
            for (int b = 7; b >= 0; b--)
                value = value << 8 | filled[i + (size_t)b];
            sum += (int64_t)value;
        }
        if (sum != fg_sql_column_int64(sql, 2))
            fail_msg("seed %llu step %d: order %lld has %lld W filled and %lld called", (unsigned long long)l->seed, l->step,
                     (long long)fg_sql_column_int64(sql, 0), (long long)sum, (long long)fg_sql_column_int64(sql, 2));
    }
}

static void check(struct life *l)
{
#define LIVE "('prepared', 'sent', 'accepted', 'returning')"
    struct fg_sql *sql;
    struct fg_error err = {0};
    bool row;
    expect_none(l, "live bids with an order that is not locked",
                "SELECT COUNT(*) FROM forward_member m JOIN forward_bid b ON b.id = m.bid_id AND b.state IN " LIVE
                " JOIN book_order o ON o.id = m.order_id WHERE o.status <> 'forwarded'");
    expect_none(l, "bids whose members are not called in sum",
                "SELECT COUNT(*) FROM forward_bid b WHERE b.called_w <> (SELECT SUM(m.called_w) FROM forward_member m WHERE m.bid_id = b.id) OR "
                "b.quantity_w <> (SELECT SUM(m.quantity_w) FROM forward_member m WHERE m.bid_id = b.id)");
    expect_none(l, "calls whose parts do not add up",
                "SELECT COUNT(*) FROM forward_activation t WHERE t.confirmed_w <> COALESCE((SELECT SUM(c.called_w) FROM forward_call c WHERE "
                "c.market_activation = t.market_activation), 0)");
    expect_none(l, "positions with other traded quantities than called",
                "SELECT COUNT(*) FROM book_position p WHERE p.traded_w <> COALESCE((SELECT SUM(m.called_w) FROM forward_member m JOIN forward_bid "
                "b ON b.id = m.bid_id WHERE m.portfolio_id = p.portfolio_id AND b.regulation = p.regulation AND b.first_period <= p.period AND "
                "p.period < b.first_period + b.period_count), 0)");
    expect_none(l, "positions beyond the capability",
                "SELECT COUNT(*) FROM book_position WHERE open_w + traded_w + forwarded_w + reserved_w > capability_w AND traded_w + forwarded_w "
                "+ open_w > 0 OR forwarded_w < 0 OR open_w < 0");
    expect_none(l, "set-points other than what was called",
                "SELECT COUNT(*) FROM set_point s WHERE ABS(s.power_w) <> (SELECT SUM(c.called_w) FROM forward_call c WHERE c.set_point_id = s.id)");
    check_fills(l);
    fixture_expect(fg_query(l->store, &sql, &err, "SELECT id, state, called_w FROM forward_bid ORDER BY id", ""), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row) {
        int64_t id = fg_sql_column_int64(sql, 0);
        if (id >= BIDS_MAX)
            continue;
        if (l->states[id][0] == '\0')
            strcpy(l->states[id], "prepared"); /* new */
        if (strcmp(l->states[id], fg_sql_column_text(sql, 1)) != 0 || l->called[id] != fg_sql_column_int64(sql, 2))
            fail_msg("seed %llu step %d: bid %lld is %s with %lld W, expected %s with %lld", (unsigned long long)l->seed, l->step, (long long)id,
                     fg_sql_column_text(sql, 1), (long long)fg_sql_column_int64(sql, 2), l->states[id], (long long)l->called[id]);
    }
}

static void collect(struct life *l)
{
    struct fg_forward forward = forward_of(l);
    struct fg_error err = {0};
    size_t bids;
    bool more = true;
    while (more)
        fixture_expect(fg_forward_collect(&forward, &bids, &more, &err), &err);
    expect_none(l, "locked orders without a bid",
                "SELECT COUNT(*) FROM book_order o WHERE o.status = 'forwarded' AND NOT EXISTS (SELECT 1 FROM forward_member m JOIN forward_bid b "
                "ON b.id = m.bid_id WHERE m.order_id = o.id AND b.state IN " LIVE ")");
}

static void pass(struct life *l)
{
    struct fg_forward forward = forward_of(l);
    struct fg_error err = {0};
    struct fg_sql *sql;
    bool row;
    size_t ended;
    fixture_expect(fg_query(l->store, &sql, &err, "SELECT id FROM forward_bid WHERE expires_us <= $1", "i", (int64_t)l->now_us), &err);
    while (fg_sql_next(sql, &row, &err) == FG_OK && row)
        if (fg_sql_column_int64(sql, 0) < BIDS_MAX)
            set(l, fg_sql_column_int64(sql, 0), "expired");
    fixture_expect(fg_forward_pass(&forward, &ended, &err), &err);
}

static void step(struct life *l)
{
    struct fg_forward forward = forward_of(l);
    struct fg_error err = {0};
    size_t locked;
    int64_t bid = some_bid(l);
    switch (below(l, 16)) {
    case 0: case 1: case 2: offer(l); break;
    case 3: {
        int32_t first = period_now(l) + 5 + (int32_t)below(l, 3);
        fixture_expect(fg_forward_periods(&forward, "GR", first, first + 1, &locked, &err), &err);
        break;
    }
    case 4: { /* some order, perhaps another's, perhaps not there */
        int64_t order = 1 + (int64_t)below(l, 30);
        enum fg_code code = fg_forward_order(&forward, below(l, 2) ? 3 : 4, (uint64_t)order, &err);
        assert_true(code == FG_OK || code == FG_ERR_NOT_FOUND || code == FG_ERR_CONFLICT);
        break;
    }
    case 5: case 6: collect(l); break;
    case 7:
        if (bid != 0) {
            fixture_expect(fg_forward_answered(&forward, bid, "bid-1", &err), &err);
            set(l, bid, "sent");
        }
        break;
    case 8: case 9: case 10: case 11:
        if (bid != 0)
            say(l, bid);
        break;
    case 12:
        if (bid != 0) {
            enum fg_code code = fg_forward_withdraw(&forward, 6, bid, &err);
            assert_int_equal(code, is_live(l->states[bid]) ? FG_OK : FG_ERR_CONFLICT);
            set(l, bid, "returning");
        }
        break;
    case 13:
        l->now_us += (int64_t)below(l, 600) * US;
        fg_exchange_refresh(l->exchange); /* gates */
        pass(l);
        break;
    case 14:
        if (below(l, 3) == 0) {
            fg_exchange_stop(l->exchange);
            start(l);
        } else if (l->last.sequence != 0) { /* the same result once more */
            l->last.reason = NULL;
            result(l, &l->last);
        }
        break;
    default: {
        struct fg_command command = {.kind = l->halted ? FG_COMMAND_RESUME : FG_COMMAND_HALT, .scope = FG_BOOK_SCOPE_LOCATION, .subject = 1};
        if (below(l, 2) == 0) {
            run(l, &command);
            l->halted = !l->halted;
        }
    }
    }
}

/* What the lives have seen, so that a test in which nothing happens fails. */
static int64_t seen_bids, seen_members, seen_verdicts[3], seen_states[FG_BID_STATES];

static void count_seen(struct life *l)
{
    static const char *const verdicts[] = {"confirmed", "reduced", "refused"};
    char text[200];
    seen_bids += number(l, "SELECT COUNT(*) FROM forward_bid");
    seen_members += number(l, "SELECT COUNT(*) FROM forward_member");
    for (int v = 0; v < 3; v++) {
        snprintf(text, sizeof text, "SELECT COUNT(*) FROM forward_activation WHERE verdict = '%s'", verdicts[v]);
        seen_verdicts[v] += number(l, text);
    }
    for (int s = FG_BID_ACTIVATED; s < FG_BID_STATES; s++) {
        snprintf(text, sizeof text, "SELECT COUNT(*) FROM forward_bid WHERE state = '%s'", fg_bid_state_words[s]);
        seen_states[s] += number(l, text);
    }
}

static void live(void **state, uint64_t seed, int steps)
{
    struct life *l = calloc(1, sizeof *l);
    bool is_intact = false;
    l->seed = seed;
    fg_random_init(&l->dice, seed);
    l->store = fixture_open(state, l->url);
    gateway_rows(l->store);
    unsigned char key[4] = {0};
    fixture_expect(fg_change(l->store, NULL, NULL,
                             "INSERT INTO balancing_market (area_id, control_area, organisation_id, name, url, key, bid_min_w, lead_s, grace_s, "
                             "enabled, position, changed_by, changed_us, version) VALUES (1, 'GR', 6, 'M', 'https://m', $1, 1000000, 900, 60, 1, "
                             "0, 0, 0, 1)",
                             "b", (const void *)key, sizeof key), NULL);
    l->now_us = AT(0);
    start(l);
    for (l->step = 0; l->step < steps; l->step++) {
        step(l);
        check(l);
    }
    /* In the end everything ends: a day later nothing is locked. */
    l->now_us += INT64_C(86400) * US;
    fg_exchange_refresh(l->exchange);
    collect(l);
    check(l);
    pass(l);
    check(l);
    expect_none(l, "orders that are still locked", "SELECT COUNT(*) FROM book_order WHERE status = 'forwarded'");
    expect_none(l, "quantities that are still locked", "SELECT COUNT(*) FROM book_position WHERE forwarded_w <> 0");
    count_seen(l);
    fg_exchange_stop(l->exchange);
    fixture_expect(fg_audit_verify(l->store, "area-1", NULL, NULL, &is_intact, NULL), NULL);
    assert_true(is_intact);
    fg_store_close(l->store);
    free(l);
}

static void random_lives(void **state)
{
    const char *wanted = getenv("FG_SEED"), *many = getenv("FG_SEEDS"); /* one seed; so many */
    seen_bids = seen_members = 0; /* of the other database */
    memset(seen_verdicts, 0, sizeof seen_verdicts);
    memset(seen_states, 0, sizeof seen_states);
    int seeds = many != NULL ? atoi(many) : *(enum fg_store_kind *)*state == FG_STORE_SQLITE ? 8 : 3;
    if (wanted != NULL)
        live(state, strtoull(wanted, NULL, 10), 150);
    for (int seed = 1; wanted == NULL && seed <= seeds; seed++)
        live(state, (uint64_t)seed, 150);
    printf("%lld bids of %lld pieces; calls confirmed %lld, reduced %lld, refused %lld; activated %lld, returned %lld, refused %lld, expired "
           "%lld\n", (long long)seen_bids, (long long)seen_members, (long long)seen_verdicts[0], (long long)seen_verdicts[1],
           (long long)seen_verdicts[2], (long long)seen_states[FG_BID_ACTIVATED], (long long)seen_states[FG_BID_RETURNED],
           (long long)seen_states[FG_BID_REFUSED], (long long)seen_states[FG_BID_EXPIRED]);
    for (int v = 0; wanted == NULL && v < 3; v++)
        assert_true(seen_verdicts[v] >= (seeds < 8 ? 1 : 5));
    for (int s = FG_BID_ACTIVATED; wanted == NULL && s < FG_BID_STATES; s++)
        assert_true(seen_states[s] >= 1);
    assert_true(wanted != NULL || seen_members > seen_bids);
}

/* An unmatched marked offer is locked in the transaction of its gate's closure, also when nobody was there at that moment; one that is not
 * marked, and one at a location without a market, are lost. */
static void at_the_gate(void **state)
{
    struct life *l = calloc(1, sizeof *l);
    unsigned char key[4] = {0};
    l->store = fixture_open(state, l->url);
    gateway_rows(l->store);
    fixture_expect(fg_change(l->store, NULL, NULL,
                             "INSERT INTO balancing_market (area_id, control_area, organisation_id, name, url, key, bid_min_w, lead_s, grace_s, "
                             "enabled, position, changed_by, changed_us, version) VALUES (1, 'GR', 6, 'M', 'https://m', $1, 1000000, 900, 60, 1, "
                             "0, 0, 0, 1)",
                             "b", (const void *)key, sizeof key), NULL);
    l->now_us = AT(0);
    start(l);
    struct fg_power quantity = {1500000};
    struct fg_price_point point = {.up_to = {1500000}, .price = {50 * US}};
    for (int marked = 0; marked < 2; marked++)
        for (int32_t period = 5; period <= 6; period++) { /* they close at 12:15 and 12:30 */
            struct fg_book_order order = {.participant = 3, .organisation = 3, .portfolio = 10, .location = 2, .bus = -1, .side = FG_SIDE_SELL,
                                          .product = FG_PRODUCT_ACTIVE, .regulation = FG_REGULATION_UP, .forward_to_tso = marked == 1,
                                          .first_period = NOON + period, .period_count = 1, .quantity = &quantity, .points = &point,
                                          .point_count = 1};
            struct fg_command command = {.kind = FG_COMMAND_SUBMIT, .orders = &order, .order_count = 1};
            run(l, &command);
            assert_int_equal(command.refusal, FG_REFUSAL_NONE);
        }
    l->now_us = AT(1);
    fg_exchange_refresh(l->exchange);
    for (int tries = 0; tries < 200 && number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'forwarded'") == 0; tries++)
        usleep(20000);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'forwarded'"), 1);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'cancelled'"), 1);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 2);
    fg_exchange_stop(l->exchange); /* nobody is there at 12:30 */
    l->now_us = AT(2) + 5 * US;
    start(l);
    fg_exchange_refresh(l->exchange);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'forwarded'"), 2);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'cancelled'"), 2);
    fg_exchange_stop(l->exchange); /* locked past the gate, across a restart; called there */
    start(l);
    collect(l);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM forward_bid WHERE state = 'prepared'"), 2);
    struct fg_market_result called = {.sequence = 1, .kind = FG_RESULT_CALLED, .bid = 1, .activation = "a", .wanted_w = MW, .time_us = l->now_us};
    result(l, &called);
    assert_int_equal(number(l, "SELECT confirmed_w FROM forward_activation"), MW);
    struct fg_market_result back = {.sequence = 2, .kind = FG_RESULT_RETURNED, .bid = 2};
    result(l, &back); /* its gate has closed: it leaves */
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'forwarded'"), 1);
    assert_int_equal(number(l, "SELECT COUNT(*) FROM book_order WHERE status = 'open'"), 0);
    fg_exchange_stop(l->exchange);
    fg_store_close(l->store);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(at_the_gate), ON_BOTH(random_lives)};
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
