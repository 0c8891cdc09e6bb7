#include "atp/contract.h"

#include "atp/metering.h"
#include "atp/query.h"
#include "base/instant.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

const char *const fg_contract_change_words[] = {"suspend", "resume", "terminate", NULL};

static const char *const kind_words[] = {"active", "reactive", "capacity_active", "capacity_reactive", NULL};

static enum fg_product kind_of(const char *word)
{
    enum fg_product kind = FG_PRODUCT_ACTIVE;
    for (int k = 0; kind_words[k] != NULL; k++)
        if (strcmp(kind_words[k], word) == 0)
            kind = (enum fg_product)k;
    return kind;
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

static void add_clock(struct fg_contract_window *window, const struct fg_sql *sql, int column)
{
    if (window->clock_count < FG_CONTRACT_CLOCKS_MAX)
        window->clocks[window->clock_count++] = (struct fg_contract_clock){(int32_t)fg_sql_column_int64(sql, column),
                                                                          (int32_t)fg_sql_column_int64(sql, column + 1)};
}

static enum fg_code read_clocks(struct fg_store *store, int64_t tender, struct fg_contract_window *window, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code =
        fg_query(store, &sql, err, "SELECT from_s, until_s FROM tender_clock WHERE tender_id = $1 ORDER BY from_s", "i", tender);
    window->clock_count = 0;
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row)
        add_clock(window, sql, 0);
    return code;
}

enum fg_code fg_tender_read(struct fg_store *store, int64_t id, struct fg_tender *tender, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(
        store, &sql, err,
        "SELECT t.area_id, t.buyer_id, t.product_id, t.location_id, t.name, p.kind, t.regulation, t.from_day, t.until_day, "
        "t.weekdays, t.capacity_w, t.availability_max_u, t.activation_max_u, t.expected_s, t.duration_min_s, t.notice_s, "
        "t.opens_us, t.closes_us, t.ties, t.status FROM tender t JOIN product p ON p.id = t.product_id WHERE t.id = $1",
        "i", id);
    code = fg_registry_found(code, FG_ID_TENDER, id, "tender", err);
    if (code != FG_OK)
        return code;
#define NUMBER(column) fg_sql_column_int64(sql, column)
    *tender = (struct fg_tender){
        .id = id, .area = NUMBER(0), .buyer = NUMBER(1), .product = NUMBER(2), .location = NUMBER(3),
        .kind = kind_of(fg_sql_column_text(sql, 5)), .regulation = (enum fg_regulation)NUMBER(6),
        .window = {.from = fg_date_of_number(NUMBER(7)), .until = fg_date_of_number(NUMBER(8)), .weekdays = (uint32_t)NUMBER(9)},
        .capacity = {NUMBER(10)}, .availability_max = {NUMBER(11)}, .activation_max = {NUMBER(12)}, .expected_s = NUMBER(13),
        .duration_min_s = NUMBER(14), .notice_s = NUMBER(15), .opens_us = NUMBER(16), .closes_us = NUMBER(17),
        .ties = (enum fg_contract_ties)NUMBER(18), .is_published = strcmp(fg_sql_column_text(sql, 19), "published") == 0};
#undef NUMBER
    snprintf(tender->name, sizeof tender->name, "%s", fg_sql_column_text(sql, 4));
    fg_sql_done(sql);
    return read_clocks(store, id, &tender->window, err);
}

/* Of all contracts in the list, which is in the order of their ids. */
static enum fg_code read_all_clocks(struct fg_store *store, int64_t area, int64_t portfolio, struct fg_contract_terms *list,
                                    size_t count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t at = 0;
    if (count == 0)
        return FG_OK;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT c.id, k.from_s, k.until_s FROM contract c JOIN tender_clock k ON k.tender_id = c.tender_id "
                                 "WHERE c.area_id = $1 AND ($2 = 0 OR c.portfolio_id = $2) AND c.id >= $3 AND c.id <= $4 "
                                 "ORDER BY c.id, k.from_s",
                                 "iiii", area, portfolio, list[0].id, list[count - 1].id);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        while (at < count && list[at].id < fg_sql_column_int64(sql, 0))
            at++;
        if (at < count && list[at].id == fg_sql_column_int64(sql, 0))
            add_clock(&list[at].window, sql, 1);
    }
    return code;
}

