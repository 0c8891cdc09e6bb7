/* Orders as JSON: reading them from requests with the checks that need the registry, and writing them from rows.
 * Thread rule: pure functions on the call's arena. */
#ifndef FG_API_TRADING_ORDER_H
#define FG_API_TRADING_ORDER_H

#include "api/trading_call.h"

extern const struct fg_schema trading_order_entry, trading_amendment, trading_order,
    trading_order_status, trading_quantities, trading_price_points, trading_fraction,
    trading_group_kind;
#define TRADING_ORDER_EXAMPLE                                                                                          \
    "{\"side\":\"sell\",\"product\":\"active\",\"regulation\":\"up\",\"portfolio\":\"pf-10\",\"location\":\"loc-2\","   \
    "\"start\":\"2025-03-30T09:00:00Z\",\"quantity\":[\"1.5\",\"1.5\"],\"price\":\"85.5\",\"minimum_fraction\":\"0.5\"}"
#define TRADING_AMENDMENT_EXAMPLE "{\"quantity\":[\"1\",\"1\"],\"price\":\"80\"}"

/* The entry `object` as the order of a SUBMIT command (place `at` of command->orders, which have room). False: the item is
 * refused. FG_ERR_MEMORY through `err`. */
enum fg_code trading_read_order(struct trading_item *item, const struct trading_party *party, size_t at,
                                const struct fg_json_cursor *object, struct fg_error *err);
/* Room for `count` orders of a SUBMIT command. */
enum fg_code trading_make_room(struct fg_call *call, struct trading_item *item, size_t count, struct fg_error *err);
enum fg_code trading_read_amendment(struct fg_call *call, struct trading_item *item, uint64_t order,
                                    const struct fg_json_cursor *object, struct fg_error *err);

/* Parts of it that orders of auctions share. What the registry has against an order: organisation, roles, portfolio and its
 * prequalification, location (an offer's is filled in when it is 0). False: the item is refused. */
bool trading_check_order(struct trading_item *item, const struct trading_party *party, struct fg_book_order *order);
enum fg_code trading_read_quantity(struct fg_arena *arena, const struct fg_json_cursor *object, const struct fg_power **out,
                                   size_t *count, struct fg_error *err);
/* One price is a curve of one step that reaches `most`. */
enum fg_code trading_read_points(struct fg_arena *arena, const struct fg_json_cursor *object, int64_t most,
                                 const struct fg_price_point **out, int32_t *count, struct fg_error *err);
bool trading_has_one_price(const struct fg_json_cursor *object, bool is_needed);

/* Columns of book_order that trading_put_order reads. */
#define TRADING_ORDER_COLUMNS                                                                                          \
    "id, status, cause, organisation_id, portfolio_id, location_id, side, product, regulation, kind, conditional, block, " \
    "forward_to_tso, min_fraction_u, validity, expires_us, first_period, period_count, quantity, filled, points, "        \
    "session_id, parent_id, group_id, reference, entered_us, changed_us, activation_s, duration_min_s, duration_max_s, "  \
    "ramp_w_per_min, technologies, (SELECT k.bus FROM area_bus k WHERE k.area_id = book_order.area_id AND k.number = book_order.bus), " \
    "contract_id, (SELECT u.reason FROM request_outcome u WHERE u.order_id = book_order.id), (SELECT u.measure FROM "       \
    "request_outcome u WHERE u.order_id = book_order.id), (SELECT u.by_plan FROM request_outcome u WHERE u.order_id = "      \
    "book_order.id), (SELECT u.time_us FROM request_outcome u WHERE u.order_id = book_order.id)"
void trading_put_order(struct fg_json_writer *out, const struct fg_sql *sql, int32_t period_s);

#endif
