#include "atp/bill.h"

#include "atp/metering.h"
#include "atp/query.h"
#include "base/csv.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/timezone.h"
#include "market/document.h"

#include <stdio.h>
#include <string.h>

#define DEALERS                                                                                                        \
    (FG_BIT(FG_ROLE_FMO) | FG_BIT(FG_ROLE_BRP) | FG_BIT(FG_ROLE_RETAILER) | FG_BIT(FG_ROLE_MARKET_OPERATOR) |          \
     FG_BIT(FG_ROLE_AGGREGATOR))

enum { TEXT = 201 };

struct party {
    int64_t id;
    char name[TEXT], address[TEXT * 2], vat[40], iban[40];
    struct fg_tax_party tax;
};

/* One line: a reason on a day of delivery. */
struct line {
    enum fg_ledger_reason reason;
    int64_t day;
    struct fg_energy energy;
    struct fg_document_line amount;
};

struct bill {
    struct fg_registry *registry;
    int64_t area, month, first_day, last_day, id, today;
    char currency[8];
    struct fg_settlement_rule rule;
    struct party operator_, participant;
    bool is_self; /* self-billing */
    struct line *lines;
    size_t count, capacity;
    struct fg_document_total total;
    enum fg_document_kind kind;
    char series[64];
    int64_t year, number;
};

/* Reasons by the side of the participant: what the operator supplies, what is supplied to it. */
static const enum fg_ledger_reason invoiced[] = {FG_REASON_PURCHASE, FG_REASON_COMPENSATION, FG_REASON_TRANSFER_TAKEN,
                                                 FG_REASON_FEE_SHARE, FG_REASON_FEE_MONTHLY, FG_REASON_AVAILABILITY_BOUGHT,
                                                 FG_REASON_UNAVAILABILITY_SHARED, FG_REASON_AUCTION_CHARGE};
static const char *const line_words[FG_REASON_COUNT] = {
    [FG_REASON_PURCHASE] = "Flexibility delivered",
    [FG_REASON_SALE] = "Flexibility delivered",
    [FG_REASON_PENALTY] = "Penalty for shortfall",
    [FG_REASON_COMPENSATION] = "Compensation for shortfall",
    [FG_REASON_TRANSFER_TAKEN] = "Energy taken over",
    [FG_REASON_TRANSFER_GIVEN] = "Energy handed over",
    [FG_REASON_FEE_SHARE] = "Platform fee on turnover",
    [FG_REASON_FEE_MONTHLY] = "Platform fee of the month",
    [FG_REASON_AVAILABILITY_BOUGHT] = "Availability held ready",
    [FG_REASON_AVAILABILITY_SOLD] = "Availability held ready",
    [FG_REASON_UNAVAILABILITY] = "Penalty for unavailability",
    [FG_REASON_UNAVAILABILITY_SHARED] = "Compensation for unavailability",
    [FG_REASON_AUCTION_CHARGE] = "Auction: difference between place prices",
    [FG_REASON_AUCTION_CREDIT] = "Auction: difference between place prices, make-whole",
};

