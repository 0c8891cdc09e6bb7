/* Validation: the conditions that every computation on a network relies on, and the tap arithmetic.
 *
 * Only what makes a computation meaningless is an error; what a computation can live with (buses that nothing feeds,
 * emergency ratings below the normal ones) becomes a note of kind WARNING. */
#include "grid/network.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_IMPEDANCE_PU 1e-12
#define SHARE_TOLERANCE 1e-9

struct check {
    struct fg_network *network;
    struct fg_error *err;
    const char *element; /* "bus", "branch", ... */
    const char *id;
};

static enum fg_code refuse(const struct check *check, enum fg_code code, const char *format, ...) FG_PRINTF(3, 4);
static enum fg_code refuse(const struct check *check, enum fg_code code, const char *format, ...)
{
    char place[256], text[512];
    snprintf(place, sizeof place, "%s %s", check->element, check->id);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(check->err, code, place, "%s", text);
}

struct named_number {
    const char *name;
    double value;
};

static enum fg_code check_finite(const struct check *check, const struct named_number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i].value))
            return refuse(check, FG_ERR_VALUE, "%s is %g; give a finite number", numbers[i].name, numbers[i].value);
    return FG_OK;
}
#define FINITE(check, ...)                                          \
    check_finite(check, (const struct named_number[]){__VA_ARGS__}, \
                 sizeof((const struct named_number[]){__VA_ARGS__}) / sizeof(struct named_number))

/* Each of a pair of limits may be infinite on its own side. */
static enum fg_code check_limit_numbers(const struct check *check, const char *name, double low, double high)
{
    if (isnan(low) || isnan(high) || low == INFINITY || high == -INFINITY)
        return refuse(check, FG_ERR_VALUE, "limits of %s are %g and %g; give numbers, or none at all", name, low, high);
    return FG_OK;
}

static enum fg_code check_limits(const struct check *check, const char *name, double low, double high)
{
    enum fg_code code = check_limit_numbers(check, name, low, high);
    if (code == FG_OK && low > high)
        code =
            refuse(check, FG_ERR_NETWORK,
                   "lower limit of %s (%.9g) is above the upper one (%.9g); exchange or correct them", name, low, high);
    return code;
}

/* An upper limit that is positive or infinite. */
static enum fg_code check_ceiling(const struct check *check, const char *name, double value)
{
    return value > 0
               ? FG_OK
               : refuse(check, FG_ERR_VALUE, "%s is %g; give a positive number, or none for no limit", name, value);
}

static enum fg_code check_bus_index(const struct check *check, const char *role, int32_t bus)
{
    if (bus < 0 || (size_t)bus >= check->network->bus_count)
        return refuse(check, FG_ERR_NETWORK, "%s has index %d, but the network has %zu buses; name an existing bus",
                      role, (int)bus, check->network->bus_count);
    return FG_OK;
}

static enum fg_code check_ends(const struct check *check, int32_t from, int32_t to)
{
    enum fg_code code = check_bus_index(check, "the from bus", from);
    if (code == FG_OK)
        code = check_bus_index(check, "the to bus", to);
    if (code == FG_OK && from == to)
        code = refuse(check, FG_ERR_NETWORK, "both ends are at bus %s; connect two different buses or remove it",
                      check->network->buses[from].id);
    return code;
}

static enum fg_code check_bus(struct check *check, const struct fg_bus *bus)
{
    enum fg_code code = FINITE(check, {"nominal voltage", bus->vn_kv}, {"voltage magnitude", bus->vm_start_pu},
                               {"voltage angle", bus->va_start_rad});
    if (code != FG_OK)
        return code;
    if (bus->vn_kv < 0)
        return refuse(check, FG_ERR_VALUE, "nominal voltage is %g kV; give a positive one (0 when unknown)",
                      bus->vn_kv);
    if (bus->vm_start_pu <= 0)
        return refuse(check, FG_ERR_VALUE, "voltage magnitude is %g p.u.; give a positive one, usually 1",
                      bus->vm_start_pu);
    if (bus->vm_min_pu < 0)
        return refuse(check, FG_ERR_VALUE, "lower voltage limit is %g p.u.; give 0 for no limit", bus->vm_min_pu);
    code = check_ceiling(check, "upper voltage limit", bus->vm_max_pu);
    return code != FG_OK ? code : check_limits(check, "voltage", bus->vm_min_pu, bus->vm_max_pu);
}

