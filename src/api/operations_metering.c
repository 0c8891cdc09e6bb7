/* Operations of metering and delivery: meters, readings, baselines, holidays, plans, set-points, receipts, perimeters. */
#include "api/operations_settlement.h"

#include "api/rows.h"
#include "atp/delivery.h"
#include "atp/metering.h"
#include "atp/perimeter.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const product_words[] = {"active", "reactive", NULL};
static const struct fg_schema product = FG_ENUM("MeteredProduct", "Active or reactive energy", product_words);
static const struct fg_schema quality = FG_ENUM("ReadingQuality", "How a reading came about", fg_quality_words);
static const struct fg_schema rank = FG_INTEGER(1, 100);
static const struct fg_schema units = FG_INTEGER(1, 400);
static const struct fg_schema year = FG_INTEGER(1970, 2100);
static const struct fg_param meter_path[] = {{"meter", &fg_schema_id, "Meter", true}, {0}};
static const struct fg_param portfolio_path[] = {{"portfolio", &fg_schema_id, "Portfolio", true}, {0}};
static const struct fg_param plan_path[] = {{"plan", &fg_schema_id, "Plan", true}, {0}};
static const struct fg_param set_point_path[] = {{"set_point", &fg_schema_id, "Set-point", true}, {0}};
static const struct fg_param area_path[] = {{"area", &fg_schema_id, "Market area", true}, {0}};
static const struct fg_param trade_path[] = {{"area", &fg_schema_id, "Market area", true}, {"trade", &fg_schema_id, "Trade", true}, {0}};
static const struct fg_param year_path[] = {{"area", &fg_schema_id, "Market area", true}, {"year", &year, "Year", true}, {0}};
static const struct fg_response made_responses[] = {{201, "Made", &fg_schema_made, NULL, "{\"id\": \"mtr-7\"}"}, {0}};
static const struct fg_response done_responses[] = {{204, "Done", NULL, NULL, NULL}, {0}};

/* ---- meters ---- */
static const struct fg_field new_meter_fields[] = {
    {"asset", &fg_schema_id, "Asset that is measured; this or `portfolio`", FG_NULLABLE},
    {"portfolio", &fg_schema_id, "Portfolio that is measured as a whole", FG_NULLABLE},
    {"product", &product, "Active (default) or reactive energy", 0},
    {"name", &fg_schema_name, "The reporter's own name of the meter", FG_REQUIRED},
    {"rank", &rank, "Of several meters of the same energy the lowest rank with a good value counts", FG_REQUIRED},
};
static const struct fg_schema new_meter = FG_OBJECT("NewMeter", "A meter", new_meter_fields);
static const struct fg_field meter_fields[] = {
    {"id", &fg_schema_id, "Meter", FG_REQUIRED},
    {"area", &fg_schema_id, "Market area", FG_REQUIRED},
    {"asset", &fg_schema_id, "Asset", FG_REQUIRED | FG_NULLABLE},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED | FG_NULLABLE},
    {"product", &product, "What it measures", FG_REQUIRED},
    {"reporter", &fg_schema_id, "Organisation that sends its readings", FG_REQUIRED},
    {"name", &fg_schema_name, "Name", FG_REQUIRED},
    {"rank", &rank, "Rank among the meters of the same energy", FG_REQUIRED},
};
static const struct fg_schema meter_schema = FG_OBJECT("Meter", "A meter", meter_fields);
FG_PAGE_SCHEMA(meter_page, &meter_schema, "MeterPage", "Meters");
static const struct fg_response meter_page_responses[] = {
    {200, "Meters", &meter_page, NULL,
     "{\"items\": [{\"id\": \"mtr-1\", \"area\": \"area-1\", \"asset\": \"ast-20\", \"portfolio\": null, \"product\": \"active\", "
     "\"reporter\": \"org-2\", \"name\": \"GR-4711\", \"rank\": 1}], \"next\": null}"},
    {0}};
static const struct fg_column meter_columns[] = {{"id", FG_COLUMN_ID, FG_ID_METER, NULL},
                                                 {"area", FG_COLUMN_ID, FG_ID_AREA, NULL},
                                                 {"asset", FG_COLUMN_ID, FG_ID_ASSET, NULL},
                                                 {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},
                                                 {"product", FG_COLUMN_WORD, FG_ID_METER, product_words},
                                                 {"reporter", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
                                                 {"name", FG_COLUMN_TEXT, FG_ID_METER, NULL},
                                                 {"rank", FG_COLUMN_COUNT, FG_ID_METER, NULL},
                                                 {0}};

static enum fg_code make_meter(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    struct fg_meter meter = {.product = (enum fg_product)fg_member_word(&body, "product", product_words, 0)};
    int64_t number = 1;
    enum fg_code code = fg_member_id(&body, "asset", FG_ID_ASSET, &meter.asset, err);
    if (code == FG_OK)
        code = fg_member_id(&body, "portfolio", FG_ID_PORTFOLIO, &meter.portfolio, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "rank", &number, err);
    meter.rank = (int32_t)number;
    snprintf(meter.name, sizeof meter.name, "%s", fg_member_text(&body, "name", ""));
    if (code == FG_OK)
        code = fg_meter_create(registry, &meter, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_METER, meter.id);
    return code;
}
static enum fg_code create_meter(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, make_meter, err);
}

