/* Topology: from elements to the electrical graph that computations use.
 *
 * Closed switches merge buses into nodes, out-of-service elements vanish, a branch open at one end gets a node of its
 * own for the free end, islands are found, and islands without a source or dispatchable generator are dead (their
 * nodes are left out). What remains are `node_count` nodes and `edge_count` edges with their two-port admittances.
 * A topology is a snapshot: change the network, build a new one. Thread rule: read-only after creation. */
#ifndef FG_GRID_TOPOLOGY_H
#define FG_GRID_TOPOLOGY_H

#include "grid/network.h"

#include <complex.h>

struct fg_edge {
    int32_t from, to; /* nodes */
    int32_t branch;   /* index in the network */
    double gff, bff, gft, bft, gtf, btf, gtt, btt; /* two-port admittances, p.u. */
};

struct fg_topology {
    const struct fg_network *network; /* borrowed; must outlive the topology */
    int32_t node_count, edge_count, island_count;
    int32_t *node_of_bus; /* network->bus_count; -1 for dead or out-of-service buses */
    int32_t *bus_of_node; /* node_count; one bus of the node (the lowest index); -1 for a free branch end */
    int32_t *island_of_node;
    int32_t *reference_of_island; /* node that holds the angle: the first source, else the largest generator in service */
    struct fg_edge *edges;
    double *g_shunt_pu, *b_shunt_pu; /* per node: shunt elements (g consumes P, b injects Q) */
    double *vm_min_pu, *vm_max_pu;   /* per node: the tightest of the merged buses; 0, INFINITY when none */
    int32_t *edge_of_branch;         /* network->branch_count; -1 when not in the graph */
    bool is_radial;                  /* every island is a tree */
};

enum fg_code fg_topology_create(const struct fg_network *network, struct fg_topology **topology, struct fg_error *err);
void fg_topology_destroy(struct fg_topology *topology);

#endif
