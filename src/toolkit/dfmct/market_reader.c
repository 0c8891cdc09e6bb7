/* The market schema: rules, limits, zones, assets, baselines. Orders are in market_reader_order.c. */
#include "toolkit/dfmct/market_reader.h"

#include "base/csv.h"
#include "base/instant.h"

#include <stdio.h>
#include <string.h>

static bool is_absent(const struct fg_json_cursor *at)
{
    return at->value == NULL || json_is_null(at->value);
}

enum fg_code fg_market_reader_id(const struct fg_json_cursor *object, const char *key, const char **out,
                                 struct fg_error *err)
{
    enum fg_code code = fg_json_get_string(object, key, out, err);
    if (code != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, key);
    size_t length = strlen(*out);
    if (length == 0 || length > FG_MARKET_ID_BYTES_MAX)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "an id has 1 to %d bytes; shorten or fill it",
                            FG_MARKET_ID_BYTES_MAX);
    for (const unsigned char *c = (const unsigned char *)*out; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return fg_json_fail(&at, FG_ERR_VALUE, err, "an id has no control characters; remove them");
    return FG_OK;
}

enum fg_code fg_market_reader_word(const struct fg_json_cursor *object, const char *key, const char *const *words,
                                   int fallback, int *out, struct fg_error *err)
{
    const char *word;
    enum fg_code code = fg_json_or_string(object, key, NULL, &word, err);
    *out = fallback;
    if (code != FG_OK || word == NULL)
        return code;
    char list[160] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return FG_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    }
    struct fg_json_cursor at = fg_json_member(object, key);
    return fg_json_fail(&at, FG_ERR_VALUE, err, "\"%.40s\" is not known; use one of %s", word, list);
}

static enum fg_code to_decimal(const struct fg_json_cursor *at, int64_t *out, struct fg_error *err)
{
    struct fg_error why;
    if (!json_is_string(at->value))
        return fg_json_fail(at, FG_ERR_SCHEMA, err, "give a decimal number as a string, such as \"0.25\"");
    enum fg_code code = fg_decimal_parse(json_string_value(at->value), 6, out, &why);
    return code == FG_OK ? FG_OK : fg_json_fail(at, code, err, "%s", why.text);
}

enum fg_code fg_market_reader_decimal(const struct fg_json_cursor *object, const char *key, int64_t *out,
                                      struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    return is_absent(&at) ? FG_OK : to_decimal(&at, out, err);
}

/* Limits of power: anything beyond what a market can hold would be a typing error. */
static enum fg_code or_power(const struct fg_json_cursor *object, const char *key, struct fg_power *out,
                             struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    if (is_absent(&at))
        return FG_OK;
    enum fg_code code = to_decimal(&at, &out->w, err);
    if (code == FG_OK && (out->w > FG_MARKET_POWER_MAX_W || out->w < -FG_MARKET_POWER_MAX_W))
        return fg_json_fail(&at, FG_ERR_VALUE, err, "is beyond 1 TW; give MW");
    return code;
}

/* MWh with 6 decimals into watt-seconds: 3600 each. */
static enum fg_code or_energy(const struct fg_json_cursor *object, const char *key, struct fg_energy *out,
                              struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    int64_t micro_mwh;
    if (is_absent(&at))
        return FG_OK;
    enum fg_code code = to_decimal(&at, &micro_mwh, err);
    if (code == FG_OK && (micro_mwh > INT64_MAX / 7200 || micro_mwh < -INT64_MAX / 7200))
        return fg_json_fail(&at, FG_ERR_VALUE, err, "is too much energy; give MWh");
    if (code == FG_OK)
        out->ws = micro_mwh * 3600;
    return code;
}

/* A value for all periods, or an array of one per period. *found tells whether the member is there. */
static enum fg_code or_profile(const struct fg_json_cursor *object, const char *key, int32_t count, int64_t *out,
                               bool *found, struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    *found = !is_absent(&at);
    if (!*found)
        return FG_OK;
    enum fg_code code;
    if (!json_is_array(at.value)) {
        if ((code = to_decimal(&at, &out[0], err)) != FG_OK)
            return code;
        for (int32_t t = 1; t < count; t++)
            out[t] = out[0];
        return FG_OK;
    }
    if (fg_json_count(&at) != (size_t)count)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "has %zu values for %d periods; give one per period, or one string",
                            fg_json_count(&at), count);
    for (int32_t t = 0; t < count; t++) {
        struct fg_json_cursor item = fg_json_item(&at, (size_t)t);
        if ((code = to_decimal(&item, &out[t], err)) != FG_OK)
            return code;
    }
    return FG_OK;
}

