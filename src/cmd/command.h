/* A subcommand of `flexgrid`: its description, from which the option parser, the help texts and the suggestions of
 * near words all come, and its exit codes.
 *
 * Thread rule: the program is one thread; the only thing shared with the signal handler is the interrupt flag. */
#ifndef FG_CMD_COMMAND_H
#define FG_CMD_COMMAND_H

#include "base/error.h"
#include "cmd/option.h"

/* Exit codes; part of the interface (man page, docs/cli.md). */
enum fg_exit {
    FG_EXIT_OK = 0,
    FG_EXIT_INTERNAL = 1,    /* out of memory, or a numerical failure that gives no result */
    FG_EXIT_USAGE = 2,       /* unknown command or option, missing operand */
    FG_EXIT_INPUT = 3,       /* a file cannot be read, or what it says is refused */
    FG_EXIT_UNSOLVED = 4,    /* not converged, infeasible, not cleared; the result is still written */
    FG_EXIT_LIMIT = 5,       /* stopped at the iteration or time limit; the best result is still written */
    FG_EXIT_OUTPUT = 6,      /* a result cannot be written (full disk, no permission) */
    FG_EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

/* Options that every command that computes understands; first member of each command's own options. */
struct fg_common_options {
    bool help;
    bool json;              /* the result document on standard output, instead of tables */
    bool quiet;             /* neither tables nor progress */
    const char *output;     /* file for the result document; NULL: none */
    const char *csv;        /* folder for CSV tables; NULL: none */
    const char *report;     /* HTML file; NULL: none */
};

struct fg_command {
    const char *name;
    const char *operands;    /* "NETWORK MARKET" */
    int operand_min, operand_max;
    const char *summary;     /* one line for the list of commands */
    const char *description; /* paragraphs for --help */
    const char *examples;    /* lines for --help */
    const struct fg_option *options;
    size_t option_count;
    size_t options_size_bytes; /* of the struct that the options write into */
    enum fg_exit (*run)(void *options, char **operands, int operand_count);
};

extern const struct fg_command fg_command_powerflow, fg_command_opf, fg_command_clear, fg_command_convert,
    fg_command_check, fg_command_audit, fg_command_backup, fg_command_restore, fg_command_db;

/* Print "flexgrid: error: PLACE: text" and give the exit code that belongs to the error. */
enum fg_exit fg_command_fail(const struct fg_error *err);

/* The same for the failure to write a result: FG_EXIT_OUTPUT unless the error is of another nature (memory). */
enum fg_exit fg_command_fail_output(const struct fg_error *err);

#endif
