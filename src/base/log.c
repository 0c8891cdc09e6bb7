#include "base/log.h"

#include "base/json.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int log_descriptor = -1;
static enum fg_log_level log_least = FG_LOG_INFO;

void fg_log_open(int descriptor, enum fg_log_level least)
{
    log_descriptor = descriptor;
    log_least = least;
}

int fg_log_wants(enum fg_log_level level)
{
    return log_descriptor >= 0 && level >= log_least;
}

void fg_log_write(enum fg_log_level level, const char *event, const struct fg_log_field *fields, size_t count)
{
    static const char *const level_names[] = {"debug", "info", "warning", "error"};
    if (!fg_log_wants(level))
        return;
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char stamp[40];
    size_t length = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + length, sizeof stamp - length, ".%03ldZ", now.tv_nsec / 1000000);

    struct fg_text text;
    struct fg_json_writer writer;
    fg_text_init(&text);
    fg_json_writer_init(&writer, &text, false);
    fg_json_begin_object(&writer, NULL);
    fg_json_put_string(&writer, "time", stamp);
    fg_json_put_string(&writer, "level", level_names[level]);
    fg_json_put_string(&writer, "event", event);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text != NULL)
            fg_json_put_string(&writer, fields[i].key, fields[i].text);
        else
            fg_json_put_number(&writer, fields[i].key, fields[i].number);
    }
    fg_json_end_object(&writer);
    fg_text_append(&text, "\n", 1);
    if (!text.failed && write(log_descriptor, text.data, text.length) < 0) {
        /* Nobody is left to tell. */
    }
    fg_text_release(&text);
}
