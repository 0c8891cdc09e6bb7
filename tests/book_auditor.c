/* The auditor: a plain model of the continuous book in arrays, and every rule written as a question about it. */
#include "book_simulation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

enum { PRODUCTS = 4 };

struct a_order {
    struct sim_order o;                               /* quantity as it is now */
    int64_t filled[SIM_PERIODS], before[SIM_PERIODS]; /* before: at the start of the command */
    int64_t rank;                                     /* priority, by the order of entering */
    uint64_t group;
    enum fg_group_kind group_kind;
    bool tied, forwarded, dead, was_new, has_children;
    struct fg_power entered[SIM_PERIODS];
};
struct a_group {
    uint64_t id;
    enum fg_group_kind kind;
    int64_t closed_u;
};
struct a_trade {
    struct fg_book_trade t;
};
struct a_account {
    int64_t capability, reserved, activated, contracted;
};
struct a_halt {
    enum fg_book_scope scope;
    int32_t index;
};
struct a_activation {
    int32_t period, bus;
    enum fg_product product;
    enum fg_regulation regulation;
    int64_t w;
    int32_t portfolio;
};

struct auditor {
    struct sim_locations loc;
    struct sim_grid grid;
    struct a_order *orders;
    size_t count, capacity;
    struct a_group *groups;
    size_t group_count, group_capacity;
    struct a_trade *trades;
    size_t trade_count, trade_capacity;
    struct a_activation *activations;
    size_t activation_count, activation_capacity;
    struct a_halt halts[64];
    size_t halt_count;
    bool open[PRODUCTS][SIM_HORIZON];
    struct a_account accounts[SIM_PORTFOLIOS][PRODUCTS][2][SIM_HORIZON];
    struct fg_book_limit *limits; /* in no order */
    size_t limit_count, limit_capacity;
    int32_t settled;
    int32_t forgotten;
    int32_t low, high; /* periods that may carry anything */
    int64_t now, next_rank;
    uint64_t next_trade, sequence;
    char text[900];
};

static const char *wrong(struct auditor *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(a->text, sizeof a->text, format, args);
    va_end(args);
    return a->text;
}

#define GROW(items, n, cap)                                      \
    do {                                                         \
        if ((n) == (cap)) {                                      \
            (cap) = (cap) ? 2 * (cap) : 64;                      \
            (items) = realloc((items), (cap) * sizeof *(items)); \
            if ((items) == NULL)                                 \
                abort();                                         \
        }                                                        \
    } while (0)

struct auditor *auditor_create(const struct sim_locations *locations, const struct sim_grid *grid)
{
    struct auditor *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->loc = *locations;
    a->grid = *grid;
    a->now = INT64_MIN;
    a->next_trade = 1;
    a->low = SIM_HORIZON;
    return a;
}

void auditor_destroy(struct auditor *a)
{
    free(a->orders);
    free(a->groups);
    free(a->trades);
    free(a->activations);
    free(a->limits);
    free(a);
}

static struct a_order *find(struct auditor *a, uint64_t id)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->orders[i].o.order.id == id && !a->orders[i].dead)
            return &a->orders[i];
    return NULL;
}

size_t auditor_order_count(const struct auditor *a)
{
    return a->count;
}
const struct fg_book_order *auditor_order(const struct auditor *a, size_t i, const int64_t **filled, bool *forwarded,
                                          bool *tied)
{
    struct a_order *x = &a->orders[i];
    x->o.order.quantity = x->o.quantity;
    x->o.order.points = x->o.points;
    *filled = x->filled;
    *forwarded = x->forwarded;
    *tied = x->tied || x->has_children;
    return &x->o.order;
}
size_t auditor_trade_count(const struct auditor *a)
{
    return a->trade_count;
}
uint64_t auditor_trade(const struct auditor *a, size_t i, int64_t *quantity)
{
    *quantity = a->trades[i].t.quantity.w;
    return a->trades[i].t.id;
}
bool auditor_is_open(const struct auditor *a, enum fg_product p, int32_t t)
{
    return t >= 0 && t < SIM_HORIZON && a->open[p][t];
}

size_t auditor_limit_count(const struct auditor *a)
{
    return a->limit_count;
}
const struct fg_book_limit *auditor_limit(const struct auditor *a, size_t i)
{
    return &a->limits[i];
}

/* ---- Questions ---- */

static bool inside(const struct auditor *a, int32_t x, int32_t zone) /* x is zone or below it */
{
    for (; x >= 0; x = a->loc.parent[x])
        if (x == zone)
            return true;
    return false;
}

static bool places_meet(const struct auditor *a, const struct a_order *sell, const struct a_order *buy)
{
    int32_t s = sell->o.order.location, b = buy->o.order.location;
    if (inside(a, s, b))
        return true;
    for (int32_t i = 0; i < a->loc.link_count; i++)
        for (int k = 0; k < 2; k++)
            if (a->loc.links[i][k] == b && inside(a, s, a->loc.links[i][1 - k]))
                return true;
    return buy->o.order.kind == FG_REQUEST_EXCHANGE && inside(a, b, s);
}

static bool halted(const struct auditor *a, const struct fg_book_order *o)
{
    for (size_t i = 0; i < a->halt_count; i++) {
        const struct a_halt *h = &a->halts[i];
        if (h->scope == FG_BOOK_SCOPE_AREA || (h->scope == FG_BOOK_SCOPE_PARTICIPANT && h->index == o->participant) ||
            (h->scope == FG_BOOK_SCOPE_LOCATION && inside(a, o->location, h->index)))
            return true;
    }
    return false;
}

static bool wants(const struct fg_book_attributes *buy, const struct fg_book_attributes *sell)
{
    /* A filter asks for an offer that says what it is made of, all of it accepted. */
    bool tech = buy->technologies == 0;
    if (!tech && sell->technologies != 0)
        tech = (buy->technologies | sell->technologies) == buy->technologies;
    bool quick = buy->activation_s == 0 || sell->activation_s <= buy->activation_s;
    bool lasting =
        buy->duration_min_s == 0 || (sell->duration_min_s <= buy->duration_min_s &&
                                     (sell->duration_max_s == 0 || buy->duration_min_s <= sell->duration_max_s));
    bool steep = sell->ramp_w_per_min >= buy->ramp_w_per_min;
    return tech && quick && lasting && steep;
}

static bool may_trade(const struct auditor *a, const struct a_order *sell, const struct a_order *buy)
{
    const struct fg_book_order *s = &sell->o.order, *b = &buy->o.order;
    return s->side == FG_SIDE_SELL && b->side == FG_SIDE_BUY && s->product == b->product &&
           s->regulation == b->regulation && !sell->forwarded && !buy->forwarded &&
           s->organisation != b->organisation && places_meet(a, sell, buy) && !halted(a, s) && !halted(a, b) &&
           wants(&b->attributes, &s->attributes);
}

static bool is_composite(const struct a_order *x)
{
    return x->tied || (x->o.order.block && x->o.order.period_count > 1);
}

static int64_t left(const struct a_order *x, int32_t t)
{
    int32_t i = t - x->o.order.first_period;
    return i < 0 || i >= x->o.order.period_count ? 0 : x->o.quantity[i].w - x->filled[i];
}

/* Price of watt number `at` (0 the first). */
static int64_t price_at(const struct a_order *x, int64_t at)
{
    for (int32_t k = 0; k < x->o.order.point_count; k++)
        if (at < x->o.points[k].up_to.w)
            return x->o.points[k].price.uper_mwh;
    return x->o.points[x->o.order.point_count - 1].price.uper_mwh;
}

/* Ticks of x left in period t that a counterpart at `price` satisfies, counted tick by tick. */
static int64_t left_for(const struct a_order *x, int32_t t, int64_t price)
{
    int32_t i = t - x->o.order.first_period;
    int64_t n = 0;
    if (left(x, t) <= 0)
        return 0;
    for (int64_t at = x->filled[i]; at < x->o.quantity[i].w; at += SIM_TICK) {
        int64_t own = price_at(x, at);
        if (x->o.order.side == FG_SIDE_SELL ? own > price : own < price)
            break;
        n += SIM_TICK;
    }
    return n;
}

static int64_t minimum(const struct a_order *x, int32_t t) /* least total acceptance */
{
    int32_t i = t - x->o.order.first_period;
    double exact = (double)x->o.quantity[i].w / SIM_TICK * (double)x->o.order.min_fraction_u / 1e6;
    int64_t ticks = (int64_t)exact;
    while ((double)ticks < exact - 1e-9)
        ticks++;
    return ticks * SIM_TICK;
}

/* ---- Network: from the trades alone ---- */

static bool hangs_below(const struct sim_grid *g, int32_t bus, int32_t line)
{
    for (; bus > 0; bus = g->parent[bus])
        if (bus == line)
            return true;
    return false;
}

static int64_t change_of(const struct sim_grid *g, const struct fg_book_flow *f, int32_t line, int64_t w)
{
    int64_t sign = f->regulation == FG_REGULATION_UP ? 1 : -1;
    int64_t d = 0;
    if (f->product != FG_PRODUCT_ACTIVE)
        return 0;
    if (f->sell_bus > 0 && hangs_below(g, f->sell_bus, line))
        d += sign * w;
    if (f->kind == FG_REQUEST_EXCHANGE && f->buy_bus > 0 && hangs_below(g, f->buy_bus, line))
        d -= sign * w;
    return d;
}

