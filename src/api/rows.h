/* Answers that are rows of a SELECT, their columns as members. Thread rule: call.h. */
#ifndef FG_API_ROWS_H
#define FG_API_ROWS_H

#include "api/registry_call.h"

/* Columns of a SELECT as members, in order. */
enum fg_column_kind {
    FG_COLUMN_TEXT,
    FG_COLUMN_ID,
    FG_COLUMN_COUNT,
    FG_COLUMN_BOOLEAN,
    FG_COLUMN_INSTANT, /* microseconds */
    FG_COLUMN_SECONDS, /* seconds */
    FG_COLUMN_DAY,
    FG_COLUMN_MICRO,   /* millionths: money, prices, shares, W as MW */
    FG_COLUMN_ENERGY,  /* Ws as MWh */
    FG_COLUMN_WORD,    /* index of `words` */
    FG_COLUMN_CENTS    /* in the smallest unit; the column after it has its decimals and is no member */
};
struct fg_column {
    const char *name; /* NULL ends the list */
    enum fg_column_kind kind;
    enum fg_id_kind id;
    const char *const *words;
};

/* A page (FG_OP_PAGED) of rows. Parameters of the statement: $1 organisation acted for, $2 1 for who sees all, else 0,
 * $3 after this key, $4 at most so many, $5 `parent`; its first column is the key, ascending, and no member. */
enum fg_code fg_rows_page(struct fg_call *call, struct fg_registry *registry, const char *text, const struct fg_column *columns,
                          int64_t parent, struct fg_error *err);
/* The one row of such a statement, whose `$5` is the object's number; FG_ERR_NOT_FOUND. */
enum fg_code fg_rows_one(struct fg_call *call, struct fg_registry *registry, const char *text, const struct fg_column *columns,
                         int64_t id, struct fg_error *err);

/* A page that a handler writes row by row, of a statement that was given the limit and one more:
 *     struct fg_page page = fg_page_begin(call);
 *     while (fg_page_next(&page, sql, 0, &code, err))
 *         put_order(page.out, sql);
 *     fg_page_end(&page);
 * The position of the next page is the key of its last row, in column `key`. Nothing is read when *code is a failure. */
struct fg_page {
    struct fg_call *call;
    struct fg_json_writer *out;
    int64_t limit, count, last;
    bool has_more;
};
struct fg_page fg_page_begin(struct fg_call *call);
bool fg_page_next(struct fg_page *page, struct fg_sql *sql, int key, enum fg_code *code, struct fg_error *err);
void fg_page_end(struct fg_page *page);

/* An operation that lists rows and does nothing else: its `rows`, with fg_rows_list for a handler. */
struct fg_rows {
    const char *text;
    const struct fg_column *columns;
    const char *parent; /* path parameter whose number is $5; NULL: $5 is 0 */
    enum fg_id_kind parent_kind;
};
enum fg_code fg_rows_list(struct fg_call *call, struct fg_error *err);

#endif