static bool is_invoiced(enum fg_ledger_reason reason)
{
    for (size_t i = 0; i < sizeof invoiced / sizeof *invoiced; i++)
        if (invoiced[i] == reason)
            return true;
    return false;
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static enum fg_code read_party(struct fg_store *store, int64_t id, struct party *party, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT name, address, vat_number, iban, country, roles FROM organisation WHERE id = $1", "i",
                                     id);
    if (code != FG_OK)
        return code;
    party->id = id;
    copy(party->name, sizeof party->name, fg_sql_column_text(sql, 0));
    copy(party->address, sizeof party->address, fg_sql_column_text(sql, 1));
    copy(party->vat, sizeof party->vat, fg_sql_column_text(sql, 2));
    copy(party->iban, sizeof party->iban, fg_sql_column_text(sql, 3));
    copy(party->tax.country, sizeof party->tax.country, fg_sql_column_text(sql, 4));
    party->tax.is_taxable = party->vat[0] != '\0';
    party->tax.is_dealer = (fg_sql_column_int64(sql, 5) & (int64_t)DEALERS) != 0;
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_tax_treatment treatment_of(const struct bill *bill, enum fg_ledger_reason reason)
{
    if (reason == FG_REASON_PENALTY || reason == FG_REASON_COMPENSATION || reason == FG_REASON_UNAVAILABILITY ||
        reason == FG_REASON_UNAVAILABILITY_SHARED)
        return FG_TAX_OUTSIDE_SCOPE;
    const struct party *supplier = bill->is_self ? &bill->participant : &bill->operator_;
    const struct party *customer = bill->is_self ? &bill->operator_ : &bill->participant;
    if (!supplier->tax.is_taxable) /* who has no VAT number charges none */
        return FG_TAX_OUTSIDE_SCOPE;
    return fg_tax_of_supply(&supplier->tax, &customer->tax, bill->rule.domestic_reverse);
}

static struct line *line_of(struct bill *bill, enum fg_ledger_reason reason, int64_t day)
{
    for (size_t i = 0; i < bill->count; i++)
        if (bill->lines[i].reason == reason && bill->lines[i].day == day)
            return &bill->lines[i];
    if (fg_grow((void **)&bill->lines, bill->count, &bill->capacity, sizeof *bill->lines) != 0)
        return NULL;
    bill->lines[bill->count] = (struct line){.reason = reason, .day = day};
    bill->lines[bill->count].amount.treatment = treatment_of(bill, reason);
    return &bill->lines[bill->count++];
}

/* The unbilled rows of the participant's side of one direction, summed into lines. In this direction positive is what
 * is to be paid: by the participant on an invoice, to the participant on a self-billed one. */
static enum fg_code read_lines(struct bill *bill, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t id = bill->participant.id;
    enum fg_code code = fg_query(bill->registry->store, &sql, err,
                                 "SELECT day, reason, from_id, amount_u FROM booking WHERE area_id = $1 AND day >= $2 AND day <= $3 "
                                 "AND bill_id IS NULL AND run_id IS NOT NULL AND (from_id = $4 OR to_id = $4) ORDER BY reason, day, id",
                                 "iiii", bill->area, bill->first_day, bill->last_day, id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        enum fg_ledger_reason reason = (enum fg_ledger_reason)fg_sql_column_int64(sql, 1);
        bool gives = fg_sql_column_int64(sql, 2) == id;
        int64_t amount = fg_sql_column_int64(sql, 3);
        if (is_invoiced(reason) == bill->is_self)
            continue;
        struct line *line = line_of(bill, reason, fg_sql_column_int64(sql, 0));
        code = line == NULL ? fg_fail_memory(err)
                            : fg_add(line->amount.amount.u, gives == !bill->is_self ? amount : -amount, &line->amount.amount.u, err);
        if (code != FG_OK) {
            fg_sql_done(sql);
            break;
        }
    }
    return code;
}

/* Energy behind the lines of a day: what the runs that booked them add to those they came after. */
static enum fg_code read_energy(struct bill *bill, struct line *line, struct fg_error *err)
{
    static const char *const sides[] = {
        "SELECT COALESCE(SUM(CASE WHEN t.run_id = r.id THEN t.delivered_ws ELSE -t.delivered_ws END), 0) FROM settlement_run r "
        "JOIN settlement_trade t ON t.run_id = r.id OR t.run_id = r.booked_after WHERE r.area_id = $1 AND r.day = $2 AND "
        "t.buyer_id = $3 AND EXISTS (SELECT 1 FROM booking b WHERE b.run_id = r.id AND b.bill_id IS NULL AND b.reason = $4 AND "
        "(b.from_id = $3 OR b.to_id = $3))",
        "SELECT COALESCE(SUM(CASE WHEN t.run_id = r.id THEN t.delivered_ws ELSE -t.delivered_ws END), 0) FROM settlement_run r "
        "JOIN settlement_trade t ON t.run_id = r.id OR t.run_id = r.booked_after WHERE r.area_id = $1 AND r.day = $2 AND "
        "t.seller_id = $3 AND EXISTS (SELECT 1 FROM booking b WHERE b.run_id = r.id AND b.bill_id IS NULL AND b.reason = $4 AND "
        "(b.from_id = $3 OR b.to_id = $3))",
        "SELECT COALESCE(SUM(CASE WHEN t.run_id = r.id THEN t.energy_ws ELSE -t.energy_ws END), 0) FROM settlement_run r "
        "JOIN settlement_transfer t ON t.run_id = r.id OR t.run_id = r.booked_after WHERE r.area_id = $1 AND r.day = $2 AND "
        "t.to_brp_id = $3 AND EXISTS (SELECT 1 FROM booking b WHERE b.run_id = r.id AND b.bill_id IS NULL AND b.reason = $4 AND "
        "(b.from_id = $3 OR b.to_id = $3))",
        "SELECT COALESCE(SUM(CASE WHEN t.run_id = r.id THEN t.energy_ws ELSE -t.energy_ws END), 0) FROM settlement_run r "
        "JOIN settlement_transfer t ON t.run_id = r.id OR t.run_id = r.booked_after WHERE r.area_id = $1 AND r.day = $2 AND "
        "t.from_brp_id = $3 AND EXISTS (SELECT 1 FROM booking b WHERE b.run_id = r.id AND b.bill_id IS NULL AND b.reason = $4 AND "
        "(b.from_id = $3 OR b.to_id = $3))",
    };
    int side = line->reason == FG_REASON_PURCHASE         ? 0
               : line->reason == FG_REASON_SALE           ? 1
               : line->reason == FG_REASON_TRANSFER_TAKEN ? 2
               : line->reason == FG_REASON_TRANSFER_GIVEN ? 3
                                                          : -1;
    if (side < 0)
        return FG_OK;
    struct fg_sql *sql; /* PostgreSQL sums bigints to numeric: cast back */
    char text[900];
    snprintf(text, sizeof text, "SELECT CAST((%s) AS %s)", sides[side],
             fg_store_kind_of(bill->registry->store) == FG_STORE_SQLITE ? "INTEGER" : "BIGINT");
    enum fg_code code = fg_query_one(bill->registry->store, &sql, err, text, "iiii", bill->area, line->day, bill->participant.id,
                                     (int64_t)line->reason);
    if (code == FG_OK) {
        line->energy.ws = fg_sql_column_int64(sql, 0);
        fg_sql_done(sql);
    }
    return code;
}

/* -- the document's text -------------------------------------------------------------------------------------------- */

static void put_party(struct fg_json_writer *out, const char *key, const struct party *party)
{
    char id[FG_ID_TEXT];
    fg_json_begin_object(out, key);
    fg_json_put_string(out, "id", fg_id_text(FG_ID_ORGANISATION, party->id, id));
    fg_json_put_string(out, "name", party->name);
    fg_json_put_string(out, "address", party->address);
    fg_json_put_string(out, "country", party->tax.country);
    fg_json_put_string(out, "vat_number", party->vat[0] != '\0' ? party->vat : NULL);
    fg_json_put_string(out, "iban", party->iban[0] != '\0' ? party->iban : NULL);
    fg_json_end_object(out);
}

static void put_amount(struct fg_json_writer *out, const char *key, int64_t amount, int decimals)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(amount, decimals, decimals, text));
}

