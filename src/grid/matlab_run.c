/* The MATLAB subset: variables, statements, and the bounds of a run. */
#include "grid/matlab_internal.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_VARIABLES 1000
/* Bounds of a run: a fixed share for small files, and a share per byte of the file. */
#define ELEMENTS_FIXED ((size_t)1 << 18)
#define ELEMENTS_PER_BYTE 4
#define WORK_FIXED ((size_t)4 << 20)
#define WORK_PER_BYTE 200

enum fg_code fg_matlab_fail(struct fg_matlab *run, enum fg_code code, const char *format, ...)
{
    char place[300], text[600];
    snprintf(place, sizeof place, "%s:%zu", run->place, run->line);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_fail(run->err, code, place, "%s", text);
}

/* ---- Variables ---- */

static void value_release(struct fg_matlab_value *value)
{
    fg_free(value->numbers);
    fg_free(value->lines);
    fg_free(value->text);
    fg_free(value->texts);
    *value = (struct fg_matlab_value){0};
}

void fg_matlab_release(struct fg_matlab *run)
{
    for (size_t i = 0; i < run->variable_count; i++) {
        fg_free(run->variables[i].name);
        value_release(&run->variables[i].value);
    }
    fg_free(run->variables);
    fg_free(run->function_name);
    fg_free(run->output_name);
    fg_arena_release(&run->temporaries);
    if (run->number_locale != NULL)
        freelocale((locale_t)run->number_locale);
    *run = (struct fg_matlab){0};
}

struct fg_matlab_variable *fg_matlab_variable_find(const struct fg_matlab *run, const char *name)
{
    for (size_t i = 0; i < run->variable_count; i++)
        if (strcmp(run->variables[i].name, name) == 0)
            return &run->variables[i];
    return NULL;
}

const struct fg_matlab_variable *fg_matlab_find(const struct fg_matlab *run, const char *name)
{
    return fg_matlab_variable_find(run, name);
}

/* Is `prefix` a structure: is there a variable "prefix.something"? */
bool fg_matlab_is_structure(const struct fg_matlab *run, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < run->variable_count; i++)
        if (strncmp(run->variables[i].name, prefix, length) == 0 && run->variables[i].name[length] == '.')
            return true;
    return false;
}

