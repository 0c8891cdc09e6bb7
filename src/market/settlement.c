#include "market/settlement.h"

#include <string.h>

const char *const fg_account_words[] = {"participant", "market",  "slack",    "congestion", "losses",
                                        "make_whole",  "pricing", "not_served", "rounding", NULL};

struct ledger {
    const struct fg_settlement_input *input;
    const struct fg_market *market;
    struct fg_settlement *out;
    int64_t zone_money; /* of zones and matching held by MARKET: what need requests and matched orders leave */
    int64_t energy_money;
    struct fg_price *zonal; /* zonal prices: see zonal_slot */
    int32_t *zone_of_order;
};

static enum fg_code post(struct ledger *ledger, struct fg_posting posting, struct fg_error *err)
{
    struct fg_settlement *out = ledger->out;
    if (posting.amount.u == 0)
        return FG_OK;
    if (fg_grow((void **)&out->postings, out->posting_count, &out->posting_capacity, sizeof *out->postings) != 0)
        return fg_fail_memory(err);
    out->postings[out->posting_count++] = posting;
    return FG_OK;
}

/* `amount` from a named account to the order's participant. */
static enum fg_code pay_order(struct ledger *ledger, enum fg_account from, size_t order, int32_t period, int64_t amount,
                              struct fg_error *err)
{
    int32_t participant = ledger->market->orders[order].participant;
    return post(ledger,
                (struct fg_posting){.from = from,
                                    .to = FG_ACCOUNT_PARTICIPANT,
                                    .from_participant = -1,
                                    .to_participant = participant,
                                    .order = (int32_t)order,
                                    .period = period,
                                    .amount = {amount}},
                err);
}

static enum fg_code move(struct ledger *ledger, enum fg_account from, enum fg_account to, int32_t period,
                         int64_t amount, struct fg_error *err)
{
    return post(ledger,
                (struct fg_posting){.from = from,
                                    .to = to,
                                    .from_participant = -1,
                                    .to_participant = -1,
                                    .order = -1,
                                    .period = period,
                                    .amount = {amount}},
                err);
}

static const struct fg_price_parts *parts_at(const struct ledger *ledger, const struct fg_order *order, size_t index,
                                             int32_t period)
{
    const struct fg_settlement_input *input = ledger->input;
    const struct fg_price_parts *prices = order->product == FG_PRODUCT_ACTIVE ? input->price_p : input->price_q;
    return &prices[(size_t)period * (size_t)input->location_count + (size_t)input->order_location[index]];
}

static int64_t match_price(const struct ledger *ledger, const struct fg_order *order, int32_t period)
{
    const struct fg_price *prices =
        order->product == FG_PRODUCT_ACTIVE ? ledger->input->match_price_p : ledger->input->match_price_q;
    return prices ? prices[2 * period + (order->regulation == FG_REGULATION_DOWN)].uper_mwh : 0;
}

/* Settle a change of injection of `energy` (signed) caused by an order at the nodal price of a period: each part comes
 * from its account, and the order receives the rounded whole. */
static enum fg_code settle_injection(struct ledger *ledger, size_t index, int32_t period, struct fg_energy energy,
                                     int64_t extra_price, int64_t *received, struct fg_error *err)
{
    static const enum fg_account accounts[FG_PART_COUNT] = {FG_ACCOUNT_MARKET, FG_ACCOUNT_LOSSES, FG_ACCOUNT_CONGESTION,
                                                            FG_ACCOUNT_CONGESTION, FG_ACCOUNT_MARKET};
    const struct fg_price_parts *parts = parts_at(ledger, &ledger->market->orders[index], index, period);
    struct fg_price total = {extra_price};
    struct fg_money whole, money;
    int64_t sum = 0;
    enum fg_code code = FG_OK;
    for (int part = 0; part <= FG_PART_COUNT && code == FG_OK; part++) {
        /* The extra price (matching) is the last "part"; it belongs to the market's zone money. */
        struct fg_price price = {part < FG_PART_COUNT ? parts->part_u[part] : extra_price};
        if (part < FG_PART_COUNT && (code = fg_add(total.uper_mwh, price.uper_mwh, &total.uper_mwh, err)) != FG_OK)
            return code;
        if ((code = fg_money_of(energy, price, &money, err)) != FG_OK ||
            (code = fg_add(sum, money.u, &sum, err)) != FG_OK)
            return code;
        if (part == FG_PART_ENERGY)
            code = fg_add(ledger->energy_money, -money.u, &ledger->energy_money, err);
        else if (part >= FG_PART_ZONE)
            code = fg_add(ledger->zone_money, -money.u, &ledger->zone_money, err);
        if (code == FG_OK)
            code = pay_order(ledger, part < FG_PART_COUNT ? accounts[part] : FG_ACCOUNT_MARKET, index, period, money.u,
                             err);
    }
    if (code != FG_OK || (code = fg_money_of(energy, total, &whole, err)) != FG_OK)
        return code;
    if ((code = pay_order(ledger, FG_ACCOUNT_ROUNDING, index, period, whole.u - sum, err)) != FG_OK)
        return code;
    return fg_add(*received, whole.u, received, err);
}