/* Range of the flow on a line over all calls of conditional requests; trades from index `first` on are left out. */
static void flow_range(const struct auditor *a, int32_t line, int32_t t, size_t end, int64_t *low, int64_t *high)
{
    *low = *high = 0;
    for (size_t i = 0; i < end; i++) {
        const struct fg_book_trade *trade = &a->trades[i].t;
        if (trade->flow.period != t)
            continue;
        int64_t d = change_of(&a->grid, &trade->flow, line, trade->quantity.w);
        if (!trade->flow.conditional || d > 0)
            *high += d;
        if (!trade->flow.conditional || d < 0)
            *low += d;
    }
    for (size_t i = 0; i < a->activation_count; i++)
        if (a->activations[i].period == t) {
            const struct a_activation *c = &a->activations[i];
            struct fg_book_flow f = {.product = c->product,
                                     .regulation = c->regulation,
                                     .kind = FG_REQUEST_NEED,
                                     .sell_bus = c->bus,
                                     .buy_bus = -1};
            int64_t d = change_of(&a->grid, &f, line, c->w);
            *low += d;
            *high += d;
        }
}

static bool network_takes(const struct auditor *a, const struct fg_book_flow *f, int64_t w)
{
    if (!a->grid.is_on)
        return true;
    for (int32_t line = 1; line < SIM_BUSES; line++) {
        int64_t low, high, d = change_of(&a->grid, f, line, w);
        if (d == 0)
            continue;
        flow_range(a, line, f->period, a->trade_count, &low, &high);
        if (d > 0 && high + d > a->grid.limit[line])
            return false;
        if (d < 0 && low + d < -a->grid.limit[line])
            return false;
    }
    return true;
}

static struct fg_book_flow flow_of(const struct a_order *s, const struct a_order *b, int32_t t)
{
    return (struct fg_book_flow){
        s->o.order.product, s->o.order.regulation, b->o.order.kind,     b->o.order.conditional, t,
        s->o.order.bus,     b->o.order.bus,        s->o.order.location, b->o.order.location};
}

/* ---- Could two resting orders still trade? ---- */

static int64_t gcd(int64_t x, int64_t y)
{
    while (y) {
        int64_t r = x % y;
        x = y;
        y = r;
    }
    return x;
}

static int64_t parts_of(const struct auditor *a, const struct a_order *x)
{
    int64_t g = 0;
    for (int32_t i = 0; i < x->o.order.period_count; i++)
        g = gcd(x->o.quantity[i].w / SIM_TICK, g);
    if (x->group && x->group_kind == FG_GROUP_MULTIPART)
        for (size_t k = 0; k < a->count; k++)
            if (!a->orders[k].dead && a->orders[k].group == x->group)
                for (int32_t i = 0; i < a->orders[k].o.order.period_count; i++)
                    g = gcd(a->orders[k].o.quantity[i].w / SIM_TICK, g);
    return g;
}

static int64_t up_fraction(const struct a_order *x)
{
    return (x->filled[0] * 1000000 + x->o.quantity[0].w - 1) / x->o.quantity[0].w;
}

static struct a_group *find_group(struct auditor *a, uint64_t id)
{
    for (size_t i = 0; i < a->group_count; i++)
        if (a->groups[i].id == id)
            return &a->groups[i];
    return NULL;
}

/* Parts that may be accepted in all. */
static int64_t ceiling(struct auditor *a, const struct a_order *x)
{
    int64_t parts = parts_of(a, x), most = parts;
    if (x->o.order.parent) {
        struct a_order *p = find(a, x->o.order.parent);
        if (p != NULL) { /* none: it is filled */
            int64_t q = p->o.quantity[0].w, f = p->filled[0];
            while (most > 0 && (wide)most * q > (wide)f * parts)
                most--;
        }
    }
    if (x->group && x->group_kind != FG_GROUP_MULTIPART) {
        int64_t used = find_group(a, x->group)->closed_u;
        for (size_t k = 0; k < a->count; k++)
            if (!a->orders[k].dead && &a->orders[k] != x && a->orders[k].group == x->group)
                used += up_fraction(&a->orders[k]);
        if (x->group_kind == FG_GROUP_EXCLUSIVE_ONE && used > 0)
            return 0;
        while (most > 0 && (wide)most * 1000000 > (wide)(1000000 - used) * parts)
            most--;
    }
    return most;
}

static bool fits_minimum(const struct a_order *x, int32_t t, int64_t w)
{
    int32_t i = t - x->o.order.first_period;
    return x->filled[i] > 0 || w >= minimum(x, t);
}

/* One plain pair in one period: the largest quantity, then smaller ones if the network cuts. */
static bool plain_pair(const struct auditor *a, const struct a_order *s, const struct a_order *b, int32_t t)
{
    if (left(s, t) <= 0 || left(b, t) <= 0)
        return false;
    int64_t w = 0; /* merge both curves tick by tick */
    int64_t fs = s->filled[t - s->o.order.first_period], fb = b->filled[t - b->o.order.first_period];
    while (w < left(s, t) && w < left(b, t) && price_at(s, fs + w) <= price_at(b, fb + w))
        w += SIM_TICK;
    struct fg_book_flow f = flow_of(s, b, t);
    while (w > 0 && !network_takes(a, &f, w))
        w -= SIM_TICK;
    return w > 0 && fits_minimum(s, t, w) && fits_minimum(b, t, w);
}

/* n parts of a composite against one order in all its periods. */
static bool composite_pair(struct auditor *a, const struct a_order *c, const struct a_order *x)
{
    const struct fg_book_order *o = &c->o.order;
    if (c->group && c->group_kind == FG_GROUP_MULTIPART)
        return false;
    bool both = is_composite(x);
    int64_t parts = parts_of(a, c), done = c->filled[0] * parts / c->o.quantity[0].w;
    int64_t x_parts = 0, x_room = 0;
    if (both) {
        if ((x->group && x->group_kind == FG_GROUP_MULTIPART) || x->o.order.first_period != o->first_period ||
            x->o.order.period_count != o->period_count)
            return false;
        x_parts = parts_of(a, x);
        for (int32_t i = 0; i < o->period_count; i++)
            if (c->o.quantity[i].w * x_parts != x->o.quantity[i].w * parts)
                return false;
        x_room = ceiling(a, x) - x->filled[0] * x_parts / x->o.quantity[0].w;
    }
    for (int64_t n = ceiling(a, c) - done; n >= 1; n--) {
        bool fits = !both || n <= x_room;
        for (int32_t i = 0; i < o->period_count && fits; i++) {
            int32_t t = o->first_period + i;
            int64_t w = n * (c->o.quantity[i].w / parts);
            const struct a_order *s = o->side == FG_SIDE_SELL ? c : x, *b = o->side == FG_SIDE_SELL ? x : c;
            struct fg_book_flow f = flow_of(s, b, t);
            fits = w <= left_for(x, t, c->o.points[0].price.uper_mwh) && fits_minimum(c, t, w) &&
                   fits_minimum(x, t, w) && network_takes(a, &f, w);
        }
        if (fits)
            return true;
    }
    return false;
}

static const char *check_pairs(struct auditor *a)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < a->count; k++) {
            struct a_order *s = &a->orders[i], *b = &a->orders[k];
            if (s->o.order.side != FG_SIDE_SELL || b->o.order.side != FG_SIDE_BUY || !may_trade(a, s, b))
                continue;
            bool trades = false;
            if (is_composite(s))
                trades = composite_pair(a, s, b);
            else if (is_composite(b))
                trades = composite_pair(a, b, s);
            else
                for (int32_t t = s->o.order.first_period; t < s->o.order.first_period + s->o.order.period_count; t++)
                    trades |= plain_pair(a, s, b, t);
            if (trades)
                return wrong(a, "resting orders %llu and %llu could still trade", (unsigned long long)s->o.order.id,
                             (unsigned long long)b->o.order.id);
        }
    return NULL;
}

/* ---- Accounts ---- */

static void sum_account(const struct auditor *a, int32_t portfolio, enum fg_product p, enum fg_regulation r, int32_t t,
                        int64_t *open, int64_t *traded, int64_t *forwarded)
{
    *open = *forwarded = 0;
    *traded = a->accounts[portfolio][p][r][t].activated;
    for (size_t i = 0; i < a->count; i++) {
        const struct a_order *x = &a->orders[i];
        const struct fg_book_order *o = &x->o.order;
        if (!x->dead && o->side == FG_SIDE_SELL && o->portfolio == portfolio && o->product == p && o->regulation == r)
            *(x->forwarded ? forwarded : open) += left(x, t);
    }
    for (size_t i = 0; i < a->trade_count; i++) {
        const struct fg_book_trade *x = &a->trades[i].t;
        if (x->portfolio == portfolio && x->flow.product == p && x->flow.regulation == r && x->flow.period == t)
            *traded += x->quantity.w;
    }
}

int64_t auditor_free_capability(const struct auditor *a, int32_t portfolio, enum fg_product p, enum fg_regulation r,
                                int32_t t)
{
    int64_t open, traded, forwarded;
    if (t < 0 || t >= SIM_HORIZON)
        return 0;
    sum_account(a, portfolio, p, r, t, &open, &traded, &forwarded);
    const struct a_account *x = &a->accounts[portfolio][p][r][t];
    return x->capability - x->reserved - x->contracted - open - traded - forwarded;
}

