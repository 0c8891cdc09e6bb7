#include "atp/auction_pairs.h"

#include <stdlib.h>
#include <string.h>

struct side { /* an accepted quantity in one period */
    const struct auction_entry *entry;
    int64_t left_w, price_u;
    size_t breadth; /* requests: size of the place */
};

void auction_settled_release(struct auction_settled *settled)
{
    fg_free(settled->pairs);
    fg_free(settled->money);
    *settled = (struct auction_settled){0};
}

static enum fg_code add_pair(struct auction_settled *settled, struct auction_pair pair, struct fg_error *err)
{
    if (fg_grow((void **)&settled->pairs, settled->pair_count, &settled->pair_capacity, sizeof *settled->pairs) != 0)
        return fg_fail_memory(err);
    settled->pairs[settled->pair_count++] = pair;
    return FG_OK;
}

static enum fg_code add_money(struct auction_settled *settled, int32_t period, struct fg_ledger_party from,
                              struct fg_ledger_party to, int64_t amount_u, struct fg_error *err)
{
    if (amount_u == 0)
        return FG_OK;
    if (fg_grow((void **)&settled->money, settled->money_count, &settled->money_capacity, sizeof *settled->money) != 0)
        return fg_fail_memory(err);
    settled->money[settled->money_count++] = (struct auction_money){period, from, to, amount_u};
    return FG_OK;
}

/* The request's place holds the offer's. */
static bool serves(struct auction_book *book, const struct auction_entry *sell, const struct auction_entry *buy)
{
    char here[32], there[32];
    if (buy->order.kind == FG_REQUEST_EXCHANGE)
        return true;
    const char *place = auction_place(sell, here);
    if (buy->bus != NULL)
        return strcmp(place, auction_place(buy, there)) == 0;
    const struct auction_zone *zone = auction_zone_of(book, buy->location);
    return zone != NULL && auction_zone_has(zone, place);
}

/* Smallest places first, exchanges last, then in the order of entry. */
static int by_breadth(const void *a, const void *b)
{
    const struct side *x = a, *y = b;
    if (x->breadth != y->breadth)
        return x->breadth < y->breadth ? -1 : 1;
    return x->entry->id < y->entry->id ? -1 : x->entry->id > y->entry->id;
}

static size_t breadth_of(const struct auction_book *book, const struct auction_entry *buy)
{
    if (buy->order.kind == FG_REQUEST_EXCHANGE)
        return SIZE_MAX;
    const struct auction_zone *zone = buy->bus == NULL ? auction_zone_of(book, buy->location) : NULL;
    return zone != NULL ? zone->count : 1;
}

struct sides {
    struct side *sells, *buys;
    size_t sell_count, buy_count;
};

static void collect(const struct auction_book *book, const struct fg_service_clearing *clearing, int32_t period,
                    enum fg_product product, enum fg_regulation regulation, struct sides *sides)
{
    sides->sell_count = sides->buy_count = 0;
    for (size_t i = 0; i < book->count; i++) {
        const struct auction_entry *entry = &book->entries[i];
        int32_t k = period - entry->order.first_period;
        if (entry->index < 0 || entry->covers != 0 || entry->order.product != product || entry->order.regulation != regulation ||
            k < 0 || k >= entry->order.period_count)
            continue;
        const struct fg_service_order *outcome = &clearing->orders[entry->index];
        if (outcome->accepted[k].w == 0)
            continue;
        struct side side = {entry, outcome->accepted[k].w, outcome->unit_price[k].uper_mwh, breadth_of(book, entry)};
        if (entry->order.side == FG_SIDE_SELL)
            sides->sells[sides->sell_count++] = side;
        else
            sides->buys[sides->buy_count++] = side;
    }
    qsort(sides->buys, sides->buy_count, sizeof *sides->buys, by_breadth);
}

