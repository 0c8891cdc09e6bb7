/* What rounding to the tick broke is repaired in ticks, period by period.
 *
 * A period is repaired when a balance, a matching or a need no longer holds exactly, or (ac) when the power flow of the
 * rounded schedule violates a limit that the unrounded schedule held. A small integer program moves plain orders by
 * whole ticks at least cost: exact rows for balances, matching and needs; linearised rows for limits, elastic at their
 * scarcity prices. The power flow is repeated after each attempt, with more room for the next one. */
#include "toolkit/dfmct/clear_run.h"

#include <math.h>
#include <string.h>

static const double PENALTY = 1e6;       /* per tick by which an exact row stays broken */
static const int ATTEMPTS = 5;
static const int64_t ROOM[] = { 3, 6, 15, 50, 200 }; /* ticks an order may move */

struct move {
    int32_t order, k, node;
    int sign, product; /* effect on injections; 0 for need requests */
    double lower, upper; /* ticks */
    double cost;         /* per tick, slack included */
    double ratio;        /* Q per P */
};

struct rows {
    size_t count, capacity;
    double *lower, *upper, *price; /* price: of one unit of violation */
    double *coefficient;           /* row x move */
    size_t move_count;
    bool failed;
};

static double *rows_add(struct rows *rows, double lower, double upper, double price)
{
    if (rows->count == rows->capacity) {
        size_t capacity = 2 * rows->capacity + 16;
        double *blocks[4] = { fg_realloc(rows->lower, capacity, sizeof(double)), NULL, NULL, NULL };
        rows->lower = blocks[0] != NULL ? blocks[0] : rows->lower;
        blocks[1] = fg_realloc(rows->upper, capacity, sizeof(double));
        rows->upper = blocks[1] != NULL ? blocks[1] : rows->upper;
        blocks[2] = fg_realloc(rows->price, capacity, sizeof(double));
        rows->price = blocks[2] != NULL ? blocks[2] : rows->price;
        blocks[3] = fg_realloc(rows->coefficient, capacity * (rows->move_count + 1), sizeof(double));
        rows->coefficient = blocks[3] != NULL ? blocks[3] : rows->coefficient;
        if (blocks[0] == NULL || blocks[1] == NULL || blocks[2] == NULL || blocks[3] == NULL) {
            rows->failed = true;
            return NULL;
        }
        rows->capacity = capacity;
    }
    rows->lower[rows->count] = lower;
    rows->upper[rows->count] = upper;
    rows->price[rows->count] = price;
    double *row = rows->coefficient + rows->count * rows->move_count;
    memset(row, 0, rows->move_count * sizeof *row);
    rows->count++;
    return row;
}

static void rows_release(struct rows *rows)
{
    fg_free(rows->lower);
    fg_free(rows->upper);
    fg_free(rows->price);
    fg_free(rows->coefficient);
}

/* Which directions of which product each asset has accepted in a period: place asset x 4 + product x 2 + regulation. One pass
 * over the orders, for books of many orders at few assets. NULL: out of memory. */
static bool *accepted_directions(const struct clear_run *run, int32_t period)
{
    const struct fg_market *market = run->model->market;
    bool *accepted = fg_alloc(4 * market->asset_count + 1, sizeof *accepted);
    for (size_t o = 0; accepted != NULL && o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        int32_t k = period - order->first_period;
        if (order->side == FG_SIDE_SELL && k >= 0 && k < order->period_count &&
            run->result->accepted[order->offset + (size_t)k].w > 0)
            accepted[4 * order->asset + 2 * (int)order->product + (int)order->regulation] = true;
    }
    return accepted;
}

/* Accepted net change of an asset in a period (MW, Mvar), rebound left out. */
static double net_of_asset(const struct clear_run *run, int32_t asset, enum fg_product product, int32_t period)
{
    const struct fg_market *market = run->model->market;
    double net = 0;
    for (size_t o = 0; o < market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        int32_t k = period - order->first_period;
        if (order->side == FG_SIDE_SELL && order->asset == asset && order->product == product && k >= 0 &&
            k < order->period_count)
            net += fg_order_injection_sign(order) * fg_mw(run->result->accepted[order->offset + (size_t)k]);
    }
    return net;
}

static double mwh(struct fg_energy energy)
{
    return energy.ws == FG_NO_LIMIT ? INFINITY : energy.ws == -FG_NO_LIMIT ? -INFINITY : (double)energy.ws / 3.6e9;
}

