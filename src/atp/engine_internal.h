/* What the parts of the engine share: the writer's memory of one area. Internal to atp. */
#ifndef FG_ATP_ENGINE_INTERNAL_H
#define FG_ATP_ENGINE_INTERNAL_H

#include "atp/engine.h"
#include "base/memory.h"

/* An order, position or trade that the batch has touched and that has to be written before the commit. */
struct engine_key {
    int64_t a, b;
};
struct engine_set { /* each key once, in the order of first mention */
    struct engine_key *items;
    size_t count, capacity;
    uint32_t *slots; /* open addressing: place in items + 1; 0 free */
    size_t slot_count; /* a power of two */
};
/* 0 on success, 1 when out of memory; `place` (may be NULL) is the key's in items. */
int engine_set_add(struct engine_set *set, int64_t a, int64_t b, size_t *place);
bool engine_set_has(const struct engine_set *set, int64_t a, int64_t b);
void engine_set_clear(struct engine_set *set);
void engine_set_release(struct engine_set *set);

/* The submission of an order that is new in the batch: it is inserted once, in its state at the end. */
struct engine_origin {
    const struct fg_command *command; /* NULL: the order has a row */
    size_t place;
};

/* Events wait until there are as many as one statement takes, or the batch ends. */
enum { ENGINE_EVENTS_AT_ONCE = 10 };
struct engine_pending_event {
    uint64_t sequence;
    int64_t time_us;
    const char *type; /* constant */
    char scope[32];   /* "": everybody */
    size_t offset, length; /* of its data in `event_data` */
};

/* A trade or activation of the batch, for orders that have left the book before they are written. */
struct engine_fill {
    uint64_t order;
    int32_t period;
    int64_t quantity_w;
};

/* The locations of the area by number; the book's index is the place. */
struct engine_locations {
    int64_t *ids; /* ascending */
    int32_t *parents;
    int32_t (*links)[2];
    int32_t count, link_count;
};

struct engine_area {
    int64_t id;
    struct fg_store *store;
    struct fg_lease lease;
    struct fg_audit_chain audit;

    struct fg_book_settings settings;
    struct engine_locations locations;
    struct fg_book *book;
    struct fg_match_grid *match;        /* the book's network check; NULL: none was ever made */
    bool is_network_on;                 /* the book asks it */
    uint64_t event_sequence;            /* of the last event, also while a batch is being applied */
    uint64_t order_next, order_limit;   /* numbers taken from the counter and not given yet */

    /* The batch. */
    struct engine_set orders, trades, positions, groups;
    struct engine_fill *fills;
    size_t fill_count, fill_capacity;
    struct fg_command *command;         /* being applied */
    /* Idempotency keys that were saved in this and the last stretch of time: two requests with one key may be on their
     * way at once, and the second one must get the answer of the first. */
    struct engine_set keys[2];
    int64_t keys_since_us;
    int64_t *causes;                    /* per entry of `orders`: cause of its end + 1; 0: it has not ended; -1: filled */
    size_t cause_capacity;
    struct engine_origin *origins;      /* per entry of `orders`: where an order that is new in the batch came from */
    size_t origin_capacity;
    enum fg_code code;                  /* first failure inside the sink */
    struct fg_error err;
    struct fg_text scratch;
    struct engine_pending_event pending[ENGINE_EVENTS_AT_ONCE];
    size_t pending_count;
    struct fg_text event_data;
    struct fg_power *powers; /* room for the quantities and fills of one order */
    size_t power_capacity;
};

/* -- engine.c: for the parts that bring commands of their own -- */
enum fg_code engine_take_ids(struct engine_area *area, size_t count, uint64_t *first, struct fg_error *err);
enum fg_refusal engine_refuse(struct fg_error *err, enum fg_refusal refusal, const char *text);
/* Positions that the batch has changed without an event of the book. */
void engine_touch_positions(struct engine_area *area, int32_t portfolio, enum fg_product product,
                            enum fg_regulation regulation, int32_t first, int32_t count);

/* -- engine_load.c: rows to memory -- */
enum fg_code engine_area_load(struct engine_area *area, fg_book_sink *sink, void *sink_context, struct fg_error *err);
void engine_area_drop(struct engine_area *area); /* the book and what belongs to it */
void engine_locations_release(struct engine_locations *locations);
/* The published locations as they are now, inside the batch's transaction; the area keeps those that it has. */
enum fg_code engine_locations_reload(struct engine_area *area, struct engine_locations *locations, struct fg_error *err);
/* An open order with its quantities and fills in the area's room. False: not open, or out of memory (area->code). */
bool engine_find_order(struct engine_area *area, uint64_t id, struct fg_book_order_state *state);
int32_t engine_location_index(const struct engine_area *area, int64_t id); /* -1: none */

/* -- engine_write.c: memory to rows, inside the batch's transaction -- */
enum fg_code engine_write_batch(struct engine_area *area, int64_t time_us, struct fg_error *err);
enum fg_code engine_write_event(struct engine_area *area, const struct fg_book_event *event, struct fg_error *err);
/* An event that is not the book's: `data` is JSON. */
enum fg_code engine_write_message(struct engine_area *area, const char *type, int64_t time_us, const char *scope,
                                  const char *data, struct fg_error *err);
enum fg_code engine_write_answer(struct engine_area *area, const struct fg_command *command, struct fg_error *err);
enum fg_code engine_read_answer(struct engine_area *area, struct fg_command *command, bool *found, struct fg_error *err);

/* -- engine_scope.c: work of others inside a batch -- */
enum fg_code engine_transact(struct engine_area *area, struct fg_command *command, struct fg_error *err);
/* Lock the offers that are forwarded instead of lost when the command's periods close. */
enum fg_code engine_forward_at_closure(struct engine_area *area, const struct fg_command *command, struct fg_error *err);
/* -- engine_network.c: the network state and the traffic light -- */
/* Make the state in force again, with `trades` on top; inside the load's transaction. */
enum fg_code engine_network_load(struct engine_area *area, const struct fg_book_trade *trades, size_t count,
                                 struct fg_error *err);
enum fg_refusal engine_network_apply(struct engine_area *area, struct fg_command *command, enum fg_code *code);
enum fg_code engine_lights_write(struct engine_area *area, const struct fg_command *command, struct fg_error *err);

/* After a command: what requests have beside the book. The plan of one that rests, the step that was done, what was solved
 * outside the market, and the event that pushes a resting request to the suppliers of its location. */
enum fg_code engine_write_request(struct engine_area *area, const struct fg_command *command, struct fg_error *err);

/* The event as one line of JSON: an anonymous description, by which owners know their orders and trades again. */
void engine_event_json(struct engine_area *area, const struct fg_book_event *event, struct fg_text *text);
const char *engine_event_type(enum fg_book_event_kind kind); /* "order.accepted", "trade.concluded", ... */

#endif
