/* The server back end: PostgreSQL through libpq.
 *
 * Values travel in binary. Parameters are prepared with the types of the values bound, so that the server never guesses a
 * narrower one; a statement is prepared again when a type changes. Queued statements go out in libpq's pipeline mode and
 * are checked at the next statement that has rows, or at the commit.
 * A connection lost during a commit leaves its outcome open: the old session may still be committing. `settle` ends that
 * session by pg_terminate_backend before anything is read. Sources: PostgreSQL manual, chapters "libpq - Pipeline Mode",
 * "Transaction Isolation", "Client Connection Defaults"; binary formats of src/backend/utils/adt/{int8,float,numeric}.c. */
#include "base/memory.h"
#include "store/backend.h"

#include <endian.h>
#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_NAME = 19, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_OID = 26,
       OID_FLOAT4 = 700, OID_FLOAT8 = 701, OID_BPCHAR = 1042, OID_VARCHAR = 1043, OID_NUMERIC = 1700 };

#define QUEUE_MAX 256 /* results of so many commands fit into the socket's buffers while we only send */

/* Gathered rows of up to 16 statements wait, and go out in the largest of these forms that they fill. */
enum { GATHER_STATEMENTS = 16, GATHER_FORMS = 3, GATHER_ROWS = 32 };
static const int form_rows[GATHER_FORMS] = {GATHER_ROWS, 8, 1};

struct connection {
    PGconn *pg;
    int pid; /* of the server's process for us, with its start: names the session for good */
    char started[64];
    int64_t next_name;
    struct queued {
        struct fg_sql *sql;
        bool *prepared; /* what this command makes true; NULL: it executes */
    } queue[QUEUE_MAX + 2];
    int queue_count;
    struct fg_sql *gathering[GATHER_STATEMENTS];
    int gathering_count;
    /* Parameters of several rows, on their way to libpq. */
    const char *values[GATHER_ROWS * FG_SQL_PARAMETER_MAX];
    int lengths[GATHER_ROWS * FG_SQL_PARAMETER_MAX], formats[GATHER_ROWS * FG_SQL_PARAMETER_MAX];
    Oid types[GATHER_ROWS * FG_SQL_PARAMETER_MAX];
};

/* A text as the server knows it, with the row of its values repeated `rows` times. */
struct form {
    char *text; /* NULL: not made yet */
    char name[24];
    bool prepared;
};

struct cell { /* a gathered value: its place in the bytes, or null */
    size_t offset;
    int length; /* -1: null */
};

struct statement {
    char name[24];
    bool prepared;
    Oid types[FG_SQL_PARAMETER_MAX]; /* declared; 0: the server infers it */
    PGresult *result;
    int row, row_count;

    struct form forms[GATHER_FORMS];
    struct cell *cells; /* gathered row x parameter */
    struct fg_text bytes;
    int gathered;
    bool is_listed; /* in the connection's `gathering` */
};

static struct connection *connection_of(const struct fg_store *store)
{
    return store->handle;
}

/* ---- Errors ---------------------------------------------------------------------------------------------------------*/

static bool state_is(const char *state, const char *begin)
{
    return strncmp(state, begin, strlen(begin)) == 0;
}

/* "Key (a, b)=(1, 2) already exists." -> "table.a, table.b", whatever the language. */
static void note_key(struct fg_constraint_info *info, const char *table, const char *detail)
{
    const char *open = strchr(detail, '('), *close = open != NULL ? strstr(open, ")=(") : NULL;
    info->key[0] = '\0';
    size_t used = 0;
    for (const char *p = open != NULL ? open + 1 : NULL; close != NULL && p < close;) {
        size_t length = strcspn(p, ",)");
        int written = snprintf(info->key + used, sizeof info->key - used, "%s%s.%.*s", used > 0 ? ", " : "", table, (int)length, p);
        if (written < 0 || (size_t)written >= sizeof info->key - used)
            return;
        used += (size_t)written;
        p += length + 1;
        while (*p == ' ')
            p++;
    }
}

static void note_constraint(struct fg_store *store, const PGresult *result, const char *state)
{
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME), *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME), *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    struct fg_constraint_info *info = &store->constraint;
    table = table != NULL ? table : "";
    info->kind = FG_CONSTRAINT_CHECK;
    snprintf(info->key, sizeof info->key, "%s", name != NULL ? name : "");
    if (strcmp(state, "23505") == 0) {
        info->kind = FG_CONSTRAINT_UNIQUE;
        note_key(info, table, detail != NULL ? detail : "");
    } else if (strcmp(state, "23503") == 0) {
        info->kind = FG_CONSTRAINT_REFERENCE;
    } else if (strcmp(state, "23502") == 0) {
        info->kind = FG_CONSTRAINT_NOT_NULL;
        snprintf(info->key, sizeof info->key, "%s.%s", table, column != NULL ? column : "");
    }
}

