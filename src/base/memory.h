/* Memory: checked allocation and arenas.
 *
 * All allocations of the library go through fg_alloc/fg_realloc so that tests can make the n-th one fail.
 * Thread rule: fg_alloc and fg_free are as thread-safe as malloc; an arena belongs to one thread. */
#ifndef FG_BASE_MEMORY_H
#define FG_BASE_MEMORY_H

#include <stddef.h>

/* `count` zeroed items of `size_bytes` each; NULL when out of memory or when the product overflows.
 * A count of 0 gives a valid pointer that must be freed. */
void *fg_alloc(size_t count, size_t size_bytes);

/* Grow or shrink to `count` items (new items are not zeroed); NULL leaves the old block valid. */
void *fg_realloc(void *block, size_t count, size_t size_bytes);

void fg_free(void *block);

/* Make room for one more item in a growing array; returns 0 on success. `*items` points to the array. */
int fg_grow(void **items, size_t count, size_t *capacity, size_t size_bytes);

/* Test hook: the n-th allocation from now fails (1 = the next one), as do all later ones; 0 switches it off. */
void fg_alloc_fail_after(long n);

/* Arena: allocate often, free once. */
struct fg_arena {
    struct fg_arena_chunk *chunks;
};
void fg_arena_init(struct fg_arena *arena);
void fg_arena_release(struct fg_arena *arena);
void *fg_arena_alloc(struct fg_arena *arena, size_t count, size_t size_bytes); /* zeroed, NULL when out of memory */
char *fg_arena_strdup(struct fg_arena *arena, const char *text);
char *fg_arena_strndup(struct fg_arena *arena, const char *text, size_t length);

#endif
