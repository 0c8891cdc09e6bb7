/* Life of a book, and reading it. */
#include "market/book.h"

#include "market/auction.h"
#include "market/book_internal.h"

#include <stdlib.h>

struct fg_book_settings fg_book_settings_default(void)
{
    return (struct fg_book_settings){.period_s = 900,
                                     .tick = {1000},
                                     .price_step = {10000},
                                     .price_min = {-FG_MARKET_PRICE_MAX_U},
                                     .price_max = {FG_MARKET_PRICE_MAX_U},
                                     .size_max = {FG_MARKET_POWER_MAX_W}};
}

static enum fg_code check_settings(const struct fg_book_settings *s, struct fg_error *err)
{
    if (s->period_s < 1 || s->period_s > 86400)
        return fg_fail(err, FG_ERR_VALUE, NULL, "a market time unit has 1 to 86400 seconds, not %d", (int)s->period_s);
    if (s->tick.w < 1 || s->price_step.uper_mwh < 1)
        return fg_fail(err, FG_ERR_VALUE, NULL, "tick and price step must be positive");
    if (s->price_min.uper_mwh > s->price_max.uper_mwh || s->price_min.uper_mwh < -FG_MARKET_PRICE_MAX_U ||
        s->price_max.uper_mwh > FG_MARKET_PRICE_MAX_U)
        return fg_fail(err, FG_ERR_VALUE, NULL, "price limits must be ordered and within 1,000,000 per MWh");
    if (s->size_max.w < s->tick.w || s->size_max.w > FG_MARKET_POWER_MAX_W)
        return fg_fail(err, FG_ERR_VALUE, NULL, "the largest size is one tick to 1 TW");
    return FG_OK;
}

enum fg_code fg_book_create(const struct fg_book_settings *settings, const struct fg_book_locations *locations,
                            const struct fg_book_network *network, fg_book_sink *sink, void *sink_context,
                            struct fg_book **out, struct fg_error *err)
{
    enum fg_code code = check_settings(settings, err);
    if (code != FG_OK)
        return code;
    struct fg_book *book = fg_alloc(1, sizeof *book);
    if (book == NULL)
        return fg_fail_memory(err);
    book->settings = *settings;
    if (network != NULL) {
        book->has_network = true;
        book->network = *network;
    }
    book->sink = sink;
    book->sink_context = sink_context;
    book->time_us = INT64_MIN;
    book->next_expiry_us = INT64_MAX;
    book->next_priority = 1;
    book->trade_base = 1;
    code = book_tree_make(locations, &book->tree, err);
    if (code != FG_OK) {
        fg_free(book);
        return code;
    }
    *out = book;
    return FG_OK;
}

void fg_book_destroy(struct fg_book *book)
{
    if (book == NULL)
        return;
    book_tables_release(book);
    book_tree_release(&book->tree);
    for (size_t i = 0; i < book->trade_chunk_count; i++)
        fg_free(book->trade_chunks[i]);
    fg_free(book->trade_chunks);
    fg_free(book->halts);
    fg_free(book->limits);
    book_accounts_release(book);
    book_sealed_release(book);
    fg_free(book->undo);
    fg_free(book->commits);
    fg_free(book->events);
    fg_free(book->held_undo);
    fg_free(book->cursors);
    struct book_list *lists[] = {&book->created, &book->touched, &book->retry, &book->pass, &book->held};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        fg_free(lists[i]->items);
    fg_free(book);
}

const char *fg_book_event_word(enum fg_book_event_kind kind)
{
    static const char *const words[FG_BOOK_EVENT_KINDS] = {
        [FG_BOOK_REFUSED] = "refused",
        [FG_BOOK_ACCEPTED] = "accepted",
        [FG_BOOK_AMENDED] = "amended",
        [FG_BOOK_TRADED] = "traded",
        [FG_BOOK_REDUCED] = "reduced",
        [FG_BOOK_FILLED] = "filled",
        [FG_BOOK_CANCELLED] = "cancelled",
        [FG_BOOK_FORWARDED] = "forwarded",
        [FG_BOOK_RETURNED] = "returned",
        [FG_BOOK_ACTIVATED] = "activated",
        [FG_BOOK_TRADE_REDUCED] = "trade_reduced",
        [FG_BOOK_OPENED] = "opened",
        [FG_BOOK_CLOSED] = "closed",
        [FG_BOOK_HALTED] = "halted",
        [FG_BOOK_RESUMED] = "resumed",
        [FG_BOOK_CAPABILITY_SET] = "capability_set",
        [FG_BOOK_CONTRACTED_SET] = "contracted_set",
        [FG_BOOK_LIMIT_SET] = "limit_set",
    };
    return (unsigned)kind < FG_BOOK_EVENT_KINDS ? words[kind] : "unknown";
}

