#include "grid/scenario.h"

#include "base/csv.h"
#include "base/names.h"

#include <string.h>

enum kind { KIND_INJECTION, KIND_GENERATOR, KIND_STORAGE, KIND_BUS, KIND_COUNT };

struct fg_scenario_reader {
    const struct fg_network *network;
    struct fg_csv_stream stream;
    size_t row; /* next one of the stream's rows */
    size_t step_column, id_column;
    int kind_column, p_column, q_column; /* -1: absent */
    struct fg_names names[KIND_COUNT];
    struct fg_names labels; /* of the steps that are over or being read */
    struct fg_arena arena;  /* the labels' text */
};

void fg_scenario_close(struct fg_scenario_reader *reader)
{
    if (reader == NULL)
        return;
    fg_csv_stream_close(&reader->stream);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        fg_names_release(&reader->names[kind]);
    fg_names_release(&reader->labels);
    fg_arena_release(&reader->arena);
    fg_free(reader);
}

static enum fg_code index_elements(struct fg_scenario_reader *reader, struct fg_error *err)
{
    const struct fg_network *network = reader->network;
    int failed = 0;
    for (size_t i = 0; i < network->injection_count; i++)
        failed |= fg_names_add(&reader->names[KIND_INJECTION], network->injections[i].id, (int32_t)i);
    for (size_t i = 0; i < network->generator_count; i++)
        failed |= fg_names_add(&reader->names[KIND_GENERATOR], network->generators[i].id, (int32_t)i);
    for (size_t i = 0; i < network->storage_count; i++)
        failed |= fg_names_add(&reader->names[KIND_STORAGE], network->storages[i].id, (int32_t)i);
    for (size_t i = 0; i < network->bus_count; i++)
        failed |= fg_names_add(&reader->names[KIND_BUS], network->buses[i].id, (int32_t)i);
    return failed ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code find_columns(struct fg_scenario_reader *reader, struct fg_error *err)
{
    static const char *const step_words[] = {"step", "time", "scenario"}, *const known[] = {"id", "kind", "p_mw", "q_mvar"};
    const struct fg_csv *csv = &reader->stream.csv;
    int step = -1, count = 0;
    for (size_t i = 0; i < 3; i++) {
        int found = fg_csv_column(csv, step_words[i]);
        step = found >= 0 ? found : step;
        count += found >= 0;
    }
    if (count != 1)
        return fg_fail(err, FG_ERR_SCHEMA, csv->path, "%s column that names the steps; call it step, time or scenario",
                       count == 0 ? "no" : "more than one");
    reader->step_column = (size_t)step;
    enum fg_code code = fg_csv_need(csv, "id", &reader->id_column, err);
    if (code != FG_OK)
        return code;
    reader->kind_column = fg_csv_column(csv, "kind");
    reader->p_column = fg_csv_column(csv, "p_mw");
    reader->q_column = fg_csv_column(csv, "q_mvar");
    if (reader->p_column < 0 && reader->q_column < 0)
        return fg_csv_need(csv, "p_mw", &reader->id_column, err);
    for (size_t i = 0; i < csv->column_count; i++) {
        bool is_known = (int)i == step;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known = is_known || strcmp(csv->header[i], known[k]) == 0;
        if (!is_known)
            return fg_fail(err, FG_ERR_SCHEMA, csv->path,
                           "column \"%.60s\" is unknown; the columns are step (or time, scenario), id, kind, p_mw, q_mvar",
                           csv->header[i]);
    }
    return FG_OK;
}

enum fg_code fg_scenario_open(const struct fg_network *network, const char *path, struct fg_scenario_reader **result,
                              struct fg_error *err)
{
    *result = NULL;
    struct fg_scenario_reader *reader = fg_alloc(1, sizeof *reader);
    if (reader == NULL)
        return fg_fail_memory(err);
    reader->network = network;
    fg_arena_init(&reader->arena);
    enum fg_code code = fg_csv_stream_open(&reader->stream, path, err);
    if (code == FG_OK)
        code = find_columns(reader, err);
    if (code == FG_OK)
        code = index_elements(reader, err);
    if (code == FG_OK)
        code = fg_csv_stream_next(&reader->stream, err);
    if (code != FG_OK) {
        fg_scenario_close(reader);
        return code;
    }
    *result = reader;
    return FG_OK;
}

void fg_scenario_set_own(const struct fg_network *network, const struct fg_scenario_powers *powers)
{
    for (size_t i = 0; i < network->injection_count; i++) {
        powers->injection_p_mw[i] = network->injections[i].p_mw;
        powers->injection_q_mvar[i] = network->injections[i].q_mvar;
    }
    for (size_t i = 0; i < network->generator_count; i++) {
        powers->generator_p_mw[i] = network->generators[i].p_mw;
        powers->generator_q_mvar[i] = network->generators[i].q_mvar;
    }
    for (size_t i = 0; i < network->storage_count; i++) {
        powers->storage_p_mw[i] = network->storages[i].p_mw;
        powers->storage_q_mvar[i] = network->storages[i].q_mvar;
    }
    memset(powers->bus_p_mw, 0, network->bus_count * sizeof *powers->bus_p_mw);
    memset(powers->bus_q_mvar, 0, network->bus_count * sizeof *powers->bus_q_mvar);
}

/* The element of a row: of the kind that is given, otherwise of the only kind that has the id. */
static enum fg_code find_element(const struct fg_scenario_reader *reader, enum kind *kind, int32_t *element,
                                 struct fg_error *err)
{
    static const struct {
        const char *word;
        enum kind kind;
        int injection_kind; /* -1: any */
    } kinds[] = {{"load", KIND_INJECTION, FG_INJECTION_LOAD},
                 {"static_generator", KIND_INJECTION, FG_INJECTION_STATIC_GENERATOR},
                 {"generator", KIND_GENERATOR, -1},
                 {"storage", KIND_STORAGE, -1},
                 {"bus", KIND_BUS, -1}};
    const struct fg_csv *csv = &reader->stream.csv;
    const char *id = fg_csv_field(csv, reader->row, reader->id_column);
    const char *word = reader->kind_column < 0 ? "" : fg_csv_field(csv, reader->row, (size_t)reader->kind_column);
    if (*word != '\0') {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            if (strcmp(word, kinds[i].word) != 0)
                continue;
            *kind = kinds[i].kind;
            *element = fg_names_find(&reader->names[*kind], id);
            if (*element < 0 || (kinds[i].injection_kind >= 0 &&
                                 (int)reader->network->injections[*element].kind != kinds[i].injection_kind))
                return fg_csv_fail(csv, reader->row, reader->id_column, FG_ERR_VALUE, err,
                                   "the network has no %s \"%.60s\"; flexgrid check lists its elements", word, id);
            return FG_OK;
        }
        return fg_csv_fail(csv, reader->row, (size_t)reader->kind_column, FG_ERR_VALUE, err,
                           "\"%.40s\" is no kind; use load, static_generator, generator, storage or bus", word);
    }
    int found = 0;
    for (int i = 0; i < KIND_COUNT; i++) {
        int32_t index = fg_names_find(&reader->names[i], id);
        if (index < 0)
            continue;
        found++;
        *kind = (enum kind)i;
        *element = index;
    }
    if (found == 1)
        return FG_OK;
    return fg_csv_fail(csv, reader->row, reader->id_column, FG_ERR_VALUE, err,
                       found == 0 ? "the network has no load, static generator, generator, storage or bus \"%.60s\""
                                  : "\"%.60s\" is the id of elements of several kinds; add a column kind (load, "
                                    "static_generator, generator, storage, bus)",
                       id);
}

