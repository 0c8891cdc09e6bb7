#include "grid/powerflow_newton.h"

#include <string.h>

size_t fg_powerflow_state_size(const struct fg_powerflow *powerflow)
{
    return 4 * (size_t)powerflow->node_count;
}

void fg_powerflow_keep_state(const struct fg_powerflow *powerflow, double *state)
{
    size_t nodes = (size_t)powerflow->node_count;
    const double *const parts[] = {powerflow->vm, powerflow->va, powerflow->re, powerflow->im};
    for (size_t k = 0; k < 4; k++)
        memcpy(state + k * nodes, parts[k], nodes * sizeof *state);
}

static void take_state(struct fg_powerflow *powerflow, const double *state)
{
    size_t nodes = (size_t)powerflow->node_count;
    double *const parts[] = {powerflow->vm, powerflow->va, powerflow->re, powerflow->im};
    for (size_t k = 0; k < 4; k++)
        memcpy(parts[k], state + k * nodes, nodes * sizeof *state);
}

enum fg_code fg_powerflow_solve_from(struct fg_powerflow *powerflow, const double *state,
                                     struct fg_powerflow_result *result, struct fg_error *err)
{
    if (result->network != powerflow->network)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the result was created for another network");
    take_state(powerflow, state);
    fg_powerflow_run(powerflow, true, result);
    return FG_OK;
}

bool fg_powerflow_response(struct fg_powerflow *powerflow, int32_t count, const int32_t *buses, const double *dp_mw,
                           const double *dq_mvar, double *d_vm_pu, double *d_va_rad)
{
    struct fg_newton *newton = powerflow->newton;
    const int32_t *node_of_bus = powerflow->topology->node_of_bus;
    double base = powerflow->network->base_mva;
    if (newton == NULL || (newton->unknown_count > 0 && newton->numeric == NULL))
        return false;
    memset(newton->step, 0, (size_t)newton->unknown_count * sizeof *newton->step);
    for (int32_t i = 0; i < count; i++) {
        int32_t node = node_of_bus[buses[i]], row = node >= 0 ? newton->column_of_node[node] : -1;
        if (row < 0)
            continue;
        newton->step[row] += dp_mw[i] / base;
        if (powerflow->kind[node] == FG_NODE_PQ)
            newton->step[row + 1] += dq_mvar[i] / base;
    }
    if (newton->unknown_count > 0)
        klu_solve(newton->symbolic, newton->numeric, newton->unknown_count, 1, newton->step, &newton->common);
    for (size_t b = 0; b < powerflow->network->bus_count; b++) {
        int32_t node = node_of_bus[b], row = node >= 0 ? newton->column_of_node[node] : -1;
        d_va_rad[b] = row >= 0 ? newton->step[row] : 0;
        d_vm_pu[b] = row >= 0 ? newton->step[row + 1] : 0;
    }
    return true;
}