static const char *check_accounts(struct auditor *a, const struct fg_book *book)
{
    for (int32_t f = 0; f < SIM_PORTFOLIOS; f++)
        for (int p = 0; p < PRODUCTS; p += 2)
            for (int r = 0; r < 2; r++)
                for (int32_t t = a->low; t < a->high; t++) {
                    struct fg_book_position b = {0};
                    int64_t open, traded, forwarded;
                    const struct a_account *x = &a->accounts[f][p][r][t];
                    sum_account(a, f, (enum fg_product)p, (enum fg_regulation)r, t, &open, &traded, &forwarded);
                    fg_book_find_position(book, f, (enum fg_product)p, (enum fg_regulation)r, t, &b);
                    if (b.open.w != open || b.traded.w != traded || b.forwarded.w != forwarded ||
                        b.capability.w != x->capability || b.reserved.w != x->reserved ||
                        b.contracted.w != x->contracted)
                        return wrong(
                            a,
                            "account of portfolio %d, product %d, regulation %d, period %d: book has open %lld "
                            "traded %lld forwarded %lld capability %lld, expected %lld %lld %lld %lld",
                            f, p, r, t, (long long)b.open.w, (long long)b.traded.w, (long long)b.forwarded.w,
                            (long long)b.capability.w, (long long)open, (long long)traded, (long long)forwarded,
                            (long long)x->capability);
                    if (open + traded + forwarded + x->reserved + x->contracted > x->capability)
                        return wrong(a, "portfolio %d sold more than its capability in period %d", f, t);
                }
    return NULL;
}

/* ---- What must be refused ---- */

static enum fg_refusal expect_accounts(struct auditor *a, const struct fg_book_order *o, const int64_t *filled,
                                       const int64_t *freed, const int64_t extra[SIM_PERIODS],
                                       const int64_t held_taken[SIM_PERIODS])
{
    for (int32_t i = 0; i < o->period_count; i++) {
        int32_t t = o->first_period + i;
        int64_t need = o->quantity[i].w - (filled ? filled[i] : 0);
        if (need == 0)
            continue;
        if (!auditor_is_open(a, o->product, t))
            return FG_REFUSAL_PERIOD_CLOSED;
        if (o->side == FG_SIDE_SELL) { /* a new order of a contract first takes what is held for contracts */
            int64_t held = a->accounts[o->portfolio][o->product][o->regulation][t].contracted - held_taken[i];
            need -= o->contract == 0 || filled ? 0 : need < held ? need : held;
            if (need > auditor_free_capability(a, o->portfolio, o->product, o->regulation, t) + (freed ? freed[i] : 0) -
                           extra[i])
                return FG_REFUSAL_CAPABILITY;
        }
    }
    return FG_REFUSAL_NONE;
}

/* ---- Limits ---- */

/* Money of watts from ... to, counted tick by tick, half a micro-unit up. */
static int64_t worth(const struct fg_price_point *points, int32_t count, int64_t from, int64_t to)
{
    wide sum = 0;
    for (int64_t at = from; at < to; at += SIM_TICK) {
        int32_t k = 0;
        while (k + 1 < count && at >= points[k].up_to.w)
            k++;
        int64_t end = at + SIM_TICK < to ? at + SIM_TICK : to;
        if (points[k].price.uper_mwh > 0)
            sum += (wide)(end - at) * points[k].price.uper_mwh * 900;
    }
    return (int64_t)((2 * sum + 3600000000LL) / 7200000000LL);
}

static bool covers(const struct fg_book_limit *l, int p, int r)
{
    return (l->product < 0 || l->product == p) && (l->regulation < 0 || l->regulation == r);
}

/* From orders and trades alone; `except`: an order that does not count. */
static struct fg_book_exposure exposure_of(const struct auditor *a, int32_t participant, const struct fg_book_limit *l,
                                           const struct a_order *except)
{
    struct fg_book_exposure e = {0};
    for (size_t i = 0; i < a->count; i++) {
        const struct a_order *x = &a->orders[i];
        const struct fg_book_order *o = &x->o.order;
        if (x->dead || x == except || o->participant != participant || !covers(l, o->product, o->regulation))
            continue;
        e.orders++;
        for (int32_t k = 0; k < o->period_count && o->side == FG_SIDE_BUY; k++)
            e.open.u += worth(x->o.points, o->point_count, x->filled[k], x->o.quantity[k].w);
    }
    for (size_t i = 0; i < a->trade_count; i++) {
        const struct fg_book_trade *t = &a->trades[i].t;
        struct fg_price_point point = {t->quantity, t->price};
        if (t->buyer == participant && t->flow.period >= a->settled && covers(l, t->flow.product, t->flow.regulation))
            e.bought.u += worth(&point, 1, 0, t->quantity.w);
    }
    return e;
}

struct limited {
    const struct fg_book_order *order;
    const struct fg_price_point *points;
    int32_t point_count;
    const struct a_order *former;     /* of an amendment */
    const struct sim_order *earlier;  /* members of the submission before it */
    size_t earlier_count;
};

static enum fg_refusal breaks(const struct auditor *a, const struct fg_book_limit *l, const struct limited *entry)
{
    const struct fg_book_order *o = entry->order;
    for (int32_t k = 0; k < entry->point_count && o->contract == 0; k++)
        if (l->has_price && (entry->points[k].price.uper_mwh < l->price_min.uper_mwh ||
                             entry->points[k].price.uper_mwh > l->price_max.uper_mwh))
            return FG_REFUSAL_LIMIT_PRICE;
    for (int32_t k = 0; k < entry->point_count && o->contract == 0; k++) {
        int64_t off = entry->points[k].price.uper_mwh - l->reference.uper_mwh;
        if (l->has_band && (off > l->band.uper_mwh || -off > l->band.uper_mwh))
            return FG_REFUSAL_LIMIT_BAND;
    }
    for (int32_t k = 0; k < o->period_count && o->contract == 0; k++)
        if (l->size_max.w >= 0 && o->quantity[k].w > l->size_max.w)
            return FG_REFUSAL_LIMIT_SIZE;
    struct fg_book_exposure has = exposure_of(a, o->participant, l, entry->former);
    int64_t own = 0, before = 0;
    for (size_t m = 0; m < entry->earlier_count; m++) {
        const struct sim_order *e = &entry->earlier[m];
        if (e->order.participant != o->participant || !covers(l, e->order.product, e->order.regulation))
            continue;
        has.orders++;
        for (int32_t k = 0; k < e->order.period_count && e->order.side == FG_SIDE_BUY; k++)
            has.open.u += worth(e->points, e->order.point_count, 0, e->quantity[k].w);
    }
    if (l->orders_max >= 0 && o->contract == 0 && !entry->former && has.orders >= l->orders_max)
        return FG_REFUSAL_LIMIT_ORDERS;
    if (l->exposure_max.u < 0 || o->side != FG_SIDE_BUY)
        return FG_REFUSAL_NONE;
    for (int32_t k = 0; k < o->period_count; k++) {
        const struct a_order *f = entry->former;
        own += worth(entry->points, entry->point_count, f ? f->filled[k] : 0, o->quantity[k].w);
        before += f ? worth(f->o.points, f->o.order.point_count, f->filled[k], f->o.quantity[k].w) : 0;
    }
    bool may = has.open.u + has.bought.u + own <= l->exposure_max.u || (entry->former && own <= before);
    return may ? FG_REFUSAL_NONE : FG_REFUSAL_LIMIT_EXPOSURE;
}

/* The rows that the order falls under, those for everybody first, then by product and direction. */
static enum fg_refusal expect_limits(const struct auditor *a, const struct limited *entry)
{
    for (int own = 0; own < 2; own++)
        for (int p = -1; p < PRODUCTS; p++)
            for (int r = -1; r < 2; r++)
                for (size_t i = 0; i < a->limit_count; i++) {
                    const struct fg_book_limit *l = &a->limits[i];
                    if (l->participant != (own ? entry->order->participant : -1) || l->product != p ||
                        l->regulation != r || !covers(l, entry->order->product, entry->order->regulation))
                        continue;
                    enum fg_refusal refusal = breaks(a, l, entry);
                    if (refusal)
                        return refusal;
                }
    return FG_REFUSAL_NONE;
}

static struct fg_book_limit *find_limit(struct auditor *a, const struct fg_book_limit *l)
{
    for (size_t i = 0; i < a->limit_count; i++)
        if (a->limits[i].participant == l->participant && a->limits[i].product == l->product &&
            a->limits[i].regulation == l->regulation)
            return &a->limits[i];
    return NULL;
}

static bool sets_nothing(const struct fg_book_limit *l)
{
    return !l->has_price && !l->has_band && l->size_max.w < 0 && l->orders_max < 0 && l->exposure_max.u < 0;
}

static const char *check_limits(struct auditor *a, const struct fg_book *book)
{
    bool needs_sums = false;
    if (fg_book_limit_count(book) != a->limit_count || fg_book_settled_before(book) != a->settled)
        return wrong(a, "book has %zu limits, expected %zu", fg_book_limit_count(book), a->limit_count);
    for (size_t i = 0; i < a->limit_count; i++) {
        const struct fg_book_limit *row = fg_book_limit_at(book, i), *l = find_limit(a, row);
        if (!l || l->has_band != row->has_band || (l->has_band && l->reference.uper_mwh != row->reference.uper_mwh) ||
            l->orders_max != row->orders_max || l->exposure_max.u != row->exposure_max.u)
            return wrong(a, "limit %zu reads differently", i);
        needs_sums |= l->orders_max >= 0 || l->exposure_max.u >= 0;
    }
    for (int32_t participant = 0; participant < SIM_PARTICIPANTS; participant++) {
        struct fg_book_limit all = {.product = -1, .regulation = -1};
        struct fg_book_exposure e, f = exposure_of(a, participant, &all, NULL);
        bool has = fg_book_find_exposure(book, participant, -1, -1, &e);
        if (has != needs_sums ||
            (has && (e.orders != f.orders || e.open.u != f.open.u || e.bought.u != f.bought.u)))
            return wrong(a, "participant %d: book has %lld orders worth %lld and bought %lld, expected %lld, %lld, %lld",
                         participant, has ? (long long)e.orders : -1, has ? (long long)e.open.u : -1,
                         has ? (long long)e.bought.u : -1, (long long)f.orders, (long long)f.open.u,
                         (long long)f.bought.u);
    }
    return NULL;
}

