/* Results of a power flow, from the voltages alone and in rectangular arithmetic that shares nothing with the methods:
 * with V' = Vf / t the voltage behind the ideal transformer,
 *
 *   Is = ys (V' - Vt),   If = (Is + yf V') / conj(t),   It = -Is + yt Vt,   S = V conj(I),
 *
 * which keeps the difference of nearly equal voltages exact. Branch losses are g_s |V' - Vt|^2 + g_f |V'|^2 + g_t
 * |Vt|^2 (and with -b for the reactive part), not the difference of two large flows. */
#include "base/kernel.h"
#include "grid/powerflow_internal.h"

#include <math.h>
#include <string.h>

/* A set-point equal to a limit must not count as a violation for its last bit. */
#define LIMIT_MARGIN 1e-9

/* fmax is a call; this compiles to one instruction. A NAN in `a` is kept, one in `b` passed over. */
static inline double larger(double a, double b)
{
    return b > a ? b : a;
}

const char *fg_violation_name(enum fg_violation_kind kind)
{
    static const char *const names[] = {"voltage_low",      "voltage_high", "branch_normal",
                                        "branch_emergency", "generator_q",  "generator_p"};
    return kind < FG_VIOLATION_KIND_COUNT ? names[kind] : "unknown";
}

enum fg_code fg_powerflow_result_create(const struct fg_network *network, struct fg_powerflow_result **out,
                                        struct fg_error *err)
{
    *out = NULL;
    struct fg_powerflow_result *result = fg_alloc(1, sizeof *result);
    if (result == NULL)
        return fg_fail_memory(err);
    size_t buses = network->bus_count, branches = network->branch_count, generators = network->generator_count;
    result->network = network;
    struct {
        double **array;
        size_t count;
    } arrays[] = {
        {&result->vm_pu, buses},
        {&result->va_rad, buses},
        {&result->p_from_mw, branches},
        {&result->q_from_mvar, branches},
        {&result->p_to_mw, branches},
        {&result->q_to_mvar, branches},
        {&result->i_from_pu, branches},
        {&result->i_to_pu, branches},
        {&result->loading_normal, branches},
        {&result->loading_emergency, branches},
        {&result->generator_p_mw, generators},
        {&result->generator_q_mvar, generators},
    };
    bool is_complete = true;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        is_complete = (*arrays[i].array = fg_alloc(arrays[i].count, sizeof(double))) != NULL && is_complete;
    result->tap_position = fg_alloc(branches, sizeof *result->tap_position);
    result->violations =
        fg_alloc(buses + 2 * branches + 2 * generators, sizeof *result->violations); /* the most there can be */
    if (!is_complete || !result->tap_position || !result->violations) {
        fg_powerflow_result_destroy(result);
        return fg_fail_memory(err);
    }
    *out = result;
    return FG_OK;
}

void fg_powerflow_result_destroy(struct fg_powerflow_result *result)
{
    if (result == NULL)
        return;
    void *blocks[] = {result->vm_pu,          result->va_rad,
                      result->p_from_mw,      result->q_from_mvar,
                      result->p_to_mw,        result->q_to_mvar,
                      result->i_from_pu,      result->i_to_pu,
                      result->loading_normal, result->loading_emergency,
                      result->generator_p_mw, result->generator_q_mvar,
                      result->tap_position,   result->violations};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(result);
}

void fg_powerflow_rectangular(struct fg_powerflow *powerflow)
{
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        powerflow->re[i] = powerflow->vm[i] * cos(powerflow->va[i]);
        powerflow->im[i] = powerflow->vm[i] * sin(powerflow->va[i]);
    }
}

void fg_port_set(struct fg_port *port, const struct fg_branch *branch)
{
    double z2 = branch->r_pu * branch->r_pu + branch->x_pu * branch->x_pu;
    port->gs = branch->r_pu / z2, port->bs = -branch->x_pu / z2;
    port->gf = branch->g_from_pu, port->bf = branch->b_from_pu;
    port->gt = branch->g_to_pu, port->bt = branch->b_to_pu;
    port->inverse_re = cos(branch->shift_rad) / branch->ratio; /* 1 / t */
    port->inverse_im = -sin(branch->shift_rad) / branch->ratio;
    port->rate_normal_mva = branch->rate_normal_mva;
    port->rate_emergency_mva = branch->rate_emergency_mva;
    port->is_current_rated = branch->rating_kind == FG_RATING_CURRENT;
    port->tap_position = branch->tap.position;
}

/* Currents into the branch at both ends, and its losses. */
struct port_flow {
    double from_re, from_im, to_re, to_im, loss_p, loss_q;
};

