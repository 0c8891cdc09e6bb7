/* Gathering what an area's grid does in each period from the operating points and conditions; rules in network_state.h. */
#include "atp/network_state.h"

#include "atp/query.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

enum { SUBJECT_BUS, SUBJECT_ASSET, SUBJECT_PORTFOLIO };

struct bus_names {
    const char **names;
    size_t count, capacity;
};
struct source { /* a row of operating_point */
    int64_t id, deadline_us, stale_us; /* stale_us 0: never */
    bool covers_all, is_required, counts_stale;
    int64_t *newest_us; /* per period: when its latest value was given; 0: none */
};
struct value_row {
    int64_t source; /* index */
    int64_t version, entered_us, subject_id;
    int32_t subject, first, count;
    const int64_t *p_w, *q_var; /* count values, FG_GRID_OWN: not said */
};
struct asset_row {
    int64_t id, bus, portfolio, weight; /* portfolio 0: in none; bus: number */
    int64_t *p_w, *q_var;               /* per period; NULL: nothing is said */
};
struct gathering {
    struct fg_store *store;
    struct fg_arena *arena;
    struct fg_network_plan *plan;
    int64_t area, now_us;
    int32_t period_s, first, count;
    struct bus_names buses;
    struct source *sources;
    struct value_row *rows;
    struct asset_row *assets;
    size_t source_count, source_capacity, row_count, row_capacity, asset_count, asset_capacity;
    bool blocks;
    char fallback[8]; /* "last", "nominal", "off" */
};

/* ---- rows ---- */

static const char *text_of(struct gathering *g, struct fg_sql *sql, int column)
{
    const char *text = fg_sql_column_text(sql, column);
    return fg_arena_strdup(g->arena, text != NULL ? text : "");
}

typedef enum fg_code take_row(struct gathering *g, struct fg_sql *sql, struct fg_error *err);

static enum fg_code each_row(struct gathering *g, take_row *take, struct fg_error *err, struct fg_sql *sql)
{
    enum fg_code code = FG_OK;
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            return code;
        code = take(g, sql, err);
    }
    fg_sql_done(sql);
    return code;
}

static enum fg_code take_bus(struct gathering *g, struct fg_sql *sql, struct fg_error *err)
{
    int64_t number = fg_sql_column_int64(sql, 0);
    const char *name = text_of(g, sql, 1);
    if (name == NULL)
        return fg_fail_memory(err);
    while ((int64_t)g->buses.count <= number) { /* numbers have no gaps, but nothing hangs on it */
        if (fg_grow((void **)&g->buses.names, g->buses.count, &g->buses.capacity, sizeof *g->buses.names) != 0)
            return fg_fail_memory(err);
        g->buses.names[g->buses.count++] = "";
    }
    g->buses.names[number] = name;
    return FG_OK;
}

static enum fg_code take_source(struct gathering *g, struct fg_sql *sql, struct fg_error *err)
{
    if (fg_grow((void **)&g->sources, g->source_count, &g->source_capacity, sizeof *g->sources) != 0)
        return fg_fail_memory(err);
    struct source *source = &g->sources[g->source_count++];
    *source = (struct source){.id = fg_sql_column_int64(sql, 0),
                              .covers_all = strcmp(fg_sql_column_text(sql, 1), "all") == 0,
                              .is_required = fg_sql_column_int64(sql, 2) != 0,
                              .deadline_us = fg_sql_column_int64(sql, 3) * 1000000,
                              .stale_us = fg_sql_column_is_null(sql, 4) ? 0 : fg_sql_column_int64(sql, 4) * 1000000,
                              .counts_stale = strcmp(fg_sql_column_text(sql, 5), "last") == 0};
    source->newest_us = fg_arena_alloc(g->arena, (size_t)g->count, sizeof *source->newest_us);
    return source->newest_us != NULL ? FG_OK : fg_fail_memory(err);
}