_Static_assert(sizeof(struct fg_power) == sizeof(int64_t) && sizeof(struct fg_price) == sizeof(int64_t),
               "profiles are read as int64_t");

/* A profile of powers in the market's arena; *out stays NULL when absent. */
static enum fg_code or_power_profile(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                     const char *key, const struct fg_power **out, struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, key);
    if (is_absent(&at))
        return FG_OK;
    struct fg_market *market = reader->market;
    reader->baseline_values += (size_t)market->period_count;
    if (reader->baseline_values > FG_MARKET_BASELINE_VALUES_MAX)
        return fg_json_fail(&at, FG_ERR_TOO_LARGE, err, "more than %d baseline values; split the market",
                            FG_MARKET_BASELINE_VALUES_MAX);
    struct fg_power *values = fg_market_profile(market);
    if (values == NULL)
        return fg_fail_memory(err);
    bool found;
    enum fg_code code = or_profile(object, key, market->period_count, &values[0].w, &found, err);
    for (int32_t t = 0; t < market->period_count && code == FG_OK; t++)
        if (values[t].w > FG_MARKET_POWER_MAX_W || values[t].w < -FG_MARKET_POWER_MAX_W)
            code = fg_json_fail(&at, FG_ERR_VALUE, err, "is beyond 1 TW in period %d; give MW", t);
    *out = values;
    return code;
}

static enum fg_code read_place(struct fg_market_reader *reader, const struct fg_json_cursor *object, const char **out,
                               struct fg_error *err)
{
    char place[sizeof err->place];
    *out = fg_market_string(reader->market, fg_json_place(object, place, sizeof place));
    return *out ? FG_OK : fg_fail_memory(err);
}

static enum fg_code read_horizon(struct fg_market *market, const struct fg_json_cursor *object, struct fg_error *err)
{
    const char *start_text;
    int64_t minutes, count, start_s;
    struct fg_error why;
    enum fg_code code = fg_json_get_string(object, "start", &start_text, err);
    if (code != FG_OK || (code = fg_json_or_integer(object, "period_minutes", 15, &minutes, err)) != FG_OK ||
        (code = fg_json_get_integer(object, "period_count", &count, err)) != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, "start");
    if ((code = fg_instant_parse(start_text, &start_s, &why)) != FG_OK)
        return fg_json_fail(&at, code, err, "%s", why.text);
    at = fg_json_member(object, "period_minutes");
    if (minutes < 1 || minutes > 60)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "use 5, 15, 30 or 60 minutes");
    at = fg_json_member(object, "period_count");
    if (count < 1 || count > FG_MARKET_PERIODS_MAX)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "a market has 1 to %d periods", FG_MARKET_PERIODS_MAX);
    code = fg_market_set_horizon(market, start_s, (int32_t)(minutes * 60), (int32_t)count, &why);
    at = fg_json_member(object, "start");
    return code == FG_OK ? FG_OK : fg_json_fail(&at, code, err, "%s", why.text);
}

static enum fg_code read_words(struct fg_market *market, const struct fg_json_cursor *object, struct fg_error *err)
{
    int physics, balance, balance_reactive, pricing;
    enum fg_code code;
    if ((code = fg_market_reader_word(object, "physics", fg_market_physics_words, 0, &physics, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "balance", fg_balance_words, 0, &balance, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "balance_reactive", fg_balance_words, 0, &balance_reactive, err)) !=
            FG_OK ||
        (code = fg_market_reader_word(object, "pricing", fg_pricing_words, 0, &pricing, err)) != FG_OK)
        return code;
    market->physics = (enum fg_market_physics)physics;
    market->balance = (enum fg_balance)balance;
    market->balance_reactive = (enum fg_balance)balance_reactive;
    market->pricing = (enum fg_pricing)pricing;
    return fg_json_or_bool(object, "match_requests", false, &market->match_requests, err);
}

