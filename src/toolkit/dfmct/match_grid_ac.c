/* The alternating-current check of a period.
 *
 * Screen, from the present state (P, Q, V of the period with its trades), per MW of the trade:
 *   trees    flows along the paths to the source, dP = +-1 or dQ = +-1, and the voltage drops of LinDistFlow,
 *            dV_k = sum over the common path of (r dP + x dQ) / base_mva
 *            (M. E. Baran, F. F. Wu, IEEE Trans. Power Delivery 4(1), 1989)
 *   meshes   the columns of the inverse Jacobian at the last solution, and the flow gradients
 * A voltage limits q by V + dV q <= V_max, a rating by (P + dP q)^2 + (Q + dQ q)^2 <= R^2 at both ends.
 *
 * Confirmation: a power flow of the period with the trade, started from the present state. A limit holds when
 *   worst value after <= max(limit, worst value before),
 * so that what is broken may not get worse. The worst value allows for conditional requests: what each pair of buses changes
 * when all of it is called is found by a power flow; per end of a branch the changes of P and of Q are summed by sign, and the
 * corner of that box counts where |S| is largest; per bus the changes of V upwards and downwards. All of them are enlarged
 * by RESERVE_FACTOR, for the changes do not quite add up.
 * Where the wanted quantity does not hold, the largest multiple of the tick that
 * does lies between the last that held and the first that did not. The chord of each limit from the present state to the last
 * power flow says where that limit is met, and the first of them is the next guess; where that has failed twice to halve the
 * rest, bisection goes on, until one tick is left between them or FLOWS_MOST power flows are used up. The answer is always one
 * that a power flow has confirmed. */
#include "toolkit/dfmct/match_grid_internal.h"

#include "grid/flow.h"

#include <math.h>
#include <string.h>

enum { FLOWS_MOST = 20 };
#define RESERVE_FACTOR 1.25
#define VOLTAGE_NOISE 2e-8 /* p.u.; beyond what the power flow leaves open */
#define POWER_NOISE 2e-8   /* p.u. of base_mva */
#define SURE_SHARE 0.9     /* of a tick: below it the screen refuses alone, in trees, where it is right within a tenth */
#define REACH_MOST 1e6
#define SMALL 1e-12

static struct grid_variant *variant_of(const struct fg_match_grid *match, const struct grid_period *period)
{
    return &match->state->variants[period->variant];
}

static struct grid_view view_of_results(const struct fg_powerflow_result *result)
{
    return (struct grid_view){result->vm_pu, result->va_rad, result->p_from_mw, result->q_from_mvar, result->p_to_mw, result->q_to_mvar};
}

static struct grid_view view_of_slot(const struct fg_match_grid *match, const struct grid_slot *slot)
{
    size_t buses = match->bus_count, branches = match->branch_count;
    const double *flows = slot->values + 2 * buses;
    return (struct grid_view){slot->values, slot->values + buses, flows, flows + branches, flows + 2 * branches, flows + 3 * branches};
}

static void keep_view(const struct fg_match_grid *match, struct grid_slot *slot, const struct fg_powerflow_result *result)
{
    size_t buses = match->bus_count, branches = match->branch_count;
    double *flows = slot->values + 2 * buses;
    const struct grid_view view = view_of_results(result);
    memcpy(slot->values, view.vm, buses * sizeof *flows);
    memcpy(slot->values + buses, view.va, buses * sizeof *flows);
    memcpy(flows, view.pf, branches * sizeof *flows);
    memcpy(flows + branches, view.qf, branches * sizeof *flows);
    memcpy(flows + 2 * branches, view.pt, branches * sizeof *flows);
    memcpy(flows + 3 * branches, view.qt, branches * sizeof *flows);
}

/* ---- linear response ---- */

static void clear_response(struct fg_match_grid *match)
{
    struct grid_response *r = &match->response;
    for (int32_t i = 0; i < r->touched_count; i++) {
        int32_t branch = r->touched[i];
        r->pf[branch] = r->qf[branch] = r->pt[branch] = r->qt[branch] = 0;
        match->drop[branch] = 0;
    }
    r->touched_count = 0;
}

