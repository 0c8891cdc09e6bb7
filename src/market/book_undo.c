/* The command at work: noting what changes, taking it back, and the end that cannot fail. */
#include "market/book_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static bool grow(struct fg_book *book, void **items, size_t count, size_t *capacity, size_t size_bytes)
{
    if (fg_grow(items, count, capacity, size_bytes) == 0)
        return true;
    book->failed = true;
    return false;
}

bool book_list_add(struct book_list *list, struct book_order *order)
{
    void *items = list->items;
    if (fg_grow(&items, list->count, &list->capacity, sizeof(struct book_order *)) != 0)
        return false;
    list->items = items;
    list->items[list->count++] = order;
    return true;
}

bool book_grow_undo(struct fg_book *book)
{
    void *undo = book->undo;
    if (!grow(book, &undo, book->undo_count, &book->undo_capacity, sizeof *book->undo))
        return false;
    book->undo = undo;
    return true;
}

struct book_mark book_mark_here(const struct fg_book *book)
{
    return (struct book_mark){book->undo_count, book->event_count, book->trade_count, book->retry.count,
                              book->network_moved, book->moved_from, book->moved_to};
}

void book_rewind(struct fg_book *book, struct book_mark mark)
{
    while (book->undo_count > mark.undo_count) {
        const struct book_undo *note = &book->undo[--book->undo_count];
        if (note->cell != NULL) {
            *note->cell = note->old;
            continue;
        }
        const struct book_commit *commit = &book->commits[--book->commit_count];
        if (commit->quantity > 0)
            book->network.undo(book->network.context, &commit->flow, commit->quantity, false);
        else
            book->network.commit(book->network.context, &commit->flow, -commit->quantity);
    }
    book->event_count = mark.event_count;
    book->trade_count = mark.trade_count;
    while (book->retry.count > mark.retry_count) /* woken by trades that are no more */
        book->retry.items[--book->retry.count]->retried_in = 0;
    book->network_moved = mark.network_moved;
    book->moved_from = mark.moved_from;
    book->moved_to = mark.moved_to;
}

static void link_held(struct fg_book *book, struct book_order *order, bool held)
{
    order->held = held;
    if (held && !order->is_listed) {
        if (!book_list_add(&book->held, order)) {
            book->failed = true;
            return;
        }
        order->held_index = (int32_t)book->held.count - 1;
        order->is_listed = true;
    }
}

static void unlink_held(struct fg_book *book, struct book_order *order)
{
    if (!order->is_listed)
        return;
    struct book_order *last = book->held.items[--book->held.count];
    book->held.items[order->held_index] = last;
    last->held_index = order->held_index;
    order->is_listed = false;
}

/* An order may have been held, tried and held again in one command: only the outcome counts. */
static void drop_unheld(struct fg_book *book)
{
    for (size_t i = 0; i < book->held_undo_count; i++)
        if (!book->held_undo[i].order->held)
            unlink_held(book, book->held_undo[i].order);
    book->held_undo_count = 0;
}

/* Not undone by book_rewind: an attempt that was taken back may still have met the network's refusal. */
void book_set_held(struct fg_book *book, struct book_order *order, bool held)
{
    if (order->held == held)
        return;
    void *notes = book->held_undo;
    if (!grow(book, &notes, book->held_undo_count, &book->held_undo_capacity, sizeof *book->held_undo))
        return;
    book->held_undo = notes;
    book->held_undo[book->held_undo_count++] = (struct book_held_undo){order, order->held};
    link_held(book, order, held);
}

