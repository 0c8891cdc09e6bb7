/* Markets as a folder of CSV tables: each row becomes an object of the schema, with the types of its columns, and goes
 * the same way as an object of a JSON document. */
#include "base/csv.h"
#include "base/instant.h"
#include "toolkit/dfmct/market_file.h"
#include "toolkit/dfmct/market_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum cell_type {
    CELL_TEXT,    /* a string; empty: absent. So below */
    CELL_PROFILE, /* "0.5", or one value per period: "0.5 0.4 0.3" */
    CELL_LIST,    /* values separated by spaces */
    CELL_POINTS,  /* "quantity@price quantity@price" */
    CELL_INTEGER,
    CELL_BOOL /* true, false */
};
struct column {
    const char *name;
    enum cell_type type;
};

static const struct column market_keys[] = {{"format", CELL_TEXT},
                                            {"version", CELL_INTEGER},
                                            {"id", CELL_TEXT},
                                            {"name", CELL_TEXT},
                                            {"currency", CELL_TEXT},
                                            {"operator", CELL_TEXT},
                                            {"tick", CELL_TEXT},
                                            {"price_step", CELL_TEXT},
                                            {"start", CELL_TEXT},
                                            {"period_minutes", CELL_INTEGER},
                                            {"period_count", CELL_INTEGER},
                                            {"physics", CELL_TEXT},
                                            {"balance", CELL_TEXT},
                                            {"balance_reactive", CELL_TEXT},
                                            {"pricing", CELL_TEXT},
                                            {"match_requests", CELL_BOOL},
                                            {"import_price", CELL_TEXT},
                                            {"import_price_reactive", CELL_TEXT},
                                            {"scale_load", CELL_TEXT},
                                            {"scale_generation", CELL_TEXT},
                                            {"scarcity.overload", CELL_TEXT},
                                            {"scarcity.voltage", CELL_TEXT},
                                            {"scarcity.not_served", CELL_TEXT},
                                            {"voltage_band.minimum", CELL_TEXT},
                                            {"voltage_band.maximum", CELL_TEXT},
                                            {"substation.p_min", CELL_TEXT},
                                            {"substation.p_max", CELL_TEXT},
                                            {"substation.q_min", CELL_TEXT},
                                            {"substation.q_max", CELL_TEXT},
                                            {NULL, CELL_TEXT}};
static const struct column participant_columns[] = {{"id", CELL_TEXT}, {"name", CELL_TEXT}, {NULL, CELL_TEXT}};
static const struct column bus_limit_columns[] = {
    {"bus", CELL_TEXT}, {"vm_min", CELL_TEXT}, {"vm_max", CELL_TEXT}, {NULL, CELL_TEXT}};
static const struct column branch_limit_columns[] = {{"branch", CELL_TEXT}, {"rating", CELL_TEXT}, {NULL, CELL_TEXT}};
static const struct column condition_columns[] = {{"kind", CELL_TEXT},   {"element", CELL_TEXT}, {"closed", CELL_BOOL},
                                                  {"rating", CELL_TEXT}, {"vm_min", CELL_TEXT},  {"vm_max", CELL_TEXT},
                                                  {"start", CELL_TEXT},  {"periods", CELL_INTEGER}, {NULL, CELL_TEXT}};
static const struct column asset_columns[] = {{"id", CELL_TEXT},
                                              {"participant", CELL_TEXT},
                                              {"bus", CELL_TEXT},
                                              {"technology", CELL_TEXT},
                                              {"baseline_p", CELL_PROFILE},
                                              {"baseline_q", CELL_PROFILE},
                                              {"s_max", CELL_TEXT},
                                              {"p_min", CELL_TEXT},
                                              {"p_max", CELL_TEXT},
                                              {"q_min", CELL_TEXT},
                                              {"q_max", CELL_TEXT},
                                              {"power_factor", CELL_TEXT},
                                              {"q_per_p", CELL_TEXT},
                                              {"ramp_per_hour", CELL_TEXT},
                                              {"energy_up", CELL_TEXT},
                                              {"energy_down", CELL_TEXT},
                                              {"energy_min", CELL_TEXT},
                                              {"energy_max", CELL_TEXT},
                                              {"rebound", CELL_LIST},
                                              {NULL, CELL_TEXT}};