static enum fg_code read_periods(struct fg_market *market, const struct fg_json_cursor *object, struct fg_error *err)
{
    bool found;
    const struct {
        const char *key;
        int64_t *out;
    } profiles[] = {
        {"import_price", &market->import_price[0].uper_mwh},
        {"import_price_reactive", &market->import_price_reactive[0].uper_mwh},
        {"scale_load", market->scale_load_u},
        {"scale_generation", market->scale_generation_u},
    };
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        enum fg_code code = or_profile(object, profiles[i].key, market->period_count, profiles[i].out, &found, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}

/* Members of an optional object, each a decimal. */
struct decimal_member {
    const char *key;
    int64_t *out;
};
static enum fg_code read_decimals(const struct fg_json_cursor *object, const char *key,
                                  const struct decimal_member *members, const char *const *known, struct fg_error *err)
{
    struct fg_json_cursor inner = fg_json_member(object, key);
    if (is_absent(&inner))
        return FG_OK;
    enum fg_code code = fg_json_is_object(&inner, err);
    if (code == FG_OK)
        code = fg_json_only(&inner, known, err);
    for (; members->key && code == FG_OK; members++)
        code = fg_market_reader_decimal(&inner, members->key, members->out, err);
    return code;
}

static enum fg_code read_limits(struct fg_market *market, const struct fg_json_cursor *object, struct fg_error *err)
{
    static const char *const scarcity_keys[] = {"overload", "voltage", "not_served", NULL};
    static const char *const band_keys[] = {"minimum", "maximum", NULL};
    static const char *const substation_keys[] = {"p_min", "p_max", "q_min", "q_max", NULL};
    const struct decimal_member scarcity[] = {{"overload", &market->scarcity_overload.uper_mwh},
                                              {"voltage", &market->scarcity_voltage.uper_mwh},
                                              {"not_served", &market->scarcity_not_served.uper_mwh},
                                              {NULL, NULL}};
    const struct decimal_member band[] = {{"minimum", &market->vm_min_u}, {"maximum", &market->vm_max_u}, {NULL, NULL}};
    enum fg_code code;
    if ((code = read_decimals(object, "scarcity", scarcity, scarcity_keys, err)) != FG_OK ||
        (code = read_decimals(object, "voltage_band", band, band_keys, err)) != FG_OK)
        return code;
    struct fg_json_cursor substation = fg_json_member(object, "substation");
    if (is_absent(&substation))
        return FG_OK;
    if ((code = fg_json_is_object(&substation, err)) != FG_OK ||
        (code = fg_json_only(&substation, substation_keys, err)) != FG_OK ||
        (code = or_power(&substation, "p_min", &market->substation_p_min, err)) != FG_OK ||
        (code = or_power(&substation, "p_max", &market->substation_p_max, err)) != FG_OK ||
        (code = or_power(&substation, "q_min", &market->substation_q_min, err)) != FG_OK)
        return code;
    return or_power(&substation, "q_max", &market->substation_q_max, err);
}

static enum fg_code add_tap(struct fg_market_reader *reader, const char *branch, const struct fg_json_cursor *at,
                            struct fg_error *err)
{
    struct fg_controllable_tap *tap = fg_market_add_controllable_tap(reader->market, branch);
    return tap == NULL ? fg_fail_memory(err) : read_place(reader, at, &tap->place, err);
}

enum fg_code fg_market_reader_tap(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                  struct fg_error *err)
{
    const char *branch;
    enum fg_code code = fg_market_reader_id(object, "branch", &branch, err);
    return code == FG_OK ? add_tap(reader, branch, object, err) : code;
}

static enum fg_code read_taps(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                              struct fg_error *err)
{
    struct fg_json_cursor taps;
    enum fg_code code = fg_json_or_array(object, "controllable_taps", &taps, err);
    for (size_t i = 0; i < fg_json_count(&taps) && code == FG_OK; i++) {
        struct fg_json_cursor item = fg_json_item(&taps, i);
        if (!json_is_string(item.value))
            return fg_json_fail(&item, FG_ERR_SCHEMA, err, "give the id of a branch as a string");
        code = add_tap(reader, json_string_value(item.value), &item, err);
    }
    return code;
}

enum fg_code fg_market_reader_rules(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err)
{
    const char *format, *id, *text;
    int64_t version;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_get_string(object, "format", &format, err)) != FG_OK ||
        (code = fg_json_get_integer(object, "version", &version, err)) != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, "format");
    if (strcmp(format, "flexgrid-market") != 0)
        return fg_json_fail(&at, FG_ERR_UNSUPPORTED, err, "is not a market; the format is \"flexgrid-market\"");
    at = fg_json_member(object, "version");
    if (version != 1)
        return fg_json_fail(&at, FG_ERR_UNSUPPORTED, err, "this program reads version 1; convert the file");
    if ((code = fg_market_reader_id(object, "id", &id, err)) != FG_OK)
        return code;
    struct fg_market *market = reader->market = fg_market_create(id);
    if (market == NULL)
        return fg_fail_memory(err);
    market->source = object->file ? fg_market_string(market, object->file) : NULL;
    if ((code = fg_json_or_string(object, "name", NULL, &text, err)) != FG_OK)
        return code;
    if (text && (market->name = fg_market_string(market, text)) == NULL)
        return fg_fail_memory(err);
    if ((code = fg_json_or_string(object, "currency", "EUR", &text, err)) != FG_OK)
        return code;
    if ((market->currency = fg_market_string(market, text)) == NULL)
        return fg_fail_memory(err);
    at = fg_json_member(object, "operator");
    if (!is_absent(&at)) {
        if ((code = fg_market_reader_id(object, "operator", &text, err)) != FG_OK)
            return code;
        if ((market->operator_id = fg_market_string(market, text)) == NULL)
            return fg_fail_memory(err);
    }
    if ((code = fg_market_reader_decimal(object, "tick", &market->tick.w, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "price_step", &market->price_step.uper_mwh, err)) != FG_OK ||
        (code = read_horizon(market, object, err)) != FG_OK || (code = read_words(market, object, err)) != FG_OK ||
        (code = read_periods(market, object, err)) != FG_OK || (code = read_limits(market, object, err)) != FG_OK)
        return code;
    if (market->tick.w < 1 || market->price_step.uper_mwh < 1) {
        at = fg_json_member(object, market->tick.w < 1 ? "tick" : "price_step");
        return fg_json_fail(&at, FG_ERR_VALUE, err, "must be above 0");
    }
    return read_taps(reader, object, err);
}

