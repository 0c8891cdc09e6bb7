/* What everybody may read of the continuous market, from committed rows: book snapshots with the event that they belong to,
 * public trades, statistics; and the participant's own trades. */
#include "api/operations_orders.h"

#include "api/rows.h"
#include "api/trading_order.h"
#include "base/instant.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERIODS_MAX = 100 };

__extension__ typedef __int128 wide;

static const struct fg_param window_query[] = {
    {"product", &trading_product, "active when absent", false},
    {"regulation", &trading_regulation, "Direction", true},
    {"from", &fg_schema_instant, "Start of the first delivery period", true},
    {"to", &fg_schema_instant, "End of the last one; at most 100 periods", true},
    {0}};

struct window {
    struct fg_call *call;
    const struct trading_party *party;
    int64_t first, end; /* periods */
    int product, regulation;
};

static enum fg_code read_window(struct fg_call *call, const struct trading_party *party, struct window *window,
                                struct fg_error *err)
{
    int32_t period_s = party->facts->period_s;
    int64_t from = fg_call_instant(call, "from", 0), to = fg_call_instant(call, "to", 0);
    *window = (struct window){call, party, from / period_s, to / period_s, fg_call_word(call, "product", 0),
                              fg_call_word(call, "regulation", 0)};
    if (from < 0 || from % period_s != 0 || to % period_s != 0 || to <= from)
        return fg_fail(err, FG_ERR_VALUE, NULL, "from and to are not the bounds of delivery periods, from before to");
    if (window->end - window->first > PERIODS_MAX)
        return fg_fail(err, FG_ERR_VALUE, NULL, "ask for at most %d periods", (int)PERIODS_MAX);
    return FG_OK;
}

static enum fg_code with_window(struct fg_call *call, fg_platform_work *work, struct fg_error *err)
{
    struct trading_party party;
    struct window window;
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    code = read_window(call, &party, &window, err);
    if (code == FG_OK)
        code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, work, &window, err);
    trading_party_release(&party);
    return code;
}

/* ---- book ---- */
static const struct fg_field entry_fields[] = {
    {"order", &fg_schema_id, "Order, without its owner", FG_REQUIRED},
    {"location", &fg_schema_id, "Grid location", FG_REQUIRED},
    {"price", &fg_schema_price, "Limit", FG_REQUIRED},
    {"quantity", &fg_schema_power_positive, "What is open at this price", FG_REQUIRED},
    {"kind", &trading_request_kind, "Of a request", FG_REQUIRED | FG_NULLABLE},
    {"conditional", &fg_schema_boolean, "The request may or may not be called", FG_REQUIRED},
    {"tso", &fg_schema_boolean, "A request of a transmission system operator", FG_REQUIRED},
    {"tied", &fg_schema_boolean, "Block of several periods, linked or grouped: trades after plain orders", FG_REQUIRED},
};
static const struct fg_schema entry_schema = FG_OBJECT("BookEntry", "An order at a price", entry_fields);
static const struct fg_schema entries_schema = FG_ARRAY(&entry_schema, 0, 1000000);
static const struct fg_field period_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"open", &fg_schema_boolean, "Its gate is open", FG_REQUIRED},
    {"requests", &entries_schema, "Buy orders, best first", FG_REQUIRED},
    {"offers", &entries_schema, "Sell orders, best first", FG_REQUIRED},
};
static const struct fg_schema period_schema = FG_OBJECT("BookPeriod", "The book of a delivery period", period_fields);
static const struct fg_schema periods_schema = FG_ARRAY(&period_schema, 0, PERIODS_MAX);
static const struct fg_schema cursor_schema = FG_TEXT(1, 1000);
static const struct fg_field book_fields[] = {
    {"sequence", &fg_schema_sequence, "The event after which the book was like this", FG_REQUIRED},
    {"cursor", &cursor_schema, "Where a stream of the area's events goes on from here; null without streams",
     FG_REQUIRED | FG_NULLABLE},
    {"periods", &periods_schema, "By delivery period", FG_REQUIRED},
};
static const struct fg_schema book_schema = FG_OBJECT("Book", "Snapshot of the continuous book", book_fields);
static const struct fg_response book_responses[] = {{200, "The book", &book_schema, NULL, NULL}, {0}};

