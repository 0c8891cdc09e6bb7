/* Markets as JSON documents. */
#include "toolkit/dfmct/market_file.h"
#include "toolkit/dfmct/market_reader.h"

#include "base/instant.h"

#include <stdio.h>
#include <string.h>

static const char *const market_keys[] = {"format",       "version",
                                          "id",           "name",
                                          "currency",     "operator",
                                          "tick",         "price_step",
                                          "start",        "period_minutes",
                                          "period_count", "physics",
                                          "balance",      "balance_reactive",
                                          "pricing",      "match_requests",
                                          "import_price", "import_price_reactive",
                                          "scale_load",   "scale_generation",
                                          "scarcity",     "voltage_band",
                                          "substation",   "controllable_taps",
                                          "bus_limits",   "branch_limits",
                                          "conditions",
                                          "participants", "zones",
                                          "assets",       "groups",
                                          "baselines",    "baseline_csv",
                                          "orders",       NULL};

typedef enum fg_code (*read_item)(struct fg_market_reader *, const struct fg_json_cursor *, struct fg_error *);

static enum fg_code read_list(struct fg_market_reader *reader, const struct fg_json_cursor *root, const char *key,
                              read_item read, struct fg_error *err)
{
    struct fg_json_cursor list;
    enum fg_code code = fg_json_or_array(root, key, &list, err);
    size_t count = fg_json_count(&list);
    for (size_t i = 0; i < count && code == FG_OK; i++) {
        struct fg_json_cursor item = fg_json_item(&list, i);
        code = read(reader, &item, err);
    }
    return code;
}

/* The table must lie beside the document, so that a document cannot make a program read other files. */
static enum fg_code read_baseline_table(struct fg_market_reader *reader, const struct fg_json_cursor *root,
                                        const char *folder, struct fg_error *err)
{
    const char *name;
    enum fg_code code = fg_json_or_string(root, "baseline_csv", NULL, &name, err);
    if (code != FG_OK || name == NULL)
        return code;
    struct fg_json_cursor at = fg_json_member(root, "baseline_csv");
    char path[4096];
    if (folder == NULL)
        return fg_json_fail(&at, FG_ERR_UNSUPPORTED, err, "a table is not read here; give baselines in the document");
    if (strchr(name, '/') || name[0] == '.' || name[0] == '\0' ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "is not a plain file name; put the table beside the market file");
    return fg_market_reader_baseline_csv(reader, path, err);
}

static enum fg_code read_document(struct fg_market_reader *reader, const struct fg_json_cursor *root,
                                  const char *folder, struct fg_error *err)
{
    static const struct {
        const char *key;
        read_item read;
    } lists[] = {
        {"participants", fg_market_reader_participant},
        {"zones", fg_market_reader_zone},
        {"bus_limits", fg_market_reader_bus_limit},
        {"branch_limits", fg_market_reader_branch_limit},
        {"conditions", fg_market_reader_condition},
        {"assets", fg_market_reader_asset},
        {"groups", fg_market_reader_group},
        {"baselines", fg_market_reader_baseline},
        {"orders", fg_market_reader_order},
    };
    enum fg_code code = fg_json_is_object(root, err);
    if (code != FG_OK || (code = fg_json_only(root, market_keys, err)) != FG_OK ||
        (code = fg_market_reader_rules(reader, root, err)) != FG_OK)
        return code;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if ((code = read_list(reader, root, lists[i].key, lists[i].read, err)) != FG_OK)
            return code;
    if ((code = read_baseline_table(reader, root, folder, err)) != FG_OK)
        return code;
    return fg_market_reader_finish(reader, err);
}

enum fg_code fg_market_read_json_text(const char *bytes, size_t length, const char *place, const char *folder,
                                      struct fg_market **market, struct fg_error *err)
{
    json_t *document;
    *market = NULL;
    enum fg_code code = fg_json_load_text(bytes, length, place, &document, err);
    if (code != FG_OK)
        return code;
    struct fg_market_reader reader = {0};
    struct fg_json_cursor root = fg_json_root(document, place);
    code = read_document(&reader, &root, folder, err);
    json_decref(document);
    fg_market_reader_release(&reader);
    if (code == FG_OK)
        *market = reader.market;
    else
        fg_market_destroy(reader.market);
    return code;
}

/* Writing. */

static void put_decimal(struct fg_json_writer *writer, const char *key, int64_t value, int least_places)
{
    char buffer[FG_DECIMAL_MAX];
    fg_json_put_string(writer, key, fg_decimal_format(value, 6, least_places, buffer));
}

