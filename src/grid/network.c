#include "grid/network.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fg_network *fg_network_create(void)
{
    struct fg_network *network = fg_alloc(1, sizeof *network);
    if (network == NULL)
        return NULL;
    fg_arena_init(&network->arena);
    network->base_mva = 1;
    network->frequency_hz = 50;
    network->name = "";
    return network;
}

void fg_network_destroy(struct fg_network *network)
{
    if (network == NULL)
        return;
    fg_free(network->buses);
    fg_free(network->branches);
    fg_free(network->switches);
    fg_free(network->injections);
    fg_free(network->generators);
    fg_free(network->storages);
    fg_free(network->shunts);
    fg_free(network->notes);
    fg_arena_release(&network->arena);
    fg_free(network);
}

const char *fg_network_string(struct fg_network *network, const char *text)
{
    return text ? fg_arena_strdup(&network->arena, text) : NULL;
}

/* Append a zeroed item to one of the element arrays; NULL when out of memory. */
#define APPEND(network, array, count, capacity)                                                            \
    (fg_grow((void **)&(network)->array, (network)->count, &(network)->capacity, sizeof *(network)->array) \
         ? NULL                                                                                            \
         : memset(&(network)->array[(network)->count], 0, sizeof *(network)->array))

struct fg_bus *fg_network_add_bus(struct fg_network *network, const char *id, double vn_kv)
{
    struct fg_bus *bus = APPEND(network, buses, bus_count, bus_capacity);
    if (bus == NULL || (bus->id = fg_network_string(network, id)) == NULL)
        return NULL;
    bus->vn_kv = vn_kv;
    bus->vm_max_pu = INFINITY;
    bus->vm_start_pu = 1;
    bus->x = bus->y = NAN;
    bus->in_service = true;
    network->bus_count++;
    return bus;
}

struct fg_branch *fg_network_add_branch(struct fg_network *network, const char *id, int32_t from, int32_t to)
{
    struct fg_branch *branch = APPEND(network, branches, branch_count, branch_capacity);
    if (branch == NULL || (branch->id = fg_network_string(network, id)) == NULL)
        return NULL;
    branch->from = from;
    branch->to = to;
    branch->ratio = 1;
    branch->rate_normal_mva = branch->rate_emergency_mva = INFINITY;
    branch->angle_min_rad = -INFINITY;
    branch->angle_max_rad = INFINITY;
    branch->in_service = branch->from_closed = branch->to_closed = true;
    branch->tap.regulated_bus = -1;
    network->branch_count++;
    return branch;
}

struct fg_switch *fg_network_add_switch(struct fg_network *network, const char *id, int32_t from, int32_t to,
                                        bool closed)
{
    struct fg_switch *item = APPEND(network, switches, switch_count, switch_capacity);
    if (item == NULL || (item->id = fg_network_string(network, id)) == NULL)
        return NULL;
    item->from = from;
    item->to = to;
    item->closed = closed;
    network->switch_count++;
    return item;
}

struct fg_injection *fg_network_add_injection(struct fg_network *network, const char *id, enum fg_injection_kind kind,
                                              int32_t bus, double p_mw, double q_mvar)
{
    struct fg_injection *item = APPEND(network, injections, injection_count, injection_capacity);
    if (item == NULL || (item->id = fg_network_string(network, id)) == NULL)
        return NULL;
    item->kind = kind;
    item->bus = bus;
    item->p_mw = p_mw;
    item->q_mvar = q_mvar;
    item->in_service = true;
    network->injection_count++;
    return item;
}

struct fg_generator *fg_network_add_generator(struct fg_network *network, const char *id, enum fg_generator_kind kind,
                                              int32_t bus)
{
    struct fg_generator *item = APPEND(network, generators, generator_count, generator_capacity);
    if (item == NULL || (item->id = fg_network_string(network, id)) == NULL)
        return NULL;
    item->kind = kind;
    item->bus = bus;
    item->p_min_mw = item->q_min_mvar = -INFINITY;
    item->p_max_mw = item->q_max_mvar = item->s_max_mva = item->ramp_mw_per_h = INFINITY;
    item->vm_set_pu = 1;
    item->in_service = true;
    network->generator_count++;
    return item;
}

