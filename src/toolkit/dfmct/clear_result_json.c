/* Results as JSON. What a solver computed are numbers; quantities, prices and money of the market are decimal strings
 * per MW, MWh and currency; ids are strings. The schema is docs/formats/clear-result.md. */
#include "base/instant.h"
#include "base/json.h"
#include "toolkit/dfmct/clear.h"

#include <math.h>

static void put_decimal(struct fg_json_writer *w, const char *key, int64_t micro)
{
    char buffer[FG_DECIMAL_MAX];
    fg_json_put_string(w, key, fg_decimal_format(micro, 6, 0, buffer));
}

static void put_price(struct fg_json_writer *w, const char *key, double price)
{
    if (isfinite(price))
        put_decimal(w, key, llround(price * 1e6));
    else
        fg_json_put_null(w, key);
}

static void put_start(struct fg_json_writer *w, const struct fg_market *market, int32_t period)
{
    char buffer[FG_INSTANT_TEXT];
    fg_json_put_integer(w, "period", period);
    fg_json_put_string(w, "start",
                       fg_instant_format(market->start_s + (int64_t)period * market->period_s, buffer));
}

static void put_accepted(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    const struct fg_market *market = result->market;
    fg_json_begin_array(w, "accepted");
    for (size_t o = 0; o < market->order_count && result->settlement.orders != NULL; o++) {
        const struct fg_order *order = &market->orders[o];
        const struct fg_order_settlement *money = &result->settlement.orders[o];
        bool any = false;
        for (int32_t k = 0; k < order->period_count; k++)
            any = any || result->accepted[order->offset + (size_t)k].w != 0;
        if (!any)
            continue;
        fg_json_begin_object(w, NULL);
        fg_json_put_string(w, "order", order->id);
        fg_json_put_string(w, "participant", market->participants[order->participant].id);
        fg_json_put_string(w, "side", fg_side_words[order->side]);
        fg_json_put_string(w, "product", fg_product_words[order->product]);
        fg_json_put_string(w, "regulation", fg_regulation_words[order->regulation]);
        fg_json_put_number(w, "fraction", result->fraction[o]);
        fg_json_put_integer(w, "first_period", order->first_period);
        fg_json_begin_row(w, "quantity_mw");
        for (int32_t k = 0; k < order->period_count; k++)
            put_decimal(w, NULL, result->accepted[order->offset + (size_t)k].w);
        fg_json_end_array(w);
        put_decimal(w, "limit", money->limit.u);
        put_decimal(w, "settled", money->settled.u);
        put_decimal(w, "make_whole", money->make_whole.u);
        fg_json_end_object(w);
    }
    fg_json_end_array(w);
}

static void put_prices(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    static const char *const parts[FG_PART_COUNT] = { "energy", "loss", "congestion", "voltage", "zone" };
    const struct fg_market *market = result->market;
    fg_json_begin_array(w, "prices");
    for (int32_t t = 0; t < market->period_count && result->settlement.orders != NULL; t++)
        for (size_t b = 0; b < result->network->bus_count; b++) {
            size_t place = (size_t)t * result->network->bus_count + b;
            if (isnan(result->price_p[place].total))
                continue;
            fg_json_begin_row_object(w, NULL);
            fg_json_put_integer(w, "period", t);
            fg_json_put_string(w, "bus", result->network->buses[b].id);
            for (int product = 0; product < 2; product++) {
                const struct fg_clear_price *price = product == 0 ? &result->price_p[place] : &result->price_q[place];
                fg_json_begin_row_object(w, product == 0 ? "active" : "reactive");
                put_decimal(w, "price", price->settled.uper_mwh);
                for (int part = 0; part < FG_PART_COUNT; part++)
                    put_price(w, parts[part], price->part[part]);
                fg_json_end_object(w);
            }
            fg_json_end_object(w);
        }
    fg_json_end_array(w);
}

/* What the accounts that nobody trades on leave to the operator; negative: the operator pays. */
static enum fg_code put_operator(struct fg_json_writer *w, const struct fg_clear_result *result, struct fg_error *err)
{
    static const enum fg_account charged[] = { FG_ACCOUNT_MAKE_WHOLE, FG_ACCOUNT_CONGESTION, FG_ACCOUNT_LOSSES,
                                               FG_ACCOUNT_PRICING, FG_ACCOUNT_ROUNDING };
    int64_t sum = 0;
    fg_json_begin_object(w, "operator");
    fg_json_put_string(w, "participant", result->market->operator_id);
    for (size_t i = 0; i < sizeof charged / sizeof *charged; i++) {
        struct fg_money balance;
        enum fg_code code = fg_settlement_balance(&result->settlement, charged[i], -1, &balance, err);
        if (code == FG_OK)
            code = fg_add(sum, balance.u, &sum, err);
        if (code != FG_OK)
            return code;
        put_decimal(w, fg_account_words[charged[i]], balance.u);
    }
    put_decimal(w, "balance", sum);
    fg_json_end_object(w);
    return FG_OK;
}

