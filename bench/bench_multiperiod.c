/* Multi-period AC optimal power flow: case533mt_hi with 20 batteries and 40 PV plants over 24, 96 and 192 periods.
 *
 * The case ships without costs and profiles; bench/problem.h says how a day is made from the seed printed. The violation
 * is that of the independent checker over all periods, and of the batteries' own equations. Growth is the exponent of
 * time over periods between 24 and 192. Ratios are of processor time, medians of three; ours is composition and solve
 * together, Ipopt's IpoptSolve alone, better of both formulations.
 *
 * Options: --shared DIR, --no-reference, --long (the reference at 96 periods too), --repeat N, --seed N; --periods N (one
 * size alone) and --case NAME (another feeder of data/cases/matpower), both without bars on time. */
#include "ipopt_acopf.h"

#include "base/memory.h"
#include "grid/check.h"
#include "grid/matpower.h"
#include "grid/opf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PV_COUNT = 40, BATTERY_COUNT = 20 };
enum { CHARGE, DISCHARGE, REACTIVE, ENERGY, NET, BATTERY_VARIABLES };

/* Bars by number of periods; 0: none. */
struct size {
    int32_t periods;
    double seconds;
};
static const struct size sizes[] = {{24, 0.9}, {96, 4}, {192, 0}};
enum { SIZE_COUNT = sizeof sizes / sizeof *sizes };
static const double iteration_growth_bar = 1.1, total_growth_bar = 1.25, violation_bar = 1e-6;

struct composition {
    const struct bench_problem *problem;
    struct fg_opf *opf;
    int32_t *generator; /* periods x generators x 2: P, Q; -1 out of service */
    int32_t *pv;        /* periods x plants x 2 */
    int32_t *battery;   /* periods x batteries x BATTERY_VARIABLES */
};

static void stop_on(enum fg_code code, const struct fg_error *err)
{
    if (code == FG_OK)
        return;
    fprintf(stderr, "%s: %s\n", err->place, err->text);
    exit(1);
}

static int32_t variable(struct fg_opf *opf, double lower, double upper, double start, double unit)
{
    int32_t v = fg_opf_add_variable(opf, lower, upper, start, unit);
    if (v < 0)
        stop_on(FG_ERR_MEMORY, &(struct fg_error){.text = "out of memory"});
    return v;
}

static void inject(struct fg_opf *opf, int32_t block, int32_t node, int32_t v, double p, double q)
{
    struct fg_error err;
    stop_on(fg_opf_inject(opf, block, node, v, p, q, &err), &err);
}

static void term(struct fg_opf *opf, int32_t row, int32_t v, double coefficient)
{
    struct fg_error err;
    stop_on(fg_opf_add_term(opf, row, v, coefficient, &err), &err);
}

