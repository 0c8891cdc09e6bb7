/* The market schema: orders. */
#include "base/instant.h"
#include "toolkit/dfmct/market_reader.h"

#include <string.h>

static const char *const order_keys[] = {"id",
                                         "participant",
                                         "side",
                                         "kind",
                                         "product",
                                         "regulation",
                                         "asset",
                                         "bus",
                                         "zone",
                                         "covers_branch",
                                         "covers_voltage",
                                         "start",
                                         "periods",
                                         "quantity",
                                         "price",
                                         "price_points",
                                         "block",
                                         "all_or_none",
                                         "minimum_acceptance",
                                         "parent",
                                         "group",
                                         NULL};

static bool is_absent(const struct fg_json_cursor *at)
{
    return at->value == NULL || json_is_null(at->value);
}

static enum fg_code decimal_item(const struct fg_json_cursor *at, int64_t *out, struct fg_error *err)
{
    struct fg_error why;
    if (!json_is_string(at->value))
        return fg_json_fail(at, FG_ERR_SCHEMA, err, "give a decimal number as a string, such as \"0.25\"");
    enum fg_code code = fg_decimal_parse(json_string_value(at->value), 6, out, &why);
    return code == FG_OK ? FG_OK : fg_json_fail(at, code, err, "%s", why.text);
}

static enum fg_code read_kind(const struct fg_json_cursor *object, struct fg_order *order, struct fg_error *err)
{
    const char *word;
    int side, kind, product, regulation;
    enum fg_code code;
    if ((code = fg_json_get_string(object, "side", &word, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "side", fg_side_words, 0, &side, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "kind", fg_request_kind_words, FG_REQUEST_NONE, &kind, err)) != FG_OK ||
        (code = fg_market_reader_word(object, "product", fg_product_words, FG_PRODUCT_ACTIVE, &product, err)) !=
            FG_OK ||
        (code = fg_market_reader_word(object, "regulation", fg_regulation_words, -1, &regulation, err)) != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, "covers_branch");
    if (regulation < 0 && is_absent(&at)) {
        at = fg_json_member(object, "regulation");
        return fg_json_fail(&at, FG_ERR_SCHEMA, err, "missing; give up (more injection) or down");
    }
    order->side = (enum fg_side)side;
    order->kind = (enum fg_request_kind)kind;
    order->product = (enum fg_product)product;
    order->regulation = regulation < 0 ? FG_REGULATION_BOTH : (enum fg_regulation)regulation;
    return FG_OK;
}

/* Exactly one of asset, bus, zone, covers_branch, covers_voltage. */
static enum fg_code read_location(const struct fg_market *market, const struct fg_json_cursor *object,
                                  struct fg_order *order, struct fg_error *err)
{
    static const char *const keys[] = {"asset", "bus", "zone", "covers_branch", "covers_voltage"};
    enum { ASSET, BUS, ZONE, BRANCH, VOLTAGE, KEY_COUNT };
    int given = -1, named = 0;
    for (int k = 0; k < KEY_COUNT; k++) {
        struct fg_json_cursor at = fg_json_member(object, keys[k]);
        if (!is_absent(&at)) {
            given = k;
            named++;
        }
    }
    if (named != 1)
        return fg_json_fail(object, FG_ERR_SCHEMA, err,
                            "give exactly one of asset, bus, zone, covers_branch and covers_voltage");
    const char *id;
    enum fg_code code = fg_market_reader_id(object, keys[given], &id, err);
    if (code != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, keys[given]);
    order->location = id;
    switch (given) {
    case ASSET:
        order->asset = fg_market_find_asset(market, id);
        if (order->asset < 0)
            return fg_json_fail(&at, FG_ERR_VALUE, err, "there is no asset %.60s; declare it in assets, or name a bus",
                                id);
        if (order->side == FG_SIDE_BUY)
            return fg_json_fail(&at, FG_ERR_VALUE, err,
                                "requests name a bus, zone or limit; only offers name an asset");
        order->location = market->assets[order->asset].bus;
        order->location_kind = FG_LOCATION_BUS;
        return FG_OK;
    case BUS: order->location_kind = FG_LOCATION_BUS; return FG_OK;
    case ZONE:
        order->location = NULL;
        order->location_kind = FG_LOCATION_ZONE;
        order->zone = fg_market_find_zone(market, id);
        if (order->zone < 0)
            return fg_json_fail(&at, FG_ERR_VALUE, err, "there is no zone %.60s; declare it in zones", id);
        break;
    case BRANCH: order->location_kind = FG_LOCATION_BRANCH_LIMIT; break;
    default: order->location_kind = FG_LOCATION_VOLTAGE_LIMIT; break;
    }
    if (order->side == FG_SIDE_SELL)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "an offer moves one injection; name its asset or bus");
    return FG_OK;
}