static void respond_in_tree(struct fg_match_grid *match, const struct grid_variant *variant, const struct grid_moves *moves)
{
    const struct fg_distribution *d = variant->distribution;
    struct grid_response *r = &match->response;
    double base = variant->network->base_mva;
    for (int32_t m = 0; m < moves->count; m++) {
        int32_t bus = moves->at[m].bus;
        double sign = moves->at[m].sign;
        for (size_t k = d->start[bus]; k < d->start[bus + 1]; k++) {
            int32_t at = d->branch[k];
            const struct fg_branch *branch = &variant->network->branches[at];
            if (match->factor[at] == 0) {
                match->factor[at] = 1; /* listed */
                r->touched[r->touched_count++] = at;
            }
            double *from = moves->is_reactive ? r->qf : r->pf, *to = moves->is_reactive ? r->qt : r->pt;
            from[at] += sign * d->factor[k];
            to[at] -= sign * d->factor[k];
            match->drop[at] += sign * (moves->is_reactive ? branch->x_pu : branch->r_pu) / base;
        }
    }
    for (int32_t i = 0; i < r->touched_count; i++)
        match->factor[r->touched[i]] = 0;
    for (int32_t place = 0; place < d->place_count; place++)
        match->dv_place[place] = d->parent[place] >= 0 ? match->dv_place[d->parent[place]] + match->drop[d->to_parent[place]] : 0;
    for (size_t b = 0; b < variant->network->bus_count; b++)
        r->dv[b] = d->place_of_bus[b] >= 0 ? match->dv_place[d->place_of_bus[b]] : 0;
}

static void respond_in_mesh(struct fg_match_grid *match, struct grid_variant *variant, const struct grid_view *now,
                            const struct grid_moves *moves)
{
    struct grid_response *r = &match->response;
    const struct fg_network *network = variant->network;
    int32_t buses[2];
    double dp[2] = {0}, dq[2] = {0};
    for (int32_t m = 0; m < moves->count; m++) {
        buses[m] = moves->at[m].bus;
        (moves->is_reactive ? dq : dp)[m] = moves->at[m].sign;
    }
    if (!fg_powerflow_response(variant->powerflow, moves->count, buses, dp, dq, r->dv, match->va)) {
        memset(r->dv, 0, network->bus_count * sizeof *r->dv);
        return; /* no factors: everything is left to the power flow */
    }
    for (size_t i = 0; i < network->branch_count; i++) {
        const struct fg_branch *branch = &network->branches[i];
        struct fg_edge edge;
        double flow[FG_FLOW_COUNT], gradient[FG_FLOW_COUNT][FG_FLOW_VARIABLES];
        if (!branch->in_service || !branch->from_closed || !branch->to_closed || isnan(now->vm[branch->from]) ||
            isnan(now->vm[branch->to]) || fg_edge_set_admittance(&edge, branch, NULL) != FG_OK)
            continue;
        const double change[FG_FLOW_VARIABLES] = {match->va[branch->from], match->va[branch->to], r->dv[branch->from],
                                                  r->dv[branch->to]};
        fg_flow_gradient(&edge, now->va[branch->from], now->va[branch->to], now->vm[branch->from], now->vm[branch->to], flow,
                         gradient);
        double sums[FG_FLOW_COUNT] = {0};
        for (int k = 0; k < FG_FLOW_COUNT; k++)
            for (int v = 0; v < FG_FLOW_VARIABLES; v++)
                sums[k] += gradient[k][v] * change[v];
        r->touched[r->touched_count++] = (int32_t)i;
        r->pf[i] = sums[FG_FLOW_PF] * network->base_mva;
        r->qf[i] = sums[FG_FLOW_QF] * network->base_mva;
        r->pt[i] = sums[FG_FLOW_PT] * network->base_mva;
        r->qt[i] = sums[FG_FLOW_QT] * network->base_mva;
    }
}

static void respond(struct fg_match_grid *match, struct grid_variant *variant, const struct grid_view *now, const struct grid_moves *moves)
{
    clear_response(match);
    if (variant->is_swept)
        respond_in_tree(match, variant, moves);
    else
        respond_in_mesh(match, variant, now, moves);
}

/* ---- values ---- */

