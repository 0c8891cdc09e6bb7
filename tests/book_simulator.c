/* The simulator: draws commands from a seed, gives them to the book with a virtual clock, and the answers to the
 * auditor.
 *
 * Beside what the auditor checks, at random moments: memory runs out inside a command (which must then leave no trace),
 * and the book is written out and replaced by a restored one. */
#include "book_simulation.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_kind_words[SIM_KINDS] = {
    "submit", "amend",   "cancel",   "mass-cancel", "expire",       "open",    "close",       "halt",
    "resume", "network", "relocate", "capability",  "reduce-trade", "forward", "forward-end", "forget",
    "limit",  "settled", "contracted", "withdraw"};

/* ---- The grid that the book sees: ranges of flow per line and period ---- */

struct line_state {
    int64_t low, high;
};
struct sim_network {
    struct sim_grid grid;
    struct line_state flow[SIM_HORIZON][SIM_BUSES];
};

static int direction(const struct sim_grid *grid, const struct fg_book_flow *flow, int32_t line)
{
    int sum = 0, sign = flow->regulation == FG_REGULATION_UP ? 1 : -1;
    if (flow->product != FG_PRODUCT_ACTIVE)
        return 0;
    for (int32_t bus = flow->sell_bus; bus > 0; bus = grid->parent[bus])
        sum += bus == line ? sign : 0;
    if (flow->kind == FG_REQUEST_EXCHANGE)
        for (int32_t bus = flow->buy_bus; bus > 0; bus = grid->parent[bus])
            sum -= bus == line ? sign : 0;
    return sum;
}

static int64_t take(void *context, const struct fg_book_flow *flow, int64_t wanted)
{
    const struct sim_network *n = context;
    for (int32_t line = 1; line < SIM_BUSES; line++) {
        int d = direction(&n->grid, flow, line);
        const struct line_state *s = &n->flow[flow->period][line];
        int64_t room = d > 0 ? n->grid.limit[line] - s->high : d < 0 ? n->grid.limit[line] + s->low : wanted;
        room = room < 0 ? 0 : room;
        wanted = room < wanted ? room : wanted;
    }
    return wanted;
}

static void move(struct sim_network *n, const struct fg_book_flow *flow, int64_t w)
{
    for (int32_t line = 1; line < SIM_BUSES; line++) {
        int d = direction(&n->grid, flow, line);
        struct line_state *s = &n->flow[flow->period][line];
        if (d > 0 || !flow->conditional)
            s->high += d * w;
        if (d < 0 || !flow->conditional)
            s->low += d * w;
    }
}
static void commit(void *context, const struct fg_book_flow *flow, int64_t w)
{
    move(context, flow, w);
}
static void undo(void *context, const struct fg_book_flow *flow, int64_t w, bool is_reversal)
{
    (void)is_reversal;
    move(context, flow, -w);
}

/* ---- State of a run ---- */

struct sim {
    struct fg_random random;
    struct fg_book *book;
    struct auditor *auditor;
    struct sim_network *network;
    struct sim_locations locations;
    struct sim_event *events;
    size_t event_count, event_capacity;
    struct sim_command pending[64];
    size_t pending_count, pending_at;
    int64_t now;
    uint64_t next_id, next_group;
    int32_t next_period[3], oldest[3];
    struct fg_book_halt_row halted[2]; /* to be resumed */
    size_t halted_count;
};

static uint64_t below(struct sim *s, uint64_t n)
{
    return fg_random_below(&s->random, n);
}
static bool chance(struct sim *s, uint64_t percent)
{
    return below(s, 100) < percent;
}
static int32_t pick(struct sim *s, int64_t low, int64_t high)
{
    return (int32_t)(low + (int64_t)below(s, (uint64_t)(high - low + 1)));
}

static void on_event(void *context, const struct fg_book_event *event)
{
    struct sim *s = context;
    if (s->event_count == s->event_capacity) {
        s->event_capacity = s->event_capacity ? 2 * s->event_capacity : 64;
        s->events = realloc(s->events, s->event_capacity * sizeof *s->events);
        if (s->events == NULL)
            abort();
    }
    struct sim_event *copy = &s->events[s->event_count++];
    copy->event = *event;
    if (event->trade != NULL)
        copy->trade = *event->trade;
}

/* ---- Drawing ---- */

static void draw_grid(struct sim *s, struct sim_grid *grid)
{
    for (int32_t i = 1; i < SIM_BUSES; i++) {
        grid->parent[i] = pick(s, 0, i - 1);
        grid->limit[i] = pick(s, 2, 40) * SIM_TICK;
    }
    grid->is_on = true;
}

static void draw_locations(struct sim *s, struct sim_locations *l, int32_t count)
{
    *l = (struct sim_locations){.count = count, .parent = {-1}};
    for (int32_t i = 1; i < count; i++)
        l->parent[i] = chance(s, 15) ? -1 : pick(s, 0, i - 1);
    l->link_count = pick(s, 0, 2);
    for (int32_t i = 0; i < l->link_count; i++)
        for (int k = 0; k < 2; k++)
            l->links[i][k] = pick(s, 0, count - 1);
}

static int64_t draw_price(struct sim *s)
{
    return (2000 + (int64_t)below(s, 12)) * SIM_STEP;
}

