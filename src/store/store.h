/* The central database: connections, transactions and statements, the same on SQLite and PostgreSQL.
 *
 * SQL is written once, in the part of the language that both understand:
 *   - parameters are $1, $2, ... (at most FG_SQL_PARAMETER_MAX), values are int64 (also for bool), double, text, blob, null;
 *   - INSERT ... ON CONFLICT, RETURNING, common table expressions, window functions, LIMIT/OFFSET mean the same;
 *   - "FOR UPDATE" at the end of a SELECT locks rows in PostgreSQL; SQLite has one writer, there it is dropped;
 *   - text sorts by bytes; || joins text; there is no implicit conversion, so compare a column with its own type;
 *   - an identity is never bound as null: SQLite would invent one;
 *   - a parameter whose type only the value tells (SELECT $1) has the type of the value bound.
 * Tables are made by migrations (migrate.h says how they are written), not by statements.
 *
 * Thread rule: a connection and its statements belong to one thread at a time; open one connection per thread.
 * Durability: when fg_store_commit returns FG_OK the transaction is on stable storage (SQLite: WAL with
 * synchronous=EXTRA; PostgreSQL: fsync and synchronous_commit on, checked at opening). */
#ifndef FG_STORE_STORE_H
#define FG_STORE_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fg_store; /* a connection */
struct fg_sql;   /* a prepared statement of a connection */

enum fg_store_kind { FG_STORE_SQLITE, FG_STORE_POSTGRESQL };

struct fg_store_options {
    bool create;         /* make the data folder when it is not there */
    bool migrate;        /* bring an older or empty database to this program's version */
    bool read_only;      /* refuse every write */
    bool any_version;    /* open without looking at the version: for fg_migrate_* and restore */
    int busy_timeout_ms; /* how long to wait for another writer; 0: 5000 */
    int statement_timeout_ms; /* PostgreSQL: longest statement; 0: 60000 */
    const char *sqlite_vfs;   /* name of a registered SQLite VFS instead of the file system's; NULL: default */
};

/* Open a connection by URL:
 *   sqlite:/path/folder, or a plain path    a data folder; the database is the file flexgrid.db in it
 *   postgresql://user@host:port/database    a libpq URL (postgres:// too); a password belongs in ~/.pgpass or PGPASSWORD
 * `options` may be NULL (all zero). Errors name the remedy: FG_ERR_UNAVAILABLE (no folder, no server, no right to read),
 * FG_ERR_VERSION (database is older and `migrate` is not set, or newer than the program), FG_ERR_BUSY, FG_ERR_CORRUPT,
 * FG_ERR_FULL, FG_ERR_ARGUMENT (not a URL), FG_ERR_UNSUPPORTED (a PostgreSQL that runs with fsync=off). Cost: some ms. */
enum fg_code fg_store_open(const char *url, const struct fg_store_options *options, struct fg_store **out,
                           struct fg_error *err);

/* Rolls back what is open; NULL is allowed. */
void fg_store_close(struct fg_store *store);

/* Give up the connection and open it anew, after FG_ERR_OUTCOME or FG_ERR_UNAVAILABLE. Statements of the old connection
 * are gone: prepare them again. When it returns FG_OK the outcome of an earlier commit is settled: what reads show now
 * stays (PostgreSQL: the old session has ended; SQLite: a new commit lies on top of the write-ahead log). */
enum fg_code fg_store_reconnect(struct fg_store *store, struct fg_error *err);

enum fg_store_kind fg_store_kind_of(const struct fg_store *store);

/* The URL for messages and logs, without password; valid as long as the connection. */
const char *fg_store_name(const struct fg_store *store);

/* Microseconds since 1970 by the database's clock, which all nodes share; advances inside a transaction too. */
enum fg_code fg_store_clock(struct fg_store *store, int64_t *unix_us, struct fg_error *err);

/* Identity of this history of the data, 32 hex digits: given when the database is made, and given anew by every restore,
 * so that cursors from before a restore are noticed. */
#define FG_INCARNATION_TEXT 33
enum fg_code fg_store_incarnation(struct fg_store *store, char out[FG_INCARNATION_TEXT], struct fg_error *err);

/* Hand out `count` consecutive numbers of the named counter, from 1; part of the transaction, so numbers of committed
 * transactions have no gaps. Row identities come from here: there are no automatic keys. */
enum fg_code fg_store_next(struct fg_store *store, const char *counter, int64_t count, int64_t *first,
                           struct fg_error *err);

/* ---- Transactions ---------------------------------------------------------------------------------------------------
 * FG_STORE_READ   a snapshot: all reads see one state, writes are refused.
 * FG_STORE_WRITE  serialisable: SQLite BEGIN IMMEDIATE, PostgreSQL SERIALIZABLE. A statement or the commit may give
 *                 FG_ERR_BUSY: roll back and repeat the whole transaction.
 * A leased write transaction is fg_lease_begin (lease.h). A statement outside a transaction is one by itself.
 * After an error inside a transaction (constraint, busy, ...) only fg_store_rollback is allowed; FG_ERR_ARGUMENT tells. */
enum fg_store_mode { FG_STORE_READ, FG_STORE_WRITE };
enum fg_code fg_store_begin(struct fg_store *store, enum fg_store_mode mode, struct fg_error *err);

