/* What the registry's facts and the clock ask of an area, compared with what its engine has committed: the differences
 * become commands. Nothing is remembered that the database does not tell, so a take-over goes on where it was. */
#include "atp/exchange_internal.h"

#include "atp/limits.h"
#include "atp/query.h"

#include <string.h>

enum { AHEAD_US = 30 * 1000000 };               /* how long before its time a closure is handed over */
static const int64_t LATE_US = 5 * 1000000;     /* a closure handed over and not seen by then is sent again */

enum fg_code exchange_apply_locations(struct exchange_area *area, struct fg_error *err)
{
    const struct fg_facts *facts = area->facts;
    if (area->location_count == facts->location_count && area->link_count == facts->link_count)
        return FG_OK;
    struct fg_command command = {.kind = FG_COMMAND_LOCATIONS};
    enum fg_code code = exchange_run(area, &command, err);
    if (code == FG_OK && command.refusal != FG_REFUSAL_NONE)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "%.300s", command.err.text);
    if (code == FG_OK) {
        area->location_count = facts->location_count;
        area->link_count = facts->link_count;
    }
    return code;
}

/* -- gates ----------------------------------------------------------------------------------------------------------- */

/* Several products of one kind share the book's gates: open as long as one of them is. */
bool exchange_window(const struct exchange_area *area, enum fg_product kind, int64_t now_us, struct fg_gate_window *window)
{
    bool is_traded = false;
    for (size_t i = 0; i < area->facts->product_count; i++) {
        const struct fg_product_facts *product = &area->facts->products[i];
        if (product->kind != kind)
            continue;
        struct fg_gate_window one = fg_gate_window(&product->gate, area->zone, area->facts->period_s, now_us);
        if (!is_traded || one.first < window->first)
            window->first = one.first;
        if (!is_traded || one.end > window->end)
            window->end = one.end;
        is_traded = true;
    }
    if (!is_traded)
        *window = (struct fg_gate_window){0, 0};
    return is_traded;
}

/* When the last product of the kind closes the period. */
static int64_t closure_of(const struct exchange_area *area, enum fg_product kind, int32_t period)
{
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < area->facts->product_count; i++) {
        const struct fg_product_facts *product = &area->facts->products[i];
        if (product->kind == kind) {
            int64_t closure = fg_gate_closure_us(&product->gate, area->facts->period_s, period);
            latest = closure > latest ? closure : latest;
        }
    }
    return latest;
}

/* Locations whose marked offers go to a balancing market when their gate closes. `ids` (as many as there are locations). */
static size_t list_forwarding(const struct exchange_area *area, int64_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < area->facts->location_count; i++)
        if (area->facts->locations[i].forwards)
            ids[count++] = area->facts->locations[i].id;
    return count;
}

static enum fg_code send_gate(struct exchange_area *area, enum fg_command_kind kind, enum fg_product product, int32_t first,
                              int32_t count, struct fg_error *err)
{
    int64_t *forwarding = fg_alloc(area->facts->location_count, sizeof *forwarding);
    if (forwarding == NULL)
        return fg_fail_memory(err);
    struct fg_command command = {.kind = kind, .product = product, .first_period = first, .period_count = count,
                                 .forwarding = forwarding};
    if (kind == FG_COMMAND_CLOSE && product == FG_PRODUCT_ACTIVE)
        command.forwarding_count = list_forwarding(area, forwarding);
    enum fg_code code = exchange_run(area, &command, err);
    fg_free(forwarding);
    if (code == FG_OK && command.refusal != FG_REFUSAL_NONE && command.refusal != FG_REFUSAL_STATE)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "%.300s", command.err.text);
    return code;
}

struct runs {
    int32_t *first, *count;
    size_t length, first_capacity, count_capacity;
};

static enum fg_code add_run(struct runs *runs, int32_t first, int32_t count, struct fg_error *err)
{
    if (count <= 0)
        return FG_OK;
    if (runs->length > 0 && runs->first[runs->length - 1] + runs->count[runs->length - 1] == first) {
        runs->count[runs->length - 1] += count;
        return FG_OK;
    }
    if (fg_grow((void **)&runs->first, runs->length, &runs->first_capacity, sizeof *runs->first) != 0 ||
        fg_grow((void **)&runs->count, runs->length, &runs->count_capacity, sizeof *runs->count) != 0)
        return fg_fail_memory(err);
    runs->first[runs->length] = first;
    runs->count[runs->length++] = count;
    return FG_OK;
}