/* Of two numbers, where fmax and fmin would be calls. */
static double larger(double a, double b)
{
    return a > b ? a : b;
}
static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* The square of |S|. Reserves of an end: P upwards, P downwards, Q upwards, Q downwards; those of the to end stand behind. */
static double worst_of_end(double p, double q, const double *reserve)
{
    double worst_p = larger(fabs(p + reserve[0]), fabs(p - reserve[1])), worst_q = larger(fabs(q + reserve[2]), fabs(q - reserve[3]));
    return worst_p * worst_p + worst_q * worst_q;
}

/* What a branch's rating is compared with, MVA; at the worse end, whatever conditional requests are called. */
static double used_of(const struct grid_variant *variant, const struct grid_slot *slot, const struct grid_view *view, int32_t branch)
{
    const struct fg_branch *b = &variant->network->branches[branch];
    const double *reserve = slot->reserve_branch + (size_t)branch * GRID_RESERVES;
    double from = worst_of_end(view->pf[branch], view->qf[branch], reserve);
    double to = worst_of_end(view->pt[branch], view->qt[branch], reserve + 4);
    if (b->rating_kind == FG_RATING_APPARENT)
        return sqrt(larger(from, to));
    /* An open end carries nothing, and a bus without supply neither. */
    double from_vm = view->vm[b->from], to_vm = view->vm[b->to];
    return sqrt(larger(from > 0 && from_vm > 0 ? from / (from_vm * from_vm) : 0, to > 0 && to_vm > 0 ? to / (to_vm * to_vm) : 0));
}

/* ---- loading a period ---- */

static void set_injections(struct fg_match_grid *match, struct grid_variant *variant)
{
    fg_powerflow_set_injections(variant->powerflow,
                                &(struct fg_powerflow_input){.bus_p_mw = match->bus_p, .bus_q_mvar = match->bus_q});
}

static void sum_injections(struct fg_match_grid *match, const struct grid_slot *slot, const struct grid_period *period)
{
    size_t bytes = match->bus_count * sizeof(double);
    if (period->p_mw != NULL) {
        memcpy(match->bus_p, period->p_mw, bytes);
        memcpy(match->bus_q, period->q_mvar, bytes);
    } else {
        memset(match->bus_p, 0, bytes);
        memset(match->bus_q, 0, bytes);
    }
    for (int32_t number = 0; number < slot->number_count && number < match->state->number_count; number++) {
        int32_t bus = match->state->bus_of_number[number];
        if (bus < 0)
            continue;
        match->bus_p[bus] += (double)slot->p_w[number] * 1e-6;
        match->bus_q[bus] += (double)slot->q_var[number] * 1e-6;
    }
}

static void add_change(double *reserve, double change)
{
    reserve[0] += RESERVE_FACTOR * larger(0, change);
    reserve[1] += RESERVE_FACTOR * larger(0, -change);
}

/* What a pair would change when all of it is called, by a power flow. False: it has no solution. */
static bool add_reserve(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                        struct grid_variant *variant, const struct grid_moves *moves, double mw)
{
    double *at = moves->is_reactive ? match->bus_q : match->bus_p;
    for (int32_t m = 0; m < moves->count; m++)
        at[moves->at[m].bus] += moves->at[m].sign * mw;
    set_injections(match, variant);
    match->figures.power_flows++;
    enum fg_code code = fg_powerflow_solve_from(variant->powerflow, period->state, variant->trial, NULL);
    for (int32_t m = 0; m < moves->count; m++)
        at[moves->at[m].bus] -= moves->at[m].sign * mw;
    if (code != FG_OK || variant->trial->status != FG_POWERFLOW_CONVERGED)
        return false;
    const struct grid_view now = view_of_slot(match, slot), called = view_of_results(variant->trial);
    for (size_t b = 0; b < match->bus_count; b++) {
        double change = isnan(now.vm[b]) ? 0 : called.vm[b] - now.vm[b];
        slot->reserve_up[b] += RESERVE_FACTOR * larger(0, change);
        slot->reserve_down[b] += RESERVE_FACTOR * larger(0, -change);
    }
    for (size_t i = 0; i < match->branch_count; i++) {
        double *reserve = slot->reserve_branch + i * GRID_RESERVES;
        add_change(reserve, called.pf[i] - now.pf[i]);
        add_change(reserve + 2, called.qf[i] - now.qf[i]);
        add_change(reserve + 4, called.pt[i] - now.pt[i]);
        add_change(reserve + 6, called.qt[i] - now.qt[i]);
    }
    return true;
}