static const struct fg_rows meters_rows = {
    "SELECT m.id, m.id, m.area_id, m.asset_id, m.portfolio_id, m.product, m.reporter_id, m.name, m.rank FROM meter m LEFT JOIN "
    "asset s ON s.id = m.asset_id LEFT JOIN portfolio p ON p.id = m.portfolio_id LEFT JOIN location l ON l.id = s.location_id OR "
    "l.id = p.location_id WHERE m.id > $3 AND ($5 = 0 OR m.area_id = $5) AND ($2 = 1 OR m.reporter_id = $1 OR s.organisation_id "
    "= $1 OR p.organisation_id = $1 OR l.operator_id = $1 OR EXISTS (SELECT 1 FROM portfolio_asset pa JOIN portfolio q ON q.id = "
    "pa.portfolio_id WHERE pa.asset_id = m.asset_id AND q.organisation_id = $1)) ORDER BY m.id LIMIT $4",
    meter_columns, NULL, 0};

/* ---- readings ---- */
static const struct fg_field reading_fields[] = {
    {"start", &fg_schema_instant, "Start of the market time unit", FG_REQUIRED},
    {"energy", &fg_schema_energy, "Energy of the unit, injection positive", FG_REQUIRED},
    {"quality", &quality, "How it came about; measured by default", 0},
};
static const struct fg_schema reading = FG_OBJECT("Reading", "Energy of a unit", reading_fields);
static const struct fg_schema readings = FG_ARRAY(&reading, 1, 20000);
static const struct fg_field send_fields[] = {{"readings", &readings, "In any order", FG_REQUIRED}};
static const struct fg_schema send_schema = FG_OBJECT("Readings", "Readings of a meter", send_fields);
static const struct fg_field gap_fields[] = {
    {"from", &fg_schema_instant, "First unit without a value", FG_REQUIRED},
    {"until", &fg_schema_instant, "Next unit with a value", FG_REQUIRED},
};
static const struct fg_schema gap = FG_OBJECT("ReadingGap", "Units without a value between two readings", gap_fields);
static const struct fg_schema gaps = FG_ARRAY(&gap, 0, FG_READING_GAPS_MAX);
static const struct fg_field intake_fields[] = {
    {"added", &fg_schema_count, "Readings of units that had none", FG_REQUIRED},
    {"corrected", &fg_schema_count, "Readings that replace another value, which stays in the history", FG_REQUIRED},
    {"unchanged", &fg_schema_count, "Readings that were there already", FG_REQUIRED},
    {"duplicates", &fg_schema_count, "Readings sent twice in this request", FG_REQUIRED},
    {"missing", &fg_schema_count, "Units without a value between the first and the last reading of the request", FG_REQUIRED},
    {"gaps", &gaps, "The first of these gaps", FG_REQUIRED},
};
static const struct fg_schema intake_schema = FG_OBJECT("Intake", "What became of the readings", intake_fields);
static const struct fg_response intake_responses[] = {
    {200, "Taken", &intake_schema, NULL,
     "{\"added\": 96, \"corrected\": 0, \"unchanged\": 0, \"duplicates\": 0, \"missing\": 0, \"gaps\": []}"},
    {0}};

static enum fg_code take_readings(struct fg_call *call, struct fg_registry *registry, struct fg_reading *items, size_t count,
                                  struct fg_error *err)
{
    int64_t meter;
    struct fg_intake *intake = fg_arena_alloc(fg_call_arena(call), 1, sizeof *intake);
    if (intake == NULL)
        return fg_fail_memory(err);
    enum fg_code code = fg_call_id(call, "meter", FG_ID_METER, &meter, err);
    if (code == FG_OK)
        code = fg_meter_take(registry, meter, items, count, intake, err);
    if (code != FG_OK)
        return code;
    char text[FG_INSTANT_TEXT];
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_put_integer(out, "added", (int64_t)intake->added);
    fg_json_put_integer(out, "corrected", (int64_t)intake->corrected);
    fg_json_put_integer(out, "unchanged", (int64_t)intake->unchanged);
    fg_json_put_integer(out, "duplicates", (int64_t)intake->duplicates);
    fg_json_put_integer(out, "missing", intake->missing);
    fg_json_begin_array(out, "gaps");
    for (size_t i = 0; i < intake->gap_count; i++) {
        fg_json_begin_object(out, NULL);
        fg_json_put_string(out, "from", fg_instant_format(intake->gaps[i].from_s, text));
        fg_json_put_string(out, "until", fg_instant_format(intake->gaps[i].until_s, text));
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    fg_json_end_object(out);
    return FG_OK;
}

static enum fg_code take_json(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "readings");
    size_t count = fg_json_count(&list);
    struct fg_reading *items = fg_arena_alloc(fg_call_arena(call), count, sizeof *items);
    enum fg_code code = items == NULL ? fg_fail_memory(err) : FG_OK;
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        items[i].time_s = fg_member_instant(&item, "start", 0);
        items[i].quality = fg_quality_of_word(fg_member_word(&item, "quality", fg_quality_words, 0));
        items[i].row = i;
        code = fg_energy_of_decimal(fg_member_decimal(&item, "energy", 10, 0), &items[i].energy_ws, err);
    }
    return code == FG_OK ? take_readings(call, registry, items, count, err) : code;
}
static enum fg_code send_readings(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_json, err);
}