static void compose_period(struct composition *c, const struct bench_injections *fixed, int32_t t)
{
    const struct bench_problem *problem = c->problem;
    const struct fg_network *network = problem->topology->network;
    struct fg_opf *opf = c->opf;
    struct fg_opf_block_options options = fg_opf_block_defaults();
    struct fg_error err;
    int32_t block = fg_opf_add_block(opf, problem->topology, &options, &err);
    if (block < 0)
        stop_on(err.code, &err);
    for (int32_t i = 0; i < problem->topology->node_count; i++) {
        double scale = problem->load[t] * network->base_mva;
        struct fg_opf_injection injection = {scale * fixed->p[0][i], scale * fixed->q[0][i], scale * fixed->p[1][i],
                                             scale * fixed->q[1][i], scale * fixed->p[2][i], scale * fixed->q[2][i]};
        fg_opf_set_injection(opf, block, i, &injection);
    }
    for (size_t k = 0; k < network->generator_count; k++) {
        const struct fg_generator *g = &network->generators[k];
        int32_t *at = c->generator + 2 * ((size_t)t * network->generator_count + k);
        int32_t node = g->in_service ? problem->topology->node_of_bus[g->bus] : -1;
        at[0] = at[1] = -1;
        if (node < 0)
            continue;
        at[0] = variable(opf, g->p_min_mw, g->p_max_mw, (g->p_min_mw + g->p_max_mw) / 2, network->base_mva);
        at[1] = variable(opf, g->q_min_mvar, g->q_max_mvar, (g->q_min_mvar + g->q_max_mvar) / 2, network->base_mva);
        fg_opf_set_cost(opf, at[0], problem->hours * problem->price[t], 0);
        inject(opf, block, node, at[0], 1, 0);
        inject(opf, block, node, at[1], 0, 1);
    }
    for (int32_t k = 0; k < problem->pv_count; k++) {
        const struct bench_pv *pv = &problem->pvs[k];
        int32_t *at = c->pv + 2 * (t * problem->pv_count + k);
        double available = pv->peak_mw * problem->sun[t];
        at[0] = variable(opf, 0, available, available / 2, pv->s_mva);
        at[1] = variable(opf, -pv->s_mva, pv->s_mva, 0, pv->s_mva);
        inject(opf, block, pv->node, at[0], 1, 0);
        inject(opf, block, pv->node, at[1], 0, 1);
        fg_opf_add_circle(opf, at[0], at[1], pv->s_mva);
    }
    for (int32_t k = 0; k < problem->battery_count; k++) {
        const struct bench_battery *b = &problem->batteries[k];
        int32_t *at = c->battery + BATTERY_VARIABLES * (t * problem->battery_count + k);
        bool is_last = t + 1 == problem->period_count;
        at[CHARGE] = variable(opf, 0, b->power_mw, 0, b->power_mw);
        at[DISCHARGE] = variable(opf, 0, b->power_mw, 0, b->power_mw);
        at[REACTIVE] = variable(opf, -b->s_mva, b->s_mva, 0, b->power_mw);
        at[ENERGY] = variable(opf, is_last ? b->start_mwh : 0, b->capacity_mwh, b->start_mwh, b->capacity_mwh);
        at[NET] = variable(opf, -b->power_mw, b->power_mw, 0, b->power_mw);
        inject(opf, block, b->node, at[NET], 1, 0);
        inject(opf, block, b->node, at[REACTIVE], 0, 1);
        fg_opf_add_circle(opf, at[NET], at[REACTIVE], b->s_mva);
        int32_t net = fg_opf_add_row(opf, 0, 0, INFINITY);
        term(opf, net, at[NET], 1);
        term(opf, net, at[DISCHARGE], -1);
        term(opf, net, at[CHARGE], 1);
        double before = t == 0 ? b->start_mwh : 0;
        int32_t energy = fg_opf_add_row(opf, before, before, INFINITY);
        term(opf, energy, at[ENERGY], 1);
        if (t > 0)
            term(opf, energy, at[ENERGY - BATTERY_VARIABLES * problem->battery_count], -1);
        term(opf, energy, at[CHARGE], -problem->hours * b->efficiency);
        term(opf, energy, at[DISCHARGE], problem->hours / b->efficiency);
    }
}

static void compose(struct composition *c, const struct bench_problem *problem)
{
    struct fg_error err;
    struct bench_injections fixed;
    size_t periods = (size_t)problem->period_count;
    *c = (struct composition){.problem = problem};
    stop_on(fg_opf_create(&c->opf, &err), &err);
    stop_on(bench_injections_create(&fixed, problem->topology, &err), &err);
    c->generator = fg_alloc(2 * periods * problem->topology->network->generator_count, sizeof *c->generator);
    c->pv = fg_alloc(2 * periods * (size_t)problem->pv_count, sizeof *c->pv);
    c->battery = fg_alloc(BATTERY_VARIABLES * periods * (size_t)problem->battery_count, sizeof *c->battery);
    if (!c->generator || !c->pv || !c->battery)
        stop_on(FG_ERR_MEMORY, &(struct fg_error){.text = "out of memory"});
    for (int32_t t = 0; t < problem->period_count; t++)
        compose_period(c, &fixed, t);
    bench_injections_release(&fixed);
}

static void composition_release(struct composition *c)
{
    fg_opf_destroy(c->opf);
    fg_free(c->generator);
    fg_free(c->pv);
    fg_free(c->battery);
}

/* Largest violation of the batteries' equations and circles, p.u. of the base. */
static double device_violation(const struct composition *c)
{
    const struct bench_problem *problem = c->problem;
    double base = problem->topology->network->base_mva, worst = 0;
    for (int32_t k = 0; k < problem->battery_count; k++) {
        const struct bench_battery *b = &problem->batteries[k];
        double energy = b->start_mwh;
        for (int32_t t = 0; t < problem->period_count; t++) {
            const int32_t *at = c->battery + BATTERY_VARIABLES * (t * problem->battery_count + k);
            double charge = fg_opf_value(c->opf, at[CHARGE]), discharge = fg_opf_value(c->opf, at[DISCHARGE]);
            double s = hypot(discharge - charge, fg_opf_value(c->opf, at[REACTIVE]));
            energy += problem->hours * (b->efficiency * charge - discharge / b->efficiency); /* from the powers alone */
            worst = fmax(worst, fmax(fmax(-energy, energy - b->capacity_mwh), s - b->s_mva) / base);
        }
        worst = fmax(worst, (b->start_mwh - energy) / base);
    }
    for (int32_t t = 0; t < problem->period_count; t++)
        for (int32_t k = 0; k < problem->pv_count; k++) {
            const int32_t *at = c->pv + 2 * (t * problem->pv_count + k);
            double p = fg_opf_value(c->opf, at[0]), available = problem->pvs[k].peak_mw * problem->sun[t];
            double s = hypot(p, fg_opf_value(c->opf, at[1]));
            worst = fmax(worst, fmax(fmax(-p, p - available), s - problem->pvs[k].s_mva) / base);
        }
    return worst;
}