enum fg_code fg_contract_list(struct fg_store *store, int64_t area, int64_t portfolio, int64_t from_us, int64_t until_us,
                              bool in_force, struct fg_contract_terms **list, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    size_t capacity = 0;
    *list = NULL;
    *count = 0;
    enum fg_code code = fg_query(
        store, &sql, err,
        "SELECT c.id, c.tender_id, c.buyer_id, c.seller_id, c.portfolio_id, c.product_id, p.kind, c.regulation, c.quantity_w, "
        "c.availability_u, c.activation_u, t.from_day, t.until_day, t.weekdays, t.duration_min_s, t.notice_s, c.awarded_us, "
        "c.starts_us, c.ends_us, COALESCE(c.terminated_us, 0), c.round, c.version FROM contract c JOIN tender t ON t.id = "
        "c.tender_id JOIN product p ON p.id = c.product_id WHERE c.area_id = $1 AND c.starts_us < $3 AND c.ends_us > $2 AND "
        "($4 = 0 OR c.status IN ('awarded', 'active')) AND ($5 = 0 OR c.portfolio_id = $5) ORDER BY c.id",
        "iiiii", area, from_us, until_us, (int64_t)in_force, portfolio);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)list, *count, &capacity, sizeof **list) != 0) {
            fg_sql_done(sql);
            code = fg_fail_memory(err);
            break;
        }
#define NUMBER(column) fg_sql_column_int64(sql, column)
        (*list)[(*count)++] = (struct fg_contract_terms){
            .id = NUMBER(0), .tender = NUMBER(1), .buyer = NUMBER(2), .seller = NUMBER(3), .portfolio = NUMBER(4),
            .product = NUMBER(5), .kind = kind_of(fg_sql_column_text(sql, 6)), .regulation = (enum fg_regulation)NUMBER(7),
            .quantity = {NUMBER(8)}, .availability = {NUMBER(9)}, .activation = {NUMBER(10)},
            .window = {.from = fg_date_of_number(NUMBER(11)), .until = fg_date_of_number(NUMBER(12)),
                       .weekdays = (uint32_t)NUMBER(13)},
            .duration_min_s = NUMBER(14), .notice_s = NUMBER(15), .awarded_us = NUMBER(16), .starts_us = NUMBER(17),
            .ends_us = NUMBER(18), .terminated_us = NUMBER(19), .round = NUMBER(20), .version = NUMBER(21)};
#undef NUMBER
    }
    if (code == FG_OK)
        code = read_all_clocks(store, area, portfolio, *list, *count, err);
    if (code != FG_OK) {
        fg_free(*list);
        *list = NULL;
        *count = 0;
    }
    return code;
}

enum fg_code fg_contract_keep(const struct fg_facts *facts, int64_t portfolio, enum fg_product kind, enum fg_regulation regulation,
                              int32_t first_period, int32_t count, struct fg_power *approved, struct fg_error *err)
{
    struct fg_timezone *zone = NULL;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < facts->contract_count; i++) {
        const struct fg_contract_terms *contract = &facts->contracts[i];
        if (contract->portfolio != portfolio || contract->kind != kind || contract->regulation != regulation)
            continue;
        if (zone == NULL)
            code = fg_timezone_open(facts->zone, &zone, err);
        for (int32_t k = 0; code == FG_OK && k < count; k++)
            if (fg_contract_window_has(&contract->window, zone, ((int64_t)first_period + k) * facts->period_s))
                approved[k].w = approved[k].w > contract->quantity.w ? approved[k].w - contract->quantity.w : 0;
    }
    fg_timezone_close(zone);
    return code;
}

/* -- publishing ----------------------------------------------------------------------------------------------------- */

static enum fg_code check_tender(struct fg_registry *registry, const struct fg_tender *tender, const struct fg_timezone *zone,
                                 int32_t period_s, int64_t tick_w, struct fg_error *err)
{
    enum fg_code code = fg_contract_window_check(&tender->window, err);
    if (code != FG_OK)
        return code;
    if (tender->kind > FG_PRODUCT_REACTIVE)
        return fg_fail(err, FG_ERR_VALUE, "#/product",
                       "a contract reserves offers of energy; capacity products are traded as such. Name an energy product");
    if (tender->capacity.w % tick_w != 0)
        return fg_fail(err, FG_ERR_VALUE, "#/capacity", "the capacity is no multiple of the area's tick of %lld W",
                       (long long)tick_w);
    if (tender->opens_us >= tender->closes_us)
        return fg_fail(err, FG_ERR_VALUE, "#/closes", "the tender closes after it opens");
    if (tender->closes_us <= registry->now_us)
        return fg_fail(err, FG_ERR_VALUE, "#/closes", "the tender closes in the future");
    if (fg_timezone_day_start(zone, tender->window.from) * 1000000 <= tender->closes_us)
        return fg_fail(err, FG_ERR_VALUE, "#/from", "the first day of delivery begins after the tender has closed");
    if (fg_contract_window_units(&tender->window, zone, period_s) == 0)
        return fg_fail(err, FG_ERR_VALUE, "#/clocks", "no market time unit begins inside the windows; widen them");
    return FG_OK;
}

