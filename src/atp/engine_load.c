/* From rows to the book: recovery loads what was decided and decides nothing. */
#include "atp/auction_internal.h"
#include "atp/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* Rows of one query: `take` reads the current row. */
static enum fg_code each_row(struct engine_area *area, const char *text, enum fg_code (*take)(void *context,
                             struct fg_sql *sql, struct fg_error *err), void *context, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->store, text, &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        code = take(context, sql, err);
    }
    fg_sql_done(sql);
    return code;
}

/* -- settings and locations ---------------------------------------------------------------------------------------- */

static enum fg_code load_settings(struct engine_area *area, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(area->store,
                                       "SELECT period_s, tick_w, price_step_u, price_min_u, price_max_u, size_max_w "
                                       "FROM area WHERE id = $1",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    if ((code = fg_sql_one(sql, err)) != FG_OK)
        return code == FG_ERR_NOT_FOUND
                   ? fg_fail(err, code, NULL, "there is no market area with number %lld", (long long)area->id)
                   : code;
    area->settings = (struct fg_book_settings){.period_s = (int32_t)fg_sql_column_int64(sql, 0),
                                               .tick = {fg_sql_column_int64(sql, 1)},
                                               .price_step = {fg_sql_column_int64(sql, 2)},
                                               .price_min = {fg_sql_column_int64(sql, 3)},
                                               .price_max = {fg_sql_column_int64(sql, 4)},
                                               .size_max = {fg_sql_column_int64(sql, 5)}};
    fg_sql_done(sql);
    return FG_OK;
}

int32_t engine_location_index(const struct engine_area *area, int64_t id)
{
    int32_t low = 0, high = area->locations.count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (area->locations.ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < area->locations.count && area->locations.ids[low] == id ? low : -1;
}

bool engine_find_order(struct engine_area *area, uint64_t id, struct fg_book_order_state *state)
{
    if (!fg_book_find_order(area->book, id, state, NULL, NULL))
        return false;
    size_t count = (size_t)state->order.period_count;
    if (2 * count > area->power_capacity) {
        struct fg_power *wider = fg_realloc(area->powers, 2 * count, sizeof *wider);
        if (wider == NULL) {
            area->code = fg_fail_memory(&area->err);
            return false;
        }
        area->powers = wider;
        area->power_capacity = 2 * count;
    }
    return fg_book_find_order(area->book, id, state, area->powers, area->powers + count);
}

struct location_rows {
    struct engine_area *area;
    size_t id_capacity, parent_capacity, link_capacity;
};

static enum fg_code take_location(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct location_rows *rows = context;
    struct engine_locations *locations = &rows->area->locations;
    size_t count = (size_t)locations->count;
    if (count >= FG_BOOK_LOCATIONS_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "more than %d locations in an area", FG_BOOK_LOCATIONS_MAX);
    if (fg_grow((void **)&locations->ids, count, &rows->id_capacity, sizeof *locations->ids) != 0 ||
        fg_grow((void **)&locations->parents, count, &rows->parent_capacity, sizeof *locations->parents) != 0)
        return fg_fail_memory(err);
    locations->ids[count] = fg_sql_column_int64(sql, 0);
    locations->parents[count] = -1;
    if (!fg_sql_column_is_null(sql, 1) &&
        (locations->parents[count] = engine_location_index(rows->area, fg_sql_column_int64(sql, 1))) < 0)
        return fg_fail(err, FG_ERR_CORRUPT, NULL, "the parent of location %lld is not in its area",
                       (long long)locations->ids[count]);
    locations->count++;
    return FG_OK;
}

static enum fg_code take_link(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct location_rows *rows = context;
    struct engine_locations *locations = &rows->area->locations;
    int32_t from = engine_location_index(rows->area, fg_sql_column_int64(sql, 0));
    int32_t to = engine_location_index(rows->area, fg_sql_column_int64(sql, 1));
    if (from < 0 || to < 0)
        return FG_OK; /* a link to another area: its orders are not in this book */
    if (fg_grow((void **)&locations->links, (size_t)locations->link_count, &rows->link_capacity,
                sizeof *locations->links) != 0)
        return fg_fail_memory(err);
    locations->links[locations->link_count][0] = from;
    locations->links[locations->link_count][1] = to;
    locations->link_count++;
    return FG_OK;
}

static enum fg_code load_locations(struct engine_area *area, struct fg_error *err)
{
    struct location_rows rows = {.area = area};
    enum fg_code code = each_row(area, "SELECT id, parent_id FROM location WHERE area_id = $1 ORDER BY id",
                                 take_location, &rows, err);
    if (code == FG_OK)
        code = each_row(area,
                        "SELECT k.from_id, k.to_id FROM location_link k JOIN location l ON l.id = k.from_id "
                        "WHERE l.area_id = $1 ORDER BY k.from_id, k.to_id",
                        take_link, &rows, err);
    return code;
}

enum fg_code engine_locations_reload(struct engine_area *area, struct engine_locations *locations, struct fg_error *err)
{
    struct engine_locations old = area->locations;
    memset(&area->locations, 0, sizeof area->locations);
    enum fg_code code = load_locations(area, err);
    *locations = area->locations;
    area->locations = old;
    return code;
}

void engine_locations_release(struct engine_locations *locations)
{
    fg_free(locations->ids);
    fg_free(locations->parents);
    fg_free(locations->links);
    memset(locations, 0, sizeof *locations);
}

/* -- the book ------------------------------------------------------------------------------------------------------- */

struct image_rows {
    struct engine_area *area;
    struct fg_book_image image;
    size_t gate_capacity, halt_capacity, limit_capacity, position_capacity, group_capacity, order_capacity, trade_capacity;
    struct fg_arena arena;
};

#define TAKE_ROW(rows, list)                                                                                           \
    if (fg_grow((void **)&(rows)->image.list##s, (rows)->image.list##_count, &(rows)->list##_capacity,                 \
                sizeof *(rows)->image.list##s) != 0)                                                                   \
        return fg_fail_memory(err);                                                                                    \
    memset(&(rows)->image.list##s[(rows)->image.list##_count], 0, sizeof *(rows)->image.list##s)

static enum fg_code take_gate(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, gate);
    rows->image.gates[rows->image.gate_count++] = (struct fg_book_gate){
        (enum fg_product)fg_sql_column_int64(sql, 0), (int32_t)fg_sql_column_int64(sql, 1)};
    return FG_OK;
}

static enum fg_code take_halt(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, halt);
    enum fg_book_scope scope = (enum fg_book_scope)fg_sql_column_int64(sql, 0);
    int64_t subject = fg_sql_column_int64(sql, 1);
    rows->image.halts[rows->image.halt_count++] = (struct fg_book_halt_row){
        scope, scope == FG_BOOK_SCOPE_LOCATION ? engine_location_index(rows->area, subject) : (int32_t)subject};
    return FG_OK;
}

static int64_t optional(struct fg_sql *sql, int column, int64_t absent)
{
    return fg_sql_column_is_null(sql, column) ? absent : fg_sql_column_int64(sql, column);
}

static enum fg_code take_limit(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, limit);
    int64_t participant = fg_sql_column_int64(sql, 0);
    rows->image.limits[rows->image.limit_count++] = (struct fg_book_limit){
        .participant = participant > 0 ? (int32_t)participant : -1,
        .product = (int32_t)fg_sql_column_int64(sql, 1),
        .regulation = (int32_t)fg_sql_column_int64(sql, 2),
        .has_price = !fg_sql_column_is_null(sql, 3),
        .price_min = {optional(sql, 3, 0)},
        .price_max = {optional(sql, 4, 0)},
        .has_band = !fg_sql_column_is_null(sql, 5),
        .band = {optional(sql, 5, 0)},
        .reference = {optional(sql, 6, 0)},
        .size_max = {optional(sql, 7, -1)},
        .orders_max = optional(sql, 8, -1),
        .exposure_max = {optional(sql, 9, -1)}};
    return FG_OK;
}

static enum fg_code take_group(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, group);
    rows->image.groups[rows->image.group_count++] =
        (struct fg_book_group_row){{(uint64_t)fg_sql_column_int64(sql, 0), (enum fg_group_kind)fg_sql_column_int64(sql, 1)},
                                   fg_sql_column_int64(sql, 2)};
    return FG_OK;
}

static enum fg_code take_position(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, position);
    rows->image.positions[rows->image.position_count++] = (struct fg_book_position){
        .portfolio = (int32_t)fg_sql_column_int64(sql, 0),
        .product = (enum fg_product)fg_sql_column_int64(sql, 1),
        .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 2),
        .period = (int32_t)fg_sql_column_int64(sql, 3),
        .capability = {fg_sql_column_int64(sql, 4)},
        .reserved = {fg_sql_column_int64(sql, 5)},
        .open = {fg_sql_column_int64(sql, 6)},
        .traded = {fg_sql_column_int64(sql, 7)},
        .forwarded = {fg_sql_column_int64(sql, 8)},
        .contracted = {fg_sql_column_int64(sql, 9)}};
    return FG_OK;
}

