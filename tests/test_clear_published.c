/* Published grids and markets through the clearing: dtu15 with lines that bind against the independent linear program
 * of market_reference.h, the days of lfm_cyprus_cigre, and the two distribution cases that have no feasible power flow
 * without flexibility. */
#include "clear_fixture.h"
#include "grid/matpower.h"
#include "grid/powerflow.h"
#include "market_import.h"
#include "market_reference.h"

#include <stdlib.h>
#include <unistd.h>

#define MARKETS FG_SHARED_DIR "/data/market"
#define CASES FG_SHARED_DIR "/data/cases/matpower"

static void need(const char *folder)
{
    if (access(folder, R_OK) == 0)
        return;
    print_message("skipped: folder %s absent\n", folder);
    skip();
}

static void finish(struct fg_clear_result *result, struct fg_market *market, struct fg_network *network)
{
    fg_clear_result_destroy(result);
    fg_market_destroy(market);
    fg_network_destroy(network);
}

/* The headroom of the lines shrinks until two and more bind in each period; welfare is that of the independent program
 * in every step, in the end well below the unconstrained 1.42, 1.13 and 1.11. */
static void dtu15_with_binding_lines(void **state)
{
    (void)state;
    struct fg_error err = { 0 };
    need(MARKETS "/dtu15");
    for (int step = 10; step >= 1; step -= step > 4 ? 3 : 1) {
        struct fg_network *network;
        struct fg_market *market;
        must(fg_import_dtu15(MARKETS, step / 10.0, &network, &market, &err), &err);
        market->tick.w = 1; /* the quantities of the linear program, up to a watt */
        struct fg_clear_result *result = cleared(network, market);
        double expected = 0;
        for (int32_t t = 0; t < 3; t++) {
            struct fg_reference_result reference;
            must(fg_reference_lindistflow(network, market, t, true, NULL, &reference, &err), &err);
            expected += reference.welfare;
            if (step == 3)
                assert_true(reference.binding_lines >= 2);
        }
        print_message("headroom %.1f: welfare %.6f, independent program %.6f\n", step / 10.0, result->welfare, expected);
        assert_near(result->welfare, expected, 1e-4 * expected);
        assert_near(-result->bound, expected, 1e-3 * expected);
        if (step <= 3) {
            int binding = 0;
            for (size_t i = 0; i < result->limit_count; i++)
                binding += result->limits[i].kind == FG_CLEAR_LIMIT_BRANCH && result->limits[i].shadow_price > 1e-3;
            assert_true(binding >= 2);
            assert_true(expected < 1.42 + 1.13 + 1.11 - 0.03);
        }
        assert_ledger_closes(result);
        finish(result, market, network);
    }
}

/* Both days, with free import and at the wholesale price: nothing fails, the bound holds, whatever stays violated has a
 * size and a cost. */
static void cyprus_days_clear(void **state)
{
    (void)state;
    struct fg_error err = { 0 };
    need(MARKETS "/lfm_cyprus_cigre");
    for (int stress = 0; stress < 2; stress++)
        for (int wholesale = 0; wholesale < 2; wholesale++) {
            struct fg_network *network;
            struct fg_market *market;
            must(fg_import_cyprus(MARKETS, stress, wholesale, &network, &market, &err), &err);
            struct fg_clear_result *result = cleared(network, market);
            double remaining = 0;
            int32_t before = 0, after = 0;
            for (size_t i = 0; i < result->limit_count; i++) {
                before += result->limits[i].violation_before > 0;
                after += result->limits[i].violation_after > 0;
                remaining += result->limits[i].remaining_cost;
                assert_int_equal(result->limits[i].violation_after > 0, result->limits[i].remaining_cost > 0);
            }
            print_message("%s day, import %s: %s, %d limits violated before, %d after, cost %.2f, bound %.2f\n",
                          stress ? "stress" : "base", wholesale ? "at wholesale price" : "free",
                          fg_clear_status_word(result->status), before, after, result->cost, result->bound);
            assert_int_not_equal(result->status, FG_CLEAR_FAILED);
            assert_int_equal(result->status == FG_CLEAR_CLEARED, after == 0);
            assert_true(before > 0);
            assert_near(remaining, result->violation_cost, 1e-6 * fmax(remaining, 1));
            assert_true(result->bound <= result->cost + 1e-3);
            assert_ledger_closes(result);
            assert_parts_add_up(result);
            finish(result, market, network);
        }
}

