/* Power not served: the last resort of a market whose grid cannot carry its load.
 *
 * A bus with net consumption L (MW) and reactive consumption r L in a period may be shed by x:
 *     injection + x (1 + j r),   0 <= x <= L,   cost h x scarcity price x x
 * L is the consumption of the bus's consuming elements, at most the net consumption of its node; parts that depend on
 * voltage count as at the lower end of the band, so that a load that is shed never becomes an injection there. What
 * assets with a baseline that only consume give up by their own orders can no longer be shed. Power not served is no
 * deviation of an order: balances, matching and needs do not see it, the slack takes the change.
 *
 * Shedding is column generation over periods (G. B. Dantzig, P. Wolfe, Oper. Res. 8 (1960)). The variables stay out of
 * the model until a period asks for them: because its baseline has no power flow, or because at a solution without
 * them the price of consumption at some bus, LMP + r QLMP, exceeds the scarcity price. Where it exceeds it nowhere, the
 * solution fulfils the optimality conditions with x = 0, and the variables could have changed nothing. Bounds stay
 * valid by the same prices: a dual that would be worth shedding is lowered by what shedding could earn at most. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static const double LEAST_MW = 1e-6;         /* a watt; loads below are not worth a variable */
static const double PRICE_TOLERANCE = 1e-4;  /* of the scarcity price */
static const int32_t SHARES = 20;            /* steps of shedding all loads alike */

static double price_per_mw(const struct clear_model *model)
{
    return model->hours * fg_per_mwh(model->market->scarcity_not_served);
}

size_t clear_shed_loads(const struct clear_model *model, int32_t period, struct clear_load *loads)
{
    const struct fg_network *network = model->network;
    const struct fg_topology *topology = model->topology;
    struct clear_elements elements = model->elements;
    double *gross_p = model->gross, *gross_q = gross_p + network->bus_count, *net = gross_q + network->bus_count;
    clear_elements_fill(model, period, &elements);
    for (size_t b = 0; b < network->bus_count; b++) {
        gross_p[b] = fmax(-elements.bus_p[b], 0);
        gross_q[b] = elements.bus_p[b] < 0 ? -elements.bus_q[b] : 0;
    }
    for (size_t i = 0; i < network->injection_count; i++) {
        const struct fg_injection *injection = &network->injections[i];
        int32_t node = injection->in_service ? topology->node_of_bus[injection->bus] : -1;
        double p = elements.injection_p[i];
        if (node < 0 || p > 0 || (p == 0 && injection->kind != FG_INJECTION_LOAD))
            continue;
        double v = fmin(clear_vm_min(model, period, node), 1);
        gross_p[injection->bus] -= p * (1 - injection->p_current_share * (1 - v) - injection->p_impedance_share * (1 - v * v));
        gross_q[injection->bus] -= elements.injection_q[i] *
                                   (1 - injection->q_current_share * (1 - v) - injection->q_impedance_share * (1 - v * v));
    }
    for (size_t s = 0; s < network->storage_count; s++)
        if (network->storages[s].in_service && elements.storage_p[s] < 0) {
            gross_p[network->storages[s].bus] -= elements.storage_p[s];
            gross_q[network->storages[s].bus] -= elements.storage_q[s];
        }
    for (int32_t n = 0; n < topology->node_count; n++) {
        const struct fg_opf_injection *fixed = &model->baseline[(size_t)period * (size_t)topology->node_count + (size_t)n];
        double v = fmin(clear_vm_min(model, period, n), 1);
        net[n] = -(fixed->p_mw + fixed->p_current_mw * v + fixed->p_impedance_mw * v * v);
    }
    size_t count = 0;
    for (size_t b = 0; b < network->bus_count; b++) {
        int32_t node = topology->node_of_bus[b];
        double most = node < 0 ? 0 : fmin(gross_p[b], net[node]);
        if (most < LEAST_MW)
            continue;
        net[node] -= most;
        loads[count++] = (struct clear_load){ .period = period, .bus = (int32_t)b, .node = node, .most_mw = most,
                                              .q_per_p = gross_q[b] / gross_p[b] };
    }
    return count;
}

/* -- in the model ---------------------------------------------------------------------------------------------------- */

/* What consuming assets at the bus give up is no longer there to be shed: x + sum of (p - p0) <= L. */
static void add_asset_row(struct clear_model *model, const struct clear_load *load)
{
    const struct fg_market *market = model->market;
    double base = 0;
    bool has_row = false;
    for (size_t a = 0; a < market->asset_count; a++) {
        int32_t p = model->asset_p[(size_t)load->period * market->asset_count + a];
        if (p < 0 || model->variables[p].upper > 0 || model->variables[p].base >= 0 ||
            fg_names_find(&model->bus_names, market->assets[a].bus) != load->bus)
            continue;
        if (!has_row) {
            clear_model_add_row(model, -INFINITY, 0, CLEAR_BOTH);
            clear_model_add_term(model, load->variable, 1);
            has_row = true;
        }
        clear_model_add_term(model, p, 1);
        base += model->variables[p].base;
    }
    if (has_row && !model->failed)
        model->rows[model->row_count - 1].upper = load->most_mw + base;
}

