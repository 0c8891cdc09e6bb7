/* Configuration: a table of settings, read from a file and overridden by the environment.
 *
 *     # comment
 *     listen_address = 127.0.0.1
 *     port = 8443
 *     cors_origins = https://a.example, https://b.example
 *
 * One `name = value` a line; blank lines and lines that begin with '#' are skipped; a value ends with the line and is
 * trimmed. FLEXGRID_PORT in the environment goes before `port` in the file. An unknown name, one given twice, and a value
 * outside its range are errors at file:line (or at the variable's name), with the remedy.
 * Thread rule: call from one thread. */
#ifndef FG_API_CONFIG_H
#define FG_API_CONFIG_H

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

enum fg_setting_kind {
    FG_SETTING_TEXT,    /* const char *; NULL when empty */
    FG_SETTING_INTEGER, /* int64_t within [minimum, maximum] */
    FG_SETTING_NUMBER,  /* double within [minimum, maximum] */
    FG_SETTING_BOOLEAN, /* bool: true, false */
    FG_SETTING_WORD,    /* int: index in `words` */
    FG_SETTING_LIST     /* const char *const *: NULL-terminated; NULL when empty */
};
struct fg_setting {
    const char *name; /* [a-z_]+ */
    enum fg_setting_kind kind;
    size_t offset;
    const char *fallback; /* as text, in the same syntax */
    const char *help;     /* one sentence */
    double minimum, maximum;
    const char *const *words;
};

/* Fill `out` with fallbacks, then the file (NULL: none), then the environment. Texts live in the arena. */
enum fg_code fg_config_load(const struct fg_setting *settings, size_t count, const char *file, struct fg_arena *arena,
                            void *out, struct fg_error *err);
/* The configuration file that says the fallbacks, with the help as comments. */
void fg_config_describe(const struct fg_setting *settings, size_t count, struct fg_text *text);

#endif