static void put_date(struct fg_json_writer *out, const char *key, int64_t day)
{
    char text[FG_DATE_TEXT];
    fg_json_put_string(out, key, fg_date_format(fg_date_of_number(day), text));
}

static const char *title_of(const struct bill *bill)
{
    static const char *const titles[2][4] = {
        {"Invoice", "Invoice", "Supplementary invoice", "Credit note"},
        {"Self-billed invoice", "Self-billed invoice", "Supplementary self-billed invoice", "Self-billed credit note"}};
    return titles[bill->is_self][bill->kind];
}

/* Numbers of the earlier documents of the same subject. */
static enum fg_code put_earlier(struct bill *bill, struct fg_json_writer *out, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(bill->registry->store, &sql, err,
                                 "SELECT series, year, number FROM bill WHERE area_id = $1 AND organisation_id = $2 AND month = $3 "
                                 "AND direction = $4 ORDER BY id",
                                 "iiit", bill->area, bill->participant.id, bill->month, bill->is_self ? "self_billing" : "invoice");
    fg_json_begin_row(out, "changes");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        char number[120];
        snprintf(number, sizeof number, "%s/%lld/%06lld", fg_sql_column_text(sql, 0), (long long)fg_sql_column_int64(sql, 1),
                 (long long)fg_sql_column_int64(sql, 2));
        fg_json_put_string(out, NULL, number);
    }
    fg_json_end_array(out);
    return code;
}