static const struct column group_columns[] = {{"id", CELL_TEXT}, {"kind", CELL_TEXT}, {NULL, CELL_TEXT}};
static const struct column order_columns[] = {{"id", CELL_TEXT},
                                              {"participant", CELL_TEXT},
                                              {"side", CELL_TEXT},
                                              {"kind", CELL_TEXT},
                                              {"product", CELL_TEXT},
                                              {"regulation", CELL_TEXT},
                                              {"asset", CELL_TEXT},
                                              {"bus", CELL_TEXT},
                                              {"zone", CELL_TEXT},
                                              {"covers_branch", CELL_TEXT},
                                              {"covers_voltage", CELL_TEXT},
                                              {"start", CELL_TEXT},
                                              {"periods", CELL_INTEGER},
                                              {"quantity", CELL_PROFILE},
                                              {"price", CELL_TEXT},
                                              {"price_points", CELL_POINTS},
                                              {"block", CELL_BOOL},
                                              {"all_or_none", CELL_BOOL},
                                              {"minimum_acceptance", CELL_TEXT},
                                              {"parent", CELL_TEXT},
                                              {"group", CELL_TEXT},
                                              {NULL, CELL_TEXT}};

static const struct column *find_column(const struct column *columns, const char *name)
{
    for (; columns->name; columns++)
        if (strcmp(columns->name, name) == 0)
            return columns;
    return NULL;
}

static json_t *split(const char *text)
{
    json_t *list = json_array();
    while (list && *text) {
        size_t length = strcspn(text, " ");
        if (length > 0 && json_array_append_new(list, json_stringn(text, length)) != 0) {
            json_decref(list);
            return NULL;
        }
        text += length + strspn(text + length, " ");
    }
    return list;
}

/* "1@40 2.5@55" -> [{"quantity": "1", "price": "40"}, ...]; what has no '@' lacks its price and is refused later. */
static json_t *split_points(const char *text)
{
    json_t *list = split(text), *points = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        size_t length = strcspn(item, "@");
        json_t *point = item[length] ? json_pack("{s:s%,s:s}", "quantity", item, length, "price", item + length + 1)
                                     : json_pack("{s:s}", "quantity", item);
        if (json_array_append_new(points, point) != 0) {
            json_decref(points);
            points = NULL;
            break;
        }
    }
    json_decref(list);
    return points;
}

/* The JSON value of a cell; NULL: not UTF-8, or out of memory. */
static json_t *to_value(const char *text, enum cell_type type)
{
    switch (type) {
    case CELL_PROFILE: return strchr(text, ' ') ? split(text) : json_string(text);
    case CELL_LIST: return split(text);
    case CELL_POINTS: return split_points(text);
    case CELL_BOOL:
        if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
            return json_boolean(strcasecmp(text, "true") == 0);
        return json_string(text); /* refused by the schema, in its words */
    case CELL_INTEGER: {
        char *end;
        long long value = strtoll(text, &end, 10);
        return *end == '\0' && end != text ? json_integer(value) : json_string(text);
    }
    default: return json_string(text);
    }
}

static enum fg_code row_to_object(const struct fg_csv *csv, size_t row, const struct column *columns, json_t **out,
                                  struct fg_error *err)
{
    *out = json_object();
    if (*out == NULL)
        return fg_fail_memory(err);
    for (size_t c = 0; c < csv->column_count; c++) {
        const char *text = fg_csv_field(csv, row, c);
        if (text[0] == '\0')
            continue;
        json_t *value = to_value(text, find_column(columns, csv->header[c])->type);
        if (json_object_set_new(*out, csv->header[c], value) != 0) {
            json_decref(*out);
            *out = NULL;
            return fg_csv_fail(csv, row, c, FG_ERR_SYNTAX, err, "is not UTF-8 text; convert the file");
        }
    }
    return FG_OK;
}

