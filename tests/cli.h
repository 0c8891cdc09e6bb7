/* Running the command-line program in tests: arguments in, exit code, standard output and standard error out. */
#ifndef FG_TESTS_CLI_H
#define FG_TESTS_CLI_H

#include "base/text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct cli_run {
    int exit_code; /* 128 + signal when a signal ended it */
    struct fg_text out, err;
};

/* A folder of the test's own; removed by cli_folder_remove. */
static char cli_folder[64];

static inline int cli_setup(void **state)
{
    (void)state;
    strcpy(cli_folder, "/tmp/flexgrid_cli_XXXXXX");
    return mkdtemp(cli_folder) != NULL ? 0 : -1;
}

static inline int cli_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", cli_folder);
    return system(command);
}

static inline void cli_read(const char *path, struct fg_text *text)
{
    fg_text_init(text);
    FILE *file = fopen(path, "rb");
    char buffer[4096];
    size_t got;
    while (file != NULL && (got = fread(buffer, 1, sizeof buffer, file)) > 0)
        fg_text_append(text, buffer, got);
    if (file != NULL)
        fclose(file);
    fg_text_append(text, "", 0);
    if (text->data == NULL)
        fg_text_puts(text, "");
}

static inline void cli_write(const char *name, const char *content, char path[160])
{
    snprintf(path, 160, "%s/%s", cli_folder, name);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fputs(content, file);
        fclose(file);
    }
}

/* Run a shell command line after "FLEXGRID ", with its output caught. Release with cli_release. */
static inline struct cli_run cli(const char *format, ...)
{
    char arguments[2048], command[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    snprintf(command, sizeof command, "cd %s && { %s/flexgrid %s; } >%s/stdout 2>%s/stderr", FG_SOURCE_DIR, FG_PROGRAM_DIR,
             arguments, cli_folder, cli_folder);
    int status = system(command);
    struct cli_run run = {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
    char path[160];
    snprintf(path, sizeof path, "%s/stdout", cli_folder);
    cli_read(path, &run.out);
    snprintf(path, sizeof path, "%s/stderr", cli_folder);
    cli_read(path, &run.err);
    return run;
}

static inline void cli_release(struct cli_run *run)
{
    fg_text_release(&run->out);
    fg_text_release(&run->err);
}

static inline const char *cli_out(const struct cli_run *run)
{
    return run->out.data != NULL ? run->out.data : "";
}

static inline const char *cli_err(const struct cli_run *run)
{
    return run->err.data != NULL ? run->err.data : "";
}

/* Files in the test's folder whose name contains `part`. */
static inline int cli_count_files(const char *part)
{
    char command[256];
    int count = -1;
    snprintf(command, sizeof command, "ls -A %s | grep -c -- '%s'", cli_folder, part);
    FILE *pipe = popen(command, "r");
    if (pipe != NULL) {
        if (fscanf(pipe, "%d", &count) != 1)
            count = -1;
        pclose(pipe);
    }
    return count;
}

#endif
