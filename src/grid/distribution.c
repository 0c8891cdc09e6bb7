#include "grid/distribution.h"

#include "grid/topology.h"

#include <klu.h>
#include <math.h>
#include <string.h>

#define FACTOR_MIN 1e-9

void fg_distribution_destroy(struct fg_distribution *d)
{
    if (d == NULL)
        return;
    fg_free(d->is_alive);
    fg_free(d->start);
    fg_free(d->branch);
    fg_free(d->factor);
    fg_free(d->shift_mw);
    fg_free(d->parent);
    fg_free(d->to_parent);
    fg_free(d->place_of_bus);
    fg_free(d);
}

static double weight_of(const struct fg_branch *branch)
{
    return copysign(1 / (branch->ratio * hypot(branch->r_pu, branch->x_pu)), branch->x_pu);
}

static bool is_reference(const struct fg_topology *topology, int32_t node)
{
    return topology->reference_of_island[topology->island_of_node[node]] == node;
}

/* ---- trees: every node's edge towards its reference ---- */

struct tree {
    int32_t *parent, *edge, *depth; /* per node; parent -1 at references */
    int32_t *order;                 /* nodes, parents before children */
};

static void tree_release(struct tree *tree)
{
    fg_free(tree->parent);
    fg_free(tree->edge);
    fg_free(tree->depth);
    fg_free(tree->order);
}

/* Breadth first over the edges at each node, which are listed by counting. */
static enum fg_code tree_create(const struct fg_topology *topology, struct tree *tree, struct fg_error *err)
{
    size_t nodes = (size_t)topology->node_count, edges = (size_t)topology->edge_count;
    int32_t *start = fg_alloc(nodes + 2, sizeof *start), *list = fg_alloc(2 * edges, sizeof *list);
    int32_t first = 0, last = 0;
    *tree = (struct tree){fg_alloc(nodes, sizeof(int32_t)), fg_alloc(nodes, sizeof(int32_t)), fg_alloc(nodes, sizeof(int32_t)),
                          fg_alloc(nodes, sizeof(int32_t))};
    int32_t *queue = tree->order;
    bool is_complete = start && list && queue && tree->parent && tree->edge && tree->depth;
    for (size_t k = 0; is_complete && k < edges; k++) {
        start[topology->edges[k].from + 2]++;
        start[topology->edges[k].to + 2]++;
    }
    for (size_t i = 2; is_complete && i < nodes + 2; i++)
        start[i] += start[i - 1];
    for (size_t k = 0; is_complete && k < edges; k++) {
        list[start[topology->edges[k].from + 1]++] = (int32_t)k;
        list[start[topology->edges[k].to + 1]++] = (int32_t)k;
    }
    for (size_t i = 0; is_complete && i < nodes; i++)
        tree->parent[i] = -2; /* not met yet */
    for (int32_t i = 0; is_complete && i < topology->island_count; i++) {
        queue[last++] = topology->reference_of_island[i];
        tree->parent[topology->reference_of_island[i]] = tree->edge[topology->reference_of_island[i]] = -1;
    }
    while (is_complete && first < last) {
        int32_t node = queue[first++];
        for (int32_t k = start[node]; k < start[node + 1]; k++) {
            const struct fg_edge *edge = &topology->edges[list[k]];
            int32_t other = edge->from == node ? edge->to : edge->from;
            if (tree->parent[other] != -2)
                continue;
            tree->parent[other] = node;
            tree->edge[other] = list[k];
            tree->depth[other] = tree->depth[node] + 1;
            queue[last++] = other;
        }
    }
    fg_free(start);
    fg_free(list);
    return is_complete ? FG_OK : fg_fail_memory(err);
}

