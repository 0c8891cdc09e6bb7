/* Where results go: standard output, a file, a folder of CSV tables. Files are written whole or not at all; a failed
 * write to standard output (closed pipe, full disk) is an error as well. */
#ifndef FG_CMD_OUTPUT_H
#define FG_CMD_OUTPUT_H

#include "base/csv.h"
#include "cmd/command.h"

/* Write `text` to standard output and flush; FG_ERR_IO. A text that ran out of memory is FG_ERR_MEMORY. */
enum fg_code fg_output_stdout(const struct fg_text *text, struct fg_error *err);
/* Write to a file, whole or not at all. */
enum fg_code fg_output_file(const char *path, const struct fg_text *text, struct fg_error *err);
/* Write FOLDER/NAME; the folder is made where it is missing. */
enum fg_code fg_output_csv(const char *folder, const char *name, const struct fg_text *text, struct fg_error *err);

/* Fields of a CSV row; the last one ends the row. Numbers are the shortest text that reads back, empty when not finite. */
void fg_output_field(struct fg_text *text, const char *value, bool is_last);
void fg_output_number(struct fg_text *text, double value, bool is_last);

/* What each command does at its end: --json and --output from `document`, tables (NULL: none) where neither --json nor
 * --quiet asks otherwise. Prints errors itself. */
enum fg_exit fg_output_finish(const struct fg_common_options *common, const struct fg_text *document,
                              const struct fg_text *tables);

#endif
