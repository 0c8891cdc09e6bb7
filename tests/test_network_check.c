/* Validation: a small network that is right, and each way to spoil one number of it. The condition is the one that
 * src/grid/network.h documents. */
#include "grid/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fg_network *small_network(void)
{
    struct fg_network *n = fg_network_create();
    fg_network_add_bus(n, "a", 20);
    fg_network_add_bus(n, "b", 20);
    struct fg_branch *line = fg_network_add_branch(n, "line", 0, 1);
    line->r_pu = 0.01;
    line->tap =
        (struct fg_tap_changer){.exists = true, .minimum = -2, .maximum = 2, .step_ratio = 0.1, .regulated_bus = -1};
    fg_network_add_switch(n, "switch", 0, 1, false);
    fg_network_add_injection(n, "load", FG_INJECTION_LOAD, 1, -1, -0.5);
    struct fg_generator *g = fg_network_add_generator(n, "grid", FG_GENERATOR_SOURCE, 0);
    fg_network_set_cost(n, &g->cost, FG_COST_PIECEWISE, 3, (const double[]){0, 0, 1, 10, 2, 30}, NULL);
    struct fg_storage *s = fg_network_add_storage(n, "battery", 1);
    s->charge_max_mw = s->discharge_max_mw = 1;
    s->energy_max_mwh = 2;
    fg_network_add_shunt(n, "shunt", 1, 0, 1);
    return n;
}

#define BUS (&n->buses[1])
#define LINE (&n->branches[0])
#define LOAD (&n->injections[0])
#define GRID (&n->generators[0])
#define STORE (&n->storages[0])

/* Spoil the network in way `k`; the element and a word of the message that must follow. False behind the last way. */
static bool spoil(struct fg_network *n, int k, const char **place, const char **part)
{
    double *costs = (double *)(uintptr_t)GRID->cost.values;
#define WAY(element, word, ...)         \
    if (k-- == 0) {                     \
        __VA_ARGS__;                    \
        *place = element, *part = word; \
        return true;                    \
    }
    WAY("", "base power", n->base_mva = 0)
    WAY("", "base power", n->base_mva = INFINITY)
    WAY("", "frequency", n->frequency_hz = NAN)
    WAY("", "no bus", n->bus_count = 0)
    WAY("", "no source or generator", GRID->in_service = false)
    WAY("bus a", "twice", BUS->id = "a")
    WAY("bus ", "no id", BUS->id = "")
    WAY("bus b", "nominal voltage", BUS->vn_kv = -1)
    WAY("bus b", "nominal voltage", BUS->vn_kv = NAN)
    WAY("bus b", "voltage magnitude", BUS->vm_start_pu = 0)
    WAY("bus b", "voltage angle", BUS->va_start_rad = INFINITY)
    WAY("bus b", "lower limit of voltage", BUS->vm_min_pu = 1.1, BUS->vm_max_pu = 0.9)
    WAY("bus b", "limits of voltage", BUS->vm_min_pu = NAN)
    WAY("bus b", "upper voltage limit", BUS->vm_max_pu = NAN)
    WAY("branch line", "to bus", LINE->to = 2)
    WAY("branch line", "from bus", LINE->from = -1)
    WAY("branch line", "both ends", LINE->to = 0)
    WAY("branch line", "impedance is zero", LINE->r_pu = 1e-13)
    WAY("branch line", "reactance", LINE->x_pu = NAN)
    WAY("branch line", "susceptance", LINE->b_to_pu = INFINITY)
    WAY("branch line", "ratio", LINE->ratio = 0)
    WAY("branch line", "phase shift", LINE->shift_rad = NAN)
    WAY("branch line", "normal rating", LINE->rate_normal_mva = 0)
    WAY("branch line", "emergency rating", LINE->rate_emergency_mva = NAN)
    WAY("branch line", "angle difference", LINE->angle_min_rad = 1, LINE->angle_max_rad = 0)
    WAY("branch line", "tap position", LINE->tap.position = 3)
    WAY("branch line", "zero or below", LINE->tap.step_ratio = 0.5)
    WAY("branch line", "tap step", LINE->tap.step_ratio = NAN)
    WAY("branch line", "tap control", LINE->tap.regulates = true)
    WAY("branch line", "regulated bus", LINE->tap.regulates = true, LINE->tap.v_set_pu = 1)
    WAY("switch switch", "both ends", n->switches[0].to = 0)
    WAY("injection load", "its bus", LOAD->bus = 7)
    WAY("injection load", "active power", LOAD->p_mw = NAN)
    WAY("injection load", "shares", LOAD->p_current_share = 0.6, LOAD->p_impedance_share = 0.6)
    WAY("injection load", "shares", LOAD->q_impedance_share = -0.1)
    WAY("generator grid", "its bus", GRID->bus = -1)
    WAY("generator grid", "needs a voltage set-point", GRID->vm_set_pu = NAN)
    WAY("generator grid", "voltage set-point", GRID->vm_set_pu = 0)
    WAY("generator grid", "active power", GRID->p_min_mw = 1, GRID->p_max_mw = 0)
    WAY("generator grid", "reactive power", GRID->q_min_mvar = INFINITY)
    WAY("generator grid", "reactive power at pc1", GRID->pc2_mw = 1, GRID->qc1_min_mvar = 1)
    WAY("generator grid", "apparent-power", GRID->s_max_mva = 0)
    WAY("generator grid", "ramp", GRID->ramp_mw_per_h = -1)
    WAY("generator grid", "not above", costs[2] = 0)
    WAY("generator grid", "number 4", costs[3] = NAN)
    WAY("generator grid", "at least 2", GRID->cost.count = 1)
    WAY("generator grid", "no coefficients", GRID->cost.kind = FG_COST_POLYNOMIAL, GRID->cost.count = 0)
    WAY("storage battery", "charging", STORE->charge_max_mw = INFINITY)
    WAY("storage battery", "discharging", STORE->discharge_max_mw = -1)
    WAY("storage battery", "stored energy", STORE->energy_mwh = 3)
    WAY("storage battery", "stored energy", STORE->energy_min_mwh = 3)
    WAY("storage battery", "efficiencies", STORE->charge_efficiency = 0)
    WAY("storage battery", "efficiencies", STORE->discharge_efficiency = 1.01)
    WAY("storage battery", "standing loss", STORE->standing_loss_mw = -1)
    WAY("shunt shunt", "susceptance", n->shunts[0].b_mvar = NAN)
    return false;
}

