/* Independent clearing of one period of a small market, for comparison: plain orders with one price on a radial network
 * under LinDistFlow (Baran and Wu, IEEE Trans. Power Delivery 4(2), 1989, losses left out), written down as a linear
 * program whose apparent-power limits are tangent cuts added until none is violated. Shares nothing with the clearing
 * but the market's data. */
#ifndef FG_TESTS_MARKET_REFERENCE_H
#define FG_TESTS_MARKET_REFERENCE_H

#include "grid/network.h"
#include "market/auction.h"

struct fg_reference_result {
    double welfare; /* value of requests less cost of offers, per hour */
    int binding_lines, binding_voltages;
    int rounds; /* of cuts */
};

/* `with_grid` false: balance and matching only. `accepted` has one double (MW) per order, or is NULL. Fails with
 * FG_ERR_UNSUPPORTED outside the scope above and FG_ERR_NUMERIC when the program has no optimum. */
enum fg_code fg_reference_lindistflow(const struct fg_network *network, const struct fg_market *market, int32_t period,
                                      bool with_grid, double *accepted, struct fg_reference_result *result,
                                      struct fg_error *err);

#endif