static enum fg_code insert_tender(struct fg_registry *registry, struct fg_tender *tender, struct fg_error *err)
{
    enum fg_code code = fg_registry_next(registry, FG_ID_TENDER, &tender->id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO tender (id, area_id, buyer_id, name, product_id, location_id, regulation, from_day, until_day, "
                         "weekdays, capacity_w, availability_max_u, activation_max_u, expected_s, duration_min_s, notice_s, opens_us, "
                         "closes_us, ties, status, created_by, created_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                         "$11, $12, $13, $14, $15, $16, $17, $18, $19, 'published', $20, $21, 1)",
                         "iiitiiiiiiiiiiiiiiiii", tender->id, tender->area, tender->buyer, tender->name, tender->product,
                         tender->location, (int64_t)tender->regulation, fg_date_number(tender->window.from),
                         fg_date_number(tender->window.until), (int64_t)tender->window.weekdays, tender->capacity.w,
                         tender->availability_max.uper_mwh, tender->activation_max.uper_mwh, tender->expected_s,
                         tender->duration_min_s, tender->notice_s, tender->opens_us, tender->closes_us, (int64_t)tender->ties,
                         registry->actor.user, registry->now_us);
    for (int32_t i = 0; code == FG_OK && i < tender->window.clock_count; i++)
        code = fg_change(registry->store, NULL, err, "INSERT INTO tender_clock (tender_id, from_s, until_s) VALUES ($1, $2, $3)",
                         "iii", tender->id, (int64_t)tender->window.clocks[i].from_s, (int64_t)tender->window.clocks[i].until_s);
    return code == FG_OK ? fg_registry_audit(registry, "tender.publish", FG_ID_TENDER, tender->id, NULL, err) : code;
}

enum fg_code fg_tender_publish(struct fg_registry *registry, struct fg_tender *tender, struct fg_error *err)
{
    struct fg_sql *sql;
    struct fg_timezone *zone;
    char time_zone[64];
    int64_t period_s, tick_w, operator;
    tender->buyer = fg_registry_party(registry);
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err, "SELECT time_zone, period_s, tick_w FROM area WHERE id = $1", "i", tender->area),
        FG_ID_AREA, tender->area, "market area", err);
    if (code != FG_OK)
        return code;
    snprintf(time_zone, sizeof time_zone, "%s", fg_sql_column_text(sql, 0));
    period_s = fg_sql_column_int64(sql, 1);
    tick_w = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    code = fg_registry_found(fg_query_one(registry->store, &sql, err, "SELECT kind FROM product WHERE id = $1 AND area_id = $2",
                                          "ii", tender->product, tender->area),
                             FG_ID_PRODUCT, tender->product, "product of this area,", err);
    if (code != FG_OK)
        return code;
    tender->kind = kind_of(fg_sql_column_text(sql, 0));
    fg_sql_done(sql);
    code = fg_registry_found(fg_query_number(registry->store, &operator, err,
                                             "SELECT operator_id FROM location WHERE id = $1 AND area_id = $2 AND status = "
                                             "'published'",
                                             "ii", tender->location, tender->area),
                             FG_ID_LOCATION, tender->location, "published location of this area,", err);
    if (code == FG_OK && operator != tender->buyer && !fg_registry_is(registry, FG_ROLE_TSO))
        return fg_fail(err, FG_ERR_DENIED, NULL, "flexibility is tendered for by the system operator of the location, or a TSO");
    if (code == FG_OK)
        code = fg_timezone_open(time_zone, &zone, err);
    if (code != FG_OK)
        return code;
    code = check_tender(registry, tender, zone, (int32_t)period_s, tick_w, err);
    fg_timezone_close(zone);
    return code == FG_OK ? insert_tender(registry, tender, err) : code;
}

/* The buyer's own tender; looks absent to others. */
static enum fg_code read_own(struct fg_registry *registry, int64_t id, struct fg_tender *tender, struct fg_error *err)
{
    enum fg_code code = fg_tender_read(registry->store, id, tender, err);
    if (code == FG_OK && tender->buyer != fg_registry_party(registry))
        return fg_fail(err, FG_ERR_DENIED, NULL, "the tender is another operator's");
    if (code == FG_OK && !tender->is_published)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the tender is decided already");
    return code;
}