/* Little-endian 64-bit integers, as operating_point.c writes them. */
static const int64_t *integers(struct gathering *g, struct fg_sql *sql, int column, int32_t count)
{
    size_t size = 0;
    const unsigned char *bytes = fg_sql_column_blob(sql, column, &size);
    int64_t *values = size == (size_t)count * 8 ? fg_arena_alloc(g->arena, (size_t)count, sizeof *values) : NULL;
    for (int32_t i = 0; values != NULL && i < count; i++)
        values[i] = fg_blob_integer(bytes, (size_t)i);
    return values;
}

static enum fg_code take_value(struct gathering *g, struct fg_sql *sql, struct fg_error *err)
{
    int64_t source = fg_sql_column_int64(sql, 0), at = 0;
    while (at < (int64_t)g->source_count && g->sources[at].id != source)
        at++;
    if (at == (int64_t)g->source_count)
        return FG_OK;
    if (fg_grow((void **)&g->rows, g->row_count, &g->row_capacity, sizeof *g->rows) != 0)
        return fg_fail_memory(err);
    struct value_row row = {.source = at, .version = fg_sql_column_int64(sql, 1), .entered_us = fg_sql_column_int64(sql, 2),
                            .subject = (int32_t)fg_sql_column_int64(sql, 3), .subject_id = fg_sql_column_int64(sql, 4),
                            .first = (int32_t)fg_sql_column_int64(sql, 5), .count = (int32_t)fg_sql_column_int64(sql, 6)};
    row.p_w = integers(g, sql, 7, row.count);
    row.q_var = integers(g, sql, 8, row.count);
    if (row.p_w == NULL || row.q_var == NULL)
        return fg_fail(err, FG_ERR_CORRUPT, NULL, "the values of op-%lld, version %lld, are damaged; restore a backup",
                       (long long)source, (long long)row.version);
    g->rows[g->row_count++] = row;
    return FG_OK;
}

static enum fg_code take_asset(struct gathering *g, struct fg_sql *sql, struct fg_error *err)
{
    if (fg_grow((void **)&g->assets, g->asset_count, &g->asset_capacity, sizeof *g->assets) != 0)
        return fg_fail_memory(err);
    g->assets[g->asset_count++] = (struct asset_row){.id = fg_sql_column_int64(sql, 0), .bus = fg_sql_column_int64(sql, 1),
                                                     .weight = fg_sql_column_int64(sql, 2),
                                                     .portfolio = fg_sql_column_int64(sql, 3)};
    return FG_OK;
}

static enum fg_code take_condition(struct gathering *g, struct fg_sql *sql, struct fg_error *err)
{
    struct fg_grid_point *point = &g->plan->point;
    const char *kind = fg_sql_column_text(sql, 0);
    int word = 0;
    while (fg_grid_condition_words[word] != NULL && strcmp(fg_grid_condition_words[word], kind) != 0)
        word++;
    int64_t period_us = (int64_t)g->period_s * 1000000, from_us = fg_sql_column_int64(sql, 5);
    int64_t until_us = fg_sql_column_is_null(sql, 6) ? INT64_MAX : fg_sql_column_int64(sql, 6);
    /* It holds in every period that it touches. */
    int64_t first = from_us / period_us, end = until_us == INT64_MAX ? INT32_MAX : (until_us + period_us - 1) / period_us;
    if (fg_grid_condition_words[word] == NULL || first >= g->first + g->count || end <= g->first)
        return FG_OK;
    struct fg_grid_condition *condition = &point->conditions[point->condition_count++];
    *condition = (struct fg_grid_condition){.kind = (enum fg_grid_condition_kind)word,
                                            .element = text_of(g, sql, 1),
                                            .is_closed = fg_sql_column_int64(sql, 2) != 0,
                                            .limit = {fg_sql_column_int64(sql, 3), fg_sql_column_int64(sql, 4)},
                                            .first_period = (int32_t)(first > g->first ? first : g->first),
                                            .end_period = (int32_t)(end < g->first + g->count ? end : g->first + g->count)};
    return condition->element != NULL ? FG_OK : fg_fail_memory(err);
}

