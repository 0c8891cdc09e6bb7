#include "market_generator.h"

#include "base/random.h"
#include "grid/powerflow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    const struct fg_network *network;
    const struct bench_market *spec;
    struct fg_random random;
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    double *load_p, *load_q, *pv; /* per bus, at factor 1 */
    double *bus_p, *bus_q, *zero; /* inputs of a power flow */
    double load_factor, pv_factor;
    double *flow;                 /* branch x period, MVA */
    struct fg_market *market;
};

static double hour_of(const struct maker *maker, int32_t t)
{
    return fmod((t + 0.5) * maker->spec->period_s / 3600, 24);
}

static double bump(double hour, double centre, double width)
{
    double z = (hour - centre) / width;
    return exp(-0.5 * z * z);
}

static double load_shape(const struct maker *maker, int32_t t)
{
    double hour = hour_of(maker, t);
    return 0.45 + 0.25 * bump(hour, 8, 1.8) + 0.55 * bump(hour, 19, 2.2);
}

static double pv_shape(const struct maker *maker, int32_t t)
{
    double hour = hour_of(maker, t);
    return hour < 6 || hour > 19 ? 0 : pow(sin(M_PI * (hour - 6) / 13), 1.5);
}

static void inject(struct maker *maker, int32_t t, double load_factor, double pv_factor)
{
    for (size_t b = 0; b < maker->network->bus_count; b++) {
        maker->bus_p[b] = load_factor * load_shape(maker, t) * maker->load_p[b] + pv_factor * pv_shape(maker, t) * maker->pv[b];
        maker->bus_q[b] = load_factor * load_shape(maker, t) * maker->load_q[b];
    }
}

/* Power flow of a period; false when there is no solution. */
static bool flow_at(struct maker *maker, int32_t t, double load_factor, double pv_factor)
{
    struct fg_powerflow_input input = { .injection_p_mw = maker->zero, .injection_q_mvar = maker->zero,
                                        .bus_p_mw = maker->bus_p, .bus_q_mvar = maker->bus_q };
    struct fg_error err = { 0 };
    inject(maker, t, load_factor, pv_factor);
    fg_powerflow_set_injections(maker->powerflow, &input);
    return fg_powerflow_solve(maker->powerflow, maker->result, &err) == FG_OK &&
           maker->result->status == FG_POWERFLOW_CONVERGED;
}

static int32_t period_at(const struct maker *maker, double hour)
{
    return (int32_t)(hour * 3600 / maker->spec->period_s) % maker->spec->periods;
}

/* Factor at which the extreme voltage of a period just reaches `target`, by bisection. */
static double scale_to(struct maker *maker, int32_t t, bool is_load, double target)
{
    double low = 0, high = 1;
    for (int i = 0; i < 60; i++) {
        double middle = i < 12 ? high : 0.5 * (low + high);
        bool solved = flow_at(maker, t, is_load ? middle : maker->load_factor, is_load ? 0 : middle);
        bool beyond = !solved || (is_load ? maker->result->vm_min_pu < target : maker->result->vm_max_pu > target);
        if (beyond)
            high = middle;
        else
            low = middle;
        if (i < 12 && !beyond)
            high *= 2;
        else if (i < 12)
            i = 12;
    }
    return low;
}

static enum fg_code prepare(struct maker *maker, struct fg_error *err)
{
    const struct fg_network *network = maker->network;
    struct fg_powerflow_options options = fg_powerflow_options_default();
    size_t buses = network->bus_count;
    double **arrays[5] = { &maker->load_p, &maker->load_q, &maker->pv, &maker->bus_p, &maker->bus_q };
    for (int i = 0; i < 5; i++)
        if ((*arrays[i] = fg_alloc(buses, sizeof(double))) == NULL)
            return fg_fail_memory(err);
    maker->zero = fg_alloc(network->injection_count, sizeof(double));
    maker->flow = fg_alloc(network->branch_count * (size_t)maker->spec->periods, sizeof(double));
    if (maker->zero == NULL || maker->flow == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < network->injection_count; i++) {
        maker->load_p[network->injections[i].bus] += network->injections[i].p_mw;
        maker->load_q[network->injections[i].bus] += network->injections[i].q_mvar;
    }
    for (size_t b = 0; b < buses; b++)
        if (maker->load_p[b] < 0 && fg_random_unit(&maker->random) < 0.5)
            maker->pv[b] = -maker->load_p[b] * fg_random_between(&maker->random, 0.5, 2);
    options.without_violations = true;
    enum fg_code code = fg_powerflow_create(network, &options, &maker->powerflow, err);
    return code == FG_OK ? fg_powerflow_result_create(network, &maker->result, err) : code;
}

