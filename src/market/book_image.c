/* The state as rows, and back. */
#include "market/book_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Out ---- */

static int compare_positions(const void *a, const void *b)
{
    const struct fg_book_position *x = a, *y = b;
    if (x->portfolio != y->portfolio)
        return x->portfolio < y->portfolio ? -1 : 1;
    if (x->product != y->product)
        return x->product < y->product ? -1 : 1;
    if (x->regulation != y->regulation)
        return x->regulation < y->regulation ? -1 : 1;
    return x->period < y->period ? -1 : x->period > y->period;
}

static int compare_groups(const void *a, const void *b)
{
    const struct fg_book_group_row *x = a, *y = b;
    return x->group.id < y->group.id ? -1 : x->group.id > y->group.id;
}

static int compare_halts(const void *a, const void *b)
{
    const struct fg_book_halt_row *x = a, *y = b;
    if (x->scope != y->scope)
        return x->scope < y->scope ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool is_blank(const struct book_position *p)
{
    return p->capability == 0 && p->reserved == 0 && p->open == 0 && p->traded == 0 && p->forwarded == 0 &&
           p->contracted == 0;
}

static void put_gates(const struct fg_book *book, struct fg_book_image *image)
{
    for (int p = 0; p < FG_BOOK_PRODUCTS; p++)
        for (int32_t i = 0; i < book->period_count; i++)
            if (book->periods[i].ladder[p][0] != NULL)
                image->gates[image->gate_count++] = (struct fg_book_gate){(enum fg_product)p, book->period_base + i};
}

static void put_positions(const struct fg_book *book, struct fg_book_image *image)
{
    for (size_t i = 0; i < book->positions.capacity; i++) {
        const struct book_position *p = book->positions.slots[i].position;
        if (p != NULL && !is_blank(p))
            image->positions[image->position_count++] = (struct fg_book_position){p->portfolio,
                                                                                  (enum fg_product)p->product,
                                                                                  (enum fg_regulation)p->regulation,
                                                                                  p->period,
                                                                                  {p->capability},
                                                                                  {p->reserved},
                                                                                  {p->open},
                                                                                  {p->traded},
                                                                                  {p->forwarded},
                                                                                  {p->contracted}};
    }
    qsort(image->positions, image->position_count, sizeof *image->positions, compare_positions);
}

static bool put_orders(const struct fg_book *book, struct fg_book_image *image, struct book_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct book_order *order = list->items[i];
        struct fg_book_order_state *row = &image->orders[image->order_count++];
        size_t points = (size_t)order->point_count;
        struct fg_power *quantity = fg_alloc(2 * (size_t)order->count, sizeof *quantity);
        struct fg_price_point *copy = fg_alloc(points, sizeof *copy);
        if (quantity != NULL)
            fg_book_find_order(book, order->id, row, quantity, quantity + order->count);
        row->order.quantity = quantity;
        row->order.points = copy;
        if (quantity == NULL || copy == NULL)
            return false;
        memcpy(copy, order->points, points * sizeof *copy);
    }
    return true;
}

enum fg_code fg_book_image_create(const struct fg_book *book, struct fg_book_image **out, struct fg_error *err)
{
    struct fg_book_image *image = fg_alloc(1, sizeof *image);
    struct book_list list = {0};
    if (image == NULL)
        return fg_fail_memory(err);
    size_t trades = fg_book_trade_count(book);
    image->gates = fg_alloc((size_t)book->period_count * FG_BOOK_PRODUCTS, sizeof *image->gates);
    image->halts = fg_alloc(book->halt_count, sizeof *image->halts);
    image->limits = fg_alloc(book->limit_count, sizeof *image->limits);
    image->positions = fg_alloc(book->positions.count, sizeof *image->positions);
    image->groups = fg_alloc(book->groups.count, sizeof *image->groups);
    image->orders = fg_alloc(book->orders.count, sizeof *image->orders);
    image->trades = fg_alloc(trades, sizeof *image->trades);
    if (image->gates == NULL || image->halts == NULL || image->limits == NULL || image->positions == NULL || image->groups == NULL ||
        image->orders == NULL || image->trades == NULL || !book_sorted(book, &list) ||
        !put_orders(book, image, &list)) {
        fg_free(list.items);
        fg_book_image_destroy(image);
        return fg_fail_memory(err);
    }
    fg_free(list.items);
    image->time_us = book->time_us;
    image->next_priority = (uint64_t)book->next_priority;
    image->next_trade = book->trade_base + book->trade_count;
    image->event_sequence = book->event_sequence;
    image->forgotten_before = book->forgotten_before;
    image->settled_before = book->settled_before;
    image->limit_count = book->limit_count;
    if (book->limit_count > 0)
        memcpy(image->limits, book->limits, book->limit_count * sizeof *book->limits);
    put_gates(book, image);
    put_positions(book, image);
    for (size_t i = 0; i < book->halt_count; i++)
        image->halts[image->halt_count++] = book->halts[i];
    qsort(image->halts, image->halt_count, sizeof *image->halts, compare_halts);
    for (size_t i = 0; i < book->groups.capacity; i++) {
        const struct book_group *group = book->groups.slots[i].item;
        if (book->groups.slots[i].id != 0)
            image->groups[image->group_count++] = (struct fg_book_group_row){{group->id, group->kind}, group->used_u};
    }
    qsort(image->groups, image->group_count, sizeof *image->groups, compare_groups);
    for (size_t i = 0; i < trades; i++)
        image->trades[image->trade_count++] = *book_trade_at(book, book->trade_first + i);
    *out = image;
    return FG_OK;
}

