/* Integer decisions against enumeration: every set of indivisible orders is fixed in turn by moving it into the
 * baseline, and the rest of the market, which has no integers then, is cleared. The bound must not exceed the best of
 * them, the cost must not be below it, and the gap reported must cover the difference. Seeds are printed. */
#include "clear_fixture.h"

#include "base/random.h"

#define PERIODS 2
#define BUSES 4
#define WHOLE 4
#define PLAIN 6

struct sample {
    double load_p[PERIODS][BUSES + 1], load_q[PERIODS][BUSES + 1];
    struct sample_order { enum fg_regulation regulation; int bus, first, count; double mw, price; } whole[WHOLE], plain[PLAIN];
    double import_price;
};

static const char *const bus_ids[] = { "0", "1", "2", "3", "4" };

static struct sample sample_of(uint64_t seed)
{
    struct fg_random random;
    struct sample sample;
    fg_random_init(&random, seed);
    sample.import_price = fg_random_between(&random, 10, 40);
    bool exports = fg_random_unit(&random) < 0.4; /* generation at the end: voltages too high, reverse flow */
    for (int t = 0; t < PERIODS; t++)
        for (int b = 1; b <= BUSES; b++) {
            sample.load_p[t][b] = (exports ? -1 : 1) * fg_random_between(&random, 0.2, 0.5);
            sample.load_q[t][b] = fg_random_between(&random, 0.0, 0.1);
        }
    for (int i = 0; i < WHOLE + PLAIN; i++) {
        struct sample_order *order = i < WHOLE ? &sample.whole[i] : &sample.plain[i - WHOLE];
        order->regulation = exports ? FG_REGULATION_DOWN : FG_REGULATION_UP;
        order->bus = 1 + (int)fg_random_below(&random, BUSES);
        order->first = (int)fg_random_below(&random, PERIODS);
        order->count = i < WHOLE ? PERIODS - order->first : 1;
        order->mw = 0.01 * (double)(5 + fg_random_below(&random, 25));
        order->price = exports ? fg_random_between(&random, -5, 60) : sample.import_price + fg_random_between(&random, -3, 60);
        order->price = floor(order->price * 100) / 100;
    }
    return sample;
}

/* The market with the indivisible orders of `fixed` (bits) in the baseline, or as orders when fixed < 0. */
static struct fg_market *build(const struct sample *sample, enum fg_market_physics physics, int fixed, double *fixed_cost)
{
    struct fg_market *market = market_of(PERIODS, sample->import_price, physics);
    *fixed_cost = 0;
    for (int b = 1; b <= BUSES; b++) {
        struct fg_power *p = fg_market_profile(market), *q = fg_market_profile(market);
        for (int t = 0; t < PERIODS; t++) {
            p[t].w = -llround(1e6 * sample->load_p[t][b]);
            q[t].w = -llround(1e6 * sample->load_q[t][b]);
            for (int i = 0; i < WHOLE && fixed >= 0; i++) {
                const struct sample_order *order = &sample->whole[i];
                if ((fixed >> i & 1) && order->bus == b && t >= order->first && t < order->first + order->count) {
                    p[t].w += (order->regulation == FG_REGULATION_UP ? 1 : -1) * llround(1e6 * order->mw);
                    *fixed_cost += order->mw * order->price;
                }
            }
        }
        struct fg_baseline *row = fg_market_add_baseline(market, FG_BASELINE_BUS, bus_ids[b]);
        assert_non_null(row);
        row->p = p;
        row->q = q;
    }
    for (int i = 0; i < WHOLE + PLAIN; i++) {
        const struct sample_order *order = i < WHOLE ? &sample->whole[i] : &sample->plain[i - WHOLE];
        char id[16];
        snprintf(id, sizeof id, "%s%d", i < WHOLE ? "w" : "p", i);
        if (i < WHOLE && fixed >= 0)
            continue;
        struct draft draft = draft_of(market, id, id, FG_SIDE_SELL, order->regulation, bus_ids[order->bus], order->first,
                                      order->count, order->mw, order->price);
        draft.order.block = i < WHOLE;
        draft.order.min_fraction_u = i < WHOLE ? FG_FRACTION_ONE : 0;
        submit(market, &draft);
    }
    return market;
}

static double import_before(const struct fg_clear_result *result)
{
    double sum = 0;
    for (int t = 0; t < PERIODS; t++)
        sum += result->before[t].slack_p_mw;
    return sum;
}

static void against_enumeration(enum fg_market_physics physics, int seeds, double gap_allowed)
{
    for (int seed = 1; seed <= seeds; seed++) {
        struct sample sample = sample_of((uint64_t)seed);
        struct fg_network *network = feeder(BUSES, 0.02, 0.02, 1.1);
        double unused, best = INFINITY;
        struct fg_market *whole = build(&sample, physics, -1, &unused);
        struct fg_clear_result *result = cleared(network, whole);
        for (int fixed = 0; fixed < 1 << WHOLE; fixed++) {
            double fixed_cost;
            struct fg_market *market = build(&sample, physics, fixed, &fixed_cost);
            struct fg_clear_result *part = cleared(network, market);
            double moved = physics == FG_MARKET_AC ? import_before(part) - import_before(result) : 0;
            for (int i = 0; i < WHOLE && physics != FG_MARKET_AC; i++) /* lossless: import falls by what is injected */
                if (fixed >> i & 1)
                    moved -= (sample.whole[i].regulation == FG_REGULATION_UP ? 1 : -1) * sample.whole[i].mw * sample.whole[i].count;
            best = fmin(best, part->cost + fixed_cost + sample.import_price * moved);
            fg_clear_result_destroy(part);
            fg_market_destroy(market);
        }
        double scale = fmax(fabs(result->cost), 1), noise = 3e-5 * scale; /* tolerance x scarcity prices */
        print_message("seed %d: bound %.6f best %.6f cost %.6f gap %.2e (integer %.2e)\n", seed, result->bound, best,
                      result->cost, result->gap, result->integer_gap);
        assert_true(result->bound <= best + noise);
        assert_true(result->cost >= best - noise);
        assert_true(result->cost - best <= gap_allowed * scale + noise);
        assert_true(result->cost - best <= result->gap * scale + noise);
        assert_ledger_closes(result);
        assert_parts_add_up(result);
        fg_clear_result_destroy(result);
        fg_market_destroy(whole);
        fg_network_destroy(network);
    }
}

static void dc_against_enumeration(void **state)
{
    (void)state;
    against_enumeration(FG_MARKET_DC, 12, 0.005);
}

static void lindistflow_against_enumeration(void **state)
{
    (void)state;
    against_enumeration(FG_MARKET_LINDISTFLOW, 12, 0.005);
}

static void ac_against_enumeration(void **state)
{
    (void)state;
    against_enumeration(FG_MARKET_AC, 12, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dc_against_enumeration),
        cmocka_unit_test(lindistflow_against_enumeration),
        cmocka_unit_test(ac_against_enumeration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