static enum fg_code write_content(struct bill *bill, struct fg_text *text, struct fg_error *err)
{
    struct fg_json_writer writer, *out = &writer;
    char buffer[120];
    int decimals = bill->rule.decimals;
    bool has_note[FG_TAX_OUTSIDE_SCOPE + 1] = {false};
    fg_json_writer_init(out, text, true);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "id", fg_id_text(FG_ID_DOCUMENT, bill->id, buffer));
    snprintf(buffer, sizeof buffer, "%s/%lld/%06lld", bill->series, (long long)bill->year, (long long)bill->number);
    fg_json_put_string(out, "number", buffer);
    fg_json_put_string(out, "kind", fg_document_kind_words[bill->kind]);
    fg_json_put_string(out, "direction", bill->is_self ? "self_billing" : "invoice");
    fg_json_put_string(out, "title", title_of(bill));
    put_date(out, "issued", bill->today);
    put_date(out, "due", bill->today + bill->rule.payment_days);
    put_date(out, "delivery_from", bill->first_day);
    put_date(out, "delivery_until", bill->last_day);
    fg_json_put_string(out, "currency", bill->currency);
    put_party(out, "supplier", bill->is_self ? &bill->participant : &bill->operator_);
    put_party(out, "customer", bill->is_self ? &bill->operator_ : &bill->participant);
    enum fg_code code = put_earlier(bill, out, err);
    fg_json_begin_array(out, "lines");
    for (size_t i = 0; i < bill->count; i++) {
        const struct line *line = &bill->lines[i];
        fg_json_begin_row_object(out, NULL);
        put_date(out, "day", line->day);
        fg_json_put_string(out, "text", line_words[line->reason]);
        fg_json_put_string(out, "reason", fg_ledger_reason_words[line->reason]);
        fg_json_put_string(out, "energy_mwh",
                           line->energy.ws != 0 ? fg_decimal_format(fg_decimal_of_energy(line->energy.ws), 10, 3, buffer) : NULL);
        fg_json_put_string(out, "amount", fg_decimal_format(line->amount.amount.u, 6, decimals, buffer));
        fg_json_put_string(out, "tax", fg_tax_treatment_words[line->amount.treatment]);
        fg_json_end_object(out);
        has_note[line->amount.treatment] = true;
    }
    fg_json_end_array(out);
    fg_json_begin_object(out, "net_of");
    for (int t = 0; t <= FG_TAX_OUTSIDE_SCOPE; t++)
        put_amount(out, fg_tax_treatment_words[t], bill->total.net_of[t], decimals);
    fg_json_end_object(out);
    fg_json_put_string(out, "rounding", fg_decimal_format(bill->total.rounding.u, 6, decimals, buffer));
    put_amount(out, "net", bill->total.net, decimals);
    fg_json_put_string(out, "tax_rate", fg_decimal_format(bill->rule.tax_rate_u, 6, 0, buffer));
    put_amount(out, "tax", bill->total.tax, decimals);
    put_amount(out, "gross", bill->total.gross, decimals);
    fg_json_begin_array(out, "notes");
    if (bill->is_self)
        fg_json_put_string(out, NULL, "Self-billing");
    for (int t = 0; t <= FG_TAX_OUTSIDE_SCOPE; t++)
        if (has_note[t] && fg_tax_note((enum fg_tax_treatment)t) != NULL)
            fg_json_put_string(out, NULL, fg_tax_note((enum fg_tax_treatment)t));
    fg_json_end_array(out);
    fg_json_end_object(out);
    return code == FG_OK && text->failed ? fg_fail_memory(err) : code;
}

/* -- issuing -------------------------------------------------------------------------------------------------------- */

static int64_t micro(const struct bill *bill)
{
    int64_t unit = 1;
    for (int place = bill->rule.decimals; place < 6; place++)
        unit *= 10;
    return unit;
}

