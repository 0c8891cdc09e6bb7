/* The part of a connection that is the same for both back ends: URLs, the cache of statements, the state of the
 * transaction, checks of bound values. */
#include "store/store.h"

#include "base/memory.h"
#include "store/backend.h"
#include "store/migrate.h"
#include "store/series_codec.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STATEMENT_MAX 1000 /* more texts than any program has; a guard against texts made with values inside */

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fg_alloc(size, 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* ---- Opening --------------------------------------------------------------------------------------------------------*/

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The URL without what stands between "user:" and "@", and without a password parameter. */
static char *name_of(const char *url)
{
    char *name = copy_text(url);
    if (name == NULL || !begins_with(url, "postgres"))
        return name;
    char *authority = strstr(name, "://");
    if (authority == NULL)
        return name;
    authority += 3;
    size_t length = strcspn(authority, "/?");
    char *at = memchr(authority, '@', length);
    char *colon = at != NULL ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon != NULL)
        memmove(colon, at, strlen(at) + 1);
    char *password;
    while ((password = strstr(name, "password=")) != NULL) {
        size_t cut = strcspn(password, "&");
        memmove(password, password + cut + (password[cut] == '&'), strlen(password + cut + (password[cut] == '&')) + 1);
    }
    return name;
}

static enum fg_code choose_backend(const char *url, const struct fg_backend **backend, struct fg_error *err)
{
    if (begins_with(url, "postgresql://") || begins_with(url, "postgres://")) {
        *backend = &fg_backend_postgresql;
        return FG_OK;
    }
    if (url[0] == '\0' || strcmp(url, "sqlite:") == 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL,
                       "no database is named; give a data folder, sqlite:FOLDER or postgresql://HOST/DATABASE");
    if (strstr(url, "://") != NULL && !begins_with(url, "sqlite:"))
        return fg_fail(err, FG_ERR_ARGUMENT, url,
                       "not a database URL; give a data folder, sqlite:FOLDER or postgresql://HOST/DATABASE");
    *backend = &fg_backend_sqlite;
    return FG_OK;
}

enum fg_code fg_store_open(const char *url, const struct fg_store_options *options, struct fg_store **out,
                           struct fg_error *err)
{
    *out = NULL;
    const struct fg_backend *backend = NULL;
    enum fg_code code = choose_backend(url, &backend, err);
    if (code != FG_OK)
        return code;
    struct fg_store *store = fg_alloc(1, sizeof *store);
    if (store == NULL)
        return fg_fail_memory(err);
    store->backend = backend;
    if (options != NULL)
        store->options = *options;
    if (store->options.busy_timeout_ms <= 0)
        store->options.busy_timeout_ms = 5000;
    if (store->options.statement_timeout_ms <= 0)
        store->options.statement_timeout_ms = 60000;
    store->url = copy_text(url);
    store->name = name_of(url);
    bool no_memory = store->url == NULL || store->name == NULL;
    if (store->options.sqlite_vfs != NULL) {
        store->vfs = copy_text(store->options.sqlite_vfs);
        no_memory = no_memory || store->vfs == NULL;
        store->options.sqlite_vfs = store->vfs;
    }
    code = no_memory ? fg_fail_memory(err) : backend->open(store, err);
    if (code == FG_OK && !store->options.any_version)
        code = store->options.migrate ? fg_migrate_run(store, err) : fg_migrate_check(store, err);
    if (code != FG_OK) {
        fg_store_close(store);
        return code;
    }
    *out = store;
    return FG_OK;
}

static void drop_statements(struct fg_store *store)
{
    for (size_t i = 0; i < store->statement_count; i++) {
        struct fg_sql *sql = store->statements[i];
        store->backend->unprepare(sql);
        fg_free(sql->text);
        fg_free(sql);
    }
    store->statement_count = 0;
}

void fg_store_close(struct fg_store *store)
{
    if (store == NULL)
        return;
    drop_statements(store);
    store->backend->close(store);
    fg_codec_destroy(store->codec);
    fg_free(store->statements);
    fg_free(store->url);
    fg_free(store->name);
    fg_free(store->vfs);
    fg_free(store);
}