static enum fg_code decide(struct fg_registry *registry, int64_t tender, const char *status, const char *rule, const char *reason,
                           struct fg_error *err)
{
    enum fg_code code = fg_change(registry->store, NULL, err,
                                  "UPDATE tender SET status = $2, rule = $3, reason = $4, decided_by = $5, decided_us = $6, version "
                                  "= version + 1 WHERE id = $1",
                                  "itttii", tender, status, rule, reason, registry->actor.user, registry->now_us);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE tender_offer SET status = 'rejected', reason = $2, version = version + 1 WHERE tender_id = $1 AND "
                         "status = 'offered'",
                         "it", tender, strcmp(status, "cancelled") == 0 ? "the tender was cancelled" : "not among the awarded");
    return code;
}

enum fg_code fg_tender_cancel(struct fg_registry *registry, int64_t id, const char *reason, struct fg_error *err)
{
    struct fg_tender tender;
    enum fg_code code = read_own(registry, id, &tender, err);
    if (code == FG_OK)
        code = decide(registry, id, "cancelled", NULL, reason, err);
    return code == FG_OK ? fg_registry_audit(registry, "tender.cancel", FG_ID_TENDER, id, NULL, err) : code;
}

/* -- who is qualified ----------------------------------------------------------------------------------------------- */

#define SELLING_ROLES                                                                                                  \
    (FG_BIT(FG_ROLE_ESP) | FG_BIT(FG_ROLE_RESP) | FG_BIT(FG_ROLE_AGGREGATOR) | FG_BIT(FG_ROLE_RETAILER) |                \
     FG_BIT(FG_ROLE_BRP) | FG_BIT(FG_ROLE_MARKET_OPERATOR))

/* Capability in every unit, less what other contracts of the portfolio hold there. */
static enum fg_code check_capability(struct fg_registry *registry, const struct fg_facts *facts, const struct fg_tender *tender,
                                     int64_t portfolio, int64_t quantity_w, struct fg_error *err)
{
    struct fg_contract_terms *others;
    size_t count;
    struct fg_timezone *zone;
    enum fg_code code = fg_timezone_open(facts->zone, &zone, err);
    if (code != FG_OK)
        return code;
    int64_t from_us = fg_timezone_day_start(zone, tender->window.from) * 1000000;
    int64_t until_us = fg_timezone_day_start(zone, fg_date_add(tender->window.until, 1)) * 1000000;
    code = fg_contract_list(registry->store, tender->area, portfolio, from_us, until_us, false, &others, &count, err);
    int32_t period = fg_contract_window_before(&tender->window, zone, facts->period_s);
    while (code == FG_OK && fg_contract_window_next(&tender->window, zone, facts->period_s, &period)) {
        int64_t start_s = (int64_t)period * facts->period_s, taken_w = 0;
        for (size_t i = 0; i < count; i++)
            if (others[i].kind == tender->kind && others[i].regulation == tender->regulation && others[i].terminated_us == 0 &&
                fg_contract_window_has(&others[i].window, zone, start_s))
                taken_w += others[i].quantity.w;
        int64_t has_w = fg_facts_capability(facts, portfolio, tender->kind, tender->regulation, period);
        if (quantity_w > has_w - taken_w) {
            char text[FG_INSTANT_TEXT], has[FG_DECIMAL_MAX], taken[FG_DECIMAL_MAX];
            code = fg_fail(err, FG_ERR_CONFLICT, NULL,
                           "at %s the portfolio has %s MW approved, %s MW of which other contracts hold; offer no more than what is "
                           "left, or have more prequalified",
                           fg_instant_format(start_s, text), fg_decimal_format(has_w, 6, 0, has),
                           fg_decimal_format(taken_w, 6, 0, taken));
        }
    }
    fg_free(others);
    fg_timezone_close(zone);
    return code;
}

