/* Tables of the report: limits, orders, payments, certificate, import report. */
#include "cmd/html.h"
#include "cmd/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 2000 };

static double energy_mwh(struct fg_energy energy)
{
    return (double)energy.ws / 3.6e9;
}

static const char *limit_name(enum fg_clear_limit_kind kind)
{
    static const char *const names[FG_CLEAR_LIMIT_KINDS] = {
        "voltage at least", "voltage at most", "branch rating", "substation active power",
        "substation reactive power", "load not served"};
    return names[kind];
}

static const char *limit_unit(enum fg_clear_limit_kind kind)
{
    static const char *const units[FG_CLEAR_LIMIT_KINDS] = {"p.u.", "p.u.", "MVA", "MW", "Mvar", "MW"};
    return units[kind];
}

/* One limit over all its periods. */
struct limit_sum {
    const struct fg_clear_limit *first;
    size_t before_count, after_count;
    double worst_before, worst_after; /* violation */
    double shadow_price, cost, remaining_cost;
};

static int by_element(const void *a, const void *b)
{
    const struct fg_clear_limit *x = *(const struct fg_clear_limit *const *)a;
    const struct fg_clear_limit *y = *(const struct fg_clear_limit *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->element != y->element)
        return x->element < y->element ? -1 : 1;
    return x->period < y->period ? -1 : x->period > y->period;
}

static int by_importance(const void *a, const void *b)
{
    const struct limit_sum *x = a, *y = b;
    if (x->after_count != y->after_count)
        return x->after_count > y->after_count ? -1 : 1;
    if (x->before_count != y->before_count)
        return x->before_count > y->before_count ? -1 : 1;
    return by_element(&x->first, &y->first);
}

static void put_limit_row(const struct fg_report_model *model, const struct limit_sum *sum, struct fg_text *text)
{
    int decimals = sum->first->kind <= FG_CLEAR_LIMIT_VOLTAGE_HIGH ? 4 : 3;
    fg_text_puts(text, "<tr>");
    fg_html_cell(text, limit_name(sum->first->kind));
    fg_html_cell(text, fg_clear_limit_element(model->network, sum->first));
    fg_html_cell_number(text, decimals, sum->first->limit);
    fg_html_cell(text, limit_unit(sum->first->kind));
    fg_html_cell_number(text, 0, (double)sum->before_count);
    fg_html_cell_number(text, decimals, sum->worst_before);
    fg_text_puts(text, sum->after_count > 0 ? "<td class=\"n bad\">" : "<td class=\"n good\">");
    fg_html_number(text, 0, (double)sum->after_count);
    fg_text_puts(text, "</td>");
    fg_html_cell_number(text, decimals, sum->worst_after);
    fg_html_cell_number(text, 2, sum->shadow_price);
    fg_html_cell_number(text, 2, sum->cost);
    fg_html_cell_number(text, 2, sum->remaining_cost);
    fg_text_puts(text, "</tr>\n");
}