static double baseline_p(const struct fg_asset *asset, int32_t period)
{
    return asset->baseline_p == NULL ? 0 : fg_mw(asset->baseline_p[period]);
}

/* By how much the asset's P may rise (room[0]) or fall (room[1]) in one period, all others unchanged, before ramps,
 * energy budgets or the store's swing stop it. None with rebound, which loads other periods. */
static enum fg_code time_room(const struct clear_run *run, int32_t index, int32_t period, double room[2],
                              struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_asset *asset = &model->market->assets[index];
    const double hours = model->hours, low = mwh(asset->energy_min), high = mwh(asset->energy_max);
    double *net = fg_alloc((size_t)model->periods, sizeof *net), swing = 0, used[2] = { 0, 0 };
    if (net == NULL)
        return fg_fail_memory(err);
    room[0] = room[1] = asset->rebound_count > 0 ? 0 : INFINITY;
    for (size_t o = 0; o < model->market->order_count; o++) {
        const struct fg_order *order = &model->market->orders[o];
        for (int32_t k = 0; k < order->period_count && order->side == FG_SIDE_SELL && order->asset == index &&
                            order->product == FG_PRODUCT_ACTIVE; k++)
            net[order->first_period + k] +=
                fg_order_injection_sign(order) * fg_mw(run->result->accepted[order->offset + (size_t)k]);
    }
    for (int32_t t = 0; t < model->periods; t++) {
        swing += hours * net[t];
        used[net[t] < 0] += hours * fabs(net[t]);
        if (t >= period) {
            room[0] = fmin(room[0], (high - swing) / hours);
            room[1] = fmin(room[1], (swing - low) / hours);
        }
    }
    room[0] = fmin(room[0], (mwh(asset->energy_up) - used[0]) / hours);
    room[1] = fmin(room[1], (mwh(asset->energy_down) - used[1]) / hours);
    for (int32_t t = period; t <= period + 1 && asset->ramp_per_hour.w != FG_NO_LIMIT; t++) {
        if (t < 1 || t >= model->periods)
            continue;
        double step = baseline_p(asset, t) - baseline_p(asset, t - 1), rise = step + net[t] - net[t - 1];
        double most = fmax(fg_mw(asset->ramp_per_hour) * hours, fabs(step));
        int up = t == period ? 0 : 1; /* the next step falls when this period rises */
        room[up] = fmin(room[up], most - rise);
        room[1 - up] = fmin(room[1 - up], most + rise);
    }
    fg_free(net);
    return FG_OK;
}

/* Has an order of the same asset a move already? Only one per asset takes the room that its limits leave. */
static bool asset_has_move(const struct clear_run *run, const struct fg_order *order, const struct move *moves, size_t count)
{
    const struct fg_market *market = run->model->market;
    if (market->assets[order->asset].is_implicit)
        return false;
    for (size_t m = 0; m < count; m++)
        if (market->orders[moves[m].order].side == FG_SIDE_SELL && market->orders[moves[m].order].asset == order->asset)
            return true;
    return false;
}

/* Narrow a move of an asset with limits to what they leave. */
static enum fg_code limit_move(const struct clear_run *run, const struct fg_order *order, int32_t period, double *lower,
                               double *upper, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    const struct fg_asset *asset = &market->assets[order->asset];
    const size_t place = (size_t)period * market->asset_count + (size_t)order->asset;
    const int32_t p = model->asset_p[place], q = model->asset_q[place];
    const int32_t variable = order->product == FG_PRODUCT_ACTIVE ? p : q;
    const double mw = (double)market->tick.w * 1e-6;
    double room[2] = { INFINITY, INFINITY };
    if (variable < 0)
        return FG_OK;
    const struct clear_variable *v = &model->variables[variable];
    double now = v->base + net_of_asset(run, order->asset, order->product, period), low = v->lower, high = v->upper;
    if (p >= 0 && q >= 0) { /* P moves within the circle that Q leaves; Q stays */
        double q_now = model->variables[q].base + net_of_asset(run, order->asset, FG_PRODUCT_REACTIVE, period);
        double s = asset->s_max.w == FG_NO_LIMIT ? INFINITY : fg_mw(asset->s_max);
        double width = isfinite(s) ? sqrt(fmax(s * s - q_now * q_now, 0)) : INFINITY;
        bool fixed = order->product == FG_PRODUCT_REACTIVE || asset->power_factor_u > 0 || asset->follows_ratio;
        low = fixed ? now : fmax(low, -width);
        high = fixed ? now : fmin(high, width);
    }
    if (order->product == FG_PRODUCT_ACTIVE && clear_asset_couples_time(asset)) {
        enum fg_code code = time_room(run, order->asset, period, room, err);
        if (code != FG_OK)
            return code;
    }
    double up = floor(fmin(high - now, room[0]) / mw + 1e-6), down = floor(fmin(now - low, room[1]) / mw + 1e-6);
    bool rises = order->regulation == FG_REGULATION_UP;
    *upper = fmin(*upper, fmax(rises ? up : down, 0));
    *lower = fmax(*lower, -fmax(rises ? down : up, 0));
    return FG_OK;
}