static void add_at(double *p, double *q, const struct fg_topology *topology, int32_t node, double p_mw, double q_mvar)
{
    p[topology->bus_of_node[node]] += p_mw;
    q[topology->bus_of_node[node]] += q_mvar;
}

/* Largest violation of the network over all periods, by the independent checker. */
static double network_violation(const struct composition *c)
{
    const struct bench_problem *problem = c->problem;
    const struct fg_topology *topology = problem->topology;
    const struct fg_network *network = topology->network;
    size_t buses = network->bus_count, generators = network->generator_count, injections = network->injection_count;
    double *memory = fg_alloc(4 * buses + 2 * generators + 2 * injections, sizeof *memory);
    if (memory == NULL)
        stop_on(FG_ERR_MEMORY, &(struct fg_error){.text = "out of memory"});
    double *vm = memory, *va = vm + buses, *p = va + buses, *q = p + buses, *pg = q + buses, *qg = pg + generators;
    double *pl = qg + generators, *ql = pl + injections, worst = 0;
    for (int32_t t = 0; t < problem->period_count; t++) {
        for (size_t i = 0; i < buses; i++) {
            int32_t node = topology->node_of_bus[i];
            struct fg_opf_node at = node < 0 ? (struct fg_opf_node){.vm_pu = NAN, .va_rad = NAN}
                                             : fg_opf_node(c->opf, t, node);
            vm[i] = at.vm_pu, va[i] = at.va_rad, p[i] = q[i] = 0;
        }
        for (size_t k = 0; k < generators; k++) {
            const int32_t *at = c->generator + 2 * ((size_t)t * generators + k);
            pg[k] = at[0] < 0 ? 0 : fg_opf_value(c->opf, at[0]);
            qg[k] = at[1] < 0 ? 0 : fg_opf_value(c->opf, at[1]);
        }
        for (size_t k = 0; k < injections; k++) {
            pl[k] = problem->load[t] * network->injections[k].p_mw;
            ql[k] = problem->load[t] * network->injections[k].q_mvar;
        }
        for (int32_t k = 0; k < problem->pv_count; k++) {
            const int32_t *at = c->pv + 2 * (t * problem->pv_count + k);
            add_at(p, q, topology, problem->pvs[k].node, fg_opf_value(c->opf, at[0]), fg_opf_value(c->opf, at[1]));
        }
        for (int32_t k = 0; k < problem->battery_count; k++) {
            const int32_t *at = c->battery + BATTERY_VARIABLES * (t * problem->battery_count + k);
            add_at(p, q, topology, problem->batteries[k].node,
                   fg_opf_value(c->opf, at[DISCHARGE]) - fg_opf_value(c->opf, at[CHARGE]),
                   fg_opf_value(c->opf, at[REACTIVE]));
        }
        struct fg_check_state state = {vm, va, pg, qg, pl, ql, NULL, NULL, p, q};
        struct fg_check_report report;
        struct fg_error err;
        stop_on(fg_check_run(network, &state, violation_bar, &report, &err), &err);
        worst = fmax(worst, report.max_violation);
        fg_check_report_release(&report);
    }
    fg_free(memory);
    return worst;
}

struct measured {
    struct bench_time time; /* composition and solve */
    struct fg_opf_result result;
    double violation;
};

static struct measured solve(const struct bench_problem *problem, int repeat)
{
    struct measured measured;
    struct bench_time times[BENCH_REPEAT_MAX];
    double seconds[BENCH_REPEAT_MAX];
    struct fg_opf_options options = fg_opf_defaults();
    for (int r = 0; r < repeat; r++) {
        struct composition c;
        struct fg_error err;
        struct bench_time start = bench_now();
        compose(&c, problem);
        stop_on(fg_opf_solve(c.opf, &options, &measured.result, &err), &err);
        times[r] = bench_since(start);
        seconds[r] = measured.result.seconds;
        if (r == 0)
            measured.violation = fmax(network_violation(&c), device_violation(&c));
        composition_release(&c);
    }
    measured.time = bench_median(times, (size_t)repeat);
    measured.result.seconds = bench_median_of(seconds, (size_t)repeat);
    return measured;
}

