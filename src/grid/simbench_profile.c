/* Profiles and study cases of a SimBench data set. A profile is a factor on the element's own power: X_pload and
 * X_qload for loads, one column for everything else; other reactive powers stay constant (as in SimBench's own
 * evaluation). */
#include "grid/simbench_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const profile_tables[] = {"LoadProfile", "RESProfile", "PowerPlantProfile", "StorageProfile"};
static const char *const profile_elements[] = {"Load", "RES", "PowerPlant", "Storage"};
#define PROFILE_TABLES (sizeof profile_tables / sizeof *profile_tables)

/* While elements are read, p_series is a number in profile_names; fg_sb_read_profiles turns it into a series. */
static enum fg_code follow(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *element,
                           enum fg_sb_role role, struct fg_sb_follow **list, size_t count, size_t *capacity)
{
    struct fg_simbench *set = reader->set;
    struct fg_sb_follow what = {-1, -1, role};
    const char *profile = element == NULL ? NULL : fg_sb_text(row, "profile");
    if (profile != NULL && reader->with_profiles) {
        char key[200];
        snprintf(key, sizeof key, "%s %.150s", element, profile);
        what.p_series = fg_names_find(&reader->profile_names, key);
        if (what.p_series < 0) {
            const char *copy = fg_arena_strdup(&set->arena, key);
            what.p_series = (int32_t)reader->profile_names.count;
            if (copy == NULL || fg_grow((void **)&reader->profile_keys, reader->profile_names.count,
                                        &reader->profile_capacity, sizeof *reader->profile_keys))
                return fg_fail_memory(reader->err);
            reader->profile_keys[what.p_series] = copy;
            if (fg_names_add(&reader->profile_names, copy, what.p_series))
                return fg_fail_memory(reader->err);
        }
    }
    if (fg_grow((void **)list, count, capacity, sizeof **list))
        return fg_fail_memory(reader->err);
    (*list)[count] = what;
    return FG_OK;
}

enum fg_code fg_sb_follow_injection(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *element,
                                    enum fg_sb_role role)
{
    return follow(reader, row, element, role, &reader->set->injections, reader->network->injection_count - 1,
                  &reader->set->injection_capacity);
}

enum fg_code fg_sb_follow_generator(struct fg_sb_reader *reader, struct fg_sb_row *row, const char *element,
                                    enum fg_sb_role role)
{
    return follow(reader, row, element, role, &reader->set->generators, reader->network->generator_count - 1,
                  &reader->set->generator_capacity);
}

enum fg_code fg_sb_follow_storage(struct fg_sb_reader *reader, struct fg_sb_row *row)
{
    return follow(reader, row, "Storage", FG_SB_OTHER, &reader->set->storages, reader->network->storage_count - 1,
                  &reader->set->storage_capacity);
}

/* Keep one column as a series; -1 when the table has no such column. */
static enum fg_code read_series(struct fg_sb_reader *reader, const struct fg_sb_table *table, const char *column,
                                int32_t *series)
{
    struct fg_simbench *set = reader->set;
    int at = fg_csv_column(&table->csv, column);
    *series = -1;
    if (at < 0)
        return FG_OK;
    double *values = fg_arena_alloc(&set->arena, set->step_count ? set->step_count : 1, sizeof *values);
    if (values == NULL || fg_grow((void **)&set->series, set->series_count, &set->series_capacity, sizeof *set->series))
        return fg_fail_memory(reader->err);
    for (size_t step = 0; step < set->step_count; step++) {
        enum fg_code code = fg_csv_number(&table->csv, step, (size_t)at, &values[step], reader->err);
        if (code != FG_OK)
            return code;
    }
    *series = (int32_t)set->series_count;
    set->series[set->series_count++] = values;
    return FG_OK;
}

