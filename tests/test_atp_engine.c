/* The trading engine on both databases: commands become rows, events and audit entries in one transaction, and an area
 * that is opened again goes on exactly where it was. */
#include "support/store_fixture.h"

#include "atp/engine.h"
#include "base/random.h"

#include <pthread.h>

enum { AREA = 1, DSO = 2, AGGREGATOR = 3, RETAILER = 4, PORTFOLIO = 10, FEEDER = 1, BRANCH = 2, ELSEWHERE = 3 };
#define MW INT64_C(1000000)
#define EUR INT64_C(1000000)
#define FIRST 1960000 /* a quarter-hour of 2025 */

/* An area with a feeder, a branch below it and another feeder; three organisations. */
static void make_area(struct fg_store *store)
{
    static const char *const rows[] = {
        "INSERT INTO organisation (id, name, roles, status, country, address, created_us, version) VALUES "
        "(1, 'Market', 1, 'active', 'GR', '', 0, 1), (2, 'Grid', 2, 'active', 'GR', '', 0, 1), "
        "(3, 'Flex', 32, 'active', 'GR', '', 0, 1), (4, 'Retail', 64, 'active', 'GR', '', 0, 1)",
        "INSERT INTO area (id, name, operator_id, currency, time_zone, period_s, tick_w, price_step_u, price_min_u, "
        "price_max_u, size_max_w, network_mode, stale_rule, created_us, version) VALUES (1, 'Area', 1, 'EUR', "
        "'Europe/Athens', 900, 1000, 10000, -1000000000, 5000000000, 100000000, 'off', 'block', 0, 1)",
        "INSERT INTO location (id, area_id, name, parent_id, operator_id, status, created_us, version) VALUES "
        "(1, 1, 'Feeder', NULL, 2, 'published', 0, 1), (2, 1, 'Branch', 1, 2, 'published', 0, 1), "
        "(3, 1, 'Elsewhere', NULL, 2, 'published', 0, 1)",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fixture_execute(store, rows[i]);
}

/* -- a caller that waits -------------------------------------------------------------------------------------------- */

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

static void run(struct fg_engine *engine, struct fg_command *command)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct fg_error err = {0};
    command->context = &waiter;
    command->done = wake;
    fixture_expect(fg_engine_submit(engine, command, &err), &err);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.wake, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
}

static void run_ok(struct fg_engine *engine, struct fg_command *command)
{
    run(engine, command);
    if (command->code != FG_OK || command->refusal != FG_REFUSAL_NONE)
        fail_msg("%s: %s", fg_command_word(command->kind), command->err.text);
}

struct fixture {
    char url[200];
    struct fg_engine *engine;
    int64_t now_us;
};

static int64_t virtual_clock(void *context)
{
    return ((struct fixture *)context)->now_us;
}

static void start(struct fixture *f)
{
    struct fg_error err = {0};
    struct fg_engine_options options = {
        .store_url = f->url, .area = AREA, .node = "test", .clock_us = virtual_clock, .clock_context = f};
    fixture_expect(fg_engine_start(&options, &f->engine, &err), &err);
}

static void open_fixture(struct fixture *f, void **state)
{
    memset(f, 0, sizeof *f);
    struct fg_store *store = fixture_open(state, f->url);
    make_area(store);
    fg_store_close(store);
    f->now_us = (int64_t)(FIRST - 96) * 900 * 1000000;
    start(f);
    struct fg_command gate = {.kind = FG_COMMAND_OPEN, .first_period = FIRST, .period_count = 96};
    run_ok(f->engine, &gate);
    for (int regulation = 0; regulation < 2; regulation++) {
        struct fg_command capability = {.kind = FG_COMMAND_CAPABILITY, .portfolio = PORTFOLIO,
                                        .regulation = (enum fg_regulation)regulation, .first_period = FIRST,
                                        .period_count = 96, .capability = {5 * MW}};
        run_ok(f->engine, &capability);
    }
}

struct order_form {
    struct fg_book_order order;
    struct fg_power quantity[4];
    struct fg_price_point point;
};

static struct fg_book_order *sell(struct order_form *form, int32_t location, int64_t quantity_w, int64_t price)
{
    *form = (struct order_form){.quantity = {{quantity_w}, {quantity_w}, {quantity_w}, {quantity_w}},
                                .point = {{quantity_w}, {price}}};
    form->order = (struct fg_book_order){.participant = AGGREGATOR, .organisation = AGGREGATOR, .portfolio = PORTFOLIO,
                                         .location = location, .bus = -1, .side = FG_SIDE_SELL,
                                         .first_period = FIRST + 4, .period_count = 4, .quantity = form->quantity,
                                         .points = &form->point, .point_count = 1};
    return &form->order;
}

