/* The run that clears an auction: the book as a market file, the clearing, its integers recorded, the conclusion in the engine.
 * Once the integers are recorded a later claim loads them and goes straight to the conclusion. */
#include "atp/auction_pairs.h"

#include "atp/market.h"
#include "atp/query.h"
#include "atp/run_internal.h"
#include "base/json.h"
#include "store/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_AT_ONCE = 2000 };

struct clearing {
    struct run_job *job;
    const struct fg_facts *facts;
    struct auction_book book;
    struct fg_text market, network;
    char format[FG_NETWORK_FORMAT];
    struct fg_service_result result;
    struct fg_service_clearing cleared;
    struct auction_settled settled;
    int table;       /* being recorded */
    size_t from;     /* its first row of the next transaction */
    size_t until;
};

/* ---- input ---- */

static enum fg_code load_book(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct clearing *clearing = context;
    auction_book_release(&clearing->book);
    clearing->market.length = clearing->network.length = 0;
    enum fg_code code = auction_book_load(store, clearing->job->auction, clearing->facts, &clearing->book, err);
    if (code == FG_OK)
        code = auction_book_market(store, &clearing->book, fg_platform_now_us(platform),
                                   &clearing->market, err);
    if (code == FG_OK && clearing->book.has_network)
        code = fg_network_content(store, clearing->book.network, &clearing->network, clearing->format, err);
    return code;
}

/* The market as it is cleared; what an earlier claim left unfinished is gone. */
static enum fg_code store_input(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct clearing *clearing = context;
    struct fg_document document = {.kind = FG_RUN_DOCUMENT_INPUT, .created_us = fg_platform_now_us(platform)};
    static const char *const tables[] = {"DELETE FROM auction_outcome WHERE auction_id = $1", "DELETE FROM auction_trade WHERE auction_id = $1",
                                         "DELETE FROM auction_posting WHERE auction_id = $1", "DELETE FROM auction_price WHERE auction_id = $1",
                                         "DELETE FROM auction_violation WHERE auction_id = $1"};
    fg_id_text(FG_ID_RUN, clearing->job->id, document.name);
    enum fg_code code = run_fence(store, clearing->job, err);
    for (size_t i = 0; code == FG_OK && i < sizeof tables / sizeof *tables; i++)
        code = fg_change(store, NULL, err, tables[i], "i", clearing->job->auction);
    return code == FG_OK ? fg_document_put(store, &document, "", clearing->market.data, clearing->market.length, err) : code;
}

/* ---- recording ---- */

static const char *status_of(const struct auction_entry *entry, const struct fg_service_order *outcome)
{
    bool is_any = false, is_whole = true;
    for (int32_t k = 0; outcome != NULL && k < entry->order.period_count; k++) {
        is_any = is_any || outcome->accepted[k].w > 0;
        is_whole = is_whole && outcome->accepted[k].w == entry->order.quantity[k].w;
    }
    return !is_any ? "rejected" : is_whole ? "accepted" : "partly_accepted";
}

/* A bus that is out of service, or cut off by switch states and outages, has no price in any period. */
static bool is_supplied(const struct clearing *clearing, const struct auction_entry *entry)
{
    if (!clearing->book.has_network || entry->bus == NULL || entry->covers != 0)
        return true;
    for (size_t i = 0; i < clearing->cleared.price_count && clearing->cleared.prices[i].period == 0; i++)
        if (strcmp(clearing->cleared.prices[i].place, entry->bus) == 0)
            return true;
    return false;
}

