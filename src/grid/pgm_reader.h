/* The parts of the power-grid-model reader share this state. Internal to the reader. */
#ifndef FG_GRID_PGM_READER_H
#define FG_GRID_PGM_READER_H

#include "base/names.h"
#include "grid/network.h"
#include "grid/pgm_row.h"

#define FG_PGM_BASE_VA 1e6 /* of one p.u., as in power-grid-model */
#define FG_PGM_FREQUENCY_HZ 50

/* What holds a voltage: one row of `voltage_regulator`. */
struct fg_pgm_regulator {
    double u_ref, q_min_var, q_max_var;
    bool is_on;
};

struct fg_pgm_reader {
    struct fg_network *network;
    const struct fg_pgm_dataset *input, *update; /* update may be NULL */
    struct fg_names updates;                     /* "COMPONENT ID" -> row of the update */
    struct fg_names nodes, branches;             /* ids -> indices in the network */
    struct fg_names regulated;                   /* ids of loads and generators -> regulators */
    struct fg_pgm_regulator *regulators;
    size_t regulator_count, regulator_capacity;
    bool *has_source;      /* per node of the file */
    struct fg_arena names; /* of the keys above */
    struct fg_error *err;
};

typedef enum fg_code fg_pgm_row_reader(struct fg_pgm_reader *reader, struct fg_pgm_row *row);

const char *fg_pgm_id(const struct fg_pgm_row *row, char id[FG_PGM_ID]);
/* The bus that a field refers to; -1 and row->code when there is none. */
int32_t fg_pgm_node(struct fg_pgm_reader *reader, struct fg_pgm_row *row, const char *field);
enum fg_code fg_pgm_note(struct fg_pgm_reader *reader, const struct fg_pgm_row *row, enum fg_note_kind kind,
                         const char *format, ...) FG_PRINTF(4, 5);
/* A branch between two buses, known by its id; a branch from a node to itself gets an auxiliary bus. */
enum fg_code fg_pgm_branch(struct fg_pgm_reader *reader, const char *id, int32_t from, int32_t to,
                           struct fg_branch **branch);

/* pgm_branch.c: */
fg_pgm_row_reader fg_pgm_line, fg_pgm_link, fg_pgm_generic_branch;
/* pgm_transformer.c: */
fg_pgm_row_reader fg_pgm_transformer, fg_pgm_three_winding, fg_pgm_tap_regulator;

#endif