static enum fg_code read_times(struct fg_sb_reader *reader, const struct fg_sb_table *table)
{
    struct fg_simbench *set = reader->set;
    size_t column;
    if (set->times != NULL)
        return set->step_count == table->csv.row_count
                   ? FG_OK
                   : fg_fail(reader->err, FG_ERR_SCHEMA, table->csv.path,
                             "%zu time steps, but the profiles before have %zu; they must agree", table->csv.row_count,
                             set->step_count);
    enum fg_code code = fg_csv_need(&table->csv, "time", &column, reader->err);
    if (code != FG_OK)
        return code;
    set->step_count = table->csv.row_count;
    set->times = fg_arena_alloc(&set->arena, set->step_count ? set->step_count : 1, sizeof *set->times);
    for (size_t step = 0; set->times != NULL && step < set->step_count; step++)
        if ((set->times[step] = fg_arena_strdup(&set->arena, fg_csv_field(&table->csv, step, column))) == NULL)
            return fg_fail_memory(reader->err);
    return set->times == NULL ? fg_fail_memory(reader->err) : FG_OK;
}

/* The series of all profiles that elements of one table refer to. */
static enum fg_code read_profile_table(struct fg_sb_reader *reader, size_t which, struct fg_sb_follow *found)
{
    struct fg_sb_table table;
    size_t prefix = strlen(profile_elements[which]);
    enum fg_code code = fg_sb_table_open(reader, profile_tables[which], &table);
    if (code == FG_OK && table.exists)
        code = read_times(reader, &table);
    for (size_t i = 0; code == FG_OK && i < reader->profile_names.count; i++) {
        const char *key = reader->profile_keys[i];
        if (strncmp(key, profile_elements[which], prefix) != 0 || key[prefix] != ' ')
            continue;
        struct fg_sb_follow *series = &found[i];
        char column[200];
        if (table.exists && which == 0) {
            snprintf(column, sizeof column, "%.150s_pload", key + prefix + 1);
            code = read_series(reader, &table, column, &series->p_series);
            snprintf(column, sizeof column, "%.150s_qload", key + prefix + 1);
            if (code == FG_OK)
                code = read_series(reader, &table, column, &series->q_series);
        } else if (table.exists) {
            code = read_series(reader, &table, key + prefix + 1, &series->p_series);
        }
        if (code == FG_OK && series->p_series < 0)
            code = fg_network_note(reader->network, FG_NOTE_WARNING, profile_tables[which], reader->err,
                                   "a profile that elements name is not in the profiles; they stay constant");
    }
    fg_sb_table_release(&table);
    return code;
}

static void resolve(struct fg_sb_follow *list, size_t count, const struct fg_sb_follow *found)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].p_series >= 0) {
            list[i].q_series = found[list[i].p_series].q_series;
            list[i].p_series = found[list[i].p_series].p_series;
        }
}

enum fg_code fg_sb_read_profiles(struct fg_sb_reader *reader)
{
    struct fg_simbench *set = reader->set;
    struct fg_sb_follow *found = fg_alloc(reader->profile_names.count, sizeof *found);
    if (found == NULL)
        return fg_fail_memory(reader->err);
    for (size_t i = 0; i < reader->profile_names.count; i++)
        found[i] = (struct fg_sb_follow){-1, -1, FG_SB_OTHER};
    enum fg_code code = FG_OK;
    for (size_t which = 0; code == FG_OK && which < PROFILE_TABLES; which++)
        code = read_profile_table(reader, which, found);
    if (code == FG_OK) {
        resolve(set->injections, set->network->injection_count, found);
        resolve(set->generators, set->network->generator_count, found);
        resolve(set->storages, set->network->storage_count, found);
    }
    fg_free(found);
    return code;
}

