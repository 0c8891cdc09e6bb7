/* A sealed book as the clearing gets it: its rows, who is left out, and the market file. */
#include "atp/auction_internal.h"

#include "atp/query.h"
#include "base/instant.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

static enum fg_code load_header(struct fg_store *store, int64_t auction, struct auction_book *book, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT u.area_id, a.operator_id, u.network_id, u.first_period, u.period_count, a.period_s, "
                                     "a.tick_w, a.price_step_u, u.name, a.currency, u.terms FROM auction u JOIN area a ON a.id = "
                                     "u.area_id WHERE u.id = $1",
                                     "i", auction);
    if (code != FG_OK)
        return code;
    book->id = auction;
    book->area = fg_sql_column_int64(sql, 0);
    book->operator = fg_sql_column_int64(sql, 1);
    book->has_network = !fg_sql_column_is_null(sql, 2);
    book->network = fg_sql_column_int64(sql, 2);
    book->first_period = (int32_t)fg_sql_column_int64(sql, 3);
    book->period_count = (int32_t)fg_sql_column_int64(sql, 4);
    book->period_s = (int32_t)fg_sql_column_int64(sql, 5);
    book->start_s = (int64_t)book->first_period * book->period_s;
    book->tick_w = fg_sql_column_int64(sql, 6);
    book->price_step_u = fg_sql_column_int64(sql, 7);
    book->name = fg_arena_strdup(&book->arena, fg_sql_column_text(sql, 8));
    book->currency = fg_arena_strdup(&book->arena, fg_sql_column_text(sql, 9));
    book->terms = fg_arena_strdup(&book->arena, fg_sql_column_text(sql, 10));
    fg_sql_done(sql);
    return book->name == NULL || book->currency == NULL || book->terms == NULL ? fg_fail_memory(err) : FG_OK;
}

static enum fg_code take_entry(struct auction_book *book, const struct fg_sql *sql, struct auction_entry *entry,
                               struct fg_error *err)
{
    size_t periods = 0, points = 0;
    int column = 0;
#define NEXT() fg_sql_column_int64(sql, column++)
    *entry = (struct auction_entry){.index = -1};
    entry->id = NEXT();
    entry->organisation = NEXT();
    entry->portfolio = NEXT();
    entry->location = NEXT();
    entry->group = NEXT();
    entry->group_kind = (int)NEXT();
    entry->parent = NEXT();
    entry->covers = (int)NEXT();
    entry->order.side = (enum fg_side)NEXT();
    entry->order.product = (enum fg_product)NEXT();
    entry->order.regulation = (enum fg_regulation)NEXT();
    entry->order.kind = (enum fg_request_kind)NEXT();
    entry->order.block = NEXT() != 0;
    entry->order.min_fraction_u = NEXT();
    entry->order.first_period = (int32_t)NEXT() - book->first_period;
    entry->order.quantity = (const struct fg_power *)auction_read_blob(&book->arena, sql, column++, &periods);
    entry->order.points = (const struct fg_price_point *)auction_read_blob(&book->arena, sql, column++, &points);
    const char *bus = fg_sql_column_text(sql, column);
#undef NEXT
    entry->order.period_count = (int32_t)periods;
    entry->order.point_count = (int32_t)(points / 2);
    entry->bus = bus != NULL ? fg_arena_strdup(&book->arena, bus) : NULL;
    return entry->order.quantity == NULL || entry->order.points == NULL || (bus != NULL && entry->bus == NULL)
               ? fg_fail_memory(err)
               : FG_OK;
}

static enum fg_code load_entries(struct fg_store *store, struct auction_book *book, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    bool row;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT id, organisation_id, portfolio_id, location_id, group_id, group_kind, parent_id, covers, "
                                 "side, product, regulation, kind, block, min_fraction_u, first_period, quantity, points, bus FROM "
                                 "auction_order WHERE auction_id = $1 AND status = 'entered' ORDER BY id",
                                 "i", book->id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        code = fg_grow((void **)&book->entries, book->count, &capacity, sizeof *book->entries) != 0
                   ? fg_fail_memory(err)
                   : take_entry(book, sql, &book->entries[book->count], err);
        if (code != FG_OK) {
            fg_sql_done(sql);
            return code;
        }
        book->count++;
    }
    return code;
}