static enum fg_code fail_lost(struct fg_store *store, const char *message, struct fg_error *err)
{
    store->lost = true;
    return fg_fail(err, FG_ERR_UNAVAILABLE, store->name,
                   "the connection to the database server is lost (%s); check that the server runs and reconnect", message);
}

/* Which of our codes an SQLSTATE means, and the remedy. Source: PostgreSQL manual, appendix A. */
static const struct {
    const char *state;
    enum fg_code code;
    const char *remedy;
} states[] = {
    {"40", FG_ERR_BUSY, "another transaction was in the way; repeat the whole transaction"},
    {"55P03", FG_ERR_BUSY, "another transaction holds the row for longer than the busy timeout; repeat"},
    {"25P03", FG_ERR_BUSY, "the transaction was idle for too long and its locks were taken away; repeat it"},
    {"23", FG_ERR_CONSTRAINT, "a rule of the database refuses the row"},
    {"53100", FG_ERR_FULL, "no space left on the disk of the database server; free some and repeat"},
    {"53200", FG_ERR_MEMORY, "the database server is out of memory; give it more, or close other sessions"},
    {"53300", FG_ERR_UNAVAILABLE, "the server takes no more connections; raise max_connections or close others"},
    {"57014", FG_ERR_INTERRUPTED, "the statement took longer than the statement timeout, or was cancelled"},
    {"57P", FG_ERR_UNAVAILABLE, "the server is stopping or starting; try again in a moment"},
    {"08", FG_ERR_UNAVAILABLE, "the connection is broken; reconnect"},
    {"28", FG_ERR_UNAVAILABLE, "the server refuses this user; check user, password (~/.pgpass) and pg_hba.conf"},
    {"3D000", FG_ERR_UNAVAILABLE, "there is no such database; create it with createdb"},
    {"42501", FG_ERR_UNAVAILABLE, "this user lacks a right; grant it, or make the user the owner of the database"},
    {"58", FG_ERR_IO, "the database server cannot read or write its disk; check the server's log"},
    {"XX001", FG_ERR_CORRUPT, "the server's data are damaged; restore a backup"},
    {"XX002", FG_ERR_CORRUPT, "an index of the server is damaged; REINDEX, or restore a backup"},
    {"22", FG_ERR_VALUE, "a value does not fit its type"},
    {"54", FG_ERR_TOO_LARGE, "a limit of the server is exceeded"},
    {"25006", FG_ERR_ARGUMENT, "a reading transaction cannot write"},
};