static void draw_points(struct sim *s, struct sim_order *o, int64_t largest, bool is_curve)
{
    int32_t n = is_curve ? pick(s, 2, SIM_POINTS) : 1;
    int64_t price = draw_price(s), up_to = 0;
    for (int32_t k = 0; k < n; k++) {
        up_to = k + 1 == n ? (largest > up_to ? largest : up_to + SIM_TICK) : up_to + pick(s, 1, 5) * SIM_TICK;
        o->points[k] = (struct fg_price_point){{up_to}, {price}};
        price += (o->order.side == FG_SIDE_SELL ? 1 : -1) * pick(s, 0, 3) * SIM_STEP;
    }
    o->order.point_count = n;
}

static void draw_attributes(struct sim *s, struct fg_book_attributes *a, enum fg_side side)
{
    if (!chance(s, 25))
        return;
    a->technologies = below(s, 8);
    a->activation_s = pick(s, 0, 3) * 300;
    a->ramp_w_per_min = pick(s, 0, 2) * 1000;
    a->duration_min_s = pick(s, 0, 2) * 900;
    a->duration_max_s = side == FG_SIDE_SELL && chance(s, 50) ? a->duration_min_s + pick(s, 0, 2) * 900 : 0;
}

static void draw_order(struct sim *s, struct sim_order *out, bool is_tied)
{
    static const int organisation_of[SIM_PARTICIPANTS] = {0, 0, 1, 2, 3, 3};
    static const int64_t fractions[] = {200000, 333333, 500000, 1000000};
    struct fg_book_order *o = &out->order;
    memset(out, 0, sizeof *out);
    o->id = s->next_id++;
    o->session = below(s, 4);
    o->contract = below(s, 3);
    o->participant = pick(s, 0, SIM_PARTICIPANTS - 1);
    o->organisation = organisation_of[o->participant];
    o->side = chance(s, 50) ? FG_SIDE_SELL : FG_SIDE_BUY;
    o->portfolio = o->side == FG_SIDE_SELL || chance(s, 30) ? pick(s, 0, SIM_PORTFOLIOS - 1) : -1;
    o->location = pick(s, 0, s->locations.count - 1);
    o->bus = pick(s, -1, SIM_BUSES - 1);
    o->product = chance(s, 80) ? FG_PRODUCT_ACTIVE : FG_PRODUCT_ACTIVE_RESERVE;
    o->regulation = chance(s, 60) ? FG_REGULATION_UP : FG_REGULATION_DOWN;
    if (o->side == FG_SIDE_BUY) {
        o->kind = chance(s, 50) ? FG_REQUEST_NEED : FG_REQUEST_EXCHANGE;
        o->conditional = chance(s, 30);
    } else {
        o->forward_to_tso = chance(s, 40);
    }
    o->block = chance(s, is_tied ? 100 : 15);
    o->period_count = chance(s, 50) ? 1 : pick(s, 1, 3);
    o->first_period = s->oldest[o->product] + pick(s, 0, 4);
    int64_t largest = 0, base = pick(s, 1, 6);
    for (int32_t i = 0; i < o->period_count; i++) {
        int64_t ticks = o->block ? base * pick(s, 1, 2) : pick(s, i == 0 || chance(s, 90) ? 1 : 0, 12);
        out->quantity[i].w = ticks * SIM_TICK;
        largest = ticks * SIM_TICK > largest ? ticks * SIM_TICK : largest;
    }
    bool is_curve = !o->block && !is_tied && chance(s, 12);
    draw_points(s, out, largest, is_curve);
    if (!is_curve && chance(s, 35))
        o->min_fraction_u = fractions[below(s, 4)];
    if (chance(s, 12)) {
        o->validity = FG_VALIDITY_GTT;
        o->expires_us = s->now + 1 + (int64_t)below(s, 60000000);
    } else if (!is_tied && chance(s, 12)) {
        o->validity = chance(s, 50) ? FG_VALIDITY_IOC : FG_VALIDITY_FOK;
    }
    draw_attributes(s, &o->attributes, o->side);
}