static enum fg_code record_outcome(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err)
{
    const struct auction_entry *entry = &clearing->book.entries[at];
    const struct fg_service_order *outcome = entry->index >= 0 ? &clearing->cleared.orders[entry->index] : NULL;
    size_t count = (size_t)entry->order.period_count;
    struct fg_text accepted, price;
    struct fg_sql *sql;
    const char *status = status_of(entry, outcome), *reason = entry->excluded;
    if (reason == NULL && outcome != NULL && outcome->reason != NULL)
        reason = outcome->reason;
    if (reason == NULL && strcmp(status, "rejected") == 0)
        reason = entry->covers != 0               ? "prices a limit; nothing is traded"
                 : !is_supplied(clearing, entry) ? "its bus is out of service or not supplied in the auction's periods"
                                                 : "the prices do not reach its limit";
    fg_text_init(&accepted);
    fg_text_init(&price);
    int64_t zero = 0;
    for (size_t k = 0; k < count; k++) {
        auction_put_blob(&accepted, outcome != NULL ? &outcome->accepted[k].w : &zero, 1);
        auction_put_blob(&price, outcome != NULL ? &outcome->unit_price[k].uper_mwh : &zero, 1);
    }
    enum fg_code code = accepted.failed || price.failed ? fg_fail_memory(err) : FG_OK;
    if (code == FG_OK)
        code = fg_sql_prepare(store,
                              "INSERT INTO auction_outcome (order_id, auction_id, accepted, unit_price, limit_u, settled_u, "
                              "make_whole_u, status, reason, gain_u) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                              &sql, err);
    if (code == FG_OK) {
        struct fg_money gain = {0};
        fg_sql_int64(sql, 1, entry->id);
        fg_sql_int64(sql, 2, clearing->book.id);
        fg_sql_blob(sql, 3, accepted.data, accepted.length);
        fg_sql_blob(sql, 4, price.data, price.length);
        fg_sql_int64(sql, 5, outcome != NULL ? outcome->limit.u : 0);
        fg_sql_int64(sql, 6, outcome != NULL ? outcome->settled.u : 0);
        fg_sql_int64(sql, 7, outcome != NULL ? outcome->make_whole.u : 0);
        fg_sql_text(sql, 8, status);
        fg_sql_text(sql, 9, reason);
        if (outcome != NULL && outcome->reason != NULL && fg_money_from_units(outcome->gain, &gain, NULL) == FG_OK)
            fg_sql_int64(sql, 10, gain.u);
        code = fg_sql_queue(sql, err);
    }
    fg_text_release(&accepted);
    fg_text_release(&price);
    return code;
}

static enum fg_code record_trade(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err)
{
    const struct auction_pair *pair = &clearing->settled.pairs[at];
    return fg_change(store, NULL, err,
                     "INSERT INTO auction_trade (auction_id, line, sell_order_id, buy_order_id, period, quantity_w, price_u) VALUES "
                     "($1, $2, $3, $4, $5, $6, $7)",
                     "iiioiii", clearing->book.id, (int64_t)at + 1, pair->sell, pair->buy, (int64_t)pair->period,
                     pair->quantity_w, pair->price_u);
}

static enum fg_code record_money(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err)
{
    const struct auction_money *money = &clearing->settled.money[at];
    return fg_change(store, NULL, err,
                     "INSERT INTO auction_posting (auction_id, line, period, from_account, from_id, to_account, to_id, amount_u) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                     "iiiiiiii", clearing->book.id, (int64_t)at + 1, (int64_t)money->period, (int64_t)money->from.account,
                     money->from.owner, (int64_t)money->to.account, money->to.owner, money->amount_u);
}

static enum fg_code record_price(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err)
{
    const struct fg_service_price *price = &clearing->cleared.prices[at];
    return fg_change(store, NULL, err,
                     "INSERT INTO auction_price (auction_id, line, period, place, product, price_u, energy_u, loss_u, "
                     "congestion_u, voltage_u, zone_u) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                     "iiitiiiiiii", clearing->book.id, (int64_t)at + 1, (int64_t)clearing->book.first_period + price->period,
                     price->place, (int64_t)price->product, price->total.uper_mwh, price->part_u[0], price->part_u[1],
                     price->part_u[2], price->part_u[3], price->part_u[4]);
}

static void bind_number(struct fg_sql *sql, int at, double value)
{
    if (isfinite(value))
        fg_sql_double(sql, at, value);
}

static enum fg_code record_violation(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err)
{
    const struct fg_service_violation *v = &clearing->cleared.violations[at];
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "INSERT INTO auction_violation (auction_id, line, period, kind, element, bound, before, after, "
                                       "violation_before, violation_after, shadow_price) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                                       "$10, $11)",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    const double values[] = {v->bound, v->before, v->after, v->violation_before, v->violation_after, v->shadow_price};
    fg_sql_int64(sql, 1, clearing->book.id);
    fg_sql_int64(sql, 2, (int64_t)at + 1);
    fg_sql_int64(sql, 3, (int64_t)clearing->book.first_period + v->period);
    fg_sql_text(sql, 4, v->kind);
    fg_sql_text(sql, 5, v->element);
    for (int i = 0; i < 6; i++)
        bind_number(sql, 6 + i, values[i]);
    return fg_sql_run(sql, NULL, err);
}