static enum fg_code read_rule(struct gathering *g, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(g->store, &sql, err,
                                     "SELECT a.stale_rule, COALESCE(r.fallback, 'nominal') FROM area a LEFT JOIN network_rule r ON "
                                     "r.area_id = a.id WHERE a.id = $1",
                                     "i", g->area);
    if (code != FG_OK)
        return code;
    g->blocks = strcmp(fg_sql_column_text(sql, 0), "block") == 0;
    snprintf(g->fallback, sizeof g->fallback, "%s", fg_sql_column_text(sql, 1));
    fg_sql_done(sql);
    return FG_OK;
}

static enum fg_code read_conditions(struct gathering *g, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t count = 0, from_us = (int64_t)g->first * g->period_s * 1000000;
    enum fg_code code = fg_query_number(g->store, &count, err, "SELECT count(*) FROM grid_condition WHERE area_id = $1 AND "
                                        "(until_us IS NULL OR until_us > $2)", "ii", g->area, from_us);
    if (code != FG_OK)
        return code;
    g->plan->point.conditions = fg_arena_alloc(g->arena, (size_t)count + 1, sizeof *g->plan->point.conditions);
    if (g->plan->point.conditions == NULL)
        return fg_fail_memory(err);
    code = fg_query(g->store, &sql, err,
                    "SELECT kind, element, is_closed, limit_low, limit_high, from_us, until_us FROM grid_condition WHERE area_id = "
                    "$1 AND (until_us IS NULL OR until_us > $2) ORDER BY id LIMIT $3",
                    "iii", g->area, from_us, count);
    return code == FG_OK ? each_row(g, take_condition, err, sql) : code;
}

static enum fg_code read_all(struct gathering *g, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = read_rule(g, err);
    if (code == FG_OK)
        code = fg_query(g->store, &sql, err, "SELECT number, bus FROM area_bus WHERE area_id = $1 ORDER BY number", "i", g->area);
    if (code == FG_OK)
        code = each_row(g, take_bus, err, sql);
    if (code == FG_OK)
        code = fg_query(g->store, &sql, err, "SELECT id, covers, is_required, deadline_s, stale_s, when_stale FROM operating_point "
                        "WHERE area_id = $1 ORDER BY id", "i", g->area);
    if (code == FG_OK)
        code = each_row(g, take_source, err, sql);
    if (code == FG_OK) /* in the order of entry, so that the later one counts */
        code = fg_query(g->store, &sql, err,
                        "SELECT r.point_id, r.version, v.entered_us, r.subject, r.subject_id, v.first_period, v.period_count, r.p, "
                        "r.q FROM operating_point o JOIN operating_version v ON v.point_id = o.id JOIN operating_row r ON r.point_id "
                        "= v.point_id AND r.version = v.version WHERE o.area_id = $1 AND v.first_period < $3 AND v.first_period + "
                        "v.period_count > $2 ORDER BY v.entered_us, r.point_id, r.version, r.subject, r.subject_id",
                        "iii", g->area, (int64_t)g->first, (int64_t)g->first + g->count);
    if (code == FG_OK)
        code = each_row(g, take_value, err, sql);
    if (code == FG_OK)
        code = fg_query(g->store, &sql, err,
                        "SELECT s.id, b.number, s.s_max_va, COALESCE((SELECT MAX(m.portfolio_id) FROM portfolio_asset m WHERE "
                        "m.asset_id = s.id AND m.valid_from_us <= $2 AND (m.valid_until_us IS NULL OR m.valid_until_us > $2)), 0) "
                        "FROM asset s JOIN area_bus b ON b.area_id = s.area_id AND b.bus = s.bus WHERE s.area_id = $1 ORDER BY s.id",
                        "ii", g->area, g->now_us);
    if (code == FG_OK)
        code = each_row(g, take_asset, err, sql);
    return code == FG_OK ? read_conditions(g, err) : code;
}

/* ---- rules ---- */

static bool is_stale(const struct source *source, int64_t entered_us, int64_t now_us)
{
    return source->stale_us > 0 && now_us - entered_us > source->stale_us;
}

