#include "market_reference.h"

#include "solve/lp.h"

#include <math.h>
#include <string.h>

#define LINE_TOLERANCE 1e-6 /* MVA; LP solvers hold rows to 1e-7 */
#define ROUNDS_MAX 200

enum { BUSES_MAX = 64, ORDERS_MAX = 512 };

/* The tree: parent branch and bus of each bus; below[l][b]: bus b is fed through branch l. */
struct tree {
    int count, root, branch_count;
    int parent_branch[BUSES_MAX];
    bool below[BUSES_MAX][BUSES_MAX];
};

struct reference {
    const struct fg_network *network;
    const struct fg_market *market;
    struct tree tree;
    int column_count;
    int order_of[ORDERS_MAX], bus_of[ORDERS_MAX], sign[ORDERS_MAX], product[ORDERS_MAX];
    double base_p[BUSES_MAX], base_q[BUSES_MAX];
    struct fg_lp *lp;
};

static int find_root(const struct fg_network *network)
{
    for (size_t g = 0; g < network->generator_count; g++)
        if (network->generators[g].kind == FG_GENERATOR_SOURCE)
            return network->generators[g].bus;
    return -1;
}

static enum fg_code build_tree(struct reference *ref, struct fg_error *err)
{
    const struct fg_network *network = ref->network;
    struct tree *tree = &ref->tree;
    bool reached[BUSES_MAX] = {false};
    tree->count = (int)network->bus_count;
    tree->branch_count = (int)network->branch_count;
    tree->root = find_root(network);
    if (tree->root < 0 || tree->count > BUSES_MAX || tree->branch_count != tree->count - 1)
        return fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "the reference needs one tree of at most %d buses", BUSES_MAX);
    reached[tree->root] = true;
    tree->parent_branch[tree->root] = -1;
    for (int pass = 1; pass < tree->count; pass++)
        for (int l = 0; l < tree->branch_count; l++) {
            int from = network->branches[l].from, to = network->branches[l].to;
            if (reached[from] == reached[to])
                continue;
            int child = reached[from] ? to : from;
            reached[child] = true;
            tree->parent_branch[child] = l;
        }
    for (int bus = 0; bus < tree->count; bus++) {
        if (!reached[bus])
            return fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "bus %s is not fed", network->buses[bus].id);
        for (int at = bus; at != tree->root;) {
            int l = tree->parent_branch[at];
            tree->below[l][bus] = true;
            int from = network->branches[l].from, to = network->branches[l].to;
            at = tree->parent_branch[from] == l ? to : from;
        }
    }
    return FG_OK;
}

static enum fg_code collect_orders(struct reference *ref, int32_t period, struct fg_error *err)
{
    const struct fg_market *market = ref->market;
    for (size_t i = 0; i < market->order_count; i++) {
        const struct fg_order *order = &market->orders[i];
        if (order->first_period != period)
            continue;
        if (order->period_count != 1 || order->point_count != 1 || order->kind == FG_REQUEST_NEED ||
            order->min_fraction_u != 0 || ref->column_count == ORDERS_MAX)
            return fg_fail(err, FG_ERR_UNSUPPORTED, order->place, "the reference takes plain orders of one period");
        int column = ref->column_count++;
        ref->order_of[column] = (int)i;
        ref->bus_of[column] = fg_network_find_bus(ref->network, order->location);
        ref->sign[column] = fg_order_injection_sign(order);
        ref->product[column] = order->product;
    }
    for (size_t i = 0; i < market->baseline_count; i++) {
        int32_t bus = fg_network_find_bus(ref->network, market->baselines[i].id);
        if (market->baselines[i].kind != FG_BASELINE_BUS || bus < 0)
            return fg_fail(err, FG_ERR_UNSUPPORTED, NULL, "the reference takes baselines of buses");
        ref->base_p[bus] = fg_mw(market->baselines[i].p[period]);
        ref->base_q[bus] = fg_mw(market->baselines[i].q[period]);
    }
    return FG_OK;
}

