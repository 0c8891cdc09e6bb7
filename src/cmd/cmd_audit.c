/* flexgrid audit verify DATABASE: does the audit log hold what was written? Works on a data folder, a PostgreSQL URL, or a
 * backup, which is restored into a temporary folder for it. */
#include "atp/audit.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "store/backup.h"

#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct audit_options {
    bool help, json;
    const char *chain, *from, *to, *anchor;
};

enum { HEX = 2 * FG_SECRET_HASH + 1 };

/* ---- anchors: the chains of an earlier answer ---- */
struct anchors {
    struct fg_audit_chain *items;
    size_t count;
};

static enum fg_code read_anchor(const struct fg_json_cursor *item, struct fg_audit_chain *chain, struct fg_error *err)
{
    const char *name, *hash;
    size_t length = 0;
    enum fg_code code = fg_json_get_string(item, "chain", &name, err);
    if (code == FG_OK)
        code = fg_json_get_integer(item, "sequence", &chain->sequence, err);
    if (code == FG_OK)
        code = fg_json_get_string(item, "hash", &hash, err);
    if (code != FG_OK)
        return code;
    if (strlen(name) >= sizeof chain->name || chain->sequence < 0)
        return fg_json_fail(item, FG_ERR_VALUE, err, "is no anchor: a chain's name has at most %d bytes, a sequence is not negative",
                            (int)sizeof chain->name - 1);
    snprintf(chain->name, sizeof chain->name, "%s", name);
    if (sodium_hex2bin(chain->hash, sizeof chain->hash, hash, strlen(hash), NULL, &length, NULL) != 0 || length != sizeof chain->hash ||
        strlen(hash) != HEX - 1)
        return fg_json_fail(item, FG_ERR_VALUE, err, "has no hash of %d hexadecimal digits", (int)HEX - 1);
    return FG_OK;
}

static enum fg_code read_anchors(const char *path, struct anchors *anchors, struct fg_error *err)
{
    json_t *root = NULL;
    struct fg_json_cursor list;
    if (path == NULL)
        return FG_OK;
    enum fg_code code = fg_json_load_file(path, &root, err);
    struct fg_json_cursor cursor = fg_json_root(root, path);
    if (code == FG_OK)
        code = fg_json_get_array(&cursor, "chains", &list, err);
    if (code == FG_OK && (anchors->items = fg_alloc(fg_json_count(&list) + 1, sizeof *anchors->items)) == NULL)
        code = fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < fg_json_count(&list); i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        if ((code = read_anchor(&item, &anchors->items[anchors->count], err)) == FG_OK && anchors->items[anchors->count].sequence > 0)
            anchors->count++;
    }
    json_decref(root);
    return code;
}

/* ---- the answer ---- */
struct answer {
    struct fg_json_writer json;
    struct fg_text document, lines;
    size_t chain_count;
};

static void put_instant(struct fg_json_writer *out, const char *key, int64_t us)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_instant_format(us / 1000000, text));
}

