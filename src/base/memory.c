#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long allocations_left = 0; /* 0: the hook is off; 1: fail now and from now on */

void fg_alloc_fail_after(long n)
{
    atomic_store(&allocations_left, n);
}

static int must_fail(void)
{
    long left = atomic_load(&allocations_left);
    if (left == 0)
        return 0;
    if (left > 1) {
        atomic_store(&allocations_left, left - 1);
        return 0;
    }
    return 1;
}

void *fg_alloc(size_t count, size_t size_bytes)
{
    if (must_fail())
        return NULL;
    return calloc(count ? count : 1, size_bytes ? size_bytes : 1);
}

void *fg_realloc(void *block, size_t count, size_t size_bytes)
{
    if (must_fail())
        return NULL;
    if (size_bytes != 0 && count > SIZE_MAX / size_bytes)
        return NULL;
    size_t bytes = count * size_bytes;
    return realloc(block, bytes ? bytes : 1);
}

void fg_free(void *block)
{
    free(block);
}

int fg_grow(void **items, size_t count, size_t *capacity, size_t size_bytes)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown = fg_realloc(*items, wanted, size_bytes);
    if (grown == NULL)
        return 1;
    *items = grown;
    *capacity = wanted;
    return 0;
}

struct fg_arena_chunk {
    struct fg_arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

void fg_arena_init(struct fg_arena *arena)
{
    arena->chunks = NULL;
}

void fg_arena_release(struct fg_arena *arena)
{
    struct fg_arena_chunk *chunk = arena->chunks;
    while (chunk) {
        struct fg_arena_chunk *next = chunk->next;
        fg_free(chunk);
        chunk = next;
    }
    arena->chunks = NULL;
}

void *fg_arena_alloc(struct fg_arena *arena, size_t count, size_t size_bytes)
{
    if (size_bytes != 0 && count > (SIZE_MAX / 2) / size_bytes)
        return NULL;
    size_t bytes = count * size_bytes;
    size_t align = sizeof(max_align_t);
    bytes = (bytes + align - 1) / align * align;
    struct fg_arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        size_t size = bytes > 65536 ? bytes : 65536;
        chunk = fg_alloc(1, sizeof *chunk + size);
        if (chunk == NULL)
            return NULL;
        chunk->size = size;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *block = (char *)chunk->data + chunk->used;
    chunk->used += bytes;
    return block;
}

char *fg_arena_strndup(struct fg_arena *arena, const char *text, size_t length)
{
    char *copy = fg_arena_alloc(arena, length + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

char *fg_arena_strdup(struct fg_arena *arena, const char *text)
{
    return fg_arena_strndup(arena, text, strlen(text));
}