static struct fg_book_order *buy(struct order_form *form, int32_t location, int64_t quantity_w, int64_t price)
{
    sell(form, location, quantity_w, price);
    form->order.participant = form->order.organisation = DSO;
    form->order.portfolio = -1;
    form->order.side = FG_SIDE_BUY;
    form->order.kind = FG_REQUEST_NEED;
    return &form->order;
}

static struct fg_command submit(struct fg_book_order *order)
{
    return (struct fg_command){.kind = FG_COMMAND_SUBMIT, .actor = {.user = 1, .organisation = order->participant},
                               .orders = order, .order_count = 1};
}

static int64_t number(struct fixture *f, const char *text)
{
    struct fg_store *store;
    struct fg_error err = {0};
    fixture_expect(fg_store_open(f->url, NULL, &store, &err), &err);
    int64_t value = fixture_number(store, text);
    fg_store_close(store);
    return value;
}

/* -- tests ---------------------------------------------------------------------------------------------------------- */

/* The DSO needs 1 MW on the feeder in four quarters at 100; an offer of 0.6 MW on the branch at 80 meets it: four trades of
 * 0.6 MW at the resting request's price, and 0.4 MW of the request stay. */
static void test_a_trade(void **state)
{
    struct fixture f;
    struct order_form request, offer;
    open_fixture(&f, state);
    struct fg_command need = submit(buy(&request, FEEDER, MW, 100 * EUR));
    run_ok(f.engine, &need);
    struct fg_command answer = submit(sell(&offer, BRANCH, 600000, 80 * EUR));
    run_ok(f.engine, &answer);
    assert_true(answer.event_last > answer.event_first);
    fg_engine_stop(f.engine);

    assert_int_equal(number(&f, "SELECT count(*) FROM book_trade"), 4);
    assert_int_equal(number(&f, "SELECT sum(quantity_w) FROM book_trade"), 2400000);
    assert_int_equal(number(&f, "SELECT min(price_u) FROM book_trade"), 100 * EUR);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order WHERE status = 'open' AND side = 1"), 1);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order WHERE status = 'filled' AND side = 0"), 1);
    assert_int_equal(number(&f, "SELECT sum(traded_w) FROM book_position"), 2400000);
    assert_int_equal(number(&f, "SELECT sum(open_w) FROM book_position"), 0);
    assert_int_equal(number(&f, "SELECT max(sequence) - count(*) FROM event"), 0); /* gap-free from 1 */
    assert_int_equal(number(&f, "SELECT event_sequence FROM area_state"), number(&f, "SELECT max(sequence) FROM event"));
    assert_int_equal(number(&f, "SELECT count(*) FROM audit WHERE action = 'order.enter'"), 2);
}

/* What an order that left the book had traded stays readable in its row. */
static void test_fills_of_orders_that_left(void **state)
{
    struct fixture f;
    struct order_form request, offer;
    open_fixture(&f, state);
    struct fg_command first = submit(sell(&offer, BRANCH, 600000, 80 * EUR));
    run_ok(f.engine, &first);
    struct fg_command partly = submit(buy(&request, FEEDER, 200000, 100 * EUR));
    run_ok(f.engine, &partly);
    struct fg_command cancel = {.kind = FG_COMMAND_CANCEL, .order = first.first_order, .participant = AGGREGATOR};
    run_ok(f.engine, &cancel);
    fg_engine_stop(f.engine);
    struct fg_store *store;
    struct fg_sql *sql;
    struct fg_error err = {0};
    size_t size;
    fixture_expect(fg_store_open(f.url, NULL, &store, &err), &err);
    fixture_expect(fg_sql_prepare(store, "SELECT filled, cause FROM book_order WHERE id = $1", &sql, &err), &err);
    fg_sql_int64(sql, 1, (int64_t)first.first_order);
    fixture_expect(fg_sql_one(sql, &err), &err);
    const unsigned char *bytes = fg_sql_column_blob(sql, 0, &size);
    assert_int_equal(size, 32);
    for (int k = 0; k < 4; k++) /* 200000 = 0x030d40 */
        assert_true(bytes[8 * k] == 0x40 && bytes[8 * k + 1] == 0x0d && bytes[8 * k + 2] == 0x03 && bytes[8 * k + 3] == 0);
    assert_int_equal(fg_sql_column_int64(sql, 1), FG_BOOK_CAUSE_OWNER);
    fg_store_close(store);
}

