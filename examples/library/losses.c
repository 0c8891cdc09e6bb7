/* Read a MATPOWER case, solve the power flow, print losses and voltages.
 *
 *     cc losses.c -o losses $(pkg-config --cflags --libs flexgrid)
 *     ./losses feeder.m
 */
#include <grid/matpower.h>
#include <grid/network.h>
#include <grid/powerflow.h>

#include <stdio.h>

static int fail(const struct fg_error *err)
{
    fprintf(stderr, "%s: %s\n", err->place, err->text);
    return 1;
}

static int print_power_flow(const struct fg_network *network)
{
    struct fg_error err = {0};
    struct fg_powerflow *powerflow = NULL;
    struct fg_powerflow_result *result = NULL;
    enum fg_code code = fg_powerflow_create(network, NULL, &powerflow, &err);
    if (code == FG_OK)
        code = fg_powerflow_result_create(network, &result, &err);
    if (code == FG_OK)
        code = fg_powerflow_solve(powerflow, result, &err);

    int status = 1;
    if (code != FG_OK) {
        fail(&err);
    } else if (result->status != FG_POWERFLOW_CONVERGED) {
        fprintf(stderr, "%s: %s\n", fg_powerflow_status_name(result->status), result->explanation);
    } else {
        printf("%zu buses, losses %.6f MW after %d iterations\n", network->bus_count, result->losses_mw,
               (int)result->iterations);
        printf("lowest voltage %.6f p.u. at bus %s, highest %.6f p.u. at bus %s\n", result->vm_min_pu,
               network->buses[result->vm_min_bus].id, result->vm_max_pu, network->buses[result->vm_max_bus].id);
        status = 0;
    }
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CASE.m\n", argv[0]);
        return 2;
    }
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    if (fg_matpower_read(argv[1], &network, &err) != FG_OK)
        return fail(&err);
    int status = print_power_flow(network);
    fg_network_destroy(network);
    return status;
}