static double tap_factor(const struct fg_tap_changer *tap, int32_t position)
{
    return 1 + ((double)position - (double)tap->neutral) * tap->step_ratio;
}

static enum fg_code check_tap(const struct check *check, const struct fg_tap_changer *tap)
{
    if (!tap->exists)
        return FG_OK;
    enum fg_code code = FINITE(check, {"tap step", tap->step_ratio}, {"tap angle step", tap->step_shift_rad},
                               {"tap voltage target", tap->v_set_pu}, {"tap voltage band", tap->v_band_pu},
                               {"line-drop resistance", tap->drop_r_pu}, {"line-drop reactance", tap->drop_x_pu});
    if (code != FG_OK)
        return code;
    int32_t low = tap->minimum < tap->maximum ? tap->minimum : tap->maximum;
    int32_t high = tap->minimum < tap->maximum ? tap->maximum : tap->minimum;
    if (tap->position < low || tap->position > high)
        return refuse(check, FG_ERR_NETWORK, "tap position %d is outside %d..%d; correct the position or the range",
                      (int)tap->position, (int)low, (int)high);
    if (tap_factor(tap, low) <= 0 || tap_factor(tap, high) <= 0)
        return refuse(check, FG_ERR_NETWORK,
                      "tap range %d..%d with step %g takes the ratio to zero or below; correct "
                      "the step or the range",
                      (int)low, (int)high, tap->step_ratio);
    for (int32_t k = 0; k < (tap->points ? tap->point_count : 0); k++) {
        const struct fg_tap_point *at = &tap->points[k];
        double sum = at->shift_rad + at->g_from_pu + at->b_from_pu + at->g_to_pu + at->b_to_pu;
        if (!(at->ratio > 0 && isfinite(at->ratio) && isfinite(sum) &&
              hypot(at->r_pu, at->x_pu) >= SMALLEST_IMPEDANCE_PU && isfinite(at->r_pu) && isfinite(at->x_pu)))
            return refuse(check, FG_ERR_VALUE,
                          "the two-port at tap position %d has ratio %g and impedance %g + j%g; give "
                          "a positive ratio and finite numbers",
                          (int)(tap->point_first + k), at->ratio, at->r_pu, at->x_pu);
    }
    if (!tap->regulates)
        return FG_OK;
    if (tap->v_set_pu <= 0 || tap->v_band_pu < 0)
        return refuse(check, FG_ERR_VALUE,
                      "tap control holds %g p.u. within %g; give a positive target and a band of at "
                      "least 0",
                      tap->v_set_pu, tap->v_band_pu);
    return check_bus_index(check, "the regulated bus", tap->regulated_bus);
}

static enum fg_code check_branch(struct check *check, const struct fg_branch *branch)
{
    enum fg_code code = check_ends(check, branch->from, branch->to);
    if (code == FG_OK)
        code = FINITE(check, {"resistance", branch->r_pu}, {"reactance", branch->x_pu},
                      {"from conductance", branch->g_from_pu}, {"from susceptance", branch->b_from_pu},
                      {"to conductance", branch->g_to_pu}, {"to susceptance", branch->b_to_pu},
                      {"ratio", branch->ratio}, {"phase shift", branch->shift_rad});
    if (code != FG_OK)
        return code;
    if (branch->in_service && hypot(branch->r_pu, branch->x_pu) < SMALLEST_IMPEDANCE_PU)
        return refuse(check, FG_ERR_NETWORK,
                      "the series impedance is zero; use a closed switch for a connection without "
                      "impedance");
    if (branch->ratio <= 0)
        return refuse(check, FG_ERR_VALUE, "the ratio is %g; give a positive one (1 for a line)", branch->ratio);
    code = check_ceiling(check, "normal rating", branch->rate_normal_mva);
    if (code == FG_OK)
        code = check_ceiling(check, "emergency rating", branch->rate_emergency_mva);
    if (code == FG_OK)
        code = check_limits(check, "angle difference", branch->angle_min_rad, branch->angle_max_rad);
    return code == FG_OK ? check_tap(check, &branch->tap) : code;
}

