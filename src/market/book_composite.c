/* Conditional orders: blocks of several periods, linked orders and groups. They trade by fractions: an order is cut
 * into `parts` equal ones, each a whole number of ticks in every period, and n of them trade at once in all periods
 * (and all members of a multipart group) or not at all.
 *
 * n starts at what is allowed and falls to what the scarcest period gives, until everything fits. Then counterparts
 * with a condition of their own are tried alone, and last the conditional orders of the other side that have the same
 * periods and the same shape. */
#include "market/book_internal.h"

#include <stdlib.h>

static bool is_multipart(const struct book_order *order)
{
    return order->group != NULL && order->group->kind == FG_GROUP_MULTIPART;
}

static struct book_order *first_leg(struct book_order *order)
{
    return is_multipart(order) ? order->group->members : order;
}

static struct book_order *next_leg(struct book_order *leg)
{
    return is_multipart(leg) ? leg->next_member : NULL;
}

static int64_t parts_of(const struct book_order *order, book_wide numerator, int64_t denominator)
{
    return (int64_t)(numerator * order->parts / denominator);
}

static int64_t parts_done(const struct book_order *order)
{
    return parts_of(order, order->slices[0].filled, order->slices[0].quantity);
}

/* Fraction in millionths, rounded up. */
static int64_t used_u(const struct book_order *order)
{
    const struct book_slice *slice = &order->slices[0];
    book_wide numerator = (book_wide)slice->filled * FG_FRACTION_ONE;
    return (int64_t)((numerator + slice->quantity - 1) / slice->quantity);
}

int64_t book_composite_allowed(const struct book_order *order)
{
    int64_t limit = order->parts;
    if (order->parent != NULL) {
        const struct book_slice *parent = &order->parent->slices[0];
        limit = parts_of(order, parent->filled, parent->quantity);
    }
    const struct book_group *group = order->group;
    if (group != NULL && group->kind != FG_GROUP_MULTIPART) {
        int64_t others_u = group->used_u;
        for (const struct book_order *m = group->members; m != NULL; m = m->next_member)
            if (m != order && !m->gone)
                others_u += used_u(m);
        if (group->kind == FG_GROUP_EXCLUSIVE_ONE && others_u > 0)
            limit = 0;
        else
            limit = book_least(limit, parts_of(order, book_most(FG_FRACTION_ONE - others_u, 0), FG_FRACTION_ONE));
    }
    return book_most(limit - parts_done(order), 0);
}

/* Least number of parts of the next trade, at least 1. */
static int64_t least_parts(struct book_order *order)
{
    int64_t least = 1;
    if (parts_done(order) > 0)
        return least;
    for (const struct book_order *leg = first_leg(order); leg != NULL; leg = next_leg((struct book_order *)leg)) {
        if (leg->validity == FG_VALIDITY_FOK)
            return order->parts;
        book_wide parts = (book_wide)leg->min_fraction_u * leg->parts;
        least = book_most(least, (int64_t)((parts + FG_FRACTION_ONE - 1) / FG_FRACTION_ONE));
    }
    return least;
}

/* What others of its group still may do. */
void book_after_composite(struct fg_book *book, struct book_order *order)
{
    struct book_group *group = order->group;
    if (group == NULL || group->kind == FG_GROUP_MULTIPART)
        return;
    for (struct book_order *m = group->members; m != NULL; m = m->next_member)
        if (m != order && !m->gone && (group->kind == FG_GROUP_EXCLUSIVE_ONE || book_composite_allowed(m) == 0))
            book_leave(book, m, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_GROUP);
}

/* ---- Against plain orders ---- */

struct attempt {
    struct book_order *order, *only;
    bool is_incoming, self_trade, held;
};

/* All legs and periods of n parts. Returns n, or the lower number that the first scarce period allows (the trades are
 * then to be taken back). */
static int64_t fill_parts(struct fg_book *book, struct attempt *attempt, int64_t n)
{
    for (struct book_order *leg = first_leg(attempt->order); leg != NULL; leg = next_leg(leg))
        for (int32_t i = 0; i < leg->count; i++) {
            int64_t unit = leg->slices[i].quantity / leg->parts;
            struct book_fill fill = {.order = leg,
                                     .slice = i,
                                     .wanted = n * unit,
                                     .only = attempt->only,
                                     .is_incoming = attempt->is_incoming};
            book_fill_slice(book, &fill);
            attempt->held |= fill.held;
            attempt->self_trade |= fill.self_trade;
            if (book->failed || attempt->self_trade)
                return 0;
            if (fill.filled < fill.wanted)
                return fill.filled / unit;
        }
    return n;
}

static int64_t try_parts(struct fg_book *book, struct attempt *attempt)
{
    int64_t n = book_composite_allowed(attempt->order), least = least_parts(attempt->order);
    while (n >= least) {
        struct book_mark start = book_mark_here(book);
        int64_t fits = fill_parts(book, attempt, n);
        if (fits == n)
            return n;
        book_rewind(book, start);
        n = fits;
    }
    return 0;
}

