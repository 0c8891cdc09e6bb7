/* Locked offers become bids. */
#include "gateway/forward_internal.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

enum { ORDERS_AT_ONCE = 200, PIECES_AT_ONCE = 4000, MARKETS_MAX = 64 };

struct market {
    char control_area[FG_CONTROL_AREA_TEXT];
    int64_t bid_min_w, lead_us, grace_us;
    struct fg_piece *pieces;
    size_t count, capacity;
};
struct collection {
    struct forward_job *job;
    struct market markets[MARKETS_MAX];
    size_t market_count, piece_count;
};

enum fg_code forward_control_area(struct forward_job *job, int64_t location, char out[FG_CONTROL_AREA_TEXT],
                                  struct fg_error *err)
{
    out[0] = '\0';
    while (location != 0 && out[0] == '\0') {
        struct fg_sql *sql;
        enum fg_code code = fg_query_one(job->scope->store, &sql, err,
                                         "SELECT control_area, parent_id FROM location WHERE id = $1", "i", location);
        if (code != FG_OK)
            return code;
        if (!fg_sql_column_is_null(sql, 0))
            snprintf(out, FG_CONTROL_AREA_TEXT, "%s", fg_sql_column_text(sql, 0));
        location = fg_sql_column_int64(sql, 1);
        fg_sql_done(sql);
    }
    return FG_OK;
}

static enum fg_code load_markets(struct collection *all, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(all->job->scope->store, &sql, err,
                                 "SELECT control_area, bid_min_w, lead_s, grace_s FROM balancing_market WHERE area_id = $1 AND "
                                 "enabled = 1 ORDER BY control_area LIMIT $2",
                                 "ii", all->job->scope->area, (int64_t)MARKETS_MAX);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct market *market = &all->markets[all->market_count++];
        snprintf(market->control_area, sizeof market->control_area, "%s", fg_sql_column_text(sql, 0));
        market->bid_min_w = fg_sql_column_int64(sql, 1);
        market->lead_us = fg_sql_column_int64(sql, 2) * 1000000;
        market->grace_us = fg_sql_column_int64(sql, 3) * 1000000;
    }
    return code;
}

