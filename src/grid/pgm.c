#include "grid/pgm.h"

#include "grid/network_read.h"
#include "grid/pgm_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *fg_pgm_id(const struct fg_pgm_row *row, char id[FG_PGM_ID])
{
    snprintf(id, FG_PGM_ID, "%lld", (long long)row->id);
    return id;
}

int32_t fg_pgm_node(struct fg_pgm_reader *reader, struct fg_pgm_row *row, const char *field)
{
    char id[FG_PGM_ID];
    int64_t number = fg_pgm_need_id(row, field);
    if (row->code != FG_OK)
        return -1;
    snprintf(id, sizeof id, "%lld", (long long)number);
    int32_t bus = fg_names_find(&reader->nodes, id);
    if (bus < 0)
        fg_pgm_refuse(row, field, FG_ERR_NETWORK, "there is no node %s; correct the reference", id);
    return bus;
}

enum fg_code fg_pgm_note(struct fg_pgm_reader *reader, const struct fg_pgm_row *row, enum fg_note_kind kind,
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

static enum fg_code read_node(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    char id[FG_PGM_ID];
    double u_rated = fg_pgm_positive(row, "u_rated");
    if (row->code != FG_OK)
        return row->code;
    struct fg_bus *bus = fg_network_add_bus(reader->network, fg_pgm_id(row, id), u_rated * 1e-3);
    if (bus == NULL || fg_names_add(&reader->nodes, bus->id, (int32_t)reader->network->bus_count - 1))
        return fg_fail_memory(reader->err);
    const char *name = json_string_value(fg_pgm_field(row, "Name").value);
    if (name != NULL && (bus->name = fg_network_string(reader->network, name)) == NULL)
        return fg_fail_memory(reader->err);
    return FG_OK;
}

static enum fg_code read_shunt(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    char id[FG_PGM_ID];
    int32_t bus = fg_pgm_node(reader, row, "node");
    bool status = fg_pgm_status(row, "status");
    double g1 = fg_pgm_need(row, "g1"), b1 = fg_pgm_need(row, "b1");
    if (row->code != FG_OK)
        return row->code;
    double vn_kv = reader->network->buses[bus].vn_kv;
    struct fg_shunt *shunt =
        fg_network_add_shunt(reader->network, fg_pgm_id(row, id), bus, g1 * vn_kv * vn_kv, b1 * vn_kv * vn_kv);
    if (shunt == NULL)
        return fg_fail_memory(reader->err);
    shunt->in_service = status;
    return FG_OK;
}

/* From this short-circuit power on, a source is ideal: 1e-8 p.u. of voltage per MVA, far below the rounding that such
 * an admittance brings into a power flow. Files use 1e15 to 1e40 VA to say "no impedance". */
#define IDEAL_SOURCE_VA 1e14

/* An ideal voltage behind the short-circuit impedance; where that vanishes, at the node itself. */
static enum fg_code read_source(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    struct fg_network *network = reader->network;
    char id[FG_PGM_ID], inner_id[FG_PGM_ID + 8];
    int32_t bus = fg_pgm_node(reader, row, "node");
    bool status = fg_pgm_status(row, "status");
    double u_ref = fg_pgm_number(row, "u_ref", NAN), angle = fg_pgm_number(row, "u_ref_angle", 0);
    double sk = fg_pgm_number(row, "sk", 1e10), rx_ratio = fg_pgm_number(row, "rx_ratio", 0.1);
    if (row->code == FG_OK && !(sk > 0 && rx_ratio >= 0))
        fg_pgm_refuse(row, "sk", FG_ERR_VALUE, "short-circuit power %g VA must be positive, R/X %g at least 0", sk,
                      rx_ratio);
    if (row->code == FG_OK && !isnan(u_ref) && !(u_ref > 0))
        fg_pgm_refuse(row, "u_ref", FG_ERR_VALUE, "is %g; give a positive voltage in p.u.", u_ref);
    if (row->code != FG_OK)
        return row->code;
    fg_pgm_id(row, id);
    int32_t at = bus;
    double z_pu = FG_PGM_BASE_VA / sk;
    if (sk < IDEAL_SOURCE_VA) {
        snprintf(inner_id, sizeof inner_id, "%s_inner", id);
        struct fg_bus *inner = fg_network_add_bus(network, inner_id, network->buses[bus].vn_kv);
        if (inner == NULL)
            return fg_fail_memory(reader->err);
        inner->is_internal = true;
        inner->in_service = status;
        at = (int32_t)network->bus_count - 1;
        struct fg_branch *branch;
        enum fg_code code = fg_pgm_branch(reader, id, at, bus, &branch);
        if (code != FG_OK)
            return code;
        branch->kind = FG_BRANCH_GENERIC;
        branch->x_pu = z_pu / sqrt(1 + rx_ratio * rx_ratio);
        branch->r_pu = branch->x_pu * rx_ratio;
        branch->in_service = status;
        if ((branch->origin = fg_network_string(network, id)) == NULL)
            return fg_fail_memory(reader->err);
    }
    struct fg_generator *source = fg_network_add_generator(network, id, FG_GENERATOR_SOURCE, at);
    if (source == NULL)
        return fg_fail_memory(reader->err);
    source->vm_set_pu = isnan(u_ref) ? 1 : u_ref;
    source->va_set_rad = angle;
    source->in_service = status;
    if (status)
        reader->has_source[bus] = true;
    return isnan(u_ref) ? fg_pgm_note(reader, row, FG_NOTE_DEFAULTED, "source without u_ref: 1 p.u.") : FG_OK;
}

static enum fg_code read_voltage_regulator(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    char id[FG_PGM_ID];
    int64_t object = fg_pgm_need_id(row, "regulated_object");
    struct fg_pgm_regulator regulator = {.u_ref = fg_pgm_positive(row, "u_ref"),
                                         .q_min_var = fg_pgm_number(row, "q_min", -INFINITY),
                                         .q_max_var = fg_pgm_number(row, "q_max", INFINITY),
                                         .is_on = fg_pgm_status(row, "status")};
    snprintf(id, sizeof id, "%lld", (long long)object);
    if (row->code == FG_OK && fg_names_find(&reader->regulated, id) >= 0)
        fg_pgm_refuse(row, "regulated_object", FG_ERR_NETWORK, "%s has two voltage regulators; keep one", id);
    if (row->code != FG_OK)
        return row->code;
    const char *key = fg_arena_strdup(&reader->names, id);
    if (key == NULL || fg_grow((void **)&reader->regulators, reader->regulator_count, &reader->regulator_capacity,
                               sizeof *reader->regulators))
        return fg_fail_memory(reader->err);
    reader->regulators[reader->regulator_count] = regulator;
    return fg_names_add(&reader->regulated, key, (int32_t)reader->regulator_count++) ? fg_fail_memory(reader->err)
                                                                                     : FG_OK;
}

static enum fg_code add_regulated(struct fg_pgm_reader *reader, struct fg_pgm_row *row, int32_t bus, double p_mw,
                                  double q_mvar, bool status, int32_t type, const struct fg_pgm_regulator *regulator)
{
    if (type != 0)
        return fg_pgm_refuse(
            row, "type", FG_ERR_UNSUPPORTED,
            "a voltage regulator on a load or generator that depends on voltage; give it type 0 (constant "
            "power)");
    if (status && reader->has_source[bus])
        return fg_pgm_refuse(
            row, "node", FG_ERR_UNSUPPORTED,
            "its voltage regulator shares the node with a source, and both hold the voltage; switch one "
            "of them off");
    char id[FG_PGM_ID];
    struct fg_generator *generator =
        fg_network_add_generator(reader->network, fg_pgm_id(row, id), FG_GENERATOR_DISPATCHABLE, bus);
    if (generator == NULL)
        return fg_fail_memory(reader->err);
    generator->p_mw = p_mw;
    generator->q_mvar = q_mvar;
    generator->p_min_mw = generator->p_max_mw = p_mw;
    generator->q_min_mvar = regulator->q_min_var * 1e-6;
    generator->q_max_mvar = regulator->q_max_var * 1e-6;
    generator->vm_set_pu = regulator->u_ref;
    generator->in_service = status;
    return FG_OK;
}

/* sym_load, sym_gen, asym_load, asym_gen */
static enum fg_code read_load_gen(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    bool is_load = strstr(row->component, "load") != NULL;
    double factor = is_load ? -1e-6 : 1e-6;
    int32_t bus = fg_pgm_node(reader, row, "node"), type = fg_pgm_integer(row, "type", 0);
    bool status = fg_pgm_status(row, "status");
    double p = fg_pgm_sum(row, "p_specified", NAN), q = fg_pgm_sum(row, "q_specified", NAN);
    bool has_power = !isnan(p) || !isnan(q); /* datasets for state estimation have none, and any type */
    if (row->code == FG_OK && has_power && (type < 0 || type > 2))
        fg_pgm_refuse(row, "type", FG_ERR_VALUE,
                      "type is %d; give 0 (constant power), 1 (constant impedance) or 2 (constant current)", (int)type);
    if (row->code != FG_OK)
        return row->code;
    enum fg_code code = FG_OK;
    if (isnan(p) || isnan(q)) {
        code = fg_pgm_note(reader, row, FG_NOTE_DEFAULTED, "%s without p_specified or q_specified: 0", row->component);
        p = isnan(p) ? 0 : p;
        q = isnan(q) ? 0 : q;
    }
    if (code == FG_OK && row->component[0] == 'a')
        code = fg_pgm_note(reader, row, FG_NOTE_CONVERTED, "%s: the sum of its phases, balanced", row->component);
    if (code != FG_OK)
        return code;
    char id[FG_PGM_ID];
    int32_t regulator = fg_names_find(&reader->regulated, fg_pgm_id(row, id));
    if (regulator >= 0 && reader->regulators[regulator].is_on)
        return add_regulated(reader, row, bus, p * factor, q * factor, status, type, &reader->regulators[regulator]);
    struct fg_injection *item = fg_network_add_injection(
        reader->network, id, is_load ? FG_INJECTION_LOAD : FG_INJECTION_STATIC_GENERATOR, bus, p * factor, q * factor);
    if (item == NULL)
        return fg_fail_memory(reader->err);
    item->p_impedance_share = item->q_impedance_share = type == 1 ? 1 : 0;
    item->p_current_share = item->q_current_share = type == 2 ? 1 : 0;
    item->in_service = status;
    return FG_OK;
}

static enum fg_code ignore_row(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    return fg_pgm_note(reader, row, FG_NOTE_IGNORED, "%s (no part of a power flow)", row->component);
}

static enum fg_code refuse_row(struct fg_pgm_reader *reader, struct fg_pgm_row *row)
{
    (void)reader;
    return fg_pgm_refuse(row, NULL, FG_ERR_UNSUPPORTED,
                         "unbalanced impedances are outside the balanced model; give a line with r1, x1, c1 instead");
}

static const struct {
    const char *component;
    fg_pgm_row_reader *read;
} sections[] = {
    /* Order matters: references go to components further up. */
    {"node", read_node},
    {"line", fg_pgm_line},
    {"asym_line", refuse_row},
    {"link", fg_pgm_link},
    {"transformer", fg_pgm_transformer},
    {"three_winding_transformer", fg_pgm_three_winding},
    {"generic_branch", fg_pgm_generic_branch},
    {"shunt", read_shunt},
    {"source", read_source},
    {"voltage_regulator", read_voltage_regulator},
    {"sym_load", read_load_gen},
    {"sym_gen", read_load_gen},
    {"asym_load", read_load_gen},
    {"asym_gen", read_load_gen},
    {"transformer_tap_regulator", fg_pgm_tap_regulator},
    {"sym_voltage_sensor", ignore_row},
    {"asym_voltage_sensor", ignore_row},
    {"sym_power_sensor", ignore_row},
    {"asym_power_sensor", ignore_row},
    {"sym_current_sensor", ignore_row},
    {"asym_current_sensor", ignore_row},
    {"fault", ignore_row},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static bool is_known(const char *component)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (strcmp(component, sections[i].component) == 0)
            return true;
    return false;
}

static enum fg_code check_components(const struct fg_pgm_dataset *dataset, struct fg_error *err)
{
    const char *component;
    json_t *rows;
    json_object_foreach (dataset->data.value, component, rows) {
        struct fg_json_cursor at = fg_json_member(&dataset->data, component);
        if (!is_known(component))
            return fg_json_fail(&at, FG_ERR_UNSUPPORTED, err, "component \"%.60s\" is unknown; remove it", component);
        if (!json_is_array(rows))
            return fg_json_fail(&at, FG_ERR_SCHEMA, err, "must be an array of components");
    }
    return FG_OK;
}

/* Index the update's rows; each must belong to a component of the input. */
static enum fg_code index_update(struct fg_pgm_reader *reader)
{
    struct fg_names known;
    char key[FG_PGM_KEY];
    enum fg_code code = check_components(reader->update, reader->err);
    fg_names_init(&known);
    for (size_t s = 0; code == FG_OK && s < SECTION_COUNT; s++) {
        struct fg_json_cursor changes = fg_json_member(&reader->update->data, sections[s].component);
        struct fg_json_cursor list = fg_json_member(&reader->input->data, sections[s].component);
        for (size_t i = 0; code == FG_OK && changes.value != NULL && i < fg_json_count(&list); i++) {
            struct fg_pgm_row row;
            fg_pgm_row_at(&row, reader->input, NULL, NULL, sections[s].component, i, reader->err);
            const char *copy = fg_arena_strdup(&reader->names, fg_pgm_key(sections[s].component, row.id, key));
            code = row.code != FG_OK                                        ? row.code
                   : copy == NULL || fg_names_add(&known, copy, (int32_t)i) ? fg_fail_memory(reader->err)
                                                                            : FG_OK;
        }
        for (size_t i = 0; code == FG_OK && i < fg_json_count(&changes); i++) {
            struct fg_pgm_row row;
            fg_pgm_row_plain(&row, reader->update, sections[s].component, i, reader->err);
            if (row.code == FG_OK && fg_pgm_field(&row, "id").value == NULL) {
                code = i < fg_json_count(&list)
                           ? FG_OK
                           : fg_pgm_refuse(&row, NULL, FG_ERR_SCHEMA, "row without id, but the input has only %zu", i);
                continue;
            }
            row.id = fg_pgm_need_id(&row, "id");
            if (row.code == FG_OK && fg_names_find(&known, fg_pgm_key(sections[s].component, row.id, key)) < 0)
                fg_pgm_refuse(&row, "id", FG_ERR_NETWORK, "the input has no such component; correct the id");
            const char *copy = row.code == FG_OK ? fg_arena_strdup(&reader->names, key) : NULL;
            code = row.code != FG_OK                                                  ? row.code
                   : copy == NULL || fg_names_add(&reader->updates, copy, (int32_t)i) ? fg_fail_memory(reader->err)
                                                                                      : FG_OK;
        }
    }
    fg_names_release(&known);
    return code;
}

static enum fg_code read_components(struct fg_pgm_reader *reader)
{
    enum fg_code code = check_components(reader->input, reader->err);
    if (code == FG_OK && reader->update != NULL)
        code = index_update(reader);
    for (size_t s = 0; code == FG_OK && s < SECTION_COUNT; s++) {
        struct fg_json_cursor list = fg_json_member(&reader->input->data, sections[s].component);
        if (strcmp(sections[s].component, "source") == 0) {
            reader->has_source = fg_alloc(reader->network->bus_count, sizeof *reader->has_source);
            if (reader->has_source == NULL)
                return fg_fail_memory(reader->err);
        }
        for (size_t i = 0; code == FG_OK && i < fg_json_count(&list); i++) {
            struct fg_pgm_row row;
            fg_pgm_row_at(&row, reader->input, reader->update, &reader->updates, sections[s].component, i, reader->err);
            code = row.code == FG_OK ? sections[s].read(reader, &row) : row.code;
        }
    }
    return code == FG_OK ? fg_network_validate_file(reader->network, reader->input->root.file, reader->err) : code;
}

static enum fg_code read_datasets(const struct fg_pgm_dataset *input, const struct fg_pgm_dataset *update,
                                  struct fg_network **network, struct fg_error *err)
{
    struct fg_pgm_reader reader = {.network = fg_network_create(), .input = input, .update = update, .err = err};
    if (reader.network == NULL)
        return fg_fail_memory(err);
    reader.network->base_mva = FG_PGM_BASE_VA * 1e-6;
    reader.network->frequency_hz = FG_PGM_FREQUENCY_HZ;
    fg_arena_init(&reader.names);
    enum fg_code code = read_components(&reader);
    fg_names_release(&reader.updates);
    fg_names_release(&reader.nodes);
    fg_names_release(&reader.branches);
    fg_names_release(&reader.regulated);
    fg_arena_release(&reader.names);
    fg_free(reader.regulators);
    fg_free(reader.has_source);
    if (code == FG_OK)
        *network = reader.network;
    else
        fg_network_destroy(reader.network);
    return code;
}

static enum fg_code read_document(json_t *document, const char *place, struct fg_network **network,
                                  struct fg_error *err)
{
    struct fg_pgm_dataset input;
    enum fg_code code = fg_pgm_dataset_open(&input, document, place, "input", 0, err);
    return code == FG_OK ? read_datasets(&input, NULL, network, err) : code;
}

enum fg_code fg_pgm_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                          struct fg_error *err)
{
    json_t *document;
    *network = NULL;
    enum fg_code code = fg_json_load_text(bytes, length, place, &document, err);
    if (code != FG_OK)
        return code;
    code = read_document(document, place, network, err);
    json_decref(document);
    return code;
}

