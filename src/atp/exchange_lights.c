/* The traffic light of an area's locations and of the buses with assets, compared with its rows: what differs is sent to the
 * engine, a few rows at a time. The rule is in docs/network-aware.md; reasons are words that callers may rely on.
 *
 * What is left on the grid is asked of the engine between its batches, for some periods at a time, so that no order waits
 * long for it. Only what is not green has a row. */
#include "atp/exchange_internal.h"

#include "atp/query.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 200, QUESTIONS_AT_ONCE = 200, PERIODS_MOST = 192, BUSES_WITHOUT_ASSETS = 50 };
static const int64_t MOST_W = INT64_C(1000000000000);

static const char halted[] = "halted", missing[] = "data_missing", stale_blocked[] = "data_stale", unusable[] = "network_unusable",
                  unsolved[] = "no_power_flow", violated[] = "limit_violated", cut[] = "trades_cut", narrow[] = "headroom", old[] = "data_stale_fallback",
                  blocked[] = "blocked", none[] = "free";

struct light_asset {
    int64_t id, owner, location, range_w;
    int32_t bus;
};
struct light_bus {
    int32_t number;
    int64_t registered_w; /* sum of the ranges of its approved assets */
    struct fg_grid_headroom *headroom; /* per period */
    unsigned char *is_cut; /* per period */
};
struct looking {
    struct exchange_area *area;
    struct fg_arena arena;
    int32_t first, count;
    struct light_asset *assets;
    struct light_bus *buses; /* by number */
    int64_t *halts;          /* locations that are halted */
    struct fg_light *lights;
    size_t asset_count, asset_capacity, bus_count, bus_capacity, halt_count, halt_capacity, light_count, light_capacity;
    bool is_area_halted, is_out_of_memory;
};

/* ---- what the database says ---- */

