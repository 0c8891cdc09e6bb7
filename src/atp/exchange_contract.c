/* What contracts ask of an area: capability held for them, an order for every unit of their windows, withdrawn when a contract
 * ends. As in exchange_rules.c nothing is remembered that the database does not tell: an order carries its contract and, as
 * its reference, contract and round; a unit that has an order of the present round is done. So a keeper that was killed at any
 * moment goes on where the committed rows are.
 *
 *     pending(contract, unit) = contracted quantity - what earlier rounds have traded, until an order of this round is there
 *     held(portfolio, unit)   = sum of pending, as far as the approved capability goes          (exchange_rules.c sends it)
 *     order                   = min(pending, held), sold at the activation price, from the product's gate opening on
 *
 * The book moves what is held to the order in one command. All is compared anew when contracts, gates, approvals or halts have
 * changed, and at each tick while what is held could not be ordered. */
#include "atp/exchange_internal.h"

#include "atp/query.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 64 };

static uint64_t mix(uint64_t digest, int64_t value)
{
    for (int b = 0; b < 8; b++)
        digest = (digest ^ ((uint64_t)value >> (8 * b) & 0xff)) * UINT64_C(0x100000001b3);
    return digest;
}

/* -- contracts of the area ------------------------------------------------------------------------------------------- */

/* The clock moves contracts: awarded, active, ended. */
static enum fg_code move_on(struct exchange_area *area, int64_t now_us, struct fg_error *err)
{
    struct fg_store *store = area->exchange->store;
    int64_t due;
    enum fg_code code = fg_query_number(store, &due, err,
                                        "SELECT COUNT(*) FROM contract WHERE area_id = $1 AND ((status = 'awarded' AND starts_us <= "
                                        "$2) OR (status IN ('awarded', 'active', 'suspended') AND ends_us <= $2))",
                                        "ii", area->id, now_us);
    if (code != FG_OK || due == 0)
        return code;
    code = fg_change(store, NULL, err,
                     "UPDATE contract SET status = 'ended', version = version + 1 WHERE area_id = $1 AND status IN ('awarded', "
                     "'active', 'suspended') AND ends_us <= $2",
                     "ii", area->id, now_us);
    if (code == FG_OK)
        code = fg_change(store, NULL, err,
                         "UPDATE contract SET status = 'active', version = version + 1 WHERE area_id = $1 AND status = 'awarded' AND "
                         "starts_us <= $2",
                         "ii", area->id, now_us);
    return code;
}

enum fg_code exchange_load_contracts(struct exchange_area *area, struct fg_error *err)
{
    struct fg_contract_terms *fresh;
    size_t count;
    int64_t now_us = exchange_now_us(area->exchange);
    enum fg_code code = move_on(area, now_us, err);
    if (code == FG_OK)
        code = fg_contract_list(area->exchange->store, area->id, 0, now_us, INT64_MAX, true, &fresh, &count, err);
    if (code != FG_OK)
        return code;
    exchange_drop_pending(area);
    fg_free(area->contracts);
    area->contracts = fresh;
    area->contract_count = count;
    return FG_OK;
}

/* The units whose own gate is open: several products of a kind share the book's gates. */
static struct fg_gate_window gate_of(const struct exchange_area *area, const struct fg_contract_terms *contract, int64_t now_us)
{
    struct fg_gate_window book = area->windows[contract->kind], own = {0, 0};
    for (size_t i = 0; i < area->facts->product_count; i++)
        if (area->facts->products[i].id == contract->product)
            own = fg_gate_window(&area->facts->products[i].gate, area->zone, area->facts->period_s, now_us);
    return (struct fg_gate_window){own.first > book.first ? own.first : book.first, own.end < book.end ? own.end : book.end};
}

static enum fg_code digest_of(const struct exchange_area *area, int64_t now_us, uint64_t *out, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    uint64_t digest = mix(UINT64_C(0xcbf29ce484222325), (int64_t)area->facts->prequalification_digest);
    for (int p = 0; p < FG_BOOK_PRODUCTS; p++)
        digest = mix(mix(digest, area->windows[p].first), area->windows[p].end);
    for (size_t i = 0; i < area->contract_count; i++) {
        struct fg_gate_window gate = gate_of(area, &area->contracts[i], now_us);
        digest = mix(mix(digest, area->contracts[i].id), area->contracts[i].version);
        digest = mix(mix(digest, gate.first), gate.end);
    }
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT scope, subject_id FROM book_halt WHERE area_id = $1 ORDER BY scope, subject_id", "i", area->id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        digest = mix(mix(digest, fg_sql_column_int64(sql, 0)), fg_sql_column_int64(sql, 1));
    *out = digest;
    return code;
}

