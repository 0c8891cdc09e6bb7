/* Markets written as a folder of CSV tables; the columns are those of docs/market-format.md. */
#include "base/csv.h"
#include "base/instant.h"
#include "toolkit/dfmct/market_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One table under way: cells are put one after the other; the writer counts them against the header. */
struct table {
    struct fg_text text;
    size_t column_count, column, row_count;
};

static void table_begin(struct table *table, const char *const *columns)
{
    memset(table, 0, sizeof *table);
    fg_text_init(&table->text);
    while (columns[table->column_count])
        table->column_count++;
    for (size_t c = 0; c < table->column_count; c++)
        fg_csv_put(&table->text, columns[c], c + 1 == table->column_count);
}

static void put(struct table *table, const char *cell)
{
    bool is_last = ++table->column == table->column_count;
    fg_csv_put(&table->text, cell ? cell : "", is_last);
    if (is_last) {
        table->column = 0;
        table->row_count++;
    }
}

static void put_decimal(struct table *table, int64_t value, int least_places)
{
    char buffer[FG_DECIMAL_MAX];
    put(table, fg_decimal_format(value, 6, least_places, buffer));
}

static void put_limit(struct table *table, int64_t value)
{
    if (value == FG_NO_LIMIT || value == -FG_NO_LIMIT)
        put(table, "");
    else
        put_decimal(table, value, 0);
}

static void put_energy(struct table *table, struct fg_energy energy)
{
    put_limit(table, energy.ws == FG_NO_LIMIT || energy.ws == -FG_NO_LIMIT ? FG_NO_LIMIT : energy.ws / 3600);
}

static void put_integer(struct table *table, int64_t value)
{
    char buffer[24];
    snprintf(buffer, sizeof buffer, "%lld", (long long)value);
    put(table, buffer);
}

/* "0.5" when all are equal, else one value per period. */
static void put_profile(struct table *table, const struct fg_power *values, int32_t count)
{
    struct fg_text cell;
    char buffer[FG_DECIMAL_MAX];
    bool equal = true;
    fg_text_init(&cell);
    for (int32_t t = 1; t < count; t++)
        equal = equal && values[t].w == values[0].w;
    for (int32_t t = 0; t < (equal ? 1 : count); t++) {
        fg_text_puts(&cell, t ? " " : "");
        fg_text_puts(&cell, fg_decimal_format(values[t].w, 6, 0, buffer));
    }
    put(table, cell.failed ? "" : cell.data);
    table->text.failed = table->text.failed || cell.failed;
    fg_text_release(&cell);
}

/* Write the table, or remove an old one when it has no rows. */
static enum fg_code table_end(struct table *table, const char *folder, const char *name, struct fg_error *err)
{
    char path[4096];
    enum fg_code code = FG_OK;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        code = fg_fail(err, FG_ERR_IO, NULL, "the path of the folder is too long; use a shorter one");
    else if (table->text.failed)
        code = fg_fail_memory(err);
    else if (table->row_count > 0)
        code = fg_file_write(path, table->text.data, table->text.length, err);
    else if (unlink(path) != 0 && errno != ENOENT)
        code = fg_fail(err, FG_ERR_IO, path, "an old table cannot be removed: %s", strerror(errno));
    fg_text_release(&table->text);
    return code;
}

static void put_key(struct table *table, const char *key, const char *value)
{
    put(table, key);
    put(table, value);
}

static void put_key_decimal(struct table *table, const char *key, int64_t value, int least_places)
{
    if (value == FG_NO_LIMIT || value == -FG_NO_LIMIT)
        return;
    put(table, key);
    put_decimal(table, value, least_places);
}

