/* The embedded back end: one SQLite file in a data folder.
 *
 * Write-ahead log, synchronous=EXTRA: a commit has returned only after the log with its commit record was synced.
 * A failed write or sync at commit leaves open whether the commit record reached the disk: SQLite forgets the frames in
 * memory, but a recovery after a crash may find them whole. Hence FG_ERR_OUTCOME, and `settle` writes a new commit in
 * their place. Source: sqlite.org/wal.html, sqlite.org/fileformat2.html (checkpoint and WAL format). */
#include "base/memory.h"
#include "store/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "flexgrid.db"
#define APPLICATION_ID 0x464c4558 /* "FLEX", in the file's header */
#define CORRUPT_REMEDY "restore the last backup into a new folder (flexgrid restore) and keep this one for inspection"

struct statement {
    sqlite3_stmt *stmt;
    int index[FG_SQL_PARAMETER_MAX]; /* SQLite's index of $1, $2, ...; 0: not used */
};

static sqlite3 *db_of(const struct fg_store *store)
{
    return store->handle;
}

/* ---- Errors ---------------------------------------------------------------------------------------------------------*/

static void note_constraint(struct fg_store *store, int extended, const char *message)
{
    enum fg_constraint kind = FG_CONSTRAINT_CHECK;
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
        extended == SQLITE_CONSTRAINT_ROWID)
        kind = FG_CONSTRAINT_UNIQUE;
    else if (extended == SQLITE_CONSTRAINT_FOREIGNKEY)
        kind = FG_CONSTRAINT_REFERENCE;
    else if (extended == SQLITE_CONSTRAINT_NOTNULL)
        kind = FG_CONSTRAINT_NOT_NULL;
    store->constraint.kind = kind;
    const char *key = strstr(message, "failed: ");
    snprintf(store->constraint.key, sizeof store->constraint.key, "%s", key != NULL ? key + 8 : "");
}

/* Whether the operating system said that there is no room. */
static bool is_full(sqlite3 *db, int primary)
{
    int number = sqlite3_system_errno(db);
    return primary == SQLITE_FULL ||
           (primary == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT || number == EFBIG));
}

static enum fg_code fail(struct fg_store *store, int result, const char *doing, struct fg_error *err)
{
    sqlite3 *db = db_of(store);
    int primary = result & 0xff;
    const char *message = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    if (primary == SQLITE_NOMEM)
        return fg_fail_memory(err);
    if (db != NULL && is_full(db, primary))
        return fg_fail(err, FG_ERR_FULL, store->name, "no space left on the disk of the data folder; free some and repeat (%s)",
                       doing);
    switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fg_fail(err, FG_ERR_BUSY, store->name,
                       "another process or thread is writing; repeat, or stop the other program that uses this folder (%s)",
                       doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fg_fail(err, FG_ERR_CORRUPT, store->name, "the database file is damaged (%s); " CORRUPT_REMEDY, message);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fg_fail(err, FG_ERR_UNAVAILABLE, store->name,
                       "the data folder cannot be written; give this user write permission to it and its files (%s)", doing);
    case SQLITE_CANTOPEN:
        return fg_fail(err, FG_ERR_UNAVAILABLE, store->name,
                       "the database file cannot be opened; check that the folder exists and this user may write in it (%s)",
                       doing);
    case SQLITE_IOERR:
        return fg_fail(err, FG_ERR_IO, store->name, "reading or writing the disk failed (%s, errno %d); check the disk (%s)",
                       message, db != NULL ? sqlite3_system_errno(db) : 0, doing);
    case SQLITE_TOOBIG:
        return fg_fail(err, FG_ERR_TOO_LARGE, store->name, "a value is larger than the database takes (%s)", doing);
    case SQLITE_INTERRUPT:
        return fg_fail(err, FG_ERR_INTERRUPTED, store->name, "the statement was interrupted (%s)", doing);
    case SQLITE_MISMATCH:
        return fg_fail(err, FG_ERR_VALUE, store->name, "%s; in: %s", message, doing);
    case SQLITE_CONSTRAINT:
        if (result == SQLITE_CONSTRAINT_DATATYPE)
            return fg_fail(err, FG_ERR_VALUE, store->name, "%s; in: %s", message, doing);
        note_constraint(store, result, message);
        return fg_fail(err, FG_ERR_CONSTRAINT, store->constraint.key, "%s; in: %s", message, doing);
    default:
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "%s; in: %s", message, doing);
    }
}

/* ---- Opening --------------------------------------------------------------------------------------------------------*/

static enum fg_code sync_folder(const char *path, struct fg_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    return failed ? fg_fail(err, FG_ERR_IO, path, "the folder cannot be synced: %s", strerror(number)) : FG_OK;
}