/* The moves of a period; NULL moves: count orders that may have one. */
static size_t list_moves(const struct clear_run *run, const bool *is_parent, int32_t period, int64_t room,
                         struct move *moves, enum fg_code *code, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    const int64_t tick = market->tick.w;
    size_t count = 0;
    bool *directions = accepted_directions(run, period);
    if (directions == NULL) {
        *code = fg_fail_memory(err);
        return 0;
    }
    for (int32_t o = 0; o < (int32_t)market->order_count; o++) {
        const struct fg_order *order = &market->orders[o];
        int32_t k = period - order->first_period;
        bool covers = order->location_kind == FG_LOCATION_BRANCH_LIMIT || order->location_kind == FG_LOCATION_VOLTAGE_LIMIT;
        if (k < 0 || k >= order->period_count || order->quantity[k].w == 0 || order->block || covers ||
            order->parent >= 0 || order->group >= 0 || is_parent[o] || order->min_fraction_u == FG_FRACTION_ONE ||
            (model->order_node[o] < 0 && order->location_kind == FG_LOCATION_BUS))
            continue;
        int64_t accepted = run->result->accepted[order->offset + (size_t)k].w, quantity = order->quantity[k].w;
        int64_t least = order->min_fraction_u == 0
                            ? 0 : (int64_t)ceil((double)quantity * (double)order->min_fraction_u / FG_FRACTION_ONE);
        double lower = -fmin((double)((accepted - least) / tick), (double)room);
        double upper = fmin((double)((quantity - accepted) / tick), (double)room);
        if (least > 0 && accepted == 0)
            continue;
        double ratio = 0;
        if (order->side == FG_SIDE_SELL) {
            const struct fg_asset *asset = &market->assets[order->asset];
            int other = order->regulation == FG_REGULATION_UP ? FG_REGULATION_DOWN : FG_REGULATION_UP;
            if (accepted == 0 && directions[4 * order->asset + 2 * (int)order->product + other])
                continue;
            if (moves != NULL && asset_has_move(run, order, moves, count))
                continue;
            if (moves != NULL && *code == FG_OK)
                *code = limit_move(run, order, period, &lower, &upper, err);
            ratio = asset->follows_ratio && order->product == FG_PRODUCT_ACTIVE
                        ? (double)asset->q_per_p_u / FG_FRACTION_ONE : 0;
        }
        if (upper <= 0 && lower >= 0)
            continue;
        if (moves != NULL) {
            int sign = fg_order_injection_sign(order);
            double price = fg_per_mwh(fg_order_marginal_price(order, (struct fg_power){ accepted }));
            double import = fg_per_mwh(order->product == FG_PRODUCT_ACTIVE ? market->import_price[period]
                                                                           : market->import_price_reactive[period]);
            moves[count] = (struct move){ .order = o, .k = k, .node = model->order_node[o], .sign = sign,
                                          .product = (int)order->product, .lower = lower, .upper = upper, .ratio = ratio,
                                          .cost = model->hours * (double)tick * 1e-6 *
                                                  ((order->side == FG_SIDE_SELL ? price : -price) - sign * import) };
        }
        count++;
    }
    fg_free(directions);
    return count;
}

