/* Entering and amending orders. */
#include "market/book_internal.h"

#include <string.h>

enum { DEPTH_MAX = 64 }; /* longest chain of linked orders */

#define ID(order) ((unsigned long long)(order)->id)

/* Open gates, and capability for what is left of every period of an offer; puts it into the accounts. */
static enum fg_refusal enter_accounts(struct fg_book *book, struct book_order *order, struct fg_error *err)
{
    for (int32_t i = 0; i < order->count; i++) {
        struct book_slice *slice = &order->slices[i];
        int64_t left = slice->quantity - slice->filled;
        if (left == 0)
            continue;
        int32_t period = order->first + i;
        if (book_ladder(book, order->product, order->regulation, period) == NULL)
            return book_refuse(err, FG_REFUSAL_PERIOD_CLOSED,
                               "order %llu: delivery period %d is not open for trading; leave it out", ID(order),
                               (int)period);
        if (order->side != FG_SIDE_SELL)
            continue;
        struct book_position *p = book_position_find(book, order->portfolio, order->product, order->regulation, period);
        int64_t free_w =
            p == NULL ? 0 : p->capability - p->reserved - p->contracted - p->open - p->traded - p->forwarded;
        int64_t own_w = p == NULL || order->contract == 0 || order->replaces ? 0 : book_least(left, p->contracted);
        if (left - own_w > free_w)
            return book_refuse(
                err, FG_REFUSAL_CAPABILITY,
                "order %llu: portfolio %d has %lld W of its approved capability left in period %d; offer "
                "no more",
                ID(order), (int)order->portfolio, (long long)free_w, (int)period);
        slice->position = p;
        if (own_w > 0)
            book_set(book, &p->contracted, p->contracted - own_w);
        book_set(book, &p->open, p->open + left);
    }
    return FG_REFUSAL_NONE;
}

static enum fg_refusal find_parent(struct fg_book *book, const struct fg_book_order *order, struct book_order **parent,
                                   struct fg_error *err)
{
    *parent = book_ids_find(&book->orders, order->parent);
    if (*parent == NULL || (*parent)->gone)
        return book_refuse(err, FG_REFUSAL_PARENT_UNKNOWN, "order %llu: no order %llu is open; link it to an open one",
                           ID(order), (unsigned long long)order->parent);
    if ((*parent)->forwarded)
        return book_refuse(err, FG_REFUSAL_ORDER_LOCKED, "order %llu: its parent is forwarded; wait for its return",
                           ID(order));
    if ((*parent)->participant != order->participant || (*parent)->organisation != order->organisation)
        return book_refuse(err, FG_REFUSAL_LINK_PARTICIPANT, "order %llu: its parent belongs to another participant",
                           ID(order));
    if ((*parent)->count > 1 && !(*parent)->block)
        return book_refuse(err, FG_REFUSAL_LINK_FRACTION,
                           "order %llu: its parent has several fractions; link it to a block or one-period order",
                           ID(order));
    if ((*parent)->depth + 1 > DEPTH_MAX)
        return book_refuse(err, FG_REFUSAL_LINK_CYCLE, "order %llu: chains of links have at most %d orders", ID(order),
                           DEPTH_MAX);
    return FG_REFUSAL_NONE;
}