static const struct table {
    enum fg_code (*record)(struct clearing *clearing, struct fg_store *store, size_t at, struct fg_error *err);
} record_tables[] = {{record_outcome}, {record_trade}, {record_money}, {record_price}, {record_violation}};
enum { TABLES = sizeof record_tables / sizeof *record_tables };

static size_t rows_of(const struct clearing *clearing, int table)
{
    const size_t counts[TABLES] = {clearing->book.count, clearing->settled.pair_count, clearing->settled.money_count,
                                   clearing->cleared.price_count, clearing->cleared.violation_count};
    return counts[table];
}

static enum fg_code record_some(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct clearing *clearing = context;
    (void)platform;
    enum fg_code code = run_fence(store, clearing->job, err);
    for (size_t at = clearing->from; code == FG_OK && at < clearing->until; at++)
        code = record_tables[clearing->table].record(clearing, store, at, err);
    return code;
}

/* The last piece: from here on the result is loaded and never computed again. */
static enum fg_code record_end(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    struct clearing *clearing = context;
    struct fg_document document = {.kind = FG_RUN_DOCUMENT_RESULT, .created_us = fg_platform_now_us(platform)};
    enum fg_code code = run_fence(store, clearing->job, err);
    fg_id_text(FG_ID_RUN, clearing->job->id, document.name);
    if (code == FG_OK && clearing->result.document.length > 0)
        code = fg_document_put(store, &document, "", clearing->result.document.data, clearing->result.document.length, err);
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "UPDATE run SET is_recorded = 1, certificate = $2, result_version = $3 WHERE id = $1", "ito",
                         clearing->job->id, clearing->result.certificate.data, document.version);
    return code == FG_OK ? run_log(store, clearing->job->id, fg_platform_now_us(platform), "result recorded", err) : code;
}

static enum fg_code record(struct clearing *clearing, struct fg_error *err)
{
    struct fg_platform *platform = clearing->job->runs->options.platform;
    enum fg_code code = FG_OK;
    run_progress(clearing->job, "recording", 97);
    for (clearing->table = 0; clearing->table < TABLES; clearing->table++)
        for (size_t count = rows_of(clearing, clearing->table), from = 0; code == FG_OK && from < count; from += ROWS_AT_ONCE) {
            clearing->from = from;
            clearing->until = count - from < ROWS_AT_ONCE ? count : from + ROWS_AT_ONCE;
            code = fg_platform_run(platform, FG_STORE_WRITE, record_some, clearing, err);
        }
    return code == FG_OK ? fg_platform_run(platform, FG_STORE_WRITE, record_end, clearing, err) : code;
}

/* ---- the clearing ---- */

