/* The operating point that an auction is cleared on: what the area's sources say (network_state.h), what the continuous market has
 * traded for the same periods, and the switch states, outages and temporary limits of each of them. */
#include "atp/auction_internal.h"

#include "atp/market.h"
#include "atp/network_state.h"
#include "atp/query.h"
#include "atp/run_internal.h"
#include "base/instant.h"

#include <stdio.h>
#include <string.h>

struct pointing {
    const struct auction_book *book;
    struct fg_grid_model *model;
    struct fg_network_plan plan;
    int64_t *dispatched_p, *dispatched_q; /* per bus number */
};

static int32_t bus_number(const struct fg_grid_point *point, const char *name)
{
    for (int32_t b = 0; b < point->bus_count; b++)
        if (strcmp(point->buses[b], name) == 0)
            return b;
    return -1;
}

static void take_dispatched(void *user, const char *bus, int64_t p_w, int64_t q_var)
{
    struct pointing *pointing = user;
    int32_t number = bus_number(&pointing->plan.point, bus);
    if (number >= 0) {
        pointing->dispatched_p[number] += p_w;
        pointing->dispatched_q[number] += q_var;
    }
}

/* A bus's value in a period becomes a number where it was the network's own. */
static void add_to(struct pointing *pointing, int64_t bus, int64_t period, int64_t change_w)
{
    struct fg_grid_point *point = &pointing->plan.point;
    int64_t p_w, q_var, t = period - point->first_period;
    if (bus < 0 || bus >= point->bus_count || t < 0 || t >= point->period_count ||
        !fg_grid_model_own(pointing->model, point->buses[bus], &p_w, &q_var))
        return;
    int64_t *cell = &point->p_w[t * point->bus_count + bus];
    *cell = (*cell == FG_GRID_OWN ? p_w : *cell) + change_w;
}

/* Trades of active energy; those of auctions too, for an earlier one may hold for the same periods. */
static enum fg_code add_trades(struct pointing *pointing, struct fg_store *store, struct fg_error *err)
{
    const struct auction_book *book = pointing->book;
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(store, &sql, err,
                                 "SELECT period, regulation, kind, sell_bus, buy_bus, quantity_w FROM book_trade WHERE area_id = $1 "
                                 "AND period >= $2 AND period < $3 AND product = $4 AND conditional = 0 AND quantity_w > 0",
                                 "iiii", book->area, (int64_t)book->first_period, (int64_t)book->first_period + book->period_count,
                                 (int64_t)FG_PRODUCT_ACTIVE);
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        int64_t period = fg_sql_column_int64(sql, 0),
                change_w = fg_sql_column_int64(sql, 1) == FG_REGULATION_UP ? fg_sql_column_int64(sql, 5)
                                                                            : -fg_sql_column_int64(sql, 5);
        add_to(pointing, fg_sql_column_int64(sql, 3), period, change_w);
        if (fg_sql_column_int64(sql, 2) == FG_REQUEST_EXCHANGE)
            add_to(pointing, fg_sql_column_int64(sql, 4), period, -change_w);
    }
    return code;
}

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value, 6, 0, text));
}

static void put_values(struct fg_json_writer *out, const char *key, const struct pointing *pointing, const int64_t *cells,
                       int32_t bus, int64_t own, int64_t dispatched)
{
    const struct fg_grid_point *point = &pointing->plan.point;
    fg_json_begin_row(out, key);
    for (int32_t t = 0; t < point->period_count; t++) {
        int64_t value = cells[(int64_t)t * point->bus_count + bus];
        put_decimal(out, NULL, (value == FG_GRID_OWN ? own : value) - dispatched);
    }
    fg_json_end_array(out);
}

