#include "toolkit/dfmct/clear_model.h"

#include <math.h>
#include <string.h>

/* Growing arrays: a failed allocation is remembered, so that builders check once at the end of a part. */
#define ROOM(model, items, count, capacity) \
    (fg_grow((void **)&(model)->items, (model)->count, &(model)->capacity, sizeof *(model)->items) == 0 \
         ? true : ((model)->failed = true, false))

int32_t clear_model_add_variable(struct clear_model *model, double lower, double upper, double cost, double unit)
{
    if (!ROOM(model, variables, variable_count, variable_capacity))
        return -1;
    model->variables[model->variable_count] =
        (struct clear_variable){ .lower = lower, .upper = upper, .cost = cost, .unit = unit > 0 ? unit : 1,
                                 .in_composition = true };
    return (int32_t)model->variable_count++;
}

int32_t clear_model_add_row(struct clear_model *model, double lower, double upper, enum clear_scope scope)
{
    if (!ROOM(model, rows, row_count, row_capacity))
        return -1;
    model->rows[model->row_count] = (struct clear_row){ .lower = lower, .upper = upper, .price = INFINITY,
                                                        .first_term = model->term_count, .scope = scope,
                                                        .period = -1, .subject = -1 };
    return (int32_t)model->row_count++;
}

void clear_model_add_term(struct clear_model *model, int32_t variable, double coefficient)
{
    if (model->failed || !ROOM(model, terms, term_count, term_capacity))
        return;
    model->terms[model->term_count++] = (struct clear_term){ variable, coefficient };
    model->rows[model->row_count - 1].term_count++;
}

void clear_model_add_effect(struct clear_model *model, int32_t period, int32_t node, int32_t variable, double p,
                            double q)
{
    if (!ROOM(model, effects, effect_count, effect_capacity))
        return;
    model->effects[model->effect_count++] = (struct clear_effect){ period, node, variable, p, q };
}

enum fg_code clear_model_sort_effects(struct clear_model *model, struct fg_error *err)
{
    struct clear_effect *sorted = fg_alloc(model->effect_count, sizeof *sorted);
    if (sorted == NULL || model->failed) {
        fg_free(sorted);
        return fg_fail_memory(err);
    }
    size_t *start = model->effect_start;
    memset(start, 0, ((size_t)model->periods + 1) * sizeof *start);
    for (size_t i = 0; i < model->effect_count; i++)
        start[model->effects[i].period + 1]++;
    for (int32_t t = 0; t < model->periods; t++)
        start[t + 1] += start[t];
    for (size_t i = 0; i < model->effect_count; i++)
        sorted[start[model->effects[i].period]++] = model->effects[i];
    for (int32_t t = model->periods; t > 0; t--)
        start[t] = start[t - 1];
    start[0] = 0;
    fg_free(model->effects);
    model->effects = sorted;
    model->effect_capacity = model->effect_count;
    return FG_OK;
}

void clear_model_order_columns(const struct clear_model *model, int32_t order, int32_t k, int32_t *first, int32_t *count)
{
    if (model->order_fraction[order] >= 0) {
        *first = model->order_fraction[order];
        *count = 1;
        return;
    }
    size_t flat = model->market->orders[order].offset + (size_t)k;
    *first = model->column_start[2 * flat];
    *count = model->column_start[2 * flat + 1];
}

double clear_model_amount(const struct clear_model *model, int32_t column, int32_t k)
{
    const struct clear_column *c = &model->columns[column];
    return c->is_fraction ? fg_mw(model->market->orders[c->order].quantity[k]) : 1;
}

double clear_model_accepted(const struct clear_model *model, const double *x, int32_t order, int32_t k)
{
    int32_t first, count;
    double sum = 0;
    clear_model_order_columns(model, order, k, &first, &count);
    for (int32_t c = first; c < first + count; c++)
        sum += clear_model_amount(model, c, k) * x[c];
    return sum;
}

void clear_model_add_fraction_terms(struct clear_model *model, int32_t order, double factor)
{
    int32_t first, count;
    clear_model_order_columns(model, order, 0, &first, &count);
    double total = fg_mw(model->market->orders[order].quantity[0]);
    for (int32_t c = first; c < first + count; c++)
        clear_model_add_term(model, c, model->columns[c].is_fraction ? factor : factor / total);
}

