/* The parts of the pandapower reader share this state. Internal to the reader. */
#ifndef FG_GRID_PANDAPOWER_READER_H
#define FG_GRID_PANDAPOWER_READER_H

#include "base/names.h"
#include "grid/network.h"
#include "grid/pandapower_table.h"

#define FG_PP_ID 64 /* bytes of an element id */

struct fg_pp_reader {
    struct fg_network *network;
    const char *place;                /* the file */
    const struct fg_json_cursor *net; /* the object that holds the tables */
    struct fg_error *err;
    double sn_mva, f_hz;
    double format_version;      /* 3.1 for "3.1.0" */
    struct fg_names buses;      /* pandas index as text -> bus */
    struct fg_names branches;   /* "line_3", "trafo_0", "trafo3w_1_hv" -> branch */
    struct fg_names generators; /* "gen_0", "ext_grid_0", "sgen_4" -> generator */
};

/* Read one table row by row; rows whose `in_service` is false are read as well. */
typedef enum fg_code fg_pp_row_reader(struct fg_pp_reader *reader, struct fg_pp_row *row);
enum fg_code fg_pp_each(struct fg_pp_reader *reader, const char *table, fg_pp_row_reader *read);

/* "TABLE_INDEX" */
const char *fg_pp_id(const struct fg_pp_row *row, char id[FG_PP_ID]);
/* The bus a column refers to; -1 and row->code when there is none. */
int32_t fg_pp_bus(struct fg_pp_reader *reader, struct fg_pp_row *row, const char *column);
/* The row's `name`, in the network's arena; NULL when it has none. Numbers become text. */
const char *fg_pp_name(struct fg_pp_reader *reader, struct fg_pp_row *row);
/* A note at the row. */
enum fg_code fg_pp_note(struct fg_pp_reader *reader, const struct fg_pp_row *row, enum fg_note_kind kind,
                        const char *format, ...) FG_PRINTF(4, 5);
/* Ohm that make 1 p.u. at the bus. */
double fg_pp_base_ohm(const struct fg_pp_reader *reader, int32_t bus);

/* Row readers, by file. pandapower_branch.c: */
fg_pp_row_reader fg_pp_line, fg_pp_impedance, fg_pp_switch;
/* pandapower_transformer.c: */
fg_pp_row_reader fg_pp_trafo, fg_pp_trafo3w;
/* pandapower_injection.c: */
fg_pp_row_reader fg_pp_load, fg_pp_sgen, fg_pp_asymmetric, fg_pp_motor, fg_pp_storage, fg_pp_shunt, fg_pp_ward,
    fg_pp_xward;
/* pandapower_generator.c: */
fg_pp_row_reader fg_pp_ext_grid, fg_pp_gen, fg_pp_dcline, fg_pp_poly_cost, fg_pp_pwl_cost;

/* A load or static generator whose power may be chosen within limits; `sign` is -1 for loads. */
enum fg_code fg_pp_controllable(struct fg_pp_reader *reader, struct fg_pp_row *row, int32_t bus, double p_mw,
                                double q_mvar, double sign, bool *is_generator);

#endif