static enum fg_code put_limits(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    static const char *const titles[] = {"<limit",        "<element", "value", "<unit",           "periods before",
                                         "worst before",  "periods after", "worst after", "highest price", "cost of holding",
                                         "cost left"};
    const struct fg_clear_result *result = model->result;
    fg_text_puts(text, "<section id=\"limits\"><h2>Limits</h2>\n");
    if (result->limit_count == 0) {
        fg_text_puts(text, "<p>No limit is violated or binding, before or after.</p></section>\n");
        return FG_OK;
    }
    const struct fg_clear_limit **sorted = fg_arena_alloc(&model->arena, result->limit_count, sizeof *sorted);
    struct limit_sum *sums = fg_arena_alloc(&model->arena, result->limit_count, sizeof *sums);
    if (sorted == NULL || sums == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < result->limit_count; i++)
        sorted[i] = &result->limits[i];
    qsort(sorted, result->limit_count, sizeof *sorted, by_element);
    size_t count = 0;
    for (size_t i = 0; i < result->limit_count; i++) {
        const struct fg_clear_limit *limit = sorted[i];
        if (count == 0 || sums[count - 1].first->kind != limit->kind || sums[count - 1].first->element != limit->element)
            sums[count++].first = limit;
        struct limit_sum *sum = &sums[count - 1];
        sum->before_count += limit->violation_before > 0.0;
        sum->after_count += limit->violation_after > 0.0;
        sum->worst_before = fmax(sum->worst_before, limit->violation_before);
        sum->worst_after = fmax(sum->worst_after, limit->violation_after);
        sum->shadow_price = fmax(sum->shadow_price, limit->shadow_price);
        sum->cost += limit->cost;
        sum->remaining_cost += limit->remaining_cost;
    }
    qsort(sums, count, sizeof *sums, by_importance);
    fg_text_printf(text,
                   "<p class=\"note\">Every limit that was violated before, is violated after, or binds: periods in which it is "
                   "violated, the largest violation, the highest price of the limit per unit and hour, what holding it "
                   "costs over all periods, and what violations that remain cost at scarcity prices, in ");
    fg_html_put(text, model->market->currency);
    fg_text_puts(text, ".</p>\n");
    fg_html_table_begin(text, sizeof titles / sizeof titles[0], titles);
    size_t shown = count < ROWS_MAX ? count : ROWS_MAX;
    for (size_t i = 0; i < shown; i++)
        put_limit_row(model, &sums[i], text);
    fg_html_table_end(text);
    if (shown < count)
        fg_text_printf(text, "<p class=\"note\">%zu more are in the JSON document.</p>\n", count - shown);
    fg_text_puts(text, "</section>\n");
    return FG_OK;
}

void fg_report_put_tap_runs(const struct fg_clear_result *result, const struct fg_chart_time *time, int32_t branch,
                            struct fg_text *text)
{
    for (int32_t t = 0; t < time->count; t++) {
        char label[24];
        int32_t position = fg_clear_tap_position(result, branch, t);
        if (t > 0 && position == fg_clear_tap_position(result, branch, t - 1))
            continue;
        fg_chart_time_label(time, t, label);
        if (t == 0)
            fg_text_printf(text, "%d", (int)position);
        else
            fg_text_printf(text, ", %d from %s", (int)position, label);
    }
}

static void put_taps(const struct fg_report_model *model, struct fg_text *text)
{
    static const char *const titles[] = {"<branch", "lowest", "highest", "in the network", "steps", "<positions"};
    const struct fg_clear_result *result = model->result;
    const struct fg_market *market = model->market;
    if (market->controllable_tap_count == 0)
        return;
    fg_text_puts(text, "<section id=\"taps\"><h2>Taps</h2>\n<p class=\"note\">The operator's own measure, before orders: "
                       "positions at which the violations of the baseline cost least, with the fewest steps. Cost of the "
                       "baseline without it ");
    fg_html_number(text, 2, result->baseline_cost);
    fg_text_puts(text, ", with it ");
    fg_html_number(text, 2, result->cost_with_taps);
    fg_text_puts(text, " ");
    fg_html_put(text, market->currency);
    fg_text_puts(text, ".</p>\n");
    fg_html_table_begin(text, sizeof titles / sizeof titles[0], titles);
    for (size_t k = 0; k < market->controllable_tap_count && k < ROWS_MAX; k++) {
        int32_t branch = fg_network_find_branch(model->network, market->controllable_taps[k].branch);
        const struct fg_tap_changer *tap = &model->network->branches[branch].tap;
        fg_text_puts(text, "<tr>");
        fg_html_cell(text, market->controllable_taps[k].branch);
        fg_html_cell_number(text, 0, tap->minimum < tap->maximum ? tap->minimum : tap->maximum);
        fg_html_cell_number(text, 0, tap->minimum < tap->maximum ? tap->maximum : tap->minimum);
        fg_html_cell_number(text, 0, tap->position);
        fg_html_cell_number(text, 0, (double)fg_clear_tap_steps(result, branch));
        fg_text_puts(text, "<td>");
        fg_report_put_tap_runs(result, &model->time, branch, text);
        fg_text_puts(text, "</td></tr>\n");
    }
    fg_html_table_end(text);
    fg_text_puts(text, "</section>\n");
}