/* A flaw of form and the key it must be refused by. */
static enum fg_refusal plant(struct sim *s, struct sim_order *x)
{
    struct fg_book_order *o = &x->order;
    switch (below(s, 17)) {
    case 0: x->quantity[0].w += 1; return FG_REFUSAL_QUANTITY_TICK;
    case 1: x->quantity[0].w = -SIM_TICK; return FG_REFUSAL_QUANTITY_RANGE;
    case 2: x->points[0].price.uper_mwh += 1; return FG_REFUSAL_PRICE_STEP;
    case 3: x->points[0].price.uper_mwh = 2000 * INT64_C(1000000000); return FG_REFUSAL_PRICE_RANGE;
    case 4: o->min_fraction_u = 1000001; return FG_REFUSAL_FRACTION_RANGE;
    case 5: o->kind = o->side == FG_SIDE_SELL ? FG_REQUEST_NEED : FG_REQUEST_NONE; return FG_REFUSAL_KIND_SIDE;
    case 6: o->regulation = FG_REGULATION_BOTH; return FG_REFUSAL_REGULATION;
    case 7: o->location = s->locations.count; return FG_REFUSAL_LOCATION;
    case 8: o->organisation = -1; return FG_REFUSAL_PARTICIPANT;
    case 9:
        o->validity = FG_VALIDITY_GTT;
        o->expires_us = s->now;
        return FG_REFUSAL_VALIDITY;
    case 10: o->period_count = 0; return FG_REFUSAL_PERIOD_RANGE;
    case 11:
        x->points[o->point_count - 1].up_to.w = 1;
        o->min_fraction_u = 0;
        return o->point_count > 1 ? FG_REFUSAL_PRICE_ORDER : FG_REFUSAL_PRICE_SHORT;
    case 12: o->attributes.ramp_w_per_min = -1; return FG_REFUSAL_FILTER;
    case 13: o->id = 0; return FG_REFUSAL_ID_DUPLICATE;
    case 14: o->product = (enum fg_product)4; return FG_REFUSAL_PRODUCT;
    case 15:
        o->side == FG_SIDE_SELL ? (o->conditional = true) : (o->forward_to_tso = true);
        return FG_REFUSAL_KIND_SIDE;
    default:
        if (o->block || o->point_count > 1)
            return o->period_count = -1, FG_REFUSAL_PERIOD_RANGE;
        x->points[0].up_to.w = SIM_TICK;
        x->points[1] = (struct fg_price_point){{100 * SIM_TICK}, x->points[0].price};
        o->point_count = 2;
        o->min_fraction_u = 500000;
        return FG_REFUSAL_ACCEPTANCE;
    }
}

static const struct fg_book_order *some_order(struct sim *s, const int64_t **filled, bool *forwarded, bool *tied)
{
    size_t n = auditor_order_count(s->auditor);
    return n == 0 ? NULL : auditor_order(s->auditor, below(s, n), filled, forwarded, tied);
}

static void draw_submit(struct sim *s, struct sim_command *c)
{
    const int64_t *filled;
    bool forwarded, tied;
    c->kind = SIM_SUBMIT;
    c->count = 1;
    if (chance(s, 8)) {
        c->has_group = true;
        c->count = (size_t)pick(s, 2, SIM_GROUP);
        c->group.id = s->next_group++;
        c->group.kind = (enum fg_group_kind)below(s, 3);
        for (size_t i = 0; i < c->count; i++) {
            draw_order(s, &c->orders[i], true);
            c->orders[i].order.participant = c->orders[0].order.participant;
            c->orders[i].order.organisation = c->orders[0].order.organisation;
        }
        if (chance(s, 4)) {
            c->count = 1;
            c->planted = FG_REFUSAL_GROUP_SIZE;
        }
        return;
    }
    struct fg_book_order *o = &c->orders[0].order;
    if (chance(s, 12)) {
        draw_order(s, &c->orders[0], true);
        const struct fg_book_order *parent = some_order(s, &filled, &forwarded, &tied);
        o->parent = parent != NULL && chance(s, 95) ? parent->id : 999999999;
        if (parent != NULL && chance(s, 95)) {
            o->participant = parent->participant;
            o->organisation = parent->organisation;
        }
        return;
    }
    draw_order(s, &c->orders[0], false);
    if (chance(s, 4))
        c->planted = plant(s, &c->orders[0]);
    else if (chance(s, 1) && auditor_order_count(s->auditor) > 0)
        o->id = some_order(s, &filled, &forwarded, &tied)->id;
}

static void draw_amend(struct sim *s, struct sim_command *c)
{
    const int64_t *filled;
    bool forwarded, tied;
    const struct fg_book_order *o = some_order(s, &filled, &forwarded, &tied);
    c->kind = SIM_AMEND;
    c->amendment = (struct fg_book_amendment){.order = 888888888, .min_fraction_u = -1, .expires_us = -1};
    if (o != NULL && tied)
        o = some_order(s, &filled, &forwarded, &tied); /* less often one that cannot be amended */
    if (o != NULL && chance(s, 98)) {
        struct sim_order *x = &c->orders[0];
        x->order = *o;
        c->amendment.order = o->id;
        c->has_quantity = chance(s, 70);
        int64_t largest = 0;
        bool lower = chance(s, 60);
        for (int32_t i = 0; i < o->period_count; i++) {
            int64_t now = o->quantity[i].w / SIM_TICK, done = filled[i] / SIM_TICK;
            int64_t to = lower ? pick(s, done, now) : now + pick(s, -1, 3);
            x->quantity[i].w = c->has_quantity ? (to > 0 ? to : 0) * SIM_TICK : o->quantity[i].w;
            largest = x->quantity[i].w > largest ? x->quantity[i].w : largest;
        }
        c->has_points = chance(s, lower ? 30 : 80);
        if (c->has_points) {
            draw_points(s, x, largest > 0 ? largest : SIM_TICK, false);
            c->amendment.point_count = x->order.point_count;
        }
        if (chance(s, 15))
            c->amendment.min_fraction_u = pick(s, 0, 4) * 250000;
        if (chance(s, 15))
            c->amendment.expires_us = chance(s, 50) ? 0 : s->now + pick(s, -1, 50) * 1000000;
    }
    c->id = c->amendment.order;
}

