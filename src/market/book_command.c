/* Commands other than entering and amending: withdrawal, gates, halts, network, capability, trades, forwarding. */
#include "market/book_internal.h"

#include <stdlib.h>
#include <string.h>

#define CAPABILITY_MAX_W INT64_C(1000000000000000) /* 1 PW: sums of accounts stay inside 64 bits */

#define NUMBER(id) ((unsigned long long)(id))

/* ---- Withdrawal ---- */

static enum fg_refusal find_open(struct fg_book *book, uint64_t id, struct book_order **order, struct fg_error *err)
{
    *order = book_ids_find(&book->orders, id);
    if (*order == NULL || (*order)->gone)
        return book_refuse(err, FG_REFUSAL_ORDER_UNKNOWN, "no order %llu is open", NUMBER(id));
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_cancel(struct fg_book *book, int64_t time_us, uint64_t id, struct fg_error *err)
{
    struct book_order *order = NULL;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = find_open(book, id, &order, err);
    if (refusal == FG_REFUSAL_NONE && order->forwarded)
        refusal = book_refuse(err, FG_REFUSAL_ORDER_LOCKED, "order %llu is forwarded; wait for its return", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE)
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_OWNER);
    return book_end(book, refusal, id, err);
}

enum fg_refusal fg_book_withdraw(struct fg_book *book, int64_t time_us, uint64_t id, enum fg_book_cause cause,
                                 struct fg_error *err)
{
    struct book_order *order = NULL;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = find_open(book, id, &order, err);
    if (refusal == FG_REFUSAL_NONE && order->forwarded)
        refusal = book_refuse(err, FG_REFUSAL_ORDER_LOCKED, "order %llu is forwarded; wait for its return", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE && (cause == FG_BOOK_CAUSE_OUTSIDE    ? order->side != FG_SIDE_BUY
                                       : cause == FG_BOOK_CAUSE_CONTRACT ? order->contract == 0
                                                                         : true))
        refusal = book_refuse(err, FG_REFUSAL_KIND_SIDE,
                              "order %llu: only requests are solved outside the market; cancel it instead", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE)
        book_leave(book, order, FG_BOOK_CANCELLED, cause);
    return book_end(book, refusal, id, err);
}

static bool passes(const struct fg_book *book, const struct fg_book_filter *filter, const struct book_order *order)
{
    return (filter->participant < 0 || filter->participant == order->participant) &&
           (filter->portfolio < 0 || filter->portfolio == order->portfolio) &&
           (filter->location < 0 || book_below(book, filter->location, order->location)) &&
           (filter->session == 0 || filter->session == order->session) &&
           (!filter->spares_contracts || order->contract == 0);
}

enum fg_refusal fg_book_mass_cancel(struct fg_book *book, int64_t time_us, const struct fg_book_filter *filter,
                                    size_t *cancelled, struct fg_error *err)
{
    struct book_list list = {0};
    enum fg_refusal refusal = book_begin(book, time_us, err);
    size_t count = 0;
    if (refusal == FG_REFUSAL_NONE && filter->location >= book->tree.count)
        refusal = book_refuse(err, FG_REFUSAL_LOCATION, "location %d does not exist", (int)filter->location);
    if (refusal == FG_REFUSAL_NONE) {
        if (!book_sorted(book, &list))
            book->failed = true;
        for (size_t i = 0; i < list.count && !book->failed; i++) {
            struct book_order *order = list.items[i];
            if (order->gone || order->forwarded || !passes(book, filter, order))
                continue;
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_MASS);
            count++;
        }
    }
    fg_free(list.items);
    refusal = book_end(book, refusal, 0, err);
    if (cancelled != NULL)
        *cancelled = refusal == FG_REFUSAL_NONE ? count : 0;
    return refusal;
}

enum fg_refusal fg_book_expire(struct fg_book *book, int64_t time_us, struct fg_error *err)
{
    return book_end(book, book_begin(book, time_us, err), 0, err);
}

int64_t fg_book_next_expiry(const struct fg_book *book)
{
    return book->next_expiry_us;
}

/* ---- Gates ---- */