/* Exact rows in ticks. Returns how many are broken now. */
static int32_t add_exact_rows(struct clear_run *run, int32_t period, const struct move *moves, struct rows *rows)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    const double tick = (double)market->tick.w;
    int32_t broken = 0;
    const enum fg_balance balances[2] = { market->balance, market->balance_reactive };
    for (int product = 0; product < 2; product++) {
        double sum = 0;
        if (balances[product] != FG_BALANCE_CLOSED)
            continue;
        memset(run->node_p, 0, (size_t)model->topology->node_count * sizeof(double));
        memset(run->node_q, 0, (size_t)model->topology->node_count * sizeof(double));
        clear_rounded_deviation(run, period, run->node_p, run->node_q);
        for (int32_t n = 0; n < model->topology->node_count; n++)
            sum += (product == 0 ? run->node_p[n] : run->node_q[n]) * 1e6 / tick;
        /* Rebound and Q that follows P are not whole ticks: half a tick is then exact enough. */
        double whole = round(sum), slack = fabs(sum - whole) > 1e-6 ? 0.5 : 0;
        broken += fabs(sum) > slack + 1e-6;
        double *row = rows_add(rows, -sum - slack, -sum + slack, PENALTY);
        for (size_t m = 0; row != NULL && m < rows->move_count; m++)
            row[m] = moves[m].product == product ? moves[m].sign : product == 1 ? moves[m].sign * moves[m].ratio : 0;
    }
    for (int subject = 0; subject < 4 && market->match_requests; subject++) {
        double sum = 0;
        for (size_t o = 0; o < market->order_count; o++) {
            const struct fg_order *order = &market->orders[o];
            int32_t k = period - order->first_period;
            if (k < 0 || k >= order->period_count || 2 * (int)order->product + (int)order->regulation != subject ||
                order->location_kind == FG_LOCATION_VOLTAGE_LIMIT || order->regulation == FG_REGULATION_BOTH)
                continue;
            double a = (double)run->result->accepted[order->offset + (size_t)k].w / tick;
            sum += order->side == FG_SIDE_SELL ? a : -a;
        }
        broken += fabs(sum) > 1e-6;
        double *row = rows_add(rows, -sum, -sum, PENALTY);
        for (size_t m = 0; row != NULL && m < rows->move_count; m++) {
            const struct fg_order *order = &market->orders[moves[m].order];
            if (2 * (int)order->product + (int)order->regulation == subject)
                row[m] = order->side == FG_SIDE_SELL ? 1 : -1;
        }
    }
    return broken;
}

static bool is_inside(const struct clear_model *model, const struct clear_need *need, int32_t node)
{
    int32_t bus = model->topology->bus_of_node[node];
    return need->zone < 0 ? need->node == node
                          : bus >= 0 && fg_zone_has_bus(&model->market->zones[need->zone], model->network->buses[bus].id);
}

/* Accepted less net change in the direction, ticks; terms of columns are taken to be their orders' quantities. */
static double excess_of(struct clear_run *run, const struct clear_row *source, bool *any)
{
    const struct clear_model *model = run->model;
    const struct clear_need *need = &model->needs[source->subject];
    const double tick = (double)model->market->tick.w;
    double excess = 0;
    *any = false;
    memset(run->node_p, 0, (size_t)model->topology->node_count * sizeof(double));
    memset(run->node_q, 0, (size_t)model->topology->node_count * sizeof(double));
    clear_rounded_deviation(run, source->period, run->node_p, run->node_q);
    for (int32_t n = 0; n < model->topology->node_count; n++)
        if (is_inside(model, need, n))
            excess -= source->need_sign * (need->product == 0 ? run->node_p[n] : run->node_q[n]) * 1e6 / tick;
    for (int32_t i = 0; i < source->term_count; i++) {
        int32_t v = model->terms[source->first_term + (size_t)i].variable;
        if (v >= (int32_t)model->column_count || model->need_of_order[model->columns[v].order] < 0)
            continue;
        const struct fg_order *order = &model->market->orders[model->columns[v].order];
        int32_t first, count;
        clear_model_order_columns(model, model->columns[v].order, source->period - order->first_period, &first, &count);
        if (v != first)
            continue;
        double a = (double)run->result->accepted[order->offset + (size_t)(source->period - order->first_period)].w / tick;
        excess += a;
        *any = *any || a > 0;
    }
    return excess;
}

double clear_need_excess(struct clear_run *run, const struct clear_row *row)
{
    bool any;
    double excess = excess_of(run, row, &any);
    return any ? excess : 0;
}