static enum fg_code check_header(const struct fg_csv *csv, const struct column *columns, struct fg_error *err)
{
    for (size_t c = 0; c < csv->column_count; c++) {
        if (find_column(columns, csv->header[c]))
            continue;
        char place[sizeof err->place], list[512] = "";
        for (size_t i = 0; columns[i].name; i++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", columns[i].name);
        }
        snprintf(place, sizeof place, "%.200s:1", csv->path);
        return fg_fail(err, FG_ERR_SCHEMA, place, "column \"%.40s\" is not known; the columns are %s", csv->header[c],
                       list);
    }
    return FG_OK;
}

typedef enum fg_code (*read_item)(struct fg_market_reader *, const struct fg_json_cursor *, struct fg_error *);

static bool file_exists(const char *folder, const char *name, char path[4096])
{
    struct stat status;
    return snprintf(path, 4096, "%s/%s", folder, name) < 4096 && stat(path, &status) == 0;
}

static enum fg_code read_rows(struct fg_market_reader *reader, const struct fg_csv *csv, const struct column *columns,
                              read_item read, struct fg_error *err)
{
    enum fg_code code = check_header(csv, columns, err);
    for (size_t row = 0; row < csv->row_count && code == FG_OK; row++) {
        json_t *object;
        char place[sizeof err->place];
        if ((code = row_to_object(csv, row, columns, &object, err)) != FG_OK)
            break;
        snprintf(place, sizeof place, "%.200s:%zu", csv->path, csv->lines[row]);
        struct fg_json_cursor cursor = fg_json_root(object, place);
        code = read(reader, &cursor, err);
        json_decref(object);
    }
    return code;
}

static enum fg_code read_table(struct fg_market_reader *reader, const char *folder, const char *name,
                               const struct column *columns, read_item read, struct fg_error *err)
{
    char path[4096];
    if (!file_exists(folder, name, path))
        return FG_OK;
    struct fg_csv csv;
    enum fg_code code = fg_csv_read(&csv, path, err);
    if (code == FG_OK)
        code = read_rows(reader, &csv, columns, read, err);
    fg_csv_release(&csv);
    return code;
}

/* zones.csv has a row per zone and bus. */
static enum fg_code read_zones(struct fg_market_reader *reader, const char *folder, struct fg_error *err)
{
    char path[4096];
    size_t zone_column, bus_column;
    if (!file_exists(folder, "zones.csv", path))
        return FG_OK;
    struct fg_csv csv;
    json_t *zones = json_object();
    enum fg_code code = zones ? FG_OK : fg_fail_memory(err);
    memset(&csv, 0, sizeof csv);
    if (code == FG_OK && (code = fg_csv_read(&csv, path, err)) == FG_OK &&
        (code = fg_csv_need(&csv, "zone", &zone_column, err)) == FG_OK)
        code = fg_csv_need(&csv, "bus", &bus_column, err);
    for (size_t row = 0; row < csv.row_count && code == FG_OK; row++) {
        const char *zone = fg_csv_field(&csv, row, zone_column);
        json_t *buses = json_object_get(zones, zone);
        if (buses == NULL && json_object_set_new(zones, zone, buses = json_array()) != 0)
            code = fg_csv_fail(&csv, row, zone_column, FG_ERR_SYNTAX, err, "is not UTF-8 text; convert the file");
        else if (json_array_append_new(buses, json_string(fg_csv_field(&csv, row, bus_column))) != 0)
            code = fg_csv_fail(&csv, row, bus_column, FG_ERR_SYNTAX, err, "is not UTF-8 text; convert the file");
    }
    const char *zone;
    json_t *buses;
    json_object_foreach (zones, zone, buses) {
        if (code != FG_OK)
            break;
        json_t *object = json_pack("{s:s,s:O}", "id", zone, "buses", buses);
        struct fg_json_cursor cursor = fg_json_root(object, path);
        code = object ? fg_market_reader_zone(reader, &cursor, err) : fg_fail_memory(err);
        json_decref(object);
    }
    json_decref(zones);
    fg_csv_release(&csv);
    return code;
}

