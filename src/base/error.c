#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const char *const code_slugs[FG_ERR_COUNT] = {
    [FG_OK] = "ok",
    [FG_ERR_MEMORY] = "memory",
    [FG_ERR_IO] = "io",
    [FG_ERR_SYNTAX] = "syntax",
    [FG_ERR_SCHEMA] = "schema",
    [FG_ERR_VALUE] = "value",
    [FG_ERR_UNSUPPORTED] = "unsupported",
    [FG_ERR_TOO_LARGE] = "too_large",
    [FG_ERR_OVERFLOW] = "overflow",
    [FG_ERR_NETWORK] = "network",
    [FG_ERR_ARGUMENT] = "argument",
    [FG_ERR_NUMERIC] = "numeric",
    [FG_ERR_INTERRUPTED] = "interrupted",
    [FG_ERR_NOT_FOUND] = "not_found",
    [FG_ERR_BUSY] = "busy",
    [FG_ERR_UNAVAILABLE] = "unavailable",
    [FG_ERR_CONSTRAINT] = "constraint",
    [FG_ERR_FULL] = "full",
    [FG_ERR_CORRUPT] = "corrupt",
    [FG_ERR_VERSION] = "version",
    [FG_ERR_FENCED] = "fenced",
    [FG_ERR_OUTCOME] = "outcome",
    [FG_ERR_CONFLICT] = "conflict",
    [FG_ERR_DENIED] = "denied",
};

const char *fg_code_slug(enum fg_code code)
{
    return (unsigned)code < FG_ERR_COUNT ? code_slugs[code] : "unknown";
}

/* Mark what did not fit, never in the middle of a UTF-8 sequence, and disarm control bytes: messages quote hostile input
 * and end on terminals. */
static void tidy(char *text, size_t size, int written)
{
    if (written >= (int)size) {
        size_t end = size - 4;
        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
            end--;
        memcpy(text + end, "...", 4);
    }
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

enum fg_code fg_fail(struct fg_error *err, enum fg_code code, const char *place, const char *format, ...)
{
    if (err == NULL)
        return code;
    err->code = code;
    int written = snprintf(err->place, sizeof err->place, "%s", place ? place : "");
    tidy(err->place, sizeof err->place, written);
    va_list args;
    va_start(args, format);
    written = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    tidy(err->text, sizeof err->text, written);
    return code;
}

enum fg_code fg_fail_memory(struct fg_error *err)
{
    return fg_fail(err, FG_ERR_MEMORY, NULL, "out of memory; close other programs or use a smaller case");
}