static void release_runs(struct runs *runs)
{
    fg_free(runs->first);
    fg_free(runs->count);
}

/* Runs of periods that are open and should not be, and that should be open and are not. */
static enum fg_code compare_gates(struct exchange_area *area, enum fg_product product, struct fg_gate_window window,
                                  int32_t spared, struct runs *close, struct runs *open, struct fg_error *err)
{
    struct fg_sql *sql;
    int32_t next = window.first; /* first period of the window that has not been seen open */
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       "SELECT period FROM book_gate WHERE area_id = $1 AND product = $2 ORDER BY period",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    fg_sql_int64(sql, 2, product);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            break;
        int32_t period = (int32_t)fg_sql_column_int64(sql, 0);
        if (period < window.first || period >= window.end) {
            if (period != spared)
                code = add_run(close, period, 1, err);
        } else {
            code = add_run(open, next, period - next, err);
            next = period + 1;
        }
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    if (code == FG_OK && next < window.end)
        code = add_run(open, next, window.end - next, err);
    return code;
}

static void free_command(struct fg_command *command)
{
    fg_free(command->context); /* its locations */
    fg_free(command);
}

/* Hand the next closure over with its time. */
static enum fg_code schedule_closure(struct exchange_area *area, enum fg_product product, struct fg_gate_window window,
                                     int64_t now_us, struct fg_error *err)
{
    if (window.first >= window.end || area->scheduled[product] == window.first)
        return FG_OK;
    int64_t due_us = closure_of(area, product, window.first);
    if (due_us - now_us > AHEAD_US)
        return FG_OK;
    struct fg_command *command = fg_alloc(1, sizeof *command);
    int64_t *forwarding = fg_alloc(area->facts->location_count, sizeof *forwarding);
    if (command == NULL || forwarding == NULL) {
        fg_free(command);
        fg_free(forwarding);
        return fg_fail_memory(err);
    }
    *command = (struct fg_command){.kind = FG_COMMAND_CLOSE, .due_us = due_us, .product = product,
                                   .first_period = window.first, .period_count = 1, .forwarding = forwarding,
                                   .done = free_command, .context = forwarding};
    if (product == FG_PRODUCT_ACTIVE)
        command->forwarding_count = list_forwarding(area, forwarding);
    enum fg_code code = fg_engine_submit(area->engine, command, err);
    if (code != FG_OK)
        free_command(command);
    else
        area->scheduled[product] = window.first;
    return code;
}

static enum fg_code apply_gate(struct exchange_area *area, enum fg_product product, struct fg_error *err)
{
    struct fg_gate_window window;
    int64_t now_us = exchange_now_us(area->exchange);
    enum fg_code code = FG_OK;
    exchange_window(area, product, now_us, &window);
    int32_t spared = area->scheduled[product];
    if (spared != INT32_MIN && now_us > closure_of(area, product, spared) + LATE_US)
        spared = INT32_MIN;
    struct fg_gate_window *known = &area->windows[product];
    bool is_closing = spared != INT32_MIN && spared == window.first - 1 && known->end == window.end;
    if (!is_closing && (known->first != window.first || known->end != window.end)) {
        struct runs close = {0}, open = {0};
        code = compare_gates(area, product, window, spared, &close, &open, err);
        for (size_t i = 0; code == FG_OK && i < close.length; i++)
            code = send_gate(area, FG_COMMAND_CLOSE, product, close.first[i], close.count[i], err);
        for (size_t i = 0; code == FG_OK && i < open.length; i++) {
            code = send_gate(area, FG_COMMAND_OPEN, product, open.first[i], open.count[i], err);
            area->is_fresh = true; /* new periods have no capabilities yet */
        }
        release_runs(&close);
        release_runs(&open);
        if (code != FG_OK)
            return code;
        *known = window;
    }
    return schedule_closure(area, product, window, now_us, err);
}

enum fg_code exchange_apply_gates(struct exchange_area *area, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (int product = 0; code == FG_OK && product < FG_BOOK_PRODUCTS; product++)
        code = apply_gate(area, (enum fg_product)product, err);
    return code;
}

