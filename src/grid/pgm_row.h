/* Rows of a power-grid-model dataset: objects, or lists along the dataset's "attributes", with an update on top.
 * Internal to the reader. A row remembers its first error, like the rows of the pandapower reader. */
#ifndef FG_GRID_PGM_ROW_H
#define FG_GRID_PGM_ROW_H

#include "base/json.h"
#include "base/names.h"

#define FG_PGM_ID 32 /* bytes of an id as text */

/* One dataset in one scenario: an object that maps components to arrays of rows. */
struct fg_pgm_dataset {
    struct fg_json_cursor root;
    struct fg_json_cursor attributes; /* component -> names; value NULL: none */
    struct fg_json_cursor all;        /* "data" */
    struct fg_json_cursor data;       /* "data", or its item in a batch */
};

struct fg_pgm_row {
    const char *component;
    struct fg_json_cursor list, cells;               /* the input's row */
    struct fg_json_cursor update_list, update_cells; /* value NULL: not updated */
    const json_t *names, *update_names;              /* of the cells of list rows */
    int64_t id;
    enum fg_code code;
    struct fg_error *err;
};

/* Check version, type ("input" or "update") and shape. `scenario` counts for batches. The dataset must not be moved. */
enum fg_code fg_pgm_dataset_open(struct fg_pgm_dataset *dataset, json_t *document, const char *place, const char *type,
                                 size_t scenario, struct fg_error *err);

/* "COMPONENT ID": ids are looked up together with their component. */
#define FG_PGM_KEY 64
const char *fg_pgm_key(const char *component, int64_t id, char key[FG_PGM_KEY]);

/* The row's own fields alone, in one dataset; used to index updates. */
void fg_pgm_row_plain(struct fg_pgm_row *row, const struct fg_pgm_dataset *dataset, const char *component,
                      size_t number, struct fg_error *err);

/* The row of a component in the input, with the update's row of the same id (`updates` maps keys to row numbers; rows
 * without id follow the input's order). `update` may be NULL. */
void fg_pgm_row_at(struct fg_pgm_row *row, const struct fg_pgm_dataset *input, const struct fg_pgm_dataset *update,
                   const struct fg_names *updates, const char *component, size_t number, struct fg_error *err);

/* Null and absent give the fallback; "inf" and "-inf" are numbers. */
struct fg_json_cursor fg_pgm_field(const struct fg_pgm_row *row, const char *name);
double fg_pgm_number(struct fg_pgm_row *row, const char *name, double fallback);
double fg_pgm_need(struct fg_pgm_row *row, const char *name);
double fg_pgm_positive(struct fg_pgm_row *row, const char *name);
int32_t fg_pgm_integer(struct fg_pgm_row *row, const char *name, int32_t fallback);
int64_t fg_pgm_need_id(struct fg_pgm_row *row, const char *name);
bool fg_pgm_status(struct fg_pgm_row *row, const char *name); /* 1 unless given as 0 */
/* A number, or the sum of three for asymmetric components. */
double fg_pgm_sum(struct fg_pgm_row *row, const char *name, double fallback);

/* Fail at a field; keeps the first error. Returns row->code. */
enum fg_code fg_pgm_refuse(struct fg_pgm_row *row, const char *name, enum fg_code code, const char *format, ...)
    FG_PRINTF(4, 5);

#endif
