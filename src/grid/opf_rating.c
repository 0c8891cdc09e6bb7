#include "grid/opf_internal.h"

#include <math.h>

/* The magnitude is smoothed at the origin; the same smoothing in the limit leaves no bias where it binds. */
static const double SMOOTHING = 1e-2;

double fg_opf_rating_limit(double rate, bool elastic)
{
    return elastic ? rate * sqrt(1 + SMOOTHING * SMOOTHING) : rate;
}

struct opf_rating fg_opf_rating_of(double p, double q, double rate, bool elastic)
{
    if (!elastic)
        return (struct opf_rating){ (p * p + q * q) / rate, 2 * p / rate, 2 * q / rate, 2 / rate, 0, 2 / rate };
    double size = sqrt(p * p + q * q + rate * rate * SMOOTHING * SMOOTHING), cube = size * size * size;
    return (struct opf_rating){ size,
                                p / size,
                                q / size,
                                1 / size - p * p / cube,
                                -p * q / cube,
                                1 / size - q * q / cube };
}

bool fg_opf_edge_is_rated(const struct opf_block *block, int32_t edge)
{
    return isfinite(block->rate_mva[edge]);
}

bool fg_opf_edge_by_current(const struct opf_block *block, int32_t edge)
{
    return block->topology->network->branches[block->topology->edges[edge].branch].rating_kind == FG_RATING_CURRENT;
}
