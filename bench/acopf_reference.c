/* The reference on its own: one case through Ipopt in both formulations; --periods N solves the day on the feeder, and
 * --check-derivatives lets Ipopt compare the derivatives with finite differences. */
#include "ipopt_acopf.h"

#include "grid/matpower.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    bool check = bench_flag(argc, argv, "--check-derivatives");
    if (argc < 2 || argv[1][0] == '-' || !ipopt_is_available()) {
        printf("usage: acopf_reference CASE.m [--check-derivatives] [--periods N] [--tolerance T]\n%s\n", ipopt_version());
        return argc < 2;
    }
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    struct fg_topology *topology = NULL;
    const char *periods = bench_option(argc, argv, "--periods");
    const char *tolerance_text = bench_option(argc, argv, "--tolerance");
    double tolerance = tolerance_text != NULL ? atof(tolerance_text) : 1e-6;
    struct bench_problem problem = {0};
    enum fg_code code = fg_matpower_read(argv[1], &network, &err);
    if (code == FG_OK)
        code = fg_topology_create(network, &topology, &err);
    if (code == FG_OK && periods == NULL)
        problem = bench_problem_plain(topology);
    else if (code == FG_OK)
        code = bench_problem_day(&problem, topology, atoi(periods), 40, 20, 533, &err);
    printf("%s\n%s\n", ipopt_version(), argv[1]);
    for (int f = 0; code == FG_OK && f < 2; f++) {
        struct ipopt_result result;
        code = ipopt_solve(&problem, f == 0 ? IPOPT_POWER_BALANCE : IPOPT_BRANCH_FLOWS, tolerance, 3600, check, &result,
                           &err);
        if (code == FG_OK)
            printf("%-14s %-12s %4d iterations  %8.3f s wall %8.3f s cpu  objective %.6f\n",
                   f == 0 ? "power balance" : "branch flows", result.status, result.iterations, result.time.wall_s,
                   result.time.cpu_s, result.objective);
    }
    if (code != FG_OK)
        fprintf(stderr, "%s: %s\n", err.place, err.text);
    bench_problem_release(&problem);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
    return code != FG_OK;
}
