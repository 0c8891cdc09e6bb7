#include "atp/engine_internal.h"
#include "atp/id.h"
#include "base/instant.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BATCH_DEFAULT = 256, QUEUE_DEFAULT = 65536, LEASE_DEFAULT_S = 8, ID_BLOCK = 1000, RETRY_MS = 250 };
/* Longer than any request is on its way. */
static const int64_t KEYS_STRETCH_US = INT64_C(300000000);

struct fg_engine {
    struct fg_engine_options options;
    struct engine_area area;
    struct fg_command expire; /* the writer's own */
    struct fg_command **batch;
    size_t batch_count;
    int64_t lease_renewed_us;
    int64_t batch_time_us;       /* stamp of the batch */
    struct fg_command *timed;    /* the writer's: commands whose time has not come, earliest first */

    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t wake;
    struct fg_command *first, *last;
    size_t queued;
    bool stopping, dead;
    struct fg_engine_figures figures;
};

const char *fg_command_word(enum fg_command_kind kind)
{
    static const char *const words[] = {
        [FG_COMMAND_SUBMIT] = "order.enter",       [FG_COMMAND_AMEND] = "order.amend",
        [FG_COMMAND_CANCEL] = "order.cancel",      [FG_COMMAND_MASS_CANCEL] = "order.mass_cancel",
        [FG_COMMAND_OPEN] = "gate.open",           [FG_COMMAND_CLOSE] = "gate.close",
        [FG_COMMAND_HALT] = "trading.halt",        [FG_COMMAND_RESUME] = "trading.resume",
        [FG_COMMAND_CAPABILITY] = "capability.set", [FG_COMMAND_REDUCE_TRADE] = "trade.reduce",
        [FG_COMMAND_LIMIT] = "limits.set",         [FG_COMMAND_SETTLED] = "periods.settled",
        [FG_COMMAND_CONTRACTED] = "capability.contract", [FG_COMMAND_WITHDRAW] = "order.withdraw",
        [FG_COMMAND_LOCATIONS] = "locations.load",   [FG_COMMAND_MESSAGE] = "market.message",
        [FG_COMMAND_TRANSACT] = "transact",        [FG_COMMAND_SERVICE] = "service",
        [FG_COMMAND_NETWORK] = "network.apply",      [FG_COMMAND_LIGHTS] = "traffic_light.set",
        [FG_COMMAND_EXPIRE] = "time.pass",         [FG_COMMAND_READ] = "read"};
    return words[kind];
}

