#include "store/migrate.h"

#include "base/memory.h"
#include "base/text.h"
#include "store/backend.h"
#include "store/meta.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- Dialect --------------------------------------------------------------------------------------------------------*/

static const struct {
    const char *from, *to;
} words[] = {{"INTEGER", "BIGINT"}, {"REAL", "DOUBLE PRECISION"}, {"TEXT", "TEXT COLLATE \"C\""}, {"BLOB", "BYTEA"}};

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Append the translation of the piece at `p`, and return where the next piece begins. */
static const char *translate_piece(const char *p, enum fg_store_kind kind, struct fg_text *out)
{
    static const char both[] = ") STRICT, WITHOUT ROWID", strict[] = ") STRICT";
    size_t length = 1;
    if (*p == '\'' || *p == '"') {
        const char *end = strchr(p + 1, *p);
        length = end != NULL ? (size_t)(end - p) + 1 : strlen(p);
    } else if (kind == FG_STORE_SQLITE) {
        /* as it stands */
    } else if (starts(p, both) || starts(p, strict)) {
        fg_text_puts(out, ")");
        return p + (starts(p, both) ? sizeof both : sizeof strict) - 1;
    } else if (isalpha((unsigned char)*p) || *p == '_') {
        while (isalnum((unsigned char)p[length]) || p[length] == '_')
            length++;
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            if (length == strlen(words[w].from) && starts(p, words[w].from)) {
                fg_text_puts(out, words[w].to);
                return p + length;
            }
    }
    fg_text_append(out, p, length);
    return p + length;
}

static void translate(const char *text, enum fg_store_kind kind, struct fg_text *out)
{
    const char *mark = kind == FG_STORE_SQLITE ? "-- @sqlite " : "-- @postgresql ";
    bool at_line_start = true;
    for (const char *p = text; *p != '\0';) {
        if (at_line_start && starts(p, mark)) {
            p += strlen(mark);
            size_t length = strcspn(p, "\n");
            fg_text_append(out, p, length);
            p += length;
        } else if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
        } else {
            p = translate_piece(p, kind, out);
        }
        at_line_start = p > text && p[-1] == '\n';
    }
}

/* ---- What is applied ------------------------------------------------------------------------------------------------*/

struct applied {
    int32_t number;
    char sha256[65];
};

static enum fg_code has_table(struct fg_store *store, bool *has, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
        fg_store_kind_of(store) == FG_STORE_SQLITE
            ? "SELECT count(*) FROM sqlite_schema WHERE name = 'migration'"
            : "SELECT count(*) FROM pg_tables WHERE tablename = 'migration' AND schemaname = current_schema()",
        &sql, err);
    if (code != FG_OK || (code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    *has = fg_sql_column_int64(sql, 0) > 0;
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code read_applied(struct fg_store *store, struct applied **out, size_t *count, struct fg_error *err)
{
    *out = NULL;
    *count = 0;
    bool has = false;
    enum fg_code code = has_table(store, &has, err);
    if (code != FG_OK || !has)
        return code;
    struct fg_sql *sql;
    code = fg_sql_prepare(store, "SELECT number, sha256 FROM migration ORDER BY number", &sql, err);
    if (code != FG_OK)
        return code;
    size_t capacity = 0;
    bool row;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)out, *count, &capacity, sizeof **out)) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        struct applied *next = &(*out)[(*count)++];
        next->number = (int32_t)fg_sql_column_int64(sql, 0);
        snprintf(next->sha256, sizeof next->sha256, "%s", fg_sql_column_text(sql, 1));
    }
    return code;
}

static const struct applied *find_applied(const struct applied *applied, size_t count, int32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (applied[i].number == number)
            return &applied[i];
    return NULL;
}

/* Compare what is applied with a list; a changed text is an error. */
static enum fg_code compare(struct fg_store *store, const struct fg_migration *list, size_t list_count,
                            const struct applied *applied, size_t count, struct fg_migrate_status *status,
                            struct fg_error *err)
{
    *status = (struct fg_migrate_status){.program_number = list_count > 0 ? list[list_count - 1].number : 0,
                                         .database_number = count > 0 ? applied[count - 1].number : 0};
    size_t known = 0;
    for (size_t i = 0; i < list_count; i++) {
        const struct applied *found = find_applied(applied, count, list[i].number);
        if (found == NULL) {
            status->pending_count++;
            continue;
        }
        known++;
        if (strcmp(found->sha256, list[i].sha256) != 0)
            return fg_fail(err, FG_ERR_VERSION, store->name,
                           "migration %d (%s) of this database has another text than this program's; use the program that "
                           "made the database, or restore a backup with this one", list[i].number, list[i].name);
    }
    status->unknown_count = count - known;
    return FG_OK;
}