/* Need rows of the model as they stand after rounding. Returns how many are broken now. */
static int32_t add_need_rows(struct clear_run *run, int32_t period, const struct move *moves, struct rows *rows)
{
    const struct clear_model *model = run->model;
    int32_t broken = 0;
    for (size_t r = 0; r < model->row_count; r++) {
        const struct clear_row *source = &model->rows[r];
        if (source->kind != CLEAR_ROW_NEED || source->period != period)
            continue;
        const struct clear_need *need = &model->needs[source->subject];
        const enum fg_regulation regulation = source->need_sign > 0 ? FG_REGULATION_UP : FG_REGULATION_DOWN;
        bool any;
        double excess = excess_of(run, source, &any);
        /* Where nothing asked for is accepted the net change is free, and nothing asked for may be accepted. */
        broken += any && excess > 1e-6;
        double *row = rows_add(rows, -INFINITY, any ? -excess : 0, PENALTY);
        for (size_t m = 0; row != NULL && m < rows->move_count; m++) {
            const struct fg_order *order = &model->market->orders[moves[m].order];
            if ((int)order->product != need->product)
                continue;
            if (moves[m].sign == 0) {
                int32_t first, count;
                clear_model_order_columns(model, moves[m].order, moves[m].k, &first, &count);
                for (int32_t i = 0; i < source->term_count && order->regulation == regulation; i++)
                    if (model->terms[source->first_term + (size_t)i].variable == first)
                        row[m] = 1;
            } else if (any) {
                row[m] = is_inside(model, need, moves[m].node) ? -source->need_sign * moves[m].sign : 0;
            }
        }
    }
    return broken;
}

static enum fg_code add_limit_row(struct clear_run *run, const struct move *moves, struct rows *rows,
                                  struct clear_quantity quantity, bool is_lower, double limit, double value, double price,
                                  struct fg_error *err)
{
    const double mw = (double)run->model->market->tick.w * 1e-6, sign = is_lower ? -1 : 1;
    double largest = 0;
    enum fg_code code = clear_linear_slopes(run->linear, quantity, run->slope_p, run->slope_q, err);
    double *row = code == FG_OK ? rows_add(rows, -INFINITY, 0, 0) : NULL;
    if (row == NULL)
        return code;
    for (size_t m = 0; m < rows->move_count; m++) {
        if (moves[m].sign == 0)
            continue;
        const double *own = moves[m].product == 0 ? run->slope_p : run->slope_q;
        row[m] = sign * mw * moves[m].sign * (own[moves[m].node] + moves[m].ratio * run->slope_q[moves[m].node]);
        largest = fmax(largest, fabs(row[m]));
    }
    if (largest == 0) {
        rows->count--;
        return FG_OK;
    }
    for (size_t m = 0; m < rows->move_count; m++)
        row[m] /= largest;
    rows->upper[rows->count - 1] = sign * (limit - value) / largest;
    rows->price[rows->count - 1] = price * run->model->hours * largest;
    return FG_OK;
}

/* Limits near or over their bounds in the state of the rounded schedule. A tenth of the tolerance stays as margin. */
static enum fg_code add_limit_rows(struct clear_run *run, int32_t period, const struct fg_clear_state *state,
                                   const struct move *moves, struct rows *rows, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_topology *topology = model->topology;
    enum fg_code code = FG_OK;
    for (int32_t n = 0; n < topology->node_count && code == FG_OK; n++) {
        int32_t bus = topology->bus_of_node[n];
        if (bus < 0 || !isnan(model->vm_held[n]))
            continue;
        const double limits[2] = { clear_vm_min(model, period, n) - 0.9 * FG_CLEAR_VOLTAGE_TOLERANCE_PU,
                                   clear_vm_max(model, period, n) + 0.9 * FG_CLEAR_VOLTAGE_TOLERANCE_PU };
        for (int upper = 0; upper < 2 && code == FG_OK; upper++) {
            double value = state->vm_pu[bus], room = upper ? limits[1] - value : value - limits[0];
            struct clear_quantity quantity = { CLEAR_VOLTAGE, n };
            if (limits[upper] > 0 && isfinite(limits[upper]) && room < 0.001)
                code = add_limit_row(run, moves, rows, quantity, !upper, limits[upper], value,
                                     clear_limit_price(model, period, quantity, !upper), err);
        }
    }
    for (int32_t e = 0; e < topology->edge_count && code == FG_OK; e++) {
        double rate = clear_rate(model, period, e);
        if (!isfinite(rate))
            continue;
        double value = clear_branch_loading(model, state, e);
        if (value < 0.98 * rate)
            continue;
        struct clear_quantity from = { CLEAR_FLOW_FROM, e }, to = { CLEAR_FLOW_TO, e };
        bool at_to = clear_linear_value(run->linear, to) > clear_linear_value(run->linear, from);
        code = add_limit_row(run, moves, rows, at_to ? to : from, false, rate * (1 + 0.9 * FG_CLEAR_RATING_TOLERANCE),
                             value, clear_limit_price(model, period, from, false), err);
    }
    return code;
}