static void print_reference(const struct bench_problem *problem, const struct measured *ours, int repeat)
{
    struct ipopt_result result;
    enum ipopt_formulation which;
    struct fg_error err;
    stop_on(ipopt_solve_better(problem, 1e-6, 3600, repeat, &result, &which, &err), &err);
    printf("    Ipopt    %8.3f s, %d iterations, %s, objective %.8g, %s form; ours is %.1f times faster, objective %.1e "
           "apart\n",
           result.time.cpu_s, result.iterations, result.status, result.objective,
           which == IPOPT_POWER_BALANCE ? "power-balance" : "branch-flow", result.time.cpu_s / ours->time.cpu_s,
           (ours->result.objective - result.objective) / fabs(result.objective));
}

static void print_growth(const struct measured *first, const struct measured *last)
{
    double span = log((double)sizes[SIZE_COUNT - 1].periods / sizes[0].periods);
    double total = log(last->time.cpu_s / first->time.cpu_s) / span;
    double iteration = total - log((double)last->result.iterations / first->result.iterations) / span;
    printf("growth   time per iteration ~ periods^%.2f, bar %.2f: %s; total time ~ periods^%.2f, bar %.2f: %s\n",
           iteration, iteration_growth_bar, bench_at_most(iteration, iteration_growth_bar), total, total_growth_bar,
           bench_at_most(total, total_growth_bar));
}

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    const char *repeat_text = bench_option(argc, argv, "--repeat"), *seed_text = bench_option(argc, argv, "--seed");
    int repeat = repeat_text != NULL ? atoi(repeat_text) : 3;
    if (repeat < 1 || repeat > BENCH_REPEAT_MAX) {
        fprintf(stderr, "--repeat takes 1 to %d\n", BENCH_REPEAT_MAX);
        return 2;
    }
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : 533;
    const char *periods_text = bench_option(argc, argv, "--periods"), *name = bench_option(argc, argv, "--case");
    struct size one = {periods_text != NULL ? atoi(periods_text) : 0, 0};
    if (periods_text != NULL && (one.periods < 1 || one.periods > 10000)) {
        fprintf(stderr, "--periods takes 1 to 10000\n");
        return 2;
    }
    const struct size *wanted = periods_text != NULL ? &one : sizes;
    int wanted_count = periods_text != NULL ? 1 : SIZE_COUNT;
    bool barred = name == NULL;
    name = barred ? "case533mt_hi" : name;
    bool reference = !bench_flag(argc, argv, "--no-reference") && ipopt_is_available();
    struct fg_error err = {0};
    struct fg_network *network = NULL;
    struct fg_topology *topology = NULL;
    char path[4096];
    printf("Multi-period AC optimal power flow: %s, %d batteries, %d PV plants, seed %llu\n", name, BATTERY_COUNT,
           PV_COUNT, (unsigned long long)seed);
    printf("24 hours of a day; 96 quarter-hours of it; 192 quarter-hours of two days\n");
    bench_print_machine();
    printf("reference: %s\n", ipopt_version());
    snprintf(path, sizeof path, "%s/data/cases/matpower/%s.m", bench_shared_dir(argc, argv), name);
    if (fg_matpower_read(path, &network, &err) != FG_OK) {
        printf("skipped: %s: %s\n", err.place, err.text);
        return 0;
    }
    stop_on(fg_topology_create(network, &topology, &err), &err);
    printf("%7s %-18s %16s %9s %5s %9s %9s %12s\n", "periods", "status", "objective", "violation", "iter", "solver s",
           "cpu s", "ms/iteration");
    struct measured measured[SIZE_COUNT];
    for (int k = 0; k < wanted_count; k++) {
        struct bench_problem problem;
        stop_on(bench_problem_day(&problem, topology, wanted[k].periods, PV_COUNT, BATTERY_COUNT, seed, &err), &err);
        struct measured *m = &measured[k];
        *m = solve(&problem, repeat);
        bool passes = m->result.status == FG_OPF_OPTIMAL && m->violation <= violation_bar;
        printf("%7d %-18s %16.6f %9.1e %5d %9.4f %9.4f %12.3f  %s\n", wanted[k].periods,
               fg_opf_status_text(m->result.status), m->result.objective, m->violation, m->result.iterations,
               m->result.seconds, m->time.cpu_s, 1e3 * m->time.cpu_s / m->result.iterations, bench_holds(passes));
        if (barred && wanted[k].seconds > 0)
            printf("    time     %8.3f s, bar %.4g s: %s\n", m->time.cpu_s, wanted[k].seconds,
                   bench_at_most(m->time.cpu_s, wanted[k].seconds));
        fflush(stdout);
        if (reference && (k == 0 || (k == 1 && bench_flag(argc, argv, "--long"))))
            print_reference(&problem, m, repeat);
        bench_problem_release(&problem);
    }
    if (barred && wanted_count > 1)
        print_growth(&measured[0], &measured[SIZE_COUNT - 1]);
    fg_topology_destroy(topology);
    fg_network_destroy(network);
    printf("%d bars missed\n", bench_failures());
    return bench_failures() != 0;
}
