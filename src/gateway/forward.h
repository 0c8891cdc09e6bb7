/* Forwarding offers to balancing markets: the transitions of bids (bid_state.h), each one transaction of the area's engine
 * that holds rows, locks of orders, audit entry and events together.
 *
 *   lock      engine: marked offers that are left when the gate of the first of their periods closes (engine_scope.c); or
 *             fg_forward_order, fg_forward_periods at a command
 *   collect   locked offers without a bid become bids (merit.h), in state `prepared`; what cannot be bid is given back
 *   answered, result, told   what the market says; results are taken in the market's order, and their position is stored in
 *             the same transaction, so that each counts once
 *   withdraw  asks a bid back; the market's word decides
 *   pass      ends bids whose deadline and grace are over
 *
 * When the last bid of an offer has ended the offer is returned to the book if one of its periods with something left is
 * open, else it leaves. A call is confirmed as far as these allow it, member by member in the order of merit: the market's
 * stamp is not after the bid's deadline; area, location (with those above it) and participant are not halted; participant and
 * portfolio are active; the network takes it (fg_book_forward_room). Thread rule: any but the engine's own; calls wait for
 * the commit. Refusals: FG_ERR_NOT_FOUND, FG_ERR_CONFLICT, FG_ERR_DENIED; FG_ERR_UNAVAILABLE: not served here. */
#ifndef FG_GATEWAY_FORWARD_H
#define FG_GATEWAY_FORWARD_H

#include "atp/exchange.h"
#include "gateway/bid_state.h"

#define FG_CONTROL_AREA_TEXT 64
#define FG_MARKET_ID_TEXT 65 /* numbers of the market: bids, activations */

struct fg_forward {
    struct fg_exchange *exchange;
    int64_t area;
    int64_t connection;    /* that the market is heard over; 0: the present one */
    struct fg_actor actor; /* zero: the platform */
};

/* FG_OK: this node serves the area; nothing is written. */
enum fg_code fg_forward_is_served(const struct fg_forward *forward, struct fg_error *err);

/* Bids out of what is locked; at most some hundred offers at once, `more` says whether to call again. */
enum fg_code fg_forward_collect(const struct fg_forward *forward, size_t *bids, bool *more, struct fg_error *err);

/* Lock the party's own offer. */
enum fg_code fg_forward_order(const struct fg_forward *forward, int64_t party, uint64_t order, struct fg_error *err);
/* Lock every marked offer in the control area that has something left in periods first ... end - 1. */
enum fg_code fg_forward_periods(const struct fg_forward *forward, const char *control_area, int32_t first, int32_t end,
                                size_t *locked, struct fg_error *err);

/* The market has taken the bid in, as its number `market_bid`. */
enum fg_code fg_forward_answered(const struct fg_forward *forward, int64_t bid, const char *market_bid, struct fg_error *err);

enum fg_result_kind {
    FG_RESULT_ACCEPTED,
    FG_RESULT_REFUSED,
    FG_RESULT_CALLED,
    FG_RESULT_RETURNED,
    FG_RESULT_EXPIRED,
    FG_RESULT_KINDS
};
extern const char *const fg_result_words[];
struct fg_market_result {
    int64_t sequence; /* of the market; 0: an answer that is not in the list of results */
    enum fg_result_kind kind;
    int64_t bid; /* 0: a reference that is none of ours */
    char activation[FG_MARKET_ID_TEXT];
    int64_t wanted_w, time_us;
    const char *reason; /* may be NULL */
};
/* A result that was taken before, or comes over a connection that is no more, changes nothing. */
enum fg_code fg_forward_result(const struct fg_forward *forward, const char *control_area,
                               const struct fg_market_result *result, struct fg_error *err);
/* The market has our answer to the activation. */
enum fg_code fg_forward_told(const struct fg_forward *forward, const char *control_area, const char *activation,
                             struct fg_error *err);

/* `party` is the system operator of the bid's market, or the owner of all its members. */
enum fg_code fg_forward_withdraw(const struct fg_forward *forward, int64_t party, int64_t bid, struct fg_error *err);
/* All bids of the party's order. */
enum fg_code fg_forward_withdraw_order(const struct fg_forward *forward, int64_t party, uint64_t order, struct fg_error *err);
enum fg_code fg_forward_pass(const struct fg_forward *forward, size_t *ended, struct fg_error *err);

/* An event of another part of the gateway, to one organisation. */
enum fg_code fg_forward_tell(const struct fg_forward *forward, const char *type, int64_t organisation, const char *data,
                             struct fg_error *err);

#endif