/* ---- who is left out ---- */

static const char *bar_of(const struct fg_facts *facts, const struct auction_entry *entry)
{
    const struct fg_organisation_facts *organisation = fg_facts_organisation(facts, entry->organisation);
    const struct fg_portfolio_facts *portfolio =
        entry->portfolio != 0 ? fg_facts_portfolio(facts, entry->portfolio) : NULL;
    if (organisation == NULL || !organisation->is_active)
        return "the organisation was suspended before closure";
    if (entry->order.side == FG_SIDE_SELL && (portfolio == NULL || !portfolio->is_approved))
        return "the portfolio was suspended before closure";
    return NULL;
}

struct account { /* of a portfolio, product, direction and period whose approved capability was lowered */
    int64_t portfolio, left_w;
    int product, regulation;
    int32_t period;
};

/* Accounts in which more is bound than is approved now. */
static enum fg_code load_accounts(struct fg_store *store, const struct auction_book *book, const struct fg_facts *facts,
                                  struct account **accounts, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    bool row;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT portfolio_id, product, regulation, period, reserved_w, traded_w + forwarded_w FROM "
                                 "book_position WHERE area_id = $1 AND period >= $2 AND period < $3 AND reserved_w > 0",
                                 "iii", book->area, (int64_t)book->first_period, (int64_t)book->first_period + book->period_count);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        struct account account = {.portfolio = fg_sql_column_int64(sql, 0),
                                  .product = (int)fg_sql_column_int64(sql, 1),
                                  .regulation = (int)fg_sql_column_int64(sql, 2),
                                  .period = (int32_t)fg_sql_column_int64(sql, 3)};
        int64_t reserved = fg_sql_column_int64(sql, 4), others = fg_sql_column_int64(sql, 5);
        int64_t approved = fg_facts_capability(facts, account.portfolio, (enum fg_product)account.product,
                                               (enum fg_regulation)account.regulation, account.period);
        if (reserved + others <= approved)
            continue;
        account.left_w = approved > others ? approved - others : 0;
        if (fg_grow((void **)accounts, *count, &capacity, sizeof **accounts) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        (*accounts)[(*count)++] = account;
    }
    return code;
}

static int64_t quantity_in(const struct auction_book *book, const struct auction_entry *entry, const struct account *account)
{
    int32_t k = account->period - book->first_period - entry->order.first_period;
    bool is_its = entry->order.side == FG_SIDE_SELL && account->portfolio == entry->portfolio &&
                  account->product == (int)entry->order.product && account->regulation == (int)entry->order.regulation;
    return is_its && k >= 0 && k < entry->order.period_count ? entry->order.quantity[k].w : 0;
}

/* What an order by itself, or the members of a group, bind of an account (as auction_reserves_add has bound it). */
static int64_t bound_by(const struct auction_book *book, size_t first, size_t end, const struct account *account)
{
    bool is_exclusive = end - first > 1 && book->entries[first].group_kind != FG_GROUP_MULTIPART;
    int64_t bound_w = 0;
    for (size_t i = first; i < end; i++) {
        int64_t here = quantity_in(book, &book->entries[i], account);
        bound_w = !is_exclusive ? bound_w + here : here > bound_w ? here : bound_w;
    }
    return bound_w;
}

/* Takes what they bind from the accounts that are short; false, and nothing is taken, when one has too little. */
static bool take_from(struct account *accounts, size_t count, const struct auction_book *book, size_t first, size_t end)
{
    for (size_t i = 0; i < count; i++)
        if (bound_by(book, first, end, &accounts[i]) > accounts[i].left_w)
            return false;
    for (size_t i = 0; i < count; i++)
        accounts[i].left_w -= bound_by(book, first, end, &accounts[i]);
    return true;
}

/* Groups stand and fall together, children fall with their parents. */
static void spread_exclusions(struct auction_book *book)
{
    for (bool is_changed = true; is_changed;) {
        is_changed = false;
        for (size_t i = 0; i < book->count; i++)
            for (size_t k = 0; book->entries[i].excluded != NULL && k < book->count; k++) {
                struct auction_entry *other = &book->entries[k];
                bool falls = other->parent == book->entries[i].id ||
                             (other->group != 0 && other->group == book->entries[i].group);
                if (falls && other->excluded == NULL) {
                    other->excluded = "another order of its group, or its parent, was left out";
                    is_changed = true;
                }
            }
    }
}

