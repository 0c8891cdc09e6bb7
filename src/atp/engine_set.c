#include "atp/engine_internal.h"

#include <string.h>

static size_t place_of(const struct engine_set *set, int64_t a, int64_t b)
{
    uint64_t hash = ((uint64_t)a * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)b * UINT64_C(0xc2b2ae3d27d4eb4f));
    size_t at = (size_t)(hash >> 17) & (set->slot_count - 1);
    while (set->slots[at] != 0) {
        const struct engine_key *key = &set->items[set->slots[at] - 1];
        if (key->a == a && key->b == b)
            break;
        at = (at + 1) & (set->slot_count - 1);
    }
    return at;
}

static int widen(struct engine_set *set)
{
    size_t count = set->slot_count == 0 ? 256 : set->slot_count * 2;
    uint32_t *slots = fg_alloc(count, sizeof *slots);
    if (slots == NULL)
        return 1;
    fg_free(set->slots);
    set->slots = slots;
    set->slot_count = count;
    for (size_t i = 0; i < set->count; i++)
        set->slots[place_of(set, set->items[i].a, set->items[i].b)] = (uint32_t)(i + 1);
    return 0;
}

int engine_set_add(struct engine_set *set, int64_t a, int64_t b, size_t *place)
{
    if (set->count * 2 >= set->slot_count && widen(set) != 0)
        return 1;
    size_t at = place_of(set, a, b);
    if (set->slots[at] == 0) {
        if (fg_grow((void **)&set->items, set->count, &set->capacity, sizeof *set->items) != 0)
            return 1;
        set->items[set->count] = (struct engine_key){a, b};
        set->slots[at] = (uint32_t)++set->count;
    }
    if (place != NULL)
        *place = set->slots[at] - 1;
    return 0;
}

bool engine_set_has(const struct engine_set *set, int64_t a, int64_t b)
{
    return set->slot_count > 0 && set->slots[place_of(set, a, b)] != 0;
}

void engine_set_clear(struct engine_set *set)
{
    if (set->count > 0)
        memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->count = 0;
}

void engine_set_release(struct engine_set *set)
{
    fg_free(set->items);
    fg_free(set->slots);
    memset(set, 0, sizeof *set);
}
