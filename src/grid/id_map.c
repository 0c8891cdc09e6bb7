#include "grid/id_map.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void fg_id_map_init(struct fg_id_map *map)
{
    *map = (struct fg_id_map){ .is_sorted = true };
}

void fg_id_map_release(struct fg_id_map *map)
{
    fg_free(map->entries);
    fg_id_map_init(map);
}

bool fg_id_map_add(struct fg_id_map *map, const char *id, int32_t index)
{
    if (fg_grow((void **)&map->entries, map->count, &map->capacity, sizeof *map->entries))
        return false;
    map->entries[map->count++] = (struct fg_id_entry){ id, index };
    map->is_sorted = false;
    return true;
}

static int by_id_then_index(const void *a, const void *b)
{
    const struct fg_id_entry *left = a, *right = b;
    int order = strcmp(left->id, right->id);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static void sort(struct fg_id_map *map)
{
    if (!map->is_sorted)
        qsort(map->entries, map->count, sizeof *map->entries, by_id_then_index);
    map->is_sorted = true;
}

int32_t fg_id_map_find(struct fg_id_map *map, const char *id)
{
    sort(map);
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(map->entries[middle].id, id);
        if (order == 0)
            return map->entries[middle].index;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

const char *fg_id_map_duplicate(struct fg_id_map *map)
{
    sort(map);
    for (size_t i = 1; i < map->count; i++)
        if (strcmp(map->entries[i - 1].id, map->entries[i].id) == 0)
            return map->entries[i].id;
    return NULL;
}
