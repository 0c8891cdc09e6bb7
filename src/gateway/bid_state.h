/* The life of a bid at a balancing market: one table of states and inputs.
 *
 *                 ANSWERED          ACCEPTED           CALLED (all of it)
 *     prepared ------------> sent ------------> accepted ------------> activated
 *        |  the answer may be overtaken by results: every input is taken in every live state
 *        +-- WITHDRAW --> returning -- GIVEN_BACK --> returned         REFUSED --> refused      PASSED --> expired
 *
 * Rules:
 *   1. The lock of the bid's orders lasts as long as the bid lives: it is given up with the market's word (refused, given
 *      back, called) or when the bid's time has passed, never because somebody asked for it.
 *   2. While a withdrawal is under way a call is still honoured: the market has not agreed yet.
 *   3. What has ended stays as it is. Calls that come then are late: recorded, and refused to the market.
 *   4. A bid of which something was called ends as activated, whatever ends it.
 *   5. The same input twice changes nothing the second time.
 * Thread rule: pure functions. */
#ifndef FG_GATEWAY_BID_STATE_H
#define FG_GATEWAY_BID_STATE_H

#include <stdbool.h>

enum fg_bid_state {
    FG_BID_PREPARED,  /* to be sent; sent again with the same key until there is an answer */
    FG_BID_SENT,      /* the market has it */
    FG_BID_ACCEPTED,  /* it is in the market's merit order */
    FG_BID_RETURNING, /* it is asked back */
    FG_BID_ACTIVATED, /* from here on ended */
    FG_BID_RETURNED,
    FG_BID_REFUSED,
    FG_BID_EXPIRED,
    FG_BID_STATES
};
enum fg_bid_input {
    FG_BID_INPUT_ANSWERED,   /* the market has taken the bid in */
    FG_BID_INPUT_ACCEPTED,
    FG_BID_INPUT_REFUSED,
    FG_BID_INPUT_CALLED,     /* something of it was called and is left */
    FG_BID_INPUT_CALLED_ALL, /* nothing is left */
    FG_BID_INPUT_GIVEN_BACK, /* by the market, or in answer to a withdrawal */
    FG_BID_INPUT_WITHDRAW,   /* the owner or the system operator wants it back */
    FG_BID_INPUT_PASSED,     /* its time is over, grace included */
    FG_BID_INPUTS
};
extern const char *const fg_bid_state_words[]; /* "prepared", ...; NULL-terminated */

static inline bool fg_bid_has_ended(enum fg_bid_state state)
{
    return state >= FG_BID_ACTIVATED;
}
/* `has_calls`: something of it has been called before. The state itself: the input changes nothing. */
enum fg_bid_state fg_bid_next(enum fg_bid_state state, enum fg_bid_input input, bool has_calls);
/* The state of a word; FG_BID_STATES when there is none. */
enum fg_bid_state fg_bid_state_of(const char *word);

#endif