static enum fg_code check_qualified(struct fg_registry *registry, const struct fg_facts *facts, const struct fg_tender *tender,
                                    const struct fg_tender_offer *offer, int64_t quantity_w, struct fg_error *err)
{
    const struct fg_organisation_facts *organisation = fg_facts_organisation(facts, offer->organisation);
    const struct fg_portfolio_facts *portfolio = fg_facts_portfolio(facts, offer->portfolio);
    if (organisation == NULL || !organisation->is_active)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the organisation is not active");
    if ((organisation->roles & SELLING_ROLES) == 0)
        return fg_fail(err, FG_ERR_DENIED, NULL, "the organisation does not sell flexibility");
    if (portfolio == NULL || portfolio->organisation != offer->organisation)
        return fg_fail(err, FG_ERR_NOT_FOUND, NULL, "none of your portfolios in this area has this id");
    if (!portfolio->is_approved)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the market operator has not approved the portfolio, or has suspended it");
    if (!fg_facts_lies_in(facts, portfolio->location, tender->location))
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the portfolio is not in the tender's location; offer one that is");
    const char *reason;
    if (facts->is_network_aware &&
        fg_facts_bus(facts, NULL, offer->portfolio, portfolio->location, registry->now_us, &reason) < 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the market checks the grid: %s", reason);
    return check_capability(registry, facts, tender, offer->portfolio, quantity_w, err);
}

/* -- offers --------------------------------------------------------------------------------------------------------- */

static enum fg_code check_offer(struct fg_registry *registry, const struct fg_facts *facts, const struct fg_tender *tender,
                                const struct fg_tender_offer *offer, struct fg_error *err)
{
    if (!tender->is_published || registry->now_us >= tender->closes_us)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the tender takes no offers any more");
    if (registry->now_us < tender->opens_us)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the tender is not open yet");
    if (offer->quantity.w % facts->tick_w != 0 || offer->minimum.w % facts->tick_w != 0)
        return fg_fail(err, FG_ERR_VALUE, "#/quantity", "quantity and minimum are multiples of the area's tick of %lld W",
                       (long long)facts->tick_w);
    if (offer->quantity.w <= 0 || offer->minimum.w <= 0 || offer->minimum.w > offer->quantity.w)
        return fg_fail(err, FG_ERR_VALUE, "#/minimum", "the minimum is more than zero and no more than the quantity");
    if (offer->availability.uper_mwh > tender->availability_max.uper_mwh)
        return fg_fail(err, FG_ERR_VALUE, "#/availability_price", "the availability price is above the tender's maximum");
    if (offer->activation.uper_mwh > tender->activation_max.uper_mwh)
        return fg_fail(err, FG_ERR_VALUE, "#/activation_price", "the activation price is above the tender's maximum");
    return check_qualified(registry, facts, tender, offer, offer->quantity.w, err);
}

/* The activation price has to be one that the market takes. */
static enum fg_code check_step(struct fg_registry *registry, int64_t area, const struct fg_tender_offer *offer, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_query_one(registry->store, &sql, err,
                                     "SELECT price_step_u, price_min_u, price_max_u FROM area WHERE id = $1", "i", area);
    if (code != FG_OK)
        return code;
    int64_t step = fg_sql_column_int64(sql, 0), low = fg_sql_column_int64(sql, 1), high = fg_sql_column_int64(sql, 2);
    fg_sql_done(sql);
    int64_t price = offer->activation.uper_mwh;
    return price % step == 0 && price >= low && price <= high
               ? FG_OK
               : fg_fail(err, FG_ERR_VALUE, "#/activation_price",
                         "the activation price is no multiple of the market's price step, or outside its range");
}

enum fg_code fg_tender_offer(struct fg_registry *registry, const struct fg_facts *facts, struct fg_tender_offer *offer,
                             struct fg_error *err)
{
    struct fg_tender tender;
    offer->organisation = fg_registry_party(registry);
    enum fg_code code = fg_tender_read(registry->store, offer->tender, &tender, err);
    if (code == FG_OK)
        code = check_offer(registry, facts, &tender, offer, err);
    if (code == FG_OK)
        code = check_step(registry, tender.area, offer, err);
    if (code != FG_OK)
        return code;
    code = fg_query_number(registry->store, &offer->id, err, "SELECT id FROM tender_offer WHERE tender_id = $1 AND portfolio_id = $2",
                           "ii", offer->tender, offer->portfolio);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE tender_offer SET quantity_w = $2, minimum_w = $3, availability_u = $4, activation_u = $5, status = "
                         "'offered', entered_by = $6, entered_us = $7, version = version + 1 WHERE id = $1",
                         "iiiiiii", offer->id, offer->quantity.w, offer->minimum.w, offer->availability.uper_mwh,
                         offer->activation.uper_mwh, registry->actor.user, registry->now_us);
    else if (code == FG_ERR_NOT_FOUND && (code = fg_registry_next(registry, FG_ID_TENDER_OFFER, &offer->id, err)) == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO tender_offer (id, tender_id, organisation_id, portfolio_id, quantity_w, minimum_w, "
                         "availability_u, activation_u, status, entered_by, entered_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                         "$8, 'offered', $9, $10, 1)",
                         "iiiiiiiiii", offer->id, offer->tender, offer->organisation, offer->portfolio, offer->quantity.w,
                         offer->minimum.w, offer->availability.uper_mwh, offer->activation.uper_mwh, registry->actor.user,
                         registry->now_us);
    return code == FG_OK ? fg_registry_audit(registry, "tender.offer", FG_ID_TENDER_OFFER, offer->id, NULL, err) : code;
}