static const char *order_location(const struct fg_market *market, const struct fg_order *order)
{
    return order->location_kind == FG_LOCATION_ZONE && order->zone >= 0 ? market->zones[order->zone].id
                                                                        : order->location;
}

static void put_order_periods(const struct fg_report_model *model, const struct fg_order *order, struct fg_text *text)
{
    char from[24], to[24];
    fg_chart_time_label(&model->time, order->first_period, from);
    fg_chart_time_label(&model->time, order->first_period + order->period_count, to);
    fg_text_printf(text, "<td>%s–%s</td>", from, to);
}

/* Why an order is not accepted, in words; `rejected` holds those that the prices would have paid. */
static const char *order_reason(const struct fg_report_model *model, size_t index, const int32_t *paradox)
{
    const struct fg_order *order = &model->market->orders[index];
    if (paradox[index] >= 0)
        return model->result->rejected[paradox[index]].reason;
    if (order->side == FG_SIDE_SELL)
        return "dearer than what it would relieve";
    if (order->location_kind == FG_LOCATION_BRANCH_LIMIT || order->location_kind == FG_LOCATION_VOLTAGE_LIMIT)
        return "limit holds, nothing to pay for";
    return "bid below the cost of serving it";
}

static void put_order_row(const struct fg_report_model *model, size_t index, const int32_t *paradox,
                          struct fg_text *text)
{
    const struct fg_market *market = model->market;
    const struct fg_order *order = &market->orders[index];
    const struct fg_order_settlement *outcome = &model->result->settlement.orders[index];
    const double fraction = model->result->fraction[index];
    bool is_accepted = outcome->energy.ws != 0;
    fg_text_puts(text, is_accepted ? "<tr>" : "<tr class=\"dim\">");
    fg_html_cell(text, order->id);
    fg_html_cell_class(text, "wrap",
                       is_accepted ? (fraction > 0.9995 ? "accepted" : "accepted in part")
                                   : order_reason(model, index, paradox));
    fg_html_cell(text, market->participants[order->participant].id);
    fg_html_cell(text, order->side == FG_SIDE_SELL ? "offer" : order->kind == FG_REQUEST_NEED ? "need" : "exchange");
    fg_html_cell(text, fg_product_words[order->product]);
    fg_html_cell(text, fg_regulation_words[order->regulation]);
    fg_html_cell(text, order_location(market, order));
    put_order_periods(model, order, text);
    fg_html_cell_number(text, 2, fg_per_mwh(order->points[0].price));
    fg_html_cell_number(text, 3, energy_mwh(outcome->energy));
    fg_html_cell_number(text, 0, 100.0 * fraction);
    fg_html_cell_number(text, 2, fg_units(outcome->settled));
    fg_html_cell_number(text, 2, fg_units(outcome->make_whole));
    fg_html_cell(text, order->min_fraction_u == FG_FRACTION_ONE ? (order->block ? "block, all or none" : "all or none")
                       : order->block                           ? "block"
                                                                : "");
    fg_text_puts(text, "</tr>\n");
}