/* -- what is pending ------------------------------------------------------------------------------------------------- */

void exchange_drop_pending(struct exchange_area *area)
{
    for (size_t i = 0; area->pending != NULL && i < area->pending_count; i++)
        fg_free(area->pending[i].quantity_w);
    fg_free(area->pending);
    area->pending = NULL;
    area->pending_count = 0;
}

static void reference_of(const struct fg_contract_terms *contract, char text[40])
{
    snprintf(text, 40, "lf-%lld/%lld", (long long)contract->id, (long long)contract->round);
}

int64_t exchange_first_power(struct fg_sql *sql, int column)
{
    size_t size = 0;
    const void *bytes = fg_sql_column_blob(sql, column, &size);
    return size >= 8 ? fg_blob_integer(bytes, 0) : 0;
}

/* Units of the window, less those that have an order of this round, less what earlier rounds traded. */
static enum fg_code fill_pending(struct exchange_area *area, struct exchange_pending *pending, struct fg_error *err)
{
    const struct fg_contract_terms *contract = pending->contract;
    struct fg_sql *sql;
    bool row;
    char reference[40];
    int32_t period = pending->first - 1;
    while (fg_contract_window_next(&contract->window, area->zone, area->facts->period_s, &period) &&
           period < pending->first + pending->count)
        pending->quantity_w[period - pending->first] = contract->quantity.w;
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT first_period, reference, filled FROM book_order WHERE contract_id = $1 AND first_period >= "
                                 "$2 AND first_period < $3",
                                 "iii", contract->id, (int64_t)pending->first, (int64_t)pending->first + pending->count);
    reference_of(contract, reference);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        int64_t *quantity_w = &pending->quantity_w[fg_sql_column_int64(sql, 0) - pending->first];
        const char *of = fg_sql_column_text(sql, 1);
        bool is_done = of != NULL && strcmp(of, reference) == 0;
        int64_t left_w = is_done ? 0 : *quantity_w - exchange_first_power(sql, 2);
        *quantity_w = left_w > 0 ? left_w : 0;
    }
    return code;
}

static enum fg_code make_pending(struct exchange_area *area, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    exchange_drop_pending(area);
    if ((area->pending = fg_alloc(area->contract_count + 1, sizeof *area->pending)) == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < area->contract_count; i++) {
        const struct fg_contract_terms *contract = &area->contracts[i];
        struct fg_gate_window window = area->windows[contract->kind];
        struct exchange_pending *pending = &area->pending[area->pending_count];
        *pending = (struct exchange_pending){.contract = contract, .first = window.first, .count = window.end - window.first};
        if (pending->count <= 0)
            continue;
        if ((pending->quantity_w = fg_alloc((size_t)pending->count, sizeof *pending->quantity_w)) == NULL)
            code = fg_fail_memory(err);
        else
            code = fill_pending(area, pending, err);
        area->pending_count++;
    }
    return code;
}

int64_t exchange_pending_sum(const struct exchange_area *area, int64_t portfolio, enum fg_product kind,
                             enum fg_regulation regulation, int32_t period)
{
    int64_t sum_w = 0;
    for (size_t i = 0; i < area->pending_count; i++) {
        const struct exchange_pending *pending = &area->pending[i];
        int64_t at = (int64_t)period - pending->first;
        if (pending->contract->portfolio == portfolio && pending->contract->kind == kind &&
            pending->contract->regulation == regulation && at >= 0 && at < pending->count)
            sum_w += pending->quantity_w[at];
    }
    return sum_w;
}

/* -- orders ---------------------------------------------------------------------------------------------------------- */