static void each_spoilt_number_is_found(void **state)
{
    (void)state;
    for (int k = 0;; k++) {
        struct fg_network *n = small_network();
        struct fg_error err = {0};
        const char *place = "", *part = "";
        assert_int_equal(fg_network_validate(n, &err), FG_OK);
        size_t buses = n->bus_count;
        bool more = spoil(n, k, &place, &part);
        enum fg_code code = fg_network_validate(n, &err);
        n->bus_count = buses;
        fg_network_destroy(n);
        if (!more)
            break;
        if (code == FG_OK || strcmp(err.place, place) != 0 || strstr(err.text, part) == NULL)
            fail_msg("way %d: %s at \"%s\": %s (expected \"%s\": ...%s...)", k, fg_code_slug(code), err.place, err.text,
                     place, part);
    }
}

static void what_is_out_of_service_may_be_incomplete(void **state)
{
    (void)state;
    struct fg_network *n = small_network();
    LINE->in_service = false;
    LINE->r_pu = 0;
    struct fg_generator *g = fg_network_add_generator(n, "old", FG_GENERATOR_DISPATCHABLE, 1);
    g->in_service = false;
    g->p_min_mw = 1;
    g->p_max_mw = 0;
    assert_int_equal(fg_network_validate(n, NULL), FG_OK);
    assert_int_equal(n->note_count, 1); /* bus b is fed by nothing */
    assert_string_equal(n->notes[0].place, "bus b");
    fg_network_destroy(n);
}

static void costs_need_not_be_convex(void **state)
{
    (void)state;
    struct fg_network *n = small_network();
    fg_network_set_cost(n, &GRID->cost, FG_COST_PIECEWISE, 3, (const double[]){0, 0, 1000, 9000, 2000, 9500}, NULL);
    assert_int_equal(fg_network_validate(n, NULL), FG_OK);
    fg_network_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_spoilt_number_is_found),
        cmocka_unit_test(what_is_out_of_service_may_be_incomplete),
        cmocka_unit_test(costs_need_not_be_convex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
