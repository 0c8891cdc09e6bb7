/* Before and after: every limit that was violated at the baseline, or binds or is violated after the clearing. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>

struct table {
    struct clear_run *run;
    size_t count;
    bool counting; /* first pass only counts */
};

/* `eased`: the value once the operator's taps have moved; `counted`: the excess after the clearing that the price
 * counts. */
static void add(struct table *table, struct fg_clear_limit row, double eased, double price, double counted,
                double tolerance)
{
    const double hours = table->run->model->hours;
    bool upper = row.kind != FG_CLEAR_LIMIT_VOLTAGE_LOW && row.limit >= 0;
    double sign = upper ? 1 : -1;
    double before = sign * (row.before - row.limit), after = sign * (row.after - row.limit);
    row.violation_before = before > tolerance || isnan(before) ? before : 0; /* not known without a baseline */
    row.violation_after = after > tolerance ? after : 0;
    bool binds = row.shadow_price * tolerance * hours > 1e-9 && after > -20 * tolerance;
    if (!(row.violation_before > 0) && row.violation_after == 0 && !binds)
        return;
    const double relief = sign * (eased - row.limit) - fmax(after, 0); /* NAN where nothing is known */
    row.cost = isnan(relief) ? NAN : hours * row.shadow_price * fmax(relief, 0);
    row.remaining_cost = row.violation_after > 0 ? hours * price * counted : 0;
    if (!table->counting)
        table->run->result->limits[table->count] = row;
    table->count++;
}

static void list_period(struct table *table, int32_t t)
{
    struct clear_run *run = table->run;
    const struct clear_model *model = run->model;
    const struct fg_topology *topology = model->topology;
    const struct fg_clear_state *before = &run->result->before[t], *after = &run->result->after[t];
    const struct fg_clear_state *eased = &run->result->with_taps[t];
    for (int32_t n = 0; n < topology->node_count; n++) {
        int32_t bus = topology->bus_of_node[n];
        if (bus < 0 || !isnan(model->vm_held[n]))
            continue;
        struct fg_opf_node node = fg_opf_node(run->grid->opf, t, n);
        bool has_voltage = run->physics == FG_PHYSICS_AC || run->physics == FG_PHYSICS_LINDISTFLOW;
        const double limits[2] = { clear_vm_min(model, t, n), clear_vm_max(model, t, n) };
        for (int upper = 0; upper < 2; upper++) {
            double dual = has_voltage ? (upper ? -node.vm_dual : node.vm_dual) / model->hours : 0;
            struct clear_quantity quantity = { CLEAR_VOLTAGE, n };
            if (limits[upper] <= 0 || !isfinite(limits[upper]))
                continue;
            add(table, (struct fg_clear_limit){ .kind = upper ? FG_CLEAR_LIMIT_VOLTAGE_HIGH : FG_CLEAR_LIMIT_VOLTAGE_LOW,
                                                .element = bus, .period = t, .limit = limits[upper],
                                                .before = before->vm_pu[bus], .after = after->vm_pu[bus],
                                                .shadow_price = fmax(dual, 0) },
                eased->vm_pu[bus], clear_limit_price(model, t, quantity, !upper),
                upper ? after->vm_pu[bus] - limits[upper] : limits[upper] - after->vm_pu[bus],
                FG_CLEAR_VOLTAGE_TOLERANCE_PU);
        }
    }
    for (int32_t e = 0; e < topology->edge_count; e++) {
        const double rate = clear_rate(model, t, e);
        if (!isfinite(rate))
            continue;
        struct fg_opf_edge edge = fg_opf_edge(run->grid->opf, t, e);
        double dual = run->physics == FG_PHYSICS_NONE ? 0 : -(edge.dual_from + edge.dual_to) / model->hours;
        add(table, (struct fg_clear_limit){ .kind = FG_CLEAR_LIMIT_BRANCH, .element = topology->edges[e].branch,
                                            .period = t, .limit = rate,
                                            .before = clear_branch_loading(model, before, e),
                                            .after = clear_branch_loading(model, after, e),
                                            .shadow_price = fmax(dual, 0) },
            clear_branch_loading(model, eased, e), clear_limit_price(model, t, (struct clear_quantity){ CLEAR_FLOW_FROM, e }, false),
            clear_branch_excess(model, t, after, e),
            FG_CLEAR_RATING_TOLERANCE * fmax(rate, 1e-9));
    }
}

