/* AC optimal power flow from a flat start on the cases of PGLib-OPF: objective against the published one, violation by the
 * independent checker, bound and gap of the cone relaxation, time, and the ratio to Ipopt in the same run.
 *
 * Ours is measured over the whole call: composition, symbolic analysis, iterations, reading out. Ipopt's is IpoptSolve
 * alone, the better of both formulations, same start, same tolerance. Ratios are of processor time, medians of three.
 *
 * Options: --shared DIR, --case TEXT (only names that contain it), --no-reference, --no-relaxation, --repeat N. */
#include "ipopt_acopf.h"

#include "base/csv.h"
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/opf_network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bars: seconds of the solve, and how many times faster than Ipopt. */
struct bar {
    const char *name;
    double seconds, ratio;
};
static const struct bar bars[] = {
    {"pglib_opf_case118_ieee", 0.008, 0}, /* no ratio asked for */
    {"pglib_opf_case1354_pegase", 0.15, 10},
    {"pglib_opf_case2869_pegase", 0.45, 10},
    {"pglib_opf_case10000_goc", 4, 6},
};
enum { BAR_COUNT = sizeof bars / sizeof *bars };

static const double violation_bar = 1e-6, objective_bar = 1e-4, bound_bar = 1e-6, gap_bar = 0.001;
static const char *const only_reported = "pglib_opf_case8387_pegase"; /* its published gap is not a bar */

struct outcome {
    struct fg_opf_network_result result;
    struct bench_time time; /* of the call without relaxation, median */
    double violation;
};

static enum fg_code solve(const struct fg_network *network, int repeat, bool relaxation, struct outcome *outcome,
                          struct fg_error *err)
{
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct bench_time times[BENCH_REPEAT_MAX];
    double seconds[BENCH_REPEAT_MAX];
    enum fg_code code = FG_OK;
    options.relaxation = false;
    for (int r = 0; r < repeat && code == FG_OK; r++) {
        struct fg_opf_network_result result;
        struct bench_time start = bench_now();
        code = fg_opf_network_solve(network, &options, &result, err);
        times[r] = bench_since(start);
        seconds[r] = result.seconds;
        if (r == 0 && code == FG_OK && !relaxation)
            outcome->result = result;
        else
            fg_opf_network_result_release(&result);
    }
    if (code == FG_OK && relaxation) {
        options.relaxation = true;
        code = fg_opf_network_solve(network, &options, &outcome->result, err);
    }
    if (code != FG_OK)
        return code;
    outcome->time = bench_median(times, (size_t)repeat);
    outcome->result.seconds = bench_median_of(seconds, (size_t)repeat);
    struct fg_check_state state = {.vm_pu = outcome->result.vm_pu,
                                   .va_rad = outcome->result.va_rad,
                                   .generator_p_mw = outcome->result.pg_mw,
                                   .generator_q_mvar = outcome->result.qg_mvar};
    struct fg_check_report report;
    code = fg_check_run(network, &state, 1e-6, &report, err);
    outcome->violation = report.max_violation;
    fg_check_report_release(&report);
    return code;
}

static void print_reference(const char *name, const struct fg_network *network, const struct outcome *ours, int repeat)
{
    const struct bar *bar = NULL;
    for (int k = 0; k < BAR_COUNT; k++)
        if (strcmp(bars[k].name, name) == 0)
            bar = &bars[k];
    if (bar == NULL)
        return;
    printf("    time     %8.4f s, bar %.4g s: %s\n", ours->time.cpu_s, bar->seconds,
           bench_at_most(ours->time.cpu_s, bar->seconds));
    if (repeat == 0)
        return;
    struct fg_error err;
    struct fg_topology *topology;
    struct ipopt_result result;
    enum ipopt_formulation which;
    enum fg_code code = fg_topology_create(network, &topology, &err);
    if (code == FG_OK) {
        struct bench_problem problem = bench_problem_plain(topology);
        code = ipopt_solve_better(&problem, 1e-6, 3600, repeat, &result, &which, &err);
        fg_topology_destroy(topology);
    }
    if (code != FG_OK) {
        printf("    Ipopt    %s\n", err.text);
        return;
    }
    double ratio = result.time.cpu_s / ours->time.cpu_s;
    printf("    Ipopt    %8.4f s, %d iterations, %s, objective %.8g, %s form; ours is %.1f times faster", result.time.cpu_s,
           result.iterations, result.status, result.objective,
           which == IPOPT_POWER_BALANCE ? "power-balance" : "branch-flow", ratio);
    if (bar->ratio > 0)
        printf(", bar %.0f: %s", bar->ratio, bench_at_least(ratio, bar->ratio));
    printf("\n");
}

