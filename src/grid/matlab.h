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
    char *name;  /* "Vbase", "mpc.bus" */
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

#endif