static char *copy_text(const char *text, size_t length)
{
    char *copy = fg_alloc(length + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

/* Deep copy from the statement's temporaries to the heap; one block for all texts of a cell array. */
static bool value_copy(struct fg_matlab_value *target, const struct fg_matlab_value *source)
{
    size_t count = source->rows * source->cols;
    *target = (struct fg_matlab_value){
        .kind = source->kind, .rows = source->rows, .cols = source->cols, .is_logical = source->is_logical};
    bool ok = true;
    if (source->kind == FG_MATLAB_NUMBER) {
        ok = (target->numbers = fg_alloc(count, sizeof *target->numbers)) != NULL;
        if (ok && count != 0)
            memcpy(target->numbers, source->numbers, count * sizeof *target->numbers);
    } else if (source->kind == FG_MATLAB_TEXT) {
        ok = (target->text = copy_text(source->text, strlen(source->text))) != NULL;
    } else {
        size_t bytes = 0;
        for (size_t i = 0; i < count; i++)
            bytes += source->texts[i] ? strlen(source->texts[i]) + 1 : 0;
        ok = (target->texts = fg_alloc(1, count * sizeof *target->texts + bytes)) != NULL;
        char *next = ok ? (char *)(target->texts + count) : NULL;
        for (size_t i = 0; ok && i < count; i++)
            if (source->texts[i] != NULL) {
                size_t size = strlen(source->texts[i]) + 1;
                target->texts[i] = memcpy(next, source->texts[i], size);
                next += size;
            }
    }
    if (ok && source->lines != NULL) {
        ok = (target->lines = fg_alloc(source->rows, sizeof *target->lines)) != NULL;
        if (ok && source->rows != 0)
            memcpy(target->lines, source->lines, source->rows * sizeof *target->lines);
    }
    if (!ok)
        value_release(target);
    return ok;
}

static void forget(struct fg_matlab *run, struct fg_matlab_variable *variable)
{
    fg_free(variable->name);
    value_release(&variable->value);
    *variable = run->variables[--run->variable_count];
}

/* A name must not be a structure and a value at the same time; "mpc = struct" and "mpc = []" give way to fields. */
static enum fg_code check_name_is_free(struct fg_matlab *run, const char *name)
{
    if (fg_matlab_is_structure(run, name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "'%s' is a structure; assigning to it as a whole is not understood", name);
    char prefix[FG_MATLAB_MAX_DOTTED_NAME + 1];
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        snprintf(prefix, sizeof prefix, "%.*s", (int)(dot - name), name);
        struct fg_matlab_variable *variable = fg_matlab_variable_find(run, prefix);
        bool is_empty = variable != NULL && variable->value.kind == FG_MATLAB_NUMBER && variable->value.rows == 0 &&
                        variable->value.cols == 0;
        if (is_empty)
            forget(run, variable);
        else if (variable != NULL)
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is a value and has no fields; '%s' is not understood",
                                  prefix, name);
    }
    return FG_OK;
}

static enum fg_code assign(struct fg_matlab *run, const char *name, const struct fg_matlab_value *value)
{
    struct fg_matlab_variable *variable = fg_matlab_variable_find(run, name);
    enum fg_code code = variable != NULL ? FG_OK : check_name_is_free(run, name);
    if (code != FG_OK)
        return code;
    struct fg_matlab_value copy;
    if (!value_copy(&copy, value))
        return fg_fail_memory(run->err);
    if (variable != NULL) {
        if (variable->value.kind == FG_MATLAB_NUMBER)
            run->variable_elements -= variable->value.rows * variable->value.cols;
        value_release(&variable->value);
    } else {
        if (run->variable_count >= MAX_VARIABLES) {
            value_release(&copy);
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "the code has more than %d variables", MAX_VARIABLES);
        }
        char *own_name = NULL;
        if (fg_grow((void **)&run->variables, run->variable_count, &run->variable_capacity, sizeof *run->variables) ||
            (own_name = copy_text(name, strlen(name))) == NULL) {
            value_release(&copy);
            return fg_fail_memory(run->err);
        }
        variable = &run->variables[run->variable_count++];
        *variable = (struct fg_matlab_variable){.name = own_name, .line = run->statement_line};
    }
    variable->value = copy;
    if (copy.kind == FG_MATLAB_NUMBER)
        run->variable_elements += copy.rows * copy.cols;
    return FG_OK;
}

static enum fg_code define_number(struct fg_matlab *run, const char *name, double number)
{
    const struct fg_matlab_value value = {.kind = FG_MATLAB_NUMBER, .rows = 1, .cols = 1, .numbers = &number};
    return assign(run, name, &value);
}

/* ---- Statements ---- */

static enum fg_code end_of_statement(struct fg_matlab *run)
{
    fg_matlab_skip_blanks(run);
    char c = fg_matlab_peek(run, 0);
    if (fg_matlab_at_end(run))
        return FG_OK;
    if (c != ';' && c != ',' && c != '\n')
        return fg_matlab_unexpected(run, "the end of the statement");
    run->line += c == '\n';
    run->at++;
    return FG_OK;
}

static bool at_assignment(const struct fg_matlab *run)
{
    return fg_matlab_peek(run, 0) == '=' && fg_matlab_peek(run, 1) != '=';
}

/* "function output = name" or "function output = name()" */
static enum fg_code parse_function_line(struct fg_matlab *run)
{
    char output[FG_MATLAB_MAX_DOTTED_NAME + 1], name[FG_MATLAB_MAX_DOTTED_NAME + 1];
    fg_matlab_skip_blanks(run);
    if (run->function_name != NULL)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "a second function in the file is not understood");
    if (run->variable_count != 0)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "'function' must come before the first assignment");
    if (fg_matlab_peek(run, 0) == '[')
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "a case with several outputs is MATPOWER's case format version 1; save "
                              "it as version 2");
    enum fg_code code = fg_matlab_parse_name(run, output);
    fg_matlab_skip_blanks(run);
    if (code == FG_OK && (output[0] == '\0' || !at_assignment(run)))
        return fg_matlab_unexpected(run, "'function output = name'");
    run->at++;
    fg_matlab_skip_blanks(run);
    if (code == FG_OK)
        code = fg_matlab_parse_name(run, name);
    if (code == FG_OK && name[0] == '\0')
        return fg_matlab_unexpected(run, "the name of the function");
    if (code == FG_OK && fg_matlab_peek(run, 0) == '(') {
        run->at++;
        code = fg_matlab_expect(run, ')', "')' (a case has no arguments)");
    }
    if (code != FG_OK)
        return code;
    run->function_name = copy_text(name, strlen(name));
    run->output_name = copy_text(output, strlen(output));
    return run->function_name && run->output_name ? FG_OK : fg_fail_memory(run->err);
}

