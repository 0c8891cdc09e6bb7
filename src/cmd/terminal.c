#include "cmd/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool fg_terminal_has_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    if (term == NULL || strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(stream)) == 1;
}

int fg_terminal_width(FILE *stream)
{
    struct winsize size;
    int columns = 80;
    if (isatty(fileno(stream)) == 1 && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return columns < 60 ? 60 : columns > 160 ? 160 : columns;
}

/* Length in bytes of the UTF-8 sequence at `bytes`, 0 when it is not one or stands for a control character. */
static size_t sequence_length(const unsigned char *bytes)
{
    unsigned char first = bytes[0];
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    size_t length = first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    if (length == 2 && first == 0xc2 && bytes[1] < 0xa0)
        return 0; /* C1 control characters */
    if (length == 3 && first == 0xe2 && (bytes[1] == 0x80 || bytes[1] == 0x81) &&
        ((bytes[1] == 0x80 && bytes[2] >= 0xaa && bytes[2] <= 0xae) || (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9)))
        return 0; /* bidirectional overrides turn lines around */
    return length;
}

int fg_terminal_columns(const char *text)
{
    int columns = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; columns++) {
        size_t length = sequence_length(at);
        at += length > 0 ? length : 1;
    }
    return columns;
}

void fg_terminal_put(struct fg_text *text, const char *value, int columns)
{
    bool is_cut = columns >= 0 && fg_terminal_columns(value) > columns;
    int left = is_cut ? columns - 1 : columns;
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0' && left != 0; left--) {
        size_t length = sequence_length(at);
        if (length == 0)
            fg_text_append(text, "?", 1);
        else
            fg_text_append(text, (const char *)at, length);
        at += length > 0 ? length : 1;
    }
    if (is_cut && columns > 0)
        fg_text_puts(text, "…");
}

const char *fg_terminal_tone(enum fg_tone tone, bool has_colour)
{
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    return has_colour ? codes[tone] : "";
}

const char *fg_terminal_reset(enum fg_tone tone, bool has_colour)
{
    return has_colour && tone != FG_TONE_PLAIN ? "\033[0m" : "";
}

static void put_message(const char *kind, enum fg_tone tone, const char *place, const char *message)
{
    struct fg_text line;
    fg_text_init(&line);
    bool has_colour = fg_terminal_has_colour(stderr);
    fg_text_printf(&line, "flexgrid: %s%s:%s ", fg_terminal_tone(tone, has_colour), kind,
                   fg_terminal_reset(tone, has_colour));
    if (place != NULL && place[0] != '\0') {
        fg_terminal_put(&line, place, -1);
        fg_text_puts(&line, ": ");
    }
    fg_terminal_put(&line, message, -1);
    fg_text_puts(&line, "\n");
    if (line.failed)
        fprintf(stderr, "flexgrid: %s: %s\n", kind, "out of memory");
    else
        fputs(line.data, stderr);
    fg_text_release(&line);
}

void fg_terminal_error(const char *place, const char *text)
{
    put_message("error", FG_TONE_BAD, place, text);
}

void fg_terminal_warning(const char *place, const char *text)
{
    put_message("warning", FG_TONE_WARN, place, text);
}
