/* flexgrid backup URL FILE, flexgrid restore FILE URL, flexgrid db ACTION URL: the operator's commands for the central database. */
#include "base/instant.h"
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "store/backup.h"
#include "store/migrate.h"

#include <string.h>

struct database_options {
    bool help, quiet, check;
};

/* What went wrong with the database or with a file that is written is told by the code. */
static enum fg_exit fail(const struct fg_error *err)
{
    return err->code == FG_ERR_FULL || err->code == FG_ERR_IO ? fg_command_fail_output(err) : fg_command_fail(err);
}

static enum fg_exit say(struct fg_text *text)
{
    struct fg_error err = {0};
    enum fg_exit status = fg_output_stdout(text, &err) == FG_OK ? FG_EXIT_OK : fg_command_fail_output(&err);
    fg_text_release(text);
    return status;
}

static void put_summary(struct fg_text *text, const char *what, const char *where, const struct fg_backup_summary *summary)
{
    char instant[FG_INSTANT_TEXT];
    fg_text_puts(text, what);
    fg_terminal_put(text, where, -1);
    fg_text_printf(text, ": %lld rows of %lld tables, version %d, as of %s, %.1f MB\n", (long long)summary->row_count,
                   (long long)summary->table_count, summary->version,
                   fg_instant_format(summary->created_us / 1000000, instant), (double)summary->file_bytes / 1e6);
}

/* ---- backup ---------------------------------------------------------------------------------------------------------*/

static enum fg_exit run_backup(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct database_options *options = given;
    struct fg_error err = {0};
    struct fg_store *store;
    struct fg_backup_summary summary;
    if (fg_store_open(operands[0], NULL, &store, &err) != FG_OK)
        return fail(&err);
    enum fg_code code = fg_backup_write(store, operands[1], fg_interrupt_begin(), &summary, &err);
    fg_interrupt_end();
    fg_store_close(store);
    if (code == FG_OK) /* read back what the disk has */
        code = fg_backup_verify(operands[1], &summary, &err);
    if (code != FG_OK)
        return fail(&err);
    struct fg_text text;
    fg_text_init(&text);
    if (!options->quiet)
        put_summary(&text, "wrote and checked ", operands[1], &summary);
    return say(&text);
}

/* ---- restore --------------------------------------------------------------------------------------------------------*/

static enum fg_exit run_restore(void *given, char **operands, int operand_count)
{
    struct database_options *options = given;
    struct fg_error err = {0};
    struct fg_backup_summary summary;
    if (options->check ? operand_count != 1 : operand_count != 2) {
        fg_fail(&err, FG_ERR_ARGUMENT, "restore", "usage: flexgrid restore FILE URL, or flexgrid restore --check FILE");
        return fail(&err);
    }
    enum fg_code code;
    if (options->check) {
        code = fg_backup_verify(operands[0], &summary, &err);
    } else {
        code = fg_backup_restore(operands[0], operands[1], fg_interrupt_begin(), &summary, &err);
        fg_interrupt_end();
    }
    if (code != FG_OK)
        return fail(&err);
    struct fg_text text;
    fg_text_init(&text);
    if (!options->quiet)
        put_summary(&text, options->check ? "whole: " : "restored ", operands[0], &summary);
    return say(&text);
}

/* ---- db -------------------------------------------------------------------------------------------------------------*/

static enum fg_code migrate(const char *url, struct fg_store **store, struct fg_error *err)
{
    return fg_store_open(url, &(struct fg_store_options){.create = true, .migrate = true}, store, err);
}