/* One row over the orders: sum of weight(column) x_j, appended to the program. */
static enum fg_code append_row(struct reference *ref, const double *weights, double lower, double upper,
                               struct fg_error *err)
{
    int32_t columns[ORDERS_MAX], starts[2] = {0, 0};
    double values[ORDERS_MAX];
    for (int j = 0; j < ref->column_count; j++)
        if (weights[j] != 0) {
            columns[starts[1]] = j;
            values[starts[1]++] = weights[j];
        }
    return fg_lp_add_rows(ref->lp, 1, starts, columns, values, &lower, &upper, err);
}

static enum fg_code add_balance(struct reference *ref, struct fg_error *err)
{
    double weights[ORDERS_MAX];
    enum fg_code code = FG_OK;
    for (int product = 0; product < 2 && code == FG_OK; product++) {
        for (int j = 0; j < ref->column_count; j++)
            weights[j] = ref->product[j] == product ? ref->sign[j] : 0;
        const enum fg_balance balance = product == 0 ? ref->market->balance : ref->market->balance_reactive;
        if (balance == FG_BALANCE_CLOSED)
            code = append_row(ref, weights, 0, 0, err);
        for (int direction = 0; direction < 2 && ref->market->match_requests && code == FG_OK; direction++) {
            for (int j = 0; j < ref->column_count; j++) {
                const struct fg_order *order = &ref->market->orders[ref->order_of[j]];
                bool counts = ref->product[j] == product && (int)order->regulation == direction;
                weights[j] = counts ? (order->side == FG_SIDE_SELL ? 1 : -1) : 0;
            }
            code = append_row(ref, weights, 0, 0, err);
        }
    }
    return code;
}

/* Weight of each order in the flow of P or Q into branch l from the root's side: minus its change below. */
static void flow_weights(const struct reference *ref, int l, int product, double *weights)
{
    for (int j = 0; j < ref->column_count; j++)
        weights[j] = ref->product[j] == product && ref->tree.below[l][ref->bus_of[j]] ? -ref->sign[j] : 0;
}

static double base_flow(const struct reference *ref, int l, int product)
{
    double flow = 0;
    for (int bus = 0; bus < ref->tree.count; bus++)
        if (ref->tree.below[l][bus])
            flow -= product == 0 ? ref->base_p[bus] : ref->base_q[bus];
    return flow;
}

/* v(bus) = v(root) - sum over the way of 2 (r P + x Q) in squared voltages. */
static double voltage_row(const struct reference *ref, int bus, double *weights)
{
    double v = 1, p[ORDERS_MAX], q[ORDERS_MAX];
    memset(weights, 0, sizeof *weights * (size_t)ref->column_count);
    for (int l = 0; l < ref->tree.branch_count; l++) {
        if (!ref->tree.below[l][bus])
            continue;
        const struct fg_branch *branch = &ref->network->branches[l];
        double r = 2 * branch->r_pu / ref->network->base_mva, x = 2 * branch->x_pu / ref->network->base_mva;
        v -= r * base_flow(ref, l, 0) + x * base_flow(ref, l, 1);
        flow_weights(ref, l, 0, p);
        flow_weights(ref, l, 1, q);
        for (int j = 0; j < ref->column_count; j++)
            weights[j] -= r * p[j] + x * q[j];
    }
    return v;
}

static enum fg_code add_voltages(struct reference *ref, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (int bus = 0; bus < ref->tree.count && code == FG_OK; bus++) {
        const struct fg_bus *limits = &ref->network->buses[bus];
        double weights[ORDERS_MAX], v = voltage_row(ref, bus, weights);
        if (bus != ref->tree.root)
            code = append_row(ref, weights, limits->vm_min_pu * limits->vm_min_pu - v,
                              limits->vm_max_pu * limits->vm_max_pu - v, err);
    }
    return code;
}

static double dot(const struct reference *ref, const double *weights, const double *x)
{
    double sum = 0;
    for (int j = 0; j < ref->column_count; j++)
        sum += weights[j] * x[j];
    return sum;
}