static enum fg_code exclude(struct fg_store *store, struct auction_book *book, const struct fg_facts *facts, struct fg_error *err)
{
    struct account *accounts = NULL;
    size_t count = 0;
    enum fg_code code = load_accounts(store, book, facts, &accounts, &count, err);
    for (size_t i = 0, end; code == FG_OK && i < book->count; i = end) { /* members of a group stand together */
        bool is_barred = false;
        for (end = i; end == i || (end < book->count && book->entries[i].group != 0 && book->entries[end].group == book->entries[i].group);
             end++) {
            book->entries[end].excluded = bar_of(facts, &book->entries[end]);
            is_barred = is_barred || book->entries[end].excluded != NULL;
        }
        if (!is_barred && !take_from(accounts, count, book, i, end))
            for (size_t k = i; k < end; k++)
                book->entries[k].excluded = "the portfolio's approved capability was lowered before closure";
    }
    fg_free(accounts);
    if (code == FG_OK)
        spread_exclusions(book);
    for (size_t i = 0; i < book->count; i++)
        if (book->entries[i].excluded == NULL)
            book->entries[i].index = (int64_t)book->included++;
    return code;
}

enum fg_code auction_book_load(struct fg_store *store, int64_t auction, const struct fg_facts *facts, struct auction_book *book,
                               struct fg_error *err)
{
    *book = (struct auction_book){0};
    fg_arena_init(&book->arena);
    enum fg_code code = load_header(store, auction, book, err);
    if (code == FG_OK)
        code = load_entries(store, book, err);
    return code == FG_OK ? exclude(store, book, facts, err) : code;
}

void auction_book_release(struct auction_book *book)
{
    fg_free(book->entries);
    fg_free(book->zones);
    fg_arena_release(&book->arena);
}

/* ---- zones ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool auction_zone_has(const struct auction_zone *zone, const char *place)
{
    return bsearch(&place, zone->places, zone->count, sizeof *zone->places, by_text) != NULL;
}

const struct auction_zone *auction_zone_of(const struct auction_book *book, int64_t location)
{
    for (size_t z = 0; z < book->zone_count; z++)
        if (book->zones[z].location == location)
            return &book->zones[z];
    return NULL;
}

#define BELOW                                                                                                          \
    "WITH RECURSIVE below (id) AS (SELECT id FROM location WHERE id = $1 UNION SELECT l.id FROM location l JOIN below b ON "   \
    "l.parent_id = b.id) "

/* The buses of a location and of all below it that the network has; physics none: the locations themselves. */
static enum fg_code load_zone(struct fg_store *store, struct auction_book *book, int64_t location, struct fg_error *err)
{
    struct fg_sql *sql;
    size_t capacity = 0;
    bool row;
    char name[FG_ID_TEXT];
    if (fg_grow((void **)&book->zones, book->zone_count, &book->zone_capacity, sizeof *book->zones) != 0)
        return fg_fail_memory(err);
    struct auction_zone *zone = &book->zones[book->zone_count];
    *zone = (struct auction_zone){.location = location};
    const char **places = NULL;
    enum fg_code code =
        book->has_network
            ? fg_query(store, &sql, err,
                       BELOW "SELECT DISTINCT b.bus FROM location_bus b JOIN below w ON w.id = b.location_id JOIN network_bus n ON "
                             "n.bus = b.bus AND n.network_id = $2 ORDER BY b.bus",
                       "ii", location, book->network)
            : fg_query(store, &sql, err, BELOW "SELECT id FROM below WHERE $2 = 0 ORDER BY id", "ii", location, (int64_t)0);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        const char *place =
            book->has_network ? fg_sql_column_text(sql, 0) : fg_id_text(FG_ID_LOCATION, fg_sql_column_int64(sql, 0), name);
        if (fg_grow((void **)&places, zone->count, &capacity, sizeof *places) != 0 ||
            (places[zone->count] = fg_arena_strdup(&book->arena, place)) == NULL) {
            fg_sql_done(sql);
            fg_free(places);
            return fg_fail_memory(err);
        }
        zone->count++;
    }
    if (code == FG_OK) {
        zone->places = fg_arena_alloc(&book->arena, zone->count + 1, sizeof *zone->places);
        if (zone->places == NULL)
            code = fg_fail_memory(err);
    }
    if (code == FG_OK && zone->count > 0) {
        memcpy(zone->places, places, zone->count * sizeof *places);
        qsort(zone->places, zone->count, sizeof *zone->places, by_text);
    }
    fg_free(places);
    book->zone_count += code == FG_OK;
    return code;
}