enum fg_code fg_tender_offer_withdraw(struct fg_registry *registry, int64_t id, struct fg_error *err)
{
    struct fg_sql *sql;
    enum fg_code code = fg_registry_found(
        fg_query_one(registry->store, &sql, err,
                     "SELECT t.closes_us, t.status, o.status FROM tender_offer o JOIN tender t ON t.id = o.tender_id WHERE o.id = $1 "
                     "AND o.organisation_id = $2",
                     "ii", id, fg_registry_party(registry)),
        FG_ID_TENDER_OFFER, id, "offer of yours", err);
    if (code != FG_OK)
        return code;
    bool is_open = fg_sql_column_int64(sql, 0) > registry->now_us && strcmp(fg_sql_column_text(sql, 1), "published") == 0;
    bool is_offered = strcmp(fg_sql_column_text(sql, 2), "offered") == 0;
    fg_sql_done(sql);
    if (!is_open)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the tender has closed: the offer binds");
    if (!is_offered)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the offer is withdrawn already");
    code = fg_change(registry->store, NULL, err,
                     "UPDATE tender_offer SET status = 'withdrawn', version = version + 1 WHERE id = $1", "i", id);
    return code == FG_OK ? fg_registry_audit(registry, "tender.withdraw", FG_ID_TENDER_OFFER, id, NULL, err) : code;
}

/* -- award ---------------------------------------------------------------------------------------------------------- */

struct bids {
    struct fg_tender_offer *offers; /* in the order of entering */
    struct fg_contract_bid *bids;
    struct fg_power *awarded;
    size_t count, capacity;
};

static void release_bids(struct bids *bids)
{
    fg_free(bids->offers);
    fg_free(bids->bids);
    fg_free(bids->awarded);
}

static enum fg_code load_bids(struct fg_registry *registry, int64_t tender, struct bids *bids, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT id, organisation_id, portfolio_id, quantity_w, minimum_w, availability_u, activation_u FROM "
                                 "tender_offer WHERE tender_id = $1 AND status = 'offered' ORDER BY entered_us, id",
                                 "i", tender);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&bids->offers, bids->count, &bids->capacity, sizeof *bids->offers) != 0) {
            fg_sql_done(sql);
            return fg_fail_memory(err);
        }
        bids->offers[bids->count++] = (struct fg_tender_offer){.id = fg_sql_column_int64(sql, 0),
                                                               .tender = tender,
                                                               .organisation = fg_sql_column_int64(sql, 1),
                                                               .portfolio = fg_sql_column_int64(sql, 2),
                                                               .quantity = {fg_sql_column_int64(sql, 3)},
                                                               .minimum = {fg_sql_column_int64(sql, 4)},
                                                               .availability = {fg_sql_column_int64(sql, 5)},
                                                               .activation = {fg_sql_column_int64(sql, 6)}};
    }
    if (code == FG_OK && ((bids->bids = fg_alloc(bids->count, sizeof *bids->bids)) == NULL ||
                          (bids->awarded = fg_alloc(bids->count, sizeof *bids->awarded)) == NULL))
        code = fg_fail_memory(err);
    return code;
}

/* Offers that are not qualified any more drop out, with the reason. */
static enum fg_code drop_unqualified(struct fg_registry *registry, const struct fg_facts *facts, const struct fg_tender *tender,
                                     struct bids *bids, struct fg_error *err)
{
    size_t kept = 0;
    enum fg_code code = FG_OK;
    for (size_t i = 0; code == FG_OK && i < bids->count; i++) {
        const struct fg_tender_offer *offer = &bids->offers[i];
        struct fg_error why = {0};
        enum fg_code qualified = check_qualified(registry, facts, tender, offer, offer->quantity.w, &why);
        if (qualified == FG_OK) {
            bids->bids[kept] = (struct fg_contract_bid){offer->quantity, offer->minimum, offer->availability, offer->activation,
                                                        (int64_t)i + 1};
            bids->offers[kept++] = *offer;
        } else if (qualified == FG_ERR_CONFLICT || qualified == FG_ERR_DENIED || qualified == FG_ERR_NOT_FOUND) {
            code = fg_change(registry->store, NULL, err,
                             "UPDATE tender_offer SET status = 'rejected', reason = $2, version = version + 1 WHERE id = $1", "it",
                             offer->id, why.text);
        } else {
            if (err != NULL)
                *err = why;
            code = qualified;
        }
    }
    bids->count = kept;
    return code;
}

