/* What the parts of auctions share. Internal to atp. */
#ifndef FG_ATP_AUCTION_INTERNAL_H
#define FG_ATP_AUCTION_INTERNAL_H

#include "atp/auction.h"
#include "base/memory.h"
#include "base/json.h"
#include "base/text.h"

/* Arrays of 64-bit integers in rows. */
void auction_put_blob(struct fg_text *text, const int64_t *values, size_t count);
/* Into the arena; NULL: out of memory, or not whole. */
const int64_t *auction_read_blob(struct fg_arena *arena, const struct fg_sql *sql, int column, size_t *count);

/* A row of auction_order that offers. */
struct auction_offer {
    int64_t id, portfolio, group; /* group 0: none */
    int group_kind;
    enum fg_product product;
    enum fg_regulation regulation;
    int32_t first_period, period_count;
    const int64_t *quantity_w;
    const int64_t *approved_w; /* NULL: not told */
};
/* What offers bind: each its quantities; of an exclusive group in each period the largest of those of one portfolio, product and
 * direction, for no more than that can be accepted. Offers of a group stand together. Appends to `items` with `sign`. */
struct auction_reserves {
    struct fg_book_reserve *items;
    size_t count, capacity;
};
enum fg_code auction_reserves_add(struct auction_reserves *reserves, const struct auction_offer *offers, size_t count, int sign,
                                  struct fg_error *err);
/* The live offers of an auction in the order of groups; `only_order`, `only_organisation` 0: all. */
enum fg_code auction_read_offers(struct fg_store *store, int64_t auction, int64_t only_order, int64_t only_organisation,
                                 struct fg_arena *arena, struct auction_offer **offers, size_t *count, struct fg_error *err);

/* -- auction_sealed.c: what the market operator's limits know of sealed orders -- */
struct engine_area;
/* The live orders of an auction (0: of all in the area), of one participant or alone (0: all), counted (sign 1) or no longer (-1). */
enum fg_code auction_sealed_count(struct engine_area *area, int64_t auction, int64_t only_order, int64_t only_organisation, int sign,
                                  struct fg_error *err);
/* Would the limits take the entry? Changes nothing. */
enum fg_refusal auction_sealed_check(struct engine_area *area, const struct fg_auction_entry *entry, struct fg_command *command,
                                     enum fg_code *code);
/* It is entered: before its rows are written. */
enum fg_code auction_sealed_enter(struct engine_area *area, const struct fg_auction_entry *entry, const struct fg_command *command,
                                  struct fg_error *err);

/* -- auction_book.c: a sealed book as it is cleared -- */
struct auction_zone {
    int64_t location;
    const char **places; /* sorted */
    size_t count;
};
struct auction_entry {
    int64_t id, organisation, portfolio, location, group, parent;
    const char *bus;     /* NULL: physics none (then the location is the place), or the whole location */
    int covers;          /* enum fg_location_kind, or 0 */
    int group_kind;
    struct fg_order order; /* first_period counts from the auction's; quantity and points in the arena */
    const char *excluded;  /* why it is not cleared; NULL: it is */
    int64_t index;         /* of the market's orders; -1: excluded */
};
struct auction_book {
    int64_t id, area, operator, network, start_s;
    int32_t first_period, period_count, period_s;
    int64_t tick_w, price_step_u;
    const char *name, *currency, *terms;
    bool has_network;
    struct auction_entry *entries; /* by id */
    size_t count, included;
    struct auction_zone *zones;    /* of needs for whole locations */
    size_t zone_count, zone_capacity;
    struct fg_arena arena;
};
/* Inside a read transaction. `facts`: what the registry says now; whoever may not trade any more is left out. Release also
 * after an error. */
enum fg_code auction_book_load(struct fg_store *store, int64_t auction, const struct fg_facts *facts, struct auction_book *book,
                               struct fg_error *err);
void auction_book_release(struct auction_book *book);
/* The market file (docs/market-format.md) of the orders that are included, in their order. */
enum fg_code auction_book_market(struct fg_store *store, struct auction_book *book, int64_t now_us,
                                 struct fg_text *text, struct fg_error *err);
/* -- auction_point.c: members "baselines" and "conditions" of the market: the area's operating point at `now_us` with what is traded
 * already; switch states, outages and temporary limits. FG_ERR_CONFLICT: a required source of the operating point is missing. -- */
enum fg_code auction_put_point(struct fg_store *store, struct fg_json_writer *out, const struct auction_book *book,
                               int64_t now_us, struct fg_error *err);
/* A market of the book's header with one asset at `place` and its limits (JSON). */
enum fg_code auction_book_try_asset(struct auction_book *book, const char *place, const char *limits, struct fg_text *text,
                                    struct fg_error *err);
/* The place of an entry that injects: its bus or, with physics none, its location. */
const char *auction_place(const struct auction_entry *entry, char buffer[32]);
const struct auction_zone *auction_zone_of(const struct auction_book *book, int64_t location);
bool auction_zone_has(const struct auction_zone *zone, const char *place);

#endif
