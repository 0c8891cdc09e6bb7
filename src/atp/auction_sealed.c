/* What the market operator's limits (market/book.h) know of sealed orders. Entries are held against the limits as orders of the book
 * are; each sealed order counts with the open ones until its auction has a result, is cancelled, or the order is withdrawn.
 * Requests that price a limit of the grid trade nothing and are left out. */
#include "atp/auction_internal.h"
#include "atp/engine_internal.h"

#include "atp/query.h"

static struct fg_book_order of_entry(const struct fg_command *command, const struct fg_order *order)
{
    return (struct fg_book_order){.participant = (int32_t)command->participant,
                                  .side = order->side,
                                  .product = order->product,
                                  .regulation = order->regulation,
                                  .first_period = order->first_period,
                                  .period_count = order->period_count,
                                  .quantity = order->quantity,
                                  .point_count = order->point_count,
                                  .points = order->points};
}

static bool prices_a_limit(const struct fg_auction_order *order)
{
    return order->order.location_kind >= FG_LOCATION_BRANCH_LIMIT;
}

/* The next row of ROWS; the arrays are in the arena. */
static enum fg_code take_row(struct fg_arena *arena, const struct fg_sql *sql, struct fg_book_order *order, struct fg_error *err)
{
    size_t periods = 0, points = 0;
    _Static_assert(sizeof(struct fg_power) == 8 && sizeof(struct fg_price_point) == 16, "arrays of integers");
    *order = (struct fg_book_order){.participant = (int32_t)fg_sql_column_int64(sql, 0),
                                    .side = (enum fg_side)fg_sql_column_int64(sql, 1),
                                    .product = (enum fg_product)fg_sql_column_int64(sql, 2),
                                    .regulation = (enum fg_regulation)fg_sql_column_int64(sql, 3),
                                    .first_period = (int32_t)fg_sql_column_int64(sql, 4),
                                    .quantity = (const struct fg_power *)auction_read_blob(arena, sql, 5, &periods),
                                    .points = (const struct fg_price_point *)auction_read_blob(arena, sql, 6, &points)};
    order->period_count = (int32_t)periods;
    order->point_count = (int32_t)(points / 2);
    return order->quantity == NULL || order->points == NULL ? fg_fail_memory(err) : FG_OK;
}
#define ROWS                                                                                                                   \
    "SELECT o.organisation_id, o.side, o.product, o.regulation, o.first_period, o.quantity, o.points FROM auction_order o JOIN " \
    "auction u ON u.id = o.auction_id WHERE u.area_id = $1 AND u.status IN ('open', 'closed', 'failed') AND o.status = 'entered' " \
    "AND o.covers = 0 "

enum fg_code auction_sealed_count(struct engine_area *area, int64_t auction, int64_t only_order, int64_t only_organisation, int sign,
                                  struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code =
        fg_query(area->store, &sql, err,
                 ROWS "AND ($2 = 0 OR o.auction_id = $2) AND ($3 = 0 OR o.id = $3) AND ($4 = 0 OR o.organisation_id = $4)", "iiii",
                 area->id, auction, only_order, only_organisation);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct fg_arena arena;
        struct fg_book_order order;
        fg_arena_init(&arena);
        code = take_row(&arena, sql, &order, err);
        if (code == FG_OK && !fg_book_seal(area->book, &order, sign))
            code = fg_fail_memory(err);
        fg_arena_release(&arena);
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    return code;
}

/* The order that is replaced, where the limits count it. */
static enum fg_code read_former(struct engine_area *area, const struct fg_auction_entry *entry, struct fg_arena *arena,
                                struct fg_book_order *former, bool *has_former, struct fg_error *err)
{
    struct fg_sql *sql;
    *has_former = false;
    if (entry->replaces == 0)
        return FG_OK;
    enum fg_code code = fg_query_one(area->store, &sql, err, ROWS "AND o.id = $2", "ii", area->id, entry->replaces);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK;
    if (code == FG_OK) {
        code = take_row(arena, sql, former, err);
        fg_sql_done(sql);
    }
    *has_former = code == FG_OK;
    return code;
}

/* The former order out, and the first `count` of the new ones in (sign 1); or back again (-1). */
static bool change(struct engine_area *area, const struct fg_auction_entry *entry, const struct fg_command *command, size_t count,
                   const struct fg_book_order *former, int sign)
{
    bool is_done = former == NULL || fg_book_seal(area->book, former, -sign);
    for (size_t i = 0; i < count && is_done; i++) {
        struct fg_book_order order = of_entry(command, &entry->orders[i].order);
        is_done = prices_a_limit(&entry->orders[i]) || fg_book_seal(area->book, &order, sign);
    }
    return is_done;
}

enum fg_refusal auction_sealed_check(struct engine_area *area, const struct fg_auction_entry *entry, struct fg_command *command,
                                     enum fg_code *code)
{
    struct fg_error *err = &command->err;
    struct fg_arena arena;
    struct fg_book_order row;
    bool has_former;
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    fg_arena_init(&arena);
    *code = read_former(area, entry, &arena, &row, &has_former, err);
    const struct fg_book_order *former = has_former ? &row : NULL;
    if (*code == FG_OK && !change(area, entry, command, 0, former, 1))
        *code = fg_fail_memory(err);
    size_t count = 0;
    for (; *code == FG_OK && count < entry->count; count++) {
        if (prices_a_limit(&entry->orders[count]))
            continue;
        struct fg_book_order order = of_entry(command, &entry->orders[count].order);
        if ((refusal = fg_book_check_sealed(area->book, &order, former, err)) != FG_REFUSAL_NONE)
            break;
        if (!fg_book_seal(area->book, &order, 1)) /* members of a group count one another */
            *code = fg_fail_memory(err);
    }
    if (*code == FG_OK)
        change(area, entry, command, count, former, -1); /* needs no memory: the participant's sums are there */
    fg_arena_release(&arena);
    return refusal;
}

enum fg_code auction_sealed_enter(struct engine_area *area, const struct fg_auction_entry *entry, const struct fg_command *command,
                                  struct fg_error *err)
{
    struct fg_arena arena;
    struct fg_book_order row;
    bool has_former;
    fg_arena_init(&arena);
    enum fg_code code = read_former(area, entry, &arena, &row, &has_former, err);
    if (code == FG_OK && !change(area, entry, command, entry->count, has_former ? &row : NULL, 1))
        code = fg_fail_memory(err);
    fg_arena_release(&arena);
    return code;
}
