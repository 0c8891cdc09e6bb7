/* What auctions do to the book: they bind capability while orders are sealed, and bring trades that the clearing decided. */
#include "market/book_internal.h"

#define CHANGE_MAX_W INT64_C(1000000000000000) /* 1 PW: sums of accounts stay inside 64 bits */

static int64_t committed(const struct book_position *p)
{
    return p->traded + p->reserved + p->contracted + p->forwarded;
}

static enum fg_refusal check_place(const struct fg_book *book, int32_t portfolio, enum fg_product product,
                                   enum fg_regulation regulation, int32_t period, struct fg_error *err)
{
    if ((unsigned)product >= FG_BOOK_PRODUCTS)
        return book_refuse(err, FG_REFUSAL_PRODUCT, "unknown product");
    if (regulation != FG_REGULATION_UP && regulation != FG_REGULATION_DOWN)
        return book_refuse(err, FG_REFUSAL_REGULATION, "regulation is up or down");
    if (portfolio < 0 || portfolio > FG_BOOK_INDEX_MAX)
        return book_refuse(err, FG_REFUSAL_PARTICIPANT, "portfolio %d does not exist", (int)portfolio);
    if (period < book->forgotten_before)
        return book_refuse(err, FG_REFUSAL_PERIOD_CLOSED, "period %d is over and forgotten; name later ones", (int)period);
    return FG_REFUSAL_NONE;
}

static enum fg_refusal reserve(struct fg_book *book, const struct fg_book_reserve *item, struct fg_error *err)
{
    enum fg_refusal refusal =
        check_place(book, item->portfolio, item->product, item->regulation, item->period, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    if (item->change.w > CHANGE_MAX_W || item->change.w < -CHANGE_MAX_W || item->approved.w > CHANGE_MAX_W)
        return book_refuse(err, FG_REFUSAL_QUANTITY_RANGE, "a reserve of %lld W is out of range", (long long)item->change.w);
    struct book_position *p =
        book_position_make(book, item->portfolio, item->product, item->regulation, item->period);
    if (p == NULL)
        return FG_REFUSAL_OUT_OF_MEMORY;
    if (item->approved.w >= 0 && book_ladder(book, item->product, item->regulation, item->period) == NULL)
        book_set(book, &p->capability, book_most(item->approved.w, p->open + committed(p)));
    book_set(book, &p->reserved, p->reserved + item->change.w);
    if (p->reserved < 0)
        return book_refuse(err, FG_REFUSAL_STATE, "portfolio %d has less reserved in period %d than is released",
                           (int)item->portfolio, (int)item->period);
    if (item->change.w > 0 && p->open + committed(p) > p->capability)
        return book_refuse(err, FG_REFUSAL_CAPABILITY,
                           "in period %d %lld W of the portfolio's capability are left, %lld W are wanted; offer less or "
                           "cancel other orders",
                           (int)item->period, (long long)(p->capability - p->open - committed(p) + item->change.w),
                           (long long)item->change.w);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_reserve(struct fg_book *book, int64_t time_us, const struct fg_book_reserve *items, size_t count,
                                struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    for (size_t i = 0; i < count && refusal == FG_REFUSAL_NONE && !book->failed; i++)
        refusal = reserve(book, &items[i], err);
    return book_end(book, refusal, 0, err);
}

static enum fg_refusal conclude(struct fg_book *book, const struct fg_book_trade *trade, struct fg_error *err)
{
    const struct fg_book_flow *flow = &trade->flow;
    enum fg_refusal refusal =
        check_place(book, trade->portfolio, flow->product, flow->regulation, flow->period, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    if (trade->quantity.w <= 0 || trade->quantity.w % book->settings.tick.w != 0)
        return book_refuse(err, FG_REFUSAL_QUANTITY_TICK, "a trade of %lld W is no multiple of the tick",
                           (long long)trade->quantity.w);
    if (flow->sell_location < 0 || flow->sell_location >= book->tree.count || flow->buy_location < 0 ||
        flow->buy_location >= book->tree.count)
        return book_refuse(err, FG_REFUSAL_LOCATION, "a trade names a location that does not exist");
    struct book_position *p =
        book_position_make(book, trade->portfolio, flow->product, flow->regulation, flow->period);
    if (p == NULL)
        return FG_REFUSAL_OUT_OF_MEMORY;
    book_set(book, &p->traded, p->traded + trade->quantity.w);
    if (committed(p) > p->capability)
        return book_refuse(err, FG_REFUSAL_CAPABILITY_COMMITTED,
                           "portfolio %d would have %lld W committed in period %d, above its capability",
                           (int)trade->portfolio, (long long)committed(p), (int)flow->period);
    struct fg_book_trade *row = book_stage_trade(book);
    if (row == NULL)
        return FG_REFUSAL_OUT_OF_MEMORY;
    uint64_t id = row->id;
    int64_t stamped_us = row->time_us;
    *row = *trade;
    row->id = id;
    row->time_us = stamped_us;
    row->concluded = trade->quantity;
    book_account_trade(book, row, 1);
    struct fg_book_event *event = book_event(book, FG_BOOK_TRADED, NULL);
    event->trade = row;
    event->product = flow->product;
    event->regulation = flow->regulation;
    event->period = flow->period;
    event->period_count = 1;
    event->quantity = trade->quantity;
    int64_t none;
    if (!book_network_take(book, flow, 0, &none)) /* makes the room that the commit needs; the auction has judged the grid */
        return FG_REFUSAL_OUT_OF_MEMORY;
    book_network_commit(book, flow, trade->quantity.w);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_conclude(struct fg_book *book, int64_t time_us, const struct fg_book_reserve *released,
                                 size_t released_count, const struct fg_book_trade *trades, size_t count,
                                 struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    for (size_t i = 0; i < released_count && refusal == FG_REFUSAL_NONE && !book->failed; i++)
        refusal = reserve(book, &released[i], err);
    for (size_t i = 0; i < count && refusal == FG_REFUSAL_NONE && !book->failed; i++)
        refusal = conclude(book, &trades[i], err);
    if (refusal == FG_REFUSAL_NONE && book->network_moved && !book->failed)
        book_retry_run(book);
    return book_end(book, refusal, 0, err);
}