/* False: out of memory. */
static bool make_reserve(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                         struct grid_variant *variant)
{
    double **parts[] = {&slot->reserve_branch, &slot->reserve_up, &slot->reserve_down};
    size_t counts[] = {match->branch_count * GRID_RESERVES, match->bus_count, match->bus_count};
    for (size_t i = 0; i < 3; i++) {
        if (*parts[i] == NULL && (*parts[i] = fg_alloc(counts[i], sizeof **parts[i])) == NULL)
            return false;
        memset(*parts[i], 0, counts[i] * sizeof **parts[i]);
    }
    for (size_t i = 0; i < slot->pair_count; i++) {
        const struct grid_pair *pair = &slot->pairs[i];
        struct fg_book_flow flow = {.product = pair->is_reactive ? FG_PRODUCT_REACTIVE : FG_PRODUCT_ACTIVE,
                                    .regulation = pair->regulation, .sell_bus = pair->sell, .buy_bus = pair->buy,
                                    .kind = pair->buy >= 0 ? FG_REQUEST_EXCHANGE : FG_REQUEST_NEED};
        struct grid_moves moves = grid_moves_of(match, &flow), placed = moves;
        placed.count = 0;
        for (int32_t m = 0; m < moves.count; m++)
            if (moves.at[m].bus >= 0 && variant->distribution->is_alive[moves.at[m].bus])
                placed.at[placed.count++] = moves.at[m];
        if (pair->quantity_w > 0 && !add_reserve(match, slot, period, variant, &placed, (double)pair->quantity_w * 1e-6))
            slot->has_failed = true;
    }
    return true;
}

/* The power flow gets the period's injections. */
static void prepare(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period, struct grid_variant *variant)
{
    if (match->loaded == slot)
        return;
    sum_injections(match, slot, period);
    set_injections(match, variant);
    match->loaded = slot;
}

bool grid_ac_load(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period)
{
    struct grid_variant *variant = variant_of(match, period);
    if (slot->is_derived)
        return !slot->has_failed;
    if (slot->values == NULL && (slot->values = fg_alloc(2 * match->bus_count + 4 * match->branch_count, sizeof *slot->values)) == NULL) {
        match->is_out_of_memory = true;
        return false;
    }
    match->loaded = NULL;
    prepare(match, slot, period, variant);
    match->figures.power_flows++;
    slot->has_failed = fg_powerflow_solve_from(variant->powerflow, period->state, variant->trial, NULL) != FG_OK ||
                       variant->trial->status != FG_POWERFLOW_CONVERGED;
    if (!slot->has_failed) {
        fg_powerflow_keep_state(variant->powerflow, period->state);
        keep_view(match, slot, variant->trial);
        if (!make_reserve(match, slot, period, variant)) {
            match->is_out_of_memory = true;
            return false;
        }
    }
    slot->is_derived = true;
    return !slot->has_failed;
}

void grid_ac_adopt(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period)
{
    keep_view(match, slot, variant_of(match, period)->trial);
}

/* ---- screen ---- */

/* Largest q >= 0 with |S + dS q| <= limit; where |S| is above the limit it may not grow. */
static double most_of_corner(double p, double q, double dp, double dq, double limit)
{
    double a = dp * dp + dq * dq, b = p * dp + q * dq, s2 = p * p + q * q;
    double c = s2 - larger(limit * limit, s2);
    if (a <= SMALL)
        return INFINITY;
    return (-b + sqrt(larger(0, b * b - a * c))) / a;
}

/* The same for all corners of the reserves; `present` is the worst value now. */
static double most_of_end(double p, double q, double dp, double dq, const double *reserve, double limit)
{
    double bound = larger(limit, sqrt(worst_of_end(p, q, reserve))), most = INFINITY;
    bool has_reserve = reserve[0] + reserve[1] + reserve[2] + reserve[3] > 0;
    for (int corner = 0; corner < (has_reserve ? 4 : 1); corner++)
        most = smaller(most, most_of_corner(p + (corner & 1 ? -reserve[1] : reserve[0]), q + (corner & 2 ? -reserve[3] : reserve[2]), dp,
                                         dq, bound));
    return most;
}

