/* flexgrid clear NETWORK MARKET: the cleared market, with prices, payments and proof that the grid holds. */
#include "cmd/interrupt.h"
#include "cmd/load.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/report.h"
#include "cmd/table.h"
#include "toolkit/dfmct/clear.h"
#include "toolkit/dfmct/market_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct clear_options {
    struct fg_common_options common;
    double time_limit_s, gap_percent;
    bool without_bound, all;
};

static const struct fg_option options_table[] = {
    {"report", 'r', FG_OPTION_TEXT, offsetof(struct clear_options, common.report), "FILE",
     "Write a self-contained HTML report: grid drawing, voltages, prices, limits, orders, payments.", NULL, 0, 0},
    {"time-limit", 0, FG_OPTION_NUMBER, offsetof(struct clear_options, time_limit_s), "SECONDS",
     "Time for the whole clearing (default 60); the best schedule so far is returned.", NULL, 1e-3, 1e9},
    {"gap", 'g', FG_OPTION_NUMBER, offsetof(struct clear_options, gap_percent), "PERCENT",
     "Integer gap at which the search stops (default 0.5).", NULL, 1e-6, 100.0},
    {"no-bound", 0, FG_OPTION_FLAG, offsetof(struct clear_options, without_bound), NULL,
     "Skip the cone relaxation that proves the bound.", NULL, 0, 0},
    {"all", 'a', FG_OPTION_FLAG, offsetof(struct clear_options, all), NULL,
     "Show every limit and order instead of the most important ones.", NULL, 0, 0},
    FG_OPTION_CSV(clear_options),
    FG_OPTION_COMMON(clear_options),
};

static void show_step(void *user, const char *stage, double fraction)
{
    fg_progress_show(user, false, "%3.0f %%  %s", 100.0 * fraction, stage);
}

static void show_headline(const struct fg_clear_result *result, bool has_colour, struct fg_text *text)
{
    static const enum fg_tone tones[] = {FG_TONE_GOOD, FG_TONE_WARN, FG_TONE_BAD};
    const char *currency = result->market->currency;
    size_t before = 0, after = 0, accepted = 0;
    for (size_t i = 0; i < result->limit_count; i++) {
        before += result->limits[i].violation_before > 0.0;
        after += result->limits[i].violation_after > 0.0;
    }
    for (size_t i = 0; result->settlement.orders != NULL && i < result->market->order_count; i++)
        accepted += result->settlement.orders[i].energy.ws != 0;
    fg_text_printf(text, "Market ");
    fg_terminal_put(text, result->market->id, 40);
    fg_text_printf(text, ": %s%s%s in %.2f s\n", fg_terminal_tone(tones[result->status], has_colour),
                   fg_clear_status_word(result->status), fg_terminal_reset(tones[result->status], has_colour),
                   result->seconds);
    if (result->explanation[0] != '\0') {
        fg_terminal_put(text, result->explanation, -1);
        fg_text_puts(text, "\n");
    }
    if (result->status == FG_CLEAR_FAILED)
        return;
    fg_text_printf(text, "%d periods, %zu of %zu orders accepted; violated limits: %zu before, %zu after\n",
                   result->market->period_count, accepted, result->market->order_count, before, after);
    fg_text_printf(text, "Welfare %.2f %s (requests %.2f, offers %.2f, import %.2f, violations %.2f)\n",
                   result->welfare, currency, result->request_value, result->offer_cost, result->import_cost,
                   result->violation_cost);
    if (result->not_served != NULL)
        fg_text_printf(text, "Not served: %.3f MWh\n", fg_clear_not_served_mwh(result));
    if (isfinite(result->bound))
        fg_text_printf(text, "Proven gap %.3f %% (integer %.3f %%, relaxation %.3f %%)\n", 100.0 * result->gap,
                       100.0 * result->integer_gap, 100.0 * result->relaxation_gap);
}

/* The same limit in several periods is one row. */
struct limit_row {
    const struct fg_clear_limit *first;
    size_t before, after;
    double worst_before, worst_after, cost, remaining_cost;
};

