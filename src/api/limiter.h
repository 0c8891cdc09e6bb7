/* Rate limits: a token bucket per key. A bucket holds up to `burst` tokens and gains `per_second`; a call takes one.
 *
 * The table has a fixed size: 4 buckets for each value of a keyed hash, the fullest one (the least active key) makes
 * room, so that a flood of keys neither takes memory nor frees anybody who is near the limit.
 * Thread rule: any thread. */
#ifndef FG_API_LIMITER_H
#define FG_API_LIMITER_H

#include "base/error.h"

#include <stdbool.h>

struct fg_limiter;
enum fg_code fg_limiter_create(struct fg_limiter **limiter, struct fg_error *err);
void fg_limiter_destroy(struct fg_limiter *limiter);

struct fg_rate {
    double per_second, burst;
};
struct fg_rate_state {
    double remaining;    /* tokens left after this call */
    double wait_seconds; /* until there is one again; 0 when the call is let through */
};
/* Take `cost` tokens at time `now` (seconds of a monotonic clock); false when there are not enough, then none is taken. */
bool fg_limiter_take(struct fg_limiter *limiter, const char *key, struct fg_rate rate, double cost, double now,
                     struct fg_rate_state *state);

#endif
