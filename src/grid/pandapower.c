#include "grid/pandapower.h"

#include "grid/network_read.h"
#include "grid/pandapower_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAD_PER_DEGREE (3.14159265358979323846 / 180)

enum fg_code fg_pp_each(struct fg_pp_reader *reader, const char *name, fg_pp_row_reader *read)
{
    struct fg_pp_table table;
    enum fg_code code = fg_pp_table_open(&table, reader->net, name, reader->err);
    for (size_t i = 0; code == FG_OK && i < table.row_count; i++) {
        struct fg_pp_row row = fg_pp_table_row(&table, i, reader->err);
        code = row.code == FG_OK ? read(reader, &row) : row.code;
    }
    fg_pp_table_close(&table);
    return code;
}

const char *fg_pp_id(const struct fg_pp_row *row, char id[FG_PP_ID])
{
    snprintf(id, FG_PP_ID, "%.32s_%lld", row->table->name, (long long)row->index);
    return id;
}

int32_t fg_pp_bus(struct fg_pp_reader *reader, struct fg_pp_row *row, const char *column)
{
    int64_t index = fg_pp_need_integer(row, column);
    if (row->code != FG_OK)
        return -1;
    char id[FG_PP_ID];
    snprintf(id, sizeof id, "%lld", (long long)index);
    int32_t bus = fg_names_find(&reader->buses, id);
    if (bus < 0)
        fg_pp_refuse(row, column, FG_ERR_NETWORK, "bus %s is not in the table bus; correct the reference", id);
    return bus;
}

const char *fg_pp_name(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_json_cursor cell = fg_pp_cell(row, "name");
    char text[32];
    const char *name = json_string_value(cell.value);
    if (json_is_number(cell.value)) {
        snprintf(text, sizeof text, "%.15g", json_number_value(cell.value));
        name = text;
    }
    if (name == NULL)
        return NULL;
    const char *copy = fg_network_string(reader->network, name);
    if (copy == NULL)
        row->code = fg_fail_memory(reader->err);
    return copy;
}

enum fg_code fg_pp_note(struct fg_pp_reader *reader, const struct fg_pp_row *row, enum fg_note_kind kind,
                        const char *format, ...)
{
    char place[256], text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fg_network_note(reader->network, kind, fg_json_place(&row->cells, place, sizeof place), reader->err, "%s",
                           text);
}

double fg_pp_base_ohm(const struct fg_pp_reader *reader, int32_t bus)
{
    double vn_kv = reader->network->buses[bus].vn_kv;
    return vn_kv * vn_kv / reader->sn_mva;
}

/* A GeoJSON point in a string cell. Drawings only: what cannot be read is noted, not refused. */
static enum fg_code read_geo(struct fg_pp_reader *reader, struct fg_pp_row *row, double *x, double *y)
{
    const char *text = fg_pp_string(row, "geo");
    if (text == NULL || *text == '\0')
        return FG_OK;
    json_t *geo = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *point = json_object_get(geo, "coordinates");
    const json_t *first = json_array_get(point, 0), *second = json_array_get(point, 1);
    bool is_point = json_is_number(first) && json_is_number(second);
    if (is_point) {
        *x = json_number_value(first);
        *y = json_number_value(second);
    }
    json_decref(geo);
    return is_point ? FG_OK : fg_pp_note(reader, row, FG_NOTE_IGNORED, "bus geo data that is not a GeoJSON point");
}

static enum fg_code read_bus(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    char id[FG_PP_ID];
    snprintf(id, sizeof id, "%lld", (long long)row->index);
    double vn_kv = fg_pp_need(row, "vn_kv");
    if (row->code == FG_OK && !(vn_kv > 0))
        fg_pp_refuse(row, "vn_kv", FG_ERR_VALUE, "nominal voltage is %g kV; give a positive one", vn_kv);
    if (row->code != FG_OK)
        return row->code;
    struct fg_bus *bus = fg_network_add_bus(reader->network, id, vn_kv);
    if (bus == NULL || fg_names_add(&reader->buses, bus->id, (int32_t)reader->network->bus_count - 1))
        return fg_fail_memory(reader->err);
    bus->name = fg_pp_name(reader, row);
    bus->in_service = fg_pp_bool(row, "in_service", true);
    bus->vm_min_pu = fg_pp_number(row, "min_vm_pu", 0);
    bus->vm_max_pu = fg_pp_number(row, "max_vm_pu", INFINITY);
    const char *zone = fg_pp_string(row, "zone");
    if (zone != NULL && (bus->zone = fg_network_string(reader->network, zone)) == NULL)
        return fg_fail_memory(reader->err);
    struct fg_json_cursor cell = fg_pp_cell(row, "zone");
    if (json_is_number(cell.value)) {
        snprintf(id, sizeof id, "%.15g", json_number_value(cell.value));
        if ((bus->zone = fg_network_string(reader->network, id)) == NULL)
            return fg_fail_memory(reader->err);
    }
    enum fg_code code = read_geo(reader, row, &bus->x, &bus->y);
    return code == FG_OK ? row->code : code;
}

