/* Robustness of the optimal power flow: every case of a folder is changed in ways that break solvers, solved from a flat
 * start, and judged by the independent checker and by Ipopt.
 *
 * A row per case and variant; at the end, per variant, how many were solved, proved infeasible or failed, and the worst
 * iteration count. A failure is: no verdict, a violation above 1e-6, a verdict of infeasibility where Ipopt finds a
 * point, or an objective more than 1e-4 above Ipopt's. Ipopt is asked where ours is not optimal, and for every case up
 * to --reference-buses.
 *
 * Options: --cases DIR (default the PGLib cases), --case TEXT, --variant TEXT, --seed N, --most-buses N (3100),
 * --reference-buses N (300), --relaxation (the bound too), --quiet (failures and sums only). */
#include "ipopt_acopf.h"

#include "base/random.h"
#include "grid/check.h"
#include "grid/network_read.h"
#include "grid/opf_network.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- variants ------------------------------------------------------------------------------------------------------ */

static void scale_loads(struct fg_network *network, double factor)
{
    for (size_t k = 0; k < network->injection_count; k++) {
        network->injections[k].p_mw *= factor;
        network->injections[k].q_mvar *= factor;
    }
}

static void as_it_is(struct fg_network *network, struct fg_random *random)
{
    (void)network, (void)random;
}

static void heavy_load(struct fg_network *network, struct fg_random *random)
{
    double factor = fg_random_between(random, 1.1, 1.5);
    scale_loads(network, factor);
    for (size_t k = 0; k < network->generator_count; k++) {
        struct fg_generator *g = &network->generators[k];
        g->p_max_mw *= g->p_max_mw > 0 ? factor : 1;
        g->q_max_mvar *= g->q_max_mvar > 0 ? factor : 1;
        g->pc1_mw = g->pc2_mw = 0;
    }
}

static void light_load(struct fg_network *network, struct fg_random *random)
{
    scale_loads(network, fg_random_between(random, 0.2, 0.7));
}

static void random_loads(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->injection_count; k++) {
        network->injections[k].p_mw *= fg_random_between(random, 0.7, 1.3);
        network->injections[k].q_mvar *= fg_random_between(random, 0.7, 1.3);
    }
}

/* Angle limits a little below or above the largest difference of the unlimited solution. */
static void small_angles(struct fg_network *network, struct fg_random *random)
{
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct fg_opf_network_result result;
    options.relaxation = false;
    double largest = 0;
    if (fg_opf_network_solve(network, &options, &result, NULL) == FG_OK && result.status == FG_OPF_OPTIMAL)
        for (size_t k = 0; k < network->branch_count; k++) {
            const struct fg_branch *branch = &network->branches[k];
            double difference = fabs(result.va_rad[branch->from] - result.va_rad[branch->to]);
            if (branch->in_service && difference > largest)
                largest = difference;
        }
    fg_opf_network_result_release(&result);
    double limit = largest > 0 ? largest * fg_random_between(random, 0.6, 1) : 0.1;
    for (size_t k = 0; k < network->branch_count; k++) {
        network->branches[k].angle_min_rad = fmin(fmax(network->branches[k].angle_min_rad, -limit), 0);
        network->branches[k].angle_max_rad = fmax(fmin(network->branches[k].angle_max_rad, limit), 0);
    }
}

/* Out of service with a random share of branches; a spanning forest stays. */
static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static void branch_outages(struct fg_network *network, struct fg_random *random)
{
    int32_t *parent = calloc(network->bus_count, sizeof *parent);
    for (size_t i = 0; parent != NULL && i < network->bus_count; i++)
        parent[i] = (int32_t)i;
    for (size_t k = 0; parent != NULL && k < network->branch_count; k++) {
        struct fg_branch *branch = &network->branches[k];
        int32_t from = root_of(parent, branch->from), to = root_of(parent, branch->to);
        if (branch->in_service && from != to)
            parent[from] = to;
        else if (fg_random_unit(random) < 0.1)
            branch->in_service = false;
    }
    free(parent);
}