/* Make the order and put it into the structures and accounts. */
static enum fg_refusal create(struct fg_book *book, const struct fg_book_order *from, struct book_group *group,
                              struct book_order *former, struct book_order **made, struct fg_error *err)
{
    struct book_order *parent = NULL;
    enum fg_refusal refusal = book->limit_count > 0 ? book_check_limits(book, from, former, err) : FG_REFUSAL_NONE;
    if (refusal == FG_REFUSAL_NONE && from->parent != 0)
        refusal = find_parent(book, from, &parent, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    struct book_order *order = book_order_make(book, from);
    if (order == NULL || !book_list_add(&book->created, order)) {
        if (order != NULL)
            book_order_free(book, order);
        return FG_REFUSAL_OUT_OF_MEMORY;
    }
    order->is_new = true;
    order->priority = book->next_priority;
    book_set(book, &book->next_priority, book->next_priority + 1);
    if (former != NULL) {
        order->replaces = true;
        order->open_slices = 0;
        for (int32_t i = 0; i < order->count; i++) {
            order->slices[i].filled = former->slices[i].filled;
            order->slices[i].position = former->slices[i].position;
            order->open_slices += order->slices[i].filled < order->slices[i].quantity;
        }
    }
    if (group != NULL || parent != NULL)
        order->is_composite = true;
    order->group = group;
    order->parent = parent;
    order->depth = parent != NULL ? parent->depth + 1 : 0;
    if (order->is_composite)
        order->parts = book_parts(book, order);
    refusal = enter_accounts(book, order, err);
    book_account_order(book, order, 1);
    if (refusal != FG_REFUSAL_NONE) {
        order->group = NULL; /* it has not joined them yet */
        order->parent = NULL;
        return refusal;
    }
    if (book->failed || !book_place(book, order))
        return FG_REFUSAL_OUT_OF_MEMORY;
    if (order->expires_us != 0)
        book_set(book, &book->next_expiry_us, book_least(book->next_expiry_us, order->expires_us));
    *made = order;
    return FG_REFUSAL_NONE;
}

static bool is_full(const struct book_order *order, const struct fg_power *quantity)
{
    for (int32_t i = 0; i < order->count; i++)
        if (order->slices[i].filled < quantity[i].w)
            return false;
    return true;
}

/* An incoming order trades, then what rests of it wakes the conditional ones of the other side. `quantity` as entered,
 * for fill-or-kill. */
static void bring_in(struct fg_book *book, struct book_order *order, const struct fg_power *quantity)
{
    struct book_mark start = book_mark_here(book);
    if (order->is_composite) {
        book_match_composite(book, order, true);
    } else {
        book_match_plain(book, order, true);
        if (order->validity == FG_VALIDITY_FOK && !book->failed && !is_full(order, quantity))
            book_rewind(book, start);
        else if (!order->gone && !book->failed)
            book_wake_composites(book, order);
    }
    if (order->validity >= FG_VALIDITY_IOC && !order->gone && !book->failed) {
        if (order->validity == FG_VALIDITY_IOC)
            book_retry_run(book); /* conditional orders take from it while it is there */
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_VALIDITY);
    }
}

static enum fg_refusal check_group(const struct fg_book *book, const struct fg_book_order *orders, size_t count,
                                   const struct fg_book_group *group, struct fg_error *err)
{
    if (group == NULL ? count != 1 : count < 2 || count > FG_BOOK_GROUP_MAX)
        return book_refuse(err, FG_REFUSAL_GROUP_SIZE, "submit one order, or a group of 2 to %d orders",
                           FG_BOOK_GROUP_MAX);
    if (group == NULL)
        return FG_REFUSAL_NONE;
    if (group->id == 0 || group->id > FG_BOOK_ID_MAX || book_ids_find(&book->groups, group->id) != NULL ||
        (unsigned)group->kind > FG_GROUP_MULTIPART)
        return book_refuse(err, FG_REFUSAL_ID_DUPLICATE, "group %llu exists or has no valid id; number it anew",
                           (unsigned long long)group->id);
    for (size_t i = 1; i < count; i++)
        if (orders[i].participant != orders[0].participant || orders[i].organisation != orders[0].organisation)
            return book_refuse(err, FG_REFUSAL_LINK_PARTICIPANT,
                               "order %llu: members of a group belong to one participant and organisation",
                               ID(&orders[i]));
    return FG_REFUSAL_NONE;
}

static struct book_group *make_group(struct fg_book *book, const struct fg_book_group *from)
{
    if (!book_ids_reserve(&book->groups, 1))
        return NULL;
    struct book_group *group = fg_alloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->id = from->id;
    group->kind = from->kind;
    book_ids_put(&book->groups, group->id, group);
    return group;
}

static void drop_empty_group(struct fg_book *book, struct book_group *group)
{
    if (group->member_count == 0) {
        book_ids_remove(&book->groups, group->id);
        fg_free(group);
    }
}