static void open_periods(struct sim *s, struct sim_command *c, enum fg_product product, int32_t count)
{
    *c = (struct sim_command){
        .kind = SIM_OPEN, .time_us = s->now, .product = product, .first = s->next_period[product], .periods = count};
    s->next_period[product] += count;
    for (int32_t f = 0; f < SIM_PORTFOLIOS; f++)
        for (int r = 0; r < 2; r++)
            s->pending[s->pending_count++] = (struct sim_command){.kind = SIM_CAPABILITY,
                                                                  .product = product,
                                                                  .regulation = (enum fg_regulation)r,
                                                                  .index = f,
                                                                  .first = c->first,
                                                                  .periods = count,
                                                                  .capability = pick(s, 20, 90) * SIM_TICK,
                                                                  .reserved = pick(s, 0, 3) * SIM_TICK};
}

/* Limits that bind now and then; half of the time one that is there is changed or removed. */
static void draw_limit(struct sim *s, struct sim_command *c)
{
    struct fg_book_limit *l = &c->limit;
    size_t n = auditor_limit_count(s->auditor);
    c->kind = SIM_LIMIT;
    *l = (struct fg_book_limit){.participant = chance(s, 50) ? -1 : pick(s, 0, SIM_PARTICIPANTS - 1),
                                .product = chance(s, 40) ? -1 : chance(s, 80) ? 0 : 2,
                                .regulation = chance(s, 40) ? -1 : pick(s, 0, 1),
                                .size_max = {-1},
                                .orders_max = -1,
                                .exposure_max = {-1}};
    if (n > 0 && (n > 4 || chance(s, 60))) {
        const struct fg_book_limit *old = auditor_limit(s->auditor, below(s, n));
        l->participant = old->participant;
        l->product = old->product;
        l->regulation = old->regulation;
        if (chance(s, 70))
            return; /* removed */
    }
    if (chance(s, 40)) {
        l->has_price = true;
        l->price_min.uper_mwh = (2000 + pick(s, 0, 4)) * SIM_STEP;
        l->price_max.uper_mwh = l->price_min.uper_mwh + pick(s, chance(s, 10) ? -1 : 2, 12) * SIM_STEP;
    }
    if ((l->product >= 0 && l->regulation >= 0 && l->participant < 0) || chance(s, 3)) {
        l->has_band = true;
        l->reference.uper_mwh = draw_price(s);
        l->band.uper_mwh = pick(s, 1, 8) * SIM_STEP;
    }
    if (chance(s, 40))
        l->size_max.w = pick(s, 5, 14) * SIM_TICK;
    if (chance(s, 40))
        l->orders_max = pick(s, 0, 12);
    if (chance(s, 50))
        l->exposure_max.u = pick(s, 0, 60) * 10000 + pick(s, 0, 9999);
}

