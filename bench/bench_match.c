/* The network check of the continuous book on a feeder of 500 buses: time of one match, modes dc and ac.
 *
 *     build/bin/bench_match [--shared DIR] [--seconds S]
 *
 * The feeder is drawn from a seed: 500 buses at 20 kV, laterals off a trunk, 20 to 60 branches deep, loads of 5 to 30 kW, every
 * branch rated a little above its flow, band 0.95 to 1.05; 96 periods whose loads differ. Where the shared case533mt_hi is
 * there, the same is done on it. A match is what the book asks and tells for one trade of one period: take, which in ac
 * confirms by power flows, and commit when something was taken. Offers are up or down by the tick of 1 kW up to 400 kW at
 * random buses and periods; one in five is an exchange between two buses. When a period's limits are used up, trades are
 * taken back, as cancelled trades are. The bar of 1 ms holds for p99 with everything: cuts with their several power flows,
 * and refusals. Besides it times a refresh, which is one command of the book: a new state of all periods put in place under
 * the trades, and 1000 resting orders that the old state had held back tried again (the bar of 20 ms). Judged is processor time of the thread, which equals wall time where the program has a processor to itself; wall time
 * is printed beside it. */
#include "base/random.h"
#include "base/text.h"
#include "grid/network_json.h"
#include "grid/network_read.h"
#include "measure.h"
#include "toolkit/dfmct/match_grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIODS = 96, TICK = 1000, BUSES = 500, KEPT = 1500, SAMPLES_MOST = 2000000 };
static const double BAR_MS = 1, REFRESH_BAR_MS = 20;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static int64_t wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}
static int64_t cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void must(enum fg_code code, const struct fg_error *err)
{
    if (code != FG_OK) {
        fprintf(stderr, "bench_match: %s: %s\n", err->place, err->text);
        exit(1);
    }
}
static void *need(void *pointer)
{
    if (pointer == NULL) {
        fprintf(stderr, "bench_match: out of memory\n");
        exit(1);
    }
    return pointer;
}

/* Ratings follow the load below each branch, so that there is room for some trades and not for all. */
static struct fg_network *feeder(uint64_t seed)
{
    struct fg_random random;
    struct fg_network *n = need(fg_network_create());
    int32_t parent[BUSES] = {0};
    double below[BUSES] = {0};
    char id[32];
    fg_random_init(&random, seed);
    n->name = "feeder";
    n->base_mva = 10;
    for (int32_t b = 0; b < BUSES; b++) {
        snprintf(id, sizeof id, "b%d", b);
        struct fg_bus *bus = need(fg_network_add_bus(n, id, 20));
        bus->vm_min_pu = 0.95;
        bus->vm_max_pu = 1.05;
        /* Mostly on along the newest bus, now and then a lateral from somewhere nearer to the source. */
        parent[b] = b == 0 ? -1 : fg_random_unit(&random) < 0.8 ? b - 1 - (int32_t)fg_random_below(&random, b < 12 ? 1 : 12)
                                                                : (int32_t)fg_random_below(&random, (uint64_t)b);
        below[b] = b == 0 ? 0 : fg_random_between(&random, 0.005, 0.03);
    }
    for (int32_t b = 1; b < BUSES; b++) {
        snprintf(id, sizeof id, "d%d", b);
        need(fg_network_add_injection(n, id, FG_INJECTION_LOAD, b, -below[b], -0.3 * below[b]));
    }
    for (int32_t b = BUSES - 1; b > 0; b--)
        below[parent[b]] += below[b];
    for (int32_t b = 1; b < BUSES; b++) {
        snprintf(id, sizeof id, "l%d", b);
        struct fg_branch *branch = need(fg_network_add_branch(n, id, parent[b], b));
        double length = fg_random_between(&random, 0.05, 0.3); /* km; 0.3 + j 0.35 ohm/km; 20 kV and 10 MVA: 40 ohm */
        branch->r_pu = 0.3 * length / 40;
        branch->x_pu = 0.35 * length / 40;
        branch->b_from_pu = branch->b_to_pu = 1e-5 * length;
        branch->rate_normal_mva = 1.3 * below[b] + 0.1;
    }
    struct fg_generator *g = need(fg_network_add_generator(n, "g", FG_GENERATOR_SOURCE, 0));
    g->vm_set_pu = 1.02;
    return n;
}

struct deal {
    struct fg_book_flow flow;
    int64_t quantity;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}
static double quantile(double *samples, size_t count, double share)
{
    return samples[(size_t)((double)(count - 1) * share)];
}

static struct fg_grid_state *make_state(struct fg_grid_model *model, struct fg_grid_point *point)
{
    struct fg_grid_state *state;
    struct fg_error err = {0};
    must(fg_grid_state_create(model, point, &state, &err), &err);
    return state;
}

static void count_event(void *context, const struct fg_book_event *event)
{
    *(uint64_t *)context += event->kind == FG_BOOK_TRADED;
}

