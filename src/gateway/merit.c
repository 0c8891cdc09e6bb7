#include "gateway/merit.h"

#include "base/memory.h"

#include <stdlib.h>

#define LESS(a, b, member)                                                                                             \
    if ((a)->member != (b)->member)                                                                                    \
    return (a)->member < (b)->member ? -1 : 1

static int compare_key(const struct fg_piece *a, const struct fg_piece *b)
{
    LESS(a, b, zone);
    LESS(a, b, brp);
    LESS(a, b, regulation);
    LESS(a, b, first_period);
    LESS(a, b, period_count);
    return 0;
}

static int compare_merit(const void *x, const void *y)
{
    const struct fg_piece *a = x, *b = y;
    int order = compare_key(a, b);
    if (order != 0)
        return order;
    LESS(a, b, price_u);
    LESS(a, b, order);
    return 0;
}

static int compare_bid(const void *x, const void *y)
{
    const struct fg_piece *a = x, *b = y;
    if (a->bid != b->bid)
        return (uint32_t)a->bid < (uint32_t)b->bid ? -1 : 1; /* -1 is last */
    return compare_merit(x, y);
}

/* Bids out of the small pieces of one key, which lie from `first` to `end` in the order of merit. */
static enum fg_code put_together(struct fg_piece *pieces, size_t first, size_t end, int64_t bid_min_w, int32_t *bids,
                                 struct fg_error *err)
{
    int32_t last = -1, open = -1;
    int64_t sum = 0;
    for (size_t i = first; i < end; i++) {
        struct fg_piece *piece = &pieces[i];
        if (piece->bid >= 0 || piece->least_w > 0)
            continue;
        if (open < 0)
            open = *bids;
        piece->bid = open;
        if (fg_add(sum, piece->quantity_w, &sum, err) != FG_OK)
            return FG_ERR_OVERFLOW;
        if (sum >= bid_min_w) {
            last = open;
            open = -1;
            sum = 0;
            ++*bids;
        }
    }
    for (size_t i = first; open >= 0 && i < end; i++)
        if (pieces[i].bid == open)
            pieces[i].bid = last; /* -1: together they are too small */
    return FG_OK;
}

enum fg_code fg_bids_form(struct fg_piece *pieces, size_t count, int64_t bid_min_w, struct fg_bid_draft *drafts,
                          size_t *draft_count, struct fg_error *err)
{
    int32_t bids = 0;
    *draft_count = 0;
    if (count > INT32_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "too many offers at once");
    if (count > 0)
        qsort(pieces, count, sizeof *pieces, compare_merit);
    for (size_t i = 0; i < count; i++)
        pieces[i].bid = pieces[i].quantity_w >= bid_min_w ? bids++ : -1;
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && compare_key(&pieces[first], &pieces[end]) == 0; end++)
            ;
        enum fg_code code = put_together(pieces, first, end, bid_min_w, &bids, err);
        if (code != FG_OK)
            return code;
    }
    if (count > 0)
        qsort(pieces, count, sizeof *pieces, compare_bid);
    for (size_t i = 0; i < count && pieces[i].bid >= 0; i++) {
        if (i == 0 || pieces[i].bid != pieces[i - 1].bid)
            drafts[(*draft_count)++] = (struct fg_bid_draft){.first = i, .least_w = pieces[i].least_w};
        struct fg_bid_draft *draft = &drafts[*draft_count - 1];
        draft->count++;
        if (fg_add(draft->quantity_w, pieces[i].quantity_w, &draft->quantity_w, err) != FG_OK)
            return FG_ERR_OVERFLOW;
        if (draft->count == 1 || pieces[i].price_u > draft->price_u)
            draft->price_u = pieces[i].price_u;
    }
    return FG_OK;
}

enum fg_code fg_call_split(int64_t called_w, int64_t tick_w, const int64_t *left_w, size_t count, int64_t *parts_w,
                           struct fg_error *err)
{
    int64_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (fg_add(left, left_w[i], &left, err) != FG_OK)
            return FG_ERR_OVERFLOW;
    if (called_w < 0 || called_w > left || called_w % tick_w != 0)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "a call is at most what is left, in whole ticks");
    if (called_w == 0) {
        for (size_t i = 0; i < count; i++)
            parts_w[i] = 0;
        return FG_OK;
    }
    enum fg_code code = fg_split(called_w / tick_w, left_w, count, parts_w, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        parts_w[i] *= tick_w;
    return code;
}