static enum fg_code check_shares(const struct check *check, const char *name, double current, double impedance)
{
    if (!(current >= 0 && impedance >= 0 && current + impedance <= 1 + SHARE_TOLERANCE))
        return refuse(check, FG_ERR_VALUE,
                      "shares of constant current and impedance of %s are %g and %g; give shares "
                      "from 0 to 1 that add up to at most 1",
                      name, current, impedance);
    return FG_OK;
}

static enum fg_code check_injection(struct check *check, const struct fg_injection *injection)
{
    enum fg_code code = check_bus_index(check, "its bus", injection->bus);
    if (code == FG_OK)
        code = FINITE(check, {"active power", injection->p_mw}, {"reactive power", injection->q_mvar});
    if (code == FG_OK)
        code = check_shares(check, "active power", injection->p_current_share, injection->p_impedance_share);
    return code == FG_OK
               ? check_shares(check, "reactive power", injection->q_current_share, injection->q_impedance_share)
               : code;
}

static enum fg_code check_piecewise(const struct check *check, const struct fg_cost *cost)
{
    const double *v = cost->values;
    if (cost->count < 2)
        return refuse(check, FG_ERR_VALUE, "piecewise-linear cost has %d points; give at least 2", (int)cost->count);
    for (int32_t k = 0; k + 1 < cost->count; k++)
        if (!(v[2 * k + 2] > v[2 * k]))
            return refuse(check, FG_ERR_VALUE,
                          "point %d of the piecewise-linear cost is at %.9g MW, not above the one "
                          "before (%.9g MW); order the points by power",
                          (int)k + 2, v[2 * k + 2], v[2 * k]);
    return FG_OK;
}

static enum fg_code check_cost(const struct check *check, const struct fg_cost *cost)
{
    if (cost->kind == FG_COST_NONE)
        return FG_OK;
    if (cost->count < 1 || cost->values == NULL)
        return refuse(check, FG_ERR_VALUE, "cost has no coefficients; give at least one, or no cost at all");
    int32_t numbers = cost->kind == FG_COST_PIECEWISE ? 2 * cost->count : cost->count;
    for (int32_t k = 0; k < numbers; k++)
        if (!isfinite(cost->values[k]))
            return refuse(check, FG_ERR_VALUE, "number %d of the cost is %g; give a finite number", (int)k + 1,
                          cost->values[k]);
    return cost->kind == FG_COST_PIECEWISE ? check_piecewise(check, cost) : FG_OK;
}