struct resting {
    int64_t id, priority, location, price_u, quantity_w;
    int side, kind;
    bool conditional, tied, is_tso;
};
struct level_list {
    struct resting *items;
    size_t count, capacity;
};

/* The price steps of an order that are open in a period: what is filled comes off the cheapest steps. */
static int add_levels(struct level_list *list, const struct fg_sql *sql, int64_t period)
{
    size_t size, point_size;
    int64_t first = fg_sql_column_int64(sql, 6);
    const void *quantity = fg_sql_column_blob(sql, 8, &size), *filled = fg_sql_column_blob(sql, 9, &size);
    const void *points = fg_sql_column_blob(sql, 10, &point_size);
    int64_t end = fg_blob_integer(quantity, (size_t)(period - first));
    int64_t at = fg_blob_integer(filled, (size_t)(period - first));
    for (size_t p = 0; p + 1 < point_size / 8 && at < end; p += 2) {
        int64_t up_to = fg_blob_integer(points, p) < end ? fg_blob_integer(points, p) : end;
        if (up_to <= at)
            continue;
        if (fg_grow((void **)&list->items, list->count, &list->capacity, sizeof *list->items) != 0)
            return 1;
        list->items[list->count++] = (struct resting){
            .id = fg_sql_column_int64(sql, 0), .priority = fg_sql_column_int64(sql, 1),
            .location = fg_sql_column_int64(sql, 3), .price_u = fg_blob_integer(points, p + 1), .quantity_w = up_to - at,
            .side = (int)fg_sql_column_int64(sql, 2), .kind = (int)fg_sql_column_int64(sql, 4),
            .conditional = fg_sql_column_int64(sql, 5) != 0,
            .is_tso = fg_sql_column_int64(sql, 2) == FG_SIDE_BUY && (fg_sql_column_int64(sql, 13) & FG_BIT(FG_ROLE_TSO)) != 0,
            .tied = fg_sql_column_int64(sql, 11) != 0 ||
                    (fg_sql_column_int64(sql, 12) != 0 && fg_sql_column_int64(sql, 7) > 1)};
        at = up_to;
    }
    return 0;
}

static int by_price_and_priority(const void *a, const void *b)
{
    const struct resting *x = a, *y = b;
    if (x->tied != y->tied)
        return x->tied ? 1 : -1;
    if (x->price_u != y->price_u)
        return (x->price_u < y->price_u) == (x->side == FG_SIDE_SELL) ? -1 : 1;
    return (x->priority > y->priority) - (x->priority < y->priority);
}

static void put_entries(struct fg_json_writer *out, const char *key, struct level_list *list)
{
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_price_and_priority);
    fg_json_begin_array(out, key);
    for (size_t i = 0; i < list->count; i++) {
        const struct resting *at = &list->items[i];
        fg_json_begin_row_object(out, NULL);
        trading_put_id(out, "order", FG_ID_ORDER, at->id);
        trading_put_id(out, "location", FG_ID_LOCATION, at->location);
        trading_put_decimal(out, "price", at->price_u);
        trading_put_decimal(out, "quantity", at->quantity_w);
        fg_json_put_string(out, "kind", at->kind != FG_REQUEST_NONE ? fg_request_kind_words[at->kind] : NULL);
        fg_json_put_bool(out, "conditional", at->conditional);
        fg_json_put_bool(out, "tso", at->is_tso);
        fg_json_put_bool(out, "tied", at->tied);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

static enum fg_code read_state(const struct window *window, struct fg_store *store, uint64_t *sequence, bool *is_open,
                               struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store, "SELECT event_sequence FROM area_state WHERE area_id = $1", &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, window->party->area);
    code = fg_sql_one(sql, err);
    *sequence = code == FG_OK ? (uint64_t)fg_sql_column_int64(sql, 0) : 0;
    if (code != FG_OK && code != FG_ERR_NOT_FOUND)
        return code;
    fg_sql_done(sql);
    code = fg_sql_prepare(store,
                          "SELECT period FROM book_gate WHERE area_id = $1 AND product = $2 AND period >= $3 AND period < $4",
                          &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, window->party->area);
    fg_sql_int64(sql, 2, window->product);
    fg_sql_int64(sql, 3, window->first);
    fg_sql_int64(sql, 4, window->end);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        is_open[fg_sql_column_int64(sql, 0) - window->first] = true;
    }
}

