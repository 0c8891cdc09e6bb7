/* The parts of the SimBench reader share this state. Internal to the reader.
 *
 * A row remembers its first error: getters then return their fallback, and the caller looks at row.code once. */
#ifndef FG_GRID_SIMBENCH_READER_H
#define FG_GRID_SIMBENCH_READER_H

#include "base/csv.h"
#include "base/names.h"
#include "grid/simbench.h"

enum fg_sb_role { FG_SB_OTHER, FG_SB_LOAD, FG_SB_WIND, FG_SB_SUN, FG_SB_GENERATION };

/* What an element follows: columns of the profiles, -1 for none. */
struct fg_sb_follow {
    int32_t p_series, q_series;
    enum fg_sb_role role;
};

struct fg_sb_study_case {
    const char *name;
    double load_p, load_q, wind, sun, generation, slack_vm_pu;
};

struct fg_simbench {
    struct fg_network *network;
    struct fg_arena arena;
    size_t step_count;
    const char **times;
    const double **series; /* each step_count values */
    size_t series_count, series_capacity;
    struct fg_sb_follow *injections, *generators, *storages; /* as long as the network's arrays */
    size_t injection_capacity, generator_capacity, storage_capacity;
    struct fg_sb_study_case *cases;
    size_t case_count, case_capacity;
};

struct fg_sb_table {
    const char *name; /* "Line" */
    struct fg_csv csv;
    bool exists;
};

struct fg_sb_reader {
    struct fg_simbench *set;
    struct fg_network *network; /* the set's */
    const char *folder;         /* NULL: from memory */
    const struct fg_simbench_file *files;
    size_t file_count;
    bool with_profiles;
    struct fg_sb_table line_types, dc_line_types, transformer_types, coordinates;
    struct fg_names line_type_names, dc_line_type_names, transformer_type_names, coordinate_names;
    struct fg_names nodes;         /* id -> bus */
    struct fg_names profile_names; /* "Load H0-A" -> index in profile_keys */
    const char **profile_keys;
    size_t profile_capacity;
    double *vm_set_pu, *va_set_rad; /* per node; NAN when not given */
    struct fg_error *err;
};

struct fg_sb_row {
    const struct fg_sb_table *table;
    size_t number;
    enum fg_code code;
    struct fg_error *err;
};

/* Absent tables are empty. Release in every case. */
enum fg_code fg_sb_table_open(const struct fg_sb_reader *reader, const char *name, struct fg_sb_table *table);
void fg_sb_table_release(struct fg_sb_table *table);

struct fg_sb_row fg_sb_row_at(const struct fg_sb_table *table, size_t number, struct fg_error *err);
/* Empty fields, "NULL" and absent columns give NULL or the fallback; the `_need` forms refuse them. */
const char *fg_sb_text(const struct fg_sb_row *row, const char *column);
const char *fg_sb_need_text(struct fg_sb_row *row, const char *column);
double fg_sb_number(struct fg_sb_row *row, const char *column, double fallback);
double fg_sb_need(struct fg_sb_row *row, const char *column);
enum fg_code fg_sb_refuse(struct fg_sb_row *row, const char *column, enum fg_code code, const char *format, ...)
    FG_PRINTF(4, 5);
int32_t fg_sb_node(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *column);
enum fg_code fg_sb_note(struct fg_sb_reader *reader, const struct fg_sb_row *row, enum fg_note_kind kind,
                        const char *format, ...) FG_PRINTF(4, 5);

typedef enum fg_code fg_sb_row_reader(struct fg_sb_reader *reader, struct fg_sb_row *row);
/* simbench_branch.c: */
fg_sb_row_reader fg_sb_line, fg_sb_transformer, fg_sb_transformer3w, fg_sb_switch;
/* simbench_element.c: */
fg_sb_row_reader fg_sb_external_net, fg_sb_power_plant, fg_sb_res, fg_sb_load, fg_sb_storage, fg_sb_shunt;

/* simbench_profile.c: let the element last added follow the row's profile. */
enum fg_code fg_sb_follow_injection(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *table,
                                    enum fg_sb_role role);
enum fg_code fg_sb_follow_generator(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *table,
                                    enum fg_sb_role role);
enum fg_code fg_sb_follow_storage(struct fg_sb_reader *reader, struct fg_sb_row *row);
enum fg_code fg_sb_read_profiles(struct fg_sb_reader *reader);
enum fg_code fg_sb_read_cases(struct fg_sb_reader *reader);

#endif