/* Open orders of contracts that are not in force any more. */
static enum fg_code withdraw_orders(struct exchange_area *area, int64_t now_us, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    uint64_t orders[AT_ONCE];
    size_t count;
    int64_t now_period = now_us / 1000000 / area->facts->period_s;
    do {
        count = 0;
        enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                     "SELECT o.id FROM contract c JOIN book_order o ON o.contract_id = c.id WHERE c.area_id = $1 AND "
                                     "c.status IN ('suspended', 'terminated', 'ended') AND o.first_period >= $2 AND o.status = 'open' "
                                     "ORDER BY o.id LIMIT $3",
                                     "iii", area->id, now_period, (int64_t)AT_ONCE);
        while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
            orders[count++] = (uint64_t)fg_sql_column_int64(sql, 0);
        for (size_t i = 0; code == FG_OK && i < count; i++) {
            struct fg_command command = {.kind = FG_COMMAND_WITHDRAW, .order = orders[i], .cause = FG_BOOK_CAUSE_CONTRACT};
            code = exchange_run(area, &command, err);
            if (code == FG_OK && command.refusal != FG_REFUSAL_NONE && command.refusal != FG_REFUSAL_ORDER_UNKNOWN)
                code = fg_fail(err, FG_ERR_CONFLICT, NULL, "%.300s", command.err.text);
        }
        if (code != FG_OK)
            return code;
    } while (count == AT_ONCE);
    return FG_OK;
}

enum fg_code exchange_prepare_contracts(struct exchange_area *area, struct fg_error *err)
{
    int64_t now_us = exchange_now_us(area->exchange);
    uint64_t digest;
    enum fg_code code = digest_of(area, now_us, &digest, err);
    if (code != FG_OK || (area->contracts_done && digest == area->contract_digest))
        return code;
    area->contracts_done = false;
    area->contract_digest = digest;
    area->is_fresh = true; /* what is held is part of the capabilities */
    code = withdraw_orders(area, now_us, err);
    return code == FG_OK ? make_pending(area, err) : code;
}

struct entry { /* one order and its command */
    struct fg_command command;
    struct fg_book_order order;
    struct fg_power quantity;
    struct fg_price_point point;
    const char *references[1];
};

static void make_entry(struct entry *entry, const struct exchange_area *area, const struct fg_contract_terms *contract,
                       const char *reference, int32_t bus, int32_t period, int64_t quantity_w)
{
    const struct fg_portfolio_facts *portfolio = fg_facts_portfolio(area->facts, contract->portfolio);
    const struct fg_organisation_facts *seller = fg_facts_organisation(area->facts, contract->seller);
    int64_t period_us = (int64_t)area->facts->period_s * 1000000;
    entry->quantity.w = quantity_w;
    entry->point = (struct fg_price_point){{quantity_w}, contract->activation};
    entry->references[0] = reference;
    entry->order = (struct fg_book_order){.contract = (uint64_t)contract->id,
                                          .participant = (int32_t)contract->seller,
                                          .organisation = (int32_t)seller->owner,
                                          .portfolio = (int32_t)contract->portfolio,
                                          .location = (int32_t)portfolio->location,
                                          .bus = bus,
                                          .side = FG_SIDE_SELL,
                                          .product = contract->kind,
                                          .regulation = contract->regulation,
                                          .first_period = period,
                                          .period_count = 1,
                                          .quantity = &entry->quantity,
                                          .points = &entry->point,
                                          .point_count = 1,
                                          .attributes = {.technologies = fg_facts_technologies(area->facts, contract->portfolio,
                                                                                              period * period_us, (period + 1) * period_us),
                                                         .activation_s = contract->notice_s,
                                                         .duration_min_s = contract->duration_min_s}};
    entry->command = (struct fg_command){.kind = FG_COMMAND_SUBMIT,
                                         .actor = {.organisation = contract->seller},
                                         .orders = &entry->order,
                                         .references = entry->references,
                                         .order_count = 1};
}

