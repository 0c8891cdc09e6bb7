#include "market/document.h"

#include <string.h>

const char *const fg_document_kind_words[] = {"invoice", "self_billing", "supplement", "credit_note", NULL};
const char *const fg_tax_treatment_words[] = {"standard", "reverse_charge", "outside_scope", NULL};

enum { TREATMENTS = FG_TAX_OUTSIDE_SCOPE + 1, MICRO_PLACES = 6, ONE = 1000000 };

enum fg_tax_treatment fg_tax_of_supply(const struct fg_tax_party *supplier, const struct fg_tax_party *customer,
                                       bool domestic_reverse)
{
    if (!customer->is_taxable)
        return FG_TAX_STANDARD;
    if (strcmp(supplier->country, customer->country) != 0)
        return FG_TAX_REVERSE_CHARGE;
    return domestic_reverse && customer->is_dealer ? FG_TAX_REVERSE_CHARGE : FG_TAX_STANDARD;
}

const char *fg_tax_note(enum fg_tax_treatment treatment)
{
    return treatment == FG_TAX_REVERSE_CHARGE  ? "Reverse charge"
           : treatment == FG_TAX_OUTSIDE_SCOPE ? "Outside the scope of value added tax"
                                               : NULL;
}

/* value / unit, rounded half away from zero. */
static int64_t in_units(int64_t value, int64_t unit)
{
    int64_t rest = value % unit, whole = value / unit;
    int64_t twice = 2 * (rest < 0 ? -rest : rest); /* unit <= 1e6 */
    return twice >= unit ? whole + (value < 0 ? -1 : 1) : whole;
}

/* Whole units per treatment that add up to `net`: each is rounded down, and those with the largest remainder get one more
 * (ties: the lower treatment). */
static void share_net(const int64_t *sums, int64_t net, int64_t unit, int64_t *net_of)
{
    int64_t remainder[TREATMENTS], left = net;
    for (int t = 0; t < TREATMENTS; t++) {
        int64_t floor = sums[t] / unit - (sums[t] % unit < 0);
        net_of[t] = floor;
        remainder[t] = sums[t] - floor * unit;
        left -= floor;
    }
    for (; left > 0; left--) {
        int best = 0;
        for (int t = 1; t < TREATMENTS; t++)
            if (remainder[t] > remainder[best])
                best = t;
        net_of[best]++;
        remainder[best] = -1;
    }
}

enum fg_code fg_document_sum(const struct fg_document_line *lines, size_t count, int decimals, int64_t tax_rate_u,
                             struct fg_document_total *total, struct fg_error *err)
{
    int64_t sums[TREATMENTS] = {0}, sum = 0, unit = 1;
    enum fg_code code = FG_OK;
    if (decimals < 0 || decimals > MICRO_PLACES || tax_rate_u < 0 || tax_rate_u > ONE)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a currency has 0 to 6 decimals and a tax rate lies between 0 and 1");
    for (int place = decimals; place < MICRO_PLACES; place++)
        unit *= 10;
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        code = fg_add(sums[lines[i].treatment], lines[i].amount.u, &sums[lines[i].treatment], err);
        if (code == FG_OK)
            code = fg_add(sum, lines[i].amount.u, &sum, err);
    }
    if (code != FG_OK)
        return code;
    memset(total, 0, sizeof *total);
    total->net = in_units(sum, unit);
    total->rounding.u = total->net * unit - sum;
    share_net(sums, total->net, unit, total->net_of);
    code = fg_muldiv(total->net_of[FG_TAX_STANDARD], tax_rate_u, ONE, &total->tax, err);
    return code == FG_OK ? fg_add(total->net, total->tax, &total->gross, err) : code;
}

bool fg_document_of_change(int64_t issued_net, int64_t net, enum fg_document_kind first_kind, enum fg_document_kind *kind)
{
    if (net == issued_net)
        return false;
    *kind = net < issued_net ? FG_DOCUMENT_CREDIT_NOTE : issued_net == 0 ? first_kind : FG_DOCUMENT_SUPPLEMENT;
    return true;
}
