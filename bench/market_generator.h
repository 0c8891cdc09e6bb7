/* Seeded markets for measuring the clearing, on any radial network: load with an evening peak and photovoltaics at noon
 * are scaled until the lowest voltage falls under the band in the evening and the highest rises over it at noon, and
 * ratings are set on inner branches so that they are exceeded in part of the periods. Same seed, same market. */
#ifndef FG_BENCH_MARKET_GENERATOR_H
#define FG_BENCH_MARKET_GENERATOR_H

#include "grid/network.h"
#include "market/auction.h"

#include <stdint.h>

struct bench_market {
    uint64_t seed;
    int32_t periods, period_s;
    int32_t orders;
    double block_share;          /* of the orders */
    int64_t tick_w;
    double depth_pu;             /* by how much the baseline leaves the band on either side */
    double vm_min_pu, vm_max_pu; /* band of the market */
    int32_t rated_branches;
    double rating_of_peak;       /* a rating is at least this share of its branch's largest flow */
    enum fg_market_physics physics;
};

/* The caller destroys *market. FG_ERR_NUMERIC when no scaling brings the network to its limits. */
enum fg_code bench_market_generate(const struct fg_network *network, const struct bench_market *spec,
                                   struct fg_market **market, struct fg_error *err);

#endif
