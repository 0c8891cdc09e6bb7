/* Matching of one order against the plain orders that rest in one period, and what every trade does.
 *
 * The walk: the resting side keeps one queue per location; queues whose best entry crosses the aggressor's limit and
 * whose location meets it are merged by price, then priority. At each entry the quantity is the least of what is left
 * of both and of what the network takes; an entry whose minimum acceptance that does not reach is passed over. Where
 * the aggressor's own minimum is not reached in all, everything is taken back and each counterpart with a condition
 * of its own is tried alone: taking the better ones first may have used up what it needs. */
#include "market/book_internal.h"

int64_t book_key(const struct book_order *order, int64_t price)
{
    return order->side == FG_SIDE_SELL ? price : -price;
}

/* Does a counterpart's price satisfy the order's limit? */
bool book_crosses(const struct book_order *order, int64_t limit, int64_t price)
{
    return order->side == FG_SIDE_SELL ? price >= limit : price <= limit;
}

/* Price of the next watt. */
int64_t book_limit(const struct book_order *order, const struct book_slice *slice)
{
    int32_t k = 0;
    while (k + 1 < order->point_count && order->points[k].up_to.w <= slice->filled)
        k++;
    return order->points[k].price.uper_mwh;
}

/* What is left of the order at prices that `price` satisfies. */
static int64_t left_at(const struct book_order *order, const struct book_slice *slice, int64_t price)
{
    if (order->point_count == 1)
        return slice->quantity - slice->filled;
    int64_t end = slice->filled;
    for (int32_t k = 0; k < order->point_count; k++) {
        if (!book_crosses(order, order->points[k].price.uper_mwh, price))
            break;
        end = book_most(end, order->points[k].up_to.w);
    }
    return book_least(end, slice->quantity) - slice->filled;
}

/* What is left of one price point; 0 while earlier ones are not used up. */
static int64_t left_of_step(const struct book_order *order, const struct book_slice *slice, int32_t step)
{
    if (order->point_count == 1)
        return slice->quantity - slice->filled;
    int64_t start = step > 0 ? order->points[step - 1].up_to.w : 0;
    if (slice->filled < start)
        return 0;
    return book_least(order->points[step].up_to.w, slice->quantity) - slice->filled;
}

/* Everything but organisation, price and quantity. */
bool book_may_meet(const struct fg_book *book, const struct book_order *a, const struct book_order *b)
{
    const struct book_order *sell = a->side == FG_SIDE_SELL ? a : b, *buy = a->side == FG_SIDE_SELL ? b : a;
    if (b->gone || b->forwarded)
        return false;
    if (a->location != b->location &&
        !book_reaches(book, (enum fg_request_kind)buy->kind, buy->location, sell->location))
        return false;
    if (buy->has_attributes && !book_attributes_fit(sell, buy))
        return false;
    return book->halt_count == 0 ||
           !(book_is_halted(book, a->participant, a->location) || book_is_halted(book, b->participant, b->location));
}

struct fg_book_flow book_flow_of(const struct book_order *a, const struct book_order *b, int32_t period)
{
    const struct book_order *sell = a->side == FG_SIDE_SELL ? a : b, *buy = a->side == FG_SIDE_SELL ? b : a;
    return (struct fg_book_flow){.product = (enum fg_product)sell->product,
                                 .regulation = (enum fg_regulation)sell->regulation,
                                 .kind = (enum fg_request_kind)buy->kind,
                                 .conditional = buy->conditional,
                                 .period = period,
                                 .sell_bus = sell->bus,
                                 .buy_bus = buy->bus,
                                 .sell_location = sell->location,
                                 .buy_location = buy->location};
}

/* ---- The walk ---- */

struct walk {
    int32_t count, best; /* cursors; the one with the best entry */
};

static bool is_better(const struct book_entry *a, const struct book_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->priority != b->priority ? a->priority < b->priority : a->step < b->step;
}

/* The best entry; false: there is none. */
static bool walk_peek(const struct fg_book *book, struct walk *walk, struct book_entry *entry)
{
    for (int32_t i = 0; i < walk->count; i++) {
        const struct book_cursor *cursor = &book->cursors[i];
        struct book_entry at = book_queue_at(cursor->queue, cursor->leaf, cursor->place);
        if (i == 0 || is_better(&at, entry)) {
            *entry = at;
            walk->best = i;
        }
    }
    return walk->count > 0;
}

static void walk_advance(struct fg_book *book, struct walk *walk)
{
    struct book_cursor *cursor = &book->cursors[walk->best];
    if (++cursor->place < cursor->queue->leaves[cursor->leaf].count)
        return;
    cursor->place = 0;
    if (++cursor->leaf == cursor->queue->leaf_count)
        *cursor = book->cursors[--walk->count];
}