/* market.csv: rows of key and value; "scarcity.overload" is a member of an inner object. */
static enum fg_code put_key(const struct fg_csv *csv, size_t row, size_t key_column, const char *key, json_t *value,
                            json_t *market, struct fg_error *err)
{
    const char *dot = strchr(key, '.');
    json_t *object = market;
    if (dot != NULL) {
        char outer[64];
        snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
        if (json_object_get(market, outer) == NULL && json_object_set_new(market, outer, json_object()) != 0) {
            json_decref(value);
            return fg_fail_memory(err);
        }
        object = json_object_get(market, outer);
        key = dot + 1;
    }
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return fg_csv_fail(csv, row, key_column, FG_ERR_SCHEMA, err, "is given twice; remove one");
    }
    if (json_object_set_new(object, key, value) != 0)
        return fg_csv_fail(csv, row, key_column, FG_ERR_SYNTAX, err, "the value is not UTF-8 text; convert the file");
    return FG_OK;
}

static enum fg_code read_keys(const char *path, json_t *market, struct fg_error *err)
{
    struct fg_csv csv;
    size_t key_column, value_column;
    enum fg_code code = fg_csv_read(&csv, path, err);
    if (code == FG_OK && (code = fg_csv_need(&csv, "key", &key_column, err)) == FG_OK)
        code = fg_csv_need(&csv, "value", &value_column, err);
    for (size_t row = 0; row < csv.row_count && code == FG_OK; row++) {
        const char *key = fg_csv_field(&csv, row, key_column), *text = fg_csv_field(&csv, row, value_column);
        const struct column *column = find_column(market_keys, key);
        if (column == NULL)
            code = fg_csv_fail(&csv, row, key_column, FG_ERR_SCHEMA, err,
                               "\"%.40s\" is not known; see the list in docs/market-format.md", key);
        else if (text[0] != '\0')
            code = put_key(&csv, row, key_column, key, to_value(text, column->type), market, err);
    }
    fg_csv_release(&csv);
    return code;
}

/* periods.csv: what has a value per period, as arrays of the market object. */
static enum fg_code read_period_table(const char *path, json_t *market, struct fg_error *err)
{
    static const struct column columns[] = {
        {"start", CELL_TEXT},      {"import_price", CELL_TEXT},     {"import_price_reactive", CELL_TEXT},
        {"scale_load", CELL_TEXT}, {"scale_generation", CELL_TEXT}, {NULL, CELL_TEXT}};
    struct fg_csv csv;
    size_t start_column;
    int64_t previous = 0, expected = 0;
    struct fg_error why;
    enum fg_code code = fg_csv_read(&csv, path, err);
    if (code == FG_OK && (code = check_header(&csv, columns, err)) == FG_OK)
        code = fg_csv_need(&csv, "start", &start_column, err);
    int64_t minutes = json_is_integer(json_object_get(market, "period_minutes"))
                          ? json_integer_value(json_object_get(market, "period_minutes"))
                          : 15;
    const char *start = json_string_value(json_object_get(market, "start"));
    if (code == FG_OK && start && fg_instant_parse(start, &expected, &why) != FG_OK)
        expected = 0; /* the schema will refuse it, in its words */
    for (size_t row = 0; row < csv.row_count && code == FG_OK; row++) {
        int64_t at;
        if ((code = fg_instant_parse(fg_csv_field(&csv, row, start_column), &at, &why)) != FG_OK)
            code = fg_csv_fail(&csv, row, start_column, code, err, "%s", why.text);
        else if (row == 0 ? at != expected : at - previous != minutes * 60)
            code = fg_csv_fail(&csv, row, start_column, FG_ERR_VALUE, err,
                               "is not the next period's start; give each period once, in order");
        previous = at;
    }
    for (size_t c = 0; c < csv.column_count && code == FG_OK; c++) {
        if (c == start_column)
            continue;
        if (json_object_get(market, csv.header[c]))
            code = fg_csv_fail(&csv, 0, c, FG_ERR_SCHEMA, err, "is given in market.csv too; remove one");
        json_t *list = json_array();
        for (size_t row = 0; row < csv.row_count && code == FG_OK; row++)
            if (json_array_append_new(list, json_string(fg_csv_field(&csv, row, c))) != 0)
                code = fg_csv_fail(&csv, row, c, FG_ERR_SYNTAX, err, "is not UTF-8 text; convert the file");
        if (json_object_set_new(market, csv.header[c], list) != 0 && code == FG_OK)
            code = fg_fail_memory(err);
    }
    fg_csv_release(&csv);
    return code;
}

