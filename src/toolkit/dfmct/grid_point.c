/* Grid points as text. One object: checks as a word of one letter a period, buses by number, per bus with values a row
 * [number, p, q, p, q, ...] in W and var with null for the network's own, and conditions. */
#include "toolkit/dfmct/grid_state.h"

#include "base/json.h"
#include "base/memory.h"

#include <string.h>

static const char letters[] = "fbda"; /* by enum fg_grid_check */

static void put_value(struct fg_json_writer *out, int64_t value)
{
    if (value == FG_GRID_OWN)
        fg_json_put_null(out, NULL);
    else
        fg_json_put_integer(out, NULL, value);
}

static bool has_values(const struct fg_grid_point *point, int32_t bus)
{
    for (int32_t i = 0; i < point->period_count; i++) {
        size_t at = (size_t)i * (size_t)point->bus_count + (size_t)bus;
        if (point->p_w[at] != FG_GRID_OWN || point->q_var[at] != FG_GRID_OWN)
            return true;
    }
    return false;
}

void fg_grid_point_write(const struct fg_grid_point *point, struct fg_text *text)
{
    struct fg_json_writer out;
    struct fg_text checks;
    fg_text_init(&checks);
    for (int32_t i = 0; i < point->period_count; i++)
        fg_text_append(&checks, &letters[point->check[i]], 1);
    fg_json_writer_init(&out, text, false);
    fg_json_begin_object(&out, NULL);
    fg_json_put_integer(&out, "first_period", point->first_period);
    fg_json_put_string(&out, "checks", checks.data != NULL ? checks.data : "");
    fg_json_begin_array(&out, "buses");
    for (int32_t b = 0; b < point->bus_count; b++)
        fg_json_put_string(&out, NULL, point->buses[b]);
    fg_json_end_array(&out);
    fg_json_begin_array(&out, "rows");
    for (int32_t b = 0; b < point->bus_count; b++) {
        if (!has_values(point, b))
            continue;
        fg_json_begin_row(&out, NULL);
        fg_json_put_integer(&out, NULL, b);
        for (int32_t i = 0; i < point->period_count; i++) {
            put_value(&out, point->p_w[(size_t)i * (size_t)point->bus_count + (size_t)b]);
            put_value(&out, point->q_var[(size_t)i * (size_t)point->bus_count + (size_t)b]);
        }
        fg_json_end_array(&out);
    }
    fg_json_end_array(&out);
    fg_json_begin_array(&out, "conditions");
    for (size_t i = 0; i < point->condition_count; i++) {
        const struct fg_grid_condition *condition = &point->conditions[i];
        fg_json_begin_object(&out, NULL);
        fg_json_put_string(&out, "kind", fg_grid_condition_words[condition->kind]);
        fg_json_put_string(&out, "element", condition->element);
        fg_json_put_bool(&out, "closed", condition->is_closed);
        fg_json_begin_row(&out, "limit");
        fg_json_put_integer(&out, NULL, condition->limit[0]);
        fg_json_put_integer(&out, NULL, condition->limit[1]);
        fg_json_end_array(&out);
        fg_json_put_integer(&out, "first", condition->first_period);
        fg_json_put_integer(&out, "end", condition->end_period);
        fg_json_end_object(&out);
    }
    fg_json_end_array(&out);
    fg_json_end_object(&out);
    text->failed = text->failed || checks.failed;
    fg_text_release(&checks);
}

/* ---- reading ---- */

static enum fg_code damaged(struct fg_error *err, const char *what)
{
    return fg_fail(err, FG_ERR_CORRUPT, NULL, "the stored grid point has no sound %s; restore a backup", what);
}

static int64_t value_of(json_t *item)
{
    return json_is_integer(item) ? json_integer_value(item) : FG_GRID_OWN;
}

static enum fg_code read_rows(json_t *rows, struct fg_grid_point *point, struct fg_error *err)
{
    size_t count = (size_t)point->period_count * (size_t)point->bus_count, r;
    json_t *row;
    for (size_t i = 0; i < count; i++)
        point->p_w[i] = point->q_var[i] = FG_GRID_OWN;
    json_array_foreach (rows, r, row) {
        json_int_t bus = json_integer_value(json_array_get(row, 0));
        if (json_array_size(row) != 1 + 2 * (size_t)point->period_count || bus < 0 || bus >= point->bus_count)
            return damaged(err, "rows");
        for (int32_t i = 0; i < point->period_count; i++) {
            size_t at = (size_t)i * (size_t)point->bus_count + (size_t)bus;
            point->p_w[at] = value_of(json_array_get(row, 1 + 2 * (size_t)i));
            point->q_var[at] = value_of(json_array_get(row, 2 + 2 * (size_t)i));
        }
    }
    return FG_OK;
}