static enum fg_code put_payments(struct fg_json_writer *w, const struct fg_clear_result *result, struct fg_error *err)
{
    const struct fg_market *market = result->market;
    fg_json_begin_object(w, "payments");
    fg_json_begin_object(w, "accounts");
    for (int account = FG_ACCOUNT_PARTICIPANT; account < FG_ACCOUNT_COUNT; account++) {
        struct fg_money balance;
        enum fg_code code = fg_settlement_balance(&result->settlement, (enum fg_account)account, -1, &balance, err);
        if (code != FG_OK)
            return code;
        put_decimal(w, fg_account_words[account], balance.u);
    }
    fg_json_end_object(w);
    fg_json_begin_array(w, "participants");
    for (size_t p = 0; p < market->participant_count; p++) {
        struct fg_money balance;
        enum fg_code code =
            fg_settlement_balance(&result->settlement, FG_ACCOUNT_PARTICIPANT, (int32_t)p, &balance, err);
        if (code != FG_OK)
            return code;
        fg_json_begin_row_object(w, NULL);
        fg_json_put_string(w, "participant", market->participants[p].id);
        put_decimal(w, "balance", balance.u);
        fg_json_end_object(w);
    }
    fg_json_end_array(w);
    enum fg_code code = put_operator(w, result, err);
    fg_json_end_object(w);
    return code;
}

static void put_limit(struct fg_json_writer *w, const struct fg_clear_result *result, const struct fg_clear_limit *limit)
{
    fg_json_begin_row_object(w, NULL);
    fg_json_put_string(w, "limit", fg_clear_limit_word(limit->kind));
    fg_json_put_string(w, "element", fg_clear_limit_element(result->network, limit));
    put_start(w, result->market, limit->period);
    fg_json_put_number(w, "bound", limit->limit);
    fg_json_put_number(w, "before", limit->before);
    fg_json_put_number(w, "after", limit->after);
    fg_json_put_number(w, "violation_before", limit->violation_before);
    fg_json_put_number(w, "violation", limit->violation_after);
    fg_json_put_number(w, "shadow_price", limit->shadow_price);
    fg_json_put_number(w, "cost", limit->cost);
    fg_json_put_number(w, "violation_cost", limit->remaining_cost);
    fg_json_end_object(w);
}

static void put_limits(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    fg_json_begin_array(w, "violations");
    for (size_t i = 0; i < result->limit_count; i++)
        if (result->limits[i].violation_after > 0)
            put_limit(w, result, &result->limits[i]);
    fg_json_end_array(w);
    fg_json_begin_array(w, "before_after");
    for (size_t i = 0; i < result->limit_count; i++)
        put_limit(w, result, &result->limits[i]);
    fg_json_end_array(w);
}

static void put_rejected(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    fg_json_begin_array(w, "paradoxically_rejected");
    for (size_t i = 0; i < result->rejected_count; i++) {
        const struct fg_clear_rejected *rejected = &result->rejected[i];
        fg_json_begin_row_object(w, NULL);
        fg_json_put_string(w, "order", result->market->orders[rejected->order].id);
        if (rejected->period >= 0)
            fg_json_put_integer(w, "period", rejected->period);
        else
            fg_json_put_null(w, "period");
        fg_json_put_number(w, "gain", rejected->gain);
        fg_json_put_string(w, "reason", rejected->reason);
        fg_json_end_object(w);
    }
    fg_json_end_array(w);
}

static void put_taps(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    const struct fg_market *market = result->market;
    fg_json_begin_array(w, "taps");
    for (size_t k = 0; k < market->controllable_tap_count; k++) {
        int32_t branch = fg_network_find_branch(result->network, market->controllable_taps[k].branch);
        const struct fg_tap_changer *tap = &result->network->branches[branch].tap;
        fg_json_begin_object(w, NULL);
        fg_json_put_string(w, "branch", market->controllable_taps[k].branch);
        fg_json_put_integer(w, "network_position", tap->position);
        fg_json_put_integer(w, "minimum", tap->minimum);
        fg_json_put_integer(w, "maximum", tap->maximum);
        fg_json_put_integer(w, "steps", fg_clear_tap_steps(result, branch));
        fg_json_begin_row(w, "position");
        for (int32_t t = 0; t < market->period_count; t++)
            fg_json_put_integer(w, NULL, fg_clear_tap_position(result, branch, t));
        fg_json_end_array(w);
        fg_json_end_object(w);
    }
    fg_json_end_array(w);
}