/* Tangent cuts p P + q Q <= rate |(p, q)| at overloaded branches; counts what binds. */
static enum fg_code cut_lines(struct reference *ref, const double *x, int *cuts, int *binding, struct fg_error *err)
{
    *cuts = *binding = 0;
    for (int l = 0; l < ref->tree.branch_count; l++) {
        double p_weights[ORDERS_MAX], q_weights[ORDERS_MAX], rate = ref->network->branches[l].rate_normal_mva;
        flow_weights(ref, l, 0, p_weights);
        flow_weights(ref, l, 1, q_weights);
        double p0 = base_flow(ref, l, 0), q0 = base_flow(ref, l, 1);
        double p = p0 + dot(ref, p_weights, x), q = q0 + dot(ref, q_weights, x), s = hypot(p, q);
        *binding += s > rate - LINE_TOLERANCE;
        if (s <= rate + LINE_TOLERANCE)
            continue;
        double weights[ORDERS_MAX];
        for (int j = 0; j < ref->column_count; j++)
            weights[j] = p / s * p_weights[j] + q / s * q_weights[j];
        enum fg_code code = append_row(ref, weights, -INFINITY, rate - (p / s * p0 + q / s * q0), err);
        if (code != FG_OK)
            return code;
        (*cuts)++;
    }
    return FG_OK;
}

static int count_binding_voltages(const struct reference *ref, const double *x)
{
    int binding = 0;
    for (int bus = 0; bus < ref->tree.count; bus++) {
        double weights[ORDERS_MAX], v = sqrt(voltage_row(ref, bus, weights) + dot(ref, weights, x));
        const struct fg_bus *limits = &ref->network->buses[bus];
        binding += bus != ref->tree.root && (v < limits->vm_min_pu + 1e-7 || v > limits->vm_max_pu - 1e-7);
    }
    return binding;
}

static enum fg_code create_program(struct reference *ref, struct fg_error *err)
{
    int32_t starts[ORDERS_MAX + 1] = {0};
    double cost[ORDERS_MAX], lower[ORDERS_MAX] = {0}, upper[ORDERS_MAX];
    for (int j = 0; j < ref->column_count; j++) {
        const struct fg_order *order = &ref->market->orders[ref->order_of[j]];
        cost[j] = fg_per_mwh(order->points[0].price) * (order->side == FG_SIDE_SELL ? 1 : -1);
        upper[j] = fg_mw(order->quantity[0]);
    }
    struct fg_lp_data data = {
        .column_count = ref->column_count, .starts = starts, .cost = cost, .lower = lower, .upper = upper};
    return fg_lp_create(FG_LP_BACKEND_DEFAULT, &data, &ref->lp, err);
}

enum fg_code fg_reference_lindistflow(const struct fg_network *network, const struct fg_market *market, int32_t period,
                                      bool with_grid, double *accepted, struct fg_reference_result *result,
                                      struct fg_error *err)
{
    struct reference ref = {.network = network, .market = market};
    enum fg_code code = build_tree(&ref, err);
    memset(result, 0, sizeof *result);
    if (code != FG_OK || (code = collect_orders(&ref, period, err)) != FG_OK ||
        (code = create_program(&ref, err)) != FG_OK)
        return code;
    code = add_balance(&ref, err);
    if (code == FG_OK && with_grid)
        code = add_voltages(&ref, err);
    int cuts = 1;
    struct fg_lp_result solution = {0};
    for (; code == FG_OK && cuts > 0; result->rounds++) {
        cuts = 0;
        if ((code = fg_lp_solve(ref.lp, NULL, &solution, err)) != FG_OK)
            break;
        if (solution.status != FG_LP_OPTIMAL || result->rounds > ROUNDS_MAX)
            code =
                fg_fail(err, FG_ERR_NUMERIC, NULL, "the reference program is %s", fg_lp_status_word(solution.status));
        else if (with_grid)
            code = cut_lines(&ref, solution.x, &cuts, &result->binding_lines, err);
    }
    if (code == FG_OK) {
        result->welfare = -solution.objective;
        result->binding_voltages = with_grid ? count_binding_voltages(&ref, solution.x) : 0;
        for (size_t i = 0; accepted && i < market->order_count; i++)
            accepted[i] = 0;
        for (int j = 0; accepted && j < ref.column_count; j++)
            accepted[ref.order_of[j]] = solution.x[j];
    }
    fg_lp_destroy(ref.lp);
    return code;
}
