/* Command-line options, described by a table: parsing, help and suggestions use the same description.
 *
 * Syntax (GNU): --name VALUE, --name=VALUE, -x VALUE, "--" ends the options, options and operands in any order. */
#ifndef FG_CMD_OPTION_H
#define FG_CMD_OPTION_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fg_option_kind {
    FG_OPTION_FLAG,    /* bool */
    FG_OPTION_TEXT,    /* const char *, points into argv */
    FG_OPTION_NUMBER,  /* double within [minimum, maximum] */
    FG_OPTION_INTEGER, /* int32_t within [minimum, maximum] */
    FG_OPTION_WORD     /* int32_t: index in `words` */
};

struct fg_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum fg_option_kind kind;
    size_t offset;        /* of the value in the command's options */
    const char *metavar;  /* "FILE"; NULL for flags */
    const char *help;     /* one sentence, wrapped for the terminal */
    const char *const *words; /* NULL-terminated */
    double minimum, maximum;
};

/* Fill `options` from argv[0 .. argc-1] (the arguments after the command's name). Operands are moved to the front of
 * argv; *operand_count says how many. FG_ERR_ARGUMENT with a text that names the nearest option when one is unknown. */
enum fg_code fg_option_parse(const struct fg_option *table, size_t count, void *options, int argc, char **argv,
                             int *operand_count, struct fg_error *err);

/* The word of a NULL-terminated list that is nearest to `word` (Damerau-Levenshtein distance at most a third of its
 * length, at least 1); NULL when none is near. */
const char *fg_option_nearest(const char *word, const char *const *words);

/* Append words in lines of at most `width` columns, all but the first indented by `indent`, and a line end. */
void fg_option_wrap(struct fg_text *text, const char *help, int indent, int width);

/* "  -o, --output FILE   help ..." for each option, wrapped at `width` columns. */
void fg_option_help(const struct fg_option *table, size_t count, int width, struct fg_text *text);

#endif
