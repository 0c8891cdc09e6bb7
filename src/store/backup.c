/* What a backup says, inside the stream of backup_file.c:
 *
 *   header  created_us, incarnation, count of migrations, (number, sha256) each
 *   tables  'T', name, count of columns, their names; then rows: 'R', for each column its kind and value; at last 'E', rows in all
 *
 * Integers are 8 bytes, little-endian; texts and blobs have their length before them. A table is read through a cursor in one
 * snapshot (SQLite: one reading transaction; PostgreSQL: REPEATABLE READ). */
#include "store/backup.h"

#include "base/memory.h"
#include "store/backend.h"
#include "store/backup_file.h"
#include "store/meta.h"
#include "store/migrate.h"

#include <endian.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 64 /* PostgreSQL's limit */
#define COLUMN_MAX FG_SQL_PARAMETER_MAX
#define VALUE_MAX ((size_t)1 << 30)

struct table {
    char name[NAME_SIZE];
    size_t column_count;
    char columns[COLUMN_MAX][NAME_SIZE];
};

static enum fg_code check_interrupt(const atomic_int *interrupt, struct fg_error *err)
{
    if (interrupt != NULL && atomic_load(interrupt) != 0)
        return fg_fail(err, FG_ERR_INTERRUPTED, NULL, "interrupted; nothing was written");
    return FG_OK;
}

/* ---- Catalogue ------------------------------------------------------------------------------------------------------*/

static const char *tables_query(const struct fg_store *store)
{
    return fg_store_kind_of(store) == FG_STORE_SQLITE
               ? "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
               : "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
}

static const char *columns_query(const struct fg_store *store)
{
    return fg_store_kind_of(store) == FG_STORE_SQLITE
               ? "SELECT name FROM pragma_table_info($1) ORDER BY cid"
               : "SELECT CAST(attname AS TEXT) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid "
                 "WHERE relname = $1 AND relnamespace = CAST(current_schema() AS regnamespace) AND attnum > 0 "
                 "AND NOT attisdropped ORDER BY attnum";
}

static enum fg_code read_columns(struct fg_store *store, struct table *table, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_sql_prepare(store, columns_query(store), &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, table->name);
    table->column_count = 0;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row && table->column_count < COLUMN_MAX)
        snprintf(table->columns[table->column_count++], NAME_SIZE, "%s", fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    return code;
}

/* Names of all tables into a growing array. */
static enum fg_code read_tables(struct fg_store *store, char (**names)[NAME_SIZE], size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t capacity = 0;
    *names = NULL;
    *count = 0;
    enum fg_code code = fg_sql_prepare(store, tables_query(store), &sql, err);
    if (code != FG_OK)
        return code;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)names, *count, &capacity, NAME_SIZE)) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        snprintf((*names)[(*count)++], NAME_SIZE, "%s", fg_sql_column_text(sql, 0));
    }
    return code;
}

/* "a", "b", ... or $1, $2, ... */
static void put_list(const struct table *table, bool parameters, struct fg_text *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (parameters)
            fg_text_printf(out, "%s$%zu", i > 0 ? ", " : "", i + 1);
        else
            fg_text_printf(out, "%s\"%s\"", i > 0 ? ", " : "", table->columns[i]);
    }
}

/* ---- Writing --------------------------------------------------------------------------------------------------------*/

struct writer {
    struct fg_store *store;
    struct fg_backup_out *out;
    const atomic_int *interrupt;
    struct fg_backup_summary *summary;
};

static enum fg_code put_bytes(struct writer *writer, const void *bytes, size_t size, struct fg_error *err)
{
    return fg_backup_out_put(writer->out, bytes, size, err);
}

static enum fg_code put_int64(struct writer *writer, int64_t value, struct fg_error *err)
{
    uint64_t bits = htole64((uint64_t)value);
    return put_bytes(writer, &bits, sizeof bits, err);
}

