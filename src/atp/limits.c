#include "atp/limits.h"

#include "atp/id.h"
#include "atp/query.h"

static void put_decimal(struct fg_json_writer *out, const char *key, int64_t value_u)
{
    char text[FG_DECIMAL_MAX];
    fg_json_put_string(out, key, fg_decimal_format(value_u, 6, 0, text));
}

void fg_limit_put(struct fg_json_writer *out, const struct fg_book_limit *limit)
{
    char id[FG_ID_TEXT];
    if (limit->participant >= 0)
        fg_json_put_string(out, "organisation", fg_id_text(FG_ID_ORGANISATION, limit->participant, id));
    if (limit->product >= 0)
        fg_json_put_string(out, "product", fg_product_words[limit->product]);
    if (limit->regulation >= 0)
        fg_json_put_string(out, "regulation", fg_regulation_words[limit->regulation]);
    if (limit->has_price) {
        put_decimal(out, "price_min", limit->price_min.uper_mwh);
        put_decimal(out, "price_max", limit->price_max.uper_mwh);
    }
    if (limit->has_band) {
        put_decimal(out, "band", limit->band.uper_mwh);
        put_decimal(out, "reference", limit->reference.uper_mwh);
    }
    if (limit->size_max.w >= 0)
        put_decimal(out, "size_max", limit->size_max.w);
    if (limit->orders_max >= 0)
        fg_json_put_integer(out, "orders_max", limit->orders_max);
    if (limit->exposure_max.u >= 0)
        put_decimal(out, "exposure_max", limit->exposure_max.u);
}

enum fg_code fg_settled_before(struct fg_store *store, int64_t area, int32_t from, int32_t *period, struct fg_error *err)
{
    int64_t first;
    *period = from;
    enum fg_code code = fg_query_number(store, &first, err,
                                        "SELECT t.period FROM book_trade t WHERE t.area_id = $1 AND t.period >= $2 AND t.quantity_w "
                                        "> 0 AND NOT EXISTS (SELECT 1 FROM settlement_trade s JOIN settlement_run r ON r.id = "
                                        "s.run_id WHERE s.trade_id = t.id AND r.area_id = t.area_id AND r.status = 'released') "
                                        "ORDER BY t.period LIMIT 1",
                                        "ii", area, (int64_t)from);
    if (code == FG_ERR_NOT_FOUND) /* all are settled: up to the last trade */
        code = fg_query_number(store, &first, err,
                               "SELECT COALESCE(MAX(period) + 1, $2) FROM book_trade WHERE area_id = $1 AND period >= $2", "ii",
                               area, (int64_t)from);
    if (code == FG_OK && first > from)
        *period = (int32_t)first;
    return code;
}