/* A blob of 64-bit integers, as written by engine_write.c; NULL when it has not `count` of them. */
static const int64_t *integers(struct image_rows *rows, struct fg_sql *sql, int column, size_t count)
{
    size_t size = 0;
    const unsigned char *bytes = fg_sql_column_blob(sql, column, &size);
    if (size != count * 8)
        return NULL;
    int64_t *values = fg_arena_alloc(&rows->arena, count, sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++)
        values[i] = fg_blob_integer(bytes, i);
    return values;
}

_Static_assert(sizeof(struct fg_power) == 8 && sizeof(struct fg_price_point) == 16, "arrays of integers");

static enum fg_code take_order(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, order);
    struct fg_book_order_state *state = &rows->image.orders[rows->image.order_count];
    struct fg_book_order *order = &state->order;
    int column = 0;
#define NEXT() fg_sql_column_int64(sql, column++)
    order->id = (uint64_t)NEXT();
    state->forwarded = NEXT() != 0;
    state->priority = (uint64_t)NEXT();
    state->held_back = NEXT() != 0;
    order->participant = (int32_t)NEXT();
    order->organisation = (int32_t)NEXT();
    order->portfolio = fg_sql_column_is_null(sql, column) ? -1 : (int32_t)fg_sql_column_int64(sql, column);
    column++;
    order->location = engine_location_index(rows->area, NEXT());
    order->bus = (int32_t)NEXT();
    order->side = (enum fg_side)NEXT();
    order->product = (enum fg_product)NEXT();
    order->regulation = (enum fg_regulation)NEXT();
    order->kind = (enum fg_request_kind)NEXT();
    order->conditional = NEXT() != 0;
    order->block = NEXT() != 0;
    order->forward_to_tso = NEXT() != 0;
    order->min_fraction_u = NEXT();
    order->validity = (enum fg_validity)NEXT();
    order->expires_us = NEXT();
    order->first_period = (int32_t)NEXT();
    order->period_count = (int32_t)NEXT();
    order->attributes.technologies = (uint64_t)NEXT();
    order->attributes.activation_s = NEXT();
    order->attributes.duration_min_s = NEXT();
    order->attributes.duration_max_s = NEXT();
    order->attributes.ramp_w_per_min = NEXT();
    order->session = (uint64_t)NEXT();
    order->contract = (uint64_t)NEXT();
    order->parent = (uint64_t)NEXT();
    state->group = (uint64_t)NEXT();
    state->is_tied = NEXT() != 0;