static void generator_outages(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->generator_count; k++)
        if (network->generators[k].kind != FG_GENERATOR_SOURCE && fg_random_unit(random) < 0.1)
            network->generators[k].in_service = false;
}

static void set_cost(struct fg_network *network, struct fg_generator *g, enum fg_cost_kind kind, int32_t count,
                     const double *values)
{
    if (fg_network_set_cost(network, &g->cost, kind, count, values, NULL) != FG_OK)
        g->cost = (struct fg_cost){0};
}

static void random_costs(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->generator_count; k++) {
        struct fg_generator *g = &network->generators[k];
        double linear = fg_random_between(random, -10, 60), low = g->p_min_mw, width = g->p_max_mw - low;
        double polynomial[4] = {0, linear, fg_random_between(random, 0, 0.1), 0};
        switch (fg_random_below(random, 6)) {
        case 0: set_cost(network, g, FG_COST_POLYNOMIAL, 2, (double[]){0, 0}); break;
        case 1: set_cost(network, g, FG_COST_POLYNOMIAL, 2, polynomial); break;
        case 2: set_cost(network, g, FG_COST_POLYNOMIAL, 3, polynomial); break;
        default:
            if (isfinite(low) && isfinite(width) && width > 0) {
                enum { PIECES = 12 };
                double points[2 * (PIECES + 1)] = {low, linear * low};
                for (int p = 1; p <= PIECES; p++) {
                    linear += fg_random_between(random, 0, 5);
                    points[2 * p] = low + width * p / PIECES;
                    points[2 * p + 1] = points[2 * p - 1] + linear * width / PIECES;
                }
                set_cost(network, g, FG_COST_PIECEWISE, PIECES + 1, points);
            }
        }
    }
}

static void steep_costs(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->generator_count; k++)
        set_cost(network, &network->generators[k], FG_COST_POLYNOMIAL, 3,
                 (double[]){0, pow(10, fg_random_between(random, -3, 4)), pow(10, fg_random_between(random, -6, 1))});
}

static void no_costs(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    for (size_t k = 0; k < network->generator_count; k++)
        set_cost(network, &network->generators[k], FG_COST_POLYNOMIAL, 2, (double[]){0, 0});
}

static void tight_band(struct fg_network *network, struct fg_random *random)
{
    double share = fg_random_between(random, 0.1, 0.5);
    for (size_t k = 0; k < network->bus_count; k++) {
        struct fg_bus *bus = &network->buses[k];
        double centre = (bus->vm_min_pu + bus->vm_max_pu) / 2, half = share * (bus->vm_max_pu - bus->vm_min_pu) / 2;
        if (isfinite(half)) {
            bus->vm_min_pu = centre - half;
            bus->vm_max_pu = centre + half;
        }
    }
}

static void no_band(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    for (size_t k = 0; k < network->bus_count; k++) {
        network->buses[k].vm_min_pu = 0;
        network->buses[k].vm_max_pu = INFINITY;
    }
}

static void scale_ratings(struct fg_network *network, double factor)
{
    for (size_t k = 0; k < network->branch_count; k++)
        network->branches[k].rate_normal_mva *= factor;
}

static void huge_ratings(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    scale_ratings(network, 1e5);
}

static void tight_ratings(struct fg_network *network, struct fg_random *random)
{
    scale_ratings(network, fg_random_between(random, 0.75, 0.95));
}

static void current_ratings(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    for (size_t k = 0; k < network->branch_count; k++)
        network->branches[k].rating_kind = FG_RATING_CURRENT;
}

static void free_generators(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->generator_count; k++) {
        struct fg_generator *g = &network->generators[k];
        g->pc1_mw = g->pc2_mw = 0;
        g->p_min_mw = g->q_min_mvar = -INFINITY;
        g->p_max_mw = g->q_max_mvar = INFINITY;
        set_cost(network, g, FG_COST_POLYNOMIAL, 3, (double[]){0, fg_random_between(random, 10, 30), 0.01});
    }
}

