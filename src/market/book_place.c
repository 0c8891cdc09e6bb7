/* Where orders and positions live: slabs, hashes, ladders with their queues. */
#include "market/book_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS_PER_CHUNK = 256, POSITIONS_PER_CHUNK = 256 };

struct book_order_chunk {
    struct book_order_chunk *next; /* orders follow, each at the begin of a cache line */
};
struct book_position_chunk {
    struct book_position_chunk *next;
    struct book_position positions[POSITIONS_PER_CHUNK];
};

static uint64_t mix(uint64_t x) /* finaliser of splitmix64 */
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* ---- Ids ---- */

/* Ids are dealt out in sequence: four in a row share a cache line, blocks of four are scattered. */
static size_t home_of(uint64_t id, size_t mask)
{
    return (size_t)(mix(id >> 2) << 2 | (id & 3)) & mask;
}

void *book_ids_find(const struct book_ids *ids, uint64_t id)
{
    if (ids->capacity == 0)
        return NULL;
    size_t mask = ids->capacity - 1;
    for (size_t at = home_of(id, mask); ids->slots[at].id != 0; at = (at + 1) & mask)
        if (ids->slots[at].id == id)
            return ids->slots[at].item;
    return NULL;
}

void book_ids_put(struct book_ids *ids, uint64_t id, void *item)
{
    size_t mask = ids->capacity - 1, at = home_of(id, mask);
    while (ids->slots[at].id != 0 && ids->slots[at].id != id)
        at = (at + 1) & mask;
    ids->count += ids->slots[at].id == 0;
    ids->slots[at] = (struct book_id_slot){id, item};
}

bool book_ids_reserve(struct book_ids *ids, size_t more)
{
    if (2 * (ids->count + more) <= ids->capacity)
        return true;
    size_t capacity = ids->capacity ? ids->capacity : 1024;
    while (2 * (ids->count + more) > capacity)
        capacity *= 2;
    struct book_ids grown = {.slots = fg_alloc(capacity, sizeof *grown.slots), .capacity = capacity};
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < ids->capacity; i++)
        if (ids->slots[i].id != 0)
            book_ids_put(&grown, ids->slots[i].id, ids->slots[i].item);
    fg_free(ids->slots);
    *ids = grown;
    return true;
}

void book_ids_remove(struct book_ids *ids, uint64_t id)
{
    if (ids->capacity == 0)
        return;
    size_t mask = ids->capacity - 1, at = home_of(id, mask);
    while (ids->slots[at].id != id) {
        if (ids->slots[at].id == 0)
            return;
        at = (at + 1) & mask;
    }
    size_t hole = at;
    for (size_t next = (hole + 1) & mask; ids->slots[next].id != 0; next = (next + 1) & mask) {
        size_t home = home_of(ids->slots[next].id, mask);
        if (((next - home) & mask) >= ((next - hole) & mask)) { /* may move back to the hole */
            ids->slots[hole] = ids->slots[next];
            hole = next;
        }
    }
    ids->slots[hole] = (struct book_id_slot){0};
    ids->count--;
}

/* ---- Positions ---- */

static uint64_t position_key(int32_t portfolio, int product, int regulation, int32_t period)
{
    return UINT64_C(1) << 63 | (uint64_t)(uint32_t)portfolio << 34 | (uint64_t)(uint32_t)period << 3 |
           (uint64_t)(product * 2 + regulation);
}

struct book_position *book_position_find(const struct fg_book *book, int32_t portfolio, int product, int regulation,
                                         int32_t period)
{
    const struct book_positions *table = &book->positions;
    if (table->capacity == 0)
        return NULL;
    uint64_t key = position_key(portfolio, product, regulation, period);
    size_t mask = table->capacity - 1, at = mix(key) & mask;
    while (table->slots[at].key != 0 && table->slots[at].key != key)
        at = (at + 1) & mask;
    return table->slots[at].position;
}

static void put_position(struct book_positions *table, struct book_position *p)
{
    uint64_t key = position_key(p->portfolio, p->product, p->regulation, p->period);
    size_t mask = table->capacity - 1, at = mix(key) & mask;
    while (table->slots[at].key != 0)
        at = (at + 1) & mask;
    table->slots[at] = (struct book_position_slot){key, p};
    table->count++;
}