static enum fg_code take_csv(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    size_t length, count;
    const char *bytes = fg_call_body_bytes(call, &length);
    struct fg_reading *items;
    struct fg_error inner = {0};
    enum fg_code code = fg_meter_parse_csv(bytes, length, &items, &count, &inner);
    if (code != FG_OK)
        return fg_fail(err, code, NULL, "%s: %s", inner.place, inner.text);
    code = take_readings(call, registry, items, count, err);
    fg_free(items);
    return code;
}
static enum fg_code import_readings(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_csv, err);
}

static const struct fg_param reading_query[] = {
    {"from", &fg_schema_instant, "First unit", true},
    {"until", &fg_schema_instant, "End, at most 40 days later", true},
    {"known_at", &fg_schema_instant, "As it was known then; now by default", false},
    {0}};
static const struct fg_field known_fields[] = {
    {"start", &fg_schema_instant, "Start of the unit", FG_REQUIRED},
    {"energy", &fg_schema_energy, "Energy", FG_REQUIRED},
    {"quality", &quality, "How it came about", FG_REQUIRED},
};
static const struct fg_schema known = FG_OBJECT("KnownReading", "A reading", known_fields);
static const struct fg_schema known_list = FG_ARRAY(&known, 0, 4000);
static const struct fg_field known_list_fields[] = {{"readings", &known_list, "Ascending", FG_REQUIRED}};
static const struct fg_schema known_schema = FG_OBJECT("KnownReadings", "Readings of a meter", known_list_fields);
static const struct fg_response known_responses[] = {
    {200, "Readings", &known_schema, NULL,
     "{\"readings\": [{\"start\": \"2025-11-24T08:00:00Z\", \"energy\": \"0.05\", \"quality\": \"measured\"}]}"},
    {0}};

static enum fg_code put_readings(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_meter meter;
    struct fg_series series;
    struct fg_samples samples = {0};
    char name[64], text[FG_DECIMAL_MAX];
    int64_t id, from = fg_call_instant(call, "from", 0), until = fg_call_instant(call, "until", 0),
                known_s = fg_call_instant(call, "known_at", 0);
    if (until - from > 40 * 86400 || until < from)
        return fg_fail(err, FG_ERR_VALUE, NULL, "ask for at most 40 days, from before until");
    enum fg_code code = fg_call_id(call, "meter", FG_ID_METER, &id, err);
    if (code == FG_OK)
        code = fg_meter_read(registry, id, &meter, err);
    snprintf(name, sizeof name, "meter/%lld", (long long)id);
    if (code == FG_OK)
        code = fg_series_find(registry->store, name, &series, err);
    if (code == FG_OK && (until - from) / series.step_s > 4000)
        code = fg_fail(err, FG_ERR_VALUE, NULL, "ask for at most 4000 units at a time");
    if (code == FG_OK)
        code = fg_series_read(registry->store, &series, from, until, known_s != 0 ? known_s * 1000000 : FG_SERIES_NOW, &samples, err);
    if (code == FG_OK) {
        struct fg_json_writer *out = fg_call_json(call, 200);
        fg_json_begin_object(out, NULL);
        fg_json_begin_array(out, "readings");
        for (size_t i = 0; i < samples.count; i++) {
            fg_json_begin_object(out, NULL);
            fg_json_put_string(out, "start", fg_instant_format(samples.items[i].time_s, text));
            fg_json_put_string(out, "energy", fg_decimal_format(fg_decimal_of_energy(samples.items[i].value.integer), 10, 0, text));
            fg_json_put_string(out, "quality", fg_quality_words[fg_quality_word(samples.items[i].quality)]);
            fg_json_end_object(out);
        }
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    fg_samples_release(&samples);
    return code;
}
static enum fg_code get_readings(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_readings, err);
}