static enum fg_code put_sized(struct writer *writer, const void *bytes, size_t size, struct fg_error *err)
{
    enum fg_code code = put_int64(writer, (int64_t)size, err);
    return code == FG_OK && size > 0 ? put_bytes(writer, bytes, size, err) : code;
}

static enum fg_code put_value(struct writer *writer, const struct fg_value *value, struct fg_error *err)
{
    char kind = (char)value->kind;
    enum fg_code code = put_bytes(writer, &kind, 1, err);
    if (code != FG_OK || value->kind == FG_VALUE_NULL)
        return code;
    if (value->kind == FG_VALUE_TEXT || value->kind == FG_VALUE_BLOB)
        return put_sized(writer, value->bytes, value->size, err);
    int64_t bits;
    memcpy(&bits, &value->number, sizeof bits);
    return put_int64(writer, bits, err);
}

static enum fg_code put_rows_of(struct writer *writer, struct fg_sql *sql, size_t column_count, int64_t *rows,
                                struct fg_error *err)
{
    bool row;
    enum fg_code code;
    *rows = 0;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        code = put_bytes(writer, "R", 1, err);
        for (size_t i = 0; i < column_count && code == FG_OK; i++) {
            struct fg_value value = writer->store->backend->column(sql, (int)i);
            code = put_value(writer, &value, err);
        }
        if (code == FG_OK)
            code = check_interrupt(writer->interrupt, err);
        if (code != FG_OK)
            break;
        ++*rows;
    }
    fg_sql_done(sql);
    return code;
}

/* PostgreSQL would hold a whole table in memory: rows come through a cursor, some at a time. */
static enum fg_code put_rows(struct writer *writer, const struct table *table, struct fg_text *text, struct fg_error *err)
{
    bool is_server = fg_store_kind_of(writer->store) == FG_STORE_POSTGRESQL;
    struct fg_sql *sql;
    enum fg_code code = FG_OK;
    int64_t rows;
    fg_text_printf(text, is_server ? "DECLARE \"c_%.60s\" NO SCROLL CURSOR FOR SELECT " : "SELECT ", table->name);
    put_list(table, false, text);
    fg_text_printf(text, " FROM \"%s\"", table->name);
    if (text->failed)
        return fg_fail_memory(err);
    if (is_server) {
        code = fg_store_execute(writer->store, text->data, err);
        text->length = 0;
        fg_text_printf(text, "FETCH 50 FROM \"c_%.60s\"", table->name);
    }
    do {
        if (code == FG_OK)
            code = fg_sql_prepare(writer->store, text->data, &sql, err);
        if (code == FG_OK)
            code = put_rows_of(writer, sql, table->column_count, &rows, err);
        if (code == FG_OK)
            writer->summary->row_count += rows;
    } while (code == FG_OK && is_server && rows > 0);
    return code;
}

static enum fg_code put_table(struct writer *writer, const char *name, struct fg_error *err)
{
    struct table table;
    snprintf(table.name, sizeof table.name, "%s", name);
    enum fg_code code = read_columns(writer->store, &table, err);
    if (code == FG_OK)
        code = put_bytes(writer, "T", 1, err);
    if (code == FG_OK)
        code = put_sized(writer, table.name, strlen(table.name), err);
    if (code == FG_OK)
        code = put_int64(writer, (int64_t)table.column_count, err);
    for (size_t i = 0; i < table.column_count && code == FG_OK; i++)
        code = put_sized(writer, table.columns[i], strlen(table.columns[i]), err);
    struct fg_text text;
    fg_text_init(&text);
    if (code == FG_OK)
        code = put_rows(writer, &table, &text, err);
    fg_text_release(&text);
    writer->summary->table_count++;
    return code;
}

