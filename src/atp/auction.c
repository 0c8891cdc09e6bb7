/* What the registry knows of auctions: recurring rules, terms, and where an order injects. */
#include "atp/auction_internal.h"

#include "atp/market.h"
#include "atp/metering.h"
#include "atp/query.h"
#include "atp/run_internal.h"
#include "base/instant.h"
#include "base/json.h"
#include "toolkit/dfmct/service.h"

#include <stdio.h>
#include <string.h>

/* ---- terms ---- */

enum fg_market_physics fg_auction_physics(const char *terms)
{
    json_t *root = json_loads(terms, 0, NULL);
    const char *word = json_string_value(json_object_get(root, "physics"));
    int physics = FG_MARKET_AC;
    for (int i = 0; word != NULL && fg_market_physics_words[i] != NULL; i++)
        if (strcmp(fg_market_physics_words[i], word) == 0)
            physics = i;
    json_decref(root);
    return (enum fg_market_physics)physics;
}

/* A market with these terms and nobody in it. */
static enum fg_code put_bare_market(struct fg_store *store, int64_t area, const char *terms, int32_t period_count,
                                    struct fg_text *text, struct fg_error *err)
{
    struct fg_sql *sql;
    struct auction_book book = {.name = "terms", .currency = "EUR", .terms = terms, .period_count = period_count};
    fg_arena_init(&book.arena);
    enum fg_code code = fg_query_one(store, &sql, err, "SELECT period_s, tick_w, price_step_u FROM area WHERE id = $1", "i", area);
    if (code == FG_OK) {
        book.period_s = (int32_t)fg_sql_column_int64(sql, 0);
        book.tick_w = fg_sql_column_int64(sql, 1);
        book.price_step_u = fg_sql_column_int64(sql, 2);
        fg_sql_done(sql);
        code = auction_book_market(store, &book, 0, text, err);
    }
    auction_book_release(&book);
    return code;
}

enum fg_code fg_auction_terms_check(struct fg_store *store, int64_t area, const char *terms, int32_t period_count,
                                    int64_t *network, struct fg_error *err)
{
    struct fg_text text;
    *network = 0;
    if (strlen(terms) > FG_AUCTION_TERMS_MAX)
        return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "the terms are longer than %d bytes", FG_AUCTION_TERMS_MAX);
    fg_text_init(&text);
    enum fg_code code = put_bare_market(store, area, terms, period_count, &text, err);
    if (code == FG_OK)
        code = fg_service_check_market(text.data, text.length, err);
    fg_text_release(&text);
    if (code != FG_OK || fg_auction_physics(terms) == FG_MARKET_NONE)
        return code;
    code = fg_query_number(store, network, err, "SELECT COALESCE(network_id, 0) FROM area WHERE id = $1", "i", area);
    return code == FG_OK && *network == 0
               ? fg_fail(err, FG_ERR_CONFLICT, NULL,
                         "the market area has no network; give it one, or clear with physics none")
               : code;
}

/* ---- where an order injects ---- */

#define BELOW                                                                                                          \
    "WITH RECURSIVE below (id) AS (SELECT id FROM location WHERE id = $1 UNION SELECT l.id FROM location l JOIN below b ON "   \
    "l.parent_id = b.id) "

/* The only value of a statement with one text column: FG_ERR_NOT_FOUND without rows, FG_ERR_CONFLICT with several. */
static enum fg_code only_one(struct fg_sql *sql, char place[FG_AUCTION_PLACE_TEXT], struct fg_error *err)
{
    bool row;
    int64_t count = 0;
    enum fg_code code;
    while ((code = fg_sql_next(sql, &row, err)) == FG_OK && row && count < 2) {
        snprintf(place, FG_AUCTION_PLACE_TEXT, "%s", fg_sql_column_text(sql, 0));
        count++;
    }
    if (code == FG_OK && row)
        fg_sql_done(sql);
    return code != FG_OK ? code : count == 1 ? FG_OK : count == 0 ? FG_ERR_NOT_FOUND : FG_ERR_CONFLICT;
}

static enum fg_code bus_of_location(struct fg_store *store, int64_t location, int64_t network, const char *bus,
                                    char place[FG_AUCTION_PLACE_TEXT], struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(store, &sql, err,
                                 BELOW "SELECT DISTINCT b.bus FROM location_bus b JOIN below w ON w.id = b.location_id JOIN "
                                       "network_bus n ON n.bus = b.bus AND n.network_id = $2 WHERE $3 = '' OR b.bus = $3 ORDER BY "
                                       "b.bus LIMIT 2",
                                 "iit", location, network, bus != NULL ? bus : "");
    if (code == FG_OK)
        code = only_one(sql, place, err);
    if (code == FG_ERR_NOT_FOUND)
        return bus != NULL ? fg_fail(err, FG_ERR_VALUE, NULL, "the location has no bus \"%.60s\" in the auction's network", bus)
                           : fg_fail(err, FG_ERR_VALUE, NULL, "the location has no bus in the auction's network");
    return code == FG_ERR_CONFLICT ? fg_fail(err, FG_ERR_VALUE, NULL, "the location has several buses; name one in `bus`") : code;
}

