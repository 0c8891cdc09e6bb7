#include "grid/simbench.h"

#include "grid/network_read.h"
#include "grid/simbench_reader.h"

#include <math.h>
#include <string.h>

#define RAD_PER_DEGREE (3.14159265358979323846 / 180)

/* Types and coordinates are looked up by the id in their first column. */
static enum fg_code open_indexed(struct fg_sb_reader *reader, const char *name, struct fg_sb_table *table,
                                 struct fg_names *names)
{
    enum fg_code code = fg_sb_table_open(reader, name, table);
    size_t column = 0;
    if (code != FG_OK || !table->exists)
        return code;
    code = fg_csv_need(&table->csv, "id", &column, reader->err);
    for (size_t i = 0; code == FG_OK && i < table->csv.row_count; i++)
        if (fg_names_add(names, fg_csv_field(&table->csv, i, column), (int32_t)i))
            code = fg_fail_memory(reader->err);
    return code;
}

static enum fg_code each_row(struct fg_sb_reader *reader, const char *name, fg_sb_row_reader *read)
{
    struct fg_sb_table table;
    enum fg_code code = fg_sb_table_open(reader, name, &table);
    for (size_t i = 0; code == FG_OK && i < table.csv.row_count; i++) {
        struct fg_sb_row row = fg_sb_row_at(&table, i, reader->err);
        code = read(reader, &row);
    }
    fg_sb_table_release(&table);
    return code;
}

static enum fg_code read_node(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    const char *id = fg_sb_need_text(row, "id"), *coordinate = fg_sb_text(row, "coordID");
    const char *zone = fg_sb_text(row, "subnet");
    double vn_kv = fg_sb_need(row, "vmR"), vm_min = fg_sb_number(row, "vmMin", 0);
    double vm_max = fg_sb_number(row, "vmMax", INFINITY);
    double vm_set = fg_sb_number(row, "vmSetp", NAN), va_set = fg_sb_number(row, "vaSetp", NAN);
    if (row->code == FG_OK && !(vn_kv > 0))
        fg_sb_refuse(row, "vmR", FG_ERR_VALUE, "rated voltage is %g kV; give a positive one", vn_kv);
    if (row->code != FG_OK)
        return row->code;
    struct fg_bus *bus = fg_network_add_bus(reader->network, id, vn_kv);
    if (bus == NULL || fg_names_add(&reader->nodes, bus->id, (int32_t)reader->network->bus_count - 1))
        return fg_fail_memory(reader->err);
    bus->vm_min_pu = vm_min;
    bus->vm_max_pu = vm_max;
    if (zone != NULL && (bus->zone = fg_network_string(reader->network, zone)) == NULL)
        return fg_fail_memory(reader->err);
    reader->vm_set_pu[row->number] = vm_set;
    reader->va_set_rad[row->number] = va_set * RAD_PER_DEGREE;
    int32_t at = coordinate == NULL ? -1 : fg_names_find(&reader->coordinate_names, coordinate);
    if (at < 0)
        return FG_OK;
    struct fg_sb_row place = fg_sb_row_at(&reader->coordinates, (size_t)at, reader->err);
    bus->x = fg_sb_number(&place, "x", NAN);
    bus->y = fg_sb_number(&place, "y", NAN);
    return place.code;
}

static enum fg_code read_nodes(struct fg_sb_reader *reader)
{
    struct fg_sb_table table;
    enum fg_code code = fg_sb_table_open(reader, "Node", &table);
    if (code == FG_OK && !table.exists)
        code = fg_fail(reader->err, FG_ERR_IO, reader->folder ? reader->folder : "",
                       "there is no Node.csv or Node.csv.gz; give the folder of a SimBench data set");
    if (code == FG_OK) {
        reader->vm_set_pu = fg_alloc(table.csv.row_count, sizeof *reader->vm_set_pu);
        reader->va_set_rad = fg_alloc(table.csv.row_count, sizeof *reader->va_set_rad);
        if (reader->vm_set_pu == NULL || reader->va_set_rad == NULL)
            code = fg_fail_memory(reader->err);
    }
    for (size_t i = 0; code == FG_OK && i < table.csv.row_count; i++) {
        struct fg_sb_row row = fg_sb_row_at(&table, i, reader->err);
        code = read_node(reader, &row);
    }
    fg_sb_table_release(&table);
    return code;
}

static enum fg_code ignore_table(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    return fg_sb_note(reader, row, FG_NOTE_IGNORED, "table %s", row->table->name);
}

