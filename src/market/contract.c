#include "market/contract.h"

#include "base/memory.h"

#include <string.h>

__extension__ typedef __int128 wide;

const char *const fg_contract_ties_words[] = {"first", "pro_rata", NULL};

/* ---- Windows ---- */

enum fg_code fg_contract_window_check(const struct fg_contract_window *window, struct fg_error *err)
{
    int64_t days = fg_date_number(window->until) - fg_date_number(window->from) + 1;
    if (days < 1 || days > FG_CONTRACT_DAYS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a contract lasts 1 to %d days; correct its first and last day",
                       FG_CONTRACT_DAYS_MAX);
    if (window->weekdays == 0 || window->weekdays >= 1u << 7)
        return fg_fail(err, FG_ERR_VALUE, NULL, "name at least one weekday");
    if (window->clock_count < 1 || window->clock_count > FG_CONTRACT_CLOCKS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "give 1 to %d clock windows", FG_CONTRACT_CLOCKS_MAX);
    for (int32_t i = 0; i < window->clock_count; i++) {
        const struct fg_contract_clock *a = &window->clocks[i];
        if (a->from_s < 0 || a->from_s >= a->until_s || a->until_s > FG_DAY_S)
            return fg_fail(err, FG_ERR_VALUE, NULL,
                           "clock window %d is empty or leaves the day; give two for one that passes midnight", (int)i + 1);
        for (int32_t k = 0; k < i; k++)
            if (a->from_s < window->clocks[k].until_s && window->clocks[k].from_s < a->until_s)
                return fg_fail(err, FG_ERR_VALUE, NULL, "clock windows %d and %d overlap; join them", (int)k + 1, (int)i + 1);
    }
    return FG_OK;
}

static bool is_on(const struct fg_contract_window *window, struct fg_date date)
{
    return fg_date_compare(date, window->from) >= 0 && fg_date_compare(date, window->until) <= 0 &&
           (window->weekdays >> (fg_date_weekday(date) - 1) & 1u) != 0;
}

static bool is_at(const struct fg_contract_window *window, int32_t second)
{
    for (int32_t i = 0; i < window->clock_count; i++)
        if (second >= window->clocks[i].from_s && second < window->clocks[i].until_s)
            return true;
    return false;
}

bool fg_contract_window_has(const struct fg_contract_window *window, const struct fg_timezone *zone, int64_t start_s)
{
    struct fg_local_time local = fg_timezone_local(zone, start_s);
    return is_on(window, local.date) && is_at(window, local.second);
}

static int64_t up_div(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}

int32_t fg_contract_window_before(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s)
{
    return (int32_t)(up_div(fg_timezone_day_start(zone, window->from), period_s) - 1);
}

bool fg_contract_window_next(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s,
                             int32_t *period)
{
    for (int64_t at = (int64_t)*period + 1; at <= INT32_MAX;) {
        struct fg_local_time local = fg_timezone_local(zone, at * period_s);
        if (fg_date_compare(local.date, window->until) > 0)
            return false;
        if (fg_date_compare(local.date, window->from) < 0) {
            at = up_div(fg_timezone_day_start(zone, window->from), period_s);
        } else if (!is_on(window, local.date)) {
            at = up_div(fg_timezone_day_start(zone, fg_date_add(local.date, 1)), period_s);
        } else if (is_at(window, local.second)) {
            *period = (int32_t)at;
            return true;
        } else {
            at++;
        }
    }
    return false;
}

int64_t fg_contract_window_units(const struct fg_contract_window *window, const struct fg_timezone *zone, int32_t period_s)
{
    int64_t count = 0;
    for (int32_t period = fg_contract_window_before(window, zone, period_s);
         fg_contract_window_next(window, zone, period_s, &period);)
        count++;
    return count;
}

/* ---- Award ---- */

/* Of one MW, in micro-units times seconds. */
static wide unit_cost(const struct fg_contract_demand *demand, const struct fg_contract_bid *bid)
{
    return (wide)bid->availability.uper_mwh * demand->window_s + (wide)bid->activation.uper_mwh * demand->expected_s;
}