static void put_states(struct fg_json_writer *w, const struct fg_clear_result *result)
{
    fg_json_begin_array(w, "periods");
    for (int32_t t = 0; t < result->market->period_count; t++) {
        fg_json_begin_object(w, NULL);
        put_start(w, result->market, t);
        const struct { const char *name; const struct fg_clear_state *state; } states[3] = {
            { "before", &result->before[t] }, { "with_taps", &result->with_taps[t] }, { "after", &result->after[t] } };
        for (int i = 0; i < 3; i++) {
            const struct fg_clear_state *state = states[i].state;
            if (i == 1 && result->market->controllable_tap_count == 0)
                continue;
            fg_json_begin_row_object(w, states[i].name);
            fg_json_put_bool(w, "converged", state->converged);
            fg_json_put_number(w, "slack_mw", state->slack_p_mw);
            fg_json_put_number(w, "slack_mvar", state->slack_q_mvar);
            fg_json_put_number(w, "losses_mw", state->losses_mw);
            fg_json_end_object(w);
        }
        put_price(w, "match_up", result->match_p[2 * t]);
        put_price(w, "match_down", result->match_p[2 * t + 1]);
        put_price(w, "match_up_reactive", result->match_q[2 * t]);
        put_price(w, "match_down_reactive", result->match_q[2 * t + 1]);
        fg_json_end_object(w);
    }
    fg_json_end_array(w);
}

enum fg_code fg_clear_result_json(const struct fg_clear_result *result, struct fg_text *text, struct fg_error *err)
{
    struct fg_json_writer writer, *w = &writer;
    enum fg_code code = FG_OK;
    fg_json_writer_init(w, text, true);
    fg_json_begin_object(w, NULL);
    fg_json_put_string(w, "format", "flexgrid-clear-result");
    fg_json_put_integer(w, "version", 1);
    fg_json_put_string(w, "market", result->market->id);
    fg_json_put_string(w, "currency", result->market->currency);
    fg_json_put_string(w, "physics", fg_market_physics_words[result->market->physics]);
    fg_json_put_string(w, "pricing", fg_pricing_words[result->market->pricing]);
    fg_json_put_string(w, "status", fg_clear_status_word(result->status));
    fg_json_put_string(w, "explanation", result->explanation);
    fg_json_put_number(w, "welfare", result->welfare);
    fg_json_put_number(w, "cost", result->cost);
    fg_json_put_number(w, "bound", result->bound);
    fg_json_put_number(w, "gap", result->gap);
    fg_json_put_number(w, "integer_gap", result->integer_gap);
    fg_json_put_number(w, "relaxation_gap", result->relaxation_gap);
    fg_json_put_number(w, "published_cost", result->published_cost);
    fg_json_put_number(w, "baseline_cost", result->baseline_cost);
    fg_json_put_number(w, "cost_with_taps", result->cost_with_taps);
    fg_json_put_number(w, "request_value", result->request_value);
    fg_json_put_number(w, "offer_cost", result->offer_cost);
    fg_json_put_number(w, "import_cost", result->import_cost);
    fg_json_put_number(w, "violation_cost", result->violation_cost);
    fg_json_put_number(w, "max_violation", result->max_violation);
    fg_json_put_number(w, "seconds", result->seconds);
    fg_json_begin_object(w, "solver");
    fg_json_put_integer(w, "variables", (int64_t)result->variable_count);
    fg_json_put_integer(w, "rows", (int64_t)result->row_count);
    fg_json_put_integer(w, "integers", (int64_t)result->integer_count);
    fg_json_put_integer(w, "iterations", result->opf_iterations);
    fg_json_put_integer(w, "integer_rounds", result->integer_rounds);
    fg_json_put_number(w, "seconds_opf", result->seconds_opf);
    fg_json_put_number(w, "seconds_bound", result->seconds_bound);
    fg_json_put_number(w, "seconds_integer", result->seconds_integer);
    fg_json_put_number(w, "seconds_check", result->seconds_check);
    fg_json_end_object(w);
    put_accepted(w, result);
    code = put_payments(w, result, err);
    if (code != FG_OK)
        return code;
    put_taps(w, result);
    put_limits(w, result);
    put_rejected(w, result);
    put_states(w, result);
    put_prices(w, result);
    fg_json_end_object(w);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}
