/* The own JSON format to network: the field tables of network_json_fields.c, strictly. */
#include "base/json.h"
#include "grid/network_json.h"
#include "grid/network_json_fields.h"
#include "grid/network_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bus_key {
    const char *id;
    int32_t index;
};

struct reader {
    struct fg_network *network;
    struct fg_error *err;
    struct bus_key *keys; /* sorted by id */
    size_t key_count;
};

static int compare_keys(const void *a, const void *b)
{
    const struct bus_key *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static enum fg_code find_bus(struct reader *reader, const struct fg_json_cursor *at, const char *id, int32_t *out)
{
    size_t low = 0, high = reader->key_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(reader->keys[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == reader->key_count || strcmp(reader->keys[low].id, id) != 0)
        return fg_json_fail(at, FG_ERR_NETWORK, reader->err, "bus \"%s\" does not exist; name one of \"buses\"", id);
    *out = reader->keys[low].index;
    return FG_OK;
}

/* Members of `fields` and `extra` and no others. */
static enum fg_code only(struct reader *reader, const struct fg_json_cursor *object, const struct fg_field *fields,
                         const char *const *extra)
{
    const char *known[FG_FIELD_MAX + 1];
    size_t count = 0;
    for (const struct fg_field *f = fields; f->key != NULL && count < FG_FIELD_MAX; f++)
        known[count++] = f->key;
    for (; *extra != NULL && count < FG_FIELD_MAX; extra++)
        known[count++] = *extra;
    known[count] = NULL;
    return fg_json_only(object, known, reader->err);
}

static enum fg_code read_word(struct reader *reader, const struct fg_json_cursor *at, const struct fg_field *field,
                              void *target)
{
    const char *text = json_string_value(at->value);
    for (int k = 0; text != NULL && field->words[k] != NULL; k++)
        if (strcmp(text, field->words[k]) == 0) {
            memcpy(target, &k, sizeof k);
            return FG_OK;
        }
    char list[128] = "";
    for (int k = 0; field->words[k] != NULL; k++) {
        strncat(list, k ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, field->words[k], sizeof list - strlen(list) - 1);
    }
    return fg_json_fail(at, FG_ERR_VALUE, reader->err, "is not one of the words: %s", list);
}

static enum fg_code read_text(struct reader *reader, const struct fg_json_cursor *object, const char *key, void *target)
{
    const char *text;
    enum fg_code code = fg_json_get_string(object, key, &text, reader->err);
    if (code == FG_OK && (text = fg_network_string(reader->network, text)) == NULL)
        code = fg_fail_memory(reader->err);
    if (code == FG_OK)
        memcpy(target, &text, sizeof text);
    return code;
}

static enum fg_code read_field(struct reader *reader, const struct fg_json_cursor *object, const struct fg_field *field,
                               void *target)
{
    struct fg_json_cursor at = fg_json_member(object, field->key);
    struct fg_error *err = reader->err;
    enum fg_code code = FG_OK;
    if (json_is_null(at.value) && field->type == FG_FIELD_NULLABLE) {
        double nothing = NAN;
        memcpy(target, &nothing, sizeof nothing);
        return FG_OK;
    }
    if (at.value == NULL && !field->is_required)
        return FG_OK;
    switch (field->type) {
    case FG_FIELD_TEXT: return read_text(reader, object, field->key, target);
    case FG_FIELD_NUMBER:
    case FG_FIELD_NULLABLE: {
        double number = 0;
        code = fg_json_get_number(object, field->key, &number, err);
        number += 0.0; /* "-0.0" becomes 0 */
        memcpy(target, &number, sizeof number);
        return code;
    }
    case FG_FIELD_BOOL:
        if (!json_is_boolean(at.value))
            return fg_json_fail(&at, FG_ERR_SCHEMA, err, "give true or false");
        return fg_json_or_bool(object, field->key, false, target, err);
    case FG_FIELD_WORD: return read_word(reader, &at, field, target);
    case FG_FIELD_INTEGER: {
        int64_t number;
        code = fg_json_get_integer(object, field->key, &number, err);
        if (code == FG_OK && (number < INT32_MIN || number > INT32_MAX))
            return fg_json_fail(&at, FG_ERR_VALUE, err, "is beyond 32 bits");
        int32_t small = code == FG_OK ? (int32_t)number : 0;
        memcpy(target, &small, sizeof small);
        return code;
    }
    case FG_FIELD_BUS: {
        const char *id;
        int32_t bus = -1;
        code = fg_json_get_string(object, field->key, &id, err);
        if (code == FG_OK)
            code = find_bus(reader, &at, id, &bus);
        memcpy(target, &bus, sizeof bus);
        return code;
    }
    }
    return code;
}

static enum fg_code read_fields(struct reader *reader, const struct fg_json_cursor *object,
                                const struct fg_field *fields, const char *const *extra, void *element)
{
    enum fg_code code = fg_json_is_object(object, reader->err);
    if (code == FG_OK)
        code = only(reader, object, fields, extra);
    for (const struct fg_field *f = fields; code == FG_OK && f->key != NULL; f++)
        code = read_field(reader, object, f, (char *)element + f->offset);
    return code;
}

static enum fg_code read_numbers(struct reader *reader, const struct fg_json_cursor *array, double *values)
{
    enum fg_code code = FG_OK;
    for (size_t k = 0; code == FG_OK && k < fg_json_count(array); k++) {
        struct fg_json_cursor item = fg_json_item(array, k);
        if (!json_is_number(item.value) || !isfinite(json_number_value(item.value)))
            code = fg_json_fail(&item, FG_ERR_SCHEMA, reader->err, "give a finite number");
        else
            values[k] = json_number_value(item.value) + 0.0; /* "-0.0" becomes 0 */
    }
    return code;
}

static enum fg_code read_cost(struct reader *reader, const struct fg_json_cursor *object, const char *key,
                              struct fg_cost *cost)
{
    static const char *const polynomial_members[] = {"kind", "coefficients", NULL};
    static const char *const piecewise_members[] = {"kind", "points", NULL};
    struct fg_json_cursor at = fg_json_member(object, key), list;
    if (at.value == NULL)
        return FG_OK;
    const char *kind;
    enum fg_code code = fg_json_is_object(&at, reader->err);
    if (code == FG_OK)
        code = fg_json_get_string(&at, "kind", &kind, reader->err);
    if (code != FG_OK)
        return code;
    bool is_polynomial = strcmp(kind, "polynomial") == 0;
    if (!is_polynomial && strcmp(kind, "piecewise") != 0) {
        struct fg_json_cursor word = fg_json_member(&at, "kind");
        return fg_json_fail(&word, FG_ERR_VALUE, reader->err, "is not one of the words: polynomial, piecewise");
    }
    code = fg_json_only(&at, is_polynomial ? polynomial_members : piecewise_members, reader->err);
    if (code == FG_OK)
        code = fg_json_get_array(&at, is_polynomial ? "coefficients" : "points", &list, reader->err);
    if (code != FG_OK)
        return code;
    size_t count = fg_json_count(&list);
    double *values = fg_alloc(count, 2 * sizeof *values);
    if (values == NULL)
        return fg_fail_memory(reader->err);
    if (is_polynomial)
        code = read_numbers(reader, &list, values);
    for (size_t k = 0; code == FG_OK && !is_polynomial && k < count; k++) {
        struct fg_json_cursor point = fg_json_item(&list, k);
        if (!json_is_array(point.value) || fg_json_count(&point) != 2)
            code = fg_json_fail(&point, FG_ERR_SCHEMA, reader->err, "give a pair [MW, cost per hour]");
        else
            code = read_numbers(reader, &point, values + 2 * k);
    }
    if (code == FG_OK && count > INT32_MAX / 2)
        code = fg_json_fail(&list, FG_ERR_TOO_LARGE, reader->err, "has too many items");
    if (code == FG_OK)
        code = fg_network_set_cost(reader->network, cost, is_polynomial ? FG_COST_POLYNOMIAL : FG_COST_PIECEWISE,
                                   (int32_t)count, values, reader->err);
    fg_free(values);
    return code;
}

static enum fg_code read_tap(struct reader *reader, const struct fg_json_cursor *object, struct fg_tap_changer *tap)
{
    static const char *const extra[] = {"points", NULL};
    static const char *const none[] = {NULL};
    struct fg_json_cursor at = fg_json_member(object, "tap"), list;
    if (at.value == NULL)
        return FG_OK;
    tap->exists = true;
    enum fg_code code = read_fields(reader, &at, fg_tap_fields, extra, tap);
    if (code == FG_OK)
        code = fg_json_or_array(&at, "points", &list, reader->err);
    if (code != FG_OK || list.value == NULL)
        return code;
    size_t count = fg_json_count(&list);
    if (count == 0 || count > INT32_MAX)
        return fg_json_fail(&list, FG_ERR_VALUE, reader->err, "give one point for each position");
    struct fg_tap_point *points = fg_alloc(count, sizeof *points);
    if (points == NULL)
        return fg_fail_memory(reader->err);
    for (size_t k = 0; code == FG_OK && k < count; k++) {
        struct fg_json_cursor item = fg_json_item(&list, k);
        code = read_fields(reader, &item, fg_tap_point_fields, none, &points[k]);
    }
    if (code == FG_OK)
        code = fg_network_set_tap_points(reader->network, tap, tap->point_first, (int32_t)count, points, reader->err);
    fg_free(points);
    return code;
}

static enum fg_code read_id(struct reader *reader, const struct fg_json_cursor *item, const char **id)
{
    enum fg_code code = fg_json_is_object(item, reader->err);
    if (code == FG_OK)
        code = fg_json_get_string(item, "id", id, reader->err);
    if (code == FG_OK && (*id)[0] == '\0') {
        struct fg_json_cursor at = fg_json_member(item, "id");
        code = fg_json_fail(&at, FG_ERR_VALUE, reader->err, "is empty; give an id");
    }
    return code;
}

static const char *const id_only[] = {"id", NULL};

static enum fg_code read_bus(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    struct fg_bus *bus = fg_network_add_bus(reader->network, id, 0);
    return bus ? read_fields(reader, item, fg_bus_fields, id_only, bus) : fg_fail_memory(reader->err);
}

static enum fg_code read_branch(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    static const char *const extra[] = {"id", "tap", NULL};
    struct fg_branch *branch = fg_network_add_branch(reader->network, id, -1, -1);
    if (branch == NULL)
        return fg_fail_memory(reader->err);
    enum fg_code code = read_fields(reader, item, fg_branch_fields, extra, branch);
    return code == FG_OK ? read_tap(reader, item, &branch->tap) : code;
}

static enum fg_code read_switch(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    struct fg_switch *element = fg_network_add_switch(reader->network, id, -1, -1, true);
    return element ? read_fields(reader, item, fg_switch_fields, id_only, element) : fg_fail_memory(reader->err);
}

static enum fg_code read_injection(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    struct fg_injection *element = fg_network_add_injection(reader->network, id, FG_INJECTION_LOAD, -1, 0, 0);
    return element ? read_fields(reader, item, fg_injection_fields, id_only, element) : fg_fail_memory(reader->err);
}

static enum fg_code read_generator(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    static const char *const extra[] = {"id", "cost", "cost_reactive", NULL};
    struct fg_generator *generator = fg_network_add_generator(reader->network, id, FG_GENERATOR_DISPATCHABLE, -1);
    if (generator == NULL)
        return fg_fail_memory(reader->err);
    enum fg_code code = read_fields(reader, item, fg_generator_fields, extra, generator);
    if (code == FG_OK)
        code = read_cost(reader, item, "cost", &generator->cost);
    return code == FG_OK ? read_cost(reader, item, "cost_reactive", &generator->cost_reactive) : code;
}

static enum fg_code read_storage(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    struct fg_storage *element = fg_network_add_storage(reader->network, id, -1);
    return element ? read_fields(reader, item, fg_storage_fields, id_only, element) : fg_fail_memory(reader->err);
}

static enum fg_code read_shunt(struct reader *reader, const struct fg_json_cursor *item, const char *id)
{
    struct fg_shunt *element = fg_network_add_shunt(reader->network, id, -1, 0, 0);
    return element ? read_fields(reader, item, fg_shunt_fields, id_only, element) : fg_fail_memory(reader->err);
}

static enum fg_code read_notes(struct reader *reader, const struct fg_json_cursor *root)
{
    static const char *const members[] = {"kind", "place", "text", "count", NULL};
    static const struct fg_field kind_field = {"kind", FG_FIELD_WORD, 0, true, fg_note_words};
    struct fg_json_cursor list;
    enum fg_code code = fg_json_or_array(root, "notes", &list, reader->err);
    for (size_t i = 0; code == FG_OK && i < fg_json_count(&list); i++) {
        struct fg_json_cursor item = fg_json_item(&list, i), count_at;
        int kind = 0;
        int64_t count = 1;
        const char *place, *text;
        code = fg_json_is_object(&item, reader->err);
        if (code == FG_OK)
            code = fg_json_only(&item, members, reader->err);
        if (code == FG_OK)
            code = read_field(reader, &item, &kind_field, &kind);
        if (code == FG_OK)
            code = fg_json_or_string(&item, "place", "", &place, reader->err);
        if (code == FG_OK)
            code = fg_json_get_string(&item, "text", &text, reader->err);
        if (code == FG_OK)
            code = fg_json_or_integer(&item, "count", 1, &count, reader->err);
        count_at = fg_json_member(&item, "count");
        if (code == FG_OK && count < 1)
            code = fg_json_fail(&count_at, FG_ERR_VALUE, reader->err, "must be at least 1");
        if (code != FG_OK)
            break;
        size_t before = reader->network->note_count;
        code = fg_network_note(reader->network, (enum fg_note_kind)kind, place, reader->err, "%s", text);
        if (code == FG_OK && reader->network->note_count > before)
            reader->network->notes[before].count = (size_t)count;
    }
    return code;
}

static enum fg_code read_list(struct reader *reader, const struct fg_json_cursor *root, const char *key,
                              enum fg_code (*read)(struct reader *, const struct fg_json_cursor *, const char *))
{
    struct fg_json_cursor list;
    enum fg_code code = fg_json_or_array(root, key, &list, reader->err);
    for (size_t i = 0; code == FG_OK && i < fg_json_count(&list); i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        const char *id;
        code = read_id(reader, &item, &id);
        if (code == FG_OK)
            code = read(reader, &item, id);
    }
    return code;
}

static enum fg_code index_buses(struct reader *reader, const struct fg_json_cursor *root)
{
    size_t count = reader->network->bus_count;
    reader->keys = fg_alloc(count, sizeof *reader->keys);
    if (reader->keys == NULL)
        return fg_fail_memory(reader->err);
    for (size_t i = 0; i < count; i++)
        reader->keys[i] = (struct bus_key){reader->network->buses[i].id, (int32_t)i};
    if (count != 0)
        qsort(reader->keys, count, sizeof *reader->keys, compare_keys);
    reader->key_count = count;
    for (size_t i = 0; i + 1 < count; i++)
        if (strcmp(reader->keys[i].id, reader->keys[i + 1].id) == 0) {
            struct fg_json_cursor buses = fg_json_member(root, "buses");
            struct fg_json_cursor item = fg_json_item(&buses, (size_t)reader->keys[i + 1].index);
            struct fg_json_cursor id = fg_json_member(&item, "id");
            return fg_json_fail(&id, FG_ERR_NETWORK, reader->err, "bus \"%s\" is defined twice; ids must be unique",
                                reader->keys[i].id);
        }
    return FG_OK;
}

static enum fg_code read_head(struct reader *reader, const struct fg_json_cursor *root)
{
    static const char *const members[] = {"flexgrid_network", "name",     "base_mva",   "frequency_hz", "buses",
                                          "branches",         "switches", "injections", "generators",   "storages",
                                          "shunts",           "notes",    NULL};
    int64_t version;
    const char *name;
    enum fg_code code = fg_json_is_object(root, reader->err);
    if (code == FG_OK)
        code = fg_json_get_integer(root, "flexgrid_network", &version, reader->err);
    if (code == FG_OK && version != FG_NETWORK_JSON_VERSION) {
        struct fg_json_cursor at = fg_json_member(root, "flexgrid_network");
        code = fg_json_fail(&at, FG_ERR_UNSUPPORTED, reader->err,
                            "version %lld is not known; this program reads version %d", (long long)version,
                            FG_NETWORK_JSON_VERSION);
    }
    if (code == FG_OK)
        code = fg_json_only(root, members, reader->err);
    if (code == FG_OK)
        code = fg_json_or_string(root, "name", "", &name, reader->err);
    if (code == FG_OK && (reader->network->name = fg_network_string(reader->network, name)) == NULL)
        code = fg_fail_memory(reader->err);
    if (code == FG_OK)
        code = fg_json_get_number(root, "base_mva", &reader->network->base_mva, reader->err);
    return code == FG_OK ? fg_json_or_number(root, "frequency_hz", 50, &reader->network->frequency_hz, reader->err)
                         : code;
}

static enum fg_code read_network(struct reader *reader, const struct fg_json_cursor *root)
{
    enum fg_code code = read_head(reader, root);
    if (code == FG_OK)
        code = read_list(reader, root, "buses", read_bus);
    if (code == FG_OK)
        code = index_buses(reader, root);
    if (code == FG_OK)
        code = read_list(reader, root, "branches", read_branch);
    if (code == FG_OK)
        code = read_list(reader, root, "switches", read_switch);
    if (code == FG_OK)
        code = read_list(reader, root, "injections", read_injection);
    if (code == FG_OK)
        code = read_list(reader, root, "generators", read_generator);
    if (code == FG_OK)
        code = read_list(reader, root, "storages", read_storage);
    if (code == FG_OK)
        code = read_list(reader, root, "shunts", read_shunt);
    return code == FG_OK ? read_notes(reader, root) : code;
}

static enum fg_code read_document(json_t *document, const char *place, struct fg_network **network,
                                  struct fg_error *err)
{
    struct reader reader = {.network = fg_network_create(), .err = err};
    if (reader.network == NULL)
        return fg_fail_memory(err);
    struct fg_json_cursor root = fg_json_root(document, place);
    enum fg_code code = read_network(&reader, &root);
    if (code == FG_OK)
        code = fg_network_validate_file(reader.network, place, err);
    fg_free(reader.keys);
    if (code == FG_OK)
        *network = reader.network;
    else
        fg_network_destroy(reader.network);
    return code;
}

enum fg_code fg_network_json_parse(const char *bytes, size_t length, const char *place, struct fg_network **network,
                                   struct fg_error *err)
{
    *network = NULL;
    json_t *document = NULL;
    enum fg_code code = fg_json_load_text(bytes, length, place, &document, err);
    if (code == FG_OK)
        code = read_document(document, place, network, err);
    json_decref(document);
    return code;
}

enum fg_code fg_network_json_read(const char *path, struct fg_network **network, struct fg_error *err)
{
    *network = NULL;
    json_t *document = NULL;
    enum fg_code code = fg_json_load_file(path, &document, err);
    if (code == FG_OK)
        code = read_document(document, path, network, err);
    json_decref(document);
    return code;
}