struct fg_storage *fg_network_add_storage(struct fg_network *network, const char *id, int32_t bus)
{
    struct fg_storage *item = APPEND(network, storages, storage_count, storage_capacity);
    if (item == NULL || (item->id = fg_network_string(network, id)) == NULL)
        return NULL;
    item->bus = bus;
    item->q_min_mvar = -INFINITY;
    item->q_max_mvar = item->s_max_mva = INFINITY;
    item->charge_efficiency = item->discharge_efficiency = 1;
    item->in_service = true;
    network->storage_count++;
    return item;
}

struct fg_shunt *fg_network_add_shunt(struct fg_network *network, const char *id, int32_t bus, double g_mw,
                                      double b_mvar)
{
    struct fg_shunt *item = APPEND(network, shunts, shunt_count, shunt_capacity);
    if (item == NULL || (item->id = fg_network_string(network, id)) == NULL)
        return NULL;
    item->bus = bus;
    item->g_mw = g_mw;
    item->b_mvar = b_mvar;
    item->in_service = true;
    network->shunt_count++;
    return item;
}

enum fg_code fg_network_set_cost(struct fg_network *network, struct fg_cost *cost, enum fg_cost_kind kind,
                                 int32_t count, const double *values, struct fg_error *err)
{
    size_t numbers = (size_t)count * (kind == FG_COST_PIECEWISE ? 2 : 1);
    double *copy = fg_arena_alloc(&network->arena, numbers ? numbers : 1, sizeof *copy);
    if (copy == NULL)
        return fg_fail_memory(err);
    memcpy(copy, values, numbers * sizeof *copy);
    *cost = (struct fg_cost){kind, count, copy};
    return FG_OK;
}

enum fg_code fg_network_set_tap_points(struct fg_network *network, struct fg_tap_changer *tap, int32_t first,
                                       int32_t count, const struct fg_tap_point *points, struct fg_error *err)
{
    if ((size_t)count > FG_NETWORK_MOST_TAP_POINTS - network->tap_point_count)
        return fg_fail(err, FG_ERR_TOO_LARGE, network->name,
                       "the tap changers have more than %zu positions in all; shorten their ranges",
                       FG_NETWORK_MOST_TAP_POINTS);
    struct fg_tap_point *copy = fg_arena_alloc(&network->arena, (size_t)count, sizeof *copy);
    if (copy == NULL)
        return fg_fail_memory(err);
    network->tap_point_count += (size_t)count;
    memcpy(copy, points, (size_t)count * sizeof *copy);
    tap->points = copy;
    tap->point_first = first;
    tap->point_count = count;
    return FG_OK;
}

enum fg_code fg_network_note(struct fg_network *network, enum fg_note_kind kind, const char *place,
                             struct fg_error *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < network->note_count; i++)
        if (network->notes[i].kind == kind && strcmp(network->notes[i].text, text) == 0) {
            network->notes[i].count++;
            return FG_OK;
        }
    struct fg_note *note = APPEND(network, notes, note_count, note_capacity);
    if (note == NULL)
        return fg_fail_memory(err);
    note->kind = kind;
    note->place = fg_network_string(network, place ? place : "");
    note->text = fg_network_string(network, text);
    note->count = 1;
    if (note->place == NULL || note->text == NULL)
        return fg_fail_memory(err);
    network->note_count++;
    return FG_OK;
}

int32_t fg_network_find_bus(const struct fg_network *network, const char *id)
{
    for (size_t i = 0; i < network->bus_count; i++)
        if (strcmp(network->buses[i].id, id) == 0)
            return (int32_t)i;
    return -1;
}

int32_t fg_network_find_branch(const struct fg_network *network, const char *id)
{
    for (size_t i = 0; i < network->branch_count; i++)
        if (strcmp(network->branches[i].id, id) == 0)
            return (int32_t)i;
    return -1;
}

