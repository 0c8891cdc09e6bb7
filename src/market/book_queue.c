#include "market/book_queue.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { LEAVES_PER_CHUNK = 32 };

struct book_leaf_chunk {
    struct book_leaf_chunk *next; /* leaves follow, each at the begin of a cache line */
};

static struct book_leaf *take_leaf(struct book_leaf_pool *pool)
{
    if (pool->free == NULL) {
        struct book_leaf_chunk *chunk = fg_alloc(LEAVES_PER_CHUNK + 1, sizeof(struct book_leaf));
        if (chunk == NULL)
            return NULL;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        struct book_leaf *leaves = book_first_line(chunk + 1);
        for (int i = LEAVES_PER_CHUNK - 1; i >= 0; i--) {
            leaves[i].next_free = pool->free;
            pool->free = &leaves[i];
        }
    }
    struct book_leaf *leaf = pool->free;
    pool->free = leaf->next_free;
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
        give_leaf(pool, queue->leaves[i].leaf);
    fg_free(queue->leaves);
    *queue = (struct book_queue){0};
}

static bool comes_before(int64_t key, const struct book_item *item, const struct book_entry *entry)
{
    if (key != entry->key)
        return key < entry->key;
    return item->priority != entry->priority ? item->priority < entry->priority : item->step < entry->step;
}

static bool begins_after(const struct book_leaf_place *place, const struct book_entry *entry)
{
    if (place->first_key != entry->key)
        return place->first_key > entry->key;
    const struct book_item *first = &place->leaf->items[0];
    return first->priority != entry->priority ? first->priority > entry->priority : first->step > entry->step;
}

/* Last leaf whose first entry does not come after `entry`, or the first leaf. */
static int32_t find_leaf(const struct book_queue *queue, const struct book_entry *entry)
{
    int32_t low = 0, high = queue->leaf_count - 1;
    while (low < high) {
        int32_t middle = (low + high + 1) / 2;
        if (begins_after(&queue->leaves[middle], entry))
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}

/* Number of entries of the leaf that come before `entry`. */
static int32_t find_in_leaf(const struct book_leaf *leaf, int32_t count, const struct book_entry *entry)
{
    int32_t low = 0, high = count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (comes_before(leaf->keys[middle], &leaf->items[middle], entry))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A new leaf at `index` of the directory. */
static struct book_leaf_place *add_leaf(struct book_queue *queue, struct book_leaf_pool *pool, int32_t index)
{
    if (queue->leaf_count == queue->leaf_capacity) {
        int32_t wanted = queue->leaf_capacity ? 2 * queue->leaf_capacity : 4;
        struct book_leaf_place *grown = fg_realloc(queue->leaves, (size_t)wanted, sizeof *grown);
        if (grown == NULL)
            return NULL;
        queue->leaves = grown;
        queue->leaf_capacity = wanted;
    }
    struct book_leaf *leaf = take_leaf(pool);
    if (leaf == NULL)
        return NULL;
    struct book_leaf_place *place = queue->leaves + index;
    memmove(place + 1, place, (size_t)(queue->leaf_count - index) * sizeof *place);
    *place = (struct book_leaf_place){.leaf = leaf};
    queue->leaf_count++;
    return place;
}

/* Moves what stands at `from` and behind it, of `count` entries, to `to` of the same leaf or another. */
static void move_entries(struct book_leaf *target, int32_t to, const struct book_leaf *leaf, int32_t from, int32_t count)
{
    size_t moved = (size_t)(count - from);
    memmove(target->keys + to, leaf->keys + from, moved * sizeof *leaf->keys);
    memmove(target->items + to, leaf->items + from, moved * sizeof *leaf->items);
}

bool book_queue_insert(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry)
{
    if (queue->leaf_count == 0 && add_leaf(queue, pool, 0) == NULL)
        return false;
    int32_t index = find_leaf(queue, entry);
    struct book_leaf_place *place = &queue->leaves[index];
    book_prefetch(place->leaf, sizeof *place->leaf);
    int32_t at = find_in_leaf(place->leaf, place->count, entry);
    if (place->count == BOOK_LEAF) {
        struct book_leaf_place *right = add_leaf(queue, pool, index + 1);
        if (right == NULL)
            return false;
        place = right - 1;
        /* Orders often come in at the end of their price: then the old leaf stays full. */
        int32_t keep = at == BOOK_LEAF ? BOOK_LEAF - 1 : BOOK_LEAF / 2;
        move_entries(right->leaf, 0, place->leaf, keep, BOOK_LEAF);
        right->count = BOOK_LEAF - keep;
        right->first_key = right->leaf->keys[0];
        place->count = keep;
        if (at > keep) {
            at -= keep;
            place = right;
        }
    }
    struct book_leaf *leaf = place->leaf;
    move_entries(leaf, at + 1, leaf, at, place->count);
    leaf->keys[at] = entry->key;
    leaf->items[at] = (struct book_item){entry->priority, entry->order, entry->slice, entry->step};
    place->first_key = leaf->keys[0];
    place->count++;
    return true;
}

void book_queue_remove(struct book_queue *queue, struct book_leaf_pool *pool, const struct book_entry *entry)
{
    assert(queue->leaf_count > 0);
    int32_t index = find_leaf(queue, entry);
    struct book_leaf_place *place = &queue->leaves[index];
    struct book_leaf *leaf = place->leaf;
    book_prefetch(leaf, sizeof *leaf);
    int32_t at = find_in_leaf(leaf, place->count, entry);
    assert(at < place->count && leaf->items[at].order == entry->order);
    move_entries(leaf, at, leaf, at + 1, place->count);
    if (--place->count > 0) {
        place->first_key = leaf->keys[0];
        return;
    }
    queue->leaf_count--;
    memmove(place, place + 1, (size_t)(queue->leaf_count - index) * sizeof *place);
    give_leaf(pool, leaf);
}