static void parallel_lines(struct fg_network *network, struct fg_random *random)
{
    size_t count = network->branch_count;
    for (size_t k = 0; k < count; k++) {
        if (fg_random_unit(random) > 0.15)
            continue;
        char id[32];
        snprintf(id, sizeof id, "parallel %zu", k);
        struct fg_branch *twin = fg_network_add_branch(network, id, network->branches[k].from, network->branches[k].to);
        if (twin == NULL)
            return;
        const char *own = twin->id;
        *twin = network->branches[k];
        twin->id = own;
        double factor = fg_random_between(random, 0.3, 3);
        twin->r_pu *= factor;
        twin->x_pu *= factor;
        if (twin->ratio == 1 && twin->shift_rad == 0 && fg_random_unit(random) < 0.5) { /* the other way round */
            twin->from = network->branches[k].to;
            twin->to = network->branches[k].from;
            twin->angle_min_rad = -network->branches[k].angle_max_rad;
            twin->angle_max_rad = -network->branches[k].angle_min_rad;
        }
    }
}

static void tiny_impedances(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->branch_count; k++)
        if (fg_random_unit(random) < 0.05) {
            double factor = pow(10, fg_random_between(random, -4, -2));
            network->branches[k].r_pu *= factor;
            network->branches[k].x_pu *= factor;
        }
}

static void taps_and_shifts(struct fg_network *network, struct fg_random *random)
{
    for (size_t k = 0; k < network->branch_count; k++)
        if (fg_random_unit(random) < 0.1) {
            network->branches[k].ratio *= fg_random_between(random, 0.95, 1.05);
            network->branches[k].shift_rad += fg_random_between(random, -0.05, 0.05);
        }
}

/* The same network on another base. */
static void rebase(struct fg_network *network, double base_mva)
{
    double factor = base_mva / network->base_mva;
    for (size_t k = 0; k < network->branch_count; k++) {
        struct fg_branch *branch = &network->branches[k];
        branch->r_pu *= factor;
        branch->x_pu *= factor;
        branch->g_from_pu /= factor;
        branch->b_from_pu /= factor;
        branch->g_to_pu /= factor;
        branch->b_to_pu /= factor;
    }
    network->base_mva = base_mva;
}

static void base_1(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    rebase(network, 1);
}

static void base_1000(struct fg_network *network, struct fg_random *random)
{
    (void)random;
    rebase(network, 1000);
}

/* Generators of several sizes at random buses with load. */
static void added_generators(struct fg_network *network, struct fg_random *random)
{
    size_t loads = network->injection_count, wanted = loads < 30 ? 1 + loads / 3 : 10 + loads / 50;
    for (size_t k = 0; k < wanted && loads > 0; k++) {
        const struct fg_injection *load = &network->injections[fg_random_below(random, loads)];
        double size = fabs(load->p_mw) * fg_random_between(random, 1, 10);
        char id[32];
        snprintf(id, sizeof id, "added %zu", k);
        struct fg_generator *g = fg_network_add_generator(network, id, FG_GENERATOR_DISPATCHABLE, load->bus);
        if (g == NULL)
            return;
        g->p_min_mw = 0;
        g->p_max_mw = size;
        g->q_min_mvar = -0.5 * size;
        g->q_max_mvar = 0.5 * size;
        set_cost(network, g, FG_COST_POLYNOMIAL, 2, (double[]){0, fg_random_between(random, -20, 40)});
    }
}

struct variant {
    const char *name;
    void (*apply)(struct fg_network *network, struct fg_random *random);
};
static const struct variant variants[] = {
    {"as_it_is", as_it_is},
    {"heavy_load", heavy_load},
    {"light_load", light_load},
    {"random_loads", random_loads},
    {"small_angles", small_angles},
    {"branch_outages", branch_outages},
    {"generator_outages", generator_outages},
    {"random_costs", random_costs},
    {"steep_costs", steep_costs},
    {"no_costs", no_costs},
    {"tight_band", tight_band},
    {"no_band", no_band},
    {"huge_ratings", huge_ratings},
    {"tight_ratings", tight_ratings},
    {"current_ratings", current_ratings},
    {"free_generators", free_generators},
    {"parallel_lines", parallel_lines},
    {"tiny_impedances", tiny_impedances},
    {"taps_and_shifts", taps_and_shifts},
    {"base_1", base_1},
    {"base_1000", base_1000},
    {"added_generators", added_generators},
};
enum { VARIANT_COUNT = sizeof variants / sizeof *variants };