static enum fg_code check_generator(struct check *check, const struct fg_generator *generator)
{
    enum fg_code code = check_bus_index(check, "its bus", generator->bus);
    if (code == FG_OK)
        code = FINITE(check, {"active power", generator->p_mw}, {"reactive power", generator->q_mvar},
                      {"angle set-point", generator->va_set_rad}, {"capability pc1", generator->pc1_mw},
                      {"capability pc2", generator->pc2_mw}, {"capability qc1 minimum", generator->qc1_min_mvar},
                      {"capability qc1 maximum", generator->qc1_max_mvar},
                      {"capability qc2 minimum", generator->qc2_min_mvar},
                      {"capability qc2 maximum", generator->qc2_max_mvar});
    if (code == FG_OK)
        code = check_limit_numbers(check, "active power", generator->p_min_mw, generator->p_max_mw);
    if (code == FG_OK)
        code = check_limit_numbers(check, "reactive power", generator->q_min_mvar, generator->q_max_mvar);
    /* Out of service, limits in the wrong order bind nobody. */
    if (code == FG_OK && generator->in_service)
        code = check_limits(check, "active power", generator->p_min_mw, generator->p_max_mw);
    if (code == FG_OK && generator->in_service)
        code = check_limits(check, "reactive power", generator->q_min_mvar, generator->q_max_mvar);
    if (code == FG_OK && generator->in_service && generator->pc1_mw < generator->pc2_mw) {
        code = check_limits(check, "reactive power at pc1", generator->qc1_min_mvar, generator->qc1_max_mvar);
        if (code == FG_OK)
            code = check_limits(check, "reactive power at pc2", generator->qc2_min_mvar, generator->qc2_max_mvar);
    }
    if (code != FG_OK)
        return code;
    if (!isnan(generator->vm_set_pu) && !(generator->vm_set_pu > 0 && isfinite(generator->vm_set_pu)))
        return refuse(check, FG_ERR_VALUE, "voltage set-point is %g p.u.; give a positive one", generator->vm_set_pu);
    if (generator->kind == FG_GENERATOR_SOURCE && isnan(generator->vm_set_pu))
        return refuse(check, FG_ERR_VALUE, "a source needs a voltage set-point; give one, usually 1 p.u.");
    code = check_ceiling(check, "apparent-power limit", generator->s_max_mva);
    if (code == FG_OK)
        code = check_ceiling(check, "ramp limit", generator->ramp_mw_per_h);
    if (code == FG_OK)
        code = check_cost(check, &generator->cost);
    return code == FG_OK ? check_cost(check, &generator->cost_reactive) : code;
}

static enum fg_code check_storage(struct check *check, const struct fg_storage *storage)
{
    enum fg_code code = check_bus_index(check, "its bus", storage->bus);
    if (code == FG_OK)
        code = FINITE(check, {"active power", storage->p_mw}, {"reactive power", storage->q_mvar},
                      {"energy", storage->energy_mwh}, {"lowest energy", storage->energy_min_mwh},
                      {"highest energy", storage->energy_max_mwh}, {"standing loss", storage->standing_loss_mw});
    if (code == FG_OK)
        code = check_limits(check, "reactive power", storage->q_min_mvar, storage->q_max_mvar);
    if (code == FG_OK)
        code = check_limits(check, "stored energy", storage->energy_min_mwh, storage->energy_max_mwh);
    if (code == FG_OK)
        code = check_ceiling(check, "apparent-power limit", storage->s_max_mva);
    if (code != FG_OK)
        return code;
    if (!(storage->charge_max_mw >= 0 && storage->discharge_max_mw >= 0 && isfinite(storage->charge_max_mw) &&
          isfinite(storage->discharge_max_mw)))
        return refuse(check, FG_ERR_VALUE,
                      "charging and discharging limits are %g and %g MW; give finite numbers of at least 0",
                      storage->charge_max_mw, storage->discharge_max_mw);
    if (storage->energy_mwh < storage->energy_min_mwh || storage->energy_mwh > storage->energy_max_mwh)
        return refuse(check, FG_ERR_NETWORK, "stored energy %.9g MWh is outside %.9g..%.9g MWh; correct it",
                      storage->energy_mwh, storage->energy_min_mwh, storage->energy_max_mwh);
    if (!(storage->charge_efficiency > 0 && storage->charge_efficiency <= 1 && storage->discharge_efficiency > 0 &&
          storage->discharge_efficiency <= 1))
        return refuse(check, FG_ERR_VALUE, "efficiencies are %g and %g; give numbers above 0 and up to 1",
                      storage->charge_efficiency, storage->discharge_efficiency);
    if (storage->standing_loss_mw < 0)
        return refuse(check, FG_ERR_VALUE, "standing loss is %g MW; give a number of at least 0",
                      storage->standing_loss_mw);
    return FG_OK;
}