static enum fg_code read_levels(const struct window *window, struct fg_store *store, struct level_list *lists,
                                struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        store,
        "SELECT id, priority, side, location_id, kind, conditional, first_period, period_count, quantity, filled, points, tied, "
        "block, (SELECT roles FROM organisation WHERE organisation.id = book_order.organisation_id) FROM book_order WHERE area_id = $1 "
        "AND status = 'open' AND product = $2 AND regulation = $3 AND "
        "first_period < $5 AND first_period + period_count > $4",
        &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {window->party->area, window->product, window->regulation, window->first, window->end};
    for (int i = 0; i < 5; i++)
        fg_sql_int64(sql, i + 1, values[i]);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        int64_t from = fg_sql_column_int64(sql, 6), to = from + fg_sql_column_int64(sql, 7);
        for (int64_t p = from > window->first ? from : window->first; p < (to < window->end ? to : window->end); p++)
            if (add_levels(&lists[2 * (p - window->first) + fg_sql_column_int64(sql, 2)], sql, p) != 0) {
                fg_sql_done(sql);
                return fg_fail_memory(err);
            }
    }
}

static enum fg_code book_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    const struct window *window = context;
    struct fg_call *call = window->call;
    struct level_list lists[2 * PERIODS_MAX] = {0};
    bool is_open[PERIODS_MAX] = {false};
    uint64_t sequence;
    enum fg_code code = read_state(window, store, &sequence, is_open, err);
    if (code == FG_OK)
        code = read_levels(window, store, lists, err);
    if (code == FG_OK) {
        struct fg_json_writer *out = fg_call_json(call, 200);
        fg_json_begin_object(out, NULL);
        trading_put_sequence(out, "sequence", sequence);
        fg_json_put_string(out, "cursor", fg_call_event_cursor(call, fg_call_text(call, "area"), sequence, NULL));
        fg_json_begin_array(out, "periods");
        for (int64_t p = window->first; p < window->end; p++) {
            fg_json_begin_object(out, NULL);
            trading_put_instant_us(out, "start", p * window->party->facts->period_s * 1000000);
            fg_json_put_bool(out, "open", is_open[p - window->first]);
            put_entries(out, "requests", &lists[2 * (p - window->first) + FG_SIDE_BUY]);
            put_entries(out, "offers", &lists[2 * (p - window->first) + FG_SIDE_SELL]);
            fg_json_end_object(out);
        }
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    for (size_t i = 0; i < 2 * PERIODS_MAX; i++)
        fg_free(lists[i].items);
    return code;
}
static enum fg_code get_book(struct fg_call *call, struct fg_error *err)
{
    return with_window(call, book_work, err);
}

/* ---- trades ---- */
static const struct fg_schema trade_power = {.kind = FG_SCHEMA_DECIMAL, .places = 6, .maximum = 1000000000000};
#define PUBLIC_FIELDS                                                                                                  \
    {"trade", &fg_schema_id, "The trade", FG_REQUIRED}, {"product", &trading_product, "Product", FG_REQUIRED},          \
        {"regulation", &trading_regulation, "Direction", FG_REQUIRED},                                                 \
        {"kind", &trading_request_kind, "Of the request", FG_REQUIRED},                                                \
        {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},                                                 \
        {"quantity", &trade_power, "MW in force: what was concluded less what was taken back", FG_REQUIRED},           \
        {"concluded", &trade_power, "MW agreed", FG_REQUIRED}, {"price", &fg_schema_price, "Price", FG_REQUIRED},      \
        {"initiator", &trading_side, "The side that was resting", FG_REQUIRED},                                        \
        {"sell_location", &fg_schema_id, "Location of the offer", FG_REQUIRED},                                        \
        {"buy_location", &fg_schema_id, "Location of the request", FG_REQUIRED},                                       \
        {"time", &fg_schema_instant, "Concluded at", FG_REQUIRED},                                                     \
        {"auction", &fg_schema_id, "The auction that concluded it; null: the continuous market", FG_REQUIRED | FG_NULLABLE}