/* -- judging ------------------------------------------------------------------------------------------------------- */

struct tally {
    int solved, proved, infeasible, failed, bounds_failed;
    int32_t most_iterations;
    double seconds, soc_seconds;
};

struct settings {
    uint64_t seed;
    size_t reference_buses;
    bool relaxation, quiet;
};

static const double VIOLATION = 1e-6, WORSE = 1e-4, BOUND = 1e-6;

static bool ask_ipopt(const struct fg_network *network, struct ipopt_result *result)
{
    struct fg_error err = {0};
    struct fg_topology *topology = NULL;
    enum ipopt_formulation which;
    *result = (struct ipopt_result){0};
    if (fg_topology_create(network, &topology, &err) != FG_OK)
        return false;
    struct bench_problem problem = bench_problem_plain(topology);
    enum fg_code code = ipopt_solve_better(&problem, 1e-8, 120, 1, result, &which, &err);
    fg_topology_destroy(topology);
    return code == FG_OK;
}

static void judge(const char *name, const struct fg_network *original, const struct variant *variant,
                  const struct settings *settings, struct tally *tally)
{
    struct fg_network *network = fg_network_clone(original);
    struct fg_random random;
    struct fg_error err = {0};
    fg_random_init(&random, settings->seed + (uint64_t)(variant - variants));
    if (network == NULL)
        return;
    variant->apply(network, &random);
    struct fg_opf_network_options options = fg_opf_network_defaults();
    struct fg_opf_network_result result;
    options.relaxation = settings->relaxation;
    struct bench_time start = bench_now();
    enum fg_code code = fg_opf_network_solve(network, &options, &result, &err);
    double cpu_s = bench_since(start).cpu_s, violation = NAN;
    if (code == FG_OK) {
        struct fg_check_state state = {.vm_pu = result.vm_pu, .va_rad = result.va_rad,
                                       .generator_p_mw = result.pg_mw, .generator_q_mvar = result.qg_mvar};
        struct fg_check_report report;
        if (fg_check_run(network, &state, 1e-6, &report, NULL) == FG_OK)
            violation = report.max_violation;
        fg_check_report_release(&report);
    }
    bool optimal = code == FG_OK && result.status == FG_OPF_OPTIMAL;
    bool proved = code == FG_OK && result.status == FG_OPF_INFEASIBLE_PROVED;
    bool infeasible = code == FG_OK && result.status == FG_OPF_LOCALLY_INFEASIBLE;
    const char *complaint = code != FG_OK                                ? "error"
                            : !optimal && !proved && !infeasible         ? "no verdict"
                            : optimal && !(violation <= VIOLATION)       ? "violation"
                                                                         : NULL;
    struct ipopt_result reference = {0};
    bool asked = code == FG_OK && !proved && (!optimal || network->bus_count <= settings->reference_buses) &&
                 ask_ipopt(network, &reference);
    if (asked && reference.is_solved && complaint == NULL) {
        double size = fmax(fabs(reference.objective), 1);
        if (!optimal)
            complaint = "feasible for Ipopt";
        else if (result.objective - reference.objective > WORSE * size)
            complaint = "worse than Ipopt";
    }
    if (optimal && result.has_bound && result.soc_bound - result.objective > BOUND * fmax(fabs(result.objective), 1))
        complaint = "bound above objective";
    tally->solved += complaint == NULL && optimal;
    tally->proved += complaint == NULL && proved;
    tally->infeasible += complaint == NULL && infeasible;
    tally->failed += complaint != NULL;
    tally->bounds_failed += optimal && settings->relaxation && !result.has_bound;
    tally->seconds += cpu_s;
    if (code == FG_OK) {
        tally->soc_seconds += result.soc_seconds;
        if (result.iterations > tally->most_iterations)
            tally->most_iterations = result.iterations;
    }
    if (!settings->quiet || complaint != NULL) {
        printf("%-22s %-18s %-18s %4d %8.3f s %9.1e %16.8g", name, variant->name,
               code == FG_OK ? fg_opf_status_text(result.status) : err.text, result.iterations, cpu_s, violation,
               result.objective);
        if (result.has_bound)
            printf(" gap %6.2f %% %7.3f s", 100 * result.soc_gap, result.soc_seconds);
        if (asked)
            printf("  Ipopt %s %.8g (%d)", reference.status, reference.objective, reference.iterations);
        printf("%s%s\n", complaint ? "  FAIL: " : "", complaint ? complaint : "");
        fflush(stdout);
    }
    fg_opf_network_result_release(&result);
    fg_network_destroy(network);
}