enum fg_code fg_contract_cost(const struct fg_contract_demand *demand, const struct fg_contract_bid *bid,
                              struct fg_power power, struct fg_money *cost, struct fg_error *err)
{
    const wide WS_PER_MWH = INT64_C(3600000000);
    wide exact = unit_cost(demand, bid) * power.w, half = exact < 0 ? -WS_PER_MWH / 2 : WS_PER_MWH / 2;
    wide u = (exact + half) / WS_PER_MWH;
    if (u > INT64_MAX || u < INT64_MIN)
        return fg_fail(err, FG_ERR_OVERFLOW, NULL, "the expected cost does not fit; the prices are beyond reason");
    cost->u = (int64_t)u;
    return FG_OK;
}

static enum fg_code check(const struct fg_contract_demand *demand, const struct fg_contract_bid *bids, size_t count,
                          struct fg_error *err)
{
    const int64_t PRICE_MAX = INT64_C(1000000000000), POWER_MAX = INT64_C(1000000000000), SPAN_MAX = INT64_C(400000000);
    bool is_sound = count <= FG_CONTRACT_BIDS_MAX && demand->tick.w > 0 && demand->required.w > 0 &&
                    demand->required.w <= POWER_MAX && demand->window_s >= 0 && demand->window_s <= SPAN_MAX &&
                    demand->expected_s >= 0 && demand->expected_s <= SPAN_MAX;
    for (size_t i = 0; is_sound && i < count; i++)
        is_sound = bids[i].minimum.w > 0 && bids[i].minimum.w <= bids[i].quantity.w && bids[i].quantity.w <= POWER_MAX &&
                   bids[i].quantity.w % demand->tick.w == 0 && bids[i].availability.uper_mwh >= -PRICE_MAX &&
                   bids[i].availability.uper_mwh <= PRICE_MAX && bids[i].activation.uper_mwh >= -PRICE_MAX &&
                   bids[i].activation.uper_mwh <= PRICE_MAX;
    return is_sound ? FG_OK : fg_fail(err, FG_ERR_ARGUMENT, NULL, "quantities, prices or hours of the award are out of bounds");
}

struct award {
    const struct fg_contract_demand *demand;
    const struct fg_contract_bid *bids;
    size_t count;
    struct fg_power *awarded;
    bool *is_done;
    int64_t *weights, *parts;
    int64_t left_w; /* whole ticks */
};

/* The cheapest bid that is not done, of equal ones the first entered; count: none. */
static size_t cheapest(const struct award *a)
{
    size_t best = a->count;
    for (size_t i = 0; i < a->count; i++) {
        if (a->is_done[i])
            continue;
        wide own = unit_cost(a->demand, &a->bids[i]), other = best < a->count ? unit_cost(a->demand, &a->bids[best]) : 0;
        if (best == a->count || own < other || (own == other && a->bids[i].rank < a->bids[best].rank))
            best = i;
    }
    return best;
}

static void take(struct award *a, size_t i, int64_t quantity_w)
{
    a->is_done[i] = true;
    if (quantity_w < a->bids[i].minimum.w)
        return;
    a->awarded[i].w = quantity_w;
    a->left_w -= quantity_w;
}

/* All bids of this cost share what is left, when they want more than that. */
static enum fg_code share(struct award *a, wide cost, struct fg_error *err)
{
    for (;;) {
        int64_t wanted_w = 0;
        size_t out = a->count;
        for (size_t i = 0; i < a->count; i++) {
            bool is_in = !a->is_done[i] && unit_cost(a->demand, &a->bids[i]) == cost;
            a->weights[i] = is_in ? a->bids[i].quantity.w : 0;
            wanted_w += a->weights[i];
        }
        if (wanted_w == 0)
            return FG_OK;
        int64_t total = a->left_w < wanted_w ? a->left_w : wanted_w, tick = a->demand->tick.w;
        enum fg_code code = fg_split(total / tick, a->weights, a->count, a->parts, err);
        if (code != FG_OK)
            return code;
        for (size_t i = 0; i < a->count; i++)
            if (a->weights[i] > 0 && a->parts[i] * tick < a->bids[i].minimum.w &&
                (out == a->count || a->bids[i].minimum.w > a->bids[out].minimum.w ||
                 (a->bids[i].minimum.w == a->bids[out].minimum.w && a->bids[i].rank > a->bids[out].rank)))
                out = i;
        if (out < a->count) {
            a->is_done[out] = true;
            continue;
        }
        for (size_t i = 0; i < a->count; i++)
            if (a->weights[i] > 0)
                take(a, i, a->parts[i] * tick);
    }
}

