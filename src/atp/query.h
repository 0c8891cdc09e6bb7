/* Statements in one line: prepare, bind, run.
 *
 *     fg_change(store, NULL, err, "UPDATE area SET name = $2 WHERE id = $1", "it", id, name);
 *
 * `types` has one letter for each parameter, in order:
 *   i  int64_t                      o  int64_t, 0 binds null
 *   t  const char *, NULL: null     b  const void *, size_t
 *   d  double
 * Bytes must stay until the statement has run. Thread rule: that of the connection. */
#ifndef FG_ATP_QUERY_H
#define FG_ATP_QUERY_H

#include "store/store.h"

/* Rows are then read with fg_sql_next. */
enum fg_code fg_query(struct fg_store *store, struct fg_sql **sql, struct fg_error *err, const char *text,
                      const char *types, ...);
/* The one row, FG_ERR_NOT_FOUND without; then fg_sql_done. */
enum fg_code fg_query_one(struct fg_store *store, struct fg_sql **sql, struct fg_error *err, const char *text,
                          const char *types, ...);
/* First column of the first row; FG_ERR_NOT_FOUND when there is none. A null is 0. */
enum fg_code fg_query_number(struct fg_store *store, int64_t *number, struct fg_error *err, const char *text,
                             const char *types, ...);
/* Run to the end; `changes` may be NULL. */
enum fg_code fg_change(struct fg_store *store, int64_t *changes, struct fg_error *err, const char *text, const char *types,
                       ...);

#endif
