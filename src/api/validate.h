/* Strict validation of values against schemas. All errors are collected, each with its place, up to FG_PROBLEMS_MAX.
 *
 * Thread rule: a list belongs to one thread. */
#ifndef FG_API_VALIDATE_H
#define FG_API_VALIDATE_H

#include "api/problem.h"
#include "api/schema.h"
#include "base/json.h"

#define FG_PROBLEMS_MAX 50 /* further errors are not looked for */
#define FG_SECRET_MAX 1024

struct fg_problem_list {
    struct fg_problem_item *items;
    size_t count, capacity;
    bool failed; /* out of memory */
};
void fg_problem_list_release(struct fg_problem_list *list);
void fg_problem_list_add(struct fg_problem_list *list, const char *pointer, const char *key, const char *format, ...)
    FG_PRINTF(4, 5);

/* A JSON value against a schema; `nullable` allows null. Cost: linear in the document. */
void fg_validate_json(const struct fg_schema *schema, bool nullable, const struct fg_json_cursor *value,
                      struct fg_problem_list *list);

/* A parameter (path, query), given as text. `integer` gets what it means: the integer, the decimal in its last place,
 * the instant, the index of the word, 0 or 1. */
void fg_validate_text(const struct fg_schema *schema, const char *text, const char *place, int64_t *integer,
                      struct fg_problem_list *list);

/* Pattern of a string schema, as OpenAPI shows it; NULL when there is none. The checks above accept exactly the
 * pattern's language (and the schema's limits). Writes into buffer where it depends on the schema. */
const char *fg_schema_pattern(const struct fg_schema *schema, char *buffer, size_t size);

#endif
