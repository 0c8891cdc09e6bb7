/* Fixed-point units of market, store and API, and their decimal strings.
 *
 * Power is whole watt or var, energy watt-seconds, price micro-units of the area's currency per MWh (per MW and hour
 * for availability, per Mvarh for reactive), money micro-units. One-member structs, so that the compiler refuses to
 * add money to power. Products run in 128 bits; the one rounding rule is half away from zero; overflow is an error.
 * Thread rule: pure functions. */
#ifndef FG_BASE_UNITS_H
#define FG_BASE_UNITS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct fg_power { int64_t w; };
struct fg_energy { int64_t ws; };
struct fg_price { int64_t uper_mwh; };
struct fg_money { int64_t u; };

#define FG_DECIMAL_MAX 48 /* bytes that any formatted decimal fits into */

/* Decimal string <-> integer with `places` decimal places (6 for MW as W and for money and price as micro-units).
 * Parsing is strict: optional '-', digits, optional '.' and digits; more decimals than `places` are refused unless
 * they are zeros; no exponent. Formatting prints at least `least_places` decimals and drops further zeros. */
enum fg_code fg_decimal_parse(const char *text, int places, int64_t *out, struct fg_error *err);
const char *fg_decimal_format(int64_t value, int places, int least_places, char buffer[FG_DECIMAL_MAX]);

/* a * b / divisor, rounded half away from zero; FG_ERR_OVERFLOW when it does not fit. divisor > 0. */
enum fg_code fg_muldiv(int64_t a, int64_t b, int64_t divisor, int64_t *out, struct fg_error *err);
enum fg_code fg_add(int64_t a, int64_t b, int64_t *out, struct fg_error *err);

/* power for `seconds` -> energy; energy x price -> money (1 MWh = 3.6e9 Ws). */
enum fg_code fg_energy_of(struct fg_power power, int64_t seconds, struct fg_energy *out, struct fg_error *err);
enum fg_code fg_money_of(struct fg_energy energy, struct fg_price price, struct fg_money *out, struct fg_error *err);

/* The one place where doubles become units: rounds half away from zero; refuses NaN and values beyond 2^62.
 * `fg_power_from_mw_inward` rounds toward zero to a multiple of `tick`, so that limits are kept. */
enum fg_code fg_power_from_mw(double mw, struct fg_power *out, struct fg_error *err);
enum fg_code fg_power_from_mw_inward(double mw, struct fg_power tick, struct fg_power *out, struct fg_error *err);
enum fg_code fg_price_from_per_mwh(double per_mwh, struct fg_price *out, struct fg_error *err);
enum fg_code fg_money_from_units(double units, struct fg_money *out, struct fg_error *err);
double fg_mw(struct fg_power power);
double fg_per_mwh(struct fg_price price);
double fg_units(struct fg_money money);

/* Split `total` in proportion to `weights` (>= 0, not all 0) by largest remainder; parts add up to `total` exactly;
 * ties go to the lower index. */
enum fg_code fg_split(int64_t total, const int64_t *weights, size_t count, int64_t *parts, struct fg_error *err);

#endif
