/* Clearing against the bars: seeded markets in which a line limit binds in at least 20 % of the periods and a voltage
 * limit in at least 20 %, upper and lower both, with at least 10 % of the orders blocks. Times are processor seconds of
 * the whole clearing (model, relaxation, integer decisions, bound, rounding, check, prices, settlement) and are shown as
 * ratios to the limit. */
#include "grid/matpower.h"
#include "grid/network_json.h"
#include "market_generator.h"
#include "measure.h"
#include "toolkit/dfmct/clear.h"
#include "toolkit/dfmct/market_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct bar {
    const char *name, *network; /* under the shared folder, or examples/ of the sources */
    bool is_example;
    struct bench_market spec;
    double seconds, integer_gap, time_limit_s; /* NAN: no bar */
    bool needs_counts;
};

static const struct bar bars[] = {
    { "CIGRE MV day", "cigre_mv", true,
      { 1, 96, 900, 300, 0.15, 1000, 0.014, 0.96, 1.05, 6, 0.8, FG_MARKET_AC }, 3, 0.005, 60, true },
    { "case533mt_hi x 96 x 2000", "case533mt_hi.m", false,
      { 2, 96, 900, 2000, 0.12, 10, 0.015, 0.95, 1.05, 12, 0.85, FG_MARKET_AC }, 30, 0.02, 120, true },
    { "33 buses x 24 x 350, dc", "case33bw.m", false,
      { 3, 24, 3600, 350, 0.2, 1000, 0.006, 0.92, 1.05, 5, 0.85, FG_MARKET_DC }, 0.05, NAN, 10, false },
    { "33 buses x 24 x 350, ac", "case33bw.m", false,
      { 3, 24, 3600, 350, 0.2, 1000, 0.006, 0.92, 1.05, 5, 0.85, FG_MARKET_AC }, NAN, NAN, 60, false },
};

struct counts { int line, low, high, solved; };

static struct counts count_binding(const struct fg_clear_result *result)
{
    struct counts counts = { 0, 0, 0, 0 };
    for (int32_t t = 0; t < result->market->period_count; t++) {
        bool line = false, low = false, high = false;
        for (size_t i = 0; i < result->limit_count; i++) {
            const struct fg_clear_limit *limit = &result->limits[i];
            if (limit->period != t || limit->shadow_price < 0.01)
                continue;
            line = line || limit->kind == FG_CLEAR_LIMIT_BRANCH;
            low = low || limit->kind == FG_CLEAR_LIMIT_VOLTAGE_LOW;
            high = high || limit->kind == FG_CLEAR_LIMIT_VOLTAGE_HIGH;
        }
        counts.line += line;
        counts.low += low;
        counts.high += high;
        counts.solved += low || high;
    }
    return counts;
}

static enum fg_code read_network(const struct bar *bar, const char *shared, struct fg_network **network,
                                 struct fg_error *err)
{
    char path[1024];
    if (bar->is_example)
        snprintf(path, sizeof path, "%s/examples/%s/network.json", FG_SOURCE_DIR, bar->network);
    else
        snprintf(path, sizeof path, "%s/data/cases/matpower/%s", shared, bar->network);
    return bar->is_example ? fg_network_json_read(path, network, err) : fg_matpower_read(path, network, err);
}

/* The generated network and market as files, to be looked at with the command line. */
static enum fg_code write_files(const struct fg_network *network, const struct fg_market *market, const char *folder,
                                struct fg_error *err)
{
    char path[1024];
    struct fg_text text;
    fg_text_init(&text);
    snprintf(path, sizeof path, "%s/network.json", folder);
    enum fg_code code = fg_network_json_write(network, path, err);
    if (code == FG_OK)
        code = fg_market_write_json(market, &text, err);
    snprintf(path, sizeof path, "%s/market.json", folder);
    if (code == FG_OK)
        code = fg_file_write(path, text.data, text.length, err);
    fg_text_release(&text);
    return code;
}

