#include "cmd/table.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void fg_table_init(struct fg_table *table, int column_count, const char *const *titles)
{
    *table = (struct fg_table){.column_count = column_count};
    for (int i = 0; i < column_count; i++) {
        table->is_text[i] = titles[i][0] == '<';
        table->titles[i] = titles[i] + table->is_text[i];
    }
}

void fg_table_release(struct fg_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        fg_free(table->cells[i].text);
    fg_free(table->cells);
    *table = (struct fg_table){0};
}

void fg_table_text_tone(struct fg_table *table, enum fg_tone tone, const char *value)
{
    void *cells = table->cells;
    if (table->failed || fg_grow(&cells, table->cell_count, &table->cell_capacity, sizeof *table->cells) != 0) {
        table->failed = true;
        return;
    }
    table->cells = cells;
    size_t length = strlen(value);
    char *copy = fg_alloc(length + 1, 1);
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    memcpy(copy, value, length);
    table->cells[table->cell_count++] = (struct fg_table_cell){copy, tone};
}

void fg_table_text(struct fg_table *table, const char *value)
{
    fg_table_text_tone(table, FG_TONE_PLAIN, value);
}

void fg_table_printf(struct fg_table *table, enum fg_tone tone, const char *format, ...)
{
    char buffer[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    fg_table_text_tone(table, tone, buffer);
}

void fg_table_number_tone(struct fg_table *table, enum fg_tone tone, int decimals, double value)
{
    char buffer[64];
    if (!isfinite(value)) {
        fg_table_text_tone(table, FG_TONE_DIM, "-");
        return;
    }
    if (fabs(value) >= 1e15)
        snprintf(buffer, sizeof buffer, "%.3g", value);
    else
        snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    /* "-0.00" says nothing that "0.00" does not. */
    if (buffer[0] == '-' && strspn(buffer + 1, "0.") == strlen(buffer + 1))
        memmove(buffer, buffer + 1, strlen(buffer));
    fg_table_text_tone(table, tone, buffer);
}

void fg_table_number(struct fg_table *table, int decimals, double value)
{
    fg_table_number_tone(table, FG_TONE_PLAIN, decimals, value);
}

static void put_padded(struct fg_text *text, const char *value, int width, bool is_text, bool is_last)
{
    int pad = width - fg_terminal_columns(value);
    if (pad > 0 && !is_text)
        fg_text_printf(text, "%*s", pad, "");
    fg_terminal_put(text, value, width);
    if (pad > 0 && is_text && !is_last)
        fg_text_printf(text, "%*s", pad, "");
}

static void find_widths(const struct fg_table *table, int width, int *widths)
{
    int total = 2 * (table->column_count - 1);
    for (int c = 0; c < table->column_count; c++)
        widths[c] = fg_terminal_columns(table->titles[c]);
    for (size_t i = 0; i < table->cell_count; i++) {
        int columns = fg_terminal_columns(table->cells[i].text);
        int *widest = &widths[i % (size_t)table->column_count];
        *widest = columns > *widest ? columns : *widest;
    }
    for (int c = 0; c < table->column_count; c++)
        total += widths[c];
    while (total > width) {
        int widest = -1;
        for (int c = 0; c < table->column_count; c++)
            if (table->is_text[c] && widths[c] > 6 && (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest < 0)
            break;
        widths[widest]--;
        total--;
    }
}

void fg_table_put(const struct fg_table *table, int width, bool has_colour, struct fg_text *text)
{
    if (table->failed) {
        text->failed = true;
        return;
    }
    int widths[FG_TABLE_COLUMNS_MAX];
    find_widths(table, width, widths);
    const int last = table->column_count - 1;
    fg_text_puts(text, fg_terminal_tone(FG_TONE_DIM, has_colour));
    for (int c = 0; c <= last; c++) {
        put_padded(text, table->titles[c], widths[c], table->is_text[c], c == last);
        fg_text_puts(text, c == last ? "" : "  ");
    }
    fg_text_printf(text, "%s\n", fg_terminal_reset(FG_TONE_DIM, has_colour));
    for (size_t i = 0; i + (size_t)last < table->cell_count; i += (size_t)table->column_count) {
        for (int c = 0; c <= last; c++) {
            const struct fg_table_cell *cell = &table->cells[i + (size_t)c];
            fg_text_puts(text, fg_terminal_tone(cell->tone, has_colour));
            put_padded(text, cell->text, widths[c], table->is_text[c], c == last);
            fg_text_puts(text, fg_terminal_reset(cell->tone, has_colour));
            fg_text_puts(text, c == last ? "\n" : "  ");
        }
    }
}