void clear_model_bounds(const struct clear_model *model, const signed char *decided, double *lower, double *upper)
{
    for (size_t v = 0; v < model->variable_count; v++) {
        lower[v] = model->variables[v].lower;
        upper[v] = model->variables[v].upper;
    }
    for (size_t i = 0; i < model->choice_count && decided != NULL; i++) {
        const struct clear_choice *choice = &model->choices[i];
        if (decided[i] < 0)
            continue;
        lower[choice->variable] = upper[choice->variable] = decided[i];
        if (choice->kind == CLEAR_ACCEPT) {
            if (decided[i] == 0)
                for (int32_t c = 0; c < choice->column_count; c++)
                    lower[choice->first_column + c] = upper[choice->first_column + c] = 0;
            else if (choice->column_count == 1)
                lower[choice->first_column] = choice->min_fraction * choice->total;
        } else if (choice->kind == CLEAR_DIRECTION) {
            int32_t from = decided[i] ? choice->up_count : 0;
            int32_t to = decided[i] ? choice->up_count + choice->down_count : choice->up_count;
            for (int32_t c = from; c < to; c++)
                lower[model->members[choice->first_member + (size_t)c]] =
                    upper[model->members[choice->first_member + (size_t)c]] = 0;
        }
    }
}

void clear_model_deviation(const struct clear_model *model, const double *x, int32_t period, double *p_mw,
                           double *q_mvar)
{
    for (size_t i = model->effect_start[period]; i < model->effect_start[period + 1]; i++) {
        const struct clear_effect *e = &model->effects[i];
        double change = x[e->variable] - model->variables[e->variable].base;
        p_mw[e->node] += e->p * change;
        q_mvar[e->node] += e->q * change;
    }
}

/* A block's column may enter a row once per period: sum such terms, so that each variable appears once in a row. */
static enum fg_code merge_terms(struct clear_model *model, struct fg_error *err)
{
    size_t *place = fg_alloc(model->variable_count, sizeof *place), kept = 0;
    if (place == NULL)
        return fg_fail_memory(err);
    memset(place, 0xff, model->variable_count * sizeof *place);
    for (size_t r = 0; r < model->row_count; r++) {
        struct clear_row *row = &model->rows[r];
        size_t first = kept;
        for (int32_t k = 0; k < row->term_count; k++) {
            struct clear_term term = model->terms[row->first_term + (size_t)k];
            size_t at = place[term.variable];
            if (at != SIZE_MAX && at >= first) {
                model->terms[at].coefficient += term.coefficient;
            } else {
                place[term.variable] = kept;
                model->terms[kept++] = term;
            }
        }
        row->first_term = first;
        row->term_count = (int32_t)(kept - first);
    }
    model->term_count = kept;
    fg_free(place);
    return FG_OK;
}

/* -- network side ------------------------------------------------------------------------------------------------ */

static enum fg_code map_names(struct clear_model *model, struct fg_error *err)
{
    for (size_t b = 0; b < model->network->bus_count; b++)
        if (fg_names_add(&model->bus_names, model->network->buses[b].id, (int32_t)b) != 0)
            return fg_fail_memory(err);
    for (size_t b = 0; b < model->network->branch_count; b++)
        if (fg_names_add(&model->branch_names, model->network->branches[b].id, (int32_t)b) != 0)
            return fg_fail_memory(err);
    return FG_OK;
}

/* Voltage that sources and generators hold. One source per island: a second one would be a second slack. */
static enum fg_code held_voltages(struct clear_model *model, struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    for (int32_t i = 0; i < topology->island_count; i++)
        model->vm_reference[i] = NAN;
    for (int32_t n = 0; n < topology->node_count; n++)
        model->vm_held[n] = NAN;
    for (size_t g = 0; g < model->network->generator_count; g++) {
        const struct fg_generator *generator = &model->network->generators[g];
        int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
        if (node < 0)
            continue;
        int32_t island = topology->island_of_node[node];
        bool is_reference = topology->reference_of_island[island] == node;
        if (!is_reference && generator->kind == FG_GENERATOR_SOURCE)
            return fg_fail(err, FG_ERR_UNSUPPORTED, NULL,
                           "source %s is a second external grid of its island: the market has one slack per island; "
                           "open a switch between the sources, or model it as a generator", generator->id);
        if (is_reference && isnan(model->vm_reference[island]))
            model->vm_reference[island] = generator->vm_set_pu;
        if (!is_reference && isnan(model->vm_held[node]))
            model->vm_held[node] = generator->vm_set_pu;
    }
    for (int32_t i = 0; i < topology->island_count; i++)
        if (isnan(model->vm_reference[i]))
            model->vm_reference[i] = 1;
    return FG_OK;
}