static enum fg_code book_document(struct bill *bill, enum fg_ledger_account account, enum fg_ledger_reason reason, int64_t amount_u,
                                  struct fg_error *err)
{
    struct fg_ledger_party participant = fg_ledger_participant(bill->participant.id), named = fg_ledger_named(account);
    struct fg_ledger_posting posting = {.from = bill->is_self ? named : participant, .to = bill->is_self ? participant : named,
                                        .reason = reason, .amount = {amount_u}};
    return amount_u == 0 ? FG_OK : fg_settlement_book(bill->registry, bill->area, bill->today, 0, bill->id, &posting, err);
}

static enum fg_code number_document(struct bill *bill, struct fg_error *err)
{
    char counter[100];
    bool is_credit = bill->kind == FG_DOCUMENT_CREDIT_NOTE;
    if (bill->is_self)
        snprintf(bill->series, sizeof bill->series, "%s-%lld-%lld", is_credit ? "SBC" : "SB", (long long)bill->operator_.id,
                 (long long)bill->participant.id);
    else
        snprintf(bill->series, sizeof bill->series, "%s-%lld", is_credit ? "CRN" : "INV", (long long)bill->operator_.id);
    bill->year = fg_date_of_number(bill->today).year;
    snprintf(counter, sizeof counter, "bill/%s/%lld", bill->series, (long long)bill->year);
    enum fg_code code = fg_store_next(bill->registry->store, counter, 1, &bill->number, err);
    return code == FG_OK ? fg_registry_next(bill->registry, FG_ID_DOCUMENT, &bill->id, err) : code;
}

static bool is_nothing(const struct fg_document_total *total)
{
    for (int t = 0; t <= FG_TAX_OUTSIDE_SCOPE; t++)
        if (total->net_of[t] != 0)
            return false;
    return total->net == 0;
}

static enum fg_code write_document(struct bill *bill, struct fg_error *err)
{
    struct fg_store *store = bill->registry->store;
    const char *direction = bill->is_self ? "self_billing" : "invoice";
    struct fg_text text = {0};
    enum fg_code code = number_document(bill, err);
    if (code == FG_OK)
        code = write_content(bill, &text, err);
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "INSERT INTO bill (id, area_id, organisation_id, month, direction, kind, series, year, number, net, tax, "
                         "gross, decimals, issued_us, due_day, content, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                         "$11, $12, $13, $14, $15, $16, 1)",
                         "iiiitttiiiiiiiit", bill->id, bill->area, bill->participant.id, bill->month, direction,
                         fg_document_kind_words[bill->kind], bill->series, bill->year, bill->number, bill->total.net,
                         bill->total.tax, bill->total.gross, (int64_t)bill->rule.decimals, bill->registry->now_us,
                         bill->today + bill->rule.payment_days, text.data);
    fg_text_release(&text);
    for (size_t i = 0; code == FG_OK && i < bill->count; i++)
        code = fg_change(store, NULL, err,
                         "UPDATE booking SET bill_id = $1 WHERE area_id = $2 AND day = $3 AND bill_id IS NULL AND run_id IS NOT NULL "
                         "AND reason = $4 AND (from_id = $5 OR to_id = $5)",
                         "iiiii", bill->id, bill->area, bill->lines[i].day, (int64_t)bill->lines[i].reason, bill->participant.id);
    int64_t tax_u = 0;
    if (code == FG_OK)
        code = fg_muldiv(bill->total.tax, micro(bill), 1, &tax_u, err);
    if (code == FG_OK)
        code = book_document(bill, FG_LEDGER_ROUNDING, FG_REASON_ROUNDING, bill->total.rounding.u, err);
    if (code == FG_OK)
        code = book_document(bill, FG_LEDGER_TAX, FG_REASON_TAX, tax_u, err);
    return code == FG_OK ? fg_registry_audit(bill->registry, "bill.issue", FG_ID_DOCUMENT, bill->id, NULL, err) : code;
}

