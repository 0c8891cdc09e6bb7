#include "cmd/option.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 48

/* Optimal string alignment distance (Damerau-Levenshtein with adjacent transpositions) of the first WORD_MAX bytes. */
static size_t word_distance(const char *a, const char *b)
{
    size_t m = strnlen(a, WORD_MAX), n = strnlen(b, WORD_MAX);
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n; j++)
        last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[n];
}

const char *fg_option_nearest(const char *word, const char *const *words)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (; *words != NULL; words++) {
        size_t distance = word_distance(word, *words);
        /* An abbreviation ("viol" for "violations") is near, too. */
        size_t length = strlen(word);
        if (length >= 3 && strncmp(word, *words, length) == 0)
            distance = 1;
        size_t allowed = 1 + strlen(*words) / 3;
        if (distance <= allowed && distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}

static enum fg_code unknown_option(const struct fg_option *table, size_t count, const char *name, size_t length,
                                   struct fg_error *err)
{
    char word[WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX), name);
    const char **words = calloc(count + 1, sizeof *words);
    if (words == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        words[i] = table[i].name;
    const char *nearest = fg_option_nearest(word, words);
    free(words);
    if (nearest != NULL)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "unknown option --%s; did you mean --%s?", word, nearest);
    return fg_fail(err, FG_ERR_ARGUMENT, NULL, "unknown option --%s; see --help for those that exist", word);
}

static enum fg_code store_number(const struct fg_option *option, const char *value, double *out, struct fg_error *err)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s needs a number, not \"%s\"", option->name, value);
    if (number < option->minimum || number > option->maximum)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s must lie between %g and %g, not %s", option->name,
                       option->minimum, option->maximum, value);
    if (option->kind == FG_OPTION_INTEGER && number != trunc(number))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s needs a whole number, not %s", option->name, value);
    *out = number;
    return FG_OK;
}

static enum fg_code store_word(const struct fg_option *option, const char *value, int32_t *out, struct fg_error *err)
{
    struct fg_text list;
    fg_text_init(&list);
    for (int32_t i = 0; option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], value) == 0) {
            *out = i;
            fg_text_release(&list);
            return FG_OK;
        }
        fg_text_printf(&list, "%s%s", i > 0 ? ", " : "", option->words[i]);
    }
    const char *nearest = fg_option_nearest(value, option->words);
    enum fg_code code =
        nearest != NULL
            ? fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s does not know \"%s\"; did you mean \"%s\"?", option->name, value,
                      nearest)
            : fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s does not know \"%s\"; it is one of %s", option->name, value,
                      list.failed || list.data == NULL ? "the words listed by --help" : list.data);
    fg_text_release(&list);
    return code;
}

static enum fg_code store_value(const struct fg_option *option, const char *value, void *options, struct fg_error *err)
{
    void *target = (char *)options + option->offset;
    double number = 0.0;
    enum fg_code code = FG_OK;
    switch (option->kind) {
    case FG_OPTION_FLAG:
        *(bool *)target = true;
        return FG_OK;
    case FG_OPTION_TEXT:
        if (value[0] == '\0')
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s needs a %s, not an empty text", option->name,
                           option->metavar);
        *(const char **)target = value;
        return FG_OK;
    case FG_OPTION_NUMBER:
        code = store_number(option, value, &number, err);
        if (code == FG_OK)
            *(double *)target = number;
        return code;
    case FG_OPTION_INTEGER:
        code = store_number(option, value, &number, err);
        if (code == FG_OK)
            *(int32_t *)target = (int32_t)number;
        return code;
    case FG_OPTION_WORD:
        return store_word(option, value, target, err);
    }
    return FG_OK;
}

static const struct fg_option *find_long(const struct fg_option *table, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static const struct fg_option *find_letter(const struct fg_option *table, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].letter == letter)
            return &table[i];
    return NULL;
}

enum fg_code fg_option_parse(const struct fg_option *table, size_t count, void *options, int argc, char **argv,
                             int *operand_count, struct fg_error *err)
{
    int kept = 0;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        char *argument = argv[i];
        if (only_operands || argument[0] != '-' || argument[1] == '\0') {
            argv[kept++] = argument;
            continue;
        }
        if (strcmp(argument, "--") == 0) {
            only_operands = true;
            continue;
        }
        const struct fg_option *option = NULL;
        const char *value = NULL;
        if (argument[1] == '-') {
            const char *name = argument + 2;
            size_t length = strcspn(name, "=");
            option = find_long(table, count, name, length);
            if (option == NULL)
                return unknown_option(table, count, name, length, err);
            if (name[length] == '=')
                value = name + length + 1;
        } else {
            option = find_letter(table, count, argument[1]);
            if (option == NULL)
                return fg_fail(err, FG_ERR_ARGUMENT, NULL, "unknown option -%c; see --help for those that exist",
                               (unsigned char)argument[1] < 0x80 ? argument[1] : '?');
            if (argument[2] != '\0')
                value = argument + 2;
        }
        if (option->kind == FG_OPTION_FLAG && value != NULL)
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s takes no value", option->name);
        if (option->kind != FG_OPTION_FLAG && value == NULL) {
            if (i + 1 >= argc)
                return fg_fail(err, FG_ERR_ARGUMENT, NULL, "--%s needs a value: --%s %s", option->name, option->name,
                               option->metavar);
            value = argv[++i];
        }
        enum fg_code code = store_value(option, value, options, err);
        if (code != FG_OK)
            return code;
    }
    *operand_count = kept;
    return FG_OK;
}

void fg_option_wrap(struct fg_text *text, const char *help, int indent, int width)
{
    int column = indent;
    while (*help != '\0') {
        int length = (int)strcspn(help, " ");
        if (column > indent && column + 1 + length > width) {
            fg_text_printf(text, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fg_text_puts(text, " ");
            column++;
        }
        fg_text_append(text, help, (size_t)length);
        column += length;
        help += length;
        help += *help == ' ';
    }
    fg_text_puts(text, "\n");
}

void fg_option_help(const struct fg_option *table, size_t count, int width, struct fg_text *text)
{
    enum { HELP_COLUMN = 26 };
    for (size_t i = 0; i < count; i++) {
        const struct fg_option *option = &table[i];
        char head[96];
        if (option->letter != 0)
            snprintf(head, sizeof head, "  -%c, --%s%s%s", option->letter, option->name,
                     option->metavar != NULL ? " " : "", option->metavar != NULL ? option->metavar : "");
        else
            snprintf(head, sizeof head, "      --%s%s%s", option->name, option->metavar != NULL ? " " : "",
                     option->metavar != NULL ? option->metavar : "");
        if (strlen(head) + 2 > HELP_COLUMN)
            fg_text_printf(text, "%s\n%*s", head, HELP_COLUMN, "");
        else
            fg_text_printf(text, "%-*s", HELP_COLUMN, head);
        fg_option_wrap(text, option->help, HELP_COLUMN, width);
    }
}