static enum fg_code measure(const struct bar *bar, const char *shared, const char *folder, int32_t repeats,
                            struct fg_error *err)
{
    struct fg_network *network = NULL;
    struct fg_market *market = NULL;
    struct fg_clear_result *result = NULL;
    struct fg_clear_options options = fg_clear_defaults();
    struct bench_time times[BENCH_REPEAT_MAX];
    options.time_limit_s = bar->time_limit_s;
    enum fg_code code = read_network(bar, shared, &network, err);
    if (code == FG_OK)
        code = bench_market_generate(network, &bar->spec, &market, err);
    if (code == FG_OK && folder != NULL)
        code = write_files(network, market, folder, err);
    for (int32_t i = 0; i < repeats && code == FG_OK; i++) {
        fg_clear_result_destroy(result);
        result = NULL;
        struct bench_time start = bench_now();
        code = fg_clear(network, market, &options, &result, err);
        times[i] = bench_since(start);
    }
    if (code == FG_OK) {
        struct bench_time time = bench_median(times, (size_t)repeats);
        struct counts counts = count_binding(result);
        double share = 100.0 / market->period_count;
        int blocks = 0;
        for (size_t o = 0; o < market->order_count; o++)
            blocks += market->orders[o].block;
        printf("%-26s %-13s %8.3f %8.3f", bar->name, fg_clear_status_word(result->status), time.cpu_s, time.wall_s);
        if (isnan(bar->seconds))
            printf(" %8s %7s %-5s", "-", "-", "");
        else
            printf(" %8.2f %7.2f %-5s", bar->seconds, time.cpu_s / bar->seconds, bench_at_most(time.cpu_s, bar->seconds));
        printf(" %9.2e", result->integer_gap);
        if (isnan(bar->integer_gap))
            printf(" %7s %-5s", "-", "");
        else
            printf(" %7.3f %-5s", bar->integer_gap, bench_at_most(result->integer_gap, bar->integer_gap));
        printf(" %9.2e %6.2f", result->relaxation_gap, result->max_violation);
        if (bar->spec.physics == FG_MARKET_AC)
            printf("  line %.0f %% low %.0f %% high %.0f %% blocks %.0f %% %s", counts.line * share, counts.low * share,
                   counts.high * share, 100.0 * blocks / (double)market->order_count,
                   bar->needs_counts ? bench_holds(counts.line * share >= 20 && counts.solved * share >= 20 &&
                                                   counts.low > 0 && counts.high > 0 &&
                                                   10 * blocks >= (int)market->order_count) : "");
        printf("\n%-26s opf %.2f s, bound %.2f s, integer %.2f s, check %.2f s, %d iterations, %zu variables, %zu integers\n",
               "", result->seconds_opf, result->seconds_bound, result->seconds_integer, result->seconds_check,
               (int)result->opf_iterations, result->variable_count, result->integer_count);
    }
    fflush(stdout);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
    return code;
}

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    const char *shared = bench_shared_dir(argc, argv), *only = bench_option(argc, argv, "--only");
    const char *folder = bench_option(argc, argv, "--write");
    bench_print_machine();
    printf("\nclearing; integer program: %s; time: median, whole clearing; violation: worst over tolerance\n\n",
           fg_lp_backend_name(FG_LP_BACKEND_DEFAULT));
    printf("%-26s %-13s %8s %8s %8s %7s %-5s %9s %7s %-5s %9s %6s  %s\n", "market", "status", "cpu s", "wall s", "bar s",
           "ratio", "", "int. gap", "bar", "", "rel. gap", "viol.", "periods in which a limit binds");
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) {
        struct fg_error err = { 0 };
        if (only != NULL && strstr(bars[i].name, only) == NULL)
            continue;
        if (measure(&bars[i], shared, folder, bars[i].seconds < 1 ? 5 : 1, &err) != FG_OK) {
            printf("%-26s %s: %s\n", bars[i].name, err.place, err.text);
            bench_holds(false);
        }
    }
    return bench_failures() > 0;
}