/* FG_OK: durable. FG_ERR_OUTCOME: it may have happened; call fg_store_reconnect and read what is there before anything is
 * answered. Any other code: it did not happen and is rolled back. In every case the transaction has ended. */
enum fg_code fg_store_commit(struct fg_store *store, struct fg_error *err);

/* Ends the transaction without its changes; nothing to do outside one. Never fails: a lost connection rolls back too. */
void fg_store_rollback(struct fg_store *store);

bool fg_store_in_transaction(const struct fg_store *store);

/* Deepest cause of the last FG_ERR_CONSTRAINT of this connection. */
enum fg_constraint { FG_CONSTRAINT_NONE, FG_CONSTRAINT_UNIQUE, FG_CONSTRAINT_REFERENCE, FG_CONSTRAINT_CHECK,
                     FG_CONSTRAINT_NOT_NULL };
struct fg_constraint_info {
    enum fg_constraint kind;
    char key[128]; /* unique, not null: "table.column, table.column"; check: the constraint's name; reference: "" in SQLite */
};
struct fg_constraint_info fg_store_constraint(const struct fg_store *store);

/* ---- Statements -----------------------------------------------------------------------------------------------------
 *     struct fg_sql *sql;
 *     if (fg_sql_prepare(store, "SELECT name FROM organisation WHERE id = $1", &sql, err) != FG_OK) ...
 *     fg_sql_int64(sql, 1, id);
 *     while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row)
 *         use(fg_sql_column_text(sql, 0));
 *
 * Statements are compiled once per connection and found again by their text; nobody destroys them. Prepare directly
 * before binding; parameters start as null. While a statement's rows are read, preparing the same text gives another one. */
#define FG_SQL_PARAMETER_MAX 64
enum fg_code fg_sql_prepare(struct fg_store *store, const char *text, struct fg_sql **out, struct fg_error *err);

/* Bind parameter `number` (1 for $1). Text is UTF-8 without NUL. Bytes are not copied: they must stay until the statement has
 * run (or its last row was read). NULL text or blob binds null. A bad value (NaN, invalid UTF-8, number out of range) is
 * reported by the run. */
void fg_sql_int64(struct fg_sql *sql, int number, int64_t value);
void fg_sql_double(struct fg_sql *sql, int number, double value);
void fg_sql_text(struct fg_sql *sql, int number, const char *text);
void fg_sql_text_n(struct fg_sql *sql, int number, const char *text, size_t length);
void fg_sql_blob(struct fg_sql *sql, int number, const void *bytes, size_t size_bytes);
void fg_sql_null(struct fg_sql *sql, int number);

/* Run to the end, rows are discarded. `changes` (may be NULL): rows inserted, updated or deleted. */
enum fg_code fg_sql_run(struct fg_sql *sql, int64_t *changes, struct fg_error *err);

/* Like fg_sql_run, but inside a write transaction PostgreSQL may get it together with later statements in one round trip; an
 * error may then come from a later statement or the commit. Values are copied. */
enum fg_code fg_sql_queue(struct fg_sql *sql, struct fg_error *err);

/* Like fg_sql_queue, for an INSERT of one row whose place among the later statements of the transaction does not matter: PostgreSQL
 * may run it after them, together with others of its text, as one INSERT of many rows (ON CONFLICT DO UPDATE must not meet
 * the same row twice). Any statement that reads, and the commit, come after all that was gathered. */
enum fg_code fg_sql_gather(struct fg_sql *sql, struct fg_error *err);

/* Run if it has not been, then go to the next row; *row is false after the last. PostgreSQL holds the whole result in
 * memory: page through large ones by key. */
enum fg_code fg_sql_next(struct fg_sql *sql, bool *row, struct fg_error *err);

/* Stop reading before the last row. */
void fg_sql_done(struct fg_sql *sql);

/* Run and expect one row: FG_ERR_NOT_FOUND when there is none. Read its columns, then fg_sql_done. */
enum fg_code fg_sql_one(struct fg_sql *sql, struct fg_error *err);

/* Columns of the current row, from 0. The column must have the type asked for (int64 is also given as double); a null
 * reads as 0, NULL or "no bytes". Texts and blobs are valid until the next fg_sql_next, fg_sql_done or run. */
bool fg_sql_column_is_null(const struct fg_sql *sql, int column);
int64_t fg_sql_column_int64(const struct fg_sql *sql, int column);
double fg_sql_column_double(const struct fg_sql *sql, int column);
const char *fg_sql_column_text(const struct fg_sql *sql, int column); /* NUL-terminated; NULL for null */
const void *fg_sql_column_blob(const struct fg_sql *sql, int column, size_t *size_bytes);

/* A blob of 64-bit integers, the lowest byte first: the integer number `at`, from 0. */
static inline int64_t fg_blob_integer(const void *bytes, size_t at)
{
    const unsigned char *first = (const unsigned char *)bytes + 8 * at;
    uint64_t value = 0;
    for (int b = 7; b >= 0; b--)
        value = value << 8 | first[b];
    return (int64_t)value;
}

/* A statement without parameters and rows, not kept: for maintenance. */
enum fg_code fg_store_execute(struct fg_store *store, const char *text, struct fg_error *err);

#endif