static enum fg_code keep_places(struct fg_distribution *d, const struct fg_topology *topology, const struct tree *tree,
                                struct fg_error *err)
{
    size_t nodes = (size_t)topology->node_count;
    int32_t *place_of_node = fg_alloc(nodes, sizeof *place_of_node);
    d->parent = fg_alloc(nodes, sizeof *d->parent);
    d->to_parent = fg_alloc(nodes, sizeof *d->to_parent);
    d->place_of_bus = fg_alloc((size_t)d->bus_count, sizeof *d->place_of_bus);
    if (!place_of_node || !d->parent || !d->to_parent || !d->place_of_bus) {
        fg_free(place_of_node);
        return fg_fail_memory(err);
    }
    for (int32_t place = 0; place < topology->node_count; place++) {
        int32_t node = tree->order[place];
        place_of_node[node] = place;
        d->parent[place] = tree->parent[node] >= 0 ? place_of_node[tree->parent[node]] : -1;
        d->to_parent[place] = tree->parent[node] >= 0 ? topology->edges[tree->edge[node]].branch : -1;
    }
    for (int32_t b = 0; b < d->bus_count; b++)
        d->place_of_bus[b] = topology->node_of_bus[b] >= 0 ? place_of_node[topology->node_of_bus[b]] : -1;
    d->place_count = topology->node_count;
    fg_free(place_of_node);
    return FG_OK;
}

static enum fg_code fill_radial(struct fg_distribution *d, const char *name, const struct fg_topology *topology, struct fg_error *err)
{
    struct tree tree;
    enum fg_code code = tree_create(topology, &tree, err);
    size_t count = 0;
    for (int32_t b = 0; code == FG_OK && b < d->bus_count; b++) {
        d->start[b] = count;
        count += topology->node_of_bus[b] >= 0 ? (size_t)tree.depth[topology->node_of_bus[b]] : 0;
    }
    if (code == FG_OK && count > FG_DISTRIBUTION_MOST)
        code = fg_fail(err, FG_ERR_TOO_LARGE, name, "the paths of the radial grid are too long for the network check (%zu steps, at most %zu)",
                       count, FG_DISTRIBUTION_MOST);
    if (code == FG_OK) {
        d->start[d->bus_count] = count;
        d->branch = fg_alloc(count, sizeof *d->branch);
        d->factor = fg_alloc(count, sizeof *d->factor);
        if (d->branch == NULL || d->factor == NULL)
            code = fg_fail_memory(err);
    }
    for (int32_t b = 0; code == FG_OK && b < d->bus_count; b++) {
        size_t at = d->start[b];
        for (int32_t node = topology->node_of_bus[b]; node >= 0 && tree.parent[node] >= 0; node = tree.parent[node]) {
            const struct fg_edge *edge = &topology->edges[tree.edge[node]];
            d->branch[at] = edge->branch;
            d->factor[at++] = edge->from == node ? 1 : -1;
        }
    }
    if (code == FG_OK)
        code = keep_places(d, topology, &tree, err);
    tree_release(&tree);
    return code;
}

/* ---- meshes ---- */

struct mesh {
    int32_t count;       /* unknown angles */
    int32_t *of_node;    /* -1: a reference */
    int32_t *start, *row;
    double *value, *solution;
    klu_common common;
    klu_symbolic *symbolic;
    klu_numeric *numeric;
};

static void mesh_release(struct mesh *mesh)
{
    if (mesh->numeric != NULL)
        klu_free_numeric(&mesh->numeric, &mesh->common);
    if (mesh->symbolic != NULL)
        klu_free_symbolic(&mesh->symbolic, &mesh->common);
    fg_free(mesh->of_node);
    fg_free(mesh->start);
    fg_free(mesh->row);
    fg_free(mesh->value);
    fg_free(mesh->solution);
}

/* Columns with an entry for each edge and one for the diagonal; KLU wants no entry twice, so that parallel edges are
 * added to the first one. */
static void add_entry(struct mesh *mesh, int32_t *fill, int32_t column, int32_t row, double value)
{
    for (int32_t k = mesh->start[column]; k < mesh->start[column] + fill[column]; k++)
        if (mesh->row[k] == row) {
            mesh->value[k] += value;
            return;
        }
    int32_t at = mesh->start[column] + fill[column]++;
    mesh->row[at] = row;
    mesh->value[at] = value;
}

static void close_gaps(struct mesh *mesh, const int32_t *fill)
{
    int32_t at = 0;
    for (int32_t j = 0; j < mesh->count; j++) {
        int32_t from = mesh->start[j];
        mesh->start[j] = at;
        for (int32_t k = 0; k < fill[j]; k++, at++) {
            mesh->row[at] = mesh->row[from + k];
            mesh->value[at] = mesh->value[from + k];
        }
    }
    mesh->start[mesh->count] = at;
}