#undef NEXT
    size_t periods = (size_t)order->period_count, size = 0;
    order->quantity = (const struct fg_power *)integers(rows, sql, column, periods);
    state->filled = (const struct fg_power *)integers(rows, sql, column + 1, periods);
    fg_sql_column_blob(sql, column + 2, &size);
    order->point_count = (int32_t)(size / 16);
    order->points = (const struct fg_price_point *)integers(rows, sql, column + 2, size / 8);
    for (size_t g = 0; g < rows->image.group_count; g++)
        if (rows->image.groups[g].group.id == state->group)
            state->group_kind = rows->image.groups[g].group.kind;
    if (order->quantity == NULL || state->filled == NULL || order->points == NULL)
        return fg_fail(err, FG_ERR_CORRUPT, NULL, "the row of order %lld is damaged; restore a backup",
                       (long long)order->id);
    rows->image.order_count++;
    return FG_OK;
}

static enum fg_code take_trade(void *context, struct fg_sql *sql, struct fg_error *err)
{
    struct image_rows *rows = context;
    TAKE_ROW(rows, trade);
    int column = 0;
#define NEXT() fg_sql_column_int64(sql, column++)
    struct fg_book_trade *trade = &rows->image.trades[rows->image.trade_count++];
    trade->id = (uint64_t)NEXT();
    trade->sell = (uint64_t)NEXT();
    trade->buy = (uint64_t)NEXT();
    trade->initiator = (enum fg_side)NEXT();
    trade->seller = (int32_t)NEXT();
    trade->buyer = (int32_t)NEXT();
    trade->portfolio = (int32_t)NEXT();
    trade->buyer_portfolio = (int32_t)NEXT();
    trade->sell_contract = (uint64_t)NEXT();
    trade->buy_contract = (uint64_t)NEXT();
    trade->flow.product = (enum fg_product)NEXT();
    trade->flow.regulation = (enum fg_regulation)NEXT();
    trade->flow.kind = (enum fg_request_kind)NEXT();
    trade->flow.conditional = NEXT() != 0;
    trade->flow.period = (int32_t)NEXT();
    trade->flow.sell_bus = (int32_t)NEXT();
    trade->flow.buy_bus = (int32_t)NEXT();
    trade->flow.sell_location = engine_location_index(rows->area, NEXT());
    trade->flow.buy_location = engine_location_index(rows->area, NEXT());
    trade->quantity.w = NEXT();
    trade->concluded.w = NEXT();
    trade->price.uper_mwh = NEXT();
    trade->time_us = NEXT();
    trade->auction = (uint64_t)NEXT();
#undef NEXT
    return FG_OK;
}