static enum fg_code bus_of_portfolio(struct fg_store *store, int64_t portfolio, char place[FG_AUCTION_PLACE_TEXT],
                                     struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT DISTINCT s.bus FROM portfolio_asset p JOIN asset s ON s.id = p.asset_id WHERE "
                                 "p.portfolio_id = $1 AND p.valid_until_us IS NULL AND s.bus IS NOT NULL ORDER BY s.bus LIMIT 2",
                                 "i", portfolio);
    return code == FG_OK ? only_one(sql, place, err) : code;
}

enum fg_code fg_auction_place(struct fg_store *store, int64_t auction, int64_t location, int64_t portfolio, const char *bus,
                              char place[FG_AUCTION_PLACE_TEXT], struct fg_error *err)
{
    int64_t network;
    char text[FG_ID_TEXT];
    enum fg_code code = fg_query_number(store, &network, err, "SELECT COALESCE(network_id, 0) FROM auction WHERE id = $1", "i",
                                        auction);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, code, NULL, "there is no such auction");
    if (code != FG_OK)
        return code;
    if (network == 0) {
        snprintf(place, FG_AUCTION_PLACE_TEXT, "%s", fg_id_text(FG_ID_LOCATION, location, text));
        return bus == NULL ? FG_OK
                           : fg_fail(err, FG_ERR_VALUE, NULL, "the auction has no network, so orders name no bus");
    }
    if (bus == NULL && portfolio != 0) {
        code = bus_of_portfolio(store, portfolio, place, err);
        if (code == FG_ERR_CONFLICT)
            return fg_fail(err, FG_ERR_VALUE, NULL, "the portfolio has assets at several buses; name one in `bus`");
        if (code == FG_OK)
            return bus_of_location(store, location, network, place, place, err);
        if (code != FG_ERR_NOT_FOUND)
            return code;
    }
    return bus_of_location(store, location, network, bus, place, err);
}

enum fg_code fg_auction_check_zone(struct fg_store *store, int64_t network, int64_t location, struct fg_error *err)
{
    int64_t count = 1;
    enum fg_code code = network == 0 ? FG_OK
                                     : fg_query_number(store, &count, err,
                                                       BELOW "SELECT COUNT(*) FROM location_bus b JOIN below w ON w.id = "
                                                             "b.location_id JOIN network_bus n ON n.bus = b.bus AND n.network_id = $2",
                                                       "ii", location, network);
    return code == FG_OK && count == 0 ? fg_fail(err, FG_ERR_VALUE, NULL, "the location has no bus in the auction's network") : code;
}

enum fg_code fg_auction_check_limit(struct fg_store *store, int64_t network, const char *element,
                                    bool is_branch, struct fg_error *err)
{
    int64_t count = 0;
    bool has = false;
    enum fg_code code = FG_OK;
    if (!is_branch) {
        code = fg_query_number(store, &count, err, "SELECT COUNT(*) FROM network_bus WHERE network_id = $1 AND bus = $2", "it",
                               network, element);
        has = count > 0;
    } else {
        struct fg_text content;
        char format[FG_NETWORK_FORMAT];
        fg_text_init(&content);
        code = fg_network_content(store, network, &content, format, err);
        if (code == FG_OK) {
            struct fg_service_network given = {content.data, content.length, format};
            code = fg_service_has_branch(&given, element, &has, err);
        }
        fg_text_release(&content);
    }
    return code == FG_OK && !has ? fg_fail(err, FG_ERR_VALUE, NULL, "the auction's network has no %s \"%.60s\"",
                                           is_branch ? "branch" : "bus", element)
                                 : code;
}