static enum fg_code pair_up(struct auction_book *book, int32_t period, struct sides *sides, struct auction_settled *settled,
                            struct fg_error *err)
{
    enum fg_code code = FG_OK;
    size_t first = 0; /* offers before it are used up */
    for (size_t b = 0; b < sides->buy_count; b++) {
        struct side *buy = &sides->buys[b];
        while (first < sides->sell_count && sides->sells[first].left_w == 0)
            first++;
        for (size_t s = first; code == FG_OK && s < sides->sell_count && buy->left_w > 0; s++) {
            struct side *sell = &sides->sells[s];
            if (sell->left_w == 0 || !serves(book, sell->entry, buy->entry))
                continue;
            int64_t quantity = sell->left_w < buy->left_w ? sell->left_w : buy->left_w;
            code = add_pair(settled,
                            (struct auction_pair){sell->entry->id, buy->entry->id, book->first_period + period, quantity,
                                                  sell->price_u},
                            err);
            sell->left_w -= quantity;
            buy->left_w -= quantity;
        }
    }
    for (size_t s = first; code == FG_OK && s < sides->sell_count; s++)
        if (sides->sells[s].left_w > 0)
            code = add_pair(settled,
                            (struct auction_pair){sides->sells[s].entry->id, 0, book->first_period + period,
                                                  sides->sells[s].left_w, sides->sells[s].price_u},
                            err);
    return code;
}

static enum fg_code money_of(const struct auction_pair *pair, int32_t period_s, int64_t *money_u, struct fg_error *err)
{
    struct fg_energy energy;
    struct fg_money money = {0};
    enum fg_code code = fg_energy_of((struct fg_power){pair->quantity_w}, period_s, &energy, err);
    if (code == FG_OK)
        code = fg_money_of(energy, (struct fg_price){pair->price_u}, &money, err);
    *money_u = money.u;
    return code;
}

static const struct auction_entry *find_entry(const struct auction_book *book, int64_t id)
{
    size_t low = 0, high = book->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (book->entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return &book->entries[low];
}

/* What each participant is settled besides its trades. */
static enum fg_code settle_rest(const struct auction_book *book, const struct fg_service_clearing *clearing,
                                struct auction_settled *settled, struct fg_error *err)
{
    int64_t *traded_u = fg_alloc(book->count + 1, sizeof *traded_u); /* received less paid in trades, per entry */
    if (traded_u == NULL)
        return fg_fail_memory(err);
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < settled->pair_count; i++) {
        const struct auction_pair *pair = &settled->pairs[i];
        int64_t money_u;
        size_t sell = (size_t)(find_entry(book, pair->sell) - book->entries);
        code = money_of(pair, book->period_s, &money_u, err);
        if (code == FG_OK)
            code = fg_add(traded_u[sell], money_u, &traded_u[sell], err);
        if (code == FG_OK && pair->buy != 0) {
            size_t buy = (size_t)(find_entry(book, pair->buy) - book->entries);
            code = fg_add(traded_u[buy], -money_u, &traded_u[buy], err);
        }
    }
    for (size_t i = 0; code == FG_OK && i < book->count; i++) {
        const struct auction_entry *entry = &book->entries[i];
        if (entry->index < 0)
            continue;
        const struct fg_service_order *outcome = &clearing->orders[entry->index];
        int32_t period = book->first_period + entry->order.first_period;
        struct fg_ledger_party owner = fg_ledger_participant(entry->organisation);
        int64_t rest_u;
        code = fg_add(outcome->settled.u, -traded_u[i], &rest_u, err);
        if (code == FG_OK)
            code = add_money(settled, period, fg_ledger_named(FG_LEDGER_CONGESTION), owner, rest_u, err);
        if (code == FG_OK)
            code = add_money(settled, period, fg_ledger_named(FG_LEDGER_MAKE_WHOLE), owner, outcome->make_whole.u, err);
    }
    fg_free(traded_u);
    return code;
}

enum fg_code auction_settle(struct auction_book *book, const struct fg_service_clearing *clearing, struct auction_settled *settled,
                            struct fg_error *err)
{
    struct sides sides = {.sells = fg_alloc(book->count + 1, sizeof *sides.sells),
                          .buys = fg_alloc(book->count + 1, sizeof *sides.buys)};
    *settled = (struct auction_settled){0};
    enum fg_code code = sides.sells == NULL || sides.buys == NULL ? fg_fail_memory(err) : FG_OK;
    for (int32_t period = 0; period < book->period_count; period++)
        for (int product = FG_PRODUCT_ACTIVE; product <= FG_PRODUCT_REACTIVE; product++)
            for (int regulation = FG_REGULATION_UP; code == FG_OK && regulation <= FG_REGULATION_DOWN; regulation++) {
                collect(book, clearing, period, (enum fg_product)product, (enum fg_regulation)regulation, &sides);
                code = pair_up(book, period, &sides, settled, err);
            }
    fg_free(sides.sells);
    fg_free(sides.buys);
    return code == FG_OK ? settle_rest(book, clearing, settled, err) : code;
}
