/* Power flow: scenarios of a radial feeder with full output (voltages, flows, currents, loading, losses, violations),
 * sweep against Newton's method in the same run, and single solves of transmission cases from a flat start. Every time
 * is the median of three, in processor seconds. */
#include "base/random.h"
#include "grid/matpower.h"
#include "grid/powerflow.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCENARIOS = 1000, REPEATS = 3 };

static void stop_on(enum fg_code code, const struct fg_error *err)
{
    if (code == FG_OK)
        return;
    fprintf(stderr, "%s: %s\n", err->place, err->text);
    exit(1);
}

static struct fg_network *read_case(const char *name)
{
    char path[512];
    struct fg_error err;
    struct fg_network *network;
    snprintf(path, sizeof path, "%s/data/cases/%s.m", FG_SHARED_DIR, name);
    stop_on(fg_matpower_read(path, &network, &err), &err);
    return network;
}

/* What the scenarios gave, so that the two methods can be compared and nothing is computed in vain. */
struct summary {
    size_t converged, iterations;
    double losses_mw, vm_min_pu;
};

static enum fg_code add_up(void *context, size_t scenario, const struct fg_powerflow_result *result)
{
    (void)scenario;
    struct summary *summary = context;
    summary->converged += result->status == FG_POWERFLOW_CONVERGED;
    summary->iterations += (size_t)result->iterations;
    summary->losses_mw += result->losses_mw;
    summary->vm_min_pu = fmin(summary->vm_min_pu, result->vm_min_pu);
    return FG_OK;
}

static double time_batch(const struct fg_network *network, enum fg_powerflow_method method,
                         const struct fg_powerflow_input *inputs, struct summary *summary)
{
    struct fg_error err;
    struct fg_powerflow_options options = fg_powerflow_options_default();
    options.method = method;
    struct fg_powerflow *powerflow;
    struct fg_powerflow_result *result;
    double seconds[REPEATS];
    stop_on(fg_powerflow_create(network, &options, &powerflow, &err), &err);
    stop_on(fg_powerflow_result_create(network, &result, &err), &err);
    for (int i = 0; i < REPEATS; i++) {
        *summary = (struct summary){.vm_min_pu = INFINITY};
        struct bench_time start = bench_now();
        stop_on(fg_powerflow_batch(powerflow, SCENARIOS, inputs, add_up, summary, result, &err), &err);
        seconds[i] = bench_since(start).cpu_s;
    }
    fg_powerflow_result_destroy(result);
    fg_powerflow_destroy(powerflow);
    return bench_median_of(seconds, REPEATS);
}

/* Every load of every scenario is the file's times an own factor between 0.5 and 1.5. */
static double *random_loads(const struct fg_network *network, double **q_mvar)
{
    size_t count = network->injection_count;
    double *p_mw = malloc(SCENARIOS * count * sizeof *p_mw);
    *q_mvar = malloc(SCENARIOS * count * sizeof **q_mvar);
    if (p_mw == NULL || *q_mvar == NULL)
        exit(1);
    struct fg_random random;
    fg_random_init(&random, 1);
    for (size_t i = 0; i < SCENARIOS * count; i++) {
        double factor = fg_random_between(&random, 0.5, 1.5);
        p_mw[i] = factor * network->injections[i % count].p_mw;
        (*q_mvar)[i] = factor * network->injections[i % count].q_mvar;
    }
    return p_mw;
}

/* Bars in seconds; 0: none. */
static void bench_scenarios(const char *name, double bar_sweep_s, double bar_newton_s)
{
    struct fg_network *network = read_case(name);
    double *q_mvar, *p_mw = random_loads(network, &q_mvar);
    struct fg_powerflow_input inputs = {.injection_p_mw = p_mw, .injection_q_mvar = q_mvar};
    struct summary newton, sweep;
    double newton_s = time_batch(network, FG_POWERFLOW_NEWTON, &inputs, &newton);
    double sweep_s = time_batch(network, FG_POWERFLOW_SWEEP, &inputs, &sweep);
    printf("%-24s %6zu %9.4f %6.2f %9.4f %6.2f %8.1f %12.2e %8zu\n", name, network->bus_count, sweep_s,
           (double)sweep.iterations / SCENARIOS, newton_s, (double)newton.iterations / SCENARIOS, newton_s / sweep_s,
           fabs(sweep.losses_mw / newton.losses_mw - 1), (size_t)(2 * SCENARIOS) - newton.converged - sweep.converged);
    if (bar_sweep_s > 0)
        printf("    sweep %.4f s, bar %g s: %s; Newton %.4f s, bar %g s: %s\n", sweep_s, bar_sweep_s,
               bench_at_most(sweep_s, bar_sweep_s), newton_s, bar_newton_s, bench_at_most(newton_s, bar_newton_s));
    free(p_mw);
    free(q_mvar);
    fg_network_destroy(network);
}

static void bench_single(const char *name)
{
    struct fg_network *network = read_case(name);
    struct fg_error err;
    double setup[REPEATS], solve[REPEATS];
    struct fg_powerflow_result *result;
    stop_on(fg_powerflow_result_create(network, &result, &err), &err);
    for (int i = 0; i < REPEATS; i++) {
        struct fg_powerflow *powerflow;
        struct bench_time start = bench_now();
        stop_on(fg_powerflow_create(network, NULL, &powerflow, &err), &err);
        setup[i] = bench_since(start).cpu_s;
        stop_on(fg_powerflow_solve(powerflow, result, &err), &err);
        solve[i] = bench_since(start).cpu_s - setup[i];
        fg_powerflow_destroy(powerflow);
    }
    double setup_s = bench_median_of(setup, REPEATS), solve_s = bench_median_of(solve, REPEATS);
    printf("%-34s %6zu %9.4f %9.4f %5d %10.1e  %s\n", name, network->bus_count, setup_s, solve_s, result->iterations,
           result->max_mismatch_pu, fg_powerflow_status_name(result->status));
    fg_powerflow_result_destroy(result);
    fg_network_destroy(network);
}

int main(int argc, char **argv)
{
    (void)argc;
    bench_one_thread(argv);
    if (access(FG_SHARED_DIR "/data/cases/matpower/case1197.m", R_OK) != 0) {
        printf("skipped: %s/data/cases is absent\n", FG_SHARED_DIR);
        return 0;
    }
    bench_print_machine();
    printf("%d load scenarios, full output, one core\n", SCENARIOS);
    printf("%-24s %6s %9s %6s %9s %6s %8s %12s %8s\n", "case", "buses", "sweep s", "iter", "Newton s", "iter", "ratio",
           "loss diff.", "failed");
    bench_scenarios("matpower/case33bw", 0, 0);
    bench_scenarios("matpower/case141", 0, 0);
    bench_scenarios("matpower/case533mt_hi", 0, 0);
    bench_scenarios("matpower/case1197", 0.1, 0.5);
    printf("\nNewton's method from a flat start\n%-34s %6s %9s %9s %5s %10s\n", "case", "buses", "set-up s", "solve s",
           "iter", "mismatch");
    const char *cases[] = {"matpower/case300", "matpower/case1354pegase", "matpower/case2869pegase",
                           "pglib/pglib_opf_case8387_pegase", "pglib/pglib_opf_case10000_goc"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        bench_single(cases[i]);
    printf("%d bars missed\n", bench_failures());
    return bench_failures() > 0;
}