enum fg_code fg_market_reader_periods(const struct fg_market *market, const struct fg_json_cursor *object, int64_t fallback,
                                      int32_t *first_period, int32_t *period_count, struct fg_error *err)
{
    const char *start_text;
    int64_t start_s = market->start_s, periods;
    struct fg_error why;
    struct fg_json_cursor at = fg_json_member(object, "start");
    enum fg_code code = fg_json_or_string(object, "start", NULL, &start_text, err);
    if (code != FG_OK)
        return code;
    if (start_text && (code = fg_instant_parse(start_text, &start_s, &why)) != FG_OK)
        return fg_json_fail(&at, code, err, "%s", why.text);
    int64_t offset_s = start_s - market->start_s;
    if (offset_s % market->period_s != 0)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "is not the start of a period; periods are %d minutes from %s",
                            market->period_s / 60, fg_instant_format(market->start_s, (char[FG_INSTANT_TEXT]){0}));
    int64_t first = offset_s / market->period_s;
    if ((code = fg_json_or_integer(object, "periods", fallback > 0 ? fallback : market->period_count - first, &periods, err)) != FG_OK)
        return code;
    if (periods < 1 || first < 0 || periods > market->period_count || first + periods > market->period_count)
        return fg_json_fail(object, FG_ERR_VALUE, err,
                            "[period_range] its %lld periods from period %lld on are outside the market's %d; move or "
                            "shorten it",
                            (long long)periods, (long long)first, market->period_count);
    *first_period = (int32_t)first;
    *period_count = (int32_t)periods;
    return FG_OK;
}

static enum fg_code read_periods(const struct fg_market *market, const struct fg_json_cursor *object,
                                 struct fg_order *order, struct fg_error *err)
{
    struct fg_json_cursor quantity = fg_json_member(object, "quantity");
    int64_t fallback = json_is_array(quantity.value) ? (int64_t)fg_json_count(&quantity) : 1;
    return fg_market_reader_periods(market, object, fallback, &order->first_period, &order->period_count, err);
}

static enum fg_code read_quantity(const struct fg_json_cursor *object, struct fg_order *order, struct fg_power *out,
                                  struct fg_error *err)
{
    struct fg_json_cursor at = fg_json_member(object, "quantity");
    enum fg_code code = FG_OK;
    order->quantity = out;
    if (!json_is_array(at.value)) {
        code = decimal_item(&at, &out[0].w, err);
        for (int32_t t = 1; t < order->period_count && code == FG_OK; t++)
            out[t] = out[0];
        return code;
    }
    if (fg_json_count(&at) != (size_t)order->period_count)
        return fg_json_fail(&at, FG_ERR_VALUE, err, "has %zu values for %d periods; give one per period, or one string",
                            fg_json_count(&at), order->period_count);
    for (int32_t t = 0; t < order->period_count && code == FG_OK; t++) {
        struct fg_json_cursor item = fg_json_item(&at, (size_t)t);
        code = decimal_item(&item, &out[t].w, err);
    }
    return code;
}

/* price, or price_points; `points` has room for count_points of them. */
static enum fg_code read_price(const struct fg_json_cursor *object, struct fg_order *order,
                               struct fg_price_point *points, struct fg_error *err)
{
    static const char *const known[] = {"quantity", "price", NULL};
    struct fg_json_cursor price = fg_json_member(object, "price"), list;
    enum fg_code code = fg_json_or_array(object, "price_points", &list, err);
    if (code != FG_OK)
        return code;
    order->points = points;
    if (is_absent(&price) == (list.value == NULL))
        return fg_json_fail(object, FG_ERR_SCHEMA, err, "give either price or price_points");
    if (!is_absent(&price)) {
        order->point_count = 1;
        points[0].up_to.w = 0;
        for (int32_t t = 0; t < order->period_count; t++)
            if (order->quantity[t].w > points[0].up_to.w)
                points[0].up_to = order->quantity[t];
        if (points[0].up_to.w == 0)
            points[0].up_to.w = 1; /* the order is refused for its quantity, not for its price */
        return decimal_item(&price, &points[0].price.uper_mwh, err);
    }
    size_t count = fg_json_count(&list);
    if (count < 1 || count > FG_MARKET_POINTS_MAX)
        return fg_json_fail(&list, FG_ERR_VALUE, err, "give 1 to %d price points", FG_MARKET_POINTS_MAX);
    order->point_count = (int32_t)count;
    for (size_t k = 0; k < count && code == FG_OK; k++) {
        struct fg_json_cursor item = fg_json_item(&list, k), at = fg_json_member(&item, "quantity");
        if ((code = fg_json_is_object(&item, err)) != FG_OK || (code = fg_json_only(&item, known, err)) != FG_OK ||
            (code = decimal_item(&at, &points[k].up_to.w, err)) != FG_OK)
            return code;
        at = fg_json_member(&item, "price");
        code = decimal_item(&at, &points[k].price.uper_mwh, err);
    }
    return code;
}