static enum fg_code make_contract(struct fg_registry *registry, const struct fg_tender *tender, const struct fg_timezone *zone,
                                  const struct fg_tender_offer *offer, int64_t quantity_w, struct fg_error *err)
{
    int64_t id;
    enum fg_code code = fg_registry_next(registry, FG_ID_CONTRACT, &id, err);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO contract (id, tender_id, offer_id, area_id, buyer_id, seller_id, portfolio_id, product_id, "
                         "regulation, quantity_w, availability_u, activation_u, starts_us, ends_us, status, round, awarded_by, "
                         "awarded_us, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'awarded', 1, "
                         "$15, $16, 1)",
                         "iiiiiiiiiiiiiiii", id, tender->id, offer->id, tender->area, tender->buyer, offer->organisation,
                         offer->portfolio, tender->product, (int64_t)tender->regulation, quantity_w, offer->availability.uper_mwh,
                         offer->activation.uper_mwh, fg_timezone_day_start(zone, tender->window.from) * 1000000,
                         fg_timezone_day_start(zone, fg_date_add(tender->window.until, 1)) * 1000000, registry->actor.user,
                         registry->now_us);
    if (code == FG_OK)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE tender_offer SET status = 'awarded', awarded_w = $2, version = version + 1 WHERE id = $1", "ii",
                         offer->id, quantity_w);
    return code == FG_OK ? fg_registry_audit(registry, "contract.award", FG_ID_CONTRACT, id, NULL, err) : code;
}

static enum fg_code apply_choice(const struct fg_facts *facts, const struct fg_tender *tender, struct bids *bids,
                                 const struct fg_tender_choice *choice, size_t count, struct fg_error *err)
{
    int64_t total_w = 0;
    for (size_t k = 0; k < count; k++) {
        size_t at = 0;
        while (at < bids->count && bids->offers[at].id != choice[k].offer)
            at++;
        if (at == bids->count)
            return fg_fail(err, FG_ERR_VALUE, "#/choice", "bid-%lld is no offer of this tender that is still qualified",
                           (long long)choice[k].offer);
        if (bids->awarded[at].w != 0)
            return fg_fail(err, FG_ERR_VALUE, "#/choice", "bid-%lld is named twice", (long long)choice[k].offer);
        if (choice[k].quantity.w < bids->offers[at].minimum.w || choice[k].quantity.w > bids->offers[at].quantity.w ||
            choice[k].quantity.w % facts->tick_w != 0)
            return fg_fail(err, FG_ERR_VALUE, "#/choice", "bid-%lld takes its minimum to its quantity, in whole ticks",
                           (long long)choice[k].offer);
        bids->awarded[at] = choice[k].quantity;
        total_w += choice[k].quantity.w; /* each at most 1 TW, at most 10,000 of them */
    }
    return total_w <= tender->capacity.w ? FG_OK
                                         : fg_fail(err, FG_ERR_VALUE, "#/choice", "that is more than the tender asked for");
}