static enum fg_code check_shunt(struct check *check, const struct fg_shunt *shunt)
{
    enum fg_code code = check_bus_index(check, "its bus", shunt->bus);
    return code == FG_OK ? FINITE(check, {"conductance", shunt->g_mw}, {"susceptance", shunt->b_mvar}) : code;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All ids of one kind of element present, not empty and different. `first_id` points to the id in the first element. */
static enum fg_code check_ids(struct check *check, const void *first_id, size_t count, size_t stride)
{
    const char **ids = fg_alloc(count, sizeof *ids);
    if (ids == NULL)
        return fg_fail_memory(check->err);
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        memcpy(&ids[i], (const char *)first_id + i * stride, sizeof ids[i]);
        check->id = ids[i] ? ids[i] : "";
        if (check->id[0] == '\0')
            code = refuse(check, FG_ERR_NETWORK, "number %zu has no id; give it one", i + 1);
    }
    if (code == FG_OK)
        qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; code == FG_OK && i + 1 < count; i++)
        if (strcmp(ids[i], ids[i + 1]) == 0) {
            check->id = ids[i];
            code = refuse(check, FG_ERR_NETWORK, "the id is used twice; ids must be unique among elements of a kind");
        }
    fg_free(ids);
    return code;
}

#define CHECK_ALL(check, label, array, count, function)                                      \
    do {                                                                                     \
        (check)->element = (label);                                                          \
        if ((check)->network->count != 0) {                                                  \
            code = check_ids(check, &(check)->network->array[0].id, (check)->network->count, \
                             sizeof *(check)->network->array);                               \
            for (size_t i = 0; code == FG_OK && i < (check)->network->count; i++) {          \
                (check)->id = (check)->network->array[i].id;                                 \
                code = function(check, &(check)->network->array[i]);                         \
            }                                                                                \
        }                                                                                    \
        if (code != FG_OK)                                                                   \
            return code;                                                                     \
    } while (0)

static enum fg_code check_switch(struct check *check, const struct fg_switch *item)
{
    return check_ends(check, item->from, item->to);
}

/* A warning that gives the same report however often a network is validated. */
static enum fg_code warn_once(struct fg_network *network, const char *place, size_t count, const char *text,
                              struct fg_error *err)
{
    for (size_t i = 0; i < network->note_count; i++)
        if (network->notes[i].kind == FG_NOTE_WARNING && strcmp(network->notes[i].text, text) == 0) {
            network->notes[i].count = count;
            return FG_OK;
        }
    enum fg_code code = fg_network_note(network, FG_NOTE_WARNING, place, err, "%s", text);
    if (code == FG_OK)
        network->notes[network->note_count - 1].count = count;
    return code;
}

static int32_t root_of(int32_t *parent, int32_t bus)
{
    while (parent[bus] != bus) {
        parent[bus] = parent[parent[bus]];
        bus = parent[bus];
    }
    return bus;
}

/* Buses in service that no generator or source feeds over branches and closed switches. */
static enum fg_code warn_unfed_buses(struct fg_network *network, struct fg_error *err)
{
    int32_t *parent = fg_alloc(network->bus_count, sizeof *parent);
    bool *fed = fg_alloc(network->bus_count, sizeof *fed);
    if (parent == NULL || fed == NULL) {
        fg_free(parent);
        fg_free(fed);
        return fg_fail_memory(err);
    }
    for (size_t i = 0; i < network->bus_count; i++)
        parent[i] = (int32_t)i;
    const struct fg_bus *buses = network->buses;
    for (size_t i = 0; i < network->branch_count; i++) {
        const struct fg_branch *b = &network->branches[i];
        if (b->in_service && b->from_closed && b->to_closed && buses[b->from].in_service && buses[b->to].in_service)
            parent[root_of(parent, b->from)] = root_of(parent, b->to);
    }
    for (size_t i = 0; i < network->switch_count; i++) {
        const struct fg_switch *s = &network->switches[i];
        if (s->closed && buses[s->from].in_service && buses[s->to].in_service)
            parent[root_of(parent, s->from)] = root_of(parent, s->to);
    }
    size_t feeder_count = 0, unfed_count = 0, first = 0;
    for (size_t i = 0; i < network->generator_count; i++) {
        const struct fg_generator *g = &network->generators[i];
        if (g->in_service && buses[g->bus].in_service) {
            fed[root_of(parent, g->bus)] = true;
            feeder_count++;
        }
    }
    for (size_t i = network->bus_count; i-- > 0;)
        if (buses[i].in_service && !fed[root_of(parent, (int32_t)i)]) {
            unfed_count++;
            first = i;
        }
    fg_free(parent);
    fg_free(fed);
    if (feeder_count == 0)
        return fg_fail(err, FG_ERR_NETWORK, "", "no source or generator is in service; add one that holds the voltage");
    if (unfed_count == 0)
        return FG_OK;
    char place[256];
    snprintf(place, sizeof place, "bus %s", buses[first].id);
    return warn_once(network, place, unfed_count, "no source or generator feeds this bus; computations leave it out",
                     err);
}

