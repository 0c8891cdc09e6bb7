/* Small networks and markets for the clearing tests. */
#ifndef CLEAR_FIXTURE_H
#define CLEAR_FIXTURE_H

#include "near.h"
#include "toolkit/dfmct/clear.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline void must(enum fg_code code, const struct fg_error *err)
{
    if (code != FG_OK)
        fail_msg("%s: %s", err->place, err->text);
}

/* A feeder: source at bus "0" (1.0 p.u.), buses "1" ... count in a row, lines "l1" ... of r + jx p.u. on 1 MVA. */
static inline struct fg_network *feeder(int count, double r, double x, double rate_mva)
{
    struct fg_network *network = fg_network_create();
    char id[16], line[16];
    assert_non_null(network);
    for (int b = 0; b <= count; b++) {
        snprintf(id, sizeof id, "%d", b);
        struct fg_bus *bus = fg_network_add_bus(network, id, 20);
        assert_non_null(bus);
        bus->vm_min_pu = 0.9;
        bus->vm_max_pu = 1.1;
    }
    for (int b = 1; b <= count; b++) {
        snprintf(line, sizeof line, "l%d", b);
        struct fg_branch *branch = fg_network_add_branch(network, line, b - 1, b);
        assert_non_null(branch);
        branch->r_pu = r;
        branch->x_pu = x;
        branch->rate_normal_mva = rate_mva;
    }
    struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    assert_non_null(source);
    source->vm_set_pu = 1;
    return network;
}

static inline void load(struct fg_network *network, const char *id, int bus, double p_mw, double q_mvar)
{
    assert_non_null(fg_network_add_injection(network, id, FG_INJECTION_LOAD, bus, -p_mw, -q_mvar));
}

/* Branch as an ideal transformer of ratio 1 + step x position at its from side, with the line's r + jx behind it. */
static inline void make_tap(struct fg_network *network, int branch, int low, int high, int position, double step)
{
    struct fg_branch *b = &network->branches[branch];
    b->kind = FG_BRANCH_TRANSFORMER;
    b->tap = (struct fg_tap_changer){ .exists = true, .minimum = low, .maximum = high, .step_ratio = step,
                                      .on_from_side = true, .regulated_bus = -1 };
    b->ratio = 1;
    fg_branch_set_tap(b, position);
}

static inline void controllable(struct fg_market *market, const char *branch)
{
    struct fg_controllable_tap *tap = fg_market_add_controllable_tap(market, branch);
    assert_non_null(tap);
    tap->place = fg_market_string(market, branch);
}

static inline void band(struct fg_network *network, double low, double high)
{
    for (size_t b = 1; b < network->bus_count; b++) {
        network->buses[b].vm_min_pu = low;
        network->buses[b].vm_max_pu = high;
    }
}

static inline struct fg_market *market_of(int periods, double import_price, enum fg_market_physics physics)
{
    struct fg_error err = { 0 };
    struct fg_market *market = fg_market_create("test");
    assert_non_null(market);
    must(fg_market_set_horizon(market, 1767225600, 3600, periods, &err), &err);
    market->physics = physics;
    for (int t = 0; t < periods; t++)
        market->import_price[t].uper_mwh = llround(import_price * 1e6);
    assert_true(fg_market_participant(market, "operator") >= 0);
    market->operator_id = fg_market_string(market, "operator");
    return market;
}

/* An order to be changed before it is added: one price, constant quantity. */
struct draft {
    struct fg_order order;
    struct fg_power quantity[96];
    struct fg_price_point point;
};

static inline struct draft draft_of(struct fg_market *market, const char *id, const char *participant, enum fg_side side,
                                    enum fg_regulation regulation, const char *bus, int first, int count, double mw,
                                    double price)
{
    struct draft draft = { .order = { .id = id, .side = side, .regulation = regulation, .location = bus, .zone = -1,
                                      .asset = -1, .first_period = first, .period_count = count, .point_count = 1,
                                      .parent = -1, .group = -1,
                                      .kind = side == FG_SIDE_BUY ? FG_REQUEST_EXCHANGE : FG_REQUEST_NONE } };
    draft.order.participant = fg_market_participant(market, participant);
    for (int k = 0; k < count; k++)
        draft.quantity[k].w = llround(mw * 1e6);
    draft.point = (struct fg_price_point){ { llround(mw * 1e6) }, { llround(price * 1e6) } };
    return draft;
}

static inline int32_t submit(struct fg_market *market, struct draft *draft)
{
    struct fg_error err = { 0 };
    draft->order.quantity = draft->quantity;
    draft->order.points = &draft->point;
    must(fg_market_add_order(market, &draft->order, &err), &err);
    return (int32_t)market->order_count - 1;
}

static inline int32_t offer(struct fg_market *market, const char *id, enum fg_regulation regulation, const char *bus,
                            int first, int count, double mw, double price)
{
    struct draft draft = draft_of(market, id, id, FG_SIDE_SELL, regulation, bus, first, count, mw, price);
    return submit(market, &draft);
}

static inline struct fg_clear_result *cleared(const struct fg_network *network, struct fg_market *market)
{
    struct fg_error err = { 0 };
    struct fg_clear_result *result = NULL;
    must(fg_market_validate(market, &err), &err);
    must(fg_clear(network, market, NULL, &result, &err), &err);
    return result;
}

static inline double accepted_mw(const struct fg_clear_result *result, int32_t order, int k)
{
    return fg_mw(result->accepted[result->market->orders[order].offset + (size_t)k]);
}

static inline const struct fg_clear_price *price_p(const struct fg_clear_result *result, int period, int bus)
{
    return &result->price_p[(size_t)period * result->network->bus_count + (size_t)bus];
}

static inline int64_t balance_u(const struct fg_clear_result *result, enum fg_account account)
{
    struct fg_error err = { 0 };
    struct fg_money money = { 0 };
    must(fg_settlement_balance(&result->settlement, account, -1, &money, &err), &err);
    return money.u;
}

/* Money in = money out, and the market account passes everything on. */
static inline void assert_ledger_closes(const struct fg_clear_result *result)
{
    int64_t sum = 0;
    for (int account = 0; account < FG_ACCOUNT_COUNT; account++)
        sum += balance_u(result, (enum fg_account)account);
    assert_int_equal(sum, 0);
    assert_int_equal(balance_u(result, FG_ACCOUNT_MARKET), 0);
}

static inline void assert_parts_add_up(const struct fg_clear_result *result)
{
    for (size_t i = 0; i < (size_t)result->market->period_count * result->network->bus_count; i++)
        for (int product = 0; product < 2; product++) {
            const struct fg_clear_price *price = product == 0 ? &result->price_p[i] : &result->price_q[i];
            double sum = 0;
            for (int part = 0; part < FG_PART_COUNT; part++)
                sum += price->part[part];
            if (!isnan(price->total))
                assert_true(fabs(sum - price->total) <= 1e-6);
        }
}

#endif