static double limit_pu(int64_t micro)
{
    return micro == FG_NO_LIMIT ? INFINITY : (double)micro / FG_FRACTION_ONE;
}

/* Of one variant; what its conditions say comes last. */
static enum fg_code set_variant_limits(struct clear_model *model, size_t variant, struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    const struct fg_market *market = model->market;
    double *vm_min = model->vm_min + variant * (size_t)topology->node_count;
    double *vm_max = model->vm_max + variant * (size_t)topology->node_count;
    double *rate = model->rate_mva + variant * (size_t)topology->edge_count;
    for (int32_t n = 0; n < topology->node_count; n++) {
        vm_min[n] = market->vm_min_u > 0 ? limit_pu(market->vm_min_u) : topology->vm_min_pu[n];
        vm_max[n] = market->vm_max_u < FG_NO_LIMIT ? limit_pu(market->vm_max_u) : topology->vm_max_pu[n];
    }
    for (size_t i = 0; i < market->bus_limit_count; i++) {
        const struct fg_bus_limit *limit = &market->bus_limits[i];
        int32_t bus = fg_names_find(&model->bus_names, limit->bus);
        if (bus < 0)
            return fg_fail(err, FG_ERR_VALUE, limit->place, "the network has no bus %s", limit->bus);
        int32_t node = topology->node_of_bus[bus];
        if (node >= 0) {
            vm_min[node] = limit_pu(limit->vm_min_u);
            vm_max[node] = limit_pu(limit->vm_max_u);
        }
    }
    for (int32_t e = 0; e < topology->edge_count; e++)
        rate[e] = model->network->branches[topology->edges[e].branch].rate_normal_mva;
    for (size_t i = 0; i < market->branch_limit_count; i++) {
        const struct fg_branch_limit *limit = &market->branch_limits[i];
        int32_t branch = fg_names_find(&model->branch_names, limit->branch);
        if (branch < 0)
            return fg_fail(err, FG_ERR_VALUE, limit->place, "the network has no branch %s", limit->branch);
        int32_t edge = topology->edge_of_branch[branch];
        if (edge >= 0)
            rate[edge] = limit->rating.w == FG_NO_LIMIT ? INFINITY : fg_mw(limit->rating);
    }
    clear_model_variant_limits(model, variant);
    for (int32_t i = 0; i < topology->island_count; i++) {
        int32_t node = topology->reference_of_island[i];
        vm_min[node] = 0;
        vm_max[node] = INFINITY;
    }
    return FG_OK;
}

static enum fg_code set_limits(struct clear_model *model, struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    enum fg_code code = FG_OK;
    for (int32_t e = 0; e < topology->edge_count; e++)
        model->rate_is_current[e] = model->network->branches[topology->edges[e].branch].rating_kind == FG_RATING_CURRENT;
    for (size_t v = 0; v < model->variant_count && code == FG_OK; v++)
        code = set_variant_limits(model, v, err);
    return code;
}