/* An order of one period at a bus; buys are needs. */
static void enter(struct fg_book *book, uint64_t id, enum fg_side side, int32_t period, int32_t bus)
{
    struct fg_error err = {0};
    struct fg_power quantity = {side == FG_SIDE_BUY ? INT64_C(1000000000) : 500 * TICK};
    struct fg_price_point price = {quantity, {side == FG_SIDE_BUY ? 90000000 : 50000000}};
    struct fg_book_order order = {.id = id, .participant = side, .organisation = side, .portfolio = side == FG_SIDE_SELL ? 0 : -1, .bus = bus,
                                  .side = side, .regulation = FG_REGULATION_UP, .kind = side == FG_SIDE_BUY ? FG_REQUEST_NEED : FG_REQUEST_NONE,
                                  .first_period = period, .period_count = 1, .quantity = &quantity, .points = &price, .point_count = 1};
    if (fg_book_submit(book, 1, &order, 1, NULL, &err) != FG_REFUSAL_NONE) {
        fprintf(stderr, "bench_match: %s\n", err.text);
        exit(1);
    }
}

/* Offers are entered against a large need in every period until 1000 are held back; then the state is replaced. */
static void refresh(struct fg_match_grid *match, struct fg_grid_state *state, int32_t buses, double made_ms)
{
    struct fg_error err = {0};
    struct fg_book_settings settings = fg_book_settings_default();
    struct fg_book_network network = fg_match_grid_interface(match);
    const int32_t root = -1;
    const struct fg_book_locations locations = {.count = 1, .parent = &root};
    struct fg_random random;
    struct fg_book *book;
    uint64_t traded = 0, before, held = 0, id = 1000;
    fg_random_init(&random, 9);
    settings.tick = (struct fg_power){TICK};
    must(fg_book_create(&settings, &locations, &network, count_event, &traded, &book, &err), &err);
    fg_book_open(book, 1, FG_PRODUCT_ACTIVE, 0, PERIODS, NULL);
    fg_book_set_capability(book, 1, 0, FG_PRODUCT_ACTIVE, FG_REGULATION_UP, 0, PERIODS, (struct fg_power){INT64_C(900000000000)},
                           (struct fg_power){0}, NULL);
    for (int32_t i = 0; i < PERIODS; i++)
        enter(book, (uint64_t)i + 1, FG_SIDE_BUY, i, -1);
    while (held < 1000 && id < 20000) {
        struct fg_book_order_state row;
        enter(book, id, FG_SIDE_SELL, (int32_t)(id % PERIODS), 1 + (int32_t)fg_random_below(&random, (uint64_t)buses - 1));
        held += fg_book_find_order(book, id++, &row, NULL, NULL) && row.held_back;
    }
    before = traded;
    struct fg_match_grid_figures first = fg_match_grid_figures(match);
    int64_t wall = wall_ns(), start = cpu_ns();
    must(fg_match_grid_set_state(match, state, &err), &err);
    if (fg_book_network_changed(book, 2, &network, &err) != FG_REFUSAL_NONE)
        exit(1);
    double cpu_ms = (double)(cpu_ns() - start) * 1e-6, wall_ms = (double)(wall_ns() - wall) * 1e-6;
    printf("|   refresh, %d periods, %llu held orders | | | | | | state made beside the book in %.1f ms; the command %.2f ms, wall %.2f ms, %llu "
           "trades, %llu power flows | | %s (1000 held, <= 20 ms) |\n",
           PERIODS, (unsigned long long)held, made_ms, cpu_ms, wall_ms, (unsigned long long)(traded - before),
           (unsigned long long)(fg_match_grid_figures(match).power_flows - first.power_flows),
           bench_holds(held == 1000 && cpu_ms <= REFRESH_BAR_MS));
    fg_book_destroy(book);
}