static void take_report(void *context, const struct fg_audit_report *report)
{
    struct answer *answer = context;
    struct fg_json_writer *out = &answer->json;
    char hash[HEX], first[FG_INSTANT_TEXT], last[FG_INSTANT_TEXT];
    sodium_bin2hex(hash, sizeof hash, report->chain.hash, sizeof report->chain.hash);
    answer->chain_count++;
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "chain", report->chain.name);
    fg_json_put_bool(out, "intact", report->is_intact);
    fg_json_put_integer(out, "first", report->first_sequence);
    fg_json_put_integer(out, "sequence", report->chain.sequence);
    fg_json_put_integer(out, "entries", report->count);
    fg_json_put_string(out, "hash", hash);
    if (report->count > 0) {
        put_instant(out, "first_time", report->first_us);
        put_instant(out, "last_time", report->last_us);
    }
    if (!report->is_intact) {
        fg_json_begin_object(out, "broken");
        fg_json_put_integer(out, "sequence", report->broken_sequence);
        fg_json_put_string(out, "reason", report->text);
        if (report->broken_action != NULL) {
            put_instant(out, "time", report->broken_us);
            fg_json_put_string(out, "action", report->broken_action);
            fg_json_put_string(out, "object", report->broken_object);
        }
        fg_json_end_object(out);
    }
    fg_json_end_object(out);

    fg_terminal_put(&answer->lines, report->chain.name, -1);
    if (report->count > 0)
        fg_text_printf(&answer->lines, ": %lld entries fit, %lld to %lld, %s to %s", (long long)report->count, (long long)report->first_sequence,
                       (long long)report->chain.sequence, fg_instant_format(report->first_us / 1000000, first),
                       fg_instant_format(report->last_us / 1000000, last));
    else
        fg_text_puts(&answer->lines, ": no entry fits or is there");
    if (report->is_intact) {
        fg_text_printf(&answer->lines, "; end %s\n", hash);
        return;
    }
    fg_text_printf(&answer->lines, "\n  entry %lld does not fit: %s", (long long)report->broken_sequence, report->text);
    if (report->broken_action != NULL) {
        fg_text_printf(&answer->lines, " (it says: %s, ", fg_instant_format(report->broken_us / 1000000, first));
        fg_terminal_put(&answer->lines, report->broken_action, 60);
        fg_text_puts(&answer->lines, report->broken_object != NULL ? " of " : "");
        fg_terminal_put(&answer->lines, report->broken_object != NULL ? report->broken_object : "", 60);
        fg_text_puts(&answer->lines, ")");
    }
    fg_text_puts(&answer->lines, "\n");
}

/* ---- where the log is ---- */
static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

enum { FOLDER_TEXT = 4096 };
struct source {
    struct fg_store *store;
    char folder[FOLDER_TEXT]; /* temporary; "": none */
};