static void draw_other(struct sim *s, struct sim_command *c)
{
    const int64_t *filled;
    bool forwarded, tied;
    const struct fg_book_order *o = some_order(s, &filled, &forwarded, &tied);
    c->product = chance(s, 70) ? FG_PRODUCT_ACTIVE : FG_PRODUCT_ACTIVE_RESERVE;
    c->id = o != NULL && chance(s, 97) ? o->id : 777777777;
    switch (below(s, 29)) {
    case 0: c->kind = SIM_EXPIRE; break;
    case 1:
        c->kind = SIM_MASS;
        c->filter = (struct fg_book_filter){-1, -1, -1, 0, chance(s, 30)};
        if (chance(s, 40))
            c->filter.participant = pick(s, 0, SIM_PARTICIPANTS - 1);
        if (chance(s, 30))
            c->filter.portfolio = pick(s, 0, SIM_PORTFOLIOS - 1);
        if (chance(s, 40))
            c->filter.location = pick(s, 1, s->locations.count - 1);
        if (chance(s, 60) || (c->filter.participant < 0 && c->filter.portfolio < 0 && c->filter.location < 0))
            c->filter.session = 1 + below(s, 3);
        break;
    case 2:
        if (s->oldest[c->product] + 2 < s->next_period[c->product] || chance(s, 20)) {
            c->kind = SIM_CLOSE;
            c->first = s->oldest[c->product] + (chance(s, 10) ? 1 : 0);
            c->periods = 1;
            if (c->first == s->oldest[c->product] && auditor_is_open(s->auditor, c->product, c->first))
                s->oldest[c->product]++;
            break;
        }
        /* fall through */
    case 3:
        if (chance(s, 5)) {
            *c = (struct sim_command){
                .kind = SIM_OPEN, .product = c->product, .first = s->oldest[c->product], .periods = 1};
            if (!auditor_is_open(s->auditor, c->product, c->first))
                c->kind = SIM_EXPIRE; /* stays closed */
        } else if (s->next_period[c->product] - s->oldest[c->product] < 7 &&
                   s->next_period[c->product] + 2 < SIM_HORIZON) {
            open_periods(s, c, c->product, pick(s, 1, 2));
        } else {
            c->kind = SIM_EXPIRE;
        }
        break;
    case 4:
    case 5:
        c->kind = SIM_HALT;
        c->scope = (enum fg_book_scope)(1 + below(s, 2));
        if (chance(s, 20))
            c->scope = FG_BOOK_SCOPE_AREA;
        c->index = c->scope == FG_BOOK_SCOPE_AREA ? 0 : pick(s, 0, 5);
        if (c->scope != FG_BOOK_SCOPE_AREA) {
            if (s->halted_count == 2) { /* few at a time, so that trading goes on */
                c->kind = SIM_EXPIRE;
                break;
            }
            s->halted[s->halted_count++] = (struct fg_book_halt_row){c->scope, c->index};
        }
        if (c->scope == FG_BOOK_SCOPE_AREA) { /* ends soon */
            s->pending[s->pending_count] = *c;
            s->pending[s->pending_count++].kind = SIM_RESUME;
        }
        break;
    case 6:
    case 7:
    case 20:
    case 21:
        c->kind = SIM_RESUME;
        c->scope = (enum fg_book_scope)below(s, 3);
        c->index = c->scope == FG_BOOK_SCOPE_AREA ? 0 : pick(s, 0, 5);
        if (s->halted_count > 0 && chance(s, 90)) {
            const struct fg_book_halt_row *row = &s->halted[--s->halted_count];
            c->scope = row->scope;
            c->index = row->index;
        }
        break;
    case 8:
    case 9:
        c->kind = SIM_NETWORK;
        c->grid = s->network->grid;
        for (int32_t i = 1; i < SIM_BUSES; i++)
            if (chance(s, 60))
                c->grid.limit[i] = pick(s, 2, 40) * SIM_TICK;
        break;
    case 10:
        c->kind = SIM_RELOCATE;
        draw_locations(s, &c->locations,
                       s->locations.count < SIM_LOCATIONS && chance(s, 20) ? s->locations.count + 1
                                                                           : s->locations.count);
        break;
    case 11:
    case 12:
    case 13:
        c->kind = SIM_CAPABILITY;
        c->index = pick(s, 0, SIM_PORTFOLIOS - 1);
        c->regulation = chance(s, 60) ? FG_REGULATION_UP : FG_REGULATION_DOWN;
        c->first = s->oldest[c->product] + pick(s, 0, 3);
        c->periods = pick(s, 1, 2);
        c->capability = pick(s, 5, 90) * SIM_TICK + (chance(s, 10) ? 1 : 0);
        c->reserved = pick(s, 0, 5) * SIM_TICK;
        break;
    case 14:
    case 15: {
        int64_t quantity = 0;
        size_t n = auditor_trade_count(s->auditor);
        c->kind = SIM_REDUCE_TRADE;
        c->id = n > 0 ? auditor_trade(s->auditor, below(s, n), &quantity) : 1;
        c->keep = chance(s, 50) ? 0 : pick(s, 0, quantity / SIM_TICK) * SIM_TICK;
        break;
    }
    case 16:
    case 17:
    case 18:
        c->kind = forwarded || chance(s, 10) ? SIM_FORWARD_END : SIM_FORWARD;
        c->end = (enum fg_book_forward_end)below(s, 4);
        if (o != NULL) {
            int64_t share = pick(s, 1, 4);
            for (int32_t i = 0; i < o->period_count && i < SIM_PERIODS; i++) {
                int64_t room = (o->quantity[i].w - filled[i]) / SIM_TICK;
                c->called[i].w = (o->block ? room : room * share / 4 + (chance(s, 3) ? 1 : 0)) * SIM_TICK;
            }
        }
        break;
    case 22:
    case 23:
    case 24: draw_limit(s, c); break;
    case 25:
        c->kind = SIM_SETTLED;
        c->first = s->oldest[0] + pick(s, -3, 1);
        break;
    case 26:
    case 27:
        c->kind = SIM_CONTRACTED;
        c->index = pick(s, 0, SIM_PORTFOLIOS - 1);
        c->regulation = chance(s, 60) ? FG_REGULATION_UP : FG_REGULATION_DOWN;
        c->first = s->oldest[c->product] + pick(s, 0, 3);
        c->periods = pick(s, 1, 2);
        c->contracted = pick(s, 0, chance(s, 10) ? 100 : 12) * SIM_TICK;
        break;
    case 28:
        c->kind = SIM_WITHDRAW;
        c->cause = chance(s, 50) ? FG_BOOK_CAUSE_OUTSIDE : FG_BOOK_CAUSE_CONTRACT;
        break;
    default:
        c->kind = SIM_FORGET;
        c->first = s->oldest[0] < s->oldest[2] ? s->oldest[0] : s->oldest[2];
        if (chance(s, 10))
            c->first++;
        break;
    }
}

static void draw(struct sim *s, struct sim_command *c)
{
    memset(c, 0, sizeof *c);
    if (s->pending_at < s->pending_count) {
        *c = s->pending[s->pending_at++];
    } else {
        s->pending_at = s->pending_count = 0;
        uint64_t dice = below(s, 100), crowd = auditor_order_count(s->auditor);
        const int64_t *filled;
        bool forwarded, tied;
        if (dice < 55) {
            draw_submit(s, c);
        } else if (dice < 73) {
            draw_amend(s, c);
        } else if (dice < 80 + (crowd > 50 ? 10 : 0)) {
            const struct fg_book_order *o = some_order(s, &filled, &forwarded, &tied);
            c->kind = SIM_CANCEL;
            c->id = o != NULL && chance(s, 97) ? o->id : 666666666;
        } else {
            draw_other(s, c);
        }
    }
    c->time_us = s->now;
    if (c->planted == FG_REFUSAL_NONE && chance(s, 1) && s->now > 0)
        c->time_us = s->now - 1;
}

