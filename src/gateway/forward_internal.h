/* What the transitions of bids share. Internal to gateway. */
#ifndef FG_GATEWAY_FORWARD_INTERNAL_H
#define FG_GATEWAY_FORWARD_INTERNAL_H

#include "atp/id.h"
#include "atp/query.h"
#include "base/memory.h"
#include "gateway/forward.h"
#include "gateway/merit.h"

/* Work of one transaction. It may be called again, so it sets its outputs anew; a refusal is kept by forward_refuse. */
struct forward_job {
    const struct fg_forward *forward;
    struct fg_engine_scope *scope;
    struct fg_arena arena;
    int64_t period_s, tick_w;
    enum fg_code refusal; /* FG_OK: none */
    struct fg_error refusal_err;
    enum fg_code (*work)(struct forward_job *job, struct fg_error *err);
    /* Inputs and outputs of the kinds of work. */
    int64_t party, bid;
    uint64_t order;
    const char *control_area, *text;
    const struct fg_market_result *result;
    int32_t first, end;
    const char *type, *data;
    size_t count;
    bool more;
};
/* Run `work` in a transaction of the engine. */
enum fg_code forward_run(struct forward_job *job, struct fg_error *err);
/* The transaction goes on without changes of this work; the caller of forward_run gets the refusal. Returns FG_OK. */
enum fg_code forward_refuse(struct forward_job *job, enum fg_code code, const char *format, ...) FG_PRINTF(3, 4);

struct forward_bid {
    int64_t id, zone, organisation; /* organisation: the system operator */
    char control_area[FG_CONTROL_AREA_TEXT];
    enum fg_bid_state state;
    int32_t regulation, first_period, period_count;
    int64_t quantity_w, least_w, called_w, deadline_us, expires_us;
};
/* FG_ERR_NOT_FOUND: no such bid in the area. */
enum fg_code forward_load(struct forward_job *job, int64_t id, struct forward_bid *bid, struct fg_error *err);
/* The transition, with its audit entry, events and, at the end, what becomes of the orders. */
enum fg_code forward_move(struct forward_job *job, struct forward_bid *bid, enum fg_bid_input input, const char *market_bid,
                          const char *reason, struct fg_error *err);
/* Tell the system operator and the members' owners; `extra` is the JSON value of its member `call`, or NULL. */
enum fg_code forward_tell(struct forward_job *job, const struct forward_bid *bid, const char *type, const char *extra,
                          const char *reason, struct fg_error *err);
/* End the lock of an order that has no live bid. */
enum fg_code forward_end_order(struct forward_job *job, uint64_t order, struct fg_error *err);
/* An order of the book with its quantities and fills, in the job's arena. */
bool forward_find(struct forward_job *job, uint64_t order, struct fg_book_order_state *state);

/* -- forward_call.c -- */
enum fg_code forward_call(struct forward_job *job, struct fg_error *err);
/* -- forward_collect.c -- */
enum fg_code forward_collect(struct forward_job *job, struct fg_error *err);
/* Control area of a location: its own or that of the nearest one above it; "" without. */
enum fg_code forward_control_area(struct forward_job *job, int64_t location, char out[FG_CONTROL_AREA_TEXT],
                                  struct fg_error *err);

#endif
