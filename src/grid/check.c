#include "grid/check.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct check {
    const struct fg_network *network;
    const struct fg_check_state *state;
    struct fg_check_report *report;
    double tolerance;
    double complex *v;    /* per bus */
    double complex *left; /* per merged bus: power injected minus power taken, p.u. */
    size_t *merged;       /* per bus: lowest bus behind closed switches */
    bool is_out_of_memory;
};

const char *fg_check_kind_name(enum fg_check_kind kind)
{
    static const char *const names[] = {"voltage", "p_balance",   "q_balance",   "branch",
                                        "angle",   "generator_p", "generator_q", "switch"};
    return kind < FG_CHECK_KIND_COUNT ? names[kind] : "unknown";
}

static void record(struct check *check, enum fg_check_kind kind, size_t element, double size, double value,
                   double limit)
{
    struct fg_check_report *report = check->report;
    struct fg_check_item item = {kind, (int32_t)element, size, value, limit};
    if (!(size > 0) && !isnan(size))
        return;
    if (isnan(size))
        item.size = INFINITY; /* what cannot be computed does not hold */
    if (item.size > report->worst[kind].size)
        report->worst[kind] = item;
    if (item.size > report->max_violation) {
        report->max_violation = item.size;
        report->max_kind = kind;
    }
    if (!(item.size > check->tolerance))
        return;
    if (fg_grow((void **)&report->items, report->item_count, &report->item_capacity, sizeof *report->items))
        check->is_out_of_memory = true;
    else
        report->items[report->item_count++] = item;
}

/* Outside low..high: the nearer limit counts; `unit` turns the element's units into p.u. */
static void record_band(struct check *check, enum fg_check_kind kind, size_t element, double value, double low,
                        double high, double unit)
{
    if (value < low)
        record(check, kind, element, (low - value) / unit, value, low);
    else if (value > high)
        record(check, kind, element, (value - high) / unit, value, high);
    else if (isnan(value))
        record(check, kind, element, INFINITY, value, high);
}

static bool has_voltage(const struct check *check, int32_t bus)
{
    return check->network->buses[bus].in_service && !isnan(check->state->vm_pu[bus]);
}

static size_t merged_root(const struct check *check, size_t bus)
{
    while (check->merged[bus] != bus)
        bus = check->merged[bus] = check->merged[check->merged[bus]];
    return bus;
}

static void check_buses(struct check *check)
{
    const struct fg_network *network = check->network;
    for (size_t i = 0; i < network->bus_count; i++) {
        check->merged[i] = i;
        check->v[i] = check->state->vm_pu[i] * cexp(CMPLX(0, check->state->va_rad[i]));
        if (has_voltage(check, (int32_t)i))
            record_band(check, FG_CHECK_VOLTAGE, i, check->state->vm_pu[i], network->buses[i].vm_min_pu,
                        network->buses[i].vm_max_pu, 1);
    }
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *generator = &network->generators[i];
        if (generator->in_service && network->buses[generator->bus].in_service && !has_voltage(check, generator->bus))
            record(check, FG_CHECK_VOLTAGE, (size_t)generator->bus, INFINITY, NAN,
                   network->buses[generator->bus].vm_min_pu);
    }
}

static void check_switches(struct check *check)
{
    for (size_t i = 0; i < check->network->switch_count; i++) {
        const struct fg_switch *item = &check->network->switches[i];
        if (!item->closed || !check->network->buses[item->from].in_service ||
            !check->network->buses[item->to].in_service)
            continue;
        size_t a = merged_root(check, (size_t)item->from), b = merged_root(check, (size_t)item->to);
        check->merged[a > b ? a : b] = a > b ? b : a;
        if (has_voltage(check, item->from) || has_voltage(check, item->to))
            record(check, FG_CHECK_SWITCH, i, cabs(check->v[item->from] - check->v[item->to]),
                   cabs(check->v[item->from] - check->v[item->to]), 0);
    }
}

static double pick(const double *values, size_t i, double own)
{
    return values ? values[i] : own;
}

static void inject(struct check *check, int32_t bus, double p_mw, double q_mvar)
{
    if (has_voltage(check, bus))
        check->left[merged_root(check, (size_t)bus)] += CMPLX(p_mw, q_mvar) / check->network->base_mva;
}

/* Voltage dependence of an injection: shares of constant power, current and impedance. */
static double factor_at(double current_share, double impedance_share, double vm)
{
    return 1 - current_share - impedance_share + current_share * vm + impedance_share * vm * vm;
}