static enum fg_code write_rules(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {"key", "value", NULL};
    struct table table;
    char start[FG_INSTANT_TEXT];
    table_begin(&table, columns);
    put_key(&table, "format", "flexgrid-market");
    put_key(&table, "version", "1");
    put_key(&table, "id", market->id);
    if (market->name)
        put_key(&table, "name", market->name);
    put_key(&table, "currency", market->currency);
    put_key(&table, "operator", market->operator_id);
    put_key_decimal(&table, "tick", market->tick.w, 0);
    put_key_decimal(&table, "price_step", market->price_step.uper_mwh, 2);
    put_key(&table, "start", fg_instant_format(market->start_s, start));
    put(&table, "period_minutes");
    put_integer(&table, market->period_s / 60);
    put(&table, "period_count");
    put_integer(&table, market->period_count);
    put_key(&table, "physics", fg_market_physics_words[market->physics]);
    put_key(&table, "balance", fg_balance_words[market->balance]);
    put_key(&table, "balance_reactive", fg_balance_words[market->balance_reactive]);
    put_key(&table, "pricing", fg_pricing_words[market->pricing]);
    put_key(&table, "match_requests", market->match_requests ? "true" : "false");
    put_key_decimal(&table, "scarcity.overload", market->scarcity_overload.uper_mwh, 2);
    put_key_decimal(&table, "scarcity.voltage", market->scarcity_voltage.uper_mwh, 2);
    put_key_decimal(&table, "scarcity.not_served", market->scarcity_not_served.uper_mwh, 2);
    if (market->vm_min_u != 0)
        put_key_decimal(&table, "voltage_band.minimum", market->vm_min_u, 0);
    put_key_decimal(&table, "voltage_band.maximum", market->vm_max_u, 0);
    put_key_decimal(&table, "substation.p_min", market->substation_p_min.w, 0);
    put_key_decimal(&table, "substation.p_max", market->substation_p_max.w, 0);
    put_key_decimal(&table, "substation.q_min", market->substation_q_min.w, 0);
    put_key_decimal(&table, "substation.q_max", market->substation_q_max.w, 0);
    return table_end(&table, folder, "market.csv", err);
}

static enum fg_code write_periods(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {"start",      "import_price",     "import_price_reactive",
                                          "scale_load", "scale_generation", NULL};
    struct table table;
    char start[FG_INSTANT_TEXT];
    table_begin(&table, columns);
    for (int32_t t = 0; t < market->period_count; t++) {
        put(&table, fg_instant_format(market->start_s + (int64_t)t * market->period_s, start));
        put_decimal(&table, market->import_price[t].uper_mwh, 2);
        put_decimal(&table, market->import_price_reactive[t].uper_mwh, 2);
        put_decimal(&table, market->scale_load_u[t], 0);
        put_decimal(&table, market->scale_generation_u[t], 0);
    }
    return table_end(&table, folder, "periods.csv", err);
}

static enum fg_code write_conditions(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {"kind", "element", "closed", "rating", "vm_min", "vm_max", "start", "periods", NULL};
    struct table table;
    char text[FG_INSTANT_TEXT];
    table_begin(&table, columns);
    for (size_t i = 0; i < market->condition_count; i++) {
        const struct fg_condition *condition = &market->conditions[i];
        put(&table, fg_condition_words[condition->kind]);
        put(&table, condition->element);
        put(&table, condition->kind != FG_CONDITION_SWITCH ? NULL : condition->is_closed ? "true" : "false");
        put_limit(&table, condition->kind == FG_CONDITION_RATING ? condition->rating.w : FG_NO_LIMIT);
        put_limit(&table, condition->kind == FG_CONDITION_VOLTAGE ? condition->vm_min_u : FG_NO_LIMIT);
        put_limit(&table, condition->kind == FG_CONDITION_VOLTAGE ? condition->vm_max_u : FG_NO_LIMIT);
        put(&table, fg_instant_format(market->start_s + (int64_t)condition->first_period * market->period_s, text));
        put_integer(&table, condition->period_count);
    }
    return table_end(&table, folder, "conditions.csv", err);
}

static enum fg_code write_limits(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const bus_columns[] = {"bus", "vm_min", "vm_max", NULL};
    static const char *const branch_columns[] = {"branch", "rating", NULL};
    static const char *const tap_columns[] = {"branch", NULL};
    struct table table;
    table_begin(&table, bus_columns);
    for (size_t i = 0; i < market->bus_limit_count; i++) {
        put(&table, market->bus_limits[i].bus);
        put_limit(&table, market->bus_limits[i].vm_min_u);
        put_limit(&table, market->bus_limits[i].vm_max_u);
    }
    enum fg_code code = table_end(&table, folder, "bus_limits.csv", err);
    if (code != FG_OK)
        return code;
    table_begin(&table, branch_columns);
    for (size_t i = 0; i < market->branch_limit_count; i++) {
        put(&table, market->branch_limits[i].branch);
        put_limit(&table, market->branch_limits[i].rating.w);
    }
    if ((code = table_end(&table, folder, "branch_limits.csv", err)) != FG_OK)
        return code;
    table_begin(&table, tap_columns);
    for (size_t i = 0; i < market->controllable_tap_count; i++)
        put(&table, market->controllable_taps[i].branch);
    return table_end(&table, folder, "controllable_taps.csv", err);
}