struct fg_book_event *book_event(struct fg_book *book, enum fg_book_event_kind kind, const struct book_order *order)
{
    void *events = book->events;
    if (!grow(book, &events, book->event_count, &book->event_capacity, sizeof *book->events))
        return &book->spill;
    book->events = events;
    struct fg_book_event *event = &book->events[book->event_count++];
    *event = (struct fg_book_event){.time_us = book->time_us, .kind = kind, .portfolio = -1};
    if (order != NULL) {
        event->order = order->id;
        event->priority = (uint64_t)order->priority;
        event->group = order->group != NULL ? order->group->id : 0;
        event->portfolio = order->portfolio;
        event->period = order->first;
        event->period_count = order->count;
        event->product = (enum fg_product)order->product;
        event->regulation = (enum fg_regulation)order->regulation;
    }
    return event;
}

struct fg_book_trade *book_trade_at(const struct fg_book *book, size_t index)
{
    return &book->trade_chunks[index / BOOK_TRADES_PER_CHUNK][index % BOOK_TRADES_PER_CHUNK];
}

struct fg_book_trade *book_stage_trade(struct fg_book *book)
{
    if (book->trade_count == book->trade_chunk_count * BOOK_TRADES_PER_CHUNK) {
        void *chunks = book->trade_chunks;
        if (!grow(book, &chunks, book->trade_chunk_count, &book->trade_chunk_capacity, sizeof(struct fg_book_trade *)))
            return NULL;
        book->trade_chunks = chunks;
        struct fg_book_trade *chunk = fg_alloc(BOOK_TRADES_PER_CHUNK, sizeof *chunk);
        if (chunk == NULL) {
            book->failed = true;
            return NULL;
        }
        book->trade_chunks[book->trade_chunk_count++] = chunk;
    }
    struct fg_book_trade *trade = book_trade_at(book, book->trade_count);
    *trade = (struct fg_book_trade){.id = book->trade_base + book->trade_count, .time_us = book->time_us};
    book->trade_count++;
    return trade;
}

void book_touch(struct fg_book *book, struct book_order *order)
{
    if (order->touched_in == book->command)
        return;
    if (!book_list_add(&book->touched, order))
        book->failed = true;
    else
        order->touched_in = book->command;
}

/* What the network takes of `wanted`, in whole ticks. False: out of memory. */
bool book_network_take(struct fg_book *book, const struct fg_book_flow *flow, int64_t wanted, int64_t *taken)
{
    *taken = wanted;
    if (!book->has_network)
        return true;
    int64_t answer = book->network.take(book->network.context, flow, wanted);
    if (answer < 0) {
        book->failed = true;
        return false;
    }
    *taken = book_least(answer, wanted);
    *taken -= *taken % book->settings.tick.w;
    return true;
}

/* Commit a quantity, or take a negative one back (the reversal of an older trade). */
void book_network_commit(struct fg_book *book, const struct fg_book_flow *flow, int64_t quantity)
{
    if (!book->has_network)
        return;
    void *commits = book->commits;
    if ((book->undo_count == book->undo_capacity && !book_grow_undo(book)) ||
        !grow(book, &commits, book->commit_count, &book->commit_capacity, sizeof *book->commits))
        return;
    book->commits = commits;
    book->commits[book->commit_count++] = (struct book_commit){*flow, quantity};
    book->undo[book->undo_count++] = (struct book_undo){0};
    if (quantity > 0)
        book->network.commit(book->network.context, flow, quantity);
    else
        book->network.undo(book->network.context, flow, -quantity, true);
    if (!book->network_moved || flow->period < book->moved_from)
        book->moved_from = flow->period;
    if (!book->network_moved || flow->period > book->moved_to)
        book->moved_to = flow->period;
    book->network_moved = true;
}

enum fg_refusal book_refuse(struct fg_error *err, enum fg_refusal refusal, const char *format, ...)
{
    if (err == NULL)
        return refusal;
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    enum fg_code code = refusal == FG_REFUSAL_OUT_OF_MEMORY ? FG_ERR_MEMORY : FG_ERR_VALUE;
    fg_fail(err, code, NULL, "[%s] %s", fg_refusal_key(refusal), text);
    return refusal;
}