static int64_t try_alone(struct fg_book *book, struct attempt *attempt)
{
    struct book_list list = {0};
    int64_t n = 0;
    if (!is_multipart(attempt->order))
        book_candidates(book, attempt->order, 0, attempt->is_incoming, false, &list);
    for (size_t i = 0; i < list.count && n == 0 && !attempt->self_trade && !book->failed; i++) {
        attempt->only = list.items[i];
        n = try_parts(book, attempt);
    }
    attempt->only = NULL;
    fg_free(list.items);
    return n;
}

/* ---- Against conditional orders of the same shape ---- */

static bool has_same_shape(const struct book_order *a, const struct book_order *b)
{
    if (a->first != b->first || a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->count; i++)
        if (a->slices[i].quantity / a->parts != b->slices[i].quantity / b->parts)
            return false;
    return true;
}

static int compare_best(const void *a, const void *b)
{
    const struct book_order *x = *(struct book_order *const *)a, *y = *(struct book_order *const *)b;
    int64_t key_x = book_key(x, x->points[0].price.uper_mwh), key_y = book_key(y, y->points[0].price.uper_mwh);
    if (key_x != key_y)
        return key_x < key_y ? -1 : 1;
    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

static bool list_same_shape(struct fg_book *book, struct book_order *order, struct book_list *list)
{
    const struct book_ladder *ladder = book_ladder(book, order->product, order->regulation, order->first);
    if (ladder == NULL)
        return true;
    const struct book_side *side = &ladder->side[order->side == FG_SIDE_SELL ? FG_SIDE_BUY : FG_SIDE_SELL];
    int64_t limit = order->points[0].price.uper_mwh;
    for (int32_t i = 0; i < side->composite_count; i++) {
        struct book_order *other = side->composites[i];
        if (!is_multipart(other) && book_crosses(order, limit, other->points[0].price.uper_mwh) &&
            book_may_meet(book, order, other) && has_same_shape(order, other) && !book_list_add(list, other)) {
            book->failed = true;
            return false;
        }
    }
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(struct book_order *), compare_best);
    return true;
}

/* n parts of both in all periods; returns n or what the network takes. */
static int64_t trade_parts(struct fg_book *book, struct attempt *attempt, struct book_order *other, int64_t n)
{
    struct book_order *order = attempt->order;
    for (int32_t i = 0; i < order->count; i++) {
        int64_t unit = order->slices[i].quantity / order->parts, taken;
        struct fg_book_flow flow = book_flow_of(order, other, order->first + i);
        if (!book_network_take(book, &flow, n * unit, &taken))
            return 0;
        if (taken < n * unit) {
            attempt->held = true;
            return taken / unit;
        }
        book_trade(book, order, i, other, i, &flow, taken);
        if (book->failed)
            return 0;
    }
    return n;
}

static int64_t try_same_shape(struct fg_book *book, struct attempt *attempt)
{
    struct book_order *order = attempt->order;
    struct book_list list = {0};
    int64_t done = 0;
    if (!is_multipart(order))
        list_same_shape(book, order, &list);
    for (size_t i = 0; i < list.count && done == 0 && !book->failed; i++) {
        struct book_order *other = list.items[i];
        int64_t n = book_least(book_composite_allowed(order), book_composite_allowed(other));
        int64_t least = book_most(least_parts(order), least_parts(other));
        if (n < least)
            continue;
        if (other->organisation == order->organisation) {
            if (!attempt->is_incoming)
                continue;
            attempt->self_trade = true;
            break;
        }
        while (n >= least) {
            struct book_mark start = book_mark_here(book);
            int64_t fits = trade_parts(book, attempt, other, n);
            if (fits == n) {
                done = n;
                book_after_composite(book, other);
                break;
            }
            book_rewind(book, start);
            n = fits;
        }
    }
    fg_free(list.items);
    return done;
}

void book_match_composite(struct fg_book *book, struct book_order *order, bool is_incoming)
{
    struct attempt attempt = {.order = first_leg(order), .is_incoming = is_incoming};
    order = attempt.order;
    int64_t done;
    do {
        done = try_parts(book, &attempt);
        if (done == 0 && !attempt.self_trade && !book->failed)
            done = try_alone(book, &attempt);
        if (done == 0 && !attempt.self_trade && !book->failed)
            done = try_same_shape(book, &attempt);
        if (done > 0)
            book_after_composite(book, order);
    } while (done > 0 && !attempt.self_trade && !order->gone && !book->failed);
    if (book->failed)
        return;
    if (attempt.held)
        book_set_held(book, order, true);
    if (attempt.self_trade && !order->gone)
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_SELF_TRADE);
}
