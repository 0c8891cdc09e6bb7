/* Example cases: networks restated from the literature, and a seeded day of flexible assets and orders on them.
 *
 * The networks are published benchmarks (sources in cigre_mv.c and ieee_feeders.c). What is added to them - photovoltaics,
 * electric vehicles, heat pumps, batteries, ratings where the publication has none - and every market is this project's
 * own, drawn from the seed below, so that anybody can make the same files again. Quantities are rounded to 1 kW and
 * prices to 0.10, so that the files do not depend on the last digit of the mathematical library.
 *
 * Being a program's part and not a library's, helpers here end the program with a message when something fails. */
#ifndef FG_TOOLS_EXAMPLE_H
#define FG_TOOLS_EXAMPLE_H

#include "base/random.h"
#include "grid/network.h"
#include "market/auction.h"

#define EXAMPLE_PERIODS_MAX 96

struct example {
    const char *folder; /* below the output folder */
    const char *title;
    struct fg_network *network;
    struct fg_market *market;
    struct fg_random random;
    int32_t order_number;
};

/* A finished example; release with example_release. */
void example_cigre_mv(struct example *example);
void example_ieee33(struct example *example);
void example_ieee69(struct example *example);
void example_release(struct example *example);

/* -- building blocks (builder.c) --------------------------------------------------------------------------------- */

/* End the program with a message. */
void example_die(const char *what, const struct fg_error *err);
void *example_need(void *pointer); /* NULL ends the program: out of memory */

void example_begin(struct example *example, const char *folder, const char *title, uint64_t seed);
/* The day of the market: periods of `period_s` from local midnight (UTC+1) on 16 March 2027, a Tuesday. */
void example_day(struct example *example, int32_t period_s);
double example_hours(const struct example *example);              /* of a period */
double example_hour_of_day(const struct example *example, int32_t period); /* middle of the period, local */
int32_t example_period_at(const struct example *example, double hour);

/* Shapes between 0 and 1 over the local hour (profile.c). */
double shape_residential(double hour);
double shape_commercial(double hour);
double shape_photovoltaic(double hour);
double shape_vehicle(double hour);
double shape_heat_pump(double hour);
double shape_day_ahead_price(double hour); /* per MWh */

/* A fixed injection with its operating point: peak_mw < 0 consumes; q = p * q_per_p. `noise` is the relative deviation from
 * the shape. Returns the baseline of active power for assets to refer to. */
const struct fg_power *example_injection(struct example *example, const char *id, const char *name,
                                         enum fg_injection_kind kind, const char *bus, double peak_mw, double q_per_p,
                                         double (*shape)(double hour), double noise);

/* Assets with their offers; id is "KIND-BUS". */
void example_photovoltaic(struct example *example, const char *bus, double peak_mw);
void example_vehicles(struct example *example, const char *bus, double peak_mw);
void example_heat_pumps(struct example *example, const char *bus, double peak_mw);
void example_battery(struct example *example, const char *bus, double power_mw, double energy_mwh);
void example_industry(struct example *example, const char *bus, double load_mw); /* shiftable process of a load */
void example_generator_set(struct example *example, const char *bus, double power_mw); /* combined heat and power */
void example_wind(struct example *example, const char *bus, double peak_mw);

/* Requests. Hours are local; up to, not including, the last. */
void example_cover_branch(struct example *example, const char *branch, double from, double to, double mva, double price);
void example_cover_voltage(struct example *example, const char *bus, bool lower, double from, double to, double pu,
                           double price);
void example_need_zone(struct example *example, int32_t zone, enum fg_regulation regulation, double from, double to,
                       double mw, double price);
void example_exchange(struct example *example, const char *bus, enum fg_regulation regulation, double from, double to,
                      double mw, double price);

#endif