/* "[A, B, ~] = function": names and column lists of MATPOWER. */
static enum fg_code parse_multiple_assignment(struct fg_matlab *run)
{
    char names[FG_MATLAB_MAX_OUTPUTS][FG_MATLAB_MAX_NAME + 1];
    size_t count = 0;
    enum fg_code code = fg_matlab_expect(run, '[', "'['");
    while (code == FG_OK) {
        char name[FG_MATLAB_MAX_DOTTED_NAME + 1];
        fg_matlab_skip_blanks(run);
        if (fg_matlab_peek(run, 0) == ',')
            run->at++;
        fg_matlab_skip_blanks(run);
        if (fg_matlab_peek(run, 0) == ']')
            break;
        if (fg_matlab_peek(run, 0) == '~') {
            run->at++;
            snprintf(name, sizeof name, "~");
        } else
            code = fg_matlab_parse_name(run, name);
        if (code == FG_OK && (name[0] == '\0' || strchr(name, '.') != NULL))
            return fg_matlab_unexpected(run, "a list of names '[A, B] = function'");
        if (code == FG_OK && count == FG_MATLAB_MAX_OUTPUTS)
            return fg_matlab_fail(run, FG_ERR_TOO_LARGE, "more than %d results", FG_MATLAB_MAX_OUTPUTS);
        if (code == FG_OK)
            snprintf(names[count++], FG_MATLAB_MAX_NAME + 1, "%.*s", FG_MATLAB_MAX_NAME, name);
    }
    if (code != FG_OK)
        return code;
    run->at++;
    code = fg_matlab_expect(run, '=', "'='");
    fg_matlab_skip_blanks(run);
    char function[FG_MATLAB_MAX_DOTTED_NAME + 1];
    if (code == FG_OK)
        code = fg_matlab_parse_name(run, function);
    struct fg_matlab_value arguments[FG_MATLAB_MAX_ARGUMENTS];
    bool is_colon[FG_MATLAB_MAX_ARGUMENTS], known = false;
    size_t argument_count = 0, output_count = 0;
    if (code == FG_OK && fg_matlab_peek(run, 0) == '(') {
        run->at++;
        code = fg_matlab_parse_arguments(run, NULL, arguments, is_colon, &argument_count);
    }
    double outputs[FG_MATLAB_MAX_OUTPUTS];
    if (code == FG_OK)
        code = fg_matlab_call_many(run, function, arguments, argument_count, outputs, &output_count, &known);
    if (code == FG_OK && !known)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is not a function with several results that is understood",
                              function);
    if (code == FG_OK && count > output_count)
        return fg_matlab_fail(run, FG_ERR_SYNTAX, "'%s' has %zu results, %zu are taken", function, output_count, count);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if (names[i][0] != '~')
            code = define_number(run, names[i], outputs[i]);
    return code;
}

static enum fg_code parse_indexed_assignment(struct fg_matlab *run, const char *name)
{
    struct fg_matlab_variable *variable = fg_matlab_variable_find(run, name);
    if (variable == NULL)
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "'%s' is used before it is assigned, or it is a call whose result is "
                              "not used",
                              name);
    struct fg_matlab_index indices[2];
    size_t count;
    run->at++;
    enum fg_code code = fg_matlab_parse_indices(run, &variable->value, indices, &count);
    fg_matlab_skip_blanks(run);
    if (code == FG_OK && !at_assignment(run))
        return fg_matlab_unexpected(run, "'='");
    run->at++;
    struct fg_matlab_value value;
    if (code == FG_OK)
        code = fg_matlab_parse_expression(run, &value);
    if (code != FG_OK)
        return code;
    /* "a(:, 1) = a": reading and writing the same storage; the part is copied first. */
    if (value.kind == FG_MATLAB_NUMBER && value.numbers == variable->value.numbers)
        code = fg_matlab_unary(run, '+', &variable->value, &value);
    return code == FG_OK ? fg_matlab_put(run, &variable->value, indices, count, &value) : code;
}