static enum fg_code take_state(void *context, struct fg_sql *sql, struct fg_error *err)
{
    (void)err;
    struct image_rows *rows = context;
    rows->image.time_us = fg_sql_column_int64(sql, 0);
    rows->image.next_priority = (uint64_t)fg_sql_column_int64(sql, 1);
    rows->image.next_trade = (uint64_t)fg_sql_column_int64(sql, 2);
    rows->image.event_sequence = (uint64_t)fg_sql_column_int64(sql, 3);
    rows->area->event_sequence = (uint64_t)fg_sql_column_int64(sql, 4);
    rows->image.settled_before = (int32_t)fg_sql_column_int64(sql, 5);
    return FG_OK;
}

static enum fg_code load_image(struct image_rows *rows, struct fg_error *err)
{
    static const struct {
        const char *text;
        enum fg_code (*take)(void *, struct fg_sql *, struct fg_error *);
    } parts[] = {
        {"SELECT time_us, next_priority, next_trade, book_sequence, event_sequence, settled_before FROM area_state WHERE area_id "
         "= $1",
         take_state},
        {"SELECT product, period FROM book_gate WHERE area_id = $1 ORDER BY product, period", take_gate},
        {"SELECT scope, subject_id FROM book_halt WHERE area_id = $1 ORDER BY scope, subject_id", take_halt},
        {"SELECT participant_id, product, regulation, price_min_u, price_max_u, band_u, reference_u, size_max_w, orders_max, "
         "exposure_max_u FROM book_limit WHERE area_id = $1 ORDER BY participant_id, product, regulation",
         take_limit},
        {"SELECT id, kind, used_u FROM book_group WHERE area_id = $1 ORDER BY id", take_group},
        {"SELECT portfolio_id, product, regulation, period, capability_w, reserved_w, open_w, traded_w, forwarded_w, "
         "contracted_w FROM book_position WHERE area_id = $1 ORDER BY portfolio_id, product, regulation, period",
         take_position},
        {"SELECT id, CASE status WHEN 'forwarded' THEN 1 ELSE 0 END, priority, held_back, organisation_id, owner_id, "
         "portfolio_id, location_id, bus, side, product, regulation, kind, conditional, block, forward_to_tso, "
         "min_fraction_u, validity, expires_us, first_period, period_count, technologies, activation_s, duration_min_s, "
         "duration_max_s, ramp_w_per_min, session_id, contract_id, parent_id, group_id, tied, quantity, filled, points "
         "FROM book_order WHERE area_id = $1 AND status IN ('open', 'forwarded') ORDER BY priority",
         take_order},
        {"SELECT id, sell_order_id, buy_order_id, initiator, seller_id, buyer_id, portfolio_id, buyer_portfolio_id, "
         "sell_contract_id, buy_contract_id, product, regulation, kind, conditional, period, sell_bus, buy_bus, "
         "sell_location_id, buy_location_id, quantity_w, concluded_w, price_u, time_us, COALESCE(auction_id, 0) "
         "FROM book_trade WHERE area_id = $1 ORDER BY id",
         take_trade},
    };
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < sizeof parts / sizeof *parts; i++)
        code = each_row(rows->area, parts[i].text, parts[i].take, rows, err);
    return code;
}

