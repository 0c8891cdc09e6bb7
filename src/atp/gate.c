#include "atp/gate.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t fg_gate_closure_us(const struct fg_gate_rule *rule, int32_t period_s, int32_t period)
{
    return ((int64_t)period * period_s - rule->closure_lead_s) * 1000000;
}

struct fg_gate_window fg_gate_window(const struct fg_gate_rule *rule, const struct fg_timezone *zone, int32_t period_s,
                                     int64_t now_us)
{
    int64_t now_s = floor_div(now_us, 1000000);
    struct fg_date today = fg_timezone_local(zone, now_s).date;
    if (fg_timezone_instant(zone, today, rule->opening_clock_s, 0) > now_s)
        today = fg_date_add(today, -1); /* today's opening is still to come */
    int64_t next_day = fg_timezone_day_start(zone, fg_date_add(today, rule->opening_days + 1));
    struct fg_gate_window window = {
        .first = (int32_t)(floor_div(now_s + rule->closure_lead_s, period_s) + 1),
        .end = (int32_t)floor_div(next_day + period_s - 1, period_s),
    };
    if (window.end < window.first)
        window.end = window.first;
    return window;
}
