/* Reading the operands of a command, with the warnings of their import reports on standard error. */
#ifndef FG_CMD_LOAD_H
#define FG_CMD_LOAD_H

#include "cmd/command.h"
#include "grid/network.h"

/* Read a network of any format; prints the error itself and returns the exit code. `format` NULL: told by the content. */
enum fg_exit fg_load_network(const char *path, const char *format, bool is_quiet, struct fg_network **network);

extern const char *const fg_load_note_words[]; /* by fg_note_kind */

/* Append the import report: one line a note, or one line that says there is nothing to report. */
void fg_load_put_notes(const struct fg_network *network, bool has_colour, struct fg_text *text);

/* Options that the commands share; `type` is the command's struct, whose member `common` is fg_common_options. */
#define FG_OPTION_COMMON(type)                                                                                         \
    {"json", 'j', FG_OPTION_FLAG, offsetof(struct type, common.json), NULL,                                            \
     "Write the result as a JSON document to standard output, in place of tables.", NULL, 0, 0},                       \
    {"output", 'o', FG_OPTION_TEXT, offsetof(struct type, common.output), "FILE",                                      \
     "Write the JSON document to FILE, whole or not at all.", NULL, 0, 0},                                             \
    {"quiet", 'q', FG_OPTION_FLAG, offsetof(struct type, common.quiet), NULL,                                          \
     "No tables, no progress, no warnings.", NULL, 0, 0},                                                              \
    {"help", 'h', FG_OPTION_FLAG, offsetof(struct type, common.help), NULL, "Show this help.", NULL, 0, 0}
#define FG_OPTION_CSV(type)                                                                                            \
    {"csv", 'c', FG_OPTION_TEXT, offsetof(struct type, common.csv), "DIR",                                             \
     "Write the tables as CSV files into the folder DIR, which is made if missing.", NULL, 0, 0}

#endif
