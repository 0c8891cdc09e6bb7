/* From the external ids of a file to indices: built once, sorted, searched by halving. Readers keep one per kind of
 * element, so that references cost O(log n) whatever ids a file chooses. Thread rule: belongs to one reader. */
#ifndef FG_GRID_ID_MAP_H
#define FG_GRID_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fg_id_entry {
    const char *id; /* borrowed: must outlive the map */
    int32_t index;
};
struct fg_id_map {
    struct fg_id_entry *entries;
    size_t count, capacity;
    bool is_sorted;
};
void fg_id_map_init(struct fg_id_map *map);
void fg_id_map_release(struct fg_id_map *map);
bool fg_id_map_add(struct fg_id_map *map, const char *id, int32_t index); /* false when out of memory */
int32_t fg_id_map_find(struct fg_id_map *map, const char *id);            /* -1 when absent; sorts when it must */
const char *fg_id_map_duplicate(struct fg_id_map *map);                   /* an id that occurs twice; NULL if none */

#endif