const char *const fg_book_cause_words[] = {
    [FG_BOOK_CAUSE_NONE] = "none",
    [FG_BOOK_CAUSE_OWNER] = "owner",
    [FG_BOOK_CAUSE_MASS] = "mass",
    [FG_BOOK_CAUSE_VALIDITY] = "validity",
    [FG_BOOK_CAUSE_SELF_TRADE] = "self_trade",
    [FG_BOOK_CAUSE_GATE] = "gate",
    [FG_BOOK_CAUSE_CAPABILITY] = "capability",
    [FG_BOOK_CAUSE_GROUP] = "group",
    [FG_BOOK_CAUSE_PARENT] = "parent",
    [FG_BOOK_CAUSE_FORWARD] = "forward",
    [FG_BOOK_CAUSE_OUTSIDE] = "solved_outside",
    [FG_BOOK_CAUSE_CONTRACT] = "contract",
    [FG_BOOK_CAUSES] = NULL,
};

const char *fg_book_cause_word(enum fg_book_cause cause)
{
    return (unsigned)cause < FG_BOOK_CAUSES ? fg_book_cause_words[cause] : "unknown";
}

size_t fg_book_order_count(const struct fg_book *book)
{
    return book->orders.count;
}

size_t fg_book_trade_count(const struct fg_book *book)
{
    return book->trade_count - book->trade_first;
}

int64_t fg_book_time(const struct fg_book *book)
{
    return book->time_us;
}

uint64_t fg_book_event_sequence(const struct fg_book *book)
{
    return book->event_sequence;
}

enum fg_code fg_book_trade_money(const struct fg_book *book, const struct fg_book_trade *trade, struct fg_money *money,
                                 struct fg_error *err)
{
    struct fg_energy energy;
    enum fg_code code = fg_energy_of(trade->quantity, book->settings.period_s, &energy, err);
    return code == FG_OK ? fg_money_of(energy, trade->price, money, err) : code;
}

bool fg_book_find_order(const struct fg_book *book, uint64_t id, struct fg_book_order_state *state,
                        struct fg_power *quantity, struct fg_power *filled)
{
    const struct book_order *order = id == 0 ? NULL : book_ids_find(&book->orders, id);
    if (order == NULL)
        return false;
    *state =
        (struct fg_book_order_state){.order = book_describe(order),
                                     .group = order->group != NULL ? order->group->id : 0,
                                     .group_kind = order->group != NULL ? order->group->kind : FG_GROUP_EXCLUSIVE_ONE,
                                     .priority = (uint64_t)order->priority,
                                     .filled = filled,
                                     .is_tied = order->is_composite && !(order->block && order->count > 1),
                                     .forwarded = order->forwarded != 0,
                                     .held_back = order->held};
    state->order.quantity = quantity;
    state->order.parent = order->parent != NULL ? order->parent->id : 0;
    for (int32_t i = 0; i < order->count; i++) {
        if (quantity != NULL)
            quantity[i].w = order->slices[i].quantity;
        if (filled != NULL)
            filled[i].w = order->slices[i].filled;
    }
    return true;
}

bool fg_book_find_group(const struct fg_book *book, uint64_t id, struct fg_book_group_row *row)
{
    const struct book_group *group = id == 0 ? NULL : book_ids_find(&book->groups, id);
    if (group == NULL)
        return false;
    *row = (struct fg_book_group_row){{group->id, group->kind}, group->used_u};
    return true;
}

