/* The platform's side of the interface to balancing markets (docs/gateway.md). An adapter to a real market speaks the other
 * side. Every call may be repeated: bids and answers have keys, withdrawals name the reference. Thread rule: any thread. */
#ifndef FG_GATEWAY_MARKET_CLIENT_H
#define FG_GATEWAY_MARKET_CLIENT_H

#include "gateway/forward.h"
#include "gateway/http_client.h"

struct fg_market_link {
    const struct fg_http_policy *policy;
    const char *url, *key;   /* base address; API key */
    const atomic_bool *stop; /* may be NULL */
};

struct fg_market_bid {
    const char *reference, *control_area, *zone, *brp; /* brp NULL: not known */
    enum fg_regulation regulation;
    int64_t start_s, duration_s, quantity_w, least_w, price_u;
};
/* FG_OK: `market_bid` is the market's number. FG_ERR_VALUE: it will not take this bid, `err` says why. Other codes: try again. */
enum fg_code fg_market_bid_send(const struct fg_market_link *link, const struct fg_market_bid *bid,
                                char market_bid[FG_MARKET_ID_TEXT], struct fg_error *err);
/* `is_unknown`: the market has never seen the reference, and will refuse it from now on; else a result tells the end. */
enum fg_code fg_market_withdraw(const struct fg_market_link *link, const char *reference, bool *is_unknown, struct fg_error *err);

#define FG_MARKET_RESULTS_MAX 200
struct fg_market_results {
    struct fg_market_result items[FG_MARKET_RESULTS_MAX]; /* `reason` points into `reasons` */
    char reasons[FG_MARKET_RESULTS_MAX][201];
    size_t count;
};
enum fg_code fg_market_read_results(const struct fg_market_link *link, int64_t after, struct fg_market_results *results,
                                    struct fg_error *err);
/* FG_ERR_VALUE: the market does not take the answer (it has another one). */
enum fg_code fg_market_confirm(const struct fg_market_link *link, const char *activation, int64_t confirmed_w, const char *reason,
                               struct fg_error *err);

#endif