/* The folder and its entry in the folder above must be durable before anything in it is acknowledged. */
static enum fg_code make_folder(const char *folder, struct fg_error *err)
{
    char above[4096];
    snprintf(above, sizeof above, "%s", folder);
    char *end = above + strlen(above);
    while (end > above + 1 && end[-1] == '/')
        *--end = '\0';
    char *slash = strrchr(above, '/');
    if (slash == NULL)
        strcpy(above, ".");
    else
        slash[slash == above] = '\0';
    if (mkdir(folder, 0700) != 0)
        return fg_fail(err, FG_ERR_UNAVAILABLE, folder, "the data folder cannot be made (%s); make the folders above it and "
                                                        "give this user the right to write there", strerror(errno));
    return sync_folder(above, err);
}

/* The file holds personal data, so it is made for this user only; SQLite gives its other files the same rights. */
static enum fg_code check_file(struct fg_store *store, const char *folder, struct fg_error *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/" FILE_NAME, folder);
    struct stat status;
    if (stat(path, &status) == 0)
        return FG_OK;
    if (errno == ENOENT && !store->options.create)
        return fg_fail(err, FG_ERR_UNAVAILABLE, folder, "the folder holds no " FILE_NAME "; check the path, or create the "
                                                        "database (flexgrid db migrate)");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fg_fail(err, FG_ERR_UNAVAILABLE, folder, FILE_NAME " cannot be opened or made (%s); give this user write "
                                                                  "permission to the folder", strerror(errno));
    close(fd);
    return FG_OK;
}

static enum fg_code check_folder(struct fg_store *store, const char *folder, struct fg_error *err)
{
    struct stat status;
    if (stat(folder, &status) != 0) {
        if (errno == ENOENT && store->options.create)
            return make_folder(folder, err);
        return fg_fail(err, FG_ERR_UNAVAILABLE, folder, "no data folder (%s); check the path, or create one (flexgrid db migrate)",
                       strerror(errno));
    }
    if (!S_ISDIR(status.st_mode))
        return fg_fail(err, FG_ERR_ARGUMENT, folder, "not a folder; the database is a folder that holds " FILE_NAME);
    return store->vfs == NULL ? check_file(store, folder, err) : FG_OK;
}

static enum fg_code pragma(struct fg_store *store, const char *text, struct fg_error *err)
{
    int result = sqlite3_exec(db_of(store), text, NULL, NULL, NULL);
    return result == SQLITE_OK ? FG_OK : fail(store, result, text, err);
}

