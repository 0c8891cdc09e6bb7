/* Inside of the continuous book, shared by src/market/book*.c.
 *
 * How a command stays whole: whatever it changes in numbers goes through book_set, which notes the old value; events
 * and trades are staged; network commits are noted. Matching tries, and book_rewind takes back what did not satisfy a
 * minimum, a fraction, or memory. Only book_finish, which cannot fail, removes entries and orders, and sends the
 * events. Orders that a command creates enter the structures at once and are listed in `created`, for the way back. */
#ifndef FG_MARKET_BOOK_INTERNAL_H
#define FG_MARKET_BOOK_INTERNAL_H

#include "base/memory.h"
#include "market/book.h"
#include "market/book_queue.h"

__extension__ typedef __int128 book_wide;

/* Capability account of a portfolio, product, direction and period. */
struct book_position {
    struct book_position *next_free;
    int32_t portfolio, period;
    uint8_t product, regulation;
    int64_t capability, reserved, open, traded, forwarded, contracted;
};

/* What a participant has, for the limits; kept while a limit needs it. */
struct book_account {
    int32_t participant;
    int64_t orders[FG_BOOK_PRODUCTS][2], open_u[FG_BOOK_PRODUCTS][2], bought_u[FG_BOOK_PRODUCTS][2];
};

struct book_group {
    uint64_t id;
    enum fg_group_kind kind;
    int32_t member_count;
    int64_t used_u;             /* exclusive_sum: fractions of members that have left */
    struct book_order *members; /* by priority, through next_member */
};

struct book_span {
    int32_t from, to; /* price points with an entry in a queue: from <= step < to */
};

/* One period of an order. */
struct book_slice {
    int64_t quantity, filled;
    struct book_position *position; /* sells */
    struct book_span queued;
};

/* What most commands read and write comes first, in three cache lines: orders are many and met in no order, so a command costs
 * what it has to wait for memory. */
struct book_order {
    _Alignas(BOOK_CACHE_LINE) uint64_t id;
    int64_t priority;
    struct book_slice *slices; /* `one_slice` or an array of its own */
    const struct fg_price_point *points;
    int32_t first, count, point_count;
    int32_t location, organisation, participant;
    uint8_t side, product, regulation, kind;
    bool conditional; /* the request, see fg_book_order */
    bool has_attributes;
    bool is_composite; /* trades by fractions, after plain orders: block of several periods, linked or grouped */
    bool held;

    struct book_slice one_slice;
    struct fg_price_point one_point;
    int64_t min_fraction_u;
    struct book_group *group;

    int64_t gone, forwarded, open_slices; /* cells for book_set; open_slices: periods with something left */
    uint64_t touched_in, retried_in;      /* stamps: already listed */
    union {
        struct book_order *first_child;
        struct book_order *next_free; /* of the slab */
    };
    uint64_t contract;
    int32_t portfolio;
    bool is_placed; /* in group, family and id table */
    bool replaces;  /* an amended order whose former self still owns the id */
    bool is_new;    /* made by the command at work */
    bool is_listed; /* in book.held, at held_index */

    int32_t bus, held_index;
    bool block, forward_to_tso;
    uint8_t validity;
    int32_t depth; /* of its chain of parents */
    int64_t expires_us, parts; /* parts of a composite: equal ones, each a whole number of ticks in every period */
    uint64_t session;
    struct book_order *next_member, *previous_member;
    struct book_order *parent, *next_sibling, *previous_sibling;
    struct fg_book_attributes attributes;
};

/* Orders at one location; `best` is the key of the first entry. */
struct book_slot {
    int64_t best;
    int32_t location;
    struct book_queue queue;
};
struct book_side {
    struct book_slot *slots;
    struct book_order **composites;
    int32_t slot_count, slot_capacity, composite_count, composite_capacity;
};
struct book_ladder {
    struct book_side side[2]; /* by enum fg_side */
};
struct book_period {
    struct book_ladder *ladder[FG_BOOK_PRODUCTS][2]; /* NULL: the gate is closed */
};

