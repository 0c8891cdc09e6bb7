#include "toolkit/dfmct/match_grid_internal.h"

#include <math.h>
#include <string.h>

/* ---- life ---- */

enum fg_code fg_match_grid_create(struct fg_power tick, struct fg_match_grid **out, struct fg_error *err)
{
    *out = fg_alloc(1, sizeof **out);
    if (*out == NULL)
        return fg_fail_memory(err);
    (*out)->tick_w = tick.w > 0 ? tick.w : 1;
    return FG_OK;
}

static void release_derived(struct grid_slot *slot)
{
    double **parts[] = {&slot->low_mw, &slot->high_mw, &slot->reserve_branch, &slot->reserve_up, &slot->reserve_down,
                        &slot->values};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        fg_free(*parts[i]);
        *parts[i] = NULL;
    }
    slot->is_derived = slot->has_failed = false;
}

static void release_slot(struct grid_slot *slot)
{
    release_derived(slot);
    fg_free(slot->p_w);
    fg_free(slot->q_var);
    fg_free(slot->pairs);
    fg_free(slot);
}

static void release_space(struct fg_match_grid *match)
{
    double **parts[] = {&match->factor, &match->drop, &match->dv_place, &match->va, &match->bus_p, &match->bus_q,
                        &match->accepted, &match->response.dv, &match->response.pf, &match->response.qf,
                        &match->response.pt, &match->response.qt};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        fg_free(*parts[i]);
        *parts[i] = NULL;
    }
    fg_free(match->touched);
    fg_free(match->response.touched);
    match->touched = match->response.touched = NULL;
    match->loaded = match->answered = NULL;
}

void fg_match_grid_clear(struct fg_match_grid *match)
{
    for (size_t i = 0; i < match->slot_count; i++)
        release_slot(match->slots[i]);
    match->slot_count = 0;
    match->loaded = match->answered = NULL;
}

void fg_match_grid_destroy(struct fg_match_grid *match)
{
    if (match == NULL)
        return;
    fg_match_grid_clear(match);
    release_space(match);
    fg_grid_state_destroy(match->state);
    fg_free(match->slots);
    fg_free(match);
}

static enum fg_code make_space(struct fg_match_grid *match, const struct fg_grid_state *state, struct fg_error *err)
{
    size_t buses = 0, branches = 0, places = 0, size = 0;
    for (int32_t v = 0; v < state->variant_count; v++) {
        const struct grid_variant *variant = &state->variants[v];
        buses = variant->network->bus_count; /* the same in all variants, as are the branches */
        branches = variant->network->branch_count;
        if ((size_t)variant->distribution->place_count > places)
            places = (size_t)variant->distribution->place_count;
        if (variant->state_size > size)
            size = variant->state_size;
    }
    match->bus_count = buses;
    match->branch_count = branches;
    match->place_count = places;
    match->state_size = size;
    struct {
        double **array;
        size_t count;
    } parts[] = {{&match->factor, branches}, {&match->drop, branches}, {&match->dv_place, places}, {&match->va, buses},
                 {&match->bus_p, buses}, {&match->bus_q, buses}, {&match->accepted, size}, {&match->response.dv, buses},
                 {&match->response.pf, branches}, {&match->response.qf, branches}, {&match->response.pt, branches},
                 {&match->response.qt, branches}};
    bool is_complete = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        is_complete = (*parts[i].array = fg_alloc(parts[i].count, sizeof(double))) != NULL && is_complete;
    match->touched = fg_alloc(2 * branches, sizeof *match->touched);
    match->response.touched = fg_alloc(branches, sizeof *match->response.touched);
    match->response.touched_count = 0;
    return is_complete && match->touched && match->response.touched ? FG_OK : fg_fail_memory(err);
}

enum fg_code fg_match_grid_set_state(struct fg_match_grid *match, struct fg_grid_state *state, struct fg_error *err)
{
    size_t kept = 0;
    fg_grid_state_destroy(match->state);
    match->state = state;
    release_space(match);
    for (size_t i = 0; i < match->slot_count; i++) { /* periods before the state are over */
        struct grid_slot *slot = match->slots[i];
        release_derived(slot);
        if (state != NULL && slot->period < state->first_period)
            release_slot(slot);
        else
            match->slots[kept++] = slot;
    }
    match->slot_count = kept;
    return state != NULL ? make_space(match, state, err) : FG_OK;
}

