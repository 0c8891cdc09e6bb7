#include "grid/topology.h"

#include <math.h>
#include <stdio.h>

/* Disjoint sets over nodes with path halving; the root is always the lowest index, so that numbering follows the
 * order of the file and results repeat. (R. E. Tarjan, JACM 22(2), 1975.) */
static int32_t set_find(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static bool set_join(int32_t *parent, int32_t a, int32_t b) /* false: they were one already */
{
    a = set_find(parent, a);
    b = set_find(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
    return a != b;
}

static bool bus_is_live(const struct fg_network *network, int32_t bus)
{
    return bus >= 0 && (size_t)bus < network->bus_count && network->buses[bus].in_service;
}

/* In the graph when at least one end is closed and each closed end is at a bus in service. */
static bool branch_is_live(const struct fg_network *network, const struct fg_branch *branch)
{
    return branch->in_service && (branch->from_closed || branch->to_closed) &&
           (!branch->from_closed || bus_is_live(network, branch->from)) &&
           (!branch->to_closed || bus_is_live(network, branch->to));
}

enum fg_code fg_edge_set_admittance(struct fg_edge *edge, const struct fg_branch *branch, struct fg_error *err)
{
    double complex z = CMPLX(branch->r_pu, branch->x_pu), ys = 1 / z;
    double complex t = branch->ratio * cexp(CMPLX(0, branch->shift_rad));
    double complex yff = (ys + CMPLX(branch->g_from_pu, branch->b_from_pu)) / (branch->ratio * branch->ratio);
    double complex yft = -ys / conj(t), ytf = -ys / t, ytt = ys + CMPLX(branch->g_to_pu, branch->b_to_pu);
    edge->gff = creal(yff), edge->bff = cimag(yff), edge->gft = creal(yft), edge->bft = cimag(yft);
    edge->gtf = creal(ytf), edge->btf = cimag(ytf), edge->gtt = creal(ytt), edge->btt = cimag(ytt);
    double sum = edge->gff + edge->bff + edge->gft + edge->bft + edge->gtf + edge->btf + edge->gtt + edge->btt;
    if (cabs(z) >= 1e-12 && isfinite(sum))
        return FG_OK;
    char place[sizeof err->place];
    snprintf(place, sizeof place, "branch %s", branch->id);
    return fg_fail(err, FG_ERR_NETWORK, place,
                   "impedance %g + j%g p.u. with ratio %g has no finite admittance; model a connection without "
                   "impedance as a closed switch",
                   branch->r_pu, branch->x_pu, branch->ratio);
}

/* While building, a provisional node is a bus (index as in the network) or, from bus_count on, a free branch end. */
struct builder {
    const struct fg_network *network;
    struct fg_topology *topology;
    int32_t *parent;   /* disjoint sets; first by switches, then by branches too */
    int32_t *merged;   /* root of each bus after the switches alone */
    int32_t *number;   /* final node of a merged root or free end; -1 when dead */
    int32_t *island;   /* final island of a root of the connected component */
    char *is_supplied; /* the component has a source or generator */
    int32_t free_count;
};

static void builder_release(struct builder *builder)
{
    fg_free(builder->parent);
    fg_free(builder->merged);
    fg_free(builder->number);
    fg_free(builder->island);
    fg_free(builder->is_supplied);
}

/* Provisional nodes of a live branch's ends; free ends are counted in branch order. */
static void branch_ends(const struct builder *builder, const struct fg_branch *branch, int32_t *next_free,
                        int32_t *from, int32_t *to)
{
    *from = branch->from_closed ? builder->merged[branch->from] : (*next_free)++;
    *to = branch->to_closed ? builder->merged[branch->to] : (*next_free)++;
}

static bool generator_is_live(const struct fg_network *network, const struct fg_generator *generator)
{
    return generator->in_service && bus_is_live(network, generator->bus);
}

static enum fg_code find_components(struct builder *builder, struct fg_error *err)
{
    const struct fg_network *network = builder->network;
    size_t bus_count = network->bus_count, most = bus_count + network->branch_count; /* at most one free end each */
    if (most >= INT32_MAX / 2)
        return fg_fail(err, FG_ERR_TOO_LARGE, network->name, "%zu buses and %zu branches exceed the index range",
                       bus_count, network->branch_count);
    builder->parent = fg_alloc(most, sizeof *builder->parent);
    builder->merged = fg_alloc(bus_count, sizeof *builder->merged);
    builder->number = fg_alloc(most, sizeof *builder->number);
    builder->island = fg_alloc(most, sizeof *builder->island);
    builder->is_supplied = fg_alloc(most, sizeof *builder->is_supplied);
    if (!builder->parent || !builder->merged || !builder->number || !builder->island || !builder->is_supplied)
        return fg_fail_memory(err);

    for (size_t i = 0; i < most; i++)
        builder->parent[i] = (int32_t)i;
    for (size_t i = 0; i < network->switch_count; i++) {
        const struct fg_switch *item = &network->switches[i];
        if (item->closed && bus_is_live(network, item->from) && bus_is_live(network, item->to))
            set_join(builder->parent, item->from, item->to);
    }
    for (size_t i = 0; i < bus_count; i++)
        builder->merged[i] = set_find(builder->parent, (int32_t)i);

    int32_t next_free = (int32_t)bus_count;
    for (size_t i = 0; i < network->branch_count; i++) {
        int32_t from, to;
        if (!branch_is_live(network, &network->branches[i]))
            continue;
        branch_ends(builder, &network->branches[i], &next_free, &from, &to);
        set_join(builder->parent, from, to);
    }
    builder->free_count = next_free - (int32_t)bus_count;
    for (size_t i = 0; i < network->generator_count; i++)
        if (generator_is_live(network, &network->generators[i]))
            builder->is_supplied[set_find(builder->parent, network->generators[i].bus)] = 1;
    return FG_OK;
}

/* Number supplied nodes in bus order, free ends after them, islands by their lowest node. */
static enum fg_code number_nodes(struct builder *builder, struct fg_error *err)
{
    const struct fg_network *network = builder->network;
    struct fg_topology *topology = builder->topology;
    int32_t bus_count = (int32_t)network->bus_count, most = bus_count + builder->free_count;
    for (int32_t i = 0; i < most; i++)
        builder->number[i] = builder->island[i] = -1;
    for (int32_t i = 0; i < most; i++) {
        bool stands_for_node = i >= bus_count || (network->buses[i].in_service && builder->merged[i] == i);
        int32_t component = set_find(builder->parent, i);
        if (!stands_for_node || !builder->is_supplied[component])
            continue;
        builder->number[i] = topology->node_count++;
        if (builder->island[component] < 0)
            builder->island[component] = topology->island_count++;
    }
    size_t nodes = (size_t)topology->node_count;
    topology->node_of_bus = fg_alloc(network->bus_count, sizeof *topology->node_of_bus);
    topology->bus_of_node = fg_alloc(nodes, sizeof *topology->bus_of_node);
    topology->island_of_node = fg_alloc(nodes, sizeof *topology->island_of_node);
    topology->reference_of_island = fg_alloc((size_t)topology->island_count, sizeof *topology->reference_of_island);
    topology->g_shunt_pu = fg_alloc(nodes, sizeof *topology->g_shunt_pu);
    topology->b_shunt_pu = fg_alloc(nodes, sizeof *topology->b_shunt_pu);
    topology->vm_min_pu = fg_alloc(nodes, sizeof *topology->vm_min_pu);
    topology->vm_max_pu = fg_alloc(nodes, sizeof *topology->vm_max_pu);
    if (!topology->node_of_bus || !topology->bus_of_node || !topology->island_of_node ||
        !topology->reference_of_island || !topology->g_shunt_pu || !topology->b_shunt_pu || !topology->vm_min_pu ||
        !topology->vm_max_pu)
        return fg_fail_memory(err);

    for (int32_t i = 0; i < most; i++) {
        int32_t node = builder->number[i];
        if (node < 0)
            continue;
        topology->bus_of_node[node] = i < bus_count ? i : -1;
        topology->island_of_node[node] = builder->island[set_find(builder->parent, i)];
        topology->vm_max_pu[node] = INFINITY;
    }
    for (int32_t i = 0; i < bus_count; i++) {
        const struct fg_bus *bus = &network->buses[i];
        int32_t node = bus->in_service ? builder->number[builder->merged[i]] : -1;
        topology->node_of_bus[i] = node;
        if (node < 0)
            continue;
        topology->vm_min_pu[node] = fmax(topology->vm_min_pu[node], bus->vm_min_pu);
        topology->vm_max_pu[node] = fmin(topology->vm_max_pu[node], bus->vm_max_pu);
    }
    return FG_OK;
}

static enum fg_code add_edges(struct builder *builder, struct fg_error *err)
{
    const struct fg_network *network = builder->network;
    struct fg_topology *topology = builder->topology;
    topology->edges = fg_alloc(network->branch_count, sizeof *topology->edges);
    topology->edge_of_branch = fg_alloc(network->branch_count, sizeof *topology->edge_of_branch);
    if (!topology->edges || !topology->edge_of_branch)
        return fg_fail_memory(err);
    int32_t next_free = (int32_t)network->bus_count;
    for (size_t i = 0; i < network->branch_count; i++) {
        const struct fg_branch *branch = &network->branches[i];
        int32_t from, to;
        topology->edge_of_branch[i] = -1;
        if (!branch_is_live(network, branch))
            continue;
        branch_ends(builder, branch, &next_free, &from, &to);
        if (builder->number[from] < 0)
            continue; /* dead island: both ends are */
        struct fg_edge *edge = &topology->edges[topology->edge_count];
        edge->from = builder->number[from];
        edge->to = builder->number[to];
        edge->branch = (int32_t)i;
        enum fg_code code = fg_edge_set_admittance(edge, branch, err);
        if (code != FG_OK)
            return code;
        topology->edge_of_branch[i] = topology->edge_count++;
    }
    /* A graph whose every component has nodes - 1 edges is a forest. */
    topology->is_radial = topology->edge_count == topology->node_count - topology->island_count;
    return FG_OK;
}

/* The size by which generators compare for the reference: what they can deliver, else what they do. */
static double generator_size(const struct fg_generator *generator)
{
    return isfinite(generator->p_max_mw) ? generator->p_max_mw : fabs(generator->p_mw);
}

/* The first source; else the largest generator, one that holds a voltage before one that holds none. */
static bool is_better_reference(const struct fg_generator *candidate, const struct fg_generator *best)
{
    if (best == NULL)
        return true;
    if (candidate->kind != best->kind)
        return candidate->kind == FG_GENERATOR_SOURCE;
    if (candidate->kind == FG_GENERATOR_SOURCE)
        return false;
    if (isnan(candidate->vm_set_pu) != isnan(best->vm_set_pu))
        return isnan(best->vm_set_pu);
    return generator_size(candidate) > generator_size(best);
}

static enum fg_code choose_references(struct fg_topology *topology, struct fg_error *err)
{
    const struct fg_network *network = topology->network;
    const struct fg_generator **best = fg_alloc((size_t)topology->island_count, sizeof *best);
    if (best == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *generator = &network->generators[i];
        if (!generator_is_live(network, generator))
            continue;
        int32_t node = topology->node_of_bus[generator->bus], island = topology->island_of_node[node];
        if (is_better_reference(generator, best[island])) {
            best[island] = generator;
            topology->reference_of_island[island] = node;
        }
    }
    fg_free(best);
    return FG_OK;
}

static void add_shunts(struct fg_topology *topology)
{
    const struct fg_network *network = topology->network;
    for (size_t i = 0; i < network->shunt_count; i++) {
        const struct fg_shunt *shunt = &network->shunts[i];
        int32_t node = shunt->in_service && bus_is_live(network, shunt->bus) ? topology->node_of_bus[shunt->bus] : -1;
        if (node < 0)
            continue;
        topology->g_shunt_pu[node] += shunt->g_mw / network->base_mva;
        topology->b_shunt_pu[node] += shunt->b_mvar / network->base_mva;
    }
}

enum fg_code fg_topology_create(const struct fg_network *network, struct fg_topology **topology, struct fg_error *err)
{
    *topology = NULL;
    struct builder builder = {.network = network, .topology = fg_alloc(1, sizeof **topology)};
    if (builder.topology == NULL)
        return fg_fail_memory(err);
    builder.topology->network = network;
    enum fg_code code = find_components(&builder, err);
    if (code == FG_OK)
        code = number_nodes(&builder, err);
    if (code == FG_OK)
        code = add_edges(&builder, err);
    if (code == FG_OK)
        code = choose_references(builder.topology, err);
    builder_release(&builder);
    if (code != FG_OK) {
        fg_topology_destroy(builder.topology);
        return code;
    }
    add_shunts(builder.topology);
    *topology = builder.topology;
    return FG_OK;
}

void fg_topology_destroy(struct fg_topology *topology)
{
    if (topology == NULL)
        return;
    fg_free(topology->node_of_bus);
    fg_free(topology->bus_of_node);
    fg_free(topology->island_of_node);
    fg_free(topology->reference_of_island);
    fg_free(topology->edges);
    fg_free(topology->g_shunt_pu);
    fg_free(topology->b_shunt_pu);
    fg_free(topology->vm_min_pu);
    fg_free(topology->vm_max_pu);
    fg_free(topology->edge_of_branch);
    fg_free(topology);
}
