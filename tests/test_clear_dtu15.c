/* The 15-bus P and Q market of the DTU FLEXGRID platform (A. Bagemihl et al. work with the 15-bus feeder; data folder
 * market/dtu15): published welfare 1.42, 1.13, 1.11 for the three target times, P and Q balanced separately. */
#include "clear_fixture.h"

#include "base/csv.h"

#include <stdlib.h>
#include <unistd.h>

#define FOLDER FG_SHARED_DIR "/data/market/dtu15/"

static void need_folder(void)
{
    if (access(FOLDER "dtu15_bids.csv", R_OK) != 0) {
        print_message("skipped: %s absent\n", FOLDER);
        skip();
    }
}

static size_t column(const struct fg_csv *csv, const char *name)
{
    struct fg_error err = { 0 };
    size_t index = 0;
    must(fg_csv_need(csv, name, &index, &err), &err);
    return index;
}

static double number(const struct fg_csv *csv, size_t row, const char *name)
{
    struct fg_error err = { 0 };
    double value = 0;
    must(fg_csv_number(csv, row, column(csv, name), &value, &err), &err);
    return value;
}

static void read_table(struct fg_csv *csv, const char *name)
{
    struct fg_error err = { 0 };
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s", name);
    must(fg_csv_read(csv, path, &err), &err);
}

/* Impedances are p.u. on 1 MVA; the column named susceptance is reactance. */
static struct fg_network *read_network(double rating_scale)
{
    struct fg_csv buses, branches;
    struct fg_network *network = fg_network_create();
    assert_non_null(network);
    read_table(&buses, "dtu15_bus.csv");
    read_table(&branches, "dtu15_branch.csv");
    for (size_t r = 0; r < buses.row_count; r++) {
        struct fg_bus *bus = fg_network_add_bus(network, fg_csv_field(&buses, r, column(&buses, "nodeId")), 11);
        assert_non_null(bus);
        bus->vm_min_pu = number(&buses, r, "voltageMin");
        bus->vm_max_pu = number(&buses, r, "voltageMax");
    }
    for (size_t r = 0; r < branches.row_count; r++) {
        int32_t from = fg_network_find_bus(network, fg_csv_field(&branches, r, column(&branches, "nodeStart")));
        int32_t to = fg_network_find_bus(network, fg_csv_field(&branches, r, column(&branches, "nodeEnd")));
        struct fg_branch *branch =
            fg_network_add_branch(network, fg_csv_field(&branches, r, column(&branches, "lineID")), from, to);
        assert_non_null(branch);
        branch->r_pu = number(&branches, r, "resistance");
        branch->x_pu = number(&branches, r, "susceptance");
        branch->rate_normal_mva = rating_scale * number(&branches, r, "loadMax");
    }
    struct fg_generator *source = fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0);
    assert_non_null(source);
    source->vm_set_pu = 1;
    fg_csv_release(&buses);
    fg_csv_release(&branches);
    return network;
}

static struct fg_market *read_market(enum fg_market_physics physics)
{
    static const char *const buses[] = { "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13",
                                         "n14", "n15" };
    struct fg_csv bids, p, q;
    struct fg_error err = { 0 };
    struct fg_market *market = market_of(3, 0, physics);
    market->tick.w = 10000; /* the book trades in 0.01 MW; the schedule is found in whole ones */
    market->balance = market->balance_reactive = FG_BALANCE_CLOSED;
    market->match_requests = true;
    read_table(&p, "dtu15_setpoint_P.csv");
    read_table(&q, "dtu15_setpoint_Q.csv");
    for (size_t b = 0; b < sizeof buses / sizeof *buses; b++) {
        struct fg_baseline *row = fg_market_add_baseline(market, FG_BASELINE_BUS, buses[b]);
        assert_non_null(row);
        struct fg_power *own_p = fg_market_profile(market), *own_q = fg_market_profile(market);
        for (size_t t = 0; t < 3; t++) {
            own_p[t].w = llround(1e6 * number(&p, t, buses[b]));
            own_q[t].w = llround(1e6 * number(&q, t, buses[b]));
        }
        row->p = own_p;
        row->q = own_q;
    }
    read_table(&bids, "dtu15_bids.csv");
    for (size_t r = 0; r < bids.row_count; r++) {
        const char *bus = fg_csv_field(&bids, r, column(&bids, "location"));
        bool request = strcmp(fg_csv_field(&bids, r, column(&bids, "bidtype")), "Request") == 0;
        bool up = strcmp(fg_csv_field(&bids, r, column(&bids, "regulation")), "Up") == 0;
        int t = atoi(fg_csv_field(&bids, r, column(&bids, "timetarget")) + 1) - 1;
        struct draft draft =
            draft_of(market, fg_csv_field(&bids, r, 0), fg_csv_field(&bids, r, 0), request ? FG_SIDE_BUY : FG_SIDE_SELL,
                     up ? FG_REGULATION_UP : FG_REGULATION_DOWN, bus, t, 1, number(&bids, r, "volume"),
                     number(&bids, r, "price"));
        draft.order.product = fg_csv_field(&bids, r, column(&bids, "type"))[0] == 'Q' ? FG_PRODUCT_REACTIVE
                                                                                      : FG_PRODUCT_ACTIVE;
        draft.order.quantity = draft.quantity;
        draft.order.points = &draft.point;
        must(fg_market_add_order(market, &draft.order, &err), &err);
    }
    fg_csv_release(&bids);
    fg_csv_release(&p);
    fg_csv_release(&q);
    return market;
}

static double welfare_of(const struct fg_clear_result *result, int period)
{
    double welfare = 0;
    for (size_t o = 0; o < result->market->order_count; o++) {
        const struct fg_order *order = &result->market->orders[o];
        if (order->first_period == period)
            welfare += (order->side == FG_SIDE_BUY ? 1 : -1) * fg_per_mwh(order->points[0].price) *
                       accepted_mw(result, (int32_t)o, 0);
    }
    return welfare;
}

static void published_welfare(void **state)
{
    (void)state;
    need_folder();
    struct fg_network *network = read_network(1);
    struct fg_market *market = read_market(FG_MARKET_LINDISTFLOW);
    struct fg_clear_result *result = cleared(network, market);
    for (int t = 0; t < 3; t++)
        print_message("t%d welfare %.4f\n", t + 1, welfare_of(result, t));
    assert_near(welfare_of(result, 0), 1.42, 1e-9);
    assert_near(welfare_of(result, 1), 1.13, 1e-9);
    assert_near(welfare_of(result, 2), 1.11, 1e-9);
    assert_near(result->welfare, 1.42 + 1.13 + 1.11, 1e-4);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* The AC result beside it: import is free, so that losses cost nothing and no limit is near. */
static void ac_beside(void **state)
{
    (void)state;
    need_folder();
    struct fg_network *network = read_network(1);
    struct fg_market *market = read_market(FG_MARKET_AC);
    struct fg_clear_result *result = cleared(network, market);
    assert_int_equal(result->status, FG_CLEAR_CLEARED);
    for (int t = 0; t < 3; t++)
        print_message("ac: t%d welfare %.4f\n", t + 1, welfare_of(result, t));
    assert_near(welfare_of(result, 0) + welfare_of(result, 1) + welfare_of(result, 2), 1.42 + 1.13 + 1.11, 1e-6);
    assert_ledger_closes(result);
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(published_welfare), cmocka_unit_test(ac_beside) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