static inline struct port_flow port_flow(const struct fg_port *port, double from_re, double from_im, double to_re,
                                         double to_im)
{
    double re = from_re * port->inverse_re - from_im * port->inverse_im;
    double im = from_re * port->inverse_im + from_im * port->inverse_re;
    double drop_re = re - to_re, drop_im = im - to_im;
    double series_re = port->gs * drop_re - port->bs * drop_im, series_im = port->gs * drop_im + port->bs * drop_re;
    double behind_re = series_re + port->gf * re - port->bf * im, behind_im = series_im + port->gf * im + port->bf * re;
    double drop2 = drop_re * drop_re + drop_im * drop_im, from2 = re * re + im * im,
           to2 = to_re * to_re + to_im * to_im;
    return (struct port_flow){
        .from_re = behind_re * port->inverse_re + behind_im * port->inverse_im, /* / conj(t) */
        .from_im = behind_im * port->inverse_re - behind_re * port->inverse_im,
        .to_re = -series_re + port->gt * to_re - port->bt * to_im,
        .to_im = -series_im + port->gt * to_im + port->bt * to_re,
        .loss_p = port->gs * drop2 + port->gf * from2 + port->gt * to2,
        .loss_q = -(port->bs * drop2 + port->bf * from2 + port->bt * to2),
    };
}

void fg_powerflow_branch_currents(const struct fg_powerflow *powerflow, int32_t branch, double complex current[2])
{
    const struct fg_edge *edge = &powerflow->topology->edges[powerflow->topology->edge_of_branch[branch]];
    struct port_flow flow = port_flow(&powerflow->ports[branch], powerflow->re[edge->from], powerflow->im[edge->from],
                                      powerflow->re[edge->to], powerflow->im[edge->to]);
    current[0] = CMPLX(flow.from_re, flow.from_im);
    current[1] = CMPLX(flow.to_re, flow.to_im);
}

void fg_powerflow_node_sums(const struct fg_powerflow *powerflow, double *p, double *q)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *re = powerflow->re, *im = powerflow->im;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        double v2 = re[i] * re[i] + im[i] * im[i];
        p[i] = topology->g_shunt_pu[i] * v2;
        q[i] = -topology->b_shunt_pu[i] * v2;
    }
    for (int32_t k = 0; k < topology->edge_count; k++) {
        int32_t from = topology->edges[k].from, to = topology->edges[k].to;
        struct port_flow flow =
            port_flow(&powerflow->ports[topology->edges[k].branch], re[from], im[from], re[to], im[to]);
        p[from] += re[from] * flow.from_re + im[from] * flow.from_im;
        q[from] += im[from] * flow.from_re - re[from] * flow.from_im;
        p[to] += re[to] * flow.to_re + im[to] * flow.to_im;
        q[to] += im[to] * flow.to_re - re[to] * flow.to_im;
    }
}

static void add_violation(struct fg_powerflow_result *result, enum fg_violation_kind kind, size_t element, double value,
                          double limit)
{
    result->violations[result->violation_count++] = (struct fg_violation){kind, (int32_t)element, value, limit};
}

static void evaluate_buses(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result)
{
    const struct fg_network *network = powerflow->network;
    bool list = !powerflow->options.without_violations;
    result->vm_min_pu = INFINITY;
    result->vm_max_pu = -INFINITY;
    result->vm_min_bus = result->vm_max_bus = -1;
    for (size_t i = 0; i < network->bus_count; i++) {
        int32_t node = powerflow->topology->node_of_bus[i];
        if (node < 0) {
            result->vm_pu[i] = result->va_rad[i] = NAN;
            continue;
        }
        double vm = powerflow->vm[node];
        result->vm_pu[i] = vm;
        result->va_rad[i] = powerflow->va[node];
        if (vm < result->vm_min_pu) {
            result->vm_min_pu = vm;
            result->vm_min_bus = (int32_t)i;
        }
        if (vm > result->vm_max_pu) {
            result->vm_max_pu = vm;
            result->vm_max_bus = (int32_t)i;
        }
        const double *limits = powerflow->bus_limits[i];
        if (list && vm < limits[0] - LIMIT_MARGIN)
            add_violation(result, FG_VIOLATION_VOLTAGE_LOW, i, vm, limits[0]);
        else if (list && vm > limits[1] + LIMIT_MARGIN)
            add_violation(result, FG_VIOLATION_VOLTAGE_HIGH, i, vm, limits[1]);
    }
}

static inline double loading_of(double used_mva, double rate_mva)
{
    return rate_mva < INFINITY && used_mva > 0 ? used_mva / rate_mva : 0;
}