static void put_baselines(struct fg_json_writer *out, const struct pointing *pointing)
{
    const struct fg_grid_point *point = &pointing->plan.point;
    fg_json_begin_array(out, "baselines");
    for (int32_t b = 0; b < point->bus_count; b++) {
        int64_t p_w, q_var;
        bool says_p = false, says_q = false;
        for (int32_t t = 0; t < point->period_count; t++) {
            says_p = says_p || point->p_w[(int64_t)t * point->bus_count + b] != FG_GRID_OWN;
            says_q = says_q || point->q_var[(int64_t)t * point->bus_count + b] != FG_GRID_OWN;
        }
        if ((!says_p && !says_q) || !fg_grid_model_own(pointing->model, point->buses[b], &p_w, &q_var))
            continue;
        fg_json_begin_row_object(out, NULL);
        fg_json_put_string(out, "bus", point->buses[b]);
        put_values(out, "p", pointing, point->p_w, b, p_w, pointing->dispatched_p[b]);
        if (says_q)
            put_values(out, "q", pointing, point->q_var, b, q_var, pointing->dispatched_q[b]);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

/* Switch states, outages and temporary limits, in their order; those of elements that the network does not have are passed over, as
 * in continuous trading. */
static void put_conditions(struct fg_json_writer *out, const struct pointing *pointing)
{
    const struct fg_grid_point *point = &pointing->plan.point;
    char start[FG_INSTANT_TEXT];
    fg_json_begin_array(out, "conditions");
    for (size_t i = 0; i < point->condition_count; i++) {
        const struct fg_grid_condition *c = &point->conditions[i];
        if (!fg_grid_model_has(pointing->model, c->kind, c->element))
            continue;
        fg_json_begin_row_object(out, NULL);
        fg_json_put_string(out, "kind", fg_grid_condition_words[c->kind]);
        fg_json_put_string(out, "element", c->element);
        if (c->kind == FG_GRID_SWITCH)
            fg_json_put_bool(out, "closed", c->is_closed);
        if (c->kind == FG_GRID_RATING)
            put_decimal(out, "rating", c->limit[0]);
        if (c->kind == FG_GRID_VOLTAGE)
            put_decimal(out, "vm_min", c->limit[0]);
        if (c->kind == FG_GRID_VOLTAGE && c->limit[1] <= 10 * (int64_t)FG_FRACTION_ONE)
            put_decimal(out, "vm_max", c->limit[1]);
        fg_json_put_string(out, "start", fg_instant_format((int64_t)c->first_period * pointing->book->period_s, start));
        fg_json_put_integer(out, "periods", c->end_period - c->first_period);
        fg_json_end_object(out);
    }
    fg_json_end_array(out);
}

/* What the clearing cannot take into account must not be passed over in silence. */
static enum fg_code check_point(const struct pointing *pointing, struct fg_error *err)
{
    const struct fg_grid_point *point = &pointing->plan.point;
    int32_t blocked = 0;
    for (int32_t t = 0; t < point->period_count; t++)
        blocked += point->check[t] == FG_GRID_BLOCKED;
    if (blocked > 0)
        return fg_fail(err, FG_ERR_CONFLICT, NULL,
                       "a required source has given no operating point for %d of the periods; enter it and clear again", (int)blocked);
    return FG_OK;
}

enum fg_code auction_put_point(struct fg_store *store, struct fg_json_writer *out, const struct auction_book *book,
                               int64_t now_us, struct fg_error *err)
{
    struct pointing pointing = {.book = book};
    struct fg_text content;
    char format[FG_NETWORK_FORMAT];
    fg_text_init(&content);
    fg_arena_init(&pointing.plan.arena);
    enum fg_code code = fg_network_model_load(store, book->network, &pointing.model, err);
    if (code == FG_OK)
        code = fg_network_plan_gather(store, book->area, book->period_s, book->first_period, book->first_period + book->period_count,
                                      pointing.model, "ac", book->network, now_us, &pointing.plan, err);
    if (code == FG_OK)
        code = check_point(&pointing, err);
    size_t buses = (size_t)pointing.plan.point.bus_count + 1;
    pointing.dispatched_p = fg_alloc(buses, sizeof *pointing.dispatched_p);
    pointing.dispatched_q = fg_alloc(buses, sizeof *pointing.dispatched_q);
    if (code == FG_OK && (pointing.dispatched_p == NULL || pointing.dispatched_q == NULL))
        code = fg_fail_memory(err);
    if (code == FG_OK)
        code = fg_network_content(store, book->network, &content, format, err);
    if (code == FG_OK) {
        struct fg_service_network given = {content.data, content.length, format};
        code = fg_service_dispatched(&given, take_dispatched, &pointing, err);
    }
    if (code == FG_OK)
        code = add_trades(&pointing, store, err);
    if (code == FG_OK) {
        put_baselines(out, &pointing);
        put_conditions(out, &pointing);
    }
    fg_free(pointing.dispatched_p);
    fg_free(pointing.dispatched_q);
    fg_text_release(&content);
    fg_network_plan_release(&pointing.plan);
    fg_grid_model_release(pointing.model);
    return code;
}
