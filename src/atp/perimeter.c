#include "atp/perimeter.h"

#include "atp/balance.h"
#include "atp/query.h"
#include "base/memory.h"

/* Parties of the portfolio's assets with their weights. */
static enum fg_code asset_parties(struct fg_store *store, const struct fg_perimeter_trade *trade, int64_t *parties,
                                  int64_t *weights, size_t *count, struct fg_error *err)
{
    struct fg_sql *sql;
    bool row;
    enum fg_code code = fg_query(
        store, &sql, err,
        "SELECT b.brp_id, s.p_min_w, s.p_max_w FROM portfolio_asset m JOIN asset s ON s.id = m.asset_id JOIN brp_assignment b ON "
        "b.asset_id = s.id AND b.valid_from_us <= $2 AND (b.valid_until_us IS NULL OR b.valid_until_us > $2) WHERE "
        "m.portfolio_id = $1 AND m.valid_from_us <= $2 AND (m.valid_until_us IS NULL OR m.valid_until_us > $2) ORDER BY 1",
        "ii", trade->portfolio, trade->period * trade->period_s * 1000000);
    *count = 0;
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        int64_t party = fg_sql_column_int64(sql, 0), range = fg_sql_column_int64(sql, 2) - fg_sql_column_int64(sql, 1);
        if (*count == 0 || parties[*count - 1] != party) {
            if (*count == FG_PERIMETER_MOVES_MAX) {
                fg_sql_done(sql);
                return fg_fail(err, FG_ERR_TOO_LARGE, NULL, "a portfolio has assets of more than %d balance responsible parties",
                               FG_PERIMETER_MOVES_MAX);
            }
            parties[*count] = party;
            weights[(*count)++] = 0;
        }
        if ((code = fg_add(weights[*count - 1], range > 0 ? range : 1, &weights[*count - 1], err)) != FG_OK)
            fg_sql_done(sql);
    }
    return code;
}

enum fg_code fg_perimeter_split(struct fg_store *store, const struct fg_perimeter_trade *trade, struct fg_energy energy,
                                struct fg_perimeter_move *moves, size_t *count, struct fg_error *err)
{
    int64_t parties[FG_PERIMETER_MOVES_MAX], weights[FG_PERIMETER_MOVES_MAX], parts[FG_PERIMETER_MOVES_MAX], to = 0;
    size_t found = 0;
    *count = 0;
    enum fg_code code = asset_parties(store, trade, parties, weights, &found, err);
    if (code == FG_OK)
        code = fg_balance_party(store, trade->area, trade->kind == FG_REQUEST_EXCHANGE ? trade->buyer : trade->seller,
                                trade->period * trade->period_s * 1000000, &to, err);
    if (code != FG_OK || found == 0 || to == 0 || energy.ws == 0)
        return code;
    int64_t size = energy.ws < 0 ? -energy.ws : energy.ws;
    code = fg_split(size, weights, found, parts, err);
    for (size_t i = 0; code == FG_OK && i < found; i++)
        if (parties[i] != to && parts[i] != 0)
            moves[(*count)++] = (struct fg_perimeter_move){parties[i], to, {energy.ws < 0 ? -parts[i] : parts[i]}};
    return code;
}

struct trade_row {
    struct fg_perimeter_trade trade;
    struct fg_energy energy;
};

enum fg_code fg_perimeter_changes(struct fg_registry *registry, int64_t area, int64_t after, int64_t limit, int64_t *last,
                                  void (*take)(void *context, const struct fg_perimeter_change *change), void *context,
                                  struct fg_error *err)
{
    struct fg_sql *sql;
    struct trade_row *rows = NULL;
    size_t count = 0, capacity = 0;
    bool row;
    enum fg_code code = fg_query(registry->store, &sql, err,
                                 "SELECT t.id, t.seller_id, t.buyer_id, t.portfolio_id, t.period, t.kind, t.regulation, "
                                 "t.quantity_w, a.period_s FROM book_trade t JOIN area a ON a.id = t.area_id WHERE t.area_id = $1 "
                                 "AND t.id > $2 AND t.product = 0 ORDER BY t.id LIMIT $3",
                                 "iii", area, after, limit);
    *last = 0;
    while (code == FG_OK && (code = fg_sql_next(sql, &row, err)) == FG_OK && row) {
        if (fg_grow((void **)&rows, count, &capacity, sizeof *rows) != 0) {
            fg_sql_done(sql);
            code = fg_fail_memory(err);
            break;
        }
        struct trade_row *next = &rows[count++];
        next->trade = (struct fg_perimeter_trade){.area = area,
                                                  .id = fg_sql_column_int64(sql, 0),
                                                  .seller = fg_sql_column_int64(sql, 1),
                                                  .buyer = fg_sql_column_int64(sql, 2),
                                                  .portfolio = fg_sql_column_int64(sql, 3),
                                                  .period = fg_sql_column_int64(sql, 4),
                                                  .period_s = fg_sql_column_int64(sql, 8),
                                                  .kind = (enum fg_request_kind)fg_sql_column_int64(sql, 5)};
        struct fg_power quantity = {fg_sql_column_int64(sql, 7)};
        bool is_down = fg_sql_column_int64(sql, 6) == FG_REGULATION_DOWN;
        if ((code = fg_energy_of(quantity, next->trade.period_s, &next->energy, err)) != FG_OK)
            fg_sql_done(sql);
        next->energy.ws = is_down ? -next->energy.ws : next->energy.ws;
    }
    int64_t party = fg_registry_party(registry);
    for (size_t i = 0; code == FG_OK && i < count; i++) {
        struct fg_perimeter_move moves[FG_PERIMETER_MOVES_MAX];
        size_t move_count;
        code = fg_perimeter_split(registry->store, &rows[i].trade, rows[i].energy, moves, &move_count, err);
        for (size_t k = 0; code == FG_OK && k < move_count; k++)
            if (fg_registry_sees_all(registry) || moves[k].from == party || moves[k].to == party)
                take(context, &(struct fg_perimeter_change){rows[i].trade, moves[k]});
    }
    if (code == FG_OK && (int64_t)count == limit)
        *last = rows[count - 1].trade.id;
    fg_free(rows);
    return code;
}
