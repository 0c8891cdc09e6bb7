#include "api/config.h"

#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX_BYTES ((size_t)1 << 20)

static const char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static enum fg_code set_list(const char *value, struct fg_arena *arena, const char *const **out, struct fg_error *err)
{
    size_t count = 1;
    for (const char *at = value; *at != '\0'; at++)
        count += *at == ',';
    const char **list = fg_arena_alloc(arena, count + 1, sizeof *list);
    char *copy = fg_arena_strdup(arena, value);
    if (list == NULL || copy == NULL)
        return fg_fail_memory(err);
    count = 0;
    for (char *part = strtok(copy, ","); part != NULL; part = strtok(NULL, ",")) {
        const char *word = trim(part);
        if (*word != '\0')
            list[count++] = word;
    }
    *out = count > 0 ? list : NULL;
    return FG_OK;
}

static enum fg_code set_number(const struct fg_setting *setting, const char *value, const char *place, double *out,
                               struct fg_error *err)
{
    bool is_whole = setting->kind == FG_SETTING_INTEGER;
    if (!fg_number_parse(value, out) || (is_whole && trunc(*out) != *out))
        return fg_fail(err, FG_ERR_VALUE, place, "%s needs a %s, not \"%.60s\"", setting->name,
                       is_whole ? "whole number" : "number", value);
    if (*out < setting->minimum || *out > setting->maximum)
        return fg_fail(err, FG_ERR_VALUE, place, "%s must lie between %.15g and %.15g, not %.60s", setting->name,
                       setting->minimum, setting->maximum, value);
    return FG_OK;
}

static enum fg_code set_word(const struct fg_setting *setting, const char *value, const char *place, int *out,
                             struct fg_error *err)
{
    char list[200] = "";
    for (int i = 0; setting->words[i] != NULL; i++) {
        if (strcmp(setting->words[i], value) == 0) {
            *out = i;
            return FG_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", setting->words[i]);
    }
    return fg_fail(err, FG_ERR_VALUE, place, "%s is one of %s, not \"%.60s\"", setting->name, list, value);
}

static enum fg_code set(const struct fg_setting *setting, const char *value, const char *place, struct fg_arena *arena,
                        void *out, struct fg_error *err)
{
    void *target = (char *)out + setting->offset;
    double number = 0;
    enum fg_code code = FG_OK;
    switch (setting->kind) {
    case FG_SETTING_TEXT: {
        const char *copy = *value != '\0' ? fg_arena_strdup(arena, value) : NULL;
        if (*value != '\0' && copy == NULL)
            return fg_fail_memory(err);
        *(const char **)target = copy;
        break;
    }
    case FG_SETTING_INTEGER:
        if ((code = set_number(setting, value, place, &number, err)) == FG_OK)
            *(int64_t *)target = (int64_t)number;
        break;
    case FG_SETTING_NUMBER: code = set_number(setting, value, place, target, err); break;
    case FG_SETTING_BOOLEAN:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return fg_fail(err, FG_ERR_VALUE, place, "%s is true or false, not \"%.60s\"", setting->name, value);
        *(bool *)target = strcmp(value, "true") == 0;
        break;
    case FG_SETTING_WORD: code = set_word(setting, value, place, target, err); break;
    case FG_SETTING_LIST: code = set_list(value, arena, target, err); break;
    }
    return code;
}

static enum fg_code find(const struct fg_setting *settings, size_t count, const char *name, const char *place,
                         size_t *index, struct fg_error *err)
{
    const char *names[128] = {0};
    for (size_t i = 0; i < count && i < 127; i++) {
        names[i] = settings[i].name;
        if (strcmp(names[i], name) == 0) {
            *index = i;
            return FG_OK;
        }
    }
    const char *nearest = fg_json_nearest(name, names);
    if (nearest != NULL)
        return fg_fail(err, FG_ERR_SCHEMA, place, "unknown setting \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return fg_fail(err, FG_ERR_SCHEMA, place, "unknown setting \"%.60s\"; flexgridd --print-config lists them", name);
}

static enum fg_code read_line(const struct fg_setting *settings, size_t count, char *line, const char *place, bool *seen,
                              struct fg_arena *arena, void *out, struct fg_error *err)
{
    const char *start = trim(line);
    if (*start == '\0' || *start == '#')
        return FG_OK;
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return fg_fail(err, FG_ERR_SYNTAX, place, "is not \"name = value\"; begin a comment with '#'");
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    size_t index = 0;
    enum fg_code code = find(settings, count, name, place, &index, err);
    if (code != FG_OK)
        return code;
    if (seen[index])
        return fg_fail(err, FG_ERR_SCHEMA, place, "%s is set twice; leave one line", name);
    seen[index] = true;
    return set(&settings[index], value, place, arena, out, err);
}

static enum fg_code read_file(const struct fg_setting *settings, size_t count, const char *file, struct fg_arena *arena,
                              void *out, struct fg_error *err)
{
    struct fg_text text;
    enum fg_code code = fg_file_read(file, CONFIG_MAX_BYTES, &text, err);
    if (code != FG_OK)
        return code;
    bool *seen = fg_alloc(count, sizeof *seen);
    if (seen == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK && (strlen(text.data) != text.length || fg_utf8_valid_length(text.data, text.length) != text.length))
        code = fg_fail(err, FG_ERR_SYNTAX, file, "is not a text file in UTF-8");
    int number = 1;
    for (char *line = text.data; code == FG_OK && line != NULL; number++) {
        char *next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        char place[256];
        snprintf(place, sizeof place, "%.200s:%d", file, number);
        code = read_line(settings, count, line, place, seen, arena, out, err);
        line = next;
    }
    fg_free(seen);
    fg_text_release(&text);
    return code;
}

static void variable_name(const char *name, char variable[80])
{
    int used = snprintf(variable, 80, "FLEXGRID_%s", name);
    for (int i = 0; i < used && i < 79; i++)
        variable[i] = (char)toupper((unsigned char)variable[i]);
}

enum fg_code fg_config_load(const struct fg_setting *settings, size_t count, const char *file, struct fg_arena *arena,
                            void *out, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < count && code == FG_OK; i++)
        code = set(&settings[i], settings[i].fallback, "fallback", arena, out, err);
    if (code == FG_OK && file != NULL)
        code = read_file(settings, count, file, arena, out, err);
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        char variable[80];
        variable_name(settings[i].name, variable);
        const char *value = getenv(variable);
        if (value != NULL)
            code = set(&settings[i], value, variable, arena, out, err);
    }
    return code;
}

void fg_config_describe(const struct fg_setting *settings, size_t count, struct fg_text *text)
{
    for (size_t i = 0; i < count; i++) {
        char variable[80];
        variable_name(settings[i].name, variable);
        fg_text_printf(text, "# %s (%s)\n%s%s = %s\n\n", settings[i].help, variable,
                       *settings[i].fallback != '\0' ? "" : "#", settings[i].name, settings[i].fallback);
    }
}