/* Hash of ids: linear probing, removal shifts back. */
struct book_id_slot {
    uint64_t id; /* 0: free */
    void *item;
};
struct book_ids {
    struct book_id_slot *slots;
    size_t count, capacity;
};
void *book_ids_find(const struct book_ids *ids, uint64_t id);
bool book_ids_reserve(struct book_ids *ids, size_t more);
void book_ids_put(struct book_ids *ids, uint64_t id, void *item); /* after reserve; replaces */
void book_ids_remove(struct book_ids *ids, uint64_t id);

/* Portfolio, period, product and regulation in one word, which is never 0: what is not the one looked for is not read. */
struct book_position_slot {
    uint64_t key; /* 0: free */
    struct book_position *position;
};
struct book_positions {
    struct book_position_slot *slots;
    size_t count, capacity;
};

struct book_undo {
    int64_t *cell; /* NULL: the last of `commits` */
    int64_t old;
};
struct book_commit { /* to the network */
    struct fg_book_flow flow;
    int64_t quantity;
};

enum { BOOK_TRADES_PER_CHUNK = 256 };

struct book_list {
    struct book_order **items;
    size_t count, capacity;
};
bool book_list_add(struct book_list *list, struct book_order *order);

struct book_mark {
    size_t undo_count, event_count, trade_count, retry_count;
    bool network_moved;
    int32_t moved_from, moved_to;
};

struct book_cursor {
    const struct book_queue *queue;
    int32_t leaf, place;
};

/* Published locations: x is below a when enter[a] <= enter[x] < leave[a]. Links of l: link[link_start[l]] ... */
struct book_tree {
    int32_t count;
    int32_t *enter, *leave, *link_start, *link;
};

struct fg_book {
    struct fg_book_settings settings;
    bool has_network;
    struct fg_book_network network;
    fg_book_sink *sink;
    void *sink_context;

    struct book_tree tree;

    struct book_period *periods; /* of period_base, period_base + 1, ... */
    int32_t period_base, period_count, forgotten_before;
    int32_t period_capacity;

    struct book_ids orders, groups;
    struct book_positions positions;
    struct book_leaf_pool leaves;
    struct book_order *free_orders;
    struct book_order_chunk *order_chunks;
    struct book_position *free_positions;
    struct book_position_chunk *position_chunks;

    struct fg_book_trade **trade_chunks; /* trade id - trade_base */
    size_t trade_chunk_count, trade_chunk_capacity, trade_count;
    uint64_t trade_base; /* id at index 0 */
    size_t trade_first;  /* indices below are forgotten */

    struct fg_book_halt_row *halts;
    size_t halt_count, halt_capacity;

    struct fg_book_limit *limits; /* by participant, product, regulation */
    size_t limit_count, limit_capacity;
    bool has_accounts;
    struct book_ids accounts; /* participant + 1 */
    struct book_ids sealed;   /* the same of orders in auctions; not moved by the book's commands */
    int32_t settled_before;

    int64_t time_us, next_priority, next_expiry_us;
    uint64_t event_sequence;

    /* The command at work. */
    bool failed;        /* out of memory: everything is taken back */
    bool network_moved; /* a commit or undo since the held orders were last tried ... */
    int32_t moved_from, moved_to; /* ... in these periods, both included */
    uint64_t command;   /* stamp */
    uint64_t retry_stamp;
    struct book_mark command_start; /* after expiry */
    struct book_undo *undo;
    size_t undo_count, undo_capacity;
    struct book_commit *commits;
    size_t commit_count, commit_capacity;
    struct fg_book_event *events;
    size_t event_count, event_capacity;
    struct fg_book_event spill; /* written where memory ran out; never read, the command is taken back */
    struct book_list created, touched, retry, pass, held;
    struct book_held_undo {
        struct book_order *order;
        bool old;
    } * held_undo;
    size_t held_undo_count, held_undo_capacity;
    struct book_cursor *cursors; /* room for one walk */
    size_t cursor_capacity;
};

