#include "atp/query.h"

#include <stdarg.h>

static enum fg_code prepare(struct fg_store *store, struct fg_sql **sql, struct fg_error *err, const char *text,
                            const char *types, va_list values)
{
    enum fg_code code = fg_sql_prepare(store, text, sql, err);
    for (int number = 1; code == FG_OK && *types != '\0'; types++, number++) {
        if (*types == 'i') {
            fg_sql_int64(*sql, number, va_arg(values, int64_t));
        } else if (*types == 'o') {
            int64_t value = va_arg(values, int64_t);
            if (value != 0)
                fg_sql_int64(*sql, number, value);
        } else if (*types == 't') {
            fg_sql_text(*sql, number, va_arg(values, const char *));
        } else if (*types == 'd') {
            fg_sql_double(*sql, number, va_arg(values, double));
        } else {
            const void *bytes = va_arg(values, const void *);
            fg_sql_blob(*sql, number, bytes, va_arg(values, size_t));
        }
    }
    return code;
}

enum fg_code fg_query(struct fg_store *store, struct fg_sql **sql, struct fg_error *err, const char *text,
                      const char *types, ...)
{
    va_list values;
    va_start(values, types);
    enum fg_code code = prepare(store, sql, err, text, types, values);
    va_end(values);
    return code;
}

enum fg_code fg_query_one(struct fg_store *store, struct fg_sql **sql, struct fg_error *err, const char *text,
                          const char *types, ...)
{
    va_list values;
    va_start(values, types);
    enum fg_code code = prepare(store, sql, err, text, types, values);
    va_end(values);
    return code == FG_OK ? fg_sql_one(*sql, err) : code;
}

enum fg_code fg_query_number(struct fg_store *store, int64_t *number, struct fg_error *err, const char *text,
                             const char *types, ...)
{
    struct fg_sql *sql;
    va_list values;
    va_start(values, types);
    enum fg_code code = prepare(store, &sql, err, text, types, values);
    va_end(values);
    if (code == FG_OK && (code = fg_sql_one(sql, err)) == FG_OK) {
        *number = fg_sql_column_int64(sql, 0);
        fg_sql_done(sql);
    }
    return code;
}

enum fg_code fg_change(struct fg_store *store, int64_t *changes, struct fg_error *err, const char *text, const char *types,
                       ...)
{
    struct fg_sql *sql;
    va_list values;
    va_start(values, types);
    enum fg_code code = prepare(store, &sql, err, text, types, values);
    va_end(values);
    return code == FG_OK ? fg_sql_run(sql, changes, err) : code;
}