struct fg_match_grid_figures fg_match_grid_figures(const struct fg_match_grid *match)
{
    return match->figures;
}

/* ---- what was traded ---- */

static size_t place_of(const struct fg_match_grid *match, int32_t period)
{
    size_t low = 0, high = match->slot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (match->slots[middle]->period < period)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct grid_slot *find_slot(const struct fg_match_grid *match, int32_t period)
{
    size_t at = place_of(match, period);
    return at < match->slot_count && match->slots[at]->period == period ? match->slots[at] : NULL;
}

static struct grid_slot *make_slot(struct fg_match_grid *match, int32_t period)
{
    struct grid_slot *slot = find_slot(match, period);
    if (slot != NULL)
        return slot;
    if (fg_grow((void **)&match->slots, match->slot_count, &match->slot_capacity, sizeof *match->slots) != 0 ||
        (slot = fg_alloc(1, sizeof *slot)) == NULL)
        return NULL;
    slot->period = period;
    size_t at = place_of(match, period);
    memmove(&match->slots[at + 1], &match->slots[at], (match->slot_count - at) * sizeof *match->slots);
    match->slots[at] = slot;
    match->slot_count++;
    return slot;
}

/* Room for a bus number. */
static bool widen(struct grid_slot *slot, int32_t number)
{
    if (number < slot->number_count)
        return true;
    int32_t wanted = number + 1 > 2 * slot->number_count ? number + 1 : 2 * slot->number_count;
    int64_t *p = fg_realloc(slot->p_w, (size_t)wanted, sizeof *p);
    if (p != NULL)
        slot->p_w = p;
    int64_t *q = fg_realloc(slot->q_var, (size_t)wanted, sizeof *q);
    if (q != NULL)
        slot->q_var = q;
    if (p == NULL || q == NULL)
        return false;
    memset(p + slot->number_count, 0, (size_t)(wanted - slot->number_count) * sizeof *p);
    memset(q + slot->number_count, 0, (size_t)(wanted - slot->number_count) * sizeof *q);
    slot->number_count = wanted;
    return true;
}

static bool is_checked_product(enum fg_product product)
{
    return product == FG_PRODUCT_ACTIVE || product == FG_PRODUCT_REACTIVE;
}

static int32_t buyer_of(const struct fg_book_flow *flow)
{
    return flow->kind == FG_REQUEST_EXCHANGE ? flow->buy_bus : -1;
}

static struct grid_pair *find_pair(const struct grid_slot *slot, const struct fg_book_flow *flow)
{
    bool is_reactive = flow->product == FG_PRODUCT_REACTIVE;
    for (size_t i = 0; i < slot->pair_count; i++) {
        struct grid_pair *pair = &slot->pairs[i];
        if (pair->sell == flow->sell_bus && pair->buy == buyer_of(flow) && pair->regulation == flow->regulation &&
            pair->is_reactive == is_reactive)
            return pair;
    }
    return NULL;
}

/* Everything that a commit of the flow will need. */
static struct grid_slot *reserve(struct fg_match_grid *match, const struct fg_book_flow *flow)
{
    struct grid_slot *slot = make_slot(match, flow->period);
    if (slot == NULL || (flow->sell_bus >= 0 && !widen(slot, flow->sell_bus)) ||
        (buyer_of(flow) >= 0 && !widen(slot, buyer_of(flow))))
        return NULL;
    if (!flow->conditional || find_pair(slot, flow) != NULL)
        return slot;
    if (fg_grow((void **)&slot->pairs, slot->pair_count, &slot->pair_capacity, sizeof *slot->pairs) != 0)
        return NULL;
    slot->pairs[slot->pair_count++] = (struct grid_pair){.sell = flow->sell_bus, .buy = buyer_of(flow),
                                                         .regulation = flow->regulation,
                                                         .is_reactive = flow->product == FG_PRODUCT_REACTIVE};
    return slot;
}

/* A trade that was reserved; the quantity may be negative. */
static void add_trade(struct grid_slot *slot, const struct fg_book_flow *flow, int64_t quantity_w)
{
    if (flow->conditional) {
        struct grid_pair *pair = find_pair(slot, flow);
        if (pair != NULL)
            pair->quantity_w += quantity_w;
        return;
    }
    int64_t change = flow->regulation == FG_REGULATION_UP ? quantity_w : -quantity_w;
    int64_t *at = flow->product == FG_PRODUCT_REACTIVE ? slot->q_var : slot->p_w;
    if (flow->sell_bus >= 0 && flow->sell_bus < slot->number_count)
        at[flow->sell_bus] += change;
    if (buyer_of(flow) >= 0 && buyer_of(flow) < slot->number_count)
        at[buyer_of(flow)] -= change;
}

enum fg_code fg_match_grid_restore(struct fg_match_grid *match, const struct fg_book_flow *flow, int64_t quantity_w,
                                   struct fg_error *err)
{
    if (!is_checked_product(flow->product) || quantity_w == 0)
        return FG_OK;
    struct grid_slot *slot = reserve(match, flow);
    if (slot == NULL)
        return fg_fail_memory(err);
    add_trade(slot, flow, quantity_w);
    slot->is_derived = false;
    match->loaded = match->answered = NULL;
    return FG_OK;
}

/* ---- the book's questions ---- */

struct grid_moves grid_moves_of(const struct fg_match_grid *match, const struct fg_book_flow *flow)
{
    struct grid_moves moves = {.is_reactive = flow->product == FG_PRODUCT_REACTIVE};
    const int32_t numbers[] = {flow->sell_bus, buyer_of(flow)};
    double sign = flow->regulation == FG_REGULATION_UP ? 1 : -1;
    for (int i = 0; i < 2; i++, sign = -sign)
        if (numbers[i] >= 0)
            moves.at[moves.count++] = (struct grid_move){
                numbers[i], numbers[i] < match->state->number_count ? match->state->bus_of_number[numbers[i]] : -1, sign};
    return moves;
}

/* Every bus that the trade moves is named, in the network and supplied. */
static bool is_placed(const struct fg_match_grid *match, const struct grid_period *period, const struct fg_book_flow *flow,
                      const struct grid_moves *moves)
{
    const struct fg_distribution *distribution = match->state->variants[period->variant].distribution;
    if (moves->count < (flow->kind == FG_REQUEST_EXCHANGE ? 2 : 1))
        return false;
    for (int32_t i = 0; i < moves->count; i++)
        if (moves->at[i].bus < 0 || !distribution->is_alive[moves->at[i].bus])
            return false;
    return true;
}

static bool derive(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period)
{
    if (period->check == FG_GRID_AC)
        return grid_ac_load(match, slot, period);
    if (!slot->is_derived && !grid_dc_derive(match, slot, period)) {
        match->is_out_of_memory = true;
        return false;
    }
    slot->is_derived = true;
    return true;
}

static int64_t whole_ticks(const struct fg_match_grid *match, double quantity_w, int64_t wanted_w)
{
    if (quantity_w >= (double)wanted_w)
        return wanted_w;
    int64_t whole = (int64_t)floor(quantity_w);
    return whole - whole % match->tick_w;
}

static int64_t take(void *context, const struct fg_book_flow *flow, int64_t wanted)
{
    struct fg_match_grid *match = context;
    match->figures.takes += wanted > 0;
    match->answered = NULL;
    match->is_out_of_memory = false;
    if (!is_checked_product(flow->product))
        return wanted;
    struct grid_slot *slot = reserve(match, flow);
    if (slot == NULL)
        return -1;
    if (wanted == 0) /* only room for a commit */
        return 0;
    struct grid_period *period = match->state != NULL ? grid_period_at(match->state, flow->period) : NULL;
    if (match->state == NULL || (period != NULL && period->check == FG_GRID_FREE))
        return wanted;
    int64_t answer = 0;
    if (period != NULL && period->check != FG_GRID_BLOCKED) {
        struct grid_moves moves = grid_moves_of(match, flow);
        if (is_placed(match, period, flow, &moves)) {
            if (period->check == FG_GRID_DC && moves.is_reactive)
                return wanted;
            if (derive(match, slot, period))
                answer = period->check == FG_GRID_DC
                             ? whole_ticks(match, grid_dc_most(match, slot, period, &moves, (double)wanted), wanted)
                             : grid_ac_take(match, slot, period, flow, &moves, wanted);
        }
    }
    if (match->is_out_of_memory)
        return -1;
    match->figures.refusals += answer == 0;
    match->figures.cuts += answer > 0 && answer < wanted;
    return answer;
}

static bool is_same_flow(const struct fg_book_flow *a, const struct fg_book_flow *b)
{
    return a->product == b->product && a->regulation == b->regulation && a->kind == b->kind &&
           a->conditional == b->conditional && a->period == b->period && a->sell_bus == b->sell_bus && a->buy_bus == b->buy_bus;
}

/* The state of the answer becomes the period's. */
static bool adopt(struct fg_match_grid *match, struct grid_slot *slot, struct grid_period *period,
                  const struct fg_book_flow *flow, int64_t quantity)
{
    if (match->answered != slot || match->loaded != slot || match->answered_w != quantity || flow->conditional ||
        !is_same_flow(&match->answered_flow, flow))
        return false;
    size_t size = match->state->variants[period->variant].state_size;
    memcpy(period->state, match->accepted, size * sizeof *period->state);
    if (!match->is_trial_accepted) /* solved again from there when it is next asked for */
        return false;
    grid_ac_adopt(match, slot, period);
    struct grid_moves moves = grid_moves_of(match, flow);
    double *at = moves.is_reactive ? match->bus_q : match->bus_p;
    for (int32_t m = 0; m < moves.count; m++)
        at[moves.at[m].bus] += moves.at[m].sign * (double)quantity * 1e-6;
    return true;
}

static void change(struct fg_match_grid *match, const struct fg_book_flow *flow, int64_t quantity)
{
    struct grid_slot *slot = is_checked_product(flow->product) ? find_slot(match, flow->period) : NULL;
    struct grid_period *period = match->state != NULL ? grid_period_at(match->state, flow->period) : NULL;
    if (slot == NULL)
        return;
    add_trade(slot, flow, quantity);
    if (period == NULL || period->check == FG_GRID_FREE || period->check == FG_GRID_BLOCKED) {
        slot->is_derived = false;
    } else if (period->check == FG_GRID_DC) {
        struct grid_moves moves = grid_moves_of(match, flow);
        if (slot->is_derived && !moves.is_reactive)
            grid_dc_move(match, slot, period, &moves, flow->conditional, (double)quantity);
    } else if (!adopt(match, slot, period, flow, quantity) || slot->pair_count > 0) { /* reserves depend on the state */
        slot->is_derived = false;
        if (match->loaded == slot)
            match->loaded = NULL;
    }
    match->answered = NULL;
}

static void commit(void *context, const struct fg_book_flow *flow, int64_t quantity)
{
    change(context, flow, quantity);
}

static void undo(void *context, const struct fg_book_flow *flow, int64_t quantity, bool is_reversal)
{
    (void)is_reversal;
    change(context, flow, -quantity);
}

struct fg_book_network fg_match_grid_interface(struct fg_match_grid *match)
{
    return (struct fg_book_network){match, take, commit, undo};
}

/* ---- what is left ---- */

void fg_match_grid_headroom(struct fg_match_grid *match, int32_t bus, int32_t period, int64_t most_w,
                            struct fg_grid_headroom *headroom)
{
    *headroom = (struct fg_grid_headroom){.up_w = most_w, .down_w = most_w, .check = FG_GRID_FREE};
    if (match->state == NULL)
        return;
    struct grid_period *at = grid_period_at(match->state, period);
    headroom->check = at != NULL ? at->check : FG_GRID_BLOCKED;
    if (headroom->check == FG_GRID_FREE)
        return;
    headroom->up_w = headroom->down_w = 0;
    struct fg_book_flow flow = {.product = FG_PRODUCT_ACTIVE, .kind = FG_REQUEST_NEED, .period = period, .sell_bus = bus,
                                .buy_bus = -1};
    struct grid_slot *slot = headroom->check != FG_GRID_BLOCKED ? make_slot(match, period) : NULL;
    struct grid_moves up = grid_moves_of(match, &flow);
    if (slot == NULL || !is_placed(match, at, &flow, &up))
        return;
    if (!derive(match, slot, at)) {
        headroom->is_broken = slot->has_failed;
        return;
    }
    struct grid_moves down = up;
    down.at[0].sign = -1;
    double wanted = (double)most_w;
    bool is_dc = at->check == FG_GRID_DC;
    headroom->up_w = (int64_t)(is_dc ? grid_dc_most(match, slot, at, &up, wanted) : grid_ac_screen(match, slot, at, &up, wanted));
    headroom->down_w =
        (int64_t)(is_dc ? grid_dc_most(match, slot, at, &down, wanted) : grid_ac_screen(match, slot, at, &down, wanted));
    headroom->is_broken = is_dc ? grid_dc_is_broken(match, slot, at, up.at[0].bus) : grid_ac_is_broken(match, slot, at, up.at[0].bus);
}
