/* Power transfer distribution factors of the direct-current model, by columns: what one unit of injection at a bus, drawn
 * at the reference of its island, adds to the flow of each branch.
 *
 *   sum over branches at i of  b (Va_f - Va_t - shift) = P_i,     b = sign(x) / (|r + jx| ratio),     flow = b (Va_f - Va_t - shift)
 *
 * In a tree a column is the path from the bus to its reference, with factors +1 and -1, whatever the impedances are; in a
 * mesh it comes from one sparse factorisation, with factors below 1e-9 dropped. Flows are counted from the from end.
 * B. Stott, J. Jardim, O. Alsac, "DC power flow revisited", IEEE Trans. Power Systems 24(3), 2009.
 * Thread rule: read-only after creation. */
#ifndef FG_GRID_DISTRIBUTION_H
#define FG_GRID_DISTRIBUTION_H

#include "grid/network.h"

struct fg_distribution {
    int32_t bus_count, branch_count;
    bool is_radial;
    bool *is_alive;      /* per bus: supplied */
    size_t *start;       /* per bus and one more: its entries are start[b] ... start[b + 1] - 1 */
    int32_t *branch;
    double *factor;
    double *shift_mw;    /* per branch: flow that phase shifts drive */
    /* Trees: the nodes with parents before children; a node is a bus, or buses merged by closed switches. */
    int32_t place_count;
    int32_t *parent, *to_parent; /* per place: of the parent, and the branch to it; -1 at references */
    int32_t *place_of_bus;       /* -1: not supplied */
};

/* FG_ERR_TOO_LARGE when there would be more than FG_DISTRIBUTION_MOST entries; FG_ERR_NETWORK when nothing is supplied
 * or the mesh is singular. Release with fg_distribution_destroy. */
#define FG_DISTRIBUTION_MOST ((size_t)40000000)
enum fg_code fg_distribution_create(const struct fg_network *network, struct fg_distribution **distribution,
                                    struct fg_error *err);
void fg_distribution_destroy(struct fg_distribution *distribution); /* NULL is allowed */

/* Flows of the branches for injections at the buses, both in MW. */
void fg_distribution_flows(const struct fg_distribution *distribution, const double *bus_p_mw, double *branch_mw);

#endif