enum fg_code fg_contract_award(const struct fg_contract_demand *demand, const struct fg_contract_bid *bids, size_t count,
                               struct fg_power *awarded, struct fg_error *err)
{
    enum fg_code code = check(demand, bids, count, err);
    if (code != FG_OK)
        return code;
    struct award a = {.demand = demand, .bids = bids, .count = count, .awarded = awarded,
                      .is_done = fg_alloc(count, sizeof *a.is_done), .weights = fg_alloc(count, sizeof *a.weights),
                      .parts = fg_alloc(count, sizeof *a.parts),
                      .left_w = demand->required.w / demand->tick.w * demand->tick.w};
    memset(awarded, 0, count * sizeof *awarded);
    if (a.is_done == NULL || a.weights == NULL || a.parts == NULL)
        code = fg_fail_memory(err);
    while (code == FG_OK && a.left_w > 0) {
        size_t next = cheapest(&a);
        if (next == count)
            break;
        if (demand->ties == FG_CONTRACT_PRO_RATA)
            code = share(&a, unit_cost(demand, &bids[next]), err);
        else
            take(&a, next, bids[next].quantity.w < a.left_w ? bids[next].quantity.w : a.left_w);
    }
    fg_free(a.is_done);
    fg_free(a.weights);
    fg_free(a.parts);
    return code;
}

/* ---- Availability ---- */

enum fg_code fg_contract_availability(const struct fg_availability_input *input, struct fg_availability *out,
                                      struct fg_error *err)
{
    const struct fg_delivery_terms *terms = &input->terms;
    struct fg_energy contracted, offered, least;
    struct fg_price price = {0};
    int64_t share, fine = input->price.uper_mwh > 0 ? input->price.uper_mwh : 0;
    enum fg_code code;
    *out = (struct fg_availability){{0}, {0}, {0}, {0}, {0}};
    if (input->contracted.w < 0 || input->offered.w < 0 || input->offered.w > input->contracted.w ||
        input->undelivered.ws < 0 || input->seconds <= 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "no more can be offered than is contracted");
    if ((code = fg_energy_of(input->contracted, input->seconds, &contracted, err)) != FG_OK ||
        (code = fg_energy_of(input->offered, input->seconds, &offered, err)) != FG_OK ||
        (code = fg_energy_of(terms->tolerance, input->seconds, &least, err)) != FG_OK ||
        (code = fg_muldiv(contracted.ws, terms->tolerance_share_u, FG_FRACTION_ONE, &share, err)) != FG_OK)
        return code;
    out->available.ws = offered.ws > input->undelivered.ws ? offered.ws - input->undelivered.ws : 0;
    out->missing.ws = contracted.ws - offered.ws;
    int64_t tolerance = share > least.ws ? share : least.ws;
    out->tolerated.ws = out->missing.ws < tolerance ? out->missing.ws : tolerance;
    if ((code = fg_money_of(out->available, input->price, &out->paid, err)) != FG_OK ||
        (code = fg_muldiv(fine, terms->penalty_factor_u, FG_FRACTION_ONE, &price.uper_mwh, err)) != FG_OK ||
        (code = fg_add(price.uper_mwh, terms->penalty.uper_mwh, &price.uper_mwh, err)) != FG_OK)
        return code;
    struct fg_energy punished = {out->missing.ws - out->tolerated.ws};
    return fg_money_of(punished, price, &out->penalty, err);
}
