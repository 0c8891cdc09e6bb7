/* Is an order well formed, and may it be entered now? Every refusal says what to change. */
#include "market/book_internal.h"

const char *const fg_validity_words[] = {"gtc", "gtt", "ioc", "fok", NULL};

#define ID(order) ((unsigned long long)(order)->id)

static enum fg_refusal check_owner(const struct fg_book *book, const struct fg_book_order *order, struct fg_error *err)
{
    if (order->id == 0 || order->id > FG_BOOK_ID_MAX)
        return book_refuse(err, FG_REFUSAL_ID_DUPLICATE, "order ids are 1 to 2^63 - 1; number the order anew");
    if (order->participant < 0 || order->participant > FG_BOOK_INDEX_MAX || order->organisation < 0 ||
        order->organisation > FG_BOOK_INDEX_MAX || order->portfolio > FG_BOOK_INDEX_MAX ||
        order->portfolio < (order->side == FG_SIDE_SELL ? 0 : -1))
        return book_refuse(err, FG_REFUSAL_PARTICIPANT,
                           "order %llu: name the participant and its organisation, and for an offer the portfolio",
                           ID(order));
    if (order->location < 0 || order->location >= book->tree.count || order->bus < -1)
        return book_refuse(err, FG_REFUSAL_LOCATION, "order %llu: its location does not exist; name a published one",
                           ID(order));
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_kind(const struct fg_book_order *order, struct fg_error *err)
{
    bool is_sell = order->side == FG_SIDE_SELL;
    if ((!is_sell && order->side != FG_SIDE_BUY) || is_sell != (order->kind == FG_REQUEST_NONE) ||
        (unsigned)order->kind > FG_REQUEST_EXCHANGE)
        return book_refuse(
            err, FG_REFUSAL_KIND_SIDE,
            "order %llu: offers have no kind, requests are of kind need or exchange; change side or kind", ID(order));
    if ((is_sell && order->conditional) || (!is_sell && order->forward_to_tso))
        return book_refuse(err, FG_REFUSAL_KIND_SIDE,
                           "order %llu: only requests are conditional, only offers are forwarded; drop the mark",
                           ID(order));
    if ((unsigned)order->product >= FG_BOOK_PRODUCTS)
        return book_refuse(err, FG_REFUSAL_PRODUCT, "order %llu: unknown product", ID(order));
    if (order->regulation != FG_REGULATION_UP && order->regulation != FG_REGULATION_DOWN)
        return book_refuse(err, FG_REFUSAL_REGULATION,
                           "order %llu: regulation is up or down; enter two orders for both", ID(order));
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_quantity(const struct fg_book *book, const struct fg_book_order *order, int64_t *largest,
                                      struct fg_error *err)
{
    if (order->period_count < 1 || order->period_count > FG_BOOK_PERIODS_MAX || order->first_period < 0 ||
        order->first_period > INT32_MAX - order->period_count)
        return book_refuse(err, FG_REFUSAL_PERIOD_RANGE, "order %llu: give 1 to %d delivery periods", ID(order),
                           FG_BOOK_PERIODS_MAX);
    *largest = 0;
    for (int32_t i = 0; i < order->period_count; i++) {
        int64_t w = order->quantity[i].w;
        if (w < 0 || w > book->settings.size_max.w || (order->block && w == 0))
            return book_refuse(err, FG_REFUSAL_QUANTITY_RANGE,
                               "order %llu: quantity %lld W in its period %d; give %d to %lld W", ID(order),
                               (long long)w, (int)i, order->block ? 1 : 0, (long long)book->settings.size_max.w);
        if (w % book->settings.tick.w != 0)
            return book_refuse(err, FG_REFUSAL_QUANTITY_TICK, "order %llu: %lld W is no multiple of the tick of %lld W",
                               ID(order), (long long)w, (long long)book->settings.tick.w);
        *largest = book_most(*largest, w);
    }
    if (*largest == 0)
        return book_refuse(err, FG_REFUSAL_QUANTITY_RANGE,
                           "order %llu: all its quantities are zero; give one that is more", ID(order));
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_price(const struct fg_book *book, const struct fg_book_order *order, int64_t largest,
                                   struct fg_error *err)
{
    const struct fg_book_settings *rules = &book->settings;
    if (order->point_count < 1 || order->point_count > FG_BOOK_POINTS_MAX)
        return book_refuse(err, FG_REFUSAL_PRICE_RANGE, "order %llu: give 1 to %d price points", ID(order),
                           FG_BOOK_POINTS_MAX);
    for (int32_t k = 0; k < order->point_count; k++) {
        int64_t price = order->points[k].price.uper_mwh, up_to = order->points[k].up_to.w;
        if (price < rules->price_min.uper_mwh || price > rules->price_max.uper_mwh)
            return book_refuse(err, FG_REFUSAL_PRICE_RANGE,
                               "order %llu: price %lld is outside the market's %lld to %lld (millionths)", ID(order),
                               (long long)price, (long long)rules->price_min.uper_mwh,
                               (long long)rules->price_max.uper_mwh);
        if (price % rules->price_step.uper_mwh != 0)
            return book_refuse(err, FG_REFUSAL_PRICE_STEP,
                               "order %llu: price %lld is no multiple of the price step %lld (millionths)", ID(order),
                               (long long)price, (long long)rules->price_step.uper_mwh);
        if (k + 1 < order->point_count && up_to % rules->tick.w != 0)
            return book_refuse(err, FG_REFUSAL_QUANTITY_TICK,
                               "order %llu: price point %d ends at %lld W, no multiple of the tick", ID(order), (int)k,
                               (long long)up_to);
        if (k == 0 ? up_to <= 0 : up_to <= order->points[k - 1].up_to.w)
            return book_refuse(err, FG_REFUSAL_PRICE_ORDER, "order %llu: up_to of price point %d does not increase",
                               ID(order), (int)k);
        if (k > 0 && (order->side == FG_SIDE_SELL ? price < order->points[k - 1].price.uper_mwh
                                                  : price > order->points[k - 1].price.uper_mwh))
            return book_refuse(err, FG_REFUSAL_PRICE_ORDER,
                               "order %llu: prices of an offer never fall, of a request never rise; sort the points",
                               ID(order));
    }
    if (order->points[order->point_count - 1].up_to.w < largest)
        return book_refuse(err, FG_REFUSAL_PRICE_SHORT,
                           "order %llu: its price points end before its quantity of %lld W; lengthen the last one",
                           ID(order), (long long)largest);
    return FG_REFUSAL_NONE;
}

static enum fg_refusal check_conditions(const struct fg_book *book, const struct fg_book_order *order, bool is_grouped,
                                        struct fg_error *err)
{
    bool is_tied = is_grouped || order->parent != 0;
    if (order->min_fraction_u < 0 || order->min_fraction_u > FG_FRACTION_ONE)
        return book_refuse(err, FG_REFUSAL_FRACTION_RANGE, "order %llu: the minimum fraction is 0 to 1", ID(order));
    if ((is_tied || order->block) && order->point_count != 1)
        return book_refuse(err, FG_REFUSAL_PRICE_BLOCK, "order %llu: blocks, linked and grouped orders have one price",
                           ID(order));
    if (is_tied && !order->block && order->period_count != 1)
        return book_refuse(err, is_grouped ? FG_REFUSAL_GROUP_FRACTION : FG_REFUSAL_LINK_FRACTION,
                           "order %llu: linked and grouped orders are blocks or have one period; make it a block",
                           ID(order));
    if (is_grouped && order->parent != 0)
        return book_refuse(err, FG_REFUSAL_ACCEPTANCE, "order %llu: a member of a group cannot be linked; drop one",
                           ID(order));
    if (order->point_count > 1 && order->min_fraction_u > 0)
        return book_refuse(err, FG_REFUSAL_ACCEPTANCE,
                           "order %llu: a price curve has no minimum acceptance; drop it or give one price", ID(order));
    if ((unsigned)order->validity > FG_VALIDITY_FOK ||
        (order->validity == FG_VALIDITY_GTT) != (order->expires_us != 0) ||
        (order->expires_us != 0 && order->expires_us <= book->time_us))
        return book_refuse(err, FG_REFUSAL_VALIDITY,
                           "order %llu: good-till-time orders, and only they, expire, at a time to come", ID(order));
    if (is_tied && order->validity >= FG_VALIDITY_IOC)
        return book_refuse(err, FG_REFUSAL_VALIDITY,
                           "order %llu: linked and grouped orders rest; make it good till cancelled or till a time",
                           ID(order));
    const struct fg_book_attributes *a = &order->attributes;
    if (a->activation_s < 0 || a->duration_min_s < 0 || a->duration_max_s < 0 || a->ramp_w_per_min < 0 ||
        (order->side == FG_SIDE_BUY ? a->duration_max_s != 0
                                    : a->duration_max_s != 0 && a->duration_max_s < a->duration_min_s))
        return book_refuse(err, FG_REFUSAL_FILTER,
                           "order %llu: attributes are >= 0, the longest duration not below the shortest; a request "
                           "gives one duration",
                           ID(order));
    return FG_REFUSAL_NONE;
}

enum fg_refusal book_check(const struct fg_book *book, const struct fg_book_order *order, bool is_grouped,
                           struct fg_error *err)
{
    int64_t largest = 0;
    enum fg_refusal refusal = check_kind(order, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_owner(book, order, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_quantity(book, order, &largest, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_price(book, order, largest, err);
    if (refusal == FG_REFUSAL_NONE)
        refusal = check_conditions(book, order, is_grouped, err);
    if (refusal != FG_REFUSAL_NONE)
        return refusal;
    if (book->halt_count > 0 && book_is_halted(book, order->participant, order->location))
        return book_refuse(err, FG_REFUSAL_HALTED, "order %llu: trading is halted there; wait until it is resumed",
                           ID(order));
    return FG_REFUSAL_NONE;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Fractions at which every period has whole ticks are the multiples of 1 / parts. */
int64_t book_parts(const struct fg_book *book, const struct book_order *order)
{
    int64_t parts = 0;
    for (int32_t i = 0; i < order->count; i++)
        parts = greatest_common_divisor(order->slices[i].quantity / book->settings.tick.w, parts);
    return parts;
}

/* Members of a multipart group are cut into equally many parts. */
void book_join_parts(struct book_group *group)
{
    int64_t parts = 0;
    if (group->kind != FG_GROUP_MULTIPART)
        return;
    for (struct book_order *m = group->members; m != NULL; m = m->next_member)
        parts = greatest_common_divisor(m->parts, parts);
    for (struct book_order *m = group->members; m != NULL; m = m->next_member)
        m->parts = parts;
}