/* -- capabilities ---------------------------------------------------------------------------------------------------- */

/* Of one portfolio, direction and period: as the engine has committed it, and as it should be. */
struct position {
    int64_t capability_w, reserved_w, sold_w; /* sold: traded or forwarded */
    int64_t contracted_w, promised_w;         /* held for contracts; open in their orders */
    int64_t wanted_w, held_w; /* capability and what is held for contracts, as they should be */
};

static enum fg_code read_positions(struct exchange_area *area, int64_t portfolio, enum fg_product product,
                                   enum fg_regulation regulation, struct fg_gate_window window, struct position *positions,
                                   struct fg_error *err)
{
    struct fg_sql *sql;
    memset(positions, 0, (size_t)(window.end - window.first) * sizeof *positions);
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       "SELECT period, capability_w, reserved_w, traded_w + forwarded_w, contracted_w "
                                       "FROM book_position WHERE area_id = $1 AND portfolio_id = $2 AND product = $3 AND "
                                       "regulation = $4 AND period >= $5 AND period < $6",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {area->id, portfolio, product, regulation, window.first, window.end};
    for (int i = 0; i < 6; i++)
        fg_sql_int64(sql, i + 1, values[i]);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        struct position *position = &positions[fg_sql_column_int64(sql, 0) - window.first];
        position->capability_w = fg_sql_column_int64(sql, 1);
        position->reserved_w = fg_sql_column_int64(sql, 2);
        position->sold_w = fg_sql_column_int64(sql, 3);
        position->contracted_w = fg_sql_column_int64(sql, 4);
    }
}

/* What is open in orders of contracts keeps its place: only what is left beyond it can be held for others. */
static enum fg_code read_promised(struct exchange_area *area, int64_t portfolio, enum fg_product product,
                                  enum fg_regulation regulation, struct fg_gate_window window, struct position *positions,
                                  struct fg_error *err)
{
    struct fg_sql *sql;
    bool row, has_contract = false;
    for (size_t i = 0; i < area->contract_count; i++)
        has_contract = has_contract || area->contracts[i].portfolio == portfolio;
    if (!has_contract)
        return FG_OK;
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT o.first_period, o.quantity, o.filled FROM contract c JOIN book_order o ON o.contract_id = "
                                 "c.id WHERE c.portfolio_id = $1 AND o.product = $2 AND o.regulation = $3 AND o.first_period >= $4 "
                                 "AND o.first_period < $5 AND o.status = 'open'",
                                 "iiiii", portfolio, (int64_t)product, (int64_t)regulation, (int64_t)window.first,
                                 (int64_t)window.end);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        positions[fg_sql_column_int64(sql, 0) - window.first].promised_w +=
            exchange_first_power(sql, 1) - exchange_first_power(sql, 2);
    return code;
}

/* What a position should be: approved, never below what is sold; for contracts what is pending, as far as that leaves room. */
static void want(const struct exchange_area *area, int64_t portfolio, enum fg_product product, enum fg_regulation regulation,
                 int32_t period, struct position *position)
{
    int64_t approved = fg_facts_capability(area->facts, portfolio, product, regulation, period);
    int64_t committed = position->reserved_w + position->sold_w;
    int64_t pending = area->pending != NULL ? exchange_pending_sum(area, portfolio, product, regulation, period)
                                            : position->contracted_w;
    position->wanted_w = approved > committed ? approved : committed;
    int64_t room_w = position->wanted_w - committed - position->promised_w;
    position->held_w = pending < room_w ? pending : room_w > 0 ? room_w : 0;
}

static bool is_alike(const struct position *a, const struct position *b)
{
    return a->wanted_w == b->wanted_w && a->capability_w == b->capability_w &&
           a->held_w == b->held_w && a->contracted_w == b->contracted_w;
}

