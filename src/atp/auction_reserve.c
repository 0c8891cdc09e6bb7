/* What sealed offers bind of their portfolios' capability. */
#include "atp/auction_internal.h"

#include "atp/query.h"

#include <string.h>

void auction_put_blob(struct fg_text *text, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char bytes[8];
        for (int b = 0; b < 8; b++)
            bytes[b] = (char)(unsigned char)((uint64_t)values[i] >> (8 * b));
        fg_text_append(text, bytes, sizeof bytes);
    }
}

const int64_t *auction_read_blob(struct fg_arena *arena, const struct fg_sql *sql, int column, size_t *count)
{
    size_t size = 0;
    const unsigned char *bytes = fg_sql_column_blob(sql, column, &size);
    if (size % 8 != 0)
        return NULL;
    *count = size / 8;
    int64_t *values = fg_arena_alloc(arena, *count + 1, sizeof *values);
    for (size_t i = 0; values != NULL && i < *count; i++)
        values[i] = fg_blob_integer(bytes, i);
    return values;
}

static enum fg_code add_item(struct auction_reserves *reserves, const struct auction_offer *offer, int32_t period, int64_t change_w,
                             int64_t approved_w, struct fg_error *err)
{
    if (change_w == 0)
        return FG_OK;
    if (fg_grow((void **)&reserves->items, reserves->count, &reserves->capacity, sizeof *reserves->items) != 0)
        return fg_fail_memory(err);
    reserves->items[reserves->count++] = (struct fg_book_reserve){.portfolio = (int32_t)offer->portfolio,
                                                                  .product = offer->product,
                                                                  .regulation = offer->regulation,
                                                                  .period = period,
                                                                  .change = {change_w},
                                                                  .approved = {approved_w}};
    return FG_OK;
}

static bool is_alike(const struct auction_offer *a, const struct auction_offer *b)
{
    return a->portfolio == b->portfolio && a->product == b->product && a->regulation == b->regulation;
}

static int64_t quantity_in(const struct auction_offer *offer, int32_t period)
{
    int32_t k = period - offer->first_period;
    return k >= 0 && k < offer->period_count ? offer->quantity_w[k] : 0;
}

/* In a period that offer `at` has: its part of what the exclusive group binds, all of it for the first of its kind there. */
static int64_t exclusive_part(const struct auction_offer *group, size_t count, size_t at, int32_t period)
{
    int64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_alike(&group[i], &group[at]))
            continue;
        int64_t here = quantity_in(&group[i], period);
        if (here > 0 && i < at)
            return 0; /* counted there */
        most = here > most ? here : most;
    }
    return most;
}

enum fg_code auction_reserves_add(struct auction_reserves *reserves, const struct auction_offer *offers, size_t count, int sign,
                                  struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0, end; code == FG_OK && i < count; i = end) {
        for (end = i + 1; end < count && offers[i].group != 0 && offers[end].group == offers[i].group;)
            end++;
        bool is_exclusive = end - i > 1 && offers[i].group_kind != FG_GROUP_MULTIPART;
        for (size_t o = i; code == FG_OK && o < end; o++)
            for (int32_t k = 0; code == FG_OK && k < offers[o].period_count; k++) {
                int32_t period = offers[o].first_period + k;
                int64_t quantity = offers[o].quantity_w[k];
                if (quantity > 0 && is_exclusive)
                    quantity = exclusive_part(offers + i, end - i, o - i, period);
                code = add_item(reserves, &offers[o], period, sign * quantity,
                                offers[o].approved_w != NULL ? offers[o].approved_w[k] : -1, err);
            }
    }
    return code;
}

enum fg_code auction_read_offers(struct fg_store *store, int64_t auction, int64_t only_order, int64_t only_organisation,
                                 struct fg_arena *arena, struct auction_offer **offers, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    bool row;
    *offers = NULL;
    *count = 0;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT id, portfolio_id, group_id, group_kind, product, regulation, first_period, quantity FROM "
                                 "auction_order WHERE auction_id = $1 AND status = 'entered' AND side = $2 AND ($3 = 0 OR id = $3) "
                                 "AND ($4 = 0 OR organisation_id = $4) ORDER BY COALESCE(group_id, id), id",
                                 "iiii", auction, (int64_t)FG_SIDE_SELL, only_order, only_organisation);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        size_t periods = 0;
        if (fg_grow((void **)offers, *count, &capacity, sizeof **offers) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        struct auction_offer *offer = &(*offers)[*count];
        *offer = (struct auction_offer){.id = fg_sql_column_int64(sql, 0),
                                        .portfolio = fg_sql_column_int64(sql, 1),
                                        .group = fg_sql_column_int64(sql, 2),
                                        .group_kind = (int)fg_sql_column_int64(sql, 3),
                                        .product = (enum fg_product)fg_sql_column_int64(sql, 4),
                                        .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 5),
                                        .first_period = (int32_t)fg_sql_column_int64(sql, 6),
                                        .quantity_w = auction_read_blob(arena, sql, 7, &periods)};
        offer->period_count = (int32_t)periods;
        if (offer->quantity_w == NULL) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        (*count)++;
    }
    return code;
}