enum fg_code fg_sb_read_cases(struct fg_sb_reader *reader)
{
    struct fg_simbench *set = reader->set;
    struct fg_sb_table table;
    enum fg_code code = fg_sb_table_open(reader, "StudyCases", &table);
    bool is_by_level = code == FG_OK && table.exists && fg_csv_column(&table.csv, "voltLvl") >= 0;
    if (is_by_level)
        code = fg_network_note(reader->network, FG_NOTE_IGNORED, table.csv.path, reader->err,
                               "study cases by voltage level");
    for (size_t i = 0; code == FG_OK && table.exists && !is_by_level && i < table.csv.row_count; i++) {
        struct fg_sb_row row = fg_sb_row_at(&table, i, reader->err);
        const char *name = fg_csv_field(&table.csv, i, 0); /* "Study Case" or "Study Cases" */
        struct fg_sb_study_case item = {.load_p = fg_sb_need(&row, "pload"),
                                        .load_q = fg_sb_need(&row, "qload"),
                                        .wind = fg_sb_need(&row, "Wind_p"),
                                        .sun = fg_sb_need(&row, "PV_p"),
                                        .generation = fg_sb_need(&row, "RES_p"),
                                        .slack_vm_pu = fg_sb_number(&row, "Slack_vm", NAN)};
        item.name = fg_arena_strdup(&set->arena, name);
        code = row.code;
        if (code == FG_OK && (item.name == NULL ||
                              fg_grow((void **)&set->cases, set->case_count, &set->case_capacity, sizeof *set->cases)))
            code = fg_fail_memory(reader->err);
        if (code == FG_OK)
            set->cases[set->case_count++] = item;
    }
    fg_sb_table_release(&table);
    return code;
}

size_t fg_simbench_step_count(const struct fg_simbench *set)
{
    return set->step_count;
}

const char *fg_simbench_time(const struct fg_simbench *set, size_t step)
{
    return set->times[step];
}

static double factor_at(const struct fg_simbench *set, int32_t series, size_t step)
{
    return series < 0 ? 1 : set->series[series][step];
}

void fg_simbench_at_step(const struct fg_simbench *set, size_t step, const struct fg_simbench_powers *powers)
{
    const struct fg_network *network = set->network;
    for (size_t i = 0; i < network->injection_count; i++) {
        if (powers->injection_p_mw != NULL)
            powers->injection_p_mw[i] = network->injections[i].p_mw * factor_at(set, set->injections[i].p_series, step);
        if (powers->injection_q_mvar != NULL)
            powers->injection_q_mvar[i] =
                network->injections[i].q_mvar * factor_at(set, set->injections[i].q_series, step);
    }
    for (size_t i = 0; i < network->generator_count && powers->generator_p_mw != NULL; i++)
        powers->generator_p_mw[i] = network->generators[i].p_mw * factor_at(set, set->generators[i].p_series, step);
    for (size_t i = 0; i < network->storage_count && powers->storage_p_mw != NULL; i++)
        powers->storage_p_mw[i] = network->storages[i].p_mw * factor_at(set, set->storages[i].p_series, step);
}

size_t fg_simbench_case_count(const struct fg_simbench *set)
{
    return set->case_count;
}

const char *fg_simbench_case_name(const struct fg_simbench *set, size_t study_case)
{
    return set->cases[study_case].name;
}

static double factor_of(const struct fg_sb_study_case *item, enum fg_sb_role role, bool is_reactive)
{
    switch (role) {
    case FG_SB_LOAD: return is_reactive ? item->load_q : item->load_p;
    case FG_SB_WIND: return is_reactive ? 1 : item->wind;
    case FG_SB_SUN: return is_reactive ? 1 : item->sun;
    case FG_SB_GENERATION: return is_reactive ? 1 : item->generation;
    case FG_SB_OTHER: break;
    }
    return 1;
}

void fg_simbench_at_case(const struct fg_simbench *set, size_t study_case, const struct fg_simbench_powers *powers,
                         double *slack_vm_pu)
{
    const struct fg_network *network = set->network;
    const struct fg_sb_study_case *item = &set->cases[study_case];
    for (size_t i = 0; i < network->injection_count; i++) {
        enum fg_sb_role role = set->injections[i].role;
        if (powers->injection_p_mw != NULL)
            powers->injection_p_mw[i] = network->injections[i].p_mw * factor_of(item, role, false);
        if (powers->injection_q_mvar != NULL)
            powers->injection_q_mvar[i] = network->injections[i].q_mvar * factor_of(item, role, true);
    }
    for (size_t i = 0; i < network->generator_count && powers->generator_p_mw != NULL; i++)
        powers->generator_p_mw[i] = network->generators[i].p_mw * factor_of(item, set->generators[i].role, false);
    for (size_t i = 0; i < network->storage_count && powers->storage_p_mw != NULL; i++)
        powers->storage_p_mw[i] = network->storages[i].p_mw;
    if (slack_vm_pu != NULL)
        *slack_vm_pu = item->slack_vm_pu;
}