static enum fg_code read_elements(struct fg_sb_reader *reader)
{
    static const struct {
        const char *table;
        fg_sb_row_reader *read;
    } sections[] = {
        {"Switch", fg_sb_switch},
        {"Line", fg_sb_line},
        {"Transformer", fg_sb_transformer},
        {"Transformer3W", fg_sb_transformer3w},
        {"ExternalNet", fg_sb_external_net},
        {"PowerPlant", fg_sb_power_plant},
        {"RES", fg_sb_res},
        {"Load", fg_sb_load},
        {"Storage", fg_sb_storage},
        {"Shunt", fg_sb_shunt},
        {"Measurement", ignore_table},
    };
    enum fg_code code = open_indexed(reader, "LineType", &reader->line_types, &reader->line_type_names);
    if (code == FG_OK)
        code = open_indexed(reader, "DCLineType", &reader->dc_line_types, &reader->dc_line_type_names);
    if (code == FG_OK)
        code = open_indexed(reader, "TransformerType", &reader->transformer_types, &reader->transformer_type_names);
    if (code == FG_OK)
        code = open_indexed(reader, "Coordinates", &reader->coordinates, &reader->coordinate_names);
    if (code == FG_OK)
        code = read_nodes(reader);
    for (size_t i = 0; code == FG_OK && i < sizeof sections / sizeof *sections; i++)
        code = each_row(reader, sections[i].table, sections[i].read);
    if (code == FG_OK && reader->with_profiles)
        code = fg_sb_read_profiles(reader);
    if (code == FG_OK && reader->with_profiles)
        code = fg_sb_read_cases(reader);
    if (code == FG_OK)
        code = fg_network_validate_file(reader->network, reader->folder ? reader->folder : "", reader->err);
    return code;
}

static enum fg_code read_set(struct fg_sb_reader *reader, struct fg_simbench **opened)
{
    *opened = NULL;
    struct fg_simbench *set = fg_alloc(1, sizeof *set);
    if (set == NULL)
        return fg_fail_memory(reader->err);
    fg_arena_init(&set->arena);
    set->network = fg_network_create();
    reader->set = set;
    reader->network = set->network;
    enum fg_code code = set->network == NULL ? fg_fail_memory(reader->err) : read_elements(reader);
    fg_sb_table_release(&reader->line_types);
    fg_sb_table_release(&reader->dc_line_types);
    fg_sb_table_release(&reader->transformer_types);
    fg_sb_table_release(&reader->coordinates);
    fg_names_release(&reader->line_type_names);
    fg_names_release(&reader->dc_line_type_names);
    fg_names_release(&reader->transformer_type_names);
    fg_names_release(&reader->coordinate_names);
    fg_names_release(&reader->nodes);
    fg_names_release(&reader->profile_names);
    fg_free(reader->profile_keys);
    fg_free(reader->vm_set_pu);
    fg_free(reader->va_set_rad);
    if (code == FG_OK)
        *opened = set;
    else
        fg_simbench_close(set);
    return code;
}

void fg_simbench_close(struct fg_simbench *set)
{
    if (set == NULL)
        return;
    fg_network_destroy(set->network);
    fg_free(set->series);
    fg_free(set->injections);
    fg_free(set->generators);
    fg_free(set->storages);
    fg_free(set->cases);
    fg_arena_release(&set->arena);
    fg_free(set);
}

enum fg_code fg_simbench_open(const char *folder, struct fg_simbench **set, struct fg_error *err)
{
    struct fg_sb_reader reader = {.folder = folder, .with_profiles = true, .err = err};
    return read_set(&reader, set);
}

enum fg_code fg_simbench_parse(const struct fg_simbench_file *files, size_t count, struct fg_simbench **set,
                               struct fg_error *err)
{
    struct fg_sb_reader reader = {.files = files, .file_count = count, .with_profiles = true, .err = err};
    return read_set(&reader, set);
}

enum fg_code fg_simbench_read(const char *folder, struct fg_network **network, struct fg_error *err)
{
    struct fg_sb_reader reader = {.folder = folder, .err = err};
    struct fg_simbench *set;
    *network = NULL;
    enum fg_code code = read_set(&reader, &set);
    if (code != FG_OK)
        return code;
    *network = set->network;
    set->network = NULL;
    fg_simbench_close(set);
    return FG_OK;
}

const struct fg_network *fg_simbench_network(const struct fg_simbench *set)
{
    return set->network;
}