static bool is_keyword(const char *name)
{
    static const char *const keywords[] = {"if",     "elseif",     "else",   "for",   "while", "switch",
                                           "case",   "otherwise",  "try",    "catch", "break", "continue",
                                           "global", "persistent", "parfor", "do",    "until", "unwind_protect",
                                           "clear",  "load",       "eval",   "run"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(name, keywords[i]) == 0)
            return true;
    return false;
}

/* "end", "endfunction" or "return": nothing may follow but blanks and comments. */
static enum fg_code parse_closing(struct fg_matlab *run)
{
    while (!fg_matlab_at_end(run)) {
        fg_matlab_skip_blanks(run);
        char c = fg_matlab_peek(run, 0);
        if (fg_matlab_at_end(run))
            break;
        if (fg_matlab_starts_with(run, "end")) { /* "return; end" */
            char name[FG_MATLAB_MAX_DOTTED_NAME + 1];
            enum fg_code code = fg_matlab_parse_name(run, name);
            if (code != FG_OK)
                return code;
            if (strcmp(name, "end") == 0 || strcmp(name, "endfunction") == 0)
                continue;
            return fg_matlab_unexpected(run, "the end of the file");
        }
        if (c != ';' && c != ',' && c != '\n')
            return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "code behind the end of the function is not understood");
        run->line += c == '\n';
        run->at++;
    }
    return FG_OK;
}

static enum fg_code parse_statement(struct fg_matlab *run)
{
    if (fg_matlab_peek(run, 0) == '[')
        return parse_multiple_assignment(run);
    if (!fg_matlab_is_name_start(fg_matlab_peek(run, 0)))
        return fg_matlab_unexpected(run, "a statement");
    char name[FG_MATLAB_MAX_DOTTED_NAME + 1];
    enum fg_code code = fg_matlab_parse_name(run, name);
    if (code != FG_OK)
        return code;
    if (strcmp(name, "function") == 0)
        return parse_function_line(run);
    if (strcmp(name, "end") == 0 || strcmp(name, "endfunction") == 0 || strcmp(name, "return") == 0)
        return parse_closing(run);
    if (is_keyword(name))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED,
                              "the statement '%s' is not understood; only assignments are. Save "
                              "the case with its values computed (MATPOWER's savecase)",
                              name);
    if (strcmp(name, "define_constants") == 0)
        return fg_matlab_constants(run, define_number);
    if (fg_matlab_peek(run, 0) == '(')
        return parse_indexed_assignment(run, name);
    fg_matlab_skip_blanks(run);
    if (!at_assignment(run))
        return fg_matlab_fail(run, FG_ERR_UNSUPPORTED, "'%s' is not an assignment; only assignments are understood",
                              name);
    run->at++;
    struct fg_matlab_value value;
    code = fg_matlab_parse_expression(run, &value);
    return code == FG_OK ? assign(run, name, &value) : code;
}

enum fg_code fg_matlab_run(struct fg_matlab *run, const char *bytes, size_t length, const char *place,
                           struct fg_error *err)
{
    *run =
        (struct fg_matlab){.place = place, .start = bytes, .at = bytes, .end = bytes + length, .line = 1, .err = err};
    fg_arena_init(&run->temporaries);
    run->element_limit = ELEMENTS_FIXED + ELEMENTS_PER_BYTE * length;
    run->work_limit = WORK_FIXED + WORK_PER_BYTE * length;
    run->number_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (run->number_locale == NULL)
        return fg_fail_memory(err);
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        run->at += 3;
    enum fg_code code = FG_OK;
    while (code == FG_OK) {
        fg_matlab_skip_blanks(run);
        if (fg_matlab_at_end(run))
            break;
        char c = fg_matlab_peek(run, 0);
        if (c == ';' || c == ',' || c == '\n') {
            run->line += c == '\n';
            run->at++;
            continue;
        }
        run->statement_line = run->line;
        code = parse_statement(run);
        if (code == FG_OK)
            code = end_of_statement(run);
        fg_arena_release(&run->temporaries);
        run->temporary_elements = 0;
    }
    return code;
}