static void run(const char *name, const struct fg_network *network, enum fg_grid_check mode, double seconds)
{
    struct fg_error err = {0};
    struct fg_text text;
    struct fg_grid_model *model;
    struct fg_match_grid *match;
    struct fg_random random;
    int32_t buses = (int32_t)network->bus_count;
    size_t cells = (size_t)PERIODS * network->bus_count, count = 0, kept = 0;
    enum fg_grid_check check[PERIODS];
    const char **names = need(calloc(network->bus_count, sizeof *names));
    int64_t *p = need(calloc(cells, sizeof *p)), *q = need(calloc(cells, sizeof *q));
    double *samples = need(calloc(SAMPLES_MOST, sizeof *samples)), *walls = need(calloc(SAMPLES_MOST, sizeof *walls));
    static struct deal deals[KEPT];
    fg_random_init(&random, 7);
    fg_text_init(&text);
    must(fg_network_json_format(network, &text, &err), &err);
    must(fg_grid_model_read(text.data, text.length, "flexgrid", &model, &err), &err);
    for (int i = 0; i < PERIODS; i++)
        check[i] = mode;
    for (int32_t b = 0; b < buses; b++) {
        int64_t own_p = 0, own_q = 0;
        names[b] = network->buses[b].id;
        fg_grid_model_own(model, names[b], &own_p, &own_q);
        for (int i = 0; i < PERIODS; i++) {
            double scale = 0.6 + 0.4 * sin(0.0655 * i) * sin(0.0655 * i);
            p[(size_t)i * network->bus_count + (size_t)b] = (int64_t)(scale * (double)own_p);
            q[(size_t)i * network->bus_count + (size_t)b] = (int64_t)(scale * (double)own_q);
        }
    }
    struct fg_grid_point point = {.period_count = PERIODS, .check = check, .bus_count = buses, .buses = names, .p_w = p, .q_var = q};
    int64_t start = cpu_ns(), wall;
    struct fg_grid_state *state = make_state(model, &point);
    double made_ms = (double)(cpu_ns() - start) * 1e-6;
    must(fg_match_grid_create((struct fg_power){TICK}, &match, &err), &err);
    must(fg_match_grid_set_state(match, state, &err), &err);
    struct fg_book_network book = fg_match_grid_interface(match);
    for (int64_t end = wall_ns() + (int64_t)(seconds * 1e9); wall_ns() < end && count < SAMPLES_MOST;) {
        bool is_exchange = fg_random_below(&random, 5) == 0;
        struct deal deal = {
            .flow = {.regulation = fg_random_below(&random, 2) ? FG_REGULATION_UP : FG_REGULATION_DOWN,
                     .kind = is_exchange ? FG_REQUEST_EXCHANGE : FG_REQUEST_NEED,
                     .period = (int32_t)fg_random_below(&random, PERIODS),
                     .sell_bus = 1 + (int32_t)fg_random_below(&random, (uint64_t)buses - 1),
                     .buy_bus = is_exchange ? (int32_t)fg_random_below(&random, (uint64_t)buses) : -1}};
        int64_t wanted = (1 + (int64_t)fg_random_below(&random, 400)) * TICK;
        wall = wall_ns();
        start = cpu_ns();
        deal.quantity = book.take(book.context, &deal.flow, wanted);
        if (deal.quantity > 0)
            book.commit(book.context, &deal.flow, deal.quantity);
        samples[count] = (double)(cpu_ns() - start) * 1e-6;
        walls[count++] = (double)(wall_ns() - wall) * 1e-6;
        if (deal.quantity > 0 && kept < KEPT) {
            deals[kept++] = deal;
        } else if (deal.quantity > 0) { /* the oldest ones are taken back */
            struct deal *old = &deals[count % KEPT];
            book.undo(book.context, &old->flow, old->quantity, true);
            *old = deal;
        }
    }
    struct fg_match_grid_figures figures = fg_match_grid_figures(match);
    qsort(samples, count, sizeof *samples, compare);
    qsort(walls, count, sizeof *walls, compare);
    double p99 = quantile(samples, count, 0.99);
    printf("| %s, %s | %zu | %.4f | %.4f | %.4f | %.4f, %.4f | %.0f %% cut, %.0f %% refused | %.2f | %s |\n", name, mode == FG_GRID_AC ? "ac" : "dc", count,
           quantile(samples, count, 0.5), p99, quantile(samples, count, 1), quantile(walls, count, 0.5), quantile(walls, count, 0.99), 100.0 * (double)figures.cuts / (double)figures.takes,
           100.0 * (double)figures.refusals / (double)figures.takes, (double)figures.power_flows / (double)figures.takes,
           bench_at_most(p99, BAR_MS));
    refresh(match, make_state(model, &point), buses, made_ms);
    fg_match_grid_destroy(match);
    fg_grid_model_release(model);
    fg_text_release(&text);
    free(names);
    free(p);
    free(q);
    free(samples);
    free(walls);
}

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    const char *given = bench_option(argc, argv, "--seconds");
    double seconds = given != NULL ? strtod(given, NULL) : 3;
    char path[600];
    bench_print_machine();
    printf("\n| feeder, mode | matches | p50 ms | p99 ms | worst ms | wall p50, p99 ms | outcome | power flows a match | p99 <= 1 ms |\n|---|--:|--:|--:|--:|--:|---|--:|---|\n");
    struct fg_network *network = feeder(500);
    run("500 buses, seed 500", network, FG_GRID_DC, seconds);
    run("500 buses, seed 500", network, FG_GRID_AC, seconds);
    fg_network_destroy(network);
    snprintf(path, sizeof path, "%s/data/cases/matpower/case533mt_hi.m", bench_shared_dir(argc, argv));
    struct fg_error err = {0};
    if (fg_network_read(path, NULL, &network, &err) == FG_OK) {
        run("case533mt_hi", network, FG_GRID_DC, seconds);
        run("case533mt_hi", network, FG_GRID_AC, seconds);
        fg_network_destroy(network);
    } else {
        printf("\nno %s: left out\n", path);
    }
    return bench_failures() > 0;
}
