/* Views: what of the registry may be read, by whom, and how it looks as JSON. One view is one SELECT whose WHERE clause is
 * the permission; list and single object come from the same statement, so that they cannot differ.
 *
 * Parameters of the statement, of which it uses what it needs:
 *   $1 organisation acted for   $2 user   $3 is 1 for who sees all (FMO, regulator), else 0
 *   $4 id wanted, 0: any        $5 after this id   $6 at most so many   $7 parent object, 0: any
 * Its first two columns are id and version; the others are members, in the order of `members`. A member with `rows` is an
 * array: its own statement with $1 = id of the object, one text column (an array of strings) or several (of objects).
 * Thread rule: constant data; reading as registry.h. */
#ifndef FG_ATP_VIEW_H
#define FG_ATP_VIEW_H

#include "atp/registry.h"
#include "base/json.h"

enum fg_member_kind {
    FG_MEMBER_TEXT,
    FG_MEMBER_JSON,    /* text that is JSON */
    FG_MEMBER_ID,      /* number of an object of kind `id` */
    FG_MEMBER_COUNT,
    FG_MEMBER_BOOLEAN,
    FG_MEMBER_INSTANT, /* microseconds */
    FG_MEMBER_DAY,     /* number of the day since 1970 */
    FG_MEMBER_CLOCK,   /* seconds of the local clock as HH:MM */
    FG_MEMBER_POWER,   /* W as MW */
    FG_MEMBER_MICRO,   /* millionths: prices, shares */
    FG_MEMBER_ENERGY,  /* Ws as MWh */
    FG_MEMBER_BITS,    /* of `words` */
    FG_MEMBER_PERSON,  /* person: what is sealed under the member's name */
    FG_MEMBER_VALUE,   /* three columns, text, number, integer; the column before says which: an attribute's kind */
    FG_MEMBER_ROWS
};
struct fg_member {
    const char *name; /* NULL ends the list; "" in an array of strings */
    enum fg_member_kind kind;
    enum fg_id_kind id;
    const char *const *words;
    const char *rows;
    const struct fg_member *row_members;
};
struct fg_view {
    const char *text;
    const struct fg_member *members;
    enum fg_id_kind id;
    const char *noun;
    bool has_version; /* an ETag and If-Match */
};

extern const struct fg_view fg_view_organisations, fg_view_users, fg_view_keys, fg_view_mandates, fg_view_consents,
    fg_view_approvals, fg_view_areas, fg_view_products, fg_view_networks, fg_view_locations, fg_view_assets,
    fg_view_portfolios, fg_view_prequalifications,
    fg_view_tenders, fg_view_contracts; /* view_contract.c */

/* Items of a page into an open array; `last` is the id to go on after, 0 when there is no more. */
enum fg_code fg_view_list(struct fg_registry *registry, const struct fg_view *view, int64_t parent, int64_t after,
                          int64_t limit, struct fg_json_writer *out, int64_t *last, struct fg_error *err);
/* One object; FG_ERR_NOT_FOUND also when it may not be seen. */
enum fg_code fg_view_get(struct fg_registry *registry, const struct fg_view *view, int64_t id, struct fg_json_writer *out,
                         int64_t *version, struct fg_error *err);

#endif