static enum fg_code allocate(struct clear_model *model, struct fg_error *err)
{
    struct fg_arena *arena = &model->arena;
    const struct fg_topology *topology = model->topology;
    size_t nodes = (size_t)topology->node_count, edges = (size_t)topology->edge_count, periods = (size_t)model->periods;
    size_t islands = (size_t)topology->island_count, orders = model->market->order_count;
    model->baseline = fg_arena_alloc(arena, periods * nodes, sizeof *model->baseline);
    model->vm_min = fg_arena_alloc(arena, model->variant_count * nodes, sizeof(double));
    model->vm_max = fg_arena_alloc(arena, model->variant_count * nodes, sizeof(double));
    model->vm_held = fg_arena_alloc(arena, nodes, sizeof(double));
    model->vm_reference = fg_arena_alloc(arena, islands, sizeof(double));
    model->rate_mva = fg_arena_alloc(arena, model->variant_count * edges + 1, sizeof(double));
    model->rate_is_current = fg_arena_alloc(arena, edges + 1, sizeof(bool));
    model->effect_start = fg_arena_alloc(arena, periods + 1, sizeof(size_t));
    model->column_start = fg_arena_alloc(arena, 2 * model->market->order_period_count + 1, sizeof(int32_t));
    model->order_fraction = fg_arena_alloc(arena, orders + 1, sizeof(int32_t));
    model->order_node = fg_arena_alloc(arena, orders + 1, sizeof(int32_t));
    model->need_of_order = fg_arena_alloc(arena, orders + 1, sizeof(int32_t));
    model->slack_p = fg_arena_alloc(arena, periods * islands, sizeof(int32_t));
    model->slack_q = fg_arena_alloc(arena, periods * islands, sizeof(int32_t));
    model->asset_p = fg_arena_alloc(arena, periods * (model->market->asset_count + 1), sizeof(int32_t));
    model->asset_q = fg_arena_alloc(arena, periods * (model->market->asset_count + 1), sizeof(int32_t));
    model->load_start = fg_arena_alloc(arena, periods + 1, sizeof(size_t));
    model->load_scratch = fg_arena_alloc(arena, model->network->bus_count, sizeof *model->load_scratch);
    model->gross = fg_arena_alloc(arena, 2 * model->network->bus_count + nodes, sizeof(double));
    const void *blocks[] = { model->baseline, model->vm_min, model->vm_max, model->vm_held, model->vm_reference,
                             model->rate_mva, model->rate_is_current, model->effect_start, model->column_start,
                             model->order_fraction, model->order_node, model->need_of_order, model->slack_p,
                             model->slack_q, model->asset_p, model->asset_q, model->load_start, model->load_scratch,
                             model->gross };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (blocks[i] == NULL)
            return fg_fail_memory(err);
    return clear_elements_create(model->network, arena, &model->elements, err);
}

/* Slack injections: bounded far beyond what the grid and the book can cause, so that every cut of the integer program
 * stays finite. */
enum fg_code clear_model_add_slack(struct clear_model *model, struct fg_error *err)
{
    const struct fg_topology *topology = model->topology;
    const struct fg_market *market = model->market;
    size_t nodes = (size_t)topology->node_count;
    for (int32_t t = 0; t < model->periods; t++) {
        double range = 1;
        for (size_t n = 0; n < nodes; n++) {
            const struct fg_opf_injection *fixed = &model->baseline[(size_t)t * nodes + n];
            range += fabs(fixed->p_mw) + fabs(fixed->p_current_mw) + fabs(fixed->p_impedance_mw) +
                     fabs(fixed->q_mvar) + fabs(fixed->q_current_mvar) + fabs(fixed->q_impedance_mvar);
        }
        for (size_t i = model->effect_start[t]; i < model->effect_start[t + 1]; i++) {
            const struct clear_effect *effect = &model->effects[i];
            const struct clear_variable *v = &model->variables[effect->variable];
            double reach = fmax(fabs(v->upper - v->base), fabs(v->lower - v->base));
            if (isfinite(reach))
                range += (fabs(effect->p) + fabs(effect->q)) * reach;
        }
        double price_p = model->hours * fg_per_mwh(market->import_price[t]);
        double price_q = model->hours * fg_per_mwh(market->import_price_reactive[t]);
        for (int32_t i = 0; i < topology->island_count; i++) {
            int32_t node = topology->reference_of_island[i];
            int32_t p = clear_model_add_variable(model, -3 * range, 3 * range, price_p, range);
            int32_t q = clear_model_add_variable(model, -3 * range, 3 * range, price_q, range);
            model->slack_p[t * topology->island_count + i] = p;
            model->slack_q[t * topology->island_count + i] = q;
            clear_model_add_effect(model, t, node, p, 1, 0);
            clear_model_add_effect(model, t, node, q, 0, 1);
        }
        const struct fg_power *limits[2][2] = { { &market->substation_p_min, &market->substation_p_max },
                                                { &market->substation_q_min, &market->substation_q_max } };
        for (int product = 0; product < 2; product++) {
            bool has_lower = limits[product][0]->w > -FG_NO_LIMIT, has_upper = limits[product][1]->w < FG_NO_LIMIT;
            if (!has_lower && !has_upper)
                continue;
            int32_t row = clear_model_add_row(model, has_lower ? fg_mw(*limits[product][0]) : -INFINITY,
                                              has_upper ? fg_mw(*limits[product][1]) : INFINITY, CLEAR_BOTH);
            if (row < 0)
                return fg_fail_memory(err);
            model->rows[row].kind = CLEAR_ROW_SUBSTATION;
            model->rows[row].period = t;
            model->rows[row].subject = product;
            model->rows[row].price = model->hours * fg_per_mwh(market->scarcity_overload);
            for (int32_t i = 0; i < topology->island_count; i++)
                clear_model_add_term(model, (product == 0 ? model->slack_p : model->slack_q)
                                                [t * topology->island_count + i], 1);
        }
        /* Generators that hold a voltage find their reactive power themselves. */
        for (size_t g = 0; g < model->network->generator_count; g++) {
            const struct fg_generator *generator = &model->network->generators[g];
            int32_t node = generator->in_service ? topology->node_of_bus[generator->bus] : -1;
            if (node < 0 || isnan(model->vm_held[node]) || isnan(generator->vm_set_pu))
                continue;
            int32_t q = clear_model_add_variable(model, fmax(generator->q_min_mvar, -3 * range),
                                                 fmin(generator->q_max_mvar, 3 * range), 0, range);
            clear_model_add_effect(model, t, node, q, 0, 1);
        }
    }
    return model->failed ? fg_fail_memory(err) : FG_OK;
}