enum fg_code fg_store_reconnect(struct fg_store *store, struct fg_error *err)
{
    drop_statements(store);
    store->transaction = FG_TRANSACTION_NONE;
    store->lost = true;
    enum fg_code code = store->backend->settle(store, err);
    if (code != FG_OK)
        return code;
    store->lost = false;
    return FG_OK;
}

enum fg_store_kind fg_store_kind_of(const struct fg_store *store)
{
    return store->backend->kind;
}

const char *fg_store_name(const struct fg_store *store)
{
    return store->name;
}

struct fg_constraint_info fg_store_constraint(const struct fg_store *store)
{
    return store->constraint;
}

enum fg_code fg_store_codec(struct fg_store *store, struct fg_codec **codec, struct fg_error *err)
{
    if (store->codec == NULL)
        store->codec = fg_codec_create();
    *codec = store->codec;
    return store->codec != NULL ? FG_OK : fg_fail_memory(err);
}

/* ---- Transactions ---------------------------------------------------------------------------------------------------*/

static enum fg_code check_usable(const struct fg_store *store, struct fg_error *err)
{
    if (store->lost)
        return fg_fail(err, FG_ERR_UNAVAILABLE, store->name, "the connection is lost; reconnect before it is used again");
    if (store->transaction == FG_TRANSACTION_FAILED)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name,
                       "the transaction has failed before; roll it back and repeat it from its beginning");
    return FG_OK;
}

void fg_store_mark_failed(struct fg_store *store)
{
    if (store->transaction == FG_TRANSACTION_OPEN)
        store->transaction = FG_TRANSACTION_FAILED;
}

enum fg_code fg_store_clock(struct fg_store *store, int64_t *unix_us, struct fg_error *err)
{
    enum fg_code code = check_usable(store, err);
    return code == FG_OK ? store->backend->clock(store, unix_us, err) : code;
}

enum fg_code fg_store_begin(struct fg_store *store, enum fg_store_mode mode, struct fg_error *err)
{
    if (store->transaction != FG_TRANSACTION_NONE)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "a transaction is open already; commit or roll it back first");
    enum fg_code code = check_usable(store, err);
    if (code == FG_OK && (int)mode != FG_STORE_READ && store->options.read_only)
        code = fg_fail(err, FG_ERR_ARGUMENT, store->name, "the database was opened for reading; open it for writing");
    if (code == FG_OK)
        code = store->backend->begin(store, (int)mode, err);
    if (code != FG_OK)
        return code;
    store->transaction = FG_TRANSACTION_OPEN;
    store->mode = (int)mode;
    return FG_OK;
}

enum fg_code fg_store_commit(struct fg_store *store, struct fg_error *err)
{
    if (store->transaction == FG_TRANSACTION_NONE)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "no transaction is open");
    enum fg_code code = check_usable(store, err);
    if (code == FG_OK) {
        for (size_t i = 0; i < store->statement_count; i++)
            fg_sql_done(store->statements[i]);
        code = store->backend->commit(store, err);
    }
    if (code == FG_ERR_OUTCOME)
        store->lost = true;
    else if (code != FG_OK)
        fg_store_rollback(store);
    store->transaction = FG_TRANSACTION_NONE;
    return code;
}

void fg_store_rollback(struct fg_store *store)
{
    if (store->transaction == FG_TRANSACTION_NONE)
        return;
    for (size_t i = 0; i < store->statement_count; i++)
        fg_sql_done(store->statements[i]);
    if (!store->lost)
        store->backend->rollback(store);
    store->transaction = FG_TRANSACTION_NONE;
}

bool fg_store_in_transaction(const struct fg_store *store)
{
    return store->transaction != FG_TRANSACTION_NONE;
}

enum fg_code fg_store_execute(struct fg_store *store, const char *text, struct fg_error *err)
{
    enum fg_code code = check_usable(store, err);
    if (code == FG_OK && (code = store->backend->execute(store, text, err)) != FG_OK)
        fg_store_mark_failed(store);
    return code;
}

