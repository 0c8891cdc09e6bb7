/* Names: a map from strings to indices, for finding elements by their external ids.
 *
 * Open addressing with FNV-1a, started from the table's address so that nobody can choose names that collide; nothing
 * ever depends on the order of the slots. Names are borrowed and must outlive the map.
 * Thread rule: look-ups from many threads, changes from one. */
#ifndef FG_BASE_NAMES_H
#define FG_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct fg_names {
    struct fg_names_slot {
        const char *name; /* NULL: free */
        int32_t index;
    } * slots;
    size_t count, capacity; /* capacity is 0 or a power of two */
};
void fg_names_init(struct fg_names *names);
void fg_names_release(struct fg_names *names);

/* Index of a name, -1 when absent. */
int32_t fg_names_find(const struct fg_names *names, const char *name);

/* Add a name that is not yet there; returns 0 on success, 1 when out of memory. A name that is there keeps its index.
 */
int fg_names_add(struct fg_names *names, const char *name, int32_t index);

#endif