/* Take back everything, the structures too. */
static void abandon(struct fg_book *book, struct book_mark mark)
{
    book_rewind(book, mark);
    for (size_t i = book->held_undo_count; i-- > 0;)
        book->held_undo[i].order->held = book->held_undo[i].old;
    drop_unheld(book);
    size_t kept = 0;
    for (size_t i = 0; i < book->touched.count; i++)
        if (!book->touched.items[i]->is_new)
            book->touched.items[kept++] = book->touched.items[i];
    book->touched.count = kept;
    while (book->created.count > 0) {
        struct book_order *order = book->created.items[--book->created.count];
        book_unplace(book, order);
        book_order_free(book, order);
    }
}

/* Orders that left, entries that are used up; then the events. */
static void finish(struct fg_book *book)
{
    for (size_t i = 0; i < book->created.count; i++) {
        struct book_order *order = book->created.items[i];
        order->is_new = false;
        if (order->replaces)
            book_ids_put(&book->orders, order->id, order);
        order->replaces = false;
    }
    book->created.count = 0;
    drop_unheld(book);
    for (size_t i = 0; i < book->touched.count; i++) {
        struct book_order *order = book->touched.items[i];
        if (order->gone) {
            book_unplace(book, order);
            unlink_held(book, order);
            book_order_free(book, order);
        } else {
            book_drop_exhausted(book, order);
        }
    }
    book->touched.count = 0;
    book->undo_count = book->commit_count = 0;
    for (size_t i = 0; i < book->event_count; i++) {
        book->events[i].sequence = ++book->event_sequence;
        book->sink(book->sink_context, &book->events[i]);
    }
    book->event_count = 0;
}

/* Orders whose time has run out. The next expiry is only ever too early. */
static void expire(struct fg_book *book)
{
    struct book_list list = {0};
    int64_t next = INT64_MAX;
    if (!book_sorted(book, &list))
        book->failed = true;
    for (size_t i = 0; i < list.count && !book->failed; i++) {
        struct book_order *order = list.items[i];
        if (order->expires_us == 0 || order->gone || order->forwarded)
            continue;
        if (order->expires_us <= book->time_us)
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_VALIDITY);
        else
            next = book_least(next, order->expires_us);
    }
    fg_free(list.items);
    book_set(book, &book->next_expiry_us, next);
}

enum fg_refusal book_begin(struct fg_book *book, int64_t time_us, struct fg_error *err)
{
    assert(book->undo_count == 0 && book->event_count == 0 && book->created.count == 0);
    book->failed = false;
    book->command++;
    book->retry_stamp++;
    book->retry.count = 0;
    book->touched.count = 0;
    book->network_moved = false;
    if (time_us < book->time_us) {
        book->command_start = book_mark_here(book);
        return book_refuse(err, FG_REFUSAL_TIME_ORDER,
                           "the command is stamped %lld us, before the book's time %lld; stamp commands in order",
                           (long long)time_us, (long long)book->time_us);
    }
    book_set(book, &book->time_us, time_us);
    if (!book->failed && time_us >= book->next_expiry_us)
        expire(book);
    book->command_start = book_mark_here(book);
    return FG_REFUSAL_NONE;
}

enum fg_refusal book_end(struct fg_book *book, enum fg_refusal refusal, uint64_t order, struct fg_error *err)
{
    if (!book->failed && refusal == FG_REFUSAL_OUT_OF_MEMORY)
        book->failed = true;
    if (!book->failed && refusal != FG_REFUSAL_NONE) {
        abandon(book, book->command_start);
        struct fg_book_event *event = book_event(book, FG_BOOK_REFUSED, NULL);
        event->order = order;
        event->reason = refusal;
    }
    if (book->failed) {
        abandon(book, (struct book_mark){.trade_count = book->command_start.trade_count});
        book->touched.count = 0;
        return book_refuse(err, FG_REFUSAL_OUT_OF_MEMORY, "out of memory; nothing was changed, try again later");
    }
    finish(book);
    return refusal;
}
