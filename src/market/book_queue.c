#include "market/book_queue.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { LEAVES_PER_CHUNK = 16 };

struct book_leaf_chunk {
    struct book_leaf_chunk *next;
    struct book_leaf leaves[LEAVES_PER_CHUNK];
};

static struct book_leaf *take_leaf(struct book_leaf_pool *pool)
{
    if (pool->free == NULL) {
        struct book_leaf_chunk *chunk = fg_alloc(1, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        for (int i = LEAVES_PER_CHUNK - 1; i >= 0; i--) {
            chunk->leaves[i].next_free = pool->free;
            pool->free = &chunk->leaves[i];
        }
    }
    struct book_leaf *leaf = pool->free;
    pool->free = leaf->next_free;
    leaf->count = 0;
    return leaf;
}

static void give_leaf(struct book_leaf_pool *pool, struct book_leaf *leaf)
{
    leaf->next_free = pool->free;
    pool->free = leaf;
}

void book_leaf_pool_release(struct book_leaf_pool *pool)
{
    while (pool->chunks) {
        struct book_leaf_chunk *next = pool->chunks->next;
        fg_free(pool->chunks);
        pool->chunks = next;
    }
    pool->free = NULL;
}

void book_queue_release(struct book_queue *queue, struct book_leaf_pool *pool)
{
    for (int32_t i = 0; i < queue->leaf_count; i++)
        give_leaf(pool, queue->leaves[i]);
    fg_free(queue->leaves);
    *queue = (struct book_queue){0};
}

static bool comes_before(const struct book_entry *a, const struct book_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->priority != b->priority ? a->priority < b->priority : a->step < b->step;
}

/* Last leaf whose first entry does not come after `entry`, or the first leaf. */
static int32_t find_leaf(const struct book_queue *queue, const struct book_entry *entry)
{
    int32_t low = 0, high = queue->leaf_count - 1;
    while (low < high) {
        int32_t middle = (low + high + 1) / 2;
        if (comes_before(entry, &queue->leaves[middle]->entries[0]))
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}

/* Number of entries of the leaf that come before `entry`. */
static int32_t find_place(const struct book_leaf *leaf, const struct book_entry *entry)
{
    int32_t low = 0, high = leaf->count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (comes_before(&leaf->entries[middle], entry))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A new empty leaf at `index` of the directory. */
static struct book_leaf *add_leaf(struct book_queue *queue, struct book_leaf_pool *pool, int32_t index)
{
    if (queue->leaf_count == queue->leaf_capacity) {
        int32_t wanted = queue->leaf_capacity ? 2 * queue->leaf_capacity : 4;
        struct book_leaf **grown = fg_realloc(queue->leaves, (size_t)wanted, sizeof *grown);
        if (grown == NULL)
            return NULL;
        queue->leaves = grown;
        queue->leaf_capacity = wanted;
    }
    struct book_leaf *leaf = take_leaf(pool);
    if (leaf == NULL)
        return NULL;
    memmove(queue->leaves + index + 1, queue->leaves + index,
            (size_t)(queue->leaf_count - index) * sizeof(struct book_leaf *));
    queue->leaves[index] = leaf;
    queue->leaf_count++;
    return leaf;
}

bool book_queue_insert(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry)
{
    if (queue->leaf_count == 0 && add_leaf(queue, pool, 0) == NULL)
        return false;
    int32_t index = find_leaf(queue, entry);
    struct book_leaf *leaf = queue->leaves[index];
    int32_t place = find_place(leaf, entry);
    if (leaf->count == BOOK_LEAF) {
        struct book_leaf *right = add_leaf(queue, pool, index + 1);
        if (right == NULL)
            return false;
        /* Orders often come in at the end of their price: then the old leaf stays full. */
        int32_t keep = place == BOOK_LEAF ? BOOK_LEAF - 1 : BOOK_LEAF / 2;
        right->count = BOOK_LEAF - keep;
        memcpy(right->entries, leaf->entries + keep, (size_t)right->count * sizeof *entry);
        leaf->count = keep;
        if (place > keep) {
            place -= keep;
            leaf = right;
        }
    }
    memmove(leaf->entries + place + 1, leaf->entries + place, (size_t)(leaf->count - place) * sizeof *entry);
    leaf->entries[place] = *entry;
    leaf->count++;
    return true;
}

void book_queue_remove(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry)
{
    assert(queue->leaf_count > 0);
    int32_t index = find_leaf(queue, entry);
    struct book_leaf *leaf = queue->leaves[index];
    int32_t place = find_place(leaf, entry);
    assert(place < leaf->count && leaf->entries[place].order == entry->order);
    leaf->count--;
    memmove(leaf->entries + place, leaf->entries + place + 1, (size_t)(leaf->count - place) * sizeof *entry);
    if (leaf->count == 0) {
        queue->leaf_count--;
        memmove(queue->leaves + index, queue->leaves + index + 1,
                (size_t)(queue->leaf_count - index) * sizeof(struct book_leaf *));
        give_leaf(pool, leaf);
    }
}