static void test_refusals_and_rights_of_owners(void **state)
{
    struct fixture f;
    struct order_form offer;
    open_fixture(&f, state);
    struct fg_command too_much = submit(sell(&offer, BRANCH, 6 * MW, 80 * EUR));
    run(f.engine, &too_much);
    assert_int_equal(too_much.code, FG_OK);
    assert_int_equal(too_much.refusal, FG_REFUSAL_CAPABILITY);
    struct fg_command nowhere = submit(sell(&offer, 99, MW, 80 * EUR));
    run(f.engine, &nowhere);
    assert_int_equal(nowhere.refusal, FG_REFUSAL_LOCATION);
    struct fg_command good = submit(sell(&offer, BRANCH, MW, 80 * EUR));
    run_ok(f.engine, &good);
    struct fg_command thief = {.kind = FG_COMMAND_CANCEL, .order = good.first_order, .participant = RETAILER};
    run(f.engine, &thief);
    assert_int_equal(thief.refusal, FG_REFUSAL_ORDER_UNKNOWN);
    fg_engine_stop(f.engine);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order"), 1);
    assert_int_equal(number(&f, "SELECT count(*) FROM event WHERE type = 'order.refused' AND scope = 'org-3'"), 1);
}

/* Two requests with one key: the second one gets the first one's answer and enters nothing; with another body it is told. */
static void render(struct fg_command *command, const struct fg_book *book)
{
    (void)book;
    command->status = command->refusal == FG_REFUSAL_NONE ? 201 : 422;
    fg_text_printf(&command->answer, "order %llu", (unsigned long long)command->first_order);
}

static void test_idempotency(void **state)
{
    struct fixture f;
    struct order_form offer;
    struct fg_command twice[3];
    open_fixture(&f, state);
    for (int i = 0; i < 3; i++) {
        twice[i] = submit(sell(&offer, BRANCH, MW, 80 * EUR));
        snprintf(twice[i].owner, sizeof twice[i].owner, "key-1");
        snprintf(twice[i].key, sizeof twice[i].key, "abc");
        memset(twice[i].key_hash, i == 2 ? 9 : 7, sizeof twice[i].key_hash);
        twice[i].key_expires_us = INT64_MAX;
        twice[i].render = render;
        run_ok(f.engine, &twice[i]);
    }
    assert_false(twice[0].replayed);
    assert_true(twice[1].replayed && !twice[1].other_request);
    assert_int_equal(twice[1].status, 201);
    assert_string_equal(twice[1].answer.data, twice[0].answer.data);
    assert_true(twice[2].other_request);
    fg_engine_stop(f.engine);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order"), 1);
    for (int i = 0; i < 3; i++)
        fg_text_release(&twice[i].answer);
}

/* -- going on after a restart --------------------------------------------------------------------------------------- */

static struct fg_book_image *image; /* the writer leaves it here for the test, which waits */

static void copy_image(struct fg_command *command, const struct fg_book *book)
{
    command->code = fg_book_image_create(book, &image, &command->err);
}

static struct fg_book_image *image_of(struct fg_engine *engine)
{
    struct fg_command read = {.kind = FG_COMMAND_READ, .read = copy_image};
    run_ok(engine, &read);
    return image;
}