static enum fg_refusal check_range(const struct fg_book *book, enum fg_product product, int32_t first, int32_t count,
                                   struct fg_error *err)
{
    if ((unsigned)product >= FG_BOOK_PRODUCTS)
        return book_refuse(err, FG_REFUSAL_PRODUCT, "unknown product");
    if (first < 0 || count < 1 || count > FG_BOOK_PERIODS_MAX || first > INT32_MAX - count)
        return book_refuse(err, FG_REFUSAL_PERIOD_RANGE, "give 1 to %d periods, not %d from %d on", FG_BOOK_PERIODS_MAX,
                           (int)count, (int)first);
    if (first < book->forgotten_before)
        return book_refuse(err, FG_REFUSAL_PERIOD_CLOSED, "period %d is over and forgotten; name later ones",
                           (int)first);
    return FG_REFUSAL_NONE;
}

static bool is_empty(const struct book_period *period)
{
    for (int p = 0; p < FG_BOOK_PRODUCTS; p++)
        if (period->ladder[p][0] != NULL)
            return false;
    return true;
}

/* Rows for first ... first + count - 1 beside those that are open. */
static enum fg_refusal make_rows(struct fg_book *book, int32_t first, int32_t count, struct fg_error *err)
{
    int32_t lead = 0;
    while (book->period_count > 0 && is_empty(&book->periods[book->period_count - 1]))
        book->period_count--;
    while (lead < book->period_count && is_empty(&book->periods[lead]))
        lead++;
    int32_t old_first = book->period_base + lead, kept = book->period_count - lead;
    int32_t base = kept > 0 && old_first < first ? old_first : first;
    int32_t end = kept > 0 && old_first + kept > first + count ? old_first + kept : first + count;
    if (end - base > FG_BOOK_PERIODS_MAX)
        return book_refuse(err, FG_REFUSAL_PERIOD_RANGE,
                           "open periods would span more than %d; close the old ones first", FG_BOOK_PERIODS_MAX);
    int32_t wanted = end - base;
    if (wanted > book->period_capacity) {
        struct book_period *grown = fg_realloc(book->periods, (size_t)wanted, sizeof *grown);
        if (grown == NULL)
            return FG_REFUSAL_OUT_OF_MEMORY;
        book->periods = grown;
        book->period_capacity = wanted;
    }
    if (kept > 0)
        memmove(book->periods + (old_first - base), book->periods + lead, (size_t)kept * sizeof *book->periods);
    for (int32_t i = 0; i < wanted; i++)
        if (kept == 0 || base + i < old_first || base + i >= old_first + kept)
            book->periods[i] = (struct book_period){0};
    book->period_base = base;
    book->period_count = wanted;
    return FG_REFUSAL_NONE;
}

/* What is still there when a gate closes belongs to forwarded orders, which stay without being queued. */
static void free_ladders(struct fg_book *book, enum fg_product product, int32_t first, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int r = 0; r < 2; r++) {
            struct book_ladder **ladder = &book->periods[first + i - book->period_base].ladder[product][r];
            book_ladder_empty(*ladder, first + i);
            book_ladder_free(book, *ladder);
            *ladder = NULL;
        }
}

/* A gate that opens again: the forwarded orders that have something there are queued as if it had been open all the time. */
static void requeue_forwarded(struct fg_book *book, enum fg_product product, int32_t first, int32_t count)
{
    struct book_list list = {0};
    if (!book_sorted(book, &list))
        book->failed = true;
    for (size_t i = 0; i < list.count && !book->failed; i++) {
        struct book_order *order = list.items[i];
        if (!order->forwarded || order->gone || order->product != product)
            continue;
        for (int32_t k = 0; k < order->count && !book->failed; k++)
            if (order->first + k >= first && order->first + k < first + count && !book_place_again(book, order, k))
                book->failed = true;
    }
    fg_free(list.items);
}

static struct fg_book_event *range_event(struct fg_book *book, enum fg_book_event_kind kind, enum fg_product product,
                                         int32_t first, int32_t count)
{
    struct fg_book_event *event = book_event(book, kind, NULL);
    event->product = product;
    event->period = first;
    event->period_count = count;
    return event;
}

