/* The network state in the engine. It is made outside (exchange_network.c), stored with everything it was made from, and
 * enters as a command; the row of area_network says which one is in force, so that recovery makes the same one again. */
#include "atp/engine_internal.h"
#include "atp/id.h"
#include "atp/network_state.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/json.h"

#include <stdio.h>

const char *const fg_light_words[] = {"green", "yellow", "red", NULL};

static enum fg_code make_match(struct engine_area *area, struct fg_error *err)
{
    return area->match != NULL ? FG_OK : fg_match_grid_create(area->settings.tick, &area->match, err);
}

enum fg_code engine_network_load(struct engine_area *area, const struct fg_book_trade *trades, size_t count,
                                 struct fg_error *err)
{
    int64_t version = 0;
    struct fg_grid_state *state = NULL;
    enum fg_code code = fg_query_number(area->store, &version, err, "SELECT version FROM area_network WHERE area_id = $1", "i",
                                        area->id);
    if (code == FG_ERR_NOT_FOUND)
        return FG_OK;
    if (code == FG_OK)
        code = fg_network_state_load(area->store, area->id, version, &state, err);
    if (code != FG_OK || state == NULL)
        return code;
    code = make_match(area, err);
    if (code != FG_OK) {
        fg_grid_state_destroy(state);
        return code;
    }
    code = fg_match_grid_set_state(area->match, state, err);
    for (size_t i = 0; code == FG_OK && i < count; i++)
        code = fg_match_grid_restore(area->match, &trades[i].flow, trades[i].quantity.w, err);
    area->is_network_on = code == FG_OK;
    return code;
}

/* All trades that the book knows: when the check is switched on. */
static enum fg_code restore_trades(struct engine_area *area, struct fg_error *err)
{
    uint64_t priority, next;
    enum fg_code code = FG_OK;
    fg_match_grid_clear(area->match);
    fg_book_next_numbers(area->book, &priority, &next);
    for (uint64_t id = next; code == FG_OK && id-- > 1;) {
        const struct fg_book_trade *trade = fg_book_find_trade(area->book, id);
        if (trade == NULL)
            break; /* the book has forgotten it and all before */
        code = fg_match_grid_restore(area->match, &trade->flow, trade->quantity.w, err);
    }
    return code;
}

enum fg_refusal engine_network_apply(struct engine_area *area, struct fg_command *command, enum fg_code *code)
{
    struct fg_error *err = &command->err;
    struct fg_book_network network;
    bool is_on = command->network_state != NULL;
    if (is_on) {
        *code = make_match(area, err);
        if (*code == FG_OK && !area->is_network_on)
            *code = restore_trades(area, err);
        if (*code == FG_OK) {
            *code = fg_match_grid_set_state(area->match, command->network_state, err);
            command->network_state = NULL;
        }
        if (*code != FG_OK)
            return FG_REFUSAL_NONE; /* the batch is taken back, and the memory dropped */
        network = fg_match_grid_interface(area->match);
    }
    *code = fg_change(area->store, NULL, err,
                      "INSERT INTO area_network (area_id, version, applied_us) VALUES ($1, $2, $3) ON CONFLICT (area_id) DO "
                      "UPDATE SET version = excluded.version, applied_us = excluded.applied_us",
                      "iii", area->id, command->network_version, command->time_us);
    if (*code == FG_OK)
        *code = engine_write_message(area, "network.changed", command->time_us, NULL, command->text != NULL ? command->text : "{}", err);
    if (*code != FG_OK)
        return FG_REFUSAL_NONE;
    area->is_network_on = is_on;
    enum fg_refusal refusal = fg_book_network_changed(area->book, command->time_us, is_on ? &network : NULL, err);
    if (!is_on) {
        fg_match_grid_destroy(area->match);
        area->match = NULL;
    }
    return refusal;
}

/* -- traffic light --------------------------------------------------------------------------------------------------- */

static enum fg_code write_light(struct engine_area *area, const struct fg_light *light, int64_t time_us, struct fg_error *err)
{
    if (light->colour == FG_LIGHT_GREEN)
        return fg_change(area->store, NULL, err,
                         "DELETE FROM traffic_light WHERE area_id = $1 AND subject = $2 AND subject_id = $3 AND period = $4", "iiii",
                         area->id, (int64_t)light->subject, light->subject_id, (int64_t)light->period);
    return fg_change(area->store, NULL, err,
                     "INSERT INTO traffic_light (area_id, subject, subject_id, period, colour, reason, up_w, down_w, since_us) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (area_id, subject, subject_id, period) DO UPDATE "
                     "SET since_us = CASE WHEN traffic_light.colour = excluded.colour AND traffic_light.reason = "
                     "excluded.reason THEN traffic_light.since_us ELSE excluded.since_us END, colour = excluded.colour, "
                     "reason = excluded.reason, up_w = excluded.up_w, down_w = excluded.down_w",
                     "iiiittiii", area->id, (int64_t)light->subject, light->subject_id, (int64_t)light->period,
                     fg_light_words[light->colour], light->reason, light->up_w, light->down_w, time_us);
}

/* Consecutive periods of one location or asset with the same light are one event. */
static enum fg_code tell_lights(struct engine_area *area, const struct fg_light *first, size_t count, int64_t time_us,
                                struct fg_error *err)
{
    struct fg_text text;
    struct fg_json_writer out;
    char id[FG_ID_TEXT], start[FG_INSTANT_TEXT];
    fg_text_init(&text);
    fg_json_writer_init(&out, &text, false);
    fg_json_begin_object(&out, NULL);
    if (first->asset != 0)
        fg_json_put_string(&out, "asset", fg_id_text(FG_ID_ASSET, first->asset, id));
    else
        fg_json_put_string(&out, "location", fg_id_text(FG_ID_LOCATION, first->subject_id, id));
    fg_json_put_string(&out, "start", fg_instant_format((int64_t)first->period * area->settings.period_s, start));
    fg_json_put_integer(&out, "periods", (int64_t)count);
    fg_json_put_string(&out, "colour", fg_light_words[first->colour]);
    fg_json_put_string(&out, "reason", first->reason);
    fg_json_end_object(&out);
    const char *scope = first->owner != 0 ? fg_id_text(FG_ID_ORGANISATION, first->owner, id) : NULL;
    enum fg_code code = text.failed ? fg_fail_memory(err)
                                    : engine_write_message(area, "traffic_light.changed", time_us, scope, text.data, err);
    fg_text_release(&text);
    return code;
}

static bool goes_on(const struct fg_light *light, const struct fg_light *next)
{
    return next->subject == light->subject && next->subject_id == light->subject_id && next->asset == light->asset &&
           next->period == light->period + 1 && next->colour == light->colour && next->reason == light->reason &&
           next->is_told == light->is_told;
}

enum fg_code engine_lights_write(struct engine_area *area, const struct fg_command *command, struct fg_error *err)
{
    enum fg_code code = fg_change(area->store, NULL, err, "DELETE FROM traffic_light WHERE area_id = $1 AND period < $2", "ii",
                                  area->id, command->lights_before);
    for (size_t i = 0, first = 0; code == FG_OK && i < command->light_count; i++) {
        const struct fg_light *light = &command->lights[i];
        if (light->is_stored)
            code = write_light(area, light, command->time_us, err);
        if (code != FG_OK || (i + 1 < command->light_count && goes_on(light, light + 1)))
            continue;
        if (light->is_told)
            code = tell_lights(area, &command->lights[first], i + 1 - first, command->time_us, err);
        first = i + 1;
    }
    return code;
}
