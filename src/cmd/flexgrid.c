/* flexgrid: the command line. Chooses the command, prints help, version and suggestions; everything else is in cmd_*.c. */
#include "base/memory.h"
#include "cmd/cmd_api.h"
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

#include <stdio.h>
#include <string.h>

#ifndef FG_VERSION
#error "the build defines FG_VERSION"
#endif

static const struct fg_command *const commands[] = {&fg_command_clear, &fg_command_powerflow, &fg_command_opf,
                                                    &fg_command_check, &fg_command_convert,
                                                    &fg_command_db, &fg_command_backup, &fg_command_restore,
                                                    &fg_command_audit};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

enum fg_exit fg_command_fail(const struct fg_error *err)
{
    fg_terminal_error(err->place, err->text);
    switch (err->code) {
    case FG_ERR_MEMORY:
    case FG_ERR_NUMERIC:
        return FG_EXIT_INTERNAL;
    case FG_ERR_INTERRUPTED:
        return FG_EXIT_INTERRUPTED;
    case FG_ERR_ARGUMENT:
        return FG_EXIT_USAGE;
    default:
        return FG_EXIT_INPUT;
    }
}

enum fg_exit fg_command_fail_output(const struct fg_error *err)
{
    fg_terminal_error(err->place, err->text);
    return err->code == FG_ERR_MEMORY ? FG_EXIT_INTERNAL : FG_EXIT_OUTPUT;
}

static enum fg_exit print(struct fg_text *text)
{
    struct fg_error err = {0};
    enum fg_exit status = fg_output_stdout(text, &err) == FG_OK ? FG_EXIT_OK : fg_command_fail_output(&err);
    fg_text_release(text);
    return status;
}

static enum fg_exit help_overview(void)
{
    struct fg_text text;
    fg_text_init(&text);
    fg_text_puts(&text, "Usage: flexgrid COMMAND [OPTION]... FILE...\n\n"
                        "Clears flexibility markets on distribution grids so that the grid holds, and\n"
                        "computes the power flows and optimal power flows that this needs.\n\nCommands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        fg_text_printf(&text, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    fg_text_printf(&text, "  %-10s  %s\n", "api", "call an operation of a running flexgridd");
    fg_text_puts(&text, "\n  flexgrid COMMAND --help   options and examples of a command\n"
                        "  flexgrid --version        version and licence\n\n"
                        "Networks are MATPOWER .m, pandapower .json, power-grid-model .json, SimBench CSV\n"
                        "folders or flexgrid's own .json; the kind is told by the content.\n\n"
                        "Example:\n  flexgrid clear examples/cigre_mv/network.json \\\n"
                        "      examples/cigre_mv/market.json --report day.html\n\n"
                        "Exit codes: 0 solved; 1 internal failure; 2 wrong usage; 3 bad input; 4 not\n"
                        "solved (infeasible, not converged, not cleared); 5 iteration or time limit;\n"
                        "6 output cannot be written; 130 interrupted. With 4, 5 and 130 the result so far\n"
                        "is written and says what is missing.\n");
    return print(&text);
}

static enum fg_exit help_command(const struct fg_command *command)
{
    struct fg_text text;
    fg_text_init(&text);
    int width = fg_terminal_width(stdout) < 100 ? fg_terminal_width(stdout) : 100;
    fg_text_printf(&text, "Usage: flexgrid %s [OPTION]... %s\n\n", command->name, command->operands);
    fg_option_wrap(&text, command->description, 0, width);
    fg_text_puts(&text, "\nOptions:\n");
    fg_option_help(command->options, command->option_count, width, &text);
    fg_text_printf(&text, "\nExamples:\n%s", command->examples);
    return print(&text);
}

static enum fg_exit unknown_command(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    for (int i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    struct fg_error err = {0};
    const char *nearest = fg_option_nearest(name, names);
    if (nearest != NULL)
        fg_fail(&err, FG_ERR_ARGUMENT, NULL, "unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
    else
        fg_fail(&err, FG_ERR_ARGUMENT, NULL, "unknown command \"%s\"; it is one of clear, powerflow, opf, check, convert, db, backup, "
                                             "restore, audit, api",
                name);
    return fg_command_fail(&err);
}

static enum fg_exit run_command(const struct fg_command *command, int argc, char **argv)
{
    struct fg_error err = {0};
    void *options = fg_alloc(1, command->options_size_bytes);
    if (options == NULL) {
        fg_fail_memory(&err);
        return fg_command_fail(&err);
    }
    /* --help wins over any error in the other arguments. */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fg_free(options);
            return help_command(command);
        }
    int operand_count = 0;
    enum fg_exit status;
    if (fg_option_parse(command->options, command->option_count, options, argc, argv, &operand_count, &err) != FG_OK) {
        snprintf(err.place, sizeof err.place, "%s", command->name);
        status = fg_command_fail(&err);
    } else if (operand_count < command->operand_min || operand_count > command->operand_max) {
        fg_fail(&err, FG_ERR_ARGUMENT, command->name, "%s operands; usage: flexgrid %s [OPTION]... %s",
                operand_count < command->operand_min ? "too few" : "too many", command->name, command->operands);
        status = fg_command_fail(&err);
    } else {
        status = command->run(options, argv, operand_count);
    }
    fg_free(options);
    return status;
}

int main(int argc, char **argv)
{
    fg_interrupt_install();
    if (argc < 2) {
        fg_terminal_error(NULL, "which command? One of clear, powerflow, opf, check, convert, db, backup, restore, audit, api; see flexgrid --help");
        return FG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        for (int i = 0; argc > 2 && i < COMMAND_COUNT; i++)
            if (strcmp(argv[2], commands[i]->name) == 0)
                return (int)help_command(commands[i]);
        return (int)help_overview();
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        struct fg_text text;
        fg_text_init(&text);
        fg_text_puts(&text, "flexgrid " FG_VERSION "\nLicensed under the Apache License, Version 2.0.\n");
        return (int)print(&text);
    }
    if (strcmp(argv[1], "api") == 0)
        return (int)fg_command_api(argc - 2, argv + 2);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return (int)run_command(commands[i], argc - 2, argv + 2);
    return (int)unknown_command(argv[1]);
}