/* One participant, one direction. */
static enum fg_code issue_one(struct bill *bill, int64_t *made, struct fg_error *err)
{
    int64_t issued = 0;
    bill->count = 0;
    enum fg_code code = read_lines(bill, err);
    if (code != FG_OK || bill->count == 0)
        return code;
    struct fg_document_line *amounts = fg_alloc(bill->count, sizeof *amounts);
    if (amounts == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < bill->count; i++) {
        amounts[i] = bill->lines[i].amount;
        code = read_energy(bill, &bill->lines[i], err);
    }
    if (code == FG_OK)
        code = fg_document_sum(amounts, bill->count, bill->rule.decimals, bill->rule.tax_rate_u, &bill->total, err);
    fg_free(amounts);
    if (code != FG_OK || is_nothing(&bill->total))
        return code;
    bool is_first = true;
    struct fg_sql *sql;
    bool row;
    code = fg_query(bill->registry->store, &sql, err,
                    "SELECT net FROM bill WHERE area_id = $1 AND organisation_id = $2 AND month = $3 AND direction = $4", "iiit",
                    bill->area, bill->participant.id, bill->month, bill->is_self ? "self_billing" : "invoice");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        is_first = false;
        issued += fg_sql_column_int64(sql, 0);
    }
    enum fg_document_kind first_kind = bill->is_self ? FG_DOCUMENT_SELF_BILLING : FG_DOCUMENT_INVOICE;
    if (!fg_document_of_change(issued, issued + bill->total.net, first_kind, &bill->kind) || (!is_first && bill->kind == first_kind))
        bill->kind = is_first ? first_kind : FG_DOCUMENT_SUPPLEMENT;
    if (code == FG_OK)
        code = write_document(bill, err);
    *made += code == FG_OK;
    return code;
}

static enum fg_code list_participants(struct bill *bill, int64_t **ids, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t capacity = 0;
    enum fg_code code = fg_query(bill->registry->store, &sql, err,
                                 "SELECT from_id FROM booking WHERE area_id = $1 AND day >= $2 AND day <= $3 AND bill_id IS NULL AND "
                                 "run_id IS NOT NULL AND from_id > 0 UNION SELECT to_id FROM booking WHERE area_id = $1 AND day >= "
                                 "$2 AND day <= $3 AND bill_id IS NULL AND run_id IS NOT NULL AND to_id > 0 ORDER BY 1",
                                 "iii", bill->area, bill->first_day, bill->last_day);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)ids, *count, &capacity, sizeof **ids) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        (*ids)[(*count)++] = fg_sql_column_int64(sql, 0);
    }
    return code;
}

static enum fg_code local_day(struct fg_registry *registry, int64_t area, int64_t *day, struct fg_error *err)
{
    struct fg_timezone *zone;
    char time_zone[64];
    int64_t period_s;
    enum fg_code code = fg_area_period(registry->store, area, &period_s, time_zone, err);
    if (code == FG_OK)
        code = fg_timezone_open(time_zone, &zone, err);
    if (code != FG_OK)
        return code;
    *day = fg_date_number(fg_timezone_local(zone, registry->now_us / 1000000).date);
    fg_timezone_close(zone);
    return FG_OK;
}

enum fg_code fg_bills_issue(struct fg_registry *registry, int64_t area, int32_t year, int32_t month, int64_t *count,
                            struct fg_error *err)
{
    struct bill bill = {.registry = registry, .area = area, .month = (int64_t)year * 12 + month - 1};
    struct fg_sql *sql;
    int64_t *ids = NULL;
    size_t id_count = 0;
    *count = 0;
    struct fg_date first = {year, month, 1}, next = month == 12 ? (struct fg_date){year + 1, 1, 1} : (struct fg_date){year, month + 1, 1};
    if (!fg_date_is_valid(first))
        return fg_fail(err, FG_ERR_VALUE, NULL, "a month is 1 to 12 of a year after 1900");
    bill.first_day = fg_date_number(first);
    bill.last_day = fg_date_number(next) - 1;
    enum fg_code code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = local_day(registry, area, &bill.today, err);
    if (code == FG_OK)
        code = fg_settlement_rule_read(registry->store, area, bill.last_day, &bill.rule, err);
    if (code == FG_OK)
        code = fg_query_one(registry->store, &sql, err, "SELECT currency, operator_id FROM area WHERE id = $1", "i", area);
    if (code != FG_OK)
        return code;
    copy(bill.currency, sizeof bill.currency, fg_sql_column_text(sql, 0));
    int64_t operator_id = fg_sql_column_int64(sql, 1);
    fg_sql_done(sql);
    code = read_party(registry->store, operator_id, &bill.operator_, err);
    if (code == FG_OK)
        code = list_participants(&bill, &ids, &id_count, err);
    for (size_t i = 0; code == FG_OK && i < id_count; i++) {
        if (ids[i] == operator_id) /* who buys what nobody took in an auction, and invoices nothing to itself */
            continue;
        code = read_party(registry->store, ids[i], &bill.participant, err);
        for (int is_self = 0; code == FG_OK && is_self < 2; is_self++) {
            bill.is_self = is_self != 0;
            code = issue_one(&bill, count, err);
        }
    }
    fg_free(ids);
    fg_free(bill.lines);
    return code;
}

