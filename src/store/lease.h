/* Leases: which node writes which part of the data (a market area), with an epoch that fences off earlier holders.
 *
 * A lease is a row. Its expiry is read against the database's clock, so nodes' own clocks do not matter. Every change of
 * holder raises the epoch. A leased transaction locks the row and fails when the epoch is no longer the holder's: a node
 * that was stopped, or whose packets are late, can never write over its successor (Gray and Cheriton 1989 for leases;
 * the epoch is a fencing token).
 * Thread rule: that of the connection. */
#ifndef FG_STORE_LEASE_H
#define FG_STORE_LEASE_H

#include "store/store.h"

#define FG_LEASE_NAME_MAX 64

struct fg_lease {
    char name[FG_LEASE_NAME_MAX];
    char holder[FG_LEASE_NAME_MAX];
    int64_t epoch;      /* 1 for the first holder */
    int64_t expires_us; /* by the database's clock */
};

/* Take the lease for `seconds`: when it is free, expired, or held under the same holder's name (a restart; the epoch
 * rises all the same). FG_ERR_BUSY names the holder and how long the lease still runs. Not inside a transaction. */
enum fg_code fg_lease_acquire(struct fg_store *store, const char *name, const char *holder, int64_t seconds,
                              struct fg_lease *lease, struct fg_error *err);

/* Extend by `seconds` from now; FG_ERR_FENCED when it has passed to another. Not inside a transaction. */
enum fg_code fg_lease_renew(struct fg_store *store, struct fg_lease *lease, int64_t seconds, struct fg_error *err);

/* Give it back, so that the next holder need not wait; no error when it is lost already. Not inside a transaction. */
enum fg_code fg_lease_release(struct fg_store *store, const struct fg_lease *lease, struct fg_error *err);

/* Who holds it now; FG_ERR_NOT_FOUND when nobody ever did. An expired lease is given as it stands in the row. */
enum fg_code fg_lease_read(struct fg_store *store, const char *name, struct fg_lease *lease, struct fg_error *err);

/* Begin a write transaction that holds the lease row locked until its end. FG_ERR_FENCED: the epoch has changed, stop
 * serving. PostgreSQL runs it at READ COMMITTED: the lock makes the holder the only writer of what the lease covers, and
 * unrelated areas never make each other repeat. What a leased transaction reads and other writers change (registry)
 * is only as fresh as each statement.
 * After FG_ERR_OUTCOME and fg_store_reconnect, read back inside a transaction begun here. */
enum fg_code fg_lease_begin(struct fg_store *store, const struct fg_lease *lease, struct fg_error *err);

#endif
