/* Topology: merging by switches, free ends, dead islands, references, two-port admittances (hand calculation). */
#include "grid/topology.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <cmocka.h>

#include "near.h"

#define NEAR 1e-12

/*  b0 --br0-- b1 ==sw== b2 --br1-- b3      b4 --br2-- b5 (no source)     br3 from b3, open at its to end
 *  source at b0                                                         */
static struct fg_network *sample(void)
{
    struct fg_network *network = fg_network_create();
    char id[16];
    network->base_mva = 10;
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "b%d", i);
        assert_non_null(fg_network_add_bus(network, id, 20));
    }
    int ends[4][2] = {{0, 1}, {2, 3}, {4, 5}, {3, 5}};
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "br%d", i);
        struct fg_branch *branch = fg_network_add_branch(network, id, ends[i][0], ends[i][1]);
        assert_non_null(branch);
        branch->r_pu = 0.01;
        branch->x_pu = 0.02;
        branch->to_closed = i != 3;
    }
    assert_non_null(fg_network_add_switch(network, "sw", 2, 1, true));
    assert_non_null(fg_network_add_generator(network, "grid", FG_GENERATOR_SOURCE, 0));
    network->buses[1].vm_min_pu = 0.9, network->buses[1].vm_max_pu = 1.2;
    network->buses[2].vm_min_pu = 0.95, network->buses[2].vm_max_pu = 1.3;
    assert_non_null(fg_network_add_shunt(network, "s", 2, 1, 2));
    assert_non_null(fg_network_add_shunt(network, "t", 1, 0.5, -1));
    return network;
}

static void test_sample(void **state)
{
    (void)state;
    struct fg_network *network = sample();
    struct fg_topology *topology;
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_int_equal(topology->node_count, 4); /* b0, b1=b2, b3, free end of br3 */
    assert_int_equal(topology->edge_count, 3);
    assert_int_equal(topology->island_count, 1);
    assert_true(topology->is_radial);
    int32_t expected[] = {0, 1, 1, 2, -1, -1};
    for (int i = 0; i < 6; i++)
        assert_int_equal(topology->node_of_bus[i], expected[i]);
    assert_int_equal(topology->bus_of_node[1], 1);
    assert_int_equal(topology->bus_of_node[3], -1);
    assert_int_equal(topology->edge_of_branch[2], -1);
    const struct fg_edge *open = &topology->edges[topology->edge_of_branch[3]];
    assert_int_equal(open->from, 2);
    assert_int_equal(open->to, 3);
    assert_int_equal(topology->reference_of_island[0], 0);
    assert_near(topology->vm_min_pu[1], 0.95, NEAR);
    assert_near(topology->vm_max_pu[1], 1.2, NEAR);
    assert_near(topology->g_shunt_pu[1], 0.15, NEAR);
    assert_near(topology->b_shunt_pu[1], 0.1, NEAR);
    assert_true(isinf(topology->vm_max_pu[3]));
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

static void test_out_of_service(void **state)
{
    (void)state;
    struct fg_network *network = sample();
    struct fg_topology *topology;
    network->switches[0].closed = false; /* b2, b3 and the free end lose supply */
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_int_equal(topology->node_count, 2);
    assert_int_equal(topology->edge_count, 1);
    fg_topology_destroy(topology);

    /* A generator of its own makes the second island live; of two, the larger that holds a voltage is the reference. */
    fg_network_add_generator(network, "small", FG_GENERATOR_DISPATCHABLE, 2)->p_max_mw = 1;
    fg_network_add_generator(network, "large", FG_GENERATOR_DISPATCHABLE, 3)->p_max_mw = 5;
    struct fg_generator *fixed = fg_network_add_generator(network, "fixed", FG_GENERATOR_DISPATCHABLE, 2);
    fixed->p_max_mw = 50;
    fixed->vm_set_pu = NAN;
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_int_equal(topology->island_count, 2);
    assert_int_equal(topology->reference_of_island[1], topology->node_of_bus[3]);
    assert_int_equal(topology->island_of_node[topology->node_of_bus[2]], 1);
    fg_topology_destroy(topology);

    network->buses[0].in_service = false; /* takes its branch and the source with it */
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_int_equal(topology->node_of_bus[0], -1);
    assert_int_equal(topology->node_of_bus[1], -1);
    assert_int_equal(topology->island_count, 1);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

static void test_meshed(void **state)
{
    (void)state;
    struct fg_network *network = sample();
    struct fg_topology *topology;
    struct fg_branch *parallel = fg_network_add_branch(network, "second circuit", 0, 1);
    parallel->x_pu = 0.1;
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_false(topology->is_radial);
    fg_topology_destroy(topology);
    parallel->from = 2; /* bridged by the closed switch: stays as an edge from a node to itself */
    assert_int_equal(fg_topology_create(network, &topology, NULL), FG_OK);
    assert_false(topology->is_radial);
    assert_int_equal(topology->edges[3].from, topology->edges[3].to);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

static void test_admittance(void **state)
{
    (void)state;
    /* z = 0.03 + j0.04 gives ys = 12 - j16; t = 2 at 90 degrees. Yff = (12 - j16 + 0.4 + j0.8) / 4,
     * Yft = -ys / conj(2j) = -ys / (-2j) = -j ys / 2, Ytf = -ys / (2j) = j ys / 2, Ytt = ys + 0.1 + j0.2. */
    struct fg_branch branch = {.id = "t",
                               .r_pu = 0.03,
                               .x_pu = 0.04,
                               .g_from_pu = 0.4,
                               .b_from_pu = 0.8,
                               .g_to_pu = 0.1,
                               .b_to_pu = 0.2,
                               .ratio = 2,
                               .shift_rad = acos(0.0)};
    struct fg_edge edge;
    assert_int_equal(fg_edge_set_admittance(&edge, &branch, NULL), FG_OK);
    assert_near(edge.gff, 3.1, NEAR);
    assert_near(edge.bff, -3.8, NEAR);
    assert_near(edge.gft, -8, NEAR);
    assert_near(edge.bft, -6, NEAR);
    assert_near(edge.gtf, 8, NEAR);
    assert_near(edge.btf, 6, NEAR);
    assert_near(edge.gtt, 12.1, NEAR);
    assert_near(edge.btt, -15.8, NEAR);

    struct fg_error err;
    branch.r_pu = branch.x_pu = 0;
    assert_int_equal(fg_edge_set_admittance(&edge, &branch, &err), FG_ERR_NETWORK);
    assert_string_equal(err.place, "branch t");
    branch.x_pu = 0.1;
    branch.ratio = 0;
    assert_int_equal(fg_edge_set_admittance(&edge, &branch, &err), FG_ERR_NETWORK);
}

static void test_memory(void **state)
{
    (void)state;
    struct fg_network *network = sample();
    struct fg_topology *topology;
    long n = 1;
    for (enum fg_code code = FG_ERR_MEMORY; code != FG_OK; n++) {
        fg_alloc_fail_after(n);
        code = fg_topology_create(network, &topology, NULL);
        fg_alloc_fail_after(0);
        assert_true(code == FG_OK || (code == FG_ERR_MEMORY && topology == NULL));
    }
    assert_true(n > 10);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),     cmocka_unit_test(test_out_of_service), cmocka_unit_test(test_meshed),
        cmocka_unit_test(test_admittance), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