/* ---- Doing ---- */

static struct fg_book_locations view(const struct sim_locations *l)
{
    return (struct fg_book_locations){l->count, l->parent, l->link_count, l->links};
}

static enum fg_refusal apply(struct sim *s, struct sim_command *c)
{
    struct fg_book *b = s->book;
    struct fg_book_order orders[SIM_GROUP];
    for (size_t i = 0; i < c->count; i++) {
        orders[i] = c->orders[i].order;
        orders[i].quantity = c->orders[i].quantity;
        orders[i].points = c->orders[i].points;
    }
    c->amendment.quantity = c->has_quantity ? c->orders[0].quantity : NULL;
    c->amendment.points = c->has_points ? c->orders[0].points : NULL;
    struct fg_book_locations locations = view(&c->locations);
    struct fg_book_network network = {s->network, take, commit, undo};
    struct sim_grid grid = s->network->grid;
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    switch (c->kind) {
    case SIM_SUBMIT: return fg_book_submit(b, c->time_us, orders, c->count, c->has_group ? &c->group : NULL, NULL);
    case SIM_AMEND: return fg_book_amend(b, c->time_us, &c->amendment, NULL);
    case SIM_CANCEL: return fg_book_cancel(b, c->time_us, c->id, NULL);
    case SIM_MASS: return fg_book_mass_cancel(b, c->time_us, &c->filter, NULL, NULL);
    case SIM_EXPIRE: return fg_book_expire(b, c->time_us, NULL);
    case SIM_OPEN: return fg_book_open(b, c->time_us, c->product, c->first, c->periods, NULL);
    case SIM_CLOSE: return fg_book_close(b, c->time_us, c->product, c->first, c->periods, NULL);
    case SIM_HALT: return fg_book_halt(b, c->time_us, c->scope, c->index, NULL);
    case SIM_RESUME: return fg_book_resume(b, c->time_us, c->scope, c->index, NULL);
    case SIM_NETWORK:
        s->network->grid = c->grid;
        refusal = fg_book_network_changed(b, c->time_us, c->grid.is_on ? &network : NULL, NULL);
        if (refusal != FG_REFUSAL_NONE)
            s->network->grid = grid;
        return refusal;
    case SIM_RELOCATE:
        refusal = fg_book_relocate(b, c->time_us, &locations, NULL);
        if (refusal == FG_REFUSAL_NONE)
            s->locations = c->locations;
        return refusal;
    case SIM_CAPABILITY:
        return fg_book_set_capability(b, c->time_us, c->index, c->product, c->regulation, c->first, c->periods,
                                      (struct fg_power){c->capability}, (struct fg_power){c->reserved}, NULL);
    case SIM_REDUCE_TRADE: return fg_book_reduce_trade(b, c->time_us, c->id, (struct fg_power){c->keep}, NULL);
    case SIM_FORWARD: return fg_book_forward(b, c->time_us, c->id, NULL);
    case SIM_FORWARD_END: return fg_book_forward_end(b, c->time_us, c->id, c->end, c->called, NULL);
    case SIM_LIMIT: return fg_book_set_limit(b, c->time_us, &c->limit, NULL);
    case SIM_SETTLED: return fg_book_set_settled(b, c->time_us, c->first, NULL);
    case SIM_CONTRACTED:
        return fg_book_set_contracted(b, c->time_us, c->index, c->product, c->regulation, c->first, c->periods,
                                      (struct fg_power){c->contracted}, NULL);
    case SIM_WITHDRAW: return fg_book_withdraw(b, c->time_us, c->id, c->cause, NULL);
    default: return fg_book_forget(b, c->time_us, c->first, NULL);
    }
}

/* ---- Images ---- */

static bool same_order(const struct fg_book_order_state *x, const struct fg_book_order_state *y)
{
    struct fg_book_order a = x->order, b = y->order;
    size_t n = (size_t)a.period_count;
    if (a.period_count != b.period_count || a.point_count != b.point_count ||
        memcmp(a.quantity, b.quantity, n * sizeof *a.quantity) != 0 ||
        memcmp(x->filled, y->filled, n * sizeof *x->filled) != 0)
        return false;
    for (int32_t k = 0; k < a.point_count; k++)
        if (a.points[k].price.uper_mwh != b.points[k].price.uper_mwh || a.points[k].up_to.w != b.points[k].up_to.w)
            return false;
    return a.id == b.id && a.session == b.session && a.contract == b.contract && a.parent == b.parent &&
           a.participant == b.participant && a.organisation == b.organisation && a.portfolio == b.portfolio &&
           a.location == b.location && a.bus == b.bus && a.side == b.side && a.product == b.product &&
           a.regulation == b.regulation && a.kind == b.kind && a.conditional == b.conditional && a.block == b.block &&
           a.forward_to_tso == b.forward_to_tso && a.min_fraction_u == b.min_fraction_u && a.validity == b.validity &&
           a.expires_us == b.expires_us && a.first_period == b.first_period &&
           a.attributes.technologies == b.attributes.technologies &&
           a.attributes.activation_s == b.attributes.activation_s &&
           a.attributes.duration_min_s == b.attributes.duration_min_s &&
           a.attributes.duration_max_s == b.attributes.duration_max_s &&
           a.attributes.ramp_w_per_min == b.attributes.ramp_w_per_min && x->group == y->group &&
           x->priority == y->priority && x->is_tied == y->is_tied && x->forwarded == y->forwarded &&
           x->held_back == y->held_back;
}

