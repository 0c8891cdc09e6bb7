#include "grid/powerflow_internal.h"

#include <string.h>

/* Row `scenario` of a scenario x element array. */
static const double *row_of(const double *values, size_t scenario, size_t count)
{
    return values ? values + scenario * count : NULL;
}

static struct fg_powerflow_input scenario_of(const struct fg_network *network, const struct fg_powerflow_input *all,
                                             size_t i)
{
    return (struct fg_powerflow_input){
        .injection_p_mw = row_of(all->injection_p_mw, i, network->injection_count),
        .injection_q_mvar = row_of(all->injection_q_mvar, i, network->injection_count),
        .generator_p_mw = row_of(all->generator_p_mw, i, network->generator_count),
        .generator_q_mvar = row_of(all->generator_q_mvar, i, network->generator_count),
        .storage_p_mw = row_of(all->storage_p_mw, i, network->storage_count),
        .storage_q_mvar = row_of(all->storage_q_mvar, i, network->storage_count),
        .bus_p_mw = row_of(all->bus_p_mw, i, network->bus_count),
        .bus_q_mvar = row_of(all->bus_q_mvar, i, network->bus_count),
    };
}

enum fg_code fg_powerflow_batch(struct fg_powerflow *powerflow, size_t scenario_count,
                                const struct fg_powerflow_input *inputs, fg_powerflow_sink *sink, void *context,
                                struct fg_powerflow_result *result, struct fg_error *err)
{
    size_t bytes = (size_t)powerflow->node_count * sizeof(double);
    fg_powerflow_set_injections(powerflow, NULL);
    enum fg_code code = fg_powerflow_solve(powerflow, result, err);
    if (code != FG_OK)
        return code;
    bool has_base = result->status == FG_POWERFLOW_CONVERGED;
    if (has_base && powerflow->newton && (code = fg_newton_keep_base(powerflow, err)) != FG_OK)
        return code;
    double *base = fg_alloc(4 * (size_t)powerflow->node_count, sizeof *base);
    if (base == NULL)
        return fg_fail_memory(err);
    double *states[] = {powerflow->vm, powerflow->va, powerflow->re, powerflow->im};
    for (size_t k = 0; k < 4; k++)
        memcpy(base + k * (size_t)powerflow->node_count, states[k], bytes);
    for (size_t i = 0; i < scenario_count && code == FG_OK; i++) {
        struct fg_powerflow_input input = scenario_of(powerflow->network, inputs, i);
        fg_powerflow_set_injections(powerflow, &input);
        for (size_t k = 0; k < 4 && has_base; k++)
            memcpy(states[k], base + k * (size_t)powerflow->node_count, bytes);
        fg_powerflow_run(powerflow, has_base, result);
        code = sink(context, i, result);
    }
    fg_free(base);
    return code;
}