/* As plain optimal power flows case85 and case118zh are infeasible by voltage (and case118zh by its substation's limits,
 * which a market does not have unless it sets them). Where the loads of the buses whose voltage is too low are on offer,
 * the market clears; without offers it says what stays violated. */
static void hopeless_cases_clear_with_flexibility(void **state)
{
    (void)state;
    static const char *const files[] = { CASES "/case85.m", CASES "/case118zh.m" };
    struct fg_error err = { 0 };
    need(CASES);
    for (int file = 0; file < 2; file++)
        for (int with = 0; with < 2; with++) {
            struct fg_network *network;
            must(fg_matpower_read(files[file], &network, &err), &err);
            struct fg_powerflow *powerflow;
            struct fg_powerflow_result *flow;
            must(fg_powerflow_create(network, NULL, &powerflow, &err), &err);
            must(fg_powerflow_result_create(network, &flow, &err), &err);
            must(fg_powerflow_solve(powerflow, flow, &err), &err);
            assert_int_equal(flow->status, FG_POWERFLOW_CONVERGED);
            struct fg_market *market = market_of(1, 50, FG_MARKET_AC);
            int32_t low = 0;
            for (size_t i = 0; i < network->injection_count; i++) {
                const struct fg_injection *load = &network->injections[i];
                const struct fg_bus *bus = &network->buses[load->bus];
                char id[64];
                if (flow->vm_pu[load->bus] >= bus->vm_min_pu)
                    continue;
                low++;
                int64_t tick = market->tick.w, p = llround(-load->p_mw * 1e6) / tick, q = llround(-load->q_mvar * 1e6) / tick;
                if (!with)
                    continue;
                snprintf(id, sizeof id, "p%zu", i);
                if (p > 0)
                    offer(market, id, FG_REGULATION_UP, bus->id, 0, 1, (double)(p * tick) * 1e-6, 80);
                snprintf(id, sizeof id, "q%zu", i);
                struct draft draft = draft_of(market, id, id, FG_SIDE_SELL, FG_REGULATION_UP, bus->id, 0, 1,
                                              (double)(q * tick) * 1e-6, 10);
                draft.order.product = FG_PRODUCT_REACTIVE;
                if (q > 0)
                    submit(market, &draft);
            }
            assert_true(low > 0);
            struct fg_clear_result *result = cleared(network, market);
            int32_t violated = 0;
            double remaining = 0;
            for (size_t i = 0; i < result->limit_count; i++) {
                violated += result->limits[i].violation_after > 0;
                remaining += result->limits[i].remaining_cost;
            }
            print_message("%s, %d loads at low voltage %s: %s, %d limits violated, cost %.2f, bound %.2f\n", files[file], low,
                          with ? "on offer" : "without offers", fg_clear_status_word(result->status), violated, result->cost,
                          result->bound);
            assert_int_equal(result->status, with ? FG_CLEAR_CLEARED : FG_CLEAR_PARTLY_SOLVED);
            assert_int_equal(violated > 0, !with);
            assert_int_equal(remaining > 0, !with);
            assert_near(remaining, result->violation_cost, 1e-6 * fmax(remaining, 1));
            fg_powerflow_result_destroy(flow);
            fg_powerflow_destroy(powerflow);
            finish(result, market, network);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtu15_with_binding_lines),
        cmocka_unit_test(cyprus_days_clear),
        cmocka_unit_test(hopeless_cases_clear_with_flexibility),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
