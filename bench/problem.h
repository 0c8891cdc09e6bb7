/* The problem that both solvers get: a network over periods, with PV plants and batteries.
 *
 *   minimise   sum_t hours * cost_t(generation)
 *   subject to AC power balance at every node and period, voltage bands, ratings, angle limits, generator limits,
 *              PV       0 <= p <= available_t,  p^2 + q^2 <= s^2
 *              battery  e_t = e_(t-1) + hours (eta c_t - d_t / eta),  e_T >= e_0,  0 <= e_t <= capacity,
 *                       0 <= c_t, d_t <= power,  (d_t - c_t)^2 + q_t^2 <= s^2
 *
 * One period without devices is the plain optimal power flow of the case file. Powers are MW and Mvar. */
#ifndef FG_BENCH_PROBLEM_H
#define FG_BENCH_PROBLEM_H

#include "grid/topology.h"

struct bench_pv {
    int32_t node;
    double s_mva;
    double peak_mw; /* available_t = peak * sun_t */
};
struct bench_battery {
    int32_t node;
    double power_mw, s_mva;
    double capacity_mwh, start_mwh;
    double efficiency; /* eta, one way */
};
struct bench_problem {
    const struct fg_topology *topology; /* borrowed */
    int32_t period_count;
    double hours; /* of one period */
    double *load;  /* period_count factors on the network's fixed injections; NULL: 1 */
    double *price; /* period_count prices per MWh of every generator; NULL: the network's own costs */
    double *sun;   /* period_count availabilities; NULL without PV */
    struct bench_pv *pvs;
    struct bench_battery *batteries;
    int32_t pv_count, battery_count;
};

/* The plain optimal power flow: one period, one hour. */
struct bench_problem bench_problem_plain(const struct fg_topology *topology);

/* A spring day (or several) on a feeder, made from a seed.
 * 24 periods are the hours of one day; more periods are quarter-hours (96 a day). Load: two-hump day between 0.35 and
 * 0.85 of the case's peak with 2 % noise. Price: day-ahead shape from 25 at noon to 130 in the evening per MWh with
 * 5 % noise. Sun: half sine from 6 to 19 h. Plants and batteries stand at random nodes with load, drawn without
 * replacement; PV peaks are 1 to 3 times, battery powers 1 to 2 times the mean load of such nodes times
 * (loaded nodes / 40); batteries store 2 to 4 hours, start half full, 0.95 each way, converters 10 % above the power. */
enum fg_code bench_problem_day(struct bench_problem *problem, const struct fg_topology *topology,
                               int32_t period_count, int32_t pv_count, int32_t battery_count, uint64_t seed,
                               struct fg_error *err);
void bench_problem_release(struct bench_problem *problem);

/* Fixed injections of a node at factor 1, p.u. of the network's base: constant power, and the parts that go with the
 * voltage magnitude and its square (shunt elements are in the topology). Arrays of node_count, freed together by
 * bench_injections_release. */
struct bench_injections {
    double *p[3], *q[3]; /* by power of the voltage */
};
enum fg_code bench_injections_create(struct bench_injections *injections, const struct fg_topology *topology,
                                     struct fg_error *err);
void bench_injections_release(struct bench_injections *injections);

#endif