static enum fg_code mesh_create(const struct fg_network *network, const struct fg_topology *topology, struct mesh *mesh,
                                struct fg_error *err)
{
    size_t nodes = (size_t)topology->node_count, edges = (size_t)topology->edge_count;
    *mesh = (struct mesh){.of_node = fg_alloc(nodes, sizeof(int32_t)), .start = fg_alloc(nodes + 2, sizeof(int32_t)),
                          .row = fg_alloc(nodes + 2 * edges, sizeof(int32_t)),
                          .value = fg_alloc(nodes + 2 * edges, sizeof(double)), .solution = fg_alloc(nodes, sizeof(double))};
    int32_t *fill = fg_alloc(nodes + 1, sizeof *fill);
    klu_defaults(&mesh->common);
    if (!mesh->of_node || !mesh->start || !mesh->row || !mesh->value || !mesh->solution || !fill) {
        fg_free(fill);
        return fg_fail_memory(err);
    }
    for (int32_t i = 0; i < topology->node_count; i++)
        mesh->of_node[i] = is_reference(topology, i) ? -1 : mesh->count++;
    for (int32_t i = 0; i < topology->node_count; i++)
        if (mesh->of_node[i] >= 0)
            mesh->start[mesh->of_node[i] + 1]++;
    for (size_t k = 0; k < edges; k++) {
        int32_t ends[] = {mesh->of_node[topology->edges[k].from], mesh->of_node[topology->edges[k].to]};
        for (int e = 0; e < 2; e++)
            if (ends[e] >= 0)
                mesh->start[ends[e] + 1]++;
    }
    for (int32_t j = 0; j < mesh->count; j++)
        mesh->start[j + 1] += mesh->start[j];
    for (size_t k = 0; k < edges; k++) {
        const struct fg_edge *edge = &topology->edges[k];
        int32_t from = mesh->of_node[edge->from], to = mesh->of_node[edge->to];
        double weight = weight_of(&network->branches[edge->branch]);
        if (edge->from == edge->to)
            continue;
        if (from >= 0)
            add_entry(mesh, fill, from, from, weight);
        if (to >= 0)
            add_entry(mesh, fill, to, to, weight);
        if (from >= 0 && to >= 0) {
            add_entry(mesh, fill, from, to, -weight);
            add_entry(mesh, fill, to, from, -weight);
        }
    }
    close_gaps(mesh, fill);
    fg_free(fill);
    if (mesh->count == 0)
        return FG_OK;
    mesh->symbolic = klu_analyze(mesh->count, mesh->start, mesh->row, &mesh->common);
    if (mesh->symbolic != NULL)
        mesh->numeric = klu_factor(mesh->start, mesh->row, mesh->value, mesh->symbolic, &mesh->common);
    if (mesh->numeric != NULL)
        return FG_OK;
    return mesh->common.status == KLU_OUT_OF_MEMORY
               ? fg_fail_memory(err)
               : fg_fail(err, FG_ERR_NETWORK, network->name,
                         "the direct-current model of this mesh is singular; look for branches with negative reactance");
}

static double angle_of(const struct mesh *mesh, int32_t node)
{
    return mesh->of_node[node] >= 0 ? mesh->solution[mesh->of_node[node]] : 0;
}

/* Flow of an edge at the angles of the solution, without its own shift. */
static double flow_of(const struct fg_network *network, const struct mesh *mesh, const struct fg_edge *edge)
{
    return weight_of(&network->branches[edge->branch]) * (angle_of(mesh, edge->from) - angle_of(mesh, edge->to));
}

