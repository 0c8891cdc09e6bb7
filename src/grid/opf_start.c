/* The flat start of a block with phase shifters.
 *
 * With all angles zero, a shifter on a short branch drives a flow of shift / x: hundreds of times its rating in real
 * transmission cases. The angles that minimise  sum_k (Va_from - Va_to - shift_k)^2 / |x_k|  leave the start flat
 * otherwise: the normal equations are a weighted graph Laplacian, fixed at the reference of each island. */
#include "grid/opf_internal.h"
#include "solve/ldl.h"

#include <math.h>
#include <string.h>

enum fg_code fg_opf_start_angles(struct opf_block *block, struct fg_error *err)
{
    const struct fg_topology *topology = block->topology;
    int32_t nodes = block->node_count, edges = block->edge_count;
    bool shifted = false;
    for (int32_t k = 0; k < edges; k++)
        shifted |= topology->network->branches[topology->edges[k].branch].shift_rad != 0;
    if (!shifted || block->start_given)
        return FG_OK;
    size_t count = (size_t)nodes + 3 * (size_t)edges;
    int32_t *row = fg_alloc(count, sizeof *row), *column = fg_alloc(count, sizeof *column);
    double *value = fg_alloc(count, sizeof *value);
    struct fg_ldl *ldl = NULL;
    enum fg_code code = FG_OK;
    if (!row || !column || !value) {
        code = fg_fail_memory(err);
    } else {
        double *angle = block->va_start;
        int64_t entries = 0;
        memset(angle, 0, (size_t)nodes * sizeof *angle);
        for (int32_t i = 0; i < nodes; i++) {
            bool reference = topology->reference_of_island[topology->island_of_node[i]] == i;
            row[entries] = column[entries] = i;
            value[entries++] = reference ? 1e12 : 0; /* holds the angle at zero */
        }
        for (int32_t k = 0; k < edges; k++) {
            const struct fg_edge *edge = &topology->edges[k];
            const struct fg_branch *branch = &topology->network->branches[edge->branch];
            if (edge->from == edge->to)
                continue;
            double weight = 1 / hypot(branch->r_pu, branch->x_pu);
            const int32_t from = edge->from, to = edge->to;
            row[entries] = column[entries] = from;
            value[entries++] = weight;
            row[entries] = column[entries] = to;
            value[entries++] = weight;
            row[entries] = from;
            column[entries] = to;
            value[entries++] = -weight;
            angle[from] += weight * branch->shift_rad;
            angle[to] -= weight * branch->shift_rad;
        }
        code = fg_ldl_create(nodes, entries, row, column, NULL, &ldl, err);
        if (code == FG_OK) {
            fg_ldl_factor(ldl, value);
            fg_ldl_solve(ldl, angle);
        }
    }
    fg_ldl_destroy(ldl);
    fg_free(row);
    fg_free(column);
    fg_free(value);
    return code;
}