static int compare_buses(const void *a, const void *b)
{
    const struct light_bus *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static struct light_bus *find_bus(const struct looking *l, int32_t number)
{
    struct light_bus key = {.number = number};
    return l->bus_count > 0 ? bsearch(&key, l->buses, l->bus_count, sizeof key, compare_buses) : NULL;
}

static enum fg_code read_halts(struct looking *l, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(l->area->exchange->store, &sql, err, "SELECT scope, subject_id FROM book_halt WHERE area_id = $1", "i", l->area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        int64_t scope = fg_sql_column_int64(sql, 0);
        l->is_area_halted = l->is_area_halted || scope == FG_BOOK_SCOPE_AREA;
        if (scope != FG_BOOK_SCOPE_LOCATION)
            continue;
        if (fg_grow((void **)&l->halts, l->halt_count, &l->halt_capacity, sizeof *l->halts) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        l->halts[l->halt_count++] = fg_sql_column_int64(sql, 1);
    }
    return code;
}

static enum fg_code read_assets(struct looking *l, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(l->area->exchange->store, &sql, err,
                                 "SELECT s.id, s.organisation_id, s.location_id, s.p_max_w - s.p_min_w, b.number FROM asset s JOIN area_bus b ON "
                                 "b.area_id = s.area_id AND b.bus = s.bus WHERE s.area_id = $1 AND s.grid_status = 'approved' ORDER BY b.number, s.id",
                                 "i", l->area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        if (fg_grow((void **)&l->assets, l->asset_count, &l->asset_capacity, sizeof *l->assets) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        l->assets[l->asset_count++] = (struct light_asset){fg_sql_column_int64(sql, 0), fg_sql_column_int64(sql, 1),
                                                           fg_sql_column_int64(sql, 2), fg_sql_column_int64(sql, 3),
                                                           (int32_t)fg_sql_column_int64(sql, 4)};
    }
    return code;
}

static enum fg_code add_bus(struct looking *l, int32_t number, struct fg_error *err)
{
    if (fg_grow((void **)&l->buses, l->bus_count, &l->bus_capacity, sizeof *l->buses) != 0)
        return fg_fail_memory(err);
    struct light_bus *bus = &l->buses[l->bus_count++];
    *bus = (struct light_bus){.number = number};
    bus->headroom = fg_arena_alloc(&l->arena, (size_t)l->count, sizeof *bus->headroom);
    bus->is_cut = fg_arena_alloc(&l->arena, (size_t)l->count, 1);
    return bus->headroom != NULL && bus->is_cut != NULL ? FG_OK : fg_fail_memory(err);
}

static bool has_asset_inside(const struct looking *l, int64_t location)
{
    for (size_t i = 0; i < l->asset_count; i++)
        if (fg_facts_lies_in(l->area->facts, l->assets[i].location, location))
            return true;
    return false;
}

/* Buses with approved assets; of locations without any the first ones of their sets. */
static enum fg_code list_buses(struct looking *l, struct fg_error *err)
{
    const struct fg_facts *facts = l->area->facts;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < l->asset_count; i++) {
        if (l->bus_count == 0 || l->buses[l->bus_count - 1].number != l->assets[i].bus)
            code = add_bus(l, l->assets[i].bus, err);
        if (code == FG_OK)
            l->buses[l->bus_count - 1].registered_w += l->assets[i].range_w;
    }
    for (size_t k = 0; code == FG_OK && k < facts->location_count; k++) {
        if (!facts->locations[k].is_published || has_asset_inside(l, facts->locations[k].id))
            continue;
        int added = 0;
        for (size_t i = 0; code == FG_OK && i < facts->bus_count && added < BUSES_WITHOUT_ASSETS; i++) {
            if (facts->buses[i].location == 0 || !fg_facts_lies_in(facts, facts->buses[i].location, facts->locations[k].id))
                continue;
            added++;
            if (find_bus(l, facts->buses[i].number) == NULL) {
                code = add_bus(l, facts->buses[i].number, err);
                if (code == FG_OK)
                    qsort(l->buses, l->bus_count, sizeof *l->buses, compare_buses);
            }
        }
    }
    return code;
}

static enum fg_code read_cuts(struct looking *l, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(l->area->exchange->store, &sql, err,
                                 "SELECT bus, first_period, period_count FROM book_order WHERE area_id = $1 AND status = 'open' AND held_back = 1 AND "
                                 "bus >= 0",
                                 "i", l->area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        struct light_bus *bus = find_bus(l, (int32_t)fg_sql_column_int64(sql, 0));
        int64_t first = fg_sql_column_int64(sql, 1) - l->first;
        for (int64_t k = 0; bus != NULL && k < fg_sql_column_int64(sql, 2); k++)
            if (first + k >= 0 && first + k < l->count)
                bus->is_cut[first + k] = 1;
    }
    return code;
}

/* ---- what the engine says ---- */

struct question {
    struct looking *looking;
    int32_t from, to; /* periods */
};

static void read_headroom(struct fg_command *command, const struct fg_book *book)
{
    (void)book;
    const struct question *question = command->question;
    struct looking *l = question->looking;
    for (int32_t i = question->from; i < question->to; i++)
        for (size_t b = 0; b < l->bus_count; b++) {
            struct fg_grid_headroom *headroom = &l->buses[b].headroom[i];
            if (command->network == NULL)
                *headroom = (struct fg_grid_headroom){.up_w = -1, .down_w = -1, .check = FG_GRID_FREE};
            else
                fg_match_grid_headroom(command->network, l->buses[b].number, l->first + i, MOST_W, headroom);
        }
}

static enum fg_code ask_headroom(struct looking *l, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    int32_t step = l->bus_count > 0 ? (int32_t)(QUESTIONS_AT_ONCE / l->bus_count) : l->count;
    if (step < 1)
        step = 1;
    for (int32_t from = 0; code == FG_OK && l->bus_count > 0 && from < l->count; from += step) {
        struct question question = {l, from, from + step < l->count ? from + step : l->count};
        struct fg_command command = {.kind = FG_COMMAND_READ, .read = read_headroom, .question = &question};
        code = exchange_run(l->area, &command, err);
    }
    return code;
}

/* ---- the rule ---- */

static char source_of(const struct looking *l, int32_t at)
{
    int64_t index = (int64_t)l->first + at - l->area->network_first;
    const char *sources = l->area->network_sources;
    return sources != NULL && index >= 0 && index < l->area->network_count ? sources[index] : 'n';
}

/* Halted, blocked: the same for everything in the location. */
static const char *common_reason(const struct looking *l, int64_t location, int32_t at, enum fg_grid_check check)
{
    for (size_t i = 0; i < l->halt_count; i++)
        if (fg_facts_lies_in(l->area->facts, location, l->halts[i]))
            return halted;
    if (l->is_area_halted)
        return halted;
    if (check != FG_GRID_BLOCKED || !l->area->is_network_on)
        return NULL;
    switch (source_of(l, at)) {
    case 'm': return missing;
    case 's': return stale_blocked;
    case 'e': return unusable;
    default: break;
    }
    int64_t index = (int64_t)l->first + at - l->area->network_first;
    return index >= 0 && index < l->area->network_count ? unsolved : blocked;
}

static const char *bus_reason(const struct light_bus *bus, int32_t at)
{
    const struct fg_grid_headroom *headroom = &bus->headroom[at];
    if (headroom->check != FG_GRID_DC && headroom->check != FG_GRID_AC)
        return NULL;
    if (headroom->is_broken)
        return violated;
    if (bus->is_cut[at])
        return cut;
    return headroom->up_w < bus->registered_w || headroom->down_w < bus->registered_w ? narrow : NULL;
}

static enum fg_light_colour colour_of(const char *reason)
{
    if (reason == none)
        return FG_LIGHT_GREEN;
    return reason == cut || reason == narrow || reason == old ? FG_LIGHT_YELLOW : FG_LIGHT_RED;
}

static int rank_of(const char *reason)
{
    return reason == violated ? 3 : reason == cut ? 2 : reason == narrow ? 1 : 0;
}

static void add_light(struct looking *l, const struct fg_light *light)
{
    if (light->reason == none)
        return;
    if (fg_grow((void **)&l->lights, l->light_count, &l->light_capacity, sizeof *l->lights) != 0)
        l->is_out_of_memory = true;
    else
        l->lights[l->light_count++] = *light;
}

static void look_at_location(struct looking *l, int64_t location)
{
    const struct fg_facts *facts = l->area->facts;
    unsigned char *inside = fg_alloc(l->bus_count, 1);
    if (inside == NULL) {
        l->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < facts->bus_count; i++)
        if (facts->buses[i].location != 0 && fg_facts_lies_in(facts, facts->buses[i].location, location)) {
            struct light_bus *bus = find_bus(l, facts->buses[i].number);
            if (bus != NULL)
                inside[bus - l->buses] = 1;
        }
    for (int32_t at = 0; at < l->count; at++) {
        struct fg_light light = {.subject = FG_LIGHT_LOCATION, .subject_id = location, .period = l->first + at, .reason = none, .up_w = -1,
                                 .down_w = -1};
        const char *worst = NULL;
        enum fg_grid_check check = FG_GRID_FREE;
        for (size_t b = 0; b < l->bus_count; b++) {
            const struct fg_grid_headroom *headroom = &l->buses[b].headroom[at];
            if (!inside[b])
                continue;
            check = headroom->check;
            const char *reason = bus_reason(&l->buses[b], at);
            worst = reason != NULL && (worst == NULL || rank_of(reason) > rank_of(worst)) ? reason : worst;
            if (headroom->check == FG_GRID_DC || headroom->check == FG_GRID_AC) {
                light.up_w = light.up_w < 0 || headroom->up_w < light.up_w ? headroom->up_w : light.up_w;
                light.down_w = light.down_w < 0 || headroom->down_w < light.down_w ? headroom->down_w : light.down_w;
            }
        }
        const char *common = common_reason(l, location, at, check);
        char source = source_of(l, at);
        bool is_old = l->area->is_network_on && (source == 's' || source == 'm' || source == 'o');
        light.reason = common != NULL ? common : worst != NULL ? worst : is_old ? old : none;
        light.colour = colour_of(light.reason);
        add_light(l, &light);
    }
    fg_free(inside);
}

static void look_at_bus(struct looking *l, const struct light_bus *bus)
{
    for (int32_t at = 0; at < l->count; at++) {
        const char *reason = bus_reason(bus, at);
        struct fg_light light = {.subject = FG_LIGHT_BUS, .subject_id = bus->number, .period = l->first + at,
                                 .reason = reason != NULL ? reason : none, .up_w = bus->headroom[at].up_w, .down_w = bus->headroom[at].down_w};
        light.colour = colour_of(light.reason);
        if (bus->registered_w > 0)
            add_light(l, &light);
    }
}

static enum fg_code look(struct looking *l, struct fg_error *err)
{
    const struct fg_facts *facts = l->area->facts;
    struct fg_store *store = l->area->exchange->store;
    enum fg_code code = fg_store_begin(store, FG_STORE_READ, err);
    if (code != FG_OK)
        return code;
    code = read_halts(l, err);
    if (code == FG_OK && l->area->is_network_on)
        code = read_assets(l, err);
    if (code == FG_OK && l->area->is_network_on)
        code = list_buses(l, err);
    if (code == FG_OK && l->bus_count > 0)
        code = read_cuts(l, err);
    fg_store_rollback(store);
    if (code == FG_OK)
        code = ask_headroom(l, err);
    for (size_t k = 0; code == FG_OK && k < facts->location_count; k++)
        if (facts->locations[k].is_published)
            look_at_location(l, facts->locations[k].id);
    for (size_t b = 0; code == FG_OK && b < l->bus_count; b++)
        look_at_bus(l, &l->buses[b]);
    return code == FG_OK && l->is_out_of_memory ? fg_fail_memory(err) : code;
}

/* ---- what differs ---- */

static int compare_lights(const void *a, const void *b)
{
    const struct fg_light *x = a, *y = b;
    if (x->subject != y->subject)
        return x->subject < y->subject ? -1 : 1;
    if (x->subject_id != y->subject_id)
        return x->subject_id < y->subject_id ? -1 : 1;
    return x->period < y->period ? -1 : x->period > y->period;
}

struct changes {
    struct fg_light *items;
    size_t count, capacity;
};

static enum fg_code add_change(struct changes *changes, struct fg_light light, struct fg_error *err)
{
    if (fg_grow((void **)&changes->items, changes->count, &changes->capacity, sizeof *changes->items) != 0)
        return fg_fail_memory(err);
    changes->items[changes->count++] = light;
    return FG_OK;
}

/* A light that is different now; a bus is told to the owners of its assets. */
static enum fg_code note_change(const struct looking *l, struct changes *changes, struct fg_light light, bool is_told, struct fg_error *err)
{
    light.is_stored = true;
    light.is_told = is_told && light.subject == FG_LIGHT_LOCATION;
    enum fg_code code = add_change(changes, light, err);
    light.is_stored = false;
    light.is_told = true;
    size_t at = 0, end = l->asset_count; /* by bus */
    while (at < end) {
        size_t middle = at + (end - at) / 2;
        if (l->assets[middle].bus < light.subject_id)
            at = middle + 1;
        else
            end = middle;
    }
    for (; code == FG_OK && is_told && light.subject == FG_LIGHT_BUS && at < l->asset_count && l->assets[at].bus == light.subject_id; at++) {
        light.asset = l->assets[at].id;
        light.owner = l->assets[at].owner;
        code = add_change(changes, light, err);
    }
    return code;
}

static enum fg_code list_changes(const struct looking *l, const struct exchange_area *area, struct changes *changes, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    size_t i = 0, k = 0;
    while (code == FG_OK && (i < area->light_count || k < l->light_count)) {
        int order = i == area->light_count ? 1 : k == l->light_count ? -1 : compare_lights(&area->lights[i], &l->lights[k]);
        if (order < 0) { /* green again, or over */
            struct fg_light light = area->lights[i++];
            light.colour = FG_LIGHT_GREEN;
            light.reason = none;
            if (light.period >= l->first)
                code = note_change(l, changes, light, true, err);
        } else if (order > 0) {
            code = note_change(l, changes, l->lights[k++], true, err);
        } else {
            const struct fg_light *was = &area->lights[i++], *is = &l->lights[k++];
            bool is_other = was->colour != is->colour || strcmp(was->reason, is->reason) != 0;
            if (is_other || was->up_w != is->up_w || was->down_w != is->down_w)
                code = note_change(l, changes, *is, is_other, err);
        }
    }
    return code;
}

static enum fg_code send_changes(struct exchange_area *area, const struct looking *l, const struct changes *changes, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t from = 0; code == FG_OK && from < changes->count; from += ROWS_AT_ONCE) {
        struct fg_command command = {.kind = FG_COMMAND_LIGHTS, .lights = changes->items + from, .lights_before = l->first,
                                     .light_count = changes->count - from < ROWS_AT_ONCE ? changes->count - from : ROWS_AT_ONCE};
        code = exchange_run(area, &command, err);
    }
    return code;
}

static const char *constant_reason(const char *text)
{
    static const char *const all[] = {halted, missing, stale_blocked, unusable, unsolved, violated, cut, narrow, old, blocked};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], text) == 0)
            return all[i];
    return blocked;
}

