#include "toolkit/dfmct/match_network.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Factors below this are rounding of the inversion; ratings are met exactly within half a watt. */
#define FACTOR_MIN 1e-9
#define SLACK_W 0.5

struct fg_match_network {
    int32_t line_count, bus_count, first_period, period_count;
    double *ptdf, *rating;     /* W */
    double *base, *low, *high; /* period x line; low and high are what trades add */
};

enum fg_code fg_match_network_create(int32_t line_count, int32_t bus_count, const double *ptdf, const int64_t *rating_w,
                                     int32_t first_period, int32_t period_count, const double *base_flow_w,
                                     struct fg_match_network **out, struct fg_error *err)
{
    if (line_count < 0 || bus_count < 1 || period_count < 1)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a network has buses, and a check has periods");
    struct fg_match_network *n = fg_alloc(1, sizeof *n);
    if (n == NULL)
        return fg_fail_memory(err);
    size_t lines = (size_t)line_count, factors = lines * (size_t)bus_count, states = lines * (size_t)period_count;
    *n = (struct fg_match_network){.line_count = line_count,
                                   .bus_count = bus_count,
                                   .first_period = first_period,
                                   .period_count = period_count,
                                   .ptdf = fg_alloc(factors, sizeof(double)),
                                   .rating = fg_alloc(lines, sizeof(double)),
                                   .base = fg_alloc(states, sizeof(double)),
                                   .low = fg_alloc(states, sizeof(double)),
                                   .high = fg_alloc(states, sizeof(double))};
    if (n->ptdf == NULL || n->rating == NULL || n->base == NULL || n->low == NULL || n->high == NULL) {
        fg_match_network_destroy(n);
        return fg_fail_memory(err);
    }
    for (size_t i = 0; i < factors; i++) {
        if (!isfinite(ptdf[i])) {
            fg_match_network_destroy(n);
            return fg_fail(err, FG_ERR_VALUE, NULL, "factor %zu is not a number", i);
        }
        n->ptdf[i] = ptdf[i];
    }
    for (size_t i = 0; i < lines; i++)
        n->rating[i] = (double)rating_w[i];
    if (base_flow_w != NULL)
        memcpy(n->base, base_flow_w, states * sizeof(double));
    *out = n;
    return FG_OK;
}

void fg_match_network_destroy(struct fg_match_network *n)
{
    if (n == NULL)
        return;
    fg_free(n->ptdf);
    fg_free(n->rating);
    fg_free(n->base);
    fg_free(n->low);
    fg_free(n->high);
    fg_free(n);
}

/* Change of flow of a line per watt of the trade. */
static double factor(const struct fg_match_network *n, const struct fg_book_flow *flow, int32_t line)
{
    const double *row = n->ptdf + (size_t)line * (size_t)n->bus_count;
    double sum = 0;
    if (flow->sell_bus >= 0 && flow->sell_bus < n->bus_count)
        sum += row[flow->sell_bus];
    if (flow->kind == FG_REQUEST_EXCHANGE && flow->buy_bus >= 0 && flow->buy_bus < n->bus_count)
        sum -= row[flow->buy_bus];
    sum = flow->regulation == FG_REGULATION_UP ? sum : -sum;
    return fabs(sum) < FACTOR_MIN ? 0 : sum;
}

/* Index of the period's first line state, -1: not checked. */
static int64_t state_of(const struct fg_match_network *n, const struct fg_book_flow *flow)
{
    int64_t index = (int64_t)flow->period - n->first_period;
    if (flow->product != FG_PRODUCT_ACTIVE || index < 0 || index >= n->period_count)
        return -1;
    return index * n->line_count;
}

static int64_t take(void *context, const struct fg_book_flow *flow, int64_t wanted)
{
    const struct fg_match_network *n = context;
    int64_t at = state_of(n, flow);
    double most = (double)wanted;
    for (int32_t line = 0; line < n->line_count && at >= 0; line++) {
        double change = factor(n, flow, line);
        if (change == 0)
            continue;
        double room = change > 0 ? n->rating[line] - (n->base[at + line] + n->high[at + line])
                                 : n->rating[line] + (n->base[at + line] + n->low[at + line]);
        most = fmin(most, fmax(0, room + SLACK_W) / fabs(change));
    }
    return most >= (double)wanted ? wanted : (int64_t)floor(most);
}

static void move(struct fg_match_network *n, const struct fg_book_flow *flow, double quantity)
{
    int64_t at = state_of(n, flow);
    for (int32_t line = 0; line < n->line_count && at >= 0; line++) {
        double per_watt = factor(n, flow, line);
        if (!flow->conditional || per_watt > 0)
            n->high[at + line] += per_watt * quantity;
        if (!flow->conditional || per_watt < 0)
            n->low[at + line] += per_watt * quantity;
    }
}

static void commit(void *context, const struct fg_book_flow *flow, int64_t quantity)
{
    move(context, flow, (double)quantity);
}

static void undo(void *context, const struct fg_book_flow *flow, int64_t quantity, bool is_reversal)
{
    (void)is_reversal;
    move(context, flow, -(double)quantity);
}

struct fg_book_network fg_match_network_interface(struct fg_match_network *network)
{
    return (struct fg_book_network){network, take, commit, undo};
}

enum fg_code fg_match_network_set_base(struct fg_match_network *n, int32_t period, const double *base_flow_w,
                                       struct fg_error *err)
{
    int64_t index = (int64_t)period - n->first_period;
    if (index < 0 || index >= n->period_count)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "period %d is not checked", (int)period);
    memcpy(n->base + index * n->line_count, base_flow_w, (size_t)n->line_count * sizeof(double));
    return FG_OK;
}

void fg_match_network_range(const struct fg_match_network *n, int32_t period, int32_t line, double *low_w,
                            double *high_w)
{
    int64_t at = (int64_t)(period - n->first_period) * n->line_count + line;
    *low_w = n->base[at] + n->low[at];
    *high_w = n->base[at] + n->high[at];
}