static bool says_something(const struct value_row *row, int32_t at)
{
    return row->p_w[at] != FG_GRID_OWN || row->q_var[at] != FG_GRID_OWN;
}

static void note_newest(struct gathering *g)
{
    for (size_t i = 0; i < g->row_count; i++) {
        const struct value_row *row = &g->rows[i];
        struct source *source = &g->sources[row->source];
        for (int32_t k = 0; k < row->count; k++) {
            int64_t at = (int64_t)row->first + k - g->first;
            if (at >= 0 && at < g->count && says_something(row, k) && row->entered_us > source->newest_us[at])
                source->newest_us[at] = row->entered_us;
        }
    }
}

/* The letter of a period (network_state.sources). */
static char source_letter(const struct gathering *g, int32_t at)
{
    int64_t start_us = ((int64_t)g->first + at) * g->period_s * 1000000;
    bool has_required = false, is_awaited = false, is_old = false, is_missing = false, is_other_old = false;
    for (size_t s = 0; s < g->source_count; s++) {
        const struct source *source = &g->sources[s];
        int64_t newest = source->newest_us[at];
        bool old = newest != 0 && is_stale(source, newest, g->now_us);
        has_required = has_required || source->is_required;
        is_other_old = is_other_old || (!source->is_required && old);
        is_old = is_old || (source->is_required && old);
        if (source->is_required && newest == 0) {
            bool is_late = g->now_us >= start_us - source->deadline_us;
            is_missing = is_missing || is_late;
            is_awaited = is_awaited || !is_late;
        }
    }
    return is_missing ? 'm' : is_old ? 's' : is_other_old ? 'o' : is_awaited ? 'w' : has_required ? 'f' : 'n';
}

/* Whether a row's value counts in a period. */
static bool counts(const struct gathering *g, const struct value_row *row, int32_t at)
{
    const struct source *source = &g->sources[row->source];
    char letter = g->plan->sources[at];
    if (source->is_required && (letter == 'm' || letter == 's'))
        return strcmp(g->fallback, "last") == 0 || !is_stale(source, row->entered_us, g->now_us);
    return !is_stale(source, row->entered_us, g->now_us) || source->counts_stale;
}

static bool is_nominal(const struct gathering *g, int32_t at)
{
    return (g->plan->sources[at] == 'm' || g->plan->sources[at] == 's') && strcmp(g->fallback, "nominal") == 0;
}

static void set_checks(struct gathering *g, enum fg_grid_check usual)
{
    for (int32_t i = 0; i < g->count; i++) {
        char letter = g->plan->sources[i] = source_letter(g, i);
        bool fails = letter == 'm' || letter == 's';
        g->plan->point.check[i] = !fails                               ? usual
                                  : g->blocks                         ? FG_GRID_BLOCKED
                                  : strcmp(g->fallback, "off") == 0   ? FG_GRID_FREE
                                                                      : usual;
    }
}

static enum fg_code own_room(struct gathering *g, struct asset_row *asset, struct fg_error *err)
{
    if (asset->p_w != NULL)
        return FG_OK;
    asset->p_w = fg_arena_alloc(g->arena, (size_t)g->count, sizeof *asset->p_w);
    asset->q_var = fg_arena_alloc(g->arena, (size_t)g->count, sizeof *asset->q_var);
    if (asset->p_w == NULL || asset->q_var == NULL)
        return fg_fail_memory(err);
    for (int32_t i = 0; i < g->count; i++)
        asset->p_w[i] = asset->q_var[i] = FG_GRID_OWN;
    return FG_OK;
}

static void put(int64_t *at, int64_t value)
{
    if (value != FG_GRID_OWN)
        *at = value;
}

/* The assets that a row is about: one, or those of a portfolio. */
static enum fg_code assets_of(struct gathering *g, const struct value_row *row, size_t *list, size_t *count, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    *count = 0;
    for (size_t i = 0; row->subject != SUBJECT_BUS && i < g->asset_count; i++)
        if (row->subject == SUBJECT_ASSET ? g->assets[i].id == row->subject_id : g->assets[i].portfolio == row->subject_id)
            list[(*count)++] = i;
    for (size_t i = 0; code == FG_OK && i < *count; i++)
        code = own_room(g, &g->assets[list[i]], err);
    return code;
}

