/* The market operator's limits: rows, the sums they are held against, and what they refuse.
 *
 * The sums (struct book_account) are kept only while a row needs them: the first one is computed in one pass over orders
 * and trades, afterwards every change of an order or trade moves them through book_set, so that a command which is taken
 * back leaves them as they were. They are no state of their own: a restored book computes them again. What is sealed in
 * auctions is kept apart (book->sealed), always, for it can be computed from nothing that the book holds. */
#include "market/book_internal.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX_U INT64_C(100000000000000000) /* of one period of an order: sums stay inside 64 bits */
#define PRICE_MAX_U INT64_C(4000000000000)
#define WS_PER_MWH INT64_C(3600000000)


/* ---- Rows ---- */

static int compare(int32_t participant, int32_t product, int32_t regulation, const struct fg_book_limit *row)
{
    if (participant != row->participant)
        return participant < row->participant ? -1 : 1;
    if (product != row->product)
        return product < row->product ? -1 : 1;
    return regulation < row->regulation ? -1 : regulation > row->regulation;
}

/* First row that is not before the name. */
static size_t find_row(const struct fg_book *book, int32_t participant, int32_t product, int32_t regulation)
{
    size_t low = 0, high = book->limit_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(participant, product, regulation, &book->limits[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_empty(const struct fg_book_limit *limit)
{
    return !limit->has_price && !limit->has_band && limit->size_max.w < 0 && limit->orders_max < 0 &&
           limit->exposure_max.u < 0;
}

static bool needs_accounts(const struct fg_book_limit *limit)
{
    return limit->orders_max >= 0 || limit->exposure_max.u >= 0;
}

static enum fg_refusal check_row(const struct fg_book_limit *limit, struct fg_error *err)
{
    if (limit->participant < -1 || limit->participant > FG_BOOK_INDEX_MAX || limit->product < -1 ||
        limit->product >= FG_BOOK_PRODUCTS || limit->regulation < -1 || limit->regulation > FG_REGULATION_DOWN)
        return book_refuse(err, FG_REFUSAL_LIMIT,
                           "a limit is for a participant or each, a product or all, a direction or both");
    if (limit->has_price && limit->price_min.uper_mwh > limit->price_max.uper_mwh)
        return book_refuse(err, FG_REFUSAL_LIMIT, "the lowest price is above the highest; exchange them");
    if (limit->has_band && (limit->product < 0 || limit->regulation < 0 || limit->participant >= 0))
        return book_refuse(err, FG_REFUSAL_LIMIT,
                           "a band follows the trades of one product and direction, of everybody; name product and "
                           "direction, and no participant");
    if (limit->has_band && (limit->band.uper_mwh < 0 || limit->band.uper_mwh > PRICE_MAX_U ||
                            limit->reference.uper_mwh < -PRICE_MAX_U || limit->reference.uper_mwh > PRICE_MAX_U))
        return book_refuse(err, FG_REFUSAL_LIMIT, "width and reference of a band are at most 4,000,000 per MWh");
    if (limit->exposure_max.u > FG_BOOK_EXPOSURE_MAX)
        return book_refuse(err, FG_REFUSAL_LIMIT, "the largest exposure that can be allowed is %lld millionths",
                           (long long)FG_BOOK_EXPOSURE_MAX);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_set_limit(struct fg_book *book, int64_t time_us, const struct fg_book_limit *limit,
                                  struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    size_t at = 0;
    bool is_there = false, had_accounts = book->has_accounts;
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_row(limit, err);
    if (refusal == FG_REFUSAL_NONE) {
        at = find_row(book, limit->participant, limit->product, limit->regulation);
        is_there = at < book->limit_count &&
                   compare(limit->participant, limit->product, limit->regulation, &book->limits[at]) == 0;
        if (is_empty(limit) && !is_there)
            refusal = book_refuse(err, FG_REFUSAL_STATE, "there is no such limit to be removed");
        else if (!is_there && book->limit_count == FG_BOOK_LIMITS_MAX)
            refusal = book_refuse(err, FG_REFUSAL_LIMIT, "there are %d limits already; remove some", FG_BOOK_LIMITS_MAX);
    }
    if (refusal == FG_REFUSAL_NONE) {
        void *limits = book->limits;
        if (fg_grow(&limits, book->limit_count, &book->limit_capacity, sizeof *book->limits) != 0)
            book->failed = true;
        else
            book->limits = limits;
        if (needs_accounts(limit) && !book->has_accounts && !book_accounts_make(book))
            book->failed = true;
        struct fg_book_event *event = book_event(book, FG_BOOK_LIMIT_SET, NULL);
        event->index = limit->participant;
        event->limit = limit;
    }
    refusal = book_end(book, refusal, 0, err);
    if (refusal != FG_REFUSAL_NONE) {
        if (!had_accounts)
            book_accounts_release(book);
        return refusal;
    }
    struct fg_book_limit *row = &book->limits[at];
    size_t after = book->limit_count - at;
    if (is_empty(limit)) {
        memmove(row, row + 1, (after - 1) * sizeof *row);
        book->limit_count--;
    } else {
        if (!is_there) {
            memmove(row + 1, row, after * sizeof *row);
            book->limit_count++;
        }
        *row = *limit;
    }
    bool is_needed = false;
    for (size_t i = 0; i < book->limit_count && !is_needed; i++)
        is_needed = needs_accounts(&book->limits[i]);
    if (!is_needed)
        book_accounts_release(book);
    return refusal;
}

size_t fg_book_limit_count(const struct fg_book *book)
{
    return book->limit_count;
}

const struct fg_book_limit *fg_book_limit_at(const struct fg_book *book, size_t index)
{
    return &book->limits[index];
}

void book_note_price(struct fg_book *book, const struct fg_book_trade *trade)
{
    if (book->limit_count == 0)
        return;
    size_t at = find_row(book, -1, trade->flow.product, trade->flow.regulation);
    struct fg_book_limit *row = at < book->limit_count ? &book->limits[at] : NULL;
    if (row != NULL && row->has_band && compare(-1, trade->flow.product, trade->flow.regulation, row) == 0)
        book_set(book, &row->reference.uper_mwh, trade->price.uper_mwh);
}

/* ---- Sums ---- */

/* Power times price, summed, over the length of a period: money, half away from zero. */
static int64_t money_of(const struct fg_book *book, book_wide w_price)
{
    book_wide u = (w_price * book->settings.period_s + WS_PER_MWH / 2) / WS_PER_MWH;
    return u > VALUE_MAX_U ? VALUE_MAX_U : (int64_t)u;
}

/* Value of watts from ... to of a price curve. */
static int64_t value_of(const struct fg_book *book, const struct fg_price_point *points, int32_t count, int64_t from,
                        int64_t to)
{
    book_wide sum = 0;
    for (int32_t k = 0; k < count && from < to; k++) {
        int64_t end = k + 1 == count ? to : book_least(to, points[k].up_to.w);
        if (end <= from)
            continue;
        if (points[k].price.uper_mwh > 0)
            sum += (book_wide)(end - from) * points[k].price.uper_mwh;
        from = end;
    }
    return money_of(book, sum);
}

/* Found or made; NULL: out of memory. */
static struct book_account *account_in(struct book_ids *accounts, int32_t participant)
{
    uint64_t id = (uint64_t)participant + 1;
    struct book_account *account = book_ids_find(accounts, id);
    if (account != NULL)
        return account;
    if (!book_ids_reserve(accounts, 1) || (account = fg_alloc(1, sizeof *account)) == NULL)
        return NULL;
    account->participant = participant;
    book_ids_put(accounts, id, account);
    return account;
}

static struct book_account *account_of(struct fg_book *book, int32_t participant)
{
    struct book_account *account = account_in(&book->accounts, participant);
    book->failed = book->failed || account == NULL;
    return account;
}

static int64_t added(int64_t sum, int64_t value)
{
    return book_least(book_most(sum + value, 0), FG_BOOK_EXPOSURE_MAX);
}

void book_account_slice(struct fg_book *book, const struct book_order *order, const struct book_slice *slice, int sign)
{
    if (!book->has_accounts || order->side != FG_SIDE_BUY)
        return;
    struct book_account *account = account_of(book, order->participant);
    int64_t value = value_of(book, order->points, order->point_count, slice->filled, slice->quantity);
    if (account == NULL || value == 0)
        return;
    int64_t *cell = &account->open_u[order->product][order->regulation];
    book_set(book, cell, added(*cell, sign * value));
}

void book_account_order(struct fg_book *book, const struct book_order *order, int sign)
{
    if (!book->has_accounts)
        return;
    struct book_account *account = account_of(book, order->participant);
    if (account == NULL)
        return;
    int64_t *cell = &account->orders[order->product][order->regulation];
    book_set(book, cell, *cell + sign);
    for (int32_t i = 0; i < order->count; i++)
        book_account_slice(book, order, &order->slices[i], sign);
}

void book_account_trade(struct fg_book *book, const struct fg_book_trade *trade, int sign)
{
    if (!book->has_accounts || trade->flow.period < book->settled_before || trade->price.uper_mwh <= 0)
        return;
    struct book_account *account = account_of(book, trade->buyer);
    if (account == NULL)
        return;
    int64_t *cell = &account->bought_u[trade->flow.product][trade->flow.regulation];
    int64_t value = money_of(book, (book_wide)trade->quantity.w * trade->price.uper_mwh);
    book_set(book, cell, added(*cell, sign * value));
}

static void release(struct book_ids *accounts)
{
    for (size_t i = 0; i < accounts->capacity; i++)
        if (accounts->slots[i].id != 0)
            fg_free(accounts->slots[i].item);
    fg_free(accounts->slots);
    *accounts = (struct book_ids){0};
}

void book_accounts_release(struct fg_book *book)
{
    release(&book->accounts);
    book->has_accounts = false;
}

void book_sealed_release(struct fg_book *book)
{
    release(&book->sealed);
}

bool book_accounts_make(struct fg_book *book)
{
    book->has_accounts = true;
    for (size_t i = 0; i < book->orders.capacity && !book->failed; i++)
        if (book->orders.slots[i].id != 0) {
            const struct book_order *order = book->orders.slots[i].item;
            if (!order->gone)
                book_account_order(book, order, 1);
        }
    for (size_t i = book->trade_first; i < book->trade_count && !book->failed; i++)
        book_account_trade(book, book_trade_at(book, i), 1);
    return !book->failed;
}

/* Trades of periods in between leave the sums. Not part of what a command takes back. */
void book_settle(struct fg_book *book, int32_t before_period)
{
    if (before_period <= book->settled_before)
        return;
    for (size_t i = book->trade_first; i < book->trade_count && book->has_accounts; i++) {
        const struct fg_book_trade *trade = book_trade_at(book, i);
        if (trade->flow.period < book->settled_before || trade->flow.period >= before_period ||
            trade->price.uper_mwh <= 0)
            continue;
        struct book_account *account = book_ids_find(&book->accounts, (uint64_t)trade->buyer + 1);
        int64_t *cell = &account->bought_u[trade->flow.product][trade->flow.regulation];
        *cell = added(*cell, -money_of(book, (book_wide)trade->quantity.w * trade->price.uper_mwh));
    }
    book->settled_before = before_period;
}

enum fg_refusal fg_book_set_settled(struct fg_book *book, int64_t time_us, int32_t before_period, struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE && before_period <= book->settled_before)
        refusal = book_refuse(err, FG_REFUSAL_STATE, "periods before %d are settled already",
                              (int)book->settled_before);
    refusal = book_end(book, refusal, 0, err);
    if (refusal == FG_REFUSAL_NONE)
        book_settle(book, before_period);
    return refusal;
}

int32_t fg_book_settled_before(const struct fg_book *book)
{
    return book->settled_before;
}

static bool falls_under(int32_t wanted, int32_t kind)
{
    return wanted < 0 || wanted == kind;
}

static struct fg_book_exposure sum_of(const struct fg_book *book, int32_t participant, int32_t product,
                                      int32_t regulation)
{
    struct fg_book_exposure sum = {0};
    const struct book_account *accounts[] = {book_ids_find(&book->accounts, (uint64_t)participant + 1),
                                             book_ids_find(&book->sealed, (uint64_t)participant + 1)};
    for (int a = 0; a < 2; a++)
        for (int p = 0; accounts[a] != NULL && p < FG_BOOK_PRODUCTS; p++)
            for (int r = 0; r < 2; r++)
                if (falls_under(product, p) && falls_under(regulation, r)) {
                    sum.orders += accounts[a]->orders[p][r];
                    sum.open.u = added(sum.open.u, accounts[a]->open_u[p][r]);
                    sum.bought.u = added(sum.bought.u, accounts[a]->bought_u[p][r]);
                }
    return sum;
}

bool fg_book_find_exposure(const struct fg_book *book, int32_t participant, int32_t product, int32_t regulation,
                           struct fg_book_exposure *exposure)
{
    if (book->has_accounts && participant >= 0)
        *exposure = sum_of(book, participant, product, regulation);
    return book->has_accounts && participant >= 0;
}

/* ---- What is refused ---- */

struct entry {
    const struct fg_book_order *order;
    bool is_amendment;
    int64_t value_u, former_u; /* what is left of a buy order, and of the one that it replaces */
};

/* "order 17", or "the order" where it has no number yet. */
static const char *name_of(const struct fg_book_order *order, char buffer[32])
{
    snprintf(buffer, 32, order->id != 0 ? "order %llu" : "the order", (unsigned long long)order->id);
    return buffer;
}

static const char *text_of(int64_t value_u, char buffer[FG_DECIMAL_MAX])
{
    return fg_decimal_format(value_u, 6, 0, buffer);
}

static enum fg_refusal check_prices(const struct fg_book_order *order, int64_t least, int64_t most,
                                    enum fg_refusal refusal, struct fg_error *err)
{
    char price[FG_DECIMAL_MAX], low[FG_DECIMAL_MAX], high[FG_DECIMAL_MAX], name[32];
    for (int32_t k = 0; k < order->point_count; k++) {
        int64_t at = order->points[k].price.uper_mwh;
        if (at < least || at > most)
            return book_refuse(err, refusal,
                               "%s: price %s is outside the limit of %s to %s per MWh%s; change the price",
                               name_of(order, name), text_of(at, price), text_of(least, low), text_of(most, high),
                               refusal == FG_REFUSAL_LIMIT_BAND ? " around the last price" : "");
    }
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_size(const struct fg_book_order *order, int64_t most, struct fg_error *err)
{
    char size[FG_DECIMAL_MAX], limit[FG_DECIMAL_MAX], name[32];
    for (int32_t i = 0; i < order->period_count; i++)
        if (order->quantity[i].w > most)
            return book_refuse(err, FG_REFUSAL_LIMIT_SIZE,
                               "%s: %s MW are above the limit of %s MW for one order; enter less", name_of(order, name),
                               text_of(order->quantity[i].w, size), text_of(most, limit));
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_sums(const struct fg_book *book, const struct fg_book_limit *row, const struct entry *entry,
                                  struct fg_error *err)
{
    const struct fg_book_order *order = entry->order;
    char value[FG_DECIMAL_MAX], sum[FG_DECIMAL_MAX], limit[FG_DECIMAL_MAX], name[32];
    if (!needs_accounts(row))
        return FG_REFUSAL_NONE;
    struct fg_book_exposure has = sum_of(book, order->participant, row->product, row->regulation);
    if (row->orders_max >= 0 && order->contract == 0 && !entry->is_amendment && has.orders + 1 > row->orders_max)
        return book_refuse(err, FG_REFUSAL_LIMIT_ORDERS,
                           "%s: %lld orders are open, the limit is %lld; cancel others first", name_of(order, name),
                           (long long)has.orders, (long long)row->orders_max);
    if (row->exposure_max.u < 0 || order->side != FG_SIDE_BUY ||
        (entry->is_amendment && entry->value_u <= entry->former_u))
        return FG_REFUSAL_NONE;
    int64_t others = added(has.open.u, has.bought.u);
    if (added(others, entry->value_u) > row->exposure_max.u)
        return book_refuse(err, FG_REFUSAL_LIMIT_EXPOSURE,
                           "%s: its value of %s on top of %s (open requests and purchases not settled) is above "
                           "the limit of %s; ask for less or wait for settlement",
                           name_of(order, name), text_of(entry->value_u, value), text_of(others, sum),
                           text_of(row->exposure_max.u, limit));
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_against(const struct fg_book *book, const struct fg_book_limit *row,
                                     const struct entry *entry, struct fg_error *err)
{
    const struct fg_book_order *order = entry->order;
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    bool is_free = order->contract != 0; /* the award said what it may be */
    if (row->has_price && !is_free)
        refusal = check_prices(order, row->price_min.uper_mwh, row->price_max.uper_mwh, FG_REFUSAL_LIMIT_PRICE, err);
    if (refusal == FG_REFUSAL_NONE && row->has_band && !is_free)
        refusal = check_prices(order, row->reference.uper_mwh - row->band.uper_mwh,
                               row->reference.uper_mwh + row->band.uper_mwh, FG_REFUSAL_LIMIT_BAND, err);
    if (refusal == FG_REFUSAL_NONE && row->size_max.w >= 0 && !is_free)
        refusal = check_size(order, row->size_max.w, err);
    return refusal == FG_REFUSAL_NONE ? check_sums(book, row, entry, err) : refusal;
}

/* Every row that the order falls under: those of each participant, then its own. */
static enum fg_refusal check_rows(const struct fg_book *book, const struct entry *entry, struct fg_error *err)
{
    const struct fg_book_order *order = entry->order;
    const int32_t participants[] = {-1, order->participant};
    for (int k = 0; k < 2; k++)
        for (size_t i = find_row(book, participants[k], -1, -1);
             i < book->limit_count && book->limits[i].participant == participants[k]; i++) {
            const struct fg_book_limit *row = &book->limits[i];
            if (!falls_under(row->product, (int32_t)order->product) ||
                !falls_under(row->regulation, (int32_t)order->regulation))
                continue;
            enum fg_refusal refusal = check_against(book, row, entry, err);
            if (refusal != FG_REFUSAL_NONE)
                return refusal;
        }
    return FG_REFUSAL_NONE;
}

enum fg_refusal book_check_limits(struct fg_book *book, const struct fg_book_order *order,
                                  const struct book_order *former, struct fg_error *err)
{
    struct entry entry = {.order = order, .is_amendment = former != NULL};
    for (int32_t i = 0; i < order->period_count && order->side == FG_SIDE_BUY && book->has_accounts; i++) {
        const struct book_slice *slice = former != NULL ? &former->slices[i] : NULL;
        entry.value_u = added(entry.value_u, value_of(book, order->points, order->point_count,
                                                      slice != NULL ? slice->filled : 0, order->quantity[i].w));
        if (slice != NULL)
            entry.former_u = added(entry.former_u, value_of(book, former->points, former->point_count, slice->filled,
                                                            slice->quantity));
    }
    return check_rows(book, &entry, err);
}

/* ---- Sealed orders ---- */

static int64_t sealed_value(const struct fg_book *book, const struct fg_book_order *order)
{
    int64_t sum = 0;
    for (int32_t i = 0; order->side == FG_SIDE_BUY && i < order->period_count; i++)
        sum = added(sum, value_of(book, order->points, order->point_count, 0, order->quantity[i].w));
    return sum;
}

static bool is_same_kind(const struct fg_book_order *a, const struct fg_book_order *b)
{
    return a->side == b->side && a->product == b->product && a->regulation == b->regulation;
}

/* The same but for smaller quantities. */
static bool is_lower(const struct fg_book_order *order, const struct fg_book_order *former)
{
    if (!is_same_kind(order, former) || order->point_count != former->point_count ||
        order->first_period != former->first_period || order->period_count != former->period_count)
        return false;
    for (int32_t k = 0; k < order->point_count; k++) /* the last point reaches to the largest quantity */
        if (order->points[k].price.uper_mwh != former->points[k].price.uper_mwh ||
            (k + 1 < order->point_count && order->points[k].up_to.w != former->points[k].up_to.w))
            return false;
    for (int32_t i = 0; i < order->period_count; i++)
        if (order->quantity[i].w > former->quantity[i].w)
            return false;
    return true;
}

enum fg_refusal fg_book_check_sealed(const struct fg_book *book, const struct fg_book_order *order,
                                     const struct fg_book_order *former, struct fg_error *err)
{
    if (book->limit_count == 0 || (former != NULL && is_lower(order, former)))
        return FG_REFUSAL_NONE;
    struct entry entry = {.order = order, .value_u = sealed_value(book, order)};
    if (former != NULL && is_same_kind(order, former)) {
        entry.is_amendment = true;
        entry.former_u = sealed_value(book, former);
    }
    return check_rows(book, &entry, err);
}

bool fg_book_seal(struct fg_book *book, const struct fg_book_order *order, int sign)
{
    struct book_account *account = account_in(&book->sealed, order->participant);
    if (account == NULL)
        return false;
    account->orders[order->product][order->regulation] += sign;
    int64_t *cell = &account->open_u[order->product][order->regulation];
    *cell = added(*cell, sign * sealed_value(book, order));
    return true;
}