static void expect_same(const struct fg_book_image *a, const struct fg_book_image *b)
{
    assert_true(a->time_us == b->time_us && a->next_priority == b->next_priority && a->next_trade == b->next_trade);
    assert_true(a->event_sequence == b->event_sequence);
    assert_int_equal(a->gate_count, b->gate_count);
    assert_memory_equal(a->gates, b->gates, a->gate_count * sizeof *a->gates);
    assert_int_equal(a->halt_count, b->halt_count);
    assert_int_equal(a->group_count, b->group_count);
    for (size_t i = 0; i < a->group_count; i++)
        assert_true(a->groups[i].group.id == b->groups[i].group.id && a->groups[i].used_u == b->groups[i].used_u);
    assert_int_equal(a->position_count, b->position_count);
    for (size_t i = 0; i < a->position_count; i++) {
        const struct fg_book_position *x = &a->positions[i], *y = &b->positions[i];
        assert_true(x->portfolio == y->portfolio && x->period == y->period && x->open.w == y->open.w &&
                    x->traded.w == y->traded.w && x->capability.w == y->capability.w &&
                    x->reserved.w == y->reserved.w && x->forwarded.w == y->forwarded.w);
    }
    assert_int_equal(a->order_count, b->order_count);
    for (size_t i = 0; i < a->order_count; i++) {
        const struct fg_book_order_state *x = &a->orders[i], *y = &b->orders[i];
        assert_true(x->order.id == y->order.id && x->priority == y->priority && x->group == y->group &&
                    x->order.parent == y->order.parent && x->forwarded == y->forwarded && x->is_tied == y->is_tied &&
                    x->held_back == y->held_back && x->order.period_count == y->order.period_count);
        for (int32_t k = 0; k < x->order.period_count; k++)
            assert_true(x->order.quantity[k].w == y->order.quantity[k].w && x->filled[k].w == y->filled[k].w);
    }
    assert_int_equal(a->trade_count, b->trade_count);
    for (size_t i = 0; i < a->trade_count; i++)
        assert_true(a->trades[i].id == b->trades[i].id && a->trades[i].quantity.w == b->trades[i].quantity.w &&
                    a->trades[i].price.uper_mwh == b->trades[i].price.uper_mwh);
}

/* Random commands of every kind; the area is opened again every now and then, and must be the same. */
static void test_restart(void **state)
{
    struct fixture f;
    struct fg_random random;
    uint64_t last_order = 0;
    open_fixture(&f, state);
    fg_random_init(&random, 5);
    for (int step = 0; step < 400; step++) {
        struct order_form forms[3];
        struct fg_book_order orders[3];
        struct fg_command command;
        int32_t location = 1 + (int32_t)fg_random_below(&random, 3);
        int64_t quantity = (1 + (int64_t)fg_random_below(&random, 300)) * 1000;
        int64_t price = (int64_t)fg_random_below(&random, 120) * EUR;
        f.now_us += (int64_t)fg_random_below(&random, 1000000);
        uint64_t which = last_order == 0 ? 0 : last_order - fg_random_below(&random, last_order < 40 ? last_order : 40);
        switch (fg_random_below(&random, 12)) {
        case 0:
            command = (struct fg_command){.kind = FG_COMMAND_CANCEL, .order = which};
            break;
        case 1:
            for (int k = 0; k < 4; k++)
                forms[0].quantity[k].w = quantity;
            command = (struct fg_command){.kind = FG_COMMAND_AMEND,
                                          .amendment = {.order = which, .quantity = forms[0].quantity,
                                                        .min_fraction_u = -1, .expires_us = -1}};
            break;
        case 2:
            for (int i = 0; i < 3; i++) {
                orders[i] = *sell(&forms[i], location, quantity, price);
                orders[i].block = true;
                orders[i].quantity = forms[i].quantity;
                orders[i].points = &forms[i].point;
            }
            command = submit(orders);
            command.order_count = 3;
            command.group_kind = (enum fg_group_kind)fg_random_below(&random, 3);
            break;
        case 3:
            command = (struct fg_command){.kind = step % 2 ? FG_COMMAND_HALT : FG_COMMAND_RESUME,
                                          .scope = FG_BOOK_SCOPE_LOCATION, .subject = ELSEWHERE};
            break;
        case 4:
            command = submit(sell(&forms[0], location, quantity, price));
            forms[0].order.validity = FG_VALIDITY_GTT;
            forms[0].order.expires_us = f.now_us + 2000000;
            break;
        case 5:
        case 6:
        case 7:
            command = submit(buy(&forms[0], location, quantity, price + 40 * EUR));
            break;
        default:
            command = submit(sell(&forms[0], location, quantity, price));
            forms[0].order.min_fraction_u = fg_random_below(&random, 3) == 0 ? 500000 : 0;
            forms[0].order.forward_to_tso = true;
            break;
        }
        run(f.engine, &command);
        if (command.code != FG_OK)
            fail_msg("step %d: %s", step, command.err.text);
        if (command.kind == FG_COMMAND_SUBMIT)
            last_order = command.first_order + command.order_count - 1;
        if (step % 40 == 39) {
            struct fg_book_image *before = image_of(f.engine);
            fg_engine_stop(f.engine);
            start(&f);
            struct fg_book_image *after = image_of(f.engine);
            expect_same(before, after);
            fg_book_image_destroy(before);
            fg_book_image_destroy(after);
        }
    }
    fg_engine_stop(f.engine);
    assert_true(number(&f, "SELECT count(*) FROM book_trade") > 100);
    assert_int_equal(number(&f, "SELECT max(sequence) - count(*) FROM event"), 0);
}