static enum fg_code fill_mesh(struct fg_distribution *d, const struct fg_network *network,
                              const struct fg_topology *topology, struct fg_error *err)
{
    struct mesh mesh;
    size_t count = 0, branch_capacity = 0, factor_capacity = 0;
    enum fg_code code = mesh_create(network, topology, &mesh, err);
    for (int32_t b = 0; code == FG_OK && b < d->bus_count; b++) {
        int32_t node = topology->node_of_bus[b];
        d->start[b] = count;
        if (node < 0 || mesh.of_node[node] < 0)
            continue;
        memset(mesh.solution, 0, (size_t)mesh.count * sizeof *mesh.solution);
        mesh.solution[mesh.of_node[node]] = 1;
        klu_solve(mesh.symbolic, mesh.numeric, mesh.count, 1, mesh.solution, &mesh.common);
        for (int32_t k = 0; code == FG_OK && k < topology->edge_count; k++) {
            const struct fg_edge *edge = &topology->edges[k];
            double factor = flow_of(network, &mesh, edge);
            if (!(fabs(factor) >= FACTOR_MIN) || edge->from == edge->to)
                continue;
            if (count >= FG_DISTRIBUTION_MOST)
                code = fg_fail(err, FG_ERR_TOO_LARGE, network->name,
                               "the meshed grid is too large for the direct-current check (more than %zu factors)",
                               FG_DISTRIBUTION_MOST);
            else if (fg_grow((void **)&d->branch, count, &branch_capacity, sizeof *d->branch) != 0 ||
                     fg_grow((void **)&d->factor, count, &factor_capacity, sizeof *d->factor) != 0)
                code = fg_fail_memory(err);
            if (code != FG_OK)
                break;
            d->branch[count] = edge->branch;
            d->factor[count++] = factor;
        }
    }
    if (code == FG_OK && mesh.count > 0) { /* shifts act like injections at both ends of their branch */
        memset(mesh.solution, 0, (size_t)mesh.count * sizeof *mesh.solution);
        for (int32_t k = 0; k < topology->edge_count; k++) {
            const struct fg_edge *edge = &topology->edges[k];
            const struct fg_branch *branch = &network->branches[edge->branch];
            double power = weight_of(branch) * branch->shift_rad;
            if (mesh.of_node[edge->from] >= 0)
                mesh.solution[mesh.of_node[edge->from]] += power;
            if (mesh.of_node[edge->to] >= 0)
                mesh.solution[mesh.of_node[edge->to]] -= power;
        }
        klu_solve(mesh.symbolic, mesh.numeric, mesh.count, 1, mesh.solution, &mesh.common);
        for (int32_t k = 0; k < topology->edge_count; k++) {
            const struct fg_edge *edge = &topology->edges[k];
            const struct fg_branch *branch = &network->branches[edge->branch];
            if (edge->from != edge->to)
                d->shift_mw[edge->branch] = network->base_mva * (flow_of(network, &mesh, edge) -
                                                                 weight_of(branch) * branch->shift_rad);
        }
    }
    d->start[d->bus_count] = count;
    mesh_release(&mesh);
    return code;
}

enum fg_code fg_distribution_create(const struct fg_network *network, struct fg_distribution **out, struct fg_error *err)
{
    struct fg_topology *topology = NULL;
    *out = NULL;
    struct fg_distribution *d = fg_alloc(1, sizeof *d);
    if (d == NULL)
        return fg_fail_memory(err);
    d->bus_count = (int32_t)network->bus_count;
    d->branch_count = (int32_t)network->branch_count;
    d->is_alive = fg_alloc(network->bus_count, sizeof *d->is_alive);
    d->start = fg_alloc(network->bus_count + 1, sizeof *d->start);
    d->shift_mw = fg_alloc(network->branch_count, sizeof *d->shift_mw);
    enum fg_code code = d->is_alive && d->start && d->shift_mw ? fg_topology_create(network, &topology, err)
                                                              : fg_fail_memory(err);
    if (code == FG_OK && topology->node_count == 0)
        code = fg_fail(err, FG_ERR_NETWORK, network->name,
                       "no bus is supplied: put a source or a generator in service at a bus in service");
    if (code == FG_OK) {
        d->is_radial = topology->is_radial;
        for (int32_t b = 0; b < d->bus_count; b++)
            d->is_alive[b] = topology->node_of_bus[b] >= 0;
        code = d->is_radial ? fill_radial(d, network->name, topology, err) : fill_mesh(d, network, topology, err);
    }
    fg_topology_destroy(topology);
    if (code != FG_OK) {
        fg_distribution_destroy(d);
        return code;
    }
    *out = d;
    return FG_OK;
}

void fg_distribution_flows(const struct fg_distribution *d, const double *bus_p_mw, double *branch_mw)
{
    memcpy(branch_mw, d->shift_mw, (size_t)d->branch_count * sizeof *branch_mw);
    for (int32_t b = 0; b < d->bus_count; b++)
        for (size_t k = d->start[b]; bus_p_mw[b] != 0 && k < d->start[b + 1]; k++)
            branch_mw[d->branch[k]] += d->factor[k] * bus_p_mw[b];
}
