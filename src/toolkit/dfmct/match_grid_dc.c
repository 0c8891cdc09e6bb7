/* The direct-current check: per period and line an upper and a lower envelope of the flow, as in match_network.h, with the
 * factors of a bus as a list (in a tree the path to the source). */
#include "toolkit/dfmct/match_grid_internal.h"

#include <math.h>

/* Factors below this are rounding of the factorisation; ratings are met exactly within half a watt. */
#define FACTOR_MIN 1e-9
#define SLACK_W 0.5

/* Change of flow per watt of the trade, into match->factor at the branches listed in match->touched. */
static int32_t gather(struct fg_match_grid *match, const struct fg_distribution *distribution, const struct grid_moves *moves)
{
    int32_t count = 0;
    for (int32_t m = 0; m < moves->count; m++) {
        int32_t bus = moves->at[m].bus;
        for (size_t k = bus >= 0 ? distribution->start[bus] : 0; bus >= 0 && k < distribution->start[bus + 1]; k++) {
            int32_t branch = distribution->branch[k];
            if (match->factor[branch] == 0)
                match->touched[count++] = branch;
            match->factor[branch] += moves->at[m].sign * distribution->factor[k];
            if (fabs(match->factor[branch]) < FACTOR_MIN) /* listed; kept apart from "not listed" */
                match->factor[branch] = 0.1 * FACTOR_MIN;
        }
    }
    return count;
}

static double take_factor(struct fg_match_grid *match, int32_t branch)
{
    double factor = match->factor[branch];
    match->factor[branch] = 0;
    return fabs(factor) < FACTOR_MIN ? 0 : factor;
}

double grid_dc_most(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                    const struct grid_moves *moves, double wanted_w)
{
    const struct grid_variant *variant = &match->state->variants[period->variant];
    int32_t count = gather(match, variant->distribution, moves);
    double most = wanted_w;
    for (int32_t i = 0; i < count; i++) {
        int32_t branch = match->touched[i];
        double change = take_factor(match, branch), rating = variant->network->branches[branch].rate_normal_mva;
        if (change == 0 || rating == INFINITY)
            continue;
        double room = change > 0 ? rating - (period->flow_mw[branch] + slot->high_mw[branch])
                                 : rating + (period->flow_mw[branch] + slot->low_mw[branch]);
        most = fmin(most, fmax(0, room * 1e6 + SLACK_W) / fabs(change));
    }
    return most;
}

void grid_dc_move(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period,
                  const struct grid_moves *moves, bool conditional, double quantity_w)
{
    const struct grid_variant *variant = &match->state->variants[period->variant];
    int32_t count = gather(match, variant->distribution, moves);
    for (int32_t i = 0; i < count; i++) {
        int32_t branch = match->touched[i];
        double per_watt = take_factor(match, branch);
        if (!conditional || per_watt > 0)
            slot->high_mw[branch] += per_watt * quantity_w * 1e-6;
        if (!conditional || per_watt < 0)
            slot->low_mw[branch] += per_watt * quantity_w * 1e-6;
    }
}

bool grid_dc_derive(struct fg_match_grid *match, struct grid_slot *slot, const struct grid_period *period)
{
    if (slot->low_mw == NULL)
        slot->low_mw = fg_alloc(match->branch_count, sizeof *slot->low_mw);
    if (slot->high_mw == NULL)
        slot->high_mw = fg_alloc(match->branch_count, sizeof *slot->high_mw);
    if (slot->low_mw == NULL || slot->high_mw == NULL)
        return false;
    for (size_t i = 0; i < match->branch_count; i++)
        slot->low_mw[i] = slot->high_mw[i] = 0;
    for (int32_t number = 0; number < slot->number_count; number++) {
        if (slot->p_w[number] == 0 || number >= match->state->number_count)
            continue;
        struct grid_moves moves = {.at = {{number, match->state->bus_of_number[number], 1}}, .count = 1};
        grid_dc_move(match, slot, period, &moves, false, (double)slot->p_w[number]);
    }
    for (size_t i = 0; i < slot->pair_count; i++) {
        const struct grid_pair *pair = &slot->pairs[i];
        struct fg_book_flow flow = {.regulation = pair->regulation, .sell_bus = pair->sell, .buy_bus = pair->buy,
                                    .kind = pair->buy >= 0 ? FG_REQUEST_EXCHANGE : FG_REQUEST_NEED};
        struct grid_moves moves = grid_moves_of(match, &flow);
        if (!pair->is_reactive)
            grid_dc_move(match, slot, period, &moves, true, (double)pair->quantity_w);
    }
    return true;
}

bool grid_dc_is_broken(struct fg_match_grid *match, const struct grid_slot *slot, const struct grid_period *period, int32_t bus)
{
    const struct grid_variant *variant = &match->state->variants[period->variant];
    const struct fg_distribution *distribution = variant->distribution;
    for (size_t k = distribution->start[bus]; k < distribution->start[bus + 1]; k++) {
        int32_t branch = distribution->branch[k];
        double rating = variant->network->branches[branch].rate_normal_mva + 1e-6 * SLACK_W;
        if (period->flow_mw[branch] + slot->high_mw[branch] > rating || period->flow_mw[branch] + slot->low_mw[branch] < -rating)
            return true;
    }
    return false;
}
