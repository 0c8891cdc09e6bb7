/* Invoices: from settled amounts to whole cents, value added tax and the money that rounding leaves.
 *
 * A document is one supply chain in one direction: what the platform's operator supplies to a participant (invoice), or
 * what the participant supplies (self-billing: the operator writes the participant's invoice on its behalf). Issued
 * documents never change: a rerun of the settlement gives a supplement when the participant's side of the document grew
 * and a credit note when it shrank, over the difference alone.
 *
 *     net      = sum of the lines, rounded to the currency's smallest unit (half away from zero)
 *     rounding = net - sum, at most half such a unit; it goes to the rounding account
 *     tax      = per rate: taxable net of that rate x rate, rounded; the net of each rate by largest remainder, so that the
 *                rates' nets add up to the net
 *     gross    = net + tax
 *
 * Tax (Directive 2006/112/EC): supplies between taxable persons of two countries, and domestic supplies of electricity to
 * dealers where the country says so, are reverse charge (articles 38, 44, 195, 199a): no tax on the document and the words
 * that article 226(11a) asks for; self-billing carries the words of 226(10a). Penalties are compensation, outside the tax's
 * scope (Court of Justice, C-277/05). Thread rule: pure functions. */
#ifndef FG_MARKET_DOCUMENT_H
#define FG_MARKET_DOCUMENT_H

#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>

enum fg_document_kind {
    FG_DOCUMENT_INVOICE,
    FG_DOCUMENT_SELF_BILLING,
    FG_DOCUMENT_SUPPLEMENT,
    FG_DOCUMENT_CREDIT_NOTE
};
extern const char *const fg_document_kind_words[];

enum fg_tax_treatment {
    FG_TAX_STANDARD,
    FG_TAX_REVERSE_CHARGE,
    FG_TAX_OUTSIDE_SCOPE
};
extern const char *const fg_tax_treatment_words[];

struct fg_tax_party {
    char country[3];   /* ISO 3166-1 */
    bool is_taxable;   /* has a VAT number */
    bool is_dealer;    /* a taxable dealer of electricity: domestic reverse charge where the country has it */
};
/* How a supply is taxed. `domestic_reverse` says whether the supplier's country has reverse charge for dealers. */
enum fg_tax_treatment fg_tax_of_supply(const struct fg_tax_party *supplier, const struct fg_tax_party *customer,
                                       bool domestic_reverse);
/* The words that the document has to carry; NULL: none. */
const char *fg_tax_note(enum fg_tax_treatment treatment);

struct fg_document_line {
    struct fg_money amount;          /* in the document's direction: positive adds to what is to be paid */
    enum fg_tax_treatment treatment;
};

struct fg_document_total {
    int64_t net, tax, gross;                 /* in the currency's smallest unit */
    int64_t net_of[FG_TAX_OUTSIDE_SCOPE + 1]; /* per treatment; they add up to net */
    struct fg_money rounding;                /* net less the sum of the lines */
};

/* `decimals` of the currency's smallest unit: 2 for cents, 0 to 6; `tax_rate_u` in millionths. FG_ERR_OVERFLOW when a sum
 * does not fit. */
enum fg_code fg_document_sum(const struct fg_document_line *lines, size_t count, int decimals, int64_t tax_rate_u,
                             struct fg_document_total *total, struct fg_error *err);

/* What to issue for the change of one direction from `issued` (the net of all earlier documents of the same subject) to
 * `now`: false when nothing has changed. */
bool fg_document_of_change(int64_t issued_net, int64_t net, enum fg_document_kind first_kind,
                           enum fg_document_kind *kind);

#endif