void fg_book_image_destroy(struct fg_book_image *image)
{
    if (image == NULL)
        return;
    for (size_t i = 0; i < image->order_count; i++) {
        fg_free((void *)(uintptr_t)image->orders[i].order.quantity); /* filled lies in the same block */
        fg_free((void *)(uintptr_t)image->orders[i].order.points);
    }
    fg_free(image->gates);
    fg_free(image->halts);
    fg_free(image->limits);
    fg_free(image->positions);
    fg_free(image->groups);
    fg_free(image->orders);
    fg_free(image->trades);
    fg_free(image);
}

/* ---- In ---- */

static enum fg_code contradict(struct fg_error *err, const char *what, unsigned long long id)
{
    return fg_fail(err, FG_ERR_VALUE, NULL, "the stored book contradicts itself: %s %llu; restore an older one", what,
                   id);
}

static enum fg_code restore_gates(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    for (size_t i = 0; i < image->gate_count;) {
        size_t end = i + 1; /* runs of consecutive periods are opened at once */
        while (end < image->gate_count && image->gates[end].product == image->gates[i].product &&
               image->gates[end].period == image->gates[i].period + (int32_t)(end - i))
            end++;
        enum fg_refusal refusal = fg_book_open(book, image->time_us, image->gates[i].product, image->gates[i].period,
                                               (int32_t)(end - i), err);
        if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
            return fg_fail_memory(err);
        if (refusal != FG_REFUSAL_NONE)
            return contradict(err, "gate of period", (unsigned long long)image->gates[i].period);
        i = end;
    }
    return FG_OK;
}

static enum fg_code restore_positions(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    for (size_t i = 0; i < image->position_count; i++) {
        const struct fg_book_position *row = &image->positions[i];
        if ((unsigned)row->product >= FG_BOOK_PRODUCTS || (unsigned)row->regulation > FG_REGULATION_DOWN)
            return contradict(err, "position of portfolio", (unsigned long long)row->portfolio);
        struct book_position *p = book_position_make(book, row->portfolio, row->product, row->regulation, row->period);
        if (p == NULL)
            return fg_fail_memory(err);
        p->capability = row->capability.w;
        p->reserved = row->reserved.w;
        p->open = row->open.w;
        p->traded = row->traded.w;
        p->forwarded = row->forwarded.w;
        p->contracted = row->contracted.w;
    }
    return FG_OK;
}

static enum fg_code restore_groups(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    for (size_t i = 0; i < image->group_count; i++) {
        const struct fg_book_group_row *row = &image->groups[i];
        struct book_group *group = fg_alloc(1, sizeof *group);
        if (group == NULL || !book_ids_reserve(&book->groups, 1)) {
            fg_free(group);
            return fg_fail_memory(err);
        }
        group->id = row->group.id;
        group->kind = row->group.kind;
        group->used_u = row->used_u;
        if (row->group.id == 0 || book_ids_find(&book->groups, row->group.id) != NULL) {
            fg_free(group);
            return contradict(err, "group", (unsigned long long)row->group.id);
        }
        book_ids_put(&book->groups, group->id, group);
    }
    return FG_OK;
}

static bool is_row_sound(const struct fg_book *book, const struct fg_book_order_state *row)
{
    const struct fg_book_order *o = &row->order;
    if (o->id == 0 || book_ids_find(&book->orders, o->id) != NULL || o->period_count < 1 || o->point_count < 1 ||
        o->location < 0 || o->location >= book->tree.count || (unsigned)o->product >= FG_BOOK_PRODUCTS ||
        (unsigned)o->regulation > FG_REGULATION_DOWN || (unsigned)o->side > FG_SIDE_BUY ||
        (int64_t)row->priority >= book->next_priority)
        return false;
    for (int32_t i = 0; i < o->period_count; i++) {
        int32_t period = o->first_period + i;
        int64_t left = o->quantity[i].w - row->filled[i].w;
        if (row->filled[i].w < 0 || left < 0)
            return false;
        if (left > 0 && ((book_ladder(book, o->product, o->regulation, period) == NULL && !row->forwarded) ||
                         (o->side == FG_SIDE_SELL &&
                          book_position_find(book, o->portfolio, o->product, o->regulation, period) == NULL)))
            return false;
    }
    return true;
}

