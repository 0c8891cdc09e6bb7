/* The power flow's handle: what is injected where, the start, attempts and rounds. The methods are in
 * powerflow_newton.c and powerflow_sweep.c. */
#include "grid/powerflow.h"

#include "grid/powerflow_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct fg_powerflow_options fg_powerflow_options_default(void)
{
    return (struct fg_powerflow_options){.tolerance_pu = 1e-8};
}

const char *fg_powerflow_status_name(enum fg_powerflow_status status)
{
    static const char *const names[] = {"converged", "iteration_limit", "diverged", "singular", "tap_limit"};
    return status < FG_POWERFLOW_STATUS_COUNT ? names[status] : "unknown";
}

/* Which nodes are references, which hold a voltage, and at what. Where several generators hold one node's voltage, the
 * last one's set-point counts (as in MATPOWER). A reference without a source stands at the angle of the file. */
static void set_kinds(struct fg_powerflow *powerflow)
{
    const struct fg_network *network = powerflow->network;
    const struct fg_topology *topology = powerflow->topology;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        powerflow->vm_set[i] = 1;
        powerflow->slack_generator[i] = -1;
    }
    for (int32_t i = 0; i < topology->island_count; i++) {
        int32_t node = topology->reference_of_island[i];
        const struct fg_bus *bus = &network->buses[topology->bus_of_node[node]];
        powerflow->own_kind[node] = FG_NODE_REFERENCE;
        powerflow->vm_set[node] = bus->vm_start_pu;
        powerflow->va_set[node] = bus->va_start_rad;
    }
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *generator = &network->generators[i];
        int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
        if (node < 0)
            continue;
        if (generator->kind == FG_GENERATOR_SOURCE) {
            powerflow->own_kind[node] = FG_NODE_REFERENCE;
            powerflow->va_set[node] = generator->va_set_rad;
        }
        if (!isnan(generator->vm_set_pu)) {
            powerflow->vm_set[node] = generator->vm_set_pu;
            powerflow->holder_count[node]++;
            if (powerflow->own_kind[node] == FG_NODE_PQ)
                powerflow->own_kind[node] = FG_NODE_PV;
            powerflow->q_min[node] += generator->q_min_mvar / network->base_mva;
            powerflow->q_max[node] += generator->q_max_mvar / network->base_mva;
        }
    }
    /* The balance of a reference goes to its first source, else to its first generator. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < network->generator_count; i++) {
            const struct fg_generator *generator = &network->generators[i];
            int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
            if (node >= 0 && powerflow->own_kind[node] == FG_NODE_REFERENCE && powerflow->slack_generator[node] < 0 &&
                (pass == 1 || generator->kind == FG_GENERATOR_SOURCE))
                powerflow->slack_generator[node] = (int32_t)i;
        }
    memcpy(powerflow->kind, powerflow->own_kind, (size_t)powerflow->node_count * sizeof *powerflow->kind);
}

static enum fg_code check_options(const struct fg_powerflow_options *options, struct fg_error *err)
{
    if (!(options->tolerance_pu > 0 && options->tolerance_pu < 1))
        return fg_fail(err, FG_ERR_ARGUMENT, "tolerance_pu", "must lie between 0 and 1, is %g", options->tolerance_pu);
    if (options->max_iterations < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, "max_iterations", "must not be negative, is %d", options->max_iterations);
    if (options->method == FG_POWERFLOW_SWEEP && options->enforce_q_limits)
        return fg_fail(err, FG_ERR_ARGUMENT, "enforce_q_limits",
                       "the sweep treats no generators that hold a voltage; use Newton's method");
    return FG_OK;
}

static enum fg_code allocate(struct fg_powerflow *powerflow, struct fg_error *err)
{
    size_t nodes = (size_t)powerflow->node_count, generators = powerflow->network->generator_count;
    powerflow->kind = fg_alloc(nodes, sizeof *powerflow->kind);
    powerflow->own_kind = fg_alloc(nodes, sizeof *powerflow->own_kind);
    powerflow->slack_generator = fg_alloc(nodes, sizeof *powerflow->slack_generator);
    powerflow->holder_count = fg_alloc(nodes, sizeof *powerflow->holder_count);
    powerflow->ports = fg_alloc(powerflow->network->branch_count, sizeof *powerflow->ports);
    powerflow->edge_shift = fg_alloc((size_t)powerflow->topology->edge_count, sizeof *powerflow->edge_shift);
    powerflow->bus_limits = fg_alloc(powerflow->network->bus_count, sizeof *powerflow->bus_limits);
    powerflow->switch_count = fg_alloc(nodes, sizeof *powerflow->switch_count);
    powerflow->power = fg_alloc(nodes, sizeof *powerflow->power);
    double **doubles[] = {&powerflow->vm_set, &powerflow->va_set,   &powerflow->vm,      &powerflow->va,
                          &powerflow->re,     &powerflow->im,       &powerflow->q_min,   &powerflow->q_max,
                          &powerflow->q_held, &powerflow->start_vm, &powerflow->start_va};
    bool is_complete = powerflow->kind && powerflow->own_kind && powerflow->slack_generator &&
                       powerflow->switch_count && powerflow->power && powerflow->holder_count && powerflow->ports &&
                       powerflow->edge_shift && powerflow->bus_limits;
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        *doubles[i] = fg_alloc(nodes, sizeof(double));
        is_complete = is_complete && *doubles[i];
    }
    powerflow->scratch = fg_alloc(2 * nodes, sizeof *powerflow->scratch);
    powerflow->found = fg_alloc(2 * nodes, sizeof *powerflow->found);
    powerflow->generator_p_mw = fg_alloc(generators, sizeof *powerflow->generator_p_mw);
    powerflow->generator_q_mvar = fg_alloc(generators, sizeof *powerflow->generator_q_mvar);
    if (!is_complete || !powerflow->scratch || !powerflow->found || !powerflow->generator_p_mw || !powerflow->generator_q_mvar)
        return fg_fail_memory(err);
    return FG_OK;
}

enum fg_code fg_powerflow_create(const struct fg_network *network, const struct fg_powerflow_options *options,
                                 struct fg_powerflow **result, struct fg_error *err)
{
    *result = NULL;
    struct fg_powerflow *powerflow = fg_alloc(1, sizeof *powerflow);
    if (powerflow == NULL)
        return fg_fail_memory(err);
    powerflow->network = network;
    powerflow->branches = network->branches;
    powerflow->options = options ? *options : fg_powerflow_options_default();
    enum fg_code code = check_options(&powerflow->options, err);
    if (powerflow->options.max_iterations == 0)
        powerflow->options.max_iterations = powerflow->options.method == FG_POWERFLOW_SWEEP ? 500 : 50;
    if (code == FG_OK)
        code = fg_topology_create(network, &powerflow->topology, err);
    if (code == FG_OK && powerflow->topology->node_count == 0)
        code = fg_fail(err, FG_ERR_NETWORK, network->name,
                       "no bus is supplied: put a source or a generator in service at a bus in service");
    if (code == FG_OK) {
        powerflow->node_count = powerflow->topology->node_count;
        code = allocate(powerflow, err);
    }
    if (code == FG_OK) {
        set_kinds(powerflow);
        for (size_t i = 0; i < network->branch_count; i++)
            fg_port_set(&powerflow->ports[i], &network->branches[i]);
        for (int32_t k = 0; k < powerflow->topology->edge_count; k++)
            powerflow->edge_shift[k] = network->branches[powerflow->topology->edges[k].branch].shift_rad;
        for (size_t i = 0; i < network->bus_count; i++) {
            powerflow->bus_limits[i][0] = network->buses[i].vm_min_pu;
            powerflow->bus_limits[i][1] = network->buses[i].vm_max_pu;
        }
        fg_powerflow_set_injections(powerflow, NULL);
        code = fg_powerflow_start_create(powerflow, err);
        if (code == FG_OK && powerflow->options.taps != FG_TAP_FIXED)
            code = fg_tap_control_create(powerflow, &powerflow->tap_control, err);
    }
    if (code == FG_OK)
        code = powerflow->options.method == FG_POWERFLOW_SWEEP ? fg_sweep_create(powerflow, &powerflow->sweep, err)
                                                               : fg_newton_create(powerflow, &powerflow->newton, err);
    if (code != FG_OK) {
        fg_powerflow_destroy(powerflow);
        return code;
    }
    *result = powerflow;
    return FG_OK;
}

void fg_powerflow_destroy(struct fg_powerflow *powerflow)
{
    if (powerflow == NULL)
        return;
    fg_tap_control_destroy(powerflow->tap_control);
    fg_newton_destroy(powerflow->newton);
    fg_sweep_destroy(powerflow->sweep);
    fg_topology_destroy(powerflow->topology);
    void *blocks[] = {powerflow->ports,
                      powerflow->edge_shift,
                      powerflow->bus_limits,
                      powerflow->holder_count,
                      powerflow->tapped,
                      powerflow->kind,
                      powerflow->own_kind,
                      powerflow->vm_set,
                      powerflow->va_set,
                      powerflow->power,
                      powerflow->slack_generator,
                      powerflow->vm,
                      powerflow->va,
                      powerflow->re,
                      powerflow->im,
                      powerflow->scratch,
                      powerflow->found,
                      powerflow->q_min,
                      powerflow->q_max,
                      powerflow->q_held,
                      powerflow->switch_count,
                      powerflow->generator_p_mw,
                      powerflow->generator_q_mvar,
                      powerflow->start_vm,
                      powerflow->start_va};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(powerflow);
}

static double pick(const double *values, size_t i, double own)
{
    return values ? values[i] : own;
}

void fg_powerflow_set_injections(struct fg_powerflow *powerflow, const struct fg_powerflow_input *given)
{
    const struct fg_network *network = powerflow->network;
    const int32_t *node_of_bus = powerflow->topology->node_of_bus;
    static const struct fg_powerflow_input nothing;
    const struct fg_powerflow_input *input = given ? given : &nothing;
    double base = network->base_mva;
    memset(powerflow->power, 0, (size_t)powerflow->node_count * sizeof *powerflow->power);
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *item = &network->injections[i];
        int32_t node = item->in_service ? node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        struct fg_node_power *power = &powerflow->power[node];
        double p = pick(input->injection_p_mw, i, item->p_mw) / base,
               q = pick(input->injection_q_mvar, i, item->q_mvar) / base;
        power->p0 += p * (1 - item->p_current_share - item->p_impedance_share);
        power->p1 += p * item->p_current_share;
        power->p2 += p * item->p_impedance_share;
        power->q0 += q * (1 - item->q_current_share - item->q_impedance_share);
        power->q1 += q * item->q_current_share;
        power->q2 += q * item->q_impedance_share;
    }
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *item = &network->generators[i];
        powerflow->generator_p_mw[i] = pick(input->generator_p_mw, i, item->p_mw);
        powerflow->generator_q_mvar[i] = pick(input->generator_q_mvar, i, item->q_mvar);
        int32_t node = item->in_service ? node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        powerflow->power[node].p0 += powerflow->generator_p_mw[i] / base;
        if (isnan(item->vm_set_pu))
            powerflow->power[node].q0 += powerflow->generator_q_mvar[i] / base;
    }
    for (size_t i = 0; i < network->storage_count; i++) {
        const struct fg_storage *item = &network->storages[i];
        int32_t node = item->in_service ? node_of_bus[item->bus] : -1;
        if (node < 0)
            continue;
        powerflow->power[node].p0 += pick(input->storage_p_mw, i, item->p_mw) / base;
        powerflow->power[node].q0 += pick(input->storage_q_mvar, i, item->q_mvar) / base;
    }
    for (size_t i = 0; i < network->bus_count && (input->bus_p_mw || input->bus_q_mvar); i++) {
        if (node_of_bus[i] < 0)
            continue;
        powerflow->power[node_of_bus[i]].p0 += pick(input->bus_p_mw, i, 0) / base;
        powerflow->power[node_of_bus[i]].q0 += pick(input->bus_q_mvar, i, 0) / base;
    }
}

enum fg_code fg_powerflow_own_branches(struct fg_powerflow *powerflow, struct fg_error *err)
{
    const struct fg_network *network = powerflow->network;
    if (powerflow->tapped != NULL)
        return FG_OK;
    powerflow->tapped = fg_alloc(network->branch_count, sizeof *powerflow->tapped);
    if (powerflow->tapped == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < network->branch_count; i++)
        powerflow->tapped[i] = network->branches[i];
    powerflow->branches = powerflow->tapped;
    return FG_OK;
}

/* From the file's ratio each time, so that rounding does not add up over many solves. */
void fg_powerflow_move_tap(struct fg_powerflow *powerflow, int32_t index, int32_t position)
{
    struct fg_branch *branch = &powerflow->tapped[index];
    int32_t edge = powerflow->topology->edge_of_branch[index];
    *branch = powerflow->network->branches[index];
    fg_branch_set_tap(branch, position);
    if (edge >= 0) {
        fg_edge_set_admittance(&powerflow->topology->edges[edge], branch, NULL);
        powerflow->edge_shift[edge] = branch->shift_rad;
    }
    fg_port_set(&powerflow->ports[index], branch);
    if (powerflow->sweep)
        fg_sweep_branch_changed(powerflow->sweep);
}

enum fg_code fg_powerflow_set_tap(struct fg_powerflow *powerflow, int32_t branch, int32_t position,
                                  struct fg_error *err)
{
    const struct fg_network *network = powerflow->network;
    if (branch < 0 || (size_t)branch >= network->branch_count || !network->branches[branch].tap.exists)
        return fg_fail(err, FG_ERR_ARGUMENT, network->name, "branch number %d has no tap changer", (int)branch);
    const struct fg_tap_changer *tap = &network->branches[branch].tap;
    bool is_descending = tap->minimum > tap->maximum;
    int32_t low = is_descending ? tap->maximum : tap->minimum, high = is_descending ? tap->minimum : tap->maximum;
    if (position < low || position > high)
        return fg_fail(err, FG_ERR_ARGUMENT, network->name, "tap position %d of branch %s is outside %d..%d",
                       (int)position, network->branches[branch].id, (int)low, (int)high);
    enum fg_code code = fg_powerflow_own_branches(powerflow, err);
    if (code == FG_OK && powerflow->branches[branch].tap.position != position)
        fg_powerflow_move_tap(powerflow, branch, position);
    return code;
}
