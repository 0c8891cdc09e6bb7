/* Price-time ordered entries of one side, location, product, regulation and period.
 *
 * A sorted sequence cut into leaves of at most BOOK_LEAF entries, with a directory that has the first key and the number of
 * entries of each: insert, remove and find are a binary search there and a short move inside one leaf, which is asked for
 * whole before it is read. Removal never allocates. Leaves come from a pool. Thread rule: one thread. */
#ifndef FG_MARKET_BOOK_QUEUE_H
#define FG_MARKET_BOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOOK_LEAF = 16, BOOK_CACHE_LINE = 64 };

/* Ask for memory that will be read or written soon: the waits for its lines then overlap. */
static inline void book_prefetch(const void *memory, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes; at += BOOK_CACHE_LINE)
        __builtin_prefetch((const char *)memory + at, 1);
}
/* The first begin of a cache line at `memory` or behind it. */
static inline void *book_first_line(void *memory)
{
    size_t over = (uintptr_t)memory % BOOK_CACHE_LINE;
    return (char *)memory + (over > 0 ? BOOK_CACHE_LINE - over : 0);
}

/* Sorted by key, then priority, then step. Key: the price for sells, its negative for buys: the best is the least. */
struct book_entry {
    int64_t key, priority;
    struct book_order *order;
    int32_t slice, step; /* index of the period in the order, of the price point */
};
/* Keys in cache lines of their own: a search reads nothing else, but for ties. */
struct book_leaf {
    union {
        _Alignas(BOOK_CACHE_LINE) int64_t keys[BOOK_LEAF];
        struct book_leaf *next_free;
    };
    struct book_item {
        int64_t priority;
        struct book_order *order;
        int32_t slice, step;
    } items[BOOK_LEAF];
};
struct book_leaf_pool {
    struct book_leaf *free;
    struct book_leaf_chunk *chunks;
};
void book_leaf_pool_release(struct book_leaf_pool *pool);

struct book_leaf_place { /* never an empty leaf */
    struct book_leaf *leaf;
    int64_t first_key;
    int32_t count;
};
struct book_queue {
    struct book_leaf_place *leaves;
    int32_t leaf_count, leaf_capacity;
};
static inline struct book_entry book_queue_at(const struct book_queue *queue, int32_t leaf, int32_t at)
{
    const struct book_leaf *of = queue->leaves[leaf].leaf;
    const struct book_item *item = &of->items[at];
    return (struct book_entry){of->keys[at], item->priority, item->order, item->slice, item->step};
}
void book_queue_release(struct book_queue *queue, struct book_leaf_pool *pool);
bool book_queue_insert(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry);
void book_queue_remove(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry);

#endif