/* ---- baselines and holidays ---- */
static const struct fg_schema energies = FG_ARRAY(&fg_schema_energy, 1, 35136);
static const struct fg_field baseline_fields[] = {
    {"product", &product, "Active (default) or reactive energy", 0},
    {"start", &fg_schema_instant, "Start of the first unit", FG_REQUIRED},
    {"energies", &energies, "Energy per unit, injection positive", FG_REQUIRED},
};
static const struct fg_schema baseline_schema = FG_OBJECT("Baseline", "What the portfolio would do without activation", baseline_fields);

/* Number of the unit that starts at an instant; FG_ERR_VALUE when none does. */
static enum fg_code unit_of(int64_t start_s, int64_t period_s, int64_t *period, struct fg_error *err)
{
    *period = start_s / period_s;
    return start_s % period_s == 0 ? FG_OK
                                   : fg_fail(err, FG_ERR_VALUE, "#/start", "the start is not that of a market time unit of %lld s",
                                             (long long)period_s);
}

static enum fg_code portfolio_period(struct fg_registry *registry, int64_t portfolio, int64_t *period_s, struct fg_error *err)
{
    return fg_registry_found(fg_query_number(registry->store, period_s, err,
                                             "SELECT a.period_s FROM portfolio p JOIN area a ON a.id = p.area_id WHERE p.id = $1", "i",
                                             portfolio),
                             FG_ID_PORTFOLIO, portfolio, "portfolio", err);
}

static enum fg_code take_baseline(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "energies");
    size_t count = fg_json_count(&list);
    int64_t portfolio, period_s = 1, period = 0, decimal, *values = fg_arena_alloc(fg_call_arena(call), count, sizeof *values);
    enum fg_code code = values == NULL ? fg_fail_memory(err) : fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code == FG_OK)
        code = portfolio_period(registry, portfolio, &period_s, err);
    if (code == FG_OK)
        code = unit_of(fg_member_instant(&body, "start", 0), period_s, &period, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        code = fg_decimal_parse(json_string_value(item.value), 10, &decimal, err);
        if (code == FG_OK)
            code = fg_energy_of_decimal(decimal, &values[i], err);
    }
    if (code == FG_OK)
        code = fg_baseline_submit(registry, portfolio, (enum fg_product)fg_member_word(&body, "product", product_words, 0), period,
                                  values, count, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code submit_baseline(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_baseline, err);
}

static const struct fg_field holiday_fields[] = {{"day", &fg_schema_date, "Day", FG_REQUIRED},
                                                 {"name", &fg_schema_name, "Name", FG_REQUIRED}};
static const struct fg_schema holiday = FG_OBJECT("Holiday", "A day that is no working day", holiday_fields);
static const struct fg_schema holidays = FG_ARRAY(&holiday, 0, 100);
static const struct fg_field holidays_fields[] = {{"holidays", &holidays, "All of the year", FG_REQUIRED}};
static const struct fg_schema holidays_schema = FG_OBJECT("Holidays", "Holiday calendar of a year", holidays_fields);

static enum fg_code take_holidays(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), list = fg_json_member(&body, "holidays");
    size_t count = fg_json_count(&list);
    struct fg_holiday *days = fg_arena_alloc(fg_call_arena(call), count + 1, sizeof *days);
    int64_t area;
    enum fg_code code = days == NULL ? fg_fail_memory(err) : fg_call_id(call, "area", FG_ID_AREA, &area, err);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        days[i] = (struct fg_holiday){fg_call_date(fg_member_text(&item, "day", "")), fg_member_text(&item, "name", "")};
    }
    if (code == FG_OK)
        code = fg_holidays_set(registry, area, (int32_t)fg_call_integer(call, "year", 1970), days, count, err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code set_holidays(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_holidays, err);
}

/* ---- plans and set-points ---- */
static const struct fg_schema powers = FG_ARRAY(&fg_schema_power, 1, 400);
static const struct fg_field plan_line_fields[] = {{"asset", &fg_schema_id, "Asset", FG_REQUIRED},
                                                   {"powers", &powers, "Change of net injection per unit", FG_REQUIRED}};
static const struct fg_schema plan_line = FG_OBJECT("PlanLine", "Part of an asset in a plan", plan_line_fields);
static const struct fg_schema plan_lines = FG_ARRAY(&plan_line, 1, 1000);
static const struct fg_field new_plan_fields[] = {{"start", &fg_schema_instant, "Start of the first unit", FG_REQUIRED},
                                                  {"assets", &plan_lines, "Parts of the assets", FG_REQUIRED}};
static const struct fg_schema new_plan = FG_OBJECT("NewPlan", "How a portfolio delivers, asset by asset", new_plan_fields);