enum fg_code clear_model_create(const struct fg_network *network, const struct fg_market *market, const bool *sheds,
                                struct clear_model **out, struct fg_error *err)
{
    struct clear_model *model = fg_alloc(1, sizeof *model);
    enum fg_code code;
    *out = NULL;
    if (model == NULL)
        return fg_fail_memory(err);
    model->network = network;
    model->market = market;
    model->periods = market->period_count;
    model->hours = (double)market->period_s / 3600;
    fg_arena_init(&model->arena);
    fg_names_init(&model->bus_names);
    fg_names_init(&model->branch_names);
    code = clear_model_add_variants(model, err);
    if (code == FG_OK)
        code = fg_topology_create(model->network, &model->topology, err);
    if (code == FG_OK)
        code = clear_model_check_variants(model, err);
    if (code == FG_OK)
        code = map_names(model, err);
    if (code == FG_OK)
        code = allocate(model, err);
    if (code == FG_OK)
        code = clear_model_add_taps(model, err);
    if (code == FG_OK)
        code = held_voltages(model, err);
    if (code == FG_OK)
        code = set_limits(model, err);
    if (code == FG_OK)
        code = clear_model_add_baseline(model, err);
    if (code == FG_OK)
        code = clear_model_add_orders(model, err);
    if (code == FG_OK)
        code = clear_model_add_assets(model, err);
    if (code == FG_OK)
        code = clear_model_add_rules(model, err);
    if (code == FG_OK)
        code = clear_model_sort_effects(model, err);
    if (code == FG_OK)
        code = clear_model_add_needs(model, err);
    if (code == FG_OK)
        code = clear_model_add_not_served(model, sheds, err);
    if (code == FG_OK)
        code = clear_model_add_slack(model, err);
    if (code == FG_OK)
        code = clear_model_sort_effects(model, err);
    if (code == FG_OK)
        code = merge_terms(model, err);
    if (code == FG_OK)
        *out = model;
    else
        clear_model_destroy(model);
    return code;
}

void clear_model_destroy(struct clear_model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->setting_count; i++) {
        fg_topology_destroy(model->settings[i]->topology);
        fg_free(model->settings[i]->network.branches);
        fg_free(model->settings[i]);
    }
    fg_topology_destroy(model->topology);
    clear_model_release_variants(model);
    fg_names_release(&model->bus_names);
    fg_names_release(&model->branch_names);
    fg_arena_release(&model->arena);
    void *blocks[] = { model->variables, model->rows, model->terms, model->circles, model->effects, model->columns,
                       model->choices, model->members, model->needs, model->loads, model->covers, model->settings };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    fg_free(model);
}