/* ---- Statements -----------------------------------------------------------------------------------------------------*/

/* Skip a quoted text, a quoted name or a comment that begins at `p`; NULL when none does. */
static const char *skip_quoted(const char *p)
{
    if (*p == '\'' || *p == '"') {
        const char *end = strchr(p + 1, *p);
        return end != NULL ? end + 1 : p + strlen(p);
    }
    if (p[0] == '-' && p[1] == '-')
        return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        return end != NULL ? end + 2 : p + strlen(p);
    }
    return NULL;
}

int fg_sql_count_parameters(const char *text)
{
    int highest = 0;
    for (const char *p = text; *p != '\0';) {
        const char *after = skip_quoted(p);
        if (after != NULL) {
            p = after;
        } else if (*p == '$' && isdigit((unsigned char)p[1])) {
            int number = 0;
            for (p++; isdigit((unsigned char)*p); p++)
                number = number > FG_SQL_PARAMETER_MAX ? number : number * 10 + (*p - '0');
            if (number < 1 || number > FG_SQL_PARAMETER_MAX)
                return -1;
            highest = number > highest ? number : highest;
        } else {
            p++;
        }
    }
    return highest;
}

bool fg_sql_only_reads(const char *text)
{
    static const char *const verbs[] = {"INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK"};
    for (const char *p = text; *p != '\0';) {
        const char *after = skip_quoted(p);
        if (after != NULL) {
            p = after;
            continue;
        }
        if (!isalpha((unsigned char)*p)) {
            p++;
            continue;
        }
        size_t length = 0;
        while (isalnum((unsigned char)p[length]) || p[length] == '_')
            length++;
        for (size_t v = 0; v < sizeof verbs / sizeof verbs[0]; v++)
            if (length == strlen(verbs[v]) && strncasecmp(p, verbs[v], length) == 0)
                return false;
        p += length;
    }
    return true;
}

static struct fg_sql *find_statement(const struct fg_store *store, const char *text)
{
    for (size_t i = 0; i < store->statement_count; i++) {
        struct fg_sql *sql = store->statements[i];
        if (!sql->active && strcmp(sql->text, text) == 0) {
            /* Texts in use often move to the front, so that the search stays short. */
            if (i > 0) {
                store->statements[i] = store->statements[i / 2];
                store->statements[i / 2] = sql;
            }
            return sql;
        }
    }
    return NULL;
}

static enum fg_code add_statement(struct fg_store *store, const char *text, struct fg_sql **out, struct fg_error *err)
{
    int parameter_count = fg_sql_count_parameters(text);
    if (parameter_count < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "parameters are $1 to $%d: %s", FG_SQL_PARAMETER_MAX, text);
    if (store->statement_count >= STATEMENT_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, store->name,
                       "more than %d different statements; bind values as parameters: %s", STATEMENT_MAX, text);
    if (fg_grow((void **)&store->statements, store->statement_count, &store->statement_capacity,
                sizeof(struct fg_sql *)))
        return fg_fail_memory(err);
    struct fg_sql *sql = fg_alloc(1, sizeof *sql);
    char *copy = copy_text(text);
    if (sql == NULL || copy == NULL) {
        fg_free(sql);
        fg_free(copy);
        return fg_fail_memory(err);
    }
    sql->store = store;
    sql->text = copy;
    sql->parameter_count = parameter_count;
    sql->only_reads = fg_sql_only_reads(text);
    enum fg_code code = store->backend->prepare(sql, err);
    if (code != FG_OK) {
        fg_free(sql->text);
        fg_free(sql);
        fg_store_mark_failed(store);
        return code;
    }
    store->statements[store->statement_count++] = sql;
    *out = sql;
    return FG_OK;
}