static enum fg_code put_orders(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    static const char *const titles[] = {"<order",      "<outcome",   "<participant", "<kind", "<product",
                                         "<regulation", "<where",     "<when",        "price",  "accepted MWh",
                                         "%",           "settled",    "make-whole",   "<conditions"};
    const struct fg_clear_result *result = model->result;
    const size_t count = model->market->order_count;
    fg_text_puts(text, "<section id=\"orders\"><h2>Orders</h2>\n");
    if (result->settlement.orders == NULL || count == 0) {
        fg_text_puts(text, "<p>No orders.</p></section>\n");
        return FG_OK;
    }
    int32_t *paradox = fg_arena_alloc(&model->arena, count, sizeof *paradox);
    if (paradox == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        paradox[i] = -1;
    for (size_t i = 0; i < result->rejected_count; i++)
        paradox[result->rejected[i].order] = (int32_t)i;
    fg_text_puts(text, "<p class=\"note\">Accepted orders first. Energy in MWh (Mvarh, MVAh and p.u.·h for requests that cover a "
                       "limit). Settled: positive is received, negative is paid, in ");
    fg_html_put(text, model->market->currency);
    fg_text_puts(text, ".</p>\n");
    fg_html_table_begin(text, sizeof titles / sizeof titles[0], titles);
    size_t shown = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++)
            if ((result->settlement.orders[i].energy.ws != 0) == (pass == 0) && shown < ROWS_MAX) {
                put_order_row(model, i, paradox, text);
                shown++;
            }
    fg_html_table_end(text);
    if (shown < count)
        fg_text_printf(text, "<p class=\"note\">%zu more are in the JSON document.</p>\n", count - shown);
    fg_text_puts(text, "</section>\n");
    return FG_OK;
}

/* Balance in micro-units; 0 when it does not fit, which settling has ruled out. */
static int64_t balance_u(const struct fg_report_model *model, enum fg_account account, int32_t participant)
{
    struct fg_money money;
    return fg_settlement_balance(&model->result->settlement, account, participant, &money, NULL) == FG_OK ? money.u : 0;
}

static void put_account(struct fg_text *text, const char *name, int64_t balance)
{
    fg_text_puts(text, "<tr>");
    fg_html_cell(text, name);
    fg_html_cell_number(text, 2, (double)balance / 1e6);
    fg_text_puts(text, "</tr>\n");
}

static void put_accounts(const struct fg_report_model *model, struct fg_text *text)
{
    static const char *const titles[] = {"<account", "balance"};
    static const char *const names[FG_ACCOUNT_COUNT] = {
        "participant", "market (passes on)", "supplier at the slack", "congestion and voltage rent",
        "losses beyond the marginal ones", "make-whole", "pricing difference", "rounding"};
    int64_t total = 0;
    fg_html_table_begin(text, 2, titles);
    for (size_t p = 0; p < model->market->participant_count; p++) {
        const struct fg_participant *participant = &model->market->participants[p];
        int64_t balance = balance_u(model, FG_ACCOUNT_PARTICIPANT, (int32_t)p);
        total += balance;
        put_account(text, participant->name != NULL ? participant->name : participant->id, balance);
    }
    for (int account = 0; account < FG_ACCOUNT_COUNT; account++) {
        if (account == FG_ACCOUNT_PARTICIPANT)
            continue;
        int64_t balance = balance_u(model, (enum fg_account)account, -1);
        total += balance;
        put_account(text, names[account], balance);
    }
    fg_text_puts(text, "<tr class=\"total\"><td>sum of all accounts</td>");
    fg_html_cell_number(text, 6, (double)total / 1e6);
    fg_text_puts(text, "</tr>\n");
    fg_html_table_end(text);
}

static void put_payments(const struct fg_report_model *model, struct fg_text *text)
{
    fg_text_puts(text, "<section id=\"payments\"><h2>Payments</h2>\n<p class=\"note\">Balances of the double-entry ledger "
                       "in ");
    fg_html_put(text, model->market->currency);
    fg_text_printf(text, ": positive is received. %zu postings; the sum of all accounts is zero.</p>\n",
                   model->result->settlement.posting_count);
    put_accounts(model, text);
    fg_text_puts(text, "</section>\n");
}

static void put_fact(struct fg_text *text, const char *name, int decimals, double value, const char *unit)
{
    fg_text_puts(text, "<tr>");
    fg_html_cell(text, name);
    fg_text_puts(text, "<td class=\"n\">");
    fg_html_number(text, decimals, value);
    fg_text_puts(text, "</td>");
    fg_html_cell(text, unit);
    fg_text_puts(text, "</tr>\n");
}

