/* Backup and restore: a consistent copy of a whole database in one file that both back ends read.
 *
 * The file is made from one snapshot while others go on writing. It is portable: a backup of SQLite restores into PostgreSQL and
 * the other way. It is there whole or not at all, and its SHA-256 is checked before a restore touches anything. A backup of an
 * older version restores into a newer program, which then migrates it. A restored database has a new incarnation, so
 * that cursors of before are noticed.
 * Thread rule: that of the connection. */
#ifndef FG_STORE_BACKUP_H
#define FG_STORE_BACKUP_H

#include "store/store.h"

#include <stdatomic.h>

struct fg_backup_summary {
    int64_t table_count, row_count;
    int64_t file_bytes;
    int64_t created_us; /* by the clock of the database that was backed up */
    int32_t version;    /* of its tables */
    char incarnation[FG_INCARNATION_TEXT];
};

/* Write a backup of the open connection, which is not in a transaction, to `path`. `interrupt` (may be NULL): nonzero stops with
 * FG_ERR_INTERRUPTED. Cost: one pass over the data; memory for some rows. */
enum fg_code fg_backup_write(struct fg_store *store, const char *path, const atomic_int *interrupt,
                             struct fg_backup_summary *summary, struct fg_error *err);

/* Check a file: FG_ERR_CORRUPT when its bytes are not those that were written, FG_ERR_SYNTAX when it is no backup. */
enum fg_code fg_backup_verify(const char *path, struct fg_backup_summary *summary, struct fg_error *err);

/* Restore into an empty database (a new folder, a database without tables): all in one transaction. FG_ERR_ARGUMENT when there are
 * tables already; FG_ERR_VERSION when a newer program made the backup. */
enum fg_code fg_backup_restore(const char *path, const char *url, const atomic_int *interrupt,
                               struct fg_backup_summary *summary, struct fg_error *err);

#endif