/* Loading of the branch against both ratings; a rating of 0 with any flow is infinitely overloaded. */
static void load_branch(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result, size_t i,
                        double vm_from, double vm_to)
{
    const struct fg_port *port = &powerflow->ports[i];
    double from = result->i_from_pu[i], to = result->i_to_pu[i];
    double used =
        powerflow->network->base_mva * (port->is_current_rated ? larger(from, to) : larger(from * vm_from, to * vm_to));
    bool list = !powerflow->options.without_violations, has_normal = port->rate_normal_mva < INFINITY;
    result->loading_normal[i] = loading_of(used, port->rate_normal_mva);
    result->loading_emergency[i] = loading_of(used, port->rate_emergency_mva);
    if (has_normal && (result->loading_max_branch < 0 || result->loading_normal[i] > result->loading_max)) {
        result->loading_max = result->loading_normal[i];
        result->loading_max_branch = (int32_t)i;
    }
    if (list && used > port->rate_normal_mva * (1 + LIMIT_MARGIN))
        add_violation(result, FG_VIOLATION_BRANCH_NORMAL, i, used, port->rate_normal_mva);
    if (list && used > port->rate_emergency_mva * (1 + LIMIT_MARGIN))
        add_violation(result, FG_VIOLATION_BRANCH_EMERGENCY, i, used, port->rate_emergency_mva);
}

/* Branch flows, and on the way the sums p, q of what leaves each node. */
FG_KERNEL static void evaluate_branches(struct fg_powerflow *powerflow, struct fg_powerflow_result *result, double *p, double *q)
{
    const struct fg_topology *topology = powerflow->topology;
    const double *re = powerflow->re, *im = powerflow->im;
    double base = powerflow->network->base_mva, loss_p = 0, loss_q = 0;
    result->loading_max = 0;
    result->loading_max_branch = -1;
    for (size_t i = 0; i < powerflow->network->branch_count; i++) {
        int32_t k = topology->edge_of_branch[i];
        const struct fg_port *port = &powerflow->ports[i];
        result->tap_position[i] = port->tap_position;
        if (k < 0) {
            result->p_from_mw[i] = result->q_from_mvar[i] = result->p_to_mw[i] = result->q_to_mvar[i] = 0;
            result->i_from_pu[i] = result->i_to_pu[i] = result->loading_normal[i] = result->loading_emergency[i] = 0;
            continue;
        }
        int32_t from = topology->edges[k].from, to = topology->edges[k].to;
        struct port_flow flow = port_flow(port, re[from], im[from], re[to], im[to]);
        double p_from = re[from] * flow.from_re + im[from] * flow.from_im;
        double q_from = im[from] * flow.from_re - re[from] * flow.from_im;
        double p_to = re[to] * flow.to_re + im[to] * flow.to_im, q_to = im[to] * flow.to_re - re[to] * flow.to_im;
        p[from] += p_from;
        q[from] += q_from;
        p[to] += p_to;
        q[to] += q_to;
        loss_p += flow.loss_p;
        loss_q += flow.loss_q;
        result->p_from_mw[i] = p_from * base;
        result->q_from_mvar[i] = q_from * base;
        result->p_to_mw[i] = p_to * base;
        result->q_to_mvar[i] = q_to * base;
        result->i_from_pu[i] = sqrt(flow.from_re * flow.from_re + flow.from_im * flow.from_im);
        result->i_to_pu[i] = sqrt(flow.to_re * flow.to_re + flow.to_im * flow.to_im);
        load_branch(powerflow, result, i, powerflow->vm[from], powerflow->vm[to]);
    }
    result->losses_mw = loss_p * base;
    result->losses_mvar = loss_q * base;
}

static double power_at(double constant, double current, double impedance, double vm)
{
    return constant + vm * (current + vm * impedance);
}

/* Turn p, q into what the node injects beyond its specification: zero where it must balance, the dispatch where voltage
 * or angle is held. The largest of what must be zero is the mismatch. */