static inline int64_t book_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t book_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- book_undo.c: the command at work ---- */
bool book_grow_undo(struct fg_book *book);
static inline void book_set(struct fg_book *book, int64_t *cell, int64_t value)
{
    if (book->undo_count == book->undo_capacity && !book_grow_undo(book))
        return;
    book->undo[book->undo_count++] = (struct book_undo){cell, *cell};
    *cell = value;
}
struct book_mark book_mark_here(const struct fg_book *book);
void book_rewind(struct fg_book *book, struct book_mark mark);
void book_set_held(struct fg_book *book, struct book_order *order, bool held);
struct fg_book_event *book_event(struct fg_book *book, enum fg_book_event_kind kind, const struct book_order *order);
struct fg_book_trade *book_stage_trade(struct fg_book *book);
struct fg_book_trade *book_trade_at(const struct fg_book *book, size_t index);
void book_touch(struct fg_book *book, struct book_order *order);
bool book_network_take(struct fg_book *book, const struct fg_book_flow *flow, int64_t wanted, int64_t *taken);
void book_network_commit(struct fg_book *book, const struct fg_book_flow *flow, int64_t quantity);
/* NONE: the command may go on. It must then end with book_end, which returns `refusal`, or OUT_OF_MEMORY. */
enum fg_refusal book_begin(struct fg_book *book, int64_t time_us, struct fg_error *err);
enum fg_refusal book_end(struct fg_book *book, enum fg_refusal refusal, uint64_t order, struct fg_error *err);
enum fg_refusal book_refuse(struct fg_error *err, enum fg_refusal refusal, const char *format, ...) FG_PRINTF(3, 4);

/* ---- book_place.c: orders in the structures ---- */
struct book_order *book_order_make(struct fg_book *book, const struct fg_book_order *order);
void book_order_free(struct fg_book *book, struct book_order *order);
bool book_place(struct fg_book *book, struct book_order *order); /* into queues or lists; false: out of memory */
void book_unplace(struct fg_book *book, struct book_order *order);
void book_drop_exhausted(struct fg_book *book, struct book_order *order);
bool book_place_again(struct fg_book *book, struct book_order *order, int32_t slice); /* one period */
void book_ladder_empty(struct book_ladder *ladder, int32_t period); /* its orders are queued there no more */
void book_ladder_free(struct fg_book *book, struct book_ladder *ladder);
struct book_ladder *book_ladder(const struct fg_book *book, int product, int regulation, int32_t period);
struct book_position *book_position_find(const struct fg_book *book, int32_t portfolio, int product, int regulation,
                                         int32_t period);
struct book_position *book_position_make(struct fg_book *book, int32_t portfolio, int product, int regulation,
                                         int32_t period);
void book_positions_forget(struct fg_book *book, int32_t before_period);
void book_tables_release(struct fg_book *book);
bool book_has_children(const struct book_order *order);               /* that are still open */
bool book_sorted(const struct fg_book *book, struct book_list *list); /* all orders by priority */

/* ---- book_rules.c: what may meet what ---- */
bool book_below(const struct fg_book *book, int32_t above, int32_t location);
bool book_reaches(const struct fg_book *book, enum fg_request_kind kind, int32_t request, int32_t offer);
bool book_is_halted(const struct fg_book *book, int32_t participant, int32_t location);
bool book_attributes_fit(const struct book_order *sell, const struct book_order *buy);
int64_t book_min_left(const struct fg_book *book, const struct book_order *order, const struct book_slice *slice);
enum fg_code book_tree_make(const struct fg_book_locations *locations, struct book_tree *tree, struct fg_error *err);
void book_tree_release(struct book_tree *tree);

