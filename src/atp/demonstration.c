#include "atp/demonstration.h"

#include "atp/query.h"

struct begin {
    int64_t day, seed;
};

static enum fg_code read_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    struct fg_demonstration *out = context;
    struct fg_sql *sql;
    *out = (struct fg_demonstration){0};
    enum fg_code code = fg_query_one(store, &sql, err, "SELECT is_complete, day, seed FROM demonstration WHERE id = 1", "");
    if (code != FG_OK)
        return code == FG_ERR_NOT_FOUND ? FG_OK : code;
    *out = (struct fg_demonstration){.is_marked = true, .is_complete = fg_sql_column_int64(sql, 0) != 0,
                                     .day = fg_sql_column_int64(sql, 1), .seed = fg_sql_column_int64(sql, 2)};
    fg_sql_done(sql);
    return FG_OK;
}

enum fg_code fg_demonstration_read(struct fg_platform *platform, struct fg_demonstration *demonstration, struct fg_error *err)
{
    return fg_platform_run(platform, FG_STORE_READ, read_work, demonstration, err);
}

static enum fg_code begin_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    const struct begin *begin = context;
    int64_t count = 0;
    enum fg_code code = fg_query_number(
        store, &count, err, "SELECT (SELECT count(*) FROM organisation) + (SELECT count(*) FROM demonstration)", "");
    if (code == FG_OK && count > 0)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "somebody takes part in this database already; a demonstration needs an empty one");
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "INSERT INTO demonstration (id, day, seed, made_us, is_complete) VALUES (1, $1, $2, $3, 0)", "iii",
                         begin->day, begin->seed, fg_platform_now_us(platform));
    return code;
}

enum fg_code fg_demonstration_begin(struct fg_platform *platform, int64_t day, int64_t seed, struct fg_error *err)
{
    struct begin begin = {day, seed};
    return fg_platform_run(platform, FG_STORE_WRITE, begin_work, &begin, err);
}

static enum fg_code complete_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    (void)context;
    int64_t changes = 0;
    enum fg_code code = fg_change(store, &changes, err, "UPDATE demonstration SET is_complete = 1 WHERE id = 1", "");
    return code == FG_OK && changes == 0 ? fg_fail(err, FG_ERR_CONFLICT, NULL, "this is no demonstration's database") : code;
}

enum fg_code fg_demonstration_complete(struct fg_platform *platform, struct fg_error *err)
{
    return fg_platform_run(platform, FG_STORE_WRITE, complete_work, NULL, err);
}