enum fg_refusal fg_book_open(struct fg_book *book, int64_t time_us, enum fg_product product, int32_t first,
                             int32_t count, struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    bool has_ladders = false;
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_range(book, product, first, count, err);
    for (int32_t i = 0; i < count && refusal == FG_REFUSAL_NONE; i++)
        if (book_ladder(book, product, 0, first + i) != NULL)
            refusal = book_refuse(err, FG_REFUSAL_STATE, "period %d is open already", (int)(first + i));
    if (refusal == FG_REFUSAL_NONE)
        refusal = make_rows(book, first, count, err);
    if (refusal == FG_REFUSAL_NONE) {
        has_ladders = true;
        for (int32_t i = 0; i < count; i++)
            for (int r = 0; r < 2; r++) {
                struct book_ladder *ladder = fg_alloc(1, sizeof *ladder);
                book->periods[first + i - book->period_base].ladder[product][r] = ladder;
                book->failed |= ladder == NULL;
            }
        if (!book->failed)
            requeue_forwarded(book, product, first, count);
        range_event(book, FG_BOOK_OPENED, product, first, count);
    }
    refusal = book_end(book, refusal, 0, err);
    if (has_ladders && refusal != FG_REFUSAL_NONE)
        free_ladders(book, product, first, count);
    return refusal;
}

static int compare_priority(const void *a, const void *b)
{
    const struct book_order *x = *(struct book_order *const *)a, *y = *(struct book_order *const *)b;
    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* The orders of one side of a ladder, each once, by priority. */
static bool list_side(const struct book_side *side, struct book_list *list)
{
    for (int32_t i = 0; i < side->slot_count; i++) {
        const struct book_queue *queue = &side->slots[i].queue;
        for (int32_t l = 0; l < queue->leaf_count; l++)
            for (int32_t e = 0; e < queue->leaves[l].count; e++)
                if (!book_list_add(list, book_queue_at(queue, l, e).order))
                    return false;
    }
    for (int32_t i = 0; i < side->composite_count; i++)
        if (!book_list_add(list, side->composites[i]))
            return false;
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(struct book_order *), compare_priority);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || list->items[kept - 1] != list->items[i])
            list->items[kept++] = list->items[i];
    list->count = kept;
    return true;
}

static void close_period(struct fg_book *book, enum fg_product product, int32_t period)
{
    struct book_list list = {0};
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 2; s++)
            if (!list_side(&book_ladder(book, product, r, period)->side[s], &list))
                book->failed = true;
    for (size_t i = 0; i < list.count && !book->failed; i++) {
        struct book_order *order = list.items[i];
        int32_t index = period - order->first;
        if (order->gone || order->forwarded) /* the balancing market's gate is another one */
            continue;
        if (order->is_composite)
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_GATE);
        else if (order->slices[index].quantity > order->slices[index].filled)
            book_reduce(book, order, index, order->slices[index].filled, FG_BOOK_CAUSE_GATE);
    }
    fg_free(list.items);
}

enum fg_refusal fg_book_close(struct fg_book *book, int64_t time_us, enum fg_product product, int32_t first,
                              int32_t count, struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_range(book, product, first, count, err);
    for (int32_t i = 0; i < count && refusal == FG_REFUSAL_NONE; i++)
        if (book_ladder(book, product, 0, first + i) == NULL)
            refusal = book_refuse(err, FG_REFUSAL_PERIOD_CLOSED, "period %d is not open", (int)(first + i));
    if (refusal == FG_REFUSAL_NONE) {
        for (int32_t i = 0; i < count && !book->failed; i++)
            close_period(book, product, first + i);
        range_event(book, FG_BOOK_CLOSED, product, first, count);
    }
    refusal = book_end(book, refusal, 0, err);
    if (refusal == FG_REFUSAL_NONE)
        free_ladders(book, product, first, count);
    return refusal;
}

/* ---- Halts ---- */

static size_t find_halt(const struct fg_book *book, enum fg_book_scope scope, int32_t index)
{
    size_t at = 0;
    while (at < book->halt_count && (book->halts[at].scope != scope || book->halts[at].index != index))
        at++;
    return at;
}

static enum fg_refusal check_scope(const struct fg_book *book, enum fg_book_scope scope, int32_t *index,
                                   struct fg_error *err)
{
    if (scope == FG_BOOK_SCOPE_AREA)
        *index = 0;
    if ((unsigned)scope > FG_BOOK_SCOPE_PARTICIPANT || *index < 0 || *index > FG_BOOK_INDEX_MAX)
        return book_refuse(err, FG_REFUSAL_PARTICIPANT, "name the area, a location or a participant to halt");
    if (scope == FG_BOOK_SCOPE_LOCATION && *index >= book->tree.count)
        return book_refuse(err, FG_REFUSAL_LOCATION, "location %d does not exist", (int)*index);
    return FG_REFUSAL_NONE;
}

