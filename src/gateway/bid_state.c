#include "gateway/bid_state.h"

#include <string.h>

const char *const fg_bid_state_words[] = {"prepared", "sent",     "accepted", "returning", "activated",
                                          "returned", "refused", "expired",  NULL};

enum { P = FG_BID_PREPARED, S = FG_BID_SENT, A = FG_BID_ACCEPTED, G = FG_BID_RETURNING, X = FG_BID_ACTIVATED,
       B = FG_BID_RETURNED, R = FG_BID_REFUSED, E = FG_BID_EXPIRED };

static const unsigned char table[FG_BID_STATES][FG_BID_INPUTS] = {
    /*                  answered accepted refused called all back withdraw passed */
    [FG_BID_PREPARED] = {S, A, R, A, X, B, G, E},
    [FG_BID_SENT] = {S, A, R, A, X, B, G, E},
    [FG_BID_ACCEPTED] = {A, A, R, A, X, B, G, E},
    [FG_BID_RETURNING] = {G, G, R, G, X, B, G, E},
    [FG_BID_ACTIVATED] = {X, X, X, X, X, X, X, X},
    [FG_BID_RETURNED] = {B, B, B, B, B, B, B, B},
    [FG_BID_REFUSED] = {R, R, R, R, R, R, R, R},
    [FG_BID_EXPIRED] = {E, E, E, E, E, E, E, E},
};

enum fg_bid_state fg_bid_next(enum fg_bid_state state, enum fg_bid_input input, bool has_calls)
{
    enum fg_bid_state next = (enum fg_bid_state)table[state][input];
    if (!fg_bid_has_ended(state) && fg_bid_has_ended(next) && has_calls)
        return FG_BID_ACTIVATED;
    return next;
}

enum fg_bid_state fg_bid_state_of(const char *word)
{
    int state = 0;
    while (state < FG_BID_STATES && strcmp(fg_bid_state_words[state], word) != 0)
        state++;
    return (enum fg_bid_state)state;
}
