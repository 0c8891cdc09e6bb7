/* Payments of the rounded schedule (market/settlement.h), and the request value and offer cost in exact money. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>

static enum fg_code fill_input(struct clear_run *run, struct fg_settlement_input *input, struct fg_arena *arena,
                               struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    struct fg_clear_result *result = run->result;
    size_t buses = model->network->bus_count, periods = (size_t)model->periods;
    struct fg_price_parts *parts[2];
    struct fg_price *match[2];
    struct fg_power *slack[2], *shed[2];
    int32_t *location = fg_arena_alloc(arena, market->order_count + 1, sizeof *location);
    if (location == NULL)
        return fg_fail_memory(err);
    for (int product = 0; product < 2; product++) {
        const struct fg_clear_price *prices = product == 0 ? result->price_p : result->price_q;
        const double *adders = product == 0 ? result->match_p : result->match_q;
        parts[product] = fg_arena_alloc(arena, periods * buses, sizeof **parts);
        match[product] = fg_arena_alloc(arena, 2 * periods, sizeof **match);
        slack[product] = fg_arena_alloc(arena, periods, sizeof **slack);
        shed[product] = fg_arena_alloc(arena, periods, sizeof **shed);
        if (parts[product] == NULL || match[product] == NULL || slack[product] == NULL || shed[product] == NULL)
            return fg_fail_memory(err);
        for (size_t i = 0; i < periods * buses; i++)
            for (int part = 0; part < FG_PART_COUNT; part++)
                parts[product][i].part_u[part] = llround(prices[i].part[part] * 1e6);
        for (size_t i = 0; i < 2 * periods; i++)
            match[product][i].uper_mwh = llround(adders[i] * 1e6);
        for (size_t t = 0; t < periods; t++) {
            double change = product == 0 ? result->after[t].slack_p_mw - run->import_p[t]
                                         : result->after[t].slack_q_mvar - run->import_q[t];
            enum fg_code code = fg_power_from_mw(isfinite(change) ? change : 0, &slack[product][t], err);
            if (code != FG_OK)
                return code;
        }
    }
    for (size_t t = 0; t < periods; t++) {
        enum fg_code code = clear_shed_totals(run, (int32_t)t, &shed[0][t], &shed[1][t], err);
        if (code != FG_OK)
            return code;
    }
    for (size_t o = 0; o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        const char *bus = order->side == FG_SIDE_SELL ? market->assets[order->asset].bus : order->location;
        location[o] = order->kind == FG_REQUEST_NEED ? -1 : fg_names_find(&model->bus_names, bus);
    }
    *input = (struct fg_settlement_input){
        .market = market,
        .accepted = result->accepted,
        .location_count = (int32_t)buses,
        .price_p = parts[0],
        .price_q = parts[1],
        .order_location = location,
        .need_price = result->need_price,
        .match_price_p = match[0],
        .match_price_q = match[1],
        .slack_change_p = slack[0],
        .slack_change_q = slack[1],
        .not_served_p = shed[0],
        .not_served_q = shed[1],
    };
    return FG_OK;
}

enum fg_code clear_settle_schedule(struct clear_run *run, struct fg_error *err)
{
    struct fg_clear_result *result = run->result;
    const struct fg_market *market = run->model->market;
    struct fg_settlement_input input;
    struct fg_arena arena;
    fg_arena_init(&arena);
    enum fg_code code = fill_input(run, &input, &arena, err);
    if (code == FG_OK)
        code = fg_settle(&input, &result->settlement, err);
    if (code == FG_OK)
        code = clear_list_rejected(run, err);
    result->request_value = result->offer_cost = 0;
    for (size_t o = 0; o < market->order_count && code == FG_OK; o++) {
        const struct fg_order *order = &market->orders[o];
        double offered = 0, accepted = 0;
        for (int32_t k = 0; k < order->period_count; k++) {
            offered += (double)order->quantity[k].w;
            accepted += (double)result->accepted[order->offset + (size_t)k].w;
        }
        result->fraction[o] = offered > 0 ? accepted / offered : 0;
        *(order->side == FG_SIDE_SELL ? &result->offer_cost : &result->request_value) +=
            fg_units(result->settlement.orders[o].limit);
    }
    fg_arena_release(&arena);
    return code;
}
