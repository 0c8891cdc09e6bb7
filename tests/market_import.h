/* Published local flexibility markets as network and market, for tests and benchmarks. The data are read from the
 * folder given (FG_SHARED_DIR/data/market); a missing folder is FG_ERR_IO. The caller destroys both. */
#ifndef FG_TESTS_MARKET_IMPORT_H
#define FG_TESTS_MARKET_IMPORT_H

#include "grid/network.h"
#include "market/auction.h"

/* dtu15: 15-bus feeder, three periods of an hour, bids for P and Q, all requests of kind exchange (after E. Prat et
 * al., arXiv 2012.00505). Impedances are per unit on 1 MVA, the column "susceptance" is reactance; powers are MW with
 * injection positive; bus n1 is the slack. Physics LinDistFlow, P and Q closed, accepted offers = accepted requests.
 * The headroom of each line over its lossless flow at the set-points is multiplied by `headroom` (1: as published; with
 * less, lines begin to bind, and the set-points stay feasible). */
enum fg_code fg_import_dtu15(const char *folder, double headroom, struct fg_network **network,
                             struct fg_market **market, struct fg_error *err);

/* lfm15: the continuous market of the same authors as an auction: one period of an hour, active power only, DC, closed
 * and matched; conditional requests count as requests. Their published continuous matching trades a welfare of 0.77. */
enum fg_code fg_import_lfm15(const char *folder, struct fg_network **network, struct fg_market **market,
                             struct fg_error *err);

/* lfm_cyprus_cigre: CIGRE MV (TB 575) with secondary substations below the MV loads, 24 hours of the base or stress day
 * and 14 bidders with hourly offers of load reduction. Import at the wholesale price when `with_wholesale`, else free.
 */
enum fg_code fg_import_cyprus(const char *folder, bool stress, bool with_wholesale, struct fg_network **network,
                              struct fg_market **market, struct fg_error *err);

#endif