static enum fg_code put_header(struct writer *writer, struct fg_error *err)
{
    struct fg_backup_summary *summary = writer->summary;
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_store_clock(writer->store, &summary->created_us, err);
    if (code == FG_OK)
        code = fg_store_incarnation(writer->store, summary->incarnation, err);
    if (code == FG_OK)
        code = put_int64(writer, summary->created_us, err);
    if (code == FG_OK)
        code = put_bytes(writer, summary->incarnation, FG_INCARNATION_TEXT, err);
    if (code == FG_OK)
        code = fg_sql_prepare(writer->store, "SELECT count(*) FROM migration", &sql, err);
    if (code == FG_OK && (code = fg_sql_one(sql, err)) == FG_OK) {
        code = put_int64(writer, fg_sql_column_int64(sql, 0), err);
        fg_sql_done(sql);
    }
    if (code == FG_OK)
        code = fg_sql_prepare(writer->store, "SELECT number, sha256 FROM migration ORDER BY number", &sql, err);
    if (code != FG_OK)
        return code;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        summary->version = (int32_t)fg_sql_column_int64(sql, 0);
        code = put_int64(writer, summary->version, err);
        if (code == FG_OK)
            code = put_bytes(writer, fg_sql_column_text(sql, 1), 64, err);
        if (code != FG_OK)
            break;
    }
    fg_sql_done(sql);
    return code;
}

static enum fg_code put_all(struct writer *writer, struct fg_error *err)
{
    char(*names)[NAME_SIZE];
    size_t count;
    enum fg_code code = put_header(writer, err);
    if (code != FG_OK)
        return code;
    code = read_tables(writer->store, &names, &count, err);
    for (size_t i = 0; i < count && code == FG_OK; i++)
        code = put_table(writer, names[i], err);
    fg_free(names);
    if (code == FG_OK)
        code = put_bytes(writer, "E", 1, err);
    return code == FG_OK ? put_int64(writer, writer->summary->row_count, err) : code;
}