static void put_certificate(const struct fg_report_model *model, struct fg_text *text)
{
    static const char *const titles[] = {"<quantity", "value", "<unit"};
    const struct fg_clear_result *result = model->result;
    const char *currency = model->market->currency;
    fg_text_puts(text, "<section id=\"certificate\"><h2>Certificate</h2>\n<p class=\"note\">The schedule is rounded to the "
                       "tick first; a power flow that shares no code with the solver then checks it. The bound holds for "
                       "every schedule that the rules of the market allow.</p>\n");
    fg_html_table_begin(text, 3, titles);
    put_fact(text, "Cost of the schedule", 4, result->cost, currency);
    put_fact(text, "of which offers", 4, result->offer_cost, currency);
    put_fact(text, "of which import", 4, result->import_cost, currency);
    put_fact(text, "of which violations", 4, result->violation_cost, currency);
    put_fact(text, "less value of requests", 4, result->request_value, currency);
    put_fact(text, "Cost recomputed from the power flow", 4, result->published_cost, currency);
    put_fact(text, "Lower bound of the cost", 4, result->bound, currency);
    put_fact(text, "Gap", 4, 100.0 * result->gap, "%");
    put_fact(text, "of which integer decisions", 4, 100.0 * result->integer_gap, "%");
    put_fact(text, "of which relaxation", 4, 100.0 * result->relaxation_gap, "%");
    put_fact(text, "Cost when nothing is accepted", 4, result->baseline_cost, currency);
    if (model->market->controllable_tap_count > 0)
        put_fact(text, "Cost when only taps move", 4, result->cost_with_taps, currency);
    put_fact(text, "Largest violation after rounding", 6, result->max_violation, "p.u. or share of the rating");
    put_fact(text, "Variables", 0, (double)result->variable_count, "");
    put_fact(text, "Rows", 0, (double)result->row_count, "");
    put_fact(text, "Integer decisions", 0, (double)result->integer_count, "");
    put_fact(text, "Interior-point iterations", 0, result->opf_iterations, "");
    put_fact(text, "Rounds of the integer search", 0, result->integer_rounds, "");
    put_fact(text, "Time, optimal power flow", 3, result->seconds_opf, "s");
    put_fact(text, "Time, bound", 3, result->seconds_bound, "s");
    put_fact(text, "Time, integer decisions", 3, result->seconds_integer, "s");
    put_fact(text, "Time, check", 3, result->seconds_check, "s");
    put_fact(text, "Time, all", 3, result->seconds, "s");
    fg_html_table_end(text);
    fg_text_puts(text, "</section>\n");
}

static void put_notes(const struct fg_report_model *model, struct fg_text *text)
{
    static const char *const titles[] = {"<kind", "<place", "<what", "count"};
    static const char *const kinds[] = {"ignored", "defaulted", "converted", "warning"};
    const struct fg_network *network = model->network;
    fg_text_puts(text, "<section id=\"import\"><h2>Import report</h2>\n");
    if (network->note_count == 0) {
        fg_text_puts(text, "<p>Nothing of the network file was ignored, defaulted or converted.</p></section>\n");
        return;
    }
    fg_html_table_begin(text, 4, titles);
    for (size_t i = 0; i < network->note_count && i < ROWS_MAX; i++) {
        const struct fg_note *note = &network->notes[i];
        fg_text_puts(text, "<tr>");
        fg_html_cell(text, kinds[note->kind]);
        fg_html_cell(text, note->place);
        fg_html_cell(text, note->text);
        fg_html_cell_number(text, 0, (double)note->count);
        fg_text_puts(text, "</tr>\n");
    }
    fg_html_table_end(text);
    fg_text_puts(text, "</section>\n");
}

enum fg_code fg_report_put_tables(struct fg_report_model *model, struct fg_text *text, struct fg_error *err)
{
    put_taps(model, text);
    enum fg_code code = put_limits(model, text, err);
    if (code == FG_OK)
        code = put_orders(model, text, err);
    if (code != FG_OK)
        return code;
    put_payments(model, text);
    put_certificate(model, text);
    put_notes(model, text);
    return FG_OK;
}