/* The rows that an earlier keeper has left. */
static enum fg_code load_lights(struct exchange_area *area, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    exchange_forget_lights(area);
    enum fg_code code = fg_query(area->exchange->store, &sql, err,
                                 "SELECT subject, subject_id, period, colour, reason, up_w, down_w FROM traffic_light WHERE area_id = $1 ORDER BY "
                                 "subject, subject_id, period",
                                 "i", area->id);
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            break;
        if (fg_grow((void **)&area->lights, area->light_count, &capacity, sizeof *area->lights) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        area->lights[area->light_count++] = (struct fg_light){
            .subject = (enum fg_light_subject)fg_sql_column_int64(sql, 0), .subject_id = fg_sql_column_int64(sql, 1),
            .period = (int32_t)fg_sql_column_int64(sql, 2),
            .colour = strcmp(fg_sql_column_text(sql, 3), "red") == 0 ? FG_LIGHT_RED : FG_LIGHT_YELLOW,
            .reason = constant_reason(fg_sql_column_text(sql, 4)), .up_w = fg_sql_column_int64(sql, 5), .down_w = fg_sql_column_int64(sql, 6)};
    }
    area->are_lights_known = code == FG_OK;
    return code;
}

void exchange_forget_lights(struct exchange_area *area)
{
    fg_free(area->lights);
    area->lights = NULL;
    area->light_count = 0;
    area->are_lights_known = false;
    area->lights_us = area->lights_checked_us = 0;
    area->lights_sequence = 0;
}