/* ---- the market file ---- */

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}

static void put_id(struct fg_json_writer *out, const char *key, enum fg_id_kind kind, int64_t number)
{
    char text[FG_ID_TEXT];
    fg_json_put_string(out, key, fg_id_text(kind, number, text));
}

/* A member as it stands; a list of one value stands for all periods. */
static enum fg_code put_member(struct fg_json_writer *out, const char *key, json_t *value, struct fg_error *err)
{
    if (json_is_array(value) && json_array_size(value) == 1 && strcmp(key, "rebound") != 0)
        value = json_array_get(value, 0);
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL)
        return fg_fail_memory(err);
    fg_json_put_raw(out, key, text);
    free(text);
    return FG_OK;
}

static enum fg_code put_terms(struct fg_json_writer *out, const char *terms, struct fg_error *err)
{
    json_t *root, *value;
    const char *key;
    enum fg_code code = fg_json_load_text(terms, strlen(terms), "terms", &root, err);
    if (code != FG_OK)
        return code;
    json_object_foreach(root, key, value) {
        bool is_own = strcmp(key, "products") == 0 || strcmp(key, "time_limit_s") == 0; /* not the market file's */
        if (code == FG_OK && !is_own && !json_is_null(value))
            code = put_member(out, key, value, err);
    }
    json_decref(root);
    return code;
}

static enum fg_code put_header(struct fg_json_writer *out, const struct auction_book *book, struct fg_error *err)
{
    char start[FG_INSTANT_TEXT];
    fg_json_begin_object(out, NULL);
    fg_json_put_string(out, "format", "flexgrid-market");
    fg_json_put_integer(out, "version", 1);
    put_id(out, "id", FG_ID_AUCTION, book->id);
    fg_json_put_string(out, "name", book->name);
    fg_json_put_string(out, "currency", book->currency);
    put_id(out, "operator", FG_ID_ORGANISATION, book->operator);
    put_decimal(out, "tick", book->tick_w);
    put_decimal(out, "price_step", book->price_step_u);
    fg_json_put_string(out, "start", fg_instant_format(book->start_s, start));
    fg_json_put_integer(out, "period_minutes", book->period_s / 60);
    fg_json_put_integer(out, "period_count", book->period_count);
    return put_terms(out, book->terms, err);
}

const char *auction_place(const struct auction_entry *entry, char buffer[32])
{
    return entry->bus != NULL ? entry->bus : fg_id_text(FG_ID_LOCATION, entry->location, buffer);
}

static bool is_zone_need(const struct auction_entry *entry)
{
    return entry->order.kind == FG_REQUEST_NEED && entry->covers == 0 && entry->bus == NULL;
}

static enum fg_code put_zones(struct fg_store *store, struct fg_json_writer *out, struct auction_book *book, struct fg_error *err)
{
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < book->count; i++)
        if (book->entries[i].excluded == NULL && is_zone_need(&book->entries[i]) &&
            auction_zone_of(book, book->entries[i].location) == NULL)
            code = load_zone(store, book, book->entries[i].location, err);
    if (code != FG_OK)
        return code;
    fg_json_begin_array(out, "zones");
    for (size_t z = 0; z < book->zone_count; z++) {
        fg_json_begin_row_object(out, NULL);
        put_id(out, "id", FG_ID_LOCATION, book->zones[z].location);
        fg_json_begin_row(out, "buses");
        for (size_t b = 0; b < book->zones[z].count; b++)
            fg_json_put_string(out, NULL, book->zones[z].places[b]);
        fg_json_end_array(out);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
    return FG_OK;
}