/* A value, split over the assets in proportion to their apparent power; the last one takes what rounding leaves. */
static enum fg_code split(struct gathering *g, const size_t *list, size_t count, int64_t value, bool is_reactive, int32_t at,
                          struct fg_error *err)
{
    int64_t weight = 0, part;
    enum fg_code code = FG_OK;
    for (size_t i = 0; i < count; i++)
        weight += g->assets[list[i]].weight;
    for (size_t i = 0; code == FG_OK && i < count && value != FG_GRID_OWN; i++) {
        struct asset_row *asset = &g->assets[list[i]];
        code = fg_muldiv(value, asset->weight, weight, &part, err);
        if (code != FG_OK)
            break;
        (is_reactive ? asset->q_var : asset->p_w)[at] = part;
        value -= part;
        weight -= asset->weight;
    }
    return code;
}

static enum fg_code put_row(struct gathering *g, const struct value_row *row, int32_t k, int32_t at, const size_t *list, size_t count,
                            unsigned char *covered, struct fg_error *err)
{
    struct fg_grid_point *point = &g->plan->point;
    if (row->subject != SUBJECT_BUS) {
        enum fg_code code = split(g, list, count, row->p_w[k], false, at, err);
        return code == FG_OK ? split(g, list, count, row->q_var[k], true, at, err) : code;
    }
    if (row->subject_id >= point->bus_count)
        return FG_OK;
    size_t cell = (size_t)at * (size_t)point->bus_count + (size_t)row->subject_id;
    put(&point->p_w[cell], row->p_w[k]);
    put(&point->q_var[cell], row->q_var[k]);
    covered[cell] = g->sources[row->source].covers_all;
    return FG_OK;
}

/* What assets say comes on top of the bus, unless its value covers everything. */
static enum fg_code add_assets(struct gathering *g, const struct fg_grid_model *model, const unsigned char *covered, struct fg_error *err)
{
    struct fg_grid_point *point = &g->plan->point;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < g->asset_count; i++) {
        const struct asset_row *asset = &g->assets[i];
        int64_t own_p, own_q;
        if (asset->p_w == NULL || asset->bus >= point->bus_count || !fg_grid_model_own(model, point->buses[asset->bus], &own_p, &own_q))
            continue;
        for (int32_t at = 0; code == FG_OK && at < g->count; at++) {
            size_t cell = (size_t)at * (size_t)point->bus_count + (size_t)asset->bus;
            if (covered[cell])
                continue;
            if (asset->p_w[at] != FG_GRID_OWN)
                code = fg_add(point->p_w[cell] != FG_GRID_OWN ? point->p_w[cell] : own_p, asset->p_w[at], &point->p_w[cell], err);
            if (code == FG_OK && asset->q_var[at] != FG_GRID_OWN)
                code = fg_add(point->q_var[cell] != FG_GRID_OWN ? point->q_var[cell] : own_q, asset->q_var[at], &point->q_var[cell], err);
        }
    }
    return code;
}

static enum fg_code combine(struct gathering *g, const struct fg_grid_model *model, struct fg_error *err)
{
    struct fg_grid_point *point = &g->plan->point;
    size_t cells = (size_t)g->count * (size_t)point->bus_count;
    unsigned char *covered = fg_arena_alloc(g->arena, cells + 1, 1);
    size_t *list = fg_arena_alloc(g->arena, g->asset_count + 1, sizeof *list), count;
    enum fg_code code = covered != NULL && list != NULL ? FG_OK : fg_fail_memory(err);
    for (size_t i = 0; code == FG_OK && i < cells; i++)
        point->p_w[i] = point->q_var[i] = FG_GRID_OWN;
    for (size_t i = 0; code == FG_OK && i < g->row_count; i++) {
        const struct value_row *row = &g->rows[i];
        code = assets_of(g, row, list, &count, err);
        for (int32_t k = 0; code == FG_OK && k < row->count; k++) {
            int64_t at = (int64_t)row->first + k - g->first;
            if (at >= 0 && at < g->count && says_something(row, k) && !is_nominal(g, (int32_t)at) && counts(g, row, (int32_t)at))
                code = put_row(g, row, k, (int32_t)at, list, count, covered, err);
        }
    }
    return code == FG_OK ? add_assets(g, model, covered, err) : code;
}