static enum fg_refusal expect_submit(struct auditor *a, const struct sim_command *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct fg_book_order *o = &c->orders[i].order;
        if (halted(a, o))
            return FG_REFUSAL_HALTED;
        for (size_t k = 0; k < i; k++)
            if (c->orders[k].order.id == o->id)
                return FG_REFUSAL_ID_DUPLICATE;
        for (size_t k = 0; k < a->count; k++) /* one that expires in this command counts */
            if (a->orders[k].o.order.id == o->id)
                return FG_REFUSAL_ID_DUPLICATE;
        struct fg_book_order whole = *o;
        whole.quantity = c->orders[i].quantity;
        struct limited entry = {.order = &whole, .points = c->orders[i].points, .point_count = o->point_count,
                                .earlier = c->orders, .earlier_count = i};
        enum fg_refusal limited = expect_limits(a, &entry);
        if (limited)
            return limited;
        if (o->parent) {
            const struct a_order *p = find(a, o->parent);
            if (p == NULL)
                return FG_REFUSAL_PARENT_UNKNOWN;
            if (p->forwarded)
                return FG_REFUSAL_ORDER_LOCKED;
            if (p->o.order.participant != o->participant || p->o.order.organisation != o->organisation)
                return FG_REFUSAL_LINK_PARTICIPANT;
            if (p->o.order.period_count > 1 && !p->o.order.block)
                return FG_REFUSAL_LINK_FRACTION;
        }
        /* What earlier members of the submission take of the same account, period by period. */
        int64_t extra[SIM_PERIODS] = {0}, held_taken[SIM_PERIODS] = {0};
        for (size_t k = 0; k < i; k++) {
            const struct fg_book_order *e = &c->orders[k].order;
            if (e->side == FG_SIDE_SELL && e->portfolio == o->portfolio && e->product == o->product &&
                e->regulation == o->regulation)
                for (int32_t s = 0; s < o->period_count; s++) {
                    int32_t at = o->first_period + s - e->first_period;
                    if (at < 0 || at >= e->period_count || o->first_period + s >= SIM_HORIZON)
                        continue;
                    int64_t w = c->orders[k].quantity[at].w, own = 0;
                    if (e->contract != 0) {
                        own = a->accounts[o->portfolio][o->product][o->regulation][o->first_period + s].contracted -
                              held_taken[s];
                        own = own < w ? own : w;
                    }
                    held_taken[s] += own;
                    extra[s] += w - own;
                }
        }
        struct fg_book_order full = *o;
        full.quantity = c->orders[i].quantity;
        enum fg_refusal r = expect_accounts(a, &full, NULL, NULL, extra, held_taken);
        if (r)
            return r;
    }
    return FG_REFUSAL_NONE;
}

static bool only_lowers(const struct a_order *x, const struct sim_command *c)
{
    if (!c->has_quantity || c->has_points || c->amendment.min_fraction_u >= 0 || c->amendment.expires_us >= 0)
        return false;
    for (int32_t i = 0; i < x->o.order.period_count; i++)
        if (c->orders[0].quantity[i].w > x->o.quantity[i].w)
            return false;
    return true;
}

static enum fg_refusal expect_amend(struct auditor *a, const struct sim_command *c)
{
    struct a_order *x = find(a, c->id);
    if (!x)
        return FG_REFUSAL_ORDER_UNKNOWN;
    const struct fg_book_order *o = &x->o.order;
    if (x->forwarded)
        return FG_REFUSAL_ORDER_LOCKED;
    bool has_children = false;
    for (size_t i = 0; i < a->count; i++)
        has_children |= !a->orders[i].dead && a->orders[i].o.order.parent == o->id;
    bool has_parent = o->parent && find(a, o->parent);
    if (x->group || has_parent || has_children || (is_composite(x) && x->filled[0] > 0))
        return FG_REFUSAL_AMEND;
    int64_t total = 0;
    if (c->has_quantity)
        for (int32_t i = 0; i < o->period_count; i++)
            if (c->orders[0].quantity[i].w < x->filled[i])
                return FG_REFUSAL_QUANTITY_RANGE;
    for (int32_t i = 0; i < o->period_count; i++) {
        int64_t w = c->has_quantity ? c->orders[0].quantity[i].w : x->o.quantity[i].w;
        if (o->block && w == 0)
            return FG_REFUSAL_QUANTITY_RANGE;
        total += w;
    }
    if (total == 0)
        return FG_REFUSAL_QUANTITY_RANGE;
    int64_t largest = 0;
    for (int32_t i = 0; i < o->period_count; i++) {
        int64_t w = c->has_quantity ? c->orders[0].quantity[i].w : x->o.quantity[i].w;
        largest = w > largest ? w : largest;
    }
    if ((c->has_points ? c->orders[0].points[0].up_to.w : x->o.points[o->point_count - 1].up_to.w) < largest)
        return FG_REFUSAL_PRICE_SHORT;
    int32_t points = c->has_points ? c->amendment.point_count : o->point_count;
    int64_t min_u = c->amendment.min_fraction_u >= 0 ? c->amendment.min_fraction_u : o->min_fraction_u;
    if (points > 1 && min_u > 0)
        return FG_REFUSAL_ACCEPTANCE;
    if (c->amendment.expires_us > 0 && c->amendment.expires_us <= a->now)
        return FG_REFUSAL_VALIDITY;
    if (halted(a, o))
        return FG_REFUSAL_HALTED;
    if (only_lowers(x, c))
        return FG_REFUSAL_NONE;
    int64_t freed[SIM_PERIODS], none[SIM_PERIODS] = {0};
    for (int32_t i = 0; i < o->period_count; i++)
        freed[i] = x->o.quantity[i].w - x->filled[i];
    struct fg_book_order to = *o;
    to.quantity = c->has_quantity ? c->orders[0].quantity : x->o.quantity;
    struct limited entry = {.order = &to,
                            .points = c->has_points ? c->orders[0].points : x->o.points,
                            .point_count = c->has_points ? c->amendment.point_count : o->point_count,
                            .former = x};
    enum fg_refusal limited = expect_limits(a, &entry);
    return limited ? limited : expect_accounts(a, &to, x->filled, freed, none, none);
}

static enum fg_refusal expect_forward_end(struct auditor *a, const struct sim_command *c)
{
    struct a_order *x = find(a, c->id);
    if (!x)
        return FG_REFUSAL_ORDER_UNKNOWN;
    if (!x->forwarded)
        return FG_REFUSAL_FORWARD;
    if (c->end != FG_BOOK_FORWARD_ACTIVATED && c->end != FG_BOOK_FORWARD_CALLED)
        return FG_REFUSAL_NONE;
    int64_t any = 0;
    const struct fg_book_order *o = &x->o.order;
    for (int32_t i = 0; i < o->period_count; i++) {
        if (c->called[i].w > x->o.quantity[i].w - x->filled[i])
            return FG_REFUSAL_FORWARD;
        if (is_composite(x) && c->called[i].w * x->o.quantity[0].w != c->called[0].w * x->o.quantity[i].w)
            return FG_REFUSAL_FORWARD;
        any |= c->called[i].w;
    }
    if (!any)
        return FG_REFUSAL_FORWARD;
    for (int32_t i = 0; i < o->period_count; i++) {
        struct fg_book_flow f = {.product = o->product,
                                 .regulation = o->regulation,
                                 .kind = FG_REQUEST_NEED,
                                 .period = o->first_period + i,
                                 .sell_bus = o->bus,
                                 .buy_bus = -1};
        if (c->called[i].w && !network_takes(a, &f, c->called[i].w))
            return FG_REFUSAL_NETWORK;
    }
    return FG_REFUSAL_NONE;
}

static bool is_halted_scope(const struct auditor *a, enum fg_book_scope scope, int32_t index)
{
    for (size_t i = 0; i < a->halt_count; i++)
        if (a->halts[i].scope == scope && a->halts[i].index == index)
            return true;
    return false;
}