static int by_element(const void *a, const void *b)
{
    const struct limit_row *x = a, *y = b;
    if (x->first->kind != y->first->kind)
        return x->first->kind < y->first->kind ? -1 : 1;
    return x->first->element < y->first->element ? -1 : x->first->element > y->first->element;
}

static int by_importance(const void *a, const void *b)
{
    const struct limit_row *x = a, *y = b;
    if (x->after != y->after)
        return x->after > y->after ? -1 : 1;
    if (x->before != y->before)
        return x->before > y->before ? -1 : 1;
    return by_element(a, b);
}

static size_t merge_limits(const struct fg_clear_result *result, struct limit_row *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < result->limit_count; i++) {
        const struct fg_clear_limit *limit = &result->limits[i];
        rows[i] = (struct limit_row){limit, limit->violation_before > 0.0, limit->violation_after > 0.0,
                                     limit->violation_before, limit->violation_after, limit->cost,
                                     limit->remaining_cost};
    }
    qsort(rows, result->limit_count, sizeof *rows, by_element);
    for (size_t i = 0; i < result->limit_count; i++) {
        if (count == 0 || by_element(&rows[count - 1], &rows[i]) != 0) {
            rows[count++] = rows[i];
            continue;
        }
        struct limit_row *row = &rows[count - 1];
        row->before += rows[i].before;
        row->after += rows[i].after;
        row->worst_before = fmax(row->worst_before, rows[i].worst_before);
        row->worst_after = fmax(row->worst_after, rows[i].worst_after);
        row->cost += rows[i].cost;
        row->remaining_cost += rows[i].remaining_cost;
    }
    qsort(rows, count, sizeof *rows, by_importance);
    return count;
}

static enum fg_code show_limits(const struct fg_clear_result *result, size_t most, int width, bool has_colour,
                                struct fg_text *text, struct fg_error *err)
{
    struct limit_row *rows = fg_alloc(result->limit_count + 1, sizeof *rows);
    if (rows == NULL)
        return fg_fail_memory(err);
    size_t count = merge_limits(result, rows);
    struct fg_table table;
    fg_table_init(&table, 8, (const char *const[]){"<limit", "<element", "before", "worst", "after", "worst", "cost", "left"});
    for (size_t i = 0; i < count && i < most; i++) {
        int decimals = rows[i].first->kind <= FG_CLEAR_LIMIT_VOLTAGE_HIGH ? 4 : 3;
        fg_table_text(&table, fg_clear_limit_word(rows[i].first->kind));
        fg_table_text(&table, fg_clear_limit_element(result->network, rows[i].first));
        fg_table_printf(&table, FG_TONE_PLAIN, "%zu", rows[i].before);
        fg_table_number(&table, decimals, rows[i].worst_before);
        fg_table_printf(&table, rows[i].after > 0 ? FG_TONE_BAD : FG_TONE_GOOD, "%zu", rows[i].after);
        fg_table_number(&table, decimals, rows[i].worst_after);
        fg_table_number(&table, 2, rows[i].cost);
        fg_table_number(&table, 2, rows[i].remaining_cost);
    }
    if (count > 0) {
        fg_text_puts(text, "\nLimits: periods in violation and worst size (p.u., MVA, MW), cost of holding, cost left\n");
        fg_table_put(&table, width, has_colour, text);
        if (count > most)
            fg_text_printf(text, "... %zu more; --all shows them\n", count - most);
    }
    fg_table_release(&table);
    fg_free(rows);
    return FG_OK;
}

static void put_cost(struct fg_text *text, double cost, const char *currency)
{
    if (isfinite(cost))
        fg_text_printf(text, "%.2f %s", cost, currency);
    else
        fg_text_puts(text, "not known (no power flow)");
}

