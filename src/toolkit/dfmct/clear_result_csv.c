/* Results as CSV, one table a call; the same numbers and words as in the JSON document. */
#include "toolkit/dfmct/clear.h"

#include "base/csv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_decimal(struct fg_text *text, int64_t micro, int is_last)
{
    char buffer[FG_DECIMAL_MAX];
    fg_csv_put(text, fg_decimal_format(micro, 6, 0, buffer), is_last);
}

static void put_number(struct fg_text *text, double value, int is_last)
{
    if (isfinite(value))
        fg_text_number(text, value);
    fg_text_puts(text, is_last ? "\n" : ",");
}

static void put_index(struct fg_text *text, int32_t value, int is_last)
{
    fg_text_printf(text, "%d%s", (int)value, is_last ? "\n" : ",");
}

static void put_orders(const struct fg_clear_result *result, struct fg_text *text)
{
    const struct fg_market *market = result->market;
    fg_text_puts(text, "order,participant,side,product,regulation,period,quantity_mw,accepted_mw,fraction,limit,settled,"
                       "make_whole\n");
    for (size_t o = 0; o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        const struct fg_order_settlement *money = &result->settlement.orders[o];
        for (int32_t k = 0; k < order->period_count; k++) {
            fg_csv_put(text, order->id, 0);
            fg_csv_put(text, market->participants[order->participant].id, 0);
            fg_csv_put(text, fg_side_words[order->side], 0);
            fg_csv_put(text, fg_product_words[order->product], 0);
            fg_csv_put(text, fg_regulation_words[order->regulation], 0);
            put_index(text, order->first_period + k, 0);
            put_decimal(text, order->quantity[k].w, 0);
            put_decimal(text, result->accepted[order->offset + (size_t)k].w, 0);
            put_number(text, result->fraction[o], 0);
            /* money is the whole order's: on its first row */
            put_decimal(text, k == 0 ? money->limit.u : 0, 0);
            put_decimal(text, k == 0 ? money->settled.u : 0, 0);
            put_decimal(text, k == 0 ? money->make_whole.u : 0, 1);
        }
    }
}

static void put_prices(const struct fg_clear_result *result, struct fg_text *text)
{
    fg_text_puts(text, "period,bus,product,price,energy,loss,congestion,voltage,zone\n");
    for (int32_t t = 0; t < result->market->period_count; t++)
        for (size_t b = 0; b < result->network->bus_count; b++)
            for (int product = 0; product < 2; product++) {
                size_t place = (size_t)t * result->network->bus_count + b;
                const struct fg_clear_price *price = product == 0 ? &result->price_p[place] : &result->price_q[place];
                if (isnan(price->total))
                    continue;
                put_index(text, t, 0);
                fg_csv_put(text, result->network->buses[b].id, 0);
                fg_csv_put(text, fg_product_words[product], 0);
                put_decimal(text, price->settled.uper_mwh, 0);
                for (int part = 0; part < FG_PART_COUNT; part++)
                    put_decimal(text, llround(price->part[part] * 1e6), part == FG_PART_COUNT - 1);
            }
}

static void put_limits(const struct fg_clear_result *result, struct fg_text *text)
{
    fg_text_puts(text, "limit,element,period,bound,before,after,violation_before,violation,shadow_price,cost,"
                       "violation_cost\n");
    for (size_t i = 0; i < result->limit_count; i++) {
        const struct fg_clear_limit *limit = &result->limits[i];
        fg_csv_put(text, fg_clear_limit_word(limit->kind), 0);
        fg_csv_put(text, fg_clear_limit_element(result->network, limit), 0);
        put_index(text, limit->period, 0);
        const double values[] = { limit->limit, limit->before, limit->after, limit->violation_before,
                                  limit->violation_after, limit->shadow_price, limit->cost, limit->remaining_cost };
        for (int k = 0; k < 8; k++)
            put_number(text, values[k], k == 7);
    }
}

static void put_account(const struct fg_clear_result *result, struct fg_text *text, enum fg_account account,
                        int32_t participant)
{
    fg_csv_put(text, fg_account_words[account], 0);
    fg_csv_put(text, participant >= 0 ? result->market->participants[participant].id : "", 0);
}

static void put_postings(const struct fg_clear_result *result, struct fg_text *text)
{
    fg_text_puts(text, "from,from_participant,to,to_participant,order,period,amount\n");
    for (size_t i = 0; i < result->settlement.posting_count; i++) {
        const struct fg_posting *posting = &result->settlement.postings[i];
        put_account(result, text, posting->from, posting->from_participant);
        put_account(result, text, posting->to, posting->to_participant);
        fg_csv_put(text, posting->order >= 0 ? result->market->orders[posting->order].id : "", 0);
        if (posting->period >= 0)
            put_index(text, posting->period, 0);
        else
            fg_csv_put(text, "", 0);
        put_decimal(text, posting->amount.u, 1);
    }
}

static void put_rejected(const struct fg_clear_result *result, struct fg_text *text)
{
    fg_text_puts(text, "order,period,gain,reason\n");
    for (size_t i = 0; i < result->rejected_count; i++) {
        const struct fg_clear_rejected *rejected = &result->rejected[i];
        fg_csv_put(text, result->market->orders[rejected->order].id, 0);
        if (rejected->period >= 0)
            put_index(text, rejected->period, 0);
        else
            fg_csv_put(text, "", 0);
        put_number(text, rejected->gain, 0);
        fg_csv_put(text, rejected->reason, 1);
    }
}

static void put_taps(const struct fg_clear_result *result, struct fg_text *text)
{
    const struct fg_market *market = result->market;
    fg_text_puts(text, "branch,period,network_position,position\n");
    for (size_t k = 0; k < market->controllable_tap_count; k++) {
        int32_t branch = fg_network_find_branch(result->network, market->controllable_taps[k].branch);
        for (int32_t t = 0; t < market->period_count; t++) {
            fg_csv_put(text, market->controllable_taps[k].branch, 0);
            put_index(text, t, 0);
            put_index(text, result->network->branches[branch].tap.position, 0);
            put_index(text, fg_clear_tap_position(result, branch, t), 1);
        }
    }
}

enum fg_code fg_clear_result_csv(const struct fg_clear_result *result, const char *table, struct fg_text *text,
                                 struct fg_error *err)
{
    static const struct {
        const char *name;
        void (*put)(const struct fg_clear_result *result, struct fg_text *text);
        bool needs_settlement;
    } tables[] = { { "orders", put_orders, true },   { "prices", put_prices, true },     { "limits", put_limits, false },
                   { "postings", put_postings, true }, { "rejected", put_rejected, false },
                   { "taps", put_taps, false } };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].name, table) == 0) {
            if (tables[i].needs_settlement && result->settlement.orders == NULL)
                return fg_fail(err, FG_ERR_ARGUMENT, NULL, "table %s needs a published schedule; this clearing failed",
                               table);
            tables[i].put(result, text);
            return text->failed ? fg_fail_memory(err) : FG_OK;
        }
    return fg_fail(err, FG_ERR_ARGUMENT, NULL, "no table %s; tables are orders, prices, limits, postings, rejected, taps",
                   table);
}