static enum fg_code take_plan(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call), assets = fg_json_member(&body, "assets");
    int64_t portfolio, period_s = 1, first = 0, id;
    size_t count = 0;
    struct fg_plan_line *lines = fg_arena_alloc(fg_call_arena(call), fg_json_count(&assets) * 400, sizeof *lines);
    enum fg_code code = lines == NULL ? fg_fail_memory(err) : fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code == FG_OK)
        code = portfolio_period(registry, portfolio, &period_s, err);
    if (code == FG_OK)
        code = unit_of(fg_member_instant(&body, "start", 0), period_s, &first, err);
    for (size_t i = 0; code == FG_OK && i < fg_json_count(&assets); i++) {
        struct fg_json_cursor item = fg_json_item(&assets, i), list = fg_json_member(&item, "powers");
        int64_t asset;
        code = fg_member_id(&item, "asset", FG_ID_ASSET, &asset, err);
        for (size_t k = 0; code == FG_OK && k < fg_json_count(&list); k++) {
            struct fg_json_cursor power = fg_json_item(&list, k);
            lines[count] = (struct fg_plan_line){.asset = asset, .period = first + (int64_t)k};
            code = fg_decimal_parse(json_string_value(power.value), 6, &lines[count++].power_w, err);
        }
    }
    if (code == FG_OK)
        code = fg_plan_send(registry, portfolio, lines, count, &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_PLAN, id);
    return code;
}
static enum fg_code send_plan(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_plan, err);
}

static const struct fg_field verdict_fields[] = {
    {"accept", &fg_schema_boolean, "Yes or no", FG_REQUIRED},
    {"reason", &fg_schema_note, "Why not; needed for a no", 0},
};
static const struct fg_schema verdict = FG_OBJECT("Verdict", "Yes or no", verdict_fields);
#define VERDICT_EXAMPLE "{\"accept\": false, \"reason\": \"the feeder is out of service\"}"

static enum fg_code take_decision(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    bool accept;
    enum fg_code code = fg_call_id(call, "plan", FG_ID_PLAN, &id, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&body, "accept", false, &accept, err);
    if (code == FG_OK)
        code = fg_plan_decide(registry, id, accept, fg_member_text(&body, "reason", NULL), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code decide_plan(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_decision, err);
}

static const struct fg_field set_point_fields[] = {
    {"start", &fg_schema_instant, "Start of the first unit", FG_REQUIRED},
    {"units", &units, "Number of units", FG_REQUIRED},
    {"power", &fg_schema_power, "Change of net injection", FG_REQUIRED},
};
static const struct fg_schema new_set_point = FG_OBJECT("NewSetPoint", "What a portfolio shall do", set_point_fields);

static enum fg_code take_set_point(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t portfolio, period_s = 1, first = 0, count, id;
    enum fg_code code = fg_call_id(call, "portfolio", FG_ID_PORTFOLIO, &portfolio, err);
    if (code == FG_OK)
        code = portfolio_period(registry, portfolio, &period_s, err);
    if (code == FG_OK)
        code = unit_of(fg_member_instant(&body, "start", 0), period_s, &first, err);
    if (code == FG_OK)
        code = fg_json_get_integer(&body, "units", &count, err);
    if (code == FG_OK)
        code = fg_set_point_send(registry, portfolio, first, count, fg_member_decimal(&body, "power", 6, 0), &id, err);
    if (code == FG_OK)
        fg_call_answer_id(call, 201, FG_ID_SET_POINT, id);
    return code;
}
static enum fg_code send_set_point(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_set_point, err);
}

