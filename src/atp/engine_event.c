/* Events of the book as subscribers see them. Participants are not named: an order's number tells its owner that it is
 * meant, and nobody else whose it is. A request says its kind and location, so that suppliers there can answer it. */
#include "atp/engine_internal.h"
#include "atp/facts.h"
#include "atp/id.h"
#include "atp/limits.h"
#include "base/instant.h"
#include "base/json.h"

#include <stdio.h>

const char *engine_event_type(enum fg_book_event_kind kind)
{
    static const char *const types[FG_BOOK_EVENT_KINDS] = {
        [FG_BOOK_REFUSED] = "order.refused",       [FG_BOOK_ACCEPTED] = "order.accepted",
        [FG_BOOK_AMENDED] = "order.amended",       [FG_BOOK_TRADED] = "trade.concluded",
        [FG_BOOK_REDUCED] = "order.reduced",       [FG_BOOK_FILLED] = "order.filled",
        [FG_BOOK_CANCELLED] = "order.cancelled",   [FG_BOOK_FORWARDED] = "order.forwarded",
        [FG_BOOK_RETURNED] = "order.returned",     [FG_BOOK_ACTIVATED] = "order.activated",
        [FG_BOOK_TRADE_REDUCED] = "trade.reduced", [FG_BOOK_OPENED] = "gate.opened",
        [FG_BOOK_CLOSED] = "gate.closed",          [FG_BOOK_HALTED] = "trading.halted",
        [FG_BOOK_RESUMED] = "trading.resumed",     [FG_BOOK_CAPABILITY_SET] = "capability.set",
        [FG_BOOK_CONTRACTED_SET] = "capability.contracted", [FG_BOOK_LIMIT_SET] = "limit.set"};
    return types[kind];
}

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number)
{
    char text[FG_ID_TEXT];
    fg_json_put_string(out, key, fg_id_text(kind, number, text));
}

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}

static void put_period(const struct engine_area *area, struct fg_json_writer *out, const char *key, int32_t period)
{
    char text[FG_INSTANT_TEXT];
    fg_json_put_string(out, key, fg_instant_format((int64_t)period * area->settings.period_s, text));
}

static void put_order(struct engine_area *area, struct fg_json_writer *out, const struct fg_book_event *event)
{
    struct fg_book_order_state state;
    if (!engine_find_order(area, event->order, &state))
        return; /* traded at once: the events that follow tell it */
    const struct fg_book_order *order = &state.order;
    fg_json_put_string(out, "side", fg_side_words[order->side]);
    fg_json_put_string(out, "product", fg_product_words[order->product]);
    fg_json_put_string(out, "regulation", fg_regulation_words[order->regulation]);
    if (order->side == FG_SIDE_BUY) {
        fg_json_put_string(out, "kind", fg_request_kind_words[order->kind]);
        fg_json_put_bool(out, "conditional", order->conditional);
        fg_technologies_put(out, order->attributes.technologies);
    }
    put_id(out, "location", FG_ID_LOCATION, area->locations.ids[order->location]);
    put_period(area, out, "start", order->first_period);
    fg_json_put_bool(out, "block", order->block);
    fg_json_begin_row(out, "quantity");
    for (int32_t k = 0; k < order->period_count; k++)
        put_decimal(out, NULL, order->quantity[k].w - state.filled[k].w);
    fg_json_end_array(out);
    fg_json_begin_row(out, "price_points");
    for (int32_t p = 0; p < order->point_count; p++) {
        fg_json_begin_row_object(out, NULL);
        put_decimal(out, "quantity", order->points[p].up_to.w);
        put_decimal(out, "price", order->points[p].price.uper_mwh);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

static void put_trade(const struct engine_area *area, struct fg_json_writer *out, const struct fg_book_trade *trade)
{
    put_id(out, "trade", FG_ID_TRADE, (int64_t)trade->id);
    put_id(out, "sell_order", FG_ID_ORDER, (int64_t)trade->sell);
    if (trade->buy != 0)
        put_id(out, "buy_order", FG_ID_ORDER, (int64_t)trade->buy);
    else
        fg_json_put_null(out, "buy_order"); /* the market's operator */
    if (trade->auction != 0)
        put_id(out, "auction", FG_ID_AUCTION, (int64_t)trade->auction);
    fg_json_put_string(out, "product", fg_product_words[trade->flow.product]);
    fg_json_put_string(out, "regulation", fg_regulation_words[trade->flow.regulation]);
    put_id(out, "sell_location", FG_ID_LOCATION, area->locations.ids[trade->flow.sell_location]);
    put_id(out, "buy_location", FG_ID_LOCATION, area->locations.ids[trade->flow.buy_location]);
    put_period(area, out, "start", trade->flow.period);
    put_decimal(out, "quantity", trade->quantity.w);
    put_decimal(out, "price", trade->price.uper_mwh);
}

void engine_event_json(struct engine_area *area, const struct fg_book_event *event, struct fg_text *text)
{
    struct fg_json_writer out;
    fg_json_writer_init(&out, text, false);
    fg_json_begin_object(&out, NULL);
    if (event->order != 0)
        put_id(&out, "order", FG_ID_ORDER, (int64_t)event->order);
    switch (event->kind) {
    case FG_BOOK_REFUSED:
        fg_json_put_string(&out, "reason", fg_refusal_key(event->reason));
        break;
    case FG_BOOK_ACCEPTED:
    case FG_BOOK_AMENDED:
        put_order(area, &out, event);
        break;
    case FG_BOOK_TRADED:
    case FG_BOOK_TRADE_REDUCED:
        put_trade(area, &out, event->trade);
        break;
    case FG_BOOK_REDUCED:
    case FG_BOOK_ACTIVATED:
        put_period(area, &out, "start", event->period);
        put_decimal(&out, "quantity", event->quantity.w);
        break;
    case FG_BOOK_OPENED:
    case FG_BOOK_CLOSED:
        fg_json_put_string(&out, "product", fg_product_words[event->product]);
        put_period(area, &out, "start", event->period);
        fg_json_put_integer(&out, "periods", event->period_count);
        break;
    case FG_BOOK_HALTED:
    case FG_BOOK_RESUMED:
        if (event->scope == FG_BOOK_SCOPE_LOCATION)
            put_id(&out, "location", FG_ID_LOCATION, area->locations.ids[event->index]);
        else if (event->scope == FG_BOOK_SCOPE_PARTICIPANT)
            put_id(&out, "organisation", FG_ID_ORGANISATION, event->index);
        break;
    case FG_BOOK_LIMIT_SET:
        fg_limit_put(&out, event->limit);
        break;
    case FG_BOOK_CAPABILITY_SET:
    case FG_BOOK_CONTRACTED_SET:
        put_id(&out, "portfolio", FG_ID_PORTFOLIO, event->index);
        fg_json_put_string(&out, "product", fg_product_words[event->product]);
        fg_json_put_string(&out, "regulation", fg_regulation_words[event->regulation]);
        put_period(area, &out, "start", event->period);
        fg_json_put_integer(&out, "periods", event->period_count);
        put_decimal(&out, "quantity", event->quantity.w);
        break;
    case FG_BOOK_FILLED:
    case FG_BOOK_CANCELLED:
    case FG_BOOK_FORWARDED:
    case FG_BOOK_RETURNED:
    case FG_BOOK_EVENT_KINDS:
        break;
    }
    if (event->cause != FG_BOOK_CAUSE_NONE)
        fg_json_put_string(&out, "cause", fg_book_cause_word(event->cause));
    fg_json_end_object(&out);
}