/* A rating at an end; one of current is turned into power by the voltage there. */
static double limit_of_end(const struct fg_branch *branch, double vm)
{
    return branch->rating_kind == FG_RATING_CURRENT ? branch->rate_normal_mva * vm : branch->rate_normal_mva;
}

static double screen(struct fg_match_grid *match, const struct grid_slot *slot, const struct grid_variant *variant,
                     const struct grid_view *now, double wanted_mw)
{
    const struct grid_response *r = &match->response;
    double most = wanted_mw;
    for (size_t b = 0; b < match->bus_count; b++) {
        double dv = r->dv[b], vm = now->vm[b];
        if (fabs(dv) <= SMALL || isnan(vm))
            continue;
        const struct fg_bus *bus = &variant->network->buses[b];
        double room = dv > 0 ? bus->vm_max_pu - slot->reserve_up[b] - vm : vm - bus->vm_min_pu - slot->reserve_down[b];
        most = smaller(most, larger(0, room) / fabs(dv));
    }
    for (int32_t i = 0; i < r->touched_count; i++) {
        int32_t at = r->touched[i];
        const struct fg_branch *branch = &variant->network->branches[at];
        if (branch->rate_normal_mva == INFINITY)
            continue;
        const double *reserve = slot->reserve_branch + (size_t)at * GRID_RESERVES;
        most = smaller(most, most_of_end(now->pf[at], now->qf[at], r->pf[at], r->qf[at], reserve,
                                      limit_of_end(branch, now->vm[branch->from])));
        most = smaller(most, most_of_end(now->pt[at], now->qt[at], r->pt[at], r->qt[at], reserve + 4,
                                      limit_of_end(branch, now->vm[branch->to])));
    }
    return most;
}

double grid_ac_screen(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period,
                      const struct grid_moves *moves, double wanted_w)
{
    struct grid_variant *variant = variant_of(match, period);
    const struct grid_view now = view_of_slot(match, slot);
    respond(match, variant, &now, moves);
    return screen(match, slot, variant, &now, wanted_w * 1e-6) * 1e6;
}

bool grid_ac_is_broken(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period, int32_t bus)
{
    struct grid_variant *variant = variant_of(match, period);
    const struct fg_distribution *d = variant->distribution;
    const struct fg_bus *limits = &variant->network->buses[bus];
    const struct grid_view now = view_of_slot(match, slot);
    double vm = now.vm[bus];
    if (vm > limits->vm_max_pu - slot->reserve_up[bus] + VOLTAGE_NOISE || vm < limits->vm_min_pu + slot->reserve_down[bus] - VOLTAGE_NOISE)
        return true;
    for (size_t k = d->start[bus]; k < d->start[bus + 1]; k++) {
        int32_t branch = d->branch[k];
        double rating = variant->network->branches[branch].rate_normal_mva + POWER_NOISE * variant->network->base_mva;
        if (used_of(variant, slot, &now, branch) > rating)
            return true;
    }
    return false;
}

/* ---- confirmation ---- */

/* What a power flow says of a quantity. */
struct verdict {
    bool holds;
    double reach; /* part or multiple of the quantity at which the first limit is met, each going on as it has come so far */
};

/* One limit from above. One that is broken already may not get worse. */
static void judge(struct verdict *verdict, double value, double before, double limit, double noise)
{
    double bound = larger(limit, before) + noise;
    if (value > bound)
        verdict->holds = false;
    if (value > before && bound - before < verdict->reach * (value - before))
        verdict->reach = (bound - before) / (value - before);
}