void fg_book_next_numbers(const struct fg_book *book, uint64_t *priority, uint64_t *trade)
{
    *priority = (uint64_t)book->next_priority;
    *trade = book->trade_base + book->trade_count;
}

bool fg_book_find_position(const struct fg_book *book, int32_t portfolio, enum fg_product product,
                           enum fg_regulation regulation, int32_t period, struct fg_book_position *position)
{
    const struct book_position *p = book_position_find(book, portfolio, product, regulation, period);
    if (p == NULL)
        return false;
    *position = (struct fg_book_position){portfolio,     product,   regulation,  period,        {p->capability},
                                          {p->reserved}, {p->open}, {p->traded}, {p->forwarded},
                                            {p->contracted}};
    return true;
}

/* ---- What rests in a period ---- */

struct ranked {
    struct fg_book_entry entry;
    int64_t key;
    int32_t step;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->entry.conditional_order != y->entry.conditional_order)
        return x->entry.conditional_order ? 1 : -1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->entry.priority != y->entry.priority)
        return x->entry.priority < y->entry.priority ? -1 : 1;
    return x->step < y->step ? -1 : x->step > y->step;
}

static void rank(struct ranked *row, const struct book_order *order, int32_t step, int64_t quantity)
{
    int64_t price = order->points[step].price.uper_mwh;
    *row = (struct ranked){.entry = {.order = order->id,
                                     .priority = (uint64_t)order->priority,
                                     .location = order->location,
                                     .price = {price},
                                     .quantity = {quantity},
                                     .conditional_order = order->is_composite},
                           .key = book_key(order, price),
                           .step = step};
}

/* Counts only when `rows` is NULL. */
static size_t rank_side(const struct book_side *side, int32_t period, struct ranked *rows)
{
    size_t count = 0;
    for (int32_t i = 0; i < side->slot_count; i++) {
        const struct book_queue *queue = &side->slots[i].queue;
        for (int32_t l = 0; l < queue->leaf_count; l++)
            for (int32_t e = 0; e < queue->leaves[l].count; e++) {
                struct book_entry entry = book_queue_at(queue, l, e);
                const struct book_order *order = entry.order;
                const struct book_slice *slice = &order->slices[entry.slice];
                int64_t start = entry.step > 0 ? order->points[entry.step - 1].up_to.w : 0;
                int64_t end = entry.step + 1 < order->point_count
                                  ? book_least(order->points[entry.step].up_to.w, slice->quantity)
                                  : slice->quantity;
                int64_t left = end - book_most(start, slice->filled);
                if (left <= 0 || order->forwarded)
                    continue;
                if (rows != NULL)
                    rank(&rows[count], order, entry.step, left);
                count++;
            }
    }
    for (int32_t i = 0; i < side->composite_count; i++) {
        const struct book_order *order = side->composites[i];
        const struct book_slice *slice = &order->slices[period - order->first];
        if (order->forwarded)
            continue;
        if (rows != NULL)
            rank(&rows[count], order, 0, slice->quantity - slice->filled);
        count++;
    }
    return count;
}

enum fg_code fg_book_each_entry(const struct fg_book *book, enum fg_product product, enum fg_regulation regulation,
                                int32_t period, enum fg_side side, fg_book_visit *visit, void *context,
                                struct fg_error *err)
{
    if ((unsigned)product >= FG_BOOK_PRODUCTS || (unsigned)regulation > FG_REGULATION_DOWN ||
        (unsigned)side > FG_SIDE_BUY)
        return fg_fail(err, FG_ERR_ARGUMENT, NULL, "there is no such product, regulation or side");
    const struct book_ladder *ladder = book_ladder(book, product, regulation, period);
    if (ladder == NULL)
        return FG_OK;
    size_t count = rank_side(&ladder->side[side], period, NULL);
    struct ranked *rows = fg_alloc(count, sizeof *rows);
    if (rows == NULL)
        return fg_fail_memory(err);
    rank_side(&ladder->side[side], period, rows);
    qsort(rows, count, sizeof *rows, compare_ranked);
    for (size_t i = 0; i < count && visit(context, &rows[i].entry); i++)
        ;
    fg_free(rows);
    return FG_OK;
}
