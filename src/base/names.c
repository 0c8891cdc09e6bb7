#include "base/names.h"

#include "base/memory.h"

#include <string.h>

void fg_names_init(struct fg_names *names)
{
    *names = (struct fg_names){0};
}

void fg_names_release(struct fg_names *names)
{
    fg_free(names->slots);
    fg_names_init(names);
}

static size_t hash_of(const struct fg_names *names, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)(uintptr_t)names->slots;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = (hash ^ *c) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash ^ hash >> 29);
}

/* The slot of the name, or the free slot where it belongs. */
static struct fg_names_slot *slot_of(const struct fg_names *names, const char *name)
{
    size_t at = hash_of(names, name) & (names->capacity - 1);
    while (names->slots[at].name && strcmp(names->slots[at].name, name) != 0)
        at = (at + 1) & (names->capacity - 1);
    return &names->slots[at];
}

int32_t fg_names_find(const struct fg_names *names, const char *name)
{
    if (names->capacity == 0)
        return -1;
    const struct fg_names_slot *slot = slot_of(names, name);
    return slot->name ? slot->index : -1;
}

static int grow(struct fg_names *names)
{
    struct fg_names larger = {.capacity = names->capacity ? names->capacity * 2 : 64, .count = names->count};
    larger.slots = fg_alloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return 1;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].name)
            *slot_of(&larger, names->slots[i].name) = names->slots[i];
    fg_free(names->slots);
    *names = larger;
    return 0;
}

int fg_names_add(struct fg_names *names, const char *name, int32_t index)
{
    if (2 * (names->count + 1) > names->capacity && grow(names) != 0)
        return 1;
    struct fg_names_slot *slot = slot_of(names, name);
    if (slot->name == NULL) {
        *slot = (struct fg_names_slot){.name = name, .index = index};
        names->count++;
    }
    return 0;
}
