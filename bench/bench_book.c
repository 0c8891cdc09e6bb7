/* The continuous book: operations a second and latency of single commands.
 *
 * Mix: 60 % new orders (a fifth of them with a minimum quantity), 25 % amendments, 10 % cancellations, 5 % orders that
 * trade. Entering outweighs leaving, so the market day is closed, opened and filled with 20,000 orders again,
 * unmeasured, before every 100,000 commands: the book holds 20,000 to 70,000 orders. 96 quarter-hours of active energy,
 * up and down, four locations below one, 40 participants; orders of one period, prices some steps off the middle. All
 * through the public functions; events are counted by the sink. Latency is read around every command with the
 * processor's monotonic clock; its own cost is in the figure. */
#include "base/random.h"
#include "market/book.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIODS = 96, RESTING = 20000, OPERATIONS = 2000000, PORTFOLIOS = 40, CHUNK = 100000 };

static uint64_t events;
static void count_event(void *context, const struct fg_book_event *event)
{
    (void)context;
    (void)event;
    events++;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct maker {
    struct fg_random random;
    uint64_t next;
    uint64_t *live; /* ids that were entered to rest; some have traded since */
    size_t count;
};

struct operation {
    int kind; /* 0 new, 1 amend, 2 cancel, 3 trade */
    struct fg_book_order order;
    struct fg_power quantity;
    struct fg_price_point point;
    struct fg_book_amendment amendment;
    uint64_t id;
};

static void draw_order(struct maker *m, struct operation *op, bool trades)
{
    bool buys = fg_random_below(&m->random, 2);
    int64_t away = (int64_t)fg_random_below(&m->random, 200) * 10000;
    int64_t middle = 50000000, spread = trades ? -3000000 : 100000;
    op->quantity.w = (1 + (int64_t)fg_random_below(&m->random, trades ? 10 : 50)) * 1000;
    op->point = (struct fg_price_point){op->quantity, {buys ? middle - spread - away : middle + spread + away}};
    int32_t who = (int32_t)fg_random_below(&m->random, PORTFOLIOS);
    op->order = (struct fg_book_order){.id = m->next++,
                                       .participant = who,
                                       .organisation = who,
                                       .portfolio = who,
                                       .location = (int32_t)fg_random_below(&m->random, 5),
                                       .bus = -1,
                                       .side = buys ? FG_SIDE_BUY : FG_SIDE_SELL,
                                       .regulation = (enum fg_regulation)fg_random_below(&m->random, 2),
                                       .kind = buys ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE,
                                       .validity = trades ? FG_VALIDITY_IOC : FG_VALIDITY_GTC,
                                       .min_fraction_u = !trades && fg_random_below(&m->random, 5) == 0 ? 500000 : 0,
                                       .first_period = (int32_t)fg_random_below(&m->random, PERIODS),
                                       .period_count = 1,
                                       .point_count = 1};
}

static void draw(struct maker *m, struct operation *op, int kind)
{
    op->kind = kind;
    if (kind == 0 || kind == 3) {
        draw_order(m, op, kind == 3);
        if (kind == 0)
            m->live[m->count++] = op->order.id;
        return;
    }
    size_t at = (size_t)fg_random_below(&m->random, m->count);
    op->id = m->live[at];
    if (kind == 2) {
        m->live[at] = m->live[--m->count];
        return;
    }
    op->quantity.w = (1 + (int64_t)fg_random_below(&m->random, 50)) * 1000;
    op->amendment = (struct fg_book_amendment){.order = op->id, .min_fraction_u = -1, .expires_us = -1};
}

static enum fg_refusal run(struct fg_book *book, struct operation *op)
{
    op->order.quantity = &op->quantity;
    op->order.points = &op->point;
    op->amendment.quantity = &op->quantity;
    switch (op->kind) {
    case 1: return fg_book_amend(book, 0, &op->amendment, NULL);
    case 2: return fg_book_cancel(book, 0, op->id, NULL);
    default: return fg_book_submit(book, 0, &op->order, 1, NULL, NULL);
    }
}

static int compare(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static const int32_t parent[] = {-1, 0, 0, 0, 0};
    const struct fg_book_locations locations = {.count = 5, .parent = parent};
    struct fg_book_settings settings = fg_book_settings_default();
    struct fg_book *book = NULL;
    (void)argc;
    (void)argv;
    bench_print_machine();
    if (fg_book_create(&settings, &locations, NULL, count_event, NULL, &book, NULL) != FG_OK)
        return 1;
    fg_book_open(book, 0, FG_PRODUCT_ACTIVE, 0, PERIODS, NULL);
    for (int32_t p = 0; p < PORTFOLIOS; p++)
        for (int r = 0; r < 2; r++)
            fg_book_set_capability(book, 0, p, FG_PRODUCT_ACTIVE, (enum fg_regulation)r, 0, PERIODS,
                                   (struct fg_power){INT64_C(1000000000000)}, (struct fg_power){0}, NULL);
    struct maker maker = {.next = 1, .live = malloc((OPERATIONS + RESTING + 1) * sizeof *maker.live)};
    struct operation *ops = malloc(CHUNK * sizeof *ops);
    int32_t *latency = malloc(OPERATIONS * sizeof *latency);
    if (maker.live == NULL || ops == NULL || latency == NULL)
        return 1;
    fg_random_init(&maker.random, 1);
    long refused = 0, done[4] = {0};
    size_t trades = fg_book_trade_count(book), measured = 0;
    double cpu = 0;
    for (int round = 0; round < OPERATIONS / CHUNK; round++) {
        fg_book_close(book, 0, FG_PRODUCT_ACTIVE, 0, PERIODS, NULL);
        fg_book_open(book, 0, FG_PRODUCT_ACTIVE, 0, PERIODS, NULL);
        maker.count = 0;
        for (int i = 0; i < RESTING; i++) {
            draw(&maker, &ops[0], 0);
            run(book, &ops[0]);
        }
        for (int i = 0; i < CHUNK; i++) {
            uint64_t dice = fg_random_below(&maker.random, 100);
            draw(&maker, &ops[i], dice < 60 ? 0 : dice < 85 ? 1 : dice < 95 ? 2 : 3);
        }
        /* Even chunks for throughput, without clock reads; odd ones for latency. */
        struct bench_time start = bench_now();
        for (int i = 0; i < CHUNK && round % 2 == 0; i++) {
            refused += run(book, &ops[i]) != FG_REFUSAL_NONE;
            done[ops[i].kind]++;
        }
        if (round % 2 == 0)
            cpu += bench_since(start).cpu_s;
        for (int i = 0; i < CHUNK && round % 2 == 1; i++) {
            int64_t before = now_ns();
            run(book, &ops[i]);
            latency[measured++] = (int32_t)(now_ns() - before);
        }
    }
    qsort(latency, measured, sizeof *latency, compare);
    double count = (double)(done[0] + done[1] + done[2] + done[3]), rate = count / cpu;
    double p50 = latency[measured / 2], p99 = latency[measured * 99 / 100], p999 = latency[measured * 999 / 1000];
    printf("\n%d operations: %ld new, %ld amended, %ld cancelled, %ld to trade; %ld refused, %zu trades, %zu resting "
           "at the "
           "end, %llu events\n",
           (int)count, done[0], done[1], done[2], done[3], refused, fg_book_trade_count(book) - trades,
           fg_book_order_count(book), (unsigned long long)events);
    printf("throughput %.2f million operations a second of processor time   at least 2.00   %s\n", rate / 1e6,
           bench_at_least(rate, 2e6));
    printf("latency p50 %.0f ns, p99 %.0f ns, p99.9 %.0f ns (clock reads included)   p99 at most 1000   %s\n", p50, p99,
           p999, bench_at_most(p99, 1000));
    fg_book_destroy(book);
    free(maker.live);
    free(ops);
    free(latency);
    return bench_failures() > 0;
}