/* ---- book_check.c ---- */
enum fg_refusal book_check(const struct fg_book *book, const struct fg_book_order *order, bool is_grouped,
                           struct fg_error *err);
int64_t book_parts(const struct fg_book *book, const struct book_order *order);
void book_join_parts(struct book_group *group);

/* ---- book_limit.c ---- */
/* May the order be entered, or come in anew in the place of `former` (NULL: none)? */
enum fg_refusal book_check_limits(struct fg_book *book, const struct fg_book_order *order,
                                  const struct book_order *former, struct fg_error *err);
/* Into the accounts (sign 1) or out of them (-1): an order as it is; what is left of one slice, around a change of it; a
 * trade, around a change of its quantity. Without a limit that needs accounts they do nothing. */
void book_account_order(struct fg_book *book, const struct book_order *order, int sign);
void book_account_slice(struct fg_book *book, const struct book_order *order, const struct book_slice *slice, int sign);
void book_account_trade(struct fg_book *book, const struct fg_book_trade *trade, int sign);
void book_note_price(struct fg_book *book, const struct fg_book_trade *trade); /* reference of the bands */
bool book_accounts_make(struct fg_book *book);                                 /* as the limits need; false: out of memory */
void book_accounts_release(struct fg_book *book);
void book_sealed_release(struct fg_book *book);
void book_settle(struct fg_book *book, int32_t before_period);

/* ---- book_enter.c ---- */
struct fg_book_order book_describe(const struct book_order *order);

/* ---- book_match.c: plain orders, and what every trade does ---- */
struct book_fill { /* one aggressor in one period */
    struct book_order *order;
    int32_t slice;
    int64_t wanted;          /* no more than this; composites: exactly this */
    struct book_order *only; /* NULL, or the one counterpart that counts */
    bool is_incoming;
    bool self_trade; /* out: stopped at an order of the same organisation */
    bool held;       /* out: the network check refused or cut something */
    int64_t filled;  /* out */
};
void book_fill_slice(struct fg_book *book, struct book_fill *fill);
void book_match_plain(struct fg_book *book, struct book_order *order, bool is_incoming);
void book_trade(struct fg_book *book, struct book_order *aggressor, int32_t slice, struct book_order *resting,
                int32_t resting_slice, const struct fg_book_flow *flow, int64_t quantity);
struct fg_book_flow book_flow_of(const struct book_order *a, const struct book_order *b, int32_t period);
bool book_may_meet(const struct fg_book *book, const struct book_order *a, const struct book_order *b);
int64_t book_key(const struct book_order *order, int64_t price);
bool book_crosses(const struct book_order *order, int64_t limit, int64_t price);
int64_t book_limit(const struct book_order *order, const struct book_slice *slice);
/* Constrained counterparts that could meet the order's slice, each once, in price-time order. */
bool book_candidates(struct fg_book *book, const struct book_order *order, int32_t slice, bool is_incoming,
                     bool stops_at_own, struct book_list *list);

/* ---- book_composite.c ---- */
void book_match_composite(struct fg_book *book, struct book_order *order, bool is_incoming);
int64_t book_composite_allowed(const struct book_order *order); /* parts that links and groups still allow */
void book_after_composite(struct fg_book *book, struct book_order *order);

/* ---- book_retry.c ---- */
void book_leave(struct fg_book *book, struct book_order *order, enum fg_book_event_kind kind, enum fg_book_cause cause);
void book_reduce(struct fg_book *book, struct book_order *order, int32_t slice, int64_t quantity,
                 enum fg_book_cause cause);
void book_retry_add(struct fg_book *book, struct book_order *order);
void book_wake_composites(struct fg_book *book, const struct book_order *order);
void book_retry_all(struct fg_book *book); /* everything that rests */
void book_retry_run(struct fg_book *book); /* until nothing trades */

#endif