static enum fg_code take_answer(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t id;
    bool accept;
    enum fg_code code = fg_call_id(call, "set_point", FG_ID_SET_POINT, &id, err);
    if (code == FG_OK)
        code = fg_json_or_bool(&body, "accept", false, &accept, err);
    if (code == FG_OK)
        code = fg_set_point_answer(registry, id, accept, fg_member_text(&body, "reason", NULL), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code answer_set_point(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_answer, err);
}

static const struct fg_schema short_text = FG_TEXT(0, 2000);
static const struct fg_field plan_fields[] = {
    {"id", &fg_schema_id, "Plan", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the first unit", FG_REQUIRED},
    {"units", &fg_schema_count, "Number of units", FG_REQUIRED},
    {"status", &short_text, "pending, accepted, refused or replaced", FG_REQUIRED},
    {"reason", &short_text, "Why it was refused", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema plan_schema = FG_OBJECT("Plan", "A plan", plan_fields);
FG_PAGE_SCHEMA(plan_page, &plan_schema, "PlanPage", "Plans");
static const struct fg_response plan_page_responses[] = {
    {200, "Plans", &plan_page, NULL,
     "{\"items\": [{\"id\": \"plan-1\", \"portfolio\": \"pf-10\", \"start\": \"2025-11-24T08:00:00Z\", \"units\": 4, \"status\": "
     "\"pending\", \"reason\": null}], \"next\": null}"},
    {0}};
static const struct fg_column plan_columns[] = {{"id", FG_COLUMN_ID, FG_ID_PLAN, NULL},
                                                {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},
                                                {"start", FG_COLUMN_SECONDS, FG_ID_PLAN, NULL},
                                                {"units", FG_COLUMN_COUNT, FG_ID_PLAN, NULL},
                                                {"status", FG_COLUMN_TEXT, FG_ID_PLAN, NULL},
                                                {"reason", FG_COLUMN_TEXT, FG_ID_PLAN, NULL},
                                                {0}};
static const struct fg_rows plans_rows = {
    "SELECT d.id, d.id, d.portfolio_id, d.first_period * a.period_s, d.period_count, d.status, d.reason FROM delivery_plan d JOIN "
    "portfolio p ON p.id = d.portfolio_id JOIN area a ON a.id = p.area_id JOIN location l ON l.id = p.location_id WHERE d.id > $3 "
    "AND ($5 = 0 OR p.area_id = $5) AND ($2 = 1 OR p.organisation_id = $1 OR l.operator_id = $1) ORDER BY d.id LIMIT $4",
    plan_columns, NULL, 0};

static const struct fg_field set_point_seen_fields[] = {
    {"id", &fg_schema_id, "Set-point", FG_REQUIRED},
    {"portfolio", &fg_schema_id, "Portfolio", FG_REQUIRED},
    {"operator", &fg_schema_id, "Grid operator", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the first unit", FG_REQUIRED},
    {"units", &fg_schema_count, "Number of units", FG_REQUIRED},
    {"power", &fg_schema_power, "Change of net injection", FG_REQUIRED},
    {"answer", &short_text, "accepted, refused; null: not answered yet", FG_REQUIRED | FG_NULLABLE},
    {"reason", &short_text, "Why it was refused", FG_REQUIRED | FG_NULLABLE},
};
static const struct fg_schema set_point_schema = FG_OBJECT("SetPoint", "A set-point", set_point_seen_fields);
FG_PAGE_SCHEMA(set_point_page, &set_point_schema, "SetPointPage", "Set-points");
static const struct fg_response set_point_page_responses[] = {
    {200, "Set-points", &set_point_page, NULL,
     "{\"items\": [{\"id\": \"sp-1\", \"portfolio\": \"pf-10\", \"operator\": \"org-2\", \"start\": \"2025-11-24T08:00:00Z\", "
     "\"units\": 4, \"power\": \"1\", \"answer\": null, \"reason\": null}], \"next\": null}"},
    {0}};
static const struct fg_column set_point_columns[] = {{"id", FG_COLUMN_ID, FG_ID_SET_POINT, NULL},
                                                     {"portfolio", FG_COLUMN_ID, FG_ID_PORTFOLIO, NULL},
                                                     {"operator", FG_COLUMN_ID, FG_ID_ORGANISATION, NULL},
                                                     {"start", FG_COLUMN_SECONDS, FG_ID_SET_POINT, NULL},
                                                     {"units", FG_COLUMN_COUNT, FG_ID_SET_POINT, NULL},
                                                     {"power", FG_COLUMN_MICRO, FG_ID_SET_POINT, NULL},
                                                     {"answer", FG_COLUMN_TEXT, FG_ID_SET_POINT, NULL},
                                                     {"reason", FG_COLUMN_TEXT, FG_ID_SET_POINT, NULL},
                                                     {0}};
static const struct fg_rows set_points_rows = {
    "SELECT s.id, s.id, s.portfolio_id, s.operator_id, s.first_period * a.period_s, s.period_count, s.power_w, s.answer, s.reason "
    "FROM set_point s JOIN portfolio p ON p.id = s.portfolio_id JOIN area a ON a.id = p.area_id WHERE s.id > $3 AND ($5 = 0 OR "
    "p.area_id = $5) AND ($2 = 1 OR p.organisation_id = $1 OR s.operator_id = $1) ORDER BY s.id LIMIT $4",
    set_point_columns, NULL, 0};

/* ---- receipts and perimeters ---- */
static const struct fg_schema receipt_word = FG_ENUM("ReceiptVerdict", "What was delivered", fg_receipt_words);
static const struct fg_field receipt_fields[] = {{"verdict", &receipt_word, "What was delivered", FG_REQUIRED},
                                                 {"note", &fg_schema_note, "In words", 0}};
static const struct fg_schema receipt_schema = FG_OBJECT("DeliveryReceipt", "The buyer's word on the delivery of a trade", receipt_fields);
static enum fg_code take_receipt(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    struct fg_json_cursor body = fg_call_body(call);
    int64_t area, trade;
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code == FG_OK)
        code = fg_call_id(call, "trade", FG_ID_TRADE, &trade, err);
    if (code == FG_OK)
        code = fg_receipt_give(registry, area, trade, (enum fg_receipt)fg_member_word(&body, "verdict", fg_receipt_words, 0),
                               fg_member_text(&body, "note", ""), err);
    if (code == FG_OK)
        fg_call_empty(call, 204);
    return code;
}
static enum fg_code give_receipt(struct fg_call *call, struct fg_error *err)
{
    return fg_call_change(call, take_receipt, err);
}

static const struct fg_field change_fields[] = {
    {"trade", &fg_schema_id, "Trade", FG_REQUIRED},
    {"start", &fg_schema_instant, "Start of the unit", FG_REQUIRED},
    {"from", &fg_schema_id, "Balance responsible party that the energy leaves", FG_REQUIRED},
    {"to", &fg_schema_id, "Balance responsible party that it goes to", FG_REQUIRED},
    {"energy", &fg_schema_energy, "As traded; negative: the other way", FG_REQUIRED},
};
static const struct fg_schema change_schema = FG_OBJECT("PerimeterChange", "What a trade changes in a perimeter", change_fields);
static const struct fg_schema change_items = FG_ARRAY(&change_schema, 0, 64000);
static const struct fg_field change_page_fields[] = FG_PAGE_FIELDS(&change_items);
static const struct fg_schema change_page = FG_OBJECT("PerimeterChangePage", "Changes", change_page_fields);
static const struct fg_response change_responses[] = {
    {200, "Changes", &change_page, NULL,
     "{\"items\": [{\"trade\": \"trd-1\", \"start\": \"2025-11-24T08:00:00Z\", \"from\": \"org-5\", \"to\": \"org-6\", \"energy\": "
     "\"0.25\"}], \"next\": null}"},
    {0}};
static void put_change(void *context, const struct fg_perimeter_change *change)
{
    struct fg_json_writer *out = context;
    char text[64];
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "trade", fg_id_text(FG_ID_TRADE, change->trade.id, text));
    fg_json_put_string(out, "start", fg_instant_format(change->trade.period * change->trade.period_s, text));
    fg_json_put_string(out, "from", fg_id_text(FG_ID_ORGANISATION, change->move.from, text));
    fg_json_put_string(out, "to", fg_id_text(FG_ID_ORGANISATION, change->move.to, text));
    fg_json_put_string(out, "energy", fg_decimal_format(fg_decimal_of_energy(change->move.energy.ws), 10, 0, text));
    fg_json_end_object(out);
}
static enum fg_code put_changes(struct fg_call *call, struct fg_registry *registry, struct fg_error *err)
{
    const char *position = fg_call_position(call);
    int64_t area, last = 0, after = position != NULL ? strtoll(position, NULL, 10) : 0;
    char next[32];
    enum fg_code code = fg_call_id(call, "area", FG_ID_AREA, &area, err);
    if (code != FG_OK)
        return code;
    struct fg_json_writer *out = fg_call_json(call, 200);
    fg_json_begin_object(out, NULL);
    fg_json_begin_array(out, "items");
    code = fg_perimeter_changes(registry, area, after, fg_call_limit(call), &last, put_change, out, err);
    fg_json_end_array(out);
    snprintf(next, sizeof next, "%lld", (long long)last);
    fg_call_put_next(call, out, last != 0 ? next : NULL);
    fg_json_end_object(out);
    return code;
}
static enum fg_code list_changes(struct fg_call *call, struct fg_error *err)
{
    return fg_call_read(call, put_changes, err);
}

#define METERING .api = FG_API_ATP, .tag = "Metering and delivery"
static const struct fg_operation operations[] = {
    {.id = "create-meter", .method = FG_POST, .path = "/v1/meters", METERING, .summary = "Set up a meter", .right = "meters.manage",
     .description = "The asking organisation becomes its reporter: the owner of the asset or portfolio, the operator of its grid, or "
                    "the market operator.",
     .flags = FG_KEY_IN_TRANSACTION, .request = &new_meter, .request_example = "{\"asset\": \"ast-20\", \"name\": \"GR-4711\", \"rank\": 1}",
     .responses = made_responses, .handle = create_meter},
    {.id = "list-meters", .method = FG_GET, .path = "/v1/meters", METERING, .summary = "Meters", .right = "meters.read",
     .flags = FG_OP_PAGED, .responses = meter_page_responses, .handle = fg_rows_list, .rows = &meters_rows},
    {.id = "send-readings", .method = FG_POST, .path = "/v1/meters/{meter}/readings", METERING, .summary = "Send readings",
     .description = "All or nothing. Another value for a unit that has one is a correction; what was known before stays readable.",
     .right = "meters.manage", .flags = FG_KEY_IN_TRANSACTION, .path_params = meter_path, .request = &send_schema,
     .request_example = "{\"readings\": [{\"start\": \"2025-11-24T08:00:00Z\", \"energy\": \"0.05\"}]}", .max_body_bytes = 4 << 20,
     .responses = intake_responses, .handle = send_readings},
    {.id = "import-readings", .method = FG_POST, .path = "/v1/meters/{meter}/readings-csv", METERING, .summary = "Send readings as CSV",
     .description = "Columns start, energy_mwh and, if wanted, quality.", .right = "meters.manage", .flags = FG_KEY_IN_TRANSACTION,
     .path_params = meter_path, .request_media = "text/csv", .max_body_bytes = 16 << 20, .responses = intake_responses,
     .handle = import_readings},
    {.id = "get-readings", .method = FG_GET, .path = "/v1/meters/{meter}/readings", METERING, .summary = "Readings of a meter",
     .right = "meters.read", .path_params = meter_path, .query_params = reading_query, .responses = known_responses,
     .handle = get_readings},
    {.id = "submit-baseline", .method = FG_PUT, .path = "/v1/portfolios/{portfolio}/baseline", METERING, .summary = "Declare a baseline",
     .description = "For units whose gate has not closed; from then on it is frozen.", .right = "baselines.submit",
     .path_params = portfolio_path, .request = &baseline_schema,
     .request_example = "{\"start\": \"2025-11-24T08:00:00Z\", \"energies\": [\"-0.1\", \"-0.1\"]}", .responses = done_responses,
     .handle = submit_baseline},
    {.id = "set-holidays", .method = FG_PUT, .path = "/v1/areas/{area}/holidays/{year}", METERING, .summary = "Set the holidays of a year",
     .right = "holidays.manage", .path_params = year_path, .request = &holidays_schema,
     .request_example = "{\"holidays\": [{\"day\": \"2025-12-25\", \"name\": \"Christmas\"}]}", .responses = done_responses,
     .handle = set_holidays},
    {.id = "send-plan", .method = FG_POST, .path = "/v1/portfolios/{portfolio}/plans", METERING, .summary = "Send a disaggregated plan",
     .right = "plans.send", .flags = FG_KEY_IN_TRANSACTION, .path_params = portfolio_path, .request = &new_plan,
     .request_example = "{\"start\": \"2025-11-24T08:00:00Z\", \"assets\": [{\"asset\": \"ast-20\", \"powers\": [\"1\", \"0.5\"]}]}",
     .responses = made_responses, .handle = send_plan},
    {.id = "list-plans", .method = FG_GET, .path = "/v1/plans", METERING, .summary = "Plans", .right = "delivery.read",
     .flags = FG_OP_PAGED, .responses = plan_page_responses, .handle = fg_rows_list, .rows = &plans_rows},
    {.id = "decide-plan", .method = FG_POST, .path = "/v1/plans/{plan}/decision", METERING, .summary = "Accept or refuse a plan",
     .right = "plans.decide", .flags = FG_KEY_IN_TRANSACTION, .path_params = plan_path, .request = &verdict,
     .request_example = VERDICT_EXAMPLE, .responses = done_responses, .handle = decide_plan},
    {.id = "send-set-point", .method = FG_POST, .path = "/v1/portfolios/{portfolio}/set-points", METERING, .summary = "Send a set-point",
     .right = "set_points.send", .flags = FG_KEY_IN_TRANSACTION, .path_params = portfolio_path, .request = &new_set_point,
     .request_example = "{\"start\": \"2025-11-24T08:00:00Z\", \"units\": 4, \"power\": \"1\"}", .responses = made_responses,
     .handle = send_set_point},
    {.id = "list-set-points", .method = FG_GET, .path = "/v1/set-points", METERING, .summary = "Set-points", .right = "delivery.read",
     .flags = FG_OP_PAGED, .responses = set_point_page_responses, .handle = fg_rows_list, .rows = &set_points_rows},
    {.id = "answer-set-point", .method = FG_POST, .path = "/v1/set-points/{set_point}/answer", METERING, .summary = "Answer a set-point",
     .right = "set_points.answer", .flags = FG_KEY_IN_TRANSACTION, .path_params = set_point_path, .request = &verdict,
     .request_example = VERDICT_EXAMPLE, .responses = done_responses, .handle = answer_set_point},
    {.id = "give-receipt", .method = FG_PUT, .path = "/v1/areas/{area}/trades/{trade}/receipt", METERING,
     .summary = "Say what was delivered", .right = "receipts.give", .path_params = trade_path, .request = &receipt_schema,
     .request_example = "{\"verdict\": \"partly\", \"note\": \"half of it\"}", .responses = done_responses, .handle = give_receipt},
    {.id = "list-perimeter-changes", .method = FG_GET, .path = "/v1/areas/{area}/perimeter-changes", METERING,
     .summary = "What trades change in one's balance perimeter", .right = "perimeters.read", .flags = FG_OP_PAGED,
     .description = "A trade is here as soon as it is acknowledged. A page may be short or empty and still have a next one.",
     .path_params = area_path, .responses = change_responses, .handle = list_changes},
};
const struct fg_operation_set fg_metering_operations = FG_OPERATIONS(operations);