/* An auction without orders is cleared by itself. */
static void make_empty(struct clearing *clearing)
{
    struct fg_json_writer out;
    fg_json_writer_init(&out, &clearing->result.certificate, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_string(&out, "status", "cleared");
    fg_json_put_string(&out, "explanation", "nothing was entered");
    fg_json_put_number(&out, "welfare", 0.0);
    fg_json_end_object(&out);
    clearing->result.is_solved = true;
}

static double time_limit_of(const char *terms)
{
    json_t *root = json_loads(terms, 0, NULL);
    double limit_s = (double)json_integer_value(json_object_get(root, "time_limit_s"));
    json_decref(root);
    return limit_s;
}

static enum fg_code compute(struct clearing *clearing, struct fg_error *err)
{
    struct run_job *job = clearing->job;
    struct fg_service_options options = {.stop = &job->stop, .progress = run_progress, .progress_user = job,
                                         .time_limit_s = time_limit_of(clearing->book.terms)};
    struct fg_service_network network = {clearing->book.has_network ? clearing->network.data : NULL, clearing->network.length,
                                         clearing->format};
    if (clearing->book.included == 0) {
        make_empty(clearing);
        return clearing->result.certificate.failed ? fg_fail_memory(err) : FG_OK;
    }
    enum fg_code code = fg_service_clear(&network, clearing->market.data, clearing->market.length, &options, &clearing->result,
                                         &clearing->cleared, err);
    if (code == FG_OK && clearing->result.is_solved && clearing->cleared.order_count != clearing->book.included)
        code = fg_fail(err, FG_ERR_NUMERIC, NULL, "the clearing has no outcome for its orders");
    return code == FG_OK && clearing->result.is_solved ? auction_settle(&clearing->book, &clearing->cleared, &clearing->settled, err)
                                                       : code;
}

static void release(struct clearing *clearing)
{
    auction_settled_release(&clearing->settled);
    fg_service_clearing_release(&clearing->cleared);
    fg_service_result_release(&clearing->result);
    auction_book_release(&clearing->book);
    fg_text_release(&clearing->market);
    fg_text_release(&clearing->network);
}

/* Clear and record. Not FG_OK with `cause` set: the clearing itself has failed, another attempt would fail too. */
static enum fg_code clear_and_record(struct run_job *job, char cause[600], struct fg_error *err)
{
    struct fg_platform *platform = job->runs->options.platform;
    struct clearing clearing = {.job = job};
    struct fg_facts *facts = NULL;
    cause[0] = '\0';
    fg_text_init(&clearing.market);
    fg_text_init(&clearing.network);
    fg_arena_init(&clearing.book.arena);
    fg_service_result_init(&clearing.result);
    enum fg_code code = fg_exchange_facts(job->runs->options.exchange, job->area, &facts, err);
    clearing.facts = facts;
    if (code == FG_OK)
        code = fg_platform_run(platform, FG_STORE_READ, load_book, &clearing, err);
    if (code == FG_ERR_CONFLICT)
        snprintf(cause, 600, "%.590s", err->text);
    if (code == FG_OK)
        code = fg_platform_run(platform, FG_STORE_WRITE, store_input, &clearing, err);
    if (code == FG_OK) {
        code = compute(&clearing, err);
        if (code != FG_OK && code != FG_ERR_INTERRUPTED)
            snprintf(cause, 600, "%.590s", err->text);
        else if (code == FG_OK && !clearing.result.is_solved)
            snprintf(cause, 600, "%.590s", clearing.result.explanation[0] != '\0' ? clearing.result.explanation
                                                                                  : "no schedule could be computed");
    }
    if (code == FG_OK && cause[0] == '\0')
        code = record(&clearing, err);
    fg_facts_release(facts);
    release(&clearing);
    return code;
}

enum fg_code auction_clear(struct run_job *job, struct fg_error *err)
{
    char cause[600] = "";
    enum fg_code code = job->is_recorded ? FG_OK : clear_and_record(job, cause, err);
    if (code == FG_ERR_INTERRUPTED && job->is_unwanted)
        snprintf(cause, sizeof cause, "its clearing was cancelled");
    if (cause[0] != '\0')
        return auction_abandon(job->runs, job->area, job->auction, job->id, job->claim, cause, err);
    if (code != FG_OK)
        return code;
    run_progress(job, "concluding", 98);
    code = auction_conclude(job->runs, job->area, job->auction, job->id, job->claim, err);
    if (code == FG_ERR_CONFLICT) {
        snprintf(cause, sizeof cause, "%.590s", err->text);
        code = auction_abandon(job->runs, job->area, job->auction, job->id, job->claim, cause, err);
    }
    return code;
}