/* `worst` is the largest key that crosses. */
static bool walk_start(struct fg_book *book, const struct book_order *order, int32_t slice, int64_t worst,
                       struct walk *walk)
{
    *walk = (struct walk){0};
    const struct book_ladder *ladder = book_ladder(book, order->product, order->regulation, order->first + slice);
    if (ladder == NULL)
        return true;
    const struct book_side *side = &ladder->side[order->side == FG_SIDE_SELL ? FG_SIDE_BUY : FG_SIDE_SELL];
    for (int32_t i = 0; i < side->slot_count; i++) {
        const struct book_slot *slot = &side->slots[i];
        if (slot->best > worst ||
            (order->side == FG_SIDE_BUY && slot->location != order->location &&
             !book_reaches(book, (enum fg_request_kind)order->kind, order->location, slot->location)))
            continue;
        void *cursors = book->cursors;
        if (fg_grow(&cursors, (size_t)walk->count, &book->cursor_capacity, sizeof *book->cursors) != 0) {
            book->failed = true;
            return false;
        }
        book->cursors = cursors;
        book->cursors[walk->count++] = (struct book_cursor){.queue = &slot->queue};
    }
    return true;
}

static int64_t worst_key(const struct book_order *order, const struct book_slice *slice)
{
    int64_t limit = book_limit(order, slice);
    return order->side == FG_SIDE_BUY ? limit : -limit;
}

void book_fill_slice(struct fg_book *book, struct book_fill *fill)
{
    struct book_order *order = fill->order;
    struct book_slice *slice = &order->slices[fill->slice];
    struct walk walk;
    fill->filled = 0;
    fill->self_trade = false;
    int64_t worst = worst_key(order, slice);
    if (!walk_start(book, order, fill->slice, worst, &walk))
        return;
    struct book_entry entry;
    while (fill->filled < fill->wanted && !book->failed && walk_peek(book, &walk, &entry)) {
        if (order->point_count > 1)
            worst = worst_key(order, slice);
        if (entry.key > worst)
            break;
        struct book_order *other = entry.order;
        struct book_slice *other_slice = &other->slices[entry.slice];
        int64_t price = other->points[entry.step].price.uper_mwh;
        int64_t quantity = book_least(fill->wanted - fill->filled, left_at(order, slice, price));
        quantity = book_least(quantity, left_of_step(other, other_slice, entry.step));
        int64_t least = book_min_left(book, other, other_slice);
        if (quantity <= 0 || quantity < least || (fill->only != NULL && other != fill->only) ||
            !book_may_meet(book, order, other)) {
            walk_advance(book, &walk);
            continue;
        }
        if (other->organisation == order->organisation) {
            if (fill->is_incoming) {
                fill->self_trade = true;
                break;
            }
            walk_advance(book, &walk);
            continue;
        }
        struct fg_book_flow flow = book_flow_of(order, other, order->first + fill->slice);
        int64_t taken;
        if (!book_network_take(book, &flow, quantity, &taken))
            return;
        if (taken < quantity) {
            fill->held = true;
            if (!order->is_composite)
                book_set_held(book, order->side == FG_SIDE_SELL ? order : other, true);
        }
        bool enough = taken > 0 && taken >= least;
        if (enough) {
            book_trade(book, order, fill->slice, other, entry.slice, &flow, taken);
            fill->filled += taken;
        }
        if (!enough || taken < quantity || left_of_step(other, other_slice, entry.step) <= 0)
            walk_advance(book, &walk);
    }
}

/* Counterparts that have a condition of their own (or, with a network check, any). For an incoming order the list ends
 * at the first one of its own organisation that would suffice alone (listed, so that the attempt finds it), or, with
 * `stops_at_own`, before the first one of any kind. */
bool book_candidates(struct fg_book *book, const struct book_order *order, int32_t slice, bool is_incoming,
                     bool stops_at_own, struct book_list *list)
{
    const struct book_slice *own = &order->slices[slice];
    int64_t worst = worst_key(order, own);
    struct walk walk;
    list->count = 0;
    if (!walk_start(book, order, slice, worst, &walk))
        return false;
    for (struct book_entry entry; walk_peek(book, &walk, &entry); walk_advance(book, &walk)) {
        if (entry.key > worst)
            break;
        struct book_order *other = entry.order;
        const struct book_slice *other_slice = &other->slices[entry.slice];
        int64_t least = book_min_left(book, other, other_slice);
        int64_t quantity = book_least(own->quantity - own->filled, left_of_step(other, other_slice, entry.step));
        if (quantity <= 0 || quantity < least || !book_may_meet(book, order, other))
            continue;
        bool is_own = other->organisation == order->organisation;
        if (is_own && is_incoming && stops_at_own)
            break;
        if (is_own && (!is_incoming || quantity < book_min_left(book, order, own)))
            continue;
        bool has_condition = least > 0 || (order->is_composite && other->min_fraction_u > 0); /* maybe in another period */
        if ((is_own || has_condition || book->has_network) && (list->count == 0 || list->items[list->count - 1] != other) &&
            !book_list_add(list, other)) {
            book->failed = true;
            return false;
        }
        if (is_own)
            break;
    }
    return true;
}

/* ---- A trade ---- */

