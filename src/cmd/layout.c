#include "cmd/layout.h"

#include <math.h>

#define DRAWING_WIDTH 640.0
#define DRAWING_HEIGHT_MIN 180.0
#define DRAWING_HEIGHT_MAX 640.0

/* Undirected adjacency of buses over everything that can connect them; open elements come last, so that they only hold
 * together what nothing else does. */
struct graph {
    int32_t *start, *to; /* bus_count + 1; twice the edges */
};

static bool is_joined(const struct fg_branch *branch)
{
    return branch->in_service && branch->from_closed && branch->to_closed;
}

static void graph_count(const struct fg_network *network, int32_t *degree)
{
    for (size_t k = 0; k < network->branch_count; k++) {
        degree[network->branches[k].from]++;
        degree[network->branches[k].to]++;
    }
    for (size_t k = 0; k < network->switch_count; k++) {
        degree[network->switches[k].from]++;
        degree[network->switches[k].to]++;
    }
}

static enum fg_code graph_create(const struct fg_network *network, struct graph *graph, struct fg_error *err)
{
    const size_t n = network->bus_count, edges = network->branch_count + network->switch_count;
    int32_t *fill = fg_alloc(n + 1, sizeof *fill);
    graph->start = fg_alloc(n + 1, sizeof *graph->start);
    graph->to = fg_alloc(2 * edges + 1, sizeof *graph->to);
    if (fill == NULL || graph->start == NULL || graph->to == NULL) {
        fg_free(fill);
        return fg_fail_memory(err);
    }
    graph_count(network, fill);
    for (size_t b = 0; b < n; b++)
        graph->start[b + 1] = graph->start[b] + fill[b];
    for (size_t b = 0; b < n; b++)
        fill[b] = graph->start[b];
    for (int is_open = 0; is_open < 2; is_open++) {
        for (size_t k = 0; k < network->branch_count; k++) {
            const struct fg_branch *branch = &network->branches[k];
            if (is_joined(branch) == (is_open != 0))
                continue;
            graph->to[fill[branch->from]++] = branch->to;
            graph->to[fill[branch->to]++] = branch->from;
        }
        for (size_t k = 0; k < network->switch_count; k++) {
            const struct fg_switch *link = &network->switches[k];
            if (link->closed == (is_open != 0))
                continue;
            graph->to[fill[link->from]++] = link->to;
            graph->to[fill[link->to]++] = link->from;
        }
    }
    fg_free(fill);
    return FG_OK;
}

/* Work arrays of the tree: breadth-first order, parent, depth, row. */
struct tree {
    int32_t *order, *parent, *depth, *first_child, *next_sibling, *last_child, *stack;
    double *row;
};

static void walk_breadth(const struct graph *graph, int32_t root, struct tree *tree, size_t *count)
{
    size_t head = *count;
    tree->order[(*count)++] = root;
    tree->depth[root] = 0;
    while (head < *count) {
        int32_t bus = tree->order[head++];
        for (int32_t k = graph->start[bus]; k < graph->start[bus + 1]; k++) {
            int32_t next = graph->to[k];
            if (tree->depth[next] >= 0)
                continue;
            tree->depth[next] = tree->depth[bus] + 1;
            tree->parent[next] = bus;
            if (tree->last_child[bus] < 0)
                tree->first_child[bus] = next;
            else
                tree->next_sibling[tree->last_child[bus]] = next;
            tree->last_child[bus] = next;
            tree->order[(*count)++] = next;
        }
    }
}

/* Leaves get rows in depth-first order; returns the next free row. */
static double place_leaves(const struct tree *tree, int32_t root, double row)
{
    size_t top = 0;
    tree->stack[top++] = root;
    while (top > 0) {
        int32_t bus = tree->stack[--top];
        if (tree->first_child[bus] < 0) {
            tree->row[bus] = row;
            row += 1.0;
        }
        size_t bottom = top;
        for (int32_t child = tree->first_child[bus]; child >= 0; child = tree->next_sibling[child])
            tree->stack[top++] = child;
        for (size_t i = bottom, j = top; i + 1 < j; i++) { /* first child on top */
            int32_t swap = tree->stack[i];
            tree->stack[i] = tree->stack[--j];
            tree->stack[j] = swap;
        }
    }
    return row;
}

