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
    int32_t from, to;                              /* nodes; equal when closed switches bridge the branch */
    int32_t branch;                                /* index in the network */
    double gff, bff, gft, bft, gtf, btf, gtt, btt; /* two-port admittances, p.u. */
};

struct fg_topology {
    const struct fg_network *network; /* borrowed; must outlive the topology */
    int32_t node_count, edge_count, island_count;
    int32_t *node_of_bus; /* network->bus_count; -1 for dead or out-of-service buses */
    int32_t *bus_of_node; /* node_count; one bus of the node (the lowest index); -1 for a free branch end */
    int32_t *island_of_node;
    int32_t
        *reference_of_island; /* node that holds the angle: the first source, else the largest generator in service */
    struct fg_edge *edges;    /* in branch order */
    double *g_shunt_pu, *b_shunt_pu; /* per node: shunt elements (g consumes P, b injects Q) */
    double *vm_min_pu, *vm_max_pu;   /* per node: the tightest of the merged buses; 0, INFINITY when none */
    int32_t *edge_of_branch;         /* network->branch_count; -1 when not in the graph */
    bool is_radial;                  /* every island is a tree */
};

/* Nodes are numbered in bus order (free branch ends after them), islands by their lowest node, so that a network
 * without switches and dead parts has node i = bus i. A branch closed at both ends with one end at a bus out of service
 * is out of the graph. The network is taken as valid (fg_network_validate); FG_ERR_NETWORK names a branch without
 * finite admittance. Cost: nearly linear. Release with fg_topology_destroy. */
enum fg_code fg_topology_create(const struct fg_network *network, struct fg_topology **topology, struct fg_error *err);
void fg_topology_destroy(struct fg_topology *topology);

/* Two-port admittances of a branch at its present ratio and shift (formulas at the top of grid/network.h), for tap
 * changes without a new topology. `from`, `to` and `branch` of the edge stay as they are. */
enum fg_code fg_edge_set_admittance(struct fg_edge *edge, const struct fg_branch *branch, struct fg_error *err);

#endif
