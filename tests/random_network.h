/* Random small networks for property tests: a seeded tree of lines with some transformers, loads, shunts and generators,
 * solvable by construction (light lines, load well below what they carry), with a source at bus 0. */
#ifndef FG_TESTS_RANDOM_NETWORK_H
#define FG_TESTS_RANDOM_NETWORK_H

#include "base/random.h"
#include "grid/network.h"

#include <stdio.h>
#include <stdlib.h>

struct random_network_options {
    int32_t buses;
    int32_t extra_branches;  /* beyond the tree */
    int32_t generators;      /* besides the source */
    bool transformers;       /* some branches with ratio and, where meshed, phase shift */
    bool voltage_dependent;  /* loads with current and impedance shares */
    bool rated;
    bool narrow;             /* a band that some buses leave unless generators help */
};

static inline void random_network_must(const void *pointer)
{
    if (pointer == NULL)
        abort();
}

static inline struct fg_network *random_network(uint64_t seed, const struct random_network_options *options)
{
    struct fg_random random;
    fg_random_init(&random, seed);
    struct fg_network *network = fg_network_create();
    random_network_must(network);
    network->name = "random";
    network->base_mva = 10;
    char id[32];
    for (int32_t i = 0; i < options->buses; i++) {
        snprintf(id, sizeof id, "b%d", i);
        struct fg_bus *bus = fg_network_add_bus(network, id, 20);
        random_network_must(bus);
        bus->vm_min_pu = options->narrow ? 0.97 : 0.9;
        bus->vm_max_pu = options->narrow ? 1.03 : 1.1;
        if (i == 0)
            bus->vm_min_pu = bus->vm_max_pu = 1;
    }
    for (int32_t i = 1; i < options->buses + options->extra_branches; i++) {
        int32_t to = i < options->buses ? i : (int32_t)fg_random_below(&random, (uint64_t)options->buses);
        int32_t from = i < options->buses ? (int32_t)fg_random_below(&random, (uint64_t)i)
                                          : (to + 1 + (int32_t)fg_random_below(&random, (uint64_t)options->buses - 1)) %
                                                options->buses;
        snprintf(id, sizeof id, "l%d", i);
        struct fg_branch *branch = fg_network_add_branch(network, id, from, to);
        random_network_must(branch);
        branch->r_pu = fg_random_between(&random, 0.005, 0.03);
        branch->x_pu = fg_random_between(&random, 0.005, 0.04);
        branch->b_from_pu = branch->b_to_pu = fg_random_between(&random, 0, 0.002);
        if (options->transformers && fg_random_unit(&random) < 0.3) {
            branch->ratio = fg_random_between(&random, 0.98, 1.02);
            branch->g_from_pu = fg_random_between(&random, 0, 0.0005);
            if (options->extra_branches > 0)
                branch->shift_rad = fg_random_between(&random, -0.02, 0.02);
        }
        if (options->rated)
            branch->rate_normal_mva = fg_random_between(&random, 1.5, 5);
    }
    for (int32_t i = 1; i < options->buses; i++) {
        snprintf(id, sizeof id, "d%d", i);
        double p = fg_random_between(&random, 0.05, 8.0 / options->buses);
        struct fg_injection *load = fg_network_add_injection(network, id, FG_INJECTION_LOAD, i, -p,
                                                             -p * fg_random_between(&random, 0, 0.5));
        random_network_must(load);
        if (options->voltage_dependent) {
            load->p_current_share = load->q_current_share = 0.3;
            load->p_impedance_share = load->q_impedance_share = 0.2;
        }
    }
    random_network_must(fg_network_add_shunt(network, "s", options->buses - 1, 0.01, 0.1));
    for (int32_t k = 0; k <= options->generators; k++) {
        snprintf(id, sizeof id, "g%d", k);
        int32_t at = k == 0 ? 0 : 1 + (int32_t)fg_random_below(&random, (uint64_t)options->buses - 1);
        struct fg_generator *g =
            fg_network_add_generator(network, id, k == 0 ? FG_GENERATOR_SOURCE : FG_GENERATOR_DISPATCHABLE, at);
        random_network_must(g);
        g->p_min_mw = k == 0 ? -40 : 0;
        g->p_max_mw = k == 0 ? 40 : 2;
        g->q_min_mvar = k == 0 ? -40 : -1;
        g->q_max_mvar = k == 0 ? 40 : 1;
        double cost[3] = {0, k == 0 ? 50 : fg_random_between(&random, 30, 90),
                          k == 0 ? 0 : fg_random_between(&random, 0.5, 5)};
        if (fg_network_set_cost(network, &g->cost, FG_COST_POLYNOMIAL, 3, cost, NULL) != FG_OK)
            abort();
    }
    return network;
}

#endif