/* Tables that run along the bus table by index; rows of other buses are ignored, as pandapower does. */
static struct fg_bus *bus_of_row(struct fg_pp_reader *reader, const struct fg_pp_row *row)
{
    char id[FG_PP_ID];
    snprintf(id, sizeof id, "%lld", (long long)row->index);
    int32_t bus = fg_names_find(&reader->buses, id);
    return bus < 0 ? NULL : &reader->network->buses[bus];
}

static enum fg_code read_bus_geodata(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_bus *bus = bus_of_row(reader, row);
    if (bus != NULL) {
        bus->x = fg_pp_number(row, "x", NAN);
        bus->y = fg_pp_number(row, "y", NAN);
    }
    return row->code;
}

static enum fg_code read_bus_result(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    struct fg_bus *bus = bus_of_row(reader, row);
    double vm = fg_pp_number(row, "vm_pu", NAN), va = fg_pp_number(row, "va_degree", NAN);
    if (bus != NULL && vm > 0 && isfinite(va)) {
        bus->vm_start_pu = vm;
        bus->va_start_rad = va * RAD_PER_DEGREE;
    }
    return row->code;
}

/* Elements that would change a power flow and have no counterpart in the model. */
static enum fg_code refuse_if_in_service(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    if (!fg_pp_bool(row, "in_service", true))
        return row->code != FG_OK
                   ? row->code
                   : fg_pp_note(reader, row, FG_NOTE_IGNORED, "%s that is out of service", row->table->name);
    return fg_pp_refuse(row, NULL, FG_ERR_UNSUPPORTED,
                        "the model has no such element; remove it, or replace it by an equivalent injection and save "
                        "again");
}

static enum fg_code ignore_row(struct fg_pp_reader *reader, struct fg_pp_row *row)
{
    return fg_pp_note(reader, row, FG_NOTE_IGNORED, "table %s", row->table->name);
}

static const struct {
    const char *table;
    fg_pp_row_reader *read;
} sections[] = {
    /* Order matters: references go to tables further up. */
    {"bus", read_bus},
    {"bus_geodata", read_bus_geodata},
    {"res_bus", read_bus_result},
    {"line", fg_pp_line},
    {"trafo", fg_pp_trafo},
    {"trafo3w", fg_pp_trafo3w},
    {"impedance", fg_pp_impedance},
    {"switch", fg_pp_switch},
    {"ext_grid", fg_pp_ext_grid},
    {"gen", fg_pp_gen},
    {"dcline", fg_pp_dcline},
    {"load", fg_pp_load},
    {"sgen", fg_pp_sgen},
    {"asymmetric_load", fg_pp_asymmetric},
    {"asymmetric_sgen", fg_pp_asymmetric},
    {"motor", fg_pp_motor},
    {"storage", fg_pp_storage},
    {"shunt", fg_pp_shunt},
    {"ward", fg_pp_ward},
    {"xward", fg_pp_xward},
    {"poly_cost", fg_pp_poly_cost},
    {"pwl_cost", fg_pp_pwl_cost},
    {"svc", refuse_if_in_service},
    {"ssc", refuse_if_in_service},
    {"tcsc", refuse_if_in_service},
    {"vsc", refuse_if_in_service},
    {"vsc_stacked", refuse_if_in_service},
    {"vsc_bipolar", refuse_if_in_service},
    {"b2b_vsc", refuse_if_in_service},
    {"bi_vsc", refuse_if_in_service},
    {"line_dc", refuse_if_in_service},
    {"load_dc", refuse_if_in_service},
    {"source_dc", refuse_if_in_service},
    {"bus_dc", ignore_row},
    {"measurement", ignore_row},
    {"controller", ignore_row},
    {"group", ignore_row},
};

