#include "api/operations_network.h"

#include "api/rows.h"
#include "atp/operating_point.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fg_param area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};
static const struct fg_param point_path[] = {{"operating_point", &fg_schema_id, "Operating point", true}, {0}};
static const struct fg_param condition_path[] = {{"condition", &fg_schema_id, "Condition", true}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};
static const struct fg_response point_made[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"op-3\"}"}, {0}};
static const struct fg_response condition_made[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"cnd-7\"}"}, {0}};
static const struct fg_schema seconds = FG_INTEGER(0, 31622400), age = FG_INTEGER(1, 31622400);
static const struct fg_schema element_name = FG_TEXT(1, 100), bus_name = FG_TEXT(1, 100), reason_text = FG_TEXT(1, 200);

/* A change that the network state depends on: the exchange need not wait for its next look. */
static enum fg_code change_network(struct fg_call *call, fg_call_work *work, struct fg_error *err)
{
    struct fg_application *application = fg_call_context(call);
    enum fg_code code = fg_call_change(call, work, err);
    if (code == FG_OK && application->exchange != NULL)
        fg_exchange_hint(application->exchange);
    return code;
}

/* ---- the area's rule ---- */
static const char *const fallback_words[] = {"last", "nominal", "off", NULL};
static const struct fg_schema fallback = FG_ENUM("NetworkFallback", "last: the last values, however old; nominal: the network's own "
                                                 "loads; off: trades are not checked", fallback_words);
static const struct fg_field rule_fields[] = {{"fallback", &fallback, "Where the area's stale rule is `fallback`", FG_REQUIRED}};
static const struct fg_schema rule_schema = FG_OBJECT("NetworkRule", "What counts when required operating points are missing or stale", rule_fields);

