/* A balancing market for tests and demonstrations: takes bids, keeps them in merit order, calls them, and tells the results.
 * All state is in memory. Its REST interface (api/operations_balancing.c, docs/gateway.md) is what an adapter to a real
 * market has to speak.
 *
 *   bid        accepted when it is large enough, in time and not withdrawn before, else refused; the same reference again is the
 *              same bid
 *   call       by bid, or by a required volume in merit order: lower price first, then the earlier bid; a bid whose minimum
 *              is above what is still required is passed over
 *   answer     of the bidder to a call; what it does not confirm is out of the market
 *   withdraw   by reference, also before the bid has come: it is refused then
 * Everything that happens to a bid is a result with a number, in order; the bidder reads on from the last one it knows.
 * Thread rule: any thread. */
#ifndef FG_GATEWAY_BALANCING_H
#define FG_GATEWAY_BALANCING_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FG_BALANCING_TEXT 65

enum fg_balancing_state {
    FG_BALANCING_ACCEPTED,
    FG_BALANCING_REFUSED,
    FG_BALANCING_CALLED, /* all of it */
    FG_BALANCING_RETURNED,
    FG_BALANCING_EXPIRED
};
extern const char *const fg_balancing_state_words[];

struct fg_balancing_bid {
    int64_t id;
    char reference[FG_BALANCING_TEXT], control_area[FG_BALANCING_TEXT], zone[FG_BALANCING_TEXT], brp[FG_BALANCING_TEXT];
    int regulation;                  /* 0 up, 1 down */
    int64_t start_s, duration_s;
    int64_t quantity_w, least_w, price_u;
    enum fg_balancing_state state;
    int64_t called_w, closed_w;      /* closed: not confirmed, so not to be called any more */
    int64_t received_us;
};
struct fg_balancing_call {
    int64_t id, bid;
    int64_t wanted_w, confirmed_w; /* confirmed -1: not answered yet */
    int64_t time_us;
    char reason[200];
};
enum fg_balancing_result_kind {
    FG_BALANCING_RESULT_ACCEPTED,
    FG_BALANCING_RESULT_REFUSED,
    FG_BALANCING_RESULT_CALLED,
    FG_BALANCING_RESULT_RETURNED,
    FG_BALANCING_RESULT_EXPIRED
};
extern const char *const fg_balancing_result_words[];
struct fg_balancing_result {
    int64_t sequence;
    enum fg_balancing_result_kind kind;
    int64_t bid, call; /* call 0: none */
    char reference[FG_BALANCING_TEXT];
    int64_t quantity_w, time_us;
    const char *reason; /* constant */
};

struct fg_balancing_options {
    int64_t bid_min_w, lead_s;
    int64_t (*clock_us)(void *context); /* NULL: the system's */
    void *clock_context;
};
struct fg_balancing;
enum fg_code fg_balancing_create(const struct fg_balancing_options *options, struct fg_balancing **market, struct fg_error *err);
void fg_balancing_destroy(struct fg_balancing *market); /* NULL is allowed */

/* `bid` holds what is bid; becomes what the market has. FG_ERR_CONFLICT: the reference stands for another bid. */
enum fg_code fg_balancing_bid(struct fg_balancing *market, struct fg_balancing_bid *bid, struct fg_error *err);
/* `is_known`: the bid has come before. FG_ERR_CONFLICT: all of it has been called. */
enum fg_code fg_balancing_withdraw(struct fg_balancing *market, const char *reference, bool *is_known, struct fg_error *err);
/* FG_ERR_NOT_FOUND, FG_ERR_CONFLICT: not in the merit order, or less is left. */
enum fg_code fg_balancing_activate(struct fg_balancing *market, int64_t bid, int64_t quantity_w, struct fg_balancing_call *call,
                                   struct fg_error *err);
/* The market gives a bid back, or says no after all. */
enum fg_code fg_balancing_end(struct fg_balancing *market, int64_t bid, enum fg_balancing_state state, struct fg_error *err);
enum fg_code fg_balancing_confirm(struct fg_balancing *market, int64_t call, int64_t confirmed_w, const char *reason,
                                  struct fg_error *err);
/* Call `required_w` in merit order. `calls` has room for `room`; price of the dearest called. */
enum fg_code fg_balancing_clear(struct fg_balancing *market, const char *control_area, int regulation, int64_t start_s,
                                int64_t required_w, struct fg_balancing_call *calls, size_t room, size_t *count, int64_t *price_u,
                                struct fg_error *err);

/* Copies, in order of their numbers from after `after` on; return how many. */
size_t fg_balancing_bids(struct fg_balancing *market, int64_t after, struct fg_balancing_bid *out, size_t room);
size_t fg_balancing_calls(struct fg_balancing *market, int64_t after, struct fg_balancing_call *out, size_t room);
size_t fg_balancing_results(struct fg_balancing *market, int64_t after, struct fg_balancing_result *out, size_t room);
/* Bids that can be called for delivery from start_s on, best first. */
size_t fg_balancing_merit(struct fg_balancing *market, const char *control_area, int regulation, int64_t start_s,
                          struct fg_balancing_bid *out, size_t room);

#endif