static enum fg_refusal expect(struct auditor *a, const struct sim_command *c)
{
    struct a_order *x;
    if (c->planted)
        return c->planted;
    if ((c->kind == SIM_OPEN || c->kind == SIM_CLOSE || c->kind == SIM_CAPABILITY || c->kind == SIM_CONTRACTED) &&
        c->first < a->forgotten)
        return FG_REFUSAL_PERIOD_CLOSED;
    switch (c->kind) {
    case SIM_SUBMIT: return expect_submit(a, c);
    case SIM_AMEND: return expect_amend(a, c);
    case SIM_CANCEL:
        x = find(a, c->id);
        return !x ? FG_REFUSAL_ORDER_UNKNOWN : x->forwarded ? FG_REFUSAL_ORDER_LOCKED : FG_REFUSAL_NONE;
    case SIM_OPEN:
        for (int32_t i = 0; i < c->periods; i++)
            if (auditor_is_open(a, c->product, c->first + i))
                return FG_REFUSAL_STATE;
        return FG_REFUSAL_NONE;
    case SIM_CLOSE:
        for (int32_t i = 0; i < c->periods; i++)
            if (!auditor_is_open(a, c->product, c->first + i))
                return FG_REFUSAL_PERIOD_CLOSED;
        return FG_REFUSAL_NONE;
    case SIM_HALT:
        if (c->scope == FG_BOOK_SCOPE_LOCATION && c->index >= a->loc.count)
            return FG_REFUSAL_LOCATION;
        return is_halted_scope(a, c->scope, c->index) ? FG_REFUSAL_STATE : FG_REFUSAL_NONE;
    case SIM_RESUME:
        if (c->scope == FG_BOOK_SCOPE_LOCATION && c->index >= a->loc.count)
            return FG_REFUSAL_LOCATION;
        return is_halted_scope(a, c->scope, c->index) ? FG_REFUSAL_NONE : FG_REFUSAL_STATE;
    case SIM_CAPABILITY:
        for (int32_t i = 0; i < c->periods; i++) {
            int64_t open, traded, forwarded;
            sum_account(a, c->index, c->product, c->regulation, c->first + i, &open, &traded, &forwarded);
            if (traded + forwarded + c->reserved +
                    a->accounts[c->index][c->product][c->regulation][c->first + i].contracted > c->capability)
                return FG_REFUSAL_CAPABILITY_COMMITTED;
        }
        return FG_REFUSAL_NONE;
    case SIM_CONTRACTED:
        for (int32_t i = 0; i < c->periods; i++) {
            int64_t open, traded, forwarded;
            const struct a_account *held = &a->accounts[c->index][c->product][c->regulation][c->first + i];
            sum_account(a, c->index, c->product, c->regulation, c->first + i, &open, &traded, &forwarded);
            if (traded + forwarded + held->reserved + c->contracted > held->capability)
                return FG_REFUSAL_CAPABILITY_COMMITTED;
        }
        return FG_REFUSAL_NONE;
    case SIM_LIMIT:
        if (c->limit.has_price && c->limit.price_min.uper_mwh > c->limit.price_max.uper_mwh)
            return FG_REFUSAL_LIMIT;
        if (c->limit.has_band && (c->limit.participant >= 0 || c->limit.product < 0 || c->limit.regulation < 0))
            return FG_REFUSAL_LIMIT;
        return sets_nothing(&c->limit) && !find_limit(a, &c->limit) ? FG_REFUSAL_STATE : FG_REFUSAL_NONE;
    case SIM_SETTLED: return c->first <= a->settled ? FG_REFUSAL_STATE : FG_REFUSAL_NONE;
    case SIM_WITHDRAW:
        x = find(a, c->id);
        if (!x)
            return FG_REFUSAL_ORDER_UNKNOWN;
        if (x->forwarded)
            return FG_REFUSAL_ORDER_LOCKED;
        return (c->cause == FG_BOOK_CAUSE_OUTSIDE ? x->o.order.side == FG_SIDE_BUY : x->o.order.contract != 0)
                   ? FG_REFUSAL_NONE
                   : FG_REFUSAL_KIND_SIDE;
    case SIM_REDUCE_TRADE:
        for (size_t i = 0; i < a->trade_count; i++)
            if (a->trades[i].t.id == c->id)
                return c->keep < 0 || c->keep >= a->trades[i].t.quantity.w ? FG_REFUSAL_TRADE_QUANTITY
                                                                           : FG_REFUSAL_NONE;
        return FG_REFUSAL_TRADE_UNKNOWN;
    case SIM_FORWARD:
        x = find(a, c->id);
        if (!x)
            return FG_REFUSAL_ORDER_UNKNOWN;
        if (x->forwarded)
            return FG_REFUSAL_ORDER_LOCKED;
        for (size_t i = 0; i < a->count; i++)
            if (!a->orders[i].dead && a->orders[i].o.order.parent == c->id)
                return FG_REFUSAL_FORWARD;
        return !x->o.order.forward_to_tso || x->group || (x->o.order.parent && find(a, x->o.order.parent))
                   ? FG_REFUSAL_FORWARD
                   : FG_REFUSAL_NONE;
    case SIM_FORWARD_END: return expect_forward_end(a, c);
    case SIM_FORGET:
        for (int p = 0; p < PRODUCTS; p++)
            for (int32_t t = 0; t < c->first && t < SIM_HORIZON; t++)
                if (a->open[p][t])
                    return FG_REFUSAL_STATE;
        for (size_t i = 0; i < a->count; i++)
            if (!a->orders[i].dead && a->orders[i].forwarded && a->orders[i].o.order.first_period < c->first)
                return FG_REFUSAL_STATE;
        return FG_REFUSAL_NONE;
    default: return FG_REFUSAL_NONE;
    }
}

/* ---- Events ---- */

static void bury(struct auditor *a, struct a_order *x)
{
    if (x->group && x->group_kind != FG_GROUP_MULTIPART)
        find_group(a, x->group)->closed_u += up_fraction(x);
    x->dead = true;
}

static struct a_order *add_order(struct auditor *a, const struct sim_order *from)
{
    GROW(a->orders, a->count, a->capacity);
    struct a_order *x = &a->orders[a->count++];
    memset(x, 0, sizeof *x);
    x->o = *from;
    memcpy(x->entered, from->quantity, sizeof x->entered);
    x->rank = a->next_rank++;
    x->was_new = true;
    return x;
}

static const char *on_trade(struct auditor *a, const struct fg_book_trade *t)
{
    struct a_order *s = find(a, t->sell), *b = find(a, t->buy);
    unsigned long long id = t->id;
    if (!s || !b)
        return wrong(a, "trade %llu of an order that is not open", id);
    if (t->id != a->next_trade)
        return wrong(a, "trade %llu out of sequence", id);
    int32_t p = t->flow.period;
    if (!may_trade(a, s, b))
        return wrong(a, "trade %llu between orders %llu and %llu that must not meet", id, (unsigned long long)t->sell,
                     (unsigned long long)t->buy);
    if (!auditor_is_open(a, s->o.order.product, p))
        return wrong(a, "trade %llu in period %d, which is closed", id, p);
    if (t->quantity.w <= 0 || t->quantity.w % SIM_TICK || t->quantity.w > left(s, p) || t->quantity.w > left(b, p))
        return wrong(a, "trade %llu has quantity %lld, more than is left or no tick", id, (long long)t->quantity.w);
    struct a_order *initiator = s->rank < b->rank ? s : b, *aggressor = s->rank < b->rank ? b : s;
    if ((t->initiator == FG_SIDE_SELL ? s : b) != initiator)
        return wrong(a, "trade %llu names the wrong initiator", id);
    int64_t first = initiator->filled[p - initiator->o.order.first_period];
    for (int64_t at = first; at < first + t->quantity.w; at += SIM_TICK)
        if (price_at(initiator, at) != t->price.uper_mwh)
            return wrong(a, "trade %llu is not at the initiator's price", id);
    int64_t next = aggressor->filled[p - aggressor->o.order.first_period];
    for (int64_t at = next; at < next + t->quantity.w; at += SIM_TICK)
        if (aggressor == b ? price_at(b, at) < t->price.uper_mwh : price_at(s, at) > t->price.uper_mwh)
            return wrong(a, "trade %llu is beyond the aggressor's limit", id);
    struct fg_book_flow f = flow_of(s, b, p), g = t->flow;
    if (f.product != g.product || f.regulation != g.regulation || f.kind != g.kind || f.conditional != g.conditional ||
        f.period != g.period || f.sell_bus != g.sell_bus || f.buy_bus != g.buy_bus ||
        f.sell_location != g.sell_location || f.buy_location != g.buy_location || t->seller != s->o.order.participant ||
        t->buyer != b->o.order.participant || t->portfolio != s->o.order.portfolio || t->concluded.w != t->quantity.w)
        return wrong(a, "trade %llu does not describe its orders", id);
    struct fg_book_limit *band = find_limit(
        a, &(struct fg_book_limit){.participant = -1, .product = (int32_t)f.product, .regulation = (int32_t)f.regulation});
    if (band && band->has_band)
        band->reference = t->price;
    GROW(a->trades, a->trade_count, a->trade_capacity);
    a->trades[a->trade_count++].t = *t;
    a->next_trade++;
    s->filled[p - s->o.order.first_period] += t->quantity.w;
    b->filled[p - b->o.order.first_period] += t->quantity.w;
    return NULL;
}

static const char *on_amended(struct auditor *a, struct a_order *x, const struct sim_command *c)
{
    bool keeps = only_lowers(x, c);
    if (c->kind != SIM_AMEND || c->id != x->o.order.id)
        return wrong(a, "order %llu amended by nobody", (unsigned long long)x->o.order.id);
    if (c->has_quantity)
        memcpy(x->o.quantity, c->orders[0].quantity, sizeof x->o.quantity);
    if (c->has_points) {
        memcpy(x->o.points, c->orders[0].points, sizeof x->o.points);
        x->o.order.point_count = c->amendment.point_count;
    }
    if (c->amendment.min_fraction_u >= 0)
        x->o.order.min_fraction_u = c->amendment.min_fraction_u;
    if (c->amendment.expires_us >= 0) {
        x->o.order.expires_us = c->amendment.expires_us;
        x->o.order.validity = c->amendment.expires_us ? FG_VALIDITY_GTT : FG_VALIDITY_GTC;
    }
    memcpy(x->entered, x->o.quantity, sizeof x->entered);
    if (!keeps) {
        x->rank = a->next_rank++;
        x->was_new = true;
        x->tied = false; /* its parent is filled: it comes in anew on its own */
        x->o.order.parent = 0;
        struct a_order moved = *x; /* kept in the order of ranks */
        size_t at = (size_t)(x - a->orders);
        memmove(a->orders + at, a->orders + at + 1, (a->count - at - 1) * sizeof *x);
        a->orders[a->count - 1] = moved;
    }
    return NULL;
}

