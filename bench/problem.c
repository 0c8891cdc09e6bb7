#include "problem.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>

struct bench_problem bench_problem_plain(const struct fg_topology *topology)
{
    return (struct bench_problem){.topology = topology, .period_count = 1, .hours = 1};
}

static double bump(double hour, double centre, double width)
{
    double d = fabs(hour - centre);
    d = fmin(d, 24 - d);
    return exp(-d * d / (2 * width * width));
}

static void fill_profiles(struct bench_problem *problem, struct fg_random *random)
{
    const double pi = acos(-1);
    for (int32_t t = 0; t < problem->period_count; t++) {
        double hour = fmod((t + 0.5) * problem->hours, 24);
        double load = 0.40 + 0.25 * bump(hour, 8, 2) + 0.40 * bump(hour, 19, 2.5);
        problem->load[t] = fmin(fmax(load * (1 + 0.02 * fg_random_normal(random)), 0.35), 0.85);
        double price = 60 + 40 * bump(hour, 8, 1.5) + 70 * bump(hour, 20, 2) - 35 * bump(hour, 13, 2.5);
        problem->price[t] = fmax(price * (1 + 0.05 * fg_random_normal(random)), 1);
        problem->sun[t] = hour > 6 && hour < 19 ? sin(pi * (hour - 6) / 13) : 0;
    }
}

enum fg_code bench_problem_day(struct bench_problem *problem, const struct fg_topology *topology,
                               int32_t period_count, int32_t pv_count, int32_t battery_count, uint64_t seed,
                               struct fg_error *err)
{
    *problem = (struct bench_problem){.topology = topology,
                                      .period_count = period_count,
                                      .hours = period_count > 24 ? 0.25 : 1,
                                      .pv_count = pv_count,
                                      .battery_count = battery_count};
    struct bench_injections injections = {0};
    int32_t *loaded = fg_alloc((size_t)topology->node_count, sizeof *loaded);
    problem->load = fg_alloc((size_t)period_count, sizeof *problem->load);
    problem->price = fg_alloc((size_t)period_count, sizeof *problem->price);
    problem->sun = fg_alloc((size_t)period_count, sizeof *problem->sun);
    problem->pvs = fg_alloc((size_t)pv_count, sizeof *problem->pvs);
    problem->batteries = fg_alloc((size_t)battery_count, sizeof *problem->batteries);
    enum fg_code code = FG_OK;
    if (!loaded || !problem->load || !problem->price || !problem->sun || !problem->pvs || !problem->batteries)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = bench_injections_create(&injections, topology, err);
    if (code != FG_OK)
        goto done;

    int32_t loaded_count = 0;
    double total_mw = 0;
    for (int32_t i = 0; i < topology->node_count; i++)
        if (injections.p[0][i] < 0) {
            loaded[loaded_count++] = i;
            total_mw -= injections.p[0][i] * topology->network->base_mva;
        }
    if (loaded_count < pv_count + battery_count) {
        code = fg_fail(err, FG_ERR_ARGUMENT, topology->network->name,
                       "%d nodes with load are too few for %d devices; ask for fewer", loaded_count,
                       pv_count + battery_count);
        goto done;
    }
    struct fg_random random;
    fg_random_init(&random, seed);
    double size_mw = total_mw / 40;
    for (int32_t k = 0; k < pv_count + battery_count; k++) { /* Fisher-Yates: the first k places are the sample */
        int32_t pick = k + (int32_t)fg_random_below(&random, (uint64_t)(loaded_count - k));
        int32_t node = loaded[pick];
        loaded[pick] = loaded[k];
        loaded[k] = node;
        if (k < pv_count) {
            double peak = size_mw * fg_random_between(&random, 1, 3);
            problem->pvs[k] = (struct bench_pv){.node = node, .s_mva = 1.1 * peak, .peak_mw = peak};
        } else {
            double power = size_mw * fg_random_between(&random, 1, 2);
            double capacity = power * fg_random_between(&random, 2, 4);
            problem->batteries[k - pv_count] = (struct bench_battery){.node = node,
                                                                      .power_mw = power,
                                                                      .s_mva = 1.1 * power,
                                                                      .capacity_mwh = capacity,
                                                                      .start_mwh = 0.5 * capacity,
                                                                      .efficiency = 0.95};
        }
    }
    fill_profiles(problem, &random);
done:
    bench_injections_release(&injections);
    fg_free(loaded);
    if (code != FG_OK)
        bench_problem_release(problem);
    return code;
}

void bench_problem_release(struct bench_problem *problem)
{
    fg_free(problem->load);
    fg_free(problem->price);
    fg_free(problem->sun);
    fg_free(problem->pvs);
    fg_free(problem->batteries);
    *problem = (struct bench_problem){0};
}

enum fg_code bench_injections_create(struct bench_injections *injections, const struct fg_topology *topology,
                                     struct fg_error *err)
{
    *injections = (struct bench_injections){0};
    for (int power = 0; power < 3; power++) {
        injections->p[power] = fg_alloc((size_t)topology->node_count, sizeof(double));
        injections->q[power] = fg_alloc((size_t)topology->node_count, sizeof(double));
        if (injections->p[power] == NULL || injections->q[power] == NULL) {
            bench_injections_release(injections);
            return fg_fail_memory(err);
        }
    }
    const struct fg_network *network = topology->network;
    for (size_t k = 0; k < network->injection_count; k++) {
        const struct fg_injection *element = &network->injections[k];
        int32_t node = element->in_service ? topology->node_of_bus[element->bus] : -1;
        if (node < 0)
            continue;
        double p = element->p_mw / network->base_mva, q = element->q_mvar / network->base_mva;
        injections->p[0][node] += p * (1 - element->p_current_share - element->p_impedance_share);
        injections->p[1][node] += p * element->p_current_share;
        injections->p[2][node] += p * element->p_impedance_share;
        injections->q[0][node] += q * (1 - element->q_current_share - element->q_impedance_share);
        injections->q[1][node] += q * element->q_current_share;
        injections->q[2][node] += q * element->q_impedance_share;
    }
    return FG_OK;
}

void bench_injections_release(struct bench_injections *injections)
{
    for (int power = 0; power < 3; power++) {
        fg_free(injections->p[power]);
        fg_free(injections->q[power]);
    }
    *injections = (struct bench_injections){0};
}
