#include "market/order.h"

__extension__ typedef __int128 wide;

const char *const fg_side_words[] = {"sell", "buy", NULL};
const char *const fg_product_words[] = {"active", "reactive", "active_reserve", "reactive_reserve", NULL};
const char *const fg_regulation_words[] = {"up", "down", "both", NULL};
const char *const fg_request_kind_words[] = {"none", "need", "exchange", NULL};
const char *const fg_group_kind_words[] = {"exclusive_one", "exclusive_sum", "multipart", NULL};

bool fg_order_has_one_fraction(const struct fg_order *order)
{
    return order->block || order->period_count == 1;
}

int fg_order_injection_sign(const struct fg_order *order)
{
    if (order->kind == FG_REQUEST_NEED)
        return 0;
    int sign = order->regulation == FG_REGULATION_UP ? 1 : -1;
    return order->side == FG_SIDE_SELL ? sign : -sign;
}

enum fg_code fg_order_limit_money(const struct fg_order *order, struct fg_power accepted, int64_t seconds,
                                  struct fg_money *out, struct fg_error *err)
{
    const wide ws_per_mwh = (wide)3600 * 1000000;
    int64_t below = 0;
    wide sum = 0; /* W x s x micro-units per MWh; below 2^40 x 2^22 x 2^40 for a market within its bounds */
    if (accepted.w < 0 || seconds < 0)
        return fg_fail(err, FG_ERR_ARGUMENT, order->place, "accepted quantity and duration must not be negative");
    for (int32_t k = 0; k < order->point_count && below < accepted.w; k++) {
        int64_t up_to = order->points[k].up_to.w < accepted.w ? order->points[k].up_to.w : accepted.w;
        if (up_to > below) {
            sum += (wide)(up_to - below) * order->points[k].price.uper_mwh * seconds;
            below = up_to;
        }
    }
    if (below < accepted.w)
        return fg_fail(err, FG_ERR_ARGUMENT, order->place, "accepted quantity of order %s is above its price curve",
                       order->id);
    wide rounded = (sum + (sum < 0 ? -ws_per_mwh / 2 : ws_per_mwh / 2)) / ws_per_mwh;
    if (rounded > INT64_MAX || rounded < -INT64_MAX)
        return fg_fail(err, FG_ERR_OVERFLOW, order->place, "money of order %s is beyond 64 bits; split the order",
                       order->id);
    out->u = (int64_t)rounded;
    return FG_OK;
}

struct fg_price fg_order_marginal_price(const struct fg_order *order, struct fg_power accepted)
{
    int32_t k = 0;
    while (k + 1 < order->point_count && order->points[k].up_to.w < accepted.w)
        k++;
    return order->points[k].price;
}