static enum fg_exit run_db(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    struct database_options *options = given;
    struct fg_error err = {0};
    struct fg_store *store = NULL;
    struct fg_migrate_status status;
    enum fg_code code;
    if (strcmp(operands[0], "migrate") == 0)
        code = migrate(operands[1], &store, &err);
    else if (strcmp(operands[0], "status") == 0)
        code = fg_store_open(operands[1], &(struct fg_store_options){.any_version = true}, &store, &err);
    else
        code = fg_fail(&err, FG_ERR_ARGUMENT, "db", "unknown action \"%s\"; it is one of migrate, status", operands[0]);
    if (code == FG_OK)
        code = fg_migrate_status(store, &status, &err);
    struct fg_text text;
    fg_text_init(&text);
    if (code == FG_OK && !options->quiet) {
        fg_terminal_put(&text, fg_store_name(store), -1);
        fg_text_printf(&text, ": version %d, this program has version %d; %zu to apply%s\n", status.database_number,
                       status.program_number, status.pending_count,
                       status.unknown_count > 0 ? "; the database is newer than the program" : "");
    }
    fg_store_close(store);
    enum fg_exit result = code == FG_OK ? say(&text) : fail(&err);
    fg_text_release(&text);
    return result;
}

/* ---- Descriptions ---------------------------------------------------------------------------------------------------*/

#define COMMON                                                                                                         \
    {"quiet", 'q', FG_OPTION_FLAG, offsetof(struct database_options, quiet), NULL, "No line about what was done.", NULL, 0, 0}, \
    {"help", 'h', FG_OPTION_FLAG, offsetof(struct database_options, help), NULL, "Show this help.", NULL, 0, 0}

static const struct fg_option common_table[] = {COMMON};
static const struct fg_option restore_table[] = {
    {"check", 'c', FG_OPTION_FLAG, offsetof(struct database_options, check), NULL,
     "Only verify FILE: checksum and format.", NULL, 0, 0},
    COMMON,
};

const struct fg_command fg_command_backup = {
    .name = "backup",
    .operands = "URL FILE",
    .operand_min = 2,
    .operand_max = 2,
    .summary = "consistent copy of the central database in one file",
    .description = "Writes all tables as of one moment to FILE while others go on working, then reads the file back and checks "
                   "it. URL is a data folder or postgresql://USER@HOST/DATABASE. FILE is there whole or not at all, and "
                   "restores into either kind of database.",
    .examples = "  flexgrid backup /var/lib/flexgrid monday.fgb\n"
                "  flexgrid backup postgresql://flexgrid@db/flexgrid monday.fgb\n",
    .options = common_table,
    .option_count = sizeof common_table / sizeof common_table[0],
    .options_size_bytes = sizeof(struct database_options),
    .run = run_backup,
};

const struct fg_command fg_command_restore = {
    .name = "restore",
    .operands = "FILE URL",
    .operand_min = 1,
    .operand_max = 2,
    .summary = "put a backup into a new folder or an empty database",
    .description = "Verifies FILE, then fills the new data folder or empty database at URL in one transaction and brings it to "
                   "this program's version. Existing data are never overwritten. Subscribers to events notice the restore "
                   "and start from a new snapshot.",
    .examples = "  flexgrid restore monday.fgb /var/lib/flexgrid-new\n"
                "  flexgrid restore --check monday.fgb\n",
    .options = restore_table,
    .option_count = sizeof restore_table / sizeof restore_table[0],
    .options_size_bytes = sizeof(struct database_options),
    .run = run_restore,
};

const struct fg_command fg_command_db = {
    .name = "db",
    .operands = "migrate|status URL",
    .operand_min = 2,
    .operand_max = 2,
    .summary = "make or upgrade the central database; show its version",
    .description = "`migrate` makes the database where there is none and applies what this program's version needs, all or "
                   "nothing. `status` shows the versions and changes nothing. Make a backup before an upgrade.",
    .examples = "  flexgrid db migrate /var/lib/flexgrid\n"
                "  flexgrid db status postgresql://flexgrid@db/flexgrid\n",
    .options = common_table,
    .option_count = sizeof common_table / sizeof common_table[0],
    .options_size_bytes = sizeof(struct database_options),
    .run = run_db,
};
