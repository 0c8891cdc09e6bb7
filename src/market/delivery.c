#include "market/delivery.h"
#include "base/memory.h"

static enum fg_code check(const struct fg_delivery_trade *trade, struct fg_error *err)
{
    const struct fg_delivery_terms *terms = trade->terms;
    if (trade->quantity.w <= 0 || (trade->regulation != FG_REGULATION_UP && trade->regulation != FG_REGULATION_DOWN))
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a trade to be settled has a quantity and one direction");
    if (terms->tolerance_share_u < 0 || terms->tolerance_share_u > FG_FRACTION_ONE || terms->tolerance.w < 0 ||
        terms->penalty_factor_u < 0 || terms->penalty.uper_mwh < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "tolerances and penalties of a product are not negative");
    return FG_OK;
}

/* Traded energies, and the sum of each direction. */
static enum fg_code traded_energy(const struct fg_delivery_trade *trades, size_t count, int64_t seconds,
                                  struct fg_delivery *out, int64_t sums[2], struct fg_error *err)
{
    sums[FG_REGULATION_UP] = sums[FG_REGULATION_DOWN] = 0;
    for (size_t i = 0; i < count; i++) {
        enum fg_code code = check(&trades[i], err);
        out[i] = (struct fg_delivery){{0}, {0}, {0}, {0}, {0}, {0}};
        if (code == FG_OK)
            code = fg_energy_of(trades[i].quantity, seconds, &out[i].traded, err);
        if (code == FG_OK)
            code = fg_add(sums[trades[i].regulation], out[i].traded.ws, &sums[trades[i].regulation], err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

/* Share the shortfall among the trades of one direction. */
static enum fg_code share_shortfall(const struct fg_delivery_trade *trades, size_t count, enum fg_regulation regulation,
                                    int64_t shortfall_ws, struct fg_delivery *out, struct fg_error *err)
{
    int64_t *weights = fg_alloc(count, sizeof *weights), *parts = fg_alloc(count, sizeof *parts);
    enum fg_code code = weights == NULL || parts == NULL ? fg_fail_memory(err) : FG_OK;
    for (size_t i = 0; code == FG_OK && i < count; i++)
        weights[i] = trades[i].regulation == regulation ? out[i].traded.ws : 0;
    if (code == FG_OK)
        code = fg_split(shortfall_ws, weights, count, parts, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        out[i].shortfall.ws = parts[i];
    fg_free(weights);
    fg_free(parts);
    return code;
}

static enum fg_code price_delivery(const struct fg_delivery_trade *trade, int64_t seconds, struct fg_delivery *out,
                                   struct fg_error *err)
{
    const struct fg_delivery_terms *terms = trade->terms;
    struct fg_energy absolute;
    int64_t share, rate;
    enum fg_code code = fg_muldiv(out->traded.ws, terms->tolerance_share_u, FG_FRACTION_ONE, &share, err);
    if (code == FG_OK)
        code = fg_energy_of(terms->tolerance, seconds, &absolute, err);
    if (code != FG_OK)
        return code;
    int64_t tolerance = share > absolute.ws ? share : absolute.ws;
    out->delivered.ws = out->traded.ws - out->shortfall.ws;
    out->tolerated.ws = out->shortfall.ws < tolerance ? out->shortfall.ws : tolerance;
    struct fg_energy penalised = {out->shortfall.ws - out->tolerated.ws};
    code = fg_money_of(out->delivered, trade->price, &out->paid, err);
    int64_t price = trade->price.uper_mwh > 0 ? trade->price.uper_mwh : 0;
    if (code == FG_OK)
        code = fg_muldiv(price, terms->penalty_factor_u, FG_FRACTION_ONE, &rate, err);
    if (code == FG_OK)
        code = fg_add(rate, terms->penalty.uper_mwh, &rate, err);
    return code == FG_OK ? fg_money_of(penalised, (struct fg_price){rate}, &out->penalty, err) : code;
}

enum fg_code fg_delivery_settle(const struct fg_delivery_trade *trades, size_t count, struct fg_energy deviation,
                                int64_t seconds, struct fg_delivery *out, struct fg_delivery_net *net,
                                struct fg_error *err)
{
    int64_t sums[2];
    enum fg_code code = traded_energy(trades, count, seconds, out, sums, err);
    if (code != FG_OK)
        return code;
    int64_t owed = sums[FG_REGULATION_UP] - sums[FG_REGULATION_DOWN];
    int sign = owed > 0 ? 1 : owed < 0 ? -1 : 0;
    int64_t size = owed < 0 ? -owed : owed;
    if (deviation.ws == INT64_MIN)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "the deviation from the baseline is not known");
    int64_t done = sign * deviation.ws; /* in the direction owed; 0 when nothing is */
    int64_t shortfall = done >= size ? 0 : done <= 0 ? size : size - done;
    *net = (struct fg_delivery_net){{owed}, deviation, {0}};
    net->excess.ws = done > 0 && done <= size ? 0 : done > size ? deviation.ws - owed : deviation.ws;
    if (shortfall > 0)
        code = share_shortfall(trades, count, sign > 0 ? FG_REGULATION_UP : FG_REGULATION_DOWN, shortfall, out, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = price_delivery(&trades[i], seconds, &out[i], err);
    return code;
}