enum fg_code fg_market_reader_participant(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                          struct fg_error *err)
{
    static const char *const known[] = {"id", "name", NULL};
    const char *id, *name;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "id", &id, err)) != FG_OK ||
        (code = fg_json_or_string(object, "name", NULL, &name, err)) != FG_OK)
        return code;
    if (fg_names_find(&reader->market->participant_names, id) >= 0)
        return fg_json_fail(object, FG_ERR_VALUE, err, "participant %.60s is there already; give it once", id);
    int32_t index = fg_market_participant(reader->market, id);
    if (index < 0 ||
        (name && (reader->market->participants[index].name = fg_market_string(reader->market, name)) == NULL))
        return fg_fail_memory(err);
    return FG_OK;
}

enum fg_code fg_market_reader_zone(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                   struct fg_error *err)
{
    static const char *const known[] = {"id", "buses", NULL};
    const char *id;
    struct fg_json_cursor buses;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "id", &id, err)) != FG_OK ||
        (code = fg_json_get_array(object, "buses", &buses, err)) != FG_OK)
        return code;
    if (reader->market->zone_count >= FG_MARKET_ZONES_MAX)
        return fg_json_fail(object, FG_ERR_TOO_LARGE, err, "more than %d zones; use fewer", FG_MARKET_ZONES_MAX);
    size_t count = fg_json_count(&buses);
    const char **ids = fg_alloc(count, sizeof *ids);
    if (ids == NULL)
        return fg_fail_memory(err);
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        struct fg_json_cursor item = fg_json_item(&buses, i);
        ids[i] = json_string_value(item.value);
        if (ids[i] == NULL)
            code = fg_json_fail(&item, FG_ERR_SCHEMA, err, "give the id of a bus as a string");
    }
    if (code == FG_OK && fg_market_add_zone(reader->market, id, ids, count) == NULL)
        code = fg_fail_memory(err);
    fg_free(ids);
    return code;
}

enum fg_code fg_market_reader_bus_limit(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                        struct fg_error *err)
{
    static const char *const known[] = {"bus", "vm_min", "vm_max", NULL};
    const char *bus;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "bus", &bus, err)) != FG_OK)
        return code;
    struct fg_bus_limit *limit = fg_market_add_bus_limit(reader->market, bus);
    if (limit == NULL)
        return fg_fail_memory(err);
    if ((code = read_place(reader, object, &limit->place, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "vm_min", &limit->vm_min_u, err)) != FG_OK)
        return code;
    return fg_market_reader_decimal(object, "vm_max", &limit->vm_max_u, err);
}

