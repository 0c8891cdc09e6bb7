/* Errors: one closed list of codes, and one value that says what is wrong, where, and what to do about it.
 *
 * Convention of the whole library: a function that can fail returns `enum fg_code` (FG_OK is 0) and takes
 * `struct fg_error *err` as its last parameter, which may be NULL. Library code never prints, exits or aborts on
 * input. A solver's outcome (infeasible, iteration limit) is a result, not an error. */
#ifndef FG_BASE_ERROR_H
#define FG_BASE_ERROR_H

#include <stdarg.h>

enum fg_code {
    FG_OK = 0,
    FG_ERR_MEMORY,      /* out of memory */
    FG_ERR_IO,          /* a file cannot be opened, read, written or renamed */
    FG_ERR_SYNTAX,      /* text that is not of its format (JSON, CSV, MATPOWER) */
    FG_ERR_SCHEMA,      /* a field is missing, unknown or of the wrong type */
    FG_ERR_VALUE,       /* a field's value is outside its meaning (NaN, negative, unknown word) */
    FG_ERR_UNSUPPORTED, /* understood, but outside the model; refused by name */
    FG_ERR_TOO_LARGE,   /* more than the documented bound */
    FG_ERR_OVERFLOW,    /* fixed-point arithmetic would overflow */
    FG_ERR_NETWORK,     /* the network is contradictory (no source, zero impedance, duplicate id) */
    FG_ERR_ARGUMENT,    /* the caller broke a documented condition */
    FG_ERR_NUMERIC,     /* a factorisation or iteration failed where no result can be given */
    FG_ERR_INTERRUPTED, /* stopped by the caller's interrupt flag */
    FG_ERR_NOT_FOUND,   /* there is no such object, or the asker may not know of it */
    FG_ERR_BUSY,        /* overloaded, or another writer is in the way; later the same call may succeed */
    FG_ERR_UNAVAILABLE, /* the database cannot be reached; nothing was committed */
    FG_ERR_CONSTRAINT,  /* a uniqueness, reference or check rule of the database refused the row */
    FG_ERR_FULL,        /* no space left where the database lives */
    FG_ERR_CORRUPT,     /* stored bytes are not what was written */
    FG_ERR_VERSION,     /* the data were written by another version of the program */
    FG_ERR_FENCED,      /* a lease has passed to another holder: stop writing */
    FG_ERR_OUTCOME,     /* a commit may or may not have happened: read back what is there */
    FG_ERR_CONFLICT,    /* the object's state does not allow it, or has changed meanwhile */
    FG_ERR_DENIED,      /* who asks may not do this */
    FG_ERR_COUNT
};

struct fg_error {
    enum fg_code code;
    char place[256]; /* "file:line", "file#/json/pointer", or "" */
    char text[768];  /* what is wrong and the remedy, one sentence each */
};

#if defined(__GNUC__)
#define FG_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define FG_PRINTF(format_index, first_index)
#endif

/* Stable key of a code, e.g. "syntax". Never NULL. */
const char *fg_code_slug(enum fg_code code);

/* Fill `err` (may be NULL) and return `code`, so that callers write `return fg_fail(err, ...)`.
 * `place` may be NULL. Text that does not fit is cut with "...". */
enum fg_code fg_fail(struct fg_error *err, enum fg_code code, const char *place, const char *format, ...)
    FG_PRINTF(4, 5);

/* FG_ERR_MEMORY with the standard text. */
enum fg_code fg_fail_memory(struct fg_error *err);

#endif
