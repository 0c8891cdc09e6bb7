/* What a back end provides to store.c, and the two structures they share. Not for use outside src/store. */
#ifndef FG_STORE_BACKEND_H
#define FG_STORE_BACKEND_H

#include "base/text.h"
#include "store/store.h"

enum fg_value_kind { FG_VALUE_NULL, FG_VALUE_INT64, FG_VALUE_DOUBLE, FG_VALUE_TEXT, FG_VALUE_BLOB };

struct fg_value {
    enum fg_value_kind kind;
    union {
        int64_t i;
        double d;
    } number;
    const void *bytes; /* text: NUL-terminated when read from a column */
    size_t size;
};

enum fg_transaction { FG_TRANSACTION_NONE, FG_TRANSACTION_OPEN, FG_TRANSACTION_FAILED };

/* FG_STORE_READ and FG_STORE_WRITE, and a write transaction whose writer is alone by a lock it takes itself. */
enum { FG_STORE_LOCKED = FG_STORE_WRITE + 1 };

struct fg_sql {
    struct fg_store *store;
    char *text;
    bool active;      /* rows are being read */
    bool has_row;
    bool only_reads;  /* by its text */
    int parameter_count;
    int bad_parameter; /* number of the first parameter that cannot be bound; 0: none */
    const char *bad_reason;
    struct fg_value values[FG_SQL_PARAMETER_MAX];
    void *handle; /* the back end's */
};

struct fg_store {
    const struct fg_backend *backend;
    void *handle; /* the back end's connection; NULL after it was lost for good */
    char *url, *name;
    struct fg_store_options options;
    char *vfs;
    bool lost; /* only close and reconnect are possible */
    enum fg_transaction transaction;
    int mode; /* of the open transaction */
    struct fg_constraint_info constraint;
    struct fg_sql **statements;
    size_t statement_count, statement_capacity;
    struct fg_codec *codec; /* NULL until first used */
};

/* The connection's work space for compression; FG_ERR_MEMORY. */
enum fg_code fg_store_codec(struct fg_store *store, struct fg_codec **codec, struct fg_error *err);

struct fg_backend {
    enum fg_store_kind kind;
    enum fg_code (*open)(struct fg_store *store, struct fg_error *err);
    void (*close)(struct fg_store *store);
    /* After `open` of a second connection: make the outcome of the first one's last commit final. */
    enum fg_code (*settle)(struct fg_store *store, struct fg_error *err);
    enum fg_code (*clock)(struct fg_store *store, int64_t *unix_us, struct fg_error *err);
    enum fg_code (*begin)(struct fg_store *store, int mode, struct fg_error *err);
    enum fg_code (*commit)(struct fg_store *store, struct fg_error *err); /* FG_ERR_OUTCOME when it cannot be told */
    void (*rollback)(struct fg_store *store);
    enum fg_code (*execute)(struct fg_store *store, const char *text, struct fg_error *err);
    enum fg_code (*prepare)(struct fg_sql *sql, struct fg_error *err);
    void (*unprepare)(struct fg_sql *sql);
    enum fg_code (*step)(struct fg_sql *sql, bool *row, struct fg_error *err); /* the first one runs the statement */
    enum fg_code (*queue)(struct fg_sql *sql, struct fg_error *err);
    enum fg_code (*gather)(struct fg_sql *sql, struct fg_error *err);
    int64_t (*changes)(struct fg_sql *sql); /* of a statement that has ended, before reset */
    void (*reset)(struct fg_sql *sql);
    struct fg_value (*column)(const struct fg_sql *sql, int column);
    int (*column_count)(const struct fg_sql *sql);
};

extern const struct fg_backend fg_backend_sqlite, fg_backend_postgresql;

/* The transaction can only be rolled back from here on. */
void fg_store_mark_failed(struct fg_store *store);

/* Read `text` once, outside quotes and comments: the highest $number, or 0; -1 for $0 or one beyond the maximum. */
int fg_sql_count_parameters(const char *text);

/* Whether no changing verb stands outside quotes and comments. */
bool fg_sql_only_reads(const char *text);

#endif
