#include "gateway/balancing.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const fg_balancing_state_words[] = {"accepted", "refused", "called", "returned", "expired", NULL};
const char *const fg_balancing_result_words[] = {"accepted", "refused", "called", "returned", "expired", NULL};

struct fg_balancing {
    struct fg_balancing_options options;
    pthread_mutex_t mutex; /* of all below; numbers are places + 1 */
    struct fg_balancing_bid *bids;
    struct fg_balancing_call *calls;
    struct fg_balancing_result *results;
    char (*withdrawn)[FG_BALANCING_TEXT]; /* references that were withdrawn before they came */
    size_t bid_count, bid_capacity, call_count, call_capacity, result_count, result_capacity, withdrawn_count, withdrawn_capacity;
};

static int64_t system_clock_us(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum fg_code fg_balancing_create(const struct fg_balancing_options *options, struct fg_balancing **out, struct fg_error *err)
{
    struct fg_balancing *market = *out = fg_alloc(1, sizeof *market);
    if (market == NULL)
        return fg_fail_memory(err);
    market->options = *options;
    if (options->clock_us == NULL)
        market->options.clock_us = system_clock_us;
    pthread_mutex_init(&market->mutex, NULL);
    return FG_OK;
}

void fg_balancing_destroy(struct fg_balancing *market)
{
    if (market == NULL)
        return;
    fg_free(market->bids);
    fg_free(market->calls);
    fg_free(market->results);
    fg_free(market->withdrawn);
    pthread_mutex_destroy(&market->mutex);
    fg_free(market);
}

static int64_t now_us(const struct fg_balancing *market)
{
    return market->options.clock_us(market->options.clock_context);
}

static enum fg_code make_result(struct fg_balancing *market, enum fg_balancing_result_kind kind,
                                const struct fg_balancing_bid *bid, int64_t call, int64_t quantity_w, const char *reason,
                                struct fg_error *err)
{
    if (fg_grow((void **)&market->results, market->result_count, &market->result_capacity, sizeof *market->results) != 0)
        return fg_fail_memory(err);
    struct fg_balancing_result *result = &market->results[market->result_count++];
    *result = (struct fg_balancing_result){.sequence = (int64_t)market->result_count, .kind = kind, .bid = bid->id, .call = call,
                                           .quantity_w = quantity_w, .time_us = now_us(market), .reason = reason};
    memcpy(result->reference, bid->reference, sizeof result->reference);
    return FG_OK;
}

static int64_t deadline_us(const struct fg_balancing *market, const struct fg_balancing_bid *bid)
{
    return (bid->start_s - market->options.lead_s) * 1000000;
}

/* Bids that nobody has called in time. */
static enum fg_code expire(struct fg_balancing *market, struct fg_error *err)
{
    int64_t now = now_us(market);
    for (size_t i = 0; i < market->bid_count; i++) {
        struct fg_balancing_bid *bid = &market->bids[i];
        if (bid->state != FG_BALANCING_ACCEPTED || deadline_us(market, bid) >= now)
            continue;
        enum fg_code code = make_result(market, FG_BALANCING_RESULT_EXPIRED, bid, 0, bid->quantity_w - bid->called_w,
                                        "its time is over", err);
        if (code != FG_OK)
            return code;
        bid->state = FG_BALANCING_EXPIRED;
    }
    return FG_OK;
}

static struct fg_balancing_bid *find_reference(struct fg_balancing *market, const char *reference)
{
    for (size_t i = 0; i < market->bid_count; i++)
        if (strcmp(market->bids[i].reference, reference) == 0)
            return &market->bids[i];
    return NULL;
}

static bool is_withdrawn(const struct fg_balancing *market, const char *reference)
{
    for (size_t i = 0; i < market->withdrawn_count; i++)
        if (strcmp(market->withdrawn[i], reference) == 0)
            return true;
    return false;
}

static bool is_same(const struct fg_balancing_bid *a, const struct fg_balancing_bid *b)
{
    return strcmp(a->control_area, b->control_area) == 0 && strcmp(a->zone, b->zone) == 0 && strcmp(a->brp, b->brp) == 0 &&
           a->regulation == b->regulation && a->start_s == b->start_s && a->duration_s == b->duration_s &&
           a->quantity_w == b->quantity_w && a->least_w == b->least_w && a->price_u == b->price_u;
}

static enum fg_code take_bid(struct fg_balancing *market, struct fg_balancing_bid *bid, struct fg_error *err)
{
    struct fg_balancing_bid *known = find_reference(market, bid->reference);
    if (known != NULL) {
        if (!is_same(known, bid))
            return fg_fail(err, FG_ERR_CONFLICT, NULL, "reference %s stands for another bid", bid->reference);
        *bid = *known;
        return FG_OK;
    }
    const char *reason = is_withdrawn(market, bid->reference)            ? "withdrawn before it came"
                         : bid->quantity_w < market->options.bid_min_w    ? "below the minimum of a bid"
                         : deadline_us(market, bid) < now_us(market)      ? "too late"
                                                                          : NULL;
    if (fg_grow((void **)&market->bids, market->bid_count, &market->bid_capacity, sizeof *market->bids) != 0)
        return fg_fail_memory(err);
    bid->id = (int64_t)market->bid_count + 1;
    bid->called_w = bid->closed_w = 0;
    bid->received_us = now_us(market);
    bid->state = reason == NULL ? FG_BALANCING_ACCEPTED : FG_BALANCING_REFUSED;
    enum fg_code code = make_result(market, reason == NULL ? FG_BALANCING_RESULT_ACCEPTED : FG_BALANCING_RESULT_REFUSED, bid, 0,
                                    bid->quantity_w, reason, err);
    if (code == FG_OK)
        market->bids[market->bid_count++] = *bid;
    return code;
}

enum fg_code fg_balancing_bid(struct fg_balancing *market, struct fg_balancing_bid *bid, struct fg_error *err)
{
    pthread_mutex_lock(&market->mutex);
    enum fg_code code = take_bid(market, bid, err);
    pthread_mutex_unlock(&market->mutex);
    return code;
}

static enum fg_code withdraw(struct fg_balancing *market, const char *reference, struct fg_error *err)
{
    struct fg_balancing_bid *bid = find_reference(market, reference);
    if (bid == NULL) {
        if (is_withdrawn(market, reference))
            return FG_OK;
        if (fg_grow((void **)&market->withdrawn, market->withdrawn_count, &market->withdrawn_capacity, sizeof *market->withdrawn) != 0)
            return fg_fail_memory(err);
        snprintf(market->withdrawn[market->withdrawn_count++], FG_BALANCING_TEXT, "%s", reference);
        return FG_OK;
    }
    if (bid->state == FG_BALANCING_CALLED)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "all of bid %s has been called", reference);
    if (bid->state != FG_BALANCING_ACCEPTED)
        return FG_OK;
    enum fg_code code = make_result(market, FG_BALANCING_RESULT_RETURNED, bid, 0, bid->quantity_w - bid->called_w, "withdrawn", err);
    if (code == FG_OK)
        bid->state = FG_BALANCING_RETURNED;
    return code;
}

