#include "atp/view.h"

#include "atp/person.h"
#include "atp/query.h"
#include "base/date.h"
#include "base/instant.h"
#include "base/units.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum fg_code put_rows(struct fg_registry *registry, const struct fg_member *member, int64_t id,
                             struct fg_json_writer *out, struct fg_error *err);

/* 1 MWh = 3.6e9 Ws; 10 decimals of a MWh are finer than a Ws, so that the text reads back as the same number. */
static int64_t energy_decimals(int64_t ws)
{
    int64_t value = 0;
    fg_muldiv(ws, 100, 36, &value, NULL);
    return value;
}

static void put_value(struct fg_json_writer *out, const char *name, const struct fg_sql *sql, int column)
{
    char text[FG_INSTANT_TEXT];
    const char *kind = fg_sql_column_text(sql, column - 1);
    if (strcmp(kind, "text") == 0)
        fg_json_put_string(out, name, fg_sql_column_text(sql, column));
    else if (strcmp(kind, "number") == 0)
        fg_json_put_number(out, name, fg_sql_column_double(sql, column + 1));
    else if (strcmp(kind, "boolean") == 0)
        fg_json_put_bool(out, name, fg_sql_column_int64(sql, column + 2) != 0);
    else
        fg_json_put_string(out, name, fg_instant_format(fg_sql_column_int64(sql, column + 2) / 1000000, text));
}

static enum fg_code put_member(struct fg_registry *registry, const struct fg_member *member, const struct fg_sql *sql,
                               int column, int64_t id, struct fg_json_writer *out, struct fg_error *err)
{
    char text[FG_PERSON_TEXT];
    const char *name = member->name[0] != '\0' ? member->name : NULL;
    enum fg_code code;
    if (member->kind == FG_MEMBER_ROWS)
        return put_rows(registry, member, id, out, err);
    if (member->kind == FG_MEMBER_VALUE) {
        put_value(out, name, sql, column);
        return FG_OK;
    }
    if (fg_sql_column_is_null(sql, column)) {
        fg_json_put_null(out, name);
        return FG_OK;
    }
    int64_t number = member->kind == FG_MEMBER_TEXT || member->kind == FG_MEMBER_JSON ? 0 : fg_sql_column_int64(sql, column);
    switch (member->kind) {
    case FG_MEMBER_TEXT: fg_json_put_string(out, name, fg_sql_column_text(sql, column)); break;
    case FG_MEMBER_JSON: fg_json_put_raw(out, name, fg_sql_column_text(sql, column)); break;
    case FG_MEMBER_ID: fg_json_put_string(out, name, fg_id_text(member->id, number, text)); break;
    case FG_MEMBER_COUNT: fg_json_put_integer(out, name, number); break;
    case FG_MEMBER_BOOLEAN: fg_json_put_bool(out, name, number != 0); break;
    case FG_MEMBER_INSTANT: fg_json_put_string(out, name, fg_instant_format(number / 1000000, text)); break;
    case FG_MEMBER_DAY: fg_json_put_string(out, name, fg_date_format(fg_date_of_number(number), text)); break;
    case FG_MEMBER_CLOCK:
        snprintf(text, sizeof text, "%02d:%02d", (int)(number / 3600), (int)(number / 60 % 60));
        fg_json_put_string(out, name, text);
        break;
    case FG_MEMBER_POWER:
    case FG_MEMBER_MICRO: fg_json_put_string(out, name, fg_decimal_format(number, 6, 0, text)); break;
    case FG_MEMBER_ENERGY: fg_json_put_string(out, name, fg_decimal_format(energy_decimals(number), 10, 0, text)); break;
    case FG_MEMBER_BITS:
        fg_json_begin_array(out, name);
        for (unsigned i = 0; member->words[i] != NULL; i++)
            if (number & FG_BIT(i))
                fg_json_put_string(out, NULL, member->words[i]);
        fg_json_end_array(out);
        break;
    case FG_MEMBER_PERSON:
        if ((code = fg_person_read(registry, number, member->name, text, err)) != FG_OK)
            return code;
        fg_json_put_string(out, name, text[0] != '\0' ? text : NULL);
        fg_secret_wipe(text, sizeof text);
        break;
    case FG_MEMBER_VALUE:
    case FG_MEMBER_ROWS: break;
    }
    return FG_OK;
}