enum fg_code fg_sql_prepare(struct fg_store *store, const char *text, struct fg_sql **out, struct fg_error *err)
{
    *out = NULL;
    enum fg_code code = check_usable(store, err);
    if (code != FG_OK)
        return code;
    struct fg_sql *sql = find_statement(store, text);
    if (sql == NULL && (code = add_statement(store, text, &sql, err)) != FG_OK)
        return code;
    sql->bad_parameter = 0;
    for (int i = 0; i < sql->parameter_count; i++)
        sql->values[i].kind = FG_VALUE_NULL;
    *out = sql;
    return FG_OK;
}

static void bad_parameter(struct fg_sql *sql, int number, const char *reason)
{
    if (sql->bad_parameter == 0) {
        sql->bad_parameter = number == 0 ? -1 : number;
        sql->bad_reason = reason;
    }
}

static struct fg_value *parameter(struct fg_sql *sql, int number)
{
    if (number >= 1 && number <= sql->parameter_count)
        return &sql->values[number - 1];
    bad_parameter(sql, number, "the statement has no such parameter");
    return NULL;
}

void fg_sql_int64(struct fg_sql *sql, int number, int64_t value)
{
    struct fg_value *slot = parameter(sql, number);
    if (slot != NULL)
        *slot = (struct fg_value){.kind = FG_VALUE_INT64, .number.i = value};
}

void fg_sql_double(struct fg_sql *sql, int number, double value)
{
    struct fg_value *slot = parameter(sql, number);
    if (slot == NULL)
        return;
    if (isnan(value))
        bad_parameter(sql, number, "not a number (NaN); bind null for a missing value");
    else
        *slot = (struct fg_value){.kind = FG_VALUE_DOUBLE, .number.d = value};
}

void fg_sql_text_n(struct fg_sql *sql, int number, const char *text, size_t length)
{
    struct fg_value *slot = parameter(sql, number);
    if (slot == NULL || text == NULL)
        return;
    if (memchr(text, '\0', length) != NULL)
        bad_parameter(sql, number, "a text must not contain NUL bytes");
    else if (fg_utf8_valid_length(text, length) != length)
        bad_parameter(sql, number, "the text is not valid UTF-8");
    else
        *slot = (struct fg_value){.kind = FG_VALUE_TEXT, .bytes = text, .size = length};
}

void fg_sql_text(struct fg_sql *sql, int number, const char *text)
{
    fg_sql_text_n(sql, number, text, text != NULL ? strlen(text) : 0);
}

void fg_sql_blob(struct fg_sql *sql, int number, const void *bytes, size_t size_bytes)
{
    struct fg_value *slot = parameter(sql, number);
    if (slot != NULL && bytes != NULL)
        *slot = (struct fg_value){.kind = FG_VALUE_BLOB, .bytes = bytes, .size = size_bytes};
}

void fg_sql_null(struct fg_sql *sql, int number)
{
    struct fg_value *slot = parameter(sql, number);
    if (slot != NULL)
        slot->kind = FG_VALUE_NULL;
}

/* May the statement run now, with what is bound? */
static enum fg_code check_run(struct fg_sql *sql, struct fg_error *err)
{
    enum fg_code code = check_usable(sql->store, err);
    if (code != FG_OK)
        return code;
    if (sql->bad_parameter != 0)
        return fg_fail(err, FG_ERR_VALUE, sql->store->name, "parameter $%d: %s; in: %s",
                       sql->bad_parameter < 0 ? 0 : sql->bad_parameter, sql->bad_reason, sql->text);
    return FG_OK;
}

enum fg_code fg_sql_next(struct fg_sql *sql, bool *row, struct fg_error *err)
{
    *row = false;
    enum fg_code code = sql->active ? check_usable(sql->store, err) : check_run(sql, err);
    if (code == FG_OK && sql->store->transaction == FG_TRANSACTION_NONE && !sql->only_reads)
        /* It would be committed at an unspecified moment, and a failure then would be unseen. */
        code = fg_fail(err, FG_ERR_ARGUMENT, sql->store->name,
                       "a statement that writes and returns rows needs a transaction: %s", sql->text);
    if (code != FG_OK)
        return code;
    sql->active = true;
    code = sql->store->backend->step(sql, &sql->has_row, err);
    if (code != FG_OK) {
        fg_sql_done(sql);
        fg_store_mark_failed(sql->store);
        return code;
    }
    *row = sql->has_row;
    if (!sql->has_row)
        fg_sql_done(sql);
    return FG_OK;
}

