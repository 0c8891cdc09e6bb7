/* Migrations: the tables' history as numbered files, applied once each, in order, in one transaction.
 *
 * Files are src/store/migrations/NNNN_name.sql, compiled into the program with their SHA-256. A file that has been released
 * never changes; a change is a new file. They are written in SQLite's words and translated for PostgreSQL outside quotes and
 * comments:
 *   INTEGER -> BIGINT, REAL -> DOUBLE PRECISION, TEXT -> TEXT COLLATE "C", BLOB -> BYTEA,
 *   ") STRICT" and ") STRICT, WITHOUT ROWID" at the end of a table -> ")"
 * A line that begins with "-- @sqlite " or "-- @postgresql " is for that back end alone; to the other it is a comment.
 * Numbers 0001 to 0009 are the store's; other parts begin at 0010.
 * Rules: every table is STRICT and has a primary key; columns are INTEGER (64 bits), REAL, TEXT or BLOB; no automatic keys
 * (fg_store_next), no triggers, no views, no defaults that call functions: backup and restore carry rows, not code.
 * Thread rule: that of the connection. */
#ifndef FG_STORE_MIGRATE_H
#define FG_STORE_MIGRATE_H

#include "store/store.h"

struct fg_migration {
    int32_t number; /* from the file's name; ascending */
    const char *name;
    const char *sha256; /* of the file, 64 hex digits */
    const char *text;
};

/* Those of this program. */
extern const struct fg_migration fg_migrations[];
extern const size_t fg_migration_count;

struct fg_migrate_status {
    int32_t database_number; /* highest applied; 0: an empty database */
    int32_t program_number;  /* highest known to this program */
    size_t pending_count;    /* known and not applied */
    size_t unknown_count;    /* applied and not known: the database is newer */
};
enum fg_code fg_migrate_status(struct fg_store *store, struct fg_migrate_status *status, struct fg_error *err);

/* FG_OK when the database is exactly at this program's version. FG_ERR_VERSION when it is older, newer, or made by a
 * different text of a migration. */
enum fg_code fg_migrate_check(struct fg_store *store, struct fg_error *err);

/* Apply what is pending, all or nothing; several nodes may call it at once. FG_ERR_VERSION when the database is newer. */
enum fg_code fg_migrate_run(struct fg_store *store, struct fg_error *err);

/* The same with a given list, up to and including `last`: for restoring the backup of an older version, and for tests.
 * Inside a transaction it becomes part of that. */
enum fg_code fg_migrate_run_list(struct fg_store *store, const struct fg_migration *list, size_t count, int32_t last,
                                 struct fg_error *err);

#endif