static enum fg_code put_object(struct fg_registry *registry, const struct fg_member *members, const struct fg_sql *sql,
                               int column, int64_t id, struct fg_json_writer *out, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    fg_json_begin_object(out, NULL);
    for (; members->name != NULL && code == FG_OK; members++) {
        code = put_member(registry, members, sql, column, id, out, err);
        column += members->kind != FG_MEMBER_ROWS;
    }
    fg_json_end_object(out);
    return code;
}

static enum fg_code put_rows(struct fg_registry *registry, const struct fg_member *member, int64_t id,
                             struct fg_json_writer *out, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err, member->rows, "i", id);
    fg_json_begin_array(out, member->name);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (member->row_members[0].name[0] == '\0')
            code = put_member(registry, &member->row_members[0], sql, 0, id, out, err);
        else
            code = put_object(registry, member->row_members, sql, 0, id, out, err);
        if (code != FG_OK)
            fg_sql_done(sql);
    }
    fg_json_end_array(out);
    return code;
}

/* The statement with the parameters that it uses numbered from 1, because PostgreSQL asks for all of them. */
enum { PARAMETERS = 7, TEXT_MAX = 4096 };

static void renumber(const char *text, char out[TEXT_MAX], bool used[PARAMETERS])
{
    char number[PARAMETERS];
    for (int i = 0, next = 1; i < PARAMETERS; i++) {
        char name[3] = {'$', (char)('1' + i), '\0'};
        used[i] = strstr(text, name) != NULL;
        number[i] = (char)('0' + next);
        next += used[i];
    }
    size_t length = strlen(text);
    assert(length < TEXT_MAX);
    for (size_t i = 0; i <= length; i++)
        out[i] = i > 0 && text[i - 1] == '$' ? number[text[i] - '1'] : text[i];
}

static enum fg_code select_rows(struct fg_registry *registry, const struct fg_view *view, int64_t id, int64_t parent,
                                int64_t after, int64_t limit, struct fg_sql **sql, struct fg_error *err)
{
    const int64_t values[PARAMETERS] = {fg_registry_party(registry), registry->actor.user, fg_registry_sees_all(registry),
                                        id, after, limit, parent};
    char text[TEXT_MAX];
    bool used[PARAMETERS];
    renumber(view->text, text, used);
    enum fg_code code = fg_sql_prepare(registry->store, text, sql, err);
    for (int i = 0, number = 1; code == FG_OK && i < PARAMETERS; i++)
        if (used[i])
            fg_sql_int64(*sql, number++, values[i]);
    return code;
}

enum fg_code fg_view_list(struct fg_registry *registry, const struct fg_view *view, int64_t parent, int64_t after,
                          int64_t limit, struct fg_json_writer *out, int64_t *last, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    int64_t count = 0, id = 0;
    enum fg_code code = select_rows(registry, view, 0, parent, after, limit + 1, &sql, err);
    *last = 0;
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (++count > limit) { /* one more is there: the page is not the last */
            *last = id;
            fg_sql_done(sql);
            break;
        }
        id = fg_sql_column_int64(sql, 0);
        if ((code = put_object(registry, view->members, sql, 2, id, out, err)) != FG_OK)
            fg_sql_done(sql);
    }
    return code;
}

enum fg_code fg_view_get(struct fg_registry *registry, const struct fg_view *view, int64_t id, struct fg_json_writer *out,
                         int64_t *version, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = select_rows(registry, view, id, 0, 0, 1, &sql, err);
    if (code == FG_OK)
        code = fg_sql_one(sql, err);
    if (code != FG_OK)
        return fg_registry_found(code, view->id, id, view->noun, err);
    *version = fg_sql_column_int64(sql, 1);
    code = put_object(registry, view->members, sql, 2, id, out, err);
    fg_sql_done(sql);
    return code;
}
