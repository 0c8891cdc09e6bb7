/* Price-time ordered entries of one side, location, product, regulation and period.
 *
 * A sorted sequence cut into leaves of at most BOOK_LEAF entries, with a directory of leaves: insert, remove and find
 * are a binary search and a short move inside one leaf. Removal never allocates. Leaves come from a pool.
 * Thread rule: one thread. */
#ifndef FG_MARKET_BOOK_QUEUE_H
#define FG_MARKET_BOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOOK_LEAF = 32 };

/* Sorted by key, then priority, then step. Key: the price for sells, its negative for buys: the best is the least. */
struct book_entry {
    int64_t key, priority;
    struct book_order *order;
    int32_t slice, step; /* index of the period in the order, of the price point */
};
struct book_leaf {
    struct book_leaf *next_free;
    int32_t count;
    struct book_entry entries[BOOK_LEAF];
};
struct book_leaf_pool {
    struct book_leaf *free;
    struct book_leaf_chunk *chunks;
};
void book_leaf_pool_release(struct book_leaf_pool *pool);

struct book_queue {
    struct book_leaf **leaves; /* never an empty one */
    int32_t leaf_count, leaf_capacity;
};
void book_queue_release(struct book_queue *queue, struct book_leaf_pool *pool);
bool book_queue_insert(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry);
void book_queue_remove(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry);

#endif