/* The share of an accepted energy that comes back k + 1 periods later. */
static enum fg_code settle_rebound(struct ledger *ledger, size_t index, int32_t period, struct fg_energy energy,
                                   int64_t *received, struct fg_error *err)
{
    const struct fg_order *order = &ledger->market->orders[index];
    if (order->side != FG_SIDE_SELL || order->product != FG_PRODUCT_ACTIVE)
        return FG_OK;
    const struct fg_asset *asset = &ledger->market->assets[order->asset];
    for (int32_t k = 0; k < asset->rebound_count && period + k + 1 < ledger->market->period_count; k++) {
        struct fg_energy back;
        enum fg_code code = fg_muldiv(-energy.ws, asset->rebound_u[k], FG_FRACTION_ONE, &back.ws, err);
        if (code == FG_OK)
            code = settle_injection(ledger, index, period + k + 1, back, 0, received, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

/* Need requests pay for net change in their zone; the money is what sellers there receive as the zone part. */
static enum fg_code settle_need(struct ledger *ledger, size_t index, int32_t period, size_t at, struct fg_energy energy,
                                int64_t *received, struct fg_error *err)
{
    const struct fg_order *order = &ledger->market->orders[index];
    struct fg_price price = {ledger->input->need_price ? ledger->input->need_price[at].uper_mwh : 0};
    struct fg_money money;
    enum fg_code code = fg_add(price.uper_mwh, match_price(ledger, order, period), &price.uper_mwh, err);
    ledger->out->unit_price[at] = price;
    if (code != FG_OK || (code = fg_money_of(energy, price, &money, err)) != FG_OK ||
        (code = fg_add(ledger->zone_money, money.u, &ledger->zone_money, err)) != FG_OK ||
        (code = pay_order(ledger, FG_ACCOUNT_MARKET, index, period, -money.u, err)) != FG_OK)
        return code;
    return fg_add(*received, -money.u, received, err);
}

/* Nodal settlement of one order and period. */
static enum fg_code settle_nodal(struct ledger *ledger, size_t index, int32_t k, int64_t *received,
                                 struct fg_error *err)
{
    const struct fg_order *order = &ledger->market->orders[index];
    const size_t at = order->offset + (size_t)k;
    const int32_t period = order->first_period + k;
    struct fg_energy energy;
    enum fg_code code = fg_energy_of(ledger->input->accepted[at], ledger->market->period_s, &energy, err);
    if (code != FG_OK)
        return code;
    int sign = fg_order_injection_sign(order);
    if (sign == 0)
        return settle_need(ledger, index, period, at, energy, received, err);
    /* Offers receive the matching price per accepted MWh, requests pay it; per MWh injected that is +- the price. */
    int64_t match = match_price(ledger, order, period) * sign * (order->side == FG_SIDE_SELL ? 1 : -1);
    const struct fg_price_parts *parts = parts_at(ledger, order, index, period);
    int64_t unit = match;
    for (int part = 0; part < FG_PART_COUNT; part++)
        if ((code = fg_add(unit, parts->part_u[part], &unit, err)) != FG_OK)
            return code;
    ledger->out->unit_price[at].uper_mwh = order->side == FG_SIDE_SELL ? sign * unit : -sign * unit;
    energy.ws *= sign;
    if ((code = settle_injection(ledger, index, period, energy, match, received, err)) != FG_OK)
        return code;
    return settle_rebound(ledger, index, period, energy, received, err);
}

/* Zonal prices lie in one table: zone (the last one for buses outside all zones) x product x direction x period. */
static struct fg_price *zonal_slot(const struct ledger *ledger, int32_t zone, enum fg_product product,
                                   enum fg_regulation regulation, int32_t period)
{
    size_t zones = ledger->market->zone_count, row = zone < 0 ? zones : (size_t)zone;
    size_t column = (size_t)product * 2 + (regulation == FG_REGULATION_DOWN);
    return &ledger->zonal[(row * 4 + column) * (size_t)ledger->market->period_count + (size_t)period];
}

static enum fg_code build_zonal_prices(struct ledger *ledger, struct fg_error *err)
{
    const struct fg_market *market = ledger->market;
    size_t slots = (market->zone_count + 1) * 4 * (size_t)market->period_count;
    ledger->zonal = fg_alloc(slots, sizeof *ledger->zonal);
    ledger->zone_of_order = fg_alloc(market->order_count, sizeof *ledger->zone_of_order);
    bool *has_price = fg_alloc(slots, sizeof *has_price);
    if (!ledger->zonal || !ledger->zone_of_order || !has_price) {
        fg_free(has_price);
        return fg_fail_memory(err);
    }
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *order = &market->orders[i];
        ledger->zone_of_order[i] =
            order->location_kind == FG_LOCATION_BUS ? fg_market_zone_of_bus(market, order->location) : order->zone;
        for (int32_t k = 0; k < order->period_count && order->side == FG_SIDE_SELL && !order->block; k++) {
            struct fg_power accepted = ledger->input->accepted[order->offset + (size_t)k];
            if (accepted.w == 0)
                continue;
            struct fg_price price = fg_order_marginal_price(order, accepted);
            struct fg_price *slot = zonal_slot(ledger, ledger->zone_of_order[i], order->product, order->regulation,
                                               order->first_period + k);
            if (!has_price[slot - ledger->zonal] || price.uper_mwh > slot->uper_mwh)
                *slot = price;
            has_price[slot - ledger->zonal] = true;
        }
    }
    fg_free(has_price);
    return FG_OK;
}

static bool zone_is_inside(const struct fg_market *market, int32_t inner, int32_t outer)
{
    while (inner >= 0 && inner != outer)
        inner = market->zones[inner].parent;
    return inner == outer;
}

/* What the zonal rule charges or pays per accepted MWh. */
static struct fg_price zonal_price(const struct ledger *ledger, size_t index, int32_t period)
{
    const struct fg_order *order = &ledger->market->orders[index];
    int32_t zone = ledger->zone_of_order[index];
    struct fg_price price = *zonal_slot(ledger, zone, order->product, order->regulation, period);
    if (order->kind != FG_REQUEST_NEED || order->location_kind != FG_LOCATION_ZONE)
        return price;
    for (int32_t z = 0; z < (int32_t)ledger->market->zone_count; z++) {
        struct fg_price inner = *zonal_slot(ledger, z, order->product, order->regulation, period);
        if (zone_is_inside(ledger->market, z, zone) && inner.uper_mwh > price.uper_mwh)
            price = inner;
    }
    return price;
}

/* Replace the nodal result of an order by that of the market's rule; PRICING takes the difference. */
static enum fg_code apply_rule(struct ledger *ledger, size_t index, int64_t limit, int64_t *received,
                               struct fg_error *err)
{
    const struct fg_order *order = &ledger->market->orders[index];
    int64_t ruled = 0;
    enum fg_code code;
    if (ledger->market->pricing == FG_PRICING_NODAL)
        return FG_OK;
    for (int32_t k = 0; k < order->period_count; k++) {
        size_t at = order->offset + (size_t)k;
        struct fg_power accepted = ledger->input->accepted[at];
        if (ledger->market->pricing == FG_PRICING_PAY_AS_BID) {
            ledger->out->unit_price[at] = fg_order_marginal_price(order, accepted);
            continue;
        }
        struct fg_price price = zonal_price(ledger, index, order->first_period + k);
        struct fg_energy energy;
        struct fg_money money;
        ledger->out->unit_price[at] = price;
        if ((code = fg_energy_of(accepted, ledger->market->period_s, &energy, err)) != FG_OK ||
            (code = fg_money_of(energy, price, &money, err)) != FG_OK ||
            (code = fg_add(ruled, order->side == FG_SIDE_SELL ? money.u : -money.u, &ruled, err)) != FG_OK)
            return code;
    }
    if (ledger->market->pricing == FG_PRICING_PAY_AS_BID)
        ruled = order->side == FG_SIDE_SELL ? limit : -limit;
    int64_t difference;
    if ((code = fg_add(ruled, -*received, &difference, err)) != FG_OK ||
        (code = pay_order(ledger, FG_ACCOUNT_PRICING, index, -1, difference, err)) != FG_OK)
        return code;
    *received = ruled;
    return FG_OK;
}

static bool covers_limit(const struct fg_order *order)
{
    return order->location_kind == FG_LOCATION_BRANCH_LIMIT || order->location_kind == FG_LOCATION_VOLTAGE_LIMIT;
}

static enum fg_code settle_order(struct ledger *ledger, size_t index, struct fg_error *err)
{
    const struct fg_order *order = &ledger->market->orders[index];
    struct fg_order_settlement *result = &ledger->out->orders[index];
    int64_t received = 0, limit = 0, energy_sum = 0;
    if (covers_limit(order))
        return FG_OK; /* their price has acted on the violations; nothing was accepted */
    for (int32_t k = 0; k < order->period_count; k++) {
        struct fg_power accepted = ledger->input->accepted[order->offset + (size_t)k];
        struct fg_money money;
        if (accepted.w < 0 || accepted.w > order->quantity[k].w)
            return fg_fail(err, FG_ERR_ARGUMENT, order->place,
                           "the accepted quantity of order %s is outside its quantity", order->id);
        enum fg_code code = fg_order_limit_money(order, accepted, ledger->market->period_s, &money, err);
        if (code != FG_OK || (code = fg_add(limit, money.u, &limit, err)) != FG_OK ||
            (code = fg_add(energy_sum, accepted.w * ledger->market->period_s, &energy_sum, err)) != FG_OK ||
            (code = settle_nodal(ledger, index, k, &received, err)) != FG_OK)
            return code;
    }
    enum fg_code code = apply_rule(ledger, index, limit, &received, err);
    if (code != FG_OK)
        return code;
    int64_t surplus; /* of what it received over what it must at least have */
    if ((code = fg_add(received, order->side == FG_SIDE_SELL ? -limit : limit, &surplus, err)) != FG_OK)
        return code;
    result->energy.ws = energy_sum;
    result->limit.u = limit;
    result->settled.u = received;
    result->make_whole.u = surplus < 0 ? -surplus : 0;
    return pay_order(ledger, FG_ACCOUNT_MAKE_WHOLE, index, -1, result->make_whole.u, err);
}

static enum fg_code settle_slack(struct ledger *ledger, struct fg_error *err)
{
    const struct fg_market *market = ledger->market;
    for (int32_t t = 0; t < market->period_count; t++) {
        const struct fg_power changes[] = {ledger->input->slack_change_p[t], ledger->input->slack_change_q[t]};
        const struct fg_price prices[] = {market->import_price[t], market->import_price_reactive[t]};
        for (int product = 0; product < 2; product++) {
            struct fg_energy energy;
            struct fg_money money;
            enum fg_code code = fg_energy_of(changes[product], market->period_s, &energy, err);
            if (code != FG_OK || (code = fg_money_of(energy, prices[product], &money, err)) != FG_OK ||
                (code = fg_add(ledger->energy_money, -money.u, &ledger->energy_money, err)) != FG_OK ||
                (code = move(ledger, FG_ACCOUNT_MARKET, FG_ACCOUNT_SLACK, t, money.u, err)) != FG_OK)
                return code;
        }
    }
    return FG_OK;
}

/* Whoever bought the energy that was shed does not consume it: it goes back at the import price. */
static enum fg_code settle_not_served(struct ledger *ledger, struct fg_error *err)
{
    const struct fg_market *market = ledger->market;
    const struct fg_power *shed[] = {ledger->input->not_served_p, ledger->input->not_served_q};
    for (int32_t t = 0; t < market->period_count; t++) {
        const struct fg_price prices[] = {market->import_price[t], market->import_price_reactive[t]};
        for (int product = 0; product < 2 && shed[product] != NULL; product++) {
            struct fg_energy energy;
            struct fg_money money;
            enum fg_code code = fg_energy_of(shed[product][t], market->period_s, &energy, err);
            if (code != FG_OK || (code = fg_money_of(energy, prices[product], &money, err)) != FG_OK ||
                (code = fg_add(ledger->energy_money, -money.u, &ledger->energy_money, err)) != FG_OK ||
                (code = move(ledger, FG_ACCOUNT_MARKET, FG_ACCOUNT_NOT_SERVED, t, money.u, err)) != FG_OK)
                return code;
        }
    }
    return FG_OK;
}

enum fg_code fg_settle(const struct fg_settlement_input *input, struct fg_settlement *settlement, struct fg_error *err)
{
    memset(settlement, 0, sizeof *settlement);
    const struct fg_market *market = input->market;
    struct ledger ledger = {.input = input, .market = market, .out = settlement};
    settlement->orders = fg_alloc(market->order_count, sizeof *settlement->orders);
    settlement->unit_price = fg_alloc(market->order_period_count, sizeof *settlement->unit_price);
    enum fg_code code = settlement->orders && settlement->unit_price ? FG_OK : fg_fail_memory(err);
    if (code == FG_OK && market->pricing == FG_PRICING_ZONAL)
        code = build_zonal_prices(&ledger, err);
    for (size_t i = 0; i < market->order_count && code == FG_OK; i++)
        code = settle_order(&ledger, i, err);
    if (code == FG_OK)
        code = settle_slack(&ledger, err);
    if (code == FG_OK)
        code = settle_not_served(&ledger, err);
    /* What is left of energy money is the price of the change of losses; of zone money, what ticks cut off. */
    if (code == FG_OK)
        code = move(&ledger, FG_ACCOUNT_MARKET, FG_ACCOUNT_LOSSES, -1, ledger.energy_money, err);
    if (code == FG_OK)
        code = move(&ledger, FG_ACCOUNT_MARKET, FG_ACCOUNT_ROUNDING, -1, ledger.zone_money, err);
    fg_free(ledger.zonal);
    fg_free(ledger.zone_of_order);
    return code;
}

void fg_settlement_release(struct fg_settlement *settlement)
{
    fg_free(settlement->orders);
    fg_free(settlement->unit_price);
    fg_free(settlement->postings);
    memset(settlement, 0, sizeof *settlement);
}

enum fg_code fg_settlement_balance(const struct fg_settlement *settlement, enum fg_account account, int32_t participant,
                                   struct fg_money *out, struct fg_error *err)
{
    out->u = 0;
    for (size_t i = 0; i < settlement->posting_count; i++) {
        const struct fg_posting *posting = &settlement->postings[i];
        enum fg_code code = FG_OK;
        if (posting->to == account && (participant < 0 || posting->to_participant == participant))
            code = fg_add(out->u, posting->amount.u, &out->u, err);
        if (code == FG_OK && posting->from == account && (participant < 0 || posting->from_participant == participant))
            code = fg_add(out->u, -posting->amount.u, &out->u, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

enum fg_code fg_share_pro_rata(struct fg_power total, const struct fg_power *quantities, size_t count,
                               struct fg_power tick, struct fg_power *shares, struct fg_error *err)
{
    int64_t sum = 0;
    bool fits = tick.w > 0 && total.w >= 0 && total.w % tick.w == 0;
    for (size_t i = 0; i < count && fits; i++)
        fits = quantities[i].w >= 0 && quantities[i].w % tick.w == 0 &&
               !__builtin_add_overflow(sum, quantities[i].w, &sum);
    if (!fits || total.w > sum)
        return fg_fail(
            err, FG_ERR_ARGUMENT, NULL,
            "a total to share must be in ticks and at most the sum of the quantities, which are in ticks too");
    if (sum == 0) {
        for (size_t i = 0; i < count; i++)
            shares[i].w = 0;
        return FG_OK;
    }
    int64_t *weights = fg_alloc(count, sizeof *weights), *parts = fg_alloc(count, sizeof *parts);
    enum fg_code code = weights && parts ? FG_OK : fg_fail_memory(err);
    for (size_t i = 0; i < count && code == FG_OK; i++)
        weights[i] = quantities[i].w / tick.w;
    if (code == FG_OK)
        code = fg_split(total.w / tick.w, weights, count, parts, err);
    /* A part exceeds floor(total w / sum) by at most one, and only below a whole weight, so it is within its quantity.
     */
    for (size_t i = 0; i < count && code == FG_OK; i++)
        shares[i].w = parts[i] * tick.w;
    fg_free(weights);
    fg_free(parts);
    return code;
}
