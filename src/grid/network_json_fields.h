/* The members of the own format and the fields of the model they stand for: one table for both directions.
 * Private to network_json_read.c and network_json_write.c. */
#ifndef FG_GRID_NETWORK_JSON_FIELDS_H
#define FG_GRID_NETWORK_JSON_FIELDS_H

#include "grid/network.h"

enum fg_field_type {
    FG_FIELD_TEXT,     /* const char *; NULL when left out */
    FG_FIELD_NUMBER,   /* double; left out: the default, which may be infinite (no limit) */
    FG_FIELD_NULLABLE, /* double; null stands for NAN */
    FG_FIELD_INTEGER,  /* int32_t */
    FG_FIELD_BOOL,
    FG_FIELD_WORD, /* enum, by one of `words` */
    FG_FIELD_BUS,  /* int32_t index, by the bus's id; left out: -1 */
};

struct fg_field {
    const char *key; /* NULL ends a table */
    enum fg_field_type type;
    size_t offset;
    bool is_required;
    const char *const *words; /* NULL-terminated, in the order of the enum */
};

#define FG_FIELD_MAX 40 /* the longest table with its extra members fits */

extern const struct fg_field fg_bus_fields[], fg_branch_fields[], fg_tap_fields[], fg_tap_point_fields[],
    fg_switch_fields[], fg_injection_fields[], fg_generator_fields[], fg_storage_fields[], fg_shunt_fields[];
extern const char *const fg_note_words[];

/* One element of each kind with the model's defaults, to compare with; borrowed from `network`. */
struct fg_network_defaults {
    struct fg_network *network;
    const struct fg_bus *bus;
    const struct fg_branch *branch;
    const struct fg_switch *item;
    const struct fg_injection *injection;
    const struct fg_generator *generator;
    const struct fg_storage *storage;
    const struct fg_shunt *shunt;
};
bool fg_network_defaults_init(struct fg_network_defaults *defaults); /* false when out of memory */
void fg_network_defaults_release(struct fg_network_defaults *defaults);

#endif