static const struct fg_field trade_fields[] = {PUBLIC_FIELDS};
static const struct fg_field own_trade_fields[] = {
    PUBLIC_FIELDS,
    {"sell_order", &fg_schema_id, "The offer", FG_REQUIRED},
    {"buy_order", &fg_schema_id, "The request; null: an auction's, taken by the market's operator", FG_REQUIRED | FG_NULLABLE},
    {"seller", &fg_schema_id, "Seller", FG_REQUIRED},
    {"buyer", &fg_schema_id, "Buyer", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "The seller's portfolio; null to the buyer", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema trade_schema = FG_OBJECT("Trade", "A trade as everybody sees it", trade_fields);
static const struct fg_schema own_trade_schema = FG_OBJECT("OwnTrade", "A trade as its parties see it", own_trade_fields);
static const struct fg_schema trade_items = FG_ARRAY(&trade_schema, 0, FG_PAGE_MAX);
static const struct fg_schema own_trade_items = FG_ARRAY(&own_trade_schema, 0, FG_PAGE_MAX);
static const struct fg_field trade_page_fields[] = FG_PAGE_FIELDS(&trade_items);
static const struct fg_field own_trade_page_fields[] = FG_PAGE_FIELDS(&own_trade_items);
static const struct fg_schema trade_page = FG_OBJECT("TradePage", "Trades", trade_page_fields);
static const struct fg_schema own_trade_page = FG_OBJECT("OwnTradePage", "Own trades", own_trade_page_fields);
static const struct fg_response trade_responses[] = {{200, "Trades, newest first", &trade_page, NULL, NULL}, {0}};
static const struct fg_response own_trade_responses[] = {{200, "Trades, newest first", &own_trade_page, NULL, NULL}, {0}};
static const struct fg_param trade_query[] = {
    {"product", &trading_product, "Only of this product", false},
    {"from", &fg_schema_instant, "Only delivery periods from here", false},
    {"to", &fg_schema_instant, "Only delivery periods before this", false},
    {0}};
static const struct fg_param own_trade_query[] = {
    {"product", &trading_product, "Only of this product", false},
    {"from", &fg_schema_instant, "Only delivery periods from here", false},
    {"to", &fg_schema_instant, "Only delivery periods before this", false},
    {"order", &fg_schema_id, "Only of this order", false},
    {0}};

struct trades {
    struct fg_call *call;
    const struct trading_party *party;
    int64_t owner, order; /* 0: everybody's, every order's */
    bool is_public;
};

static void put_trade(struct fg_json_writer *out, const struct fg_sql *sql, const struct trades *trades)
{
    enum { ID, PRODUCT, REGULATION, KIND, PERIOD, QUANTITY, CONCLUDED, PRICE, INITIATOR, SELL_LOCATION, BUY_LOCATION, TIME,
           SELL_ORDER, BUY_ORDER, SELLER, BUYER, PORTFOLIO, AUCTION };
#define NUMBER(column) fg_sql_column_int64(sql, column)
    fg_json_begin_object(out, NULL);
    trading_put_id(out, "trade", FG_ID_TRADE, NUMBER(ID));
    fg_json_put_string(out, "product", fg_product_words[NUMBER(PRODUCT)]);
    fg_json_put_string(out, "regulation", fg_regulation_words[NUMBER(REGULATION)]);
    fg_json_put_string(out, "kind", fg_request_kind_words[NUMBER(KIND)]);
    trading_put_instant_us(out, "start", NUMBER(PERIOD) * trades->party->facts->period_s * 1000000);
    trading_put_decimal(out, "quantity", NUMBER(QUANTITY));
    trading_put_decimal(out, "concluded", NUMBER(CONCLUDED));
    trading_put_decimal(out, "price", NUMBER(PRICE));
    fg_json_put_string(out, "initiator", fg_side_words[NUMBER(INITIATOR)]);
    trading_put_id(out, "sell_location", FG_ID_LOCATION, NUMBER(SELL_LOCATION));
    trading_put_id(out, "buy_location", FG_ID_LOCATION, NUMBER(BUY_LOCATION));
    trading_put_instant_us(out, "time", NUMBER(TIME));
    trading_put_id(out, "auction", FG_ID_AUCTION, NUMBER(AUCTION));
    if (!trades->is_public) {
        bool sees_portfolio = trades->owner == 0 || NUMBER(SELLER) == trades->owner;
        trading_put_id(out, "sell_order", FG_ID_ORDER, NUMBER(SELL_ORDER));
        trading_put_id(out, "buy_order", FG_ID_ORDER, NUMBER(BUY_ORDER));
        trading_put_id(out, "seller", FG_ID_ORGANISATION, NUMBER(SELLER));
        trading_put_id(out, "buyer", FG_ID_ORGANISATION, NUMBER(BUYER));
        trading_put_id(out, "portfolio", FG_ID_PORTFOLIO, sees_portfolio ? NUMBER(PORTFOLIO) : 0);
    }
    fg_json_end_object(out);
#undef NUMBER
}

static enum fg_code trades_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    (void)platform;
    const struct trades *trades = context;
    struct fg_call *call = trades->call;
    int32_t period_s = trades->party->facts->period_s;
    int64_t before = fg_call_position(call) != NULL ? strtoll(fg_call_position(call), NULL, 10) : INT64_MAX;
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        store,
        "SELECT id, product, regulation, kind, period, quantity_w, concluded_w, price_u, initiator, sell_location_id, "
        "buy_location_id, time_us, sell_order_id, buy_order_id, seller_id, buyer_id, portfolio_id, auction_id FROM book_trade "
        "WHERE area_id = $1 AND id < $2 AND ($3 < 0 OR product = $3) AND period >= $4 AND period < $5 AND ($6 = 0 OR "
        "seller_id = $6 OR buyer_id = $6) AND ($7 = 0 OR sell_order_id = $7 OR buy_order_id = $7) ORDER BY id DESC LIMIT $8",
        &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {trades->party->area, before, fg_call_word(call, "product", -1),
                              fg_call_instant(call, "from", 0) / period_s,
                              fg_call_instant(call, "to", INT64_C(253402300799)) / period_s, trades->owner, trades->order,
                              fg_call_limit(call) + 1};
    for (int i = 0; i < 8; i++)
        fg_sql_int64(sql, i + 1, values[i]);
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 0, &code, err))
        put_trade(page.out, sql, trades);
    fg_page_end(&page);
    return code;
}