static enum fg_refusal create_all(struct fg_book *book, const struct fg_book_order *orders, size_t count,
                                  struct book_group *group, struct fg_error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum fg_refusal refusal = book_check(book, &orders[i], group != NULL, err);
        if (refusal != FG_REFUSAL_NONE)
            return refusal;
        if (book_ids_find(&book->orders, orders[i].id) != NULL)
            return book_refuse(err, FG_REFUSAL_ID_DUPLICATE, "order %llu exists; number the new one anew",
                               ID(&orders[i]));
        struct book_order *order;
        refusal = create(book, &orders[i], group, NULL, &order, err);
        if (refusal != FG_REFUSAL_NONE)
            return refusal;
        book_event(book, FG_BOOK_ACCEPTED, order);
    }
    if (group != NULL)
        book_join_parts(group);
    return FG_REFUSAL_NONE;
}

enum fg_refusal fg_book_submit(struct fg_book *book, int64_t time_us, const struct fg_book_order *orders, size_t count,
                               const struct fg_book_group *group, struct fg_error *err)
{
    struct book_group *made = NULL;
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_group(book, orders, count, group, err);
    if (refusal == FG_REFUSAL_NONE && group != NULL && (made = make_group(book, group)) == NULL)
        refusal = FG_REFUSAL_OUT_OF_MEMORY;
    if (refusal == FG_REFUSAL_NONE) {
        refusal = create_all(book, orders, count, made, err);
        if (made != NULL && refusal != FG_REFUSAL_NONE)
            drop_empty_group(book, made);
    }
    if (refusal == FG_REFUSAL_NONE) {
        for (size_t i = 0; i < count && !book->failed; i++) {
            struct book_order *order = book->created.items[i];
            bool is_represented = i > 0 && made != NULL && made->kind == FG_GROUP_MULTIPART;
            if (!order->gone && !is_represented)
                bring_in(book, order, orders[i].quantity);
        }
        book_retry_run(book);
    }
    return book_end(book, refusal, count > 0 ? orders[0].id : 0, err);
}

/* ---- Amending ---- */

/* Without quantities, parent and group. */
struct fg_book_order book_describe(const struct book_order *order)
{
    return (struct fg_book_order){.id = order->id,
                                  .session = order->session,
                                  .contract = order->contract,
                                  .participant = order->participant,
                                  .organisation = order->organisation,
                                  .portfolio = order->portfolio,
                                  .location = order->location,
                                  .bus = order->bus,
                                  .side = (enum fg_side)order->side,
                                  .product = (enum fg_product)order->product,
                                  .regulation = (enum fg_regulation)order->regulation,
                                  .kind = (enum fg_request_kind)order->kind,
                                  .conditional = order->conditional,
                                  .block = order->block,
                                  .forward_to_tso = order->forward_to_tso,
                                  .min_fraction_u = order->min_fraction_u,
                                  .validity = (enum fg_validity)order->validity,
                                  .expires_us = order->expires_us,
                                  .first_period = order->first,
                                  .period_count = order->count,
                                  .points = order->points,
                                  .point_count = order->point_count,
                                  .attributes = order->attributes};
}

/* The order as it would be entered now. */
static struct fg_book_order apply(const struct book_order *order, const struct fg_book_amendment *change,
                                  const struct fg_power *quantity)
{
    struct fg_book_order to = book_describe(order);
    to.quantity = quantity;
    if (change->points != NULL) {
        to.points = change->points;
        to.point_count = change->point_count;
    }
    if (change->min_fraction_u >= 0)
        to.min_fraction_u = change->min_fraction_u;
    if (change->expires_us >= 0) {
        to.expires_us = change->expires_us;
        to.validity = change->expires_us > 0 ? FG_VALIDITY_GTT : FG_VALIDITY_GTC;
    }
    return to;
}

static enum fg_refusal check_amendable(const struct book_order *order, const struct fg_book_amendment *change,
                                       struct fg_error *err)
{
    if (order == NULL || order->gone)
        return book_refuse(err, FG_REFUSAL_ORDER_UNKNOWN, "no order %llu is open", (unsigned long long)change->order);
    if (order->forwarded)
        return book_refuse(err, FG_REFUSAL_ORDER_LOCKED, "order %llu is forwarded; wait for its return", ID(order));
    if (order->group != NULL || order->parent != NULL || book_has_children(order) ||
        (order->is_composite && order->slices[0].filled > 0))
        return book_refuse(err, FG_REFUSAL_AMEND,
                           "order %llu is linked, grouped or a block that has traded; cancel it and enter it anew",
                           ID(order));
    if (change->quantity != NULL)
        for (int32_t i = 0; i < order->count; i++)
            if (change->quantity[i].w < order->slices[i].filled)
                return book_refuse(err, FG_REFUSAL_QUANTITY_RANGE,
                                   "order %llu has traded %lld W in its period %d; the new total cannot be less",
                                   ID(order), (long long)order->slices[i].filled, (int)i);
    return FG_REFUSAL_NONE;
}

