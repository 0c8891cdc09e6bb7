/* Aligned tables for the terminal. Columns are as wide as their cells; where a row would not fit the terminal, the widest
 * text columns are cut with "…" until it does. Numbers are never cut. */
#ifndef FG_CMD_TABLE_H
#define FG_CMD_TABLE_H

#include "cmd/terminal.h"

#define FG_TABLE_COLUMNS_MAX 12

struct fg_table_cell {
    char *text;
    enum fg_tone tone;
};
struct fg_table {
    int column_count;
    const char *titles[FG_TABLE_COLUMNS_MAX];
    bool is_text[FG_TABLE_COLUMNS_MAX]; /* left-aligned and may be cut; numbers are right-aligned */
    struct fg_table_cell *cells;        /* row-major */
    size_t cell_count, cell_capacity;
    bool failed; /* out of memory: nothing is printed */
};

/* At most FG_TABLE_COLUMNS_MAX titles; a leading '<' marks a text column ("<bus"). The titles must outlive the table. */
void fg_table_init(struct fg_table *table, int column_count, const char *const *titles);
void fg_table_release(struct fg_table *table);

/* Append the next cell, row by row. */
void fg_table_text(struct fg_table *table, const char *value);
void fg_table_text_tone(struct fg_table *table, enum fg_tone tone, const char *value);
void fg_table_printf(struct fg_table *table, enum fg_tone tone, const char *format, ...) FG_PRINTF(3, 4);
/* A number with `decimals` places; NAN and infinities are "-". */
void fg_table_number(struct fg_table *table, int decimals, double value);
void fg_table_number_tone(struct fg_table *table, enum fg_tone tone, int decimals, double value);

/* Render into `text` for a terminal of `width` columns. */
void fg_table_put(const struct fg_table *table, int width, bool has_colour, struct fg_text *text);

#endif
