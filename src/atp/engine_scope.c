/* What other parts of the platform do inside a batch of the engine: their rows, their events and the locks of orders for
 * the balancing market are committed together with the book. */
#include "atp/engine_internal.h"
#include "atp/id.h"

#include <stdlib.h>

static enum fg_code book_code(struct engine_area *area, enum fg_refusal refusal, struct fg_error *err)
{
    if (refusal == FG_REFUSAL_OUT_OF_MEMORY)
        return fg_fail_memory(err);
    if (area->code != FG_OK)
        *err = area->err;
    return area->code;
}

enum fg_code engine_transact(struct engine_area *area, struct fg_command *command, struct fg_error *err)
{
    struct fg_engine_scope scope = {.store = area->store, .book = area->book, .area = area->id,
                                    .time_us = command->time_us, .locations = area->locations.ids, .engine = area};
    enum fg_code code = command->transact(command, &scope, err);
    return code == FG_OK ? book_code(area, FG_REFUSAL_NONE, err) : code;
}

enum fg_refusal fg_engine_forward(struct fg_engine_scope *scope, uint64_t order, struct fg_error *err)
{
    return fg_book_forward(scope->book, scope->time_us, order, err);
}

enum fg_refusal fg_engine_forward_end(struct fg_engine_scope *scope, uint64_t order, enum fg_book_forward_end end,
                                      const struct fg_power *called, struct fg_error *err)
{
    return fg_book_forward_end(scope->book, scope->time_us, order, end, called, err);
}

enum fg_code fg_engine_tell(struct fg_engine_scope *scope, const char *type, int64_t organisation, const char *data,
                            struct fg_error *err)
{
    char text[FG_ID_TEXT];
    return engine_write_message(scope->engine, type, scope->time_us,
                                organisation != 0 ? fg_id_text(FG_ID_ORGANISATION, organisation, text) : NULL, data, err);
}

enum fg_code fg_engine_tell_holders(struct fg_engine_scope *scope, const char *type, const char *right, const char *data,
                                    struct fg_error *err)
{
    return engine_write_message(scope->engine, type, scope->time_us, right, data, err);
}

enum fg_code fg_engine_audit(struct fg_engine_scope *scope, const char *action, const char *object, const char *detail,
                             struct fg_error *err)
{
    struct engine_area *area = scope->engine;
    struct fg_audit_entry entry = {.time_us = scope->time_us, .actor = area->command->actor, .action = action,
                                   .object = object, .detail = detail};
    return fg_audit_append(area->store, &area->audit, &entry, err);
}

/* -- gate closure ---------------------------------------------------------------------------------------------------- */

struct leftovers {
    struct engine_set orders;
    bool failed;
};

static bool note_order(void *context, const struct fg_book_entry *entry)
{
    struct leftovers *left = context;
    left->failed = engine_set_add(&left->orders, (int64_t)entry->order, 0, NULL) != 0;
    return !left->failed;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_forwarded(const struct engine_area *area, const struct fg_command *command, uint64_t id)
{
    struct fg_book_order_state state;
    return fg_book_find_order(area->book, id, &state, NULL, NULL) && state.order.forward_to_tso && !state.forwarded &&
           !state.is_tied &&
           bsearch(&area->locations.ids[state.order.location], command->forwarding, command->forwarding_count,
                   sizeof *command->forwarding, compare_ids) != NULL;
}

/* Orders are locked whole at the closure of the first of their periods in which something is left. */
enum fg_code engine_forward_at_closure(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    struct leftovers left = {0};
    enum fg_code code = FG_OK;
    if (command->forwarding_count == 0)
        return FG_OK;
    for (int32_t i = 0; code == FG_OK && i < command->period_count; i++)
        for (int r = FG_REGULATION_UP; code == FG_OK && r <= FG_REGULATION_DOWN; r++)
            code = fg_book_each_entry(area->book, command->product, (enum fg_regulation)r, command->first_period + i,
                                      FG_SIDE_SELL, note_order, &left, err);
    if (code == FG_OK && left.failed)
        code = fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < left.orders.count; i++) {
        uint64_t id = (uint64_t)left.orders.items[i].a;
        if (is_forwarded(area, command, id)) /* a refusal (it has children) leaves it to the gate */
            code = book_code(area, fg_book_forward(area->book, command->time_us, id, err), err);
    }
    engine_set_release(&left.orders);
    return code;
}