enum fg_code clear_model_add_not_served(struct clear_model *model, const bool *sheds, struct fg_error *err)
{
    for (int32_t t = 0; t < model->periods; t++) {
        model->load_start[t] = model->load_count;
        if (!sheds[t])
            continue;
        size_t count = clear_shed_loads(model, t, model->load_scratch);
        for (size_t i = 0; i < count; i++) {
            struct clear_load load = model->load_scratch[i];
            load.variable = clear_model_add_variable(model, 0, load.most_mw, price_per_mw(model), load.most_mw);
            clear_model_add_effect(model, t, load.node, load.variable, 1, load.q_per_p);
            add_asset_row(model, &load);
            if (model->failed ||
                fg_grow((void **)&model->loads, model->load_count, &model->load_capacity, sizeof *model->loads) != 0)
                return fg_fail_memory(err);
            model->loads[model->load_count++] = load;
        }
    }
    model->load_start[model->periods] = model->load_count;
    return FG_OK;
}

bool clear_shed_exists(const struct clear_model *model, int32_t period)
{
    return model->load_start[period] < model->load_start[period + 1];
}

/* -- prices ------------------------------------------------------------------------------------------------------------ */

int32_t clear_shed_mark(struct clear_run *run, const struct clear_grid *grid)
{
    const struct clear_model *model = run->model;
    const double most = price_per_mw(model) * (1 + PRICE_TOLERANCE);
    int32_t marked = 0;
    for (int32_t t = 0; t < model->periods; t++) {
        size_t count = run->sheds[t] ? 0 : clear_shed_loads(model, t, model->load_scratch);
        for (size_t i = 0; i < count && !run->sheds[t]; i++) {
            const struct clear_load *load = &model->load_scratch[i];
            struct fg_opf_node node = fg_opf_node(grid->opf, t, load->node);
            run->sheds[t] = node.price_p + load->q_per_p * node.price_q > most;
        }
        marked += count > 0 && run->sheds[t];
    }
    return marked;
}

void clear_shed_weigh(struct clear_run *run, int32_t period, double factor, const double *slope_p, const double *slope_q)
{
    const struct clear_model *model = run->model;
    double *worth = run->shed_worth + (size_t)period * model->network->bus_count;
    size_t count = run->sheds[period] ? 0 : clear_shed_loads(model, period, model->load_scratch);
    for (size_t i = 0; i < count; i++) {
        const struct clear_load *load = &model->load_scratch[i];
        worth[load->bus] += fmax(-factor * (slope_p[load->node] + load->q_per_p * slope_q[load->node]), 0);
    }
}

int32_t clear_shed_mark_weighed(struct clear_run *run)
{
    const size_t buses = run->model->network->bus_count;
    int32_t marked = 0;
    for (int32_t t = 0; t < run->model->periods; t++) {
        bool before = run->sheds[t];
        for (size_t b = 0; b < buses && !run->sheds[t]; b++)
            run->sheds[t] = run->shed_worth[(size_t)t * buses + b] > price_per_mw(run->model) * (1 + PRICE_TOLERANCE);
        marked += run->sheds[t] && !before;
    }
    return marked;
}

int32_t clear_shed_mark_all(struct clear_run *run)
{
    int32_t marked = 0;
    for (int32_t t = 0; t < run->model->periods; t++) {
        marked += !run->sheds[t];
        run->sheds[t] = true;
    }
    return marked;
}

double clear_shed_allowance(const struct clear_model *model, int32_t period, const double *slope_p, const double *slope_q)
{
    double sum = 0;
    if (clear_shed_exists(model, period))
        return 0;
    size_t count = clear_shed_loads(model, period, model->load_scratch);
    for (size_t i = 0; i < count; i++) {
        const struct clear_load *load = &model->load_scratch[i];
        double worth = price_per_mw(model) + slope_p[load->node] + load->q_per_p * slope_q[load->node];
        sum += load->most_mw * fmax(-worth, 0);
    }
    return sum;
}

/* -- whole schedules --------------------------------------------------------------------------------------------------- */

void clear_shed_half(const struct clear_model *model, int32_t period, bool whole, double *x)
{
    for (size_t i = model->load_start[period]; i < model->load_start[period + 1]; i++) {
        const struct clear_load *load = &model->loads[i];
        x[load->variable] = whole ? load->most_mw : 0.5 * (x[load->variable] + load->most_mw);
    }
}

static enum fg_code make_room(struct clear_run *run, struct fg_error *err)
{
    if (run->result->not_served == NULL)
        run->result->not_served = fg_arena_alloc(&run->result->arena, (size_t)run->model->periods *
                                                 run->model->network->bus_count, sizeof *run->result->not_served);
    return run->result->not_served == NULL ? fg_fail_memory(err) : FG_OK;
}