static enum fg_code set_rule_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_network_rule_set(registry, area, fg_member_text(&body, "fallback", "nominal"), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code set_rule(struct fg_call *call, struct fg_error *err)
{
    return change_network(call, set_rule_work, err);
}

/* ---- operating points ---- */
static const char *const origin_words[] = {"schedule", "forecast", "prognosis", NULL};
static const char *const covers_words[] = {"all", "rest", NULL};
static const char *const stale_words[] = {"last", "own", NULL};
static const struct fg_schema origin = FG_ENUM("OperatingOrigin", "Schedule of an earlier market, the operator's forecast, a portfolio's prognosis", origin_words);
static const struct fg_schema covers = FG_ENUM("OperatingCover", "Values of buses stand for everything there, or for the rest beside what is "
                                               "said of assets", covers_words);
static const struct fg_schema when_stale = FG_ENUM("OperatingDefault", "Stale values count (last), or the network's own loads do (own)", stale_words);
#define POINT_TERMS(required)                                                                                          \
    {"name", &fg_schema_name, "Name", FG_REQUIRED}, {"origin", &origin, "Where the values come from", FG_REQUIRED},    \
    {"covers", &covers, "Everything at a bus by default", required},                                                   \
    {"required", &fg_schema_boolean, "Trading depends on it: without it the area's stale rule counts", required},      \
    {"deadline_seconds", &seconds, "Its values are due so long before a period begins; 0 by default", required}
static const struct fg_field new_point_fields[] = {
    POINT_TERMS(0),
    {"stale_after_seconds", &age, "A version is stale when it is older; never when absent", FG_NULLABLE},
    {"when_stale", &when_stale, "Of a source that is not required; last by default", 0},
};
static const struct fg_schema new_point = FG_OBJECT("NewOperatingPoint", "A source of operating points", new_point_fields);
static const struct fg_field point_fields[] = {
    {"id", &fg_schema_id, "Operating point", FG_REQUIRED}, {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Whose", FG_REQUIRED}, POINT_TERMS(FG_REQUIRED),
    {"stale_after_seconds", &age, "Age from which a version is stale", FG_REQUIRED | FG_NULLABLE},
    {"when_stale", &when_stale, "What then counts", FG_REQUIRED},
    {"values_version", &fg_schema_count, "Latest version of its values; 0: none yet", FG_REQUIRED},
    {"values_entered", &fg_schema_instant, "When that came", FG_REQUIRED | FG_NULLABLE},
    {"created", &fg_schema_instant, "Since when", FG_REQUIRED},
};
static const struct fg_schema point_schema = FG_OBJECT("OperatingPoint", "A source of operating points", point_fields);
FG_PAGE_SCHEMA(point_page, &point_schema, "OperatingPointPage", "Operating points");
static const struct fg_response point_page_responses[] = {{200, "A page", &point_page, NULL, NULL}, {0}};
static const struct fg_column point_columns[] = {{"id", FG_COLUMN_ID, FG_ID_OPERATING_POINT, NULL},
                                                 {"area", FG_COLUMN_ID, FG_ID_AREA, NULL},
                                                 {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
                                                 {"name", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                 {"origin", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                 {"covers", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                 {"required", FG_COLUMN_BOOLEAN, FG_ID_AREA, NULL},
                                                 {"deadline_seconds", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
                                                 {"stale_after_seconds", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
                                                 {"when_stale", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                 {"values_version", FG_COLUMN_COUNT, FG_ID_AREA, NULL},
                                                 {"values_entered", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
                                                 {"created", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
                                                 {0}};

static enum fg_code create_point_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_operating_point point = {
        .name = fg_member_text(&body, "name", ""), .origin = fg_member_text(&body, "origin", ""),
        .covers = fg_member_text(&body, "covers", "all"), .when_stale = fg_member_text(&body, "when_stale", "last"),
        .is_required = json_is_true(fg_json_member(&body, "required").value),
        .deadline_s = json_integer_value(fg_json_member(&body, "deadline_seconds").value),
        .stale_s = json_integer_value(fg_json_member(&body, "stale_after_seconds").value)};
    int64_t area, id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_operating_point_create(registry, area, &point, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_OPERATING_POINT, id);
    return code;
}
static enum fg_code create_point(struct fg_call *call, struct fg_error *err)
{
    return change_network(call, create_point_work, err);
}

/* One's own; a system operator also those about assets and portfolios at its locations. */
#define MAY_SEE_POINT                                                                                                  \
    "($2 = 1 OR o.organisation_id = $1 OR EXISTS (SELECT 1 FROM operating_row r LEFT JOIN asset s ON r.subject = 1 AND s.id = "           \
    "r.subject_id LEFT JOIN portfolio f ON r.subject = 2 AND f.id = r.subject_id JOIN location l ON l.id = "                              \
    "COALESCE(s.location_id, f.location_id) WHERE r.point_id = o.id AND l.operator_id = $1))"
static enum fg_code list_points_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_rows_page(
                               call, registry,
                               "SELECT o.id, o.id, o.area_id, o.organisation_id, o.name, o.origin, o.covers, o.is_required, o.deadline_s, "
                               "o.stale_s, o.when_stale, o.value_version, (SELECT v.entered_us FROM operating_version v WHERE v.point_id = "
                               "o.id AND v.version = o.value_version), o.created_us FROM operating_point o WHERE o.area_id = $5 AND o.id > "
                               "$3 AND " MAY_SEE_POINT " ORDER BY o.id LIMIT $4",
                               point_columns, area, err)
                         : code;
}
static enum fg_code list_points(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, list_points_work, err);
}

/* ---- values ---- */
static const struct fg_schema powers = FG_ARRAY(&fg_schema_power, 1, 2976);
static const struct fg_field value_fields[] = {
    {"bus", &bus_name, "Bus of the own network; this, `asset` or `portfolio`", 0},
    {"asset", &fg_schema_id, "Asset with a bus", 0},
    {"portfolio", &fg_schema_id, "Portfolio; split over the buses of its assets", 0},
    {"p", &powers, "Net injection in each period from `start` on, MW", FG_REQUIRED},
    {"q", &powers, "Mvar; the network's own when absent", 0},
};
static const struct fg_schema value_schema = FG_OBJECT("OperatingValues", "What a bus, asset or portfolio injects", value_fields);
static const struct fg_schema value_items = FG_ARRAY(&value_schema, 1, 5000);
static const struct fg_field values_fields[] = {
    {"start", &fg_schema_instant, "Start of the first period", FG_REQUIRED},
    {"values", &value_items, "As many periods in each", FG_REQUIRED},
};
static const struct fg_schema values_schema = FG_OBJECT("OperatingVersionEntry", "A version of the values", values_fields);
static const struct fg_field taken_fields[] = {{"version", &fg_schema_count, "Version of the values", FG_REQUIRED}};
static const struct fg_schema taken_schema = FG_OBJECT("OperatingTaken", "The version that the values became", taken_fields);
static const struct fg_response taken_responses[] = {{201, "Taken", &taken_schema, NULL, "{\"version\": 12}"}, {0}};

static enum fg_code read_powers(struct fg_call *call, const struct fg_json_cursor *item, const char *key, size_t count,
                                const int64_t **out, struct fg_error *err)
{
    struct fg_json_cursor list = fg_json_member(item, key);
    *out = NULL;
    if (list.value == NULL)
        return FG_OK;
    if (fg_json_count(&list) != count)
        return fg_json_fail(&list, FG_ERR_VALUE, err, "has %zu periods, the first one %zu; give as many in each", fg_json_count(&list), count);
    int64_t *values = fg_arena_alloc(fg_call_arena(call), count, sizeof *values);
    if (values == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        fg_decimal_parse(json_string_value(json_array_get(list.value, i)), 6, &values[i], NULL);
    *out = values;
    return FG_OK;
}

static enum fg_code read_value(struct fg_call *call, const struct fg_json_cursor *item, size_t periods,
                               struct fg_operating_values *value, struct fg_error *err)
{
    int64_t asset, portfolio;
    enum fg_code code = fg_member_id(item, "asset", FG_ID_ASSET, &asset, err);
    if (code == FG_OK)
        code = fg_member_id(item, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code != FG_OK)
        return code;
    value->bus = fg_member_text(item, "bus", NULL);
    if ((value->bus != NULL) + (asset != 0) + (portfolio != 0) != 1)
        return fg_json_fail(item, FG_ERR_VALUE, err, "name a bus, an asset or a portfolio, one of them");
    value->subject = value->bus != NULL ? FG_OPERATING_BUS : asset != 0 ? FG_OPERATING_ASSET : FG_OPERATING_PORTFOLIO;
    value->id = asset != 0 ? asset : portfolio;
    code = read_powers(call, item, "p", periods, &value->p_w, err);
    return code == FG_OK ? read_powers(call, item, "q", periods, &value->q_var, err) : code;
}

static enum fg_code enter_values_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "values"), first = fg_json_item(&list, 0);
    struct fg_json_cursor first_powers = fg_json_member(&first, "p");
    size_t count = fg_json_count(&list), periods = fg_json_count(&first_powers);
    int64_t point, version, period_s = 1, start = fg_member_instant(&body, "start", 0);
    struct fg_operating_values *values = fg_arena_alloc(fg_call_arena(call), count, sizeof *values);
    enum fg_code code = values == NULL ? fg_fail_memory(err) : fg_call_id(call, "operating_point", FG_ID_OPERATING_POINT, &point, err);
    if (code == FG_OK)
        code = fg_operating_point_period(registry, point, &period_s, err);
    if (code == FG_OK && (start < 0 || start % period_s != 0))
        code = fg_fail(err, FG_ERR_VALUE, "#/start", "is not the start of a delivery period of %lld s", (long long)period_s);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        code = read_value(call, &item, periods, &values[i], err);
    }
    if (code == FG_OK)
        code = fg_operating_point_enter(registry, point, start / period_s, (int64_t)periods, values, count, &version, err);
    if (code == FG_OK) {
        struct fg_json_writer *out = fg_call_json(call, 201);
        fg_json_begin_object(out, NULL);
        fg_json_put_integer(out, "version", version);
        fg_json_end_object(out);
    }
    return code;
}
static enum fg_code enter_values(struct fg_call *call, struct fg_error *err)
{
    return change_network(call, enter_values_work, err);
}

static const struct fg_schema version_number = FG_INTEGER(1, (int64_t)1 << 53);
static const struct fg_param version_query[] = {{"version", &version_number, "Version; the latest by default", false}, {0}};
static const struct fg_schema known_powers = FG_ARRAY(&fg_schema_power, 0, 2976);
static const struct fg_field known_fields[] = {
    {"bus", &bus_name, "Bus", FG_REQUIRED | FG_NULLABLE},
    {"asset", &fg_schema_id, "Asset", FG_REQUIRED | FG_NULLABLE},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED | FG_NULLABLE},
    {"p", &known_powers, "MW per period", FG_REQUIRED},
    {"q", &known_powers, "Mvar per period; null: the network's own", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema known_schema = FG_OBJECT("KnownOperatingValues", "What a version says", known_fields);
static const struct fg_schema known_items = FG_ARRAY(&known_schema, 0, 5000);
static const struct fg_field known_version_fields[] = {
    {"version", &fg_schema_count, "Version", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the first period", FG_REQUIRED},
    {"entered", &fg_schema_instant, "When it came", FG_REQUIRED},
    {"values", &known_items, "By kind and number", FG_REQUIRED},
};
static const struct fg_schema known_version = FG_OBJECT("KnownOperatingVersion", "A version of an operating point", known_version_fields);
static const struct fg_response known_responses[] = {{200, "The version", &known_version, NULL, NULL}, {0}};

static void put_powers(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    size_t size;
    char text[FG_DECIMAL_MAX];
    const unsigned char *bytes = fg_sql_column_blob(sql, column, &size);
    if (size >= 8 && fg_blob_integer(bytes, 0) == FG_GRID_OWN) {
        fg_json_put_null(out, key);
        return;
    }
    fg_json_begin_row(out, key);
    for (size_t i = 0; i < size / 8; i++)
        fg_json_put_string(out, NULL, fg_decimal_format(fg_blob_integer(bytes, i), 6, 0, text));
    fg_json_end_array(out);
}

static enum fg_code get_values_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t point, version = fg_call_integer(call, "version", 0);
    char text[FG_ID_TEXT];
    enum fg_code code = fg_call_id(call, "operating_point", FG_ID_OPERATING_POINT, &point, err);
    if (code == FG_OK)
        code = fg_registry_found(
            fg_query_one(registry->store, &sql, err,
                         "SELECT v.version, v.first_period * a.period_s, v.entered_us FROM operating_point o JOIN area a ON a.id = o.area_id "
                         "JOIN operating_version v ON v.point_id = o.id WHERE o.id = $3 AND v.version = CASE WHEN $4 = 0 THEN "
                         "o.value_version ELSE $4 END AND " MAY_SEE_POINT,
                         "iiii", fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry), point, version),
            FG_ID_OPERATING_POINT, point, "version of values of the operating point", err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    version = fg_sql_column_int64(sql, 0);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "version", version);
    fg_json_put_string(out, "start", fg_instant_format(fg_sql_column_int64(sql, 1), text));
    fg_json_put_string(out, "entered", fg_instant_format(fg_sql_column_int64(sql, 2) / 1000000, text));
    fg_sql_done(sql);
    code = fg_query(registry->store, &sql, err,
                    "SELECT r.subject, r.subject_id, (SELECT k.bus FROM area_bus k JOIN operating_point o ON o.area_id = k.area_id WHERE "
                    "o.id = r.point_id AND k.number = r.subject_id), r.p, r.q FROM operating_row r WHERE r.point_id = $1 AND r.version = $2 "
                    "ORDER BY r.subject, r.subject_id",
                    "ii", point, version);
    fg_json_begin_array(out, "values");
    for (bool row = true; code == FG_OK;) {
        if ((code = fg_sql_next(sql, &row, err)) != FG_OK || !row)
            break;
        int64_t subject = fg_sql_column_int64(sql, 0), id = fg_sql_column_int64(sql, 1);
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "bus", subject == FG_OPERATING_BUS ? fg_sql_column_text(sql, 2) : NULL);
        fg_json_put_string(out, "asset", subject == FG_OPERATING_ASSET ? fg_id_text(FG_ID_ASSET, id, text) : NULL);
        fg_json_put_string(out, "portfolio", subject == FG_OPERATING_PORTFOLIO ? fg_id_text(FG_ID_PORTFOLIO, id, text) : NULL);
        put_powers(out, "p", sql, 3);
        put_powers(out, "q", sql, 4);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
    return code;
}
static enum fg_code get_values(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, get_values_work, err);
}

/* ---- conditions ---- */
static const struct fg_schema condition_kind = FG_ENUM("GridConditionKind", "State of a switch or branch; a branch or bus out of service; "
                                                       "another rating of a branch; another voltage band of a bus", fg_grid_condition_words);
static const struct fg_schema voltage = FG_DECIMAL(6, 0, 10000000);
#define CONDITION_TERMS(required)                                                                                      \
    {"kind", &condition_kind, "What it changes", FG_REQUIRED},                                                         \
    {"element", &element_name, "Id in the network: switch or branch; branch or bus; branch; bus", FG_REQUIRED},        \
    {"closed", &fg_schema_boolean, "switch: closed, else open", required},                                             \
    {"rating", &fg_schema_power_positive, "rating: MVA", required},                                                    \
    {"voltage_min", &voltage, "voltage: p.u.", required}, {"voltage_max", &voltage, "voltage: p.u.", required},        \
    {"from", &fg_schema_instant, "From when; every period that it touches", FG_REQUIRED},                              \
    {"reason", &reason_text, "Why", FG_REQUIRED}
static const struct fg_field new_condition_fields[] = {CONDITION_TERMS(0), {"until", &fg_schema_instant, "Until when; until it is ended when absent", FG_NULLABLE}};
static const struct fg_schema new_condition = FG_OBJECT("NewGridCondition", "What holds in the grid for a time", new_condition_fields);
static const struct fg_field condition_fields[] = {
    {"id", &fg_schema_id, "Condition", FG_REQUIRED}, {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"organisation", &fg_schema_id, "Who set it", FG_REQUIRED}, CONDITION_TERMS(FG_REQUIRED | FG_NULLABLE),
    {"until", &fg_schema_instant, "Until when", FG_REQUIRED | FG_NULLABLE},
    {"entered", &fg_schema_instant, "When it was set", FG_REQUIRED}};
static const struct fg_schema condition_schema = FG_OBJECT("GridCondition", "What holds in the grid for a time", condition_fields);
FG_PAGE_SCHEMA(condition_page, &condition_schema, "GridConditionPage", "Conditions");
static const struct fg_response condition_page_responses[] = {{200, "A page", &condition_page, NULL, NULL}, {0}};
static const struct fg_column condition_columns[] = {{"id", FG_COLUMN_ID, FG_ID_CONDITION, NULL},
                                                     {"area", FG_COLUMN_ID, FG_ID_AREA, NULL},
                                                     {"organisation", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
                                                     {"kind", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                     {"element", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                     {"closed", FG_COLUMN_BOOLEAN, FG_ID_AREA, NULL},
                                                     {"rating", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
                                                     {"voltage_min", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
                                                     {"voltage_max", FG_COLUMN_MICRO, FG_ID_AREA, NULL},
                                                     {"from", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
                                                     {"reason", FG_COLUMN_TEXT, FG_ID_AREA, NULL},
                                                     {"until", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
                                                     {"entered", FG_COLUMN_INSTANT, FG_ID_AREA, NULL},
                                                     {0}};

/* Exactly what the kind needs. */
static enum fg_code read_condition(struct fg_call *call, struct fg_condition *condition, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    bool has_state = fg_json_member(&body, "closed").value != NULL, has_rating = fg_json_member(&body, "rating").value != NULL;
    bool has_low = fg_json_member(&body, "voltage_min").value != NULL, has_high = fg_json_member(&body, "voltage_max").value != NULL;
    *condition = (struct fg_condition){
        .kind = (enum fg_grid_condition_kind)fg_member_word(&body, "kind", fg_grid_condition_words, 0),
        .element = fg_member_text(&body, "element", ""), .reason = fg_member_text(&body, "reason", ""),
        .is_closed = json_is_true(fg_json_member(&body, "closed").value),
        .from_us = fg_member_us(&body, "from"), .until_us = fg_member_us(&body, "until")};
    if (has_state != (condition->kind == FG_GRID_SWITCH))
        return fg_fail(err, FG_ERR_VALUE, "#/closed", "is given for the state of a switch, and only then");
    if (has_rating != (condition->kind == FG_GRID_RATING))
        return fg_fail(err, FG_ERR_VALUE, "#/rating", "is given for a rating, and only then");
    if (has_low != (condition->kind == FG_GRID_VOLTAGE) || has_high != has_low)
        return fg_fail(err, FG_ERR_VALUE, "#/voltage_min", "and voltage_max are given for a voltage band, and only then");
    if (condition->kind == FG_GRID_RATING)
        condition->limit[0] = fg_member_decimal(&body, "rating", 6, 0);
    if (condition->kind == FG_GRID_VOLTAGE) {
        condition->limit[0] = fg_member_decimal(&body, "voltage_min", 6, 0);
        condition->limit[1] = fg_member_decimal(&body, "voltage_max", 6, 0);
    }
    return FG_OK;
}

/* Looked up before the change, because the network is read for it. */
static enum fg_code check_condition_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_condition condition;
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = read_condition(call, &condition, err);
    return code == FG_OK ? fg_condition_check(registry, area, &condition, err) : code;
}
static enum fg_code create_condition_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_condition condition;
    int64_t area, id;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = read_condition(call, &condition, err);
    if (code == FG_OK)
        code = fg_condition_create(registry, area, &condition, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_CONDITION, id);
    return code;
}
static enum fg_code create_condition(struct fg_call *call, struct fg_error *err)
{
    enum fg_code code = fg_call_read(call, check_condition_work, err);
    return code == FG_OK ? change_network(call, create_condition_work, err) : code;
}

static enum fg_code list_conditions_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    int64_t area;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    return code == FG_OK ? fg_rows_page(
                               call, registry,
                               "SELECT c.id, c.id, c.area_id, c.organisation_id, c.kind, c.element, CASE WHEN c.kind = 'switch' THEN c.is_closed "
                               "END, CASE WHEN c.kind = 'rating' THEN c.limit_low END, CASE WHEN c.kind = 'voltage' THEN c.limit_low END, CASE "
                               "WHEN c.kind = 'voltage' THEN c.limit_high END, c.from_us, c.reason, c.until_us, c.entered_us FROM "
                               "grid_condition c WHERE c.area_id = $5 AND c.id > $3 AND ($2 = 1 OR c.organisation_id = $1) ORDER BY c.id LIMIT $4",
                               condition_columns, area, err)
                         : code;
}
static enum fg_code list_conditions(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, list_conditions_work, err);
}

static const struct fg_field end_fields[] = {{"until", &fg_schema_instant, "Until when; now when absent", FG_NULLABLE}};
static const struct fg_schema end_schema = FG_OBJECT("GridConditionEnd", "When a condition ends", end_fields);
static enum fg_code end_condition_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    enum fg_code code = fg_call_id(call, "condition", FG_ID_CONDITION, &id, err);
    if (code == FG_OK)
        code = fg_condition_end(registry, id, fg_member_us(&body, "until"), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code end_condition(struct fg_call *call, struct fg_error *err)
{
    return change_network(call, end_condition_work, err);
}

/* ---- the network state ---- */
static const char *const mode_words[] = {"off", "dc", "ac", NULL};
static const char *const check_words[] = {"unchecked", "blocked", "dc", "ac", NULL};
static const char *const source_words[] = {"nominal", "fresh", "awaited", "stale", "missing", "other_stale", "network_unusable", NULL};
static const char source_letters[] = "nfwsmoe", check_letters[] = "fbda";
static const struct fg_schema mode_schema = FG_ENUM("NetworkMode", "How the grid counts in continuous trading", mode_words);
static const struct fg_schema check_schema = FG_ENUM("NetworkCheck", "unchecked: trades freely; blocked: nothing trades; dc, ac: as far as the grid takes it", check_words);
static const struct fg_schema source_schema = FG_ENUM(
    "NetworkSource",
    "nominal: no required operating point; fresh: all are there; awaited: their deadline has not come, the network's own loads count; stale, "
    "missing: the area's rule counts; other_stale: one that is not required is stale; network_unusable: the network has no model",
    source_words);
static const struct fg_field state_period_fields[] = {
    {"start", &fg_schema_instant, "Start of the period", FG_REQUIRED},
    {"check", &check_schema, "How its trades are checked", FG_REQUIRED},
    {"source", &source_schema, "What the check stands on", FG_REQUIRED},
};
static const struct fg_schema state_period = FG_OBJECT("NetworkPeriod", "A period of the network state", state_period_fields);
static const struct fg_schema state_periods = FG_ARRAY(&state_period, 0, 100000);
static const struct fg_field state_fields[] = {
    {"mode", &mode_schema, "Of the state in force", FG_REQUIRED},
    {"configured", &mode_schema, "Of the area; differs for the seconds until a change is in force", FG_REQUIRED},
    {"stale_rule", &fg_schema_name, "block, or fallback to ...", FG_REQUIRED},
    {"fallback", &fallback, "... this", FG_REQUIRED},
    {"version", &fg_schema_count, "Version of the state; 0: there never was one", FG_REQUIRED},
    {"network", &fg_schema_id, "Version of the network", FG_REQUIRED | FG_NULLABLE},
    {"applied", &fg_schema_instant, "Since when it is in force", FG_REQUIRED | FG_NULLABLE},
    {"periods", &state_periods, "Periods of the state; orders for later ones are blocked", FG_REQUIRED},
};
static const struct fg_schema state_schema = FG_OBJECT("NetworkState", "What network-aware trading stands on", state_fields);
static const struct fg_response state_responses[] = {{200, "The state in force", &state_schema, NULL, NULL}, {0}};

static const char *word_of(const char *letters, const char *const *words, char letter)
{
    const char *at = letter != '\0' ? strchr(letters, letter) : NULL;
    return words[at != NULL ? at - letters : 0];
}

static enum fg_code get_state_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t area;
    char text[64];
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_registry_found(
            fg_query_one(registry->store, &sql, err,
                         "SELECT a.network_mode, a.stale_rule, COALESCE(r.fallback, 'nominal'), a.period_s, COALESCE(n.version, 0), "
                         "n.applied_us, COALESCE(s.mode, 'off'), s.network_id, COALESCE(s.first_period, 0), COALESCE(s.checks, ''), "
                         "COALESCE(s.sources, '') FROM area a LEFT JOIN network_rule r ON r.area_id = a.id LEFT JOIN area_network n ON "
                         "n.area_id = a.id LEFT JOIN network_state s ON s.area_id = n.area_id AND s.version = n.version WHERE a.id = $1",
                         "i", area),
            FG_ID_AREA, area, "market area", err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "mode", fg_sql_column_text(sql, 6));
    fg_json_put_string(out, "configured", fg_sql_column_text(sql, 0));
    fg_json_put_string(out, "stale_rule", fg_sql_column_text(sql, 1));
    fg_json_put_string(out, "fallback", fg_sql_column_text(sql, 2));
    fg_json_put_integer(out, "version", fg_sql_column_int64(sql, 4));
    fg_json_put_string(out, "network", fg_sql_column_is_null(sql, 7) ? NULL : fg_id_text(FG_ID_NETWORK, fg_sql_column_int64(sql, 7), text));
    fg_json_put_string(out, "applied", fg_sql_column_is_null(sql, 5) ? NULL : fg_instant_format(fg_sql_column_int64(sql, 5) / 1000000, text));
    int64_t period_s = fg_sql_column_int64(sql, 3), first = fg_sql_column_int64(sql, 8);
    const char *checks = fg_sql_column_text(sql, 9), *sources = fg_sql_column_text(sql, 10);
    size_t count = strlen(checks), named = strlen(sources);
    fg_json_begin_array(out, "periods");
    for (size_t i = 0; i < count; i++) {
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "start", fg_instant_format((first + (int64_t)i) * period_s, text));
        fg_json_put_string(out, "check", word_of(check_letters, check_words, checks[i]));
        fg_json_put_string(out, "source", word_of(source_letters, source_words, i < named ? sources[i] : 'n'));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
    fg_sql_done(sql);
    return FG_OK;
}
static enum fg_code get_state(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, get_state_work, err);
}

/* ---- the traffic light ---- */
static const char *const colour_words[] = {"green", "yellow", "red", NULL};
static const struct fg_schema colour_schema = FG_ENUM("TrafficLightColour", "green: free; yellow: little room, trades were cut, or data are stale; "
                                                      "red: violated, blocked or halted", colour_words);
static const struct fg_schema light_reason = FG_TEXT(1, 40);
#define LIGHT_FIELDS                                                                                                   \
    {"start", &fg_schema_instant, "Start of the period", FG_REQUIRED}, {"colour", &colour_schema, "Colour", FG_REQUIRED}, \
    {"reason", &light_reason, "Why, a stable word", FG_REQUIRED},                                                      \
    {"up", &fg_schema_power, "MW that can still be injected more at the scarcest bus; null: as much as is registered, or not limited by the network", \
     FG_REQUIRED | FG_NULLABLE},                                                                                       \
    {"down", &fg_schema_power, "MW less", FG_REQUIRED | FG_NULLABLE},                                                  \
    {"since", &fg_schema_instant, "Since when; null: green", FG_REQUIRED | FG_NULLABLE}
static const struct fg_field light_fields[] = {{"location", &fg_schema_id, "Location", FG_REQUIRED}, LIGHT_FIELDS};
static const struct fg_field asset_light_fields[] = {{"asset", &fg_schema_id, "Asset", FG_REQUIRED}, LIGHT_FIELDS};
static const struct fg_schema light_schema = FG_OBJECT("TrafficLight", "The traffic light of a location in a period", light_fields);
static const struct fg_schema asset_light_schema = FG_OBJECT("AssetTrafficLight", "The traffic light of an asset in a period", asset_light_fields);
static const struct fg_schema light_items = FG_ARRAY(&light_schema, 0, FG_PAGE_MAX), asset_light_items = FG_ARRAY(&asset_light_schema, 0, FG_PAGE_MAX);
static const struct fg_field light_page_fields[] = FG_PAGE_FIELDS(&light_items), asset_light_page_fields[] = FG_PAGE_FIELDS(&asset_light_items);
static const struct fg_schema light_page = FG_OBJECT("TrafficLightPage", "Traffic lights", light_page_fields);
static const struct fg_schema asset_light_page = FG_OBJECT("AssetTrafficLightPage", "Traffic lights of assets", asset_light_page_fields);
static const struct fg_response light_responses[] = {{200, "By location and period", &light_page, NULL, NULL}, {0}};
static const struct fg_response asset_light_responses[] = {{200, "By asset and period", &asset_light_page, NULL, NULL}, {0}};
static const struct fg_param light_query[] = {
    {"from", &fg_schema_instant, "First instant; now by default", false},
    {"to", &fg_schema_instant, "Before this; a day later by default, 31 days at most", false},
    {0}};

/* A page goes through the periods of one location or asset, then of the next; its key is both. */
#define LIGHT_PERIODS "WITH RECURSIVE p(period) AS (SELECT $6 UNION ALL SELECT period + 1 FROM p WHERE period + 1 < $7) "
#define LIGHT_KEY(id) "(" id " * 2147483648 + p.period)"
static const char location_lights[] =
    LIGHT_PERIODS "SELECT l.id, p.period, COALESCE(t.colour, 'green'), COALESCE(t.reason, 'free'), t.up_w, t.down_w, t.since_us, " LIGHT_KEY("l.id")
    " FROM location l CROSS JOIN p LEFT JOIN traffic_light t ON t.area_id = l.area_id AND t.subject = 0 AND t.subject_id = l.id AND t.period = "
    "p.period WHERE l.area_id = $5 AND l.status = 'published' AND " LIGHT_KEY("l.id") " > $3 AND $1 >= 0 AND $2 >= 0 ORDER BY l.id, p.period LIMIT $4";
/* What holds for the whole location comes first, then what is left at the bus, then the age of the data. */
#define ASSET_LIGHT(common, own, aged, free)                                                                           \
    "CASE WHEN t.colour = 'red' AND t.reason <> 'limit_violated' THEN " common " WHEN b.colour IS NOT NULL THEN " own " WHEN s.mode <> 'off' AND " \
    "substr(s.sources, CAST(p.period - s.first_period + 1 AS INTEGER), 1) IN ('s', 'm', 'o') AND p.period >= s.first_period THEN " aged " ELSE " free " END"
static const char asset_lights[] =
    LIGHT_PERIODS "SELECT a.id, p.period, " ASSET_LIGHT("t.colour", "b.colour", "'yellow'", "'green'") ", "
    ASSET_LIGHT("t.reason", "b.reason", "'data_stale_fallback'", "'free'") ", b.up_w, b.down_w, COALESCE(b.since_us, t.since_us), " LIGHT_KEY("a.id")
    " FROM asset a CROSS JOIN p LEFT JOIN area_bus k ON k.area_id = a.area_id AND k.bus = a.bus LEFT JOIN traffic_light t ON t.area_id = a.area_id AND "
    "t.subject = 0 AND t.subject_id = a.location_id AND t.period = p.period LEFT JOIN traffic_light b ON b.area_id = a.area_id AND b.subject = 1 AND "
    "b.subject_id = k.number AND b.period = p.period LEFT JOIN area_network n ON n.area_id = a.area_id LEFT JOIN network_state s ON s.area_id = "
    "n.area_id AND s.version = n.version WHERE a.area_id = $5 AND a.grid_status = 'approved' AND " LIGHT_KEY("a.id") " > $3 AND ($2 = 1 OR "
    "a.organisation_id = $1 OR a.location_id IN (SELECT l.id FROM location l WHERE l.operator_id = $1 OR l.priority_id = $1) OR a.id IN (SELECT "
    "m.asset_id FROM portfolio_asset m JOIN portfolio f ON f.id = m.portfolio_id WHERE f.organisation_id = $1)) ORDER BY a.id, p.period LIMIT $4";

static void put_headroom(struct fg_json_writer *out, const char *key, const struct fg_sql *sql, int column)
{
    char text[FG_DECIMAL_MAX];
    bool is_known = !fg_sql_column_is_null(sql, column) && fg_sql_column_int64(sql, column) >= 0;
    fg_json_put_string(out, key, is_known ? fg_decimal_format(fg_sql_column_int64(sql, column), 6, 0, text) : NULL);
}

static enum fg_code put_lights(struct fg_call *call, struct fg_registry *registry, const char *statement, bool is_asset, struct fg_error *err)
{
    struct fg_sql *sql;
    int64_t area, period_s = 0;
    int64_t from = fg_call_instant(call, "from", registry->now_us / 1000000), to = fg_call_instant(call, "to", from + 86400);
    char text[64];
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_registry_found(fg_query_number(registry->store, &period_s, err, "SELECT period_s FROM area WHERE id = $1", "i", area), FG_ID_AREA,
                                 area, "market area", err);
    if (code == FG_OK && (from < 0 || to <= from || to - from > 31 * 86400))
        code = fg_fail(err, FG_ERR_VALUE, "?to", "must lie after `from`, by 31 days at most");
    if (code == FG_OK)
        code = fg_query(registry->store, &sql, err, statement, "iiiiiii", fg_registry_party(registry), (int64_t)fg_registry_sees_all(registry),
                        fg_call_position(call) != NULL ? strtoll(fg_call_position(call), NULL, 10) : INT64_C(-1), fg_call_limit(call) + 1, area, from / period_s,
                        (to + period_s - 1) / period_s);
    struct fg_page page = fg_page_begin(call);
    while (fg_page_next(&page, sql, 7, &code, err)) {
        fg_json_begin_object(page.out, NULL);
        fg_json_put_string(page.out, is_asset ? "asset" : "location", fg_id_text(is_asset ? FG_ID_ASSET : FG_ID_LOCATION, fg_sql_column_int64(sql, 0), text));
        fg_json_put_string(page.out, "start", fg_instant_format(fg_sql_column_int64(sql, 1) * period_s, text));
        fg_json_put_string(page.out, "colour", fg_sql_column_text(sql, 2));
        fg_json_put_string(page.out, "reason", fg_sql_column_text(sql, 3));
        put_headroom(page.out, "up", sql, 4);
        put_headroom(page.out, "down", sql, 5);
        fg_json_put_string(page.out, "since", fg_sql_column_is_null(sql, 6) ? NULL : fg_instant_format(fg_sql_column_int64(sql, 6) / 1000000, text));
        fg_json_end_object(page.out);
    }
    fg_page_end(&page);
    return code;
}

static enum fg_code list_lights_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return put_lights(call, registry, location_lights, false, err);
}
static enum fg_code list_lights(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, list_lights_work, err);
}
static enum fg_code list_asset_lights_work(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    return put_lights(call, registry, asset_lights, true, err);
}
static enum fg_code list_asset_lights(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, list_asset_lights_work, err);
}

/* ---- the table ---- */
#define POINT_EXAMPLE "{\"name\": \"Forecast of the feeder\", \"origin\": \"forecast\", \"required\": true, \"deadline_seconds\": 3600, \"stale_after_seconds\": 86400}"
#define VALUES_EXAMPLE "{\"start\": \"2025-11-24T08:00:00Z\", \"values\": [{\"bus\": \"12\", \"p\": [\"-0.14\", \"-0.15\"], \"q\": [\"-0.03\", \"-0.03\"]}]}"
#define CONDITION_EXAMPLE "{\"kind\": \"rating\", \"element\": \"line 7\", \"rating\": \"0.4\", \"from\": \"2025-11-24T08:00:00Z\", \"until\": \"2025-11-24T16:00:00Z\", \"reason\": \"Works on the cable\"}"
static const struct fg_operation operations[] = {
    {.id = "set-network-rule", .method = FG_PUT, .path = "/v1/areas/{area}/network-rule", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Say what counts when operating points are missing", .right = "areas.manage", .path_params = area_path, .request = &rule_schema,
     .request_example = "{\"fallback\": \"last\"}", .responses = done_responses, .handle = set_rule},
    {.id = "get-network-state", .method = FG_GET, .path = "/v1/areas/{area}/network-state", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "What network-aware trading stands on", .description = "Per period how trades are checked, and whether operating points are missing or stale.",
     .right = "traffic_light.read", .path_params = area_path, .responses = state_responses, .handle = get_state},
    {.id = "create-operating-point", .method = FG_POST, .path = "/v1/areas/{area}/operating-points", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Set up a source of operating points", .right = "operating_point.enter", .flags = FG_KEY_IN_TRANSACTION, .path_params = area_path,
     .request = &new_point, .request_example = POINT_EXAMPLE, .responses = point_made, .handle = create_point},
    {.id = "list-operating-points", .method = FG_GET, .path = "/v1/areas/{area}/operating-points", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Sources of operating points", .right = "operating_point.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .responses = point_page_responses, .handle = list_points},
    {.id = "enter-operating-values", .method = FG_POST, .path = "/v1/operating-points/{operating_point}/values", .api = FG_API_ATP,
     .tag = "Grid and trading", .summary = "Give a version of the values",
     .description = "They replace earlier values of the same buses, assets and portfolios in these periods, and count as soon as the new state is made. What one version "
                    "leaves out stays, so that large grids send several.",
     .right = "operating_point.enter", .flags = FG_KEY_IN_TRANSACTION, .path_params = point_path, .request = &values_schema,
     .request_example = VALUES_EXAMPLE, .max_body_bytes = (size_t)32 << 20, .responses = taken_responses, .handle = enter_values},
    {.id = "get-operating-values", .method = FG_GET, .path = "/v1/operating-points/{operating_point}/values", .api = FG_API_ATP,
     .tag = "Grid and trading", .summary = "What a version says", .right = "operating_point.read", .path_params = point_path,
     .query_params = version_query, .responses = known_responses, .handle = get_values},
    {.id = "create-grid-condition", .method = FG_POST, .path = "/v1/areas/{area}/grid-conditions", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Switch state, outage or temporary limit", .right = "operating_point.enter", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = area_path, .request = &new_condition, .request_example = CONDITION_EXAMPLE, .responses = condition_made,
     .handle = create_condition},
    {.id = "list-grid-conditions", .method = FG_GET, .path = "/v1/areas/{area}/grid-conditions", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Switch states, outages and temporary limits of the own grid", .right = "operating_point.read", .flags = FG_OP_PAGED,
     .path_params = area_path, .responses = condition_page_responses, .handle = list_conditions},
    {.id = "end-grid-condition", .method = FG_POST, .path = "/v1/grid-conditions/{condition}/end", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "End a condition", .right = "operating_point.enter", .flags = FG_KEY_IN_TRANSACTION, .path_params = condition_path,
     .request = &end_schema, .request_example = "{}", .responses = done_responses, .handle = end_condition},
    {.id = "list-traffic-lights", .method = FG_GET, .path = "/v1/areas/{area}/traffic-lights", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Traffic light of the locations", .right = "traffic_light.read", .flags = FG_OP_PAGED, .path_params = area_path,
     .query_params = light_query, .responses = light_responses, .handle = list_lights},
    {.id = "list-asset-lights", .method = FG_GET, .path = "/v1/areas/{area}/traffic-lights/assets", .api = FG_API_ATP, .tag = "Grid and trading",
     .summary = "Traffic light of one's assets", .description = "Of assets that one owns, trades, or has at the own locations.",
     .right = "traffic_light.read", .flags = FG_OP_PAGED, .path_params = area_path, .query_params = light_query,
     .responses = asset_light_responses, .handle = list_asset_lights},
};
const struct fg_operation_set fg_network_operations = FG_OPERATIONS(operations);