/* From the period that runs on: what can be seen of the open ones. */
static void set_periods(const struct exchange_area *area, struct looking *l, int64_t now_us)
{
    l->first = (int32_t)(now_us / 1000000 / area->facts->period_s);
    l->count = 1;
    for (int kind = FG_PRODUCT_ACTIVE; kind <= FG_PRODUCT_REACTIVE; kind++) {
        struct fg_gate_window window;
        if (exchange_window(area, (enum fg_product)kind, now_us, &window) && window.end - l->first > l->count)
            l->count = window.end - l->first;
    }
    if (l->count > PERIODS_MOST)
        l->count = PERIODS_MOST;
}

enum fg_code exchange_apply_lights(struct exchange_area *area, struct fg_error *err)
{
    struct looking l = {.area = area};
    struct changes changes = {0};
    int64_t now_us = exchange_now_us(area->exchange), sequence = 0;
    if (area->lights_checked_us == area->facts_us)
        return FG_OK;
    set_periods(area, &l, now_us);
    enum fg_code code = fg_query_number(area->exchange->store, &sequence, err,
                                        "SELECT COALESCE(MAX(event_sequence), 0) FROM area_state WHERE area_id = $1", "i", area->id);
    if (code != FG_OK)
        return code;
    if (area->are_lights_known && (uint64_t)sequence == area->lights_sequence && l.first == area->lights_period &&
        area->facts_us - area->lights_us < 20 * FG_FACTS_REFRESH_US) { /* assets change without events */
        area->lights_checked_us = area->facts_us;
        return FG_OK;
    }
    fg_arena_init(&l.arena);
    if (!area->are_lights_known)
        code = load_lights(area, err);
    if (code == FG_OK)
        code = look(&l, err);
    if (code == FG_OK)
        code = list_changes(&l, area, &changes, err);
    if (code == FG_OK)
        code = send_changes(area, &l, &changes, err);
    if (code == FG_OK) {
        fg_free(area->lights);
        area->lights = l.lights;
        area->light_count = l.light_count;
        l.lights = NULL;
        area->lights_us = area->lights_checked_us = area->facts_us;
        area->lights_sequence = (uint64_t)sequence;
        area->lights_period = l.first;
    } else {
        area->are_lights_known = false; /* some rows may have been written */
    }
    fg_free(l.assets);
    fg_free(l.buses);
    fg_free(l.halts);
    fg_free(l.lights);
    fg_free(changes.items);
    fg_arena_release(&l.arena);
    return code;
}