static enum fg_code send_entries(struct exchange_area *area, struct entry *entries, size_t count, bool *is_complete,
                                 struct fg_error *err)
{
    struct fg_command *commands[AT_ONCE] = {0};
    for (size_t i = 0; i < count; i++)
        commands[i] = &entries[i].command;
    enum fg_code code = exchange_run_all(area, commands, count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if (entries[i].command.refusal == FG_REFUSAL_CAPABILITY)
            *is_complete = false; /* again at the next tick; what else was refused (a halt, a limit) when something has changed */
    return code;
}

static enum fg_code read_held(struct exchange_area *area, const struct exchange_pending *pending, int64_t *held_w,
                              struct fg_error *err)
{
    const struct fg_contract_terms *contract = pending->contract;
    struct fg_sql *sql;
    bool row;
    memset(held_w, 0, (size_t)pending->count * sizeof *held_w);
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT period, contracted_w FROM book_position WHERE area_id = $1 AND portfolio_id = $2 AND product "
                                 "= $3 AND regulation = $4 AND period >= $5 AND period < $6",
                                 "iiiiii", area->id, contract->portfolio, (int64_t)contract->kind, (int64_t)contract->regulation,
                                 (int64_t)pending->first, (int64_t)pending->first + pending->count);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        held_w[fg_sql_column_int64(sql, 0) - pending->first] = fg_sql_column_int64(sql, 1);
    return code;
}

/* Is the seller active, and where does the order act? Where the grid is checked, at the one bus of the portfolio's assets. */
static bool may_sell(const struct exchange_area *area, const struct fg_contract_terms *contract, int32_t *bus)
{
    const struct fg_portfolio_facts *portfolio = fg_facts_portfolio(area->facts, contract->portfolio);
    const struct fg_organisation_facts *seller = fg_facts_organisation(area->facts, contract->seller);
    const char *reason;
    *bus = -1;
    if (portfolio == NULL || seller == NULL || !seller->is_active)
        return false;
    if (!area->facts->is_network_aware)
        return true;
    *bus = fg_facts_bus(area->facts, NULL, contract->portfolio, portfolio->location, exchange_now_us(area->exchange), &reason);
    if (*bus < 0)
        fg_log(FG_LOG_WARNING, "contract.no_bus", FG_LOG_NUMBER("contract", (double)contract->id), FG_LOG_TEXT("text", reason));
    return *bus >= 0;
}

static enum fg_code enter_orders(struct exchange_area *area, struct exchange_pending *pending, int32_t bus, struct entry *entries,
                                 bool *is_complete, struct fg_error *err)
{
    const struct fg_contract_terms *contract = pending->contract;
    struct fg_gate_window gate = gate_of(area, contract, exchange_now_us(area->exchange));
    char reference[40];
    size_t count = 0;
    int64_t *held_w = fg_alloc((size_t)pending->count, sizeof *held_w), tick_w = area->facts->tick_w;
    enum fg_code code = held_w != NULL ? read_held(area, pending, held_w, err) : fg_fail_memory(err);
    reference_of(contract, reference);
    for (int32_t i = 0; code == FG_OK && i < pending->count; i++) {
        int32_t period = pending->first + i;
        int64_t quantity_w = pending->quantity_w[i] < held_w[i] ? pending->quantity_w[i] : held_w[i];
        quantity_w -= quantity_w % tick_w;
        if (quantity_w <= 0 || period < gate.first || period >= gate.end)
            continue;
        make_entry(&entries[count++], area, contract, reference, bus, period, quantity_w);
        if (count == AT_ONCE) {
            code = send_entries(area, entries, count, is_complete, err);
            count = 0;
        }
    }
    if (code == FG_OK && count > 0)
        code = send_entries(area, entries, count, is_complete, err);
    fg_free(held_w);
    return code;
}

enum fg_code exchange_enter_contracts(struct exchange_area *area, struct fg_error *err)
{
    bool is_complete = true;
    enum fg_code code = FG_OK;
    if (area->pending == NULL)
        return FG_OK;
    if (area->is_fresh) /* capabilities are not all set: again at the next tick */
        is_complete = false;
    struct entry *entries = fg_alloc(AT_ONCE, sizeof *entries);
    if (entries == NULL)
        return fg_fail_memory(err);
    int32_t bus;
    for (size_t i = 0; code == FG_OK && i < area->pending_count; i++)
        if (may_sell(area, area->pending[i].contract, &bus))
            code = enter_orders(area, &area->pending[i], bus, entries, &is_complete, err);
    fg_free(entries);
    exchange_drop_pending(area);
    if (code == FG_OK)
        area->contracts_done = is_complete;
    return code;
}