static void show_taps(const struct fg_clear_result *result, int width, bool has_colour, struct fg_text *text)
{
    const struct fg_market *market = result->market;
    const struct fg_chart_time time = {market->start_s, market->period_s, market->period_count};
    struct fg_table table;
    if (market->controllable_tap_count == 0)
        return;
    fg_table_init(&table, 5, (const char *const[]){"<tap", "range", "network", "steps", "<positions"});
    for (size_t k = 0; k < market->controllable_tap_count; k++) {
        int32_t branch = fg_network_find_branch(result->network, market->controllable_taps[k].branch);
        const struct fg_tap_changer *tap = &result->network->branches[branch].tap;
        struct fg_text runs;
        fg_text_init(&runs);
        fg_report_put_tap_runs(result, &time, branch, &runs);
        fg_table_text(&table, market->controllable_taps[k].branch);
        fg_table_printf(&table, FG_TONE_PLAIN, "%d..%d", (int)tap->minimum, (int)tap->maximum);
        fg_table_printf(&table, FG_TONE_PLAIN, "%d", (int)tap->position);
        fg_table_printf(&table, FG_TONE_PLAIN, "%lld", (long long)fg_clear_tap_steps(result, branch));
        fg_table_text(&table, runs.failed ? "" : runs.data);
        fg_text_release(&runs);
    }
    fg_text_puts(text, "\nTaps moved by the operator before orders: cost of the baseline ");
    put_cost(text, result->baseline_cost, market->currency);
    fg_text_puts(text, ", with them ");
    put_cost(text, result->cost_with_taps, market->currency);
    fg_text_puts(text, "\n");
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

struct order_row {
    size_t index;
    double key;
};

static int by_key(const void *a, const void *b)
{
    const struct order_row *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static enum fg_code show_orders(const struct fg_clear_result *result, size_t most, int width, bool has_colour,
                                struct fg_text *text, struct fg_error *err)
{
    const struct fg_market *market = result->market;
    if (result->settlement.orders == NULL)
        return FG_OK;
    struct order_row *rows = fg_alloc(market->order_count + 1, sizeof *rows);
    if (rows == NULL)
        return fg_fail_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < market->order_count; i++)
        if (result->settlement.orders[i].energy.ws != 0)
            rows[count++] = (struct order_row){i, fabs(fg_units(result->settlement.orders[i].settled))};
    qsort(rows, count, sizeof *rows, by_key);
    struct fg_table table;
    fg_table_init(&table, 8,
                  (const char *const[]){"<order", "<participant", "<kind", "<product", "<where", "MWh", "%", "settled"});
    for (size_t r = 0; r < count && r < most; r++) {
        const struct fg_order *order = &market->orders[rows[r].index];
        const struct fg_order_settlement *outcome = &result->settlement.orders[rows[r].index];
        fg_table_text(&table, order->id);
        fg_table_text(&table, market->participants[order->participant].id);
        fg_table_printf(&table, FG_TONE_PLAIN, "%s %s",
                        order->side == FG_SIDE_SELL        ? "offer"
                        : order->kind == FG_REQUEST_NEED ? "need"
                                                         : "exchange",
                        fg_regulation_words[order->regulation]);
        fg_table_text(&table, fg_product_words[order->product]);
        fg_table_text(&table, order->zone >= 0 ? market->zones[order->zone].id : order->location);
        fg_table_number(&table, 3, (double)outcome->energy.ws / 3.6e9);
        fg_table_number(&table, 0, 100.0 * result->fraction[rows[r].index]);
        fg_table_number(&table, 2, fg_units(outcome->settled) + fg_units(outcome->make_whole));
    }
    if (count > 0) {
        fg_text_printf(text, "\nAccepted orders by money (%zu of %zu); settled with make-whole, + receives\n",
                       count < most ? count : most, count);
        fg_table_put(&table, width, has_colour, text);
    }
    fg_table_release(&table);
    fg_free(rows);
    return FG_OK;
}

static void show_prices(const struct fg_clear_result *result, int width, bool has_colour, struct fg_text *text)
{
    const size_t buses = result->network->bus_count;
    if (result->price_p == NULL)
        return;
    struct fg_table table;
    fg_table_init(&table, 6,
                  (const char *const[]){"<from", "at slack", "lowest", "<at bus", "highest", "<at bus"});
    const struct fg_chart_time time = {result->market->start_s, result->market->period_s, result->market->period_count};
    int32_t step = result->market->period_count / 12 > 0 ? result->market->period_count / 12 : 1;
    for (int32_t t = 0; t < result->market->period_count; t += step) {
        const struct fg_clear_price *prices = &result->price_p[(size_t)t * buses];
        int32_t low = -1, high = -1;
        for (size_t b = 0; b < buses; b++) {
            if (!isfinite(prices[b].total))
                continue;
            low = low < 0 || prices[b].total < prices[low].total ? (int32_t)b : low;
            high = high < 0 || prices[b].total > prices[high].total ? (int32_t)b : high;
        }
        if (low < 0)
            continue;
        char label[24];
        fg_chart_time_label(&time, t, label);
        fg_table_text(&table, label);
        fg_table_number(&table, 2, prices[low].part[FG_PART_ENERGY]);
        fg_table_number(&table, 2, prices[low].total);
        fg_table_text(&table, result->network->buses[low].id);
        fg_table_number(&table, 2, prices[high].total);
        fg_table_text(&table, result->network->buses[high].id);
    }
    fg_text_printf(text, "\nNodal prices of active power, %s/MWh\n", result->market->currency);
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

static double balance_of(const struct fg_clear_result *result, enum fg_account account, int32_t participant)
{
    struct fg_money money;
    return fg_settlement_balance(&result->settlement, account, participant, &money, NULL) == FG_OK ? fg_units(money) : NAN;
}

static void show_payments(const struct fg_clear_result *result, int width, bool has_colour, struct fg_text *text)
{
    struct fg_table table;
    fg_table_init(&table, 2, (const char *const[]){"<account", "balance"});
    for (size_t p = 0; p < result->market->participant_count; p++) {
        fg_table_text(&table, result->market->participants[p].id);
        fg_table_number(&table, 2, balance_of(result, FG_ACCOUNT_PARTICIPANT, (int32_t)p));
    }
    for (int account = 0; account < FG_ACCOUNT_COUNT; account++) {
        double balance = account == FG_ACCOUNT_PARTICIPANT ? 0.0 : balance_of(result, (enum fg_account)account, -1);
        if (balance == 0.0)
            continue;
        fg_table_text_tone(&table, FG_TONE_DIM, fg_account_words[account]);
        fg_table_number_tone(&table, FG_TONE_DIM, 2, balance);
    }
    fg_text_printf(text, "\nPayments, %s (+ receives)\n", result->market->currency);
    fg_table_put(&table, width, has_colour, text);
    fg_table_release(&table);
}

static enum fg_code show(const struct fg_clear_result *result, bool all, struct fg_text *text, struct fg_error *err)
{
    int width = fg_terminal_width(stdout);
    bool has_colour = fg_terminal_has_colour(stdout);
    show_headline(result, has_colour, text);
    if (result->status == FG_CLEAR_FAILED)
        return FG_OK;
    show_taps(result, width, has_colour, text);
    enum fg_code code = show_limits(result, all ? SIZE_MAX : 15, width, has_colour, text, err);
    if (code == FG_OK)
        code = show_orders(result, all ? SIZE_MAX : 15, width, has_colour, text, err);
    if (code == FG_OK) {
        show_prices(result, width, has_colour, text);
        show_payments(result, width, has_colour, text);
    }
    return code;
}

static enum fg_code write_csv(const struct fg_clear_result *result, const char *folder, struct fg_error *err)
{
    static const char *const tables[] = {"orders", "prices", "limits", "postings", "rejected", "taps"};
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == FG_OK; i++) {
        struct fg_text text;
        char name[32];
        snprintf(name, sizeof name, "%s.csv", tables[i]);
        fg_text_init(&text);
        code = fg_clear_result_csv(result, tables[i], &text, err);
        if (code == FG_OK)
            code = fg_output_csv(folder, name, &text, err);
        fg_text_release(&text);
    }
    return code;
}

static enum fg_code write_report(const struct fg_clear_result *result, const char *path,
                                 const struct fg_report_source *source, struct fg_error *err)
{
    struct fg_text page;
    fg_text_init(&page);
    enum fg_code code = fg_report_clear(result, source, &page, err);
    if (code == FG_OK)
        code = fg_output_file(path, &page, err);
    fg_text_release(&page);
    return code;
}

static enum fg_exit status_exit(const struct clear_options *options, const struct fg_clear_result *result)
{
    if (fg_interrupt_seen())
        return FG_EXIT_INTERRUPTED;
    if (result->status == FG_CLEAR_CLEARED)
        return FG_EXIT_OK;
    double limit_s = options->time_limit_s > 0.0 ? options->time_limit_s : fg_clear_defaults().time_limit_s;
    return result->seconds >= limit_s ? FG_EXIT_LIMIT : FG_EXIT_UNSOLVED;
}

static enum fg_exit write_results(const struct clear_options *options, const struct fg_clear_result *result,
                                  char **operands)
{
    struct fg_error err = {0};
    struct fg_text document, tables;
    const struct fg_report_source source = {operands[0], operands[1]};
    fg_text_init(&document);
    fg_text_init(&tables);
    enum fg_code code = fg_clear_result_json(result, &document, &err);
    if (code == FG_OK && options->common.csv != NULL)
        code = write_csv(result, options->common.csv, &err);
    if (code == FG_OK && options->common.report != NULL)
        code = write_report(result, options->common.report, &source, &err);
    if (code == FG_OK && !options->common.json && !options->common.quiet)
        code = show(result, options->all, &tables, &err);
    enum fg_exit status = code == FG_OK ? fg_output_finish(&options->common, &document, &tables)
                                        : fg_command_fail_output(&err);
    fg_text_release(&document);
    fg_text_release(&tables);
    return status != FG_EXIT_OK ? status : status_exit(options, result);
}

static enum fg_exit run(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct clear_options *options = given;
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    struct fg_market *market = NULL;
    struct fg_clear_result *result = NULL;
    enum fg_exit status = fg_load_network(operands[0], NULL, options->common.quiet, &network);
    if (status != FG_EXIT_OK)
        return status;
    enum fg_code code = fg_market_read(operands[1], &market, &err);
    if (code == FG_OK) {
        struct fg_progress progress;
        struct fg_clear_options settings = fg_clear_defaults();
        if (options->time_limit_s > 0.0)
            settings.time_limit_s = options->time_limit_s;
        if (options->gap_percent > 0.0)
            settings.gap_target = options->gap_percent / 100.0;
        settings.without_bound = options->without_bound;
        fg_progress_begin(&progress, options->common.quiet);
        settings.progress = show_step;
        settings.progress_user = &progress;
        settings.interrupt = fg_interrupt_begin();
        code = fg_clear(network, market, &settings, &result, &err);
        fg_interrupt_end();
        fg_progress_end(&progress);
    }
    status = code == FG_OK ? write_results(options, result, operands) : fg_command_fail(&err);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
    return status;
}

const struct fg_command fg_command_clear = {
    .name = "clear",
    .operands = "NETWORK MARKET",
    .operand_min = 2,
    .operand_max = 2,
    .summary = "clear a flexibility market so that the grid holds",
    .description = "Clears an auction of flexibility: accepts offers and requests at the least cost at which every "
                   "voltage and rating of the grid holds, prices active and reactive energy at every bus, settles, and "
                   "checks the rounded schedule by an independent power flow. MARKET is a JSON file or a folder of CSV "
                   "tables (docs/market-format.md). Exit code 0 when cleared, 4 when limits remain violated or nothing "
                   "could be computed; the least-violating schedule is written either way.",
    .examples = "  flexgrid clear examples/cigre_mv/network.json \\\n"
                "      examples/cigre_mv/market.json --report day.html\n"
                "  flexgrid clear grid.m market/ --json | jq '.status, .welfare'\n"
                "  flexgrid clear grid.json market.json --output result.json --csv tables/\n"
                "  flexgrid clear grid.json market.json --gap 0.1 --time-limit 30\n",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_size_bytes = sizeof(struct clear_options),
    .run = run,
};
