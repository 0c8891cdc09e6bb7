/* Network to the own JSON format: the field tables of network_json_fields.c, elements one a line, defaults left out. */
#include "base/json.h"
#include "grid/network_json.h"
#include "grid/network_json_fields.h"

#include <math.h>
#include <string.h>

static const char *bus_id(const struct fg_network *network, int32_t bus)
{
    return bus >= 0 && (size_t)bus < network->bus_count ? network->buses[bus].id : NULL;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* The members that differ from the default or are required. */
static void put_fields(struct fg_json_writer *writer, const struct fg_network *network, const struct fg_field *fields,
                       const void *element, const void *defaults)
{
    for (const struct fg_field *f = fields; f->key != NULL; f++) {
        const char *at = (const char *)element + f->offset, *standard = (const char *)defaults + f->offset;
        switch (f->type) {
        case FG_FIELD_TEXT: {
            const char *text;
            memcpy(&text, at, sizeof text);
            if (text != NULL)
                fg_json_put_string(writer, f->key, text);
            break;
        }
        case FG_FIELD_NUMBER:
        case FG_FIELD_NULLABLE: {
            double number, usual;
            memcpy(&number, at, sizeof number);
            memcpy(&usual, standard, sizeof usual);
            if (f->is_required || !same_number(number, usual))
                fg_json_put_number(writer, f->key, number); /* NAN becomes null */
            break;
        }
        case FG_FIELD_INTEGER: {
            int32_t number, usual;
            memcpy(&number, at, sizeof number);
            memcpy(&usual, standard, sizeof usual);
            if (f->is_required || number != usual)
                fg_json_put_integer(writer, f->key, number);
            break;
        }
        case FG_FIELD_BOOL: {
            bool value, usual;
            memcpy(&value, at, sizeof value);
            memcpy(&usual, standard, sizeof usual);
            if (f->is_required || value != usual)
                fg_json_put_bool(writer, f->key, value);
            break;
        }
        case FG_FIELD_WORD: {
            int value, usual; /* the enums of the model are ints */
            memcpy(&value, at, sizeof value);
            memcpy(&usual, standard, sizeof usual);
            if (f->is_required || value != usual)
                fg_json_put_string(writer, f->key, f->words[value]);
            break;
        }
        case FG_FIELD_BUS: {
            int32_t bus;
            memcpy(&bus, at, sizeof bus);
            if (bus_id(network, bus) != NULL)
                fg_json_put_string(writer, f->key, bus_id(network, bus));
            break;
        }
        }
    }
}

static void put_cost(struct fg_json_writer *writer, const char *key, const struct fg_cost *cost)
{
    if (cost->kind == FG_COST_NONE)
        return;
    bool is_polynomial = cost->kind == FG_COST_POLYNOMIAL;
    fg_json_begin_row_object(writer, key);
    fg_json_put_string(writer, "kind", is_polynomial ? "polynomial" : "piecewise");
    fg_json_begin_row(writer, is_polynomial ? "coefficients" : "points");
    for (int32_t k = 0; k < cost->count; k++) {
        if (is_polynomial) {
            fg_json_put_number(writer, NULL, cost->values[k]);
            continue;
        }
        fg_json_begin_row(writer, NULL);
        fg_json_put_number(writer, NULL, cost->values[2 * k]);
        fg_json_put_number(writer, NULL, cost->values[2 * k + 1]);
        fg_json_end_array(writer);
    }
    fg_json_end_array(writer);
    fg_json_end_object(writer);
}

static void put_tap(struct fg_json_writer *writer, const struct fg_network *network, const struct fg_tap_changer *tap,
                    const struct fg_tap_changer *standard)
{
    static const struct fg_tap_point no_point = {0};
    if (!tap->exists)
        return;
    fg_json_begin_row_object(writer, "tap");
    put_fields(writer, network, fg_tap_fields, tap, standard);
    if (tap->points != NULL) {
        fg_json_begin_row(writer, "points");
        for (int32_t k = 0; k < tap->point_count; k++) {
            fg_json_begin_row_object(writer, NULL);
            put_fields(writer, network, fg_tap_point_fields, &tap->points[k], &no_point);
            fg_json_end_object(writer);
        }
        fg_json_end_array(writer);
    }
    fg_json_end_object(writer);
}

static void begin_element(struct fg_json_writer *writer, const char *id)
{
    fg_json_begin_row_object(writer, NULL);
    fg_json_put_string(writer, "id", id);
}

/* An array of elements that consist of their fields alone. */
#define PUT_ALL(key, array, count, fields, standard)                            \
    do {                                                                        \
        if (network->count == 0)                                                \
            break;                                                              \
        fg_json_begin_array(&writer, key);                                      \
        for (size_t i = 0; i < network->count; i++) {                           \
            begin_element(&writer, network->array[i].id);                       \
            put_fields(&writer, network, fields, &network->array[i], standard); \
            fg_json_end_object(&writer);                                        \
        }                                                                       \
        fg_json_end_array(&writer);                                             \
    } while (0)

static void put_network(const struct fg_network *network, const struct fg_network_defaults *defaults,
                        struct fg_text *text)
{
    struct fg_json_writer writer;
    fg_json_writer_init(&writer, text, true);
    fg_json_begin_object(&writer, NULL);
    fg_json_put_integer(&writer, "flexgrid_network", FG_NETWORK_JSON_VERSION);
    fg_json_put_string(&writer, "name", network->name);
    fg_json_put_number(&writer, "base_mva", network->base_mva);
    fg_json_put_number(&writer, "frequency_hz", network->frequency_hz);
    PUT_ALL("buses", buses, bus_count, fg_bus_fields, defaults->bus);
    if (network->branch_count != 0) {
        fg_json_begin_array(&writer, "branches");
        for (size_t i = 0; i < network->branch_count; i++) {
            begin_element(&writer, network->branches[i].id);
            put_fields(&writer, network, fg_branch_fields, &network->branches[i], defaults->branch);
            put_tap(&writer, network, &network->branches[i].tap, &defaults->branch->tap);
            fg_json_end_object(&writer);
        }
        fg_json_end_array(&writer);
    }
    PUT_ALL("switches", switches, switch_count, fg_switch_fields, defaults->item);
    PUT_ALL("injections", injections, injection_count, fg_injection_fields, defaults->injection);
    if (network->generator_count != 0) {
        fg_json_begin_array(&writer, "generators");
        for (size_t i = 0; i < network->generator_count; i++) {
            begin_element(&writer, network->generators[i].id);
            put_fields(&writer, network, fg_generator_fields, &network->generators[i], defaults->generator);
            put_cost(&writer, "cost", &network->generators[i].cost);
            put_cost(&writer, "cost_reactive", &network->generators[i].cost_reactive);
            fg_json_end_object(&writer);
        }
        fg_json_end_array(&writer);
    }
    PUT_ALL("storages", storages, storage_count, fg_storage_fields, defaults->storage);
    PUT_ALL("shunts", shunts, shunt_count, fg_shunt_fields, defaults->shunt);
    if (network->note_count != 0) {
        fg_json_begin_array(&writer, "notes");
        for (size_t i = 0; i < network->note_count; i++) {
            const struct fg_note *note = &network->notes[i];
            fg_json_begin_row_object(&writer, NULL);
            fg_json_put_string(&writer, "kind", fg_note_words[note->kind]);
            fg_json_put_string(&writer, "place", note->place);
            fg_json_put_string(&writer, "text", note->text);
            fg_json_put_integer(&writer, "count", (int64_t)note->count);
            fg_json_end_object(&writer);
        }
        fg_json_end_array(&writer);
    }
    fg_json_end_object(&writer);
}

enum fg_code fg_network_json_format(const struct fg_network *network, struct fg_text *text, struct fg_error *err)
{
    struct fg_network_defaults defaults;
    bool ok = fg_network_defaults_init(&defaults);
    if (ok)
        put_network(network, &defaults, text);
    fg_network_defaults_release(&defaults);
    return ok && !text->failed ? FG_OK : fg_fail_memory(err);
}

enum fg_code fg_network_json_write(const struct fg_network *network, const char *path, struct fg_error *err)
{
    struct fg_text text;
    fg_text_init(&text);
    enum fg_code code = fg_network_json_format(network, &text, err);
    if (code == FG_OK)
        code = fg_file_write(path, text.data, text.length, err);
    fg_text_release(&text);
    return code;
}