static enum fg_code fail(struct fg_store *store, const PGresult *result, const char *doing, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (PQstatus(connection->pg) == CONNECTION_BAD)
        return fail_lost(store, message != NULL ? message : PQerrorMessage(connection->pg), err);
    if (result == NULL || state == NULL) /* libpq itself failed */
        return strstr(PQerrorMessage(connection->pg), "memory") != NULL
                   ? fg_fail_memory(err)
                   : fail_lost(store, PQerrorMessage(connection->pg), err);
    if (state_is(state, "23"))
        note_constraint(store, result, state);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (state_is(state, states[i].state))
            return fg_fail(err, states[i].code, states[i].code == FG_ERR_CONSTRAINT ? store->constraint.key : store->name,
                           "%s (%s: %s); in: %s", states[i].remedy, state, message, doing);
    return fg_fail(err, FG_ERR_ARGUMENT, store->name, "%s (%s); in: %s", message, state, doing);
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* A failed statement that stood for itself and was not only reading may have happened when the connection broke. */
static enum fg_code outcome_of(struct fg_store *store, bool only_reads, enum fg_code code, struct fg_error *err)
{
    if (!store->lost || store->transaction != FG_TRANSACTION_NONE || only_reads)
        return code;
    return fg_fail(err, FG_ERR_OUTCOME, store->name,
                   "the connection was lost while the statement ran, it is not known whether it was committed; reconnect and "
                   "read what is there");
}

/* ---- Pipeline -------------------------------------------------------------------------------------------------------*/

/* Read the results of one queued command; NULL ends them. The first failure is kept. */
static void read_queued(struct fg_store *store, const struct queued *queued, enum fg_code *code, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    PGresult *result;
    bool seen = false;
    while ((result = PQgetResult(connection->pg)) != NULL) {
        seen = true;
        bool good = is_good(result);
        if (queued->prepared != NULL)
            *queued->prepared = good;
        if (!good && *code == FG_OK)
            *code = fail(store, result, queued->sql->text, err);
        PQclear(result);
    }
    if (!seen && *code == FG_OK)
        *code = fail(store, NULL, queued->sql->text, err);
}

/* Wait for everything queued. */
static enum fg_code drain_queue(struct fg_store *store, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    if (connection->queue_count == 0)
        return FG_OK;
    enum fg_code code = FG_OK;
    if (PQpipelineSync(connection->pg) != 1)
        code = fail(store, NULL, "sending queued statements", err);
    for (int i = 0; i < connection->queue_count && !store->lost; i++)
        read_queued(store, &connection->queue[i], &code, err);
    connection->queue_count = 0;
    if (!store->lost) {
        PQclear(PQgetResult(connection->pg)); /* the synchronisation point */
        if (PQexitPipelineMode(connection->pg) != 1 && code == FG_OK)
            code = fail(store, NULL, "ending a pipeline", err);
    }
    if (code != FG_OK)
        fg_store_mark_failed(store);
    return code;
}

static enum fg_code send_first(struct connection *connection, struct fg_error *err);

/* Send what is gathered and wait for everything. */
static enum fg_code drain(struct fg_store *store, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    enum fg_code code = FG_OK;
    while (connection->gathering_count > 0 && code == FG_OK)
        code = send_first(connection, err);
    if (code != FG_OK) {
        fg_store_mark_failed(store);
        return code;
    }
    return drain_queue(store, err);
}

static enum fg_code execute_now(struct fg_store *store, const char *text, struct fg_error *err)
{
    PGresult *result = PQexec(connection_of(store)->pg, text);
    enum fg_code code = is_good(result) ? FG_OK : fail(store, result, text, err);
    PQclear(result);
    return code;
}

static enum fg_code execute(struct fg_store *store, const char *text, struct fg_error *err)
{
    enum fg_code code = drain(store, err);
    if (code == FG_OK)
        code = execute_now(store, text, err);
    return code == FG_OK ? FG_OK : outcome_of(store, fg_sql_only_reads(text), code, err);
}

/* ---- Opening --------------------------------------------------------------------------------------------------------*/

static void ignore_notice(void *argument, const char *message)
{
    (void)argument, (void)message;
}

static enum fg_code check_server(struct fg_store *store, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    if (PQserverVersion(connection->pg) < 140000)
        return fg_fail(err, FG_ERR_UNSUPPORTED, store->name, "PostgreSQL %d is too old; 14 or later is needed",
                       PQserverVersion(connection->pg) / 10000);
    PGresult *result = PQexec(connection->pg,
                              "SELECT current_setting('fsync'), current_setting('server_encoding'), "
                              "current_setting('full_page_writes'), pg_backend_pid(), backend_start::text "
                              "FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    enum fg_code code = FG_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        code = fail(store, result, "opening", err);
    } else if (strcmp(PQgetvalue(result, 0, 0), "on") != 0 || strcmp(PQgetvalue(result, 0, 2), "on") != 0) {
        code = fg_fail(err, FG_ERR_UNSUPPORTED, store->name,
                       "the server runs with fsync or full_page_writes off, so that acknowledged data can be lost; switch both on");
    } else if (strcmp(PQgetvalue(result, 0, 1), "UTF8") != 0) {
        code = fg_fail(err, FG_ERR_UNSUPPORTED, store->name, "the database's encoding is %s; create it with UTF8",
                       PQgetvalue(result, 0, 1));
    } else {
        connection->pid = atoi(PQgetvalue(result, 0, 3));
        snprintf(connection->started, sizeof connection->started, "%s", PQgetvalue(result, 0, 4));
    }
    PQclear(result);
    return code;
}

static enum fg_code configure(struct fg_store *store, struct fg_error *err)
{
    char text[600];
    /* Plans are kept for the life of a connection, and one that was made while a table was small would scan it for ever: where
     * there is an index, it is used. A holder of locks that stops talking (SIGSTOP, cut cable) must not keep others waiting. */
    snprintf(text, sizeof text,
             "SET statement_timeout = %d; SET lock_timeout = %d; SET idle_in_transaction_session_timeout = 5000; SET jit = off; "
             "SET enable_seqscan = off; "
             "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'%s",
             store->options.statement_timeout_ms, store->options.busy_timeout_ms,
             store->options.read_only ? "; SET default_transaction_read_only = on" : "");
    return execute_now(store, text, err);
}

static enum fg_code open_store(struct fg_store *store, struct fg_error *err)
{
    struct connection *connection = fg_alloc(1, sizeof *connection);
    if (connection == NULL)
        return fg_fail_memory(err);
    store->handle = connection;
    /* What the URL says comes last and wins, but for the encoding. */
    const char *const keywords[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
                                    "keepalives_count", "fallback_application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"10", "10000", "5", "2", "3", "flexgrid", store->url, "UTF8", NULL};
    connection->pg = PQconnectdbParams(keywords, values, 1);
    if (connection->pg == NULL)
        return fg_fail_memory(err);
    if (PQstatus(connection->pg) != CONNECTION_OK)
        return fg_fail(err, FG_ERR_UNAVAILABLE, store->name,
                       "no connection to the database server: %s; check that it runs, and host, port, database and user",
                       PQerrorMessage(connection->pg));
    PQsetNoticeProcessor(connection->pg, ignore_notice, NULL);
    enum fg_code code = check_server(store, err);
    return code == FG_OK ? configure(store, err) : code;
}

static void close_store(struct fg_store *store)
{
    struct connection *connection = store->handle;
    if (connection == NULL)
        return;
    PQfinish(connection->pg);
    fg_free(connection);
    store->handle = NULL;
}

/* End the session that is named by process and start, if the server still has it. */
static enum fg_code end_session(struct fg_store *store, int pid, const char *started, struct fg_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%d", pid);
    const char *const values[] = {number, started};
    PGresult *result = PQexecParams(connection_of(store)->pg,
                                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                                    "WHERE pid = $1::int AND backend_start::text = $2",
                                    2, NULL, values, NULL, NULL, 0);
    enum fg_code code = is_good(result) ? FG_OK : fail(store, result, "ending the old session", err);
    if (code == FG_OK && PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] != 't')
        code = fg_fail(err, FG_ERR_UNAVAILABLE, store->name,
                       "the server has not ended the lost session within 10 s; its last commit is still open, try again");
    PQclear(result);
    return code;
}

static enum fg_code settle(struct fg_store *store, struct fg_error *err)
{
    struct connection *old = store->handle;
    int pid = old != NULL ? old->pid : 0;
    char started[64] = "";
    if (old != NULL)
        snprintf(started, sizeof started, "%s", old->started);
    close_store(store);
    enum fg_code code = open_store(store, err);
    if (code == FG_OK && pid != 0)
        code = end_session(store, pid, started, err);
    if (code != FG_OK && store->handle != NULL && pid != 0) { /* the next attempt must still know the old session */
        connection_of(store)->pid = pid;
        snprintf(connection_of(store)->started, sizeof started, "%s", started);
    }
    return code;
}

/* ---- Transactions ---------------------------------------------------------------------------------------------------*/

static enum fg_code begin(struct fg_store *store, int mode, struct fg_error *err)
{
    static const char *const texts[] = {
        [FG_STORE_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0; "
                          "SELECT 1 FROM pg_class LIMIT 1", /* the snapshot is taken by the first query */
        [FG_STORE_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE",
        [FG_STORE_LOCKED] = "BEGIN ISOLATION LEVEL READ COMMITTED",
    };
    return execute_now(store, texts[mode], err);
}

static struct fg_sql *take_first(struct connection *connection)
{
    struct fg_sql *sql = connection->gathering[0];
    struct statement *statement = sql->handle;
    memmove(connection->gathering, connection->gathering + 1,
            (size_t)--connection->gathering_count * sizeof connection->gathering[0]);
    statement->is_listed = false;
    return sql;
}

static void forget_gathered(struct statement *statement)
{
    statement->gathered = 0;
    statement->bytes.length = 0;
    statement->bytes.failed = false;
}

static enum fg_code commit(struct fg_store *store, struct fg_error *err)
{
    enum fg_code code = drain(store, err);
    if (code != FG_OK)
        return code;
    struct connection *connection = connection_of(store);
    PGresult *result = PQexec(connection->pg, "COMMIT");
    if (!is_good(result)) {
        code = fail(store, result, "COMMIT", err);
        if (store->lost && store->mode != FG_STORE_READ) {
            struct fg_error cause = err != NULL ? *err : (struct fg_error){0};
            code = fg_fail(err, FG_ERR_OUTCOME, store->name, "it is not known whether the transaction was committed: %s", cause.text);
        }
    } else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        code = fg_fail(err, FG_ERR_BUSY, store->name, "the server rolled the transaction back; repeat it");
    }
    PQclear(result);
    return code;
}

static void rollback(struct fg_store *store)
{
    struct connection *connection = connection_of(store);
    while (connection->gathering_count > 0)
        forget_gathered(take_first(connection)->handle);
    drain_queue(store, NULL);
    if (!store->lost)
        execute_now(store, "ROLLBACK", NULL);
}

/* ---- Statements -----------------------------------------------------------------------------------------------------*/

static enum fg_code prepare(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = fg_alloc(1, sizeof *statement);
    if (statement == NULL)
        return fg_fail_memory(err);
    sql->handle = statement; /* the server sees it when the types of its parameters are known */
    return FG_OK;
}

static void unprepare(struct fg_sql *sql)
{
    struct statement *statement = sql->handle;
    PQclear(statement->result);
    for (int f = 0; f < GATHER_FORMS; f++)
        fg_free(statement->forms[f].text);
    fg_free(statement->cells);
    fg_text_release(&statement->bytes);
    fg_free(statement); /* the server forgets it with the connection */
}

struct parameters {
    const char *values[FG_SQL_PARAMETER_MAX];
    int lengths[FG_SQL_PARAMETER_MAX], formats[FG_SQL_PARAMETER_MAX];
    uint64_t numbers[FG_SQL_PARAMETER_MAX];
};

static Oid type_of(const struct fg_value *value)
{
    switch (value->kind) {
    case FG_VALUE_INT64: return OID_INT8;
    case FG_VALUE_DOUBLE: return OID_FLOAT8;
    case FG_VALUE_TEXT: return OID_TEXT;
    case FG_VALUE_BLOB: return OID_BYTEA;
    default: return 0;
    }
}

/* Numbers in network order; texts and blobs as they are. True when the types are those that the server knows. */
static bool encode(struct fg_sql *sql, struct parameters *out)
{
    struct statement *statement = sql->handle;
    bool same = statement->prepared;
    for (int i = 0; i < sql->parameter_count; i++) {
        const struct fg_value *value = &sql->values[i];
        Oid type = type_of(value);
        if (type != 0 && type != statement->types[i]) {
            statement->types[i] = type;
            same = false;
        }
        out->formats[i] = 1;
        out->values[i] = NULL;
        out->lengths[i] = 0;
        if (value->kind == FG_VALUE_INT64 || value->kind == FG_VALUE_DOUBLE) {
            uint64_t bits;
            memcpy(&bits, &value->number, sizeof bits);
            out->numbers[i] = htobe64(bits);
            out->values[i] = (const char *)&out->numbers[i];
            out->lengths[i] = sizeof bits;
        } else if (value->kind != FG_VALUE_NULL) {
            out->values[i] = value->size > 0 ? value->bytes : "";
            out->lengths[i] = (int)value->size;
        }
    }
    return same;
}

static enum fg_code check_sizes(const struct fg_sql *sql, struct fg_error *err)
{
    for (int i = 0; i < sql->parameter_count; i++)
        if (sql->values[i].kind >= FG_VALUE_TEXT && sql->values[i].size > 1000000000)
            return fg_fail(err, FG_ERR_TOO_LARGE, sql->store->name, "a value is larger than the 1 GB that the database takes");
    return FG_OK;
}

static void name_anew(struct fg_sql *sql)
{
    struct statement *statement = sql->handle;
    snprintf(statement->name, sizeof statement->name, "s%lld", (long long)++connection_of(sql->store)->next_name);
}

static enum fg_code run(struct fg_sql *sql, struct fg_error *err)
{
    struct fg_store *store = sql->store;
    struct statement *statement = sql->handle;
    enum fg_code code = drain(store, err);
    if (code == FG_OK)
        code = check_sizes(sql, err);
    if (code != FG_OK)
        return code;
    PGconn *pg = connection_of(store)->pg;
    struct parameters parameters;
    if (!encode(sql, &parameters)) {
        name_anew(sql);
        PGresult *result = PQprepare(pg, statement->name, sql->text, sql->parameter_count, statement->types);
        statement->prepared = is_good(result);
        code = statement->prepared ? FG_OK : fail(store, result, sql->text, err);
        PQclear(result);
        if (code != FG_OK)
            return code;
    }
    statement->result = PQexecPrepared(pg, statement->name, sql->parameter_count, parameters.values, parameters.lengths,
                                       parameters.formats, 1);
    if (!is_good(statement->result))
        return outcome_of(store, sql->only_reads, fail(store, statement->result, sql->text, err), err);
    statement->row = -1;
    statement->row_count = PQntuples(statement->result);
    return FG_OK;
}

static enum fg_code step(struct fg_sql *sql, bool *row, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    *row = false;
    enum fg_code code = statement->result == NULL ? run(sql, err) : FG_OK;
    if (code == FG_OK)
        *row = ++statement->row < statement->row_count;
    return code;
}

/* Room in the pipeline for one command and its PREPARE. */
static enum fg_code make_room(struct fg_store *store, struct fg_error *err)
{
    struct connection *connection = connection_of(store);
    enum fg_code code = connection->queue_count >= QUEUE_MAX ? drain_queue(store, err) : FG_OK;
    if (code == FG_OK && connection->queue_count == 0 && PQenterPipelineMode(connection->pg) != 1)
        code = fail(store, NULL, "beginning a pipeline", err);
    return code;
}

static enum fg_code queue(struct fg_sql *sql, struct fg_error *err)
{
    struct fg_store *store = sql->store;
    struct connection *connection = connection_of(store);
    struct statement *statement = sql->handle;
    enum fg_code code = check_sizes(sql, err);
    if (code == FG_OK)
        code = make_room(store, err);
    if (code != FG_OK)
        return code;
    struct parameters parameters;
    if (!encode(sql, &parameters)) {
        name_anew(sql);
        if (PQsendPrepare(connection->pg, statement->name, sql->text, sql->parameter_count, statement->types) != 1)
            return fail(store, NULL, sql->text, err);
        statement->prepared = true; /* taken back when the server refuses */
        connection->queue[connection->queue_count++] = (struct queued){sql, &statement->prepared};
    }
    if (PQsendQueryPrepared(connection->pg, statement->name, sql->parameter_count, parameters.values, parameters.lengths,
                            parameters.formats, 1) != 1)
        return fail(store, NULL, sql->text, err);
    connection->queue[connection->queue_count++] = (struct queued){sql, NULL};
    return FG_OK;
}

/* The text with its row of values repeated, parameters counting on: "VALUES ($1, $2)" -> "VALUES ($1, $2), ($3, $4)".
 * NULL in *out: it has no such row, or parentheses in it, or parameters behind it. */
static enum fg_code repeat_row(const struct fg_sql *sql, int rows, char **out, struct fg_error *err)
{
    const char *values = strstr(sql->text, "VALUES ("), *begin = values != NULL ? values + strlen("VALUES ") : NULL;
    const char *end = begin != NULL ? strchr(begin, ')') : NULL;
    *out = NULL;
    if (end == NULL || memchr(begin + 1, '(', (size_t)(end - begin) - 1) != NULL || strchr(end, '$') != NULL)
        return FG_OK;
    struct fg_text text = {0};
    fg_text_append(&text, sql->text, (size_t)(begin - sql->text));
    for (int r = 0; r < rows; r++) {
        fg_text_puts(&text, r > 0 ? ", " : "");
        for (const char *p = begin; p <= end;) {
            if (*p != '$') {
                fg_text_append(&text, p++, 1);
                continue;
            }
            char *after;
            fg_text_printf(&text, "$%ld", strtol(p + 1, &after, 10) + (long)r * sql->parameter_count);
            p = after;
        }
    }
    fg_text_puts(&text, end + 1);
    if (text.failed) {
        fg_text_release(&text);
        return fg_fail_memory(err);
    }
    *out = text.data;
    return FG_OK;
}

/* Send `rows` gathered rows from row `first` on as one command. */
static enum fg_code send_form(struct fg_sql *sql, struct form *form, int rows, int first, struct fg_error *err)
{
    struct fg_store *store = sql->store;
    struct connection *connection = connection_of(store);
    const struct statement *statement = sql->handle;
    const int count = rows * sql->parameter_count;
    enum fg_code code = make_room(store, err);
    if (code != FG_OK)
        return code;
    for (int i = 0; i < count; i++) {
        const struct cell *cell = &statement->cells[first * sql->parameter_count + i];
        connection->values[i] = cell->length < 0 ? NULL : cell->length == 0 ? "" : statement->bytes.data + cell->offset;
        connection->lengths[i] = cell->length < 0 ? 0 : cell->length;
        connection->formats[i] = 1;
        connection->types[i] = statement->types[i % sql->parameter_count];
    }
    if (!form->prepared) {
        snprintf(form->name, sizeof form->name, "s%lld", (long long)++connection->next_name);
        if (PQsendPrepare(connection->pg, form->name, form->text, count, connection->types) != 1)
            return fail(store, NULL, form->text, err);
        form->prepared = true; /* taken back when the server refuses */
        connection->queue[connection->queue_count++] = (struct queued){sql, &form->prepared};
    }
    if (PQsendQueryPrepared(connection->pg, form->name, count, connection->values, connection->lengths, connection->formats,
                            1) != 1)
        return fail(store, NULL, form->text, err);
    connection->queue[connection->queue_count++] = (struct queued){sql, NULL};
    return FG_OK;
}

static enum fg_code send_gathered(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    enum fg_code code = FG_OK;
    int row = 0;
    for (int f = 0; f < GATHER_FORMS; f++)
        for (; code == FG_OK && statement->gathered - row >= form_rows[f]; row += form_rows[f])
            code = send_form(sql, &statement->forms[f], form_rows[f], row, err);
    forget_gathered(statement);
    return code;
}

static enum fg_code send_first(struct connection *connection, struct fg_error *err)
{
    return send_gathered(take_first(connection), err);
}

static enum fg_code make_forms(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    enum fg_code code = FG_OK;
    for (int f = 0; f < GATHER_FORMS && code == FG_OK && statement->forms[f].text == NULL; f++)
        code = repeat_row(sql, form_rows[f], &statement->forms[f].text, err);
    if (code == FG_OK && statement->cells == NULL) {
        statement->cells = fg_alloc((size_t)GATHER_ROWS * FG_SQL_PARAMETER_MAX, sizeof *statement->cells);
        code = statement->cells == NULL ? fg_fail_memory(err) : FG_OK;
    }
    return code;
}

/* Rows whose values have other types than those before them begin anew. */
static enum fg_code follow_types(struct fg_sql *sql, struct fg_error *err)
{
    struct statement *statement = sql->handle;
    bool same = true;
    for (int i = 0; i < sql->parameter_count; i++) {
        Oid type = type_of(&sql->values[i]);
        same = same && (type == 0 || type == statement->types[i]);
    }
    if (same)
        return FG_OK;
    enum fg_code code = send_gathered(sql, err);
    statement->prepared = false;
    for (int f = 0; f < GATHER_FORMS; f++)
        statement->forms[f].prepared = false;
    return code;
}

static enum fg_code gather(struct fg_sql *sql, struct fg_error *err)
{
    struct connection *connection = connection_of(sql->store);
    struct statement *statement = sql->handle;
    enum fg_code code = check_sizes(sql, err);
    if (code == FG_OK)
        code = make_forms(sql, err);
    if (code == FG_OK && statement->forms[0].text == NULL)
        return queue(sql, err);
    if (code == FG_OK)
        code = follow_types(sql, err);
    if (code == FG_OK && !statement->is_listed && connection->gathering_count == GATHER_STATEMENTS)
        code = send_first(connection, err);
    if (code != FG_OK)
        return code;
    struct parameters parameters;
    encode(sql, &parameters);
    for (int i = 0; i < sql->parameter_count; i++) {
        bool is_null = parameters.values[i] == NULL;
        statement->cells[statement->gathered * sql->parameter_count + i] =
            (struct cell){statement->bytes.length, is_null ? -1 : parameters.lengths[i]};
        if (!is_null)
            fg_text_append(&statement->bytes, parameters.values[i], (size_t)parameters.lengths[i]);
    }
    if (statement->bytes.failed)
        return fg_fail_memory(err);
    statement->gathered++;
    if (!statement->is_listed)
        connection->gathering[connection->gathering_count++] = sql;
    statement->is_listed = true;
    return statement->gathered == GATHER_ROWS ? send_gathered(sql, err) : FG_OK;
}

static int64_t changes(struct fg_sql *sql)
{
    const struct statement *statement = sql->handle;
    return sql->only_reads ? 0 : strtoll(PQcmdTuples(statement->result), NULL, 10);
}

static void reset(struct fg_sql *sql)
{
    struct statement *statement = sql->handle;
    PQclear(statement->result);
    statement->result = NULL;
}

static int column_count(const struct fg_sql *sql)
{
    const struct statement *statement = sql->handle;
    return PQnfields(statement->result);
}

static uint16_t read16(const char *bytes)
{
    uint16_t raw;
    memcpy(&raw, bytes, sizeof raw);
    return be16toh(raw);
}

static uint32_t read32(const char *bytes)
{
    uint32_t raw;
    memcpy(&raw, bytes, sizeof raw);
    return be32toh(raw);
}

static uint64_t read64(const char *bytes)
{
    uint64_t raw;
    memcpy(&raw, bytes, sizeof raw);
    return be64toh(raw);
}

/* numeric: counts of base-10000 digits, weight of the first, sign, decimal places, digits. What sum() of integers gives: an
 * int64 when it is a whole number that fits, else a double. */
static struct fg_value decode_numeric(const char *bytes)
{
    int count = read16(bytes), weight = (int16_t)read16(bytes + 2);
    if (read16(bytes + 4) > 0x4000) /* not a number, infinities */
        return (struct fg_value){.kind = FG_VALUE_DOUBLE, .number.d = NAN};
    bool negative = read16(bytes + 4) == 0x4000;
    double value = 0.0;
    int64_t whole = 0;
    bool fits = true;
    for (int i = 0; i < count || i <= weight; i++) {
        int digit = i < count ? read16(bytes + 8 + 2 * i) : 0;
        double scale = 1.0;
        for (int p = weight - i; p > 0; p--)
            scale *= 10000.0;
        for (int p = weight - i; p < 0; p++)
            scale /= 10000.0;
        value += digit * scale;
        if (i > weight)
            fits = fits && digit == 0;
        else
            fits = fits && !__builtin_mul_overflow(whole, 10000, &whole) &&
                   !(negative ? __builtin_sub_overflow(whole, digit, &whole) : __builtin_add_overflow(whole, digit, &whole));
    }
    if (fits)
        return (struct fg_value){.kind = FG_VALUE_INT64, .number.i = whole};
    return (struct fg_value){.kind = FG_VALUE_DOUBLE, .number.d = negative ? -value : value};
}

static struct fg_value decode(Oid type, const char *bytes, size_t size)
{
    struct fg_value value = {.kind = FG_VALUE_INT64, .bytes = bytes, .size = size};
    switch (type) {
    case OID_INT8: value.number.i = (int64_t)read64(bytes); break;
    case OID_INT4: value.number.i = (int32_t)read32(bytes); break;
    case OID_OID: value.number.i = read32(bytes); break;
    case OID_INT2: value.number.i = (int16_t)read16(bytes); break;
    case OID_BOOL: value.number.i = bytes[0] != 0; break;
    case OID_NUMERIC: return decode_numeric(bytes);
    case OID_FLOAT8: {
        uint64_t bits = read64(bytes);
        value.kind = FG_VALUE_DOUBLE;
        memcpy(&value.number.d, &bits, sizeof bits);
        break;
    }
    case OID_FLOAT4: {
        uint32_t bits = read32(bytes);
        float number;
        memcpy(&number, &bits, sizeof bits);
        value.kind = FG_VALUE_DOUBLE;
        value.number.d = (double)number;
        break;
    }
    case OID_BYTEA: value.kind = FG_VALUE_BLOB; break;
    default: value.kind = FG_VALUE_TEXT; break;
    }
    return value;
}

static struct fg_value column(const struct fg_sql *sql, int number)
{
    const struct statement *statement = sql->handle;
    if (PQgetisnull(statement->result, statement->row, number))
        return (struct fg_value){.kind = FG_VALUE_NULL};
    return decode(PQftype(statement->result, number), PQgetvalue(statement->result, statement->row, number),
                  (size_t)PQgetlength(statement->result, statement->row, number));
}

/* clock_timestamp() moves on inside a transaction, now() does not. */
static enum fg_code read_clock(struct fg_store *store, int64_t *unix_us, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(store, "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS BIGINT)", &sql, err);
    if (code != FG_OK || (code = fg_sql_one(sql, err)) != FG_OK)
        return code;
    *unix_us = fg_sql_column_int64(sql, 0);
    fg_sql_done(sql);
    return FG_OK;
}

const struct fg_backend fg_backend_postgresql = {
    .kind = FG_STORE_POSTGRESQL, .open = open_store, .close = close_store, .settle = settle, .clock = read_clock,
    .begin = begin, .commit = commit, .rollback = rollback, .execute = execute, .prepare = prepare,
    .unprepare = unprepare, .step = step, .queue = queue, .gather = gather, .changes = changes, .reset = reset, .column = column,
    .column_count = column_count,
};