static struct verdict judge_all(const struct fg_match_grid *match, const struct grid_slot *slot, const struct grid_variant *variant,
                                const struct grid_view *trial)
{
    const struct grid_view now = view_of_slot(match, slot);
    const struct fg_network *network = variant->network;
    struct verdict verdict = {.holds = true, .reach = REACH_MOST};
    for (size_t b = 0; b < match->bus_count; b++) {
        double vm = trial->vm[b], before = now.vm[b];
        if (isnan(vm))
            continue;
        double high = network->buses[b].vm_max_pu - slot->reserve_up[b]; /* the same reserve before and after */
        double low = network->buses[b].vm_min_pu + slot->reserve_down[b];
        judge(&verdict, vm, before, high, VOLTAGE_NOISE);
        judge(&verdict, -vm, -before, -low, VOLTAGE_NOISE);
    }
    for (size_t i = 0; i < match->branch_count; i++) {
        double rating = network->branches[i].rate_normal_mva, base = network->base_mva;
        if (rating < INFINITY)
            judge(&verdict, used_of(variant, slot, trial, (int32_t)i) / base, used_of(variant, slot, &now, (int32_t)i) / base,
                  rating / base, POWER_NOISE);
    }
    return verdict;
}

static struct verdict try_quantity(struct fg_match_grid *match, const struct grid_slot *slot, struct grid_variant *variant,
                                   const struct grid_period *period, const struct grid_moves *moves, double quantity_w)
{
    double *at = moves->is_reactive ? match->bus_q : match->bus_p, old[2] = {0};
    for (int32_t m = 0; m < moves->count; m++) {
        old[m] = at[moves->at[m].bus];
        at[moves->at[m].bus] += moves->at[m].sign * quantity_w * 1e-6;
    }
    set_injections(match, variant);
    match->figures.power_flows++;
    enum fg_code code = fg_powerflow_solve_from(variant->powerflow, period->state, variant->trial, NULL);
    for (int32_t m = moves->count; m-- > 0;)
        at[moves->at[m].bus] = old[m];
    if (code != FG_OK || variant->trial->status != FG_POWERFLOW_CONVERGED)
        return (struct verdict){.reach = 0.5};
    const struct grid_view view = view_of_results(variant->trial);
    return judge_all(match, slot, variant, &view);
}

struct bracket {
    int64_t low, high; /* in ticks: holds; does not hold, or one more than was wanted */
};

/* The next quantity inside a bracket wider than one tick: where the first limit is met by what was seen last, else the
 * middle. */
static int64_t guess(const struct bracket *b, int64_t tried, const struct verdict *verdict, bool by_chord)
{
    int64_t next = by_chord ? (int64_t)floor((double)tried * verdict->reach) : b->low + (b->high - b->low) / 2;
    if (next <= b->low)
        next = b->low + 1;
    return next >= b->high ? b->high - 1 : next;
}

int64_t grid_ac_take(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period,
                     const struct fg_book_flow *flow, const struct grid_moves *moves, int64_t wanted_w)
{
    struct grid_variant *variant = variant_of(match, period);
    int64_t tick = match->tick_w, most = wanted_w / tick;
    /* A conditional trade must fit as its reserve will be counted. */
    double share = flow->conditional ? RESERVE_FACTOR : 1;
    double estimate_w = grid_ac_screen(match, slot, period, moves, share * (double)wanted_w) / share;
    struct bracket b = {.low = 0, .high = most + 1};
    int misled = 0;
    bool is_last = false;
    /* Where Newton's method is used, the factors may be those of a solution some trades ago. */
    bool is_sure = variant->is_swept;
    if (most < 1 || (is_sure && estimate_w < SURE_SHARE * (double)tick))
        return 0;
    prepare(match, slot, period, variant);
    int64_t next = estimate_w >= (double)wanted_w ? most : (int64_t)(estimate_w / (double)tick);
    for (int step = 0; step < FLOWS_MOST && b.high - b.low > 1; step++) {
        if (next <= b.low)
            next = b.low + 1;
        int64_t width = b.high - b.low;
        struct verdict verdict = try_quantity(match, slot, variant, period, moves, share * (double)(next * tick));
        is_last = verdict.holds;
        if (verdict.holds) {
            b.low = next;
            fg_powerflow_keep_state(variant->powerflow, match->accepted);
        } else {
            b.high = next;
        }
        /* A limit that first gets better and then worse misleads the chords: twice is enough. */
        misled += step >= 2 && b.high - b.low > 2 && 2 * (b.high - b.low) > width;
        next = guess(&b, next, &verdict, misled < 2);
    }
    if (b.low < 1)
        return 0;
    match->answered = slot;
    match->answered_flow = *flow;
    match->answered_w = b.low * tick;
    match->is_trial_accepted = is_last;
    return b.low * tick;
}
