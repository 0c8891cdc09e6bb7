#include "cmd/progress.h"

#include "base/instant.h"
#include "cmd/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void fg_progress_begin(struct fg_progress *progress, bool is_quiet)
{
    progress->is_on = !is_quiet && isatty(STDERR_FILENO) == 1;
    progress->started_s = fg_clock_seconds();
    progress->shown_s = -1.0;
}

void fg_progress_show(struct fg_progress *progress, bool at_once, const char *format, ...)
{
    if (!progress->is_on)
        return;
    double now_s = fg_clock_seconds();
    if (!at_once && now_s - progress->shown_s < 0.1)
        return;
    progress->shown_s = now_s;
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    struct fg_text text;
    fg_text_init(&text);
    fg_text_printf(&text, "\r\033[K%6.1f s  ", now_s - progress->started_s);
    fg_terminal_put(&text, line, fg_terminal_width(stderr) - 12);
    if (!text.failed) {
        fputs(text.data, stderr);
        fflush(stderr);
    }
    fg_text_release(&text);
}

void fg_progress_end(struct fg_progress *progress)
{
    if (progress->is_on)
        fputs("\r\033[K", stderr);
    progress->is_on = false;
}