static enum fg_code list_some_trades(struct fg_call *call, bool is_public, struct fg_error *err)
{
    struct trading_party party;
    struct trades trades = {.call = call, .party = &party, .is_public = is_public};
    enum fg_code code = trading_party_of(call, &party, err);
    if (code != FG_OK)
        return code;
    if (!is_public) {
        trades.owner = trading_sees_all(&party) ? 0 : party.id;
        code = trading_query_id(call, "order", FG_ID_ORDER, &trades.order, err);
    }
    if (code == FG_OK)
        code = fg_platform_run(trading_application(call)->platform, FG_STORE_READ, trades_work, &trades, err);
    trading_party_release(&party);
    return code;
}
static enum fg_code list_trades(struct fg_call *call, struct fg_error *err)
{
    return list_some_trades(call, true, err);
}
static enum fg_code list_own_trades(struct fg_call *call, struct fg_error *err)
{
    return list_some_trades(call, false, err);
}

/* ---- statistics ---- */
static const struct fg_field figure_fields[] = {
    {"start", &fg_schema_instant, "Delivery period", FG_REQUIRED},
    {"trades", &fg_schema_count, "Trades in force", FG_REQUIRED},
    {"volume", &trade_power, "MW in force", FG_REQUIRED},
    {"open_interest", &trade_power, "MW in force whose delivery has not begun", FG_REQUIRED},
    {"vwap", &fg_schema_price, "Mean price, weighted by quantity", FG_REQUIRED | FG_NULLABLE},
    {"high", &fg_schema_price, "Highest price", FG_REQUIRED | FG_NULLABLE},
    {"low", &fg_schema_price, "Lowest price", FG_REQUIRED | FG_NULLABLE},
    {"last", &fg_schema_price, "Latest price", FG_REQUIRED | FG_NULLABLE},
    {"repriced", &fg_schema_count, "Price steps that unmatched requests took", FG_REQUIRED},
    {"solved_outside", &fg_schema_count, "Requests withdrawn as solved outside the market", FG_REQUIRED},
    {"solved_outside_quantity", &trade_power, "MW of them that had not traded", FG_REQUIRED},
};
static const struct fg_schema figure = FG_OBJECT("PeriodStatistics", "Statistics of a delivery period", figure_fields);
static const struct fg_schema figures_schema = FG_ARRAY(&figure, 0, PERIODS_MAX);
static const struct fg_field statistics_fields[] = {{"periods", &figures_schema, "By delivery period", FG_REQUIRED}};
static const struct fg_schema statistics_schema = FG_OBJECT("Statistics", "Statistics of trading", statistics_fields);
static const struct fg_response statistics_responses[] = {{200, "Statistics", &statistics_schema, NULL, NULL}, {0}};