enum fg_code fg_balancing_withdraw(struct fg_balancing *market, const char *reference, bool *is_known, struct fg_error *err)
{
    pthread_mutex_lock(&market->mutex);
    *is_known = find_reference(market, reference) != NULL;
    enum fg_code code = expire(market, err);
    if (code == FG_OK)
        code = withdraw(market, reference, err);
    pthread_mutex_unlock(&market->mutex);
    return code;
}

static int64_t left_of(const struct fg_balancing_bid *bid)
{
    return bid->state == FG_BALANCING_ACCEPTED ? bid->quantity_w - bid->called_w - bid->closed_w : 0;
}

static enum fg_code call_bid(struct fg_balancing *market, struct fg_balancing_bid *bid, int64_t quantity_w,
                             struct fg_balancing_call *out, struct fg_error *err)
{
    if (quantity_w <= 0 || quantity_w > left_of(bid) || (quantity_w < bid->least_w && quantity_w < left_of(bid)))
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "bid %lld has %lld W left, and %lld W must be called at least", (long long)bid->id,
                       (long long)left_of(bid), (long long)bid->least_w);
    if (fg_grow((void **)&market->calls, market->call_count, &market->call_capacity, sizeof *market->calls) != 0)
        return fg_fail_memory(err);
    int64_t id = (int64_t)market->call_count + 1;
    enum fg_code code = make_result(market, FG_BALANCING_RESULT_CALLED, bid, id, quantity_w, NULL, err);
    if (code != FG_OK)
        return code;
    *out = market->calls[market->call_count++] = (struct fg_balancing_call){
        .id = id, .bid = bid->id, .wanted_w = quantity_w, .confirmed_w = -1, .time_us = now_us(market)};
    bid->called_w += quantity_w;
    if (bid->called_w == bid->quantity_w)
        bid->state = FG_BALANCING_CALLED;
    return FG_OK;
}