/* The auction's market with this asset alone in it, which offers a tick. */
enum fg_code fg_auction_limit_check(struct fg_store *store, int64_t area, const struct fg_auction_limit *limit, const char *place,
                                    bool *has_network, struct fg_error *err)
{
    struct auction_book book = {.name = "limits", .currency = "EUR", .zones = NULL};
    struct fg_sql *sql;
    struct fg_text text;
    char terms[FG_AUCTION_TERMS_MAX];
    fg_arena_init(&book.arena);
    fg_text_init(&text);
    enum fg_code code = fg_query_one(store, &sql, err,
                                     "SELECT a.period_s, a.tick_w, a.price_step_u, u.period_count, u.terms, COALESCE(u.network_id, 0) "
                                     "FROM auction u JOIN area a ON a.id = u.area_id WHERE u.id = $1 AND u.area_id = $2",
                                     "ii", limit->auction, area);
    if (code == FG_ERR_NOT_FOUND)
        return fg_fail(err, code, NULL, "there is no such auction in this market area");
    if (code != FG_OK)
        return code;
    book.period_s = (int32_t)fg_sql_column_int64(sql, 0);
    book.tick_w = fg_sql_column_int64(sql, 1);
    book.price_step_u = fg_sql_column_int64(sql, 2);
    book.period_count = (int32_t)fg_sql_column_int64(sql, 3);
    snprintf(terms, sizeof terms, "%s", fg_sql_column_text(sql, 4));
    *has_network = fg_sql_column_int64(sql, 5) != 0;
    fg_sql_done(sql);
    json_t *limits = json_loads(limit->terms, 0, NULL), *root = json_loads(terms, 0, NULL),
           *products = json_object_get(root, "products");
    bool follows = json_object_get(limits, "q_per_p") != NULL;
    for (size_t i = 0; follows && i < json_array_size(products); i++)
        if (code == FG_OK && strcmp(json_string_value(json_array_get(products, i)), "reactive") == 0)
            code = fg_fail(err, FG_ERR_VALUE, "#/q_per_p", "where reactive power is traded it does not follow the active power");
    json_decref(limits);
    json_decref(root);
    if (code == FG_OK) {
        book.terms = terms;
        code = auction_book_try_asset(&book, place, limit->terms, &text, err);
    }
    if (code == FG_OK)
        code = fg_service_check_market(text.data, text.length, err);
    fg_text_release(&text);
    auction_book_release(&book);
    return code;
}

/* ---- recurring auctions ---- */

enum fg_code fg_auction_rule_create(struct fg_registry *registry, int64_t area, const struct fg_auction_rule *rule, int64_t *id,
                                    struct fg_error *err)
{
    int64_t network;
    int64_t opening = -rule->opening_days * 86400 + rule->opening_clock_s, closure = -rule->closure_days * 86400 + rule->closure_clock_s;
    if (opening >= closure)
        return fg_fail(err, FG_ERR_VALUE, "#/closure_days", "the auction closes after it opens; give an earlier opening");
    if (closure >= 0)
        return fg_fail(err, FG_ERR_VALUE, "#/closure_days", "the auction closes before the day of delivery begins");
    if (rule->last_day.year != 0 && fg_date_compare(rule->last_day, rule->first_day) < 0)
        return fg_fail(err, FG_ERR_VALUE, "#/last_day", "the last day is before the first one");
    enum fg_code code = fg_area_operated(registry, area, err);
    if (code == FG_OK)
        code = fg_auction_terms_check(registry->store, area, rule->terms, 1, &network, err);
    if (code == FG_OK)
        code = fg_registry_next(registry, FG_ID_AUCTION_RULE, id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO auction_rule (id, area_id, name, status, opening_days, opening_clock_s, closure_days, "
                         "closure_clock_s, first_day, last_day, terms, made_by, made_us, version) VALUES ($1, $2, $3, 'active', $4, "
                         "$5, $6, $7, $8, $9, $10, $11, $12, 1)",
                         "iitiiiiiotii", *id, area, rule->name, rule->opening_days, rule->opening_clock_s, rule->closure_days,
                         rule->closure_clock_s, fg_date_number(rule->first_day),
                         rule->last_day.year != 0 ? fg_date_number(rule->last_day) : (int64_t)0, rule->terms, registry->actor.user,
                         registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "auction_rule.create", FG_ID_AUCTION_RULE, *id, NULL, err) : code;
}

enum fg_code fg_auction_rule_end(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    int64_t changes = 0;
    enum fg_code code = fg_change(registry->store, &changes, err,
                                  "UPDATE auction_rule SET status = 'ended', version = version + 1 WHERE id = $1 AND status = "
                                  "'active' AND area_id IN (SELECT id FROM area WHERE operator_id = $2)",
                                  "ii", id, fg_registry_party(registry));
    if (code == FG_OK && changes == 0)
        code = fg_fail(err, FG_ERR_NOT_FOUND, NULL, "there is no active rule of this id in an area of yours");
    return code == FG_OK ? fg_registry_audit(registry, "auction_rule.end", FG_ID_AUCTION_RULE, id, NULL, err) : code;
}