struct statistics {
    int64_t trades, volume_w, high_u, low_u, last_u;
    int64_t repriced, outside, outside_w; /* requests that stayed unmatched */
    wide value; /* W x micro-units */
};

static void put_price(struct fg_json_writer *out, const char *key, const struct statistics *of, int64_t price_u)
{
    if (of->trades > 0)
        trading_put_decimal(out, key, price_u);
    else
        fg_json_put_null(out, key);
}

/* Half away from zero, as everywhere. */
static int64_t mean_price(const struct statistics *of)
{
    wide twice = 2 * of->value, volume = of->volume_w;
    return of->volume_w == 0 ? 0 : (int64_t)((twice + (twice < 0 ? -volume : volume)) / (2 * volume));
}

/* Requests that stayed unmatched: the periods of each that lie in the window. */
static enum fg_code count_unmatched(const struct window *window, struct fg_store *store, bool is_outside, struct statistics *all,
                                    struct fg_error *err)
{
    enum { ORDER_PERIODS_MAX = 2976 }; /* of an order over the API */
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(
        store,
        is_outside ? "SELECT o.first_period, o.period_count, o.quantity, o.filled FROM request_outcome u JOIN book_order o ON o.id = "
                     "u.order_id WHERE u.area_id = $1 AND o.product = $2 AND o.regulation = $3 AND u.first_period > $4 AND "
                     "u.first_period < $5"
                   : "SELECT o.first_period, o.period_count, o.quantity, o.filled FROM request_step u JOIN book_order o ON o.id = "
                     "u.order_id WHERE u.area_id = $1 AND o.product = $2 AND o.regulation = $3 AND u.first_period > $4 AND "
                     "u.first_period < $5 AND u.status = 'done' AND u.price_u IS NOT NULL",
        &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {window->party->area, window->product, window->regulation, window->first - ORDER_PERIODS_MAX,
                              window->end};
    for (int i = 0; i < 5; i++)
        fg_sql_int64(sql, i + 1, values[i]);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        size_t size;
        int64_t first = fg_sql_column_int64(sql, 0), end = first + fg_sql_column_int64(sql, 1);
        const void *quantity = fg_sql_column_blob(sql, 2, &size), *filled = fg_sql_column_blob(sql, 3, &size);
        for (int64_t p = first > window->first ? first : window->first; p < end && p < window->end; p++) {
            struct statistics *of = &all[p - window->first];
            int64_t left_w = fg_blob_integer(quantity, (size_t)(p - first)) - fg_blob_integer(filled, (size_t)(p - first));
            of->repriced += !is_outside;
            of->outside += is_outside && left_w > 0;
            of->outside_w += is_outside ? left_w : 0;
        }
    }
}