static int64_t system_clock_us(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* -- what the batch has touched -------------------------------------------------------------------------------------- */

static void fail_memory(struct engine_area *area)
{
    if (area->code == FG_OK)
        area->code = fg_fail_memory(&area->err);
}

/* Remember that the order has to be written; `cause` as in engine_area.causes. */
static void touch_order(struct engine_area *area, uint64_t id, int64_t cause)
{
    size_t before = area->orders.count, place;
    if (engine_set_add(&area->orders, (int64_t)id, 0, &place) != 0 ||
        (place == before &&
         (fg_grow((void **)&area->causes, before, &area->cause_capacity, sizeof *area->causes) != 0 ||
          fg_grow((void **)&area->origins, before, &area->origin_capacity, sizeof *area->origins) != 0))) {
        fail_memory(area);
        return;
    }
    if (place == before)
        area->origins[place] = (struct engine_origin){0};
    if (place == before || cause != 0)
        area->causes[place] = cause;
}

void engine_touch_positions(struct engine_area *area, int32_t portfolio, enum fg_product product,
                            enum fg_regulation regulation, int32_t first, int32_t count)
{
    for (int32_t period = first; portfolio >= 0 && period < first + count; period++)
        if (engine_set_add(&area->positions, portfolio,
                           (int64_t)product << 40 | (int64_t)regulation << 32 | (int64_t)(uint32_t)period, NULL) != 0)
            fail_memory(area);
}

static void add_fill(struct engine_area *area, uint64_t order, int32_t period, struct fg_power quantity)
{
    if (fg_grow((void **)&area->fills, area->fill_count, &area->fill_capacity, sizeof *area->fills) != 0) {
        fail_memory(area);
        return;
    }
    area->fills[area->fill_count++] = (struct engine_fill){order, period, quantity.w};
}

/* The book's sink: write the event, remember what it touches. */
static void take_event(void *context, const struct fg_book_event *event)
{
    struct engine_area *area = context;
    if (area->code != FG_OK)
        return; /* the batch will be rolled back */
    const struct fg_book_trade *trade = event->trade;
    switch (event->kind) {
    case FG_BOOK_TRADED:
        if (trade->auction == 0) { /* an auction's orders are not the book's */
            add_fill(area, trade->sell, trade->flow.period, trade->quantity);
            add_fill(area, trade->buy, trade->flow.period, trade->quantity);
            touch_order(area, trade->sell, 0);
            touch_order(area, trade->buy, 0);
        }
        /* fall through */
    case FG_BOOK_TRADE_REDUCED:
        if (engine_set_add(&area->trades, (int64_t)trade->id, 0, NULL) != 0)
            fail_memory(area);
        engine_touch_positions(area, trade->portfolio, trade->flow.product, trade->flow.regulation, trade->flow.period, 1);
        break;
    case FG_BOOK_ACTIVATED:
        add_fill(area, event->order, event->period, event->quantity);
        touch_order(area, event->order, 0);
        break;
    case FG_BOOK_ACCEPTED:
    case FG_BOOK_AMENDED:
    case FG_BOOK_REDUCED:
    case FG_BOOK_FORWARDED:
    case FG_BOOK_RETURNED:
        touch_order(area, event->order, 0);
        break;
    case FG_BOOK_FILLED:
        touch_order(area, event->order, -1);
        break;
    case FG_BOOK_CANCELLED:
        touch_order(area, event->order, event->cause + 1);
        break;
    case FG_BOOK_CAPABILITY_SET:
    case FG_BOOK_CONTRACTED_SET:
        engine_touch_positions(area, event->index, event->product, event->regulation, event->period, event->period_count);
        break;
    default:
        break;
    }
    if (event->order != 0 && event->kind != FG_BOOK_REFUSED) {
        engine_touch_positions(area, event->portfolio, event->product, event->regulation, event->period, event->period_count);
        if (event->group != 0 && engine_set_add(&area->groups, (int64_t)event->group, 0, NULL) != 0)
            fail_memory(area);
    }
    if (area->code == FG_OK)
        area->code = engine_write_event(area, event, &area->err);
}

/* -- applying a command ---------------------------------------------------------------------------------------------- */

/* Numbers for orders and groups, in blocks; those that a restart loses are never used. */
enum fg_code engine_take_ids(struct engine_area *area, size_t count, uint64_t *first, struct fg_error *err)
{
    if (area->order_limit - area->order_next < count) {
        int64_t block, size = count > ID_BLOCK ? (int64_t)count : ID_BLOCK;
        enum fg_code code = fg_store_next(area->store, fg_id_word(FG_ID_ORDER), size, &block, err);
        if (code != FG_OK)
            return code;
        area->order_next = (uint64_t)block;
        area->order_limit = (uint64_t)(block + size);
    }
    *first = area->order_next;
    area->order_next += count;
    return FG_OK;
}

enum fg_refusal engine_refuse(struct fg_error *err, enum fg_refusal refusal, const char *text)
{
    fg_fail(err, FG_ERR_VALUE, NULL, "[%s] %s", fg_refusal_key(refusal), text);
    return refusal;
}

static enum fg_refusal submit(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    size_t count = command->order_count, ids = count + (count > 1);
    if ((*code = engine_take_ids(area, ids, &command->first_order, &command->err)) != FG_OK)
        return FG_REFUSAL_NONE;
    struct fg_book_group group = {count > 1 ? command->first_order + count : 0, command->group_kind};
    for (size_t i = 0; i < count; i++) {
        struct fg_book_order *order = &command->orders[i];
        int64_t inside = -(int64_t)order->parent; /* place of a parent of the same submission */
        order->id = command->first_order + i;
        if (inside > 0 && (size_t)inside <= i)
            order->parent = command->first_order + (uint64_t)inside - 1;
        int32_t location = engine_location_index(area, order->location);
        if (location < 0)
            return engine_refuse(&command->err, FG_REFUSAL_LOCATION,
                          "the area has no such location; see the list of published locations");
        order->location = location;
    }
    enum fg_refusal refusal = fg_book_submit(area->book, command->time_us, command->orders, count,
                                             count > 1 ? &group : NULL, &command->err);
    command->group = group.id;
    return refusal;
}

static enum fg_refusal owned(const struct engine_area *area, const struct fg_command *command, uint64_t id,
                             struct fg_error *err)
{
    struct fg_book_order_state state;
    bool is_open = fg_book_find_order(area->book, id, &state, NULL, NULL);
    if (command->participant == 0)
        return FG_REFUSAL_NONE;
    if (is_open && state.order.participant == command->participant)
        return state.order.contract == 0
                   ? FG_REFUSAL_NONE
                   : engine_refuse(err, FG_REFUSAL_CONTRACT, "the order stems from a contract and rests until the gate closes");
    return engine_refuse(err, FG_REFUSAL_ORDER_UNKNOWN, "none of your open orders has this id");
}

/* Quantities must be as many as the order has periods; a single price point up to 0 reaches the largest quantity. */
static enum fg_refusal amend(struct engine_area *area, struct fg_command *command)
{
    struct fg_book_amendment amendment = command->amendment;
    struct fg_book_order_state state;
    struct fg_price_point point;
    if (engine_find_order(area, amendment.order, &state)) {
        if (amendment.quantity != NULL && command->order_count != 0 &&
            command->order_count != (size_t)state.order.period_count)
            return engine_refuse(&command->err, FG_REFUSAL_QUANTITY_RANGE, "give one quantity for each period of the order");
        if (command->step != 0 && (state.order.point_count != 1 ||
                                   state.order.points[0].price.uper_mwh >= amendment.points[0].price.uper_mwh))
            return engine_refuse(&command->err, FG_REFUSAL_STATE, "the request is at this price or above it already");
        if (amendment.point_count == 1 && amendment.points[0].up_to.w == 0) {
            point = amendment.points[0];
            for (int32_t k = 0; k < state.order.period_count; k++)
                if (state.order.quantity[k].w > point.up_to.w)
                    point.up_to = state.order.quantity[k];
            amendment.points = &point;
        }
    }
    return fg_book_amend(area->book, command->time_us, &amendment, &command->err);
}

/* The orders of a submission that was taken: they have no rows yet. */
static void note_origins(struct engine_area *area, const struct fg_command *command)
{
    for (size_t i = 0; i < command->order_count; i++) {
        size_t place;
        touch_order(area, command->first_order + i, 0);
        if (engine_set_add(&area->orders, (int64_t)(command->first_order + i), 0, &place) == 0 && area->code == FG_OK)
            area->origins[place] = (struct engine_origin){command, i};
    }
}

static enum fg_refusal relocate(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    struct engine_locations fresh = {0}, old = area->locations;
    if ((*code = engine_locations_reload(area, &fresh, &command->err)) != FG_OK) {
        engine_locations_release(&fresh);
        return FG_REFUSAL_NONE;
    }
    struct fg_book_locations locations = {fresh.count, fresh.parents, fresh.link_count,
                                          (const int32_t(*)[2])fresh.links};
    area->locations = fresh; /* events of the command name new locations */
    enum fg_refusal refusal = fg_book_relocate(area->book, command->time_us, &locations, &command->err);
    if (refusal != FG_REFUSAL_NONE)
        area->locations = old;
    engine_locations_release(refusal != FG_REFUSAL_NONE ? &fresh : &old);
    return refusal;
}

/* A limit needs four eyes: the approval is used up in the transaction that sets it. */
static enum fg_refusal set_limit(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    static const int64_t VALID_US = INT64_C(86400) * 1000000;
    struct fg_sql *sql;
    char object[FG_ID_TEXT];
    bool is_confirmed = false;
    for (int step = 0; step < 2; step++) { /* look, then use it */
        *code = fg_sql_prepare(area->store,
                               step == 0 ? "SELECT id FROM approval WHERE id = $1 AND action = 'limits.set' AND object = $2 AND "
                                           "detail = $3 AND organisation_id = $4 AND status = 'confirmed' AND decided_us > $5"
                                         : "UPDATE approval SET status = 'used' WHERE id = $1",
                               &sql, &command->err);
        if (*code != FG_OK)
            return FG_REFUSAL_NONE;
        fg_sql_int64(sql, 1, command->approval);
        if (step == 1) {
            *code = fg_sql_queue(sql, &command->err);
            return FG_REFUSAL_NONE;
        }
        fg_sql_text(sql, 2, fg_id_text(FG_ID_AREA, area->id, object));
        fg_sql_text(sql, 3, command->text != NULL ? command->text : "");
        fg_sql_int64(sql, 4, command->actor.organisation);
        fg_sql_int64(sql, 5, command->time_us - VALID_US);
        if ((*code = fg_sql_next(sql, &is_confirmed, &command->err)) != FG_OK)
            return FG_REFUSAL_NONE;
        if (!is_confirmed)
            return engine_refuse(&command->err, FG_REFUSAL_APPROVAL,
                          "this needs an approval for exactly this limit that another user has confirmed within a day; ask "
                          "for one");
        fg_sql_done(sql);
        enum fg_refusal refusal = fg_book_set_limit(area->book, command->time_us, &command->limit, &command->err);
        if (refusal != FG_REFUSAL_NONE)
            return refusal;
    }
    return FG_REFUSAL_NONE;
}

static enum fg_refusal apply_to_book(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    struct fg_book *book = area->book;
    struct fg_error *err = &command->err;
    int64_t time_us = command->time_us;
    enum fg_refusal refusal = FG_REFUSAL_NONE;
    struct fg_book_order_state state;
    int32_t subject = (int32_t)command->subject;
    switch (command->kind) {
    case FG_COMMAND_SUBMIT:
        return submit(area, command, code);
    case FG_COMMAND_AMEND:
        refusal = owned(area, command, command->amendment.order, err);
        return refusal != FG_REFUSAL_NONE ? refusal : amend(area, command);
    case FG_COMMAND_CANCEL:
        refusal = owned(area, command, command->order, err);
        return refusal != FG_REFUSAL_NONE ? refusal : fg_book_cancel(book, time_us, command->order, err);
    case FG_COMMAND_MASS_CANCEL: {
        struct fg_book_filter filter = command->filter;
        filter.location = filter.location == 0 ? -1 : engine_location_index(area, filter.location);
        if (command->filter.location != 0 && filter.location < 0)
            return engine_refuse(err, FG_REFUSAL_LOCATION, "the area has no such location");
        return fg_book_mass_cancel(book, time_us, &filter, &command->cancelled, err);
    }
    case FG_COMMAND_OPEN:
        return fg_book_open(book, time_us, command->product, command->first_period, command->period_count, err);
    case FG_COMMAND_CLOSE:
        if ((*code = engine_forward_at_closure(area, command, err)) != FG_OK)
            return FG_REFUSAL_NONE;
        return fg_book_close(book, time_us, command->product, command->first_period, command->period_count, err);
    case FG_COMMAND_HALT:
    case FG_COMMAND_RESUME:
        if (command->scope == FG_BOOK_SCOPE_LOCATION && (subject = engine_location_index(area, command->subject)) < 0)
            return engine_refuse(err, FG_REFUSAL_LOCATION, "the area has no such location");
        return command->kind == FG_COMMAND_HALT ? fg_book_halt(book, time_us, command->scope, subject, err)
                                                : fg_book_resume(book, time_us, command->scope, subject, err);
    case FG_COMMAND_CAPABILITY:
        return fg_book_set_capability(book, time_us, command->portfolio, command->product, command->regulation,
                                      command->first_period, command->period_count, command->capability,
                                      command->reserved, err);
    case FG_COMMAND_REDUCE_TRADE:
        return fg_book_reduce_trade(book, time_us, command->trade, command->keep, err);
    case FG_COMMAND_LIMIT:
        return set_limit(area, command, code);
    case FG_COMMAND_SETTLED:
        return fg_book_set_settled(book, time_us, command->first_period, err);
    case FG_COMMAND_CONTRACTED:
        return fg_book_set_contracted(book, time_us, command->portfolio, command->product, command->regulation,
                                      command->first_period, command->period_count, command->reserved, err);
    case FG_COMMAND_WITHDRAW:
        refusal = owned(area, command, command->order, err);
        command->first_period = fg_book_find_order(book, command->order, &state, NULL, NULL) ? state.order.first_period : 0;
        return refusal != FG_REFUSAL_NONE ? refusal
                                          : fg_book_withdraw(book, time_us, command->order, command->cause, err);
    case FG_COMMAND_LOCATIONS:
        return relocate(area, command, code);
    case FG_COMMAND_MESSAGE:
        *code = engine_write_message(area, "market.message", time_us, NULL, command->text, err);
        return FG_REFUSAL_NONE;
    case FG_COMMAND_TRANSACT:
        *code = engine_transact(area, command, err);
        return FG_REFUSAL_NONE;
    case FG_COMMAND_NETWORK:
        return engine_network_apply(area, command, code);
    case FG_COMMAND_LIGHTS:
        *code = engine_lights_write(area, command, err);
        return FG_REFUSAL_NONE;
    case FG_COMMAND_EXPIRE:
        return fg_book_expire(book, time_us, err);
    case FG_COMMAND_SERVICE:
        return command->service->apply(area, command, code);
    case FG_COMMAND_READ:
        break;
    }
    return FG_REFUSAL_NONE;
}

/* The audit entry of a command; what cannot be seen from the object's own rows is in its detail. */
static enum fg_code write_audit(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    char object[FG_ID_TEXT], detail[256];
    struct fg_audit_entry entry = {
        .time_us = command->time_us, .actor = command->actor, .action = command->kind == FG_COMMAND_SERVICE ? command->service->word : fg_command_word(command->kind)};
    uint64_t order = command->kind == FG_COMMAND_SUBMIT  ? command->first_order
                     : command->kind == FG_COMMAND_AMEND ? command->amendment.order
                                                         : command->order;
    if (command->kind == FG_COMMAND_REDUCE_TRADE)
        entry.object = fg_id_text(FG_ID_TRADE, (int64_t)command->trade, object);
    else if (command->kind == FG_COMMAND_CAPABILITY || command->kind == FG_COMMAND_CONTRACTED)
        entry.object = fg_id_text(FG_ID_PORTFOLIO, command->portfolio, object);
    else if (command->kind == FG_COMMAND_LIMIT)
        entry.object = fg_id_text(FG_ID_AREA, area->id, object);
    else if (command->kind == FG_COMMAND_HALT || command->kind == FG_COMMAND_RESUME)
        entry.object = fg_id_text(command->scope == FG_BOOK_SCOPE_LOCATION      ? FG_ID_LOCATION
                                  : command->scope == FG_BOOK_SCOPE_PARTICIPANT ? FG_ID_ORGANISATION
                                                                                : FG_ID_AREA,
                                  command->scope == FG_BOOK_SCOPE_AREA ? area->id : command->subject, object);
    else if (command->kind == FG_COMMAND_SERVICE)
        entry.object = command->object[0] != '\0' ? command->object : NULL;
    else if (order != 0)
        entry.object = fg_id_text(FG_ID_ORDER, (int64_t)order, object);
    if (command->refusal != FG_REFUSAL_NONE) {
        snprintf(detail, sizeof detail, "{\"refused\":\"%s\"}", fg_refusal_key(command->refusal));
        entry.detail = detail;
    } else if (command->kind == FG_COMMAND_SUBMIT && command->order_count > 1) {
        snprintf(detail, sizeof detail, "{\"orders\":%zu,\"group\":%llu}", command->order_count,
                 (unsigned long long)command->group);
        entry.detail = detail;
    } else if (command->kind == FG_COMMAND_MASS_CANCEL) {
        snprintf(detail, sizeof detail, "{\"cancelled\":%zu}", command->cancelled);
        entry.detail = detail;
    } else {
        entry.detail = command->text; /* the reason */
    }
    return fg_audit_append(area->store, &area->audit, &entry, err);
}

/* Has another request with the same key been applied since this one was looked up? */
static enum fg_code find_answer(struct engine_area *area, struct fg_command *command, bool *found, struct fg_error *err)
{
    unsigned char hash[FG_SECRET_HASH];
    int64_t half[2];
    char text[FG_COMMAND_OWNER + FG_COMMAND_KEY + 1];
    static const unsigned char no_key[FG_SECRET_KEY];
    snprintf(text, sizeof text, "%s\n%s", command->owner, command->key);
    fg_secret_index(no_key, text, hash);
    memcpy(half, hash, sizeof half);
    if (command->time_us - area->keys_since_us > KEYS_STRETCH_US) {
        struct engine_set oldest = area->keys[1];
        area->keys[1] = area->keys[0];
        area->keys[0] = oldest;
        engine_set_clear(&area->keys[0]);
        area->keys_since_us = command->time_us;
    }
    if (engine_set_has(&area->keys[0], half[0], half[1]) || engine_set_has(&area->keys[1], half[0], half[1]))
        return engine_read_answer(area, command, found, err);
    return engine_set_add(&area->keys[0], half[0], half[1], NULL) == 0 ? FG_OK : fg_fail_memory(err);
}

/* Apply one command inside the batch's transaction. A code other than FG_OK ends the batch. */
static enum fg_code apply(struct fg_engine *engine, struct fg_command *command, int64_t now_us, struct fg_error *err)
{
    struct engine_area *area = &engine->area;
    enum fg_code code = FG_OK;
    if (command->kind == FG_COMMAND_READ)
        return FG_OK; /* after the commit */
    int64_t before = fg_book_time(area->book);
    command->time_us = now_us > before ? now_us : before;
    command->code = FG_OK;
    command->event_first = area->event_sequence + 1;
    area->command = command;

    if (command->owner[0] != '\0') {
        bool found = false;
        if ((code = find_answer(area, command, &found, err)) != FG_OK || found)
            return code;
    }
    command->refusal = apply_to_book(area, command, &code);
    if (code != FG_OK) {
        *err = command->err;
        return code;
    }
    if (command->refusal == FG_REFUSAL_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    if (area->code != FG_OK) {
        *err = area->err;
        return area->code;
    }
    if (command->kind == FG_COMMAND_SUBMIT && command->refusal == FG_REFUSAL_NONE)
        note_origins(area, command);
    if (area->code != FG_OK) {
        *err = area->err;
        return area->code;
    }
    if ((code = engine_write_request(area, command, err)) != FG_OK)
        return code;
    command->event_last = area->event_sequence;
    if (code == FG_OK && command->kind != FG_COMMAND_EXPIRE && command->kind != FG_COMMAND_TRANSACT &&
        command->kind != FG_COMMAND_LIGHTS) /* audits itself */
        code = write_audit(area, command, err);
    if (code == FG_OK && command->render != NULL) {
        command->answer.length = 0;
        command->render(command, area->book);
        if (command->answer.failed)
            code = fg_fail_memory(err);
    }
    if (code == FG_OK && command->owner[0] != '\0')
        code = engine_write_answer(area, command, err);
    return code;
}

/* -- batches --------------------------------------------------------------------------------------------------------- */

static void clear_batch(struct engine_area *area)
{
    engine_set_clear(&area->orders);
    engine_set_clear(&area->trades);
    engine_set_clear(&area->positions);
    engine_set_clear(&area->groups);
    area->fill_count = 0;
    area->pending_count = 0;
    area->event_data.length = 0;
    area->code = FG_OK;
    area->command = NULL;
}

static int64_t now_us(const struct fg_engine *engine)
{
    return engine->options.clock_us(engine->options.clock_context);
}

static enum fg_code run_batch(struct fg_engine *engine, struct fg_error *err)
{
    struct engine_area *area = &engine->area;
    int64_t time_us = engine->batch_time_us;
    enum fg_code code = fg_lease_begin(area->store, &area->lease, err);
    if (code != FG_OK)
        return code;
    for (size_t i = 0; code == FG_OK && i < engine->batch_count; i++)
        code = apply(engine, engine->batch[i], time_us, err);
    if (code == FG_OK)
        code = engine_write_batch(area, time_us, err);
    if (code == FG_OK) {
        double start = fg_clock_seconds();
        code = fg_store_commit(area->store, err);
        engine->figures.last_commit_us = (int64_t)((fg_clock_seconds() - start) * 1e6);
    } else {
        fg_store_rollback(area->store);
    }
    return code;
}

/* True when the batch only reads, so that no transaction is needed. */
static bool only_reads(const struct fg_engine *engine)
{
    for (size_t i = 0; i < engine->batch_count; i++)
        if (engine->batch[i]->kind != FG_COMMAND_READ)
            return false;
    return true;
}

static void answer_batch(struct fg_engine *engine, enum fg_code code, const struct fg_error *err)
{
    bool has_events = false;
    for (size_t i = 0; i < engine->batch_count; i++) {
        struct fg_command *command = engine->batch[i];
        if (code != FG_OK) {
            command->code = code;
            command->err = *err;
        } else if (command->kind == FG_COMMAND_READ) {
            command->code = FG_OK;
            command->network = engine->area.is_network_on ? engine->area.match : NULL;
            command->read(command, engine->area.book);
        }
        has_events = has_events || (code == FG_OK && command->event_last >= command->event_first);
        if (command->done != NULL)
            command->done(command);
    }
    if (has_events && engine->options.notify != NULL)
        engine->options.notify(engine->options.context, engine->area.id);
}

/* Drop the memory and load what is committed, until that succeeds, the lease is lost, or the engine is stopped. */
static enum fg_code reload(struct fg_engine *engine, struct fg_error *err)
{
    struct engine_area *area = &engine->area;
    engine_area_drop(area);
    engine->figures.reloads++;
    for (;;) {
        struct fg_lease held;
        enum fg_code code = fg_store_reconnect(area->store, err);
        if (code == FG_OK)
            code = fg_lease_read(area->store, area->lease.name, &held, err);
        if (code == FG_OK && held.epoch != area->lease.epoch)
            return fg_fail(err, FG_ERR_FENCED, NULL, "market area %lld is now served by %s", (long long)area->id,
                           held.holder);
        if (code == FG_OK)
            code = engine_area_load(area, take_event, area, err);
        if (code == FG_OK)
            return FG_OK;
        pthread_mutex_lock(&engine->mutex);
        bool stopping = engine->stopping;
        pthread_mutex_unlock(&engine->mutex);
        if (stopping || code == FG_ERR_CORRUPT || code == FG_ERR_VERSION || code == FG_ERR_NOT_FOUND)
            return code;
        struct timespec pause = {0, RETRY_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

/* How far the rows of an area have come: every batch that changes any adds an event, an entry of the audit log, or both. */
struct reach {
    uint64_t events;
    int64_t audit;
};

static struct reach reach_of(const struct engine_area *area)
{
    return (struct reach){area->event_sequence, area->audit.sequence};
}

/* After a commit of unknown outcome: the batch is committed when the area's events and its audit log have reached its last
 * ones. Both are written by this writer alone, under the lease that is still held, so no other batch can have brought them
 * there. Commands that change rows without an event (what is entered into an auction is sealed) are told by the audit log. A
 * batch that added to neither changed nothing; it is answered as not committed. */
static bool was_committed(const struct engine_area *area, struct reach before, struct reach expected)
{
    struct reach now = reach_of(area);
    bool grew = expected.events > before.events || expected.audit > before.audit;
    return grew && now.events == expected.events && now.audit == expected.audit;
}

static enum fg_code serve_batch(struct fg_engine *engine, struct fg_error *err)
{
    struct engine_area *area = &engine->area;
    struct reach before = reach_of(area);
    if (only_reads(engine)) {
        answer_batch(engine, FG_OK, NULL);
        return FG_OK;
    }
    enum fg_code code = run_batch(engine, err);
    struct reach expected = reach_of(area);
    clear_batch(area);
    engine->figures.batches++;
    engine->figures.commands += engine->batch_count;
    if (code == FG_OK) {
        answer_batch(engine, FG_OK, NULL);
        return FG_OK;
    }
    struct fg_error cause = *err;
    enum fg_code reloaded = code == FG_ERR_FENCED ? code : reload(engine, err);
    if (reloaded == FG_OK && code == FG_ERR_OUTCOME && was_committed(area, before, expected)) {
        answer_batch(engine, FG_OK, NULL);
        return FG_OK;
    }
    struct fg_error answer;
    fg_fail(&answer, FG_ERR_UNAVAILABLE, NULL, "the market area could not store the command; try again (%.300s)",
            cause.text);
    answer_batch(engine, code == FG_ERR_OUTCOME && reloaded != FG_OK ? FG_ERR_OUTCOME : FG_ERR_UNAVAILABLE, &answer);
    return reloaded;
}

/* -- the writer's thread --------------------------------------------------------------------------------------------- */

/* Keep a command until its time has come. */
static void put_timed(struct fg_engine *engine, struct fg_command *command)
{
    struct fg_command **at = &engine->timed;
    while (*at != NULL && (*at)->due_us <= command->due_us)
        at = &(*at)->next;
    command->next = *at;
    *at = command;
}

/* Sleep until there are commands, the time `until_us` has come, or the lease has to be renewed. The lock is held. */
static void wait_for_work(struct fg_engine *engine, int64_t until_us)
{
    int64_t pause_us = engine->options.lease_s * 1000000 / 3, now = now_us(engine);
    if (until_us <= now + pause_us)
        pause_us = until_us - now;
    if (engine->first != NULL || engine->stopping || pause_us <= 0)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += pause_us / 1000000;
    until.tv_nsec += pause_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&engine->wake, &engine->mutex, &until);
}

/* Take what is due, else what is queued; the stamp is read first, so that nothing stamped later overtakes what is due
 * (8). False: stop. */
static bool take_batch(struct fg_engine *engine)
{
    int64_t expiry = fg_book_next_expiry(engine->area.book);
    engine->batch_count = 0;
    pthread_mutex_lock(&engine->mutex);
    wait_for_work(engine, engine->timed != NULL && engine->timed->due_us < expiry ? engine->timed->due_us : expiry);
    int64_t now = engine->batch_time_us = now_us(engine);
    while (engine->timed != NULL && engine->timed->due_us <= now && engine->batch_count < engine->options.batch_max) {
        engine->batch[engine->batch_count++] = engine->timed;
        engine->timed = engine->timed->next;
    }
    if (engine->batch_count == 0 && expiry <= now) {
        engine->expire = (struct fg_command){.kind = FG_COMMAND_EXPIRE};
        engine->batch[engine->batch_count++] = &engine->expire;
    }
    bool has_timed = engine->timed != NULL && engine->timed->due_us <= now;
    while (!has_timed && engine->first != NULL && engine->batch_count < engine->options.batch_max) {
        struct fg_command *command = engine->first;
        engine->first = command->next;
        engine->queued--;
        if (command->due_us > now)
            put_timed(engine, command);
        else
            engine->batch[engine->batch_count++] = command;
    }
    bool goes_on = engine->batch_count > 0 || !engine->stopping;
    pthread_mutex_unlock(&engine->mutex);
    return goes_on;
}

static enum fg_code renew_lease(struct fg_engine *engine, struct fg_error *err)
{
    int64_t now = (int64_t)(fg_clock_seconds() * 1e6);
    if (now - engine->lease_renewed_us < engine->options.lease_s * 1000000 / 3)
        return FG_OK;
    enum fg_code code = fg_lease_renew(engine->area.store, &engine->area.lease, engine->options.lease_s, err);
    if (code == FG_OK)
        engine->lease_renewed_us = now;
    return code == FG_ERR_FENCED ? code : FG_OK; /* other failures show in the next batch, whose lock decides */
}

static void *writer(void *argument)
{
    struct fg_engine *engine = argument;
    struct fg_error err = {0};
    enum fg_code code = FG_OK;
    while (code == FG_OK && take_batch(engine)) {
        if ((code = renew_lease(engine, &err)) == FG_OK) {
            if (engine->batch_count > 0)
                code = serve_batch(engine, &err);
        } else {
            answer_batch(engine, FG_ERR_UNAVAILABLE, &err);
        }
    }
    pthread_mutex_lock(&engine->mutex);
    engine->dead = true;
    pthread_mutex_unlock(&engine->mutex);
    if (code == FG_OK)
        fg_fail(&err, FG_ERR_UNAVAILABLE, NULL, "the server is stopping");
    struct fg_command **lists[] = {&engine->first, &engine->timed}; /* nobody queues any more */
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        while (*lists[i] != NULL) {
            engine->batch[0] = *lists[i];
            engine->batch_count = 1;
            *lists[i] = (*lists[i])->next;
            answer_batch(engine, FG_ERR_UNAVAILABLE, &err);
        }
    if (code != FG_OK && engine->options.lost != NULL)
        engine->options.lost(engine->options.context, engine->area.id, &err);
    return NULL;
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void release(struct fg_engine *engine)
{
    struct engine_area *area = &engine->area;
    engine_area_drop(area);
    if (area->lease.epoch > 0)
        fg_lease_release(area->store, &area->lease, NULL);
    fg_store_close(area->store);
    engine_set_release(&area->orders);
    engine_set_release(&area->trades);
    engine_set_release(&area->positions);
    engine_set_release(&area->groups);
    engine_set_release(&area->keys[0]);
    engine_set_release(&area->keys[1]);
    fg_free(area->fills);
    fg_free(area->causes);
    fg_free(area->origins);
    fg_free(area->powers);
    fg_text_release(&area->scratch);
    fg_text_release(&area->event_data);
    fg_free(engine->batch);
    fg_free(engine);
}

enum fg_code fg_engine_start(const struct fg_engine_options *options, struct fg_engine **out, struct fg_error *err)
{
    *out = NULL;
    struct fg_engine *engine = fg_alloc(1, sizeof *engine);
    if (engine == NULL)
        return fg_fail_memory(err);
    engine->options = *options;
    engine->options.batch_max = options->batch_max > 0 ? options->batch_max : BATCH_DEFAULT;
    engine->options.queue_max = options->queue_max > 0 ? options->queue_max : QUEUE_DEFAULT;
    engine->options.lease_s = options->lease_s > 0 ? options->lease_s : LEASE_DEFAULT_S;
    if (options->clock_us == NULL)
        engine->options.clock_us = system_clock_us;
    struct engine_area *area = &engine->area;
    area->id = options->area;
    fg_text_init(&area->scratch);
    fg_text_init(&area->event_data);

    char name[FG_LEASE_NAME_MAX];
    snprintf(name, sizeof name, "area-%lld", (long long)options->area);
    engine->batch = fg_alloc(engine->options.batch_max + 1, sizeof(struct fg_command *));
    enum fg_code code = engine->batch == NULL ? fg_fail_memory(err)
                                              : fg_store_open(options->store_url, &options->store, &area->store, err);
    if (code == FG_OK)
        code = fg_lease_acquire(area->store, name, options->node, engine->options.lease_s, &area->lease, err);
    if (code == FG_OK) {
        engine->lease_renewed_us = (int64_t)(fg_clock_seconds() * 1e6);
        code = engine_area_load(area, take_event, area, err);
    }
    if (code != FG_OK) {
        release(engine);
        return code;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&engine->mutex, NULL);
    if (pthread_create(&engine->thread, NULL, writer, engine) != 0) {
        pthread_cond_destroy(&engine->wake);
        pthread_mutex_destroy(&engine->mutex);
        release(engine);
        return fg_fail_memory(err);
    }
    *out = engine;
    return FG_OK;
}

void fg_engine_stop(struct fg_engine *engine)
{
    if (engine == NULL)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->stopping = true;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
    pthread_join(engine->thread, NULL);
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->mutex);
    release(engine);
}

enum fg_code fg_engine_submit(struct fg_engine *engine, struct fg_command *command, struct fg_error *err)
{
    return fg_engine_submit_all(engine, &command, 1, err);
}

enum fg_code fg_engine_submit_all(struct fg_engine *engine, struct fg_command *const *commands, size_t count,
                                  struct fg_error *err)
{
    enum fg_code code = FG_OK;
    pthread_mutex_lock(&engine->mutex);
    if (engine->dead || engine->stopping)
        code = fg_fail(err, FG_ERR_UNAVAILABLE, NULL, "this server does not serve the market area now; try again");
    else if (engine->queued + count > engine->options.queue_max)
        code = fg_fail(err, FG_ERR_BUSY, NULL, "too many commands are waiting; try again in a second");
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        commands[i]->next = NULL;
        if (engine->first == NULL)
            engine->first = commands[i];
        else
            engine->last->next = commands[i];
        engine->last = commands[i];
        engine->queued++;
    }
    if (code == FG_OK)
        pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
    return code;
}

void fg_engine_figures(struct fg_engine *engine, struct fg_engine_figures *figures)
{
    pthread_mutex_lock(&engine->mutex);
    *figures = engine->figures;
    figures->queued = engine->queued;
    pthread_mutex_unlock(&engine->mutex);
}
