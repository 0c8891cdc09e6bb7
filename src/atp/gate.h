/* Gates: which delivery periods of a product are open at an instant.
 *
 * A period that starts at s belongs to the local day D that s lies in. It is open from the opening clock time of the day
 * `opening_days` before D (in the area's time zone, see base/timezone.h for the missing and the doubled hour) until
 * `closure_lead_s` before s. With n the present and L the length of a period:
 *     first = smallest p with  p L - lead > n
 *     end   = first period of the day after the last day whose opening is <= n
 * The day is what it is in the zone: 23, 24 or 25 hours. Thread rule: pure functions. */
#ifndef FG_ATP_GATE_H
#define FG_ATP_GATE_H

#include "base/timezone.h"

struct fg_gate_rule {
    int32_t opening_days;    /* >= 0 */
    int32_t opening_clock_s; /* seconds of the local clock, 0 ... 86399 */
    int32_t closure_lead_s;  /* >= 0 */
};

/* Open periods [first, end) at `now_us` (microseconds since 1970); first == end: none. */
struct fg_gate_window {
    int32_t first, end;
};
struct fg_gate_window fg_gate_window(const struct fg_gate_rule *rule, const struct fg_timezone *zone, int32_t period_s,
                                     int64_t now_us);

/* When the period closes. */
int64_t fg_gate_closure_us(const struct fg_gate_rule *rule, int32_t period_s, int32_t period);

#endif