static void print_row(const char *name, const struct fg_csv *table, size_t row, const struct fg_network *network,
                      const struct outcome *outcome)
{
    double objective = NAN, gap = NAN;
    size_t column;
    if (fg_csv_need(table, "ac_objective", &column, NULL) == FG_OK)
        fg_csv_number(table, row, column, &objective, NULL);
    if (fg_csv_need(table, "soc_gap_percent", &column, NULL) == FG_OK)
        fg_csv_number(table, row, column, &gap, NULL);
    const struct fg_opf_network_result *r = &outcome->result;
    double difference = (r->objective - objective) / fabs(objective);
    bool passes = r->status == FG_OPF_OPTIMAL && difference <= objective_bar && outcome->violation <= violation_bar;
    printf("%-28s %6zu %-18s %14.6f %9.1e %9.1e %4d %9.4f %9.4f", name + strlen("pglib_opf_"), network->bus_count,
           fg_opf_status_text(r->status), r->objective, difference, outcome->violation, r->iterations, r->seconds,
           outcome->time.cpu_s);
    if (r->has_bound) {
        bool is_bar = strcmp(name, only_reported) != 0;
        passes = passes && r->soc_bound - r->objective <= bound_bar * fabs(r->objective) &&
                 (!is_bar || r->soc_gap <= gap / 100 + gap_bar);
        printf(" %14.6f %6.2f %6.2f %8.3f", r->soc_bound, 100 * r->soc_gap, gap, r->soc_seconds);
    }
    printf("  %s\n", bench_holds(passes));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    const char *shared = bench_shared_dir(argc, argv), *only = bench_option(argc, argv, "--case");
    const char *repeat_text = bench_option(argc, argv, "--repeat");
    int repeat = repeat_text != NULL ? atoi(repeat_text) : 3;
    if (repeat < 1 || repeat > BENCH_REPEAT_MAX) {
        fprintf(stderr, "--repeat takes 1 to %d\n", BENCH_REPEAT_MAX);
        return 2;
    }
    bool relaxation = !bench_flag(argc, argv, "--no-relaxation");
    bool reference = !bench_flag(argc, argv, "--no-reference") && ipopt_is_available();
    struct fg_error err = {0};
    struct fg_csv table = {0};
    char path[4096];
    printf("AC optimal power flow, PGLib-OPF, flat start, tolerance 1e-6\n");
    bench_print_machine();
    printf("reference: %s\n", ipopt_version());
    snprintf(path, sizeof path, "%s/ref/pglib_baseline.csv", shared);
    if (fg_csv_read(&table, path, &err) != FG_OK) {
        printf("skipped: %s\n", err.text);
        fg_csv_release(&table);
        return 0;
    }
    printf("bars: objective at most %.0e above the published one, violation at most %.0e p.u., bound at most %.0e above "
           "the objective, gap at most %.1f points above the published one\n",
           objective_bar, violation_bar, bound_bar, 100 * gap_bar);
    printf("%-28s %6s %-18s %14s %9s %9s %4s %9s %9s %14s %6s %6s %8s\n", "case", "buses", "status", "objective",
           "rel.diff", "violation", "iter", "solver s", "cpu s", "bound", "gap %", "publ.%", "soc s");
    for (size_t row = 0; row < table.row_count; row++) {
        const char *name = fg_csv_field(&table, row, 0);
        if (only != NULL && strstr(name, only) == NULL)
            continue;
        struct fg_network *network = NULL;
        struct outcome outcome = {0};
        snprintf(path, sizeof path, "%s/data/cases/pglib/%s.m", shared, name);
        enum fg_code code = fg_matpower_read(path, &network, &err);
        if (code == FG_OK)
            code = solve(network, repeat, relaxation, &outcome, &err);
        if (code == FG_OK) {
            print_row(name, &table, row, network, &outcome);
            print_reference(name, network, &outcome, reference ? repeat : 0);
        } else {
            printf("%-28s %s %s: %s\n", name, bench_holds(false), err.place, err.text);
        }
        fg_opf_network_result_release(&outcome.result);
        fg_network_destroy(network);
    }
    fg_csv_release(&table);
    printf("%d bars missed\n", bench_failures());
    return bench_failures() != 0;
}