static struct fg_balancing_bid *find_bid(struct fg_balancing *market, int64_t id, struct fg_error *err)
{
    if (id >= 1 && (size_t)id <= market->bid_count)
        return &market->bids[id - 1];
    fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no such bid");
    return NULL;
}

enum fg_code fg_balancing_activate(struct fg_balancing *market, int64_t id, int64_t quantity_w, struct fg_balancing_call *call,
                                   struct fg_error *err)
{
    pthread_mutex_lock(&market->mutex);
    enum fg_code code = expire(market, err);
    struct fg_balancing_bid *bid = find_bid(market, id, err);
    if (code == FG_OK)
        code = bid == NULL ? FG_ERR_NOT_FOUND : call_bid(market, bid, quantity_w, call, err);
    pthread_mutex_unlock(&market->mutex);
    return code;
}

enum fg_code fg_balancing_end(struct fg_balancing *market, int64_t id, enum fg_balancing_state state, struct fg_error *err)
{
    pthread_mutex_lock(&market->mutex);
    struct fg_balancing_bid *bid = find_bid(market, id, err);
    enum fg_code code = bid == NULL ? FG_ERR_NOT_FOUND : FG_OK;
    if (code == FG_OK && bid->state != FG_BALANCING_ACCEPTED)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the bid is %s", fg_balancing_state_words[bid->state]);
    if (code == FG_OK)
        code = make_result(market, state == FG_BALANCING_REFUSED ? FG_BALANCING_RESULT_REFUSED : FG_BALANCING_RESULT_RETURNED, bid, 0,
                           bid->quantity_w - bid->called_w, "by the market", err);
    if (code == FG_OK)
        bid->state = state;
    pthread_mutex_unlock(&market->mutex);
    return code;
}

enum fg_code fg_balancing_confirm(struct fg_balancing *market, int64_t id, int64_t confirmed_w, const char *reason,
                                  struct fg_error *err)
{
    pthread_mutex_lock(&market->mutex);
    struct fg_balancing_call *call = id >= 1 && (size_t)id <= market->call_count ? &market->calls[id - 1] : NULL;
    enum fg_code code = FG_OK;
    if (call == NULL)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no such activation");
    else if (call->confirmed_w >= 0 && call->confirmed_w != confirmed_w)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the activation has been answered otherwise");
    else if (confirmed_w < 0 || confirmed_w > call->wanted_w)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "confirm at most what was called");
    if (code == FG_OK && call->confirmed_w < 0) {
        struct fg_balancing_bid *bid = &market->bids[call->bid - 1];
        call->confirmed_w = confirmed_w;
        snprintf(call->reason, sizeof call->reason, "%s", reason != NULL ? reason : "");
        bid->called_w -= call->wanted_w - confirmed_w;
        bid->closed_w += call->wanted_w - confirmed_w;
    }
    pthread_mutex_unlock(&market->mutex);
    return code;
}