enum fg_code fg_tender_award(struct fg_registry *registry, const struct fg_facts *facts, int64_t id,
                             const struct fg_tender_choice *choice, size_t count, const char *reason, struct fg_error *err)
{
    struct fg_tender tender;
    struct fg_timezone *zone;
    struct bids bids = {0};
    enum fg_code code = read_own(registry, id, &tender, err);
    if (code == FG_OK && registry->now_us < tender.closes_us)
        code = fg_fail(err, FG_ERR_CONFLICT, NULL, "the tender is still open; offers are sealed until it closes");
    if (code == FG_OK && choice != NULL && (reason == NULL || reason[0] == '\0'))
        code = fg_fail(err, FG_ERR_VALUE, "#/reason", "say why you choose otherwise than by merit order");
    if (code == FG_OK)
        code = fg_timezone_open(facts->zone, &zone, err);
    if (code != FG_OK)
        return code;
    struct fg_contract_demand demand = {.required = tender.capacity, .tick = {facts->tick_w},
                                        .window_s = fg_contract_window_units(&tender.window, zone, facts->period_s) *
                                                    facts->period_s,
                                        .expected_s = tender.expected_s, .ties = tender.ties};
    if ((code = load_bids(registry, id, &bids, err)) == FG_OK &&
        (code = drop_unqualified(registry, facts, &tender, &bids, err)) == FG_OK)
        code = choice != NULL ? apply_choice(facts, &tender, &bids, choice, count, err)
                              : fg_contract_award(&demand, bids.bids, bids.count, bids.awarded, err);
    for (size_t i = 0; code == FG_OK && i < bids.count; i++)
        if (bids.awarded[i].w > 0)
            code = make_contract(registry, &tender, zone, &bids.offers[i], bids.awarded[i].w, err);
    if (code == FG_OK)
        code = decide(registry, id, "awarded", choice != NULL ? "choice" : "merit", reason, err);
    release_bids(&bids);
    fg_timezone_close(zone);
    return code == FG_OK ? fg_registry_audit(registry, "tender.award", FG_ID_TENDER, id, NULL, err) : code;
}

/* -- the life of a contract ----------------------------------------------------------------------------------------- */

static enum fg_code set_status(struct fg_registry *registry, int64_t id, const char *status, const char *reason, int64_t rounds,
                               int64_t terminated_us, struct fg_error *err)
{
    return fg_change(registry->store, NULL, err,
                     "UPDATE contract SET status = $2, reason = $3, round = round + $4, terminated_us = $5, version = version + 1 "
                     "WHERE id = $1",
                     "ittio", id, status, reason, rounds, terminated_us);
}

enum fg_code fg_contract_change(struct fg_registry *registry, int64_t id, enum fg_contract_change change, const char *reason,
                                struct fg_error *err)
{
    static const char *const actions[] = {"contract.suspend", "contract.resume", "contract.terminate"};
    struct fg_sql *sql;
    int64_t party = fg_registry_party(registry);
    enum fg_code code = fg_registry_found(fg_query_one(registry->store, &sql, err,
                                                       "SELECT status, starts_us, ends_us, buyer_id FROM contract WHERE id = $1 AND "
                                                       "(buyer_id = $2 OR seller_id = $2)",
                                                       "ii", id, party),
                                          FG_ID_CONTRACT, id, "contract of yours", err);
    if (code != FG_OK)
        return code;
    char status[16];
    snprintf(status, sizeof status, "%s", fg_sql_column_text(sql, 0));
    int64_t starts_us = fg_sql_column_int64(sql, 1), ends_us = fg_sql_column_int64(sql, 2);
    bool is_buyer = fg_sql_column_int64(sql, 3) == party;
    bool in_force = strcmp(status, "awarded") == 0 || strcmp(status, "active") == 0, is_suspended = strcmp(status, "suspended") == 0;
    fg_sql_done(sql);
    if (!is_buyer)
        return fg_fail(err, FG_ERR_DENIED, NULL, "the contract's buyer suspends, resumes and terminates it");
    if (ends_us <= registry->now_us || (!in_force && !is_suspended))
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the contract is over");
    if (change == FG_CONTRACT_RESUME ? !is_suspended : change == FG_CONTRACT_SUSPEND && is_suspended)
        return fg_fail(err, FG_ERR_CONFLICT, NULL, "the contract is %s", is_suspended ? "suspended already" : "not suspended");
    if (is_suspended)
        code = fg_change(registry->store, NULL, err,
                         "UPDATE contract_suspension SET until_us = $2 WHERE contract_id = $1 AND until_us IS NULL", "ii", id,
                         registry->now_us);
    if (code == FG_OK && change == FG_CONTRACT_SUSPEND)
        code = fg_change(registry->store, NULL, err,
                         "INSERT INTO contract_suspension (contract_id, from_us, reason, suspended_by) VALUES ($1, $2, $3, $4)", "iiti",
                         id, registry->now_us, reason, registry->actor.user);
    if (code == FG_OK)
        code = change == FG_CONTRACT_SUSPEND ? set_status(registry, id, "suspended", reason, 0, 0, err)
               : change == FG_CONTRACT_RESUME
                   ? set_status(registry, id, registry->now_us < starts_us ? "awarded" : "active", reason, 1, 0, err)
                   : set_status(registry, id, "terminated", reason, 0, registry->now_us, err);
    return code == FG_OK ? fg_registry_audit(registry, actions[change], FG_ID_CONTRACT, id, NULL, err) : code;
}
