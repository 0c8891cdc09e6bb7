#include "base/units.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

static enum fg_code fail_overflow(struct fg_error *err)
{
    return fg_fail(err, FG_ERR_OVERFLOW, NULL, "the amount does not fit into 64 bits; use smaller numbers");
}

enum { DECIMAL_PLACES_MAX = 18 };

enum fg_code fg_decimal_parse(const char *text, int places, int64_t *out, struct fg_error *err)
{
    assert(places >= 0 && places <= DECIMAL_PLACES_MAX);
    const char *at = text;
    bool negative = *at == '-';
    at += negative;
    const char *digits = at;
    wide value = 0;
    bool fits = true;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        fits = fits && value <= INT64_MAX;
        if (!fits)
            value = 0; /* remembered in `fits`; keep scanning for the better error */
    }
    bool valid = at > digits;
    int decimals = 0;
    bool too_fine = false;
    if (valid && *at == '.') {
        const char *first = ++at;
        for (; *at >= '0' && *at <= '9'; at++) {
            if (decimals < places) {
                value = value * 10 + (*at - '0');
                decimals++;
            } else if (*at != '0') {
                too_fine = true;
            }
        }
        valid = at > first;
    }
    if (!valid || *at != '\0')
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" is not a decimal number; write it as 12.5", text);
    if (too_fine)
        return fg_fail(err, FG_ERR_VALUE, NULL, "\"%.40s\" has more than %d decimals; round it", text, places);
    for (; decimals < places; decimals++)
        value *= 10;
    if (!fits || value > INT64_MAX)
        return fg_fail(err, FG_ERR_OVERFLOW, NULL, "\"%.40s\" does not fit into 64 bits; use a smaller number", text);
    *out = (int64_t)(negative ? -value : value);
    return FG_OK;
}

const char *fg_decimal_format(int64_t value, int places, int least_places, char buffer[FG_DECIMAL_MAX])
{
    assert(places >= 0 && places <= DECIMAL_PLACES_MAX && least_places >= 0 && least_places <= places);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;
    for (int i = 0; i < places; i++)
        scale *= 10;
    const char *sign = value < 0 ? "-" : "";
    unsigned long long whole = magnitude / scale, rest = magnitude % scale;
    while (places > least_places && rest % 10 == 0) {
        rest /= 10;
        places--;
    }
    if (places == 0)
        snprintf(buffer, FG_DECIMAL_MAX, "%s%llu", sign, whole);
    else
        snprintf(buffer, FG_DECIMAL_MAX, "%s%llu.%0*llu", sign, whole, places, rest);
    return buffer;
}

enum fg_code fg_muldiv(int64_t a, int64_t b, int64_t divisor, int64_t *out, struct fg_error *err)
{
    if (divisor <= 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the divisor must be positive");
    wide product = (wide)a * b; /* |product| <= 2^126 */
    wide half = divisor / 2;
    /* For odd divisors the remainder never equals one half, so adding the floor of the half is exact as well. */
    wide quotient = product >= 0 ? (product + half) / divisor : (product - half) / divisor;
    if (quotient > INT64_MAX || quotient < INT64_MIN)
        return fail_overflow(err);
    *out = (int64_t)quotient;
    return FG_OK;
}

enum fg_code fg_add(int64_t a, int64_t b, int64_t *out, struct fg_error *err)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return fail_overflow(err);
    *out = sum;
    return FG_OK;
}

enum fg_code fg_energy_of(struct fg_power power, int64_t seconds, struct fg_energy *out, struct fg_error *err)
{
    return fg_muldiv(power.w, seconds, 1, &out->ws, err);
}

enum fg_code fg_money_of(struct fg_energy energy, struct fg_price price, struct fg_money *out, struct fg_error *err)
{
    static const int64_t ws_per_mwh = INT64_C(3600000000);
    return fg_muldiv(energy.ws, price.uper_mwh, ws_per_mwh, &out->u, err);
}

static enum fg_code check_range(double value, struct fg_error *err)
{
    if (isnan(value))
        return fg_fail(err, FG_ERR_VALUE, NULL, "the amount is not a number");
    return fabs(value) <= 0x1p62 ? FG_OK : fail_overflow(err);
}

/* C's round() is half away from zero. */
static enum fg_code round_micro(double value, int64_t *out, struct fg_error *err)
{
    double scaled = value * 1e6;
    enum fg_code code = check_range(scaled, err);
    if (code == FG_OK)
        *out = (int64_t)round(scaled);
    return code;
}

enum fg_code fg_power_from_mw(double mw, struct fg_power *out, struct fg_error *err)
{
    return round_micro(mw, &out->w, err);
}

enum fg_code fg_power_from_mw_inward(double mw, struct fg_power tick, struct fg_power *out, struct fg_error *err)
{
    if (tick.w <= 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the tick must be positive");
    double watts = mw * 1e6;
    enum fg_code code = check_range(watts, err);
    if (code != FG_OK)
        return code;
    /* A decimal such as 0.3 MW lies a few ulp beside its whole watts; that is representation, not a limit. */
    double nearest = round(watts);
    bool is_whole = fabs(watts - nearest) <= 4e-16 * fabs(watts);
    int64_t whole = (int64_t)(is_whole ? nearest : trunc(watts));
    out->w = whole - whole % tick.w;
    return FG_OK;
}

enum fg_code fg_price_from_per_mwh(double per_mwh, struct fg_price *out, struct fg_error *err)
{
    return round_micro(per_mwh, &out->uper_mwh, err);
}

enum fg_code fg_money_from_units(double units, struct fg_money *out, struct fg_error *err)
{
    return round_micro(units, &out->u, err);
}

double fg_mw(struct fg_power power)
{
    return (double)power.w / 1e6;
}

double fg_per_mwh(struct fg_price price)
{
    return (double)price.uper_mwh / 1e6;
}

double fg_units(struct fg_money money)
{
    return (double)money.u / 1e6;
}

struct share {
    wide remainder;
    size_t index;
};

static int compare_shares(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder > y->remainder ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Hamilton's method: everyone gets the whole part of the quota, the units left go to the largest remainders. A negative
 * total is split as its magnitude, so that the split of -x is the negative of the split of x. */
enum fg_code fg_split(int64_t total, const int64_t *weights, size_t count, int64_t *parts, struct fg_error *err)
{
    wide sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (weights[i] < 0)
            return fg_fail(err, FG_ERR_ARGUMENT, NULL, "weight %zu is negative", i);
        sum += weights[i];
    }
    if (sum == 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "all weights are zero; give at least one positive weight");
    struct share *shares = fg_alloc(count, sizeof *shares);
    if (shares == NULL)
        return fg_fail_memory(err);
    wide magnitude = total < 0 ? -(wide)total : total, left = magnitude;
    for (size_t i = 0; i < count; i++) {
        wide product = magnitude * weights[i]; /* <= 2^126 */
        int64_t whole = (int64_t)(product / sum);
        shares[i] = (struct share){.remainder = product % sum, .index = i};
        parts[i] = whole;
        left -= whole;
    }
    qsort(shares, count, sizeof *shares, compare_shares);
    for (size_t i = 0; left > 0; i++, left--)
        parts[shares[i].index]++;
    if (total < 0)
        for (size_t i = 0; i < count; i++)
            parts[i] = -parts[i];
    fg_free(shares);
    return FG_OK;
}