static void put_limit(struct fg_json_writer *writer, const char *key, int64_t value)
{
    if (value != FG_NO_LIMIT && value != -FG_NO_LIMIT)
        put_decimal(writer, key, value, 0);
}

static void put_energy(struct fg_json_writer *writer, const char *key, struct fg_energy energy)
{
    if (energy.ws != FG_NO_LIMIT && energy.ws != -FG_NO_LIMIT)
        put_decimal(writer, key, energy.ws / 3600, 0);
}

/* One string when all values are equal, else an array; nothing when all are `fallback`. */
static void put_profile(struct fg_json_writer *writer, const char *key, const int64_t *values, int32_t count,
                        int least_places, const int64_t *fallback)
{
    bool equal = true;
    for (int32_t t = 1; t < count; t++)
        equal = equal && values[t] == values[0];
    if (equal && fallback && values[0] == *fallback)
        return;
    if (equal) {
        put_decimal(writer, key, values[0], least_places);
        return;
    }
    fg_json_begin_row(writer, key);
    for (int32_t t = 0; t < count; t++)
        put_decimal(writer, NULL, values[t], least_places);
    fg_json_end_array(writer);
}

static void put_rules(struct fg_json_writer *writer, const struct fg_market *market)
{
    static const int64_t zero = 0, one = FG_FRACTION_ONE;
    char start[FG_INSTANT_TEXT];
    fg_json_put_string(writer, "format", "flexgrid-market");
    fg_json_put_integer(writer, "version", 1);
    fg_json_put_string(writer, "id", market->id);
    if (market->name)
        fg_json_put_string(writer, "name", market->name);
    fg_json_put_string(writer, "currency", market->currency);
    fg_json_put_string(writer, "operator", market->operator_id);
    put_decimal(writer, "tick", market->tick.w, 0);
    put_decimal(writer, "price_step", market->price_step.uper_mwh, 2);
    fg_json_put_string(writer, "start", fg_instant_format(market->start_s, start));
    fg_json_put_integer(writer, "period_minutes", market->period_s / 60);
    fg_json_put_integer(writer, "period_count", market->period_count);
    fg_json_put_string(writer, "physics", fg_market_physics_words[market->physics]);
    fg_json_put_string(writer, "balance", fg_balance_words[market->balance]);
    fg_json_put_string(writer, "balance_reactive", fg_balance_words[market->balance_reactive]);
    fg_json_put_string(writer, "pricing", fg_pricing_words[market->pricing]);
    fg_json_put_bool(writer, "match_requests", market->match_requests);
    int32_t count = market->period_count;
    put_profile(writer, "import_price", &market->import_price[0].uper_mwh, count, 2, &zero);
    put_profile(writer, "import_price_reactive", &market->import_price_reactive[0].uper_mwh, count, 2, &zero);
    put_profile(writer, "scale_load", market->scale_load_u, count, 0, &one);
    put_profile(writer, "scale_generation", market->scale_generation_u, count, 0, &one);
    fg_json_begin_row_object(writer, "scarcity");
    put_decimal(writer, "overload", market->scarcity_overload.uper_mwh, 2);
    put_decimal(writer, "voltage", market->scarcity_voltage.uper_mwh, 2);
    put_decimal(writer, "not_served", market->scarcity_not_served.uper_mwh, 2);
    fg_json_end_object(writer);
    if (market->vm_min_u != 0 || market->vm_max_u != FG_NO_LIMIT) {
        fg_json_begin_row_object(writer, "voltage_band");
        put_limit(writer, "minimum", market->vm_min_u);
        put_limit(writer, "maximum", market->vm_max_u);
        fg_json_end_object(writer);
    }
    fg_json_begin_row_object(writer, "substation");
    put_limit(writer, "p_min", market->substation_p_min.w);
    put_limit(writer, "p_max", market->substation_p_max.w);
    put_limit(writer, "q_min", market->substation_q_min.w);
    put_limit(writer, "q_max", market->substation_q_max.w);
    fg_json_end_object(writer);
}