static const char *difference(const struct fg_book_image *a, const struct fg_book_image *b)
{
    if (a->time_us != b->time_us || a->next_priority != b->next_priority || a->next_trade != b->next_trade ||
        a->event_sequence != b->event_sequence)
        return "counters";
    if (a->gate_count != b->gate_count || a->halt_count != b->halt_count || a->position_count != b->position_count ||
        a->group_count != b->group_count || a->order_count != b->order_count || a->trade_count != b->trade_count)
        return "numbers of rows";
    for (size_t i = 0; i < a->gate_count; i++)
        if (a->gates[i].product != b->gates[i].product || a->gates[i].period != b->gates[i].period)
            return "gates";
    for (size_t i = 0; i < a->halt_count; i++)
        if (a->halts[i].scope != b->halts[i].scope || a->halts[i].index != b->halts[i].index)
            return "halts";
    if (a->limit_count != b->limit_count || a->settled_before != b->settled_before)
        return "number of limits";
    for (size_t i = 0; i < a->limit_count; i++)
        if (a->limits[i].participant != b->limits[i].participant || a->limits[i].product != b->limits[i].product ||
            a->limits[i].regulation != b->limits[i].regulation ||
            a->limits[i].reference.uper_mwh != b->limits[i].reference.uper_mwh ||
            a->limits[i].exposure_max.u != b->limits[i].exposure_max.u)
            return "limits";
    if (memcmp(a->positions, b->positions, a->position_count * sizeof *a->positions) != 0)
        return "positions";
    for (size_t i = 0; i < a->group_count; i++)
        if (a->groups[i].group.id != b->groups[i].group.id || a->groups[i].used_u != b->groups[i].used_u)
            return "groups";
    for (size_t i = 0; i < a->order_count; i++)
        if (!same_order(&a->orders[i], &b->orders[i]))
            return "orders";
    for (size_t i = 0; i < a->trade_count; i++)
        if (a->trades[i].id != b->trades[i].id || a->trades[i].quantity.w != b->trades[i].quantity.w)
            return "trades";
    return NULL;
}

static struct fg_book_image *image_of(const struct fg_book *book)
{
    struct fg_book_image *image;
    if (fg_book_image_create(book, &image, NULL) != FG_OK)
        abort();
    return image;
}

/* A command during which memory runs out must leave no trace. */
static const char *starve(struct sim *s, struct sim_command *c, enum fg_refusal *refusal, bool *is_done)
{
    struct fg_book_image *before = image_of(s->book);
    struct sim_network *network = malloc(sizeof *network);
    if (network == NULL)
        abort();
    *network = *s->network;
    long n = pick(s, 1, 8);
    fg_alloc_fail_after(n);
    *refusal = apply(s, c);
    fg_alloc_fail_after(0);
    const char *failure = NULL;
    *is_done = *refusal != FG_REFUSAL_OUT_OF_MEMORY;
    if (!*is_done) {
        struct fg_book_image *after = image_of(s->book);
        const char *what = difference(before, after);
        if (what != NULL)
            failure = what;
        else if (s->event_count > 0)
            failure = "events";
        else if (memcmp(network, s->network, sizeof *network) != 0)
            failure = "the network";
        fg_book_image_destroy(after);
    }
    fg_book_image_destroy(before);
    free(network);
    return failure;
}

/* Go on with a restored copy. */
static const char *reload(struct sim *s, const struct fg_book_network *network)
{
    struct fg_book_settings settings = fg_book_settings_default();
    struct fg_book_locations locations = view(&s->locations);
    struct fg_book_image *image = image_of(s->book);
    struct fg_book *copy = NULL;
    struct fg_error err = {0};
    if (fg_book_create(&settings, &locations, network, on_event, s, &copy, &err) != FG_OK ||
        fg_book_restore(copy, image, &err) != FG_OK) {
        fprintf(stderr, "%s\n", err.text);
        return "restore fails";
    }
    struct fg_book_image *again = image_of(copy);
    const char *what = difference(image, again);
    fg_book_image_destroy(again);
    fg_book_image_destroy(image);
    fg_book_destroy(s->book);
    s->book = copy;
    return what;
}