/* -- afterwards ----------------------------------------------------------------------------------------------------- */

enum fg_code fg_bill_pay(struct fg_registry *registry, int64_t bill, int64_t amount, struct fg_date day, const char *reference,
                         int64_t *id, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT b.area_id, b.organisation_id, b.gross, b.decimals, b.direction FROM bill b JOIN area a ON a.id = "
                     "b.area_id WHERE b.id = $1 AND a.operator_id = $2",
                     "ii", bill, fg_registry_party(registry)),
        FG_ID_DOCUMENT, bill, "document of yours", err);
    if (code != FG_OK)
        return code;
    int64_t area = fg_sql_column_int64(sql, 0), organisation = fg_sql_column_int64(sql, 1), open = fg_sql_column_int64(sql, 2),
            decimals = fg_sql_column_int64(sql, 3), unit = 1, amount_u;
    bool is_self = strcmp(fg_sql_column_text(sql, 4), "self_billing") == 0;
    fg_sql_done(sql);
    code = fg_query(registry->store, &sql, err, "SELECT amount FROM payment WHERE bill_id = $1", "i", bill);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        open -= fg_sql_column_int64(sql, 0);
    if (code != FG_OK)
        return code;
    if (amount == 0 || (open > 0 ? amount < 0 || amount > open : amount > 0 || amount < open)) {
        char text[FG_DECIMAL_MAX];
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "%s is open on this document; a payment lies between 0 and that",
                       fg_decimal_format(open, (int)decimals, (int)decimals, text));
    }
    for (int64_t place = decimals; place < 6; place++)
        unit *= 10;
    struct fg_ledger_party participant = fg_ledger_participant(organisation), bank = fg_ledger_named(FG_LEDGER_BANK);
    code = fg_muldiv(amount, unit, 1, &amount_u, err);
    struct fg_ledger_posting posting = {.from = is_self ? participant : bank, .to = is_self ? bank : participant,
                                        .reason = FG_REASON_PAYMENT, .amount = {amount_u}};
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_PAYMENT, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO payment (id, bill_id, amount, paid_day, reference, recorded_by, recorded_us) VALUES ($1, $2, "
                         "$3, $4, $5, $6, $7)",
                         "iiiitii", *id, bill, amount, fg_date_number(day), reference, registry->actor.user, registry->now_us);
    if (code == FG_OK)
        code = fg_settlement_book(registry, area, fg_date_number(day), 0, bill, &posting, err);
    return code == FG_OK ? fg_registry_audit(registry, "bill.pay", FG_ID_DOCUMENT, bill, NULL, err) : code;
}

enum fg_code fg_bill_content(struct fg_registry *registry, int64_t bill, struct fg_text *json, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT b.content FROM bill b WHERE b.id = $1 AND (b.organisation_id = $2 OR $3 = 1)", "iii", bill,
                     fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry)),
        FG_ID_DOCUMENT, bill, "document", err);
    if (code != FG_OK)
        return code;
    fg_text_puts(json, fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    return json->failed ? fg_fail_memory(err) : FG_OK;
}

