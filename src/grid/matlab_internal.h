/* Between the parts of the MATLAB subset; see matlab.h for what it understands.
 *
 *   matlab_run         variables, statements, bounds
 *   matlab_expression  operators by precedence, indices, calls
 *   matlab_literal     [ ... ] and { ... }
 *   matlab_text        characters: blanks, comments, numbers, names, texts
 *   matlab_value       what operators and indices do to values
 *   matlab_function    functions and MATPOWER's column names */
#ifndef FG_GRID_MATLAB_INTERNAL_H
#define FG_GRID_MATLAB_INTERNAL_H

#include "grid/matlab.h"

#include <ctype.h>

#define FG_MATLAB_MAX_DEPTH 60
#define FG_MATLAB_MAX_NAME 63
#define FG_MATLAB_MAX_DOTTED_NAME 200
#define FG_MATLAB_MAX_ARGUMENTS 3

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
enum fg_code fg_matlab_index_of(struct fg_matlab *run, const struct fg_matlab_value *value,
                                struct fg_matlab_index *out);
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
enum fg_code fg_matlab_constants(struct fg_matlab *run,
                                 enum fg_code (*define)(struct fg_matlab *, const char *, double));

/* Text. Parsers start at run->at and leave it behind what they read. */
static inline bool fg_matlab_at_end(const struct fg_matlab *run)
{
    return run->at >= run->end;
}
static inline char fg_matlab_peek(const struct fg_matlab *run, size_t offset) /* 0 behind the end */
{
    return (size_t)(run->end - run->at) > offset ? run->at[offset] : '\0';
}
static inline bool fg_matlab_is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}
bool fg_matlab_starts_with(const struct fg_matlab *run, const char *text);
/* Blanks, comments and continuations, but not the end of the line. True when something was skipped. */
bool fg_matlab_skip_blanks(struct fg_matlab *run);
enum fg_code fg_matlab_unexpected(struct fg_matlab *run, const char *wanted);
enum fg_code fg_matlab_expect(struct fg_matlab *run, char c, const char *wanted);
/* The extent of a number at `p`, 0 when there is none. */
size_t fg_matlab_number_length(const struct fg_matlab *run, const char *p);
enum fg_code fg_matlab_parse_number(struct fg_matlab *run, size_t length, double *out);
/* "name" or "name.field.field". */
enum fg_code fg_matlab_parse_name(struct fg_matlab *run, char name[FG_MATLAB_MAX_DOTTED_NAME + 1]);
enum fg_code fg_matlab_parse_text(struct fg_matlab *run, struct fg_matlab_value *out);

/* Literals, behind their opening bracket. */
enum fg_code fg_matlab_parse_matrix(struct fg_matlab *run, struct fg_matlab_value *out);
enum fg_code fg_matlab_parse_cell(struct fg_matlab *run, struct fg_matlab_value *out);

/* Expressions. Values are borrowed from the statement's temporaries or from variables. */
enum fg_code fg_matlab_parse_expression(struct fg_matlab *run, struct fg_matlab_value *out);
/* Behind '(': arguments of an index (indexed != NULL, where ':' and 'end' have a meaning) or of a function. */
enum fg_code fg_matlab_parse_arguments(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                       struct fg_matlab_value values[FG_MATLAB_MAX_ARGUMENTS],
                                       bool is_colon[FG_MATLAB_MAX_ARGUMENTS], size_t *count);
enum fg_code fg_matlab_parse_indices(struct fg_matlab *run, const struct fg_matlab_value *indexed,
                                     struct fg_matlab_index indices[2], size_t *count);

/* Variables. */
struct fg_matlab_variable *fg_matlab_variable_find(const struct fg_matlab *run, const char *name);
/* Is `prefix` a structure: is there a variable "prefix.something"? */
bool fg_matlab_is_structure(const struct fg_matlab *run, const char *prefix);

#endif