/* Tables beside the elements that describe no element of the grid at this instant. */
static bool is_silent(const char *table)
{
    static const char *const silent[] = {"line_geodata", "std_types", "profiles", "user_pf_options", "characteristic"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strcmp(table, silent[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(table, sections[i].table) == 0)
            return true;
    return strncmp(table, "res_", 4) == 0 || table[0] == '_';
}

#define MOST_UNKNOWN_TABLES 100 /* that are named one by one; hostile files may have millions */

static enum fg_code note_unknown_tables(struct fg_pp_reader *reader)
{
    size_t unknown_count = 0;
    const char *name;
    json_t *value;
    json_object_foreach (reader->net->value, name, value) {
        const char *class_name = json_string_value(json_object_get(value, "_class"));
        if (is_silent(name) || class_name == NULL || strcmp(class_name, "DataFrame") != 0)
            continue;
        struct fg_pp_table table;
        enum fg_code code = fg_pp_table_open(&table, reader->net, name, reader->err);
        size_t rows = table.row_count;
        char place[256];
        fg_json_place(&table.frame, place, sizeof place);
        fg_pp_table_close(&table);
        if (code == FG_OK && rows > 0 && ++unknown_count <= MOST_UNKNOWN_TABLES)
            code = fg_network_note(reader->network, FG_NOTE_IGNORED, place, reader->err, "table %s (%zu rows)", name,
                                   rows);
        else if (code == FG_OK && rows > 0)
            code = fg_network_note(reader->network, FG_NOTE_IGNORED, place, reader->err, "further tables");
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

/* Before format 2.0 powers were kW with generation negative; such files are refused, not guessed at. */
static enum fg_code read_version(const struct fg_json_cursor *net, double *format_version, struct fg_error *err)
{
    static const char *const keys[] = {"format_version", "version"};
    for (size_t i = 0; i < 2; i++) {
        struct fg_json_cursor version = fg_json_member(net, keys[i]);
        double major = json_is_string(version.value) ? strtod(json_string_value(version.value), NULL)
                                                     : json_number_value(version.value);
        if (version.value == NULL || json_is_null(version.value))
            continue;
        if (!(major >= 2))
            return fg_json_fail(
                &version, FG_ERR_UNSUPPORTED, err,
                "format older than pandapower 2.0; load the network in pandapower 2.0 or later and save "
                "it again");
        *format_version = major;
        return FG_OK;
    }
    return fg_json_fail(net, FG_ERR_SCHEMA, err, "no format_version; save the network with pandapower.to_json");
}

static enum fg_code read_net(struct fg_pp_reader *reader)
{
    struct fg_network *network = reader->network;
    const char *name;
    enum fg_code code = read_version(reader->net, &reader->format_version, reader->err);
    if (code == FG_OK)
        code = fg_json_or_number(reader->net, "sn_mva", 1, &reader->sn_mva, reader->err);
    if (code == FG_OK)
        code = fg_json_or_number(reader->net, "f_hz", 50, &reader->f_hz, reader->err);
    if (code == FG_OK)
        code = fg_json_or_string(reader->net, "name", "", &name, reader->err);
    if (code != FG_OK)
        return code;
    if (!(reader->sn_mva > 0) || !(reader->f_hz > 0))
        return fg_json_fail(reader->net, FG_ERR_VALUE, reader->err, "sn_mva is %g and f_hz %g; both must be positive",
                            reader->sn_mva, reader->f_hz);
    network->base_mva = reader->sn_mva;
    network->frequency_hz = reader->f_hz;
    if ((network->name = fg_network_string(network, name)) == NULL)
        return fg_fail_memory(reader->err);
    for (size_t i = 0; code == FG_OK && i < sizeof sections / sizeof *sections; i++)
        code = fg_pp_each(reader, sections[i].table, sections[i].read);
    if (code == FG_OK)
        code = note_unknown_tables(reader);
    return code == FG_OK ? fg_network_validate_file(network, reader->place, reader->err) : code;
}

static enum fg_code read_document(json_t *document, const char *place, struct fg_network **network,
                                  struct fg_error *err)
{
    struct fg_json_cursor root = fg_json_root(document, place);
    enum fg_code code = fg_json_is_object(&root, err);
    if (code != FG_OK)
        return code;
    const char *class_name = json_string_value(json_object_get(document, "_class"));
    if (class_name == NULL || strcmp(class_name, "pandapowerNet") != 0)
        return fg_json_fail(&root, FG_ERR_SCHEMA, err,
                            "not a pandapower network (\"_class\" must be \"pandapowerNet\"); save it with "
                            "pandapower.to_json of version 2.0 or later");
    struct fg_json_cursor net = fg_json_member(&root, "_object");
    json_t *unpacked = NULL; /* up to version 2.0 a string */
    code = fg_pp_unpack(&net, &unpacked, err);
    if (code == FG_OK)
        code = fg_json_is_object(&net, err);
    struct fg_pp_reader reader = {.network = NULL, .place = place, .net = &net, .err = err};
    if (code == FG_OK && (reader.network = fg_network_create()) == NULL)
        code = fg_fail_memory(err);
    if (code != FG_OK) {
        json_decref(unpacked);
        return code;
    }
    fg_names_init(&reader.buses);
    fg_names_init(&reader.branches);
    fg_names_init(&reader.generators);
    code = read_net(&reader);
    fg_names_release(&reader.buses);
    fg_names_release(&reader.branches);
    fg_names_release(&reader.generators);
    json_decref(unpacked);
    if (code == FG_OK)
        *network = reader.network;
    else
        fg_network_destroy(reader.network);
    return code;
}

enum fg_code fg_pandapower_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                                 struct fg_error *err)
{
    json_t *document;
    *network = NULL;
    enum fg_code code = fg_pp_parse(bytes, length, place, &document, err);
    if (code != FG_OK)
        return code;
    code = read_document(document, place, network, err);
    json_decref(document);
    return code;
}

enum fg_code fg_pandapower_read(const char *path, struct fg_network **network, struct fg_error *err)
{
    struct fg_text text;
    *network = NULL;
    fg_text_init(&text);
    enum fg_code code = fg_file_read(path, FG_JSON_MAX_BYTES, &text, err);
    if (code == FG_OK)
        code = fg_pandapower_parse(text.data ? text.data : "", text.length, path, network, err);
    fg_text_release(&text);
    return code;
}
