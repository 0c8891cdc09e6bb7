#include "cmd/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void fg_html_put(struct fg_text *text, const char *value)
{
    if (value == NULL)
        return;
    size_t left = strlen(value);
    while (left > 0) {
        size_t valid = fg_utf8_valid_length(value, left);
        for (size_t i = 0; i < valid; i++) {
            unsigned char byte = (unsigned char)value[i];
            switch (byte) {
            case '&': fg_text_puts(text, "&amp;"); break;
            case '<': fg_text_puts(text, "&lt;"); break;
            case '>': fg_text_puts(text, "&gt;"); break;
            case '"': fg_text_puts(text, "&quot;"); break;
            case '\'': fg_text_puts(text, "&#39;"); break;
            default:
                if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
                    fg_text_puts(text, "\xEF\xBF\xBD");
                else
                    fg_text_append(text, value + i, 1);
            }
        }
        value += valid;
        left -= valid;
        if (left > 0) {
            fg_text_puts(text, "\xEF\xBF\xBD");
            value++;
            left--;
        }
    }
}

void fg_html_number(struct fg_text *text, int decimals, double value)
{
    if (!isfinite(value)) {
        fg_text_puts(text, "–");
        return;
    }
    char digits[400];
    snprintf(digits, sizeof digits, "%.*f", decimals, fabs(value));
    bool is_zero = strspn(digits, "0.") == strlen(digits);
    if (value < 0.0 && !is_zero)
        fg_text_puts(text, "−");
    size_t whole = strcspn(digits, ".");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0 && whole > 4)
            fg_text_puts(text, "\u202f");
        fg_text_append(text, digits + i, 1);
    }
    fg_text_puts(text, digits + whole);
}

void fg_html_coordinate(struct fg_text *text, double value)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.2f", isfinite(value) ? value : 0.0);
    size_t length = strlen(digits);
    while (digits[length - 1] == '0')
        length--;
    if (digits[length - 1] == '.')
        length--;
    fg_text_append(text, digits, length);
}

void fg_html_cell_class(struct fg_text *text, const char *css_class, const char *value)
{
    fg_text_printf(text, "<td class=\"%s\">", css_class);
    fg_html_put(text, value);
    fg_text_puts(text, "</td>");
}

void fg_html_cell(struct fg_text *text, const char *value)
{
    fg_text_puts(text, "<td>");
    fg_html_put(text, value);
    fg_text_puts(text, "</td>");
}

void fg_html_cell_number(struct fg_text *text, int decimals, double value)
{
    fg_text_puts(text, "<td class=\"n\">");
    fg_html_number(text, decimals, value);
    fg_text_puts(text, "</td>");
}

void fg_html_table_begin(struct fg_text *text, int column_count, const char *const *titles)
{
    fg_text_puts(text, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (int i = 0; i < column_count; i++) {
        bool is_text = titles[i][0] == '<';
        fg_text_puts(text, is_text ? "<th>" : "<th class=\"n\">");
        fg_html_put(text, titles[i] + is_text);
        fg_text_puts(text, "</th>");
    }
    fg_text_puts(text, "</tr></thead><tbody>\n");
}

void fg_html_table_end(struct fg_text *text)
{
    fg_text_puts(text, "</tbody></table></div>\n");
}