static bool is_lowering(const struct book_order *order, const struct fg_book_amendment *change)
{
    if (change->quantity == NULL || change->points != NULL || change->min_fraction_u >= 0 || change->expires_us >= 0)
        return false;
    for (int32_t i = 0; i < order->count; i++)
        if (change->quantity[i].w > order->slices[i].quantity)
            return false;
    return true;
}

/* In place, priority kept. A minimum acceptance falls with the quantity, so the order may now trade. */
static void lower(struct fg_book *book, struct book_order *order, const struct fg_power *quantity)
{
    for (int32_t i = 0; i < order->count; i++) {
        struct book_slice *slice = &order->slices[i];
        int64_t less = slice->quantity - quantity[i].w;
        if (less == 0)
            continue;
        if (slice->position != NULL)
            book_set(book, &slice->position->open, slice->position->open - less);
        book_account_slice(book, order, slice, -1);
        book_set(book, &slice->quantity, quantity[i].w);
        book_account_slice(book, order, slice, 1);
        if (slice->quantity == slice->filled)
            book_set(book, &order->open_slices, order->open_slices - 1);
    }
    if (order->is_composite)
        book_set(book, &order->parts, book_parts(book, order));
    book_touch(book, order);
    book_event(book, FG_BOOK_AMENDED, order);
    if (order->open_slices == 0)
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_OWNER);
    else if (order->min_fraction_u > 0 || order->is_composite)
        book_retry_add(book, order);
}

/* A new order in the place of the old one, behind all others. */
static enum fg_refusal replace(struct fg_book *book, struct book_order *former, const struct fg_book_order *to,
                               struct fg_error *err)
{
    book_account_order(book, former, -1);
    book_set(book, &former->gone, 1);
    book_touch(book, former);
    for (int32_t i = 0; i < former->count; i++) {
        struct book_slice *slice = &former->slices[i];
        int64_t left = slice->quantity - slice->filled;
        if (slice->position != NULL && left > 0)
            book_set(book, &slice->position->open, slice->position->open - left);
    }
    struct book_order *order;
    enum fg_refusal refusal = create(book, to, NULL, former, &order, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    book_event(book, FG_BOOK_AMENDED, order);
    if (order->open_slices == 0)
        book_leave(book, order, FG_BOOK_CANCELLED, FG_BOOK_CAUSE_OWNER);
    else
        bring_in(book, order, to->quantity);
    return FG_REFUSAL_NONE;
}

static enum fg_refusal amend(struct fg_book *book, const struct fg_book_amendment *change, struct fg_error *err)
{
    struct book_order *order = book_ids_find(&book->orders, change->order);
    enum fg_refusal refusal = check_amendable(order, change, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    struct fg_power one, *kept = &one;
    const struct fg_power *quantity = change->quantity;
    if (quantity == NULL) {
        if (order->count > 1 && (kept = fg_alloc((size_t)order->count, sizeof *kept)) == NULL)
            return FG_REFUSAL_OUT_OF_MEMORY;
        for (int32_t i = 0; i < order->count; i++)
            kept[i].w = order->slices[i].quantity;
        quantity = kept;
    }
    struct fg_book_order to = apply(order, change, quantity);
    refusal = book_check(book, &to, false, err);
    if (refusal == FG_REFUSAL_NONE) {
        if (is_lowering(order, change))
            lower(book, order, quantity);
        else
            refusal = replace(book, order, &to, err);
    }
    if (kept != &one)
        fg_free(kept);
    return refusal;
}

enum fg_refusal fg_book_amend(struct fg_book *book, int64_t time_us, const struct fg_book_amendment *amendment,
                              struct fg_error *err)
{
    enum fg_refusal refusal = book_begin(book, time_us, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = amend(book, amendment, err);
    if (refusal == FG_REFUSAL_NONE)
        book_retry_run(book);
    return book_end(book, refusal, amendment->order, err);
}
