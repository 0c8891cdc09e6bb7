/* Test helper: does a published state solve a network as we read it?
 *
 * The voltages come from another program's result; the power that flows away from each node is computed from them, and
 * must equal what the node's elements inject. No solver is involved, so that a wrong model cannot hide behind one. */
#ifndef FG_TESTS_REFERENCE_STATE_H
#define FG_TESTS_REFERENCE_STATE_H

#include "base/csv.h"
#include "grid/flow.h"
#include "grid/topology.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* cmocka compares floats only. */
#define assert_near(value, expected, tolerance)                                 \
    do {                                                                        \
        double value_ = (value), expected_ = (expected);                        \
        if (!(fabs(value_ - expected_) <= (tolerance)))                         \
            fail_msg("%s is %.17g, expected %.17g", #value, value_, expected_); \
    } while (0)

struct reference_state {
    double *vm_pu, *va_rad; /* per bus of the network; NAN: not published */
};

/* Largest mismatch in MVA over all nodes with a published voltage; `worst` receives a bus id (may be NULL). Free ends
 * of branches carry no current, which gives their voltage. Reference nodes are left out; at nodes that hold their
 * voltage only P counts. */
static inline double reference_state_mismatch_mva(const struct fg_network *network, const struct reference_state *state,
                                                  const char **worst)
{
    struct fg_topology *topology;
    struct fg_error err;
    if (fg_topology_create(network, &topology, &err) != FG_OK) {
        fprintf(stderr, "%s: %s\n", err.place, err.text);
        return INFINITY;
    }
    size_t n = (size_t)topology->node_count;
    double *p = fg_alloc(n, sizeof *p), *q = fg_alloc(n, sizeof *q);
    double *vm = fg_alloc(n, sizeof *vm), *va = fg_alloc(n, sizeof *va);
    bool *holds = fg_alloc(n, sizeof *holds), *is_source = fg_alloc(n, sizeof *is_source);
    double base = network->base_mva;
    for (size_t i = 0; i < n; i++)
        vm[i] = va[i] = NAN;
    for (size_t i = 0; i < network->bus_count; i++) {
        int32_t node = topology->node_of_bus[i];
        if (node >= 0 && !isnan(state->vm_pu[i]))
            vm[node] = state->vm_pu[i], va[node] = state->va_rad[i];
    }
    for (int32_t i = 0; i < topology->edge_count; i++) {
        const struct fg_edge *edge = &topology->edges[i];
        double complex vf = vm[edge->from] * cexp(CMPLX(0, va[edge->from])),
                       vt = vm[edge->to] * cexp(CMPLX(0, va[edge->to]));
        if (topology->bus_of_node[edge->to] < 0) {
            vt = -CMPLX(edge->gtf, edge->btf) / CMPLX(edge->gtt, edge->btt) * vf;
            vm[edge->to] = cabs(vt), va[edge->to] = carg(vt);
        } else if (topology->bus_of_node[edge->from] < 0) {
            vf = -CMPLX(edge->gft, edge->bft) / CMPLX(edge->gff, edge->bff) * vt;
            vm[edge->from] = cabs(vf), va[edge->from] = carg(vf);
        }
        double flow[FG_FLOW_COUNT];
        fg_flow_values(edge, va[edge->from], va[edge->to], vm[edge->from], vm[edge->to], flow);
        p[edge->from] -= flow[FG_FLOW_PF] * base, q[edge->from] -= flow[FG_FLOW_QF] * base;
        p[edge->to] -= flow[FG_FLOW_PT] * base, q[edge->to] -= flow[FG_FLOW_QT] * base;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] -= topology->g_shunt_pu[i] * vm[i] * vm[i] * base;
        q[i] += topology->b_shunt_pu[i] * vm[i] * vm[i] * base;
    }
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *item = &network->injections[i];
        int32_t node = item->in_service ? topology->node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        double v = vm[node];
        p[node] += item->p_mw * (1 - item->p_current_share - item->p_impedance_share + item->p_current_share * v +
                                 item->p_impedance_share * v * v);
        q[node] += item->q_mvar * (1 - item->q_current_share - item->q_impedance_share + item->q_current_share * v +
                                   item->q_impedance_share * v * v);
    }
    for (size_t i = 0; i < network->storage_count; i++) {
        int32_t node = network->storages[i].in_service ? topology->node_of_bus[network->storages[i].bus] : -1;
        if (node >= 0)
            p[node] += network->storages[i].p_mw, q[node] += network->storages[i].q_mvar;
    }
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *item = &network->generators[i];
        int32_t node = item->in_service ? topology->node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        p[node] += item->p_mw, q[node] += item->q_mvar;
        holds[node] = holds[node] || !isnan(item->vm_set_pu);
        is_source[node] = is_source[node] || item->kind == FG_GENERATOR_SOURCE;
    }
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t bus = topology->bus_of_node[i];
        double mismatch = is_source[i] || isnan(p[i]) ? 0 : hypot(p[i], holds[i] ? 0 : q[i]);
        if (mismatch <= largest)
            continue;
        largest = mismatch;
        if (worst != NULL)
            *worst = bus < 0 ? "(free end)" : network->buses[bus].id;
    }
    fg_free(p), fg_free(q), fg_free(vm), fg_free(va), fg_free(holds), fg_free(is_source);
    fg_topology_destroy(topology);
    return largest;
}

static inline void reference_state_create(struct reference_state *state, const struct fg_network *network)
{
    state->vm_pu = fg_alloc(network->bus_count, sizeof(double));
    state->va_rad = fg_alloc(network->bus_count, sizeof(double));
    for (size_t i = 0; i < network->bus_count; i++)
        state->vm_pu[i] = state->va_rad[i] = NAN;
}

static inline void reference_state_release(struct reference_state *state)
{
    fg_free(state->vm_pu);
    fg_free(state->va_rad);
}

/* From a CSV file with the columns bus, vm_pu, va_degree. The number of buses set; -1 when the file or a bus fails. */
static inline int reference_state_load(struct reference_state *state, const struct fg_network *network,
                                       const char *path)
{
    struct fg_csv csv;
    struct fg_error err;
    if (fg_csv_read(&csv, path, &err) != FG_OK) {
        fprintf(stderr, "%s: %s\n", err.place, err.text);
        fg_csv_release(&csv);
        return -1;
    }
    int count = 0;
    for (size_t i = 0; i < csv.row_count && count >= 0; i++) {
        int32_t bus = fg_network_find_bus(network, fg_csv_field(&csv, i, 0));
        double vm, va;
        if (bus < 0 || fg_csv_number(&csv, i, 1, &vm, &err) != FG_OK || fg_csv_number(&csv, i, 2, &va, &err) != FG_OK) {
            fprintf(stderr, "%s: row %zu (bus %s)\n", path, i, fg_csv_field(&csv, i, 0));
            count = -1;
            break;
        }
        state->vm_pu[bus] = vm;
        state->va_rad[bus] = va * 3.14159265358979323846 / 180;
        count++;
    }
    fg_csv_release(&csv);
    return count;
}

#endif