static const char *on_cancelled(struct auditor *a, struct a_order *x, const struct sim_command *c,
                                const struct fg_book_event *e, bool is_expiry)
{
    const struct fg_book_order *o = &x->o.order;
    unsigned long long id = o->id;
    bool right = false;
    switch (e->cause) {
    case FG_BOOK_CAUSE_OWNER: right = (c->kind == SIM_CANCEL || c->kind == SIM_AMEND) && c->id == o->id; break;
    case FG_BOOK_CAUSE_MASS:
        right = c->kind == SIM_MASS && !x->forwarded &&
                (c->filter.participant < 0 || c->filter.participant == o->participant) &&
                (c->filter.portfolio < 0 || c->filter.portfolio == o->portfolio) &&
                (c->filter.location < 0 || inside(a, o->location, c->filter.location)) &&
                (!c->filter.session || c->filter.session == o->session) &&
                (!c->filter.spares_contracts || !o->contract);
        break;
    case FG_BOOK_CAUSE_OUTSIDE:
    case FG_BOOK_CAUSE_CONTRACT: right = c->kind == SIM_WITHDRAW && c->id == o->id && c->cause == e->cause; break;
    case FG_BOOK_CAUSE_VALIDITY:
        right = o->validity >= FG_VALIDITY_IOC
                    ? x->was_new
                    : o->expires_us && o->expires_us <= a->now && (is_expiry || c->kind == SIM_FORWARD_END);
        if (right && o->validity == FG_VALIDITY_FOK)
            for (int32_t i = 0; i < o->period_count; i++)
                right &= x->filled[i] == x->before[i];
        break;
    case FG_BOOK_CAUSE_SELF_TRADE: { /* some order of its own organisation crosses */
        for (size_t m = 0; m < a->count && x->was_new; m++) {
            struct a_order *leg = &a->orders[m]; /* a multipart group goes with any of its legs */
            if (leg != x && (leg->dead || !x->group || leg->group != x->group || x->group_kind != FG_GROUP_MULTIPART))
                continue;
            for (size_t i = 0; i < a->count; i++) {
                struct a_order *y = &a->orders[i], other = *y;
                other.o.order.organisation = -1;
                if (!y->dead && y->o.order.organisation == o->organisation && (y->rank < leg->rank || y->was_new) &&
                    y != leg)
                    right |= leg->o.order.side == FG_SIDE_SELL ? may_trade(a, leg, &other) : may_trade(a, &other, leg);
            }
        }
        break;
    }
    case FG_BOOK_CAUSE_GATE: /* the gate closes, or has closed while the order was forwarded */
        right = c->kind == SIM_CLOSE ? c->product == o->product && !x->forwarded
                                     : c->kind == SIM_FORWARD_END && c->id == o->id && c->end == FG_BOOK_FORWARD_RETURNED;
        break;
    case FG_BOOK_CAUSE_CAPABILITY:
        right = (c->kind == SIM_CAPABILITY || c->kind == SIM_CONTRACTED) && o->portfolio == c->index && o->product == c->product;
        break;
    case FG_BOOK_CAUSE_GROUP: right = x->group != 0; break;
    case FG_BOOK_CAUSE_PARENT: right = o->parent != 0; break;
    case FG_BOOK_CAUSE_FORWARD:
        right = c->kind == SIM_FORWARD_END && c->id == o->id && x->forwarded && c->end != FG_BOOK_FORWARD_CALLED &&
                c->end != FG_BOOK_FORWARD_RETURNED;
        break;
    default: break;
    }
    if (!right)
        return wrong(a, "order %llu cancelled for the wrong cause %s", id, fg_book_cause_word(e->cause));
    bury(a, x);
    return NULL;
}

static const char *on_event(struct auditor *a, const struct sim_command *c, const struct sim_event *event,
                            size_t *accepted)
{
    const struct fg_book_event *e = &event->event;
    struct a_order *x = e->order ? find(a, e->order) : NULL;
    if (e->sequence != ++a->sequence)
        return wrong(a, "event %llu out of sequence", (unsigned long long)e->sequence);
    if (e->time_us != a->now)
        return wrong(a, "event stamped %lld", (long long)e->time_us);
    bool needs = e->kind != FG_BOOK_REFUSED && e->kind != FG_BOOK_ACCEPTED && e->kind < FG_BOOK_TRADE_REDUCED;
    if (needs && !x)
        return wrong(a, "event %s of order %llu, which is not open", fg_book_event_word(e->kind),
                     (unsigned long long)e->order);
    switch (e->kind) {
    case FG_BOOK_ACCEPTED: {
        if (c->kind != SIM_SUBMIT || *accepted >= c->count || e->order != c->orders[*accepted].order.id)
            return wrong(a, "order %llu accepted by nobody", (unsigned long long)e->order);
        x = add_order(a, &c->orders[*accepted]);
        if (c->has_group) {
            if (*accepted == 0) {
                GROW(a->groups, a->group_count, a->group_capacity);
                a->groups[a->group_count++] = (struct a_group){c->group.id, c->group.kind, 0};
            }
            x->group = c->group.id;
            x->group_kind = c->group.kind;
        }
        x->tied = c->has_group || x->o.order.parent;
        for (int32_t k = 0; k < x->o.order.period_count; k++)
            if (x->o.order.side == FG_SIDE_SELL && x->o.order.contract && x->o.quantity[k].w > 0) {
                struct a_account *held = &a->accounts[x->o.order.portfolio][x->o.order.product][x->o.order.regulation]
                                                     [x->o.order.first_period + k];
                held->contracted -= held->contracted < x->o.quantity[k].w ? held->contracted : x->o.quantity[k].w;
            }
        (*accepted)++;
        return NULL;
    }
    case FG_BOOK_AMENDED: return on_amended(a, x, c);
    case FG_BOOK_TRADED: return on_trade(a, &event->trade);
    case FG_BOOK_REDUCED: {
        int32_t i = e->period - x->o.order.first_period;
        if (i < 0 || i >= x->o.order.period_count || e->quantity.w < x->filled[i] ||
            e->quantity.w >= x->o.quantity[i].w)
            return wrong(a, "order %llu reduced to %lld", (unsigned long long)e->order, (long long)e->quantity.w);
        if (e->cause == FG_BOOK_CAUSE_CAPABILITY) {
            /* Only what is over, and nobody newer has anything left. */
            int64_t over = -auditor_free_capability(a, x->o.order.portfolio, c->product, c->regulation, e->period);
            int64_t cut = x->o.quantity[i].w - e->quantity.w;
            if (over <= 0 || (x->o.order.min_fraction_u == 0 && cut > (over + SIM_TICK - 1) / SIM_TICK * SIM_TICK))
                return wrong(a, "order %llu cut too far", (unsigned long long)e->order);
            for (size_t k = 0; k < a->count; k++) {
                const struct a_order *y = &a->orders[k];
                if (!y->dead && y->rank > x->rank && y->o.order.side == FG_SIDE_SELL && !y->forwarded &&
                    y->o.order.portfolio == x->o.order.portfolio && y->o.order.product == c->product &&
                    y->o.order.regulation == c->regulation && left(y, e->period) > 0)
                    return wrong(a, "order %llu cut before the newer %llu", (unsigned long long)e->order,
                                 (unsigned long long)y->o.order.id);
            }
        } else if (e->cause == FG_BOOK_CAUSE_GATE ? e->quantity.w != x->filled[i] || x->forwarded ||
                                                        (c->kind != SIM_CLOSE &&
                                                         (c->kind != SIM_FORWARD_END || c->id != e->order ||
                                                          auditor_is_open(a, x->o.order.product, e->period)))
                                                  : e->cause != FG_BOOK_CAUSE_SELF_TRADE || !x->was_new) {
            return wrong(a, "order %llu reduced for the wrong cause", (unsigned long long)e->order);
        }
        x->o.quantity[i].w = e->quantity.w;
        return NULL;
    }
    case FG_BOOK_FILLED:
        for (int32_t i = 0; i < x->o.order.period_count; i++)
            if (x->filled[i] != x->o.quantity[i].w)
                return wrong(a, "order %llu is called filled", (unsigned long long)e->order);
        bury(a, x);
        return NULL;
    case FG_BOOK_CANCELLED: return on_cancelled(a, x, c, e, true);
    case FG_BOOK_FORWARDED: x->forwarded = true; return NULL;
    case FG_BOOK_RETURNED: x->forwarded = false; return NULL;
    case FG_BOOK_ACTIVATED: {
        const struct fg_book_order *o = &x->o.order;
        int32_t i = e->period - o->first_period;
        if (c->kind != SIM_FORWARD_END || c->called[i].w != e->quantity.w)
            return wrong(a, "activation of order %llu", (unsigned long long)e->order);
        x->filled[i] += e->quantity.w;
        a->accounts[o->portfolio][o->product][o->regulation][e->period].activated += e->quantity.w;
        GROW(a->activations, a->activation_count, a->activation_capacity);
        a->activations[a->activation_count++] =
            (struct a_activation){e->period, o->bus, o->product, o->regulation, e->quantity.w, o->portfolio};
        return NULL;
    }
    case FG_BOOK_TRADE_REDUCED:
        for (size_t i = 0; i < a->trade_count; i++)
            if (a->trades[i].t.id == event->trade.id) {
                int64_t back = a->trades[i].t.quantity.w - c->keep;
                if (c->kind != SIM_REDUCE_TRADE || c->id != event->trade.id || e->quantity.w != back ||
                    event->trade.quantity.w != c->keep)
                    return wrong(a, "trade %llu reduced wrongly", (unsigned long long)event->trade.id);
                a->trades[i].t.quantity.w = c->keep;
            }
        return NULL;
    case FG_BOOK_OPENED:
        for (int32_t i = 0; i < c->periods; i++)
            a->open[c->product][c->first + i] = true;
        a->low = c->first < a->low ? c->first : a->low;
        a->high = c->first + c->periods > a->high ? c->first + c->periods : a->high;
        return NULL;
    case FG_BOOK_CLOSED:
        for (int32_t i = 0; i < c->periods; i++)
            a->open[c->product][c->first + i] = false;
        return NULL;
    case FG_BOOK_HALTED: a->halts[a->halt_count++] = (struct a_halt){e->scope, e->index}; return NULL;
    case FG_BOOK_RESUMED:
        for (size_t i = 0; i < a->halt_count; i++)
            if (a->halts[i].scope == e->scope && a->halts[i].index == e->index)
                a->halts[i] = a->halts[--a->halt_count];
        return NULL;
    case FG_BOOK_CONTRACTED_SET:
        a->accounts[c->index][c->product][c->regulation][e->period].contracted = c->contracted;
        a->low = e->period < a->low ? e->period : a->low;
        a->high = e->period + 1 > a->high ? e->period + 1 : a->high;
        return NULL;
    case FG_BOOK_LIMIT_SET: {
        struct fg_book_limit *row = find_limit(a, &c->limit);
        if (row && sets_nothing(&c->limit)) {
            *row = a->limits[--a->limit_count];
        } else if (row) {
            *row = c->limit;
        } else {
            GROW(a->limits, a->limit_count, a->limit_capacity);
            a->limits[a->limit_count++] = c->limit;
        }
        return NULL;
    }
    case FG_BOOK_CAPABILITY_SET: {
        struct a_account *x2 = &a->accounts[c->index][c->product][c->regulation][e->period];
        x2->capability = c->capability;
        x2->reserved = c->reserved;
        a->low = e->period < a->low ? e->period : a->low;
        a->high = e->period + 1 > a->high ? e->period + 1 : a->high;
        return NULL;
    }
    default: return NULL;
    }
}