enum fg_code fg_backup_write(struct fg_store *store, const char *path, const atomic_int *interrupt,
                             struct fg_backup_summary *summary, struct fg_error *err)
{
    *summary = (struct fg_backup_summary){0};
    struct writer writer = {.store = store, .interrupt = interrupt, .summary = summary};
    enum fg_code code = fg_store_begin(store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    code = fg_backup_out_open(path, &writer.out, err);
    if (code == FG_OK)
        code = put_all(&writer, err);
    if (code == FG_OK) {
        code = fg_backup_out_commit(writer.out, &summary->file_bytes, err);
        writer.out = NULL;
    }
    fg_backup_out_abandon(writer.out);
    fg_store_rollback(store);
    return code;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------*/

struct restorer {
    struct fg_backup_in *in;
    const char *path;
    struct fg_store *store; /* NULL: only look */
    const atomic_int *interrupt;
    struct fg_backup_summary *summary;
    struct fg_migration *migrations; /* those of the backup */
    size_t migration_count;
};

static enum fg_code fail_format(const struct restorer *restorer, struct fg_error *err)
{
    return fg_fail(err, FG_ERR_CORRUPT, restorer->path, "the backup does not follow its format; use another copy");
}

static enum fg_code get_int64(struct restorer *restorer, int64_t *value, struct fg_error *err)
{
    uint64_t bits = 0;
    enum fg_code code = fg_backup_in_get(restorer->in, &bits, sizeof bits, err);
    *value = (int64_t)le64toh(bits);
    return code;
}

static enum fg_code get_name(struct restorer *restorer, char name[NAME_SIZE], struct fg_error *err)
{
    int64_t length;
    enum fg_code code = get_int64(restorer, &length, err);
    if (code == FG_OK && (length < 1 || length >= NAME_SIZE))
        return fail_format(restorer, err);
    if (code == FG_OK)
        code = fg_backup_in_get(restorer->in, name, (size_t)length, err);
    if (code != FG_OK)
        return code;
    name[length] = '\0';
    for (const char *p = name; *p != '\0'; p++) /* it goes into SQL */
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
            return fail_format(restorer, err);
    return FG_OK;
}

/* The migrations of the backup must be ours, so that we can make its tables. */
static enum fg_code get_migration(struct restorer *restorer, struct fg_error *err)
{
    int64_t number;
    char sha256[65] = "";
    enum fg_code code = get_int64(restorer, &number, err);
    if (code == FG_OK)
        code = fg_backup_in_get(restorer->in, sha256, 64, err);
    if (code != FG_OK)
        return code;
    restorer->summary->version = (int32_t)number;
    for (size_t i = 0; i < fg_migration_count; i++) {
        if (fg_migrations[i].number != number)
            continue;
        if (strcmp(fg_migrations[i].sha256, sha256) != 0)
            return fg_fail(err, FG_ERR_VERSION, restorer->path,
                           "migration %lld of the backup has another text than this program's; restore with the program that made it",
                           (long long)number);
        restorer->migrations[restorer->migration_count++] = fg_migrations[i];
        return FG_OK;
    }
    return fg_fail(err, FG_ERR_VERSION, restorer->path,
                   "the backup was made by a newer program (it has version %lld); install that one and restore with it",
                   (long long)number);
}

static enum fg_code get_header(struct restorer *restorer, struct fg_error *err)
{
    int64_t count;
    enum fg_code code = get_int64(restorer, &restorer->summary->created_us, err);
    if (code == FG_OK)
        code = fg_backup_in_get(restorer->in, restorer->summary->incarnation, FG_INCARNATION_TEXT, err);
    restorer->summary->incarnation[FG_INCARNATION_TEXT - 1] = '\0';
    if (code == FG_OK)
        code = get_int64(restorer, &count, err);
    if (code != FG_OK)
        return code;
    if (count < 1 || count > 100000)
        return fail_format(restorer, err);
    restorer->migrations = fg_alloc((size_t)count, sizeof *restorer->migrations);
    if (restorer->migrations == NULL)
        return fg_fail_memory(err);
    for (int64_t i = 0; i < count && code == FG_OK; i++)
        code = get_migration(restorer, err);
    return code;
}

struct row {
    struct fg_value values[COLUMN_MAX];
    struct fg_text bytes[COLUMN_MAX];
};

static enum fg_code get_value(struct restorer *restorer, struct fg_value *value, struct fg_text *bytes, struct fg_error *err)
{
    unsigned char kind;
    int64_t number = 0;
    *value = (struct fg_value){0};
    enum fg_code code = fg_backup_in_get(restorer->in, &kind, 1, err);
    if (code == FG_OK && kind > FG_VALUE_BLOB)
        return fail_format(restorer, err);
    if (code == FG_OK && kind != FG_VALUE_NULL)
        code = get_int64(restorer, &number, err);
    if (code != FG_OK)
        return code;
    value->kind = (enum fg_value_kind)kind;
    if (kind != FG_VALUE_TEXT && kind != FG_VALUE_BLOB) {
        memcpy(&value->number, &number, sizeof number);
        return FG_OK;
    }
    if (number < 0 || (uint64_t)number > VALUE_MAX)
        return fail_format(restorer, err);
    if ((size_t)number >= bytes->capacity) {
        char *grown = fg_realloc(bytes->data, (size_t)number + 1, 1);
        if (grown == NULL)
            return fg_fail_memory(err);
        bytes->data = grown;
        bytes->capacity = (size_t)number + 1;
    }
    bytes->data[number] = '\0';
    value->bytes = bytes->data;
    value->size = (size_t)number;
    return number > 0 ? fg_backup_in_get(restorer->in, bytes->data, (size_t)number, err) : FG_OK;
}

static enum fg_code insert_row(struct restorer *restorer, const char *text, const struct table *table, const struct row *row,
                               struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(restorer->store, text, &sql, err);
    if (code != FG_OK)
        return code;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct fg_value *value = &row->values[i];
        int number = (int)i + 1;
        switch (value->kind) {
        case FG_VALUE_NULL: break;
        case FG_VALUE_INT64: fg_sql_int64(sql, number, value->number.i); break;
        case FG_VALUE_DOUBLE: fg_sql_double(sql, number, value->number.d); break;
        case FG_VALUE_TEXT: fg_sql_text_n(sql, number, value->bytes, value->size); break;
        case FG_VALUE_BLOB: fg_sql_blob(sql, number, value->bytes, value->size); break;
        }
    }
    return fg_sql_queue(sql, err);
}

/* Rows up to the tag that is none of theirs, which is given back in *tag. */
static enum fg_code get_rows(struct restorer *restorer, const struct table *table, const char *insert, struct row *row,
                             char *tag, struct fg_error *err)
{
    enum fg_code code;
    while ((code = fg_backup_in_get(restorer->in, tag, 1, err)) == FG_OK && *tag == 'R') {
        for (size_t i = 0; i < table->column_count && code == FG_OK; i++)
            code = get_value(restorer, &row->values[i], &row->bytes[i], err);
        if (code == FG_OK && restorer->store != NULL)
            code = insert_row(restorer, insert, table, row, err);
        if (code == FG_OK)
            code = check_interrupt(restorer->interrupt, err);
        if (code != FG_OK)
            return code;
        restorer->summary->row_count++;
    }
    return code;
}

static enum fg_code get_table(struct restorer *restorer, struct row *row, char *tag, struct fg_error *err)
{
    struct table table;
    int64_t count = 0;
    enum fg_code code = get_name(restorer, table.name, err);
    if (code == FG_OK)
        code = get_int64(restorer, &count, err);
    if (code == FG_OK && (count < 1 || count > COLUMN_MAX))
        return fail_format(restorer, err);
    table.column_count = (size_t)count;
    for (size_t i = 0; i < table.column_count && code == FG_OK; i++)
        code = get_name(restorer, table.columns[i], err);
    if (code != FG_OK)
        return code;
    struct fg_text text;
    fg_text_init(&text);
    fg_text_printf(&text, "DELETE FROM \"%s\"", table.name); /* what the migrations have put there */
    if (restorer->store != NULL)
        code = text.failed ? fg_fail_memory(err) : fg_store_execute(restorer->store, text.data, err);
    text.length = 0;
    fg_text_printf(&text, "INSERT INTO \"%s\" (", table.name);
    put_list(&table, false, &text);
    fg_text_puts(&text, ") VALUES (");
    put_list(&table, true, &text);
    fg_text_puts(&text, ")");
    if (code == FG_OK)
        code = text.failed ? fg_fail_memory(err) : get_rows(restorer, &table, text.data, row, tag, err);
    fg_text_release(&text);
    restorer->summary->table_count++;
    return code;
}

static enum fg_code get_tables(struct restorer *restorer, struct fg_error *err)
{
    struct row *row = fg_alloc(1, sizeof *row);
    if (row == NULL)
        return fg_fail_memory(err);
    char tag;
    int64_t rows = 0;
    enum fg_code code = fg_backup_in_get(restorer->in, &tag, 1, err);
    while (code == FG_OK && tag == 'T')
        code = get_table(restorer, row, &tag, err);
    if (code == FG_OK && tag == 'E')
        code = get_int64(restorer, &rows, err);
    if (code == FG_OK && (tag != 'E' || rows != restorer->summary->row_count))
        code = fail_format(restorer, err);
    for (size_t i = 0; i < COLUMN_MAX; i++)
        fg_text_release(&row->bytes[i]);
    fg_free(row);
    return code;
}

/* ---- Restoring ------------------------------------------------------------------------------------------------------*/

static enum fg_code check_empty(struct fg_store *store, struct fg_error *err)
{
    char(*names)[NAME_SIZE];
    size_t count;
    enum fg_code code = read_tables(store, &names, &count, err);
    fg_free(names);
    if (code == FG_OK && count > 0)
        return fg_fail(err, FG_ERR_ARGUMENT, fg_store_name(store),
                       "there are data already; restore into a new folder or an empty database, and switch over when it is done");
    return code;
}

/* Rows come table by table, in no order of their references: those are checked at the end. */
static enum fg_code defer_references(struct fg_store *store, struct fg_error *err)
{
    return fg_store_execute(store,
                            fg_store_kind_of(store) == FG_STORE_SQLITE
                                ? "PRAGMA defer_foreign_keys = ON"
                                : "DO $$DECLARE r record; BEGIN FOR r IN SELECT conname, conrelid FROM pg_constraint "
                                  "WHERE contype = 'f' AND connamespace = CAST(current_schema() AS regnamespace) LOOP EXECUTE "
                                  "format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', "
                                  "CAST(r.conrelid AS regclass), r.conname); END LOOP; END$$",
                            err);
}

static enum fg_code check_references(struct fg_store *store, struct fg_error *err)
{
    if (fg_store_kind_of(store) == FG_STORE_SQLITE) /* the commit checks */
        return FG_OK;
    return fg_store_execute(store,
                            "SET CONSTRAINTS ALL IMMEDIATE; "
                            "DO $$DECLARE r record; BEGIN FOR r IN SELECT conname, conrelid FROM pg_constraint "
                            "WHERE contype = 'f' AND connamespace = CAST(current_schema() AS regnamespace) LOOP EXECUTE "
                            "format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', "
                            "CAST(r.conrelid AS regclass), r.conname); END LOOP; END$$",
                            err);
}

static enum fg_code restore_into(struct restorer *restorer, struct fg_error *err)
{
    struct fg_store *store = restorer->store;
    enum fg_code code = fg_store_begin(store, (enum fg_store_mode)FG_STORE_LOCKED, err);
    if (code != FG_OK)
        return code;
    code = check_empty(store, err);
    if (code == FG_OK)
        code = fg_migrate_run_list(store, restorer->migrations, restorer->migration_count, INT32_MAX, err);
    if (code == FG_OK)
        code = defer_references(store, err);
    if (code == FG_OK)
        code = get_tables(restorer, err);
    if (code == FG_OK)
        code = check_references(store, err);
    if (code == FG_OK)
        code = fg_migrate_run(store, err);
    if (code == FG_OK)
        code = fg_store_new_incarnation(store, err);
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

static enum fg_code read_file(struct restorer *restorer, const char *url, struct fg_error *err)
{
    enum fg_code code = fg_backup_in_open(restorer->path, &restorer->in, &restorer->summary->file_bytes, err);
    if (code == FG_OK)
        code = get_header(restorer, err);
    if (code == FG_OK && url == NULL)
        code = get_tables(restorer, err);
    if (code != FG_OK || url == NULL)
        return code;
    struct fg_store_options options = {.create = true, .any_version = true, .statement_timeout_ms = 3600000};
    code = fg_store_open(url, &options, &restorer->store, err);
    if (code == FG_OK)
        code = restore_into(restorer, err);
    fg_store_close(restorer->store);
    return code;
}

static enum fg_code run(struct restorer *restorer, const char *url, struct fg_error *err)
{
    *restorer->summary = (struct fg_backup_summary){0};
    enum fg_code code = read_file(restorer, url, err);
    fg_backup_in_close(restorer->in);
    fg_free(restorer->migrations);
    return code;
}

enum fg_code fg_backup_verify(const char *path, struct fg_backup_summary *summary, struct fg_error *err)
{
    return run(&(struct restorer){.path = path, .summary = summary}, NULL, err);
}

enum fg_code fg_backup_restore(const char *path, const char *url, const atomic_int *interrupt,
                               struct fg_backup_summary *summary, struct fg_error *err)
{
    return run(&(struct restorer){.path = path, .interrupt = interrupt, .summary = summary}, url, err);
}