/* All offers of a portfolio at a bus are one asset: they share its limits, and up and down are netted there. */
static void asset_name(const struct auction_entry *entry, char name[256])
{
    char place[32];
    snprintf(name, 256, "pf-%lld@%.200s", (long long)entry->portfolio, auction_place(entry, place));
}

static int by_asset(const void *a, const void *b)
{
    const struct auction_entry *x = *(const struct auction_entry *const *)a, *y = *(const struct auction_entry *const *)b;
    if (x->portfolio != y->portfolio)
        return x->portfolio < y->portfolio ? -1 : 1;
    if (x->bus == NULL || y->bus == NULL)
        return x->location < y->location ? -1 : x->location > y->location;
    return strcmp(x->bus, y->bus);
}

static enum fg_code put_limits(struct fg_json_writer *out, const char *limits, struct fg_error *err)
{
    json_t *root, *value;
    const char *key;
    enum fg_code code = fg_json_load_text(limits, strlen(limits), "limits", &root, err);
    if (code != FG_OK)
        return code;
    json_object_foreach(root, key, value) {
        if (code == FG_OK && !json_is_null(value))
            code = put_member(out, key, value, err);
    }
    json_decref(root);
    return code;
}

static enum fg_code put_asset(struct fg_store *store, struct fg_json_writer *out, struct auction_book *book,
                              const struct auction_entry *entry, struct fg_error *err)
{
    struct fg_sql *sql;
    char name[256], place[32];
    bool row = false;
    asset_name(entry, name);
    fg_json_begin_row_object(out, NULL);
    fg_json_put_string(out, "id", name);
    put_id(out, "participant", FG_ID_ORGANISATION, entry->organisation);
    fg_json_put_string(out, "bus", auction_place(entry, place));
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT terms FROM auction_limit WHERE auction_id = $1 AND portfolio_id = $2 AND bus = $3", "iit",
                                 book->id, entry->portfolio, entry->bus != NULL ? entry->bus : "");
    if (code == FG_OK)
        code = fg_sql_next(sql, &row, err);
    if (code == FG_OK && row) {
        code = put_limits(out, fg_sql_column_text(sql, 0), err);
        fg_sql_done(sql);
    }
    fg_json_end_object(out);
    return code;
}

enum fg_code auction_book_try_asset(struct auction_book *book, const char *place, const char *limits, struct fg_text *text,
                                    struct fg_error *err)
{
    struct fg_json_writer out;
    fg_json_writer_init(&out, text, false);
    enum fg_code code = put_header(&out, book, err);
    if (code != FG_OK)
        return code;
    fg_json_begin_array(&out, "assets");
    fg_json_begin_row_object(&out, NULL);
    fg_json_put_string(&out, "id", "limits");
    fg_json_put_string(&out, "participant", "participant");
    fg_json_put_string(&out, "bus", place);
    code = put_limits(&out, limits, err);
    fg_json_end_object(&out);
    fg_json_end_array(&out);
    fg_json_end_object(&out);
    return code == FG_OK && text->failed ? fg_fail_memory(err) : code;
}

static enum fg_code put_assets(struct fg_store *store, struct fg_json_writer *out, struct auction_book *book, struct fg_error *err)
{
    const struct auction_entry **sells = fg_alloc(book->count + 1, sizeof *sells);
    size_t count = 0;
    enum fg_code code = sells == NULL ? fg_fail_memory(err) : FG_OK;
    for (size_t i = 0; code == FG_OK && i < book->count; i++)
        if (book->entries[i].excluded == NULL && book->entries[i].order.side == FG_SIDE_SELL)
            sells[count++] = &book->entries[i];
    if (code == FG_OK)
        qsort(sells, count, sizeof *sells, by_asset);
    fg_json_begin_array(out, "assets");
    for (size_t i = 0; code == FG_OK && i < count; i++)
        if (i == 0 || by_asset(&sells[i - 1], &sells[i]) != 0)
            code = put_asset(store, out, book, sells[i], err);
    fg_json_end_array(out);
    fg_free(sells);
    return code;
}