static enum fg_code scale(struct maker *maker, struct fg_error *err)
{
    const struct bench_market *spec = maker->spec;
    maker->load_factor = 0;
    maker->load_factor = scale_to(maker, period_at(maker, 19), true, spec->vm_min_pu - spec->depth_pu);
    maker->pv_factor = scale_to(maker, period_at(maker, 12.5), false, spec->vm_max_pu + spec->depth_pu);
    if (!(maker->load_factor > 0) || !(maker->pv_factor > 0))
        return fg_fail(err, FG_ERR_NUMERIC, NULL, "no scaling of load and photovoltaics brings the network to its limits");
    for (int32_t t = 0; t < spec->periods; t++) {
        if (!flow_at(maker, t, maker->load_factor, maker->pv_factor))
            return fg_fail(err, FG_ERR_NUMERIC, NULL, "period %d has no power flow solution", (int)t + 1);
        for (size_t k = 0; k < maker->network->branch_count; k++)
            maker->flow[k * (size_t)spec->periods + (size_t)t] =
                fmax(hypot(maker->result->p_from_mw[k], maker->result->q_from_mvar[k]),
                     hypot(maker->result->p_to_mw[k], maker->result->q_to_mvar[k]));
    }
    return FG_OK;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The network's own ratings are taken off, so that nothing but what is set here is scarce. */
static enum fg_code take_off_ratings(struct maker *maker, struct fg_error *err)
{
    for (size_t k = 0; k < maker->network->branch_count; k++) {
        if (!isfinite(maker->network->branches[k].rate_normal_mva))
            continue;
        struct fg_branch_limit *limit = fg_market_add_branch_limit(maker->market, maker->network->branches[k].id);
        if (limit == NULL)
            return fg_fail_memory(err);
        limit->rating.w = FG_NO_LIMIT;
    }
    return FG_OK;
}

static struct fg_branch_limit *limit_of(struct fg_market *market, const char *branch)
{
    for (size_t i = 0; i < market->branch_limit_count; i++)
        if (strcmp(market->branch_limits[i].branch, branch) == 0)
            return &market->branch_limits[i];
    return fg_market_add_branch_limit(market, branch);
}

/* Ratings on branches that carry a middling part of the largest flow, at the 72nd percentile of their own flow. */
static enum fg_code add_ratings(struct maker *maker, struct fg_error *err)
{
    const size_t periods = (size_t)maker->spec->periods, branches = maker->network->branch_count;
    double largest = 0;
    size_t seen = 0, candidates = 0;
    for (int pass = 0; pass < 3; pass++) {
        int32_t placed = 0;
        for (size_t k = 0; k < branches; k++) {
            double peak = 0;
            for (size_t t = 0; t < periods; t++)
                peak = fmax(peak, maker->flow[k * periods + t]);
            if (pass == 0) {
                largest = fmax(largest, peak);
                continue;
            }
            if (peak < 0.06 * largest || peak > 0.45 * largest)
                continue;
            if (pass == 1) {
                candidates++;
                continue;
            }
            size_t step = candidates / (size_t)maker->spec->rated_branches + 1;
            if (seen++ % step != step / 2 || placed >= maker->spec->rated_branches)
                continue;
            double *sorted = fg_alloc(periods, sizeof *sorted);
            if (sorted == NULL)
                return fg_fail_memory(err);
            memcpy(sorted, maker->flow + k * periods, periods * sizeof *sorted);
            qsort(sorted, periods, sizeof *sorted, compare_doubles);
            double rating = fmax(sorted[periods * 72 / 100], maker->spec->rating_of_peak * peak);
            fg_free(sorted);
            struct fg_branch_limit *limit = limit_of(maker->market, maker->network->branches[k].id);
            if (limit == NULL)
                return fg_fail_memory(err);
            limit->rating.w = llround(rating * 1e6);
            placed++;
        }
    }
    return FG_OK;
}

static enum fg_code add_baselines(struct maker *maker, struct fg_error *err)
{
    for (size_t b = 0; b < maker->network->bus_count; b++) {
        if (maker->load_p[b] == 0 && maker->pv[b] == 0)
            continue;
        struct fg_baseline *row = fg_market_add_baseline(maker->market, FG_BASELINE_BUS, maker->network->buses[b].id);
        struct fg_power *p = fg_market_profile(maker->market), *q = fg_market_profile(maker->market);
        if (row == NULL || p == NULL || q == NULL)
            return fg_fail_memory(err);
        for (int32_t t = 0; t < maker->spec->periods; t++) {
            inject(maker, t, maker->load_factor, maker->pv_factor);
            p[t].w = llround(maker->bus_p[b] * 1e6);
            q[t].w = llround(maker->bus_q[b] * 1e6);
        }
        row->p = p;
        row->q = q;
    }
    return FG_OK;
}

static double import_price(const struct maker *maker, int32_t t)
{
    double hour = hour_of(maker, t);
    return round(100 * (55 + 40 * bump(hour, 19.5, 2) + 20 * bump(hour, 8, 1.5) - 35 * bump(hour, 13, 2.5))) / 100;
}

/* An offer at a bus with load or photovoltaics: up sheds load, down curtails or consumes what the sun gives. */
static enum fg_code add_offer(struct maker *maker, int32_t index, bool block, size_t bus, struct fg_error *err)
{
    const struct bench_market *spec = maker->spec;
    struct fg_random *random = &maker->random;
    struct fg_power quantity[FG_MARKET_POINTS_MAX];
    char id[32], participant[32];
    bool up = maker->pv[bus] == 0 || fg_random_unit(random) < 0.5;
    int32_t hour = spec->periods >= 24 ? spec->periods / 24 : 1;
    int32_t count = block ? 2 * hour + (int32_t)fg_random_below(random, (uint64_t)(3 * hour))
                          : 3 * hour + (int32_t)fg_random_below(random, (uint64_t)(5 * hour));
    double centre = up ? 19 : 12.5;
    double middle = centre + fg_random_between(random, -4, 4);
    int32_t first = period_at(maker, middle) - count / 2;
    first = first < 0 ? 0 : first + count > spec->periods ? spec->periods - count : first;
    double share = fg_random_between(random, block ? 0.1 : 0.2, block ? 0.35 : 0.6);
    int64_t largest = 0, flat = 0;
    for (int32_t k = 0; k < count; k++) {
        double mw = up ? -share * maker->load_factor * load_shape(maker, first + k) * maker->load_p[bus]
                       : share * maker->pv_factor * pv_shape(maker, first + k) * maker->pv[bus];
        quantity[k].w = (int64_t)(mw * 1e6 / (double)spec->tick_w) * spec->tick_w;
        flat = k == 0 || quantity[k].w < flat ? quantity[k].w : flat;
        largest = quantity[k].w > largest ? quantity[k].w : largest;
    }
    for (int32_t k = 0; k < count && block; k++)
        quantity[k].w = largest = flat > 0 ? flat : spec->tick_w;
    if (largest == 0)
        quantity[0].w = largest = spec->tick_w;
    /* Above the import price (up) and its negative (down) of every period: taken for the grid, not for its energy. */
    double dearest = 0, cheapest = INFINITY;
    for (int32_t k = 0; k < count; k++) {
        dearest = fmax(dearest, import_price(maker, first + k));
        cheapest = fmin(cheapest, import_price(maker, first + k));
    }
    double price = up ? dearest + fg_random_between(random, 2, 120) : -cheapest + fg_random_between(random, 2, 100);
    struct fg_price_point point = { { largest }, { llround(price * 100) * 10000 } };
    snprintf(id, sizeof id, "%s-%d", block ? "block" : "offer", (int)index);
    snprintf(participant, sizeof participant, "p%d", (int)(index % 40));
    struct fg_order order = { .id = id, .participant = fg_market_participant(maker->market, participant),
                              .side = FG_SIDE_SELL, .regulation = up ? FG_REGULATION_UP : FG_REGULATION_DOWN,
                              .location = maker->network->buses[bus].id, .zone = -1, .asset = -1,
                              .first_period = first, .period_count = count, .quantity = quantity, .points = &point,
                              .point_count = 1, .block = block, .parent = -1, .group = -1 };
    if (block)
        order.min_fraction_u = fg_random_unit(random) < 0.7 ? FG_FRACTION_ONE : FG_FRACTION_ONE / 2;
    return fg_market_add_order(maker->market, &order, err);
}

static enum fg_code add_orders(struct maker *maker, struct fg_error *err)
{
    const struct bench_market *spec = maker->spec;
    size_t buses = maker->network->bus_count, count = 0;
    size_t *loaded = fg_alloc(buses, sizeof *loaded);
    enum fg_code code = loaded == NULL ? fg_fail_memory(err) : FG_OK;
    double total = 0;
    for (size_t b = 0; b < buses && code == FG_OK; b++)
        total -= maker->load_p[b];
    for (size_t b = 0; b < buses && code == FG_OK; b++)
        if (-maker->load_p[b] > 0.01 * total / (double)buses)
            loaded[count++] = b;
    for (int32_t i = 0; i < spec->orders && code == FG_OK; i++)
        code = add_offer(maker, i, i < (int32_t)ceil(spec->block_share * spec->orders),
                         loaded[fg_random_below(&maker->random, count)], err);
    fg_free(loaded);
    return code;
}

static enum fg_code fill_market(struct maker *maker, struct fg_error *err)
{
    const struct bench_market *spec = maker->spec;
    struct fg_market *market = maker->market;
    enum fg_code code = fg_market_set_horizon(market, 1805065200, spec->period_s, spec->periods, err);
    if (code != FG_OK)
        return code;
    market->physics = spec->physics;
    market->tick.w = spec->tick_w;
    market->vm_min_u = llround(spec->vm_min_pu * FG_FRACTION_ONE);
    market->vm_max_u = llround(spec->vm_max_pu * FG_FRACTION_ONE);
    market->operator_id = fg_market_string(market, "operator");
    if (market->operator_id == NULL || fg_market_participant(market, "operator") < 0)
        return fg_fail_memory(err);
    for (int32_t t = 0; t < spec->periods; t++)
        market->import_price[t].uper_mwh = llround(import_price(maker, t) * 1e6);
    code = take_off_ratings(maker, err);
    if (code == FG_OK)
        code = add_ratings(maker, err);
    if (code == FG_OK)
        code = add_baselines(maker, err);
    if (code == FG_OK)
        code = add_orders(maker, err);
    return code == FG_OK ? fg_market_validate(market, err) : code;
}

enum fg_code bench_market_generate(const struct fg_network *network, const struct bench_market *spec,
                                   struct fg_market **market, struct fg_error *err)
{
    struct maker maker = { .network = network, .spec = spec };
    fg_random_init(&maker.random, spec->seed);
    *market = NULL;
    enum fg_code code = prepare(&maker, err);
    if (code == FG_OK)
        code = scale(&maker, err);
    if (code == FG_OK && (maker.market = fg_market_create("bench")) == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = fill_market(&maker, err);
    if (code == FG_OK)
        *market = maker.market;
    else
        fg_market_destroy(maker.market);
    fg_powerflow_destroy(maker.powerflow);
    fg_powerflow_result_destroy(maker.result);
    void *blocks[] = { maker.load_p, maker.load_q, maker.pv, maker.bus_p, maker.bus_q, maker.zero, maker.flow };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    return code;
}