/* ---- After the command ---- */

static const char *check_conditions(struct auditor *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct a_order *x = &a->orders[i];
        const struct fg_book_order *o = &x->o.order;
        unsigned long long id = o->id;
        bool ended = x->dead; /* a filled or cancelled order keeps its conditions too */
        for (int32_t k = 0; k < o->period_count; k++) {
            int32_t t = o->first_period + k;
            if (x->filled[k] > 0 && x->filled[k] != x->before[k] && x->before[k] == 0 && !x->forwarded) {
                struct a_order full = *x; /* judged by the quantity it was entered with */
                memcpy(full.o.quantity, x->entered, sizeof full.o.quantity);
                if (x->filled[k] < minimum(&full, t))
                    return wrong(a, "order %llu accepted below its minimum in period %d", id, t);
            }
            if (is_composite(x) && !x->forwarded &&
                x->filled[k] * x->o.quantity[0].w != x->filled[0] * x->o.quantity[k].w)
                return wrong(a, "block %llu has unequal fractions", id);
            if (!ended && !x->forwarded && left(x, t) > 0 && !auditor_is_open(a, o->product, t))
                return wrong(a, "order %llu rests in period %d, which is closed", id, t);
        }
        if (ended)
            continue;
        bool rests = false;
        for (int32_t k = 0; k < o->period_count; k++)
            rests |= x->filled[k] < x->o.quantity[k].w;
        if (!rests || o->validity >= FG_VALIDITY_IOC)
            return wrong(a, "order %llu should have left", id);
        if (o->expires_us && o->expires_us <= a->now && !x->forwarded)
            return wrong(a, "order %llu has outlived its time", id);
        if (x->tied && x->filled[0] > 0 && ceiling(a, x) * x->o.quantity[0].w < x->filled[0] * parts_of(a, x))
            return wrong(a, "order %llu is accepted beyond its parent or group", id);
        if (x->group && x->group_kind == FG_GROUP_EXCLUSIVE_ONE && x->filled[0] == 0 && ceiling(a, x) == 0)
            return wrong(a, "order %llu outlived its exclusive group", id);
        for (size_t k = 0; x->group && x->group_kind == FG_GROUP_MULTIPART && k < a->count; k++) {
            const struct a_order *y = &a->orders[k];
            if (y->group == x->group &&
                (y->dead || y->filled[0] * x->o.quantity[0].w != x->filled[0] * y->o.quantity[0].w))
                return wrong(a, "multipart group %llu is torn", (unsigned long long)x->group);
        }
    }
    return NULL;
}

/* An incoming order never took a plain unconditional one while a better one of that kind keeps something. */
static const char *check_priority(struct auditor *a, uint64_t incoming, size_t first_trade)
{
    struct a_order *x = NULL;
    for (size_t i = 0; i < a->count; i++)
        if (a->orders[i].o.order.id == incoming)
            x = &a->orders[i];
    if (!x || !x->was_new || a->grid.is_on)
        return NULL;
    bool is_sell = x->o.order.side == FG_SIDE_SELL;
    for (size_t k = 0; k < a->count && !x->dead && !is_composite(x) && x->o.order.min_fraction_u == 0; k++) {
        struct a_order *y = &a->orders[k], other = *y;
        other.o.order.organisation = -1;
        if (y == x || y->dead || is_composite(y) || y->o.order.min_fraction_u || y->rank > x->rank ||
            y->o.order.organisation != x->o.order.organisation ||
            !(is_sell ? may_trade(a, x, &other) : may_trade(a, &other, x)))
            continue;
        for (int32_t i = 0; i < x->o.order.period_count; i++) {
            int32_t t = x->o.order.first_period + i;
            if (left(y, t) > 0 && left_for(x, t, price_at(y, y->filled[t - y->o.order.first_period])) > 0)
                return wrong(a, "order %llu keeps what crosses %llu of its own organisation",
                             (unsigned long long)incoming, (unsigned long long)y->o.order.id);
        }
    }
    for (size_t i = first_trade; i < a->trade_count; i++) {
        const struct fg_book_trade *t = &a->trades[i].t;
        if ((is_sell ? t->sell : t->buy) != incoming)
            continue;
        uint64_t other = is_sell ? t->buy : t->sell;
        struct a_order *r = NULL;
        for (size_t k = 0; k < a->count; k++)
            if (a->orders[k].o.order.id == other)
                r = &a->orders[k];
        if (!r || is_composite(r) || r->o.order.min_fraction_u || r->rank > x->rank)
            continue;
        for (size_t k = 0; k < a->count; k++) {
            struct a_order *y = &a->orders[k];
            int32_t p = t->flow.period;
            if (y == r || y->dead || is_composite(y) || y->o.order.min_fraction_u || y->rank > x->rank ||
                left(y, p) <= 0)
                continue;
            if (!(is_sell ? may_trade(a, x, y) : may_trade(a, y, x)))
                continue;
            int64_t price = price_at(y, y->filled[p - y->o.order.first_period]);
            int64_t gain = is_sell ? price - t->price.uper_mwh : t->price.uper_mwh - price;
            if (gain > 0 || (gain == 0 && y->rank < r->rank))
                return wrong(a, "order %llu traded with %llu although %llu was better", (unsigned long long)incoming,
                             (unsigned long long)other, (unsigned long long)y->o.order.id);
        }
    }
    return NULL;
}

static const char *check_network(struct auditor *a, size_t first_trade)
{
    for (size_t i = first_trade; i < a->trade_count && a->grid.is_on; i++)
        for (int32_t line = 1; line < SIM_BUSES; line++) {
            int64_t low, high, was_low, was_high, limit = a->grid.limit[line];
            int32_t t = a->trades[i].t.flow.period;
            flow_range(a, line, t, i, &was_low, &was_high);
            flow_range(a, line, t, i + 1, &low, &high);
            if ((high > limit && high > was_high) || (low < -limit && low < was_low))
                return wrong(a, "trade %llu creates or worsens an overload of line %d in period %d",
                             (unsigned long long)a->trades[i].t.id, line, t);
        }
    return NULL;
}

/* ---- Reads ---- */