static bool resize_positions(struct book_positions *table, size_t capacity)
{
    struct book_positions grown = {.slots = fg_alloc(capacity, sizeof *grown.slots), .capacity = capacity};
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i].key != 0)
            put_position(&grown, table->slots[i].position);
    fg_free(table->slots);
    *table = grown;
    return true;
}

struct book_position *book_position_make(struct fg_book *book, int32_t portfolio, int product, int regulation,
                                         int32_t period)
{
    struct book_position *position = book_position_find(book, portfolio, product, regulation, period);
    if (position != NULL)
        return position;
    struct book_positions *table = &book->positions;
    if (2 * (table->count + 1) > table->capacity &&
        !resize_positions(table, table->capacity ? 2 * table->capacity : 1024))
        return NULL;
    if (book->free_positions == NULL) {
        struct book_position_chunk *chunk = fg_alloc(1, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->next = book->position_chunks;
        book->position_chunks = chunk;
        for (int i = POSITIONS_PER_CHUNK - 1; i >= 0; i--) {
            chunk->positions[i].next_free = book->free_positions;
            book->free_positions = &chunk->positions[i];
        }
    }
    position = book->free_positions;
    book->free_positions = position->next_free;
    *position = (struct book_position){
        .portfolio = portfolio, .period = period, .product = (uint8_t)product, .regulation = (uint8_t)regulation};
    put_position(table, position);
    return position;
}

/* Take all out, put the kept ones back. */
void book_positions_forget(struct fg_book *book, int32_t before_period)
{
    struct book_positions *table = &book->positions;
    struct book_position *list = NULL;
    for (size_t i = 0; i < table->capacity; i++) {
        struct book_position *position = table->slots[i].position;
        table->slots[i] = (struct book_position_slot){0};
        if (position == NULL)
            continue;
        if (position->period < before_period) {
            position->next_free = book->free_positions;
            book->free_positions = position;
        } else {
            /* A list through next_free, so that the table can be cleared first. */
            position->next_free = list;
            list = position;
        }
    }
    table->count = 0;
    while (list != NULL) {
        struct book_position *next = list->next_free;
        put_position(table, list);
        list = next;
    }
}

/* ---- Ladders ---- */

struct book_ladder *book_ladder(const struct fg_book *book, int product, int regulation, int32_t period)
{
    int64_t index = (int64_t)period - book->period_base;
    if (index < 0 || index >= book->period_count)
        return NULL;
    return book->periods[index].ladder[product][regulation];
}

static struct book_slot *find_slot(struct book_side *side, int32_t location)
{
    for (int32_t i = 0; i < side->slot_count; i++)
        if (side->slots[i].location == location)
            return &side->slots[i];
    return NULL;
}

static struct book_slot *make_slot(struct book_side *side, int32_t location)
{
    struct book_slot *slot = find_slot(side, location);
    if (slot != NULL)
        return slot;
    if (side->slot_count == side->slot_capacity) {
        int32_t wanted = side->slot_capacity ? 2 * side->slot_capacity : 4;
        struct book_slot *grown = fg_realloc(side->slots, (size_t)wanted, sizeof *grown);
        if (grown == NULL)
            return NULL;
        side->slots = grown;
        side->slot_capacity = wanted;
    }
    slot = &side->slots[side->slot_count++];
    *slot = (struct book_slot){.location = location, .best = INT64_MAX};
    return slot;
}

/* A slot stays when it becomes empty: its location is likely to come back, and `best` keeps walks away from it. */
static void note_best(struct book_slot *slot)
{
    slot->best = slot->queue.leaf_count ? slot->queue.leaves[0].first_key : INT64_MAX;
}

void book_ladder_empty(struct book_ladder *ladder, int32_t period)
{
    for (int s = 0; ladder != NULL && s < 2; s++) {
        struct book_side *side = &ladder->side[s];
        for (int32_t i = 0; i < side->slot_count; i++)
            for (int32_t l = 0; l < side->slots[i].queue.leaf_count; l++)
                for (int32_t e = 0; e < side->slots[i].queue.leaves[l].count; e++) {
                    struct book_entry entry = book_queue_at(&side->slots[i].queue, l, e);
                    entry.order->slices[entry.slice].queued = (struct book_span){0, 0};
                }
        for (int32_t i = 0; i < side->composite_count; i++)
            side->composites[i]->slices[period - side->composites[i]->first].queued = (struct book_span){0, 0};
    }
}

void book_ladder_free(struct fg_book *book, struct book_ladder *ladder)
{
    if (ladder == NULL)
        return;
    for (int s = 0; s < 2; s++) {
        for (int32_t i = 0; i < ladder->side[s].slot_count; i++)
            book_queue_release(&ladder->side[s].slots[i].queue, &book->leaves);
        fg_free(ladder->side[s].slots);
        fg_free(ladder->side[s].composites);
    }
    fg_free(ladder);
}

static struct book_side *side_of(const struct fg_book *book, const struct book_order *order, int32_t slice)
{
    return &book_ladder(book, order->product, order->regulation, order->first + slice)->side[order->side];
}

static struct book_entry entry_of(struct book_order *order, int32_t slice, int32_t step)
{
    return (struct book_entry){.key = book_key(order, order->points[step].price.uper_mwh),
                               .priority = order->priority,
                               .order = order,
                               .slice = slice,
                               .step = step};
}

static int64_t step_start(const struct book_order *order, int32_t step)
{
    return step > 0 ? order->points[step - 1].up_to.w : 0;
}

static bool place_slice(struct fg_book *book, struct book_order *order, int32_t index)
{
    struct book_slice *slice = &order->slices[index];
    if (slice->quantity == slice->filled)
        return true;
    struct book_slot *slot = make_slot(side_of(book, order, index), order->location);
    if (slot == NULL)
        return false;
    int32_t step = 0;
    while (step + 1 < order->point_count && order->points[step].up_to.w <= slice->filled)
        step++;
    slice->queued = (struct book_span){step, step};
    for (; step < order->point_count && step_start(order, step) < slice->quantity; step++) {
        struct book_entry entry = entry_of(order, index, step);
        if (!book_queue_insert(&slot->queue, &book->leaves, &entry))
            return false;
        slice->queued.to = step + 1;
        if (entry.key < slot->best)
            slot->best = entry.key;
    }
    return true;
}

static bool place_composite(struct fg_book *book, struct book_order *order, int32_t index)
{
    struct book_side *side = side_of(book, order, index);
    if (side->composite_count == side->composite_capacity) {
        int32_t wanted = side->composite_capacity ? 2 * side->composite_capacity : 4;
        struct book_order **grown = fg_realloc(side->composites, (size_t)wanted, sizeof *grown);
        if (grown == NULL)
            return false;
        side->composites = grown;
        side->composite_capacity = wanted;
    }
    side->composites[side->composite_count++] = order;
    order->slices[index].queued = (struct book_span){0, 1};
    return true;
}

static void drop_entries(struct fg_book *book, struct book_order *order, int32_t index, int32_t up_to)
{
    struct book_slice *slice = &order->slices[index];
    if (slice->queued.from >= up_to)
        return;
    struct book_slot *slot = find_slot(side_of(book, order, index), order->location);
    for (; slice->queued.from < up_to; slice->queued.from++) {
        struct book_entry entry = entry_of(order, index, slice->queued.from);
        book_queue_remove(&slot->queue, &book->leaves, &entry);
    }
    note_best(slot);
}

static void drop_composite(struct fg_book *book, struct book_order *order, int32_t index)
{
    struct book_side *side = side_of(book, order, index);
    int32_t at = 0;
    while (side->composites[at] != order)
        at++;
    side->composites[at] = side->composites[--side->composite_count];
    order->slices[index].queued = (struct book_span){0, 0};
}

void book_drop_exhausted(struct fg_book *book, struct book_order *order)
{
    if (order->is_composite)
        return;
    for (int32_t i = 0; i < order->count; i++) {
        struct book_slice *slice = &order->slices[i];
        int32_t step = slice->queued.from;
        while (step < slice->queued.to &&
               (slice->quantity == slice->filled || order->points[step].up_to.w <= slice->filled ||
                (step > 0 && order->points[step - 1].up_to.w >= slice->quantity)))
            step++;
        drop_entries(book, order, i, step);
        /* Steps above a lowered quantity. */
        while (slice->queued.to > slice->queued.from && slice->queued.to > 1 &&
               step_start(order, slice->queued.to - 1) >= slice->quantity) {
            struct book_slot *slot = find_slot(side_of(book, order, i), order->location);
            struct book_entry entry = entry_of(order, i, --slice->queued.to);
            book_queue_remove(&slot->queue, &book->leaves, &entry);
            note_best(slot);
        }
    }
}

static void join(struct book_order *order)
{
    struct book_group *group = order->group;
    if (group != NULL) {
        struct book_order **at = &group->members, *previous = NULL;
        while (*at != NULL) {
            previous = *at;
            at = &previous->next_member;
        }
        *at = order;
        order->previous_member = previous;
        order->next_member = NULL;
        group->member_count++;
    }
    struct book_order *parent = order->parent;
    if (parent != NULL) {
        order->next_sibling = parent->first_child;
        order->previous_sibling = NULL;
        if (parent->first_child != NULL)
            parent->first_child->previous_sibling = order;
        parent->first_child = order;
    }
}

static void part(struct fg_book *book, struct book_order *order)
{
    struct book_group *group = order->group;
    if (group != NULL) {
        if (order->previous_member != NULL)
            order->previous_member->next_member = order->next_member;
        else
            group->members = order->next_member;
        if (order->next_member != NULL)
            order->next_member->previous_member = order->previous_member;
        if (--group->member_count == 0) {
            book_ids_remove(&book->groups, group->id);
            fg_free(group);
        }
    }
    struct book_order *parent = order->parent;
    if (parent != NULL) {
        if (order->previous_sibling != NULL)
            order->previous_sibling->next_sibling = order->next_sibling;
        else
            parent->first_child = order->next_sibling;
        if (order->next_sibling != NULL)
            order->next_sibling->previous_sibling = order->previous_sibling;
    }
    for (struct book_order *child = order->first_child; child != NULL;) {
        struct book_order *next = child->next_sibling;
        child->parent = NULL;
        child->next_sibling = child->previous_sibling = NULL;
        child = next;
    }
    order->group = NULL;
    order->parent = order->first_child = NULL;
}

bool book_has_children(const struct book_order *order)
{
    for (const struct book_order *child = order->first_child; child != NULL; child = child->next_sibling)
        if (!child->gone)
            return true;
    return false;
}

bool book_place_again(struct fg_book *book, struct book_order *order, int32_t index)
{
    return order->is_composite ? place_composite(book, order, index) : place_slice(book, order, index);
}

/* Only forwarded orders have something in periods that are closed. */
static bool is_queued(const struct fg_book *book, const struct book_order *order, int32_t index)
{
    return !order->forwarded || book_ladder(book, order->product, order->regulation, order->first + index) != NULL;
}

/* The id is registered too; an amended order replaces its former self, which then no longer owns the id. */
bool book_place(struct fg_book *book, struct book_order *order)
{
    if (!book_ids_reserve(&book->orders, 1))
        return false;
    for (int32_t i = 0; i < order->count; i++)
        if (is_queued(book, order, i) && !book_place_again(book, order, i))
            return false;
    join(order);
    order->is_placed = true;
    if (!order->replaces)
        book_ids_put(&book->orders, order->id, order);
    return true;
}

void book_unplace(struct fg_book *book, struct book_order *order)
{
    for (int32_t i = 0; i < order->count; i++) {
        struct book_span *queued = &order->slices[i].queued;
        if (queued->from == queued->to)
            continue;
        if (order->is_composite)
            drop_composite(book, order, i);
        else
            drop_entries(book, order, i, queued->to);
    }
    if (!order->is_placed)
        return;
    part(book, order);
    order->is_placed = false;
    if (book_ids_find(&book->orders, order->id) == order)
        book_ids_remove(&book->orders, order->id);
}

/* ---- Orders ---- */

static struct book_order *take_order(struct fg_book *book)
{
    if (book->free_orders == NULL) {
        struct book_order_chunk *chunk = fg_alloc(ORDERS_PER_CHUNK + 1, sizeof(struct book_order));
        if (chunk == NULL)
            return NULL;
        chunk->next = book->order_chunks;
        book->order_chunks = chunk;
        struct book_order *orders = book_first_line(chunk + 1);
        for (int i = ORDERS_PER_CHUNK - 1; i >= 0; i--) {
            orders[i].next_free = book->free_orders;
            book->free_orders = &orders[i];
        }
    }
    struct book_order *order = book->free_orders;
    book->free_orders = order->next_free;
    memset(order, 0, sizeof *order);
    if (book->free_orders != NULL) /* the next to be made: its lines arrive while this command goes on */
        book_prefetch(book->free_orders, sizeof *order);
    return order;
}

/* The array a point belongs to is one block: slices, then points. */
struct book_order *book_order_make(struct fg_book *book, const struct fg_book_order *from)
{
    struct book_order *order = take_order(book);
    if (order == NULL)
        return NULL;
    size_t count = (size_t)from->period_count, points = (size_t)from->point_count;
    order->slices = count == 1 ? &order->one_slice : fg_alloc(count, sizeof *order->slices);
    struct fg_price_point *copy = points == 1 ? &order->one_point : fg_alloc(points, sizeof *copy);
    order->points = copy;
    if (order->slices == NULL || copy == NULL) {
        order->count = from->period_count;
        order->point_count = from->point_count;
        book_order_free(book, order);
        return NULL;
    }
    memcpy(copy, from->points, points * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        order->slices[i].quantity = from->quantity[i].w;
        order->open_slices += from->quantity[i].w > 0;
    }
    order->id = from->id;
    order->first = from->first_period;
    order->count = from->period_count;
    order->point_count = from->point_count;
    order->location = from->location;
    order->organisation = from->organisation;
    order->participant = from->participant;
    order->side = (uint8_t)from->side;
    order->product = (uint8_t)from->product;
    order->regulation = (uint8_t)from->regulation;
    order->kind = (uint8_t)from->kind;
    order->conditional = from->conditional;
    order->block = from->block;
    order->forward_to_tso = from->forward_to_tso;
    order->validity = (uint8_t)from->validity;
    order->min_fraction_u = from->min_fraction_u;
    order->portfolio = from->portfolio;
    order->bus = from->bus;
    order->expires_us = from->expires_us;
    order->session = from->session;
    order->contract = from->contract;
    order->attributes = from->attributes;
    const struct fg_book_attributes *a = &from->attributes;
    order->has_attributes =
        a->technologies || a->activation_s || a->duration_min_s || a->duration_max_s || a->ramp_w_per_min;
    order->is_composite = from->block && count > 1;
    return order;
}

void book_order_free(struct fg_book *book, struct book_order *order)
{
    if (order->slices != &order->one_slice)
        fg_free(order->slices);
    if (order->points != &order->one_point)
        fg_free((void *)(uintptr_t)order->points);
    order->next_free = book->free_orders;
    book->free_orders = order;
}

static int compare_priority(const void *a, const void *b)
{
    const struct book_order *x = *(struct book_order *const *)a, *y = *(struct book_order *const *)b;
    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

bool book_sorted(const struct fg_book *book, struct book_list *list)
{
    list->count = 0;
    for (size_t i = 0; i < book->orders.capacity; i++)
        if (book->orders.slots[i].id != 0 && !book_list_add(list, book->orders.slots[i].item))
            return false;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof(struct book_order *), compare_priority);
    return true;
}

void book_tables_release(struct fg_book *book)
{
    for (size_t i = 0; i < book->orders.capacity; i++) {
        if (book->orders.slots[i].id == 0)
            continue;
        struct book_order *order = book->orders.slots[i].item;
        if (order->slices != &order->one_slice)
            fg_free(order->slices);
        if (order->points != &order->one_point)
            fg_free((void *)(uintptr_t)order->points);
    }
    for (size_t i = 0; i < book->groups.capacity; i++)
        if (book->groups.slots[i].id != 0)
            fg_free(book->groups.slots[i].item);
    for (int32_t i = 0; i < book->period_count; i++)
        for (int p = 0; p < FG_BOOK_PRODUCTS; p++)
            for (int r = 0; r < 2; r++)
                book_ladder_free(book, book->periods[i].ladder[p][r]);
    fg_free(book->periods);
    book_leaf_pool_release(&book->leaves);
    fg_free(book->orders.slots);
    fg_free(book->groups.slots);
    fg_free(book->positions.slots);
    while (book->order_chunks) {
        struct book_order_chunk *next = book->order_chunks->next;
        fg_free(book->order_chunks);
        book->order_chunks = next;
    }
    while (book->position_chunks) {
        struct book_position_chunk *next = book->position_chunks->next;
        fg_free(book->position_chunks);
        book->position_chunks = next;
    }
}