static enum fg_code read_conditions(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_order *order, const char **parent, struct fg_error *err)
{
    bool all_or_none;
    enum fg_code code = fg_json_or_bool(object, "block", false, &order->block, err);
    if (code != FG_OK || (code = fg_json_or_bool(object, "all_or_none", false, &all_or_none, err)) != FG_OK ||
        (code = fg_market_reader_decimal(object, "minimum_acceptance", &order->min_fraction_u, err)) != FG_OK)
        return code;
    struct fg_json_cursor at = fg_json_member(object, "minimum_acceptance");
    if (all_or_none && !is_absent(&at))
        return fg_json_fail(&at, FG_ERR_SCHEMA, err, "all_or_none is a minimum acceptance of 1; give one of the two");
    if (all_or_none)
        order->min_fraction_u = FG_FRACTION_ONE;
    at = fg_json_member(object, "parent");
    if (!is_absent(&at) && (code = fg_market_reader_id(object, "parent", parent, err)) != FG_OK)
        return code;
    at = fg_json_member(object, "group");
    if (is_absent(&at))
        return FG_OK;
    const char *group;
    if ((code = fg_market_reader_id(object, "group", &group, err)) != FG_OK)
        return code;
    order->group = fg_market_find_group(reader->market, group);
    return order->group >= 0
               ? FG_OK
               : fg_json_fail(&at, FG_ERR_VALUE, err, "there is no group %.60s; declare it in groups", group);
}

static enum fg_code add_order(struct fg_market_reader *reader, struct fg_order *order, const char *owner,
                              const char *parent, struct fg_error *err)
{
    struct fg_market *market = reader->market;
    order->participant = fg_market_participant(market, owner);
    if (order->participant < 0 ||
        fg_grow((void **)&reader->parents, market->order_count, &reader->parent_capacity, sizeof *reader->parents) != 0)
        return fg_fail_memory(err);
    if (parent && (parent = fg_market_string(market, parent)) == NULL)
        return fg_fail_memory(err);
    reader->parents[market->order_count] = parent;
    return fg_market_add_order(market, order, err);
}

static size_t count_points(const struct fg_json_cursor *object)
{
    struct fg_json_cursor list = fg_json_member(object, "price_points");
    size_t count = fg_json_count(&list);
    return count < 1 ? 1 : count > FG_MARKET_POINTS_MAX ? FG_MARKET_POINTS_MAX : count;
}

enum fg_code fg_market_reader_order(struct fg_market_reader *reader, const struct fg_json_cursor *object,
                                    struct fg_error *err)
{
    struct fg_order order = {.zone = -1, .asset = -1, .parent = -1, .group = -1};
    const char *owner, *parent = NULL;
    char place[sizeof err->place];
    enum fg_code code = fg_json_is_object(object, err);
    if (code != FG_OK || (code = fg_json_only(object, order_keys, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "id", &order.id, err)) != FG_OK ||
        (code = fg_market_reader_id(object, "participant", &owner, err)) != FG_OK ||
        (code = read_kind(object, &order, err)) != FG_OK ||
        (code = read_location(reader->market, object, &order, err)) != FG_OK ||
        (code = read_periods(reader->market, object, &order, err)) != FG_OK ||
        (code = read_conditions(reader, object, &order, &parent, err)) != FG_OK)
        return code;
    order.place = fg_json_place(object, place, sizeof place);
    struct fg_power *quantity = fg_alloc((size_t)order.period_count, sizeof *quantity);
    struct fg_price_point *points = fg_alloc(count_points(object), sizeof *points);
    if (!quantity || !points)
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = read_quantity(object, &order, quantity, err);
    if (code == FG_OK)
        code = read_price(object, &order, points, err);
    if (code == FG_OK)
        code = add_order(reader, &order, owner, parent, err);
    fg_free(quantity);
    fg_free(points);
    return code;
}