/* Nobody else writes them: the area's lease is held. */
static enum fg_code count_sealed(struct engine_area *area, struct fg_error *err)
{
    enum fg_code code = fg_store_begin(area->store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    code = auction_sealed_count(area, 0, 0, 0, 1, err);
    fg_store_rollback(area->store);
    return code;
}

enum fg_code engine_area_load(struct engine_area *area, fg_book_sink *sink, void *sink_context, struct fg_error *err)
{
    char chain[FG_AUDIT_CHAIN_MAX];
    struct image_rows rows = {.area = area};
    rows.image.next_priority = rows.image.next_trade = 1;
    fg_arena_init(&rows.arena);
    area->event_sequence = 0;
    area->order_next = area->order_limit = 0;

    enum fg_code code = fg_store_begin(area->store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    snprintf(chain, sizeof chain, "area-%lld", (long long)area->id);
    code = load_settings(area, err);
    if (code == FG_OK)
        code = load_locations(area, err);
    if (code == FG_OK)
        code = load_image(&rows, err);
    if (code == FG_OK)
        code = fg_audit_chain_load(area->store, chain, &area->audit, err);
    if (code == FG_OK)
        code = engine_network_load(area, rows.image.trades, rows.image.trade_count, err);
    fg_store_rollback(area->store);

    if (code == FG_OK) {
        struct fg_book_locations locations = {area->locations.count, area->locations.parents,
                                              area->locations.link_count,
                                              (const int32_t(*)[2])area->locations.links};
        struct fg_book_network network;
        if (area->is_network_on)
            network = fg_match_grid_interface(area->match);
        code = fg_book_create(&area->settings, &locations, area->is_network_on ? &network : NULL, sink, sink_context,
                              &area->book, err);
    }
    if (code == FG_OK)
        code = fg_book_restore(area->book, &rows.image, err);
    if (code == FG_OK)
        code = count_sealed(area, err);
    fg_free(rows.image.gates);
    fg_free(rows.image.halts);
    fg_free(rows.image.limits);
    fg_free(rows.image.positions);
    fg_free(rows.image.groups);
    fg_free(rows.image.orders);
    fg_free(rows.image.trades);
    fg_arena_release(&rows.arena);
    if (code != FG_OK)
        engine_area_drop(area);
    return code;
}

void engine_area_drop(struct engine_area *area)
{
    fg_book_destroy(area->book);
    area->book = NULL;
    fg_match_grid_destroy(area->match);
    area->match = NULL;
    area->is_network_on = false;
    engine_locations_release(&area->locations);
}