enum fg_code fg_market_reader_branch_limit(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                           struct fg_error *err)
{
    static const char *const known[] = {"branch", "rating", NULL};
    const char *branch;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "branch", &branch, err)) != FG_OK)
        return code;
    struct fg_branch_limit *limit = fg_market_add_branch_limit(reader->market, branch);
    if (limit == NULL)
        return fg_fail_memory(err);
    code = read_place(reader, object, &limit->place, err);
    return code == FG_OK ? or_power(object, "rating", &limit->rating, err) : code;
}

enum fg_code fg_market_reader_condition(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                        struct fg_error *err)
{
    static const char *const known[] = {"kind", "element", "closed", "rating", "vm_min", "vm_max", "start", "periods", NULL};
    static const char *const needed[] = {"closed", NULL, "rating", NULL}; /* by kind */
    const char *element;
    int kind;
    struct fg_market *market = reader->market;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "kind", fg_condition_words, -1, &kind, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "element", &element, err)) != FG_OK)
        return code;
    if (kind < 0)
        return fg_json_fail(object, FG_ERR_SCHEMA, err, "a condition needs its \"kind\"");
    for (size_t k = 2; k < 6; k++) { /* what belongs to another kind would be read and then mean nothing */
        struct fg_json_cursor at = fg_json_member(object, known[k]);
        bool is_its = (needed[kind] != NULL && strcmp(known[k], needed[kind]) == 0) || (kind == FG_CONDITION_VOLTAGE && k >= 4);
        if (!is_its && !is_absent(&at))
            return fg_json_fail(&at, FG_ERR_SCHEMA, err, "does not belong to a condition of kind %s; remove it", fg_condition_words[kind]);
        if (is_its && k < 4 && is_absent(&at))
            return fg_json_fail(object, FG_ERR_SCHEMA, err, "a condition of kind %s needs \"%s\"", fg_condition_words[kind], known[k]);
    }
    struct fg_condition *condition = fg_market_add_condition(market, (enum fg_condition_kind)kind, element);
    if (condition == NULL)
        return fg_fail_memory(err);
    if ((code = read_place(reader, object, &condition->place, err)) != FG_OK ||
        (code = fg_json_or_bool(object, "closed", false, &condition->is_closed, err)) != FG_OK ||
        (code = or_power(object, "rating", &condition->rating, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "vm_min", &condition->vm_min_u, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "vm_max", &condition->vm_max_u, err)) != FG_OK)
        return code;
    return fg_market_reader_periods(market, object, 0, &condition->first_period, &condition->period_count, err);
}

static enum fg_code read_rebound(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                 struct fg_asset *asset, struct fg_error *err)
{
    struct fg_json_cursor list;
    enum fg_code code = fg_json_or_array(object, "rebound", &list, err);
    size_t count = fg_json_count(&list);
    if (code != FG_OK || count == 0)
        return code;
    if (count > (size_t)reader->market->period_count)
        return fg_json_fail(&list, FG_ERR_VALUE, err, "is longer than the market's %d periods; shorten it",
                            reader->market->period_count);
    int64_t *fractions = fg_arena_alloc(&reader->market->arena, count, sizeof *fractions);
    if (fractions == NULL)
        return fg_fail_memory(err);
    for (size_t k = 0; k < count && code == FG_OK; k++) {
        struct fg_json_cursor item = fg_json_item(&list, k);
        code = to_decimal(&item, &fractions[k], err);
    }
    asset->rebound_u = fractions;
    asset->rebound_count = (int32_t)count;
    return code;
}