static enum fg_code read_power(const struct fg_scenario_reader *reader, int column, double *value, struct fg_error *err)
{
    const struct fg_csv *csv = &reader->stream.csv;
    if (column < 0 || *fg_csv_field(csv, reader->row, (size_t)column) == '\0')
        return FG_OK;
    return fg_csv_number(csv, reader->row, (size_t)column, value, err);
}

static enum fg_code read_row(const struct fg_scenario_reader *reader, const struct fg_scenario_powers *powers,
                             struct fg_error *err)
{
    double *const p[KIND_COUNT] = {powers->injection_p_mw, powers->generator_p_mw, powers->storage_p_mw,
                                   powers->bus_p_mw};
    double *const q[KIND_COUNT] = {powers->injection_q_mvar, powers->generator_q_mvar, powers->storage_q_mvar,
                                   powers->bus_q_mvar};
    enum kind kind = KIND_COUNT;
    int32_t element = -1;
    enum fg_code code = find_element(reader, &kind, &element, err);
    if (code == FG_OK)
        code = read_power(reader, reader->p_column, &p[kind][element], err);
    return code == FG_OK ? read_power(reader, reader->q_column, &q[kind][element], err) : code;
}

static enum fg_code begin_step(struct fg_scenario_reader *reader, const char **label, struct fg_error *err)
{
    const struct fg_csv *csv = &reader->stream.csv;
    const char *text = fg_csv_field(csv, reader->row, reader->step_column);
    if (fg_names_find(&reader->labels, text) >= 0)
        return fg_csv_fail(csv, reader->row, reader->step_column, FG_ERR_VALUE, err,
                           "step \"%.60s\" was over before; sort the rows so that those of a step stand together", text);
    *label = fg_arena_strdup(&reader->arena, text);
    return *label == NULL || fg_names_add(&reader->labels, *label, 0) ? fg_fail_memory(err) : FG_OK;
}

enum fg_code fg_scenario_next(struct fg_scenario_reader *reader, const struct fg_scenario_powers *powers,
                              const char **label, struct fg_error *err)
{
    const struct fg_csv *csv = &reader->stream.csv;
    *label = NULL;
    if (reader->row >= csv->row_count)
        return FG_OK; /* the last step ended with the file */
    enum fg_code code = begin_step(reader, label, err);
    if (code == FG_OK)
        fg_scenario_set_own(reader->network, powers);
    while (code == FG_OK && reader->row < csv->row_count &&
           strcmp(fg_csv_field(csv, reader->row, reader->step_column), *label) == 0) {
        code = read_row(reader, powers, err);
        if (code == FG_OK && ++reader->row == csv->row_count) {
            reader->row = 0;
            code = fg_csv_stream_next(&reader->stream, err);
        }
    }
    return code;
}