static enum fg_code write_parties(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const participant_columns[] = {"id", "name", NULL};
    static const char *const zone_columns[] = {"zone", "bus", NULL};
    static const char *const group_columns[] = {"id", "kind", NULL};
    struct table table;
    table_begin(&table, participant_columns);
    for (size_t i = 0; i < market->participant_count; i++) {
        put(&table, market->participants[i].id);
        put(&table, market->participants[i].name);
    }
    enum fg_code code = table_end(&table, folder, "participants.csv", err);
    if (code != FG_OK)
        return code;
    table_begin(&table, zone_columns);
    for (size_t i = 0; i < market->zone_count; i++)
        for (size_t b = 0; b < market->zones[i].bus_count; b++) {
            put(&table, market->zones[i].id);
            put(&table, market->zones[i].buses[b]);
        }
    if ((code = table_end(&table, folder, "zones.csv", err)) != FG_OK)
        return code;
    table_begin(&table, group_columns);
    for (size_t i = 0; i < market->group_count; i++) {
        put(&table, market->groups[i].id);
        put(&table, fg_group_kind_words[market->groups[i].kind]);
    }
    return table_end(&table, folder, "groups.csv", err);
}

static void put_rebound(struct table *table, const struct fg_asset *asset)
{
    struct fg_text cell;
    char buffer[FG_DECIMAL_MAX];
    fg_text_init(&cell);
    for (int32_t k = 0; k < asset->rebound_count; k++) {
        fg_text_puts(&cell, k ? " " : "");
        fg_text_puts(&cell, fg_decimal_format(asset->rebound_u[k], 6, 0, buffer));
    }
    put(table, cell.failed ? "" : cell.data);
    table->text.failed = table->text.failed || cell.failed;
    fg_text_release(&cell);
}

static enum fg_code write_assets(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {"id",          "participant",  "bus",        "technology",    "baseline_p",
                                          "baseline_q",  "s_max",        "p_min",      "p_max",         "q_min",
                                          "q_max",       "power_factor", "q_per_p",    "ramp_per_hour", "energy_up",
                                          "energy_down", "energy_min",   "energy_max", "rebound",       NULL};
    struct table table;
    table_begin(&table, columns);
    for (size_t i = 0; i < market->asset_count; i++) {
        const struct fg_asset *asset = &market->assets[i];
        if (asset->is_implicit)
            continue;
        put(&table, asset->id);
        put(&table, market->participants[asset->participant].id);
        put(&table, asset->bus);
        put(&table, asset->technology);
        for (int product = 0; product < 2; product++) {
            const struct fg_power *baseline = product == 0 ? asset->baseline_p : asset->baseline_q;
            if (baseline)
                put_profile(&table, baseline, market->period_count);
            else
                put(&table, "");
        }
        put_limit(&table, asset->s_max.w);
        put_limit(&table, asset->p_min.w);
        put_limit(&table, asset->p_max.w);
        put_limit(&table, asset->q_min.w);
        put_limit(&table, asset->q_max.w);
        put_limit(&table, asset->power_factor_u > 0 ? asset->power_factor_u : FG_NO_LIMIT);
        put_limit(&table, asset->follows_ratio ? asset->q_per_p_u : FG_NO_LIMIT);
        put_limit(&table, asset->ramp_per_hour.w);
        put_energy(&table, asset->energy_up);
        put_energy(&table, asset->energy_down);
        put_energy(&table, asset->energy_min);
        put_energy(&table, asset->energy_max);
        put_rebound(&table, asset);
    }
    return table_end(&table, folder, "assets.csv", err);
}