/* Up to the next tick, never beyond the load. */
static int64_t to_tick(double mw, double most_mw, int64_t tick)
{
    double ticks = mw * 1e6 / (double)tick, nearest = round(ticks);
    double w = (fabs(ticks - nearest) < 0.05 ? nearest : ceil(ticks)) * (double)tick;
    return (int64_t)fmin(w, floor(most_mw * 1e6 + 1e-6));
}

enum fg_code clear_shed_round(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    for (size_t i = 0; i < model->load_count; i++) {
        const struct clear_load *load = &model->loads[i];
        int64_t w = to_tick(run->x[load->variable], load->most_mw, model->market->tick.w);
        if (w <= 0)
            continue;
        enum fg_code code = make_room(run, err);
        if (code != FG_OK)
            return code;
        run->result->not_served[(size_t)load->period * model->network->bus_count + (size_t)load->bus].w = w;
    }
    return FG_OK;
}

void clear_shed_add(const struct clear_run *run, int32_t period, double *p_mw, double *q_mvar)
{
    const struct clear_model *model = run->model;
    if (run->result->not_served == NULL)
        return;
    const struct fg_power *row = run->result->not_served + (size_t)period * model->network->bus_count;
    size_t count = clear_shed_loads(model, period, model->load_scratch);
    for (size_t i = 0; i < count; i++) {
        const struct clear_load *load = &model->load_scratch[i];
        p_mw[load->node] += fg_mw(row[load->bus]);
        q_mvar[load->node] += fg_mw(row[load->bus]) * load->q_per_p;
    }
}

/* A schedule of simplified physics may be none for the power flow. All loads alike give way, by the share (in steps of
 * a twentieth) at which violations and power not served cost least together. */
enum fg_code clear_shed_until_solvable(struct clear_run *run, int32_t period, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    struct fg_clear_state *state = &run->result->after[period];
    enum fg_code code = make_room(run, err);
    if (code != FG_OK)
        return code;
    struct fg_power *row = run->result->not_served + (size_t)period * model->network->bus_count;
    double least = INFINITY;
    int32_t best = SHARES;
    for (int32_t step = 0; step <= SHARES + 1 && code == FG_OK; step++) {
        int32_t share = step <= SHARES ? step : best; /* at last once more the best */
        double cost = 0;
        size_t count = clear_shed_loads(model, period, model->load_scratch);
        for (size_t i = 0; i < count; i++) {
            const struct clear_load *load = &model->load_scratch[i];
            row[load->bus].w = to_tick(load->most_mw * share / SHARES, load->most_mw, model->market->tick.w);
            cost += price_per_mw(model) * fg_mw(row[load->bus]);
        }
        code = clear_check_period(run, period, err);
        cost += clear_state_violation_cost(model, period, state, NULL);
        if (code == FG_OK && state->converged && cost < least) {
            least = cost;
            best = share;
        }
    }
    return code;
}

/* Costs fall with the share until violations are gone, then rise: the first rise ends the search. */
enum fg_code clear_shed_alike(struct clear_run *run, int32_t period, struct fg_clear_state *state, double *cost,
                              struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const size_t nodes = (size_t)model->topology->node_count;
    const size_t count = clear_shed_loads(model, period, model->load_scratch);
    enum fg_code code = FG_OK;
    *cost = INFINITY;
    for (int32_t step = 1; step <= SHARES && code == FG_OK; step++) {
        double total = 0;
        memset(run->node_p, 0, nodes * sizeof(double));
        memset(run->node_q, 0, nodes * sizeof(double));
        for (size_t i = 0; i < count; i++) {
            const struct clear_load *load = &model->load_scratch[i];
            double mw = load->most_mw * step / SHARES;
            run->node_p[load->node] += mw;
            run->node_q[load->node] += mw * load->q_per_p;
            total += price_per_mw(model) * mw;
        }
        code = clear_flow_solve(run->flow, period, run->node_p, run->node_q, state, err);
        if (code != FG_OK || !state->converged)
            continue;
        total += clear_state_violation_cost(model, period, state, NULL);
        if (total >= *cost)
            break;
        *cost = total;
    }
    memset(run->node_p, 0, nodes * sizeof(double));
    memset(run->node_q, 0, nodes * sizeof(double));
    return code;
}

enum fg_code clear_shed_totals(const struct clear_run *run, int32_t period, struct fg_power *p, struct fg_power *q,
                               struct fg_error *err)
{
    const struct clear_model *model = run->model;
    double sum_p = 0, sum_q = 0;
    p->w = q->w = 0;
    if (run->result->not_served == NULL)
        return FG_OK;
    const struct fg_power *row = run->result->not_served + (size_t)period * model->network->bus_count;
    size_t count = clear_shed_loads(model, period, model->load_scratch);
    for (size_t i = 0; i < count; i++) {
        const struct clear_load *load = &model->load_scratch[i];
        sum_p += fg_mw(row[load->bus]);
        sum_q += fg_mw(row[load->bus]) * load->q_per_p;
    }
    enum fg_code code = fg_power_from_mw(sum_p, p, err);
    return code == FG_OK ? fg_power_from_mw(sum_q, q, err) : code;
}