enum fg_code fg_market_reader_asset(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err)
{
    static const char *const known[] = {"id",          "participant",  "bus",        "technology",    "baseline_p",
                                        "baseline_q",  "s_max",        "p_min",      "p_max",         "q_min",
                                        "q_max",       "power_factor", "q_per_p",    "ramp_per_hour", "energy_up",
                                        "energy_down", "energy_min",   "energy_max", "rebound",       NULL};
    struct fg_market *market = reader->market;
    const char *id, *owner, *bus, *technology;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "id", &id, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "participant", &owner, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "bus", &bus, err)) != FG_OK ||
        (code = fg_json_or_string(object, "technology", NULL, &technology, err)) != FG_OK)
        return code;
    int32_t participant = fg_market_participant(market, owner);
    struct fg_asset *asset = participant < 0 ? NULL : fg_market_add_asset(market, id, participant, bus);
    if (asset == NULL || (technology && (asset->technology = fg_market_string(market, technology)) == NULL))
        return fg_fail_memory(err);
    if ((code = read_place(reader, object, &asset->place, err)) != FG_OK ||
        (code = or_power_profile(reader, object, "baseline_p", &asset->baseline_p, err)) != FG_OK ||
        (code = or_power_profile(reader, object, "baseline_q", &asset->baseline_q, err)) != FG_OK ||
        (code = or_power(object, "s_max", &asset->s_max, err)) != FG_OK ||
        (code = or_power(object, "p_min", &asset->p_min, err)) != FG_OK ||
        (code = or_power(object, "p_max", &asset->p_max, err)) != FG_OK ||
        (code = or_power(object, "q_min", &asset->q_min, err)) != FG_OK ||
        (code = or_power(object, "q_max", &asset->q_max, err)) != FG_OK ||
        (code = or_power(object, "ramp_per_hour", &asset->ramp_per_hour, err)) != FG_OK ||
        (code = or_energy(object, "energy_up", &asset->energy_up, err)) != FG_OK ||
        (code = or_energy(object, "energy_down", &asset->energy_down, err)) != FG_OK ||
        (code = or_energy(object, "energy_min", &asset->energy_min, err)) != FG_OK ||
        (code = or_energy(object, "energy_max", &asset->energy_max, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "power_factor", &asset->power_factor_u, err)) != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, "q_per_p");
    asset->follows_ratio = !is_absent(&at);
    if ((code = fg_market_reader_decimal(object, "q_per_p", &asset->q_per_p_u, err)) != FG_OK)
        return code;
    if (asset->q_per_p_u > 100 * (int64_t)FG_FRACTION_ONE || asset->q_per_p_u < -100 * (int64_t)FG_FRACTION_ONE)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "is beyond 100 Mvar per MW; correct it");
    return read_rebound(reader, object, asset, err);
}

enum fg_code fg_market_reader_group(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err)
{
    static const char *const known[] = {"id", "kind", NULL};
    const char *id, *word;
    int kind;
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "id", &id, err)) != FG_OK ||
        (code = fg_json_get_string(object, "kind", &word, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "kind", fg_group_kind_words, 0, &kind, err)) != FG_OK)
        return code;
    return fg_market_add_group(reader->market, id, (enum fg_group_kind)kind) ? FG_OK : fg_fail_memory(err);
}

enum fg_code fg_market_reader_baseline(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                       struct fg_error *err)
{
    static const char *const known[] = {"bus", "injection", "generator", "storage", "p", "q", NULL};
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, known, err)) != FG_OK)
        return code;
    int kind = -1, named = 0;
    for (int k = 0; fg_baseline_kind_words[k]; k++) {
        struct fg_json_cursor at = fg_json_member(object, fg_baseline_kind_words[k]);
        if (!is_absent(&at)) {
            kind = k;
            named++;
        }
    }
    if (named != 1)
        return fg_json_fail(object, FG_ERR_SCHEMA, err, "name exactly one bus, injection, generator or storage");
    const char *id;
    if ((code = fg_market_reader_id(object, fg_baseline_kind_words[kind], &id, err)) != FG_OK)
        return code;
    struct fg_baseline *row = fg_market_add_baseline(reader->market, (enum fg_baseline_kind)kind, id);
    if (row == NULL)
        return fg_fail_memory(err);
    if ((code = read_place(reader, object, &row->place, err)) != FG_OK ||
        (code = or_power_profile(reader, object, "p", &row->p, err)) != FG_OK ||
        (code = or_power_profile(reader, object, "q", &row->q, err)) != FG_OK)
        return code;
    struct fg_json_cursor p = fg_json_member(object, "p");
    return row->p ? FG_OK : fg_json_fail(&p, FG_ERR_SCHEMA, err, "missing; give the active power per period");
}

enum fg_code fg_market_reader_finish(struct fg_market_reader *reader, struct fg_error *err)
{
    struct fg_market *market = reader->market;
    for (size_t i = 0; i < market->order_count; i++) {
        struct fg_order *order = &market->orders[i];
        if (reader->parents[i] == NULL)
            continue;
        order->parent = fg_market_find_order(market, reader->parents[i]);
        if (order->parent < 0)
            return fg_fail(err, FG_ERR_VALUE, order->place, "there is no order %.60s to be its parent; correct the id",
                           reader->parents[i]);
    }
    return fg_market_validate(market, err);
}

void fg_market_reader_release(struct fg_market_reader *reader)
{
    fg_free(reader->parents);
}