static enum fg_code write_baselines(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {"bus", "injection", "generator", "storage", "start", "p", "q", NULL};
    struct table table;
    char start[FG_INSTANT_TEXT];
    table_begin(&table, columns);
    for (size_t i = 0; i < market->baseline_count; i++) {
        const struct fg_baseline *row = &market->baselines[i];
        for (int32_t t = 0; t < market->period_count; t++) {
            for (int kind = 0; kind < 4; kind++)
                put(&table, kind == (int)row->kind ? row->id : "");
            put(&table, fg_instant_format(market->start_s + (int64_t)t * market->period_s, start));
            put_decimal(&table, row->p[t].w, 0);
            put_limit(&table, row->q ? row->q[t].w : FG_NO_LIMIT);
        }
    }
    return table_end(&table, folder, "baseline.csv", err);
}

static void put_points(struct table *table, const struct fg_order *order)
{
    struct fg_text cell;
    char quantity[FG_DECIMAL_MAX], price[FG_DECIMAL_MAX];
    fg_text_init(&cell);
    for (int32_t k = 0; k < order->point_count; k++)
        fg_text_printf(&cell, "%s%s@%s", k ? " " : "", fg_decimal_format(order->points[k].up_to.w, 6, 0, quantity),
                       fg_decimal_format(order->points[k].price.uper_mwh, 6, 2, price));
    put(table, cell.failed ? "" : cell.data);
    table->text.failed = table->text.failed || cell.failed;
    fg_text_release(&cell);
}

static void put_order(struct table *table, const struct fg_market *market, const struct fg_order *order)
{
    char start[FG_INSTANT_TEXT];
    bool has_asset = order->asset >= 0 && !market->assets[order->asset].is_implicit;
    put(table, order->id);
    put(table, market->participants[order->participant].id);
    put(table, fg_side_words[order->side]);
    put(table, order->kind == FG_REQUEST_NONE ? "" : fg_request_kind_words[order->kind]);
    put(table, fg_product_words[order->product]);
    put(table, order->regulation == FG_REGULATION_BOTH ? "" : fg_regulation_words[order->regulation]);
    put(table, has_asset ? market->assets[order->asset].id : "");
    put(table, !has_asset && order->location_kind == FG_LOCATION_BUS ? order->location : "");
    put(table, order->location_kind == FG_LOCATION_ZONE ? market->zones[order->zone].id : "");
    put(table, order->location_kind == FG_LOCATION_BRANCH_LIMIT ? order->location : "");
    put(table, order->location_kind == FG_LOCATION_VOLTAGE_LIMIT ? order->location : "");
    put(table, fg_instant_format(market->start_s + (int64_t)order->first_period * market->period_s, start));
    put_integer(table, order->period_count);
    put_profile(table, order->quantity, order->period_count);
    put_limit(table, order->point_count == 1 ? order->points[0].price.uper_mwh : FG_NO_LIMIT);
    if (order->point_count == 1)
        put(table, "");
    else
        put_points(table, order);
    put(table, order->block ? "true" : "");
    put_limit(table, order->min_fraction_u > 0 ? order->min_fraction_u : FG_NO_LIMIT);
    put(table, order->parent >= 0 ? market->orders[order->parent].id : "");
    put(table, order->group >= 0 ? market->groups[order->group].id : "");
}

static enum fg_code write_orders(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    static const char *const columns[] = {
        "id",    "participant",        "side",           "kind",  "product", "regulation", "asset", "bus",
        "zone",  "covers_branch",      "covers_voltage", "start", "periods", "quantity",   "price", "price_points",
        "block", "minimum_acceptance", "parent",         "group", NULL};
    struct table table;
    table_begin(&table, columns);
    for (size_t i = 0; i < market->order_count; i++)
        put_order(&table, market, &market->orders[i]);
    return table_end(&table, folder, "orders.csv", err);
}

enum fg_code fg_market_write_csv_folder(const struct fg_market *market, const char *folder, struct fg_error *err)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fg_fail(err, FG_ERR_IO, folder, "the folder cannot be made: %s; choose another place", strerror(errno));
    static enum fg_code (*const writers[])(const struct fg_market *, const char *, struct fg_error *) = {
        write_periods, write_conditions, write_limits, write_parties, write_assets, write_baselines, write_orders, write_rules};
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        enum fg_code code = writers[i](market, folder, err);
        if (code != FG_OK)
            return code;
    }
    return FG_OK;
}