static void scope_event(struct fg_book *book, enum fg_book_event_kind kind, enum fg_book_scope scope, int32_t index)
{
    struct fg_book_event *event = book_event(book, kind, NULL);
    event->scope = scope;
    event->index = index;
}

enum fg_refusal fg_book_halt(struct fg_book *book, int64_t time_us, enum fg_book_scope scope, int32_t index,
                             struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_scope(book, scope, &index, err);
    if (refusal == FG_REFUSAL_NONE && find_halt(book, scope, index) < book->halt_count)
        refusal = book_refuse(err, FG_REFUSAL_STATE, "it is halted already");
    if (refusal == FG_REFUSAL_NONE) {
        void *halts = book->halts;
        if (fg_grow(&halts, book->halt_count, &book->halt_capacity, sizeof *book->halts) != 0)
            book->failed = true;
        else
            book->halts = halts;
        scope_event(book, FG_BOOK_HALTED, scope, index);
    }
    refusal = book_end(book, refusal, 0, err);
    if (refusal == FG_REFUSAL_NONE)
        book->halts[book->halt_count++] = (struct fg_book_halt_row){scope, index};
    return refusal;
}

enum fg_refusal fg_book_resume(struct fg_book *book, int64_t time_us, enum fg_book_scope scope, int32_t index,
                               struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    size_t at = 0;
    bool is_removed = false;
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_scope(book, scope, &index, err);
    if (refusal == FG_REFUSAL_NONE && (at = find_halt(book, scope, index)) == book->halt_count)
        refusal = book_refuse(err, FG_REFUSAL_STATE, "it is not halted");
    if (refusal == FG_REFUSAL_NONE) {
        book->halts[at] = book->halts[--book->halt_count];
        is_removed = true;
        scope_event(book, FG_BOOK_RESUMED, scope, index);
        book_retry_all(book);
        book_retry_run(book);
    }
    refusal = book_end(book, refusal, 0, err);
    if (is_removed && refusal != FG_REFUSAL_NONE)
        book->halts[book->halt_count++] = (struct fg_book_halt_row){scope, index};
    return refusal;
}

/* ---- Network and locations ---- */

enum fg_refusal fg_book_network_changed(struct fg_book *book, int64_t time_us, const struct fg_book_network *network,
                                        struct fg_error *err)
{
    struct fg_book_network old = book->network;
    bool had_network = book->has_network;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE) {
        book->has_network = network != NULL;
        book->network = network != NULL ? *network : (struct fg_book_network){0};
        book->network_moved = true;
        book->moved_from = INT32_MIN;
        book->moved_to = INT32_MAX;
        book_retry_run(book);
    }
    refusal = book_end(book, refusal, 0, err);
    if (refusal != FG_REFUSAL_NONE) {
        book->has_network = had_network;
        book->network = old;
    }
    return refusal;
}

enum fg_refusal fg_book_relocate(struct fg_book *book, int64_t time_us, const struct fg_book_locations *locations,
                                 struct fg_error *err)
{
    struct book_tree old = book->tree;
    bool is_new = false;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE && locations->count < old.count)
        refusal =
            book_refuse(err, FG_REFUSAL_LOCATION, "locations do not go away; publish at least %d", (int)old.count);
    if (refusal == FG_REFUSAL_NONE) {
        struct fg_error why = {0};
        enum fg_code code = book_tree_make(locations, &book->tree, &why);
        is_new = code == FG_OK;
        if (code == FG_ERR_MEMORY)
            refusal = FG_REFUSAL_OUT_OF_MEMORY;
        else if (code != FG_OK)
            refusal = book_refuse(err, FG_REFUSAL_LOCATION, "%s", why.text);
    }
    if (is_new) {
        book_retry_all(book);
        book_retry_run(book);
    } else {
        book->tree = old;
    }
    refusal = book_end(book, refusal, 0, err);
    if (is_new && refusal == FG_REFUSAL_NONE) {
        book_tree_release(&old);
    } else if (is_new) {
        book_tree_release(&book->tree);
        book->tree = old;
    }
    return refusal;
}

/* ---- Capability ---- */