static void add_injections(struct check *check)
{
    const struct fg_network *network = check->network;
    const struct fg_check_state *state = check->state;
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *item = &network->injections[i];
        double vm = state->vm_pu[item->bus];
        if (item->in_service)
            inject(check, item->bus,
                   pick(state->injection_p_mw, i, item->p_mw) *
                       factor_at(item->p_current_share, item->p_impedance_share, vm),
                   pick(state->injection_q_mvar, i, item->q_mvar) *
                       factor_at(item->q_current_share, item->q_impedance_share, vm));
    }
    for (size_t i = 0; i < network->generator_count; i++)
        if (network->generators[i].in_service)
            inject(check, network->generators[i].bus, pick(state->generator_p_mw, i, network->generators[i].p_mw),
                   pick(state->generator_q_mvar, i, network->generators[i].q_mvar));
    for (size_t i = 0; i < network->storage_count; i++)
        if (network->storages[i].in_service)
            inject(check, network->storages[i].bus, pick(state->storage_p_mw, i, network->storages[i].p_mw),
                   pick(state->storage_q_mvar, i, network->storages[i].q_mvar));
    for (size_t i = 0; i < network->shunt_count; i++) {
        const struct fg_shunt *shunt = &network->shunts[i];
        double vm = state->vm_pu[shunt->bus];
        if (shunt->in_service)
            inject(check, shunt->bus, -shunt->g_mw * vm * vm, shunt->b_mvar * vm * vm);
    }
    for (size_t i = 0; i < network->bus_count; i++)
        inject(check, (int32_t)i, pick(state->bus_p_mw, i, 0), pick(state->bus_q_mvar, i, 0));
}

static void check_rating(struct check *check, size_t i, double complex from_v, double complex from_i,
                         double complex to_v, double complex to_i)
{
    const struct fg_branch *branch = &check->network->branches[i];
    double from = cabs(from_i), to = cabs(to_i), base = check->network->base_mva;
    if (branch->rating_kind == FG_RATING_APPARENT) {
        from *= cabs(from_v);
        to *= cabs(to_v);
    }
    double used = base * (to > from ? to : from);
    if (branch->rate_normal_mva < INFINITY && !(used <= branch->rate_normal_mva))
        record(check, FG_CHECK_BRANCH, i, (used - branch->rate_normal_mva) / base, used, branch->rate_normal_mva);
}

/* Angles are periodic: the difference is taken in the turn around the middle of its limits. */
static void check_angle(struct check *check, size_t i)
{
    const struct fg_branch *branch = &check->network->branches[i];
    double low = branch->angle_min_rad, high = branch->angle_max_rad;
    if (low == -INFINITY && high == INFINITY)
        return;
    double middle = isfinite(low) && isfinite(high) ? 0.5 * (low + high) : 0;
    double difference = check->state->va_rad[branch->from] - check->state->va_rad[branch->to];
    record_band(check, FG_CHECK_ANGLE, i, middle + remainder(difference - middle, 8 * atan(1)), low, high, 1);
}

/* One closed end, the other free: what is beyond the closed end is an admittance to ground. */
static void check_open_branch(struct check *check, size_t i, double complex ys, double complex y_from,
                              double complex y_to, double complex t)
{
    const struct fg_branch *branch = &check->network->branches[i];
    int32_t bus = branch->from_closed ? branch->from : branch->to;
    if (!has_voltage(check, bus))
        return;
    double complex v = check->v[bus], current;
    if (branch->from_closed)
        current = v * (y_from + ys * y_to / (ys + y_to)) / (t * conj(t));
    else
        current = v * (y_to + ys * y_from / (ys + y_from));
    check->left[merged_root(check, (size_t)bus)] -= v * conj(current);
    check_rating(check, i, v, current, 0, 0);
}

static void check_branches(struct check *check)
{
    for (size_t i = 0; i < check->network->branch_count; i++) {
        const struct fg_branch *branch = &check->network->branches[i];
        const struct fg_bus *buses = check->network->buses;
        if (!branch->in_service || (!branch->from_closed && !branch->to_closed) ||
            (branch->from_closed && !buses[branch->from].in_service) ||
            (branch->to_closed && !buses[branch->to].in_service))
            continue;
        double complex ys = 1 / CMPLX(branch->r_pu, branch->x_pu),
                       t = branch->ratio * cexp(CMPLX(0, branch->shift_rad));
        double complex y_from = CMPLX(branch->g_from_pu, branch->b_from_pu),
                       y_to = CMPLX(branch->g_to_pu, branch->b_to_pu);
        if (!branch->from_closed || !branch->to_closed) {
            check_open_branch(check, i, ys, y_from, y_to, t);
            continue;
        }
        if (!has_voltage(check, branch->from) && !has_voltage(check, branch->to))
            continue;
        double complex from_v = check->v[branch->from], to_v = check->v[branch->to], inner = from_v / t;
        double complex series = ys * (inner - to_v);
        double complex from_i = (series + y_from * inner) / conj(t), to_i = y_to * to_v - series;
        check->left[merged_root(check, (size_t)branch->from)] -= from_v * conj(from_i);
        check->left[merged_root(check, (size_t)branch->to)] -= to_v * conj(to_i);
        check_rating(check, i, from_v, from_i, to_v, to_i);
        check_angle(check, i);
    }
}

static void check_balances(struct check *check)
{
    double base = check->network->base_mva;
    for (int is_reactive = 0; is_reactive < 2; is_reactive++)
        for (size_t i = 0; i < check->network->bus_count; i++) {
            double left = is_reactive ? cimag(check->left[i]) : creal(check->left[i]);
            if (merged_root(check, i) == i)
                record(check, is_reactive ? FG_CHECK_Q_BALANCE : FG_CHECK_P_BALANCE, i, fabs(left), -left * base, 0);
        }
}

