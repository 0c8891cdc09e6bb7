/* Structured log: one JSON object a line, written with one system call.
 *
 * Silent until a program opens it. Passwords, keys and tokens are never passed here; see the callers.
 * Thread rule: fg_log from any thread; fg_log_open before threads start. */
#ifndef FG_BASE_LOG_H
#define FG_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum fg_log_level { FG_LOG_DEBUG, FG_LOG_INFO, FG_LOG_WARNING, FG_LOG_ERROR };

struct fg_log_field {
    const char *key;
    const char *text; /* NULL: `number` */
    double number;
};
#define FG_LOG_TEXT(name, value) ((struct fg_log_field){.key = (name), .text = (value)})
#define FG_LOG_NUMBER(name, value) ((struct fg_log_field){.key = (name), .number = (double)(value)})

void fg_log_open(int descriptor, enum fg_log_level least);
int fg_log_wants(enum fg_log_level level);
/* `event` is a stable name ("server.started"). Lines that cannot be built (out of memory) or written are dropped. */
void fg_log_write(enum fg_log_level level, const char *event, const struct fg_log_field *fields, size_t count);

/* fg_log(FG_LOG_INFO, "server.started", FG_LOG_TEXT("address", a), FG_LOG_NUMBER("port", 8443)); at least one field */
#define fg_log(level, event, ...)                                                                                      \
    fg_log_write((level), (event), (const struct fg_log_field[]){__VA_ARGS__},                                         \
                 sizeof((const struct fg_log_field[]){__VA_ARGS__}) / sizeof(struct fg_log_field))

#endif