/* Both parts of an account go together: nothing gets between them. What grows first makes room for what grows next. */
static enum fg_code send_run(struct exchange_area *area, const struct fg_command *account, const struct position *of,
                             bool *is_complete, struct fg_error *err)
{
    struct fg_command capability = *account, contracted = *account, *commands[2];
    size_t count = 0;
    capability.kind = FG_COMMAND_CAPABILITY;
    capability.capability.w = of->wanted_w;
    capability.reserved.w = -1; /* auctions bind and release it meanwhile */
    contracted.kind = FG_COMMAND_CONTRACTED;
    contracted.reserved.w = of->held_w;
    if (of->held_w < of->contracted_w)
        commands[count++] = &contracted;
    if (of->wanted_w != of->capability_w)
        commands[count++] = &capability;
    if (of->held_w > of->contracted_w)
        commands[count++] = &contracted;
    enum fg_code code = exchange_run_all(area, commands, count, err);
    for (size_t i = 0; i < count; i++)
        if (commands[i]->refusal != FG_REFUSAL_NONE)
            *is_complete = false; /* it traded meanwhile: compare again at the next tick */
    return code;
}

/* Send what differs, as runs of periods. What is traded already is not taken back by a lower approval. */
static enum fg_code send_capability(struct exchange_area *area, int64_t portfolio, enum fg_product product,
                                    enum fg_regulation regulation, struct fg_gate_window window,
                                    struct position *positions, bool *is_complete, struct fg_error *err)
{
    int32_t count = window.end - window.first, next;
    enum fg_code code = read_positions(area, portfolio, product, regulation, window, positions, err);
    if (code == FG_OK)
        code = read_promised(area, portfolio, product, regulation, window, positions, err);
    for (int32_t i = 0; code == FG_OK && i < count; i++)
        want(area, portfolio, product, regulation, window.first + i, &positions[i]);
    for (int32_t i = 0; code == FG_OK && i < count; i = next) {
        const struct position *first = &positions[i];
        for (next = i + 1; next < count && is_alike(first, &positions[next]); next++)
            ;
        if (first->wanted_w == first->capability_w && first->held_w == first->contracted_w)
            continue;
        struct fg_command account = {.portfolio = (int32_t)portfolio,
                                     .product = product,
                                     .regulation = regulation,
                                     .first_period = window.first + i,
                                     .period_count = next - i};
        code = send_run(area, &account, first, is_complete, err);
    }
    return code;
}

enum fg_code exchange_apply_capabilities(struct exchange_area *area, struct fg_error *err)
{
    const struct fg_facts *facts = area->facts;
    enum fg_code code = FG_OK;
    bool is_complete = true;
    if (!area->is_fresh && area->digest == facts->prequalification_digest)
        return FG_OK;
    for (int product = 0; code == FG_OK && product < FG_BOOK_PRODUCTS; product++) {
        struct fg_gate_window window = area->windows[product];
        if (window.first >= window.end)
            continue;
        struct position *positions = fg_alloc((size_t)(window.end - window.first), sizeof *positions);
        if (positions == NULL)
            return fg_fail_memory(err);
        for (size_t i = 0; code == FG_OK && i < facts->portfolio_count; i++)
            for (int regulation = FG_REGULATION_UP; code == FG_OK && regulation <= FG_REGULATION_DOWN; regulation++)
                code = send_capability(area, facts->portfolios[i].id, (enum fg_product)product,
                                       (enum fg_regulation)regulation, window, positions, &is_complete, err);
        fg_free(positions);
    }
    if (code == FG_OK && is_complete) {
        area->is_fresh = false;
        area->digest = facts->prequalification_digest;
    }
    return code;
}

/* -- settled deliveries, for limits of exposure ------------------------------------------------------------------------ */

enum fg_code exchange_apply_settled(struct exchange_area *area, struct fg_error *err)
{
    struct fg_store *store = area->exchange->store;
    int64_t known;
    int32_t period = 0;
    area->settled_us = exchange_monotonic_us();
    enum fg_code code = fg_query_number(store, &known, err,
                                        "SELECT settled_before FROM area_state WHERE area_id = $1 AND EXISTS (SELECT 1 FROM "
                                        "book_limit WHERE area_id = $1 AND exposure_max_u IS NOT NULL)",
                                        "i", area->id);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK; /* nobody asks */
    if (code == FG_OK)
        code = fg_settled_before(store, area->id, (int32_t)known, &period, err);
    if (code != FG_OK || period <= known)
        return code;
    struct fg_command command = {.kind = FG_COMMAND_SETTLED, .first_period = period};
    return exchange_run(area, &command, err);
}