static enum fg_code statistics_work(struct fg_platform *platform, struct fg_store *store, void *context, struct fg_error *err)
{
    const struct window *window = context;
    struct statistics all[PERIODS_MAX] = {0};
    struct fg_sql *sql;
    enum fg_code code = fg_sql_prepare(store,
                                       "SELECT period, quantity_w, price_u FROM book_trade WHERE area_id = $1 AND product = $2 "
                                       "AND regulation = $3 AND period >= $4 AND period < $5 AND quantity_w > 0 ORDER BY id",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    const int64_t values[] = {window->party->area, window->product, window->regulation, window->first, window->end};
    for (int i = 0; i < 5; i++)
        fg_sql_int64(sql, i + 1, values[i]);
    for (bool row = true;;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK)
            return code;
        if (!row)
            break;
        struct statistics *of = &all[fg_sql_column_int64(sql, 0) - window->first];
        int64_t quantity_w = fg_sql_column_int64(sql, 1), price_u = fg_sql_column_int64(sql, 2);
        of->high_u = of->trades == 0 || price_u > of->high_u ? price_u : of->high_u;
        of->low_u = of->trades == 0 || price_u < of->low_u ? price_u : of->low_u;
        of->last_u = price_u;
        of->volume_w += quantity_w;
        of->value += (wide)quantity_w * price_u;
        of->trades++;
    }
    for (int outside = 0; outside < 2; outside++)
        if ((code = count_unmatched(window, store, outside != 0, all, err)) != FG_OK)
            return code;
    int64_t now_us = fg_platform_now_us(platform);
    struct fg_json_writer *out = fg_call_json(window->call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "periods");
    for (int64_t p = window->first; p < window->end; p++) {
        const struct statistics *of = &all[p - window->first];
        int64_t start_us = p * window->party->facts->period_s * 1000000;
        fg_json_begin_row_object(out, NULL);
        trading_put_instant_us(out, "start", start_us);
        fg_json_put_integer(out, "trades", of->trades);
        trading_put_decimal(out, "volume", of->volume_w);
        trading_put_decimal(out, "open_interest", start_us > now_us ? of->volume_w : 0);
        put_price(out, "vwap", of, mean_price(of));
        put_price(out, "high", of, of->high_u);
        put_price(out, "low", of, of->low_u);
        put_price(out, "last", of, of->last_u);
        fg_json_put_integer(out, "repriced", of->repriced);
        fg_json_put_integer(out, "solved_outside", of->outside);
        trading_put_decimal(out, "solved_outside_quantity", of->outside_w);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
    return FG_OK;
}
static enum fg_code get_statistics(struct fg_call *call, struct fg_error *err)
{
    return with_window(call, statistics_work, err);
}

/* ---- the table ---- */
static const struct fg_operation operations[] = {
    {.id = "get-book", .method = FG_GET, .path = "/v1/areas/{area}/book", .api = FG_API_ATP, .tag = "Market",
     .summary = "Snapshot of the book",
     .description = "Anonymous, from committed state. `sequence` is the last event in it; the stream opened with `cursor` goes "
                    "on from there.",
     .right = "book.read", .path_params = trading_area_path, .query_params = window_query, .responses = book_responses,
     .handle = get_book},
    {.id = "list-trades", .method = FG_GET, .path = "/v1/areas/{area}/trades", .api = FG_API_ATP, .tag = "Market",
     .summary = "Public trades", .right = "book.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .query_params = trade_query, .responses = trade_responses, .handle = list_trades},
    {.id = "list-own-trades", .method = FG_GET, .path = "/v1/areas/{area}/own-trades", .api = FG_API_ATP, .tag = "Orders",
     .summary = "Own trades", .right = "orders.read", .flags = FG_OP_PAGED, .path_params = trading_area_path,
     .query_params = own_trade_query, .responses = own_trade_responses, .handle = list_own_trades},
    {.id = "get-statistics", .method = FG_GET, .path = "/v1/areas/{area}/statistics", .api = FG_API_ATP, .tag = "Market",
     .summary = "Volume and prices by delivery period", .right = "book.read", .path_params = trading_area_path,
     .query_params = window_query, .responses = statistics_responses, .handle = get_statistics},
};
const struct fg_operation_set fg_book_operations = FG_OPERATIONS(operations);
