/* HTML and SVG text. Everything that comes from a file or a user goes through fg_html_put: the five characters that mean
 * something in markup become entities, control characters and bytes that are not UTF-8 become U+FFFD, so that no
 * id, name or path can become markup or script. */
#ifndef FG_CMD_HTML_H
#define FG_CMD_HTML_H

#include "base/text.h"

/* Escaped text, valid in element content and in double- or single-quoted attributes. NULL puts nothing. */
void fg_html_put(struct fg_text *text, const char *value);

/* Number with `decimals` places and a thin space between thousands; "–" when not finite. Never "-0". */
void fg_html_number(struct fg_text *text, int decimals, double value);

/* SVG coordinate: two decimals, no trailing zeros. Non-finite values are 0 (callers filter them first). */
void fg_html_coordinate(struct fg_text *text, double value);

/* Table cells. */
void fg_html_cell(struct fg_text *text, const char *value);                         /* <td>escaped</td> */
void fg_html_cell_number(struct fg_text *text, int decimals, double value);         /* <td class="n">...</td> */
void fg_html_cell_class(struct fg_text *text, const char *css_class, const char *value);

/* <table> with a scrolling frame; titles with a leading '<' are text columns, as in cmd/table.h. */
void fg_html_table_begin(struct fg_text *text, int column_count, const char *const *titles);
void fg_html_table_end(struct fg_text *text);

#endif
