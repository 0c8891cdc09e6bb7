/* The network state of an area: made here, beside the engine's thread, stored with all that it was made from, and handed to
 * the engine as a command. It is looked at when the facts were loaded anew (every two seconds, or when somebody asks), and
 * made anew when what it depends on has changed. What cannot be made blocks the trades that it would have to check. */
#include "atp/exchange_internal.h"

#include "atp/id.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { PERIODS_MOST = 2000, FIRST_STEP = 8 }; /* the first period moves on by steps, so that not every period makes a state */

void exchange_forget_network(struct exchange_area *area)
{
    area->is_network_sent = area->is_network_on = false;
    area->network_looked_us = 0;
    area->network_digest = 0;
    fg_free(area->network_sources);
    area->network_sources = NULL;
    area->network_count = 0;
}

/* From the period that runs now to the last one that is open. False: nothing is traded. */
static bool periods_of(const struct exchange_area *area, int64_t now_us, int32_t *first, int32_t *end)
{
    *first = (int32_t)(now_us / 1000000 / area->facts->period_s);
    *first -= *first % FIRST_STEP;
    *end = *first;
    for (int kind = FG_PRODUCT_ACTIVE; kind <= FG_PRODUCT_REACTIVE; kind++) {
        struct fg_gate_window window;
        if (exchange_window(area, (enum fg_product)kind, now_us, &window) && window.end > *end)
            *end = window.end;
    }
    if (*end > *first + PERIODS_MOST)
        *end = *first + PERIODS_MOST;
    return *end > *first;
}

static enum fg_code load_model(struct exchange_area *area, int64_t network, struct fg_error *err)
{
    if (network == area->model_network && (network == 0 || area->model != NULL))
        return FG_OK;
    fg_grid_model_release(area->model);
    area->model = NULL;
    area->model_network = network;
    return network != 0 ? fg_network_model_load(area->exchange->store, network, &area->model, err) : FG_OK;
}