static void balance_nodes(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result, double *p,
                          double *q)
{
    int32_t worst = 0;
    result->max_mismatch_pu = 0;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        const struct fg_node_power *power = &powerflow->power[i];
        double vm = powerflow->vm[i], size = 0;
        p[i] -= power_at(power->p0, power->p1, power->p2, vm);
        q[i] -= power_at(power->q0, power->q1, power->q2, vm);
        if (powerflow->kind[i] != FG_NODE_REFERENCE)
            size = fabs(p[i]);
        if (powerflow->kind[i] == FG_NODE_PQ)
            size = larger(fabs(q[i] - powerflow->q_held[i]), size);
        if (isnan(size))
            size = INFINITY;
        if (size > result->max_mismatch_pu) {
            result->max_mismatch_pu = size;
            worst = i;
        }
    }
    result->worst_bus = powerflow->topology->bus_of_node[worst];
    result->worst_branch = -1;
    for (int32_t k = 0; k < powerflow->topology->edge_count && result->worst_bus < 0; k++)
        if (powerflow->topology->edges[k].from == worst || powerflow->topology->edges[k].to == worst)
            result->worst_branch = powerflow->topology->edges[k].branch;
}

/* Generators that hold one node's voltage share its reactive power in proportion to their ranges, counted from their
 * lower limits (MATPOWER, pfsoln); equally, where a range is infinite or empty. */
static double reactive_share(const struct fg_powerflow *powerflow, const struct fg_generator *generator, int32_t node,
                             double needed)
{
    double low = powerflow->q_min[node], range = powerflow->q_max[node] - low, base = powerflow->network->base_mva;
    int32_t sharing = powerflow->holder_count[node];
    if (isfinite(range) && range > 0)
        return generator->q_min_mvar + (needed - low) / range * (generator->q_max_mvar - generator->q_min_mvar);
    if (isfinite(range))
        return generator->q_min_mvar + (needed - low) * base / sharing;
    return needed * base / sharing;
}

static void evaluate_generators(const struct fg_powerflow *powerflow, struct fg_powerflow_result *result,
                                const double *p, const double *q)
{
    const struct fg_network *network = powerflow->network;
    bool list = !powerflow->options.without_violations;
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *generator = &network->generators[i];
        int32_t node = generator->in_service ? powerflow->topology->node_of_bus[generator->bus] : -1;
        double *p_mw = &result->generator_p_mw[i], *q_mvar = &result->generator_q_mvar[i];
        if (node < 0) {
            *p_mw = *q_mvar = 0;
            continue;
        }
        bool is_slack = powerflow->slack_generator[node] == (int32_t)i, is_holding = !isnan(generator->vm_set_pu);
        bool is_only_slack = is_slack && powerflow->holder_count[node] == 0; /* a reference without set-point */
        *p_mw = powerflow->generator_p_mw[i] + (is_slack ? p[node] * network->base_mva : 0);
        *q_mvar = powerflow->generator_q_mvar[i];
        if (is_holding)
            *q_mvar = reactive_share(powerflow, generator, node, q[node]);
        else if (is_only_slack)
            *q_mvar += q[node] * network->base_mva;
        double margin_mw = fmax(LIMIT_MARGIN, powerflow->options.tolerance_pu) * network->base_mva;
        if (list && is_slack && *p_mw > generator->p_max_mw + margin_mw)
            add_violation(result, FG_VIOLATION_GENERATOR_P, i, *p_mw, generator->p_max_mw);
        else if (list && is_slack && *p_mw < generator->p_min_mw - margin_mw)
            add_violation(result, FG_VIOLATION_GENERATOR_P, i, *p_mw, generator->p_min_mw);
        if (list && (is_holding || is_only_slack) && *q_mvar > generator->q_max_mvar + margin_mw)
            add_violation(result, FG_VIOLATION_GENERATOR_Q, i, *q_mvar, generator->q_max_mvar);
        else if (list && (is_holding || is_only_slack) && *q_mvar < generator->q_min_mvar - margin_mw)
            add_violation(result, FG_VIOLATION_GENERATOR_Q, i, *q_mvar, generator->q_min_mvar);
    }
}

void fg_powerflow_evaluate(struct fg_powerflow *powerflow, struct fg_powerflow_result *result)
{
    const struct fg_topology *topology = powerflow->topology;
    double *p = powerflow->scratch, *q = p + powerflow->node_count, shunt_p = 0, shunt_q = 0;
    for (int32_t i = 0; i < powerflow->node_count; i++) {
        double v2 = powerflow->re[i] * powerflow->re[i] + powerflow->im[i] * powerflow->im[i];
        p[i] = topology->g_shunt_pu[i] * v2;
        q[i] = -topology->b_shunt_pu[i] * v2;
        shunt_p += p[i];
        shunt_q += q[i];
    }
    result->shunt_mw = shunt_p * powerflow->network->base_mva;
    result->shunt_mvar = shunt_q * powerflow->network->base_mva;
    result->violation_count = 0;
    evaluate_buses(powerflow, result);
    evaluate_branches(powerflow, result, p, q);
    balance_nodes(powerflow, result, p, q);
    evaluate_generators(powerflow, result, p, q);
}