/* The capability lines run through (pc1, qc1) and (pc2, qc2), without end, as in MATPOWER. */
static void check_reactive(struct check *check, size_t i, double p_mw, double q_mvar)
{
    const struct fg_generator *generator = &check->network->generators[i];
    double low = generator->q_min_mvar, high = generator->q_max_mvar, base = check->network->base_mva;
    if (generator->pc1_mw < generator->pc2_mw) {
        double part = (p_mw - generator->pc1_mw) / (generator->pc2_mw - generator->pc1_mw);
        low = fmax(low, generator->qc1_min_mvar + part * (generator->qc2_min_mvar - generator->qc1_min_mvar));
        high = fmin(high, generator->qc1_max_mvar + part * (generator->qc2_max_mvar - generator->qc1_max_mvar));
    }
    record_band(check, FG_CHECK_GENERATOR_Q, i, q_mvar, low, high, base);
    double s_mva = hypot(p_mw, q_mvar);
    if (s_mva > generator->s_max_mva)
        record(check, FG_CHECK_GENERATOR_Q, i, (s_mva - generator->s_max_mva) / base, s_mva, generator->s_max_mva);
}

static void check_generators(struct check *check)
{
    const struct fg_network *network = check->network;
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *generator = &network->generators[i];
        if (!generator->in_service || !has_voltage(check, generator->bus))
            continue;
        double p_mw = pick(check->state->generator_p_mw, i, generator->p_mw);
        record_band(check, FG_CHECK_GENERATOR_P, i, p_mw, generator->p_min_mw, generator->p_max_mw, network->base_mva);
        check_reactive(check, i, p_mw, pick(check->state->generator_q_mvar, i, generator->q_mvar));
    }
}

enum fg_code fg_check_run(const struct fg_network *network, const struct fg_check_state *state, double tolerance,
                          struct fg_check_report *report, struct fg_error *err)
{
    memset(report, 0, sizeof *report);
    for (int kind = 0; kind < FG_CHECK_KIND_COUNT; kind++)
        report->worst[kind] = (struct fg_check_item){.kind = (enum fg_check_kind)kind, .element = -1};
    struct check check = {.network = network, .state = state, .report = report, .tolerance = tolerance};
    check.v = fg_alloc(network->bus_count, sizeof *check.v);
    check.left = fg_alloc(network->bus_count, sizeof *check.left);
    check.merged = fg_alloc(network->bus_count, sizeof *check.merged);
    check.is_out_of_memory = !check.v || !check.left || !check.merged;
    if (!check.is_out_of_memory) {
        check_buses(&check);
        check_switches(&check);
        add_injections(&check);
        check_branches(&check);
        check_balances(&check);
        check_generators(&check);
    }
    fg_free(check.v);
    fg_free(check.left);
    fg_free(check.merged);
    return check.is_out_of_memory ? fg_fail_memory(err) : FG_OK;
}

void fg_check_report_release(struct fg_check_report *report)
{
    fg_free(report->items);
    report->items = NULL;
    report->item_count = report->item_capacity = 0;
}

const char *fg_check_item_text(const struct fg_network *network, const struct fg_check_item *item, char *buffer,
                               size_t size)
{
    int32_t i = item->element;
    double value = item->value, limit = item->limit;
    if (i < 0) {
        snprintf(buffer, size, "%s: holds", fg_check_kind_name(item->kind));
        return buffer;
    }
    switch (item->kind) {
    case FG_CHECK_VOLTAGE:
        snprintf(buffer, size, "bus %s: voltage %.6g p.u., limit %.6g p.u.", network->buses[i].id, value, limit);
        break;
    case FG_CHECK_P_BALANCE:
        snprintf(buffer, size, "bus %s: %.6g MW missing in the balance", network->buses[i].id, value);
        break;
    case FG_CHECK_Q_BALANCE:
        snprintf(buffer, size, "bus %s: %.6g Mvar missing in the balance", network->buses[i].id, value);
        break;
    case FG_CHECK_BRANCH:
        snprintf(buffer, size, "branch %s: %.6g MVA, rating %.6g MVA", network->branches[i].id, value, limit);
        break;
    case FG_CHECK_ANGLE:
        snprintf(buffer, size, "branch %s: angle difference %.6g rad, limit %.6g rad", network->branches[i].id, value,
                 limit);
        break;
    case FG_CHECK_GENERATOR_P:
        snprintf(buffer, size, "generator %s: %.6g MW, limit %.6g MW", network->generators[i].id, value, limit);
        break;
    case FG_CHECK_GENERATOR_Q:
        snprintf(buffer, size, "generator %s: %.6g Mvar (or MVA), limit %.6g", network->generators[i].id, value, limit);
        break;
    case FG_CHECK_SWITCH:
        snprintf(buffer, size, "switch %s: %.6g p.u. of voltage across a closed switch", network->switches[i].id,
                 value);
        break;
    case FG_CHECK_KIND_COUNT: buffer[0] = '\0'; break;
    }
    return buffer;
}
