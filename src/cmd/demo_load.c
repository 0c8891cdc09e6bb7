/* The order in which it happened. */
#include "cmd/demo.h"

void demo_load(struct demo *demo, const char *network_file, void (*say)(const char *text))
{
    const int64_t *days = demo->days, hour = 3600, morning = (demo->now_s - days[2]) / 2;
    say("participants, the grid and its assets");
    demo_register(demo);
    demo_build(demo, network_file);
    say("trading for yesterday and for today");
    demo_clock_set(demo, days[0] + 10 * hour + hour / 2);
    demo_trade_day(demo, days[1]);
    demo_declare(demo, days[1], days[2]);
    demo_clock_set(demo, days[1] + 10 * hour);
    demo_operate(demo, demo_at(demo, days[1], 18));
    demo_clock_set(demo, days[1] + 10 * hour + hour / 2);
    demo_trade_day(demo, days[2]);
    demo_declare(demo, days[2], days[3]);
    demo_auction(demo, days[2], days[1] + 12 * hour);
    say("yesterday's meters, settlement and invoices");
    demo_clock_set(demo, days[2] + (morning < 6 * hour ? morning : 6 * hour)); /* also shortly after midnight */
    demo_auction_wait(demo);
    demo_settle_day(demo, days[1], days[2]);
    say("the book of today and tomorrow");
    demo_clock_set(demo, demo->now_s);
    demo_forecast(demo, network_file, days[3], days[4]);
    demo_trade_now(demo);
    demo_operate(demo, (demo_clock(demo) / DEMO_PERIOD_S + 4) * DEMO_PERIOD_S);
}