static const char *check_order_reads(struct auditor *a, const struct fg_book *book)
{
    if (fg_book_order_count(book) != a->count || fg_book_trade_count(book) != a->trade_count)
        return wrong(a, "book has %zu orders and %zu trades, expected %zu and %zu", fg_book_order_count(book),
                     fg_book_trade_count(book), a->count, a->trade_count);
    uint64_t last = 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct a_order *x = &a->orders[i];
        struct fg_book_order_state s;
        struct fg_power quantity[SIM_PERIODS], filled[SIM_PERIODS];
        if (!fg_book_find_order(book, x->o.order.id, &s, quantity, filled))
            return wrong(a, "order %llu is not in the book", (unsigned long long)x->o.order.id);
        for (int32_t k = 0; k < x->o.order.period_count; k++)
            if (quantity[k].w != x->o.quantity[k].w || filled[k].w != x->filled[k])
                return wrong(a, "order %llu: book has %lld of %lld in slice %d, expected %lld of %lld",
                             (unsigned long long)x->o.order.id, (long long)filled[k].w, (long long)quantity[k].w, k,
                             (long long)x->filled[k], (long long)x->o.quantity[k].w);
        if (s.forwarded != x->forwarded || s.priority <= last || s.group != x->group ||
            s.order.points[0].price.uper_mwh != x->o.points[0].price.uper_mwh ||
            s.order.min_fraction_u != x->o.order.min_fraction_u || s.order.expires_us != x->o.order.expires_us)
            return wrong(a, "order %llu reads differently", (unsigned long long)x->o.order.id);
        last = s.priority;
    }
    for (size_t i = 0; i < a->trade_count; i++) {
        const struct fg_book_trade *t = &a->trades[i].t, *b = fg_book_find_trade(book, t->id);
        struct fg_money money;
        if (b == NULL || b->quantity.w != t->quantity.w || b->price.uper_mwh != t->price.uper_mwh)
            return wrong(a, "trade %llu reads differently", (unsigned long long)t->id);
        wide exact = (wide)t->quantity.w * 900 * t->price.uper_mwh; /* W s x u/MWh */
        fg_book_trade_money(book, b, &money, NULL);
        wide off = (wide)money.u * 3600000000LL - exact;
        if (off < -1800000000LL || off > 1800000000LL)
            return wrong(a, "trade %llu is worth something else", (unsigned long long)t->id);
    }
    return NULL;
}

struct ladder_check {
    struct auditor *a;
    int32_t period;
    enum fg_product product;
    enum fg_regulation regulation;
    enum fg_side side;
    int64_t total, last_gain, last_rank;
    bool in_composites, is_wrong;
};

static bool on_entry(void *context, const struct fg_book_entry *entry)
{
    struct ladder_check *l = context;
    const struct a_order *x = find(l->a, entry->order);
    l->is_wrong = true;
    if (!x || x->o.order.side != l->side || x->o.order.product != l->product || x->forwarded ||
        is_composite(x) != entry->conditional_order || (l->in_composites && !entry->conditional_order))
        return false;
    if (entry->conditional_order != l->in_composites)
        l->last_gain = INT64_MIN;
    l->in_composites = entry->conditional_order;
    int64_t cost = l->side == FG_SIDE_SELL ? entry->price.uper_mwh : -entry->price.uper_mwh;
    if (cost < l->last_gain || (cost == l->last_gain && x->rank < l->last_rank))
        return false;
    l->last_gain = cost;
    l->last_rank = x->rank;
    l->total += entry->quantity.w;
    l->is_wrong = entry->quantity.w <= 0;
    return !l->is_wrong;
}

static const char *check_ladders(struct auditor *a, const struct fg_book *book)
{
    for (int p = 0; p < PRODUCTS; p += 2)
        for (int32_t t = a->low; t < a->high; t++)
            for (int r = 0; r < 2; r++)
                for (int s = 0; s < 2; s++) {
                    struct ladder_check l = {.a = a,
                                             .period = t,
                                             .product = (enum fg_product)p,
                                             .regulation = (enum fg_regulation)r,
                                             .side = (enum fg_side)s,
                                             .last_gain = INT64_MIN};
                    int64_t total = 0;
                    if (fg_book_each_entry(book, l.product, l.regulation, t, l.side, on_entry, &l, NULL) != FG_OK)
                        return wrong(a, "entries cannot be read");
                    for (size_t i = 0; i < a->count; i++) {
                        const struct fg_book_order *o = &a->orders[i].o.order;
                        if (o->product == l.product && o->regulation == l.regulation && o->side == l.side &&
                            !a->orders[i].forwarded)
                            total += left(&a->orders[i], t);
                    }
                    if (l.is_wrong || l.total != total)
                        return wrong(a, "ladder %d/%d/%d of period %d reads %lld W, expected %lld W", p, r, s, t,
                                     (long long)l.total, (long long)total);
                }
    return NULL;
}

static void forget(struct auditor *a, int32_t before)
{
    size_t first = 0, kept = 0;
    while (first < a->trade_count && a->trades[first].t.flow.period < before)
        first++;
    if (first > 0)
        memmove(a->trades, a->trades + first, (a->trade_count - first) * sizeof *a->trades);
    a->trade_count -= first;
    for (size_t i = 0; i < a->activation_count; i++)
        if (a->activations[i].period >= before)
            a->activations[kept++] = a->activations[i];
    a->activation_count = kept;
    for (int32_t f = 0; f < SIM_PORTFOLIOS; f++)
        for (int p = 0; p < PRODUCTS; p++)
            for (int r = 0; r < 2; r++)
                for (int32_t t = a->low; t < before && t < SIM_HORIZON; t++)
                    a->accounts[f][p][r][t] = (struct a_account){0};
    a->low = before > a->low ? before : a->low;
    a->forgotten = before > a->forgotten ? before : a->forgotten;
    a->settled = before > a->settled ? before : a->settled;
}

const char *auditor_check(struct auditor *a, const struct sim_command *c, enum fg_refusal refusal,
                          const struct sim_event *events, size_t n, const struct fg_book *book, bool is_thorough)
{
    size_t i = 0, accepted = 0, first_trade = a->trade_count;
    const char *failure = NULL;
    if (c->time_us < a->now) {
        if (refusal != FG_REFUSAL_TIME_ORDER || n != 1 || events[0].event.kind != FG_BOOK_REFUSED)
            return wrong(a, "a command from the past was not refused");
        a->sequence++;
        return NULL;
    }
    a->now = c->time_us;
    /* Expiry comes first. */
    for (; i < n && events[i].event.kind == FG_BOOK_CANCELLED && events[i].event.cause != FG_BOOK_CAUSE_OWNER &&
           (events[i].event.cause == FG_BOOK_CAUSE_VALIDITY || events[i].event.cause == FG_BOOK_CAUSE_PARENT ||
            events[i].event.cause == FG_BOOK_CAUSE_GROUP);
         i++)
        if ((failure = on_event(a, c, &events[i], &accepted)) != NULL)
            return failure;
    enum fg_refusal expected = expect(a, c);
    if (refusal != expected)
        return wrong(a, "answered %s, expected %s", fg_refusal_key(refusal), fg_refusal_key(expected));
    if (refusal && (n != i + 1 || events[i].event.kind != FG_BOOK_REFUSED || events[i].event.reason != refusal))
        return wrong(a, "a refused command sent other events");
    for (size_t k = 0; k < a->count; k++) {
        memcpy(a->orders[k].before, a->orders[k].filled, sizeof a->orders[k].before);
        a->orders[k].was_new = false;
    }
    if (!refusal && c->kind == SIM_NETWORK)
        a->grid = c->grid;
    if (!refusal && c->kind == SIM_RELOCATE)
        a->loc = c->locations;
    for (; i < n; i++)
        if ((failure = on_event(a, c, &events[i], &accepted)) != NULL)
            return failure;
    if (!refusal && c->kind == SIM_SUBMIT && accepted != c->count)
        return wrong(a, "only %zu of %zu orders accepted", accepted, c->count);
    if (!refusal && c->kind == SIM_CANCEL && find(a, c->id))
        return wrong(a, "order %llu was not cancelled", (unsigned long long)c->id);
    for (size_t k = 0; !refusal && c->kind == SIM_MASS && k < a->count; k++) {
        const struct fg_book_order *o = &a->orders[k].o.order;
        if (!a->orders[k].dead && !a->orders[k].forwarded &&
            (c->filter.participant < 0 || c->filter.participant == o->participant) &&
            (c->filter.portfolio < 0 || c->filter.portfolio == o->portfolio) &&
            (c->filter.location < 0 || inside(a, o->location, c->filter.location)) &&
            (!c->filter.session || c->filter.session == o->session) && (!c->filter.spares_contracts || !o->contract))
            return wrong(a, "order %llu escaped the mass cancel", (unsigned long long)o->id);
    }
    if (!refusal && c->kind == SIM_SETTLED)
        a->settled = c->first;
    if (!refusal && c->kind == SIM_FORGET)
        forget(a, c->first);
    if (c->kind == SIM_FORGET)
        first_trade = a->trade_count;
    if ((failure = check_conditions(a)) != NULL ||
        (!refusal && c->kind == SIM_SUBMIT &&
         (failure = check_priority(a, c->orders[0].order.id, first_trade)) != NULL) ||
        (!refusal && c->kind == SIM_AMEND && (failure = check_priority(a, c->id, first_trade)) != NULL) ||
        (failure = check_network(a, first_trade)) != NULL)
        return failure;
    size_t kept = 0;
    for (size_t k = 0; k < a->count; k++)
        if (!a->orders[k].dead)
            a->orders[kept++] = a->orders[k];
    a->count = kept;
    /* A child whose parent is filled stands alone; one whose parent was cancelled must be gone. */
    for (size_t k = 0; k < a->count; k++) {
        uint64_t parent = a->orders[k].o.order.parent;
        a->orders[k].has_children = false;
        for (size_t m = 0; m < a->count; m++)
            a->orders[k].has_children |= a->orders[m].o.order.parent == a->orders[k].o.order.id;
        if (parent && !find(a, parent))
            for (size_t m = 0; m < n; m++)
                if (events[m].event.order == parent && events[m].event.kind == FG_BOOK_CANCELLED)
                    return wrong(a, "order %llu outlived its parent", (unsigned long long)a->orders[k].o.order.id);
    }
    if ((failure = check_pairs(a)) != NULL || (failure = check_order_reads(a, book)) != NULL ||
        (failure = check_limits(a, book)) != NULL ||
        (is_thorough && ((failure = check_accounts(a, book)) != NULL || (failure = check_ladders(a, book)) != NULL)))
        return failure;
    return NULL;
}