enum fg_code fg_pgm_read(const char *path, struct fg_network **network, struct fg_error *err)
{
    json_t *document;
    *network = NULL;
    enum fg_code code = fg_json_load_file(path, &document, err);
    if (code != FG_OK)
        return code;
    code = read_document(document, path, network, err);
    json_decref(document);
    return code;
}

struct fg_pgm_batch {
    struct fg_arena arena;
    json_t *input, *update;
    const char *input_place, *update_place;
    size_t count;
};

enum fg_code fg_pgm_batch_open(const char *input_path, const char *update_path, struct fg_pgm_batch **opened,
                               struct fg_error *err)
{
    *opened = NULL;
    struct fg_pgm_batch *batch = fg_alloc(1, sizeof *batch);
    if (batch == NULL)
        return fg_fail_memory(err);
    fg_arena_init(&batch->arena);
    batch->input_place = fg_arena_strdup(&batch->arena, input_path);
    batch->update_place = fg_arena_strdup(&batch->arena, update_path);
    enum fg_code code = batch->input_place && batch->update_place ? FG_OK : fg_fail_memory(err);
    if (code == FG_OK)
        code = fg_json_load_file(input_path, &batch->input, err);
    if (code == FG_OK)
        code = fg_json_load_file(update_path, &batch->update, err);
    struct fg_pgm_dataset dataset;
    if (code == FG_OK)
        code = fg_pgm_dataset_open(&dataset, batch->input, batch->input_place, "input", 0, err);
    if (code == FG_OK)
        code = fg_pgm_dataset_open(&dataset, batch->update, batch->update_place, "update", 0, err);
    if (code != FG_OK) {
        fg_pgm_batch_close(batch);
        return code;
    }
    batch->count = json_is_array(dataset.all.value) ? fg_json_count(&dataset.all) : 1;
    *opened = batch;
    return FG_OK;
}

void fg_pgm_batch_close(struct fg_pgm_batch *batch)
{
    if (batch == NULL)
        return;
    json_decref(batch->input);
    json_decref(batch->update);
    fg_arena_release(&batch->arena);
    fg_free(batch);
}

size_t fg_pgm_batch_count(const struct fg_pgm_batch *batch)
{
    return batch->count;
}

enum fg_code fg_pgm_batch_network(const struct fg_pgm_batch *batch, size_t scenario, struct fg_network **network,
                                  struct fg_error *err)
{
    struct fg_pgm_dataset input, update;
    *network = NULL;
    enum fg_code code = fg_pgm_dataset_open(&input, batch->input, batch->input_place, "input", 0, err);
    if (code == FG_OK)
        code = fg_pgm_dataset_open(&update, batch->update, batch->update_place, "update", scenario, err);
    return code == FG_OK ? read_datasets(&input, &update, network, err) : code;
}