static void close_source(struct source *source)
{
    fg_store_close(source->store);
    if (source->folder[0] != '\0')
        nftw(source->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    fg_interrupt_end();
}

static enum fg_code open_source(const char *name, struct source *source, struct fg_error *err)
{
    struct stat status;
    struct fg_backup_summary summary;
    *source = (struct source){0};
    if (stat(name, &status) != 0 || !S_ISREG(status.st_mode))
        return fg_store_open(name, &(struct fg_store_options){.read_only = true, .any_version = true}, &source->store, err);
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0')
        base = "/tmp";
    int length = snprintf(source->folder, sizeof source->folder, "%s/flexgrid-audit-XXXXXX", base);
    if (length < 0 || (size_t)length >= sizeof source->folder || mkdtemp(source->folder) == NULL) {
        source->folder[0] = '\0';
        return fg_fail(err, FG_ERR_IO, base, "no folder can be made for the backup; set TMPDIR to one with room");
    }
    char data[FOLDER_TEXT + 8];
    snprintf(data, sizeof data, "%s/data", source->folder);
    /* Until close_source a first Ctrl-C only raises the flag: a copy of the data must not stay behind. */
    enum fg_code code = fg_backup_restore(name, data, fg_interrupt_begin(), &summary, err);
    return code == FG_OK ? fg_store_open(data, &(struct fg_store_options){.read_only = true}, &source->store, err) : code;
}

static enum fg_code read_instant(const char *option, const char *text, int64_t *us, struct fg_error *err)
{
    struct fg_error why;
    int64_t seconds = 0;
    if (text != NULL && fg_instant_parse(text, &seconds, &why) != FG_OK)
        return fg_fail(err, FG_ERR_ARGUMENT, option, "%s", why.text);
    *us = seconds * 1000000;
    return FG_OK;
}

static enum fg_code check(const struct audit_options *options, const char *name, struct answer *answer, bool *is_intact,
                          struct fg_error *err)
{
    struct fg_audit_scope scope = {.chain = options->chain};
    struct anchors anchors = {0};
    struct source source = {0};
    enum fg_code code = fg_secret_init(err);
    if (code == FG_OK)
        code = read_instant("--from", options->from, &scope.from_us, err);
    if (code == FG_OK)
        code = read_instant("--to", options->to, &scope.until_us, err);
    if (code == FG_OK)
        code = read_anchors(options->anchor, &anchors, err);
    scope.anchors = anchors.items;
    scope.anchor_count = anchors.count;
    if (code == FG_OK)
        code = open_source(name, &source, err);
    if (code == FG_OK)
        code = fg_audit_check(source.store, &scope, take_report, answer, is_intact, err);
    if (code == FG_OK && answer->chain_count == 1 && options->chain != NULL && *is_intact) {
        struct fg_audit_chain end;
        code = fg_audit_chain_load(source.store, options->chain, &end, err);
        if (code == FG_OK && end.sequence == 0)
            code = fg_fail(err, FG_ERR_NOT_FOUND, "--chain", "the log has no chain \"%.60s\"; without --chain all are listed", options->chain);
    }
    close_source(&source);
    fg_free(anchors.items);
    return code;
}

static enum fg_exit run_audit(void *given, char **operands, int operand_count)
{
    (void)operand_count;
    const struct audit_options *options = given;
    struct fg_error err = {0};
    struct answer answer;
    bool is_intact = true;
    if (strcmp(operands[0], "verify") != 0) {
        fg_fail(&err, FG_ERR_ARGUMENT, "audit", "unknown action \"%s\"; it is verify", operands[0]);
        return fg_command_fail(&err);
    }
    fg_text_init(&answer.document);
    fg_text_init(&answer.lines);
    answer.chain_count = 0;
    fg_json_writer_init(&answer.json, &answer.document, true);
    fg_json_begin_object(&answer.json, NULL);
    fg_json_begin_array(&answer.json, "chains");
    enum fg_code code = check(options, operands[1], &answer, &is_intact, &err);
    fg_json_end_array(&answer.json);
    fg_json_put_bool(&answer.json, "intact", is_intact);
    fg_json_end_object(&answer.json);
    fg_text_puts(&answer.document, "\n");
    fg_text_puts(&answer.lines, is_intact ? "The audit log is intact.\n" : "The audit log is NOT intact.\n");
    enum fg_exit status = FG_EXIT_OK;
    if (code != FG_OK)
        status = fg_command_fail(&err);
    else if (fg_output_stdout(options->json ? &answer.document : &answer.lines, &err) != FG_OK)
        status = fg_command_fail_output(&err);
    else
        status = is_intact ? FG_EXIT_OK : FG_EXIT_UNSOLVED;
    fg_text_release(&answer.document);
    fg_text_release(&answer.lines);
    return status;
}

#define AT(member) offsetof(struct audit_options, member)
static const struct fg_option table[] = {
    {"chain", 'c', FG_OPTION_TEXT, AT(chain), "NAME", "Only this chain: registry, or area-N.", NULL, 0, 0},
    {"from", 0, FG_OPTION_TEXT, AT(from), "INSTANT", "Only entries from then on; the one before is taken as it is.", NULL, 0, 0},
    {"to", 0, FG_OPTION_TEXT, AT(to), "INSTANT", "Only entries before then.", NULL, 0, 0},
    {"anchor", 'a', FG_OPTION_TEXT, AT(anchor), "FILE", "An earlier answer with --json, kept elsewhere: the log must still hold the entries "
     "that it names.", NULL, 0, 0},
    {"json", 'j', FG_OPTION_FLAG, AT(json), NULL, "The result as a JSON document, which can serve as an anchor.", NULL, 0, 0},
    {"help", 'h', FG_OPTION_FLAG, AT(help), NULL, "Show this help.", NULL, 0, 0},
};

const struct fg_command fg_command_audit = {
    .name = "audit",
    .operands = "verify DATABASE",
    .operand_min = 2,
    .operand_max = 2,
    .summary = "check that the audit log holds what was written",
    .description = "Recomputes the hash chains of the audit log (one for the registry, one for each market area) and names the first entry "
                   "of each that does not fit: changed, taken out or put in. DATABASE is a data folder, a PostgreSQL URL or a backup; it is "
                   "only read, also while the server runs. Whoever can write the database could write a chain anew or cut its end off: "
                   "that shows against an --anchor. Exit code 4 when the log is not intact.",
    .examples = "  flexgrid audit verify /var/lib/flexgrid\n"
                "  flexgrid audit verify /var/lib/flexgrid --json > anchor.json    # keep it elsewhere\n"
                "  flexgrid audit verify postgresql://flexgrid@db/flexgrid --anchor anchor.json\n"
                "  flexgrid audit verify monday.fgb --from 2026-11-01T00:00:00Z\n",
    .options = table,
    .option_count = sizeof table / sizeof table[0],
    .options_size_bytes = sizeof(struct audit_options),
    .run = run_audit,
};
