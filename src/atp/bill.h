/* Bills: what the journal says about a participant becomes invoices and self-billed invoices (market/document.h).
 *
 * The operator of the area stands between buyers and sellers. What it supplies (purchases, fees, energy taken over by a balance
 * responsible party, less compensation) goes on an invoice; what is supplied to it (sales less penalties, energy given) on a
 * self-billed invoice. Issuing takes every row of the journal of the month that is not billed yet, once:
 *
 *     first issue       invoice, self-billed invoice
 *     after reruns      supplement or credit note over the rows booked since, naming what it changes
 *
 * Rows whose sum leaves nothing to bill wait for later ones. Together with the document, in one transaction, rounding and tax
 * are booked, so that the participant's account then stands at what the document asks for; payments bring it back. Numbers
 * have no gap in a series and year; each supplier's self-billed invoices are a series of their own:
 *
 *     INV-1/2025/000017   of operator org-1         CRN-1/...     its credit notes
 *     SB-1-3/2025/000004  for supplier org-3        SBC-1-3/...
 *
 * An issued document never changes: its text is stored, and JSON, CSV and PDF are made from that text alone.
 * Amounts are in the currency's smallest unit. Refusals and thread rule: registry.h. */
#ifndef FG_ATP_BILL_H
#define FG_ATP_BILL_H

#include "atp/settlement.h"
#include "base/text.h"

/* Issue everything that is due for the month of delivery `year`, `month`; by the market operator. `count`: documents made. */
enum fg_code fg_bills_issue(struct fg_registry *registry, int64_t area, int32_t year, int32_t month, int64_t *count,
                            struct fg_error *err);

/* A payment of `amount` in the direction of the document's gross: > 0 settles an invoice that asks for money; what a
 * credit note pays back is < 0. FG_ERR_CONFLICT when it goes beyond what is open. */
enum fg_code fg_bill_pay(struct fg_registry *registry, int64_t bill, int64_t amount, struct fg_date day, const char *reference,
                         int64_t *id, struct fg_error *err);

/* The document's text (JSON); for the operator, the participant and who sees all. */
enum fg_code fg_bill_content(struct fg_registry *registry, int64_t bill, struct fg_text *json, struct fg_error *err);
/* From that text: one row per line of the document; an A4 page or more. */
enum fg_code fg_bill_csv(const char *json, struct fg_text *csv, struct fg_error *err);
enum fg_code fg_bill_pdf(const char *json, struct fg_text *pdf, struct fg_error *err);

/* The journal of an area for days from `from` until before `until` as CSV: number, booked, day, run, document, debit and credit
 * account with party, reason, trade, period, amount. By the market operator. */
enum fg_code fg_journal_csv(struct fg_registry *registry, int64_t area, struct fg_date from, struct fg_date until,
                            struct fg_text *csv, struct fg_error *err);

#endif
