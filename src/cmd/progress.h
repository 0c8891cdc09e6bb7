/* One line of progress on standard error, rewritten in place; silent unless standard error is a terminal. */
#ifndef FG_CMD_PROGRESS_H
#define FG_CMD_PROGRESS_H

#include "base/error.h"

#include <stdbool.h>

struct fg_progress {
    bool is_on;
    double started_s, shown_s;
};
void fg_progress_begin(struct fg_progress *progress, bool is_quiet);
/* Show a line, at most ten times a second unless `at_once`. */
void fg_progress_show(struct fg_progress *progress, bool at_once, const char *format, ...) FG_PRINTF(3, 4);
/* Wipe the line. */
void fg_progress_end(struct fg_progress *progress);

#endif