static enum fg_code fail_newer(struct fg_store *store, const struct fg_migrate_status *status, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_VERSION, store->name,
                   "the database is newer (version %d) than this program (version %d); install the newer program, or restore a "
                   "backup that the older one made", status->database_number, status->program_number);
}

enum fg_code fg_migrate_status(struct fg_store *store, struct fg_migrate_status *status, struct fg_error *err)
{
    struct applied *applied = NULL;
    size_t count = 0;
    enum fg_code code = read_applied(store, &applied, &count, err);
    if (code == FG_OK)
        code = compare(store, fg_migrations, fg_migration_count, applied, count, status, err);
    fg_free(applied);
    return code;
}

enum fg_code fg_migrate_check(struct fg_store *store, struct fg_error *err)
{
    struct fg_migrate_status status;
    enum fg_code code = fg_migrate_status(store, &status, err);
    if (code != FG_OK)
        return code;
    if (status.unknown_count > 0)
        return fail_newer(store, &status, err);
    if (status.pending_count > 0)
        return fg_fail(err, FG_ERR_VERSION, store->name,
                       "the database is at version %d, this program needs version %d; make a backup, then run: flexgrid db "
                       "migrate %s", status.database_number, status.program_number, store->name);
    return FG_OK;
}

/* ---- Applying -------------------------------------------------------------------------------------------------------*/

static enum fg_code record(struct fg_store *store, const struct fg_migration *migration, struct fg_error *err)
{
    int64_t now;
    struct fg_sql *sql;
    enum fg_code code = fg_store_clock(store, &now, err);
    if (code == FG_OK)
        code = fg_sql_prepare(store, "INSERT INTO migration (number, name, sha256, applied_us) VALUES ($1, $2, $3, $4)", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, migration->number);
    fg_sql_text(sql, 2, migration->name);
    fg_sql_text(sql, 3, migration->sha256);
    fg_sql_int64(sql, 4, now);
    return fg_sql_run(sql, NULL, err);
}

static enum fg_code apply(struct fg_store *store, const struct fg_migration *migration, struct fg_error *err)
{
    struct fg_text text;
    fg_text_init(&text);
    translate(migration->text, fg_store_kind_of(store), &text);
    enum fg_code code = text.failed ? fg_fail_memory(err) : fg_store_execute(store, text.data, err);
    fg_text_release(&text);
    return code == FG_OK ? record(store, migration, err) : code;
}

static enum fg_code apply_pending(struct fg_store *store, const struct fg_migration *list, size_t count, int32_t last,
                                  struct fg_error *err)
{
    enum fg_code code = FG_OK;
    if (fg_store_kind_of(store) == FG_STORE_POSTGRESQL) /* two nodes starting at once take turns */
        code = fg_store_execute(store, "SELECT pg_advisory_xact_lock(1179403608)", err);
    struct applied *applied = NULL;
    size_t applied_count = 0;
    struct fg_migrate_status status = {0};
    if (code == FG_OK)
        code = read_applied(store, &applied, &applied_count, err);
    if (code == FG_OK)
        code = compare(store, list, count, applied, applied_count, &status, err);
    if (code == FG_OK && status.unknown_count > 0)
        code = fail_newer(store, &status, err);
    for (size_t i = 0; i < count && code == FG_OK; i++)
        if (list[i].number <= last && find_applied(applied, applied_count, list[i].number) == NULL)
            code = apply(store, &list[i], err);
    if (code == FG_OK && applied_count == 0)
        code = fg_store_new_incarnation(store, err);
    fg_free(applied);
    return code;
}

enum fg_code fg_migrate_run_list(struct fg_store *store, const struct fg_migration *list, size_t count, int32_t last,
                                 struct fg_error *err)
{
    if (fg_store_in_transaction(store))
        return apply_pending(store, list, count, last, err);
    struct applied *applied = NULL;
    size_t applied_count = 0;
    struct fg_migrate_status status = {0};
    enum fg_code code = read_applied(store, &applied, &applied_count, err);
    if (code == FG_OK)
        code = compare(store, list, count, applied, applied_count, &status, err);
    fg_free(applied);
    if (code != FG_OK || (status.pending_count == 0 && status.unknown_count == 0))
        return code; /* the usual case takes no lock */
    if ((code = fg_store_begin(store, (enum fg_store_mode)FG_STORE_LOCKED, err)) != FG_OK)
        return code;
    code = apply_pending(store, list, count, last, err);
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

enum fg_code fg_migrate_run(struct fg_store *store, struct fg_error *err)
{
    return fg_migrate_run_list(store, fg_migrations, fg_migration_count, INT32_MAX, err);
}