static enum fg_code restore_order(struct fg_book *book, const struct fg_book_order_state *row, struct fg_error *err)
{
    if (!is_row_sound(book, row))
        return contradict(err, "order", (unsigned long long)row->order.id);
    struct book_group *group = row->group != 0 ? book_ids_find(&book->groups, row->group) : NULL;
    struct book_order *parent = row->order.parent != 0 ? book_ids_find(&book->orders, row->order.parent) : NULL;
    if ((group == NULL) != (row->group == 0) || (parent == NULL) != (row->order.parent == 0))
        return contradict(err, "group or parent of order", (unsigned long long)row->order.id);
    struct book_order *order = book_order_make(book, &row->order);
    if (order == NULL)
        return fg_fail_memory(err);
    order->priority = (int64_t)row->priority;
    order->forwarded = row->forwarded;
    order->open_slices = 0;
    for (int32_t i = 0; i < order->count; i++) {
        order->slices[i].filled = row->filled[i].w;
        order->open_slices += order->slices[i].filled < order->slices[i].quantity;
        if (order->side == FG_SIDE_SELL)
            order->slices[i].position =
                book_position_find(book, order->portfolio, order->product, order->regulation, order->first + i);
    }
    order->group = group;
    order->parent = parent;
    order->depth = parent != NULL ? parent->depth + 1 : 0;
    order->is_composite = order->is_composite || row->is_tied;
    if (!book_place(book, order)) {
        book_unplace(book, order);
        book_order_free(book, order);
        return fg_fail_memory(err);
    }
    if (order->expires_us != 0)
        book->next_expiry_us = book_least(book->next_expiry_us, order->expires_us);
    if (row->held_back) {
        if (!book_list_add(&book->held, order))
            return fg_fail_memory(err);
        order->held = true;
        order->held_index = (int32_t)book->held.count - 1;
        order->is_listed = true;
    }
    return FG_OK;
}

static void restore_parts(struct fg_book *book)
{
    for (size_t i = 0; i < book->orders.capacity; i++)
        if (book->orders.slots[i].id != 0) {
            struct book_order *order = book->orders.slots[i].item;
            if (order->is_composite)
                order->parts = book_parts(book, order);
        }
    for (size_t i = 0; i < book->groups.capacity; i++)
        if (book->groups.slots[i].id != 0)
            book_join_parts(book->groups.slots[i].item);
}

static enum fg_code restore_trades(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    if (image->trade_count > image->next_trade)
        return contradict(err, "number of trades before", (unsigned long long)image->next_trade);
    book->trade_base = image->next_trade - image->trade_count;
    for (size_t i = 0; i < image->trade_count; i++) {
        if (image->trades[i].id != book->trade_base + i)
            return contradict(err, "trade", (unsigned long long)image->trades[i].id);
        struct fg_book_trade *trade = book_stage_trade(book);
        if (trade == NULL)
            return fg_fail_memory(err);
        *trade = image->trades[i];
    }
    return FG_OK;
}

static void ignore(void *context, const struct fg_book_event *event)
{
    (void)context;
    (void)event;
}

static enum fg_code restore_limits(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    fg_book_sink *sink = book->sink;
    book->sink = ignore;
    book->settled_before = image->settled_before;
    for (size_t i = 0; i < image->limit_count && refusal == FG_REFUSAL_NONE; i++)
        refusal = fg_book_set_limit(book, book->time_us, &image->limits[i], err);
    book->sink = sink;
    if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    return refusal == FG_REFUSAL_NONE ? FG_OK : contradict(err, "limits of participants", image->limit_count);
}

enum fg_code fg_book_restore(struct fg_book *book, const struct fg_book_image *image, struct fg_error *err)
{
    if (book->event_sequence != 0 || book->orders.count != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a book is restored into an empty one; create it anew");
    fg_book_sink *sink = book->sink;
    book->sink = ignore;
    enum fg_code code = restore_gates(book, image, err);
    book->sink = sink;
    book->time_us = image->time_us;
    book->next_priority = (int64_t)image->next_priority;
    book->forgotten_before = image->forgotten_before;
    if (code == FG_OK)
        code = restore_positions(book, image, err);
    if (code == FG_OK)
        code = restore_groups(book, image, err);
    for (size_t i = 0; i < image->order_count && code == FG_OK; i++)
        code = restore_order(book, &image->orders[i], err);
    if (code == FG_OK) {
        restore_parts(book);
        code = restore_trades(book, image, err);
    }
    for (size_t i = 0; i < image->halt_count && code == FG_OK; i++) {
        void *halts = book->halts;
        if (fg_grow(&halts, book->halt_count, &book->halt_capacity, sizeof *book->halts) != 0)
            return fg_fail_memory(err);
        book->halts = halts;
        book->halts[book->halt_count++] = image->halts[i];
    }
    if (code == FG_OK)
        code = restore_limits(book, image, err);
    book->event_sequence = image->event_sequence;
    return code;
}