static int compare_merit(const void *x, const void *y)
{
    const struct fg_balancing_bid *a = x, *b = y;
    if (a->price_u != b->price_u)
        return a->price_u < b->price_u ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static size_t list_merit(struct fg_balancing *market, const char *control_area, int regulation, int64_t start_s,
                         struct fg_balancing_bid *out, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < market->bid_count && count < room; i++) {
        const struct fg_balancing_bid *bid = &market->bids[i];
        if (left_of(bid) > 0 && bid->regulation == regulation && bid->start_s == start_s &&
            strcmp(bid->control_area, control_area) == 0)
            out[count++] = *bid;
    }
    if (count > 1)
        qsort(out, count, sizeof *out, compare_merit);
    return count;
}

size_t fg_balancing_merit(struct fg_balancing *market, const char *control_area, int regulation, int64_t start_s,
                          struct fg_balancing_bid *out, size_t room)
{
    pthread_mutex_lock(&market->mutex);
    expire(market, NULL);
    size_t count = list_merit(market, control_area, regulation, start_s, out, room);
    pthread_mutex_unlock(&market->mutex);
    return count;
}

static enum fg_code clear(struct fg_balancing *market, const struct fg_balancing_bid *order, size_t bids, int64_t required_w,
                          struct fg_balancing_call *calls, size_t room, size_t *count, int64_t *price_u, struct fg_error *err)
{
    for (size_t i = 0; i < bids && required_w > 0 && *count < room; i++) {
        struct fg_balancing_bid *bid = &market->bids[order[i].id - 1];
        int64_t quantity_w = left_of(bid) < required_w ? left_of(bid) : required_w;
        if (quantity_w < bid->least_w && quantity_w < left_of(bid))
            continue;
        enum fg_code code = call_bid(market, bid, quantity_w, &calls[*count], err);
        if (code != FG_OK)
            return code;
        ++*count;
        required_w -= quantity_w;
        *price_u = bid->price_u;
    }
    return FG_OK;
}

enum fg_code fg_balancing_clear(struct fg_balancing *market, const char *control_area, int regulation, int64_t start_s,
                                int64_t required_w, struct fg_balancing_call *calls, size_t room, size_t *count, int64_t *price_u,
                                struct fg_error *err)
{
    *count = 0;
    *price_u = 0;
    pthread_mutex_lock(&market->mutex);
    enum fg_code code = expire(market, err);
    struct fg_balancing_bid *order = fg_alloc(market->bid_count, sizeof *order);
    if (order == NULL)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = clear(market, order, list_merit(market, control_area, regulation, start_s, order, market->bid_count), required_w,
                     calls, room, count, price_u, err);
    fg_free(order);
    pthread_mutex_unlock(&market->mutex);
    return code;
}

#define COPIES(list, number)                                                                                           \
    pthread_mutex_lock(&market->mutex);                                                                                \
    expire(market, NULL);                                                                                              \
    size_t first = after < 0 ? 0 : (size_t)after;                                                                      \
    size_t count = first < market->number ? market->number - first : 0;                                                \
    if (count > room)                                                                                                  \
        count = room;                                                                                                  \
    if (count > 0)                                                                                                     \
        memcpy(out, market->list + first, count * sizeof *out);                                                        \
    pthread_mutex_unlock(&market->mutex);                                                                              \
    return count

size_t fg_balancing_bids(struct fg_balancing *market, int64_t after, struct fg_balancing_bid *out, size_t room)
{
    COPIES(bids, bid_count);
}
size_t fg_balancing_calls(struct fg_balancing *market, int64_t after, struct fg_balancing_call *out, size_t room)
{
    COPIES(calls, call_count);
}
size_t fg_balancing_results(struct fg_balancing *market, int64_t after, struct fg_balancing_result *out, size_t room)
{
    COPIES(results, result_count);
}
