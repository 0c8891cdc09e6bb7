/* The part of the MATLAB language in which MATPOWER case files are written, run under bounds.
 *
 * A case file is a function that fills a structure; distribution cases also convert units in code at its end. What is
 * understood: assignments to variables, structure fields and indexed parts (including growth and deletion), matrix and
 * cell literals, arithmetic, comparison and logical operators (matrix and element-wise, with broadcasting), ranges,
 * transposes, indices by number, list, range, mask, ':' and 'end', the functions listed in matlab_function.c, and
 * MATPOWER's column names (idx_bus, idx_brch, idx_gen, idx_cost, define_constants). Everything else, control flow
 * included, is refused by name at file:line. Numbers are real; an operation whose result would be complex is refused.
 *
 * Bounds: the elements alive at once, the element operations of a run and the depth of nesting are limited in
 * proportion to the file's length, so that a hostile file can neither hang the reader nor exhaust memory.
 * Structures are flat: a field is a variable with a dotted name. Thread rule: one run belongs to one thread. */
#ifndef FG_GRID_MATLAB_H
#define FG_GRID_MATLAB_H

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

enum fg_matlab_kind { FG_MATLAB_NUMBER, FG_MATLAB_TEXT, FG_MATLAB_CELL };

/* Matrices are row-major here (index arithmetic of the language is column-major, as it must be). */
struct fg_matlab_value {
    enum fg_matlab_kind kind;
    size_t rows, cols;
    double *numbers; /* rows x cols; FG_MATLAB_NUMBER only */
    size_t *lines;   /* line of the file each row stands on; NULL when the value was computed */
    bool is_logical; /* result of a comparison: as an index, a mask */
    char *text;      /* FG_MATLAB_TEXT only, NUL-terminated */
    char **texts;    /* FG_MATLAB_CELL: rows x cols; NULL items are not text */
};

struct fg_matlab_variable {
    char *name; /* "Vbase", "mpc.bus" */
    size_t line; /* where it was first assigned */
    struct fg_matlab_value value;
};

struct fg_matlab {
    /* Result. */
    struct fg_matlab_variable *variables;
    size_t variable_count, variable_capacity;
    char *function_name; /* name and output of "function mpc = case9"; NULL when the file has no such line */
    char *output_name;

    /* State of the run. */
    const char *place;
    const char *start, *at, *end;
    size_t line, statement_line;
    bool in_matrix; /* white space separates elements */
    int depth;
    struct fg_arena temporaries; /* of the present statement */
    size_t temporary_elements, variable_elements, element_limit;
    size_t work, work_limit;
    const struct fg_matlab_value *indexed; /* what 'end' refers to */
    size_t index_position, index_total;
    void *number_locale;
    struct fg_error *err;
};

/* Run a file's text, `length` bytes. Release with fg_matlab_release, also after an error. */
enum fg_code fg_matlab_run(struct fg_matlab *run, const char *bytes, size_t length, const char *place,
                           struct fg_error *err);
void fg_matlab_release(struct fg_matlab *run);

/* Variable by dotted name, NULL when there is none. */
const struct fg_matlab_variable *fg_matlab_find(const struct fg_matlab *run, const char *name);

/* ---- Between the parts of the interpreter ---- */

enum fg_code fg_matlab_fail(struct fg_matlab *run, enum fg_code code, const char *format, ...) FG_PRINTF(3, 4);
/* Account for element operations; fails when the file asks for too many. */
enum fg_code fg_matlab_spend(struct fg_matlab *run, size_t operations);
/* A zeroed temporary matrix. */
enum fg_code fg_matlab_matrix(struct fg_matlab *run, size_t rows, size_t cols, struct fg_matlab_value *out);
enum fg_code fg_matlab_scalar(struct fg_matlab *run, double number, struct fg_matlab_value *out);

/* Operators, named by their text ("*", ".^", "<=", "~", "'"). */
enum fg_code fg_matlab_binary(struct fg_matlab *run, const char *operator_text, const struct fg_matlab_value *a,
                              const struct fg_matlab_value *b, struct fg_matlab_value *out);
enum fg_code fg_matlab_unary(struct fg_matlab *run, char operator_letter, const struct fg_matlab_value *a,
                             struct fg_matlab_value *out);
enum fg_code fg_matlab_transpose(struct fg_matlab *run, const struct fg_matlab_value *a, struct fg_matlab_value *out);
enum fg_code fg_matlab_range(struct fg_matlab *run, double first, double step, double last,
                             struct fg_matlab_value *out);

/* One index of a list: everything (':') or positions counted from 0. */
struct fg_matlab_index {
    bool is_all;
    size_t *positions;
    size_t count;
    size_t rows, cols; /* shape of the index value */
};
enum fg_code fg_matlab_index_of(struct fg_matlab *run, const struct fg_matlab_value *value, struct fg_matlab_index *out);
enum fg_code fg_matlab_take(struct fg_matlab *run, const struct fg_matlab_value *a, const struct fg_matlab_index *index,
                            size_t index_count, struct fg_matlab_value *out);
/* Assign into, grow or (with a 0 x 0 value) delete from a variable. */
enum fg_code fg_matlab_put(struct fg_matlab *run, struct fg_matlab_value *variable, const struct fg_matlab_index *index,
                           size_t index_count, const struct fg_matlab_value *value);

/* Function by name. FG_OK with *known = false when the name is not a function. */
enum fg_code fg_matlab_call(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                            size_t argument_count, struct fg_matlab_value *out, bool *known);
#define FG_MATLAB_MAX_OUTPUTS 32
/* Functions with several results: size, and MATPOWER's column lists. */
enum fg_code fg_matlab_call_many(struct fg_matlab *run, const char *name, const struct fg_matlab_value *arguments,
                                 size_t argument_count, double outputs[FG_MATLAB_MAX_OUTPUTS], size_t *output_count,
                                 bool *known);
/* define_constants: calls `define` for each column name. */
enum fg_code fg_matlab_constants(struct fg_matlab *run, enum fg_code (*define)(struct fg_matlab *, const char *, double));

#endif