/* Newest orders first, until the account fits. */
static void cut_back(struct fg_book *book, struct book_position *p)
{
    const struct book_ladder *ladder = book_ladder(book, p->product, p->regulation, p->period);
    struct book_list list = {0};
    if (ladder != NULL && !list_side(&ladder->side[FG_SIDE_SELL], &list))
        book->failed = true;
    for (size_t i = list.count; i-- > 0 && !book->failed;) {
        int64_t over = p->open + p->traded + p->forwarded + p->reserved + p->contracted - p->capability;
        if (over <= 0)
            break;
        struct book_order *order = list.items[i];
        int32_t index = p->period - order->first;
        struct book_slice *slice = &order->slices[index];
        int64_t left = slice->quantity - slice->filled;
        if (order->gone || order->forwarded || order->portfolio != p->portfolio || left == 0)
            continue;
        int64_t tick = book->settings.tick.w, cut = (over + tick - 1) / tick * tick;
        if (order->is_composite || book_has_children(order))
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_CAPABILITY);
        else
            book_reduce(book, order, index,
                        order->min_fraction_u > 0 ? slice->filled : slice->quantity - book_least(cut, left),
                        FG_BOOK_CAUSE_CAPABILITY);
    }
    fg_free(list.items);
}

static enum fg_refusal set_capability(struct fg_book *book, int32_t portfolio, enum fg_product product,
                                      enum fg_regulation regulation, int32_t period, int64_t capability,
                                      int64_t reserved, struct fg_error *err)
{
    struct book_position *p = book_position_make(book, portfolio, product, regulation, period);
    if (p == NULL)
        return FG_REFUSAL_OUT_OF_MEMORY;
    if (reserved < 0)
        reserved = p->reserved;
    int64_t committed = reserved + p->traded + p->forwarded + p->contracted;
    if (committed > capability)
        return book_refuse(err, FG_REFUSAL_CAPABILITY_COMMITTED,
                           "portfolio %d has %lld W traded, reserved, contracted or forwarded in period %d; take trades "
                           "back first",
                           (int)portfolio, (long long)committed, (int)period);
    book_set(book, &p->capability, capability);
    book_set(book, &p->reserved, reserved);
    struct fg_book_event *event = range_event(book, FG_BOOK_CAPABILITY_SET, product, period, 1);
    event->regulation = regulation;
    event->index = portfolio;
    event->quantity.w = capability;
    cut_back(book, p);
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_account(const struct fg_book *book, int32_t portfolio, enum fg_product product,
                                     enum fg_regulation regulation, int32_t first, int32_t count, struct fg_error *err)
{
    enum fg_refusal refusal = check_range(book, product, first, count, err);
    if (refusal == FG_REFUSAL_NONE && (portfolio < 0 || portfolio > FG_BOOK_INDEX_MAX))
        refusal = book_refuse(err, FG_REFUSAL_PARTICIPANT, "portfolio %d does not exist", (int)portfolio);
    if (refusal == FG_REFUSAL_NONE && regulation != FG_REGULATION_UP && regulation != FG_REGULATION_DOWN)
        refusal = book_refuse(err, FG_REFUSAL_REGULATION, "regulation is up or down");
    return refusal;
}

static bool is_capability(int64_t w)
{
    return w >= 0 && w <= CAPABILITY_MAX_W;
}

enum fg_refusal fg_book_set_capability(struct fg_book *book, int64_t time_us, int32_t portfolio,
                                       enum fg_product product, enum fg_regulation regulation, int32_t first,
                                       int32_t count, struct fg_power capability, struct fg_power reserved,
                                       struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_account(book, portfolio, product, regulation, first, count, err);
    if (refusal == FG_REFUSAL_NONE && (!is_capability(capability.w) || (reserved.w != -1 && !is_capability(reserved.w))))
        refusal = book_refuse(err, FG_REFUSAL_QUANTITY_RANGE, "capability and reserve are 0 to %lld W",
                              (long long)CAPABILITY_MAX_W);
    for (int32_t i = 0; i < count && refusal == FG_REFUSAL_NONE && !book->failed; i++)
        refusal = set_capability(book, portfolio, product, regulation, first + i, capability.w, reserved.w, err);
    return book_end(book, refusal, 0, err);
}

static enum fg_refusal set_contracted(struct fg_book *book, int32_t portfolio, enum fg_product product,
                                      enum fg_regulation regulation, int32_t period, int64_t contracted,
                                      struct fg_error *err)
{
    struct book_position *p = book_position_make(book, portfolio, product, regulation, period);
    if (p == NULL)
        return FG_REFUSAL_OUT_OF_MEMORY;
    if (p->reserved + p->traded + p->forwarded + contracted > p->capability)
        return book_refuse(err, FG_REFUSAL_CAPABILITY_COMMITTED,
                           "portfolio %d has %lld W of %lld W traded, reserved or forwarded in period %d; hold less for "
                           "contracts",
                           (int)portfolio, (long long)(p->reserved + p->traded + p->forwarded),
                           (long long)p->capability, (int)period);
    book_set(book, &p->contracted, contracted);
    struct fg_book_event *event = range_event(book, FG_BOOK_CONTRACTED_SET, product, period, 1);
    event->regulation = regulation;
    event->index = portfolio;
    event->quantity.w = contracted;
    cut_back(book, p);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_set_contracted(struct fg_book *book, int64_t time_us, int32_t portfolio,
                                       enum fg_product product, enum fg_regulation regulation, int32_t first,
                                       int32_t count, struct fg_power contracted, struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_account(book, portfolio, product, regulation, first, count, err);
    if (refusal == FG_REFUSAL_NONE && !is_capability(contracted.w))
        refusal = book_refuse(err, FG_REFUSAL_QUANTITY_RANGE, "0 to %lld W can be held for contracts",
                              (long long)CAPABILITY_MAX_W);
    for (int32_t i = 0; i < count && refusal == FG_REFUSAL_NONE && !book->failed; i++)
        refusal = set_contracted(book, portfolio, product, regulation, first + i, contracted.w, err);
    return book_end(book, refusal, 0, err);
}

/* ---- Trades ---- */

static struct fg_book_trade *find_trade(const struct fg_book *book, uint64_t id)
{
    if (id < book->trade_base + book->trade_first || id >= book->trade_base + book->trade_count)
        return NULL;
    return book_trade_at(book, (size_t)(id - book->trade_base));
}

const struct fg_book_trade *fg_book_find_trade(const struct fg_book *book, uint64_t id)
{
    return find_trade(book, id);
}

enum fg_refusal fg_book_reduce_trade(struct fg_book *book, int64_t time_us, uint64_t id, struct fg_power keep,
                                     struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    struct fg_book_trade *trade = find_trade(book, id);
    if (refusal == FG_REFUSAL_NONE && trade == NULL)
        refusal = book_refuse(err, FG_REFUSAL_TRADE_UNKNOWN, "there is no trade %llu", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE &&
        (keep.w < 0 || keep.w >= trade->quantity.w || keep.w % book->settings.tick.w != 0))
        refusal =
            book_refuse(err, FG_REFUSAL_TRADE_QUANTITY, "trade %llu has %lld W; keep whole ticks and less than that",
                        NUMBER(id), (long long)trade->quantity.w);
    if (refusal == FG_REFUSAL_NONE) {
        int64_t back = trade->quantity.w - keep.w;
        const struct fg_book_flow *flow = &trade->flow;
        struct book_position *p =
            book_position_find(book, trade->portfolio, flow->product, flow->regulation, flow->period);
        if (p != NULL)
            book_set(book, &p->traded, p->traded - back);
        book_account_trade(book, trade, -1);
        book_set(book, &trade->quantity.w, keep.w);
        book_account_trade(book, trade, 1);
        struct fg_book_event *event = range_event(book, FG_BOOK_TRADE_REDUCED, flow->product, flow->period, 1);
        event->regulation = flow->regulation;
        event->trade = trade;
        event->quantity.w = back;
        if (!book->failed)
            book_network_commit(book, flow, -back);
        book_retry_run(book);
    }
    return book_end(book, refusal, 0, err);
}

/* A forwarded order keeps the positions of its periods. */
static enum fg_refusal check_none_forwarded(struct fg_book *book, int32_t before_period, struct fg_error *err)
{
    struct book_list list = {0};
    enum fg_refusal refusal = book_sorted(book, &list) ? FG_REFUSAL_NONE : FG_REFUSAL_OUT_OF_MEMORY;
    for (size_t i = 0; i < list.count && refusal == FG_REFUSAL_NONE; i++)
        if (list.items[i]->forwarded && !list.items[i]->gone && list.items[i]->first < before_period)
            refusal = book_refuse(err, FG_REFUSAL_STATE, "order %llu is still forwarded; end it first",
                                  NUMBER(list.items[i]->id));
    fg_free(list.items);
    return refusal;
}

enum fg_refusal fg_book_forget(struct fg_book *book, int64_t time_us, int32_t before_period, struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    for (int32_t i = 0; i < book->period_count && refusal == FG_REFUSAL_NONE; i++)
        if (book->period_base + i < before_period && !is_empty(&book->periods[i]))
            refusal = book_refuse(err, FG_REFUSAL_STATE, "period %d is still open; close it first",
                                  (int)(book->period_base + i));
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_none_forwarded(book, before_period, err);
    refusal = book_end(book, refusal, 0, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    book->forgotten_before = before_period > book->forgotten_before ? before_period : book->forgotten_before;
    book_settle(book, before_period);
    book_positions_forget(book, before_period);
    while (book->trade_first < book->trade_count && book_trade_at(book, book->trade_first)->flow.period < before_period)
        book->trade_first++;
    size_t whole = book->trade_first / BOOK_TRADES_PER_CHUNK;
    for (size_t i = 0; i < whole; i++)
        fg_free(book->trade_chunks[i]);
    if (whole > 0) {
        book->trade_chunk_count -= whole;
        memmove(book->trade_chunks, book->trade_chunks + whole,
                book->trade_chunk_count * sizeof(struct fg_book_trade *));
        book->trade_base += whole * BOOK_TRADES_PER_CHUNK;
        book->trade_first -= whole * BOOK_TRADES_PER_CHUNK;
        book->trade_count -= whole * BOOK_TRADES_PER_CHUNK;
    }
    return refusal;
}

/* ---- Forwarding ---- */

static void lock(struct fg_book *book, struct book_order *order, bool is_locked)
{
    for (int32_t i = 0; i < order->count; i++) {
        struct book_slice *slice = &order->slices[i];
        int64_t left = is_locked ? slice->quantity - slice->filled : slice->filled - slice->quantity;
        if (left == 0)
            continue;
        book_set(book, &slice->position->open, slice->position->open - left);
        book_set(book, &slice->position->forwarded, slice->position->forwarded + left);
    }
    book_set(book, &order->forwarded, is_locked);
    book_touch(book, order);
    book_event(book, is_locked ? FG_BOOK_FORWARDED : FG_BOOK_RETURNED, order);
}

enum fg_refusal fg_book_forward(struct fg_book *book, int64_t time_us, uint64_t id, struct fg_error *err)
{
    struct book_order *order = NULL;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = find_open(book, id, &order, err);
    if (refusal == FG_REFUSAL_NONE && order->forwarded)
        refusal = book_refuse(err, FG_REFUSAL_ORDER_LOCKED, "order %llu is forwarded already", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE &&
        (!order->forward_to_tso || order->group != NULL || order->parent != NULL || book_has_children(order)))
        refusal = book_refuse(err, FG_REFUSAL_FORWARD,
                              "order %llu is not marked forward_to_tso, or is linked or grouped", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE)
        lock(book, order, true);
    return book_end(book, refusal, id, err);
}

static enum fg_refusal check_called(struct fg_book *book, const struct book_order *order, const struct fg_power *called,
                                    struct fg_error *err)
{
    bool is_any = false;
    for (int32_t i = 0; called != NULL && i < order->count; i++) {
        const struct book_slice *slice = &order->slices[i];
        int64_t w = called[i].w;
        bool fits = w >= 0 && w <= slice->quantity - slice->filled && w % book->settings.tick.w == 0;
        if (fits && order->is_composite)
            fits = (book_wide)w * order->slices[0].quantity == (book_wide)called[0].w * slice->quantity;
        if (!fits)
            return book_refuse(
                err, FG_REFUSAL_FORWARD,
                "order %llu: %lld W in its period %d; call whole ticks of what is left, a block with one "
                "fraction",
                NUMBER(order->id), (long long)w, (int)i);
        is_any |= w > 0;
    }
    return is_any ? FG_REFUSAL_NONE
                  : book_refuse(err, FG_REFUSAL_FORWARD, "order %llu: an activation calls at least one tick",
                                NUMBER(order->id));
}

/* An activation injects like a sale to a request that names no bus. */
static struct fg_book_flow activation_flow(const struct book_order *order, int32_t index)
{
    return (struct fg_book_flow){.product = (enum fg_product)order->product,
                                 .regulation = (enum fg_regulation)order->regulation,
                                 .kind = FG_REQUEST_NEED,
                                 .period = order->first + index,
                                 .sell_bus = order->bus,
                                 .buy_bus = -1,
                                 .sell_location = order->location,
                                 .buy_location = order->location};
}

/* `stays`: what is not called remains locked. */
static enum fg_refusal activate(struct fg_book *book, struct book_order *order, const struct fg_power *called, bool stays,
                                struct fg_error *err)
{
    enum fg_refusal refusal = check_called(book, order, called, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    for (int32_t i = 0; i < order->count && !book->failed; i++) {
        struct book_slice *slice = &order->slices[i];
        int64_t w = called[i].w, taken;
        if (w == 0)
            continue;
        struct fg_book_flow flow = activation_flow(order, i);
        if (!book_network_take(book, &flow, w, &taken))
            return FG_REFUSAL_OUT_OF_MEMORY;
        if (taken < w)
            return book_refuse(err, FG_REFUSAL_NETWORK,
                               "order %llu: the network takes %lld W of the activation in period %d; call no more",
                               NUMBER(order->id), (long long)taken, (int)(order->first + i));
        book_network_commit(book, &flow, w);
        book_set(book, &slice->filled, slice->filled + w);
        if (slice->filled == slice->quantity)
            book_set(book, &order->open_slices, order->open_slices - 1);
        book_set(book, &slice->position->forwarded, slice->position->forwarded - w);
        book_set(book, &slice->position->traded, slice->position->traded + w);
        struct fg_book_event *event = book_event(book, FG_BOOK_ACTIVATED, order);
        event->period = order->first + i;
        event->period_count = 1;
        event->quantity.w = w;
    }
    bool is_whole = order->open_slices == 0;
    if (stays && !is_whole) {
        book_touch(book, order);
        return FG_REFUSAL_NONE;
    }
    book_leave(book, order, is_whole ? FG_BOOK_FILLED : FG_BOOK_CANCELLED,
               is_whole ? FG_BOOK_CAUSE_NONE : FG_BOOK_CAUSE_FORWARD);
    return FG_REFUSAL_NONE;
}

int64_t fg_book_forward_room(struct fg_book *book, uint64_t id, int32_t index, int64_t wanted_w)
{
    const struct book_order *order = book_ids_find(&book->orders, id);
    if (order == NULL || order->gone || !order->forwarded || index < 0 || index >= order->count || wanted_w <= 0)
        return 0;
    int64_t room = book_least(wanted_w, order->slices[index].quantity - order->slices[index].filled);
    room -= room % book->settings.tick.w;
    if (room > 0 && book->has_network) {
        struct fg_book_flow flow = activation_flow(order, index);
        int64_t taken = book->network.take(book->network.context, &flow, room);
        room = taken < 0 ? -1 : book_least(room, taken - taken % book->settings.tick.w);
    }
    return room;
}

/* Back into the market: what lies in periods whose gate has closed meanwhile is lost, a block that touches one wholly. */
static void return_order(struct fg_book *book, struct book_order *order)
{
    lock(book, order, false);
    for (int32_t i = 0; i < order->count && !order->gone && !book->failed; i++) {
        struct book_slice *slice = &order->slices[i];
        if (slice->quantity == slice->filled ||
            book_ladder(book, order->product, order->regulation, order->first + i) != NULL)
            continue;
        if (order->is_composite)
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_GATE);
        else
            book_reduce(book, order, i, slice->filled, FG_BOOK_CAUSE_GATE);
    }
    if (order->gone)
        return;
    if (order->expires_us != 0 && order->expires_us <= book->time_us) {
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_VALIDITY);
    } else {
        if (order->expires_us != 0)
            book_set(book, &book->next_expiry_us, book_least(book->next_expiry_us, order->expires_us));
        book_retry_add(book, order);
    }
}

enum fg_refusal fg_book_forward_end(struct fg_book *book, int64_t time_us, uint64_t id, enum fg_book_forward_end end,
                                    const struct fg_power *called, struct fg_error *err)
{
    struct book_order *order = NULL;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = find_open(book, id, &order, err);
    if (refusal == FG_REFUSAL_NONE && !order->forwarded)
        refusal = book_refuse(err, FG_REFUSAL_FORWARD, "order %llu is not forwarded", NUMBER(id));
    if (refusal == FG_REFUSAL_NONE) {
        if (end == FG_BOOK_FORWARD_ACTIVATED || end == FG_BOOK_FORWARD_CALLED)
            refusal = activate(book, order, called, end == FG_BOOK_FORWARD_CALLED, err);
        else if (end == FG_BOOK_FORWARD_EXPIRED)
            book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_FORWARD);
        else
            return_order(book, order);
        if (refusal == FG_REFUSAL_NONE)
            book_retry_run(book);
    }
    return book_end(book, refusal, id, err);
}