static void take_quantity(struct fg_book *book, struct book_order *order, struct book_slice *slice, int64_t quantity)
{
    bool met_minimum = slice->filled == 0 && order->min_fraction_u > 0;
    book_account_slice(book, order, slice, -1);
    book_set(book, &slice->filled, slice->filled + quantity);
    book_account_slice(book, order, slice, 1);
    if (slice->filled == slice->quantity)
        book_set(book, &order->open_slices, order->open_slices - 1);
    if (slice->position != NULL) {
        book_set(book, &slice->position->open, slice->position->open - quantity);
        book_set(book, &slice->position->traded, slice->position->traded + quantity);
    }
    book_touch(book, order);
    if (met_minimum) /* from now on it takes less */
        book_retry_add(book, order);
    for (struct book_order *child = order->first_child; child != NULL; child = child->next_sibling)
        book_retry_add(book, child);
}

/* Stage the trades: one per price of the initiator. */
static void stage(struct fg_book *book, const struct book_order *aggressor, const struct book_order *initiator,
                  const struct book_slice *priced, const struct fg_book_flow *flow, int64_t quantity)
{
    const struct book_order *sell = aggressor->side == FG_SIDE_SELL ? aggressor : initiator;
    const struct book_order *buy = aggressor->side == FG_SIDE_SELL ? initiator : aggressor;
    int64_t at = priced->filled, end = at + quantity;
    for (int32_t k = 0; at < end && !book->failed; k++) {
        bool is_last = k + 1 == initiator->point_count;
        int64_t up_to = is_last ? end : book_least(end, initiator->points[k].up_to.w);
        if (up_to <= at)
            continue;
        struct fg_book_trade *trade = book_stage_trade(book);
        if (trade == NULL)
            return;
        trade->sell = sell->id;
        trade->buy = buy->id;
        trade->initiator = (enum fg_side)initiator->side;
        trade->seller = sell->participant;
        trade->buyer = buy->participant;
        trade->portfolio = sell->portfolio;
        trade->buyer_portfolio = buy->portfolio;
        trade->sell_contract = sell->contract;
        trade->buy_contract = buy->contract;
        trade->flow = *flow;
        trade->quantity.w = trade->concluded.w = up_to - at;
        trade->price = initiator->points[k].price;
        book_account_trade(book, trade, 1);
        book_note_price(book, trade);
        struct fg_book_event *event = book_event(book, FG_BOOK_TRADED, initiator);
        event->trade = trade;
        event->period = flow->period;
        event->period_count = 1;
        event->quantity = trade->quantity;
        at = up_to;
    }
}

void book_trade(struct fg_book *book, struct book_order *aggressor, int32_t slice, struct book_order *resting,
                int32_t resting_slice, const struct fg_book_flow *flow, int64_t quantity)
{
    bool is_older = aggressor->priority < resting->priority;
    if (is_older)
        stage(book, resting, aggressor, &aggressor->slices[slice], flow, quantity);
    else
        stage(book, aggressor, resting, &resting->slices[resting_slice], flow, quantity);
    if (book->failed)
        return;
    book_network_commit(book, flow, quantity);
    take_quantity(book, aggressor, &aggressor->slices[slice], quantity);
    take_quantity(book, resting, &resting->slices[resting_slice], quantity);
    if (resting->open_slices == 0)
        book_leave(book, resting, FG_BOOK_FILLED, FG_BOOK_CAUSE_NONE);
    if (aggressor->open_slices == 0)
        book_leave(book, aggressor, FG_BOOK_FILLED, FG_BOOK_CAUSE_NONE);
}

/* ---- A plain order ---- */

static void match_slice(struct fg_book *book, struct book_order *order, int32_t index, bool is_incoming)
{
    struct book_slice *slice = &order->slices[index];
    int64_t least = book_min_left(book, order, slice);
    struct book_mark start = book_mark_here(book);
    struct book_fill fill = {
        .order = order, .slice = index, .wanted = slice->quantity - slice->filled, .is_incoming = is_incoming};
    book_fill_slice(book, &fill);
    if (fill.filled < least && !book->failed) {
        bool self_trade = fill.self_trade;
        book_rewind(book, start);
        struct book_list list = {0};
        book_candidates(book, order, index, is_incoming, self_trade, &list);
        for (size_t i = 0; i < list.count && slice->filled == 0 && !book->failed; i++) {
            fill.only = list.items[i];
            book_fill_slice(book, &fill);
            self_trade |= fill.self_trade;
            if (fill.filled < least)
                book_rewind(book, start);
        }
        fg_free(list.items);
        fill.only = NULL;
        fill.self_trade = self_trade;
        if (slice->filled > 0 && slice->filled < slice->quantity) {
            fill.wanted = slice->quantity - slice->filled;
            book_fill_slice(book, &fill);
        }
    }
    if (fill.self_trade && slice->filled < slice->quantity && !book->failed)
        book_reduce(book, order, index, slice->filled, FG_BOOK_CAUSE_SELF_TRADE);
}

void book_match_plain(struct fg_book *book, struct book_order *order, bool is_incoming)
{
    for (int32_t i = 0; i < order->count && !order->gone && !book->failed; i++)
        if (order->slices[i].filled < order->slices[i].quantity)
            match_slice(book, order, i, is_incoming);
}