static enum fg_code warn_emergency_ratings(struct fg_network *network, struct fg_error *err)
{
    size_t count = 0, first = 0;
    for (size_t i = network->branch_count; i-- > 0;)
        if (network->branches[i].rate_emergency_mva < network->branches[i].rate_normal_mva) {
            count++;
            first = i;
        }
    if (count == 0)
        return FG_OK;
    char place[256];
    snprintf(place, sizeof place, "branch %s", network->branches[first].id);
    return warn_once(network, place, count, "the emergency rating is below the normal rating", err);
}

enum fg_code fg_network_validate(struct fg_network *network, struct fg_error *err)
{
    struct check check = {network, err, "", ""};
    enum fg_code code = FG_OK;
    if (!(network->base_mva > 0 && isfinite(network->base_mva)))
        return fg_fail(err, FG_ERR_VALUE, "", "base power is %g MVA; give a positive one", network->base_mva);
    if (!(network->frequency_hz > 0 && isfinite(network->frequency_hz)))
        return fg_fail(err, FG_ERR_VALUE, "", "frequency is %g Hz; give a positive one", network->frequency_hz);
    if (network->bus_count == 0)
        return fg_fail(err, FG_ERR_NETWORK, "", "the network has no bus; add at least one");
    CHECK_ALL(&check, "bus", buses, bus_count, check_bus);
    CHECK_ALL(&check, "branch", branches, branch_count, check_branch);
    CHECK_ALL(&check, "switch", switches, switch_count, check_switch);
    CHECK_ALL(&check, "injection", injections, injection_count, check_injection);
    CHECK_ALL(&check, "generator", generators, generator_count, check_generator);
    CHECK_ALL(&check, "storage", storages, storage_count, check_storage);
    CHECK_ALL(&check, "shunt", shunts, shunt_count, check_shunt);
    code = warn_unfed_buses(network, err);
    return code == FG_OK ? warn_emergency_ratings(network, err) : code;
}

void fg_branch_set_tap(struct fg_branch *branch, int32_t position)
{
    struct fg_tap_changer *tap = &branch->tap;
    if (!tap->exists || position == tap->position)
        return;
    int64_t point = (int64_t)position - tap->point_first;
    if (tap->points != NULL && point >= 0 && point < tap->point_count) {
        const struct fg_tap_point *at = &tap->points[point];
        branch->ratio = at->ratio, branch->shift_rad = at->shift_rad;
        branch->r_pu = at->r_pu, branch->x_pu = at->x_pu;
        branch->g_from_pu = at->g_from_pu, branch->b_from_pu = at->b_from_pu;
        branch->g_to_pu = at->g_to_pu, branch->b_to_pu = at->b_to_pu;
        tap->position = position;
        return;
    }
    /* The neutral ratio is ratio / factor (tap on the from winding) or ratio * factor (on the to winding). */
    double change = tap_factor(tap, position) / tap_factor(tap, tap->position);
    branch->ratio = tap->on_from_side ? branch->ratio * change : branch->ratio / change;
    branch->shift_rad += ((double)position - (double)tap->position) * tap->step_shift_rad;
    tap->position = position;
}