static void put_conditions(struct fg_json_writer *writer, const struct fg_market *market)
{
    char start[FG_INSTANT_TEXT];
    fg_json_begin_array(writer, "conditions");
    for (size_t i = 0; i < market->condition_count; i++) {
        const struct fg_condition *condition = &market->conditions[i];
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "kind", fg_condition_words[condition->kind]);
        fg_json_put_string(writer, "element", condition->element);
        if (condition->kind == FG_CONDITION_SWITCH)
            fg_json_put_bool(writer, "closed", condition->is_closed);
        if (condition->kind == FG_CONDITION_RATING)
            put_limit(writer, "rating", condition->rating.w);
        if (condition->kind == FG_CONDITION_VOLTAGE) {
            put_limit(writer, "vm_min", condition->vm_min_u);
            put_limit(writer, "vm_max", condition->vm_max_u);
        }
        fg_json_put_string(writer, "start",
                           fg_instant_format(market->start_s + (int64_t)condition->first_period * market->period_s, start));
        fg_json_put_integer(writer, "periods", condition->period_count);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
}

static void put_limits(struct fg_json_writer *writer, const struct fg_market *market)
{
    if (market->controllable_tap_count > 0) {
        fg_json_begin_row(writer, "controllable_taps");
        for (size_t i = 0; i < market->controllable_tap_count; i++)
            fg_json_put_string(writer, NULL, market->controllable_taps[i].branch);
        fg_json_end_array(writer);
    }
    fg_json_begin_array(writer, "bus_limits");
    for (size_t i = 0; i < market->bus_limit_count; i++) {
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "bus", market->bus_limits[i].bus);
        put_limit(writer, "vm_min", market->bus_limits[i].vm_min_u);
        put_limit(writer, "vm_max", market->bus_limits[i].vm_max_u);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
    fg_json_begin_array(writer, "branch_limits");
    for (size_t i = 0; i < market->branch_limit_count; i++) {
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "branch", market->branch_limits[i].branch);
        put_limit(writer, "rating", market->branch_limits[i].rating.w);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
    if (market->condition_count > 0)
        put_conditions(writer, market);
}

static void put_parties(struct fg_json_writer *writer, const struct fg_market *market)
{
    fg_json_begin_array(writer, "participants");
    for (size_t i = 0; i < market->participant_count; i++) {
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "id", market->participants[i].id);
        if (market->participants[i].name)
            fg_json_put_string(writer, "name", market->participants[i].name);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
    fg_json_begin_array(writer, "zones");
    for (size_t i = 0; i < market->zone_count; i++) {
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "id", market->zones[i].id);
        fg_json_begin_row(writer, "buses");
        for (size_t b = 0; b < market->zones[i].bus_count; b++)
            fg_json_put_string(writer, NULL, market->zones[i].buses[b]);
        fg_json_end_array(writer);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
    fg_json_begin_array(writer, "groups");
    for (size_t i = 0; i < market->group_count; i++) {
        fg_json_begin_row_object(writer, NULL);
        fg_json_put_string(writer, "id", market->groups[i].id);
        fg_json_put_string(writer, "kind", fg_group_kind_words[market->groups[i].kind]);
        fg_json_end_object(writer);
    }
    fg_json_end_array(writer);
}

static void put_asset(struct fg_json_writer *writer, const struct fg_market *market, const struct fg_asset *asset)
{
    fg_json_begin_row_object(writer, NULL);
    fg_json_put_string(writer, "id", asset->id);
    fg_json_put_string(writer, "participant", market->participants[asset->participant].id);
    fg_json_put_string(writer, "bus", asset->bus);
    if (asset->technology)
        fg_json_put_string(writer, "technology", asset->technology);
    if (asset->baseline_p)
        put_profile(writer, "baseline_p", &asset->baseline_p[0].w, market->period_count, 0, NULL);
    if (asset->baseline_q)
        put_profile(writer, "baseline_q", &asset->baseline_q[0].w, market->period_count, 0, NULL);
    put_limit(writer, "s_max", asset->s_max.w);
    put_limit(writer, "p_min", asset->p_min.w);
    put_limit(writer, "p_max", asset->p_max.w);
    put_limit(writer, "q_min", asset->q_min.w);
    put_limit(writer, "q_max", asset->q_max.w);
    if (asset->power_factor_u > 0)
        put_decimal(writer, "power_factor", asset->power_factor_u, 0);
    if (asset->follows_ratio)
        put_decimal(writer, "q_per_p", asset->q_per_p_u, 0);
    put_limit(writer, "ramp_per_hour", asset->ramp_per_hour.w);
    put_energy(writer, "energy_up", asset->energy_up);
    put_energy(writer, "energy_down", asset->energy_down);
    put_energy(writer, "energy_min", asset->energy_min);
    put_energy(writer, "energy_max", asset->energy_max);
    if (asset->rebound_count > 0) {
        fg_json_begin_row(writer, "rebound");
        for (int32_t k = 0; k < asset->rebound_count; k++)
            put_decimal(writer, NULL, asset->rebound_u[k], 0);
        fg_json_end_array(writer);
    }
    fg_json_end_object(writer);
}