static enum fg_code solve_moves(struct clear_run *run, struct move *moves, const struct rows *rows, struct fg_error *err)
{
    const size_t m = rows->move_count, r = rows->count, columns = m + 2 * r;
    int32_t *starts = fg_alloc(columns + 1, sizeof *starts), *row = fg_alloc(m * r + 2 * r, sizeof *row);
    double *value = fg_alloc(m * r + 2 * r, sizeof *value), *cost = fg_alloc(columns, sizeof *cost);
    double *lower = fg_alloc(columns, sizeof *lower), *upper = fg_alloc(columns, sizeof *upper);
    bool *integer = fg_alloc(columns, sizeof *integer);
    struct fg_lp *lp = NULL;
    enum fg_code code = FG_OK;
    if (starts == NULL || row == NULL || value == NULL || cost == NULL || lower == NULL || upper == NULL || integer == NULL)
        code = fg_fail_memory(err);
    int32_t count = 0;
    for (size_t j = 0; j < columns && code == FG_OK; j++) {
        starts[j] = count;
        if (j < m) {
            for (size_t i = 0; i < r; i++)
                if (rows->coefficient[i * m + j] != 0) {
                    row[count] = (int32_t)i;
                    value[count++] = rows->coefficient[i * m + j];
                }
            cost[j] = moves[j].cost;
            lower[j] = moves[j].lower;
            upper[j] = moves[j].upper;
            integer[j] = true;
        } else { /* violation above, then below */
            row[count] = (int32_t)((j - m) / 2);
            value[count++] = (j - m) % 2 == 0 ? -1 : 1;
            cost[j] = rows->price[(j - m) / 2];
            upper[j] = INFINITY;
        }
        starts[j + 1] = count;
    }
    if (code == FG_OK) {
        struct fg_lp_data data = { .column_count = (int32_t)columns, .row_count = (int32_t)r, .starts = starts, .rows = row,
                                   .values = value, .cost = cost, .lower = lower, .upper = upper,
                                   .row_lower = rows->lower, .row_upper = rows->upper, .is_integer = integer };
        code = fg_lp_create(run->options.backend, &data, &lp, err);
    }
    if (code == FG_OK) {
        struct fg_lp_options options = fg_lp_options_default();
        struct fg_lp_result result;
        options.relative_gap = 1e-3;
        options.absolute_gap = 1e-4;
        options.time_limit_s = 0.5;
        options.interrupt = run->options.interrupt;
        code = fg_lp_solve(lp, &options, &result, err);
        for (size_t j = 0; j < m && code == FG_OK && result.has_solution; j++) {
            const struct fg_order *order = &run->model->market->orders[moves[j].order];
            run->result->accepted[order->offset + (size_t)moves[j].k].w += llround(result.x[j]) * run->model->market->tick.w;
        }
    }
    fg_lp_destroy(lp);
    void *blocks[] = { starts, row, value, cost, lower, upper, integer };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        fg_free(blocks[i]);
    return code;
}

enum fg_code clear_check_period(struct clear_run *run, int32_t period, struct fg_error *err)
{
    size_t nodes = (size_t)run->model->topology->node_count;
    memset(run->node_p, 0, nodes * sizeof(double));
    memset(run->node_q, 0, nodes * sizeof(double));
    clear_rounded_deviation(run, period, run->node_p, run->node_q);
    clear_shed_add(run, period, run->node_p, run->node_q);
    return clear_flow_solve(run->flow, period, run->node_p, run->node_q, &run->result->after[period], err);
}