/* A plan that lets nothing trade, for a network that cannot be used. */
static enum fg_code block_all(struct fg_network_plan *plan, int32_t first, int32_t end, uint64_t seed, struct fg_error *err)
{
    size_t count = (size_t)(end - first);
    struct fg_grid_point *point = &plan->point;
    char mode[FG_NETWORK_MODE_TEXT];
    memcpy(mode, plan->mode, sizeof mode);
    fg_network_plan_release(plan);
    memcpy(plan->mode, mode, sizeof mode);
    fg_arena_init(&plan->arena);
    *point = (struct fg_grid_point){.first_period = first, .period_count = (int32_t)count};
    point->check = fg_arena_alloc(&plan->arena, count, sizeof *point->check);
    plan->sources = fg_arena_alloc(&plan->arena, count + 1, 1);
    if (point->check == NULL || plan->sources == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        point->check[i] = FG_GRID_BLOCKED;
    memset(plan->sources, 'e', count);
    plan->digest = seed ^ (uint64_t)first << 32 ^ (uint64_t)count;
    return FG_OK;
}

static bool is_of_the_store(enum fg_code code)
{
    return code == FG_ERR_UNAVAILABLE || code == FG_ERR_OUTCOME || code == FG_ERR_BUSY || code == FG_ERR_FULL ||
           code == FG_ERR_MEMORY;
}

/* What the engine should have. The model is kept from time to time. */
static enum fg_code gather(struct exchange_area *area, int64_t now_us, struct fg_network_plan *plan, struct fg_error *err)
{
    struct fg_store *store = area->exchange->store;
    char mode[FG_NETWORK_MODE_TEXT];
    int64_t network;
    int32_t first, end;
    struct fg_error why = {0};
    bool is_traded = periods_of(area, now_us, &first, &end);
    enum fg_code code = fg_store_begin(store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    code = fg_network_configured(store, area->id, mode, &network, &why);
    if (code == FG_OK && !is_traded)
        end = first + 1;
    if (code == FG_OK)
        code = load_model(area, network, &why);
    if (code == FG_OK)
        code = fg_network_plan_gather(store, area->id, area->facts->period_s, first, end, area->model, mode, network, now_us, plan, &why);
    fg_store_rollback(store);
    if (code == FG_OK)
        return FG_OK;
    *err = why;
    if (is_of_the_store(code))
        return code;
    fg_log(FG_LOG_WARNING, "area.network_unusable", FG_LOG_NUMBER("area", (double)area->id), FG_LOG_TEXT("text", why.text));
    snprintf(plan->mode, sizeof plan->mode, "%s", mode);
    return block_all(plan, first, end, (uint64_t)network, err);
}

/* ---- telling ---- */

static size_t count_of(const char *letters, char letter)
{
    size_t count = 0;
    for (; letters != NULL && *letters != '\0'; letters++)
        count += *letters == letter;
    return count;
}

static void describe(const struct exchange_area *area, const struct fg_network_plan *plan, const struct fg_grid_state *state,
                     int64_t version, struct fg_text *text)
{
    struct fg_json_writer out;
    char id[FG_ID_TEXT], start[FG_INSTANT_TEXT];
    int64_t blocked = 0, unchecked = 0;
    for (int32_t i = 0; state != NULL && i < plan->point.period_count; i++) {
        enum fg_grid_check check = fg_grid_state_check(state, plan->point.first_period + i);
        blocked += check == FG_GRID_BLOCKED;
        unchecked += check == FG_GRID_FREE;
    }
    fg_json_writer_init(&out, text, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_integer(&out, "version", version);
    fg_json_put_string(&out, "mode", plan->mode);
    fg_json_put_string(&out, "network", plan->network != 0 ? fg_id_text(FG_ID_NETWORK, plan->network, id) : NULL);
    fg_json_put_string(&out, "start", fg_instant_format((int64_t)plan->point.first_period * area->facts->period_s, start));
    fg_json_put_integer(&out, "periods", plan->point.period_count);
    fg_json_put_integer(&out, "blocked", blocked);
    fg_json_put_integer(&out, "unchecked", unchecked);
    fg_json_put_integer(&out, "unsolved", state != NULL ? fg_grid_state_unsolved(state) : 0);
    fg_json_put_integer(&out, "missing", (int64_t)count_of(plan->sources, 'm'));
    fg_json_put_integer(&out, "stale", (int64_t)(count_of(plan->sources, 's') + count_of(plan->sources, 'o')));
    fg_json_put_integer(&out, "conditions_ignored", state != NULL ? (int64_t)fg_grid_state_ignored(state) : 0);
    fg_json_end_object(&out);
}

static enum fg_code store_plan(struct exchange_area *area, const struct fg_network_plan *plan, const struct fg_grid_state *state,
                               int64_t now_us, int64_t *version, struct fg_error *err)
{
    struct fg_store *store = area->exchange->store;
    enum fg_code code = fg_store_begin(store, FG_STORE_WRITE, err);
    if (code != FG_OK)
        return code;
    code = fg_network_plan_store(store, area->id, plan, state, now_us, version, err);
    if (code == FG_OK)
        code = fg_network_states_drop(store, area->id, now_us - FG_EVENT_RETENTION_US, err);
    if (code == FG_OK)
        return fg_store_commit(store, err);
    fg_store_rollback(store);
    return code;
}

/* Store the plan, and send its state to the engine. `state` is taken over. */
static enum fg_code send(struct exchange_area *area, const struct fg_network_plan *plan, struct fg_grid_state *state,
                         int64_t now_us, struct fg_error *err)
{
    struct fg_text text;
    struct fg_command command = {.kind = FG_COMMAND_NETWORK, .network_state = state};
    fg_text_init(&text);
    enum fg_code code = store_plan(area, plan, state, now_us, &command.network_version, err);
    if (code == FG_OK) {
        describe(area, plan, state, command.network_version, &text);
        code = text.failed ? fg_fail_memory(err) : FG_OK;
    }
    if (code == FG_OK) {
        command.text = text.data;
        code = exchange_run(area, &command, err);
    }
    if (code == FG_OK && command.refusal != FG_REFUSAL_NONE)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "%.300s", command.err.text);
    if (code == FG_OK)
        fg_log(FG_LOG_INFO, "area.network", FG_LOG_NUMBER("area", (double)area->id), FG_LOG_TEXT("state", text.data));
    fg_grid_state_destroy(command.network_state); /* NULL once the engine has taken it */
    fg_text_release(&text);
    return code;
}

static enum fg_code remember(struct exchange_area *area, const struct fg_network_plan *plan, struct fg_error *err)
{
    char *copy = NULL;
    size_t count = (size_t)plan->point.period_count;
    if (plan->sources != NULL) {
        copy = fg_alloc(count + 1, 1);
        if (copy == NULL)
            return fg_fail_memory(err);
        memcpy(copy, plan->sources, count);
    }
    fg_free(area->network_sources);
    area->network_sources = copy;
    area->network_first = plan->point.first_period;
    area->network_count = plan->point.period_count;
    area->network_digest = plan->digest;
    area->is_network_sent = true;
    area->is_network_on = plan->sources != NULL;
    return FG_OK;
}

/* Whether the engine has a network state in force, after it was started. */
static enum fg_code was_on(struct exchange_area *area, bool *is_on, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    *is_on = false;
    enum fg_code code = fg_sql_prepare(area->exchange->store,
                                       "SELECT s.mode FROM area_network n JOIN network_state s ON s.area_id = n.area_id AND "
                                       "s.version = n.version WHERE n.area_id = $1",
                                       &sql, err);
    if (code != FG_OK)
        return code;
    fg_sql_int64(sql, 1, area->id);
    if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
        return code;
    *is_on = strcmp(fg_sql_column_text(sql, 0), "off") != 0;
    fg_sql_done(sql);
    return FG_OK;
}

enum fg_code exchange_apply_network(struct exchange_area *area, struct fg_error *err)
{
    struct fg_network_plan plan = {0};
    struct fg_grid_state *state = NULL;
    int64_t now_us = exchange_now_us(area->exchange);
    if (area->is_network_sent && area->network_looked_us == area->facts_us)
        return FG_OK;
    enum fg_code code = gather(area, now_us, &plan, err);
    bool is_wanted = code == FG_OK && plan.sources != NULL, is_on = area->is_network_on;
    if (code == FG_OK && !area->is_network_sent)
        code = was_on(area, &is_on, err);
    if (code == FG_OK && !is_wanted && !is_on) {
        area->is_network_sent = true; /* off, as it was */
        area->network_looked_us = area->facts_us;
    } else if (code == FG_OK && !(area->is_network_sent && plan.digest == area->network_digest)) {
        if (is_wanted)
            code = fg_grid_state_create(plan.network != 0 ? area->model : NULL, &plan.point, &state, err);
        if (code != FG_OK && !is_of_the_store(code)) { /* the network has no sound model */
            fg_log(FG_LOG_WARNING, "area.network_unusable", FG_LOG_NUMBER("area", (double)area->id), FG_LOG_TEXT("text", err->text));
            uint64_t seed = (uint64_t)plan.network;
            int32_t first = plan.point.first_period, end = first + plan.point.period_count;
            code = block_all(&plan, first, end, seed, err);
            if (code == FG_OK && !(area->is_network_sent && plan.digest == area->network_digest))
                code = fg_grid_state_create(NULL, &plan.point, &state, err);
        }
        if (code == FG_OK && !(area->is_network_sent && plan.digest == area->network_digest))
            code = send(area, &plan, state, now_us, err);
        if (code == FG_OK)
            code = remember(area, &plan, err);
    }
    if (code == FG_OK)
        area->network_looked_us = area->facts_us;
    fg_network_plan_release(&plan);
    return code;
}
