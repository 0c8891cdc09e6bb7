/* The terminal: how wide it is, whether it shows colours, and text that cannot do harm there.
 *
 * Colours only on a terminal, never with NO_COLOR (https://no-color.org) set or TERM=dumb. Ids and names come from files
 * and may hold escape sequences: everything is printed through fg_terminal_put, which shows control characters as '?'. */
#ifndef FG_CMD_TERMINAL_H
#define FG_CMD_TERMINAL_H

#include "base/text.h"

#include <stdio.h>

enum fg_tone { FG_TONE_PLAIN, FG_TONE_BOLD, FG_TONE_DIM, FG_TONE_GOOD, FG_TONE_WARN, FG_TONE_BAD };

bool fg_terminal_has_colour(FILE *stream);
/* Columns of the terminal, within 60 ... 160; 80 where the stream is no terminal. */
int fg_terminal_width(FILE *stream);

/* Display width of a UTF-8 text: one column a code point (ids and names are rarely wider). */
int fg_terminal_columns(const char *text);

/* Append with control characters (C0, DEL, C1) and bytes that are not UTF-8 replaced by '?'; at most `columns` code
 * points, the last one "…" where text was cut. columns < 0: no limit. */
void fg_terminal_put(struct fg_text *text, const char *value, int columns);

/* Escape sequence that starts a tone, and the one that ends any; "" without colour. */
const char *fg_terminal_tone(enum fg_tone tone, bool has_colour);
const char *fg_terminal_reset(enum fg_tone tone, bool has_colour);

/* "flexgrid: error: TEXT" or "flexgrid: warning: TEXT" on standard error, cleaned. `place` may be NULL or "". */
void fg_terminal_error(const char *place, const char *text);
void fg_terminal_warning(const char *place, const char *text);

#endif