/* The one party that answers for all assets of the portfolio at the instant; 0: several, or not known. */
static enum fg_code party_of(struct forward_job *job, int64_t portfolio, int64_t time_us, int64_t *brp, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(
        job->scope->store, &sql, err,
        "SELECT COALESCE(MIN(b.brp_id), 0), COALESCE(MAX(b.brp_id), 0), COUNT(*) - COUNT(b.brp_id) FROM portfolio_asset p LEFT "
        "JOIN brp_assignment b ON b.asset_id = p.asset_id AND b.valid_from_us <= $2 AND (b.valid_until_us IS NULL OR "
        "b.valid_until_us > $2) WHERE p.portfolio_id = $1 AND p.valid_from_us <= $2 AND (p.valid_until_us IS NULL OR "
        "p.valid_until_us > $2)",
        "ii", portfolio, time_us);
    if (code != FG_OK)
        return code;
    bool is_one = fg_sql_column_int64(sql, 0) == fg_sql_column_int64(sql, 1) && fg_sql_column_int64(sql, 2) == 0;
    *brp = is_one ? fg_sql_column_int64(sql, 0) : 0;
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code add_piece(struct collection *all, struct market *market, const struct fg_piece *piece, struct fg_error *err)
{
    if (fg_grow((void **)&market->pieces, market->count, &market->capacity, sizeof *market->pieces) != 0)
        return fg_fail_memory(err);
    market->pieces[market->count++] = *piece;
    all->piece_count++;
    return FG_OK;
}

static int64_t floor_tick(int64_t w, int64_t tick_w)
{
    return w - w % tick_w;
}

/* What must be called at least of an order's rest: its minimum counts while nothing of it is accepted. */
static int64_t least_of(const struct forward_job *job, const struct fg_book_order *order, int64_t quantity_w, int64_t filled_w)
{
    int64_t least = 0;
    if (order->min_fraction_u == 0 || filled_w > 0 ||
        fg_muldiv(quantity_w, order->min_fraction_u, FG_FRACTION_ONE, &least, NULL) != FG_OK)
        return 0;
    int64_t rest = least % job->tick_w;
    return rest == 0 ? least : least - rest + job->tick_w;
}

/* A block is one piece when its quantity is the same in all periods, and none otherwise: a bid has one quantity. */
static enum fg_code add_block(struct collection *all, struct market *market, const struct fg_book_order_state *state,
                              struct fg_piece piece, struct fg_error *err)
{
    const struct fg_book_order *order = &state->order;
    piece.quantity_w = order->quantity[0].w - state->filled[0].w;
    for (int32_t k = 1; k < order->period_count; k++)
        if (order->quantity[k].w - state->filled[k].w != piece.quantity_w)
            return FG_OK;
    piece.period_count = order->period_count;
    piece.price_u = order->points[0].price.uper_mwh;
    piece.least_w = least_of(all->job, order, order->quantity[0].w, state->filled[0].w);
    return piece.quantity_w > 0 ? add_piece(all, market, &piece, err) : FG_OK;
}

/* The price steps of what is left in one period. */
static enum fg_code add_steps(struct collection *all, struct market *market, const struct fg_book_order_state *state, int32_t k,
                              struct fg_piece piece, struct fg_error *err)
{
    const struct fg_book_order *order = &state->order;
    int64_t from = state->filled[k].w, tick = all->job->tick_w;
    enum fg_code code = FG_OK;
    piece.first_period = order->first_period + k;
    piece.period_count = 1;
    piece.least_w = least_of(all->job, order, order->quantity[k].w, from);
    for (int32_t p = 0; code == FG_OK && p < order->point_count && from < order->quantity[k].w; p++) {
        int64_t to = order->points[p].up_to.w < order->quantity[k].w ? order->points[p].up_to.w : order->quantity[k].w;
        piece.quantity_w = floor_tick(to - from, tick);
        if (to <= from || piece.quantity_w == 0)
            continue;
        piece.price_u = order->points[p].price.uper_mwh;
        from += piece.quantity_w;
        code = add_piece(all, market, &piece, err);
    }
    return code;
}

static enum fg_code add_order(struct collection *all, struct market *market, const struct fg_book_order_state *state,
                              struct fg_error *err)
{
    struct forward_job *job = all->job;
    const struct fg_book_order *order = &state->order;
    struct fg_piece piece = {.order = order->id, .portfolio = order->portfolio, .organisation = order->participant,
                             .zone = job->scope->locations[order->location], .regulation = order->regulation,
                             .first_period = order->first_period};
    int64_t start_us = (int64_t)order->first_period * job->period_s * 1000000;
    enum fg_code code = party_of(job, piece.portfolio, start_us, &piece.brp, err);
    if (code == FG_OK && order->block && order->period_count > 1)
        return start_us - market->lead_us > job->scope->time_us ? add_block(all, market, state, piece, err) : FG_OK;
    for (int32_t k = 0; code == FG_OK && k < order->period_count; k++)
        if (start_us + (int64_t)k * job->period_s * 1000000 - market->lead_us > job->scope->time_us)
            code = add_steps(all, market, state, k, piece, err);
    return code;
}

/* Orders that are locked and stand in no live bid. */
static enum fg_code list_orders(struct forward_job *job, int64_t *ids, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    *count = 0;
    enum fg_code code = fg_query(job->scope->store, &sql, err,
                                 "SELECT o.id FROM book_order o WHERE o.area_id = $1 AND o.status = 'forwarded' AND NOT EXISTS "
                                 "(SELECT 1 FROM forward_member m JOIN forward_bid b ON b.id = m.bid_id WHERE m.order_id = o.id AND "
                                 "b.state IN ('prepared', 'sent', 'accepted', 'returning')) ORDER BY o.id LIMIT $2",
                                 "ii", job->scope->area, (int64_t)ORDERS_AT_ONCE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        ids[(*count)++] = fg_sql_column_int64(sql, 0);
    return code;
}

static enum fg_code insert_bid(struct forward_job *job, const struct market *market, const struct fg_bid_draft *draft,
                               struct fg_error *err)
{
    const struct fg_piece *first = &market->pieces[draft->first];
    char object[FG_ID_TEXT];
    struct forward_bid bid;
    int64_t id, deadline_us = (int64_t)first->first_period * job->period_s * 1000000 - market->lead_us;
    enum fg_code code = fg_store_next(job->scope->store, fg_id_word(FG_ID_FORWARDING), 1, &id, err);
    if (code == FG_OK)
        code = fg_change(job->scope->store, NULL, err,
                         "INSERT INTO forward_bid (id, area_id, control_area, state, regulation, location_id, brp_id, first_period, "
                         "period_count, quantity_w, least_w, price_u, called_w, deadline_us, expires_us, created_us, changed_us, "
                         "version) VALUES ($1, $2, $3, 'prepared', $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, $14, 1)",
                         "iitiiiiiiiiiii", id, job->scope->area, market->control_area, (int64_t)first->regulation, first->zone,
                         first->brp, (int64_t)first->first_period, (int64_t)first->period_count, draft->quantity_w, draft->least_w,
                         draft->price_u, deadline_us, deadline_us + market->grace_us, job->scope->time_us);
    for (size_t i = 0; code == FG_OK && i < draft->count; i++)
        code = fg_change(job->scope->store, NULL, err,
                         "INSERT INTO forward_member (bid_id, place, order_id, portfolio_id, organisation_id, quantity_w, price_u, "
                         "called_w) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
                         "iiiiiii", id, (int64_t)i + 1, (int64_t)first[i].order, first[i].portfolio, first[i].organisation,
                         first[i].quantity_w, first[i].price_u);
    if (code == FG_OK)
        code = fg_engine_audit(job->scope, "forwarding.prepared", fg_id_text(FG_ID_FORWARDING, id, object), NULL, err);
    if (code == FG_OK)
        code = forward_load(job, id, &bid, err);
    return code == FG_OK ? forward_tell(job, &bid, "forwarding.changed", NULL, NULL, err) : code;
}

static enum fg_code bid_in(struct forward_job *job, struct market *market, struct fg_error *err)
{
    size_t count = 0;
    struct fg_bid_draft *drafts = fg_alloc(market->count, sizeof *drafts);
    if (drafts == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_bids_form(market->pieces, market->count, market->bid_min_w, drafts, &count, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = insert_bid(job, market, &drafts[i], err);
    job->count += count;
    fg_free(drafts);
    return code;
}

static bool has_bid(const struct collection *all, uint64_t order)
{
    for (size_t m = 0; m < all->market_count; m++)
        for (size_t i = 0; i < all->markets[m].count; i++)
            if (all->markets[m].pieces[i].order == order && all->markets[m].pieces[i].bid >= 0)
                return true;
    return false;
}

static enum fg_code give_back(struct collection *all, uint64_t order, struct fg_error *err)
{
    struct forward_job *job = all->job;
    struct fg_book_order_state state;
    char data[100], id[FG_ID_TEXT];
    if (has_bid(all, order) || !fg_book_find_order(job->scope->book, order, &state, NULL, NULL) || !state.forwarded)
        return FG_OK;
    int64_t owner = state.order.participant;
    snprintf(data, sizeof data, "{\"order\":\"%s\",\"reason\":\"too small or too late for a bid\"}",
             fg_id_text(FG_ID_ORDER, (int64_t)order, id));
    enum fg_code code = fg_engine_tell(job->scope, "forwarding.unsuited", owner, data, err);
    return code == FG_OK ? forward_end_order(job, order, err) : code;
}

static enum fg_code take_order(struct collection *all, uint64_t order, struct fg_error *err)
{
    struct forward_job *job = all->job;
    struct fg_book_order_state state;
    char control_area[FG_CONTROL_AREA_TEXT];
    if (!fg_book_find_order(job->scope->book, order, &state, NULL, NULL) || !state.forwarded)
        return FG_OK; /* the row is behind the book */
    if (!forward_find(job, order, &state))
        return fg_fail_memory(err);
    enum fg_code code = forward_control_area(job, job->scope->locations[state.order.location], control_area, err);
    for (size_t m = 0; code == FG_OK && m < all->market_count; m++)
        if (strcmp(all->markets[m].control_area, control_area) == 0)
            return add_order(all, &all->markets[m], &state, err);
    return code;
}

enum fg_code forward_collect(struct forward_job *job, struct fg_error *err)
{
    int64_t ids[ORDERS_AT_ONCE];
    size_t count = 0, taken = 0;
    struct collection *all = fg_arena_alloc(&job->arena, 1, sizeof *all);
    if (all == NULL)
        return fg_fail_memory(err);
    all->job = job;
    enum fg_code code = load_markets(all, err);
    if (code == FG_OK)
        code = list_orders(job, ids, &count, err);
    for (; code == FG_OK && taken < count && all->piece_count < PIECES_AT_ONCE; taken++)
        code = take_order(all, (uint64_t)ids[taken], err);
    for (size_t m = 0; code == FG_OK && m < all->market_count; m++)
        if (all->markets[m].count > 0)
            code = bid_in(job, &all->markets[m], err);
    for (size_t i = 0; code == FG_OK && i < taken; i++)
        code = give_back(all, (uint64_t)ids[i], err);
    job->more = count == ORDERS_AT_ONCE || taken < count;
    for (size_t m = 0; m < all->market_count; m++)
        fg_free(all->markets[m].pieces);
    return code;
}
