/* The audit log: who did what, when, on whose behalf; hash-chained, so that a changed, missing or inserted entry shows.
 *
 * There is one chain per writer ("registry", "area-3"), so that writers do not wait for each other. Entry n of a chain
 * has   hash(n) = BLAKE2b-256( hash(n-1) | each field with its length ),   hash(0) = 32 zero bytes.
 * Entries name users and organisations by number only (pseudonyms): erasing a person destroys the key of what the
 * number stands for, and the chain still verifies. Details are JSON without personal data.
 *
 * Appending is part of the caller's write transaction: what happened and its trace are committed together. An entry
 * removed from the end of a chain cannot be seen from the chain itself; operators keep the last hash that
 * `flexgrid audit verify` prints. Thread rule: that of the connection; a chain belongs to its writer. Literature: Haber and
 * Stornetta, "How to time-stamp a digital document", J. Cryptology 3 (1991). */
#ifndef FG_ATP_AUDIT_H
#define FG_ATP_AUDIT_H

#include "atp/secret.h"
#include "store/store.h"

#define FG_AUDIT_CHAIN_MAX 64
#define FG_AUDIT_REGISTRY "registry"

struct fg_audit_chain {
    char name[FG_AUDIT_CHAIN_MAX];
    int64_t sequence; /* of the last entry; 0: none */
    unsigned char hash[FG_SECRET_HASH];
};

/* Who acts. Zero for the platform itself. */
struct fg_actor {
    int64_t user, organisation;
    int64_t on_behalf_of; /* organisation; 0: its own */
    int64_t key;          /* API key or session; 0: none */
};

struct fg_audit_entry {
    int64_t time_us;
    struct fg_actor actor;
    const char *action; /* "order.enter" */
    const char *object; /* "ord-15"; may be NULL */
    const char *detail; /* JSON without personal data; may be NULL */
};

/* Read the end of a chain, which need not exist yet: after opening, and again after a rolled-back transaction. */
enum fg_code fg_audit_chain_load(struct fg_store *store, const char *name, struct fg_audit_chain *chain,
                                 struct fg_error *err);

/* Append inside a write transaction; the entry's texts are needed until this returns. When the transaction does not
 * commit, load the chain again. */
enum fg_code fg_audit_append(struct fg_store *store, struct fg_audit_chain *chain, const struct fg_audit_entry *entry,
                             struct fg_error *err);

/* For writers that hold no chain: load, append. Inside a write transaction. */
enum fg_code fg_audit_write(struct fg_store *store, const char *chain_name, const struct fg_audit_entry *entry,
                            struct fg_error *err);

/* Recompute a chain (NULL: all of them), in one read transaction of the caller or in one of its own. `report` (may be
 * NULL) is called for each chain: its end when it verifies, or the first entry that does not with the reason in `text`.
 *
 * A chain proves that entries fit together, not that they were never written anew from some entry on, nor that its end is there:
 * that takes an anchor, an entry's hash that was kept elsewhere. A part of a chain is checked against the stored hash of the entry
 * before it, which is taken as it is. */
struct fg_audit_report {
    struct fg_audit_chain chain; /* as recomputed: up to the last good entry */
    bool is_intact;
    int64_t first_sequence;  /* of the entries that were looked at; 0: none */
    int64_t count;           /* good ones */
    int64_t first_us, last_us; /* times of the first and the last good one */
    int64_t broken_sequence; /* the first entry that does not fit; where the end is missing, the first that is missing */
    int64_t broken_us;       /* what the entry itself says, when there is one: may be part of the lie */
    const char *broken_action, *broken_object; /* until the callback returns; NULL: no entry, or no object */
    const char *text;
};
struct fg_audit_scope {
    const char *chain;                    /* NULL: all */
    int64_t from_us, until_us;            /* entries from the first one at or after, to the last one before; 0: no bound */
    const struct fg_audit_chain *anchors; /* entries known from elsewhere; also of chains that are gone */
    size_t anchor_count;
};
enum fg_code fg_audit_check(struct fg_store *store, const struct fg_audit_scope *scope,
                            void (*report)(void *context, const struct fg_audit_report *report), void *context,
                            bool *is_intact, struct fg_error *err);
/* The same without bounds and anchors. */
enum fg_code fg_audit_verify(struct fg_store *store, const char *chain_name,
                             void (*report)(void *context, const struct fg_audit_report *report), void *context,
                             bool *is_intact, struct fg_error *err);

#endif
