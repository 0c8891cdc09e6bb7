#include "grid/pgm_row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum fg_code fg_pgm_dataset_open(struct fg_pgm_dataset *dataset, json_t *document, const char *place, const char *type,
                                 size_t scenario, struct fg_error *err)
{
    const char *found_type, *version;
    bool is_batch;
    dataset->root = fg_json_root(document, place);
    enum fg_code code = fg_json_is_object(&dataset->root, err);
    if (code == FG_OK)
        code = fg_json_get_string(&dataset->root, "version", &version, err);
    if (code == FG_OK)
        code = fg_json_get_string(&dataset->root, "type", &found_type, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&dataset->root, "is_batch", false, &is_batch, err);
    if (code != FG_OK)
        return code;
    if (strncmp(version, "1.", 2) != 0)
        return fg_json_fail(&dataset->root, FG_ERR_UNSUPPORTED, err, "dataset version %.20s; version 1.0 is read",
                            version);
    if (strcmp(found_type, type) != 0)
        return fg_json_fail(&dataset->root, FG_ERR_SCHEMA, err,
                            "dataset type is \"%.40s\"; a power-grid-model dataset of type \"%s\" is needed",
                            found_type, type);
    if (is_batch && strcmp(type, "input") == 0)
        return fg_json_fail(&dataset->root, FG_ERR_UNSUPPORTED, err,
                            "a batch of inputs; give one input and an update batch");
    dataset->attributes = fg_json_member(&dataset->root, "attributes");
    dataset->all = fg_json_member(&dataset->root, "data");
    dataset->data = dataset->all;
    if (is_batch) {
        code = fg_json_get_array(&dataset->root, "data", &dataset->all, err);
        if (code != FG_OK)
            return code;
        if (scenario >= fg_json_count(&dataset->all))
            return fg_json_fail(&dataset->all, FG_ERR_ARGUMENT, err, "scenario %zu of %zu", scenario,
                                fg_json_count(&dataset->all));
        dataset->data = fg_json_item(&dataset->all, scenario);
    }
    return fg_json_is_object(&dataset->data, err);
}

static int name_index(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *item = json_string_value(json_array_get(names, i));
        if (item != NULL && strcmp(item, name) == 0)
            return (int)i;
    }
    return -1;
}

static struct fg_json_cursor cell_of(const struct fg_json_cursor *cells, const json_t *names, const char *name)
{
    struct fg_json_cursor none = {0};
    if (json_is_object(cells->value))
        return fg_json_member(cells, name);
    int index = json_is_array(cells->value) ? name_index(names, name) : -1;
    return index < 0 ? none : fg_json_item(cells, (size_t)index);
}

struct fg_json_cursor fg_pgm_field(const struct fg_pgm_row *row, const char *name)
{
    struct fg_json_cursor cell = cell_of(&row->update_cells, row->update_names, name);
    if (cell.value == NULL || json_is_null(cell.value))
        cell = cell_of(&row->cells, row->names, name);
    if (json_is_null(cell.value))
        cell.value = NULL;
    return cell;
}

static const json_t *names_of(const struct fg_pgm_dataset *dataset, const char *component)
{
    return json_object_get(dataset->attributes.value, component);
}

const char *fg_pgm_key(const char *component, int64_t id, char key[FG_PGM_KEY])
{
    snprintf(key, FG_PGM_KEY, "%.40s %lld", component, (long long)id);
    return key;
}

void fg_pgm_row_plain(struct fg_pgm_row *row, const struct fg_pgm_dataset *dataset, const char *component,
                      size_t number, struct fg_error *err)
{
    *row = (struct fg_pgm_row){.component = component, .err = err};
    row->list = fg_json_member(&dataset->data, component);
    row->cells = fg_json_item(&row->list, number);
    row->names = names_of(dataset, component);
    if (!json_is_object(row->cells.value) && !json_is_array(row->cells.value))
        row->code = fg_json_fail(&row->cells, FG_ERR_SCHEMA, err, "must be an object, or a list along \"attributes\"");
    else if (json_is_array(row->cells.value) && json_array_size(row->cells.value) != json_array_size(row->names))
        row->code = fg_json_fail(&row->cells, FG_ERR_SCHEMA, err, "%zu values for %zu names in \"attributes\"",
                                 json_array_size(row->cells.value), json_array_size(row->names));
}