enum fg_code fg_bill_csv(const char *json, struct fg_text *csv, struct fg_error *err)
{
    static const char *const columns[] = {"day", "text", "reason", "energy_mwh", "amount", "tax"};
    json_t *root, *line;
    size_t i;
    enum fg_code code = fg_json_load_text(json, strlen(json), "document", &root, err);
    if (code != FG_OK)
        return code;
    fg_csv_put(csv, "number", 0);
    fg_csv_put(csv, "currency", 0);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        fg_csv_put(csv, columns[c], c + 1 == sizeof columns / sizeof *columns);
    json_array_foreach(json_object_get(root, "lines"), i, line) {
        fg_csv_put(csv, json_string_value(json_object_get(root, "number")), 0);
        fg_csv_put(csv, json_string_value(json_object_get(root, "currency")), 0);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const char *text = json_string_value(json_object_get(line, columns[c]));
            fg_csv_put(csv, text != NULL ? text : "", c + 1 == sizeof columns / sizeof *columns);
        }
    }
    json_decref(root);
    return csv->failed ? fg_fail_memory(err) : FG_OK;
}

static void put_account(struct fg_text *csv, int64_t account, int64_t owner)
{
    char id[FG_ID_TEXT];
    fg_csv_put(csv, fg_ledger_account_words[account], 0);
    fg_csv_put(csv, owner != 0 ? fg_id_text(FG_ID_ORGANISATION, owner, id) : "", 0);
}

enum fg_code fg_journal_csv(struct fg_registry *registry, int64_t area, struct fg_date from, struct fg_date until,
                            struct fg_text *csv, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t period_s;
    char text[64];
    enum fg_code code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = fg_area_period(registry->store, area, &period_s, NULL, err);
    if (code == FG_OK)
        code = fg_query(registry->store, &sql, err,
                        "SELECT b.id, b.booked_us, b.day, COALESCE(b.run_id, 0), COALESCE(d.series, ''), COALESCE(d.year, 0), "
                        "COALESCE(d.number, 0), b.from_account, b.from_id, b.to_account, b.to_id, b.reason, b.trade_id, b.period, "
                        "b.amount_u, b.contract_id FROM booking b LEFT JOIN bill d ON d.id = b.bill_id WHERE b.area_id = $1 AND b.day >= $2 AND "
                        "b.day < $3 ORDER BY b.id",
                        "iii", area, fg_date_number(from), fg_date_number(until));
    if (code == FG_OK)
        fg_text_puts(csv, "entry,booked,day,run,document,debit_account,debit_party,credit_account,credit_party,reason,trade,period,"
                          "amount\n");
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        snprintf(text, sizeof text, "%lld", (long long)fg_sql_column_int64(sql, 0));
        fg_csv_put(csv, text, 0);
        fg_csv_put(csv, fg_instant_format(fg_sql_column_int64(sql, 1) / 1000000, text), 0);
        fg_csv_put(csv, fg_date_format(fg_date_of_number(fg_sql_column_int64(sql, 2)), text), 0);
        int64_t run = fg_sql_column_int64(sql, 3);
        fg_csv_put(csv, run != 0 ? fg_id_text(FG_ID_SETTLEMENT, run, text) : "", 0);
        text[0] = '\0';
        if (fg_sql_column_int64(sql, 6) != 0)
            snprintf(text, sizeof text, "%s/%lld/%06lld", fg_sql_column_text(sql, 4), (long long)fg_sql_column_int64(sql, 5),
                     (long long)fg_sql_column_int64(sql, 6));
        fg_csv_put(csv, text, 0);
        put_account(csv, fg_sql_column_int64(sql, 7), fg_sql_column_int64(sql, 8));
        put_account(csv, fg_sql_column_int64(sql, 9), fg_sql_column_int64(sql, 10));
        fg_csv_put(csv, fg_ledger_reason_words[fg_sql_column_int64(sql, 11)], 0);
        int64_t trade = fg_sql_column_int64(sql, 12), period = fg_sql_column_int64(sql, 13);
        int64_t contract = fg_sql_column_int64(sql, 15);
        fg_csv_put(csv, trade != 0      ? fg_id_text(FG_ID_TRADE, trade, text)
                        : contract != 0 ? fg_id_text(FG_ID_CONTRACT, contract, text)
                                        : "", 0);
        fg_csv_put(csv, period != 0 ? fg_instant_format(period * period_s, text) : "", 0);
        fg_csv_put(csv, fg_decimal_format(fg_sql_column_int64(sql, 14), 6, 2, text), 1);
    }
    return code == FG_OK && csv->failed ? fg_fail_memory(err) : code;
}