static void put_groups(struct fg_json_writer *out, const struct auction_book *book)
{
    int64_t last = 0;
    fg_json_begin_array(out, "groups");
    for (size_t i = 0; i < book->count; i++) {
        const struct auction_entry *entry = &book->entries[i]; /* members of a group stand together */
        if (entry->excluded != NULL || entry->group == 0 || entry->group == last)
            continue;
        last = entry->group;
        fg_json_begin_row_object(out, NULL);
        put_id(out, "id", FG_ID_GROUP, entry->group);
        fg_json_put_string(out, "kind", fg_group_kind_words[entry->group_kind]);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

static void put_order_place(struct fg_json_writer *out, const struct auction_entry *entry)
{
    char name[256], place[32];
    if (entry->covers == FG_LOCATION_BRANCH_LIMIT)
        fg_json_put_string(out, "covers_branch", entry->bus);
    else if (entry->covers == FG_LOCATION_VOLTAGE_LIMIT)
        fg_json_put_string(out, "covers_voltage", entry->bus);
    else if (is_zone_need(entry))
        put_id(out, "zone", FG_ID_LOCATION, entry->location);
    else if (entry->order.side == FG_SIDE_SELL) {
        asset_name(entry, name);
        fg_json_put_string(out, "asset", name);
    } else {
        fg_json_put_string(out, "bus", auction_place(entry, place));
    }
}

static void put_order(struct fg_json_writer *out, struct auction_book *book, const struct auction_entry *entry)
{
    const struct fg_order *order = &entry->order;
    char start[FG_INSTANT_TEXT];
    fg_json_begin_row_object(out, NULL);
    put_id(out, "id", FG_ID_ORDER, entry->id);
    put_id(out, "participant", FG_ID_ORGANISATION, entry->organisation);
    fg_json_put_string(out, "side", fg_side_words[order->side]);
    if (order->side == FG_SIDE_BUY)
        fg_json_put_string(out, "kind", fg_request_kind_words[order->kind]);
    fg_json_put_string(out, "product", fg_product_words[order->product]);
    if (entry->covers != FG_LOCATION_BRANCH_LIMIT)
        fg_json_put_string(out, "regulation", fg_regulation_words[order->regulation]);
    put_order_place(out, entry);
    fg_json_put_string(out, "start",
                       fg_instant_format(book->start_s + (int64_t)order->first_period * book->period_s, start));
    fg_json_begin_row(out, "quantity");
    for (int32_t k = 0; k < order->period_count; k++)
        put_decimal(out, NULL, order->quantity[k].w);
    fg_json_end_array(out);
    if (order->point_count == 1) {
        put_decimal(out, "price", order->points[0].price.uper_mwh);
    } else {
        fg_json_begin_row(out, "price_points");
        for (int32_t p = 0; p < order->point_count; p++) {
            fg_json_begin_row_object(out, NULL);
            put_decimal(out, "quantity", order->points[p].up_to.w);
            put_decimal(out, "price", order->points[p].price.uper_mwh);
            fg_json_end_object(out);
        }
        fg_json_end_array(out);
    }
    if (order->block)
        fg_json_put_bool(out, "block", true);
    if (order->min_fraction_u > 0)
        put_decimal(out, "minimum_acceptance", order->min_fraction_u);
    if (entry->parent != 0)
        put_id(out, "parent", FG_ID_ORDER, entry->parent);
    if (entry->group != 0)
        put_id(out, "group", FG_ID_GROUP, entry->group);
    fg_json_end_object(out);
}

enum fg_code auction_book_market(struct fg_store *store, struct auction_book *book, int64_t now_us,
                                 struct fg_text *text, struct fg_error *err)
{
    struct fg_json_writer out;
    fg_json_writer_init(&out, text, false);
    enum fg_code code = put_header(&out, book, err);
    if (code == FG_OK)
        code = put_zones(store, &out, book, err);
    if (code == FG_OK)
        code = put_assets(store, &out, book, err);
    if (code == FG_OK && book->has_network)
        code = auction_put_point(store, &out, book, now_us, err);
    if (code != FG_OK)
        return code;
    put_groups(&out, book);
    fg_json_begin_array(&out, "orders");
    for (size_t i = 0; i < book->count; i++)
        if (book->entries[i].excluded == NULL)
            put_order(&out, book, &book->entries[i]);
    fg_json_end_array(&out);
    fg_json_end_object(&out);
    return text->failed ? fg_fail_memory(err) : FG_OK;
}
