/* Leaving and shrinking, and the orders that must be tried again because something made them able to trade: a minimum
 * that is met, a parent's trade, an order that came to rest, a network that moved. */
#include "market/book_internal.h"

#include <stdlib.h>

/* Take what is left of a slice out of the portfolio's account. */
static void release_position(struct fg_book *book, const struct book_order *order, struct book_slice *slice,
                             int64_t quantity)
{
    if (slice->position == NULL || quantity == 0)
        return;
    int64_t *cell = order->forwarded ? &slice->position->forwarded : &slice->position->open;
    book_set(book, cell, *cell - quantity);
}

/* Links are at most as deep as fg_book_submit allows, so the recursion is short. */
void book_leave(struct fg_book *book, struct book_order *order, enum fg_book_event_kind kind, enum fg_book_cause cause)
{
    if (order->gone)
        return;
    book_account_order(book, order, -1);
    book_set(book, &order->gone, 1);
    if (book->failed)
        return;
    for (int32_t i = 0; i < order->count; i++)
        release_position(book, order, &order->slices[i], order->slices[i].quantity - order->slices[i].filled);
    book_touch(book, order);
    book_event(book, kind, order)->cause = cause;
    if (kind != FG_BOOK_FILLED)
        for (struct book_order *child = order->first_child; child != NULL; child = child->next_sibling)
            book_leave(book, child, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_PARENT);
    struct book_group *group = order->group;
    if (group == NULL)
        return;
    if (group->kind != FG_GROUP_MULTIPART) {
        const struct book_slice *slice = &order->slices[0];
        book_wide used = (book_wide)slice->filled * FG_FRACTION_ONE + slice->quantity - 1;
        book_set(book, &group->used_u, group->used_u + (int64_t)(used / slice->quantity));
    } else if (kind != FG_BOOK_FILLED) {
        for (struct book_order *m = group->members; m != NULL; m = m->next_member)
            book_leave(book, m, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_GROUP);
    }
}

void book_reduce(struct fg_book *book, struct book_order *order, int32_t index, int64_t quantity,
                 enum fg_book_cause cause)
{
    struct book_slice *slice = &order->slices[index];
    bool was_open = slice->quantity > slice->filled;
    release_position(book, order, slice, slice->quantity - quantity);
    book_account_slice(book, order, slice, -1);
    book_set(book, &slice->quantity, quantity);
    book_account_slice(book, order, slice, 1);
    book_touch(book, order);
    struct fg_book_event *event = book_event(book, FG_BOOK_REDUCED, order);
    event->cause = cause;
    event->period = order->first + index;
    event->period_count = 1;
    event->quantity.w = quantity;
    if (was_open && slice->quantity == slice->filled)
        book_set(book, &order->open_slices, order->open_slices - 1);
    if (order->open_slices == 0)
        book_leave(book, order, FG_BOOK_CANCELLED, cause);
}

void book_retry_add(struct fg_book *book, struct book_order *order)
{
    if (order->group != NULL && order->group->kind == FG_GROUP_MULTIPART)
        order = order->group->members;
    if (order->retried_in == book->retry_stamp)
        return;
    if (!book_list_add(&book->retry, order))
        book->failed = true;
    else
        order->retried_in = book->retry_stamp;
}

void book_wake_composites(struct fg_book *book, const struct book_order *order)
{
    for (int32_t i = 0; i < order->count; i++) {
        const struct book_slice *slice = &order->slices[i];
        const struct book_ladder *ladder = book_ladder(book, order->product, order->regulation, order->first + i);
        if (slice->quantity == slice->filled || ladder == NULL)
            continue;
        const struct book_side *side = &ladder->side[order->side == FG_SIDE_SELL ? FG_SIDE_BUY : FG_SIDE_SELL];
        int64_t limit = book_limit(order, slice);
        for (int32_t k = 0; k < side->composite_count; k++)
            if (book_crosses(order, limit, side->composites[k]->points[0].price.uper_mwh))
                book_retry_add(book, side->composites[k]);
    }
}

void book_retry_all(struct fg_book *book)
{
    struct book_list list = {0};
    if (!book_sorted(book, &list))
        book->failed = true;
    for (size_t i = 0; i < list.count && !book->failed; i++)
        book_retry_add(book, list.items[i]);
    fg_free(list.items);
}

/* Plain orders first; offers before requests; then price and priority. */
static int compare_retry(const void *a, const void *b)
{
    const struct book_order *x = *(struct book_order *const *)a, *y = *(struct book_order *const *)b;
    if (x->is_composite != y->is_composite)
        return x->is_composite ? 1 : -1;
    if (x->side != y->side)
        return x->side == FG_SIDE_SELL ? -1 : 1;
    int64_t key_x = book_key(x, x->points[0].price.uper_mwh), key_y = book_key(y, y->points[0].price.uper_mwh);
    if (key_x != key_y)
        return key_x < key_y ? -1 : 1;
    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* The network answers for each period by itself; conditional orders may have parts elsewhere. */
static bool may_have_moved(const struct fg_book *book, const struct book_order *order)
{
    return order->is_composite || (order->first <= book->moved_to && order->first + order->count > book->moved_from);
}

void book_retry_run(struct fg_book *book)
{
    while (!book->failed) {
        if (book->network_moved) {
            book->network_moved = false;
            for (size_t i = 0; i < book->held.count; i++)
                if (book->held.items[i]->held && may_have_moved(book, book->held.items[i]))
                    book_retry_add(book, book->held.items[i]);
        }
        if (book->retry.count == 0)
            return;
        struct book_list pass = book->retry;
        book->retry = book->pass;
        book->retry.count = 0;
        book->pass = pass;
        book->retry_stamp++;
        qsort(pass.items, pass.count, sizeof(struct book_order *), compare_retry);
        for (size_t i = 0; i < pass.count && !book->failed; i++) {
            struct book_order *order = pass.items[i];
            if (order->gone || order->forwarded)
                continue;
            book_set_held(book, order, false);
            if (order->is_composite) {
                book_match_composite(book, order, false);
                continue;
            }
            book_match_plain(book, order, false);
            if (!order->gone && !book->failed)
                book_wake_composites(book, order);
        }
    }
}