static int is_case(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".m") == 0;
}

static double number(int argc, char **argv, const char *name, double otherwise)
{
    const char *text = bench_option(argc, argv, name);
    return text != NULL ? atof(text) : otherwise;
}

int main(int argc, char **argv)
{
    bench_one_thread(argv);
    char folder[4096];
    const char *given = bench_option(argc, argv, "--cases"), *only = bench_option(argc, argv, "--case");
    const char *kind = bench_option(argc, argv, "--variant");
    snprintf(folder, sizeof folder, "%s%s", given ? given : bench_shared_dir(argc, argv), given ? "" : "/data/cases/pglib");
    struct settings settings = {.seed = (uint64_t)number(argc, argv, "--seed", 1),
                                .reference_buses = (size_t)number(argc, argv, "--reference-buses", 300),
                                .relaxation = bench_flag(argc, argv, "--relaxation"),
                                .quiet = bench_flag(argc, argv, "--quiet")};
    size_t most_buses = (size_t)number(argc, argv, "--most-buses", 3100);
    struct dirent **entries;
    int count = scandir(folder, &entries, is_case, alphasort);
    if (count < 0) {
        printf("skipped: no folder %s\n", folder);
        return 0;
    }
    struct tally tallies[VARIANT_COUNT] = {0};
    for (int k = 0; k < count; k++) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, entries[k]->d_name);
        struct fg_network *network = NULL;
        if ((only == NULL || strstr(entries[k]->d_name, only) != NULL) &&
            fg_network_read(path, NULL, &network, NULL) == FG_OK && network->bus_count <= most_buses) {
            const char *name = entries[k]->d_name;
            if (strncmp(name, "pglib_opf_", strlen("pglib_opf_")) == 0)
                name += strlen("pglib_opf_");
            for (int v = 0; v < VARIANT_COUNT; v++)
                if (kind == NULL || strstr(variants[v].name, kind) != NULL)
                    judge(name, network, &variants[v], &settings, &tallies[v]);
        }
        fg_network_destroy(network);
        free(entries[k]);
    }
    free(entries);
    printf("%-18s %7s %7s %11s %7s %9s %10s %9s %9s\n", "variant", "solved", "proved", "infeasible", "failed", "no bound",
           "iterations", "cpu s", "soc s");
    struct tally sum = {0};
    for (int v = 0; v < VARIANT_COUNT; v++) {
        const struct tally *t = &tallies[v];
        printf("%-18s %7d %7d %11d %7d %9d %10d %9.2f %9.2f\n", variants[v].name, t->solved, t->proved, t->infeasible,
               t->failed, t->bounds_failed, t->most_iterations, t->seconds, t->soc_seconds);
        sum.solved += t->solved;
        sum.proved += t->proved;
        sum.infeasible += t->infeasible;
        sum.failed += t->failed;
        sum.bounds_failed += t->bounds_failed;
        sum.seconds += t->seconds;
        sum.soc_seconds += t->soc_seconds;
        if (t->most_iterations > sum.most_iterations)
            sum.most_iterations = t->most_iterations;
    }
    printf("%-18s %7d %7d %11d %7d %9d %10d %9.2f %9.2f\n", "all", sum.solved, sum.proved, sum.infeasible, sum.failed,
           sum.bounds_failed, sum.most_iterations, sum.seconds, sum.soc_seconds);
    return sum.failed > 0;
}