void fg_pgm_row_at(struct fg_pgm_row *row, const struct fg_pgm_dataset *input, const struct fg_pgm_dataset *update,
                   const struct fg_names *updates, const char *component, size_t number, struct fg_error *err)
{
    fg_pgm_row_plain(row, input, component, number, err);
    row->id = fg_pgm_need_id(row, "id");
    if (row->code != FG_OK || update == NULL)
        return;
    row->update_list = fg_json_member(&update->data, component);
    row->update_names = names_of(update, component);
    char key[FG_PGM_KEY];
    int32_t at = fg_names_find(updates, fg_pgm_key(component, row->id, key));
    if (at < 0) { /* rows without ids update all components of the kind, in order */
        struct fg_json_cursor same = fg_json_item(&row->update_list, number);
        struct fg_json_cursor id = cell_of(&same, row->update_names, "id");
        if (same.value != NULL && (id.value == NULL || json_is_null(id.value)))
            at = (int32_t)number;
    }
    if (at >= 0)
        row->update_cells = fg_json_item(&row->update_list, (size_t)at);
}

enum fg_code fg_pgm_refuse(struct fg_pgm_row *row, const char *name, enum fg_code code, const char *format, ...)
{
    if (row->code != FG_OK)
        return row->code;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct fg_json_cursor cell = {0};
    if (name != NULL)
        cell = fg_pgm_field(row, name);
    row->code = fg_json_fail(cell.value != NULL ? &cell : &row->cells, code, row->err, "%s %lld%s%s: %s",
                             row->component, (long long)row->id, name ? ", " : "", name ? name : "", text);
    return row->code;
}

static bool number_of(const json_t *value, double *number)
{
    const char *text = json_string_value(value);
    if (json_is_number(value))
        *number = json_number_value(value);
    else if (text != NULL && (strcmp(text, "inf") == 0 || strcmp(text, "+inf") == 0))
        *number = INFINITY;
    else if (text != NULL && strcmp(text, "-inf") == 0)
        *number = -INFINITY;
    else
        return false;
    return true;
}

double fg_pgm_number(struct fg_pgm_row *row, const char *name, double fallback)
{
    struct fg_json_cursor cell = fg_pgm_field(row, name);
    double number = fallback;
    if (row->code == FG_OK && cell.value != NULL && !number_of(cell.value, &number))
        fg_pgm_refuse(row, name, FG_ERR_SCHEMA, "must be a number");
    return number;
}

double fg_pgm_need(struct fg_pgm_row *row, const char *name)
{
    double number = fg_pgm_number(row, name, NAN);
    if (row->code == FG_OK && !isfinite(number))
        fg_pgm_refuse(row, name, FG_ERR_SCHEMA, isnan(number) ? "is missing; give a number" : "must be finite");
    return number;
}

double fg_pgm_positive(struct fg_pgm_row *row, const char *name)
{
    double number = fg_pgm_need(row, name);
    if (row->code == FG_OK && !(number > 0))
        fg_pgm_refuse(row, name, FG_ERR_VALUE, "is %g; give a positive number", number);
    return number;
}

int32_t fg_pgm_integer(struct fg_pgm_row *row, const char *name, int32_t fallback)
{
    double number = fg_pgm_number(row, name, fallback);
    if (row->code == FG_OK && !(number == floor(number) && fabs(number) <= INT32_MAX)) {
        fg_pgm_refuse(row, name, FG_ERR_VALUE, "%g must be a whole number of 32 bits", number);
        return fallback;
    }
    return row->code == FG_OK ? (int32_t)number : fallback;
}

int64_t fg_pgm_need_id(struct fg_pgm_row *row, const char *name)
{
    struct fg_json_cursor cell = fg_pgm_field(row, name);
    if (row->code == FG_OK && !json_is_integer(cell.value))
        fg_pgm_refuse(row, name, FG_ERR_SCHEMA, "must be the id of a component, a whole number");
    return row->code == FG_OK ? json_integer_value(cell.value) : 0;
}

bool fg_pgm_status(struct fg_pgm_row *row, const char *name)
{
    int32_t status = fg_pgm_integer(row, name, 1);
    if (row->code == FG_OK && status != 0 && status != 1)
        fg_pgm_refuse(row, name, FG_ERR_VALUE, "status is %d; give 0 or 1", (int)status);
    return status != 0;
}

double fg_pgm_sum(struct fg_pgm_row *row, const char *name, double fallback)
{
    struct fg_json_cursor cell = fg_pgm_field(row, name);
    if (row->code != FG_OK || !json_is_array(cell.value))
        return fg_pgm_number(row, name, fallback);
    double sum = 0;
    for (size_t i = 0; i < json_array_size(cell.value); i++) {
        double number;
        if (json_array_size(cell.value) != 3 || !number_of(json_array_get(cell.value, i), &number)) {
            fg_pgm_refuse(row, name, FG_ERR_SCHEMA, "must be three numbers, one a phase");
            return fallback;
        }
        sum += number;
    }
    return sum;
}