enum fg_code fg_sql_run(struct fg_sql *sql, int64_t *changes, struct fg_error *err)
{
    if (changes != NULL)
        *changes = 0;
    enum fg_code code = check_run(sql, err);
    if (code != FG_OK)
        return code;
    sql->active = true;
    bool row = true;
    while (code == FG_OK && row)
        code = sql->store->backend->step(sql, &row, err);
    if (code == FG_OK && changes != NULL)
        *changes = sql->store->backend->changes(sql);
    fg_sql_done(sql);
    if (code != FG_OK)
        fg_store_mark_failed(sql->store);
    return code;
}

static enum fg_code send_later(struct fg_sql *sql, enum fg_code (*send)(struct fg_sql *, struct fg_error *),
                               struct fg_error *err)
{
    if (sql->store->transaction != FG_TRANSACTION_OPEN || sql->store->mode == FG_STORE_READ)
        return fg_sql_run(sql, NULL, err);
    enum fg_code code = check_run(sql, err);
    if (code != FG_OK)
        return code;
    code = send(sql, err);
    if (code != FG_OK)
        fg_store_mark_failed(sql->store);
    return code;
}

enum fg_code fg_sql_queue(struct fg_sql *sql, struct fg_error *err)
{
    return send_later(sql, sql->store->backend->queue, err);
}

enum fg_code fg_sql_gather(struct fg_sql *sql, struct fg_error *err)
{
    return send_later(sql, sql->store->backend->gather, err);
}

void fg_sql_done(struct fg_sql *sql)
{
    if (!sql->active)
        return;
    sql->store->backend->reset(sql);
    sql->active = false;
    sql->has_row = false;
}

enum fg_code fg_sql_one(struct fg_sql *sql, struct fg_error *err)
{
    bool row;
    enum fg_code code = fg_sql_next(sql, &row, err);
    if (code == FG_OK && !row)
        return fg_fail(err, FG_ERR_NOT_FOUND, sql->store->name, "no such row");
    return code;
}

static struct fg_value column_of(const struct fg_sql *sql, int column)
{
    assert(sql->has_row && column >= 0 && column < sql->store->backend->column_count(sql));
    return sql->store->backend->column(sql, column);
}

bool fg_sql_column_is_null(const struct fg_sql *sql, int column)
{
    return column_of(sql, column).kind == FG_VALUE_NULL;
}

int64_t fg_sql_column_int64(const struct fg_sql *sql, int column)
{
    struct fg_value value = column_of(sql, column);
    if (value.kind == FG_VALUE_NULL)
        return 0;
    assert(value.kind == FG_VALUE_INT64);
    return value.number.i;
}

double fg_sql_column_double(const struct fg_sql *sql, int column)
{
    struct fg_value value = column_of(sql, column);
    if (value.kind == FG_VALUE_NULL)
        return 0.0;
    if (value.kind == FG_VALUE_INT64)
        return (double)value.number.i;
    assert(value.kind == FG_VALUE_DOUBLE);
    return value.number.d;
}

const char *fg_sql_column_text(const struct fg_sql *sql, int column)
{
    struct fg_value value = column_of(sql, column);
    if (value.kind == FG_VALUE_NULL)
        return NULL;
    assert(value.kind == FG_VALUE_TEXT);
    return value.bytes;
}

const void *fg_sql_column_blob(const struct fg_sql *sql, int column, size_t *size_bytes)
{
    struct fg_value value = column_of(sql, column);
    assert(value.kind == FG_VALUE_BLOB || value.kind == FG_VALUE_NULL);
    *size_bytes = value.kind == FG_VALUE_BLOB ? value.size : 0;
    return value.kind == FG_VALUE_BLOB ? value.bytes : NULL;
}