static void list_substation(struct table *table)
{
    struct clear_run *run = table->run;
    const struct clear_model *model = run->model;
    int32_t bus = model->topology->bus_of_node[model->topology->reference_of_island[0]];
    for (size_t r = 0; r < model->row_count; r++) {
        const struct clear_row *row = &model->rows[r];
        if (row->kind != CLEAR_ROW_SUBSTATION)
            continue;
        const struct fg_clear_state *states[3] = { &run->result->before[row->period], &run->result->after[row->period],
                                                   &run->result->with_taps[row->period] };
        double dual = fg_opf_row_dual(run->grid->opf, run->grid->row[r]) / model->hours, values[3];
        for (int i = 0; i < 3; i++)
            values[i] = row->subject == 0 ? states[i]->slack_p_mw : states[i]->slack_q_mvar;
        const double bounds[2] = { row->lower, row->upper };
        for (int upper = 0; upper < 2; upper++) {
            if (!isfinite(bounds[upper]))
                continue;
            double sign = upper ? 1 : -1, size = FG_CLEAR_RATING_TOLERANCE * fmax(fabs(bounds[upper]), 1e-3);
            double excess[2] = { sign * (values[0] - bounds[upper]), sign * (values[1] - bounds[upper]) };
            double shadow = fmax(upper ? -dual : dual, 0);
            if (!(excess[0] > size) && excess[1] <= size && (shadow < 1e-6 || excess[1] < -20 * size))
                continue;
            if (!table->counting)
                run->result->limits[table->count] = (struct fg_clear_limit){
                    .kind = row->subject == 0 ? FG_CLEAR_LIMIT_SUBSTATION_P : FG_CLEAR_LIMIT_SUBSTATION_Q,
                    .element = bus, .period = row->period, .limit = bounds[upper], .before = values[0],
                    .after = values[1], .violation_before = excess[0] > size || isnan(excess[0]) ? excess[0] : 0,
                    .violation_after = excess[1] > size ? excess[1] : 0, .shadow_price = shadow,
                    .cost = isnan(values[2]) ? NAN : model->hours * shadow *
                            fmax(sign * (values[2] - bounds[upper]) - fmax(excess[1], 0), 0),
                    .remaining_cost = excess[1] > size ? model->hours * fg_per_mwh(model->market->scarcity_overload) * excess[1] : 0 };
            table->count++;
        }
    }
}

static void list_not_served(struct table *table)
{
    struct clear_run *run = table->run;
    const struct clear_model *model = run->model;
    size_t buses = model->network->bus_count;
    for (size_t i = 0; run->result->not_served != NULL && i < (size_t)model->periods * buses; i++) {
        double mw = fg_mw(run->result->not_served[i]);
        /* A baseline serves all, or is none. */
        const double before = run->result->before[i / buses].converged ? 0 : NAN;
        const double cost = run->result->with_taps[i / buses].converged ? 0 : NAN;
        if (mw <= 0)
            continue;
        if (!table->counting)
            run->result->limits[table->count] = (struct fg_clear_limit){
                .kind = FG_CLEAR_LIMIT_NOT_SERVED, .element = (int32_t)(i % buses), .period = (int32_t)(i / buses),
                .before = before, .after = mw, .violation_before = before, .violation_after = mw, .cost = cost,
                .shadow_price = fg_per_mwh(model->market->scarcity_not_served),
                .remaining_cost = model->hours * mw * fg_per_mwh(model->market->scarcity_not_served) };
        table->count++;
    }
}

enum fg_code clear_list_limits(struct clear_run *run, struct fg_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        struct table table = { .run = run, .counting = pass == 0 };
        for (int32_t t = 0; t < run->model->periods; t++)
            list_period(&table, t);
        list_substation(&table);
        list_not_served(&table);
        if (pass == 0) {
            run->result->limits = fg_arena_alloc(&run->result->arena, table.count + 1, sizeof *run->result->limits);
            if (run->result->limits == NULL)
                return fg_fail_memory(err);
        }
        run->result->limit_count = table.count;
    }
    return FG_OK;
}