static enum fg_code read_rules(struct fg_market_reader *reader, const char *folder, struct fg_error *err)
{
    char path[4096], periods[4096];
    if (!file_exists(folder, "market.csv", path))
        return fg_fail(err, FG_ERR_IO, folder, "there is no market.csv in this folder; give the folder of a market");
    json_t *market = json_object();
    if (market == NULL)
        return fg_fail_memory(err);
    enum fg_code code = read_keys(path, market, err);
    if (code == FG_OK && file_exists(folder, "periods.csv", periods))
        code = read_period_table(periods, market, err);
    struct fg_json_cursor root = fg_json_root(market, path);
    if (code == FG_OK)
        code = fg_market_reader_rules(reader, &root, err);
    json_decref(market);
    return code;
}

static enum fg_code read_folder(struct fg_market_reader *reader, const char *folder, struct fg_error *err)
{
    static const struct column tap_columns[] = {{"branch", CELL_TEXT}, {NULL, CELL_TEXT}};
    char path[4096];
    enum fg_code code;
    if ((code = read_rules(reader, folder, err)) != FG_OK ||
        (code = read_table(reader, folder, "participants.csv", participant_columns, fg_market_reader_participant,
                           err)) != FG_OK ||
        (code = read_zones(reader, folder, err)) != FG_OK ||
        (code = read_table(reader, folder, "bus_limits.csv", bus_limit_columns, fg_market_reader_bus_limit, err)) !=
            FG_OK ||
        (code = read_table(reader, folder, "branch_limits.csv", branch_limit_columns, fg_market_reader_branch_limit,
                           err)) != FG_OK ||
        (code = read_table(reader, folder, "conditions.csv", condition_columns, fg_market_reader_condition, err)) != FG_OK ||
        (code = read_table(reader, folder, "controllable_taps.csv", tap_columns, fg_market_reader_tap, err)) != FG_OK ||
        (code = read_table(reader, folder, "assets.csv", asset_columns, fg_market_reader_asset, err)) != FG_OK ||
        (code = read_table(reader, folder, "groups.csv", group_columns, fg_market_reader_group, err)) != FG_OK ||
        (code = read_table(reader, folder, "orders.csv", order_columns, fg_market_reader_order, err)) != FG_OK)
        return code;
    if (file_exists(folder, "baseline.csv", path) && (code = fg_market_reader_baseline_csv(reader, path, err)) != FG_OK)
        return code;
    return fg_market_reader_finish(reader, err);
}

enum fg_code fg_market_read_csv_folder(const char *folder, struct fg_market **market, struct fg_error *err)
{
    struct fg_market_reader reader = {0};
    *market = NULL;
    enum fg_code code = read_folder(&reader, folder, err);
    fg_market_reader_release(&reader);
    if (code == FG_OK)
        *market = reader.market;
    else
        fg_market_destroy(reader.market);
    return code;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

enum fg_code fg_market_read(const char *path, struct fg_market **market, struct fg_error *err)
{
    struct stat status;
    *market = NULL;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return fg_market_read_csv_folder(path, market, err);
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int length = slash ? (int)(slash - path) : 1;
    if (snprintf(folder, sizeof folder, "%.*s", length, slash ? path : ".") >= (int)sizeof folder)
        return fg_fail(err, FG_ERR_IO, NULL, "the path is too long; use a shorter one");
    if (slash == path)
        snprintf(folder, sizeof folder, "/");
    if (ends_with(path, ".csv"))
        return fg_market_read_csv_folder(folder, market, err);
    struct fg_text text;
    enum fg_code code = fg_file_read(path, FG_JSON_MAX_BYTES, &text, err);
    if (code == FG_OK)
        code = fg_market_read_json_text(text.data ? text.data : "", text.length, path, folder, market, err);
    fg_text_release(&text);
    return code;
}