static void scale_into_box(struct fg_layout *layout, size_t count, bool keep_aspect)
{
    double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
    for (size_t b = 0; b < count; b++) {
        x_low = fmin(x_low, layout->x[b]);
        x_high = fmax(x_high, layout->x[b]);
        y_low = fmin(y_low, layout->y[b]);
        y_high = fmax(y_high, layout->y[b]);
    }
    double across = fmax(x_high - x_low, 1e-12), down = fmax(y_high - y_low, 1e-12);
    double height = keep_aspect ? DRAWING_WIDTH * down / across : 40.0 * (down + 1.0);
    layout->width = DRAWING_WIDTH;
    layout->height = fmin(fmax(height, DRAWING_HEIGHT_MIN), DRAWING_HEIGHT_MAX);
    if (keep_aspect && height > DRAWING_HEIGHT_MAX)
        layout->width = fmax(DRAWING_HEIGHT_MAX * across / down, DRAWING_HEIGHT_MIN);
    for (size_t b = 0; b < count; b++) {
        layout->x[b] = x_high > x_low ? (layout->x[b] - x_low) / across * layout->width : layout->width / 2.0;
        layout->y[b] = y_high > y_low ? (layout->y[b] - y_low) / down * layout->height : layout->height / 2.0;
    }
}

static bool use_coordinates(const struct fg_network *network, struct fg_layout *layout)
{
    bool differs = false;
    for (size_t b = 0; b < network->bus_count; b++) {
        const struct fg_bus *bus = &network->buses[b];
        if (!isfinite(bus->x) || !isfinite(bus->y) || fabs(bus->x) > 1e12 || fabs(bus->y) > 1e12)
            return false;
        differs |= bus->x != network->buses[0].x || bus->y != network->buses[0].y;
        layout->x[b] = bus->x;
        layout->y[b] = -bus->y;
    }
    return differs;
}

static enum fg_code tree_layout(const struct fg_network *network, struct fg_layout *layout, struct fg_error *err)
{
    const size_t n = network->bus_count;
    struct graph graph = {0};
    struct tree tree = {0};
    int32_t **arrays[] = {&tree.order, &tree.parent, &tree.depth, &tree.first_child, &tree.next_sibling,
                          &tree.last_child, &tree.stack};
    enum fg_code code = graph_create(network, &graph, err);
    for (size_t i = 0; code == FG_OK && i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = fg_alloc(n + 1, sizeof **arrays[i]);
        if (*arrays[i] == NULL)
            code = fg_fail_memory(err);
        else
            for (size_t b = 0; b <= n; b++)
                (*arrays[i])[b] = -1;
    }
    tree.row = layout->y;
    if (code == FG_OK) {
        size_t count = 0;
        double row = 0.0;
        /* Sources first, then whatever no source reaches. */
        for (size_t g = 0; g < network->generator_count + n; g++) {
            bool is_generator = g < network->generator_count;
            if (is_generator && network->generators[g].kind != FG_GENERATOR_SOURCE)
                continue;
            int32_t root = is_generator ? network->generators[g].bus : (int32_t)(g - network->generator_count);
            if (tree.depth[root] >= 0)
                continue;
            size_t first = count;
            walk_breadth(&graph, root, &tree, &count);
            row = place_leaves(&tree, root, row);
            for (size_t i = count; i-- > first;) {
                int32_t bus = tree.order[i];
                layout->x[bus] = tree.depth[bus];
                if (tree.first_child[bus] >= 0)
                    tree.row[bus] = 0.5 * (tree.row[tree.first_child[bus]] + tree.row[tree.last_child[bus]]);
            }
        }
        scale_into_box(layout, n, false);
    }
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        fg_free(*arrays[i]);
    fg_free(graph.start);
    fg_free(graph.to);
    return code;
}

enum fg_code fg_layout_create(const struct fg_network *network, struct fg_layout *layout, struct fg_error *err)
{
    *layout = (struct fg_layout){0};
    layout->x = fg_alloc(network->bus_count + 1, sizeof *layout->x);
    layout->y = fg_alloc(network->bus_count + 1, sizeof *layout->y);
    if (layout->x == NULL || layout->y == NULL)
        return fg_fail_memory(err);
    layout->is_geographic = use_coordinates(network, layout);
    if (!layout->is_geographic)
        return tree_layout(network, layout, err);
    scale_into_box(layout, network->bus_count, true);
    return FG_OK;
}

void fg_layout_release(struct fg_layout *layout)
{
    fg_free(layout->x);
    fg_free(layout->y);
    *layout = (struct fg_layout){0};
}