static enum fg_code read_pragma(struct fg_store *store, const char *text, int64_t *value, char *word, size_t size,
                                struct fg_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = sqlite3_prepare_v2(db_of(store), text, -1, &stmt, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(stmt);
    if (result == SQLITE_ROW) {
        if (value != NULL)
            *value = sqlite3_column_int64(stmt, 0);
        if (word != NULL)
            snprintf(word, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    enum fg_code code = result == SQLITE_ROW || result == SQLITE_DONE ? FG_OK : fail(store, result, text, err);
    sqlite3_finalize(stmt);
    return code;
}

/* A file of another program must not be taken for ours, and ours is marked. */
static enum fg_code check_application(struct fg_store *store, struct fg_error *err)
{
    int64_t id = 0, schema = 0;
    enum fg_code code = read_pragma(store, "PRAGMA application_id", &id, NULL, 0, err);
    if (code == FG_OK)
        code = read_pragma(store, "PRAGMA schema_version", &schema, NULL, 0, err);
    if (code != FG_OK || id == APPLICATION_ID)
        return code;
    if (id != 0 || schema != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, FILE_NAME " belongs to another program; use another folder");
    if (store->options.read_only)
        return FG_OK;
    char text[64];
    snprintf(text, sizeof text, "PRAGMA application_id=%d", APPLICATION_ID);
    return pragma(store, text, err);
}

static enum fg_code configure(struct fg_store *store, struct fg_error *err)
{
    sqlite3_extended_result_codes(db_of(store), 1);
    sqlite3_busy_timeout(db_of(store), store->options.busy_timeout_ms);
    char mode[16] = "";
    /* EXTRA is FULL for the log; and the rollback journal, which only the creation of the file uses, is removed durably: if it came
     * back after a power cut, it would undo everything since. */
    enum fg_code code = pragma(store, "PRAGMA synchronous=EXTRA", err);
    if (code == FG_OK)
        code = read_pragma(store, "PRAGMA journal_mode=WAL", NULL, mode, sizeof mode, err);
    if (code == FG_OK && sqlite3_db_readonly(db_of(store), "main") == 1)
        return fail(store, SQLITE_READONLY, "opening", err);
    if (code == FG_OK && strcasecmp(mode, "wal") != 0)
        return fg_fail(err, FG_ERR_UNSUPPORTED, store->name, "the file system gives no shared memory, which the write-ahead log "
                                                             "needs (network disks); use a local disk");
    if (code == FG_OK)
        code = pragma(store,
                      "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
                      "PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-16000;"
                      "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=16000", err);
    if (code == FG_OK)
        code = check_application(store, err);
    if (code == FG_OK && store->options.read_only)
        code = pragma(store, "PRAGMA query_only=ON", err);
    return code;
}

static void close_store(struct fg_store *store)
{
    sqlite3_close_v2(db_of(store));
    store->handle = NULL;
}

static enum fg_code open_store(struct fg_store *store, struct fg_error *err)
{
    const char *folder = strncmp(store->url, "sqlite:", 7) == 0 ? store->url + 7 : store->url;
    if (strlen(folder) > 4000)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "the path of the data folder is longer than 4000 bytes");
    enum fg_code code = check_folder(store, folder, err);
    if (code != FG_OK)
        return code;
    char path[4200];
    snprintf(path, sizeof path, "%s/" FILE_NAME, folder);
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(path, &db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                 store->vfs);
    store->handle = db;
    if (result != SQLITE_OK)
        return fail(store, result, "opening", err);
    return configure(store, err);
}

static enum fg_code settle(struct fg_store *store, struct fg_error *err)
{
    close_store(store);
    enum fg_code code = open_store(store, err);
    if (code != FG_OK || store->options.read_only)
        return code;
    int64_t has_meta = 0;
    code = read_pragma(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'", &has_meta, NULL, 0, err);
    if (code == FG_OK && has_meta)
        code = pragma(store, "INSERT INTO meta (name, value) VALUES ('settled', '1') "
                             "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)", err);
    return code;
}

/* The clock of the machine that holds the file is the database's clock. */
static enum fg_code read_clock(struct fg_store *store, int64_t *unix_us, struct fg_error *err)
{
    (void)store, (void)err;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *unix_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return FG_OK;
}

/* ---- Transactions ---------------------------------------------------------------------------------------------------*/

static enum fg_code execute(struct fg_store *store, const char *text, struct fg_error *err)
{
    int result = sqlite3_exec(db_of(store), text, NULL, NULL, NULL);
    return result == SQLITE_OK ? FG_OK : fail(store, result, text, err);
}

static void rollback(struct fg_store *store)
{
    if (sqlite3_get_autocommit(db_of(store)) == 0)
        sqlite3_exec(db_of(store), "ROLLBACK", NULL, NULL, NULL); /* fails only by having rolled back */
}

static enum fg_code begin(struct fg_store *store, int mode, struct fg_error *err)
{
    if (mode != FG_STORE_READ)
        return execute(store, "BEGIN IMMEDIATE", err);
    /* A deferred transaction takes its snapshot at the first read. */
    enum fg_code code = execute(store, "BEGIN", err);
    if (code == FG_OK && (code = execute(store, "SELECT 1 FROM sqlite_schema LIMIT 1", err)) != FG_OK)
        rollback(store);
    return code;
}

static enum fg_code outcome_unknown(struct fg_store *store, int result, struct fg_error *err)
{
    struct fg_error cause;
    fail(store, result, "commit", &cause);
    return fg_fail(err, FG_ERR_OUTCOME, store->name, "it is not known whether the transaction was committed: %s", cause.text);
}

static enum fg_code commit(struct fg_store *store, struct fg_error *err)
{
    int result = sqlite3_exec(db_of(store), "COMMIT", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        return FG_OK;
    int primary = result & 0xff;
    if (store->mode != FG_STORE_READ && (primary == SQLITE_IOERR || primary == SQLITE_FULL)) {
        enum fg_code code = outcome_unknown(store, result, err);
        rollback(store);
        return code;
    }
    return fail(store, result, "commit", err);
}

/* ---- Statements -----------------------------------------------------------------------------------------------------*/

/* SQLite has one writer and no row locks: "FOR UPDATE" at the end says nothing there. */
static size_t length_without_lock(const char *text)
{
    static const char lock[] = "FOR UPDATE";
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\n;", text[length - 1]) != NULL)
        length--;
    if (length > sizeof lock && strncasecmp(text + length - (sizeof lock - 1), lock, sizeof lock - 1) == 0)
        return length - (sizeof lock - 1);
    return strlen(text);
}

static enum fg_code prepare(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = fg_alloc(1, sizeof *statement);
    if (statement == NULL)
        return fg_fail_memory(err);
    const char *tail = NULL;
    int result = sqlite3_prepare_v3(db_of(sql->store), sql->text, (int)length_without_lock(sql->text),
                                    SQLITE_PREPARE_PERSISTENT, &statement->stmt, &tail);
    if (result != SQLITE_OK || statement->stmt == NULL) {
        fg_free(statement);
        if (result == SQLITE_OK)
            return fg_fail(err, FG_ERR_ARGUMENT, sql->store->name, "an empty statement");
        return fail(sql->store, result, sql->text, err);
    }
    for (int i = 0; i < sql->parameter_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i + 1);
        statement->index[i] = sqlite3_bind_parameter_index(statement->stmt, name);
    }
    sql->handle = statement;
    return FG_OK;
}

static void unprepare(struct fg_sql *sql)
{
    struct statement *statement = sql->handle;
    sqlite3_finalize(statement->stmt);
    fg_free(statement);
}

static enum fg_code bind(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    for (int i = 0; i < sql->parameter_count; i++) {
        const struct fg_value *value = &sql->values[i];
        int index = statement->index[i], result = SQLITE_OK;
        if (index == 0)
            continue;
        switch (value->kind) {
        case FG_VALUE_NULL: result = sqlite3_bind_null(statement->stmt, index); break;
        case FG_VALUE_INT64: result = sqlite3_bind_int64(statement->stmt, index, value->number.i); break;
        case FG_VALUE_DOUBLE: result = sqlite3_bind_double(statement->stmt, index, value->number.d); break;
        case FG_VALUE_TEXT:
            result = sqlite3_bind_text64(statement->stmt, index, value->bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case FG_VALUE_BLOB:
            result = value->size > 0 ? sqlite3_bind_blob64(statement->stmt, index, value->bytes, value->size, SQLITE_STATIC)
                                     : sqlite3_bind_zeroblob(statement->stmt, index, 0);
            break;
        }
        if (result != SQLITE_OK)
            return fail(sql->store, result, sql->text, err);
    }
    return FG_OK;
}

static enum fg_code step(struct fg_sql *sql, bool *row, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    struct fg_store *store = sql->store;
    *row = false;
    if (!sqlite3_stmt_busy(statement->stmt)) {
        if (store->transaction == FG_TRANSACTION_OPEN && store->mode == FG_STORE_READ &&
            !sqlite3_stmt_readonly(statement->stmt))
            return fg_fail(err, FG_ERR_ARGUMENT, store->name, "a reading transaction cannot write: %s", sql->text);
        enum fg_code code = bind(sql, err);
        if (code != FG_OK)
            return code;
    }
    int result = sqlite3_step(statement->stmt);
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        *row = result == SQLITE_ROW;
        return FG_OK;
    }
    int primary = result & 0xff;
    if (store->transaction == FG_TRANSACTION_NONE && !sqlite3_stmt_readonly(statement->stmt) &&
        (primary == SQLITE_IOERR || primary == SQLITE_FULL)) {
        store->lost = true;
        return outcome_unknown(store, result, err);
    }
    return fail(store, result, sql->text, err);
}

static int64_t changes(struct fg_sql *sql)
{
    const struct statement *statement = sql->handle;
    return sqlite3_stmt_readonly(statement->stmt) ? 0 : sqlite3_changes64(db_of(sql->store));
}

static enum fg_code queue(struct fg_sql *sql, struct fg_error *err)
{
    return fg_sql_run(sql, NULL, err);
}

static void reset(struct fg_sql *sql)
{
    struct statement *statement = sql->handle;
    sqlite3_reset(statement->stmt);
}

static int column_count(const struct fg_sql *sql)
{
    const struct statement *statement = sql->handle;
    return sqlite3_column_count(statement->stmt);
}

static struct fg_value column(const struct fg_sql *sql, int number)
{
    const struct statement *statement = sql->handle;
    sqlite3_stmt *stmt = statement->stmt;
    switch (sqlite3_column_type(stmt, number)) {
    case SQLITE_INTEGER: return (struct fg_value){.kind = FG_VALUE_INT64, .number.i = sqlite3_column_int64(stmt, number)};
    case SQLITE_FLOAT: return (struct fg_value){.kind = FG_VALUE_DOUBLE, .number.d = sqlite3_column_double(stmt, number)};
    case SQLITE_TEXT:
        return (struct fg_value){.kind = FG_VALUE_TEXT, .bytes = sqlite3_column_text(stmt, number),
                                 .size = (size_t)sqlite3_column_bytes(stmt, number)};
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_column_blob(stmt, number); /* NULL for no bytes */
        return (struct fg_value){.kind = FG_VALUE_BLOB, .bytes = bytes != NULL ? bytes : "",
                                 .size = (size_t)sqlite3_column_bytes(stmt, number)};
    }
    default: return (struct fg_value){.kind = FG_VALUE_NULL};
    }
}

const struct fg_backend fg_backend_sqlite = {
    .kind = FG_STORE_SQLITE, .open = open_store, .close = close_store, .settle = settle, .clock = read_clock,
    .begin = begin, .commit = commit, .rollback = rollback, .execute = execute, .prepare = prepare,
    .unprepare = unprepare, .step = step, .queue = queue, .gather = queue, .changes = changes, .reset = reset, .column = column,
    .column_count = column_count,
};