/* FNV-1a over 64-bit words. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    return digest;
}

static uint64_t digest_of(const struct fg_network_plan *plan)
{
    const struct fg_grid_point *point = &plan->point;
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    size_t cells = (size_t)point->period_count * (size_t)point->bus_count;
    const int64_t heads[] = {plan->network, point->first_period, point->period_count, point->bus_count, (int64_t)point->condition_count};
    digest = mix(mix(digest, plan->mode, strlen(plan->mode)), heads, sizeof heads);
    digest = mix(digest, point->check, (size_t)point->period_count * sizeof *point->check);
    digest = mix(digest, plan->sources, (size_t)point->period_count);
    for (size_t i = 0; i < cells; i++) /* most cells say nothing */
        if (point->p_w[i] != FG_GRID_OWN || point->q_var[i] != FG_GRID_OWN) {
            const int64_t values[] = {(int64_t)i, point->p_w[i], point->q_var[i]};
            digest = mix(digest, values, sizeof values);
        }
    for (size_t i = 0; i < point->condition_count; i++) {
        const struct fg_grid_condition *c = &point->conditions[i];
        const int64_t values[] = {c->kind, c->is_closed, c->limit[0], c->limit[1], c->first_period, c->end_period};
        digest = mix(mix(digest, values, sizeof values), c->element, strlen(c->element) + 1);
    }
    return digest;
}

enum fg_code fg_network_plan_gather(struct fg_store *store, int64_t area, int32_t period_s, int32_t first, int32_t end,
                                    const struct fg_grid_model *model, const char *mode, int64_t network, int64_t now_us,
                                    struct fg_network_plan *plan, struct fg_error *err)
{
    *plan = (struct fg_network_plan){.network = network};
    snprintf(plan->mode, sizeof plan->mode, "%s", mode);
    fg_arena_init(&plan->arena);
    struct gathering g = {.store = store, .arena = &plan->arena, .plan = plan, .area = area, .now_us = now_us, .period_s = period_s,
                          .first = first, .count = end - first};
    struct fg_grid_point *point = &plan->point;
    if (model == NULL || end <= first) {
        plan->digest = 0;
        return FG_OK;
    }
    enum fg_code code = read_all(&g, err);
    if (code == FG_OK) {
        size_t cells = (size_t)g.count * g.buses.count;
        point->first_period = first;
        point->period_count = g.count;
        point->bus_count = (int32_t)g.buses.count;
        point->buses = fg_arena_alloc(&plan->arena, g.buses.count + 1, sizeof *point->buses);
        point->check = fg_arena_alloc(&plan->arena, (size_t)g.count, sizeof *point->check);
        plan->sources = fg_arena_alloc(&plan->arena, (size_t)g.count + 1, 1);
        point->p_w = fg_arena_alloc(&plan->arena, cells + 1, sizeof *point->p_w);
        point->q_var = fg_arena_alloc(&plan->arena, cells + 1, sizeof *point->q_var);
        code = point->buses && point->check && plan->sources && point->p_w && point->q_var ? FG_OK : fg_fail_memory(err);
    }
    if (code == FG_OK) {
        if (g.buses.count > 0)
            memcpy(point->buses, g.buses.names, g.buses.count * sizeof *point->buses);
        note_newest(&g);
        set_checks(&g, strcmp(mode, "ac") == 0 ? FG_GRID_AC : FG_GRID_DC);
        code = combine(&g, model, err);
    }
    if (code == FG_OK)
        plan->digest = digest_of(plan);
    fg_free(g.buses.names);
    fg_free(g.sources);
    fg_free(g.rows);
    fg_free(g.assets);
    return code;
}