int simulate(uint64_t seed, long commands, bool is_verbose, struct sim_statistics *statistics)
{
    struct sim *s = calloc(1, sizeof *s);
    struct sim_command *c = malloc(sizeof *c);
    struct fg_book_settings settings = fg_book_settings_default();
    if (s == NULL || c == NULL || (s->network = calloc(1, sizeof *s->network)) == NULL)
        abort();
    fg_random_init(&s->random, seed);
    s->next_id = s->next_group = 1;
    draw_locations(s, &s->locations, pick(s, 3, SIM_LOCATIONS - 2));
    if (chance(s, 50))
        draw_grid(s, &s->network->grid);
    struct fg_book_locations locations = view(&s->locations);
    struct fg_book_network network = {s->network, take, commit, undo};
    const struct fg_book_network *in_use = s->network->grid.is_on ? &network : NULL;
    if (fg_book_create(&settings, &locations, in_use, on_event, s, &s->book, NULL) != FG_OK)
        abort();
    s->auditor = auditor_create(&s->locations, &s->network->grid);
    const char *failure = NULL;
    long step = 0;
    open_periods(s, &s->pending[20], FG_PRODUCT_ACTIVE_RESERVE, 5);
    s->pending[s->pending_count++] = s->pending[20];
    open_periods(s, c, FG_PRODUCT_ACTIVE, 5);
    s->pending[s->pending_count++] = *c;
    for (; step < commands && failure == NULL; step++) {
        s->now += chance(s, 70) ? (int64_t)below(s, 1500000) : 0;
        int64_t expiry = fg_book_next_expiry(s->book);
        if (chance(s, 3) && expiry > s->now && expiry < s->now + 20000000)
            s->now = expiry; /* to the moment */
        draw(s, c);
        if (c->kind == SIM_NETWORK && !s->network->grid.is_on)
            c->kind = SIM_EXPIRE;
        enum fg_refusal refusal = FG_REFUSAL_NONE;
        bool is_done = false;
        s->event_count = 0;
        if (chance(s, 5)) {
            const char *what = starve(s, c, &refusal, &is_done);
            statistics->memory_failures += !is_done;
            if (what != NULL) {
                fprintf(stderr, "seed %llu, command %ld (%s): out of memory left a trace in %s\n",
                        (unsigned long long)seed, step, sim_kind_words[c->kind], what);
                failure = what;
                break;
            }
        }
        if (!is_done)
            refusal = apply(s, c);
        if (is_verbose) {
            const struct fg_book_order *o = &c->orders[0].order;
            fprintf(stderr, "%ld %s at %lld -> %s; id %llu", step, sim_kind_words[c->kind], (long long)c->time_us,
                    fg_refusal_key(refusal), (unsigned long long)(c->kind == SIM_SUBMIT ? o->id : c->id));
            for (size_t k = 0; c->kind == SIM_SUBMIT && k < c->count; k++) {
                o = &c->orders[k].order;
                fprintf(stderr,
                        "\n   %llu %s %s p%d r%d loc %d bus %d org %d min %lld val %d first %d block %d group %d/%d "
                        "parent %llu price",
                        (unsigned long long)o->id, fg_side_words[o->side], fg_request_kind_words[o->kind], o->product,
                        o->regulation, o->location, o->bus, o->organisation, (long long)o->min_fraction_u, o->validity,
                        o->first_period, o->block, c->has_group, c->group.kind, (unsigned long long)o->parent);
                for (int32_t i = 0; i < o->point_count; i++)
                    fprintf(stderr, " %lld@%lld", (long long)(c->orders[k].points[i].up_to.w / SIM_TICK),
                            (long long)(c->orders[k].points[i].price.uper_mwh / SIM_STEP));
                fprintf(stderr, " q");
                for (int32_t i = 0; i < o->period_count; i++)
                    fprintf(stderr, " %lld", (long long)(c->orders[k].quantity[i].w / SIM_TICK));
            }
            fprintf(stderr, "\n");
            for (size_t i = 0; i < s->event_count; i++) {
                const struct sim_event *e = &s->events[i];
                fprintf(stderr, "     %s %llu %s t%d q%lld", fg_book_event_word(e->event.kind),
                        (unsigned long long)e->event.order, fg_book_cause_word(e->event.cause), e->event.period,
                        (long long)e->event.quantity.w);
                if (e->event.trade != NULL)
                    fprintf(stderr, " trade %llu sell %llu buy %llu at %lld", (unsigned long long)e->trade.id,
                            (unsigned long long)e->trade.sell, (unsigned long long)e->trade.buy,
                            (long long)(e->trade.price.uper_mwh / SIM_STEP));
                fprintf(stderr, "\n");
            }
        }
        statistics->commands++;
        statistics->refused += refusal != FG_REFUSAL_NONE;
        statistics->by_kind[c->kind]++;
        for (size_t i = 0; i < s->event_count; i++)
            statistics->trades += s->events[i].event.kind == FG_BOOK_TRADED;
        failure = auditor_check(s->auditor, c, refusal, s->events, s->event_count, s->book, step % 8 == 0);
        if (failure != NULL)
            fprintf(stderr, "seed %llu, command %ld (%s): %s\n", (unsigned long long)seed, step,
                    sim_kind_words[c->kind], failure);
        if (failure == NULL && chance(s, 1) && chance(s, 50) && (failure = reload(s, in_use)) != NULL)
            fprintf(stderr, "seed %llu, command %ld: the restored book differs in %s\n", (unsigned long long)seed, step,
                    failure);
    }
    fg_book_destroy(s->book);
    auditor_destroy(s->auditor);
    free(s->network);
    free(s->events);
    free(s);
    free(c);
    return failure != NULL;
}