/* A second engine for the area does not start while the first one has the lease; after a take-over the first one's
 * batches are refused and it tells that it has lost the area. */
static void note_loss(void *context, int64_t area, const struct fg_error *err)
{
    (void)area;
    *(bool *)context = err->code == FG_ERR_FENCED;
}

static void test_take_over(void **state)
{
    struct fixture f;
    struct order_form offer;
    struct fg_error err = {0};
    bool has_lost = false;
    open_fixture(&f, state);
    fg_engine_stop(f.engine);
    struct fg_engine_options options = {.store_url = f.url, .area = AREA, .node = "first", .clock_us = virtual_clock,
                                        .clock_context = &f, .lost = note_loss, .context = &has_lost};
    struct fg_engine *first, *second;
    fixture_expect(fg_engine_start(&options, &first, &err), &err);
    options.node = "second";
    assert_int_equal(fg_engine_start(&options, &second, &err), FG_ERR_BUSY);
    options.node = "first"; /* the same server, started again after a crash, need not wait */
    fixture_expect(fg_engine_start(&options, &second, &err), &err);
    struct fg_command late = submit(sell(&offer, BRANCH, MW, 80 * EUR));
    run(first, &late);
    assert_int_equal(late.code, FG_ERR_UNAVAILABLE);
    struct fg_command good = submit(sell(&offer, BRANCH, MW, 80 * EUR));
    run_ok(second, &good);
    fg_engine_stop(first);
    assert_true(has_lost);
    fg_engine_stop(second);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order"), 1);
}

/* -- a commit of unknown outcome -- */

static enum { AS_IT_IS, COMMITTED, NOT_COMMITTED } unknown_outcome; /* of the next commit */

enum fg_code __real_fg_store_commit(struct fg_store *store, struct fg_error *err);
enum fg_code __wrap_fg_store_commit(struct fg_store *store, struct fg_error *err);
enum fg_code __wrap_fg_store_commit(struct fg_store *store, struct fg_error *err)
{
    int outcome = unknown_outcome;
    unknown_outcome = AS_IT_IS;
    if (outcome == NOT_COMMITTED)
        fg_store_rollback(store);
    if (outcome != NOT_COMMITTED) {
        enum fg_code code = __real_fg_store_commit(store, err);
        if (outcome == AS_IT_IS || code != FG_OK)
            return code;
    }
    return fg_fail(err, FG_ERR_OUTCOME, NULL, "the connection was lost");
}

/* As what is entered into an auction: rows and an audit entry, no event. */
static enum fg_refusal apply_silently(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    (void)area, (void)command, (void)code;
    return FG_REFUSAL_NONE;
}

/* The caller is told what the rows say after the reload, of commands with events and of those without. */
static void test_unknown_outcome(void **state)
{
    static const struct fg_command_service silent = {"test.silent", apply_silently};
    struct fixture f;
    struct order_form form;
    open_fixture(&f, state);
    for (int has_events = 0; has_events < 2; has_events++)
        for (int outcome = COMMITTED; outcome <= NOT_COMMITTED; outcome++) {
            struct fg_command command = {.kind = FG_COMMAND_SERVICE, .service = &silent};
            if (has_events)
                command = submit(sell(&form, BRANCH, MW, 80 * EUR));
            unknown_outcome = outcome;
            run(f.engine, &command);
            assert_int_equal(command.code, outcome == COMMITTED ? FG_OK : FG_ERR_UNAVAILABLE);
        }
    fg_engine_stop(f.engine);
    assert_int_equal(number(&f, "SELECT count(*) FROM audit WHERE action = 'test.silent'"), 1);
    assert_int_equal(number(&f, "SELECT count(*) FROM book_order"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_a_trade),
        ON_BOTH(test_fills_of_orders_that_left),
        ON_BOTH(test_refusals_and_rights_of_owners),
        ON_BOTH(test_idempotency),
        ON_BOTH(test_restart),
        ON_BOTH(test_take_over),
        ON_BOTH(test_unknown_outcome),
    };
    return cmocka_run_group_tests(tests, store_group_setup, store_group_teardown);
}