/* Violation cost of the unrounded schedule in a period: what no rounding can be asked to better. */
static enum fg_code unrounded_violation(struct clear_run *run, int32_t period, struct fg_clear_state *state, double *cost,
                                        struct fg_error *err)
{
    size_t nodes = (size_t)run->model->topology->node_count;
    memset(run->node_p, 0, nodes * sizeof(double));
    memset(run->node_q, 0, nodes * sizeof(double));
    clear_schedule_deviation(run->model, run->x, period, run->node_p, run->node_q);
    enum fg_code code = clear_flow_solve(run->flow, period, run->node_p, run->node_q, state, err);
    *cost = code == FG_OK && state->converged ? clear_state_violation_cost(run->model, period, state, NULL) : INFINITY;
    return code;
}

/* Do balances, matching and needs hold after rounding? */
static bool is_intact(struct clear_run *run, int32_t period)
{
    struct rows none = { 0 };
    int32_t broken = add_exact_rows(run, period, NULL, &none) + add_need_rows(run, period, NULL, &none);
    rows_release(&none);
    return broken == 0;
}

static enum fg_code repair_period(struct clear_run *run, int32_t period, const bool *is_parent,
                                  struct fg_clear_state *scratch, double *voltages, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    struct fg_clear_state *state = &run->result->after[period];
    double reference = NAN;
    enum fg_code code = FG_OK;
    for (int attempt = 0; attempt < ATTEMPTS && code == FG_OK; attempt++) {
        struct clear_worst worst = { 0, 0 };
        double violation = state->converged ? clear_state_violation_cost(model, period, state, &worst) : 0;
        bool limits_matter = run->physics == FG_PHYSICS_AC && state->converged && worst.tolerances > 1;
        if (limits_matter && isnan(reference))
            code = unrounded_violation(run, period, scratch, &reference, err);
        /* A schedule whose violation is not the rounding's fault needs no repair. */
        limits_matter = limits_matter && violation > 1.01 * reference + 1e-9 && reference < INFINITY;
        if (code != FG_OK || (!limits_matter && is_intact(run, period)))
            return code;
        size_t count = list_moves(run, is_parent, period, ROOM[attempt], NULL, &code, err);
        struct move *moves = fg_alloc(count + 1, sizeof *moves);
        if (moves == NULL)
            return fg_fail_memory(err);
        count = list_moves(run, is_parent, period, ROOM[attempt], moves, &code, err);
        struct rows rows = { .move_count = count };
        if (count == 0 || code != FG_OK) {
            fg_free(moves);
            return code;
        }
        add_exact_rows(run, period, moves, &rows);
        add_need_rows(run, period, moves, &rows);
        if (code == FG_OK && run->physics == FG_PHYSICS_AC && state->converged) {
            clear_grid_state(run->grid, period, voltages, voltages + model->topology->node_count);
            code = clear_linear_at(run->linear, period, voltages, voltages + model->topology->node_count, NULL, NULL, err);
            if (code == FG_OK)
                code = add_limit_rows(run, period, state, moves, &rows, err);
        }
        if (code == FG_OK && rows.failed)
            code = fg_fail_memory(err);
        if (code == FG_OK)
            code = solve_moves(run, moves, &rows, err);
        rows_release(&rows);
        fg_free(moves);
        if (code == FG_OK)
            code = clear_check_period(run, period, err);
    }
    return code;
}

enum fg_code clear_repair_schedule(struct clear_run *run, struct fg_error *err)
{
    const struct clear_model *model = run->model;
    const struct fg_market *market = model->market;
    struct fg_arena arena;
    struct fg_clear_state scratch = { 0 };
    fg_arena_init(&arena);
    enum fg_code code = clear_flow_state_create(model->network, &arena, &scratch, err);
    bool *is_parent = fg_arena_alloc(&arena, market->order_count + 1, sizeof *is_parent);
    double *voltages = fg_arena_alloc(&arena, 2 * (size_t)model->topology->node_count, sizeof *voltages);
    if (code == FG_OK && (is_parent == NULL || voltages == NULL))
        code = fg_fail_memory(err);
    for (size_t o = 0; o < market->order_count && code == FG_OK; o++)
        if (market->orders[o].parent >= 0)
            is_parent[market->orders[o].parent] = true;
    for (int32_t t = 0; t < model->periods && code == FG_OK; t++) {
        code = clear_check_period(run, t, err);
        if (code == FG_OK)
            code = repair_period(run, t, is_parent, &scratch, voltages, err);
        if (code == FG_OK && !run->result->after[t].converged)
            code = clear_shed_until_solvable(run, t, err);
    }
    fg_arena_release(&arena);
    return code == FG_OK ? clear_keep_needs(run, err) : code;
}