static enum fg_code read_condition(json_t *item, struct fg_arena *arena, struct fg_grid_condition *condition, struct fg_error *err)
{
    const char *kind = json_string_value(json_object_get(item, "kind"));
    const char *element = json_string_value(json_object_get(item, "element"));
    json_t *limit = json_object_get(item, "limit");
    int word = 0;
    while (kind != NULL && fg_grid_condition_words[word] != NULL && strcmp(fg_grid_condition_words[word], kind) != 0)
        word++;
    if (kind == NULL || element == NULL || fg_grid_condition_words[word] == NULL)
        return damaged(err, "conditions");
    *condition = (struct fg_grid_condition){
        .kind = (enum fg_grid_condition_kind)word,
        .element = fg_arena_strdup(arena, element),
        .is_closed = json_is_true(json_object_get(item, "closed")),
        .limit = {json_integer_value(json_array_get(limit, 0)), json_integer_value(json_array_get(limit, 1))},
        .first_period = (int32_t)json_integer_value(json_object_get(item, "first")),
        .end_period = (int32_t)json_integer_value(json_object_get(item, "end"))};
    return condition->element != NULL ? FG_OK : fg_fail_memory(err);
}

static enum fg_code read_point(json_t *root, struct fg_arena *arena, struct fg_grid_point *point, struct fg_error *err)
{
    const char *checks = json_string_value(json_object_get(root, "checks"));
    json_t *buses = json_object_get(root, "buses"), *conditions = json_object_get(root, "conditions");
    if (checks == NULL || checks[0] == '\0' || strlen(checks) > 100000 || json_array_size(buses) > 10000000)
        return damaged(err, "checks");
    point->first_period = (int32_t)json_integer_value(json_object_get(root, "first_period"));
    point->period_count = (int32_t)strlen(checks);
    point->bus_count = (int32_t)json_array_size(buses);
    point->condition_count = json_array_size(conditions);
    size_t periods = (size_t)point->period_count, count = (size_t)point->bus_count;
    point->check = fg_arena_alloc(arena, periods, sizeof *point->check);
    point->buses = fg_arena_alloc(arena, count, sizeof *point->buses);
    point->p_w = fg_arena_alloc(arena, periods * count, sizeof *point->p_w);
    point->q_var = fg_arena_alloc(arena, periods * count, sizeof *point->q_var);
    point->conditions = fg_arena_alloc(arena, point->condition_count, sizeof *point->conditions);
    if (!point->check || !point->buses || !point->p_w || !point->q_var || !point->conditions)
        return fg_fail_memory(err);
    for (size_t i = 0; i < periods; i++) {
        const char *letter = strchr(letters, checks[i]);
        if (letter == NULL)
            return damaged(err, "checks");
        point->check[i] = (enum fg_grid_check)(letter - letters);
    }
    for (size_t b = 0; b < count; b++) {
        const char *name = json_string_value(json_array_get(buses, b));
        if (name == NULL)
            return damaged(err, "buses");
        if ((point->buses[b] = fg_arena_strdup(arena, name)) == NULL)
            return fg_fail_memory(err);
    }
    enum fg_code code = read_rows(json_object_get(root, "rows"), point, err);
    for (size_t i = 0; code == FG_OK && i < point->condition_count; i++)
        code = read_condition(json_array_get(conditions, i), arena, &point->conditions[i], err);
    return code;
}

enum fg_code fg_grid_point_read(const char *bytes, size_t length, struct fg_grid_point *point, struct fg_error *err)
{
    json_t *root;
    *point = (struct fg_grid_point){0};
    enum fg_code code = fg_json_load_text(bytes, length, "grid point", &root, err);
    if (code != FG_OK)
        return code;
    struct fg_arena *arena = fg_alloc(1, sizeof *arena);
    if (arena == NULL) {
        json_decref(root);
        return fg_fail_memory(err);
    }
    fg_arena_init(arena);
    point->memory = arena;
    code = read_point(root, arena, point, err);
    json_decref(root);
    if (code != FG_OK)
        fg_grid_point_release(point);
    return code;
}

void fg_grid_point_release(struct fg_grid_point *point)
{
    struct fg_arena *arena = point->memory;
    if (arena != NULL)
        fg_arena_release(arena);
    fg_free(arena);
    *point = (struct fg_grid_point){0};
}
