#include "store/lease.h"

#include "store/backend.h"

#include <stdio.h>
#include <string.h>

static enum fg_code check_names(struct fg_store *store, const char *name, const char *holder, struct fg_error *err)
{
    if (name[0] == '\0' || holder[0] == '\0' || strlen(name) >= FG_LEASE_NAME_MAX || strlen(holder) >= FG_LEASE_NAME_MAX)
        return fg_fail(err, FG_ERR_ARGUMENT, store->name, "names of leases and holders have 1 to %d bytes",
                       FG_LEASE_NAME_MAX - 1);
    return FG_OK;
}

/* Read the row; with `lock`, no other transaction can change it before this one ends. */
static enum fg_code read_row(struct fg_store *store, const char *name, bool lock, bool *found, struct fg_lease *lease,
                             struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       lock ? "SELECT holder, epoch, expires_us FROM lease WHERE name = $1 FOR UPDATE"
                                            : "SELECT holder, epoch, expires_us FROM lease WHERE name = $1",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, name);
    if ((code = fg_sql_next(sql, found, err)) != FG_OK || !*found)
        return code;
    snprintf(lease->name, sizeof lease->name, "%s", name);
    snprintf(lease->holder, sizeof lease->holder, "%s", fg_sql_column_text(sql, 0));
    lease->epoch = fg_sql_column_int64(sql, 1);
    lease->expires_us = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    return FG_OK;
}

/* A row that must exist before it can be locked: two first holders at once meet here, and one waits. */
static enum fg_code make_row(struct fg_store *store, const char *name, const char *holder, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO lease (name, holder, epoch, expires_us) VALUES ($1, $2, 1, 0) "
                                       "ON CONFLICT (name) DO NOTHING",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, name);
    fg_sql_text(sql, 2, holder);
    return fg_sql_run(sql, NULL, err);
}

static enum fg_code write_row(struct fg_store *store, const struct fg_lease *lease, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code =
        fg_sql_prepare(store, "UPDATE lease SET holder = $2, epoch = $3, expires_us = $4 WHERE name = $1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_text(sql, 1, lease->name);
    fg_sql_text(sql, 2, lease->holder);
    fg_sql_int64(sql, 3, lease->epoch);
    fg_sql_int64(sql, 4, lease->expires_us);
    return fg_sql_run(sql, NULL, err);
}

static enum fg_code fail_fenced(struct fg_store *store, const struct fg_lease *mine, const struct fg_lease *now,
                                struct fg_error *err)
{
    return fg_fail(err, FG_ERR_FENCED, store->name,
                   "the lease \"%s\" has passed to \"%s\" (epoch %lld, ours was %lld); stop serving it", mine->name, now->holder,
                   (long long)now->epoch, (long long)mine->epoch);
}

/* Inside a transaction: take the row for `holder`, or say who has it. */
static enum fg_code take(struct fg_store *store, const char *name, const char *holder, int64_t seconds,
                         struct fg_lease *lease, struct fg_error *err)
{
    bool found;
    int64_t now;
    struct fg_lease row = {0};
    enum fg_code code = read_row(store, name, true, &found, &row, err);
    bool first = !found;
    if (code == FG_OK && first && (code = make_row(store, name, holder, err)) == FG_OK) {
        code = read_row(store, name, true, &found, &row, err);
        first = row.expires_us == 0 && strcmp(row.holder, holder) == 0 && row.epoch == 1;
    }
    if (code == FG_OK)
        code = fg_store_clock(store, &now, err); /* after the wait for the lock */
    if (code != FG_OK)
        return code;
    if (row.expires_us > now && strcmp(row.holder, holder) != 0)
        return fg_fail(err, FG_ERR_BUSY, store->name, "the lease \"%s\" is held by \"%s\" for another %.1f s", name, row.holder,
                       (double)(row.expires_us - now) / 1e6);
    snprintf(row.holder, sizeof row.holder, "%s", holder);
    row.epoch += first ? 0 : 1;
    row.expires_us = now + seconds * 1000000;
    if ((code = write_row(store, &row, err)) == FG_OK)
        *lease = row;
    return code;
}

/* End the transaction according to `code`. */
static enum fg_code finish(struct fg_store *store, enum fg_code code, struct fg_error *err)
{
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

enum fg_code fg_lease_acquire(struct fg_store *store, const char *name, const char *holder, int64_t seconds,
                              struct fg_lease *lease, struct fg_error *err)
{
    enum fg_code code = check_names(store, name, holder, err);
    if (code == FG_OK)
        code = fg_store_begin(store, (enum fg_store_mode)FG_STORE_LOCKED, err);
    if (code != FG_OK)
        return code;
    return finish(store, take(store, name, holder, seconds, lease, err), err);
}

enum fg_code fg_lease_read(struct fg_store *store, const char *name, struct fg_lease *lease, struct fg_error *err)
{
    bool found;
    enum fg_code code = read_row(store, name, false, &found, lease, err);
    if (code == FG_OK && !found)
        return fg_fail(err, FG_ERR_NOT_FOUND, store->name, "nobody has held the lease \"%s\" yet", name);
    return code;
}

enum fg_code fg_lease_begin(struct fg_store *store, const struct fg_lease *lease, struct fg_error *err)
{
    bool found;
    struct fg_lease row = {0};
    enum fg_code code = fg_store_begin(store, (enum fg_store_mode)FG_STORE_LOCKED, err);
    if (code != FG_OK)
        return code;
    code = read_row(store, lease->name, true, &found, &row, err);
    if (code == FG_OK && (!found || row.epoch != lease->epoch))
        code = fail_fenced(store, lease, &row, err);
    if (code != FG_OK)
        fg_store_rollback(store);
    return code;
}

enum fg_code fg_lease_renew(struct fg_store *store, struct fg_lease *lease, int64_t seconds, struct fg_error *err)
{
    struct fg_lease renewed = *lease;
    int64_t now;
    enum fg_code code = fg_lease_begin(store, lease, err);
    if (code != FG_OK)
        return code;
    code = fg_store_clock(store, &now, err);
    if (code == FG_OK) {
        renewed.expires_us = now + seconds * 1000000;
        code = write_row(store, &renewed, err);
    }
    if ((code = finish(store, code, err)) == FG_OK)
        *lease = renewed;
    return code;
}

enum fg_code fg_lease_release(struct fg_store *store, const struct fg_lease *lease, struct fg_error *err)
{
    enum fg_code code = fg_lease_begin(store, lease, err);
    if (code == FG_ERR_FENCED)
        return FG_OK;
    if (code != FG_OK)
        return code;
    struct fg_lease released = *lease;
    released.expires_us = 1; /* 0 is a row that nobody has held */
    return finish(store, write_row(store, &released, err), err);
}