/* Copy an element array as it is; the strings and cost values are moved into the clone's arena afterwards. */
static bool array_copy(void **target, size_t *capacity, const void *source, size_t count, size_t size_bytes)
{
    *target = fg_alloc(count, size_bytes);
    if (*target == NULL)
        return false;
    *capacity = count;
    if (count != 0)
        memcpy(*target, source, count * size_bytes);
    return true;
}

#define COPY(clone, network, array, count, capacity)                                              \
    (array_copy((void **)&(clone)->array, &(clone)->capacity, (network)->array, (network)->count, \
                sizeof *(network)->array) &&                                                      \
     ((clone)->count = (network)->count, true))

static bool own_string(struct fg_network *network, const char **text)
{
    return *text == NULL || (*text = fg_arena_strdup(&network->arena, *text)) != NULL;
}

static bool own_cost(struct fg_network *network, struct fg_cost *cost)
{
    return cost->values == NULL ||
           fg_network_set_cost(network, cost, cost->kind, cost->count, cost->values, NULL) == FG_OK;
}

static bool own_tap_points(struct fg_network *network, struct fg_tap_changer *tap)
{
    return tap->points == NULL ||
           fg_network_set_tap_points(network, tap, tap->point_first, tap->point_count, tap->points, NULL) == FG_OK;
}

static bool own_everything(struct fg_network *clone)
{
    bool ok = own_string(clone, &clone->name);
    for (size_t i = 0; ok && i < clone->bus_count; i++)
        ok = own_string(clone, &clone->buses[i].id) && own_string(clone, &clone->buses[i].name) &&
             own_string(clone, &clone->buses[i].zone);
    for (size_t i = 0; ok && i < clone->branch_count; i++)
        ok = own_string(clone, &clone->branches[i].id) && own_string(clone, &clone->branches[i].name) &&
             own_string(clone, &clone->branches[i].origin) && own_tap_points(clone, &clone->branches[i].tap);
    for (size_t i = 0; ok && i < clone->switch_count; i++)
        ok = own_string(clone, &clone->switches[i].id);
    for (size_t i = 0; ok && i < clone->injection_count; i++)
        ok = own_string(clone, &clone->injections[i].id) && own_string(clone, &clone->injections[i].name);
    for (size_t i = 0; ok && i < clone->generator_count; i++)
        ok = own_string(clone, &clone->generators[i].id) && own_string(clone, &clone->generators[i].name) &&
             own_cost(clone, &clone->generators[i].cost) && own_cost(clone, &clone->generators[i].cost_reactive);
    for (size_t i = 0; ok && i < clone->storage_count; i++)
        ok = own_string(clone, &clone->storages[i].id) && own_string(clone, &clone->storages[i].name);
    for (size_t i = 0; ok && i < clone->shunt_count; i++)
        ok = own_string(clone, &clone->shunts[i].id);
    for (size_t i = 0; ok && i < clone->note_count; i++)
        ok = own_string(clone, &clone->notes[i].place) && own_string(clone, &clone->notes[i].text);
    return ok;
}

struct fg_network *fg_network_clone(const struct fg_network *network)
{
    struct fg_network *clone = fg_network_create();
    if (clone == NULL)
        return NULL;
    clone->name = network->name;
    clone->base_mva = network->base_mva;
    clone->frequency_hz = network->frequency_hz;
    if (COPY(clone, network, buses, bus_count, bus_capacity) &&
        COPY(clone, network, branches, branch_count, branch_capacity) &&
        COPY(clone, network, switches, switch_count, switch_capacity) &&
        COPY(clone, network, injections, injection_count, injection_capacity) &&
        COPY(clone, network, generators, generator_count, generator_capacity) &&
        COPY(clone, network, storages, storage_count, storage_capacity) &&
        COPY(clone, network, shunts, shunt_count, shunt_capacity) &&
        COPY(clone, network, notes, note_count, note_capacity) && own_everything(clone))
        return clone;
    fg_network_destroy(clone);
    return NULL;
}