static void put_location(struct fg_json_writer *writer, const struct fg_market *market, const struct fg_order *order)
{
    if (order->asset >= 0 && !market->assets[order->asset].is_implicit)
        fg_json_put_string(writer, "asset", market->assets[order->asset].id);
    else if (order->location_kind == FG_LOCATION_BUS)
        fg_json_put_string(writer, "bus", order->location);
    else if (order->location_kind == FG_LOCATION_ZONE)
        fg_json_put_string(writer, "zone", market->zones[order->zone].id);
    else if (order->location_kind == FG_LOCATION_BRANCH_LIMIT)
        fg_json_put_string(writer, "covers_branch", order->location);
    else
        fg_json_put_string(writer, "covers_voltage", order->location);
}

static void put_order(struct fg_json_writer *writer, const struct fg_market *market, const struct fg_order *order)
{
    char start[FG_INSTANT_TEXT];
    fg_json_begin_row_object(writer, NULL);
    fg_json_put_string(writer, "id", order->id);
    fg_json_put_string(writer, "participant", market->participants[order->participant].id);
    fg_json_put_string(writer, "side", fg_side_words[order->side]);
    if (order->kind != FG_REQUEST_NONE)
        fg_json_put_string(writer, "kind", fg_request_kind_words[order->kind]);
    fg_json_put_string(writer, "product", fg_product_words[order->product]);
    if (order->regulation != FG_REGULATION_BOTH)
        fg_json_put_string(writer, "regulation", fg_regulation_words[order->regulation]);
    put_location(writer, market, order);
    int64_t start_s = market->start_s + (int64_t)order->first_period * market->period_s;
    fg_json_put_string(writer, "start", fg_instant_format(start_s, start));
    fg_json_put_integer(writer, "periods", order->period_count);
    put_profile(writer, "quantity", &order->quantity[0].w, order->period_count, 0, NULL);
    if (order->point_count == 1) {
        put_decimal(writer, "price", order->points[0].price.uper_mwh, 2);
    } else {
        fg_json_begin_row(writer, "price_points");
        for (int32_t k = 0; k < order->point_count; k++) {
            fg_json_begin_row_object(writer, NULL);
            put_decimal(writer, "quantity", order->points[k].up_to.w, 0);
            put_decimal(writer, "price", order->points[k].price.uper_mwh, 2);
            fg_json_end_object(writer);
        }
        fg_json_end_array(writer);
    }
    if (order->block)
        fg_json_put_bool(writer, "block", true);
    if (order->min_fraction_u != 0)
        put_decimal(writer, "minimum_acceptance", order->min_fraction_u, 0);
    if (order->parent >= 0)
        fg_json_put_string(writer, "parent", market->orders[order->parent].id);
    if (order->group >= 0)
        fg_json_put_string(writer, "group", market->groups[order->group].id);
    fg_json_end_object(writer);
}

enum fg_code fg_market_write_json(const struct fg_market *market, struct fg_text *text, struct fg_error *err)
{
    struct fg_json_writer writer;
    fg_json_writer_init(&writer, text, true);
    fg_json_begin_object(&writer, NULL);
    put_rules(&writer, market);
    put_limits(&writer, market);
    put_parties(&writer, market);
    fg_json_begin_array(&writer, "assets");
    for (size_t i = 0; i < market->asset_count; i++)
        if (!market->assets[i].is_implicit)
            put_asset(&writer, market, &market->assets[i]);
    fg_json_end_array(&writer);
    fg_json_begin_array(&writer, "baselines");
    for (size_t i = 0; i < market->baseline_count; i++) {
        const struct fg_baseline *row = &market->baselines[i];
        fg_json_begin_row_object(&writer, NULL);
        fg_json_put_string(&writer, fg_baseline_kind_words[row->kind], row->id);
        put_profile(&writer, "p", &row->p[0].w, market->period_count, 0, NULL);
        if (row->q)
            put_profile(&writer, "q", &row->q[0].w, market->period_count, 0, NULL);
        fg_json_end_object(&writer);
    }
    fg_json_end_array(&writer);
    fg_json_begin_array(&writer, "orders");
    for (size_t i = 0; i < market->order_count; i++)
        put_order(&writer, market, &market->orders[i]);
    fg_json_end_array(&writer);
    fg_json_end_object(&writer);
    fg_text_puts(text, "\n");
    return text->failed ? fg_fail_memory(err) : FG_OK;
}
